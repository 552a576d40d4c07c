/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* flood.h - packets of attacks, one after the other */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** struct flood_frame - one Ethernet frame to send */
struct flood_frame {
	size_t length;
	uint8_t data[1514];
};

/** struct flood_connection - a handshake that was completed by hand */
struct flood_connection {
	uint32_t host;
	uint16_t port;
	uint32_t seq, ack; /* host order, next to send and to expect */
	bool open;
};

#define FLOOD_CONNECTIONS 65536

struct flood;

/** struct flood_kind - an attack; next() writes one frame and returns how many (0 or 1) */
struct flood_kind {
	const char *name;
	const char *help;
	bool connects;
	unsigned (*next)(struct flood *flood, struct flood_frame *frame);
};

extern const struct flood_kind flood_kinds[];
extern const unsigned flood_kind_count;

/**
 * struct flood - an attack under way
 * @target: IPv4 address (network order); @port: host order
 * @hosts: source addresses, from 198.18.128.0 on
 */
struct flood {
	uint32_t target;
	uint8_t target_mac[6];
	uint16_t port;
	uint32_t hosts;
	uint64_t random;
	const struct flood_kind *kind;
	uint64_t count, received;
	unsigned started, opened;
	struct flood_connection *connections;
};

/** flood_start() - choose the attack by name. Return: false if there is none of it. */
bool flood_start(struct flood *flood, const char *kind);

/** flood_next() - the next frame. Return: 1, or 0 if there is nothing to send now. */
unsigned flood_next(struct flood *flood, struct flood_frame *frame);

/** flood_answer() - a frame from the victim. Return: frames (0 or 1) to send back. */
unsigned flood_answer(
	struct flood *flood, const uint8_t *data, size_t length, struct flood_frame *frame);
