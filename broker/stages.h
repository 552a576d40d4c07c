/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* stages.h - where the cycles of a worker's turn go */
#pragma once

#include "worker_view.h"

#include <stdbool.h>
#include <stdint.h>
#include <x86intrin.h>

/** A gap between two turns that long means that something else had the core. */
#define STAGES_GAP_US 50

/**
 * struct stages - one worker's turn accounting
 * @total: what others see (struct turn_view), written with counter_add()
 * @turn: this turn's cycles by stage
 * @begun: when this turn did
 * @mark: when the current stage began, or the last turn ended
 */
struct stages {
	struct turn_view total;
	uint64_t turn[STAGE_COUNT];
	uint64_t begun, mark;
	uint64_t gap_cycles;
	enum stage current;
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

/** stages_end() - the turn is over; @busy: it had something to do */
void stages_end(struct stages *stages, bool busy);
