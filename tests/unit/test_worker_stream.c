/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_worker_stream.c - frames over TCP as a worker takes them: cut anywhere, ended by FIN or RST,
 * too long, too many */
#include "worker_device.h"

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
		TEST(test_too_many_bytes_before_login_end_the_connection),
		TEST(test_a_login_behind_too_many_bytes_gains_nothing),
		TEST(test_an_oversize_frame_of_a_session_is_skipped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
