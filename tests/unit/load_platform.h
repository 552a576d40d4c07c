/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* load_platform.h - a platform within the test, made of mbedTLS and jansson, as the engine's wire;
 * it can be told to do wrong */
#pragma once

#include "feed_fixture.h"

#include "identity.h"
#include "load.h"
#include "wire.h"

#include <jansson.h>
#include <mbedtls/aes.h>
#include <mbedtls/base64.h>
#include <time.h>

#define PLATFORM_DEVICES 50
#define PLATFORM_FRAMES 4096
#define PLATFORM_FRAME 16384
#define PLATFORM_SEED 11

/** struct platform_frame - on its way to a device */
struct platform_frame {
	uint32_t device, connection, length;
	char bytes[1024];
};

/**
 * struct platform
 * @wire: what the engine is given
 * @keys, @base, @count: of each device's session
 * @loses: of the reports over UDP every so manieth is lost; 0: none
 * @lose: says of each datagram whether it is lost; NULL: none is
 * @mute_until: what goes to devices over UDP waits until then
 * @strict: a gap in a device's numbers ends its session, as it must (5.2.4); @ended: these
 * @damage: called for each report's answer (plain text) before it is encrypted, @spoil for its
 *	frame; @event: for its event: how often it is written
 */
struct platform {
	struct load_wire wire;
	struct identity identity;
	bool tcp;
	char keys[PLATFORM_DEVICES][17];
	uint16_t base[PLATFORM_DEVICES];
	uint32_t count[PLATFORM_DEVICES];
	uint32_t connections;
	bool is_login[65536];
	uint32_t owner[65536];
	uint32_t opened[PLATFORM_FRAMES];
	unsigned opened_count;
	struct platform_frame frames[PLATFORM_FRAMES];
	unsigned frame_count;
	uint8_t room[64][PLATFORM_FRAME];
	uint32_t room_of[64];
	unsigned room_count;
	struct feed *feed;
	unsigned reports, bad, repeats;
	unsigned loses, came;
	bool (*lose)(struct platform *platform, uint32_t device);
	uint64_t mute_until;
	bool strict, ended[PLATFORM_DEVICES];
	void (*damage)(struct platform *platform, char *answer);
	void (*spoil)(struct platform *platform, struct platform_frame *frame);
	unsigned (*event)(struct platform *platform, struct hearth_record *record, char *payload);
};

static struct platform platform;

/* The engine's clock is the test's: it goes on by 2 us whenever it is looked at. */
static uint64_t platform_time = 1000000000;

uint64_t __wrap_load_now(void);

uint64_t __wrap_load_now(void)
{
	return platform_time += 2000;
}

static inline unsigned platform_crypt(int mode, const char *key, const char *iv, const void *in,
	unsigned length, unsigned char *out)
{
	unsigned char vector[16];
	mbedtls_aes_context aes;

	memcpy(vector, iv, 16);
	mbedtls_aes_init(&aes);
	if (mode == MBEDTLS_AES_ENCRYPT)
		mbedtls_aes_setkey_enc(&aes, (const unsigned char *)key, 128);
	else
		mbedtls_aes_setkey_dec(&aes, (const unsigned char *)key, 128);
	mbedtls_aes_crypt_cbc(&aes, mode, length, vector, in, out);
	mbedtls_aes_free(&aes);
	return length;
}

static inline void platform_send(struct platform *p, uint32_t device, uint32_t connection,
	unsigned code, const char *key, const char *iv, const char *text)
{
	struct platform_frame *frame = &p->frames[p->frame_count++];
	unsigned char plain[512], secret[512], data[1024] = "";
	unsigned length = (unsigned)strlen(text), padding = 16 - length % 16;
	size_t characters;

	assert_true(p->frame_count < PLATFORM_FRAMES);
	memcpy(plain, text, length);
	memset(plain + length, (int)padding, padding);
	platform_crypt(MBEDTLS_AES_ENCRYPT, key, iv, plain, length + padding, secret);
	mbedtls_base64_encode(data, sizeof(data), &characters, secret, length + padding);
	frame->device = device;
	frame->connection = connection;
	frame->length = (uint32_t)snprintf(frame->bytes, sizeof(frame->bytes),
		"CTS{\"code\":%u,\"data\":\"%s\"}\r\n", code, data);
	if (p->spoil && code == 2007)
		p->spoil(p, frame);
}

