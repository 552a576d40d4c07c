/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* feed.c - writing of event records: append, publish, replay (DESIGN "Events") */
#include "crc32c.h"
#include "feed_ring.h"

#include <errno.h>

COUNTER_TABLE(feed_counter_info, FEED_COUNTERS);

/* Once this share of a ring lies behind the commit that was last seen, publishing looks again. */
#define COMMIT_LOOK_SHARE 8

/* Records begin at multiples of it. */
#define RECORD_STEP 16

/* Life-cycle events have 1/64 of the ring, 64 KiB at least; a small ring gives a quarter. */
static uint64_t reserve_of(uint64_t bytes)
{
	uint64_t least = bytes / 4 < 65536 ? bytes / 4 : 65536;

	return bytes / 64 > least ? bytes / 64 : least;
}

void feed_ring_bind(struct feed_ring *ring, unsigned worker, uint64_t bytes)
{
	ring->worker = worker;
	ring->bytes = bytes;
	ring->keep = reserve_of(bytes);
	ring->head = feed_load(&ring->cursors->head.value);
	ring->reserve = feed_load(&ring->cursors->reserve.value);
	ring->tail = feed_load(&ring->cursors->tail.value);
	ring->applied = feed_load(&ring->cursors->applied.value);
	ring->answered = feed_load(&ring->cursors->answered.value);
	ring->visited = ring->answered;
	/* What a predecessor wrote and did not publish is written over. */
	ring->pending = ring->head;
	ring->offset = ring->pending % bytes;
}

/* The consumer's side is not to be trusted: a cursor that goes back, or past what is published,
 * or between 16-byte boundaries is no commit. */
static bool commit_possible(uint64_t commit, uint64_t tail, uint64_t head)
{
	return commit >= tail && commit <= head && commit % 16 == 0;
}

void feed_take_commit(struct feed_ring *ring)
{
	uint64_t commit = feed_load(ring->commit);

	if (!commit_possible(commit, ring->tail, ring->head)) {
		counter_add(&ring->counters[FEED_BAD_COMMIT], 1);
		return;
	}
	if (commit == ring->tail)
		return;
	ring->tail = commit;
	feed_store(&ring->cursors->tail.value, commit);
}

/* Records that are committed but not applied are still needed if the broker is killed now, and
 * those that are not answered to make the answer from. */
static bool has_room(const struct feed_ring *ring, uint64_t length)
{
	uint64_t floor = ring->tail < ring->applied ? ring->tail : ring->applied;

	if (ring->answered < floor)
		floor = ring->answered;
	return length <= ring->bytes - (ring->pending - floor);
}

bool feed_find_room(struct feed_ring *ring, enum feed_class class, uint64_t bytes)
{
	const uint64_t needed = feed_round(bytes, 16) + (class == FEED_REQUEST ? ring->keep : 0);

	if (has_room(ring, needed))
		return true;
	feed_take_commit(ring);
	if (has_room(ring, needed))
		return true;
	counter_add(&ring->counters[FEED_FULL], 1);
	return false;
}

