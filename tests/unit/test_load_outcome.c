/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_load_outcome.c - what is thought of a trial, and what the broker said meanwhile */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "histogram.h"
#include "outcome.h"

#include <stdlib.h>
#include <string.h>

static const struct outcome_rules strict,
	late = {.late = true}, ends = {.late = true, .ends = true}, drowns = {.drowns = true},
	kernel = {.kernel = true};

/* A trial that was kept: nothing is missing. */
static struct outcome kept(void)
{
	struct outcome trial = {.offered = 1000,
		.result = {.offered = 2000,
			.sent = 2000,
			.sent_all = 3000,
			.answered = 2000,
			.delivered = 3000,
			.seconds = 2,
			.rate = 1000}};

	trial.result.cycles[LOAD_PART_WIRE] = 300;
	trial.result.cycles[LOAD_PART_IDLE] = 700;
	return trial;
}

static void test_kept(void **state)
{
	const struct outcome_rules *const rules[] = {&strict, &late, &ends, &drowns};

	for (unsigned i = 0; i < 4; i++) {
		struct outcome trial = kept();

		outcome_judge(&trial, rules[i]);
		assert_int_equal(trial.verdict, SEARCH_PASSED);
		assert_string_equal(trial.why, "");
		assert_true(trial.busy > 0.299 && trial.busy < 0.301);
		assert_true(trial.stolen == 0);
	}
}

/* Each thing that can be amiss, alone: under which rules it fails a trial. */
static void test_what_fails(void **state)
{
#define AT(member) offsetof(struct load_result, member)
	static const struct {
		size_t at;
		const char *why;
		bool strict, late, ends, drowns;
	} cases[] = {
		{AT(wrong[LOAD_BAD_EVENT]), "3 wrong", 1, 1, 1, 1},
		{AT(doubled), "3 came twice", 1, 1, 1, 1},
		{AT(lost), "3 acknowledged and lost", 1, 1, 1, 1},
		{AT(refused), "3 refused", 1, 1, 1, 0},
		{AT(failed), "3 answered by an error", 1, 1, 1, 1},
		{AT(unanswered), "3 unanswered", 1, 1, 0, 0},
		{AT(sender_drops), "3 not taken by the port", 1, 1, 1, 0},
		{AT(disconnected), "3 sessions ended", 1, 1, 0, 1},
		{AT(late), "0.15 % sent late", 1, 0, 0, 0},
		{AT(offline), "3 sessions ended by the platform", 1, 0, 0, 1},
		{AT(heartbeats_lost), "3 heartbeats unanswered", 1, 0, 0, 0},
		{AT(repeated), "3 sent again", 1, 0, 0, 0},
		{AT(relogins), NULL, 0, 0, 0, 0},
		{AT(skipped), NULL, 0, 0, 0, 0},
	};
	const struct outcome_rules *const rules[] = {&strict, &late, &ends, &drowns};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const bool fails[] = {
			cases[i].strict, cases[i].late, cases[i].ends, cases[i].drowns};

		for (unsigned r = 0; r < 4; r++) {
			struct outcome trial = kept();
			uint64_t three = 3;

			memcpy((char *)&trial.result + cases[i].at, &three, sizeof(three));
			outcome_judge(&trial, rules[r]);
			assert_int_equal(trial.verdict, fails[r] ? SEARCH_FAILED : SEARCH_PASSED);
			assert_string_equal(trial.why, fails[r] ? cases[i].why : "");
		}
	}
#undef AT
}

static void test_rate_not_kept(void **state)
{
	struct outcome trial = kept();

	trial.result.late = 2; /* 1 in 1,000 */
	outcome_judge(&trial, &strict);
	assert_int_equal(trial.verdict, SEARCH_PASSED);
	/* through the kernel some leave late, but the rate has to be kept */
	trial.result.late = 200;
	outcome_judge(&trial, &strict);
	assert_int_equal(trial.verdict, SEARCH_FAILED);
	outcome_judge(&trial, &kernel);
	assert_int_equal(trial.verdict, SEARCH_PASSED);
	trial.result.late = 2;
	trial.result.rate = 990;
	/* of what 2 % of the time were taken from the core for, the answers come later */
	trial.result.stolen_s = 0.04;
	outcome_judge(&trial, &strict);
	assert_int_equal(trial.verdict, SEARCH_PASSED);
	trial.result.rate = 974;
	outcome_judge(&trial, &strict);
	assert_string_equal(trial.why, "answered at 974/s only");
	trial.result.stolen_s = 0;
	trial.result.rate = 990;
	outcome_judge(&trial, &kernel);
	assert_string_equal(trial.why, "answered at 990/s only");
	outcome_judge(&trial, &strict);
	assert_int_equal(trial.verdict, SEARCH_FAILED);
	assert_string_equal(trial.why, "answered at 990/s only");
	outcome_judge(&trial, &late);
	assert_int_equal(trial.verdict, SEARCH_PASSED);

	trial = kept();
	trial.result.sent = trial.result.answered = 1998;
	outcome_judge(&trial, &strict);
	assert_int_equal(trial.verdict, SEARCH_PASSED);
	trial = kept();
	trial.result.sent = trial.result.answered = 1997;
	outcome_judge(&trial, &strict);
	assert_string_equal(trial.why, "3 never sent");

	trial = kept();
	trial.result.sent = 1990;
	trial.result.answered = 1990;
	outcome_judge(&trial, &strict);
	assert_string_equal(trial.why, "10 never sent");

	/* heartbeats beside reports are not waited for, alone they are */
	trial = kept();
	trial.result.heartbeats = 10;
	trial.result.heartbeats_answered = 8;
	outcome_judge(&trial, &strict);
	assert_int_equal(trial.verdict, SEARCH_PASSED);
	trial.result.sent_all = 0;
	outcome_judge(&trial, &strict);
	assert_string_equal(trial.why, "2 heartbeats unanswered");

	/* a closed loop and heartbeats offer no rate */
	trial = kept();
	trial.offered = 0;
	trial.result.rate = 5;
	outcome_judge(&trial, &strict);
	assert_int_equal(trial.verdict, SEARCH_PASSED);
}

