/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* stack_private.h - a stack's insides, shared by stack*.c only */
#pragma once

#include "net/ip.h"
#include "net/nd.h"
#include "net/neighbour.h"
#include "net/udp.h"
#include "stack.h"

#include <string.h>

/** Every input function returns the counter of its drop, or this. */
#define STACK_TAKEN STACK_COUNTER_COUNT

enum stack_subnet_state {
	SUBNET_VALID,
	SUBNET_TENTATIVE, /* IPv6: does another host have it? (RFC 4862 section 5.4) */
	SUBNET_DUPLICATE, /* one has: not used */
};

/**
 * struct stack_subnet - one of our addresses, or a row, ready to compare
 * @first, @more: the row: its first address's last word in host order, how many follow
 * @has_broadcast: IPv4, prefix 0..30
 * @pending: announcements, or for a tentative address probes, still to send; next at @at
 */
struct stack_subnet {
	struct ip_address address, network, mask;
	uint32_t first, more;
	bool has_broadcast;
	uint8_t state; /* enum stack_subnet_state */
	uint8_t pending;
	bool asked; /* a listener query that is to be answered asked for its group */
	uint64_t at;
};

/** One more than is configured: the link-local address of our own making. */
#define STACK_SUBNETS_MAX (STACK_ADDRESSES_MAX + 1)

/** struct stack_row - IPv4 addresses of ours, host order: the first, how many follow */
struct stack_row {
	uint32_t first, more;
};

/** struct stack_reach - an IPv4 subnet, host order; @nobody: the two addresses in it that no host
 * has (0 where it is too small for such) */
struct stack_reach {
	uint32_t network, mask;
	uint32_t nobody[2];
};

/** struct stack_hop - a next hop that packets went to, and its entry at that time; NULL: none */
struct stack_hop {
	struct ip_address address;
	struct neighbour *neighbour;
};

/** Places for them: a fleet has as many addresses as it needs ports for. */
#define STACK_HOP_PLACES 128

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
 * struct stack_listener - reports of the groups that we are asked for in (RFC 3810)
 * @pending: unasked ones still to send, the next @at
 * @owed: one that a query asked for leaves @answer_at
 * @v1_until: a router speaks only version 1, until then so do we
 */
struct stack_listener {
	uint8_t pending;
	bool owed;
	uint64_t at, answer_at, v1_until;
	struct rate_limit queries;
};

/**
 * struct stack_interface - one link and what the stack knows about it
 * @usual: frames as most are may come: IPv4 without a tag
 * @mac: our Ethernet address, its first byte lowest
 * @rows, @reaches: our IPv4 addresses and their subnets once more, to be compared quickly
 * @vlan: the number of its tag, 0: frames have none
 * @ipv6: it has an IPv6 address, so IPv6 is spoken
 * @held: received frames are not given back yet
 * @hops: where packets went last
 * @unsettled: subnets that have something pending
 */
struct stack_interface {
	struct link *link;
	bool usual;
	uint64_t mac;
	struct stack_row rows[STACK_ADDRESSES_MAX];
	struct stack_reach reaches[STACK_ADDRESSES_MAX];
	unsigned row_count, reach_count;
	struct stack_subnet subnets[STACK_SUBNETS_MAX];
	unsigned subnet_count;
	struct ip_address gateways[STACK_GATEWAYS_MAX];
	unsigned gateway_count;
	uint16_t vlan;
	bool ipv6;
	bool held;
	struct stack_hop hops[STACK_HOP_PLACES];
	struct rate_limit answers, defences, echo_answers, icmp_errors;
	unsigned unsettled;
	struct stack_listener listener;
	struct stack_queue queue;
};

/**
 * struct stack_sender - whose frame brought a packet from @address in this turn
 *
 * What answers a packet need not wait until its sender is resolved: the answer goes where the
 * packet came from. So a flood of strangers on the link makes neither neighbours nor questions.
 */
struct stack_sender {
	struct ip_address address;
	uint32_t turn;
	uint8_t link;
	uint8_t mac[6];
};
_Static_assert(sizeof(struct stack_sender) == 28, "the senders of a turn stay in the first cache");

/** Places for them: two for each frame of a burst, so that few share one. */
#define STACK_SENDERS (2 * STACK_BURST)

/**
 * struct stack_arrivals - what one burst brought for TCP and the user, between the passes
 * @hashed, @located: of the segments, how many have been through the first and the second pass
 */
