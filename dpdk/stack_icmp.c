/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* stack_icmp.c - ICMP and ICMPv6 to us: echo is answered (RFC 1122 section 3.2.2.6, RFC 4443) */
#include "stack_private.h"

#include "net/icmp.h"

#define ECHO_INTERVAL_US 1000
#define ECHO_BURST 256

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
	frame = stack_queue_frame(stack, interface);
	if (!frame)
		return;
	icmp_echo_reply(
		stack_build_ip(stack, frame, interface, mac, &headers, request->length), request);
}

enum stack_counter stack_icmp_input(
	struct stack *stack, const struct stack_from *from, const struct ip_packet *packet)
{
	struct stack_interface *interface = &stack->interfaces[from->link];

	stack_remember(stack, from, &packet->source);
	if (!icmp_is_echo_request(packet) || !icmp_checksum_good(packet))
		return STACK_DROP_ICMP;
	if (!rate_limit_take(&interface->echo_answers, stack->now, ECHO_INTERVAL_US, ECHO_BURST))
		return STACK_DROP_ICMP_LIMIT;
	send_echo_reply(stack, from, packet);
	return STACK_TAKEN;
}
