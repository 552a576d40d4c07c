/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* neighbour.c - who has which address: next hops and their Ethernet addresses (RFC 826, 4861) */
#include "net/neighbour.h"

#include <string.h>

/* All requests of a table together: a scan of a large subnet must not become an ARP storm. */
#define REQUEST_INTERVAL_US 1000
#define REQUEST_BURST 256

static uint32_t bucket_count(uint32_t entries)
{
	uint32_t buckets = 1;

	if (entries > NEIGHBOUR_ENTRIES_MAX)
		entries = NEIGHBOUR_ENTRIES_MAX;
	while (buckets * NEIGHBOUR_WAYS < entries)
		buckets *= 2;
	return buckets;
}

size_t neighbour_bytes(uint32_t entries)
{
	return (size_t)bucket_count(entries) * NEIGHBOUR_WAYS * sizeof(struct neighbour);
}

void neighbour_init(struct neighbour_table *table, void *memory, uint32_t entries,
	const struct siphash_key *key)
{
	memset(table, 0, sizeof(*table));
	table->entries = memory;
	table->buckets = bucket_count(entries);
	table->key = *key;
}

static struct neighbour *bucket_of(
	struct neighbour_table *table, uint8_t link, const struct ip_address *address)
{
	uint64_t words[2], hash;

	memcpy(words, address, sizeof(words));
	hash = siphash_16(&table->key, words[0], words[1] ^ link);
	return table->entries + (hash & (table->buckets - 1)) * NEIGHBOUR_WAYS;
}

struct neighbour *neighbour_peek(
	struct neighbour_table *table, uint8_t link, const struct ip_address *address)
{
	struct neighbour *bucket = bucket_of(table, link, address);

	for (unsigned i = 0; i < NEIGHBOUR_WAYS; i++)
		if (bucket[i].state != NEIGHBOUR_FREE && bucket[i].link == link &&
			ip_equal(&bucket[i].address, address))
			return &bucket[i];
	return NULL;
}

/* How readily an entry gives way: 0 never, else the higher the sooner. */
static unsigned eviction_rank(const struct neighbour *entry, uint64_t now)
{
	switch (entry->state) {
	case NEIGHBOUR_FREE:
		return 4;
	case NEIGHBOUR_INCOMPLETE:
		/* Its broadcast gets a second's chance to be answered. */
		return now - entry->confirmed >= NEIGHBOUR_REQUEST_US ? 3 : 0;
	case NEIGHBOUR_FIXED:
		return 0;
	default:
		if (entry->used == 0)
			return 2;
		return now - entry->used > NEIGHBOUR_IN_USE_US ? 1 : 0;
	}
}

static struct neighbour *insert(
	struct neighbour_table *table, uint8_t link, const struct ip_address *address, uint64_t now)
{
	struct neighbour *bucket = bucket_of(table, link, address);
	struct neighbour *victim = NULL;
	unsigned best = 0;

	for (unsigned i = 0; i < NEIGHBOUR_WAYS; i++) {
		unsigned rank = eviction_rank(&bucket[i], now);

		if (rank > best ||
			(rank > 0 && rank == best && bucket[i].confirmed < victim->confirmed)) {
			victim = &bucket[i];
			best = rank;
		}
	}
	if (!victim) {
		table->full++;
		return NULL;
	}
	memset(victim, 0, sizeof(*victim));
	victim->link = link;
	victim->address = *address;
	return victim;
}

static void confirm(struct neighbour *entry, const uint8_t mac[6], uint64_t now)
{
	if (mac)
		memcpy(entry->mac, mac, 6);
	entry->state = NEIGHBOUR_REACHABLE;
	entry->contested = false;
	entry->tries = 0;
	entry->confirmed = now;
}

/* A question that the rate limit refuses is not counted as tried: it is put later. */
static unsigned put_question(struct neighbour_table *table, struct neighbour *entry, uint64_t now,
	struct neighbour_ask *ask)
{
	if (!rate_limit_take(&table->requests, now, REQUEST_INTERVAL_US, REQUEST_BURST))
		return 0;
	entry->tries++;
	entry->asked = now;
	ask->address = entry->address;
	ask->link = entry->link;
	ask->unicast = entry->state == NEIGHBOUR_PROBE;
	memcpy(ask->mac, entry->mac, 6);
	return 1;
}

static void start_probe(struct neighbour *entry)
{
	entry->state = NEIGHBOUR_PROBE;
	entry->tries = 0;
	entry->asked = 0;
}

bool neighbour_fix(struct neighbour_table *table, uint8_t link, const struct ip_address *address,
	const uint8_t mac[6])
{
	struct neighbour *entry = insert(table, link, address, 0);

	if (!entry)
		return false;
	memcpy(entry->mac, mac, 6);
	entry->state = NEIGHBOUR_FIXED;
	return true;
}

