/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* stack_receive.c - a burst in: frames to segments and datagrams, handed up in three passes */
#include "stack_private.h"

#include "net/icmp.h"
#include "net/ipv4.h"
#include "net/segment.h"
#include "net/udp.h"

#include <string.h>

#define PREFETCH_AHEAD 4

#define ECHO_INTERVAL_US 1000
#define ECHO_BURST 256

/* Every input function returns the counter of its drop, or this. */
#define TAKEN STACK_COUNTER_COUNT

/*
 * The user may close the connection in any of these calls; it is told nothing more then. A stream
 * that was refused is not finished yet: its end is sent again with the bytes.
 */
void stack_up(struct stack *stack, const struct tcp_up *up)
{
	const struct stack_user *user = &stack->user;
	uint8_t events = up->events;
	struct tcp_tuple tuple;

	if ((events & TCP_UP_OPENED) && tcp_tuple_of(stack->tcp, up->id, &tuple))
		user->opened(user->context, up->id, &tuple);
	if ((events & TCP_UP_DATA) && tcp_user(stack->tcp, up->id)) {
		bool taken = user->stream(user->context, up->id, up->data, up->length);

		tcp_accept(stack->tcp, up->id, taken);
		if (!taken)
			events &= (uint8_t)~TCP_UP_FINISHED;
	}
	if ((events & TCP_UP_FINISHED) && tcp_user(stack->tcp, up->id))
		user->finished(user->context, up->id);
	if (events & TCP_UP_CLOSED)
		user->closed(user->context, up);
	else if ((events & TCP_UP_DEADLINE) && tcp_user(stack->tcp, up->id))
		user->deadline(user->context, up->id);
}

static bool is_ours_anywhere(const struct stack *stack, uint32_t address)
{
	for (unsigned i = 0; i < stack->interface_count; i++)
		if (stack_owns(&stack->interfaces[i], address))
			return true;
	return false;
}

/* A subnet's broadcast address, or its number (the broadcast address of old). */
static bool is_subnet_broadcast(const struct stack_interface *interface, uint32_t address)
{
	for (unsigned i = 0; i < interface->subnet_count; i++) {
		const struct stack_subnet *subnet = &interface->subnets[i];
		uint32_t host = address & ~subnet->mask;

		if (subnet->has_broadcast && (address & subnet->mask) == subnet->network &&
			(host == 0 || host == ~subnet->mask))
			return true;
	}
	return false;
}

static enum stack_counter icmp_input(
	struct stack *stack, unsigned link, const struct ipv4_packet *packet)
{
	struct stack_interface *interface = &stack->interfaces[link];

	if (!icmp_is_echo_request(packet->payload, packet->length))
		return STACK_DROP_ICMP;
	if (!rate_limit_take(&interface->echo_answers, stack->now, ECHO_INTERVAL_US, ECHO_BURST))
		return STACK_DROP_ICMP_LIMIT;
	stack_echo_reply(
		stack, link, packet->source, packet->destination, packet->payload, packet->length);
	return TAKEN;
}

static bool is_other_workers(const struct stack *stack, const struct ipv4_packet *packet,
	uint16_t source_port, uint16_t destination_port)
{
	struct ip_address source = ip_from_v4(packet->source);
	struct ip_address destination = ip_from_v4(packet->destination);

	return rss_owner(stack->rss, &source, &destination, source_port, destination_port) !=
	       stack->worker;
}

static enum stack_counter udp_input(
	struct stack *stack, unsigned link, const struct ipv4_packet *packet, bool checksum_good)
{
	struct stack_arrivals *arrivals = &stack->arrivals;
	struct datagram *datagram;
	struct udp_packet udp;
	uint16_t port;

	switch (udp_parse(packet, checksum_good, &udp)) {
	case UDP_MALFORMED:
		return STACK_DROP_UDP_MALFORMED;
	case UDP_CHECKSUM:
		return STACK_DROP_UDP_CHECKSUM;
	case UDP_GOOD:
		break;
	}
	port = ntohs(udp.destination_port);
	if (!(stack->udp_bound[port / 64] >> port % 64 & 1) || udp_is_echo_like(udp.source_port))
		return STACK_DROP_UDP_PORT;
	if (is_other_workers(stack, packet, udp.source_port, udp.destination_port))
		return STACK_DROP_WRONG_WORKER;
	datagram = &arrivals->datagrams[arrivals->datagram_count++];
	datagram->path.remote = ip_from_v4(packet->source);
	datagram->path.local = ip_from_v4(packet->destination);
	datagram->path.remote_port = udp.source_port;
	datagram->path.local_port = udp.destination_port;
	datagram->path.link = (uint8_t)link;
	datagram->data = udp.payload;
	datagram->length = udp.length;
	return TAKEN;
}

static enum stack_counter tcp_segment_input(
	struct stack *stack, unsigned link, const struct ipv4_packet *packet, bool checksum_good)
{
	struct stack_arrivals *arrivals = &stack->arrivals;
	struct tcp_segment *segment = &arrivals->segments[arrivals->segment_count];

	switch (segment_parse(packet, checksum_good, segment)) {
	case SEGMENT_MALFORMED:
		return STACK_DROP_TCP_MALFORMED;
	case SEGMENT_CHECKSUM:
		return STACK_DROP_TCP_CHECKSUM;
	case SEGMENT_GOOD:
		break;
	}
	if (is_other_workers(stack, packet, segment->tuple.remote_port, segment->tuple.local_port))
		return STACK_DROP_WRONG_WORKER;
	segment->link = (uint8_t)link;
	arrivals->hashes[arrivals->segment_count++] =
		tcp_prefetch_flow(stack->tcp, &segment->tuple);
	return TAKEN;
}

