/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* wire.h - a link on a TAP device or packet socket, whose frames fare as on a bad network */
#pragma once

#include "link.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct weather - what happens to frames, both ways; shares of a million
 * @delay_us, @jitter_us: of every frame; jitter reorders
 * @seed: same seed, same fate of the n-th frame
 */
struct weather {
	uint32_t loss, duplicate, corrupt, reorder;
	uint32_t delay_us, jitter_us;
	uint64_t seed;
};

struct wire;

/**
 * wire_open() - a link on network interface @name of this network namespace
 * @tap: make a TAP device of that name; else a packet socket on an interface that is there
 * Return: NULL with errno set.
 */
struct wire *wire_open(const char *name, bool tap, const struct weather *weather);

/** wire_link() - it as the stack sees it. */
struct link *wire_link(struct wire *wire);

/** wire_wait() - sleep until a frame is there or due, at most @us. */
void wire_wait(struct wire *wire, uint64_t us);

/** wire_now() - the clock that delays run on: CLOCK_MONOTONIC in microseconds. */
uint64_t wire_now(void);
