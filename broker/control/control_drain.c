/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* control_drain.c - taking the node out for good: devices go at a stated rate, nothing is lost */

#include <urcu/urcu-qsbr.h>

#include "control/control_private.h"
#include "feed/command_ring.h"
#include "log/log.h"

#include <stdio.h>
#include <string.h>

/*
 * The order, and why:
 *
 * 1. No login and no connect is accepted any more; when every worker knows, no session can begin.
 * 2. Each session is ended: what its device asked by then is answered first, its event is "offline,
 *    shutdown", what was outstanding to it is told as undelivered, its token is void. At a rate: the
 *    devices are on their way to another node. Tokens of devices that are not connected go along;
 *    they storm nobody and are not counted.
 * 3. Connections: what was answered has to arrive, the sockets have to close.
 * 4. Events: commands that were taken have their outcome, consumers have committed everything.
 * 5. The broker ends and removes what it would keep for a restart.
 *
 * Whatever is missing at the deadline is told; then sessions end at once, and what is left is kept:
 * events that nobody has committed, and the sessions if they could not even be ended.
 */

#define SECOND_US 1000000ull
/* Entries of the session table looked at in one step. */
#define LOOK_MAX 65536u
/* A session that was asked to end is not asked again sooner. */
#define PASS_US 100000u
/* Answers that wait for a commit hold their session up; when nothing else happens for so long they
 * do not any more. */
#define PATIENCE_US (10 * SECOND_US)
/* Connections that do not close are left to the end of the process. */
#define CLOSE_US (10 * SECOND_US)
/* After the deadline sessions are ended at once; a worker that cannot has so long. */
#define LAST_US (5 * SECOND_US)
/* Whoever watches has so long to take the last word. */
#define FAREWELL_US (10 * SECOND_US)
#define DEADLINE_MAX 604800

static const char *const states[] = {[DRAIN_OFF] = "off",
	[DRAIN_SESSIONS] = "sessions",
	[DRAIN_CONNECTIONS] = "connections",
	[DRAIN_EVENTS] = "events",
	[DRAIN_DONE] = "done"};

/* ---- what is left ---- */

static uint64_t sum(struct broker_view *view, const char *name)
{
	struct counter_view views[COUNTER_VIEWS_MAX];
	uint64_t total = 0;

	for (unsigned worker = 0; worker < view->workers; worker++) {
		unsigned count = view->counters(view, worker, views);

		for (unsigned i = 0; i < count; i++) {
			for (unsigned j = 0; j < views[i].count; j++) {
				if (!strcmp(views[i].info[j].name, name))
					total += counter_read(&views[i].values[j]);
			}
		}
	}
	return total;
}

static uint64_t pool_used(struct broker_view *view, const char *name)
{
	struct pool_view pools[WORKER_POOLS_MAX];
	uint64_t used = 0;

	for (unsigned worker = 0; worker < view->workers; worker++) {
		unsigned count = view->pools(view, worker, pools);

		for (unsigned i = 0; i < count; i++) {
			if (!strcmp(pools[i].name, name) && pools[i].used != POOL_USED_UNKNOWN)
				used += pools[i].used;
		}
	}
	return used;
}

static uint64_t live_sessions(struct broker_view *view)
{
	uint64_t live = 0;

	for (unsigned i = 0; i < view->workers; i++) {
		struct session_counts counts = session_counts(session_worker(view->table, i));

		live += counts.live_tcp + counts.live_udp;
	}
	return live;
}

/* Commands that are with a worker, and bytes of those that wait in a living writer's ring. */
static uint64_t commands_left(struct broker_view *view)
{
	struct command_ring_view ring;
	uint64_t left = pool_used(view, "commands");

	for (unsigned n = 0; view->commands && n < COMMAND_RINGS_MAX; n++) {
		if (command_rings_view(view->commands, n, &ring) && ring.alive && !ring.damaged)
			left += ring.waiting;
	}
	return left;
}

uint64_t control_drain_events(const struct broker_view *view)
{
	uint64_t left = 0;

	for (unsigned i = 0; i < view->workers; i++) {
		struct feed_fill fill = feed_fill(feed_ring(view->feed, i));

		/* the commit cursor is the consumer's: it may be anything */
		left += fill.head - fill.commit > fill.bytes ? fill.bytes : fill.head - fill.commit;
		left += fill.head != fill.applied;
	}
	return left;
}

/* ---- 2: sessions ---- */

/* So many may be ended by now. What could not be used for a tenth of a second is lost: who was away
 * does not make up for it by a storm. */
static uint64_t burst(uint32_t rate)
{
	return rate < 10 ? SECOND_US : rate * SECOND_US / 10;
}

static void earn(struct drain *drain, uint64_t now, uint32_t rate)
{
	const uint64_t most = burst(rate);

	drain->credit += (now - drain->earned_us) * rate;
	drain->earned_us = now;
	if (drain->credit > most)
		drain->credit = most;
}

