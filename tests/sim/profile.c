/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* profile.c - from a seed to a world: which faults, how strong, who says what */
#include "profile.h"

#include <stdio.h>
#include <string.h>

#define PERCENT 10000u

static const struct profile profiles[] = {
	{"swarm", 0, FAULTS_ALL, "every seed draws its own mix of all faults"},
	{"clean", 0, 0, "no fault at all"},
	{"loss", FAULT_LOSS, FAULT_DUPLICATE | FAULT_WRAP, "up to 3 % of the frames are lost"},
	{"heavy", FAULT_HEAVY, FAULT_DELAY, "3 to 30 % of the frames are lost"},
	{"order", FAULT_DUPLICATE | FAULT_LATE, FAULT_DELAY | FAULT_WRAP,
		"frames overtake each other and come twice"},
	{"corrupt", FAULT_CORRUPT, FAULT_LOSS, "bits flip"},
	{"mtu", FAULT_MTU, FAULT_LOSS | FAULT_DELAY, "the path's MTU shrinks"},
	{"stall", FAULT_STALL, FAULT_OUTAGE | FAULT_LOSS, "ends, clocks or the wire stand still"},
	{"alloc", FAULT_ALLOC | FAULT_TINY, FAULT_LOSS, "memory is short"},
	{"window", FAULT_WINDOW, FAULT_LOSS | FAULT_WRAP | FAULT_NARROW, "users do not read"},
	{"wrap", FAULT_WRAP, FAULT_LOSS | FAULT_LATE, "sequence numbers pass 2^32"},
	{"close", FAULT_ABORT, FAULT_LOSS | FAULT_LATE, "connections end in every way"},
	{"crowd", FAULT_CROWD, FAULT_LOSS | FAULT_ABORT, "hundreds of connections at once"},
	{"narrow", FAULT_NARROW, FAULT_LOSS, "a slow wire with a short queue"},
};

const struct profile *profile_find(const char *name)
{
	for (unsigned i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++)
		if (strcmp(profiles[i].name, name) == 0)
			return &profiles[i];
	return NULL;
}

const struct profile *profile_list(unsigned index)
{
	return index < sizeof(profiles) / sizeof(profiles[0]) ? &profiles[index] : NULL;
}

const char *fault_names(uint32_t faults)
{
	static const char *const names[] = {"loss", "heavy", "duplicate", "late", "corrupt",
		"delay", "mtu", "outage", "stall", "alloc", "tiny", "window", "wrap", "abort",
		"crowd", "narrow"};
	static char text[200];
	size_t at = 0;

	text[0] = 0;
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (faults >> i & 1)
			at += (size_t)snprintf(
				text + at, sizeof(text) - at, "%s%s", at ? " " : "", names[i]);
	return at ? text : "no fault";
}

/* One fault in four of what may be: a mix in which each is still to be seen. */
static uint32_t draw_faults(const struct profile *profile, struct sim_random *random)
{
	uint32_t faults = profile->must;

	for (unsigned i = 0; i < 16; i++)
		if (profile->may >> i & 1 && sim_chance(random, 25 * PERCENT))
			faults |= 1u << i;
	if (faults & FAULT_HEAVY)
		faults &= ~(uint32_t)FAULT_LOSS;
	return faults;
}

static void draw_weather(
	struct weather *w, uint32_t faults, struct sim_random *random, uint64_t start)
{
	*w = (struct weather){.delay = sim_between(random, 50, 20000)};
	if (faults & FAULT_LOSS)
		w->loss = sim_below(random, 3 * PERCENT);
	if (faults & FAULT_HEAVY)
		w->loss = sim_between(random, 3 * PERCENT, 30 * PERCENT);
	if (faults & FAULT_DUPLICATE)
		w->duplicate = sim_below(random, 10 * PERCENT);
	if (faults & FAULT_LATE) {
		w->late = sim_below(random, 20 * PERCENT);
		w->late_by = sim_between(random, 100, 200000);
	}
	if (faults & FAULT_CORRUPT)
		w->corrupt = sim_below(random, 3 * PERCENT);
	if (faults & FAULT_DELAY) {
		w->delay = sim_below(random, 300000);
		w->jitter = sim_below(random, 300000);
	}
	if (faults & FAULT_MTU) {
		w->mtu_at = start + sim_below(random, 10 * SIM_SECOND);
		w->mtu = (uint16_t)sim_between(random, 1280, 1499);
	}
	if (faults & FAULT_OUTAGE) {
		w->out_at = start + sim_below(random, 10 * SIM_SECOND);
		w->out_until = w->out_at + sim_below(random, 10 * SIM_SECOND);
	}
	if (faults & FAULT_NARROW) {
		w->rate = sim_between(random, 60, 3000);
		w->queue = sim_between(random, 3000, 60000);
	}
}

