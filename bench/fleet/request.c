/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* request.c - what a device asks, repeats and gives up (Q/CT X-2017 section 5.2.4) */
#include "transport.h"

#include <stdlib.h>
#include <string.h>

#define ANSWER_WAIT 10.0
#define SENDS_MAX 3
#define MISSED_MAX 3 /* firmware: this many requests without answer, then login */
#define REFUSED 999999
#define OUT_OF_ORDER 200003

/* After every connect: a full report, the version, and the sub-devices one by one. */
#define STEPS_OWN 2
#define STEPS_SUBDEVICE 3

static bool is_report(unsigned code)
{
	return code >= 2006 && code != 2012 && code != 2020;
}

/* @at: the link that leads to the request */
static void forget(struct device *device, struct request **at)
{
	struct request *request = *at;
	struct recent *recent, **oldest = &device->recent;
	unsigned count = 0;

	*at = request->next;
	device->outstanding--;
	if (request->sends > request->answers) {
		recent = malloc(sizeof(*recent));
		if (!recent)
			out_of_memory();
		*recent = (struct recent){device->recent, request->code, request->sequence,
			(uint8_t)(request->sends - request->answers)};
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
		forget(device, &device->requests);
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

void request_send(struct fleet *fleet, struct device *device, unsigned code,
	const struct device *subdevice, uint64_t due, bool hold)
{
	static char plain[FRAME_MAX], frame[2 * FRAME_MAX];
	bool login = code == 1002;
	uint64_t number = is_report(code) ? ++device->number : 0;
	struct request *request;
	size_t length;

	device->sequence =
		login ? (uint16_t)fleet_random(fleet, 65536) : (uint16_t)(device->sequence + 1);
	length = message_request(
		fleet, device, code, device->sequence, number, subdevice, plain, sizeof(plain));
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
	request->sequence = device->sequence;
	request->number = number;
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
	fleet->transport->send(fleet, device, frame, length, hold);
}

static unsigned steps(const struct device *device)
{
	return STEPS_OWN + (device->subdevices ? STEPS_SUBDEVICE * device->subdevices->count : 0);
}

bool request_steps_done(const struct device *device)
{
	return device->step >= steps(device);
}

static void send_step(struct fleet *fleet, struct device *device)
{
	static const unsigned own[STEPS_OWN] = {2006, 2022};
	static const unsigned subdevice[STEPS_SUBDEVICE] = {2012, 2020, 2006};
	unsigned step = device->step++;

	if (step < STEPS_OWN) {
		request_send(fleet, device, own[step], NULL, fleet->now, false);
		return;
	}
	step -= STEPS_OWN;
	request_send(fleet, device, subdevice[step % STEPS_SUBDEVICE],
		&fleet->devices[device->subdevices->at[step / STEPS_SUBDEVICE]], fleet->now, false);
}

static bool reports_left(const struct fleet *fleet, const struct device *device)
{
	return fleet->interval &&
	       (!fleet->options.reports || device->reports < fleet->options.reports);
}

/* Open loop: what could not be sent at its time, since an earlier one is unanswered, is late. */
static void send_reports(struct fleet *fleet, struct device *device)
{
	unsigned batch = device->tcp ? fleet->options.merge : 1, i;
	uint64_t due = device->report_due, missed;

	if (fleet->options.reports && batch > fleet->options.reports - device->reports)
		batch = (unsigned)(fleet->options.reports - device->reports);
	for (i = 0; i < batch; i++) {
		device->reports++;
		request_send(fleet, device, message_report_code(device->reports), NULL, due,
			i + 1 < batch);
	}
	missed = (fleet->now - due) / fleet->interval;
	fleet->figures.late += missed;
	device->report_due = due + (missed + 1) * fleet->interval;
}

/* Nothing new goes out before everything is answered; what was refused waits for its repeat. */
static bool refused_only(const struct device *device)
{
	const struct request *request;

	for (request = device->requests; request; request = request->next) {
		if (request->answers < request->sends)
			return false;
	}
	return device->outstanding < WINDOW_MAX;
}

void request_next(struct fleet *fleet, struct device *device)
{
	if (fleet->draining || !refused_only(device))
		return;
	if (device->heartbeat_due <= fleet->now) {
		request_send(fleet, device, 1000, NULL, device->heartbeat_due, false);
		device->heartbeat_due = fleet->now + device->heartbeat * SECOND;
	} else if (device->outstanding) {
		return;
	} else if (!request_steps_done(device)) {
		send_step(fleet, device);
	} else if (reports_left(fleet, device) && device->report_due <= fleet->now) {
		send_reports(fleet, device);
	}
}

uint64_t request_wake(const struct fleet *fleet, const struct device *device)
{
	const struct request *request;
	uint64_t wake = NEVER;

	for (request = device->requests; request; request = request->next) {
		if (request->deadline < wake)
			wake = request->deadline;
	}
	if (device->state != STATE_LIVE || fleet->draining || !refused_only(device))
		return wake;
	if (device->heartbeat_due < wake)
		wake = device->heartbeat_due;
	if (!device->outstanding && reports_left(fleet, device) && device->report_due < wake)
		wake = device->report_due;
	return wake;
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
	forget(device, at);
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
	if (result == REFUSED && request->number) {
		fleet->figures.refused++;
		if (!fleet->options.refusals)
			deviate(fleet, device, BAD_RESULT, code, "999999");
		if (request->answers > request->sends)
			request->answers = request->sends;
		request_next(fleet, device);
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
		forget(device, at);
	} else {
		acknowledged(fleet, device, request);
		forget(device, at);
		if (code == 1003) {
			device_granted(fleet, device, answer);
			return;
		}
		if (code == 1005) {
			device_live(fleet, device, answer);
			return;
		}
	}
	request_next(fleet, device);
	device_rearm(fleet, device);
}
