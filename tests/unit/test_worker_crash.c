/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_worker_crash.c - a worker killed at every step of publishing a turn, restarted, with a full
 * ring, and on a link that takes nothing: what was acknowledged is in the ring once */
#include "worker_device.h"

#include <sys/wait.h>

/* ---- ends in the middle of a turn ---- */

/* The steps of a turn's end; the linker leads the worker's calls here (--wrap). */
enum step {
	NOWHERE,
	BEFORE_PUBLISH, /* records are written, nobody sees them */
	BEFORE_COMMIT,  /* records can be read, sessions are as before the turn */
	BEFORE_APPLIED, /* sessions are stored, too */
	BEFORE_TRANSMIT,
	AFTER_TURN, /* answers have left, and are lost on their way */
	STEPS
};

#include "worker_killed.h"

void __real_feed_applied(struct feed_ring *ring);
void __wrap_feed_applied(struct feed_ring *ring);

void __wrap_feed_applied(struct feed_ring *ring)
{
	killed_at(BEFORE_APPLIED);
	__real_feed_applied(ring);
	killed_at(BEFORE_TRANSMIT);
}

/* One turn, in a process that is killed in it. */
static void killed_turn(struct rig *rig, enum step step)
{
	int status;
	pid_t pid;

	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		kill_at = step;
		worker_turn(rig->worker, &rig->clock);
		_exit(step == AFTER_TURN ? KILLED : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == KILLED);
}

/* ... and another worker attaches to what it left. */
static void turn_and_kill(struct rig *rig, enum step step)
{
	killed_turn(rig, step);
	rig->random.state ^= 0x5555; /* the child drew numbers that are used up */
	rig_restart(rig);
}

static void test_reports_over_udp_survive_a_kill_at_any_step(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);
	uint32_t count = 0;

	live_udp(&a, 40001);
	for (enum step step = BEFORE_PUBLISH; step < STEPS; step++) {
		good_request(&a, 2006);
		assert_int_equal(expect_event(&a, HEARTH_UPLINK, 2006).record.count, ++count);
		queue_request(&a, 2006, ++a.side.sequence);
		turn_and_kill(rig, step);
		assert_int_equal(worker_attached(rig->worker), 1);
		expect_silence(&a);
		rig_pass(rig, SECOND, 100 * MS);
		/* No answer came: the device asks again. */
		queue_request(&a, 2006, a.side.sequence);
		rig_turn(rig);
		expect_answer_to(&a, 2007, 0, a.side.sequence);
		assert_int_equal(mc_counted(rig, MC_REPEATS), step > BEFORE_PUBLISH);
		assert_int_equal(expect_event(&a, HEARTH_UPLINK, 2006).record.count, ++count);
		expect_no_event(rig);
	}
}

/* A turn of several sessions and several records is applied again as a whole. */
static void test_turns_of_many_reports_survive_a_kill_at_any_step(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A), b = GADGET(rig, SIDE_B);
	struct gadget *both[] = {&a, &b};
	unsigned burst = 20;

	live_udp(&a, 40001);
	live_udp(&b, 40002);
	for (enum step step = BEFORE_PUBLISH; step < STEPS; step++) {
		for (unsigned i = 0; i < 2 * burst; i++)
			queue_request(both[i & 1], 2006, ++both[i & 1]->side.sequence);
		turn_and_kill(rig, step);
		for (unsigned i = 0; i < 2 * burst; i++)
			queue_request(both[i & 1], 2006,
				(uint16_t)(both[i & 1]->side.sequence - burst + 1 + i / 2));
		rig_turn(rig);
		for (unsigned i = 0; i < 2 * burst; i++)
			expect_answer_to(both[i & 1], 2007, 0,
				(uint16_t)(both[i & 1]->side.sequence - burst + 1 + i / 2));
		for (unsigned i = 0; i < 2 * burst; i++)
			assert_int_equal(
				expect_event(both[i & 1], HEARTH_UPLINK, 2006).record.count,
				(step - BEFORE_PUBLISH) * burst + 1 + i / 2);
		expect_no_event(rig);
	}
}

