/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_mc_command.c - platform requests: how they leave, what answers them, and what if nothing
 * does (K23) */
#include "mc_command.h"
#include "mc_ring.h"

/* ---- how they leave ---- */

static void a_request_leaves_at_once_and_its_answer_is_an_event(void **state)
{
	struct world *w = *state;
	struct device_side sides[] = {SIDE_A, SIDE_B};

	for (unsigned via = 0; via < 2; via++) {
		struct device_side a = sides[via];
		struct event event;
		uint64_t request;
		uint16_t sequence;

		if (via)
			live_tcp(w, &a);
		else
			live_udp(w, &a, 1);
		request = ask(w, &a);
		world_turn(w);
		sequence = expect_asked(w, &a, 2003);
		expect_silence(w);
		w->host.clock.unix_ms += 3000;
		queue_response(w, &a, a.peer, 2002, sequence,
			",\"pin\":\"12345678901234567890123456789012\",\"result\":\"200002\",\"x\":"
			"[1]");
		world_turn(w);
		event = expect_response(w, &a, request);
		assert_int_equal(event.record.code, 2002);
		assert_int_equal(event.record.result, 200002);
		assert_int_equal(event.record.sequence, sequence);
		assert_int_equal(event.record.session, entry_now(w, &a).number);
		assert_int_equal(event.record.device_time, now_of(w));
		assert_int_equal(event.record.via, a.peer.via);
		assert_int_not_equal(event.record.peer_port, 0);
		assert_null(strstr(event.payload, "pin"));
		assert_non_null(strstr(event.payload, ",\"result\":\"200002\",\"x\":[1]"));
		expect_no_event(w);
		expect_silence(w);
		expect_pool_empty(w);
		assert_int_equal(entry_now(w, &a).command, 0);
		/* No count, no number of the device's was used up. */
		good_request(w, &a, 2006, 0);
		assert_int_equal(expect_event(w, &a, HEARTH_UPLINK, 2006).record.count, 1);
	}
}

/* What the device reads: sequence, deviceId where missing, the members as they are, time. */
static void the_broker_adds_sequence_device_and_time(void **state)
{
	static const struct {
		const char *body, *expected;
	} rows[] = {
		{"{}", "{\"sequence\":\"%u\",\"deviceId\":\"" DEVICE_A "\",\"time\":%u}"},
		{" { \n } ", "{\"sequence\":\"%u\",\"deviceId\":\"" DEVICE_A "\",\"time\":%u}"},
		{" {\t\"a\" : [ 1, {\"time\":5} ] ,\"b\":\"}\" \r\n}\n",
			"{\"sequence\":\"%u\",\"deviceId\":\"" DEVICE_A
			"\",\"a\" : [ 1, {\"time\":5} ] ,\"b\":\"}\",\"time\":%u}"},
		{"{\"deviceId\":\"" DEVICE_A "\"}",
			"{\"sequence\":\"%u\",\"deviceId\":\"" DEVICE_A "\",\"time\":%u}"},
		{"{\"x\":1,\"deviceId\":\"00000000000000000000004\\u0032\",\"y\":2}",
			"{\"sequence\":\"%u\",\"x\":1,\"deviceId\":"
			"\"00000000000000000000004\\u0032\","
			"\"y\":2,\"time\":%u}"},
	};
	struct world *w = *state;
	struct device_side a = SIDE_A;

	live_udp(w, &a, 1);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t request = ask_id(w, a.id, 2005, rows[i].body);
		uint16_t sequence = entry_now(w, &a).platform_sequence;
		struct answer got;
		char expected[512];

		world_turn(w);
		got = answer_of(w, &a);
		assert_int_equal(got.code, 2005);
		snprintf(expected, sizeof(expected), rows[i].expected, sequence, now_of(w));
		assert_string_equal(got.plain, expected);
		respond(w, &a, 2004, sequence);
		expect_response(w, &a, request);
	}
}

