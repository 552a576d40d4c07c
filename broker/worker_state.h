/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* worker_state.h - a worker's own memory; for worker*.c only */
#pragma once

#include "chunk.h"
#include "mailbox.h"
#include "stages.h"
#include "stream.h"
#include "turn_histogram.h"
#include "worker.h"
#include "worker_mesh.h"

#define WORKER_PROTOCOLS_MAX 8
#define WORKER_LISTENERS_MAX 16
/* Frames of one turn. A frame of the protocols spoken here has never fewer bytes than SHORTEST. */
#define WORKER_MESSAGES 2048
#define WORKER_FRAME_SHORTEST 32
/* Connections that end in one turn: every segment of a burst can end one twice (bytes that are no
 * frame, FIN). */
#define WORKER_ENDS (2 * STACK_BURST * (CONFIG_PORTS_MAX + 1) + 1)
/* Blocks of sessions stepped over in one turn, most of them without a look. */
#define WORKER_SWEEP_MAX 8
/* Timers have steps of 8 ms: what is due is asked for no oftener than so many microseconds. */
#define WORKER_TIMERS_US 16
#define WORKER_MAIL_MAX 16
#define WORKER_NOTES_MAX 64
#define WORKER_JOBS_MAX 32
/* Answers to what was committed; with those to a burst they fit the queue of a link. */
#define WORKER_ANSWERS_MAX 128
/* Messages that may wait for their session to come from another worker. */
#define WORKER_WAITS 512
/* A datagram is handed on that often at most. */
#define WORKER_HOPS_MAX 3
/* What a connection may have under way to its device: one frame of the longest kind. */
#define WORKER_SEND_BYTES 65536

/* A connection on which nothing valid came for so long is reset: longer than any heartbeat rule. */
#define WORKER_IDLE_US(heartbeat) ((3ull * (heartbeat) + 10 + 60) * 1000000)

/** struct connection - what the worker keeps in each TCP connection (TCP_USER_BYTES) */
struct connection {
	session_handle handle; /* the session it is bound to, 0 if none */
	struct stream stream;  /* its listener: index in worker->listeners */
};
_Static_assert(sizeof(struct connection) <= TCP_USER_BYTES, "fits what TCP keeps for its user");

/** struct worker_listener - a listener of some protocol */
struct worker_listener {
	const struct protocol *protocol;
	uint8_t slot;  /* of the protocol in protocols[] */
	uint8_t index; /* among the protocol's listeners */
	uint8_t via;
	bool closes;
	uint16_t port; /* network byte order */
	uint32_t first_bytes, frame_bytes;
};

enum end_kind {
	END_GONE,     /* TCP has forgotten it */
	END_FINISHED, /* the device sent FIN */
	END_DEADLINE, /* its time is over */
	END_NO_FRAME  /* bytes that cannot be a frame */
};

/** struct end - a connection that ended in this turn */
struct end {
	session_handle handle;
	struct tcp_tuple tuple;
	tcp_id connection;
	uint8_t listener;
	uint8_t kind;
};

/**
 * struct wait - a message of a connection whose session is on its way from another worker
 * @chunk: it lies there
 * @index: the session entry; SESSION_NONE: behind a connect of the same connection
 * @since, @asked: when it came, when its session's owner was asked last; microseconds
 */
struct wait {
	struct message message;
	chunk_id chunk;
	uint32_t index;
	uint8_t listener;
	uint64_t since, asked;
};

/** struct pace - spreads a sweep over time */
struct pace {
	uint64_t last;
	uint64_t credit; /* entries times microseconds */
};

/** struct late_answers - answers of this turn to requests whose records have the time @unix_ms */
struct late_answers {
	uint64_t unix_ms;
	uint32_t answers;
};

/**
 * struct worker_figures - histograms of busy turns (worker_figures.c)
 * @scale: nanoseconds per cycle, a fixed-point number
 */
struct worker_figures {
	uint64_t scale;
	struct turn_histogram answers, turns, frames;
	unsigned late_count;
	struct late_answers late[WORKER_ANSWERS_MAX];
};

