/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_mc_connect.c - connect: answers, refusals, and what it replaces (specs: Connect) */
#include "mc_host.h"

static void connect_is_answered_with_all_members(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	struct answer answer;
	struct event event;

	log_in(w, &a);
	send_connect(w, &a, on_udp(1000), a.sequence, START_UNIX - 2);
	answer = answer_of(w, &a);
	assert_int_equal(answer.code, 1005);
	assert_string_equal(answer.plain,
		"{\"result\":0,\"sequence\":\"12346\",\"heartBeat\":45,\"authInterval\":600,"
		"\"time\":1700000000}");
	event = expect_event(w, &a, HEARTH_ONLINE, 1004);
	assert_string_equal(
		event.payload, "{\"devVersion\":\"001.002.003.004\",\"model\":\"HT-AC-01\"}");
	assert_int_equal(event.record.session, 1001);
	assert_int_equal(event.record.count, 0);
	assert_int_equal(event.record.window, 0);
	assert_int_equal(event.record.sequence, 12346);
	assert_int_equal(event.record.device_time, START_UNIX - 2);
	assert_int_equal(event.record.time, START_UNIX * 1000ull);
	assert_int_equal(event.record.via, HEARTH_VIA_UDP);
	assert_int_equal(event.record.peer_port, 1000);
	assert_int_equal(event.record.peer[12], 198);
	assert_int_equal(event.record.flags, 0);
	assert_int_equal(event.record.gateway_length, 0);
	assert_int_equal(session_handle_index(event.record.handle), entry_of(w, &a));
}

static void connect_without_version_and_model_is_taken(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	char plain[256];

	log_in(w, &a);
	snprintf(plain, sizeof(plain), "{\"token\":\"%s\",\"time\":\"%u\",\"sequence\":9}", a.token,
		now_of(w));
	send_plain(w, &a, on_tcp(tcp_open(w)), 1004, plain);
	assert_non_null(strstr(answer_of(w, &a).plain, "\"sequence\":9,"));
	struct event event = expect_event(w, &a, HEARTH_ONLINE, 1004);
	assert_string_equal(event.payload, "{}");
	assert_int_equal(event.record.flags, HEARTH_SEQUENCE_WAS_NUMBER);
}

static void connect_carries_values_of_any_kind_as_they_came(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	char plain[256];

	log_in(w, &a);
	snprintf(plain, sizeof(plain),
		"{\"token\":\"%s\",\"model\":{\"a\":[1,2]},\"devVersion\":1.5,\"time\":%u,"
		"\"sequence\":9}",
		a.token, now_of(w));
	send_plain(w, &a, on_udp(1), 1004, plain);
	expect_answer(w, &a, 1005, 0);
	assert_string_equal(expect_event(w, &a, HEARTH_ONLINE, 1004).payload,
		"{\"devVersion\":1.5,\"model\":{\"a\":[1,2]}}");
}

/* Failure or replay: TCP closes, UDP is silent. */
static void expect_refused_connect(struct world *w, const struct device_side *d, const char *plain)
{
	uint32_t connection = tcp_open(w);

	send_plain(w, d, on_tcp(connection), 1004, plain);
	assert_true(tcp_closed(w, connection));
	send_plain(w, d, on_udp(999), 1004, plain);
	expect_silence(w);
	expect_no_event(w);
}

