/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* mc_device.h - the device's side of Mc for tests: frames made and opened with mbedTLS; what the
 * broker's side needs to know of its devices, and what becomes of them in the ring */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "mc/mc.h"

#include <errno.h>
#include <ftw.h>
#include <mbedtls/aes.h>
#include <mbedtls/base64.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Each test uses its part of what follows. */
#pragma GCC diagnostic ignored "-Wunused-function"

/* Devices that every test knows; each PIN is its own. */
#define CANARY_ID "canary-0000000000000000000"
#define DEVICE_A "000000000000000000000042"
#define DEVICE_B "34characters-of-a-public-firmware1"
#define DEVICE_LONG "64characters64characters64characters64characters64characters6464"
/* A PIN is a key and an IV. */
#define IV_OF(pin) (&(pin)[16])
#define PIN_CANARY "canarypincanarypincanarypincanar"
#define PIN_A "k3v9q0a7m2x8c5t1z6w4e2r8y0u1i9o3"
#define PIN_B "bbbbbbbbbbbbbbbbcccccccccccccccc"
#define PIN_LONG "llllllllllllllllmmmmmmmmmmmmmmmm"

static void fail_with(const char *what, const char *error)
{
	print_error("%s: %s\n", what, error);
	fail();
}

static int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	return remove(path);
}

static void provision(struct store *store, const char *id, const char *pin)
{
	struct device_record record = {0};
	size_t failed;

	snprintf(record.id, sizeof(record.id), "%s", id);
	memcpy(record.pin, pin, DEVICE_PIN_BYTES);
	assert_int_equal(store_add(store, &record, 1, &failed), 0);
}

static void provision_all(struct store *store)
{
	provision(store, CANARY_ID, PIN_CANARY);
	provision(store, DEVICE_A, PIN_A);
	provision(store, DEVICE_B, PIN_B);
	provision(store, DEVICE_LONG, PIN_LONG);
}

static void configure_mc(struct config *config)
{
	static char advertise[] = "198.18.0.1:7701";

	config->mc.login_tcp = 7700;
	config->mc.connect_tcp = 7701;
	config->mc.connect_udp = 7701;
	config->mc.advertise_tcp = advertise;
	config->mc.advertise_udp = advertise;
	config->mc.heartbeat = 45;
	config->mc.auth_interval = 600;
	config->mc.time_window = 300;
	config->mc.token_seconds = 86400;
	config->mc.frame_tcp = 65536;
	config->mc.frame_udp = 1472;
	config->mc.command_sends = 3;
	config->mc.command_queue = 16;
}

struct device_side {
	const char *id, *pin;
	char key[SESSION_KEY_BYTES + 1], token[SESSION_TOKEN_CHARS + 1];
	struct peer peer;
	uint16_t sequence; /* of its newest request */
};

struct frame_text {
	uint32_t length;
	char text[MC_FRAME_MAX + 1024];
};

static const uint8_t *bytes_of(const char *text)
{
	return (const uint8_t *)text;
}

/* Encrypt, encode and wrap; @name is a member of the envelope without its comma. */
static void seal(struct frame_text *frame, uint32_t code, const char *name, const char *key,
	const char *iv, const char *plain)
{
	size_t length = strlen(plain), padded = (length / 16 + 1) * 16, written;
	uint8_t *buffer = malloc(padded), *base64 = malloc(padded * 2 + 8), chain[16];
	mbedtls_aes_context aes;

	memcpy(buffer, plain, length);
	memset(buffer + length, (int)(padded - length), padded - length);
	memcpy(chain, iv, 16);
	mbedtls_aes_init(&aes);
	mbedtls_aes_setkey_enc(&aes, bytes_of(key), 128);
	mbedtls_aes_crypt_cbc(&aes, MBEDTLS_AES_ENCRYPT, padded, chain, buffer, buffer);
	mbedtls_aes_free(&aes);
	assert_int_equal(
		mbedtls_base64_encode(base64, padded * 2 + 8, &written, buffer, padded), 0);
	frame->length = snprintf(frame->text, sizeof(frame->text),
		"CTS{\"code\":%u,%s,\"data\":\"%s\"}\r\n", code, name, base64);
	assert_true(frame->length < sizeof(frame->text));
	free(buffer);
	free(base64);
}

