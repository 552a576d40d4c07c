/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* siphash.h - SipHash-2-4 (Aumasson, Bernstein 2012): keyed hash for what strangers choose */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct siphash_key {
	uint64_t k0, k1;
};

/** siphash() - SipHash-2-4 of @length bytes. */
uint64_t siphash(const struct siphash_key *key, const void *data, size_t length);

/** siphash_16() - SipHash-2-4 of exactly 16 bytes given as two words (flow tuples). */
uint64_t siphash_16(const struct siphash_key *key, uint64_t word0, uint64_t word1);

/** siphash_16_many() - the same of @count pairs of words, several at a time. */
void siphash_16_many(const struct siphash_key *key, const uint64_t *word0, const uint64_t *word1,
	uint64_t *hashes, unsigned count);
