/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_workers.c - several workers on one wire: a device is served wherever its packets come by */
#include "worker_device.h"

#define WORKERS 4

/* Events that were read and not asked for yet, of all rings. */
#define INBOX 64

static struct event inbox[INBOX];
static unsigned inbox_count;

static struct rig *team_new(unsigned workers)
{
	struct rig *rig = rig_make_team(workers);

	rig_start(rig);
	return rig;
}

static int setup_team(void **state)
{
	inbox_count = 0;
	*state = team_new(WORKERS);
	return 0;
}

static unsigned owner_of_port(const struct rig *rig, unsigned port, unsigned local)
{
	return owner_v4(&rig->broker.rss, PEER_ADDRESS, OUR_ADDRESS, htons((uint16_t)port),
		htons((uint16_t)local));
}

/* A connection whose flow belongs to worker @owner. */
static struct flow *open_at(struct rig *rig, unsigned owner, uint16_t local)
{
	while (owner_of_port(rig, 20000 + rig->flows_made % 20000, local) != owner)
		rig->flows_made++;
	return flow_open(rig, local);
}

/* Log in by a connection of worker @owner's. */
static void login_at(struct gadget *g, unsigned owner)
{
	while (owner_of_port(g->rig, 20000 + g->rig->flows_made % 20000, LOGIN_PORT) != owner)
		g->rig->flows_made++;
	flow_close(gadget_login(g));
}

static void read_all(struct rig *rig)
{
	while (inbox_count < INBOX && (inbox[inbox_count] = read_event(rig->reader)).there)
		inbox_count++;
	assert_true(inbox_count < INBOX);
}

/* The next event of worker @worker's ring. */
static struct event next_at(struct rig *rig, unsigned worker)
{
	struct event event = {0};

	read_all(rig);
	for (unsigned i = 0; i < inbox_count; i++) {
		if (inbox[i].worker != worker)
			continue;
		event = inbox[i];
		memmove(&inbox[i], &inbox[i + 1], (--inbox_count - i) * sizeof(inbox[0]));
		break;
	}
	return event;
}

static struct event expect_at(
	struct gadget *g, unsigned worker, enum hearth_event kind, unsigned code_or_reason)
{
	struct event event = next_at(g->rig, worker);

	assert_true(event.there);
	assert_int_equal(event.record.event, kind);
	assert_int_equal(
		kind == HEARTH_OFFLINE ? event.record.reason : event.record.code, code_or_reason);
	assert_string_equal(event.device, g->side.id);
	return event;
}

static void expect_no_events(struct rig *rig)
{
	read_all(rig);
	assert_int_equal(inbox_count, 0);
}

static uint32_t index_of(const struct gadget *g)
{
	return session_find(g->rig->broker.table, bytes_of(g->side.token));
}

static unsigned owner_of(const struct gadget *g)
{
	return session_owner(g->rig->broker.table, index_of(g));
}

static uint64_t counted(const struct rig *rig, enum worker_counter counter)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < rig->count; i++)
		sum += rig->team[i]->counters[counter];
	return sum;
}

static uint64_t mc_sum(const struct rig *rig, enum mc_counter counter)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < rig->count; i++)
		sum += mc_protocol.counters(rig->team[i]->states[0])[counter];
	return sum;
}

static uint64_t stack_sum(const struct rig *rig, enum stack_counter counter)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < rig->count; i++)
		sum += stack_counters(rig->team[i]->stack)[counter];
	return sum;
}

/* Logins by one worker, sessions at another: every pair. */
static void test_a_session_comes_to_its_connection(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);
	uint64_t session = 0, number;
	session_handle handle;

	for (unsigned login = 0; login < WORKERS; login++) {
		for (unsigned at = 0; at < WORKERS; at++) {
			login_at(&a, login);
			assert_int_equal(owner_of(&a), login);
			a.flow = open_at(rig, at, CONNECT_PORT);
			gadget_connect(&a);
			assert_int_equal(owner_of(&a), at);
			number = expect_at(&a, at, HEARTH_ONLINE, MC_CONNECT).record.session;
			assert_true(number > session);
			session = number;
			handle = host_bound(&rig->team[at]->host, entry_now(&a).connection);
			assert_int_equal(session_handle_worker(handle), login);
			for (unsigned i = 1; i <= 3; i++) {
				good_request(&a, 2006);
				assert_int_equal(
					expect_at(&a, at, HEARTH_UPLINK, 2006).record.count, i);
			}
			flow_close(a.flow);
			expect_at(&a, at, HEARTH_OFFLINE, HEARTH_CLOSED);
			/* It rests where it came from. */
			assert_int_equal(owner_of(&a), login);
			assert_int_equal(
				session_counts(session_worker(rig->broker.table, login)).resting,
				1);
			expect_no_events(rig);
		}
	}
	assert_int_equal(counted(rig, WORKER_FETCHES), WORKERS * (WORKERS - 1));
	assert_true(stack_sum(rig, STACK_FORWARDED) > 0);
	assert_int_equal(mc_sum(rig, MC_CONNECTS), WORKERS * WORKERS);
}

