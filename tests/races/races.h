/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* races.h - one device, two tokens, two workers, and what can happen to them at the same time: real
 * workers on plain memory (stack, TCP, Mc, sessions, mesh, rings), stepped or in threads */
#pragma once

#include "../unit/worker_device.h"
#include "../unit/command_fixture.h"

#define RACE_WORKERS 2
#define RACE_TOKENS 2
#define RACE_FLOWS 3     /* connections that are open to each worker */
#define RACE_ATTEMPTS 60 /* connects of one race: each has its own thousand of numbers */
#define RACE_SESSIONS 128
#define RACE_REPORTS 900
#define RACE_REQUESTS 64

enum act {
	NOTHING,
	CONNECT_OLD, /* the token of the session that is live at first, over TCP */
	CONNECT_NEW, /* that of a later login */
	UDP_OLD,
	UDP_NEW,
	REPORT_OLD, /* on the way of that token's latest connect */
	REPORT_NEW,
	KICK,
	REMOVED, /* what the control thread asks for when the device is removed */
	CLOSE,   /* a connection to that worker is reset */
	LOGIN,   /* one more, whose token nobody uses */
	SILENCE, /* nothing fresh for longer than a session lives */
	COMMAND, /* of a backend; the device never answers one */
	ACT_COUNT
};

static const char *const act_names[ACT_COUNT] = {"nothing", "connect-old", "connect-new", "udp-old",
	"udp-new", "report-old", "report-new", "kick", "removed", "close", "login", "silence",
	"command"};

/** struct attempt - a connect, whether it came through or not */
struct attempt {
	unsigned token;
	uint16_t base; /* its sequence; its reports' are the numbers behind */
	unsigned reports;
	struct flow *flow; /* NULL: over UDP */
	uint16_t port;
};

/**
 * struct race
 * @at: the worker whose queue datagrams come by
 * @latest: of each token, its newest attempt + 1
 * @sessions: of the device, by the events
 */
struct race {
	struct rig *rig;
	struct gadget gadget;
	unsigned at;
	char keys[RACE_TOKENS][SESSION_KEY_BYTES + 1];
	char tokens[RACE_TOKENS][SESSION_TOKEN_CHARS + 1];
	struct flow *flows[RACE_WORKERS][RACE_FLOWS];
	struct flow *logins[RACE_WORKERS];
	struct attempt attempts[RACE_ATTEMPTS];
	unsigned attempt_count;
	unsigned latest[RACE_TOKENS];
	unsigned ports;
	struct {
		uint64_t number;
		uint16_t base;
		uint8_t online, offline;
	} sessions[RACE_SESSIONS];
	unsigned session_count;
	struct hearth_commands *backend;
	uint64_t requests[RACE_REQUESTS]; /* of this race */
	uint8_t outcomes[RACE_REQUESTS];
	unsigned request_count;
	uint64_t switches, uplinks, commands; /* over all races */
};

static struct race race;

/* ---- where frames go ---- */

static unsigned race_owner(const struct rig *rig, unsigned port, unsigned local)
{
	return owner_v4(&rig->broker.rss, PEER_ADDRESS, OUR_ADDRESS, htons((uint16_t)port),
		htons((uint16_t)local));
}

/* Connections come by their owner's queue; datagrams by any. */
static unsigned race_queue(struct rig *rig, const struct frame *frame)
{
	const uint8_t *bytes = frame->data;

	if (get16(bytes + 12) == 0x0800 && bytes[IP + 9] == 6)
		return race_owner(rig, get16(bytes + L4), get16(bytes + L4 + 2));
	return race.at;
}

static struct flow *race_open(unsigned worker, uint16_t local)
{
	struct rig *rig = race.rig;

	while (race_owner(rig, 20000 + rig->flows_made % 20000, local) != worker)
		rig->flows_made++;
	return flow_open(rig, local);
}

static bool is_open(const struct flow *flow)
{
	return flow && flow->established && !flow->finished && !flow->reset && !flow->silent;
}

/* ---- what happens ---- */

