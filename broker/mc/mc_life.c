/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* mc_life.c - how sessions end: closed, silent, asked for; and the events they owe */
#include "mc.h"

#define OWED_REASON_SHIFT 8

_Static_assert((int)MC_END_SHUTDOWN - (int)MC_END_TIMEOUT == HEARTH_SHUTDOWN - HEARTH_TIMEOUT,
	"the counters of ends stand in the order of their reasons");

struct device *mc_device(const struct mc *mc, const struct session_turn *turn)
{
	struct device *device = registry_at(mc->host->registry, turn->device);

	return device && device->serial == turn->serial ? device : NULL;
}

bool mc_expired(const struct mc *mc, const struct session_turn *turn)
{
	return (int64_t)mc_now(mc) - turn->login_time > mc->host->config->mc.token_seconds;
}

bool mc_lapsed(const struct mc *mc, const struct session_turn *turn)
{
	return (int32_t)(mc->host->clock.tick - turn->heard) > MC_LOGIN_SECONDS;
}

uint32_t mc_heartbeat(const struct mc *mc, const struct session_turn *turn)
{
	const struct config *config = mc->host->config;

	if (turn->connect_time > config->mc.heartbeat_since ||
		config->mc.heartbeat_before < config->mc.heartbeat)
		return config->mc.heartbeat;
	return config->mc.heartbeat_before;
}

/* 3 x heartBeat + 10 s without a fresh frame (section 5.4.2.3). */
static int32_t silence(const struct mc *mc, const struct session_turn *turn)
{
	return 3 * mc_heartbeat(mc, turn) + 10;
}

static bool is_silent(const struct mc *mc, const struct session_turn *turn)
{
	return (int32_t)(mc->host->clock.tick - turn->heard) > silence(mc, turn);
}

bool mc_settle(struct mc *mc, struct session_turn *turn, const struct device *device)
{
	enum hearth_reason reason = (turn->flags & SESSION_OWED_REASON) >> OWED_REASON_SHIFT;

	if (!(turn->flags & SESSION_OWED))
		return true;
	if (turn->flags & SESSION_OWED_ONLINE) {
		if (device && !mc_event_online(mc, turn, device, NULL))
			return false;
		turn->flags &= ~SESSION_OWED_ONLINE;
	}
	if (turn->flags & SESSION_OWED_OFFLINE) {
		if (device && !mc_event_offline(mc, turn, device, reason))
			return false;
		turn->flags &= ~SESSION_OWED_OFFLINE;
		if (!(turn->flags & SESSION_OWED_SUBDEVICES))
			turn->flags &= ~SESSION_OWED_REASON;
	}
	return mc_subdevices_settle(mc, turn, device, MC_LEAVE_CONNECT);
}

/* No longer good for a connect: by reason, by age, or because a newer login was granted. */
static enum session_state state_after(const struct mc *mc, const struct session_turn *turn,
	const struct device *device, bool stays)
{
	if (!stays || !device || mc_expired(mc, turn) ||
		mc_index_load(&device->login) != SESSION_NONE ||
		mc_index_load(&device->live) != turn->index)
		return SESSION_FREE;
	return SESSION_RESTING;
}

/* @stays: its token is good for another connect */
static bool end(struct mc *mc, struct session_turn *turn, struct device *device,
	enum hearth_reason reason, bool stays, bool must, uint32_t *connection)
{
	bool written = !device ||
		       (mc_settle(mc, turn, device) && mc_event_offline(mc, turn, device, reason));

	*connection = 0;
	if (!written && !must)
		return false;
	if (!written) {
		mc_count(mc, MC_OWED);
		turn->flags |= SESSION_OWED_OFFLINE | reason << OWED_REASON_SHIFT;
	}
	mc_subdevices_left(mc, turn, reason);
	mc_count(mc, MC_END_TIMEOUT + (reason - HEARTH_TIMEOUT));
	if (mc_followed(mc))
		mc_trace_note(mc, turn, device, MC_END_TIMEOUT + (reason - HEARTH_TIMEOUT));
	if (turn->command)
		mc_command_end(mc, turn);
	if (turn->via == SESSION_VIA_TCP && turn->connection) {
		if (host_bound(mc->host, turn->connection) ==
			session_handle_of(mc->host->sessions, turn))
			host_bind(mc->host, turn->connection, 0);
		*connection = turn->connection;
		turn->connection = 0;
	}
	turn->state = state_after(mc, turn, device, stays);
	turn->generation = (turn->generation + 1) & 0xffffff;
	if (turn->state == SESSION_FREE && device)
		mc_index_drop(&device->live, turn->index);
	return true;
}

bool mc_end(struct mc *mc, struct session_turn *turn, struct device *device,
	enum hearth_reason reason, bool must, uint32_t *connection)
{
	bool stays = reason == HEARTH_TIMEOUT || reason == HEARTH_CLOSED;

	return end(mc, turn, device, reason, stays, must, connection);
}

