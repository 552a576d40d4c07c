/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_load_vector64.c - the instrument's Base64, with vectors and without, against mbedTLS */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "vector64.h"

#include <mbedtls/base64.h>
#include <stdlib.h>
#include <string.h>

#define MOST 700
#define GUARD 0xa5

static void fill(uint8_t *bytes, unsigned length, unsigned seed)
{
	for (unsigned i = 0; i < length; i++) {
		seed = seed * 1664525 + 1013904223;
		bytes[i] = (uint8_t)(seed >> 24);
	}
}

static void test_text_is_mbedtls_s(void **state)
{
	uint8_t bytes[MOST], back[MOST + 8];
	unsigned char want[MOST * 2];
	char text[MOST * 2];

	for (unsigned length = 1; length < MOST; length++) {
		size_t characters;

		fill(bytes, length, length);
		assert_int_equal(
			mbedtls_base64_encode(want, sizeof(want), &characters, bytes, length), 0);
		for (unsigned plain = 0; plain < 2; plain++) {
			memset(text, GUARD, sizeof(text));
			assert_int_equal(plain ? vector64_encode_plain(text, bytes, length)
					       : vector64_encode(text, bytes, length),
				characters);
			assert_memory_equal(text, want, characters);
			assert_int_equal((uint8_t)text[characters], GUARD);
			assert_int_equal(VECTOR64_LENGTH(length), characters);
			memset(back, GUARD, sizeof(back));
			assert_int_equal(
				plain ? vector64_decode_plain(back, text, (uint32_t)characters)
				      : vector64_decode(back, text, (uint32_t)characters),
				length);
			assert_memory_equal(back, bytes, length);
			assert_int_equal(back[characters / 4 * 3], GUARD);
		}
	}
}

/* Both must take the same texts, and only those that are encodings of something. */
static void test_only_what_is_canonical_is_taken(void **state)
{
	uint8_t bytes[96], one[128], other[128];
	char text[160], again[160];

	for (unsigned length = 1; length <= sizeof(bytes); length++) {
		uint32_t characters;

		fill(bytes, length, length);
		characters = vector64_encode_plain(text, bytes, length);
		for (uint32_t place = 0; place < characters; place++) {
			char was = text[place];

			for (unsigned c = 0; c < 256; c++) {
				int32_t n, m;

				text[place] = (char)c;
				n = vector64_decode(one, text, characters);
				m = vector64_decode_plain(other, text, characters);
				assert_int_equal(n, m);
				if (n < 0)
					continue;
				assert_memory_equal(one, other, (size_t)n);
				assert_int_equal(
					vector64_encode_plain(again, one, (uint32_t)n), characters);
				assert_memory_equal(again, text, characters);
			}
			text[place] = was;
		}
		for (uint32_t cut = 1; cut < 4; cut++) {
			assert_int_equal(vector64_decode(one, text, characters - cut), -1);
			assert_int_equal(vector64_decode_plain(one, text, characters - cut), -1);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_is_mbedtls_s),
		cmocka_unit_test(test_only_what_is_canonical_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
