/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* mc_subdevice_life.c - sub-devices come on-line and go off-line with their gateway's session */
#include "mc.h"

#include "crypto/siphash.h"

#define OWED_REASON_SHIFT 8

/* The token names the login; what lies in another file than the sessions' must not be one. */
uint64_t mc_subdevice_login(const struct mc *mc, const struct session_turn *turn)
{
	static const struct siphash_key key = {0x6c6f67696e000000ull, 0};
	char token[SESSION_TOKEN_CHARS];
	uint64_t login;

	session_token(mc->host->table, turn->index, token);
	login = siphash(&key, token, sizeof(token));
	explicit_bzero(token, sizeof(token));
	return login ? login : 1;
}

static struct device *subdevice_at(const struct mc *mc, uint32_t place)
{
	uint32_t serial;
	uint32_t number = binding_device(binding_table(mc->host->bindings), place, &serial);
	struct device *device = registry_at(mc->host->registry, number);

	return device && device->serial == serial ? device : NULL;
}

/*
 * Its mark names this session: no more. A device that was removed is named by no event.
 * @gateway: NULL: removed
 */
static bool leave(struct mc *mc, const struct session_turn *turn, const struct device *gateway,
	uint32_t place, enum hearth_reason reason)
{
	const struct device *subdevice = subdevice_at(mc, place);
	struct binding_mark mark;

	if (!binding_may_mark(mc->host->bindings, place))
		return false;
	if (gateway && subdevice &&
		!mc_event_subdevice(mc, turn, gateway, subdevice, HEARTH_OFFLINE, reason))
		return false;
	mark = binding_mark(mc->host->bindings, place);
	mark.session = 0;
	binding_set_mark(mc->host->bindings, place, &mark);
	mc_count(mc, MC_SUBDEVICE_OFFLINE);
	return true;
}

static enum hearth_reason owed_reason(const struct session_turn *turn)
{
	return (turn->flags & SESSION_OWED_REASON) >> OWED_REASON_SHIFT;
}

/* On-line still in an older session, of this gateway, that has ended: that comes first. */
static bool leave_older(struct mc *mc, uint32_t place, const struct binding_mark *mark)
{
	struct session_turn *older;

	if (!session_owned(mc->host->sessions, mark->entry)) {
		host_look(mc->host, mark->entry); /* its worker may not know that it has ended */
		return false;
	}
	older = session_touch(mc->host->sessions, mark->entry);
	if (!older || older->number != mark->session || !(older->flags & SESSION_OWED_SUBDEVICES))
		return false;
	return leave(mc, older, mc_device(mc, older), place, owed_reason(older));
}

bool mc_subdevice_online(
	struct mc *mc, struct session_turn *turn, const struct device *gateway, uint32_t place)
{
	struct binding_worker *bindings = mc->host->bindings;
	struct binding_mark mark = binding_mark(bindings, place);
	const struct device *subdevice = subdevice_at(mc, place);

	if (mark.session == turn->number && mark.entry == turn->index)
		return true;
	if (!subdevice || !mc_settle(mc, turn, gateway))
		return false;
	if (mark.session && !leave_older(mc, place, &mark))
		return false;
	if (!binding_may_mark(bindings, place))
		return false;
	mark = binding_mark(bindings, place);
	/* Somebody was quicker than the claim: as it is now is looked at the next time. */
	if (mark.session || !mc_event_subdevice(mc, turn, gateway, subdevice, HEARTH_ONLINE,
				    HEARTH_REASON_NONE))
		return false;
	mark.session = turn->number;
	mark.entry = turn->index;
	binding_set_mark(bindings, place, &mark);
	mc_count(mc, MC_SUBDEVICE_ONLINE);
	return true;
}

bool mc_subdevice_offline(struct mc *mc, struct session_turn *turn, const struct device *gateway,
	uint32_t place, enum hearth_reason reason)
{
	const struct binding_mark mark = binding_mark(mc->host->bindings, place);

	if (mark.session != turn->number || mark.entry != turn->index)
		return true;
	return mc_settle(mc, turn, gateway) && leave(mc, turn, gateway, place, reason);
}

bool mc_subdevice_leave(
	struct mc *mc, struct session_turn *turn, uint32_t place, enum hearth_reason reason)
{
	const struct device *gateway = mc_device(mc, turn);

