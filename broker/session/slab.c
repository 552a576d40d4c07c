/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* slab.c - the table: made whole or not at all, attached, carried over to another size or layout */

#include "session/slab_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* Others may make or replace the file between two looks at it; then we look again. */
#define OPEN_ATTEMPTS 16

struct opening {
	const struct session_config *config;
	uint32_t per_worker;
	uint32_t entries;
	char *error;
	size_t size;
};

#define refuse(opening, code, format, ...)                                                         \
	(snprintf((opening)->error, (opening)->size, "%s: " format, (opening)->config->path,       \
		 ##__VA_ARGS__),                                                                   \
		code)

static int made_error(struct opening *opening, int rc)
{
	if (rc == -ENOSPC || rc == -ENOMEM)
		return refuse(opening, rc,
			"no room for %u session entries (%zu MiB): lower limits.sessions, or give "
			"its file system more memory",
			opening->entries,
			((size_t)opening->entries *
					(sizeof(struct slab_entry) +
						(opening->config->ipv6 ? sizeof(struct slab_side)
								       : 0)) >>
				20) +
				1);
	if (rc == -EBUSY)
		return refuse(opening, rc, "another broker is just starting with it");
	return refuse(opening, rc, "cannot make it: %s", strerror(-rc));
}

/* There is none yet. -EEXIST: there is one now. */
static int slab_make(struct opening *opening, const char *name, struct slab_file *file)
{
	int rc = slab_file_make(name, opening->config, opening->entries, NULL, file);

	if (rc == -ESTALE)
		return -EEXIST; /* another broker took its temporary name away: look again */
	if (rc < 0)
		return made_error(opening, rc);
	slab_file_ready(file);
	if (link(name, opening->config->path) < 0)
		rc = -errno;
	unlink(name);
	if (rc == 0)
		return 0;
	slab_file_close(file);
	return rc == -EEXIST ? rc : made_error(opening, rc);
}

/* Layouts that this broker takes over. */
static bool version_known(const struct slab_header *header)
{
	return (header->version == SLAB_VERSION || header->version == SLAB_VERSION_NO_SIDES) &&
	       header->entry_bytes == sizeof(struct slab_entry);
}

static int header_check(struct opening *opening, struct slab_file *file)
{
	const struct slab_header *header;
	size_t bytes = 0;
	int rc;

	if (file->bytes < SLAB_HEADER_BYTES)
		return refuse(opening, -EPROTO,
			"not a session file: remove it (its devices log in again)");
	rc = slab_file_map(file, opening->config->huge);
	if (rc < 0)
		return refuse(opening, rc, "cannot map it: %s", strerror(-rc));
	header = file->header;
	if (header->magic != SLAB_MAGIC)
		return refuse(opening, -EPROTO,
			"not a session file: remove it (its devices log in again)");
	if (!version_known(header))
		return refuse(opening, -EPROTO,
			"layout version %u, this broker writes %u: start the broker that wrote it "
			"and "
			"drain it, or remove the file (its devices log in again)",
			header->version, SLAB_VERSION);
	rc = slab_file_bytes(file->fd, header->entries, &file->sides, &bytes);
	if (header->version == SLAB_VERSION_NO_SIDES)
		bytes = file->sides;
	if (rc < 0 || header->checksum != slab_header_checksum(header) ||
		header->state != SLAB_READY || header->bytes != file->bytes ||
		bytes != file->bytes || header->entries == 0 ||
		header->entries > SLAB_ENTRIES_MAX || header->workers == 0 ||
		header->workers > SLAB_WORKERS_MAX || header->entries % header->workers != 0)
		return refuse(opening, -EPROTO,
			"its header is damaged: remove the file (its devices log in again)");
	return 0;
}

/* The same index has to lie in the same worker's range: tokens and handles name both. */
static bool entries_fit(const struct opening *opening, const struct slab_file *old)
{
	const uint32_t old_per_worker = old->header->entries / old->header->workers;
	const struct slab_entry *entries = slab_file_entries(old);

	for (uint32_t i = 0; i < old->header->entries; i++) {
		if (life_list(entries[i].life) == LIST_FREE)
			continue;
		if (i >= opening->entries || i / opening->per_worker != i / old_per_worker)
			return false;
	}
	return true;
}

/* IPv6 addresses that are in use; the others are not even looked at, to take no memory. */
static int carry_sides(
	const struct opening *opening, const struct slab_file *old, const struct slab_file *made)
{
	const struct slab_entry *entries = slab_file_entries(old);
	bool taken = opening->config->ipv6;
	int rc;

	if (old->header->version == SLAB_VERSION_NO_SIDES)
		return 0;
	for (uint32_t i = 0; i < old->header->entries && i < opening->entries; i++) {
		if (!slab_place_side(&entries[i]))
			continue;
		rc = taken ? 0 : slab_file_take_sides(made);
		if (rc < 0)
			return rc;
		taken = true;
		slab_file_sides(made)[i] = slab_file_sides(old)[i];
	}
	return 0;
}

/*
 * Another size, number of workers or layout: a new file with the same keys takes the old one's
 * place.
 */
static int slab_carry(struct opening *opening, const char *name, struct slab_file *file)
{
	const uint32_t old_entries = file->header->entries;
	struct slab_file made;
	int rc;

	if (!entries_fit(opening, file))
		return refuse(opening, -EEXIST,
			"holds sessions of %u workers and %u entries that have no place with %u "
			"and "
			"%u: put workers and limits back, or drain the broker, or remove the file "
			"(its devices log in again)",
			file->header->workers, old_entries, opening->config->workers,
			opening->entries);
	rc = slab_file_make(name, opening->config, opening->entries, file->header, &made);
	if (rc < 0)
		return made_error(opening, rc);
	memcpy(slab_file_entries(&made), slab_file_entries(file),
		(size_t)(old_entries < opening->entries ? old_entries : opening->entries) *
			sizeof(struct slab_entry));
	rc = carry_sides(opening, file, &made);
	slab_file_ready(&made);
	if (rc == 0 && rename(name, opening->config->path) < 0)
		rc = -errno;
	if (rc < 0) {
		unlink(name);
		slab_file_close(&made);
		return made_error(opening, rc);
	}
	slab_file_close(file);
	*file = made;
	return 0;
}

/* The file that is there. -ENOENT: there is none. */
static int slab_attach(struct opening *opening, const char *name, struct slab_file *file)
{
	int rc = slab_file_lock(opening->config->path, 0, file);

	if (rc == -ENOENT || rc == -ESTALE)
		return rc;
	if (rc == -EBUSY)
		return refuse(opening, rc,
			"another broker has it: stop that one, or give this one another feed.path");
	if (rc == -EPERM || rc == -ELOOP)
		return refuse(opening, -EPERM,
			"not a file that only this user can read and write: remove it");
	if (rc < 0)
		return refuse(opening, rc, "cannot open it: %s", strerror(-rc));
	rc = header_check(opening, file);
	if (rc == 0 && (file->header->entries != opening->entries ||
			       file->header->workers != opening->config->workers ||
			       file->header->version != SLAB_VERSION))
		rc = slab_carry(opening, name, file);
	else if (rc == 0 && opening->config->ipv6 && (rc = slab_file_take_sides(file)) < 0)
		rc = made_error(opening, rc);
	if (rc < 0)
		slab_file_close(file);
	return rc;
}

static int slab_open(struct opening *opening, struct slab_file *file, bool *attached)
{
	char *name = NULL;
	int rc = -EAGAIN;

	if (asprintf(&name, "%s.new", opening->config->path) < 0)
		return refuse(opening, -ENOMEM, "out of memory");
	for (unsigned i = 0; i < OPEN_ATTEMPTS && rc == -EAGAIN; i++) {
		*attached = true;
		rc = slab_attach(opening, name, file);
		if (rc == -ENOENT) {
			*attached = false;
			rc = slab_make(opening, name, file);
			if (rc == -EEXIST)
				rc = -EAGAIN;
		} else if (rc == -ESTALE) {
			rc = -EAGAIN;
		}
	}
	free(name);
	if (rc == -EAGAIN)
		return refuse(opening, -EBUSY, "another broker keeps making it");
	return rc;
}

/* Who owns what: at first, and after every restart, each range is its worker's. */
static int owners_new(struct session_table *table)
{
	if (table->worker_count == 1)
		return 0;
	table->owners = malloc(table->count);
	if (!table->owners)
		return -ENOMEM;
	for (unsigned i = 0; i < table->worker_count; i++)
		memset(table->owners + (size_t)i * table->per_worker, (int)i, table->per_worker);
	return 0;
}

static int workers_new(struct session_table *table, struct random *random)
{
	table->workers = calloc(table->worker_count, sizeof(struct session_worker *));
	if (!table->workers)
		return -ENOMEM;
	for (unsigned i = 0; i < table->worker_count; i++) {
		struct session_worker *worker =
			aligned_alloc(64, (sizeof(struct session_worker) + 63) / 64 * 64);

		if (!worker)
			return -ENOMEM;
		memset(worker, 0, sizeof(*worker));
		worker->table = table;
		worker->entries = table->entries;
		worker->owners = table->owners;
		worker->sides = table->sides;
		worker->random = random;
		worker->number = i;
		worker->first = i * table->per_worker;
		worker->count = table->per_worker;
		worker->limit = UINT32_MAX;
		worker->free_head = worker->resting_head = worker->resting_tail = SESSION_NONE;
		table->workers[i] = worker;
		worker->due = calloc(slab_blocks(table->count), sizeof(*worker->due));
		if (!worker->due)
			return -ENOMEM;
		if (!table->attached)
			slab_lists(worker);
	}
	return 0;
}

int session_table_open(
	struct session_table **out, const struct session_config *config, char *error, size_t size)
{
	struct opening opening = {.config = config, .error = error, .size = size};
	struct session_table *table;
	struct slab_file file = {.fd = -1};
	uint64_t per_worker;
	int rc;

	*out = NULL;
	if (config->workers == 0 || config->workers > SLAB_WORKERS_MAX || config->entries == 0)
		return refuse(&opening, -EINVAL, "needs 1..%d workers and at least one entry",
			SLAB_WORKERS_MAX);
	per_worker = ((uint64_t)config->entries + config->workers - 1) / config->workers;
	if (per_worker * config->workers > SLAB_ENTRIES_MAX)
		return refuse(&opening, -EINVAL, "more than %u entries: lower limits.sessions",
			SLAB_ENTRIES_MAX);
	opening.per_worker = (uint32_t)per_worker;
	opening.entries = opening.per_worker * config->workers;

	table = calloc(1, sizeof(*table));
	if (!table)
		return refuse(&opening, -ENOMEM, "out of memory");
	table->fd = -1;
	rc = slab_open(&opening, &file, &table->attached);
	if (rc < 0)
		goto fail;
	table->fd = file.fd;
	table->bytes = file.bytes;
	table->header = file.header;
	table->entries = slab_file_entries(&file);
	table->sides = slab_file_sides(&file);
	if (config->huge)
		slab_file_collapse(&file, config->ipv6);
	table->ipv6 = config->ipv6;
	table->count = opening.entries;
	table->per_worker = opening.per_worker;
	table->worker_count = config->workers;
	rc = owners_new(table);
	if (rc == 0 && config->uncommitted) {
		table->uncommitted = calloc(table->count, sizeof(*table->uncommitted));
		rc = table->uncommitted ? 0 : -ENOMEM;
	}
	if (rc == 0)
		rc = workers_new(table, config->random);
	if (rc < 0) {
		rc = refuse(&opening, rc, "out of memory");
		goto fail;
	}
	*out = table;
	return 0;
fail:
	session_table_close(table);
	return rc;
}

void session_table_close(struct session_table *table)
{
	if (!table)
		return;
	if (table->workers) {
		for (unsigned i = 0; i < table->worker_count && table->workers[i]; i++) {
			free(table->workers[i]->due);
			free(table->workers[i]);
		}
		free(table->workers);
	}
	free(table->owners);
	free(table->uncommitted);
	if (table->header)
		munmap(table->header, table->bytes);
	if (table->fd >= 0)
		close(table->fd);
	free(table);
}
