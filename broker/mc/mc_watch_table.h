/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* mc_watch_table.h - the two tables behind mc_watch.h; for mc_watch*.c and their tests only */
#pragma once

#include "crypto/siphash.h"
#include "mc/mc_watch.h"

#define WATCH_WAYS 8 /* entries of a set */

/* What a name is of: each kind has a key of its own. */
enum watch_kind { WATCH_ADDRESS, WATCH_ID, WATCH_PORT, WATCH_DEVICE, WATCH_KINDS };

/*
 * A bucket is one word, changed by compare-and-swap: 24 bits of its name above 40 bits of time, the
 * monotonic millisecond at which it would be full again (the generic cell rate algorithm); they
 * last for 34 years and are compared modulo 2^40. All 0: never used. A set is one cache line.
 */
#define BUCKET_TIME_BITS 40
#define BUCKET_TIME (((uint64_t)1 << BUCKET_TIME_BITS) - 1)

/**
 * struct watch_device - one device
 *
 * Who sets the lowest bit of its name (WATCH_TAKEN) by compare-and-swap may change it; whoever
 * finds it set goes on without, so that nobody ever waits. Anyone may read @name, @held
 * and @here.
 *
 * @held: tick until which the device is held down, 0: not
 * @began: tick of the first connect of the count
 * @here: place of its newest session
 * @before: place of the session that the last take-over ended, 0: there was none
 * @cloned: tick of the first take-over of the count
 * @next: the sequence that would go on from the session that the last take-over ended
 * @connects: since @began; while it is held down: 1 if its alert is owed
 * @backs: take-overs since @cloned that came back
 */
struct watch_device {
	uint64_t name;
	uint32_t held;
	uint32_t began;
	uint32_t here, before;
	uint32_t cloned;
	uint16_t next;
	uint8_t connects, backs;
};
_Static_assert(sizeof(struct watch_device) == 32, "two entries are a cache line");
#define WATCH_TAKEN 1u

struct mc_watch {
	struct mc_watch_config config;
	uint64_t interval, most; /* ms: between two tokens; an empty bucket is full so much later */
	struct siphash_key keys[WATCH_KINDS];
	struct watch_device *devices;
	uint64_t *buckets;
	uint64_t devices_evicted, buckets_evicted;
};

/* Limits change while workers read them: each is one word. */
#define watch_limit(member) __atomic_load_n(&(member), __ATOMIC_RELAXED)

/** mc_watch_name() - a name of one kind. */
static inline uint64_t mc_watch_name(
	const struct mc_watch *watch, enum watch_kind kind, uint64_t a, uint64_t b)
{
	return siphash_16(&watch->keys[kind], a, b);
}
