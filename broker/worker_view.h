/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* worker_view.h - what a worker shows of itself: its counters by layer, where its cycles go */
#pragma once

#include "counter.h"
#include "gap_log.h"
#include "pool_view.h"
#include "protocol.h"
#include "turn_histogram.h"

#include <stdbool.h>
#include <stdint.h>

/** struct turn_view - a worker's turn accounting, cumulative since the start */
struct turn_view {
	uint64_t tsc_hz;
	uint64_t turns, busy_turns;
	uint64_t idle_cycles;              /* of turns that found nothing to do */
	uint64_t timer_cycles;             /* of timers and sweeps, in all turns */
	uint64_t busy_cycles[STAGE_COUNT]; /* of turns that did, by stage */
	uint64_t gaps; /* turns that began more than 50 us after the last ended */
	uint64_t gap_cycles, gap_longest_cycles;
};

/** Views that one worker has, at most. */
#define COUNTER_VIEWS_MAX 16

/** Pools that one worker has, at most. */
#define WORKER_POOLS_MAX 16

/** Histograms that one worker has, at most. */
#define WORKER_HISTOGRAMS_MAX 4

/** Counters that a port has, at most. */
#define PORT_VIEW_COUNTERS 16

/**
 * struct port_view - a port as it is now
 * @line: address, MTU, offloads, buffers
 * @info, @count: names of @values
 */
struct port_view {
	const char *line;
	bool up;
	const struct counter_info *info;
	unsigned count;
	uint64_t values[PORT_VIEW_COUNTERS];
};

/**
 * struct queue_view - what a worker's link to a port counts itself
 * @queue: its queue pair, or the one of another worker that it sends through
 */
struct queue_view {
	unsigned queue;
	const struct counter_info *info;
	const uint64_t *values;
	unsigned count;
};

/** struct counter_view - one layer's counters of one worker, for status */
struct counter_view {
	const char *layer;
	const struct counter_info *info;
	const uint64_t *values;
	unsigned count;
};
