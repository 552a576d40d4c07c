/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* store_binding.c - sub-devices and their gateways on disk */

#include "crypto/siphash.h"
#include "registry/store_private.h"

#include <errno.h>
#include <string.h>

/**
 * struct packed - a binding as it lies in the store, under the sub-device's number
 *
 * Numbers are used again, serials are not: both tell whether the two devices are still those that
 * were bound.
 */
struct packed {
	uint32_t checksum;
	uint32_t serial;
	uint32_t gateway, gateway_serial;
};
_Static_assert(sizeof(struct packed) == 16, "no padding in it");

/* Tells damage, not malice. */
static uint32_t packed_checksum(uint32_t device, const struct packed *packed)
{
	const struct siphash_key key = {0x62696e64696e6700ull, device};

	return (uint32_t)siphash(&key, (const uint8_t *)packed + sizeof(packed->checksum),
		sizeof(*packed) - sizeof(packed->checksum));
}

static int unpack(const MDB_val *key, const MDB_val *data, struct store_binding *binding)
{
	struct packed packed;

	if (key->mv_size != sizeof(binding->device) || data->mv_size != sizeof(packed))
		return -EIO;
	memcpy(&binding->device, key->mv_data, sizeof(binding->device));
	memcpy(&packed, data->mv_data, sizeof(packed));
	if (packed.checksum != packed_checksum(binding->device, &packed))
		return -EIO;
	binding->serial = packed.serial;
	binding->gateway = packed.gateway;
	binding->gateway_serial = packed.gateway_serial;
	return 0;
}

struct changes {
	const struct store_binding *changes;
	size_t count;
};

static int change_one(struct store *store, MDB_txn *txn, const struct store_binding *change)
{
	uint32_t device = change->device;
	struct packed packed = {.serial = change->serial,
		.gateway = change->gateway,
		.gateway_serial = change->gateway_serial};
	MDB_val key = {sizeof(device), &device}, data = {sizeof(packed), &packed};
	int rc;

	if (change->gateway != DEVICE_NONE) {
		packed.checksum = packed_checksum(device, &packed);
		return store_result(store, mdb_put(txn, store->bindings, &key, &data, 0));
	}
	rc = store_result(store, mdb_del(txn, store->bindings, &key, NULL));
	return rc == -ENOENT ? 0 : rc;
}

static int64_t change_all(struct store *store, MDB_txn *txn, void *context)
{
	const struct changes *changes = context;
	int rc = 0;

	for (size_t i = 0; i < changes->count && rc == 0; i++)
		rc = change_one(store, txn, &changes->changes[i]);
	return rc;
}

int store_bind(struct store *store, const struct store_binding *changes, size_t count)
{
	struct changes all = {changes, count};

	return count ? (int)store_run(store, 0, change_all, &all) : 0;
}

struct walk {
	bool (*visit)(void *context, const struct store_binding *binding);
	void *context;
};

static int64_t walk_all(struct store *store, MDB_txn *txn, void *context)
{
	const struct walk *walk = context;
	struct store_binding binding;
	MDB_val key, data;
	int64_t visited = 0;
	int rc = store_result(store, mdb_cursor_open(txn, store->bindings, &store->cursor));

	if (rc < 0)
		return rc;
	while ((rc = mdb_cursor_get(store->cursor, &key, &data, MDB_NEXT)) == 0) {
		rc = unpack(&key, &data, &binding);
		if (rc < 0)
			return rc;
		visited++;
		if (!walk->visit(walk->context, &binding))
			return visited;
	}
	return rc == MDB_NOTFOUND ? visited : store_result(store, rc);
}

int64_t store_each_binding(struct store *store,
	bool (*visit)(void *context, const struct store_binding *binding), void *context)
{
	struct walk walk = {visit, context};

	return store_run(store, MDB_RDONLY, walk_all, &walk);
}

/*
 * All of them are looked at: a gateway is rarely removed, and a second database by gateway would
 * have to be kept in step with every change. 65,536 bindings take about five milliseconds.
 */
int store_unbind_device(struct store *store, MDB_txn *txn, uint32_t number)
{
	struct store_binding binding;
	MDB_val key, data;
	int got = 0,
	    rc = store_result(store, mdb_cursor_open(txn, store->bindings, &store->cursor));

	while (rc == 0 && (got = mdb_cursor_get(store->cursor, &key, &data, MDB_NEXT)) == 0) {
		rc = unpack(&key, &data, &binding);
		if (rc == 0 && (binding.device == number || binding.gateway == number))
			rc = store_result(store, mdb_cursor_del(store->cursor, 0));
	}
	if (rc == 0 && got != MDB_NOTFOUND)
		rc = store_result(store, got);
	return rc;
}
