/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_tcp_keepalive.c - keep-alives (RFC 9293 3.8.4, RFC 1122 4.2.3.6) */

#include "tcp_fixture.h"

static struct rig *rig_asking(uint64_t us)
{
	struct tcp_config config = rig_config();

	config.keepalive_us = us;
	return rig_new(config, (uint32_t[]){32, 16, 8, 4});
}

/* MUST default to off. */
static void test_off(void **state)
{
	struct rig *rig = rig_default();

	peer_open(rig, 40000);
	pass(rig, 500 * SECOND);
	assert_int_equal(rig->sent_count, 0);
	rig_end(rig);
}

/* Nothing for 80 s: asked; the answer ends the matter for as long again. */
static void test_answered(void **state)
{
	struct rig *rig = rig_asking(80 * SECOND);
	struct peer peer = peer_open(rig, 40000);

	for (unsigned i = 0; i < 5; i++) {
		pass(rig, 79 * SECOND);
		assert_int_equal(rig->sent_count, 0);
		pass(rig, 2 * SECOND);
		assert_int_equal(rig->sent_count, 1);
		/* No byte, the number before SND.NXT: nothing is added to the connection. */
		assert_sent(rig, 0, TCP_ACK, peer.ack - 1, peer.seq, 0);
		put_ack(rig, &peer, peer.ack);
		assert_int_equal(drain(rig), 0);
	}
	assert_int_equal(count_of(rig, TCP_KEEPALIVE_OUT), 5);
	rig_end(rig);
}

/* MUST NOT take one silence for death: nine in a row, an eighth of the idle time apart. */
static void test_unanswered(void **state)
{
	struct rig *rig = rig_asking(80 * SECOND);
	struct peer peer = peer_open(rig, 40000);

	pass(rig, 169 * SECOND);
	assert_int_equal(rig->sent_count, TCP_KEEPALIVE_PROBES);
	assert_int_equal(rig->up_count, 0);
	pass(rig, 3 * SECOND);
	assert_int_equal(rig->up_count, 1);
	assert_int_equal(rig->ups[0].id, peer.id);
	assert_int_equal(rig->ups[0].reason, TCP_REASON_TIMEOUT);
	assert_int_equal(count_of(rig, TCP_KEEPALIVE_DEAD), 1);
	rig_end(rig);
}

/* Anything valid puts it off; what is sent has a timer of its own, also in the middle of asking. */
static void test_not_while_busy(void **state)
{
	struct rig *rig = rig_asking(80 * SECOND);
	struct peer peer = peer_open(rig, 40000);

	pass(rig, 70 * SECOND);
	put_next(rig, &peer, 0, "x", 1);
	pass(rig, 70 * SECOND);
	assert_int_equal(count_of(rig, TCP_KEEPALIVE_OUT), 0);
	pass(rig, 12 * SECOND);
	assert_int_equal(count_of(rig, TCP_KEEPALIVE_OUT), 1);
	assert_true(message(rig, &peer, 100, 'm'));
	assert_int_equal(drain(rig), 1);
	assert_int_equal(rig->sent[0].out.length, 100);
	pass(rig, 250 * MS);
	assert_int_equal(rig->sent_count, 1); /* the message again, after one RTO */
	pass(rig, 30 * SECOND);
	assert_int_equal(count_of(rig, TCP_KEEPALIVE_OUT), 1);
	put_ack(rig, &peer, peer.ack + 100);
	/* Asked, and the window shut for what comes next: the persist timer is not late. */
	pass(rig, 82 * SECOND);
	assert_int_equal(count_of(rig, TCP_KEEPALIVE_OUT), 2);
	peer.window = 0;
	put_ack(rig, &peer, peer.ack);
	assert_true(message(rig, &peer, 100, 'm'));
	pass(rig, SECOND);
	assert_true(count_of(rig, TCP_PROBE_OUT) >= 1);
	rig_end(rig);
}

/* The user closes while an answer is due: the FIN's timer is the RTO. */
static void test_closed_while_asking(void **state)
{
	struct rig *rig = rig_asking(80 * SECOND);
	struct peer peer = peer_open(rig, 40000);

	pass(rig, 81 * SECOND);
	assert_int_equal(count_of(rig, TCP_KEEPALIVE_OUT), 1);
	tcp_close(rig->tcp, peer.id);
	pass(rig, SECOND);
	assert_true(rig->sent_count >= 2);
	for (unsigned i = 0; i < rig->sent_count; i++)
		assert_sent(rig, i, TCP_ACK | TCP_FIN, peer.ack, peer.seq, 0);
	rig_end(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_off),
		cmocka_unit_test(test_answered),
		cmocka_unit_test(test_unanswered),
		cmocka_unit_test(test_not_while_busy),
		cmocka_unit_test(test_closed_while_asking),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
