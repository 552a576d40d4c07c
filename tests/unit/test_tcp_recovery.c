/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_tcp_recovery.c - loss recovery as a peer sees it: RFC 6675, 3042, 6582, after a time-out */

#include "tcp_fixture.h"

#define MSS 1460u

/* A peer with SACK, and @count whole segments in flight. */
static struct peer in_flight(struct rig *rig, unsigned count)
{
	struct peer peer = peer_open(rig, 40000);

	connection_of(rig, &peer)->flags |= TCP_SACK;
	for (unsigned i = 0; i < count; i++)
		assert_true(message(rig, &peer, MSS, (uint8_t)i));
	assert_int_equal(drain(rig), count < 10 ? count : 10);
	return peer;
}

/* An ACK of @ack segments with SACK blocks in segments, counted from the peer's .ack; 0: no block.
 */
static unsigned sack(struct rig *rig, const struct peer *peer, unsigned ack, unsigned a, unsigned b,
	unsigned from, unsigned to)
{
	struct tcp_segment segment = {.tuple = peer->tuple,
		.seq = peer->seq,
		.ack = peer->ack + ack * MSS,
		.window = peer->window,
		.flags = TCP_ACK,
		.link = 1};
	struct tcp_options options = {.sack_count = (uint8_t)(!!b + !!to),
		.sack = {{peer->ack + a * MSS, peer->ack + b * MSS},
			{peer->ack + from * MSS, peer->ack + to * MSS}}};

	rig->tcp->now = rig->now;
	tcp_ack_in(rig->tcp, connection_of(rig, peer), &segment, &options);
	check_invariants(rig);
	return drain(rig);
}

static void assert_segment(
	const struct rig *rig, const struct peer *peer, unsigned i, unsigned segment)
{
	assert_sent(rig, i, TCP_ACK | TCP_PSH, peer->ack + segment * MSS, peer->seq, MSS);
	assert_int_equal(rig->sent[i].payload[0], segment);
}

/* Segments 1, 3 and 5 of ten are lost. The window halves to five; each report sends what fits. */
static void test_holes(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = in_flight(rig, 16);
	struct tcp_connection *c = connection_of(rig, &peer);

	assert_int_equal(sack(rig, &peer, 1, 0, 0, 0, 0), 2); /* slow start: 10, 11 */
	assert_int_equal(sack(rig, &peer, 1, 2, 3, 0, 0), 1); /* limited transmit: 12 */
	assert_segment(rig, &peer, 0, 12);
	assert_int_equal(sack(rig, &peer, 1, 4, 5, 2, 3), 1);
	assert_segment(rig, &peer, 0, 13);
	assert_false(c->flags & TCP_RECOVERY);
	/* The third duplicate, three ranges: 1 is lost. 13 are in flight, half is 6; the pipe holds
	 * 3 5 and 7 to 13, too much for anything but the fast retransmit. */
	assert_int_equal(sack(rig, &peer, 1, 6, 7, 4, 5), 1);
	assert_segment(rig, &peer, 0, 1);
	assert_true(c->flags & TCP_RECOVERY);
	assert_int_equal(c->cwnd, 6 * MSS);
	assert_int_equal(c->mark, peer.ack + 14 * MSS);
	assert_int_equal(sack(rig, &peer, 1, 6, 8, 4, 5), 0);
	assert_int_equal(sack(rig, &peer, 1, 6, 9, 4, 5), 0);
	/* 3 and 5 are lost, too, as more than two segments' bytes lie above: out of the pipe. */
	assert_int_equal(sack(rig, &peer, 1, 6, 10, 4, 5), 1);
	assert_segment(rig, &peer, 0, 3);
	assert_int_equal(sack(rig, &peer, 1, 6, 11, 4, 5), 1);
	assert_segment(rig, &peer, 0, 5);
	assert_int_equal(sack(rig, &peer, 1, 6, 12, 4, 5), 1);
	assert_segment(rig, &peer, 0, 14); /* rule 2: new data */
	/* What was sent again arrives: partial ACKs, no hole is sent twice. */
	assert_int_equal(sack(rig, &peer, 3, 6, 12, 4, 5), 1);
	assert_segment(rig, &peer, 0, 15);
	assert_int_equal(sack(rig, &peer, 5, 6, 12, 0, 0), 1);
	assert_segment(rig, &peer, 0, 15); /* rule 4: nothing else is left */
	assert_true(c->flags & TCP_RECOVERY);
	assert_int_equal(sack(rig, &peer, 14, 0, 0, 0, 0), 0);
	assert_false(c->flags & TCP_RECOVERY);
	assert_int_equal(c->cwnd, 6 * MSS);
	assert_int_equal(c->side, 0);
	assert_int_equal(count_of(rig, TCP_RETRANSMIT), 4);
	rig_end(rig);
}