unsigned neighbour_use(struct neighbour_table *table, struct neighbour *entry, uint64_t now,
	struct neighbour_ask *ask)
{
	uint64_t believed = entry->watched ? NEIGHBOUR_WATCHED_US : NEIGHBOUR_REACHABLE_US;

	entry->used = now;
	if (entry->state != NEIGHBOUR_REACHABLE || now - entry->confirmed <= believed)
		return 0;
	start_probe(entry);
	return put_question(table, entry, now, ask);
}

struct neighbour *neighbour_find(struct neighbour_table *table, uint8_t link,
	const struct ip_address *address, uint64_t now, struct neighbour_ask *ask, unsigned *asks)
{
	struct neighbour *entry = neighbour_peek(table, link, address);

	*asks = 0;
	if (entry) {
		*asks = neighbour_use(table, entry, now, ask);
		return entry;
	}
	entry = insert(table, link, address, now);
	if (!entry)
		return NULL;
	entry->state = NEIGHBOUR_INCOMPLETE;
	entry->confirmed = now;
	entry->used = now;
	*asks = put_question(table, entry, now, ask);
	return entry;
}

void neighbour_claim(struct neighbour_table *table, uint8_t link, const struct ip_address *address,
	const uint8_t mac[6], uint64_t now)
{
	struct neighbour *entry = neighbour_peek(table, link, address);

	if (!entry || memcmp(entry->mac, mac, 6) == 0)
		return;
	/* A router that took another's place says so, and traffic waits for it. */
	if (entry->state == NEIGHBOUR_REACHABLE)
		start_probe(entry);
	if (entry->state == NEIGHBOUR_PROBE)
		entry->contested = true;
}

void neighbour_learn(struct neighbour_table *table, uint8_t link, const struct ip_address *address,
	const uint8_t mac[6], uint64_t now)
{
	struct neighbour *entry = neighbour_peek(table, link, address);

	if (!entry)
		entry = insert(table, link, address, now);
	if (!entry || entry->state == NEIGHBOUR_FIXED)
		return;
	if (entry->state == NEIGHBOUR_REACHABLE || entry->state == NEIGHBOUR_PROBE) {
		if (memcmp(entry->mac, mac, 6) != 0) {
			neighbour_claim(table, link, address, mac, now);
			return;
		}
	}
	confirm(entry, mac, now);
}

bool neighbour_answer(struct neighbour_table *table, uint8_t link, const struct ip_address *address,
	const uint8_t mac[6], uint64_t now)
{
	struct neighbour *entry = neighbour_peek(table, link, address);

	if (!entry || entry->tries == 0)
		return false;
	if (!mac && entry->state != NEIGHBOUR_PROBE)
		return false;
	if (mac && entry->state == NEIGHBOUR_PROBE && memcmp(entry->mac, mac, 6) != 0)
		return false;
	confirm(entry, mac, now);
	return true;
}

/* A neighbour no longer answers at its old Ethernet address: has it a new one? */
static void give_up(struct neighbour *entry, uint64_t now)
{
	if (entry->state == NEIGHBOUR_PROBE && entry->used != 0 &&
		now - entry->used <= NEIGHBOUR_IN_USE_US) {
		entry->state = NEIGHBOUR_INCOMPLETE;
		entry->contested = false;
		entry->confirmed = now;
		entry->tries = 0;
		entry->asked = 0;
		return;
	}
	entry->state = NEIGHBOUR_FREE;
}

static unsigned sweep_entry(struct neighbour_table *table, struct neighbour *entry, uint64_t now,
	struct neighbour_ask *ask)
{
	uint64_t latest = entry->used > entry->confirmed ? entry->used : entry->confirmed;
	uint64_t interval = NEIGHBOUR_REQUEST_US;

	if (entry->state == NEIGHBOUR_PROBE)
		interval = entry->contested ? NEIGHBOUR_CONTESTED_US : NEIGHBOUR_PROBE_US;
	if (entry->state == NEIGHBOUR_FREE || entry->state == NEIGHBOUR_FIXED)
		return 0;
	if (entry->state == NEIGHBOUR_REACHABLE) {
		if (now - latest > NEIGHBOUR_FORGET_US)
			entry->state = NEIGHBOUR_FREE;
		return 0;
	}
	if (entry->tries > 0 && now - entry->asked < interval)
		return 0;
	if (entry->tries >= NEIGHBOUR_TRIES)
		give_up(entry, now);
	if (entry->state == NEIGHBOUR_FREE)
		return 0;
	return put_question(table, entry, now, ask);
}

unsigned neighbour_sweep(struct neighbour_table *table, uint64_t now, uint32_t budget,
	struct neighbour_ask *asks, unsigned max)
{
	uint32_t entries = neighbour_entries(table);
	unsigned count = 0;

	if (budget > entries)
		budget = entries;
	for (uint32_t i = 0; i < budget && count < max; i++) {
		count += sweep_entry(table, &table->entries[table->position], now, &asks[count]);
		table->position = (table->position + 1) & (entries - 1);
	}
	return count;
}
