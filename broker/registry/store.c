/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* store.c - the provisioned devices on disk: LMDB, every change a durable transaction */

#include "registry/record.h"
#include "registry/store_private.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const char next_number[] = "next_number";
static const char next_serial[] = "next_serial";
static const char epoch_name[] = "epoch";

static MDB_val text_value(const char *text)
{
	return (MDB_val){.mv_size = strlen(text), .mv_data = (void *)(uintptr_t)text};
}

static int value_get(struct store *store, MDB_txn *txn, const char *name, uint64_t *value)
{
	MDB_val key = text_value(name), data;
	const int rc = store_result(store, mdb_get(txn, store->values, &key, &data));

	*value = 0;
	if (rc == -ENOENT)
		return 0;
	if (rc == 0 && data.mv_size != sizeof(*value))
		return -EIO;
	if (rc == 0)
		memcpy(value, data.mv_data, sizeof(*value));
	return rc;
}

static int value_put(struct store *store, MDB_txn *txn, const char *name, uint64_t value)
{
	MDB_val key = text_value(name), data = {sizeof(value), &value};

	return store_result(store, mdb_put(txn, store->values, &key, &data, 0));
}

struct named {
	const char *name;
	uint64_t value;
};

static bool name_fits(const char *name)
{
	return name[0] != '\0' && strlen(name) <= 64;
}

static int64_t get_value(struct store *store, MDB_txn *txn, void *context)
{
	struct named *named = context;

	return value_get(store, txn, named->name, &named->value);
}

int store_value_get(struct store *store, const char *name, uint64_t *value)
{
	struct named named = {.name = name};
	int rc;

	*value = 0;
	if (!name_fits(name))
		return -EINVAL;
	rc = (int)store_run(store, MDB_RDONLY, get_value, &named);
	if (rc == 0)
		*value = named.value;
	return rc;
}

static int64_t put_value(struct store *store, MDB_txn *txn, void *context)
{
	const struct named *named = context;

	return value_put(store, txn, named->name, named->value);
}

int store_value_put(struct store *store, const char *name, uint64_t value)
{
	struct named named = {.name = name, .value = value};

	if (!name_fits(name))
		return -EINVAL;
	return (int)store_run(store, 0, put_value, &named);
}

static int64_t next_epoch(struct store *store, MDB_txn *txn, void *context)
{
	uint64_t epoch;
	int rc = value_get(store, txn, epoch_name, &epoch);

	if (rc < 0)
		return rc;
	rc = value_put(store, txn, epoch_name, ++epoch);
	return rc < 0 ? rc : (int64_t)epoch;
}

int64_t store_epoch_next(struct store *store)
{
	return store_run(store, 0, next_epoch, NULL);
}

/**
 * struct adding - devices that are added, and the numbers of the next one
 * @current: devices added so far
 * @freed: there may be freed numbers left; they go first
 */
struct adding {
	const struct store_source *source;
	size_t current;
	uint64_t present;
	bool freed;
	uint64_t number, serial;
};

static int count_devices(struct store *store, MDB_txn *txn, uint64_t *count)
{
	MDB_stat stat;
	const int rc = store_result(store, mdb_stat(txn, store->devices, &stat));

	*count = rc == 0 ? stat.ms_entries : 0;
	return rc;
}

/* The lowest number that a removed device had. Return: -ENOENT if there is none. */
static int freed_take(struct store *store, uint32_t *number)
{
	MDB_val key, data;
	int rc = store_result(store, mdb_cursor_get(store->cursor, &key, &data, MDB_FIRST));

	if (rc < 0)
		return rc;
	if (key.mv_size != sizeof(*number))
		return -EIO;
	memcpy(number, key.mv_data, sizeof(*number));
	return store_result(store, mdb_cursor_del(store->cursor, 0));
}

static int number_take(struct store *store, struct adding *adding, struct device_record *record)
{
	int rc = -ENOENT;

	if (adding->serial >= UINT32_MAX)
		return -ENOSPC;
	if (adding->freed)
		rc = freed_take(store, &record->number);
	if (rc == -ENOENT) {
		adding->freed = false;
		if (adding->number >= DEVICE_NONE)
			return -ENOSPC;
		record->number = (uint32_t)adding->number++;
	} else if (rc < 0) {
		return rc;
	}
	record->serial = (uint32_t)++adding->serial; /* from 1: 0 names no device */
	return 0;
}

