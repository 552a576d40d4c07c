/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* store_open.c - open or make the registry's directory, and say clearly what is wrong with it */

#include "registry/store_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Address space, not memory: 10 M of the longest records, every page half full and copied once. */
#define STORE_MAP_BYTES (UINT64_C(32) << 30)
#define STORE_FORMAT 1

static const char format_name[] = "format";

/** struct opening - what store_open() is about */
struct opening {
	const char *path;
	char *error;
	size_t size;
	int directory;
	bool made; /* the directory, or the data in it */
};

#define refuse(opening, code, format, ...)                                                         \
	(snprintf((opening)->error, (opening)->size, "registry %s: " format, (opening)->path,      \
		 ##__VA_ARGS__),                                                                   \
		code)

/* A directory of ours holds these; only what we would make ourselves is written into. */
static bool foreign_name(const char *name)
{
	static const char *const ours[] = {".", "..", "data.mdb", "lock.mdb", "lock"};

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (strcmp(name, ours[i]) == 0)
			return false;
	return true;
}

static int directory_foreign(struct opening *opening)
{
	const int fd = openat(opening->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	int rc = 0;

	if (!directory) {
		rc = refuse(opening, -errno, "cannot read the directory: %s", strerror(errno));
		if (fd >= 0)
			close(fd);
		return rc;
	}
	while (rc == 0 && (entry = readdir(directory)))
		if (foreign_name(entry->d_name))
			rc = refuse(opening, -EPROTO,
				"not a registry, and not empty: give registry.path a directory "
				"of its own");
	closedir(directory);
	return rc;
}

static int directory_open(struct opening *opening)
{
	struct stat status;

	if (mkdir(opening->path, 0700) == 0)
		opening->made = true;
	else if (errno != EEXIST)
		return refuse(opening, -errno, "cannot make the directory: %s", strerror(errno));
	opening->directory = open(opening->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (opening->directory < 0 && errno == ENOTDIR)
		return refuse(opening, -ENOTDIR, "a file: registry.path has to name a directory");
	if (opening->directory < 0)
		return refuse(opening, -errno, "cannot open the directory: %s", strerror(errno));
	if (fstatat(opening->directory, "data.mdb", &status, 0) == 0)
		return 0;
	opening->made = true;
	return directory_foreign(opening);
}

static int directory_lock(struct opening *opening, int *lock)
{
	*lock = openat(opening->directory, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (*lock < 0)
		return refuse(opening, -errno, "cannot open its lock file: %s", strerror(errno));
	if (flock(*lock, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno != EWOULDBLOCK)
		return refuse(opening, -errno, "cannot lock it: %s", strerror(errno));
	return refuse(opening, -EBUSY,
		"in use by a running broker or hearthctl: use the broker's control socket, or stop "
		"it");
}

static int mdb_refuse(struct opening *opening, int rc)
{
	switch (rc) {
	case MDB_INVALID:
		return refuse(opening, -EPROTO,
			"data.mdb is not a registry, or damaged: restore it from a backup");
	case MDB_VERSION_MISMATCH:
		return refuse(opening, -EPROTO,
			"data.mdb was written by another version of LMDB: export it there");
	case MDB_CORRUPTED:
	case MDB_PAGE_NOTFOUND:
	case MDB_PANIC:
		return refuse(opening, -EIO, "data.mdb is damaged: restore it from a backup");
	case MDB_MAP_FULL:
		return refuse(opening, -ENOSPC, "data.mdb is full");
	default:
		break;
	}
	if (rc < 0)
		return refuse(opening, -EIO, "%s", mdb_strerror(rc));
	return refuse(opening, -rc, "cannot open data.mdb: %s", strerror(rc));
}

/*
 * A file that was cut off would end the process with SIGBUS where a page is missing. Zeros in their
 * place are no pages to LMDB, and it says so. (It may rightly be short by pages that are free.)
 */
static int fill_up(struct opening *opening, struct store *store)
{
	struct stat status;
	MDB_envinfo info;
	MDB_stat stat;
	off_t bytes;
	int fd;

	if (mdb_env_info(store->env, &info) != 0 || mdb_env_stat(store->env, &stat) != 0 ||
		mdb_env_get_fd(store->env, &fd) != 0 || fstat(fd, &status) < 0)
		return refuse(opening, -EIO, "cannot look at data.mdb");
	bytes = (off_t)((info.me_last_pgno + 1) * stat.ms_psize);
	if (status.st_size < bytes && ftruncate(fd, bytes) < 0)
		return refuse(opening, -errno, "cannot complete data.mdb: %s", strerror(errno));
	return 0;
}

/* Is it ours, and of this version? An empty one becomes ours. */
static int format_check(struct opening *opening, struct store *store, MDB_txn *txn, bool empty)
{
	MDB_val key = {sizeof(format_name) - 1, (void *)(uintptr_t)format_name}, data;
	uint64_t format = STORE_FORMAT;
	int rc = mdb_get(txn, store->values, &key, &data);

	if (rc == MDB_NOTFOUND && empty) {
		data = (MDB_val){sizeof(format), &format};
		rc = mdb_put(txn, store->values, &key, &data, 0);
		return rc ? mdb_refuse(opening, rc) : 0;
	}
	if (rc == MDB_NOTFOUND || (rc == 0 && data.mv_size != sizeof(format)))
		return mdb_refuse(opening, MDB_INVALID);
	if (rc)
		return mdb_refuse(opening, rc);
	memcpy(&format, data.mv_data, sizeof(format));
	if (format != STORE_FORMAT)
		return refuse(opening, -EPROTO,
			"format %llu, this program knows %d: use the version that wrote it",
			(unsigned long long)format, STORE_FORMAT);
	return 0;
}

static int64_t databases_open(struct store *store, MDB_txn *txn, void *context)
{
	struct opening *opening = context;
	MDB_stat main_stat;
	MDB_dbi main_dbi;
	bool empty;
	int rc;

	rc = mdb_dbi_open(txn, NULL, 0, &main_dbi);
	if (rc == 0)
		rc = mdb_stat(txn, main_dbi, &main_stat);
	empty = rc == 0 && main_stat.ms_entries == 0;
	if (rc == 0)
		rc = mdb_dbi_open(txn, "values", empty ? MDB_CREATE : 0, &store->values);
	if (rc == MDB_NOTFOUND || rc == MDB_INCOMPATIBLE)
		rc = MDB_INVALID; /* an LMDB file of someone else's */
	if (rc == 0)
		rc = mdb_dbi_open(txn, "devices", MDB_CREATE, &store->devices);
	if (rc == 0)
		rc = mdb_dbi_open(txn, "freed", MDB_CREATE | MDB_INTEGERKEY, &store->freed);
	if (rc == 0) /* one that an older version made has none yet */
		rc = mdb_dbi_open(txn, "bindings", MDB_CREATE | MDB_INTEGERKEY, &store->bindings);
	return rc ? mdb_refuse(opening, rc) : format_check(opening, store, txn, empty);
}

/* What a full disk cut short while it was made was never a registry: it must not be in the way of
 * the next try. */
static void take_back(struct opening *opening)
{
	unlinkat(opening->directory, "data.mdb", 0);
	unlinkat(opening->directory, "lock.mdb", 0);
}

static int environment_open(struct opening *opening, struct store *store)
{
	int dead, rc = mdb_env_create(&store->env);

	if (rc)
		return mdb_refuse(opening, rc);
	mdb_env_set_userctx(store->env, store);
	mdb_env_set_assert(store->env, store_damaged);
	rc = mdb_env_set_maxdbs(store->env, 4);
	if (rc == 0)
		rc = mdb_env_set_mapsize(store->env, STORE_MAP_BYTES);
	if (rc == 0)
		rc = mdb_env_open(store->env, opening->path, MDB_NOTLS, 0600);
	if (rc && opening->made)
		take_back(opening);
	if (rc)
		return mdb_refuse(opening, rc);
	mdb_reader_check(store->env, &dead); /* of killed predecessors */
	rc = fill_up(opening, store);
	if (rc < 0)
		return rc;
	opening->error[0] = '\0';
	rc = (int)store_run(store, 0, databases_open, opening);
	if (rc < 0 && opening->error[0] == '\0') /* the transaction itself failed */
		rc = refuse(opening, rc, "%s",
			rc == -EIO ? "data.mdb is damaged: restore it from a backup"
				   : strerror(-rc));
	return rc;
}

/* New names are durable once their directories are. */
static int directories_sync(struct opening *opening)
{
	const int parent = openat(opening->directory, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = 0;

	if (fsync(opening->directory) < 0 || (parent >= 0 && fsync(parent) < 0))
		rc = refuse(opening, -errno, "cannot be made durable: %s", strerror(errno));
	if (parent >= 0)
		close(parent);
	return rc;
}

struct store *store_open(const char *path, uint32_t limit, char *error, size_t size)
{
	struct opening opening = {.path = path, .error = error, .size = size, .directory = -1};
	struct store *store = calloc(1, sizeof(*store));
	int rc;

	if (!store) {
		rc = refuse(&opening, -ENOMEM, "out of memory");
		goto fail;
	}
	store->lock = -1;
	store->limit = limit;
	rc = directory_open(&opening);
	if (rc == 0)
		rc = directory_lock(&opening, &store->lock);
	if (rc == 0)
		rc = environment_open(&opening, store);
	if (rc == 0 && opening.made)
		rc = directories_sync(&opening);
fail:
	if (opening.directory >= 0)
		close(opening.directory);
	if (rc == 0)
		return store;
	store_close(store);
	errno = -rc;
	return NULL;
}

void store_close(struct store *store)
{
	if (!store)
		return;
	if (store->env)
		mdb_env_close(store->env);
	if (store->lock >= 0)
		close(store->lock); /* gives up the lock */
	free(store);
}
