/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_worker_stream.c - frames over TCP as a worker takes them: cut anywhere, ended by FIN or RST,
 * slow, too long, too many, and without memory */
#include "worker_fixture.h"

#define HOARDERS 64

/* A report whose frame has about @bytes bytes. */
static void long_report(const struct gadget *g, uint32_t bytes, struct frame_text *frame)
{
	uint32_t filling = bytes * 3 / 4 - 200;
	char *plain = malloc(filling + 512);
	int at = snprintf(plain, 256,
		"{\"sequence\":\"%u\",\"deviceId\":\"%s\",\"statusSerials\":[\"", g->side.sequence,
		g->side.id);

	memset(plain + at, 'x', filling);
	snprintf(plain + at + filling, 200, "\"],\"time\":%u}", now_of(g->rig));
	session_frame(&g->side, frame, 2006, plain);
	free(plain);
}

/* The next event, for those whose payload is long. Return: its payload's length. */
static uint32_t expect_long_event(struct rig *rig)
{
	struct hearth_item item;
	uint32_t length;

	assert_int_equal(hearth_feed_next(rig->reader, &item), 1);
	assert_int_equal(item.record->event, HEARTH_UPLINK);
	length = item.record->payload_length;
	assert_int_equal(hearth_feed_commit(rig->reader), 0);
	return length;
}

/* ---- frames and segments ---- */

static void test_a_frame_may_be_cut_anywhere(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);
	struct frame_text frame;

	live_tcp(&a);
	request_frame(&a, 2006, ++a.side.sequence, &frame);
	for (uint32_t cut = 1; cut < frame.length; cut++) {
		flow_next(a.flow, 0, frame.text, cut);
		rig_turn(rig);
		assert_chunks(rig, 1);
		flow_next(a.flow, 0, frame.text + cut, frame.length - cut);
		rig_turn(rig);
		expect_answer_to(&a, 2007, 0, a.side.sequence);
		rig_turn(rig);
		assert_chunks(rig, 0);
		expect_event(&a, HEARTH_UPLINK, 2006);
		assert_int_equal(rig->worker->stream_counters[STREAM_PARTIAL], cut);
		request_frame(&a, 2006, ++a.side.sequence, &frame);
	}
}

static void test_a_long_frame_over_many_segments(void **state)
{
	static const uint32_t sizes[] = {3000, 15000, 40000, 65500};
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);
	struct frame_text frame;

	live_tcp(&a);
	for (unsigned i = 0; i < 4; i++) {
		a.side.sequence++;
		long_report(&a, sizes[i], &frame);
		assert_in_range(frame.length, sizes[i] - 200, sizes[i]);
		flow_bytes(a.flow, frame.text, frame.length);
		rig_turn(rig);
		expect_answer_to(&a, 2007, 0, a.side.sequence);
		assert_true(expect_long_event(rig) > frame.length / 2);
	}
	/* Byte by byte. */
	request_frame(&a, MC_HEARTBEAT, ++a.side.sequence, &frame);
	for (uint32_t i = 0; i < frame.length; i++) {
		if (rig->link.rx_count == STACK_BURST)
			rig_turn(rig);
		flow_next(a.flow, 0, frame.text + i, 1);
	}
	rig_turn(rig);
	expect_answer(&a, 1001, 0);
}

static void test_many_frames_in_a_segment_are_answered_each_in_its_own(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);
	struct frame_text frame;
	unsigned count = 0;
	char segment[1460];
	uint32_t length = 0;

	live_tcp(&a);
	a.flow->segments = 0;
	for (;;) {
		request_frame(&a, MC_HEARTBEAT, a.side.sequence + 1, &frame);
		if (length + frame.length > sizeof(segment))
			break;
		memcpy(segment + length, frame.text, frame.length);
		length += frame.length;
		a.side.sequence++;
		count++;
	}
	assert_true(count > 5);
	flow_next(a.flow, TCP_PSH, segment, length);
	rig_turn(rig);
	assert_int_equal(a.flow->segments, count);
	for (unsigned i = 0; i < count; i++)
		expect_answer_to(&a, 1001, 0, (uint16_t)(a.side.sequence - count + 1 + i));
	assert_int_equal(rig->worker->stream_counters[STREAM_PARTIAL], 0);
}

