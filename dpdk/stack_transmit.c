/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* stack_transmit.c - a burst out: routes, headers, checksums, the links' queues */
#include "stack_private.h"

#include "net/segment.h"
#include "net/udp.h"

#include <string.h>

/* Segments built at once, and in one turn at most: what is left waits for the next. */
#define SEGMENT_BATCH 32
#define SEGMENTS_PER_TURN 512

struct frame *stack_queue_frame(struct stack *stack, struct stack_interface *interface, bool urgent)
{
	struct stack_queue *queue = &interface->queue;
	struct frame *frame = &queue->frames[queue->count];

	/* A link keeps a buffer for every place: who has the one has the other. */
	if (queue->count >= (urgent ? STACK_QUEUE : STACK_QUEUE - STACK_RESERVE) ||
		interface->link->reserve(interface->link, frame, 1) != 1) {
		stack_count(stack, STACK_DROP_TX_BUFFER);
		return NULL;
	}
	frame->length = 0;
	frame->flags = urgent ? FRAME_URGENT : 0;
	queue->room[queue->count++] = 0;
	return frame;
}

uint8_t *stack_build_ether(struct frame *frame, const struct stack_interface *interface,
	const uint8_t destination[6], uint16_t type)
{
	struct ether_header *ether = (void *)frame->data;
	struct vlan_tag *tag = (void *)(ether + 1);

	memcpy(ether->destination, destination, 6);
	memcpy(ether->source, interface->link->mac, 6);
	frame->l2_length = sizeof(*ether);
	if (interface->vlan == 0) {
		ether->type = htons(type);
		return (uint8_t *)tag;
	}
	ether->type = htons(ETHER_TYPE_VLAN);
	tag->control = htons(interface->vlan);
	tag->type = htons(type);
	frame->l2_length += sizeof(*tag);
	return (uint8_t *)(tag + 1);
}

uint8_t *stack_build_ip(struct stack *stack, struct frame *frame,
	const struct stack_interface *interface, const uint8_t mac[6],
	const struct stack_headers *headers, size_t payload)
{
	bool v4 = ip_is_v4(headers->source);
	uint8_t *ip =
		stack_build_ether(frame, interface, mac, v4 ? ETHER_TYPE_IPV4 : ETHER_TYPE_IPV6);

	if (v4) {
		frame->flags |= interface->link->offload & FRAME_L3_FILL;
		frame->l3_length = sizeof(struct ipv4_header);
		/* With DF set the id means nothing (RFC 6864); at random it tells nothing. */
		ipv4_build((void *)ip, ip_v4(headers->source), ip_v4(headers->destination),
			headers->protocol, payload, stack_draw(stack),
			frame->flags & FRAME_L3_FILL);
	} else {
		frame->flags |= FRAME_IPV6;
		frame->l3_length = sizeof(struct ipv6_header);
		ipv6_build((void *)ip, headers->source, headers->destination, headers->protocol,
			payload, headers->hops);
	}
	frame->length = (uint16_t)(frame->l2_length + frame->l3_length + payload);
	return ip + frame->l3_length;
}

uint8_t *stack_datagram(
	struct stack *stack, const struct udp_path *path, uint32_t bytes, unsigned *ticket)
{
	const struct stack_headers headers = {
		&path->local, &path->remote, PROTOCOL_UDP, STACK_HOPS};
	struct stack_interface *interface;
	struct udp_header *udp;
	struct frame *frame;
	const uint8_t *mac;

	/* A path may be older than this process: it is believed no more than a packet. */
	if (path->link >= stack->interface_count ||
		ip_is_v4(&path->local) != ip_is_v4(&path->remote) ||
		!stack_owns(&stack->interfaces[path->link], &path->local) ||
		!ip_is_unicast(&path->remote)) {
		stack_count(stack, STACK_DROP_NO_ROUTE);
		return NULL;
	}
	interface = &stack->interfaces[path->link];
	if (bytes == 0 ||
		bytes > interface->link->mtu - ip_header_bytes(&path->remote) - sizeof(*udp)) {
		stack_count(stack, STACK_DROP_TX_LENGTH);
		return NULL;
	}
	mac = stack_next_hop(stack, path->link, &path->remote, false);
	if (!mac)
		return NULL;
	frame = stack_queue_frame(stack, interface, false);
	if (!frame)
		return NULL;
	udp = (void *)stack_build_ip(stack, frame, interface, mac, &headers, sizeof(*udp) + bytes);
	frame->length = 0;
	udp->source_port = path->local_port;
	udp->destination_port = path->remote_port;
	interface->queue.room[interface->queue.count - 1] = (uint16_t)bytes;
	*ticket = path->link * STACK_QUEUE + interface->queue.count - 1;
	return (uint8_t *)(udp + 1);
}

