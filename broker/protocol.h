/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* protocol.h - the seam: what a protocol offers the worker, and the calls it has back */
#pragma once

#include "config.h"
#include "counter.h"
#include "crypto/aes.h"
#include "feed/feed.h"
#include "random.h"
#include "registry/binding.h"
#include "registry/registry.h"
#include "session/command.h"
#include "session/session.h"
#include "trace.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where a worker's cycles go; each stage's share is accounted per turn. */
#define STAGES(X)                                                                                  \
	X(STAGE_RECEIVE, "receive", "port receive, parsing, TCP and UDP input")                    \
	X(STAGE_FRAME, "frame", "framing and envelopes")                                           \
	X(STAGE_LOOKUP, "lookup", "sessions, devices and keys")                                    \
	X(STAGE_BASE64, "base64", "Base64, both ways")                                             \
	X(STAGE_AES, "aes", "AES-CBC, both ways")                                                  \
	X(STAGE_JSON, "json", "JSON scan")                                                         \
	X(STAGE_DECIDE, "decide", "decisions and event records")                                   \
	X(STAGE_ANSWER, "answer", "building answers")                                              \
	X(STAGE_PUBLISH, "publish", "ring head, session commit")                                   \
	X(STAGE_TRANSMIT, "transmit", "TCP output, port transmit")                                 \
	X(STAGE_TIMERS, "timers", "timers and sweeps")                                             \
	X(STAGE_SLICES, "slices", "control requests, notes, jobs, commands, RCU")
COUNTER_ENUM(stage, STAGES, STAGE_COUNT);
extern const struct counter_info stage_info[STAGE_COUNT];

/** struct turn_clock - the one time-stamp of a turn */
struct turn_clock {
	uint64_t us;      /* monotonic, microseconds */
	uint32_t tick;    /* monotonic, seconds (CLOCK_MONOTONIC: comes through a restart) */
	uint64_t unix_ms; /* wall clock */
};

/**
 * struct peer - where a message came from, and so where its answer goes
 * @via: enum session_via
 * @listener: index of the protocol's listener that it came to
 * @connection: VIA_TCP: the connection
 * @udp: VIA_UDP: the device's address and the address of ours that it spoke to
 */
struct peer {
	uint8_t via;
	uint8_t listener;
	uint32_t connection;
	struct session_peer udp;
};

/** struct message - one whole frame; @data stays valid until the batch call returns. @hops: how
 * often one worker handed it to another */
struct message {
	const uint8_t *data;
	uint32_t length;
	struct peer peer;
	uint8_t hops;
};

/**
 * struct listener - a port that a protocol wants to be served on; host order
 * @closes: VIA_TCP: bytes too short to be a frame end the connection, as a bad frame does there
 */
struct listener {
	uint8_t via;
	bool closes;
	uint16_t port;
	uint32_t
		first_bytes; /* VIA_TCP: longest frame before the connection is bound to a session */
	uint32_t frame_bytes; /* longest frame */
};

/** Messages handed over at once, at most. */
#define PROTOCOL_BATCH 256

struct command_rings; /* feed/command_ring.h */
struct mc_watch;      /* mc/mc_watch.h */

/**
 * struct host - what a worker offers its protocols
 *
 * @commands: backends' command rings; NULL: there are none
 * @watch: reconnects and failed logins, shared by all workers; NULL: nobody is watched
 * @pool: commands under way
 * @draining: the node leaves for good: no session begins any more; NULL: it does not
 * @waiting: messages that wait for their session, see host_keep()
 * @following: a bit for each device that somebody follows, the same throughout a turn
 * @trace: where to tell what they say; may be NULL while @following is 0
 * @answered: the protocol adds how many frames of this turn it has answered
 * @answered_late: committed() adds how many answers it has made
 *
 * The calls below this struct are implemented by the worker (and by tests on plain memory).
 */
struct host {
	const struct config *config;
	struct turn_clock clock;
	unsigned worker;
	struct session_table *table;
	struct session_worker *sessions;
	struct registry *registry;
	struct binding_worker *bindings;
	struct feed_ring *feed;
	struct command_rings *commands;
	struct mc_watch *watch;
	struct command_worker *pool;
	struct aes_burst *aes;
	struct random *random;
	const bool *draining;
	unsigned waiting;
	uint32_t following;
	struct trace_side *trace;
	uint32_t answered, answered_late;
	void *context; /* the worker's own */
};

/** host_draining() - does the node leave for good? */
static inline bool host_draining(const struct host *host)
{
	return host->draining && __atomic_load_n(host->draining, __ATOMIC_ACQUIRE);
}

/** host_stage() - from here on cycles belong to @stage. */
void host_stage(struct host *host, enum stage stage);

/**
 * host_reserve() - room for one frame to @to; it leaves with the end of the turn
 * @bytes: its largest size
 * @ticket: names the reservation
 * Return: where to write, or NULL (counted by the worker): the connection is closing, no room, the
 * next hop is unknown.
 */
uint8_t *host_reserve(struct host *host, const struct peer *to, uint32_t bytes, uint32_t *ticket);

/** host_commit() - the frame is @bytes long; 0 gives the reservation up. */
void host_commit(struct host *host, const struct peer *to, uint32_t ticket, uint32_t bytes);

/** host_close() - close a connection once its queue has left. closed() is not called. */
void host_close(struct host *host, uint32_t connection);

/** host_bind() - a connection now belongs to a session: frames up to frame_bytes are taken, and
 * closed() will name it; a deadline set before is void, a frame under way has the worker's own.
 * @handle 0 unbinds. */
void host_bind(struct host *host, uint32_t connection, session_handle handle);

/** host_bound() - the session a connection is bound to, 0 if none or the connection is gone. */
session_handle host_bound(struct host *host, uint32_t connection);

