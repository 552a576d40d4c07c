/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_mc.c - login, connect and the life of a session (specs: Login, Connect, Liveness) */
#include "mc_host.h"

/* ---- login ---- */

static void login_is_answered_with_all_members_in_their_order(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	struct frame_text *frame = malloc(sizeof(*frame));
	uint32_t connection = tcp_open(w);
	struct answer answer;
	char expected[512];

	login_frame(w, &a, frame);
	deliver(w, on_login(connection), frame->text, frame->length);
	answer = next_answer(w, PIN_A, IV_OF(PIN_A));
	assert_int_equal(answer.code, 1003);
	member_text(answer.plain, "sessionKey", a.key, sizeof(a.key));
	member_text(answer.plain, "token", a.token, sizeof(a.token));
	assert_int_equal(strlen(a.key), 16);
	assert_int_equal(strlen(a.token), 16);
	snprintf(expected, sizeof(expected),
		"{\"result\":0,\"sequence\":\"12345\",\"sessionKey\":\"%s\",\"tcpHost\":"
		"\"198.18.0.1:7701\",\"udpHost\":\"198.18.0.1:7701\",\"token\":\"%s\",\"time\":%u}",
		a.key, a.token, START_UNIX);
	assert_string_equal(answer.plain, expected);
	assert_false(tcp_closed(w, connection));
	assert_int_equal(counted(w, MC_LOGINS), 1);
	expect_no_event(w);
	free(frame);
}

static void login_hosts_are_both_there_even_when_one_is_not_offered(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	char nothing[] = "";

	w->config.mc.advertise_udp = nothing;
	struct frame_text *frame = malloc(sizeof(*frame));
	login_frame(w, &a, frame);
	deliver(w, on_login(tcp_open(w)), frame->text, frame->length);
	assert_non_null(strstr(next_answer(w, PIN_A, IV_OF(PIN_A)).plain, "\"udpHost\":\"\""));
	free(frame);
}

static void login_takes_ids_of_34_and_64_characters(void **state)
{
	struct world *w = *state;
	struct device_side b = SIDE_B, l = SIDE_LONG;

	live_tcp(w, &b);
	live_udp(w, &l, 1000);
	good_request(w, &l, 2006, 0);
	assert_int_equal(expect_event(w, &l, HEARTH_UPLINK, 2006).record.device_length, 64);
}

static void login_deviceid_is_compared_byte_for_byte(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	a.id = "00000000000000000000004"; /* a prefix */
	struct frame_text *frame = malloc(sizeof(*frame));
	uint32_t connection = tcp_open(w);
	login_frame(w, &a, frame);
	deliver(w, on_login(connection), frame->text, frame->length);
	assert_true(tcp_closed(w, connection));
	assert_int_equal(counted(w, MC_DROP_DEVICE), 1);
	expect_silence(w);
	free(frame);
}

static void login_sequence_number_is_answered_as_a_number(void **state)
{
	struct world *w = *state;
	struct frame_text *frame = malloc(sizeof(*frame));
	struct answer answer;

	seal(frame, 1002, "\"deviceId\":\"" DEVICE_A "\"", PIN_A, IV_OF(PIN_A),
		"{ \"deviceId\":\"" DEVICE_A "\", \"sequence\" : 0 }");
	deliver(w, on_login(tcp_open(w)), frame->text, frame->length);
	answer = next_answer(w, PIN_A, IV_OF(PIN_A));
	assert_non_null(strstr(answer.plain, "\"sequence\":0,"));
	free(frame);
}

static void login_with_a_wrong_clock_is_granted(void **state)
{
	struct world *w = *state;
	struct frame_text *frame = malloc(sizeof(*frame));
	struct answer answer;

	seal(frame, 1002, "\"deviceId\":\"" DEVICE_A "\"", PIN_A, IV_OF(PIN_A),
		"{\"sequence\":\"1\",\"deviceId\":\"" DEVICE_A "\",\"time\":5}");
	deliver(w, on_login(tcp_open(w)), frame->text, frame->length);
	answer = next_answer(w, PIN_A, IV_OF(PIN_A));
	assert_int_equal(member_number(answer.plain, "time"), START_UNIX);
	free(frame);
}

