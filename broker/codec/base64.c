/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* base64.c - strict Base64 (RFC 4648 section 4): the ends by table, the middle by vectors */
#include "codec/base64.h"

#include <errno.h>
#include <stdbool.h>

#include "codec/base64_wide.h"

#define XX BASE64_INVALID

/* clang-format off */
_Alignas(64) const uint8_t base64_values[256] = {
	XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX,
	XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX,
	XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, 62, XX, XX, XX, 63,
	52, 53, 54, 55, 56, 57, 58, 59, 60, 61, XX, XX, XX, XX, XX, XX,
	XX, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
	15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, XX, XX, XX, XX, XX,
	XX, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
	41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, XX, XX, XX, XX, XX,
	XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX,
	XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX,
	XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX,
	XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX,
	XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX,
	XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX,
	XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX,
	XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX,
};
/* clang-format on */

_Alignas(64) const uint8_t base64_alphabet[64] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Four characters to three bytes; BASE64_INVALID << 24 or more if one is not in the alphabet. */
static inline uint32_t decode_quad(const uint8_t *in)
{
	uint32_t a = base64_values[in[0]], b = base64_values[in[1]];
	uint32_t c = base64_values[in[2]], d = base64_values[in[3]];

	return (a | b | c | d) << 24 | a << 18 | b << 12 | c << 6 | d;
}

/*
 * The last four characters, the only ones that may end in '='. The bits that padding leaves over
 * must be zero: else two texts would stand for the same bytes.
 */
static int32_t decode_last(uint8_t *out, const uint8_t *in)
{
	uint32_t a = base64_values[in[0]], b = base64_values[in[1]];
	uint32_t c = in[2] == '=' && in[3] == '=' ? 0 : base64_values[in[2]];
	uint32_t d = in[3] == '=' ? 0 : base64_values[in[3]];

	if ((a | b | c | d) & BASE64_INVALID)
		return -EINVAL;
	if (in[2] == '=') {
		if (b & 0x0f)
			return -EINVAL;
		out[0] = (uint8_t)(a << 2 | b >> 4);
		return 1;
	}
	if (in[3] == '=') {
		if (c & 0x03)
			return -EINVAL;
		out[0] = (uint8_t)(a << 2 | b >> 4);
		out[1] = (uint8_t)(b << 4 | c >> 2);
		return 2;
	}
	out[0] = (uint8_t)(a << 2 | b >> 4);
	out[1] = (uint8_t)(b << 4 | c >> 2);
	out[2] = (uint8_t)(c << 6 | d);
	return 3;
}

int32_t base64_decode(uint8_t *out, const uint8_t *in, uint32_t length)
{
	uint32_t at, written, seen = 0;
	bool bad = length % 4;
	int32_t last;

	if (length > BASE64_LENGTH_MAX)
		return -EINVAL;
	/* bad characters do not stop it: the work must not tell where one was */
	if (length < 4)
		return bad ? -EINVAL : 0;
	if (bad && BASE64_QUADS) /* nor that one is not whole: the last four stand for it */
		seen = decode_quad(in + length - 4);
	length -= length % 4;
	at = base64_decode_wide(out, in, length - 4, &bad);
	written = at / 4 * 3;
	for (; at < length - 4; at += 4, written += 3) {
		uint32_t bits = decode_quad(in + at);

		seen |= bits;
		out[written] = (uint8_t)(bits >> 16);
		out[written + 1] = (uint8_t)(bits >> 8);
		out[written + 2] = (uint8_t)bits;
	}
	last = decode_last(out + written, in + at);
	if (bad || last < 0 || seen >= (uint32_t)BASE64_INVALID << 24)
		return -EINVAL;
	return (int32_t)(written + (uint32_t)last);
}

static inline void encode_triple(uint8_t *out, uint8_t a, uint8_t b, uint8_t c)
{
	out[0] = base64_alphabet[a >> 2];
	out[1] = base64_alphabet[(a << 4 | b >> 4) & 63];
	out[2] = base64_alphabet[(b << 2 | c >> 6) & 63];
	out[3] = base64_alphabet[c & 63];
}

uint32_t base64_encode(uint8_t *out, const uint8_t *in, uint32_t length)
{
	uint32_t at = base64_encode_wide(out, in, length);
	uint32_t written = at / 3 * 4;

	for (; length - at >= 3; at += 3, written += 4)
		encode_triple(out + written, in[at], in[at + 1], in[at + 2]);
	if (length - at == 2) {
		encode_triple(out + written, in[at], in[at + 1], 0);
		out[written + 3] = '=';
		written += 4;
	} else if (length - at == 1) {
		encode_triple(out + written, in[at], 0, 0);
		out[written + 2] = out[written + 3] = '=';
		written += 4;
	}
	return written;
}
