/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* mc_watch_device.c - devices that reconnect too often, and two under one id (specs, Connect) */
#include "mc_watch_table.h"

/* How far behind a session's newest number its device may be when it connects anew: what it sent in
 * vain, and its logins, used numbers up. */
#define GOES_ON 64

uint64_t mc_watch_device(const struct mc_watch *watch, uint32_t number, uint32_t serial)
{
	/* never 0, and its lowest bit says who may change the entry */
	return mc_watch_name(watch, WATCH_DEVICE, (uint64_t)number << 32 | serial, 0) << 1 | 1 << 1;
}

static struct watch_device *set_of(const struct mc_watch *watch, uint64_t name)
{
	const uint64_t entries = watch->config.devices;

	return &watch->devices[(name >> 32) & (entries - 1) & ~(uint64_t)(WATCH_WAYS - 1)];
}

static bool is_held(uint32_t held, uint32_t tick)
{
	return held && (int32_t)(held - tick) > 0;
}

static bool within(uint32_t since, uint32_t tick, uint32_t seconds)
{
	return tick - since < seconds;
}

/* ---- entries ---- */

static bool take(struct watch_device *device, uint64_t before, uint64_t name)
{
	return __atomic_compare_exchange_n(&device->name, &before, name | WATCH_TAKEN, false,
		__ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static void let_go(struct watch_device *device, uint64_t name)
{
	__atomic_store_n(&device->name, name, __ATOMIC_RELEASE);
}

/* Its entry, taken; NULL if it has none, or another worker is changing it. */
static struct watch_device *take_own(const struct mc_watch *watch, uint64_t name)
{
	struct watch_device *set = set_of(watch, name);

	for (unsigned i = 0; i < WATCH_WAYS; i++) {
		const uint64_t there = __atomic_load_n(&set[i].name, __ATOMIC_RELAXED);

		if ((there & ~(uint64_t)WATCH_TAKEN) == name)
			return take(&set[i], name, name) ? &set[i] : NULL;
	}
	return NULL;
}

/* How much is lost with an entry: a hold-down, take-overs, more than one connect, its age. */
static uint64_t worth(
	const struct mc_watch *watch, const struct watch_device *device, uint32_t tick)
{
	const uint64_t newness = UINT32_MAX - (tick - device->began);
	uint64_t rank = 0;

	if (is_held(device->held, tick))
		rank = 3;
	else if (device->before && within(device->cloned, tick, MC_WATCH_BACK_SECONDS))
		rank = 2;
	else if (device->connects > 1 &&
		 within(device->began, tick, watch_limit(watch->config.seconds)))
		rank = 1;
	return rank << 32 | newness;
}

/* What the others of a set are worth is read while they are not taken: it may be out of date or
 * torn, which makes the choice worse and nothing else. */
static struct watch_device copy_of(const struct watch_device *device)
{
	return (struct watch_device){
		.held = __atomic_load_n(&device->held, __ATOMIC_RELAXED),
		.began = __atomic_load_n(&device->began, __ATOMIC_RELAXED),
		.before = __atomic_load_n(&device->before, __ATOMIC_RELAXED),
		.cloned = __atomic_load_n(&device->cloned, __ATOMIC_RELAXED),
		.connects = __atomic_load_n(&device->connects, __ATOMIC_RELAXED),
	};
}

static void clear(struct watch_device *device, uint32_t tick)
{
	__atomic_store_n(&device->held, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&device->here, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&device->began, tick, __ATOMIC_RELAXED);
	__atomic_store_n(&device->before, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&device->cloned, tick, __ATOMIC_RELAXED);
	__atomic_store_n(&device->connects, 0, __ATOMIC_RELAXED);
	device->next = 0;
	device->backs = 0;
}

/* An entry for a device that has none, taken; NULL if another worker was faster. */
static struct watch_device *take_new(struct mc_watch *watch, uint64_t name, uint32_t tick)
{
	struct watch_device *set = set_of(watch, name), *least = NULL;
	uint64_t worth_least = UINT64_MAX, there = 0;

	for (unsigned i = 0; i < WATCH_WAYS; i++) {
		const uint64_t other = __atomic_load_n(&set[i].name, __ATOMIC_RELAXED);
		const struct watch_device copy = copy_of(&set[i]);
		const uint64_t own = other ? worth(watch, &copy, tick) : 0;

		if ((other & WATCH_TAKEN) || own >= worth_least)
			continue;
		worth_least = own;
		least = &set[i];
		there = other;
	}
	if (!least || !take(least, there, name))
		return NULL;
	if (there)
		__atomic_fetch_add(&watch->devices_evicted, 1, __ATOMIC_RELAXED);
	clear(least, tick);
	return least;
}

/* ---- flapping ---- */

static unsigned count_connect(
	const struct mc_watch *watch, struct watch_device *device, uint32_t tick)
{
	const struct mc_watch_config *config = &watch->config;
	const uint32_t most = watch_limit(config->connects), hold = watch_limit(config->hold);
	unsigned connects = device->connects;

	if (!most || is_held(device->held, tick))
		return 0;
	if (device->held || !within(device->began, tick, watch_limit(config->seconds))) {
		__atomic_store_n(&device->held, 0, __ATOMIC_RELEASE);
		__atomic_store_n(&device->began, tick, __ATOMIC_RELAXED);
		connects = 0;
	}
	if (connects++ < most) {
		__atomic_store_n(&device->connects, (uint8_t)connects, __ATOMIC_RELAXED);
		return 0;
	}
	__atomic_store_n(&device->connects, 0, __ATOMIC_RELAXED);
	/* 0 would say that it is not held: one second is nothing */
	__atomic_store_n(&device->held, tick + hold ? tick + hold : 1, __ATOMIC_RELEASE);
	return MC_WATCH_FLAPPING;
}

/* A word of its entry that anyone may read; 0 if it has none. */
static uint32_t word_of(const struct mc_watch *watch, uint64_t name, size_t offset)
{
	const struct watch_device *set = set_of(watch, name);

	for (unsigned i = 0; i < WATCH_WAYS; i++) {
		uint32_t word;

		if ((__atomic_load_n(&set[i].name, __ATOMIC_RELAXED) & ~(uint64_t)WATCH_TAKEN) !=
			name)
			continue;
		word = __atomic_load_n(
			(const uint32_t *)((const char *)&set[i] + offset), __ATOMIC_ACQUIRE);
		/* Another device's by now? Its name was there before its words. */
		if ((__atomic_load_n(&set[i].name, __ATOMIC_RELAXED) & ~(uint64_t)WATCH_TAKEN) ==
			name)
			return word;
		break;
	}
	return 0;
}

uint32_t mc_watch_held(const struct mc_watch *watch, uint64_t name, uint32_t tick)
{
	const uint32_t held = word_of(watch, name, offsetof(struct watch_device, held));

	return is_held(held, tick) ? held - tick : 0;
}

uint32_t mc_watch_here(const struct mc_watch *watch, uint64_t name)
{
	return word_of(watch, name, offsetof(struct watch_device, here));
}

/* ---- clones ---- */

static bool goes_on(uint16_t base, uint16_t next)
{
	return (uint16_t)(base - next) < GOES_ON;
}

bool mc_watch_elsewhere(uint32_t a, uint32_t b)
{
	const uint32_t port_a = a & 0xfff, port_b = b & 0xfff;

	return a >> 12 != b >> 12 || (port_a && port_b && port_a != port_b);
}

static bool comes_back(const struct watch_device *device, const struct mc_watch_connect *connect)
{
	if (!device->before)
		return false;
	return goes_on(connect->base, device->next) || connect->just_heard ||
	       (!mc_watch_elsewhere(connect->place, device->before) &&
		       mc_watch_elsewhere(connect->place, device->here));
}

static unsigned count_take_over(
	struct watch_device *device, uint32_t tick, const struct mc_watch_connect *connect)
{
	unsigned alert = 0;

	if (!connect->took_over || goes_on(connect->base, connect->next))
		return 0;
	if (!device->before || !within(device->cloned, tick, MC_WATCH_BACK_SECONDS)) {
		__atomic_store_n(&device->cloned, tick, __ATOMIC_RELAXED);
		__atomic_store_n(&device->before, 0, __ATOMIC_RELAXED);
		device->backs = 0;
	}
	if (device->backs < MC_WATCH_BACKS && comes_back(device, connect) &&
		++device->backs == MC_WATCH_BACKS)
		alert = MC_WATCH_CLONE;
	/* Nothing is known of where that session was if it began before the broker did. */
	__atomic_store_n(
		&device->before, device->here ? device->here : connect->place, __ATOMIC_RELAXED);
	device->next = connect->next;
	return alert;
}

unsigned mc_watch_connected(struct mc_watch *watch, uint64_t name, uint32_t tick,
	const struct mc_watch_connect *connect)
{
	struct watch_device *device = take_own(watch, name);
	unsigned alerts;

	if (!device)
		device = take_new(watch, name, tick);
	if (!device)
		return 0;
	alerts = count_connect(watch, device, tick) | count_take_over(device, tick, connect);
	__atomic_store_n(&device->here, connect->place, __ATOMIC_RELEASE);
	let_go(device, name);
	return alerts;
}

/* ---- alerts put off ---- */

void mc_watch_owe(struct mc_watch *watch, uint64_t name, unsigned alerts)
{
	struct watch_device *device = take_own(watch, name);

	if (!device)
		return;
	if ((alerts & MC_WATCH_FLAPPING) && device->held)
		__atomic_store_n(&device->connects, 1, __ATOMIC_RELAXED);
	if ((alerts & MC_WATCH_CLONE) && device->backs == MC_WATCH_BACKS)
		device->backs--;
	let_go(device, name);
}

bool mc_watch_due(struct mc_watch *watch, uint64_t name)
{
	struct watch_device *device = take_own(watch, name);
	bool due;

	if (!device)
		return false;
	due = device->held && device->connects;
	if (due)
		__atomic_store_n(&device->connects, 0, __ATOMIC_RELAXED);
	let_go(device, name);
	return due;
}
