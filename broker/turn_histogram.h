/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* turn_histogram.h - how often a value lay where: log-linear buckets, written by one thread */
#pragma once

#include "counter.h"

#include <stdint.h>

/** Buckets of a histogram at most, the last one without a bound included. */
#define TURN_HISTOGRAM_BUCKETS 44

/**
 * struct turn_histogram
 * @sum: of all values
 * @buckets: how many were at most the bound of the same index, and above the one before
 */
struct turn_histogram {
	uint64_t sum;
	uint64_t buckets[TURN_HISTOGRAM_BUCKETS];
};

/** Bounds of times, in nanoseconds: 1, 1.5, 2, 3, 5, 7 of each decade from 1 us to 10 s. */
#define TURN_HISTOGRAM_TIMES 43
extern const uint64_t turn_histogram_time_bounds[TURN_HISTOGRAM_TIMES];

/** Bounds of sizes: 0, 1, and the powers of two up to 2048. */
#define TURN_HISTOGRAM_SIZES 13
extern const uint64_t turn_histogram_size_bounds[TURN_HISTOGRAM_SIZES];

_Static_assert(TURN_HISTOGRAM_TIMES < TURN_HISTOGRAM_BUCKETS &&
		       TURN_HISTOGRAM_SIZES < TURN_HISTOGRAM_BUCKETS,
	"a bucket beyond the last bound");

/** turn_histogram_time() - @weight values of @nanoseconds each. */
void turn_histogram_time(struct turn_histogram *histogram, uint64_t nanoseconds, uint64_t weight);

/** turn_histogram_size() - one value of a histogram of sizes. */
void turn_histogram_size(struct turn_histogram *histogram, uint64_t size);

/**
 * struct histogram_view - a histogram for people
 * @name, @help: as of a counter; the name ends in its unit
 * @divisor: bounds and sum by this are in that unit
 * @bounds, @count: of @values; values[count] is what lay beyond all bounds
 */
struct histogram_view {
	const char *name, *help;
	uint64_t divisor;
	const uint64_t *bounds;
	unsigned count;
	const struct turn_histogram *values;
};
