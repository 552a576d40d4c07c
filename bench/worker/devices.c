/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* devices.c - what a device knows and where it speaks from; its frames and answers, by the burst */
#include "devices.h"

#include "codec/base64.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_REMOTE (WIRE_OUR_ADDRESS + 0x10000) /* 198.19.0.1 */
#define FIRST_PORT 12000 /* above all that the stack takes for servers that echo */
#define PORTS_EACH 50000
/* 200 addresses are enough for all devices; other attempts come from others. */
#define ATTEMPT_SHIFT 10
_Static_assert(DEVICES_MAX / PORTS_EACH < 1 << ATTEMPT_SHIFT, "addresses of an attempt");
_Static_assert(DEVICE_ATTEMPTS << ATTEMPT_SHIFT < 1 << 16, "all are in 198.19.0.0/16");

struct devices *devices_new(uint32_t count, uint32_t report_bytes)
{
	struct devices *devices = calloc(1, sizeof(*devices));

	if (!devices)
		return NULL;
	devices->count = count;
	devices->report_bytes = report_bytes;
	devices->aes = aes_burst_new();
	devices->all = calloc(count, sizeof(devices->all[0]));
	devices->plain = calloc(DEVICES_GROUP, sizeof(devices->plain[0]));
	devices->schedules = aligned_alloc(64, DEVICES_GROUP * sizeof(devices->schedules[0]));
	devices->jobs = calloc(DEVICES_GROUP, sizeof(devices->jobs[0]));
	devices->ivs = calloc(DEVICES_GROUP, sizeof(devices->ivs[0]));
	if (devices->aes && devices->all && devices->plain && devices->schedules && devices->jobs &&
		devices->ivs)
		return devices;
	devices_free(devices);
	errno = ENOMEM;
	return NULL;
}

void devices_free(struct devices *devices)
{
	if (!devices)
		return;
	aes_burst_free(devices->aes);
	free(devices->all);
	free(devices->plain);
	free(devices->schedules);
	free(devices->jobs);
	free(devices->ivs);
	free(devices);
}

/* SplitMix64 (Steele, Lea, Flood 2014): a number well mixed. */
static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

static void pin_of(uint32_t number, uint8_t pin[DEVICE_PIN_BYTES])
{
	for (unsigned i = 0; i < DEVICE_PIN_BYTES; i += 8) {
		uint64_t bits = mix((uint64_t)number << 8 | i);

		for (unsigned j = 0; j < 8; j++, bits >>= 8)
			pin[i + j] = (uint8_t)('A' + (bits & 0xff) % 26);
	}
}

/* 24 digits, without a division for each that is always the same. */
static void id_of(uint32_t number, char id[DEVICE_ID_CHARS])
{
	memset(id, '0', DEVICE_ID_CHARS);
	for (char *at = id + DEVICE_ID_CHARS; number; number /= 10)
		*--at = (char)('0' + number % 10);
}

void device_record_of(uint32_t number, struct device_record *record)
{
	memset(record, 0, sizeof(*record));
	id_of(number, record->id);
	pin_of(number, (uint8_t *)record->pin);
	record->number = number;
	record->serial = number + 1;
}

struct wire_flow device_flow(uint32_t number, unsigned attempts, uint16_t local_port)
{
	return (struct wire_flow){
		.remote = FIRST_REMOTE + (attempts << ATTEMPT_SHIFT) + number / PORTS_EACH,
		.remote_port = (uint16_t)(FIRST_PORT + number % PORTS_EACH),
		.local_port = local_port};
}

uint32_t device_number(const struct wire_flow *flow, uint32_t count)
{
	uint32_t address = (flow->remote - FIRST_REMOTE) & ((1u << ATTEMPT_SHIFT) - 1);
	uint64_t number = (uint64_t)address * PORTS_EACH + flow->remote_port - FIRST_PORT;

	return flow->remote < FIRST_REMOTE || flow->remote_port < FIRST_PORT || number >= count
		       ? DEVICE_NONE
		       : (uint32_t)number;
}

