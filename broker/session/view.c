/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* view.c - what other threads may read of the table */

#include "session/slab.h"

#include "prefetch.h"

/* One entry is stored in some ten nanoseconds: a worker that runs needs far fewer looks. */
#define PEEK_LOOKS 256

bool slab_peek(const struct session_worker *worker, uint32_t index, struct session_turn *copy)
{
	const uint8_t *owner = worker->owners ? &worker->owners[index] : NULL;
	const uint8_t owned = owner ? __atomic_load_n(owner, __ATOMIC_ACQUIRE) : 0;
	const uint32_t before = __atomic_load_n(&worker->sequence, __ATOMIC_ACQUIRE);

	slab_load(worker, index, copy);
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	/* handed over while we looked: the sequence of its owner then says nothing */
	if (owner && (slab_get(*owner) != owned || (owned & ~OWNER_MOVING) != worker->number))
		return false;
	return !(before & 1) && slab_get(worker->sequence) == before;
}

bool session_peek(const struct session_table *table, uint32_t index, struct session_turn *copy)
{
	if (index >= table->count)
		return false;
	/* bounded: a worker that lost its core in the middle of a store must not hold up the
	 * reader */
	for (unsigned look = 1;
		!slab_peek(table->workers[session_owner(table, index)], index, copy) &&
		look < PEEK_LOOKS;
		look++)
		__builtin_ia32_pause();
	return copy->state != SESSION_FREE || copy->flags & SESSION_OWED;
}

struct session_counts session_counts(const struct session_worker *worker)
{
	const struct session_counts *counts = &worker->counts;

	return (struct session_counts){
		.entries = worker->count,
		.login = slab_get(counts->login),
		.live_tcp = slab_get(counts->live_tcp),
		.live_udp = slab_get(counts->live_udp),
		.resting = slab_get(counts->resting),
	};
}

uint64_t *session_counters(struct session_worker *worker)
{
	return worker->counters;
}

uint32_t session_entries(const struct session_table *table, uint32_t *per_worker)
{
	if (per_worker)
		*per_worker = table->per_worker;
	return table->count;
}

size_t session_entry_bytes(const struct session_table *table)
{
	return sizeof(struct slab_entry) + (table->ipv6 ? sizeof(struct slab_side) : 0) +
	       (table->owners ? sizeof(table->owners[0]) : 0) +
	       (table->uncommitted ? sizeof(table->uncommitted[0]) : 0);
}

void session_prefetch(const struct session_table *table, uint32_t index)
{
	const uint8_t *entry = (const uint8_t *)&table->entries[index];

	prefetch_to_read(entry);
	prefetch_to_read(entry + sizeof(struct slab_entry) - 1);
}

uint32_t session_device(const struct session_table *table, uint32_t index)
{
	return slab_get(table->entries[index].device);
}

void session_key_copy(
	const struct session_table *table, uint32_t index, uint8_t key[SESSION_KEY_BYTES])
{
	const struct slab_entry *entry = &table->entries[index];
	const uint64_t words[2] = {slab_get(entry->key[0]), slab_get(entry->key[1])};

	memcpy(key, words, sizeof(words));
}

const uint8_t *session_key(const struct session_table *table, uint32_t index)
{
	return (const uint8_t *)table->entries[index].key;
}

bool session_table_attached(const struct session_table *table)
{
	return table->attached;
}

struct session_worker *session_worker(struct session_table *table, unsigned worker)
{
	return table->workers[worker];
}

struct session_worker *session_range(struct session_table *table, uint32_t index)
{
	return table->workers[index / table->per_worker];
}

void session_worker_limit(struct session_worker *worker, uint32_t limit)
{
	worker->limit = limit;
}

void session_worker_random(struct session_worker *worker, struct random *random)
{
	worker->random = random;
}
