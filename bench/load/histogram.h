/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* histogram.h - times in a high dynamic range histogram: 1 ns to 137 s, three digits exact */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/*
 * After Gil Tene's HdrHistogram: 2,048 buckets of 1 ns, then 1,024 for each further power of two.
 * A value is known to within 1/1,024 of itself, whatever its size, and adding one is a shift and an
 * increment: what a percentile of 99.99 says about ten million answers needs no sample kept.
 */

#define HISTOGRAM_SUB_BITS 11 /* 2,048 sub-buckets: half of them are used above the first 2,048 */
#define HISTOGRAM_TOP_BITS 37 /* values below 2^37 ns are told apart */
#define HISTOGRAM_BUCKETS                                                                          \
	((HISTOGRAM_TOP_BITS - HISTOGRAM_SUB_BITS + 2u) << (HISTOGRAM_SUB_BITS - 1))

/**
 * struct histogram - zeroed by histogram_reset() before its first use; 224 KiB
 * @total: values added
 * @sum: of them, in ns, for the mean
 * @least, @most: exact, beyond the last bucket's end too
 */
struct histogram {
	uint64_t total, sum;
	uint64_t least, most;
	uint64_t counts[HISTOGRAM_BUCKETS];
};
_Static_assert(HISTOGRAM_BUCKETS == 28672, "28 * 1,024: 2,048, then 26 powers of two");

/** histogram_reset() - forget everything. */
void histogram_reset(struct histogram *histogram);

/** histogram_bucket() - where a value of @ns counts; what is too large, in the last one. */
static inline unsigned histogram_bucket(uint64_t ns)
{
	unsigned shift;

	if (ns >> HISTOGRAM_TOP_BITS)
		return HISTOGRAM_BUCKETS - 1;
	/* in the first 2,048 the shift is 0: setting the highest of those bits changes nothing */
	shift = 63u - (unsigned)__builtin_clzll(ns | (1u << (HISTOGRAM_SUB_BITS - 1)));
	shift -= HISTOGRAM_SUB_BITS - 1;
	return (shift << (HISTOGRAM_SUB_BITS - 1)) + (unsigned)(ns >> shift);
}

/** histogram_add() - one value, in ns. */
static inline void histogram_add(struct histogram *histogram, uint64_t ns)
{
	histogram->counts[histogram_bucket(ns)]++;
	histogram->total++;
	histogram->sum += ns;
	if (ns < histogram->least)
		histogram->least = ns;
	if (ns > histogram->most)
		histogram->most = ns;
}

/** histogram_merge() - add all of @from's values to @into. */
void histogram_merge(struct histogram *into, const struct histogram *from);

/**
 * histogram_quantile() - the value that @share (0..1) of all values do not exceed, in ns
 *
 * The upper end of its bucket, never beyond the largest value: at most 1/1,024 too large, never too
 * small. 0 if the histogram is empty; with @share 0 the least value, with 1 the largest.
 */
uint64_t histogram_quantile(const struct histogram *histogram, double share);

/** histogram_mean() - in ns; 0 if the histogram is empty. */
double histogram_mean(const struct histogram *histogram);

/**
 * histogram_write() - percentiles for a plot: lines of value (us), share, values so far and
 * 1 / (1 - share), as the tools around HdrHistogram read them (".hgrm")
 *
 * Shares come closer together towards 1: five for each halving of what is left.
 * Return: 0, or -EIO if @out took not all of it.
 */
int histogram_write(const struct histogram *histogram, FILE *out);
