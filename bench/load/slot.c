/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* slot.c - requests under way: a device's own in order, and all by the time they were sent */
#include "engine.h"

static void by_time_add(struct load *load, uint32_t slot)
{
	struct slot *s = &load->slots[slot];

	s->older = load->newest;
	s->newer = NO_SLOT;
	if (load->newest == NO_SLOT)
		load->oldest = slot;
	else
		load->slots[load->newest].newer = slot;
	load->newest = slot;
}

static void by_time_take(struct load *load, uint32_t slot)
{
	const struct slot *s = &load->slots[slot];

	if (s->older == NO_SLOT)
		load->oldest = s->newer;
	else
		load->slots[s->older].newer = s->newer;
	if (s->newer == NO_SLOT)
		load->newest = s->older;
	else
		load->slots[s->newer].older = s->older;
}

uint32_t slot_get(struct load *load, uint32_t device, enum request_kind kind, uint64_t due)
{
	struct device *d = &load->devices[device];
	uint32_t slot;
	struct slot *s;

	if (load->free_count == 0)
		return NO_SLOT;
	slot = load->free_slots[--load->free_count];
	s = &load->slots[slot];
	*s = (struct slot){
		.due = due, .sent = load->now, .device = device, .next = slot, .kind = kind};
	if (d->tail) {
		struct slot *tail = &load->slots[d->tail - 1];

		s->next = tail->next;
		tail->next = slot;
	}
	d->tail = slot + 1;
	d->under_way++;
	by_time_add(load, slot);
	return slot;
}

void slot_sent(struct load *load, uint32_t slot)
{
	load->slots[slot].sends++;
	slot_later(load, slot);
}

void slot_later(struct load *load, uint32_t slot)
{
	load->slots[slot].sent = load->now;
	if (load->newest == slot)
		return;
	by_time_take(load, slot);
	by_time_add(load, slot);
}

void slot_put(struct load *load, uint32_t slot)
{
	struct slot *s = &load->slots[slot];
	struct device *d = &load->devices[s->device];
	uint32_t before = d->tail - 1;

	if (s->next == slot) {
		d->tail = 0;
	} else {
		while (load->slots[before].next != slot)
			before = load->slots[before].next;
		load->slots[before].next = s->next;
		if (d->tail == slot + 1)
			d->tail = before + 1;
	}
	d->under_way--;
	by_time_take(load, slot);
	load->free_slots[load->free_count++] = slot;
}

uint32_t slot_find(const struct load *load, const struct device *device, uint16_t sequence)
{
	uint32_t first = slot_first(load, device), slot = first;

	if (first == NO_SLOT)
		return NO_SLOT;
	do {
		if (load->slots[slot].sequence == sequence)
			return slot;
		slot = load->slots[slot].next;
	} while (slot != first);
	return NO_SLOT;
}
