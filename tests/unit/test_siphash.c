/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_siphash.c - SipHash-2-4 against the vectors of its paper and reference code */
#include <endian.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "crypto/siphash.h"

/* The published test key: bytes 00..0f. */
static const struct siphash_key key = {0x0706050403020100, 0x0f0e0d0c0b0a0908};

/* SipHash-2-4 under that key of the first n of the bytes 00 01 02 ..., n = 0..63. */
static const uint64_t vectors[64] = {
	0x726fdb47dd0e0e31,
	0x74f839c593dc67fd,
	0x0d6c8009d9a94f5a,
	0x85676696d7fb7e2d,
	0xcf2794e0277187b7,
	0x18765564cd99a68d,
	0xcbc9466e58fee3ce,
	0xab0200f58b01d137,
	0x93f5f5799a932462,
	0x9e0082df0ba9e4b0,
	0x7a5dbbc594ddb9f3,
	0xf4b32f46226bada7,
	0x751e8fbc860ee5fb,
	0x14ea5627c0843d90,
	0xf723ca908e7af2ee,
	0xa129ca6149be45e5,
	0x3f2acc7f57c29bdb,
	0x699ae9f52cbe4794,
	0x4bc1b3f0968dd39c,
	0xbb6dc91da77961bd,
	0xbed65cf21aa2ee98,
	0xd0f2cbb02e3b67c7,
	0x93536795e3a33e88,
	0xa80c038ccd5ccec8,
	0xb8ad50c6f649af94,
	0xbce192de8a85b8ea,
	0x17d835b85bbb15f3,
	0x2f2e6163076bcfad,
	0xde4daaaca71dc9a5,
	0xa6a2506687956571,
	0xad87a3535c49ef28,
	0x32d892fad841c342,
	0x7127512f72f27cce,
	0xa7f32346f95978e3,
	0x12e0b01abb051238,
	0x15e034d40fa197ae,
	0x314dffbe0815a3b4,
	0x027990f029623981,
	0xcadcd4e59ef40c4d,
	0x9abfd8766a33735c,
	0x0e3ea96b5304a7d0,
	0xad0c42d6fc585992,
	0x187306c89bc215a9,
	0xd4a60abcf3792b95,
	0xf935451de4f21df2,
	0xa9538f0419755787,
	0xdb9acddff56ca510,
	0xd06c98cd5c0975eb,
	0xe612a3cb9ecba951,
	0xc766e62cfcadaf96,
	0xee64435a9752fe72,
	0xa192d576b245165a,
	0x0a8787bf8ecb74b2,
	0x81b3e73d20b49b6f,
	0x7fa8220ba3b2ecea,
	0x245731c13ca42499,
	0xb78dbfaf3a8d83bd,
	0xea1ad565322a1a0b,
	0x60e61c23a3795013,
	0x6606d7e446282b93,
	0x6ca4ecb15c5f91e1,
	0x9f626da15c9625f3,
	0xe51b38608ef25f57,
	0x958a324ceb064572,
};

/* The fifteen-byte message is the worked example in appendix A of the paper. */
static void test_paper_example(void **state)
{
	static const uint8_t message[15] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14};

	assert_true(siphash(&key, message, sizeof(message)) == 0xa129ca6149be45e5);
}

static void test_vectors(void **state)
{
	uint8_t message[64];

	for (unsigned i = 0; i < sizeof(message); i++)
		message[i] = i;
	for (unsigned n = 0; n < 64; n++) {
		/* exactly n bytes on the heap: a sanitizer sees any read past the end */
		uint8_t *exact = malloc(n ? n : 1);

		assert_non_null(exact);
		memcpy(exact, message, n);
		assert_true(siphash(&key, exact, n) == vectors[n]);
		free(exact);
	}
}

static void test_alignment_is_free(void **state)
{
	uint8_t buffer[64 + 8];

	for (unsigned shift = 0; shift < 8; shift++) {
		for (unsigned i = 0; i < 63; i++)
			buffer[shift + i] = i;
		assert_true(siphash(&key, buffer + shift, 63) == vectors[63]);
	}
}

static void test_16_equals_general(void **state)
{
	uint64_t x = 0x9e3779b97f4a7c15;

	for (unsigned i = 0; i < 10000; i++) {
		uint64_t words[4], bytes[2];

		for (unsigned j = 0; j < 4; j++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			words[j] = x;
		}
		struct siphash_key k = {words[0], words[1]};

		bytes[0] = htole64(words[2]);
		bytes[1] = htole64(words[3]);
		assert_true(siphash_16(&k, words[2], words[3]) == siphash(&k, bytes, 16));
	}
	assert_true(siphash_16(&key, key.k0, key.k1) == vectors[16]);
}

/* However many there are, each is what it is alone; nothing is written behind the last. */
static void test_many_equal_each(void **state)
{
	uint64_t word0[40], word1[40], hashes[41];

	for (unsigned i = 0; i < 40; i++) {
		word0[i] = vectors[i];
		word1[i] = vectors[63 - i];
	}
	for (unsigned count = 0; count <= 40; count++) {
		memset(hashes, 0x5a, sizeof(hashes));
		siphash_16_many(&key, word0, word1, hashes, count);
		for (unsigned i = 0; i < count; i++)
			assert_true(hashes[i] == siphash_16(&key, word0[i], word1[i]));
		for (unsigned i = count; i <= 40; i++)
			assert_true(hashes[i] == 0x5a5a5a5a5a5a5a5a);
	}
}

/* One flipped bit of key or message changes about half of the output's bits. */
static void test_avalanche(void **state)
{
	uint64_t changed = 0;

	for (unsigned bit = 0; bit < 256; bit++) {
		uint64_t in[4] = {key.k0, key.k1, 0x0123456789abcdef, 0xfedcba9876543210};
		struct siphash_key k = {in[0], in[1]};
		uint64_t before = siphash_16(&k, in[2], in[3]);

		in[bit / 64] ^= UINT64_C(1) << (bit % 64);
		k = (struct siphash_key){in[0], in[1]};
		uint64_t difference = before ^ siphash_16(&k, in[2], in[3]);

		assert_in_range(__builtin_popcountll(difference), 12, 52);
		changed += __builtin_popcountll(difference);
	}
	assert_in_range(changed, 256 * 30, 256 * 34);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paper_example),
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_alignment_is_free),
		cmocka_unit_test(test_16_equals_general),
		cmocka_unit_test(test_many_equal_each),
		cmocka_unit_test(test_avalanche),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
