/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* gap_log.h - when something else last had a worker's core: written by it, read by any thread */
#pragma once

#include <stdint.h>

/** Gaps that are kept; a power of two. A host that steals 4 % in slices of 3 ms makes 13 a second. */
#define GAP_LOG 1024u

/** struct gap - [@begin, @end) of the time-stamp counter */
struct gap {
	uint64_t begin, end;
};

/** struct gap_log - zeroed at first; @count: gaps since the start, the last GAP_LOG of them kept */
struct gap_log {
	uint64_t count;
	struct gap last[GAP_LOG];
};
_Static_assert((GAP_LOG & (GAP_LOG - 1)) == 0, "a number's place is its low bits");

/** gap_log_add() - one more; its one writer only. */
static inline void gap_log_add(struct gap_log *log, uint64_t begin, uint64_t end)
{
	uint64_t count = log->count;
	struct gap *gap = &log->last[count % GAP_LOG];

	/* whoever reads the new numbers sees the count that says that this place is being written */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	__atomic_store_n(&gap->begin, begin, __ATOMIC_RELAXED);
	__atomic_store_n(&gap->end, end, __ATOMIC_RELAXED);
	__atomic_store_n(&log->count, count + 1, __ATOMIC_RELEASE);
}

/**
 * gap_log_read() - the last gaps, oldest first, none of them half written
 * @gaps: room for GAP_LOG
 * @count: becomes the number of all gaps until the last one returned
 *
 * Any thread. Return: how many of them are in @gaps, at most GAP_LOG - 1 of a full log: the oldest
 * one's place may be the next one's just now.
 */
unsigned gap_log_read(const struct gap_log *log, struct gap gaps[GAP_LOG], uint64_t *count);
