/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* stack_nd.c - neighbour discovery as the stack speaks it (RFC 4861, RFC 4862 section 5.4) */
#include "stack_private.h"

#include <errno.h>
#include <string.h>

/* As for ARP: both families share these limits. */
#define ANSWER_INTERVAL_US 1000
#define ANSWER_BURST 64
#define DEFEND_INTERVAL_US 10000000U

static const struct ip_address unspecified;

/* @mac: NULL: @destination is a group */
static void send_nd(struct stack *stack, struct stack_interface *interface, const uint8_t *mac,
	const struct ip_address *source, const struct ip_address *destination,
	const struct nd_message *message)
{
	const struct stack_headers headers = {source, destination, PROTOCOL_ICMPV6, ND_HOPS};
	struct frame *frame = stack_queue_frame(stack, interface, true);
	uint8_t body[ND_MESSAGE_MAX], group[6];
	size_t length;

	if (!frame)
		return;
	if (!mac) {
		ipv6_group_mac(group, destination);
		mac = group;
	}
	length = nd_build(body, source, destination, message);
	memcpy(stack_build_ip(stack, frame, interface, mac, &headers, length), body, length);
}

void stack_nd_probe(
	struct stack *stack, struct stack_interface *interface, const struct ip_address *address)
{
	struct ip_address group = ipv6_solicited_node(address);
	struct nd_message message = {
		.type = ND_SOLICITATION, .target = *address, .has_nonce = true};

	memcpy(message.nonce, stack->nonce, sizeof(message.nonce));
	send_nd(stack, interface, NULL, &unspecified, &group, &message);
	stack_count(stack, STACK_ND_SOLICITATIONS);
}

void stack_nd_announce(
	struct stack *stack, struct stack_interface *interface, const struct ip_address *address)
{
	struct ip_address group = ipv6_all_nodes();
	struct nd_message message = {
		.type = ND_ADVERTISEMENT, .override = true, .has_mac = true, .target = *address};

	memcpy(message.mac, interface->link->mac, 6);
	send_nd(stack, interface, NULL, address, &group, &message);
}

void stack_nd_ask(struct stack *stack, const struct neighbour_ask *ask)
{
	struct stack_interface *interface = &stack->interfaces[ask->link];
	struct ip_address group = ipv6_solicited_node(&ask->address);
	const struct ip_address *source = stack_source_for(interface, &ask->address);
	struct nd_message message = {
		.type = ND_SOLICITATION, .has_mac = true, .target = ask->address};

	if (!source)
		return;
	memcpy(message.mac, interface->link->mac, 6);
	send_nd(stack, interface, ask->unicast ? ask->mac : NULL, source,
		ask->unicast ? &ask->address : &group, &message);
	stack_count(stack, STACK_ND_SOLICITATIONS);
}

/* Another host has, or wants, an address of ours. */
static enum stack_counter conflict(struct stack *stack, struct stack_interface *interface,
	struct stack_subnet *subnet, const struct ip_address *address)
{
	if (subnet->state == SUBNET_TENTATIVE) {
		/* RFC 4862 section 5.4.5: it was there first. Not used before the next start. */
		subnet->state = SUBNET_DUPLICATE;
		subnet->pending = 0;
		stack_count(stack, STACK_ND_DUPLICATE);
	} else if (subnet->state == SUBNET_VALID && !stack->forwarded &&
		   rate_limit_take(&interface->defences, stack->now, DEFEND_INTERVAL_US, 1)) {
		stack_nd_announce(stack, interface, address);
	}
	return STACK_DROP_ND_CONFLICT;
}

static struct stack_subnet *subnet_of(
	struct stack_interface *interface, const struct ip_address *address)
{
	for (unsigned i = 0; i < interface->subnet_count; i++)
		if (stack_subnet_has(&interface->subnets[i], address))
			return &interface->subnets[i];
	return NULL;
}

