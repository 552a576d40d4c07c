/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* layout.h - the shared files PATH and PATH.commit as they lie in memory, layout version 1 */
#pragma once

#include "hearth_feed.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

/*
 * PATH         header page | a page of cursors for each worker | each worker's data, one after
 *              the other. Written by the broker, mapped read-only by everybody else.
 * PATH.commit  header line | a line for each worker with its commit cursor. Written by the
 *              consumer, mapped read-only by the broker.
 *
 * A cursor is a byte position that only grows; the byte lies at cursor % bytes. Data is mapped
 * twice, back to back, so that a record never wraps for those who look at it.
 */
#define FEED_MAGIC 0x4445454648545248ULL        /* "HRTHFEED" */
#define FEED_COMMIT_MAGIC 0x544d4f4348545248ULL /* "HRTHCOMT" */
#define FEED_LAYOUT 1
#define FEED_PAGE 4096
#define FEED_LINE 64
#define FEED_WORKERS_MAX 256
#define FEED_BYTES_MAX (1ULL << 40)

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "records are little endian");

/**
 * struct feed_header - how both files begin
 * @identity: drawn when the file is made; PATH.commit carries its PATH's
 * @checksum: CRC-32C of what stands before it
 */
struct feed_header {
	uint64_t magic;
	uint32_t layout;
	uint32_t workers;
	uint64_t bytes;
	uint64_t identity;
	uint64_t first_id;
	uint32_t record_bytes;
	uint32_t checksum;
};
_Static_assert(sizeof(struct feed_header) == 48, "file header");
_Static_assert(sizeof(struct hearth_record) == 104, "record v1");

/* Two cache lines each: the adjacent-line prefetcher would join neighbours. */
struct feed_cursor {
	uint64_t value;
	uint8_t pad[120];
};

/* acknowledge: ring: no answer waits for a commit. Later than any cursor. */
#define FEED_ANSWERED_AT_ONCE UINT64_MAX

/**
 * struct feed_cursors - a worker's cursor page, all written by the broker
 * @head: what lies before it is published
 * @reserve: what lies before it may have been written; stored before old bytes are overwritten
 * @tail: the newest commit cursor that the broker has taken; [tail, head) is never overwritten
 * @applied: what lies before it is reflected in the session slab
 * @answered: what lies before it has had its answer, or FEED_ANSWERED_AT_ONCE
 * @id_limit: no record reaches past it
 *
 * tail <= head, applied <= head <= reserve, answered <= tail unless it is
 * FEED_ANSWERED_AT_ONCE, and reserve - min(tail, applied, answered) <= bytes at every moment.
 */
struct feed_cursors {
	struct feed_cursor head, reserve, tail, applied, answered, id_limit;
	uint8_t pad[FEED_PAGE - 6 * sizeof(struct feed_cursor)];
};
_Static_assert(sizeof(struct feed_cursors) == FEED_PAGE, "one page a worker");

/* A line of PATH.commit. */
struct feed_commit {
	uint64_t value;
	uint8_t pad[FEED_LINE - 8];
};
_Static_assert(sizeof(struct feed_commit) == FEED_LINE, "one line a worker");

static inline uint64_t feed_load(const uint64_t *cursor)
{
	return __atomic_load_n(cursor, __ATOMIC_ACQUIRE);
}

/*
 * Every store of the broker to the shared files goes through these two, and what an observer
 * copies from them through the first. A test defines FEED_STEP to end the process, or to have the
 * other side do something, before any one of them; copies are then made a word at a time.
 */
#ifdef FEED_STEP
static inline void feed_copy(void *to, const void *from, size_t length)
{
	for (size_t at = 0; at < length; at += 8) {
		FEED_STEP();
		memcpy((uint8_t *)to + at, (const uint8_t *)from + at,
			length - at < 8 ? length - at : 8);
	}
}
#else
#define FEED_STEP() ((void)0)
static inline void feed_copy(void *to, const void *from, size_t length)
{
	if (length)
		memcpy(to, from, length);
}
#endif

static inline void feed_store(uint64_t *cursor, uint64_t value)
{
	FEED_STEP();
	__atomic_store_n(cursor, value, __ATOMIC_RELEASE);
}

static inline uint64_t feed_round(uint64_t value, uint64_t step)
{
	return (value + step - 1) / step * step;
}

/** feed_record_used() - bytes of a record without its padding. */
static inline uint64_t feed_record_used(const struct hearth_record *record)
{
	return sizeof(*record) + record->device_length + record->gateway_length +
	       (uint64_t)record->payload_length;
}

/** feed_file_bytes() - size of PATH. */
static inline uint64_t feed_file_bytes(const struct feed_header *header)
{
	return FEED_PAGE + header->workers * (FEED_PAGE + header->bytes);
}

/** feed_commit_bytes() - size of PATH.commit: the header's line and the workers'. */
static inline uint64_t feed_commit_bytes(const struct feed_header *header)
{
	return feed_round((1 + header->workers) * (uint64_t)FEED_LINE, FEED_PAGE);
}

/** feed_header_seal() - set magic, layout and checksum. */
void feed_header_seal(struct feed_header *header, uint64_t magic);

/**
 * feed_header_read() - read and check a file's header and size
 * @layout: receives the layout version where there is one, else 0
 * Return: 0; -EPROTO if it is not whole or of another layout; what the system said.
 */
int feed_header_read(int fd, uint64_t magic, struct feed_header *header, uint32_t *layout);

/** feed_commit_matches() - does a commit file's header belong to @header's file? */
bool feed_commit_matches(const struct feed_header *commit, const struct feed_header *header);

/**
 * feed_map_twice() - map a worker's data twice, back to back
 * @offset, @bytes: multiples of the page size
 * Return: 0 and @data (2 * @bytes, to be given to munmap()); -errno.
 */
int feed_map_twice(int fd, uint64_t offset, uint64_t bytes, bool write, uint8_t **data);

/** feed_same_file() - is @path the file that @file describes? -errno if it cannot be told. */
int feed_same_file(const char *path, const struct stat *file);

/** feed_error() - one line for people, cut to @size; @error may be NULL if @size is 0. */
__attribute__((format(printf, 3, 4))) void feed_error(
	char *error, size_t size, const char *format, ...);

/**
 * feed_record_check() - is there a whole record at @data?
 * @cursor: of its first byte
 * @available: bytes from there to head
 * Return: its length; 0 if it is damaged.
 */
uint32_t feed_record_check(const uint8_t *data, uint64_t cursor, uint64_t available);

/** feed_record_item() - name a checked record's parts. */
void feed_record_item(const uint8_t *data, unsigned worker, struct hearth_item *item);