static void use_token(unsigned token)
{
	memcpy(race.gadget.side.key, race.keys[token], sizeof(race.keys[token]));
	memcpy(race.gadget.side.token, race.tokens[token], sizeof(race.tokens[token]));
}

static void race_login(unsigned worker, unsigned token)
{
	struct rig *rig = race.rig;

	while (race_owner(rig, 20000 + rig->flows_made % 20000, LOGIN_PORT) != worker)
		rig->flows_made++;
	flow_close(gadget_login(&race.gadget));
	memcpy(race.keys[token], race.gadget.side.key, sizeof(race.keys[token]));
	memcpy(race.tokens[token], race.gadget.side.token, sizeof(race.tokens[token]));
}

/* One that carried no connect yet, as devices do it; at last any: its session's end closes it. */
static struct flow *pick_flow(unsigned worker)
{
	struct flow *any = NULL;

	for (unsigned i = 0; i < RACE_FLOWS; i++) {
		struct flow *flow = race.flows[worker][i];
		bool used = false;

		for (unsigned j = 0; j < race.attempt_count; j++)
			used |= race.attempts[j].flow == flow;
		if (is_open(flow) && !used)
			return flow;
		any = is_open(flow) ? flow : any;
	}
	return any;
}

static void act_connect(unsigned token, unsigned worker, bool tcp)
{
	struct attempt *attempt = &race.attempts[race.attempt_count];
	struct frame_text frame;

	if (race.attempt_count == RACE_ATTEMPTS)
		return;
	*attempt = (struct attempt){
		.token = token, .base = (uint16_t)(1000 * (race.attempt_count + 1))};
	if (tcp)
		attempt->flow = pick_flow(worker);
	if (tcp && !attempt->flow)
		return;
	attempt->port = (uint16_t)(40000 + race.ports++ % 20000);
	race.latest[token] = ++race.attempt_count;
	use_token(token);
	race.gadget.flow = attempt->flow;
	race.gadget.port = attempt->port;
	race.gadget.side.sequence = attempt->base;
	connect_frame(&race.gadget, &frame);
	gadget_queue(&race.gadget, &frame);
}

static void act_report(unsigned token)
{
	struct attempt *attempt = &race.attempts[race.latest[token] - 1];
	struct frame_text frame;

	if (!race.latest[token] || attempt->reports == RACE_REPORTS ||
		(attempt->flow && !is_open(attempt->flow)))
		return;
	use_token(token);
	race.gadget.flow = attempt->flow;
	race.gadget.port = attempt->port;
	request_frame(&race.gadget, 2006, (uint16_t)(attempt->base + ++attempt->reports), &frame);
	gadget_queue(&race.gadget, &frame);
}

static struct device *race_device(void)
{
	return registry_find(race.rig->broker.registry, DEVICE_A, strlen(DEVICE_A));
}

/* As broker_view.c and device_remove.c do it: to whoever owns the entry just now. */
static void act_control(enum control_op op, const uint32_t *member)
{
	uint32_t index = __atomic_load_n(member, __ATOMIC_RELAXED);
	struct session_turn turn;
	session_handle handle;

	if (index == SESSION_NONE || !session_peek(race.rig->broker.table, index, &turn))
		return;
	handle = session_handle_of(session_worker(race.rig->broker.table, 0), &turn);
	worker_post(race.rig->team[session_owner(race.rig->broker.table, index)], op, handle);
}

static void act_login(unsigned worker)
{
	struct frame_text frame;

	if (!is_open(race.logins[worker]))
		return;
	login_text(&race.gadget.side, now_of(race.rig), &frame);
	flow_bytes(race.logins[worker], frame.text, frame.length);
	race.logins[worker] = NULL;
}

static void act_command(void)
{
	if (race.request_count == RACE_REQUESTS)
		return;
	race.outcomes[race.request_count] = 0;
	race.requests[race.request_count++] =
		command_fixture_send(race.backend, DEVICE_A, 2003, "{\"serials\":[]}", 0);
	race.commands++;
}

