/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* histogram.c - times in a high dynamic range histogram: merged, asked and written */
#include "histogram.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#define TICKS_PER_HALF 5 /* of histogram_write() */

void histogram_reset(struct histogram *histogram)
{
	memset(histogram, 0, sizeof(*histogram));
	histogram->least = UINT64_MAX;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		into->counts[i] += from->counts[i];
	into->total += from->total;
	into->sum += from->sum;
	if (from->least < into->least)
		into->least = from->least;
	if (from->most > into->most)
		into->most = from->most;
}

/* The largest value that counts in a bucket; the last one has no end. */
static uint64_t bucket_end(unsigned bucket)
{
	unsigned half = 1u << (HISTOGRAM_SUB_BITS - 1);
	unsigned shift = bucket < 2 * half ? 0 : bucket / half - 1;
	uint64_t sub = bucket - shift * half;

	if (bucket == HISTOGRAM_BUCKETS - 1)
		return UINT64_MAX;
	return ((sub + 1) << shift) - 1;
}

/* The value of the @rank-th smallest; @rank is 1..total. */
static uint64_t value_at(const struct histogram *histogram, uint64_t rank)
{
	uint64_t seen = 0, end;

	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += histogram->counts[i];
		if (seen >= rank) {
			end = bucket_end(i);
			return end < histogram->most ? end : histogram->most;
		}
	}
	return histogram->most;
}

/* How many values make up @share of all, at least one. 0.07 of 100 are 7, though their product in
 * binary is a little more. */
static uint64_t rank_of(const struct histogram *histogram, double share)
{
	double rank = ceil(share * (double)histogram->total * (1 - 1e-12));

	if (rank < 1)
		return 1;
	return rank >= (double)histogram->total ? histogram->total : (uint64_t)rank;
}

uint64_t histogram_quantile(const struct histogram *histogram, double share)
{
	if (!histogram->total)
		return 0;
	if (share <= 0)
		return histogram->least;
	return value_at(histogram, rank_of(histogram, share));
}

double histogram_mean(const struct histogram *histogram)
{
	return histogram->total ? (double)histogram->sum / (double)histogram->total : 0;
}

/* All values that are not above @value's bucket. */
static uint64_t count_to(const struct histogram *histogram, uint64_t value)
{
	unsigned last = histogram_bucket(value);
	uint64_t sum = 0;

	for (unsigned i = 0; i <= last; i++)
		sum += histogram->counts[i];
	return sum;
}

static void write_line(const struct histogram *histogram, double share, FILE *out)
{
	uint64_t value = histogram_quantile(histogram, share);

	fprintf(out, "%12.3f %1.12f %10" PRIu64, (double)value / 1000, share,
		count_to(histogram, value));
	if (share < 1)
		fprintf(out, " %14.2f", 1 / (1 - share));
	fputc('\n', out);
}

int histogram_write(const struct histogram *histogram, FILE *out)
{
	double left = 1;

	fprintf(out, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount",
		"1/(1-Percentile)");
	/* beyond one in total the lines would repeat the largest value */
	for (; histogram->total && left * (double)histogram->total >= 1; left /= 2) {
		for (int i = 0; i < TICKS_PER_HALF; i++)
			write_line(histogram, 1 - left * (1 - i / (2.0 * TICKS_PER_HALF)), out);
	}
	if (histogram->total)
		write_line(histogram, 1, out);
	fprintf(out, "#[Mean    = %12.3f, Total count = %10" PRIu64 "]\n#[Max     = %12.3f]\n",
		histogram_mean(histogram) / 1000, histogram->total, (double)histogram->most / 1000);
	fflush(out);
	return ferror(out) ? -EIO : 0;
}