/* The beginning lies in a chunk, the end in a packet that brings two more frames and a tail. */
static void test_a_frame_completes_in_its_chunk_among_others(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);
	struct frame_text frames[4];
	char bytes[4000];
	uint32_t length = 0, ends[4], partial;

	live_tcp(&a);
	partial = (uint32_t)rig->worker->stream_counters[STREAM_PARTIAL];
	for (unsigned i = 0; i < 4; i++) {
		request_frame(&a, 2006, ++a.side.sequence, &frames[i]);
		memcpy(bytes + length, frames[i].text, frames[i].length);
		length += frames[i].length;
		ends[i] = length;
	}
	flow_next(a.flow, 0, bytes, 100);
	rig_turn(rig);
	assert_chunks(rig, 1);
	flow_next(a.flow, 0, bytes + 100, ends[2] - 100 + 50);
	rig_turn(rig);
	assert_chunks(rig, 1 + 3); /* the tail, and answers that are not acknowledged yet */
	for (unsigned i = 0; i < 3; i++)
		expect_answer(&a, 2007, 0);
	expect_silence(&a);
	flow_next(a.flow, 0, bytes + ends[2] + 50, length - ends[2] - 50);
	rig_turn(rig);
	expect_answer(&a, 2007, 0);
	assert_int_equal(rig->worker->stream_counters[STREAM_PARTIAL], partial + 2);
	for (unsigned i = 1; i <= 4; i++)
		assert_int_equal(expect_event(&a, HEARTH_UPLINK, 2006).record.count, i);
}

/* ---- how connections end ---- */

/* The session ended, and its end says where the device was. */
static void expect_closed(struct gadget *g)
{
	struct event event = expect_event(g, HEARTH_OFFLINE, HEARTH_CLOSED);

	assert_int_equal(event.record.peer_port, g->flow->port);
	assert_int_equal(get32(event.record.peer + 12), ntohl(PEER_ADDRESS));
}

static void test_fin_behind_a_report_ends_the_session_after_the_answer(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);
	struct frame_text frame;

	/* FIN in a segment of its own, then on the report's. */
	for (unsigned own = 0; own < 2; own++) {
		live_tcp(&a);
		request_frame(&a, 2006, ++a.side.sequence, &frame);
		flow_next(a.flow, own ? 0 : TCP_FIN, frame.text, frame.length);
		if (own)
			flow_next(a.flow, TCP_FIN, NULL, 0);
		rig_turn(rig);
		expect_answer_to(&a, 2007, 0, a.side.sequence);
		assert_true(a.flow->finished);
		expect_event(&a, HEARTH_UPLINK, 2006);
		expect_closed(&a);
		rig_turn(rig); /* our ACK of their FIN */
		assert_int_equal(tcp_connections(rig->worker->tcp, NULL), 0);
		assert_chunks(rig, 0);
	}
}

static void test_fin_in_the_middle_of_a_frame(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);
	struct frame_text frame;

	live_tcp(&a);
	request_frame(&a, 2006, ++a.side.sequence, &frame);
	flow_next(a.flow, TCP_FIN, frame.text, frame.length - 1);
	rig_turn(rig);
	assert_true(a.flow->finished);
	expect_closed(&a);
	assert_chunks(rig, 0);
	expect_no_event(rig);
}

static void test_connect_and_fin_in_one_burst(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);
	struct frame_text frame;

	flow_close(gadget_login(&a));
	a.flow = flow_open(rig, CONNECT_PORT);
	connect_frame(&a, &frame);
	gadget_queue(&a, &frame);
	flow_next(a.flow, TCP_FIN, NULL, 0);
	rig_turn(rig);
	expect_answer(&a, 1005, 0);
	assert_true(a.flow->finished);
	expect_event(&a, HEARTH_ONLINE, MC_CONNECT);
	expect_closed(&a);
	assert_int_equal(entry_now(&a).state, SESSION_RESTING);
	assert_int_equal(entry_now(&a).connection, 0);
}

