/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* mc_request.c - requests on a session: transport, time, sequence, result (specs, Mc) */
#include "mc.h"

#include <string.h>

/* Codes above 16 bits are all unknown and answered alike: one value stands for them. */
#define CODE_HUGE 0xffff

static uint16_t short_code(uint32_t code)
{
	return code < CODE_HUGE ? code : CODE_HUGE;
}

struct session_turn *mc_turn(struct mc *mc, const struct mc_frame *frame, enum mc_counter *why)
{
	struct session_turn *turn;

	*why = MC_DROP_TOKEN;
	/* A login of this batch may have taken an entry that had rested when it was looked up. */
	if (mc->granted && session_find(mc->host->table, frame->name) != frame->index)
		return NULL;
	turn = session_touch(mc->host->sessions, frame->index);
	if (!turn)
		*why = session_owned(mc->host->sessions, frame->index) ? MC_DROP_TURN
								       : MC_DROP_NOT_BOUND;
	return turn && turn->state != SESSION_FREE ? turn : NULL;
}

/*
 * A session is heard on one transport only, on TCP only on the connection that carried its connect;
 * on UDP it is found by its token, never by an address.
 */
static bool heard_here(struct mc *mc, const struct session_turn *turn, const struct mc_frame *frame)
{
	const struct peer *peer = &frame->message->peer;

	if (turn->via != peer->via)
		return false;
	return peer->via == SESSION_VIA_UDP ||
	       (turn->connection == peer->connection &&
		       host_bound(mc->host, peer->connection) ==
			       session_handle_of(mc->host->sessions, turn));
}

/*
 * Within the window of the platform's clock, and not more than 5 s before both its connect's time
 * and the platform's clock at that connect: that rejects what was recorded before a reconnect.
 */
static bool in_time(
	const struct mc *mc, const struct session_turn *turn, const struct mc_content *content)
{
	int64_t time = content->time, off = time - mc_now(mc);
	int64_t window = mc->host->config->mc.time_window;

	if (!content->has_time || (window && (off > window || -off > window)))
		return false;
	return time + MC_SLACK_SECONDS >= turn->connect_device_time ||
	       time + MC_SLACK_SECONDS >= turn->connect_time;
}

/* What a request is worth by itself; the same content gives the same result. */
static uint32_t judge(struct mc *mc, const struct mc_frame *frame, struct session_turn *turn,
	struct device *device, bool timely)
{
	if (!timely)
		return MC_ILLEGAL;
	if (frame->code == MC_HEARTBEAT)
		return MC_DONE;
	if (!frame->kind)
		return MC_NOT_SUPPORTED;
	if (frame->content.illegal)
		return MC_ILLEGAL;
	if (!mc_is_own(device, frame->content.device)) {
		uint32_t result = frame->kind->subdevice
					  ? MC_NO_SUCH_DEVICE
					  : mc_subdevice_report(mc, frame, turn, device);

		if (result != MC_DONE)
			return result;
	}
	return frame->kind->judge ? frame->kind->judge(mc, frame, turn, device)
				  : frame->kind->result;
}

static bool makes_event(const struct mc_frame *frame, uint32_t result)
{
	return (result == MC_DONE || result == MC_MORE) && frame->kind && frame->kind->event;
}

/*
 * The event of the request @behind the newest of @next; it is accepted if there is room for it.
 * @result: what it is worth; becomes MC_NO_ROOM, or MC_LATER where somebody else answers it.
 */
static bool write_event(struct mc *mc, struct session_turn *turn, const struct device *device,
	const struct mc_frame *frame, const struct session_progress *next, unsigned behind,
	uint32_t *result)
{
	const uint64_t bits = (uint64_t)next->oldest << 32 | next->window;
	const uint32_t number = next->count - behind;
	uint64_t event;

	if (!mc_settle(mc, turn, device) || !mc_event_request(mc, turn, device, frame, *result,
						    number, (uint32_t)(bits >> behind), &event)) {
		*result = MC_NO_ROOM;
		return false;
	}
	if (frame->kind->taken && frame->kind->taken(mc, frame, turn, device, number, event))
		*result = MC_LATER;
	mc_count(mc, MC_REQUESTS);
	if (frame->code == 2006)
		turn->flags |= SESSION_REPORTED;
	if (frame->code == 2006 || frame->code == 2028)
		turn->report_tick = mc->host->clock.tick;
	return true;
}

/* The answer, unless it is left to the consumer's commit or to somebody else. */
static void answer_now(struct mc *mc, const struct mc_frame *frame, const struct session_turn *turn,
	const struct device *device, uint32_t result, uint32_t count)
{
	if (result != MC_LATER && !(result == MC_DONE && mc_commit_holds(mc, turn, count)))
		mc_answer_request(mc, frame, device, result);
}

/*
 * A request takes the next number, whatever its result. Its bit in the window is set only when its
 * event is written: a repeat of it is answered without another event then, else judged anew.
 */
static void fresh(struct mc *mc, const struct mc_frame *frame, struct session_turn *turn,
	struct device *device, uint32_t by, bool timely)
{
	struct session_progress next = turn->progress;
	uint32_t result = judge(mc, frame, turn, device, timely);
	bool accepted = false;

