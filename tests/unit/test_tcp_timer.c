/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_tcp_timer.c - the timer wheel against an oracle, and the RTO (RFC 6298) */

#include "tcp/tcp_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define NODES 100
#define TICK (1ull << WHEEL_TICK_SHIFT)

static struct timer_wheel *wheel;
static struct wheel_block blocks[NODES / WHEEL_BLOCK + WHEEL_SLOTS];
static struct timer_node nodes[NODES];

static flow_ref ref_of(unsigned i)
{
	return flow_ref_of(FLOW_CONNECTION, i);
}

static int wheel_start(uint64_t now)
{
	wheel = calloc(1, sizeof(*wheel));
	memset(nodes, 0, sizeof(nodes));
	memset(blocks, 0, sizeof(blocks));
	wheel->kinds[FLOW_CONNECTION].base = (uint8_t *)nodes;
	wheel->kinds[FLOW_CONNECTION].stride = sizeof(nodes[0]);
	wheel_init(wheel, blocks, now);
	return 0;
}

static int setup(void **state)
{
	return wheel_start(5 * SECOND);
}

static int teardown(void **state)
{
	free(wheel);
	return 0;
}

/* Pops with ample budget. */
static flow_ref pop(uint64_t now)
{
	unsigned budget = 1000;

	return wheel_pop(wheel, now, &budget);
}

static void test_fires_once_in_time(void **state)
{
	static const uint64_t delays[] = {0, 1, 8191, 8192, 8193, 200000, 1000000, 60000000,
		67108863, 67108864, 90000000, 200000000};
	uint64_t now = 5 * SECOND;

	for (unsigned i = 0; i < sizeof(delays) / sizeof(delays[0]); i++) {
		uint64_t at = now + delays[i];

		timer_arm(wheel, ref_of(3), at);
		while (!pop(now)) {
			assert_true(now < at + 2 * TICK);
			now += 1000;
		}
		assert_true(now >= at);
		assert_false(timer_armed(&nodes[3]));
		assert_int_equal(wheel->filed, 0);
		now += SECOND;
		assert_int_equal(pop(now), 0);
	}
}

static void test_rearm_later_is_lazy(void **state)
{
	uint64_t now = 5 * SECOND;
	uint16_t place;

	timer_arm(wheel, ref_of(0), now + 200 * MS);
	place = nodes[0].place;
	for (unsigned i = 0; i < 100; i++) {
		timer_stop(&nodes[0]);
		timer_arm(wheel, ref_of(0), now + (300 + i) * MS);
		assert_int_equal(nodes[0].place, place);
	}
	assert_int_equal(wheel->filed, 1);
	assert_int_equal(pop(now + 398 * MS), 0);
	assert_int_equal(pop(now + 420 * MS), ref_of(0));
}

static void test_rearm_earlier_moves(void **state)
{
	uint64_t now = 5 * SECOND;

	timer_arm(wheel, ref_of(0), now + 10 * SECOND);
	timer_arm(wheel, ref_of(1), now + 10 * SECOND);
	timer_arm(wheel, ref_of(0), now + SECOND);
	assert_int_equal(wheel->filed, 2);
	assert_int_equal(pop(now + SECOND + 20 * MS), ref_of(0));
	assert_int_equal(pop(now + 9 * SECOND), 0);
	assert_int_equal(pop(now + 10 * SECOND + 20 * MS), ref_of(1));
}

/* The handler arms the same node again while it is being served: neither lost nor doubled. */
static void test_rearm_while_firing(void **state)
{
	uint64_t now = 5 * SECOND;
	unsigned fired = 0;

	timer_arm(wheel, ref_of(9), now);
	for (unsigned ms = 0; ms < 1000; ms++) {
		flow_ref ref;

		now += MS;
		while ((ref = pop(now))) {
			fired++;
			timer_arm(wheel, ref, now + 100 * MS);
			assert_int_equal(wheel->filed, 1);
		}
	}
	assert_in_range(fired, 9, 10);
}

static void test_stop_and_unlink(void **state)
{
	uint64_t now = 5 * SECOND;

	for (unsigned i = 0; i < 5; i++)
		timer_arm(wheel, ref_of(i), now + 100 * MS);
	timer_stop(&nodes[1]);
	timer_unlink(wheel, ref_of(2));
	timer_unlink(wheel, ref_of(2));
	timer_unlink(wheel, ref_of(4));
	timer_unlink(wheel, ref_of(0));
	assert_int_equal(wheel->filed, 2);
	assert_int_equal(pop(now + SECOND), ref_of(3));
	assert_int_equal(pop(now + SECOND), 0);
	assert_int_equal(wheel->filed, 0);
}

