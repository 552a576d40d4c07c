/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_mc_trace.c - a followed device: what is told of each frame, and that no secret ever is */
#include "mc_host.h"

static struct trace *trace;
static char told[1 << 20]; /* all lines of a test, for searching */

static int setup(void **state)
{
	struct world *w = world_new();

	trace = trace_new(1);
	w->host.trace = trace_side(trace, 0);
	told[0] = 0;
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	world_free(*state);
	trace_free(trace);
	return 0;
}

static void follow(struct world *w, const char *id)
{
	assert_true(trace_follow(trace, id, strlen(id)) >= 0);
	w->host.following = trace_turn(w->host.trace);
}

/* The next line as "> CODE #COUNT SEQUENCE: decision payload"; false: there is none. */
static bool next_line(char *line, size_t size)
{
	const struct trace_record *record = trace_next(trace);
	char decision[512];

	if (!record)
		return false;
	record->tell(record, decision, sizeof(decision));
	assert_null(strpbrk(decision, "\"\\"));
	snprintf(line, size, "%c %u #%u %u: %s %.*s", "><*"[record->kind], record -> code,
		record -> count, record -> sequence, decision, (int)record -> payload_length,
		(const char *)trace_payload(record));
	assert_true(strlen(told) + strlen(line) + 2 < sizeof(told));
	strcat(strcat(told, line), "\n");
	trace_done(trace);
	return true;
}

/* The next line begins and ends so. */
static void expect_line(const char *begin)
{
	static char line[70000];

	if (!next_line(line, sizeof(line)))
		fail_with("no line, but expected", begin);
	if (strncmp(line, begin, strlen(begin)) != 0) {
		print_error("told:     %s\nexpected: %s\n", line, begin);
		fail();
	}
}

static void expect_nothing(void)
{
	static char line[70000];

	if (next_line(line, sizeof(line)))
		fail_with("an unexpected line", line);
}

static void drain(void)
{
	static char line[70000];

	while (next_line(line, sizeof(line)))
		;
}

/* What a test does not look at: answers to the device, events. */
static void pass_over(struct world *w)
{
	w->sent_next = w->sent_count;
	while (next_event(w).there)
		;
}

/* ---- words ---- */

/* A counter without words does not compile (mc_trace_words.c); here: none is empty that stands for
 * a frame that went nowhere, and none breaks a line. */
static void every_drop_has_its_words(void **state)
{
	static const uint32_t codes[] = {MC_LOGIN, MC_CONNECT, MC_HEARTBEAT, 2006};

	for (unsigned i = 0; i < MC_COUNTER_COUNT; i++) {
		for (unsigned j = 0; j < 4; j++) {
			const char *words = mc_trace_words(i, codes[j]);

			assert_non_null(words);
			assert_null(strpbrk(words, "\"\\\n"));
			assert_true(strlen(words) < 100);
			/* of drop_time the line says by how much */
			if (!strncmp(mc_counter_info[i].name, "drop_", 5) && i != MC_DROP_TIME &&
				!words[0])
				fail_with("no words for", mc_counter_info[i].name);
		}
	}
	for (unsigned i = MC_COUNTER_COUNT; i < MC_NOTE_COUNT; i++)
		assert_true(strlen(mc_trace_words(i, 0)) > 10);
	for (unsigned code = 2000; code <= 2033; code++)
		assert_non_null(mc_trace_name(code));
	assert_null(mc_trace_name(4000));
	/* section 5.2.1: a device's requests are even, the platform's odd */
	assert_string_equal(mc_trace_name(2003), "status query");
	assert_string_equal(mc_trace_name(2002), "status query answer");
	assert_string_equal(mc_trace_name(2005), "status control");
	assert_string_equal(mc_trace_name(2004), "status control answer");
	assert_string_equal(mc_trace_name(2031), "resource management");
	assert_string_equal(mc_trace_name(2006), "status report");
	assert_string_equal(mc_trace_name(2007), "status report answer");
}

