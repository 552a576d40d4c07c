/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* stack_receive.c - a burst in: segments and datagrams, handed up in three passes */
#include "stack_private.h"

#include "net/segment.h"
#include "net/udp.h"

#include <string.h>

/* Segments ahead of the one that is handed up whose connections are brought near once more. */
#define NEAR_AHEAD 4

/* Bytes for the user, and its answer. @open: receives whether it still has the connection. */
static bool stream_up(struct stack *stack, const struct tcp_up *up, bool *open)
{
	bool taken = stack->user.stream(stack->user.context, up->id, up->data, up->length);

	*open = tcp_user(stack->tcp, up->id);
	tcp_accept(stack->tcp, up->id, taken);
	return taken;
}

/*
 * The user may close the connection in any of these calls; it is told nothing more then. A stream
 * that was refused is not finished yet: its end is sent again with the bytes.
 */
void stack_up(struct stack *stack, const struct tcp_up *up)
{
	const struct stack_user *user = &stack->user;
	uint8_t events = up->events;
	struct tcp_tuple tuple;
	bool open = true; /* the user did not close it in one of these calls */

	if ((events & TCP_UP_OPENED) && tcp_tuple_of(stack->tcp, up->id, &tuple)) {
		user->opened(user->context, up->id, &tuple);
		open = tcp_user(stack->tcp, up->id);
	}
	if ((events & TCP_UP_DATA) && open) {
		struct tcp_up more;
		bool taken = stream_up(stack, up, &open);

		if (!taken)
			events &= (uint8_t)~TCP_UP_FINISHED;
		while (taken && tcp_more(stack->tcp, up->id, &more)) {
			taken = stream_up(stack, &more, &open);
			events |= taken ? more.events & TCP_UP_FINISHED : 0;
		}
	}
	/* Of a connection that was half closed this is the last word: its id is void. */
	if ((events & TCP_UP_FINISHED) && open)
		user->finished(user->context, up->id);
	if (events & TCP_UP_CLOSED)
		user->closed(user->context, up);
	else if ((events & TCP_UP_DEADLINE) && tcp_user(stack->tcp, up->id))
		user->deadline(user->context, up->id);
}

const uint8_t *stack_sender(
	const struct stack *stack, unsigned link, const struct ip_address *address)
{
	const struct stack_sender *sender = &stack->senders[stack_place(stack, address)];

	if (sender->turn != stack->turn || sender->link != link ||
		!ip_equal(&sender->address, address))
		return NULL;
	return sender->mac;
}

static bool is_other_workers(const struct stack *stack, const struct ip_packet *packet,
	uint16_t source_port, uint16_t destination_port, unsigned *owner)
{
	return stack_is_foreign(stack, stack->frame, &packet->source, &packet->destination,
		source_port, destination_port, owner);
}

enum stack_counter stack_udp_input(
	struct stack *stack, const struct stack_from *from, const struct ip_packet *packet)
{
	struct stack_arrivals *arrivals = &stack->arrivals;
	struct datagram *datagram;
	struct udp_packet udp;
	unsigned owner;
	uint16_t port;

	switch (udp_parse(packet, from->checksum_good, &udp)) {
	case UDP_MALFORMED:
		return STACK_DROP_UDP_MALFORMED;
	case UDP_CHECKSUM:
		return STACK_DROP_UDP_CHECKSUM;
	case UDP_GOOD:
		break;
	}
	port = ntohs(udp.destination_port);
	if (!stack_udp_takes(stack, udp.source_port, port))
		return STACK_DROP_UDP_PORT;
	if (is_other_workers(stack, packet, udp.source_port, udp.destination_port, &owner))
		return stack_forward(stack, from->link, owner);
	datagram = &arrivals->datagrams[arrivals->datagram_count++];
	datagram->path.remote = packet->source;
	datagram->path.local = packet->destination;
	datagram->path.remote_port = udp.source_port;
	datagram->path.local_port = udp.destination_port;
	datagram->path.link = (uint8_t)from->link;
	datagram->data = udp.payload;
	datagram->length = udp.length;
	datagram->hops = 0;
	stack_remember(stack, from->link, from->mac, &packet->source);
	return STACK_TAKEN;
}

