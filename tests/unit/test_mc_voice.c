/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_mc_voice.c - recordings in segments, and requests that a backend answers: with one there,
 * with none, late, too large, repeated (Q/CT X-2017 sections 5.4.3.17 and 5.4.3.18) */
#include "mc_ring.h"

#include "feed/command_ring.h"

/* A living backend process, as far as the broker can see. */
static int backend = -1;

static void backend_comes(struct world *w)
{
	char path[128], error[256];
	unsigned number;

	if (!w->host.commands) {
		path_in(w, path, sizeof(path), "ring");
		if (command_rings_open(&w->host.commands, path, error, sizeof(error)))
			fail_with("command_rings_open", error);
	}
	if (command_rings_register(w->host.commands, HEARTH_COMMANDS_BACKEND, 1 << 24, 4096,
		    &number, error, sizeof(error)))
		fail_with("command_rings_register", error);
	backend = command_rings_hand(w->host.commands, number);
	assert_true(backend >= 0);
	command_rings_reap(w->host.commands);
	assert_int_equal(command_rings_backends(w->host.commands), 1);
}

static void backend_goes(struct world *w)
{
	close(backend);
	backend = -1;
	command_rings_reap(w->host.commands);
	assert_int_equal(command_rings_backends(w->host.commands), 0);
}

static int setup(void **state)
{
	struct world *w;

	world_setup(state);
	w = *state;
	backend_comes(w);
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	if (backend >= 0)
		backend_goes(w);
	command_rings_close(w->host.commands);
	return world_teardown(state);
}

static struct device_side linked(struct world *w, bool udp)
{
	struct device_side a = SIDE_A;

	log_in(w, &a);
	connected(w, &a, udp ? on_udp(2000) : on_tcp(tcp_open(w)));
	return a;
}

/* A segment of a recording; @extra: sn, isLast, voiceId. */
static void send_segment(
	struct world *w, const struct device_side *d, uint16_t sequence, const char *extra)
{
	char plain[512];

	snprintf(plain, sizeof(plain),
		"{\"sequence\":\"%u\",\"deviceId\":\"%s\",\"ctrlParam\":{\"format\":\"amr\"%s,"
		"\"audioData\":\"IyFBTVIK\"},\"time\":%u}",
		sequence, d->id, extra, now_of(w));
	send_plain(w, d, d->peer, 3002, plain);
}

#define SEGMENT(number, last) ",\"voiceId\":\"v1\",\"sn\":" #number ",\"isLast\":\"" #last "\""

static uint64_t expect_uplink(struct world *w, uint32_t code, uint32_t count)
{
	struct event event = read_event(w->reader);

	assert_true(event.there);
	assert_int_equal(event.record.event, HEARTH_UPLINK);
	assert_int_equal(event.record.code, code);
	assert_int_equal(event.record.count, count);
	return event.record.id;
}

/* The backend answers device A's session. */
static void backend_answers(struct world *w, uint32_t code, uint64_t event, const char *payload)
{
	struct device *device = registry_find(w->host.registry, DEVICE_A, strlen(DEVICE_A));
	struct session_turn *turn = session_touch(w->host.sessions, mc_index_load(&device->live));

	assert_non_null(turn);
	mc_voice_answer(w->mc, turn, code, event, bytes_of(payload), strlen(payload));
	world_turn(w);
}

#define HEARD "{\"result\":0,\"ctrlResult\":{\"rawText\":\"on\",\"resultDesc\":\"done\"}}"
#define SPOKEN "{\"result\":0,\"ttsResult\":{\"audioData\":\"IyFBTVIK\"}}"

static void test_no_backend(void **state)
{
	struct world *w = *state;
	struct device_side a = linked(w, false);

	backend_goes(w);
	good_request(w, &a, 3000, MC_NO_VOICE);
	good_request(w, &a, 3002, MC_NO_VOICE);
	send_segment(w, &a, ++a.sequence, SEGMENT(1, 0));
	expect_answer(w, &a, 3003, MC_NO_VOICE);
	expect_no_event(w);
	/* One that was refused is judged anew when a backend has come. */
	backend_comes(w);
	send_request(w, &a, 3002, (uint16_t)(a.sequence - 1));
	expect_silence(w);
	expect_uplink(w, 3002, 2);
}

