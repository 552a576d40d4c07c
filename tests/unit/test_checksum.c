/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_checksum.c - the Internet checksum: RFC 1071's example, every length, the last byte */
#include "net/checksum.h"

#include "guarded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* RFC 1071 section 1 word for word: 16 bits at a time, the carry brought round. */
static uint16_t by_the_text(const uint8_t *data, size_t length)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < length; i += 2)
		sum += (uint32_t)data[i] | (uint32_t)data[i + 1] << 8;
	if (length & 1)
		sum += data[length - 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* The two zeroes of one's complement are the same number. */
static uint16_t one_zero(uint16_t sum)
{
	return sum == 0xffff ? 0 : sum;
}

static void test_example(void **state)
{
	static const uint8_t example[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};

	assert_int_equal(ntohs(checksum_fold(checksum_add(0, example, 8))), 0xddf2);
}

static void test_every_length(void **state)
{
	for (size_t length = 0; length <= 1500; length++) {
		uint8_t *data = guarded_get(length ? length : 1), copy[1501];

		for (size_t i = 0; i < length; i++)
			data[i] = (uint8_t)(i * 151 + length * 7 + (i >> 3));
		if (length % 5 == 0)
			memset(data, 0xff, length);
		copy[length] = 0x5a;
		assert_int_equal(one_zero(checksum_fold(checksum_add(77, data, length))),
			one_zero(checksum_fold(77 + (uint64_t)by_the_text(data, length))));
		assert_int_equal(one_zero(checksum_fold(checksum_add_plain(77, data, length))),
			one_zero(checksum_fold(77 + (uint64_t)by_the_text(data, length))));
		assert_int_equal(one_zero(checksum_fold(checksum_copy(77, copy, data, length))),
			one_zero(checksum_fold(77 + (uint64_t)by_the_text(data, length))));
		assert_memory_equal(copy, data, length);
		assert_int_equal(copy[length], 0x5a);
		guarded_put(data);
	}
}

/* In parts of even length it is one sum. */
static void test_parts(void **state)
{
	uint8_t data[300];

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(255 - i * 3);
	for (size_t cut = 0; cut <= sizeof(data); cut += 2)
		assert_int_equal(checksum_fold(checksum_add(checksum_add(0, data, cut), data + cut,
					 sizeof(data) - cut)),
			by_the_text(data, sizeof(data)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_example),
		cmocka_unit_test(test_every_length),
		cmocka_unit_test(test_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
