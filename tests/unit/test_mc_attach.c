/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_mc_attach.c - sessions over a kill and a restart: crash order, replayed records, indexes */
#include "mc_host.h"

/* Killed once the turn's records are readable, before its sessions are stored. */
static void crash_after_publish(struct world *w)
{
	world_decide(w);
	feed_publish(w->host.feed);
	w->sent_next = w->sent_count; /* no answer has left */
	world_restart(w);
}

/* Killed before the turn's records are readable. */
static void crash_before_publish(struct world *w)
{
	world_decide(w);
	w->sent_next = w->sent_count;
	world_restart(w);
}

static void udp_devices_notice_no_restart(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	live_udp(w, &a, 1);
	for (unsigned i = 0; i < 40; i++) {
		good_request(w, &a, 2006, 0);
		expect_event(w, &a, HEARTH_UPLINK, 2006);
	}
	world_restart(w);
	expect_no_event(w);
	good_request(w, &a, 2006, 0);
	assert_int_equal(expect_event(w, &a, HEARTH_UPLINK, 2006).record.session, 1001);
	for (unsigned behind = 0; behind <= 32; behind++) {
		send_request(w, &a, 2006, a.sequence - behind);
		expect_answer(w, &a, 2007, 0);
	}
	expect_no_event(w);
	w->host.clock.unix_ms += 1000;
	reconnected(w, &a, on_udp(1));
	assert_int_equal(device_of(w, &a)->last_session, 1002);
}

static void tcp_sessions_get_one_period_and_come_back_by_a_connect(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A, b = SIDE_B;
	uint32_t connection;

	live_tcp(w, &a);
	live_tcp(w, &b);
	world_pass(w, 140);
	world_restart(w);
	assert_int_equal(entry_now(w, &a).state, SESSION_LIVE);
	connection = tcp_open(w);
	send_request(w, &a, 1000, a.sequence + 1);
	send_connect(w, &b, on_tcp(connection), b.sequence + 7, now_of(w));
	expect_answer(w, &b, 1005, 0);
	expect_event(w, &b, HEARTH_OFFLINE, HEARTH_REPLACED);
	assert_int_equal(expect_event(w, &b, HEARTH_ONLINE, 1004).record.session, 1002);
	queue_request(w, &a, on_tcp(connection), 1000, a.sequence + 1, now_of(w));
	world_turn(w);
	expect_silence(w); /* not the connection of its connect */
	world_pass(w, 145);
	expect_no_event(w);
	world_pass(w, 1);
	expect_event(w, &a, HEARTH_OFFLINE, HEARTH_TIMEOUT);
}

static void logins_and_rested_tokens_survive(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A, b = SIDE_B;

	log_in(w, &a);
	live_tcp(w, &b);
	tcp_drop(w, b.peer.connection);
	expect_event(w, &b, HEARTH_OFFLINE, HEARTH_CLOSED);
	world_restart(w);
	connected(w, &a, on_udp(1));
	w->host.clock.unix_ms += 1000;
	connected(w, &b, on_udp(2));
	assert_int_equal(device_of(w, &a)->last_session, 1001);
	assert_int_equal(device_of(w, &b)->last_session, 1002);
	log_in(w, &a);
	world_pass(w, 100);
	world_restart(w);
	world_pass(w, 21); /* it does not begin anew */
	assert_int_equal(entry_of(w, &a), SESSION_NONE);
}

static void requests_written_but_not_stored_are_repeats_afterwards(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	struct session_turn turn;

	live_udp(w, &a, 1);
	for (unsigned i = 0; i < 40; i++) {
		good_request(w, &a, 2006, 0);
		expect_event(w, &a, HEARTH_UPLINK, 2006);
	}
	queue_request(w, &a, a.peer, 2006, ++a.sequence, now_of(w));
	queue_request(w, &a, a.peer, 1000, ++a.sequence, now_of(w));
	queue_request(w, &a, on_udp(7), 2028, ++a.sequence, now_of(w));
	crash_after_publish(w);
	turn = entry_now(w, &a);
	assert_int_equal(turn.progress.count, 43);
	assert_int_equal(turn.progress.window, 0xfffffffd); /* all but the heartbeat */
	assert_true(turn.progress.oldest);
	assert_int_equal(turn.code, 2028);
	assert_int_equal(ntohs(turn.peer.port), 7);
	assert_int_equal(turn.base, 12346);
	expect_event(w, &a, HEARTH_UPLINK, 2006);
	expect_event(w, &a, HEARTH_UPLINK, 2028);
	send_request(w, &a, 2028, a.sequence);
	expect_answer(w, &a, 2029, 0);
	send_request(w, &a, 2006, a.sequence - 2);
	expect_answer(w, &a, 2007, 0);
	send_request(w, &a, 2006, a.sequence - 32);
	expect_answer(w, &a, 2007, 0);
	expect_no_event(w);
	good_request(w, &a, 2006, 0);
	assert_int_equal(expect_event(w, &a, HEARTH_UPLINK, 2006).record.count, 44);
}