static void test_budget(void **state)
{
	uint64_t now = 5 * SECOND;
	unsigned budget = 10, fired = 0;

	for (unsigned i = 0; i < NODES; i++)
		timer_arm(wheel, ref_of(i), now + 50 * MS);
	while (wheel_pop(wheel, now + SECOND, &budget))
		fired++;
	assert_int_equal(fired, 10);
	assert_int_equal(budget, 0);
	while (pop(now + SECOND))
		fired++;
	assert_int_equal(fired, NODES);
}

/* A worker that stood still for longer than the wheel spans: all come out, soon. */
static void test_stall(void **state)
{
	uint64_t now = 5 * SECOND;
	unsigned fired = 0, calls = 0;

	for (unsigned i = 0; i < NODES; i++)
		timer_arm(wheel, ref_of(i), now + i * SECOND);
	now += 1000 * SECOND;
	/* One that is armed while the wheel lags behind still waits for its time. */
	timer_arm(wheel, ref_of(0), now + 10 * SECOND);
	while (fired < NODES - 1) {
		flow_ref ref = pop(now);

		assert_true(++calls < 200);
		fired += ref != 0;
		assert_int_not_equal(ref, ref_of(0));
	}
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(pop(now + 10 * SECOND - MS), 0);
	assert_int_equal(pop(now + 10 * SECOND + TICK), ref_of(0));
}

/* Every node that is filed stands where it says, and nothing else stands anywhere. */
static void assert_places(void)
{
	unsigned filed = 0;

	for (unsigned i = 0; i < NODES; i++) {
		const struct timer_node *node = &nodes[i];

		if (!(node->place & TIMER_FILED))
			continue;
		filed++;
		assert_int_equal(blocks[(node->at >> 4) - 1].refs[node->at & 15], ref_of(i));
	}
	assert_int_equal(filed, wheel->filed);
}

/* Seeded arming, re-arming, stopping over three hours and over the tick's wrap, with an oracle. */
static void random_run(uint64_t now)
{
	enum { STEPS = 60000 };
	uint64_t due[NODES] = {0};
	unsigned seed = 11, free_blocks = 0;

	for (unsigned step = 0; step < STEPS; step++) {
		unsigned i = (unsigned)rand_r(&seed) % NODES;
		flow_ref ref;

		switch (rand_r(&seed) % 8) {
		case 0:
			timer_stop(&nodes[i]);
			due[i] = 0;
			break;
		case 1:
			timer_unlink(wheel, ref_of(i));
			due[i] = 0;
			break;
		case 2:
			due[i] = now + (uint64_t)rand_r(&seed) % (100 * SECOND);
			timer_arm(wheel, ref_of(i), due[i]);
			break;
		case 3:
			due[i] = now + (uint64_t)rand_r(&seed) % (300 * MS);
			timer_arm(wheel, ref_of(i), due[i]);
			break;
		case 4: /* so many in one slot that it takes several blocks */
		case 5:
			due[i] = (now / (8 * SECOND) + 1) * 8 * SECOND;
			timer_arm(wheel, ref_of(i), due[i]);
			break;
		}
		assert_places();
		now += (uint64_t)rand_r(&seed) % (400 * MS);
		while ((ref = pop(now))) {
			i = flow_ref_index(ref);
			assert_true(due[i] != 0 && due[i] <= now);
			due[i] = 0;
		}
		for (i = 0; i < NODES; i++)
			assert_true(due[i] == 0 || due[i] + 2 * TICK > now);
	}
	for (unsigned i = 0; i < NODES; i++)
		timer_unlink(wheel, ref_of(i));
	assert_int_equal(wheel->filed, 0);
	for (unsigned i = 0; i < WHEEL_SLOTS; i++)
		assert_int_equal(wheel->slots[i].block, 0);
	/* All blocks are free again, and there were never more than there may be. */
	for (uint32_t block = wheel->free; block; block = blocks[block - 1].next)
		free_blocks++;
	assert_int_equal(free_blocks, wheel->fresh);
	assert_in_range(wheel->fresh, 3, wheel_blocks(NODES));
}

static void test_random(void **state)
{
	random_run(5 * SECOND);
}

static void test_random_over_wrap(void **state)
{
	free(wheel);
	wheel_start((1ull << (32 + WHEEL_TICK_SHIFT)) - 1000 * SECOND);
	random_run((1ull << (32 + WHEEL_TICK_SHIFT)) - 1000 * SECOND);
}