static void a_whole_session(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	follow(w, a.id);
	live_udp(w, &a, 7);
	expect_line("> 1002 #0 12345: login accepted, key and token handed out: answered 0 "
		    "{\"sequence\":\"12345\",");
	expect_line("< 1003 #0 0: result 0 {\"result\":0,\"sequence\":\"12345\","
		    "\"sessionKey\":\"***\",\"tcpHost\":");
	expect_line("> 1004 #0 12346: session 1001 begins: event 0-4096, answered 0 "
		    "{\"sequence\":\"12346\",\"token\":\"***\",");
	expect_line("< 1005 #0 0: result 0 {");
	good_request(w, &a, 2006, 0);
	expect_line("> 2006 #1 12347: event 0-");
	expect_line("< 2007 #0 0: result 0 {\"result\":0,\"sequence\":\"12347\"");
	good_request(w, &a, 1000, 0);
	expect_line("> 1000 #2 12348: answered 0 {");
	expect_line("< 1001");
	send_request(w, &a, 2006, 12347);
	expect_line("> 2006 #1 12347: repeat of 12347: answered again, no event {");
	expect_line("< 2007");
	send_request(w, &a, 2006, 12350);
	expect_line("> 2006 #0 12350: out of sequence, 12349 was next: answered 200003 {");
	expect_line("< 2007 #0 0: result 200003 ");
	expect_line("* 0 #0 0: session 1001 ended: out of sequence, event 0-");
	expect_nothing();
}

static void login_refused_because_of_the_pin(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A, wrong = SIDE_A;
	struct frame_text *frame = malloc(sizeof(*frame));

	follow(w, a.id);
	wrong.pin = PIN_B;
	login_frame(w, &wrong, frame);
	deliver(w, on_login(tcp_open(w)), frame->text, frame->length);
	expect_line(
		"> 1002 #0 0: login refused: PIN does not decrypt it: silence, connection closed ");
	/* not provisioned (any more) */
	follow(w, "nobody-0000");
	wrong.id = "nobody-0000";
	login_frame(w, &wrong, frame);
	deliver(w, on_login(tcp_open(w)), frame->text, frame->length);
	expect_line("> 1002 #0 0: login refused: this device id is not provisioned: silence, "
		    "connection closed ");
	expect_nothing();
	free(frame);
}

static void tokens_and_frames_that_nobody_knows(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A, b = SIDE_B, stranger;

	follow(w, a.id);
	live_udp(w, &a, 7);
	drain();
	/* from where the device is: it may be this one, with an old token */
	stranger = a;
	memset(stranger.token, 'Z', SESSION_TOKEN_CHARS);
	send_request(w, &stranger, 2006, 1);
	expect_line("> 2006 #0 0: from this device's address, unknown token: dropped, silence ");
	deliver(w, on_udp(9), "CTS{hello}\r\n", 12);
	expect_line(
		"> 0 #0 0: from this device's address, its envelope is not well-formed: dropped");
	/* another device there is another device */
	live_udp(w, &b, 8);
	good_request(w, &b, 2006, 0);
	expect_nothing();
}

static void out_of_time(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	follow(w, a.id);
	live_tcp(w, &a);
	drain();
	queue_request(w, &a, a.peer, 2006, ++a.sequence, now_of(w) - 412);
	world_turn(w);
	expect_line("> 2006 #1 12347: out of time by 412 s: answered 100001 {");
	expect_line("< 2007 #0 0: result 100001 ");
	queue_request(w, &a, a.peer, 2006, ++a.sequence, now_of(w) + 301);
	world_turn(w);
	expect_line("> 2006 #2 12348: out of time by 301 s (ahead): answered 100001 {");
	expect_line("<");
	queue_request(w, &a, a.peer, 2006, ++a.sequence, now_of(w) - 6);
	world_turn(w);
	expect_line("> 2006 #3 12349: older than its connect: answered 100001 {");
	expect_line("<");
	send_plain(w, &a, a.peer, 2006, "{\"sequence\":\"12350\",\"deviceId\":\"x\"}");
	expect_line("> 2006 #4 12350: it has no time: answered 100001 {");
	expect_line("<");
	pass_over(w);
	a.sequence++;
	good_request(w, &a, 3000, MC_NO_VOICE);
	expect_line("> 3000 #5 12351: no backend answers voice requests: answered 400004 {");
	expect_line("<");
}

