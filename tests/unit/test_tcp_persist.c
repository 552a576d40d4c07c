/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_tcp_persist.c - shut windows: who is waited for and for how long (RFC 9293 3.8.6.1) */

#include "tcp_fixture.h"

/* A peer that has shut its window in front of a message of @length bytes. */
static struct peer shut(struct rig *rig, uint16_t port, uint16_t window, uint32_t length)
{
	struct peer peer = peer_open(rig, port);

	peer.window = window;
	put_ack(rig, &peer, peer.ack);
	assert_true(message(rig, &peer, length, 'z'));
	drain(rig);
	return peer;
}

/* @us, with every probe answered by the ACK of what @peers have got. Return: probes. */
static unsigned answered(struct rig *rig, struct peer *peers, unsigned count, uint64_t us)
{
	uint64_t end = rig->now + us;
	unsigned probes = 0;

	while (rig->now < end) {
		pass(rig, 100 * MS);
		assert_int_equal(rig->up_count, 0);
		for (unsigned i = 0; i < rig->sent_count; i++)
			for (unsigned k = 0; k < count; k++)
				if (rig->sent[i].out.tuple.remote_port ==
					peers[k].tuple.remote_port) {
					assert_true(rig->sent[i].out.length <= peers[k].window);
					put_ack(rig, &peers[k], peers[k].ack);
					probes++;
				}
	}
	return probes;
}

/* MUST: "as long as the receiving TCP peer continues to send acknowledgments in response to the
 * probe segments, the sending TCP peer MUST allow the connection to stay open". */
static void test_answered_probes_keep_it_open(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = shut(rig, 40000, 0, 100);

	/* 0.2 s doubled up to 45 s: 9 in the first minute, 12 in the others. */
	assert_in_range(answered(rig, &peer, 1, 600 * SECOND), 18, 22);
	peer.window = 1000;
	put_ack(rig, &peer, peer.ack);
	assert_int_equal(drain(rig), 1);
	assert_sent(rig, 0, TCP_ACK | TCP_PSH, peer.ack, peer.seq, 100);
	rig_end(rig);
}

/* R2: a peer that answers nothing is ended after the user timeout. */
static void test_T16_silent(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = shut(rig, 40000, 0, 60000);

	pass(rig, 59 * SECOND);
	assert_int_equal(rig->up_count, 0);
	pass(rig, 3 * SECOND);
	assert_int_equal(rig->up_count, 1);
	assert_int_equal(rig->ups[0].id, peer.id);
	assert_int_equal(rig->ups[0].reason, TCP_REASON_TIMEOUT);
	assert_int_equal(chunk_free_count(rig->pool, 3), 4);
	rig_end(rig);
}

/* It stops answering after a long time of patience: a minute or two, not for ever. */
static void test_T16_falls_silent(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = shut(rig, 40000, 0, 100);

	answered(rig, &peer, 1, 200 * SECOND);
	pass(rig, 100 * SECOND);
	assert_int_equal(rig->up_count, 1);
	assert_int_equal(rig->ups[0].reason, TCP_REASON_TIMEOUT);
	rig_end(rig);
}

/* Nobody waits behind tcp_close(): progress within the user timeout, or the end. */
static void test_T16_orphan(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = shut(rig, 40000, 0, 100);

	tcp_close(rig->tcp, peer.id);
	answered(rig, &peer, 1, 62 * SECOND);
	assert_int_equal(tcp_connections(rig->tcp, NULL), 0);
	assert_int_equal(count_of(rig, TCP_TIMED_OUT), 1);
	rig_end(rig);
}

/* And one that takes a byte in each half minute has ten minutes for all. */
static void test_T16_T22_orphan_trickle(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = shut(rig, 40000, 1, 60000);

	tcp_close(rig->tcp, peer.id);
	for (unsigned i = 0; i < 19; i++) {
		pass(rig, 30 * SECOND);
		peer.window = 1;
		put_ack(rig, &peer, connection_of(rig, &peer)->snd_nxt);
	}
	assert_int_equal(tcp_connections(rig->tcp, NULL), 1);
	pass(rig, 31 * SECOND);
	assert_int_equal(tcp_connections(rig->tcp, NULL), 0);
	rig_end(rig);
}

/* T16, sockstress: when chunks are short those that wait longest go, though they answer; the
 * others, and a peer that reads, stay. */
static void test_T16_oldest_first(void **state)
{
	static const uint16_t windows[] = {0, 0, 0, 1}, seconds[] = {10, 60, 15, 15};
	struct rig *rig = rig_new(rig_config(), (uint32_t[]){0, 0, 0, 6});
	struct peer canary = peer_open(rig, 40100), peers[5];
	unsigned ended = 0;

	/* Five sockets, opened one after the other, each holding a large chunk. */
	for (unsigned i = 0; i < 4; i++) {
		peers[i] = shut(rig, (uint16_t)(40000 + i), windows[i], 30000);
		answered(rig, peers, i + 1, seconds[i] * SECOND);
	}
	peers[4] = shut(rig, 40004, 0, 30000);
	assert_int_equal(count_of(rig, TCP_SHUT_OUT), 0);
	/* The canary takes the last one, and gets its message through. */
	assert_true(message(rig, &canary, 16000, 'c'));
	assert_int_equal(chunk_free_count(rig->pool, 3), 0);
	pass(rig, 100 * MS);
	/* Of the two that wait three quarters as long as the longest: one is enough. */
	assert_in_range(rig->up_count, 1, 2);
	for (unsigned i = 0; i < rig->up_count; i++) {
		assert_int_equal(rig->ups[i].reason, TCP_REASON_TIMEOUT);
		for (unsigned k = 0; k < 2; k++)
			ended += rig->ups[i].id == peers[k].id;
	}
	assert_int_equal(ended, rig->up_count);
	assert_int_equal(count_of(rig, TCP_SHUT_OUT), ended);
	for (unsigned i = 0; i < 2; i++) {
		put_ack(rig, &canary, connection_of(rig, &canary)->snd_nxt);
		drain(rig);
	}
	assert_int_equal(connection_of(rig, &canary)->tail, 0);
	assert_int_equal(tcp_connections(rig->tcp, NULL), 6 - ended);
	/* No longer short: the others are waited for. */
	peers[3].window = 0;
	put_ack(rig, &peers[3], peers[3].ack);
	answered(rig, peers, 5, 120 * SECOND);
	assert_int_equal(count_of(rig, TCP_SHUT_OUT), ended);
	rig_end(rig);
}

/* Short or not, nobody goes before the user timeout. */
static void test_T16_grace(void **state)
{
	struct rig *rig = rig_new(rig_config(), (uint32_t[]){0, 0, 0, 1});
	struct peer peer = shut(rig, 40000, 0, 30000);

	answered(rig, &peer, 1, 59900 * MS);
	assert_int_equal(count_of(rig, TCP_SHUT_OUT), 0);
	pass(rig, 300 * MS);
	assert_int_equal(count_of(rig, TCP_SHUT_OUT), 1);
	assert_int_equal(rig->up_count, 1);
	rig_end(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answered_probes_keep_it_open),
		cmocka_unit_test(test_T16_silent),
		cmocka_unit_test(test_T16_falls_silent),
		cmocka_unit_test(test_T16_orphan),
		cmocka_unit_test(test_T16_T22_orphan_trickle),
		cmocka_unit_test(test_T16_oldest_first),
		cmocka_unit_test(test_T16_grace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