/* The same token by one connection after another, none of them closed by the device. */
static void test_a_device_that_reconnects_elsewhere_is_replaced_once(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);
	unsigned before = 0;
	struct flow *old;

	login_at(&a, 1);
	a.flow = open_at(rig, 0, CONNECT_PORT);
	gadget_connect(&a);
	expect_at(&a, 0, HEARTH_ONLINE, MC_CONNECT);
	for (unsigned i = 1; i < 12; i++) {
		unsigned at = (i * 3) % WORKERS;

		good_request(&a, 2006);
		expect_at(&a, before, HEARTH_UPLINK, 2006);
		rig_pass(rig, SECOND, 100 * MS);
		old = a.flow;
		a.side.sequence++;
		a.flow = open_at(rig, at, CONNECT_PORT);
		gadget_connect(&a);
		expect_at(&a, before, HEARTH_OFFLINE, HEARTH_REPLACED);
		expect_at(&a, at, HEARTH_ONLINE, MC_CONNECT);
		expect_no_events(rig);
		assert_int_equal(owner_of(&a), at);
		assert_true(old->finished || old->reset);
		before = at;
	}
}

/* A new login, too, replaces what another worker has. */
static void test_a_new_login_replaces_a_session_elsewhere_once(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);
	struct flow *old;

	for (unsigned at = 0; at < WORKERS; at++) {
		struct gadget before;

		login_at(&a, at);
		a.flow = open_at(rig, at, CONNECT_PORT);
		gadget_connect(&a);
		expect_at(&a, at, HEARTH_ONLINE, MC_CONNECT);
		before = a;
		old = a.flow;
		login_at(&a, (at + 1) % WORKERS);
		good_request(&before, 2006); /* it goes on until the new token connects */
		expect_at(&a, at, HEARTH_UPLINK, 2006);
		a.flow = open_at(rig, (at + 2) % WORKERS, CONNECT_PORT);
		gadget_connect(&a);
		expect_at(&a, (at + 2) % WORKERS, HEARTH_ONLINE, MC_CONNECT);
		rig_turn(rig);
		expect_at(&a, at, HEARTH_OFFLINE, HEARTH_REPLACED);
		assert_true(old->finished || old->reset);
		assert_int_equal(
			session_find(rig->broker.table, bytes_of(before.side.token)), SESSION_NONE);
		flow_close(a.flow);
		expect_at(&a, (at + 2) % WORKERS, HEARTH_OFFLINE, HEARTH_CLOSED);
		rig_pass(rig, 3 * SECOND, 100 * MS);
		expect_no_events(rig);
	}
}

/* On UDP a session stays where it is, and its datagrams go there. */
static void test_datagrams_find_their_session(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);

	login_at(&a, 2);
	for (unsigned i = 0; i < 50; i++) {
		a.port = (uint16_t)(40000 + i);
		if (i == 0) {
			gadget_connect(&a);
			expect_at(&a, 2, HEARTH_ONLINE, MC_CONNECT);
		}
		good_request(&a, i % 5 ? 2006 : MC_HEARTBEAT);
		if (i % 5)
			expect_at(&a, 2, HEARTH_UPLINK, 2006);
		assert_int_equal(owner_of(&a), 2);
		assert_int_equal(entry_now(&a).peer.port, htons(a.port));
	}
	expect_no_events(rig);
	assert_true(stack_sum(rig, STACK_DATAGRAMS_HANDED) > 20);
	assert_int_equal(session_counts(session_worker(rig->broker.table, 2)).live_udp, 1);
}

