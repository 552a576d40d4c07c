/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* mc_command.c - platform requests on a session: queue, numbers, sends, answers, outcomes
 * (specs, Mc, Platform requests) */
#include "mc.h"

#include "mc_number.h"
#include "mc_subdevice.h"
#include "mc_voice.h"

#include "feed/command_layout.h"

#include <errno.h>
#include <string.h>

#define ANSWER_US 10000000ull /* a device has 10 s to answer, then it is asked again */
/* {"sequence":"65535","deviceId":"","time":4294967295} and two commas */
#define PLAIN_FRAMING 56
#define DATAGRAM_IPV6 1452

_Static_assert((int)MC_UNDELIVERED_REFUSED - (int)MC_UNDELIVERED_NO_ANSWER ==
		       HEARTH_REFUSED - HEARTH_NO_ANSWER,
	"the counters of outcomes stand in the order of their reasons");

static struct command_worker *commands(const struct mc *mc)
{
	return mc->host->pool;
}

/* The device whose session takes requests for an id: that device, or the gateway it is bound to. */
static struct device *carrier(const struct mc *mc, const void *id, uint32_t length)
{
	const struct host *host = mc->host;
	struct device *device = registry_find(host->registry, id, length);
	uint32_t gateway = DEVICE_NONE;

	if (device && host->bindings)
		gateway = binding_gateway(
			binding_table(host->bindings), device->number, device->serial);
	return gateway == DEVICE_NONE ? device : registry_at(host->registry, gateway);
}

/* ---- outcomes ---- */

/* It has had its outcome. */
static void done(struct mc *mc, uint32_t index)
{
	command_release(commands(mc), index);
	command_change(commands(mc), index, (struct command_life){0});
}

/* The ring has no room for the outcome: the pool keeps it until it has. */
static void owe(struct mc *mc, uint32_t index, struct command_life life)
{
	mc_count(mc, MC_COMMANDS_OWED);
	life.state = COMMAND_OWED;
	command_change(commands(mc), index, life);
	command_hold(commands(mc), index);
}

static bool write_undelivered(struct mc *mc, uint32_t index, enum hearth_reason reason)
{
	const struct command_slot *slot = command_slot(commands(mc), index);
	struct hearth_record record = {.time = mc->host->clock.unix_ms,
		.session = slot->number,
		.handle = slot->handle,
		.event = HEARTH_UNDELIVERED,
		.reason = reason,
		.protocol = HEARTH_MC};
	struct command_text text;

	command_text_of(commands(mc), index, &text);
	record.request = text.request;
	record.code = text.code;
	record.device_length = text.device_length;
	if (feed_write(mc->host->feed, FEED_LIFECYCLE, &record, text.device, NULL, NULL))
		return false;
	mc->trace.written = record.id;
	return true;
}

/* It is in no queue. */
static void undelivered(struct mc *mc, uint32_t index, enum hearth_reason reason)
{
	bool written;

	mc_count(mc, MC_UNDELIVERED_NO_ANSWER + (reason - HEARTH_NO_ANSWER));
	written = write_undelivered(mc, index, reason);
	if (mc_followed(mc))
		mc_trace_command(
			mc, index, MC_UNDELIVERED_NO_ANSWER + (reason - HEARTH_NO_ANSWER), written);
	if (written)
		done(mc, index);
	else
		owe(mc, index, (struct command_life){.reason = reason});
}

/* A response that was kept: its record, the device's id, the payload. */
static bool write_kept(struct mc *mc, uint32_t kept)
{
	uint8_t *at = mc->payload[1];
	struct hearth_record record;

	command_kept(commands(mc), kept, at, sizeof(mc->payload[1]));
	memcpy(&record, at, sizeof(record));
	at += sizeof(record);
	return !feed_write(
		mc->host->feed, FEED_LIFECYCLE, &record, at, NULL, at + record.device_length);
}

/* ---- what a backend asked for ---- */

static bool is_request(uint32_t code)
{
	static const uint16_t codes[] = {2001, 2003, 2005, 2015, 2025, 2031};

	for (unsigned i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		if (codes[i] == code)
			return true;
	}
	return false;
}

