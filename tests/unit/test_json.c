/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_json.c - the strict scan: what it takes and what it refuses (K12) */
#include "json_fixture.h"

struct sample {
	const char *text;
	uint32_t length;
};

#define TEXT(s)                                                                                    \
	{                                                                                          \
		s, sizeof(s) - 1                                                                   \
	}

/* K12: taken. What RFC 8259 leaves open is decided here. */
static const struct sample taken[] = {
	TEXT("{}"),
	TEXT(" \t\r\n{ \t\r\n} \t\r\n"),
	TEXT("{\"\":0}"),
	TEXT("{\"a\":null,\"b\":true,\"c\":false,\"d\":\"\",\"e\":[],\"f\":{}}"),
	TEXT("{\"a\" : [ 1 , 2 , [ ] , { } , \"x\" ] , \"b\" : { \"c\" : { } } }"),
	/* numbers: any size, read into none */
	TEXT("{\"n\":0}"),
	TEXT("{\"n\":-0}"),
	TEXT("{\"n\":-0.0e-0}"),
	TEXT("{\"n\":1e400}"),
	TEXT("{\"n\":1e-400}"),
	TEXT("{\"n\":1E+2}"),
	TEXT("{\"n\":9007199254740993}"),
	TEXT("{\"n\":9223372036854775808}"),
	TEXT("{\"n\":123456789012345678901234567890.123456789012345678901234567890}"),
	TEXT("{\"n\":[-1,-12.5,0e1,0.5,10]}"),
	/* the same key below the first level, or on two levels */
	TEXT("{\"o\":{\"k\":1,\"k\":2}}"),
	TEXT("{\"k\":{\"k\":[{\"k\":1}]}}"),
	/* keys that only look the same */
	TEXT("{\"k\":1,\"K\":2,\"k \":3,\"\":4,\"kk\":5}"),
	TEXT("{\"\xc3\xa9\":1,\"e\xcc\x81\":2}"),
	TEXT("{\"a\\u0000\":1,\"a\":2}"),
	/* escapes */
	TEXT("{\"s\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\uabCD\"}"),
	TEXT("{\"s\":\"\\u0000\"}"),
	TEXT("{\"s\":\"\\uD83D\\uDE00\"}"),
	TEXT("{\"s\":\"\\uDBFF\\uDFFF\"}"),
	TEXT("{\"s\":\"\\uFFFF\\uFEFF\"}"),
	TEXT("{\"s\":\"\\\\u12\"}"),
	/* UTF-8: the first and last of each length, and what lies around the surrogates */
	TEXT("{\"s\":\"\x7f\"}"),
	TEXT("{\"s\":\"\xc2\x80\xdf\xbf\"}"),
	TEXT("{\"s\":\"\xe0\xa0\x80\xef\xbf\xbf\"}"),
	TEXT("{\"s\":\"\xed\x9f\xbf\xee\x80\x80\"}"),
	TEXT("{\"s\":\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"}"),
	TEXT("{\"\xe6\xb8\xa9\xe5\xba\xa6\":\"\xe4\xba\x8c\xe5\x8d\x81\xe4\xb8\x89\xe5\xba\xa6\"}"),
	/* a byte order mark inside a string is a character */
	TEXT("{\"s\":\"\xef\xbb\xbf\"}"),
	/* JavaScript's line ends */
	TEXT("{\"s\":\"\xe2\x80\xa8\xe2\x80\xa9\"}"),
	/* long enough for several vectors, the quote at places around their borders */
	TEXT("{\"s\":\"0123456789012345678901234\"}"),
	TEXT("{\"s\":\"01234567890123456789012345678901234567890123456789012345678901234567\"}"),
};

