/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* judge.c - a frame from the platform read by jansson and mbedTLS, and what the text requires of it
 * (Q/CT X-2017 sections 5.2 to 5.4) */
#include "engine.h"

#include <mbedtls/aes.h>
#include <mbedtls/base64.h>

#define FRAME_MOST 65536

/* The platform's clock may be this far from ours. */
#define TIME_TOLERANCE 300

/** struct reading - a frame as far as it has been read */
struct reading {
	const struct arrival *arrival;
	unsigned code;
	const json_t *data; /* of @envelope */
	json_t *envelope, *body;
	unsigned char plain[FRAME_MOST];
	size_t length;
};

static void wrong(struct load *load, const struct reading *reading, enum load_wrong kind)
{
	load_wrong(load, kind, reading->arrival->device, "");
}

static bool read_envelope(struct load *load, struct reading *reading)
{
	const char *frame = (const char *)reading->arrival->data;
	size_t length = reading->arrival->length;
	const json_t *code;
	json_error_t error;

	if (length < 7 || memcmp(frame, "CTS{", 4) || memcmp(frame + length - 3, "}\r\n", 3) ||
		memchr(frame, '\r', length - 2) || memchr(frame, '\n', length - 2)) {
		wrong(load, reading, LOAD_BAD_FRAME);
		return false;
	}
	reading->envelope = json_loadb(frame + 3, length - 5, JSON_REJECT_DUPLICATES, &error);
	code = json_object_get(reading->envelope, "code");
	reading->data = json_object_get(reading->envelope, "data");
	if (json_object_size(reading->envelope) != 2 || !json_is_integer(code) ||
		!json_is_string(reading->data)) {
		wrong(load, reading, LOAD_BAD_FRAME);
		return false;
	}
	reading->code = (unsigned)json_integer_value(code);
	return true;
}

/* Base64, only in its canonical form: encoded again it must be the same. */
static bool read_base64(struct load *load, struct reading *reading, unsigned char *secret)
{
	static unsigned char again[FRAME_MOST * 4 / 3 + 8];
	const unsigned char *text = (const unsigned char *)json_string_value(reading->data);
	size_t characters = json_string_length(reading->data), back;

	if (characters > 0 &&
		mbedtls_base64_decode(secret, FRAME_MOST, &reading->length, text, characters) ==
			0 &&
		reading->length > 0 && reading->length % AES_BLOCK == 0 &&
		mbedtls_base64_encode(again, sizeof(again), &back, secret, reading->length) == 0 &&
		back == characters && memcmp(again, text, characters) == 0)
		return true;
	wrong(load, reading, LOAD_BAD_BASE64);
	return false;
}

static bool read_secret(struct load *load, struct reading *reading)
{
	static unsigned char secret[FRAME_MOST];
	const struct device *d = &load->devices[reading->arrival->device];
	unsigned char key[IDENTITY_PIN];
	mbedtls_aes_context aes;
	unsigned padding;
	int error;

	if (!read_base64(load, reading, secret))
		return false;
	if (d->state == DEVICE_LOGIN) {
		identity_pin(&load->identity, reading->arrival->device, (char *)key);
	} else {
		memcpy(key, d->key, 16);
		memcpy(key + 16, d->key, 16);
	}
	mbedtls_aes_init(&aes);
	error = mbedtls_aes_setkey_dec(&aes, key, 128);
	if (!error)
		error = mbedtls_aes_crypt_cbc(&aes, MBEDTLS_AES_DECRYPT, reading->length, key + 16,
			secret, reading->plain);
	mbedtls_aes_free(&aes);
	padding = reading->plain[reading->length - 1];
	if (!error && padding >= 1 && padding <= AES_BLOCK) {
		for (unsigned i = 1; i <= padding; i++)
			error |= reading->plain[reading->length - i] != padding;
		reading->length -= padding;
		if (!error)
			return true;
	}
	wrong(load, reading, LOAD_BAD_SECRET);
	return false;
}

static bool read_body(struct load *load, struct reading *reading)
{
	json_error_t error;

	reading->body = json_loadb(
		(const char *)reading->plain, reading->length, JSON_REJECT_DUPLICATES, &error);
	if (json_is_object(reading->body))
		return true;
	wrong(load, reading, LOAD_BAD_JSON);
	return false;
}

/* Of a request that was sent more than once each sending may be answered; one that was given up may
 * be, later. But it is one that this session has asked. */
static bool is_spare(struct device *d, uint16_t sequence)
{
	if (d->spare == 0 || (uint16_t)(sequence - d->base) > d->count)
		return false;
	d->spare--;
	return true;
}

/* The request that it answers. */
static uint32_t read_sequence(struct load *load, const struct reading *reading)
{
	const char *text = json_string_value(json_object_get(reading->body, "sequence"));
	struct device *d = &load->devices[reading->arrival->device];
	char *end = NULL;
	unsigned long value = text && *text ? strtoul(text, &end, 10) : 0;
	uint32_t slot = NO_SLOT;

	if (end && *end == '\0' && *text >= '0' && *text <= '9' && value <= UINT16_MAX)
		slot = slot_find(load, d, (uint16_t)value);
	if (slot == NO_SLOT && !(end && *end == '\0' && is_spare(d, (uint16_t)value)))
		wrong(load, reading, LOAD_BAD_SEQUENCE);
	return slot;
}

static bool is_text(const struct reading *reading, const char *name, const char *value, size_t n)
{
	const json_t *text = json_object_get(reading->body, name);

	return json_is_string(text) && json_string_length(text) == n &&
	       (!value || memcmp(json_string_value(text), value, n) == 0);
}

