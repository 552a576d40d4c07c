/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* mc_login.c - 1002 and 1003: key and token for a device that knows its PIN (section 5.4.2.1) */
#include "mc.h"

#include <string.h>

/* Whatever was wrong, the peer sees the same: the connection is closed, nothing is sent. */
static void refuse(struct mc *mc, const struct mc_frame *frame, enum mc_counter counter)
{
	mc_count(mc, counter);
	mc_close(mc, frame->message->peer.connection);
}

/* An entry of this device in the expected state is no longer good for a connect. */
static void void_entry(
	struct mc *mc, struct device *device, uint32_t index, enum session_state state)
{
	struct session_turn *turn;

	if (!session_owned(mc->host->sessions, index)) {
		host_look(mc->host, index); /* its owner finds that the device names it no more */
		return;
	}
	turn = session_touch(mc->host->sessions, index);
	if (turn && turn->state == state && mc_device(mc, turn) == device)
		mc_void(mc, turn, device);
}

/* Has a session ended? Of another worker's the last commit tells. */
static bool rests(struct mc *mc, uint32_t index)
{
	struct session_turn peeked, *turn = NULL;

	if (index == SESSION_NONE)
		return false;
	if (session_owned(mc->host->sessions, index))
		turn = session_touch(mc->host->sessions, index);
	else if (session_peek(mc->host->table, index, &peeked))
		turn = &peeked;
	return turn && turn->state == SESSION_RESTING;
}

/*
 * A new login voids an older one that was not used, and the token of a session that has ended; one
 * that is live goes on until the new token connects.
 */
static void take_over(struct mc *mc, struct device *device, uint32_t index)
{
	struct mc_names seen = mc_names(device), next;
	bool rested;

	do {
		rested = seen.live != index && rests(mc, seen.live);
		next = (struct mc_names){.live = seen.live, .login = index};
		/* the same entry: it was reclaimed for this login */
		if (rested || seen.live == index)
			next.live = SESSION_NONE;
	} while (!mc_names_swap(device, &seen, next));
	if (seen.login != SESSION_NONE && seen.login != index)
		void_entry(mc, device, seen.login, SESSION_LOGIN);
	if (rested)
		void_entry(mc, device, seen.live, SESSION_RESTING);
}

void mc_login(struct mc *mc, struct mc_frame *frame)
{
	struct host *host = mc->host;
	struct device *device = frame->known;
	uint8_t key[SESSION_KEY_BYTES];
	char token[SESSION_TOKEN_CHARS];
	uint32_t index;

	if (!frame->fault && !frame->content.named)
		mc_fault(frame, MC_DROP_MISMATCH);
	if (frame->fault) {
		mc_budget_failed(mc, frame);
		refuse(mc, frame, frame->fault - 1);
		return;
	}
	if (host_draining(host)) {
		refuse(mc, frame, MC_DROP_DRAINING);
		return;
	}
	if (mc_flap_held(mc, frame, device)) {
		refuse(mc, frame, MC_DROP_HELD);
		return;
	}
	if (mc_budget_refuses(mc, frame, device)) {
		refuse(mc, frame, MC_DROP_BUDGET);
		return;
	}
	index = session_login(host->sessions, device->number, device->serial, host->clock.tick,
		mc_now(mc), key, token);
	if (index == SESSION_NONE) {
		refuse(mc, frame, MC_DROP_FULL);
		return;
	}
	mc->granted = true;
	take_over(mc, device, index);
	mc_answer_login(mc, frame, key, token);
	explicit_bzero(key, sizeof(key));
	explicit_bzero(token, sizeof(token));
	mc_count(mc, MC_LOGINS);
	/* The device closes after 1003; one that does not is not waited for. */
	host_deadline(host, frame->message->peer.connection, MC_LINGER_SECONDS);
}
