/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_tcp_data.c - data both ways: windows, reservations, chunks that run out */
#include "tcp_fixture.h"

static void test_receive(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = peer_open_iss(rig, 40000, 0xfffffffa, 1460); /* wraps below */
	uint32_t start = peer.seq;

	put_next(rig, &peer, 0, "abcdef", 6);
	put_next(rig, &peer, 0, "ghi", 3);
	/* Two segments, one ACK at the end of the turn, none after it. */
	assert_int_equal(drain(rig), 1);
	assert_sent(rig, 0, TCP_ACK, peer.ack, start + 9, 0);
	assert_int_equal(drain(rig), 0);
	/* Old, partly new, then beyond a gap. */
	put_raw(rig, &peer, TCP_ACK, start, peer.ack, "abcdef", 6);
	assert_int_equal(rig->up.events, 0);
	assert_int_equal(drain(rig), 1);
	put_raw(rig, &peer, TCP_ACK, start + 6, peer.ack, "GHIjkl", 6);
	assert_int_equal(rig->up.events, TCP_UP_DATA);
	assert_int_equal(rig->up.length, 3);
	peer.seq += 3;
	drain(rig);
	for (unsigned i = 0; i < 5; i++)
		put_raw(rig, &peer, TCP_ACK, peer.seq + 1 + i, peer.ack, "zz", 2);
	assert_int_equal(rig->up.events, 0);
	assert_int_equal(count_of(rig, TCP_OUT_OF_ORDER), 5);
	/* Three duplicates, each of its own, make the peer send again at once. */
	assert_int_equal(drain(rig), 3);
	for (unsigned i = 0; i < 3; i++)
		assert_sent(rig, i, TCP_ACK, peer.ack, start + 12, 0);
	put_next(rig, &peer, TCP_URG | TCP_PSH, "mno", 3); /* T3: urgent bytes are bytes */
	peer.seq += 4;
	assert_int_equal(rig->got_length, 19);
	assert_memory_equal(rig->got, "abcdefghijklmzzzzzz", 19); /* T7: first received wins */
	/* T24: a keep-alive with and without its garbage byte is answered, not delivered. */
	drain(rig);
	put_raw(rig, &peer, TCP_ACK, peer.seq - 1, peer.ack, NULL, 0);
	assert_int_equal(drain(rig), 1);
	put_raw(rig, &peer, TCP_ACK, peer.seq - 1, peer.ack, "!", 1);
	assert_int_equal(drain(rig), 1);
	assert_int_equal(rig->got_length, 19);
	rig_end(rig);
}

static void test_receive_window_edge(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = peer_open_iss(rig, 40000, 0xffffff00, 1460);
	static uint8_t bytes[40000];

	/* More than was offered: taken up to the edge, a FIN behind it is not looked at. */
	put_raw(rig, &peer, TCP_ACK | TCP_FIN, peer.seq, peer.ack, bytes, 33000);
	assert_int_equal(rig->up.events, TCP_UP_DATA);
	assert_int_equal(rig->up.length, 32768);
	peer.seq += 32768;
	drain(rig);
	put_raw(rig, &peer, TCP_ACK, peer.seq + 32768, peer.ack, bytes, 1);
	assert_int_equal(count_of(rig, TCP_DROP_OUT_OF_WINDOW), 1);
	assert_int_equal(drain(rig), 1);
	assert_sent(rig, 0, TCP_ACK, peer.ack, peer.seq, 0);
	put_raw(rig, &peer, TCP_ACK, peer.seq + 32767, peer.ack, bytes, 1);
	assert_int_equal(count_of(rig, TCP_OUT_OF_ORDER), 1);
	/* No ACK bit: dropped, not answered. */
	drain(rig);
	put_raw(rig, &peer, 0, peer.seq, peer.ack, bytes, 1);
	assert_int_equal(rig->up.events, 0);
	assert_int_equal(drain(rig), 0);
	rig_end(rig);
}