/* Its body, copied here and scanned; false if it is not one object. */
static bool read_body(struct mc *mc, uint32_t index, const struct command_text *text)
{
	if (text->payload_length > sizeof(mc->payload[0]))
		return false;
	command_payload(commands(mc), index, mc->payload[0]);
	return !json_scan(&mc->object, mc->payload[0], text->payload_length);
}

/* A deviceId in the body names the device asked for, or another on the same session. */
static bool names_device(struct mc *mc, const struct device *device)
{
	const struct json_member *member = json_find(&mc->object, "deviceId");
	uint8_t id[DEVICE_ID_MAX];
	int32_t length;

	if (!member)
		return true;
	length = json_string(&mc->object, member, id, sizeof(id));
	return length > 0 && carrier(mc, id, (uint32_t)length) == device;
}

static bool acceptable(
	struct mc *mc, uint32_t index, const struct command_text *text, const struct device *device)
{
	if (!is_request(text->code) || !read_body(mc, index, text))
		return false;
	if (json_find(&mc->object, "sequence") || json_find(&mc->object, "time"))
		return false;
	if (text->code == 2025 &&
		!json_find(&mc->object, "device") == !json_find(&mc->object, "modules"))
		return false;
	return names_device(mc, device);
}

/* ---- sending ---- */

static uint8_t *put(uint8_t *at, const char *text)
{
	return (uint8_t *)mempcpy(at, text, strlen(text));
}

/* What stands between the braces of the object that was scanned. */
static struct mc_text members(const struct json_object *object)
{
	const uint8_t *from = object->text, *to = object->text + object->length;

	while (*from != '{')
		from++;
	while (to[-1] != '}')
		to--;
	for (from++, to--; from < to && strchr(" \t\r\n", *from); from++)
		;
	while (from < to && strchr(" \t\r\n", to[-1]))
		to--;
	return (struct mc_text){from, to - from};
}

/* The longest plaintext of the body that was scanned. */
static uint32_t plain_bytes(const struct mc *mc, const struct command_text *text)
{
	bool named = json_find(&mc->object, "deviceId");

	return PLAIN_FRAMING + members(&mc->object).length + (named ? 0 : text->device_length);
}

static bool fits(const struct mc *mc, const struct session_turn *turn, uint32_t plain)
{
	uint32_t limit = mc->host->config->mc.frame_tcp;

	if (turn->via == SESSION_VIA_UDP) {
		limit = mc->host->config->mc.frame_udp;
		if (!ip_is_v4(&turn->peer.address) && limit > DATAGRAM_IPV6)
			limit = DATAGRAM_IPV6;
	}
	return plain < MC_OUT_PLAIN_MAX && mc_out_frame_bytes(plain) <= limit;
}

/* Hand it to the transport. One that cannot leave is like one that is lost: the timer repeats
 * it. */
static void transmit(struct mc *mc, const struct session_turn *turn, uint32_t index)
{
	const struct command_slot *slot = command_slot(commands(mc), index);
	struct command_text text;
	struct mc_text body;
	uint8_t *room, *at;

	command_text_of(commands(mc), index, &text);
	if (!read_body(mc, index, &text))
		return;
	room = at = mc_out_room(mc, plain_bytes(mc, &text));
	if (!room)
		return;
	body = members(&mc->object);
	at = put(at, "{\"sequence\":\"");
	at = mc_put_number(at, slot->life.sequence);
	at = put(at, "\",");
	if (!json_find(&mc->object, "deviceId")) {
		at = put(at, "\"deviceId\":\"");
		at = mempcpy(at, text.device, text.device_length);
		at = put(at, "\",");
	}
	at = mempcpy(at, body.at, body.length);
	at = put(at, body.length ? ",\"time\":" : "\"time\":");
	at = mc_put_number(at, mc_now(mc));
	at = put(at, "}");
	mc_out_session(mc, turn, text.code, at - room);
	mc_count(mc, MC_COMMAND_SENDS);
}

/* ---- a session's queue ---- */

