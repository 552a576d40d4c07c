/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* aes_mbedtls.c - the same calls through mbedTLS, where libipsec-mb is missing */
#include "crypto/aes.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <mbedtls/aes.h>

/*
 * mbedTLS keeps its expanded keys in a context of its own, larger than struct aes_schedule and with
 * a pointer in it. The schedule therefore carries just the key (an AES-128 schedule begins with it
 * anyway), and a context is set up for each run of jobs under one schedule.
 */
struct aes_burst {
	mbedtls_aes_context context;
};

struct aes_burst *aes_burst_new(void)
{
	struct aes_burst *burst = malloc(sizeof(*burst));

	if (burst)
		mbedtls_aes_init(&burst->context);
	return burst;
}

void aes_burst_free(struct aes_burst *burst)
{
	if (!burst)
		return;
	mbedtls_aes_free(&burst->context);
	free(burst);
}

const char *aes_burst_backend(const struct aes_burst *burst)
{
	(void)burst;
	return "mbedtls";
}

void aes_expand(struct aes_burst *burst, const uint8_t key[AES_BLOCK], struct aes_schedule *out)
{
	(void)burst;
	memset(out, 0, sizeof(*out));
	memcpy(out->encrypt, key, AES_BLOCK);
	memcpy(out->decrypt, key, AES_BLOCK);
}

static void cbc(struct aes_burst *burst, int mode, const struct aes_job *jobs, unsigned count)
{
	const struct aes_schedule *current = NULL;
	uint8_t iv[AES_BLOCK];
	int result = 0;

	for (unsigned i = 0; i < count; i++) {
		const struct aes_job *job = &jobs[i];

		assert(job->length > 0 && job->length % AES_BLOCK == 0);
		if (job->schedule != current) {
			current = job->schedule;
			if (mode == MBEDTLS_AES_ENCRYPT)
				result |= mbedtls_aes_setkey_enc(
					&burst->context, current->encrypt, 128);
			else
				result |= mbedtls_aes_setkey_dec(
					&burst->context, current->decrypt, 128);
		}
		/* mbedTLS moves the IV on: the caller's stays as it is */
		memcpy(iv, job->iv, AES_BLOCK);
		result |= mbedtls_aes_crypt_cbc(
			&burst->context, mode, job->length, iv, job->in, job->out);
	}
	/* fails on a bad key or length only, and both were checked */
	assert(result == 0);
	(void)result;
}

void aes_cbc_decrypt(struct aes_burst *burst, const struct aes_job *jobs, unsigned count)
{
	cbc(burst, MBEDTLS_AES_DECRYPT, jobs, count);
}

void aes_cbc_encrypt(struct aes_burst *burst, const struct aes_job *jobs, unsigned count)
{
	cbc(burst, MBEDTLS_AES_ENCRYPT, jobs, count);
}
