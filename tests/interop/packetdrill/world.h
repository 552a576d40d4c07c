/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* world.h - Hearth's stack in virtual time, on a link of plain memory */
#pragma once

#include "stack.h"

#include <netinet/in.h>
#include <stdio.h>

/** Receive window where the script chooses none: a window scale is offered. */
#define WORLD_WINDOW (1 << 20)

/**
 * struct world_settings - what a script may choose with --so_flags=NAME=VALUE,NAME=VALUE...
 * @tso: contiguous segments of one turn are shown as one packet, as a NIC that segments for its
 *	stack would be handed them; the packets of suites that were written for Linux are such
 * @ack_delay_ms: ACKs are shown as a stack that delays them would send them, see struct
 *	wire_thinner; suites that were written for such stacks expect it
 * @deaf: the tool may call listen(), but nobody listens: the script's port is a closed one
 * @strangers: so many SYNs came from elsewhere just before the script begins
 *
 * The others are the fields of struct tcp_config of the same name; 0: the adapter's default.
 */
struct world_settings {
	uint32_t window, mss, mtu, send_bytes;
	uint32_t connections, embryonic, cookies_above, time_wait, sides;
	uint32_t idle_ms, keepalive_ms, user_timeout_ms;
	uint32_t no_timestamps, no_sack, no_scale;
	uint32_t tso, ack_delay_ms, deaf, strangers, seed;
};

struct world;

/** world_settings_parse() - read @flags over @settings; false: an unknown name or a bad value. */
bool world_settings_parse(struct world_settings *settings, const char *flags);

/**
 * world_new() - a stack with addresses of both families, whose router is known already
 * @local: an address of ours beside the default ones; all zero: none
 * @port: listens, network byte order
 * @received: called with the user's context in each turn between receiving and sending
 * @now: microseconds on the script's clock
 * Return: NULL if the settings are out of range.
 */
struct world *world_new(const struct world_settings *settings, const struct ip_address *local,
	uint16_t port, const struct stack_user *user, void (*received)(void *context),
	uint64_t now);

/** world_free() - NULL is allowed. */
void world_free(struct world *world);

/** world_stack() - its stack. */
struct stack *world_stack(struct world *world);

/** world_local() - our default address of the family that @remote is of. */
struct ip_address world_local(const struct ip_address *remote);

/** world_turn() - turns of a worker at @now until nothing moves any more. */
void world_turn(struct world *world, uint64_t now);

/** world_in() - an IP packet arrives; one longer than the MTU as the segments it was made of. */
bool world_in(struct world *world, const uint8_t *packet, size_t length);

/** world_out() - the oldest packet that left: its length, 0 if there is none; @at: when. */
size_t world_out(struct world *world, uint8_t *packet, size_t room, uint64_t *at);

/** world_clock() - the stack's clock for the script's @now. */
uint64_t world_clock(const struct world *world, uint64_t now);

/** world_counters() - all counters that are not 0, a line each. */
void world_counters(struct world *world, FILE *out);
