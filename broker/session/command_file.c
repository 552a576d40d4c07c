/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* command_file.c - the pool's file: made whole or not at all, attached with what is under way */
#include "session/command_pool.h"

#include "feed/hearth_feed.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define refuse(config, code, format, ...)                                                          \
	(snprintf(error, size, "%s: " format, (config)->path, ##__VA_ARGS__), code)

static size_t file_bytes(uint32_t blocks)
{
	return COMMAND_POOL_HEADER + (size_t)blocks * COMMAND_BLOCK_BYTES;
}

static uint32_t header_checksum(const struct command_pool_header *header)
{
	return feed_crc32c(header, offsetof(struct command_pool_header, checksum));
}

/* ---- the file ---- */

/* Under another name; whoever holds the rings' lock is the only one who does. */
static int make(
	struct command_pool *pool, const struct command_config *config, char *error, size_t size)
{
	struct command_pool_header header = {.magic = COMMAND_POOL_MAGIC,
		.layout = COMMAND_POOL_LAYOUT,
		.block_bytes = COMMAND_BLOCK_BYTES,
		.blocks = config->blocks};
	const size_t bytes = file_bytes(config->blocks);
	char name[PATH_MAX];
	int rc = 0;

	if (snprintf(name, sizeof(name), "%s.new", config->path) >= (int)sizeof(name))
		return refuse(config, -ENAMETOOLONG, "the path is too long");
	unlink(name);
	pool->fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (pool->fd < 0)
		return refuse(config, -errno, "cannot be made: %s", strerror(errno));
	header.checksum = header_checksum(&header);
	/* all of it now: a full file system must not become a SIGBUS later */
	rc = -posix_fallocate(pool->fd, 0, (off_t)bytes);
	if (rc == 0 && pwrite(pool->fd, &header, sizeof(header), 0) != sizeof(header))
		rc = -EIO;
	if (rc == 0 && rename(name, config->path) < 0)
		rc = -errno;
	if (rc == 0) {
		pool->blocks = config->blocks;
		pool->bytes = bytes;
		return 0;
	}
	unlink(name);
	close(pool->fd);
	pool->fd = -1;
	return refuse(config, rc,
		"no room for %zu KiB (%s): lower limits.commands, or give its file system more "
		"memory",
		bytes >> 10, strerror(-rc));
}

/* In every layout a block begins with its life, and 0 is free. */
static bool all_free(int fd, const struct command_pool_header *header)
{
	uint64_t life;

	for (uint32_t i = 0; i < header->blocks; i++) {
		const off_t at = COMMAND_POOL_HEADER + (off_t)i * header->block_bytes;

		if (pread(fd, &life, sizeof(life), at) != sizeof(life) || life)
			return false;
	}
	return true;
}

/* The file that is there. -ENOENT: there is none; -ESTALE: one that may be made anew. */
static int find(
	struct command_pool *pool, const struct command_config *config, char *error, size_t size)
{
	struct command_pool_header header;
	struct stat status;

	pool->fd = open(config->path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (pool->fd < 0 && errno == ENOENT)
		return -ENOENT;
	if (pool->fd < 0 && errno != ELOOP)
		return refuse(config, -errno, "cannot open it: %s", strerror(errno));
	if (pool->fd < 0 || fstat(pool->fd, &status) < 0 || !S_ISREG(status.st_mode) ||
		status.st_uid != geteuid() || (status.st_mode & 0077))
		return refuse(config, -EPERM,
			"not a file that only this user can read and write: remove it");
	if (pread(pool->fd, &header, sizeof(header), 0) != sizeof(header) ||
		header.magic != COMMAND_POOL_MAGIC || header.checksum != header_checksum(&header) ||
		header.blocks == 0 || header.blocks > COMMAND_BLOCKS_MAX ||
		header.block_bytes < sizeof(uint64_t) ||
		status.st_size !=
			(off_t)(COMMAND_POOL_HEADER + (uint64_t)header.blocks * header.block_bytes))
		return refuse(config, -EPROTO,
			"not a pool of commands, or a damaged one: remove it (the outcomes of "
			"commands under way are lost)");
	pool->blocks = header.blocks;
	pool->bytes = (size_t)status.st_size;
	if (header.layout == COMMAND_POOL_LAYOUT && header.block_bytes == COMMAND_BLOCK_BYTES &&
		header.blocks == config->blocks)
		return 0;
	if (all_free(pool->fd, &header))
		return -ESTALE;
	if (header.layout != COMMAND_POOL_LAYOUT || header.block_bytes != COMMAND_BLOCK_BYTES)
		return refuse(config, -EEXIST,
			"holds commands under way in layout version %u, this broker writes %u: "
			"start the broker that wrote it until they have ended, or remove the file "
			"(their outcomes are lost)",
			header.layout, COMMAND_POOL_LAYOUT);
	return refuse(config, -EEXIST,
		"holds commands under way in a pool of %u, and limits.commands is %u: put it back "
		"until they have ended, or remove the file (their outcomes are lost)",
		header.blocks, config->blocks);
}

static int open_file(
	struct command_pool *pool, const struct command_config *config, char *error, size_t size)
{
	int rc = find(pool, config, error, size);

	pool->attached = rc == 0;
	if (rc == -ESTALE) {
		close(pool->fd);
		pool->fd = -1;
	}
	if (rc == -ENOENT || rc == -ESTALE)
		rc = make(pool, config, error, size);
	if (rc < 0)
		return rc;
	/* all of it near at once: attaching looks at every block */
	pool->map = mmap(
		NULL, pool->bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, pool->fd, 0);
	if (pool->map == MAP_FAILED) {
		pool->map = NULL;
		return refuse(config, -errno, "cannot map it: %s", strerror(errno));
	}
	madvise(pool->map, pool->bytes, MADV_DONTDUMP);
	return 0;
}

/* ---- what a predecessor left ---- */

/* The blocks of a chain are whole, and in no other. Marks them. */
static bool chain_whole(const struct command_pool *pool, uint8_t *taken, uint32_t first)
{
	const struct command_block *block = command_block(pool, first - 1);
	const uint64_t request = block->request;
	uint64_t length = (uint64_t)block->device_length + block->payload_length, sum = 0;
	uint32_t at = first;

	for (uint32_t position = 0; at; position++, at = block->more) {
		if (at > pool->blocks || taken[at - 1] || position >= pool->blocks)
			return false;
		block = command_block(pool, at - 1);
		if (block->request != request || block->position != position ||
			block->used > COMMAND_BODY ||
			block->checksum != command_block_checksum(block))
			return false;
		sum += block->used;
	}
	if (sum != length)
		return false;
	for (at = first; at; at = command_block(pool, at - 1)->more)
		taken[at - 1] = 1;
	return true;
}

static uint32_t hash(const struct command_pool *pool, uint64_t request)
{
	return (uint32_t)(request * 0x9e3779b97f4a7c15ull >> 32) & pool->by_request_mask;
}

static void remember(struct command_pool *pool, uint32_t index)
{
	uint32_t at = hash(pool, command_block(pool, index)->request);

	while (pool->by_request[at])
		at = (at + 1) & pool->by_request_mask;
	pool->by_request[at] = index + 1;
}

/* A command as it stands in the file; false if it is damaged. */
static bool load(struct command_pool *pool, uint8_t *taken, uint32_t index)
{
	const struct command_block *block = command_block(pool, index);
	struct command_slot *slot = &pool->slots[index];
	struct command_life life = command_life_load(block);

	if (life.state > COMMAND_OWED || block->device_length > block->used ||
		!chain_whole(pool, taken, index + 1))
		return false;
	/* An answer that cannot be told any more: the device may have acted. */
	if (life.kept && (life.kept > pool->blocks || life.state != COMMAND_OWED ||
				 !chain_whole(pool, taken, (uint32_t)life.kept))) {
		life.kept = 0;
		life.reason = HEARTH_UNKNOWN;
		pool->damaged++;
	}
	*slot = (struct command_slot){.life = life};
	/* of one that was not sent the block's last user left them */
	if (life.state != COMMAND_PLACED) {
		slot->handle = block->handle;
		slot->number = block->number;
	}
	if (block->order > pool->order)
		pool->order = block->order;
	return true;
}

static int scan(struct command_pool *pool)
{
	uint8_t *taken = calloc(pool->blocks, 1);
	uint32_t slots = 16;

	while (slots < 2 * pool->blocks)
		slots *= 2;
	pool->by_request = calloc(slots, sizeof(*pool->by_request));
	pool->by_request_mask = slots - 1;
	if (!taken || !pool->by_request) {
		free(taken);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < pool->blocks; i++) {
		struct command_block *block = command_block(pool, i);

		if (!block->life)
			continue;
		if (load(pool, taken, i)) {
			remember(pool, i);
		} else {
			command_life_store(block, (struct command_life){0});
			pool->damaged++;
		}
	}
	for (uint32_t i = pool->blocks; i-- > 0;) {
		if (!taken[i])
			command_block_put(pool, i);
	}
	free(taken);
	return 0;
}

/* It has ended, in the file, too. */
static void drop(struct command_pool *pool, uint32_t index)
{
	struct command_slot *slot = &pool->slots[index];

	command_life_store(command_block(pool, index), (struct command_life){0});
	command_chain_put(pool, slot->life.kept);
	command_chain_put(pool, index + 1);
	slot->life = (struct command_life){0};
}

void command_forget(struct command_pool *pool, uint64_t request)
{
	uint32_t at = hash(pool, request);

	for (; pool->by_request && pool->by_request[at]; at = (at + 1) & pool->by_request_mask) {
		const uint32_t index = pool->by_request[at] - 1;

		if (pool->slots[index].life.state != COMMAND_FREE &&
			command_block(pool, index)->request == request)
			drop(pool, index);
	}
}

struct found {
	uint64_t order;
	uint32_t index;
};

static int by_order(const void *left, const void *right)
{
	const struct found *a = left, *b = right;

	return (a->order > b->order) - (a->order < b->order);
}

uint32_t command_attach(struct command_pool *pool, bool (*visit)(void *context, uint32_t index),
	void *context, uint32_t *damaged)
{
	struct found *found = pool->attached ? malloc(pool->blocks * sizeof(*found)) : NULL;
	uint32_t count = 0;

	*damaged = pool->damaged;
	for (uint32_t i = 0; pool->attached && i < pool->blocks; i++) {
		if (pool->slots[i].life.state == COMMAND_FREE)
			continue;
		if (found)
			found[count++] = (struct found){command_block(pool, i)->order, i};
		else if (!visit(context,
				 i)) /* no memory to sort them: only the order depends on it */
			drop(pool, i);
	}
	if (found)
		qsort(found, count, sizeof(*found), by_order);
	for (uint32_t i = 0; found && i < count; i++) {
		if (!visit(context, found[i].index))
			drop(pool, found[i].index);
	}
	free(found);
	free(pool->by_request);
	pool->by_request = NULL;
	return count;
}

/* ---- the pool ---- */

static int plain_memory(struct command_pool *pool, unsigned workers)
{
	const size_t blocks = pool->blocks;

	pool->slots = calloc(blocks, sizeof(*pool->slots));
	pool->free_next = calloc(blocks, sizeof(*pool->free_next));
	if (!pool->slots || !pool->free_next)
		return -ENOMEM;
	for (unsigned i = 0; i < workers; i++) {
		struct command_worker *worker = calloc(1, sizeof(*worker));

		if (!worker)
			return -ENOMEM;
		pool->workers[pool->worker_count++] = worker;
		worker->pool = pool;
		worker->changed = calloc(blocks, sizeof(*worker->changed));
		worker->held = calloc(blocks, sizeof(*worker->held));
		if (!worker->changed || !worker->held)
			return -ENOMEM;
	}
	return 0;
}

int command_pool_open(
	struct command_pool **out, const struct command_config *config, char *error, size_t size)
{
	struct command_pool *pool;
	int rc;

	*out = NULL;
	if (config->blocks == 0 || config->blocks > COMMAND_BLOCKS_MAX || config->workers == 0 ||
		config->workers > COMMAND_POOL_WORKERS)
		return refuse(config, -EINVAL, "needs 1..%u commands and 1..%d workers",
			COMMAND_BLOCKS_MAX, COMMAND_POOL_WORKERS);
	pool = aligned_alloc(64, (sizeof(*pool) + 63) / 64 * 64);
	if (!pool)
		return refuse(config, -ENOMEM, "out of memory");
	memset(pool, 0, sizeof(*pool));
	pool->fd = -1;
	rc = open_file(pool, config, error, size);
	if (rc < 0)
		goto fail;
	rc = plain_memory(pool, config->workers);
	pool->used = pool->blocks;
	if (rc == 0 && pool->attached)
		rc = scan(pool);
	for (uint32_t i = pool->blocks; rc == 0 && !pool->attached && i-- > 0;)
		command_block_put(pool, i);
	if (rc < 0) {
		rc = refuse(config, rc, "out of memory");
		goto fail;
	}
	*out = pool;
	return 0;
fail:
	command_pool_close(pool);
	return rc;
}

void command_pool_close(struct command_pool *pool)
{
	if (!pool)
		return;
	for (unsigned i = 0; i < pool->worker_count; i++) {
		free(pool->workers[i]->changed);
		free(pool->workers[i]->held);
		free(pool->workers[i]);
	}
	free(pool->slots);
	free(pool->free_next);
	free(pool->by_request);
	if (pool->map)
		munmap(pool->map, pool->bytes);
	if (pool->fd >= 0)
		close(pool->fd);
	free(pool);
}

bool command_pool_attached(const struct command_pool *pool)
{
	return pool->attached;
}

uint32_t command_pool_limit(const struct command_pool *pool)
{
	return pool->blocks;
}

uint32_t command_pool_used(const struct command_pool *pool)
{
	return __atomic_load_n(&pool->used, __ATOMIC_RELAXED);
}

size_t command_pool_bytes(const struct command_pool *pool)
{
	return pool->bytes + pool->blocks * (sizeof(struct command_slot) + sizeof(uint32_t) +
						    pool->worker_count * 2 * sizeof(uint32_t));
}

struct command_worker *command_worker(struct command_pool *pool, unsigned worker)
{
	return pool->workers[worker];
}
