/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* ip.h - what a packet of either family is to those above: addresses, protocol, payload */
#pragma once

#include "address.h"
#include "net/ipv4.h"
#include "net/ipv6.h"

/** ip_is_unicast() - can one host have this address, and packets go to it over a wire? */
static inline bool ip_is_unicast(const struct ip_address *address)
{
	return ip_is_v4(address) ? ipv4_is_unicast(ip_v4(address)) : ipv6_is_unicast(address);
}

/** ip_header_bytes() - length of the header that we write in front of a packet to @address. */
static inline uint8_t ip_header_bytes(const struct ip_address *address)
{
	return ip_is_v4(address) ? sizeof(struct ipv4_header) : sizeof(struct ipv6_header);
}

/** ip_mask() - the mask of the first @prefix bits (0..128; an IPv4 prefix has 96 bits before it) */
static inline struct ip_address ip_mask(unsigned prefix)
{
	struct ip_address mask = {{0}};

	for (unsigned i = 0; i < 4 && prefix > 32 * i; i++) {
		unsigned bits = prefix - 32 * i;

		mask.word[i] = bits >= 32 ? ~0U : ipv4_mask(bits);
	}
	return mask;
}

/** ip_masked() - @address without the bits that @mask does not have. */
static inline struct ip_address ip_masked(
	const struct ip_address *address, const struct ip_address *mask)
{
	return (struct ip_address){
		{address->word[0] & mask->word[0], address->word[1] & mask->word[1],
			address->word[2] & mask->word[2], address->word[3] & mask->word[3]}};
}
