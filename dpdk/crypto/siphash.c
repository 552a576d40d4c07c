/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* siphash.c - SipHash-2-4 (Aumasson, Bernstein 2012) */
#include "crypto/siphash.h"

#include <endian.h>
#include <string.h>

struct siphash_state {
	uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotate_left(uint64_t x, unsigned bits)
{
	return x << bits | x >> (64 - bits);
}

static inline void siphash_round(struct siphash_state *s)
{
	s->v0 += s->v1;
	s->v1 = rotate_left(s->v1, 13) ^ s->v0;
	s->v0 = rotate_left(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = rotate_left(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = rotate_left(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = rotate_left(s->v1, 17) ^ s->v2;
	s->v2 = rotate_left(s->v2, 32);
}

static inline struct siphash_state siphash_init(const struct siphash_key *key)
{
	return (struct siphash_state){
		.v0 = key->k0 ^ 0x736f6d6570736575,
		.v1 = key->k1 ^ 0x646f72616e646f6d,
		.v2 = key->k0 ^ 0x6c7967656e657261,
		.v3 = key->k1 ^ 0x7465646279746573,
	};
}

static inline void siphash_word(struct siphash_state *s, uint64_t word)
{
	s->v3 ^= word;
	siphash_round(s);
	siphash_round(s);
	s->v0 ^= word;
}

static inline uint64_t siphash_finish(struct siphash_state *s)
{
	s->v2 ^= 0xff;
	for (int i = 0; i < 4; i++)
		siphash_round(s);
	return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

uint64_t siphash(const struct siphash_key *key, const void *data, size_t length)
{
	struct siphash_state s = siphash_init(key);
	const uint8_t *in = data;
	uint64_t last = (uint64_t)length << 56;
	size_t left = length;

	for (; left >= 8; left -= 8, in += 8) {
		uint64_t word;

		memcpy(&word, in, 8);
		siphash_word(&s, le64toh(word));
	}
	while (left-- > 0)
		last |= (uint64_t)in[left] << (8 * left);
	siphash_word(&s, last);
	return siphash_finish(&s);
}

uint64_t siphash_16(const struct siphash_key *key, uint64_t word0, uint64_t word1)
{
	struct siphash_state s = siphash_init(key);

	siphash_word(&s, word0);
	siphash_word(&s, word1);
	siphash_word(&s, (uint64_t)16 << 56);
	return siphash_finish(&s);
}

/*
 * A hash waits for itself most of the time. Eight at once, a lane each, take little longer: the
 * compiler makes of the lanes what the CPU has.
 */
#define LANES 8
typedef uint64_t lanes __attribute__((vector_size(LANES * sizeof(uint64_t))));

struct siphash_lanes {
	lanes v0, v1, v2, v3;
};

#define ROTATE_LEFT(x, bits) ((x) << (bits) | (x) >> (64 - (bits)))

static inline void lanes_round(struct siphash_lanes *s)
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

static inline void lanes_word(struct siphash_lanes *s, const lanes *word)
{
	s->v3 ^= *word;
	lanes_round(s);
	lanes_round(s);
	s->v0 ^= *word;
}

/* Of a full set of lanes @bytes is a constant: copies are loads and stores then. */
static inline void lanes_16(const struct siphash_state *begin, const uint64_t *word0,
	const uint64_t *word1, uint64_t *hashes, size_t bytes)
{
	const lanes last = (lanes){0} + ((uint64_t)16 << 56);
	struct siphash_lanes s = {.v0 = (lanes){0} + begin->v0,
		.v1 = (lanes){0} + begin->v1,
		.v2 = (lanes){0} + begin->v2,
		.v3 = (lanes){0} + begin->v3};
	lanes first = {0}, second = {0};

	memcpy(&first, word0, bytes);
	memcpy(&second, word1, bytes);
	lanes_word(&s, &first);
	lanes_word(&s, &second);
	lanes_word(&s, &last);
	s.v2 ^= 0xff;
	for (int i = 0; i < 4; i++)
		lanes_round(&s);
	first = s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
	memcpy(hashes, &first, bytes);
}

void siphash_16_many(const struct siphash_key *key, const uint64_t *word0, const uint64_t *word1,
	uint64_t *hashes, unsigned count)
{
	const struct siphash_state begin = siphash_init(key);
	unsigned at = 0;

	for (; count - at >= LANES; at += LANES)
		lanes_16(&begin, word0 + at, word1 + at, hashes + at, sizeof(lanes));
	if (at < count)
		lanes_16(&begin, word0 + at, word1 + at, hashes + at,
			(count - at) * sizeof(uint64_t));
}