/* From TCP at a guest to UDP and back: who owns the session decides on both. */
static void test_a_session_changes_its_transport(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);
	struct flow *old;

	login_at(&a, 0);
	a.flow = open_at(rig, 3, CONNECT_PORT);
	gadget_connect(&a);
	expect_at(&a, 3, HEARTH_ONLINE, MC_CONNECT);
	rig_pass(rig, SECOND, 100 * MS);
	old = a.flow;
	a.flow = NULL;
	a.port = 40001;
	a.side.sequence++;
	gadget_connect(&a);
	expect_at(&a, 3, HEARTH_OFFLINE, HEARTH_REPLACED);
	expect_at(&a, 3, HEARTH_ONLINE, MC_CONNECT);
	rig_turn(rig);
	assert_true(old->finished || old->reset);
	good_request(&a, 2006);
	expect_at(&a, 3, HEARTH_UPLINK, 2006);
	rig_pass(rig, SECOND, 100 * MS);
	a.side.sequence++;
	a.flow = open_at(rig, 1, CONNECT_PORT);
	gadget_connect(&a);
	expect_at(&a, 3, HEARTH_OFFLINE, HEARTH_REPLACED);
	expect_at(&a, 1, HEARTH_ONLINE, MC_CONNECT);
	good_request(&a, 2006);
	expect_at(&a, 1, HEARTH_UPLINK, 2006);
	expect_no_events(rig);
}

/* Requests behind a connect wait with it, whether they share its segment or not. */
static void test_what_comes_behind_a_connect_waits_in_order(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);
	uint8_t bytes[1400];
	struct frame_text frame;
	uint32_t length = 0;

	login_at(&a, 0);
	a.flow = open_at(rig, 1, CONNECT_PORT);
	rig->stalled[0] = true; /* so that it does wait */
	connect_frame(&a, &frame);
	memcpy(bytes, frame.text, frame.length);
	length = frame.length;
	for (unsigned i = 0; i < 2; i++) {
		request_frame(&a, 2006, ++a.side.sequence, &frame);
		memcpy(bytes + length, frame.text, frame.length);
		length += frame.length;
	}
	flow_next(a.flow, TCP_PSH, bytes, length);
	rig_turn(rig);
	assert_int_equal(rig->team[1]->host.waiting, 3);
	/* A segment of its own is not taken yet; the device's TCP sends it again. */
	request_frame(&a, 2008, ++a.side.sequence, &frame);
	flow_next(a.flow, TCP_PSH, frame.text, frame.length);
	rig_turn(rig);
	assert_int_equal(a.flow->acked, a.flow->seq - frame.length);
	expect_silence(&a);
	rig->stalled[0] = false;
	rig_turn(rig);
	flow_raw(a.flow, TCP_ACK | TCP_PSH, a.flow->seq - frame.length, a.flow->ack, frame.text,
		frame.length);
	rig_turn(rig);
	expect_answer(&a, 1005, 0);
	expect_answer_to(&a, 2007, 0, (uint16_t)(a.side.sequence - 2));
	expect_answer_to(&a, 2007, 0, (uint16_t)(a.side.sequence - 1));
	expect_answer_to(&a, 2009, 0, a.side.sequence);
	expect_at(&a, 1, HEARTH_ONLINE, MC_CONNECT);
	for (unsigned i = 1; i <= 3; i++)
		assert_int_equal(
			expect_at(&a, 1, HEARTH_UPLINK, i < 3 ? 2006 : 2008).record.count, i);
	assert_int_equal(rig->team[1]->host.waiting, 0);
}

/* What nobody with the key has sent moves nothing. */
static void test_strangers_move_no_session(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A), thief;
	struct frame_text frame, old;

	login_at(&a, 0);
	a.flow = open_at(rig, 1, CONNECT_PORT);
	connect_frame(&a, &old);
	gadget_connect(&a);
	expect_at(&a, 1, HEARTH_ONLINE, MC_CONNECT);
	thief = a;
	memset(thief.side.key, 'k', sizeof(thief.side.key) - 1);
	thief.side.sequence++;
	thief.flow = open_at(rig, 2, CONNECT_PORT);
	connect_frame(&thief, &frame);
	gadget_queue(&thief, &frame);
	rig_turn(rig);
	assert_true(thief.flow->finished || thief.flow->reset);
	/* A recording of the device's own connect. */
	thief.flow = open_at(rig, 3, CONNECT_PORT);
	gadget_queue(&thief, &old);
	rig_turn(rig);
	assert_true(thief.flow->finished || thief.flow->reset);
	assert_int_equal(owner_of(&a), 1);
	assert_int_equal(counted(rig, WORKER_FETCHES), 1);
	/* A request off its connection. */
	thief = a;
	thief.flow = open_at(rig, 2, CONNECT_PORT);
	queue_request(&thief, 2006, (uint16_t)(thief.side.sequence + 1));
	rig_turn(rig);
	expect_silence(&thief);
	assert_int_equal(mc_sum(rig, MC_DROP_NOT_BOUND), 1);
	good_request(&a, 2006);
	expect_at(&a, 1, HEARTH_UPLINK, 2006);
	expect_no_events(rig);
}