static int add_one(
	struct store *store, MDB_txn *txn, struct adding *adding, struct device_record *record)
{
	uint8_t packed[RECORD_PACKED_MAX];
	MDB_val key = text_value(record->id), data = {.mv_data = packed};
	int rc;

	if (device_record_check(record))
		return -EINVAL;
	if (store->limit && adding->present + adding->current >= store->limit)
		return -ENOSPC;
	rc = number_take(store, adding, record);
	if (rc < 0)
		return rc;
	data.mv_size = record_pack(record, packed);
	rc = store_result(store, mdb_put(txn, store->devices, &key, &data, MDB_NOOVERWRITE));
	explicit_bzero(packed, sizeof(packed));
	return rc;
}

static int add_each(struct store *store, MDB_txn *txn, struct adding *adding)
{
	const struct store_source *source = adding->source;
	struct device_record *record;
	int rc;

	for (; (rc = source->next(source->context, &record)) == 1; adding->current++) {
		rc = add_one(store, txn, adding, record);
		if (rc == 0 && source->numbered)
			rc = source->numbered(source->context, record);
		if (rc < 0)
			return rc;
	}
	return rc;
}

static int64_t add_all(struct store *store, MDB_txn *txn, void *context)
{
	struct adding *adding = context;
	int rc = count_devices(store, txn, &adding->present);

	if (rc == 0)
		rc = value_get(store, txn, next_number, &adding->number);
	if (rc == 0)
		rc = value_get(store, txn, next_serial, &adding->serial);
	if (rc == 0)
		rc = store_result(store, mdb_cursor_open(txn, store->freed, &store->cursor));
	if (rc == 0)
		rc = add_each(store, txn, adding);
	if (rc == 0)
		rc = value_put(store, txn, next_number, adding->number);
	if (rc == 0)
		rc = value_put(store, txn, next_serial, adding->serial);
	return rc < 0 ? rc : (int64_t)adding->current;
}

int64_t store_add_each(struct store *store, const struct store_source *source)
{
	struct adding adding = {.source = source, .freed = true};

	return store_run(store, 0, add_all, &adding);
}

/** struct rows - records of an array */
struct rows {
	struct device_record *records;
	size_t count, taken;
};

static int next_of_rows(void *context, struct device_record **record)
{
	struct rows *rows = context;

	if (rows->taken == rows->count)
		return 0;
	*record = &rows->records[rows->taken++];
	return 1;
}

int store_add(struct store *store, struct device_record *records, size_t count, size_t *failed)
{
	struct rows rows = {.records = records, .count = count};
	const struct store_source source = {.next = next_of_rows, .context = &rows};
	const int64_t rc = store_add_each(store, &source);

	*failed = rc < 0 && rows.taken ? rows.taken - 1 : 0;
	return rc < 0 ? (int)rc : 0;
}

struct one {
	const char *id;
	struct device_record *record;
};

/* LMDB takes no key of length 0 or above its maximum: such an id is simply not there. */
static bool id_fits(const char *id)
{
	const size_t length = strnlen(id, DEVICE_ID_MAX + 1);

	return length >= 1 && length <= DEVICE_ID_MAX;
}

static int64_t get_one(struct store *store, MDB_txn *txn, void *context)
{
	const struct one *one = context;
	MDB_val key = text_value(one->id), data;
	const int rc = store_result(store, mdb_get(txn, store->devices, &key, &data));

	if (rc < 0)
		return rc;
	return record_unpack(one->record, one->id, strlen(one->id), data.mv_data, data.mv_size);
}

int store_get(struct store *store, const char *id, struct device_record *record)
{
	struct one one = {id, record};

	return id_fits(id) ? (int)store_run(store, MDB_RDONLY, get_one, &one) : -ENOENT;
}

