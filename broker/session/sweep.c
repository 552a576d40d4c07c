/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* sweep.c - looking at what a worker owns, no sooner than something in it can be due */

#include "session/slab.h"

#define ONES 0x0101010101010101ull
#define HIGHS (ONES * 0x80)

/* Entries ahead of the one that is visited whose lines, and whose devices' lines, are asked for. */
#define LINES_AHEAD 16
#define DEVICE_AHEAD 8

/* Eight owners at a time. */
typedef uint64_t __attribute__((may_alias)) owners_word;

uint32_t session_blocks(const struct session_table *table)
{
	return slab_blocks(table->count);
}

void session_look(const struct session_table *table, uint32_t index)
{
	if (index < table->count)
		slab_look(table->workers[session_owner(table, index)], index);
}

/* Is one of the eight owners at @index, a multiple of 8, this worker, taken in or not? */
static bool any_ours(const struct session_worker *worker, uint32_t index)
{
	const owners_word *word = (const owners_word *)&worker->owners[index];
	const uint64_t differ = (slab_get(*word) & ~HIGHS) ^ ONES * worker->number;

	return (differ - ONES) & ~differ & HIGHS;
}

/* Return: seconds until it has to be looked at again. */
static uint32_t look_at(
	struct session_worker *worker, uint32_t index, const struct session_visitor *visitor)
{
	enum slab_list list;

	if (worker->owners && !session_take(worker, index))
		return SESSION_LATER;
	list = life_list(worker->entries[index].life);
	if (!slab_is_home(worker, index) && list != LIST_NONE &&
		slab_touched(worker, index) == SESSION_NONE)
		return session_give(worker, index, index / worker->table->per_worker)
			       ? SESSION_LATER
			       : 0;
	return list == LIST_FREE ? SESSION_LATER : visitor->visit(visitor->context, index);
}

/* All of the entries from @first to @end. Return: seconds until the first has to be again. */
static uint32_t look_at_all(struct session_worker *worker, uint32_t first, uint32_t end,
	const struct session_visitor *visitor)
{
	uint32_t least = SESSION_LATER;

	for (uint32_t i = first; i < end; i++) {
		uint32_t left;

		if (worker->owners && i % 8 == 0 && i + 8 <= end && !any_ours(worker, i)) {
			i += 7;
			continue;
		}
		if (i + LINES_AHEAD < end)
			__builtin_prefetch(&worker->entries[i + LINES_AHEAD]);
		if (visitor->ahead && i + DEVICE_AHEAD < end)
			visitor->ahead(visitor->context,
				slab_get(worker->entries[i + DEVICE_AHEAD].device));
		left = look_at(worker, i, visitor);
		if (least > left)
			least = left;
	}
	return least;
}

/* 0 stands for "at once": a time that falls on it is a second late. */
static uint32_t due_at(uint32_t tick)
{
	return tick ? tick : 1;
}

static void look_at_block(struct session_worker *worker, uint32_t block, uint32_t tick,
	const struct session_visitor *visitor)
{
	const uint32_t first = block * SESSION_BLOCK, count = worker->table->count;
	const uint32_t end = count - first < SESSION_BLOCK ? count : first + SESSION_BLOCK;
	uint32_t *due = &worker->due[block], later = due_at(tick + SESSION_LATER);
	uint32_t left;

	/* What somebody else wants looked at while this goes on must not be lost. */
	slab_set(*due, later);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	left = look_at_all(worker, first, end, visitor);
	__atomic_compare_exchange_n(
		due, &later, due_at(tick + left), false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

uint32_t session_sweep(struct session_worker *worker, uint32_t tick, uint32_t budget,
	const struct session_visitor *visitor)
{
	const uint32_t blocks = slab_blocks(worker->table->count);
	const uint32_t looked = budget < blocks ? budget : blocks;

	for (uint32_t i = 0; i < looked; i++) {
		const uint32_t block = worker->cursor, due = slab_get(worker->due[block]);

		worker->cursor = block + 1 == blocks ? 0 : block + 1;
		if (!due || (int32_t)(tick - due) >= 0)
			look_at_block(worker, block, tick, visitor);
	}
	return looked;
}