static void connect_failures_close_tcp_and_are_silent_on_udp(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A, b = SIDE_B, forged;
	char plain[256];

	log_in(w, &a);
	log_in(w, &b);
	snprintf(plain, sizeof(plain), "{\"sequence\":\"1\",\"token\":\"%s\",\"time\":%u}", b.token,
		now_of(w));
	expect_refused_connect(w, &a, plain); /* the encrypted token is not the outer one */
	assert_int_equal(counted(w, MC_DROP_MISMATCH), 2);
	expect_refused_connect(w, &a, "{\"sequence\":\"1\",\"time\":1700000000}");
	snprintf(plain, sizeof(plain), "{\"sequence\":\"1\",\"token\":\"%s\"}", a.token);
	expect_refused_connect(w, &a, plain);
	snprintf(plain, sizeof(plain), "{\"token\":\"%s\",\"time\":%u}", a.token, now_of(w));
	expect_refused_connect(w, &a, plain);
	snprintf(plain, sizeof(plain), "{\"sequence\":\"1\",\"token\":\"%s\",\"time\":\"now\"}",
		a.token);
	expect_refused_connect(w, &a, plain);
	forged = a;
	memcpy(forged.key, b.key, 16);
	snprintf(plain, sizeof(plain), "{\"sequence\":\"1\",\"token\":\"%s\",\"time\":%u}", a.token,
		now_of(w));
	expect_refused_connect(w, &forged, plain);
	forged = a;
	memcpy(forged.token, "AAAAAAAAAAAAAAAA", 16);
	expect_refused_connect(w, &forged, plain);
	memcpy(forged.token, "\\\\AAAAAAAAAAAAAA", 16); /* an escape: one character too short */
	expect_refused_connect(w, &forged, plain);
	connected(w, &a, on_tcp(tcp_open(w))); /* nothing of that did any harm */
}

static void connect_must_be_newer_than_the_last_accepted_one(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	uint32_t now = now_of(w), connection;

	log_in(w, &a);
	a.peer = on_tcp(tcp_open(w));
	send_connect(w, &a, a.peer, 100, now);
	expect_answer(w, &a, 1005, 0);
	connection = tcp_open(w); /* the same again */
	send_connect(w, &a, on_tcp(connection), 100, now);
	assert_true(tcp_closed(w, connection));
	connection = tcp_open(w); /* an earlier time */
	send_connect(w, &a, on_tcp(connection), 101, now - 1);
	assert_true(tcp_closed(w, connection));
	send_connect(w, &a, on_udp(5), 101, now - 1);
	expect_silence(w);
	assert_int_equal(counted(w, MC_DROP_REPLAY), 3);
	a.sequence = 100;
	good_request(w, &a, 1000, 0); /* the session goes on */
	connection = tcp_open(w);     /* the same time with another sequence */
	send_connect(w, &a, on_tcp(connection), 99, now);
	expect_answer(w, &a, 1005, 0);
	assert_true(tcp_closed(w, a.peer.connection));
	connection = tcp_open(w); /* a later time with the same sequence */
	send_connect(w, &a, on_tcp(connection), 99, now + 1);
	expect_answer(w, &a, 1005, 0);
	assert_false(tcp_closed(w, connection));
}

static void connect_repeated_on_udp_is_answered_again_and_nothing_else(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	struct answer answer;
	uint32_t now = now_of(w);

	live_udp(w, &a, 1000);
	w->host.clock.unix_ms += 400000; /* a repeat is not new: its time is not looked at */
	send_connect(w, &a, on_udp(2000), a.sequence, now);
	answer = answer_of(w, &a);
	assert_int_equal(answer.result, 0);
	assert_int_equal(member_number(answer.plain, "time"), now + 400);
	assert_int_equal(ntohs(answer.to.udp.port), 2000); /* where the repeat came from */
	expect_no_event(w);
	assert_int_equal(ntohs(entry_now(w, &a).peer.port), 1000); /* moves nothing */
	send_connect(w, &a, on_udp(1000), a.sequence, now + 10);   /* made anew by its device */
	assert_int_equal(answer_of(w, &a).result, 0);
	expect_no_event(w);
	send_connect(w, &a, on_udp(1000), a.sequence, now - 1); /* older: a replay */
	expect_silence(w);
	assert_int_equal(counted(w, MC_DROP_REPLAY), 1);
	w->host.clock.unix_ms -= 400000;
	good_request(w, &a, 1000, 0);
	send_connect(w, &a, on_udp(1000), 12346, now); /* a later request was accepted: a replay */
	expect_silence(w);
	assert_int_equal(counted(w, MC_DROP_REPLAY), 2);
}

