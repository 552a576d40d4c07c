/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* trace.c - who is followed, and a ring of records from each worker to the control thread */
#include "trace.h"

#include "counter.h"
#include "memory.h"

#include <errno.h>
#include <string.h>

/* Smaller than any record: what is left at a ring's end is stepped over. */
#define ROUND 16u

/**
 * struct side - a worker's ring; cursors grow for ever
 * @word: what it last saw of trace.word
 * @head: published by the worker
 * @pending: added, not published
 * @lost: by slot
 * @tail: what the control thread is done with
 */
struct trace_side {
	_Alignas(128) struct trace *trace;
	uint64_t word;
	uint64_t head, pending;
	uint64_t lost[TRACE_DEVICES_MAX];
	uint8_t *ring;
	uint8_t worker;
	_Alignas(128) uint64_t tail;
};

/**
 * struct slot - a device that is followed
 * @follow: number of this following; records of an older one are stepped over
 * @free_at: epoch since which no worker looks at it, once all have seen that
 * @address: where the device was last, two words
 * @lost: how many losses have been told, by worker
 */
struct slot {
	char id[TRACE_ID_MAX];
	uint32_t length;
	uint32_t follow;
	uint32_t followers;
	uint32_t free_at;
	uint64_t address[2];
	uint64_t lost;
};

/**
 * struct trace
 * @word: epoch 32 bits | a bit for each slot; the epoch grows with every change
 * @reading: the side whose record trace_next() gave
 */
struct trace {
	_Alignas(128) uint64_t word;
	_Alignas(128) struct slot slots[TRACE_DEVICES_MAX];
	uint32_t follows;
	unsigned workers;
	size_t bytes;
	struct trace_side *reading;
	struct trace_side sides[];
};

struct trace *trace_new(unsigned workers)
{
	const size_t bytes = sizeof(struct trace) + workers * sizeof(struct trace_side);
	struct trace *trace = memory_map(bytes, false);

	if (!trace)
		return NULL;
	trace->workers = workers;
	trace->bytes = bytes;
	for (unsigned i = 0; i < workers; i++) {
		trace->sides[i].trace = trace;
		trace->sides[i].worker = (uint8_t)i;
	}
	return trace;
}

void trace_free(struct trace *trace)
{
	if (!trace)
		return;
	for (unsigned i = 0; i < trace->workers; i++)
		memory_unmap(trace->sides[i].ring, TRACE_RING_BYTES);
	memory_unmap(trace, trace->bytes);
}

/* ---- the control thread ---- */

/* Every page is there before a worker writes to it: a turn makes no page faults. */
static int make_rings(struct trace *trace)
{
	for (unsigned i = 0; i < trace->workers; i++) {
		struct trace_side *side = &trace->sides[i];

		if (side->ring)
			continue;
		side->ring = memory_map(TRACE_RING_BYTES, false);
		if (!side->ring)
			return -ENOMEM;
		for (size_t at = 0; at < TRACE_RING_BYTES; at += 4096)
			((volatile uint8_t *)side->ring)[at] = 0;
	}
	return 0;
}

/* Has every worker seen that nobody follows it any more? */
static bool is_free(const struct trace *trace, const struct slot *slot)
{
	if (slot->followers)
		return false;
	for (unsigned i = 0; i < trace->workers && slot->free_at; i++) {
		uint64_t word = __atomic_load_n(&trace->sides[i].word, __ATOMIC_ACQUIRE);

		if ((int32_t)((uint32_t)(word >> 32) - slot->free_at) < 0)
			return false;
	}
	return true;
}

/* Workers take this up with their next turns. Return: its epoch. */
static uint32_t set_mask(struct trace *trace, uint32_t mask)
{
	const uint32_t epoch = (uint32_t)(trace->word >> 32) + 1;

	__atomic_store_n(&trace->word, (uint64_t)epoch << 32 | mask, __ATOMIC_RELEASE);
	return epoch;
}

static uint64_t losses(const struct trace *trace, unsigned slot)
{
	uint64_t lost = 0;

	for (unsigned i = 0; i < trace->workers; i++)
		lost += counter_read(&trace->sides[i].lost[slot]);
	return lost;
}

int trace_follow(struct trace *trace, const char *id, size_t length)
{
	int found = -1, rc;
	bool busy = false;

	if (!length || length > TRACE_ID_MAX)
		return -EINVAL;
	for (int i = 0; i < TRACE_DEVICES_MAX; i++) {
		struct slot *slot = &trace->slots[i];

		if (slot->followers && slot->length == length && !memcmp(slot->id, id, length)) {
			slot->followers++;
			return i;
		}
		busy |= !slot->followers;
		if (found < 0 && is_free(trace, slot))
			found = i;
	}
	if (found < 0)
		return busy ? -EAGAIN : -ENOSPC;
	rc = make_rings(trace);
	if (rc)
		return rc;
	trace->slots[found] = (struct slot){.length = (uint32_t)length,
		.follow = ++trace->follows,
		.followers = 1,
		.lost = losses(trace, (unsigned)found)};
	memcpy(trace->slots[found].id, id, length);
	set_mask(trace, (uint32_t)trace->word | 1u << found);
	return found;
}

void trace_leave(struct trace *trace, unsigned slot)
{
	if (--trace->slots[slot].followers == 0)
		trace->slots[slot].free_at = set_mask(trace, (uint32_t)trace->word & ~(1u << slot));
}

