/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* uncommitted.c - which of a session's newest requests wait for the consumer's commit */

#include "session/slab.h"

/* Counts have 31 bits and go round: what is less than half of that ahead is ahead. */
#define COUNT_MASK 0x7fffffffu
#define COUNT_HALF 0x40000000u
#define WINDOW_BITS 33 /* the newest and 32 behind it, as in the window of what was accepted */

/* How far @count is behind the newest that was marked; WINDOW_BITS or more: not in the window. */
static uint32_t distance(const struct session_uncommitted *window, uint32_t count)
{
	return ((uint32_t)window->newest - count) & COUNT_MASK;
}

void session_uncommitted_reset(struct session_table *table, uint32_t index)
{
	if (table->uncommitted)
		table->uncommitted[index] = (struct session_uncommitted){0};
}

void session_uncommitted_mark(struct session_table *table, uint32_t index, uint32_t count)
{
	struct session_uncommitted *window;
	uint32_t behind, ahead;

	if (!table->uncommitted)
		return;
	window = &table->uncommitted[index];
	if (!window->bits) /* none waits: the window lies where it is needed, after a restart too */
		window->newest = count & COUNT_MASK;
	behind = distance(window, count);
	if (behind < COUNT_HALF) {
		if (behind < WINDOW_BITS)
			window->bits |= UINT64_C(1) << behind;
		return;
	}
	ahead = (count - (uint32_t)window->newest) & COUNT_MASK;
	window->bits = (ahead < WINDOW_BITS ? (uint64_t)window->bits << ahead : 0) | 1;
	window->newest = count & COUNT_MASK;
}

void session_uncommitted_clear(struct session_table *table, uint32_t index, uint32_t count)
{
	struct session_uncommitted *window;
	uint32_t behind;

	if (!table->uncommitted)
		return;
	window = &table->uncommitted[index];
	behind = distance(window, count);
	if (behind < WINDOW_BITS)
		window->bits &= ~(UINT64_C(1) << behind);
}

bool session_uncommitted(const struct session_table *table, uint32_t index, uint32_t count)
{
	const struct session_uncommitted *window;
	uint32_t behind;

	if (!table->uncommitted)
		return false;
	window = &table->uncommitted[index];
	behind = distance(window, count);
	return behind < WINDOW_BITS && ((uint64_t)window->bits >> behind & 1);
}