static void test_rst_behind_a_report(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A), b = GADGET(rig, SIDE_B);
	struct frame_text frame;

	/* In the packet, and with its beginning in a chunk. */
	for (unsigned cut = 0; cut < 200; cut += 100) {
		live_tcp(&a);
		request_frame(&a, 2006, ++a.side.sequence, &frame);
		if (cut) {
			flow_next(a.flow, 0, frame.text, cut);
			rig_turn(rig);
			assert_chunks(rig, 1);
		}
		flow_next(a.flow, 0, frame.text + cut, frame.length - cut);
		flow_reset(a.flow);
		rig_turn(rig);
		expect_silence(&a);
		expect_closed(&a);
		assert_int_equal(entry_now(&a).state, SESSION_RESTING);
		assert_chunks(rig, 0);
		assert_int_equal(tcp_connections(rig->worker->tcp, NULL), 0);
	}
	live_tcp(&b);
	good_request(&b, 2006);
}

/* Nobody is left to hear of the connect: the session is over at once, not after its silence. */
static void test_connect_and_rst_in_one_burst(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);
	struct frame_text frame;

	flow_close(gadget_login(&a));
	a.flow = flow_open(rig, CONNECT_PORT);
	connect_frame(&a, &frame);
	gadget_queue(&a, &frame);
	queue_request(&a, 2006, a.side.sequence + 1);
	flow_reset(a.flow);
	rig_turn(rig);
	expect_event(&a, HEARTH_ONLINE, MC_CONNECT);
	expect_event(&a, HEARTH_OFFLINE, HEARTH_CLOSED);
	expect_no_event(rig);
	assert_int_equal(entry_now(&a).state, SESSION_RESTING);
	assert_chunks(rig, 0);
	/* The token is still good. */
	a.flow = flow_open(rig, CONNECT_PORT);
	a.side.sequence += 2;
	gadget_connect(&a);
	expect_event(&a, HEARTH_ONLINE, MC_CONNECT);
	good_request(&a, 2006);
}

/* ---- deadlines ---- */

/* Let time pass until the broker closes a flow. Return: when it did, to 10 ms. */
static uint64_t closes_at(struct flow *flow, uint64_t limit)
{
	struct rig *rig = flow->rig;

	while (!flow->finished && rig->clock.us < limit)
		rig_pass(rig, 10 * MS, 10 * MS);
	return rig->clock.us;
}

/* @flow is closed @seconds after @from, or within the second that a walk of the table takes. */
static void assert_closes(struct flow *flow, uint64_t from, unsigned seconds)
{
	uint64_t at = closes_at(flow, from + (seconds + 10) * SECOND);

	assert_true(flow->finished);
	assert_true(at >= from + seconds * SECOND);
	assert_true(at <= from + seconds * SECOND + SECOND + 20 * MS);
}

static void test_a_login_connection_is_closed_after_ten_seconds(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);
	struct flow *flow = gadget_login(&a);

	assert_closes(flow, rig->clock.us, 10);
	assert_false(flow->reset);
	a.flow = flow_open(rig, CONNECT_PORT);
	gadget_connect(&a);
}

static void test_a_connection_that_never_sends_is_closed(void **state)
{
	struct rig *rig = *state;
	struct flow *login = flow_open(rig, LOGIN_PORT), *connect = flow_open(rig, CONNECT_PORT);
	uint64_t from = rig->clock.us;

	assert_closes(login, from, 30);
	rig_pass(rig, SECOND, 10 * MS);
	assert_true(connect->finished);
	assert_int_equal(rig->worker->counters[WORKER_DEADLINE], 2);
	assert_int_equal(login->got_length + connect->got_length, 0);
}

/* Whatever a connection without a session sends, and however slowly: 30 s in all. */
static void test_slow_bytes_before_a_session_gain_no_time(void **state)
{
	struct rig *rig = *state;
	struct flow *flow = flow_open(rig, CONNECT_PORT);
	uint64_t from = rig->clock.us;

	for (unsigned i = 0; i < 29; i++) {
		flow_next(flow, 0, i % 3 ? "x" : "\r\n", i % 3 ? 1 : 2);
		rig_pass(rig, SECOND, 100 * MS);
		assert_false(flow->finished);
	}
	assert_closes(flow, from, 30);
	assert_chunks(rig, 0);
}

