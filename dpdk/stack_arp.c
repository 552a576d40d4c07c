/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* stack_arp.c - ARP as the stack speaks it (RFC 826, RFC 5227): answers, asks, announces */
#include "stack_private.h"

#include "net/arp.h"
#include "net/ipv4.h"

#include <string.h>

#define ANSWER_INTERVAL_US 1000
#define ANSWER_BURST 64
#define DEFEND_INTERVAL_US 10000000U  /* RFC 5227 section 2.4 */
#define ANNOUNCE_INTERVAL_US 2000000U /* RFC 5227 section 2.3 */

static const uint8_t everybody[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

static void send_arp(struct stack *stack, struct stack_interface *interface,
	const uint8_t destination[6], const struct arp_packet *packet)
{
	struct frame *frame = stack_queue_frame(stack, interface);

	if (!frame)
		return;
	arp_build(frame->data, destination, packet);
	frame->length = ARP_FRAME_BYTES;
}

/* "This address is ours": to everybody, as a request that nobody needs to answer. */
static void announce(struct stack *stack, struct stack_interface *interface, uint32_t address)
{
	struct arp_packet packet = {.operation = ARP_REQUEST, .sender = address, .target = address};

	memcpy(packet.sender_mac, interface->link->mac, 6);
	send_arp(stack, interface, everybody, &packet);
}

void stack_arp_announce(struct stack *stack, struct stack_interface *interface)
{
	if ((int64_t)(stack->now - interface->announce_at) < 0)
		return;
	for (unsigned i = 0; i < interface->subnet_count; i++)
		announce(stack, interface, interface->subnets[i].address);
	interface->announcements--;
	interface->announce_at = stack->now + ANNOUNCE_INTERVAL_US;
}

/* One of our addresses to ask from: preferably one that shares the target's subnet. */
static uint32_t source_for(const struct stack_interface *interface, uint32_t target)
{
	for (unsigned i = 0; i < interface->subnet_count; i++)
		if ((target & interface->subnets[i].mask) == interface->subnets[i].network)
			return interface->subnets[i].address;
	return interface->subnets[0].address;
}

void stack_arp_ask(struct stack *stack, const struct neighbour_ask *ask)
{
	struct stack_interface *interface = &stack->interfaces[ask->link];
	struct arp_packet packet = {.operation = ARP_REQUEST, .target = ask->address};

	packet.sender = source_for(interface, ask->address);
	memcpy(packet.sender_mac, interface->link->mac, 6);
	send_arp(stack, interface, ask->unicast ? ask->mac : everybody, &packet);
	stack_count(stack, STACK_ARP_REQUESTS);
}

/* Can a host with this address be reached on the link itself? */
static bool is_on_link(const struct stack_interface *interface, uint32_t address)
{
	for (unsigned i = 0; i < interface->gateway_count; i++)
		if (interface->gateways[i] == address)
			return true;
	for (unsigned i = 0; i < interface->subnet_count; i++) {
		const struct stack_subnet *subnet = &interface->subnets[i];
		uint32_t host = address & ~subnet->mask;

		if ((address & subnet->mask) == subnet->network &&
			!(subnet->has_broadcast && (host == 0 || host == ~subnet->mask)))
			return ipv4_is_unicast(address);
	}
	return false;
}

static enum stack_counter request_input(
	struct stack *stack, unsigned link, const struct arp_packet *packet)
{
	struct stack_interface *interface = &stack->interfaces[link];
	struct arp_packet reply = {
		.operation = ARP_REPLY, .sender = packet->target, .target = packet->sender};

	if (packet->sender == packet->target) {
		neighbour_claim(&stack->neighbours, (uint8_t)link, packet->sender,
			packet->sender_mac, stack->now);
		return STACK_DROP_ARP_UNSOLICITED;
	}
	if (!stack_owns(interface, packet->target))
		return STACK_DROP_ARP_NOT_OURS;
	if (is_on_link(interface, packet->sender))
		neighbour_learn(&stack->neighbours, (uint8_t)link, packet->sender,
			packet->sender_mac, stack->now);
	if (!rate_limit_take(&interface->arp_answers, stack->now, ANSWER_INTERVAL_US, ANSWER_BURST))
		return STACK_DROP_ARP_LIMIT;
	memcpy(reply.sender_mac, interface->link->mac, 6);
	memcpy(reply.target_mac, packet->sender_mac, 6);
	send_arp(stack, interface, packet->sender_mac, &reply);
	return STACK_COUNTER_COUNT;
}

enum stack_counter stack_arp_input(
	struct stack *stack, unsigned link, const uint8_t *data, size_t length, bool broadcast)
{
	struct stack_interface *interface = &stack->interfaces[link];
	enum stack_counter result = STACK_COUNTER_COUNT;
	struct arp_packet packet;
	uint64_t full = stack->neighbours.full;

	if (arp_parse(data, length, &packet) != 0)
		return STACK_DROP_ARP_MALFORMED;
	if (stack_owns(interface, packet.sender)) {
		if (rate_limit_take(&interface->arp_defences, stack->now, DEFEND_INTERVAL_US, 1))
			announce(stack, interface, packet.sender);
		return STACK_DROP_ARP_CONFLICT;
	}
	if (packet.operation == ARP_REQUEST) {
		result = request_input(stack, link, &packet);
	} else if (broadcast || !stack_owns(interface, packet.target) ||
		   !neighbour_answer(&stack->neighbours, (uint8_t)link, packet.sender,
			   packet.sender_mac, stack->now)) {
		neighbour_claim(&stack->neighbours, (uint8_t)link, packet.sender, packet.sender_mac,
			stack->now);
		result = STACK_DROP_ARP_UNSOLICITED;
	}
	counter_add(&stack->counters[STACK_NEIGHBOUR_FULL], stack->neighbours.full - full);
	return result;
}
