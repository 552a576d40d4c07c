/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* gap_log.c - when something else last had a worker's core: read while it is written */
#include "gap_log.h"

#include <string.h>

unsigned gap_log_read(const struct gap_log *log, struct gap gaps[GAP_LOG], uint64_t *count)
{
	uint64_t to = __atomic_load_n(&log->count, __ATOMIC_ACQUIRE), now;
	uint64_t from = to < GAP_LOG ? 0 : to - GAP_LOG, sure;

	for (uint64_t number = from; number < to; number++) {
		const struct gap *gap = &log->last[number % GAP_LOG];

		gaps[number - from].begin = __atomic_load_n(&gap->begin, __ATOMIC_RELAXED);
		gaps[number - from].end = __atomic_load_n(&gap->end, __ATOMIC_RELAXED);
	}
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	/* number @now may be half written, over the one that is GAP_LOG older */
	now = __atomic_load_n(&log->count, __ATOMIC_RELAXED);
	sure = now < GAP_LOG ? 0 : now - GAP_LOG + 1;
	*count = to;
	if (sure <= from)
		return (unsigned)(to - from);
	if (sure >= to)
		return 0;
	memmove(gaps, &gaps[sure - from], (to - sure) * sizeof(*gaps));
	return (unsigned)(to - sure);
}
