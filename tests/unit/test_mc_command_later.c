/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_mc_command_later.c - platform requests that outlive the broker, and outcomes that find no
 * room in the ring (K23) */
#include "mc_command.h"
#include "mc_ring.h"

/* ---- restarts ---- */

/* UDP: the outstanding request goes on with its number, what waits stays in its order. */
static void udp_sessions_go_on_with_their_requests_after_a_restart(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	uint64_t requests[4];
	uint16_t sequence;

	live_udp(w, &a, 1);
	for (unsigned i = 0; i < 4; i++)
		requests[i] = ask(w, &a);
	world_turn(w);
	sequence = expect_asked(w, &a, 2003);
	seconds_pass(w, 9);
	world_restart(w);
	world_turn(w);
	expect_silence(w); /* the timer begins anew */
	seconds_pass(w, 9);
	expect_silence(w);
	seconds_pass(w, 1);
	assert_int_equal(expect_asked(w, &a, 2003), sequence);
	world_restart(w);
	world_turn(w);
	for (unsigned i = 0; i < 4; i++) {
		respond(w, &a, 2002, sequence + i);
		expect_response(w, &a, requests[i]);
		if (i < 3)
			assert_int_equal(expect_asked(w, &a, 2003), (uint16_t)(sequence + i + 1));
		expect_silence(w);
		if (i == 1)
			world_restart(w);
		world_turn(w);
	}
	expect_pool_empty(w);
}

/* Sends are counted over restarts: three in all. */
static void k23_a_request_is_sent_three_times_in_all(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	unsigned sent = 0;
	uint64_t request;

	live_udp(w, &a, 1);
	request = ask(w, &a);
	for (unsigned i = 0; i < 5; i++) {
		world_turn(w);
		seconds_pass(w, 10);
		while (answer_of(w, &a).there)
			sent++;
		world_restart(w);
	}
	assert_int_equal(sent, 3);
	expect_undelivered(w, &a, request, HEARTH_NO_ANSWER);
	expect_event(w, &a, HEARTH_OFFLINE, HEARTH_UNANSWERED);
	expect_no_event(w);
}

/* TCP: nothing is sent and nothing given up until the device comes back, or does not. */
static void tcp_sessions_keep_their_requests_until_the_device_comes_back(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	uint64_t sent, waits, later, after;

	for (unsigned comes = 0; comes < 2; comes++) {
		live_tcp(w, &a);
		sent = ask(w, &a);
		waits = ask(w, &a);
		world_turn(w);
		expect_asked(w, &a, 2003);
		world_restart(w);
		later = ask(w, &a);
		seconds_pass(w, 100);
		expect_silence(w);
		expect_no_event(w);
		if (comes) {
			a.peer = on_tcp(tcp_open(w));
			send_connect(w, &a, a.peer, ++a.sequence, now_of(w));
			expect_answer(w, &a, 1005, 0);
		} else {
			seconds_pass(w, 50);
		}
		expect_event(w, &a, HEARTH_OFFLINE, comes ? HEARTH_REPLACED : HEARTH_TIMEOUT);
		expect_undelivered(w, &a, sent, HEARTH_UNKNOWN);
		expect_undelivered(w, &a, waits, HEARTH_WAS_OFFLINE);
		expect_undelivered(w, &a, later, HEARTH_WAS_OFFLINE);
		if (comes) {
			expect_event(w, &a, HEARTH_ONLINE, 1004);
			after = ask(w, &a);
			world_turn(w);
			respond(w, &a, 2002, expect_asked(w, &a, 2003));
			expect_response(w, &a, after);
		}
		expect_no_event(w);
		expect_pool_empty(w);
	}
}

/* The device's last session is not what was sent to: its request's outcome is unknown. */
static void requests_of_sessions_that_are_gone_have_their_outcome(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	struct device_record removed;
	uint64_t sent, waits;

	live_udp(w, &a, 1);
	sent = ask(w, &a);
	waits = ask(w, &a);
	world_turn(w);
	expect_asked(w, &a, 2003);
	assert_int_equal(store_remove(w->store, a.id, &removed), 0);
	world_restart(w);
	world_turn(w);
	expect_undelivered(w, &a, waits, HEARTH_REFUSED);
	expect_undelivered(w, &a, sent, HEARTH_UNKNOWN);
	expect_no_event(w);
	expect_pool_empty(w);
}

/* ---- a full ring ---- */

