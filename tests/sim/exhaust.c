/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* exhaust.c - memory runs out at every place where it can, and pools are of every small size */
#include "profile.h"
#include "suites.h"

#include <stdio.h>
#include <string.h>

static const struct side_plan client_plan = {
	.total = 9000, .message = 700, .farewell = FAREWELL_FIRST};
static const struct side_plan server_plan = {
	.total = 15000, .message = 3000, .farewell = FAREWELL_LAST};

/** struct attempt - one world: which call fails, and for how many calls */
struct attempt {
	unsigned end;
	bool chunks; /* else: link buffers */
	uint64_t at, calls;
	uint32_t loss;
	bool trace;
};

/* Runs it. Return: calls of that kind that were made; 0: it failed. */
static uint64_t attempt(enum against against, const struct attempt *a, unsigned *failed)
{
	struct world_plan plan;
	struct world *world;
	struct end *end;
	uint64_t calls;

	plan_plain(&plan, against, 7);
	plan.weather[0].loss = plan.weather[1].loss = a->loss;
	plan.talk_count = 2;
	world = plain_world(&plan, &client_plan, &server_plan);
	world->talks[1].ipv6 = true;
	world->trace = a->trace;
	end = world->ends[a->end];
	if (a->chunks) {
		end->fail_chunk_at = a->at;
		end->fail_chunks = a->calls;
	} else {
		end->fail_buffer_at = a->at;
		end->fail_buffers = a->calls;
	}
	if (!world_run(world)) {
		printf("FAILED: %s %llu to %llu of the %s refused, loss %u ppm: %s\n",
			a->chunks ? "chunk" : "link buffer", (unsigned long long)a->at,
			(unsigned long long)(a->at + a->calls - 1),
			a->end == SIM_CLIENT ? "client" : "server", a->loss, world->why);
		(*failed)++;
	}
	calls = a->chunks ? end->chunk_calls : end->buffer_calls;
	world_free(world);
	return calls;
}

static bool ours(enum against against, unsigned end)
{
	return against != (end == SIM_CLIENT ? AGAINST_LWIP_CLIENT : AGAINST_LWIP_SERVER);
}

static unsigned every_call(enum against against, unsigned *failed, bool trace)
{
	static const uint64_t lengths[] = {1, 2, 4};
	unsigned worlds = 0;

	for (unsigned i = 0; i < SIM_ENDS * 2 * 3 * 2; i++) {
		struct attempt a = {.end = i % 2,
			.chunks = i / 2 % 2,
			.calls = lengths[i / 4 % 3],
			.loss = i / 12 * 20000};
		uint64_t calls = UINT64_MAX;

		if (!ours(against, a.end))
			continue;
		for (a.at = 1; a.at <= calls && *failed < 10; a.at++) {
			unsigned before = *failed;

			calls = attempt(against, &a, failed);
			worlds++;
			if (trace && *failed > before) {
				a.trace = true;
				attempt(against, &a, failed);
				return worlds;
			}
		}
	}
	return worlds;
}

/* Six connections, two seconds apart, on ends whose pools hold 1, 2, 3 ... of everything. */
static bool small_pools(enum against against, unsigned size)
{
	struct world_plan plan;
	struct world *world;
	bool good;

	plan_plain(&plan, against, 100 + size);
	plan.talk_count = 6;
	plan.bound = 20000 * SIM_SECOND;
	plan.rough = size < plan.talk_count;
	for (unsigned i = 0; i < SIM_ENDS; i++) {
		struct hearth_plan *h = &plan.hearth[i];

		plan.weather[i].loss = 10000;
		h->connections = h->embryonic = h->time_wait = h->sides = size;
		for (unsigned j = 0; j < 4; j++)
			h->chunks[j] = size * (4 - j);
	}
	world = plain_world(&plan, &client_plan, &server_plan);
	for (unsigned i = 0; i < plan.talk_count; i++) {
		world->talks[i].ipv6 = i % 2;
		world->talks[i].begins += i * 2 * SIM_SECOND;
	}
	good = world_run(world);
	if (!good)
		printf("FAILED: pools of %u: %s\n", size, world->why);
	world_free(world);
	return good;
}

unsigned exhaust_run(enum against against, bool trace)
{
	unsigned failed = 0, worlds = every_call(against, &failed, trace);

	for (unsigned size = 1; size <= 12; size++, worlds++)
		failed += !small_pools(against, size);
	printf("%u worlds in which memory ran out, %u failed\n", worlds, failed);
	return failed;
}