static void test_connects_survive_a_kill_at_any_step(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);
	struct frame_text frame;

	for (enum step step = BEFORE_PUBLISH; step < STEPS; step++) {
		flow_close(gadget_login(&a));
		a.port = 40001;
		connect_frame(&a, &frame);
		gadget_queue(&a, &frame);
		turn_and_kill(rig, step);
		gadget_queue(&a, &frame);
		rig_turn(rig);
		expect_answer(&a, 1005, 0);
		if (step > BEFORE_PUBLISH) /* it logged in anew while it was live */
			expect_event(&a, HEARTH_OFFLINE, HEARTH_REPLACED);
		expect_event(&a, HEARTH_ONLINE, MC_CONNECT);
		expect_no_event(rig);
		good_request(&a, 2006);
		assert_int_equal(expect_event(&a, HEARTH_UPLINK, 2006).record.count, 1);
	}
}

static void test_a_login_that_was_never_answered_is_no_obstacle(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);
	struct session_counts counts;
	struct frame_text frame;

	for (enum step step = BEFORE_PUBLISH; step < STEPS; step++) {
		a.flow = flow_open(rig, LOGIN_PORT);
		login_text(&a.side, now_of(rig), &frame);
		gadget_queue(&a, &frame);
		turn_and_kill(rig, step);
		gadget_login(&a);
		counts = session_counts(session_worker(rig->broker.table, 0));
		assert_int_equal(counts.login, 1);
	}
	a.flow = NULL;
	a.port = 40001;
	gadget_connect(&a);
	expect_event(&a, HEARTH_ONLINE, MC_CONNECT);
}

/* The device finds its connection gone, takes its token again and goes on. */
static void reconnects(struct gadget *g)
{
	g->flow->silent = false;
	queue_request(g, MC_HEARTBEAT, (uint16_t)(g->side.sequence + 1));
	rig_turn(g->rig);
	assert_true(g->flow->reset);
	expect_silence(g);
	rig_pass(g->rig, SECOND, 100 * MS);
	g->flow = flow_open(g->rig, CONNECT_PORT);
	g->side.sequence += 2;
	gadget_connect(g);
}

static void test_tcp_devices_come_back_after_a_kill_at_any_step(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);

	live_tcp(&a);
	for (enum step step = BEFORE_PUBLISH; step < STEPS; step++) {
		queue_request(&a, 2006, ++a.side.sequence);
		turn_and_kill(rig, step);
		if (step > BEFORE_PUBLISH) /* it is in the ring, if never acknowledged */
			expect_event(&a, HEARTH_UPLINK, 2006);
		expect_no_event(rig);
		reconnects(&a);
		expect_event(&a, HEARTH_OFFLINE, HEARTH_REPLACED);
		expect_event(&a, HEARTH_ONLINE, MC_CONNECT);
		good_request(&a, 2006);
		assert_int_equal(expect_event(&a, HEARTH_UPLINK, 2006).record.count, 1);
	}
}

static void test_ends_survive_a_kill_at_any_step(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);

	for (enum step step = BEFORE_PUBLISH; step < STEPS; step++) {
		live_tcp(&a);
		flow_next(a.flow, TCP_FIN, NULL, 0);
		turn_and_kill(rig, step);
		if (step == BEFORE_PUBLISH) {
			/* Nobody knows of the FIN any more: one period of grace. */
			assert_int_equal(entry_now(&a).state, SESSION_LIVE);
			rig_pass(rig, (3 * 45 + 10) * SECOND, 100 * MS);
			expect_no_event(rig);
			rig_pass(rig, 2 * SECOND, 100 * MS);
			expect_event(&a, HEARTH_OFFLINE, HEARTH_TIMEOUT);
		} else {
			expect_event(&a, HEARTH_OFFLINE, HEARTH_CLOSED);
		}
		assert_int_equal(entry_now(&a).state, SESSION_RESTING);
		rig_pass(rig, 150 * SECOND, 500 * MS);
		expect_no_event(rig);
	}
}

