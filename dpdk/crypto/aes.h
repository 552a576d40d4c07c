/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* aes.h - bursts of AES-128-CBC over many keys (libipsec-mb; mbedTLS where it is missing) */
#pragma once

#include <stdint.h>

#define AES_BLOCK 16

/**
 * struct aes_schedule - one key, expanded for both directions
 *
 * Expanded once per session and turn by the caller; 16-byte aligned; holds secrets: never copied
 * out of the worker's memory.
 */
struct aes_schedule {
	_Alignas(16) uint8_t encrypt[11 * AES_BLOCK];
	_Alignas(16) uint8_t decrypt[11 * AES_BLOCK];
};

/**
 * struct aes_job - one CBC message
 * @schedule: the key
 * @iv: 16 bytes
 * @in, @out: @length bytes each, a positive multiple of 16; they may be the same, not overlap
 */
struct aes_job {
	const struct aes_schedule *schedule;
	const uint8_t *iv;
	const uint8_t *in;
	uint8_t *out;
	uint32_t length;
};

struct aes_burst;

/** aes_burst_new() - one engine per thread; NULL with errno set when memory is short. */
struct aes_burst *aes_burst_new(void);

/** aes_burst_free() - NULL is allowed. */
void aes_burst_free(struct aes_burst *burst);

/** aes_burst_backend() - "ipsec-mb avx512" and the like, for the start-up line. */
const char *aes_burst_backend(const struct aes_burst *burst);

/** aes_expand() - expand a 16-byte key. */
void aes_expand(struct aes_burst *burst, const uint8_t key[AES_BLOCK], struct aes_schedule *out);

/** aes_cbc_decrypt() - decrypt any number of messages; order of work is free. No allocation. */
void aes_cbc_decrypt(struct aes_burst *burst, const struct aes_job *jobs, unsigned count);

/** aes_cbc_encrypt() - encrypt any number of messages; order of work is free. No allocation. */
void aes_cbc_encrypt(struct aes_burst *burst, const struct aes_job *jobs, unsigned count);
