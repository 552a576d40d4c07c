/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_mc_life.c - how long tokens are good and sessions live (specs: Liveness) */
#include "mc_host.h"

static void connect_with_the_old_token_is_taken_after_closed_and_timeout(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	live_tcp(w, &a);
	tcp_drop(w, a.peer.connection);
	expect_event(w, &a, HEARTH_OFFLINE, HEARTH_CLOSED);
	send_request(w, &a, 1000, a.sequence + 1);
	expect_silence(w);
	w->host.clock.unix_ms += 1000;
	connected(w, &a, on_udp(9));
	world_pass(w, 200);
	expect_event(w, &a, HEARTH_OFFLINE, HEARTH_TIMEOUT);
	assert_int_equal(entry_now(w, &a).state, SESSION_RESTING);
	connected(w, &a, on_udp(9));
	assert_int_equal(device_of(w, &a)->last_session, 1003);
}

static void token_is_good_for_token_seconds_after_its_login(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A, b = SIDE_B;

	w->config.mc.token_seconds = 1000;
	live_tcp(w, &a);
	live_tcp(w, &b);
	tcp_drop(w, b.peer.connection);
	expect_event(w, &b, HEARTH_OFFLINE, HEARTH_CLOSED);
	for (unsigned i = 0; i < 10; i++) {
		world_pass(w, 100);
		good_request(w, &a, 1000, 0);
	}
	assert_int_equal(entry_now(w, &b).state, SESSION_RESTING);
	world_pass(w, 1);
	assert_int_equal(entry_of(w, &b), SESSION_NONE); /* swept */
	assert_int_equal(world_session_counters[SESSION_EXPIRED], 1);
	good_request(w, &a, 1000, 0); /* a live session goes on */
	tcp_drop(w, a.peer.connection);
	expect_event(w, &a, HEARTH_OFFLINE, HEARTH_CLOSED);
	assert_int_equal(entry_of(w, &a), SESSION_NONE);
}

static void K8_token_of_a_removed_device_is_void(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	uint32_t connection = tcp_open(w);

	log_in(w, &a);
	assert_int_equal(registry_remove(w->host.registry, DEVICE_A), 0);
	send_connect(w, &a, on_tcp(connection), 1, now_of(w));
	assert_true(tcp_closed(w, connection));
	expect_silence(w);
	assert_int_equal(counted(w, MC_DROP_GONE), 1);
	world_pass(w, 1);
	assert_int_equal(entry_of(w, &a), SESSION_NONE);
}

static void silence_for_3_heartbeats_and_10_seconds_ends_a_session(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A, b = SIDE_B;

	live_tcp(w, &a);
	live_udp(w, &b, 1);
	world_pass(w, 145);
	expect_no_event(w);
	good_request(w, &b, 1000, 0);
	world_pass(w, 1);
	expect_event(w, &a, HEARTH_OFFLINE, HEARTH_TIMEOUT);
	assert_true(tcp_closed(w, a.peer.connection));
	world_pass(w, 145);
	expect_event(w, &b, HEARTH_OFFLINE, HEARTH_TIMEOUT);
	assert_int_equal(counted(w, MC_END_TIMEOUT), 2);
}

static void repeats_and_dropped_frames_are_no_sign_of_life(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	live_udp(w, &a, 1);
	good_request(w, &a, 2006, 0);
	good_request(w, &a, 2006, 0);
	world_pass(w, 140);
	send_request(w, &a, 2006, a.sequence);
	expect_answer(w, &a, 2007, 0);
	send_request(w, &a, 2006, a.sequence - 1);
	expect_answer(w, &a, 2007, 0);
	send_request(w, &a, 1000, a.sequence - 1);
	queue_request(w, &a, a.peer, 1000, a.sequence + 1, now_of(w) - 301);
	queue_request(w, &a, on_tcp(tcp_open(w)), 1000, a.sequence + 1, now_of(w));
	send_plain(w, &a, a.peer, 2004, "{\"sequence\":\"1\",\"result\":0}");
	expect_silence(w);
	expect_event(w, &a, HEARTH_UPLINK, 2006);
	expect_event(w, &a, HEARTH_UPLINK, 2006);
	world_pass(w, 6);
	expect_event(w, &a, HEARTH_OFFLINE, HEARTH_TIMEOUT);
}

