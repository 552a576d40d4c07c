/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* json.h - strict, iterative JSON scan of one object (RFC 8259): first-level members, no tree */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/** First-level members that a scan can return; an object with more is refused. */
#define JSON_MEMBERS_MAX 64
/** Deepest nesting accepted, the object itself counted. */
#define JSON_DEPTH_MAX 16
/** Longest first-level key, once resolved, that may be written with escapes; longer: refused. */
#define JSON_ESCAPED_KEY_MAX 64

enum json_kind {
	JSON_OBJECT,
	JSON_ARRAY,
	JSON_STRING,
	JSON_NUMBER,
	JSON_TRUE,
	JSON_FALSE,
	JSON_NULL
};

/**
 * struct json_member - a first-level member, as offsets into the scanned text
 * @key, @key_length: the key without its quotes, escapes unresolved
 * @value, @value_length: the value; strings without their quotes, escapes unresolved
 * @kind: enum json_kind
 * @key_escaped, @value_escaped: a backslash occurs inside
 */
struct json_member {
	uint32_t key, key_length;
	uint32_t value, value_length;
	uint8_t kind;
	bool key_escaped, value_escaped;
};

/**
 * struct json_object - the outcome of a scan
 * @reached: how much of the text a refused scan's work stands for, not 0 unless it is none at all
 */
struct json_object {
	const uint8_t *text;
	uint32_t length;
	unsigned count;
	uint32_t reached;
	struct json_member members[JSON_MEMBERS_MAX];
};

/**
 * json_scan() - check that @text is exactly one JSON object and list its first-level members
 *
 * Checked everywhere: grammar, UTF-8 (no overlong forms, no surrogates, no BOM), escapes (a lone
 * \u surrogate is refused; \u0000 is a character like any other), depth. Checked on the first
 * level: no two keys that are the same once their escapes are resolved. Numbers are of any size:
 * their range is checked where they are read. White space may stand around the object.
 * Return: 0, or -EINVAL (then without members). @object refers to @text; time is linear in @length;
 * neither a byte before @text nor one behind @length is read.
 */
int json_scan(struct json_object *object, const uint8_t *text, uint32_t length);

/** json_find() - the member of that name (resolved), or NULL. */
const struct json_member *json_find(const struct json_object *object, const char *name);

/** json_string_resolve() - json_string() for values with escapes. */
int32_t json_string_resolve(const struct json_object *object, const struct json_member *member,
	uint8_t *out, uint32_t room);

/**
 * json_string() - a string member's value with its escapes resolved
 *
 * Inline not only for speed: jansson, which the control plane links, exports this name, too.
 * Return: bytes written to @out, -EINVAL if it is no string, -ENOSPC if @room is too small (what
 * @out holds is then undefined). value_length is always room enough.
 */
static inline int32_t json_string(const struct json_object *object,
	const struct json_member *member, uint8_t *out, uint32_t room)
{
	if (member->kind != JSON_STRING)
		return -EINVAL;
	if (member->value_escaped)
		return json_string_resolve(object, member, out, room);
	if (member->value_length > room)
		return -ENOSPC;
	memcpy(out, object->text + member->value, member->value_length);
	return (int32_t)member->value_length;
}

/** json_string_is() - is it a string equal to the @length bytes at @bytes once resolved? */
bool json_string_is(const struct json_object *object, const struct json_member *member,
	const void *bytes, uint32_t length);

/**
 * json_uint() - a JSON number: an integer 0..@max in plain digits (no sign, fraction, exponent)
 * Return: 0, or -EINVAL.
 */
int json_uint(const struct json_object *object, const struct json_member *member, uint64_t max,
	uint64_t *value);

/** json_decimal() - like json_uint(), but a string of plain digits without leading zeros is taken
 * too; @was_string (may be NULL) tells. */
int json_decimal(const struct json_object *object, const struct json_member *member, uint64_t max,
	uint64_t *value, bool *was_string);

/**
 * json_without() - copy the object's text without the first-level member @name
 *
 * Line breaks between tokens become spaces; all else, white space around the object too, stays as
 * it is. Without such a member the whole text is copied. @out has room for object->length bytes and
 * does not overlap the text. Return: bytes written.
 */
uint32_t json_without(const struct json_object *object, const char *name, uint8_t *out);
