/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* command.c - commands in the pool: placed, changed, committed; those that a worker has */
#include "session/command_pool.h"

/* Several pieces that are written one behind the other. */
struct piece {
	const uint8_t *at;
	uint32_t length;
};

/* ---- blocks ---- */

void command_block_put(struct command_pool *pool, uint32_t index)
{
	uint64_t head = __atomic_load_n(&pool->free_head, __ATOMIC_RELAXED), next;

	do {
		__atomic_store_n(&pool->free_next[index], (uint32_t)head, __ATOMIC_RELAXED);
		next = ((head >> 32) + 1) << 32 | (index + 1);
	} while (!__atomic_compare_exchange_n(
		&pool->free_head, &head, next, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED));
	__atomic_fetch_sub(&pool->used, 1, __ATOMIC_RELAXED);
}

/* The count of changes tells a stack that looks the same from one that is (ABA). */
static uint32_t block_get(struct command_pool *pool)
{
	uint64_t head = __atomic_load_n(&pool->free_head, __ATOMIC_ACQUIRE), next;

	do {
		if (!(uint32_t)head)
			return COMMAND_NONE;
		next = ((head >> 32) + 1) << 32 |
		       __atomic_load_n(&pool->free_next[(uint32_t)head - 1], __ATOMIC_RELAXED);
	} while (!__atomic_compare_exchange_n(
		&pool->free_head, &head, next, false, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE));
	__atomic_fetch_add(&pool->used, 1, __ATOMIC_RELAXED);
	return (uint32_t)head - 1;
}

void command_chain_put(struct command_pool *pool, uint32_t first)
{
	while (first) {
		const uint32_t index = first - 1;

		first = command_block(pool, index)->more;
		command_block_put(pool, index);
	}
}

/* Blocks for @bytes, linked; the first + 1, or 0. */
static uint32_t chain_get(struct command_pool *pool, uint64_t bytes)
{
	uint32_t count = bytes ? (uint32_t)((bytes + COMMAND_BODY - 1) / COMMAND_BODY) : 1;
	uint32_t first = 0;

	while (count-- > 0) {
		const uint32_t index = block_get(pool);

		if (index == COMMAND_NONE) {
			command_chain_put(pool, first);
			return 0;
		}
		command_block(pool, index)->more = first;
		command_block(pool, index)->position = count;
		first = index + 1;
	}
	return first;
}

/* Fill in a chain behind what the first block says of the command; all of it but its life. */
static void chain_write(struct command_pool *pool, uint32_t first, uint64_t request,
	struct piece *pieces, unsigned count)
{
	for (; first; first = command_block(pool, first - 1)->more) {
		struct command_block *block = command_block(pool, first - 1);

		block->request = request;
		block->used = 0;
		while (count && block->used < COMMAND_BODY) {
			const uint32_t room = COMMAND_BODY - block->used;
			const uint32_t part = pieces->length < room ? pieces->length : room;

			if (part)
				memcpy(block->body + block->used, pieces->at, part);
			block->used += part;
			pieces->at += part;
			pieces->length -= part;
			if (pieces->length)
				break;
			pieces++;
			count--;
		}
		block->checksum = command_block_checksum(block);
	}
}

/* Copy @length bytes of a chain from byte @from on. */
static void chain_read(const struct command_pool *pool, uint32_t first, uint32_t from, uint8_t *out,
	uint32_t length)
{
	for (; first && length; first = command_block(pool, first - 1)->more) {
		const struct command_block *block = command_block(pool, first - 1);
		uint32_t part;

		if (from >= block->used) {
			from -= block->used;
			continue;
		}
		part = block->used - from < length ? block->used - from : length;
		memcpy(out, block->body + from, part);
		out += part;
		length -= part;
		from = 0;
	}
}

/* ---- a command's way through the pool ---- */

/* What stands in its first block besides the chain's own. */
static void describe(struct command_block *block, const struct command_text *text, uint64_t order)
{
	block->order = order;
	block->expires = text->expires;
	block->event = text->event;
	block->code = text->code;
	block->payload_length = text->payload_length;
	block->device_length = text->device_length;
	block->kind = text->kind;
	block->worker = text->worker;
	memset(block->reserved, 0, sizeof(block->reserved));
}

uint32_t command_place(struct command_worker *worker, const struct command_text *text)
{
	static const struct command_text more;
	struct command_pool *pool = worker->pool;
	struct piece pieces[] = {{(const uint8_t *)text->device, text->device_length},
		{text->payload, text->payload_length}};
	uint32_t first =
		chain_get(pool, (uint64_t)text->device_length + (uint64_t)text->payload_length);
	const struct command_life placed = {.state = COMMAND_PLACED};
	struct command_slot *slot;

	if (!first)
		return COMMAND_NONE;
	for (uint32_t at = first; at; at = command_block(pool, at - 1)->more)
		describe(command_block(pool, at - 1), &more, 0);
	describe(command_block(pool, first - 1), text,
		__atomic_add_fetch(&pool->order, 1, __ATOMIC_RELAXED));
	chain_write(pool, first, text->request, pieces, 2);
	slot = &pool->slots[first - 1];
	*slot = (struct command_slot){.life = placed};
	command_life_store(command_block(pool, first - 1), placed);
	return first - 1;
}