bool mc_end_own(
	struct mc *mc, struct session_turn *turn, struct device *device, uint32_t *connection)
{
	return end(mc, turn, device, HEARTH_REPLACED, true, false, connection);
}

void mc_end_close(
	struct mc *mc, struct session_turn *turn, struct device *device, enum hearth_reason reason)
{
	uint32_t connection;

	mc_end(mc, turn, device, reason, true, &connection);
	if (connection)
		mc_close(mc, connection);
}

/* The session behind a handle if it is still the one that the handle was made for. */
static struct session_turn *turn_of(struct mc *mc, session_handle handle)
{
	struct session_turn *turn;

	turn = session_touch(mc->host->sessions, session_handle_index(handle));
	if (!turn || session_handle_of(mc->host->sessions, turn) != handle)
		return NULL;
	return turn;
}

void mc_end_bound(struct mc *mc, uint32_t connection)
{
	session_handle handle = host_bound(mc->host, connection);

	if (handle)
		mc_closed(mc, connection, handle);
}

void mc_void(struct mc *mc, struct session_turn *turn, struct device *device)
{
	if (device)
		mc_index_drop(&device->live, turn->index);
	if (device)
		mc_index_drop(&device->login, turn->index);
	turn->state = SESSION_FREE;
}

void mc_closed(void *state, uint32_t connection, session_handle handle)
{
	struct mc *mc = state;
	struct session_turn *turn = turn_of(mc, handle);
	uint32_t ended;

	if (turn && turn->state == SESSION_LIVE)
		mc_end(mc, turn, mc_device(mc, turn), HEARTH_CLOSED, true, &ended);
}

/* ---- the sweep ---- */

/* 4 x heartBeat have passed since the latest report of this connect (specs, Full report). */
static bool is_complete(const struct mc *mc, const struct session_turn *turn)
{
	uint16_t since = (uint16_t)mc->host->clock.tick - turn->report_tick;

	return (turn->flags & (SESSION_REPORTED | SESSION_SYNCHRONISED)) == SESSION_REPORTED &&
	       since >= 4 * mc_heartbeat(mc, turn);
}

enum due { DUE_NOTHING, DUE_LAPSED, DUE_VOID, DUE_END, DUE_COMPLETE };

/* What there is to be done about a session by now. @reason: of DUE_END. */
static enum due due(const struct mc *mc, const struct session_turn *turn,
	const struct device *device, enum hearth_reason *reason)
{
	switch (turn->state) {
	case SESSION_LOGIN:
		if (mc_lapsed(mc, turn))
			return DUE_LAPSED;
		return device && mc_index_load(&device->login) == turn->index ? DUE_NOTHING
									      : DUE_VOID;
	case SESSION_RESTING:
		if (mc_expired(mc, turn))
			return DUE_LAPSED;
		return device && mc_index_load(&device->live) == turn->index ? DUE_NOTHING
									     : DUE_VOID;
	case SESSION_LIVE:
		*reason = HEARTH_REASON_NONE;
		if (!device)
			*reason = HEARTH_REMOVED;
		else if (mc_index_load(&device->live) != turn->index)
			*reason = HEARTH_REPLACED; /* by a connect at another worker */
		else if (is_silent(mc, turn))
			*reason = HEARTH_TIMEOUT;
		if (*reason != HEARTH_REASON_NONE)
			return DUE_END;
		return is_complete(mc, turn) ? DUE_COMPLETE : DUE_NOTHING;
	case SESSION_FREE:
		break;
	}
	return DUE_NOTHING;
}

static void act(struct mc *mc, struct session_turn *turn, struct device *device)
{
	uint64_t *counters = session_counters(mc->host->sessions);
	enum hearth_reason reason;

	switch (due(mc, turn, device, &reason)) {
	case DUE_NOTHING:
		break;
	case DUE_LAPSED:
		if (mc_followed(mc))
			mc_trace_note(mc, turn, device,
				turn->state == SESSION_LOGIN ? MC_NOTE_LAPSED : MC_NOTE_EXPIRED);
		counter_add(
			&counters[turn->state == SESSION_LOGIN ? SESSION_LAPSED : SESSION_EXPIRED],
			1);
		mc_void(mc, turn, device);
		break;
	case DUE_VOID:
		if (mc_followed(mc))
			mc_trace_note(mc, turn, device, MC_NOTE_VOID);
		mc_void(mc, turn, device);
		break;
	case DUE_END:
		mc_end_close(mc, turn, device, reason);
		break;
	case DUE_COMPLETE:
		mc_count(mc, MC_SYNCHRONISED);
		if (mc_followed(mc))
			mc_trace_note(mc, turn, device, MC_SYNCHRONISED);
		turn->flags |= SESSION_SYNCHRONISED;
		break;
	}
}

_Static_assert(MC_LOGIN_SECONDS > SESSION_QUIET && 3 * CONFIG_HEARTBEAT_MIN + 10 > SESSION_QUIET,
	"the sweep need not come by sooner");

static uint32_t least(uint32_t a, int64_t b)
{
	return b < 0 ? 0 : b < a ? (uint32_t)b : a;
}

