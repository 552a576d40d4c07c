/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* mc_event.c - event records: what a device said and what became of its session */
#include "mc.h"

#include <string.h>

/* A connection that is gone, or did not come through a restart, has no address. */
static void set_peer(struct mc *mc, struct hearth_record *record, const struct peer *peer)
{
	record->via = peer->via;
	if (peer->via == SESSION_VIA_UDP || peer->connection)
		host_peer_address(mc->host, peer, record->peer, &record->peer_port);
}

static void begin(struct mc *mc, struct hearth_record *record, const struct session_turn *turn,
	const struct device *device, enum hearth_event event)
{
	struct session_turn then = *turn;

	/* An event that was owed is of the session as it was before it ended. */
	if (turn->state != SESSION_LIVE)
		then.generation--;
	memset(record, 0, sizeof(*record));
	record->time = mc->host->clock.unix_ms;
	record->session = turn->number;
	record->handle = session_handle_of(mc->host->sessions, &then);
	record->event = event;
	record->protocol = HEARTH_MC;
	record->device_length = device->id_length;
}

static bool write_record(struct mc *mc, enum feed_class class, struct hearth_record *record,
	const struct device *device, const void *payload)
{
	if (feed_write(mc->host->feed, class, record, device_id(device), NULL, payload))
		return false;
	if (mc->commits)
		mc_commit_wrote(mc, record);
	mc->trace.written = record->id;
	return true;
}

/* The object without its first-level member @name. Return: its bytes in @out. */
static struct mc_text without(struct mc *mc, struct mc_text body, const char *name, uint8_t *out)
{
	if (json_scan(&mc->object, body.at, body.length) || !json_find(&mc->object, name))
		return body;
	return (struct mc_text){out, json_without(&mc->object, name, out)};
}

/* The object with one more member, written as @member (",..." and no brace). */
static struct mc_text with(struct mc_text body, const char *member, uint8_t *out)
{
	uint32_t bytes = strlen(member), at;
	bool empty;

	for (at = body.length - 1; body.at[at] != '}'; at--)
		;
	memmove(out, body.at, at);
	while (at > 1 && strchr(" \t\r\n", out[at - 1]))
		at--;
	empty = at == 1;
	memcpy(out + at, member + empty, bytes - empty);
	at += bytes - empty;
	out[at++] = '}';
	return (struct mc_text){out, at};
}

/* No event carries a PIN; that of a 2012 says what the broker found instead. */
struct mc_text mc_event_payload(struct mc *mc, const struct mc_frame *frame)
{
	struct mc_text body = frame->content.body;

	if (frame->content.has_pin)
		body = without(mc, body, "pin", mc->payload[0]);
	if (frame->kind && frame->kind->auth) {
		body = without(mc, body, "authResult", mc->payload[1]);
		body = with(body, mc->authentic ? ",\"authResult\":\"0\"" : ",\"authResult\":\"1\"",
			mc->payload[0]);
	}
	return body;
}

bool mc_event_request(struct mc *mc, const struct session_turn *turn, const struct device *device,
	const struct mc_frame *frame, uint32_t result, uint32_t count, uint32_t window,
	uint64_t *event)
{
	struct mc_text payload = mc_event_payload(mc, frame);
	struct hearth_record record;

	begin(mc, &record, turn, device, HEARTH_UPLINK);
	set_peer(mc, &record, &frame->message->peer);
	record.count = count;
	record.window = window;
	record.code = frame->code;
	record.result = (int32_t)result;
	record.device_time = frame->content.time;
	record.sequence = frame->content.sequence;
	record.flags = frame->content.sequence_text ? 0 : HEARTH_SEQUENCE_WAS_NUMBER;
	if (mc_is_own(device, frame->content.device))
		record.flags |= HEARTH_OF_ITSELF;
	record.payload_length = payload.length;
	if (!write_record(mc, FEED_REQUEST, &record, device, payload.at))
		return false;
	*event = record.id;
	return true;
}

struct mc_text mc_event_response(struct mc *mc, const struct session_turn *turn,
	const struct device *device, const struct mc_frame *frame, struct hearth_record *record)
{
	struct mc_text payload = mc_event_payload(mc, frame);

	begin(mc, record, turn, device, HEARTH_RESPONSE);
	set_peer(mc, record, &frame->message->peer);
	record->count = turn->progress.count;
	record->window = turn->progress.window;
	record->code = frame->code;
	record->result = frame->content.result;
	record->device_time = frame->content.time;
	record->sequence = frame->content.sequence;
	record->flags = frame->content.sequence_text ? 0 : HEARTH_SEQUENCE_WAS_NUMBER;
	record->payload_length = payload.length;
	return payload;
}

