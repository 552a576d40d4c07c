/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* checksum.c - the Internet checksum (RFC 1071) */
#include "net/checksum.h"

#include <string.h>

uint64_t checksum_add(uint64_t sum, const void *data, size_t length)
{
	const uint8_t *bytes = data;
	size_t words = length / 4;

	/* 32-bit words in a 64-bit sum need no carries, and compilers make vectors of it. */
	for (size_t i = 0; i < words; i++) {
		uint32_t word;

		memcpy(&word, bytes + 4 * i, sizeof(word));
		sum += word;
	}
	bytes += 4 * words;
	if (length & 2) {
		uint16_t half;

		memcpy(&half, bytes, sizeof(half));
		sum += half;
		bytes += 2;
	}
	if (length & 1) {
		uint16_t last = 0;

		memcpy(&last, bytes, 1);
		sum += last;
	}
	return sum;
}
