/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_session_uncommitted.c - which requests wait for the consumer's commit, against a plain
 * list */
#include "session_fixture.h"

#include "session/slab.h"

enum { STEPS = 400000, NUMBERS = 1 << 16 };

static struct session_uncommitted window;
static struct session_table table = {.count = 1, .uncommitted = &window};

static uint32_t draw(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(*seed >> 33);
}

/* The newest number and 32 behind it, in any order, committed in order or not: exact at every
 * step, also where counts go round (31 bits). */
static void test_against_a_list(void **state)
{
	static const uint32_t starts[] = {0, 0x7fffffff - 1000};

	for (unsigned i = 0; i < 2; i++) {
		static bool waits[NUMBERS];
		uint64_t seed = 7 + i;
		uint32_t newest = 1; /* from starts[i] on */

		memset(waits, 0, sizeof(waits));
		session_uncommitted_reset(&table, 0);
		for (unsigned step = 0; step < STEPS && newest + 64 < NUMBERS; step++) {
			uint32_t back = draw(&seed) % 33, number;

			switch (draw(&seed) % 4) {
			case 0: /* some are refused, or are heartbeats */
				newest += draw(&seed) % 8 ? 1 : 1 + draw(&seed) % 40;
				number = newest;
				break;
			case 1:
				number = newest > back ? newest - back : newest;
				break;
			default:
				number = newest > back ? newest - back : newest;
				session_uncommitted_clear(
					&table, 0, (starts[i] + number) & 0x7fffffff);
				waits[number] = false;
				number = 0;
			}
			if (number) {
				session_uncommitted_mark(
					&table, 0, (starts[i] + number) & 0x7fffffff);
				waits[number] = true;
			}
			for (uint32_t n = newest > 32 ? newest - 32 : 1; n <= newest; n++)
				assert_int_equal(session_uncommitted(
							 &table, 0, (starts[i] + n) & 0x7fffffff),
					waits[n]);
			/* What has not come yet does not wait. */
			assert_false(session_uncommitted(
				&table, 0, (starts[i] + newest + 1) & 0x7fffffff));
		}
		assert_true(newest > 20000);
	}
}

/* An old number's commit says nothing of one that came since. */
static void test_commit_of_long_ago(void **state)
{
	session_uncommitted_reset(&table, 0);
	for (uint32_t count = 1; count <= 200; count++)
		session_uncommitted_mark(&table, 0, count);
	for (uint32_t count = 1; count < 168; count++)
		session_uncommitted_clear(&table, 0, count);
	for (uint32_t count = 168; count <= 200; count++)
		assert_true(session_uncommitted(&table, 0, count));
	session_uncommitted_reset(&table, 0);
	for (uint32_t count = 0; count <= 200; count++)
		assert_false(session_uncommitted(&table, 0, count));
}

/* acknowledge: ring: nothing is kept, nothing waits. */
static void test_off(void **state)
{
	struct session_table off = {.count = 1};

	session_uncommitted_reset(&off, 0);
	session_uncommitted_mark(&off, 0, 1);
	assert_false(session_uncommitted(&off, 0, 1));
	session_uncommitted_clear(&off, 0, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_a_list),
		cmocka_unit_test(test_commit_of_long_ago),
		cmocka_unit_test(test_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
