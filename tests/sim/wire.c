/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* wire.c - one direction between two ends: weather, tampering rules, frames under way */
#include "frame.h"
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define ACK 0x10

/** struct passed - what went by of one connection in this direction */
struct passed {
	bool any;
	uint32_t next; /* one past the highest number seen */
	uint32_t last_ack;
	uint16_t last_window;
	uint32_t hits[RULES_MAX];
};

struct wire {
	struct world *world;
	unsigned from;
	struct weather weather;
	struct wire_counts counts;
	struct flight **heap; /* smallest (at, order) first */
	unsigned count, room;
	uint64_t order;
	uint64_t last;    /* arrival of the latest frame that keeps order */
	uint64_t free_at; /* when what was handed over has left, of a wire with a rate */
	struct passed flows[SIM_TALKS_MAX];
};

struct wire *wire_new(struct world *world, unsigned from, const struct weather *weather)
{
	struct wire *wire = calloc(1, sizeof(*wire));

	wire->world = world;
	wire->from = from;
	wire->weather = *weather;
	return wire;
}

void wire_free(struct wire *wire)
{
	if (!wire)
		return;
	for (unsigned i = 0; i < wire->count; i++)
		free(wire->heap[i]);
	free(wire->heap);
	free(wire);
}

const struct wire_counts *wire_counts(const struct wire *wire)
{
	return &wire->counts;
}

/* The heap. */

