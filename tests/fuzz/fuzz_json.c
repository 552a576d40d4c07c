/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* fuzz_json.c - the scan of one object, any bytes, against jansson (K12) */
/* first: it renames what both libraries call alike */
#include "../unit/json_beside_jansson.h"

#include "codec/json_text.h"
#include "codec/utf8.h"
#include "fuzz.h"

static unsigned depth_of(json_t *tree)
{
	unsigned deepest = 0, depth;
	const char *key;
	json_t *value;
	size_t index;

	json_object_foreach(tree, key, value)
	{
		depth = depth_of(value);
		deepest = depth > deepest ? depth : deepest;
	}
	json_array_foreach(tree, index, value)
	{
		depth = depth_of(value);
		deepest = depth > deepest ? depth : deepest;
	}
	return json_is_object(tree) || json_is_array(tree) ? deepest + 1 : 0;
}

static bool has_long_key(json_t *tree)
{
	const char *key;
	json_t *value;

	json_object_foreach(tree, key, value) if (strlen(key) > JSON_ESCAPED_KEY_MAX) return true;
	return false;
}

static bool first_level_twice(const char *text, size_t size)
{
	json_error_t error;
	json_t *tree = json_loadb(text, size, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);

	json_decref(tree);
	return !tree && json_error_code(&error) == json_error_duplicate_key;
}

/* A member's value: the same kind, and its extent is a text of its own with the same value. */
static void compare_value(
	const struct json_object *object, const struct json_member *member, json_t *value)
{
	static const uint8_t kinds[] = {[JSON_OBJECT] = SCAN_OBJECT,
		[JSON_ARRAY] = SCAN_ARRAY,
		[JSON_STRING] = SCAN_STRING,
		[JSON_INTEGER] = SCAN_NUMBER,
		[JSON_REAL] = SCAN_NUMBER,
		[JSON_TRUE] = SCAN_TRUE,
		[JSON_FALSE] = SCAN_FALSE,
		[JSON_NULL] = SCAN_NULL};
	unsigned quote = json_is_string(value);
	json_t *again = json_loadb((const char *)object->text + member->value - quote,
		member->value_length + 2 * quote, JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL);
	uint8_t *out;
	int32_t length;

	require(member->kind == kinds[json_typeof(value)], "kind %u", member->kind);
	require(again && json_equal(again, value), "a value's extent");
	json_decref(again);
	if (!quote)
		return;
	out = malloc(member->value_length ? member->value_length : 1);
	length = scan_string(object, member, out, member->value_length);
	require(length >= 0 && (size_t)length == json_string_length(value) &&
			!memcmp(out, json_string_value(value), (size_t)length),
		"a string resolved");
	free(out);
}

static void compare(const struct json_object *object, json_t *tree)
{
	const char *key;
	json_t *value;

	require(depth_of(tree) <= JSON_DEPTH_MAX, "depth");
	require(object->count == json_object_size(tree), "%u members", object->count);
	json_object_foreach(tree, key, value)
	{
		const struct json_member *member = json_find(object, key);

		require(member, "no member %s", key);
		compare_value(object, member, value);
	}
}

/* What is known to differ is listed in tests/unit/test_json_jansson.c. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct json_object object;
	json_error_t error;
	json_t *tree = json_loadb(text, size, JSON_ALLOW_NUL, &error);
	int ours = json_scan(&object, data, (uint32_t)size);

	if (ours == 0 && tree) {
		compare(&object, tree);
	} else if (ours == 0) {
		enum json_error_code code = json_error_code(&error);

		require(code == json_error_numeric_overflow || code == json_error_null_byte_in_key,
			"jansson refuses, we take: %s", error.text);
	} else if (tree) {
		require(memchr(text, '\0', size) || !json_is_object(tree) ||
				depth_of(tree) > JSON_DEPTH_MAX ||
				json_object_size(tree) > JSON_MEMBERS_MAX || has_long_key(tree) ||
				first_level_twice(text, size),
			"jansson takes, we refuse");
	}
	/* whatever is JSON passes the look that comes before the scan */
	if (ours == 0)
		require(utf8_is_text(data, (uint32_t)size, false) &&
				utf8_is_text(data, (uint32_t)size, true),
			"JSON that is no text");
	json_decref(tree);
	return 0;
}
