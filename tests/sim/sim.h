/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* sim.h - a world of two ends, a wire that mistreats frames, and conversations over it */
#pragma once

#include "rules.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Everything here happens in virtual time and in one thread: what a seed brings about once it
 * brings about again. Times are microseconds, shares of frames are parts per million.
 */
#define SIM_MS 1000ull
#define SIM_SECOND 1000000ull
#define SIM_NEVER UINT64_MAX

#define SIM_PORT 7700        /* the server's */
#define SIM_FIRST_PORT 20000 /* the first conversation's client port, others follow */
#define SIM_TALKS_MAX 1024

enum { SIM_CLIENT, SIM_SERVER, SIM_ENDS };

/* Random numbers. */

/** struct sim_random - splitmix64 (Vigna): fast, seekable, the same everywhere */
struct sim_random {
	uint64_t state;
};

static inline uint64_t sim_mix(uint64_t value)
{
	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9ull;
	value = (value ^ value >> 27) * 0x94d049bb133111ebull;
	return value ^ value >> 31;
}

static inline uint64_t sim_next(struct sim_random *random)
{
	return sim_mix(random->state += 0x9e3779b97f4a7c15ull);
}

/* 0 .. below - 1; 0 for 0. */
static inline uint32_t sim_below(struct sim_random *random, uint32_t below)
{
	return (uint32_t)((sim_next(random) >> 32) * below >> 32);
}

static inline uint32_t sim_between(struct sim_random *random, uint32_t low, uint32_t high)
{
	return low + sim_below(random, high - low + 1);
}

static inline bool sim_chance(struct sim_random *random, uint32_t per_million)
{
	return per_million > 0 && sim_below(random, 1000000) < per_million;
}

/* The wire. */

/**
 * struct weather - how one direction treats frames
 * @loss, @duplicate, @late, @corrupt: parts per million of the frames
 * @delay, @jitter: every frame takes delay .. delay + jitter, in order
 * @late_by: what a late frame takes on top, at most: others overtake it
 * @rate: bytes per millisecond, 0: no limit; at most @queue bytes wait, the rest is dropped
 * @mtu_at, @mtu: from then on larger packets are dropped with an ICMP error; 0: never
 * @out_at, @out_until: nothing passes in between
 * @tcp_only: whatever is not TCP passes, and throws no dice
 */
struct weather {
	uint32_t loss, duplicate, late, corrupt;
	uint32_t delay, jitter, late_by;
	uint32_t rate, queue;
	uint64_t mtu_at;
	uint16_t mtu;
	uint64_t out_at, out_until;
	bool tcp_only;
};

struct wire;
struct world;

/** struct flight - a frame on its way; @data ends where its memory ends, so that a sanitizer sees
 * who reads on */
struct flight {
	uint64_t at, order;
	uint16_t length;
	uint8_t data[];
};

struct wire_counts {
	uint64_t sent, lost, duplicated, late, corrupted, too_big, ruled, retransmissions, wrapped;
	uint64_t bytes;
};

/** wire_new() - the direction from end @from to the other. */
struct wire *wire_new(struct world *world, unsigned from, const struct weather *weather);
void wire_free(struct wire *wire);

/** wire_put() - a frame leaves the end this wire comes from. */
void wire_put(struct wire *wire, const uint8_t *data, unsigned length);

/** wire_take() - the next frame that has arrived by now, to be free()d; NULL: none. */
struct flight *wire_take(struct wire *wire);

/** wire_next() - when the next frame arrives; SIM_NEVER where none is under way. */
uint64_t wire_next(const struct wire *wire);

/** wire_counts() - what became of the frames so far. */
const struct wire_counts *wire_counts(const struct wire *wire);

/* Conversations: what the programs at both ends do with their connection. */

/* When and how a side ends it. */
enum farewell {
	FAREWELL_LAST,  /* closes once the peer has and all is written */
	FAREWELL_FIRST, /* closes once all is written and all is received */
	FAREWELL_HALF,  /* ends its direction once all is written, closes after the peer */
	FAREWELL_EARLY, /* closes once all is written, whatever still comes: data then meets RST */
	FAREWELL_ABORT  /* resets after @abort_at bytes of both directions */
};

/**
 * struct side_plan - what one side is going to do
 * @total: bytes it sends, in messages of 1..@message bytes, @pace us from one to the next
 * @refuse_at, @refuse_for: after so many bytes it takes none for a time
 */
struct side_plan {
	uint32_t total, message, pace;
	enum farewell farewell;
	uint32_t abort_at;
	uint32_t refuse_at, refuse_for;
};

enum gone { GONE_NOT, GONE_RESET, GONE_TIMEOUT, GONE_IDLE, GONE_REFUSED };

/** struct side - one end's view of a conversation; @handle is the end's own */
struct side {
	struct side_plan plan;
	struct talk *talk;
	struct end *end;
	unsigned who; /* SIM_CLIENT, SIM_SERVER */
	uintptr_t handle;
	bool asked, opened, finished, half_closed, closed;
	enum gone gone;
	uint32_t written, received;
	uint32_t untaken; /* received, room not given back yet: of ends that hold bytes */
	uint64_t next_write, refuse_until;
	uint64_t opened_at, over_at; /* established; closed or gone */
	uint64_t progress_at;        /* when it last wrote or received something */
};

struct talk {
	struct world *world;
	unsigned index;
	uint64_t begins;
	bool ipv6;
	bool crossing; /* both ends open it at once */
	struct side sides[SIM_ENDS];
};

/** talk_key() - what the bytes of a direction are made from. */
uint64_t talk_key(const struct side *from);

/** talk_of_port() - the conversation with this client port (host order); NULL: none. */
struct talk *talk_of_port(struct world *world, unsigned port);

/* What an end tells of a side. */

