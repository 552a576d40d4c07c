/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* checksum.c - the Internet checksum (RFC 1071) */
#include "net/checksum.h"

#include <string.h>

#ifdef __AVX512BW__
#include <immintrin.h>
#endif

uint64_t checksum_add_plain(uint64_t sum, const void *data, size_t length)
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

#ifdef __AVX512BW__

#define LINE sizeof(__m512i)

/* Eight sums of the low halves of 64-bit words and of the high ones. */
static inline __m512i halves_add(__m512i sums, __m512i words)
{
	const __m512i low = _mm512_set1_epi64(UINT32_MAX);

	sums = _mm512_add_epi64(sums, _mm512_and_si512(words, low));
	return _mm512_add_epi64(sums, _mm512_srli_epi64(words, 32));
}

/* What a load or store touches beyond @length bytes is not touched. */
static inline __mmask64 first(size_t length)
{
	return _cvtu64_mask64((UINT64_C(1) << length) - 1);
}

uint64_t checksum_add(uint64_t sum, const void *data, size_t length)
{
	const uint8_t *bytes = data;
	__m512i sums = _mm512_setzero_si512();

	for (; length >= LINE; length -= LINE, bytes += LINE)
		sums = halves_add(sums, _mm512_loadu_si512(bytes));
	sums = halves_add(sums, _mm512_maskz_loadu_epi8(first(length), bytes));
	return sum + (uint64_t)_mm512_reduce_add_epi64(sums);
}

uint64_t checksum_copy(uint64_t sum, void *to, const void *from, size_t length)
{
	const uint8_t *bytes = from;
	uint8_t *out = to;
	__m512i sums = _mm512_setzero_si512(), words;

	for (; length >= LINE; length -= LINE, bytes += LINE, out += LINE) {
		words = _mm512_loadu_si512(bytes);
		_mm512_storeu_si512(out, words);
		sums = halves_add(sums, words);
	}
	words = _mm512_maskz_loadu_epi8(first(length), bytes);
	_mm512_mask_storeu_epi8(out, first(length), words);
	return sum + (uint64_t)_mm512_reduce_add_epi64(halves_add(sums, words));
}

#else

uint64_t checksum_add(uint64_t sum, const void *data, size_t length)
{
	return checksum_add_plain(sum, data, length);
}

uint64_t checksum_copy(uint64_t sum, void *to, const void *from, size_t length)
{
	memcpy(to, from, length);
	return checksum_add_plain(sum, to, length);
}

#endif
