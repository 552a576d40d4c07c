/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_aes.c - AES-128-CBC bursts against NIST SP 800-38A and against mbedTLS */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <mbedtls/aes.h>

#include "crypto/aes.h"

enum { JOBS_MAX = 300, GUARD = 32, GUARD_BYTE = 0xc3 };

static struct aes_burst *burst;
static uint64_t seed;

static int setup(void **state)
{
	seed = 0x243f6a8885a308d3;
	burst = aes_burst_new();
	if (burst)
		print_message("backend: %s\n", aes_burst_backend(burst));
	return burst ? 0 : -1;
}

static int teardown(void **state)
{
	aes_burst_free(burst);
	return 0;
}

static uint64_t next(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static void fill(uint8_t *out, size_t length)
{
	for (size_t i = 0; i < length; i++)
		out[i] = (uint8_t)(next() >> 24);
}

/* The oracle: one message, one context. */
static void oracle(int mode, const uint8_t *key, const uint8_t *iv, const uint8_t *in, uint8_t *out,
	size_t length)
{
	mbedtls_aes_context context;
	uint8_t moving[AES_BLOCK];

	mbedtls_aes_init(&context);
	memcpy(moving, iv, AES_BLOCK);
	if (mode == MBEDTLS_AES_ENCRYPT)
		assert_int_equal(mbedtls_aes_setkey_enc(&context, key, 128), 0);
	else
		assert_int_equal(mbedtls_aes_setkey_dec(&context, key, 128), 0);
	assert_int_equal(mbedtls_aes_crypt_cbc(&context, mode, length, moving, in, out), 0);
	mbedtls_aes_free(&context);
}

/* SP 800-38A, F.2.1 and F.2.2: CBC-AES128. */
static void test_nist_vectors(void **state)
{
	static const uint8_t key[16] = {0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6, 0xab, 0xf7,
		0x15, 0x88, 0x09, 0xcf, 0x4f, 0x3c};
	static const uint8_t iv[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
	static const uint8_t plain[64] = {0x6b, 0xc1, 0xbe, 0xe2, 0x2e, 0x40, 0x9f, 0x96, 0xe9,
		0x3d, 0x7e, 0x11, 0x73, 0x93, 0x17, 0x2a, 0xae, 0x2d, 0x8a, 0x57, 0x1e, 0x03, 0xac,
		0x9c, 0x9e, 0xb7, 0x6f, 0xac, 0x45, 0xaf, 0x8e, 0x51, 0x30, 0xc8, 0x1c, 0x46, 0xa3,
		0x5c, 0xe4, 0x11, 0xe5, 0xfb, 0xc1, 0x19, 0x1a, 0x0a, 0x52, 0xef, 0xf6, 0x9f, 0x24,
		0x45, 0xdf, 0x4f, 0x9b, 0x17, 0xad, 0x2b, 0x41, 0x7b, 0xe6, 0x6c, 0x37, 0x10};
	static const uint8_t cipher[64] = {0x76, 0x49, 0xab, 0xac, 0x81, 0x19, 0xb2, 0x46, 0xce,
		0xe9, 0x8e, 0x9b, 0x12, 0xe9, 0x19, 0x7d, 0x50, 0x86, 0xcb, 0x9b, 0x50, 0x72, 0x19,
		0xee, 0x95, 0xdb, 0x11, 0x3a, 0x91, 0x76, 0x78, 0xb2, 0x73, 0xbe, 0xd6, 0xb8, 0xe3,
		0xc1, 0x74, 0x3b, 0x71, 0x16, 0xe6, 0x9e, 0x22, 0x22, 0x95, 0x16, 0x3f, 0xf1, 0xca,
		0xa1, 0x68, 0x1f, 0xac, 0x09, 0x12, 0x0e, 0xca, 0x30, 0x75, 0x86, 0xe1, 0xa7};
	struct aes_schedule schedule;
	uint8_t out[64];

	aes_expand(burst, key, &schedule);
	/* each prefix of whole blocks is a message of its own */
	for (uint32_t length = 16; length <= 64; length += 16) {
		struct aes_job job = {&schedule, iv, plain, out, length};

		memset(out, 0, sizeof(out));
		aes_cbc_encrypt(burst, &job, 1);
		assert_memory_equal(out, cipher, length);
		job.in = cipher;
		memset(out, 0, sizeof(out));
		aes_cbc_decrypt(burst, &job, 1);
		assert_memory_equal(out, plain, length);
		for (unsigned i = length; i < sizeof(out); i++)
			assert_int_equal(out[i], 0);
	}
}

struct message {
	struct aes_schedule schedule;
	uint8_t key[AES_BLOCK], iv[AES_BLOCK], iv_before[AES_BLOCK];
	uint8_t *in, *in_before, *expected, *out; /* @out is followed by GUARD bytes */
	uint32_t length;
	int in_place;
};

static uint32_t pick_length(void)
{
	/* mostly what devices send, at times one block or a whole TCP frame */
	switch (next() % 16) {
	case 0:
		return 16;
	case 1:
		return 16 * (1 + next() % 3000);
	default:
		return 16 * (1 + next() % 40);
	}
}

static void make_message(struct message *m, int mode)
{
	m->length = pick_length();
	m->in_place = next() % 2;
	m->in = malloc(m->length + GUARD);
	m->in_before = malloc(m->length);
	m->expected = malloc(m->length);
	m->out = m->in_place ? m->in : malloc(m->length + GUARD);
	assert_true(m->in && m->in_before && m->expected && m->out);
	fill(m->key, AES_BLOCK);
	fill(m->iv, AES_BLOCK);
	fill(m->in, m->length);
	memcpy(m->iv_before, m->iv, AES_BLOCK);
	memcpy(m->in_before, m->in, m->length);
	memset(m->in + m->length, GUARD_BYTE, GUARD);
	memset(m->out + m->length, GUARD_BYTE, GUARD);
	oracle(mode, m->key, m->iv, m->in, m->expected, m->length);
	aes_expand(burst, m->key, &m->schedule);
}

static void check_message(struct message *m)
{
	assert_memory_equal(m->out, m->expected, m->length);
	assert_memory_equal(m->iv, m->iv_before, AES_BLOCK);
	if (!m->in_place)
		assert_memory_equal(m->in, m->in_before, m->length);
	for (unsigned i = 0; i < GUARD; i++)
		assert_int_equal(m->out[m->length + i], GUARD_BYTE);
}

static void free_message(struct message *m)
{
	if (!m->in_place)
		free(m->out);
	free(m->in);
	free(m->in_before);
	free(m->expected);
}

static void run_burst(int mode, unsigned count)
{
	struct message *messages = aligned_alloc(16, sizeof(*messages) * JOBS_MAX);
	struct aes_job jobs[JOBS_MAX];

	assert_non_null(messages);
	for (unsigned i = 0; i < count; i++) {
		struct message *m = &messages[i];

		make_message(m, mode);
		jobs[i] = (struct aes_job){&m->schedule, m->iv, m->in, m->out, m->length};
	}
	if (mode == MBEDTLS_AES_ENCRYPT)
		aes_cbc_encrypt(burst, jobs, count);
	else
		aes_cbc_decrypt(burst, jobs, count);
	for (unsigned i = 0; i < count; i++) {
		check_message(&messages[i]);
		free_message(&messages[i]);
	}
	free(messages);
}

/* Many keys and lengths in one burst, in place and not, around every chunk size in use. */
static void test_bursts_match_mbedtls(void **state)
{
	static const unsigned counts[] = {
		0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 63, 64, 65, 127, 128, 129, 300};

	for (unsigned i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		run_burst(MBEDTLS_AES_ENCRYPT, counts[i]);
		run_burst(MBEDTLS_AES_DECRYPT, counts[i]);
	}
}

/* A session's turn: many messages under one schedule, then the same memory with another key. */
static void test_one_schedule_many_messages(void **state)
{
	struct aes_schedule schedule;
	uint8_t key[AES_BLOCK], in[20][48], out[20][48], expected[48];

	for (unsigned round = 0; round < 3; round++) {
		struct aes_job jobs[20];

		fill(key, sizeof(key));
		fill(in[0], sizeof(in));
		aes_expand(burst, key, &schedule);
		/* Mc's IV is the key itself */
		for (unsigned i = 0; i < 20; i++)
			jobs[i] = (struct aes_job){&schedule, key, in[i], out[i], 48};
		aes_cbc_encrypt(burst, jobs, 20);
		for (unsigned i = 0; i < 20; i++) {
			oracle(MBEDTLS_AES_ENCRYPT, key, key, in[i], expected, 48);
			assert_memory_equal(out[i], expected, 48);
		}
		for (unsigned i = 0; i < 20; i++)
			jobs[i] = (struct aes_job){&schedule, key, out[i], out[i], 48};
		aes_cbc_decrypt(burst, jobs, 20);
		assert_memory_equal(out, in, sizeof(in));
	}
}

/* Lengths around 2^16, where the multi-buffer code's own counters end. */
static void test_long_messages(void **state)
{
	static const uint32_t lengths[] = {65504, 65520, 65536, 65552, 131072, 300000};
	struct aes_schedule schedule;
	uint8_t key[AES_BLOCK], iv[AES_BLOCK];

	fill(key, sizeof(key));
	fill(iv, sizeof(iv));
	aes_expand(burst, key, &schedule);
	for (unsigned i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		uint32_t length = lengths[i];
		uint8_t *plain = malloc(length), *expected = malloc(length), *out = malloc(length);
		uint8_t small[32], small_out[32], small_expected[32];
		struct aes_job jobs[3];

		assert_true(plain && expected && out);
		fill(plain, length);
		fill(small, sizeof(small));
		oracle(MBEDTLS_AES_ENCRYPT, key, iv, plain, expected, length);
		oracle(MBEDTLS_AES_ENCRYPT, key, iv, small, small_expected, sizeof(small));
		/* in place, between two short ones */
		memcpy(out, plain, length);
		jobs[0] = (struct aes_job){&schedule, iv, small, small_out, sizeof(small)};
		jobs[1] = (struct aes_job){&schedule, iv, out, out, length};
		memset(small_out, 0, sizeof(small_out));
		aes_cbc_encrypt(burst, jobs, 2);
		assert_memory_equal(out, expected, length);
		assert_memory_equal(small_out, small_expected, sizeof(small));
		jobs[0] = (struct aes_job){&schedule, iv, out, out, length};
		jobs[1] = (struct aes_job){&schedule, iv, small_out, small_out, sizeof(small)};
		aes_cbc_decrypt(burst, jobs, 2);
		assert_memory_equal(out, plain, length);
		assert_memory_equal(small_out, small, sizeof(small));
		free(plain);
		free(expected);
		free(out);
	}
}

/* Two engines of two threads share nothing. */
static void test_engines_are_independent(void **state)
{
	struct aes_burst *other = aes_burst_new();
	struct aes_schedule ours, theirs;
	uint8_t key[AES_BLOCK], in[64], a[64], b[64];
	struct aes_job job;

	assert_non_null(other);
	fill(key, sizeof(key));
	fill(in, sizeof(in));
	aes_expand(burst, key, &ours);
	aes_expand(other, key, &theirs);
	assert_memory_equal(&ours, &theirs, sizeof(ours));
	job = (struct aes_job){&theirs, key, in, a, 64};
	aes_cbc_encrypt(burst, &job, 1);
	job = (struct aes_job){&ours, key, in, b, 64};
	aes_cbc_encrypt(other, &job, 1);
	assert_memory_equal(a, b, 64);
	aes_burst_free(other);
	aes_burst_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nist_vectors),
		cmocka_unit_test(test_bursts_match_mbedtls),
		cmocka_unit_test(test_one_schedule_many_messages),
		cmocka_unit_test(test_long_messages),
		cmocka_unit_test(test_engines_are_independent),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
