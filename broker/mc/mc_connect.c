/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* mc_connect.c - 1004 and 1005: a token becomes a live session (section 5.4.2.2) */
#include "mc.h"

/* Failure or replay: TCP closes, UDP is silent. */
static void refuse(struct mc *mc, const struct mc_frame *frame, enum mc_counter counter)
{
	uint32_t connection = frame->message->peer.connection;

	mc_count(mc, counter);
	if (!mc_over_tcp(frame))
		return;
	mc_end_bound(mc, connection);
	mc_close(mc, connection);
}

/* Newer than the token's last accepted connect: a later time, or the same with another sequence. */
static bool newer(const struct session_turn *turn, const struct mc_content *content)
{
	return content->time > turn->connect_device_time ||
	       (content->time == turn->connect_device_time && content->sequence != turn->base);
}

/*
 * On UDP the same connect again, while no later request has come: its answer was lost. Its number
 * says so; a device that makes the frame anew gives it a later time.
 */
static bool repeated(
	const struct session_turn *turn, const struct device *device, const struct mc_frame *frame)
{
	const struct mc_content *content = &frame->content;

	return !mc_over_tcp(frame) && turn->state == SESSION_LIVE && turn->via == SESSION_VIA_UDP &&
	       mc_index_load(&device->live) == turn->index &&
	       content->time >= turn->connect_device_time && content->sequence == turn->base &&
	       turn->progress.count == 0;
}

static bool in_time(const struct mc *mc, const struct mc_content *content)
{
	int64_t off = (int64_t)content->time - mc_now(mc);
	int64_t window = mc->host->config->mc.time_window;

	return !window || (off <= window && -off <= window);
}

/*
 * May this token connect (again)? Only the device's newest login may; a session that is live or has
 * ended only until there is a newer login.
 */
static bool good(const struct mc *mc, const struct session_turn *turn, const struct device *device)
{
	uint32_t login = mc_index_load(&device->login);

	if (mc_expired(mc, turn))
		return false;
	if (turn->state == SESSION_LOGIN)
		return login == turn->index && !mc_lapsed(mc, turn);
	return login == SESSION_NONE && mc_index_load(&device->live) == turn->index;
}

/*
 * End this token's own live session, and see that it owes no event: the entry is about to be used
 * anew. Return: false when the ring has no room for that, or its sub-devices are more than a turn
 * takes off-line. The token stays good: the connect may come again.
 */
static bool end_own(
	struct mc *mc, struct session_turn *turn, struct device *device, uint32_t *connection)
{
	*connection = 0;
	if (!mc_settle(mc, turn, device))
		return false;
	return turn->state != SESSION_LIVE ||
	       (mc_end_own(mc, turn, device, connection) && mc_settle(mc, turn, device));
}

/* End the device's session under an older token, wherever it is; return its connection. */
static uint32_t end_older(struct mc *mc, struct device *device, uint32_t live, uint32_t index)
{
	struct session_turn *older;
	uint32_t connection = 0;

	if (live == SESSION_NONE || live == index)
		return 0;
	if (!session_owned(mc->host->sessions, live)) {
		/* It ends when its owner finds that the device's record names it no more. */
		host_look(mc->host, live);
		return 0;
	}
	older = session_touch(mc->host->sessions, live);
	if (!older || mc_device(mc, older) != device)
		return 0;
	if (older->state == SESSION_LIVE)
		mc_end(mc, older, device, HEARTH_REPLACED, true, &connection);
	else if (older->state == SESSION_RESTING)
		mc_void(mc, older, device);
	return connection;
}

/*
 * The device's record names this session from here on, unless another worker has granted a login or
 * accepted a connect meanwhile. The session's number is drawn between looking and naming: who names
 * later has the higher one.
 * @logged_in: by a token that was not used yet, else by that of a session that has ended
 * @older: receives the entry that was named before
 */
static bool take_name(
	struct session_turn *turn, struct device *device, bool logged_in, uint32_t *older)
{
	struct mc_names seen = mc_names(device), next = {.live = turn->index};

	do {
		if (logged_in ? seen.login != turn->index
			      : seen.login != SESSION_NONE ||
					(seen.live != turn->index && seen.live != SESSION_NONE))
			return false;
		next.login = SESSION_NONE;
		*older = seen.live;
		turn->number = __atomic_add_fetch(&device->last_session, 1, __ATOMIC_ACQ_REL);
	} while (!mc_names_swap(device, &seen, next));
	return true;
}

