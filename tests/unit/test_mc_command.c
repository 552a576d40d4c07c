/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_mc_command.c - platform requests: how they leave, what answers them, how each ends (K23) */
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

/* ---- every state and every event ---- */

enum where { WAITING, SENT, SENT_LAST, WHERES };

enum what {
	ANSWERED,
	WRONG_SEQUENCE,
	WRONG_CODE,
	NO_RESULT,
	TEN_SECONDS,
	EXPIRES,
	CLOSES,
	RECONNECTS,
	NEW_LOGIN_CONNECTS,
	KICKED,
	REMOVED,
	TIMES_OUT,
	OUT_OF_SEQUENCE,
	RESTARTS,
	WHATS
};

/* What the request's outcome is then: 0 none yet, RESPONSE, or a reason. */
#define RESPONSE 1
static const uint8_t outcomes[WHATS][WHERES] = {
	[ANSWERED] = {0, RESPONSE, RESPONSE},
	[WRONG_SEQUENCE] = {0, 0, 0},
	[WRONG_CODE] = {0, 0, 0},
	[NO_RESULT] = {0, 0, 0},
	[TEN_SECONDS] = {0, 0, HEARTH_NO_ANSWER},
	[EXPIRES] = {HEARTH_EXPIRED, 0, 0},
	[CLOSES] = {HEARTH_WAS_OFFLINE, HEARTH_UNKNOWN, HEARTH_UNKNOWN},
	[RECONNECTS] = {HEARTH_WAS_OFFLINE, HEARTH_UNKNOWN, HEARTH_UNKNOWN},
	[NEW_LOGIN_CONNECTS] = {HEARTH_WAS_OFFLINE, HEARTH_UNKNOWN, HEARTH_UNKNOWN},
	[KICKED] = {HEARTH_WAS_OFFLINE, HEARTH_UNKNOWN, HEARTH_UNKNOWN},
	[REMOVED] = {HEARTH_WAS_OFFLINE, HEARTH_UNKNOWN, HEARTH_UNKNOWN},
	[TIMES_OUT] = {HEARTH_WAS_OFFLINE, HEARTH_UNKNOWN, HEARTH_UNKNOWN},
	[OUT_OF_SEQUENCE] = {HEARTH_WAS_OFFLINE, HEARTH_UNKNOWN, HEARTH_UNKNOWN},
	[RESTARTS] = {0, 0, 0},
};

/* The outcomes of a request among the events that are there. Return: the last; how many in
 * @seen. */
static unsigned outcome_of(struct world *w, uint64_t request, unsigned *seen)
{
	unsigned outcome = 0;
	struct event event;

	while ((event = next_event(w)).there) {
		if (event.record.request != request)
			continue;
		assert_true(event.record.event == HEARTH_RESPONSE ||
			    event.record.event == HEARTH_UNDELIVERED);
		outcome = event.record.event == HEARTH_RESPONSE ? RESPONSE : event.record.reason;
		(*seen)++;
	}
	return outcome;
}

static void take_frames(struct world *w)
{
	w->sent_next = w->sent_count;
}

static void kick(struct world *w, const struct device_side *d)
{
	struct session_turn turn = entry_now(w, d);

	mc_protocol.control(w->mc, CONTROL_KICK, session_handle_of(w->host.sessions, &turn));
	world_turn(w);
}

static void happens(struct world *w, struct device_side *a, enum what what, uint16_t sequence)
{
	struct session_turn turn = entry_now(w, a);
	struct device_record removed;

	switch (what) {
	case ANSWERED:
		respond(w, a, 2002, sequence);
		break;
	case WRONG_SEQUENCE:
		respond(w, a, 2002, (uint16_t)(sequence + 2));
		break;
	case WRONG_CODE:
		respond(w, a, 2004, sequence);
		break;
	case NO_RESULT:
		queue_response(w, a, a->peer, 2002, sequence, "");
		world_turn(w);
		break;
	case TEN_SECONDS:
		seconds_pass(w, 10);
		break;
	case EXPIRES:
		seconds_pass(w, 5);
		break;
	case CLOSES:
		tcp_drop(w, a->peer.connection);
		break;
	case RECONNECTS:
	case NEW_LOGIN_CONNECTS:
		seconds_pass(w, 1);
		take_frames(w);
		if (what == NEW_LOGIN_CONNECTS)
			log_in(w, a);
		a->peer = a->peer.via == SESSION_VIA_TCP ? on_tcp(tcp_open(w)) : on_udp(7);
		send_connect(w, a, a->peer, ++a->sequence, now_of(w));
		break;
	case KICKED:
		kick(w, a);
		break;
	case REMOVED:
		assert_int_equal(store_remove(w->store, a->id, &removed), 0);
		registry_remove(w->host.registry, a->id);
		mc_protocol.control(
			w->mc, CONTROL_REMOVED, session_handle_of(w->host.sessions, &turn));
		world_turn(w);
		break;
	case TIMES_OUT:
		seconds_pass(w, 6);
		break;
	case OUT_OF_SEQUENCE:
		send_request(w, a, 2006, (uint16_t)(a->sequence + 100));
		break;
	case RESTARTS:
		world_restart(w);
		seconds_pass(w, 1);
		break;
	case WHATS:
		break;
	}
}

static void play(enum where where, enum what what, bool tcp)
{
	struct world *w = world_new();
	struct device_side a = SIDE_A;
	struct command_text text = {.code = 2003,
		.device = DEVICE_A,
		.device_length = strlen(DEVICE_A),
		.payload = bytes_of(BODY),
		.payload_length = strlen(BODY)};
	unsigned seen = 0, outcome;
	uint16_t sequence;
	uint64_t request;

	w->config.mc.unanswered = UNANSWERED_NEVER;
	if (tcp)
		live_tcp(w, &a);
	else
		live_udp(w, &a, 1);
	if (what == TIMES_OUT) /* so that there are 5 s left */
		seconds_pass(w, where == SENT_LAST ? 120 : 140);
	if (where == WAITING) {
		ask(w, &a);
		world_turn(w);
	}
	text.expires = w->host.clock.unix_ms + (where == WAITING && what == EXPIRES ? 5000 : 60000);
	request = ask_with(w, &text);
	world_turn(w);
	sequence = expect_asked(w, &a, 2003);
	if (where == SENT_LAST)
		seconds_pass(w, 20);
	take_frames(w);
	happens(w, &a, what, sequence);
	outcome = outcome_of(w, request, &seen);
	assert_int_equal(outcome, outcomes[what][where]);
	assert_int_equal(seen, outcome != 0);
	/* Whatever else comes: it has one. */
	take_frames(w);
	if (what != REMOVED && entry_of(w, &a) != SESSION_NONE)
		respond(w, &a, 2002, sequence);
	seconds_pass(w, 31);
	take_frames(w);
	if (what != REMOVED && entry_of(w, &a) != SESSION_NONE)
		kick(w, &a);
	seconds_pass(w, 60);
	outcome_of(w, request, &seen);
	assert_int_equal(seen, 1);
	expect_pool_empty(w);
	world_free(w);
}

static void k23_every_event_in_every_state_has_its_outcome(void **state)
{
	for (enum what what = 0; what < WHATS; what++) {
		for (enum where where = 0; where < WHERES; where++) {
			for (unsigned tcp = 0; tcp < 2; tcp++) {
				if (what == CLOSES && !tcp)
					continue; /* there is nothing to close */
				play(where, what, tcp);
			}
		}
	}
}

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
		cmocka_unit_test(k23_every_event_in_every_state_has_its_outcome),
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
