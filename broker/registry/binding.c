/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* binding.c - the table of bindings: loaded, looked up, added to and dropped from */

#include "memory.h"
#include "registry/binding_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* ---- look-ups ---- */

uint32_t binding_find(const struct binding_table *table, uint32_t device, uint32_t serial)
{
	const uint32_t *bucket = &table->buckets[binding_hash(device) & table->mask];
	uint32_t place = __atomic_load_n(bucket, __ATOMIC_ACQUIRE);

	while (place != BINDING_NONE) {
		const struct binding_entry *entry = &table->entries[place];

		if (binding_get(entry->device) == device && binding_get(entry->serial) == serial)
			return place;
		place = __atomic_load_n(&table->places[place].chain, __ATOMIC_ACQUIRE);
	}
	return BINDING_NONE;
}

bool binding_is(const struct binding_table *table, uint32_t place, uint32_t gateway,
	uint32_t gateway_serial)
{
	return __atomic_load_n(&table->places[place].gateway, __ATOMIC_ACQUIRE) ==
	       binding_pair(gateway, gateway_serial);
}

uint32_t binding_gateway(const struct binding_table *table, uint32_t device, uint32_t serial)
{
	const uint32_t place = binding_find(table, device, serial);
	uint64_t gateway = 0;

	if (place != BINDING_NONE)
		gateway = __atomic_load_n(&table->places[place].gateway, __ATOMIC_ACQUIRE);
	return gateway ? (uint32_t)gateway : DEVICE_NONE;
}

bool binding_is_online(const struct binding_table *table, uint32_t device, uint32_t serial)
{
	const uint32_t place = binding_find(table, device, serial);

	return place != BINDING_NONE && binding_get(table->entries[place].session);
}

uint32_t binding_device(const struct binding_table *table, uint32_t place, uint32_t *serial)
{
	*serial = binding_get(table->entries[place].serial);
	return binding_get(table->entries[place].device);
}

uint32_t binding_each(const struct binding_table *table, uint32_t gateway,
	bool (*visit)(void *context, uint32_t device, uint32_t serial, bool online), void *context)
{
	uint32_t found = 0;

	for (uint32_t i = 0; i < table->config.limit; i++) {
		const uint64_t bound = binding_get(table->places[i].gateway);
		const struct binding_entry *entry = &table->entries[i];

		if (!bound || (gateway != DEVICE_NONE && (uint32_t)bound != gateway))
			continue;
		found++;
		if (visit && !visit(context, binding_get(entry->device), binding_get(entry->serial),
				     binding_get(entry->session) != 0))
			visit = NULL;
	}
	return found;
}

uint32_t binding_count(const struct binding_table *table)
{
	return binding_get(table->count);
}

uint32_t binding_online(const struct binding_table *table)
{
	uint32_t online = 0;

	for (unsigned i = 0; i < table->config.workers; i++)
		online += binding_get(table->workers[i]->online);
	return online;
}

uint32_t binding_limit(const struct binding_table *table)
{
	return table->config.limit;
}

bool binding_attached(const struct binding_table *table)
{
	return table->attached;
}

struct binding_worker *binding_worker(struct binding_table *table, unsigned worker)
{
	return table->workers[worker];
}

/* ---- places; the control thread ---- */

uint32_t binding_add(struct binding_table *table, uint32_t device, uint32_t serial)
{
	uint32_t *bucket = &table->buckets[binding_hash(device) & table->mask];
	const uint32_t place = table->free;
	struct binding_entry *entry;

	if (place == BINDING_NONE)
		return place;
	table->free = table->places[place].chain;
	entry = &table->entries[place];
	BINDING_STEP();
	binding_put(entry->device, device);
	BINDING_STEP();
	__atomic_store_n(&entry->serial, serial, __ATOMIC_RELEASE);
	binding_put(table->places[place].chain, *bucket);
	__atomic_store_n(bucket, place, __ATOMIC_RELEASE);
	return place;
}