/* ---- what they say ---- */

static int login_text(const struct devices *devices, uint32_t number, uint8_t *out)
{
	char id[DEVICE_ID_CHARS];

	id_of(number, id);
	return sprintf((char *)out,
		"{\"sequence\":\"%u\",\"deviceId\":\"%.24s\",\"version\":\"001.000.000.000\","
		"\"time\":%u}",
		number & 0xffff, id, devices->now);
}

static int connect_text(
	const struct devices *devices, const struct bench_device *device, uint8_t *out)
{
	return sprintf((char *)out,
		"{\"sequence\":\"%u\",\"token\":\"%.16s\",\"devVersion\":\"001.002.003.004\","
		"\"model\":\"HT-AC-01\",\"time\":%u}",
		device->sequence, device->token, devices->now);
}

/*
 * A report of exactly so many bytes: states of a device as the text has them, then time and
 * sequence, then spaces.
 */
static int report_text(
	struct devices *devices, const struct bench_device *device, uint32_t number, uint8_t *out)
{
	static const char item[] = "{\"statusName\":\"STATE\",\"curStatusValue\":\"37\"}";
	const uint32_t length = devices->report_bytes;
	char *at = (char *)out, id[DEVICE_ID_CHARS];
	const char *end = at + length - 40; /* ],"time":1700000000,"sequence":"65535"} */

	id_of(number, id);
	at += sprintf(at, "{\"deviceId\":\"%.24s\",\"statusSerials\":[", id);
	for (bool first = true; at + sizeof(item) < end; first = false) {
		if (!first)
			*at++ = ',';
		memcpy(at, item, sizeof(item) - 1);
		at += sizeof(item) - 1;
	}
	at += sprintf(at, "],\"time\":%u,\"sequence\":\"%u\"", devices->now, device->sequence);
	memset(at, ' ', (size_t)(out + length - 1 - (uint8_t *)at));
	out[length - 1] = '}';
	return (int)length;
}

static uint32_t head_of(
	enum device_message kind, const struct bench_device *device, uint32_t number, uint8_t *out)
{
	char id[DEVICE_ID_CHARS];

	if (kind != DEVICE_LOGIN)
		return (uint32_t)sprintf((char *)out,
			"CTS{\"code\":%u,\"token\":\"%.16s\",\"data\":\"",
			kind == DEVICE_CONNECT ? 1004 : 2006, device->token);
	id_of(number, id);
	return (uint32_t)sprintf(
		(char *)out, "CTS{\"code\":1002,\"deviceId\":\"%.24s\",\"data\":\"", id);
}

/* The key of a message, its IV, and a job for it. */
static struct aes_job *job_of(struct devices *devices, unsigned i, enum device_message kind,
	uint32_t number, uint32_t length)
{
	const struct bench_device *device = &devices->all[number];
	uint8_t pin[DEVICE_PIN_BYTES];
	const uint8_t *key = device->key, *iv = device->key;

	if (kind == DEVICE_LOGIN) {
		pin_of(number, pin);
		key = pin;
		iv = pin + 16;
	}
	aes_expand(devices->aes, key, &devices->schedules[i]);
	memcpy(devices->ivs[i], iv, 16);
	devices->jobs[i] = (struct aes_job){.schedule = &devices->schedules[i],
		.iv = devices->ivs[i],
		.in = devices->plain[i],
		.out = devices->plain[i],
		.length = length};
	return &devices->jobs[i];
}

