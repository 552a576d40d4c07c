/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* clock.c - a turn's time-stamp from the TSC alone */
#include "clock.h"

#include <time.h>
#include <x86intrin.h>

static uint64_t clock_us(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static uint64_t monotonic(const struct clock *clock)
{
	return clock->us +
	       (uint64_t)(((unsigned __int128)(__rdtsc() - clock->tsc) * clock->scale) >> 32);
}

void clock_init(struct clock *clock, uint64_t tsc_hz)
{
	clock->scale = (1000000ull << 32) / tsc_hz;
	clock->tsc = __rdtsc();
	clock->us = clock_us(CLOCK_MONOTONIC);
	clock_set_wall(clock);
}

void clock_set_wall(struct clock *clock)
{
	int64_t offset = (int64_t)(clock_us(CLOCK_REALTIME) - monotonic(clock));

	__atomic_store_n(&clock->wall_offset_us, offset, __ATOMIC_RELAXED);
}

void clock_read(const struct clock *clock, struct turn_clock *now)
{
	int64_t offset = __atomic_load_n(&clock->wall_offset_us, __ATOMIC_RELAXED);

	now->us = monotonic(clock);
	now->tick = (uint32_t)(now->us / 1000000);
	now->unix_ms = (uint64_t)((int64_t)now->us + offset) / 1000;
}