/* A failed login: closed, nothing sent, and a good one behind it in the segment is not looked at. */
static void expect_refused_login(struct world *w, const struct frame_text *frame)
{
	struct device_side a = SIDE_A;
	struct frame_text *good = malloc(sizeof(*good));
	uint32_t connection = tcp_open(w);
	uint64_t granted = counted(w, MC_LOGINS);

	login_frame(w, &a, good);
	queue(w, on_login(connection), frame->text, frame->length);
	queue(w, on_login(connection), good->text, good->length);
	world_turn(w);
	assert_true(tcp_closed(w, connection));
	expect_silence(w);
	expect_no_event(w);
	assert_int_equal(counted(w, MC_LOGINS), granted);
	free(good);
}

static void login_failures_all_close_and_send_nothing(void **state)
{
	static const char named[] = "\"deviceId\":\"" DEVICE_A "\"";
	static const char good[] = "{\"sequence\":\"1\",\"deviceId\":\"" DEVICE_A "\"}";
	struct world *w = *state;
	struct frame_text *frame = malloc(sizeof(*frame));

	seal(frame, 1002, "\"deviceId\":\"nobody\"", PIN_A, IV_OF(PIN_A), good);
	expect_refused_login(w, frame);
	assert_int_equal(counted(w, MC_DROP_DEVICE), 1);
	seal(frame, 1002, "\"deviceId\":\"\"", PIN_A, IV_OF(PIN_A), good);
	expect_refused_login(w, frame);
	assert_int_equal(counted(w, MC_DROP_DEVICE), 2);
	seal(frame, 1002, named, PIN_B, IV_OF(PIN_B), good);
	expect_refused_login(w, frame);
	assert_int_equal(counted(w, MC_DROP_PADDING), 1);
	seal(frame, 1002, named, PIN_A, IV_OF(PIN_A), "{\"sequence\":\"1\",");
	expect_refused_login(w, frame);
	assert_int_equal(counted(w, MC_DROP_JSON), 1);
	seal(frame, 1002, named, PIN_A, IV_OF(PIN_A), "{\"deviceId\":\"" DEVICE_A "\"}");
	expect_refused_login(w, frame);
	assert_int_equal(counted(w, MC_DROP_NO_SEQUENCE), 1);
	seal(frame, 1002, named, PIN_A, IV_OF(PIN_A),
		"{\"sequence\":\"65536\",\"deviceId\":\"" DEVICE_A "\"}");
	expect_refused_login(w, frame);
	seal(frame, 1002, named, PIN_A, IV_OF(PIN_A), "{\"sequence\":\"1\"}");
	expect_refused_login(w, frame);
	seal(frame, 1002, named, PIN_A, IV_OF(PIN_A),
		"{\"sequence\":\"1\",\"deviceId\":\"" DEVICE_B "\"}");
	expect_refused_login(w, frame);
	assert_int_equal(counted(w, MC_DROP_MISMATCH), 2);
	frame->length = snprintf(frame->text, sizeof(frame->text),
		"CTS{\"code\":1002,\"deviceId\":\"" DEVICE_A "\",\"data\":\"AAAA\"}\r\n");
	expect_refused_login(w, frame);
	assert_int_equal(counted(w, MC_DROP_BLOCKS), 1);
	frame->length = snprintf(frame->text, sizeof(frame->text),
		"CTS{\"code\":1002,\"deviceId\":\"" DEVICE_A "\",\"data\":\"!\"}\r\n");
	expect_refused_login(w, frame);
	assert_int_equal(counted(w, MC_DROP_BASE64), 1);
	free(frame);
}

static void login_port_takes_1002_only(void **state)
{
	static const char token[] = "\"token\":\"AAAAAAAAAAAAAAAA\"";
	struct world *w = *state;
	struct frame_text *frame = malloc(sizeof(*frame));
	const char *garbage = "CTS{\"code\":1002}\r\n";

	seal(frame, 1000, token, PIN_A, PIN_A, "{\"sequence\":\"1\"}");
	expect_refused_login(w, frame);
	seal(frame, 1004, token, PIN_A, PIN_A, "{\"sequence\":\"1\"}");
	expect_refused_login(w, frame);
	assert_int_equal(counted(w, MC_DROP_LOGIN_PORT), 2);
	seal(frame, 1003, token, PIN_A, PIN_A, "{\"sequence\":\"1\"}");
	expect_refused_login(w, frame);
	memcpy(frame->text, garbage, frame->length = strlen(garbage));
	expect_refused_login(w, frame);
	memcpy(frame->text, "GET / HTTP/1.1\r\n", frame->length = 16);
	expect_refused_login(w, frame);
	free(frame);
}

