/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* command_layout.c - what both sides of a command ring have in common: header, mapping, checksum */
#include "command_layout.h"

#include "crc32c.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGES_BYTES (COMMAND_PAGES * (size_t)FEED_PAGE)

void command_header_seal(struct command_header *header)
{
	header->magic = COMMAND_MAGIC;
	header->layout = COMMAND_LAYOUT;
	header->record_bytes = sizeof(struct command_record);
	header->checksum = feed_crc32c(header, offsetof(struct command_header, checksum));
}

static bool sound(const struct command_header *header)
{
	return header->magic == COMMAND_MAGIC && header->layout == COMMAND_LAYOUT &&
	       header->checksum == feed_crc32c(header, offsetof(struct command_header, checksum)) &&
	       header->record_bytes == sizeof(struct command_record) &&
	       header->number < COMMAND_RINGS_MAX && header->requests > 0 &&
	       header->requests <= COMMAND_REQUESTS && header->first_request > 0 &&
	       header->first_request <= COMMAND_REQUEST_LIMIT - header->requests &&
	       header->bytes >= COMMAND_RECORD_MAX && header->bytes % FEED_PAGE == 0 &&
	       header->bytes <= COMMAND_BYTES_MAX;
}

int command_header_read(int fd, struct command_header *header)
{
	struct stat status;
	ssize_t got;

	if (fstat(fd, &status) < 0)
		return -errno;
	if (!S_ISREG(status.st_mode))
		return -EPROTO;
	got = pread(fd, header, sizeof(*header), 0);
	if (got < 0)
		return -errno;
	/* A shorter file would end whoever maps it with SIGBUS. */
	if (got != sizeof(*header) || !sound(header) ||
		(uint64_t)status.st_size < command_file_bytes(header->bytes))
		return -EPROTO;
	return 0;
}

uint32_t command_checksum(const struct command_record *record, const uint8_t *data)
{
	const size_t from = offsetof(struct command_record, request);
	uint32_t parts[2];

	parts[0] = feed_crc32c((const uint8_t *)record + from, sizeof(*record) - from);
	parts[1] = feed_crc32c(data + sizeof(*record), command_used(record) - sizeof(*record));
	return feed_crc32c(parts, sizeof(parts));
}

int command_map(int fd, bool writer, struct command_map *map)
{
	/* The other side's page and the header's. */
	size_t theirs = writer ? 2 : 1;
	int rc;

	memset(map, 0, sizeof(*map));
	rc = command_header_read(fd, &map->header);
	if (rc < 0)
		return rc;
	map->pages =
		mmap(NULL, PAGES_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (map->pages == MAP_FAILED) {
		map->pages = NULL;
		return -errno;
	}
	map->writer = (struct command_writer *)(map->pages + FEED_PAGE);
	map->taker = (struct command_taker *)(map->pages + 2 * FEED_PAGE);
	/* A stray pointer of one side must not undo the other. */
	if (mprotect(map->pages, FEED_PAGE, PROT_READ) < 0 ||
		mprotect(map->pages + theirs * FEED_PAGE, FEED_PAGE, PROT_READ) < 0)
		rc = -errno;
	if (rc == 0)
		rc = feed_map_twice(fd, PAGES_BYTES, map->header.bytes, true, &map->data);
	if (rc < 0)
		command_unmap(map);
	return rc;
}

void command_unmap(struct command_map *map)
{
	if (map->data)
		munmap(map->data, 2 * map->header.bytes);
	if (map->pages)
		munmap(map->pages, PAGES_BYTES);
	map->data = map->pages = NULL;
}
