/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* neighbour.h - who has which address: next hops and their Ethernet addresses (RFC 826, 4861) */
#pragma once

#include "crypto/siphash.h"
#include "address.h"
#include "rate_limit.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A table of fixed size for both families: buckets of eight, chosen by a keyed hash. Strangers can
 * only push out what nothing was sent to for a while. An address that is in use keeps its Ethernet
 * address until that one stops answering: nobody takes over a live entry by claiming it. (Of RFC
 * 4861 section 7.2.5 this leaves the override flag out: an override, too, only has the old Ethernet
 * address asked.)
 */
#define NEIGHBOUR_WAYS 8
#define NEIGHBOUR_ENTRIES_MAX (1U << 20)

#define NEIGHBOUR_REACHABLE_US 30000000U /* then it is asked again when next used */
#define NEIGHBOUR_WATCHED_US 5000000U    /* the same where another could take its place */
#define NEIGHBOUR_PROBE_US 250000U       /* between two questions to a known neighbour */
#define NEIGHBOUR_CONTESTED_US 100000U   /* the same where another claims its address */
#define NEIGHBOUR_REQUEST_US 1000000U    /* between two broadcasts for an unknown one */
#define NEIGHBOUR_TRIES 3                /* unanswered questions before an entry is given up */
#define NEIGHBOUR_IN_USE_US 60000000U    /* sent to within this time: nobody pushes it out */
#define NEIGHBOUR_FORGET_US 600000000U   /* unused for so long: forgotten */

enum neighbour_state {
	NEIGHBOUR_FREE,
	NEIGHBOUR_INCOMPLETE, /* asked for by broadcast, no answer yet */
	NEIGHBOUR_REACHABLE,
	NEIGHBOUR_PROBE, /* still used while its Ethernet address is asked by unicast */
	NEIGHBOUR_FIXED, /* given by the operator: never asked, changed or forgotten */
};

/** struct neighbour - one entry; times in microseconds */
struct neighbour {
	struct ip_address address;
	uint8_t link;
	uint8_t state; /* enum neighbour_state */
	uint8_t tries;
	bool watched;   /* a gateway beside others: its silence is to be found out soon */
	bool contested; /* another claims its address: is it that one's now? */
	uint8_t mac[6];
	uint64_t confirmed; /* when it last proved itself; INCOMPLETE: when it was made */
	uint64_t used;      /* when it was last sent to; 0: never */
	uint64_t asked;
};
_Static_assert(sizeof(struct neighbour) == 56, "an entry's size, printed at start");

/** struct neighbour_ask - a request to send: by unicast to @mac, else by broadcast */
struct neighbour_ask {
	struct ip_address address;
	uint8_t link;
	bool unicast;
	uint8_t mac[6];
};

struct neighbour_table {
	struct neighbour *entries;
	uint32_t buckets; /* a power of two */
	uint32_t position;
	struct siphash_key key;
	struct rate_limit requests;
	uint64_t full; /* entries not made because their bucket had no room */
};

/** neighbour_bytes() - memory for a table of at least @entries. */
size_t neighbour_bytes(uint32_t entries);

/** neighbour_init() - lay a table out in zeroed @memory of neighbour_bytes(@entries). */
void neighbour_init(struct neighbour_table *table, void *memory, uint32_t entries,
	const struct siphash_key *key);

/**
 * neighbour_fix() - the operator says which Ethernet address a next hop has
 *
 * Before anything else is in the table. Return: false if its bucket is full of such entries.
 */
bool neighbour_fix(struct neighbour_table *table, uint8_t link, const struct ip_address *address,
	const uint8_t mac[6]);

/**
 * neighbour_find() - the entry of a next hop to send to, made if there is none
 * @ask: where to write a request that must be sent first
 * @asks: number of requests written: 0 or 1
 *
 * Return: the entry, whose mac may be used unless it is INCOMPLETE; NULL if the table is full.
 */
struct neighbour *neighbour_find(struct neighbour_table *table, uint8_t link,
	const struct ip_address *address, uint64_t now, struct neighbour_ask *ask, unsigned *asks);

/** neighbour_peek() - the entry of an address, NULL: there is none. Nothing is made or asked. */
struct neighbour *neighbour_peek(
	struct neighbour_table *table, uint8_t link, const struct ip_address *address);

/** neighbour_use() - neighbour_find()'s second half, for an entry that the caller remembered: it
 * is sent to now, so it may be due for a question. */
unsigned neighbour_use(struct neighbour_table *table, struct neighbour *entry, uint64_t now,
	struct neighbour_ask *ask);

/**
 * neighbour_learn() - somebody asked for us and so told us its address
 *
 * Makes or confirms an entry; one that is known by another Ethernet address is only asked whether
 * it is still there.
 */
void neighbour_learn(struct neighbour_table *table, uint8_t link, const struct ip_address *address,
	const uint8_t mac[6], uint64_t now);

/** neighbour_claim() - unasked, somebody claims an address: makes nothing, but has a known entry
 * with another Ethernet address asked whether it is still there. */
void neighbour_claim(struct neighbour_table *table, uint8_t link, const struct ip_address *address,
	const uint8_t mac[6], uint64_t now);

/**
 * neighbour_answer() - a reply to us arrived
 * @mac: NULL: it names none, as an advertisement may that answers a probe (RFC 4861 section 4.4)
 * Return: false if it was not asked for (or, to a probe, comes from somebody else).
 */
bool neighbour_answer(struct neighbour_table *table, uint8_t link, const struct ip_address *address,
	const uint8_t mac[6], uint64_t now);

/**
 * neighbour_sweep() - look at the next @budget entries: repeat questions, give up, forget
 * @asks: room for @max requests to send
 * Return: how many were written.
 */
unsigned neighbour_sweep(struct neighbour_table *table, uint64_t now, uint32_t budget,
	struct neighbour_ask *asks, unsigned max);

/** neighbour_entries() - entries that the table has room for. */
static inline uint32_t neighbour_entries(const struct neighbour_table *table)
{
	return table->buckets * NEIGHBOUR_WAYS;
}
