/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* session.h - live sessions in a shared-memory slab that outlives the process */
#pragma once

#include "counter.h"
#include "address.h"
#include "random.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * PATH.sessions holds a header page and one 96-byte entry per session; nothing else is kept per
 * session (the touch slot and the list links lie in the entry) but 32 bytes beside it for where its
 * device is on IPv6, which take memory only once they are used, and, where there are several
 * workers, one byte of plain memory that says who owns it. A worker owns a range of entries at
 * first, and may own entries of other ranges while they are live; who owns an entry is the only one
 * that writes it. An entry's immutable part (key, token, device) is written
 * when a login is granted and covered by a checksum; its state, which makes it valid, is written
 * last.
 *
 * The mutable part is never changed while a turn decides: decisions work on a struct session_turn,
 * a private copy, and session_commit() stores all copies once the turn's records are published
 * (DESIGN "Crash order", step c). A kill in between is repaired from the records themselves.
 */

/* worker 8 bits | generation 24 bits | index 32 bits; 0 names no session. The worker is that of the
 * entry's range: a handle stays good when the session moves to another. */
typedef uint64_t session_handle;

static inline unsigned session_handle_worker(session_handle handle)
{
	return handle >> 56;
}

static inline uint32_t session_handle_generation(session_handle handle)
{
	return (handle >> 32) & 0xffffff;
}

static inline uint32_t session_handle_index(session_handle handle)
{
	return (uint32_t)handle;
}

/* No entry: indexes are 0-based. */
#define SESSION_NONE UINT32_MAX

#define SESSION_KEY_BYTES 16
#define SESSION_TOKEN_CHARS 16 /* 96 bits, 6 per character */

/* Keys and tokens are written with these 64 characters. */
extern const char session_alphabet[65];

enum session_state {
	SESSION_FREE,  /* on the free list, or void and kept until its owed event is written */
	SESSION_LOGIN, /* key and token handed out, not connected yet */
	SESSION_LIVE,  /* connected */
	SESSION_RESTING /* ended, its token still good for a connect; first to go when room is short */
};

enum session_via { SESSION_VIA_NONE, SESSION_VIA_TCP, SESSION_VIA_UDP }; /* as enum hearth_via */

/* session_entry.flags, session_turn.flags */
#define SESSION_SYNCHRONISED 0x0001 /* the full report after this connect is complete */
#define SESSION_REPORTED 0x0002     /* a 2006 was accepted since this connect */
#define SESSION_OWED_ONLINE 0x0004  /* event not written yet: the ring was full */
#define SESSION_OWED_OFFLINE 0x0008
#define SESSION_OWED_SUBDEVICES 0x0010 /* some are on-line still in this session, which ended */
#define SESSION_OWED (SESSION_OWED_ONLINE | SESSION_OWED_OFFLINE | SESSION_OWED_SUBDEVICES)
#define SESSION_OWED_REASON 0xff00 /* enum hearth_reason of the owed offline */

/** struct session_peer - where a UDP session's device is; network byte order, all 0: not known */
struct session_peer {
	struct ip_address address;
	uint16_t port;
	uint8_t link;
	uint8_t local; /* index of our address on that link, 0..63 */
};

/**
 * struct session_progress - what every accepted or refused request moves: one 8-byte store
 * @count: requests since the connect (the connect is 0); newest sequence = base + count mod 2^16
 * @window: bit n set: request count - n was accepted
 * @oldest: request count - 32 was accepted: the newest and 32 behind it are 33 bits
 */
struct session_progress {
	uint64_t count : 31;
	uint64_t window : 32;
	uint64_t oldest : 1;
};
_Static_assert(sizeof(struct session_progress) == 8, "progress is one 8-byte store");

/**
 * struct session_turn - a session's mutable part while a turn decides
 */
