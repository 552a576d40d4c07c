/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* trace.h - what a few devices say and what is decided about it, for operators who follow them */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The control thread names up to four devices; every worker learns that at the begin of its next
 * turn, by one load. A protocol whose host says that nobody is followed does nothing at all. What
 * it has to say of a followed device goes into this worker's own ring in process memory, and the
 * control thread makes words of it. A ring that is full loses records and counts them: a worker
 * never waits.
 */

#define TRACE_DEVICES_MAX 4
#define TRACE_ID_MAX 64
#define TRACE_NO_EVENT UINT64_MAX

/** A worker's ring; it takes the longest frame of a protocol, and then some. */
#define TRACE_RING_BYTES (512u * 1024)

enum trace_kind {
	TRACE_IN,  /* a frame from the device */
	TRACE_OUT, /* a frame to it */
	TRACE_NOTE /* something that happened to it */
};

/* struct trace_record.flags; the upper byte is the protocol's */
#define TRACE_HAS_SEQUENCE 0x0001
#define TRACE_BY_ADDRESS                                                                           \
	0x0002 /* nobody knows whose it is: it came from where the device was last */

/**
 * struct trace_record - one line to be, in a worker's ring; its payload follows
 * @bytes: with payload, a multiple of 16
 * @follow: which following it belongs to; filled in by trace_add()
 * @us, @unix_ms: of the turn
 * @session: number as in the events, 0: none
 * @event: id of the event that was written; TRACE_NO_EVENT
 * @tell: makes words of what was decided; runs on the control thread
 * @name: of the code, static; may be NULL
 * @peer, @port: IPv6 or mapped IPv4, host order; all 0: not known
 * @count: number of the request since the connect, 0: none
 * @value: what @tell wants to know
 * @said: what the protocol noted, in its own numbers, @said_count of them
 * @payload_length: bytes behind the record: one JSON object without line breaks and secrets, or
 * none
 */
struct trace_record {
	uint32_t bytes;
	uint32_t follow;
	uint64_t us, unix_ms;
	uint64_t session;
	uint64_t event;
	void (*tell)(const struct trace_record *record, char *out, size_t size);
	const char *name;
	uint8_t peer[16];
	uint16_t port;
	uint16_t sequence;
	uint16_t flags;
	uint8_t kind, worker, via, slot;
	uint8_t said_count;
	uint8_t said[9];
	uint32_t code;
	uint32_t count;
	uint32_t payload_length;
	int64_t value[3];
};
_Static_assert(sizeof(struct trace_record) % 16 == 0, "a payload begins on a boundary");

struct trace;
struct trace_side; /* one worker's */

/** trace_new() - nobody is followed yet, no ring is there. NULL with errno set. */
struct trace *trace_new(unsigned workers);

/** trace_free() - NULL is allowed; no worker runs any more. */
void trace_free(struct trace *trace);

/* ---- the control thread ---- */

/**
 * trace_follow() - have the workers trace a device; several may follow the same one
 * @id: at most TRACE_ID_MAX bytes
 *
 * The rings are made when somebody follows for the first time, and stay.
 * Return: its slot; -ENOSPC: others are followed already, as many as there can be; -EAGAIN: a
 * worker may still be looking at the last one that left; -ENOMEM; -EINVAL: the id's length.
 */
int trace_follow(struct trace *trace, const char *id, size_t length);

/** trace_leave() - one follower less. */
void trace_leave(struct trace *trace, unsigned slot);

/**
 * trace_next() - the oldest record of all rings
 *
 * Valid until trace_done(). Return: NULL when there is none.
 */
const struct trace_record *trace_next(struct trace *trace);

/** trace_done() - the record that trace_next() gave is not needed any more. */
void trace_done(struct trace *trace);

/** trace_lost() - records of a slot that found no room since this was last asked. */
uint64_t trace_lost(struct trace *trace, unsigned slot);

/* ---- a worker ---- */

/** trace_side() - worker @worker's end. */
struct trace_side *trace_side(struct trace *trace, unsigned worker);

/** trace_turn() - at the begin of a turn. Return: a bit for each slot that is followed. */
uint32_t trace_turn(struct trace_side *side);

/** trace_match() - the slot of a device's id among @following, or -1. */
int trace_match(const struct trace_side *side, uint32_t following, const void *id, uint32_t length);

/** trace_at() - the device of @slot is at that address. */
void trace_at(struct trace_side *side, unsigned slot, const uint8_t address[16]);

/** trace_match_at() - the slot whose device was last at that address, or -1. */
int trace_match_at(const struct trace_side *side, uint32_t following, const uint8_t address[16]);

/**
 * trace_add() - a record with room for a payload of @room bytes behind it
 *
 * Zeroed but for what trace.c knows. Nobody sees it before trace_publish(); until then it may be
 * written to, also behind trace_added(). Return: NULL (counted) when there is no room.
 */
struct trace_record *trace_add(struct trace_side *side, unsigned slot, uint32_t room);

/** trace_added() - it has its payload, of payload_length bytes. Before the next trace_add(). */
void trace_added(struct trace_side *side, struct trace_record *record);

/** trace_publish() - have all that was added seen. */
void trace_publish(struct trace_side *side);

/** trace_payload() - the bytes behind a record. */
static inline uint8_t *trace_payload(const struct trace_record *record)
{
	return (uint8_t *)(uintptr_t)(record + 1);
}
