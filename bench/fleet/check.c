/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* check.c - what the text requires of every answer (Q/CT X-2017 sections 5.3 and 5.4) */
#include "fleet.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The broker's clock may be this far from ours before an answer's time counts as wrong. */
#define TIME_TOLERANCE 300

static const char *const deviation_names[DEVIATION_COUNT] = {
#define X(id, name) [id] = name,
	DEVIATIONS(X)
#undef X
};

const char *deviation_name(enum deviation kind)
{
	return deviation_names[kind];
}

void deviate(struct fleet *fleet, const struct device *device, enum deviation kind, unsigned code,
	const char *why)
{
	fleet->figures.deviations[kind]++;
	if (fleet->first_deviation[0])
		return;
	snprintf(fleet->first_deviation, sizeof(fleet->first_deviation),
		"device %s, frame %u, %s: %s", device->id, code, deviation_names[kind], why);
}

int32_t check_sequence(
	struct fleet *fleet, const struct device *device, unsigned code, const json_t *answer)
{
	const json_t *sequence = json_object_get(answer, "sequence");
	const char *digits;
	char *end;
	long value;

	if (json_is_integer(sequence)) {
		if (fleet->options.like != LIKE_FIRMWARE)
			deviate(fleet, device, BAD_FORM, code, "a number answers a string");
		value = (long)json_integer_value(sequence);
	} else if (json_is_string(sequence)) {
		if (fleet->options.like == LIKE_FIRMWARE)
			deviate(fleet, device, BAD_FORM, code, "a string answers a number");
		digits = json_string_value(sequence);
		value = strtol(digits, &end, 10);
		if (*digits < '0' || *digits > '9' || *end != '\0')
			value = -1;
	} else {
		value = -1;
	}
	if (value >= 0 && value <= UINT16_MAX)
		return (int32_t)value;
	deviate(fleet, device, BAD_SEQUENCE, code, "no sequence of 0..65535");
	return -1;
}

static void check_string(struct fleet *fleet, const struct device *device, unsigned code,
	const json_t *answer, const char *name, const char *value)
{
	const char *string = json_string_value(json_object_get(answer, name));
	char why[64];

	if (string && (!value || strcmp(string, value) == 0))
		return;
	snprintf(why, sizeof(why), "%s is %s", name, string ? "another's" : "missing");
	deviate(fleet, device, BAD_MEMBER, code, why);
}

static void check_number(struct fleet *fleet, const struct device *device, unsigned code,
	const json_t *answer, const char *name, json_int_t least, json_int_t most)
{
	const json_t *number = json_object_get(answer, name);
	char why[64];

	if (json_is_integer(number) && json_integer_value(number) >= least &&
		json_integer_value(number) <= most)
		return;
	snprintf(why, sizeof(why), "%s is %s", name, number ? "out of range" : "missing");
	deviate(fleet, device, BAD_MEMBER, code, why);
}

static void check_time(
	struct fleet *fleet, const struct device *device, unsigned code, const json_t *answer)
{
	const json_t *time_member = json_object_get(answer, "time");
	json_int_t away;

	if (!json_is_integer(time_member)) {
		deviate(fleet, device, BAD_MEMBER, code, "time is missing or no number");
		return;
	}
	away = json_integer_value(time_member) - (json_int_t)time(NULL);
	if (away > TIME_TOLERANCE || away < -TIME_TOLERANCE)
		deviate(fleet, device, BAD_TIME, code, "time is far from the clock");
}

static void check_login(
	struct fleet *fleet, const struct device *device, unsigned code, const json_t *answer)
{
	const char *key = json_string_value(json_object_get(answer, "sessionKey"));
	const char *token = json_string_value(json_object_get(answer, "token"));
	const char *tcp = json_string_value(json_object_get(answer, "tcpHost"));
	const char *udp = json_string_value(json_object_get(answer, "udpHost"));
	struct endpoint ignored;

	if (!key || strlen(key) != KEY_BYTES)
		deviate(fleet, device, BAD_MEMBER, code, "sessionKey is not 16 characters");
	if (!token || strlen(token) != TOKEN_CHARS)
		deviate(fleet, device, BAD_MEMBER, code, "token is not 16 characters");
	if (!tcp || (*tcp && !peer_address(tcp, &ignored)))
		deviate(fleet, device, BAD_MEMBER, code, "tcpHost is missing or malformed");
	if (!udp || (*udp && !peer_address(udp, &ignored)))
		deviate(fleet, device, BAD_MEMBER, code, "udpHost is missing or malformed");
	if (tcp && udp && !*tcp && !*udp)
		deviate(fleet, device, BAD_MEMBER, code, "neither tcpHost nor udpHost");
}

json_int_t check_answer(
	struct fleet *fleet, const struct device *device, unsigned code, const json_t *answer)
{
	const json_t *result = json_object_get(answer, "result");
	const char *named = json_string_value(json_object_get(answer, "deviceId"));
	const struct subdevices *subdevices = device->subdevices;
	unsigned i;

	check_time(fleet, device, code, answer);
	if (!json_is_integer(result)) {
		deviate(fleet, device, BAD_MEMBER, code, "result is missing or no number");
		return -1;
	}
	if (json_integer_value(result) != 0)
		return json_integer_value(result);
	switch (code) {
	case 1003:
		check_login(fleet, device, code, answer);
		break;
	case 1005:
		check_number(fleet, device, code, answer, "heartBeat", 10, 3600);
		check_number(fleet, device, code, answer, "authInterval", 0, 86400 * 7);
		break;
	case 1001:
		break;
	case 3001:
	case 3003:
		check_string(fleet, device, code, answer, "deviceId", device->id);
		break;
	case 2013:
		check_string(fleet, device, code, answer, "authResult", "0");
		/* fall through */
	case 2017:
	case 2019:
	case 2021:
		check_string(fleet, device, code, answer, "subDeviceId", NULL);
		check_string(fleet, device, code, answer, "deviceId", device->id);
		break;
	default:
		/* A report's answer names its subject: the device or one of its sub-devices. */
		for (i = 0; named && subdevices && i < subdevices->count; i++) {
			if (strcmp(fleet->devices[subdevices->at[i]].id, named) == 0)
				return 0;
		}
		check_string(fleet, device, code, answer, "deviceId", device->id);
	}
	return 0;
}