/* One entry of the walk. Return: go on? */
static bool end_entry(struct control *control, uint32_t index)
{
	struct drain *drain = &control->drain;
	struct broker_view *view = control->view;
	struct session_turn turn;
	enum control_op op = drain->forced ? CONTROL_SHUTDOWN_NOW : CONTROL_SHUTDOWN;

	if (!session_peek(view->table, index, &turn))
		return true;
	drain->seen++;
	if (turn.state == SESSION_FREE)
		return true; /* it owes an event, which its worker writes when there is room */
	if (turn.state == SESSION_LIVE && !drain->hurry && drain->credit < SECOND_US)
		return false;
	/* Those that a worker has not taken yet, because it was away, would end all at once. */
	if (turn.state == SESSION_LIVE && !drain->hurry &&
		drain->posted - drain->taken >= burst(view->config->drain.rate) / SECOND_US)
		return false;
	if (view->control(view, op, control_handle(view->table, &turn)) < 0)
		return false; /* the worker has enough for now */
	drain->posted++;
	if (turn.state == SESSION_LIVE && !drain->hurry)
		drain->credit -= SECOND_US;
	return true;
}

/* Return: is there none left? */
static bool end_sessions(struct control *control, uint64_t now)
{
	struct drain *drain = &control->drain;
	const uint32_t entries = session_entries(control->view->table, NULL);
	const uint64_t ended = sum(control->view, "offline_shutdown");
	uint32_t looked = 0;

	drain->taken = sum(control->view, "mail") - drain->taken_before;
	if (drain->taken > drain->posted) /* somebody kicks, too */
		drain->posted = drain->taken;
	if (ended != drain->ended) {
		drain->ended = ended;
		drain->ended_us = now;
	}
	/* Nothing ends any more: what waits for a commit is not waited for. */
	drain->forced |= drain->hurry || now - drain->ended_us > PATIENCE_US;
	if (drain->next == 0) {
		if (drain->passes && now - drain->pass_us < PASS_US)
			return false;
		drain->pass_us = now;
		drain->seen = 0;
	}
	for (; drain->next < entries && looked < LOOK_MAX; drain->next++, looked++) {
		if (!end_entry(control, drain->next))
			return false;
	}
	if (drain->next < entries)
		return false;
	drain->next = 0;
	drain->passes++;
	return drain->seen == 0;
}

/* ---- the whole ---- */

static void enter(struct drain *drain, enum drain_state state, uint64_t now)
{
	drain->state = state;
	drain->entered_us = now;
}

static void tell_end(struct control *control)
{
	struct drain *drain = &control->drain;
	const uint64_t events = control_drain_events(control->view);
	const uint64_t commands = commands_left(control->view);
	const uint64_t ended = drain->ended - drain->ended_before;

	if (!drain->sessions_left && !events && !commands) {
		log_info("drained: %llu sessions ended, all events committed; what a restart would "
			 "need is removed",
			(unsigned long long)ended);
		return;
	}
	log_error("the drain's deadline has come: %llu sessions ended, %llu could not be, %llu "
		  "bytes of events are not committed, %llu commands have no outcome yet; %s",
		(unsigned long long)ended, (unsigned long long)drain->sessions_left,
		(unsigned long long)events, (unsigned long long)commands,
		drain->sessions_left ? "everything is kept for another start"
				     : "the event rings are kept: run hearth-feed until it has "
				       "them all, then remove them");
}

static void finish(struct control *control, uint64_t now)
{
	struct drain *drain = &control->drain;

	drain->sessions_left = drain->state == DRAIN_SESSIONS ? drain->seen : 0;
	drain->clean = !drain->sessions_left;
	enter(drain, DRAIN_DONE, now);
	tell_end(control);
}

void control_drain_step(struct control *control)
{
	struct drain *drain = &control->drain;
	struct broker_view *view = control->view;
	/* of its own: a drain may have begun since this round looked at the clock */
	const uint64_t now = drain->state == DRAIN_OFF ? 0 : control_clock_us();
	const bool late = drain->deadline_us && now >= drain->deadline_us;

	switch (drain->state) {
	case DRAIN_OFF:
	case DRAIN_DONE:
		return;
	case DRAIN_SESSIONS:
		earn(drain, now, view->config->drain.rate);
		if (late && !drain->hurry) {
			drain->hurry = true;
			log_warning(
				"the drain's deadline has come: %llu sessions are ended at once",
				(unsigned long long)live_sessions(view));
		}
		if (end_sessions(control, now))
			enter(drain, DRAIN_CONNECTIONS, now);
		else if (late && now - drain->deadline_us > LAST_US)
			finish(control, now);
		return;
	case DRAIN_CONNECTIONS:
		if (!pool_used(view, "connections") || now - drain->entered_us > CLOSE_US)
			enter(drain, DRAIN_EVENTS, now);
		return;
	case DRAIN_EVENTS:
		if (late || (!commands_left(view) && !control_drain_events(view)))
			finish(control, now);
		return;
	}
}