/* A byte each second until the broker closes. */
static void send_slowly(struct gadget *g, const struct frame_text *frame, unsigned from)
{
	struct rig *rig = g->rig;

	for (unsigned i = from; i < frame->length && !g->flow->finished; i++) {
		flow_next(g->flow, 0, frame->text + i, 1);
		for (unsigned j = 0; j < 100 && !g->flow->finished; j++)
			rig_pass(rig, 10 * MS, 10 * MS);
	}
	assert_true(g->flow->finished);
}

static void test_a_slow_frame_is_given_thirty_seconds_from_its_first_byte(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);
	struct frame_text frame;
	uint64_t from;

	live_tcp(&a);
	rig_pass(rig, 20 * SECOND, 10 * MS);
	good_request(&a, MC_HEARTBEAT);
	rig_pass(rig, 15 * SECOND, 10 * MS);
	request_frame(&a, 2006, ++a.side.sequence, &frame);
	from = rig->clock.us;
	send_slowly(&a, &frame, 0);
	assert_in_range(rig->clock.us - from, 30 * SECOND, 31 * SECOND + 20 * MS);
	expect_closed(&a);
	expect_no_event(rig);
	assert_chunks(rig, 0);
}

/* Also one whose first bytes came behind the connect, late in the connection's own time. */
static void test_a_slow_frame_behind_the_connect_has_its_own_time(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);
	struct frame_text frame;
	uint64_t from;

	flow_close(gadget_login(&a));
	a.flow = flow_open(rig, CONNECT_PORT);
	rig_pass(rig, 25 * SECOND, 10 * MS);
	connect_frame(&a, &frame);
	gadget_queue(&a, &frame);
	request_frame(&a, 2006, ++a.side.sequence, &frame);
	flow_next(a.flow, 0, frame.text, 10);
	from = rig->clock.us;
	rig_turn(rig);
	expect_answer(&a, 1005, 0);
	expect_event(&a, HEARTH_ONLINE, MC_CONNECT);
	send_slowly(&a, &frame, 10);
	assert_in_range(rig->clock.us - from, 30 * SECOND, 31 * SECOND + 20 * MS);
	expect_closed(&a);
}

/* There is always a frame under way, but never the same for long. */
static void test_whole_frames_with_tails_are_never_closed(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);
	struct frame_text now, next;
	char bytes[2048];
	uint32_t rest, tail = 40;

	live_tcp(&a);
	request_frame(&a, MC_HEARTBEAT, ++a.side.sequence, &now);
	flow_next(a.flow, 0, now.text, tail);
	for (unsigned i = 0; i < 120; i++) {
		rig_pass(rig, SECOND, 50 * MS);
		rest = now.length - tail;
		memcpy(bytes, now.text + tail, rest);
		request_frame(&a, MC_HEARTBEAT, ++a.side.sequence, &next);
		memcpy(bytes + rest, next.text, tail);
		flow_next(a.flow, 0, bytes, rest + tail);
		rig_turn(rig);
		expect_answer(&a, 1001, 0);
		now = next;
	}
	assert_false(a.flow->finished);
	expect_no_event(rig);
	assert_int_equal(rig->worker->counters[WORKER_DEADLINE], 0);
}

/* ---- too long, too short ---- */

static void test_too_many_bytes_before_login_end_the_connection(void **state)
{
	static const uint16_t ports[] = {LOGIN_PORT, CONNECT_PORT};
	struct rig *rig = *state;
	char junk[2100];

	memset(junk, 'x', sizeof(junk));
	for (unsigned i = 0; i < 2; i++) {
		struct flow *flow = flow_open(rig, ports[i]);

		flow_bytes(flow, junk, MC_FIRST_MAX - 1);
		rig_turn(rig);
		assert_false(flow->reset || flow->finished);
		assert_chunks(rig, 1);
		flow_bytes(flow, junk, 1);
		rig_turn(rig);
		assert_true(flow->reset);
		assert_int_equal(flow->got_length, 0);
		assert_chunks(rig, 0);
		/* A whole one that is too long, at once. */
		flow = flow_open(rig, ports[i]);
		memcpy(junk + MC_FIRST_MAX - 1, "\r\n", 2);
		flow_bytes(flow, junk, MC_FIRST_MAX + 1);
		rig_turn(rig);
		assert_true(flow->reset);
		memset(junk, 'x', sizeof(junk));
		assert_int_equal(rig->worker->stream_counters[STREAM_CLOSE_LONG], 2 * i + 2);
	}
	assert_int_equal(tcp_connections(rig->worker->tcp, NULL), 0);
}

