/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_worker_command.c - platform requests from a backend's ring to a device and back, with a
 * worker that is killed at every step of every turn on the way: one outcome, at most one
 * execution (K23) */
#include "worker_device.h"

#include "command_fixture.h"

#include <sys/wait.h>

/* The steps of a turn's end; the linker leads the worker's calls here (--wrap). */
enum step {
	NOWHERE,
	BEFORE_PUBLISH, /* records are written, nobody sees them */
	BEFORE_POOL,    /* records can be read, the pool and the sessions are as before the turn */
	BEFORE_COMMIT,  /* the pool is stored */
	BEFORE_APPLIED, /* sessions are stored, too */
	BEFORE_TAKEN,   /* commands lie in the pool and in their ring */
	BEFORE_TRANSMIT,
	AFTER_TURN, /* what the turn sent has left */
	STEPS
};

#include "worker_killed.h"

void __real_command_commit(struct command_worker *worker);
void __wrap_command_commit(struct command_worker *worker);
void __real_feed_applied(struct feed_ring *ring);
void __wrap_feed_applied(struct feed_ring *ring);
void __real_command_rings_taken(struct command_rings *rings, unsigned worker, unsigned workers);
void __wrap_command_rings_taken(struct command_rings *rings, unsigned worker, unsigned workers);
unsigned __real_stack_transmit(struct stack *stack, uint64_t now);
unsigned __wrap_stack_transmit(struct stack *stack, uint64_t now);

void __wrap_command_commit(struct command_worker *worker)
{
	killed_at(BEFORE_POOL);
	__real_command_commit(worker);
}

void __wrap_feed_applied(struct feed_ring *ring)
{
	killed_at(BEFORE_APPLIED);
	__real_feed_applied(ring);
}

void __wrap_command_rings_taken(struct command_rings *rings, unsigned worker, unsigned workers)
{
	killed_at(BEFORE_TAKEN);
	__real_command_rings_taken(rings, worker, workers);
}

unsigned __wrap_stack_transmit(struct stack *stack, uint64_t now)
{
	killed_at(BEFORE_TRANSMIT);
	return __real_stack_transmit(stack, now);
}

/* One turn, in a process that is killed in it. A turn that takes nothing has no such step. */
static void killed_turn(struct rig *rig, enum step step)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		kill_at = step;
		worker_turn(rig->worker, &rig->clock);
		_exit(KILLED);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == KILLED);
}

/* ---- a backend ---- */

struct backend {
	struct hearth_commands *writer;
	unsigned made;
};

static struct backend backend;

static void backend_start(struct rig *rig)
{
	backend.writer = command_fixture_writer(rig->broker.rings, 0, 0);
}

static uint64_t ask(struct gadget *g)
{
	return command_fixture_send(backend.writer, g->side.id, 2003, "{\"a\":1}", 3600000);
}

static int setup_backend(void **state)
{
	struct rig *rig = rig_make();

	rig->broker.with_rings = true;
	rig_start(rig);
	backend_start(rig);
	*state = rig;
	return 0;
}

static int teardown_backend(void **state)
{
	hearth_commands_close(backend.writer);
	return rig_teardown(state);
}

/* ---- a device that obeys ---- */

/* Answer a request. */
static void respond(struct gadget *g, uint32_t code, uint16_t sequence)
{
	struct frame_text frame;
	char plain[256];

	snprintf(plain, sizeof(plain),
		"{\"sequence\":\"%u\",\"deviceId\":\"%s\",\"result\":0,\"time\":%u}", sequence,
		g->side.id, now_of(g->rig));
	session_frame(&g->side, &frame, code, plain);
	gadget_queue(g, &frame);
}

/* The next request to the device. Return: its number, or -1. */
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

static void expect_response(struct gadget *g, uint64_t request)
{
	struct event event = expect_event(g, HEARTH_RESPONSE, 2002);

	assert_int_equal(event.record.request, request);
}

/* Nothing is under way, in no ring, nor in the pool. */
static void expect_nothing_under_way(struct rig *rig)
{
	struct command_ring_view view;

	for (unsigned n = 0; n < COMMAND_RINGS_MAX; n++) {
		if (command_rings_view(rig->broker.rings, n, &view))
			assert_int_equal(view.waiting, 0);
	}
	assert_int_equal(command_pool_used(rig->broker.pool), 0);
}

static void test_a_request_comes_from_its_ring_and_its_answer_goes_to_the_feed(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A), b = GADGET(rig, SIDE_B);
	struct gadget *each[] = {&a, &b};

	live_udp(&a, 40001);
	live_tcp(&b);
	for (unsigned i = 0; i < 2; i++) {
		uint64_t request = ask(each[i]);
		int sequence;

		rig_turn(rig); /* taken */
		rig_turn(rig); /* sent */
		sequence = asked(each[i]);
		assert_true(sequence >= 0);
		respond(each[i], 2002, (uint16_t)sequence);
		rig_turn(rig);
		expect_response(each[i], request);
		expect_no_event(rig);
		expect_nothing_under_way(rig);
	}
	assert_int_equal(rig->worker->counters[WORKER_COMMANDS], 2);
}

