/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* mc_flap.c - devices held down, take-overs between clones, and the alerts of both (mc_watch.h) */
#include "mc.h"

#include "mc/mc_watch.h"

/* A device that is well was heard within a heartbeat, and what an answer may take. */
#define ALIVE_SECONDS(heartbeat) ((heartbeat) + 10)
#define JUST_SECONDS 2

static uint64_t name_of(const struct mc *mc, const struct device *device)
{
	return mc_watch_device(mc->host->watch, device->number, device->serial);
}

/* Only devices that proved who they are get an alert: its event leads nobody on. */
static bool tell(struct mc *mc, const struct mc_frame *frame, const struct device *device,
	uint64_t session, unsigned alert)
{
	const bool flapping = alert == MC_WATCH_FLAPPING;

	if (mc_event_alert(mc, device, session, &frame->message->peer,
		    flapping ? HEARTH_FLAPPING : HEARTH_CLONE))
		return true;
	mc_watch_owe(mc->host->watch, name_of(mc, device), alert);
	mc_count(mc, MC_OWED);
	return false;
}

bool mc_flap_held(struct mc *mc, const struct mc_frame *frame, const struct device *device)
{
	struct mc_watch *watch = mc->host->watch;

	if (!watch || !mc_watch_held(watch, name_of(mc, device), mc->host->clock.tick))
		return false;
	if (mc_watch_due(watch, name_of(mc, device)))
		tell(mc, frame, device, __atomic_load_n(&device->last_session, __ATOMIC_RELAXED),
			MC_WATCH_FLAPPING);
	return true;
}

bool mc_flap_look(
	struct mc *mc, uint32_t index, const struct device *device, struct session_turn *copy)
{
	const struct session_turn *touched;

	if (index == SESSION_NONE)
		return false;
	if (session_owned(mc->host->sessions, index)) {
		touched = session_touch(mc->host->sessions, index);
		if (!touched)
			return false;
		*copy = *touched;
	} else if (!session_peek(mc->host->table, index, copy)) {
		return false;
	}
	return mc_device(mc, copy) == device;
}

bool mc_flap_alive(const struct mc *mc, const struct session_turn *turn, uint32_t *ago)
{
	*ago = mc->host->clock.tick - turn->heard;
	return turn->state == SESSION_LIVE && *ago <= ALIVE_SECONDS(mc_heartbeat(mc, turn));
}

unsigned mc_flap_connected(struct mc *mc, const struct mc_frame *frame,
	const struct session_turn *turn, const struct device *device, uint32_t older)
{
	const struct peer *peer = &frame->message->peer;
	struct mc_watch_connect connect = {.base = frame->content.sequence};
	struct mc_watch *watch = mc->host->watch;
	struct session_turn before;
	uint8_t address[16];
	uint32_t ago;
	uint16_t port;

	if (!watch)
		return 0;
	host_peer_address(mc->host, peer, address, &port);
	connect.place = mc_watch_place(watch, address, mc_over_tcp(frame) ? 0 : port);
	/* One that was not heard after its connect may never have got 1005: its device tries again. */
	if (older != turn->index && mc_flap_look(mc, older, device, &before) &&
		mc_flap_alive(mc, &before, &ago) && before.progress.count) {
		connect.took_over = true;
		connect.just_heard = ago <= JUST_SECONDS;
		connect.next = session_newest(&before) + 1;
	}
	return mc_watch_connected(watch, name_of(mc, device), mc->host->clock.tick, &connect);
}

void mc_flap_tell(struct mc *mc, const struct mc_frame *frame, const struct session_turn *turn,
	const struct device *device, unsigned alerts)
{
	if (alerts & MC_WATCH_FLAPPING) {
		mc_count(mc, MC_HELD);
		tell(mc, frame, device, turn->number, MC_WATCH_FLAPPING);
	}
	if (alerts & MC_WATCH_CLONE) {
		mc_count(mc, MC_CLONES);
		tell(mc, frame, device, turn->number, MC_WATCH_CLONE);
	}
}