/* ---- restarts in order ---- */

static void test_sessions_go_on_over_a_restart(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A), b = GADGET(rig, SIDE_B), c = GADGET(rig, SIDE_LONG);
	uint64_t id;

	live_udp(&a, 40001);
	live_tcp(&b);
	gadget_login(&c);
	good_request(&a, 2006);
	good_request(&b, 2006);
	expect_event(&a, HEARTH_UPLINK, 2006);
	id = expect_event(&b, HEARTH_UPLINK, 2006).record.id;
	rig_restart(rig);
	assert_int_equal(worker_attached(rig->worker), 2);
	expect_no_event(rig);
	good_request(&a, 2006);
	assert_int_equal(expect_event(&a, HEARTH_UPLINK, 2006).record.count, 2);
	reconnects(&b);
	expect_event(&b, HEARTH_OFFLINE, HEARTH_REPLACED);
	assert_true(expect_event(&b, HEARTH_ONLINE, MC_CONNECT).record.id > id);
	good_request(&b, 2006);
	expect_event(&b, HEARTH_UPLINK, 2006);
	c.port = 40003;
	gadget_connect(&c); /* its token came through, too */
	expect_event(&c, HEARTH_ONLINE, MC_CONNECT);
}

static void test_a_tcp_session_is_given_one_period_after_a_restart(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);

	live_tcp(&a);
	rig_pass(rig, 140 * SECOND, 500 * MS);
	rig_restart(rig);
	rig_pass(rig, 145 * SECOND, 500 * MS);
	expect_no_event(rig);
	rig_pass(rig, 3 * SECOND, 500 * MS);
	expect_event(&a, HEARTH_OFFLINE, HEARTH_TIMEOUT);
}

/* A removed device's session does not come back. */
static void test_a_device_removed_meanwhile_is_not_served(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);
	struct device_record removed;

	live_udp(&a, 40001);
	assert_int_equal(store_remove(rig->broker.store, a.side.id, &removed), 0);
	rig_restart(rig);
	assert_int_equal(worker_attached(rig->worker), 0);
	queue_request(&a, 2006, ++a.side.sequence);
	rig_turn(rig);
	expect_silence(&a);
	expect_no_event(rig);
}

static void test_a_damaged_ring_is_refused_with_its_remedy(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);
	struct worker_setup setup;
	uint8_t bytes[1024];
	char error[256] = "";
	FILE *file;
	long at;

	live_udp(&a, 40001);
	queue_request(&a, 2006, ++a.side.sequence);
	killed_turn(rig, BEFORE_APPLIED); /* so that there is something to apply */
	rig_close(rig);
	/* One byte of the record's payload. */
	file = fopen(rig->broker.ring_path, "r+b");
	assert_non_null(file);
	for (at = 0; fread(bytes, 1, sizeof(bytes), file) == sizeof(bytes); at += 512) {
		uint8_t *found = memmem(bytes, sizeof(bytes), "statusSerials", 13);

		if (found) {
			fseek(file, at + (found - bytes), SEEK_SET);
			fputc('S', file);
			break;
		}
		fseek(file, at + 512, SEEK_SET);
	}
	fclose(file);
	rig_open(rig);
	setup = rig_setup(rig, 0);
	rig->team[0] = rig->worker = worker_new(&setup, &rig->clock, error, sizeof(error));
	assert_non_null(rig->worker);
	assert_int_equal(workers_attach(&rig->worker, 1, error, sizeof(error)), -EBADMSG);
	assert_non_null(strstr(error, "hearth-feed"));
	/* The remedy: the ring is removed; the sessions go on. */
	hearth_feed_close(rig->reader);
	rig_close(rig);
	assert_int_equal(unlink(rig->broker.ring_path), 0);
	link_fini(&rig->link);
	rig_start(rig);
	good_request(&a, 2006);
	expect_event(&a, HEARTH_UPLINK, 2006);
}

