/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_stream.c - frames out of a byte stream, however it is cut */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "stream.h"

#define LONGEST 5000
#define SHORTEST 4

struct fixture {
	struct chunk_pool *chunks;
	void *memory;
	struct stream stream;
	struct stream_rules rules;
	struct stream_sink sink;
	uint64_t counters[STREAM_COUNTER_COUNT];
	uint8_t out[1 << 16];
	uint32_t out_length, frames, room;
	uint64_t looked_at;
	chunk_id whole; /* the chunk of a frame, kept to the end of the turn as a worker does */
};

static struct fixture *now;

static uint32_t crlf_end(const uint8_t *data, uint32_t length, uint32_t from)
{
	now->looked_at += length - from;
	for (uint32_t i = from ? from - 1 : 0; i + 1 < length; i++) {
		if (data[i] == '\r' && data[i + 1] == '\n')
			return i + 2;
	}
	return 0;
}

static bool has_room(void *context, uint32_t frames)
{
	return frames <= ((struct fixture *)context)->room;
}

static void take(void *context, const uint8_t *data, uint32_t length, chunk_id chunk)
{
	struct fixture *f = context;

	memcpy(f->out + f->out_length, data, length);
	f->out_length += length;
	f->frames++;
	if (!chunk)
		return;
	assert_int_equal(f->whole, 0);
	f->whole = chunk;
}

static const struct chunk_pool_config pool = {.count = {4, 4, 4, 4}};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->memory = aligned_alloc(64, (chunk_pool_bytes(&pool) + 63) / 64 * 64);
	memset(f->memory, 0, chunk_pool_bytes(&pool));
	f->chunks = chunk_pool_init(f->memory, &pool);
	f->rules = (struct stream_rules){
		.frame_end = crlf_end, .shortest = SHORTEST, .longest = LONGEST};
	f->sink = (struct stream_sink){.chunks = f->chunks,
		.counters = f->counters,
		.context = f,
		.room = has_room,
		.frame = take};
	f->room = UINT32_MAX;
	f->stream.listener = 7;
	now = f;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	stream_reset(&f->stream, f->chunks);
	assert_int_equal(f->stream.listener, 7);
	for (unsigned class = 0; class < CHUNK_CLASSES; class ++)
		assert_int_equal(chunk_free_count(f->chunks, class), pool.count[class]);
	free(f->memory);
	free(f);
	return 0;
}

static enum stream_verdict feed(struct fixture *f, const void *data, uint32_t length)
{
	uint8_t *copy = malloc(length); /* exact size: a sanitizer sees reads past the segment */
	enum stream_verdict verdict;

	memcpy(copy, data, length);
	verdict = stream_input(&f->stream, &f->rules, &f->sink, copy, length);
	chunk_put(f->chunks, f->whole);
	f->whole = 0;
	free(copy);
	return verdict;
}

static void test_many_frames_in_one_segment(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(feed(f, "abcd\r\nef gh\r\n\r\r\r\n", 17), STREAM_TAKEN);
	assert_int_equal(f->frames, 3);
	assert_memory_equal(f->out, "abcd\r\nef gh\r\n\r\r\r\n", 17);
	assert_false(stream_pending(&f->stream));
	assert_int_equal(f->counters[STREAM_PARTIAL], 0);
}

static void test_one_byte_at_a_time(void **state)
{
	struct fixture *f = *state;
	static const char text[] = "first frame\r\nsecond\rframe\nhere\r\n";

	for (size_t i = 0; i < sizeof(text) - 1; i++)
		assert_int_equal(feed(f, text + i, 1), STREAM_TAKEN);
	assert_int_equal(f->frames, 2);
	assert_int_equal(f->out_length, sizeof(text) - 1);
	assert_memory_equal(f->out, text, sizeof(text) - 1);
	assert_int_equal(f->counters[STREAM_PARTIAL], 2);
}

static void test_any_cut_gives_the_same_frames(void **state)
{
	struct fixture *f = *state;
	uint8_t text[20000];
	uint32_t length = 0, expected = 0;

	srand(1);
	while (length < 15000) { /* bodies of CR and LF, but never CR LF inside */
		uint32_t body = SHORTEST + (uint32_t)rand() % 3000;

		for (uint32_t i = 0; i < body; i++) {
			uint8_t c = "ab\r\n"[rand() % 4];

			text[length] = c == '\n' && length && text[length - 1] == '\r' ? 'x' : c;
			length++;
		}
		text[length - 1] = 'z';
		memcpy(text + length, "\r\n", 2);
		length += 2;
		expected++;
	}
	for (unsigned round = 0; round < 200; round++) {
		f->out_length = f->frames = 0;
		for (uint32_t used = 0; used < length;) {
			uint32_t cut = 1 + (uint32_t)rand() % (round < 100 ? 1460 : 40);

			if (cut > length - used)
				cut = length - used;
			assert_int_equal(feed(f, text + used, cut), STREAM_TAKEN);
			used += cut;
		}
		assert_int_equal(f->frames, expected);
		assert_int_equal(f->out_length, length);
		assert_memory_equal(f->out, text, length);
	}
}