static void draw_hearth(
	struct hearth_plan *h, const struct world_plan *plan, struct sim_random *random)
{
	uint32_t talks = plan->talk_count;

	*h = (struct hearth_plan){.connections = talks + 8,
		.embryonic = talks + 8,
		.time_wait = talks + 8,
		.sides = talks + 8,
		.receive_window = sim_between(random, 4000, 65535),
		.send_bytes = sim_between(random, 21000, 200000),
		.mss = (uint16_t)sim_between(random, 536, 1460),
		.mtu = 1500,
		.idle_us = 600 * SIM_SECOND,
		/* Room for all that may wait behind shut windows: short pools are FAULT_TINY. */
		.chunks = {1200 * talks, 300 * talks, 80 * talks, 8},
		.wrap = plan->faults & FAULT_WRAP ? sim_between(random, 1, 30000) : 0,
		.no_timestamps = sim_below(random, 4) == 0,
		.no_sack = sim_below(random, 4) == 0,
		.no_scale = sim_below(random, 4) == 0};
	if (sim_below(random, 4) == 0)
		h->receive_window = sim_between(random, 65536, 1 << 20);
	if (plan->faults & FAULT_WINDOW)
		h->receive_window = sim_between(random, 536, 9000);
	if (plan->faults & FAULT_CROWD)
		memcpy(h->chunks, (uint32_t[]){60 * talks, 40 * talks, 8 * talks, 8},
			sizeof(h->chunks));
	if (plan->faults & FAULT_TINY) {
		h->time_wait = 1 + sim_below(random, 4);
		h->sides = 1 + sim_below(random, 4);
		h->chunks[0] = sim_between(random, 8, 8 + 4 * talks);
		h->chunks[1] = sim_between(random, 8, 8 + 2 * talks);
		h->chunks[2] = sim_between(random, 2, 8);
		h->chunks[3] = sim_between(random, 2, 4);
	}
}

static uint32_t draw_total(struct sim_random *random, uint32_t faults)
{
	uint32_t dice = sim_below(random, 100);

	/* A window of 64 KiB has to be filled before it can close. */
	if (faults & FAULT_WINDOW && dice < 30)
		return sim_between(random, 60000, 200000);
	if (dice < 5)
		return 0;
	if (dice < 50)
		return sim_between(random, 1, 3000);
	if (dice < 90)
		return sim_between(random, 3000, 20000);
	return sim_between(random, 20000, 150000);
}

static void draw_side(struct side *side, const struct world_plan *plan, struct sim_random *random)
{
	static const uint32_t longest[] = {3, 40, 300, 300, 1460, 4000, 16000};
	struct side_plan *p = &side->plan;

	p->total = draw_total(random, plan->faults);
	if (plan->faults & FAULT_CROWD)
		p->total = p->total > 8000 ? p->total / 16 : p->total;
	p->message = longest[sim_below(random, sizeof(longest) / sizeof(longest[0]))];
	if (p->message < 300 && p->total > 4000)
		p->total /= 16;
	/* Byte by byte a few hundred are enough: congestion windows count bytes, too. */
	if (p->message < 40 && p->total > 400)
		p->total = 400;
	if (sim_chance(random, 40 * PERCENT) && p->total / p->message < 200)
		p->pace = sim_between(random, 100, 50000);
	if (plan->faults & FAULT_WINDOW) {
		p->refuse_at = sim_below(random, p->total + 1);
		p->refuse_for = sim_between(random, 1000, 8 * SIM_SECOND);
	}
}

/* Who says good-bye first, so that somebody does. */
static void draw_farewells(
	struct talk *talk, const struct world_plan *plan, struct sim_random *random)
{
	struct side *first = &talk->sides[sim_below(random, 2)];
	struct side *other = &talk->sides[!first->who];

	first->plan.farewell = FAREWELL_FIRST;
	other->plan.farewell = FAREWELL_LAST;
	if (first->end->ops->finish && sim_chance(random, 50 * PERCENT))
		first->plan.farewell = FAREWELL_HALF;
	else if (sim_chance(random, 30 * PERCENT))
		other->plan.farewell = FAREWELL_FIRST;
	if (plan->faults & FAULT_ABORT && sim_chance(random, 60 * PERCENT)) {
		struct side *rude = sim_below(random, 2) ? first : other;
		uint32_t both = first->plan.total + other->plan.total;

		rude->plan.farewell =
			sim_chance(random, 50 * PERCENT) ? FAREWELL_EARLY : FAREWELL_ABORT;
		rude->plan.abort_at = sim_below(random, both + 1);
	}
}

