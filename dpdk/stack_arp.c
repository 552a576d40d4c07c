/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* stack_arp.c - ARP as the stack speaks it (RFC 826, RFC 5227): answers, asks, announces */
#include "stack_private.h"

#include "net/arp.h"

#include <string.h>

#define ANSWER_INTERVAL_US 1000
#define ANSWER_BURST 64
#define DEFEND_INTERVAL_US 10000000U /* RFC 5227 section 2.4 */

static const uint8_t everybody[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

static void send_arp(struct stack *stack, struct stack_interface *interface,
	const uint8_t destination[6], const struct arp_packet *packet)
{
	struct frame *frame = stack_queue_frame(stack, interface, true);

	if (!frame)
		return;
	arp_build((void *)stack_build_ether(frame, interface, destination, ETHER_TYPE_ARP), packet);
	frame->length = (uint16_t)(frame->l2_length + sizeof(struct arp_header));
}

/* "This address is ours": to everybody, as a request that nobody needs to answer. */
void stack_arp_announce(
	struct stack *stack, struct stack_interface *interface, const struct ip_address *address)
{
	struct arp_packet packet = {
		.operation = ARP_REQUEST, .sender = ip_v4(address), .target = ip_v4(address)};

	memcpy(packet.sender_mac, interface->link->mac, 6);
	send_arp(stack, interface, everybody, &packet);
}

void stack_arp_ask(struct stack *stack, const struct neighbour_ask *ask)
{
	struct stack_interface *interface = &stack->interfaces[ask->link];
	struct arp_packet packet = {.operation = ARP_REQUEST, .target = ip_v4(&ask->address)};
	const struct ip_address *source = stack_source_for(interface, &ask->address);

	if (!source)
		return;
	packet.sender = ip_v4(source);
	memcpy(packet.sender_mac, interface->link->mac, 6);
	send_arp(stack, interface, ask->unicast ? ask->mac : everybody, &packet);
	stack_count(stack, STACK_ARP_REQUESTS);
}

static enum stack_counter request_input(
	struct stack *stack, unsigned link, const struct arp_packet *packet)
{
	struct ip_address sender = ip_from_v4(packet->sender);
	struct ip_address target = ip_from_v4(packet->target);
	struct stack_interface *interface = &stack->interfaces[link];
	struct arp_packet reply = {
		.operation = ARP_REPLY, .sender = packet->target, .target = packet->sender};

	if (packet->sender == packet->target) {
		stack_share(stack, link, false);
		neighbour_claim(
			&stack->neighbours, (uint8_t)link, &sender, packet->sender_mac, stack->now);
		return STACK_DROP_ARP_UNSOLICITED;
	}
	if (!stack_owns(interface, &target))
		return STACK_DROP_ARP_NOT_OURS;
	stack_share(stack, link, false);
	if (stack_is_on_link(interface, &sender))
		neighbour_learn(
			&stack->neighbours, (uint8_t)link, &sender, packet->sender_mac, stack->now);
	if (stack->forwarded)
		return STACK_TAKEN; /* answered by the worker that it came to */
	if (!rate_limit_take(&interface->answers, stack->now, ANSWER_INTERVAL_US, ANSWER_BURST))
		return STACK_DROP_ARP_LIMIT;
	memcpy(reply.sender_mac, interface->link->mac, 6);
	memcpy(reply.target_mac, packet->sender_mac, 6);
	send_arp(stack, interface, packet->sender_mac, &reply);
	return STACK_TAKEN;
}

/* Whichever of the workers asked. Return: did we? */
static bool answer_input(
	struct stack *stack, unsigned link, const struct ip_address *sender, const uint8_t mac[6])
{
	stack_share(stack, link, true);
	return neighbour_answer(&stack->neighbours, (uint8_t)link, sender, mac, stack->now);
}

enum stack_counter stack_arp_input(
	struct stack *stack, const struct stack_from *from, const uint8_t *data, size_t length)
{
	struct stack_interface *interface = &stack->interfaces[from->link];
	struct ip_address sender, target;
	enum stack_counter result = STACK_TAKEN;
	struct arp_packet packet;
	uint64_t full = stack->neighbours.full;

	if (arp_parse(data, length, &packet) != 0)
		return STACK_DROP_ARP_MALFORMED;
	sender = ip_from_v4(packet.sender);
	target = ip_from_v4(packet.target);
	if (stack_owns(interface, &sender)) {
		if (!stack->forwarded &&
			rate_limit_take(&interface->defences, stack->now, DEFEND_INTERVAL_US, 1))
			stack_arp_announce(stack, interface, &sender);
		return STACK_DROP_ARP_CONFLICT;
	}
	if (packet.operation == ARP_REQUEST) {
		result = request_input(stack, from->link, &packet);
	} else if (from->group || !stack_owns(interface, &target) ||
		   !answer_input(stack, from->link, &sender, packet.sender_mac)) {
		neighbour_claim(&stack->neighbours, (uint8_t)from->link, &sender, packet.sender_mac,
			stack->now);
		result = STACK_DROP_ARP_UNSOLICITED;
	}
	counter_add(&stack->counters[STACK_NEIGHBOUR_FULL], stack->neighbours.full - full);
	return result;
}