static void login_elsewhere_is_dropped(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	struct frame_text *frame = malloc(sizeof(*frame));
	uint32_t connection = tcp_open(w);

	login_frame(w, &a, frame);
	deliver(w, on_tcp(connection), frame->text, frame->length);
	deliver(w, on_udp(1000), frame->text, frame->length);
	assert_false(tcp_closed(w, connection));
	expect_silence(w);
	assert_int_equal(counted(w, MC_DROP_LOGIN_ELSEWHERE), 2);
	assert_int_equal(counted(w, MC_LOGINS), 0);
	free(frame);
}

static void login_connection_is_closed_by_the_broker_after_10_seconds(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	uint32_t connection = log_in(w, &a);

	assert_false(tcp_closed(w, connection));
	assert_int_equal(w->connections[connection].deadline, w->host.clock.tick + 10);
}

static void login_not_connected_within_120_seconds_lapses(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	log_in(w, &a);
	world_pass(w, 120);
	connected(w, &a, on_udp(1000));
	log_in(w, &a);
	w->host.clock.tick += 121; /* before any sweep */
	uint32_t connection = tcp_open(w);
	send_connect(w, &a, on_tcp(connection), a.sequence, now_of(w));
	assert_true(tcp_closed(w, connection));
	expect_silence(w);
	mc_protocol.sweep(w->mc, 64);
	world_turn(w);
	assert_int_equal(entry_of(w, &a), SESSION_NONE);
	assert_int_equal(world_session_counters[SESSION_LAPSED], 1);
}

static void login_replaces_an_older_one_that_was_not_used(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A, newer = SIDE_A;
	uint32_t connection = tcp_open(w);

	log_in(w, &a);
	log_in(w, &newer);
	send_connect(w, &a, on_tcp(connection), 1, now_of(w));
	assert_true(tcp_closed(w, connection));
	expect_silence(w);
	connected(w, &newer, on_tcp(tcp_open(w)));
}

static void login_leaves_a_running_session_alone_until_the_new_token_connects(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A, newer = SIDE_A;
	struct event event;

	live_tcp(w, &a);
	log_in(w, &newer);
	expect_no_event(w);
	good_request(w, &a, 1000, 0);
	good_request(w, &a, 2006, 0);
	expect_event(w, &a, HEARTH_UPLINK, 2006);
	newer.peer = on_tcp(tcp_open(w));
	send_connect(w, &newer, newer.peer, newer.sequence, now_of(w));
	expect_answer(w, &newer, 1005, 0);
	event = expect_event(w, &a, HEARTH_OFFLINE, HEARTH_REPLACED);
	assert_int_equal(event.record.session, 1001);
	event = expect_event(w, &a, HEARTH_ONLINE, 1004);
	assert_int_equal(event.record.session, 1002);
	assert_true(tcp_closed(w, a.peer.connection));
	assert_int_equal(entry_of(w, &a), SESSION_NONE);
	good_request(w, &newer, 1000, 0);
}

static void login_voids_the_token_of_a_session_that_has_ended(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A, newer = SIDE_A;
	uint32_t connection;

	live_tcp(w, &a);
	tcp_drop(w, a.peer.connection);
	assert_int_equal(entry_now(w, &a).state, SESSION_RESTING);
	log_in(w, &newer);
	assert_int_equal(entry_of(w, &a), SESSION_NONE);
	connection = tcp_open(w);
	w->host.clock.unix_ms += 1000;
	send_connect(w, &a, on_tcp(connection), 1, now_of(w));
	assert_true(tcp_closed(w, connection));
	expect_silence(w);
}

static void login_keys_and_tokens_never_repeat(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	char seen[64][33];

	for (unsigned i = 0; i < 64; i++) {
		log_in(w, &a);
		snprintf(seen[i], sizeof(seen[i]), "%s%s", a.key, a.token);
		for (unsigned j = 0; j < i; j++) {
			assert_memory_not_equal(seen[i], seen[j], 16);
			assert_memory_not_equal(seen[i] + 16, seen[j] + 16, 16);
		}
	}
	assert_int_equal(session_counts(w->host.sessions).login, 1);
}

/* ---- connect ---- */

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
	w->host.clock.unix_ms -= 400000;
	good_request(w, &a, 1000, 0);
	send_connect(w, &a, on_udp(1000), 12346, now); /* a later request was accepted: a replay */
	expect_silence(w);
	assert_int_equal(counted(w, MC_DROP_REPLAY), 1);
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