static void test_K11_frame_exactly_at_the_limit_passes_one_more_byte_does_not(void **state)
{
	struct fixture *f = *state;
	static uint8_t text[LONGEST + 1];

	memset(text, 'a', sizeof(text));
	memcpy(text + LONGEST - 2, "\r\n", 2);
	for (uint32_t i = 0; i < LONGEST; i++)
		assert_int_equal(feed(f, text + i, 1), STREAM_TAKEN);
	assert_int_equal(f->frames, 1);
	assert_int_equal(f->out_length, LONGEST);
	/* 1-byte segments are looked at about twice, not once per byte that came before */
	assert_true(f->looked_at < 4 * LONGEST);

	memset(text, 'a', sizeof(text));
	memcpy(text + LONGEST - 1, "\r\n", 2);
	for (uint32_t i = 0; i <= LONGEST; i++)
		assert_int_equal(feed(f, text + i, 1), STREAM_TAKEN);
	assert_int_equal(f->frames, 1);
	assert_int_equal(f->counters[STREAM_DROP_LONG], 1);
	assert_false(stream_pending(&f->stream));
	assert_int_equal(feed(f, "good\r\n", 6), STREAM_TAKEN); /* and the next is heard */
	assert_int_equal(f->frames, 2);
}

static void test_long_frame_is_skipped_to_its_end(void **state)
{
	struct fixture *f = *state;
	static uint8_t text[1400];
	unsigned i;

	memset(text, 'a', sizeof(text));
	for (i = 0; i < 100; i++)
		assert_int_equal(feed(f, text, sizeof(text)), STREAM_TAKEN);
	assert_true(stream_pending(&f->stream));
	assert_int_equal(f->stream.partial, 0); /* nothing is kept of it */
	assert_int_equal(feed(f, "tail\r", 5), STREAM_TAKEN);
	assert_int_equal(feed(f, "\nnext\r\n", 7), STREAM_TAKEN); /* CR LF over two segments */
	assert_int_equal(f->frames, 1);
	assert_memory_equal(f->out, "next\r\n", 6);
	assert_int_equal(f->counters[STREAM_DROP_LONG], 1);
}

static void test_too_much_before_login_closes(void **state)
{
	struct fixture *f = *state;
	static uint8_t text[LONGEST];

	f->rules.close_long = true;
	memset(text, 'a', sizeof(text));
	assert_int_equal(feed(f, text, 1400), STREAM_TAKEN);
	assert_int_equal(feed(f, text, 1400), STREAM_TAKEN);
	assert_int_equal(feed(f, text, 1400), STREAM_TAKEN);
	assert_int_equal(feed(f, text, 1400), STREAM_CLOSE);
	assert_int_equal(f->counters[STREAM_CLOSE_LONG], 1);
	assert_int_equal(f->stream.partial, 0);
	/* What follows is not looked at, be it ever so well-formed. */
	assert_int_equal(feed(f, "good\r\ngood\r\npart", 16), STREAM_TAKEN);
	assert_int_equal(f->frames, 0);
	assert_false(stream_pending(&f->stream));
}

static void test_short_frames_are_dropped(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(feed(f, "\r\nx\r\nlong\r\n\r\n", 13), STREAM_TAKEN);
	assert_int_equal(f->frames, 1);
	assert_int_equal(f->counters[STREAM_DROP_SHORT], 3);
	f->rules.close_short = true;
	assert_int_equal(feed(f, "hi\r", 3), STREAM_TAKEN);
	assert_int_equal(feed(f, "\n", 1), STREAM_TAKEN); /* exactly the shortest */
	assert_int_equal(f->frames, 2);
	assert_int_equal(feed(f, "x\r\n", 3), STREAM_CLOSE);
	assert_int_equal(f->counters[STREAM_CLOSE_SHORT], 1);
}

