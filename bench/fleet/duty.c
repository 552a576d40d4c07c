/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* duty.c - what a device has to say next (Q/CT X-2017 section 5.4) */
#include "side.h"

/* After every connect: a full report in parts, the version, and the sub-devices one by one. */
#define STEPS_OWN 3
#define STEPS_SUBDEVICE 3

static unsigned steps(const struct device *device)
{
	return STEPS_OWN + (device->subdevices ? STEPS_SUBDEVICE * device->subdevices->count : 0);
}

/* Sub-devices that the platform took away are left out. */
static bool steps_left(const struct fleet *fleet, struct device *device)
{
	while (device->step >= STEPS_OWN && device->step < steps(device)) {
		unsigned at = (device->step - STEPS_OWN) / STEPS_SUBDEVICE;

		if (!fleet->devices[device->subdevices->at[at]].unbound)
			return true;
		device->step = STEPS_OWN + STEPS_SUBDEVICE * (at + 1);
	}
	return device->step < steps(device);
}

static void send_step(struct fleet *fleet, struct device *device)
{
	static const unsigned own[STEPS_OWN] = {2006, 2006, 2022};
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

static bool owes(const struct device *device)
{
	return device->owes_status || device->owes_resources || device->owes_result;
}

/* Who owes a report: the device, or one of its sub-devices; NULL: nobody. */
static struct device *debtor(struct fleet *fleet, struct device *device)
{
	unsigned i;

	if (owes(device))
		return device;
	for (i = 0; device->owes_below && i < device->subdevices->count; i++) {
		struct device *subdevice = &fleet->devices[device->subdevices->at[i]];

		if (owes(subdevice))
			return subdevice;
	}
	device->owes_below = false;
	return NULL;
}

/* What a command is followed by: the new state, or the outcome of an upgrade. */
static void send_owed(struct fleet *fleet, struct device *device, struct device *subject)
{
	unsigned code;

	if (subject->owes_status) {
		subject->owes_status = false;
		code = 2006;
	} else if (subject->owes_resources) {
		subject->owes_resources = false;
		code = 2028;
	} else {
		subject->owes_result = false;
		code = 2026;
	}
	request_send(fleet, device, code, subject == device ? NULL : subject, fleet->now, false);
}

bool duty_idle(const struct device *device)
{
	return device->step >= steps(device) && !owes(device) && !device->owes_below &&
	       !voice_goes_on(device);
}

static bool reports_left(const struct fleet *fleet, const struct device *device)
{
	return fleet->interval &&
	       (!fleet->options.reports || device->reports < fleet->options.reports);
}

/* Whom the gateway speaks for: a bound sub-device, or, NULL, itself. */
static struct device *some_subject(struct fleet *fleet, const struct device *device)
{
	const struct subdevices *subdevices = device->subdevices;
	struct device *subdevice;
	unsigned at;

	if (!subdevices)
		return NULL;
	at = (unsigned)fleet_random(fleet, subdevices->count + 1);
	if (at == subdevices->count)
		return NULL;
	subdevice = &fleet->devices[subdevices->at[at]];
	return subdevice->unbound ? NULL : subdevice;
}

/* Unbind a sub-device, whose steps then follow anew, and those of the ones behind it; or say that
 * it was bound. */
static bool rebind(struct fleet *fleet, struct device *device, uint64_t due)
{
	const struct subdevices *subdevices = device->subdevices;
	struct device *subject;
	unsigned at = 0;

	if (!subdevices || fleet_random(fleet, 100) >= fleet->options.rebind)
		return false;
	subject = some_subject(fleet, device);
	if (!subject)
		return false;
	if (fleet_random(fleet, 2)) {
		request_send(fleet, device, 2016, subject, due, false);
		return true;
	}
	while (&fleet->devices[subdevices->at[at]] != subject)
		at++;
	device->step = STEPS_OWN + STEPS_SUBDEVICE * at;
	request_send(fleet, device, 2018, subject, due, false);
	return true;
}

static bool something_else(struct fleet *fleet, struct device *device, uint64_t due)
{
	if (fleet->options.voice && fleet_random(fleet, 100) < fleet->options.voice) {
		voice_begin(fleet, device, due);
		return true;
	}
	return fleet->options.rebind && rebind(fleet, device, due);
}

/* Open loop: what could not be sent at its time, since an earlier one is unanswered, is late. */
static void send_reports(struct fleet *fleet, struct device *device)
{
	unsigned batch = device->tcp ? fleet->options.merge : 1, i;
	uint64_t due = device->report_due, missed;

	if (fleet->options.reports && batch > fleet->options.reports - device->reports)
		batch = (unsigned)(fleet->options.reports - device->reports);
	if (something_else(fleet, device, due)) {
		device->reports++;
		batch = 0;
	}
	for (i = 0; i < batch; i++) {
		device->reports++;
		request_send(fleet, device, message_report_code(device->reports),
			some_subject(fleet, device), due, i + 1 < batch);
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

void duty_next(struct fleet *fleet, struct device *device)
{
	struct device *subject;

	if (fleet->draining || !refused_only(device))
		return;
	if (device->heartbeat_due <= fleet->now) {
		request_send(fleet, device, 1000, NULL, device->heartbeat_due, false);
		device->heartbeat_due = fleet->now + device->heartbeat * SECOND;
	} else if (device->outstanding) {
		return;
	} else if (steps_left(fleet, device)) {
		send_step(fleet, device);
	} else if ((subject = debtor(fleet, device))) {
		send_owed(fleet, device, subject);
	} else if (voice_goes_on(device)) {
		voice_next(fleet, device);
	} else if (reports_left(fleet, device) && device->report_due <= fleet->now) {
		send_reports(fleet, device);
	}
}

uint64_t duty_wake(const struct fleet *fleet, const struct device *device)
{
	const struct request *request;
	uint64_t wake = command_wake(device);

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