static void wrong_padding_and_wrong_places(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A, other;

	follow(w, a.id);
	live_tcp(w, &a);
	drain();
	other = a;
	memset(other.key, 'k', SESSION_KEY_BYTES);
	send_request(w, &other, 2006, 12347);
	expect_line("> 2006 #0 0: wrong padding: dropped, silence ");
	queue_request(w, &a, on_udp(3), 2006, 12347, now_of(w));
	world_turn(w);
	expect_line("> 2006 #1 12347: not the transport or connection that carried its connect: "
		    "dropped, silence {");
	tcp_drop(w, a.peer.connection);
	expect_line("* 0 #0 0: session 1001 ended: its connection ended, event 0-");
	/* a replay of the connect */
	send_connect(w, &a, on_tcp(tcp_open(w)), 12346, now_of(w));
	expect_line("> 1004 #0 12346: not newer than the last connect with this token: "
		    "silence, connection closed ");
}

static void a_full_ring(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A, b = SIDE_B;

	follow(w, a.id);
	live_tcp(w, &a);
	live_tcp(w, &b);
	drain();
	while (counted(w, MC_RESULT_NO_ROOM) == 0) {
		send_request(w, &b, 2006, ++b.sequence);
		w->sent_next = w->sent_count;
	}
	send_request(w, &a, 2006, ++a.sequence);
	expect_line("> 2006 #1 12347: the event ring is full: answered 999999 {");
	expect_line("< 2007 #0 0: result 999999 ");
}

static void what_passes_without_a_frame(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	follow(w, a.id);
	log_in(w, &a);
	drain();
	world_pass(w, MC_LOGIN_SECONDS + 1);
	expect_line("* 0 #0 0: its login was not used in time");
	a.sequence++;
	live_udp(w, &a, 7);
	good_request(w, &a, 2006, 0);
	drain();
	for (unsigned i = 0; i < 5; i++) {
		world_pass(w, 45);
		send_request(w, &a, 1000, ++a.sequence);
	}
	drain();
	assert_non_null(strstr(told, "its full report is complete"));
	world_pass(w, 3 * 45 + 11);
	expect_line(
		"* 0 #0 0: session 1001 ended: nothing fresh was heard for 3 heartbeats and 10 s, "
		"event 0-");
	expect_nothing();
}

static void replaced_by_a_new_connect(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	follow(w, a.id);
	live_udp(w, &a, 7);
	log_in(w, &a);
	drain();
	reconnected(w, &a, on_tcp(tcp_open(w)));
	expect_line("> 1004 #0 12347: session 1002 begins: event 0-");
	expect_line("* 0 #0 0: session 1001 ended: the device connected anew, event 0-");
	expect_line("< 1005");
	expect_nothing();
}

static void nobody_else_is_told_of(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A, b = SIDE_B;

	live_tcp(w, &b);
	follow(w, a.id);
	good_request(w, &b, 2006, 0);
	tcp_drop(w, b.peer.connection);
	expect_nothing();
	pass_over(w);
	trace_leave(trace, 0);
	w->host.following = trace_turn(w->host.trace);
	live_tcp(w, &a);
	expect_nothing();
}

/* ---- secrets ---- */

static void hidden(const char *text, const char *expected)
{
	uint8_t out[1024];
	uint32_t length = mc_trace_hide(bytes_of(text), strlen(text), out);

	out[length] = 0;
	assert_string_equal(out, expected);
}