/* IsLost(SND.UNA) by bytes: one report of three segments needs no third duplicate. */
static void test_lost_at_once(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = in_flight(rig, 10);

	assert_int_equal(sack(rig, &peer, 0, 1, 3, 0, 0), 0);
	assert_int_equal(sack(rig, &peer, 0, 1, 4, 0, 0), 1);
	assert_segment(rig, &peer, 0, 0);
	rig_end(rig);
}

/* A duplicate is what reports something new; the same report again, or a D-SACK, is none. */
static void test_T15_spoofed_duplicates(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = in_flight(rig, 10);
	struct tcp_connection *c = connection_of(rig, &peer);

	for (unsigned i = 0; i < 10; i++)
		sack(rig, &peer, 0, 3, 4, 0, 0);
	assert_int_equal(c->duplicates, 1);
	assert_int_equal(sack(rig, &peer, 2, 3, 4, 0, 0), 0);
	for (unsigned i = 0; i < 10; i++)
		sack(rig, &peer, 2, 1, 2, 3, 4);
	assert_int_equal(c->duplicates, 0);
	assert_false(c->flags & TCP_RECOVERY);
	/* In recovery forged reports let out no more than half of what was in flight. */
	sack(rig, &peer, 2, 3, 6, 0, 0);
	assert_true(c->flags & TCP_RECOVERY);
	for (unsigned i = 0; i < 10; i++)
		assert_true(message(rig, &peer, MSS, 'x'));
	for (unsigned i = 0; i < 20; i++)
		sack(rig, &peer, 2, 3, 10, 0, 0);
	assert_true(c->snd_nxt - c->snd_una <= (8 + c->ssthresh) * MSS);
	rig_end(rig);
}

/* Rules 3 and 4: with nothing new to send, holes that are not lost for certain, then the tail. */
static void test_rules_three_and_four(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = in_flight(rig, 10);
	struct tcp_connection *c = connection_of(rig, &peer);

	/* 0, 6 and 8 lost, 9 (the last) lost, too. */
	assert_int_equal(sack(rig, &peer, 0, 1, 4, 0, 0), 1);
	assert_segment(rig, &peer, 0, 0);
	assert_int_equal(sack(rig, &peer, 0, 1, 6, 0, 0), 0);
	/* 7 arrives: 6 has but one segment above it, yet may be sent again (rule 3). The pipe:
	 * 0 again, 6, 8, 9; the window is five. */
	assert_int_equal(sack(rig, &peer, 0, 7, 8, 1, 6), 1);
	assert_segment(rig, &peer, 0, 6);
	/* No rescue before progress; then the last segment, once. */
	assert_int_equal(sack(rig, &peer, 6, 7, 8, 0, 0), 1);
	assert_segment(rig, &peer, 0, 9);
	assert_int_equal(sack(rig, &peer, 8, 0, 0, 0, 0), 0);
	assert_int_equal(sack(rig, &peer, 8, 9, 10, 0, 0), 1);
	assert_segment(rig, &peer, 0, 8);
	assert_int_equal(sack(rig, &peer, 10, 0, 0, 0, 0), 0);
	assert_false(c->flags & TCP_RECOVERY);
	rig_end(rig);
}

