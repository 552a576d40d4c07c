/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* request.c - what a device asks, repeats and gives up (Q/CT X-2017 section 5.2.4) */
#include "journal.h"
#include "side.h"
#include "transport.h"

#include <stdlib.h>
#include <string.h>

#define ANSWER_WAIT 10.0
#define SENDS_MAX 3
#define MISSED_MAX 3 /* firmware: this many requests without answer, then login */
#define REFUSED 999999
#define OUT_OF_ORDER 200003
#define SEGMENT_TAKEN 400002

static bool is_report(unsigned code)
{
	return code >= 2006 && code < 3000 && (code < 2012 || code > 2020);
}

/* @at: the link that leads to the request */
static void forget(const struct fleet *fleet, struct device *device, struct request **at)
{
	struct request *request = *at;
	struct recent *recent, **oldest = &device->recent;
	bool twice = fleet->options.twice && request->code >= 2000 && request->code < 3000;
	unsigned count = 0, sent = request->sends + twice;

	*at = request->next;
	device->outstanding--;
	if (sent > request->answers) {
		recent = malloc(sizeof(*recent));
		if (!recent)
			out_of_memory();
		*recent = (struct recent){device->recent, request->code, request->sequence,
			(uint8_t)(sent - request->answers)};
		device->recent = recent;
		while (*oldest && count++ < RECENT_MAX)
			oldest = &(*oldest)->next;
		free(*oldest);
		*oldest = NULL;
	}
	free(request);
}

void request_forget(struct fleet *fleet, struct device *device)
{
	struct recent *recent;

	while (device->requests) {
		if (device->requests->number)
			fleet->figures.unanswered++;
		forget(fleet, device, &device->requests);
	}
	/* Their answers would come by a connection that is gone. */
	while ((recent = device->recent)) {
		device->recent = recent->next;
		free(recent);
	}
}

static struct request *append(struct device *device, const char *frame, size_t length)
{
	struct request *request = malloc(sizeof(*request) + length);
	struct request **last = &device->requests;

	if (!request)
		out_of_memory();
	*request = (struct request){.length = (uint32_t)length, .sends = 1};
	memcpy(request->frame, frame, length);
	while (*last)
		last = &(*last)->next;
	*last = request;
	device->outstanding++;
	return request;
}

/* The next number; the segments of a recording share their first one's. */
static uint16_t take_number(struct fleet *fleet, struct device *device, unsigned code)
{
	struct series *series = code == 3002 ? &device->side->series : NULL;

	if (series && series->sn > 1)
		return series->sequence;
	device->sequence = code == 1002 ? (uint16_t)fleet_random(fleet, 65536)
					: (uint16_t)(device->sequence + 1);
	device->count = code == 1004 ? 0 : device->count + 1;
	if (series) {
		series->sequence = device->sequence;
		series->count = device->count;
	}
	return device->sequence;
}

void request_send(struct fleet *fleet, struct device *device, unsigned code,
	const struct device *subdevice, uint64_t due, bool hold)
{
	static char plain[FRAME_MAX], frame[2 * FRAME_MAX];
	bool login = code == 1002;
	uint64_t number = is_report(code) ? ++device->number : 0;
	uint16_t sequence = take_number(fleet, device, code);
	struct request *request;
	size_t length;

	length = message_request(
		fleet, device, code, sequence, number, subdevice, plain, sizeof(plain));
	if (length)
		length = frame_encode(frame, sizeof(frame), code, login ? device->pin : device->key,
			login ? device->pin + KEY_BYTES : device->key, login ? "deviceId" : "token",
			login ? device->id : device->token, plain, device->escape);
	if (!length) {
		fputs("hearth-fleet: a report longer than a frame\n", stderr);
		exit(1);
	}
	request = append(device, frame, length);
	request->code = (uint16_t)code;
	request->sequence = sequence;
	request->number = number;
	if (code == 3002) {
		request->sn = device->side->series.sn;
		request->count = device->side->series.count;
	} else {
		request->count = device->count;
	}
	request->first = due;
	request->deadline = fleet->now + device_scaled(fleet, ANSWER_WAIT);
	if (number) {
		fleet->figures.sent++;
		if (fleet->sent)
			fprintf(fleet->sent, "%s %llu %u\n", device->id, (unsigned long long)number,
				code);
	}
	if (code == 1000)
		fleet->figures.heartbeats++;
	journal_request(fleet, device, "sent", request);
	fleet->transport->send(fleet, device, frame, length, hold);
}