/* A TCP session that was attached has no connection until its device comes back. */
static bool reachable(const struct session_turn *turn)
{
	return turn->via != SESSION_VIA_TCP || turn->connection;
}

static bool expired(const struct mc *mc, uint32_t index)
{
	struct command_text text;

	command_text_of(commands(mc), index, &text);
	return mc->host->clock.unix_ms >= text.expires;
}

static void leave(struct mc *mc, struct session_turn *turn, uint32_t index)
{
	uint32_t *link = &turn->command;

	while (*link && *link != index + 1)
		link = &command_slot(commands(mc), *link - 1)->next;
	if (*link)
		*link = command_slot(commands(mc), index)->next;
	command_slot(commands(mc), index)->next = 0;
}

/* The one that was sent and not answered; only the first can be. */
static uint32_t outstanding(const struct mc *mc, const struct session_turn *turn)
{
	if (!turn->command ||
		command_slot(commands(mc), turn->command - 1)->life.state != COMMAND_SENT)
		return COMMAND_NONE;
	return turn->command - 1;
}

/* Send the first one that can be sent, unless one is outstanding. */
static void send_next(struct mc *mc, struct session_turn *turn)
{
	while (turn->command && outstanding(mc, turn) == COMMAND_NONE) {
		const uint32_t index = turn->command - 1;
		struct command_slot *slot = command_slot(commands(mc), index);

		if (expired(mc, index)) {
			leave(mc, turn, index);
			undelivered(mc, index, HEARTH_EXPIRED);
			continue;
		}
		if (!fits(mc, turn, slot->bytes)) { /* its device went over to IPv6 */
			leave(mc, turn, index);
			undelivered(mc, index, HEARTH_TOO_LARGE);
			continue;
		}
		if (!reachable(turn))
			return;
		slot->due = mc->host->clock.us + ANSWER_US;
		slot->count = turn->progress.count;
		command_change(commands(mc), index,
			(struct command_life){.state = COMMAND_SENT,
				.sends = 1,
				.sequence = turn->platform_sequence++});
		transmit(mc, turn, index);
	}
}

/* Has the queue room for another? */
static bool has_room(const struct mc *mc, const struct session_turn *turn)
{
	uint32_t waiting = 0;

	for (uint32_t at = turn->command; at; at = command_slot(commands(mc), at - 1)->next)
		waiting += command_slot(commands(mc), at - 1)->life.state != COMMAND_SENT;
	return waiting < mc->host->config->mc.command_queue;
}

/* At its end. */
static void join(struct mc *mc, struct session_turn *turn, uint32_t index, uint32_t bytes)
{
	struct command_slot *slot = command_slot(commands(mc), index);
	uint32_t *link = &turn->command;

	while (*link)
		link = &command_slot(commands(mc), *link - 1)->next;
	*link = index + 1;
	slot->next = 0;
	slot->bytes = bytes;
	slot->handle = session_handle_of(mc->host->sessions, turn);
	slot->number = turn->number;
	command_hold(commands(mc), index);
}

/* ---- the life of a request ---- */

/* A device's live session, if it is this worker's. */
static struct session_turn *live_turn(struct mc *mc, uint32_t live, const struct device *device)
{
	struct session_turn *turn = session_touch(mc->host->sessions, live);

	return turn && turn->state == SESSION_LIVE && mc_device(mc, turn) == device ? turn : NULL;
}

/*
 * A 2015 that was scanned unbinds its sub-device at once, whatever the gateway answers; one
 * that names none, or one that is not bound here, is the gateway's to judge. Return: false: not
 * in this turn.
 */
static bool unbind(struct mc *mc, const struct session_turn *turn)
{
	const struct json_member *member = json_find(&mc->object, "subDeviceId");
	uint8_t id[DEVICE_ID_MAX];
	int32_t length = member ? json_string(&mc->object, member, id, sizeof(id)) : 0;

	return length <= 0 || mc_subdevice_unbind(mc, turn, id, (uint32_t)length) != -EAGAIN;
}

