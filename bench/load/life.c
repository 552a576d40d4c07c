/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* life.c - devices log in, connect, lose their session and come back (Q/CT X-2017 section 5.3) */
#include "engine.h"

#define SENDS 3
/** While all log in, an answer is waited for so long. */
#define LOGIN_RETRY_MS 1000u
/** A device whose login or session failed waits so long. */
#define AWAY_NS (100 * MS_NS)
#define NO_ROOM 999999u
#define OUT_OF_ORDER 200003u

static void wait_for_login(struct load *load, uint32_t device, uint64_t at)
{
	uint32_t place = (load->waiting_first + load->waiting_count++) % load->config.devices;

	load->waiting[place] = (struct waiting){at, device};
}

/* Every request of a device is over, whatever becomes of it. */
static void forget_requests(struct load *load, struct device *d)
{
	while (d->tail) {
		uint32_t slot = slot_first(load, d);
		const struct slot *s = &load->slots[slot];

		if (s->kind == REQUEST_REPORT) {
			load->figures.unanswered++;
			load->run.open--;
			load->run.unanswered += s->measured;
		}
		if (s->sends)
			life_spare(d);
		slot_put(load, slot);
	}
}

void life_lost(struct load *load, uint32_t device)
{
	struct device *d = &load->devices[device];

	/* frames of its requests may be about to be made */
	build_flush(load);
	if (d->connection)
		load->wire->close(load->wire, d->connection, false);
	d->connection = 0;
	answer_forget(load, device);
	if (d->state == DEVICE_LIVE) {
		load->live--;
		load->figures.disconnected++;
	} else {
		load->logging_in--;
		load->figures.failed++;
	}
	forget_requests(load, d);
	d->state = DEVICE_AWAY;
	wait_for_login(load, device, load->now + AWAY_NS);
}

static void begin(struct load *load, uint32_t device)
{
	struct device *d = &load->devices[device];
	uint32_t slot = slot_get(load, device, REQUEST_LOGIN, load->now);

	load->logging_in++;
	d->state = DEVICE_CALLING;
	d->connection = slot == NO_SLOT ? 0 : load->wire->open(load->wire, device, LOAD_LOGIN);
	if (!d->connection)
		life_lost(load, device);
}

/* The device's next request of its login, now that it can be sent. */
static void ask(struct load *load, uint32_t device, uint32_t slot, uint16_t sequence)
{
	load->slots[slot].sequence = sequence;
	load->slots[slot].time = load->clock.now;
	if (!build_add(load, slot))
		life_lost(load, device);
}

void life_opened(struct load *load, uint32_t device, uint32_t connection)
{
	struct device *d = &load->devices[device];

	if (d->connection != connection)
		return;
	if (d->state == DEVICE_CALLING) {
		d->state = DEVICE_LOGIN;
		load->random = load->random * 6364136223846793005ull + 1442695040888963407ull;
		d->base = (uint16_t)(load->random >> 33);
		/* public firmware's connect has its login's number plus 1 */
		ask(load, device, slot_first(load, d), d->base - 1);
	} else if (d->state == DEVICE_OPENING) {
		d->state = DEVICE_CONNECT;
		ask(load, device, slot_first(load, d), d->base);
	}
}

void life_granted(struct load *load, uint32_t slot, const char key[16], const char token[16])
{
	uint32_t device = load->slots[slot].device;
	struct device *d = &load->devices[device];

	memcpy(d->key, key, 16);
	memcpy(d->token, token, 16);
	/* what is still to come has another key */
	d->spare = 0;
	d->count = 0;
	load->figures.logins++;
	load->wire->close(load->wire, d->connection, false);
	d->connection = 0;
	slot_put(load, slot);
	slot = slot_get(load, device, REQUEST_CONNECT, load->now);
	if (!load->config.tcp) {
		d->state = DEVICE_CONNECT;
		ask(load, device, slot, d->base);
		return;
	}
	d->state = DEVICE_OPENING;
	d->connection = load->wire->open(load->wire, device, LOAD_CONNECT);
	if (!d->connection)
		life_lost(load, device);
}

void life_live(struct load *load, uint32_t slot)
{
	uint32_t device = load->slots[slot].device;
	struct device *d = &load->devices[device];

	slot_put(load, slot);
	d->state = DEVICE_LIVE;
	d->count = 0;
	load->live++;
	load->logging_in--;
	load->figures.connects++;
	load->figures.relogins += d->again;
	if (device == 0 && load->config.subdevices)
		gateway_live(load);
	d->again = true;
}

void life_ended(struct load *load, uint32_t device, uint32_t connection)
{
	struct device *d = &load->devices[device];

	if (d->connection != connection)
		return;
	/* What it said before is heard first: it may be the answer that made us close. */
	answer_flush(load);
	if (d->connection != connection)
		return;
	d->connection = 0;
	life_lost(load, device);
}

static void take_latency(struct load *load, const struct slot *s)
{
	const struct load_trial *trial = load->run.trial;
	uint64_t took = load->stamp - s->due;

	if (trial->latency)
		histogram_add(trial->latency, took);
	if (!trial->latency_clean || s->due < load->wake_end)
		return;
	if (trial->slow && took > SLOW_NS && slow_keep(trial->slow, s->due, load->stamp))
		return;
	histogram_add(trial->latency_clean, took);
}

