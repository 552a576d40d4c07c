/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* mc_watch.c - tables made and looked at, and the buckets of failed logins (specs, Login) */
#include "mc_watch_table.h"

#include "memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SWAPS 4 /* another worker changes the same word: tried so often, then left to it */

static size_t device_bytes(const struct mc_watch_config *config)
{
	return config->devices * sizeof(struct watch_device);
}

static size_t bucket_bytes(const struct mc_watch_config *config)
{
	return config->buckets * sizeof(uint64_t);
}

size_t mc_watch_bytes(const struct mc_watch_config *config)
{
	return sizeof(struct mc_watch) + device_bytes(config) + bucket_bytes(config);
}

void mc_watch_configure(struct mc_watch *watch, const struct mc_watch_config *config)
{
	struct mc_watch_config *own = &watch->config;
	uint64_t interval = 0;

	if (config->failures)
		interval = config->per_seconds * 1000ull / config->failures;
	__atomic_store_n(&watch->interval, interval, __ATOMIC_RELAXED);
	__atomic_store_n(&watch->most, config->failures ? (config->failures - 1) * interval : 0,
		__ATOMIC_RELAXED);
	__atomic_store_n(&own->failures, config->failures, __ATOMIC_RELAXED);
	__atomic_store_n(&own->per_seconds, config->per_seconds, __ATOMIC_RELAXED);
	__atomic_store_n(&own->connects, config->connects, __ATOMIC_RELAXED);
	__atomic_store_n(&own->seconds, config->seconds, __ATOMIC_RELAXED);
	__atomic_store_n(&own->hold, config->hold, __ATOMIC_RELAXED);
}

struct mc_watch *mc_watch_new(const struct mc_watch_config *config, struct random *random)
{
	struct mc_watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return NULL;
	watch->config = *config;
	mc_watch_configure(watch, config);
	watch->devices = memory_map(device_bytes(config), false);
	watch->buckets = memory_map(bucket_bytes(config), false);
	if (!watch->devices || !watch->buckets) {
		mc_watch_free(watch);
		errno = ENOMEM;
		return NULL;
	}
	random->fill(random, watch->keys, sizeof(watch->keys));
	return watch;
}

void mc_watch_free(struct mc_watch *watch)
{
	if (!watch)
		return;
	memory_unmap(watch->devices, device_bytes(&watch->config));
	memory_unmap(watch->buckets, bucket_bytes(&watch->config));
	free(watch);
}

/* ---- buckets ---- */

bool mc_watch_budgets(const struct mc_watch *watch)
{
	return watch && watch_limit(watch->config.failures);
}

/* An IPv4 address whole, of an IPv6 one the network: whoever has one has 2^64 of them. */
static void address_words(const uint8_t address[16], uint64_t words[2])
{
	static const uint8_t v4[12] = {[10] = 0xff, [11] = 0xff};

	memcpy(words, address, 16);
	if (memcmp(address, v4, sizeof(v4)) != 0)
		words[1] = 0;
}

uint64_t mc_watch_address(const struct mc_watch *watch, const uint8_t address[16])
{
	uint64_t words[2];

	address_words(address, words);
	return mc_watch_name(watch, WATCH_ADDRESS, words[0], words[1]);
}

uint64_t mc_watch_id(const struct mc_watch *watch, uint64_t hash)
{
	return mc_watch_name(watch, WATCH_ID, hash, 0);
}

uint32_t mc_watch_place(const struct mc_watch *watch, const uint8_t address[16], uint16_t port)
{
	uint64_t words[2];
	uint32_t whose, which;

	/* 20 bits for the address, 12 for the port, of which 0 says that it does not matter. */
	address_words(address, words);
	whose = (uint32_t)mc_watch_name(watch, WATCH_ADDRESS, words[0], words[1]) | 1;
	which = port ? (uint32_t)mc_watch_name(watch, WATCH_PORT, port, 0) % 4095 + 1 : 0;
	return whose << 12 | which;
}

