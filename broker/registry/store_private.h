/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* store_private.h - an open store, and how its transactions are run */
#pragma once

#include "registry/registry.h"

#include <lmdb.h>
#include <setjmp.h>

/**
 * struct store
 * @devices: id -> packed record
 * @freed: numbers (unsigned int) that devices had and no longer have
 * @values: name -> uint64_t
 * @bindings: a sub-device's number -> its gateway
 * @cursor: of the running operation; closed when it ends, however it ends
 * @damaged: where store_damaged() goes while an operation runs
 * @broken: something could not be read or written: no more changes until it is opened again, as a
 *	page that could not be written may be taken for written the next time
 */
struct store {
	MDB_env *env;
	MDB_dbi devices, freed, values, bindings;
	MDB_cursor *cursor;
	jmp_buf *damaged;
	uint32_t limit;
	int lock;
	bool broken;
};

/** store_operation - what is done in one transaction. Return: >= 0, or -errno to undo it. */
typedef int64_t store_operation(struct store *store, MDB_txn *txn, void *context);

/** struct store_run - one transaction; @txn is NULL once it has ended */
struct store_run {
	MDB_txn *txn;
	unsigned flags;
	store_operation *operation;
	void *context;
};

/**
 * store_run() - run an operation in a transaction of its own; durable when it returns
 * @flags: MDB_RDONLY, or 0 to change something
 *
 * Damage that LMDB only notices by an assertion ends in -EIO too, not in abort().
 * Return: what @operation returned, or why the transaction failed.
 */
int64_t store_run(struct store *store, unsigned flags, store_operation *operation, void *context);

/** store_result() - what LMDB says as a -errno; marks the store as broken. */
int store_result(struct store *store, int rc);

/** store_damaged() - LMDB's assertion handler. */
void store_damaged(MDB_env *env, const char *message);

/** store_unbind_device() - within a transaction: no binding names this device any more, whether as
 * sub-device or as gateway. Return: 0 or -errno. */
int store_unbind_device(struct store *store, MDB_txn *txn, uint32_t number);
