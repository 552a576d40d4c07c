/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* json_value.c - members of a scanned object: found, read, left out */
#include "codec/json.h"

#include <errno.h>

#include "codec/json_text.h"

const struct json_member *json_find(const struct json_object *object, const char *name)
{
	uint32_t length = (uint32_t)strlen(name);

	for (unsigned i = 0; i < object->count; i++) {
		const struct json_member *member = &object->members[i];

		/* almost every key is told apart by its length alone */
		if (member->key_length != length && !member->key_escaped)
			continue;
		if (json_same(object->text + member->key, member->key_length, member->key_escaped,
			    name, length))
			return member;
	}
	return NULL;
}

int32_t json_string_resolve(const struct json_object *object, const struct json_member *member,
	uint8_t *out, uint32_t room)
{
	const uint8_t *at = object->text + member->value, *end = at + member->value_length;
	uint32_t written = 0;

	while (at < end) {
		const uint8_t *escape = memchr(at, '\\', (size_t)(end - at));
		uint32_t plain = (uint32_t)((escape ? escape : end) - at);
		uint8_t resolved[4];
		unsigned n;

		if (plain > room - written)
			return -ENOSPC;
		memcpy(out + written, at, plain);
		written += plain;
		if (!escape)
			break;
		at = escape;
		n = json_resolve(&at, resolved);
		if (n > room - written)
			return -ENOSPC;
		memcpy(out + written, resolved, n);
		written += n;
	}
	return (int32_t)written;
}

bool json_string_is(const struct json_object *object, const struct json_member *member,
	const void *bytes, uint32_t length)
{
	return member->kind == JSON_STRING &&
	       json_same(object->text + member->value, member->value_length, member->value_escaped,
		       bytes, length);
}

/* So many digits at most make a number that 64 bits hold in any case. */
#define DIGITS_SURE 19

/* Plain digits without leading zeros, at most @max. */
static int plain_digits(const uint8_t *digits, uint32_t length, uint64_t max, uint64_t *value)
{
	uint64_t sum = 0;
	bool bad = length == 0 || length > DIGITS_SURE + 1 || (length > 1 && digits[0] == '0');

	if (bad)
		return -EINVAL;
	for (uint32_t i = 0; i < length; i++) {
		const uint64_t digit = (uint64_t)digits[i] - '0';

		bad |= digit > 9;
		if (i == DIGITS_SURE)
			bad |= sum > (UINT64_MAX - digit) / 10;
		sum = sum * 10 + digit;
	}
	if (bad || sum > max)
		return -EINVAL;
	*value = sum;
	return 0;
}

int json_uint(const struct json_object *object, const struct json_member *member, uint64_t max,
	uint64_t *value)
{
	if (member->kind != JSON_NUMBER)
		return -EINVAL;
	return plain_digits(object->text + member->value, member->value_length, max, value);
}

int json_decimal(const struct json_object *object, const struct json_member *member, uint64_t max,
	uint64_t *value, bool *was_string)
{
	uint8_t digits[20]; /* 2^64 - 1 has as many */
	int32_t length;

	if (was_string)
		*was_string = member->kind == JSON_STRING;
	if (member->kind != JSON_STRING)
		return json_uint(object, member, max, value);
	if (!member->value_escaped)
		return plain_digits(object->text + member->value, member->value_length, max, value);
	length = json_string(object, member, digits, sizeof(digits));
	if (length < 0)
		return -EINVAL;
	return plain_digits(digits, (uint32_t)length, max, value);
}

/* Where a member begins: the quote before its key. */
static uint32_t member_start(const struct json_member *member)
{
	return member->key - 1;
}

/* Where it ends: behind its value, a string's closing quote included. */
static uint32_t member_end(const struct json_member *member)
{
	return member->value + member->value_length + (member->kind == JSON_STRING);
}

/* Strings hold no raw control character, so every line break found stands between tokens. */
static uint32_t copy_as_line(uint8_t *restrict out, const uint8_t *restrict text, uint32_t length)
{
	for (uint32_t i = 0; i < length; i++)
		out[i] = text[i] == '\n' || text[i] == '\r' ? ' ' : text[i];
	return length;
}

uint32_t json_without(const struct json_object *object, const char *name, uint8_t *out)
{
	const struct json_member *member = json_find(object, name);
	uint32_t from, to, written;

	if (!member)
		return copy_as_line(out, object->text, object->length);
	from = member_start(member);
	to = member_end(member);
	/* one comma goes along: the one before, or, for the first member, the one behind */
	if (member > object->members)
		from = member_end(member - 1);
	else if (object->count > 1)
		to = member_start(member + 1);
	written = copy_as_line(out, object->text, from);
	return written + copy_as_line(out + written, object->text + to, object->length - to);
}
