/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_load_gaps.c - which answers a gap of the broker's core touched, and which it did not */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "gaps.h"

#include <stdlib.h>

#define US UINT64_C(1000)
#define MS UINT64_C(1000000)

static struct slow slow;
static struct histogram clean;

static int begin(void **state)
{
	slow.count = slow.more = 0;
	histogram_reset(&clean);
	return 0;
}

static void answer(uint64_t due, uint64_t took)
{
	assert_true(slow_keep(&slow, due, due + took));
}

/* Under way in it, before or until its end; the honest ones on both sides stay. */
static void test_touched(void **state)
{
	const struct gap_span span = {10 * MS, 13 * MS};

	answer(9 * MS, 900 * US);             /* over before */
	answer(9 * MS + 900 * US, 3200 * US); /* begun before, held up */
	answer(11 * MS, 2100 * US);           /* due in it */
	answer(14 * MS, 400 * US);            /* a slow turn of the broker's own */
	assert_int_equal(gaps_leave_out(&slow, &span, 1, &clean), 2);
	assert_int_equal(clean.total, 2);
	assert_int_equal(clean.most, 900 * US);
	assert_int_equal(clean.least, 400 * US);
}

/* What it kept waiting, as long as there is anything that has waited; not what comes later. */
static void test_wake(void **state)
{
	const struct gap_span span = {10 * MS, 11 * MS};

	answer(12 * MS + 200 * US, 70 * US); /* after a pause: its own */
	answer(10 * MS + 900 * US, 600 * US);
	answer(11 * MS + 300 * US, 500 * US); /* had waited when that was answered */
	answer(11 * MS + 740 * US, 400 * US); /* and so on */
	assert_int_equal(gaps_leave_out(&slow, &span, 1, &clean), 3);
	assert_int_equal(clean.total, 1);
	assert_int_equal(clean.most, 70 * US);
}

static void test_several(void **state)
{
	const struct gap_span spans[] = {
		{10 * MS, 11 * MS}, {10 * MS + 500 * US, 12 * MS}, {20 * MS, 21 * MS}};

	answer(20 * MS - 60 * US, 1200 * US);
	answer(11 * MS + 500 * US, 600 * US); /* in the second of two that overlap */
	answer(15 * MS, 300 * US);
	answer(30 * MS, 100 * US);
	assert_int_equal(gaps_leave_out(&slow, spans, 3, &clean), 2);
	assert_int_equal(clean.total, 2);
}

static void test_without_gaps(void **state)
{
	answer(MS, 5 * MS);
	answer(2 * MS, 60 * US);
	assert_int_equal(gaps_leave_out(&slow, NULL, 0, &clean), 0);
	assert_int_equal(clean.total, 2);
	assert_int_equal(clean.most, 5 * MS);
}

/* Of more than there is room for nothing is left out. */
static void test_no_room(void **state)
{
	slow.count = SLOW_MOST;
	assert_false(slow_keep(&slow, 1, 2));
	assert_int_equal(slow.more, 1);
}

static void test_clock(void **state)
{
	/* 2.6 cycles a ns, a counter that has run for a year */
	const struct gaps_clock from = {UINT64_C(82000000000000000), 7000 * MS},
				to = {from.tsc + UINT64_C(26000000000), 17000 * MS};

	assert_int_equal(gaps_ns(&from, &to, from.tsc), from.ns);
	assert_int_equal(gaps_ns(&from, &to, to.tsc), to.ns);
	assert_int_equal(gaps_ns(&from, &to, from.tsc + 2600000), from.ns + MS);
	assert_int_equal(gaps_ns(&from, &to, to.tsc + 2600), to.ns + US);
}

/* Those that are new, of both workers, by time; what a log holds no more is said. */
static void test_between(void **state)
{
	const struct gaps_clock from = {1000, 500000}, to = {3000, 502000};
	json_t *before =
		json_loads("[{\"count\":1,\"log\":[[1,2]]},{\"count\":0,\"log\":[]}]", 0, NULL);
	json_t *after = json_loads("[{\"count\":3,\"log\":[[1,2],[1100,1200],[2000,2100]]},"
				   "{\"count\":5,\"log\":[[1500,1600],[2500,2550]]}]",
		0, NULL);
	struct gap_span *spans;
	struct gaps gaps = {0};

	assert_int_equal(gaps_between(before, &from, after, &to, &spans, &gaps), 4);
	assert_int_equal(gaps.count, 7);
	assert_int_equal(gaps.unseen, 3);
	assert_int_equal(gaps.ns, 350);
	assert_int_equal(spans[0].begin, 500100);
	assert_int_equal(spans[1].begin, 500500);
	assert_int_equal(spans[2].end, 501100);
	assert_int_equal(spans[3].end, 501550);
	free(spans);
	gaps = (struct gaps){0};
	assert_int_equal(gaps_between(after, &from, after, &to, &spans, &gaps), 0);
	assert_int_equal(gaps.count, 0);
	free(spans);
	json_decref(before);
	json_decref(after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_touched, begin),
		cmocka_unit_test_setup(test_wake, begin),
		cmocka_unit_test_setup(test_several, begin),
		cmocka_unit_test_setup(test_without_gaps, begin),
		cmocka_unit_test_setup(test_no_room, begin),
		cmocka_unit_test(test_clock),
		cmocka_unit_test(test_between),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
