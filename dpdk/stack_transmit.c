/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* stack_transmit.c - a burst out: routes, headers, checksums, the links' queues */
#include "stack_private.h"

#include "net/icmp.h"
#include "net/ipv4.h"
#include "net/segment.h"
#include "net/udp.h"

#include <string.h>

/* Segments built at once, and in one turn at most: what is left waits for the next. */
#define SEGMENT_BATCH 32
#define SEGMENTS_PER_TURN 512

#define HEADERS_BYTES (sizeof(struct ether_header) + sizeof(struct ipv4_header))

struct frame *stack_queue_frame(struct stack *stack, struct stack_interface *interface)
{
	struct stack_queue *queue = &interface->queue;
	struct frame *frame = &queue->frames[queue->count];

	if (queue->count == STACK_QUEUE ||
		interface->link->reserve(interface->link, frame, 1) != 1) {
		stack_count(stack, STACK_DROP_TX_BUFFER);
		return NULL;
	}
	frame->length = 0;
	frame->flags = 0;
	queue->room[queue->count++] = 0;
	return frame;
}

static bool route(const struct stack_interface *interface, uint32_t destination, uint32_t *next_hop)
{
	for (unsigned i = 0; i < interface->subnet_count; i++) {
		const struct stack_subnet *subnet = &interface->subnets[i];

		if ((destination & subnet->mask) == subnet->network) {
			*next_hop = destination;
			return true;
		}
	}
	if (interface->gateway_count == 0)
		return false;
	*next_hop = interface->gateways[0];
	return true;
}

/* The entry for @destination: the last one, if it is still what it was, else by route and table. */
static struct neighbour *neighbour_for(struct stack *stack, unsigned link, uint32_t destination)
{
	struct stack_interface *interface = &stack->interfaces[link];
	struct neighbour *entry = interface->neighbour;
	struct neighbour_ask ask;
	unsigned asks;

	if (entry && interface->destination == destination && entry->state != NEIGHBOUR_FREE &&
		entry->link == link && entry->address == interface->next_hop) {
		asks = neighbour_use(&stack->neighbours, entry, stack->now, &ask);
	} else {
		uint32_t next_hop;

		if (!route(interface, destination, &next_hop)) {
			stack_count(stack, STACK_DROP_NO_ROUTE);
			return NULL;
		}
		entry = neighbour_find(
			&stack->neighbours, (uint8_t)link, next_hop, stack->now, &ask, &asks);
		interface->neighbour = entry;
		interface->destination = destination;
		interface->next_hop = next_hop;
		if (!entry) {
			stack_count(stack, STACK_NEIGHBOUR_FULL);
			stack_count(stack, STACK_DROP_UNRESOLVED);
		}
	}
	if (asks > 0)
		stack_arp_ask(stack, &ask);
	return entry;
}

const uint8_t *stack_next_hop(struct stack *stack, unsigned link, uint32_t destination)
{
	struct neighbour *entry = neighbour_for(stack, link, destination);

	if (!entry)
		return NULL;
	if (entry->state == NEIGHBOUR_INCOMPLETE) {
		stack_count(stack, STACK_DROP_UNRESOLVED);
		return NULL;
	}
	return entry->mac;
}

static void build_ether(
	uint8_t *frame, const struct stack_interface *interface, const uint8_t destination[6])
{
	struct ether_header *ether = (void *)frame;

	memcpy(ether->destination, destination, 6);
	memcpy(ether->source, interface->link->mac, 6);
	ether->type = htons(ETHER_TYPE_IPV4);
}

/* With DF set the id means nothing to receivers (RFC 6864); unpredictable, it tells nothing. */
static uint16_t next_id(struct stack *stack)
{
	stack->id_state = stack->id_state * 6364136223846793005U + 1442695040888963407U;
	return (uint16_t)(stack->id_state >> 48);
}

/* What the port is to fill in of this frame. */
static void set_offload(struct frame *frame, uint16_t flags)
{
	frame->flags = flags;
	frame->l2_length = sizeof(struct ether_header);
	frame->l3_length = sizeof(struct ipv4_header);
}