static void test_rto(void **state)
{
	struct tcp_connection c = {0};

	/* (2.1) before any measurement 1 s; (2.2) first: SRTT = R, RTTVAR = R/2, RTO = 3R. */
	assert_int_equal(tcp_rto(&c), 1000 * MS);
	tcp_rtt_sample(&c, 100);
	assert_int_equal(c.srtt, 100);
	assert_int_equal(c.rttvar, 50);
	assert_int_equal(tcp_rto(&c), 300 * MS);
	/* (2.3) RTTVAR = 3/4 50 + 1/4 100, SRTT = 7/8 100 + 1/8 200. */
	tcp_rtt_sample(&c, 200);
	assert_in_range(c.rttvar, 62, 63);
	assert_in_range(c.srtt, 112, 113);
	/* (5.5) doubles, up to 60 s; a sample ends it. */
	c.backoff = 3;
	assert_int_equal(tcp_rto(&c), 8 * (c.srtt + 4u * c.rttvar) * MS);
	c.backoff = 15;
	assert_int_equal(tcp_rto(&c), 60 * SECOND);
	tcp_rtt_sample(&c, 100);
	assert_int_equal(c.backoff, 0);
	/* A steady fast path settles at the floor, a slow one is believed up to 60 s. */
	for (unsigned i = 0; i < 100; i++)
		tcp_rtt_sample(&c, 0);
	assert_int_equal(tcp_rto(&c), 200 * MS);
	assert_true(c.srtt >= 1);
	for (unsigned i = 0; i < 100; i++)
		tcp_rtt_sample(&c, UINT32_MAX);
	assert_int_equal(tcp_rto(&c), 60 * SECOND);
}

static void test_congestion(void **state)
{
	struct tcp_connection c = {.mss = 1460};

	/* RFC 6928; after a lost SYN-ACK one segment and 3 s (RFC 5681 3.1, RFC 6298 5.7). */
	tcp_congestion_open(&c, false);
	assert_int_equal(c.cwnd, 14600);
	c.mss = 536;
	tcp_congestion_open(&c, false);
	assert_int_equal(c.cwnd, 5360);
	c.mss = 8960;
	tcp_congestion_open(&c, false);
	assert_int_equal(c.cwnd, 17920);
	c.mss = 1000;
	tcp_congestion_open(&c, true);
	assert_int_equal(c.cwnd, 1000);
	assert_int_equal(tcp_rto(&c), 3 * SECOND);
	/* RFC 3465: slow start by at most two segments an ACK, whatever it covers, one while going
	 * back after a time-out; none if the window is idle. */
	c.cwnd = 10000;
	tcp_congestion_acked(&c, 5000, 10000);
	assert_int_equal(c.cwnd, 12000);
	tcp_congestion_acked(&c, 1, 12000);
	assert_int_equal(c.cwnd, 12001);
	tcp_congestion_acked(&c, 1000, 2000);
	assert_int_equal(c.cwnd, 12001);
	c.flags = TCP_LOSS;
	c.mark = 1;
	tcp_congestion_acked(&c, 5000, 12000);
	assert_int_equal(c.cwnd, 13001);
	c.flags = 0;
	/* Avoidance: a segment a window, in how many ACKs it may come (no gain from dividing). */
	c.ssthresh = 5;
	c.cwnd = 10000;
	for (unsigned i = 0; i < 100; i++)
		tcp_congestion_acked(&c, 100, 10000);
	assert_in_range(c.cwnd, 10900, 11000);
	/* Third duplicate: half of the flight, one segment again. */
	c.snd_nxt = 20000;
	for (unsigned i = 0; i < 3; i++) {
		assert_false(c.flags & TCP_SEND_AGAIN);
		tcp_congestion_duplicate(&c, false);
	}
	assert_true(c.flags & TCP_SEND_AGAIN);
	assert_int_equal(c.ssthresh, 10);
	assert_int_equal(c.mark, 20000);
	/* A thousand forged ones gain no more than what is in flight. */
	for (unsigned i = 0; i < 1000; i++)
		tcp_congestion_duplicate(&c, false);
	assert_int_equal(c.cwnd, 30000);
	/* Time-out: one segment; ssthresh kept when it comes again. */
	tcp_congestion_timeout(&c);
	assert_int_equal(c.cwnd, 1000);
	assert_int_equal(c.ssthresh, 10);
	c.snd_una = 18000;
	tcp_congestion_timeout(&c);
	assert_int_equal(c.ssthresh, 10);
	assert_int_equal(c.backoff, 2);
	c.snd_una = 20000;
	tcp_congestion_acked(&c, 2000, 2000);
	assert_false(c.flags & TCP_LOSS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_fires_once_in_time, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rearm_later_is_lazy, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rearm_earlier_moves, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rearm_while_firing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stop_and_unlink, setup, teardown),
		cmocka_unit_test_setup_teardown(test_budget, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stall, setup, teardown),
		cmocka_unit_test_setup_teardown(test_random, setup, teardown),
		cmocka_unit_test_setup_teardown(test_random_over_wrap, setup, teardown),
		cmocka_unit_test(test_rto),
		cmocka_unit_test(test_congestion),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
