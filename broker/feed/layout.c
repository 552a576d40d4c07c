/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* layout.c - what broker and readers have in common: headers, mapping, checking of records */
#include "layout.h"

#include "crc32c.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

void feed_header_seal(struct feed_header *header, uint64_t magic)
{
	header->magic = magic;
	header->layout = FEED_LAYOUT;
	header->record_bytes = sizeof(struct hearth_record);
	header->checksum = feed_crc32c(header, offsetof(struct feed_header, checksum));
}

int feed_header_read(int fd, uint64_t magic, struct feed_header *header, uint32_t *layout)
{
	struct stat status;
	ssize_t got;

	*layout = 0;
	if (fstat(fd, &status) < 0)
		return -errno;
	if (!S_ISREG(status.st_mode))
		return -EPROTO;
	got = pread(fd, header, sizeof(*header), 0);
	if (got < 0)
		return -errno;
	if (got != sizeof(*header) || header->magic != magic)
		return -EPROTO;
	*layout = header->layout;
	if (header->layout != FEED_LAYOUT ||
		header->checksum != feed_crc32c(header, offsetof(struct feed_header, checksum)) ||
		header->record_bytes != sizeof(struct hearth_record) || header->workers == 0 ||
		header->workers > FEED_WORKERS_MAX || header->bytes == 0 ||
		header->bytes % FEED_PAGE || header->bytes > FEED_BYTES_MAX)
		return -EPROTO;
	/* A shorter file would end whoever maps it with SIGBUS. */
	if ((uint64_t)status.st_size <
		(magic == FEED_MAGIC ? feed_file_bytes(header) : feed_commit_bytes(header)))
		return -EPROTO;
	return 0;
}

bool feed_commit_matches(const struct feed_header *commit, const struct feed_header *header)
{
	return commit->identity == header->identity && commit->workers == header->workers &&
	       commit->bytes == header->bytes;
}

int feed_map_twice(int fd, uint64_t offset, uint64_t bytes, bool write, uint8_t **data)
{
	int protection = write ? PROT_READ | PROT_WRITE : PROT_READ;
	/* The broker takes its page faults here and not while it serves. */
	int flags = MAP_SHARED | MAP_FIXED | (write ? MAP_POPULATE : 0);
	uint8_t *base = mmap(
		NULL, 2 * bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (base == MAP_FAILED)
		return -errno;
	for (unsigned half = 0; half < 2; half++) {
		if (mmap(base + half * bytes, bytes, protection, flags, fd, (off_t)offset) ==
			MAP_FAILED) {
			int rc = -errno;

			munmap(base, 2 * bytes);
			return rc;
		}
	}
	/* What devices report has no business in a core dump. */
	madvise(base, 2 * bytes, MADV_DONTDUMP);
	*data = base;
	return 0;
}

int feed_same_file(const char *path, const struct stat *file)
{
	struct stat now;

	if (lstat(path, &now) < 0)
		return -errno;
	return now.st_dev == file->st_dev && now.st_ino == file->st_ino;
}

void feed_error(char *error, size_t size, const char *format, ...)
{
	va_list arguments;

	if (size == 0)
		return;
	va_start(arguments, format);
	vsnprintf(error, size, format, arguments);
	va_end(arguments);
}

uint32_t feed_record_check(const uint8_t *data, uint64_t cursor, uint64_t available)
{
	const struct hearth_record *record = (const struct hearth_record *)data;
	uint64_t used;

	if (available < sizeof(*record) || record->length < sizeof(*record) ||
		record->length > available || record->length % 16 || record->id != cursor)
		return 0;
	used = feed_record_used(record);
	if (record->length != feed_round(used, 16))
		return 0;
	if (record->checksum != feed_crc32c(data + offsetof(struct hearth_record, id),
					used - offsetof(struct hearth_record, id)))
		return 0;
	return record->length;
}

void feed_record_item(const uint8_t *data, unsigned worker, struct hearth_item *item)
{
	item->record = (const struct hearth_record *)data;
	item->device = (const char *)data + sizeof(*item->record);
	item->gateway = item->device + item->record->device_length;
	item->payload = item->gateway + item->record->gateway_length;
	item->worker = worker;
}
