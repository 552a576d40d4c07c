/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* table.c - the devices as workers see them: a slab by number, an RCU hash table by id */

#include <urcu/urcu-qsbr.h>

#include "crypto/siphash.h"
#include "memory.h"
#include "prefetch.h"
#include "registry/registry.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define SESSION_NONE UINT32_MAX /* as session.h: no entry */

/* Where the pointer to an id that does not fit lies: the next aligned place in it. */
#define LONG_ID_OFFSET 2
_Static_assert((offsetof(struct device, id) + LONG_ID_OFFSET) % sizeof(char *) == 0,
	"the pointer to a long id is aligned");
_Static_assert(LONG_ID_OFFSET + sizeof(char *) <= DEVICE_ID_INLINE, "it has room");

/**
 * struct registry
 * @buckets: by hash: number + 1 of the first device, 0: none; a power of two of them
 * @devices: by number; a slot whose id_length is 0 is empty
 * @pins: by number
 * @staged: number + 1 of the device that was staged last, 0: none; each names the one before it
 *	by @next
 * @removed: numbers that are no longer found, to be wiped after a grace period
 * @long_bytes: of ids out of line
 *
 * A chain is changed by the control thread alone. A reader that stands at a device that was taken
 * out goes on by its link, which stays as it is until the reader's quiescent state.
 */
struct registry {
	uint32_t *buckets;
	uint64_t mask; /* buckets - 1 */
	struct device *devices;
	uint8_t (*pins)[DEVICE_PIN_BYTES];
	struct siphash_key key;
	uint32_t limit;
	uint32_t count;
	uint32_t staged;
	uint64_t first_session;
	uint64_t grace_periods;
	size_t long_bytes;
	uint32_t *removed;
	uint32_t removed_count;
};

/* Removed devices that are collected before they have to wait for their grace period. */
#define REMOVED_MAX 1024

static size_t devices_bytes(const struct registry *registry)
{
	return (size_t)registry->limit * sizeof(struct device);
}

static size_t pins_bytes(const struct registry *registry)
{
	return (size_t)registry->limit * DEVICE_PIN_BYTES;
}

static size_t buckets_bytes(const struct registry *registry)
{
	return (registry->mask + 1) * sizeof(uint32_t);
}

const char *device_id(const struct device *device)
{
	const char *id;

	if (device->id_length <= DEVICE_ID_INLINE)
		return device->id;
	memcpy(&id, device->id + LONG_ID_OFFSET, sizeof(id));
	return id;
}

const uint8_t *registry_pin(const struct registry *registry, const struct device *device)
{
	return registry->pins[device->number];
}

uint64_t registry_hash(const struct registry *registry, const void *id, uint32_t length)
{
	return siphash(&registry->key, id, length);
}

static uint32_t *bucket_of(const struct registry *registry, uint64_t hash)
{
	return &registry->buckets[hash & registry->mask];
}

struct device *registry_find_hashed(
	struct registry *registry, uint64_t hash, const void *id, uint32_t length)
{
	uint32_t at = __atomic_load_n(bucket_of(registry, hash), __ATOMIC_ACQUIRE);

	while (at) {
		struct device *device = &registry->devices[at - 1];

		if (device->id_length == length && memcmp(device_id(device), id, length) == 0)
			return device;
		at = __atomic_load_n(&device->next, __ATOMIC_ACQUIRE);
	}
	return NULL;
}

void registry_prefetch(const struct registry *registry, uint64_t hash)
{
	prefetch_to_read(bucket_of(registry, hash));
}

void registry_prefetch_device(const struct registry *registry, uint64_t hash)
{
	const uint32_t at = __atomic_load_n(bucket_of(registry, hash), __ATOMIC_ACQUIRE);

	if (!at)
		return;
	prefetch_to_read(&registry->devices[at - 1]);
	prefetch_to_read(&registry->pins[at - 1]);
}

void registry_prefetch_at(const struct registry *registry, uint32_t number)
{
	if (number < registry->limit)
		prefetch_to_read(&registry->devices[number]);
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
	return __atomic_load_n(&device->known, __ATOMIC_ACQUIRE) ? device : NULL;
}

/* Give a slot back that no reader points to any more. */
static void wipe(struct registry *registry, struct device *device)
{
	/* Provisioned again, its sessions go on above those it had: no number stands for two. */
	if (registry->first_session < device->last_session)
		registry->first_session = device->last_session;
	if (device->id_length > DEVICE_ID_INLINE) {
		registry->long_bytes -= device->id_length;
		free((char *)(uintptr_t)device_id(device));
	}
	explicit_bzero(registry->pins[device->number], DEVICE_PIN_BYTES);
	/* all but @known: a reader may just be looking at it */
	memset(device, 0, offsetof(struct device, known));
	device->id_length = 0;
	memset(device->id, 0, sizeof(device->id));
}

/* Fill a slot that nobody finds yet. */
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
	memcpy(registry->pins[record->number], record->pin, DEVICE_PIN_BYTES);
	device->number = record->number;
	device->serial = record->serial;
	device->live = SESSION_NONE;
	device->login = SESSION_NONE;
	device->last_session = registry->first_session;
	device->id_length = (uint8_t)length;
	return 0;
}

static bool awaits_grace(const struct registry *registry, uint32_t number)
{
	for (uint32_t i = 0; i < registry->removed_count; i++)
		if (registry->removed[i] == number)
			return true;
	return false;
}