/* K12: refused. */
static const struct sample refused[] = {
	/* no object, or not just one */
	TEXT(""),
	TEXT(" "),
	TEXT("\0"),
	TEXT("[]"),
	TEXT("[{}]"),
	TEXT("\"a\""),
	TEXT("1"),
	TEXT("null"),
	TEXT("true"),
	TEXT("{}{}"),
	TEXT("{},"),
	TEXT("{}]"),
	TEXT("{}}"),
	TEXT("{} x"),
	TEXT("{}\0"),
	TEXT("{}\0{}"),
	TEXT("{\"a\":1}\"b\""),
	TEXT("{\"a\":1}#"),
	TEXT("\xef\xbb\xbf{}"),
	TEXT("{}\xef\xbb\xbf"),
	TEXT("\xfe\xff\0{\0}"),
	TEXT("{\0}\0"),
	/* other white space, comments */
	TEXT("\x0b{}"),
	TEXT("\x0c{}"),
	TEXT("\xc2\xa0{}"),
	TEXT("{\xe2\x81\xa0}"),
	TEXT("{\"a\":/**/1}"),
	TEXT("{\"a\":1}//"),
	/* members */
	TEXT("{"),
	TEXT("}"),
	TEXT("{]"),
	TEXT("{,}"),
	TEXT("{\"a\"}"),
	TEXT("{\"a\":}"),
	TEXT("{\"a\":,}"),
	TEXT("{\"a\" 1}"),
	TEXT("{\"a\",1}"),
	TEXT("{\"a\"::1}"),
	TEXT("{:1}"),
	TEXT("{1:1}"),
	TEXT("{a:1}"),
	TEXT("{'a':1}"),
	TEXT("{null:1}"),
	TEXT("{[]:1}"),
	TEXT("{\"a\":1,}"),
	TEXT("{\"a\":1,,\"b\":2}"),
	TEXT("{,\"a\":1}"),
	TEXT("{\"a\":1 \"b\":2}"),
	TEXT("{\"a\":1;\"b\":2}"),
	TEXT("{\"a\":1:2}"),
	TEXT("{\"a\":1 2}"),
	TEXT("{\"a\":\"b\"\"c\"}"),
	TEXT("{\"a\":1]"),
	TEXT("{\"a\":{}"),
	TEXT("{\"a\":{]}"),
	TEXT("{\"a\":[}]}"),
	/* arrays */
	TEXT("{\"a\":[}"),
	TEXT("{\"a\":[1,]}"),
	TEXT("{\"a\":[,1]}"),
	TEXT("{\"a\":[,]}"),
	TEXT("{\"a\":[1,,2]}"),
	TEXT("{\"a\":[1 2]}"),
	TEXT("{\"a\":[1}"),
	TEXT("{\"a\":[\"b\":1]}"),
	TEXT("{\"a\":[1:2]}"),
	TEXT("{\"a\":[[]}"),
	TEXT("{\"a\":[]]}"),
	/* numbers */
	TEXT("{\"n\":+1}"),
	TEXT("{\"n\":-}"),
	TEXT("{\"n\":--1}"),
	TEXT("{\"n\":- 1}"),
	TEXT("{\"n\":00}"),
	TEXT("{\"n\":01}"),
	TEXT("{\"n\":-01}"),
	TEXT("{\"n\":.5}"),
	TEXT("{\"n\":-.5}"),
	TEXT("{\"n\":1.}"),
	TEXT("{\"n\":1.e1}"),
	TEXT("{\"n\":1.2.3}"),
	TEXT("{\"n\":1e}"),
	TEXT("{\"n\":1e+}"),
	TEXT("{\"n\":1e-}"),
	TEXT("{\"n\":1e1.5}"),
	TEXT("{\"n\":1e1e1}"),
	TEXT("{\"n\":1ee1}"),
	TEXT("{\"n\":e1}"),
	TEXT("{\"n\":0x1F}"),
	TEXT("{\"n\":1_000}"),
	TEXT("{\"n\":1a}"),
	TEXT("{\"n\":0\0}"),
	TEXT("{\"n\":[0\0,1]}"),
	TEXT("{\"n\":1-2}"),
	TEXT("{\"n\":NaN}"),
	TEXT("{\"n\":nan}"),
	TEXT("{\"n\":Infinity}"),
	TEXT("{\"n\":-Infinity}"),
	TEXT("{\"n\":\xef\xbc\x91}"),
	/* words */
	TEXT("{\"w\":True}"),
	TEXT("{\"w\":tru}"),
	TEXT("{\"w\":truee}"),
	TEXT("{\"w\":true1}"),
	TEXT("{\"w\":nul}"),
	TEXT("{\"w\":nulll}"),
	TEXT("{\"w\":fals}"),
	TEXT("{\"w\":undefined}"),
	TEXT("{\"w\":t}"),
	TEXT("{\"w\":n"),
	/* strings */
	TEXT("{\"s\":\"}"),
	TEXT("{\"s\":\"\\\"}"),
	TEXT("{\"s\":'a'}"),
	TEXT("{\"s\":a}"),
	TEXT("{\"s\":\"a\nb\"}"),
	TEXT("{\"s\":\"a\rb\"}"),
	TEXT("{\"s\":\"a\tb\"}"),
	TEXT("{\"s\":\"a\0b\"}"),
	TEXT("{\"s\":\"\x1f\"}"),
	TEXT("{\"s\n\":1}"),
	TEXT("{\"s\":\"\\\n\"}"),
	TEXT("{\"s\":\"\\a\"}"),
	TEXT("{\"s\":\"\\v\"}"),
	TEXT("{\"s\":\"\\0\"}"),
	TEXT("{\"s\":\"\\x41\"}"),
	TEXT("{\"s\":\"\\'\"}"),
	TEXT("{\"s\":\"\\U0041\"}"),
	TEXT("{\"s\":\"\\ \"}"),
	TEXT("{\"s\":\"\\\xc3\xa9\"}"),
	TEXT("{\"s\":\"\\u\"}"),
	TEXT("{\"s\":\"\\u004\"}"),
	TEXT("{\"s\":\"\\u004g\"}"),
	TEXT("{\"s\":\"\\u00G1\"}"),
	TEXT("{\"s\":\"\\u+041\"}"),
	TEXT("{\"s\":\"\\u-041\"}"),
	TEXT("{\"s\":\"\\u 041\"}"),
	TEXT("{\"s\":\"\\u00\0001\"}"),
	TEXT("{\"s\":\"\\u@041\"}"),
	TEXT("{\"s\":\"\\u`041\"}"),
	TEXT("{\"s\":\"\\u\x10\x11\x12\x13\"}"),
	/* halves of surrogate pairs */
	TEXT("{\"s\":\"\\uD800\"}"),
	TEXT("{\"s\":\"\\uDC00\"}"),
	TEXT("{\"s\":\"\\uDFFF\"}"),
	TEXT("{\"s\":\"\\uDBFFx\"}"),
	TEXT("{\"s\":\"\\uD800\\n\"}"),
	TEXT("{\"s\":\"\\uD800\\u0041\"}"),
	TEXT("{\"s\":\"\\uD800\\uD800\"}"),
	TEXT("{\"s\":\"\\uD800\\uE000\"}"),
	TEXT("{\"s\":\"\\uD800\\uDC0\"}"),
	TEXT("{\"s\":\"\\uD800\\xDC00\"}"),
	TEXT("{\"s\":\"\\uD800uDC00\"}"),
	TEXT("{\"s\":\"\\uDC00\\uD800\"}"),
	TEXT("{\"\\uD800\":1}"),
	/* UTF-8: overlong, surrogates, too large, cut off, stray */
	TEXT("{\"s\":\"\xc0\xaf\"}"),
	TEXT("{\"s\":\"\xc0\x80\"}"),
	TEXT("{\"s\":\"\xc1\xbf\"}"),
	TEXT("{\"s\":\"\xe0\x80\x80\"}"),
	TEXT("{\"s\":\"\xe0\x9f\xbf\"}"),
	TEXT("{\"s\":\"\xf0\x80\x80\x80\"}"),
	TEXT("{\"s\":\"\xf0\x8f\xbf\xbf\"}"),
	TEXT("{\"s\":\"\xed\xa0\x80\"}"),
	TEXT("{\"s\":\"\xed\xbf\xbf\"}"),
	TEXT("{\"s\":\"\xed\xa0\xbd\xed\xb8\x80\"}"),
	TEXT("{\"s\":\"\xf4\x90\x80\x80\"}"),
	TEXT("{\"s\":\"\xf5\x80\x80\x80\"}"),
	TEXT("{\"s\":\"\xf8\x88\x80\x80\x80\"}"),
	TEXT("{\"s\":\"\xfc\x84\x80\x80\x80\x80\"}"),
	TEXT("{\"s\":\"\x80\"}"),
	TEXT("{\"s\":\"\xbf\"}"),
	TEXT("{\"s\":\"\xc3\"}"),
	TEXT("{\"s\":\"\xc3\xc3\xa9\"}"),
	TEXT("{\"s\":\"\xe6\xb8\"}"),
	TEXT("{\"s\":\"\xe6\"}"),
	TEXT("{\"s\":\"\xe6\xb8\xc3\xa9\"}"),
	TEXT("{\"s\":\"\xf0\x9f\x98\"}"),
	TEXT("{\"s\":\"\xf0\x9f\"}"),
	TEXT("{\"s\":\"\xf0\"}"),
	TEXT("{\"s\":\"\xc3\xa9\xa9\"}"),
	TEXT("{\"s\":\"\xfe\"}"),
	TEXT("{\"s\":\"\xff\"}"),
	TEXT("{\"s\":\"\xe9\"}"),
	TEXT("{\"\xe9\":1}"),
	TEXT("{\"o\":{\"\xc3\":[\"\xff\"]}}"),
	TEXT("{\"s\":\"\xc3\xa9\x01\"}"),
	/* equal keys, however they are written */
	TEXT("{\"k\":1,\"k\":1}"),
	TEXT("{\"k\":1,\"a\":2,\"k\":{}}"),
	TEXT("{\"\":1,\"\":2}"),
	TEXT("{\"k\":1,\"\\u006b\":2}"),
	TEXT("{\"\\u006B\":1,\"k\":2}"),
	TEXT("{\"\\u006b\":1,\"\\u006B\":2}"),
	TEXT("{\"a/b\":1,\"a\\/b\":2}"),
	TEXT("{\"a\\/b\":1,\"a\\u002fb\":2}"),
	TEXT("{\"\xc3\xa9\":1,\"\\u00e9\":2}"),
	TEXT("{\"\xf0\x9f\x98\x80\":1,\"\\ud83d\\uDE00\":2}"),
	TEXT("{\"\\u0000\":1,\"\\u0000\":2}"),
	TEXT("{\"sequence\":\"1\",\"deviceId\":\"x\",\"sequenc\\u0065\":\"2\"}"),
};