/* ---- a link that takes nothing ---- */

static void test_tcp_answers_are_sent_again_when_the_link_took_none(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);

	/* The port takes no frames; the port has no buffers. */
	for (unsigned buffers = 0; buffers < 2; buffers++) {
		live_tcp(&a);
		*(buffers ? &rig->link.buffers : &rig->link.takes) = 0;
		queue_request(&a, 2006, ++a.side.sequence);
		rig_turn(rig);
		expect_event(&a, HEARTH_UPLINK, 2006);
		rig_pass(rig, 2 * SECOND, 10 * MS);
		expect_silence(&a);
		rig->link.buffers = LINK_RESERVED_MAX;
		rig->link.takes = ~0U;
		rig_pass(rig, 5 * SECOND, 10 * MS);
		expect_answer_to(&a, 2007, 0, a.side.sequence);
		expect_silence(&a);
		expect_no_event(rig);
		assert_true(tcp_counted(rig, TCP_RETRANSMIT) > 0);
		good_request(&a, MC_HEARTBEAT);
		flow_close(a.flow);
		expect_event(&a, HEARTH_OFFLINE, HEARTH_CLOSED);
	}
}

static void test_udp_answers_are_dropped_by_name_and_given_again(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);
	uint64_t full, buffer;

	live_udp(&a, 40001);
	for (unsigned buffers = 0; buffers < 2; buffers++) {
		full = stack_counted(rig, STACK_DROP_TX_FULL);
		buffer = stack_counted(rig, STACK_DROP_TX_BUFFER);
		*(buffers ? &rig->link.buffers : &rig->link.takes) = 0;
		queue_request(&a, 2006, ++a.side.sequence);
		rig_turn(rig);
		expect_event(&a, HEARTH_UPLINK, 2006);
		assert_int_equal(stack_counted(rig, STACK_DROP_TX_FULL) - full, !buffers);
		assert_int_equal(stack_counted(rig, STACK_DROP_TX_BUFFER) - buffer, buffers);
		assert_int_equal(rig->worker->counters[WORKER_DROP_ANSWER], buffers);
		rig->link.buffers = LINK_RESERVED_MAX;
		rig->link.takes = ~0U;
		rig_pass(rig, 2 * SECOND, 10 * MS);
		expect_silence(&a);
		queue_request(&a, 2006, a.side.sequence);
		rig_turn(rig);
		expect_answer_to(&a, 2007, 0, a.side.sequence);
		assert_int_equal(mc_counted(rig, MC_REPEATS), buffers + 1);
		expect_no_event(rig);
	}
}

/* ---- a full ring ---- */

static int setup_small_ring(void **state)
{
	struct rig *rig = rig_make();

	rig->broker.config.feed.bytes = 128 << 10;
	rig_start(rig);
	*state = rig;
	return 0;
}

/* Report until one is refused. Return: how many were accepted. */
static unsigned fill_ring(struct gadget *g)
{
	for (unsigned accepted = 0; accepted < 10000; accepted++) {
		struct answer answer;

		queue_request(g, 2006, ++g->side.sequence);
		rig_turn(g->rig);
		answer = gadget_answer(g);
		assert_true(answer.there && answer.code == 2007);
		if (answer.result == MC_NO_ROOM)
			return accepted;
		assert_int_equal(answer.result, 0);
	}
	fail();
	return 0;
}

