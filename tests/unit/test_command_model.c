/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_command_model.c - one device that connects, answers, falls silent, is kicked and removed, a
 * backend that asks, a ring that is full at times and a broker that is killed anywhere, in an order
 * drawn by seed, against a model of what must hold (K18, K23): every request has exactly one
 * outcome, and is executed at most once, and not at all if its outcome says that it was not sent */
#include "mc_command.h"
#include "mc_ring.h"

#include "session/command_pool.h"

#include <stdlib.h>
#include <time.h>

#define STEPS 1000000u
#define REQUESTS_MAX (STEPS / 2)

/* struct asked - what the model knows of a request */
struct asked {
	uint8_t outcomes;
	uint8_t outcome; /* enum hearth_reason; RESPONSE */
	bool executed, answered;
	/* of the frame that was executed */
	uint16_t sequence;
	uint32_t login; /* which of the device's keys it came with */
};

#define RESPONSE 255

struct model {
	struct world *w;
	struct device_side a;
	uint64_t seed;
	struct asked *asked;
	uint32_t made;
	bool provisioned, live, full;
	uint32_t logins;
	/* the request that the device was asked last */
	uint32_t request;
	uint16_t sequence;
	bool pending;
	/* how often what happened */
	unsigned kills, reconnects, kicks, removals, fills;
	unsigned outcomes[256];
};

static uint32_t draw(struct model *m, uint32_t below)
{
	m->seed = m->seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(m->seed >> 33) % below;
}

/* ---- what must hold ---- */

static void on_outcome(struct model *m, uint64_t request, uint8_t outcome)
{
	struct asked *asked = &m->asked[request];

	assert_true(request && request <= m->made);
	assert_int_equal(asked->outcomes++, 0);
	asked->outcome = outcome;
	m->outcomes[outcome]++;
	switch (outcome) {
	case RESPONSE:
		assert_true(asked->executed && asked->answered);
		break;
	case HEARTH_UNKNOWN: /* it may have been executed, or lost on its way */
	case HEARTH_NO_ANSWER:
		break;
	default: /* never sent */
		assert_false(asked->executed);
		break;
	}
}

static void read_events(struct model *m)
{
	struct hearth_item item;

	while (hearth_feed_next(m->w->reader, &item) == 1) {
		if (item.record->event == HEARTH_RESPONSE)
			on_outcome(m, item.record->request, RESPONSE);
		else if (item.record->event == HEARTH_UNDELIVERED)
			on_outcome(m, item.record->request, item.record->reason);
	}
	assert_int_equal(hearth_feed_commit(m->w->reader), 0);
}

/* The device takes a request: the same number with the same key is the same one again. */
static void execute(struct model *m, const char *plain)
{
	const uint32_t request = (uint32_t)member_number(plain, "r");
	struct asked *asked = &m->asked[request];
	char text[16];

	assert_true(request && request <= m->made);
	assert_true(member_text(plain, "sequence", text, sizeof(text)));
	m->request = request;
	m->sequence = (uint16_t)atoi(text);
	m->pending = true;
	if (asked->executed) {
		assert_int_equal(asked->sequence, m->sequence);
		assert_int_equal(asked->login, m->logins);
		return;
	}
	/* What was told as not sent is not sent. */
	assert_true(asked->outcomes == 0 || asked->outcome == HEARTH_UNKNOWN ||
		    asked->outcome == HEARTH_NO_ANSWER);
	asked->executed = true;
	asked->sequence = m->sequence;
	asked->login = m->logins;
}

/* The frames that left, in order; those that are lost are not executed. Return: was the last
 * connect answered? */
static bool take_frames(struct model *m, bool lost)
{
	struct world *w = m->w;
	bool connected = false;

	while (w->sent_next < w->sent_count) {
		struct answer got;

		if (lost) {
			w->sent_next++;
			continue;
		}
		got = answer_of(w, &m->a);
		if (got.code == 2003)
			execute(m, got.plain);
		else if (got.code == 1005)
			connected = got.result == 0;
	}
	return connected;
}

static void turn(struct model *m)
{
	world_turn(m->w);
	take_frames(m, draw(m, 8) == 0); /* some are lost on their way */
	if (!m->full)
		read_events(m);
}

/* ---- what happens ---- */

