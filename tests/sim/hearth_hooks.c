/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* hearth_hooks.c - calls that the linker leads through the simulator (--wrap) */
#include "hearth_hooks.h"

#include "chunk.h"

chunk_id __real_chunk_get(struct chunk_pool *pool, uint32_t bytes);
chunk_id __wrap_chunk_get(struct chunk_pool *pool, uint32_t bytes);
uint64_t __real_siphash_16(const struct siphash_key *key, uint64_t word0, uint64_t word1);
uint64_t __wrap_siphash_16(const struct siphash_key *key, uint64_t word0, uint64_t word1);

chunk_id __wrap_chunk_get(struct chunk_pool *pool, uint32_t bytes)
{
	return hearth_chunk_fails() ? 0 : __real_chunk_get(pool, bytes);
}

uint64_t __wrap_siphash_16(const struct siphash_key *key, uint64_t word0, uint64_t word1)
{
	uint64_t f;

	return hearth_keyed(key, word0, word1, &f) ? f : __real_siphash_16(key, word0, word1);
}