/* What follows in the burst is not heard any more, be it ever so good. */
static void test_a_login_behind_too_many_bytes_gains_nothing(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);
	struct flow *flow = flow_open(rig, LOGIN_PORT);
	struct frame_text frame;
	char junk[MC_FIRST_MAX];

	memset(junk, 'x', sizeof(junk));
	flow_bytes(flow, junk, sizeof(junk));
	login_text(&a.side, now_of(rig), &frame);
	flow_bytes(flow, frame.text, frame.length);
	flow_next(flow, TCP_FIN, NULL, 0);
	rig_turn(rig);
	assert_true(flow->reset);
	assert_int_equal(flow->got_length, 0);
	assert_int_equal(mc_counted(rig, MC_LOGINS), 0);
	assert_int_equal(tcp_connections(rig->worker->tcp, NULL), 0);
	assert_chunks(rig, 0);
}

static void test_an_oversize_frame_of_a_session_is_skipped(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);
	struct frame_text frame;
	uint32_t length = 70000;
	char *junk = malloc(length + 2000);

	live_tcp(&a);
	memset(junk, 'x', length);
	request_frame(&a, 2006, ++a.side.sequence, &frame);
	memcpy(junk + length, "\r\n", 2);
	memcpy(junk + length + 2, frame.text, frame.length);
	flow_bytes(a.flow, junk, length + 2 + frame.length);
	rig_turn(rig);
	expect_answer_to(&a, 2007, 0, a.side.sequence);
	assert_int_equal(rig->worker->stream_counters[STREAM_DROP_LONG], 1);
	expect_event(&a, HEARTH_UPLINK, 2006);
	rig_turn(rig);
	assert_chunks(rig, 0);
	good_request(&a, MC_HEARTBEAT);
	free(junk);
}

/* The time of a frame that follows an oversize one is its own. */
static void test_a_frame_behind_an_oversize_one_has_its_own_time(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);
	struct frame_text frame;
	char bytes[100] = "x\r\n";
	char *junk = malloc(70000);
	uint64_t from;

	live_tcp(&a);
	memset(junk, 'x', 70000);
	flow_bytes(a.flow, junk, 70000);
	rig_pass(rig, 25 * SECOND, 50 * MS);
	request_frame(&a, 2006, ++a.side.sequence, &frame);
	memcpy(bytes + 3, frame.text, 50);
	flow_next(a.flow, 0, bytes, 53);
	from = rig->clock.us;
	rig_pass(rig, 20 * SECOND, 50 * MS);
	assert_false(a.flow->finished);
	flow_next(a.flow, 0, frame.text + 50, 50);
	assert_closes(a.flow, from, 30);
	expect_closed(&a);
	free(junk);
}

/* ---- no memory, no room ---- */

/* All of @frame that the broker does not have yet, again; its first byte had number @seq. */
static void send_again(struct flow *flow, const struct frame_text *frame, uint32_t seq)
{
	uint32_t have = flow->acked - seq;

	assert_true(have < frame->length);
	flow->seq = flow->acked;
	flow_bytes(flow, frame->text + have, frame->length - have);
}

static char hoarder_ids[HOARDERS][16];

static int setup_hoarders(void **state)
{
	struct rig *rig = rig_make();

	for (unsigned i = 0; i < HOARDERS; i++) {
		snprintf(hoarder_ids[i], sizeof(hoarder_ids[i]), "hoarder-%u", i);
		provision(rig->store, hoarder_ids[i], PIN_A);
	}
	rig_start(rig);
	*state = rig;
	return 0;
}

static void hoarders_live(struct rig *rig, struct gadget *hoarders)
{
	for (unsigned i = 0; i < HOARDERS; i++) {
		hoarders[i] = (struct gadget){
			.rig = rig, .side = {.id = hoarder_ids[i], .pin = PIN_A, .sequence = 1}};
		live_tcp(&hoarders[i]);
	}
}

/* Each keeps a large chunk busy with the beginning of a frame. */
static void hoard(struct gadget *hoarders)
{
	char junk[17000];

	memset(junk, 'x', sizeof(junk));
	for (unsigned i = 0; i < HOARDERS; i++)
		flow_bytes(hoarders[i].flow, junk, sizeof(junk));
	rig_turn(hoarders[0].rig);
}