static bool earlier(const struct flight *a, const struct flight *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void heap_put(struct wire *wire, struct flight *flight)
{
	unsigned at = wire->count++;

	if (wire->count > wire->room) {
		wire->room = wire->room ? 2 * wire->room : 64;
		wire->heap = realloc(wire->heap, wire->room * sizeof(wire->heap[0]));
	}
	while (at > 0 && earlier(flight, wire->heap[(at - 1) / 2])) {
		wire->heap[at] = wire->heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	wire->heap[at] = flight;
}

static struct flight *heap_take(struct wire *wire)
{
	struct flight *first = wire->heap[0], *moved = wire->heap[--wire->count];
	unsigned at = 0;

	for (;;) {
		unsigned child = 2 * at + 1;

		if (child >= wire->count)
			break;
		if (child + 1 < wire->count && earlier(wire->heap[child + 1], wire->heap[child]))
			child++;
		if (!earlier(wire->heap[child], moved))
			break;
		wire->heap[at] = wire->heap[child];
		at = child;
	}
	wire->heap[at] = moved;
	return first;
}

uint64_t wire_next(const struct wire *wire)
{
	return wire->count ? wire->heap[0]->at : SIM_NEVER;
}

struct flight *wire_take(struct wire *wire)
{
	if (wire->count == 0 || wire->heap[0]->at > wire->world->now)
		return NULL;
	return heap_take(wire);
}

static struct flight *launch(struct wire *wire, const uint8_t *data, unsigned length, uint64_t at)
{
	struct flight *flight = malloc(sizeof(*flight) + length);

	flight->at = at;
	flight->order = wire->order++;
	flight->length = (uint16_t)length;
	memcpy(flight->data, data, length);
	heap_put(wire, flight);
	return flight;
}

/* Rules. */

static uint16_t classify(struct passed *flow, const struct seen *seen, bool *wrapped)
{
	uint32_t span = seen->length + !!(seen->flags & SYN) + !!(seen->flags & FIN);
	uint32_t end = seen->seq + span;
	uint16_t is = IS_SEGMENT;

	if (seen->flags & SYN)
		is |= seen->flags & ACK ? IS_SYN_ACK : IS_SYN;
	if (seen->flags & FIN)
		is |= IS_FIN;
	if (seen->flags & RST)
		return is | IS_RST;
	if (seen->length > 0)
		is |= IS_DATA;
	if (seen->window == 0)
		is |= IS_ZERO_WINDOW;
	if (span == 0 && seen->flags & ACK) {
		is |= IS_BARE_ACK;
		if (flow->any && seen->ack == flow->last_ack && seen->window == flow->last_window)
			is |= IS_DUPLICATE;
	}
	if (span > 0 && flow->any && (int32_t)(end - flow->next) <= 0)
		is |= IS_RETRANSMISSION;
	*wrapped = false;
	if (!flow->any || (int32_t)(end - flow->next) > 0) {
		*wrapped = flow->any && end < flow->next;
		flow->next = end;
	}
	flow->any = true;
	flow->last_ack = seen->ack;
	flow->last_window = seen->window;
	return is;
}

static const struct rule *rule_for(struct wire *wire, struct passed *flow, uint16_t is)
{
	const struct world_plan *plan = &wire->world->plan;
	uint64_t since = wire->world->now - plan->start;

	for (unsigned i = 0; i < plan->rule_count; i++) {
		const struct rule *rule = &plan->rules[i];

		if (rule->from != FROM_EITHER && (rule->from == FROM_SERVER) != wire->from)
			continue;
		if ((is & rule->match) != rule->match || is & rule->unless)
			continue;
		if (since < rule->after || (rule->until && since >= rule->until))
			continue;
		flow->hits[i]++;
		if (flow->hits[i] <= rule->skip ||
			(rule->first && flow->hits[i] > rule->skip + rule->first))
			continue;
		wire->counts.ruled++;
		return rule;
	}
	return NULL;
}

/* Damage. */

/* A burst of at most 15 bits behind the Ethernet header: what RFC 1071's sum is sure to see. */
static void corrupt(struct wire *wire, struct flight *flight)
{
	struct sim_random *random = &wire->world->random;
	uint32_t bits = (flight->length - FRAME_ETHER) * 8u;
	uint32_t first = sim_below(random, bits);
	uint32_t burst = 1 + sim_below(random, 15);

	for (uint32_t i = first; i < first + burst && i < bits; i++)
		if (i == first || sim_below(random, 2))
			flight->data[FRAME_ETHER + i / 8] ^= (uint8_t)(0x80 >> i % 8);
	wire->counts.corrupted++;
}

static void too_big(struct wire *wire, const uint8_t *data, unsigned length)
{
	struct wire *back = wire->world->wires[!wire->from];
	uint8_t error[1500];
	unsigned bytes = frame_too_big(data, length, wire->weather.mtu, error);

	wire->counts.too_big++;
	launch(back, error, bytes, wire->world->now + wire->weather.delay);
}

/* When a frame that leaves now arrives; SIM_NEVER: the queue before the wire is full. */
static uint64_t arrival(struct wire *wire, unsigned length)
{
	const struct weather *w = &wire->weather;
	uint64_t now = wire->world->now, leaves = now;

	if (w->rate > 0) {
		uint64_t begin = wire->free_at > now ? wire->free_at : now;

		if ((begin - now) * w->rate / 1000 > w->queue)
			return SIM_NEVER;
		wire->free_at = begin + length * 1000ull / w->rate;
		leaves = wire->free_at;
	}
	return leaves + w->delay + sim_below(&wire->world->random, w->jitter + 1);
}

/* One copy of a frame sets out. */
static void set_out(
	struct wire *wire, const uint8_t *data, unsigned length, bool ip, const struct rule *rule)
{
	struct sim_random *random = &wire->world->random;
	const struct weather *w = &wire->weather;
	uint64_t at = arrival(wire, length);
	struct flight *flight;

	if (at == SIM_NEVER || sim_chance(random, w->loss)) {
		wire->counts.lost++;
		return;
	}
	if (rule && rule->action == DELAY) {
		at += rule->value;
	} else if (sim_chance(random, w->late)) {
		at += sim_below(random, w->late_by + 1);
		wire->counts.late++;
	} else {
		/* Jitter alone does not let frames overtake. */
		if (at < wire->last)
			at = wire->last;
		wire->last = at;
	}
	if (rule && rule->action == TRUNCATE && length > FRAME_ETHER + 40)
		length -= 1 + sim_below(random, 40);
	flight = launch(wire, data, length, at);
	/* ARP has no checksum to notice by. */
	if (ip && ((rule && rule->action == CORRUPT) || sim_chance(random, w->corrupt)))
		corrupt(wire, flight);
}

static const char *action_name(const struct rule *rule)
{
	static const char *const names[] = {
		"drop", "duplicate", "delay", "late copy", "corrupt", "truncate"};

	return rule ? names[rule->action] : "";
}

void wire_put(struct wire *wire, const uint8_t *data, unsigned length)
{
	struct world *world = wire->world;
	const struct weather *w = &wire->weather;
	const struct rule *rule = NULL;
	unsigned ip, copies = 1;
	struct seen seen;
	bool is_ip = frame_is_ip(data, length, &ip), is_tcp = frame_tcp(data, length, &seen);

	wire->counts.sent++;
	wire->counts.bytes += length;
	if (is_tcp) {
		unsigned port = wire->from == SIM_CLIENT ? seen.source_port : seen.destination_port;
		struct talk *talk = talk_of_port(world, port);

		if (talk) {
			struct passed *flow = &wire->flows[talk->index];
			bool wrapped = false;
			uint16_t is = classify(flow, &seen, &wrapped);

			wire->counts.wrapped += wrapped;
			wire->counts.retransmissions += !!(is & IS_RETRANSMISSION);
			rule = rule_for(wire, flow, is);
		}
	}
	if (world->trace) {
		printf("%12.6f %s ", (double)(world->now - world->plan.start) / 1e6,
			wire->from == SIM_CLIENT ? "client" : "server");
		frame_print(stdout, data, length);
		printf(" %s\n", action_name(rule));
	}
	if (w->tcp_only && !is_tcp) {
		launch(wire, data, length, world->now + w->delay);
		return;
	}
	if (world->now >= w->out_at && world->now < w->out_until) {
		wire->counts.lost++;
		return;
	}
	if (w->mtu && world->now >= w->mtu_at && is_tcp && seen.df && seen.ip > w->mtu) {
		too_big(wire, data, length);
		return;
	}
	if (rule && rule->action == DROP)
		return;
	if (rule && rule->action == DUPLICATE)
		copies += rule->value ? rule->value : 1;
	if (sim_chance(&world->random, w->duplicate)) {
		copies++;
		wire->counts.duplicated++;
	}
	if (rule && rule->action == LATE_COPY)
		launch(wire, data, length, world->now + w->delay + rule->value);
	while (copies-- > 0)
		set_out(wire, data, length, is_ip, rule);
}
