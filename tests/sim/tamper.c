/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* tamper.c - scenarios: one thing goes wrong in one place, and what must come of it */
#include "profile.h"
#include "suites.h"

#include <stdio.h>
#include <string.h>

#define SECONDS(n) ((n)*SIM_SECOND)

/**
 * struct tamper - a scenario
 * @hits: segments that the rules must have met, at least: else it has tested nothing
 * @within: when all has to be over on both sides, counted from the conversation's begin. What is
 *	lost costs a retransmission timeout at most where nothing else is said: 1 s for a SYN-ACK
 *	of ours, 200 ms and the round trip for data; lwIP takes 3 s for its SYN and up to 1.5 s else.
 * @gone: how the side must end that @rules cut off; GONE_NOT: both sides get all bytes
 * @calm: nothing may be sent again
 * @crossing: both ends open the connection at once (RFC 9293 figure 8); between ends of ours only
 */
struct tamper {
	const char *name;
	struct rule rules[RULES_MAX];
	struct side_plan client, server;
	uint32_t hits;
	uint64_t within;
	enum gone gone;
	bool calm, crossing;
};

/* Both directions, in messages; the client ends it. */
#define TALK(bytes)                                                                                \
	.client = {.total = bytes, .message = 1400, .farewell = FAREWELL_FIRST},                   \
	.server = {.total = bytes, .message = 1400, .farewell = FAREWELL_LAST}
/* One direction. */
#define DOWN(bytes)                                                                                \
	.client = {.total = 100, .message = 100, .farewell = FAREWELL_FIRST},                      \
	.server = {.total = bytes, .message = 4000, .farewell = FAREWELL_LAST}
#define UP(bytes)                                                                                  \
	.client = {.total = bytes, .message = 4000, .farewell = FAREWELL_FIRST},                   \
	.server = {.total = 100, .message = 100, .farewell = FAREWELL_LAST}