/* ---- operators ---- */

static void test_a_kick_finds_the_session(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);

	for (unsigned asked = 0; asked < WORKERS; asked++) {
		login_at(&a, 0);
		a.flow = open_at(rig, 2, CONNECT_PORT);
		gadget_connect(&a);
		expect_at(&a, 2, HEARTH_ONLINE, MC_CONNECT);
		/* Whomever the request was posted to: it has moved meanwhile. */
		assert_int_equal(worker_post(rig->team[asked], CONTROL_KICK, handle_now(&a)), 0);
		rig_turn(rig);
		rig_turn(rig);
		expect_at(&a, 2, HEARTH_OFFLINE, HEARTH_KICKED);
		assert_true(a.flow->finished || a.flow->reset);
		expect_no_events(rig);
	}
}

/* ---- a worker that does nothing for a while ---- */

static void test_a_stalled_worker_holds_up_nobody_else(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A), b = GADGET(rig, SIDE_B), c = GADGET(rig, SIDE_LONG);
	struct frame_text frame;

	login_at(&a, 1);
	a.flow = open_at(rig, 1, CONNECT_PORT);
	gadget_connect(&a);
	expect_at(&a, 1, HEARTH_ONLINE, MC_CONNECT);
	login_at(&b, 0);
	login_at(&c, 3);
	c.flow = open_at(rig, 2, CONNECT_PORT);
	gadget_connect(&c);
	expect_at(&c, 2, HEARTH_ONLINE, MC_CONNECT);
	rig->stalled[0] = true;
	rig->queue = NULL;
	/* Its session is wanted elsewhere: that connection waits, and is closed in the end. */
	b.flow = open_at(rig, 2, CONNECT_PORT);
	connect_frame(&b, &frame);
	gadget_queue(&b, &frame);
	for (unsigned i = 0; i < 40; i++) {
		rig_pass(rig, 250 * MS, 50 * MS);
		if (rig->queues[0]->rx_count > STACK_BURST / 2)
			link_fini(rig->queues[0]); /* its own queue overflows */
		if (i % 4 == 0) {
			rig->random.state += 17;
			queue_request(&a, MC_HEARTBEAT, ++a.side.sequence);
			queue_request(&c, MC_HEARTBEAT, ++c.side.sequence);
		}
	}
	assert_true(b.flow->finished || b.flow->reset);
	assert_int_equal(counted(rig, WORKER_DROP_FETCH), 1);
	expect_no_events(rig);
	/* It comes back, finds what was asked of it long ago, and hands the session over. */
	rig->stalled[0] = false;
	rig_turn(rig);
	rig_pass(rig, 3 * SECOND, 100 * MS);
	b.flow = open_at(rig, 3, CONNECT_PORT);
	b.side.sequence++;
	gadget_connect(&b);
	expect_at(&b, 3, HEARTH_ONLINE, MC_CONNECT);
	good_request(&b, 2006);
	expect_at(&b, 3, HEARTH_UPLINK, 2006);
	expect_no_events(rig);
}

/* Its ring is full: the session does not leave before its end is written. */
static void test_a_full_ring_keeps_a_session_until_it_is_read(void **state)
{
	static const uint8_t padding[8192];
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);
	struct hearth_record record;
	struct frame_text frame;
	struct hearth_item item;
	struct event event;

	login_at(&a, 0);
	a.flow = open_at(rig, 1, CONNECT_PORT);
	gadget_connect(&a);
	for (uint32_t bytes = sizeof(padding); bytes; bytes /= 2) {
		do
			record = (struct hearth_record){.event = HEARTH_ALERT,
				.protocol = HEARTH_MC,
				.device_length = 6,
				.payload_length = bytes};
		while (!feed_write(
			rig->team[1]->host.feed, FEED_LIFECYCLE, &record, "filler", NULL, padding));
	}
	rig_pass(rig, SECOND, 100 * MS);
	a.side.sequence++;
	a.flow = open_at(rig, 2, CONNECT_PORT);
	connect_frame(&a, &frame);
	gadget_queue(&a, &frame);
	rig_pass(rig, 300 * MS, 10 * MS);
	expect_silence(&a);
	assert_int_equal(owner_of(&a), 1);
	while (hearth_feed_next(rig->reader, &item) == 1)
		hearth_feed_commit(rig->reader);
	rig_pass(rig, 100 * MS, 10 * MS);
	expect_answer(&a, 1005, 0);
	assert_int_equal(owner_of(&a), 2);
	event = next_at(rig, 1);
	assert_int_equal(event.record.event, HEARTH_OFFLINE);
	assert_int_equal(event.record.reason, HEARTH_REPLACED);
	expect_at(&a, 2, HEARTH_ONLINE, MC_CONNECT);
	expect_no_events(rig);
}