/* Observers must be able to tell before the first old byte is gone. */
static void announce(struct feed_ring *ring, uint64_t end)
{
	if (end <= ring->reserve)
		return;
	ring->reserve = end;
	feed_store(&ring->cursors->reserve.value, end);
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

static void put(uint8_t **at, const void *bytes, size_t length)
{
	feed_copy(*at, bytes, length);
	*at += length;
}

int feed_write(struct feed_ring *ring, enum feed_class class, struct hearth_record *record,
	const void *device, const void *gateway, const void *payload)
{
	static const uint8_t zeros[RECORD_STEP];
	uint8_t *start = ring->data + ring->offset;
	uint8_t *at = start + sizeof(*record);
	uint64_t used = feed_record_used(record);
	uint64_t length = feed_round(used, RECORD_STEP);

	if (!feed_find_room(ring, class, used))
		return -ENOSPC;
	/* Written so that no cursor ever wraps. */
	uint64_t limit = feed_load(&ring->cursors->id_limit.value);
	if (length > UINT32_MAX || limit < ring->pending || limit - ring->pending < length) {
		counter_add(&ring->counters[FEED_LIMIT], 1);
		return -ENOSPC;
	}

	announce(ring, ring->pending + length);
	record->length = (uint32_t)length;
	record->id = ring->pending;
	memset(record->reserved, 0, sizeof(record->reserved));
	/* the padding first, all that there can be: what comes before it is written over it */
	feed_copy(start + length - RECORD_STEP, zeros, RECORD_STEP);
	put(&at, device, record->device_length);
	put(&at, gateway, record->gateway_length);
	put(&at, payload, record->payload_length);
	feed_copy(start, record, sizeof(*record));

	ring->pending += length;
	ring->offset += length;
	if (ring->offset >= ring->bytes)
		ring->offset -= ring->bytes;
	counter_add(&ring->counters[FEED_RECORDS], 1);
	counter_add(&ring->counters[FEED_BYTES], length);
	return 0;
}

/*
 * The checksums of all that a turn wrote: one does not depend on the other, so that several are
 * under way at once, where in between decisions each would be waited for.
 */
static void seal(struct feed_ring *ring)
{
	uint64_t left = ring->pending - ring->head;
	uint8_t *at = ring->data + ring->head % ring->bytes;

	while (left) {
		const struct hearth_record *record = (const struct hearth_record *)at;
		const uint32_t length = record->length;
		const uint32_t checksum = feed_crc32c(at + offsetof(struct hearth_record, id),
			feed_record_used(record) - offsetof(struct hearth_record, id));

		feed_copy(
			at + offsetof(struct hearth_record, checksum), &checksum, sizeof(checksum));
		left -= length;
		at += length;
		if (at >= ring->data + ring->bytes)
			at -= ring->bytes;
	}
}

void feed_publish(struct feed_ring *ring)
{
	if (ring->head == ring->pending)
		return;
	seal(ring);
	ring->head = ring->pending;
	feed_store(&ring->cursors->head.value, ring->head);
	if (ring->head - ring->tail > ring->bytes / COMMIT_LOOK_SHARE)
		feed_take_commit(ring);
}

void feed_applied(struct feed_ring *ring)
{
	if (ring->applied == ring->head)
		return;
	ring->applied = ring->head;
	feed_store(&ring->cursors->applied.value, ring->applied);
}

int64_t feed_walk(struct feed_ring *ring, uint64_t from,
	void (*visit)(void *context, const struct hearth_item *item), void *context)
{
	struct hearth_item item;
	int64_t visited = 0;
	uint64_t cursor = from;

	while (cursor != ring->head) {
		const uint8_t *data = ring->data + cursor % ring->bytes;
		uint32_t length = feed_record_check(data, cursor, ring->head - cursor);

		if (length == 0)
			return -EBADMSG;
		feed_record_item(data, ring->worker, &item);
		visit(context, &item);
		cursor += length;
		visited++;
	}
	return visited;
}

int64_t feed_replay(struct feed_ring *ring,
	void (*visit)(void *context, const struct hearth_item *item), void *context)
{
	return feed_walk(ring, ring->applied, visit, context);
}

struct feed_fill feed_fill(const struct feed_ring *ring)
{
	struct feed_fill fill = {.bytes = ring->bytes};
	uint64_t tail = feed_load(&ring->cursors->tail.value);

	fill.commit = feed_load(ring->commit);
	fill.applied = feed_load(&ring->cursors->applied.value);
	fill.head = feed_load(&ring->cursors->head.value);
	if (!commit_possible(fill.commit, tail, fill.head))
		fill.commit = tail;
	fill.answered = feed_load(&ring->cursors->answered.value);
	if (fill.answered > fill.commit)
		fill.answered = fill.commit;
	return fill;
}

uint64_t feed_uncommitted_since(const struct feed_ring *ring)
{
	struct hearth_record record;
	struct feed_fill fill;

	/* What lies between tail and head is not written over: if tail did not pass the record
	 * meanwhile, it is what was copied. A consumer that commits all the time is not behind. */
	for (unsigned tries = 0; tries < 8; tries++) {
		fill = feed_fill(ring);
		if (fill.commit == fill.head)
			return 0;
		memcpy(&record, ring->data + fill.commit % ring->bytes, sizeof(record));
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (feed_load(&ring->cursors->tail.value) <= fill.commit &&
			record.id == fill.commit)
			return record.time;
	}
	return 0;
}

void feed_raise_limit(struct feed *feed, uint64_t id_limit)
{
	for (unsigned i = 0; i < feed->header.workers; i++) {
		uint64_t *limit = &feed->rings[i].cursors->id_limit.value;

		if (id_limit > feed_load(limit))
			feed_store(limit, id_limit);
	}
}

uint64_t feed_highest(const struct feed *feed)
{
	uint64_t highest = 0;

	for (unsigned i = 0; i < feed->header.workers; i++) {
		uint64_t head = feed_load(&feed->rings[i].cursors->head.value);

		if (head > highest)
			highest = head;
	}
	return highest;
}

struct feed_ring *feed_ring(struct feed *feed, unsigned worker)
{
	return &feed->rings[worker];
}

bool feed_attached(const struct feed *feed)
{
	return feed->attached;
}

const uint64_t *feed_counters(const struct feed_ring *ring)
{
	return ring->counters;
}