/* The highest number that is not reported lies before what was sent again last: 2, lost twice. */
static void test_rescue_behind(void **state)
{
	static const unsigned again[] = {0, 1, 2, 5};
	struct rig *rig = rig_default();
	struct peer peer = in_flight(rig, 10);

	assert_int_equal(sack(rig, &peer, 0, 3, 5, 6, 10), 4);
	for (unsigned i = 0; i < 4; i++)
		assert_segment(rig, &peer, i, again[i]);
	assert_int_equal(sack(rig, &peer, 2, 3, 10, 0, 0), 1);
	assert_segment(rig, &peer, 0, 2);
	assert_int_equal(sack(rig, &peer, 2, 3, 10, 0, 0), 0);
	rig_end(rig);
}

/* A FIN is a hole like another. */
static void test_T22_lost_fin(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = in_flight(rig, 6);
	tcp_id id = peer.id;

	tcp_close(rig->tcp, id);
	assert_int_equal(drain(rig), 1);
	assert_int_equal(sack(rig, &peer, 0, 1, 4, 0, 0), 1);
	assert_segment(rig, &peer, 0, 0);
	/* Rescue: the highest number that is outstanding is the FIN's. */
	assert_int_equal(sack(rig, &peer, 6, 0, 0, 0, 0), 1);
	assert_sent(rig, 0, TCP_ACK | TCP_FIN, peer.ack + 6 * MSS, peer.seq, 0);
	rig_end(rig);
}

/* A time-out forgets what was reported (RFC 2018 section 8); what is reported after it is skipped.
 */
static void test_T5_reneged(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = in_flight(rig, 10);
	struct tcp_connection *c = connection_of(rig, &peer);

	sack(rig, &peer, 0, 2, 4, 5, 10);
	assert_true(c->flags & TCP_RECOVERY);
	pass(rig, 1500 * MS);
	assert_true(rig->sent_count >= 1);
	assert_segment(rig, &peer, rig->sent_count - 1, 0);
	assert_true(c->flags & TCP_LOSS);
	assert_int_equal(c->side, 0);
	/* Only 2, 3 and 6 are there still. One segment of window opens two. */
	assert_int_equal(sack(rig, &peer, 1, 2, 4, 6, 7), 2);
	assert_segment(rig, &peer, 0, 1);
	assert_segment(rig, &peer, 1, 4);
	assert_int_equal(sack(rig, &peer, 4, 6, 7, 0, 0), 2);
	assert_segment(rig, &peer, 0, 5);
	assert_segment(rig, &peer, 1, 7);
	rig_end(rig);
}

/* Holes in a queue of small messages: each is sent again with its own borders. */
static void test_small_messages(void **state)
{
	struct rig *rig = rig_new(rig_config(), (uint32_t[]){64, 16, 8, 4});
	struct peer peer = peer_open(rig, 40000);
	struct tcp_connection *c = connection_of(rig, &peer);
	struct tcp_options options = {.sack_count = 3};
	struct tcp_segment segment = {.tuple = peer.tuple,
		.seq = peer.seq,
		.ack = peer.ack,
		.window = peer.window,
		.flags = TCP_ACK};

	c->flags |= TCP_SACK;
	for (unsigned i = 0; i < 40; i++)
		assert_true(message(rig, &peer, 300, (uint8_t)i));
	assert_int_equal(drain(rig), 40);
	/* 0, 10, 20, 30 are lost. */
	for (unsigned i = 0; i < 3; i++)
		options.sack[i] = (struct tcp_range){
			peer.ack + 300 * (10 * i + 1), peer.ack + 300 * (10 * i + 10)};
	tcp_ack_in(rig->tcp, c, &segment, &options);
	assert_int_equal(drain(rig), 3);
	for (unsigned i = 0; i < 3; i++) {
		assert_sent(rig, i, TCP_ACK | TCP_PSH, peer.ack + 3000 * i, peer.seq, 300);
		assert_int_equal(rig->sent[i].payload[0], 10 * i);
	}
	rig_end(rig);
}

