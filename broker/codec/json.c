/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* json.c - the scan of one object (RFC 8259): a loop, a depth, no recursion, no tree */
#include "codec/json.h"

#include <errno.h>
#include <sys/auxv.h>

#include "codec/json_text.h"

_Static_assert(JSON_DEPTH_MAX <= 32, "one bit of a word per open container");

/*
 * Fingerprints of the keys seen so far. Comparing every key with every other would let a stranger
 * buy thousands of comparisons with one small frame; so only equal fingerprints are compared, and
 * they depend on a secret, as else keys that share one could be made in advance.
 */
struct key_set {
	uint64_t filter; /* one bit per fingerprint's top 6 bits: mostly says "new" at once */
	uint32_t fingerprints[JSON_MEMBERS_MAX];
};

static uint64_t key_secret[2];

/* The kernel's 16 random bytes for this process: no call that could fail or block. */
static void __attribute__((constructor)) choose_key_secret(void)
{
	const void *random = (const void *)getauxval(AT_RANDOM);

	if (random)
		memcpy(key_secret, random, sizeof(key_secret));
	key_secret[0] |= 1;
}

static inline uint64_t load_word(const uint8_t *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof(word));
	return word;
}

static inline uint64_t mix(uint64_t sum, uint64_t word)
{
	unsigned __int128 product = (unsigned __int128)(sum ^ word) * key_secret[0];

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint32_t fingerprint(const uint8_t *key, uint32_t length)
{
	const uint8_t *end = key + length;
	uint64_t sum = key_secret[1] ^ length, last = 0;

	for (; end - key > 8; key += 8)
		sum = mix(sum, load_word(key));
	/* what is left, at most eight bytes; with some read again where that saves a loop */
	if (length >= 8) {
		last = load_word(end - 8);
	} else if (length >= 4) {
		uint32_t head, tail;

		memcpy(&head, key, 4);
		memcpy(&tail, end - 4, 4);
		last = (uint64_t)tail << 32 | head;
	} else if (length > 0) {
		last = (uint64_t)key[0] << 16 | (uint64_t)key[length / 2] << 8 | end[-1];
	}
	return (uint32_t)(mix(sum, last) >> 32);
}

/* A key with its escapes resolved, or -1 if it is too long for @out. */
static int32_t resolve_key(const uint8_t *key, uint32_t length, uint8_t out[JSON_ESCAPED_KEY_MAX])
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
static inline bool add_key(
	struct json_object *object, struct key_set *keys, const struct json_member *member)
{
	const uint8_t *key = object->text + member->key;
	uint32_t length = member->key_length, print;
	uint8_t resolved[JSON_ESCAPED_KEY_MAX];
	uint64_t bit;

	if (member->key_escaped) {
		int32_t n = resolve_key(key, length, resolved);

		if (n < 0)
			return false;
		key = resolved;
		length = (uint32_t)n;
	}
	print = fingerprint(key, length);
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

static inline const uint8_t *skip_space(const uint8_t *at, const uint8_t *end)
{
	while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r'))
		at++;
	return at;
}

/* @at: behind the opening quote. Return: the closing quote, or NULL. */
static inline const uint8_t *scan_string(
	const uint8_t *at, const uint8_t *start, const uint8_t *end, bool *escaped)
{
	*escaped = false;
	for (;;) {
		at = json_skip_plain(at, start, end);
		if (at == end)
			return NULL;
		if (*at == '"')
			return at;
		if (*at == '\\') {
			*escaped = true;
			at = json_check_escape(at, end);
			if (!at)
				return NULL;
			continue;
		}
		/* where one such character is, there are mostly more */
		while (at < end && *at >= 0x80) {
			at = json_check_utf8(at, end);
			if (!at)
				return NULL;
		}
		if (at < end && *at < ' ')
			return NULL;
	}
}

static inline const uint8_t *skip_digits(const uint8_t *at, const uint8_t *end)
{
	while (at < end && (uint8_t)(*at - '0') <= 9)
		at++;
	return at;
}

/* Return: what follows the number (RFC 8259 section 6) that begins at @at, or NULL. */
static inline const uint8_t *scan_number(const uint8_t *at, const uint8_t *end)
{
	const uint8_t *digits;

	if (*at == '-')
		at++;
	digits = at;
	at = skip_digits(at, end);
	if (at == digits || (*digits == '0' && at - digits > 1))
		return NULL;
	if (at < end && *at == '.') {
		digits = ++at;
		at = skip_digits(at, end);
		if (at == digits)
			return NULL;
	}
	if (at < end && (*at == 'e' || *at == 'E')) {
		at++;
		if (at < end && (*at == '+' || *at == '-'))
			at++;
		digits = at;
		at = skip_digits(at, end);
		if (at == digits)
			return NULL;
	}
	return at;
}

static inline const uint8_t *scan_word(
	const uint8_t *at, const uint8_t *end, const char *word, uint32_t length)
{
	return end - at >= (ptrdiff_t)length && memcmp(at, word, length) == 0 ? at + length : NULL;
}

/* A value that holds no other: its kind and extent into @member. Return: what follows, or NULL. */
static inline const uint8_t *scan_scalar(
	const uint8_t *at, const uint8_t *start, const uint8_t *end, struct json_member *member)
{
	const uint8_t *after;

	member->value_escaped = false;
	switch (*at) {
	case '"':
		at++;
		after = scan_string(at, start, end, &member->value_escaped);
		if (!after)
			return NULL;
		member->kind = JSON_STRING;
		member->value = (uint32_t)(at - start);
		member->value_length = (uint32_t)(after - at);
		return after + 1;
	case 't':
		member->kind = JSON_TRUE;
		after = scan_word(at, end, "true", 4);
		break;
	case 'f':
		member->kind = JSON_FALSE;
		after = scan_word(at, end, "false", 5);
		break;
	case 'n':
		member->kind = JSON_NULL;
		after = scan_word(at, end, "null", 4);
		break;
	default:
		member->kind = JSON_NUMBER;
		after = scan_number(at, end);
		break;
	}
	if (!after)
		return NULL;
	member->value = (uint32_t)(at - start);
	member->value_length = (uint32_t)(after - at);
	return after;
}

struct walk {
	struct json_object *object;
	const uint8_t *start, *end;
	unsigned depth;
	uint32_t objects; /* a bit per open container, the innermost lowest: is it an object? */
	const uint8_t *reached; /* the newest key or element */
	struct key_set keys;
	struct json_member nested; /* stands in for a member below the first level */
};

static inline struct json_member *current_member(struct walk *walk)
{
	return walk->depth == 1 ? &walk->object->members[walk->object->count] : &walk->nested;
}

/* A key and its colon. Return: the value's first byte, or NULL. */
static inline const uint8_t *scan_key(struct walk *walk, const uint8_t *at)
{
	struct json_member *member = current_member(walk);
	const uint8_t *key;

	if (at == walk->end || *at != '"')
		return NULL;
	if (walk->depth == 1 && walk->object->count == JSON_MEMBERS_MAX)
		return NULL;
	key = at + 1;
	at = scan_string(key, walk->start, walk->end, &member->key_escaped);
	if (!at)
		return NULL;
	if (walk->depth == 1) {
		member->key = (uint32_t)(key - walk->start);
		member->key_length = (uint32_t)(at - key);
		if (!add_key(walk->object, &walk->keys, member))
			return NULL;
	}
	at = skip_space(at + 1, walk->end);
	if (at == walk->end || *at != ':')
		return NULL;
	return skip_space(at + 1, walk->end);
}

/* @at: '{' or '['. Return: the first byte inside that is no white space, or NULL. */
static inline const uint8_t *open_container(struct walk *walk, const uint8_t *at)
{
	if (walk->depth == JSON_DEPTH_MAX)
		return NULL;
	if (walk->depth == 1) {
		struct json_member *member = current_member(walk);

		member->kind = *at == '{' ? JSON_OBJECT : JSON_ARRAY;
		member->value = (uint32_t)(at - walk->start);
		member->value_escaped = false;
	}
	walk->depth++;
	walk->objects = walk->objects << 1 | (*at == '{');
	return skip_space(at + 1, walk->end);
}

static inline bool closes(const struct walk *walk, uint8_t byte)
{
	return byte == (walk->objects & 1 ? '}' : ']');
}

/*
 * Behind a value, or before the end of an empty container: containers that end here, then a comma.
 * Return: the next key or value; with depth 0, what follows the outermost object; or NULL.
 */
static inline const uint8_t *scan_end(struct walk *walk, const uint8_t *at)
{
	for (;;) {
		at = skip_space(at, walk->end);
		if (at == walk->end)
			return NULL;
		if (*at == ',')
			return skip_space(at + 1, walk->end);
		if (!closes(walk, *at))
			return NULL;
		at++;
		walk->objects >>= 1;
		walk->depth--;
		if (walk->depth == 0)
			return at;
		if (walk->depth == 1) {
			struct json_member *member = current_member(walk);

			member->value_length = (uint32_t)(at - walk->start) - member->value;
			walk->object->count++;
		}
	}
}

/* The outermost object, from its brace on. Return: what follows it, or NULL. */
static const uint8_t *scan_object(struct walk *walk, const uint8_t *at)
{
	at = open_container(walk, at);
	if (at == walk->end)
		return NULL;
	if (closes(walk, *at))
		return scan_end(walk, at);
	for (;;) {
		walk->reached = at;
		if (walk->objects & 1)
			at = scan_key(walk, at);
		if (!at || at == walk->end)
			return NULL;
		if (*at == '{' || *at == '[') {
			at = open_container(walk, at);
			if (!at || at == walk->end)
				return NULL;
			if (!closes(walk, *at))
				continue;
		} else {
			at = scan_scalar(at, walk->start, walk->end, current_member(walk));
			if (!at)
				return NULL;
			if (walk->depth == 1)
				walk->object->count++;
		}
		at = scan_end(walk, at);
		if (!at || walk->depth == 0)
			return at;
	}
}

int json_scan(struct json_object *object, const uint8_t *text, uint32_t length)
{
	struct walk walk;
	const uint8_t *at;

	object->text = text;
	object->length = length;
	object->count = 0;
	object->reached = 0;
	if (length > INT32_MAX)
		return -EINVAL;
	walk.object = object;
	walk.start = text;
	walk.end = text + length;
	walk.depth = 0;
	walk.objects = 0;
	walk.reached = text;
	walk.keys.filter = 0;
	at = skip_space(text, walk.end);
	if (at == walk.end || *at != '{')
		goto refuse;
	at = scan_object(&walk, at);
	if (!at || skip_space(at, walk.end) != walk.end)
		goto refuse;
	return 0;
refuse:
	object->reached = (uint32_t)(walk.reached - text);
	object->count = 0;
	return -EINVAL;
}