/* An answer that did not come may be of an event that did not come: only more than those is a
 * broken promise. */
static void test_acknowledged_and_lost(void **state)
{
	struct outcome trial = kept();

	trial.result.lost = 5;
	trial.result.unanswered = 4;
	trial.result.unanswered_all = 5; /* one was the warm-up's */
	outcome_judge(&trial, &drowns);
	assert_int_equal(trial.verdict, SEARCH_PASSED);
	outcome_judge(&trial, &strict);
	assert_string_equal(trial.why, "5 lost, 4 unanswered");
	trial.result.lost = 6;
	outcome_judge(&trial, &drowns);
	assert_string_equal(trial.why, "1 acknowledged and lost");
}

static void test_stolen(void **state)
{
	struct outcome trial = kept();

	trial.result.stolen_s = 0.1; /* of 2 s: 5 % is borne */
	outcome_judge(&trial, &strict);
	assert_int_equal(trial.verdict, SEARCH_PASSED);
	trial.result.stolen_s = 0.11;
	trial.result.lost = trial.result.unanswered = trial.result.unanswered_all = 7;
	outcome_judge(&trial, &strict);
	assert_int_equal(trial.verdict, SEARCH_VOID);
	assert_string_equal(trial.why, "others had 5.5 % of a core");
	/* the broker's core as well as ours */
	trial.result.stolen_s = 0;
	trial.broker = (struct broker_change){.known = true, .stolen = 0.2};
	outcome_judge(&trial, &strict);
	assert_int_equal(trial.verdict, SEARCH_VOID);
	/* no lack of time makes an answer wrong */
	trial.result.wrong[LOAD_BAD_SECRET] = 1;
	outcome_judge(&trial, &strict);
	assert_int_equal(trial.verdict, SEARCH_FAILED);
	assert_string_equal(trial.why, "1 wrong");
}

static void test_parted(void **state)
{
	const struct outcome_rules parted = {.parted = true};
	struct outcome trial = kept();

	/* what was kept is kept */
	outcome_judge(&trial, &parted);
	assert_int_equal(trial.verdict, SEARCH_PASSED);
	trial.result.sender_drops = 3;
	outcome_judge(&trial, &parted);
	assert_int_equal(trial.verdict, SEARCH_VOID);
	assert_string_equal(
		trial.why, "3 not taken by the port, on CPUs that were not two cores of one cache");
	/* no cache makes an event come twice */
	trial.result.doubled = 1;
	outcome_judge(&trial, &parted);
	assert_int_equal(trial.verdict, SEARCH_FAILED);
	assert_string_equal(trial.why, "1 came twice");
}

static void test_bottleneck(void **state)
{
	struct outcome trial = kept();

	trial.result.cycles[LOAD_PART_IDLE] = 1;
	trial.result.late = 500;
	trial.broker = (struct broker_change){.known = true};
	trial.broker_busy = 0.6;
	outcome_judge(&trial, &strict);
	assert_non_null(strstr(trial.why, "25 % sent late, the generator was the bottleneck"));
	trial.broker_busy = 0.99;
	outcome_judge(&trial, &strict);
	assert_string_equal(trial.why, "25 % sent late");
}

