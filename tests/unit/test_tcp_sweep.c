/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_tcp_sweep.c - groups of connections are stepped over, and no deadline is missed by that */
#include "tcp_fixture.h"

static struct rig *rig_of(uint32_t connections, uint64_t idle_us)
{
	struct tcp_config config = rig_config();

	config.connections = connections;
	config.idle_us = idle_us;
	return rig_new(config, (uint32_t[]){32, 16, 8, 4});
}

/* One round; what it reports is in rig->ups. Return: how many. */
static unsigned sweep(struct rig *rig)
{
	rig->up_count = tcp_sweep(rig->tcp, rig->now, rig->ups, 1);
	assert_null(tcp_check(rig->tcp));
	return rig->up_count;
}

/* Time passes for a worker that runs: what it stands still is nobody's silence. */
static void pause_for(struct rig *rig, uint64_t us)
{
	struct tcp_up up;

	while (us > 0) {
		const uint64_t step = us < SECOND ? us : SECOND;

		rig->now += step;
		us -= step;
		tcp_timers(rig->tcp, rig->now, &up, 1);
	}
}

/* When a group's only connection has ended, its next one is not forgotten. */
static void test_a_new_connection(void **state)
{
	struct rig *rig = rig_of(8, 60 * SECOND);
	struct peer peer = peer_open(rig, 1000), next;

	tcp_abort(rig->tcp, peer.id);
	drain(rig);
	assert_int_equal(sweep(rig), 0);
	pause_for(rig, SECOND);
	next = peer_open(rig, 1001);
	assert_null(tcp_check(rig->tcp));
	pause_for(rig, 60 * SECOND - MS);
	assert_int_equal(sweep(rig), 0);
	pause_for(rig, MS);
	assert_int_equal(sweep(rig), 1);
	assert_int_equal(rig->ups[0].id, next.id);
	assert_int_equal(rig->ups[0].reason, TCP_REASON_IDLE);
	rig_end(rig);
}

static void test_a_connection_of_ours(void **state)
{
	struct rig *rig = rig_of(8, 60 * SECOND);
	struct peer peer = peer_at(2000, 1);

	peer.tuple.local_port = htons(50000);
	peer.id = tcp_connect(rig->tcp, &peer.tuple, 0, NULL, rig->now);
	tcp_abort(rig->tcp, peer.id);
	drain(rig);
	assert_int_equal(sweep(rig), 0);
	pause_for(rig, SECOND);
	peer.id = tcp_connect(rig->tcp, &peer.tuple, 0, NULL, rig->now);
	assert_int_not_equal(peer.id, 0);
	assert_null(tcp_check(rig->tcp));
	drain(rig);
	rig_end(rig);
}

/* Closing sets a time limit that is nearer than the idle time. */
static void test_an_orphan(void **state)
{
	struct rig *rig = rig_of(8, 3000 * SECOND);
	struct peer peer = peer_open(rig, 1000);

	assert_int_equal(sweep(rig), 0);
	tcp_close(rig->tcp, peer.id);
	assert_null(tcp_check(rig->tcp));
	drain(rig);
	rig_end(rig);
}

static void test_a_deadline(void **state)
{
	struct rig *rig = rig_of(200, 3000 * SECOND);
	struct peer first = peer_open(rig, 1000), peer = first;

	for (unsigned i = 1; i < 70; i++)
		peer = peer_open(rig, (uint16_t)(1000 + i));
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(sweep(rig), 0);
	tcp_set_deadline(rig->tcp, peer.id, rig->now + 5 * SECOND);
	tcp_set_deadline(rig->tcp, first.id, rig->now + 7 * SECOND);
	tcp_set_deadline(rig->tcp, first.id, rig->now + 9 * SECOND); /* moved away */
	for (unsigned ms = 0; ms < 5000; ms++) {
		assert_int_equal(sweep(rig), 0);
		pause_for(rig, MS);
	}
	assert_int_equal(sweep(rig) + sweep(rig), 1);
	pause_for(rig, 3 * SECOND); /* by where it was before nothing has come */
	assert_int_equal(sweep(rig) + sweep(rig), 0);
	pause_for(rig, SECOND);
	assert_int_equal(sweep(rig) + sweep(rig), 1);
	assert_int_equal(sweep(rig) + sweep(rig), 0);
	rig_end(rig);
}

/* What is heard only moves it away: at most one look in an idle time, not one a round. */
static void test_what_is_heard(void **state)
{
	struct rig *rig = rig_of(8, 60 * SECOND);
	struct peer peer = peer_open(rig, 1000);

	for (unsigned round = 0; round < 10; round++) {
		uint32_t due;

		assert_int_equal(sweep(rig), 0);
		due = rig->tcp->due[0];
		for (unsigned i = 0; i < 20; i++) {
			pause_for(rig, SECOND);
			put_next(rig, &peer, TCP_PSH, (const uint8_t *)"x", 1);
			drain(rig);
			assert_int_equal(sweep(rig), 0);
			assert_int_equal(rig->tcp->due[0], due);
		}
		pause_for(rig, 39 * SECOND);
		put_next(rig, &peer, TCP_PSH, (const uint8_t *)"x", 1);
		pause_for(rig, SECOND);
		drain(rig);
	}
	pause_for(rig, 59 * SECOND);
	assert_int_equal(sweep(rig), 1);
	rig_end(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_new_connection),
		cmocka_unit_test(test_a_connection_of_ours),
		cmocka_unit_test(test_an_orphan),
		cmocka_unit_test(test_a_deadline),
		cmocka_unit_test(test_what_is_heard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
