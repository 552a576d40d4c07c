/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* json_masks.c - the scan of one object by bit masks, 64 bytes of text or 64 tokens at a time */
#include "codec/json_inner.h"

#include <errno.h>

/*
 * The method begins as that of Langdale and Lemire ("Parsing gigabytes of JSON per second", 2019):
 * each 64 bytes become masks, one bit a byte; a prefix sum (carry-less multiplication by all ones)
 * over the quotes says what lies inside of strings. From there on it is our own: nothing is read
 * token by token. The tokens' kinds are packed side by side, and the grammar is a question of
 * neighbours, asked of 64 tokens at once by shifts of masks:
 *
 *   - which kind may stand behind which;
 *   - in an object a string stands behind a comma; that one, or the one behind the '{', is a key,
 *     and keys, and nothing else, have a colon behind them.
 *
 * Only what nests is walked over, bracket by bracket, with a bit for each open one; that gives the
 * tokens that stand in objects, and those of the first level. Numbers and words are read one by
 * one. What holds a backslash or is not ASCII is left to json_walk(): both refuse the same texts.
 *
 * The work depends on the text's length and on how many brackets, numbers and members there are;
 * a text that is refused is gone through as far as one that is taken.
 */
#ifdef __x86_64__
#include <immintrin.h>

#define WIDE                                                                                       \
	__attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,bmi,"              \
			      "bmi2,popcnt,pclmul")))

/* Kinds of bytes, and of the tokens that begin with them; white space is 0. */
enum {
	OBJECT = 0x01,
	ARRAY = 0x02,
	OBJECT_END = 0x04,
	ARRAY_END = 0x08,
	COLON = 0x10,
	COMMA = 0x20,
	STRING = 0x40,
	OTHER = 0x80, /* a number, a word, or nothing at all */
	BRACKET = OBJECT | ARRAY | OBJECT_END | ARRAY_END,
};

/* Texts with other bytes than ASCII's are left to json.c, but what comes behind a number is looked at
 * before that is known: none of them is of a kind. */
static const _Alignas(64) uint8_t kinds_of[256] = {
	[0 ... '\t' - 1] = OTHER,
	['\t'] = 0,
	['\n'] = 0,
	['\n' + 1 ... '\r' - 1] = OTHER,
	['\r'] = 0,
	['\r' + 1 ... ' ' - 1] = OTHER,
	[' '] = 0,
	['!'] = OTHER,
	['"'] = STRING,
	['#' ... ',' - 1] = OTHER,
	[','] = COMMA,
	[',' + 1 ... ':' - 1] = OTHER,
	[':'] = COLON,
	[':' + 1 ... '[' - 1] = OTHER,
	['['] = ARRAY,
	['\\'] = OTHER,
	[']'] = ARRAY_END,
	[']' + 1 ... '{' - 1] = OTHER,
	['{'] = OBJECT,
	['|'] = OTHER,
	['}'] = OBJECT_END,
	['}' + 1 ... 127] = OTHER,
};

/**
 * struct tokens - what the tokens checked so far say
 * @checked: how many, a multiple of 64
 * @before_value, @object, @array, @value_end, @comma, @key: is the last of them of that kind?
 * @open: the brackets open, the innermost lowest, 1 for an object; above them a 1
 * @deepest: of @open all that was set
 * @wrong: not 0: this is no object; @cut: it has no end
 * @first_level: a bit for each: is it a colon or a comma of the first level?
 * @places: where each begins
 */
struct tokens {
	uint32_t checked;
	uint64_t before_value, object, array, value_end, comma, key;
	uint64_t open, deepest;
	uint64_t wrong;
	bool cut;
	uint64_t first_level[JSON_MASKS_MAX / 64 + 1];
	uint16_t places[JSON_MASKS_MAX + 64];
};

/**
 * struct reading - how far the text is read
 * @count: tokens found
 * @packed: kinds of those that are not checked, side by side, 0 behind the last
 * @inside: all ones inside of a string; @other: 1 inside of a number or word
 * @wrong: not 0: a string holds what none may
 */
struct reading {
	uint32_t count;
	__m512i packed;
	uint64_t inside, other;
	uint64_t wrong;
};

bool json_masks_there(void)
{
	return __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vbmi2") &&
	       __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
	       __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("bmi2");
}

/* Each bit becomes the sum, modulo 2, of itself and all below it. */
WIDE static inline uint64_t prefix_sum(uint64_t bits)
{
	const __m128i ones = _mm_set1_epi8((char)0xff);

	return (uint64_t)_mm_cvtsi128_si64(
		_mm_clmulepi64_si128(_mm_cvtsi64_si128((int64_t)bits), ones, 0));
}

