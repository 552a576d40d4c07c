/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* timer.c - one wake time per device, in a hashed wheel */
#include "fleet.h"

#include <errno.h>
#include <stdlib.h>

/*
 * One level of 2^20 slots of 64 us spans 67 s; what lies further ahead is filed in the last slot
 * and anew from there. A timer that moves to a later time stays where it is until the wheel comes
 * by: a request that is sent and answered costs no list operation.
 */
#define TICK_SHIFT 6
#define SLOTS (1u << 20)
#define NOWHERE UINT32_MAX

/** struct wheel - @cursor: the tick that is worked on next; heads: index + 1, 0: none */
struct wheel {
	uint64_t cursor;
	uint32_t heads[SLOTS];
};

int timer_init(struct fleet *fleet)
{
	unsigned i;

	fleet->wheel = calloc(1, sizeof(*fleet->wheel));
	if (!fleet->wheel)
		return -ENOMEM;
	fleet->wheel->cursor = fleet->now >> TICK_SHIFT;
	for (i = 0; i < fleet->count; i++) {
		fleet->devices[i].slot = NOWHERE;
		fleet->devices[i].wake = NEVER;
	}
	return 0;
}

static void take_out(struct fleet *fleet, struct device *device)
{
	if (device->next)
		fleet->devices[device->next - 1].prev = device->prev;
	if (device->prev)
		fleet->devices[device->prev - 1].next = device->next;
	else
		fleet->wheel->heads[device->slot] = device->next;
	device->slot = NOWHERE;
}

static void file(struct fleet *fleet, struct device *device, uint64_t tick)
{
	struct wheel *wheel = fleet->wheel;
	uint32_t number = (uint32_t)(device - fleet->devices) + 1;

	device->slot = tick % SLOTS;
	device->prev = 0;
	device->next = wheel->heads[device->slot];
	if (device->next)
		fleet->devices[device->next - 1].prev = number;
	wheel->heads[device->slot] = number;
}

/* Where a time belongs: never in the past, never further than the wheel reaches. */
static uint64_t tick_of(const struct wheel *wheel, uint64_t when)
{
	uint64_t tick = when >> TICK_SHIFT;

	if (tick < wheel->cursor)
		return wheel->cursor;
	return tick - wheel->cursor < SLOTS ? tick : wheel->cursor + SLOTS - 1;
}

/* The tick of the slot that a device is filed in. */
static uint64_t filed_tick(const struct wheel *wheel, const struct device *device)
{
	return wheel->cursor + (device->slot - (uint32_t)wheel->cursor) % SLOTS;
}

void timer_set(struct fleet *fleet, struct device *device, uint64_t when)
{
	uint64_t tick;

	device->wake = when;
	if (when == NEVER)
		return;
	tick = tick_of(fleet->wheel, when);
	if (device->slot != NOWHERE) {
		if (filed_tick(fleet->wheel, device) <= tick)
			return;
		take_out(fleet, device);
	}
	file(fleet, device, tick);
}

uint64_t timer_next(const struct fleet *fleet, uint64_t until)
{
	const struct wheel *wheel = fleet->wheel;
	uint64_t tick;

	for (tick = wheel->cursor; tick < until >> TICK_SHIFT && tick - wheel->cursor < SLOTS;
		tick++) {
		if (wheel->heads[tick % SLOTS])
			return (tick + 1) << TICK_SHIFT;
	}
	return until;
}

struct device *timer_expired(struct fleet *fleet)
{
	struct wheel *wheel = fleet->wheel;

	while (wheel->cursor < fleet->now >> TICK_SHIFT) {
		uint32_t number = wheel->heads[wheel->cursor % SLOTS];
		struct device *device;

		if (!number) {
			wheel->cursor++;
			continue;
		}
		device = &fleet->devices[number - 1];
		take_out(fleet, device);
		if (device->wake <= fleet->now)
			return device;
		if (device->wake != NEVER)
			file(fleet, device, tick_of(wheel, device->wake));
	}
	return NULL;
}