static void test_answered(void **state)
{
	struct world *w = *state;
	struct device_side a = linked(w, false);
	uint64_t event;
	struct answer answer;

	send_request(w, &a, 3000, ++a.sequence);
	expect_silence(w);
	event = expect_uplink(w, 3000, 1);
	/* Other requests go on meanwhile. */
	good_request(w, &a, 2006, 0);
	expect_uplink(w, 2006, 2);
	backend_answers(w, 3001, event, SPOKEN);
	answer = answer_of(w, &a);
	assert_int_equal(answer.code, 3001);
	assert_string_equal(answer.plain,
		"{\"result\":0,\"sequence\":\"12347\",\"deviceId\":\"" DEVICE_A
		"\",\"ttsResult\":{\"audioData\":\"IyFBTVIK\"},\"time\":1700000000}");
	/* Once answered it waits no more. */
	backend_answers(w, 3001, event, SPOKEN);
	expect_silence(w);
	assert_int_equal(counted(w, MC_VOICE_UNMATCHED), 1);
	expect_no_event(w);
}

/* Which of two is meant: by the uplink, or the oldest of its code. */
static void test_which(void **state)
{
	struct world *w = *state;
	struct device_side a = linked(w, true);
	uint64_t second;

	send_request(w, &a, 3000, ++a.sequence);
	expect_uplink(w, 3000, 1);
	send_request(w, &a, 3000, ++a.sequence);
	second = expect_uplink(w, 3000, 2);
	send_request(w, &a, 3002, ++a.sequence);
	expect_uplink(w, 3002, 3);
	backend_answers(w, 3001, second, SPOKEN);
	assert_non_null(strstr(answer_of(w, &a).plain, "\"sequence\":\"12348\""));
	backend_answers(w, 3001, second + 16, SPOKEN);
	expect_silence(w);
	backend_answers(w, 3003, 0, HEARD);
	expect_answer(w, &a, 3003, 0);
	backend_answers(w, 3001, 0, SPOKEN);
	assert_non_null(strstr(answer_of(w, &a).plain, "\"sequence\":\"12347\""));
	backend_answers(w, 3003, 0, HEARD);
	expect_silence(w);
}

static void test_no_answer(void **state)
{
	struct world *w = *state;
	struct device_side a = linked(w, false);

	send_request(w, &a, 3000, ++a.sequence);
	send_request(w, &a, 3002, ++a.sequence);
	for (unsigned i = 0; i < MC_VOICE_ANSWER_SECONDS; i++)
		world_pass(w, 1);
	expect_silence(w);
	world_pass(w, 1);
	expect_answer(w, &a, 3001, MC_NO_ROOM);
	expect_answer(w, &a, 3003, MC_NO_ANSWER);
	assert_int_equal(counted(w, MC_VOICE_UNANSWERED), 2);
	backend_answers(w, 3001, 0, SPOKEN);
	expect_silence(w);
}

static void test_series(void **state)
{
	struct world *w = *state;
	struct device_side a = linked(w, false);
	const uint16_t number = ++a.sequence;
	uint64_t last;

	send_segment(w, &a, number, SEGMENT(1, 0));
	assert_non_null(strstr(answer_of(w, &a).plain, "{\"result\":400002,"));
	expect_uplink(w, 3002, 1);
	/* Other requests count on beside it. */
	good_request(w, &a, 2006, 0);
	expect_uplink(w, 2006, 2);
	send_segment(w, &a, number, SEGMENT(2, 0));
	assert_non_null(strstr(answer_of(w, &a).plain, "\"ctrlResult\":{}"));
	expect_uplink(w, 3002, 1);
	/* The same segment is a repeat: answered again, no event. */
	send_segment(w, &a, number, SEGMENT(2, 0));
	expect_answer(w, &a, 3003, MC_MORE);
	expect_no_event(w);
	for (unsigned i = 0; i < 40; i++) { /* far out of the window by then */
		good_request(w, &a, 2006, 0);
		expect_uplink(w, 2006, 3 + i);
	}
	send_segment(w, &a, number, SEGMENT(3, 1));
	expect_silence(w);
	last = expect_uplink(w, 3002, 1);
	backend_answers(w, 3003, last, HEARD);
	expect_answer(w, &a, 3003, 0);
	assert_int_equal(counted(w, MC_RESULT_SEQUENCE), 0);
}