static void requests_not_published_are_taken_when_they_come_again(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	live_udp(w, &a, 1);
	good_request(w, &a, 2006, 0);
	expect_event(w, &a, HEARTH_UPLINK, 2006);
	queue_request(w, &a, a.peer, 2006, a.sequence + 1, now_of(w));
	crash_before_publish(w);
	expect_no_event(w);
	assert_int_equal(entry_now(w, &a).progress.count, 1);
	good_request(w, &a, 2006, 0);
	assert_int_equal(expect_event(w, &a, HEARTH_UPLINK, 2006).record.count, 2);
	expect_no_event(w);
}

static void late_acceptance_is_restored_where_it_belongs(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	w->config.mc.udp_gap = 4;
	live_udp(w, &a, 1);
	send_request(w, &a, 2006, a.sequence + 3);
	expect_answer(w, &a, 2007, 0);
	expect_event(w, &a, HEARTH_UPLINK, 2006);
	queue_request(w, &a, a.peer, 2006, a.sequence + 1, now_of(w)); /* one that was missing */
	crash_after_publish(w);
	assert_int_equal(expect_event(w, &a, HEARTH_UPLINK, 2006).record.count, 1);
	assert_int_equal(entry_now(w, &a).progress.count, 3);
	assert_int_equal(entry_now(w, &a).progress.window, 5);
	send_request(w, &a, 2006, a.sequence + 1);
	expect_answer(w, &a, 2007, 0);
	expect_no_event(w);
	send_request(w, &a, 2006, a.sequence + 2);
	expect_answer(w, &a, 2007, 0);
	expect_event(w, &a, HEARTH_UPLINK, 2006);
}

static void addresses_of_records_are_stored(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	struct session_turn turn;

	live_udp(w, &a, 1);
	for (unsigned i = 0; i < 4; i++) {
		struct peer from = i % 3 ? on_udp6(10 + i) : on_udp(10 + i);

		queue_request(w, &a, from, 2006, ++a.sequence, now_of(w));
		crash_after_publish(w);
		turn = entry_now(w, &a);
		assert_memory_equal(&turn.peer.address, &from.udp.address, 16);
		assert_int_equal(ntohs(turn.peer.port), 10 + i);
		expect_event(w, &a, HEARTH_UPLINK, 2006);
	}
}

static void connect_written_but_not_stored_is_live_afterwards(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	struct session_turn turn;

	log_in(w, &a);
	a.peer = on_udp(5);
	queue_connect(w, &a, a.peer, a.sequence, now_of(w));
	queue_request(w, &a, a.peer, 2006, a.sequence + 1, now_of(w));
	crash_after_publish(w);
	turn = entry_now(w, &a);
	assert_int_equal(turn.state, SESSION_LIVE);
	assert_int_equal(turn.via, SESSION_VIA_UDP);
	assert_int_equal(turn.number, 1001);
	assert_int_equal(turn.base, a.sequence);
	assert_int_equal(turn.connect_device_time, now_of(w));
	assert_int_equal(turn.connect_time, now_of(w));
	assert_int_equal(ntohs(turn.peer.port), 5);
	expect_event(w, &a, HEARTH_ONLINE, 1004);
	expect_event(w, &a, HEARTH_UPLINK, 2006);
	send_request(w, &a, 2006, ++a.sequence);
	expect_answer(w, &a, 2007, 0);
	expect_no_event(w);
	good_request(w, &a, 2006, 0);
	assert_int_equal(device_of(w, &a)->live, entry_of(w, &a));
	assert_int_equal(device_of(w, &a)->login, SESSION_NONE);
	assert_int_equal(device_of(w, &a)->last_session, 1001);
}