/* Clocks are met where they wrap: milliseconds at 2^32, the clock of sequence numbers (4 us). */
static uint64_t draw_start(struct sim_random *random)
{
	uint64_t near = sim_below(random, 8) * SIM_SECOND;

	switch (sim_below(random, 4)) {
	case 0:
		return (1ull << 32) * SIM_MS - near;
	case 1:
		return (1ull << 31) * SIM_MS - near;
	case 2:
		return (1ull << 32) * 4 * (1 + sim_below(random, 3)) - near;
	default:
		return 1000 * SIM_SECOND + sim_next(random) % (1ull << 42);
	}
}

static void draw_trouble(struct end *end, const struct world_plan *plan, struct sim_random *random)
{
	if (plan->faults & FAULT_STALL && sim_chance(random, 70 * PERCENT)) {
		end->stall_at = plan->start + 3 * SIM_SECOND + sim_below(random, 5 * SIM_SECOND);
		end->stall_for = sim_below(random, 8 * SIM_SECOND);
		end->stall_clock = sim_below(random, 2);
	}
	if (plan->faults & FAULT_ALLOC) {
		end->fail_chunk_at = 1 + sim_below(random, 200);
		end->fail_chunks = sim_between(random, 1, 20);
		end->fail_buffer_at = 1 + sim_below(random, 600);
		end->fail_buffers = sim_between(random, 1, 40);
	}
}

void plan_plain(struct world_plan *plan, enum against against, uint64_t seed)
{
	*plan = (struct world_plan){.seed = seed,
		.against = against,
		.start = 1000 * SIM_SECOND,
		.bound = 600 * SIM_SECOND,
		.check_every = 1,
		.talk_count = 1};
	for (unsigned i = 0; i < SIM_ENDS; i++) {
		plan->weather[i] = (struct weather){.delay = 10 * SIM_MS};
		plan->hearth[i] = (struct hearth_plan){.connections = 8,
			.embryonic = 8,
			.time_wait = 8,
			.sides = 8,
			.receive_window = 65535,
			.send_bytes = 65536,
			.mss = 1460,
			.mtu = 1500,
			.idle_us = 3600 * SIM_SECOND,
			.chunks = {256, 128, 32, 8}};
	}
}

struct world *profile_world(const struct profile *profile, enum against against, uint64_t seed)
{
	struct sim_random random = {sim_mix(seed)};
	struct world_plan plan = {.seed = seed, .against = against, .check_every = 1};
	struct world *world;
	uint32_t spread;

	plan.faults = draw_faults(profile, &random);
	plan.start = draw_start(&random);
	plan.bound = 20000 * SIM_SECOND;
	plan.talk_count = sim_between(&random, 1, 48);
	if (plan.faults & FAULT_CROWD) {
		plan.talk_count = sim_between(&random, 200, 500);
		plan.check_every = 16;
	}
	/* Give-up times are a minute: what stands that long, or may, is allowed to end. */
	plan.rough = plan.faults & (FAULT_HEAVY | FAULT_OUTAGE | FAULT_STALL | FAULT_TINY |
					   FAULT_ALLOC | FAULT_NARROW);
	plan.wrap = plan.faults & FAULT_WRAP ? sim_between(&random, 1, 30000) : 0;
	for (unsigned i = 0; i < SIM_ENDS; i++) {
		draw_weather(&plan.weather[i], plan.faults, &random, plan.start);
		draw_hearth(&plan.hearth[i], &plan, &random);
		/* lwIP keeps its segment size and sends fragments, which we drop. */
		if (against == (i == SIM_CLIENT ? AGAINST_LWIP_CLIENT : AGAINST_LWIP_SERVER))
			plan.weather[i].mtu = 0;
	}
	world = world_new(&plan);
	spread = sim_below(&random, 10 * SIM_SECOND);
	for (unsigned i = 0; i < plan.talk_count; i++) {
		struct talk *talk = &world->talks[i];

		/* Behind the ends' first words about their addresses. */
		talk->begins = plan.start + 3 * SIM_SECOND + sim_below(&random, spread + 1);
		talk->ipv6 = sim_below(&random, 2);
		draw_side(&talk->sides[0], &plan, &random);
		draw_side(&talk->sides[1], &plan, &random);
		draw_farewells(talk, &plan, &random);
	}
	for (unsigned i = 0; i < SIM_ENDS; i++)
		draw_trouble(world->ends[i], &plan, &random);
	return world;
}