static void test_send(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = peer_open(rig, 40000);
	uint32_t una = peer.ack;

	/* Messages leave by themselves, pieces of a long one too; ACKs ride along. */
	put_next(rig, &peer, 0, "question", 8);
	assert_true(message(rig, &peer, 100, 'a'));
	assert_true(message(rig, &peer, 3000, 'b'));
	assert_true(message(rig, &peer, 1, 'c'));
	assert_int_equal(drain(rig), 5);
	assert_sent(rig, 0, TCP_ACK | TCP_PSH, una, peer.seq, 100);
	assert_sent(rig, 1, TCP_ACK, una + 100, peer.seq, 1460);
	assert_sent(rig, 2, TCP_ACK, una + 1560, peer.seq, 1460);
	assert_sent(rig, 3, TCP_ACK | TCP_PSH, una + 3020, peer.seq, 80);
	assert_sent(rig, 4, TCP_ACK | TCP_PSH, una + 3100, peer.seq, 1);
	assert_int_equal(rig->sent[0].payload[99], 'a');
	assert_int_equal(rig->sent[3].payload[0], 'b');
	assert_int_equal(rig->sent[4].payload[0], 'c');
	/* Memory follows what is in flight. */
	assert_int_equal(chunk_free_count(rig->pool, 0), 30);
	put_ack(rig, &peer, una + 50);
	assert_int_equal(chunk_free_count(rig->pool, 0), 30);
	put_ack(rig, &peer, una + 100);
	assert_int_equal(chunk_free_count(rig->pool, 0), 31);
	put_ack(rig, &peer, una + 3101);
	assert_int_equal(chunk_free_count(rig->pool, 0), 32);
	assert_int_equal(chunk_free_count(rig->pool, 2), 8);
	assert_int_equal(drain(rig), 0);
	pass(rig, 5 * SECOND);
	assert_int_equal(rig->sent_count, 0);
	assert_int_equal(count_of(rig, TCP_RETRANSMIT), 0);
	rig_end(rig);
}

static void test_reserve(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = peer_open(rig, 40000), other = peer_open(rig, 40001);
	uint8_t *room;

	assert_null(tcp_reserve(rig->tcp, peer.id, 0));
	assert_null(tcp_reserve(rig->tcp, peer.id, 65537));
	assert_null(tcp_reserve(rig->tcp, peer.id, UINT32_MAX));
	/* Less than was reserved; given up; only one at a time; of two connections at once. */
	room = tcp_reserve(rig->tcp, peer.id, 500);
	assert_non_null(room);
	assert_null(tcp_reserve(rig->tcp, peer.id, 1));
	assert_true(message(rig, &other, 20, 'o'));
	memset(room, 'p', 7);
	/* An open reservation survives output. */
	assert_int_equal(drain(rig), 1);
	tcp_commit(rig->tcp, peer.id, 7);
	assert_int_equal(drain(rig), 1);
	assert_int_equal(rig->sent[0].out.length, 7);
	assert_non_null(tcp_reserve(rig->tcp, peer.id, 500));
	/* The message before it is acknowledged while it is open. */
	put_ack(rig, &peer, peer.ack + 7);
	tcp_commit(rig->tcp, peer.id, 3);
	assert_int_equal(drain(rig), 1);
	assert_sent(rig, 0, TCP_ACK | TCP_PSH, peer.ack, peer.seq, 3);
	assert_non_null(tcp_reserve(rig->tcp, peer.id, 500));
	tcp_commit(rig->tcp, peer.id, 0);
	tcp_commit(rig->tcp, peer.id, 9); /* nothing open: nothing happens */
	assert_int_equal(drain(rig), 0);
	put_ack(rig, &peer, peer.ack + 3);
	/* send_bytes holds for what is not acknowledged. */
	assert_true(message(rig, &peer, 60000, 'x'));
	assert_null(tcp_reserve(rig->tcp, peer.id, 6000));
	assert_true(message(rig, &peer, 5536, 'y'));
	assert_null(tcp_reserve(rig->tcp, peer.id, 1));
	/* The connection goes while its reservation is open: the bytes may still be written. */
	room = tcp_reserve(rig->tcp, other.id, 100);
	put_raw(rig, &other, TCP_RST, other.seq, 0, NULL, 0);
	assert_int_equal(rig->up.events, TCP_UP_CLOSED);
	memset(room, 'z', 100);
	tcp_commit(rig->tcp, other.id, 100);
	rig_end(rig);
}