/* One is outstanding, the others wait in their order; a number is taken when it is first sent. */
static void requests_are_sent_one_at_a_time_in_order(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	uint64_t requests[17];
	uint16_t sequence, before = 0;

	live_tcp(w, &a);
	session_touch(w->host.sessions, entry_of(w, &a))->platform_sequence = 65530;
	for (unsigned i = 0; i < 17; i++)
		requests[i] = ask(w, &a);
	world_turn(w);
	for (unsigned i = 0; i < 17; i++) {
		sequence = expect_asked(w, &a, 2003);
		assert_int_equal(sequence, (uint16_t)(65530 + i));
		if (i)
			assert_int_equal(sequence, (uint16_t)(before + 1));
		before = sequence;
		expect_silence(w);
		respond(w, &a, 2002, sequence);
		expect_response(w, &a, requests[i]);
	}
	assert_int_equal(counted(w, MC_COMMAND_SENDS), 17);
	assert_int_equal(counted(w, MC_RESPONSES), 17);
	expect_silence(w);
	expect_pool_empty(w);
}

/* K23: command queue overflow. */
static void k23_more_than_the_queue_holds_are_refused_at_once(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	uint64_t requests[19];
	uint16_t sequence;

	live_tcp(w, &a);
	for (unsigned i = 0; i < 19; i++)
		requests[i] = ask(w, &a);
	world_turn(w);
	expect_undelivered(w, &a, requests[17], HEARTH_QUEUE_FULL);
	expect_undelivered(w, &a, requests[18], HEARTH_QUEUE_FULL);
	expect_no_event(w);
	sequence = expect_asked(w, &a, 2003);
	respond(w, &a, 2002, sequence);
	expect_response(w, &a, requests[0]);
	requests[0] = ask(w, &a);
	world_turn(w);
	expect_no_event(w);
	assert_int_equal(counted(w, MC_UNDELIVERED_QUEUE_FULL), 2);
}

static void what_is_malformed_is_refused(void **state)
{
	static const struct {
		const char *id;
		uint32_t code;
		const char *body;
	} rows[] = {
		{DEVICE_A, 2003, ""},
		{DEVICE_A, 2003, "[]"},
		{DEVICE_A, 2003, "{\"a\":1"},
		{DEVICE_A, 2003, "{} {}"},
		{DEVICE_A, 2003, "{\"a\":1,\"a\":2}"},
		{DEVICE_A, 2003, "{\"sequence\":\"1\"}"},
		{DEVICE_A, 2003, "{\"s\\u0065quence\":1}"},
		{DEVICE_A, 2003, "{\"time\":1700000000}"},
		{DEVICE_A, 2003, "{\"deviceId\":\"" DEVICE_B "\"}"},
		{DEVICE_A, 2003, "{\"deviceId\":\"nobody\"}"},
		{DEVICE_A, 2003, "{\"deviceId\":\"\"}"},
		{DEVICE_A, 2003, "{\"deviceId\":42}"},
		{DEVICE_A, 2025, "{\"device\":{},\"modules\":[]}"},
		{DEVICE_A, 2025, "{}"},
		{DEVICE_A, 2002, "{}"},
		{DEVICE_A, 2006, "{}"},
		{DEVICE_A, 2007, "{}"},
		{DEVICE_A, 1001, "{}"},
		{DEVICE_A, 0, "{}"},
		{DEVICE_A, 2003 + 65536, "{}"},
		{"nobody", 2003, "{}"},
		{"\x80\xff", 2003, "{}"},
	};
	struct world *w = *state;
	struct device_side a = SIDE_A;

	live_udp(w, &a, 1);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t request = ask_id(w, rows[i].id, rows[i].code, rows[i].body);

		world_turn(w);
		expect_undelivered_to(w, rows[i].id, request, HEARTH_REFUSED);
		expect_silence(w);
	}
	expect_no_event(w);
	expect_pool_empty(w);
	assert_int_equal(counted(w, MC_UNDELIVERED_REFUSED), sizeof(rows) / sizeof(rows[0]));
}