static inline void platform_event(struct platform *p, uint32_t device, const char *plain,
	unsigned length, uint16_t sequence, uint32_t seconds)
{
	char id[IDENTITY_ID], payload[PLATFORM_FRAME];
	struct hearth_record record = {.event = HEARTH_UPLINK,
		.code = 2006,
		.protocol = HEARTH_MC,
		.via = p->tcp ? HEARTH_VIA_TCP : HEARTH_VIA_UDP,
		.device_length = sizeof(id),
		.payload_length = length,
		.sequence = sequence,
		.count = p->count[device],
		.device_time = seconds};
	unsigned times;

	identity_id(&p->identity, device, id);
	memcpy(payload, plain, length);
	times = p->event ? p->event(p, &record, payload) : 1;
	for (unsigned i = 0; i < times; i++)
		assert_int_equal(
			feed_write(feed_ring(p->feed, 0), FEED_REQUEST, &record, id, NULL, payload),
			0);
}

static inline void platform_report(struct platform *p, uint32_t device, uint32_t connection,
	const json_t *body, const char *plain, unsigned length)
{
	const char *sequence = json_string_value(json_object_get(body, "sequence"));
	uint16_t ahead = (uint16_t)(atoi(sequence) - p->base[device] - p->count[device]);
	unsigned result = 0;
	char answer[256];

	/* a repeat is answered again, nothing else */
	if (ahead == 0) {
		p->repeats++;
	} else if (ahead > 1 && p->strict) {
		result = 200003;
		p->ended[device] = true;
	} else {
		p->count[device]++;
		p->reports++;
		p->bad += ahead != 1;
		platform_event(p, device, plain, length, (uint16_t)atoi(sequence),
			(uint32_t)json_integer_value(json_object_get(body, "time")));
	}
	snprintf(answer, sizeof(answer),
		"{\"result\":%u,\"sequence\":\"%s\",\"deviceId\":\"%s\",\"time\":%ld}", result,
		sequence, json_string_value(json_object_get(body, "deviceId")), (long)time(NULL));
	if (p->damage)
		p->damage(p, answer);
	platform_send(p, device, connection, 2007, p->keys[device], p->keys[device], answer);
}

