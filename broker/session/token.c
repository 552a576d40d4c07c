/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* token.c - session keys and tokens: a token names its slab entry (DESIGN, "A token names...") */

#include "session/slab.h"

#include <endian.h>
#include <immintrin.h>

/*
 * A token is 96 bits, most significant first: 30 bits of index, masked with a keyed hash of the
 * other 66, which are random. Character 0 to 4 are the index, 5 holds the two bits "token_high" and
 * four of "token_low", 6 to 15 the rest of it.
 */
#define INDEX_MASK (SLAB_ENTRIES_MAX - 1)
#define INDEX_CHARS 5

/* Tokens that are hashed together. */
#define SEEK_AT_ONCE 8

const char session_alphabet[65] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* What a token says: its index, masked still, and the 66 bits; false if a character is none. */
struct token_parts {
	uint32_t masked;
	uint64_t high, low;
	bool known;
};

/* All ones where first <= character <= last; signed: what is not ASCII is below all of them. */
static inline __m128i within(__m128i characters, char first, char last)
{
	return _mm_and_si128(_mm_cmpgt_epi8(characters, _mm_set1_epi8((char)(first - 1))),
		_mm_cmpgt_epi8(_mm_set1_epi8((char)(last + 1)), characters));
}

/*
 * Arithmetic on all characters alike, so that neither branch nor table access depends on what a
 * stranger sent. Needs SSSE3, as DPDK does (x86-64-v2).
 */
static inline struct token_parts token_parts(const uint8_t token[SESSION_TOKEN_CHARS])
{
	const __m128i characters = _mm_loadu_si128((const __m128i *)token);
	const __m128i upper = within(characters, 'A', 'Z'), lower = within(characters, 'a', 'z');
	const __m128i digit = within(characters, '0', '9'), dash = within(characters, '-', '-');
	const __m128i line = within(characters, '_', '_');
	/* 24 bits in each lane, the first byte on top: turned round they stand side by side */
	const __m128i pack = _mm_setr_epi8(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1);
	__m128i known = _mm_or_si128(upper, lower), value = characters;
	struct token_parts parts;
	uint32_t first;

	known = _mm_or_si128(_mm_or_si128(known, digit), _mm_or_si128(dash, line));
	value = _mm_add_epi8(value, _mm_and_si128(upper, _mm_set1_epi8(-'A')));
	value = _mm_add_epi8(value, _mm_and_si128(lower, _mm_set1_epi8(26 - 'a')));
	value = _mm_add_epi8(value, _mm_and_si128(digit, _mm_set1_epi8(52 - '0')));
	value = _mm_add_epi8(value, _mm_and_si128(dash, _mm_set1_epi8(62 - '-')));
	value = _mm_add_epi8(value, _mm_and_si128(line, _mm_set1_epi8(63 - '_')));
	value = _mm_and_si128(value, known);
	value = _mm_maddubs_epi16(value, _mm_set1_epi32(0x01400140));
	value = _mm_madd_epi16(value, _mm_set1_epi32(0x00011000));
	value = _mm_shuffle_epi8(value, pack);
	first = be32toh((uint32_t)_mm_cvtsi128_si32(value));
	parts.masked = first >> 2;
	parts.high = first & 3;
	parts.low = be64toh((uint64_t)_mm_cvtsi128_si64(_mm_srli_si128(value, 4)));
	parts.known = _mm_movemask_epi8(known) == 0xffff;
	return parts;
}

static uint32_t token_mask(const struct slab_header *header, uint64_t high, uint64_t low)
{
	return (uint32_t)siphash_16(&header->token_key, low, high) & INDEX_MASK;
}

void session_seek(const struct session_table *table, const uint8_t *const *tokens, unsigned count,
	struct session_seek *seeks)
{
	uint64_t low[SEEK_AT_ONCE], high[SEEK_AT_ONCE], masks[SEEK_AT_ONCE];
	struct token_parts parts;