static void every_code_of_the_table_is_sent(void **state)
{
	static const uint16_t codes[] = {2001, 2003, 2005, 2015, 2025, 2031};
	struct world *w = *state;
	struct device_side a = SIDE_A;

	live_udp(w, &a, 1);
	for (unsigned i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		uint64_t request = ask_id(
			w, a.id, codes[i], codes[i] == 2025 ? "{\"modules\":[]}" : "{\"any\":1}");

		world_turn(w);
		respond(w, &a, codes[i] - 1, expect_asked(w, &a, codes[i]));
		assert_int_equal(expect_response(w, &a, request).record.code, codes[i] - 1);
	}
	ask_id(w, a.id, 2025, "{\"device\":{\"url\":\"http://198.18.0.9/\"}}");
	world_turn(w);
	expect_asked(w, &a, 2025);
}

/* The longest body that fits, and one byte more. */
static void a_frame_is_as_long_as_its_transport_lets_it(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	char body[1600];

	for (unsigned kind = 0; kind < 3; kind++) { /* TCP, IPv4, IPv6 */
		const uint32_t limit = kind == 0 ? 1000 : kind == 1 ? 1472 : 1452;
		uint32_t longest = 0;

		w->config.mc.frame_tcp = 1000;
		w->config.mc.frame_udp = 1472;
		log_in(w, &a);
		w->host.clock.unix_ms += 1000;
		a.peer = kind == 0 ? on_tcp(tcp_open(w)) : kind == 1 ? on_udp(1) : on_udp6(1);
		send_connect(w, &a, a.peer, a.sequence, now_of(w));
		expect_answer(w, &a, 1005, 0);
		while (next_event(w).there)
			;
		for (uint32_t length = 500; length < 1300; length++) {
			uint64_t request;
			struct event event;

			snprintf(body, sizeof(body), "{\"a\":\"%0*d\"}", (int)length, 0);
			request = ask_id(w, a.id, 2003, body);
			world_turn(w);
			if (w->sent_next < w->sent_count) {
				assert_int_equal(longest, length == 500 ? 0 : length - 1);
				longest = length;
				assert_true(w->sent[w->sent_next].length <= limit);
				respond(w, &a, 2002, expect_asked(w, &a, 2003));
				expect_response(w, &a, request);
				continue;
			}
			event = expect_undelivered_to(w, a.id, request, HEARTH_TOO_LARGE);
			assert_true(event.there);
		}
		/* Base64 of whole blocks: the next longer frame would be 20 to 24 bytes longer. */
		assert_true(longest > limit * 3 / 4 - 170);
		expect_pool_empty(w);
	}
}

/* A device that goes over to IPv6 with a request waiting that only fits IPv4. */
static void a_request_that_no_longer_fits_is_too_large(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	uint64_t first, second;
	char body[1200];
	uint16_t sequence;

	live_udp(w, &a, 1);
	snprintf(body, sizeof(body), "{\"a\":\"%0*d\"}", 975, 0);
	first = ask(w, &a);
	second = ask_id(w, a.id, 2003, body);
	world_turn(w);
	sequence = expect_asked(w, &a, 2003);
	a.peer = on_udp6(1);
	good_request(w, &a, 1000, 0);
	respond(w, &a, 2002, sequence);
	expect_response(w, &a, first);
	expect_undelivered(w, &a, second, HEARTH_TOO_LARGE);
	expect_silence(w);
}

/* ---- what answers them ---- */