static void connect_that_comes_again_after_a_crash_is_answered_again(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	log_in(w, &a);
	a.peer = on_udp(5);
	queue_connect(w, &a, a.peer, a.sequence, now_of(w));
	crash_after_publish(w);
	expect_event(w, &a, HEARTH_ONLINE, 1004);
	send_connect(w, &a, a.peer, a.sequence, now_of(w));
	expect_answer(w, &a, 1005, 0);
	expect_no_event(w);
}

static void connect_not_published_leaves_the_login(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	log_in(w, &a);
	queue_connect(w, &a, on_udp(5), a.sequence, now_of(w));
	crash_before_publish(w);
	expect_no_event(w);
	connected(w, &a, on_udp(5));
}

static void replacement_under_a_new_token_is_restored_whole(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A, newer = SIDE_A;

	live_udp(w, &a, 1);
	log_in(w, &newer);
	newer.peer = on_udp(2);
	queue_connect(w, &newer, newer.peer, newer.sequence, now_of(w));
	crash_after_publish(w);
	expect_event(w, &a, HEARTH_OFFLINE, HEARTH_REPLACED);
	expect_event(w, &a, HEARTH_ONLINE, 1004);
	assert_int_equal(entry_of(w, &a), SESSION_NONE);
	assert_int_equal(session_counts(w->host.sessions).live_udp, 1);
	good_request(w, &newer, 2006, 0);
	world_pass(w, 1);
	expect_event(w, &a, HEARTH_UPLINK, 2006);
	expect_no_event(w);
}

static void second_connect_of_a_token_is_restored_whole(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	live_udp(w, &a, 1);
	good_request(w, &a, 2006, 0);
	expect_event(w, &a, HEARTH_UPLINK, 2006);
	w->host.clock.unix_ms += 1000;
	queue_request(w, &a, a.peer, 2006, a.sequence + 1, now_of(w));
	queue_connect(w, &a, a.peer, 100, now_of(w));
	queue_request(w, &a, a.peer, 2006, 101, now_of(w));
	crash_after_publish(w);
	expect_event(w, &a, HEARTH_UPLINK, 2006);
	expect_event(w, &a, HEARTH_OFFLINE, HEARTH_REPLACED);
	expect_event(w, &a, HEARTH_ONLINE, 1004);
	expect_event(w, &a, HEARTH_UPLINK, 2006);
	assert_int_equal(entry_now(w, &a).number, 1002);
	assert_int_equal(entry_now(w, &a).progress.count, 1);
	a.sequence = 101;
	good_request(w, &a, 1000, 0);
}

static void ends_written_but_not_stored_are_restored(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A, b = SIDE_B;

	live_tcp(w, &a);
	live_udp(w, &b, 1);
	mc_protocol.closed(w->mc, a.peer.connection, w->connections[a.peer.connection].handle);
	queue_request(w, &b, b.peer, 2006, b.sequence + 2, now_of(w));
	crash_after_publish(w);
	expect_event(w, &a, HEARTH_OFFLINE, HEARTH_CLOSED);
	expect_event(w, &b, HEARTH_OFFLINE, HEARTH_SEQUENCE);
	assert_int_equal(entry_now(w, &a).state, SESSION_RESTING);
	assert_int_equal(entry_of(w, &b), SESSION_NONE);
	assert_int_equal(device_of(w, &b)->live, SESSION_NONE);
	w->host.clock.unix_ms += 1000;
	connected(w, &a, on_udp(1));
}

static void records_applied_twice_change_nothing(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	struct session_turn once, twice;

	live_udp(w, &a, 1);
	w->host.clock.unix_ms += 1000;
	queue_request(w, &a, a.peer, 2006, a.sequence + 1, now_of(w));
	queue_connect(w, &a, a.peer, 100, now_of(w));
	queue_request(w, &a, a.peer, 2006, 101, now_of(w));
	queue_request(w, &a, a.peer, 2022, 102, now_of(w));
	world_decide(w);
	feed_publish(w->host.feed);
	session_commit(w->host.sessions); /* stored, but not marked: all of it comes again */
	w->sent_next = w->sent_count;
	once = entry_now(w, &a);
	world_restart(w);
	twice = entry_now(w, &a);
	assert_int_equal(twice.generation, once.generation);
	assert_int_equal(twice.number, once.number);
	assert_int_equal(twice.progress.count, once.progress.count);
	assert_int_equal(twice.progress.window, once.progress.window);
	assert_int_equal(twice.platform_sequence, once.platform_sequence);
	assert_int_equal(twice.code, once.code);
	assert_int_equal(twice.flags, once.flags);
}

