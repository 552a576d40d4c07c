/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* mc_command.h - platform requests for the Mc tests: asked for, seen by the device, answered */
#pragma once

#include "feed/command_layout.h"
#include "mc_host.h"

static uint64_t requests_made;

/* A backend asks, with all that it can say. Return: the request's id. */
static inline uint64_t ask_with(struct world *w, const struct command_text *text)
{
	struct command_text copy = *text;
	uint32_t index;

	copy.request = ++requests_made;
	if (!copy.expires)
		copy.expires = w->host.clock.unix_ms + 3600000;
	if (!copy.kind)
		copy.kind = COMMAND_REQUEST;
	index = command_place(w->host.pool, &copy);
	assert_int_not_equal(index, COMMAND_NONE);
	command_arrive(w->host.pool, index);
	return copy.request;
}

static inline uint64_t ask_id(struct world *w, const char *id, uint32_t code, const char *body)
{
	const struct command_text text = {.code = code,
		.device = id,
		.device_length = strlen(id),
		.payload = bytes_of(body),
		.payload_length = strlen(body)};

	return ask_with(w, &text);
}

#define BODY "{\"statusSerials\":[{\"serialId\":\"1\"}]}"

/* A 2003 for a device; it is decided on with the next turn. */
static inline uint64_t ask(struct world *w, const struct device_side *d)
{
	return ask_id(w, d->id, 2003, BODY);
}

/* The next frame to the device is a request of @code. Return: its number. */
static inline uint16_t expect_asked(struct world *w, const struct device_side *d, uint32_t code)
{
	struct answer got = answer_of(w, d);
	char text[16];

	assert_true(got.there);
	assert_int_equal(got.code, code);
	assert_int_equal(got.to.via, d->peer.via);
	assert_int_equal(member_number(got.plain, "time"), now_of(w));
	assert_true(member_text(got.plain, "sequence", text, sizeof(text)));
	return (uint16_t)atoi(text);
}

/* The device answers with @code, as a device would or not; in the next turn. */
static inline void queue_response(struct world *w, const struct device_side *d, struct peer peer,
	uint32_t code, uint16_t sequence, const char *more)
{
	char plain[512];

	snprintf(plain, sizeof(plain), "{\"sequence\":\"%u\",\"deviceId\":\"%s\"%s,\"time\":%u}",
		sequence, d->id, more, now_of(w));
	queue_plain(w, d, peer, code, plain);
}

static inline void respond(
	struct world *w, const struct device_side *d, uint32_t code, uint16_t sequence)
{
	queue_response(w, d, d->peer, code, sequence, ",\"result\":0");
	world_turn(w);
}

static inline struct event expect_response(
	struct world *w, const struct device_side *d, uint64_t request)
{
	struct event event = next_event(w);

	assert_true(event.there);
	assert_int_equal(event.record.event, HEARTH_RESPONSE);
	assert_int_equal(event.record.request, request);
	assert_string_equal(event.device, d->id);
	return event;
}

static inline struct event expect_undelivered_to(
	struct world *w, const char *id, uint64_t request, enum hearth_reason reason)
{
	struct event event = next_event(w);

	assert_true(event.there);
	assert_int_equal(event.record.event, HEARTH_UNDELIVERED);
	assert_int_equal(event.record.reason, reason);
	assert_int_equal(event.record.request, request);
	assert_int_equal(event.record.payload_length, 0);
	assert_string_equal(event.device, id);
	return event;
}

static inline void expect_undelivered(
	struct world *w, const struct device_side *d, uint64_t request, enum hearth_reason reason)
{
	expect_undelivered_to(w, d->id, request, reason);
}

/* Time passes a second at a time: commands are looked at in each. */
static inline void seconds_pass(struct world *w, unsigned seconds)
{
	while (seconds-- > 0)
		world_pass(w, 1);
}

/* Nothing is under way. */
static inline void expect_pool_empty(struct world *w)
{
	assert_int_equal(command_pool_used(w->pool), 0);
	assert_int_equal(command_held(w->host.pool), 0);
}
