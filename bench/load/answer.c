/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* answer.c - what the platform says: framing, Base64, one burst of AES, compared with what it must
 * be; all else is judged carefully (judge.c) */
#include "engine.h"

#include "digits.h"
#include "vector64.h"

#include <stdlib.h>

#define HEAD "CTS{\"code\":"
#define HEAD_DATA ",\"data\":\""
#define TAIL "\"}\r\n"
#define HEAD_BYTES (sizeof(HEAD HEAD_DATA) - 1 + 4)
#define FRAMING (HEAD_BYTES + sizeof(TAIL) - 1)

/** Longest frame that a device takes, and the longest that is looked at here. */
#define FRAME_MOST 65536
#define FAST_TEXT 512
#define FAST_FRAME (FRAMING + VECTOR64_LENGTH(FAST_TEXT))

/** struct opened - a frame whose data is decoded; @length 0: it is for judge.c */
struct opened {
	uint32_t length;
	uint8_t text[FAST_TEXT + 64];
};

static void arrive(struct load *load, uint32_t device, uint32_t connection, const uint8_t *data,
	uint32_t length)
{
	if (load->arrival_count == ARRIVALS)
		answer_flush(load);
	load->arrivals[load->arrival_count++] = (struct arrival){device, connection, length, data};
	__builtin_prefetch(&load->devices[device]);
}

/* ---- frames of streams ---- */

static struct rest **rest_of(struct load *load, uint32_t device)
{
	struct rest **at = &load->rests;

	while (*at && (*at)->device != device)
		at = &(*at)->next;
	return at;
}

void answer_forget(struct load *load, uint32_t device)
{
	struct rest **at, *rest;

	if (!load->devices[device].partial)
		return;
	at = rest_of(load, device);
	rest = *at;
	load->devices[device].partial = false;
	if (rest) {
		*at = rest->next;
		free(rest);
	}
}

static void keep_rest(struct load *load, uint32_t device, const uint8_t *data, uint32_t length)
{
	struct rest *rest = malloc(sizeof(*rest) + length);

	if (!rest)
		abort();
	rest->device = device;
	rest->length = length;
	memcpy(rest->bytes, data, length);
	rest->next = load->rests;
	load->rests = rest;
	load->devices[device].partial = true;
}

/* Frame by frame, each looked at by itself; what is left over waits for the rest of it. */
static void take_apart(struct load *load, const struct arrival *arrival)
{
	const struct device *d = &load->devices[arrival->device];
	struct arrival one = *arrival;

	while (one.length > 0 && d->connection == arrival->connection) {
		const uint8_t *end = memmem(one.data, one.length, "\r\n", 2);
		uint32_t left = arrival->length - (uint32_t)(one.data - arrival->data);

		if (!end) {
			if (left < FRAME_MOST)
				keep_rest(load, one.device, one.data, left);
			else
				load_wrong(
					load, LOAD_BAD_FRAME, one.device, "no end within 64 KiB");
			return;
		}
		one.length = (uint32_t)(end + 2 - one.data);
		judge_frame(load, &one, NULL, 0);
		one.data += one.length;
		one.length = left - one.length;
	}
}

/* The bytes that continue half a frame. */
static void take_rest(struct load *load, uint32_t device, uint32_t connection, const uint8_t *data,
	uint32_t length)
{
	struct rest *rest = *rest_of(load, device);
	struct arrival whole = {device, connection, rest->length + length, NULL};
	uint8_t *bytes = malloc(whole.length);

	if (!bytes)
		abort();
	memcpy(bytes, rest->bytes, rest->length);
	memcpy(bytes + rest->length, data, length);
	answer_forget(load, device);
	whole.data = bytes;
	take_apart(load, &whole);
	free(bytes);
}

