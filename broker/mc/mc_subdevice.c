/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* mc_subdevice.c - what requests about sub-devices are worth (sections 5.4.3.9 to 5.4.3.13) */
#include "mc.h"

#include <errno.h>

/*
 * A sub-device's life. Bound: durable, known to the table of bindings. On-line: marked with the
 * gateway's session. What may happen, and what comes of it (tests/unit/test_mc_subdevice.c has the
 * table, pair by pair; "+ left": and then it is as in the column before):
 *
 *                        | not bound here        | bound, off-line      | bound, on-line here
 * 2012, good PIN         | job, then bound       | stays                | stays
 * 2012, other PIN        | refused               | refused, stays       | refused, stays
 * 2016                   | 200001                | 0                    | 0
 * 2018                   | 200001                | job, then not bound  | off-line (closed) + left
 * 2020 onLine 1          | 200001                | on-line              | stays
 * 2020 onLine 0          | 200001                | stays                | off-line (closed)
 * a report of it         | 200001                | on-line              | stays
 * a backend's 2015       | refused               | job, then not bound  | off-line (kicked) + left
 * bound elsewhere        | -                     | not bound here       | off-line (replaced) +left
 * the gateway's end      | -                     | stays                | off-line (its reason)
 * a device is removed    | -                     | not bound            | off-line (removed) + left
 */

uint32_t mc_subdevice_place(struct mc *mc, const struct device *gateway, const void *id,
	uint32_t length, struct device **found)
{
	const struct binding_table *table = binding_table(mc->host->bindings);
	struct device *device = id ? registry_find(mc->host->registry, id, length) : NULL;
	uint32_t place = BINDING_NONE;

	*found = device;
	if (device)
		place = binding_find(table, device->number, device->serial);
	if (place == BINDING_NONE || !binding_is(table, place, gateway->number, gateway->serial))
		return BINDING_NONE;
	return place;
}

static uint32_t place_of(struct mc *mc, const struct mc_frame *frame, const struct device *gateway,
	struct device **found)
{
	const struct mc_text id = frame->content.subdevice;

	return mc_subdevice_place(mc, gateway, id.at, id.length, found);
}

/* One device or none, a PIN of any length or none: the same work, and no byte of it shows. */
static bool pin_good(const struct mc *mc, struct mc_text pin, const struct device *device)
{
	static const uint8_t nobody[DEVICE_PIN_BYTES];
	const uint8_t *own = device ? registry_pin(mc->host->registry, device) : nobody;
	uint8_t given[DEVICE_PIN_BYTES] = {0}, differ = pin.length != DEVICE_PIN_BYTES;

	if (pin.length)
		memcpy(given, pin.at, pin.length < sizeof(given) ? pin.length : sizeof(given));
	for (unsigned i = 0; i < DEVICE_PIN_BYTES; i++)
		differ |= given[i] ^ own[i];
	explicit_bzero(given, sizeof(given));
	return device && !differ;
}

/*
 * Refused with result 0 and authResult "1", alike whatever was wrong: the PIN, an id that nobody
 * has, the gateway's own, or, once the registry was asked, one provisioned for another gateway.
 */
uint32_t mc_subdevice_authenticate(struct mc *mc, const struct mc_frame *frame,
	struct session_turn *turn, struct device *device)
{
	struct device *subdevice;
	const uint32_t place = place_of(mc, frame, device, &subdevice);
	struct binding_mark mark;

	if (mc_waits_for(mc, frame, turn))
		return MC_LATER;
	if (!pin_good(mc, frame->content.pin, subdevice) || subdevice == device) {
		mc_count(mc, MC_SUBDEVICE_REFUSED);
		return MC_DONE;
	}
	if (place == BINDING_NONE)
		return mc_wait(mc, frame, turn, device, subdevice, JOB_BIND, false);
	if (!binding_may_mark(mc->host->bindings, place))
		return MC_NO_ROOM;
	mark = binding_mark(mc->host->bindings, place);
	mark.login = mc_subdevice_login(mc, turn);
	binding_set_mark(mc->host->bindings, place, &mark);
	mc_count(mc, MC_SUBDEVICE_AUTHENTIC);
	mc->authentic = true;
	return MC_DONE;
}