/* The pool has no room: commands stay in their ring, in their order, and none is lost. */
static void test_a_full_pool_leaves_commands_in_their_ring(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);
	uint32_t filler[257], count = 0;
	struct command_text text = {.request = 1ull << 50};
	uint64_t requests[10];

	live_udp(&a, 40001);
	while ((filler[count] = command_place(rig->worker->host.pool, &text)) != COMMAND_NONE)
		count++;
	for (unsigned i = 0; i < 10; i++)
		requests[i] = ask(&a);
	for (unsigned i = 0; i < 5; i++)
		rig_turn(rig);
	assert_int_equal(rig->worker->counters[WORKER_COMMANDS], 0);
	assert_int_equal(rig->worker->counters[WORKER_COMMANDS_FULL], 5);
	/* One block at a time. */
	for (unsigned i = 0; i < 10; i++) {
		int sequence;

		command_change(rig->worker->host.pool, filler[--count], (struct command_life){0});
		for (unsigned j = 0; j < 4; j++)
			rig_turn(rig);
		sequence = asked(&a);
		assert_true(sequence >= 0);
		expect_silence(&a);
		respond(&a, 2002, (uint16_t)sequence);
		rig_turn(rig);
		expect_response(&a, requests[i]);
		rig_turn(rig);
		command_place(rig->worker->host.pool, &text); /* what was freed is taken away */
	}
	expect_no_event(rig);
}

/* What a turn takes and decides is bounded, whatever there is. */
static void test_many_requests_take_many_turns(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);
	unsigned outcomes = 0;
	struct event event;

	live_udp(&a, 40001);
	for (unsigned i = 0; i < 200; i++)
		command_fixture_send(
			backend.writer, i % 2 ? "nobody" : DEVICE_B, 2003, "{}", 60000);
	rig_turn(rig);
	assert_int_equal(rig->worker->counters[WORKER_COMMANDS], 32);
	rig_turn(rig);
	while ((event = read_event(rig->reader)).there)
		outcomes++;
	assert_int_equal(outcomes, 32);
	for (unsigned i = 0; i < 7; i++)
		rig_turn(rig);
	while ((event = read_event(rig->reader)).there)
		outcomes++;
	assert_int_equal(outcomes, 200);
	expect_nothing_under_way(rig);
}

/* Long ones are few in a turn. */
static void test_long_requests_take_more_turns(void **state)
{
	static char body[20000];
	struct rig *rig = *state;
	struct hearth_commands *writer;
	unsigned number, outcomes = 0;
	struct event event;

	memset(body, ' ', sizeof(body) - 1);
	body[0] = '{';
	body[sizeof(body) - 2] = '}';
	writer = command_fixture_writer_of(
		rig->broker.rings, 0, COMMAND_FIXTURE_FIRST + COMMAND_REQUESTS, 1 << 20, &number);
	for (unsigned i = 0; i < 8; i++)
		command_fixture_send(writer, "nobody", 2003, body, 60000);
	rig_turn(rig);
	assert_int_equal(rig->worker->counters[WORKER_COMMANDS], 4);
	rig_turn(rig);
	assert_int_equal(rig->worker->counters[WORKER_COMMANDS], 8);
	while ((event = read_event(rig->reader)).there)
		outcomes++;
	assert_int_equal(outcomes, 4);
	rig_turn(rig);
	while ((event = read_event(rig->reader)).there)
		outcomes++;
	assert_int_equal(outcomes, 8);
	expect_nothing_under_way(rig);
	hearth_commands_close(writer);
}

/* ---- a kill at every step of every turn ---- */

/* The turn that is killed. */
enum when {
	WHEN_TAKEN,
	WHEN_SENT,
	WHEN_ANSWERED,
	WHEN_REPEATED,
	WHEN_GIVEN_UP,
	WHEN_KICKED,
	WHEN_RECONNECTED,
	WHEN_NEXT_IS_SENT, /* the answer to one, and the next leaves with the same turn */
	WHENS
};

struct tally {
	unsigned outcomes;
	uint8_t event, reason;
};

static void tally(struct rig *rig, const uint64_t *requests, struct tally *tallies, unsigned count)
{
	struct event event;

	while ((event = read_event(rig->reader)).there) {
		if (event.record.event != HEARTH_RESPONSE &&
			event.record.event != HEARTH_UNDELIVERED)
			continue;
		for (unsigned i = 0; i < count; i++) {
			if (event.record.request != requests[i])
				continue;
			tallies[i].outcomes++;
			tallies[i].event = event.record.event;
			tallies[i].reason = event.record.reason;
		}
	}
}