static void test_a_full_ring_refuses_reports_and_takes_them_when_emptied(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A), b = GADGET(rig, SIDE_B);
	struct gadget *each[] = {&a, &b};
	unsigned accepted;

	live_udp(&a, 40001);
	live_tcp(&b);
	for (unsigned i = 0; i < 2; i++) {
		struct gadget *g = each[i], *other = each[!i];
		uint32_t before = entry_now(g).progress.count;

		accepted = fill_ring(g);
		assert_true(accepted > 100);
		/* Nobody is let in, heartbeats go on. */
		queue_request(other, 2006, ++other->side.sequence);
		rig_turn(rig);
		expect_answer_to(other, 2007, MC_NO_ROOM, other->side.sequence);
		good_request(g, MC_HEARTBEAT);
		good_request(other, MC_HEARTBEAT);
		queue_request(g, 2006, (uint16_t)(g->side.sequence - 1));
		rig_turn(rig);
		expect_answer(g, 2007, MC_NO_ROOM);
		for (unsigned n = 1; n <= accepted; n++)
			assert_int_equal(
				expect_event(g, HEARTH_UPLINK, 2006).record.count, before + n);
		expect_no_event(rig);
		/* The refused one is judged anew. */
		queue_request(g, 2006, (uint16_t)(g->side.sequence - 1));
		queue_request(g, 2006, (uint16_t)(g->side.sequence - 1));
		rig_turn(rig);
		expect_answer(g, 2007, 0);
		expect_answer(g, 2007, 0);
		assert_int_equal(
			expect_event(g, HEARTH_UPLINK, 2006).record.count, before + accepted + 1);
		expect_no_event(rig);
	}
}

/* Sessions begin and end on the reserve, and when that is used up their events are owed. */
static void test_no_end_is_forgotten_when_the_ring_is_full(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A), b = GADGET(rig, SIDE_B);
	unsigned accepted, cycles = 0, online = 0, offline = 0;
	struct event event;

	live_udp(&a, 40001);
	accepted = fill_ring(&a);
	while (mc_counted(rig, MC_OWED) == 0) {
		assert_true(cycles++ < 1000);
		flow_close(gadget_login(&b));
		b.flow = flow_open(rig, CONNECT_PORT);
		gadget_connect(&b);
		flow_close(b.flow);
	}
	assert_true(cycles > 10);
	for (unsigned pass = 0; pass < 2; pass++) {
		while ((event = read_event(rig->reader)).there) {
			accepted -= event.record.event == HEARTH_UPLINK;
			online += event.record.event == HEARTH_ONLINE;
			offline += event.record.event == HEARTH_OFFLINE;
			if (event.record.event == HEARTH_OFFLINE) {
				assert_int_equal(event.record.reason, HEARTH_CLOSED);
				assert_int_equal(online, offline);
			}
		}
		assert_true(pass || offline < cycles);
		rig_pass(rig, SECOND + 100 * MS, 50 * MS);
	}
	assert_int_equal(accepted, 0);
	assert_int_equal(online, cycles);
	assert_int_equal(offline, cycles);
	b.flow = flow_open(rig, CONNECT_PORT);
	b.side.sequence++;
	gadget_connect(&b);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup_new, rig_teardown)
#define SMALL(name) cmocka_unit_test_setup_teardown(name, setup_small_ring, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_reports_over_udp_survive_a_kill_at_any_step),
		TEST(test_turns_of_many_reports_survive_a_kill_at_any_step),
		TEST(test_connects_survive_a_kill_at_any_step),
		TEST(test_a_login_that_was_never_answered_is_no_obstacle),
		TEST(test_tcp_devices_come_back_after_a_kill_at_any_step),
		TEST(test_ends_survive_a_kill_at_any_step),
		TEST(test_sessions_go_on_over_a_restart),
		TEST(test_a_tcp_session_is_given_one_period_after_a_restart),
		TEST(test_a_device_removed_meanwhile_is_not_served),
		TEST(test_a_damaged_ring_is_refused_with_its_remedy),
		TEST(test_tcp_answers_are_sent_again_when_the_link_took_none),
		TEST(test_udp_answers_are_dropped_by_name_and_given_again),
		SMALL(test_a_full_ring_refuses_reports_and_takes_them_when_emptied),
		SMALL(test_no_end_is_forgotten_when_the_ring_is_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