static int64_t remove_one(struct store *store, MDB_txn *txn, void *context)
{
	const struct one *one = context;
	MDB_val key, empty = {0};
	int rc = (int)get_one(store, txn, context);

	if (rc < 0)
		return rc;
	key = text_value(one->id);
	rc = store_result(store, mdb_del(txn, store->devices, &key, NULL));
	if (rc < 0)
		return rc;
	rc = store_unbind_device(store, txn, one->record->number);
	if (rc < 0)
		return rc;
	key = (MDB_val){sizeof(one->record->number), &one->record->number};
	rc = store_result(store, mdb_put(txn, store->freed, &key, &empty, MDB_NOOVERWRITE));
	return rc == -EEXIST ? -EIO : rc; /* two devices had this number */
}

int store_remove(struct store *store, const char *id, struct device_record *removed)
{
	struct one one = {id, removed};

	return id_fits(id) ? (int)store_run(store, 0, remove_one, &one) : -ENOENT;
}

/* The pages that a walk brings in would count as the broker's memory: they are given back after
 * so many devices. */
#define WALK_STEP 65536

/** struct walk - a walk over devices, and the part of the map that it brought in */
struct walk {
	const char *after;
	bool (*visit)(void *context, const struct device_record *record);
	void *context;
	MDB_val key, data;
	uintptr_t lowest, highest;
};

static int walk_get(struct store *store, struct walk *walk, MDB_cursor_op op)
{
	const int rc = mdb_cursor_get(store->cursor, &walk->key, &walk->data, op);
	const uintptr_t at = (uintptr_t)walk->data.mv_data;

	if (rc == 0 && (walk->lowest == 0 || at < walk->lowest))
		walk->lowest = at;
	if (rc == 0 && at > walk->highest)
		walk->highest = at;
	return rc;
}

static int walk_first(struct store *store, struct walk *walk)
{
	const char *after = walk->after;
	int rc;

	if (!after || after[0] == '\0')
		return walk_get(store, walk, MDB_FIRST);
	walk->key = text_value(after);
	rc = walk_get(store, walk, MDB_SET_RANGE);
	if (rc == 0 && walk->key.mv_size == strlen(after) &&
		memcmp(walk->key.mv_data, after, walk->key.mv_size) == 0)
		rc = walk_get(store, walk, MDB_NEXT);
	return rc;
}

static void walk_give_back(const struct walk *walk)
{
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	const uintptr_t first = walk->lowest & ~(page - 1);

	if (walk->highest)
		madvise((void *)first, walk->highest + 1 - first, MADV_DONTNEED);
}

static int64_t walk_all(struct store *store, MDB_txn *txn, void *context)
{
	struct walk *walk = context;
	struct device_record record;
	int64_t visited = 0;
	int rc = store_result(store, mdb_cursor_open(txn, store->devices, &store->cursor));

	if (rc < 0)
		return rc;
	for (rc = walk_first(store, walk); rc == 0; rc = walk_get(store, walk, MDB_NEXT)) {
		rc = record_unpack(&record, walk->key.mv_data, walk->key.mv_size,
			walk->data.mv_data, walk->data.mv_size);
		if (rc < 0)
			return rc;
		visited++;
		if (!walk->visit(walk->context, &record))
			break;
		if (visited % WALK_STEP == 0)
			walk_give_back(walk);
	}
	explicit_bzero(&record, sizeof(record));
	return rc == 0 || rc == MDB_NOTFOUND ? visited : store_result(store, rc);
}

int64_t store_each(struct store *store, const char *after,
	bool (*visit)(void *context, const struct device_record *record), void *context)
{
	struct walk walk = {.after = after, .visit = visit, .context = context};
	int64_t visited;

	if (after && strnlen(after, DEVICE_ID_MAX + 1) > DEVICE_ID_MAX)
		return -EINVAL;
	visited = store_run(store, MDB_RDONLY, walk_all, &walk);
	walk_give_back(&walk);
	return visited;
}

static int64_t count_all(struct store *store, MDB_txn *txn, void *context)
{
	return count_devices(store, txn, context);
}

uint64_t store_count(struct store *store)
{
	uint64_t count = 0;

	store_run(store, MDB_RDONLY, count_all, &count);
	return count;
}
