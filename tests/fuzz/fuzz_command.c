/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* fuzz_command.c - a backend's ring with anything in it, against a reader written from
 * command_layout.h's comments alone (K23) */
#include "feed/command_ring.h"
#include "feed/crc32c.h"
#include "fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

/*
 * Input: records to write, each a byte of choices and what they ask for:
 *	lengths of device id and payload, code; then, by the bits of the choice, one member made wrong.
 * At last how far the head is moved.
 */
enum {
	WRONG_LENGTH = 1,
	WRONG_CHECKSUM,
	WRONG_REQUEST,
	WRONG_DEVICE,
	WRONG_PAYLOAD,
	WRONG_KIND,
	RAW,
	CHOICES
};
enum { FIRST = COMMAND_REQUESTS };

static struct command_rings *rings;
static char folder[] = "/tmp/hearth-fuzz-XXXXXX", path[64];

static void clean_up(void)
{
	command_rings_close(rings);
	rmdir(folder);
}

static void start(void)
{
	char error[256];

	require(mkdtemp(folder), "mkdtemp");
	snprintf(path, sizeof(path), "%s/feed", folder);
	require(!command_rings_open(&rings, path, error, sizeof(error)), "%s", error);
	atexit(clean_up);
}

/* Write one record at @at. Return: bytes taken. */
static uint32_t write_record(struct input *input, uint8_t *data, uint32_t at, uint64_t request)
{
	struct command_record record = {.request = request, .kind = COMMAND_REQUEST};
	uint8_t choice = take8(input) % CHOICES;
	size_t text = take8(input) % (COMMAND_DEVICE_MAX + 1), payload = take16(input) % 600;
	uint32_t used;

	if (choice == RAW) {
		const uint8_t *bytes = take_bytes(input, &payload);

		memcpy(data + at, bytes, payload);
		return (uint32_t)(payload + 15) & ~15u;
	}
	record.device_length = (uint8_t)text;
	record.payload_length = (uint32_t)payload;
	record.code = take16(input);
	record.kind = 1 + take8(input) % 2;
	if (choice == WRONG_DEVICE)
		record.device_length = take8(input);
	if (choice == WRONG_PAYLOAD)
		record.payload_length = take32(input);
	if (choice == WRONG_KIND)
		record.kind = take8(input);
	if (choice == WRONG_REQUEST)
		record.request += take8(input);
	used = (uint32_t)(sizeof(record) + text + payload);
	record.length = (used + 15) & ~15u;
	if (choice == WRONG_LENGTH)
		record.length = take32(input);
	memset(data + at + sizeof(record), 'x', text + payload);
	memcpy(data + at, &record, sizeof(record));
	/* as command_layout.h says: from request on, and what follows */
	record.checksum = 0;
	if (record.payload_length < 70000)
		record.checksum = command_checksum(&record, data + at);
	record.checksum += choice == WRONG_CHECKSUM ? take8(input) : 0;
	memcpy(data + at, &record, sizeof(record));
	return (used + 15) & ~15u;
}

/* The second reader: how long is the good record at @at, if there is one? */
static uint32_t good(const uint8_t *data, uint64_t at, uint64_t end, uint64_t request)
{
	struct command_record record;
	uint64_t used;

	if (end - at < sizeof(record))
		return 0;
	memcpy(&record, data + at, sizeof(record));
	if (record.request != request || (record.kind != 1 && record.kind != 2) ||
		!record.device_length || record.device_length > 64 || record.payload_length > 65536)
		return 0;
	used = sizeof(record) + record.device_length + record.payload_length;
	if (record.length != (used + 15) / 16 * 16 || record.length > end - at ||
		record.checksum != command_checksum(&record, data + at))
		return 0;
	return record.length;
}

static void compare(const struct command_map *map, uint64_t head)
{
	uint64_t at = 0, request = FIRST;
	const struct command_taker *taker = map->taker;
	struct command_item item;
	bool possible = head <= map->header.bytes && head % 16 == 0;
	uint32_t length;

	while (command_ring_next(rings, 0, 1, &item)) {
		length = possible ? good(map->data, at, head, request) : 0;
		require(length, "a record that is none");
		require(item.request == request, "request");
		require(item.device == NULL || item.device_length <= COMMAND_DEVICE_MAX, "device");
		/* put back, it comes again */
		if (request % 3 == 0) {
			struct command_item again;

			command_ring_back(rings, 0, 1);
			require(command_ring_next(rings, 0, 1, &again) &&
					again.request == item.request &&
					again.payload == item.payload,
				"the same again");
		}
		at += length;
		request++;
	}
	command_rings_taken(rings, 0, 1);
	require(taker->next.value == request && taker->taken.value == at, "what is taken");
	/* all of it, or the ring is given up */
	if (possible && at == head)
		require(!taker->closed.value, "given up for nothing");
	else
		require(taker->closed.value && !good(map->data, at, possible ? head : at, request),
			"not given up");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	uint32_t at = 0;
	uint64_t request = FIRST, head;
	struct command_map map;
	unsigned number;
	char error[256];
	int fd;

	if (!rings)
		start();
	require(!command_rings_register(
			rings, 0, FIRST, 2 * COMMAND_RECORD_MAX, &number, error, sizeof(error)),
		"%s", error);
	fd = command_rings_hand(rings, number);
	require(!command_map(fd, true, &map), "mapped by its writer");
	while (input.left > 4 && at < 100000)
		at += write_record(&input, map.data, at, request++);
	head = at;
	if (take8(&input) & 1)
		head += (int8_t)take8(&input) * (uint64_t)(1 + take16(&input));
	__atomic_store_n(&map.writer->head.value, head, __ATOMIC_RELEASE);
	compare(&map, head);
	command_unmap(&map);
	close(fd);
	command_rings_reap(rings);
	/* a ring that holds what is never taken goes only when it is given up */
	require(!command_rings_backends(rings), "backends");
	return 0;
}
