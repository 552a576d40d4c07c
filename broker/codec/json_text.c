/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* json_text.c - escapes and UTF-8 in JSON strings (RFC 8259 sections 7 and 8, RFC 3629) */
#include "codec/json_text.h"

const uint8_t *json_check_escape(const uint8_t *at, const uint8_t *end)
{
	int32_t unit;

	if (end - at < 2)
		return NULL;
	switch (at[1]) {
	case '"':
	case '\\':
	case '/':
	case 'b':
	case 'f':
	case 'n':
	case 'r':
	case 't':
		return at + 2;
	case 'u':
		break;
	default:
		return NULL;
	}
	if (end - at < 6)
		return NULL;
	unit = json_hex4(at + 2);
	if (unit < 0 || json_is_low_surrogate(unit))
		return NULL;
	if (!json_is_high_surrogate(unit))
		return at + 6;
	if (end - at < 12 || at[6] != '\\' || at[7] != 'u')
		return NULL;
	unit = json_hex4(at + 8);
	if (unit < 0 || !json_is_low_surrogate(unit))
		return NULL;
	return at + 12;
}

static inline bool continues(uint8_t byte)
{
	return (byte & 0xc0) == 0x80;
}

const uint8_t *json_check_utf8(const uint8_t *at, const uint8_t *end)
{
	ptrdiff_t left = end - at;
	uint8_t lead = at[0];

	/* c0 and c1 could only begin overlong forms */
	if (lead >= 0xc2 && lead <= 0xdf)
		return left >= 2 && continues(at[1]) ? at + 2 : NULL;
	if (lead >= 0xe0 && lead <= 0xef) {
		if (left < 3 || !continues(at[1]) || !continues(at[2]))
			return NULL;
		/* overlong forms; surrogates */
		if ((lead == 0xe0 && at[1] < 0xa0) || (lead == 0xed && at[1] >= 0xa0))
			return NULL;
		return at + 3;
	}
	if (lead >= 0xf0 && lead <= 0xf4) {
		if (left < 4 || !continues(at[1]) || !continues(at[2]) || !continues(at[3]))
			return NULL;
		/* overlong forms; beyond U+10FFFF */
		if ((lead == 0xf0 && at[1] < 0x90) || (lead == 0xf4 && at[1] >= 0x90))
			return NULL;
		return at + 4;
	}
	return NULL;
}

static unsigned to_utf8(uint32_t code_point, uint8_t out[4])
{
	if (code_point < 0x80) {
		out[0] = (uint8_t)code_point;
		return 1;
	}
	if (code_point < 0x800) {
		out[0] = (uint8_t)(0xc0 | code_point >> 6);
		out[1] = (uint8_t)(0x80 | (code_point & 0x3f));
		return 2;
	}
	if (code_point < 0x10000) {
		out[0] = (uint8_t)(0xe0 | code_point >> 12);
		out[1] = (uint8_t)(0x80 | (code_point >> 6 & 0x3f));
		out[2] = (uint8_t)(0x80 | (code_point & 0x3f));
		return 3;
	}
	out[0] = (uint8_t)(0xf0 | code_point >> 18);
	out[1] = (uint8_t)(0x80 | (code_point >> 12 & 0x3f));
	out[2] = (uint8_t)(0x80 | (code_point >> 6 & 0x3f));
	out[3] = (uint8_t)(0x80 | (code_point & 0x3f));
	return 4;
}

unsigned json_resolve(const uint8_t **at, uint8_t out[4])
{
	const uint8_t *escape = *at;
	uint32_t unit;

	*at = escape + 2;
	switch (escape[1]) {
	case 'b':
		out[0] = '\b';
		return 1;
	case 'f':
		out[0] = '\f';
		return 1;
	case 'n':
		out[0] = '\n';
		return 1;
	case 'r':
		out[0] = '\r';
		return 1;
	case 't':
		out[0] = '\t';
		return 1;
	case 'u':
		break;
	default:
		/* quote, backslash, slash */
		out[0] = escape[1];
		return 1;
	}
	*at = escape + 6;
	unit = (uint32_t)json_hex4(escape + 2);
	if (json_is_high_surrogate((int32_t)unit)) {
		*at = escape + 12;
		unit = 0x10000 + ((unit & 0x3ff) << 10 | ((uint32_t)json_hex4(escape + 8) & 0x3ff));
	}
	return to_utf8(unit, out);
}

bool json_same(
	const uint8_t *raw, uint32_t raw_length, bool escaped, const void *bytes, uint32_t length)
{
	const uint8_t *end = raw + raw_length, *expected = bytes;

	if (!escaped)
		return raw_length == length && memcmp(raw, bytes, length) == 0;
	while (raw < end) {
		uint8_t resolved[4];
		unsigned n = 1;

		if (*raw == '\\')
			n = json_resolve(&raw, resolved);
		else
			resolved[0] = *raw++;
		if (length < n || memcmp(resolved, expected, n) != 0)
			return false;
		expected += n;
		length -= n;
	}
	return length == 0;
}