static void test_K12_taken(void **state)
{
	for (unsigned i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
		if (scan_exact(taken[i].text, taken[i].length) != 0)
			fail_msg("refused: %s", taken[i].text);
	}
}

static void test_K12_refused(void **state)
{
	for (unsigned i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		if (scan_exact(refused[i].text, refused[i].length) != -EINVAL)
			fail_msg("taken: %s", refused[i].text);
	}
}

static void test_K12_every_prefix_is_refused(void **state)
{
	for (unsigned i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
		uint32_t end = taken[i].length;

		while (taken[i].text[end - 1] != '}')
			end--;
		for (uint32_t length = 0; length < end; length++) {
			if (scan_exact(taken[i].text, length) != -EINVAL)
				fail_msg("taken: %u bytes of %s", length, taken[i].text);
		}
	}
}

/* Wherever a bad byte lies among plain ones, the vectors see it; good ones they pass. */
static void test_every_place_in_a_string(void **state)
{
	static const char bad[] = {'\0', '\n', '\x1f', '\x80', '\xff'};
	char text[140];

	for (uint32_t length = 8; length < sizeof(text); length++) {
		memset(text, 'x', length);
		memcpy(text, "{\"s\":\"", 6);
		memcpy(text + length - 2, "\"}", 2);
		assert_int_equal(scan_exact(text, length), 0);
		for (uint32_t place = 6; place < length - 2; place++) {
			for (unsigned i = 0; i < sizeof(bad); i++) {
				text[place] = bad[i];
				assert_int_equal(scan_exact(text, length), -EINVAL);
			}
			text[place] = '"';
			assert_int_equal(scan_exact(text, length), -EINVAL);
			text[place] = '\x7f';
			assert_int_equal(scan_exact(text, length), 0);
			text[place] = 'x';
		}
	}
}

