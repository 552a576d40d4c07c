/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* icmp_quote.h - ICMP errors by hand, about segments and datagrams that we might have sent */
#pragma once

#include "stack_ipv6.h"

/* Offsets of the quote in an ICMPv4 and an ICMPv6 error. */
#define QUOTE (L4 + 8)
#define QUOTE_L4 (QUOTE + 20)
#define QUOTE6 (L4_6 + 8)
#define QUOTE6_L4 (QUOTE6 + 40)

/* An error of @type and @code about what we sent to the peer, 8 bytes of whose transport are
 * quoted: ports, sequence number 0x01020304. */
static inline void make_error(
	struct packet *p, unsigned type, unsigned code, unsigned mtu, unsigned protocol)
{
	uint32_t ours = OUR_ADDRESS, peer = PEER_ADDRESS;

	make_ip(p, 1, 8 + 28);
	p->data[L4] = (uint8_t)type;
	p->data[L4 + 1] = (uint8_t)code;
	put16(p->data + L4 + 6, mtu);
	p->data[QUOTE] = 0x45;
	put16(p->data + QUOTE + 2, 1000);
	p->data[QUOTE + 8] = 1;
	p->data[QUOTE + 9] = (uint8_t)protocol;
	memcpy(p->data + QUOTE + 12, &ours, 4);
	memcpy(p->data + QUOTE + 16, &peer, 4);
	put16(p->data + QUOTE_L4, TCP_PORT);
	put16(p->data + QUOTE_L4 + 2, 50000);
	put32(p->data + QUOTE_L4 + 4, 0x01020304);
	seal_l4(p, 2);
}

static inline void make_error6(
	struct packet *p, unsigned type, unsigned code, uint32_t mtu, unsigned protocol)
{
	struct ip_address ours = v6(our_v6), peer = v6(peer_v6);

	make_ip6(p, "2001:db8::1", our_v6, 58, 8 + 48);
	p->data[L4_6] = (uint8_t)type;
	p->data[L4_6 + 1] = (uint8_t)code;
	put32(p->data + L4_6 + 4, mtu);
	p->data[QUOTE6] = 0x60;
	put16(p->data + QUOTE6 + 4, 1000);
	p->data[QUOTE6 + 6] = (uint8_t)protocol;
	p->data[QUOTE6 + 7] = 1;
	memcpy(p->data + QUOTE6 + 8, &ours, 16);
	memcpy(p->data + QUOTE6 + 24, &peer, 16);
	put16(p->data + QUOTE6_L4, TCP_PORT);
	put16(p->data + QUOTE6_L4 + 2, 50000);
	put32(p->data + QUOTE6_L4 + 4, 0x01020304);
	seal6(p, 2);
}