/* One request that waited too long. Return: false if the session was given up. */
static bool overdue(struct fleet *fleet, struct device *device, struct request **at)
{
	struct request *request = *at;
	bool refused = request->answers == request->sends;

	if (fleet->options.like == LIKE_TEXT && request->sends < SENDS_MAX) {
		request->sends++;
		request->deadline = fleet->now + device_scaled(fleet, ANSWER_WAIT);
		fleet->figures.repeats++;
		fleet->transport->send(fleet, device, request->frame, request->length, false);
		return true;
	}
	if (!refused && (fleet->options.like == LIKE_TEXT || request->code == 1004 ||
				++device->missed >= MISSED_MAX)) {
		device_login(fleet, device, 0);
		return false;
	}
	if (request->number)
		fleet->figures.unanswered++;
	forget(fleet, device, at);
	return true;
}

bool request_timer(struct fleet *fleet, struct device *device)
{
	struct request **at = &device->requests;

	while (*at) {
		struct request *request = *at;

		if (request->deadline <= fleet->now && !overdue(fleet, device, at))
			return false;
		if (*at == request)
			at = &request->next;
	}
	return true;
}

/* An answer that matches nothing outstanding: a repeat's, or a wrong one. */
static void unmatched(struct fleet *fleet, struct device *device, unsigned code, uint16_t sequence)
{
	const struct request *request;
	struct recent *recent;

	for (recent = device->recent; recent; recent = recent->next) {
		if (recent->code + 1u == code && recent->sequence == sequence && recent->left) {
			recent->left--;
			fleet->figures.repeat_answers++;
			return;
		}
	}
	for (request = device->requests; request; request = request->next) {
		if (request->code + 1u == code) {
			deviate(fleet, device, BAD_SEQUENCE, code, "answers another number");
			return;
		}
		if (request->sequence == sequence) {
			deviate(fleet, device, BAD_CODE, code, "answers another code");
			return;
		}
	}
	deviate(fleet, device, UNASKED, code, "answers no request");
}

static void acknowledged(struct fleet *fleet, struct device *device, const struct request *request)
{
	struct figures *figures = &fleet->figures;

	device->missed = 0;
	journal_request(fleet, device, "acknowledged", request);
	if (request->sends == 1)
		summary_latency(figures, fleet->now - request->first);
	if (!request->number)
		return;
	figures->acknowledged++;
	if (device->tcp)
		figures->acknowledged_tcp++;
	else
		figures->acknowledged_udp++;
	if (fleet->acknowledged)
		fprintf(fleet->acknowledged, "%s %llu %u\n", device->id,
			(unsigned long long)request->number, request->code);
}

void request_answered(
	struct fleet *fleet, struct device *device, unsigned code, const json_t *answer)
{
	int32_t sequence = check_sequence(fleet, device, code, answer);
	struct request *request, **at = &device->requests;
	json_int_t result;

	if (sequence < 0)
		return;
	while (*at && ((*at)->code + 1u != code || (*at)->sequence != sequence))
		at = &(*at)->next;
	request = *at;
	if (!request) {
		unmatched(fleet, device, code, (uint16_t)sequence);
		return;
	}
	request->answers++;
	result = check_answer(fleet, device, code, answer);
	if (request->code >= 3000) {
		if (result == 0 || result == SEGMENT_TAKEN)
			acknowledged(fleet, device, request);
		voice_answered(fleet, device, request, result, answer);
		forget(fleet, device, at);
		duty_next(fleet, device);
		device_rearm(fleet, device);
		return;
	}
	if (result == REFUSED && request->number) {
		fleet->figures.refused++;
		if (!fleet->options.refusals)
			deviate(fleet, device, BAD_RESULT, code, "999999");
		if (request->answers > request->sends)
			request->answers = request->sends;
		duty_next(fleet, device);
		device_rearm(fleet, device);
		return;
	}
	if (result != 0) {
		char why[40];

		snprintf(why, sizeof(why), "%lld", (long long)result);
		deviate(fleet, device, BAD_RESULT, code, why);
		if (code == 1003) {
			device_lost(fleet, device);
			return;
		}
		if (code == 1005 || result == OUT_OF_ORDER) {
			device_login(fleet, device, device_scaled(fleet, ANSWER_WAIT));
			return;
		}
		if (request->number)
			fleet->figures.unanswered++;
		forget(fleet, device, at);
	} else {
		acknowledged(fleet, device, request);
		forget(fleet, device, at);
		if (code == 1003) {
			device_granted(fleet, device, answer);
			return;
		}
		if (code == 1005) {
			device_live(fleet, device, answer);
			return;
		}
	}
	duty_next(fleet, device);
	device_rearm(fleet, device);
}
