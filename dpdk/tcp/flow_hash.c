/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* flow_hash.c - SipHash-2-4 of the flows of a burst, eight of them at a time */

#include "tcp_state.h"

#define LANES 8

/* The compiler makes of it what the CPU has: one register, two or four. */
typedef uint64_t lanes __attribute__((vector_size(LANES * sizeof(uint64_t))));

struct state {
	lanes v0, v1, v2, v3;
};

/* No function: one that takes or gives vectors is another without the registers for them. */
#define ROTATE_LEFT(x, bits) ((x) << (bits) | (x) >> (64 - (bits)))

static inline void round_of(struct state *s)
{
	s->v0 += s->v1;
	s->v1 = ROTATE_LEFT(s->v1, 13) ^ s->v0;
	s->v0 = ROTATE_LEFT(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = ROTATE_LEFT(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = ROTATE_LEFT(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = ROTATE_LEFT(s->v1, 17) ^ s->v2;
	s->v2 = ROTATE_LEFT(s->v2, 32);
}

static inline void word_in(struct state *s, const lanes *word)
{
	s->v3 ^= *word;
	round_of(s);
	round_of(s);
	s->v0 ^= *word;
}

/* siphash_16() of eight pairs of words. */
static inline void hash_lanes(
	const struct siphash_key *key, const lanes *word0, const lanes *word1, lanes *hash)
{
	const lanes zero = {0}, length = zero + ((uint64_t)16 << 56);
	struct state s = {
		.v0 = zero + (key->k0 ^ 0x736f6d6570736575),
		.v1 = zero + (key->k1 ^ 0x646f72616e646f6d),
		.v2 = zero + (key->k0 ^ 0x6c7967656e657261),
		.v3 = zero + (key->k1 ^ 0x7465646279746573),
	};

	word_in(&s, word0);
	word_in(&s, word1);
	word_in(&s, &length);
	s.v2 ^= zero + 0xff;
	for (unsigned i = 0; i < 4; i++)
		round_of(&s);
	*hash = s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

void tcp_locate_flows(struct tcp *tcp, const struct tcp_segment *segments, struct tcp_place *places,
	unsigned count)
{
	for (unsigned from = 0; from < count; from += LANES) {
		unsigned some = count - from < LANES ? count - from : LANES;
		lanes word0 = {0}, word1 = {0}, hash;

		for (unsigned i = 0; i < some; i++) {
			const struct tcp_tuple *tuple = &segments[from + i].tuple;

			word0[i] = (uint64_t)ip_v4(&tuple->remote) | (uint64_t)ip_v4(&tuple->local)
									     << 32;
			word1[i] = (uint64_t)tuple->remote_port | (uint64_t)tuple->local_port << 16;
		}
		hash_lanes(&tcp->config.flow_key, &word0, &word1, &hash);
		for (unsigned i = 0; i < some; i++) {
			const struct tcp_tuple *tuple = &segments[from + i].tuple;

			places[from + i].hash =
				ip_is_v4(&tuple->remote) ? hash[i] : tcp_hash(tcp, tuple);
			flow_prefetch(&tcp->flows, places[from + i].hash);
		}
	}
}
