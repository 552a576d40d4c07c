/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* utf8.c - UTF-8 by table look-ups, 32 bytes at a time (Keiser and Lemire, "Validating UTF-8 in
 * less than one instruction per byte", 2020), and control characters beside it */
#include "codec/utf8.h"

#include <string.h>

#ifdef __AVX2__
#include <immintrin.h>

/*
 * What can be wrong with two bytes that follow each other: each look-up gives the faults that its
 * four bits leave possible, and what all three leave possible is so.
 */
enum {
	TOO_SHORT = 1, /* a lead without the byte that should follow */
	TOO_LONG = 2,  /* a byte that should follow, behind ASCII */
	OVERLONG_3 = 4,
	TOO_LARGE = 8,
	SURROGATE = 16,
	OVERLONG_2 = 32,
	OVERLONG_4 = 64,  /* beyond U+10FFFF from F5 on, too: the same places */
	TWO_FOLLOW = 128, /* no fault two or three places behind a lead that needs it */
	FOLLOW_ANY = TOO_SHORT | TOO_LONG | TWO_FOLLOW,
	FOLLOW_HIGH = FOLLOW_ANY | TOO_LARGE | OVERLONG_4,
};

#define TWICE(...) _mm256_setr_epi8(__VA_ARGS__, __VA_ARGS__)

static inline __m256i high_half(__m256i bytes)
{
	return _mm256_and_si256(_mm256_srli_epi16(bytes, 4), _mm256_set1_epi8(0x0f));
}

/* @text moved up by @n places; what comes in at the bottom is the end of @before. */
#define BEHIND(text, before, n)                                                                    \
	_mm256_alignr_epi8(text, _mm256_permute2x128_si256(before, text, 0x21), 16 - (n))

/* Bytes that are not 0 where something is wrong. */
static inline __m256i faults(__m256i text, __m256i before)
{
	const __m256i first_high = TWICE(TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG,
		TOO_LONG, TOO_LONG, (char)TWO_FOLLOW, (char)TWO_FOLLOW, (char)TWO_FOLLOW,
		(char)TWO_FOLLOW, TOO_SHORT | OVERLONG_2, TOO_SHORT,
		TOO_SHORT | OVERLONG_3 | SURROGATE, TOO_SHORT | TOO_LARGE | OVERLONG_4);
	const __m256i first_low = TWICE((char)(FOLLOW_ANY | OVERLONG_3 | OVERLONG_2 | OVERLONG_4),
		(char)(FOLLOW_ANY | OVERLONG_2), (char)FOLLOW_ANY, (char)FOLLOW_ANY,
		(char)(FOLLOW_ANY | TOO_LARGE), (char)FOLLOW_HIGH, (char)FOLLOW_HIGH,
		(char)FOLLOW_HIGH, (char)FOLLOW_HIGH, (char)FOLLOW_HIGH, (char)FOLLOW_HIGH,
		(char)FOLLOW_HIGH, (char)FOLLOW_HIGH, (char)(FOLLOW_HIGH | SURROGATE),
		(char)FOLLOW_HIGH, (char)FOLLOW_HIGH);
	const int with_8 = TOO_LONG | OVERLONG_2 | TWO_FOLLOW | OVERLONG_3;
	const int with_a = TOO_LONG | OVERLONG_2 | TWO_FOLLOW | SURROGATE | TOO_LARGE;
	const __m256i second_high =
		TWICE(TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT,
			TOO_SHORT, (char)(with_8 | OVERLONG_4), (char)(with_8 | TOO_LARGE),
			(char)with_a, (char)with_a, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT);
	__m256i behind_1 = BEHIND(text, before, 1), behind_2 = BEHIND(text, before, 2);
	__m256i behind_3 = BEHIND(text, before, 3), pairs, third, fourth, follow;

	pairs = _mm256_and_si256(
		_mm256_and_si256(_mm256_shuffle_epi8(first_high, high_half(behind_1)),
			_mm256_shuffle_epi8(
				first_low, _mm256_and_si256(behind_1, _mm256_set1_epi8(0x0f)))),
		_mm256_shuffle_epi8(second_high, high_half(text)));
	third = _mm256_subs_epu8(behind_2, _mm256_set1_epi8(0xe0 - 0x80));
	fourth = _mm256_subs_epu8(behind_3, _mm256_set1_epi8(0xf0 - 0x80));
	follow = _mm256_and_si256(_mm256_or_si256(third, fourth), _mm256_set1_epi8((char)0x80));
	return _mm256_xor_si256(pairs, follow);
}

/* Sequences of more than one byte. */
static bool well_formed(const uint8_t *text, uint32_t whole, __m256i tail)
{
	__m256i before = _mm256_setzero_si256(), wrong = before, here;

	for (uint32_t at = 0; at < whole; at += 32) {
		here = _mm256_loadu_si256((const __m256i *)(text + at));
		wrong = _mm256_or_si256(wrong, faults(here, before));
		before = here;
	}
	wrong = _mm256_or_si256(wrong, faults(tail, before));
	return _mm256_testz_si256(wrong, wrong);
}

/* Always one block more, if only of spaces: what the end cuts off is too short then. */
static inline __m256i last_block(const uint8_t *text, uint32_t length)
{
	const uint32_t whole = length & ~31u;
	uint8_t tail[32];

	memset(tail, ' ', sizeof(tail));
	memcpy(tail, text + whole, length - whole);
	return _mm256_loadu_si256((const __m256i *)tail);
}

static bool is_well_formed(const uint8_t *text, uint32_t length)
{
	return well_formed(text, length & ~31u, last_block(text, length));
}

#ifdef __AVX512BW__

/* Nothing but ASCII without any control character, as most texts are that devices send? */
static bool is_plain(const uint8_t *text, uint32_t length)
{
	const __m512i spaces = _mm512_set1_epi8(' ');
	__m512i least = spaces;

	/* signed: what is not ASCII is less than a space, too */
	for (uint32_t at = 0; at < length; at += 64) {
		const uint64_t there =
			length - at < 64 ? ~(~UINT64_C(0) << (length - at)) : ~UINT64_C(0);

		least = _mm512_min_epi8(least, _mm512_mask_loadu_epi8(spaces, there, text + at));
	}
	return _mm512_cmpeq_epi8_mask(least, spaces) == ~UINT64_C(0);
}

/* Control characters but for white space; @beyond: is there anything that is not ASCII? */
static bool has_controls(const uint8_t *text, uint32_t length, bool *beyond)
{
	const __m512i spaces = _mm512_set1_epi8(' ');
	uint64_t wrong = 0, high = 0;

	for (uint32_t at = 0; at < length; at += 64) {
		const uint64_t there =
			length - at < 64 ? ~(~UINT64_C(0) << (length - at)) : ~UINT64_C(0);
		const __m512i here = _mm512_mask_loadu_epi8(spaces, there, text + at);
		const uint64_t white = _mm512_cmpeq_epi8_mask(here, _mm512_set1_epi8('\t')) |
				       _mm512_cmpeq_epi8_mask(here, _mm512_set1_epi8('\n')) |
				       _mm512_cmpeq_epi8_mask(here, _mm512_set1_epi8('\r'));

		wrong |= _mm512_cmplt_epu8_mask(here, spaces) & ~white;
		high |= _mm512_movepi8_mask(here);
	}
	*beyond = high;
	return wrong;
}

#else

static bool is_plain(const uint8_t *text, uint32_t length)
{
	const __m256i spaces = _mm256_set1_epi8(' ');
	__m256i least = _mm256_min_epi8(spaces, last_block(text, length));

	for (uint32_t at = 0; at < (length & ~31u); at += 32)
		least = _mm256_min_epi8(least, _mm256_loadu_si256((const __m256i *)(text + at)));
	return _mm256_movemask_epi8(_mm256_cmpeq_epi8(least, spaces)) == -1;
}

static inline __m256i controls(__m256i text)
{
	__m256i space = _mm256_or_si256(_mm256_cmpeq_epi8(text, _mm256_set1_epi8('\t')),
		_mm256_or_si256(_mm256_cmpeq_epi8(text, _mm256_set1_epi8('\n')),
			_mm256_cmpeq_epi8(text, _mm256_set1_epi8('\r'))));

	return _mm256_andnot_si256(
		space, _mm256_cmpeq_epi8(_mm256_min_epu8(text, _mm256_set1_epi8(0x1f)), text));
}

static bool has_controls(const uint8_t *text, uint32_t length, bool *beyond)
{
	__m256i here = last_block(text, length), any = here, wrong = controls(here);

	for (uint32_t at = 0; at < (length & ~31u); at += 32) {
		here = _mm256_loadu_si256((const __m256i *)(text + at));
		any = _mm256_or_si256(any, here);
		wrong = _mm256_or_si256(wrong, controls(here));
	}
	*beyond = _mm256_movemask_epi8(any);
	return !_mm256_testz_si256(wrong, wrong);
}

#endif

bool utf8_is_text(const uint8_t *text, uint32_t length, bool even)
{
	const bool plain = is_plain(text, length);
	bool beyond, right;

	if (plain && !even)
		return true;
	right = !has_controls(text, length, &beyond);
	if (even || beyond)
		right &= is_well_formed(text, length);
	return right;
}

void utf8_even(const uint8_t *text, uint32_t length)
{
	bool beyond, right = !has_controls(text, length, &beyond);

	right &= is_well_formed(text, length);
	__asm__ volatile("" : : "r"(right)); /* work that nobody needs */
}

#else

/*
 * An automaton, its state a shift: each byte's row holds, 6 bits a state, which one follows. Every
 * byte of the text takes the same steps, whatever is wrong and where.
 */
enum {
	DONE = 0,      /* between characters */
	WRONG = 6,     /* for good */
	ONE_MORE = 12, /* bytes from 80 to BF that have to follow */
	TWO_MORE = 18,
	THREE_MORE = 24,
	AFTER_E0 = 30, /* the next is A0..BF, against what could be shorter; then one more */
	AFTER_ED = 36, /* 80..9F, against surrogates; then one more */
	AFTER_F0 = 42, /* 90..BF, against what could be shorter; then two more */
	AFTER_F4 = 48, /* 80..8F, against what is beyond U+10FFFF; then two more */
};

/* A row leads to WRONG from everywhere, but for what is put in its place. */
#define WRONG_FROM(state) ((uint64_t)WRONG << (state))
#define NOWHERE                                                                                    \
	(WRONG_FROM(DONE) | WRONG_FROM(WRONG) | WRONG_FROM(ONE_MORE) | WRONG_FROM(TWO_MORE) |      \
		WRONG_FROM(THREE_MORE) | WRONG_FROM(AFTER_E0) | WRONG_FROM(AFTER_ED) |             \
		WRONG_FROM(AFTER_F0) | WRONG_FROM(AFTER_F4))
#define FROM(state, next) ((uint64_t)((next) ^ WRONG) << (state))
#define BEGINS(begun) (NOWHERE ^ FROM(DONE, begun))
#define FOLLOWS                                                                                    \
	(NOWHERE ^ FROM(ONE_MORE, DONE) ^ FROM(TWO_MORE, ONE_MORE) ^ FROM(THREE_MORE, TWO_MORE))

static const uint64_t rows[256] = {
	[0 ... '\t' - 1] = NOWHERE,
	['\t' ... '\n'] = BEGINS(DONE),
	['\n' + 1 ... '\r' - 1] = NOWHERE,
	['\r'] = BEGINS(DONE),
	['\r' + 1 ... ' ' - 1] = NOWHERE,
	[' ' ... 0x7f] = BEGINS(DONE),
	[0x80 ... 0x8f] = FOLLOWS ^ FROM(AFTER_ED, ONE_MORE) ^ FROM(AFTER_F4, TWO_MORE),
	[0x90 ... 0x9f] = FOLLOWS ^ FROM(AFTER_ED, ONE_MORE) ^ FROM(AFTER_F0, TWO_MORE),
	[0xa0 ... 0xbf] = FOLLOWS ^ FROM(AFTER_E0, ONE_MORE) ^ FROM(AFTER_F0, TWO_MORE),
	[0xc0 ... 0xc1] = NOWHERE,
	[0xc2 ... 0xdf] = BEGINS(ONE_MORE),
	[0xe0] = BEGINS(AFTER_E0),
	[0xe1 ... 0xec] = BEGINS(TWO_MORE),
	[0xed] = BEGINS(AFTER_ED),
	[0xee ... 0xef] = BEGINS(TWO_MORE),
	[0xf0] = BEGINS(AFTER_F0),
	[0xf1 ... 0xf3] = BEGINS(THREE_MORE),
	[0xf4] = BEGINS(AFTER_F4),
	[0xf5 ... 0xff] = NOWHERE,
};

static uint64_t follow(uint64_t state, const uint8_t *text, uint32_t length)
{
	for (uint32_t at = 0; at < length; at++)
		state = rows[text[at]] >> (state & 63);
	return state;
}

bool utf8_is_text(const uint8_t *text, uint32_t length, bool even)
{
	const uint32_t whole = length & ~31u;
	uint8_t tail[32];

	/* filled up with spaces: how long the padding was, if it was any, does not show either */
	memset(tail, ' ', sizeof(tail));
	memcpy(tail, text + whole, length - whole);
	(void)even;
	return (follow(follow(DONE, text, whole), tail, sizeof(tail)) & 63) == DONE;
}

void utf8_even(const uint8_t *text, uint32_t length)
{
	(void)text;
	(void)length;
}

#endif
