/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* prepared.c - overload: more datagrams than any platform takes, each sent as it is until
 * answered */
#include "engine.h"

/* Datagrams in a turn, at most: a link has room for 224. */
#define MOST 128
#define NEAR 16
/** After the measured time what is unanswered goes again so often, all devices together. */
#define DRAIN_NS 5000u

static void send_again(struct load *load, struct device *d, uint32_t slot)
{
	const struct slot *s = &load->slots[slot];
	uint32_t length = load->frame_lengths[slot];
	unsigned ticket;
	uint8_t *room = load->wire->datagram(load->wire, s->device, d->source, length, &ticket);

	load->figures.repeated++;
	/* the wire counts what it drops */
	if (!room)
		return;
	memcpy(room, load->frames + (size_t)slot * load->frame_stride, length);
	load->wire->datagram_commit(load->wire, ticket, length);
	life_spare(d);
}

/* The turn of one device: what it has sent already, else something new. */
static void device_turn(struct load *load, uint32_t device, uint64_t due, bool fresh, bool measured)
{
	struct device *d = &load->devices[device];
	uint32_t slot = slot_first(load, d);

	if (d->state != DEVICE_LIVE)
		load->run.skipped += fresh;
	else if (slot != NO_SLOT && load->slots[slot].kind == REQUEST_REPORT &&
		 load->slots[slot].sends > 0)
		send_again(load, d, slot);
	else if (slot == NO_SLOT && fresh && schedule_report(load, device, due, measured))
		load->run.sent += measured;
}

static uint32_t next_in_order(struct load *load)
{
	uint32_t devices = load->config.devices, device = load->order_next;

	load->order_next = device + 1 < devices ? device + 1 : 0;
	__builtin_prefetch(&load->devices[(device + NEAR) % devices], 1);
	return device;
}

bool prepared_turn(struct load *load)
{
	struct run *run = &load->run;
	bool fresh = load->now < run->to;
	uint64_t due_now;
	unsigned sent = 0;

	if (load->now < run->begin || (!fresh && run->open == 0))
		return false;
	due_now = (uint64_t)((double)(load->now - run->begin) / run->interval) + 1;
	if (!fresh) {
		/* no faster than they can be answered */
		due_now = run->end + (load->now - run->to) / DRAIN_NS;
		if (run->next < run->end)
			run->next = run->end;
	}
	for (; run->next < due_now && sent < MOST; run->next++, sent++)
		device_turn(load, next_in_order(load),
			run->begin + (uint64_t)((double)run->next * run->interval), fresh,
			run->next >= run->first);
	return sent > 0;
}