static void race_act(enum act act, unsigned worker)
{
	struct device *device = race_device();

	race.at = worker;
	switch (act) {
	case CONNECT_OLD:
	case CONNECT_NEW:
		act_connect(act - CONNECT_OLD, worker, true);
		break;
	case UDP_OLD:
	case UDP_NEW:
		act_connect(act - UDP_OLD, worker, false);
		break;
	case REPORT_OLD:
	case REPORT_NEW:
		act_report(act - REPORT_OLD);
		break;
	case KICK:
		act_control(CONTROL_KICK, &device->live);
		break;
	case REMOVED:
		act_control(CONTROL_REMOVED, &device->live);
		act_control(CONTROL_REMOVED, &device->login);
		break;
	case CLOSE:
		for (unsigned i = 0; i < RACE_FLOWS; i++) {
			if (is_open(race.flows[worker][i])) {
				flow_reset(race.flows[worker][i]);
				break;
			}
		}
		break;
	case LOGIN:
		act_login(worker);
		break;
	case COMMAND:
		act_command();
		break;
	case SILENCE:
		rig_set_clock(race.rig, race.rig->clock.us + 150 * SECOND);
		break;
	default:
		break;
	}
}

/* ---- events ---- */

static unsigned race_session(uint64_t number)
{
	for (unsigned i = 0; i < race.session_count; i++) {
		if (race.sessions[i].number == number)
			return i;
	}
	assert_true(race.session_count < RACE_SESSIONS);
	race.sessions[race.session_count].number = number;
	return race.session_count++;
}

static void race_outcome(uint64_t request)
{
	unsigned i = 0;

	while (i < race.request_count && race.requests[i] != request)
		i++;
	assert_true(i < race.request_count);
	assert_int_equal(race.outcomes[i]++, 0);
}

/*
 * K18: every session begins once and ends once, under a number that no other has; no report is of
 * another session than the one that its connect began, nor twice. Rings of different workers are
 * read in any order: what is said of a session is put together first.
 */
static void race_events(void)
{
	static struct {
		uint64_t session;
		uint16_t sequence;
	} uplinks[4096];
	unsigned uplink_count = 0;
	struct event event;

	while ((event = read_event(race.rig->reader)).there) {
		const struct hearth_record *record = &event.record;
		unsigned i;

		assert_string_equal(event.device, DEVICE_A);
		if (record->event == HEARTH_UNDELIVERED) {
			race_outcome(record->request);
			continue;
		}
		i = race_session(record->session);
		if (record->event == HEARTH_ONLINE) {
			assert_int_equal(race.sessions[i].online++, 0);
			race.sessions[i].base = record->sequence;
			race.switches++;
		} else if (record->event == HEARTH_OFFLINE) {
			assert_int_equal(race.sessions[i].offline++, 0);
		} else {
			assert_int_equal(record->event, HEARTH_UPLINK);
			assert_true(uplink_count < 4096);
			uplinks[uplink_count].session = record->session;
			uplinks[uplink_count++].sequence = record->sequence;
		}
	}
	for (unsigned i = 0; i < uplink_count; i++) {
		unsigned session = race_session(uplinks[i].session);

		assert_int_equal(race.sessions[session].online, 1);
		assert_int_equal(uplinks[i].sequence / 1000, race.sessions[session].base / 1000);
		for (unsigned j = 0; j < i; j++)
			assert_false(uplinks[j].session == uplinks[i].session &&
				     uplinks[j].sequence == uplinks[i].sequence);
	}
	race.uplinks += uplink_count;
}

static void race_all_ended(void)
{
	for (unsigned i = 0; i < race.request_count; i++)
		assert_int_equal(race.outcomes[i], 1);
	for (unsigned i = 0; i < race.session_count; i++) {
		assert_int_equal(race.sessions[i].online, 1);
		assert_int_equal(race.sessions[i].offline, 1);
		for (unsigned j = 0; j < i; j++)
			assert_int_not_equal(race.sessions[i].base, race.sessions[j].base);
	}
}

