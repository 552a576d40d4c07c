/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_worker_commit.c - acknowledge: commit with a whole worker, and with several: killed at every
 * step of a turn, with a ring that fills, with connections that close meanwhile, and at random: no
 * answer leaves before its event is committed, none is missing in the end, no event is doubled */
#include "worker_device.h"

#include <sys/wait.h>

/* ---- ends in the middle of a turn ---- */

enum step {
	NOWHERE,
	BEFORE_PUBLISH,
	BEFORE_COMMIT,
	BEFORE_APPLIED,
	BEFORE_TRANSMIT,
	BEFORE_ANSWERED, /* answers are with the transport, the cursor is not stored */
	AFTER_TURN,
	STEPS
};

#include "worker_killed.h"

void __real_feed_applied(struct feed_ring *ring);
void __wrap_feed_applied(struct feed_ring *ring);
void __real_feed_answered(struct feed_ring *ring);
void __wrap_feed_answered(struct feed_ring *ring);

void __wrap_feed_applied(struct feed_ring *ring)
{
	killed_at(BEFORE_APPLIED);
	__real_feed_applied(ring);
	killed_at(BEFORE_TRANSMIT);
}

void __wrap_feed_answered(struct feed_ring *ring)
{
	killed_at(BEFORE_ANSWERED);
	__real_feed_answered(ring);
}

/* One turn of one worker, in a process that is killed in it; what it sent is lost on its way. */
static void turn_and_kill(struct rig *rig, unsigned number, enum step step)
{
	int status;
	pid_t pid;

	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		kill_at = step;
		if (rig->count > 1)
			rig_spread(rig);
		worker_turn(rig->team[number], &rig->clock);
		_exit(step == AFTER_TURN ? KILLED : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == KILLED);
	rig->random.state ^= 0x5555; /* the child drew numbers that are used up */
	rig_restart(rig);
}

static int setup_of(void **state, unsigned workers, uint64_t bytes)
{
	struct rig *rig = rig_make_team(workers);

	rig->broker.config.feed.acknowledge = ACKNOWLEDGE_COMMIT;
	rig->broker.config.feed.bytes = bytes;
	rig->broker.config.mc.udp_gap =
		workers > 1 ? 31 : 0; /* datagrams overtake one another there */
	rig_start(rig);
	*state = rig;
	return 0;
}

static int setup_one(void **state)
{
	return setup_of(state, 1, 1 << 20);
}

static int setup_small(void **state)
{
	return setup_of(state, 1, 128 << 10);
}

static int setup_team(void **state)
{
	return setup_of(state, 4, 1 << 20);
}

static void report(struct gadget *g)
{
	queue_request(g, 2006, ++g->side.sequence);
	rig_turn(g->rig);
	expect_silence(g);
}

static uint64_t mc_sum(const struct rig *rig, enum mc_counter counter)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < rig->count; i++)
		sum += mc_protocol.counters(rig->team[i]->states[0])[counter];
	return sum;
}

/*
 * In the turn that is killed one report comes in and another's answer leaves. Whatever the step:
 * the one is asked for again and waits for its own commit, the other's answer comes (again).
 */
static void test_a_kill_at_any_step(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);
	uint32_t count = 0;

	live_udp(&a, 40001);
	for (enum step step = BEFORE_PUBLISH; step < STEPS; step++) {
		report(&a);
		assert_int_equal(expect_event(&a, HEARTH_UPLINK, 2006).record.count, ++count);
		queue_request(&a, 2006, ++a.side.sequence);
		turn_and_kill(rig, 0, step);
		rig_turn(rig);
		/* Only a turn that was whole has marked it as answered; its answer was lost. */
		if (step != AFTER_TURN)
			expect_answer_to(&a, 2007, 0, (uint16_t)(a.side.sequence - 1));
		expect_silence(&a);
		for (unsigned i = 0; i < 2; i++) {
			queue_request(&a, 2006, a.side.sequence);
			rig_turn(rig);
			expect_silence(&a);
		}
		queue_request(&a, 2006, (uint16_t)(a.side.sequence - 1));
		rig_turn(rig);
		expect_answer_to(&a, 2007, 0, (uint16_t)(a.side.sequence - 1));
		assert_int_equal(expect_event(&a, HEARTH_UPLINK, 2006).record.count, ++count);
		expect_no_event(rig);
		rig_turn(rig);
		expect_answer_to(&a, 2007, 0, a.side.sequence);
		expect_silence(&a);
	}
}

/* Turns until nothing is left to be answered. Return: answers that a device got, all of them
 * good. */