/* T24: what is sent again stays inside a window that was taken back. */
static void test_T24_shrunk_window(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = in_flight(rig, 10);

	peer.window = 2 * MSS;
	assert_int_equal(sack(rig, &peer, 0, 1, 2, 3, 7), 1);
	assert_segment(rig, &peer, 0, 0);
	assert_int_equal(sack(rig, &peer, 0, 8, 10, 0, 0), 0);
	peer.window = 3 * MSS;
	assert_int_equal(sack(rig, &peer, 0, 0, 0, 0, 0), 1);
	assert_segment(rig, &peer, 0, 2);
	rig_end(rig);
}

/* RFC 3042: a new segment for each of the first two duplicates, and no more than the peer takes. */
static void test_limited_transmit(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = peer_open(rig, 40000);

	for (unsigned i = 0; i < 12; i++)
		assert_true(message(rig, &peer, MSS, (uint8_t)i));
	assert_int_equal(drain(rig), 10);
	put_ack(rig, &peer, peer.ack);
	assert_int_equal(drain(rig), 1);
	assert_segment(rig, &peer, 0, 10);
	put_ack(rig, &peer, peer.ack);
	assert_int_equal(drain(rig), 1);
	assert_segment(rig, &peer, 0, 11);
	assert_int_equal(connection_of(rig, &peer)->cwnd, 10 * MSS);
	put_ack(rig, &peer, peer.ack);
	assert_int_equal(drain(rig), 1);
	assert_segment(rig, &peer, 0, 0);
	rig_end(rig);
}

/* RFC 6582 3.2 step 2: after a time-out that sent again what the peer had, its duplicates mean
 * nothing, until something beyond is acknowledged. */
static void test_careful(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = peer_open(rig, 40000);

	for (unsigned i = 0; i < 4; i++)
		assert_true(message(rig, &peer, MSS, (uint8_t)i));
	assert_int_equal(drain(rig), 4);
	pass(rig, 250 * MS);
	assert_int_equal(rig->sent_count, 1);
	put_ack(rig, &peer, peer.ack + 2 * MSS);
	assert_int_equal(drain(rig), 2);
	put_ack(rig, &peer, peer.ack + 2 * MSS);
	for (unsigned i = 0; i < 5; i++)
		assert_true(message(rig, &peer, 100, (uint8_t)i));
	assert_int_equal(drain(rig), 5);
	for (unsigned i = 0; i < 5; i++)
		put_ack(rig, &peer, peer.ack);
	drain(rig);
	assert_int_equal(count_of(rig, TCP_RETRANSMIT), 3);
	put_ack(rig, &peer, peer.ack + 100);
	for (unsigned i = 0; i < 3; i++)
		put_ack(rig, &peer, peer.ack);
	drain(rig);
	assert_int_equal(count_of(rig, TCP_RETRANSMIT), 4);
	rig_end(rig);
}

/* T15: an ACK cut into many opens no more than one whole would; nor does one that covers all. */
static void test_T15_ack_division(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = in_flight(rig, 10);
	struct tcp_connection *c = connection_of(rig, &peer);
	uint32_t cwnd = c->cwnd;

	for (unsigned i = 0; i < MSS / 10; i++)
		put_ack(rig, &peer, peer.ack + 10);
	assert_int_equal(c->cwnd, cwnd + MSS);
	put_ack(rig, &peer, peer.ack + 9 * MSS);
	assert_int_equal(c->cwnd, cwnd + 3 * MSS);
	drain(rig);
	/* And of what was never sent: nothing. */
	put_raw(rig, &peer, TCP_ACK, peer.seq, peer.ack + 1, NULL, 0);
	assert_int_equal(count_of(rig, TCP_DROP_BAD_ACK), 1);
	assert_int_equal(c->cwnd, cwnd + 3 * MSS);
	rig_end(rig);
}

