/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* text.c - requests and expected answers put together from fixed pieces */
#include "text.h"

#include "digits.h"

#include <stdio.h>

void text_clock_set(struct text_clock *clock, uint32_t unix_seconds)
{
	char text[16];

	clock->now = unix_seconds;
	digits16(text, unix_seconds);
	memcpy(clock->digits, text + 6, 10);
	digits16(text, unix_seconds - 1);
	memcpy(clock->before, text + 6, 10);
	digits16(text, unix_seconds + 1);
	memcpy(clock->after, text + 6, 10);
}

/* Fixed pieces copied with their length known; @at moves on. */
#define PUT(at, piece) (memcpy(at, piece, sizeof(piece) - 1), (at) += sizeof(piece) - 1)

#define TAIL_N "\"n\":\""
#define TAIL_TIME "\",\"time\":"
#define TAIL_SEQUENCE ",\"sequence\":\""
#define TAIL_END "\"}"
#define TAIL_BYTES (sizeof(TAIL_N TAIL_TIME TAIL_SEQUENCE TAIL_END) - 1 + TEXT_DIGITS + 10)

#define REPORT_HEAD "{\"deviceId\":\""
#define REPORT_BODY                                                                                \
	"\",\"statusSerials\":[{\"serialId\":\"1\",\"statusSerial\":[{\"statusName\":\"FILL\","    \
	"\"curStatusValue\":\""
#define REPORT_BODY_END "\"}]}],"
/* Where there is no room for that: an empty list, with blanks in it. */
#define REPORT_SHORT "\",\"statusSerials\":["
#define REPORT_SHORT_END "],"
_Static_assert(sizeof(REPORT_HEAD REPORT_SHORT REPORT_SHORT_END) - 1 + IDENTITY_ID + TAIL_BYTES ==
		       TEXT_REPORT_MIN,
	"the shortest report");
#define REPORT_LEAST (sizeof(REPORT_HEAD REPORT_BODY REPORT_BODY_END) + IDENTITY_ID + TAIL_BYTES)

void text_report_make(struct text_report *report, const struct identity *identity, unsigned bytes)
{
	static const char filling[] = "21.5 22.0 21.8 cool auto low 55% ";
	char *at = report->text;

	report->bytes = (uint16_t)bytes;
	report->tail_at = (uint16_t)(bytes - TAIL_BYTES);
	PUT(at, REPORT_HEAD);
	report->id_at = (uint16_t)(at - report->text);
	identity_id(identity, 0, at);
	at += IDENTITY_ID;
	if (bytes < REPORT_LEAST) {
		PUT(at, REPORT_SHORT);
		while (at < report->text + report->tail_at - (sizeof(REPORT_SHORT_END) - 1))
			*at++ = ' ';
		PUT(at, REPORT_SHORT_END);
	} else {
		PUT(at, REPORT_BODY);
		for (unsigned i = 0;
			at < report->text + report->tail_at - (sizeof(REPORT_BODY_END) - 1); i++)
			*at++ = filling[i % (sizeof(filling) - 1)];
		PUT(at, REPORT_BODY_END);
	}
	PUT(at, TAIL_N);
}

unsigned text_report(const struct text_report *report, uint32_t index, uint32_t n,
	const char digits[10], uint16_t sequence, char *out)
{
	char number[24], short_number[8];
	unsigned length = digits_short(short_number, sequence);
	uint64_t id = digits8(index);
	char *at = out + report->tail_at + sizeof(TAIL_N) - 1;

	memcpy(out, report->text, report->tail_at + sizeof(TAIL_N) - 1);
	memcpy(out + report->id_at + IDENTITY_ID - 8, &id, 8);
	digits16(number, n);
	/* its last TEXT_DIGITS - length digits */
	memcpy(at, number + 1 + length, 16);
	at += TEXT_DIGITS - length;
	PUT(at, TAIL_TIME);
	memcpy(at, digits, 10);
	at += 10;
	PUT(at, TAIL_SEQUENCE);
	memcpy(at, short_number, 8);
	at += length;
	PUT(at, TAIL_END);
	return report->bytes;
}

