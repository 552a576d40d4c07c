/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_worker_full.c - each pool of a worker used up: counted, others go on, all comes back */
#include "worker_device.h"

#define GADGETS 260

static char ids[GADGETS][16];

/* A rig with so many connections, and devices beside the usual ones. */
static struct rig *rig_of(uint32_t connections, unsigned devices)
{
	struct rig *rig = rig_make();

	rig->broker.config.limits.connections = connections;
	for (unsigned i = 0; i < devices; i++) {
		snprintf(ids[i], sizeof(ids[i]), "device-%u", i);
		provision(rig->broker.store, ids[i], PIN_A);
	}
	rig_start(rig);
	return rig;
}

static struct pool_view pool(const struct rig *rig, const char *name)
{
	struct pool_view pools[WORKER_POOLS_MAX];
	unsigned count = worker_pools(rig->worker, pools);

	for (unsigned i = 0; i < count; i++)
		if (!strcmp(pools[i].name, name))
			return pools[i];
	fail_msg("no pool %s", name);
	return pools[0];
}

/* A session beside the trouble, over TCP or UDP, that never misses an answer. */
static void canary_goes_on(struct gadget *canary)
{
	good_request(canary, 1000);
	good_request(canary, 2006);
	expect_event(canary, HEARTH_UPLINK, 2006);
}

/* One segment of a flow that nobody remembers. */
static void stray(struct rig *rig, uint16_t port, unsigned flags, uint32_t seq)
{
	struct packet p;

	if (rig->link.rx_count == STACK_BURST)
		rig_turn(rig);
	make_tcp(&p, flags, seq, 0, NULL, 0);
	put16(p.data + L4, port);
	put16(p.data + L4 + 2, CONNECT_PORT);
	seal_l4(&p, 16);
	link_arrive(&rig->link, &p);
}

/* A connection that may be refused. Return: whether bytes are taken on it. */
static bool try_open(struct rig *rig, struct flow **flow)
{
	*flow = flow_make(rig, CONNECT_PORT);
	flow_raw(*flow, TCP_SYN, (*flow)->seq++, 0, NULL, 0);
	rig_turn(rig);
	if (!(*flow)->established)
		return false;
	flow_next(*flow, TCP_PSH, "CTS", 3);
	rig_turn(rig);
	return (*flow)->acked == (*flow)->seq;
}

static void test_connections(void **state)
{
	struct rig *rig = rig_of(16, 0);
	struct gadget canary = GADGET(rig, SIDE_CANARY), a = GADGET(rig, SIDE_A);
	struct flow *flows[40];
	unsigned taken = 0;

	live_tcp(&canary);
	live_udp(&a, 40001);
	for (unsigned i = 0; i < 40; i++) {
		taken += try_open(rig, &flows[i]);
		canary_goes_on(&canary);
		canary_goes_on(&a);
	}
	assert_int_equal(taken, 15);
	assert_int_equal(pool(rig, "connections").used, 16);
	assert_true(tcp_counted(rig, TCP_FULL_CONNECTIONS) > 0);
	/* whoever leaves makes room, at once */
	for (unsigned i = 0; i < 5; i++)
		flow_reset(flows[i]);
	rig_turn(rig);
	assert_int_equal(pool(rig, "connections").used, 11);
	for (unsigned i = 0; i < 5; i++)
		assert_true(try_open(rig, &flows[i]));
	canary_goes_on(&canary);
	rig_free(rig);
}

