/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_utf8.c - text or not, against RFC 3629's table read byte by byte (K12) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "codec/utf8.h"

/* RFC 3629 section 4: lead, range of the second byte, length. */
static const struct {
	uint8_t first, last, from, to, length;
} forms[] = {{0x20, 0x7f, 0, 0, 1}, {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
	{0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
	{0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
	{'\t', '\n', 0, 0, 1}, {'\r', '\r', 0, 0, 1}};

static unsigned form_length(const uint8_t *at, size_t left)
{
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (*at < forms[i].first || *at > forms[i].last)
			continue;
		if (left < forms[i].length)
			return 0;
		if (forms[i].length > 1 && (at[1] < forms[i].from || at[1] > forms[i].to))
			return 0;
		for (unsigned n = 2; n < forms[i].length; n++)
			if (at[n] < 0x80 || at[n] > 0xbf)
				return 0;
		return forms[i].length;
	}
	return 0;
}

static bool oracle(const uint8_t *text, size_t length)
{
	for (size_t at = 0; at < length;) {
		unsigned n = form_length(text + at, length - at);

		if (!n)
			return false;
		at += n;
	}
	return true;
}

/* On the heap and of that length exactly: a sanitizer sees a read past its ends. */
static void compare(const uint8_t *text, uint32_t length)
{
	uint8_t *copy = malloc(length ? length : 1);
	bool expected = oracle(text, length);

	memcpy(copy, text, length);
	assert_int_equal(utf8_is_text(copy, length, false), expected);
	assert_int_equal(utf8_is_text(copy, length, true), expected);
	free(copy);
}

/* Every two bytes, at every place around the ends of 32. */
static void test_K12_every_pair(void **state)
{
	uint8_t text[70];

	for (uint32_t pair = 0; pair < 0x10000; pair++) {
		uint32_t at = pair % 66, length = at + 2 + pair % 3;

		memset(text, 'a', sizeof(text));
		text[at] = (uint8_t)(pair >> 8);
		text[at + 1] = (uint8_t)pair;
		compare(text, length);
		compare(text + at, 2);
	}
}

/* Sequences of three and four from the edges of the table, whole and cut, over the ends of 32. */
static void test_K12_every_edge(void **state)
{
	static const uint8_t edges[] = {0x00, 0x09, 0x1f, 0x20, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0,
		0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3,
		0xf4, 0xf5, 0xff};
	const uint32_t n = sizeof(edges);
	uint8_t text[70];

	for (uint32_t pick = 0; pick < n * n * n * n; pick++) {
		uint32_t rest = pick, at = 26 + pick % 12;

		memset(text, 'a', sizeof(text));
		for (unsigned i = 0; i < 4; i++, rest /= n)
			text[at + i] = edges[rest % n];
		compare(text, at + 1 + pick % 5);
		compare(text, at + 10);
	}
}

/* Good text of every length, then one byte of it wrong. */
static void test_K12_long_texts(void **state)
{
	static const char *const parts[] = {"a", "\xc3\xa9", "\xe6\xb8\xa9", "\xf0\x9f\x98\x80",
		"\n", "\xed\x9f\xbf", "\xef\xbf\xbf", "\xf4\x8f\xbf\xbf"};
	uint8_t text[600];
	uint32_t seed = 1;

	for (unsigned round = 0; round < 60000; round++) {
		uint32_t length = 0, wanted = round % 500;

		while (length < wanted) {
			const char *part;

			seed = seed * 1664525 + 1013904223;
			part = parts[seed >> 29];
			memcpy(text + length, part, strlen(part));
			length += strlen(part);
		}
		assert_true(oracle(text, length));
		compare(text, length);
		if (!length)
			continue;
		text[(seed >> 8) % length] = (uint8_t)(seed >> 20);
		compare(text, length);
		compare(text, length - 1);
	}
}

/* What a wrong key makes of a block is text hardly ever. */
static void test_K1_random_blocks_are_no_text(void **state)
{
	uint64_t seed = 88172645463325252ull, block[2];
	unsigned texts = 0;

	for (unsigned round = 0; round < 4000000; round++) {
		for (unsigned i = 0; i < 2; i++) {
			seed ^= seed << 13;
			seed ^= seed >> 7;
			seed ^= seed << 17;
			block[i] = seed * 0x2545f4914f6cdd1dull;
		}
		texts += utf8_is_text((const uint8_t *)block, sizeof(block), false);
	}
	print_message("%u of 4 million random blocks are text\n", texts);
	assert_in_range(texts, 0, 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_K12_every_pair),
		cmocka_unit_test(test_K12_every_edge),
		cmocka_unit_test(test_K12_long_texts),
		cmocka_unit_test(test_K1_random_blocks_are_no_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
