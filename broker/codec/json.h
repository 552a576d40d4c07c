/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* json.h - strict, iterative JSON scan of one object (RFC 8259): first-level members, no tree */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/** First-level members that a scan can return; an object with more is refused. */
#define JSON_MEMBERS_MAX 64
/** Deepest nesting accepted, the object itself counted. */
#define JSON_DEPTH_MAX 16

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
 */
struct json_object {
	const uint8_t *text;
	uint32_t length;
	unsigned count;
	struct json_member members[JSON_MEMBERS_MAX];
};

/**
 * json_scan() - check that @text is exactly one JSON object and list its first-level members
 *
 * Checked everywhere: grammar, UTF-8 (no overlong forms, no surrogates, no BOM), escapes (a lone
 * \u surrogate is refused), depth. Checked on the first level: no two keys that are the same once
 * their escapes are resolved. White space may stand around the object.
 * Return: 0, or -EINVAL. @object refers to @text; time is linear in @length.
 */
int json_scan(struct json_object *object, const uint8_t *text, uint32_t length);

/** json_find() - the member of that name (resolved), or NULL. */
const struct json_member *json_find(const struct json_object *object, const char *name);

/**
 * json_string() - a string member's value with its escapes resolved
 * Return: bytes written to @out, -EINVAL if it is no string, -ENOSPC if @room is too small.
 */
int32_t json_string(const struct json_object *object, const struct json_member *member,
	uint8_t *out, uint32_t room);

/** json_string_is() - is it a string equal to the @length bytes at @bytes once resolved? */
bool json_string_is(const struct json_object *object, const struct json_member *member,
	const void *bytes, uint32_t length);

/**
 * json_uint() - a JSON number that is an integer 0..@max in plain digits (no sign, fraction, exponent)
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
 * Line breaks between tokens become spaces. Return: bytes written (at most object->length).
 */
uint32_t json_without(const struct json_object *object, const char *name, uint8_t *out);
