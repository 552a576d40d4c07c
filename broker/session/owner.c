/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* owner.c - who owns an entry: handing over, taking in */

#include "session/slab.h"

unsigned session_owner(const struct session_table *table, uint32_t index)
{
	if (!table->owners || index >= table->count)
		return 0;
	return __atomic_load_n(&table->owners[index], __ATOMIC_ACQUIRE) & ~OWNER_MOVING;
}

bool session_owned(const struct session_worker *worker, uint32_t index)
{
	if (!worker->owners)
		return index < worker->count;
	return index < worker->table->count && slab_get(worker->owners[index]) == worker->number;
}

bool session_give(struct session_worker *worker, uint32_t index, unsigned to)
{
	if (!session_owned(worker, index) || worker->leaving_count == SESSION_TOUCH_MAX)
		return false;
	worker->leaving[worker->leaving_count++] = (struct slab_leaving){index, to};
	return true;
}

void session_hand_over(struct session_worker *worker,
	void (*tell)(void *context, unsigned to, uint32_t index), void *context)
{
	for (uint32_t i = 0; i < worker->leaving_count; i++) {
		const struct slab_leaving leaving = worker->leaving[i];
		const uint64_t life = slab_get(worker->entries[leaving.index].life);
		const unsigned range = leaving.index / worker->table->per_worker;

		/* It may be named twice; and what is free is of use at home only. */
		if (leaving.to == worker->number || !session_owned(worker, leaving.index) ||
			(life_list(life) == LIST_FREE && leaving.to != range))
			continue;
		if (range == worker->number && life_list(life) == LIST_RESTING)
			slab_unrest(worker, leaving.index);
		slab_count(worker, life, -1);
		__atomic_store_n(&worker->owners[leaving.index],
			(uint8_t)(leaving.to | OWNER_MOVING), __ATOMIC_RELEASE);
		slab_look(worker->table->workers[leaving.to], leaving.index);
		counter_add(&worker->counters[SESSION_GIVEN], 1);
		tell(context, leaving.to, leaving.index);
	}
	worker->leaving_count = 0;
}

bool session_take(struct session_worker *worker, uint32_t index)
{
	const uint64_t *life = &worker->entries[index].life;
	uint8_t owner;

	if (!worker->owners || index >= worker->table->count)
		return session_owned(worker, index);
	owner = __atomic_load_n(&worker->owners[index], __ATOMIC_ACQUIRE);
	if (owner != (worker->number | OWNER_MOVING))
		return owner == worker->number;
	slab_set(worker->owners[index], (uint8_t)worker->number);
	slab_count(worker, *life, 1);
	if (slab_is_home(worker, index)) {
		slab_store_begin(worker);
		if (life_list(*life) == LIST_FREE)
			slab_free(worker, index, life_generation(*life));
		else if (life_list(*life) == LIST_RESTING)
			slab_rest(worker, index);
		slab_store_end(worker);
	}
	counter_add(&worker->counters[SESSION_TAKEN], 1);
	return true;
}

void session_visit(
	struct session_worker *worker, void (*visit)(void *context, uint32_t index), void *context)
{
	for (uint32_t i = worker->first; i < worker->first + worker->count; i++) {
		if (i + 1 < worker->first + worker->count)
			__builtin_prefetch(&worker->entries[i + 1]);
		if (life_list(worker->entries[i].life) != LIST_FREE)
			visit(context, i);
	}
}
