/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* gaps.c - times in which something else had a core of the broker's, and the answers they touched */
#include "gaps.h"

#include <stdlib.h>
#include <time.h>
#include <x86intrin.h>

#define CLOCK_READINGS 8

struct gaps_clock gaps_clock(void)
{
	struct gaps_clock best = {0};
	uint64_t least = UINT64_MAX;

	for (unsigned i = 0; i < CLOCK_READINGS; i++) {
		uint64_t before = __rdtsc(), after;
		struct timespec now;

		clock_gettime(CLOCK_MONOTONIC, &now);
		after = __rdtsc();
		if (after - before >= least)
			continue;
		least = after - before;
		best.tsc = before + least / 2;
		best.ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	}
	return best;
}

uint64_t gaps_ns(const struct gaps_clock *from, const struct gaps_clock *to, uint64_t tsc)
{
	double per = (double)(to->ns - from->ns) / (double)(to->tsc - from->tsc);

	/* from the nearer end of the two: a double is exact for what lies between them */
	return (uint64_t)((int64_t)to->ns + (int64_t)((double)(int64_t)(tsc - to->tsc) * per));
}

static int by_begin(const void *a, const void *b)
{
	const struct gap_span *one = a, *other = b;

	return (one->begin > other->begin) - (one->begin < other->begin);
}

static uint64_t whole(const json_t *object, const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(object, name));
}

size_t gaps_between(const json_t *before, const struct gaps_clock *from, const json_t *after,
	const struct gaps_clock *to, struct gap_span **spans, struct gaps *gaps)
{
	size_t most = 0, count = 0, i, j;
	json_t *worker, *pair;

	json_array_foreach((json_t *)after, i, worker) most +=
		json_array_size(json_object_get(worker, "log"));
	*spans = most ? malloc(most * sizeof(**spans)) : NULL;
	json_array_foreach((json_t *)after, i, worker)
	{
		const json_t *log = json_object_get(worker, "log");
		uint64_t grown = whole(worker, "count") - whole(json_array_get(before, i), "count");
		size_t size = json_array_size(log), fresh = grown < size ? (size_t)grown : size;

		gaps->count += grown;
		gaps->unseen += grown - (*spans ? fresh : 0);
		for (j = size - fresh; *spans && j < size; j++) {
			struct gap_span *span = &(*spans)[count++];

			pair = json_array_get(log, j);
			span->begin = gaps_ns(
				from, to, (uint64_t)json_integer_value(json_array_get(pair, 0)));
			span->end = gaps_ns(
				from, to, (uint64_t)json_integer_value(json_array_get(pair, 1)));
			gaps->ns += span->end - span->begin;
		}
	}
	if (count)
		qsort(*spans, count, sizeof(**spans), by_begin);
	return count;
}

static int by_due(const void *a, const void *b)
{
	const struct slow_answer *one = a, *other = b;

	return (one->due > other->due) - (one->due < other->due);
}

/*
 * One pass over answers by when they were due: at @at of them all that waited before have been seen.
 * Return: when the last of an unbroken row of waits from @end on was over. @next: the first answer
 * that had not waited by then.
 */
static uint64_t wake_end(const struct slow *slow, uint64_t end, size_t *next)
{
	for (; *next < slow->count; ++*next) {
		const struct slow_answer *answer = &slow->answers[*next];

		if (answer->due + SLOW_NS > end)
			break;
		if (answer->answered > end)
			end = answer->answered;
	}
	return end;
}

uint64_t gaps_leave_out(
	struct slow *slow, const struct gap_span *spans, size_t count, struct histogram *clean)
{
	struct gap_span *touched = count ? malloc(count * sizeof(*touched)) : NULL;
	size_t rows = 0, row = 0, next = 0;
	uint64_t left_out = 0;

	qsort(slow->answers, slow->count, sizeof(*slow->answers), by_due);
	/* with their wakes, those that meet as one: in order, and apart */
	for (size_t i = 0; touched && i < count; i++) {
		uint64_t end = wake_end(slow, spans[i].end, &next);

		if (rows && spans[i].begin <= touched[rows - 1].end) {
			if (end > touched[rows - 1].end)
				touched[rows - 1].end = end;
			continue;
		}
		touched[rows++] = (struct gap_span){spans[i].begin, end};
	}
	for (size_t i = 0; i < slow->count; i++) {
		const struct slow_answer *answer = &slow->answers[i];

		while (row < rows && touched[row].end <= answer->due)
			row++;
		if (row < rows && answer->answered > touched[row].begin)
			left_out++;
		else
			histogram_add(clean, answer->answered - answer->due);
	}
	free(touched);
	return left_out;
}

json_t *gaps_json(const struct gaps *gaps, uint64_t own_count, uint64_t answers)
{
	double all = answers ? (double)answers : 1;
	json_t *own = json_pack("{s:I, s:f, s:I, s:f}", "count", (json_int_t)own_count,
		"stolen_share", gaps->own_share, "left_out", (json_int_t)gaps->own_left_out,
		"left_out_share", (double)gaps->own_left_out / all);
	json_t *broker = !gaps->known ? json_null()
				      : json_pack("{s:I, s:f, s:I, s:f, s:I, s:I}", "count",
						(json_int_t)gaps->count, "stolen_share",
						gaps->share, "left_out", (json_int_t)gaps->left_out,
						"left_out_share", (double)gaps->left_out / all,
						"unseen", (json_int_t)gaps->unseen, "unkept",
						(json_int_t)gaps->unkept);

	return json_pack("{s:o, s:o}", "own", own, "broker", broker);
}
