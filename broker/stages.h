/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* stages.h - where the cycles of a worker's turn go */
#pragma once

#include "gap_log.h"
#include "worker_view.h"

#include <stdbool.h>
#include <stdint.h>
#include <x86intrin.h>

/** A gap between two turns that long means that something else had the core. */
#define STAGES_GAP_US 50

/**
 * What a frame may take in a turn, received, decided or sent, before the turn counts as a gap.
 *
 * The log of gaps says what was not the broker's doing: honest work must never be in it. A report
 * takes 1 us, a login 3 us, twice that on a slow host with cold caches, and each counts here up to
 * three times: as a frame received, a message and a frame sent. What timers do is not looked at, and
 * what they leave to be published and sent by the same turn may take four times as long as they did.
 * Turns with control requests, notes, jobs or commands are not looked at at all. What a host steals
 * comes by the millisecond: so wide a bound misses little.
 */
#define STAGES_FRAME_US 10
#define STAGES_AFTER_TIMERS 4

/**
 * struct stages - one worker's turn accounting
 * @total: what others see (struct turn_view), written with counter_add()
 * @turn: this turn's cycles by stage
 * @begun: when this turn did
 * @mark: when the current stage began, or the last turn ended
 * @gap_cycles, @frame_cycles: STAGES_GAP_US, STAGES_FRAME_US
 * @log: the last gaps, between turns and in them
 */
struct stages {
	struct turn_view total;
	uint64_t turn[STAGE_COUNT];
	uint64_t begun, mark;
	uint64_t gap_cycles, frame_cycles;
	enum stage current;
	struct gap_log log;
};

/** stages_init() - @tsc_hz: cycles of the time-stamp counter per second */
void stages_init(struct stages *stages, uint64_t tsc_hz);

/** stages_begin() - a turn begins, in STAGE_RECEIVE */
void stages_begin(struct stages *stages);

/** stages_enter() - from here on cycles belong to @stage */
static inline void stages_enter(struct stages *stages, enum stage stage)
{
	uint64_t now = __rdtsc();

	stages->turn[stages->current] += now - stages->mark;
	stages->mark = now;
	stages->current = stage;
}

/**
 * struct stages_work - what a turn did, to tell a gap from it
 * @busy: it had something to do
 * @sliced: some of that were control requests, notes, jobs or commands, or another configuration
 * @frames: received, decided and sent, one by one
 */
struct stages_work {
	bool busy, sliced;
	unsigned frames;
};

/** stages_end() - the turn is over */
void stages_end(struct stages *stages, struct stages_work work);