/** host_deadline() - have the connection closed @seconds from now (0: never); later calls win.
 * closed() is called then as if the peer had closed. */
void host_deadline(struct host *host, uint32_t connection, uint32_t seconds);

/** host_peer_address() - a message's address for events: 16 bytes and host-order port; all 0
 * when it is not known any more. */
void host_peer_address(
	struct host *host, const struct peer *peer, uint8_t address[16], uint16_t *port);

/*
 * Several workers. A session is decided on by the worker that owns it (session_owned()), and each
 * connection belongs to one worker: so datagrams go to their session, and a session goes to the
 * connection that a connect came by.
 */

/** host_hand() - hand a datagram's frame to the worker that owns session entry @index, as if it had
 * come there. What finds no room, or was handed on too often, is dropped and counted: the device
 * repeats it. */
void host_hand(struct host *host, const struct message *message, uint32_t index);

/**
 * host_fetch() - have session entry @index come to this worker for @message, a connect
 *
 * The message is kept, and comes again in a batch once this worker owns the session. If that takes
 * too long the connection is closed.
 * Return: false (counted) when no more can be kept.
 */
bool host_fetch(struct host *host, const struct message *message, uint32_t index);

/** host_keep() - does a message's connection wait for its session? Then it is kept, too, and comes
 * again behind the one that host_fetch() kept. Asked only while @waiting is not 0. */
bool host_keep(struct host *host, const struct message *message);

/** host_command() - hand a command of the pool to the worker that owns session entry @index.
 * Return: false when its box is full: the caller has it still. */
bool host_command(struct host *host, uint32_t command, uint32_t index);

/** host_look() - have whoever owns session entry @index look at it soon: its device's record has
 * changed. It would find out by its sweep. */
void host_look(struct host *host, uint32_t index);

/** host_committed() - have whoever owns the session of @handle know that its request @count is
 * committed (acknowledged()). Return: false when that finds no room now. */
bool host_committed(struct host *host, session_handle handle, uint32_t count);

/** enum control_op - what the control thread asks a worker to do to a session */
enum control_op {
	CONTROL_KICK,
	CONTROL_REMOVED,
	CONTROL_SHUTDOWN, /* the node leaves: once no answer of the session's waits for a commit */
	CONTROL_SHUTDOWN_NOW,
	CONTROL_OPS
};

/**
 * struct protocol - a protocol's handlers, all called on the worker's thread
 * @name: as in the events
 * @start: make the per-worker state; fills in @listeners (room for 8), returns their number or
 *	-errno
 * @stop: free it
 * @frame_end: offset just past the first whole frame at @data, 0 if there is none yet; @from bytes
 *	were looked at before
 * @messages: a batch in order of arrival; answers and records are made before it returns
 * @closed: a bound connection ended (peer closed, reset, timed out, deadline)
 * @restored: on attach: one record of [applied, head), to be applied again by session_restore()
 * @attached: on attach, after all records: the session is what the slab says; rebuild what refers
 *	to it (the device's index) and give it one more timeout period
 * @uncommitted: on attach with feed.acknowledge: commit, after all sessions: a record that is not
 *	committed, or not answered
 * @committed: a record is committed now: the answer that waited for it leaves. Return: false if
 *	this turn has no room for it; it comes again
 * @acknowledged: another worker's ring had such a record of a session of this one: request @count
 *	waits no more
 * @sweep: a bounded slice of time-outs, lapsed logins, owed events: so many blocks of sessions
 * @finish: the turn has decided: what is still to be sent goes to the transports now. Return: did it
 *	work off a slice of something that no frame of this turn brought?
 * @look: look at one session of this worker as a sweep does
 * @release: another worker has a connect for this session: end what binds it to this one.
 *	Return: may it go?
 * @control: a request of the control thread for a session of this worker
 * @command: decide on a command of the pool that has arrived. Return: false: not in this turn,
 *	it is to come again
 * @command_due: look at a command that is held: its time may have come. Return: false: look at no
 *	others in this turn
 * @command_attached: on attach, after all sessions: a command that was sent, or whose outcome is
 *	owed; of the worker in whose range its session lies
 * @resumed: a job of this worker's is done, or the control thread has one for it
 * @counters: its counters, and their names in @counter_info, @counter_count
 */
struct protocol {
	const char *name;
	int (*start)(void **state, struct host *host, struct listener *listeners);
	void (*stop)(void *state);
	uint32_t (*frame_end)(const uint8_t *data, uint32_t length, uint32_t from);
	void (*messages)(void *state, const struct message *messages, unsigned count);
	void (*closed)(void *state, uint32_t connection, session_handle handle);
	void (*restored)(void *state, const struct hearth_item *item);
	void (*attached)(void *state, uint32_t index);
	void (*uncommitted)(void *state, const struct hearth_item *item);
	bool (*committed)(void *state, const struct hearth_item *item);
	void (*acknowledged)(void *state, session_handle handle, uint32_t count);
	void (*sweep)(void *state, uint32_t budget);
	bool (*finish)(void *state);
	void (*look)(void *state, uint32_t index);
	bool (*release)(void *state, uint32_t index);
	void (*control)(void *state, enum control_op op, session_handle handle);
	bool (*command)(void *state, uint32_t command);
	bool (*command_due)(void *state, uint32_t command);
	void (*command_attached)(void *state, uint32_t command);
	void (*resumed)(void *state, const struct job *job);
	const uint64_t *(*counters)(void *state);
	const struct counter_info *counter_info;
	unsigned counter_count;
};

/** The protocols that are built in; the one table that a new one is added to (protocols.c). */
extern const struct protocol *const protocols[];
extern const unsigned protocol_count;
