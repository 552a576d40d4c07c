/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* ipv4.h - IPv4 headers, strictly read (RFC 791, RFC 1122 section 3.2) and written */
#pragma once

#include "net/packet.h"
#include "net/wire.h"

#include <stdbool.h>
#include <stddef.h>

/** What ipv4_parse() finds wrong. */
enum ipv4_error {
	IPV4_GOOD,
	IPV4_MALFORMED, /* version, header length or total length */
	IPV4_CHECKSUM,
	IPV4_OPTIONS,  /* a source route, or options that overrun */
	IPV4_FRAGMENT, /* part of a larger packet */
};

/**
 * ipv4_parse() - read what follows the Ethernet header
 * @checksum_good: the port verified the header's checksum already
 */
enum ipv4_error ipv4_parse(
	const uint8_t *data, size_t length, bool checksum_good, struct ip_packet *packet);

/** ipv4_is_unicast() - can one host have this address? Not 0/8, 127/8, nor 224/4 and up. */
static inline bool ipv4_is_unicast(uint32_t address)
{
	uint8_t first = ntohl(address) >> 24;

	return first != 0 && first != 127 && first < 224;
}

/** ipv4_mask() - the network mask of a prefix length 0..32, network byte order. */
static inline uint32_t ipv4_mask(unsigned prefix)
{
	return prefix == 0 ? 0 : htonl(~0U << (32 - prefix));
}

/**
 * ipv4_build() - write a header of 20 bytes: DF set, TTL 64
 * @payload: bytes that follow it
 * @fill: the port fills the checksum in: the field is left 0
 */
void ipv4_build(struct ipv4_header *header, uint32_t source, uint32_t destination, uint8_t protocol,
	size_t payload, uint16_t id, bool fill);
