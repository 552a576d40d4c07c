/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* registry.h - provisioned devices: LMDB on disk, an RCU table in memory for the workers */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DEVICE_ID_MAX 64
#define DEVICE_PIN_BYTES 32
#define DEVICE_BIND_BYTES 8
#define DEVICE_MODEL_MAX 64
#define DEVICE_ID_INLINE 34
#define DEVICE_NONE UINT32_MAX

/*
 * The store (store.c): who may write. One process at a time opens it for writing (flock on
 * PATH/lock): the broker's control thread, or hearthctl --registry while no broker runs.
 */

/** struct device_record - a device as it is provisioned */
struct device_record {
	char id[DEVICE_ID_MAX + 1];
	char pin[DEVICE_PIN_BYTES];
	char bind_password[DEVICE_BIND_BYTES + 1]; /* "" if none */
	char model[DEVICE_MODEL_MAX + 1];          /* "" if none */
	char gateway[DEVICE_ID_MAX + 1];           /* "" if none */
	uint32_t number; /* dense, given by the store; reused after removal */
	uint32_t serial; /* given by the store; never reused */
};

struct store;

/**
 * store_open() - open or make the registry at directory @path for writing
 * @error: receives one line for people, with the remedy, when it fails
 * @limit: devices it may hold, 0 for no limit but the store's own
 *
 * After an -EIO nothing more is written until the registry is opened again.
 * Return: NULL with errno set: EBUSY (another process has it), EPROTO (not a registry, or one of
 * another version), or what the system said.
 */
struct store *store_open(const char *path, uint32_t limit, char *error, size_t size);

/** store_close() - NULL is allowed. */
void store_close(struct store *store);

/**
 * store_add() - provision devices: all of them or none; durable when it returns
 * @records: number and serial are filled in
 * @failed: receives the index of the record that could not be added
 * Return: 0, -EEXIST (that id is there already, or twice in @records), -EINVAL (see
 * device_record_check()), -ENOSPC (limit, or disk full), -EIO.
 */
int store_add(struct store *store, struct device_record *records, size_t count, size_t *failed);

/**
 * struct store_source - where devices come from that are added one after the other
 * @next: names the next record, which stays until the next call; number and serial are filled in.
 *	Return: 1, 0 at the end, -errno to undo all
 * @numbered: its number and serial are known, it is not durable yet; may be NULL.
 *	Return: 0, -errno to undo all
 */
struct store_source {
	int (*next)(void *context, struct device_record **record);
	int (*numbered)(void *context, const struct device_record *record);
	void *context;
};

/**
 * store_add_each() - store_add() of any number of devices, none of which is kept in memory
 *
 * What has not been written to the disk yet takes half a gigabyte at most (LMDB's dirty pages).
 * Neither function may use the store.
 * Return: how many were added, or as store_add(), or what @source returned.
 */
int64_t store_add_each(struct store *store, const struct store_source *source);

/** store_remove() - the device and all bindings that name it; durable when it returns.
 * Return: 0, -ENOENT, -EIO. */
int store_remove(struct store *store, const char *id, struct device_record *removed);

/** struct store_binding - a sub-device and its gateway: numbers and serials; @gateway DEVICE_NONE:
 * none */
struct store_binding {
	uint32_t device, serial;
	uint32_t gateway, gateway_serial;
};

/**
 * store_bind() - bind, move and unbind sub-devices: all of them or none; durable when it returns
 *
 * A later change of the same sub-device wins. Return: 0, -ENOSPC, -EIO.
 */
int store_bind(struct store *store, const struct store_binding *changes, size_t count);

/** store_each_binding() - all bindings; @visit returns false to stop, it must not change the store.
 * Return: bindings visited, or -errno (-EIO: one is damaged). */
int64_t store_each_binding(struct store *store,
	bool (*visit)(void *context, const struct store_binding *binding), void *context);

/** store_get() - Return: 0, -ENOENT, -EIO. */
int store_get(struct store *store, const char *id, struct device_record *record);

/**
 * store_each() - devices in the order of their ids, beginning after @after (NULL: from the start)
 * @visit: returns false to stop
 *
 * @visit must not change the store.
 * Return: devices visited, or -errno (-EIO: a record is damaged). Gives the map's pages back when
 * done (MADV_DONTNEED).
 */
int64_t store_each(struct store *store, const char *after,
	bool (*visit)(void *context, const struct device_record *record), void *context);

/** store_count() - devices in the store. */
uint64_t store_count(struct store *store);

/** store_epoch_next() - one more than ever before; durable when it returns. <0: -errno. */
int64_t store_epoch_next(struct store *store);

/** store_value_get(), store_value_put() - small durable numbers by name ("feed_limit"); 0: new. */
int store_value_get(struct store *store, const char *name, uint64_t *value);
int store_value_put(struct store *store, const char *name, uint64_t value);

