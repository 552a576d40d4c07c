/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* utf8.h - is this text at all? Answered in the same number of steps whatever it holds */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/**
 * utf8_is_text() - well-formed UTF-8 (RFC 3629) without control characters, TAB, LF and CR excepted
 * @even: do as much for ASCII as for what is not
 *
 * JSON holds nothing else. Random bytes hardly ever pass: 16 of them once in 200,000 times. The
 * work depends on @length alone, but for ASCII, which takes less with AVX2, above all if it holds no
 * control character; nothing outside of the text is read.
 */
bool utf8_is_text(const uint8_t *text, uint32_t length, bool even);

/** utf8_even() - the work that utf8_is_text() without @even did not do if the text was ASCII. */
void utf8_even(const uint8_t *text, uint32_t length);