static unsigned answers_of(struct gadget *g)
{
	struct answer answer;
	unsigned count = 0;

	for (unsigned i = 0; i < 10; i++) {
		rig_turn(g->rig);
		while ((answer = gadget_answer(g)).there) {
			assert_int_equal(answer.code, 2007);
			assert_int_equal(answer.result, 0);
			count++;
		}
	}
	return count;
}

/* Events read and committed, @most of them; their counts follow one another. */
static unsigned read_reports(struct rig *rig, unsigned most, uint32_t *count)
{
	struct event event;
	unsigned n = 0;

	while (n < most && (event = read_event(rig->reader)).there) {
		assert_int_equal(event.record.event, HEARTH_UPLINK);
		assert_int_equal(event.record.count, ++*count);
		n++;
	}
	return n;
}

/*
 * The consumer stands still until the ring is full, comes back and reads none, some or all of it,
 * with a restart in between or without: what it has read is answered, no more; the report that was
 * refused is taken once there is room.
 */
static void test_a_ring_that_fills(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);
	uint32_t count = 0;

	live_udp(&a, 40001);
	for (unsigned round = 0; round < 8; round++) {
		unsigned taken = 0, part;
		struct answer answer = {0};

		for (; !answer.there; taken += !answer.there) {
			queue_request(&a, 2006, ++a.side.sequence);
			rig_turn(rig);
			answer = gadget_answer(&a);
		}
		assert_int_equal(answer.result, MC_NO_ROOM);
		assert_true(taken > 200);
		if (round % 2)
			rig_restart(rig);
		part = taken * (round / 2) / 3;
		assert_int_equal(read_reports(rig, part, &count), part);
		assert_int_equal(answers_of(&a), part);
		queue_request(&a, 2006, a.side.sequence);
		rig_turn(rig);
		if (part == 0)
			expect_answer(&a, 2007, MC_NO_ROOM);
		expect_silence(&a);
		assert_int_equal(read_reports(rig, UINT32_MAX, &count), taken - part + (part != 0));
		assert_int_equal(answers_of(&a), taken - part + (part != 0));
		if (part)
			continue;
		queue_request(&a, 2006, a.side.sequence);
		rig_turn(rig);
		expect_silence(&a);
		assert_int_equal(read_reports(rig, UINT32_MAX, &count), 1);
		assert_int_equal(answers_of(&a), 1);
	}
}

/* The connection closes while answers wait: they are counted, the next session has its own. */
static void test_a_connection_that_closes_meanwhile(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);
	uint32_t count = 0;

	live_tcp(&a);
	for (unsigned i = 0; i < 40; i++)
		report(&a);
	assert_int_equal(read_reports(rig, 10, &count), 10);
	assert_int_equal(answers_of(&a), 10);
	flow_reset(a.flow);
	rig_turn(rig);
	assert_int_equal(read_reports(rig, 30, &count), 30);
	rig_turn(rig);
	assert_int_equal(mc_sum(rig, MC_COMMIT_GONE), 30);
	expect_event(&a, HEARTH_OFFLINE, HEARTH_CLOSED);
	rig_pass(rig, SECOND, 100 * MS);
	a.side.sequence++;
	a.flow = flow_open(rig, CONNECT_PORT);
	gadget_connect(&a);
	expect_event(&a, HEARTH_ONLINE, MC_CONNECT);
	report(&a);
	count = 0;
	assert_int_equal(read_reports(rig, 1, &count), 1);
	rig_turn(rig);
	expect_answer_to(&a, 2007, 0, a.side.sequence);
}

/*
 * A session over UDP at a worker other than its range's: after a restart it is its range's, and
 * its records are in the other's ring. Its number waits until that one's commit all the same.
 */
