/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* base64_wide.h - the middle of a Base64 text by vectors: AVX-512 VBMI, AVX2 or not at all */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#if defined(__AVX512VBMI__) || defined(__AVX2__)
#include <immintrin.h>
#endif

/** What base64_values[] holds for a character outside the alphabet. */
#define BASE64_INVALID 0x80

/** Longest text that base64_decode() takes: its result is an int32_t. */
#define BASE64_LENGTH_MAX 0x7ffffffcU

/** The 6-bit value of each character, and the character of each value. */
extern const uint8_t base64_values[256];
extern const uint8_t base64_alphabet[64];

/*
 * base64_decode_wide() - decode whole quads without padding from the start of @in
 * Return: characters taken, a multiple of 4, up to where too little is left; @bad becomes true if
 * one of them is not in the alphabet. Reads @length characters and writes 3 bytes per 4 taken,
 * never more.
 *
 * base64_encode_wide() - encode whole triples from the start of @in
 * Return: bytes taken, a multiple of 3. Reads @length bytes, writes 4 characters per 3 taken.
 */

#if defined(__AVX512VBMI__) && defined(__AVX512BW__)

/** Does base64_decode_wide() leave quads, each of which is work of its own? */
#define BASE64_QUADS false

static inline uint32_t base64_decode_wide(
	uint8_t *out, const uint8_t *in, uint32_t length, bool *bad)
{
	/* each 32-bit lane holds 24 bits, the first byte on top: lanes are packed and turned
	 * round */
	const __m512i pack = _mm512_set_epi8(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 60, 61,
		62, 56, 57, 58, 52, 53, 54, 48, 49, 50, 44, 45, 46, 40, 41, 42, 36, 37, 38, 32, 33,
		34, 28, 29, 30, 24, 25, 26, 20, 21, 22, 16, 17, 18, 12, 13, 14, 8, 9, 10, 4, 5, 6,
		0, 1, 2);
	const __m512i low = _mm512_load_si512(base64_values);
	const __m512i high = _mm512_load_si512(base64_values + 64);
	__mmask64 wrong = 0;
	uint32_t at = 0;

	while (at < length) {
		uint32_t n = length - at < 64 ? length - at : 64;
		__mmask64 present = ~UINT64_C(0) >> (64 - n);
		__m512i text = _mm512_mask_loadu_epi8(_mm512_set1_epi8('A'), present, in + at);
		/* the lookup sees 7 bits of each character; the eighth makes it bad by itself */
		__m512i value = _mm512_permutex2var_epi8(low, text, high);

		wrong |= _mm512_movepi8_mask(_mm512_or_si512(value, text));
		value = _mm512_maddubs_epi16(value, _mm512_set1_epi32(0x01400140));
		value = _mm512_madd_epi16(value, _mm512_set1_epi32(0x00011000));
		_mm512_mask_storeu_epi8(out, ~UINT64_C(0) >> (64 - n / 4 * 3),
			_mm512_permutexvar_epi8(pack, value));
		out += n / 4 * 3;
		at += n;
	}
	*bad |= wrong != 0;
	return at;
}

static inline uint32_t base64_encode_wide(uint8_t *out, const uint8_t *in, uint32_t length)
{
	/* bytes a b c of a triple become the lane b a c b, in which each 6 bits lie side by side */
	const __m512i spread = _mm512_set_epi8(46, 47, 45, 46, 43, 44, 42, 43, 40, 41, 39, 40, 37,
		38, 36, 37, 34, 35, 33, 34, 31, 32, 30, 31, 28, 29, 27, 28, 25, 26, 24, 25, 22, 23,
		21, 22, 19, 20, 18, 19, 16, 17, 15, 16, 13, 14, 12, 13, 10, 11, 9, 10, 7, 8, 6, 7,
		4, 5, 3, 4, 1, 2, 0, 1);
	const __m512i shifts = _mm512_set1_epi64(0x3036242a1016040a);
	const __m512i alphabet = _mm512_load_si512(base64_alphabet);
	uint32_t at = 0;

	length -= length % 3;
	while (at < length) {
		uint32_t n = length - at < 48 ? length - at : 48;
		__m512i bytes = _mm512_maskz_loadu_epi8(~UINT64_C(0) >> (64 - n), in + at);

		bytes = _mm512_permutexvar_epi8(spread, bytes);
		/* both look at the low 6 bits only */
		bytes = _mm512_permutexvar_epi8(
			_mm512_multishift_epi64_epi8(shifts, bytes), alphabet);
		_mm512_mask_storeu_epi8(out, ~UINT64_C(0) >> (64 - n / 3 * 4), bytes);
		out += n / 3 * 4;
		at += n;
	}
	return at;
}

#elif defined(__AVX2__)

#define BASE64_QUADS true

