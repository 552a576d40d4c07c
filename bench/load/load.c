/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* load.c - the engine: made, one turn of it, its end */
#include "engine.h"

#include "memory.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <x86intrin.h>

#define SLOTS_LEAST 1024u
#define SLOTS_MOST (1u << 17)
#define CLOCK_EVERY MS_NS
/** Room for a datagram that is kept. */
#define FRAME_STRIDE 1536u
#define CALIBRATE_NS (20 * MS_NS)

const char *load_wrong_name(enum load_wrong wrong)
{
	static const char *const names[] = {
#define X(id, name, help) [id] = name,
		LOAD_WRONGS(X)
#undef X
	};

	return names[wrong];
}

const char *load_wrong_help(enum load_wrong wrong)
{
	static const char *const helps[] = {
#define X(id, name, help) [id] = help,
		LOAD_WRONGS(X)
#undef X
	};

	return helps[wrong];
}

const char *load_part_name(enum load_part part)
{
	static const char *const names[] = {
#define X(id, name, help) [id] = name,
		LOAD_PARTS(X)
#undef X
	};

	return names[part];
}

void load_wrong(struct load *load, enum load_wrong wrong, uint32_t device, const char *what)
{
	load->figures.wrong[wrong]++;
	if (load->first_wrong[0])
		return;
	snprintf(load->first_wrong, sizeof(load->first_wrong), "device %u: %s (%s) %s", device,
		load_wrong_help(wrong), load_wrong_name(wrong), what);
}

void load_stop(struct load *load)
{
	load->stop = true;
}

uint32_t load_live(const struct load *load)
{
	return load->live;
}

/* ---- one turn ---- */

void load_mark(struct load *load, enum load_part part, unsigned work)
{
	uint64_t now = __rdtsc(), took = now - load->mark;
	uint64_t checks = load->figures.checked - load->checked_at_mark;
	double ours = GAP_NS + (double)work * WORK_NS + (double)checks * CHECK_NS;

	load->mark = now;
	load->checked_at_mark = load->figures.checked;
	load->turn_cycles[part] += took;
	if ((double)took < ours * load->tsc_ghz || load->wire->kernel)
		return;
	load->gaps++;
	load->gap_total += took;
	if (took > load->gap_longest)
		load->gap_longest = took;
	load->gap_end = load->wake_end = load_now();
	load->in_wake = true;
}

/* An idle turn's cycles are idle ones, whatever looked for work. */
static void end_turn(struct load *load, bool worked)
{
	for (unsigned i = 0; i < LOAD_PART_COUNT; i++) {
		load->cycles[worked ? i : LOAD_PART_IDLE] += load->turn_cycles[i];
		load->turn_cycles[i] = 0;
	}
	load->turns += worked;
}

/*
 * What is due right after a gap waits behind all that the gap held up: at half of the full rate for
 * as long again as the gap took. That wake is over when all that was due has been sent, and what
 * left first has waited for less than what counts as a gap.
 */
static void follow_wake(struct load *load)
{
	const struct run *run = &load->run;
	bool behind = run->on && run->interval > 0 && !run->trial->prepared &&
		      run->even_at < load->gap_end && load->now < run->to;

	if (!load->in_wake)
		return;
	load->wake_end = load->now;
	load->in_wake = behind || (load->oldest != NO_SLOT &&
					  load->slots[load->oldest].due + GAP_NS < load->now);
}

void load_turn(struct load *load)
{
	unsigned moved, events;
	bool worked, began, sent;

	load->now = load_now();
	if (load->now >= load->clock_at) {
		text_clock_set(&load->clock, (uint32_t)time(NULL));
		load->clock_at = load->now + CLOCK_EVERY;
	}
	moved = load->wire->poll(load->wire, load->now);
	load_mark(load, LOAD_PART_WIRE, moved);
	answer_flush(load);
	load_mark(load, LOAD_PART_ANSWERS, moved);
	began = life_turn(load);
	load_mark(load, LOAD_PART_REST, began ? BURST : 0);
	follow_wake(load);
	sent = schedule_turn(load);
	build_flush(load);
	load_mark(load, LOAD_PART_BUILD, sent || began ? BURST : 0);
	events = ring_turn(load);
	load_mark(load, LOAD_PART_RING, events);
	worked = moved > 0 || began || sent || events > 0;
	end_turn(load, worked);
}

/* ---- made ---- */

static bool config_valid(const struct load_config *config, char *error, size_t size)
{
	const char *what = NULL;

	if (config->devices < 1 || config->devices >= IDENTITY_MAX)
		what = "devices: 1 to 99,999,999";
	else if (config->sizes < 1 || config->sizes > LOAD_SIZES_MAX)
		what = "1 to 8 sizes of reports";
	else if (config->code < 1000 || config->code > 9998)
		what = "a report's code has four digits";
	else if (config->outstanding > LOAD_OUTSTANDING_MAX)
		what = "at most 16 reports of a device under way";
	else if (config->prepared && config->tcp)
		what = "frames prepared ahead go over UDP";
	for (unsigned i = 0; !what && i < config->sizes; i++)
		if (config->bytes[i] < TEXT_REPORT_MIN || config->bytes[i] > TEXT_REPORT_MAX ||
			(!config->tcp && config->bytes[i] > 1000))
			what = "reports have 112 to 8,192 bytes, over UDP at most 1,000";
	if (what)
		snprintf(error, size, "%s", what);
	return !what;
}

static uint32_t slots_for(const struct load_config *config)
{
	uint64_t slots = (uint64_t)config->devices * config->outstanding;

	if (slots < config->at_once + BURST)
		slots = config->at_once + BURST;
	return slots < SLOTS_LEAST  ? SLOTS_LEAST
	       : slots > SLOTS_MOST ? SLOTS_MOST
				    : (uint32_t)slots;
}

