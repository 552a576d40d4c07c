/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* inbound.c - frames from the platform: answers, and requests that a device answers itself */
#include "side.h"
#include "transport.h"

#include <stdlib.h>
#include <string.h>

static bool is_request(unsigned code)
{
	return code == 2001 || code == 2003 || code == 2005 || code == 2015 || code == 2025 ||
	       code == 2031;
}

/* One whole frame, CTS to CR LF. */
static void take_frame(struct fleet *fleet, struct device *device, const char *frame, size_t length)
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
		command_came(fleet, device, code, body);
	else
		deviate(fleet, device, BAD_REQUEST, code, "before the connect was answered");
	json_decref(body);
}

/* Public firmware takes what one recv() brings for one frame. */
static void check_read(
	struct fleet *fleet, const struct device *device, const char *bytes, size_t length)
{
	const char *end = memmem(bytes, length, "\r\n", 2);

	if (length > FIRMWARE_FRAME_MAX)
		deviate(fleet, device, TOO_LONG, 0, "longer than 1,024 bytes");
	else if (length < 5 || memcmp(bytes, "CTS", 3) || end != bytes + length - 2)
		deviate(fleet, device, TWO_FRAMES, 0, "a read is not one whole frame");
}

/* Takes whole frames; keeps what is left of the bytes, unless a frame ended the connection. */
static void take_frames(
	struct fleet *fleet, struct device *device, const char *bytes, size_t length)
{
	uint32_t serial = device->serial;
	const char *end;

	while ((end = memmem(bytes, length, "\r\n", 2))) {
		size_t frame = (size_t)(end + 2 - bytes);

		take_frame(fleet, device, bytes, frame);
		if (device->serial != serial)
			return;
		bytes += frame;
		length -= frame;
	}
	if (length)
		buffer_add(&device->in, bytes, length);
	if (length < FRAME_MAX)
		return;
	deviate(fleet, device, BAD_FRAME, 0, "no end within 64 KiB");
	device_lost(fleet, device);
}

void inbound_stream(struct fleet *fleet, struct device *device, const char *bytes, size_t length)
{
	struct buffer *partial;

	if (fleet->options.like == LIKE_FIRMWARE)
		check_read(fleet, device, bytes, length);
	if (!device->in) {
		take_frames(fleet, device, bytes, length);
		return;
	}
	buffer_add(&device->in, bytes, length);
	partial = device->in;
	device->in = NULL;
	take_frames(fleet, device, partial->bytes, partial->length);
	free(partial);
}

void inbound_datagram(struct fleet *fleet, struct device *device, const char *bytes, size_t length)
{
	if (fleet->options.like == LIKE_FIRMWARE)
		check_read(fleet, device, bytes, length);
	if (length > DATAGRAM_MAX)
		deviate(fleet, device, TOO_LONG, 0, "a datagram of more than 1,472 bytes");
	take_frame(fleet, device, bytes, length);
}
