/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* command.h - platform requests under way, in a shared-memory pool that outlives the process */
#pragma once

#include "session/session.h"

/*
 * PATH.commands holds a header page and blocks of 1 KiB. A command is a chain of as many blocks as
 * its payload takes, most often one. It lives there from being taken out of its backend's ring
 * until its one outcome is in an event ring.
 *
 * What a restart believes is the command's text, under a checksum, and one 8-byte word of its first
 * block, its life. All else - queues, timers, who holds it - is plain memory and made anew.
 *
 *	free -> placed -> sent -> (owed ->) free
 *
 * As with sessions nothing of that changes while a turn decides: command_change() notes what a
 * command becomes, command_commit() stores it once the turn's records are published (DESIGN "Crash
 * order", step c), before session_commit(). A kill in between is repaired from the records, which
 * carry the request's id: command_forget().
 *
 * A command belongs to one worker at a time. It is handed on by a note (mailbox.h), which orders
 * what the two see of it.
 */

/* No command: indexes are 0-based, links and session_turn.command are index + 1. */
#define COMMAND_NONE UINT32_MAX

#define COMMAND_BLOCK_BYTES 1024
#define COMMAND_BLOCKS_MAX (1u << 20)

enum command_state {
	COMMAND_FREE,   /* or a later block of a chain */
	COMMAND_PLACED, /* in the pool, not sent to its device */
	COMMAND_SENT,   /* it may have been executed */
	COMMAND_OWED    /* its outcome is known, the ring had no room for it */
};

/**
 * struct command_life - what becomes of a command: one 8-byte store
 * @state: enum command_state
 * @reason: OWED: enum hearth_reason of undelivered; 0: it was answered
 * @sends: how often it was sent
 * @sequence: SENT: its number
 * @kept: OWED and answered: the chain that holds the record of its response, + 1
 */
struct command_life {
	uint64_t state : 4;
	uint64_t reason : 8;
	uint64_t sends : 4;
	uint64_t sequence : 16;
	uint64_t kept : 32;
};
_Static_assert(sizeof(struct command_life) == 8, "life is one 8-byte store");

/**
 * struct command_text - what a backend asked for
 * @request: id that its outcome carries
 * @expires: Unix ms; not sent after that
 * @event, @worker: of the uplink that is answered (@kind COMMAND_ANSWER), 0: any
 * @code: of the frame
 * @kind: enum command_kind
 */
struct command_text {
	uint64_t request, expires, event;
	uint32_t code, payload_length;
	uint8_t kind, worker, device_length;
	const char *device;
	const uint8_t *payload; /* command_text_of(): NULL, it may lie in pieces */
};

/**
 * struct command_slot - what there is of a command in plain memory; its worker's
 * @life: as decided; changed by command_change() only
 * @handle, @number: SENT: the session, and the "session" of its events
 * @due: SENT: when it is sent again or given up, monotonic microseconds
 * @count: SENT: the device's requests when it was first sent: while it is still that nothing fresh
 *	was heard
 * @bytes: its protocol's: length of what is sent, at most
 * @next: + 1: the command behind it in its session's queue, or among those that have arrived
 */
struct command_slot {
	struct command_life life;
	session_handle handle;
	uint64_t number;
	uint64_t due;
	uint32_t count;
	uint32_t bytes;
	uint32_t next;
	uint32_t place; /* where it stands among those that its worker holds, + 1 */
	bool changed;
};

struct command_pool;
struct command_worker; /* one worker's share of the work; the blocks are common */

/**
 * struct command_config
 * @path: of the pool's file
 * @blocks: limits.commands
 */
struct command_config {
	const char *path;
	uint32_t blocks;
	unsigned workers;
};

/**
 * command_pool_open() - make the pool, or attach to a predecessor's
 * @error: receives one line for people, with the remedy, when it fails
 *
 * The caller holds the lock of the event rings. Mode 0600. Another layout or size is made anew
 * if no command is under way, else refused with -EEXIST. Damaged: -EPROTO; another user's: -EPERM.
 * After attaching: command_forget() for each outcome in [applied, head) of the rings, then
 * command_attach().
 */