static void test_without_chunks_a_segment_is_refused_whole_and_taken_later(void **state)
{
	struct fixture *f = *state;
	chunk_id held[16];
	unsigned count = 0;

	for (unsigned class = 0; class < CHUNK_CLASSES; class ++) {
		chunk_id id;

		while ((id = chunk_get(f->chunks, chunk_class_bytes[class])))
			held[count++] = id;
	}
	assert_int_equal(count, 16);
	assert_int_equal(feed(f, "whole\r\npart", 11), STREAM_REFUSED);
	assert_int_equal(f->frames, 0);
	assert_int_equal(f->counters[STREAM_REFUSE_CHUNK], 1);
	while (count)
		chunk_put(f->chunks, held[--count]);
	assert_int_equal(feed(f, "whole\r\npart", 11), STREAM_TAKEN);
	assert_int_equal(feed(f, "ial\r\n", 5), STREAM_TAKEN);
	assert_int_equal(f->frames, 2);
	assert_memory_equal(f->out, "whole\r\npartial\r\n", 16);
}

/* Take chunks of @class until @left are free. Return: how many are held in all. */
static unsigned hold(
	struct fixture *f, unsigned class, uint32_t left, chunk_id *held, unsigned count)
{
	while (chunk_free_count(f->chunks, class) > left)
		held[count++] = chunk_get(f->chunks, chunk_class_bytes[class]);
	return count;
}

/* It holds the last chunk of its size, which it needs no other to fill. */
static void test_a_frame_becomes_whole_in_the_last_chunk(void **state)
{
	struct fixture *f = *state;
	static uint8_t text[LONGEST];
	chunk_id held[16];
	unsigned count = hold(f, 3, 0, held, 0);

	memset(text, 'a', sizeof(text));
	count = hold(f, 2, 1, held, count);
	assert_int_equal(feed(f, text, 1400), STREAM_TAKEN);
	assert_int_equal(feed(f, text, 1400), STREAM_TAKEN);
	assert_int_equal(chunk_free_count(f->chunks, 2), 0);
	assert_int_equal(feed(f, text, 1400), STREAM_TAKEN);
	assert_int_equal(feed(f, "\r\ntail", 6), STREAM_TAKEN);
	assert_int_equal(f->frames, 1);
	assert_int_equal(f->out_length, 4202);
	assert_int_equal(chunk_free_count(f->chunks, 2), 1);
	assert_int_equal(f->counters[STREAM_REFUSE_CHUNK], 0);
	/* A tail needs one, too. */
	count = hold(f, 0, 0, held, count);
	count = hold(f, 1, 0, held, count);
	assert_int_equal(feed(f, "\r\nmore", 6), STREAM_REFUSED);
	assert_int_equal(f->frames, 1);
	while (count)
		chunk_put(f->chunks, held[--count]);
	assert_int_equal(feed(f, "\r\nmore", 6), STREAM_TAKEN);
	assert_int_equal(f->frames, 2);
}

/* A short tail of a long segment: the chunks for its own size are in use, larger ones are not. */
static void test_a_tail_takes_a_larger_chunk_if_it_must(void **state)
{
	struct fixture *f = *state;
	static uint8_t text[1000];
	chunk_id held[16];
	unsigned count = hold(f, 0, 0, held, 0);

	count = hold(f, 1, 0, held, count);
	memset(text, 'a', sizeof(text));
	memcpy(text + 900, "\r\n", 2);
	assert_int_equal(feed(f, text, sizeof(text)), STREAM_TAKEN);
	assert_int_equal(f->frames, 1);
	assert_int_equal(chunk_free_count(f->chunks, 2), 3);
	chunk_put(f->chunks, held[--count]);
	assert_int_equal(feed(f, "\r\n", 2), STREAM_TAKEN);
	assert_int_equal(f->frames, 2);
	while (count)
		chunk_put(f->chunks, held[--count]);
}

static void test_begun_tells_unfinished_frames_apart(void **state)
{
	struct fixture *f = *state;
	static uint8_t text[LONGEST];
	uint8_t begun = f->stream.begun;

	memset(text, 'a', sizeof(text));
	assert_int_equal(feed(f, "whole\r\n", 7), STREAM_TAKEN);
	assert_int_equal(f->stream.begun, begun);
	assert_int_equal(feed(f, "be", 2), STREAM_TAKEN);
	assert_int_equal(f->stream.begun, ++begun);
	assert_int_equal(feed(f, "gun", 3), STREAM_TAKEN);
	assert_int_equal(f->stream.begun, begun);
	assert_int_equal(feed(f, "\r\nx\r\nnext", 9), STREAM_TAKEN);
	assert_int_equal(f->stream.begun, ++begun);
	for (unsigned i = 0; i < 10; i++) /* it becomes one that is skipped */
		assert_int_equal(feed(f, text, 1400), STREAM_TAKEN);
	assert_true(f->stream.skipping);
	assert_int_equal(f->stream.begun, begun);
	assert_int_equal(feed(f, "\r\nbehind", 8), STREAM_TAKEN);
	assert_int_equal(f->stream.begun, ++begun);
}

static uint32_t seed;

static uint32_t draw(uint32_t below)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % below;
}