static void token_of_a_removed_device_is_void(void **state)
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

/* ---- life ---- */

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

static void kicked_and_removed_sessions_end_and_their_tokens_are_void(void **state)
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

static void logins_without_a_free_entry_are_closed(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	struct frame_text *frame = malloc(sizeof(*frame));
	uint8_t key[16];
	char token[16];
	uint32_t connection = tcp_open(w);

	for (unsigned i = 0; i < 64; i++)
		assert_int_not_equal(session_login(w->host.sessions, 0, 1, w->host.clock.tick,
					     now_of(w), key, token),
			SESSION_NONE);
	login_frame(w, &a, frame);
	deliver(w, on_login(connection), frame->text, frame->length);
	assert_true(tcp_closed(w, connection));
	expect_silence(w);
	assert_int_equal(counted(w, MC_DROP_FULL), 1);
	free(frame);
}

static void login_may_take_the_entry_of_a_rested_session(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A, b = SIDE_B;
	struct frame_text *frame = malloc(sizeof(*frame));
	uint8_t key[16];
	char token[16];
	uint32_t connection = tcp_open(w);
	struct answer answer;

	live_tcp(w, &a);
	tcp_drop(w, a.peer.connection);
	expect_event(w, &a, HEARTH_OFFLINE, HEARTH_CLOSED);
	for (unsigned i = 0; i < 63; i++)
		session_login(w->host.sessions, 0, 1, w->host.clock.tick, now_of(w), key, token);
	/* B's login takes A's entry in the batch in which A comes back with its token */
	w->host.clock.unix_ms += 1000;
	login_frame(w, &b, frame);
	queue(w, on_login(tcp_open(w)), frame->text, frame->length);
	queue_connect(w, &a, on_tcp(connection), 1, now_of(w));
	world_turn(w);
	answer = next_answer(w, PIN_B, IV_OF(PIN_B));
	assert_int_equal(answer.code, 1003);
	expect_silence(w);
	assert_true(tcp_closed(w, connection));
	assert_int_equal(world_session_counters[SESSION_RECLAIMED], 1);
	member_text(answer.plain, "sessionKey", b.key, sizeof(b.key));
	member_text(answer.plain, "token", b.token, sizeof(b.token));
	connected(w, &b, on_udp(8));
	/* A's record still names the entry: that must end nothing of B's. */
	assert_int_equal(device_of(w, &a)->live, device_of(w, &b)->live);
	free(frame);
	world_pass(w, 200);
	expect_event(w, &b, HEARTH_OFFLINE, HEARTH_TIMEOUT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(login_is_answered_with_all_members_in_their_order),
		TEST(login_hosts_are_both_there_even_when_one_is_not_offered),
		TEST(login_takes_ids_of_34_and_64_characters),
		TEST(login_deviceid_is_compared_byte_for_byte),
		TEST(login_sequence_number_is_answered_as_a_number),
		TEST(login_with_a_wrong_clock_is_granted),
		TEST(login_failures_all_close_and_send_nothing),
		TEST(login_port_takes_1002_only),
		TEST(login_elsewhere_is_dropped),
		TEST(login_connection_is_closed_by_the_broker_after_10_seconds),
		TEST(login_not_connected_within_120_seconds_lapses),
		TEST(login_replaces_an_older_one_that_was_not_used),
		TEST(login_leaves_a_running_session_alone_until_the_new_token_connects),
		TEST(login_voids_the_token_of_a_session_that_has_ended),
		TEST(login_keys_and_tokens_never_repeat),
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
		TEST(connect_with_the_old_token_is_taken_after_closed_and_timeout),
		TEST(token_is_good_for_token_seconds_after_its_login),
		TEST(token_of_a_removed_device_is_void),
		TEST(silence_for_3_heartbeats_and_10_seconds_ends_a_session),
		TEST(repeats_and_dropped_frames_are_no_sign_of_life),
		TEST(errors_that_take_their_number_are_a_sign_of_life),
		TEST(kicked_and_removed_sessions_end_and_their_tokens_are_void),
		TEST(session_is_synchronised_4_heartbeats_after_its_latest_report),
		TEST(answers_without_room_are_lost_and_the_repeat_is_answered),
		TEST(logins_without_a_free_entry_are_closed),
		TEST(login_may_take_the_entry_of_a_rested_session),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