/* Tokens that stand right behind these; @last: is the last of the 64 before one of these? */
static inline uint64_t behind(uint64_t tokens, uint64_t *last)
{
	const uint64_t next = tokens << 1 | *last;

	*last = tokens >> 63;
	return next;
}

/* Where a bit holds from one bracket to the next: to all tokens. @before: for each bracket, in
 * order, what held before it; @after: what holds behind the last. */
WIDE static inline uint64_t spread(
	uint64_t before, uint64_t after, uint64_t brackets, unsigned count)
{
	const uint64_t next = before >> 1 | after << (count - 1);

	return prefix_sum(_pdep_u64(before ^ next, brackets)) ^ (0 - (before & 1));
}

/*
 * Over the brackets of 64 tokens. @objects, @first: receive the tokens that stand in objects and on
 * the first level.
 */
WIDE static inline void walk_brackets(struct tokens *tokens, uint64_t brackets, uint64_t opens,
	uint64_t of_objects, uint64_t *objects, uint64_t *first)
{
	const unsigned count = (unsigned)_mm_popcnt_u64(brackets);
	uint64_t open = tokens->open, in_objects = 0, on_first = 0, ended = 0, deepest = 0;
	const uint64_t opening = _pext_u64(opens, brackets);
	const uint64_t object = _pext_u64(of_objects, brackets);

	if (!count) {
		*objects = 0 - (open & 1);
		*first = 0 - (uint64_t)(open >> 1 == 1);
		return;
	}
	for (unsigned i = 0; i < count; i++) {
		in_objects |= (open & 1) << i;
		on_first |= (uint64_t)(open >> 1 == 1) << i;
		ended |= (uint64_t)(open == 1) << i;
		open = opening >> i & 1 ? open << 1 | (object >> i & 1) : open >> 1;
		deepest |= open;
	}
	/* what ends is what began last; behind the outermost there is none */
	tokens->wrong |= (in_objects ^ object) & ~opening & (~UINT64_C(0) >> (64 - count));
	tokens->wrong |= (tokens->checked ? ended : ended & ~UINT64_C(1));
	tokens->open = open;
	tokens->deepest |= deepest;
	*objects = spread(in_objects, open & 1, brackets, count);
	*first = spread(on_first, open >> 1 == 1, brackets, count);
}

/* A number or a word, up to where nothing of the kind follows. */
static inline bool is_scalar(const uint8_t *at, const uint8_t *end)
{
	switch (*at) {
	case 't':
		at = json_scan_word(at, end, "true", 4);
		break;
	case 'f':
		at = json_scan_word(at, end, "false", 5);
		break;
	case 'n':
		at = json_scan_word(at, end, "null", 4);
		break;
	default:
		at = json_scan_number(at, end);
		break;
	}
	return at && (at == end || kinds_of[*at] != OTHER);
}

/* Up to 64 tokens more, the last of the text fewer: can they stand where they do? */
WIDE static __attribute__((noinline)) void check_tokens(
	struct tokens *tokens, const uint8_t *text, uint32_t length, __m512i kinds)
{
	const uint64_t opens = _mm512_test_epi8_mask(kinds, _mm512_set1_epi8(OBJECT | ARRAY));
	const uint64_t ends =
		_mm512_test_epi8_mask(kinds, _mm512_set1_epi8(OBJECT_END | ARRAY_END));
	const uint64_t of_objects =
		_mm512_test_epi8_mask(kinds, _mm512_set1_epi8(OBJECT | OBJECT_END));
	const uint64_t colons = _mm512_test_epi8_mask(kinds, _mm512_set1_epi8(COLON));
	const uint64_t commas = _mm512_test_epi8_mask(kinds, _mm512_set1_epi8(COMMA));
	const uint64_t strings = _mm512_test_epi8_mask(kinds, _mm512_set1_epi8(STRING));
	const uint64_t object = opens & of_objects, array = opens & ~of_objects;
	uint64_t others = _mm512_movepi8_mask(kinds), objects, first, wrong;
	uint64_t after_value_place, after_object, after_array, after_value, after_comma, keys;

	walk_brackets(tokens, opens | ends, opens, of_objects, &objects, &first);
	after_value_place = behind(array | colons | commas, &tokens->before_value);
	after_object = behind(object, &tokens->object);
	after_array = behind(array, &tokens->array);
	after_value = behind(ends | strings | others, &tokens->value_end);
	after_comma = behind(commas & objects, &tokens->comma);
	wrong = (opens | others) & ~after_value_place;
	wrong |= strings & ~(after_value_place | after_object);
	wrong |= ends & of_objects & ~(after_value | after_object);
	wrong |= ends & ~of_objects & ~(after_value | after_array);
	wrong |= commas & ~after_value;
	wrong |= after_comma & ~strings;
	/* keys, and nothing else, have a colon behind them, if anything */
	keys = strings & (after_object | after_comma);
	wrong |= (colons ^ behind(keys, &tokens->key)) & _mm512_test_epi8_mask(kinds, kinds);
	wrong |= tokens->checked ? 0 : ~object & 1; /* the first of all */
	tokens->first_level[tokens->checked / 64] = first & (colons | commas);
	for (; others; others &= others - 1) {
		const unsigned at = tokens->checked + (unsigned)__builtin_ctzll(others);

		wrong |= !is_scalar(text + tokens->places[at], text + length);
	}
	tokens->wrong |= wrong;
}

