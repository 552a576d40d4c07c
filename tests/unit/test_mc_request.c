/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_mc_request.c - what each code needs, is answered and becomes (specs: Device requests) */
#include "mc_host.h"

static const uint32_t event_codes[] = {2006, 2008, 2010, 2012, 2022, 2026, 2028, 2032};
#define EVENT_CODES (sizeof(event_codes) / sizeof(event_codes[0]))

static void requests_are_answered_by_code_and_become_events(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	char plain[1024], expected[512];
	struct answer answer;
	struct event event;

	live_tcp(w, &a);
	for (unsigned i = 0; i < EVENT_CODES; i++) {
		uint32_t code = event_codes[i];

		if (code == 2012)
			continue;
		request_text(&a, code, ++a.sequence, now_of(w) - 5, plain, sizeof(plain));
		send_plain(w, &a, a.peer, code, plain);
		answer = answer_of(w, &a);
		snprintf(expected, sizeof(expected),
			"{\"result\":0,\"sequence\":\"%u\",\"deviceId\":\"%s\",\"time\":%u}",
			a.sequence, a.id, now_of(w));
		assert_int_equal(answer.code, code + 1);
		assert_string_equal(answer.plain, expected);
		event = expect_event(w, &a, HEARTH_UPLINK, code);
		assert_string_equal(event.payload, plain);
		assert_int_equal(event.record.sequence, a.sequence);
		assert_int_equal(event.record.count, a.sequence - 12346);
		assert_int_equal(event.record.result, 0);
		assert_int_equal(event.record.device_time, now_of(w) - 5);
		assert_int_equal(event.record.time, now_of(w) * 1000ull);
		assert_int_equal(event.record.session, 1001);
		assert_int_equal(event.record.via, HEARTH_VIA_TCP);
		assert_int_equal(event.record.peer_port, 40000 + a.peer.connection);
		assert_true(event.record.window & 1);
	}
	assert_int_equal(counted(w, MC_REQUESTS), EVENT_CODES - 1);
	expect_no_event(w);
}

static void heartbeat_is_answered_without_an_event(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	struct answer answer;

	live_udp(w, &a, 1);
	send_request(w, &a, 1000, ++a.sequence);
	answer = answer_of(w, &a);
	assert_int_equal(answer.code, 1001);
	assert_string_equal(
		answer.plain, "{\"result\":0,\"sequence\":\"12347\",\"time\":1700000000}");
	expect_no_event(w);
}

static void heartbeat_tokens_must_agree(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	live_tcp(w, &a);
	send_plain(w, &a, a.peer, 1000,
		"{\"sequence\":\"12347\",\"token\":\"AAAAAAAAAAAAAAAA\",\"time\":1700000000}");
	send_plain(w, &a, a.peer, 1000, "{\"sequence\":\"12347\",\"time\":1700000000}");
	expect_silence(w);
	assert_false(tcp_closed(w, a.peer.connection));
	assert_int_equal(counted(w, MC_DROP_MISMATCH), 2);
	good_request(w, &a, 1000, 0); /* the number is still free */
}

static void answers_echo_the_sequence_in_the_form_it_came(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	live_tcp(w, &a);
	send_plain(w, &a, a.peer, 2028,
		"{\"sequence\":12347,\"deviceId\":\"" DEVICE_A
		"\",\"resourceSerials\":[],\"time\":\"1700000000\"}");
	assert_string_equal(answer_of(w, &a).plain,
		"{\"result\":0,\"sequence\":12347,\"deviceId\":\"" DEVICE_A
		"\",\"time\":1700000000}");
	assert_int_equal(expect_event(w, &a, HEARTH_UPLINK, 2028).record.flags,
		HEARTH_SEQUENCE_WAS_NUMBER | HEARTH_OF_ITSELF);
}

static void subdevice_authentication_is_refused_and_its_event_has_no_pin(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	live_udp(w, &a, 1);
	send_request(w, &a, 2012, ++a.sequence);
	assert_string_equal(answer_of(w, &a).plain,
		"{\"result\":0,\"sequence\":\"12347\",\"deviceId\":\"" DEVICE_A
		"\",\"subDeviceId\":\"sub-1\",\"authResult\":\"1\",\"time\":1700000000}");
	assert_string_equal(expect_event(w, &a, HEARTH_UPLINK, 2012).payload,
		"{\"sequence\":\"12347\",\"deviceId\":\"" DEVICE_A
		"\",\"subDeviceId\":\"sub-1\",\"time\":1700000000,\"authResult\":\"1\"}");
	send_request(w, &a, 2012, a.sequence);
	assert_non_null(strstr(answer_of(w, &a).plain, "\"authResult\":\"1\""));
	expect_no_event(w);
}

