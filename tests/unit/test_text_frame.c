/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_text_frame.c - the first CR LF, wherever it lies and however the bytes arrive (K10, K11) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "codec/text_frame.h"

static uint64_t seed = 0xa4093822299f31d0;

static uint64_t next(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static uint32_t oracle(const uint8_t *data, uint32_t length, uint32_t from)
{
	/* the pair may end at @from: its CR is the last byte known */
	for (uint32_t end = from < 1 ? 2 : from + 1; end <= length; end++) {
		if (data[end - 2] == '\r' && data[end - 1] == '\n')
			return end;
	}
	return 0;
}

/* Bytes of exactly that length on the heap: a sanitizer sees a read past either end. */
static uint32_t exact(const void *data, uint32_t length, uint32_t from)
{
	uint8_t *copy = malloc(length ? length : 1);
	uint32_t end;

	assert_non_null(copy);
	memcpy(copy, data, length);
	end = text_frame_end(copy, length, from);
	free(copy);
	return end;
}

static void test_small(void **state)
{
	assert_int_equal(exact("", 0, 0), 0);
	assert_int_equal(exact("\r", 1, 0), 0);
	assert_int_equal(exact("\n", 1, 0), 0);
	assert_int_equal(exact("\n\r", 2, 0), 0);
	assert_int_equal(exact("\r\n", 2, 0), 2);
	assert_int_equal(exact("\r\r\n", 3, 0), 3);
	assert_int_equal(exact("\r\n\r\n", 4, 0), 2);
	assert_int_equal(exact("\r\n\r\n", 4, 2), 4);
	assert_int_equal(exact("CTS{}\r\nCTS", 10, 0), 7);
	assert_int_equal(exact("CTS{\r}\n\r\n", 9, 0), 9);
	assert_int_equal(exact("a\0b\r\n", 5, 0), 5);
	/* nothing new, and a start beyond the data, find nothing and read nothing */
	assert_int_equal(exact("abc\r\n", 5, 5), 0);
	assert_int_equal(exact("abc", 3, 4), 0);
	assert_int_equal(exact("", 0, 0xffffffff), 0);
}

/* One pair at every place of every length up to 140, from every start. */
static void test_every_place(void **state)
{
	uint8_t data[140];

	for (uint32_t length = 2; length <= sizeof(data); length += length < 70 ? 1 : 9) {
		for (uint32_t place = 0; place + 2 <= length; place++) {
			memset(data, 'x', length);
			memcpy(data + place, "\r\n", 2);
			for (uint32_t from = 0; from <= place + 1; from++)
				assert_int_equal(exact(data, length, from), place + 2);
			for (uint32_t from = place + 2; from <= length; from++)
				assert_int_equal(text_frame_end(data, length, from), 0);
		}
	}
}

static void test_random_against_oracle(void **state)
{
	static const uint8_t letters[4] = {'\r', '\n', 'x', '\x8d'};
	uint8_t data[200];

	for (unsigned round = 0; round < 50000; round++) {
		uint32_t length = (uint32_t)(next() % (sizeof(data) + 1));
		uint32_t from = length ? (uint32_t)(next() % (length + 1)) : 0;
		unsigned rare = next() % 2;

		for (uint32_t i = 0; i < length; i++)
			data[i] = rare && next() % 16 ? 'x' : letters[next() % 4];
		assert_int_equal(exact(data, length, from), oracle(data, length, from));
	}
}

/* Bytes that arrive one, two or many at a time give the frames that they give at once; each call is
 * told what the one before has looked through, so that no byte is scanned twice (K11). */
static void test_pieces(void **state)
{
	static const char stream[] = "CTS{\"code\":1000,\"token\":\"0123456789abcdef\"}\r\n"
				     "CTS{}\r\n\r\nCTS{\r\"a\"\n:1}\r\r\n\n\r\nrest\r";
	static const uint32_t ends[] = {45, 52, 54, 69, 72};
	const uint32_t total = sizeof(stream) - 1;

	for (uint32_t piece = 1; piece <= total; piece++) {
		uint32_t start = 0, known = 0, found = 0;

		for (uint32_t have = piece; have < total + piece; have += piece) {
			uint32_t length = have < total ? have : total, end;

			while ((end = exact(stream + start, length - start, known)) != 0) {
				assert_in_range(found, 0, 4);
				start += end;
				known = 0;
				assert_int_equal(start, ends[found++]);
			}
			known = length - start;
		}
		assert_int_equal(found, 5);
		assert_int_equal(total - start, 5);
	}
}

/* A whole TCP frame's worth of CRs, LFs or pairs the wrong way round holds no frame. */
static void test_hostile_fill(void **state)
{
	enum { size = 65536 };
	uint8_t *data = malloc(size);

	assert_non_null(data);
	memset(data, '\r', size);
	assert_int_equal(text_frame_end(data, size, 0), 0);
	memset(data, '\n', size);
	assert_int_equal(text_frame_end(data, size, 0), 0);
	data[size - 2] = '\r';
	assert_int_equal(text_frame_end(data, size, 0), size);
	assert_int_equal(text_frame_end(data, size - 1, 0), 0);
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_small),
		cmocka_unit_test(test_every_place),
		cmocka_unit_test(test_random_against_oracle),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_hostile_fill),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
