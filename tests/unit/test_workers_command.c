/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_workers_command.c - platform requests where the ring is one worker's and the session
 * another's, and where the session moves meanwhile (K18, K23) */
#include "worker_device.h"

#include "command_fixture.h"

#define WORKERS 4

static struct hearth_commands *writers[WORKERS];

/* Ring N is worker N's. */
static int setup_team(void **state)
{
	struct rig *rig = rig_make_team(WORKERS);

	rig->broker.with_rings = true;
	rig->broker.config.limits.commands = 1024;
	rig_start(rig);
	for (unsigned i = 0; i < WORKERS; i++)
		writers[i] = command_fixture_writer(rig->broker.rings, 0, i);
	*state = rig;
	return 0;
}

static int teardown_team(void **state)
{
	for (unsigned i = 0; i < WORKERS; i++)
		hearth_commands_close(writers[i]);
	return rig_teardown(state);
}

static uint64_t ask(struct gadget *g, unsigned ring)
{
	return command_fixture_send(writers[ring], g->side.id, 2003, "{\"a\":1}", 3600000);
}

static unsigned owner_of_port(const struct rig *rig, unsigned port, unsigned local)
{
	return owner_v4(&rig->broker.rss, PEER_ADDRESS, OUR_ADDRESS, htons((uint16_t)port),
		htons((uint16_t)local));
}

static struct flow *open_at(struct rig *rig, unsigned owner, uint16_t local)
{
	while (owner_of_port(rig, 20000 + rig->flows_made % 20000, local) != owner)
		rig->flows_made++;
	return flow_open(rig, local);
}

static void login_at(struct gadget *g, unsigned owner)
{
	while (owner_of_port(g->rig, 20000 + g->rig->flows_made % 20000, LOGIN_PORT) != owner)
		g->rig->flows_made++;
	flow_close(gadget_login(g));
}

static unsigned owner_of(const struct gadget *g)
{
	return session_owner(
		g->rig->broker.table, session_find(g->rig->broker.table, bytes_of(g->side.token)));
}

/* The number of the next request to the device, -1 if there is none. */
static int asked(struct gadget *g)
{
	struct answer got = gadget_answer(g);
	char text[16];

	if (!got.there)
		return -1;
	assert_int_equal(got.code, 2003);
	assert_true(member_text(got.plain, "sequence", text, sizeof(text)));
	return atoi(text);
}

static void respond(struct gadget *g, uint16_t sequence)
{
	struct frame_text frame;
	char plain[256];

	snprintf(plain, sizeof(plain),
		"{\"sequence\":\"%u\",\"deviceId\":\"%s\",\"result\":0,\"time\":%u}", sequence,
		g->side.id, now_of(g->rig));
	session_frame(&g->side, &frame, 2002, plain);
	gadget_queue(g, &frame);
}

/* Outcomes are in any of the rings. */
struct outcome {
	uint64_t request;
	unsigned event, reason, worker;
};

static struct outcome outcomes[4096];
static unsigned outcome_count;

static void read_outcomes(struct rig *rig)
{
	struct event event;

	while ((event = read_event(rig->reader)).there) {
		if (event.record.event != HEARTH_RESPONSE &&
			event.record.event != HEARTH_UNDELIVERED)
			continue;
		outcomes[outcome_count++] = (struct outcome){event.record.request,
			event.record.event, event.record.reason, event.worker};
	}
}

/* The one outcome of a request. */
static struct outcome outcome_of(struct rig *rig, uint64_t request)
{
	struct outcome found = {0};
	unsigned count = 0;

	read_outcomes(rig);
	for (unsigned i = 0; i < outcome_count; i++) {
		if (outcomes[i].request != request)
			continue;
		found = outcomes[i];
		count++;
	}
	assert_int_equal(count, 1);
	return found;
}

static void expect_nothing_under_way(struct rig *rig)
{
	assert_int_equal(command_pool_used(rig->broker.pool), 0);
	for (unsigned i = 0; i < rig->count; i++) {
		assert_int_equal(command_held(command_worker(rig->broker.pool, i)), 0);
		assert_int_equal(command_arrived(command_worker(rig->broker.pool, i)), 0);
	}
}

/* Every pair of ring and session, over TCP and UDP. */
static void test_a_request_finds_the_worker_that_has_the_session(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);

	outcome_count = 0;
	for (unsigned at = 0; at < WORKERS; at++) {
		for (unsigned tcp = 0; tcp < 2; tcp++) {
			login_at(&a, at);
			a.flow = tcp ? open_at(rig, (at + 1) % WORKERS, CONNECT_PORT) : NULL;
			a.port = 40001;
			gadget_connect(&a);
			for (unsigned ring = 0; ring < WORKERS; ring++) {
				uint64_t request = ask(&a, ring);
				int sequence;

				rig_turn(rig);
				sequence = asked(&a);
				assert_true(sequence >= 0);
				respond(&a, (uint16_t)sequence);
				rig_turn(rig);
				assert_int_equal(outcome_of(rig, request).event, HEARTH_RESPONSE);
				assert_int_equal(outcome_of(rig, request).worker, owner_of(&a));
			}
			expect_nothing_under_way(rig);
			if (tcp)
				flow_close(a.flow);
		}
	}
}