void devices_frames(struct devices *devices, enum device_message kind, const uint32_t *numbers,
	unsigned count, uint8_t *const *out, uint32_t *lengths)
{
	for (unsigned i = 0; i < count; i++) {
		struct bench_device *device = &devices->all[numbers[i]];
		int length, padding;

		if (kind == DEVICE_REPORT)
			device->sequence++;
		length = kind == DEVICE_LOGIN ? login_text(devices, numbers[i], devices->plain[i])
			 : kind == DEVICE_CONNECT
				 ? connect_text(devices, device, devices->plain[i])
				 : report_text(devices, device, numbers[i], devices->plain[i]);
		padding = 16 - length % 16;
		memset(devices->plain[i] + length, padding, (size_t)padding);
		job_of(devices, i, kind, numbers[i], (uint32_t)(length + padding));
	}
	aes_cbc_encrypt(devices->aes, devices->jobs, count);
	for (unsigned i = 0; i < count; i++) {
		uint8_t *at = out[i];

		at += head_of(kind, &devices->all[numbers[i]], numbers[i], at);
		at += base64_encode(at, devices->plain[i], devices->jobs[i].length);
		memcpy(at, "\"}\r\n", 4);
		lengths[i] = (uint32_t)(at + 4 - out[i]);
	}
}

/* ---- what they are told ---- */

/* CTS{"code":N,"data":"..."} CR LF: its ciphertext into plain[i]. Return: bytes, 0: wrong. */
static uint32_t open_frame(struct devices *devices, unsigned i, enum device_message kind,
	const uint8_t *frame, uint32_t length)
{
	static const char *const heads[] = {[DEVICE_LOGIN] = "CTS{\"code\":1003,\"data\":\"",
		[DEVICE_CONNECT] = "CTS{\"code\":1005,\"data\":\"",
		[DEVICE_REPORT] = "CTS{\"code\":2007,\"data\":\""};
	const uint32_t head = (uint32_t)strlen(heads[kind]);
	int32_t bytes;

	if (length < head + 4 || memcmp(frame, heads[kind], head) != 0 ||
		memcmp(frame + length - 4, "\"}\r\n", 4) != 0)
		return 0;
	bytes = base64_decode(devices->plain[i], frame + head, length - head - 4);
	return bytes <= 0 || bytes % 16 ? 0 : (uint32_t)bytes;
}

static bool take_text(const char *plain, const char *name, void *out, size_t length)
{
	const char *at = strstr(plain, name);

	if (!at || strlen(at) < strlen(name) + length)
		return false;
	memcpy(out, at + strlen(name), length);
	return true;
}

/* Result 0 and its own sequence; of a login, key and token. */
static bool is_right(
	struct bench_device *device, enum device_message kind, uint32_t number, const char *plain)
{
	char start[64];

	snprintf(start, sizeof(start), "{\"result\":0,\"sequence\":\"%u\",",
		kind == DEVICE_LOGIN ? number & 0xffff : device->sequence);
	if (strncmp(plain, start, strlen(start)) != 0)
		return false;
	if (kind != DEVICE_LOGIN)
		return true;
	device->sequence = (uint16_t)(number + 1);
	return take_text(plain, "\"sessionKey\":\"", device->key, sizeof(device->key)) &&
	       take_text(plain, "\"token\":\"", device->token, sizeof(device->token));
}

void devices_answers(struct devices *devices, enum device_message kind, const uint32_t *numbers,
	unsigned count, uint8_t *const *answers, const uint32_t *lengths)
{
	uint32_t which[DEVICES_GROUP];
	unsigned opened = 0;

	for (unsigned i = 0; i < count; i++) {
		uint32_t bytes = open_frame(devices, opened, kind, answers[i], lengths[i]);

		if (bytes == 0)
			devices->wrong++;
		else {
			job_of(devices, opened, kind, numbers[i], bytes);
			which[opened++] = numbers[i];
		}
	}
	aes_cbc_decrypt(devices->aes, devices->jobs, opened);
	for (unsigned i = 0; i < opened; i++) {
		uint8_t *plain = devices->plain[i];
		uint32_t bytes = devices->jobs[i].length, padding = plain[bytes - 1];

		plain[bytes - (padding <= 16 ? padding : 0)] = 0;
		if (!is_right(&devices->all[which[i]], kind, which[i], (char *)plain))
			devices->wrong++;
	}
}