/* The object itself counts: 16 levels are taken, 17 and 100,000 are not, closed or not. */
static void test_K12_depth(void **state)
{
	static const uint32_t depths[] = {1, 15, 16, 17, 33, 100000};

	for (unsigned i = 0; i < sizeof(depths) / sizeof(depths[0]); i++) {
		uint32_t depth = depths[i], at = 0;
		char *text = malloc(depth * 6 + 16);

		assert_non_null(text);
		/* objects in objects */
		for (uint32_t level = 1; level < depth; level++, at += 5)
			memcpy(text + at, "{\"k\":", 5);
		memcpy(text + at, "{}", 2);
		memset(text + at + 2, '}', depth - 1);
		assert_int_equal(scan_exact(text, at + 1 + depth), depth <= 16 ? 0 : -EINVAL);
		/* arrays in an object */
		memcpy(text, "{\"k\":", 5);
		memset(text + 5, '[', depth - 1);
		memset(text + 4 + depth, ']', depth - 1);
		text[3 + 2 * depth] = '}';
		if (depth > 1)
			assert_int_equal(
				scan_exact(text, 4 + 2 * depth), depth <= 16 ? 0 : -EINVAL);
		assert_int_equal(scan_exact(text, 4 + depth), -EINVAL);
		free(text);
	}
}

