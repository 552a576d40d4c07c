/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* stack_icmp.c - ICMP and ICMPv6 to us: echo, errors (RFC 1122 section 3.2.2, RFC 4443, RFC 5927)
 *
 * Nothing but echo is answered: no port unreachable, no parameter problem. Strangers hear nothing.
 */
#include "stack_private.h"

#include "net/icmp.h"
#include "net/icmp_error.h"

#define ECHO_INTERVAL_US 1000
#define ECHO_BURST 256
#define ERROR_INTERVAL_US 1000
#define ERROR_BURST 256

/* As long as the request, to where it came from. */
static void send_echo_reply(
	struct stack *stack, const struct stack_from *from, const struct ip_packet *request)
{
	struct stack_interface *interface = &stack->interfaces[from->link];
	const struct stack_headers headers = {
		&request->destination, &request->source, request->protocol, STACK_HOPS};
	const uint8_t *mac = stack_next_hop(stack, from->link, &request->source, true);
	struct frame *frame;

	if (!mac)
		return;
	frame = stack_queue_frame(stack, interface, false);
	if (!frame)
		return;
	icmp_echo_reply(
		stack_build_ip(stack, frame, interface, mac, &headers, request->length), request);
}

static void tcp_error(struct stack *stack, const struct icmp_error *error)
{
	const struct tcp_tuple tuple = {.remote = error->destination,
		.local = error->source,
		.remote_port = error->destination_port,
		.local_port = error->source_port};
	/* What no link of ours carries says nothing that TCP does not know (RFC 1191: 0). */
	uint32_t mtu = error->mtu > LINK_MTU_MAX ? LINK_MTU_MAX : error->mtu;

	tcp_icmp_input(stack->tcp, &tuple, error->seq,
		error->too_big ? TCP_ICMP_TOO_BIG : TCP_ICMP_UNREACHABLE, mtu, stack->now);
}

/*
 * A datagram that does not arrive ends no session: whoever sees our traffic could say so, and a
 * device that rests is no device that is gone. So UDP's errors are counted and that is all.
 */
static enum stack_counter error_input(
	struct stack *stack, const struct stack_from *from, const struct ip_packet *packet)
{
	struct stack_interface *interface = &stack->interfaces[from->link];
	struct icmp_error error;
	unsigned owner;

	switch (icmp_error_parse(packet, &error)) {
	case ICMP_ERROR:
		break;
	case ICMP_MALFORMED:
		return STACK_DROP_ICMP_ERROR;
	case ICMP_IGNORED:
		return STACK_DROP_ICMP_IGNORED;
	default:
		return STACK_DROP_ICMP;
	}
	/* Errors go to who sent what they quote. */
	if (!ip_equal(&error.source, &packet->destination) ||
		ip_is_v4(&error.source) != ip_is_v4(&error.destination) ||
		!ip_is_unicast(&error.destination) || error.source_port == 0 ||
		error.destination_port == 0)
		return STACK_DROP_ICMP_ERROR;
	if (!rate_limit_take(&interface->icmp_errors, stack->now, ERROR_INTERVAL_US, ERROR_BURST))
		return STACK_DROP_ICMP_LIMIT;
	if (error.protocol == PROTOCOL_UDP) {
		stack_count(stack, STACK_ICMP_UDP);
		return STACK_TAKEN;
	}
	/* The flow as it comes in from its other end. */
	if (stack_foreign(stack, &error.destination, &error.source, error.destination_port,
		    error.source_port, &owner))
		return stack_forward(stack, from->link, owner);
	stack_count(stack, STACK_ICMP_TCP);
	tcp_error(stack, &error);
	return STACK_TAKEN;
}

enum stack_counter stack_icmp_input(
	struct stack *stack, const struct stack_from *from, const struct ip_packet *packet)
{
	struct stack_interface *interface = &stack->interfaces[from->link];

	if (packet->length == 0 || !icmp_checksum_good(packet))
		return STACK_DROP_ICMP;
	if (!icmp_is_echo_request(packet))
		return error_input(stack, from, packet);
	if (!rate_limit_take(&interface->echo_answers, stack->now, ECHO_INTERVAL_US, ECHO_BURST))
		return STACK_DROP_ICMP_LIMIT;
	stack_remember(stack, from->link, from->mac, &packet->source);
	send_echo_reply(stack, from, packet);
	return STACK_TAKEN;
}
