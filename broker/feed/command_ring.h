/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* command_ring.h - the broker's side of the command rings: one for each backend process */
#pragma once

#include "command_layout.h"
#include "counter.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The control thread makes rings, attaches those that a predecessor left, and removes them when
 * their writer has gone and all is taken. Workers take: ring N belongs to worker N % workers.
 *
 * A turn of a worker:
 *	while (room && command_ring_next(rings, worker, workers, &item))
 *		if (!put_away(&item))
 *			command_ring_back(rings, worker, workers), room = false;
 *	...records written, head released, sessions committed, feed_applied()...
 *	command_rings_taken(rings, worker, workers);
 * What was put away must be durable before command_rings_taken(): after it the ring has it no more.
 * A broker killed before that finds the command in the ring again, and in what it put away, too:
 * command_rings_holds() tells which of the two copies counts.
 */
struct command_rings;

/* Bytes of data of a ring that is made on the control socket. */
#define COMMAND_RING_BYTES (1u << 20)

/* The registry's value that says from which request id on none has been given away. */
#define COMMAND_IDS_NAME "command_ids"

#define COMMANDS_COUNTERS(X)                                                                       \
	X(COMMAND_TAKEN, "command_taken", "commands taken from backends' rings")                   \
	X(COMMAND_BYTES, "command_bytes", "bytes taken from backends' rings")                      \
	X(COMMAND_BACK, "command_back", "commands left in their ring for lack of room")            \
	X(COMMAND_BAD_CURSOR, "command_bad_cursor", "rings given up: a cursor that cannot be")     \
	X(COMMAND_BAD_RECORD, "command_bad_record", "rings given up: a damaged record")
COUNTER_ENUM(command_ring_counter, COMMANDS_COUNTERS, COMMAND_RING_COUNTER_COUNT);
extern const struct counter_info command_ring_counter_info[COMMAND_RING_COUNTER_COUNT];

/**
 * command_rings_open() - attach the rings that a predecessor left beside @feed_path
 * @error: receives one line for people: why it failed, or, with 0, what had to be given up
 *
 * The caller holds the lock of @feed_path. A ring that is damaged or of another layout is removed
 * (its writer, if it lives, is told to register again). Return: 0; -errno.
 */
int command_rings_open(
	struct command_rings **rings, const char *feed_path, char *error, size_t size);

/** command_rings_close() - no worker runs any more. The files stay. NULL is allowed. */
void command_rings_close(struct command_rings *rings);

/**
 * command_rings_grace() - how to wait until no worker uses what it found before
 *
 * Called before a ring's memory is given back. Without it nothing is waited for: where workers run
 * in the calling thread.
 */
void command_rings_grace(struct command_rings *rings, void (*wait)(void *context), void *context);

/**
 * command_rings_register() - make a ring for a process. Control thread
 * @flags: HEARTH_COMMANDS_BACKEND
 * @first_request: of COMMAND_REQUESTS ids that nobody else ever had
 * @bytes: of data; rounded up to pages, at least two of the longest record
 * @number: receives the ring's
 * @error: receives one line for people when it fails
 *
 * Return: 0; -EBUSY: COMMAND_RINGS_MAX processes are registered; -ENOSPC; what the system said.
 */
int command_rings_register(struct command_rings *rings, unsigned flags, uint64_t first_request,
	uint64_t bytes, unsigned *number, char *error, size_t size);

/**
 * command_rings_hand() - the descriptor that a new ring's writer is to have; once, by the caller
 * of command_rings_register(), who closes it when the writer has its copy
 *
 * It holds the ring's lock: while a copy of it is open the writer lives, whoever has it.
 */
int command_rings_hand(struct command_rings *rings, unsigned number);

/** command_rings_path() - of a ring's file. */
void command_rings_path(
	const struct command_rings *rings, unsigned number, char *path, size_t size);

/** command_rings_reap() - remove the rings whose writer has gone and that are empty or damaged.
 * Control thread, about once a second. */
void command_rings_reap(struct command_rings *rings);

/** command_rings_backends() - living writers with HEARTH_COMMANDS_BACKEND, as the control thread
 * saw it last. Any thread. */
unsigned command_rings_backends(const struct command_rings *rings);

/** command_rings_highest() - behind the last request id that any of the rings can have; 0 if there
 * is none. Control thread. */
uint64_t command_rings_highest(const struct command_rings *rings);

/**
 * command_rings_holds() - does a ring still have this request, so that command_ring_next() will
 * return it? Only while no worker takes: for what is found put away when the broker starts.
 */
bool command_rings_holds(const struct command_rings *rings, uint64_t request);

/**
 * struct command_item - a command as it stands in a ring
 *
 * @device, @payload lead into memory that the writer can change at any time: copy, then check the
 * copy. What was checked here: lengths, checksum, kind, request id.
 *
 * @expires: Unix ms, 0: not said
 * @event, @worker: COMMAND_ANSWER: the uplink; 0: the oldest that waits
 */
struct command_item {
	uint64_t request, expires, event;
	uint32_t code, payload_length;
	uint8_t kind, worker, device_length;
	const char *device;
	const uint8_t *payload;
};

/**
 * command_ring_next() - the next command from @worker's rings, in turn; staged, not yet taken
 * Return: false if there is none now.
 */
bool command_ring_next(
	struct command_rings *rings, unsigned worker, unsigned workers, struct command_item *item);

/** command_ring_back() - the last item was not put away after all: it comes again. */
void command_ring_back(struct command_rings *rings, unsigned worker, unsigned workers);

/** command_rings_taken() - step (d'), after feed_applied(): what was staged is taken for good. */
void command_rings_taken(struct command_rings *rings, unsigned worker, unsigned workers);

/** command_ring_counters() - COMMAND_RING_COUNTER_COUNT counters of a worker. */
const uint64_t *command_ring_counters(const struct command_rings *rings, unsigned worker);

/**
 * struct command_ring_view - a ring for status
 * @waiting: bytes published, not yet taken
 * @taken: commands taken in all
 */
struct command_ring_view {
	unsigned number, flags;
	bool alive, damaged;
	uint64_t first_request, taken, waiting, bytes;
};

/** command_rings_view() - a ring as it is now; control thread. Return: is there one? */
bool command_rings_view(
	const struct command_rings *rings, unsigned number, struct command_ring_view *view);
