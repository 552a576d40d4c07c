/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* text_frame.c - the search for CR LF (Q/CT X-2017 section 5.2) */
#include "codec/text_frame.h"

#ifdef __AVX2__
#include <immintrin.h>
#else
#include <string.h>
#endif

#ifdef __AVX2__

/*
 * Both bytes of the pair are looked for at once, 32 places at a time: unlike a memchr() for either,
 * a text full of lone CRs or LFs costs no more than any other.
 */
static uint32_t find_wide(const uint8_t *data, uint32_t length, uint32_t *at)
{
	const __m256i cr = _mm256_set1_epi8('\r'), lf = _mm256_set1_epi8('\n');

	/* 33 bytes are read: 32 places and what follows the last */
	for (; length - *at >= 33; *at += 32) {
		__m256i here = _mm256_loadu_si256((const __m256i *)(data + *at));
		__m256i after = _mm256_loadu_si256((const __m256i *)(data + *at + 1));
		uint32_t found = (uint32_t)_mm256_movemask_epi8(_mm256_and_si256(
			_mm256_cmpeq_epi8(here, cr), _mm256_cmpeq_epi8(after, lf)));

		if (found)
			return *at + (uint32_t)__builtin_ctz(found) + 2;
	}
	return 0;
}

#else

static uint32_t find_wide(const uint8_t *data, uint32_t length, uint32_t *at)
{
	while (length - *at >= 33) {
		const uint8_t *lf = memchr(data + *at + 1, '\n', length - *at - 1);

		if (!lf) {
			*at = length;
			break;
		}
		if (lf[-1] == '\r')
			return (uint32_t)(lf - data) + 1;
		*at = (uint32_t)(lf - data);
	}
	return 0;
}

#endif

uint32_t text_frame_end(const uint8_t *data, uint32_t length, uint32_t from)
{
	uint32_t at = from, end;

	if (from > length)
		return 0;
	if (at > 0 && data[at - 1] == '\r')
		at--;
	end = find_wide(data, length, &at);
	if (end)
		return end;
	for (; at + 1 < length; at++) {
		if (data[at] == '\r' && data[at + 1] == '\n')
			return at + 2;
	}
	return 0;
}
