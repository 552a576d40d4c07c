/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* rss.h - which worker owns a flow: RETA[Toeplitz(random key, 4-tuple)] */
#pragma once

#include <stdint.h>

#define RSS_KEY_BYTES 40
#define RSS_RETA_SIZE 128

/**
 * struct rss - the ownership function's key and table; the same on every worker and, where the
 * port has RSS, in the port
 */
struct rss {
	uint8_t key[RSS_KEY_BYTES];
	uint8_t reta[RSS_RETA_SIZE]; /* worker numbers */
};

/**
 * rss_init() - fill key and table for @workers workers (1..64)
 * @random: RSS_KEY_BYTES random bytes. A degenerate key (one whose windows would send all flows
 *	to one queue) is refused with -EINVAL: draw again.
 */
int rss_init(struct rss *rss, const uint8_t random[RSS_KEY_BYTES], unsigned workers);

/**
 * rss_owner() - the worker that owns a flow
 * @source, @destination: IPv4 addresses of the packet as received, network byte order
 * @source_port, @destination_port: network byte order
 */
unsigned rss_owner(const struct rss *rss, uint32_t source, uint32_t destination,
	uint16_t source_port, uint16_t destination_port);