static void errors_that_take_their_number_are_a_sign_of_life(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	live_tcp(w, &a);
	world_pass(w, 140);
	send_plain(w, &a, a.peer, 2006, "{\"sequence\":\"12347\",\"time\":1700000140}");
	expect_answer(w, &a, 2007, 100001);
	world_pass(w, 140);
	a.sequence = 12347;
	good_request(w, &a, 1000, 0);
}

static void K8_kicked_and_removed_sessions_end_and_their_tokens_are_void(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A, b = SIDE_B;
	session_handle handle;
	struct event event;

	log_in(w, &a);
	a.peer = on_tcp(tcp_open(w));
	send_connect(w, &a, a.peer, a.sequence, now_of(w));
	expect_answer(w, &a, 1005, 0);
	handle = expect_event(w, &a, HEARTH_ONLINE, 1004).record.handle;
	mc_protocol.control(w->mc, CONTROL_KICK, handle + (1ull << 32)); /* another generation */
	mc_protocol.control(w->mc, CONTROL_KICK, handle + (1ull << 56)); /* another worker */
	mc_protocol.control(w->mc, CONTROL_KICK, 0);
	mc_protocol.control(w->mc, CONTROL_KICK, UINT64_MAX);
	mc_protocol.control(w->mc, CONTROL_KICK, 63);
	world_turn(w);
	expect_no_event(w);
	mc_protocol.control(w->mc, CONTROL_KICK, handle);
	world_turn(w);
	event = expect_event(w, &a, HEARTH_OFFLINE, HEARTH_KICKED);
	assert_int_equal(event.record.handle, handle);
	assert_true(tcp_closed(w, a.peer.connection));
	assert_int_equal(entry_of(w, &a), SESSION_NONE);
	assert_int_equal(device_of(w, &a)->live, SESSION_NONE);

	live_udp(w, &b, 1);
	struct session_turn turn = entry_now(w, &b);
	mc_protocol.control(w->mc, CONTROL_REMOVED, session_handle_of(w->host.sessions, &turn));
	world_turn(w);
	expect_event(w, &b, HEARTH_OFFLINE, HEARTH_REMOVED);
	assert_int_equal(entry_of(w, &b), SESSION_NONE);
}

static void node_that_leaves_takes_nobody_and_ends_sessions_by_shutdown(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A, b = SIDE_B;
	struct frame_text frame;
	struct session_turn turn;
	bool draining = false;
	uint32_t connection;

	live_tcp(w, &a);
	log_in(w, &b);
	w->host.draining = &draining;
	draining = true;
	/* who is here is served */
	good_request(w, &a, 2006, 0);
	expect_event(w, &a, HEARTH_UPLINK, 2006);
	/* a login, and a connect by a token that was good: as any that fails */
	connection = tcp_open(w);
	login_text(&b, now_of(w), &frame);
	deliver(w, on_login(connection), frame.text, frame.length);
	expect_silence(w);
	assert_true(tcp_closed(w, connection));
	connection = tcp_open(w);
	send_connect(w, &b, on_tcp(connection), b.sequence, now_of(w));
	expect_silence(w);
	assert_true(tcp_closed(w, connection));
	send_connect(w, &b, on_udp(1), b.sequence, now_of(w));
	expect_silence(w);
	assert_int_equal(counted(w, MC_DROP_DRAINING), 3);
	expect_no_event(w);
	turn = entry_now(w, &a);
	mc_protocol.control(w->mc, CONTROL_SHUTDOWN, session_handle_of(w->host.sessions, &turn));
	world_turn(w);
	expect_event(w, &a, HEARTH_OFFLINE, HEARTH_SHUTDOWN);
	assert_true(tcp_closed(w, a.peer.connection));
	assert_int_equal(entry_of(w, &a), SESSION_NONE);
	turn = entry_now(w, &b);
	mc_protocol.control(w->mc, CONTROL_SHUTDOWN, session_handle_of(w->host.sessions, &turn));
	world_turn(w);
	assert_int_equal(entry_of(w, &b), SESSION_NONE);
	expect_no_event(w);
}

