/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* prepared.c - overload: more datagrams than any platform takes, each sent as it is until
 * answered */
#include "engine.h"

/* Datagrams in a turn, at most: a link has room for 224. */
#define MOST 128
#define NEAR 16
/** After so long without any answer none is on its way. */
#define SILENCE_NS (50 * MS_NS)
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
	load->in_flight++;
}

/* The turn of one device: what it has sent already, else something new. */
static void device_turn(struct load *load, uint32_t device, uint64_t due, bool fresh, bool measured)
{
	struct device *d = &load->devices[device];
	uint32_t slot = slot_first(load, d);

	if (d->state != DEVICE_LIVE)
		load->run.skipped += fresh;
	else if (slot != NO_SLOT && load->slots[slot].sends > 0)
		send_again(load, d, slot);
	else if (slot == NO_SLOT && fresh && schedule_report(load, device, due, measured))
		load->run.sent += measured;
}

static uint32_t ahead_of(const struct load *load, uint32_t device, uint64_t turns)
{
	return (uint32_t)((device + turns % load->config.devices * load->stride_of_turns) %
			  load->config.devices);
}

/* All devices by turns, but none beside the one before: the caches get no help. */
static uint32_t next_by_turns(struct load *load)
{
	uint32_t device = load->turn_next;

	load->turn_next = ahead_of(load, device, 1);
	__builtin_prefetch(&load->devices[ahead_of(load, device, NEAR)], 1);
	return device;
}

static uint32_t common_divisor(uint32_t a, uint32_t b)
{
	while (b) {
		uint32_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

void prepared_init(struct load *load)
{
	uint32_t devices = load->config.devices;

	load->stride_of_turns = (uint32_t)(devices * 0.6180339887);
	while (common_divisor(devices, load->stride_of_turns) != 1)
		load->stride_of_turns++;
}

/*
 * Datagrams that there is room for: at our port, and in its ring for their answers. If more were
 * sent, answers would be lost there, because one core plays all devices, and the platform would
 * work for nothing.
 */
static unsigned room(struct load *load)
{
	uint64_t drops = load->wire->drops(load->wire), gone = drops - load->drops_seen;
	uint32_t most = load->wire->answers;

	load->drops_seen = drops;
	load->in_flight -= gone < load->in_flight ? (uint32_t)gone : load->in_flight;
	if (load->stamp > load->run.heard_at)
		load->run.heard_at = load->stamp;
	if (load->now > load->run.heard_at + SILENCE_NS) {
		load->run.heard_at = load->now;
		load->in_flight = 0;
	}
	if (most == 0)
		return MOST;
	most = most > load->in_flight ? most - load->in_flight : 0;
	return most < MOST ? most : MOST;
}

/* What is due and finds no room is dropped here: so much faster do devices send than can be
 * taken. */
static void drop(struct load *load, uint64_t count)
{
	struct run *run = &load->run;

	run->next += count;
	run->dropped += count;
	load->turn_next = ahead_of(load, load->turn_next, count);
}

bool prepared_turn(struct load *load)
{
	struct run *run = &load->run;
	bool fresh = load->now < run->to;
	unsigned sent = 0, most;
	uint64_t due_now;

	if (load->now < run->begin || (!fresh && run->open == 0))
		return false;
	due_now = (uint64_t)((double)(load->now - run->begin) / run->interval) + 1;
	if (!fresh) {
		/* no faster than they can be answered */
		due_now = run->end + (load->now - run->to) / DRAIN_NS;
		if (run->next < run->end)
			run->next = run->end;
	}
	most = room(load);
	for (; run->next < due_now && sent < most; run->next++, sent++)
		device_turn(load, next_by_turns(load),
			run->begin + (uint64_t)((double)run->next * run->interval), fresh,
			run->next >= run->first);
	if (sent < MOST && run->next < due_now)
		drop(load, due_now - run->next);
	return sent > 0;
}
