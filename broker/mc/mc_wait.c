/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* mc_wait.c - requests that are answered when the registry has made durable what they ask for */
#include "mc.h"

#include <errno.h>

/* ---- records of them ---- */

/* A request's number since the connect, from its sequence: near the newest, that was looked at. */
static uint32_t number_of(const struct mc_frame *frame, const struct session_turn *turn)
{
	const int16_t ahead = (int16_t)(frame->content.sequence - session_newest(turn));

	return (uint32_t)(turn->progress.count + ahead);
}

/* How many requests of a session wait; @same: receives whether @number is one of them. */
static unsigned waiting(
	const struct mc_waits *waits, session_handle handle, uint32_t number, bool *same)
{
	unsigned count = 0;

	*same = false;
	for (unsigned i = 0; waits->used && i < waits->made; i++) {
		if (waits->handles[i] != handle)
			continue;
		count++;
		*same |= waits->waits[i].number == number;
	}
	return count;
}

bool mc_waits_for(struct mc *mc, const struct mc_frame *frame, const struct session_turn *turn)
{
	bool same;

	waiting(&mc->waits, session_handle_of(mc->host->sessions, turn), number_of(frame, turn),
		&same);
	if (same)
		mc_count(mc, MC_DROP_WAITING);
	return same;
}

static unsigned take(struct mc_waits *waits)
{
	unsigned i = waits->free;

	if (i)
		waits->free = waits->waits[i - 1].next;
	else if (waits->made < MC_WAITS)
		i = ++waits->made;
	waits->used += i != 0;
	return i;
}

static void give_back(struct mc_waits *waits, unsigned i)
{
	waits->handles[i - 1] = 0;
	waits->rounds[i - 1]++;
	waits->waits[i - 1].next = waits->free;
	waits->free = (uint16_t)i;
	waits->used--;
}

/* Which record, in which of its rounds; never 0. */
static uint64_t cookie_of(const struct mc_waits *waits, unsigned i)
{
	return (uint64_t)waits->rounds[i - 1] << 32 | i;
}

uint32_t mc_wait(struct mc *mc, const struct mc_frame *frame, const struct session_turn *turn,
	const struct device *gateway, const struct device *subdevice, enum job_kind kind,
	bool known)
{
	struct mc_waits *waits = &mc->waits;
	const session_handle handle = session_handle_of(mc->host->sessions, turn);
	const struct mc_text id = frame->content.subdevice;
	struct mc_text payload;
	struct mc_wait *wait;
	struct job job = {.kind = kind,
		.reason = HEARTH_CLOSED,
		.device = subdevice->number,
		.serial = subdevice->serial,
		.gateway = gateway->number,
		.gateway_serial = gateway->serial};
	unsigned i;
	bool same;

	mc->authentic = true; /* so the payload says; it is put right if it is not */
	payload = mc_event_payload(mc, frame);
	mc->authentic = false;
	/* What its event has no room for is not begun: done and not told it would be lost to the
	 * backend, as a repeat of it finds it done. */
	if (!known && !feed_find_room(mc->host->feed, FEED_REQUEST,
			      sizeof(struct hearth_record) + gateway->id_length + payload.length))
		return MC_NO_ROOM;
	/* A request of four short members that is longer than that is no device's. */
	if (payload.length > MC_WAIT_PAYLOAD ||
		waiting(waits, handle, 0, &same) >= MC_WAITS_PER_SESSION || !(i = take(waits)))
		return MC_NO_ROOM;
	wait = &waits->waits[i - 1];
	*wait = (struct mc_wait){.number = number_of(frame, turn),
		.device_time = frame->content.time,
		.code = (uint16_t)frame->code,
		.sequence = frame->content.sequence,
		.sequence_text = frame->content.sequence_text,
		.known = known,
		.subdevice_length = (uint8_t)id.length,
		.payload_length = (uint16_t)payload.length};
	memcpy(wait->subdevice, id.at, id.length);
	memcpy(wait->payload, payload.at, payload.length);
	waits->handles[i - 1] = handle;
	job.cookie = cookie_of(waits, i);
	if (binding_ask(mc->host->bindings, &job))
		return MC_LATER;
	give_back(waits, i);
	return MC_NO_ROOM;
}

/* ---- their jobs are done ---- */

/*
 * What is not durable is not acknowledged: where the registry could not be written the request is
 * answered 999999, as one whose event finds no room, its bit in the window stays unset and a repeat
 * of it is tried anew. authResult "1" would say that the sub-device is not what it is.
 */
static uint32_t result_of(const struct job *job, bool *authentic)
{
	*authentic = job->result == JOB_DONE;
	if (job->result == JOB_DONE)
		return MC_DONE;
	if (job->kind == JOB_UNBIND && job->result == -ENOENT)
		return MC_NO_SUCH_DEVICE;
	if (job->kind != JOB_UNBIND && (job->result == -EACCES || job->result == -ENOENT))
		return MC_DONE; /* refused, like any other */
	return MC_NO_ROOM;
}

