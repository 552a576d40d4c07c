/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* mc_answer.c - answers: their members, in the order of the text */
#include "mc.h"

#include "codec/base64.h"

#include <string.h>

/* Fixed words 90, three numbers 25, key and token 32, a sequence 7, padding 16. */
_Static_assert(2 * MC_HOST_MAX + 256 <= MC_ANSWER_MAX, "the longest answer, 1003, fits");

/* All others: fixed words 130, numbers 30, two ids, padding; they go over UDP too. */
_Static_assert(MC_OUT_FRAMING + BASE64_ENCODED(2 * DEVICE_ID_MAX + 192) <= 1200,
	"the longest answer of a session fits any datagram");

/* A small writer: bounds are known from the sizes above. */
struct writer {
	uint8_t *start, *at;
};

static void put(struct writer *w, const void *bytes, uint32_t length)
{
	memcpy(w->at, bytes, length);
	w->at += length;
}

static void put_text(struct writer *w, const char *text)
{
	put(w, text, strlen(text));
}

static void put_number(struct writer *w, uint32_t number)
{
	uint8_t digits[10];
	unsigned n = sizeof(digits);

	do {
		digits[--n] = '0' + number % 10;
		number /= 10;
	} while (number);
	put(w, digits + n, sizeof(digits) - n);
}

/* {"result":R,"sequence":S, - the sequence in the form it came. */
static struct writer begin_with(struct mc *mc, uint32_t result, uint16_t sequence, bool text)
{
	uint8_t *room = mc_out_room(mc, MC_ANSWER_MAX);
	struct writer w = {room, room};

	put_text(&w, "{\"result\":");
	put_number(&w, result);
	put_text(&w, text ? ",\"sequence\":\"" : ",\"sequence\":");
	put_number(&w, sequence);
	put_text(&w, text ? "\"," : ",");
	return w;
}

static struct writer begin(struct mc *mc, const struct mc_frame *frame, uint32_t result)
{
	return begin_with(mc, result, frame->content.sequence, frame->content.sequence_text);
}

/* "time":T} and the answer is complete. Return: its length. */
static uint32_t end_with(struct mc *mc, struct writer *w)
{
	put_text(w, "\"time\":");
	put_number(w, mc_now(mc));
	put_text(w, "}");
	return w->at - w->start;
}

static void end(struct mc *mc, const struct mc_frame *frame, struct writer *w)
{
	mc_out_answer(mc, frame, frame->code + 1, end_with(mc, w));
}

void mc_answer_login(
	struct mc *mc, const struct mc_frame *frame, const uint8_t *key, const char *token)
{
	const struct config *config = mc->host->config;
	struct writer w = begin(mc, frame, MC_DONE);

	put_text(&w, "\"sessionKey\":\"");
	put(&w, key, SESSION_KEY_BYTES);
	put_text(&w, "\",\"tcpHost\":\"");
	put_text(&w, config->mc.advertise_tcp);
	put_text(&w, "\",\"udpHost\":\"");
	put_text(&w, config->mc.advertise_udp);
	put_text(&w, "\",\"token\":\"");
	put(&w, token, SESSION_TOKEN_CHARS);
	put_text(&w, "\",");
	end(mc, frame, &w);
}

/* Devices fail without any one of its members, so they are always all there. */
void mc_answer_connect(struct mc *mc, const struct mc_frame *frame, uint32_t result)
{
	const struct config *config = mc->host->config;
	struct writer w = begin(mc, frame, result);

	put_text(&w, "\"heartBeat\":");
	put_number(&w, config->mc.heartbeat);
	put_text(&w, ",\"authInterval\":");
	put_number(&w, config->mc.auth_interval);
	put_text(&w, ",");
	end(mc, frame, &w);
}

static void count_result(struct mc *mc, uint32_t result)
{
	switch (result) {
	case MC_ILLEGAL:
		mc_count(mc, MC_RESULT_ILLEGAL);
		break;
	case MC_NO_SUCH_DEVICE:
		mc_count(mc, MC_RESULT_NO_DEVICE);
		break;
	case MC_OUT_OF_SEQUENCE:
		mc_count(mc, MC_RESULT_SEQUENCE);
		break;
	case MC_NOT_SUPPORTED:
		mc_count(mc, MC_RESULT_UNSUPPORTED);
		break;
	case MC_MORE:
		mc_count(mc, MC_RESULT_MORE);
		break;
	case MC_NO_ANSWER:
		mc_count(mc, MC_RESULT_NO_ANSWER);
		break;
	case MC_NO_VOICE:
		mc_count(mc, MC_RESULT_NO_VOICE);
		break;
	case MC_NO_ROOM:
		mc_count(mc, MC_RESULT_NO_ROOM);
		break;
	}
}

static void put_id(struct writer *w, const char *name, const void *id, uint32_t length)
{
	put_text(w, name);
	if (length)
		put(w, id, length);
	put_text(w, "\",");
}

/* Error answers carry the same members as good ones (specs, Device requests). */
static uint32_t build_reply(struct mc *mc, const struct mc_reply *reply)
{
	const struct mc_kind *kind = reply->kind;
	struct writer w = begin_with(mc, reply->result, reply->sequence, reply->sequence_text);

	count_result(mc, reply->result);
	if (reply->code != MC_HEARTBEAT)
		put_id(&w, "\"deviceId\":\"", reply->device.at, reply->device.length);
	if (kind && kind->subdevice)
		put_id(&w, "\"subDeviceId\":\"", reply->subdevice.at, reply->subdevice.length);
	if (kind && kind->auth)
		put_text(&w, reply->authentic ? "\"authResult\":\"0\"," : "\"authResult\":\"1\",");
	if (kind && kind->voice)
		put_text(&w, kind->voice);
	return end_with(mc, &w);
}

void mc_answer_request(
	struct mc *mc, const struct mc_frame *frame, const struct device *device, uint32_t result)
{
	const struct mc_content *content = &frame->content;
	struct mc_reply reply = {.code = frame->code,
		.kind = frame->kind,
		.result = result,
		.sequence = content->sequence,
		.sequence_text = content->sequence_text,
		.authentic = mc->authentic,
		.device = content->device,
		.subdevice = content->subdevice};

	if (!reply.device.at)
		reply.device =
			(struct mc_text){(const uint8_t *)device_id(device), device->id_length};
	mc_out_answer(mc, frame, frame->code + 1, build_reply(mc, &reply));
}

void mc_answer_session(struct mc *mc, const struct session_turn *turn, const struct mc_reply *reply)
{
	mc_out_session(mc, turn, reply->code + 1, build_reply(mc, reply));
}