uint32_t text_report_number(const struct text_report *report, const char *text, uint16_t sequence)
{
	char ignored[8];
	unsigned digits = TEXT_DIGITS - digits_short(ignored, sequence);
	uint64_t number;

	if (!digits_read(text + report->tail_at + sizeof(TAIL_N) - 1, digits, &number) ||
		number > UINT32_MAX)
		return 0;
	return (uint32_t)number;
}

static char *put_sequence(char *at, uint16_t sequence)
{
	char digits[8];
	unsigned length = digits_short(digits, sequence);

	memcpy(at, digits, length);
	return at + length;
}

static unsigned finish(char *out, char *at, const char digits[10])
{
	PUT(at, "\",\"time\":");
	memcpy(at, digits, 10);
	at[10] = '}';
	return (unsigned)(at + 11 - out);
}

static char *put_device(
	char *at, const struct identity *identity, uint32_t index, uint16_t sequence)
{
	PUT(at, "{\"sequence\":\"");
	at = put_sequence(at, sequence);
	PUT(at, "\",\"deviceId\":\"");
	identity_id(identity, index, at);
	return at + IDENTITY_ID;
}

unsigned text_login(const struct identity *identity, uint32_t index, const char digits[10],
	uint16_t sequence, char *out)
{
	char *at = put_device(out, identity, index, sequence);

	PUT(at, "\",\"version\":\"001.000.000.000");
	return finish(out, at, digits);
}

static char *put_token(char *at, const char token[16], uint16_t sequence)
{
	PUT(at, "{\"sequence\":\"");
	at = put_sequence(at, sequence);
	PUT(at, "\",\"token\":\"");
	memcpy(at, token, 16);
	return at + 16;
}

unsigned text_connect(const char token[16], const char digits[10], uint16_t sequence, char *out)
{
	char *at = put_token(out, token, sequence);

	PUT(at, "\",\"devVersion\":\"001.002.003.004\",\"model\":\"HT-AC-01");
	return finish(out, at, digits);
}

unsigned text_bind(const struct identity *identity, uint32_t index, uint32_t about,
	const char digits[10], uint16_t sequence, char *out)
{
	char *at = put_device(out, identity, index, sequence);

	PUT(at, "\",\"subDeviceId\":\"");
	identity_id(identity, about, at);
	at += IDENTITY_ID;
	PUT(at, "\",\"pin\":\"");
	identity_pin(identity, about, at);
	return finish(out, at + IDENTITY_PIN, digits);
}

unsigned text_heartbeat(const char token[16], const char digits[10], uint16_t sequence, char *out)
{
	return finish(out, put_token(out, token, sequence), digits);
}

#define ANSWER_HEAD "{\"result\":0,\"sequence\":\""
#define ANSWER_ID "\",\"deviceId\":\""
#define ANSWER_END "\",\"time\":"

unsigned text_answer_bytes(bool report, unsigned digits)
{
	return sizeof(ANSWER_HEAD ANSWER_END) - 1 + digits + 11 +
	       (report ? sizeof(ANSWER_ID) - 1 + IDENTITY_ID : 0);
}

bool text_is_now(const struct text_clock *clock, const char digits[10])
{
	return memcmp(digits, clock->digits, 10) == 0 || memcmp(digits, clock->before, 10) == 0 ||
	       memcmp(digits, clock->after, 10) == 0;
}

bool text_is_answer(const struct identity *identity, uint32_t index, uint16_t sequence,
	const struct text_clock *clock, const char *text, unsigned length)
{
	char want[128], *at = want, short_number[8];
	unsigned digits = digits_short(short_number, sequence);
	bool report = index != UINT32_MAX;
	uint64_t id;

	if (length != text_answer_bytes(report, digits))
		return false;
	PUT(at, ANSWER_HEAD);
	memcpy(at, short_number, 8);
	at += digits;
	if (report) {
		PUT(at, ANSWER_ID);
		memcpy(at, identity->head, 16);
		id = digits8(index);
		memcpy(at + 16, &id, 8);
		at += IDENTITY_ID;
	}
	PUT(at, ANSWER_END);
	return memcmp(text, want, (size_t)(at - want)) == 0 && text[length - 1] == '}' &&
	       text_is_now(clock, text + length - 11);
}