void binding_drop(struct binding_table *table, uint32_t place)
{
	struct binding_entry *entry = &table->entries[place];
	uint32_t *link = &table->buckets[binding_hash(entry->device) & table->mask];

	while (*link != place)
		link = &table->places[*link].chain;
	/* who stands at it goes on by its chain, which stays as it is until a grace period */
	__atomic_store_n(link, table->places[place].chain, __ATOMIC_RELEASE);
	/* nobody's on disk from here on: the device may be bound anew, at another place, before the
	 * grace period, and a successor must find that one alone */
	BINDING_STEP();
	__atomic_store_n(&entry->serial, 0, __ATOMIC_RELEASE);
	binding_put(table->places[place].gateway, 0);
	table->places[place].withdrawn = false;
	/* its own list of dropped places: previous is nobody's, as it is on-line nowhere */
	table->places[place].previous = table->limbo;
	table->limbo = place;
}

static void wipe(struct binding_entry *entry)
{
	BINDING_STEP();
	__atomic_store_n(&entry->session, 0, __ATOMIC_RELEASE);
	BINDING_STEP();
	__atomic_store_n(&entry->serial, 0, __ATOMIC_RELEASE);
	binding_put(entry->device, 0);
	binding_put(entry->login, 0);
	binding_put(entry->entry, 0);
}

void binding_grace(struct binding_table *table)
{
	uint32_t place = table->limbo, next;

	registry_wait(table->config.registry);
	for (; place != BINDING_NONE; place = next) {
		struct binding_place *at = &table->places[place];

		next = at->previous;
		wipe(&table->entries[place]);
		*at = (struct binding_place){
			.chain = table->free, .next = BINDING_NONE, .previous = BINDING_NONE};
		table->free = place;
	}
	table->limbo = BINDING_NONE;
}

/* ---- open and close ---- */

static uint32_t power_of_two(uint32_t least)
{
	uint32_t power = 16;

	while (power < least)
		power *= 2;
	return power;
}

static size_t session_bytes(const struct binding_table *table)
{
	return ((size_t)table->session_mask + 1) * sizeof(struct binding_session);
}

static size_t place_bytes(const struct binding_table *table)
{
	return (size_t)table->config.limit * sizeof(struct binding_place);
}

static size_t bucket_bytes(const struct binding_table *table)
{
	return ((size_t)table->mask + 1) * sizeof(uint32_t);
}

size_t binding_bytes(const struct binding_table *table)
{
	return table->file_bytes + place_bytes(table) + bucket_bytes(table) + sizeof(*table) +
	       BINDING_JOBS_MAX * sizeof(struct binding_job) +
	       table->config.workers * (sizeof(struct binding_worker) + session_bytes(table));
}

static struct binding_worker *worker_new(struct binding_table *table, unsigned number)
{
	struct binding_worker *worker = memory_map(sizeof(*worker), false);

	if (!worker)
		return NULL;
	worker->table = table;
	worker->number = number;
	worker->sessions = memory_map(session_bytes(table), false);
	if (!worker->sessions) {
		memory_unmap(worker, sizeof(*worker));
		return NULL;
	}
	memset(worker->sessions, 0xff, session_bytes(table)); /* BINDING_NONE everywhere */
	return worker;
}

static int tables_new(struct binding_table *table)
{
	const struct binding_config *config = &table->config;

	table->mask = power_of_two(config->limit) - 1;
	table->session_mask = 2 * power_of_two(config->limit) - 1;
	table->places = memory_map(place_bytes(table), false);
	table->buckets = memory_map(bucket_bytes(table), false);
	table->jobs = calloc(BINDING_JOBS_MAX, sizeof(*table->jobs));
	table->workers = calloc(config->workers, sizeof(struct binding_worker *));
	if (!table->places || !table->buckets || !table->jobs || !table->workers)
		return -ENOMEM;
	memset(table->buckets, 0xff, bucket_bytes(table));
	for (unsigned i = 0; i < config->workers; i++) {
		table->workers[i] = worker_new(table, i);
		if (!table->workers[i])
			return -ENOMEM;
	}
	return 0;
}