struct session_turn {
	uint32_t index;
	enum session_state state;
	uint32_t
		generation; /* 24 bits; whoever decides adds 1 at each accepted connect and each end */
	struct session_progress progress;
	uint64_t number; /* "session" of the events */
	enum session_via via;
	uint32_t connection;          /* VIA_TCP: the tcp_id, 0 if none */
	struct session_peer peer;     /* VIA_UDP: address of the newest fresh frame */
	uint32_t heard;               /* tick of the last fresh frame */
	uint32_t connect_device_time; /* the newest accepted connect: its own time, */
	uint32_t connect_time;        /* the platform's Unix time then, */
	uint16_t base;                /* its sequence */
	uint16_t platform_sequence;   /* next number for a platform request */
	uint32_t command;             /* first of its platform requests + 1, 0: none */
	uint16_t report_tick;         /* low 16 bits of the tick of the latest 2006 or 2028 */
	uint16_t flags;               /* SESSION_* */
	uint16_t code;                /* code of the newest request */
	/* immutable while the entry is not free */
	uint32_t device; /* device number in the registry */
	uint32_t serial; /* the device's serial: another one has taken its number if they differ */
	uint32_t login_time; /* Unix seconds */
};

struct session_table;
struct session_worker; /* one worker's range */

/**
 * struct session_config
 * @path: of the slab file
 * @entries: of all workers together (limits.sessions + limits.pending_logins)
 * @workers: ranges; entries are rounded up to a multiple of them
 * @ipv6: devices may have IPv6 addresses: all room for them is taken at start
 * @uncommitted: keep which requests wait for the consumer's commit: 8 bytes an entry
 * @huge: have it in huge pages where the host can (on hugetlbfs they come by themselves)
 * @random: keys and tokens are drawn from it, by the thread that calls session_login(); each worker
 *	may be given its own with session_worker_random()
 */
struct session_config {
	const char *path;
	uint32_t entries;
	unsigned workers;
	bool ipv6;
	bool uncommitted;
	bool huge;
	struct random *random;
};

/* Lapsed and expired ones are counted by the protocol: it knows why it frees an entry. */
#define SESSION_COUNTERS(X)                                                                        \
	X(SESSION_LOGINS, "session_logins", "logins granted")                                      \
	X(SESSION_FULL, "session_full", "logins refused because no session entry was free")        \
	X(SESSION_LAPSED, "session_lapsed", "logins that were not used in time")                   \
	X(SESSION_RECLAIMED, "session_reclaimed",                                                  \
		"ended sessions whose token was given up to make room")                            \
	X(SESSION_GIVEN, "session_given", "sessions handed to another worker")                     \
	X(SESSION_TAKEN, "session_taken", "sessions that another worker handed over")              \
	X(SESSION_EXPIRED, "session_expired", "ended sessions whose token came to its end")
COUNTER_ENUM(session_counter, SESSION_COUNTERS, SESSION_COUNTER_COUNT);
extern const struct counter_info session_counter_info[SESSION_COUNTER_COUNT];

/**
 * session_table_open() - make the slab, or attach to a predecessor's
 * @error: receives one line for people, with the remedy, when it fails
 *
 * Mode 0600. Another size or worker count: entries are carried over when they fit their new place
 * (the same index, in the same worker's range), else refused with -EEXIST. A slab of layout version
 * 1, which had no room for IPv6 addresses, is carried over in the same way; one of a newer version
 * or a damaged header: -EPROTO; another broker on it: -EBUSY; another user's file: -EPERM.
 * After attaching, call session_worker_attach() for every worker before anything else.
 */
int session_table_open(struct session_table **table, const struct session_config *config,
	char *error, size_t size);

/** session_table_attached() - did session_table_open() find a predecessor's slab? */
bool session_table_attached(const struct session_table *table);

/** session_table_close() - unmap and unlock; the file stays. NULL is allowed. */
void session_table_close(struct session_table *table);

/** session_worker() - worker @worker's range. */
struct session_worker *session_worker(struct session_table *table, unsigned worker);

/** session_range() - the worker in whose range an entry lies. */
struct session_worker *session_range(struct session_table *table, uint32_t index);

/** session_worker_limit() - give no entry to a login while so many are live or logging in;
 * UINT32_MAX: all there are. The owner's turn. */
void session_worker_limit(struct session_worker *worker, uint32_t limit);

/** session_worker_random() - draw this worker's keys and tokens from @random from now on. */
void session_worker_random(struct session_worker *worker, struct random *random);

