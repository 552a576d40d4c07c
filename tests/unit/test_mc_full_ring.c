/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_mc_full_ring.c - a ring without room: requests refused, life-cycle events owed */
#include "mc_ring.h"

static void request_refused_for_room_is_judged_anew_when_it_comes_again(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	struct event event;

	live_udp(w, &a, 1);
	good_request(w, &a, 2006, 0);
	expect_event(w, &a, HEARTH_UPLINK, 2006);
	fill_ring(w, false);
	good_request(w, &a, 2006, 999999); /* count 2, used up */
	good_request(w, &a, 1000, 0);      /* heartbeats go on */
	good_request(w, &a, 2022, 999999); /* count 4 */
	send_request(w, &a, 2022, a.sequence);
	expect_answer(w, &a, 2023, 999999);
	send_request(w, &a, 2006, a.sequence - 3); /* accepted before: no room needed */
	expect_answer(w, &a, 2007, 0);
	assert_int_equal(counted(w, MC_RESULT_NO_ROOM), 3);
	drain_ring(w);
	world_turn(w);
	send_request(w, &a, 2006, a.sequence - 2);
	expect_answer(w, &a, 2007, 0);
	event = expect_event(w, &a, HEARTH_UPLINK, 2006);
	assert_int_equal(event.record.count, 2);
	assert_int_equal(event.record.window, 3);
	send_request(w, &a, 2006, a.sequence - 2);
	expect_answer(w, &a, 2007, 0);
	expect_no_event(w);
	send_request(w, &a, 2022, a.sequence);
	expect_answer(w, &a, 2023, 0);
	event = expect_event(w, &a, HEARTH_UPLINK, 2022);
	assert_int_equal(event.record.count, 4);
	assert_int_equal(event.record.window, 0x0d); /* the heartbeat is not marked */
	good_request(w, &a, 2006, 0);
	assert_int_equal(expect_event(w, &a, HEARTH_UPLINK, 2006).record.window, 0x1b);
}

static void owed_online_is_written_before_the_first_request_is_accepted(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	struct event event;

	log_in(w, &a);
	fill_ring(w, true);
	a.peer = on_udp(1);
	send_connect(w, &a, a.peer, a.sequence, now_of(w));
	expect_answer(w, &a, 1005, 0);
	good_request(w, &a, 1000, 0);
	good_request(w, &a, 2006, 999999);
	world_pass(w, 1);
	assert_true(entry_now(w, &a).flags & SESSION_OWED_ONLINE);
	drain_ring(w);
	world_turn(w);
	send_request(w, &a, 2006, a.sequence);
	expect_answer(w, &a, 2007, 0);
	event = expect_event(w, &a, HEARTH_ONLINE, 1004);
	assert_int_equal(event.record.session, 1001);
	assert_int_equal(event.record.sequence, 12346);
	assert_string_equal(event.payload, "{}");
	expect_event(w, &a, HEARTH_UPLINK, 2006);
	expect_no_event(w);
	assert_int_equal(counted(w, MC_OWED), 1);
}

static void owed_offline_is_written_by_the_sweep_and_the_entry_waits(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	session_handle handle;
	struct event event;
	uint32_t connection = tcp_open(w);

	log_in(w, &a);
	a.peer = on_tcp(tcp_open(w));
	send_connect(w, &a, a.peer, a.sequence, now_of(w));
	expect_answer(w, &a, 1005, 0);
	handle = expect_event(w, &a, HEARTH_ONLINE, 1004).record.handle;
	fill_ring(w, true);
	tcp_drop(w, a.peer.connection);
	world_pass(w, 1);
	assert_int_equal(entry_now(w, &a).state, SESSION_RESTING);
	assert_true(entry_now(w, &a).flags & SESSION_OWED_OFFLINE);
	send_connect(w, &a, on_tcp(connection), 7, now_of(w)); /* the entry owes an event */
	expect_silence(w);
	assert_true(tcp_closed(w, connection));
	assert_int_equal(counted(w, MC_DROP_OWED), 1);
	drain_ring(w);
	world_pass(w, 1);
	event = expect_event(w, &a, HEARTH_OFFLINE, HEARTH_CLOSED);
	assert_int_equal(event.record.handle, handle);
	assert_int_equal(event.record.session, 1001);
	expect_no_event(w);
	connected(w, &a, on_udp(1));
	expect_no_event(w);
}

static void owed_online_and_offline_are_written_in_their_order(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	struct event online, offline;

	log_in(w, &a);
	fill_ring(w, true);
	a.peer = on_tcp(tcp_open(w));
	send_connect(w, &a, a.peer, a.sequence, now_of(w));
	expect_answer(w, &a, 1005, 0);
	send_request(w, &a, 2006, a.sequence + 2); /* out of sequence */
	expect_answer(w, &a, 2007, 200003);
	assert_int_equal(entry_of(w, &a), SESSION_NONE);
	assert_int_equal(device_of(w, &a)->live, SESSION_NONE);
	world_pass(w, 1);
	drain_ring(w);
	world_pass(w, 1);
	online = expect_event(w, &a, HEARTH_ONLINE, 1004);
	offline = expect_event(w, &a, HEARTH_OFFLINE, HEARTH_SEQUENCE);
	assert_int_equal(online.record.handle, offline.record.handle);
	assert_int_equal(online.record.session, offline.record.session);
	expect_no_event(w);
	assert_int_equal(session_counts(w->host.sessions).login +
				 session_counts(w->host.sessions).live_tcp +
				 session_counts(w->host.sessions).resting,
		0);
}

static void replacement_under_a_new_token_goes_on_while_the_old_end_is_owed(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A, newer = SIDE_A;
	struct event first, second;

	live_tcp(w, &a);
	log_in(w, &newer);
	fill_ring(w, true);
	newer.peer = on_udp(1);
	send_connect(w, &newer, newer.peer, newer.sequence, now_of(w));
	expect_answer(w, &newer, 1005, 0);
	assert_true(tcp_closed(w, a.peer.connection));
	drain_ring(w);
	world_pass(w, 1);
	first = next_event(w);
	second = next_event(w);
	assert_true(first.there && second.there);
	assert_int_not_equal(first.record.event, second.record.event);
	assert_int_equal(
		first.record.event == HEARTH_OFFLINE ? first.record.session : second.record.session,
		1001);
	assert_int_equal(
		first.record.event == HEARTH_ONLINE ? first.record.session : second.record.session,
		1002);
	expect_no_event(w);
	good_request(w, &newer, 2006, 0);
}

static void second_connect_is_put_off_while_its_end_finds_no_room(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	live_udp(w, &a, 1);
	fill_ring(w, true);
	w->host.clock.unix_ms += 1000;
	send_connect(w, &a, a.peer, 7, now_of(w));
	expect_silence(w);
	good_request(w, &a, 1000, 0); /* the session goes on */
	drain_ring(w);
	world_turn(w);
	send_connect(w, &a, a.peer, 7, now_of(w));
	expect_answer(w, &a, 1005, 0);
	expect_event(w, &a, HEARTH_OFFLINE, HEARTH_REPLACED);
	expect_event(w, &a, HEARTH_ONLINE, 1004);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(request_refused_for_room_is_judged_anew_when_it_comes_again),
		TEST(owed_online_is_written_before_the_first_request_is_accepted),
		TEST(owed_offline_is_written_by_the_sweep_and_the_entry_waits),
		TEST(owed_online_and_offline_are_written_in_their_order),
		TEST(replacement_under_a_new_token_goes_on_while_the_old_end_is_owed),
		TEST(second_connect_is_put_off_while_its_end_finds_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
