/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* stack_usual.c - the frames that nearly all are, read in one go: IPv4 without options, TCP and UDP
 */
#include "stack_private.h"

#include "net/checksum.h"

#include <string.h>

/*
 * What is written here takes no decision of its own: a frame is usual if every single check of the
 * general way (stack_input.c, net/) finds nothing, and then what it brings is the same. All others,
 * and so every drop and its counter, are the general way's. Both are compared by a test.
 */

/** struct usual - a frame without tag and IP options, as far as it is the same for all */
struct usual {
	struct ether_header ether;
	struct ipv4_header ip;
	union {
		struct tcp_header tcp;
		struct udp_header udp;
	};
} WIRE;
_Static_assert(offsetof(struct usual, udp) == 34, "Ethernet and IPv4 header");

/* Frames ahead of the one that is read whose first lines are asked for. */
#define PREFETCH_AHEAD 4
/* Segments that go through a pass together: as many as are hashed at a time. */
#define GROUP 8

static inline uint32_t load32(const void *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

/* From one host to our Ethernet address? Destination and source's first bytes in one word. */
static inline bool is_to_us(const struct stack_interface *interface, const uint8_t *frame)
{
	uint64_t word;

	memcpy(&word, frame, sizeof(word));
	_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the first byte is the lowest");
	return ((word ^ interface->mac) << 16 | (word >> 48 & 1)) == 0;
}

/* Is @source (host order) no address of ours, and no subnet's of the interface for all? */
static inline bool is_source(
	const struct stack *stack, const struct stack_interface *interface, uint32_t source)
{
	bool bad = !ipv4_is_unicast(htonl(source));

	for (unsigned i = 0; i < stack->row_count; i++)
		bad |= source - stack->rows[i].first <= stack->rows[i].more;
	for (unsigned i = 0; i < interface->reach_count; i++) {
		const struct stack_reach *reach = &interface->reaches[i];

		bad |= source == reach->nobody[0] || source == reach->nobody[1];
	}
	return !bad;
}

static inline bool is_destination(const struct stack_interface *interface, uint32_t destination)
{
	bool good = false;

	for (unsigned i = 0; i < interface->row_count; i++)
		good |= destination - interface->rows[i].first <= interface->rows[i].more;
	return good;
}

/* Both addresses, summed up for the pseudo-header. */
static inline uint64_t addresses_sum(const struct ipv4_header *ip)
{
	return (uint64_t)load32(&ip->source) + load32(&ip->destination);
}

static inline bool is_header_good(const struct ipv4_header *ip)
{
	const uint8_t *at = (const void *)ip;

	return checksum_fold(addresses_sum(ip) + load32(at) + load32(at + 4) + load32(at + 8)) ==
	       0xffff;
}

static inline bool is_sum_good(
	const struct ipv4_header *ip, const void *payload, uint16_t length, uint8_t protocol)
{
	uint64_t sum = addresses_sum(ip) + htons(protocol) + htons(length);

	return checksum_fold(checksum_add(sum, payload, length)) == 0xffff;
}

static inline bool is_usual_tcp(struct stack *stack, unsigned link, const struct frame *frame,
	const struct usual *usual, uint16_t length)
{
	struct stack_arrivals *arrivals = &stack->arrivals;
	struct tcp_segment *segment = &arrivals->segments[arrivals->segment_count];
	const struct tcp_header *tcp = &usual->tcp;
	unsigned header = (tcp->offset >> 4) * 4U, owner;

	if (length < sizeof(*tcp) || header < sizeof(*tcp) || header > length ||
		tcp->source_port == 0 || tcp->destination_port == 0 ||
		!(frame->flags & FRAME_L4_GOOD ||
			is_sum_good(&usual->ip, tcp, length, PROTOCOL_TCP)))
		return false;
	segment->tuple.remote = ip_from_v4(usual->ip.source);
	segment->tuple.local = ip_from_v4(usual->ip.destination);
	segment->tuple.remote_port = tcp->source_port;
	segment->tuple.local_port = tcp->destination_port;
	if (stack_is_foreign(stack, frame, &segment->tuple.remote, &segment->tuple.local,
		    tcp->source_port, tcp->destination_port, &owner))
		return false;
	segment->seq = ntohl(tcp->seq);
	segment->ack = ntohl(tcp->ack);
	segment->window = ntohs(tcp->window);
	segment->flags = tcp->flags & 0x3f;
	segment->link = (uint8_t)link;
	segment->options = (const uint8_t *)(tcp + 1);
	segment->options_length = (uint8_t)(header - sizeof(*tcp));
	segment->payload = (const uint8_t *)tcp + header;
	segment->length = length - header;
	arrivals->segment_count++;
	return true;
}

static inline bool is_usual_udp(struct stack *stack, unsigned link, const struct frame *frame,
	const struct usual *usual, uint16_t length)
{
	struct stack_arrivals *arrivals = &stack->arrivals;
	struct datagram *datagram = &arrivals->datagrams[arrivals->datagram_count];
	const struct udp_header *udp = &usual->udp;
	uint16_t bytes = ntohs(udp->length), port = ntohs(udp->destination_port);
	unsigned owner;

	if (bytes < sizeof(*udp) || bytes > length || udp->source_port == 0 ||
		!stack_udp_takes(stack, udp->source_port, port) ||
		!(frame->flags & FRAME_L4_GOOD || udp->checksum == 0 ||
			is_sum_good(&usual->ip, udp, bytes, PROTOCOL_UDP)))
		return false;
	datagram->path.remote = ip_from_v4(usual->ip.source);
	datagram->path.local = ip_from_v4(usual->ip.destination);
	datagram->path.remote_port = udp->source_port;
	datagram->path.local_port = udp->destination_port;
	if (stack_is_foreign(stack, frame, &datagram->path.remote, &datagram->path.local,
		    udp->source_port, udp->destination_port, &owner))
		return false;
	datagram->path.link = (uint8_t)link;
	datagram->data = (const uint8_t *)(udp + 1);
	datagram->length = bytes - (uint32_t)sizeof(*udp);
	datagram->hops = 0;
	arrivals->datagram_count++;
	return true;
}

/* Return: false: what came is for stack_input() to look at, and nothing was changed. */
static inline bool is_usual(struct stack *stack, unsigned link, const struct frame *frame)
{
	const struct stack_interface *interface = &stack->interfaces[link];
	const struct usual *usual = (const void *)frame->data;
	struct ip_address source;
	uint16_t total;
	bool taken;

	if (frame->length < offsetof(struct usual, udp) + sizeof(struct udp_header) ||
		!interface->usual || frame->flags & FRAME_VLAN ||
		!is_to_us(interface, frame->data) || usual->ether.type != htons(ETHER_TYPE_IPV4) ||
		usual->ip.version_length != 0x45 ||
		usual->ip.fragment & htons((uint16_t)~IPV4_FLAG_DF))
		return false;
	total = ntohs(usual->ip.total_length);
	if (total < sizeof(struct ipv4_header) + sizeof(struct udp_header) ||
		total > frame->length - sizeof(struct ether_header) ||
		frame->length - sizeof(struct ether_header) > interface->link->mtu ||
		!(frame->flags & FRAME_L3_GOOD || is_header_good(&usual->ip)) ||
		!is_source(stack, interface, ntohl(usual->ip.source)) ||
		!is_destination(interface, ntohl(usual->ip.destination)))
		return false;
	total -= (uint16_t)sizeof(struct ipv4_header);
	if (usual->ip.protocol == PROTOCOL_TCP)
		taken = is_usual_tcp(stack, link, frame, usual, total);
	else
		taken = usual->ip.protocol == PROTOCOL_UDP &&
			is_usual_udp(stack, link, frame, usual, total);
	if (!taken)
		return false;
	source = ip_from_v4(usual->ip.source);
	stack_remember(stack, link, usual->ether.source, &source);
	return true;
}

/*
 * Segments go through the passes in groups, one behind the other: while frames are read and their
 * checksums verified, the flow slots of the group before come near, and the connections of the one
 * before that.
 */
void stack_locate(struct stack *stack, bool all)
{
	struct stack_arrivals *arrivals = &stack->arrivals;
	unsigned left = arrivals->segment_count - arrivals->hashed;

	while (left >= GROUP || (all && arrivals->located < arrivals->segment_count)) {
		const unsigned group = left < GROUP ? left : GROUP;

		if (group > 0)
			tcp_locate_flows(stack->tcp, &arrivals->segments[arrivals->hashed],
				&arrivals->places[arrivals->hashed], group);
		if (arrivals->located < arrivals->hashed)
			tcp_locate_connections(stack->tcp, &arrivals->places[arrivals->located],
				arrivals->hashed - arrivals->located);
		arrivals->located = arrivals->hashed;
		arrivals->hashed += group;
		left -= group;
	}
}

void stack_parse(struct stack *stack, unsigned link, unsigned count)
{
	struct stack_arrivals *arrivals = &stack->arrivals;
	uint64_t bytes = 0;

	arrivals->segment_count = arrivals->hashed = arrivals->located = 0;
	arrivals->datagram_count = 0;
	for (unsigned i = 0; i < count && i < PREFETCH_AHEAD; i++)
		__builtin_prefetch(arrivals->frames[i].data);
	for (unsigned i = 0; i < count; i++) {
		const struct frame *frame = &arrivals->frames[i];
		enum stack_counter drop;

		if (i + PREFETCH_AHEAD < count)
			__builtin_prefetch(frame[PREFETCH_AHEAD].data);
		bytes += frame->length;
		if (arrivals->segment_count >= arrivals->hashed + GROUP)
			stack_locate(stack, false);
		if (is_usual(stack, link, frame))
			continue;
		drop = stack_input(stack, link, frame);
		if (drop != STACK_TAKEN)
			stack_count(stack, drop);
	}
	counter_add(&stack->counters[STACK_RX_FRAMES], count);
	counter_add(&stack->counters[STACK_RX_BYTES], bytes);
}
