/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* ipv6.c - IPv6 headers and their extensions, strictly read (RFC 8200) and written */
#include "net/ipv6.h"

#include <string.h>

#define EXTENSION_HOP_BY_HOP 0
#define EXTENSION_ROUTING 43
#define EXTENSION_FRAGMENT 44
#define EXTENSION_DESTINATION 60

#define OPTION_PAD1 0
#define OPTION_ROUTER_ALERT 5 /* RFC 2711 */
#define ALERT_MLD 0
/* What to do with an option that is not known: its two upper bits, 0: skip it, else drop. */
#define OPTION_ACTION 0xc0

#define FRAGMENT_OFFSET_OR_MORE 0xfff9

/* Routing headers say more in their first four bytes than the others. */
struct extension {
	uint8_t next, length; /* length: in 8 bytes, the first 8 not counted */
	uint8_t type, segments_left;
} WIRE;

struct fragment_header {
	uint8_t next, reserved;
	uint16_t offset;
	uint32_t id;
} WIRE;

/** struct walk - how far the chain of extensions was followed */
struct walk {
	const uint8_t *at;
	size_t left; /* bytes of the packet from @at on */
	unsigned headers, chain;
	uint8_t next;
	bool first, fragment, alert;
};

/* Each turn of the loop takes at least one byte. No option asks for anything that we do.
 * @alert: set where one is a router alert for MLD */
static bool options_good(const uint8_t *options, size_t length, bool *alert)
{
	while (length > 0) {
		size_t step = 1;

		if (options[0] != OPTION_PAD1) {
			if ((options[0] & OPTION_ACTION) || length < 2 || options[1] + 2U > length)
				return false;
			step = options[1] + 2U;
			if (options[0] == OPTION_ROUTER_ALERT && step == 4)
				*alert = options[2] == 0 && options[3] == ALERT_MLD;
		}
		options += step;
		length -= step;
	}
	return true;
}

static enum ipv6_error walk_fragment(struct walk *walk)
{
	const struct fragment_header *fragment = (const void *)walk->at;

	if (walk->fragment || (ntohs(fragment->offset) & FRAGMENT_OFFSET_OR_MORE))
		return IPV6_FRAGMENT;
	walk->fragment = true;
	return IPV6_GOOD;
}

/* One extension. Return: IPV6_GOOD with walk->at behind it. */
static enum ipv6_error walk_one(struct walk *walk)
{
	const struct extension *extension = (const void *)walk->at;
	enum ipv6_error result = IPV6_GOOD;
	bool alert = false;
	size_t length = 8;

	if (walk->left < 8 || ++walk->headers > IPV6_EXTENSIONS_MAX)
		return IPV6_EXTENSION;
	if (walk->next != EXTENSION_FRAGMENT)
		length += extension->length * 8U;
	walk->chain += (unsigned)length;
	if (length > walk->left || walk->chain > IPV6_CHAIN_MAX)
		return IPV6_EXTENSION;
	switch (walk->next) {
	case EXTENSION_FRAGMENT:
		result = walk_fragment(walk);
		break;
	case EXTENSION_ROUTING:
		if (extension->type == 0 || extension->segments_left != 0)
			result = IPV6_ROUTING;
		break;
	case EXTENSION_HOP_BY_HOP:
		if (!walk->first) /* RFC 8200 section 4.1 */
			return IPV6_EXTENSION;
		/* fall through */
	default:
		if (!options_good(walk->at + 2, length - 2, &alert))
			result = IPV6_EXTENSION;
		/* To the destination alone it says nothing. */
		if (walk->next == EXTENSION_HOP_BY_HOP)
			walk->alert = alert;
	}
	walk->next = extension->next;
	walk->first = false;
	walk->at += length;
	walk->left -= length;
	return result;
}

enum ipv6_error ipv6_parse(const uint8_t *data, size_t length, struct ip_packet *packet)
{
	const struct ipv6_header *header = (const void *)data;
	struct walk walk = {.first = true};

	if (length < sizeof(*header) || data[0] >> 4 != 6)
		return IPV6_MALFORMED;
	walk.at = data + sizeof(*header);
	walk.left = ntohs(header->payload_length);
	walk.next = header->next;
	if (walk.left > length - sizeof(*header))
		return IPV6_MALFORMED;
	while (walk.next == EXTENSION_HOP_BY_HOP || walk.next == EXTENSION_ROUTING ||
		walk.next == EXTENSION_FRAGMENT || walk.next == EXTENSION_DESTINATION) {
		enum ipv6_error error = walk_one(&walk);

		if (error != IPV6_GOOD)
			return error;
	}
	packet->source = header->source;
	packet->destination = header->destination;
	packet->payload = walk.at;
	packet->length = (uint16_t)walk.left;
	packet->protocol = walk.next;
	packet->hops = header->hop_limit;
	packet->fragment = walk.fragment;
	packet->alert = walk.alert;
	return IPV6_GOOD;
}

void ipv6_build(struct ipv6_header *header, const struct ip_address *source,
	const struct ip_address *destination, uint8_t protocol, size_t payload, uint8_t hops)
{
	header->version_class_flow = htonl(6U << 28);
	header->payload_length = htons((uint16_t)payload);
	header->next = protocol;
	header->hop_limit = hops;
	header->source = *source;
	header->destination = *destination;
}