static void authresult_of_the_device_is_not_believed(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	struct event event;

	live_udp(w, &a, 1);
	send_plain(w, &a, a.peer, 2012,
		"{\"pin\":\"x\",\"authResult\":\"0\",\"sequence\":\"12347\",\"deviceId\":"
		"\"" DEVICE_A "\",\"subDeviceId\":\"s\",\"time\":1700000000 \r\n}");
	expect_answer(w, &a, 2013, 0);
	event = expect_event(w, &a, HEARTH_UPLINK, 2012);
	assert_null(strstr(event.payload, "\"authResult\":\"0\""));
	assert_null(strstr(event.payload, "pin"));
	assert_non_null(strstr(event.payload, "1700000000,\"authResult\":\"1\"}"));
}

static void no_event_carries_a_first_level_pin(void **state)
{
	static const char *const members[] = {"\"pin\":\"SECRET\"", "\"p\\u0069n\":\"SECRET\"",
		"\"\\u0070\\u0069\\u006e\" : {\"x\":\"SECRET\"}", "\"pin\":[\"SECRET\",{}]"};
	struct world *w = *state;
	struct device_side a = SIDE_A;
	struct event event;
	char plain[512];

	live_tcp(w, &a);
	for (unsigned i = 0; i < 4; i++) {
		snprintf(plain, sizeof(plain),
			"{%s,\"sequence\":\"%u\",\"deviceId\":\"" DEVICE_A
			"\",\"event\":[{\"pin\":\"mine\"}],\"time\":1700000000}",
			members[i], ++a.sequence);
		send_plain(w, &a, a.peer, 2032, plain);
		expect_answer(w, &a, 2033, 0);
		event = expect_event(w, &a, HEARTH_UPLINK, 2032);
		assert_null(strstr(event.payload, "SECRET"));
		assert_non_null(strstr(event.payload, "\"pin\":\"mine\""));
	}
}

static void unbound_subdevices_are_not_known(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	struct answer answer;
	char plain[512];

	live_tcp(w, &a);
	for (uint32_t code = 2016; code <= 2020; code += 2) {
		send_request(w, &a, code, ++a.sequence);
		answer = answer_of(w, &a);
		assert_int_equal(answer.code, code + 1);
		snprintf(plain, sizeof(plain),
			"{\"result\":200001,\"sequence\":\"%u\",\"deviceId\":\"" DEVICE_A
			"\",\"subDeviceId\":\"sub-1\",\"time\":1700000000}",
			a.sequence);
		assert_string_equal(answer.plain, plain);
	}
	expect_no_event(w);
	good_request(w, &a, 1000, 0);
}

static void voice_without_a_backend_is_answered_at_once(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	live_tcp(w, &a);
	send_request(w, &a, 3000, ++a.sequence);
	assert_string_equal(answer_of(w, &a).plain,
		"{\"result\":400004,\"sequence\":\"12347\",\"deviceId\":\"" DEVICE_A
		"\",\"ttsResult\":{\"audioData\":\"\"},\"time\":1700000000}");
	send_request(w, &a, 3002, ++a.sequence);
	assert_string_equal(answer_of(w, &a).plain,
		"{\"result\":400004,\"sequence\":\"12348\",\"deviceId\":\"" DEVICE_A
		"\",\"ctrlResult\":{},\"time\":1700000000}");
	expect_no_event(w);
	assert_int_equal(counted(w, MC_RESULT_NO_VOICE), 2);
	send_request(w, &a, 3002, a.sequence);
	expect_answer(w, &a, 3003, 400004);
}

