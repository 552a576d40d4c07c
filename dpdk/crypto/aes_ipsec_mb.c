/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* aes_ipsec_mb.c - AES-128-CBC bursts through libipsec-mb's synchronous cipher bursts */
#include "crypto/aes.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <intel-ipsec-mb.h>

/* Jobs handed over at once. A job takes 200 bytes and more, so that two arrays of the library's
 * limit (128) would fill the first-level cache; 64 is a worker's whole burst. */
#define AES_CHUNK 64

/* The multi-buffer encryption keeps lengths in 16 bits; a longer message is done in pieces. */
#define AES_PIECE_MAX (65536 - 2 * AES_BLOCK)

_Static_assert(AES_CHUNK <= IMB_MAX_BURST_SIZE, "a chunk is one burst of the library");
_Static_assert(AES_PIECE_MAX % AES_BLOCK == 0, "pieces are whole blocks");

struct aes_burst {
	IMB_MGR *manager;
	char backend[32];
	/* what never changes in a job is written once, in aes_burst_new() */
	IMB_JOB decrypt[AES_CHUNK];
	IMB_JOB encrypt[AES_CHUNK];
};

static const char *const arch_names[IMB_ARCH_NUM] = {
	[IMB_ARCH_NONE] = "none",
	[IMB_ARCH_NOAESNI] = "no-aesni",
	[IMB_ARCH_SSE] = "sse",
	[IMB_ARCH_AVX] = "avx",
	[IMB_ARCH_AVX2] = "avx2",
	[IMB_ARCH_AVX512] = "avx512",
};

static void prepare(IMB_JOB *jobs, IMB_CIPHER_DIRECTION direction)
{
	for (unsigned i = 0; i < AES_CHUNK; i++) {
		jobs[i].cipher_mode = IMB_CIPHER_CBC;
		jobs[i].cipher_direction = direction;
		jobs[i].hash_alg = IMB_AUTH_NULL;
		jobs[i].chain_order = direction == IMB_DIR_ENCRYPT ? IMB_ORDER_CIPHER_HASH
								   : IMB_ORDER_HASH_CIPHER;
		jobs[i].key_len_in_bytes = IMB_KEY_128_BYTES;
		jobs[i].iv_len_in_bytes = AES_BLOCK;
	}
}

struct aes_burst *aes_burst_new(void)
{
	struct aes_burst *burst;
	IMB_ARCH arch = IMB_ARCH_NONE;

	/* a multiple of the alignment, as aligned_alloc() asks */
	burst = aligned_alloc(64, (sizeof(*burst) + 63) & ~(size_t)63);
	if (!burst)
		return NULL;
	memset(burst, 0, sizeof(*burst));
	burst->manager = alloc_mb_mgr(0);
	if (!burst->manager)
		goto fail;
	init_mb_mgr_auto(burst->manager, &arch);
	if (imb_get_errno(burst->manager) || arch <= IMB_ARCH_NONE || arch >= IMB_ARCH_NUM)
		goto fail;
	snprintf(burst->backend, sizeof(burst->backend), "ipsec-mb %s", arch_names[arch]);
	prepare(burst->decrypt, IMB_DIR_DECRYPT);
	prepare(burst->encrypt, IMB_DIR_ENCRYPT);
	return burst;
fail:
	aes_burst_free(burst);
	errno = ENOMEM;
	return NULL;
}

void aes_burst_free(struct aes_burst *burst)
{
	if (!burst)
		return;
	if (burst->manager) {
		/* its lanes remember pointers to keys and the last blocks */
		explicit_bzero(burst->manager, imb_get_mb_mgr_size());
		free_mb_mgr(burst->manager);
	}
	free(burst);
}

const char *aes_burst_backend(const struct aes_burst *burst)
{
	return burst->backend;
}

void aes_expand(struct aes_burst *burst, const uint8_t key[AES_BLOCK], struct aes_schedule *out)
{
	IMB_AES_KEYEXP_128(burst->manager, key, out->encrypt, out->decrypt);
}

static inline void fill_job(IMB_JOB *to, const struct aes_job *from)
{
	assert(from->length > 0 && from->length % AES_BLOCK == 0);
	to->enc_keys = from->schedule->encrypt;
	to->dec_keys = from->schedule->decrypt;
	to->iv = from->iv;
	to->src = from->in;
	to->dst = from->out;
	to->msg_len_to_cipher_in_bytes = from->length;
}

void aes_cbc_decrypt(struct aes_burst *burst, const struct aes_job *jobs, unsigned count)
{
	while (count > 0) {
		unsigned n = count < AES_CHUNK ? count : AES_CHUNK;
		unsigned done;

		for (unsigned i = 0; i < n; i++)
			fill_job(&burst->decrypt[i], &jobs[i]);
		done = IMB_SUBMIT_CIPHER_BURST_NOCHECK(burst->manager, burst->decrypt, n,
			IMB_CIPHER_CBC, IMB_DIR_DECRYPT, IMB_KEY_128_BYTES);
		/* the only way to fewer is a build of the library without CBC */
		assert(done == n);
		(void)done;
		jobs += n;
		count -= n;
	}
}

static void encrypt_chunk(struct aes_burst *burst, unsigned n)
{
	unsigned done = IMB_SUBMIT_CIPHER_BURST_NOCHECK(burst->manager, burst->encrypt, n,
		IMB_CIPHER_CBC, IMB_DIR_ENCRYPT, IMB_KEY_128_BYTES);

	assert(done == n);
	(void)done;
}

/* Pieces chain: each takes the last ciphertext block before it as its IV. */
static void encrypt_long(struct aes_burst *burst, const struct aes_job *job)
{
	struct aes_job piece = *job;
	uint32_t left = job->length;

	while (left > 0) {
		piece.length = left < AES_PIECE_MAX ? left : AES_PIECE_MAX;
		fill_job(&burst->encrypt[0], &piece);
		encrypt_chunk(burst, 1);
		piece.in += piece.length;
		piece.out += piece.length;
		piece.iv = piece.out - AES_BLOCK;
		left -= piece.length;
	}
}

void aes_cbc_encrypt(struct aes_burst *burst, const struct aes_job *jobs, unsigned count)
{
	unsigned n = 0;

	for (unsigned i = 0; i < count; i++) {
		if (jobs[i].length > AES_PIECE_MAX)
			continue;
		fill_job(&burst->encrypt[n++], &jobs[i]);
		if (n == AES_CHUNK) {
			encrypt_chunk(burst, n);
			n = 0;
		}
	}
	if (n > 0)
		encrypt_chunk(burst, n);
	for (unsigned i = 0; i < count; i++) {
		if (jobs[i].length > AES_PIECE_MAX)
			encrypt_long(burst, &jobs[i]);
	}
}
