/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* ring.c - events: each report once, byte for byte what was sent, or it is told */
#include "engine.h"

#include "digits.h"

#include <errno.h>
#include <time.h>

#define BATCH 32u
#define SLICE 4u /* batches in a turn, at most */
#define OPEN_WAIT_MS 5000
#define LOOK_EVERY (100 * MS_NS)
/** Behind a writer's heels a reader takes the lines that it is about to write out of its caches: a
 * report cost the broker up to a fifth more. */
#define RING_NS 20000u

/** struct event - a record of the ring and whose it is */
struct event {
	struct hearth_item item;
	uint32_t device;
};

int ring_open(struct load *load, char *error, size_t size)
{
	const struct timespec pause = {.tv_nsec = 10000000};

	for (unsigned waited = 0;; waited += 10) {
		load->feed = hearth_feed_open(load->config.feed, 0, error, size);
		if (load->feed)
			return 0;
		if (errno != ENOENT || waited >= OPEN_WAIT_MS)
			return -errno;
		nanosleep(&pause, NULL);
	}
}

static const struct text_report *report_by_length(const struct load *load, uint32_t length)
{
	for (unsigned i = 0; i < load->config.sizes; i++)
		if (load->reports[i].bytes == length)
			return &load->reports[i];
	return NULL;
}

static bool fields_are_right(
	const struct load *load, const struct device *d, const struct hearth_record *record)
{
	return record->code == load->config.code && record->result == 0 &&
	       record->protocol == HEARTH_MC && record->gateway_length == 0 &&
	       record->via == (load->config.tcp ? HEARTH_VIA_TCP : HEARTH_VIA_UDP) &&
	       (load->figures.disconnected > 0 ||
		       record->sequence == (uint16_t)(d->base + record->count));
}

/* Whose report of the gateway is it, by its own word? The gateway's, if that is nobody. */
static uint32_t reported(
	const struct load *load, const struct text_report *report, const char *payload)
{
	uint32_t about = identity_index(&load->identity, payload + report->id_at);
	uint32_t first = load->config.devices;

	return about >= first && about - first < load->config.subdevices ? about : 0;
}

static void uplink(struct load *load, const struct event *event)
{
	const struct hearth_record *record = event->item.record;
	struct device *d = &load->devices[event->device];
	uint32_t about = event->device;
	const struct text_report *report = report_by_length(load, record->payload_length);
	char want[TEXT_REPORT_MAX + 16], digits[16];
	uint32_t n;

	if (!fields_are_right(load, d, record)) {
		load_wrong(load, LOAD_BAD_EVENT, event->device, "an event's fields");
		return;
	}
	n = report ? text_report_number(report, event->item.payload, record->sequence) : 0;
	if (n == 0) {
		load_wrong(load, LOAD_BAD_PAYLOAD, event->device, "an event without a number");
		return;
	}
	/* the gateway's may be about a sub-device: that one which the report's number makes it */
	if (event->device == 0 && load->config.subdevices)
		about = reported(load, report, event->item.payload);
	digits16(digits, record->device_time);
	text_report(report, about, n, digits + 6, record->sequence, want);
	if (memcmp(want, event->item.payload, record->payload_length) != 0) {
		load_wrong(load, LOAD_BAD_PAYLOAD, event->device, "an event's payload");
		return;
	}
	switch (account_seen(&d->account, n, &load->figures.gone)) {
	case ACCOUNT_NEW:
		load->figures.events++;
		load->run.delivered_in_time +=
			load->now >= load->run.from && load->now < load->run.to;
		break;
	case ACCOUNT_DOUBLED:
		load->figures.doubled++;
		break;
	case ACCOUNT_UNSENT:
		load_wrong(load, LOAD_BAD_EVENT, event->device, "a report that was never sent");
		break;
	}
}

static void look_at(struct load *load, const struct event *event)
{
	if (load->config.subdevices && gateway_event(load, event->device, &event->item))
		return;
	if (event->device >= load->config.devices) {
		load_wrong(load, LOAD_BAD_EVENT, event->device, "an event of a sub-device");
		return;
	}
	switch (event->item.record->event) {
	case HEARTH_UPLINK:
		uplink(load, event);
		break;
	case HEARTH_ONLINE:
		load->figures.online++;
		break;
	case HEARTH_OFFLINE:
		load->figures.offline++;
		break;
	default:
		load_wrong(load, LOAD_BAD_EVENT, event->device, "an event of another kind");
	}
}

/* Return: records read. */
static unsigned batch(struct load *load, struct event events[BATCH])
{
	unsigned count = 0;

	while (count < BATCH) {
		struct event *event = &events[count];
		int rc = hearth_feed_next(load->feed, &event->item);

		if (rc == 0)
			break;
		if (rc < 0) {
			load_wrong(load, LOAD_BAD_RING, 0, "the ring is damaged or was replaced");
			break;
		}
		event->device = event->item.record->device_length == IDENTITY_ID
					? identity_index(&load->identity, event->item.device)
					: UINT32_MAX;
		if (event->device == UINT32_MAX ||
			event->device >= load->config.devices + load->config.subdevices) {
			load_wrong(load, LOAD_BAD_STRANGER, 0, "an event of a stranger");
			continue;
		}
		__builtin_prefetch(&load->devices[event->device]);
		count++;
	}
	for (unsigned i = 0; i < count; i++)
		look_at(load, &events[i]);
	return count;
}

unsigned ring_turn(struct load *load)
{
	struct event events[BATCH];
	unsigned count = 0, last;

	if (!load->feed || load->now < load->ring_next)
		return 0;
	/* An empty ring's file may have been replaced: that takes system calls to see. */
	if (hearth_feed_lag(load->feed) == 0) {
		if (load->now < load->ring_at)
			return 0;
		load->ring_at = load->now + LOOK_EVERY;
	}
	do {
		last = batch(load, events);
		count += last;
	} while (last == BATCH && count < SLICE * BATCH);
	if (count > 0)
		hearth_feed_commit(load->feed);
	if (last < BATCH)
		load->ring_next = load->now + RING_NS;
	return count;
}
