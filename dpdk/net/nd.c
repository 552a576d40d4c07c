/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* nd.c - neighbour solicitations and advertisements (RFC 4861), read and written */
#include "net/nd.h"

#include "net/checksum.h"
#include "net/ipv6.h"

#include <errno.h>
#include <string.h>

#define OPTION_SOURCE_MAC 1
#define OPTION_TARGET_MAC 2
#define OPTION_NONCE 14 /* RFC 3971 section 5.3.2 */

#define FLAG_SOLICITED 0x40
#define FLAG_OVERRIDE 0x20

struct nd_header {
	uint8_t type, code;
	uint16_t checksum;
	uint8_t flags, reserved[3];
	struct ip_address target;
} WIRE;
_Static_assert(sizeof(struct nd_header) == 24, "solicitation or advertisement without options");

/* Both options that we know take 8 bytes: type, length in 8 bytes, six bytes of content. */
struct nd_option {
	uint8_t type, length;
	uint8_t content[6];
} WIRE;

/* What a message's type needs in front of its options, RFC 4861 sections 4.1 to 4.5. */
static size_t fixed_length(uint8_t type)
{
	static const uint8_t lengths[] = {8, 16, 24, 24, 40};

	return lengths[type - ND_ROUTER_SOLICITATION];
}

bool nd_is_discovery(const struct ip_packet *packet)
{
	return packet->length > 0 && packet->payload[0] >= ND_ROUTER_SOLICITATION &&
	       packet->payload[0] <= ND_REDIRECT;
}

static bool mac_good(const uint8_t mac[6])
{
	static const uint8_t nobody[6];

	return !(mac[0] & 1) && memcmp(mac, nobody, 6) != 0;
}

/* Each turn of the loop takes eight bytes: an option of length 0 ends it as an error. */
static bool read_options(const uint8_t *at, size_t left, struct nd_message *message)
{
	uint8_t wanted = message->type == ND_ADVERTISEMENT ? OPTION_TARGET_MAC : OPTION_SOURCE_MAC;

	while (left > 0) {
		const struct nd_option *option = (const void *)at;
		size_t length;

		if (left < sizeof(*option))
			return false;
		length = option->length * 8U;
		if (length == 0 || length > left)
			return false;
		/* An option of another length is for another link layer: passed over. */
		if (option->type == wanted && option->length == 1) {
			/* A group's address would multiply what is sent to it. */
			if (!mac_good(option->content))
				return false;
			memcpy(message->mac, option->content, 6);
			message->has_mac = true;
		} else if (option->type == OPTION_NONCE && option->length == 1) {
			memcpy(message->nonce, option->content, ND_NONCE_BYTES);
			message->has_nonce = true;
		}
		at += length;
		left -= length;
	}
	return true;
}

static bool is_group(const struct ip_address *address)
{
	return (address->word[0] & htonl(0xff000000)) == htonl(0xff000000);
}

static bool is_solicited_node(const struct ip_address *address)
{
	struct ip_address group = ipv6_solicited_node(address);

	return ip_equal(&group, address);
}

/* The rules that join header and message. */
static bool fits(const struct ip_packet *packet, const struct nd_message *message)
{
	if (message->type == ND_ADVERTISEMENT)
		return ipv6_is_unicast(&packet->source) &&
		       !(message->solicited && is_group(&packet->destination));
	if (ipv6_is_unspecified(&packet->source))
		return is_solicited_node(&packet->destination) && !message->has_mac;
	return ipv6_is_unicast(&packet->source);
}

int nd_parse(const struct ip_packet *packet, struct nd_message *message)
{
	const struct nd_header *header = (const void *)packet->payload;
	size_t fixed = fixed_length(packet->payload[0]);
	uint64_t sum = checksum_pseudo(
		&packet->source, &packet->destination, PROTOCOL_ICMPV6, packet->length);

	if (packet->length < fixed || header->code != 0 || packet->hops != ND_HOPS ||
		packet->fragment ||
		checksum_fold(checksum_add(sum, packet->payload, packet->length)) != 0xffff)
		return -EINVAL;
	memset(message, 0, sizeof(*message));
	message->type = header->type;
	if (!read_options(packet->payload + fixed, packet->length - fixed, message))
		return -EINVAL;
	if (message->type != ND_SOLICITATION && message->type != ND_ADVERTISEMENT)
		return -ENOTSUP;
	message->target = header->target;
	message->solicited = header->flags & FLAG_SOLICITED;
	message->override = header->flags & FLAG_OVERRIDE;
	if (!ipv6_is_unicast(&message->target) || !fits(packet, message))
		return -EINVAL;
	return 0;
}

size_t nd_build(uint8_t *out, const struct ip_address *source, const struct ip_address *destination,
	const struct nd_message *message)
{
	struct nd_header *header = (void *)out;
	struct nd_option *option = (void *)(header + 1);
	size_t length = sizeof(*header);
	uint64_t sum;

	memset(out, 0, ND_MESSAGE_MAX);
	header->type = message->type;
	if (message->type == ND_ADVERTISEMENT)
		header->flags = (message->solicited ? FLAG_SOLICITED : 0) |
				(message->override ? FLAG_OVERRIDE : 0);
	header->target = message->target;
	if (message->has_mac) {
		option->type =
			message->type == ND_ADVERTISEMENT ? OPTION_TARGET_MAC : OPTION_SOURCE_MAC;
		option->length = 1;
		memcpy(option->content, message->mac, 6);
		option++;
		length += sizeof(*option);
	}
	if (message->has_nonce) {
		option->type = OPTION_NONCE;
		option->length = 1;
		memcpy(option->content, message->nonce, ND_NONCE_BYTES);
		length += sizeof(*option);
	}
	sum = checksum_pseudo(source, destination, PROTOCOL_ICMPV6, (uint16_t)length);
	header->checksum = (uint16_t)~checksum_fold(checksum_add(sum, out, length));
	return length;
}