static void set_defaults(struct load_config *config)
{
	if (config->outstanding == 0)
		config->outstanding = 8;
	if (config->check_every == 0)
		config->check_every = 1024;
	if (config->retry_ms == 0)
		config->retry_ms = 10000;
	if (config->at_once == 0)
		config->at_once = 512;
	if (config->at_once > SLOTS_MOST / 2)
		config->at_once = SLOTS_MOST / 2;
}

static size_t device_bytes(const struct load *load)
{
	return load->config.devices * sizeof(struct device);
}

static size_t waiting_bytes(const struct load *load)
{
	return load->config.devices * sizeof(struct waiting);
}

static bool take_memory(struct load *load)
{
	unsigned longest = TEXT_MAX;

	for (unsigned i = 0; i < load->config.sizes; i++)
		if (load->config.bytes[i] > longest)
			longest = load->config.bytes[i];
	load->stride = (longest + 2 * AES_BLOCK + 16 + 63) & ~63u;
	load->slot_count = slots_for(&load->config);
	load->devices = memory_map(device_bytes(load), true);
	load->waiting = memory_map(waiting_bytes(load), false);
	load->slots = calloc(load->slot_count, sizeof(*load->slots));
	load->free_slots = calloc(load->slot_count, sizeof(*load->free_slots));
	load->reports = calloc(load->config.sizes, sizeof(*load->reports));
	load->plain = aligned_alloc(64, (size_t)BURST * load->stride);
	if (load->config.prepared) {
		load->frame_stride = FRAME_STRIDE;
		load->frames = memory_map((size_t)load->slot_count * FRAME_STRIDE, true);
		load->frame_lengths = calloc(load->slot_count, sizeof(*load->frame_lengths));
		if (!load->frames || !load->frame_lengths)
			return false;
	}
	prepared_init(load);
	load->aes = aes_burst_new();
	return load->devices && load->waiting && load->slots && load->free_slots && load->reports &&
	       load->plain && load->aes;
}

static double measure_tsc(void)
{
	uint64_t ns = load_now(), cycles = __rdtsc(), until = ns + CALIBRATE_NS, now;

	do
		now = load_now();
	while (now < until);
	return (double)(__rdtsc() - cycles) / (double)(now - ns);
}

static const struct load_up up = {.opened = life_opened,
	.bytes = answer_bytes,
	.ended = life_ended,
	.datagram = answer_datagram};

struct load *load_new(
	const struct load_config *config, struct load_wire *wire, char *error, size_t size)
{
	struct load *load;

	if (!config_valid(config, error, size))
		return NULL;
	load = aligned_alloc(64, (sizeof(*load) + 63) & ~(size_t)63);
	if (!load)
		goto no_memory;
	memset(load, 0, sizeof(*load));
	load->config = *config;
	set_defaults(&load->config);
	identity_init(&load->identity, config->seed);
	if (!take_memory(load))
		goto no_memory;
	for (unsigned i = 0; i < config->sizes; i++)
		text_report_make(&load->reports[i], &load->identity, config->bytes[i]);
	for (uint32_t i = 0; i < load->slot_count; i++)
		load->free_slots[i] = load->slot_count - 1 - i;
	load->free_count = load->slot_count;
	load->oldest = load->newest = NO_SLOT;
	load->check_in = load->config.check_every;
	load->random = config->seed * 2 + 0x9e3779b97f4a7c15ull;
	load->random |= load->random == 0;
	load->tsc_ghz = measure_tsc();
	if (config->feed && ring_open(load, error, size))
		goto failed;
	wire->load = load;
	wire->up = &up;
	load->wire = wire;
	if (wire->start(wire, config->devices, error, size) == 0)
		return load;
	load->wire = NULL;
	goto failed;
no_memory:
	snprintf(error, size, "no memory for %u devices", config->devices);
failed:
	load_free(load);
	return NULL;
}

size_t load_bytes(const struct load *load)
{
	return sizeof(*load) + device_bytes(load) + waiting_bytes(load) +
	       load->slot_count * (sizeof(*load->slots) + sizeof(*load->free_slots)) +
	       load->config.sizes * sizeof(*load->reports) + (size_t)BURST * load->stride;
}

/* By RST: ten million orderly ends would take longer than the trial. */
static void close_all(struct load *load)
{
	unsigned closed = 0;

	load->build_count = 0;
	for (uint32_t i = 0; i < load->config.devices; i++) {
		struct device *d = &load->devices[i];

		if (!d->connection)
			continue;
		load->wire->close(load->wire, d->connection, true);
		d->connection = 0;
		if (++closed % BURST == 0)
			load->wire->poll(load->wire, load_now());
	}
	for (unsigned i = 0; i < 16; i++)
		load->wire->poll(load->wire, load_now());
}

void load_free(struct load *load)
{
	if (!load)
		return;
	if (load->wire)
		close_all(load);
	hearth_feed_close(load->feed);
	while (load->rests) {
		struct rest *rest = load->rests;

		load->rests = rest->next;
		free(rest);
	}
	aes_burst_free(load->aes);
	memory_unmap(load->devices, device_bytes(load));
	memory_unmap(load->waiting, waiting_bytes(load));
	if (load->frames)
		memory_unmap(load->frames, (size_t)load->slot_count * FRAME_STRIDE);
	free(load->frame_lengths);
	free(load->slots);
	free(load->free_slots);
	free(load->reports);
	free(load->plain);
	free(load);
}
