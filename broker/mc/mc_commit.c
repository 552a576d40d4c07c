/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* mc_commit.c - acknowledge: commit: answers made from the records that the consumer has committed
 * (DESIGN "Events") */
#include "mc.h"

#include <string.h>

/*
 * Does the answer wait for this record's commit? A voice request is answered by the backend, which
 * has it by then; what the broker says to a segment, "go on", acknowledges nothing.
 */
static bool is_held(const struct hearth_record *record)
{
	const struct mc_kind *kind =
		record->event == HEARTH_UPLINK ? mc_kind_of(record->code) : NULL;

	return kind && kind->event && !kind->voice;
}

void mc_commit_wrote(struct mc *mc, const struct hearth_record *record)
{
	if (is_held(record))
		session_uncommitted_mark(
			mc->host->table, session_handle_index(record->handle), record->count);
}

/* Is it the session that a handle was made for, live still? */
static bool is_of(const struct mc *mc, const struct session_turn *turn, session_handle handle)
{
	return turn->state == SESSION_LIVE && session_handle_of(mc->host->sessions, turn) == handle;
}

/* A first-level id of the record's payload, resolved into @out; at NULL: there is none. */
static struct mc_text id_in(const struct mc *mc, const char *name, uint8_t out[DEVICE_ID_MAX])
{
	const struct json_member *member = json_find(&mc->object, name);
	int32_t length = member ? json_string(&mc->object, member, out, DEVICE_ID_MAX) : -ENOENT;

	return length > 0 ? (struct mc_text){out, (uint32_t)length} : (struct mc_text){NULL, 0};
}

/*
 * The answer as the request's frame would have given it: code, number and form from the record, ids
 * and what was found of a sub-device from the payload, where 2012 says authResult in its own words.
 */
static void answer(struct mc *mc, const struct session_turn *turn, const struct device *device,
	const struct hearth_item *item)
{
	const struct hearth_record *record = item->record;
	uint8_t id[DEVICE_ID_MAX], subdevice_id[DEVICE_ID_MAX];
	struct mc_reply reply = {.code = record->code,
		.kind = mc_kind_of(record->code),
		.result = (uint32_t)record->result,
		.sequence = record->sequence,
		.sequence_text = !(record->flags & HEARTH_SEQUENCE_WAS_NUMBER)};
	const struct json_member *found;

	/* Most speak of themselves and name nobody else: 440 cycles of 2,300 for the scan. */
	if ((reply.kind->subdevice || !(record->flags & HEARTH_OF_ITSELF)) &&
		!json_scan(&mc->object, (const uint8_t *)item->payload, record->payload_length)) {
		reply.device = id_in(mc, "deviceId", id);
		reply.subdevice = id_in(mc, "subDeviceId", subdevice_id);
		found = reply.kind->auth ? json_find(&mc->object, "authResult") : NULL;
		reply.authentic = found && json_string_is(&mc->object, found, "0", 1);
	}
	if (!reply.device.at)
		reply.device =
			(struct mc_text){(const uint8_t *)device_id(device), device->id_length};
	mc_count(mc, MC_COMMIT_ANSWERS);
	mc->host->answered_late++;
	mc_answer_session(mc, turn, &reply);
}

/*
 * A live session of another worker with records in this one's ring: only after a restart, as every
 * session begins in its range again. Its owner hears that this number waits no more; the device
 * asks again and is answered there.
 */
static bool elsewhere(struct mc *mc, const struct hearth_record *record)
{
	struct session_turn then;

	if (!session_peek(mc->host->table, session_handle_index(record->handle), &then) ||
		!is_of(mc, &then, record->handle)) {
		mc_count(mc, MC_COMMIT_GONE); /* it has connected anew, there */
		return true;
	}
	if (!host_committed(mc->host, record->handle, record->count))
		return false;
	mc_count(mc, MC_COMMIT_ELSEWHERE);
	return true;
}

bool mc_committed(void *state, const struct hearth_item *item)
{
	struct mc *mc = state;
	const struct hearth_record *record = item->record;
	uint32_t index = session_handle_index(record->handle);
	struct session_turn *turn;
	struct device *device;

	if (!is_held(record))
		return true;
	if (!session_take(mc->host->sessions, index))
		return elsewhere(mc, record);
	turn = session_touch(mc->host->sessions, index);
	if (!turn)
		return false; /* the turn decides on as many sessions as it can: the next one */
	device = mc_device(mc, turn);
	if (!device || !is_of(mc, turn, record->handle)) {
		mc_count(mc, MC_COMMIT_GONE);
		return true;
	}
	session_uncommitted_clear(mc->host->table, index, record->count);
	answer(mc, turn, device, item);
	return true;
}

void mc_acknowledged(void *state, session_handle handle, uint32_t count)
{
	struct mc *mc = state;
	uint32_t index = session_handle_index(handle);
	struct session_turn *turn = session_touch(mc->host->sessions, index), now;

	/* One that this turn has no room for is not changed by it: what is committed is so still. */
	if (!turn && session_owned(mc->host->sessions, index) &&
		session_peek(mc->host->table, index, &now))
		turn = &now;
	if (turn && is_of(mc, turn, handle))
		session_uncommitted_clear(mc->host->table, index, count);
}

void mc_uncommitted(void *state, const struct hearth_item *item)
{
	struct mc *mc = state;
	const struct hearth_record *record = item->record;
	uint32_t index = session_handle_index(record->handle);
	struct session_turn now;

	if (is_held(record) && session_peek(mc->host->table, index, &now) &&
		is_of(mc, &now, record->handle))
		session_uncommitted_mark(mc->host->table, index, record->count);
}
