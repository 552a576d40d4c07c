/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* session.c - the life of entries: login, touch, commit, restore, sweep */

#include "session/slab.h"

/* How many resting entries that are being decided on a login steps over before it gives up. */
#define RECLAIM_STEPS 32

COUNTER_TABLE(session_counter_info, SESSION_COUNTERS);

/* session_peek() must not see half of a change: it reads again while the sequence is odd. */
void slab_store_begin(struct session_worker *worker)
{
	slab_set(worker->sequence, worker->sequence + 1);
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

void slab_store_end(struct session_worker *worker)
{
	__atomic_store_n(&worker->sequence, worker->sequence + 1, __ATOMIC_RELEASE);
}

static uint64_t progress_word(struct session_progress progress)
{
	uint64_t word;

	memcpy(&word, &progress, sizeof(word));
	return word;
}

void slab_load(const struct session_worker *worker, uint32_t index, struct session_turn *turn)
{
	const struct slab_entry *entry = &worker->entries[index];
	const uint64_t life = __atomic_load_n(&entry->life, __ATOMIC_ACQUIRE);
	const uint64_t progress = slab_get(entry->progress), place = slab_get(entry->place);

	*turn = (struct session_turn){
		.index = index,
		.state = life_state(life),
		.generation = life_generation(life),
		.number = slab_get(entry->number),
		.via = life_via(life),
		.heard = slab_get(entry->heard),
		.connect_device_time = slab_get(entry->connect_device_time),
		.connect_time = slab_get(entry->connect_time),
		.base = slab_get(entry->base),
		.platform_sequence = slab_get(entry->platform_sequence),
		.command = slab_get(entry->request),
		.report_tick = (uint16_t)life,
		.flags = life_flags(life),
		.code = slab_get(entry->code),
		.device = slab_get(entry->device),
		.serial = slab_get(entry->serial),
		.login_time = slab_get(entry->login_time),
	};
	memcpy(&turn->progress, &progress, sizeof(progress));
	slab_place_load(worker, index, life, place, turn);
}

void slab_count(struct session_worker *worker, uint64_t life, int32_t by)
{
	struct session_counts *counts = &worker->counts;
	uint32_t *count = NULL;

	switch (life_state(life)) {
	case SESSION_LOGIN:
		count = &counts->login;
		break;
	case SESSION_LIVE:
		if (life_via(life) == SESSION_VIA_TCP)
			count = &counts->live_tcp;
		else if (life_via(life) == SESSION_VIA_UDP)
			count = &counts->live_udp;
		break;
	case SESSION_RESTING:
		count = &counts->resting;
		break;
	case SESSION_FREE:
		break;
	}
	if (count)
		slab_set(*count, *count + (uint32_t)by);
}

void slab_wipe(struct session_worker *worker, uint32_t index, uint32_t generation)
{
	struct slab_entry *entry = &worker->entries[index];

	/* void first: a kill in between leaves a free entry that the next attach wipes */
	__atomic_store_n(&entry->life, life_of(generation, SESSION_FREE, SESSION_VIA_NONE, 0, 0),
		__ATOMIC_RELEASE);
	slab_set(entry->key[0], 0);
	slab_set(entry->key[1], 0);
	slab_set(entry->token_low, 0);
	slab_set(entry->seal, 0);
}

void slab_free(struct session_worker *worker, uint32_t index, uint32_t generation)
{
	slab_wipe(worker, index, generation);
	slab_set(worker->entries[index].place, slab_link(SESSION_NONE, worker->free_head));
	worker->free_head = index;
}

void slab_rest(struct session_worker *worker, uint32_t index)
{
	const uint32_t tail = worker->resting_tail;

	slab_set(worker->entries[index].place, slab_link(tail, SESSION_NONE));
	if (tail == SESSION_NONE) {
		worker->resting_head = index;
	} else {
		struct slab_entry *last = &worker->entries[tail];

		slab_set(last->place, slab_link((uint32_t)(last->place >> 32), index));
	}
	worker->resting_tail = index;
}

void slab_unrest(struct session_worker *worker, uint32_t index)
{
	struct slab_entry *entries = worker->entries;
	const uint32_t previous = (uint32_t)(entries[index].place >> 32);
	const uint32_t next = (uint32_t)entries[index].place;

	if (previous == SESSION_NONE)
		worker->resting_head = next;
	else
		slab_set(entries[previous].place,
			slab_link((uint32_t)(entries[previous].place >> 32), next));
	if (next == SESSION_NONE)
		worker->resting_tail = previous;
	else
		slab_set(entries[next].place, slab_link(previous, (uint32_t)entries[next].place));
}

void slab_lists(struct session_worker *worker)
{
	worker->free_head = worker->resting_head = worker->resting_tail = SESSION_NONE;
	for (uint32_t i = worker->first + worker->count; i-- > worker->first;)
		slab_free(worker, i, life_generation(worker->entries[i].life));
}

/* The longest rested entry that no decision of this turn is about. */
static uint32_t reclaim(struct session_worker *worker)
{
	uint32_t index = worker->resting_head;

	for (unsigned i = 0; i < RECLAIM_STEPS && index != SESSION_NONE; i++) {
		if (slab_touched(worker, index) == SESSION_NONE)
			return index;
		index = (uint32_t)worker->entries[index].place;
	}
	return SESSION_NONE;
}

/* An entry for a new login, off its list and void; SESSION_NONE when there is none. */
static uint32_t take_entry(struct session_worker *worker)
{
	const struct session_counts *counts = &worker->counts;
	uint32_t index = worker->free_head;
	struct slab_entry *entry;

	if (counts->login + counts->live_tcp + counts->live_udp >= worker->limit)
		return SESSION_NONE;
	if (index != SESSION_NONE) {
		worker->free_head = (uint32_t)worker->entries[index].place;
		return index;
	}
	index = reclaim(worker);
	if (index == SESSION_NONE)
		return index;
	entry = &worker->entries[index];
	slab_unrest(worker, index);
	slab_count(worker, entry->life, -1);
	__atomic_store_n(&entry->life,
		life_of(life_generation(entry->life), SESSION_FREE, SESSION_VIA_NONE, 0, 0),
		__ATOMIC_RELEASE);
	counter_add(&worker->counters[SESSION_RECLAIMED], 1);
	return index;
}

/* Everything that does not speak of the login itself back to its beginning. */
static void reset_mutable(struct slab_entry *entry, uint32_t tick)
{
	slab_set(entry->progress, 0);
	slab_set(entry->number, 0);
	slab_set(entry->place, 0);
	slab_set(entry->heard, tick);
	slab_set(entry->connect_device_time, 0);
	slab_set(entry->connect_time, 0);
	slab_set(entry->base, 0);
	slab_set(entry->platform_sequence, 0);
	slab_set(entry->request, 0);
	slab_set(entry->code, 0);
}

uint32_t session_login(struct session_worker *worker, uint32_t device, uint32_t serial,
	uint32_t tick, uint32_t now, uint8_t *key, char *token)
{
	struct slab_entry *entry;
	uint32_t index, slot;
	unsigned token_high;
	uint64_t life;

	slab_store_begin(worker);
	index = take_entry(worker);
	if (index == SESSION_NONE) {
		slab_store_end(worker);
		counter_add(&worker->counters[SESSION_FULL], 1);
		return index;
	}
	entry = &worker->entries[index];
	/* the release of its last life is not enough: what follows must not be seen before it */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	reset_mutable(entry, tick);
	token_high = slab_draw(entry, worker->random);
	slab_set(entry->device, device);
	slab_set(entry->serial, serial);
	slab_set(entry->login_time, now);
	slab_set(entry->seal, slab_seal(worker->table->header, entry, token_high));
	life = life_of(life_generation(entry->life) + 1, SESSION_LOGIN, SESSION_VIA_NONE, 0, 0);
	__atomic_store_n(&entry->life, life, __ATOMIC_RELEASE);
	slab_look_by(worker, index, tick + SESSION_QUIET);
	slab_count(worker, life, 1);
	slab_store_end(worker);
	counter_add(&worker->counters[SESSION_LOGINS], 1);

	memcpy(key, entry->key, SESSION_KEY_BYTES);
	session_token(worker->table, index, token);
	slot = slab_touched(worker, index); /* a copy made while it was free */
	if (slot != SESSION_NONE)
		slab_load(worker, index, &worker->turns[slot]);
	return index;
}

struct session_turn *session_touch(struct session_worker *worker, uint32_t index)
{
	struct slab_entry *entry;
	uint32_t slot;

	if (!session_owned(worker, index))
		return NULL;
	slot = slab_touched(worker, index);
	if (slot != SESSION_NONE)
		return &worker->turns[slot];
	if (worker->touched == SESSION_TOUCH_MAX)
		return NULL;
	slot = worker->touched++;
	entry = &worker->entries[index];
	slab_set(entry->touch, (uint16_t)slot);
	slab_load(worker, index, &worker->turns[slot]);
	return &worker->turns[slot];
}

session_handle session_handle_of(
	const struct session_worker *worker, const struct session_turn *turn)
{
	unsigned range = worker->number;

	if (!slab_is_home(worker, turn->index))
		range = turn->index / worker->table->per_worker;
	return (session_handle)range << 56 |
	       (session_handle)slab_generation(turn->generation) << 32 | turn->index;
}

/* The sweep is to see what the entry has become. */
static void look_again(struct session_worker *worker, const struct session_turn *turn)
{
	if (turn->flags & SESSION_OWED || turn->state == SESSION_RESTING)
		slab_look(worker, turn->index);
	else if (turn->state != SESSION_FREE)
		slab_look_by(worker, turn->index, turn->heard + SESSION_QUIET);
}

/*
 * The entry becomes what the copy says. "life" goes last: until then a kill leaves the old state.
 * The newest code goes before the progress: a request that was not answered comes again.
 */
static void entry_store(struct session_worker *worker, const struct session_turn *turn)
{
	struct slab_entry *entry = &worker->entries[turn->index];
	const uint64_t before = entry->life;
	const uint64_t after =
		life_of(turn->generation, turn->state, turn->via, turn->flags, turn->report_tick);
	const enum slab_list from = life_list(before), to = life_list(after);
	const bool home = slab_is_home(worker, turn->index);

	if (from == LIST_FREE)
		return; /* only a login takes it */
	if (home && from == LIST_RESTING && to != LIST_RESTING)
		slab_unrest(worker, turn->index);
	slab_count(worker, before, -1);
	slab_count(worker, after, 1);
	/* all but the report tick, which only moves on */
	if ((before ^ after) >> 16)
		look_again(worker, turn);
	/* The lists are those of its range: what stands on one goes home. */
	if (!home && to != LIST_NONE)
		session_give(worker, turn->index, turn->index / worker->table->per_worker);
	if (to == LIST_FREE) {
		if (home)
			slab_free(worker, turn->index, turn->generation);
		else
			slab_wipe(worker, turn->index, turn->generation);
		return;
	}
	if (to == LIST_NONE)
		slab_place_store(worker, turn, before);
	slab_set(entry->number, turn->number);
	slab_set(entry->heard, turn->heard);
	slab_set(entry->connect_device_time, turn->connect_device_time);
	slab_set(entry->connect_time, turn->connect_time);
	slab_set(entry->base, turn->base);
	slab_set(entry->platform_sequence, turn->platform_sequence);
	slab_set(entry->request, turn->command);
	slab_set(entry->code, turn->code);
	__atomic_store_n(&entry->progress, progress_word(turn->progress), __ATOMIC_RELEASE);
	__atomic_store_n(&entry->life, after, __ATOMIC_RELEASE);
	if (home && to == LIST_RESTING && from != LIST_RESTING)
		slab_rest(worker, turn->index);
}

void session_commit(struct session_worker *worker)
{
	for (uint32_t i = 0; i < worker->touched; i++) {
		if (i + 4 < worker->touched)
			__builtin_prefetch(&worker->entries[worker->turns[i + 4].index], 1);
		slab_store_begin(worker);
		entry_store(worker, &worker->turns[i]);
		slab_store_end(worker);
	}
	worker->touched = 0;
}

/* Requests accepted in one of the two, seen from the newer one; nothing accepted is forgotten. */
static struct session_progress progress_merge(
	struct session_progress newer, struct session_progress older)
{
	const uint32_t distance = newer.count - older.count;

	session_advance(&older, distance, false);
	newer.window |= older.window;
	newer.oldest |= older.oldest;
	return newer;
}

void session_restore(struct session_worker *worker, const struct session_turn *turn)
{
	struct session_turn now, next = *turn;
	struct slab_entry *entry;
	uint32_t ahead;

	if (turn->index >= worker->table->count)
		return;
	worker = worker->table->workers[turn->index / worker->table->per_worker];
	entry = &worker->entries[turn->index];
	if (life_list(entry->life) == LIST_FREE || entry->device != turn->device)
		return;
	slab_load(worker, turn->index, &now);
	/* modulo 2^24, shifted up so that the sign tells */
	ahead = (slab_generation(turn->generation) - now.generation) << 8;
	if ((int32_t)ahead < 0)
		return;
	if (ahead == 0 && next.progress.count < now.progress.count) {
		next = now;
		next.progress = progress_merge(now.progress, turn->progress);
	} else if (ahead == 0) {
		next.progress = progress_merge(turn->progress, now.progress);
	}
	slab_store_begin(worker);
	entry_store(worker, &next);
	slab_store_end(worker);
}
