/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* rss.h - which worker owns a flow: RETA[Toeplitz(random key, 4-tuple)] */
#pragma once

#include <stdint.h>

#define RSS_KEY_BYTES 40
#define RSS_RETA_SIZE 128
#define RSS_WORKERS_MAX 64

/** Nibbles of an IPv4 4-tuple: 12 bytes. */
#define RSS_NIBBLES 24

/**
 * struct rss - the ownership function's key and table; the same on every worker and, where the
 * port has RSS, in the port
 * @table: what each nibble of the 4-tuple adds to the hash; made from @key by rss_init()
 */
struct rss {
	uint8_t key[RSS_KEY_BYTES];
	uint8_t reta[RSS_RETA_SIZE]; /* worker numbers */
	unsigned workers;
	uint32_t table[RSS_NIBBLES][16];
};

/**
 * rss_init() - fill key and table for @workers workers (1..RSS_WORKERS_MAX)
 * @random: RSS_KEY_BYTES random bytes. A degenerate key (one that sends peers which differ only in
 *	port, or only in the low half of their address, to a part of the table) is refused with
 *	-EINVAL: draw again. About one random key in 500 is.
 */
int rss_init(struct rss *rss, const uint8_t random[RSS_KEY_BYTES], unsigned workers);

/** rss_hash() - Microsoft's Toeplitz hash of a 4-tuple; arguments as rss_owner(). */
uint32_t rss_hash(const struct rss *rss, uint32_t source, uint32_t destination,
	uint16_t source_port, uint16_t destination_port);

/**
 * rss_owner() - the worker that owns a flow
 * @source, @destination: IPv4 addresses of the packet as received, network byte order
 * @source_port, @destination_port: network byte order
 */
unsigned rss_owner(const struct rss *rss, uint32_t source, uint32_t destination,
	uint16_t source_port, uint16_t destination_port);
