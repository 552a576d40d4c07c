/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* build.c - requests made in bursts: texts, one burst of AES, Base64 straight into the wire's
 * room */
#include "engine.h"

#include "digits.h"
#include "vector64.h"

#define HEAD "CTS{\"code\":"
#define HEAD_TOKEN ",\"token\":\""
#define HEAD_ID ",\"deviceId\":\""
#define HEAD_DATA "\",\"data\":\""
#define TAIL "\"}\r\n"
#define FRAMING (sizeof(HEAD HEAD_ID HEAD_DATA TAIL) - 1 + 4 + IDENTITY_ID)

#define PUT(at, piece) (memcpy(at, piece, sizeof(piece) - 1), (at) += sizeof(piece) - 1)

static const struct text_report *report_of(const struct load *load, const struct slot *s)
{
	return &load->reports[load->config.sizes == 1 ? 0
						      : (s->device + s->n) % load->config.sizes];
}

static unsigned padded(unsigned length)
{
	return length + AES_BLOCK - length % AES_BLOCK;
}

/* An upper bound of a request's frame. */
static uint32_t frame_bytes(const struct load *load, const struct slot *s)
{
	unsigned text = s->kind == REQUEST_REPORT ? report_of(load, s)->bytes
			: s->kind == REQUEST_BIND ? 192
						  : 144;

	return FRAMING + VECTOR64_LENGTH(padded(text));
}

static unsigned write_text(struct load *load, const struct slot *s, char *out)
{
	const struct device *d = &load->devices[s->device];
	char digits[16];

	digits16(digits, s->time);
	switch ((enum request_kind)s->kind) {
	case REQUEST_REPORT:
		return text_report(
			report_of(load, s), s->about, s->n, digits + 6, s->sequence, out);
	case REQUEST_HEARTBEAT:
		return text_heartbeat(d->token, digits + 6, s->sequence, out);
	case REQUEST_LOGIN:
		return text_login(&load->identity, s->device, digits + 6, s->sequence, out);
	case REQUEST_BIND:
		return text_bind(
			&load->identity, s->device, s->about, digits + 6, s->sequence, out);
	case REQUEST_CONNECT:
		break;
	}
	return text_connect(d->token, digits + 6, s->sequence, out);
}

void build_key(const struct load *load, const struct slot *s, struct secret *secret)
{
	const struct device *d = &load->devices[s->device];
	char pin[IDENTITY_PIN];

	if (s->kind == REQUEST_LOGIN) {
		identity_pin(&load->identity, s->device, pin);
		aes_expand(load->aes, (const uint8_t *)pin, &secret->schedule);
		memcpy(secret->iv, pin + 16, 16);
	} else {
		aes_expand(load->aes, d->key, &secret->schedule);
		memcpy(secret->iv, d->key, 16);
	}
}

static const unsigned codes[] = {[REQUEST_HEARTBEAT] = 1000,
	[REQUEST_LOGIN] = 1002,
	[REQUEST_CONNECT] = 1004,
	[REQUEST_BIND] = 2012};

static uint32_t write_frame(const struct load *load, const struct slot *s, const uint8_t *secret,
	uint32_t length, uint8_t *room)
{
	const struct device *d = &load->devices[s->device];
	unsigned code = s->kind == REQUEST_REPORT ? load->config.code : codes[s->kind];
	char *at = (char *)room;
	char digits[8];

	PUT(at, HEAD);
	digits_short(digits, (uint16_t)code);
	memcpy(at, digits, 4);
	at += 4;
	if (s->kind == REQUEST_LOGIN) {
		PUT(at, HEAD_ID);
		identity_id(&load->identity, s->device, at);
		at += IDENTITY_ID;
	} else {
		PUT(at, HEAD_TOKEN);
		memcpy(at, d->token, 16);
		at += 16;
	}
	PUT(at, HEAD_DATA);
	at += vector64_encode(at, secret, length);
	PUT(at, TAIL);
	return (uint32_t)(at - (char *)room);
}

void build_flush(struct load *load)
{
	static struct secret secrets[BURST];
	struct aes_job jobs[BURST];
	unsigned count = load->build_count;

	if (count == 0)
		return;
	for (unsigned i = 0; i < count; i++) {
		struct slot *s = &load->slots[load->builds[i].slot];
		struct secret *secret = &secrets[i];
		uint8_t *plain = load->plain + i * load->stride;
		unsigned length, whole;

		build_key(load, s, secret);
		length = write_text(load, s, (char *)plain);
		whole = padded(length);
		memset(plain + length, (int)(whole - length), AES_BLOCK);
		jobs[i] = (struct aes_job){&secret->schedule, secret->iv, plain, plain, whole};
	}
	aes_cbc_encrypt(load->aes, jobs, count);
	for (unsigned i = 0; i < count; i++) {
		const struct build *build = &load->builds[i];
		const struct slot *s = &load->slots[build->slot];
		uint32_t length = write_frame(load, s, jobs[i].out, jobs[i].length, build->room);

		if (is_prepared(load)) {
			memcpy(load->frames + (size_t)build->slot * load->frame_stride, build->room,
				length);
			load->frame_lengths[build->slot] = (uint16_t)length;
		}

		if (build->connection)
			load->wire->commit(load->wire, build->connection, length);
		else
			load->wire->datagram_commit(load->wire, build->ticket, length);
		load->in_flight += build->connection == 0;
		slot_sent(load, build->slot);
	}
	load->build_count = 0;
}

static uint8_t *reserve(struct load *load, const struct slot *s, struct build *build)
{
	const struct device *d = &load->devices[s->device];
	uint32_t length = frame_bytes(load, s);

	build->connection = d->connection;
	if (d->connection)
		return load->wire->reserve(load->wire, d->connection, length);
	return load->wire->datagram(load->wire, s->device, d->source, length, &build->ticket);
}

bool build_add(struct load *load, uint32_t slot)
{
	const struct slot *s = &load->slots[slot];
	struct build build = {.slot = slot};

	if (load->build_count == BURST)
		build_flush(load);
	build.room = reserve(load, s, &build);
	/* A connection has one reservation at a time. */
	if (!build.room && build.connection && load->build_count > 0) {
		build_flush(load);
		build.room = reserve(load, s, &build);
	}
	if (!build.room)
		return false;
	load->builds[load->build_count++] = build;
	return true;
}
