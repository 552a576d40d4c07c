/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* chunk.c - per-worker pool of small buffers: four classes, one free list each */

#include "chunk.h"

#include <assert.h>

/* The sanitizer cannot see into our slab: a chunk that lies on a free list is poisoned by hand. */
#if defined(__SANITIZE_ADDRESS__)
#define CHUNK_POISON 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CHUNK_POISON 1
#endif
#endif
#ifdef CHUNK_POISON
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#endif

#define CHUNK_LINE 64
#define CHUNK_CLASS_SHIFT 29
#define CHUNK_INDEX_MASK ((1u << CHUNK_CLASS_SHIFT) - 1)
/* In link[]: the chunk is in use. A put of a chunk that is not would hand it out twice. */
#define CHUNK_IN_USE UINT32_MAX

const uint32_t chunk_class_bytes[CHUNK_CLASSES] = {512, 2048, 16384, 67584};

/*
 * The links of the free lists lie apart from the chunks, so that a write past the end of a buffer
 * cannot turn into a free list that points anywhere, and putting a chunk back touches no cold line.
 */
struct chunk_class {
	uint8_t *data;
	uint32_t *link; /* index + 1 of the next free chunk, 0 at the end, CHUNK_IN_USE */
	uint32_t count;
	uint32_t fresh; /* chunks never taken yet start here: untouched pages stay untouched */
	uint32_t head;  /* index + 1 of the first free chunk that was in use before */
	uint32_t free;
};

struct chunk_pool {
	struct chunk_class classes[CHUNK_CLASSES];
	bool poison;
};

static size_t round_line(size_t bytes)
{
	return (bytes + CHUNK_LINE - 1) & ~(size_t)(CHUNK_LINE - 1);
}

size_t chunk_pool_bytes(const struct chunk_pool_config *config)
{
	size_t bytes = round_line(sizeof(struct chunk_pool));

	for (unsigned class = 0; class < CHUNK_CLASSES; class ++) {
		bytes += round_line((size_t)config->count[class] * sizeof(uint32_t));
		bytes += (size_t)config->count[class] * chunk_class_bytes[class];
	}
	return bytes;
}

struct chunk_pool *chunk_pool_init(void *memory, const struct chunk_pool_config *config)
{
	struct chunk_pool *pool = memory;
	uint8_t *at = (uint8_t *)memory + round_line(sizeof(*pool));

	for (unsigned class = 0; class < CHUNK_CLASSES; class ++) {
		struct chunk_class *c = &pool->classes[class];
		size_t data_bytes = (size_t)config->count[class] * chunk_class_bytes[class];

		assert(config->count[class] < CHUNK_INDEX_MASK);
		c->count = config->count[class];
		c->free = c->count;
		c->link = (uint32_t *)at;
		at += round_line((size_t)c->count * sizeof(uint32_t));
		c->data = at;
		at += data_bytes;
		if (config->poison)
			ASAN_POISON_MEMORY_REGION(c->data, data_bytes);
	}
	pool->poison = config->poison;
	return pool;
}

void chunk_pool_fini(struct chunk_pool *pool)
{
	for (unsigned class = 0; class < CHUNK_CLASSES; class ++)
		ASAN_UNPOISON_MEMORY_REGION(pool->classes[class].data,
			(size_t)pool->classes[class].count * chunk_class_bytes[class]);
}

/* The smallest class that holds @bytes and has a free chunk, or CHUNK_CLASSES. */
static unsigned chunk_pick(const struct chunk_pool *pool, uint32_t bytes)
{
	unsigned class = 0;

	while (class < CHUNK_CLASSES && chunk_class_bytes[class] < bytes)
		class ++;
	if (class == CHUNK_CLASSES || pool->classes[class].free > 0)
		return class;
	/* One class up at most: a crowd of small users must leave the large chunks alone. */
	class ++;
	if (class < CHUNK_CLASSES && pool->classes[class].free > 0)
		return class;
	return CHUNK_CLASSES;
}

bool chunk_available(const struct chunk_pool *pool, uint32_t bytes)
{
	return chunk_pick(pool, bytes) < CHUNK_CLASSES;
}

chunk_id chunk_get(struct chunk_pool *pool, uint32_t bytes)
{
	unsigned class = chunk_pick(pool, bytes);
	struct chunk_class *c;
	uint32_t index;

	if (class == CHUNK_CLASSES)
		return 0;
	c = &pool->classes[class];
	/* Warm ones first: the chunk put back last is most likely still in the cache. */
	if (c->head) {
		index = c->head - 1;
		c->head = c->link[index];
	} else {
		index = c->fresh++;
	}
	c->link[index] = CHUNK_IN_USE;
	c->free--;
	ASAN_UNPOISON_MEMORY_REGION(
		c->data + (size_t)index * chunk_class_bytes[class], chunk_class_bytes[class]);
	return (chunk_id) class << CHUNK_CLASS_SHIFT | (index + 1);
}

void chunk_put(struct chunk_pool *pool, chunk_id id)
{
	unsigned class = id >> CHUNK_CLASS_SHIFT;
	uint32_t index = (id & CHUNK_INDEX_MASK) - 1;
	struct chunk_class *c;

	if (!id)
		return;
	assert(class < CHUNK_CLASSES);
	c = &pool->classes[class];
	assert(index < c->count && c->link[index] == CHUNK_IN_USE);
	c->link[index] = c->head;
	c->head = index + 1;
	c->free++;
	if (pool->poison)
		ASAN_POISON_MEMORY_REGION(c->data + (size_t)index * chunk_class_bytes[class],
			chunk_class_bytes[class]);
}

uint8_t *chunk_data(const struct chunk_pool *pool, chunk_id id)
{
	unsigned class = id >> CHUNK_CLASS_SHIFT;

	return pool->classes[class].data +
	       (size_t)((id & CHUNK_INDEX_MASK) - 1) * chunk_class_bytes[class];
}

uint32_t chunk_room(const struct chunk_pool *pool, chunk_id id)
{
	return chunk_class_bytes[id >> CHUNK_CLASS_SHIFT];
}

uint32_t chunk_count(const struct chunk_pool *pool, unsigned class)
{
	return class < CHUNK_CLASSES ? pool->classes[class].count : 0;
}

uint32_t chunk_free_count(const struct chunk_pool *pool, unsigned class)
{
	return class < CHUNK_CLASSES ? pool->classes[class].free : 0;
}