/**
 * session_worker_attach() - rebuild the free and resting lists of a range
 * @tick: seconds on the monotonic clock; no entry was heard later than now
 * @keep: for each entry that is whole: does this device still exist, is it the same? It may look
 *	at the entry through session_peek() and returns false to have it freed. @serial is what
 *	session_login() was given. NULL keeps all.
 *
 * Entries that are not whole are freed. Connections did not come through: those of live sessions
 * are 0. Resting entries are put in the order in which they were last heard.
 * Return: entries kept.
 */
uint32_t session_worker_attach(struct session_worker *worker, uint32_t tick,
	bool (*keep)(void *context, uint32_t index, uint32_t device, uint32_t serial),
	void *context);

/**
 * session_login() - take an entry, draw key and token, state SESSION_LOGIN
 * @device: device number; @serial: the device's provisioning serial
 * @tick, @now: seconds on the monotonic clock, Unix seconds
 * @key: receives SESSION_KEY_BYTES, @token SESSION_TOKEN_CHARS characters
 *
 * Takes a free entry, else the entry that has rested longest (and is not being decided on). Its
 * generation grows, so that no handle of its former session fits; "heard" is @tick.
 * Return: its index, or SESSION_NONE (counted).
 */
uint32_t session_login(struct session_worker *worker, uint32_t device, uint32_t serial,
	uint32_t tick, uint32_t now, uint8_t *key, char *token);

/**
 * session_find() - the entry that a token names
 * @token: SESSION_TOKEN_CHARS bytes, any bytes
 *
 * Any thread; the worker in whose range it lies (session_entries()) looks again before it decides.
 * Return: its index, or SESSION_NONE: malformed, not handed out, or void. All cost the same; the
 * random bits are compared in constant time.
 */
uint32_t session_find(const struct session_table *table, const uint8_t *token);

/** struct session_seek - a token half way to its entry: the one that it would name, the random bits
 * that the entry must hold; @bad: it names none, the same is done with another */
struct session_seek {
	uint64_t bits;
	uint32_t index;
	uint8_t high;
	bool bad;
};

/**
 * session_seek() - the first half of session_find() for many tokens: entries are brought near
 *
 * Entries are not looked at. Any thread.
 */
void session_seek(const struct session_table *table, const uint8_t *const *tokens, unsigned count,
	struct session_seek *seeks);

/** session_sought() - the second half: the entry that the token names, or SESSION_NONE. */
uint32_t session_sought(const struct session_table *table, const struct session_seek *seek);

/** session_prefetch() - bring an entry's lines near. */
void session_prefetch(const struct session_table *table, uint32_t index);

/** session_device() - the device number that stands in an entry, for whoever brings its record
 * near; any thread. */
uint32_t session_device(const struct session_table *table, uint32_t index);

/** session_key() - the 16 bytes of the session key of an entry of this worker's own. */
const uint8_t *session_key(const struct session_table *table, uint32_t index);

/** session_key_copy() - an entry's key; any thread. It may be wiped meanwhile: who decides by it
 * looks for its token again (session_find()) then. */
void session_key_copy(
	const struct session_table *table, uint32_t index, uint8_t key[SESSION_KEY_BYTES]);

/** session_token() - write an entry's token, SESSION_TOKEN_CHARS characters. */
void session_token(const struct session_table *table, uint32_t index, char *token);

/**
 * session_touch() - this turn's copy of an entry, made on first touch
 *
 * At most SESSION_TOUCH_MAX entries can be touched between two commits.
 * Return: it, valid until session_commit(); NULL when the turn has no room for another or this
 * worker does not own the entry. A free entry's copy says SESSION_FREE and stays so.
 */
#define SESSION_TOUCH_MAX 2048
struct session_turn *session_touch(struct session_worker *worker, uint32_t index);

/** session_handle_of() - the handle of a touched session as it now is. */
session_handle session_handle_of(
	const struct session_worker *worker, const struct session_turn *turn);

/**
 * session_peek() - a copy of an entry's committed state; any thread, may be a turn behind
 *
 * Should its worker have lost its core in the middle of storing, members may be of two turns;
 * generation, state, via and flags always belong together.
 * Return: false if the entry is free; one that is void but owes an event is not, its copy says
 * SESSION_FREE.
 */
bool session_peek(const struct session_table *table, uint32_t index, struct session_turn *copy);

