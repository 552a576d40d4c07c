/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* window.c - the sequence window: the newest request and 32 behind it (specs, Mc, Sequence) */

#include "session/session.h"

#define WINDOW_BITS 33 /* the newest and 32 behind it */

static uint64_t window_bits(const struct session_progress *progress)
{
	return (uint64_t)progress->oldest << 32 | (uint64_t)progress->window;
}

static void window_set(struct session_progress *progress, uint64_t bits)
{
	progress->window = bits & UINT32_MAX;
	progress->oldest = (bits >> 32) & 1;
}

enum session_order session_order(uint16_t newest, uint16_t sequence, uint16_t *distance)
{
	const uint16_t ahead = (uint16_t)(sequence - newest);
	const uint16_t behind = (uint16_t)(newest - sequence);

	if (ahead == 0) {
		*distance = 0;
		return SESSION_NEWEST;
	}
	if (behind <= 1u << 15) {
		*distance = behind;
		return behind < WINDOW_BITS ? SESSION_BEHIND : SESSION_STALE;
	}
	*distance = ahead;
	return ahead == 1 ? SESSION_NEXT : SESSION_AHEAD;
}

void session_advance(struct session_progress *progress, uint32_t by, bool accepted)
{
	const uint64_t moved = by < WINDOW_BITS ? window_bits(progress) << by : 0;

	progress->count = (progress->count + by) & 0x7fffffff;
	window_set(progress, moved | accepted);
}

bool session_accepted(const struct session_progress *progress, unsigned behind)
{
	return behind < WINDOW_BITS && (window_bits(progress) >> behind & 1);
}

void session_mark(struct session_progress *progress, unsigned behind)
{
	if (behind < WINDOW_BITS)
		window_set(progress, window_bits(progress) | UINT64_C(1) << behind);
}