static void refused_outcomes_are_owed_until_there_is_room(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A, b = SIDE_B;
	uint64_t gone, bad;

	live_udp(w, &a, 1);
	fill_ring(w, true);
	gone = ask(w, &b);
	bad = ask_id(w, a.id, 2003, "[]");
	world_turn(w);
	for (unsigned i = 0; i < 3; i++) {
		seconds_pass(w, 1);
		world_restart(w);
	}
	assert_int_equal(command_held(w->host.pool), 2);
	drain_ring(w);
	seconds_pass(w, 2);
	expect_undelivered_to(w, a.id, bad, HEARTH_REFUSED);
	expect_undelivered_to(w, b.id, gone, HEARTH_WAS_OFFLINE);
	expect_no_event(w);
	expect_pool_empty(w);
}

/* The answer is kept whole, over a restart, too, and the next request is sent meanwhile. */
static void a_response_is_kept_until_there_is_room(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	uint64_t first, second;
	struct event event;
	uint16_t sequence;

	live_udp(w, &a, 1);
	first = ask(w, &a);
	second = ask(w, &a);
	world_turn(w);
	sequence = expect_asked(w, &a, 2003);
	fill_ring(w, true);
	queue_response(w, &a, a.peer, 2002, sequence, ",\"pin\":1,\"result\":7,\"x\":\"y\"");
	world_turn(w);
	assert_int_equal(expect_asked(w, &a, 2003), (uint16_t)(sequence + 1));
	respond(w, &a, 2002, sequence); /* twice */
	seconds_pass(w, 2);
	world_restart(w);
	seconds_pass(w, 2);
	respond(w, &a, 2002, sequence);
	drain_ring(w);
	world_turn(w);
	event = expect_response(w, &a, first);
	assert_int_equal(event.record.result, 7);
	assert_int_equal(event.record.sequence, sequence);
	assert_non_null(strstr(event.payload, ",\"result\":7,\"x\":\"y\",\"time\":"));
	assert_null(strstr(event.payload, "pin"));
	expect_no_event(w);
	respond(w, &a, 2002, sequence + 1);
	expect_response(w, &a, second);
	expect_no_event(w);
	expect_pool_empty(w);
}

/* Neither the ring nor the pool has room: as if the answer had been lost. */
static void an_answer_that_finds_no_room_at_all_is_asked_for_again(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	uint32_t filler[POOL_BLOCKS], count = 0;
	struct command_text text = {.request = 1ull << 50, .kind = COMMAND_REQUEST};
	uint64_t request;
	uint16_t sequence;

	live_udp(w, &a, 1);
	request = ask(w, &a);
	world_turn(w);
	sequence = expect_asked(w, &a, 2003);
	fill_ring(w, true);
	while ((filler[count] = command_place(w->host.pool, &text)) != COMMAND_NONE)
		count++;
	respond(w, &a, 2002, sequence);
	assert_int_equal(counted(w, MC_DROP_RESPONSE), 1);
	drain_ring(w);
	while (count-- > 0)
		command_change(w->host.pool, filler[count], (struct command_life){0});
	seconds_pass(w, 10);
	assert_int_equal(expect_asked(w, &a, 2003), sequence);
	respond(w, &a, 2002, sequence);
	expect_response(w, &a, request);
	expect_no_event(w);
	expect_pool_empty(w);
}

/* A session that ends when nothing fits owes its own event and those of its requests. */
static void the_outcomes_of_an_end_are_owed_with_it(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	unsigned ends = 0, unknown = 0, offline = 0;
	struct event event;

	for (unsigned restart = 0; restart < 2; restart++) {
		live_tcp(w, &a);
		for (unsigned i = 0; i < 4; i++)
			ask(w, &a);
		world_turn(w);
		expect_asked(w, &a, 2003);
		fill_ring(w, true);
		tcp_drop(w, a.peer.connection);
		assert_int_equal(command_held(w->host.pool), 4);
		if (restart)
			world_restart(w);
		drain_ring(w);
		seconds_pass(w, 2);
		while ((event = next_event(w)).there) {
			ends += event.record.event == HEARTH_OFFLINE;
			unknown += event.record.reason == HEARTH_UNKNOWN;
			offline += event.record.reason == HEARTH_WAS_OFFLINE;
		}
		assert_int_equal(ends, restart + 1);
		assert_int_equal(unknown, restart + 1);
		assert_int_equal(offline, 3 * (restart + 1));
		expect_pool_empty(w);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(udp_sessions_go_on_with_their_requests_after_a_restart),
		TEST(k23_a_request_is_sent_three_times_in_all),
		TEST(tcp_sessions_keep_their_requests_until_the_device_comes_back),
		TEST(requests_of_sessions_that_are_gone_have_their_outcome),
		TEST(refused_outcomes_are_owed_until_there_is_room),
		TEST(a_response_is_kept_until_there_is_room),
		TEST(an_answer_that_finds_no_room_at_all_is_asked_for_again),
		TEST(the_outcomes_of_an_end_are_owed_with_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
