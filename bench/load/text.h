/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* text.h - what the instrument's devices say and expect to hear, byte for byte (Q/CT X-2017 5.4) */
#pragma once

#include "identity.h"

#include <stdbool.h>
#include <stddef.h>

/** Longest report. */
#define TEXT_REPORT_MAX 8192
/** Shortest: its members leave no room for less. */
#define TEXT_REPORT_MIN 112
/** Anything else that a device says, or hears from a platform whose hosts are short. */
#define TEXT_MAX 448
/** Digits of "n" and of the sequence in a report, together: it is always of the same length. */
#define TEXT_DIGITS 15

/** struct text_clock - the second that texts carry: set by text_clock_set() */
struct text_clock {
	uint32_t now;
	char digits[10], before[10], after[10]; /* of this second and the ones beside it */
};

/** text_clock_set() - it is @unix_seconds now. */
void text_clock_set(struct text_clock *clock, uint32_t unix_seconds);

/** struct text_report - a report of one size, all but what changes; what does comes last */
struct text_report {
	uint16_t bytes, id_at, tail_at;
	char text[TEXT_REPORT_MAX];
};

/** text_report_make() - a template for reports of @bytes, TEXT_REPORT_MIN..TEXT_REPORT_MAX. */
void text_report_make(struct text_report *report, const struct identity *identity, unsigned bytes);

/** text_report() - report number @n of device @index. Writes up to 16 bytes behind its end.
 * @digits: of its time. Return: its length. */
unsigned text_report(const struct text_report *report, uint32_t index, uint32_t n,
	const char digits[10], uint16_t sequence, char *out);

/** text_report_number() - "n" of a report that lies at @text. Return: 0: there is none. */
uint32_t text_report_number(const struct text_report *report, const char *text, uint16_t sequence);

/* The other requests; up to TEXT_MAX bytes. Return: length. */
unsigned text_login(const struct identity *identity, uint32_t index, const char digits[10],
	uint16_t sequence, char *out);
unsigned text_connect(const char token[16], const char digits[10], uint16_t sequence, char *out);
/* @about: a sub-device of @index */
unsigned text_bind(const struct identity *identity, uint32_t index, uint32_t about,
	const char digits[10], uint16_t sequence, char *out);
unsigned text_heartbeat(const char token[16], const char digits[10], uint16_t sequence, char *out);

/** text_is_now() - are these ten digits of a second that may be the platform's now? */
bool text_is_now(const struct text_clock *clock, const char digits[10]);

/**
 * text_is_answer() - is @text, of @length bytes, just what answers a report (or, with @index
 * UINT32_MAX, a heartbeat) with number @sequence and result 0 now, within a second?
 */
bool text_is_answer(const struct identity *identity, uint32_t index, uint16_t sequence,
	const struct text_clock *clock, const char *text, unsigned length);

/** text_answer_bytes() - how long that is, for a number of so many digits. */
unsigned text_answer_bytes(bool report, unsigned digits);
