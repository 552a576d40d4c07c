/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* stack_route.c - where a packet leaves for: subnets, gateways, neighbours (RFC 1122 section 3.3.1)
 */
#include "stack_private.h"

static bool is_usable(const struct neighbour *entry)
{
	return entry && entry->state != NEIGHBOUR_FREE && entry->state != NEIGHBOUR_INCOMPLETE;
}

static bool is_direct(const struct stack_interface *interface, const struct ip_address *destination)
{
	if (ip_is_v4(destination)) {
		uint32_t address = ntohl(ip_v4(destination));
		bool direct = false;

		for (unsigned i = 0; i < interface->reach_count; i++)
			direct |= (address & interface->reaches[i].mask) ==
				  interface->reaches[i].network;
		return direct;
	}
	for (unsigned i = 0; i < interface->subnet_count; i++)
		if (stack_subnet_covers(&interface->subnets[i], destination))
			return true;
	return false;
}

/* A next hop's entry, made and asked for where there is none. */
static struct neighbour *resolve(
	struct stack *stack, unsigned link, const struct ip_address *next_hop)
{
	struct neighbour_ask ask;
	struct neighbour *entry;
	unsigned asks;

	entry = neighbour_find(
		&stack->neighbours, (uint8_t)link, next_hop, stack->now, &ask, &asks);
	if (!entry)
		stack_count(stack, STACK_NEIGHBOUR_FULL);
	if (asks > 0)
		stack_ask(stack, &ask);
	return entry;
}

/*
 * The first gateway of the destination's family that answers. One that has fallen silent is asked
 * on, so that it is used again as soon as it is back.
 */
static struct neighbour *through_gateway(struct stack *stack, unsigned link,
	const struct ip_address *destination, const struct ip_address **next_hop)
{
	struct stack_interface *interface = &stack->interfaces[link];
	struct neighbour *first = NULL;

	*next_hop = NULL;
	for (unsigned i = 0; i < interface->gateway_count; i++) {
		const struct ip_address *gateway = &interface->gateways[i];
		struct neighbour *entry;

		if (ip_is_v4(gateway) != ip_is_v4(destination))
			continue;
		entry = resolve(stack, link, gateway);
		if (entry)
			entry->watched = interface->gateway_count > 1;
		if (is_usable(entry) || !*next_hop) {
			*next_hop = gateway;
			first = entry;
		}
		if (is_usable(entry))
			break;
	}
	return first;
}

/*
 * The next hop's entry, if packets went there before and it is still that hop's. Behind a gateway
 * that is the first of the family: the others are for when that one has fallen silent.
 */
static struct neighbour *remembered(
	struct stack *stack, unsigned link, const struct ip_address *destination)
{
	const struct stack_interface *interface = &stack->interfaces[link];
	const struct ip_address *next_hop = destination;
	const struct stack_hop *hop;
	struct neighbour *entry;
	struct neighbour_ask ask;

	if (!is_direct(interface, destination)) {
		if (interface->gateway_count == 0 ||
			ip_is_v4(&interface->gateways[0]) != ip_is_v4(destination))
			return NULL;
		next_hop = &interface->gateways[0];
	}
	hop = &interface->hops[stack_place(stack, next_hop)];
	entry = hop->neighbour;
	if (!is_usable(entry) || !ip_equal(&hop->address, next_hop) || entry->link != link ||
		!ip_equal(&entry->address, next_hop))
		return NULL;
	if (neighbour_use(&stack->neighbours, entry, stack->now, &ask) > 0)
		stack_ask(stack, &ask);
	return entry;
}

const uint8_t *stack_next_hop(
	struct stack *stack, unsigned link, const struct ip_address *destination, bool stateless)
{
	struct stack_interface *interface = &stack->interfaces[link];
	struct neighbour *entry = remembered(stack, link, destination);
	const struct ip_address *next_hop = destination;
	const uint8_t *sender;

	if (entry)
		return entry->mac;
	if (!is_direct(interface, destination))
		entry = through_gateway(stack, link, destination, &next_hop);
	else if (!stateless ||
		 is_usable(neighbour_peek(&stack->neighbours, (uint8_t)link, destination)))
		entry = resolve(stack, link, destination);
	if (!next_hop) {
		stack_count(stack, STACK_DROP_NO_ROUTE);
		return NULL;
	}
	if (is_usable(entry)) {
		interface->hops[stack_place(stack, next_hop)] =
			(struct stack_hop){.address = *next_hop, .neighbour = entry};
		return entry->mac;
	}
	sender = stack_sender(stack, link, destination);
	if (!sender)
		stack_count(stack, STACK_DROP_UNRESOLVED);
	return sender;
}
