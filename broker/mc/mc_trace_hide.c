/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* mc_trace_hide.c - payloads for people's eyes: members that hold secrets lose their values */
#include "mc.h"

#include <strings.h>

#define HIDDEN "\"***\""
#define HIDDEN_BYTES (sizeof(HIDDEN) - 1)
#define NAME_MAX_BYTES 24

/* The text's own (pin, token, sessionKey), and what else would open a device or a home network. */
static const char *const secret_names[] = {
	"pin", "token", "sessionkey", "lankey", "lanpin", "bindpassword", "password"};

/** struct hiding - a walk over text that a scan has found well-formed */
struct hiding {
	const uint8_t *at, *end;
	uint8_t *out;
};

/* Just past the string that begins at @at. */
static const uint8_t *string_end(const uint8_t *at, const uint8_t *end)
{
	for (at++; at < end && *at != '"'; at++) {
		if (*at == '\\')
			at++;
	}
	return at < end ? at + 1 : end;
}

static const uint8_t *skip_space(const uint8_t *at, const uint8_t *end)
{
	while (at < end && strchr(" \t\r\n", *at))
		at++;
	return at;
}

static const uint8_t *value_end(const uint8_t *at, const uint8_t *end)
{
	unsigned depth = 0;

	while (at < end) {
		if (*at == '"') {
			at = string_end(at, end);
		} else {
			if (*at == '{' || *at == '[')
				depth++;
			else if ((*at == '}' || *at == ']') && depth-- == 0)
				return at;
			else if (!depth && strchr(", \t\r\n", *at))
				return at;
			at++;
		}
		if (!depth && (at[-1] == '"' || at[-1] == '}' || at[-1] == ']'))
			return at;
	}
	return at;
}

static unsigned hex(uint8_t digit)
{
	return digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10;
}

/* A key's characters, escapes resolved; one that is no ASCII is in no name that is looked for. */
static bool is_secret(const uint8_t *at, const uint8_t *end)
{
	char name[NAME_MAX_BYTES + 1];
	unsigned length = 0;

	for (; at < end; at++) {
		unsigned c = *at;

		if (length == NAME_MAX_BYTES)
			return false;
		if (c == '\\' && *++at == 'u') {
			c = hex(at[1]) << 12 | hex(at[2]) << 8 | hex(at[3]) << 4 | hex(at[4]);
			at += 4;
		} else if (c == '\\') {
			c = *at == '/' || *at == '"' || *at == '\\' ? *at : ' ';
		}
		name[length++] = c && c < 0x80 ? (char)c : ' ';
	}
	name[length] = 0;
	for (unsigned i = 0; i < sizeof(secret_names) / sizeof(secret_names[0]); i++) {
		if (!strcasecmp(name, secret_names[i]))
			return true;
	}
	return false;
}

static void copy(struct hiding *h, const uint8_t *end)
{
	for (; h->at < end; h->at++)
		*h->out++ = *h->at == '\n' || *h->at == '\r' ? ' ' : *h->at;
}

/* A string: a value, or a key with its value. */
static void string(struct hiding *h)
{
	const uint8_t *key = h->at + 1, *end = string_end(h->at, h->end);
	const uint8_t *colon = skip_space(end, h->end);

	if (colon == h->end || *colon != ':' || !is_secret(key, end - 1)) {
		copy(h, end);
		return;
	}
	copy(h, skip_space(colon + 1, h->end));
	h->at = value_end(h->at, h->end);
	h->out = mempcpy(h->out, HIDDEN, HIDDEN_BYTES);
}

/* The shortest member that is hidden, "pin":1, grows by 4 bytes of 8. */
uint32_t mc_trace_hide(const uint8_t *text, uint32_t length, uint8_t *out)
{
	struct hiding h = {text, text + length, out};

	while (h.at < h.end) {
		if (*h.at == '"')
			string(&h);
		else
			copy(&h, h.at + 1);
	}
	return (uint32_t)(h.out - out);
}