struct stack_arrivals {
	struct frame frames[STACK_BURST];
	struct tcp_segment segments[STACK_BURST];
	struct tcp_place places[STACK_BURST];
	struct datagram datagrams[STACK_BURST];
	unsigned segment_count, datagram_count, hashed, located;
};

struct stack {
	struct tcp *tcp;
	const struct rss *rss;
	unsigned worker;
	struct forward *forward;
	bool forward_held; /* slots of the rings are not given back yet */
	bool forwarded;    /* what is parsed was handed over: ours, not to be answered twice */
	const struct frame *frame; /* that is being parsed */
	struct rate_limit share_answers, share_others;
	struct stack_user user;
	uint64_t now;   /* of the turn's last call that brought it */
	uint64_t swept; /* when timers last ran; sweeps owe what has passed since */
	uint64_t connections_owed, neighbours_owed; /* entries times period, see sweep_due() */
	uint64_t id_state;
	uint64_t sender_key; /* odd: which place a sender gets */
	uint32_t turn;       /* counts stack_transmit() */
	uint8_t nonce[ND_NONCE_BYTES];
	struct neighbour_table neighbours;
	size_t bytes;
	struct stack_row rows[STACK_LINKS_MAX * STACK_ADDRESSES_MAX]; /* of all interfaces */
	unsigned row_count;
	unsigned interface_count;
	struct stack_interface interfaces[STACK_LINKS_MAX];
	struct stack_arrivals arrivals;
	struct stack_sender senders[STACK_SENDERS];
	uint64_t udp_bound[65536 / 64]; /* one bit a port, host order */
	uint64_t counters[STACK_COUNTER_COUNT];
};

/**
 * struct stack_from - how a packet came
 * @mac: its frame's source
 * @group: its frame was sent to more than us
 * @checksum_good: the port verified the transport checksum
 */
struct stack_from {
	unsigned link;
	const uint8_t *mac;
	bool group;
	bool checksum_good;
};

static inline void stack_count(struct stack *stack, enum stack_counter counter)
{
	counter_add(&stack->counters[counter], 1);
}

/** stack_draw() - 16 bits that nobody foresees who does not watch many of them. */
static inline uint16_t stack_draw(struct stack *stack)
{
	stack->id_state = stack->id_state * 6364136223846793005U + 1442695040888963407U;
	return (uint16_t)(stack->id_state >> 48);
}

/** stack_subnet_has() - is @address this one of ours, or of the row that follows it? */
static inline bool stack_subnet_has(
	const struct stack_subnet *subnet, const struct ip_address *address)
{
	return ((subnet->address.word[0] ^ address->word[0]) |
		       (subnet->address.word[1] ^ address->word[1]) |
		       (subnet->address.word[2] ^ address->word[2])) == 0 &&
	       ntohl(address->word[3]) - subnet->first <= subnet->more;
}

/** stack_owns() - is this an address of ours on @interface, free to use? */
static inline bool stack_owns(
	const struct stack_interface *interface, const struct ip_address *address)
{
	for (unsigned i = 0; i < interface->subnet_count; i++)
		if (stack_subnet_has(&interface->subnets[i], address))
			return interface->subnets[i].state == SUBNET_VALID;
	return false;
}

/** stack_subnet_covers() - does @address share this subnet's prefix? */
static inline bool stack_subnet_covers(
	const struct stack_subnet *subnet, const struct ip_address *address)
{
	struct ip_address network = ip_masked(address, &subnet->mask);

	return ip_equal(&network, &subnet->network);
}

/* stack_forward.c */

/**
 * stack_foreign() - does another worker own this flow? Never what was handed over.
 * @source, @destination, ports: of the packet that is being parsed, or of the one that it quotes
 * @owner: receives who, where it does
 */
static inline bool stack_foreign(const struct stack *stack, const struct ip_address *source,
	const struct ip_address *destination, uint16_t source_port, uint16_t destination_port,
	unsigned *owner)
{
	if (stack->rss->workers == 1 || stack->forwarded)
		return false;
	*owner = rss_owner(stack->rss, source, destination, source_port, destination_port);
	return *owner != stack->worker;
}

/**
 * stack_forward() - hand the frame that is being parsed, its checksums verified, to its owner
 * Return: the counter of its drop, or STACK_TAKEN.
 */
enum stack_counter stack_forward(struct stack *stack, unsigned link, unsigned owner);

