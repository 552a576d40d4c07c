/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_json_jansson.c - the strict scan against jansson, over mutated texts (K12) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "json_beside_jansson.h"

enum { TEXT_MAX = 1024, ROUNDS = 60000 };

static uint64_t seed = 0x452821e638d01377;

static uint64_t next(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static int scan_exact(struct json_object *object, uint8_t **copy, const char *text, uint32_t length)
{
	*copy = malloc(length ? length : 1);
	assert_non_null(*copy);
	memcpy(*copy, text, length);
	return json_scan(object, *copy, length);
}

static unsigned tree_depth(json_t *tree)
{
	unsigned deepest = 0;

	if (json_is_object(tree)) {
		const char *key;
		json_t *value;

		json_object_foreach(tree, key, value)
		{
			unsigned depth = tree_depth(value);

			deepest = depth > deepest ? depth : deepest;
		}
		return deepest + 1;
	}
	if (json_is_array(tree)) {
		json_t *value;
		size_t index;

		json_array_foreach(tree, index, value)
		{
			unsigned depth = tree_depth(value);

			deepest = depth > deepest ? depth : deepest;
		}
		return deepest + 1;
	}
	return 0;
}

static bool has_duplicate(const char *text, uint32_t length)
{
	json_error_t error;
	json_t *tree = json_loadb(text, length, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);

	json_decref(tree);
	return !tree && json_error_code(&error) == json_error_duplicate_key;
}

/* Does the first level hold a key that is too long to be written with escapes? */
static bool has_long_key(json_t *tree)
{
	const char *key;
	json_t *value;

	json_object_foreach(tree, key, value)
	{
		if (strlen(key) > JSON_ESCAPED_KEY_MAX)
			return true;
	}
	return false;
}

static void compare_value(
	const struct json_object *object, const struct json_member *member, json_t *value)
{
	static uint8_t out[TEXT_MAX];
	const char *raw = (const char *)object->text + member->value;
	uint64_t number;
	json_t *again;
	int32_t length;

	switch (json_typeof(value)) {
	case JSON_OBJECT:
	case JSON_ARRAY:
		assert_int_equal(member->kind, json_is_object(value) ? SCAN_OBJECT : SCAN_ARRAY);
		/* its extent is a text of its own, of the same value */
		again = json_loadb(raw, member->value_length, JSON_ALLOW_NUL, NULL);
		assert_true(json_equal(again, value));
		json_decref(again);
		break;
	case JSON_STRING:
		assert_int_equal(member->kind, SCAN_STRING);
		length = scan_string(object, member, out, sizeof(out));
		assert_int_equal(length, json_string_length(value));
		assert_memory_equal(out, json_string_value(value), (size_t)length);
		assert_true(json_string_is(
			object, member, json_string_value(value), json_string_length(value)));
		break;
	case JSON_INTEGER:
		assert_int_equal(member->kind, SCAN_NUMBER);
		/* jansson loses the sign of -0 */
		if (json_integer_value(value) >= 0 && raw[0] != '-') {
			assert_int_equal(json_uint(object, member, UINT64_MAX, &number), 0);
			assert_true(number == (uint64_t)json_integer_value(value));
		} else {
			assert_int_not_equal(json_uint(object, member, UINT64_MAX, &number), 0);
		}
		break;
	case JSON_REAL:
		assert_int_equal(member->kind, SCAN_NUMBER);
		assert_int_not_equal(json_uint(object, member, UINT64_MAX, &number), 0);
		break;
	case JSON_TRUE:
		assert_int_equal(member->kind, SCAN_TRUE);
		break;
	case JSON_FALSE:
		assert_int_equal(member->kind, SCAN_FALSE);
		break;
	case JSON_NULL:
		assert_int_equal(member->kind, SCAN_NULL);
		break;
	}
}

/* json_without() for each member: still JSON, that member gone, the others as they were. */
static void compare_without(const struct json_object *object, json_t *tree)
{
	static uint8_t out[TEXT_MAX];
	const char *key;
	json_t *value;

	json_object_foreach(tree, key, value)
	{
		uint32_t length = json_without(object, key, out);
		json_t *rest = json_loadb((const char *)out, length, JSON_ALLOW_NUL, NULL);
		json_t *expected = json_copy(tree);

		assert_null(memchr(out, '\n', length));
		assert_null(memchr(out, '\r', length));
		json_object_del(expected, key);
		assert_true(json_equal(rest, expected));
		json_decref(rest);
		json_decref(expected);
	}
}

static void compare_members(const struct json_object *object, json_t *tree)
{
	const char *key;
	json_t *value;

	assert_int_equal(object->count, json_object_size(tree));
	json_object_foreach(tree, key, value)
	{
		const struct json_member *member = json_find(object, key);

		assert_non_null(member);
		compare_value(object, member, value);
	}
}

/*
 * The known differences:
 * - jansson reads numbers and refuses what does not fit (1e400, 2^63); we only check their grammar;
 * - jansson has no keys with a NUL character; we have. It overlooks a raw NUL behind a number;
 * - jansson takes an array on the outside, 2048 levels and any number of members; we do not;
 * - equal keys: jansson takes the last or, asked to, refuses them on every level; we refuse them on
 *   the first level. Escaped keys beyond 64 bytes we refuse.
 * Return: 1 both took it, 0 both refused it, -1 they differ as known.
 */
static int judge(const char *text, uint32_t length)
{
	struct json_object object;
	json_error_t error;
	json_t *tree = json_loadb(text, length, JSON_ALLOW_NUL, &error);
	uint8_t *copy;
	int ours = scan_exact(&object, &copy, text, length), verdict = 0;

	if (ours == 0 && tree) {
		assert_true(tree_depth(tree) <= JSON_DEPTH_MAX);
		assert_true(json_object_size(tree) <= JSON_MEMBERS_MAX);
		compare_members(&object, tree);
		compare_without(&object, tree);
		verdict = 1;
	} else if (ours == 0) {
		enum json_error_code code = json_error_code(&error);

		verdict = -1;
		if (code != json_error_numeric_overflow && code != json_error_null_byte_in_key)
			fail_msg("jansson refuses, we take: %s: %.*s", error.text, (int)length,
				text);
	} else if (tree) {
		verdict = -1;
		if (!memchr(text, '\0', length) && json_is_object(tree) &&
			tree_depth(tree) <= JSON_DEPTH_MAX &&
			json_object_size(tree) <= JSON_MEMBERS_MAX && !has_long_key(tree) &&
			!has_duplicate(text, length))
			fail_msg("jansson takes, we refuse: %.*s", (int)length, text);
	}
	json_decref(tree);
	free(copy);
	return verdict;
}

static const char *const corpus[] = {
	"{\"sequence\":\"12346\",\"deviceId\":\"000000000000000000000001\",\"time\":1700000000,"
	"\"statusSerials\":[{\"serialId\":\"0\",\"status\":[{\"name\":\"SWITCH\","
	"\"curStatusValue\":"
	"\"1\"},{\"name\":\"POWER\",\"curStatusValue\":120.5}]}]}",
	"{\"code\":2006,\"token\":\"abcdefghijklmnop\",\"data\":\"q83vASNF\\/"
	"ze+q83vASNFZ4mrze8BI0Vn\"}",
	"{ \"a\" : [ true , false , null , -0.5e+3 , 0 , [ ] , { } ] ,\r\n\t\"b\" : { \"c\" : [ { "
	"} ] } }",
	"{\"\xe6\xb8\xa9\xe5\xba\xa6\":\"\xe4\xba\x8c\xe5\x8d\x81\xf0\x9f\x98\x80\","
	"\"\\u6e29\\ud83d\\ude00\":\"\\u0000\\\"\\\\\\/\\b\\f\\n\\r\\t\xc3\xa9\"}",
	"{\"k\":9223372036854775807,\"l\":-9223372036854775808,\"m\":1e308,\"n\":1e-300,\"k2\":{"
	"\"k\":1}}",
	"{\"o\":[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]],\"p\":{\"a\":{\"b\":{\"c\":{\"d\":\"e\"}}}}}",
	"{}",
};

/* Pieces that grammar, depth and encoding turn on. */
static const char *const pieces[] = {"\"", "\\", "{", "}", "[", "]", ",", ":", " ", "\n", "\r",
	"\t", "0", "1", "-", "+", ".", "e", "E", "9999999999", "e999", "true", "false", "null",
	"\\u", "\\ud83d", "\\ude00", "\\u0000", "\\u006b", "\\n", "\\/", "\xc3\xa9", "\xe6\xb8\xa9",
	"\xf0\x9f\x98\x80", "\xed\xa0\x80", "\xc0\x80", "\xef\xbb\xbf", "\x7f", "\x1f", "\x80",
	"\xff", "\"k\":1,", "\"a\":{},", ",\"b\":\"\"", "[[", "]]", "{\"x\":", "//", "'"};

static uint32_t mutate(char *text, uint32_t length)
{
	for (uint64_t changes = next() % 4; changes > 0; changes--) {
		uint32_t at = length ? (uint32_t)(next() % (length + 1)) : 0, n;
		const char *piece;

		switch (next() % 5) {
		case 0: /* one byte becomes any other */
			if (at < length)
				text[at] = (char)next();
			break;
		case 1: /* some bytes go */
			n = (uint32_t)(next() % 8);
			if (n > length - at)
				n = length - at;
			memmove(text + at, text + at + n, length - at - n);
			length -= n;
			break;
		case 2: /* a stretch is doubled */
			n = (uint32_t)(next() % 40);
			if (n > length - at || length + n > TEXT_MAX)
				break;
			memmove(text + at + n, text + at, length - at);
			length += n;
			break;
		default: /* a piece comes in */
			piece = pieces[next() % (sizeof(pieces) / sizeof(pieces[0]))];
			n = (uint32_t)strlen(piece);
			if (length + n > TEXT_MAX)
				break;
			memmove(text + at + n, text + at, length - at);
			memcpy(text + at, piece, n);
			length += n;
			break;
		}
	}
	return length;
}

static void test_K12_mutations(void **state)
{
	unsigned verdicts[3] = {0};
	char text[TEXT_MAX];

	for (unsigned round = 0; round < ROUNDS; round++) {
		const char *source = corpus[next() % (sizeof(corpus) / sizeof(corpus[0]))];
		uint32_t length = (uint32_t)strlen(source);

		memcpy(text, source, length);
		verdicts[judge(text, mutate(text, length)) + 1]++;
	}
	print_message("differ as known %u, both refuse %u, both take %u\n", verdicts[0],
		verdicts[1], verdicts[2]);
	/* the mutations reach all three */
	assert_in_range(verdicts[0], 100, ROUNDS);
	assert_in_range(verdicts[1], ROUNDS / 4, ROUNDS);
	assert_in_range(verdicts[2], ROUNDS / 4, ROUNDS);
}

/* Texts put together from pieces alone: short, dense grammar. */
static void test_K12_pieces(void **state)
{
	char text[TEXT_MAX];

	for (unsigned round = 0; round < 2 * ROUNDS; round++) {
		uint32_t length = 1;

		text[0] = '{';
		for (uint64_t count = next() % 9; count > 0; count--) {
			const char *piece = pieces[next() % (sizeof(pieces) / sizeof(pieces[0]))];

			memcpy(text + length, piece, strlen(piece));
			length += (uint32_t)strlen(piece);
		}
		text[length++] = '}';
		judge(text, length);
	}
}

/* Every sequence of two bytes, and of three and four from the edges. */
static void test_K12_utf8(void **state)
{
	static const uint8_t edges[] = {0x00, 0x22, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf,
		0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4,
		0xf5, 0xf7, 0xf8, 0xff};
	const unsigned n = sizeof(edges);
	char text[16];

	memcpy(text, "{\"s\":\"", 6);
	for (uint32_t round = 0; round < 0x10000 + n * n * n * n; round++) {
		uint32_t pick = round - 0x10000, length = 4;

		if (round < 0x10000) {
			text[6] = (char)(round >> 8);
			text[7] = (char)round;
			length = 2;
		} else {
			for (unsigned i = 0; i < 4; i++, pick /= n)
				text[6 + i] = (char)edges[pick % n];
			/* most leads of no long sequence are covered above */
			if ((uint8_t)text[6] < 0xe0 && round % 16 != 0)
				continue;
		}
		memcpy(text + 6 + length, "\"}", 2);
		judge(text, length + 8);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_K12_mutations),
		cmocka_unit_test(test_K12_pieces),
		cmocka_unit_test(test_K12_utf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