/* Depth is given back: many containers side by side are none too deep. */
static void test_depth_returns(void **state)
{
	char text[20 + 2000 * 8];
	uint32_t at = 6;

	memcpy(text, "{\"k\":[", 6);
	for (unsigned i = 0; i < 2000; i++, at += 8)
		memcpy(text + at, "[[{}]], ", 8);
	memcpy(text + at, "1]}", 3);
	assert_int_equal(scan_exact(text, at + 3), 0);
}

static uint32_t many_keys(char *text, unsigned count)
{
	uint32_t at = 1;

	text[0] = '{';
	for (unsigned i = 0; i < count; i++)
		at += (uint32_t)sprintf(text + at, "%s\"key%u\":%u", i ? "," : "", i, i);
	text[at] = '}';
	return at + 1;
}

/* 64 members are taken and all found; one more, or 10^5, are refused at the 65th. */
static void test_K12_many_keys(void **state)
{
	char *text = malloc(100000 * 20);
	struct json_object object;
	uint32_t length;

	assert_non_null(text);
	length = many_keys(text, JSON_MEMBERS_MAX);
	assert_int_equal(json_scan(&object, (uint8_t *)text, length), 0);
	assert_int_equal(object.count, JSON_MEMBERS_MAX);
	for (unsigned i = 0; i < JSON_MEMBERS_MAX; i++) {
		const struct json_member *member;
		uint64_t value;
		char name[16];

		sprintf(name, "key%u", i);
		member = json_find(&object, name);
		assert_non_null(member);
		assert_int_equal(json_uint(&object, member, UINT64_MAX, &value), 0);
		assert_int_equal(value, i);
	}
	assert_null(json_find(&object, "key64"));
	assert_int_equal(scan_exact(text, many_keys(text, JSON_MEMBERS_MAX + 1)), -EINVAL);
	assert_int_equal(scan_exact(text, many_keys(text, 100000)), -EINVAL);
	/* below the first level their number does not matter */
	memcpy(text, "{\"o\":", 5);
	length = 5 + many_keys(text + 5, 100000);
	text[length] = '}';
	assert_int_equal(scan_exact(text, length + 1), 0);
	free(text);
}

