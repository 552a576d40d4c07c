/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* turn_histogram.c - how often a value lay where: log-linear buckets, written by one thread */
#include "turn_histogram.h"

#define DECADE(from) (from), (from)*3 / 2, (from)*2, (from)*3, (from)*5, (from)*7

const uint64_t turn_histogram_time_bounds[TURN_HISTOGRAM_TIMES] = {DECADE(1000ull),
	DECADE(10000ull), DECADE(100000ull), DECADE(1000000ull), DECADE(10000000ull),
	DECADE(100000000ull), DECADE(1000000000ull), 10000000000ull};

const uint64_t turn_histogram_size_bounds[TURN_HISTOGRAM_SIZES] = {
	0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048};

/* By the number of a time's bits: the first bound that a time of so many bits can be at most. */
static const uint8_t first_bound[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 4, 6, 8, 10, 11, 13,
	15, 17, 19, 21, 22, 24, 26, 28, 29, 31, 33, 35, 37, 39, 40, 42};

static void add(struct turn_histogram *histogram, unsigned bucket, uint64_t sum, uint64_t weight)
{
	counter_add(&histogram->buckets[bucket], weight);
	counter_add(&histogram->sum, sum);
}

void turn_histogram_time(struct turn_histogram *histogram, uint64_t nanoseconds, uint64_t weight)
{
	unsigned bits = nanoseconds ? 64 - (unsigned)__builtin_clzll(nanoseconds) : 0;
	unsigned bucket = bits < sizeof(first_bound) ? first_bound[bits] : TURN_HISTOGRAM_TIMES;

	while (bucket < TURN_HISTOGRAM_TIMES && nanoseconds > turn_histogram_time_bounds[bucket])
		bucket++;
	add(histogram, bucket, nanoseconds * weight, weight);
}

void turn_histogram_size(struct turn_histogram *histogram, uint64_t size)
{
	unsigned bucket = size < 2 ? (unsigned)size : 65 - (unsigned)__builtin_clzll(size - 1);

	add(histogram, bucket < TURN_HISTOGRAM_SIZES ? bucket : TURN_HISTOGRAM_SIZES, size, 1);
}