/* Each of these ends a series of two segments. */
static void test_series_over(void **state)
{
	static const char *const wrong[] = {
		SEGMENT(1, 0), /* behind */
		SEGMENT(4, 0), /* a gap */
		SEGMENT(0, 0),
		SEGMENT(65536, 0),
		"", /* a whole recording under the same number */
		",\"voiceId\":\"v1\",\"sn\":3",
		",\"voiceId\":\"v1\",\"isLast\":\"0\"",
		",\"voiceId\":\"v2\",\"sn\":3,\"isLast\":\"0\"",
		",\"sn\":3,\"isLast\":\"0\"",
		",\"voiceId\":\"v1\",\"sn\":3,\"isLast\":\"2\"",
		",\"voiceId\":\"v1\",\"sn\":[3],\"isLast\":\"0\"",
	};
	struct world *w = *state;
	struct device_side a = linked(w, false);

	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		send_segment(w, &a, ++a.sequence, SEGMENT(1, 0));
		expect_answer(w, &a, 3003, MC_MORE);
		send_segment(w, &a, a.sequence, SEGMENT(2, 0));
		expect_answer(w, &a, 3003, MC_MORE);
		send_segment(w, &a, a.sequence, wrong[i]);
		expect_answer(w, &a, 3003, MC_ILLEGAL);
		/* It is over: not even the right one goes on. */
		send_segment(w, &a, a.sequence, SEGMENT(3, 0));
		expect_answer(w, &a, 3003, MC_ILLEGAL);
		while (read_event(w->reader).there)
			;
		/* Nor the last one: no backend is asked, nor is one waited for. */
		send_segment(w, &a, a.sequence, SEGMENT(3, 1));
		expect_answer(w, &a, 3003, MC_ILLEGAL);
		expect_no_event(w);
	}
	assert_int_equal(counted(w, MC_VOICE_ASKED), 0);
	for (unsigned i = 0; i <= MC_VOICE_KEEP_SECONDS; i++) {
		good_request(w, &a, 2006, 0);
		read_event(w->reader);
		world_pass(w, 1);
	}
	assert_int_equal(w->mc->voices.used, 0);
}

/* A fresh number begins with the first segment, well-formed; a new series ends the old one. */
static void test_series_begins(void **state)
{
	struct world *w = *state;
	struct device_side a = linked(w, false);
	uint16_t first;

	send_segment(w, &a, ++a.sequence, SEGMENT(2, 0));
	expect_answer(w, &a, 3003, MC_ILLEGAL);
	send_segment(w, &a, ++a.sequence, ",\"sn\":1");
	expect_answer(w, &a, 3003, MC_ILLEGAL);
	first = ++a.sequence;
	send_segment(w, &a, first, SEGMENT(1, 0));
	expect_answer(w, &a, 3003, MC_MORE);
	/* A spoken text in between is no recording. */
	send_request(w, &a, 3000, ++a.sequence);
	expect_silence(w);
	send_segment(w, &a, first, SEGMENT(2, 0));
	expect_answer(w, &a, 3003, MC_MORE);
	send_segment(w, &a, ++a.sequence, ",\"sn\":\"1\",\"isLast\":0");
	expect_answer(w, &a, 3003, MC_MORE);
	send_segment(w, &a, first, SEGMENT(3, 1));
	expect_answer(w, &a, 3003, MC_ILLEGAL);
	send_segment(w, &a, a.sequence, ",\"sn\":\"2\",\"isLast\":1");
	expect_silence(w);
}

