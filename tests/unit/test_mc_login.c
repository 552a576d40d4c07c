/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_mc_login.c - login: what it answers, when it fails, what it replaces (specs: Login) */
#include "mc_host.h"

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

/* A failed login: closed, nothing sent; a good one behind it in the segment is not looked at. */
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
		TEST(logins_without_a_free_entry_are_closed),
		TEST(login_may_take_the_entry_of_a_rested_session),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
