/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* slab.h - layout of PATH.sessions, and what the session files share */
#pragma once

#include "crypto/siphash.h"
#include "session/session.h"

#include <string.h>

#define SLAB_MAGIC 0x5353455348545248ull /* "HRTHSESS" */
#define SLAB_VERSION 2
#define SLAB_VERSION_NO_SIDES 1 /* ended with the entries */
#define SLAB_HEADER_BYTES 4096
#define SLAB_ENTRIES_MAX (1u << 30) /* a token names 30 bits of index */
#define SLAB_WORKERS_MAX 128        /* an owner is 7 bits */
#define SLAB_GENERATION 0xffffffu

enum slab_state { SLAB_MAKING, SLAB_READY };

/**
 * struct slab_header - the file's first page
 * @token_key: masks the index in tokens
 * @entry_key: of the entries' checksums
 * @checksum: of all before it
 * @state: SLAB_READY, written last
 */
struct slab_header {
	uint64_t magic;
	uint32_t version;
	uint32_t entry_bytes;
	uint32_t entries;
	uint32_t workers;
	uint64_t bytes; /* the file's size */
	struct siphash_key token_key;
	struct siphash_key entry_key;
	uint64_t checksum;
	uint32_t state;
};

/**
 * struct slab_entry - one session
 *
 * Written by the worker whose range it lies in, read by any thread: every access is a relaxed
 * atomic one, "life" is stored with release.
 *
 * @progress: struct session_progress
 * @life: generation 24 bits | state 4 | via 4 | flags 16 | report tick 16: one store moves them all
 * @place: live: connection or struct slab_peer; on a list: previous << 32 | next
 * @request: first of its platform requests + 1, 0 if there is none
 * @touch: slot of this turn's copy; only believed if that slot names this entry
 * @token_low: 64 of the token's 66 random bits
 * @seal: checksum over the immutable part, 30 bits | the token's two other random bits
 */
struct slab_entry {
	uint64_t progress;
	uint64_t life;
	uint64_t number;
	uint64_t place;
	uint32_t heard;
	uint32_t connect_device_time;
	uint32_t connect_time;
	uint16_t base;
	uint16_t platform_sequence;
	uint32_t request;
	uint16_t touch;
	uint16_t code;
	/* immutable */
	uint64_t key[SESSION_KEY_BYTES / 8];
	uint64_t token_low;
	uint32_t device;
	uint32_t serial;
	uint32_t login_time;
	uint32_t seal;
};
_Static_assert(sizeof(struct slab_entry) == 96, "a session takes 96 bytes");

/**
 * struct slab_peer - a struct session_peer as an entry's place; network byte order
 * @address: IPv4; 0 where @local says that an IPv6 address lies in the side record
 * @local: SLAB_PEER_*
 */
struct slab_peer {
	uint32_t address;
	uint16_t port;
	uint8_t link;
	uint8_t local;
};
_Static_assert(sizeof(struct slab_peer) == 8, "a peer is one place");

#define SLAB_PEER_IPV6 0x80   /* its address lies in the side record, */
#define SLAB_PEER_SECOND 0x40 /* in its second place */
#define SLAB_PEER_LOCAL 0x3f  /* index of our address */

/**
 * struct slab_side - room for an entry's IPv6 address, twice: one is in use, the other takes the
 * next address, so that none is ever seen half
 *
 * All of them lie behind the entries, from a page's begin on. Nobody touches one whose entry does
 * not name it.
 */
struct slab_side {
	uint64_t place[2][2];
};
_Static_assert(sizeof(struct slab_side) == 32, "IPv6 takes 32 bytes beside a session");

/* Which list an entry is on follows from its life alone. */
enum slab_list { LIST_NONE, LIST_FREE, LIST_RESTING };

/* An owner's byte: who has the entry; with this bit it was handed to that worker, which has not
 * taken it in yet, and nobody writes it. */
#define OWNER_MOVING 0x80

/** struct slab_leaving - an entry of ours that is to be handed over, and to whom */
struct slab_leaving {
	uint32_t index;
	unsigned to;
};

/**
 * struct session_worker - one worker's range, and what it owns of others'
 * @entries, @sides: of the whole table
 * @owners: of the whole table, one byte each; NULL where there is one worker
 * @due: by block of the whole table: the tick before which none of its entries needs a look, 0: at
 *	once; others may write 0
 * @cursor: the block that is swept next
 * @leaving: to be handed over at the end of this turn
 * @sequence: odd while this worker stores: session_peek() reads again
 */
struct session_worker {
	struct session_table *table;
	struct slab_entry *entries;
	uint8_t *owners;
	struct slab_side *sides;
	struct random *random;
	unsigned number;
	uint32_t first, count;
	uint32_t free_head;
	uint32_t resting_head, resting_tail;
	uint32_t *due;
	uint32_t cursor;
	uint32_t touched;
	uint32_t leaving_count;
	uint32_t limit; /* of sessions that are live or logging in */
	uint32_t sequence;
	struct session_counts counts;
	uint64_t counters[SESSION_COUNTER_COUNT];
	struct session_turn turns[SESSION_TOUCH_MAX];
	struct slab_leaving leaving[SESSION_TOUCH_MAX];
};

struct session_table {
	int fd;
	bool attached;
	bool ipv6; /* the side records have their room */
	size_t bytes;
	struct slab_header *header;
	struct slab_entry *entries;
	uint8_t *owners; /* plain memory: after a restart every entry is its range's again */
	struct slab_side *sides;
	struct session_uncommitted *uncommitted; /* plain memory; NULL unless answers wait */
	uint32_t count, per_worker;
	unsigned worker_count;
	struct session_worker **workers;
};

