/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* inbound.c - frames from the platform: answers, and requests that a device answers itself */
#include "fleet.h"

#include <stdlib.h>
#include <string.h>

static bool is_request(unsigned code)
{
	return code == 2001 || code == 2003 || code == 2005 || code == 2015 || code == 2025 ||
	       code == 2031;
}

static bool named_here(
	const struct fleet *fleet, const struct device *device, const char *device_id)
{
	unsigned i;

	if (!device_id)
		return false;
	for (i = 0; i < device->subdevice_count; i++) {
		if (strcmp(fleet->devices[device->subdevices[i]].id, device_id) == 0)
			return true;
	}
	return strcmp(device->id, device_id) == 0;
}

/* A control request: accepted, and the state follows as a report (section 5.4.4). */
static void platform_request(
	struct fleet *fleet, struct device *device, unsigned code, const json_t *body)
{
	const json_t *sequence = json_object_get(body, "sequence");
	const char *digits = json_string_value(sequence);
	char plain[512], frame[2048];
	long long number;
	size_t length;

	number = digits ? atoll(digits) : (long long)json_integer_value(sequence);
	if ((!digits && !json_is_integer(sequence)) || number < 0 || number > UINT16_MAX ||
		!json_is_integer(json_object_get(body, "time")) ||
		!named_here(fleet, device, json_string_value(json_object_get(body, "deviceId")))) {
		deviate(fleet, device, BAD_REQUEST, code, "sequence, time or deviceId is missing");
		return;
	}
	if (device->platform_sequence != number) {
		fleet->figures.platform_requests++;
		device->platform_sequence = (int32_t)number;
	}
	/* Public firmware does not know 2003. */
	if (code == 2003 && fleet->options.like == LIKE_FIRMWARE)
		return;
	length = message_answer(device, sequence, plain, sizeof(plain));
	if (length)
		length = frame_encode(frame, sizeof(frame), code - 1, device->key, device->key,
			"token", device->token, plain, false);
	if (length)
		transport_send(fleet, device, frame, length, false);
	if (code == 2003 || code == 2005) {
		device->report_due = fleet->now;
		if (device->state == STATE_LIVE)
			request_next(fleet, device);
		device_rearm(fleet, device);
	}
}

void inbound_frame(struct fleet *fleet, struct device *device, const char *frame, size_t length)
{
	bool login = device->state == STATE_LOGIN;
	const char *key = login ? device->pin : device->key;
	const char *iv = login ? device->pin + KEY_BYTES : device->key;
	enum deviation deviation;
	unsigned code = 0;
	json_t *body;
	char *data;
	int wrong;

	wrong = frame_open(frame, length, &code, &data);
	if (wrong) {
		deviate(fleet, device, (enum deviation)(wrong - 1), code, "malformed");
		return;
	}
	body = frame_decrypt(data, key, iv, &deviation);
	free(data);
	if (!body) {
		deviate(fleet, device, deviation, code, "not this session's");
		return;
	}
	if (!is_request(code))
		request_answered(fleet, device, code, body);
	else if (device->state == STATE_LIVE)
		platform_request(fleet, device, code, body);
	else
		deviate(fleet, device, BAD_REQUEST, code, "before the connect was answered");
	json_decref(body);
}

void inbound_stream(struct fleet *fleet, struct device *device)
{
	uint32_t socket = device->socket;
	size_t from = 0, i;

	for (i = 1; i < device->in_length; i++) {
		if (device->in[i] != '\n' || device->in[i - 1] != '\r')
			continue;
		inbound_frame(fleet, device, device->in + from, i + 1 - from);
		/* The frame may have ended this connection. */
		if (device->socket != socket)
			return;
		from = i + 1;
	}
	device->in_length -= from;
	memmove(device->in, device->in + from, device->in_length);
	if (device->in_length < FRAME_MAX)
		return;
	deviate(fleet, device, BAD_FRAME, 0, "no end within 64 KiB");
	device_lost(fleet, device);
}