enum stack_counter stack_tcp_input(
	struct stack *stack, const struct stack_from *from, const struct ip_packet *packet)
{
	struct stack_arrivals *arrivals = &stack->arrivals;
	struct tcp_segment *segment = &arrivals->segments[arrivals->segment_count];
	unsigned owner;

	switch (segment_parse(packet, from->checksum_good, segment)) {
	case SEGMENT_MALFORMED:
		return STACK_DROP_TCP_MALFORMED;
	case SEGMENT_CHECKSUM:
		return STACK_DROP_TCP_CHECKSUM;
	case SEGMENT_GOOD:
		break;
	}
	if (is_other_workers(
		    stack, packet, segment->tuple.remote_port, segment->tuple.local_port, &owner))
		return stack_forward(stack, from->link, owner);
	segment->link = (uint8_t)from->link;
	arrivals->segment_count++;
	stack_remember(stack, from->link, from->mac, &packet->source);
	return STACK_TAKEN;
}

/* After the passes that parsed, and brought flows and their connections near: segments and
 * datagrams are handed up. */
static void hand_up(struct stack *stack)
{
	struct stack_arrivals *arrivals = &stack->arrivals;

	stack_locate(stack, true);
	for (unsigned i = 0; i < arrivals->segment_count; i++) {
		struct tcp_up up;

		if (i + NEAR_AHEAD < arrivals->segment_count)
			tcp_bring_near(stack->tcp, &arrivals->places[i + NEAR_AHEAD]);
		tcp_input(
			stack->tcp, &arrivals->segments[i], &arrivals->places[i], stack->now, &up);
		if (up.events)
			stack_up(stack, &up);
	}
	for (unsigned i = 0; i < arrivals->datagram_count; i++)
		stack->user.datagram(stack->user.context, &arrivals->datagrams[i]);
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
	stack_parse(stack, link, count);
	hand_up(stack);
	return count;
}

/* A datagram that another worker took from its wire: its session is ours. */
static void take_handed(struct stack *stack, const struct forward_slot *slot)
{
	static const uint8_t unknown[6];
	struct stack_arrivals *arrivals = &stack->arrivals;
	struct datagram *datagram = &arrivals->datagrams[arrivals->datagram_count++];

	memcpy(&datagram->path, slot->data, sizeof(datagram->path));
	datagram->data = slot->data + sizeof(datagram->path);
	datagram->length = slot->length - (uint32_t)sizeof(datagram->path);
	datagram->hops = slot->hops;
	if (memcmp(slot->mac, unknown, sizeof(unknown)) != 0)
		stack_remember(stack, slot->link, slot->mac, &datagram->path.remote);
}

/* At most one burst of what other workers handed over, as if it had come from the wire. */
static unsigned receive_forwarded(struct stack *stack)
{
	struct stack_arrivals *arrivals = &stack->arrivals;
	const struct forward_slot *slots[STACK_BURST];
	unsigned count;

	if (stack->forward_held)
		return 0;
	count = forward_take(stack->forward, stack->worker, slots, STACK_BURST);
	if (count == 0)
		return 0;
	stack->forward_held = true;
	stack->forwarded = true;
	arrivals->segment_count = arrivals->hashed = arrivals->located = 0;
	arrivals->datagram_count = 0;
	for (unsigned i = 0; i < count; i++) {
		const struct forward_slot *slot = slots[i];
		enum stack_counter drop;

		if (slot->kind == FORWARD_DATAGRAM) {
			take_handed(stack, slot);
			continue;
		}
		arrivals->frames[i] = (struct frame){.data = (uint8_t *)slot->data,
			.length = slot->length,
			.flags = slot->flags,
			.vlan = slot->vlan};
		drop = stack_input(stack, slot->link, &arrivals->frames[i]);
		if (drop != STACK_TAKEN)
			stack_count(stack, drop);
	}
	counter_add(&stack->counters[STACK_FORWARD_TAKEN], count);
	stack->forwarded = false;
	hand_up(stack);
	return count;
}

unsigned stack_receive(struct stack *stack, uint64_t now)
{
	unsigned count = 0;

	stack->now = now;
	for (unsigned i = 0; i < stack->interface_count; i++)
		count += receive_link(stack, i);
	if (stack->forward)
		count += receive_forwarded(stack);
	return count;
}