/* Live sessions of the device; the one that there may be is the one that its record names. */
static unsigned race_live(void)
{
	struct device *device = race_device();
	struct session_turn turn;
	unsigned live = 0;

	for (uint32_t i = 0; i < session_entries(race.rig->broker.table, NULL); i++) {
		if (!session_peek(race.rig->broker.table, i, &turn) || turn.state != SESSION_LIVE)
			continue;
		assert_int_equal(turn.device, device->number);
		assert_int_equal(mc_index_load(&device->live), i);
		live++;
	}
	return live;
}

/* ---- a race ---- */

/* The device has a live session at @worker, over TCP or UDP, and a token of a later login. */
static void race_begin(unsigned worker, bool tcp, unsigned login)
{
	race.at = worker;
	race.attempt_count = 0;
	race.session_count = 0;
	race.request_count = 0;
	memset(race.sessions, 0, sizeof(race.sessions));
	memset(race.latest, 0, sizeof(race.latest));
	race_login(login, 0);
	for (unsigned i = 0; i < RACE_WORKERS; i++) {
		for (unsigned j = 0; j < RACE_FLOWS; j++)
			race.flows[i][j] = race_open(i, CONNECT_PORT);
		race.logins[i] = race_open(i, LOGIN_PORT);
	}
	act_connect(0, worker, tcp);
	rig_turn(race.rig);
	assert_int_equal(race_live(), 1);
	race_login(!login, 1);
}

/* Another login: what was the new token is the old one from here on. */
static void race_relogin(unsigned worker)
{
	memcpy(race.keys[0], race.keys[1], sizeof(race.keys[0]));
	memcpy(race.tokens[0], race.tokens[1], sizeof(race.tokens[0]));
	race.latest[0] = race.latest[1];
	race.latest[1] = 0;
	race_login(worker, 1);
}

/* All that was under way has come to its end: notes, sessions that move, connects that wait. */
static void race_settle(void)
{
	rig_pass(race.rig, 30 * MS, 10 * MS);
	rig_pass(race.rig, 4 * SECOND, 500 * MS);
}

/* Nobody waits for a session any more. The workers stand still. */
static void race_quiet(void)
{
	for (unsigned i = 0; i < RACE_WORKERS; i++)
		assert_int_equal(race.rig->team[i]->host.waiting, 0);
}

/* Everything ends by itself, and nothing of it stays. */
static void race_end(void)
{
	struct rig *rig = race.rig;
	struct session_counts counts;

	for (unsigned i = 0; i < rig->flow_count; i++) {
		struct flow *flow = rig->flows[i];

		if (rig->link.rx_count + 4 > STACK_BURST)
			rig_turn(rig);
		if (flow->established && !flow->reset && !flow->silent)
			flow_raw(flow, TCP_RST, flow->acked, 0, NULL, 0);
		flow->silent = true;
	}
	rig_turn(rig);
	while (rig->flow_count)
		flow_forget(rig->flows[0]);
	rig_pass(rig, 300 * SECOND, 50 * SECOND);
	rig->datagram_count = 0;
	assert_int_equal(race_live(), 0);
	for (unsigned i = 0; i < RACE_WORKERS; i++) {
		counts = session_counts(session_worker(rig->broker.table, i));
		assert_int_equal(counts.login + counts.live_tcp + counts.live_udp, 0);
	}
	race_events();
	race_all_ended();
}

static void race_make(void)
{
	static const struct device_side side = SIDE_A;

	memset(&race, 0, sizeof(race));
	race.rig = rig_make_team(RACE_WORKERS);
	race.rig->queue = race_queue;
	race.rig->broker.with_rings = true;
	race.gadget = (struct gadget){.rig = race.rig, .side = side};
}

static void race_start(void)
{
	rig_start(race.rig);
	race.backend = command_fixture_writer(race.rig->broker.rings, 0, 0);
}

static void race_free(void)
{
	hearth_commands_close(race.backend);
	rig_free(race.rig);
}
