/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* binding_file.c - PATH.bindings: where sub-devices are on-line, for a broker that starts again */

#include "crypto/siphash.h"
#include "registry/binding_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define REMEDY "remove the file (its sub-devices are off-line then)"

/** struct mapped - a file of some limit */
struct mapped {
	struct binding_header *header;
	size_t bytes;
};

static size_t bytes_for(uint32_t limit)
{
	return BINDING_HEADER_BYTES + (size_t)limit * sizeof(struct binding_entry);
}

static struct binding_entry *entries_of(const struct mapped *mapped)
{
	return (struct binding_entry *)((uint8_t *)mapped->header + BINDING_HEADER_BYTES);
}

static uint64_t header_checksum(const struct binding_header *header)
{
	const struct siphash_key key = {BINDING_MAGIC, header->version};

	return siphash(&key, header, offsetof(struct binding_header, checksum));
}

static void unmap(struct mapped *mapped)
{
	if (mapped->header)
		munmap(mapped->header, mapped->bytes);
	mapped->header = NULL;
}

static int map(int fd, size_t bytes, struct mapped *mapped)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (memory == MAP_FAILED)
		return -errno;
	*mapped = (struct mapped){memory, bytes};
	return 0;
}

/* All of its room now: a full file system must not become a SIGBUS later. */
static int make(const char *name, uint32_t limit, struct mapped *mapped)
{
	const int fd = open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	int rc;

	if (fd < 0)
		return -errno;
	rc = -posix_fallocate(fd, 0, (off_t)bytes_for(limit));
	if (rc == 0)
		rc = map(fd, bytes_for(limit), mapped);
	close(fd);
	if (rc < 0) {
		unlink(name);
		return rc;
	}
	*mapped->header = (struct binding_header){
		.magic = BINDING_MAGIC, .version = BINDING_VERSION, .limit = limit};
	mapped->header->checksum = header_checksum(mapped->header);
	return 0;
}

/* What is there: -ENOENT, or whether it is ours and whole. */
static int read_in(const char *path, struct mapped *mapped, char *error, size_t size)
{
	const int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	const struct binding_header *header;
	struct stat file;
	int rc = 0;

	if (fd < 0 && errno == ENOENT)
		return -ENOENT;
	if (fd < 0 || fstat(fd, &file) < 0) {
		rc = -errno;
		snprintf(error, size, "%s: cannot open it: %s", path, strerror(-rc));
		goto out;
	}
	if (!S_ISREG(file.st_mode) || file.st_uid != geteuid() || (file.st_mode & 0077)) {
		snprintf(error, size,
			"%s: not a file that only this user can read and write: remove it", path);
		rc = -EPERM;
		goto out;
	}
	if (file.st_size >= BINDING_HEADER_BYTES)
		rc = map(fd, (size_t)file.st_size, mapped);
	if (rc < 0) {
		snprintf(error, size, "%s: cannot map it: %s", path, strerror(-rc));
		goto out;
	}
	header = mapped->header;
	if (!header || header->magic != BINDING_MAGIC) {
		snprintf(error, size, "%s: not a file of bindings: " REMEDY, path);
		rc = -EPROTO;
	} else if (header->version != BINDING_VERSION) {
		snprintf(error, size, "%s: layout version %u, this broker knows %d: " REMEDY, path,
			header->version, BINDING_VERSION);
		rc = -EPROTO;
	} else if (header->checksum != header_checksum(header) ||
		   mapped->bytes != bytes_for(header->limit)) {
		snprintf(error, size, "%s: its header is damaged: " REMEDY, path);
		rc = -EPROTO;
	}
out:
	if (rc < 0)
		unmap(mapped);
	if (fd >= 0)
		close(fd);
	return rc;
}

/* Another limit: those that are on-line go along as far as there is room for them. */
static int carry(const struct mapped *old, const struct mapped *made)
{
	uint32_t to = 0;

	for (uint32_t i = 0; i < old->header->limit; i++) {
		const struct binding_entry *entry = &entries_of(old)[i];

		if (!entry->serial || (!entry->session && !entry->login))
			continue;
		if (to == made->header->limit)
			return -ENOSPC;
		entries_of(made)[to++] = *entry;
	}
	return 0;
}

static int make_anew(const struct binding_config *config, struct mapped *old, struct mapped *mapped,
	char *error, size_t size)
{
	char *name = NULL;
	int rc = asprintf(&name, "%s.new", config->path) < 0 ? -ENOMEM : 0;

	if (rc == 0)
		rc = make(name, config->limit, mapped);
	if (rc == 0 && old->header)
		rc = carry(old, mapped);
	if (rc == 0 && rename(name, config->path) < 0)
		rc = -errno;
	if (rc == -ENOSPC)
		snprintf(error, size,
			"%s: no room for %u sub-devices (%zu MiB): lower limits.subdevices, or "
			"give "
			"its file system more memory",
			config->path, config->limit, (bytes_for(config->limit) >> 20) + 1);
	else if (rc < 0)
		snprintf(error, size, "%s: cannot make it: %s", config->path, strerror(-rc));
	if (rc < 0) {
		unmap(mapped);
		if (name)
			unlink(name);
	}
	free(name);
	return rc;
}

int binding_file_open(struct binding_table *table, char *error, size_t size)
{
	const struct binding_config *config = &table->config;
	struct mapped mapped = {0}, old = {0};
	int rc = read_in(config->path, &old, error, size);

	table->attached = rc == 0;
	if (rc < 0 && rc != -ENOENT)
		return rc;
	if (rc == 0 && old.header->limit == config->limit) {
		mapped = old;
	} else {
		rc = make_anew(config, &old, &mapped, error, size);
		unmap(&old);
		if (rc < 0)
			return rc;
	}
	table->header = mapped.header;
	table->entries = entries_of(&mapped);
	table->file_bytes = mapped.bytes;
	return 0;
}