/* Bodies that lack something or have it in another kind; the device id is added unless there. */
static const struct {
	uint32_t code;
	const char *body;
} illegal[] = {
	{2006, ""},
	{2006, "\"statusSerials\":{},"},
	{2006, "\"statusSerials\":\"x\","},
	{2006, "\"statusSerials\":[],\"resourceSerials\":1,"},
	{2006, "\"statusSerials\":null,"},
	{2006, "\"status\":[],"},
	{2006, "\"STATUSSERIALS\":[],"},
	{2008, ""},
	{2008, "\"alarm\":\"x\","},
	{2008, "\"error\":{},"},
	{2010, "\"error\":1,"},
	{2010, "\"alarm\":[],"},
	{2012, "\"subDeviceId\":\"s\","},
	{2012, "\"pin\":\"s\","},
	{2012, "\"subDeviceId\":1,\"pin\":\"s\","},
	{2012, "\"subDeviceId\":\"s\",\"pin\":[],"},
	{2016, ""},
	{2016, "\"subDeviceId\":{},"},
	{2018, "\"subDevices\":[],"},
	{2020, "\"subDeviceId\":\"s\","},
	{2020, "\"subDeviceId\":\"s\",\"onLine\":\"2\","},
	{2020, "\"subDeviceId\":\"s\",\"onLine\":2,"},
	{2020, "\"subDeviceId\":\"s\",\"onLine\":true,"},
	{2022, ""},
	{2022, "\"device\":\"1.0\","},
	{2022, "\"device\":[],"},
	{2026, "\"status\":\"0\","},
	{2026, "\"version\":\"0\","},
	{2026, "\"status\":{},\"version\":\"0\","},
	{2028, "\"statusSerials\":[],"},
	{2028, "\"resourceSerials\":{},"},
	{2032, ""},
	{2032, "\"event\":\"x\","},
	{3000, "\"ctrlParam\":{},"},
	{3000, "\"ttsParam\":[],"},
	{3002, "\"ttsParam\":{},"},
	{3002, "\"ctrlParam\":\"x\","},
};

static void members_missing_or_of_another_kind_are_illegal(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	struct answer answer;
	char plain[512];

	live_tcp(w, &a);
	for (unsigned i = 0; i < sizeof(illegal) / sizeof(illegal[0]); i++) {
		snprintf(plain, sizeof(plain),
			"{\"sequence\":\"%u\",\"deviceId\":\"" DEVICE_A "\",%s\"time\":1700000000}",
			++a.sequence, illegal[i].body);
		send_plain(w, &a, a.peer, illegal[i].code, plain);
		answer = answer_of(w, &a);
		if (answer.code != illegal[i].code + 1 || answer.result != 100001)
			fail_with(illegal[i].body, answer.plain);
		if (illegal[i].code >= 2012 && illegal[i].code <= 2020)
			assert_non_null(strstr(answer.plain, "\"subDeviceId\":\""));
		assert_non_null(strstr(answer.plain, "\"deviceId\":\"" DEVICE_A "\""));
	}
	expect_no_event(w);
	assert_int_equal(counted(w, MC_RESULT_ILLEGAL), sizeof(illegal) / sizeof(illegal[0]));
	/* the number is used up, the session stays */
	good_request(w, &a, 2006, 0);
}

static void deviceid_missing_or_foreign(void **state)
{
	static const struct {
		const char *member;
		int64_t result;
		const char *echoed;
	} rows[] = {
		{"", 100001, DEVICE_A},
		{"\"deviceId\":42,", 100001, DEVICE_A},
		{"\"deviceId\":null,", 100001, DEVICE_A},
		{"\"deviceId\":[\"" DEVICE_A "\"],", 100001, DEVICE_A},
		{"\"deviceId\":\"" DEVICE_B "\",", 200001, DEVICE_B},
		{"\"deviceId\":\"000000000000000000000043\",", 200001, "000000000000000000000043"},
		{"\"deviceId\":\"00000000000000000000042\",", 200001, "00000000000000000000042"},
		{"\"deviceId\":\"\",", 200001, DEVICE_A},
		{"\"deviceId\":\"a\\\"b\",", 200001, DEVICE_A},
		{"\"deviceId\":\"\\u0000\",", 200001, DEVICE_A},
		{"\"deviceId\":\"" DEVICE_LONG "x\",", 200001, DEVICE_A},
		{"\"deviceId\":\"sub\\u002d1\",", 200001, "sub-1"},
		{"\"deviceId\":\"\\u0030"
		 "00000000000000000000042\",",
			0, DEVICE_A},
	};
	struct world *w = *state;
	struct device_side a = SIDE_A;
	struct answer answer;
	char plain[512], echoed[128];

	live_tcp(w, &a);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(plain, sizeof(plain),
			"{\"sequence\":\"%u\",%s\"event\":[],\"time\":1700000000}", ++a.sequence,
			rows[i].member);
		send_plain(w, &a, a.peer, 2032, plain);
		answer = answer_of(w, &a);
		assert_int_equal(answer.result, rows[i].result);
		assert_true(member_text(answer.plain, "deviceId", echoed, sizeof(echoed)));
		assert_string_equal(echoed, rows[i].echoed);
	}
	expect_event(w, &a, HEARTH_UPLINK, 2032);
	expect_no_event(w);
}

