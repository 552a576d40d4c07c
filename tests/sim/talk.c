/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* talk.c - conversations: the programs at both ends, and what must be true of what they saw */
#include "sim.h"

#include <stdio.h>
#include <string.h>

/* Messages that one side writes in one turn, so that others get their share. */
#define WRITES_PER_TURN 64
/* A program that sees nothing happen for so long resets its connection: not every end notices by
 * itself that its peer has died (lwIP asks only while it may still send). */
#define PATIENCE (3000 * SIM_SECOND)

static struct side *peer_of(const struct side *side)
{
	return &side->talk->sides[!side->who];
}

uint64_t talk_key(const struct side *from)
{
	return sim_mix(from->talk->world->plan.seed * 2 + from->who) + from->talk->index;
}

/* Eight bytes of a stream at a time, so that any part of it can be told from its place. */
static void pattern(uint64_t key, uint32_t offset, uint8_t *out, uint32_t length)
{
	for (uint32_t i = 0; i < length;) {
		uint64_t word = sim_mix(key + (offset + i) / 8 * 0x9e3779b97f4a7c15ull);
		uint32_t skip = (offset + i) % 8, take = 8 - skip;

		if (take > length - i)
			take = length - i;
		word >>= 8 * skip;
		memcpy(out + i, &word, take);
		i += take;
	}
}

struct talk *talk_of_port(struct world *world, unsigned port)
{
	unsigned index = port - SIM_FIRST_PORT;

	return index < world->plan.talk_count ? &world->talks[index] : NULL;
}

bool talk_over(const struct side *side)
{
	return side->closed || side->gone;
}

static void fail(const struct side *side, const char *what)
{
	const struct side *peer = peer_of(side);

	world_fail(side->talk->world,
		"conversation %u (port %u), %s: %s (received %u of %u, written %u of %u)",
		side->talk->index, SIM_FIRST_PORT + side->talk->index,
		side->who == SIM_CLIENT ? "client" : "server", what, side->received,
		peer->plan.total, side->written, side->plan.total);
}

void talk_opened(struct side *side, uintptr_t handle)
{
	if (side->opened)
		fail(side, "opened twice");
	side->opened = true;
	side->handle = handle;
	side->next_write = side->progress_at = side->opened_at = side->end->now;
}

bool talk_data(struct side *side, const uint8_t *data, uint32_t length)
{
	const struct side *peer = peer_of(side);
	uint8_t expected[2048];

	if (!side->opened || talk_over(side) || side->finished)
		fail(side, "bytes for a side that awaits none");
	if (side->plan.refuse_for > 0 && side->received >= side->plan.refuse_at) {
		if (side->refuse_until == 0)
			side->refuse_until = side->end->now + side->plan.refuse_for;
		if (side->end->now < side->refuse_until) {
			if (!side->end->ops->keeps)
				return false;
			side->untaken += length;
		}
	}
	if (length > peer->written - side->received)
		fail(side, "more bytes than were written");
	for (uint32_t i = 0; i < length;) {
		uint32_t part = length - i < sizeof(expected) ? length - i : sizeof(expected);

		pattern(talk_key(peer), side->received + i, expected, part);
		if (memcmp(expected, data + i, part) != 0) {
			fail(side, "wrong bytes");
			break;
		}
		i += part;
	}
	side->received += length;
	side->progress_at = side->end->now;
	return true;
}

void talk_finished(struct side *side)
{
	const struct side *peer = peer_of(side);

	if (side->finished)
		fail(side, "told of the end twice");
	side->finished = true;
	if (!peer->closed && !peer->half_closed)
		fail(side, "told of an end that the peer never made");
	if (side->received != peer->written)
		fail(side, "the end came before the bytes");
}

void talk_gone(struct side *side, enum gone why)
{
	const struct side *peer = peer_of(side);
	bool expected = side->talk->world->plan.rough || peer->plan.farewell == FAREWELL_EARLY ||
			peer->plan.farewell == FAREWELL_ABORT ||
			side->plan.farewell == FAREWELL_EARLY;

	/* The last ACK of the handshake can be lost so often that the server forgets about it, and
	 * a client that only listens learns of that by its patience alone. */
	if (!peer->opened && side->talk->world->plan.faults)
		expected = true;

	/* Against a peer that has fallen silent for good there is nothing but patience. */
	if (why == GONE_IDLE && peer->end->ops->forgets && side->talk->world->plan.faults)
		expected = true;

	if (talk_over(side))
		fail(side, "told of an end after the end");
	side->gone = why;
	side->over_at = side->talk->world->now;
	if (!expected)
		fail(side, why == GONE_RESET     ? "reset"
			   : why == GONE_TIMEOUT ? "gave up"
			   : why == GONE_IDLE    ? "ended for idleness"
						 : "refused");
}

/* Work. */