static void session_is_synchronised_4_heartbeats_after_its_latest_report(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	live_tcp(w, &a);
	good_request(w, &a, 2028, 0);
	for (unsigned i = 0; i < 5; i++) {
		world_pass(w, 100);
		good_request(w, &a, 1000, 0);
	}
	assert_false(entry_now(w, &a).flags & SESSION_SYNCHRONISED); /* no 2006 yet */
	good_request(w, &a, 2006, 0);
	world_pass(w, 100);
	good_request(w, &a, 2028, 0); /* the latest counts */
	world_pass(w, 100);
	good_request(w, &a, 1000, 0);
	world_pass(w, 79);
	assert_false(entry_now(w, &a).flags & SESSION_SYNCHRONISED);
	world_pass(w, 1);
	assert_true(entry_now(w, &a).flags & SESSION_SYNCHRONISED);
	assert_int_equal(counted(w, MC_SYNCHRONISED), 1);
	good_request(w, &a, 1000, 0);
	send_connect(w, &a, a.peer, 1, now_of(w)); /* a new connect: from the start */
	expect_answer(w, &a, 1005, 0);
	assert_false(entry_now(w, &a).flags & (SESSION_SYNCHRONISED | SESSION_REPORTED));
}

/* Out of sequence is a failure of the device's own: it logs in anew. */
static void token_is_void_after_an_end_by_sequence(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	uint32_t connection;

	live_tcp(w, &a);
	send_request(w, &a, 2006, a.sequence + 7);
	expect_answer(w, &a, 2007, 200003);
	expect_event(w, &a, HEARTH_OFFLINE, HEARTH_SEQUENCE);
	w->host.clock.unix_ms += 1000;
	connection = tcp_open(w);
	send_connect(w, &a, on_tcp(connection), a.sequence, now_of(w));
	assert_true(tcp_closed(w, connection));
	send_connect(w, &a, on_udp(5), a.sequence, now_of(w));
	expect_silence(w);
	live_udp(w, &a, 5);
}

/* A login that is not used takes nothing from a session that is live but its token's next
 * connect. */
static void session_that_ends_beside_a_newer_login_leaves_no_token(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A, newer = SIDE_A;
	uint32_t connection;

	live_tcp(w, &a);
	log_in(w, &newer);
	good_request(w, &a, 1000, 0);
	tcp_drop(w, a.peer.connection);
	expect_event(w, &a, HEARTH_OFFLINE, HEARTH_CLOSED);
	w->host.clock.unix_ms += 1000;
	connection = tcp_open(w);
	send_connect(w, &a, on_tcp(connection), a.sequence, now_of(w));
	assert_true(tcp_closed(w, connection));
	expect_silence(w);
	connected(w, &newer, on_udp(5));
}

static void session_outlives_a_newer_login_that_lapses(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A, newer = SIDE_A;
	uint32_t connection;

	live_tcp(w, &a);
	log_in(w, &newer);
	world_pass(w, 100);
	good_request(w, &a, 1000, 0);
	world_pass(w, 21);
	assert_int_equal(world_session_counters[SESSION_LAPSED], 1);
	connection = tcp_open(w);
	send_connect(w, &newer, on_tcp(connection), newer.sequence, now_of(w));
	assert_true(tcp_closed(w, connection));
	expect_silence(w);
	good_request(w, &a, 1000, 0);
	expect_no_event(w);
}

/* The periods that a device is told are those that it is held to. */
static void heartbeat_and_auth_interval_are_the_configured_ones(void **state)
{
	static const uint32_t heartbeats[] = {10, 60, 3600};
	struct world *w = *state;
	struct device_side a = SIDE_A;
	struct answer answer;

	w->config.mc.auth_interval = 0;
	w->config.mc.time_window = 0;
	for (unsigned i = 0; i < 3; i++) {
		w->config.mc.heartbeat = heartbeats[i];
		log_in(w, &a);
		a.peer = on_udp(5);
		send_connect(w, &a, a.peer, a.sequence, now_of(w));
		answer = answer_of(w, &a);
		assert_int_equal(answer.result, 0);
		assert_int_equal(member_number(answer.plain, "heartBeat"), heartbeats[i]);
		assert_int_equal(member_number(answer.plain, "authInterval"), 0);
		expect_event(w, &a, HEARTH_ONLINE, MC_CONNECT);
		world_pass(w, 3 * heartbeats[i] + 10);
		expect_no_event(w);
		world_pass(w, 1);
		expect_event(w, &a, HEARTH_OFFLINE, HEARTH_TIMEOUT);
	}
}