/* struct answer - a frame from the broker, decrypted by the device */
struct answer {
	bool there;
	uint32_t code;
	int64_t result;
	struct peer to;
	char text[3072]; /* as it came */
	char plain[3072];
};

static int64_t member_number(const char *plain, const char *name)
{
	char key[64];
	const char *at;

	snprintf(key, sizeof(key), "\"%s\":", name);
	at = strstr(plain, key);
	return at ? strtoll(at + strlen(key), NULL, 10) : -1;
}

static bool member_text(const char *plain, const char *name, char *out, size_t size)
{
	char key[64];
	const char *at, *end;

	snprintf(key, sizeof(key), "\"%s\":\"", name);
	at = strstr(plain, key);
	if (!at)
		return false;
	at += strlen(key);
	end = strchr(at, '"');
	snprintf(out, size, "%.*s", (int)(end - at), at);
	return true;
}

/* A frame from the broker, opened with a key. */
static void open_answer(struct answer *answer, const uint8_t *frame, uint32_t length,
	const char *key, const char *iv)
{
	static const char data[] = "\"data\":\"";
	uint8_t cipher[4096], chain[16];
	mbedtls_aes_context aes;
	const uint8_t *at;
	size_t written;

	memset(answer, 0, sizeof(*answer));
	answer->there = true;
	assert_true(length > 4 && length < sizeof(answer->text));
	memcpy(answer->text, frame, length);
	assert_int_equal(sscanf(answer->text, "CTS{\"code\":%u,\"data\":\"", &answer->code), 1);
	at = memmem(frame, length, data, strlen(data));
	assert_non_null(at);
	at += strlen(data);
	assert_memory_equal(frame + length - 4, "\"}\r\n", 4);
	assert_int_equal(mbedtls_base64_decode(cipher, sizeof(cipher), &written, at,
				 (size_t)(frame + length - 4 - at)),
		0);
	assert_true(written > 0 && written % 16 == 0);
	memcpy(chain, iv, 16);
	mbedtls_aes_init(&aes);
	mbedtls_aes_setkey_dec(&aes, bytes_of(key), 128);
	mbedtls_aes_crypt_cbc(
		&aes, MBEDTLS_AES_DECRYPT, written, chain, cipher, (uint8_t *)answer->plain);
	mbedtls_aes_free(&aes);
	written -= (uint8_t)answer->plain[written - 1];
	assert_true(written < sizeof(answer->plain));
	answer->plain[written] = 0;
	answer->result = member_number(answer->plain, "result");
}

static void login_text(const struct device_side *d, uint32_t now, struct frame_text *frame)
{
	char name[128], plain[256];

	snprintf(name, sizeof(name), "\"deviceId\":\"%s\"", d->id);
	snprintf(plain, sizeof(plain),
		"{\"sequence\":\"%u\",\"deviceId\":\"%s\",\"version\":\"001.000.000.000\","
		"\"time\":%u}",
		d->sequence, d->id, now);
	seal(frame, MC_LOGIN, name, d->pin, IV_OF(d->pin), plain);
}

/* The plaintext of a connect. */
static void connect_text(
	const struct device_side *d, uint16_t sequence, uint32_t time, char *out, size_t size)
{
	snprintf(out, size,
		"{\"sequence\":\"%u\",\"token\":\"%s\",\"devVersion\":\"001.002.003.004\","
		"\"model\":\"HT-AC-01\",\"time\":%u}",
		sequence, d->token, time);
}