static void members_that_name_secrets(void **state)
{
	hidden("{}", "{}");
	hidden("{\"pin\":\"x\",\"a\":1}", "{\"pin\":\"***\",\"a\":1}");
	hidden("{\"a\":{\"pin\" : 12 ,\"b\":[{\"token\":[1,\"]\",{\"c\":2}]}]}}",
		"{\"a\":{\"pin\" : \"***\" ,\"b\":[{\"token\":\"***\"}]}}");
	hidden("{\"PIN\":null,\"SessionKey\":{\"x\":\"}\"},\"Token\":true}",
		"{\"PIN\":\"***\",\"SessionKey\":\"***\",\"Token\":\"***\"}");
	hidden("{\"p\\u0069n\":\"a\\\"b\",\"\\u0070IN\":-1.5e3}",
		"{\"p\\u0069n\":\"***\",\"\\u0070IN\":\"***\"}");
	hidden("{\"pins\":1,\"spin\":\"pin\",\"v\":\"\\\"pin\\\":1\"}",
		"{\"pins\":1,\"spin\":\"pin\",\"v\":\"\\\"pin\\\":1\"}");
	hidden("{\"a\":\n1,\r\n\"password\"\n:\n\"w\"}", "{\"a\": 1,  \"password\" : \"***\"}");
	hidden("{\"pin\":1,\"pin\":2,\"pin\":3}",
		"{\"pin\":\"***\",\"pin\":\"***\",\"pin\":\"***\"}");
	hidden("{\"pin\u00e9\":1,\"\\u0000pin\":2,\"lanKey\":3}",
		"{\"pin\u00e9\":1,\"\\u0000pin\":2,\"lanKey\":\"***\"}");
}

/* It takes no number of the device's. */
static bool is_answer(uint32_t code)
{
	const struct mc_kind *kind = mc_kind_of(code);

	return kind && kind->answer;
}

static void no_secret_is_told(void **state)
{
	static const uint32_t codes[] = {1000, 2000, 2002, 2004, 2006, 2008, 2010, 2012, 2014, 2016,
		2018, 2020, 2022, 2024, 2026, 2028, 2030, 2032, 3000, 3002, 3998};
	struct world *w = *state;
	struct device_side a = SIDE_A, old;
	char plain[1024];

	follow(w, a.id);
	for (unsigned round = 0; round < 2; round++) {
		old = a;
		log_in(w, &a);
		a.peer = round ? on_udp(7) : on_tcp(tcp_open(w));
		send_connect(w, &a, a.peer, a.sequence, now_of(w));
		for (unsigned i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
			send_request(w, &a, codes[i], is_answer(codes[i]) ? 7 : ++a.sequence);
		pass_over(w);
		drain();
		/* a device that puts them where they do not belong */
		snprintf(plain, sizeof(plain),
			"{\"sequence\":\"%u\",\"deviceId\":\"%s\",\"statusSerials\":[\"%s\",{"
			"\"pin\":"
			"\"%s\",\"x\":\"%s %.16s\"}],\"time\":%u}",
			++a.sequence, a.id, a.token, a.pin, a.key, a.pin + 16, now_of(w));
		send_plain(w, &a, a.peer, 2006, plain);
		drain();
		pass_over(w);
		assert_non_null(strstr(told, "[\"****************\",{\"pin\":\"***\",\"x\":"
					     "\"**************** ****************\"}]"));
		assert_null(strstr(told, a.token));
		assert_null(strstr(told, a.key));
		if (round) {
			assert_null(strstr(told, old.token));
			assert_null(strstr(told, old.key));
		}
	}
	assert_null(strstr(told, "SECRETPIN"));
	assert_null(memmem(told, strlen(told), PIN_A, 16));
	assert_null(strstr(told, IV_OF(PIN_A)));
	assert_non_null(strstr(told, "> 2012 #"));
	assert_non_null(strstr(told, "> 3998 #"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_drop_has_its_words),
		TEST(a_whole_session),
		TEST(login_refused_because_of_the_pin),
		TEST(tokens_and_frames_that_nobody_knows),
		TEST(out_of_time),
		TEST(wrong_padding_and_wrong_places),
		TEST(a_full_ring),
		TEST(what_passes_without_a_frame),
		TEST(replaced_by_a_new_connect),
		TEST(nobody_else_is_told_of),
		TEST(members_that_name_secrets),
		TEST(no_secret_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