static void report_answered(struct load *load, const struct slot *s, uint32_t result)
{
	struct account *account = &load->devices[s->device].account;

	load->run.open--;
	if (result == 0) {
		load->figures.answered++;
		load->run.answered_in_time +=
			load->stamp >= load->run.from && load->stamp < load->run.to;
		if (!s->measured)
			return;
		load->run.answered++;
		take_latency(load, s);
		return;
	}
	/* The ring had no room for it, or it was no good: it will not come there. */
	account_seen(account, s->n, &load->figures.gone);
	if (result == NO_ROOM) {
		load->figures.refused++;
		load->run.refused += s->measured;
	} else {
		load->figures.failures++;
		load->run.failures += s->measured;
	}
}

void life_answered(struct load *load, uint32_t slot, uint32_t result)
{
	const struct slot *s = &load->slots[slot];
	uint32_t device = s->device;

	switch ((enum request_kind)s->kind) {
	case REQUEST_REPORT:
		report_answered(load, s, result);
		break;
	case REQUEST_HEARTBEAT:
		if (s->measured && result == 0)
			take_latency(load, s);
		load->figures.heartbeats_answered += result == 0;
		load->figures.failures += result != 0;
		break;
	case REQUEST_BIND:
		gateway_answered(load, false);
		break;
	case REQUEST_LOGIN:
	case REQUEST_CONNECT:
		life_lost(load, device);
		return;
	}
	slot_put(load, slot);
	/* Its session has ended (5.2.4). Over TCP its connection does, too, and tells it. */
	if (result == OUT_OF_ORDER && !load->devices[device].connection)
		life_lost(load, device);
}

/* No answer came in time: the same again, or the device gives up. */
static void overdue(struct load *load, uint32_t slot)
{
	struct slot *s = &load->slots[slot];
	uint32_t device = s->device;

	/* overload: it is being sent all the time */
	if (is_prepared(load) && load->devices[device].state == DEVICE_LIVE) {
		slot_sent(load, slot);
		return;
	}
	if (load->devices[device].state != DEVICE_LIVE)
		load->figures.retried++;
	/* Over TCP a login that is not answered is begun anew; a datagram may just be lost. */
	if (load->devices[device].connection && load->devices[device].state != DEVICE_LIVE) {
		life_lost(load, device);
		return;
	}
	if (s->sends >= SENDS) {
		life_lost(load, device);
		return;
	}
	/* It leaves with its burst, but is no longer the one that has waited longest. */
	slot_later(load, slot);
	if (!build_add(load, slot))
		return;
	load->figures.repeated += s->kind == REQUEST_REPORT || s->kind == REQUEST_HEARTBEAT;
	life_spare(&load->devices[device]);
}

static bool may_begin(const struct load *load)
{
	double rate = load->config.login_rate;

	if (load->logging_in >= load->config.at_once || load->free_count < BURST)
		return false;
	return rate == 0 ||
	       (double)load->login_begun < rate * 1e-9 * (double)(load->now - load->login_from) + 1;
}

/* A device has its patience; that of millions which come in would only tell how long it is. */
static uint64_t patience(const struct load *load)
{
	unsigned ms = load->config.retry_ms;

	return (load->run.on || ms < LOGIN_RETRY_MS ? ms : LOGIN_RETRY_MS) * MS_NS;
}

bool life_turn(struct load *load)
{
	uint64_t retry = patience(load);
	bool worked = false;

	/* no more than a link has room for: the others' turn comes */
	for (unsigned i = 0; i < BURST && load->oldest != NO_SLOT &&
			     load->slots[load->oldest].sent + retry <= load->now;
		i++) {
		overdue(load, load->oldest);
		worked = true;
	}
	for (unsigned i = 0; i < BURST && may_begin(load); i++) {
		uint32_t device;

		if (load->waiting_count > 0 && load->waiting[load->waiting_first].at <= load->now) {
			device = load->waiting[load->waiting_first].device;
			load->waiting_first = (load->waiting_first + 1) % load->config.devices;
			load->waiting_count--;
		} else if (load->login_next < load->config.devices) {
			device = load->login_next++;
		} else {
			break;
		}
		load->login_begun++;
		begin(load, device);
		worked = true;
	}
	if (load->config.subdevices)
		worked |= gateway_turn(load);
	return worked;
}

void load_drop(struct load *load, uint32_t device, bool abort)
{
	struct device *d = &load->devices[device];

	if (d->state != DEVICE_LIVE)
		return;
	if (d->connection && abort) {
		build_flush(load);
		load->wire->close(load->wire, d->connection, true);
		d->connection = 0;
	}
	life_lost(load, device);
}

void load_resume(struct load *load, uint32_t device)
{
	struct device *d = &load->devices[device];
	uint32_t slot;

	if (d->state != DEVICE_LIVE)
		return;
	/* frames of its requests may be about to be made */
	build_flush(load);
	answer_forget(load, device);
	forget_requests(load, d);
	load->live--;
	load->figures.disconnected++;
	load->logging_in++;
	d->state = DEVICE_OPENING;
	/* their answers go to the connection that is left */
	d->spare = 0;
	/* its connect may carry the last one's time: then another number makes it the newer one */
	d->base += d->count + 2;
	slot = slot_get(load, device, REQUEST_CONNECT, load->now);
	d->connection = slot == NO_SLOT ? 0 : load->wire->open(load->wire, device, LOAD_CONNECT);
	if (!d->connection)
		life_lost(load, device);
}

void load_rebind(struct load *load, uint32_t device)
{
	load->devices[device].source++;
}

void load_stall(struct load *load, uint32_t device, bool stalled)
{
	load->devices[device].stalled = stalled;
}
