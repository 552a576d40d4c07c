/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* stages.c - where the cycles of a worker's turn go */
#include "stages.h"

#include <string.h>

COUNTER_TABLE(stage_info, STAGES);

void stages_init(struct stages *stages, uint64_t tsc_hz)
{
	memset(stages, 0, sizeof(*stages));
	stages->total.tsc_hz = tsc_hz;
	stages->gap_cycles = tsc_hz / 1000000 * STAGES_GAP_US;
	stages->frame_cycles = tsc_hz / 1000000 * STAGES_FRAME_US;
	stages->mark = __rdtsc();
}

void stages_begin(struct stages *stages)
{
	struct turn_view *total = &stages->total;
	uint64_t now = __rdtsc(), gap = now - stages->mark;

	if (gap > stages->gap_cycles) {
		counter_add(&total->gaps, 1);
		counter_add(&total->gap_cycles, gap);
		if (gap > total->gap_longest_cycles)
			__atomic_store_n(&total->gap_longest_cycles, gap, __ATOMIC_RELAXED);
		gap_log_add(&stages->log, stages->mark, now);
	}
	memset(stages->turn, 0, sizeof(stages->turn));
	stages->begun = stages->mark = now;
	stages->current = STAGE_RECEIVE;
}

/* Did something else have the core in a turn that took longer than a gap? See STAGES_FRAME_US. */
static void find_gap(struct stages *stages, struct stages_work work)
{
	uint64_t timers = stages->turn[STAGE_TIMERS], took = stages->mark - stages->begun - timers;
	uint64_t most = stages->gap_cycles + work.frames * stages->frame_cycles +
			STAGES_AFTER_TIMERS * timers;

	if (!work.sliced && took > most)
		gap_log_add(&stages->log, stages->begun, stages->mark);
}

void stages_end(struct stages *stages, struct stages_work work)
{
	struct turn_view *total = &stages->total;
	uint64_t idle = 0;

	stages_enter(stages, STAGE_SLICES);
	if (stages->mark - stages->begun > stages->gap_cycles)
		find_gap(stages, work);
	counter_add(&total->turns, 1);
	if (stages->turn[STAGE_TIMERS])
		counter_add(&total->timer_cycles, stages->turn[STAGE_TIMERS]);
	if (work.busy) {
		counter_add(&total->busy_turns, 1);
		for (unsigned i = 0; i < STAGE_COUNT; i++)
			counter_add(&total->busy_cycles[i], stages->turn[i]);
		return;
	}
	for (unsigned i = 0; i < STAGE_COUNT; i++)
		idle += stages->turn[i];
	counter_add(&total->idle_cycles, idle);
}
