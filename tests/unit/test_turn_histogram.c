/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_turn_histogram.c - every value falls into the bucket that its bounds say */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "turn_histogram.h"

#include <string.h>

/* As anybody would find it: the first bound that is not below the value. */
static unsigned bucket_of(const uint64_t *bounds, unsigned count, uint64_t value)
{
	unsigned i = 0;

	while (i < count && value > bounds[i])
		i++;
	return i;
}

static void assert_time(uint64_t ns)
{
	struct turn_histogram h = {0};
	unsigned bucket = bucket_of(turn_histogram_time_bounds, TURN_HISTOGRAM_TIMES, ns);

	turn_histogram_time(&h, ns, 3);
	if (h.buckets[bucket] != 3)
		fail_msg("%llu ns is not in bucket %u", (unsigned long long)ns, bucket);
	assert_true(h.sum == 3 * ns);
}

static void test_times(void **state)
{
	uint64_t random = 42;

	assert_int_equal(turn_histogram_time_bounds[0], 1000);
	assert_true(turn_histogram_time_bounds[TURN_HISTOGRAM_TIMES - 1] == 10000000000ull);
	for (unsigned i = 0; i < TURN_HISTOGRAM_TIMES; i++) {
		if (i)
			assert_true(
				turn_histogram_time_bounds[i] > turn_histogram_time_bounds[i - 1]);
		assert_time(turn_histogram_time_bounds[i] - 1);
		assert_time(turn_histogram_time_bounds[i]);
		assert_time(turn_histogram_time_bounds[i] + 1);
	}
	for (unsigned bits = 0; bits < 62; bits++) {
		assert_time(1ull << bits);
		assert_time((1ull << bits) - 1);
	}
	for (unsigned i = 0; i < 100000; i++) {
		random = random * 6364136223846793005u + 1442695040888963407u;
		assert_time(random >> (3 + i % 61));
	}
}

static void test_sizes(void **state)
{
	for (uint64_t size = 0; size < 5000; size++) {
		struct turn_histogram h = {0};
		unsigned bucket = bucket_of(turn_histogram_size_bounds, TURN_HISTOGRAM_SIZES, size);

		turn_histogram_size(&h, size);
		assert_int_equal(h.buckets[bucket], 1);
		assert_int_equal(h.sum, size);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_times), cmocka_unit_test(test_sizes)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