static void test_latency(void **state)
{
	static struct histogram histogram;
	struct outcome_latency latency;
	double last = -1;
	json_t *point;
	size_t i;

	histogram_reset(&histogram);
	outcome_latency(&histogram, &latency);
	assert_int_equal(latency.count, 0);
	assert_int_equal(json_array_size(latency.plot), 0);
	json_decref(latency.plot);
	for (unsigned ns = 1; ns <= 1000; ns++)
		histogram_add(&histogram, ns);
	outcome_latency(&histogram, &latency);
	assert_int_equal(latency.count, 1000);
	assert_true(latency.mean == 500.5);
	assert_int_equal(latency.at[0], 500);
	assert_int_equal(latency.at[2], 990);
	assert_int_equal(latency.at[OUTCOME_QUANTILES - 1], 1000);
	json_array_foreach(latency.plot, i, point)
	{
		assert_true(json_real_value(json_array_get(point, 0)) > last);
		last = json_real_value(json_array_get(point, 0));
	}
	assert_true(last == 1 && i > 40);
	json_decref(latency.plot);
}

/* Two askings, as the control socket words them. */
static struct broker_figures figures(unsigned long busy, unsigned long requests, unsigned dropped)
{
	struct broker_figures figures;
	json_t *status = json_pack(
		"{s:[{s:I,s:I,s:I,s:I,s:I,s:f,s:{s:f,s:f}},{s:I,s:I,s:I,s:I,s:I,s:f,s:{s:f}}],"
		"s:{s:{s:I,s:I,s:I},s:{s:i}},s:[{s:{s:i}},{s:{s:i}}],s:{s:I,s:I,s:I},s:{s:I},"
		"s:{s:I,s:I}}",
		"workers", "busy_cycles", (json_int_t)busy, "idle_cycles", (json_int_t)50, "turns",
		(json_int_t)busy, "busy_turns", (json_int_t)10, "tsc_hz", (json_int_t)1000000,
		"gap_us", 5.0, "stages", "aes", (double)busy / 20, "json", (double)busy / 20,
		"busy_cycles", (json_int_t)busy, "idle_cycles", (json_int_t)50, "turns",
		(json_int_t)busy, "busy_turns", (json_int_t)10, "tsc_hz", (json_int_t)1000000,
		"gap_us", 5.0, "stages", "aes", (double)busy / 10, "counters", "mc", "requests",
		(json_int_t)requests, "heartbeats", (json_int_t)100, "connects", (json_int_t)7,
		"stack", "drop_udp_port", dropped, "ports", "counters", "port_rx_missed", 1,
		"counters", "port_rx_missed", dropped, "sessions", "live_tcp", (json_int_t)3,
		"live_udp", (json_int_t)4, "limit", (json_int_t)10, "registry", "devices",
		(json_int_t)9, "process", "huge", (json_int_t)4096, "anonymous", (json_int_t)8192);

	assert_non_null(status);
	broker_read(status, &figures);
	json_decref(status);
	return figures;
}

static void test_broker(void **state)
{
	struct broker_figures before = figures(1000, 50, 2), after = figures(9000, 450, 12);
	struct broker_change change;

	assert_int_equal(after.workers, 2);
	assert_int_equal(after.live, 7);
	assert_int_equal(after.limit, 10);
	assert_int_equal(after.devices, 9);
	assert_int_equal(after.bytes, 12288);
	broker_between(&before, &after, false, &change);
	assert_true(change.known);
	assert_int_equal(change.requests, 400);
	assert_true(change.cycles == 2 * 8000 / 400.0);
	/* by stage: half of one worker's, and all of the other's, are AES */
	assert_true(json_real_value(json_object_get(change.stages, "aes")) == 30);
	assert_true(json_real_value(json_object_get(change.stages, "json")) == 10);
	assert_int_equal(json_object_size(change.grown), 3);
	assert_int_equal(json_integer_value(json_object_get(change.grown, "drop_udp_port")), 10);
	assert_int_equal(json_integer_value(json_object_get(change.grown, "port_rx_missed")), 10);
	assert_true(broker_busy(&after, &change, 25000) == 0.5);
	broker_change_free(&change);

	/* one that was started anew in between tells nothing */
	broker_between(&after, &before, false, &change);
	assert_false(change.known);
	assert_true(broker_busy(&after, &change, 25000) == 0);
	broker_change_free(&change);
	broker_free(&before);
	broker_between(&before, &after, false, &change);
	assert_false(change.known);
	broker_free(&after);
}

static void test_losses_by_name(void **state)
{
	assert_true(broker_is_loss("drop_unknown_token"));
	assert_true(broker_is_loss("tcp_retransmit"));
	assert_true(broker_is_loss("result_999999"));
	assert_true(broker_is_loss("offline_timeout"));
	assert_false(broker_is_loss("requests"));
	assert_false(broker_is_loss("tcp_opened"));
	assert_false(broker_is_loss("port_tx_relayed"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kept),
		cmocka_unit_test(test_what_fails),
		cmocka_unit_test(test_rate_not_kept),
		cmocka_unit_test(test_acknowledged_and_lost),
		cmocka_unit_test(test_stolen),
		cmocka_unit_test(test_parted),
		cmocka_unit_test(test_bottleneck),
		cmocka_unit_test(test_latency),
		cmocka_unit_test(test_broker),
		cmocka_unit_test(test_losses_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