/* Without a record the same peer is served by NewReno. */
static void test_T5_pool_empty(void **state)
{
	struct tcp_config config = rig_config();
	struct rig *rig;
	struct peer other, peer;

	config.sides = 1;
	rig = rig_new(config, (uint32_t[]){32, 16, 8, 4});
	other = peer_open(rig, 40001);
	tcp_board_borrow(rig->tcp, connection_of(rig, &other))->path_mtu = 1;
	peer = in_flight(rig, 10);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(sack(rig, &peer, 0, 1, 2 + i, 0, 0), 0);
	assert_int_equal(sack(rig, &peer, 0, 1, 4, 0, 0), 1);
	assert_segment(rig, &peer, 0, 0);
	assert_int_equal(sack(rig, &peer, 5, 6, 8, 0, 0), 1);
	assert_segment(rig, &peer, 0, 5);
	assert_int_equal(count_of(rig, TCP_FULL_SIDES), 4);
	rig_end(rig);
}

/* A hundred messages of two bytes, 200 bytes in all: after a time-out not all are sent again, and
 * by what the peer reports then, only those that it lacks. */
static void test_T25_small_messages_after_a_timeout(void **state)
{
	struct rig *rig = rig_new(rig_config(), (uint32_t[]){200, 16, 8, 4});
	struct peer peer = peer_open(rig, 40000);
	struct tcp_connection *c = connection_of(rig, &peer);
	struct tcp_segment segment = {.tuple = peer.tuple,
		.seq = peer.seq,
		.ack = peer.ack + 2,
		.window = peer.window,
		.flags = TCP_ACK,
		.link = 1};
	struct tcp_options options = {.sack_count = 1, .sack = {{peer.ack + 6, peer.ack + 190}}};

	c->flags |= TCP_SACK;
	for (unsigned i = 0; i < 100; i++)
		assert_true(message(rig, &peer, 2, (uint8_t)i));
	assert_int_equal(drain(rig), 100);
	pass(rig, 210 * MS);
	assert_int_equal(rig->sent_count, 10);
	for (unsigned i = 0; i < 10; i++)
		assert_sent(rig, i, TCP_ACK | TCP_PSH, peer.ack + 2 * i, peer.seq, 2);
	rig->tcp->now = rig->now;
	tcp_ack_in(rig->tcp, c, &segment, &options);
	/* Two are under way again already, the others of the ten have come; the end follows. */
	assert_int_equal(drain(rig), 5);
	for (unsigned i = 0; i < 5; i++)
		assert_sent(rig, i, TCP_ACK | TCP_PSH, peer.ack + 190 + 2 * i, peer.seq, 2);
	put_ack(rig, &peer, peer.ack + 200);
	assert_int_equal(drain(rig), 0);
	assert_int_equal(count_of(rig, TCP_RETRANSMIT), 15);
	rig_end(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_holes),
		cmocka_unit_test(test_lost_at_once),
		cmocka_unit_test(test_T15_spoofed_duplicates),
		cmocka_unit_test(test_rules_three_and_four),
		cmocka_unit_test(test_rescue_behind),
		cmocka_unit_test(test_T22_lost_fin),
		cmocka_unit_test(test_T5_reneged),
		cmocka_unit_test(test_small_messages),
		cmocka_unit_test(test_T24_shrunk_window),
		cmocka_unit_test(test_limited_transmit),
		cmocka_unit_test(test_careful),
		cmocka_unit_test(test_T15_ack_division),
		cmocka_unit_test(test_T5_pool_empty),
		cmocka_unit_test(test_T25_small_messages_after_a_timeout),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