/* K23: an answer that is another device's, another request's, or nobody's. */
static void k23_only_the_outstanding_request_is_answered(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A, b = SIDE_B;
	uint64_t request;
	uint16_t sequence;
	struct session_turn before;

	live_udp(w, &a, 1);
	live_udp(w, &b, 2);
	respond(w, &a, 2002, 0); /* nothing was asked */
	request = ask(w, &a);
	ask(w, &a);
	world_turn(w);
	sequence = expect_asked(w, &a, 2003);
	seconds_pass(w, 2);
	before = entry_now(w, &a);
	respond(w, &b, 2002, sequence);     /* another device */
	respond(w, &a, 2002, sequence + 1); /* the one that waits */
	respond(w, &a, 2002, sequence - 1);
	respond(w, &a, 2004, sequence); /* another code */
	respond(w, &a, 2000, sequence);
	queue_response(w, &a, on_udp(9), 2002, sequence + 1, ",\"result\":0");
	queue_response(w, &a, on_udp(9), 2002, sequence, ""); /* no result */
	queue_response(w, &a, on_udp(9), 2002, sequence, ",\"result\":-1");
	queue_response(w, &a, on_udp(9), 2002, sequence, ",\"result\":true");
	queue_response(w, &a, on_tcp(tcp_open(w)), 2002, sequence, ",\"result\":0");
	world_turn(w);
	expect_no_event(w);
	expect_silence(w);
	/* They moved neither liveness nor address. */
	assert_int_equal(entry_now(w, &a).heard, before.heard);
	assert_int_equal(ntohs(entry_now(w, &a).peer.port), 1);
	assert_int_equal(counted(w, MC_DROP_UNMATCHED), 7);
	assert_int_equal(counted(w, MC_DROP_ANSWER), 3);
	/* The one that counts is fresh: the address is where it came from. */
	queue_response(w, &a, on_udp(9), 2002, sequence, ",\"result\":0");
	world_turn(w);
	expect_response(w, &a, request);
	assert_int_equal(entry_now(w, &a).heard, w->host.clock.tick);
	assert_int_equal(ntohs(entry_now(w, &a).peer.port), 9);
	a.peer = on_udp(9);
	expect_asked(w, &a, 2003);
}

/* Also when it comes twice in one batch, or after the request was given up. */
static void k23_an_answer_counts_once(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	uint64_t request;
	uint16_t sequence;

	live_udp(w, &a, 1);
	w->config.mc.unanswered = UNANSWERED_NEVER;
	request = ask(w, &a);
	world_turn(w);
	sequence = expect_asked(w, &a, 2003);
	queue_response(w, &a, a.peer, 2002, sequence, ",\"result\":0");
	queue_response(w, &a, a.peer, 2002, sequence, ",\"result\":0");
	world_turn(w);
	expect_response(w, &a, request);
	respond(w, &a, 2002, sequence);
	expect_no_event(w);
	assert_int_equal(counted(w, MC_DROP_UNMATCHED), 2);
	request = ask(w, &a);
	world_turn(w);
	sequence = expect_asked(w, &a, 2003);
	seconds_pass(w, 30);
	for (unsigned i = 0; i < 2; i++)
		answer_of(w, &a);
	expect_undelivered(w, &a, request, HEARTH_NO_ANSWER);
	respond(w, &a, 2002, sequence);
	expect_no_event(w);
	assert_int_equal(counted(w, MC_DROP_UNMATCHED), 3);
}

static void an_answer_keeps_a_session_alive(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	live_udp(w, &a, 1);
	for (unsigned i = 0; i < 4; i++) {
		uint64_t request;

		world_pass(w, 100);
		request = ask(w, &a);
		world_turn(w);
		respond(w, &a, 2002, expect_asked(w, &a, 2003));
		expect_response(w, &a, request);
	}
	world_pass(w, 145);
	expect_no_event(w);
	world_pass(w, 1);
	expect_event(w, &a, HEARTH_OFFLINE, HEARTH_TIMEOUT);
}

/* ---- no answer ---- */