/* More than a box of notes holds, to a worker that has lost its core: they wait, in their order. */
static void test_a_stalled_worker_loses_no_request_and_no_order(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);
	uint64_t requests[300];

	outcome_count = 0;
	rig->broker.config.mc.command_queue = 1024; /* as all of them read it */
	login_at(&a, 2);
	a.port = 40001;
	gadget_connect(&a);
	rig->stalled[2] = true;
	for (unsigned i = 0; i < 300; i++) {
		requests[i] = ask(&a, 1);
		if (i % 50 == 49)
			rig_turn(rig);
	}
	rig_pass(rig, SECOND, 100 * MS);
	read_outcomes(rig);
	assert_int_equal(outcome_count, 0);
	assert_true(rig->team[1]->counters[WORKER_NOTES_FULL] > 0);
	rig->stalled[2] = false;
	rig_pass(rig, SECOND, 10 * MS);
	for (int sequence; (sequence = asked(&a)) >= 0; rig_turn(rig)) {
		respond(&a, (uint16_t)sequence);
		rig_turn(rig);
	}
	read_outcomes(rig);
	assert_int_equal(outcome_count, 300);
	for (unsigned i = 0; i < 300; i++) {
		assert_int_equal(outcomes[i].request, requests[i]);
		assert_int_equal(outcomes[i].event, HEARTH_RESPONSE);
	}
	expect_nothing_under_way(rig);
}

/* The session goes to another worker with a request outstanding and some waiting. */
static void test_k18_a_session_that_moves_leaves_its_requests_behind(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);

	outcome_count = 0;
	login_at(&a, 0);
	a.flow = open_at(rig, 0, CONNECT_PORT);
	gadget_connect(&a);
	for (unsigned i = 1; i < 9; i++) {
		uint64_t sent = ask(&a, i % WORKERS), waits, after;
		int sequence;

		rig_turn(rig);
		waits = ask(&a, (i + 1) % WORKERS);
		rig_turn(rig);
		sequence = asked(&a);
		assert_true(sequence >= 0);
		rig_pass(rig, SECOND, 100 * MS);
		a.side.sequence++;
		a.flow = open_at(rig, i % WORKERS, CONNECT_PORT);
		gadget_connect(&a);
		assert_int_equal(owner_of(&a), i % WORKERS);
		assert_int_equal(outcome_of(rig, sent).reason, HEARTH_UNKNOWN);
		assert_int_equal(outcome_of(rig, waits).reason, HEARTH_WAS_OFFLINE);
		/* Too late, and on another session. */
		respond(&a, (uint16_t)sequence);
		after = ask(&a, (i + 2) % WORKERS);
		rig_turn(rig);
		sequence = asked(&a);
		respond(&a, (uint16_t)sequence);
		rig_turn(rig);
		assert_int_equal(outcome_of(rig, after).event, HEARTH_RESPONSE);
		assert_int_equal(outcome_of(rig, sent).reason, HEARTH_UNKNOWN);
		expect_nothing_under_way(rig);
	}
}

/* What was taken by one worker, and is queued at another, goes on where it was after a restart. */
static void test_requests_of_all_workers_survive_a_restart(void **state)
{
	struct rig *rig = *state;
	struct gadget sides[] = {GADGET(rig, SIDE_A), GADGET(rig, SIDE_B), GADGET(rig, SIDE_LONG)};
	uint64_t requests[3][8];
	int sequence;

	outcome_count = 0;
	for (unsigned i = 0; i < 3; i++) {
		login_at(&sides[i], i);
		sides[i].port = (uint16_t)(40001 + i);
		gadget_connect(&sides[i]);
	}
	for (unsigned n = 0; n < 8; n++) {
		for (unsigned i = 0; i < 3; i++)
			requests[i][n] = ask(&sides[i], (n / 4 + i) % WORKERS);
		if (n % 3 == 2)
			rig_turn(rig);
	}
	for (unsigned round = 0; round < 20; round++) {
		if (round % 4 == 1)
			rig_restart(rig);
		rig_pass(rig, 11 * SECOND, 500 * MS);
		for (unsigned i = 0; i < 3; i++) {
			while ((sequence = asked(&sides[i])) >= 0)
				respond(&sides[i], (uint16_t)sequence);
		}
		rig_turn(rig);
	}
	for (unsigned i = 0; i < 3; i++) {
		for (unsigned n = 0; n < 8; n++)
			assert_int_equal(outcome_of(rig, requests[i][n]).event, HEARTH_RESPONSE);
	}
	expect_nothing_under_way(rig);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_team, teardown_team)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_request_finds_the_worker_that_has_the_session),
		TEST(test_a_stalled_worker_loses_no_request_and_no_order),
		TEST(test_k18_a_session_that_moves_leaves_its_requests_behind),
		TEST(test_requests_of_all_workers_survive_a_restart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