/* 64 bytes more of the text. Return: bits of the bytes at which tokens begin; @kinds: of all. */
WIDE static inline uint64_t find_tokens(struct reading *reading, __m512i text, __m512i *kinds)
{
	uint64_t quotes, inside, outside, others, begin;

	*kinds = _mm512_permutex2var_epi8(
		_mm512_load_si512(kinds_of), text, _mm512_load_si512(kinds_of + 64));
	quotes = _mm512_test_epi8_mask(*kinds, _mm512_set1_epi8(STRING));
	inside = prefix_sum(quotes) ^ reading->inside; /* with opening quotes, without closing */
	outside = ~(inside | quotes);
	others = outside & _mm512_movepi8_mask(*kinds);
	begin = outside & _mm512_test_epi8_mask(*kinds, _mm512_set1_epi8(BRACKET | COLON | COMMA));
	begin |= quotes & inside;
	begin |= others & ~(others << 1 | reading->other);
	reading->wrong |= inside & _mm512_cmplt_epu8_mask(text, _mm512_set1_epi8(' '));
	reading->inside = (uint64_t)((int64_t)inside >> 63);
	reading->other = others >> 63;
	return begin;
}

/* Note where they are. */
WIDE static inline void add_places(uint16_t *to, uint32_t place, uint64_t begin)
{
	const __m512i numbers = _mm512_set_epi16(31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19,
		18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
	const __m512i places = _mm512_add_epi16(numbers, _mm512_set1_epi16((short)place));
	const uint32_t low = (uint32_t)begin, high = (uint32_t)(begin >> 32);

	_mm512_storeu_si512(to, _mm512_maskz_compress_epi16(low, places));
	_mm512_storeu_si512(to + _mm_popcnt_u32(low),
		_mm512_maskz_compress_epi16(high, _mm512_add_epi16(places, _mm512_set1_epi16(32))));
}

/* Put them behind those that are not checked, and have 64 checked where there are so many. */
WIDE static inline void add_tokens(struct reading *reading, struct tokens *tokens,
	const uint8_t *text, uint32_t length, uint64_t begin, __m512i kinds)
{
	const __m512i numbers = _mm512_set_epi64(0x3f3e3d3c3b3a3938, 0x3736353433323130,
		0x2f2e2d2c2b2a2928, 0x2726252423222120, 0x1f1e1d1c1b1a1918, 0x1716151413121110,
		0x0f0e0d0c0b0a0908, 0x0706050403020100);
	const uint32_t count = reading->count;

	kinds = _mm512_maskz_compress_epi8(begin, kinds);
	/* turned round, so that the first finds its place: those that go over belong to the next */
	kinds = _mm512_permutexvar_epi8(
		_mm512_sub_epi8(numbers, _mm512_set1_epi8((char)count)), kinds);
	reading->packed = _mm512_mask_mov_epi8(reading->packed, ~UINT64_C(0) << count % 64, kinds);
	reading->count += (uint32_t)_mm_popcnt_u64(begin);
	if (reading->count - tokens->checked >= 64) {
		check_tokens(tokens, text, length, reading->packed);
		tokens->checked += 64;
		reading->packed =
			_mm512_maskz_mov_epi8(~(~UINT64_C(0) << reading->count % 64), kinds);
	}
}

/* Return: how many tokens there are, or -ENOTSUP. */
WIDE static int find_object(struct tokens *tokens, const uint8_t *text, uint32_t length)
{
	struct reading reading = {.packed = _mm512_setzero_si512()};
	const __m512i spaces = _mm512_set1_epi8(' ');
	uint64_t begin;
	__m512i kinds;

	tokens->checked = 0;
	tokens->before_value = 1; /* the whole is one */
	tokens->object = tokens->array = tokens->value_end = tokens->comma = tokens->key = 0;
	tokens->open = tokens->deepest = 1;
	tokens->wrong = 0;
	for (uint32_t at = 0; at < length; at += 64) {
		const uint64_t there =
			length - at < 64 ? ~(~UINT64_C(0) << (length - at)) : ~UINT64_C(0);
		const __m512i here = _mm512_mask_loadu_epi8(spaces, there, text + at);

		if (_mm512_movepi8_mask(here) |
			_mm512_cmpeq_epi8_mask(here, _mm512_set1_epi8('\\')))
			return -ENOTSUP;
		begin = find_tokens(&reading, here, &kinds);
		add_places(tokens->places + reading.count, at, begin);
		add_tokens(&reading, tokens, text, length, begin, kinds);
	}
	if (reading.count > tokens->checked)
		check_tokens(tokens, text, length, reading.packed);
	/* should it end with a colon, its value is there all the same */
	tokens->places[reading.count] = (uint16_t)(length ? length - 1 : 0);
	tokens->wrong |= reading.wrong | tokens->deepest >> (JSON_DEPTH_MAX + 1);
	tokens->cut = reading.inside || !reading.count || tokens->open != 1 ||
		      text[tokens->places[reading.count - 1]] != '}';
	return (int)reading.count;
}

/* The last byte before @place that is no white space. */
static inline uint32_t end_before(const uint8_t *text, uint32_t place)
{
	do
		place--;
	while (!kinds_of[text[place]]);
	return place;
}

/* A member's key, and where its value begins; @colon: that token. */
static inline bool begin_member(struct json_object *object, struct json_keys *keys,
	const struct tokens *tokens, uint32_t colon)
{
	struct json_member *member = &object->members[object->count];
	const uint32_t value = tokens->places[colon + 1];

	if (object->count == JSON_MEMBERS_MAX)
		return false;
	member->key = tokens->places[colon - 1] + 1u;
	member->key_length = end_before(object->text, tokens->places[colon]) - member->key;
	member->key_escaped = member->value_escaped = false;
	member->value = value;
	switch (object->text[value]) {
	case '"':
		member->kind = JSON_STRING;
		member->value++;
		break;
	case '{':
		member->kind = JSON_OBJECT;
		break;
	case '[':
		member->kind = JSON_ARRAY;
		break;
	case 't':
		member->kind = JSON_TRUE;
		break;
	case 'f':
		member->kind = JSON_FALSE;
		break;
	case 'n':
		member->kind = JSON_NULL;
		break;
	default:
		member->kind = JSON_NUMBER;
		break;
	}
	return json_add_key(object, keys, member);
}

/* Where its value ends; @behind: the comma or brace that follows. */
static inline void end_member(
	struct json_object *object, const struct tokens *tokens, uint32_t behind)
{
	struct json_member *member = &object->members[object->count++];
	const uint32_t last = end_before(object->text, tokens->places[behind]);

	member->value_length = last - member->value + (member->kind != JSON_STRING);
}

/* Colons and commas of the first level take turns. */
static bool list_members(struct json_object *object, const struct tokens *tokens, uint32_t count)
{
	struct json_keys keys;
	bool begun = false;

	keys.filter = 0;
	for (uint32_t i = 0; i < count; i += 64) {
		for (uint64_t bits = tokens->first_level[i / 64]; bits; bits &= bits - 1) {
			const uint32_t at = i + (uint32_t)__builtin_ctzll(bits);

			if (begun)
				end_member(object, tokens, at);
			else if (!begin_member(object, &keys, tokens, at))
				return false;
			begun = !begun;
		}
	}
	if (begun)
		end_member(object, tokens, count - 1);
	return true;
}

/*
 * The members of a text that is no object cannot be listed: those of another are, as what a refused
 * text costs must not tell what is wrong with it.
 */
static const uint8_t instead[] = "{\"time\":0,\"sequence\":\"0\",\"statusSerials\":[]}";
static struct tokens instead_tokens;
static uint32_t instead_count;

static void __attribute__((constructor)) prepare_instead(void)
{
	if (json_masks_there())
		instead_count =
			(uint32_t)find_object(&instead_tokens, instead, sizeof(instead) - 1);
}

int json_masks(struct json_object *object, const uint8_t *text, uint32_t length)
{
	struct tokens tokens;
	bool listed;
	int count;

	if (length > JSON_MASKS_MAX)
		return -ENOTSUP;
	count = find_object(&tokens, text, length);
	if (count == -ENOTSUP)
		return count;
	object->text = tokens.wrong ? instead : text;
	object->length = length;
	object->count = 0;
	object->reached = 0;
	/* of a text that is only cut off, too: such a one is scanned in place of all that cannot be
	 * text (mc_silence.c) */
	if (tokens.wrong)
		listed = list_members(object, &instead_tokens, instead_count);
	else
		listed = list_members(object, &tokens, (uint32_t)count);
	if (listed && !tokens.wrong && !tokens.cut)
		return 0;
	object->text = text;
	object->count = 0;
	object->reached = length;
	return -EINVAL;
}

#else

bool json_masks_there(void)
{
	return false;
}

int json_masks(struct json_object *object, const uint8_t *text, uint32_t length)
{
	return -ENOTSUP;
}

#endif
