/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* mc_budget.c - what failed logins take, and whom that keeps out (mc_watch.h) */
#include "mc.h"

#include "mc/mc_watch.h"

static uint64_t now_ms(const struct mc *mc)
{
	return mc->host->clock.us / 1000;
}

/* A connection that was reset behind its login has no address any more: all of these are one. */
static void address_of(const struct mc *mc, const struct mc_frame *frame, uint8_t address[16])
{
	uint16_t port;

	host_peer_address(mc->host, &frame->message->peer, address, &port);
}

static uint64_t id_of(const struct mc *mc, const struct mc_frame *frame)
{
	return mc_watch_id(mc->host->watch, frame->hash);
}

/* Has the device a session that is alive, and known to be at another address than this one? */
static bool lives_elsewhere(struct mc *mc, const struct device *device, const uint8_t address[16])
{
	const struct mc_watch *watch = mc->host->watch;
	struct session_turn live;
	uint32_t ago, there;
	uint8_t bytes[16];

	if (!mc_flap_look(mc, mc_index_load(&device->live), device, &live) ||
		!mc_flap_alive(mc, &live, &ago))
		return false;
	if (live.via == SESSION_VIA_UDP) {
		memcpy(bytes, &live.peer.address, sizeof(bytes));
		there = mc_watch_place(watch, bytes, 0);
	} else {
		there = mc_watch_here(
			watch, mc_watch_device(watch, device->number, device->serial));
	}
	return there && mc_watch_elsewhere(there, mc_watch_place(watch, address, 0));
}

bool mc_budget_refuses(struct mc *mc, const struct mc_frame *frame, const struct device *device)
{
	const struct mc_watch *watch = mc->host->watch;
	uint8_t address[16];

	if (!mc_watch_budgets(watch))
		return false;
	address_of(mc, frame, address);
	return (mc_watch_spent(watch, mc_watch_address(watch, address), now_ms(mc)) ||
		       mc_watch_spent(watch, id_of(mc, frame), now_ms(mc))) &&
	       lives_elsewhere(mc, device, address);
}

void mc_budget_failed(struct mc *mc, const struct mc_frame *frame)
{
	struct mc_watch *watch = mc->host->watch;
	uint8_t address[16];

	if (!mc_watch_budgets(watch))
		return;
	address_of(mc, frame, address);
	mc_watch_failed(watch, mc_watch_address(watch, address), now_ms(mc));
	if (frame->code == MC_LOGIN && frame->name_length)
		mc_watch_failed(watch, id_of(mc, frame), now_ms(mc));
}
