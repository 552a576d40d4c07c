/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_base64.c - strict Base64: exhaustive where short, every position where long (K13) */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "codec/base64.h"

enum { GUARD = 80, GUARD_BYTE = 0xd7 };

static uint64_t seed = 0x13198a2e03707344;

static uint64_t next(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* The oracle reads the RFC's words bit by bit and shares nothing with the code under test. */
static int sextet(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static int32_t oracle(uint8_t *out, const uint8_t *in, uint32_t length)
{
	uint32_t padding = 0, bits = 0, held = 0;
	int32_t written = 0;

	if (length % 4 != 0)
		return -EINVAL;
	while (padding < 2 && padding < length && in[length - 1 - padding] == '=')
		padding++;
	for (uint32_t i = 0; i < length - padding; i++) {
		int value = sextet(in[i]);

		if (value < 0)
			return -EINVAL;
		bits = bits << 6 | (uint32_t)value;
		held += 6;
		if (held >= 8) {
			held -= 8;
			out[written++] = (uint8_t)(bits >> held);
			bits &= (1U << held) - 1;
		}
	}
	return bits != 0 ? -EINVAL : written;
}

/* Input of exactly @length bytes on the heap (a sanitizer sees reads past it), output with a guard
 * after BASE64_DECODED_MAX. */
static int32_t guarded_decode(uint8_t *result, const uint8_t *in, uint32_t length)
{
	uint32_t room = BASE64_DECODED_MAX(length);
	uint8_t *text = malloc(length ? length : 1), *out = malloc(room + GUARD);
	int32_t written;

	assert_true(text && out);
	memcpy(text, in, length);
	memset(out, GUARD_BYTE, room + GUARD);
	written = base64_decode(out, text, length);
	for (uint32_t i = 0; i < GUARD; i++)
		assert_int_equal(out[room + i], GUARD_BYTE);
	if (written > 0)
		memcpy(result, out, (uint32_t)written);
	free(text);
	free(out);
	return written;
}

static uint32_t guarded_encode(uint8_t *result, const uint8_t *in, uint32_t length)
{
	uint32_t room = BASE64_ENCODED(length), written;
	uint8_t *bytes = malloc(length ? length : 1), *out = malloc(room + GUARD);

	assert_true(bytes && out);
	memcpy(bytes, in, length);
	memset(out, GUARD_BYTE, room + GUARD);
	written = base64_encode(out, bytes, length);
	assert_int_equal(written, room);
	for (uint32_t i = 0; i < GUARD; i++)
		assert_int_equal(out[room + i], GUARD_BYTE);
	memcpy(result, out, written);
	free(bytes);
	free(out);
	return written;
}

/* RFC 4648 section 10. */
static void test_rfc_vectors(void **state)
{
	static const char *const vectors[][2] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="},
		{"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="},
		{"foobar", "Zm9vYmFy"}};
	uint8_t out[16];

	for (unsigned i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		uint32_t plain = (uint32_t)strlen(vectors[i][0]),
			 text = (uint32_t)strlen(vectors[i][1]);

		assert_int_equal(guarded_encode(out, (const uint8_t *)vectors[i][0], plain), text);
		assert_memory_equal(out, vectors[i][1], text);
		assert_int_equal(
			guarded_decode(out, (const uint8_t *)vectors[i][1], text), (int32_t)plain);
		assert_memory_equal(out, vectors[i][0], plain);
	}
}

/* K13: every text of 0 to 3 arbitrary characters: only the empty one is Base64. */
static void test_K13_shorter_than_a_quad(void **state)
{
	uint8_t text[3] = {0}, out[4];

	assert_int_equal(base64_decode(out, text, 0), 0);
	for (uint32_t i = 0; i < 1 << 24; i++) {
		text[0] = (uint8_t)i;
		text[1] = (uint8_t)(i >> 8);
		text[2] = (uint8_t)(i >> 16);
		for (uint32_t length = 1; length <= 3; length++) {
			if (i >> (8 * length) == 0 && base64_decode(out, text, length) != -EINVAL)
				fail_msg("%u characters accepted", length);
		}
	}
}

static void check_quad(const uint8_t *quad)
{
	uint8_t expected[4], out[8] = {[3] = GUARD_BYTE, [4] = GUARD_BYTE};
	int32_t want = oracle(expected, quad, 4), got = base64_decode(out, quad, 4);

	if (got != want || (got > 0 && memcmp(out, expected, (uint32_t)got) != 0) ||
		out[3] != GUARD_BYTE)
		fail_msg("%02x%02x%02x%02x: %d, not %d", quad[0], quad[1], quad[2], quad[3], got,
			want);
}

/* Each character that means something, and for each that does not the nearest and oddest. */
static const uint8_t interesting[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
	"-_ \t\r\n,.*:;@[`{\x7f\x80\xab\xc1\xff";

/* K13: all quads over these characters, NUL too; good first characters stand for each other. */
static void test_K13_every_quad(void **state)
{
	const uint32_t n = sizeof(interesting); /* with its NUL */
	uint8_t quad[4];

	for (uint32_t a = 0; a < n; a++) {
		quad[0] = interesting[a];
		if (sextet(quad[0]) > 0 && sextet(quad[0]) < 62 && quad[0] != 'f')
			continue;
		for (uint32_t b = 0; b < n; b++) {
			quad[1] = interesting[b];
			for (uint32_t c = 0; c < n; c++) {
				quad[2] = interesting[c];
				for (uint32_t d = 0; d < n; d++) {
					quad[3] = interesting[d];
					check_quad(quad);
				}
			}
		}
	}
}

static void test_K13_every_byte_in_a_quad(void **state)
{
	static const char *const quads[] = {"AAAA", "////", "Zm9v", "Zm8=", "Zg=="};
	uint8_t quad[4];

	for (unsigned i = 0; i < sizeof(quads) / sizeof(quads[0]); i++) {
		for (unsigned first = 0; first < 4; first++) {
			for (unsigned second = first; second < 4; second++) {
				memcpy(quad, quads[i], 4);
				for (unsigned pair = 0; pair < 1 << 16; pair++) {
					quad[first] = (uint8_t)pair;
					quad[second] = (uint8_t)(pair >> 8);
					check_quad(quad);
				}
			}
		}
	}
}

/* K13: the shapes by name, short and behind 96 good characters. */
static void test_K13_refused(void **state)
{
	static const char *const bad[] = {"Zg=", "Zg", "Zg===", "====", "=AAA", "Z===", "Zg=A",
		"Zg==Zg==", "Zh==", "Zm9=", "Zm-v", "Zm_v", "Zm9v\n", "Zm9\n", " m9v", "Zm 9v",
		"Z\tm9", "Zm9vA", "Zm9v====", "Zm9=Zm9v", "\xef\xbc\xa1\x41"};
	uint8_t text[128], out[128];

	memset(text, 'A', sizeof(text));
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint32_t length = (uint32_t)strlen(bad[i]);

		assert_int_equal(guarded_decode(out, (const uint8_t *)bad[i], length), -EINVAL);
		memcpy(text + 96, bad[i], length);
		assert_int_equal(guarded_decode(out, text, 96 + length), -EINVAL);
	}
	/* a NUL is a character like any other */
	assert_int_equal(guarded_decode(out, (const uint8_t *)"Zm9v\0AAA", 8), -EINVAL);
	/* more than a signed result can count is refused before it is read */
	assert_int_equal(base64_decode(out, text, 0xfffffffc), -EINVAL);
}

static void test_round_trips(void **state)
{
	uint8_t bytes[300], text[400], again[300], expected[300];

	for (uint32_t length = 0; length <= 300; length++) {
		for (unsigned round = 0; round < 8; round++) {
			uint32_t written;

			for (uint32_t i = 0; i < length; i++)
				bytes[i] = round == 0   ? 0x00
					   : round == 1 ? 0xff
							: (uint8_t)(next() >> 20);
			written = guarded_encode(text, bytes, length);
			assert_int_equal(oracle(expected, text, written), (int32_t)length);
			assert_memory_equal(expected, bytes, length);
			assert_int_equal(guarded_decode(again, text, written), (int32_t)length);
			assert_memory_equal(again, bytes, length);
		}
	}
}

/* Every value of every sextet at every place of a vector, both ways. */
static void test_alphabet_at_every_place(void **state)
{
	uint8_t text[128], bytes[96], again[128];

	for (unsigned shift = 0; shift < 64; shift++) {
		for (unsigned i = 0; i < sizeof(text); i++)
			text[i] = interesting[(i * 37 + shift) % 64];
		assert_int_equal(guarded_decode(bytes, text, sizeof(text)), sizeof(bytes));
		assert_int_equal(guarded_encode(again, bytes, sizeof(bytes)), sizeof(text));
		assert_memory_equal(again, text, sizeof(text));
	}
}

/* K13: each of the 191 bad characters (and '=') at each place of texts of many lengths. */
static void test_K13_bad_byte_at_every_place(void **state)
{
	static const uint32_t lengths[] = {8, 28, 32, 36, 60, 64, 68, 96, 100, 132, 408};
	uint8_t text[408], out[408];

	for (unsigned l = 0; l < sizeof(lengths) / sizeof(lengths[0]); l++) {
		uint32_t length = lengths[l];

		for (uint32_t i = 0; i < length; i++)
			text[i] = interesting[next() % 64];
		assert_int_equal(guarded_decode(out, text, length), (int32_t)(length / 4 * 3));
		for (uint32_t place = 0; place < length; place++) {
			uint8_t good = text[place];

			for (unsigned c = 0; c < 256; c++) {
				if (sextet((uint8_t)c) >= 0 || (c == '=' && place == length - 1))
					continue;
				text[place] = (uint8_t)c;
				if (base64_decode(out, text, length) != -EINVAL)
					fail_msg("%02x accepted at %u of %u", c, place, length);
			}
			text[place] = (uint8_t)(next() % 191 % 32);
			assert_int_equal(guarded_decode(out, text, length), -EINVAL);
			text[place] = good;
		}
	}
}

/* Random texts, mostly good, against the oracle. */
static void test_against_oracle(void **state)
{
	uint8_t text[420], out[420], expected[420];

	for (unsigned round = 0; round < 30000; round++) {
		uint32_t length = (uint32_t)(next() % (sizeof(text) / 4 + 1)) * 4;
		int32_t want, got;

		for (uint32_t i = 0; i < length; i++)
			text[i] = interesting[next() % 64];
		for (uint64_t i = next() % 3; i > 0 && length > 0; i--)
			text[length - i] = '=';
		if (next() % 4 == 0 && length > 0)
			text[next() % length] = (uint8_t)next();
		want = oracle(expected, text, length);
		got = guarded_decode(out, text, length);
		assert_int_equal(got, want);
		if (got > 0)
			assert_memory_equal(out, expected, (uint32_t)got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc_vectors),
		cmocka_unit_test(test_K13_shorter_than_a_quad),
		cmocka_unit_test(test_K13_every_quad),
		cmocka_unit_test(test_K13_every_byte_in_a_quad),
		cmocka_unit_test(test_K13_refused),
		cmocka_unit_test(test_round_trips),
		cmocka_unit_test(test_alphabet_at_every_place),
		cmocka_unit_test(test_K13_bad_byte_at_every_place),
		cmocka_unit_test(test_against_oracle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