static enum stack_counter ipv4_input(
	struct stack *stack, unsigned link, const struct frame *frame, const uint8_t *data)
{
	const struct stack_interface *interface = &stack->interfaces[link];
	bool checksum_good = frame->flags & FRAME_L4_GOOD;
	struct ipv4_packet packet;

	switch (ipv4_parse(data, frame->length - sizeof(struct ether_header),
		frame->flags & FRAME_L3_GOOD, &packet)) {
	case IPV4_MALFORMED:
		return STACK_DROP_IPV4_MALFORMED;
	case IPV4_CHECKSUM:
		return STACK_DROP_IPV4_CHECKSUM;
	case IPV4_OPTIONS:
		return STACK_DROP_IPV4_OPTIONS;
	case IPV4_FRAGMENT:
		return STACK_DROP_IPV4_FRAGMENT;
	case IPV4_GOOD:
		break;
	}
	/* Our own address as source is the land attack, whichever of our links it names. */
	if (!ipv4_is_unicast(packet.source) || is_ours_anywhere(stack, packet.source) ||
		is_subnet_broadcast(interface, packet.source))
		return STACK_DROP_IPV4_SOURCE;
	if (!stack_owns(interface, packet.destination))
		return STACK_DROP_IPV4_NOT_OURS;
	switch (packet.protocol) {
	case PROTOCOL_TCP:
		return tcp_segment_input(stack, link, &packet, checksum_good);
	case PROTOCOL_UDP:
		return udp_input(stack, link, &packet, checksum_good);
	case PROTOCOL_ICMP:
		return icmp_input(stack, link, &packet);
	default:
		return STACK_DROP_IPV4_PROTOCOL;
	}
}

static enum stack_counter ether_input(struct stack *stack, unsigned link, const struct frame *frame)
{
	static const uint8_t everybody[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	const struct ether_header *ether = (const void *)frame->data;
	const struct link *port = stack->interfaces[link].link;
	const uint8_t *data = frame->data + sizeof(*ether);
	bool broadcast;
	uint16_t type;

	if (frame->length < sizeof(*ether))
		return STACK_DROP_ETHER_SHORT;
	if (frame->length > sizeof(*ether) + port->mtu)
		return STACK_DROP_ETHER_LONG;
	type = ntohs(ether->type);
	broadcast = memcmp(ether->destination, everybody, 6) == 0;
	if (memcmp(ether->destination, port->mac, 6) != 0 && !(broadcast && type == ETHER_TYPE_ARP))
		return STACK_DROP_ETHER_NOT_OURS;
	/* Our own address is no reason to drop: on a TAP device both ends have the same. */
	if (ether->source[0] & 1)
		return STACK_DROP_ETHER_SOURCE;
	switch (type) {
	case ETHER_TYPE_IPV4:
		return ipv4_input(stack, link, frame, data);
	case ETHER_TYPE_ARP:
		return stack_arp_input(
			stack, link, data, frame->length - sizeof(*ether), broadcast);
	case ETHER_TYPE_VLAN:
	case ETHER_TYPE_QINQ:
	case ETHER_TYPE_QINQ_OLD:
		return STACK_DROP_VLAN;
	case ETHER_TYPE_IPV6:
		return STACK_DROP_IPV6;
	default:
		return STACK_DROP_ETHER_TYPE;
	}
}

/* First pass: parse, verify, hash; the packets' first lines are fetched ahead. */
static void parse_burst(struct stack *stack, unsigned link, unsigned count)
{
	struct stack_arrivals *arrivals = &stack->arrivals;
	uint64_t bytes = 0;

	arrivals->segment_count = 0;
	arrivals->datagram_count = 0;
	for (unsigned i = 0; i < count && i < PREFETCH_AHEAD; i++)
		__builtin_prefetch(arrivals->frames[i].data);
	for (unsigned i = 0; i < count; i++) {
		enum stack_counter drop;

		if (i + PREFETCH_AHEAD < count)
			__builtin_prefetch(arrivals->frames[i + PREFETCH_AHEAD].data);
		bytes += arrivals->frames[i].length;
		drop = ether_input(stack, link, &arrivals->frames[i]);
		if (drop != TAKEN)
			stack_count(stack, drop);
	}
	counter_add(&stack->counters[STACK_RX_FRAMES], count);
	counter_add(&stack->counters[STACK_RX_BYTES], bytes);
}

static unsigned receive_link(struct stack *stack, unsigned link)
{
	struct stack_interface *interface = &stack->interfaces[link];
	struct stack_arrivals *arrivals = &stack->arrivals;
	unsigned count;

	if (interface->held)
		return 0;
	count = interface->link->receive(interface->link, arrivals->frames, STACK_BURST);
	if (count == 0)
		return 0;
	interface->held = true;
	parse_burst(stack, link, count);
	for (unsigned i = 0; i < arrivals->segment_count; i++)
		tcp_prefetch_connection(stack->tcp, arrivals->hashes[i]);
	for (unsigned i = 0; i < arrivals->segment_count; i++) {
		struct tcp_up up;

		tcp_input(stack->tcp, &arrivals->segments[i], arrivals->hashes[i], stack->now, &up);
		if (up.events)
			stack_up(stack, &up);
	}
	for (unsigned i = 0; i < arrivals->datagram_count; i++)
		stack->user.datagram(stack->user.context, &arrivals->datagrams[i]);
	return count;
}

unsigned stack_receive(struct stack *stack, uint64_t now)
{
	unsigned count = 0;

	stack->now = now;
	for (unsigned i = 0; i < stack->interface_count; i++)
		count += receive_link(stack, i);
	return count;
}
