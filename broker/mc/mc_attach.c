/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* mc_attach.c - sessions that a predecessor left: its last turn's records, the devices' indexes */
#include "mc.h"

#include <arpa/inet.h>
#include <string.h>

static void restore_peer(struct session_turn *turn, const struct hearth_record *record)
{
	turn->via = record->via;
	turn->connection = 0; /* connections did not come through */
	memset(&turn->peer, 0, sizeof(turn->peer));
	memcpy(&turn->peer.address, record->peer, sizeof(turn->peer.address));
	turn->peer.port = htons(record->peer_port);
}

/* An online that was owed tells of a session that has gone on since: it begins nothing anew. */
static void restore_online(
	struct mc *mc, struct session_turn *turn, const struct hearth_record *record)
{
	uint32_t generation = session_handle_generation(record->handle);

	if (turn->generation == generation || turn->number >= record->session) {
		turn->flags &= ~SESSION_OWED_ONLINE;
		return;
	}
	turn->state = SESSION_LIVE;
	turn->generation = generation;
	turn->progress = (struct session_progress){0};
	turn->number = record->session;
	restore_peer(turn, record);
	turn->heard = mc->host->clock.tick;
	turn->connect_device_time = record->device_time;
	turn->connect_time = record->time / 1000;
	turn->base = record->sequence;
	mc->host->random->fill(
		mc->host->random, &turn->platform_sequence, sizeof(turn->platform_sequence));
	turn->flags = 0;
	turn->code = MC_CONNECT;
}

/* session_restore() merges the windows; what is behind the entry changes nothing else. */
static bool restore_request(
	struct mc *mc, struct session_turn *turn, const struct hearth_record *record)
{
	if (turn->state != SESSION_LIVE ||
		turn->generation != session_handle_generation(record->handle))
		return false;
	if (record->count > turn->progress.count) {
		turn->code = record->code;
		turn->heard = mc->host->clock.tick;
		if (record->via == SESSION_VIA_UDP)
			restore_peer(turn, record);
	}
	turn->progress =
		(struct session_progress){.count = record->count, .window = record->window};
	if (record->code == 2006)
		turn->flags |= SESSION_REPORTED;
	if (record->code == 2006 || record->code == 2028)
		turn->report_tick = mc->host->clock.tick;
	return true;
}

/* A device that answered a platform request was heard. */
static bool restore_response(
	struct mc *mc, struct session_turn *turn, const struct hearth_record *record)
{
	/* One that had to wait for room in the ring tells where the device was then. */
	if (turn->state != SESSION_LIVE ||
		turn->generation != session_handle_generation(record->handle) ||
		record->count < turn->progress.count)
		return false;
	turn->heard = mc->host->clock.tick;
	if (record->via == SESSION_VIA_UDP)
		restore_peer(turn, record);
	return true;
}

/* Replaced: by this token's next connect, whose record follows, or by another token's, which
 * mc_attached() sees. */
static void restore_offline(struct session_turn *turn, const struct hearth_record *record)
{
	uint32_t generation = session_handle_generation(record->handle);

	if (turn->state == SESSION_LIVE && turn->generation == generation) {
		bool stays = record->reason == HEARTH_TIMEOUT || record->reason == HEARTH_CLOSED ||
			     record->reason == HEARTH_REPLACED;

		turn->state = stays ? SESSION_RESTING : SESSION_FREE;
		turn->generation = (generation + 1) & 0xffffff;
		/* It may have had sub-devices on-line: the sweep looks. */
		turn->flags = SESSION_OWED_SUBDEVICES | record->reason << 8;
	} else if (turn->number == record->session) {
		turn->flags &= ~(SESSION_OWED_ONLINE | SESSION_OWED_OFFLINE);
		if (!(turn->flags & SESSION_OWED_SUBDEVICES))
			turn->flags &= ~SESSION_OWED_REASON;
	}
}

void mc_restored(void *state, const struct hearth_item *item)
{
	struct mc *mc = state;
	const struct hearth_record *record = item->record;
	const struct device *device =
		registry_find(mc->host->registry, item->device, record->device_length);
	struct session_turn turn;

	if (!session_peek(mc->host->table, session_handle_index(record->handle), &turn) ||
		mc_subdevice_restored(mc, item, &turn) || !device || mc_device(mc, &turn) != device)
		return;
	switch (record->event) {
	case HEARTH_ONLINE:
		restore_online(mc, &turn, record);
		break;
	case HEARTH_UPLINK:
		if (!restore_request(mc, &turn, record))
			return;
		break;
	case HEARTH_RESPONSE:
		if (!restore_response(mc, &turn, record))
			return;
		break;
	case HEARTH_OFFLINE:
		restore_offline(&turn, record);
		break;
	default:
		return;
	}
	session_restore(mc->host->sessions, &turn);
}

/* An entry of any range: nobody runs yet. */
static struct session_turn *touch(struct mc *mc, uint32_t index)
{
	return session_touch(session_range(mc->host->table, index), index);
}

/* What touch() changed in other ranges than ours, which is committed by the caller. */
static void commit_other(struct mc *mc, uint32_t index)
{
	struct session_worker *range = session_range(mc->host->table, index);

	if (range != mc->host->sessions)
		session_commit(range);
}

/* Of two entries of a device the older gives way; a live one owes its end: the sweep writes it. */
static void give_way(struct session_turn *turn)
{
	if (turn->state == SESSION_LIVE) {
		turn->flags |=
			SESSION_OWED_OFFLINE | SESSION_OWED_SUBDEVICES | HEARTH_REPLACED << 8;
		turn->generation = (turn->generation + 1) & 0xffffff;
	}
	turn->state = SESSION_FREE;
}

/*
 * Let a device's record name this entry unless it names a newer one.
 * @where: the device's live or login index
 */
static void claim(struct mc *mc, struct session_turn *turn, uint32_t *where)
{
	uint32_t named = mc_index_load(where);
	struct session_turn *other;
	bool newer = true;

	if (named != SESSION_NONE && named != turn->index) {
		other = touch(mc, named);
		if (other && other->state != SESSION_FREE) {
			newer = turn->number != other->number
					? turn->number > other->number
					: turn->login_time > other->login_time;
			give_way(newer ? other : turn);
		}
		commit_other(mc, named);
	}
	if (newer)
		mc_index_store(where, turn->index);
}

/* A login voids the token of a session that has ended: only one of the two may be there. */
static void void_rested(struct mc *mc, struct device *device)
{
	uint32_t live = mc_index_load(&device->live);
	struct session_turn *rested;

	if (live == SESSION_NONE || mc_index_load(&device->login) == SESSION_NONE)
		return;
	rested = touch(mc, live);
	if (rested && rested->state == SESSION_RESTING)
		mc_void(mc, rested, device);
	commit_other(mc, live);
}

void mc_attached(void *state, uint32_t index)
{
	struct mc *mc = state;
	struct session_turn *turn = session_touch(mc->host->sessions, index);
	struct device *device = turn ? mc_device(mc, turn) : NULL;

	if (turn)
		turn->command = 0; /* those that are under way are queued anew */
	if (!device || turn->state == SESSION_FREE)
		return;
	if (turn->state == SESSION_LOGIN) {
		claim(mc, turn, &device->login);
	} else {
		if (turn->number > __atomic_load_n(&device->last_session, __ATOMIC_RELAXED))
			__atomic_store_n(&device->last_session, turn->number, __ATOMIC_RELAXED);
		if (turn->state == SESSION_LIVE) {
			turn->heard = mc->host->clock.tick;
			turn->connection = 0;
		}
		claim(mc, turn, &device->live);
	}
	void_rested(mc, device);
}
