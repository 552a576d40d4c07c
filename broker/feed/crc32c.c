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
#include <immintrin.h>

__attribute__((target("sse4.2"))) static uint32_t crc32c_sse42(
	uint32_t begin, const uint8_t *bytes, size_t length)
{
	uint64_t crc = begin;
	uint64_t word;

	for (; length >= 8; length -= 8, bytes += 8) {
		memcpy(&word, bytes, 8);
		crc = _mm_crc32_u64(crc, word);
	}
	for (; length; length--, bytes++)
		crc = _mm_crc32_u8((uint32_t)crc, *bytes);
	return (uint32_t)crc;
}

/*
 * Folding (Gopal and others, "Fast CRC computation for generic polynomials using PCLMULQDQ", 2009):
 * 64 bytes, multiplied by x^512 modulo the polynomial, may be added to the 64 that follow, without
 * changing what the whole leaves over. What is left of the last 64 goes through the instruction as
 * any bytes do. The two factors are x^543 and x^479, for the two halves of each 16 bytes.
 */
__attribute__((target("sse4.2,avx512f,avx512vl,vpclmulqdq"))) static uint32_t crc32c_folded(
	uint32_t begin, const uint8_t *bytes, size_t length)
{
	const __m512i factors = _mm512_broadcast_i32x4(_mm_set_epi64x(0x9e4addf8, 0x740eef02));
	__m512i sum = _mm512_loadu_si512(bytes);
	_Alignas(64) uint8_t folded[64];
	uint32_t crc;

	sum = _mm512_xor_si512(sum, _mm512_zextsi128_si512(_mm_cvtsi32_si128((int)begin)));
	for (bytes += 64, length -= 64; length >= 64; bytes += 64, length -= 64)
		sum = _mm512_ternarylogic_epi64(_mm512_clmulepi64_epi128(sum, factors, 0x00),
			_mm512_clmulepi64_epi128(sum, factors, 0x11), _mm512_loadu_si512(bytes),
			0x96); /* the sum of all three */
	_mm512_store_si512(folded, sum);
	crc = crc32c_sse42(0, folded, sizeof(folded));
	return crc32c_sse42(crc, bytes, length);
}

/* Less than this is not worth folding. */
#define FOLD_LEAST 192

uint32_t feed_crc32c(const void *data, size_t length)
{
	if (length >= FOLD_LEAST && __builtin_cpu_supports("vpclmulqdq") &&
		__builtin_cpu_supports("avx512vl"))
		return ~crc32c_folded(UINT32_MAX, data, length);
	if (__builtin_cpu_supports("sse4.2"))
		return ~crc32c_sse42(UINT32_MAX, data, length);
	return feed_crc32c_plain(data, length);
}
#else
uint32_t feed_crc32c(const void *data, size_t length)
{
	return feed_crc32c_plain(data, length);
}
#endif