static void kick(struct gadget *g)
{
	assert_int_equal(worker_post(g->rig->worker, CONTROL_KICK, handle_now(g)), 0);
}

/* Bring everything to the turn that is to be killed. */
static void approach(struct gadget *a, enum when when)
{
	struct rig *rig = a->rig;
	struct frame_text frame;
	int sequence;

	if (when == WHEN_TAKEN)
		return;
	rig_turn(rig);
	if (when == WHEN_SENT)
		return;
	rig_turn(rig);
	sequence = asked(a);
	assert_true(sequence >= 0);
	switch (when) {
	case WHEN_ANSWERED:
	case WHEN_NEXT_IS_SENT:
		respond(a, 2002, (uint16_t)sequence);
		break;
	case WHEN_GIVEN_UP:
		for (unsigned i = 0; i < 2; i++) {
			rig_pass(rig, 10600 * MS, 100 * MS);
			assert_int_equal(asked(a), sequence);
		}
		rig_pass(rig, 9900 * MS, 100 * MS);
		break;
	case WHEN_KICKED:
		kick(a);
		break;
	case WHEN_RECONNECTED:
		rig_pass(rig, SECOND, 100 * MS);
		a->side.sequence += 3;
		connect_frame(a, &frame);
		gadget_queue(a, &frame);
		break;
	default:
		break;
	}
}

/* In which turn of those that follow the timer strikes depends on the sweep: each may be killed. */
static void kill_then(struct rig *rig, enum when when, enum step step)
{
	if (when == WHEN_REPEATED)
		rig_pass(rig, 10600 * MS, 100 * MS);
	killed_turn(rig, step);
	rig->random.state ^= 0x5555; /* the child drew numbers that are used up */
}

/* The device goes on: it answers what it is asked, and comes back when its connection is gone. */
static void go_on(struct gadget *a, bool *executed)
{
	struct rig *rig = a->rig;

	for (unsigned i = 0; i < 150; i++) {
		struct answer got;
		char text[16];

		rig_pass(rig, 500 * MS, 100 * MS);
		while ((got = gadget_answer(a)).there) {
			if (got.code != 2003)
				continue;
			assert_true(member_text(got.plain, "sequence", text, sizeof(text)));
			executed[atoi(text)] = true;
			respond(a, 2002, (uint16_t)atoi(text));
		}
	}
}

/* It finds its connection gone: by its token, or, if that is void, by a new login. */
static void come_back(struct gadget *a)
{
	struct rig *rig = a->rig;
	struct frame_text frame;

	rig_pass(rig, SECOND, 100 * MS);
	a->flow = flow_open(rig, CONNECT_PORT);
	a->side.sequence += 2;
	connect_frame(a, &frame);
	gadget_queue(a, &frame);
	rig_turn(rig);
	if (gadget_answer(a).there)
		return;
	flow_close(gadget_login(a));
	a->flow = flow_open(rig, CONNECT_PORT);
	gadget_connect(a);
}

static void play(enum when when, enum step step, bool tcp)
{
	static bool executed[65536];
	struct rig *rig;
	void *state;
	uint64_t requests[2];
	struct tally tallies[2] = {{0}};
	unsigned frames = 0;

	assert_int_equal(setup_backend(&state), 0);
	rig = state;
	memset(executed, 0, sizeof(executed));
	struct gadget a = GADGET(rig, SIDE_A);

	if (tcp && when != WHEN_RECONNECTED)
		live_tcp(&a);
	else
		live_udp(&a, 40001);
	requests[0] = ask(&a);
	requests[1] = ask(&a);
	approach(&a, when);
	kill_then(rig, when, step);
	rig_restart(rig);
	if (a.flow)
		come_back(&a);
	go_on(&a, executed);
	tally(rig, requests, tallies, 2);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(tallies[i].outcomes, 1);
		/* Nothing was refused or queued out, and there was time enough for all. */
		assert_true(tallies[i].event == HEARTH_RESPONSE ||
			    tallies[i].reason == HEARTH_UNKNOWN ||
			    tallies[i].reason == HEARTH_WAS_OFFLINE ||
			    (when == WHEN_GIVEN_UP && tallies[i].reason == HEARTH_NO_ANSWER));
	}
	/* Over UDP a kill is no reason for anything to fail. */
	if (!tcp && when != WHEN_KICKED && when != WHEN_RECONNECTED && when != WHEN_GIVEN_UP) {
		assert_int_equal(tallies[0].event, HEARTH_RESPONSE);
		assert_int_equal(tallies[1].event, HEARTH_RESPONSE);
	}
	for (unsigned i = 0; i < 65536; i++)
		frames += executed[i];
	/* A response: it was executed. Never sent: it was not. */
	assert_true(frames <= 2);
	if (tallies[0].reason == HEARTH_WAS_OFFLINE)
		assert_true(when < WHEN_SENT || (when == WHEN_SENT && step < BEFORE_TRANSMIT) ||
			    when == WHEN_TAKEN);
	expect_nothing_under_way(rig);
	assert_int_equal(teardown_backend(&state), 0);
}