static enum stack_counter answer(struct stack *stack, const struct stack_from *from,
	const struct ip_packet *packet, const struct nd_message *asked)
{
	struct stack_interface *interface = &stack->interfaces[from->link];
	struct nd_message message = {.type = ND_ADVERTISEMENT,
		.solicited = true,
		.override = true,
		.has_mac = true,
		.target = asked->target};

	if (!rate_limit_take(&interface->answers, stack->now, ANSWER_INTERVAL_US, ANSWER_BURST))
		return STACK_DROP_ND_LIMIT;
	memcpy(message.mac, interface->link->mac, 6);
	send_nd(stack, interface, asked->has_mac ? asked->mac : from->mac, &asked->target,
		&packet->source, &message);
	return STACK_TAKEN;
}

static enum stack_counter solicitation(struct stack *stack, const struct stack_from *from,
	const struct ip_packet *packet, const struct nd_message *message)
{
	struct stack_interface *interface = &stack->interfaces[from->link];
	struct stack_subnet *subnet = subnet_of(interface, &message->target);

	if (!subnet || subnet->state == SUBNET_DUPLICATE)
		return STACK_DROP_ND_NOT_OURS;
	stack_share(stack, from->link, false);
	if (ipv6_is_unspecified(&packet->source)) {
		/* Our own probe, come back (RFC 7527)? */
		if (message->has_nonce &&
			memcmp(message->nonce, stack->nonce, sizeof(stack->nonce)) == 0)
			return STACK_DROP_ND_NOT_OURS;
		if (subnet->state == SUBNET_TENTATIVE)
			return conflict(stack, interface, subnet, &message->target);
		/* It waits a second for this, then takes the address. */
		if (stack->forwarded)
			return STACK_DROP_ND_CONFLICT;
		if (!rate_limit_take(
			    &interface->answers, stack->now, ANSWER_INTERVAL_US, ANSWER_BURST))
			return STACK_DROP_ND_LIMIT;
		stack_nd_announce(stack, interface, &message->target);
		return STACK_DROP_ND_CONFLICT;
	}
	/* Who asks for an address knows nothing of its being tentative: RFC 4862 section 5.4.3. */
	if (subnet->state == SUBNET_TENTATIVE)
		return STACK_DROP_ND_NOT_OURS;
	if (message->has_mac && stack_is_on_link(interface, &packet->source))
		neighbour_learn(&stack->neighbours, (uint8_t)from->link, &packet->source,
			message->mac, stack->now);
	if (stack->forwarded)
		return STACK_TAKEN; /* answered by the worker that it came to */
	return answer(stack, from, packet, message);
}

static enum stack_counter advertisement(struct stack *stack, const struct stack_from *from,
	const struct ip_packet *packet, const struct nd_message *message)
{
	struct stack_interface *interface = &stack->interfaces[from->link];
	struct stack_subnet *subnet = subnet_of(interface, &message->target);

	stack_share(stack, from->link, message->solicited && !from->group);
	if (subnet)
		return conflict(stack, interface, subnet, &message->target);
	if (message->solicited && !from->group && stack_owns(interface, &packet->destination) &&
		neighbour_answer(&stack->neighbours, (uint8_t)from->link, &message->target,
			message->has_mac ? message->mac : NULL, stack->now))
		return STACK_TAKEN;
	if (message->has_mac)
		neighbour_claim(&stack->neighbours, (uint8_t)from->link, &message->target,
			message->mac, stack->now);
	return STACK_DROP_ND_UNSOLICITED;
}

enum stack_counter stack_nd_input(
	struct stack *stack, const struct stack_from *from, const struct ip_packet *packet)
{
	uint64_t full = stack->neighbours.full;
	enum stack_counter result;
	struct nd_message message;

	switch (nd_parse(packet, &message)) {
	case 0:
		break;
	case -ENOTSUP:
		return STACK_DROP_ND_ROUTER;
	default:
		return STACK_DROP_ND_MALFORMED;
	}
	if (message.type == ND_SOLICITATION)
		result = stack_owns(&stack->interfaces[from->link], &packet->source)
				 ? STACK_DROP_IPV6_SOURCE
				 : solicitation(stack, from, packet, &message);
	else
		result = advertisement(stack, from, packet, &message);
	counter_add(&stack->counters[STACK_NEIGHBOUR_FULL], stack->neighbours.full - full);
	return result;
}