void stack_echo_reply(struct stack *stack, unsigned link, uint32_t remote, uint32_t local,
	const uint8_t *request, size_t length)
{
	struct stack_interface *interface = &stack->interfaces[link];
	uint16_t fill = interface->link->offload & FRAME_L3_FILL;
	const uint8_t *mac = stack_next_hop(stack, link, remote);
	struct frame *frame;

	if (!mac)
		return;
	frame = stack_queue_frame(stack, interface);
	if (!frame)
		return;
	build_ether(frame->data, interface, mac);
	ipv4_build((void *)(frame->data + sizeof(struct ether_header)), local, remote,
		PROTOCOL_ICMP, length, next_id(stack), fill);
	icmp_echo_reply(frame->data + HEADERS_BYTES, request, length);
	frame->length = (uint16_t)(HEADERS_BYTES + length);
	set_offload(frame, fill);
}

uint8_t *stack_datagram(
	struct stack *stack, const struct udp_path *path, uint32_t bytes, unsigned *ticket)
{
	struct stack_interface *interface;
	struct ipv4_header *ip;
	struct udp_header *udp;
	struct frame *frame;
	const uint8_t *mac;

	/* A path may be older than this process: it is believed no more than a packet. */
	if (path->link >= stack->interface_count || !ip_is_v4(&path->local) ||
		!ip_is_v4(&path->remote) ||
		!stack_owns(&stack->interfaces[path->link], ip_v4(&path->local)) ||
		!ipv4_is_unicast(ip_v4(&path->remote))) {
		stack_count(stack, STACK_DROP_NO_ROUTE);
		return NULL;
	}
	interface = &stack->interfaces[path->link];
	if (bytes == 0 || bytes > interface->link->mtu - sizeof(*ip) - sizeof(*udp)) {
		stack_count(stack, STACK_DROP_TX_LENGTH);
		return NULL;
	}
	mac = stack_next_hop(stack, path->link, ip_v4(&path->remote));
	if (!mac)
		return NULL;
	frame = stack_queue_frame(stack, interface);
	if (!frame)
		return NULL;
	build_ether(frame->data, interface, mac);
	ip = (void *)(frame->data + sizeof(struct ether_header));
	ip->source = ip_v4(&path->local);
	ip->destination = ip_v4(&path->remote);
	udp = (void *)(frame->data + HEADERS_BYTES);
	udp->source_port = path->local_port;
	udp->destination_port = path->remote_port;
	interface->queue.room[interface->queue.count - 1] = (uint16_t)bytes;
	*ticket = path->link * STACK_QUEUE + interface->queue.count - 1;
	return frame->data + HEADERS_BYTES + sizeof(*udp);
}

void stack_datagram_commit(struct stack *stack, unsigned ticket, uint32_t bytes)
{
	struct stack_interface *interface = &stack->interfaces[ticket / STACK_QUEUE];
	unsigned slot = ticket % STACK_QUEUE;
	struct frame *frame = &interface->queue.frames[slot];
	uint16_t room = interface->queue.room[slot];
	uint16_t fill = interface->link->offload & (FRAME_L3_FILL | FRAME_L4_FILL);
	struct ipv4_header *ip;
	struct udp_header *udp;

	interface->queue.room[slot] = 0;
	if (bytes == 0)
		return;
	if (bytes > room) {
		stack_count(stack, STACK_DROP_TX_LENGTH);
		return;
	}
	ip = (void *)(frame->data + sizeof(struct ether_header));
	udp = (void *)(frame->data + HEADERS_BYTES);
	ipv4_build(ip, ip->source, ip->destination, PROTOCOL_UDP, sizeof(*udp) + bytes,
		next_id(stack), fill & FRAME_L3_FILL);
	udp_finish(udp, ip->source, ip->destination, bytes, fill & FRAME_L4_FILL);
	frame->length = (uint16_t)(HEADERS_BYTES + sizeof(*udp) + bytes);
	set_offload(frame, fill & FRAME_L4_FILL ? fill | FRAME_L4_UDP : fill);
}

