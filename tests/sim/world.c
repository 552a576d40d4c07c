/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* world.c - virtual time: from one event to the next, until all is over or something is wrong */
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void world_fail(struct world *world, const char *format, ...)
{
	va_list list;
	int at;

	if (world->failed)
		return;
	world->failed = true;
	at = snprintf(world->why, sizeof(world->why),
		"at %.6f s: ", (double)(world->now - world->plan.start) / 1e6);
	va_start(list, format);
	vsnprintf(world->why + at, sizeof(world->why) - (size_t)at, format, list);
	va_end(list);
}

/* A clock that stood is late from then on; an end that merely did not turn is not. */
uint64_t world_local(const struct end *end, uint64_t at)
{
	if (!end->stall_clock || at <= end->stall_at)
		return at;
	return at < end->stall_at + end->stall_for ? end->stall_at : at - end->stall_for;
}

uint64_t world_time(const struct end *end, uint64_t local)
{
	if (local == SIM_NEVER || !end->stall_clock || local <= end->stall_at)
		return local;
	return local + end->stall_for;
}

static bool asleep(const struct end *end, uint64_t at)
{
	return !end->stall_clock && at >= end->stall_at && at < end->stall_at + end->stall_for;
}

/* When @end turns next. */
static uint64_t end_next(const struct world *world, const struct end *end)
{
	uint64_t frame = wire_next(world->wires[!end->who]);
	uint64_t timer = end->ops->next(end), work = talk_next(end);
	uint64_t at = world_time(end, timer < work ? timer : work);

	if (frame < at)
		at = frame;
	if (at <= world->now)
		at = world->now + 1;
	return asleep(end, at) ? end->stall_at + end->stall_for : at;
}

static void end_turn(struct world *world, struct end *end)
{
	const char *wrong;

	end->now = world_local(end, world->now);
	end->turns++;
	end->ops->turn(end);
	if (world->failed || !end->ops->check || end->turns % world->plan.check_every)
		return;
	end->checks++;
	wrong = end->ops->check(end);
	if (wrong)
		world_fail(world, "%s: invariant broken: %s",
			end->who == SIM_CLIENT ? "client" : "server", wrong);
}

static bool idle(const struct end *end)
{
	return !end->ops->idle || end->ops->idle(end);
}

static bool all_over(const struct world *world)
{
	for (unsigned i = 0; i < world->plan.talk_count; i++) {
		const struct talk *talk = &world->talks[i];
		const struct side *server = &talk->sides[SIM_SERVER];

		if (!talk_over(&talk->sides[SIM_CLIENT]) || (server->opened && !talk_over(server)))
			return false;
	}
	for (unsigned i = 0; i < SIM_ENDS; i++)
		if (!idle(world->ends[i]))
			return false;
	return true;
}

static void unfinished(struct world *world)
{
	for (unsigned i = 0; i < world->plan.talk_count; i++)
		for (unsigned j = 0; j < SIM_ENDS; j++) {
			const struct side *side = &world->talks[i].sides[j];

			if (talk_over(side) || (j == SIM_SERVER && !side->opened))
				continue;
			world_fail(world,
				"no end: conversation %u, %s: opened %d, finished %d, received %u "
				"of %u, written %u of %u",
				i, j == SIM_CLIENT ? "client" : "server", side->opened,
				side->finished, side->received,
				world->talks[i].sides[!j].plan.total, side->written,
				side->plan.total);
			return;
		}
	for (unsigned i = 0; i < SIM_ENDS; i++)
		if (!idle(world->ends[i]))
			world_fail(world, "%s: not all is back in its pool",
				i == SIM_CLIENT ? "client" : "server");
}

struct world *world_new(const struct world_plan *plan)
{
	struct world *world = calloc(1, sizeof(*world));

	world->plan = *plan;
	world->random.state = sim_mix(plan->seed ^ 0x77697265);
	world->now = plan->start;
	world->talks = calloc(plan->talk_count, sizeof(world->talks[0]));
	for (unsigned i = 0; i < SIM_ENDS; i++) {
		bool lwip = plan->against ==
			    (i == SIM_CLIENT ? AGAINST_LWIP_CLIENT : AGAINST_LWIP_SERVER);

		world->wires[i] = wire_new(world, i, &plan->weather[i]);
		world->ends[i] = lwip ? lwip_new(world, i, plan->wrap)
				      : hearth_new(world, i, &plan->hearth[i]);
	}
	for (unsigned i = 0; i < plan->talk_count; i++) {
		struct talk *talk = &world->talks[i];

		talk->world = world;
		talk->index = i;
		talk->begins = plan->start;
		for (unsigned j = 0; j < SIM_ENDS; j++) {
			talk->sides[j].talk = talk;
			talk->sides[j].who = j;
			talk->sides[j].end = world->ends[j];
		}
	}
	return world;
}

bool world_until(struct world *world, uint64_t until)
{
	while (!world->failed && !all_over(world)) {
		uint64_t next[SIM_ENDS], at;

		for (unsigned i = 0; i < SIM_ENDS; i++)
			next[i] = end_next(world, world->ends[i]);
		at = next[0] < next[1] ? next[0] : next[1];
		if (at > until)
			return false;
		world->now = at;
		for (unsigned i = 0; i < SIM_ENDS && !world->failed; i++)
			if (next[i] == at) {
				end_turn(world, world->ends[i]);
				world->events++;
			}
	}
	return true;
}

bool world_run(struct world *world)
{
	if (!world_until(world, world->plan.start + world->plan.bound))
		unfinished(world);
	for (unsigned i = 0; i < world->plan.talk_count && !world->failed; i++)
		talk_judge(&world->talks[i]);
	return !world->failed;
}

void world_free(struct world *world)
{
	for (unsigned i = 0; i < SIM_ENDS; i++) {
		world->ends[i]->ops->free(world->ends[i]);
		wire_free(world->wires[i]);
	}
	free(world->talks);
	free(world);
}