static void unknown_even_codes_are_not_supported(void **state)
{
	static const uint32_t codes[] = {1006, 1998, 2034, 2998, 3004, 65534, 65536, 4294967294u};
	struct world *w = *state;
	struct device_side a = SIDE_A;
	struct answer answer;
	char plain[256];

	live_tcp(w, &a);
	for (unsigned i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		snprintf(plain, sizeof(plain), "{\"sequence\":\"%u\",\"time\":1700000000}",
			++a.sequence);
		send_plain(w, &a, a.peer, codes[i], plain);
		answer = answer_of(w, &a);
		assert_int_equal(answer.code, codes[i] + 1);
		assert_int_equal(answer.result, 300002);
		send_plain(w, &a, a.peer, codes[i], plain); /* a repeat */
		expect_answer(w, &a, codes[i] + 1, 300002);
	}
	expect_no_event(w);
	good_request(w, &a, 1000, 0);
}

static void codes_that_no_device_sends_are_dropped(void **state)
{
	static const char *const codes[] = {"0", "1", "2", "998", "999", "1001", "1003", "1005",
		"2001", "2003", "2005", "2007", "2015", "2025", "2031", "3001", "3003", "65535",
		"-1000", "1000.0", "1e3", "\"1000\"", "null", "01000", "4294967296", "4294967295",
		"[1000]"};
	struct world *w = *state;
	struct device_side a = SIDE_A;
	struct frame_text *frame = malloc(sizeof(*frame)), *other = malloc(sizeof(*other));
	char plain[256];

	live_tcp(w, &a);
	request_text(&a, 1000, a.sequence + 1, now_of(w), plain, sizeof(plain));
	session_frame(&a, frame, 1000, plain);
	for (unsigned i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		other->length = snprintf(other->text, sizeof(other->text), "CTS{\"code\":%s%s",
			codes[i], frame->text + strlen("CTS{\"code\":1000"));
		deliver(w, a.peer, other->text, other->length);
		expect_silence(w);
	}
	assert_int_equal(counted(w, MC_DROP_CODE) + counted(w, MC_DROP_ENVELOPE),
		sizeof(codes) / sizeof(codes[0]));
	deliver(w, a.peer, frame->text, frame->length);
	expect_answer(w, &a, 1001, 0);
	free(frame);
	free(other);
}

static void answers_that_match_nothing_outstanding_are_dropped(void **state)
{
	static const uint32_t codes[] = {2000, 2002, 2004, 2014, 2024, 2030};
	struct world *w = *state;
	struct device_side a = SIDE_A;

	live_tcp(w, &a);
	for (unsigned i = 0; i < 6; i++) {
		send_plain(w, &a, a.peer, codes[i], "{\"result\":\"0\",\"sequence\":\"40000\"}");
		send_plain(w, &a, a.peer, codes[i], "{\"sequence\":\"40000\"}");
	}
	expect_silence(w);
	expect_no_event(w);
	assert_int_equal(counted(w, MC_DROP_UNMATCHED), 6);
	assert_int_equal(counted(w, MC_DROP_ANSWER), 6);
	good_request(w, &a, 1000, 0); /* they took no number of the device's */
}