/* The record at a side's tail; what is left at the ring's end is stepped over. */
static const struct trace_record *first_of(struct trace_side *side)
{
	const uint64_t head = __atomic_load_n(&side->head, __ATOMIC_ACQUIRE);
	const struct trace_record *record;

	while (side->tail != head) {
		uint32_t at = side->tail % TRACE_RING_BYTES;

		record = (const struct trace_record *)(side->ring + at);
		if (TRACE_RING_BYTES - at >= sizeof(*record) && record->bytes)
			return record;
		__atomic_store_n(&side->tail, side->tail + TRACE_RING_BYTES - at, __ATOMIC_RELEASE);
	}
	return NULL;
}

const struct trace_record *trace_next(struct trace *trace)
{
	const struct trace_record *oldest = NULL;

	for (unsigned i = 0; i < trace->workers; i++) {
		struct trace_side *side = &trace->sides[i];
		const struct trace_record *record;

		while ((record = first_of(side)) &&
			(!trace->slots[record->slot].followers ||
				trace->slots[record->slot].follow != record->follow))
			__atomic_store_n(&side->tail, side->tail + record->bytes, __ATOMIC_RELEASE);
		if (record && (!oldest || (int64_t)(record->us - oldest->us) < 0)) {
			oldest = record;
			trace->reading = side;
		}
	}
	return oldest;
}

void trace_done(struct trace *trace)
{
	struct trace_side *side = trace->reading;
	const struct trace_record *record = first_of(side);

	if (record)
		__atomic_store_n(&side->tail, side->tail + record->bytes, __ATOMIC_RELEASE);
}

uint64_t trace_lost(struct trace *trace, unsigned slot)
{
	const uint64_t lost = losses(trace, slot), before = trace->slots[slot].lost;

	trace->slots[slot].lost = lost;
	return lost - before;
}

/* ---- a worker ---- */

struct trace_side *trace_side(struct trace *trace, unsigned worker)
{
	return &trace->sides[worker];
}

uint32_t trace_turn(struct trace_side *side)
{
	const uint64_t word = __atomic_load_n(&side->trace->word, __ATOMIC_ACQUIRE);

	/* It tells the control thread which slots may still be looked at. */
	if (word != side->word)
		__atomic_store_n(&side->word, word, __ATOMIC_RELEASE);
	return (uint32_t)word;
}

int trace_match(const struct trace_side *side, uint32_t following, const void *id, uint32_t length)
{
	for (int i = 0; i < TRACE_DEVICES_MAX; i++) {
		const struct slot *slot = &side->trace->slots[i];

		if (following & 1u << i && slot->length == length && !memcmp(slot->id, id, length))
			return i;
	}
	return -1;
}

/* Another worker may write it: at worst a line is missing, or is one too many. */
void trace_at(struct trace_side *side, unsigned slot, const uint8_t address[16])
{
	uint64_t words[2];

	memcpy(words, address, sizeof(words));
	for (unsigned i = 0; i < 2; i++)
		__atomic_store_n(&side->trace->slots[slot].address[i], words[i], __ATOMIC_RELAXED);
}

int trace_match_at(const struct trace_side *side, uint32_t following, const uint8_t address[16])
{
	uint64_t words[2];

	memcpy(words, address, sizeof(words));
	for (int i = 0; i < TRACE_DEVICES_MAX && (words[0] | words[1]); i++) {
		const uint64_t *at = side->trace->slots[i].address;

		if (following & 1u << i && __atomic_load_n(&at[0], __ATOMIC_RELAXED) == words[0] &&
			__atomic_load_n(&at[1], __ATOMIC_RELAXED) == words[1])
			return i;
	}
	return -1;
}

struct trace_record *trace_add(struct trace_side *side, unsigned slot, uint32_t room)
{
	const uint64_t tail = __atomic_load_n(&side->tail, __ATOMIC_ACQUIRE);
	const uint32_t bytes =
		((uint32_t)sizeof(struct trace_record) + room + ROUND - 1) & ~(ROUND - 1);
	const uint32_t at = side->pending % TRACE_RING_BYTES, left = TRACE_RING_BYTES - at;
	const uint32_t skip = left < bytes ? left : 0;
	struct trace_record *record;

	if (room > TRACE_RING_BYTES || side->pending + skip + bytes - tail > TRACE_RING_BYTES) {
		counter_add(&side->lost[slot], 1);
		return NULL;
	}
	if (skip >= sizeof(*record))
		((struct trace_record *)(side->ring + at))->bytes = 0;
	side->pending += skip;
	record = (struct trace_record *)(side->ring + (skip ? 0 : at));
	*record = (struct trace_record){.bytes = bytes,
		.follow = side->trace->slots[slot].follow,
		.event = TRACE_NO_EVENT,
		.worker = side->worker,
		.slot = (uint8_t)slot};
	return record;
}

void trace_added(struct trace_side *side, struct trace_record *record)
{
	record->bytes =
		((uint32_t)sizeof(*record) + record->payload_length + ROUND - 1) & ~(ROUND - 1);
	side->pending += record->bytes;
}

void trace_publish(struct trace_side *side)
{
	__atomic_store_n(&side->head, side->pending, __ATOMIC_RELEASE);
}