/* It ends with ,"authResult":"0"} as mc_wait() had it made. */
static void set_auth_result(struct mc_wait *wait, bool authentic)
{
	wait->payload[wait->payload_length - 3] = authentic ? '0' : '1';
}

/* The gateway has shown the sub-device's PIN in this login. */
static bool note_login(struct mc *mc, const struct session_turn *turn, const struct device *gateway,
	const struct mc_wait *wait)
{
	struct binding_worker *bindings = mc->host->bindings;
	struct device *subdevice;
	const uint32_t place = mc_subdevice_place(
		mc, gateway, wait->subdevice, wait->subdevice_length, &subdevice);
	struct binding_mark mark;

	if (place == BINDING_NONE)
		return true; /* it has gone on to another gateway */
	if (!binding_may_mark(bindings, place))
		return false;
	mark = binding_mark(bindings, place);
	mark.login = mc_subdevice_login(mc, turn);
	binding_set_mark(bindings, place, &mark);
	return true;
}

/* Its event, in the order of events and not of numbers: others have been accepted meanwhile. */
static bool write_event(struct mc *mc, struct session_turn *turn, const struct device *device,
	const struct mc_wait *wait)
{
	struct session_progress next = turn->progress;
	const uint32_t behind = next.count - wait->number;
	uint64_t bits;

	if (behind <= 32)
		session_mark(&next, behind);
	bits = (uint64_t)next.oldest << 32 | next.window;
	if (!mc_settle(mc, turn, device) || !mc_event_waited(mc, turn, device, wait,
						    behind <= 32 ? (uint32_t)(bits >> behind) : 1))
		return false;
	turn->progress = next;
	mc_count(mc, MC_REQUESTS);
	return true;
}

static void answer(struct mc *mc, struct session_turn *turn, const struct device *device,
	struct mc_wait *wait, const struct job *job)
{
	const struct mc_kind *kind = mc_kind_of(wait->code);
	bool authentic;
	uint32_t result = result_of(job, &authentic);
	const struct mc_text id = {(const uint8_t *)wait->subdevice, wait->subdevice_length};

	if (kind->auth)
		set_auth_result(wait, authentic);
	if (result == MC_DONE && !wait->known) {
		if ((job->kind == JOB_BIND && authentic && !note_login(mc, turn, device, wait)) ||
			!write_event(mc, turn, device, wait))
			result = MC_NO_ROOM;
		else if (kind->auth)
			mc_count(mc, authentic ? MC_SUBDEVICE_AUTHENTIC : MC_SUBDEVICE_REFUSED);
	}
	/* What was written just now waits for its commit, also if its number is of long ago. */
	if (result == MC_DONE &&
		(wait->known ? mc_commit_holds(mc, turn, wait->number) : mc->commits))
		return;
	mc_answer_session(mc, turn,
		&(struct mc_reply){.code = wait->code,
			.kind = kind,
			.result = result,
			.sequence = wait->sequence,
			.sequence_text = wait->sequence_text,
			.authentic = authentic,
			.device = {(const uint8_t *)device_id(device), device->id_length},
			.subdevice = id});
}

/* An on-line state that has to end: the sub-device is being bound elsewhere, or to nothing. */
static void obey(struct mc *mc, const struct job *job)
{
	struct binding_worker *bindings = mc->host->bindings;
	const uint32_t place = binding_find(binding_table(bindings), job->device, job->serial);
	struct binding_mark mark;
	struct session_turn *turn;

	if (place == BINDING_NONE || !session_take(mc->host->sessions, job->entry))
		return; /* whoever has it is asked the next time */
	mark = binding_mark(bindings, place);
	turn = session_touch(mc->host->sessions, job->entry);
	if (!turn || mark.session != job->session || mark.entry != job->entry)
		return;
	mc_subdevice_leave(mc, turn, place, job->reason);
}

void mc_resumed(void *state, const struct job *job)
{
	struct mc *mc = state;
	struct mc_waits *waits = &mc->waits;
	const unsigned i = (uint32_t)job->cookie;
	struct session_turn *turn = NULL;
	struct device *device = NULL;
	session_handle handle;

	if (job->kind == JOB_OFFLINE) {
		obey(mc, job);
		return;
	}
	if (!i || i > MC_WAITS || !waits->handles[i - 1] || cookie_of(waits, i) != job->cookie)
		return; /* nobody waits for it */
	handle = waits->handles[i - 1];
	if (session_owned(mc->host->sessions, session_handle_index(handle)))
		turn = session_touch(mc->host->sessions, session_handle_index(handle));
	if (turn && turn->state == SESSION_LIVE &&
		session_handle_of(mc->host->sessions, turn) == handle)
		device = mc_device(mc, turn);
	if (device)
		answer(mc, turn, device, &waits->waits[i - 1], job);
	else
		mc_count(mc, MC_WAIT_GONE);
	give_back(waits, i);
}