/* A device is held to the heartbeat that it was told, whatever it is for those that come later. */
static void heartbeat_that_changes_is_for_sessions_that_connect_later(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A, b = SIDE_B;

	live_udp(w, &a, 1);
	w->config.mc.heartbeat = 10;
	w->config.mc.heartbeat_before = 45;
	w->config.mc.heartbeat_since = now_of(w) + 1;
	world_pass(w, 2);
	live_udp(w, &b, 2);
	world_pass(w, 40);
	expect_no_event(w);
	world_pass(w, 1);
	expect_event(w, &b, HEARTH_OFFLINE, HEARTH_TIMEOUT);
	world_pass(w, 145 - 43);
	expect_no_event(w);
	world_pass(w, 1);
	expect_event(w, &a, HEARTH_OFFLINE, HEARTH_TIMEOUT);
}

/* In the second of a change a session may have been told either: the longer one counts. */
static void heartbeat_of_the_second_of_a_change_is_the_longer_one(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	live_udp(w, &a, 1);
	w->config.mc.heartbeat = 60;
	w->config.mc.heartbeat_before = 45;
	w->config.mc.heartbeat_since = now_of(w) + 1;
	world_pass(w, 190);
	expect_no_event(w);
	world_pass(w, 1);
	expect_event(w, &a, HEARTH_OFFLINE, HEARTH_TIMEOUT);
}

/* A 2006 that was refused reports nothing; nothing is asked for and nothing ends without one. */
static void session_is_not_synchronised_by_a_report_that_was_refused(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	char plain[128];

	live_tcp(w, &a);
	snprintf(plain, sizeof(plain), "{\"sequence\":\"%u\",\"deviceId\":\"%s\",\"time\":%u}",
		(uint16_t)++a.sequence, a.id, now_of(w));
	send_plain(w, &a, a.peer, 2006, plain);
	expect_answer(w, &a, 2007, 100001);
	for (unsigned i = 0; i < 5; i++) {
		world_pass(w, 100);
		good_request(w, &a, 1000, 0);
	}
	assert_int_equal(counted(w, MC_SYNCHRONISED), 0);
	expect_no_event(w);
	expect_silence(w);
	good_request(w, &a, 2006, 0);
	expect_event(w, &a, HEARTH_UPLINK, 2006);
	world_pass(w, 100);
	good_request(w, &a, 1000, 0);
	world_pass(w, 80);
	assert_int_equal(counted(w, MC_SYNCHRONISED), 1);
}

static void answers_without_room_are_lost_and_the_repeat_is_answered(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	live_udp(w, &a, 1);
	w->no_room = true;
	send_request(w, &a, 2006, ++a.sequence);
	expect_silence(w);
	w->no_room = false;
	expect_event(w, &a, HEARTH_UPLINK, 2006);
	send_request(w, &a, 2006, a.sequence);
	expect_answer(w, &a, 2007, 0);
	expect_no_event(w);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(connect_with_the_old_token_is_taken_after_closed_and_timeout),
		TEST(token_is_good_for_token_seconds_after_its_login),
		TEST(K8_token_of_a_removed_device_is_void),
		TEST(silence_for_3_heartbeats_and_10_seconds_ends_a_session),
		TEST(repeats_and_dropped_frames_are_no_sign_of_life),
		TEST(errors_that_take_their_number_are_a_sign_of_life),
		TEST(K8_kicked_and_removed_sessions_end_and_their_tokens_are_void),
		TEST(node_that_leaves_takes_nobody_and_ends_sessions_by_shutdown),
		TEST(session_is_synchronised_4_heartbeats_after_its_latest_report),
		TEST(token_is_void_after_an_end_by_sequence),
		TEST(session_that_ends_beside_a_newer_login_leaves_no_token),
		TEST(session_outlives_a_newer_login_that_lapses),
		TEST(heartbeat_and_auth_interval_are_the_configured_ones),
		TEST(heartbeat_that_changes_is_for_sessions_that_connect_later),
		TEST(heartbeat_of_the_second_of_a_change_is_the_longer_one),
		TEST(session_is_not_synchronised_by_a_report_that_was_refused),
		TEST(answers_without_room_are_lost_and_the_repeat_is_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