/* Places that a predecessor used: found by their device, bound to nothing yet. */
static void places_found(struct binding_table *table)
{
	table->free = table->limbo = BINDING_NONE;
	for (uint32_t i = table->config.limit; i-- > 0;) {
		struct binding_entry *entry = &table->entries[i];
		struct binding_place *place = &table->places[i];
		uint32_t *bucket = &table->buckets[binding_hash(entry->device) & table->mask];

		place->next = place->previous = BINDING_NONE;
		if (!entry->serial ||
			binding_find(table, entry->device, entry->serial) != BINDING_NONE) {
			wipe(entry);
			place->chain = table->free;
			table->free = i;
		} else {
			place->chain = *bucket;
			*bucket = i;
		}
	}
}

static bool still_there(struct binding_table *table, uint32_t number, uint32_t serial)
{
	const struct device *device = registry_at(table->config.registry, number);

	return device && device->serial == serial;
}

struct loading {
	struct binding_table *table;
	bool place_wanted, full;
};

/* First those that have a place, so that the others find all that is free. */
static bool load_one(void *context, const struct store_binding *binding)
{
	struct loading *loading = context;
	struct binding_table *table = loading->table;
	uint32_t place = binding_find(table, binding->device, binding->serial);

	if (!still_there(table, binding->device, binding->serial) ||
		!still_there(table, binding->gateway, binding->gateway_serial))
		return true; /* removed by a version that did not know of bindings */
	if ((place == BINDING_NONE) != loading->place_wanted)
		return true;
	if (place == BINDING_NONE)
		place = binding_add(table, binding->device, binding->serial);
	if (place == BINDING_NONE) {
		loading->full = true;
		return false;
	}
	table->places[place].gateway = binding_pair(binding->gateway, binding->gateway_serial);
	table->count++;
	return true;
}

/* Nobody reads yet: what is bound to nothing is given back at once. */
static void forget_unbound(struct binding_table *table)
{
	for (uint32_t i = 0; i < table->config.limit; i++) {
		if (table->entries[i].serial && !table->places[i].gateway)
			binding_drop(table, i);
	}
	binding_grace(table);
}

static int load(struct binding_table *table, char *error, size_t size)
{
	struct loading loading = {.table = table};
	int64_t rc;

	places_found(table);
	rc = store_each_binding(table->config.store, load_one, &loading);
	forget_unbound(table);
	loading.place_wanted = true;
	if (rc >= 0)
		rc = store_each_binding(table->config.store, load_one, &loading);
	if (rc < 0)
		snprintf(error, size,
			"registry: a binding cannot be read (%s): restore it from a backup",
			strerror((int)-rc));
	else if (loading.full)
		snprintf(error, size,
			"registry: more than %u sub-devices are bound: raise limits.subdevices",
			table->config.limit);
	return rc < 0 ? (int)rc : loading.full ? -ENOSPC : 0;
}

int binding_open(
	struct binding_table **out, const struct binding_config *config, char *error, size_t size)
{
	struct binding_table *table = calloc(1, sizeof(*table));
	int rc = table ? 0 : -ENOMEM;

	*out = NULL;
	if (rc == 0) {
		table->config = *config;
		rc = tables_new(table);
	}
	if (rc < 0)
		snprintf(error, size, "no memory for %u sub-devices: lower limits.subdevices",
			config->limit);
	if (rc == 0)
		rc = binding_file_open(table, error, size);
	if (rc == 0)
		rc = load(table, error, size);
	if (rc < 0) {
		binding_close(table);
		return rc;
	}
	*out = table;
	return 0;
}

void binding_close(struct binding_table *table)
{
	if (!table)
		return;
	for (unsigned i = 0; table->workers && i < table->config.workers; i++) {
		if (!table->workers[i])
			continue;
		memory_unmap(table->workers[i]->sessions, session_bytes(table));
		memory_unmap(table->workers[i], sizeof(struct binding_worker));
	}
	free(table->workers);
	free(table->jobs);
	memory_unmap(table->places, place_bytes(table));
	memory_unmap(table->buckets, bucket_bytes(table));
	if (table->header)
		munmap(table->header, table->file_bytes);
	free(table);
}