static void no_answer_is_asked_for_three_times_with_one_number(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	uint16_t sequence;
	uint64_t request;

	live_udp(w, &a, 1);
	request = ask(w, &a);
	world_turn(w);
	sequence = expect_asked(w, &a, 2003);
	for (unsigned i = 0; i < 2; i++) {
		seconds_pass(w, 9);
		expect_silence(w);
		seconds_pass(w, 1); /* asked with a new time */
		assert_int_equal(expect_asked(w, &a, 2003), sequence);
		expect_no_event(w);
	}
	seconds_pass(w, 9);
	expect_no_event(w);
	seconds_pass(w, 1);
	expect_undelivered(w, &a, request, HEARTH_NO_ANSWER);
	expect_event(w, &a, HEARTH_OFFLINE, HEARTH_UNANSWERED);
	expect_silence(w);
	expect_no_event(w);
	expect_pool_empty(w);
	assert_int_equal(counted(w, MC_COMMAND_SENDS), 3);
	/* Its token is void: the device logs in again. */
	assert_int_equal(entry_of(w, &a), SESSION_NONE);
}

/* mc.commands.unanswered, with and without a fresh frame since the first send. */
static void the_end_of_the_session_is_as_configured(void **state)
{
	static const enum config_unanswered policies[] = {
		UNANSWERED_IF_SILENT, UNANSWERED_END, UNANSWERED_NEVER};
	struct world *w = *state;
	struct device_side a = SIDE_A;

	for (unsigned i = 0; i < 6; i++) {
		const bool fresh = i % 2;
		const bool ends = policies[i / 2] == UNANSWERED_END ||
				  (policies[i / 2] == UNANSWERED_IF_SILENT && !fresh);
		uint64_t first, second;

		w->config.mc.unanswered = policies[i / 2];
		live_tcp(w, &a);
		good_request(w, &a, 1000, 0); /* before the first send: of no use */
		first = ask(w, &a);
		second = ask(w, &a);
		world_turn(w);
		expect_asked(w, &a, 2003);
		if (fresh)
			good_request(w, &a, 1000, 0); /* in the same second */
		seconds_pass(w, 20);
		send_request(w, &a, 1000, a.sequence); /* a repeat is not fresh */
		seconds_pass(w, 10);
		while (answer_of(w, &a).there)
			;
		expect_undelivered(w, &a, first, HEARTH_NO_ANSWER);
		if (!ends) {
			expect_no_event(w);
			assert_int_equal(entry_now(w, &a).state, SESSION_LIVE);
			seconds_pass(w, 30);
			while (answer_of(w, &a).there)
				;
			expect_undelivered(w, &a, second, HEARTH_NO_ANSWER);
			if (policies[i / 2] == UNANSWERED_NEVER) {
				tcp_drop(w, a.peer.connection);
				expect_event(w, &a, HEARTH_OFFLINE, HEARTH_CLOSED);
			} else {
				expect_event(w, &a, HEARTH_OFFLINE, HEARTH_UNANSWERED);
			}
		} else {
			expect_event(w, &a, HEARTH_OFFLINE, HEARTH_UNANSWERED);
			expect_undelivered(w, &a, second, HEARTH_WAS_OFFLINE);
			assert_true(tcp_closed(w, a.peer.connection));
		}
		expect_no_event(w);
		expect_pool_empty(w);
	}
}

static void the_number_of_sends_is_as_configured(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	for (uint32_t sends = 1; sends <= 10; sends += 3) {
		uint64_t request;

		w->config.mc.command_sends = sends;
		live_udp(w, &a, 1);
		request = ask(w, &a);
		world_turn(w);
		for (unsigned i = 0; i < sends; i++) {
			expect_asked(w, &a, 2003);
			expect_no_event(w);
			seconds_pass(w, 10);
		}
		expect_silence(w);
		expect_undelivered(w, &a, request, HEARTH_NO_ANSWER);
		expect_event(w, &a, HEARTH_OFFLINE, HEARTH_UNANSWERED);
	}
}

