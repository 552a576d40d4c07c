/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* icmp_error.h - ICMP and ICMPv6 errors and what they quote (RFC 792, RFC 1191, RFC 4443) */
#pragma once

#include "net/packet.h"

#include <stdbool.h>
#include <stddef.h>

/** What icmp_error_parse() makes of a packet. */
enum icmp_verdict {
	ICMP_ERROR,     /* an error about a TCP segment or UDP datagram, read */
	ICMP_MALFORMED, /* an error that is cut, lies about lengths, or is about an ICMP error */
	ICMP_IGNORED,   /* known and of no use: redirect, quench, timestamp, mask, echo reply ... */
	ICMP_UNKNOWN,   /* of another type, or not even that */
};

/**
 * struct icmp_error - an error and the packet that it quotes
 * @too_big: the packet did not fit into a link; else it did not arrive for another reason
 * @mtu: @too_big: what that link carries, 0: unknown (RFC 1191 section 3)
 * @source, @destination: of the quoted packet: @source is who sent it
 * @protocol: PROTOCOL_TCP or PROTOCOL_UDP
 * @source_port, @destination_port: network byte order
 * @seq: of TCP: its sequence number, host order
 */
struct icmp_error {
	bool too_big;
	uint32_t mtu;
	struct ip_address source, destination;
	uint8_t protocol;
	uint16_t source_port, destination_port;
	uint32_t seq;
};

/**
 * icmp_error_parse() - read an ICMP or ICMPv6 packet that is no echo request and no neighbour
 * discovery; its checksum was verified
 *
 * The quote must reach 8 bytes behind the IP header, which must stand as we send it: without
 * extensions and not a later fragment. Its checksum is not looked at: routers change what they
 * quote.
 */
enum icmp_verdict icmp_error_parse(const struct ip_packet *packet, struct icmp_error *error);