static bool is_between(
	const struct reading *reading, const char *name, json_int_t least, json_int_t most)
{
	const json_t *number = json_object_get(reading->body, name);

	return json_is_integer(number) && json_integer_value(number) >= least &&
	       json_integer_value(number) <= most;
}

/* Keep what lies between two places of an answer, for the comparison of all that follow. */
static void learn(struct learnt *learnt, const struct reading *reading, size_t from, size_t to)
{
	if (learnt->length || to <= from || to > reading->length ||
		to - from > sizeof(learnt->text))
		return;
	learnt->length = (unsigned)(to - from);
	memcpy(learnt->text, reading->plain + from, to - from);
}

/* Where @piece ends; 0: it is not there. */
static size_t behind(const struct reading *reading, const char *piece)
{
	const unsigned char *at = memmem(reading->plain, reading->length, piece, strlen(piece));

	return at ? (size_t)(at - reading->plain) + strlen(piece) : 0;
}

static bool take_login(struct load *load, const struct reading *reading, uint32_t slot)
{
	const char *key = json_string_value(json_object_get(reading->body, "sessionKey"));
	const char *token = json_string_value(json_object_get(reading->body, "token"));
	size_t from = behind(reading, "\"sessionKey\":\""), to = behind(reading, "\"token\":\"");

	if (!is_text(reading, "sessionKey", NULL, 16) || !is_text(reading, "token", NULL, 16) ||
		!json_is_string(json_object_get(reading->body, "tcpHost")) ||
		!json_is_string(json_object_get(reading->body, "udpHost")))
		return false;
	if (from)
		learn(&load->hosts, reading, from + 16, to);
	life_granted(load, slot, key, token);
	return true;
}

static bool take_connect(struct load *load, const struct reading *reading, uint32_t slot)
{
	size_t from = behind(reading, "\"sequence\":\""), to = behind(reading, "\"time\":");
	const unsigned char *quote =
		from ? memchr(reading->plain + from, '"', reading->length - from) : NULL;

	if (!is_between(reading, "heartBeat", 10, 3600) ||
		!is_between(reading, "authInterval", 0, 7 * 86400))
		return false;
	if (quote && quote[1] == ',')
		learn(&load->intervals, reading, (size_t)(quote + 2 - reading->plain), to);
	life_live(load, slot);
	return true;
}

/* Result 0 says that the question was right; authResult, whether the sub-device is (5.4.3). */
static bool take_bind(struct load *load, const struct reading *reading, uint32_t slot)
{
	char id[IDENTITY_ID];

	identity_id(&load->identity, load->slots[slot].about, id);
	if (!is_text(reading, "subDeviceId", id, sizeof(id)) ||
		!is_text(reading, "authResult", NULL, 1))
		return false;
	gateway_answered(load, is_text(reading, "authResult", "0", 1));
	slot_put(load, slot);
	return true;
}

static void act(struct load *load, const struct reading *reading, uint32_t slot)
{
	static const uint16_t codes[] = {[REQUEST_HEARTBEAT] = 1001,
		[REQUEST_LOGIN] = 1003,
		[REQUEST_CONNECT] = 1005,
		[REQUEST_BIND] = 2013};
	const struct slot *s = &load->slots[slot];
	const json_t *result = json_object_get(reading->body, "result");
	json_int_t now = load->clock.now;
	char id[IDENTITY_ID];
	bool good = true;

	if (reading->code != (s->kind == REQUEST_REPORT ? load->config.code + 1 : codes[s->kind])) {
		wrong(load, reading, LOAD_BAD_CODE);
		return;
	}
	if (!is_between(reading, "time", now - TIME_TOLERANCE, now + TIME_TOLERANCE))
		wrong(load, reading, LOAD_BAD_TIME);
	identity_id(&load->identity, s->kind == REQUEST_REPORT ? s->about : s->device, id);
	if (!json_is_integer(result))
		good = false;
	else if (json_integer_value(result) != 0)
		life_answered(load, slot, (uint32_t)json_integer_value(result));
	else if (s->kind == REQUEST_LOGIN)
		good = take_login(load, reading, slot);
	else if (s->kind == REQUEST_CONNECT)
		good = take_connect(load, reading, slot);
	else if (s->kind == REQUEST_BIND)
		good = take_bind(load, reading, slot);
	else if (s->kind == REQUEST_REPORT && !is_text(reading, "deviceId", id, sizeof(id)))
		wrong(load, reading, LOAD_BAD_DEVICE);
	else
		life_answered(load, slot, 0);
	if (!good)
		wrong(load, reading, LOAD_BAD_MEMBER);
}

void judge_frame(
	struct load *load, const struct arrival *arrival, const uint8_t *plain, uint32_t length)
{
	static struct reading reading;
	uint32_t slot;

	/* of a connection that was given up */
	if (load->devices[arrival->device].connection != arrival->connection)
		return;
	load->figures.checked++;
	reading.arrival = arrival;
	reading.envelope = reading.body = NULL;
	if (!read_envelope(load, &reading) || !read_secret(load, &reading))
		goto out;
	if (plain && (length < reading.length || memcmp(plain, reading.plain, reading.length) != 0))
		wrong(load, &reading, LOAD_BAD_CRYPTO);
	if (!read_body(load, &reading))
		goto out;
	slot = read_sequence(load, &reading);
	if (slot != NO_SLOT)
		act(load, &reading, slot);
out:
	json_decref(reading.envelope);
	json_decref(reading.body);
}