static void test_handshakes(void **state)
{
	struct rig *rig = rig_of(1024, 0);
	struct gadget canary = GADGET(rig, SIDE_CANARY), a = GADGET(rig, SIDE_A);
	const uint32_t limit = pool(rig, "handshakes").limit;

	live_tcp(&canary);
	live_udp(&a, 40001);
	for (unsigned i = 0; i < 3 * limit; i++) {
		stray(rig, (uint16_t)(1024 + i), TCP_SYN, i * 7919);
		if (i % 256 == 255) {
			rig_turn(rig);
			canary_goes_on(&canary);
			canary_goes_on(&a);
		}
	}
	assert_in_range(pool(rig, "handshakes").used, limit / 2, limit);
	assert_int_equal(pool(rig, "connections").used, 1);
	/* nobody completes them: they go, and with them every trace */
	for (unsigned i = 0; i < 4; i++) {
		rig_pass(rig, 30 * SECOND, 100 * MS);
		good_request(&canary, 1000);
		good_request(&a, 1000);
	}
	assert_int_equal(pool(rig, "handshakes").used, 0);
	assert_int_equal(pool(rig, "flow_slots").used, 1);
	assert_chunks(rig, 0);
	flow_reset(flow_open(rig, CONNECT_PORT));
	rig_free(rig);
}

/* Connections that we close first stay behind as records; the oldest gives way. */
static void test_time_wait(void **state)
{
	static const char junk[] = "CTS{\"code\":1,\"data\":\"0123456789abcdef\"}\r\n";
	struct rig *rig = rig_of(1024, 0);
	struct gadget canary = GADGET(rig, SIDE_CANARY);
	const uint32_t limit = pool(rig, "time_wait").limit;

	live_tcp(&canary);
	for (unsigned i = 0; i < limit + 200; i++) {
		struct flow *flow = flow_open(rig, LOGIN_PORT);

		flow_bytes(flow, junk, sizeof(junk) - 1);
		rig_turn(rig);
		assert_true(flow->finished);
		flow_next(flow, TCP_FIN, NULL, 0);
		rig_turn(rig);
		flow_forget(flow);
		if (i % 100 == 0)
			canary_goes_on(&canary);
	}
	assert_int_equal(pool(rig, "time_wait").used, limit);
	assert_true(tcp_counted(rig, TCP_TIME_WAIT_SHORT) >= 200);
	assert_int_equal(pool(rig, "connections").used, 1);
	canary_goes_on(&canary);
	for (unsigned i = 0; i < 5; i++) {
		rig_pass(rig, 30 * SECOND, 100 * MS);
		good_request(&canary, 1000);
	}
	assert_int_equal(pool(rig, "time_wait").used, 0);
	assert_int_equal(pool(rig, "flow_slots").used, 1);
	rig_free(rig);
}

/* Nobody is pushed out by those who log in and never connect; their logins lapse. */
static void test_sessions(void **state)
{
	struct rig *rig = rig_of(1024, GADGETS);
	struct gadget canary = GADGET(rig, SIDE_CANARY), late = GADGET(rig, SIDE_A);
	const uint32_t limit = pool(rig, "sessions").limit;
	struct frame_text frame;
	struct flow *flow;

	assert_true(limit < GADGETS);
	live_udp(&canary, 40001);
	for (unsigned i = 0; i < limit - 1; i++) {
		struct gadget g = {.rig = rig, .side = {.id = ids[i], .pin = PIN_A, .sequence = 1}};

		flow = gadget_login(&g);
		flow_close(flow);
		flow_forget(flow);
		if (i % 50 == 0)
			canary_goes_on(&canary);
	}
	assert_int_equal(pool(rig, "sessions").used, limit);
	flow = flow_open(rig, LOGIN_PORT);
	login_text(&late.side, now_of(rig), &frame);
	flow_bytes(flow, frame.text, frame.length);
	rig_turn(rig);
	assert_int_equal(flow->got_length, 0);
	assert_true(flow->finished);
	assert_int_equal(session_counters(rig->worker->host.sessions)[SESSION_FULL], 1);
	assert_int_equal(mc_counted(rig, MC_DROP_FULL), 1);
	canary_goes_on(&canary);
	for (unsigned i = 0; i < 4; i++) {
		rig_pass(rig, 35 * SECOND, 100 * MS);
		good_request(&canary, 1000);
	}
	assert_int_equal(pool(rig, "sessions").used, 1);
	live_tcp(&late);
	canary_goes_on(&late);
	rig_free(rig);
}

