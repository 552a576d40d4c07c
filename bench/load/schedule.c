/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* schedule.c - what is due: reports by an open loop (or so many under way), heartbeats by turns */
#include "engine.h"

/** Devices looked at for one report, at most: where all are busy it waits. */
#define TRIES 16
/** What was due before the end, and a gap of our own held up, leaves soon after it. */
#define GRACE_NS (20 * MS_NS)

/* xorshift64* (Vigna 2014): which device is next need not be hard to guess. */
static uint64_t draw(struct load *load)
{
	load->random ^= load->random >> 12;
	load->random ^= load->random << 25;
	load->random ^= load->random >> 27;
	return load->random * 2685821657736338717ull;
}

static uint32_t choose(struct load *load)
{
	uint32_t devices = load->config.devices;

	if (load->config.subdevices && gateway_chosen(load, draw(load)))
		return 0;
	if (!load->config.in_order)
		return (uint32_t)((draw(load) >> 32) * devices >> 32);
	if (++load->order_next >= devices)
		load->order_next = 0;
	return load->order_next;
}

/* The next device in order; meanwhile one that follows later is fetched from memory, and the
 * connection of one that comes before that. */
static uint32_t next_device(struct load *load)
{
	uint32_t device = load->ahead[load->ahead_at], later = choose(load), sooner, connection;

	load->ahead[load->ahead_at] = later;
	load->ahead_at = (load->ahead_at + 1) % AHEAD;
	__builtin_prefetch(&load->devices[later], 1);
	if (load->wire->prefetch) {
		sooner = load->ahead[(load->ahead_at + AHEAD / 4) % AHEAD];
		connection = load->devices[sooner].connection;
		if (connection)
			load->wire->prefetch(load->wire, connection);
	}
	return device;
}

bool schedule_report(struct load *load, uint32_t device, uint64_t due, bool measured)
{
	struct device *d = &load->devices[device];
	uint32_t slot = slot_get(load, device, REQUEST_REPORT, due);
	struct slot *s;

	if (slot == NO_SLOT)
		return false;
	s = &load->slots[slot];
	s->n = d->account.sent + 1;
	s->sequence = (uint16_t)(d->base + d->count + 1);
	s->time = load->clock.now;
	s->about = load->config.subdevices ? gateway_about(load, device) : device;
	s->measured = measured;
	if (!build_add(load, slot)) {
		slot_put(load, slot);
		return false;
	}
	d->account.sent++;
	d->count++;
	load->figures.sent++;
	load->figures.of_subdevices += load->slots[slot].about != device;
	load->run.open++;
	return true;
}

static bool send_report(struct load *load, uint64_t due, bool measured)
{
	for (unsigned i = 0; i < TRIES; i++) {
		uint32_t device = next_device(load);
		const struct device *d = &load->devices[device];

		if (d->state == DEVICE_LIVE && d->under_way < load->config.outstanding)
			return schedule_report(load, device, due, measured);
		load->run.skipped++;
	}
	return false;
}

/*
 * Has our port room for the answers to what is under way? Of datagrams each that our own ring could
 * not hold would look as if the platform had lost it. Over TCP it comes again, but hundreds of
 * milliseconds later, and all that its connection has to say behind it: one gap of ours, and the
 * rest of a trial is about repeats.
 */
static bool room_for_answers(const struct load *load)
{
	uint32_t room = load->wire->answers;

	return room == 0 || (load->config.tcp && load->config.disturbed) ||
	       load->slot_count - load->free_count < room;
}

static bool open_loop(struct load *load)
{
	struct run *run = &load->run;
	uint64_t due_now, due;
	unsigned sent = 0;

	if (load->now < run->begin)
		return false;
	due_now = (uint64_t)((double)(load->now - run->begin) / run->interval) + 1;
	if (due_now > run->end)
		due_now = run->end;
	for (; run->next < due_now && sent < BURST && room_for_answers(load); run->next++, sent++) {
		bool measured = run->next >= run->first;

		due = run->begin + (uint64_t)((double)run->next * run->interval);
		if (!send_report(load, due, measured))
			break;
		if (!measured)
			continue;
		run->sent++;
		/* what a gap or a full ring made late is not ours, until all of it has been sent */
		run->late += load->now > due + LATE_NS && load->gap_end <= run->even_at &&
			     run->held_at <= run->even_at;
	}
	if (run->next < due_now && !room_for_answers(load))
		run->held_at = load->now;
	if (run->next == due_now)
		run->even_at = load->now;
	return sent > 0;
}