bool answer_bytes(struct load *load, uint32_t device, uint32_t connection, const uint8_t *data,
	uint32_t length)
{
	const struct device *d = &load->devices[device];

	if (d->stalled)
		return false;
	if (d->partial) {
		/* what came before is looked at first */
		answer_flush(load);
		if (d->partial && d->connection == connection) {
			take_rest(load, device, connection, data, length);
			return true;
		}
	}
	if (length >= 2 && data[length - 2] == '\r' && data[length - 1] == '\n') {
		arrive(load, device, connection, data, length);
		return true;
	}
	answer_flush(load);
	if (d->connection == connection)
		take_apart(load, &(struct arrival){device, connection, length, data});
	return true;
}

void answer_datagram(struct load *load, uint32_t device, const uint8_t *data, uint32_t length)
{
	load->in_flight -= load->in_flight > 0;
	arrive(load, device, 0, data, length);
}

/* ---- bursts of whole frames ---- */

static const uint16_t kinds[] = {[REQUEST_HEARTBEAT] = 1001,
	[REQUEST_LOGIN] = 1003,
	[REQUEST_CONNECT] = 1005,
	[REQUEST_BIND] = 2013};

static bool is_code(const struct load *load, const struct slot *s, const uint8_t *digits)
{
	unsigned code = s->kind == REQUEST_REPORT ? load->config.code + 1 : kinds[s->kind];
	char want[8];

	digits_short(want, (uint16_t)code);
	return memcmp(digits, want, 4) == 0;
}

/* Decode @arrival, of the form that all answers have. Return: false: it has another. */
static bool decode(struct load *load, const struct arrival *arrival, struct opened *opened,
	struct secret *secret, struct aes_job *job)
{
	const struct device *d = &load->devices[arrival->device];
	const uint8_t *data = arrival->data;
	uint32_t slot = slot_first(load, d);
	int32_t length;

	opened->length = 0;
	if (slot == NO_SLOT || d->connection != arrival->connection || arrival->length <= FRAMING ||
		arrival->length > FAST_FRAME || memcmp(data, HEAD, sizeof(HEAD) - 1) != 0 ||
		!is_code(load, &load->slots[slot], data + sizeof(HEAD) - 1) ||
		memcmp(data + sizeof(HEAD) - 1 + 4, HEAD_DATA, sizeof(HEAD_DATA) - 1) != 0 ||
		memcmp(data + arrival->length - 4, TAIL, 4) != 0)
		return false;
	length = vector64_decode(
		opened->text, (const char *)data + HEAD_BYTES, arrival->length - (uint32_t)FRAMING);
	if (length <= 0 || length % AES_BLOCK)
		return false;
	opened->length = (uint32_t)length;
	build_key(load, &load->slots[slot], secret);
	*job = (struct aes_job){
		&secret->schedule, secret->iv, opened->text, opened->text, opened->length};
	return true;
}

/* Takes PKCS#7's padding off. Return: false if it is none. */
static bool unpad(struct opened *opened)
{
	unsigned padding = opened->text[opened->length - 1];

	if (padding < 1 || padding > AES_BLOCK)
		return false;
	for (unsigned i = 2; i <= padding; i++)
		if (opened->text[opened->length - i] != padding)
			return false;
	opened->length -= padding;
	return true;
}

static bool is_time(const struct load *load, const char *text)
{
	return text_is_now(&load->clock, text) && text[10] == '}';
}

/* {"result":0,"sequence":"S" and what follows is @next. Return: where @next ends; NULL. */
static const char *behind_sequence(const struct slot *s, const char *text, const char *next)
{
	char want[64], digits[8];
	unsigned length = digits_short(digits, s->sequence);
	int n = snprintf(want, sizeof(want), "{\"result\":0,\"sequence\":\"%.*s\"%s", (int)length,
		digits, next);

	return memcmp(text, want, (size_t)n) == 0 ? text + n : NULL;
}