static void test_series_time(void **state)
{
	struct world *w = *state;
	struct device_side a = linked(w, false);

	send_segment(w, &a, ++a.sequence, SEGMENT(1, 0));
	expect_answer(w, &a, 3003, MC_MORE);
	for (unsigned number = 2; number < 6; number++) {
		char extra[64];

		for (unsigned i = 0; i < MC_VOICE_SEGMENT_SECONDS; i++)
			world_pass(w, 1);
		snprintf(extra, sizeof(extra), ",\"voiceId\":\"v1\",\"sn\":%u,\"isLast\":\"0\"",
			number);
		send_segment(w, &a, a.sequence, extra);
		expect_answer(w, &a, 3003, MC_MORE);
	}
	for (unsigned i = 0; i <= MC_VOICE_SEGMENT_SECONDS; i++)
		world_pass(w, 1);
	send_segment(w, &a, a.sequence, SEGMENT(6, 1));
	expect_answer(w, &a, 3003, MC_ILLEGAL);
	assert_int_equal(counted(w, MC_VOICE_ASKED), 0);
}

/* A recording has its limit. */
static void test_series_long(void **state)
{
	static char plain[MC_FRAME_MAX];
	struct world *w = *state;
	struct device_side a = linked(w, false);
	const unsigned bytes = 40000, whole = MC_VOICE_RECORDING_MAX / (bytes + 60);

	a.sequence++;
	for (unsigned number = 1; number <= whole + 1; number++) {
		int at = snprintf(plain, sizeof(plain),
			"{\"sequence\":\"%u\",\"deviceId\":\"%s\",\"ctrlParam\":{\"sn\":%u,"
			"\"isLast\":\"0\",\"audioData\":\"",
			a.sequence, a.id, number);

		memset(plain + at, 'A', bytes);
		snprintf(plain + at + bytes, sizeof(plain) - at - bytes, "\"},\"time\":%u}",
			now_of(w));
		send_plain(w, &a, a.peer, 3002, plain);
		expect_answer(w, &a, 3003, number <= whole ? MC_MORE : MC_ILLEGAL);
		/* the event is larger than what read_event() holds */
		hearth_feed_next(w->reader, &(struct hearth_item){0});
		hearth_feed_commit(w->reader);
	}
	assert_int_equal(counted(w, MC_VOICE_LONG), 1);
}

/* A series takes one of a session's places: beside it there are no more than the others. */
static void test_series_and_requests(void **state)
{
	struct world *w = *state;
	struct device_side a = linked(w, false);

	send_segment(w, &a, ++a.sequence, SEGMENT(1, 0));
	expect_answer(w, &a, 3003, MC_MORE);
	for (unsigned i = 1; i < MC_VOICE_PER_SESSION; i++)
		send_request(w, &a, 3000, ++a.sequence);
	expect_silence(w);
	while (read_event(w->reader).there)
		;
	send_request(w, &a, 3000, ++a.sequence);
	expect_answer(w, &a, 3001, MC_NO_ROOM);
	expect_no_event(w);
	/* A new series takes the old one's. */
	send_segment(w, &a, ++a.sequence, SEGMENT(1, 0));
	expect_answer(w, &a, 3003, MC_MORE);
	send_segment(w, &a, a.sequence, SEGMENT(2, 1));
	expect_silence(w);
	assert_int_equal(counted(w, MC_VOICE_ASKED), MC_VOICE_PER_SESSION);
}

