/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* stack_input.c - one frame in: Ethernet, VLAN tags (IEEE 802.1Q), IPv4 and IPv6 headers */
#include "stack_private.h"

#include "net/mld.h"

#include <string.h>

#define VLAN_TAGS_MAX 2

static enum stack_counter ipv4_input(struct stack *stack, struct stack_from *from,
	const struct frame *frame, const uint8_t *data, size_t length)
{
	const struct stack_interface *interface = &stack->interfaces[from->link];
	struct ip_packet packet;

	switch (ipv4_parse(data, length, frame->flags & FRAME_L3_GOOD, &packet)) {
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
	if (!ip_is_unicast(&packet.source) || stack_owns_anywhere(stack, &packet.source) ||
		stack_is_broadcast(interface, &packet.source))
		return STACK_DROP_IPV4_SOURCE;
	if (!stack_owns(interface, &packet.destination))
		return STACK_DROP_IPV4_NOT_OURS;
	switch (packet.protocol) {
	case PROTOCOL_TCP:
		return stack_tcp_input(stack, from, &packet);
	case PROTOCOL_UDP:
		return stack_udp_input(stack, from, &packet);
	case PROTOCOL_ICMP:
		return stack_icmp_input(stack, from, &packet);
	default:
		return STACK_DROP_IPV4_PROTOCOL;
	}
}

static enum stack_counter ipv6_input(
	struct stack *stack, struct stack_from *from, const uint8_t *data, size_t length)
{
	const struct stack_interface *interface = &stack->interfaces[from->link];
	struct ip_packet packet;

	if (!interface->ipv6)
		return STACK_DROP_IPV6;
	switch (ipv6_parse(data, length, &packet)) {
	case IPV6_MALFORMED:
		return STACK_DROP_IPV6_MALFORMED;
	case IPV6_EXTENSION:
		return STACK_DROP_IPV6_EXTENSION;
	case IPV6_ROUTING:
		return STACK_DROP_IPV6_ROUTING;
	case IPV6_FRAGMENT:
		return STACK_DROP_IPV6_FRAGMENT;
	case IPV6_GOOD:
		break;
	}
	/* Its groups and sources are its own affair, and its address may be one of ours. */
	if (packet.protocol == PROTOCOL_ICMPV6 && nd_is_discovery(&packet))
		return stack_nd_input(stack, from, &packet);
	if (packet.protocol == PROTOCOL_ICMPV6 && mld_is_query(&packet))
		return stack_mld_input(stack, from, &packet);
	/* A mapped address, too, is none that comes over a wire. */
	if (ip_is_v4(&packet.source) || !ipv6_is_unicast(&packet.source) ||
		stack_owns_anywhere(stack, &packet.source))
		return STACK_DROP_IPV6_SOURCE;
	/* Only discovery is for groups. */
	if (from->group || ip_is_v4(&packet.destination) ||
		!stack_owns(interface, &packet.destination))
		return STACK_DROP_IPV6_NOT_OURS;
	switch (packet.protocol) {
	case PROTOCOL_TCP:
		return stack_tcp_input(stack, from, &packet);
	case PROTOCOL_UDP:
		return stack_udp_input(stack, from, &packet);
	case PROTOCOL_ICMPV6:
		return stack_icmp_input(stack, from, &packet);
	default:
		return STACK_DROP_IPV6_PROTOCOL;
	}
}

/* The Ethernet groups that ARP and neighbour discovery speak to: all, and 33:33:0:0:0:1 (all
 * nodes) and 33:33:ff:x:x:x (solicited nodes, RFC 2464 section 7). */
static bool is_group_of(const uint8_t destination[6], uint16_t type)
{
	static const uint8_t everybody[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	static const uint8_t all_nodes[6] = {0x33, 0x33, 0, 0, 0, 1};

	if (type == ETHER_TYPE_ARP)
		return memcmp(destination, everybody, 6) == 0;
	if (type == ETHER_TYPE_IPV6)
		return memcmp(destination, all_nodes, 6) == 0 ||
		       (destination[0] == 0x33 && destination[1] == 0x33 && destination[2] == 0xff);
	return false;
}

/* An Ethernet header with its tags, walked. */
struct ether {
	uint16_t type;
	uint16_t vlan; /* the only number that its tags give, 0: none */
	const uint8_t *data;
	size_t length;
};

/* The number of one tag. Two numbers, or a tag of a provider's, belong to no link of ours. */
static bool take_tag(struct ether *ether, uint16_t control)
{
	uint16_t vlan = control & VLAN_ID_MASK;

	if (vlan == 0) /* a priority, no network */
		return true;
	if (ether->vlan != 0)
		return false;
	ether->vlan = vlan;
	return true;
}

/*
 * At most two tags, 802.1Q all of them: one may give a mere priority (number 0), which is as if it
 * were not there. One that the port took off stood in front of those that the frame still has.
 */
static bool walk_tags(struct ether *ether, const struct frame *frame)
{
	unsigned tags = 0;

	if (frame->flags & FRAME_VLAN) {
		take_tag(ether, frame->vlan);
		tags++;
	}
	while (ether->type == ETHER_TYPE_VLAN) {
		const struct vlan_tag *tag = (const void *)ether->data;

		if (ether->length < sizeof(*tag) || ++tags > VLAN_TAGS_MAX ||
			!take_tag(ether, ntohs(tag->control)))
			return false;
		ether->type = ntohs(tag->type);
		ether->data += sizeof(*tag);
		ether->length -= sizeof(*tag);
	}
	return ether->type != ETHER_TYPE_QINQ && ether->type != ETHER_TYPE_QINQ_OLD;
}

enum stack_counter stack_input(struct stack *stack, unsigned link, const struct frame *frame)
{
	const struct stack_interface *interface = &stack->interfaces[link];
	const struct ether_header *header = (const void *)frame->data;
	struct stack_from from = {.link = link};
	struct ether ether;

	stack->frame = frame;
	if (frame->length < sizeof(*header))
		return STACK_DROP_ETHER_SHORT;
	ether.type = ntohs(header->type);
	ether.vlan = 0;
	ether.data = frame->data + sizeof(*header);
	ether.length = frame->length - sizeof(*header);
	if (!walk_tags(&ether, frame) || ether.vlan != interface->vlan)
		return STACK_DROP_VLAN;
	if (ether.length > interface->link->mtu)
		return STACK_DROP_ETHER_LONG;
	from.mac = header->source;
	from.checksum_good = frame->flags & FRAME_L4_GOOD;
	if (memcmp(header->destination, interface->link->mac, 6) != 0) {
		if (!is_group_of(header->destination, ether.type))
			return STACK_DROP_ETHER_NOT_OURS;
		from.group = true;
	}
	/* Our own address is no reason to drop: on a TAP device both ends have the same. */
	if (header->source[0] & 1)
		return STACK_DROP_ETHER_SOURCE;
	switch (ether.type) {
	case ETHER_TYPE_IPV4:
		return ipv4_input(stack, &from, frame, ether.data, ether.length);
	case ETHER_TYPE_IPV6:
		return ipv6_input(stack, &from, ether.data, ether.length);
	case ETHER_TYPE_ARP:
		return stack_arp_input(stack, &from, ether.data, ether.length);
	default:
		return STACK_DROP_ETHER_TYPE;
	}
}
