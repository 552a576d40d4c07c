/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* store_run.c - one transaction, and what LMDB says about it */

#include "registry/store_private.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <sys/stat.h>
#include <unistd.h>

/* LMDB reports a write that the disk cut short as EIO. Is there no room for one page more? */
static bool disk_full(struct store *store)
{
	struct stat status;
	int fd, rc;

	if (mdb_env_get_fd(store->env, &fd) != 0 || fstat(fd, &status) < 0)
		return false;
	rc = posix_fallocate(fd, status.st_size, sysconf(_SC_PAGESIZE));
	return rc == ENOSPC || rc == EDQUOT || rc == EFBIG;
}

int store_result(struct store *store, int rc)
{
	switch (rc) {
	case MDB_SUCCESS:
		return 0;
	case MDB_NOTFOUND:
		return -ENOENT;
	case MDB_KEYEXIST:
		return -EEXIST;
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
	case MDB_MAP_FULL:
	case MDB_TXN_FULL:
		return -ENOSPC;
	case ENOMEM:
		return -ENOMEM;
	default:
		if (rc == EIO && disk_full(store))
			return -ENOSPC;
		store->broken = true;
		return -EIO;
	}
}

void store_damaged(MDB_env *env, const char *message)
{
	struct store *store = mdb_env_get_userctx(env);

	if (store && store->damaged)
		longjmp(*store->damaged, 1);
}

/* The part that may be left by a jump; nothing in it is used after one. */
static int64_t run_guarded(struct store *store, struct store_run *run)
{
	int64_t result = run->operation(store, run->txn, run->context);
	MDB_txn *txn = run->txn;

	if (store->cursor)
		mdb_cursor_close(store->cursor);
	store->cursor = NULL;
	if (result < 0 || run->flags & MDB_RDONLY)
		return result;
	run->txn = NULL; /* ended by the commit, whatever it returns */
	const int rc = store_result(store, mdb_txn_commit(txn));
	return rc < 0 ? rc : result;
}

int64_t store_run(struct store *store, unsigned flags, store_operation *operation, void *context)
{
	struct store_run run = {.flags = flags, .operation = operation, .context = context};
	volatile int64_t result;
	jmp_buf damaged;
	int rc;

	if (store->broken && !(flags & MDB_RDONLY))
		return -EIO;
	rc = store_result(store, mdb_txn_begin(store->env, NULL, flags, &run.txn));
	if (rc < 0)
		return rc;
	store->damaged = &damaged;
	if (setjmp(damaged) == 0) {
		result = run_guarded(store, &run);
	} else {
		store->broken = true;
		result = -EIO;
	}
	store->damaged = NULL;
	if (store->cursor)
		mdb_cursor_close(store->cursor);
	store->cursor = NULL;
	if (run.txn)
		mdb_txn_abort(run.txn);
	return result;
}
