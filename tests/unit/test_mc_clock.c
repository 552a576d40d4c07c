/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_mc_clock.c - wrong clocks: devices years off, a platform's clock that jumps (specs:
 * Time; K22) */
#include "mc_host.h"

#define YEAR (365 * 86400)

/* Seconds that a device's clock may show while the platform's is right: none of them locks it
 * out. */
static const uint32_t device_clocks[] = {0, 1, START_UNIX - 10u * YEAR, START_UNIX - 3600,
	START_UNIX - 301, START_UNIX + 301, START_UNIX + 3600, START_UNIX + 10u * YEAR,
	INT32_MAX - 1, INT32_MAX, (uint32_t)INT32_MAX + 1, (uint32_t)INT32_MAX + 2, UINT32_MAX - 1,
	UINT32_MAX};

static void K22_a_device_with_any_clock_learns_the_time_and_gets_in(void **state)
{
	struct world *w = *state;

	for (unsigned i = 0; i < sizeof(device_clocks) / sizeof(device_clocks[0]); i++) {
		struct device_side a = SIDE_A;
		struct frame_text *frame = malloc(sizeof(*frame));
		uint32_t connection = tcp_open(w);
		struct answer answer;

		/* the login is granted whatever it says, and tells the time */
		login_text(&a, device_clocks[i], frame);
		deliver(w, on_login(connection), frame->text, frame->length);
		answer = next_answer(w, a.pin, IV_OF(a.pin));
		assert_int_equal(answer.result, 0);
		assert_int_equal(member_number(answer.plain, "time"), now_of(w));
		assert_true(member_text(answer.plain, "sessionKey", a.key, sizeof(a.key)));
		assert_true(member_text(answer.plain, "token", a.token, sizeof(a.token)));
		free(frame);
		/* one that does not listen is told again, and nothing has happened */
		a.peer = on_udp(1);
		send_connect(w, &a, a.peer, ++a.sequence, device_clocks[i]);
		answer = answer_of(w, &a);
		assert_int_equal(answer.result, 100001);
		assert_int_equal(member_number(answer.plain, "time"), now_of(w));
		expect_no_event(w);
		/* one that does gets in with the same token */
		send_connect(w, &a, a.peer, ++a.sequence, now_of(w));
		expect_answer(w, &a, 1005, 0);
		while (next_event(w).there)
			;
		good_request(w, &a, 2006, 0);
		expect_event(w, &a, HEARTH_UPLINK, 2006);
	}
}

/* A device's clock jumps within a session: its requests are refused, and it goes on when it is
 * right. */
static void K22_a_device_whose_clock_jumps_keeps_its_session(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	live_tcp(w, &a);
	for (unsigned i = 0; i < sizeof(device_clocks) / sizeof(device_clocks[0]); i++) {
		queue_request(w, &a, a.peer, 2006, ++a.sequence, device_clocks[i]);
		world_turn(w);
		expect_answer(w, &a, 2007, 100001);
		expect_no_event(w);
		good_request(w, &a, 2006, 0);
		expect_event(w, &a, HEARTH_UPLINK, 2006);
	}
	assert_int_equal(entry_now(w, &a).state, SESSION_LIVE);
}

/* The platform's clock is set: timers do not see it, devices follow it with the next answer. */
static void clock_steps(struct world *w, int64_t seconds)
{
	struct device_side tcp = SIDE_A, udp = SIDE_B;

	live_tcp(w, &tcp);
	live_udp(w, &udp, 2);
	w->host.clock.unix_ms += seconds * 1000;
	mc_protocol.sweep(w->mc, 64);
	world_turn(w);
	expect_no_event(w);
	/* on TCP the device hears of it */
	queue_request(w, &tcp, tcp.peer, 1000, ++tcp.sequence, (uint32_t)(now_of(w) - seconds));
	world_turn(w);
	expect_answer(w, &tcp, 1001, 100001);
	/* on UDP its datagrams are dropped; three of them, and it logs in again */
	for (unsigned i = 0; i < 3; i++) {
		queue_request(
			w, &udp, udp.peer, 1000, udp.sequence + 1, (uint32_t)(now_of(w) - seconds));
		world_turn(w);
		expect_silence(w);
	}
	expect_no_event(w);
	log_in(w, &udp);
	send_connect(w, &udp, udp.peer, udp.sequence, now_of(w));
	expect_answer(w, &udp, 1005, 0);
	expect_event(w, &udp, HEARTH_OFFLINE, HEARTH_REPLACED);
	expect_event(w, &udp, HEARTH_ONLINE, MC_CONNECT);
	good_request(w, &udp, 2006, 0);
	expect_event(w, &udp, HEARTH_UPLINK, 2006);
	/* a clock that went back: what was before is not after its connect, until the device logs
	 * in */
	log_in(w, &tcp);
	reconnected(w, &tcp, on_tcp(tcp_open(w)));
	good_request(w, &tcp, 2006, 0);
	expect_event(w, &tcp, HEARTH_UPLINK, 2006);
	/* silence still takes 3 x 45 + 10 s of the steady clock, no more and no less */
	world_pass(w, 145);
	expect_no_event(w);
	world_pass(w, 1);
	assert_true(next_event(w).there);
	assert_true(next_event(w).there);
	expect_no_event(w);
}

static void K22_the_platforms_clock_steps_an_hour_on(void **state)
{
	clock_steps(*state, 3600);
}

static void K22_the_platforms_clock_steps_an_hour_back(void **state)
{
	clock_steps(*state, -3600);
}

static void K22_the_platforms_clock_steps_ten_years_on(void **state)
{
	clock_steps(*state, 10ll * YEAR);
}

static void K22_the_platforms_clock_steps_ten_years_back(void **state)
{
	clock_steps(*state, -10ll * YEAR);
}

/* Over 2038-01-19, where 31 bits end: a session goes on as if nothing was. */
static void K22_over_the_end_of_31_bits(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	w->host.clock.unix_ms = ((uint64_t)INT32_MAX - 30) * 1000;
	live_udp(w, &a, 1);
	for (unsigned i = 0; i < 60; i++) {
		world_pass(w, 1);
		good_request(w, &a, 2006, 0);
		expect_event(w, &a, HEARTH_UPLINK, 2006);
	}
	assert_true(now_of(w) > INT32_MAX);
	log_in(w, &a);
	reconnected(w, &a, on_udp(1));
}

/* A second that comes twice, as a leap second does: nothing is a replay of anything. */
static void K22_a_leap_second(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	live_udp(w, &a, 1);
	for (unsigned i = 0; i < 10; i++) {
		w->host.clock.unix_ms += i == 5 ? -1000 : 500;
		good_request(w, &a, 2006, 0);
		expect_event(w, &a, HEARTH_UPLINK, 2006);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(K22_a_device_with_any_clock_learns_the_time_and_gets_in),
		TEST(K22_a_device_whose_clock_jumps_keeps_its_session),
		TEST(K22_the_platforms_clock_steps_an_hour_on),
		TEST(K22_the_platforms_clock_steps_an_hour_back),
		TEST(K22_the_platforms_clock_steps_ten_years_on),
		TEST(K22_the_platforms_clock_steps_ten_years_back),
		TEST(K22_over_the_end_of_31_bits),
		TEST(K22_a_leap_second),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