struct worker {
	struct host host; /* first: a protocol's calls come back with it */
	struct stack *stack;
	struct tcp *tcp;
	struct chunk_pool *chunks;
	void *states[WORKER_PROTOCOLS_MAX];
	struct worker_listener listeners[WORKER_LISTENERS_MAX];
	unsigned listener_count;
	unsigned link_count;
	struct worker_mesh *mesh; /* NULL: there is no other worker */
	unsigned number, count, first_box;
	uint32_t blocks; /* of sessions that it sweeps: of all ranges where there are several */
	uint32_t attached;
	const struct config
		*configured; /* by the control thread: host.config from the next turn on */
	uint32_t entries;    /* sessions that there was made room for, of all workers */
	struct pace sweep, look;
	uint64_t timed;            /* when timers and sweeps were looked at last, microseconds */
	struct command_pool *pool; /* of all workers */
	struct stages stages;
	struct worker_figures figures;
	struct stream_sink sink;
	/* the connection or datagram whose frames are being cut */
	struct peer peer;
	uint8_t peer_listener;
	/* this turn's frames, the chunks they lie in, and the connections that ended */
	unsigned message_count, chunk_count, end_count;
	struct message messages[WORKER_MESSAGES];
	uint8_t message_listener[WORKER_MESSAGES];
	chunk_id chunks_used[WORKER_MESSAGES];
	struct end ends[WORKER_ENDS];
	const struct end *ending; /* the one that a protocol is being told of */
	uint64_t counters[WORKER_COUNTER_COUNT];
	uint64_t stream_counters[STREAM_COUNTER_COUNT];
	struct wait waits[WORKER_WAITS]; /* host.waiting of them */
	struct mailbox mailbox;
	void *chunk_memory;
	size_t chunk_bytes;
};

/** worker_take_config() - take over what worker_configure() left (worker_config.c) */
void worker_take_config(struct worker *worker);

/** worker_stack_user() - fill in what the stack calls up */
void worker_stack_user(struct worker *worker, struct stack_user *user);

/* worker.c */

/** worker_push() - one more frame for this turn's batch; there must be room. @chunk: it lies there,
 * 0: it does not need to be given back */
void worker_push(
	struct worker *worker, const struct message *message, uint8_t listener, chunk_id chunk);

/** worker_close() - close a connection at the end of this turn, its session is told. */
void worker_close(struct worker *worker, tcp_id id);

/* worker_commit.c */

/** worker_committed() - have some of what was committed answered. Return: was there any? */
bool worker_committed(struct worker *worker);

/** worker_uncommitted() - on attach, after all sessions: tell protocols what waits for a commit.
 * Return: 0; -EBADMSG: a record is damaged. */
int worker_uncommitted(struct worker *worker);
/** worker_pace() - how many of @entries to look at now so that all are seen in @period_us, at most
 * @most. */
uint32_t worker_pace(
	struct pace *pace, uint64_t now, uint32_t entries, uint64_t period_us, uint32_t most);

/* worker_figures.c */

/** worker_figures_init() - @tsc_hz: cycles of the time-stamp counter per second */
void worker_figures_init(struct worker_figures *figures, uint64_t tsc_hz);

/** worker_figures_late() - @answers of this turn are to requests of the turn at @unix_ms. */
void worker_figures_late(struct worker *worker, uint64_t unix_ms, uint32_t answers);

/** worker_figures_turn() - what a busy turn sent is with the port, at stages.mark. @frames: that it
 * decided on */
void worker_figures_turn(struct worker *worker, unsigned frames);

/* worker_command.c */

/** worker_commands() - decide on commands that have arrived, look at some that are held; bounded.
 * Return: were there any that had arrived? */
bool worker_commands(struct worker *worker);

/** worker_commands_take() - step (d'), after feed_applied(): take commands from this worker's rings
 * into the pool; bounded. Return: were there any? */
bool worker_commands_take(struct worker *worker);

/** worker_commands_attach() - what is under way in the pool, once all workers have attached. */
void worker_commands_attach(struct worker *const *workers, unsigned count);

/* worker_wait.c */

/** worker_waits() - put the messages whose session has come into this turn's batch, ask again for
 * others, give up those that have waited too long. */
void worker_waits(struct worker *worker);

/** worker_waits_for() - does this connection wait for its session? */
bool worker_waits_for(const struct worker *worker, tcp_id id);

/** worker_waits_free() - forget them all. */
void worker_waits_free(struct worker *worker);

/* worker_mail.c */

/** worker_tell() - a note to another worker. Return: false (counted) when it finds no room. */
bool worker_tell(struct worker *worker, unsigned to, struct mail mail);

/** worker_mail() - serve a bounded number of requests and notes. Return: were there any? */
bool worker_mail(struct worker *worker);

/** worker_jobs() - hand on a bounded number of jobs that are done. Return: were there any? */
bool worker_jobs(struct worker *worker);

/** worker_hand_over() - the turn is published: let go of the sessions that others asked for, or
 * that go home. */
void worker_hand_over(struct worker *worker);

/** worker_end_connections() - tell protocols of the connections that ended, and let go of them */
void worker_end_connections(struct worker *worker);
