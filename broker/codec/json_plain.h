/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* json_plain.h - text that stands in a JSON string as it is */
#pragma once

#include "codec/json_text.h"

/**
 * json_plain() - is there nothing in the text but ASCII that a string holds as it is?
 *
 * With AVX-512 the work depends on @length alone. Nothing outside of the text is read.
 */
#ifdef __AVX512BW__
static inline bool json_plain(const uint8_t *text, uint32_t length)
{
	uint64_t special = 0;

	for (uint32_t at = 0; at < length; at += 64) {
		const uint64_t there =
			length - at < 64 ? ~(~UINT64_C(0) << (length - at)) : ~UINT64_C(0);
		const __m512i here = _mm512_maskz_loadu_epi8(there, text + at);

		/* signed: both control characters and bytes from 0x80 up are below a space */
		special |= _mm512_mask_cmplt_epi8_mask(there, here, _mm512_set1_epi8(' ')) |
			   _mm512_cmpeq_epi8_mask(here, _mm512_set1_epi8('"')) |
			   _mm512_cmpeq_epi8_mask(here, _mm512_set1_epi8('\\'));
	}
	return !special;
}

#else

static inline bool json_plain(const uint8_t *text, uint32_t length)
{
	return json_skip_plain(text, text, text + length) == text + length;
}

#endif
