/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* binding_mark.c - where sub-devices are on-line: changed by workers, a turn at a time */

#include "registry/binding_private.h"

struct binding_table *binding_table(const struct binding_worker *worker)
{
	return worker->table;
}

/* ---- a worker's sessions that have sub-devices on-line ---- */

static uint32_t cell_of(const struct binding_worker *worker, uint32_t entry)
{
	const uint32_t mask = worker->table->session_mask;
	uint32_t cell = binding_hash(entry) & mask;

	/* never full: it has twice as many cells as there can be sub-devices */
	while (worker->sessions[cell].entry != entry &&
		worker->sessions[cell].entry != BINDING_NONE)
		cell = (cell + 1) & mask;
	return cell;
}

/* Whoever was pushed past the cell that is empty now comes back (linear probing, no gaps). */
static void close_gap(struct binding_worker *worker, uint32_t gap)
{
	const uint32_t mask = worker->table->session_mask;
	uint32_t cell = gap;

	for (;;) {
		cell = (cell + 1) & mask;
		const struct binding_session *session = &worker->sessions[cell];

		if (session->entry == BINDING_NONE)
			break;
		if (((cell - binding_hash(session->entry)) & mask) < ((cell - gap) & mask))
			continue; /* it stands between its home and the gap */
		worker->sessions[gap] = *session;
		gap = cell;
	}
	worker->sessions[gap].entry = BINDING_NONE;
}

uint32_t binding_first(const struct binding_worker *worker, uint32_t entry)
{
	const struct binding_session *session = &worker->sessions[cell_of(worker, entry)];

	return session->entry == entry ? session->first : BINDING_NONE;
}

void binding_link(struct binding_worker *worker, uint32_t place, uint32_t entry)
{
	struct binding_session *session = &worker->sessions[cell_of(worker, entry)];
	struct binding_place *at = &worker->table->places[place];

	at->previous = BINDING_NONE;
	at->next = session->entry == entry ? session->first : BINDING_NONE;
	if (at->next != BINDING_NONE)
		worker->table->places[at->next].previous = place;
	*session = (struct binding_session){entry, place};
	binding_put(worker->online, worker->online + 1);
}

static void unlink_from(struct binding_worker *worker, uint32_t place, uint32_t entry)
{
	struct binding_place *at = &worker->table->places[place];

	if (at->next != BINDING_NONE)
		worker->table->places[at->next].previous = at->previous;
	if (at->previous != BINDING_NONE) {
		worker->table->places[at->previous].next = at->next;
	} else {
		const uint32_t cell = cell_of(worker, entry);

		worker->sessions[cell].first = at->next;
		if (at->next == BINDING_NONE)
			close_gap(worker, cell);
	}
	at->next = at->previous = BINDING_NONE;
	binding_put(worker->online, worker->online - 1);
}

/* ---- a turn's changes ---- */

struct binding_mark binding_committed(const struct binding_table *table, uint32_t place)
{
	const struct binding_entry *entry = &table->entries[place];
	struct binding_mark mark = {.session = __atomic_load_n(&entry->session, __ATOMIC_ACQUIRE)};

	mark.login = binding_get(entry->login);
	mark.entry = mark.session ? binding_get(entry->entry) : 0;
	return mark;
}

static bool is_claimed(const struct binding_worker *worker, uint32_t place)
{
	return binding_get(worker->table->places[place].claim) == worker->number + 1;
}

struct binding_mark binding_mark(const struct binding_worker *worker, uint32_t place)
{
	if (is_claimed(worker, place))
		return worker->changes[worker->table->places[place].change].mark;
	return binding_committed(worker->table, place);
}

bool binding_may_mark(struct binding_worker *worker, uint32_t place)
{
	struct binding_place *at = &worker->table->places[place];
	const uint8_t mine = (uint8_t)(worker->number + 1);
	uint8_t none = 0;

	if (is_claimed(worker, place))
		return true;
	if (worker->change_count == BINDING_TURN_MAX ||
		!__atomic_compare_exchange_n(
			&at->claim, &none, mine, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return false;
	at->change = (uint16_t)worker->change_count++;
	worker->changes[at->change] = (struct binding_change){
		.place = place, .mark = binding_committed(worker->table, place)};
	return true;
}

void binding_set_mark(
	struct binding_worker *worker, uint32_t place, const struct binding_mark *mark)
{
	struct binding_mark *now = &worker->changes[worker->table->places[place].change].mark;

	if (now->session && (now->session != mark->session || now->entry != mark->entry))
		unlink_from(worker, place, now->entry);
	if (mark->session && (now->session != mark->session || now->entry != mark->entry))
		binding_link(worker, place, mark->entry);
	*now = *mark;
}

/* Off-line while the entry changes; a kill in between is repaired from the turn's records. */
static void store(struct binding_entry *entry, const struct binding_mark *mark)
{
	if (entry->session != mark->session && entry->session) {
		BINDING_STEP();
		__atomic_store_n(&entry->session, 0, __ATOMIC_RELEASE);
	}
	if (entry->login != mark->login) {
		BINDING_STEP();
		binding_put(entry->login, mark->login);
	}
	if (mark->session && entry->session != mark->session) {
		BINDING_STEP();
		binding_put(entry->entry, mark->entry);
		BINDING_STEP();
		__atomic_store_n(&entry->session, mark->session, __ATOMIC_RELEASE);
	}
}

void binding_commit(struct binding_worker *worker)
{
	for (uint32_t i = 0; i < worker->change_count; i++) {
		const struct binding_change *change = &worker->changes[i];

		store(&worker->table->entries[change->place], &change->mark);
	}
}

void binding_applied(struct binding_worker *worker)
{
	for (uint32_t i = 0; i < worker->change_count; i++)
		__atomic_store_n(&worker->table->places[worker->changes[i].place].claim, 0,
			__ATOMIC_RELEASE);
	worker->change_count = 0;
}

/* ---- on attach ---- */

void binding_restore(struct binding_table *table, uint32_t place, const struct binding_mark *mark)
{
	store(&table->entries[place], mark);
}

uint32_t binding_attach(struct binding_table *table,
	int (*owner)(void *context, uint32_t entry, uint64_t session), void *context)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < table->config.limit; i++) {
		struct binding_entry *entry = &table->entries[i];
		int worker = -1;

		if (!entry->session)
			continue;
		if (entry->entry < table->config.entries)
			worker = owner(context, entry->entry, entry->session);
		if (worker < 0) {
			store(entry, &(struct binding_mark){.login = entry->login});
			continue;
		}
		binding_link(table->workers[worker], i, entry->entry);
		kept++;
	}
	return kept;
}

/* ---- jobs ---- */

bool binding_ask(struct binding_worker *worker, const struct job *job)
{
	return job_post(&worker->asked, job);
}

bool binding_told(struct binding_worker *worker, struct job *job)
{
	return job_take(&worker->told, job);
}