/* A backend's answer to a device's request. It has no outcome: who asked was the device. */
static void answered(
	struct mc *mc, uint32_t index, const struct command_text *text, struct session_turn *turn)
{
	if (turn && text->payload_length <= sizeof(mc->payload[0])) {
		command_payload(commands(mc), index, mc->payload[0]);
		mc_voice_answer(
			mc, turn, text->code, text->event, mc->payload[0], text->payload_length);
	} else {
		mc_count(mc, MC_VOICE_UNMATCHED);
	}
	done(mc, index);
}

bool mc_command(void *state, uint32_t index)
{
	struct mc *mc = state;
	struct session_turn *turn = NULL;
	enum hearth_reason reason;
	struct command_text text;
	struct device *device;
	uint32_t live;

	command_text_of(commands(mc), index, &text);
	device = carrier(mc, text.device, text.device_length);
	live = device ? mc_names(device).live : SESSION_NONE;
	if (live != SESSION_NONE && !expired(mc, index)) {
		if (!session_take(mc->host->sessions, live))
			return host_command(mc->host, index, live);
		if (!session_touch(mc->host->sessions, live))
			return false; /* the turn has no room for another session */
		turn = live_turn(mc, live, device);
	}
	if (text.kind == COMMAND_ANSWER) {
		answered(mc, index, &text, turn);
		return true;
	}
	if (!device || !acceptable(mc, index, &text, device))
		reason = HEARTH_REFUSED;
	else if (expired(mc, index))
		reason = HEARTH_EXPIRED;
	else if (!turn)
		reason = HEARTH_WAS_OFFLINE;
	else if (!fits(mc, turn, plain_bytes(mc, &text)))
		reason = HEARTH_TOO_LARGE;
	else if (!has_room(mc, turn))
		reason = HEARTH_QUEUE_FULL;
	else
		reason = HEARTH_REASON_NONE;
	if (reason == HEARTH_REASON_NONE && text.code == 2015 && !unbind(mc, turn))
		return false;
	mc_count(mc, MC_COMMANDS);
	if (reason != HEARTH_REASON_NONE) {
		undelivered(mc, index, reason);
		return true;
	}
	join(mc, turn, index, plain_bytes(mc, &text));
	send_next(mc, turn);
	return true;
}

/* Into the ring, or the pool. Return: false when neither has room. */
static bool respond(struct mc *mc, const struct mc_frame *frame, struct session_turn *turn,
	const struct device *device, uint32_t index)
{
	bool settled = mc_settle(mc, turn, device);
	struct hearth_record record;
	struct command_text text;
	struct mc_text payload;
	uint32_t kept;

	command_text_of(commands(mc), index, &text);
	payload = mc_event_response(mc, turn, device, frame, &record);
	record.request = text.request;
	if (settled && !feed_write(mc->host->feed, FEED_LIFECYCLE, &record, device_id(device), NULL,
			       payload.at)) {
		mc->trace.written = record.id;
		if (mc_followed(mc))
			mc_trace_command(mc, index, MC_RESPONSES, true);
		done(mc, index);
		return true;
	}
	kept = command_keep(commands(mc), text.request, &record, sizeof(record), device_id(device),
		device->id_length, payload.at, payload.length);
	if (kept)
		owe(mc, index, (struct command_life){.kept = kept});
	return kept;
}

void mc_command_answer(struct mc *mc, const struct mc_frame *frame, struct session_turn *turn,
	const struct device *device)
{
	const uint32_t index = outstanding(mc, turn);
	struct command_text text;

	if (!frame->content.has_result) {
		mc_count(mc, MC_DROP_ANSWER);
		return;
	}
	if (index == COMMAND_NONE) {
		mc_count(mc, MC_DROP_UNMATCHED);
		return;
	}
	command_text_of(commands(mc), index, &text);
	if (text.code != frame->code + 1 ||
		command_slot(commands(mc), index)->life.sequence != frame->content.sequence) {
		mc_count(mc, MC_DROP_UNMATCHED);
		return;
	}
	if (!respond(mc, frame, turn, device, index)) {
		mc_count(mc,
			MC_DROP_RESPONSE); /* as if it had been lost: the device is asked again */
		return;
	}
	leave(mc, turn, index);
	mc_count(mc, MC_RESPONSES);
	turn->heard = mc->host->clock.tick;
	if (!mc_over_tcp(frame))
		turn->peer = frame->message->peer.udp;
	send_next(mc, turn);
}

