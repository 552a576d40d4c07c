/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* clock.h - a turn's time-stamp from the TSC alone; another thread publishes the wall clock */
#pragma once

#include "protocol.h"

#include <stdint.h>

/**
 * struct clock - monotonic time as a line over the TSC, anchored once at CLOCK_MONOTONIC, so that
 *	ticks of a restarted broker continue those of its predecessor
 * @tsc, @us: the anchor
 * @scale: microseconds per cycle, 32.32 fixed point
 * @wall_offset_us: Unix time minus monotonic time; written by clock_set_wall()
 */
struct clock {
	uint64_t tsc, us;
	uint64_t scale;
	int64_t wall_offset_us;
};

/** clock_init() - anchor it now. @tsc_hz: cycles per second, at least 1 MHz. */
void clock_init(struct clock *clock, uint64_t tsc_hz);

/** clock_set_wall() - follow CLOCK_REALTIME; called about ten times a second by one thread. */
void clock_set_wall(struct clock *clock);

/** clock_read() - the time now; no system call. Any thread. */
void clock_read(const struct clock *clock, struct turn_clock *now);