static void test_a_session_whose_records_are_elsewhere(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);
	struct event event;

	/* Login by worker 0, a session over TCP at worker 3, then over UDP: it stays there. */
	while (owner_v4(&rig->broker.rss, PEER_ADDRESS, OUR_ADDRESS,
		       htons((uint16_t)(20000 + rig->flows_made % 20000)), htons(LOGIN_PORT)) != 0)
		rig->flows_made++;
	flow_close(gadget_login(&a));
	while (owner_v4(&rig->broker.rss, PEER_ADDRESS, OUR_ADDRESS,
		       htons((uint16_t)(20000 + rig->flows_made % 20000)),
		       htons(CONNECT_PORT)) != 3)
		rig->flows_made++;
	a.flow = flow_open(rig, CONNECT_PORT);
	gadget_connect(&a);
	rig_pass(rig, SECOND, 100 * MS);
	a.flow = NULL;
	a.port = 40001;
	a.side.sequence++;
	gadget_connect(&a);
	report(&a);
	assert_int_equal(session_owner(rig->broker.table,
				 session_find(rig->broker.table, bytes_of(a.side.token))),
		3);
	rig_restart(rig);
	assert_int_equal(session_owner(rig->broker.table,
				 session_find(rig->broker.table, bytes_of(a.side.token))),
		0);
	for (unsigned i = 0; i < 2; i++) {
		queue_request(&a, 2006, a.side.sequence);
		rig_turn(rig);
		expect_silence(&a);
	}
	do
		event = read_event(rig->reader);
	while (event.there && event.record.event != HEARTH_UPLINK);
	assert_true(event.there);
	assert_int_equal(event.worker, 3);
	rig_turn(rig);
	expect_silence(&a);
	assert_int_equal(mc_sum(rig, MC_COMMIT_ELSEWHERE), 1);
	queue_request(&a, 2006, a.side.sequence);
	rig_turn(rig);
	expect_answer_to(&a, 2007, 0, a.side.sequence);
	expect_no_event(rig);
}

/* ---- at random ---- */

enum {
	GADGETS = 4,
	AHEAD = 24 /* requests without an answer, at most: all can be repeated */
};

/**
 * struct client - a device that reports without waiting, and what is known of its reports
 * @session, @base: number and sequence of the newest connect
 * @committed, @answered: of the reports of this session, by sequence
 */
struct client {
	struct gadget gadget;
	bool tcp;
	uint64_t session;
	uint16_t base;
	uint8_t committed[65536 / 8], answered[65536 / 8];
	uint64_t reports, answers, events, connects;
};

static bool bit(const uint8_t *bits, uint16_t n)
{
	return bits[n / 8] >> n % 8 & 1;
}

static void client_connect(struct client *c)
{
	struct rig *rig = c->gadget.rig;
	struct answer answer;
	struct frame_text frame;

	for (unsigned tries = 0;; tries++) {
		assert_true(tries < 20);
		rig_pass(rig, 1100 * MS, 550 * MS);
		if (c->gadget.flow)
			flow_forget(c->gadget.flow);
		if (c->tcp)
			c->gadget.flow = flow_open(rig, CONNECT_PORT);
		c->gadget.side.sequence++;
		connect_frame(&c->gadget, &frame);
		gadget_queue(&c->gadget, &frame);
		rig_turn(rig);
		do
			answer = gadget_answer(&c->gadget);
		while (answer.there && answer.code != 1005);
		if (answer.there && answer.result == 0)
			break;
	}
	c->connects++;
	c->base = c->gadget.side.sequence;
	c->session = entry_now(&c->gadget).number;
	memset(c->committed, 0, sizeof(c->committed));
	memset(c->answered, 0, sizeof(c->answered));
}

/* No answer comes before its event was committed. */
static void take_answers(struct client *c)
{
	struct answer answer;

	while ((answer = gadget_answer(&c->gadget)).there) {
		char text[16];
		uint16_t sequence;

		if (answer.code != 2007)
			continue;
		assert_true(member_text(answer.plain, "sequence", text, sizeof(text)));
		sequence = (uint16_t)atoi(text);
		assert_int_equal(answer.result, 0);
		assert_true(bit(c->committed, sequence));
		c->answers += !bit(c->answered, sequence);
		c->answered[sequence / 8] |= (uint8_t)(1 << sequence % 8);
	}
}

static void take_event(struct rig *rig, struct client *clients)
{
	struct event event = read_event(rig->reader);

	for (unsigned i = 0; event.there && i < GADGETS; i++) {
		struct client *c = &clients[i];
		uint16_t sequence = event.record.sequence;

		if (strcmp(event.device, c->gadget.side.id) || event.record.event != HEARTH_UPLINK)
			continue;
		c->events++;
		if (event.record.session != c->session)
			continue;
		assert_false(bit(c->committed, sequence)); /* never doubled */
		c->committed[sequence / 8] |= (uint8_t)(1 << sequence % 8);
	}
}

static unsigned unanswered(const struct client *c)
{
	unsigned count = 0;

	for (uint16_t n = c->base + 1; n != (uint16_t)(c->gadget.side.sequence + 1); n++)
		count += !bit(c->answered, n);
	return count;
}