static void connect_out_of_time_is_told_the_time_and_nothing_more(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	uint32_t connection = tcp_open(w), now = now_of(w);
	struct answer answer;

	log_in(w, &a);
	send_connect(w, &a, on_tcp(connection), 1, now - 301);
	answer = answer_of(w, &a);
	assert_int_equal(answer.result, 100001);
	assert_string_equal(answer.plain,
		"{\"result\":100001,\"sequence\":\"1\",\"heartBeat\":45,\"authInterval\":600,"
		"\"time\":1700000000}");
	assert_false(tcp_closed(w, connection));
	send_connect(w, &a, on_udp(77), 1, now + 301);
	assert_int_equal(answer_of(w, &a).result, 100001);
	expect_no_event(w);
	assert_int_equal(entry_now(w, &a).state, SESSION_LOGIN);
	assert_int_equal(counted(w, MC_CONNECT_TIME), 2);
	send_connect(w, &a, on_tcp(connection), 1, now - 300);
	expect_answer(w, &a, 1005, 0);
	send_connect(w, &a, on_udp(77), 2, now + 300);
	expect_answer(w, &a, 1005, 0);
}

static void connect_time_is_not_checked_with_window_0(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	w->config.mc.time_window = 0;
	log_in(w, &a);
	send_connect(w, &a, on_udp(77), 1, 5);
	expect_answer(w, &a, 1005, 0);
	a.peer = on_udp(77);
	queue_request(w, &a, a.peer, 1000, 2, 6);
	world_turn(w);
	expect_answer(w, &a, 1001, 0);
}

static void connect_again_on_one_connection_replaces_the_session(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	live_tcp(w, &a);
	w->host.clock.unix_ms += 1000;
	send_connect(w, &a, a.peer, a.sequence, now_of(w));
	expect_answer(w, &a, 1005, 0);
	assert_int_equal(expect_event(w, &a, HEARTH_OFFLINE, HEARTH_REPLACED).record.session, 1001);
	assert_int_equal(expect_event(w, &a, HEARTH_ONLINE, 1004).record.session, 1002);
	assert_false(tcp_closed(w, a.peer.connection));
	good_request(w, &a, 1000, 0);
}

static void connect_on_a_connection_of_another_device_ends_that_session(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A, b = SIDE_B;

	live_tcp(w, &a);
	log_in(w, &b);
	b.peer = a.peer;
	send_connect(w, &b, b.peer, 1, now_of(w));
	expect_answer(w, &b, 1005, 0);
	expect_event(w, &a, HEARTH_OFFLINE, HEARTH_CLOSED);
	expect_event(w, &b, HEARTH_ONLINE, 1004);
	assert_int_equal(entry_now(w, &a).state, SESSION_RESTING);
	send_request(w, &a, 1000, a.sequence + 1);
	expect_silence(w);
	b.sequence = 1;
	good_request(w, &b, 1000, 0);
}

static void connect_elsewhere_ends_the_older_connection(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	struct peer old;

	live_tcp(w, &a);
	old = a.peer;
	w->host.clock.unix_ms += 1000;
	a.peer = on_udp(3000); /* TCP to UDP */
	send_connect(w, &a, a.peer, a.sequence, now_of(w));
	expect_answer(w, &a, 1005, 0);
	expect_event(w, &a, HEARTH_OFFLINE, HEARTH_REPLACED);
	assert_int_equal(expect_event(w, &a, HEARTH_ONLINE, 1004).record.via, HEARTH_VIA_UDP);
	assert_true(tcp_closed(w, old.connection));
	tcp_drop(w, old.connection); /* its end is nobody's by now */
	expect_no_event(w);
	good_request(w, &a, 1000, 0);
	w->host.clock.unix_ms += 1000;
	a.peer = on_tcp(tcp_open(w)); /* UDP to TCP */
	send_connect(w, &a, a.peer, a.sequence, now_of(w));
	expect_answer(w, &a, 1005, 0);
	expect_event(w, &a, HEARTH_OFFLINE, HEARTH_REPLACED);
	assert_int_equal(expect_event(w, &a, HEARTH_ONLINE, 1004).record.via, HEARTH_VIA_TCP);
	good_request(w, &a, 1000, 0);
}

