/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* control_follow.c - a request that is answered by a device's frames, until its client goes away */

#include <urcu/urcu-qsbr.h>

#include "control/control_private.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Lines that a client has not taken yet; what finds no room in them is lost, and counted. */
#define LINES_BYTES (512u * 1024)
#define HEAD_BYTES 1024
/* Records made into lines in one go, so that other clients have their turn. */
#define RECORDS_MAX 256

static const char *const kinds[] = {[TRACE_IN] = "in", [TRACE_OUT] = "out", [TRACE_NOTE] = "note"};

/** struct text - the head of a line; nothing in it is a device's own word */
struct text {
	char bytes[HEAD_BYTES];
	size_t used;
};

static __attribute__((format(printf, 2, 3))) void put(struct text *text, const char *format, ...)
{
	const size_t room = sizeof(text->bytes) - text->used;
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = vsnprintf(text->bytes + text->used, room, format, arguments);
	va_end(arguments);
	text->used += (size_t)n < room ? (size_t)n : room - 1;
}

static void put_peer(struct text *text, const struct trace_record *record)
{
	static const uint8_t none[16];
	struct ip_address address;
	char out[IP_PORT_TEXT];

	if (record->via)
		put(text, ",\"via\":\"%s\"", hearth_via_name(record->via));
	if (!memcmp(record->peer, none, sizeof(none)))
		return;
	memcpy(&address, record->peer, sizeof(address));
	put(text, ",\"peer\":\"%s\"", ip_port_text(&address, record->port, out));
}

/* Everything but the payload, which stands last, and the closing brace. */
static void put_head(struct text *text, const struct trace_record *record)
{
	char decision[512];

	put(text, "{\"time\":%llu,\"what\":\"%s\",\"worker\":%u",
		(unsigned long long)record->unix_ms, kinds[record->kind], record->worker);
	put_peer(text, record);
	if (record->kind != TRACE_NOTE)
		put(text, ",\"code\":%u", record->code);
	if (record->name)
		put(text, ",\"name\":\"%s\"", record->name);
	if (record->session)
		put(text, ",\"session\":%llu", (unsigned long long)record->session);
	if (record->count)
		put(text, ",\"count\":%u", record->count);
	if (record->flags & TRACE_HAS_SEQUENCE)
		put(text, ",\"sequence\":%u", record->sequence);
	record->tell(record, decision, sizeof(decision));
	put(text, ",\"decision\":\"%s\"", decision);
	if (record->payload_length)
		put(text, ",\"payload\":");
}

static bool has_room(const struct control_client *client, size_t length)
{
	return client->lines && length <= LINES_BYTES - client->lines_used;
}

static void append(struct control_client *client, const void *bytes, size_t length)
{
	memcpy(client->lines + client->lines_used, bytes, length);
	client->lines_used += length;
}

/* Where lines are missing stands how many, before anything else is told. */
static bool tell_lost(struct control_client *client)
{
	char line[64];
	size_t length;

	if (!client->lines_lost)
		return true;
	length = (size_t)snprintf(
		line, sizeof(line), "{\"lost\":%llu}\n", (unsigned long long)client->lines_lost);
	if (!has_room(client, length))
		return false;
	append(client, line, length);
	client->lines_lost = 0;
	return true;
}

static void tell(
	struct control_client *client, const struct text *head, const struct trace_record *record)
{
	if (!tell_lost(client) || !has_room(client, head->used + record->payload_length + 2)) {
		client->lines_lost++;
		return;
	}
	append(client, head->bytes, head->used);
	append(client, trace_payload(record), record->payload_length);
	append(client, "}\n", 2);
}

/* What has gathered becomes the client's output once it has taken the last. */
static void hand_over(struct control_client *client, uint64_t now)
{
	if (client->output)
		return;
	client->active_us = now; /* a device that says nothing makes nobody idle */
	if (!tell_lost(client) || !client->lines_used)
		return;
	client->output = client->lines;
	client->output_length = client->lines_used;
	client->lines = malloc(LINES_BYTES);
	client->lines_used = 0;
	client_send(client, now);
}

void control_follow_pump(struct control *control, uint64_t now)
{
	struct trace *trace = control->view->trace;
	const struct trace_record *record;

	if (!control->followers)
		return;
	for (unsigned n = 0; n < RECORDS_MAX && (record = trace_next(trace)); n++) {
		struct text head = {.used = 0};

		put_head(&head, record);
		for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++) {
			if (control->clients[i].following == record->slot + 1u)
				tell(&control->clients[i], &head, record);
		}
		trace_done(trace);
	}
	for (unsigned slot = 0; slot < TRACE_DEVICES_MAX; slot++) {
		const uint64_t lost = trace_lost(trace, slot);

		for (unsigned i = 0; i < CONTROL_CLIENTS_MAX && lost; i++) {
			if (control->clients[i].following == slot + 1)
				control->clients[i].lines_lost += lost;
		}
	}
	for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		if (control->clients[i].following)
			hand_over(&control->clients[i], now);
	}
}

void control_follow_end(struct control *control, struct control_client *client)
{
	if (!client->following)
		return;
	trace_leave(control->view->trace, client->following - 1);
	client->following = 0;
	control->followers--;
	free(client->lines);
	client->lines = NULL;
	client->lines_used = client->lines_lost = 0;
}

static json_t *refuse(int rc)
{
	if (rc == -ENOSPC)
		return control_refuse("end another hearthctl session --follow first",
			"%d devices are followed already", TRACE_DEVICES_MAX);
	return control_refuse(
		"try again in a moment", "it cannot be followed now: %s", strerror(-rc));
}

json_t *control_follow(struct control *control, json_t *request, int file)
{
	struct control_client *client = control->serving;
	struct broker_view *view = control->view;
	const char *verb, *id;
	struct device *device;
	json_t *refusal;
	int slot;

	refusal = control_unpack(request, "{s:s, s:s}", "verb", &verb, "id", &id);
	if (refusal)
		return refusal;
	device = registry_find(view->registry, id, (uint32_t)strlen(id));
	if (!device)
		return control_refuse("hearthctl device list shows those that are provisioned",
			"no device \"%s\"", id);
	if (!view->trace || !client)
		return refuse(-ENOTSUP);
	client->lines = malloc(LINES_BYTES);
	slot = client->lines ? trace_follow(view->trace, id, strlen(id)) : -ENOMEM;
	if (slot < 0) {
		free(client->lines);
		client->lines = NULL;
		return refuse(slot);
	}
	client->following = (unsigned)slot + 1;
	control->followers++;
	return json_pack(
		"{s:b, s:s, s:b}", "ok", 1, "id", id, "connected", control_connected(view, device));
}
