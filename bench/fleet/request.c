/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* request.c - what a device asks, repeats and gives up (Q/CT X-2017 section 5.2.4) */
#include "fleet.h"

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

static void forget(struct device *device, unsigned at)
{
	struct request *request = &device->window[at];
	struct recent *recent = &device->recent[device->recent_next++ % RECENT_MAX];

	*recent = (struct recent){request->code, request->sequence, 0};
	if (request->sends > request->answers)
		recent->left = request->sends - request->answers;
	free(request->frame);
	device->outstanding--;
	memmove(request, request + 1, (device->outstanding - at) * sizeof(*request));
}

void request_forget(struct fleet *fleet, struct device *device)
{
	while (device->outstanding) {
		if (device->window[0].number)
			fleet->figures.unanswered++;
		forget(device, 0);
	}
	/* Their answers would come by a connection that is gone. */
	memset(device->recent, 0, sizeof(device->recent));
}

void request_send(struct fleet *fleet, struct device *device, unsigned code,
	const struct device *subdevice, bool hold)
{
	static char plain[FRAME_MAX], frame[2 * FRAME_MAX];
	bool login = code == 1002;
	struct request *request = &device->window[device->outstanding];
	size_t length;

	device->sequence =
		login ? (uint16_t)fleet_random(fleet, 65536) : (uint16_t)(device->sequence + 1);
	*request =
		(struct request){.code = (uint16_t)code, .sequence = device->sequence, .sends = 1};
	if (is_report(code))
		request->number = ++device->number;
	length = message_request(fleet, device, code, request->sequence, request->number, subdevice,
		plain, sizeof(plain));
	if (length)
		length = frame_encode(frame, sizeof(frame), code, login ? device->pin : device->key,
			login ? device->pin + KEY_BYTES : device->key, login ? "deviceId" : "token",
			login ? device->id : device->token, plain, device->index & 1);
	request->frame = length ? malloc(length) : NULL;
	if (!request->frame) {
		fputs("hearth-fleet: out of memory, or a report longer than a frame\n", stderr);
		exit(1);
	}
	memcpy(request->frame, frame, length);
	request->length = length;
	request->first = fleet->now;
	request->deadline = fleet->now + device_scaled(fleet, ANSWER_WAIT);
	device->outstanding++;
	if (request->number) {
		fleet->figures.sent++;
		if (fleet->sent)
			fprintf(fleet->sent, "%s %llu %u\n", device->id,
				(unsigned long long)request->number, code);
	}
	if (code == 1000)
		fleet->figures.heartbeats++;
	transport_send(fleet, device, frame, length, hold);
}

static void send_step(struct fleet *fleet, struct device *device)
{
	static const unsigned own[STEPS_OWN] = {2006, 2022};
	static const unsigned subdevice[STEPS_SUBDEVICE] = {2012, 2020, 2006};
	unsigned step = device->step++;

	if (step < STEPS_OWN) {
		request_send(fleet, device, own[step], NULL, false);
		return;
	}
	step -= STEPS_OWN;
	request_send(fleet, device, subdevice[step % STEPS_SUBDEVICE],
		&fleet->devices[device->subdevices[step / STEPS_SUBDEVICE]], false);
}

static bool reports_left(const struct fleet *fleet, const struct device *device)
{
	return fleet->interval &&
	       (!fleet->options.reports || device->reports < fleet->options.reports);
}

static void send_reports(struct fleet *fleet, struct device *device)
{
	unsigned batch = device->tcp ? fleet->options.merge : 1, i;

	if (fleet->options.reports && batch > fleet->options.reports - device->reports)
		batch = (unsigned)(fleet->options.reports - device->reports);
	for (i = 0; i < batch; i++) {
		device->reports++;
		request_send(
			fleet, device, message_report_code(device->reports), NULL, i + 1 < batch);
	}
	device->report_due += fleet->interval;
	if (device->report_due < fleet->now) {
		fleet->figures.late++;
		device->report_due = fleet->now + fleet->interval;
	}
}

/* Nothing new goes out before everything is answered; what was refused waits for its repeat. */
static bool refused_only(const struct device *device)
{
	unsigned i;

	for (i = 0; i < device->outstanding; i++) {
		if (device->window[i].answers < device->window[i].sends)
			return false;
	}
	return device->outstanding < WINDOW_MAX;
}

void request_next(struct fleet *fleet, struct device *device)
{
	if (fleet->draining || !refused_only(device))
		return;
	if (device->heartbeat_due <= fleet->now) {
		device->heartbeat_due = fleet->now + device->heartbeat * SECOND;
		request_send(fleet, device, 1000, NULL, false);
	} else if (device->outstanding) {
		return;
	} else if (device->step < STEPS_OWN + STEPS_SUBDEVICE * device->subdevice_count) {
		send_step(fleet, device);
	} else if (reports_left(fleet, device) && device->report_due <= fleet->now) {
		send_reports(fleet, device);
	}
}

uint64_t request_wake(const struct fleet *fleet, const struct device *device)
{
	uint64_t wake = NEVER;
	unsigned i;

	for (i = 0; i < device->outstanding; i++) {
		if (device->window[i].deadline < wake)
			wake = device->window[i].deadline;
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
static bool overdue(struct fleet *fleet, struct device *device, unsigned at)
{
	struct request *request = &device->window[at];
	bool refused = request->answers == request->sends;

	if (fleet->options.like == LIKE_TEXT && request->sends < SENDS_MAX) {
		request->sends++;
		request->deadline = fleet->now + device_scaled(fleet, ANSWER_WAIT);
		fleet->figures.repeats++;
		transport_send(fleet, device, request->frame, request->length, false);
		return device->state == STATE_CONNECT || device->state == STATE_LIVE;
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
	unsigned i = 0;

	while (i < device->outstanding) {
		unsigned before = device->outstanding;

		if (device->window[i].deadline <= fleet->now && !overdue(fleet, device, i))
			return false;
		if (device->outstanding == before)
			i++;
	}
	return true;
}

/* An answer that matches nothing outstanding: a repeat's, or a wrong one. */
static void unmatched(struct fleet *fleet, struct device *device, unsigned code, uint16_t sequence)
{
	unsigned i;

	for (i = 0; i < RECENT_MAX; i++) {
		struct recent *recent = &device->recent[i];

		if (recent->code + 1u == code && recent->sequence == sequence && recent->left) {
			recent->left--;
			fleet->figures.repeat_answers++;
			return;
		}
	}
	for (i = 0; i < device->outstanding; i++) {
		if (device->window[i].code + 1u == code) {
			deviate(fleet, device, BAD_SEQUENCE, code, "answers another number");
			return;
		}
		if (device->window[i].sequence == sequence) {
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
	struct request *request;
	json_int_t result;
	unsigned at;

	if (sequence < 0)
		return;
	for (at = 0; at < device->outstanding; at++) {
		request = &device->window[at];
		if (request->code + 1u == code && request->sequence == sequence)
			break;
	}
	if (at == device->outstanding) {
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