/** talk_opened() - the connection stands. */
void talk_opened(struct side *side, uintptr_t handle);

/** talk_data() - bytes came. Return: false: not now, they are to come again. */
bool talk_data(struct side *side, const uint8_t *data, uint32_t length);

/** talk_finished() - the peer ended its direction. */
void talk_finished(struct side *side);

/** talk_gone() - the connection ended, not by us. */
void talk_gone(struct side *side, enum gone why);

/** talk_work() - let all sides of @end write, take and close what they can. */
void talk_work(struct end *end);

/** talk_next() - when talk_work() has something to do at @end that no frame brings about. */
uint64_t talk_next(const struct end *end);

/** talk_over() - this side has nothing more to do. */
bool talk_over(const struct side *side);

/** talk_judge() - at the end of the world: was all as it must be? */
void talk_judge(const struct talk *talk);

/* Ends. */

/**
 * struct end_ops - a stack that a world can drive
 * @forgets: may fall silent with bytes that it owes: lwIP drops a connection in LAST-ACK after two
 *	MSL, and may wait for ever behind a window that has opened again
 * @turn: take what has arrived, let the sides work, send, run timers; at @end->now
 * @next: when, on its own clock, it has something to do without a frame
 * @connect: begin @side's connection; false: not now
 * @send: queue a message; false: no room now
 * @finish: end the side's own direction only; NULL: cannot
 * @close, @abort: end the connection; close returns false where it has to be tried again
 * @took: @bytes that talk_data() kept are used up; NULL: it has no use for that
 * @idle: nothing is left of any connection: every pool is back at its start; NULL: that is not
 *	asked of it (lwIP's persist timer can keep a closed connection for ever)
 * @check: the stack's invariants; NULL or what is wrong
 * @report: print what it counted; NULL: nothing
 */
struct end_ops {
	const char *name;
	bool forgets;
	bool keeps; /* refused bytes are kept by the end itself, behind its window */
	void (*turn)(struct end *end);
	uint64_t (*next)(const struct end *end);
	bool (*connect)(struct side *side);
	bool (*send)(struct side *side, const uint8_t *data, uint32_t length);
	bool (*finish)(struct side *side);
	bool (*close)(struct side *side);
	void (*abort)(struct side *side);
	void (*took)(struct side *side, uint32_t bytes);
	bool (*idle)(const struct end *end);
	const char *(*check)(const struct end *end);
	void (*report)(const struct end *end);
	void (*free)(struct end *end);
};

/**
 * struct end - what all kinds of ends have in common
 * @now: its own clock
 * @stall_at, @stall_for: a time in which it does not turn, or, with @stall_clock, turns while its
 *	clock stands
 */
struct end {
	const struct end_ops *ops;
	struct world *world;
	unsigned who;
	uint64_t now;
	uint64_t stall_at, stall_for;
	bool stall_clock;
	uint64_t turns, checks;
	/* one allocation of each kind that fails: its number, counted from 1; 0: none */
	uint64_t fail_chunk_at, fail_chunks, chunk_calls;
	uint64_t fail_buffer_at, fail_buffers, buffer_calls;
};

/**
 * struct hearth_plan - sizes of an end of our own
 * @wrap: distance from 2^32 at which the numbers of its connections begin; 0: as they come
 */
struct hearth_plan {
	uint32_t connections, embryonic, time_wait, sides;
	uint32_t receive_window, send_bytes;
	uint16_t mss, mtu;
	uint64_t idle_us;
	uint32_t chunks[4];
	uint32_t wrap;
	bool no_timestamps, no_sack, no_scale;
};

/** hearth_new() - an end that is our own stack. */
struct end *hearth_new(struct world *world, unsigned who, const struct hearth_plan *plan);

/** lwip_new() - an end that is lwIP; there is one at a time. @wrap: as in struct hearth_plan. */
struct end *lwip_new(struct world *world, unsigned who, uint32_t wrap);

/** lwip_there() - can it be used here? NULL, or why not. */
const char *lwip_there(void);

/* Worlds. */

enum against { AGAINST_SELF, AGAINST_LWIP_CLIENT, AGAINST_LWIP_SERVER, AGAINST_COUNT };

/**
 * struct world_plan - all that a seed decides
 * @rough: connections may die of it: give-up times are part of TCP
 * @check_every: invariants are checked after every so many turns
 * @bound: virtual time by which all has to be over
 */
struct world_plan {
	uint64_t seed;
	uint32_t faults;
	enum against against;
	uint64_t start, bound;
	bool rough;
	unsigned check_every;
	struct weather weather[SIM_ENDS];
	struct hearth_plan hearth[SIM_ENDS];
	uint32_t wrap;
	unsigned talk_count;
	struct rule rules[RULES_MAX];
	unsigned rule_count;
};

struct world {
	struct world_plan plan;
	struct sim_random random;
	uint64_t now;
	struct wire *wires[SIM_ENDS]; /* wires[i] comes from ends[i] */
	struct end *ends[SIM_ENDS];
	struct talk *talks;
	bool failed;
	char why[400];
	uint64_t events;
	bool trace;
};

/** world_new() - ends and wires as planned, conversations yet without plans of their own. */
struct world *world_new(const struct world_plan *plan);

/** world_until() - until all is over (true), or the next event is later than @until. */
bool world_until(struct world *world, uint64_t until);

/** world_run() - until all is over, or something is wrong. Return: world->failed is false. */
bool world_run(struct world *world);
void world_free(struct world *world);

/** world_fail() - the first thing that went wrong is what counts. */
void world_fail(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** world_local() - an end's own clock at @at; world_time() - the other way around. */
uint64_t world_local(const struct end *end, uint64_t at);
uint64_t world_time(const struct end *end, uint64_t local);