static bool closed_loop(struct load *load)
{
	struct run *run = &load->run;
	bool measured = load->now >= run->from;
	unsigned sent = 0;

	while (run->open < run->trial->closed && sent < BURST &&
		send_report(load, load->now, measured))
		sent++;
	if (measured)
		run->sent += sent;
	return sent > 0;
}

static void send_heartbeat(struct load *load, uint32_t device, uint64_t due)
{
	const struct run *run = &load->run;
	struct device *d = &load->devices[device];
	uint32_t slot;

	/* what keeps sending until it is answered does so with one request at a time */
	if (d->state != DEVICE_LIVE ||
		d->under_way >= (is_prepared(load) ? 1 : LOAD_OUTSTANDING_MAX))
		return;
	slot = slot_get(load, device, REQUEST_HEARTBEAT, due);
	if (slot == NO_SLOT)
		return;
	load->slots[slot].sequence = (uint16_t)(d->base + d->count + 1);
	load->slots[slot].time = load->clock.now;
	load->slots[slot].measured =
		run->on && run->trial->heartbeats_only && due >= run->from && due < run->to;
	if (!build_add(load, slot)) {
		slot_put(load, slot);
		return;
	}
	d->count++;
	load->figures.heartbeats++;
}

/* Each device's turn comes once in a heartbeat's time, all through one after the other. */
static bool heartbeats(struct load *load)
{
	uint64_t period = load->config.heartbeat_s * SECOND_NS;
	uint32_t devices = load->config.devices;
	double interval = (double)period / devices;
	unsigned done = 0;
	uint64_t due;

	/* a trial of heartbeats ends as one of reports: what was asked is answered, then it is
	 * over */
	if (period == 0 ||
		(load->run.on && load->run.trial->heartbeats_only && load->now >= load->run.to))
		return false;
	due = (uint64_t)((double)(load->now - load->beat_from) / interval);
	/* after a pause between two trials: not all that were missed */
	if (due > load->beats + devices)
		load->beats = due - devices;
	for (; load->beats < due && done < BURST; load->beats++, done++) {
		send_heartbeat(load, load->beat_next,
			load->beat_from + (uint64_t)((double)load->beats * interval));
		if (++load->beat_next == devices)
			load->beat_next = 0;
		__builtin_prefetch(&load->devices[(load->beat_next + 8) % devices], 1);
	}
	return done > 0;
}

bool schedule_turn(struct load *load)
{
	const struct run *run = &load->run;
	bool worked = heartbeats(load);

	if (!run->on || !run->reports)
		return worked;
	if (run->trial->prepared)
		return prepared_turn(load) || worked;
	if (load->now >= run->to + (run->next < run->end ? GRACE_NS : 0))
		return worked;
	return (run->trial->closed ? closed_loop(load) : open_loop(load)) || worked;
}

void schedule_begin(struct load *load)
{
	const struct load_trial *trial = load->run.trial;
	struct run *run = &load->run;
	uint64_t open = run->open;

	*run = (struct run){.trial = trial, .before = load->figures, .on = true, .open = open};
	run->begin = load->now + MS_NS;
	run->from = run->begin + trial->warmup_ms * MS_NS;
	run->to = run->from + trial->measure_ms * MS_NS;
	run->reports = !trial->heartbeats_only && (trial->rate > 0 || trial->closed > 0);
	if (trial->rate > 0) {
		run->interval = 1e9 / trial->rate;
		run->first = (uint64_t)((double)(run->from - run->begin) / run->interval);
		run->end = (uint64_t)((double)(run->to - run->begin) / run->interval);
	}
	for (unsigned i = 0; i < AHEAD; i++)
		load->ahead[i] = choose(load);
}