static void test_k23_a_kill_at_any_step_of_any_turn_leaves_one_outcome(void **state)
{
	for (enum when when = 0; when < WHENS; when++) {
		for (enum step step = BEFORE_PUBLISH; step < STEPS; step++) {
			for (unsigned tcp = 0; tcp < 2; tcp++)
				play(when, step, tcp);
		}
	}
}

/* Killed in each of the turns in which two requests are taken, sent, answered, one after
 * another. */
static void test_k23_a_worker_that_is_killed_in_every_turn_gets_there(void **state)
{
	static bool executed[65536];
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);
	struct tally tallies[6] = {{0}};
	uint64_t requests[6];
	unsigned frames = 0;

	live_udp(&a, 40001);
	for (unsigned i = 0; i < 6; i++)
		requests[i] = ask(&a);
	for (unsigned round = 0; round < 12; round++) {
		for (enum step step = BEFORE_PUBLISH; step < STEPS; step++) {
			killed_turn(rig, step);
			rig->random.state ^= 0x5555 + round;
			rig_restart(rig);
		}
		rig_pass(rig, 11 * SECOND, 500 * MS);
		for (struct answer got; (got = gadget_answer(&a)).there;) {
			char text[16];

			assert_true(member_text(got.plain, "sequence", text, sizeof(text)));
			executed[atoi(text)] = true;
			respond(&a, 2002, (uint16_t)atoi(text));
			rig_turn(rig);
		}
	}
	tally(rig, requests, tallies, 6);
	for (unsigned i = 0; i < 6; i++) {
		assert_int_equal(tallies[i].outcomes, 1);
		assert_int_equal(tallies[i].event, HEARTH_RESPONSE);
	}
	for (unsigned i = 0; i < 65536; i++)
		frames += executed[i];
	assert_int_equal(frames, 6);
	expect_nothing_under_way(rig);
}

/* What attaching itself does is killed in the middle, too: nothing of it counts twice. */
static void attach_again(struct rig *rig, enum step killed)
{
	struct gadget a = GADGET(rig, SIDE_A);
	struct tally tallies[2] = {{0}};
	uint64_t requests[2];
	int sequence, status;
	pid_t pid;

	live_udp(&a, 40001);
	requests[0] = ask(&a);
	requests[1] = ask(&a);
	rig_turn(rig);
	rig_turn(rig);
	sequence = asked(&a);
	respond(&a, 2002, (uint16_t)sequence);
	killed_turn(rig, killed);
	rig_close(rig);
	for (enum step step = killed == BEFORE_POOL ? BEFORE_COMMIT : BEFORE_POOL;
		step <= BEFORE_APPLIED; step++) {
		pid = fork();
		if (pid == 0) {
			kill_at = step;
			rig_attach(rig);
			_exit(1);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == KILLED);
	}
	rig_attach(rig);
	rig_introduce(rig);
	rig_pass(rig, 11 * SECOND, 500 * MS);
	sequence = asked(&a);
	assert_true(sequence >= 0);
	respond(&a, 2002, (uint16_t)sequence);
	rig_turn(rig);
	tally(rig, requests, tallies, 2);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(tallies[i].outcomes, 1);
	expect_nothing_under_way(rig);
}

/* The outcome is in the ring, and the pool knows nothing of it, or the session does not. */
static void test_an_attach_that_is_killed_is_done_again(void **state)
{
	attach_again(*state, BEFORE_POOL);
}

static void test_an_attach_with_a_request_that_was_sent_is_done_again(void **state)
{
	attach_again(*state, BEFORE_COMMIT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_backend, teardown_backend)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_request_comes_from_its_ring_and_its_answer_goes_to_the_feed),
		TEST(test_a_full_pool_leaves_commands_in_their_ring),
		TEST(test_many_requests_take_many_turns),
		TEST(test_long_requests_take_more_turns),
		cmocka_unit_test(test_k23_a_kill_at_any_step_of_any_turn_leaves_one_outcome),
		TEST(test_k23_a_worker_that_is_killed_in_every_turn_gets_there),
		TEST(test_an_attach_that_is_killed_is_done_again),
		TEST(test_an_attach_with_a_request_that_was_sent_is_done_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