static void ask_one(struct model *m)
{
	struct world *w = m->w;
	char body[64];
	struct command_text text = {.code = draw(m, 40) ? 2003 : 2002,
		.device = draw(m, 40) ? m->a.id : "nobody",
		.kind = COMMAND_REQUEST,
		.payload = bytes_of(body),
		.request = m->made + 1,
		.expires = w->host.clock.unix_ms + draw(m, 60000)};
	uint32_t index;

	if (m->made + 1 == REQUESTS_MAX)
		return;
	text.device_length = strlen(text.device);
	text.payload_length = (uint32_t)snprintf(
		body, sizeof(body), "{\"r\":%u%s", m->made + 1, draw(m, 40) ? "}" : "");
	index = command_place(w->host.pool, &text);
	if (index == COMMAND_NONE)
		return; /* it stays in its ring */
	m->made++;
	command_arrive(w->host.pool, index);
}

/* An answer that fits, or one that does not. */
static void answer_one(struct model *m)
{
	const unsigned kind = draw(m, 8);
	uint16_t sequence = m->sequence;

	if (!m->live || !m->pending)
		return;
	if (kind == 0)
		sequence = (uint16_t)(sequence + 1000); /* the next may be outstanding by now */
	if (kind > 1)
		m->asked[m->request].answered = true;
	for (unsigned i = 0; i < 1 + draw(m, 2); i++)
		queue_response(
			m->w, &m->a, m->a.peer, kind == 1 ? 2004 : 2002, sequence, ",\"result\":0");
}

static bool connect_now(struct model *m)
{
	struct world *w = m->w;

	m->pending = false;
	m->a.peer = draw(m, 2) ? on_tcp(tcp_open(w)) : on_udp((uint16_t)(1 + draw(m, 3)));
	queue_connect(w, &m->a, m->a.peer, ++m->a.sequence, now_of(w));
	world_turn(w);
	m->live = take_frames(m, false);
	return m->live;
}

static void login_now(struct model *m)
{
	world_turn(m->w); /* what was under way to the broker goes before */
	take_frames(m, false);
	log_in(m->w, &m->a);
	m->logins++;
}

static void reconnect(struct model *m)
{
	if (!m->provisioned)
		return;
	m->reconnects++;
	if (m->logins && draw(m, 3) && connect_now(m))
		return;
	if (m->full)
		return; /* its old session would go on, with a key that it has forgotten */
	login_now(m);
	connect_now(m);
}

static void kick(struct model *m)
{
	struct session_turn now = entry_now(m->w, &m->a);

	if (now.state != SESSION_LIVE)
		return;
	m->kicks++;
	mc_protocol.control(m->w->mc, CONTROL_KICK, session_handle_of(m->w->host.sessions, &now));
}

static void close_it(struct model *m)
{
	if (m->live && m->a.peer.via == SESSION_VIA_TCP &&
		m->w->connections[m->a.peer.connection].open)
		tcp_drop(m->w, m->a.peer.connection);
}

static void remove_or_add(struct model *m)
{
	struct session_turn now = entry_now(m->w, &m->a);
	struct world *w = m->w;
	struct device_record record;

	if (m->provisioned) {
		m->removals++;
		assert_int_equal(store_remove(w->store, m->a.id, &record), 0);
		assert_int_equal(registry_remove(w->host.registry, m->a.id), 0);
		if (draw(m, 2) && now.state != SESSION_FREE)
			mc_protocol.control(
				w->mc, CONTROL_REMOVED, session_handle_of(w->host.sessions, &now));
		else /* as when the worker's mailbox is full: the sweep finds out */
			session_look(w->host.table, now.index);
		m->live = false;
	} else {
		provision(w->store, m->a.id, m->a.pin);
		assert_int_equal(store_get(w->store, m->a.id, &record), 0);
		assert_int_equal(registry_add(w->host.registry, &record), 0);
	}
	m->provisioned = !m->provisioned;
	world_turn(w); /* a grace period ends */
}

/* A turn, and a kill between two of its stores; what it sent may have left. */
static void kill_it(struct model *m)
{
	struct world *w = m->w;
	const unsigned step = draw(m, 6);

	m->kills++;
	world_decide(w);
	world_commands(w);
	mc_protocol.finish(w->mc);
	if (step > 0)
		feed_publish(w->host.feed);
	if (step == 2) /* some commands are stored */
		w->host.pool->changed_count = draw(m, w->host.pool->changed_count + 1);
	if (step > 1)
		command_commit(w->host.pool);
	if (step > 2)
		session_commit(w->host.sessions);
	if (step > 3)
		feed_applied(w->host.feed);
	take_frames(m, step < 4 || draw(m, 2));
	world_restart(w);
	w->connection_count = 0; /* none came through */
	if (m->a.peer.via == SESSION_VIA_TCP)
		m->live = false;
	urcu_qsbr_quiescent_state();
}

