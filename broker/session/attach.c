/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* attach.c - take over the entries that a predecessor left */

#include "session/slab.h"

#include <stdlib.h>

/* Written as login and commit write them, and by whoever knows the header's key? */
static bool entry_whole(const struct slab_header *header, const struct slab_entry *entry)
{
	const unsigned token_high = entry->seal & 3;

	return life_state(entry->life) <= SESSION_RESTING &&
	       life_via(entry->life) <= SESSION_VIA_UDP &&
	       entry->seal == slab_seal(header, entry, token_high);
}

static int by_heard(const void *left, const void *right)
{
	const uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return (a > b) - (a < b);
}

/*
 * The links did not come through, but when each was last heard did. Without memory to sort them
 * they rest in the order of their indexes: only who is reclaimed first depends on it.
 */
static void rest_again(struct session_worker *worker)
{
	const uint32_t end = worker->first + worker->count;
	const uint32_t resting = worker->counts.resting;
	uint64_t *order = resting ? malloc(resting * sizeof(*order)) : NULL;
	uint32_t found = 0;

	for (uint32_t i = worker->first; i < end; i++) {
		if (life_list(worker->entries[i].life) != LIST_RESTING)
			continue;
		if (order)
			order[found++] = (uint64_t)worker->entries[i].heard << 32 | i;
		else
			slab_rest(worker, i);
	}
	if (order)
		qsort(order, found, sizeof(*order), by_heard);
	for (uint32_t i = 0; i < found; i++)
		slab_rest(worker, (uint32_t)order[i]);
	free(order);
}

uint32_t session_worker_attach(struct session_worker *worker, uint32_t tick,
	bool (*keep)(void *context, uint32_t index, uint32_t device, uint32_t serial),
	void *context)
{
	uint32_t kept = 0;

	worker->free_head = worker->resting_head = worker->resting_tail = SESSION_NONE;
	worker->touched = 0;
	worker->counts = (struct session_counts){0};
	/* downwards, so that the free list begins with the lowest index */
	for (uint32_t i = worker->first + worker->count; i-- > worker->first;) {
		struct slab_entry *entry = &worker->entries[i];

		if (life_list(entry->life) == LIST_FREE ||
			!entry_whole(worker->table->header, entry) ||
			(keep && !keep(context, i, entry->device, entry->serial))) {
			slab_free(worker, i, life_generation(entry->life) + 1);
			continue;
		}
		if (entry->heard > tick)
			slab_set(entry->heard, tick);
		if (life_via(entry->life) == SESSION_VIA_TCP)
			slab_set(entry->place, 0);
		slab_count(worker, entry->life, 1);
		kept++;
	}
	rest_again(worker);
	return kept;
}
