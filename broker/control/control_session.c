/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* control_session.c - looking at live sessions and ending one; never a key or a token */

#include <urcu/urcu-qsbr.h>

#include "control/control_private.h"
#include "mc/mc_watch.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Sessions in one answer, and entries looked at for them; "next" says where to go on. */
#define SESSIONS_MAX 1000
#define ENTRIES_MAX (1 << 20)

session_handle control_handle(const struct session_table *table, const struct session_turn *turn)
{
	uint32_t per_worker;

	session_entries(table, &per_worker);
	return (session_handle)(turn->index / per_worker) << 56 |
	       (session_handle)(turn->generation & 0xffffff) << 32 | turn->index;
}

static uint32_t load(const uint32_t *index)
{
	return __atomic_load_n(index, __ATOMIC_RELAXED);
}

/* A copy of an entry if it is this device's and not void. */
static bool peek_of(const struct broker_view *view, const struct device *device, uint32_t index,
	struct session_turn *turn)
{
	return index != SESSION_NONE && session_peek(view->table, index, turn) &&
	       turn->state != SESSION_FREE && turn->device == device->number &&
	       turn->serial == device->serial;
}

bool control_connected(const struct broker_view *view, const struct device *device)
{
	struct session_turn turn;

	return peek_of(view, device, load(&device->live), &turn) && turn.state == SESSION_LIVE;
}

static const char *state_name(enum session_state state)
{
	static const char *const names[] = {[SESSION_FREE] = "free",
		[SESSION_LOGIN] = "login",
		[SESSION_LIVE] = "live",
		[SESSION_RESTING] = "resting"};

	return state < sizeof(names) / sizeof(names[0]) ? names[state] : "unknown";
}

/* Seconds on the clock that ticks are taken from. */
static uint32_t tick_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint32_t)now.tv_sec;
}

/* Where it is: a UDP session says so itself, a connection's ends only its worker knows. */
static void peer_of(
	struct broker_view *view, const struct session_turn *turn, char *out, size_t size)
{
	char text[IP_PORT_TEXT];

	out[0] = '\0';
	if (turn->state != SESSION_LIVE)
		return;
	if (turn->via == SESSION_VIA_UDP)
		snprintf(out, size, "%s",
			ip_port_text(&turn->peer.address, ntohs(turn->peer.port), text));
	else if (view->peer_text)
		view->peer_text(view, turn->index, out, size);
}

static json_t *session_json(
	struct broker_view *view, const struct device *device, const struct session_turn *turn)
{
	int32_t since = (int32_t)(tick_now() - turn->heard);
	json_t *session;
	char peer[64];

	session = json_pack("{s:s%, s:s, s:I, s:I, s:I}", "device", device_id(device),
		(size_t)device->id_length, "state", state_name(turn->state), "worker",
		(json_int_t)session_owner(view->table, turn->index), "login_time",
		(json_int_t)turn->login_time, "seconds_since_heard",
		(json_int_t)(since > 0 ? since : 0));
	if (!session || turn->state == SESSION_LOGIN)
		return session;
	peer_of(view, turn, peer, sizeof(peer));
	json_object_update_new(session,
		json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:b}", "via", hearth_via_name(turn->via),
			"peer", peer, "session", (json_int_t)turn->number, "sequence",
			(json_int_t)session_newest(turn), "count", (json_int_t)turn->progress.count,
			"connect_time", (json_int_t)turn->connect_time, "synchronised",
			(turn->flags & SESSION_SYNCHRONISED) != 0));
	return session;
}

/* {"seconds", "until_time"} if the device is held down for reconnecting too often, else NULL */
static json_t *held_json(const struct broker_view *view, const struct device *device)
{
	uint32_t seconds = 0;

	if (view->watch)
		seconds = mc_watch_held(view->watch,
			mc_watch_device(view->watch, device->number, device->serial), tick_now());
	return seconds ? json_pack("{s:I, s:I}", "seconds", (json_int_t)seconds, "until_time",
				 (json_int_t)(time(NULL) + seconds))
		       : NULL;
}