static void fill_or_drain(struct model *m)
{
	m->full = !m->full;
	if (m->full) {
		m->fills++;
		fill_ring_only(m->w, true);
	} else {
		read_events(m);
	}
}

static void step(struct model *m)
{
	struct world *w = m->w;
	const uint32_t what = draw(m, 1000);

	if (!m->provisioned && draw(m, 20) == 0) {
		remove_or_add(m);
	} else if (m->full && draw(m, 40) == 0) {
		fill_or_drain(m);
	} else if (what < 300) {
		ask_one(m);
	} else if (what < 600) {
		answer_one(m);
	} else if (what < 700) {
		world_pass(w, 1);
	} else if (what < 740) {
		world_pass(w, 10);
	} else if (what < 742) {
		world_pass(w, 150);
	} else if (what < 780 || (!m->live && what < 900)) {
		reconnect(m);
	} else if (what < 785) {
		kick(m);
	} else if (what < 790) {
		close_it(m);
	} else if (what < 791) {
		if (draw(m, 4) == 0) /* it is written to disk */
			remove_or_add(m);
	} else if (what < 795 || w->connection_count > CONNECTIONS_MAX - 100) {
		kill_it(m);
	} else if (what < 796 && !m->full) {
		fill_or_drain(m);
	} else if (what < 850 && m->live) {
		queue_request(w, &m->a, m->a.peer, 1000, ++m->a.sequence, now_of(w));
	}
	if (draw(m, 2))
		turn(m);
}

/* ---- the whole ---- */

static void play(uint64_t seed, uint32_t steps)
{
	struct model m = {.w = world_new(), .a = SIDE_A, .seed = seed, .provisioned = true};
	struct timespec from, to;

	m.asked = calloc(REQUESTS_MAX + 1, sizeof(*m.asked));
	assert_non_null(m.asked);
	clock_gettime(CLOCK_MONOTONIC, &from);
	for (uint32_t i = 0; i < steps; i++)
		step(&m);
	/* All comes to its end. */
	if (m.full)
		fill_or_drain(&m);
	for (unsigned i = 0; i < 400; i++) {
		world_pass(m.w, 1);
		take_frames(&m, true);
		read_events(&m);
	}
	for (uint32_t request = 1; request <= m.made; request++)
		assert_int_equal(m.asked[request].outcomes, 1);
	assert_int_equal(command_pool_used(m.w->pool), 0);
	clock_gettime(CLOCK_MONOTONIC, &to);
	print_message("seed %llu: %u steps in %.1f s; %u requests: %u answered, %u no-answer, %u "
		      "offline, %u unknown, %u expired, %u queue-full, %u refused; %u kills, %u "
		      "reconnects, %u kicks, %u removals, %u times full\n",
		(unsigned long long)seed, steps,
		(double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9,
		m.made, m.outcomes[RESPONSE], m.outcomes[HEARTH_NO_ANSWER],
		m.outcomes[HEARTH_WAS_OFFLINE], m.outcomes[HEARTH_UNKNOWN],
		m.outcomes[HEARTH_EXPIRED], m.outcomes[HEARTH_QUEUE_FULL],
		m.outcomes[HEARTH_REFUSED], m.kills, m.reconnects, m.kicks, m.removals, m.fills);
	/* A model in which nothing happens would prove nothing. */
	for (unsigned reason = HEARTH_NO_ANSWER; reason <= HEARTH_REFUSED; reason++)
		assert_true(
			steps < 100000 || reason == HEARTH_TOO_LARGE || m.outcomes[reason] > 10);
	assert_true(steps < 100000 || m.outcomes[RESPONSE] > steps / 50);
	free(m.asked);
	world_free(m.w);
}

/* HEARTH_SEED and HEARTH_STEPS play one again, or a longer one. */
static void test_k18_k23_one_outcome_and_at_most_one_execution(void **state)
{
	const char *seed = getenv("HEARTH_SEED"), *steps = getenv("HEARTH_STEPS");

	play(seed ? strtoull(seed, NULL, 10) : 20261121, steps ? (uint32_t)atoi(steps) : STEPS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_k18_k23_one_outcome_and_at_most_one_execution),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
