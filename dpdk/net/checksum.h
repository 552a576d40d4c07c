/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* checksum.h - the Internet checksum (RFC 1071) */
#pragma once

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

/** checksum_fold() - a running sum as 16 bits, not complemented. */
static inline uint16_t checksum_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/** checksum_pseudo() - the sum of TCP's and UDP's pseudo-header; addresses in network order. */
static inline uint64_t checksum_pseudo(
	uint32_t source, uint32_t destination, uint8_t protocol, uint16_t length)
{
	return (uint64_t)source + destination + htons(protocol) + htons(length);
}