/* A whole frame of a device. Anything that is not as it must be fails the test. */
static inline void platform_take(struct platform *p, uint32_t device, uint32_t connection,
	const uint8_t *bytes, uint32_t length)
{
	unsigned char secret[PLATFORM_FRAME], plain[PLATFORM_FRAME];
	char pin[IDENTITY_PIN], id[IDENTITY_ID + 1] = "", answer[256];
	const char *data, *sequence;
	json_t *envelope, *body;
	size_t n;
	long now = (long)time(NULL);
	unsigned code;

	assert_memory_equal(bytes, "CTS", 3);
	assert_memory_equal(bytes + length - 2, "\r\n", 2);
	envelope = json_loadb((const char *)bytes + 3, length - 5, JSON_REJECT_DUPLICATES, NULL);
	assert_int_equal(json_object_size(envelope), 3);
	code = (unsigned)json_integer_value(json_object_get(envelope, "code"));
	data = json_string_value(json_object_get(envelope, "data"));
	assert_int_equal(mbedtls_base64_decode(secret, sizeof(secret), &n,
				 (const unsigned char *)data, strlen(data)),
		0);
	identity_pin(&p->identity, device, pin);
	if (code == 1002)
		platform_crypt(MBEDTLS_AES_DECRYPT, pin, pin + 16, secret, (unsigned)n, plain);
	else
		platform_crypt(MBEDTLS_AES_DECRYPT, p->keys[device], p->keys[device], secret,
			(unsigned)n, plain);
	n -= plain[n - 1];
	body = json_loadb((const char *)plain, n, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(body);
	sequence = json_string_value(json_object_get(body, "sequence"));
	identity_id(&p->identity, device, id);
	if (code == 1002) {
		assert_string_equal(json_string_value(json_object_get(envelope, "deviceId")), id);
		snprintf(p->keys[device], 17, "key-%05u-%05u-", device, p->connections % 100000);
		p->keys[device][15] = 'k';
		snprintf(answer, sizeof(answer),
			"{\"result\":0,\"sequence\":\"%s\",\"sessionKey\":\"%s\",\"tcpHost\":"
			"\"198.18.0.1:7701\",\"udpHost\":\"\",\"token\":\"token-%010u\",\"time\":"
			"%ld}",
			sequence, p->keys[device], device, now);
		platform_send(p, device, connection, 1003, pin, pin + 16, answer);
	} else if (code == 1004) {
		p->base[device] = (uint16_t)atoi(sequence);
		p->count[device] = 0;
		p->ended[device] = false;
		snprintf(answer, sizeof(answer),
			"{\"result\":0,\"sequence\":\"%s\",\"heartBeat\":45,\"authInterval\":600,"
			"\"time\":%ld}",
			sequence, now);
		platform_send(
			p, device, connection, 1005, p->keys[device], p->keys[device], answer);
	} else if (code == 1000) {
		p->count[device]++;
		snprintf(answer, sizeof(answer), "{\"result\":0,\"sequence\":\"%s\",\"time\":%ld}",
			sequence, now);
		platform_send(
			p, device, connection, 1001, p->keys[device], p->keys[device], answer);
	} else {
		assert_int_equal(code, 2006);
		assert_string_equal(json_string_value(json_object_get(body, "deviceId")), id);
		platform_report(p, device, connection, body, (const char *)plain, (unsigned)n);
	}
	json_decref(envelope);
	json_decref(body);
}

/* ---- as a wire ---- */

static inline int platform_start(struct load_wire *wire, uint32_t devices, char *error, size_t size)
{
	return 0;
}

/* What came lies still until the next poll: two sets of frames take turns. */
static inline unsigned platform_poll(struct load_wire *wire, uint64_t now)
{
	static struct platform_frame frames[PLATFORM_FRAMES];
	struct platform *p = &platform;
	unsigned opened = p->opened_count, count = p->frame_count;
	uint32_t connections[PLATFORM_FRAMES];

	memcpy(connections, p->opened, opened * sizeof(connections[0]));
	memcpy(frames, p->frames, count * sizeof(frames[0]));
	p->opened_count = p->frame_count = 0;
	p->room_count = 0;
	for (unsigned i = 0; i < opened; i++)
		wire->up->opened(wire->load, p->owner[connections[i]], connections[i]);
	for (unsigned i = 0; i < count; i++) {
		struct platform_frame *f = &frames[i];

		if (!f->connection && now < p->mute_until)
			p->frames[p->frame_count++] = *f;
		else if (f->connection)
			wire->up->bytes(wire->load, f->device, f->connection,
				(const uint8_t *)f->bytes, f->length);
		else
			wire->up->datagram(
				wire->load, f->device, (const uint8_t *)f->bytes, f->length);
	}
	feed_publish(feed_ring(p->feed, 0));
	feed_applied(feed_ring(p->feed, 0));
	return opened + count;
}

static inline uint32_t platform_open(struct load_wire *wire, uint32_t device, enum load_peer peer)
{
	uint32_t connection = ++platform.connections;

	platform.is_login[connection % 65536] = peer == LOAD_LOGIN;
	platform.owner[connection % 65536] = device;
	platform.opened[platform.opened_count++] = connection;
	return connection;
}

static inline void platform_close(struct load_wire *wire, uint32_t connection, bool abort)
{
}

static inline uint8_t *platform_room(uint32_t of, uint32_t length, unsigned *ticket)
{
	assert_true(length <= PLATFORM_FRAME);
	*ticket = platform.room_count++ % 64;
	platform.room_of[*ticket] = of;
	return platform.room[*ticket];
}

static inline uint8_t *platform_reserve(
	struct load_wire *wire, uint32_t connection, uint32_t length)
{
	unsigned ticket;

	return platform_room(connection, length, &ticket);
}

static inline void platform_commit(struct load_wire *wire, uint32_t connection, uint32_t length)
{
	for (unsigned i = 0; i < 64; i++) {
		if (platform.room_of[i] != connection)
			continue;
		platform.room_of[i] = 0;
		platform_take(&platform, platform.owner[connection % 65536], connection,
			platform.room[i], length);
		return;
	}
	fail();
}

static inline uint8_t *platform_datagram(
	struct load_wire *wire, uint32_t device, unsigned source, uint32_t length, unsigned *ticket)
{
	return platform_room(device, length, ticket);
}

static inline void platform_datagram_commit(
	struct load_wire *wire, unsigned ticket, uint32_t length)
{
	uint32_t device = platform.room_of[ticket];

	if (platform.loses && ++platform.came % platform.loses == 0)
		return;
	if (platform.lose && platform.lose(&platform, device))
		return;
	/* its token is void: until it connects anew nobody hears it */
	if (platform.ended[device] && !memmem(platform.room[ticket], 16, ":1004", 5))
		return;
	platform_take(&platform, device, 0, platform.room[ticket], length);
}

static inline uint64_t platform_drops(const struct load_wire *wire)
{
	return 0;
}

static inline struct load *platform_load(const struct load_config *config)
{
	struct feed_config rings = fixture_config(1, 4u << 20);
	struct load *load;

	memset(&platform, 0, sizeof(platform));
	identity_init(&platform.identity, PLATFORM_SEED);
	platform.tcp = config->tcp;
	assert_int_equal(feed_open(&platform.feed, &rings, fixture_error, FIXTURE_LINE), 0);
	platform.wire = (struct load_wire){.name = "test",
		.start = platform_start,
		.poll = platform_poll,
		.open = platform_open,
		.close = platform_close,
		.reserve = platform_reserve,
		.commit = platform_commit,
		.datagram = platform_datagram,
		.datagram_commit = platform_datagram_commit,
		.drops = platform_drops};
	load = load_new(config, &platform.wire, fixture_error, FIXTURE_LINE);
	assert_non_null(load);
	return load;
}

static inline void platform_end(struct load *load)
{
	load_free(load);
	feed_close(platform.feed);
}