/*
 * The same answer as before and nothing else. One with a good PIN that is not bound here was either
 * refused then, as it is provisioned for another gateway, or has left since: the registry knows.
 */
uint32_t mc_subdevice_again(struct mc *mc, const struct mc_frame *frame, struct session_turn *turn,
	const struct device *device, uint32_t number)
{
	struct device *subdevice;
	const uint32_t place = place_of(mc, frame, device, &subdevice);

	if (mc_commit_holds(mc, turn, number))
		return MC_DONE; /* its answer is made from its record */
	if (mc_waits_for(mc, frame, turn))
		return MC_LATER;
	if (!pin_good(mc, frame->content.pin, subdevice) || subdevice == device)
		return MC_DONE;
	if (place == BINDING_NONE)
		return mc_wait(mc, frame, turn, device, subdevice, JOB_PERMIT, true);
	mc->authentic = true;
	return MC_DONE;
}

uint32_t mc_subdevice_bound(struct mc *mc, const struct mc_frame *frame, struct session_turn *turn,
	struct device *device)
{
	struct device *subdevice;

	return place_of(mc, frame, device, &subdevice) == BINDING_NONE ? MC_NO_SUCH_DEVICE
								       : MC_DONE;
}

uint32_t mc_subdevice_release(struct mc *mc, const struct mc_frame *frame,
	struct session_turn *turn, struct device *device)
{
	struct device *subdevice;
	const uint32_t place = place_of(mc, frame, device, &subdevice);

	/* asked first: while its job runs it is not bound here any more */
	if (mc_waits_for(mc, frame, turn))
		return MC_LATER;
	if (place == BINDING_NONE)
		return MC_NO_SUCH_DEVICE;
	return mc_wait(mc, frame, turn, device, subdevice, JOB_UNBIND, false);
}

uint32_t mc_subdevice_state(struct mc *mc, const struct mc_frame *frame, struct session_turn *turn,
	struct device *device)
{
	struct device *subdevice;
	const uint32_t place = place_of(mc, frame, device, &subdevice);
	bool done;

	if (place == BINDING_NONE)
		return MC_NO_SUCH_DEVICE;
	if (frame->content.on_line)
		done = mc_subdevice_online(mc, turn, device, place);
	else
		done = mc_subdevice_offline(mc, turn, device, place, HEARTH_CLOSED);
	return done ? MC_DONE : MC_NO_ROOM;
}

uint32_t mc_subdevice_report(struct mc *mc, const struct mc_frame *frame, struct session_turn *turn,
	const struct device *device)
{
	const struct mc_text id = frame->content.device;
	struct device *subdevice;
	const uint32_t place = mc_subdevice_place(mc, device, id.at, id.length, &subdevice);

	if (place == BINDING_NONE)
		return MC_NO_SUCH_DEVICE;
	/* Bound it is, but its PIN was not heard since the gateway's login. */
	if (binding_mark(mc->host->bindings, place).login != mc_subdevice_login(mc, turn)) {
		mc_count(mc, MC_SUBDEVICE_EARLY);
		if (mc->host->config->mc.subdevices_strict)
			return MC_OUT_OF_SEQUENCE;
	}
	return mc_subdevice_online(mc, turn, device, place) ? MC_DONE : MC_NO_ROOM;
}

int mc_subdevice_unbind(
	struct mc *mc, const struct session_turn *gateway, const void *id, uint32_t length)
{
	const struct device *device = mc_device(mc, gateway);
	struct device *subdevice;
	struct job job = {.kind = JOB_UNBIND, .reason = HEARTH_KICKED};

	if (!device || mc_subdevice_place(mc, device, id, length, &subdevice) == BINDING_NONE)
		return -ENOENT;
	job.device = subdevice->number;
	job.serial = subdevice->serial;
	job.gateway = device->number;
	job.gateway_serial = device->serial;
	return binding_ask(mc->host->bindings, &job) ? 0 : -EAGAIN;
}