/* Hands a link's queue to its port. Return: frames that left. */
static unsigned flush(struct stack *stack, struct stack_interface *interface)
{
	struct stack_queue *queue = &interface->queue;
	unsigned wanted = 0, sent, counted = 0;
	uint64_t bytes = 0;

	if (queue->count == 0)
		return 0;
	for (unsigned i = 0; i < queue->count; i++)
		wanted += queue->frames[i].length > 0;
	sent = interface->link->send(interface->link, queue->frames, queue->count);
	for (unsigned i = 0; i < queue->count && counted < sent; i++) {
		bytes += queue->frames[i].length;
		counted += queue->frames[i].length > 0;
	}
	queue->count = 0;
	counter_add(&stack->counters[STACK_TX_FRAMES], sent);
	counter_add(&stack->counters[STACK_TX_BYTES], bytes);
	counter_add(&stack->counters[STACK_DROP_TX_FULL], wanted - sent);
	return sent;
}

static void send_segment(struct stack *stack, const struct tcp_out *out)
{
	struct stack_interface *interface = &stack->interfaces[out->link];
	uint16_t fill = interface->link->offload & (FRAME_L3_FILL | FRAME_L4_FILL);
	size_t length = segment_bytes(out);
	struct frame *frame;
	const uint8_t *mac;

	if (length > interface->link->mtu - sizeof(struct ipv4_header)) {
		stack_count(stack, STACK_DROP_TX_LENGTH);
		return;
	}
	mac = stack_next_hop(stack, out->link, ip_v4(&out->tuple.remote));
	if (!mac)
		return;
	frame = stack_queue_frame(stack, interface);
	if (!frame)
		return;
	build_ether(frame->data, interface, mac);
	ipv4_build((void *)(frame->data + sizeof(struct ether_header)), ip_v4(&out->tuple.local),
		ip_v4(&out->tuple.remote), PROTOCOL_TCP, length, next_id(stack),
		fill & FRAME_L3_FILL);
	segment_build((void *)(frame->data + HEADERS_BYTES), out, fill & FRAME_L4_FILL);
	frame->length = (uint16_t)(HEADERS_BYTES + length);
	set_offload(frame, fill);
}

/* Is there room for a whole batch (and the ARP requests it may cause) on every link? */
static unsigned make_room(struct stack *stack)
{
	unsigned sent = 0;

	for (unsigned i = 0; i < stack->interface_count; i++)
		if (stack->interfaces[i].queue.count + 2 * SEGMENT_BATCH > STACK_QUEUE)
			sent += flush(stack, &stack->interfaces[i]);
	return sent;
}

unsigned stack_transmit(struct stack *stack, uint64_t now)
{
	uint64_t dropped =
		stack->counters[STACK_DROP_TX_FULL] + stack->counters[STACK_DROP_TX_BUFFER];
	struct tcp_out batch[SEGMENT_BATCH];
	unsigned count = SEGMENT_BATCH, sent = 0;

	stack->now = now;
	for (unsigned total = 0; total < SEGMENTS_PER_TURN && count == SEGMENT_BATCH;
		total += count) {
		sent += make_room(stack);
		/* A port that takes no more now would only lose what TCP can as well keep. */
		if (stack->counters[STACK_DROP_TX_FULL] + stack->counters[STACK_DROP_TX_BUFFER] !=
			dropped)
			break;
		count = tcp_output(stack->tcp, now, batch, SEGMENT_BATCH);
		for (unsigned i = 0; i < count; i++)
			send_segment(stack, &batch[i]);
	}
	for (unsigned i = 0; i < stack->interface_count; i++) {
		struct stack_interface *interface = &stack->interfaces[i];

		sent += flush(stack, interface);
		if (interface->held)
			interface->link->release(interface->link);
		interface->held = false;
	}
	return sent;
}
