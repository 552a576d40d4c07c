/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* forward.c - frames between workers: one single-producer single-consumer ring for each pair */
#include "forward.h"

#include "memory.h"
#include "rss.h"

#include <errno.h>

/* All rings that end at one worker hold about so many frames together. */
#define SLOTS_PER_WORKER 1024

/**
 * struct ring - cursors grow without bound, modulo 2^32; slots are a power of two
 * @head: frames put, written by the producer; @seen: the tail that it last saw
 * @tail: frames released, written by the consumer; @known: the head that it last saw; @taken: of
 *	them in its hands
 */
struct ring {
	_Alignas(64) uint32_t head;
	uint32_t seen;
	_Alignas(64) uint32_t tail;
	uint32_t known;
	uint32_t taken;
};
_Static_assert(sizeof(struct ring) == 128, "each end writes a cache line of its own");

/** struct taker - one worker's receiving end: whose turn it is to be first */
struct taker {
	_Alignas(64) unsigned first;
};

struct forward {
	unsigned workers, slots;
	size_t bytes;
	struct ring *rings; /* see ring_number() */
	struct forward_slot *frames;
	struct taker takers[RSS_WORKERS_MAX];
};

static unsigned slots_for(unsigned workers)
{
	unsigned slots = FORWARD_SLOTS_MAX;

	while (slots > FORWARD_SLOTS_MIN && slots * (workers - 1) > SLOTS_PER_WORKER)
		slots /= 2;
	return slots;
}

size_t forward_bytes(unsigned workers)
{
	size_t pairs = (size_t)workers * (workers - 1);

	if (workers < 2)
		return 0;
	return sizeof(struct forward) + pairs * sizeof(struct ring) +
	       pairs * slots_for(workers) * sizeof(struct forward_slot);
}

struct forward *forward_new(unsigned workers, bool huge)
{
	size_t bytes = forward_bytes(workers), pairs = (size_t)workers * (workers - 1);
	struct forward *forward;

	_Static_assert(sizeof(struct forward) % 64 == 0, "the rings behind it are aligned");
	if (workers < 2 || workers > RSS_WORKERS_MAX) {
		errno = EINVAL;
		return NULL;
	}
	forward = memory_map(bytes, huge);
	if (!forward)
		return NULL;
	forward->workers = workers;
	forward->slots = slots_for(workers);
	forward->bytes = bytes;
	forward->rings = (struct ring *)(forward + 1);
	forward->frames = (struct forward_slot *)(forward->rings + pairs);
	return forward;
}

void forward_free(struct forward *forward)
{
	if (forward)
		memory_unmap(forward, forward->bytes);
}

unsigned forward_slots(const struct forward *forward)
{
	return forward->slots;
}

/* No worker has a ring to itself. */
static unsigned ring_number(const struct forward *forward, unsigned from, unsigned to)
{
	return from * (forward->workers - 1) + to - (to > from);
}

static struct forward_slot *slot_of(struct forward *forward, unsigned ring, uint32_t cursor)
{
	return &forward->frames[(size_t)ring * forward->slots + (cursor & (forward->slots - 1))];
}

struct forward_slot *forward_put(struct forward *forward, unsigned from, unsigned to)
{
	unsigned number = ring_number(forward, from, to);
	struct ring *ring = &forward->rings[number];

	if (ring->head - ring->seen == forward->slots) {
		ring->seen = __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE);
		if (ring->head - ring->seen == forward->slots)
			return NULL;
	}
	return slot_of(forward, number, ring->head);
}

void forward_sent(struct forward *forward, unsigned from, unsigned to)
{
	struct ring *ring = &forward->rings[ring_number(forward, from, to)];

	__atomic_store_n(&ring->head, ring->head + 1, __ATOMIC_RELEASE);
}

/* What @from has put, up to @max. */
static unsigned take_from(struct forward *forward, unsigned from, unsigned to,
	const struct forward_slot **slots, unsigned max)
{
	unsigned number = ring_number(forward, from, to), count;
	struct ring *ring = &forward->rings[number];

	if (ring->known == ring->tail)
		ring->known = __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE);
	count = ring->known - ring->tail;
	if (count > max)
		count = max;
	for (unsigned i = 0; i < count; i++)
		slots[i] = slot_of(forward, number, ring->tail + i);
	ring->taken = count;
	return count;
}

unsigned forward_take(
	struct forward *forward, unsigned to, const struct forward_slot **slots, unsigned max)
{
	struct taker *taker = &forward->takers[to];
	unsigned from = taker->first, count = 0;

	taker->first = (from + 1) % forward->workers;
	for (unsigned i = 0; i < forward->workers && count < max; i++) {
		if (from != to)
			count += take_from(forward, from, to, slots + count, max - count);
		from = (from + 1) % forward->workers;
	}
	return count;
}

void forward_release(struct forward *forward, unsigned to)
{
	for (unsigned from = 0; from < forward->workers; from++) {
		struct ring *ring;

		if (from == to)
			continue;
		ring = &forward->rings[ring_number(forward, from, to)];
		if (ring->taken == 0)
			continue;
		__atomic_store_n(&ring->tail, ring->tail + ring->taken, __ATOMIC_RELEASE);
		ring->taken = 0;
	}
}
