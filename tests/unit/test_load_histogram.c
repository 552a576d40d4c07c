/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_load_histogram.c - the histogram of times beside sorted arrays of the very same values */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "histogram.h"

#include <stdlib.h>
#include <string.h>

#define VALUES 20000

static struct histogram one, two;
static uint64_t values[VALUES];

static uint64_t draw(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return *seed >> 20;
}

static int ascending(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return (left > right) - (left < right);
}

/* Every value up to where the histogram ends lies in a bucket whose ends are within 1/1,024. */
static void test_buckets(void **state)
{
	unsigned last = 0;

	for (uint64_t ns = 0; ns < 1 << 20; ns++) {
		unsigned bucket = histogram_bucket(ns);

		assert_true(bucket == last || bucket == last + 1);
		last = bucket;
	}
	for (unsigned bit = 20; bit < HISTOGRAM_TOP_BITS; bit++) {
		uint64_t ns = UINT64_C(1) << bit;

		assert_int_equal(histogram_bucket(ns), histogram_bucket(ns - 1) + 1);
		assert_int_equal(histogram_bucket(ns + (ns >> 10)), histogram_bucket(ns) + 1);
	}
	assert_int_equal(
		histogram_bucket((UINT64_C(1) << HISTOGRAM_TOP_BITS) - 1), HISTOGRAM_BUCKETS - 1);
	assert_int_equal(
		histogram_bucket(UINT64_C(1) << HISTOGRAM_TOP_BITS), HISTOGRAM_BUCKETS - 1);
	assert_int_equal(histogram_bucket(UINT64_MAX), HISTOGRAM_BUCKETS - 1);
}

static void compare(const struct histogram *histogram, const uint64_t *sorted, unsigned count)
{
	static const double shares[] = {
		0, 0.001, 0.01, 0.07, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 0.9999, 0.99999, 1};

	assert_int_equal(histogram->total, count);
	for (unsigned i = 0; i < sizeof(shares) / sizeof(*shares); i++) {
		uint64_t got = histogram_quantile(histogram, shares[i]), right;
		uint64_t rank = 1;

		/* the smallest rank that reaches the share, by whole numbers alone */
		while (rank < count && rank * 100000 < (uint64_t)(shares[i] * 100000 + 0.5) * count)
			rank++;
		right = sorted[rank - 1];
		assert_true(got >= right);
		assert_true(got - right <= right / 1024);
	}
	assert_int_equal(histogram_quantile(histogram, 0), sorted[0]);
	assert_int_equal(histogram_quantile(histogram, 1), sorted[count - 1]);
}

/* Of any magnitude, few and many. */
static void test_quantiles(void **state)
{
	static const unsigned counts[] = {1, 2, 3, 10, 100, 1000, VALUES};
	uint64_t seed = 7;

	for (unsigned top = 1; top < HISTOGRAM_TOP_BITS; top += 5) {
		for (unsigned c = 0; c < sizeof(counts) / sizeof(*counts); c++) {
			histogram_reset(&one);
			for (unsigned i = 0; i < counts[c]; i++) {
				values[i] = draw(&seed) % (UINT64_C(2) << (draw(&seed) % top));
				histogram_add(&one, values[i]);
			}
			qsort(values, counts[c], sizeof(*values), ascending);
			compare(&one, values, counts[c]);
		}
	}
}

/* Below 2,048 ns nothing is rounded. */
static void test_small_values_are_exact(void **state)
{
	histogram_reset(&one);
	for (uint64_t ns = 0; ns < 2048; ns++)
		histogram_add(&one, ns);
	for (unsigned i = 1; i <= 2048; i++)
		assert_int_equal(histogram_quantile(&one, i / 2048.0), i - 1);
	assert_true(histogram_mean(&one) == 2047 / 2.0);
}

static void test_empty(void **state)
{
	histogram_reset(&one);
	assert_int_equal(histogram_quantile(&one, 0), 0);
	assert_int_equal(histogram_quantile(&one, 0.5), 0);
	assert_int_equal(histogram_quantile(&one, 1), 0);
	assert_true(histogram_mean(&one) == 0);
	histogram_reset(&two);
	histogram_merge(&one, &two);
	assert_int_equal(histogram_quantile(&one, 1), 0);
	histogram_add(&two, 5);
	histogram_merge(&one, &two);
	assert_int_equal(histogram_quantile(&one, 0), 5);
	assert_int_equal(histogram_quantile(&one, 1), 5);
}

/* Two merged are one that got all, in whatever order. */
static void test_merge(void **state)
{
	uint64_t seed = 11;

	histogram_reset(&one);
	histogram_reset(&two);
	for (unsigned i = 0; i < VALUES; i++) {
		values[i] = draw(&seed) % 3000000;
		histogram_add(i % 3 ? &one : &two, values[i]);
	}
	histogram_merge(&one, &two);
	qsort(values, VALUES, sizeof(*values), ascending);
	compare(&one, values, VALUES);
	histogram_reset(&two);
	for (unsigned i = 0; i < VALUES; i++)
		histogram_add(&two, values[i]);
	assert_memory_equal(&one, &two, sizeof(one));
}

/* What is too long for the last bucket is not made shorter. */
static void test_beyond_the_end(void **state)
{
	uint64_t long_ago = UINT64_C(1) << 40;

	histogram_reset(&one);
	for (unsigned i = 0; i < 99; i++)
		histogram_add(&one, 100);
	histogram_add(&one, long_ago);
	assert_int_equal(histogram_quantile(&one, 0.99), 100);
	assert_int_equal(histogram_quantile(&one, 0.999), long_ago);
	assert_int_equal(histogram_quantile(&one, 1), long_ago);
}

/* A file for plots: shares and values rise, and the last line has seen all. */
static void test_write(void **state)
{
	double value, share, last_value = -1, last_share = -1;
	unsigned long long count = 0, lines = 0;
	char *text = NULL, *line, *rest;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	uint64_t seed = 3;

	histogram_reset(&one);
	for (unsigned i = 0; i < VALUES; i++)
		histogram_add(&one, 1000 + draw(&seed) % 100000);
	assert_int_equal(histogram_write(&one, out), 0);
	fclose(out);
	assert_non_null(strstr(text, "Percentile"));
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (sscanf(line, "%lf %lf %llu", &value, &share, &count) < 3)
			continue;
		assert_true(value >= last_value && share > last_share);
		assert_true((double)count + 0.001 >= share * VALUES);
		last_value = value;
		last_share = share;
		lines++;
	}
	assert_true(lines > 50 && lines < 120);
	assert_true(share == 1);
	assert_int_equal(count, VALUES);
	free(text);
}

static void test_write_to_a_full_disk(void **state)
{
	FILE *out = fopen("/dev/full", "w");

	histogram_reset(&one);
	histogram_add(&one, 1);
	assert_non_null(out);
	assert_int_equal(histogram_write(&one, out), -5 /* EIO */);
	fclose(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buckets),
		cmocka_unit_test(test_quantiles),
		cmocka_unit_test(test_small_values_are_exact),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_merge),
		cmocka_unit_test(test_beyond_the_end),
		cmocka_unit_test(test_write),
		cmocka_unit_test(test_write_to_a_full_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