static const struct tamper tampers[] = {
	{"nothing", {{0}}, TALK(40000), .within = SECONDS(2), .calm = true},
	{"crossing-syns", {{0}}, TALK(40000), .within = SECONDS(3), .crossing = true},
	{"crossing-syns-one-lost", {{.from = FROM_SERVER, .match = IS_SYN, .first = 1}}, TALK(3000),
		1, SECONDS(6), .crossing = true},
	{"crossing-syns-answers-lost", {{.match = IS_SYN_ACK, .first = 1}}, TALK(3000), 2,
		SECONDS(9), .crossing = true},
	{"drop-syn", {{.match = IS_SYN, .first = 1}}, TALK(3000), 1, SECONDS(6)},
	{"drop-syns", {{.match = IS_SYN, .first = 3}}, TALK(3000), 3, SECONDS(30)},
	{"duplicate-syn", {{.match = IS_SYN, .action = DUPLICATE, .value = 3}}, TALK(3000), 1,
		SECONDS(2)},
	{"drop-syn-ack", {{.match = IS_SYN_ACK, .first = 1}}, TALK(3000), 1, SECONDS(6)},
	{"drop-syn-acks", {{.match = IS_SYN_ACK, .first = 4}}, TALK(3000), 4, SECONDS(30)},
	{"duplicate-syn-ack", {{.match = IS_SYN_ACK, .action = DUPLICATE, .value = 2}}, TALK(3000),
		1, SECONDS(2)},
	{"old-syn-ack", {{.match = IS_SYN_ACK, .action = LATE_COPY, .value = 50 * SIM_MS}},
		TALK(60000), 1, SECONDS(4)},
	{"old-syn", {{.match = IS_SYN, .action = LATE_COPY, .value = 60 * SIM_MS}}, TALK(60000), 1,
		SECONDS(4)},
	{"drop-handshake-ack", {{.from = FROM_CLIENT, .match = IS_BARE_ACK, .first = 1}},
		TALK(3000), 1, SECONDS(6)},
	{"silent-client", {{.from = FROM_CLIENT, .match = IS_BARE_ACK, .first = 1}},
		.client = {.farewell = FAREWELL_LAST},
		.server = {.total = 5000, .message = 500, .farewell = FAREWELL_FIRST}, 1,
		SECONDS(6)},
	{"drop-first-data", {{.match = IS_DATA, .first = 1}}, DOWN(400), 2, SECONDS(8)},
	{"drop-second-data", {{.match = IS_DATA, .skip = 1, .first = 1}}, TALK(40000), 2,
		SECONDS(6)},
	{"drop-first-two-retransmissions",
		{{.match = IS_DATA, .unless = IS_RETRANSMISSION, .skip = 3, .first = 1},
			{.match = IS_DATA | IS_RETRANSMISSION, .first = 2}},
		TALK(40000), 4, SECONDS(30)},
	{"drop-three-of-a-window",
		{{.match = IS_DATA, .unless = IS_RETRANSMISSION, .skip = 4, .first = 1},
			{.match = IS_DATA, .unless = IS_RETRANSMISSION, .skip = 6, .first = 1},
			{.match = IS_DATA, .unless = IS_RETRANSMISSION, .skip = 8, .first = 1}},
		DOWN(60000), 3, SECONDS(10)},
	{"drop-every-fin-once", {{.match = IS_FIN, .unless = IS_RETRANSMISSION}}, TALK(3000), 2,
		SECONDS(12)},
	{"drop-last-ack",
		{{.from = FROM_CLIENT,
			.match = IS_BARE_ACK,
			.first = 1,
			.after = SECONDS(3) + 50 * SIM_MS}},
		DOWN(10), 1, SECONDS(12)},
	{"duplicate-fin", {{.match = IS_FIN, .action = DUPLICATE, .value = 2}}, TALK(3000), 2,
		SECONDS(3)},
	{"old-fin", {{.match = IS_FIN, .action = LATE_COPY, .value = 2 * SIM_SECOND}}, TALK(3000),
		2, SECONDS(3)},
	{"reorder-first-three",
		{{.match = IS_DATA, .first = 1, .action = DELAY, .value = 8 * SIM_MS},
			{.match = IS_DATA, .first = 1, .action = DELAY, .value = 4 * SIM_MS}},
		TALK(40000), 4, SECONDS(6)},
	{"last-first",
		{{.match = IS_DATA, .skip = 5, .first = 4, .action = DELAY, .value = 30 * SIM_MS}},
		DOWN(60000), 4, SECONDS(6)},
	{"duplicate-everything", {{.match = IS_SEGMENT, .action = DUPLICATE, .value = 2}},
		TALK(60000), 50, SECONDS(6)},
	{"old-data", {{.match = IS_DATA, .first = 5, .action = LATE_COPY, .value = 300 * SIM_MS}},
		TALK(200000), 5, SECONDS(10)},
	{"corrupt-data", {{.match = IS_DATA, .first = 3, .action = CORRUPT}}, TALK(40000), 6,
		SECONDS(30)},
	{"corrupt-handshake",
		{{.match = IS_SYN, .first = 1, .action = CORRUPT},
			{.match = IS_SYN_ACK, .first = 1, .action = CORRUPT}},
		TALK(3000), 2, SECONDS(12)},
	{"truncate-data", {{.match = IS_DATA, .first = 3, .action = TRUNCATE}}, TALK(40000), 6,
		SECONDS(30)},
	{"no-acks-for-3-s",
		{{.match = IS_BARE_ACK, .after = SECONDS(3) + 80 * SIM_MS, .until = SECONDS(6)}},
		DOWN(200000), 2, SECONDS(30)},
	{"nothing-for-20-s",
		{{.match = IS_SEGMENT, .after = SECONDS(3) + 80 * SIM_MS, .until = SECONDS(23)}},
		DOWN(200000), 3, SECONDS(90)},
	{"server-cut-off",
		{{.from = FROM_CLIENT, .match = IS_SEGMENT, .after = SECONDS(3) + 80 * SIM_MS}},
		DOWN(400000), 3, SECONDS(4000), GONE_TIMEOUT},
	{"drop-window-updates",
		{{.from = FROM_SERVER,
			.match = IS_BARE_ACK,
			.unless = IS_ZERO_WINDOW,
			.after = SECONDS(3) + 100 * SIM_MS,
			.until = SECONDS(6)}},
		.client = {.total = 200000, .message = 4000, .farewell = FAREWELL_FIRST},
		.server = {.farewell = FAREWELL_LAST,
			.refuse_at = 20000,
			.refuse_for = 1500 * SIM_MS},
		1, SECONDS(60)},
	{"drop-zero-windows", {{.match = IS_ZERO_WINDOW, .first = 2}},
		.client = {.total = 200000, .message = 4000, .farewell = FAREWELL_FIRST},
		.server = {.farewell = FAREWELL_LAST,
			.refuse_at = 20000,
			.refuse_for = 3000 * SIM_MS},
		1, SECONDS(60)},
	{"byte-by-byte", {{.match = IS_DATA, .unless = IS_RETRANSMISSION, .skip = 3, .first = 2}},
		.client = {.total = 400, .message = 1, .farewell = FAREWELL_FIRST},
		.server = {.total = 400, .message = 1, .farewell = FAREWELL_LAST}, 4, SECONDS(10)},
};

