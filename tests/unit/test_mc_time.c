/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_mc_time.c - time-stamps of requests, and clocks that step (specs: Time) */
#include "mc_host.h"

static void requests_out_of_time_are_illegal_on_tcp_and_dropped_on_udp(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A, b = SIDE_B;

	live_tcp(w, &a);
	live_udp(w, &b, 1);
	world_pass(w, 0);
	for (unsigned i = 0; i < 4; i++) {
		world_pass(w, 100);
		good_request(w, &a, 1000, 0);
		good_request(w, &b, 1000, 0);
	}
	queue_request(w, &a, a.peer, 2006, ++a.sequence, now_of(w) - 301);
	queue_request(w, &a, a.peer, 2006, ++a.sequence, now_of(w) + 301);
	queue_request(w, &a, a.peer, 2006, ++a.sequence, now_of(w) - 300);
	queue_request(w, &a, a.peer, 2006, ++a.sequence, now_of(w) + 300);
	world_turn(w);
	expect_answer(w, &a, 2007, 100001); /* its number is used up, the session stays */
	expect_answer(w, &a, 2007, 100001);
	expect_answer(w, &a, 2007, 0);
	expect_answer(w, &a, 2007, 0);
	expect_event(w, &a, HEARTH_UPLINK, 2006);
	expect_event(w, &a, HEARTH_UPLINK, 2006);
	queue_request(w, &b, b.peer, 2006, b.sequence + 1, now_of(w) - 301);
	queue_request(w, &b, b.peer, 2006, b.sequence + 1, now_of(w) + 301);
	queue_request(w, &b, b.peer, 2006, b.sequence + 9, now_of(w) - 301);
	queue_request(w, &b, b.peer, 2008, b.sequence, now_of(w) - 301);
	queue_request(w, &b, on_udp(2), 1000, b.sequence, now_of(w) - 301);
	world_turn(w);
	expect_silence(w);
	assert_int_equal(counted(w, MC_DROP_TIME), 5);
	queue_request(w, &b, b.peer, 2006, ++b.sequence, now_of(w) - 300);
	world_turn(w);
	expect_answer(w, &b, 2007, 0);
	queue_request(w, &b, b.peer, 2006, ++b.sequence, now_of(w) + 300);
	world_turn(w);
	expect_answer(w, &b, 2007, 0);
}

static void requests_may_be_5_seconds_before_their_connect_by_either_clock(void **state)
{
	/* connect's time against the platform's; requests' against the connect's; taken? */
	static const struct {
		int connect, request;
		bool taken;
	} rows[] = {
		{0, 0, true},
		{0, -5, true},
		{0, -6, false},
		{100, 95, true}, /* the device's clock is ahead: not before the connect's time */
		{100, -5, true}, /* nor before the platform's then */
		{100, -6, false},
		{-100, -105, true},
		{-100, -106, false},
		{-100, -5, true},
		{-100, -6, true},
	};
	struct world *w = *state;
	struct device_side a = SIDE_A;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t then;

		log_in(w, &a);
		a.peer = on_udp(1);
		then = now_of(w);
		send_connect(w, &a, a.peer, a.sequence, then + rows[i].connect);
		expect_answer(w, &a, 1005, 0);
		world_pass(w, 60);
		queue_request(w, &a, a.peer, 1000, ++a.sequence, then + rows[i].request);
		world_turn(w);
		if (rows[i].taken)
			expect_answer(w, &a, 1001, 0);
		else
			expect_silence(w);
	}
	assert_int_equal(counted(w, MC_DROP_TIME), 3);
}

static void frames_recorded_before_a_reconnect_move_nothing(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	uint32_t recorded, sequence;

	live_udp(w, &a, 1);
	for (unsigned i = 0; i < 3; i++)
		good_request(w, &a, 1000, 0);
	recorded = now_of(w);
	sequence = a.sequence;
	world_pass(w, 10);
	reconnected(w, &a, on_udp(1)); /* the same token, the counter goes on from here */
	for (unsigned i = 0; i < 20; i++)
		queue_request(w, &a, on_udp(666), i % 2 ? 2006 : 1000, sequence - 3 + i, recorded);
	queue_connect(w, &a, on_udp(666), 12346, START_UNIX);
	world_turn(w);
	expect_silence(w);
	expect_no_event(w);
	assert_int_equal(ntohs(entry_now(w, &a).peer.port), 1);
	good_request(w, &a, 1000, 0);
}

static void frames_of_a_former_login_never_match(void **state)
{
	struct world *w = *state;
	struct device_side old = SIDE_A, a = SIDE_A;
	struct frame_text *frame = malloc(sizeof(*frame));
	char plain[256], name[64];

	live_udp(w, &old, 1);
	log_in(w, &a);
	reconnected(w, &a, on_udp(1));
	expect_silence(w);
	request_text(&a, 1000, a.sequence + 1, now_of(w), plain, sizeof(plain));
	snprintf(name, sizeof(name), "\"token\":\"%s\"", a.token);
	seal(frame, 1000, name, old.key, old.key, plain); /* the new token, the old key */
	deliver(w, a.peer, frame->text, frame->length);
	queue_request(w, &old, a.peer, 1000, a.sequence + 1, now_of(w));
	world_turn(w);
	expect_silence(w);
	good_request(w, &a, 1000, 0);
	free(frame);
}

static void steps_of_the_platform_clock_end_no_session(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	live_tcp(w, &a);
	w->host.clock.unix_ms += 3600000; /* by an hour, and back */
	queue_request(w, &a, a.peer, 1000, ++a.sequence, START_UNIX);
	world_turn(w);
	expect_answer(w, &a, 1001, 100001);
	mc_protocol.sweep(w->mc, 64);
	world_turn(w);
	w->host.clock.unix_ms -= 2 * 3600000ull;
	mc_protocol.sweep(w->mc, 64);
	world_turn(w);
	w->host.clock.unix_ms += 3600000;
	expect_no_event(w);
	good_request(w, &a, 1000, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(requests_out_of_time_are_illegal_on_tcp_and_dropped_on_udp),
		TEST(requests_may_be_5_seconds_before_their_connect_by_either_clock),
		TEST(frames_recorded_before_a_reconnect_move_nothing),
		TEST(frames_of_a_former_login_never_match),
		TEST(steps_of_the_platform_clock_end_no_session),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