/* 1003, laid out as the first one was. */
static bool is_grant(struct load *load, uint32_t slot, const struct opened *opened)
{
	const struct learnt *hosts = &load->hosts;
	const char *text = (const char *)opened->text;
	const char *key = behind_sequence(&load->slots[slot], text, ",\"sessionKey\":\"");
	char key_of[16], token_of[16];

	if (!key || hosts->length == 0 ||
		opened->length != (size_t)(key - text) + 32 + hosts->length + 9 + 11 ||
		memcmp(key + 16, hosts->text, hosts->length) != 0 ||
		memcmp(key + 32 + hosts->length, "\",\"time\":", 9) != 0 ||
		!is_time(load, key + 32 + hosts->length + 9))
		return false;
	memcpy(key_of, key, 16);
	memcpy(token_of, key + 16 + hosts->length, 16);
	if (memchr(key_of, '"', 16) || memchr(key_of, '\\', 16) || memchr(token_of, '"', 16) ||
		memchr(token_of, '\\', 16))
		return false;
	life_granted(load, slot, key_of, token_of);
	return true;
}

/* 1005, laid out as the first one was. */
static bool is_welcome(struct load *load, uint32_t slot, const struct opened *opened)
{
	const struct learnt *intervals = &load->intervals;
	const char *text = (const char *)opened->text;
	const char *next = behind_sequence(&load->slots[slot], text, ",");

	if (!next || intervals->length == 0 ||
		opened->length != (size_t)(next - text) + intervals->length + 11 ||
		memcmp(next, intervals->text, intervals->length) != 0 ||
		!is_time(load, next + intervals->length))
		return false;
	life_live(load, slot);
	return true;
}

/* Is it just what the device's oldest request is to be answered by? Then that is done. */
static bool is_expected(struct load *load, const struct arrival *arrival, struct opened *opened)
{
	const struct device *d = &load->devices[arrival->device];
	uint32_t slot = slot_first(load, d);
	const struct slot *s = &load->slots[slot];

	if (slot == NO_SLOT || d->connection != arrival->connection || !unpad(opened))
		return false;
	/* A code of its own for each kind: decode() looked at it, but for the request before. */
	if (!is_code(load, s, arrival->data + sizeof(HEAD) - 1))
		return false;
	switch ((enum request_kind)s->kind) {
	case REQUEST_REPORT:
	case REQUEST_HEARTBEAT:
		if (!text_is_answer(&load->identity,
			    s->kind == REQUEST_REPORT ? s->about : UINT32_MAX, s->sequence,
			    &load->clock, (const char *)opened->text, opened->length))
			return false;
		life_answered(load, slot, 0);
		return true;
	case REQUEST_LOGIN:
		return is_grant(load, slot, opened);
	case REQUEST_BIND:
		return false;
	case REQUEST_CONNECT:
		break;
	}
	return is_welcome(load, slot, opened);
}

static void handle(struct load *load, const struct arrival *arrival, struct opened *opened)
{
	const uint8_t *plain = opened->length ? opened->text : NULL;
	uint32_t length = opened->length;

	if (plain && --load->check_in > 0 && is_expected(load, arrival, opened))
		return;
	if (load->check_in == 0)
		load->check_in = load->config.check_every;
	/* several frames in one piece are taken apart */
	if (!plain && arrival->connection)
		take_apart(load, arrival);
	else
		judge_frame(load, arrival, plain, length);
}

static void flush_burst(struct load *load, const struct arrival *arrivals, unsigned count)
{
	static struct opened opened[BURST];
	static struct secret secrets[BURST];
	struct aes_job jobs[BURST];
	unsigned job_count = 0;

	for (unsigned i = 0; i < count; i++)
		job_count += decode(load, &arrivals[i], &opened[i], &secrets[i], &jobs[job_count]);
	aes_cbc_decrypt(load->aes, jobs, job_count);
	load->stamp = load_now();
	for (unsigned i = 0; i < count; i++)
		handle(load, &arrivals[i], &opened[i]);
}

void answer_flush(struct load *load)
{
	/* What is done here may bring no further frame: only the wire's poll does. */
	for (unsigned at = 0; at < load->arrival_count; at += BURST) {
		unsigned left = load->arrival_count - at;

		flush_burst(load, load->arrivals + at, left < BURST ? left : BURST);
	}
	load->arrival_count = 0;
}