static void write_some(struct side *side)
{
	struct end *end = side->end;
	uint8_t message[20000];

	for (unsigned n = 0; n < WRITES_PER_TURN && side->written < side->plan.total; n++) {
		uint32_t rest = side->plan.total - side->written;
		/* From the place in the stream, not from the world's dice: a message that did not
		 * fit is the same one when it is tried again. */
		uint32_t length = 1 + (uint32_t)(sim_mix(talk_key(side) ^ side->written) %
						 side->plan.message);

		if (end->now < side->next_write)
			return;
		if (length > rest)
			length = rest;
		pattern(talk_key(side), side->written, message, length);
		if (!end->ops->send(side, message, length))
			return;
		side->written += length;
		side->progress_at = end->now;
		side->next_write = end->now + side->plan.pace;
	}
}

static bool wants_close(const struct side *side)
{
	bool all = side->written == side->plan.total;

	switch (side->plan.farewell) {
	case FAREWELL_FIRST:
		return all && (side->finished || side->received == peer_of(side)->plan.total);
	case FAREWELL_EARLY:
		return all;
	default:
		return all && side->finished;
	}
}

static void close_side(struct side *side)
{
	if (!side->end->ops->close(side))
		return;
	side->closed = true;
	side->over_at = side->talk->world->now;
}

/* Of either side: at 30 % loss a peer may crawl for an hour. Their clocks differ by seconds. */
static uint64_t last_progress(const struct side *side)
{
	uint64_t other = peer_of(side)->progress_at;

	return side->progress_at > other ? side->progress_at : other;
}

static uint64_t patience_ends(const struct side *side)
{
	return last_progress(side) + PATIENCE + 1;
}

/* Waiting for a peer that waits as well is what must never be. */
static void lose_patience(struct side *side)
{
	const struct side *peer = peer_of(side);

	if (peer->opened && !talk_over(peer))
		fail(side, "hangs, and so does its peer");
	else if (!side->talk->world->plan.rough && peer->plan.farewell < FAREWELL_EARLY)
		fail(side, "hangs");
	side->gone = GONE_TIMEOUT;
	side->over_at = side->talk->world->now;
	side->end->ops->abort(side);
}

static void side_work(struct side *side)
{
	const struct end_ops *ops = side->end->ops;

	if (!side->opened || talk_over(side))
		return;
	if (side->end->now >= patience_ends(side)) {
		lose_patience(side);
		return;
	}
	if (side->untaken > 0 && side->end->now >= side->refuse_until) {
		uint32_t bytes = side->untaken;

		side->untaken = 0;
		ops->took(side, bytes);
	}
	write_some(side);
	if (side->plan.farewell == FAREWELL_ABORT &&
		side->written + side->received >= side->plan.abort_at) {
		side->closed = true;
		side->over_at = side->talk->world->now;
		ops->abort(side);
		return;
	}
	if (side->plan.farewell == FAREWELL_HALF && !side->half_closed &&
		side->written == side->plan.total && ops->finish)
		side->half_closed = ops->finish(side);
	if (wants_close(side) && side->untaken == 0)
		close_side(side);
}

static bool opens(const struct side *side)
{
	return (side->who == SIM_CLIENT || side->talk->crossing) && !side->asked && !side->gone;
}

void talk_work(struct end *end)
{
	struct world *world = end->world;

	for (unsigned i = 0; i < world->plan.talk_count && !world->failed; i++) {
		struct side *side = &world->talks[i].sides[end->who];

		if (opens(side) && world->now >= side->talk->begins)
			side->asked = end->ops->connect(side);
		side_work(side);
	}
}

/* A message that found no room waits for an ACK, that is for a frame: no time of its own. */
uint64_t talk_next(const struct end *end)
{
	const struct world *world = end->world;
	uint64_t next = SIM_NEVER;

	for (unsigned i = 0; i < world->plan.talk_count; i++) {
		const struct side *side = &world->talks[i].sides[end->who];
		uint64_t at = SIM_NEVER;

		if (opens(side)) {
			uint64_t begins = world_local(end, side->talk->begins);

			at = begins > end->now ? begins : end->now + SIM_MS;
		}
		if (side->opened && !talk_over(side)) {
			at = patience_ends(side);
			if (side->written < side->plan.total && side->next_write > end->now)
				at = side->next_write;
			if (side->refuse_until > end->now && side->refuse_until < at)
				at = side->refuse_until;
		}
		if (at < next)
			next = at;
	}
	return next;
}

/* At the end. */

void talk_judge(const struct talk *talk)
{
	bool free_end = talk->world->plan.rough;

	for (unsigned i = 0; i < SIM_ENDS; i++)
		free_end = free_end || talk->sides[i].plan.farewell >= FAREWELL_EARLY ||
			   (!talk->sides[i].opened && talk->world->plan.faults);
	for (unsigned i = 0; i < SIM_ENDS; i++) {
		const struct side *side = &talk->sides[i];
		const struct side *peer = peer_of(side);

		if (free_end)
			continue;
		if (!side->opened)
			fail(side, "never opened");
		if (side->written != side->plan.total)
			fail(side, "did not write all");
		if (side->received != peer->plan.total)
			fail(side, "did not receive all");
	}
}