/**
 * session_commit() - step (c): store every touched copy
 *
 * progress is one 8-byte store; generation, state, via and flags are another, stored last. Entries
 * whose copy says SESSION_FREE go back to the free list (their key is wiped), SESSION_RESTING to
 * the end of the resting list. Entries that owe an event are on neither until it is written; one
 * that is SESSION_FREE is void from here on, and still swept.
 */
void session_commit(struct session_worker *worker);

/*
 * Ownership. An entry keeps its index for ever, and with it its token and its handle; what moves is
 * who owns it. The order of a move is the whole of its safety:
 *
 * 1. the owner decides to let go of it in some turn: session_give();
 * 2. that turn's records are published, its copies committed, its records marked as applied;
 * 3. session_hand_over() takes the entry out of the owner's counts and lists and stores the new
 *    owner with release; from then on the old one never writes it again;
 * 4. the new owner sees that (acquire) and takes it in: session_take(), or its own sweep.
 *
 * So at any moment at most one ring has records of an entry that are not applied: those of its
 * owner, of one turn. Whenever the process dies, the rings may be replayed in any order: what one
 * of them says of an entry, no other says anything about.
 */

/** session_owner() - the worker that owns an entry, or that it is being handed to; any thread. */
unsigned session_owner(const struct session_table *table, uint32_t index);

/** session_owned() - does this worker own an entry? */
bool session_owned(const struct session_worker *worker, uint32_t index);

/**
 * session_give() - hand an entry of this worker's to @to at the end of this turn
 * Return: false when the turn can hand over no more, or it is not its to give.
 */
bool session_give(struct session_worker *worker, uint32_t index, unsigned to);

/**
 * session_hand_over() - after feed_applied(): let go of what session_give() named
 * @tell: is told of each, so that the new owner may be; a new owner that is not finds it all the
 *	same when it sweeps
 */
void session_hand_over(struct session_worker *worker,
	void (*tell)(void *context, unsigned to, uint32_t index), void *context);

/** session_take() - take in an entry if it was handed to this worker. Return: is it ours now? */
bool session_take(struct session_worker *worker, uint32_t index);

/**
 * session_restore() - on attach: make an entry what a record says (idempotent)
 * @worker: any of the table: before the first turn every entry is its range's
 * @turn: index, device, generation, state and all mutable members as of that record. Ignored when
 *	the entry is free, belongs to another device or its generation is newer.
 *
 * Within one generation nothing moves back: an entry that is further than the record only takes
 * over which requests were accepted. Records are applied in their order, before the first touch.
 */
void session_restore(struct session_worker *worker, const struct session_turn *turn);

/*
 * The sweep. Nothing is written for it when a device is heard: for each block of entries a worker
 * keeps a time before which none of them can need a look, and steps over the block until then. What
 * is heard meanwhile only moves that further away. A change of state, flags or generation has the
 * whole block looked at SESSION_QUIET after the device was heard; one that leaves an event owed, an
 * end, a change of owner and session_look() when the sweep next comes by.
 *
 * Of ten million entries, swept in ten seconds, that is 16 k steps over 4 bytes a second; those of
 * a block whose devices are heard every 45 s, and may be silent for 145 s, are looked at about once
 * in 100 s.
 */

/** Entries that are looked at together. */
#define SESSION_BLOCK 64

/** Seconds for which no protocol has anything to do for a login or a live session that was just
 * heard: the shortest silence that ends one is of 40 s. */
#define SESSION_QUIET 30

/** As seconds left: nothing is going to be due by itself. It is looked at once in a while. */
#define SESSION_LATER 3600

/**
 * struct session_visitor - what a sweep calls
 * @ahead: the device of an entry that is visited soon, to be brought near; may be NULL
 * @visit: each entry of this worker that is not free; it may touch and change it. Return: seconds
 *	for which it needs no other visit while it stays as it is; 0: it wants one the next time
 */
struct session_visitor {
	void *context;
	void (*ahead)(void *context, uint32_t device);
	uint32_t (*visit)(void *context, uint32_t index);
};

