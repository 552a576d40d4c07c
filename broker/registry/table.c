/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* table.c - the devices as workers see them: a slab by number, an RCU hash table by id */

#include <urcu/urcu-qsbr.h>

#include "crypto/siphash.h"
#include "memory.h"
#include "registry/registry.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define SESSION_NONE UINT32_MAX /* as session.h: no entry */

/* Where the pointer to an id that does not fit lies: the next aligned place in it. */
#define LONG_ID_OFFSET 7
_Static_assert((offsetof(struct device, id) + LONG_ID_OFFSET) % sizeof(char *) == 0,
	"the pointer to a long id is aligned");
_Static_assert(LONG_ID_OFFSET + sizeof(char *) <= DEVICE_ID_INLINE, "it has room");

/**
 * struct registry
 * @devices: by number; a slot whose id_length is 0 is empty
 * @removed: numbers that are no longer found, to be wiped after a grace period
 * @long_bytes: of ids out of line
 */
struct registry {
	struct cds_lfht *table;
	struct device *devices;
	struct siphash_key key;
	uint32_t limit;
	uint32_t count;
	uint64_t buckets;
	uint64_t first_session;
	uint64_t grace_periods;
	size_t long_bytes;
	uint32_t *removed;
	uint32_t removed_count, removed_room;
};

/* Removed devices that are collected before they have to wait for their grace period. */
#define REMOVED_MAX 1024

static size_t devices_bytes(const struct registry *registry)
{
	return (size_t)registry->limit * sizeof(struct device);
}

const char *device_id(const struct device *device)
{
	const char *id;

	if (device->id_length <= DEVICE_ID_INLINE)
		return device->id;
	memcpy(&id, device->id + LONG_ID_OFFSET, sizeof(id));
	return id;
}

struct wanted {
	const void *id;
	uint32_t length;
};

static int match(struct cds_lfht_node *node, const void *key)
{
	const struct device *device = caa_container_of(node, struct device, node);
	const struct wanted *wanted = key;

	return device->id_length == wanted->length &&
	       memcmp(device_id(device), wanted->id, wanted->length) == 0;
}

uint64_t registry_hash(const struct registry *registry, const void *id, uint32_t length)
{
	return siphash(&registry->key, id, length);
}

struct device *registry_find_hashed(
	struct registry *registry, uint64_t hash, const void *id, uint32_t length)
{
	const struct wanted wanted = {id, length};
	struct cds_lfht_iter found;
	struct cds_lfht_node *node;

	cds_lfht_lookup(registry->table, hash, match, &wanted, &found);
	node = cds_lfht_iter_get_node(&found);
	return node ? caa_container_of(node, struct device, node) : NULL;
}

struct device *registry_find(struct registry *registry, const void *id, uint32_t length)
{
	if (length == 0 || length > DEVICE_ID_MAX)
		return NULL;
	return registry_find_hashed(registry, registry_hash(registry, id, length), id, length);
}

struct device *registry_at(struct registry *registry, uint32_t number)
{
	struct device *device;

	if (number >= registry->limit)
		return NULL;
	device = &registry->devices[number];
	if (__atomic_load_n(&device->id_length, __ATOMIC_ACQUIRE) == 0 ||
		cds_lfht_is_node_deleted(&device->node))
		return NULL;
	return device;
}

/*
 * Give a slot back that no reader points to any more. Its node stays as it is: it says "deleted"
 * to a reader that is just looking the number up, until the slot's next device is in the table.
 */
static void wipe(struct registry *registry, struct device *device)
{
	uint8_t *after_node = (uint8_t *)device + sizeof(device->node);

	/* Provisioned again, its sessions go on above those it had: no number stands for two. */
	if (registry->first_session < device->last_session)
		registry->first_session = device->last_session;
	if (device->id_length > DEVICE_ID_INLINE) {
		registry->long_bytes -= device->id_length;
		free((char *)(uintptr_t)device_id(device));
	}
	__atomic_store_n(&device->id_length, 0, __ATOMIC_RELAXED);
	explicit_bzero(after_node, sizeof(*device) - sizeof(device->node));
}

/* Fill a slot up to its id_length, which makes it visible by number. */
static int fill(
	struct registry *registry, struct device *device, const struct device_record *record)
{
	const size_t length = strnlen(record->id, DEVICE_ID_MAX);

	if (length > DEVICE_ID_INLINE) {
		char *id = malloc(length);

		if (!id)
			return -ENOMEM;
		memcpy(id, record->id, length);
		memcpy(device->id + LONG_ID_OFFSET, &id, sizeof(id));
		registry->long_bytes += length;
	} else {
		memcpy(device->id, record->id, length);
	}
	memcpy(device->pin, record->pin, DEVICE_PIN_BYTES);
	device->number = record->number;
	device->serial = record->serial;
	device->live = SESSION_NONE;
	device->login = SESSION_NONE;
	device->last_session = registry->first_session;
	__atomic_store_n(&device->id_length, (uint8_t)length, __ATOMIC_RELEASE);
	return 0;
}

static bool awaits_grace(const struct registry *registry, uint32_t number)
{
	for (uint32_t i = 0; i < registry->removed_count; i++)
		if (registry->removed[i] == number)
			return true;
	return false;
}