struct command_slot *command_slot(const struct command_worker *worker, uint32_t index)
{
	return &worker->pool->slots[index];
}

void command_text_of(const struct command_worker *worker, uint32_t index, struct command_text *text)
{
	const struct command_block *block = command_block(worker->pool, index);

	*text = (struct command_text){.request = block->request,
		.expires = block->expires,
		.event = block->event,
		.code = block->code,
		.payload_length = block->payload_length,
		.kind = block->kind,
		.worker = block->worker,
		.device_length = block->device_length,
		.device = (const char *)block->body};
}

void command_payload(const struct command_worker *worker, uint32_t index, uint8_t *out)
{
	const struct command_block *block = command_block(worker->pool, index);

	chain_read(worker->pool, index + 1, block->device_length, out, block->payload_length);
}

void command_change(struct command_worker *worker, uint32_t index, struct command_life life)
{
	struct command_slot *slot = &worker->pool->slots[index];

	if (!life.kept)
		life.kept = slot->life.kept; /* to be freed with it */
	slot->life = life;
	if (slot->changed)
		return;
	slot->changed = true;
	worker->changed[worker->changed_count++] = index;
}

uint32_t command_keep(struct command_worker *worker, uint64_t request, const void *head,
	uint32_t head_length, const void *device, uint32_t device_length, const void *payload,
	uint32_t payload_length)
{
	struct command_pool *pool = worker->pool;
	const uint64_t length = (uint64_t)head_length + device_length + payload_length;
	struct piece pieces[] = {
		{head, head_length}, {device, device_length}, {payload, payload_length}};
	const struct command_text text = {.payload_length = (uint32_t)length};
	uint32_t first = chain_get(pool, length);

	for (uint32_t at = first; at; at = command_block(pool, at - 1)->more)
		describe(command_block(pool, at - 1), &text, 0);
	chain_write(pool, first, request, pieces, 3);
	return first;
}

uint32_t command_kept(
	const struct command_worker *worker, uint32_t kept, uint8_t *out, uint32_t size)
{
	uint32_t length = command_block(worker->pool, kept - 1)->payload_length;

	if (length > size)
		length = size;
	chain_read(worker->pool, kept, 0, out, length);
	return length;
}

/* A block is on the free stack only once its life says so, too. */
static void store(struct command_pool *pool, uint32_t index)
{
	struct command_slot *slot = &pool->slots[index];
	struct command_block *block = command_block(pool, index);
	const uint32_t kept = slot->life.kept;

	slot->changed = false;
	if (slot->life.state != COMMAND_FREE) {
		__atomic_store_n(&block->handle, slot->handle, __ATOMIC_RELAXED);
		__atomic_store_n(&block->number, slot->number, __ATOMIC_RELAXED);
		command_life_store(block, slot->life);
		return;
	}
	command_life_store(block, (struct command_life){0});
	command_chain_put(pool, kept);
	command_chain_put(pool, index + 1);
}

void command_commit(struct command_worker *worker)
{
	for (uint32_t i = 0; i < worker->changed_count; i++)
		store(worker->pool, worker->changed[i]);
	worker->changed_count = 0;
}

/* ---- those that have arrived ---- */

void command_arrive(struct command_worker *worker, uint32_t index)
{
	worker->pool->slots[index].next = 0;
	if (worker->last)
		worker->pool->slots[worker->last - 1].next = index + 1;
	else
		worker->first = index + 1;
	worker->last = index + 1;
	worker->arrived++;
}

uint32_t command_first(struct command_worker *worker)
{
	const uint32_t first = worker->first;

	if (!first)
		return COMMAND_NONE;
	worker->first = worker->pool->slots[first - 1].next;
	if (!worker->first)
		worker->last = 0;
	worker->pool->slots[first - 1].next = 0;
	worker->arrived--;
	return first - 1;
}

void command_return(struct command_worker *worker, uint32_t index)
{
	worker->pool->slots[index].next = worker->first;
	worker->first = index + 1;
	if (!worker->last)
		worker->last = index + 1;
	worker->arrived++;
}

uint32_t command_arrived(const struct command_worker *worker)
{
	return worker->arrived;
}

/* ---- those that are held ---- */

void command_hold(struct command_worker *worker, uint32_t index)
{
	struct command_slot *slot = &worker->pool->slots[index];

	if (slot->place)
		return;
	worker->held[worker->held_count++] = index;
	slot->place = worker->held_count;
}

void command_release(struct command_worker *worker, uint32_t index)
{
	struct command_slot *slot = &worker->pool->slots[index];
	uint32_t last;

	if (!slot->place)
		return;
	last = worker->held[--worker->held_count];
	worker->held[slot->place - 1] = last;
	worker->pool->slots[last].place = slot->place;
	slot->place = 0;
}

uint32_t command_held(const struct command_worker *worker)
{
	return worker->held_count;
}

/* Downwards: who is released gives its place to one that was looked at already, or will be next
 * time. */
void command_sweep(struct command_worker *worker, uint32_t budget,
	bool (*visit)(void *context, uint32_t index), void *context)
{
	if (budget > worker->held_count)
		budget = worker->held_count;
	while (budget-- > 0 && worker->held_count) {
		if (!worker->cursor || worker->cursor > worker->held_count)
			worker->cursor = worker->held_count;
		if (!visit(context, worker->held[--worker->cursor]))
			break;
	}
}
