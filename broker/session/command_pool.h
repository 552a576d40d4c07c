/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* command_pool.h - layout of PATH.commands, and what the command files share */
#pragma once

#include "feed/crc32c.h"
#include "session/command.h"

#include <string.h>

#define COMMAND_POOL_MAGIC 0x4c4f4f5054485248ull /* "HRHTPOOL" */
#define COMMAND_POOL_LAYOUT 1
#define COMMAND_POOL_HEADER 4096
#define COMMAND_POOL_WORKERS 128

/** struct command_pool_header - the file's first page; @checksum: of what stands before it */
struct command_pool_header {
	uint64_t magic;
	uint32_t layout;
	uint32_t block_bytes;
	uint32_t blocks;
	uint32_t checksum;
};
_Static_assert(sizeof(struct command_pool_header) == 24, "header of a command pool");

/**
 * struct command_block - a block; one that is all 0 at @life is free in every layout
 *
 * @life: of a chain's first block; 0 in the others
 * @handle, @number: stored before a life that says COMMAND_SENT
 * @checksum: CRC-32C from @used to the end of what is used of @body
 * @used: bytes of @body
 * @more: the chain's next block + 1
 * @position: which of the chain it is
 * @order: grows with every command that is taken, over restarts, too
 * @body: of the first: device id, then the payload's beginning
 */
struct command_block {
	uint64_t life;
	uint64_t handle;
	uint64_t number;
	uint32_t checksum;
	/* immutable */
	uint32_t used;
	uint64_t request;
	uint64_t order;
	uint64_t expires;
	uint64_t event;
	uint32_t more;
	uint32_t position;
	uint32_t code;
	uint32_t payload_length;
	uint8_t device_length;
	uint8_t kind;
	uint8_t worker;
	uint8_t reserved[5];
	uint8_t body[];
};
_Static_assert(sizeof(struct command_block) == 88, "what stands before a block's body");

#define COMMAND_BODY (COMMAND_BLOCK_BYTES - sizeof(struct command_block))

/**
 * struct command_pool
 *
 * @free_head: count of changes 32 bits | first free block + 1: a lock-free stack of all workers
 * @free_next: links of that stack
 * @order: of the command that was taken last
 * @by_request: on attach only: first blocks + 1 by hash of their request
 */
struct command_pool {
	int fd;
	bool attached;
	size_t bytes;
	uint32_t blocks, damaged;
	unsigned worker_count;
	uint8_t *map;
	struct command_slot *slots;
	uint32_t *free_next;
	uint32_t *by_request;
	uint32_t by_request_mask;
	_Alignas(64) uint64_t free_head;
	_Alignas(64) uint64_t order;
	uint32_t used;
	struct command_worker *workers[COMMAND_POOL_WORKERS];
};

/**
 * struct command_worker
 * @changed: in order of decision; each at most once
 * @held: in no order
 */
struct command_worker {
	struct command_pool *pool;
	uint32_t *changed, *held;
	uint32_t changed_count, held_count, cursor;
	uint32_t first, last, arrived; /* first, last: + 1 */
};

static inline struct command_block *command_block(const struct command_pool *pool, uint32_t index)
{
	return (struct command_block *)(pool->map + COMMAND_POOL_HEADER +
					(size_t)index * COMMAND_BLOCK_BYTES);
}

static inline struct command_life command_life_load(const struct command_block *block)
{
	uint64_t word = __atomic_load_n(&block->life, __ATOMIC_ACQUIRE);
	struct command_life life;

	memcpy(&life, &word, sizeof(life));
	return life;
}

static inline void command_life_store(struct command_block *block, struct command_life life)
{
	uint64_t word;

	memcpy(&word, &life, sizeof(word));
	__atomic_store_n(&block->life, word, __ATOMIC_RELEASE);
}

static inline uint32_t command_block_checksum(const struct command_block *block)
{
	return feed_crc32c(
		&block->used, sizeof(*block) - offsetof(struct command_block, used) + block->used);
}

/** command_block_put() - give a block that is in no chain back to the free ones. */
void command_block_put(struct command_pool *pool, uint32_t index);

/** command_chain_put() - free all blocks of a chain. @first: + 1, 0: nothing is done. */
void command_chain_put(struct command_pool *pool, uint32_t first);