int registry_add(struct registry *registry, const struct device_record *record)
{
	const uint32_t length = (uint32_t)strnlen(record->id, DEVICE_ID_MAX);
	struct device *device;
	uint64_t hash;
	int rc;

	if (record->number >= registry->limit)
		return -ENOSPC;
	if (length == 0)
		return -EINVAL;
	if (awaits_grace(registry, record->number))
		registry_reclaim(registry); /* the number was given again at once */
	device = &registry->devices[record->number];
	hash = registry_hash(registry, record->id, length);
	if (device->id_length != 0 || registry_find_hashed(registry, hash, record->id, length))
		return -EEXIST;
	rc = fill(registry, device, record);
	if (rc < 0)
		return rc;
	cds_lfht_add(registry->table, hash, &device->node);
	__atomic_store_n(&registry->count, registry->count + 1, __ATOMIC_RELAXED);
	return 0;
}

int registry_remove(struct registry *registry, const char *id)
{
	struct device *device =
		registry_find(registry, id, (uint32_t)strnlen(id, DEVICE_ID_MAX + 1));

	if (!device)
		return -ENOENT;
	if (registry->removed_count == REMOVED_MAX)
		registry_reclaim(registry);
	if (cds_lfht_del(registry->table, &device->node) != 0)
		return -ENOENT;
	registry->removed[registry->removed_count++] = device->number;
	__atomic_store_n(&registry->count, registry->count - 1, __ATOMIC_RELAXED);
	return 0;
}

void registry_wait(struct registry *registry)
{
	urcu_qsbr_synchronize_rcu();
	__atomic_store_n(&registry->grace_periods, registry->grace_periods + 1, __ATOMIC_RELAXED);
}

uint64_t registry_grace_periods(const struct registry *registry)
{
	return __atomic_load_n(&registry->grace_periods, __ATOMIC_RELAXED);
}

void registry_reclaim(struct registry *registry)
{
	if (registry->removed_count == 0)
		return;
	registry_wait(registry);
	for (uint32_t i = 0; i < registry->removed_count; i++)
		wipe(registry, &registry->devices[registry->removed[i]]);
	registry->removed_count = 0;
}

uint32_t registry_count(const struct registry *registry)
{
	return __atomic_load_n(&registry->count, __ATOMIC_RELAXED);
}

size_t registry_bytes(const struct registry *registry)
{
	return sizeof(*registry) + devices_bytes(registry) + registry->long_bytes +
	       registry->buckets * sizeof(struct cds_lfht_node) + REMOVED_MAX * sizeof(uint32_t);
}

static struct registry *registry_new(uint32_t devices, bool huge, uint64_t first_session)
{
	struct registry *registry = calloc(1, sizeof(*registry));
	int rc;

	if (!registry)
		return NULL;
	registry->limit = devices ? devices : 1;
	registry->first_session = first_session;
	registry->buckets = 1;
	while (registry->buckets < registry->limit)
		registry->buckets *= 2;
	if (getrandom(&registry->key, sizeof(registry->key), 0) != sizeof(registry->key))
		goto fail;
	registry->removed = calloc(REMOVED_MAX, sizeof(uint32_t));
	registry->devices = memory_map(devices_bytes(registry), huge);
	if (!registry->removed || !registry->devices)
		goto fail;
	/* its final size at once: resizing would need a thread of its own (DESIGN, liburcu) */
	registry->table = cds_lfht_new_flavor(registry->buckets, registry->buckets,
		registry->buckets, 0, &urcu_qsbr_flavor, NULL);
	if (registry->table)
		return registry;
	errno = ENOMEM;
fail:
	rc = errno;
	registry_free(registry);
	errno = rc;
	return NULL;
}

struct loading {
	struct registry *registry;
	const char *wrong;
	uint32_t number;
	int rc;
};

static bool load_one(void *context, const struct device_record *record)
{
	struct loading *loading = context;

	loading->number = record->number;
	loading->rc = registry_add(loading->registry, record);
	if (loading->rc == -ENOSPC)
		loading->wrong = "is beyond limits.devices: raise it above this number";
	else if (loading->rc == -EEXIST)
		loading->wrong = "stands for two devices: the registry is damaged, restore it "
				 "from a backup";
	else if (loading->rc < 0)
		loading->wrong = "found no memory: lower limits.devices";
	return loading->rc == 0;
}

struct registry *registry_load(struct store *store, uint32_t devices, bool huge,
	uint64_t first_session, char *error, size_t size)
{
	struct registry *registry = registry_new(devices, huge, first_session);
	struct loading loading = {.registry = registry};
	int64_t loaded;

	if (!registry) {
		const int saved = errno;

		snprintf(error, size, "no memory for %u devices: lower limits.devices (%s)",
			devices, strerror(saved));
		errno = saved;
		return NULL;
	}
	loaded = store_each(store, NULL, load_one, &loading);
	if (loaded >= 0 && !loading.wrong)
		return registry;
	const int saved = loaded < 0 ? (int)-loaded : -loading.rc;
	if (loading.wrong)
		snprintf(error, size, "registry: device number %u %s", loading.number,
			loading.wrong);
	else
		snprintf(error, size,
			"registry: a record after device number %u cannot be read (%s): restore "
			"it from a backup",
			loading.number, strerror(saved));
	registry_free(registry);
	errno = saved;
	return NULL;
}

void registry_free(struct registry *registry)
{
	if (!registry)
		return;
	if (registry->devices) {
		registry_reclaim(registry);
		for (uint32_t i = 0; i < registry->limit; i++) {
			struct device *device = &registry->devices[i];

			if (device->id_length == 0)
				continue;
			cds_lfht_del(registry->table, &device->node);
			wipe(registry, device);
		}
	}
	if (registry->table)
		cds_lfht_destroy(registry->table, NULL);
	memory_unmap(registry->devices, devices_bytes(registry));
	free(registry->removed);
	free(registry);
}
