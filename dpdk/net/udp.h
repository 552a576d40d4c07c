/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* udp.h - UDP (RFC 768, RFC 8200 section 8.1), read and written */
#pragma once

#include "net/packet.h"
#include "net/wire.h"

/** What udp_parse() finds wrong. */
enum udp_error {
	UDP_GOOD,
	UDP_MALFORMED, /* length, or port 0 */
	UDP_CHECKSUM,
};

/** struct udp_packet - one datagram; ports in network byte order */
struct udp_packet {
	uint16_t source_port, destination_port;
	const uint8_t *payload;
	uint16_t length;
};

/**
 * udp_parse() - read a packet's payload
 * @checksum_good: the port verified the checksum already
 *
 * A checksum of 0 means that the sender made none: allowed on IPv4, an error on IPv6.
 */
enum udp_error udp_parse(
	const struct ip_packet *packet, bool checksum_good, struct udp_packet *datagram);

/** udp_is_echo_like() - is this (network order) the port of a service that answers anything, with
 * which two machines can be made to talk for ever, or which reflects strangers' floods? */
bool udp_is_echo_like(uint16_t port);

/**
 * udp_finish() - length and checksum of a header whose ports and payload are in place
 * @payload: bytes behind the header
 * @fill: the port completes the checksum: the field gets the pseudo-header's sum
 */
void udp_finish(struct udp_header *header, const struct ip_address *source,
	const struct ip_address *destination, size_t payload, bool fill);
