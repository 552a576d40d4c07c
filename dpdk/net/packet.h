/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* packet.h - an IP packet of either family, its header read */
#pragma once

#include "address.h"

/**
 * struct ip_packet - what ipv4_parse() and ipv6_parse() make of a header
 * @payload, @length: what follows the header and its extensions; the Ethernet's padding is cut off
 * @protocol: of the payload
 * @hops: hop limit or time to live, as received
 * @fragment: a fragment header was there, of a packet in one piece (RFC 6946)
 * @alert: its hop-by-hop options ask routers to look at it, for MLD (RFC 2711)
 */
struct ip_packet {
	struct ip_address source, destination;
	const uint8_t *payload;
	uint16_t length;
	uint8_t protocol;
	uint8_t hops;
	bool fragment, alert;
};
