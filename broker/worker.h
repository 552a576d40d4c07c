/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* worker.h - one poll-mode worker: everything it owns, and one turn of its loop */
#pragma once

#include "mailbox.h"
#include "protocol.h"
#include "stack.h"
#include "worker_view.h"

#include <stddef.h>
#include <stdint.h>

#define WORKER_COUNTERS(X)                                                                         \
	X(WORKER_CONNECTIONS, "connections", "TCP connections established")                        \
	X(WORKER_DATAGRAMS, "datagrams", "UDP datagrams taken")                                    \
	X(WORKER_DROP_DATAGRAM, "drop_datagram", "UDP datagrams of a length no frame has")         \
	X(WORKER_DROP_BATCH, "drop_batch", "UDP datagrams dropped: too many frames in one turn")   \
	X(WORKER_DROP_ANSWER, "drop_answer", "frames to devices that found no room to leave")      \
	X(WORKER_DEADLINE, "deadline", "connections closed because their deadline came")           \
	X(WORKER_MAIL, "mail", "requests taken from the control thread")                           \
	X(WORKER_NOTES, "notes", "notes taken from other workers")                                 \
	X(WORKER_NOTES_FULL, "notes_full", "notes to other workers that found no room")            \
	X(WORKER_FETCHES, "fetches", "connects that waited for their session to come")             \
	X(WORKER_DROP_FETCH, "drop_fetch", "connections closed: no room to wait, or too long")     \
	X(WORKER_DROP_KEPT, "drop_kept", "frames dropped behind a connect that waited")            \
	X(WORKER_COMMANDS, "commands", "platform requests taken from backends' rings")             \
	X(WORKER_COMMANDS_FULL, "commands_full",                                                   \
		"platform requests left in their ring: the pool had no room")                      \
	X(WORKER_COMMANDS_DAMAGED, "commands_damaged",                                             \
		"platform requests given up: damaged in the pool when it was attached")            \
	X(WORKER_DROP_HOPS, "drop_hops",                                                           \
		"datagrams dropped: their session moved faster than they did")
COUNTER_ENUM(worker_counter, WORKER_COUNTERS, WORKER_COUNTER_COUNT);
extern const struct counter_info worker_counter_info[WORKER_COUNTER_COUNT];

/** A frame must be complete so long after its first byte; a connection must have a session so long
 * after it was opened. Seconds. */
#define WORKER_FRAME_SECONDS 30

struct command_pool;
struct worker_mesh;

/**
 * struct worker_setup - what a worker is made of; everything is borrowed and outlives it
 * @number, @count: which worker, of how many
 * @mesh: what it shares with the others; NULL where there is one
 * @links: one per configured port
 * @tsc_hz: for the stage accounting
 * @draining: set while no session may begin; may be NULL
 * @trace: where to tell what devices say that operators follow; may be NULL
 */
struct worker_setup {
	const struct config *config;
	unsigned number, count;
	struct worker_mesh *mesh;
	struct link *links[CONFIG_PORTS_MAX];
	const struct rss *rss;
	struct session_table *table;
	struct registry *registry;
	struct binding_table *bindings;
	struct feed *feed;
	struct command_rings *commands; /* NULL: there are none */
	struct mc_watch *watch;         /* NULL: nobody is watched */
	struct command_pool *command_pool;
	struct random *random;
	bool huge;
	uint64_t tsc_hz;
	const bool *draining;
	struct trace *trace;
};

struct worker;

/**
 * worker_new() - make a worker; workers_attach() is still due
 * @now: the time of the first turn
 * @error: receives one line for people when it fails
 *
 * The calling thread is registered with urcu-qsbr. Return: NULL with errno set.
 */
struct worker *worker_new(
	const struct worker_setup *setup, const struct turn_clock *now, char *error, size_t size);

/**
 * workers_attach() - attach all workers to the sessions and records that a predecessor left
 * @error: receives one line for people when it fails
 *
 * Every entry is its range's again; the records that each ring has not applied are, in whichever
 * range their sessions lie (see session.h, Ownership); then every device's record is made anew.
 * The calling thread is registered with urcu-qsbr. Return: 0, or -EBADMSG: a ring is damaged.
 */
int workers_attach(struct worker *const *workers, unsigned count, char *error, size_t size);

/** worker_free() - NULL is allowed. Sessions and ring stay as they are. */
void worker_free(struct worker *worker);

/** worker_bytes() - memory a worker takes, for the start-up line. */
size_t worker_bytes(const struct worker_setup *setup);

/** worker_attached() - sessions that were live when it attached. */
uint32_t worker_attached(const struct worker *worker);

/**
 * worker_turn() - one turn (DESIGN "One turn of a worker"): a burst in, decided, answered, out
 * Return: whether there was anything to do. No lock, allocation, log or system call.
 */
bool worker_turn(struct worker *worker, const struct turn_clock *now);

/**
 * worker_configure() - another configuration from its next turn on; called by the control thread
 * @config: borrowed, until worker_config() shows another one
 *
 * Keys that are not FIELD_RUN_TIME or FIELD_BOUND (config_yaml.h) are as they were.
 */
void worker_configure(struct worker *worker, const struct config *config);

/** worker_config() - the configuration that it has in use; any thread. Once that is another one, the
 * one before is not looked at again. */
const struct config *worker_config(const struct worker *worker);

/** worker_post() - hand it a request; called by the control thread only. 0 or -EAGAIN. */
int worker_post(struct worker *worker, enum control_op op, session_handle handle);

/** worker_peer() - the 4-tuple of a connection, for status; any thread, may be a turn behind. */
bool worker_peer(const struct worker *worker, tcp_id connection, struct tcp_tuple *tuple);

/** worker_views() - its counters by layer, for status; any thread. Return: views filled,
 * at most COUNTER_VIEWS_MAX. */
unsigned worker_views(struct worker *worker, struct counter_view *views);

/** worker_pools() - its pools, for the start-up line and status; any thread. Return: views filled,
 * at most WORKER_POOLS_MAX. */
unsigned worker_pools(const struct worker *worker, struct pool_view *views);

/** worker_turns() - its turn accounting; any thread. */
void worker_turns(const struct worker *worker, struct turn_view *view);

/** worker_histograms() - of its busy turns and the answers in them; any thread. Return: views
 * filled, at most WORKER_HISTOGRAMS_MAX. */
unsigned worker_histograms(const struct worker *worker, struct histogram_view *views);

/** worker_gaps() - gap_log_read() of it; any thread. */
unsigned worker_gaps(const struct worker *worker, struct gap gaps[GAP_LOG], uint64_t *count);
