/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* worker_figures.c - histograms of a worker's busy turns: how long, how many frames, how soon their
 * answers left */
#include "worker_state.h"

#include <string.h>

/* Fraction bits of nanoseconds per cycle: a turn of 10 s has fewer than 36 bits of either. */
#define SCALE_BITS 24

void worker_figures_init(struct worker_figures *figures, uint64_t tsc_hz)
{
	memset(figures, 0, sizeof(*figures));
	figures->scale = tsc_hz ? (1000000000ull << SCALE_BITS) / tsc_hz : 0;
}

void worker_figures_late(struct worker *worker, uint64_t unix_ms, uint32_t answers)
{
	struct worker_figures *figures = &worker->figures;
	struct late_answers *last = &figures->late[figures->late_count];

	/* The records of one turn have one time, and lie side by side. */
	if (figures->late_count && last[-1].unix_ms == unix_ms)
		last[-1].answers += answers;
	else if (figures->late_count < WORKER_ANSWERS_MAX)
		figures->late[figures->late_count++] =
			(struct late_answers){.unix_ms = unix_ms, .answers = answers};
}

/* Answers that waited for a commit: from the turn that wrote their records, to the millisecond. */
static void add_late(struct worker *worker, uint64_t turn_ns)
{
	struct worker_figures *figures = &worker->figures;
	const uint64_t now = worker->host.clock.unix_ms;

	for (unsigned i = 0; i < figures->late_count; i++) {
		const struct late_answers *late = &figures->late[i];
		/* the wall clock may have been set back since */
		uint64_t ms = now > late->unix_ms ? now - late->unix_ms : 0;

		turn_histogram_time(&figures->answers, ms * 1000000 + turn_ns, late->answers);
	}
	figures->late_count = 0;
}

void worker_figures_turn(struct worker *worker, unsigned frames)
{
	struct worker_figures *figures = &worker->figures;
	const uint64_t cycles = worker->stages.mark - worker->stages.begun;
	const uint64_t ns = (cycles * figures->scale) >> SCALE_BITS;

	turn_histogram_time(&figures->turns, ns, 1);
	turn_histogram_size(&figures->frames, frames);
	if (worker->host.answered) {
		turn_histogram_time(&figures->answers, ns, worker->host.answered);
		worker->host.answered = 0;
	}
	if (figures->late_count)
		add_late(worker, ns);
}

unsigned worker_histograms(const struct worker *worker, struct histogram_view *views)
{
	const struct worker_figures *figures = &worker->figures;

	views[0] = (struct histogram_view){.name = "answer_seconds",
		.help = "from the turn that took a frame to its answer's leaving",
		.divisor = 1000000000,
		.bounds = turn_histogram_time_bounds,
		.count = TURN_HISTOGRAM_TIMES,
		.values = &figures->answers};
	views[1] = (struct histogram_view){.name = "turn_seconds",
		.help = "turns that found something to do",
		.divisor = 1000000000,
		.bounds = turn_histogram_time_bounds,
		.count = TURN_HISTOGRAM_TIMES,
		.values = &figures->turns};
	views[2] = (struct histogram_view){.name = "turn_frames",
		.help = "frames of devices in turns that found something to do",
		.divisor = 1,
		.bounds = turn_histogram_size_bounds,
		.count = TURN_HISTOGRAM_SIZES,
		.values = &figures->frames};
	return 3;
}