static void begin_session(struct mc *mc, const struct mc_frame *frame, struct session_turn *turn)
{
	struct host *host = mc->host;
	const struct peer *peer = &frame->message->peer;

	turn->state = SESSION_LIVE;
	turn->generation = (turn->generation + 1) & 0xffffff;
	turn->progress = (struct session_progress){0};
	session_uncommitted_reset(host->table, turn->index);
	turn->via = peer->via;
	turn->connection = mc_over_tcp(frame) ? peer->connection : 0;
	turn->peer = peer->udp;
	turn->heard = host->clock.tick;
	turn->connect_device_time = frame->content.time;
	turn->connect_time = mc_now(mc);
	turn->base = frame->content.sequence;
	host->random->fill(host->random, &turn->platform_sequence, sizeof(turn->platform_sequence));
	turn->report_tick = 0;
	turn->flags = 0;
	turn->code = MC_CONNECT;
	if (mc_over_tcp(frame))
		host_bind(host, peer->connection, session_handle_of(host->sessions, turn));
}

static void accept(struct mc *mc, const struct mc_frame *frame, struct session_turn *turn,
	struct device *device)
{
	uint32_t mine = mc_over_tcp(frame) ? frame->message->peer.connection : 0;
	bool logged_in = turn->state == SESSION_LOGIN;
	uint32_t own, older;
	unsigned alerts;

	if (!end_own(mc, turn, device, &own)) {
		if (own && own != mine)
			mc_close(mc, own);
		refuse(mc, frame, MC_DROP_OWED);
		return;
	}
	if (!take_name(turn, device, logged_in, &older)) {
		if (own && own != mine)
			mc_close(mc, own);
		if (!logged_in)
			mc_void(mc, turn, device);
		refuse(mc, frame, MC_DROP_VOID);
		return;
	}
	alerts = mc_flap_connected(mc, frame, turn, device, older);
	older = end_older(mc, device, older, turn->index);
	if (mine)
		mc_end_bound(mc, mine); /* a session of another device came over this connection */
	if (own && own != mine)
		mc_close(mc, own);
	if (older && older != mine)
		mc_close(mc, older);
	begin_session(mc, frame, turn);
	if (!mc_event_online(mc, turn, device, frame)) {
		mc_count(mc, MC_OWED);
		turn->flags |= SESSION_OWED_ONLINE;
	}
	mc_flap_tell(mc, frame, turn, device, alerts);
	mc_count(mc, MC_CONNECTS);
	mc_answer_connect(mc, frame, MC_DONE);
	/* The connection was reset behind the connect: nobody will tell of its end. */
	if (mine && !host_bound(mc->host, mine))
		mc_end(mc, turn, device, HEARTH_CLOSED, true, &own);
}

/* A good connect for a session of another worker: the session comes to the connection. */
static void fetch(struct mc *mc, const struct mc_frame *frame)
{
	if (!host_fetch(mc->host, frame->message, frame->index))
		refuse(mc, frame, MC_DROP_MOVING);
}

/* What was last committed of another worker's session. */
static struct session_turn *peek(struct mc *mc, const struct mc_frame *frame,
	struct session_turn *copy, enum mc_counter *why)
{
	*why = MC_DROP_TOKEN;
	if (session_find(mc->host->table, frame->name) != frame->index ||
		!session_peek(mc->host->table, frame->index, copy) || copy->state == SESSION_FREE)
		return NULL;
	return copy;
}

void mc_connect(struct mc *mc, struct mc_frame *frame)
{
	const struct mc_content *content = &frame->content;
	struct session_turn *turn, peeked;
	struct device *device;
	enum mc_counter why;
	bool here;

	if (!frame->fault && !content->named)
		mc_fault(frame, MC_DROP_MISMATCH);
	if (!frame->fault && !content->has_time)
		mc_fault(frame, MC_DROP_TIME);
	if (frame->fault) {
		refuse(mc, frame, frame->fault - 1);
		return;
	}
	here = session_owned(mc->host->sessions, frame->index);
	/* Of another worker's session its last commit tells whether it is worth fetching; who gets
	 * it decides. */
	if (here)
		turn = mc_turn(mc, frame, &why);
	else
		turn = peek(mc, frame, &peeked, &why);
	device = turn ? mc_device(mc, turn) : NULL;
	if (!turn) {
		refuse(mc, frame, why);
	} else if (!device) {
		refuse(mc, frame, MC_DROP_GONE);
	} else if (repeated(turn, device, frame)) {
		mc_count(mc, MC_REPEATS);
		mc_answer_connect(mc, frame, MC_DONE);
	} else if (!good(mc, turn, device)) {
		refuse(mc, frame, MC_DROP_VOID);
	} else if (turn->state != SESSION_LOGIN && !newer(turn, content)) {
		refuse(mc, frame, MC_DROP_REPLAY);
	} else if (host_draining(mc->host)) {
		refuse(mc, frame, MC_DROP_DRAINING);
	} else if (mc_flap_held(mc, frame, device)) {
		refuse(mc, frame, MC_DROP_HELD);
	} else if (!in_time(mc, content)) {
		mc_count(mc, MC_CONNECT_TIME);
		mc_answer_connect(mc, frame, MC_ILLEGAL);
	} else if (here) {
		accept(mc, frame, turn, device);
	} else {
		fetch(mc, frame);
	}
}