bool control_drained(const struct control *control, bool *clean)
{
	const struct drain *drain = &control->drain;

	if (drain->state != DRAIN_DONE)
		return false;
	if (clean)
		*clean = drain->clean;
	if (control_clock_us() - drain->entered_us > FAREWELL_US)
		return true;
	for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		const struct control_client *client = &control->clients[i];

		if (client->socket >= 0 && client->watches && (!client->told || client->output))
			return false;
	}
	return true;
}

json_t *control_drain_status(struct control *control)
{
	struct drain *drain = &control->drain;
	struct broker_view *view = control->view;
	const uint64_t now = control_clock_us();
	int64_t left =
		drain->deadline_us ? (int64_t)(drain->deadline_us - now) / (int64_t)SECOND_US : -1;

	if (drain->state == DRAIN_OFF)
		return json_pack("{s:s}", "state", states[DRAIN_OFF]);
	return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:b}", "state",
		states[drain->state], "rate", (json_int_t)view->config->drain.rate, "seconds",
		(json_int_t)((now - drain->began_us) / SECOND_US), "ended",
		(json_int_t)(sum(view, "offline_shutdown") - drain->ended_before), "sessions",
		(json_int_t)live_sessions(view), "connections",
		(json_int_t)pool_used(view, "connections"), "commands",
		(json_int_t)commands_left(view), "event_bytes",
		(json_int_t)control_drain_events(view), "deadline",
		drain->deadline_us ? json_integer(left > 0 ? left : 0) : json_null(), "clean",
		drain->state == DRAIN_DONE && drain->clean && !control_drain_events(view) &&
			!commands_left(view));
}

static json_t *answer_of(struct control *control)
{
	json_t *answer = control_drain_status(control);

	if (control->serving && control->drain.state != DRAIN_OFF) {
		control->serving->watches = true;
		control->serving->told = control->drain.state == DRAIN_DONE;
	}
	json_object_set_new(answer, "ok", json_true());
	return answer;
}

static json_t *cancel(struct control *control)
{
	struct drain *drain = &control->drain;

	if (drain->state == DRAIN_OFF)
		return control_refuse("hearthctl drain begins one", "no drain is under way");
	if (drain->state == DRAIN_DONE)
		return control_refuse("start the broker again", "the drain is over");
	*drain = (struct drain){.state = DRAIN_OFF};
	__atomic_store_n(&control->view->draining, false, __ATOMIC_RELEASE);
	log_info("the drain is called off: devices may log in again");
	return answer_of(control);
}

static void begin(struct control *control, uint64_t now)
{
	struct drain *drain = &control->drain;
	struct broker_view *view = control->view;

	__atomic_store_n(&view->draining, true, __ATOMIC_RELEASE);
	/* A worker in the middle of accepting a connect is waited for. */
	registry_wait(view->registry);
	*drain = (struct drain){.state = DRAIN_SESSIONS,
		.began_us = now,
		.entered_us = now,
		.earned_us = now,
		.ended_us = now,
		.ended_before = sum(view, "offline_shutdown"),
		.taken_before = sum(view, "mail")};
	drain->ended = drain->ended_before;
	log_info("draining: %llu sessions are ended, %u a second; no login is accepted any more",
		(unsigned long long)live_sessions(view), view->config->drain.rate);
}

json_t *control_drain(struct control *control, json_t *request, int file)
{
	struct drain *drain = &control->drain;
	json_int_t deadline = -1;
	int ask = 0, off = 0;
	const char *verb;
	const uint64_t now = control_clock_us();
	json_t *answer = control_unpack(request, "{s:s, s?I, s?b, s?b}", "verb", &verb, "deadline",
		&deadline, "ask", &ask, "cancel", &off);

	if (answer)
		return answer;
	if (deadline > DEADLINE_MAX || (deadline < 0 && json_object_get(request, "deadline")))
		return control_refuse("leave it out to wait for as long as it takes",
			"deadline must be 0..%d seconds", DEADLINE_MAX);
	if (off)
		return cancel(control);
	if (ask)
		return answer_of(control);
	if (drain->state == DRAIN_DONE)
		return control_refuse("start the broker again", "the drain is over");
	off = drain->state != DRAIN_OFF;
	if (!off)
		begin(control, now);
	drain->deadline_us = deadline < 0 ? 0 : now + (uint64_t)deadline * SECOND_US;
	answer = answer_of(control);
	if (off) /* two administrators at once: the last one is told */
		json_object_set_new(answer, "already", json_true());
	return answer;
}
