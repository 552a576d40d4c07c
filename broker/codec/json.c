/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* json.c - the scan of one object (RFC 8259): a loop, a depth, no recursion, no tree */
#include "codec/json.h"

#include <errno.h>
#include <sys/auxv.h>

#include "codec/json_inner.h"

_Static_assert(JSON_DEPTH_MAX <= 32, "one bit of a word per open container");

uint64_t json_key_secret[2];

/* The kernel's 16 random bytes for this process: no call that could fail or block. */
static void __attribute__((constructor)) choose_key_secret(void)
{
	const void *random = (const void *)getauxval(AT_RANDOM);

	if (random)
		memcpy(json_key_secret, random, sizeof(json_key_secret));
	json_key_secret[0] |= 1;
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
		after = json_scan_word(at, end, "true", 4);
		break;
	case 'f':
		member->kind = JSON_FALSE;
		after = json_scan_word(at, end, "false", 5);
		break;
	case 'n':
		member->kind = JSON_NULL;
		after = json_scan_word(at, end, "null", 4);
		break;
	default:
		member->kind = JSON_NUMBER;
		after = json_scan_number(at, end);
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
	struct json_keys keys;
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
		if (!json_add_key(walk->object, &walk->keys, member))
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

int json_walk(struct json_object *object, const uint8_t *text, uint32_t length)
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

/* Chosen once: the choice is the same for every text, whoever sent it. */
static bool with_masks;

static void __attribute__((constructor)) choose_scan(void)
{
	with_masks = json_masks_there();
}

int json_scan(struct json_object *object, const uint8_t *text, uint32_t length)
{
	int rc = with_masks ? json_masks(object, text, length) : -ENOTSUP;

	return rc == -ENOTSUP ? json_walk(object, text, length) : rc;
}
