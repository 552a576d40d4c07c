/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_session_window.c - the sequence window against vectors and a naive model */

#include "session/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

struct vector {
	int offset; /* of the sequence from the newest */
	enum session_order order;
	uint16_t distance;
};

static const struct vector vectors[] = {
	{0, SESSION_NEWEST, 0},
	{1, SESSION_NEXT, 1},
	{2, SESSION_AHEAD, 2},
	{3, SESSION_AHEAD, 3},
	{1000, SESSION_AHEAD, 1000},
	{32766, SESSION_AHEAD, 32766},
	{32767, SESSION_AHEAD, 32767},
	{32768, SESSION_STALE, 32768},
	{-32768, SESSION_STALE, 32768},
	{-32767, SESSION_STALE, 32767},
	{-1000, SESSION_STALE, 1000},
	{-34, SESSION_STALE, 34},
	{-33, SESSION_STALE, 33},
	{-32, SESSION_BEHIND, 32},
	{-31, SESSION_BEHIND, 31},
	{-2, SESSION_BEHIND, 2},
	{-1, SESSION_BEHIND, 1},
};

/* Every vector at every newest number: over the wrap from 65535 to 0 as anywhere else. */
static void test_order_everywhere(void **state)
{
	for (unsigned newest = 0; newest <= UINT16_MAX; newest++) {
		for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
			const struct vector *vector = &vectors[i];
			const uint16_t sequence = (uint16_t)((int)newest + vector->offset);
			uint16_t distance = 0xaaaa;

			if (session_order((uint16_t)newest, sequence, &distance) != vector->order ||
				distance != vector->distance)
				fail_msg("newest %u, sequence %u", newest, sequence);
		}
	}
}

/* Around the wrap every pair of numbers, against counting on whole numbers. */
static void test_order_pairs(void **state)
{
	for (int newest = 65536 - 80; newest < 65536 + 80; newest++) {
		for (int sequence = newest - 70; sequence <= newest + 70; sequence++) {
			const int offset = sequence - newest;
			enum session_order expected = SESSION_AHEAD;
			uint16_t distance;

			if (offset == 0)
				expected = SESSION_NEWEST;
			else if (offset == 1)
				expected = SESSION_NEXT;
			else if (offset < -32)
				expected = SESSION_STALE;
			else if (offset < 0)
				expected = SESSION_BEHIND;
			assert_int_equal(
				session_order((uint16_t)newest, (uint16_t)sequence, &distance),
				expected);
			assert_int_equal(distance, abs(offset));
		}
	}
}

static void test_advance(void **state)
{
	struct session_progress progress = {0};

	assert_int_equal(sizeof(progress), 8);
	session_mark(&progress, 0); /* the connect itself */
	assert_true(session_accepted(&progress, 0));
	session_advance(&progress, 1, false);
	assert_int_equal(progress.count, 1);
	assert_false(session_accepted(&progress, 0));
	assert_true(session_accepted(&progress, 1));
	assert_int_equal(progress.window, 2);
	session_advance(&progress, 31, true);
	assert_int_equal(progress.count, 32);
	assert_true(session_accepted(&progress, 0));
	assert_true(session_accepted(&progress, 32)); /* 32 behind is still known */
	assert_false(session_accepted(&progress, 31));
	session_mark(&progress, 31);
	assert_true(session_accepted(&progress, 31));
	session_advance(&progress, 1, true);
	assert_true(session_accepted(&progress, 32));
	session_advance(&progress, 1, true);
	assert_false(session_accepted(&progress, 33));
	session_advance(&progress, 33, true);
	assert_int_equal(progress.window, 1);
	assert_int_equal(progress.oldest, 0);
	session_advance(&progress, UINT16_MAX, false);
	assert_int_equal(progress.window, 0);
	assert_int_equal(progress.count, 32 + 2 + 33 + UINT16_MAX);
}

/* Out of range is never accepted and never sets anything. */
static void test_out_of_range(void **state)
{
	struct session_progress progress = {0};

	for (unsigned i = 0; i < 64; i++)
		session_advance(&progress, 1, true);
	for (unsigned behind = 0; behind <= 32; behind++)
		assert_true(session_accepted(&progress, behind));
	assert_false(session_accepted(&progress, 33));
	assert_false(session_accepted(&progress, 64));
	assert_false(session_accepted(&progress, UINT32_MAX));
	memset(&progress, 0, sizeof(progress));
	session_mark(&progress, 33);
	session_mark(&progress, 64);
	session_mark(&progress, UINT32_MAX);
	assert_int_equal(progress.window, 0);
	assert_int_equal(progress.oldest, 0);
	assert_int_equal(progress.count, 0);
}

static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* The model: one byte per request ever made, no arithmetic modulo anything. */
#define MODEL_REQUESTS 200000

struct model {
	uint8_t accepted[MODEL_REQUESTS];
	uint32_t count;
};

static void compare(const struct session_turn *turn, const struct model *model)
{
	assert_int_equal(turn->progress.count, model->count);
	for (unsigned behind = 0; behind <= 32 && behind <= model->count; behind++)
		if (session_accepted(&turn->progress, behind) !=
			model->accepted[model->count - behind])
			fail_msg("request %u, %u behind", model->count, behind);
}

static void walk(uint64_t seed, uint16_t base)
{
	struct model *model = calloc(1, sizeof(*model));
	struct session_turn turn = {.base = base};

	assert_non_null(model);
	model->accepted[0] = 1;
	session_mark(&turn.progress, 0);
	while (model->count < MODEL_REQUESTS - 100) {
		const uint64_t draw = next_random(&seed);
		const uint32_t kind = draw % 16;
		uint16_t distance;

		if (kind == 0) { /* a repeat of one that was refused is accepted now */
			const uint32_t behind = (uint32_t)(draw >> 8) % 33;

			if (behind > model->count)
				continue;
			session_mark(&turn.progress, behind);
			model->accepted[model->count - behind] = 1;
		} else { /* forward: mostly by one, now and then a gap */
			const uint32_t by = kind == 1 ? 1 + (uint32_t)(draw >> 8) % 40 : 1;
			const bool accepted = draw >> 20 & 3;
			const uint16_t sequence = (uint16_t)(base + (uint64_t)model->count + by);

			assert_int_equal(session_order(session_newest(&turn), sequence, &distance),
				by == 1 ? SESSION_NEXT : SESSION_AHEAD);
			assert_int_equal(distance, by);
			session_advance(&turn.progress, by, accepted);
			model->count += by;
			model->accepted[model->count] = accepted;
			assert_int_equal(session_newest(&turn), sequence);
		}
		compare(&turn, model);
	}
	free(model);
}

static void test_random_walks(void **state)
{
	static const uint16_t bases[] = {0, 1, 65535, 65500, 32767, 32768};

	for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]); i++)
		walk(0x9e3779b97f4a7c15ull + i, bases[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_everywhere),
		cmocka_unit_test(test_order_pairs),
		cmocka_unit_test(test_advance),
		cmocka_unit_test(test_out_of_range),
		cmocka_unit_test(test_random_walks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
