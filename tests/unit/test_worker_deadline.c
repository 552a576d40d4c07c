/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_worker_deadline.c - how long a worker waits for logins, connects and slow frames */
#include "worker_device.h"

/* Let time pass until the broker closes a flow. Return: when it did, to 10 ms. */
static uint64_t closes_at(struct flow *flow, uint64_t limit)
{
	struct rig *rig = flow->rig;

	while (!flow->finished && rig->clock.us < limit)
		rig_pass(rig, 10 * MS, 10 * MS);
	return rig->clock.us;
}

/* @flow is closed @seconds after @from, or within the second that a walk of the table takes. */
static void assert_closes(struct flow *flow, uint64_t from, unsigned seconds)
{
	uint64_t at = closes_at(flow, from + (seconds + 10) * SECOND);

	assert_true(flow->finished);
	assert_true(at >= from + seconds * SECOND);
	assert_true(at <= from + seconds * SECOND + SECOND + 20 * MS);
}

static void test_a_login_connection_is_closed_after_ten_seconds(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);
	struct flow *flow = gadget_login(&a);

	assert_closes(flow, rig->clock.us, 10);
	assert_false(flow->reset);
	a.flow = flow_open(rig, CONNECT_PORT);
	gadget_connect(&a);
}

static void test_a_connection_that_never_sends_is_closed(void **state)
{
	struct rig *rig = *state;
	struct flow *login = flow_open(rig, LOGIN_PORT), *connect = flow_open(rig, CONNECT_PORT);
	uint64_t from = rig->clock.us;

	assert_closes(login, from, 30);
	rig_pass(rig, SECOND, 10 * MS);
	assert_true(connect->finished);
	assert_int_equal(rig->worker->counters[WORKER_DEADLINE], 2);
	assert_int_equal(login->got_length + connect->got_length, 0);
}

/* Whatever a connection without a session sends, and however slowly: 30 s in all. */
static void test_K10_slow_bytes_before_a_session_gain_no_time(void **state)
{
	struct rig *rig = *state;
	struct flow *flow = flow_open(rig, CONNECT_PORT);
	uint64_t from = rig->clock.us;

	for (unsigned i = 0; i < 29; i++) {
		flow_next(flow, 0, i % 3 ? "x" : "\r\n", i % 3 ? 1 : 2);
		rig_pass(rig, SECOND, 100 * MS);
		assert_false(flow->finished);
	}
	assert_closes(flow, from, 30);
	assert_chunks(rig, 0);
}

/* A byte each second until the broker closes. */
static void send_slowly(struct gadget *g, const struct frame_text *frame, unsigned from)
{
	struct rig *rig = g->rig;

	for (unsigned i = from; i < frame->length && !g->flow->finished; i++) {
		flow_next(g->flow, 0, frame->text + i, 1);
		for (unsigned j = 0; j < 100 && !g->flow->finished; j++)
			rig_pass(rig, 10 * MS, 10 * MS);
	}
	assert_true(g->flow->finished);
}

static void test_K10_a_slow_frame_is_given_thirty_seconds_from_its_first_byte(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);
	struct frame_text frame;
	uint64_t from;

	live_tcp(&a);
	rig_pass(rig, 20 * SECOND, 10 * MS);
	good_request(&a, MC_HEARTBEAT);
	rig_pass(rig, 15 * SECOND, 10 * MS);
	request_frame(&a, 2006, ++a.side.sequence, &frame);
	from = rig->clock.us;
	send_slowly(&a, &frame, 0);
	assert_in_range(rig->clock.us - from, 30 * SECOND, 31 * SECOND + 20 * MS);
	expect_closed(&a);
	expect_no_event(rig);
	assert_chunks(rig, 0);
}

/* Also one whose first bytes came behind the connect, late in the connection's own time. */
static void test_a_slow_frame_behind_the_connect_has_its_own_time(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);
	struct frame_text frame;
	uint64_t from;

	flow_close(gadget_login(&a));
	a.flow = flow_open(rig, CONNECT_PORT);
	rig_pass(rig, 25 * SECOND, 10 * MS);
	connect_frame(&a, &frame);
	gadget_queue(&a, &frame);
	request_frame(&a, 2006, ++a.side.sequence, &frame);
	flow_next(a.flow, 0, frame.text, 10);
	from = rig->clock.us;
	rig_turn(rig);
	expect_answer(&a, 1005, 0);
	expect_event(&a, HEARTH_ONLINE, MC_CONNECT);
	send_slowly(&a, &frame, 10);
	assert_in_range(rig->clock.us - from, 30 * SECOND, 31 * SECOND + 20 * MS);
	expect_closed(&a);
}

/* There is always a frame under way, but never the same for long. */
static void test_whole_frames_with_tails_are_never_closed(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);
	struct frame_text now, next;
	char bytes[2048];
	uint32_t rest, tail = 40;

	live_tcp(&a);
	request_frame(&a, MC_HEARTBEAT, ++a.side.sequence, &now);
	flow_next(a.flow, 0, now.text, tail);
	for (unsigned i = 0; i < 120; i++) {
		rig_pass(rig, SECOND, 50 * MS);
		rest = now.length - tail;
		memcpy(bytes, now.text + tail, rest);
		request_frame(&a, MC_HEARTBEAT, ++a.side.sequence, &next);
		memcpy(bytes + rest, next.text, tail);
		flow_next(a.flow, 0, bytes, rest + tail);
		rig_turn(rig);
		expect_answer(&a, 1001, 0);
		now = next;
	}
	assert_false(a.flow->finished);
	expect_no_event(rig);
	assert_int_equal(rig->worker->counters[WORKER_DEADLINE], 0);
}

/* The time of a frame that follows an oversize one is its own. */
static void test_a_frame_behind_an_oversize_one_has_its_own_time(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);
	struct frame_text frame;
	char bytes[100] = "x\r\n";
	char *junk = malloc(70000);
	uint64_t from;

	live_tcp(&a);
	memset(junk, 'x', 70000);
	flow_bytes(a.flow, junk, 70000);
	rig_pass(rig, 25 * SECOND, 50 * MS);
	request_frame(&a, 2006, ++a.side.sequence, &frame);
	memcpy(bytes + 3, frame.text, 50);
	flow_next(a.flow, 0, bytes, 53);
	from = rig->clock.us;
	rig_pass(rig, 20 * SECOND, 50 * MS);
	assert_false(a.flow->finished);
	flow_next(a.flow, 0, frame.text + 50, 50);
	assert_closes(a.flow, from, 30);
	expect_closed(&a);
	free(junk);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup_new, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_login_connection_is_closed_after_ten_seconds),
		TEST(test_a_connection_that_never_sends_is_closed),
		TEST(test_K10_slow_bytes_before_a_session_gain_no_time),
		TEST(test_K10_a_slow_frame_is_given_thirty_seconds_from_its_first_byte),
		TEST(test_a_slow_frame_behind_the_connect_has_its_own_time),
		TEST(test_whole_frames_with_tails_are_never_closed),
		TEST(test_a_frame_behind_an_oversize_one_has_its_own_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
