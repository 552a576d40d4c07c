/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* base64.c - standard, padded, canonical Base64 (RFC 4648 section 4), in the fleet's own words */
#include "fleet.h"

#define BAD 0xff
#define PAD '='

static const char characters[64] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t base64_encode(char *out, const unsigned char *in, size_t length)
{
	char *at = out;

	for (; length >= 3; length -= 3, in += 3) {
		uint32_t bits = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];

		*at++ = characters[bits >> 18];
		*at++ = characters[bits >> 12 & 63];
		*at++ = characters[bits >> 6 & 63];
		*at++ = characters[bits & 63];
	}
	if (length > 0) {
		uint32_t bits = (uint32_t)in[0] << 16 | (length > 1 ? (uint32_t)in[1] << 8 : 0);

		*at++ = characters[bits >> 18];
		*at++ = characters[bits >> 12 & 63];
		*at++ = length > 1 ? characters[bits >> 6 & 63] : PAD;
		*at++ = PAD;
	}
	return (size_t)(at - out);
}

static uint8_t values[256];

static void __attribute__((constructor)) make_values(void)
{
	for (unsigned i = 0; i < sizeof(values); i++)
		values[i] = BAD;
	for (unsigned i = 0; i < sizeof(characters); i++)
		values[(unsigned char)characters[i]] = (uint8_t)i;
}

/* The last four characters; bits that carry nothing are 0 in the canonical form (section 3.5). */
static int decode_end(unsigned char *out, const unsigned char *in)
{
	unsigned a = values[in[0]], b = values[in[1]], c = values[in[2]], d = values[in[3]];

	if (a == BAD || b == BAD)
		return -1;
	out[0] = (unsigned char)(a << 2 | b >> 4);
	if (in[2] == PAD)
		return in[3] == PAD && (b & 15) == 0 ? 1 : -1;
	if (c == BAD)
		return -1;
	out[1] = (unsigned char)(b << 4 | c >> 2);
	if (in[3] == PAD)
		return (c & 3) == 0 ? 2 : -1;
	if (d == BAD)
		return -1;
	out[2] = (unsigned char)(c << 6 | d);
	return 3;
}

size_t base64_decode(unsigned char *out, size_t size, const char *text, size_t length)
{
	const unsigned char *in = (const unsigned char *)text;
	unsigned char *at = out;
	int end;

	if (length == 0 || length % 4 || length / 4 * 3 > size)
		return 0;
	for (; length > 4; length -= 4, in += 4, at += 3) {
		unsigned a = values[in[0]], b = values[in[1]], c = values[in[2]], d = values[in[3]];
		uint32_t bits = a << 18 | b << 12 | c << 6 | d;

		if ((a | b | c | d) & 0x80)
			return 0;
		at[0] = (unsigned char)(bits >> 16);
		at[1] = (unsigned char)(bits >> 8);
		at[2] = (unsigned char)bits;
	}
	end = decode_end(at, in);
	return end < 0 ? 0 : (size_t)(at - out) + (size_t)end;
}