static void envelope_takes_escapes_any_order_and_unknown_keys(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	struct frame_text *frame = malloc(sizeof(*frame)), *other = malloc(sizeof(*other));
	char plain[1024], data[2048], escaped[4096], *at = escaped;

	live_tcp(w, &a);
	request_text(&a, 2006, ++a.sequence, now_of(w), plain, sizeof(plain));
	session_frame(&a, frame, 2006, plain);
	assert_true(member_text(frame->text, "data", data, sizeof(data)));
	for (const char *c = data; *c; c++)
		at += *c == '/'      ? sprintf(at, "\\/")
		      : c - data < 9 ? sprintf(at, "\\u%04x", *c)
				     : sprintf(at, "%c", *c);
	other->length = snprintf(other->text, sizeof(other->text),
		"CTS{\r "
		"\"d\\u0061ta\":\"%s\"\n,\"sequence\":\"9\",\"x\":[{}],\"token\":\"\\u%04x%s\" "
		",\t\"code\":2006}\r\n",
		escaped, a.token[0], a.token + 1);
	deliver(w, a.peer, other->text, other->length);
	expect_answer(w, &a, 2007, 0);
	assert_string_equal(expect_event(w, &a, HEARTH_UPLINK, 2006).payload, plain);
	free(frame);
	free(other);
}

static void content_may_have_any_white_space_and_the_event_none_around(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	live_udp(w, &a, 1);
	send_plain(w, &a, a.peer, 2032,
		"\r\n {\"sequence\":\"12347\",\r\n\"deviceId\":\"" DEVICE_A
		"\",\"event\":[],\"time\":1700000000}\t\r\n");
	expect_answer(w, &a, 2033, 0);
	assert_string_equal(expect_event(w, &a, HEARTH_UPLINK, 2032).payload,
		"{\"sequence\":\"12347\",\r\n\"deviceId\":\"" DEVICE_A
		"\",\"event\":[],\"time\":1700000000}");
}

static void time_missing_is_illegal_on_tcp_and_dropped_on_udp(void **state)
{
	static const char *const times[] = {"", ",\"time\":\"soon\"", ",\"time\":-1",
		",\"time\":1700000000.5", ",\"time\":4294967296", ",\"time\":null"};
	struct world *w = *state;
	struct device_side a = SIDE_A, b = SIDE_B;
	char plain[256];

	live_tcp(w, &a);
	live_udp(w, &b, 1);
	for (unsigned i = 0; i < 6; i++) {
		snprintf(plain, sizeof(plain),
			"{\"sequence\":\"%u\",\"deviceId\":\"%s\",\"event\":[]%s}", ++a.sequence,
			a.id, times[i]);
		send_plain(w, &a, a.peer, 2032, plain);
		expect_answer(w, &a, 2033, 100001);
		snprintf(plain, sizeof(plain),
			"{\"sequence\":\"%u\",\"deviceId\":\"%s\",\"event\":[]%s}",
			(uint16_t)(b.sequence + 1), b.id, times[i]);
		send_plain(w, &b, b.peer, 2032, plain);
		expect_silence(w);
	}
	assert_int_equal(counted(w, MC_DROP_TIME), 6);
	good_request(w, &a, 1000, 0);
	good_request(w, &b, 1000, 0);
}

static void frames_of_the_largest_size_are_taken_one_byte_more_is_not(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A, b = SIDE_B;
	struct frame_text *frame = malloc(sizeof(*frame));
	static char plain[65536];
	uint32_t length;

	live_tcp(w, &a);
	live_udp(w, &b, 1);
	/* fill with white space, then the envelope up to the limit to the byte */
	for (unsigned udp = 0; udp < 2; udp++) {
		struct device_side *d = udp ? &b : &a;
		uint32_t limit = udp ? 1472 : 65536, room = (limit - 90) / 64 * 48 - 16;
		char *tail;

		length = snprintf(plain, sizeof(plain),
			"{\"sequence\":\"%u\",\"deviceId\":\"%s\",\"event\":[],\"time\":%u}",
			++d->sequence, d->id, now_of(w));
		memset(plain + length, ' ', room - length);
		plain[room - 1] = 0;
		session_frame(d, frame, 2032, plain);
		tail = frame->text + frame->length - 3;
		assert_true(frame->length < limit);
		memset(tail, ' ', limit - frame->length);
		memcpy(frame->text + limit - 3, "}\r\n", 3);
		deliver(w, d->peer, frame->text, limit);
		expect_answer(w, d, 2033, 0);
		expect_event(w, d, HEARTH_UPLINK, 2032);
		memcpy(frame->text + limit - 3, " }\r\n", 4);
		deliver(w, d->peer, frame->text, limit + 1);
		expect_silence(w);
		assert_int_equal(counted(w, MC_DROP_LONG), udp + 1);
	}
	free(frame);
}