static void test_chunks_run_out(void **state)
{
	struct rig *rig = rig_new(rig_config(), (uint32_t[]){2, 0, 0, 0});
	struct peer peer = peer_open(rig, 40000);

	assert_true(message(rig, &peer, 100, 1));
	assert_true(message(rig, &peer, 100, 2));
	assert_null(tcp_reserve(rig->tcp, peer.id, 100));
	assert_null(tcp_reserve(rig->tcp, peer.id, 1000));
	assert_int_equal(count_of(rig, TCP_SEND_NO_CHUNK), 2);
	assert_int_equal(drain(rig), 2);
	/* Control traffic needs no chunk: data is taken and acknowledged. */
	put_next(rig, &peer, 0, "data", 4);
	assert_int_equal(drain(rig), 1);
	assert_int_equal(rig->got_length, 4);
	put_ack(rig, &peer, peer.ack + 100);
	assert_true(message(rig, &peer, 100, 3));
	rig_end(rig);
}

/* A caller whose link takes few segments, and one connection with much beside one with little. */
static void test_output_in_bites(void **state)
{
	struct rig *rig = rig_default();
	struct peer busy = peer_open(rig, 40000), quiet = peer_open(rig, 40001);
	struct tcp_out out[4];
	bool seen = false;

	assert_int_equal(tcp_output(rig->tcp, rig->now, out, 0), 0);
	assert_true(message(rig, &busy, 14600, 'b'));
	assert_true(message(rig, &quiet, 100, 'q'));
	for (unsigned i = 0; i < 2 && !seen; i++) {
		assert_int_equal(tcp_output(rig->tcp, rig->now, out, 4), 4);
		for (unsigned j = 0; j < 4; j++)
			seen |= out[j].tuple.remote_port == quiet.tuple.remote_port;
	}
	assert_true(seen);
	rig->sent_count = 0;
	assert_int_equal(drain_by(rig, 1), 3);
	assert_int_equal(connection_of(rig, &busy)->snd_nxt, busy.ack + 14600);
	/* Freed while it waits for output. */
	assert_true(message(rig, &quiet, 100, 'q'));
	tcp_abort(rig->tcp, quiet.id);
	assert_int_equal(rig->tcp->connection_slab.used, 2);
	assert_int_equal(drain(rig), 1);
	assert_int_equal(rig->tcp->connection_slab.used, 1);
	rig_end(rig);
}

/* A device that has moved to another link is answered there - once it has shown that it is the one:
 * a stranger, who does not know what we have sent, moves nothing. */
static void test_link_follows_the_peer(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = peer_open(rig, 40000);
	struct tcp_segment segment = {.tuple = peer.tuple,
		.seq = peer.seq,
		.ack = peer.ack + 1,
		.window = peer.window,
		.flags = TCP_ACK,
		.link = 2,
		.payload = (const uint8_t *)"x",
		.length = 1};

	put(rig, segment);
	assert_int_equal(rig->up.events, 0);
	assert_int_equal(drain(rig), 1);
	assert_int_equal(rig->sent[0].out.link, 1);
	segment.ack = peer.ack;
	put(rig, segment);
	assert_int_equal(rig->up.events, TCP_UP_DATA);
	assert_int_equal(drain(rig), 1);
	assert_int_equal(rig->sent[0].out.link, 2);
	rig_end(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_receive),
		cmocka_unit_test(test_receive_window_edge),
		cmocka_unit_test(test_send),
		cmocka_unit_test(test_reserve),
		cmocka_unit_test(test_chunks_run_out),
		cmocka_unit_test(test_output_in_bites),
		cmocka_unit_test(test_link_follows_the_peer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
