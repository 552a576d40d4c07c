/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* mc_answer.c - answers: their members, in the order of the text */
#include "mc.h"

#include "mc_number.h"

#include "codec/base64.h"

#include <string.h>

/* Fixed words 90, three numbers 25, key and token 32, a sequence 7, padding 16. */
_Static_assert(2 * MC_HOST_MAX + 256 <= MC_ANSWER_MAX, "the longest answer, 1003, fits");

/* All others: fixed words 130, numbers 30, two ids, padding; they go over UDP too. */
_Static_assert(MC_OUT_FRAMING + BASE64_ENCODED(2 * DEVICE_ID_MAX + 192) <= 1200,
	"the longest answer of a session fits any datagram");

_Static_assert(sizeof("\"time\":4294967295}") <= sizeof(((struct mc_time_text *)0)->text),
	"the time has room in its text");

/* A small writer: bounds are known from the sizes above. */
struct writer {
	uint8_t *start, *at;
};

static inline void put(struct writer *w, const void *bytes, uint32_t length)
{
	memcpy(w->at, bytes, length);
	w->at += length;
}

/* A constant: its length is known to the compiler. */
#define PUT(w, text) put(w, text, sizeof(text) - 1)

static void put_text(struct writer *w, const char *text)
{
	put(w, text, strlen(text));
}

static inline void put_number(struct writer *w, uint32_t number)
{
	w->at = mc_put_number(w->at, number);
}

/* {"result":R,"sequence":S, - the sequence in the form it came. */
static struct writer begin_with(struct mc *mc, uint32_t result, uint16_t sequence, bool text)
{
	uint8_t *room = mc_out_room(mc, MC_ANSWER_MAX);
	struct writer w = {room, room};

	PUT(&w, "{\"result\":");
	put_number(&w, result);
	PUT(&w, ",\"sequence\":");
	if (text)
		*w.at++ = '"';
	put_number(&w, sequence);
	if (text)
		*w.at++ = '"';
	*w.at++ = ',';
	return w;
}

static struct writer begin(struct mc *mc, const struct mc_frame *frame, uint32_t result)
{
	return begin_with(mc, result, frame->content.sequence, frame->content.sequence_text);
}

/* "time":T} and the answer is complete: the same for all of a second. Return: its length. */
static uint32_t end_with(struct mc *mc, struct writer *w)
{
	struct mc_time_text *time = &mc->time_text;
	const uint32_t now = mc_now(mc);

	if (time->second != now || !time->length) {
		struct writer to = {time->text, time->text};

		PUT(&to, "\"time\":");
		put_number(&to, now);
		PUT(&to, "}");
		time->second = now;
		time->length = (uint32_t)(to.at - to.start);
	}
	memcpy(w->at, time->text, sizeof(time->text)); /* there is room for it at any length */
	w->at += time->length;
	return (uint32_t)(w->at - w->start);
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

	PUT(&w, "\"sessionKey\":\"");
	put(&w, key, SESSION_KEY_BYTES);
	PUT(&w, "\",\"tcpHost\":\"");
	put_text(&w, config->mc.advertise_tcp);
	PUT(&w, "\",\"udpHost\":\"");
	put_text(&w, config->mc.advertise_udp);
	PUT(&w, "\",\"token\":\"");
	put(&w, token, SESSION_TOKEN_CHARS);
	PUT(&w, "\",");
	end(mc, frame, &w);
}

/* Devices fail without any one of its members, so they are always all there. */
void mc_answer_connect(struct mc *mc, const struct mc_frame *frame, uint32_t result)
{
	const struct config *config = mc->host->config;
	struct writer w = begin(mc, frame, result);

	PUT(&w, "\"heartBeat\":");
	put_number(&w, config->mc.heartbeat);
	PUT(&w, ",\"authInterval\":");
	put_number(&w, config->mc.auth_interval);
	PUT(&w, ",");
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

/* An id and what ends its member. */
static inline void put_id(struct writer *w, struct mc_text id)
{
	if (id.length)
		put(w, id.at, id.length);
	PUT(w, "\",");
}

/* Error answers carry the same members as good ones (specs, Device requests). */
static uint32_t build_reply(struct mc *mc, const struct mc_reply *reply)
{
	const struct mc_kind *kind = reply->kind;
	struct writer w = begin_with(mc, reply->result, reply->sequence, reply->sequence_text);

	count_result(mc, reply->result);
	if (reply->code != MC_HEARTBEAT) {
		PUT(&w, "\"deviceId\":\"");
		put_id(&w, reply->device);
	}
	if (kind && kind->subdevice) {
		PUT(&w, "\"subDeviceId\":\"");
		put_id(&w, reply->subdevice);
	}
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