static void devices_removed_meanwhile_lose_their_sessions(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A, b = SIDE_B;
	struct device_record removed;

	live_udp(w, &a, 1);
	live_udp(w, &b, 2);
	assert_int_equal(store_remove(w->store, DEVICE_A, &removed), 0);
	queue_request(w, &a, a.peer, 2006, a.sequence + 1, now_of(w));
	crash_after_publish(w);
	assert_int_equal(entry_of(w, &a), SESSION_NONE);
	expect_event(w, &a, HEARTH_UPLINK, 2006);
	good_request(w, &b, 2006, 0);
}

/*
 * Random requests, repeats and kills. Whatever was answered 0 has one event, at most one for each
 * number, and those that were never answered can be sent again.
 */
static void kills_at_random_lose_nothing_and_double_nothing(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	static unsigned events[2000];
	static bool acknowledged[2000];
	uint32_t seed = 99, newest = 0;
	struct event event;

	memset(events, 0, sizeof(events));
	memset(acknowledged, 0, sizeof(acknowledged));
	a.sequence = 65100;
	live_udp(w, &a, 1);
	uint16_t base = a.sequence;
	for (unsigned round = 0; round < 400; round++) {
		uint32_t sent[8], count = 0;

		for (unsigned i = 0; i < 1 + (seed >> 20) % 8; i++) {
			uint32_t back = (seed = seed * 1664525 + 1013904223) >> 28;
			uint32_t number = newest + count + 1;

			if (back >= 12 && newest > back)
				number = newest - (back - 12);
			else
				number = newest + 1 + count;
			sent[i] = number;
			queue_request(w, &a, a.peer, 2006, base + number, now_of(w));
			if (number > newest + count)
				count++;
			else
				break;
		}
		seed = seed * 1664525 + 1013904223;
		switch (seed >> 29) {
		case 0:
			crash_after_publish(w);
			break;
		case 1:
			crash_before_publish(w);
			break;
		default:
			world_turn(w);
			for (unsigned i = 0; w->sent_next != w->sent_count; i++) {
				assert_int_equal(answer_of(w, &a).result, 0);
				acknowledged[sent[i]] = true;
			}
			newest += count;
		}
		while ((event = next_event(w)).there) {
			assert_int_equal(event.record.event, HEARTH_UPLINK);
			events[event.record.count]++;
		}
		/* what the entry says is the newest: the device finds out by sending again */
		assert_true(entry_now(w, &a).progress.count >= newest);
		newest = entry_now(w, &a).progress.count;
	}
	assert_true(newest > 500);
	for (uint32_t i = 1; i <= newest; i++) {
		assert_true(events[i] <= 1);
		assert_true(events[i] || !acknowledged[i]);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(udp_devices_notice_no_restart),
		TEST(tcp_sessions_get_one_period_and_come_back_by_a_connect),
		TEST(logins_and_rested_tokens_survive),
		TEST(requests_written_but_not_stored_are_repeats_afterwards),
		TEST(requests_not_published_are_taken_when_they_come_again),
		TEST(late_acceptance_is_restored_where_it_belongs),
		TEST(addresses_of_records_are_stored),
		TEST(connect_written_but_not_stored_is_live_afterwards),
		TEST(connect_that_comes_again_after_a_crash_is_answered_again),
		TEST(connect_not_published_leaves_the_login),
		TEST(replacement_under_a_new_token_is_restored_whole),
		TEST(second_connect_of_a_token_is_restored_whole),
		TEST(ends_written_but_not_stored_are_restored),
		TEST(records_applied_twice_change_nothing),
		TEST(devices_removed_meanwhile_lose_their_sessions),
		TEST(kills_at_random_lose_nothing_and_double_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
