/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* json_text.h - inside JSON strings: plain runs, escapes, UTF-8 (shared by json*.c only) */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#ifdef __AVX2__
#include <immintrin.h>
#endif

#ifdef __AVX2__

/* One bit for each of 32 bytes that a string cannot simply contain. */
static inline uint32_t json_special_32(const uint8_t *at)
{
	__m256i text = _mm256_loadu_si256((const __m256i *)at);
	/* signed: both control characters and bytes from 0x80 up are below a space */
	__m256i special = _mm256_cmpgt_epi8(_mm256_set1_epi8(' '), text);

	special = _mm256_or_si256(special, _mm256_cmpeq_epi8(text, _mm256_set1_epi8('"')));
	special = _mm256_or_si256(special, _mm256_cmpeq_epi8(text, _mm256_set1_epi8('\\')));
	return (uint32_t)_mm256_movemask_epi8(special);
}

#endif

/**
 * json_skip_plain() - the first byte from @at on that is a quote, a backslash, a control character
 * or not ASCII; @end if there is none
 * @start: where the text begins; nothing before it is read, nor anything from @end on
 */
static inline const uint8_t *json_skip_plain(
	const uint8_t *at, const uint8_t *start, const uint8_t *end)
{
#ifdef __AVX2__
	for (; end - at >= 32; at += 32) {
		uint32_t special = json_special_32(at);

		if (special)
			return at + __builtin_ctz(special);
	}
	/* fewer than 32 are left: look at the last 32 of the text, some of them again */
	if (end - start >= 32 && at < end) {
		uint32_t special = json_special_32(end - 32) >> (32 - (end - at));

		return special ? at + __builtin_ctz(special) : end;
	}
#else
	(void)start;
#endif
	while (at < end && *at >= ' ' && *at < 0x80 && *at != '"' && *at != '\\')
		at++;
	return at;
}

/** json_hex4() - four hexadecimal digits as a number, or -1. */
static inline int32_t json_hex4(const uint8_t *at)
{
	int32_t value = 0;

	for (unsigned i = 0; i < 4; i++) {
		uint8_t c = at[i], letter = c | 0x20;

		if (c >= '0' && c <= '9')
			value = value << 4 | (c - '0');
		else if (letter >= 'a' && letter <= 'f')
			value = value << 4 | (letter - 'a' + 10);
		else
			return -1;
	}
	return value;
}

static inline bool json_is_high_surrogate(int32_t unit)
{
	return (unit & 0xfc00) == 0xd800;
}

static inline bool json_is_low_surrogate(int32_t unit)
{
	return (unit & 0xfc00) == 0xdc00;
}

/**
 * json_check_escape() - is there one whole escape at @at, which is a backslash?
 * Return: what follows it, or NULL. Half of a surrogate pair is no escape.
 */
const uint8_t *json_check_escape(const uint8_t *at, const uint8_t *end);

/**
 * json_check_utf8() - is there one well-formed sequence (RFC 3629) at @at, a byte from 0x80 up?
 * Return: what follows it, or NULL.
 */
const uint8_t *json_check_utf8(const uint8_t *at, const uint8_t *end);

/**
 * json_resolve() - the bytes that a checked escape stands for
 * @at: the backslash; moved behind the escape
 * Return: how many bytes were written to @out, 1 to 4.
 */
unsigned json_resolve(const uint8_t **at, uint8_t out[4]);

/**
 * json_same() - does the checked @raw, escapes resolved, equal @bytes?
 */
bool json_same(
	const uint8_t *raw, uint32_t raw_length, bool escaped, const void *bytes, uint32_t length);
