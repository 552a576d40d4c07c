/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_tcp_exhausted.c - pools run empty: control goes on, drops are counted, all recovers */

#include "tcp_fixture.h"

/* T16: no chunk at all: handshakes, ACKs, FIN, RST, challenges need none. */
static void test_T16_no_chunk(void **state)
{
	struct rig *rig = rig_new(rig_config(), (uint32_t[]){1, 0, 0, 0});
	chunk_id held = chunk_get(rig->pool, 1);
	struct peer peer = peer_open(rig, 40000), other = peer_open(rig, 40001);

	assert_false(message(rig, &peer, 100, 'x'));
	assert_int_equal(count_of(rig, TCP_SEND_NO_CHUNK), 1);
	put_next(rig, &peer, 0, "data", 4);
	assert_int_equal(drain(rig), 1);
	assert_sent(rig, 0, TCP_ACK, peer.ack, peer.seq, 0);
	put_raw(rig, &peer, TCP_SYN, peer.seq, 0, NULL, 0);
	assert_int_equal(drain(rig), 1);
	put_raw(rig, &(struct peer){.tuple = peer_at(40007, 1).tuple}, TCP_ACK, 1, 2, NULL, 0);
	assert_int_equal(drain(rig), 1);
	assert_int_equal(rig->sent[0].out.flags, TCP_RST);
	tcp_close(rig->tcp, other.id);
	assert_int_equal(drain(rig), 1);
	assert_sent(rig, 0, TCP_ACK | TCP_FIN, other.ack, other.seq, 0);
	put_ack(rig, &other, other.ack + 1);
	put_next(rig, &other, TCP_FIN, NULL, 0);
	assert_int_equal(rig->tcp->time_wait_slab.used, 1);
	drain(rig);
	chunk_put(rig->pool, held);
	assert_true(message(rig, &peer, 100, 'x'));
	assert_int_equal(drain(rig), 1);
	rig_end(rig);
}

/* More answers in a turn than may wait: counted, and the timers make up for them. */
static void test_T17_replies(void **state)
{
	enum { SYNS = TCP_REPLIES + 100 };
	struct tcp_config config = rig_config();
	struct rig *rig;
	struct tcp_out out[64];
	unsigned sent = 0, n;

	config.embryonic = 2000;
	rig = rig_new(config, (uint32_t[]){8, 0, 0, 0});
	for (unsigned i = 0; i < SYNS; i++) {
		struct peer peer = peer_at((uint16_t)(20000 + i), i);

		put_syn(rig, &peer, NULL, 0);
	}
	assert_int_equal(count_of(rig, TCP_DROP_REPLY), 100);
	while ((n = tcp_output(rig->tcp, rig->now, out, 64)) > 0)
		sent += n;
	assert_int_equal(sent, TCP_REPLIES);
	rig->now += 1100 * MS;
	/* All again, a budget at a time. */
	for (unsigned i = 0; i < 20; i++) {
		tcp_timers(rig->tcp, rig->now, rig->ups, UP_MAX);
		while ((n = tcp_output(rig->tcp, rig->now, out, 64)) > 0)
			sent += n;
	}
	assert_int_equal(sent, TCP_REPLIES + SYNS);
	assert_int_equal(count_of(rig, TCP_DROP_REPLY), 100);
	rig_end(rig);
}

/* One connection with a lot to send leaves the others their turn (16 segments each). */
static void test_fair_output(void **state)
{
	struct rig *rig = rig_default();
	struct peer busy = peer_open(rig, 40000), other = peer_open(rig, 40001);
	unsigned first = 0;

	assert_true(message(rig, &busy, 60000, 'b'));
	connection_of(rig, &busy)->cwnd = 65535;
	assert_true(message(rig, &other, 10, 'o'));
	drain(rig);
	while (rig->sent[first].out.tuple.remote_port != other.tuple.remote_port)
		first++;
	assert_int_equal(first, TCP_QUANTUM);
	assert_int_equal(rig->sent_count, 60000 / 1460 + 1 + 1);
	rig_end(rig);
}

/* One that sends many small messages to a slow peer leaves chunks for the first message of others,
 * and some for what comes in. */
static void test_T16_chunks_for_everyone(void **state)
{
	struct rig *rig = rig_new(rig_config(), (uint32_t[]){32, 0, 0, 0});
	struct peer hoarder = peer_open(rig, 40000);
	unsigned count = 0;

	while (message(rig, &hoarder, 2, 'h'))
		count++;
	assert_int_equal(count, 24);
	drain(rig);
	for (unsigned i = 1; i <= 4; i++) {
		struct peer other = peer_open(rig, (uint16_t)(40000 + i));

		assert_true(message(rig, &other, 2, 'o'));
		assert_false(message(rig, &other, 2, 'o'));
		drain(rig);
	}
	assert_int_equal(chunk_free_count(rig->pool, 0), 4);
	assert_false(message(rig, &hoarder, 2, 'h'));
	put_ack(rig, &hoarder, hoarder.ack + 48);
	assert_true(message(rig, &hoarder, 2, 'h'));
	rig_end(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_T16_no_chunk),
		cmocka_unit_test(test_T17_replies),
		cmocka_unit_test(test_fair_output),
		cmocka_unit_test(test_T16_chunks_for_everyone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
