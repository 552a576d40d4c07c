/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* json_inner.h - what both ways of scanning an object share: keys, numbers, words (json*.c only) */
#pragma once

#include "codec/json.h"
#include "codec/json_text.h"

/**
 * json_walk() - json_scan() byte by byte, from token to token
 */
int json_walk(struct json_object *object, const uint8_t *text, uint32_t length);

/** Longest text for json_masks(). */
#define JSON_MASKS_MAX 8192

/** json_masks_there() - has this CPU what json_masks() needs? */
bool json_masks_there(void);

/**
 * json_masks() - json_scan() 64 bytes at a time, for the usual text
 *
 * Return: as json_scan(); -ENOTSUP: the text is longer than JSON_MASKS_MAX, or holds escapes or
 * what is not ASCII, and is left to json_walk().
 */
int json_masks(struct json_object *object, const uint8_t *text, uint32_t length);

/*
 * Fingerprints of the keys seen so far. Comparing every key with every other would let a stranger
 * buy thousands of comparisons with one small frame; so only equal fingerprints are compared, and
 * they depend on a secret, as else keys that share one could be made in advance.
 */
struct json_keys {
	uint64_t filter; /* one bit per fingerprint's top 6 bits: mostly says "new" at once */
	uint32_t fingerprints[JSON_MEMBERS_MAX];
};

extern uint64_t json_key_secret[2];

static inline uint64_t json_load_word(const uint8_t *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof(word));
	return word;
}

static inline uint64_t json_mix(uint64_t sum, uint64_t word)
{
	unsigned __int128 product = (unsigned __int128)(sum ^ word) * json_key_secret[0];

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint32_t json_fingerprint(const uint8_t *key, uint32_t length)
{
	const uint8_t *end = key + length;
	uint64_t sum = json_key_secret[1] ^ length, last = 0;

	for (; end - key > 8; key += 8)
		sum = json_mix(sum, json_load_word(key));
	/* what is left, at most eight bytes; with some read again where that saves a loop */
	if (length >= 8) {
		last = json_load_word(end - 8);
	} else if (length >= 4) {
		uint32_t head, tail;

		memcpy(&head, key, 4);
		memcpy(&tail, end - 4, 4);
		last = (uint64_t)tail << 32 | head;
	} else if (length > 0) {
		last = (uint64_t)key[0] << 16 | (uint64_t)key[length / 2] << 8 | end[-1];
	}
	return (uint32_t)(json_mix(sum, last) >> 32);
}

/* A key with its escapes resolved, or -1 if it is too long for @out. */
static inline int32_t json_resolve_key(
	const uint8_t *key, uint32_t length, uint8_t out[JSON_ESCAPED_KEY_MAX])
{
	const uint8_t *end = key + length;
	uint32_t written = 0;

	while (key < end) {
		uint8_t bytes[4];
		unsigned n = 1;

		if (*key == '\\')
			n = json_resolve(&key, bytes);
		else
			bytes[0] = *key++;
		if (n > JSON_ESCAPED_KEY_MAX - written)
			return -1;
		memcpy(out + written, bytes, n);
		written += n;
	}
	return (int32_t)written;
}

/* Take the key of the member that is about to be added; false if it is there already. */
static inline bool json_add_key(
	struct json_object *object, struct json_keys *keys, const struct json_member *member)
{
	const uint8_t *key = object->text + member->key;
	uint32_t length = member->key_length, print;
	uint8_t resolved[JSON_ESCAPED_KEY_MAX];
	uint64_t bit;

	if (member->key_escaped) {
		int32_t n = json_resolve_key(key, length, resolved);

		if (n < 0)
			return false;
		key = resolved;
		length = (uint32_t)n;
	}
	print = json_fingerprint(key, length);
	bit = UINT64_C(1) << (print >> 26);
	keys->fingerprints[object->count] = print;
	if (keys->filter & bit) {
		for (unsigned i = 0; i < object->count; i++) {
			const struct json_member *other = &object->members[i];

			if (keys->fingerprints[i] == print &&
				json_same(object->text + other->key, other->key_length,
					other->key_escaped, key, length))
				return false;
		}
	}
	keys->filter |= bit;
	return true;
}

static inline const uint8_t *json_skip_digits(const uint8_t *at, const uint8_t *end)
{
	while (at < end && (uint8_t)(*at - '0') <= 9)
		at++;
	return at;
}

/* Return: what follows the number (RFC 8259 section 6) that begins at @at, or NULL. */
static inline const uint8_t *json_scan_number(const uint8_t *at, const uint8_t *end)
{
	const uint8_t *digits;

	if (*at == '-')
		at++;
	digits = at;
	at = json_skip_digits(at, end);
	if (at == digits || (*digits == '0' && at - digits > 1))
		return NULL;
	if (at < end && *at == '.') {
		digits = ++at;
		at = json_skip_digits(at, end);
		if (at == digits)
			return NULL;
	}
	if (at < end && (*at == 'e' || *at == 'E')) {
		at++;
		if (at < end && (*at == '+' || *at == '-'))
			at++;
		digits = at;
		at = json_skip_digits(at, end);
		if (at == digits)
			return NULL;
	}
	return at;
}

static inline const uint8_t *json_scan_word(
	const uint8_t *at, const uint8_t *end, const char *word, uint32_t length)
{
	return end - at >= (ptrdiff_t)length && memcmp(at, word, length) == 0 ? at + length : NULL;
}
