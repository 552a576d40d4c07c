/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* timer.c - one wake time per device, in a binary heap */
#include "fleet.h"

#define NOWHERE SIZE_MAX

static void place(struct fleet *fleet, size_t at, struct device *device)
{
	fleet->heap[at] = device;
	device->heap = at;
}

static void rise(struct fleet *fleet, struct device *device)
{
	size_t at = device->heap;

	while (at > 0 && fleet->heap[(at - 1) / 2]->wake > device->wake) {
		place(fleet, at, fleet->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	place(fleet, at, device);
}

static void sink(struct fleet *fleet, struct device *device)
{
	size_t at = device->heap, child;

	while ((child = 2 * at + 1) < fleet->heap_length) {
		if (child + 1 < fleet->heap_length &&
			fleet->heap[child + 1]->wake < fleet->heap[child]->wake)
			child++;
		if (fleet->heap[child]->wake >= device->wake)
			break;
		place(fleet, at, fleet->heap[child]);
		at = child;
	}
	place(fleet, at, device);
}

static void take_out(struct fleet *fleet, struct device *device)
{
	size_t at = device->heap;
	struct device *last = fleet->heap[--fleet->heap_length];

	device->heap = NOWHERE;
	if (last == device)
		return;
	place(fleet, at, last);
	rise(fleet, last);
	sink(fleet, last);
}

void timer_set(struct fleet *fleet, struct device *device, uint64_t when)
{
	if (when == NEVER) {
		if (device->heap != NOWHERE)
			take_out(fleet, device);
		return;
	}
	device->wake = when;
	if (device->heap == NOWHERE)
		place(fleet, fleet->heap_length++, device);
	rise(fleet, device);
	sink(fleet, device);
}

uint64_t timer_next(const struct fleet *fleet)
{
	return fleet->heap_length ? fleet->heap[0]->wake : NEVER;
}

struct device *timer_expired(struct fleet *fleet)
{
	struct device *first;

	if (fleet->heap_length == 0 || fleet->heap[0]->wake > fleet->now)
		return NULL;
	first = fleet->heap[0];
	take_out(fleet, first);
	return first;
}
