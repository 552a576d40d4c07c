/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* token.c - session keys and tokens: a token names its slab entry (DESIGN, "A token names...") */

#include "session/slab.h"

/*
 * A token is 96 bits, most significant first: 30 bits of index, masked with a keyed hash of the
 * other 66, which are random. Character 0 to 4 are the index, 5 holds the two bits "token_high" and
 * four of "token_low", 6 to 15 the rest of it.
 */
#define INDEX_MASK (SLAB_ENTRIES_MAX - 1)
#define INDEX_CHARS 5

const char session_alphabet[65] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/*
 * Value of a character, 0x40 set if it is none: arithmetic, so that neither branch nor table access
 * depends on what a stranger sent.
 */
static uint32_t character_value(uint32_t c)
{
	/* all ones where first <= c <= last */
#define WITHIN(first, last) (0u - (((first)-1 - c) >> 31 & (c - (last)-1) >> 31))
	const uint32_t upper = WITHIN('A', 'Z'), lower = WITHIN('a', 'z');
	const uint32_t digit = WITHIN('0', '9'), dash = WITHIN('-', '-'), line = WITHIN('_', '_');
#undef WITHIN
	const uint32_t known = upper | lower | digit | dash | line;

	return (upper & (c - 'A')) | (lower & (c - 'a' + 26)) | (digit & (c - '0' + 52)) |
	       (dash & 62) | (line & 63) | (~known & 0x40);
}

static uint32_t token_mask(const struct slab_header *header, uint64_t high, uint64_t low)
{
	return (uint32_t)siphash_16(&header->token_key, low, high) & INDEX_MASK;
}

uint32_t session_find(const struct session_table *table, const uint8_t *token)
{
	uint32_t index = 0, bad = 0, inside;
	uint64_t low = 0, high = 0, life, differs;
	const struct slab_entry *entry;

	for (unsigned i = 0; i < SESSION_TOKEN_CHARS; i++) {
		const uint32_t value = character_value(token[i]);

		bad |= value >> 6;
		if (i < INDEX_CHARS)
			index = index << 6 | (value & 63);
		else if (i == INDEX_CHARS)
			low = value & 63;
		else
			low = low << 6 | (value & 63);
		if (i == INDEX_CHARS)
			high = low >> 4;
	}
	index ^= token_mask(table->header, high, low);
	inside = index < table->count;
	/* what lies outside does the same work on entry 0 */
	entry = &table->entries[inside ? index : 0];
	life = __atomic_load_n(&entry->life, __ATOMIC_ACQUIRE);
	differs = (slab_get(entry->token_low) ^ low) | ((slab_get(entry->seal) & 3) ^ high);
	if (bad || !inside || differs || life_state(life) == SESSION_FREE)
		return SESSION_NONE;
	return index;
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
