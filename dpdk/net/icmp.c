/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* icmp.c - ICMP echo (RFC 792, RFC 4443): the only ICMP that is answered */
#include "net/icmp.h"

#include "net/checksum.h"

#include <string.h>

#define ICMP_ECHO_REPLY 0
#define ICMP_ECHO_REQUEST 8
#define ICMPV6_ECHO_REQUEST 128
#define ICMPV6_ECHO_REPLY 129

/* Only ICMPv6 covers the addresses (RFC 4443 section 2.3). */
static uint64_t pseudo(const struct ip_address *source, const struct ip_address *destination,
	uint8_t protocol, uint16_t length)
{
	if (protocol != PROTOCOL_ICMPV6)
		return 0;
	return checksum_pseudo(source, destination, protocol, length);
}

bool icmp_checksum_good(const struct ip_packet *packet)
{
	uint64_t sum =
		pseudo(&packet->source, &packet->destination, packet->protocol, packet->length);

	return checksum_fold(checksum_add(sum, packet->payload, packet->length)) == 0xffff;
}

bool icmp_is_echo_request(const struct ip_packet *packet)
{
	const struct icmp_header *icmp = (const void *)packet->payload;
	uint8_t type =
		packet->protocol == PROTOCOL_ICMPV6 ? ICMPV6_ECHO_REQUEST : ICMP_ECHO_REQUEST;

	return packet->length >= sizeof(*icmp) && icmp->type == type && icmp->code == 0;
}

void icmp_echo_reply(uint8_t *out, const struct ip_packet *request)
{
	struct icmp_header *icmp = (void *)out;
	uint64_t sum =
		pseudo(&request->destination, &request->source, request->protocol, request->length);

	memcpy(out, request->payload, request->length);
	icmp->type = request->protocol == PROTOCOL_ICMPV6 ? ICMPV6_ECHO_REPLY : ICMP_ECHO_REPLY;
	icmp->checksum = 0;
	icmp->checksum = (uint16_t)~checksum_fold(checksum_add(sum, out, request->length));
}
