/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_worker_room.c - a worker without chunks, and with its batch full: refused, lost, repeated */
#include "worker_device.h"

#define HOARDERS 64

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
		provision(rig->broker.store, hoarder_ids[i], PIN_A);
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
	assert_int_equal(
		chunk_free_count(rig->worker->chunks, 3), rig->team_chunks[0][3] - HOARDERS);
	assert_int_equal(rig->team_chunks[0][3], HOARDERS);
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
		flow_bytes(a.flow, frame.text, frame.length - 1); /* whole ones need no chunk */
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
	/* Two above the quarter that is for connections with nothing queued. */
	taken = take_chunks(rig, ids, chunk_count(rig->worker->chunks, 1) / 4 + 2);
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
