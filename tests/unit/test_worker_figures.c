/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_worker_figures.c - histograms of a worker's busy turns: one value a turn, one an answer, and
 * with acknowledge: commit those that waited with the time that they waited */
#include "worker_device.h"

enum { ANSWERS, TURNS, FRAMES, HISTOGRAMS };

struct seen {
	uint64_t count[HISTOGRAMS], sum[HISTOGRAMS];
	uint64_t buckets[HISTOGRAMS][TURN_HISTOGRAM_BUCKETS];
};

static struct seen look(struct rig *rig)
{
	struct histogram_view views[WORKER_HISTOGRAMS_MAX];
	struct seen seen = {0};

	assert_int_equal(worker_histograms(rig->worker, views), HISTOGRAMS);
	assert_string_equal(views[ANSWERS].name, "answer_seconds");
	assert_string_equal(views[TURNS].name, "turn_seconds");
	assert_string_equal(views[FRAMES].name, "turn_frames");
	for (unsigned i = 0; i < HISTOGRAMS; i++) {
		assert_true(views[i].count < TURN_HISTOGRAM_BUCKETS);
		assert_true(strlen(views[i].help) > 8);
		seen.sum[i] = views[i].values->sum;
		for (unsigned j = 0; j <= views[i].count; j++) {
			seen.buckets[i][j] = views[i].values->buckets[j];
			seen.count[i] += views[i].values->buckets[j];
		}
	}
	return seen;
}

static uint64_t busy_turns(struct rig *rig)
{
	struct turn_view turns;

	worker_turns(rig->worker, &turns);
	return turns.busy_turns;
}

static void report(struct gadget *g)
{
	queue_request(g, 2006, ++g->side.sequence);
}

/* One of each in a turn that is busy; nothing in an idle one. */
static void test_busy_turns_only(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);
	struct seen before, after;
	uint64_t turns;

	live_udp(&a, 40001);
	turns = busy_turns(rig);
	before = look(rig);
	assert_int_equal(before.count[TURNS], turns);
	assert_int_equal(before.count[FRAMES], turns);
	assert_false(rig_turn(rig));
	after = look(rig);
	assert_memory_equal(&before, &after, sizeof(before));
	good_request(&a, 2006);
	after = look(rig);
	assert_int_equal(after.count[TURNS], before.count[TURNS] + 1);
	assert_int_equal(after.count[FRAMES], before.count[FRAMES] + 1);
	assert_int_equal(after.sum[FRAMES], before.sum[FRAMES] + 1);
	assert_int_equal(after.count[ANSWERS], before.count[ANSWERS] + 1);
	assert_true(after.sum[ANSWERS] > before.sum[ANSWERS]);
	assert_true(
		after.sum[TURNS] - before.sum[TURNS] == after.sum[ANSWERS] - before.sum[ANSWERS]);
	assert_int_equal(busy_turns(rig), after.count[TURNS]);
}

/* Every answer weighs, those of one turn alike. */
static void test_every_answer_weighs(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);
	struct seen before, after;
	unsigned buckets = 0;

	live_udp(&a, 40001);
	before = look(rig);
	for (unsigned i = 0; i < 5; i++)
		report(&a);
	rig_turn(rig);
	after = look(rig);
	assert_int_equal(after.count[ANSWERS], before.count[ANSWERS] + 5);
	assert_int_equal(after.count[TURNS], before.count[TURNS] + 1);
	assert_int_equal(after.sum[FRAMES], before.sum[FRAMES] + 5);
	assert_int_equal(after.buckets[FRAMES][4], before.buckets[FRAMES][4] + 1); /* 5..8 */
	for (unsigned i = 0; i < TURN_HISTOGRAM_BUCKETS; i++)
		buckets += after.buckets[ANSWERS][i] == before.buckets[ANSWERS][i] + 5;
	assert_int_equal(buckets, 1);
	for (unsigned i = 0; i < 5; i++)
		expect_answer(&a, 2007, 0);
}

/* A frame that is dropped has no answer, and is a frame of its turn all the same. */
static void test_silence_is_no_answer(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);
	struct seen before, after;

	live_udp(&a, 40001);
	before = look(rig);
	datagram_queue(
		rig, 40001, "CTS{\"code\":2006,\"data\":\"not this\",\"token\":\"nor\"}\r\n", 51);
	rig_turn(rig);
	after = look(rig);
	assert_int_equal(after.count[ANSWERS], before.count[ANSWERS]);
	assert_int_equal(after.count[FRAMES], before.count[FRAMES] + 1);
}

static int setup_commit(void **state)
{
	struct rig *rig = rig_make_team(1);

	rig->broker.config.feed.acknowledge = ACKNOWLEDGE_COMMIT;
	rig->broker.config.feed.bytes = 1 << 20;
	rig->broker.config.mc.udp_gap = 0;
	rig_start(rig);
	*state = rig;
	return 0;
}

/* Answers that took more than @ns, a bound. */
static uint64_t grown_from(const struct seen *before, const struct seen *after, uint64_t ns)
{
	uint64_t grown = 0;

	for (unsigned i = 1; i <= TURN_HISTOGRAM_TIMES; i++) {
		if (turn_histogram_time_bounds[i - 1] >= ns)
			grown += after->buckets[ANSWERS][i] - before->buckets[ANSWERS][i];
	}
	return grown;
}

/* An answer that waits for a commit has waited since its request's turn. */
static void test_commit_is_waited_for(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);
	struct hearth_item item;
	struct seen before, after;
	unsigned taken = 0;

	live_udp(&a, 40001);
	while (hearth_feed_next(rig->reader, &item) == 1)
		;
	hearth_feed_commit(rig->reader);
	rig_turn(rig);
	before = look(rig);
	report(&a);
	report(&a);
	rig_turn(rig);
	after = look(rig);
	assert_int_equal(after.count[ANSWERS], before.count[ANSWERS]);
	rig_pass(rig, 4000000, 4000000);
	report(&a);
	rig_turn(rig);
	while (hearth_feed_next(rig->reader, &item) == 1)
		taken++;
	assert_int_equal(taken, 3);
	hearth_feed_commit(rig->reader);
	rig_set_clock(rig, rig->clock.us + 2010000);
	rig_turn(rig);
	after = look(rig);
	assert_int_equal(after.count[ANSWERS], before.count[ANSWERS] + 3);
	/* 6.01 s and 2.01 s, and what this turn takes, which may be anything */
	assert_int_equal(grown_from(&before, &after, 5000000000), 2);
	assert_int_equal(grown_from(&before, &after, 2000000000), 3);
	assert_true(after.sum[ANSWERS] - before.sum[ANSWERS] >= 2 * 6010000000 + 2010000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_busy_turns_only, rig_setup_new, rig_teardown),
		cmocka_unit_test_setup_teardown(
			test_every_answer_weighs, rig_setup_new, rig_teardown),
		cmocka_unit_test_setup_teardown(
			test_silence_is_no_answer, rig_setup_new, rig_teardown),
		cmocka_unit_test_setup_teardown(
			test_commit_is_waited_for, setup_commit, rig_teardown)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
