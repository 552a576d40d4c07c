/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* vector64.c - Base64 by AVX-512 VBMI (after Mula and Lemire 2019), chosen at run time */
#include "vector64.h"

#include <string.h>

static const char alphabet[65] __attribute__((aligned(64))) =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* 0x80: not in the alphabet */
static uint8_t values[256] __attribute__((aligned(64)));

__attribute__((constructor)) static void make_values(void)
{
	memset(values, 0x80, sizeof(values));
	for (unsigned i = 0; i < 64; i++)
		values[(unsigned char)alphabet[i]] = (uint8_t)i;
}

uint32_t vector64_encode_plain(char *out, const uint8_t *in, uint32_t length)
{
	char *at = out;

	for (; length > 0; in += 3, at += 4) {
		uint32_t n = length < 3 ? length : 3;
		uint32_t bits = (uint32_t)in[0] << 16 | (n > 1 ? (uint32_t)in[1] << 8 : 0) |
				(n > 2 ? in[2] : 0);

		at[0] = alphabet[bits >> 18];
		at[1] = alphabet[bits >> 12 & 63];
		at[2] = n > 1 ? alphabet[bits >> 6 & 63] : '=';
		at[3] = n > 2 ? alphabet[bits & 63] : '=';
		length -= n;
	}
	return (uint32_t)(at - out);
}

/* How many '=' a text of whole quads ends with. */
static uint32_t padding_of(const char *in, uint32_t length)
{
	return in[length - 1] != '=' ? 0 : in[length - 2] != '=' ? 1 : 2;
}

int32_t vector64_decode_plain(uint8_t *out, const char *in, uint32_t length)
{
	uint32_t padding, at = 0;
	uint8_t bad = 0;

	if (length == 0 || length % 4)
		return length ? -1 : 0;
	padding = padding_of(in, length);
	for (uint32_t i = 0; i < length; i += 4) {
		uint32_t bits = 0, n = i + 4 == length ? 4 - padding : 4;

		for (uint32_t j = 0; j < 4; j++) {
			uint8_t value = j < n ? values[(unsigned char)in[i + j]] : 0;

			bad |= value;
			bits = bits << 6 | (value & 63);
		}
		for (uint32_t j = 0; j < 3; j++) {
			uint8_t byte = (uint8_t)(bits >> (16 - 8 * j));

			if (j + 1 < n)
				out[at++] = byte;
			else if (byte)
				return -1; /* bits behind the end */
		}
	}
	return bad & 0x80 ? -1 : (int32_t)at;
}

#if defined(__x86_64__)
#include <immintrin.h>

#define VBMI __attribute__((target("avx512f,avx512bw,avx512vbmi")))

/* Up to 48 bytes, zeros behind them, as up to 64 characters. */
VBMI static inline __m512i encode_part(__m512i bytes)
{
	/* bytes a b c of a triple become the lane b a c b, in which each 6 bits lie side by side */
	const __m512i spread = _mm512_set_epi8(46, 47, 45, 46, 43, 44, 42, 43, 40, 41, 39, 40, 37,
		38, 36, 37, 34, 35, 33, 34, 31, 32, 30, 31, 28, 29, 27, 28, 25, 26, 24, 25, 22, 23,
		21, 22, 19, 20, 18, 19, 16, 17, 15, 16, 13, 14, 12, 13, 10, 11, 9, 10, 7, 8, 6, 7,
		4, 5, 3, 4, 1, 2, 0, 1);
	const __m512i shifts = _mm512_set1_epi64(0x3036242a1016040a);

	bytes = _mm512_permutexvar_epi8(spread, bytes);
	return _mm512_permutexvar_epi8(
		_mm512_multishift_epi64_epi8(shifts, bytes), _mm512_load_si512(alphabet));
}

VBMI static uint32_t encode_vbmi(char *out, const uint8_t *in, uint32_t length)
{
	char *at = out;
	uint32_t n;

	for (; length >= 64; length -= 48, in += 48, at += 64)
		_mm512_storeu_si512(at, encode_part(_mm512_loadu_si512(in)));
	for (; length > 0; length -= n, in += n, at += VECTOR64_LENGTH(n)) {
		n = length < 48 ? length : 48;
		_mm512_mask_storeu_epi8(at, ~UINT64_C(0) >> (64 - VECTOR64_LENGTH(n)),
			encode_part(_mm512_maskz_loadu_epi8(~UINT64_C(0) >> (64 - n), in)));
		if (n % 3)
			memset(at + VECTOR64_LENGTH(n) - 3 + n % 3, '=', 3 - n % 3);
	}
	return (uint32_t)(at - out);
}

VBMI static int32_t decode_vbmi(uint8_t *out, const char *in, uint32_t length)
{
	/* each 32-bit lane holds 24 bits, the first byte on top: lanes are packed and turned
	 * round */
	const __m512i pack = _mm512_set_epi8(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 60, 61,
		62, 56, 57, 58, 52, 53, 54, 48, 49, 50, 44, 45, 46, 40, 41, 42, 36, 37, 38, 32, 33,
		34, 28, 29, 30, 24, 25, 26, 20, 21, 22, 16, 17, 18, 12, 13, 14, 8, 9, 10, 4, 5, 6,
		0, 1, 2);
	const __m512i low = _mm512_load_si512(values), high = _mm512_load_si512(values + 64);
	uint32_t padding, bytes;
	__mmask64 wrong = 0;

	if (length == 0 || length % 4)
		return length ? -1 : 0;
	padding = padding_of(in, length);
	bytes = length / 4 * 3 - padding;
	for (uint32_t at = 0; at < length; at += 64) {
		uint32_t rest = length - at, n = rest < 64 ? rest : 64;
		uint32_t text = rest <= 64 ? n - padding : n;
		__m512i part = _mm512_mask_loadu_epi8(
			_mm512_set1_epi8('A'), ~UINT64_C(0) >> (64 - text), in + at);
		/* the lookup sees 7 bits of each character; the eighth makes it bad by itself */
		__m512i value = _mm512_permutex2var_epi8(low, part, high);

		wrong |= _mm512_movepi8_mask(_mm512_or_si512(value, part));
		value = _mm512_maddubs_epi16(value, _mm512_set1_epi32(0x01400140));
		value = _mm512_madd_epi16(value, _mm512_set1_epi32(0x00011000));
		_mm512_mask_storeu_epi8(out + at / 4 * 3, ~UINT64_C(0) >> (64 - n / 4 * 3),
			_mm512_permutexvar_epi8(pack, value));
	}
	for (uint32_t i = 0; i < padding; i++)
		wrong |= out[bytes + i] != 0;
	return wrong ? -1 : (int32_t)bytes;
}

static bool has_vbmi(void)
{
	static int known;

	if (!known)
		known = __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512bw")
				? 1
				: -1;
	return known > 0;
}

uint32_t vector64_encode(char *out, const uint8_t *in, uint32_t length)
{
	return has_vbmi() ? encode_vbmi(out, in, length) : vector64_encode_plain(out, in, length);
}

int32_t vector64_decode(uint8_t *out, const char *in, uint32_t length)
{
	return has_vbmi() ? decode_vbmi(out, in, length) : vector64_decode_plain(out, in, length);
}
#else
uint32_t vector64_encode(char *out, const uint8_t *in, uint32_t length)
{
	return vector64_encode_plain(out, in, length);
}

int32_t vector64_decode(uint8_t *out, const char *in, uint32_t length)
{
	return vector64_decode_plain(out, in, length);
}
#endif