void mc_command_end(struct mc *mc, struct session_turn *turn)
{
	while (turn->command) {
		const uint32_t index = turn->command - 1;
		const bool sent = outstanding(mc, turn) == index;

		leave(mc, turn, index);
		undelivered(mc, index, sent ? HEARTH_UNKNOWN : HEARTH_WAS_OFFLINE);
	}
}

/* All sends are used up. */
static void give_up(struct mc *mc, struct session_turn *turn, uint32_t index)
{
	const enum config_unanswered policy = mc->host->config->mc.unanswered;
	/* every fresh frame but an answer counts, and this was the one that had none */
	const bool silent = turn->progress.count == command_slot(commands(mc), index)->count;

	leave(mc, turn, index);
	undelivered(mc, index, HEARTH_NO_ANSWER);
	if (policy == UNANSWERED_END || (policy == UNANSWERED_IF_SILENT && silent))
		mc_end_close(mc, turn, mc_device(mc, turn), HEARTH_UNANSWERED);
	else
		send_next(mc, turn);
}

/* No answer in time. */
static void overdue(struct mc *mc, struct session_turn *turn, uint32_t index)
{
	struct command_slot *slot = command_slot(commands(mc), index);
	struct command_life life = slot->life;

	if (!reachable(turn))
		return;
	if (life.sends >= mc->host->config->mc.command_sends) {
		give_up(mc, turn, index);
		return;
	}
	life.sends++;
	command_change(commands(mc), index, life);
	slot->due = mc->host->clock.us + ANSWER_US;
	transmit(mc, turn, index);
}

bool mc_command_due(void *state, uint32_t index)
{
	struct mc *mc = state;
	const struct command_slot *slot = command_slot(commands(mc), index);
	const struct command_life life = slot->life;
	struct session_turn *turn;

	if (life.state == COMMAND_OWED) {
		if (life.kept ? !write_kept(mc, life.kept)
			      : !write_undelivered(mc, index, life.reason))
			return false; /* no room for the others either */
		done(mc, index);
		return true;
	}
	if (life.state == COMMAND_SENT ? mc->host->clock.us < slot->due : !expired(mc, index))
		return true;
	turn = session_touch(mc->host->sessions, session_handle_index(slot->handle));
	if (!turn)
		return true; /* the turn has no room for another session */
	if (life.state == COMMAND_SENT) {
		overdue(mc, turn, index);
	} else {
		leave(mc, turn, index);
		undelivered(mc, index, HEARTH_EXPIRED);
	}
	return true;
}

/* ---- on attach ---- */

/* A predecessor that was killed behind a 2015's first send may not have made its unbinding
 * durable. */
static void unbind_again(struct mc *mc, const struct session_turn *turn, uint32_t index)
{
	struct command_text text;

	command_text_of(commands(mc), index, &text);
	if (text.code == 2015 && read_body(mc, index, &text))
		unbind(mc, turn);
}

void mc_command_attached(void *state, uint32_t index)
{
	struct mc *mc = state;
	struct command_slot *slot = command_slot(commands(mc), index);
	struct session_turn *turn =
		session_touch(mc->host->sessions, session_handle_index(slot->handle));

	command_hold(commands(mc), index);
	if (slot->life.state != COMMAND_SENT)
		return;
	if (!turn || turn->state != SESSION_LIVE || turn->command ||
		session_handle_of(mc->host->sessions, turn) != slot->handle) {
		/* Its session ended with the last turn: it may have acted. */
		command_change(commands(mc), index,
			(struct command_life){.state = COMMAND_OWED, .reason = HEARTH_UNKNOWN});
		return;
	}
	turn->command = index + 1;
	/* killed between the two stores */
	turn->platform_sequence = (uint16_t)(slot->life.sequence + 1);
	slot->count = turn->progress.count;
	slot->due = mc->host->clock.us + ANSWER_US;
	unbind_again(mc, turn, index);
}
