/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* stack_private.h - a stack's insides, shared by stack*.c only */
#pragma once

#include "net/neighbour.h"
#include "stack.h"

/**
 * struct stack_subnet - one of our addresses, or a row, ready to compare; network byte order
 * @first, @more: the row: its first address in host order, how many follow
 */
struct stack_subnet {
	uint32_t address, network, mask;
	uint32_t first, more;
	bool has_broadcast; /* prefix 0..30 */
};

/**
 * struct stack_queue - frames of one link that leave at the end of the turn
 * @room: payload bytes reserved in each by stack_datagram(); 0 once committed, or no datagram
 */
struct stack_queue {
	unsigned count;
	struct frame frames[STACK_QUEUE];
	uint16_t room[STACK_QUEUE];
};
_Static_assert(STACK_QUEUE <= LINK_RESERVED_MAX, "a queue is reserved buffers");

/**
 * struct stack_interface - one link and what the stack knows about it
 * @held: received frames are not given back yet
 * @destination, @neighbour: where the last packet went, NULL: nowhere yet
 * @announcements: gratuitous ARPs still to send at start, next at @announce_at
 */
struct stack_interface {
	struct link *link;
	struct stack_subnet subnets[STACK_ADDRESSES_MAX];
	unsigned subnet_count;
	uint32_t gateways[STACK_GATEWAYS_MAX];
	unsigned gateway_count;
	bool held;
	uint32_t destination, next_hop;
	struct neighbour *neighbour;
	struct rate_limit arp_answers, arp_defences, echo_answers;
	unsigned announcements;
	uint64_t announce_at;
	struct stack_queue queue;
};

/** struct stack_arrivals - what one burst brought for TCP and the user, between the passes */
struct stack_arrivals {
	struct frame frames[STACK_BURST];
	struct tcp_segment segments[STACK_BURST];
	uint64_t hashes[STACK_BURST];
	struct datagram datagrams[STACK_BURST];
	unsigned segment_count, datagram_count;
};

struct stack {
	struct tcp *tcp;
	const struct rss *rss;
	unsigned worker;
	struct stack_user user;
	uint64_t now;   /* of the turn's last call that brought it */
	uint64_t swept; /* when timers last ran; sweeps owe what has passed since */
	uint64_t connections_owed, neighbours_owed; /* entries times period, see sweep_due() */
	uint64_t id_state;
	struct neighbour_table neighbours;
	size_t bytes;
	unsigned interface_count;
	struct stack_interface interfaces[STACK_LINKS_MAX];
	struct stack_arrivals arrivals;
	uint64_t udp_bound[65536 / 64]; /* one bit a port, host order */
	uint64_t counters[STACK_COUNTER_COUNT];
};

static inline void stack_count(struct stack *stack, enum stack_counter counter)
{
	counter_add(&stack->counters[counter], 1);
}

/** stack_owns() - is this (network order) one of our addresses on @interface? */
static inline bool stack_owns(const struct stack_interface *interface, uint32_t address)
{
	for (unsigned i = 0; i < interface->subnet_count; i++)
		if (ntohl(address) - interface->subnets[i].first <= interface->subnets[i].more)
			return true;
	return false;
}

/** stack_up() - tell the user what TCP reports of a connection. */
void stack_up(struct stack *stack, const struct tcp_up *up);

/**
 * stack_arp_input() - one ARP packet
 * @data, @length: what follows the Ethernet header
 * @broadcast: the frame was sent to all
 * Return: the counter of the drop, or STACK_COUNTER_COUNT for none.
 */
enum stack_counter stack_arp_input(
	struct stack *stack, unsigned link, const uint8_t *data, size_t length, bool broadcast);

/** stack_arp_ask() - queue one request. */
void stack_arp_ask(struct stack *stack, const struct neighbour_ask *ask);

/** stack_arp_announce() - queue gratuitous ARPs that are due at start (RFC 5227 section 2.3). */
void stack_arp_announce(struct stack *stack, struct stack_interface *interface);

/** stack_queue_frame() - one empty frame at the end of a link's queue; NULL (and a counter) when
 * the queue or the port's buffers are used up. Its length is 0 until the caller sets it. */
struct frame *stack_queue_frame(struct stack *stack, struct stack_interface *interface);

/**
 * stack_next_hop() - the Ethernet address for a packet to @destination
 * Return: it, valid until the next call; NULL (and a counter) when there is no route or the next
 * hop has not answered yet: it is then asked.
 */
const uint8_t *stack_next_hop(struct stack *stack, unsigned link, uint32_t destination);

/** stack_echo_reply() - queue the answer to an echo request of @length ICMP bytes. */
void stack_echo_reply(struct stack *stack, unsigned link, uint32_t remote, uint32_t local,
	const uint8_t *request, size_t length);