struct world *plain_world(const struct world_plan *plan, const struct side_plan *client,
	const struct side_plan *server)
{
	struct world *world = world_new(plan);

	for (unsigned i = 0; i < plan->talk_count; i++) {
		world->talks[i].begins = plan->start + 3 * SIM_SECOND;
		world->talks[i].sides[SIM_CLIENT].plan = *client;
		world->talks[i].sides[SIM_SERVER].plan = *server;
	}
	return world;
}

/* The time at which both sides were done, not the pools: TIME-WAIT takes a minute more. */
static uint64_t done_at(const struct world *world)
{
	uint64_t at = 0;

	for (unsigned i = 0; i < SIM_ENDS; i++)
		if (world->talks[0].sides[i].over_at > at)
			at = world->talks[0].sides[i].over_at;
	return at - world->talks[0].begins;
}

static void judge(struct world *world, const struct tamper *t)
{
	const struct talk *talk = &world->talks[0];
	uint64_t ruled = 0;
	unsigned gone = 0;

	for (unsigned i = 0; i < SIM_ENDS; i++) {
		ruled += wire_counts(world->wires[i])->ruled;
		gone += talk->sides[i].gone == t->gone;
	}
	if (ruled < t->hits)
		world_fail(world, "the rules met %u segments, not %u", (unsigned)ruled, t->hits);
	if (t->gone && gone == 0)
		world_fail(world, "no side ended as it had to");
	if (t->calm && wire_counts(world->wires[0])->retransmissions +
				       wire_counts(world->wires[1])->retransmissions >
			       0)
		world_fail(world, "something was sent again");
	if (done_at(world) > t->within)
		world_fail(world, "over after %.3f s, not %.3f s", (double)done_at(world) / 1e6,
			(double)t->within / 1e6);
}

static bool one(const struct tamper *t, enum against against, bool ipv6, bool trace)
{
	struct world_plan plan;
	struct world *world;
	bool good;

	plan_plain(&plan, against, 1);
	plan.bound = 20000 * SIM_SECOND;
	plan.rough = t->gone != GONE_NOT;
	memcpy(plan.rules, t->rules, sizeof(plan.rules));
	while (plan.rule_count < RULES_MAX && plan.rules[plan.rule_count].match)
		plan.rule_count++;
	world = plain_world(&plan, &t->client, &t->server);
	world->talks[0].ipv6 = ipv6;
	world->talks[0].crossing = t->crossing;
	world->trace = trace;
	if (world_run(world))
		judge(world, t);
	good = !world->failed;
	printf("%-32s %s  %s%s\n", t->name, ipv6 ? "v6" : "v4", good ? "ok" : "FAILED ",
		world->why);
	world_free(world);
	return good;
}

unsigned tamper_run(enum against against, const char *name, bool trace)
{
	unsigned failed = 0, ran = 0;

	for (unsigned i = 0; i < sizeof(tampers) / sizeof(tampers[0]); i++) {
		if (name && strcmp(name, tampers[i].name) != 0)
			continue;
		if (tampers[i].crossing && against != AGAINST_SELF)
			continue;
		for (unsigned ipv6 = 0; ipv6 <= 1; ipv6++) {
			ran++;
			failed += !one(&tampers[i], against, ipv6, trace);
		}
	}
	printf("%u scenarios, %u failed\n", ran, failed);
	return failed + (ran == 0);
}