/* What a device asks again is answered again, to where it asked from, and is no second event. */
static void test_repeats(void **state)
{
	struct world *w = *state;
	struct device_side a = linked(w, true);
	struct device_side elsewhere = a;
	struct answer answer;

	send_request(w, &a, 3002, ++a.sequence);
	expect_uplink(w, 3002, 1);
	send_request(w, &a, 3002, a.sequence);
	expect_silence(w);
	backend_answers(w, 3003, 0, HEARD);
	answer = answer_of(w, &a);
	assert_int_equal(answer.to.udp.port, a.peer.udp.port);
	world_pass(w, 10);
	elsewhere.peer = on_udp(2001);
	send_request(w, &elsewhere, 3002, a.sequence);
	answer = answer_of(w, &a);
	assert_int_equal(answer.result, 0);
	assert_int_equal(answer.to.udp.port, elsewhere.peer.udp.port);
	assert_non_null(strstr(answer.plain, "\"rawText\":\"on\""));
	assert_non_null(strstr(answer.plain, "\"time\":1700000010}"));
	expect_no_event(w);
	/* The last segment of a series is one, too. */
	send_segment(w, &a, ++a.sequence, SEGMENT(1, 0));
	expect_answer(w, &a, 3003, MC_MORE);
	send_segment(w, &a, a.sequence, SEGMENT(2, 1));
	send_segment(w, &a, a.sequence, SEGMENT(2, 1));
	expect_silence(w);
	backend_answers(w, 3003, 0, HEARD);
	expect_answer(w, &a, 3003, 0);
	send_segment(w, &a, a.sequence, SEGMENT(2, 1));
	expect_answer(w, &a, 3003, 0);
	expect_uplink(w, 3002, 2);
	expect_uplink(w, 3002, 2);
	expect_no_event(w);
}

/* An answer that no frame can carry, and one that is too large to be kept. */
static void test_large(void **state)
{
	static char payload[2000];
	struct world *w = *state;
	struct device_side a = linked(w, true);
	int at = sprintf(payload, "{\"result\":0,\"ttsResult\":{\"audioData\":\"");

	memset(payload + at, 'A', 1500);
	strcpy(payload + at + 1500, "\"}}");
	send_request(w, &a, 3000, ++a.sequence);
	backend_answers(w, 3001, 0, payload);
	expect_answer(w, &a, 3001, MC_NO_ROOM);
	assert_int_equal(counted(w, MC_VOICE_LARGE), 1);

	a.peer = on_tcp(tcp_open(w));
	world_pass(w, 1);
	send_connect(w, &a, a.peer, ++a.sequence, now_of(w));
	expect_answer(w, &a, 1005, 0);
	send_request(w, &a, 3000, ++a.sequence);
	backend_answers(w, 3001, 0, payload);
	expect_answer(w, &a, 3001, 0);
	send_request(w, &a, 3000, a.sequence);
	expect_answer(w, &a, 3001, MC_NO_ROOM);
}

static void test_bad_answers(void **state)
{
	static const char *const bad[] = {"", "{}", "[]", "{\"result\":0}", "{\"result\":0,",
		"{\"ctrlResult\":{}}", "{\"result\":-1,\"ctrlResult\":{}}",
		"{\"result\":0,\"ctrlResult\":[]}", "{\"result\":0,\"ttsResult\":{}}",
		"{\"result\":{},\"ctrlResult\":{}}"};
	struct world *w = *state;
	struct device_side a = linked(w, false);

	send_request(w, &a, 3002, ++a.sequence);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		backend_answers(w, 3003, 0, bad[i]);
	expect_silence(w);
	assert_int_equal(counted(w, MC_VOICE_BAD), sizeof(bad) / sizeof(bad[0]));
	/* What else it says stays behind. */
	backend_answers(w, 3003, 0,
		"{\"sequence\":\"1\",\"pin\":\"x\",\"ctrlResult\":{\"rawText\":\"\"},\"result\":"
		"\"7\"}");
	assert_string_equal(answer_of(w, &a).plain,
		"{\"result\":7,\"sequence\":\"12347\",\"deviceId\":\"" DEVICE_A
		"\",\"ctrlResult\":{\"rawText\":\"\"},\"time\":1700000000}");
}