void stack_datagram_commit(struct stack *stack, unsigned ticket, uint32_t bytes)
{
	struct stack_interface *interface = &stack->interfaces[ticket / STACK_QUEUE];
	unsigned slot = ticket % STACK_QUEUE;
	struct frame *frame = &interface->queue.frames[slot];
	uint16_t room = interface->queue.room[slot];
	uint16_t fill = interface->link->offload & FRAME_L4_FILL;
	struct ip_address source, destination;
	struct udp_header *udp;
	uint8_t *ip;

	interface->queue.room[slot] = 0;
	if (bytes == 0)
		return;
	if (bytes > room) {
		stack_count(stack, STACK_DROP_TX_LENGTH);
		return;
	}
	ip = frame->data + frame->l2_length;
	udp = (void *)(ip + frame->l3_length);
	if (frame->flags & FRAME_IPV6) {
		struct ipv6_header *header = (void *)ip;

		source = header->source;
		destination = header->destination;
		header->payload_length = htons((uint16_t)(sizeof(*udp) + bytes));
	} else {
		struct ipv4_header *header = (void *)ip;

		source = ip_from_v4(header->source);
		destination = ip_from_v4(header->destination);
		ipv4_build(header, header->source, header->destination, PROTOCOL_UDP,
			sizeof(*udp) + bytes, header->id, frame->flags & FRAME_L3_FILL);
	}
	udp_finish(udp, &source, &destination, bytes, fill);
	if (fill)
		frame->flags |= FRAME_L4_FILL | FRAME_L4_UDP;
	frame->length = (uint16_t)(frame->l2_length + frame->l3_length + sizeof(*udp) + bytes);
}

/* Bytes of the first @left frames with @urgent or without; counts @left down. */
static uint64_t bytes_of(const struct stack_queue *queue, uint16_t urgent, unsigned *left)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i<queue->count && * left> 0; i++) {
		const struct frame *frame = &queue->frames[i];

		if (frame->length == 0 || (frame->flags & FRAME_URGENT) != urgent)
			continue;
		bytes += frame->length;
		(*left)--;
	}
	return bytes;
}

/* Hands a link's queue to its port. Return: frames that left. */
static unsigned flush(struct stack *stack, struct stack_interface *interface)
{
	struct stack_queue *queue = &interface->queue;
	unsigned wanted = 0, sent, left;
	uint64_t bytes = 0;

	if (queue->count == 0)
		return 0;
	for (unsigned i = 0; i < queue->count; i++) {
		wanted += queue->frames[i].length > 0;
		bytes += queue->frames[i].length;
	}
	sent = interface->link->send(interface->link, queue->frames, queue->count);
	if (sent < wanted) {
		left = sent;
		bytes = bytes_of(queue, FRAME_URGENT, &left);
		bytes += bytes_of(queue, 0, &left);
	}
	queue->count = 0;
	counter_add(&stack->counters[STACK_TX_FRAMES], sent);
	counter_add(&stack->counters[STACK_TX_BYTES], bytes);
	counter_add(&stack->counters[STACK_DROP_TX_FULL], wanted - sent);
	return sent;
}

/*
 * SYN-ACKs and RSTs go to strangers: they are not worth a neighbour of their own. One that is sent
 * again to a host of the link that is in no table is lost: its next SYN gets the next answer, and
 * if only its ACK was lost, its first bytes complete the handshake. Were it asked for, whoever
 * invents SYNs from the link's addresses would have us ask everybody for each of them, time and
 * again.
 */
static bool is_stateless(uint8_t flags)
{
	return (flags & TCP_RST) || (flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK);
}

/* What carries bytes or the end of them keeps its order; all else is control. */
static bool is_control(const struct tcp_out *out)
{
	return out->length == 0 && !(out->flags & TCP_FIN);
}

static void send_segment(struct stack *stack, const struct tcp_out *out)
{
	const struct stack_headers headers = {
		&out->tuple.local, &out->tuple.remote, PROTOCOL_TCP, STACK_HOPS};
	struct stack_interface *interface = &stack->interfaces[out->link];
	uint16_t fill = interface->link->offload & FRAME_L4_FILL;
	size_t length = segment_bytes(out);
	struct frame *frame;
	const uint8_t *mac;

	if (length > (size_t)interface->link->mtu - ip_header_bytes(&out->tuple.remote)) {
		stack_count(stack, STACK_DROP_TX_LENGTH);
		return;
	}
	mac = stack_next_hop(stack, out->link, &out->tuple.remote, is_stateless(out->flags));
	if (!mac)
		return;
	frame = stack_queue_frame(stack, interface, is_control(out));
	if (!frame)
		return;
	segment_build(
		(void *)stack_build_ip(stack, frame, interface, mac, &headers, length), out, fill);
	frame->flags |= fill;
}

/* Is there room for a whole batch (and the ARP requests it may cause) on every link? */
static unsigned make_room(struct stack *stack)
{
	unsigned sent = 0;

	for (unsigned i = 0; i < stack->interface_count; i++)
		if (stack->interfaces[i].queue.count + 2 * SEGMENT_BATCH >
			STACK_QUEUE - STACK_RESERVE)
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
		/* A port that takes no more now would only lose what TCP can as well keep: but
		 * what datagrams filled must not silence its ACKs. */
		if (total > 0 && stack->counters[STACK_DROP_TX_FULL] +
						 stack->counters[STACK_DROP_TX_BUFFER] !=
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
	stack_forward_release(stack);
	stack->turn++;
	return sent;
}
