/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* rss.h - which worker owns a flow: RETA[Toeplitz(random key, 4-tuple)] */
#pragma once

#include "address.h"

#include <arpa/inet.h>
#include <stdint.h>

#define RSS_KEY_BYTES 40
#define RSS_RETA_SIZE 128
#define RSS_WORKERS_MAX 64

/** Nibbles of an IPv6 4-tuple: 36 bytes. */
#define RSS_NIBBLES 72

/**
 * struct rss - the ownership function's key and table; the same on every worker and, where the
 * port has RSS, in the port
 * @table: what each nibble of a 4-tuple adds to the hash; made from @key by rss_init()
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
 *	-EINVAL: draw again. About one random key in 250 is.
 */
int rss_init(struct rss *rss, const uint8_t random[RSS_KEY_BYTES], unsigned workers);

/** rss_worker() - the worker of a hash that rss_hash(), or a port with our key and table, made. */
static inline unsigned rss_worker(const struct rss *rss, uint32_t hash)
{
	return rss->reta[hash & (RSS_RETA_SIZE - 1)];
}

/** rss_hash() - Microsoft's Toeplitz hash of a 4-tuple; arguments as rss_owner(). */
uint32_t rss_hash(const struct rss *rss, const struct ip_address *source,
	const struct ip_address *destination, uint16_t source_port, uint16_t destination_port);

/**
 * rss_owner() - the worker that owns a flow
 * @source, @destination: addresses of the packet as received, both of one family
 * @source_port, @destination_port: network byte order
 */
unsigned rss_owner(const struct rss *rss, const struct ip_address *source,
	const struct ip_address *destination, uint16_t source_port, uint16_t destination_port);