static void session_is_heard_on_the_transport_of_its_connect_only(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A, b = SIDE_B;
	uint32_t other = tcp_open(w);

	live_tcp(w, &a);
	live_udp(w, &b, 4000);
	queue_request(w, &a, on_udp(4001), 1000, a.sequence + 1, now_of(w));
	queue_request(w, &a, on_tcp(other), 1000, a.sequence + 1, now_of(w));
	queue_request(w, &a, on_tcp(other), 2006, a.sequence + 9, now_of(w));
	queue_request(w, &a, b.peer, 2006, a.sequence + 1, now_of(w));
	queue_request(w, &b, a.peer, 2006, b.sequence + 1, now_of(w));
	world_turn(w);
	expect_silence(w);
	expect_no_event(w);
	assert_false(tcp_closed(w, other));
	assert_int_equal(counted(w, MC_DROP_NOT_BOUND), 5);
	good_request(w, &a, 1000, 0);
	good_request(w, &b, 1000, 0);
}

static void connect_and_first_reports_may_share_a_segment(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	uint32_t connection = tcp_open(w), now = now_of(w);

	log_in(w, &a);
	queue_request(w, &a, on_tcp(connection), 2006, 5, now); /* before it: not connected */
	queue_connect(w, &a, on_tcp(connection), 65535, now);
	queue_request(w, &a, on_tcp(connection), 2006, 0, now);
	queue_request(w, &a, on_tcp(connection), 2022, 1, now);
	world_turn(w);
	expect_answer(w, &a, 1005, 0);
	expect_answer(w, &a, 2007, 0);
	expect_answer(w, &a, 2023, 0);
	expect_silence(w);
	expect_event(w, &a, HEARTH_ONLINE, 1004);
	assert_int_equal(expect_event(w, &a, HEARTH_UPLINK, 2006).record.count, 1);
	assert_int_equal(expect_event(w, &a, HEARTH_UPLINK, 2022).record.count, 2);
	assert_int_equal(counted(w, MC_DROP_NOT_LIVE), 1);
}

static void frames_behind_a_replacement_on_the_old_connection_are_dropped(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	struct peer old, new = on_tcp(tcp_open(w));
	uint32_t now;

	live_tcp(w, &a);
	old = a.peer;
	w->host.clock.unix_ms += 1000;
	now = now_of(w);
	queue_request(w, &a, old, 2006, a.sequence + 1, now);
	queue_connect(w, &a, new, 700, now);
	queue_request(w, &a, old, 2006, a.sequence + 2, now);
	queue_connect(w, &a, old, 800, now); /* the connection is closing */
	queue_request(w, &a, new, 2006, 701, now);
	world_turn(w);
	expect_answer(w, &a, 2007, 0);
	expect_answer(w, &a, 1005, 0);
	expect_answer(w, &a, 2007, 0);
	expect_silence(w);
	expect_event(w, &a, HEARTH_UPLINK, 2006);
	expect_event(w, &a, HEARTH_OFFLINE, HEARTH_REPLACED);
	expect_event(w, &a, HEARTH_ONLINE, 1004);
	expect_event(w, &a, HEARTH_UPLINK, 2006);
	expect_no_event(w);
	assert_int_equal(counted(w, MC_DROP_CLOSING), 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(connect_is_answered_with_all_members),
		TEST(connect_without_version_and_model_is_taken),
		TEST(connect_carries_values_of_any_kind_as_they_came),
		TEST(connect_failures_close_tcp_and_are_silent_on_udp),
		TEST(connect_must_be_newer_than_the_last_accepted_one),
		TEST(connect_repeated_on_udp_is_answered_again_and_nothing_else),
		TEST(connect_out_of_time_is_told_the_time_and_nothing_more),
		TEST(connect_time_is_not_checked_with_window_0),
		TEST(connect_again_on_one_connection_replaces_the_session),
		TEST(connect_on_a_connection_of_another_device_ends_that_session),
		TEST(connect_elsewhere_ends_the_older_connection),
		TEST(session_is_heard_on_the_transport_of_its_connect_only),
		TEST(connect_and_first_reports_may_share_a_segment),
		TEST(frames_behind_a_replacement_on_the_old_connection_are_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