json_t *control_session(struct control *control, json_t *request, int file)
{
	struct broker_view *view = control->view;
	json_t *refusal, *live = NULL, *login = NULL, *held;
	const char *verb, *id;
	struct session_turn turn;
	struct device *device;

	refusal = control_unpack(request, "{s:s, s:s}", "verb", &verb, "id", &id);
	if (refusal)
		return refusal;
	device = registry_find(view->registry, id, (uint32_t)strlen(id));
	if (!device)
		return control_why("unknown",
			control_refuse("hearthctl device list shows those that are provisioned",
				"no device \"%s\"", id));
	if (peek_of(view, device, load(&device->live), &turn))
		live = session_json(view, device, &turn);
	if (peek_of(view, device, load(&device->login), &turn))
		login = session_json(view, device, &turn);
	if (live)
		json_object_set_new(live, "subdevices", control_subdevices(view, device));
	held = held_json(view, device);
	if (!live && !login && !held)
		return control_why(
			"offline", control_refuse("wait until it logs in",
					   "device \"%s\" is provisioned but has no session", id));
	return json_pack(
		"{s:b, s:o*, s:o*, s:o*}", "ok", 1, "session", live, "login", login, "held", held);
}

/* One live session of the walk through the slab; NULL if the entry holds none. */
static json_t *listed(struct broker_view *view, uint32_t index)
{
	struct session_turn turn;
	struct device *device;

	if (!session_peek(view->table, index, &turn) || turn.state != SESSION_LIVE)
		return NULL;
	device = registry_at(view->registry, turn.device);
	if (!device || device->serial != turn.serial)
		return NULL;
	return session_json(view, device, &turn);
}

/* Where to go on: "@N" as an answer's "after" gave it, which holds whatever ends meanwhile, or behind
 * the session of a device. */
static json_t *behind(const struct broker_view *view, const char *after, json_int_t *from)
{
	struct session_turn turn;
	struct device *device;
	char *end;

	if (after[0] == '@') {
		*from = (json_int_t)strtoul(after + 1, &end, 10);
		return *end || !after[1] ? control_refuse("give the \"after\" of the last answer",
						   "there is no place \"%s\"", after)
					 : NULL;
	}
	device = registry_find(view->registry, after, (uint32_t)strlen(after));
	if (!device || !peek_of(view, device, load(&device->live), &turn))
		return control_why("gone",
			control_refuse("give the \"after\" of the last answer, or begin again",
				"device \"%s\" has no session to go on from", after));
	*from = (json_int_t)turn.index + 1;
	return NULL;
}

json_t *control_sessions(struct control *control, json_t *request, int file)
{
	struct broker_view *view = control->view;
	uint32_t entries = session_entries(view->table, NULL), looked = 0, index;
	json_int_t limit = 100, from = 0;
	json_t *refusal, *sessions;
	const char *verb, *after = NULL;

	refusal = control_unpack(request, "{s:s, s?I, s?I, s?s}", "verb", &verb, "limit", &limit,
		"from", &from, "after", &after);
	if (refusal || (after && (refusal = behind(view, after, &from))))
		return refusal;
	if (limit < 1 || limit > SESSIONS_MAX || from < 0)
		return control_refuse("ask for fewer, then go on from \"next\"",
			"limit must be 1..%d, from at least 0", SESSIONS_MAX);
	sessions = json_array();
	index = from < (json_int_t)entries ? (uint32_t)from : entries;
	for (; index < entries && looked < ENTRIES_MAX && json_array_size(sessions) < (size_t)limit;
		index++, looked++) {
		json_t *session = listed(view, index);

		if (session)
			json_array_append_new(sessions, session);
		if (looked % 4096 == 0)
			urcu_qsbr_quiescent_state(); /* no pointer is held between entries */
	}
	return json_pack("{s:b, s:o, s:o, s:o}", "ok", 1, "sessions", sessions, "next",
		index < entries ? json_integer((json_int_t)index) : json_null(), "after",
		index < entries ? json_sprintf("@%u", index) : json_null());
}

json_t *control_kick(struct control *control, json_t *request, int file)
{
	struct broker_view *view = control->view;
	const char *verb, *id;
	struct session_turn turn;
	struct device *device;
	json_t *refusal;
	int rc;

	refusal = control_unpack(request, "{s:s, s:s}", "verb", &verb, "id", &id);
	if (refusal)
		return refusal;
	device = registry_find(view->registry, id, (uint32_t)strlen(id));
	if (!device)
		return control_why("unknown",
			control_refuse("hearthctl device list shows those that are provisioned",
				"no device \"%s\"", id));
	if (!peek_of(view, device, load(&device->live), &turn) || turn.state != SESSION_LIVE)
		return control_why("offline", control_refuse("there is nothing to end",
						      "device \"%s\" is not connected", id));
	rc = view->control(view, CONTROL_KICK, control_handle(view->table, &turn));
	if (rc < 0)
		return control_why(
			"busy", control_refuse("try again in a moment",
					"the worker that owns the session of \"%s\" takes no more "
					"requests now (%s)",
					id, strerror(-rc)));
	return json_pack("{s:b, s:s, s:I}", "ok", 1, "id", id, "session", (json_int_t)turn.number);
}
