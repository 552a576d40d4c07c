/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* tcp_flow.c - from a 4-tuple to its record and back; what a record keeps of its flow */

#include "tcp_state.h"

#include "prefetch.h"

static uint64_t flow_hash(const struct tcp *tcp, const struct tcp_flow *flow, bool ipv6)
{
	return siphash_16(&tcp->config.flow_key,
		(uint64_t)flow->remote | (uint64_t)flow->local << 32,
		(uint64_t)flow->remote_port | (uint64_t)flow->local_port << 16 |
			(uint64_t)ipv6 << 32);
}

bool tcp_flow_of(const struct tcp *tcp, const struct tcp_tuple *tuple, struct tcp_flow *flow)
{
	uint64_t hash;

	flow->remote_port = tuple->remote_port;
	flow->local_port = tuple->local_port;
	if (ip_is_v4(&tuple->remote)) {
		flow->remote = ip_v4(&tuple->remote);
		flow->local = ip_v4(&tuple->local);
		return false;
	}
	hash = siphash(&tcp->config.flow_key, &tuple->remote, 2 * sizeof(struct ip_address));
	flow->remote = (uint32_t)hash;
	flow->local = (uint32_t)(hash >> 32);
	return true;
}
_Static_assert(offsetof(struct tcp_tuple, local) == sizeof(struct ip_address),
	"both addresses are hashed in one piece");

uint64_t tcp_hash(const struct tcp *tcp, const struct tcp_tuple *tuple)
{
	struct tcp_flow flow;

	/* In registers: read back as words, what was just stored as halves waits for its stores. */
	if (ip_is_v4(&tuple->remote))
		return siphash_16(&tcp->config.flow_key,
			(uint64_t)ip_v4(&tuple->remote) | (uint64_t)ip_v4(&tuple->local) << 32,
			(uint64_t)tuple->remote_port | (uint64_t)tuple->local_port << 16);
	tcp_flow_of(tcp, tuple, &flow);
	return flow_hash(tcp, &flow, true);
}

/* A record's flow. @ipv6: receives whether its addresses lie beside it. */
static const struct tcp_flow *flow_at(const struct tcp *tcp, flow_ref ref, bool *ipv6)
{
	uint32_t index = flow_ref_index(ref);

	switch (flow_ref_kind(ref)) {
	case FLOW_CONNECTION:
		*ipv6 = tcp->connections[index].flags & TCP_IPV6;
		return &tcp->connections[index].flow;
	case FLOW_EMBRYONIC:
		*ipv6 = tcp->embryonic[index].ipv6;
		return &tcp->embryonic[index].flow;
	default:
		*ipv6 = tcp->time_wait[index].ipv6;
		return &tcp->time_wait[index].flow;
	}
}

struct tcp_addresses *tcp_addresses_at(const struct tcp *tcp, flow_ref ref)
{
	return &tcp->addresses[flow_ref_kind(ref)][flow_ref_index(ref)];
}

void tcp_tuple_at(const struct tcp *tcp, flow_ref ref, struct tcp_tuple *tuple)
{
	bool ipv6;
	const struct tcp_flow *flow = flow_at(tcp, ref, &ipv6);

	if (ipv6) {
		tuple->remote = tcp_addresses_at(tcp, ref)->remote;
		tuple->local = tcp_addresses_at(tcp, ref)->local;
	} else {
		tuple->remote = ip_from_v4(flow->remote);
		tuple->local = ip_from_v4(flow->local);
	}
	tuple->remote_port = flow->remote_port;
	tuple->local_port = flow->local_port;
}

uint64_t tcp_hash_at(const struct tcp *tcp, flow_ref ref)
{
	bool ipv6;
	const struct tcp_flow *flow = flow_at(tcp, ref, &ipv6);

	return flow_hash(tcp, flow, ipv6);
}

static bool is_flow_at(const struct tcp *tcp, flow_ref ref, const struct tcp_flow *flow, bool ipv6,
	const struct tcp_tuple *tuple)
{
	bool also;
	const struct tcp_flow *was = flow_at(tcp, ref, &also);

	/* By its fields, as they have just been stored. */
	if (was->remote != flow->remote || was->local != flow->local ||
		was->remote_port != flow->remote_port || was->local_port != flow->local_port ||
		also != ipv6)
		return false;
	return !ipv6 || memcmp(tcp_addresses_at(tcp, ref), &tuple->remote,
				sizeof(struct tcp_addresses)) == 0;
}

flow_ref tcp_lookup(const struct tcp *tcp, const struct tcp_tuple *tuple, uint64_t hash)
{
	struct flow_probe probe = {.hash = hash};
	struct tcp_flow flow;
	bool ipv6 = tcp_flow_of(tcp, tuple, &flow);
	flow_ref ref;

	while ((ref = flow_next(&tcp->flows, &probe)))
		if (is_flow_at(tcp, ref, &flow, ipv6, tuple))
			break;
	return ref;
}

void tcp_locate_connections(struct tcp *tcp, struct tcp_place *places, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		flow_ref ref = flow_first(&tcp->flows, places[i].hash);
		bool ipv6;

		places[i].ref = ref;
		if (!ref)
			continue;
		prefetch_to_write(flow_at(tcp, ref, &ipv6));
		if (flow_ref_kind(ref) == FLOW_CONNECTION)
			prefetch_to_write(&tcp->connections[flow_ref_index(ref)].head);
	}
}

void tcp_prefetch(const struct tcp *tcp, tcp_id id)
{
	const struct tcp_connection *c = &tcp->connections[id & FLOW_INDEX_MASK];

	prefetch_to_write(c);
	prefetch_to_write(&c->head);
}

void tcp_bring_near(const struct tcp *tcp, const struct tcp_place *place)
{
	if (flow_ref_kind(place->ref) == FLOW_CONNECTION)
		tcp_prefetch(tcp, flow_ref_index(place->ref));
}

struct tcp_connection *tcp_find(struct tcp *tcp, tcp_id id)
{
	uint32_t index = id & FLOW_INDEX_MASK;
	struct tcp_connection *c;

	/* Records past .fresh were never used: looking at them would only bring their pages in. */
	if (index >= tcp->connection_slab.fresh)
		return NULL;
	c = &tcp->connections[index];
	return c->state != TCP_CLOSED_STATE && c->generation == id >> 24 ? c : NULL;
}