/* Is anything that was not answered further behind than a repeat may be? */
static bool may_go_on(const struct client *c)
{
	uint16_t newest = c->gadget.side.sequence;

	for (uint16_t n = c->base + 1; n != (uint16_t)(newest + 1); n++) {
		if (!bit(c->answered, n))
			return (uint16_t)(newest - n) < AHEAD;
	}
	return true;
}

static void repeat_all(struct client *c)
{
	for (uint16_t n = c->base + 1; n != (uint16_t)(c->gadget.side.sequence + 1); n++) {
		if (!bit(c->answered, n))
			queue_request(&c->gadget, 2006, n);
	}
}

static void client_step(struct client *c, uint32_t what)
{
	switch (what % 8) {
	case 0:
		repeat_all(c);
		break;
	case 1:
		if (what / 8 % 16)
			break;
		if (c->tcp && what / 128 % 2)
			flow_reset(c->gadget.flow);
		else if (c->tcp)
			flow_close(c->gadget.flow);
		client_connect(c);
		break;
	default:
		for (unsigned i = what / 8 % 6; i && may_go_on(c); i--) {
			queue_request(&c->gadget, 2006, ++c->gadget.side.sequence);
			c->reports++;
		}
	}
}

static void test_random(struct rig *rig, unsigned steps)
{
	static struct client clients[GADGETS];
	uint64_t connects = 0, waits = 0, events = 0, reports = 0;
	unsigned kills = 0;

	clients[0] = (struct client){.gadget = GADGET(rig, SIDE_A)};
	clients[1] = (struct client){.gadget = GADGET(rig, SIDE_B), .tcp = true};
	clients[2] = (struct client){.gadget = GADGET(rig, SIDE_LONG)};
	clients[3] = (struct client){.gadget = GADGET(rig, SIDE_CANARY), .tcp = true};
	for (unsigned i = 0; i < GADGETS; i++) {
		flow_close(gadget_login(&clients[i].gadget));
		clients[i].gadget.port = (uint16_t)(40001 + i);
		client_connect(&clients[i]);
	}
	for (unsigned step = 0; step < steps; step++) {
		struct client *c = &clients[step % GADGETS];

		client_step(c, draw(rig, 1 << 16));
		if (draw(rig, 40) == 0) {
			waits += mc_sum(rig, MC_COMMIT_WAITS);
			turn_and_kill(rig, draw(rig, rig->count),
				(enum step)(BEFORE_PUBLISH + draw(rig, STEPS - BEFORE_PUBLISH)));
			kills++;
			for (unsigned i = 0; i < GADGETS; i++) {
				if (clients[i].tcp)
					client_connect(&clients[i]);
				else
					repeat_all(&clients[i]); /* before it goes on */
				rig_turn(rig);
			}
		} else {
			rig_turn(rig);
		}
		for (unsigned i = 0; i < GADGETS; i++)
			take_answers(&clients[i]);
		for (unsigned i = draw(rig, 3) ? 0 : draw(rig, 40); i; i--)
			take_event(rig, clients);
	}
	/* In the end everything is answered, by the walk or to a repeat. */
	for (unsigned round = 0; round < 40; round++) {
		for (unsigned i = 0; i < 100; i++)
			take_event(rig, clients);
		for (unsigned i = 0; i < GADGETS; i++) {
			rig_turn(rig);
			take_answers(&clients[i]);
			repeat_all(&clients[i]);
			rig_turn(rig);
			take_answers(&clients[i]);
		}
	}
	for (unsigned i = 0; i < GADGETS; i++) {
		assert_int_equal(unanswered(&clients[i]), 0);
		assert_true(clients[i].events >= clients[i].answers);
		connects += clients[i].connects;
		events += clients[i].events;
		reports += clients[i].reports;
	}
	waits += mc_sum(rig, MC_COMMIT_WAITS);
	print_message("%u kills, %llu connects, %llu reports, %llu events, %llu repeats waited\n",
		kills, (unsigned long long)connects, (unsigned long long)reports,
		(unsigned long long)events, (unsigned long long)waits);
	assert_true(kills > steps / 80 && waits > steps / 10 && events > steps / 2);
}

static void test_one_at_random(void **state)
{
	test_random(*state, 5000);
}

static void test_several_at_random(void **state)
{
	test_random(*state, 4000);
}

#define TEST(name, setup) cmocka_unit_test_setup_teardown(name, setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_kill_at_any_step, setup_one),
		TEST(test_a_ring_that_fills, setup_small),
		TEST(test_a_connection_that_closes_meanwhile, setup_one),
		TEST(test_a_session_whose_records_are_elsewhere, setup_team),
		TEST(test_one_at_random, setup_one),
		TEST(test_several_at_random, setup_team),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
