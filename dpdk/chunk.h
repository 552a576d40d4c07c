/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* chunk.h - per-worker pool of small buffers: what is in flight or half received lives here */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A chunk's name: class in the top 3 bits, index + 1 below; 0 names no chunk. */
typedef uint32_t chunk_id;

#define CHUNK_CLASSES 4
/** Usable bytes of each class, smallest first. */
extern const uint32_t chunk_class_bytes[CHUNK_CLASSES]; /* 512, 2 KiB, 16 KiB, 66 KiB */

struct chunk_pool;

/**
 * struct chunk_pool_config - how many chunks of each class a worker has
 * @poison: with the address sanitizer: poison free chunks, which it cannot see by itself; the
 *	owner then calls chunk_pool_fini() before it gives the memory back
 */
struct chunk_pool_config {
	uint32_t count[CHUNK_CLASSES];
	bool poison;
};

/** chunk_pool_bytes() - memory that chunk_pool_init() needs for @config. */
size_t chunk_pool_bytes(const struct chunk_pool_config *config);

/** chunk_pool_init() - lay a pool out in zeroed @memory (64-byte aligned); never fails. */
struct chunk_pool *chunk_pool_init(void *memory, const struct chunk_pool_config *config);

/** chunk_pool_fini() - the pool's memory may be given back: nothing of it stays poisoned. */
void chunk_pool_fini(struct chunk_pool *pool);

/**
 * chunk_get() - take a chunk of at least @bytes
 *
 * Takes from the smallest class that fits and has one; never from a larger class than needed plus
 * one, so that small users cannot eat the large chunks.
 * Return: its id, or 0 when none is free or @bytes exceeds the largest class.
 */
chunk_id chunk_get(struct chunk_pool *pool, uint32_t bytes);

/** chunk_available() - whether chunk_get() of @bytes would succeed now. */
bool chunk_available(const struct chunk_pool *pool, uint32_t bytes);

/** chunk_put() - give a chunk back; 0 is allowed. Its bytes are wiped by nobody. */
void chunk_put(struct chunk_pool *pool, chunk_id id);

/** chunk_data() - the bytes of a chunk. */
uint8_t *chunk_data(const struct chunk_pool *pool, chunk_id id);

/** chunk_room() - usable bytes of a chunk. */
uint32_t chunk_room(const struct chunk_pool *pool, chunk_id id);

/** chunk_count() - chunks of a class, free or not. */
uint32_t chunk_count(const struct chunk_pool *pool, unsigned class);

/** chunk_free_count() - chunks now free in a class, for status, windows and tests. */
uint32_t chunk_free_count(const struct chunk_pool *pool, unsigned class);