/* A duplicate is found at every pair of places, for keys of every length up to 40, the last
 * character only telling the others apart. */
static void test_K12_duplicates_everywhere(void **state)
{
	char text[64 * 64];

	for (unsigned length = 1; length <= 40; length++) {
		for (unsigned count = 2; count <= JSON_MEMBERS_MAX; count += 31) {
			for (unsigned twin = 0; twin < count; twin++) {
				uint32_t at = 0;

				for (unsigned i = 0; i < count; i++) {
					text[at] = i ? ',' : '{';
					text[at + 1] = '"';
					memset(text + at + 2, 'k', length);
					/* 64 different ones: '@' to DEL without the backslash */
					text[at + 1 + length] =
						(char)('@' + (i == count - 1 ? twin : i));
					if (text[at + 1 + length] == '\\')
						text[at + 1 + length] = '0';
					memcpy(text + at + 2 + length, "\":1", 3);
					at += length + 5;
				}
				text[at] = '}';
				assert_int_equal(
					scan_exact(text, at + 1), twin == count - 1 ? 0 : -EINVAL);
			}
		}
	}
}

/* An escaped key is taken up to 64 resolved bytes. */
static void test_long_escaped_keys(void **state)
{
	char text[100];

	for (unsigned resolved = 60; resolved < 70; resolved++) {
		memset(text, 'k', sizeof(text));
		memcpy(text, "{\"\\/", 4);
		memcpy(text + 3 + resolved, "\":1}", 4);
		assert_int_equal(scan_exact(text, resolved + 7), resolved <= 64 ? 0 : -EINVAL);
		/* unescaped, any length */
		memcpy(text, "{\"kk", 4);
		assert_int_equal(scan_exact(text, resolved + 7), 0);
	}
}

/* Tokens are checked by 64, and a number's end then lies where nobody has looked. */
static void test_behind_a_number_stands_no_ascii(void **state)
{
	char text[512];
	size_t length;

	for (unsigned spaces = 0; spaces < 64; spaces++) {
		length = (size_t)snprintf(text, sizeof(text), "{%*s", (int)spaces, "");
		for (unsigned i = 0; i < 40; i++)
			length += (size_t)snprintf(text + length, sizeof(text) - length,
				"\"%c%u\":%u%c", 'a' + i % 26, i, i, i == 39 ? '}' : ',');
		assert_int_equal(scan_exact(text, length), 0);
		for (size_t at = 64; at < length; at += 64) {
			const char kept = text[at];

			text[at] = '\xad'; /* it begins no character of UTF-8, either */
			assert_int_equal(scan_exact(text, length), -EINVAL);
			text[at] = kept;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_K12_taken),
		cmocka_unit_test(test_K12_refused),
		cmocka_unit_test(test_K12_every_prefix_is_refused),
		cmocka_unit_test(test_every_place_in_a_string),
		cmocka_unit_test(test_K12_depth),
		cmocka_unit_test(test_depth_returns),
		cmocka_unit_test(test_K12_many_keys),
		cmocka_unit_test(test_K12_duplicates_everywhere),
		cmocka_unit_test(test_long_escaped_keys),
		cmocka_unit_test(test_behind_a_number_stands_no_ascii),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
