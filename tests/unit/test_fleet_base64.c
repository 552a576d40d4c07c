/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_fleet_base64.c - the fleet's Base64 against mbedTLS, and what it must refuse */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <mbedtls/base64.h>
#include <string.h>

#include "fleet.h"

static void test_as_mbedtls(void **state)
{
	unsigned char bytes[300], back[300], text[500];
	char ours[500];
	uint64_t seed = 4711;

	for (size_t length = 1; length <= sizeof(bytes); length++) {
		size_t expected;

		for (size_t i = 0; i < length; i++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			bytes[i] = (unsigned char)(seed >> 40);
		}
		assert_int_equal(
			mbedtls_base64_encode(text, sizeof(text), &expected, bytes, length), 0);
		assert_int_equal(base64_encode(ours, bytes, length), expected);
		assert_memory_equal(ours, text, expected);
		assert_int_equal(base64_decode(back, sizeof(back), ours, expected), length);
		assert_memory_equal(back, bytes, length);
	}
}

/* One character changed, everywhere, to every value: only what encodes to itself is taken. */
static void test_canonical_only(void **state)
{
	const char *const good[] = {"Zm9vYmFy", "Zm9vYmE=", "Zm9vYg=="};
	unsigned char back[16];
	char text[9], again[9];
	unsigned taken = 0;

	for (unsigned n = 0; n < 3; n++) {
		for (unsigned at = 0; at < 8; at++) {
			for (unsigned value = 0; value < 256; value++) {
				size_t length;

				strcpy(text, good[n]);
				text[at] = (char)value;
				length = base64_decode(back, sizeof(back), text, 8);
				if (!length)
					continue;
				taken++;
				assert_int_equal(base64_encode(again, back, length), 8);
				assert_memory_equal(again, text, 8);
			}
		}
	}
	/* 64 values for each free character; of the last before padding 16 or 4; '=' in two places */
	assert_int_equal(taken, 8 * 64 + 1 + (6 * 64 + 16 + 64 + 1) + (5 * 64 + 4 + 16 + 1));
}

static void test_refused(void **state)
{
	const char *const bad[] = {"", "Zm9", "Zm9vY", "Zm9v=", "=m9v", "Z=9v", "Zm=v",
		"====", "Zm9vYh==", "Zm9vYmF=", "Zm9v Zm9", "Zm-_", "Zg==Zm9v"};
	unsigned char back[64];

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(base64_decode(back, sizeof(back), bad[i], strlen(bad[i])), 0);
	assert_int_equal(base64_decode(back, 2, "Zm9v", 4), 0);
	assert_int_equal(base64_decode(back, 3, "Zm9v", 4), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_mbedtls),
		cmocka_unit_test(test_canonical_only),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
