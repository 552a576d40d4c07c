/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* crc32c.c - CRC-32C (Castagnoli, RFC 3720 appendix B.4), the checksum of records and headers */
#include "crc32c.h"

#include <string.h>

uint32_t feed_crc32c_plain(const void *data, size_t length)
{
	/* What four shifts make of each nibble, polynomial 0x82f63b78 (reflected). */
	static const uint32_t nibble[16] = {0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1,
		0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6,
		0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75};
	const uint8_t *bytes = data;
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < length; i++) {
		crc ^= bytes[i];
		crc = (crc >> 4) ^ nibble[crc & 15];
		crc = (crc >> 4) ^ nibble[crc & 15];
	}
	return ~crc;
}

#if defined(__x86_64__)
#include <nmmintrin.h>

__attribute__((target("sse4.2"))) static uint32_t crc32c_sse42(const void *data, size_t length)
{
	const uint8_t *bytes = data;
	uint64_t crc = UINT32_MAX;
	uint64_t word;

	for (; length >= 8; length -= 8, bytes += 8) {
		memcpy(&word, bytes, 8);
		crc = _mm_crc32_u64(crc, word);
	}
	for (; length; length--, bytes++)
		crc = _mm_crc32_u8((uint32_t)crc, *bytes);
	return ~(uint32_t)crc;
}

uint32_t feed_crc32c(const void *data, size_t length)
{
	if (__builtin_cpu_supports("sse4.2"))
		return crc32c_sse42(data, length);
	return feed_crc32c_plain(data, length);
}
#else
uint32_t feed_crc32c(const void *data, size_t length)
{
	return feed_crc32c_plain(data, length);
}
#endif