#define slab_get(member) __atomic_load_n(&(member), __ATOMIC_RELAXED)
#define slab_set(member, value) __atomic_store_n(&(member), value, __ATOMIC_RELAXED)

static inline enum session_state life_state(uint64_t life)
{
	return (enum session_state)((life >> 36) & 0xf);
}

static inline enum session_via life_via(uint64_t life)
{
	return (enum session_via)((life >> 32) & 0xf);
}

static inline uint32_t life_generation(uint64_t life)
{
	return life >> 40;
}

static inline uint16_t life_flags(uint64_t life)
{
	return (uint16_t)(life >> 16);
}

/* Generation 0 would let a handle be 0: it is never used. */
static inline uint32_t slab_generation(uint32_t generation)
{
	return generation & SLAB_GENERATION ? generation & SLAB_GENERATION : 1;
}

static inline uint64_t life_of(uint32_t generation, enum session_state state, enum session_via via,
	uint16_t flags, uint16_t report_tick)
{
	return (uint64_t)slab_generation(generation) << 40 | (uint64_t)state << 36 |
	       (uint64_t)via << 32 | (uint64_t)flags << 16 | report_tick;
}

static inline enum slab_list life_list(uint64_t life)
{
	if (life_flags(life) & SESSION_OWED)
		return LIST_NONE;
	switch (life_state(life)) {
	case SESSION_FREE:
		return LIST_FREE;
	case SESSION_RESTING:
		return LIST_RESTING;
	default:
		return LIST_NONE;
	}
}

static inline uint64_t slab_link(uint32_t previous, uint32_t next)
{
	return (uint64_t)previous << 32 | next;
}

/** slab_is_home() - does an entry lie in this worker's range? Only those stand on its lists. */
static inline bool slab_is_home(const struct session_worker *worker, uint32_t index)
{
	return index - worker->first < worker->count;
}

/** slab_touched() - the slot of an entry's copy in this turn, SESSION_NONE if it was not touched */
static inline uint32_t slab_touched(const struct session_worker *worker, uint32_t index)
{
	const uint32_t slot = slab_get(worker->entries[index].touch);

	if (slot < worker->touched && worker->turns[slot].index == index)
		return slot;
	return SESSION_NONE;
}

static inline uint32_t slab_blocks(uint32_t entries)
{
	return (entries + SESSION_BLOCK - 1) / SESSION_BLOCK;
}

/** slab_look() - have a worker's sweep look at an entry when it comes by; any thread. */
static inline void slab_look(struct session_worker *worker, uint32_t index)
{
	uint32_t *due = &worker->due[index / SESSION_BLOCK];

	if (slab_get(*due))
		slab_set(*due, 0);
}

/** slab_look_by() - the same, not before @tick; its owner only. */
static inline void slab_look_by(struct session_worker *worker, uint32_t index, uint32_t tick)
{
	uint32_t *due = &worker->due[index / SESSION_BLOCK], seen = slab_get(*due);

	/* one that somebody else wants at once meanwhile stays */
	if (seen && (int32_t)(seen - tick) > 0)
		__atomic_compare_exchange_n(
			due, &seen, tick ? tick : 1, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

/** slab_header_checksum() - what a header's checksum should be. */
uint64_t slab_header_checksum(const struct slab_header *header);

/** slab_seal() - what an entry's seal should be, with these two high bits of its token. */
uint32_t slab_seal(
	const struct slab_header *header, const struct slab_entry *entry, unsigned token_high);

/** slab_draw() - write a new key and token into an entry that is free. Return: token_high. */
unsigned slab_draw(struct slab_entry *entry, struct random *random);

/** slab_load() - an entry as a struct session_turn. */
void slab_load(const struct session_worker *worker, uint32_t index, struct session_turn *turn);

/** slab_place_load() - where the device is, from an entry's place and life, into a turn that says
 * nothing of it yet. */
void slab_place_load(const struct session_worker *worker, uint32_t index, uint64_t life,
	uint64_t place, struct session_turn *turn);

/** slab_place_store() - the same into an entry whose life is @before; nothing of it is left once
 * the entry is on a list. */
void slab_place_store(
	struct session_worker *worker, const struct session_turn *turn, uint64_t before);

/** slab_place_side() - is its side record in use? */
bool slab_place_side(const struct slab_entry *entry);

/** slab_peek() - one look at an entry; any thread. Return: false if it may be of two turns. */
bool slab_peek(const struct session_worker *worker, uint32_t index, struct session_turn *copy);

/** slab_store_begin(), slab_store_end() - session_peek() must not see half of what is between. */
void slab_store_begin(struct session_worker *worker);
void slab_store_end(struct session_worker *worker);

/** slab_wipe() - make an entry free, wipe its secrets; it is on no list. */
void slab_wipe(struct session_worker *worker, uint32_t index, uint32_t generation);

/** slab_free() - slab_wipe(), and put it first on the free list. */
void slab_free(struct session_worker *worker, uint32_t index, uint32_t generation);

/** slab_lists() - make the lists of a range that is all free. */
void slab_lists(struct session_worker *worker);

/** slab_rest() - put an entry last on the resting list. */
void slab_rest(struct session_worker *worker, uint32_t index);

/** slab_unrest() - take an entry off the resting list. */
void slab_unrest(struct session_worker *worker, uint32_t index);

/** slab_count() - add @by to the count that an entry with this life stands in. */
void slab_count(struct session_worker *worker, uint64_t life, int32_t by);