static void test_without_large_chunks_segments_are_refused_until_there_are(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A), canary = GADGET(rig, SIDE_CANARY);
	struct gadget hoarders[HOARDERS];
	struct frame_text frame;
	uint64_t refused;
	uint32_t seq;

	live_udp(&canary, 40001);
	live_tcp(&a);
	hoarders_live(rig, hoarders);
	hoard(hoarders);
	assert_int_equal(chunk_free_count(rig->worker->chunks, 3), rig->chunks[3] - HOARDERS);
	assert_int_equal(rig->chunks[3], HOARDERS);
	refused = rig->worker->stream_counters[STREAM_REFUSE_CHUNK];
	a.side.sequence++;
	long_report(&a, 20000, &frame);
	seq = a.flow->seq;
	flow_bytes(a.flow, frame.text, frame.length);
	rig_turn(rig);
	assert_true(rig->worker->stream_counters[STREAM_REFUSE_CHUNK] > refused);
	assert_in_range(a.flow->acked - seq, 14000, 17000);
	assert_int_equal(a.flow->window, 0);
	/* Others go on, also on streams; this one is asked for more when the sweep comes by. */
	good_request(&canary, 2006);
	expect_event(&canary, HEARTH_UPLINK, 2006);
	rig_pass(rig, SECOND + 10 * MS, 10 * MS);
	assert_true(a.flow->window > 0);
	send_again(a.flow, &frame, seq);
	rig_turn(rig);
	expect_silence(&a);
	flow_reset(hoarders[5].flow);
	rig_turn(rig);
	expect_closed(&hoarders[5]);
	send_again(a.flow, &frame, seq);
	rig_turn(rig);
	expect_answer_to(&a, 2007, 0, a.side.sequence);
	expect_long_event(rig);
	/* And those that never go on lose their sessions. */
	rig_pass(rig, 31 * SECOND, 50 * MS);
	assert_int_equal(rig->worker->counters[WORKER_DEADLINE], HOARDERS - 1);
}

/* Frames that hold the last large chunks need no others to become whole. */
static void test_frames_in_the_last_large_chunks_become_whole(void **state)
{
	struct rig *rig = *state;
	struct gadget hoarders[HOARDERS];
	struct frame_text frame;

	hoarders_live(rig, hoarders);
	for (unsigned i = 0; i < HOARDERS; i++) {
		hoarders[i].side.sequence++;
		long_report(&hoarders[i], 20000, &frame);
		flow_bytes(hoarders[i].flow, frame.text, 17000);
	}
	rig_turn(rig);
	assert_int_equal(chunk_free_count(rig->worker->chunks, 3), 0);
	for (unsigned i = 0; i < HOARDERS; i++) {
		long_report(&hoarders[i], 20000, &frame);
		flow_bytes(hoarders[i].flow, frame.text + 17000, frame.length - 17000);
		rig_turn(rig);
		expect_answer_to(&hoarders[i], 2007, 0, hoarders[i].side.sequence);
		expect_long_event(rig);
	}
	assert_int_equal(rig->worker->stream_counters[STREAM_REFUSE_CHUNK], 0);
}

/* Take every chunk but @left of class 1. Return: how many were taken. */
static unsigned take_chunks(struct rig *rig, chunk_id *ids, unsigned left)
{
	struct chunk_pool *pool = rig->worker->chunks;
	unsigned taken = 0;

	for (unsigned class = CHUNK_CLASSES; class -- > 0;) {
		while (chunk_free_count(pool, class) > (class == 1 ? left : 0))
			ids[taken++] = chunk_get(pool, chunk_class_bytes[class]);
	}
	return taken;
}