/**
 * device_record_check() - are id, PIN, bind password, model and gateway well-formed?
 * Id: 1..64 bytes of printable ASCII without '"' and '\'; PIN: 32 bytes of printable ASCII; bind
 * password: empty or 8 bytes of printable ASCII; model: printable UTF-8 up to 64 bytes; gateway:
 * empty or another device's id.
 * Return: NULL, or what is wrong in one line (it never quotes a PIN).
 */
const char *device_record_check(const struct device_record *record);

/*
 * The table (table.c): what workers read, lock-free under RCU QSBR. Written by the control thread.
 */

/**
 * struct device - a device as workers see it; lies at index "number" of the device slab
 *
 * One cache line, with all that a frame on a live session asks for; the PIN, which only logins do,
 * lies apart: registry_pin().
 *
 * @live, @login: indexes of its session entries (SESSION_NONE): written by the worker that owns
 *	the sessions, with relaxed atomics
 * @last_session: number of its newest session; it never goes back while the broker runs, also when
 *	the device is removed and provisioned again
 * @next: number + 1 of the next device in its bucket, 0 at the end; the control thread's
 * @known: it is found by its number; id_length alone says that it is not wiped yet
 */
struct device {
	uint32_t live;
	uint32_t login;
	uint64_t last_session;
	uint32_t number;
	uint32_t serial;
	uint32_t next;
	bool known;
	uint8_t id_length;
	char id[DEVICE_ID_INLINE]; /* not NUL-terminated; a longer id's pointer lies at id + 2 */
};
_Static_assert(sizeof(struct device) == 64, "a device: one cache line");

struct registry;

/**
 * registry_load() - build the table from the store
 * @devices: most devices it can hold (limits.devices)
 * @huge: memory from huge pages where there are any
 * @first_session: last_session of every device
 *
 * The calling thread must be registered with urcu-qsbr. 1 M devices take a few seconds at most.
 * Return: NULL with errno set and one line in @error.
 */
struct registry *registry_load(struct store *store, uint32_t devices, bool huge,
	uint64_t first_session, char *error, size_t size);

/** registry_free() - after all readers are gone. */
void registry_free(struct registry *registry);

/** registry_find() - by id; read side. Return: NULL if unknown. No pointer outlives the caller's
 * next quiescent state. */
struct device *registry_find(struct registry *registry, const void *id, uint32_t length);

/** registry_hash(), registry_find_hashed() - the same in two steps, to prefetch in between. */
uint64_t registry_hash(const struct registry *registry, const void *id, uint32_t length);
struct device *registry_find_hashed(
	struct registry *registry, uint64_t hash, const void *id, uint32_t length);

/**
 * registry_prefetch(), registry_prefetch_device() - bring near what registry_find_hashed() looks at
 *
 * The first asks for the bucket, the second, some work later, for the first device in it and its
 * PIN.
 */
void registry_prefetch(const struct registry *registry, uint64_t hash);
void registry_prefetch_device(const struct registry *registry, uint64_t hash);

/** registry_prefetch_at() - bring a device near that registry_at() is to find; any number. */
void registry_prefetch_at(const struct registry *registry, uint32_t number);

/** registry_at() - by number; read side. NULL if no device has that number (now). */
struct device *registry_at(struct registry *registry, uint32_t number);

/** registry_pin() - the DEVICE_PIN_BYTES of a device that was found. */
const uint8_t *registry_pin(const struct registry *registry, const struct device *device);

/** device_id() - its id and length. */
const char *device_id(const struct device *device);

/**
 * registry_add() - make a stored device known to the workers. Control thread only.
 * Return: 0, -EEXIST, -ENOSPC.
 */
int registry_add(struct registry *registry, const struct device_record *record);

/**
 * registry_stage() - put a device where it belongs, found by nobody yet. Control thread only.
 *
 * For devices that are being stored: a table that cannot hold them says so before they are durable.
 * Its id must be known neither here nor in the store. registry_publish() or registry_unstage() has
 * to follow before anything else is added.
 * Return: 0, -ENOSPC, -EEXIST (its number is taken), -ENOMEM.
 */
int registry_stage(struct registry *registry, const struct device_record *record);

/** registry_publish() - all that were staged are found from now on. */
void registry_publish(struct registry *registry);

/** registry_unstage() - none of those that were staged is there any more. */
void registry_unstage(struct registry *registry);

/**
 * registry_remove() - workers no longer find it. Control thread only.
 * Its slot is wiped and given back after a grace period, by registry_reclaim() at the latest.
 * Return: 0, -ENOENT.
 */
int registry_remove(struct registry *registry, const char *id);

/** registry_wait() - wait for a grace period: no reader holds what it found before. Control
 * thread. */
void registry_wait(struct registry *registry);

/** registry_grace_periods() - how often that was done: each is one wake-up in a worker's turn. */
uint64_t registry_grace_periods(const struct registry *registry);

/** registry_reclaim() - wait for a grace period and free what was removed. Control thread. */
void registry_reclaim(struct registry *registry);

/** registry_count() - devices in the table; registry_bytes() - memory it takes. */
uint32_t registry_count(const struct registry *registry);
size_t registry_bytes(const struct registry *registry);