static uint64_t *set_of(const struct mc_watch *watch, uint64_t name)
{
	return &watch->buckets[name & (watch->config.buckets - 1) & ~(uint64_t)(WATCH_WAYS - 1)];
}

/* Milliseconds until a bucket is full; 0 when it is. */
static uint64_t until_full(uint64_t bucket, uint64_t ms)
{
	const uint64_t left = (bucket - ms) & BUCKET_TIME;

	return bucket && left <= BUCKET_TIME / 2 ? left : 0;
}

static bool is_of(uint64_t bucket, uint64_t name)
{
	return bucket && (bucket ^ name) >> BUCKET_TIME_BITS == 0;
}

bool mc_watch_spent(const struct mc_watch *watch, uint64_t name, uint64_t ms)
{
	const uint64_t *set = set_of(watch, name);

	for (unsigned i = 0; i < WATCH_WAYS; i++) {
		const uint64_t bucket = __atomic_load_n(&set[i], __ATOMIC_RELAXED);

		if (is_of(bucket, name))
			return until_full(bucket, ms) > watch_limit(watch->most);
	}
	return false;
}

/* Its bucket, else the one that is fullest: forgetting it forgives the least. */
static uint64_t *bucket_for(uint64_t *set, uint64_t name, uint64_t ms)
{
	uint64_t *fullest = &set[0];
	uint64_t least = UINT64_MAX;

	for (unsigned i = 0; i < WATCH_WAYS; i++) {
		const uint64_t bucket = __atomic_load_n(&set[i], __ATOMIC_RELAXED);
		const uint64_t left = until_full(bucket, ms);

		if (is_of(bucket, name))
			return &set[i];
		if (left < least) {
			least = left;
			fullest = &set[i];
		}
	}
	return fullest;
}

void mc_watch_failed(struct mc_watch *watch, uint64_t name, uint64_t ms)
{
	uint64_t *at = bucket_for(set_of(watch, name), name, ms);

	for (unsigned i = 0; i < SWAPS; i++) {
		uint64_t before = __atomic_load_n(at, __ATOMIC_RELAXED), after, left;
		const bool own = is_of(before, name);

		left = own ? until_full(before, ms) : 0;
		if (left > watch_limit(watch->most))
			return;
		after = (name & ~BUCKET_TIME) |
			((ms + left + watch_limit(watch->interval)) & BUCKET_TIME);
		if (!__atomic_compare_exchange_n(
			    at, &before, after, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
			continue;
		if (!own && until_full(before, ms))
			__atomic_fetch_add(&watch->buckets_evicted, 1, __ATOMIC_RELAXED);
		return;
	}
}

/* ---- for people ---- */

struct mc_watch_fill mc_watch_fill(const struct mc_watch *watch, uint32_t tick, uint64_t ms)
{
	struct mc_watch_fill fill = {
		.devices = watch->config.devices,
		.buckets = watch->config.buckets,
		.devices_evicted = __atomic_load_n(&watch->devices_evicted, __ATOMIC_RELAXED),
		.buckets_evicted = __atomic_load_n(&watch->buckets_evicted, __ATOMIC_RELAXED),
	};

	for (uint32_t i = 0; i < fill.devices; i++) {
		const struct watch_device *device = &watch->devices[i];
		const uint32_t held = __atomic_load_n(&device->held, __ATOMIC_RELAXED);

		fill.devices_used += __atomic_load_n(&device->name, __ATOMIC_RELAXED) != 0;
		fill.held += held && (int32_t)(held - tick) > 0;
	}
	for (uint32_t i = 0; i < fill.buckets; i++) {
		const uint64_t bucket = __atomic_load_n(&watch->buckets[i], __ATOMIC_RELAXED);
		const uint64_t left = until_full(bucket, ms);

		fill.buckets_used += left > 0;
		fill.spent += left > watch_limit(watch->most);
	}
	return fill;
}
