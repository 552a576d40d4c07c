/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* gaps.h - times in which something else had a core of the broker's, and the answers they touched */
#pragma once

#include "histogram.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** What took no longer is no gap's doing and is not kept. */
#define SLOW_NS 50000u
/** Answers that are kept: 16 MiB. Of more, the further ones count as if no gap had touched them. */
#define SLOW_MOST (1u << 20)

/** struct slow_answer - one that took longer than SLOW_NS; ns of the monotonic clock */
struct slow_answer {
	uint64_t due, answered;
};

/** struct slow - those of a trial, in the order of their answers; @more: found no room */
struct slow {
	uint64_t count, more;
	struct slow_answer answers[SLOW_MOST];
};

/** slow_keep() - Return: false if there is no room for it. */
static inline bool slow_keep(struct slow *slow, uint64_t due, uint64_t answered)
{
	if (slow->count == SLOW_MOST) {
		slow->more++;
		return false;
	}
	slow->answers[slow->count++] = (struct slow_answer){due, answered};
	return true;
}

/** struct gaps_clock - one moment by both clocks: the time-stamp counter's, and monotonic ns */
struct gaps_clock {
	uint64_t tsc, ns;
};

/** gaps_clock() - now; of a few readings the one that was interrupted least. */
struct gaps_clock gaps_clock(void);

/** gaps_ns() - what the monotonic clock said at @tsc, by what both said at two moments apart. */
uint64_t gaps_ns(const struct gaps_clock *from, const struct gaps_clock *to, uint64_t tsc);

/**
 * struct gaps - of a trial, by its reports
 * @known: the broker was asked before and after
 * @count, @ns: its gaps in between, their sum; @unseen: more of them, which its log held no more
 * @own_left_out, @left_out: answers that gaps of our own touched, and of the others those that the
 *	broker's did
 * @unkept: slow answers that no gap was looked up for
 */
struct gaps {
	bool known;
	uint64_t count, ns, unseen;
	uint64_t own_left_out, left_out, unkept;
	double own_share, share; /* stolen, of the measured time, of the time between the askings */
};

/** struct gap_span - [@begin, @end) in monotonic ns */
struct gap_span {
	uint64_t begin, end;
};

/**
 * gaps_between() - all workers' gaps between two askings, in order of their beginning
 * @before, @after: arrays of {"count", "log"}, by worker
 * @spans: becomes an array, to be freed; NULL if there are none or no memory for them
 *
 * Sets @gaps' count, ns and unseen. Return: how many are in @spans.
 */
size_t gaps_between(const json_t *before, const struct gaps_clock *from, const json_t *after,
	const struct gaps_clock *to, struct gap_span **spans, struct gaps *gaps);

/**
 * gaps_leave_out() - all of @slow go to @clean but what a span or its wake touched
 *
 * A wake is what a gap has kept waiting: it goes on for as long as, without a pause, any answer was
 * due for more than SLOW_NS. As for gaps of our own, an answer was touched if it was under way in
 * them, or due before the wake was over. What took less than SLOW_NS stays: in a gap there is none,
 * and the few of a wake are none that a percentile would be worse by.
 * @spans: in order of their beginning. Return: answers left out.
 */
uint64_t gaps_leave_out(
	struct slow *slow, const struct gap_span *spans, size_t count, struct histogram *clean);

/** gaps_json() - {"own": {..}, "broker": {..}}; the latter null if it is not known */
json_t *gaps_json(const struct gaps *gaps, uint64_t own_count, uint64_t answers);