	for (unsigned done = 0; done < count; done += SEEK_AT_ONCE) {
		const unsigned n = count - done < SEEK_AT_ONCE ? count - done : SEEK_AT_ONCE;

		for (unsigned i = 0; i < n; i++) {
			parts = token_parts(tokens[done + i]);
			low[i] = parts.low;
			high[i] = parts.high;
			seeks[done + i] = (struct session_seek){
				.bits = parts.low, .index = parts.masked, .high = parts.high};
			seeks[done + i].bad = !parts.known;
		}
		siphash_16_many(&table->header->token_key, low, high, masks, n);
		for (unsigned i = 0; i < n; i++) {
			struct session_seek *seek = &seeks[done + i];

			seek->index ^= (uint32_t)masks[i] & INDEX_MASK;
			/* what lies outside does the same work on entry 0 */
			seek->bad |= seek->index >= table->count;
			seek->index = seek->bad ? 0 : seek->index;
			session_prefetch(table, seek->index);
		}
	}
}

uint32_t session_sought(const struct session_table *table, const struct session_seek *seek)
{
	const struct slab_entry *entry = &table->entries[seek->index];
	const uint64_t life = __atomic_load_n(&entry->life, __ATOMIC_ACQUIRE);
	const uint64_t differs = (slab_get(entry->token_low) ^ seek->bits) |
				 ((slab_get(entry->seal) & 3) ^ seek->high);

	if (seek->bad | (differs != 0) | (life_state(life) == SESSION_FREE))
		return SESSION_NONE;
	return seek->index;
}

uint32_t session_find(const struct session_table *table, const uint8_t *token)
{
	struct session_seek seek;

	session_seek(table, &token, 1, &seek);
	return session_sought(table, &seek);
}

void session_token(const struct session_table *table, uint32_t index, char *token)
{
	const struct slab_entry *entry = &table->entries[index];
	const uint64_t low = slab_get(entry->token_low), high = slab_get(entry->seal) & 3;
	uint32_t masked = index ^ token_mask(table->header, high, low);
	uint64_t rest = low;

	for (unsigned i = SESSION_TOKEN_CHARS - 1; i > INDEX_CHARS; i--, rest >>= 6)
		token[i] = session_alphabet[rest & 63];
	token[INDEX_CHARS] = session_alphabet[high << 4 | (rest & 15)];
	for (unsigned i = INDEX_CHARS; i-- > 0; masked >>= 6)
		token[i] = session_alphabet[masked & 63];
}

unsigned slab_draw(struct slab_entry *entry, struct random *random)
{
	uint8_t drawn[SESSION_KEY_BYTES + sizeof(uint64_t) + 1];
	char characters[SESSION_KEY_BYTES];
	uint64_t words[3];
	unsigned token_high;

	random->fill(random, drawn, sizeof(drawn));
	for (unsigned i = 0; i < SESSION_KEY_BYTES; i++)
		characters[i] = session_alphabet[drawn[i] & 63];
	memcpy(words, characters, sizeof(characters));
	memcpy(words + 2, drawn + SESSION_KEY_BYTES, sizeof(words[2]));
	token_high = drawn[sizeof(drawn) - 1] & 3;
	slab_set(entry->key[0], words[0]);
	slab_set(entry->key[1], words[1]);
	slab_set(entry->token_low, words[2]);
	explicit_bzero(drawn, sizeof(drawn));
	explicit_bzero(characters, sizeof(characters));
	explicit_bzero(words, sizeof(words));
	return token_high;
}

uint32_t slab_seal(
	const struct slab_header *header, const struct slab_entry *entry, unsigned token_high)
{
	struct {
		uint64_t key[2], token_low;
		uint32_t device, serial, login_time, token_high;
	} part = {
		.key = {slab_get(entry->key[0]), slab_get(entry->key[1])},
		.token_low = slab_get(entry->token_low),
		.device = slab_get(entry->device),
		.serial = slab_get(entry->serial),
		.login_time = slab_get(entry->login_time),
		.token_high = token_high,
	};
	_Static_assert(sizeof(part) == 40, "no padding under the checksum");
	const uint32_t seal = (uint32_t)siphash(&header->entry_key, &part, sizeof(part)) << 2;

	explicit_bzero(&part, sizeof(part));
	return seal | token_high;
}
