/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* rss.c - Toeplitz hash (Microsoft, "RSS hashing types") and indirection table, in software */
#include "rss.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

/* The 32 key bits that an input bit selects; bit 0 is the first on the wire. */
static uint32_t key_window(const uint8_t *key, unsigned bit)
{
	const uint8_t *from = key + bit / 8;
	uint64_t bits = (uint64_t)from[0] << 32 | (uint64_t)from[1] << 24 |
			(uint64_t)from[2] << 16 | (uint64_t)from[3] << 8 | from[4];

	return (uint32_t)(bits >> (8 - bit % 8));
}

/* Rank over GF(2) of the table index's bits, seen as a function of 16 input bits. */
static unsigned index_rank(const uint8_t *key, unsigned first_bit)
{
	uint32_t basis[7] = {0};
	unsigned rank = 0;

	for (unsigned bit = first_bit; bit < first_bit + 16; bit++) {
		uint32_t row = key_window(key, bit) & (RSS_RETA_SIZE - 1);

		for (unsigned i = 0; i < 7 && row; i++) {
			if (!(row >> i & 1))
				continue;
			if (basis[i] == 0) {
				basis[i] = row;
				rank++;
				row = 0;
			} else {
				row ^= basis[i];
			}
		}
	}
	return rank;
}

int rss_init(struct rss *rss, const uint8_t random[RSS_KEY_BYTES], unsigned workers)
{
	_Static_assert(RSS_RETA_SIZE == 1 << 7, "index_rank() reckons with 7 bits");

	if (workers < 1 || workers > RSS_WORKERS_MAX)
		return -EINVAL;
	/* A fleet behind one address differs in source port (bits 64..79, of IPv6 256..271), one
	 * on a subnet in the low half of the source address (16..31, of IPv6 112..127): each must
	 * reach the whole table. */
	if (index_rank(random, 64) < 7 || index_rank(random, 16) < 7 ||
		index_rank(random, 256) < 7 || index_rank(random, 112) < 7)
		return -EINVAL;
	memset(rss, 0, sizeof(*rss));
	memcpy(rss->key, random, RSS_KEY_BYTES);
	rss->workers = workers;
	for (unsigned i = 0; i < RSS_RETA_SIZE; i++)
		rss->reta[i] = (uint8_t)(i % workers);
	for (unsigned nibble = 0; nibble < RSS_NIBBLES; nibble++)
		for (unsigned value = 0; value < 16; value++)
			for (unsigned bit = 0; bit < 4; bit++)
				if (value & 8U >> bit)
					rss->table[nibble][value] ^=
						key_window(random, nibble * 4 + bit);
	return 0;
}

static uint32_t hash_words(
	const struct rss *rss, const uint32_t *words, unsigned count, unsigned first)
{
	uint32_t hash = 0;

	for (unsigned word = 0; word < count; word++)
		for (unsigned nibble = 0; nibble < 8; nibble++)
			hash ^= rss->table[(first + word) * 8 + nibble]
					  [ntohl(words[word]) >> (28 - 4 * nibble) & 15];
	return hash;
}

uint32_t rss_hash(const struct rss *rss, const struct ip_address *source,
	const struct ip_address *destination, uint16_t source_port, uint16_t destination_port)
{
	const uint32_t ports = htonl((uint32_t)ntohs(source_port) << 16 | ntohs(destination_port));

	if (ip_is_v4(source))
		return hash_words(rss, &source->word[3], 1, 0) ^
		       hash_words(rss, &destination->word[3], 1, 1) ^ hash_words(rss, &ports, 1, 2);
	return hash_words(rss, source->word, 4, 0) ^ hash_words(rss, destination->word, 4, 4) ^
	       hash_words(rss, &ports, 1, 8);
}

unsigned rss_owner(const struct rss *rss, const struct ip_address *source,
	const struct ip_address *destination, uint16_t source_port, uint16_t destination_port)
{
	if (rss->workers == 1)
		return 0;
	return rss_worker(rss, rss_hash(rss, source, destination, source_port, destination_port));
}