/* A backend that refuses need not say more; the device finds all members that it looks for. */
static void test_refused_by_the_backend(void **state)
{
	struct world *w = *state;
	struct device_side a = linked(w, false);

	send_request(w, &a, 3000, ++a.sequence);
	backend_answers(w, 3001, 0, "{\"result\":400001}");
	assert_string_equal(answer_of(w, &a).plain,
		"{\"result\":400001,\"sequence\":\"12347\",\"deviceId\":\"" DEVICE_A
		"\",\"ttsResult\":{\"audioData\":\"\"},\"time\":1700000000}");
	send_request(w, &a, 3002, ++a.sequence);
	backend_answers(w, 3003, 0, "{\"result\":400003,\"ctrlResult\":\"\"}");
	expect_silence(w);
	assert_int_equal(counted(w, MC_VOICE_BAD), 1);
	backend_answers(w, 3003, 0, "{\"result\":\"400003\"}");
	assert_string_equal(answer_of(w, &a).plain,
		"{\"result\":400003,\"sequence\":\"12348\",\"deviceId\":\"" DEVICE_A
		"\",\"ctrlResult\":{},\"time\":1700000000}");
}

/* A session's share of the records, and that they come back. */
static void test_bounded(void **state)
{
	struct world *w = *state;
	struct device_side a = linked(w, false);

	for (unsigned i = 0; i < MC_VOICE_PER_SESSION; i++)
		send_request(w, &a, 3000, ++a.sequence);
	expect_silence(w);
	good_request(w, &a, 3000, MC_NO_ROOM);
	/* One that is answered gives way to the next. */
	backend_answers(w, 3001, 0, SPOKEN);
	expect_answer(w, &a, 3001, 0);
	send_request(w, &a, 3000, ++a.sequence);
	expect_silence(w);
	assert_int_equal(w->mc->voices.used, MC_VOICE_PER_SESSION);
	tcp_drop(w, a.peer.connection);
	for (unsigned i = 0; i < MC_VOICE_KEEP_SECONDS; i++) {
		for (unsigned j = 0; j < 10; j++)
			world_turn(w);
		world_pass(w, 1);
	}
	expect_silence(w);
	assert_int_equal(w->mc->voices.used, 0);
}

/* The broker starts again while a backend is at it: a repeat waits on, without a second event. */
static void test_restart(void **state)
{
	struct world *w = *state;
	struct device_side a = linked(w, true);
	uint64_t event;

	send_request(w, &a, 3002, ++a.sequence);
	event = expect_uplink(w, 3002, 1);
	world_restart(w);
	send_request(w, &a, 3002, a.sequence);
	expect_silence(w);
	backend_answers(w, 3003, event, HEARD);
	expect_answer(w, &a, 3003, 0);
	/* A series is over. */
	send_segment(w, &a, ++a.sequence, SEGMENT(1, 0));
	expect_answer(w, &a, 3003, MC_MORE);
	world_restart(w);
	send_segment(w, &a, a.sequence, SEGMENT(2, 0));
	expect_answer(w, &a, 3003, MC_ILLEGAL);
}

/* No room for the event: refused, and judged anew when there is. */
static void test_full_ring(void **state)
{
	struct world *w = *state;
	struct device_side a = linked(w, false);

	send_segment(w, &a, ++a.sequence, SEGMENT(1, 0));
	expect_answer(w, &a, 3003, MC_MORE);
	expect_uplink(w, 3002, 1);
	fill_ring(w, false);
	send_segment(w, &a, a.sequence, SEGMENT(2, 0));
	expect_answer(w, &a, 3003, MC_NO_ROOM);
	drain_ring(w);
	send_segment(w, &a, a.sequence, SEGMENT(2, 0));
	expect_answer(w, &a, 3003, MC_MORE);
	expect_uplink(w, 3002, 1);
	fill_ring(w, false);
	send_request(w, &a, 3000, ++a.sequence);
	expect_answer(w, &a, 3001, MC_NO_ROOM);
	drain_ring(w);
	send_request(w, &a, 3000, a.sequence);
	expect_silence(w);
	expect_uplink(w, 3000, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_no_backend),
		TEST(test_answered),
		TEST(test_which),
		TEST(test_no_answer),
		TEST(test_series),
		TEST(test_series_over),
		TEST(test_series_begins),
		TEST(test_series_time),
		TEST(test_series_long),
		TEST(test_series_and_requests),
		TEST(test_repeats),
		TEST(test_large),
		TEST(test_bad_answers),
		TEST(test_refused_by_the_backend),
		TEST(test_bounded),
		TEST(test_restart),
		TEST(test_full_ring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
