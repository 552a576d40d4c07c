/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* command_layout.h - the shared file PATH.commands.N as it lies in memory, layout version 1 */
#pragma once

#include "layout.h"

/*
 * PATH.commands.N   header page | the writer's page | the broker's page | data
 *
 * One backend process writes, one worker of the broker takes. Made by the broker for a process that
 * registers; the process holds the file's lock (flock) as long as it lives. Data is mapped twice,
 * back to back, so that a record never wraps. A cursor is a byte position that only grows; the byte
 * lies at cursor % bytes.
 *
 * The broker takes nothing in here on trust but its own page when it starts, and that only within
 * bounds. Who may open the file (mode 0600) is the user that the broker runs as; such a process
 * could end the broker in simpler ways than by cutting the file short.
 */
#define COMMAND_MAGIC 0x53444d4354485248ULL /* "HRHTCMDS" */
#define COMMAND_LAYOUT 1
#define COMMAND_RINGS_MAX 16
#define COMMAND_PAGES 3
/* Ids of one registration; 2^29 registrations until 2^53, where JSON's numbers end. */
#define COMMAND_REQUESTS (1u << 24)
#define COMMAND_REQUEST_LIMIT (1ULL << 53)
#define COMMAND_BYTES_MAX (1ULL << 30)

/**
 * struct command_header - the first page
 * @number: N of the file's name
 * @flags: HEARTH_COMMANDS_BACKEND
 * @bytes: of data
 * @first_request: record n of the ring has request id first_request + n
 * @requests: that many ids, then no more
 * @checksum: CRC-32C of what stands before it
 */
struct command_header {
	uint64_t magic;
	uint32_t layout;
	uint32_t number;
	uint64_t bytes;
	uint64_t first_request;
	uint32_t requests;
	uint32_t flags;
	uint32_t record_bytes;
	uint32_t checksum;
};
_Static_assert(sizeof(struct command_header) == 48, "header of a command ring");

/** struct command_writer - the writer's page; @head: what lies before it is published */
struct command_writer {
	struct feed_cursor head;
	uint8_t pad[FEED_PAGE - sizeof(struct feed_cursor)];
};
_Static_assert(sizeof(struct command_writer) == FEED_PAGE, "one page");

/**
 * struct command_taker - the broker's page
 * @next: id of the request that is taken next: all before it have been taken for good. The one
 *	store that makes commands taken
 * @taken: cursor behind what was taken; stored after @next, frees the space. A broker killed
 *	between the two leaves it behind, and its successor skips what @next says is taken
 * @closed: not 0: nothing more is taken from this ring
 */
struct command_taker {
	struct feed_cursor next, taken, closed;
	uint8_t pad[FEED_PAGE - 3 * sizeof(struct feed_cursor)];
};
_Static_assert(sizeof(struct command_taker) == FEED_PAGE, "one page");

/* command_record.kind */
enum command_kind {
	COMMAND_REQUEST = 1, /* a platform request */
	COMMAND_ANSWER = 2   /* to a device's voice request */
};

/**
 * struct command_record - a command as it lies in the ring, little endian, 16-byte aligned
 *
 * Followed by device id and payload, then zero bytes up to @length.
 *
 * @length: of the whole record, padding included; a multiple of 16
 * @checksum: CRC-32C over two of them: of the members from @request on, of device id and payload
 * @request: its id
 * @expires: Unix ms; 0: the broker's own limit
 * @event: COMMAND_ANSWER: id of the uplink that is answered, 0 for the oldest that waits
 * @code: of the frame
 * @payload_length: bytes of payload, a JSON object
 * @worker: COMMAND_ANSWER: of the uplink that is answered
 */
struct command_record {
	uint32_t length;
	uint32_t checksum;
	uint64_t request;
	uint64_t expires;
	uint64_t event;
	uint32_t code;
	uint32_t payload_length;
	uint8_t device_length;
	uint8_t kind;
	uint8_t worker;
	uint8_t reserved[5];
};
_Static_assert(sizeof(struct command_record) == 48, "command record v1");

#define COMMAND_DEVICE_MAX 64
#define COMMAND_RECORD_MAX                                                                         \
	(sizeof(struct command_record) + COMMAND_DEVICE_MAX + HEARTH_COMMAND_PAYLOAD_MAX)

/** command_file_bytes() - size of the file. */
static inline uint64_t command_file_bytes(uint64_t bytes)
{
	return COMMAND_PAGES * (uint64_t)FEED_PAGE + bytes;
}

/** command_used() - bytes of a record that are not padding. */
static inline uint64_t command_used(const struct command_record *record)
{
	return sizeof(*record) + record->device_length + (uint64_t)record->payload_length;
}

/** command_header_seal() - set magic, layout, record size and checksum. */
void command_header_seal(struct command_header *header);

/**
 * command_header_read() - read and check a ring's header and the file's size
 * Return: 0; -EPROTO if it is not whole or of another layout; what the system said.
 */
int command_header_read(int fd, struct command_header *header);

/** command_checksum() - of a record: its members from @record, which may be a copy, the rest from
 * @data, where the whole of it lies. @record's lengths have been checked. */
uint32_t command_checksum(const struct command_record *record, const uint8_t *data);

/**
 * struct command_map - a ring mapped by one of its sides
 * @pages: the first COMMAND_PAGES pages
 * @data: twice
 */
struct command_map {
	struct command_header header;
	uint8_t *pages;
	struct command_writer *writer;
	struct command_taker *taker;
	uint8_t *data;
};

/**
 * command_map() - read the header and map pages and data
 * @writer: who maps: what the other side writes is mapped read-only
 *
 * Return: 0; -errno as command_header_read(), or what the system said; nothing is mapped then.
 */
int command_map(int fd, bool writer, struct command_map *map);

/** command_unmap() - one that was never mapped (all 0) is allowed. */
void command_unmap(struct command_map *map);
