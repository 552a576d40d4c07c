/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* checksum.h - the Internet checksum (RFC 1071) */
#pragma once

#include "address.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <stdint.h>

/**
 * checksum_add() - add @length bytes to a running sum
 * @sum: 0, or what an earlier call returned; every part but the last is of even length
 *
 * Sums are kept in memory order, so that a folded sum is stored without swapping bytes. Good for
 * 2^32 bytes before the 64 bits could overflow.
 */
uint64_t checksum_add(uint64_t sum, const void *data, size_t length);

/** checksum_add_plain() - the same without any instruction that not every CPU has. */
uint64_t checksum_add_plain(uint64_t sum, const void *data, size_t length);

/** checksum_copy() - copy @length bytes, which do not overlap, and add them to a running sum. */
uint64_t checksum_copy(uint64_t sum, void *to, const void *from, size_t length);

/** checksum_fold() - a running sum as 16 bits, not complemented. */
static inline uint16_t checksum_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/**
 * checksum_pseudo() - the sum of a pseudo-header (RFC 9293 section 3.1, RFC 8200 section 8.1)
 *
 * One sum serves both families: the ffff in front of an IPv4 address is the other zero of one's
 * complement arithmetic.
 */
static inline uint64_t checksum_pseudo(const struct ip_address *source,
	const struct ip_address *destination, uint8_t protocol, uint16_t length)
{
	uint64_t sum = (uint64_t)htons(protocol) + htons(length);

	for (unsigned i = 0; i < 4; i++)
		sum += (uint64_t)source->word[i] + destination->word[i];
	return sum;
}