/* The slot of its number, filled. Return: 0, -EEXIST (its number is taken), -ENOMEM. */
static int place(struct registry *registry, const struct device_record *record)
{
	struct device *device = &registry->devices[record->number];

	return device->id_length != 0 ? -EEXIST : fill(registry, device, record);
}

/* From now on readers find it. @hash: of its id, which no other device has. */
static void show(struct registry *registry, struct device *device, uint64_t hash)
{
	uint32_t *bucket = bucket_of(registry, hash);

	device->next = *bucket;
	__atomic_store_n(bucket, device->number + 1, __ATOMIC_RELEASE);
	__atomic_store_n(&device->known, true, __ATOMIC_RELEASE);
	__atomic_store_n(&registry->count, registry->count + 1, __ATOMIC_RELAXED);
}

/* @hash: of its id, which no device has. Return: 0, -EEXIST (its number is taken), -ENOMEM. */
static int insert(struct registry *registry, const struct device_record *record, uint64_t hash)
{
	const int rc = place(registry, record);

	if (rc == 0)
		show(registry, &registry->devices[record->number], hash);
	return rc;
}

/* Is there room for it? A number that was given again at once is waited for. */
static int make_room(struct registry *registry, const struct device_record *record)
{
	if (record->number >= registry->limit)
		return -ENOSPC;
	if (record->id[0] == '\0')
		return -EINVAL;
	if (awaits_grace(registry, record->number))
		registry_reclaim(registry);
	return 0;
}

int registry_add(struct registry *registry, const struct device_record *record)
{
	const uint32_t length = (uint32_t)strnlen(record->id, DEVICE_ID_MAX);
	const int rc = make_room(registry, record);
	uint64_t hash;

	if (rc < 0)
		return rc;
	hash = registry_hash(registry, record->id, length);
	if (registry_find_hashed(registry, hash, record->id, length))
		return -EEXIST;
	return insert(registry, record, hash);
}

int registry_stage(struct registry *registry, const struct device_record *record)
{
	int rc = make_room(registry, record);

	if (rc == 0)
		rc = place(registry, record);
	if (rc < 0)
		return rc;
	registry->devices[record->number].next = registry->staged;
	registry->staged = record->number + 1;
	return 0;
}

/* Take the device that was staged last. Return: NULL if there is none. */
static struct device *unstage_last(struct registry *registry)
{
	struct device *device = registry->staged ? &registry->devices[registry->staged - 1] : NULL;

	if (device)
		registry->staged = device->next;
	return device;
}

void registry_publish(struct registry *registry)
{
	struct device *device;

	while ((device = unstage_last(registry)))
		show(registry, device,
			registry_hash(registry, device_id(device), device->id_length));
}

void registry_unstage(struct registry *registry)
{
	struct device *device;

	while ((device = unstage_last(registry)))
		wipe(registry, device);
}

int registry_remove(struct registry *registry, const char *id)
{
	const uint32_t length = (uint32_t)strnlen(id, DEVICE_ID_MAX + 1);
	struct device *device = registry_find(registry, id, length);
	uint32_t *link;

	if (!device)
		return -ENOENT;
	if (registry->removed_count == REMOVED_MAX)
		registry_reclaim(registry);
	link = bucket_of(registry, registry_hash(registry, id, length));
	while (*link != device->number + 1)
		link = &registry->devices[*link - 1].next;
	__atomic_store_n(&device->known, false, __ATOMIC_RELAXED);
	/* the link of what is taken out stays: a reader may stand there */
	__atomic_store_n(link, device->next, __ATOMIC_RELEASE);
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
	return sizeof(*registry) + devices_bytes(registry) + pins_bytes(registry) +
	       registry->long_bytes + buckets_bytes(registry) + REMOVED_MAX * sizeof(uint32_t);
}

static struct registry *registry_new(uint32_t devices, bool huge, uint64_t first_session)
{
	struct registry *registry = calloc(1, sizeof(*registry));
	uint64_t buckets = 1;
	int rc;

	if (!registry)
		return NULL;
	registry->limit = devices ? devices : 1;
	registry->first_session = first_session;
	while (buckets < registry->limit)
		buckets *= 2;
	registry->mask = buckets - 1;
	if (getrandom(&registry->key, sizeof(registry->key), 0) != sizeof(registry->key))
		goto fail;
	registry->removed = calloc(REMOVED_MAX, sizeof(uint32_t));
	registry->buckets = memory_map(buckets_bytes(registry), huge);
	registry->devices = memory_map(devices_bytes(registry), huge);
	registry->pins = memory_map(pins_bytes(registry), huge);
	if (registry->removed && registry->buckets && registry->devices && registry->pins)
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

/* The store keeps ids apart: none has to be looked for. */
static int load_record(struct registry *registry, const struct device_record *record)
{
	const uint32_t length = (uint32_t)strnlen(record->id, DEVICE_ID_MAX);

	if (record->number >= registry->limit)
		return -ENOSPC;
	return insert(registry, record, registry_hash(registry, record->id, length));
}

static bool load_one(void *context, const struct device_record *record)
{
	struct loading *loading = context;

	loading->number = record->number;
	loading->rc = load_record(loading->registry, record);
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
	for (uint32_t i = 0; registry->long_bytes && i < registry->limit; i++) {
		struct device *device = &registry->devices[i];

		if (device->id_length > DEVICE_ID_INLINE)
			wipe(registry, device);
	}
	memory_unmap(registry->buckets, buckets_bytes(registry));
	memory_unmap(registry->devices, devices_bytes(registry));
	memory_unmap(registry->pins, pins_bytes(registry));
	free(registry->removed);
	free(registry);
}