	if (makes_event(frame, result)) {
		session_advance(&next, by, true);
		accepted = write_event(mc, turn, device, frame, &next, 0, &result);
	}
	session_advance(&turn->progress, by, accepted);
	turn->code = short_code(frame->code);
	turn->heard = mc->host->clock.tick;
	if (!mc_over_tcp(frame))
		turn->peer = frame->message->peer.udp;
	if (frame->code == MC_HEARTBEAT)
		mc_count(mc, MC_HEARTBEATS);
	answer_now(mc, frame, turn, device, result, turn->progress.count);
}

/* The number has been used: answered again with a new time; moves neither address nor liveness. */
static void again(struct mc *mc, const struct mc_frame *frame, struct session_turn *turn,
	struct device *device, unsigned behind, bool timely)
{
	struct session_progress next = turn->progress;
	const bool accepted = session_accepted(&next, behind);
	uint32_t result;

	mc_count(mc, MC_REPEATS);
	/* What was accepted stays so, whatever has become of a sub-device since. */
	if (timely && accepted && frame->kind && !frame->content.illegal)
		result = frame->kind->again
				 ? frame->kind->again(mc, frame, turn, device, next.count - behind)
				 : MC_DONE;
	else
		result = judge(mc, frame, turn, device, timely);
	if (makes_event(frame, result) && !accepted) {
		session_mark(&next, behind);
		if (write_event(mc, turn, device, frame, &next, behind, &result))
			turn->progress = next;
	} else if (result == MC_DONE && mc_commit_holds(mc, turn, next.count - behind)) {
		mc_count(mc, MC_COMMIT_WAITS);
	}
	answer_now(mc, frame, turn, device, result, next.count - behind);
}

/* Out of sequence: the device is told and has to log in again. */
static void out_of_sequence(struct mc *mc, const struct mc_frame *frame, struct session_turn *turn,
	struct device *device)
{
	mc_answer_request(mc, frame, device, MC_OUT_OF_SEQUENCE);
	mc_end_close(mc, turn, device, HEARTH_SEQUENCE);
}

/* A number behind the newest, by @distance. */
static void behind(struct mc *mc, const struct mc_frame *frame, struct session_turn *turn,
	struct device *device, uint16_t distance, bool timely)
{
	bool known = distance <= 32 && distance < turn->progress.count;

	if (!known && mc_over_tcp(frame))
		out_of_sequence(mc, frame, turn, device);
	else if (!known)
		mc_count(mc, MC_DROP_STALE);
	else if (frame->code == MC_HEARTBEAT)
		mc_count(mc, MC_DROP_HEARTBEAT);
	else
		again(mc, frame, turn, device, distance, timely);
}

static void in_sequence(struct mc *mc, const struct mc_frame *frame, struct session_turn *turn,
	struct device *device, bool timely)
{
	uint32_t gap = mc_over_tcp(frame) ? 0 : mc->host->config->mc.udp_gap;
	uint16_t distance = 0;

	switch (session_order(session_newest(turn), frame->content.sequence, &distance)) {
	case SESSION_NEXT:
		fresh(mc, frame, turn, device, 1, timely);
		break;
	case SESSION_NEWEST:
		if (turn->code == short_code(frame->code))
			again(mc, frame, turn, device, 0, timely);
		else
			out_of_sequence(mc, frame, turn, device);
		break;
	case SESSION_BEHIND:
	case SESSION_STALE:
		behind(mc, frame, turn, device, distance, timely);
		break;
	case SESSION_AHEAD:
		if (distance - 1u <= gap)
			fresh(mc, frame, turn, device, distance, timely);
		else
			out_of_sequence(mc, frame, turn, device);
		break;
	}
}

void mc_request(struct mc *mc, struct mc_frame *frame)
{
	enum mc_counter why;
	struct session_turn *turn = mc_turn(mc, frame, &why);
	struct device *device = turn ? mc_device(mc, turn) : NULL;
	bool timely;

	mc->authentic = false;
	if (!turn) {
		mc_count(mc, why);
	} else if (turn->state != SESSION_LIVE) {
		mc_count(mc, MC_DROP_NOT_LIVE);
	} else if (!device) {
		mc_count(mc, MC_DROP_GONE);
	} else if (mc_index_load(&device->live) != turn->index) {
		/* The device has connected under another token, at another worker. */
		mc_end_close(mc, turn, device, HEARTH_REPLACED);
		mc_count(mc, MC_DROP_NOT_LIVE);
	} else if (!heard_here(mc, turn, frame)) {
		mc_count(mc, MC_DROP_NOT_BOUND);
	} else if (frame->kind && frame->kind->answer) {
		mc_command_answer(mc, frame, turn, device);
	} else if (frame->code == MC_HEARTBEAT && !frame->content.named) {
		mc_count(mc, MC_DROP_MISMATCH);
	} else {
		timely = in_time(mc, turn, &frame->content);
		if (!timely && !mc_over_tcp(frame))
			mc_count(mc, MC_DROP_TIME);
		else if (!timely || !mc_voice_segment(mc, frame, turn, device))
			in_sequence(mc, frame, turn, device, timely);
	}
}