	if (turn->flags & SESSION_OWED_SUBDEVICES)
		reason = owed_reason(turn);
	return (turn->state != SESSION_LIVE || mc_settle(mc, turn, gateway)) &&
	       leave(mc, turn, gateway, place, reason);
}

/* ---- a session's end ---- */

void mc_subdevices_left(struct mc *mc, struct session_turn *turn, enum hearth_reason reason)
{
	struct mc_leaving *leaving = &mc->leaving;

	if (binding_first(mc->host->bindings, turn->index) == BINDING_NONE)
		return;
	turn->flags = (turn->flags & ~SESSION_OWED_REASON) | SESSION_OWED_SUBDEVICES |
		      reason << OWED_REASON_SHIFT;
	if (leaving->count < MC_LEAVING)
		leaving->entries[leaving->count++] = turn->index;
}

bool mc_subdevices_settle(
	struct mc *mc, struct session_turn *turn, const struct device *gateway, unsigned most)
{
	const enum hearth_reason reason = owed_reason(turn);
	uint32_t place;

	if (!(turn->flags & SESSION_OWED_SUBDEVICES))
		return true;
	while ((place = binding_first(mc->host->bindings, turn->index)) != BINDING_NONE) {
		if (!most-- || !leave(mc, turn, gateway, place, reason))
			return false;
	}
	turn->flags &= ~SESSION_OWED_SUBDEVICES;
	if (!(turn->flags & SESSION_OWED_OFFLINE))
		turn->flags &= ~SESSION_OWED_REASON;
	return true;
}

/* The oldest first, as many as a turn may take; without room in the ring it waits. */
void mc_subdevices_turn(struct mc *mc)
{
	struct mc_leaving *leaving = &mc->leaving;
	struct session_turn *turn;

	if (!leaving->count)
		return;
	turn = session_touch(mc->host->sessions, leaving->entries[0]);
	if (turn && !mc_subdevices_settle(mc, turn, mc_device(mc, turn), MC_LEAVE_TURN))
		return;
	leaving->count--;
	memmove(leaving->entries, leaving->entries + 1,
		leaving->count * sizeof(leaving->entries[0]));
}

/* ---- on attach ---- */

/* A 2012 that was accepted with authResult "0": the gateway has shown its PIN in this login. */
static void restore_login(
	struct mc *mc, const struct hearth_item *item, const struct session_turn *turn)
{
	struct binding_table *table = binding_table(mc->host->bindings);
	const struct json_member *result, *id;
	struct device *gateway = mc_device(mc, turn), *subdevice;
	struct binding_mark mark;
	uint8_t name[DEVICE_ID_MAX];
	uint32_t place;
	int32_t length;

	if (json_scan(&mc->object, (const uint8_t *)item->payload, item->record->payload_length))
		return;
	result = json_find(&mc->object, "authResult");
	id = json_find(&mc->object, "subDeviceId");
	if (!result || !json_string_is(&mc->object, result, "0", 1) || !id || !gateway)
		return;
	length = json_string(&mc->object, id, name, sizeof(name));
	if (length <= 0)
		return;
	place = mc_subdevice_place(mc, gateway, name, (uint32_t)length, &subdevice);
	if (place == BINDING_NONE)
		return;
	mark = binding_committed(table, place);
	mark.login = mc_subdevice_login(mc, turn);
	binding_restore(table, place, &mark);
}

bool mc_subdevice_restored(
	struct mc *mc, const struct hearth_item *item, const struct session_turn *turn)
{
	const struct hearth_record *record = item->record;
	struct binding_table *table = binding_table(mc->host->bindings);
	const struct device *device;
	struct binding_mark mark;
	uint32_t place = BINDING_NONE;

	if (record->event == HEARTH_UPLINK && record->code == 2012)
		restore_login(mc, item, turn);
	if (!record->gateway_length)
		return false;
	device = registry_find(mc->host->registry, item->device, record->device_length);
	if (device)
		place = binding_find(table, device->number, device->serial);
	if (place == BINDING_NONE)
		return true;
	mark = binding_committed(table, place);
	if (record->event == HEARTH_ONLINE) {
		mark.session = record->session;
		mark.entry = session_handle_index(record->handle);
	} else if (mark.session == record->session) {
		mark.session = 0;
	}
	binding_restore(table, place, &mark);
	return true;
}