/**
 * stack_share() - show the frame that is being parsed to the other workers: it teaches neighbours
 * @answer: it answers a question that any of them may have asked
 *
 * Each worker has its own table, and ARP and ND reach only one queue. Rate-limited, answers apart
 * from the rest, so that a flood of either costs the others a bounded part of their turns. The
 * receivers learn (stack->forwarded is set); they never answer, defend or share it on.
 */
void stack_share(struct stack *stack, unsigned link, bool answer);

/** stack_forward_release() - give what was taken from the rings back. */
void stack_forward_release(struct stack *stack);

/* stack_address.c */

/** stack_link_valid() - can a stack work with this link and these addresses? */
bool stack_link_valid(const struct stack_link *link);

/** stack_interface_init() - our addresses on a link, IPv6 ones not to be used before they have
 * proved to be free. */
void stack_interface_init(
	struct stack_interface *interface, const struct stack_link *link, uint64_t now);

/** stack_owns_anywhere() - is this an address of ours on any link? */
bool stack_owns_anywhere(const struct stack *stack, const struct ip_address *address);

/** stack_is_broadcast() - a subnet's broadcast address, or its number (that of old). */
bool stack_is_broadcast(const struct stack_interface *interface, const struct ip_address *address);

/** stack_is_on_link() - can a host with this address be reached on the link itself? */
bool stack_is_on_link(const struct stack_interface *interface, const struct ip_address *address);

/** stack_source_for() - one of our addresses to ask for @target from: preferably one that shares
 * its subnet; NULL if none of its family may be used yet. */
const struct ip_address *stack_source_for(
	const struct stack_interface *interface, const struct ip_address *target);

/** stack_settle() - announcements and probes of our own addresses that are due. */
void stack_settle(struct stack *stack, struct stack_interface *interface);

/** stack_ask() - queue one question of the neighbour table, as its family puts it. */
void stack_ask(struct stack *stack, const struct neighbour_ask *ask);

/* stack_input.c */

/** stack_input() - one frame. Return: the counter of its drop, or STACK_TAKEN. */
enum stack_counter stack_input(struct stack *stack, unsigned link, const struct frame *frame);

/* stack_usual.c */

/** stack_locate() - the passes over the segments that have come so far; @all: none is left for
 * later. */
void stack_locate(struct stack *stack, bool all);

/** stack_parse() - read the @count frames of the burst that came by a link. */
void stack_parse(struct stack *stack, unsigned link, unsigned count);

/* stack_receive.c */

/** stack_up() - tell the user what TCP reports of a connection. */
void stack_up(struct stack *stack, const struct tcp_up *up);

/** stack_udp_takes() - does somebody want datagrams to @port (host order) from @source_port? */
static inline bool stack_udp_takes(const struct stack *stack, uint16_t source_port, uint16_t port)
{
	return (stack->udp_bound[port / 64] >> port % 64 & 1) && !udp_is_echo_like(source_port);
}

/* Which sender's place, and which next hop's. Multiplying by a random odd number spreads what
 * strangers choose (Dietzfelbinger 1996). */
static inline unsigned stack_place(const struct stack *stack, const struct ip_address *address)
{
	uint64_t high = (uint64_t)address->word[0] << 32 | address->word[1];
	uint64_t low = (uint64_t)address->word[2] << 32 | address->word[3];

	_Static_assert(
		STACK_SENDERS == 1 << 7 && STACK_HOP_PLACES == 1 << 7, "seven bits choose a place");
	return (unsigned)(((high * 3 ^ low) * stack->sender_key) >> (64 - 7));
}

/** stack_remember() - where an answer to @address goes while it is not resolved: to @mac. */
static inline void stack_remember(
	struct stack *stack, unsigned link, const uint8_t mac[6], const struct ip_address *address)
{
	struct stack_sender *sender = &stack->senders[stack_place(stack, address)];

	sender->address = *address;
	sender->turn = stack->turn;
	sender->link = (uint8_t)link;
	memcpy(sender->mac, mac, 6);
}

/** stack_is_foreign() - as stack_foreign(), of a frame that may carry its port's hash. */
static inline bool stack_is_foreign(const struct stack *stack, const struct frame *frame,
	const struct ip_address *source, const struct ip_address *destination, uint16_t source_port,
	uint16_t destination_port, unsigned *owner)
{
	if (stack->rss->workers > 1 && !stack->forwarded && (frame->flags & FRAME_HASH)) {
		*owner = rss_worker(stack->rss, frame->hash);
		return *owner != stack->worker;
	}
	return stack_foreign(stack, source, destination, source_port, destination_port, owner);
}

