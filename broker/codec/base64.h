/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* base64.h - strict Base64 (RFC 4648 section 4: padded, canonical), vectorised where it pays */
#pragma once

#include <stdint.h>

/** Bytes that @n bytes take once encoded. */
#define BASE64_ENCODED(n) (((n) + 2) / 3 * 4)
/** Most bytes that @n characters can decode to; base64_decode() needs that much room. */
#define BASE64_DECODED_MAX(n) ((n) / 4 * 3)

/**
 * base64_decode() - decode @length characters
 *
 * Refuses everything that is not canonical: length not a multiple of 4, white space, other
 * alphabets, missing or extra '=', non-zero trailing bits. What is wrong, and where, does not show
 * in how long it takes. Never writes past BASE64_DECODED_MAX.
 * Return: bytes written, or -EINVAL. Empty input decodes to 0 bytes.
 */
int32_t base64_decode(uint8_t *out, const uint8_t *in, uint32_t length);

/** base64_encode() - encode; writes BASE64_ENCODED(length) characters, no NUL. Return: that. */
uint32_t base64_encode(uint8_t *out, const uint8_t *in, uint32_t length);