int command_pool_open(
	struct command_pool **pool, const struct command_config *config, char *error, size_t size);

/** command_pool_attached() - did command_pool_open() find a predecessor's pool? */
bool command_pool_attached(const struct command_pool *pool);

/** command_pool_close() - unmap; the file stays. NULL is allowed. */
void command_pool_close(struct command_pool *pool);

/** command_forget() - on attach: this request has had its outcome (idempotent). */
void command_forget(struct command_pool *pool, uint64_t request);

/**
 * command_attach() - on attach: visit every command, in the order in which they were taken
 * @visit: returns false to have it freed: it is not the pool's after all
 *
 * A visited command may be changed; command_commit() of its worker is still due.
 * Return: commands visited; what was damaged is freed and counted in @damaged.
 */
uint32_t command_attach(struct command_pool *pool, bool (*visit)(void *context, uint32_t index),
	void *context, uint32_t *damaged);

/** command_pool_limit(), command_pool_used() - blocks; any thread. */
uint32_t command_pool_limit(const struct command_pool *pool);
uint32_t command_pool_used(const struct command_pool *pool);

/** command_pool_bytes() - memory of the pool, plain memory included. */
size_t command_pool_bytes(const struct command_pool *pool);

/** command_worker() - worker @worker's share. */
struct command_worker *command_worker(struct command_pool *pool, unsigned worker);

/**
 * command_place() - copy a command into the pool: COMMAND_PLACED
 *
 * Between feed_applied() and the next decision: it is stored at once. @text->payload may change
 * while it is copied; what counts is the copy. Return: its index, or COMMAND_NONE: no room.
 */
uint32_t command_place(struct command_worker *worker, const struct command_text *text);

/** command_slot() - a command's plain memory; for the worker that has it. */
struct command_slot *command_slot(const struct command_worker *worker, uint32_t index);

/** command_text_of() - what stands in its first block; @device leads into the pool. */
void command_text_of(
	const struct command_worker *worker, uint32_t index, struct command_text *text);

/** command_payload() - copy its payload, payload_length bytes, to @out. */
void command_payload(const struct command_worker *worker, uint32_t index, uint8_t *out);

/** command_change() - what it becomes at the end of this turn. COMMAND_FREE: it has had its
 * outcome, its blocks are free from the commit on. */
void command_change(struct command_worker *worker, uint32_t index, struct command_life life);

/**
 * command_keep() - write what a response consists of to a chain of its own
 * @head, @device, @payload: concatenated
 * Return: the chain for command_life.kept (its first block + 1); 0: no room.
 */
uint32_t command_keep(struct command_worker *worker, uint64_t request, const void *head,
	uint32_t head_length, const void *device, uint32_t device_length, const void *payload,
	uint32_t payload_length);

/** command_kept() - copy such a chain's bytes to @out, at most @size. Return: their number. */
uint32_t command_kept(
	const struct command_worker *worker, uint32_t kept, uint8_t *out, uint32_t size);

/** command_commit() - step (c): store what command_change() noted, in its order. */
void command_commit(struct command_worker *worker);

/*
 * Those that have arrived and are not decided on yet: first in, first out.
 */

/** command_arrive() - one more, the last. */
void command_arrive(struct command_worker *worker, uint32_t index);

/** command_first() - take the first; COMMAND_NONE: there is none. */
uint32_t command_first(struct command_worker *worker);

/** command_return() - it was not decided on: it is the first again. */
void command_return(struct command_worker *worker, uint32_t index);

/** command_arrived() - how many there are. */
uint32_t command_arrived(const struct command_worker *worker);

/*
 * Those that a worker holds: in a session's queue, or owed. It looks at each in turn.
 */

/** command_hold() - from now on it is looked at. */
void command_hold(struct command_worker *worker, uint32_t index);

/** command_release() - not any more. It may be one that is not held. */
void command_release(struct command_worker *worker, uint32_t index);

/** command_held() - how many there are. */
uint32_t command_held(const struct command_worker *worker);

/** command_sweep() - look at the next @budget of them; @visit may release it, or hold others. */
void command_sweep(struct command_worker *worker, uint32_t budget,
	bool (*visit)(void *context, uint32_t index), void *context);