/* Loss is met without a recovery record, all being in use elsewhere: slower, never wrong. */
static void test_recovery_records(void **state)
{
	struct rig *rig = rig_of(2048, 0);
	struct gadget canary = GADGET(rig, SIDE_CANARY), a = GADGET(rig, SIDE_A);
	const uint32_t limit = pool(rig, "recovery").limit;
	struct frame_text frame;
	uint32_t seq;

	live_tcp(&canary);
	live_tcp(&a);
	for (unsigned i = 0; i < limit + 20; i++) {
		struct flow *flow = flow_open(rig, CONNECT_PORT);

		flow_raw(flow, TCP_ACK, flow->seq + 100, flow->ack, "a gap is before it", 18);
		rig_turn(rig);
		flow_forget(flow);
		if (i % 100 == 0)
			canary_goes_on(&canary);
	}
	assert_int_equal(pool(rig, "recovery").used, limit);
	assert_true(tcp_counted(rig, TCP_FULL_SIDES) >= 20);
	for (unsigned i = 0; i < 5; i++) {
		a.side.sequence++;
		long_report(&a, 6000, &frame);
		/* the second segment of them is late */
		seq = a.flow->seq;
		flow_raw(a.flow, TCP_ACK, seq, a.flow->ack, frame.text, 1400);
		for (uint32_t at = 2800; at < frame.length; at += 1400)
			flow_raw(a.flow, TCP_ACK, seq + at, a.flow->ack, frame.text + at,
				frame.length - at < 1400 ? frame.length - at : 1400);
		canary_goes_on(&canary);
		expect_silence(&a);
		assert_int_equal(a.flow->acked, seq + 1400);
		/* and then comes, with what could not be kept behind it */
		for (uint32_t at = 1400; at < frame.length; at += 1400)
			flow_raw(a.flow, TCP_ACK, seq + at, a.flow->ack, frame.text + at,
				frame.length - at < 1400 ? frame.length - at : 1400);
		a.flow->seq = seq + frame.length;
		rig_turn(rig);
		expect_answer_to(&a, 2007, 0, a.side.sequence);
		expect_long_event(rig);
	}
	/* their connections find no session in time */
	for (unsigned i = 0; i < 4; i++) {
		rig_pass(rig, 30 * SECOND, 100 * MS);
		good_request(&canary, 1000);
		good_request(&a, 1000);
	}
	assert_int_equal(pool(rig, "recovery").used, 0);
	assert_int_equal(pool(rig, "connections").used, 2);
	rig_free(rig);
}

/* No buffer to send with: answers are lost as on the network, by name, and come when repeated. */
static void test_datagram_buffers(void **state)
{
	struct rig *rig = rig_of(1024, 0);
	struct gadget canary = GADGET(rig, SIDE_CANARY), a = GADGET(rig, SIDE_A);

	live_tcp(&canary);
	live_udp(&a, 40001);
	rig_turn(rig);
	for (unsigned i = 0; i < 10; i++) {
		rig->link.buffers = 0;
		queue_request(&a, 2006, ++a.side.sequence);
		rig_turn(rig);
		expect_silence(&a);
		expect_event(&a, HEARTH_UPLINK, 2006);
		rig->link.buffers = 1;
		canary_goes_on(&canary);
		rig->link.buffers = LINK_RESERVED_MAX;
		queue_request(&a, 2006, a.side.sequence);
		rig_turn(rig);
		expect_answer_to(&a, 2007, 0, a.side.sequence);
	}
	assert_int_equal(rig->worker->counters[WORKER_DROP_ANSWER], 10);
	assert_int_equal(stack_counted(rig, STACK_DROP_TX_BUFFER), 10);
	expect_no_event(rig);
	rig_free(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_connections),
		cmocka_unit_test(test_handshakes),
		cmocka_unit_test(test_time_wait),
		cmocka_unit_test(test_sessions),
		cmocka_unit_test(test_recovery_records),
		cmocka_unit_test(test_datagram_buffers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