static void test_without_any_chunk_datagrams_are_served_and_streams_wait(void **state)
{
	static chunk_id ids[20000];
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A), b = GADGET(rig, SIDE_B);
	struct frame_text frame;
	unsigned taken;
	uint32_t seq;

	live_tcp(&a);
	live_udp(&b, 40001);
	rig_turn(rig);
	taken = take_chunks(rig, ids, 0);
	request_frame(&a, 2006, ++a.side.sequence, &frame);
	seq = a.flow->seq;
	for (unsigned i = 0; i < 20; i++) {
		a.flow->seq = seq;
		flow_bytes(a.flow, frame.text, frame.length);
		queue_request(&b, 2006, ++b.side.sequence);
		rig_turn(rig);
		expect_silence(&a);
		expect_answer(&b, 2007, 0);
		expect_event(&b, HEARTH_UPLINK, 2006);
		assert_int_equal(a.flow->acked, seq);
		assert_int_equal(a.flow->window, 0);
		rig_pass(rig, SECOND, 100 * MS);
	}
	expect_no_event(rig);
	while (taken > 0)
		chunk_put(rig->worker->chunks, ids[--taken]);
	rig_pass(rig, SECOND + 10 * MS, 10 * MS);
	assert_int_equal(a.flow->window, 65535);
	send_again(a.flow, &frame, seq);
	rig_turn(rig);
	expect_answer_to(&a, 2007, 0, a.side.sequence);
	expect_event(&a, HEARTH_UPLINK, 2006);
}

/* An answer that found no chunk is lost like one on the network: the repeat brings it. */
static void test_an_answer_without_a_chunk_is_dropped_and_repeated(void **state)
{
	static chunk_id ids[20000];
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);
	struct frame_text frame;
	char segment[1460];
	uint32_t length = 0;
	unsigned taken;

	live_tcp(&a);
	rig_turn(rig);
	for (unsigned i = 0; i < 3; i++) {
		request_frame(&a, 2006, ++a.side.sequence, &frame);
		memcpy(segment + length, frame.text, frame.length);
		length += frame.length;
	}
	taken = take_chunks(rig, ids, 2);
	flow_next(a.flow, 0, segment, length);
	rig_turn(rig);
	for (unsigned i = 2; i > 0; i--)
		expect_answer_to(&a, 2007, 0, (uint16_t)(a.side.sequence - i));
	expect_silence(&a);
	assert_int_equal(rig->worker->counters[WORKER_DROP_ANSWER], 1);
	rig_turn(rig);
	while (taken > 0)
		chunk_put(rig->worker->chunks, ids[--taken]);
	queue_request(&a, 2006, a.side.sequence);
	rig_turn(rig);
	expect_answer_to(&a, 2007, 0, a.side.sequence);
	for (unsigned i = 0; i < 3; i++)
		expect_event(&a, HEARTH_UPLINK, 2006);
	expect_no_event(rig);
}

#define SHORT_BYTES WORKER_FRAME_SHORTEST
#define FULL_SEGMENT 1440 /* of 45 frames that are as short as can be */

static void fill_shortest(char *bytes, uint32_t length)
{
	memset(bytes, 'x', length);
	for (uint32_t at = SHORT_BYTES; at <= length; at += SHORT_BYTES)
		memcpy(bytes + at - 2, "\r\n", 2);
}

static void test_a_full_batch_refuses_segments_that_are_taken_again(void **state)
{
	struct rig *rig = *state;
	struct gadget canary = GADGET(rig, SIDE_CANARY);
	struct flow *flows[2];
	char bytes[FULL_SEGMENT];
	uint32_t seq;
	uint64_t before;

	live_udp(&canary, 40001);
	flows[0] = flow_open(rig, CONNECT_PORT);
	flows[1] = flow_open(rig, CONNECT_PORT);
	before = mc_counted(rig, MC_FRAMES);
	fill_shortest(bytes, sizeof(bytes));
	seq = flows[1]->seq;
	for (unsigned i = 0; i < 62; i++)
		flow_next(flows[i >= 31], 0, bytes, sizeof(bytes));
	queue_request(&canary, 2006, ++canary.side.sequence);
	rig_turn(rig);
	expect_answer(&canary, 2007, 0); /* there was room for its one frame */
	assert_true(rig->worker->stream_counters[STREAM_REFUSE_BATCH] > 0);
	assert_int_equal(flows[0]->acked, flows[0]->seq);
	assert_true(flows[1]->acked != flows[1]->seq);
	assert_int_equal(mc_counted(rig, MC_FRAMES) - before, 45 * 45 + 1);
	/* The rest comes again and is taken. */
	rig_pass(rig, SECOND + 10 * MS, 10 * MS);
	assert_true(flows[1]->window > 0);
	for (uint32_t at = flows[1]->acked - seq; at < 31 * FULL_SEGMENT; at += FULL_SEGMENT)
		flow_raw(flows[1], TCP_ACK, seq + at, flows[1]->ack, bytes, sizeof(bytes));
	rig_turn(rig);
	assert_int_equal(flows[1]->acked, flows[1]->seq);
	assert_int_equal(mc_counted(rig, MC_FRAMES) - before, 62 * 45 + 1);
	assert_int_equal(mc_counted(rig, MC_DROP_FRAME), 62 * 45);
	assert_false(flows[0]->finished || flows[1]->finished);
}