/** stack_tcp_input() - one TCP segment to us, put aside for the next passes. */
enum stack_counter stack_tcp_input(
	struct stack *stack, const struct stack_from *from, const struct ip_packet *packet);

/** stack_udp_input() - one UDP datagram to us, put aside for the last pass. */
enum stack_counter stack_udp_input(
	struct stack *stack, const struct stack_from *from, const struct ip_packet *packet);

/** stack_sender() - whose frame brought a packet from @address in this turn; NULL: none did. */
const uint8_t *stack_sender(
	const struct stack *stack, unsigned link, const struct ip_address *address);

/* stack_arp.c */

/**
 * stack_arp_input() - one ARP packet
 * @data, @length: what follows the Ethernet header
 */
enum stack_counter stack_arp_input(
	struct stack *stack, const struct stack_from *from, const uint8_t *data, size_t length);

/** stack_arp_ask() - queue one request. */
void stack_arp_ask(struct stack *stack, const struct neighbour_ask *ask);

/** stack_arp_announce() - queue a gratuitous ARP (RFC 5227 section 2.3). */
void stack_arp_announce(
	struct stack *stack, struct stack_interface *interface, const struct ip_address *address);

/* stack_nd.c */

/** stack_nd_input() - one packet that nd_is_discovery(). */
enum stack_counter stack_nd_input(
	struct stack *stack, const struct stack_from *from, const struct ip_packet *packet);

/** stack_nd_ask() - queue one solicitation. */
void stack_nd_ask(struct stack *stack, const struct neighbour_ask *ask);

/** stack_nd_probe() - queue the question whether another host has @address
 * (RFC 4862 section 5.4.2). */
void stack_nd_probe(
	struct stack *stack, struct stack_interface *interface, const struct ip_address *address);

/** stack_nd_announce() - queue an unsolicited advertisement (RFC 4861 section 7.2.6). */
void stack_nd_announce(
	struct stack *stack, struct stack_interface *interface, const struct ip_address *address);

/* stack_mld.c */

/** stack_mld_join() - report our groups, as if they were new: at the start, and when there is a
 * link-local address to do so from. */
void stack_mld_join(struct stack_interface *interface, uint64_t now);

/** stack_mld_timers() - reports that are due. */
void stack_mld_timers(struct stack *stack, struct stack_interface *interface);

/** stack_mld_input() - one packet that mld_is_query(). */
enum stack_counter stack_mld_input(
	struct stack *stack, const struct stack_from *from, const struct ip_packet *packet);

/* stack_icmp.c */

/** stack_icmp_input() - one ICMP or ICMPv6 packet to us that is no neighbour discovery. */
enum stack_counter stack_icmp_input(
	struct stack *stack, const struct stack_from *from, const struct ip_packet *packet);

/* stack_transmit.c */

/** struct stack_headers - what every packet of ours begins with */
struct stack_headers {
	const struct ip_address *source, *destination;
	uint8_t protocol;
	uint8_t hops;
};

/** Hop limit and time to live of what is not neighbour discovery. */
#define STACK_HOPS 64

/**
 * stack_queue_frame() - one empty frame at the end of a link's queue
 * @urgent: control traffic, which keeps a reserve that payload cannot take
 *
 * Return: it, of length 0 until the caller sets it; NULL (and a counter) when the queue or the
 * port's buffers are used up.
 */
struct frame *stack_queue_frame(
	struct stack *stack, struct stack_interface *interface, bool urgent);

/** stack_build_ether() - write the Ethernet header. Return: what follows it. */
uint8_t *stack_build_ether(struct frame *frame, const struct stack_interface *interface,
	const uint8_t destination[6], uint16_t type);

/**
 * stack_build_ip() - write Ethernet and IP header, say how long the frame is, what the port fills
 * @payload: bytes that follow
 * Return: where they go.
 */
uint8_t *stack_build_ip(struct stack *stack, struct frame *frame,
	const struct stack_interface *interface, const uint8_t mac[6],
	const struct stack_headers *headers, size_t payload);

/**
 * stack_next_hop() - the Ethernet address for a packet to @destination
 * @stateless: an answer to who knows whom: goes only to known neighbours or back to the sender
 *	of what it answers; no neighbour is made for it
 *
 * Return: it, valid until the next call; NULL (and a counter) when there is no route or the next
 * hop has not answered yet: it is then asked.
 */
const uint8_t *stack_next_hop(
	struct stack *stack, unsigned link, const struct ip_address *destination, bool stateless);