static inline uint32_t base64_decode_wide(
	uint8_t *out, const uint8_t *in, uint32_t length, bool *bad)
{
	/* Per high half of a character a class, per low half the classes in which it is bad:
	 * 1: 2x (+ and /), 2: 3x (digits), 4: 4x 6x (a..o), 8: 5x 7x (p..z), 16: never good. */
	const __m256i bad_low = _mm256_setr_epi8(0x15, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11,
		0x11, 0x11, 0x13, 0x1a, 0x1b, 0x1b, 0x1b, 0x1a, 0x15, 0x11, 0x11, 0x11, 0x11, 0x11,
		0x11, 0x11, 0x11, 0x11, 0x13, 0x1a, 0x1b, 0x1b, 0x1b, 0x1a);
	const __m256i class_high = _mm256_setr_epi8(16, 16, 1, 2, 4, 8, 4, 8, 16, 16, 16, 16, 16,
		16, 16, 16, 16, 16, 1, 2, 4, 8, 4, 8, 16, 16, 16, 16, 16, 16, 16, 16);
	/* from character to value; '/' has index 1, one below its high half */
	const __m256i distance = _mm256_setr_epi8(0, 16, 19, 4, -65, -65, -71, -71, 0, 0, 0, 0, 0,
		0, 0, 0, 0, 16, 19, 4, -65, -65, -71, -71, 0, 0, 0, 0, 0, 0, 0, 0);
	const __m256i pack = _mm256_setr_epi8(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1,
		-1, 2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1);
	const __m256i half = _mm256_set1_epi8(0x0f);
	__m256i wrong = _mm256_setzero_si256();
	uint32_t at = 0;

	for (; length - at >= 32; at += 32, out += 24) {
		__m256i text = _mm256_loadu_si256((const __m256i *)(in + at));
		__m256i high = _mm256_and_si256(_mm256_srli_epi16(text, 4), half);
		__m256i low = _mm256_and_si256(text, half);
		__m256i slash = _mm256_cmpeq_epi8(text, _mm256_set1_epi8('/'));
		__m256i value;

		wrong = _mm256_or_si256(wrong, _mm256_and_si256(_mm256_shuffle_epi8(bad_low, low),
						       _mm256_shuffle_epi8(class_high, high)));
		value = _mm256_add_epi8(
			text, _mm256_shuffle_epi8(distance, _mm256_add_epi8(high, slash)));
		value = _mm256_maddubs_epi16(value, _mm256_set1_epi32(0x01400140));
		value = _mm256_madd_epi16(value, _mm256_set1_epi32(0x00011000));
		value = _mm256_shuffle_epi8(value, pack);
		value = _mm256_permutevar8x32_epi32(
			value, _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 3, 7));
		/* 24 bytes exactly */
		_mm_storeu_si128((__m128i *)out, _mm256_castsi256_si128(value));
		_mm_storel_epi64((__m128i *)(out + 16), _mm256_extracti128_si256(value, 1));
	}
	*bad |= !_mm256_testz_si256(wrong, wrong);
	return at;
}

static inline uint32_t base64_encode_wide(uint8_t *out, const uint8_t *in, uint32_t length)
{
	/* bytes a b c of a triple become the lane b a c b */
	const __m256i spread = _mm256_setr_epi8(1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10,
		1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10);
	/* from value to character, by class: 0: a..z, 1..10: digits, 11: +, 12: /, 13: A..Z */
	const __m256i distance = _mm256_setr_epi8(71, -4, -4, -4, -4, -4, -4, -4, -4, -4, -4, -19,
		-16, 65, 0, 0, 71, -4, -4, -4, -4, -4, -4, -4, -4, -4, -4, -19, -16, 65, 0, 0);
	uint32_t at = 0;

	/* 24 bytes are taken, 28 read */
	for (; length - at >= 28; at += 24, out += 32) {
		__m256i bytes = _mm256_inserti128_si256(
			_mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)(in + at))),
			_mm_loadu_si128((const __m128i *)(in + at + 12)), 1);
		__m256i first_third, second_fourth, value, class, upper;

		bytes = _mm256_shuffle_epi8(bytes, spread);
		first_third =
			_mm256_mulhi_epu16(_mm256_and_si256(bytes, _mm256_set1_epi32(0x0fc0fc00)),
				_mm256_set1_epi32(0x04000040));
		second_fourth =
			_mm256_mullo_epi16(_mm256_and_si256(bytes, _mm256_set1_epi32(0x003f03f0)),
				_mm256_set1_epi32(0x01000010));
		value = _mm256_or_si256(first_third, second_fourth);
		/* 0..51 become 0, 52..63 become 1..12, then 0..25 become 13 */
		class = _mm256_subs_epu8(value, _mm256_set1_epi8(51));
		upper = _mm256_cmpgt_epi8(_mm256_set1_epi8(26), value);
		class = _mm256_or_si256(class, _mm256_and_si256(upper, _mm256_set1_epi8(13)));
		value = _mm256_add_epi8(value, _mm256_shuffle_epi8(distance, class));
		_mm256_storeu_si256((__m256i *)out, value);
	}
	return at;
}

#else

#define BASE64_QUADS true

static inline uint32_t base64_decode_wide(
	uint8_t *out, const uint8_t *in, uint32_t length, bool *bad)
{
	(void)out;
	(void)in;
	(void)length;
	(void)bad;
	return 0;
}

static inline uint32_t base64_encode_wide(uint8_t *out, const uint8_t *in, uint32_t length)
{
	(void)out;
	(void)in;
	(void)length;
	return 0;
}

#endif
