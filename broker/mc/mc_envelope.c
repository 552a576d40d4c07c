/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* mc_envelope.c - CTS, one JSON object, CR LF: code, token or device id, data (section 5.2) */
#include "mc.h"

#include "codec/json_plain.h"
#include "codec/text_frame.h"

#include <string.h>

#define MARK "CTS"
#define MARK_BYTES 3
#define END_BYTES 2
#define CODE_MAX 0xfffffffeu /* code + 1 is sent back */

/* The usual frame: CTS{"code":2006,"token":"..16..","data":".."} CR LF */
#define HEAD "CTS{\"code\":"
#define HEAD_BYTES (sizeof(HEAD) - 1)
#define CODE_DIGITS 9 /* all of them are less than CODE_MAX */
#define TOKEN ",\"token\":\""
#define TOKEN_BYTES (sizeof(TOKEN) - 1)
#define DATA "\",\"data\":\""
#define DATA_BYTES (sizeof(DATA) - 1)
#define TAIL "\"}\r\n"
#define TAIL_BYTES (sizeof(TAIL) - 1)
#define USUAL_LEAST                                                                                \
	(HEAD_BYTES + CODE_DIGITS + TOKEN_BYTES + SESSION_TOKEN_CHARS + DATA_BYTES + TAIL_BYTES)

uint8_t *mc_take(struct mc *mc, uint32_t bytes)
{
	uint8_t *at = &mc->arena[mc->arena_used];

	mc->arena_used += (bytes + 15) & ~15u;
	return at;
}

/*
 * The object between "CTS" and CR LF, with nothing beside it. A stream was cut at its first CR LF;
 * a datagram must be exactly one frame.
 */
static bool unwrap(const struct mc_frame *frame, struct mc_text *object)
{
	const struct message *message = frame->message;
	const uint8_t *data = message->data;
	uint32_t length = message->length;

	if (length < MARK_BYTES + 2 + END_BYTES || memcmp(data, MARK, MARK_BYTES) != 0)
		return false;
	if (message->peer.via == SESSION_VIA_UDP) {
		if (text_frame_end(data, length, 0) != length)
			return false;
	} else if (data[length - 2] != '\r' || data[length - 1] != '\n') {
		return false;
	}
	*object = (struct mc_text){data + MARK_BYTES, length - MARK_BYTES - END_BYTES};
	return object->at[0] == '{' && object->at[object->length - 1] == '}';
}

/* The member that says whose frame it is. One that cannot be a name is kept as an unknown one. */
static bool read_name(struct mc *mc, struct mc_frame *frame)
{
	const char *key = frame->code == MC_LOGIN ? "deviceId" : "token";
	const struct json_member *member = json_find(&mc->object, key);
	uint32_t room = frame->code == MC_LOGIN ? DEVICE_ID_MAX : SESSION_TOKEN_CHARS;
	int32_t length;

	if (!member || member->kind != JSON_STRING)
		return false;
	length = json_string(&mc->object, member, frame->name, room);
	if (frame->code == MC_LOGIN) {
		frame->name_length =
			length > 0 && mc_id_valid(frame->name, length) ? (uint8_t)length : 0;
		return true;
	}
	if (length != SESSION_TOKEN_CHARS)
		memset(frame->name, 0, SESSION_TOKEN_CHARS);
	frame->name_length = SESSION_TOKEN_CHARS;
	return true;
}

/* "data": used where it lies unless it holds escapes (a '\/' is common). */
static bool read_data(struct mc *mc, struct mc_frame *frame)
{
	const struct json_member *member = json_find(&mc->object, "data");
	uint8_t *resolved;
	int32_t length;

	if (!member || member->kind != JSON_STRING)
		return false;
	frame->data = (struct mc_text){mc->object.text + member->value, member->value_length};
	if (!member->value_escaped)
		return true;
	resolved = mc_take(mc, member->value_length);
	length = json_string(&mc->object, member, resolved, member->value_length);
	if (length < 0)
		return false;
	frame->data = (struct mc_text){resolved, length};
	return true;
}

/*
 * What nearly every device sends on its session, told by comparing: no white space, the members in
 * the order of the text, nothing to be resolved in them. What is not so is read as any other
 * object; so nothing is refused here.
 */
static bool read_usual(struct mc_frame *frame)
{
	const uint8_t *at = frame->message->data, *token, *end = at + frame->message->length;
	uint32_t code = 0;

	if (frame->message->length < USUAL_LEAST || memcmp(at, HEAD, HEAD_BYTES) != 0 ||
		memcmp(end - TAIL_BYTES, TAIL, TAIL_BYTES) != 0)
		return false;
	at += HEAD_BYTES;
	if (*at == '0')
		return false;
	for (unsigned i = 0; i < CODE_DIGITS && (uint8_t)(*at - '0') <= 9; i++)
		code = code * 10 + (*at++ - '0');
	token = at + TOKEN_BYTES;
	if (memcmp(at, TOKEN, TOKEN_BYTES) != 0 ||
		memcmp(token + SESSION_TOKEN_CHARS, DATA, DATA_BYTES) != 0 || code == MC_LOGIN)
		return false;
	at = token + SESSION_TOKEN_CHARS + DATA_BYTES;
	if (!json_plain(token, SESSION_TOKEN_CHARS) || !json_plain(at, end - TAIL_BYTES - at))
		return false;
	frame->code = code;
	memcpy(frame->name, token, SESSION_TOKEN_CHARS);
	frame->name_length = SESSION_TOKEN_CHARS;
	frame->data = (struct mc_text){at, end - TAIL_BYTES - at};
	return true;
}

/* Any object between the marks; its members stay in mc->object. */
static bool read_object(struct mc *mc, struct mc_frame *frame)
{
	const struct json_member *code;
	struct mc_text object;
	uint64_t number;

	if (!unwrap(frame, &object)) {
		mc_fault(frame, MC_DROP_FRAME);
		return false;
	}
	if (json_scan(&mc->object, object.at, object.length)) {
		mc_fault(frame, MC_DROP_ENVELOPE);
		return false;
	}
	code = json_find(&mc->object, "code");
	if (!code || json_uint(&mc->object, code, CODE_MAX, &number)) {
		mc_fault(frame, MC_DROP_ENVELOPE);
		return false;
	}
	frame->code = number;
	return true;
}

void mc_envelope(struct mc *mc, struct mc_frame *frame)
{
	const struct config *config = mc->host->config;
	bool tcp = mc_over_tcp(frame), usual;

	if (frame->message->length > (tcp ? config->mc.frame_tcp : config->mc.frame_udp)) {
		mc_fault(frame, MC_DROP_LONG);
		return;
	}
	usual = read_usual(frame);
	if (!usual && !read_object(mc, frame))
		return;
	if (!mc_code_sendable(frame->code))
		mc_fault(frame, MC_DROP_CODE);
	else if (tcp && frame->message->peer.listener == mc->login_listener) {
		if (frame->code != MC_LOGIN)
			mc_fault(frame, MC_DROP_LOGIN_PORT);
	} else if (frame->code == MC_LOGIN)
		mc_fault(frame, MC_DROP_LOGIN_ELSEWHERE);
	if (frame->fault)
		return;
	if (!usual && (!read_name(mc, frame) || !read_data(mc, frame))) {
		mc_fault(frame, MC_DROP_ENVELOPE);
		return;
	}
	frame->kind = mc_kind_of(frame->code);
	frame->sealed = true;
}