/**
 * session_sweep() - step over the next @budget blocks of the table, visiting what is due by now
 * @tick: now, seconds on the monotonic clock
 *
 * Entries that were handed to this worker without its knowing are taken in; free or resting ones of
 * other ranges go home. Where there are several workers, of an entry that is another's only its
 * owner's byte is looked at, eight at a time.
 * Return: blocks: @budget, or the whole table where that is less.
 */
uint32_t session_sweep(struct session_worker *worker, uint32_t tick, uint32_t budget,
	const struct session_visitor *visitor);

/** session_blocks() - blocks of the whole table, which each worker sweeps. */
uint32_t session_blocks(const struct session_table *table);

/** session_look() - something that an entry depends on has changed: its owner's sweep is to look at
 * it when it next comes by. Any thread. */
void session_look(const struct session_table *table, uint32_t index);

/** session_visit() - on attach: visit every entry of a range that is not free. */
void session_visit(
	struct session_worker *worker, void (*visit)(void *context, uint32_t index), void *context);

/** struct session_counts - entries by state, for status: those that a worker owns, but @entries are
 * its range */
struct session_counts {
	uint32_t entries, login, live_tcp, live_udp, resting;
};

/** session_counts() - as of the last commit; any thread. */
struct session_counts session_counts(const struct session_worker *worker);

/** session_counters() - SESSION_COUNTER_COUNT counters. */
uint64_t *session_counters(struct session_worker *worker);

/** session_entries() - entries of the whole table, and of one range. */
uint32_t session_entries(const struct session_table *table, uint32_t *per_worker);

/** session_entry_bytes() - memory that one entry takes, with what lies beside it. */
size_t session_entry_bytes(const struct session_table *table);

/*
 * Which of a session's requests wait for the consumer's commit (feed.acknowledge: commit): their
 * answers leave after it, repeats too. Plain memory, written by the worker that owns the entry, no
 * part of the slab: after a restart it is made anew from the records. Without session_config.
 * uncommitted nothing is kept and nothing waits.
 */

/** struct session_uncommitted - bit n set: request @newest - n waits */
struct session_uncommitted {
	uint64_t newest : 31;
	uint64_t bits : 33;
};
_Static_assert(sizeof(struct session_uncommitted) == 8, "8 bytes a session");

/** session_uncommitted_reset() - a connect was accepted: counts begin anew. */
void session_uncommitted_reset(struct session_table *table, uint32_t index);

/** session_uncommitted_mark() - the event of request @count was written. */
void session_uncommitted_mark(struct session_table *table, uint32_t index, uint32_t count);

/** session_uncommitted_clear() - it is committed. */
void session_uncommitted_clear(struct session_table *table, uint32_t index, uint32_t count);

/** session_uncommitted() - does request @count, one of the newest and 32 behind it, wait? */
bool session_uncommitted(const struct session_table *table, uint32_t index, uint32_t count);

/*
 * The 32-bit sequence window, pure functions (specs: the newest number and 32 behind it).
 */

enum session_order {
	SESSION_NEXT,   /* newest + 1 */
	SESSION_NEWEST, /* the newest number again */
	SESSION_BEHIND, /* 1..32 behind the newest; before the connect if distance > count */
	SESSION_STALE,  /* further behind */
	SESSION_AHEAD   /* a gap: further ahead than newest + 1 */
};

/**
 * session_order() - where a sequence stands
 * @distance: receives how far behind the newest (BEHIND, STALE) or ahead (NEXT = 1, AHEAD)
 *
 * Numbers are judged modulo 2^16: up to 2^15 behind the newest is behind, the rest ahead.
 */
enum session_order session_order(uint16_t newest, uint16_t sequence, uint16_t *distance);

/** session_newest() - base + count mod 2^16. */
static inline uint16_t session_newest(const struct session_turn *turn)
{
	return (uint16_t)(turn->base + turn->progress.count);
}

/** session_advance() - the newest number moves by @by (1..); the new one is marked if @accepted. */
void session_advance(struct session_progress *progress, uint32_t by, bool accepted);

/** session_accepted() - was the request @behind (0..32) the newest accepted? Further: false. */
bool session_accepted(const struct session_progress *progress, unsigned behind);

/** session_mark() - a request @behind (0..32) the newest, refused before, is accepted now. */
void session_mark(struct session_progress *progress, unsigned behind);
