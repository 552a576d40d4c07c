/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* place.c - where a session's device is, in one 8-byte store, IPv6 addresses beside it */

#include "session/slab.h"

#include <arpa/inet.h>

static struct slab_peer peer_of(uint64_t place)
{
	struct slab_peer peer;

	memcpy(&peer, &place, sizeof(peer));
	return peer;
}

static uint64_t place_of(struct slab_peer peer)
{
	uint64_t place;

	memcpy(&place, &peer, sizeof(place));
	return place;
}

static bool unknown(const struct ip_address *address)
{
	return !(address->word[0] | address->word[1] | address->word[2] | address->word[3]);
}

static unsigned current(struct slab_peer peer)
{
	return peer.local & SLAB_PEER_SECOND ? 1 : 0;
}

static struct ip_address side_load(const struct slab_side *side, unsigned which)
{
	const uint64_t words[2] = {
		slab_get(side->place[which][0]), slab_get(side->place[which][1])};
	struct ip_address address;

	memcpy(&address, words, sizeof(address));
	return address;
}

static void side_store(struct slab_side *side, unsigned which, const struct ip_address *address)
{
	uint64_t words[2];

	memcpy(words, address, sizeof(words));
	slab_set(side->place[which][0], words[0]);
	slab_set(side->place[which][1], words[1]);
}

void slab_place_load(const struct session_worker *worker, uint32_t index, uint64_t life,
	uint64_t place, struct session_turn *turn)
{
	const struct slab_peer peer = peer_of(place);

	if (life_list(life) != LIST_NONE)
		return; /* it holds links */
	if (life_via(life) == SESSION_VIA_TCP)
		turn->connection = (uint32_t)place;
	if (life_via(life) != SESSION_VIA_UDP)
		return;
	turn->peer = (struct session_peer){
		.port = peer.port, .link = peer.link, .local = peer.local & SLAB_PEER_LOCAL};
	if (peer.local & SLAB_PEER_IPV6)
		turn->peer.address = side_load(&worker->sides[index], current(peer));
	else if (peer.address)
		turn->peer.address = ip_from_v4(peer.address);
}

/*
 * The side's place that is not in use takes an address that is new; only the entry's own store
 * makes it the one in use. A kill in between leaves the old address whole.
 */
static uint8_t side_place(
	struct slab_side *side, uint64_t life, uint64_t place, const struct ip_address *address)
{
	const struct slab_peer peer = peer_of(place);
	const bool used = life_list(life) == LIST_NONE && life_via(life) == SESSION_VIA_UDP &&
			  (peer.local & SLAB_PEER_IPV6);
	unsigned which = used ? current(peer) : 0;

	if (used) {
		const struct ip_address now = side_load(side, which);

		if (!ip_equal(&now, address)) {
			which ^= 1;
			side_store(side, which, address);
		}
	} else {
		side_store(side, which, address);
	}
	return SLAB_PEER_IPV6 | (which ? SLAB_PEER_SECOND : 0);
}

void slab_place_store(
	struct session_worker *worker, const struct session_turn *turn, uint64_t before)
{
	struct slab_entry *entry = &worker->entries[turn->index];
	const struct ip_address *address = &turn->peer.address;
	struct slab_peer peer = {.port = turn->peer.port,
		.link = turn->peer.link,
		.local = turn->peer.local & SLAB_PEER_LOCAL};
	uint64_t place = 0;

	if (turn->via == SESSION_VIA_TCP) {
		place = turn->connection;
	} else if (turn->via == SESSION_VIA_UDP) {
		if (ip_is_v4(address))
			peer.address = ip_v4(address);
		else if (!unknown(address))
			peer.local |= side_place(
				&worker->sides[turn->index], before, entry->place, address);
		place = place_of(peer);
	} else {
		return; /* a kill before its life is stored leaves it live, and where it was */
	}
	/* the address is there before it is named */
	__atomic_store_n(&entry->place, place, __ATOMIC_RELEASE);
}

bool slab_place_side(const struct slab_entry *entry)
{
	return life_list(entry->life) == LIST_NONE && life_via(entry->life) == SESSION_VIA_UDP &&
	       (peer_of(entry->place).local & SLAB_PEER_IPV6);
}