static void batches_larger_than_the_arena_are_taken_in_pieces(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	static char plain[40000];
	uint32_t length;

	live_tcp(w, &a);
	for (unsigned i = 0; i < 40; i++) {
		length = snprintf(plain, sizeof(plain),
			"{\"sequence\":\"%u\",\"deviceId\":\"%s\",\"event\":[],\"time\":%u}",
			++a.sequence, a.id, now_of(w));
		memset(plain + length, ' ', 1000 * i);
		plain[length + 1000 * i] = 0;
		queue_plain(w, &a, a.peer, 2032, plain);
	}
	world_turn(w);
	for (unsigned i = 0; i < 40; i++) {
		expect_answer(w, &a, 2033, 0);
		assert_int_equal(expect_event(w, &a, HEARTH_UPLINK, 2032).record.count, i + 1);
	}
	expect_silence(w);
}

static void a_full_batch_of_many_sessions_is_decided_in_order(void **state)
{
	static const char *const ids[] = {DEVICE_A, DEVICE_B, DEVICE_LONG, CANARY_ID};
	static const char *const pins[] = {PIN_A, PIN_B, PIN_LONG, PIN_CANARY};
	struct world *w = *state;
	struct device_side sides[4];

	for (unsigned i = 0; i < 4; i++) {
		sides[i] = (struct device_side){.id = ids[i], .pin = pins[i], .sequence = 65000};
		if (i % 2)
			live_udp(w, &sides[i], 100 + i);
		else
			live_tcp(w, &sides[i]);
	}
	for (unsigned i = 0; i < PROTOCOL_BATCH * 2; i++) {
		struct device_side *d = &sides[i % 4];

		queue_request(w, d, d->peer, i % 3 ? 2006 : 1000, ++d->sequence, now_of(w));
	}
	world_turn(w);
	for (unsigned i = 0; i < PROTOCOL_BATCH * 2; i++)
		expect_answer(w, &sides[i % 4], i % 3 ? 2007 : 1001, 0);
	for (unsigned i = 0; i < PROTOCOL_BATCH * 2; i++) {
		if (i % 3)
			expect_event(w, &sides[i % 4], HEARTH_UPLINK, 2006);
	}
	expect_no_event(w);
	/* every stage was accounted for */
	assert_int_equal(
		w->stage_seen & (1u << STAGE_FRAME | 1u << STAGE_LOOKUP | 1u << STAGE_BASE64 |
					1u << STAGE_AES | 1u << STAGE_JSON | 1u << STAGE_DECIDE |
					1u << STAGE_ANSWER),
		1u << STAGE_FRAME | 1u << STAGE_LOOKUP | 1u << STAGE_BASE64 | 1u << STAGE_AES |
			1u << STAGE_JSON | 1u << STAGE_DECIDE | 1u << STAGE_ANSWER);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(requests_are_answered_by_code_and_become_events),
		TEST(heartbeat_is_answered_without_an_event),
		TEST(heartbeat_tokens_must_agree),
		TEST(answers_echo_the_sequence_in_the_form_it_came),
		TEST(subdevice_authentication_is_refused_and_its_event_has_no_pin),
		TEST(authresult_of_the_device_is_not_believed),
		TEST(no_event_carries_a_first_level_pin),
		TEST(unbound_subdevices_are_not_known),
		TEST(voice_without_a_backend_is_answered_at_once),
		TEST(members_missing_or_of_another_kind_are_illegal),
		TEST(deviceid_missing_or_foreign),
		TEST(unknown_even_codes_are_not_supported),
		TEST(codes_that_no_device_sends_are_dropped),
		TEST(answers_that_match_nothing_outstanding_are_dropped),
		TEST(envelope_takes_escapes_any_order_and_unknown_keys),
		TEST(content_may_have_any_white_space_and_the_event_none_around),
		TEST(time_missing_is_illegal_on_tcp_and_dropped_on_udp),
		TEST(frames_of_the_largest_size_are_taken_one_byte_more_is_not),
		TEST(batches_larger_than_the_arena_are_taken_in_pieces),
		TEST(a_full_batch_of_many_sessions_is_decided_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