bool mc_event_waited(struct mc *mc, const struct session_turn *turn, const struct device *device,
	const struct mc_wait *wait, uint32_t window)
{
	const struct peer peer = mc_peer_of(mc, turn);
	struct hearth_record record;

	begin(mc, &record, turn, device, HEARTH_UPLINK);
	set_peer(mc, &record, &peer);
	record.count = wait->number;
	record.window = window;
	record.code = wait->code;
	record.result = MC_DONE;
	record.device_time = wait->device_time;
	record.sequence = wait->sequence;
	record.flags = wait->sequence_text ? 0 : HEARTH_SEQUENCE_WAS_NUMBER;
	record.payload_length = wait->payload_length;
	return write_record(mc, FEED_REQUEST, &record, device, wait->payload);
}

/* {"devVersion":..,"model":..} of what the connect carried. */
static struct mc_text connect_payload(struct mc *mc, const struct mc_frame *frame)
{
	static const char version[] = "\"devVersion\":", model[] = "\"model\":";
	const struct mc_content *content = &frame->content;
	uint8_t *start = mc->payload[0], *at = start;

	*at++ = '{';
	if (content->version.at) {
		at = mempcpy(at, version, sizeof(version) - 1);
		at = mempcpy(at, content->version.at, content->version.length);
	}
	if (content->version.at && content->model.at)
		*at++ = ',';
	if (content->model.at) {
		at = mempcpy(at, model, sizeof(model) - 1);
		at = mempcpy(at, content->model.at, content->model.length);
	}
	*at++ = '}';
	return (struct mc_text){start, at - start};
}

bool mc_event_online(struct mc *mc, const struct session_turn *turn, const struct device *device,
	const struct mc_frame *frame)
{
	const struct peer peer = {
		.via = turn->via, .connection = turn->connection, .udp = turn->peer};
	struct mc_text payload = {(const uint8_t *)"{}", 2};
	struct hearth_record record;

	begin(mc, &record, turn, device, HEARTH_ONLINE);
	set_peer(mc, &record, &peer);
	if (frame)
		payload = connect_payload(mc, frame);
	if (frame && !frame->content.sequence_text)
		record.flags = HEARTH_SEQUENCE_WAS_NUMBER;
	record.code = MC_CONNECT;
	record.device_time = turn->connect_device_time;
	record.sequence = turn->base;
	record.payload_length = payload.length;
	return write_record(mc, FEED_LIFECYCLE, &record, device, payload.at);
}

bool mc_event_offline(struct mc *mc, const struct session_turn *turn, const struct device *device,
	enum hearth_reason reason)
{
	const struct peer peer = {
		.via = turn->via, .connection = turn->connection, .udp = turn->peer};
	struct hearth_record record;

	begin(mc, &record, turn, device, HEARTH_OFFLINE);
	set_peer(mc, &record, &peer);
	record.reason = reason;
	record.count = turn->progress.count;
	record.window = turn->progress.window;
	return write_record(mc, FEED_LIFECYCLE, &record, device, NULL);
}

bool mc_event_alert(struct mc *mc, const struct device *device, uint64_t session,
	const struct peer *peer, enum hearth_reason reason)
{
	struct hearth_record record = {.time = mc->host->clock.unix_ms,
		.session = session,
		.event = HEARTH_ALERT,
		.reason = reason,
		.protocol = HEARTH_MC,
		.device_length = device->id_length};

	set_peer(mc, &record, peer);
	return write_record(mc, FEED_LIFECYCLE, &record, device, NULL);
}

/*
 * The reserve of the ring is for sessions: a gateway may have thousands of sub-devices, and what is
 * not written about them now is written when there is room.
 */
bool mc_event_subdevice(struct mc *mc, const struct session_turn *turn,
	const struct device *gateway, const struct device *subdevice, enum hearth_event event,
	enum hearth_reason reason)
{
	const struct peer peer = mc_peer_of(mc, turn);
	struct hearth_record record;

	begin(mc, &record, turn, subdevice, event);
	set_peer(mc, &record, &peer);
	record.reason = reason;
	record.gateway_length = gateway->id_length;
	record.payload_length = event == HEARTH_ONLINE ? 2 : 0;
	return !feed_write(mc->host->feed, FEED_REQUEST, &record, device_id(subdevice),
		device_id(gateway), "{}");
}