/* No room at the transport is a send like any other. */
static void a_send_that_cannot_leave_is_repeated(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	uint64_t request;

	live_tcp(w, &a);
	w->no_room = true;
	request = ask(w, &a);
	world_turn(w);
	expect_silence(w);
	w->no_room = false;
	seconds_pass(w, 10);
	respond(w, &a, 2002, expect_asked(w, &a, 2003));
	expect_response(w, &a, request);
	assert_int_equal(counted(w, MC_COMMAND_SENDS), 2);
}

/* ---- expiry ---- */

static void what_waits_too_long_expires_and_what_was_sent_does_not(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	struct command_text text = {.code = 2003,
		.device = DEVICE_A,
		.device_length = strlen(DEVICE_A),
		.payload = bytes_of(BODY),
		.payload_length = strlen(BODY)};
	uint64_t sent, waits, late;
	uint16_t sequence;

	live_udp(w, &a, 1);
	text.expires = w->host.clock.unix_ms + 3000;
	sent = ask_with(w, &text);
	waits = ask_with(w, &text);
	late = ask(w, &a);
	world_turn(w);
	sequence = expect_asked(w, &a, 2003);
	seconds_pass(w, 2);
	expect_no_event(w);
	seconds_pass(w, 1);
	expect_undelivered(w, &a, waits, HEARTH_EXPIRED);
	expect_no_event(w);
	respond(w, &a, 2002, sequence);
	expect_response(w, &a, sent);
	respond(w, &a, 2002, expect_asked(w, &a, 2003));
	expect_response(w, &a, late);
	/* One that comes too late already, for a device that is there and for one that is not. */
	text.expires = w->host.clock.unix_ms;
	late = ask_with(w, &text);
	world_turn(w);
	expect_undelivered(w, &a, late, HEARTH_EXPIRED);
	text.device = DEVICE_B;
	text.device_length = strlen(DEVICE_B);
	late = ask_with(w, &text);
	world_turn(w);
	expect_undelivered_to(w, DEVICE_B, late, HEARTH_EXPIRED);
	expect_silence(w);
	expect_pool_empty(w);
}

/* ---- devices that are not there ---- */

static void k23_a_device_that_is_not_connected_is_offline(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	uint64_t request = ask(w, &a);

	world_turn(w); /* never seen */
	expect_undelivered(w, &a, request, HEARTH_WAS_OFFLINE);
	log_in(w, &a);
	request = ask(w, &a); /* logged in only */
	world_turn(w);
	expect_undelivered(w, &a, request, HEARTH_WAS_OFFLINE);
	connected(w, &a, on_tcp(tcp_open(w)));
	tcp_drop(w, a.peer.connection);
	expect_event(w, &a, HEARTH_OFFLINE, HEARTH_CLOSED);
	request = ask(w, &a); /* gone */
	world_turn(w);
	expect_undelivered(w, &a, request, HEARTH_WAS_OFFLINE);
	expect_silence(w);
	expect_pool_empty(w);
	assert_int_equal(counted(w, MC_UNDELIVERED_OFFLINE), 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_request_leaves_at_once_and_its_answer_is_an_event),
		TEST(the_broker_adds_sequence_device_and_time),
		TEST(requests_are_sent_one_at_a_time_in_order),
		TEST(k23_more_than_the_queue_holds_are_refused_at_once),
		TEST(what_is_malformed_is_refused),
		TEST(every_code_of_the_table_is_sent),
		TEST(a_frame_is_as_long_as_its_transport_lets_it),
		TEST(a_request_that_no_longer_fits_is_too_large),
		TEST(k23_only_the_outstanding_request_is_answered),
		TEST(k23_an_answer_counts_once),
		TEST(an_answer_keeps_a_session_alive),
		TEST(no_answer_is_asked_for_three_times_with_one_number),
		TEST(the_end_of_the_session_is_as_configured),
		TEST(the_number_of_sends_is_as_configured),
		TEST(a_send_that_cannot_leave_is_repeated),
		TEST(what_waits_too_long_expires_and_what_was_sent_does_not),
		TEST(k23_a_device_that_is_not_connected_is_offline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