/* Frames of all sizes, CR LF behind each; none as long as to be dropped. Return: their bytes. */
static uint32_t random_frames(uint8_t *out, uint32_t size)
{
	uint32_t length = 0;

	for (;;) {
		uint32_t bytes = SHORTEST + draw(draw(4) ? 700 : LONGEST - SHORTEST - 1);

		if (length + bytes > size)
			return length;
		memset(out + length, 'a' + (int)draw(26), bytes - 2);
		memcpy(out + length + bytes - 2, "\r\n", 2);
		length += bytes;
	}
}

/* However few chunks others leave: a segment is taken whole or not at all, and no byte is lost. */
static void test_others_take_and_give_chunks_all_the_time(void **state)
{
	struct fixture *f = *state;
	static uint8_t text[60000];
	chunk_id held[16];
	unsigned count = 0;

	for (unsigned run = 0; run < 100; run++) {
		uint32_t length = random_frames(text, sizeof(text)), at = 0;

		f->out_length = 0;
		while (at < length) {
			uint32_t piece = 1 + draw(draw(3) ? 1400 : 40);

			if (piece > length - at)
				piece = length - at;
			for (unsigned i = draw(8); i > 0 && count < 16; i--) {
				held[count] = chunk_get(
					f->chunks, chunk_class_bytes[draw(CHUNK_CLASSES)]);
				count += held[count] != 0;
			}
			for (unsigned i = draw(5); i > 0 && count > 0; i--)
				chunk_put(f->chunks, held[--count]);
			if (feed(f, text + at, piece) == STREAM_TAKEN)
				at += piece;
		}
		assert_int_equal(f->out_length, length);
		assert_memory_equal(f->out, text, length);
		assert_false(stream_pending(&f->stream));
	}
	while (count)
		chunk_put(f->chunks, held[--count]);
	assert_true(f->counters[STREAM_REFUSE_CHUNK] > 1000);
	assert_true(f->counters[STREAM_PARTIAL] > 1000);
}

static void test_strangers_leave_chunks_to_others_and_whole_frames_need_none(void **state)
{
	struct fixture *f = *state;
	struct stream strangers[16] = {0}, own = f->stream;
	unsigned held = 0;

	f->rules.spare = true;
	for (; held < 16; held++) {
		f->stream = strangers[held];
		if (feed(f, "begun", 5) != STREAM_TAKEN)
			break;
		strangers[held] = f->stream;
	}
	/* 4 of 512 bytes and 4 of 2 KiB: a quarter of the 8 stays */
	assert_int_equal(held, 6);
	assert_int_equal(feed(f, "whole\r\nagain\r\n", 14), STREAM_TAKEN);
	assert_int_equal(f->frames, 2);
	assert_int_equal(feed(f, "whole\r\npart", 11), STREAM_REFUSED);
	f->stream = own;
	f->rules.spare = false;
	assert_int_equal(feed(f, "part", 4), STREAM_TAKEN);
	for (unsigned i = 0; i < held; i++)
		stream_reset(&strangers[i], f->chunks);
}

static void test_a_full_batch_refuses_the_segment(void **state)
{
	struct fixture *f = *state;

	f->room = 1;
	assert_int_equal(feed(f, "abcd\r\nefgh\r\n", 12), STREAM_REFUSED);
	assert_int_equal(f->counters[STREAM_REFUSE_BATCH], 1);
	f->room = 16;
	assert_int_equal(feed(f, "abcd\r\nefgh\r\n", 12), STREAM_TAKEN);
	assert_int_equal(f->frames, 2);
}

static void test_reset_gives_the_chunk_back(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(feed(f, "begun", 5), STREAM_TAKEN);
	assert_true(stream_pending(&f->stream));
	stream_reset(&f->stream, f->chunks);
	assert_false(stream_pending(&f->stream));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_many_frames_in_one_segment),
		TEST(test_one_byte_at_a_time),
		TEST(test_any_cut_gives_the_same_frames),
		TEST(test_K11_frame_exactly_at_the_limit_passes_one_more_byte_does_not),
		TEST(test_long_frame_is_skipped_to_its_end),
		TEST(test_too_much_before_login_closes),
		TEST(test_short_frames_are_dropped),
		TEST(test_without_chunks_a_segment_is_refused_whole_and_taken_later),
		TEST(test_a_frame_becomes_whole_in_the_last_chunk),
		TEST(test_a_tail_takes_a_larger_chunk_if_it_must),
		TEST(test_begun_tells_unfinished_frames_apart),
		TEST(test_others_take_and_give_chunks_all_the_time),
		TEST(test_strangers_leave_chunks_to_others_and_whole_frames_need_none),
		TEST(test_a_full_batch_refuses_the_segment),
		TEST(test_reset_gives_the_chunk_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