/* A frame of the session with the given plaintext. */
static void session_frame(
	const struct device_side *d, struct frame_text *frame, uint32_t code, const char *plain)
{
	char name[64];

	snprintf(name, sizeof(name), "\"token\":\"%s\"", d->token);
	seal(frame, code, name, d->key, d->key, plain);
}

/* The plaintext of a well-formed request. */
static void request_text(const struct device_side *d, uint32_t code, uint16_t sequence,
	uint32_t time, char *out, size_t size)
{
	const char *body = "";

	switch (code) {
	case MC_HEARTBEAT:
		snprintf(out, size, "{\"sequence\":\"%u\",\"token\":\"%s\",\"time\":%u}", sequence,
			d->token, time);
		return;
	case 2006:
		body = "\"statusSerials\":[{\"serialId\":\"1\",\"statusSerial\":[{\"statusName\":"
		       "\"POWER\",\"curStatusValue\":\"1\"}]}],";
		break;
	case 2008:
		body = "\"alarm\":{\"statusName\":\"TEMP\",\"curStatusValue\":40},";
		break;
	case 2010:
		body = "\"error\":[{\"errorCode\":\"1\",\"errorInfo\":\"fan\"}],";
		break;
	case 2012:
		body = "\"subDeviceId\":\"sub-1\",\"pin\":\"SECRETPINSECRETPINSECRETPINSECRE\",";
		break;
	case 2016:
	case 2018:
		body = "\"subDeviceId\":\"sub-1\",";
		break;
	case 2020:
		body = "\"subDeviceId\":\"sub-1\",\"onLine\":\"1\",";
		break;
	case 2022:
		body = "\"device\":{\"version\":\"1\"},";
		break;
	case 2026:
		body = "\"status\":\"0\",\"version\":\"1\",";
		break;
	case 2028:
		body = "\"resourceSerials\":[],";
		break;
	case 2032:
		body = "\"event\":[{\"eventName\":\"LOCK_OPEN\"}],";
		break;
	case 3000:
		body = "\"ttsParam\":{\"content\":\"hello\"},";
		break;
	case 3002:
		body = "\"ctrlParam\":{\"audioData\":\"\"},";
		break;
	}
	snprintf(out, size, "{\"sequence\":\"%u\",\"deviceId\":\"%s\",%s\"time\":%u}", sequence,
		d->id, body, time);
}

struct event {
	bool there;
	unsigned worker;
	struct hearth_record record;
	char device[DEVICE_ID_MAX + 1];
	char payload[4096];
};

/* The next event of the ring, committed; there is false if there is none. */
static struct event read_event(struct hearth_feed *reader)
{
	struct event event = {0};
	struct hearth_item item;
	int rc = hearth_feed_next(reader, &item);

	assert_true(rc == 0 || rc == 1);
	if (!rc)
		return event;
	event.there = true;
	event.worker = item.worker;
	event.record = *item.record;
	memcpy(event.device, item.device, item.record->device_length);
	assert_true(item.record->payload_length < sizeof(event.payload));
	if (item.record->payload_length)
		memcpy(event.payload, item.payload, item.record->payload_length);
	assert_int_equal(item.record->protocol, HEARTH_MC);
	assert_int_equal(hearth_feed_commit(reader), 0);
	return event;
}

#define SIDE_A                                                                                     \
	{                                                                                          \
		.id = DEVICE_A, .pin = PIN_A, .sequence = 12345                                    \
	}
#define SIDE_B                                                                                     \
	{                                                                                          \
		.id = DEVICE_B, .pin = PIN_B, .sequence = 65533                                    \
	}
#define SIDE_LONG                                                                                  \
	{                                                                                          \
		.id = DEVICE_LONG, .pin = PIN_LONG, .sequence = 7                                  \
	}
#define SIDE_CANARY                                                                                \
	{                                                                                          \
		.id = CANARY_ID, .pin = PIN_CANARY, .sequence = 500                                \
	}