static void test_datagrams_beyond_a_full_batch_are_dropped_by_name(void **state)
{
	struct rig *rig = *state;
	struct gadget canary = GADGET(rig, SIDE_CANARY);
	struct flow *flows[2];
	char bytes[FULL_SEGMENT];

	live_udp(&canary, 40001);
	flows[0] = flow_open(rig, CONNECT_PORT);
	flows[1] = flow_open(rig, CONNECT_PORT);
	fill_shortest(bytes, sizeof(bytes));
	for (unsigned i = 0; i < 44; i++)
		flow_next(flows[i & 1], 0, bytes, sizeof(bytes));
	flow_next(flows[0], 0, bytes, 45 * SHORT_BYTES);
	flow_next(flows[0], 0, bytes, 20 * SHORT_BYTES);
	flow_next(flows[0], 0, bytes, SHORT_BYTES);
	/* 2046 frames: the next segment might hold three. */
	flow_next(flows[1], 0, bytes, SHORT_BYTES);
	for (unsigned i = 0; i < 3; i++)
		queue_request(&canary, 2006, (uint16_t)(canary.side.sequence + 1 + i));
	rig_turn(rig);
	assert_int_equal(rig->worker->stream_counters[STREAM_REFUSE_BATCH], 1);
	assert_int_equal(rig->worker->counters[WORKER_DROP_BATCH], 1);
	expect_answer(&canary, 2007, 0);
	expect_answer(&canary, 2007, 0);
	expect_silence(&canary);
	canary.side.sequence += 3;
	queue_request(&canary, 2006, canary.side.sequence);
	rig_turn(rig);
	expect_answer_to(&canary, 2007, 0, canary.side.sequence);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup_new, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_frame_may_be_cut_anywhere),
		TEST(test_a_long_frame_over_many_segments),
		TEST(test_many_frames_in_a_segment_are_answered_each_in_its_own),
		TEST(test_a_frame_completes_in_its_chunk_among_others),
		TEST(test_fin_behind_a_report_ends_the_session_after_the_answer),
		TEST(test_fin_in_the_middle_of_a_frame),
		TEST(test_connect_and_fin_in_one_burst),
		TEST(test_rst_behind_a_report),
		TEST(test_connect_and_rst_in_one_burst),
		TEST(test_a_login_connection_is_closed_after_ten_seconds),
		TEST(test_a_connection_that_never_sends_is_closed),
		TEST(test_slow_bytes_before_a_session_gain_no_time),
		TEST(test_a_slow_frame_is_given_thirty_seconds_from_its_first_byte),
		TEST(test_a_slow_frame_behind_the_connect_has_its_own_time),
		TEST(test_whole_frames_with_tails_are_never_closed),
		TEST(test_too_many_bytes_before_login_end_the_connection),
		TEST(test_a_login_behind_too_many_bytes_gains_nothing),
		TEST(test_an_oversize_frame_of_a_session_is_skipped),
		TEST(test_a_frame_behind_an_oversize_one_has_its_own_time),
		cmocka_unit_test_setup_teardown(
			test_without_large_chunks_segments_are_refused_until_there_are,
			setup_hoarders, rig_teardown),
		cmocka_unit_test_setup_teardown(test_frames_in_the_last_large_chunks_become_whole,
			setup_hoarders, rig_teardown),
		TEST(test_without_any_chunk_datagrams_are_served_and_streams_wait),
		TEST(test_an_answer_without_a_chunk_is_dropped_and_repeated),
		TEST(test_a_full_batch_refuses_segments_that_are_taken_again),
		TEST(test_datagrams_beyond_a_full_batch_are_dropped_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