/* ---- restarts ---- */

static void test_sessions_of_guests_survive_a_restart(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A), b = GADGET(rig, SIDE_B);

	login_at(&a, 0);
	a.flow = open_at(rig, 3, CONNECT_PORT);
	gadget_connect(&a);
	expect_at(&a, 3, HEARTH_ONLINE, MC_CONNECT);
	good_request(&a, 2006);
	expect_at(&a, 3, HEARTH_UPLINK, 2006);
	login_at(&b, 1);
	b.port = 40001;
	gadget_connect(&b);
	expect_at(&b, 1, HEARTH_ONLINE, MC_CONNECT);
	rig_restart(rig);
	assert_int_equal(worker_attached(rig->team[0]), 1);
	assert_int_equal(worker_attached(rig->team[1]), 1);
	assert_int_equal(owner_of(&a), 0);
	good_request(&b, 2006);
	expect_at(&b, 1, HEARTH_UPLINK, 2006);
	rig_pass(rig, SECOND, 100 * MS);
	a.side.sequence++;
	a.flow = open_at(rig, 2, CONNECT_PORT);
	gadget_connect(&a);
	expect_at(&a, 0, HEARTH_OFFLINE, HEARTH_REPLACED);
	expect_at(&a, 2, HEARTH_ONLINE, MC_CONNECT);
	expect_no_events(rig);
}

static unsigned only_queue;

static unsigned by_one_queue(struct rig *rig, const struct frame *frame)
{
	return only_queue;
}

/* Killed while the older of two sessions has not heard of the newer one yet. */
static void test_of_two_sessions_of_a_device_the_newer_goes_on(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);

	for (unsigned to = 0; to < WORKERS; to += WORKERS - 1) {
		unsigned from = WORKERS - 1 - to;
		struct gadget before;

		login_at(&a, from);
		a.port = (uint16_t)(40001 + to);
		gadget_connect(&a);
		expect_at(&a, from, HEARTH_ONLINE, MC_CONNECT);
		before = a;
		login_at(&a, to);
		rig->stalled[from] = true;
		rig->queue = by_one_queue;
		only_queue = to;
		while (owner_of_port(rig, a.port, CONNECT_PORT) == from)
			a.port++;
		gadget_connect(&a);
		expect_at(&a, to, HEARTH_ONLINE, MC_CONNECT);
		assert_int_equal(entry_now(&before).state, SESSION_LIVE);
		rig_restart(rig);
		rig->queue = NULL;
		good_request(&a, 2006);
		expect_at(&a, to, HEARTH_UPLINK, 2006);
		rig_pass(rig, 3 * SECOND, 100 * MS);
		expect_at(&before, from, HEARTH_OFFLINE, HEARTH_REPLACED);
		expect_no_events(rig);
		assert_int_equal(entry_now(&a).state, SESSION_LIVE);
		/* The next one begins without it. */
		worker_post(rig->team[0], CONTROL_KICK, handle_now(&a));
		rig_turn(rig);
		rig_turn(rig);
		expect_at(&a, to, HEARTH_OFFLINE, HEARTH_KICKED);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_team, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_session_comes_to_its_connection),
		TEST(test_a_device_that_reconnects_elsewhere_is_replaced_once),
		TEST(test_a_new_login_replaces_a_session_elsewhere_once),
		TEST(test_datagrams_find_their_session),
		TEST(test_a_session_changes_its_transport),
		TEST(test_what_comes_behind_a_connect_waits_in_order),
		TEST(test_strangers_move_no_session),
		TEST(test_a_kick_finds_the_session),
		TEST(test_a_stalled_worker_holds_up_nobody_else),
		TEST(test_a_full_ring_keeps_a_session_until_it_is_read),
		TEST(test_sessions_of_guests_survive_a_restart),
		TEST(test_of_two_sessions_of_a_device_the_newer_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