/* Seconds before which due() says DUE_NOTHING of a session to which nothing happens. */
static uint32_t left(const struct mc *mc, const struct session_turn *turn)
{
	const struct config *config = mc->host->config;
	const int64_t heard = (int32_t)(mc->host->clock.tick - turn->heard);
	const uint16_t reported = (uint16_t)mc->host->clock.tick - turn->report_tick;
	uint32_t seconds = SESSION_LATER;

	switch (turn->state) {
	case SESSION_LOGIN:
		return least(seconds, MC_LOGIN_SECONDS + 1 - heard);
	case SESSION_RESTING:
		return least(seconds,
			(int64_t)turn->login_time + config->mc.token_seconds + 1 - mc_now(mc));
	case SESSION_LIVE:
		seconds = least(seconds, silence(mc, turn) + 1 - heard);
		if ((turn->flags & (SESSION_REPORTED | SESSION_SYNCHRONISED)) == SESSION_REPORTED)
			seconds = least(seconds, 4 * (int64_t)mc_heartbeat(mc, turn) - reported);
		return seconds;
	case SESSION_FREE:
		break;
	}
	return 0; /* it is there for an event that it owes */
}

static uint32_t visit(void *context, uint32_t index)
{
	struct mc *mc = context;
	struct session_turn now, *turn;
	enum hearth_reason reason;

	/* A copy is looked at first: most sessions need nothing, and a turn can touch only so
	 * many. */
	if (!session_peek(mc->host->table, index, &now))
		return 0;
	if (!(now.flags & SESSION_OWED) &&
		due(mc, &now, mc_device(mc, &now), &reason) == DUE_NOTHING)
		return left(mc, &now);
	turn = session_touch(mc->host->sessions, index);
	if (!turn)
		return 0;
	mc_settle(mc, turn, mc_device(mc, turn));
	act(mc, turn, mc_device(mc, turn));
	return 0;
}

static void ahead(void *context, uint32_t device)
{
	registry_prefetch_at(((struct mc *)context)->host->registry, device);
}

void mc_sweep(void *state, uint32_t budget)
{
	const struct host *host = ((struct mc *)state)->host;
	const struct session_visitor visitor = {.context = state, .ahead = ahead, .visit = visit};

	session_sweep(host->sessions, host->clock.tick, budget, &visitor);
}

void mc_look(void *state, uint32_t index)
{
	visit(state, index);
}

static bool leaves(struct mc *mc, const struct session_turn *turn)
{
	if (mc_followed(mc))
		mc_trace_note(mc, turn, mc_device(mc, turn), MC_NOTE_LEAVES);
	return true;
}

/*
 * The connect that asks is authentic and newer than this session (mc_connect.c looked before it
 * asked): the session ends here, with the event in this worker's ring, and its token goes on.
 */
bool mc_release(void *state, uint32_t index)
{
	struct mc *mc = state;
	struct session_turn *turn = session_touch(mc->host->sessions, index);
	uint32_t connection;

	if (!turn || turn->state == SESSION_FREE)
		return false;
	connection = 0;
	if (turn->state == SESSION_LIVE &&
		!end(mc, turn, mc_device(mc, turn), HEARTH_REPLACED, true, false, &connection))
		return false; /* no room for the event: it is asked again */
	if (connection)
		mc_close(mc, connection);
	/* Its sub-devices are this worker's until they are off-line. */
	if (turn->flags & SESSION_OWED_SUBDEVICES && !mc_settle(mc, turn, mc_device(mc, turn)))
		return false;
	return leaves(mc, turn);
}

/* Has it asked for anything whose answer waits for the consumer's commit? */
static bool waits(const struct mc *mc, const struct session_turn *turn)
{
	const uint32_t newest = turn->progress.count;

	for (uint32_t behind = 0; behind <= 32 && behind < newest; behind++) {
		if (session_uncommitted(mc->host->table, turn->index, newest - behind))
			return true;
	}
	return false;
}

static enum hearth_reason reason_of(enum control_op op)
{
	switch (op) {
	case CONTROL_KICK:
		return HEARTH_KICKED;
	case CONTROL_REMOVED:
		return HEARTH_REMOVED;
	case CONTROL_SHUTDOWN:
	case CONTROL_SHUTDOWN_NOW:
	case CONTROL_OPS:
		break;
	}
	return HEARTH_SHUTDOWN;
}

void mc_control(void *state, enum control_op op, session_handle handle)
{
	struct mc *mc = state;
	struct session_turn *turn = turn_of(mc, handle);
	struct device *device;

	if (!turn)
		return;
	if (op == CONTROL_SHUTDOWN && turn->state == SESSION_LIVE && mc->commits && waits(mc, turn))
		return; /* the control thread asks again */
	device = mc_device(mc, turn);
	if (turn->state == SESSION_LIVE)
		mc_end_close(mc, turn, device, reason_of(op));
	else if (turn->state != SESSION_FREE)
		mc_void(mc, turn, device);
}
