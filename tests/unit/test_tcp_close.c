/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_tcp_close.c - every way a connection ends, TIME-WAIT, RST and challenge ACKs */

#include "tcp_fixture.h"

static enum flow_kind kind_of(struct rig *rig, const struct peer *peer)
{
	return flow_ref_kind(tcp_lookup(rig->tcp, &peer->tuple, tcp_hash(rig->tcp, &peer->tuple)));
}

static uint8_t state_of(struct rig *rig, const struct peer *peer)
{
	struct tcp_connection *c = connection_of(rig, peer);

	return c ? c->state : TCP_CLOSED_STATE;
}

/* The peer closes first: CLOSE-WAIT, LAST-ACK, closed; queued data goes out before our FIN. */
static void test_passive_close(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = peer_open_iss(rig, 40000, 0xfffffffd, 1460);

	put_next(rig, &peer, TCP_FIN | TCP_PSH, "bye", 3);
	assert_int_equal(rig->up.events, TCP_UP_DATA | TCP_UP_FINISHED);
	assert_int_equal(state_of(rig, &peer), TCP_CLOSE_WAIT);
	assert_int_equal(drain(rig), 1);
	assert_sent(rig, 0, TCP_ACK, peer.ack, peer.seq, 0);
	/* Half closed: we go on sending. */
	assert_true(message(rig, &peer, 50, 'a'));
	assert_int_equal(drain(rig), 1);
	assert_true(message(rig, &peer, 60, 'b'));
	tcp_close(rig->tcp, peer.id);
	assert_null(tcp_user(rig->tcp, peer.id));
	assert_false(message(rig, &peer, 1, 'c'));
	assert_int_equal(state_of(rig, &peer), TCP_LAST_ACK);
	assert_int_equal(drain(rig), 2);
	assert_sent(rig, 0, TCP_ACK | TCP_PSH, peer.ack + 50, peer.seq, 60);
	assert_sent(rig, 1, TCP_ACK | TCP_FIN, peer.ack + 110, peer.seq, 0);
	put_ack(rig, &peer, peer.ack + 110);
	assert_int_equal(state_of(rig, &peer), TCP_LAST_ACK);
	put_ack(rig, &peer, peer.ack + 1);
	assert_int_equal(rig->up.events, 0);
	assert_int_equal(kind_of(rig, &peer), FLOW_NONE);
	assert_int_equal(rig->tcp->time_wait_slab.used, 0);
	rig_end(rig);
}

/* Half-close: we send no more, the peer may; what it sends is handed up, and so is its FIN. */
static void test_shutdown(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = peer_open(rig, 40000);

	tcp_shutdown(rig->tcp, peer.id);
	tcp_shutdown(rig->tcp, peer.id);
	assert_int_equal(state_of(rig, &peer), TCP_FIN_WAIT_1);
	assert_false(message(rig, &peer, 1, 'a'));
	assert_int_equal(drain(rig), 1);
	assert_sent(rig, 0, TCP_ACK | TCP_FIN, peer.ack, peer.seq, 0);
	put_ack(rig, &peer, peer.ack + 1);
	assert_int_equal(state_of(rig, &peer), TCP_FIN_WAIT_2);
	/* It may take its time. */
	pass(rig, 300 * SECOND);
	assert_non_null(tcp_user(rig->tcp, peer.id));
	put_next(rig, &peer, TCP_PSH, "late", 4);
	assert_int_equal(rig->up.events, TCP_UP_DATA);
	assert_int_equal(drain(rig), 1);
	assert_sent(rig, 0, TCP_ACK, peer.ack, peer.seq, 0);
	put_next(rig, &peer, TCP_FIN | TCP_PSH, "bye", 3);
	assert_int_equal(rig->up.events, TCP_UP_DATA | TCP_UP_FINISHED);
	assert_int_equal(kind_of(rig, &peer), FLOW_TIME_WAIT);
	assert_null(tcp_user(rig->tcp, peer.id));
	assert_int_equal(drain(rig), 1);
	assert_sent(rig, 0, TCP_ACK, peer.ack, peer.seq, 0);
	rig_end(rig);
}

/* Closing after a half-close: the peer's time is limited from then on, its data answered by RST. */
static void test_shutdown_then_close(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = peer_open(rig, 40000);

	tcp_shutdown(rig->tcp, peer.id);
	drain(rig);
	put_ack(rig, &peer, peer.ack + 1);
	pass(rig, 100 * SECOND);
	tcp_close(rig->tcp, peer.id);
	assert_int_equal(state_of(rig, &peer), TCP_FIN_WAIT_2);
	pass(rig, 59 * SECOND);
	assert_int_equal(state_of(rig, &peer), TCP_FIN_WAIT_2);
	pass(rig, 3 * SECOND);
	assert_int_equal(kind_of(rig, &peer), FLOW_NONE);
	rig_end(rig);
}

/* We close first: FIN-WAIT-1, FIN-WAIT-2, TIME-WAIT. */
static void test_active_close(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = peer_open(rig, 40000);

	assert_true(message(rig, &peer, 2000, 'a'));
	tcp_close(rig->tcp, peer.id);
	tcp_close(rig->tcp, peer.id);
	assert_int_equal(state_of(rig, &peer), TCP_FIN_WAIT_1);
	assert_int_equal(drain(rig), 3);
	assert_sent(rig, 2, TCP_ACK | TCP_FIN, peer.ack + 2000, peer.seq, 0);
	put_ack(rig, &peer, peer.ack + 2001);
	assert_int_equal(state_of(rig, &peer), TCP_FIN_WAIT_2);
	assert_int_equal(chunk_free_count(rig->pool, 1) + chunk_free_count(rig->pool, 2), 24);
	put_next(rig, &peer, TCP_FIN, NULL, 0);
	assert_int_equal(rig->up.events, 0);
	assert_int_equal(kind_of(rig, &peer), FLOW_TIME_WAIT);
	assert_int_equal(tcp_connections(rig->tcp, NULL), 0);
	assert_int_equal(drain(rig), 1);
	assert_sent(rig, 0, TCP_ACK, peer.ack, peer.seq, 0);
	/* The FIN again: acknowledged again, another 2 MSL. */
	pass(rig, 50 * SECOND);
	put_raw(rig, &peer, TCP_ACK | TCP_FIN, peer.seq - 1, peer.ack, NULL, 0);
	assert_int_equal(drain(rig), 1);
	assert_sent(rig, 0, TCP_ACK, peer.ack, peer.seq, 0);
	pass(rig, 59 * SECOND);
	assert_int_equal(kind_of(rig, &peer), FLOW_TIME_WAIT);
	/* RFC 1337: no RST ends it. Bare ACKs are not answered. */
	put_raw(rig, &peer, TCP_RST, peer.seq, 0, NULL, 0);
	put_ack(rig, &peer, peer.ack);
	put_raw(rig, &peer, TCP_ACK, peer.seq + 999999, peer.ack + 9, NULL, 0);
	assert_int_equal(drain(rig), 0);
	assert_int_equal(kind_of(rig, &peer), FLOW_TIME_WAIT);
	pass(rig, 2 * SECOND);
	assert_int_equal(kind_of(rig, &peer), FLOW_NONE);
	rig_end(rig);
}

/* FIN of the peer with the ACK of ours in one segment: FIN-WAIT-1 straight to TIME-WAIT. */
static void test_active_close_three_segments(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = peer_open(rig, 40000);

	tcp_close(rig->tcp, peer.id);
	assert_int_equal(drain(rig), 1);
	peer.ack++;
	put_next(rig, &peer, TCP_FIN, NULL, 0);
	assert_int_equal(kind_of(rig, &peer), FLOW_TIME_WAIT);
	assert_int_equal(drain(rig), 1);
	assert_sent(rig, 0, TCP_ACK, peer.ack, peer.seq, 0);
	rig_end(rig);
}

/* T22: both close at once; CLOSING, also with our data still unsent, then TIME-WAIT. */
static void test_T22_simultaneous_close(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = peer_open(rig, 40000), late = peer_open(rig, 40001);

	tcp_close(rig->tcp, peer.id);
	drain(rig);
	put_next(rig, &peer, TCP_FIN, NULL, 0);
	assert_int_equal(state_of(rig, &peer), TCP_CLOSING);
	assert_int_equal(drain(rig), 1);
	assert_sent(rig, 0, TCP_ACK, peer.ack + 1, peer.seq, 0);
	put_ack(rig, &peer, peer.ack + 1);
	assert_int_equal(kind_of(rig, &peer), FLOW_TIME_WAIT);

	assert_true(message(rig, &late, 100, 'x'));
	tcp_close(rig->tcp, late.id);
	put_next(rig, &late, TCP_FIN, NULL, 0);
	assert_int_equal(state_of(rig, &late), TCP_CLOSING);
	assert_int_equal(drain(rig), 2);
	assert_sent(rig, 0, TCP_ACK | TCP_PSH, late.ack, late.seq, 100);
	assert_sent(rig, 1, TCP_ACK | TCP_FIN, late.ack + 100, late.seq, 0);
	put_ack(rig, &late, late.ack + 101);
	assert_int_equal(kind_of(rig, &late), FLOW_TIME_WAIT);
	rig_end(rig);
}

/* An answer that is still being made when the connection is closed leaves before the FIN. */
static void test_close_with_reservation(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = peer_open(rig, 40000), empty = peer_open(rig, 40001);
	uint8_t *room = tcp_reserve(rig->tcp, peer.id, 100);

	tcp_close(rig->tcp, peer.id);
	assert_int_equal(drain(rig), 0);
	memset(room, 'r', 80);
	tcp_commit(rig->tcp, peer.id, 80);
	assert_int_equal(drain(rig), 2);
	assert_sent(rig, 0, TCP_ACK | TCP_PSH, peer.ack, peer.seq, 80);
	assert_sent(rig, 1, TCP_ACK | TCP_FIN, peer.ack + 80, peer.seq, 0);
	assert_non_null(tcp_reserve(rig->tcp, empty.id, 100));
	tcp_close(rig->tcp, empty.id);
	tcp_commit(rig->tcp, empty.id, 0);
	assert_int_equal(drain(rig), 1);
	assert_sent(rig, 0, TCP_ACK | TCP_FIN, empty.ack, empty.seq, 0);
	/* Never committed: it does not live for ever either. */
	struct peer lost = peer_open(rig, 40002);

	assert_non_null(tcp_reserve(rig->tcp, lost.id, 100));
	tcp_close(rig->tcp, lost.id);
	pass(rig, 62 * SECOND);
	assert_int_equal(kind_of(rig, &lost), FLOW_NONE);
	rig_end(rig);
}

/* The user closes or aborts while it looks at the bytes, before tcp_accept(). */
static void test_close_in_delivery(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = peer_open(rig, 40000), other = peer_open(rig, 40001);
	struct tcp_segment segment = {.tuple = peer.tuple,
		.seq = peer.seq,
		.ack = peer.ack,
		.flags = TCP_ACK | TCP_FIN,
		.window = 9999,
		.payload = (const uint8_t *)"last",
		.length = 4};
	struct tcp_up up;

	put_place(rig, &segment, &up);
	assert_int_equal(up.events, TCP_UP_DATA | TCP_UP_FINISHED);
	tcp_close(rig->tcp, peer.id);
	tcp_accept(rig->tcp, peer.id, true);
	assert_false(up.events & TCP_UP_FINISHED);
	assert_int_equal(state_of(rig, &peer), TCP_CLOSING);
	assert_int_equal(drain(rig), 1);
	assert_sent(rig, 0, TCP_ACK | TCP_FIN, peer.ack, peer.seq + 5, 0);

	segment.tuple = other.tuple;
	segment.seq = other.seq;
	segment.ack = other.ack;
	put_place(rig, &segment, &up);
	tcp_abort(rig->tcp, other.id);
	tcp_accept(rig->tcp, other.id, true);
	assert_int_equal(drain(rig), 1);
	assert_int_equal(rig->sent[0].out.flags, TCP_RST | TCP_ACK);
	/* Refused bytes take their FIN with them; both come again. */
	struct peer third = peer_open(rig, 40002);

	rig->refuse = true;
	put_raw(rig, &third, TCP_ACK | TCP_FIN, third.seq, third.ack, "data", 4);
	assert_int_equal(rig->up.events, TCP_UP_DATA);
	assert_int_equal(state_of(rig, &third), TCP_ESTABLISHED);
	assert_int_equal(drain(rig), 1);
	assert_sent(rig, 0, TCP_ACK, third.ack, third.seq, 0);
	assert_int_equal(rig->sent[0].out.window, 0);
	rig->refuse = false;
	put_next(rig, &third, TCP_FIN, "data", 4);
	assert_int_equal(rig->up.events, TCP_UP_DATA | TCP_UP_FINISHED);
	assert_int_equal(state_of(rig, &third), TCP_CLOSE_WAIT);
	rig_end(rig);
}

/* T22: no state lives for ever. The peer is gone from this point on. */
static void test_T22_no_state_for_ever(void **state)
{
	struct rig *rig = rig_default();
	struct peer fin_wait_1 = peer_open(rig, 40000), fin_wait_2 = peer_open(rig, 40001),
		    closing = peer_open(rig, 40002), last_ack = peer_open(rig, 40003);

	tcp_close(rig->tcp, fin_wait_1.id);
	tcp_close(rig->tcp, fin_wait_2.id);
	tcp_close(rig->tcp, closing.id);
	drain(rig);
	put_ack(rig, &fin_wait_2, fin_wait_2.ack + 1);
	put_next(rig, &closing, TCP_FIN, NULL, 0);
	put_next(rig, &last_ack, TCP_FIN, NULL, 0);
	tcp_close(rig->tcp, last_ack.id);
	assert_int_equal(state_of(rig, &fin_wait_1), TCP_FIN_WAIT_1);
	assert_int_equal(state_of(rig, &fin_wait_2), TCP_FIN_WAIT_2);
	assert_int_equal(state_of(rig, &closing), TCP_CLOSING);
	assert_int_equal(state_of(rig, &last_ack), TCP_LAST_ACK);
	pass(rig, 59 * SECOND);
	assert_int_equal(tcp_connections(rig->tcp, NULL), 4);
	/* A lone FIN is sent again and again: 0.2, 0.6, 1.4, 3, 6.2, 12.6, 25.4, 51 s. */
	assert_int_equal(count_of(rig, TCP_RETRANSMIT), 3 * 8);
	pass(rig, 2 * SECOND);
	assert_int_equal(tcp_connections(rig->tcp, NULL), 0);
	assert_int_equal(rig->up_count, 0);
	assert_int_equal(count_of(rig, TCP_TIMED_OUT), 3);
	rig_end(rig);
}

static void test_fin_order(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = peer_open(rig, 40000);

	/* Ahead of its turn: kept; what would follow it is nothing. */
	put_raw(rig, &peer, TCP_ACK | TCP_FIN, peer.seq + 3, peer.ack, NULL, 0);
	put_raw(rig, &peer, TCP_ACK | TCP_FIN, peer.seq + 3, peer.ack, "xx", 2);
	assert_int_equal(state_of(rig, &peer), TCP_ESTABLISHED);
	put_next(rig, &peer, 0, "abc", 3);
	assert_int_equal(rig->up.events, TCP_UP_DATA | TCP_UP_FINISHED);
	assert_int_equal(state_of(rig, &peer), TCP_CLOSE_WAIT);
	peer.seq++;
	drain(rig);
	/* Again after it was taken: acknowledged. Data behind it: dropped. */
	put_raw(rig, &peer, TCP_ACK | TCP_FIN, peer.seq - 1, peer.ack, NULL, 0);
	assert_int_equal(rig->up.events, 0);
	assert_int_equal(drain(rig), 1);
	assert_sent(rig, 0, TCP_ACK, peer.ack, peer.seq, 0);
	put_raw(rig, &peer, TCP_ACK | TCP_FIN, peer.seq, peer.ack, "more", 4);
	assert_int_equal(rig->up.events, 0);
	assert_int_equal(rig->got_length, 3);
	assert_int_equal(drain(rig), 0);
	rig_end(rig);
}

/* RFC 1122 4.2.2.13 */
static void test_data_after_close(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = peer_open(rig, 40000), old = peer_open(rig, 40001);

	put_next(rig, &old, 0, "seen", 4);
	tcp_close(rig->tcp, peer.id);
	tcp_close(rig->tcp, old.id);
	drain(rig);
	/* What was taken before is only acknowledged again. */
	put_raw(rig, &old, TCP_ACK, old.seq - 4, old.ack, "seen", 4);
	assert_int_equal(drain(rig), 1);
	assert_int_equal(rig->sent[0].out.flags, TCP_ACK);
	put_next(rig, &peer, 0, "lost", 4);
	assert_int_equal(rig->up.events, 0);
	assert_int_equal(rig->got_length, 4);
	assert_int_equal(count_of(rig, TCP_DROP_AFTER_CLOSE), 1);
	assert_int_equal(drain(rig), 1);
	assert_sent(rig, 0, TCP_RST | TCP_ACK, peer.ack + 1, peer.seq - 4, 0);
	assert_int_equal(kind_of(rig, &peer), FLOW_NONE);
	rig_end(rig);
}

/* T10 */
static void test_T10_reset(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = peer_open_iss(rig, 40000, 0xffffffff, 1460);

	put_raw(rig, &peer, TCP_RST, peer.seq - 1, 0, NULL, 0);
	put_raw(rig, &peer, TCP_RST, peer.seq + 32768, 0, NULL, 0);
	put_raw(rig, &peer, TCP_RST | TCP_ACK, peer.seq + 0x80000000, peer.ack, NULL, 0);
	assert_int_equal(drain(rig), 0);
	put_raw(rig, &peer, TCP_RST, peer.seq + 1, 0, NULL, 0);
	put_raw(rig, &peer, TCP_RST, peer.seq + 32767, 0, NULL, 0);
	assert_int_equal(rig->up.events, 0);
	assert_int_equal(drain(rig), 1); /* one turn, one challenge ACK */
	assert_sent(rig, 0, TCP_ACK, peer.ack, peer.seq, 0);
	assert_int_equal(count_of(rig, TCP_CHALLENGE_ACK), 1);
	memcpy(tcp_user(rig->tcp, peer.id), "sixteen bytes...", TCP_USER_BYTES);
	put_raw(rig, &peer, TCP_RST | TCP_SYN | TCP_FIN, peer.seq, 0, "x", 1);
	assert_int_equal(rig->up.events, TCP_UP_CLOSED);
	assert_memory_equal(rig->up.user, "sixteen bytes...", TCP_USER_BYTES);
	assert_int_equal(rig->up.reason, TCP_REASON_RESET);
	assert_int_equal(rig->up.id, peer.id);
	assert_int_equal(drain(rig), 0); /* an RST is never answered */
	assert_int_equal(count_of(rig, TCP_RESET_IN), 1);
	/* After the user closed nobody is told. */
	peer = peer_open(rig, 40001);
	tcp_close(rig->tcp, peer.id);
	put_raw(rig, &peer, TCP_RST, peer.seq, 0, NULL, 0);
	assert_int_equal(rig->up.events, 0);
	assert_int_equal(kind_of(rig, &peer), FLOW_NONE);
	rig_end(rig);
}

/* T11, T12, T25: at most seven challenge ACKs a second and connection, whatever comes. */
static void test_T11_T12_T25_challenges(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = peer_open(rig, 40000), canary = peer_open(rig, 40001);
	unsigned answers = 0;

	assert_true(message(rig, &peer, 100, 'a'));
	drain(rig);
	for (unsigned i = 0; i < 300; i++) {
		static const uint32_t offsets[] = {0, 1, 0x7fffffff, 0x80000000, 0xfffffff0};

		switch (i % 4) {
		case 0: /* T11 */
			put_raw(rig, &peer, i % 8 ? TCP_SYN : TCP_SYN | TCP_ACK,
				peer.seq + offsets[i % 5], peer.ack, NULL, 0);
			break;
		case 1: /* T12: of what was never sent */
			put_raw(rig, &peer, TCP_ACK, peer.seq, peer.ack + 101 + i, "evil", 4);
			break;
		case 2: /* T12: older than any window */
			put_raw(rig, &peer, TCP_ACK, peer.seq, peer.ack - 65536 - i, "evil", 4);
			break;
		case 3: /* T25: bare ACKs far outside */
			put_raw(rig, &peer, TCP_ACK, peer.seq + 40000 + i, peer.ack, NULL, 0);
			break;
		}
		assert_int_equal(rig->up.events, 0);
		answers += drain(rig);
		rig->now += 10 * MS;
	}
	/* 3 s touch at most 4 seconds of its clock, of 3 to 7 each. */
	assert_in_range(answers, 3 * 3, 4 * 7);
	assert_int_equal(count_of(rig, TCP_CHALLENGE_ACK), answers);
	assert_int_equal(count_of(rig, TCP_DROP_BAD_ACK), 150);
	assert_int_equal(rig->got_length, 0);
	assert_int_equal(connection_of(rig, &peer)->snd_una, peer.ack);
	/* The limit silences no ACK of data that came again, and no other connection. */
	put_next(rig, &peer, 0, "good", 4);
	assert_int_equal(drain(rig), 1);
	for (unsigned i = 0; i < 20; i++) {
		put_raw(rig, &peer, TCP_ACK, peer.seq - 4, peer.ack, "good", 4);
		assert_int_equal(drain(rig), 1);
		assert_sent(rig, 0, TCP_ACK, peer.ack + 100, peer.seq, 0);
	}
	put_raw(rig, &canary, TCP_SYN, canary.seq, 0, NULL, 0);
	assert_int_equal(drain(rig), 1);
	/* An old ACK within reach is only old: its data counts. */
	put_raw(rig, &peer, TCP_ACK, peer.seq, peer.ack - 1000, "data", 4);
	assert_int_equal(rig->up.events, TCP_UP_DATA);
	rig_end(rig);
}

static struct peer time_wait_new(struct rig *rig, uint16_t port)
{
	struct peer peer = peer_open_iss(rig, port, 0xfffffff0, 1460);

	tcp_close(rig->tcp, peer.id);
	drain(rig);
	peer.ack++;
	put_next(rig, &peer, TCP_FIN, NULL, 0);
	drain(rig);
	assert_int_equal(kind_of(rig, &peer), FLOW_TIME_WAIT);
	return peer;
}

/* T23: a new incarnation of a flow in TIME-WAIT, numbers beyond the old ones. */
static void test_T23_time_wait_reuse(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = time_wait_new(rig, 40000);
	uint32_t old_ack = peer.ack;

	/* Not beyond, or not a plain SYN: an ACK, nothing new. */
	put_raw(rig, &peer, TCP_SYN, peer.seq, 0, NULL, 0);
	put_raw(rig, &peer, TCP_SYN, peer.seq - 5000, 0, NULL, 0);
	put_raw(rig, &peer, TCP_SYN | TCP_ACK, peer.seq + 5000, 0, NULL, 0);
	put_raw(rig, &peer, TCP_SYN | TCP_FIN, peer.seq + 5000, 0, NULL, 0);
	assert_int_equal(drain(rig), 4);
	for (unsigned i = 0; i < 4; i++)
		assert_sent(rig, i, TCP_ACK, peer.ack, peer.seq, 0);
	put_raw(rig, &peer, TCP_ACK, peer.seq - 1, peer.ack, "o", 1);
	assert_int_equal(drain(rig), 1);
	assert_int_equal(rig->got_length, 0);
	assert_int_equal(kind_of(rig, &peer), FLOW_TIME_WAIT);
	/* Beyond: taken at once; our own numbers are beyond the old ones, too. */
	peer.seq += 70000;
	put_syn(rig, &peer, NULL, 0);
	assert_int_equal(kind_of(rig, &peer), FLOW_EMBRYONIC);
	assert_int_equal(rig->tcp->time_wait_slab.used, 0);
	assert_int_equal(drain(rig), 1);
	assert_true(seq_lt(old_ack, rig->sent[0].out.seq));
	peer.seq++;
	put_ack(rig, &peer, rig->sent[0].out.seq + 1);
	assert_int_equal(rig->up.events, TCP_UP_OPENED);
	peer.id = rig->up.id;
	put_next(rig, &peer, 0, "new", 3);
	assert_memory_equal(rig->got, "new", 3);
	drain(rig);
	/* No record for the handshake: the wait goes on. */
	struct peer again = time_wait_new(rig, 40001);

	for (uint16_t i = 0; i < 8; i++) {
		struct peer flood = peer_at(20000 + i, i);

		put_syn(rig, &flood, NULL, 0);
	}
	again.seq += 70000;
	put_syn(rig, &again, NULL, 0);
	assert_int_equal(kind_of(rig, &again), FLOW_TIME_WAIT);
	rig_end(rig);
}

static void test_time_wait_full(void **state)
{
	struct rig *rig = rig_default();
	struct peer peers[6];

	for (uint16_t i = 0; i < 6; i++)
		peers[i] = time_wait_new(rig, 40000 + i);
	assert_int_equal(rig->tcp->time_wait_slab.used, 4);
	assert_int_equal(count_of(rig, TCP_TIME_WAIT_SHORT), 2);
	/* The oldest gave way. */
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(kind_of(rig, &peers[i]), i < 2 ? FLOW_NONE : FLOW_TIME_WAIT);
	pass(rig, 61 * SECOND);
	assert_int_equal(rig->tcp->time_wait_slab.used, 0);
	rig_end(rig);
}

/* T23: the device restarted and knows nothing of its old connection. */
static void test_T23_half_open(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = peer_open(rig, 40000);
	uint32_t asked;

	put_raw(rig, &peer, TCP_SYN, peer.seq + 123456, 0, NULL, 0);
	assert_int_equal(drain(rig), 1);
	assert_sent(rig, 0, TCP_ACK, peer.ack, peer.seq, 0);
	asked = rig->sent[0].out.ack;
	/* Its answer to the challenge ACK it did not expect. */
	put_raw(rig, &peer, TCP_RST, asked, 0, NULL, 0);
	assert_int_equal(rig->up.events, TCP_UP_CLOSED);
	peer_open_iss(rig, 40000, peer.seq + 123456, 1460);
	rig_end(rig);
}

/* No flow slot: counted, nothing taken. */
static void test_flow_table_full(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = peer_at(40000, 1);
	uint64_t hash = tcp_hash(rig->tcp, &peer.tuple);
	uint32_t blocked = 0;

	while (flow_insert(&rig->tcp->flows, hash, flow_ref_of(FLOW_TIME_WAIT, blocked % 4)))
		blocked++;
	assert_int_equal(blocked, FLOW_PROBE_LINES * FLOW_LINE_SLOTS);
	for (unsigned i = 0; i < 4; i++)
		assert_int_not_equal(
			rig->tcp->time_wait[i].flow.remote_port, peer.tuple.remote_port);
	tcp_input(rig->tcp, &(struct tcp_segment){.tuple = peer.tuple, .seq = 1, .flags = TCP_SYN},
		&(struct tcp_place){hash, 0}, rig->now, &rig->up);
	assert_int_equal(count_of(rig, TCP_FULL_FLOWS), 1);
	assert_int_equal(rig->tcp->embryonic_slab.used, 0);
	for (uint32_t i = 0; i < blocked; i++)
		assert_true(
			flow_remove(&rig->tcp->flows, hash, flow_ref_of(FLOW_TIME_WAIT, i % 4)));
	peer_open(rig, 40000);
	rig_end(rig);
}

/* Any segment in any state: nothing breaks, nothing is answered with more than came, all ends. */
static void test_random_segments(void **state)
{
	struct rig *rig = rig_default();
	unsigned seed = 21, sent = 0, rounds = 60000;
	static uint8_t bytes[1460];

	for (unsigned round = 0; round < rounds; round++) {
		struct peer peer = peer_at(40000 + (uint16_t)(rand_r(&seed) % 12), 0);
		uint32_t near[3] = {(uint32_t)rand_r(&seed), 0, 0};
		flow_ref ref = tcp_lookup(rig->tcp, &peer.tuple, tcp_hash(rig->tcp, &peer.tuple));
		uint32_t index = flow_ref_index(ref);
		uint8_t flags = (uint8_t)(rand_r(&seed) % 8 ? TCP_ACK : rand_r(&seed) % 64);
		tcp_id id;

		if (rand_r(&seed) % 6 == 0)
			flags |= TCP_FIN;
		if (flow_ref_kind(ref) == FLOW_NONE)
			flags = TCP_SYN;
		if (flow_ref_kind(ref) == FLOW_CONNECTION) {
			near[1] = rig->tcp->connections[index].rcv_nxt;
			near[2] = rig->tcp->connections[index].snd_nxt;
		} else if (flow_ref_kind(ref) == FLOW_EMBRYONIC) {
			near[1] = rig->tcp->embryonic[index].irs + 1;
			near[2] = rig->tcp->embryonic[index].iss + 1;
		}
		peer.window = (uint16_t)rand_r(&seed);
		rig->refuse = rand_r(&seed) % 16 == 0;
		rig->got_length = 0;
		put_raw(rig, &peer, flags,
			near[rand_r(&seed) % 8 ? 1 : 0] +
				(rand_r(&seed) % 4 ? 0 : (uint32_t)rand_r(&seed) % 8 - 4),
			near[rand_r(&seed) % 8 ? 2 : 0] -
				(rand_r(&seed) % 4 ? 0 : (uint32_t)rand_r(&seed) % 600),
			bytes, rand_r(&seed) % 2 ? 0 : (uint32_t)rand_r(&seed) % 1460);
		id = rig->up.id;
		if (id && rand_r(&seed) % 4 == 0)
			(void)tcp_reserve(rig->tcp, id, 1 + (uint32_t)rand_r(&seed) % 3000);
		if (id && rand_r(&seed) % 40 == 0)
			tcp_close(rig->tcp, id);
		if (id && rand_r(&seed) % 80 == 0)
			tcp_abort(rig->tcp, id);
		tcp_commit(rig->tcp, id, (uint32_t)rand_r(&seed) % 2);
		check_invariants(rig);
		if (rand_r(&seed) % 4 == 0)
			sent += drain(rig);
		if (rand_r(&seed) % 64 == 0)
			pass(rig, (uint64_t)rand_r(&seed) % (2 * SECOND));
	}
	assert_true(sent > 0 && count_of(rig, TCP_OPENED) > 100);
	rig_end(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_passive_close),
		cmocka_unit_test(test_shutdown),
		cmocka_unit_test(test_shutdown_then_close),
		cmocka_unit_test(test_active_close),
		cmocka_unit_test(test_active_close_three_segments),
		cmocka_unit_test(test_T22_simultaneous_close),
		cmocka_unit_test(test_close_with_reservation),
		cmocka_unit_test(test_close_in_delivery),
		cmocka_unit_test(test_T22_no_state_for_ever),
		cmocka_unit_test(test_fin_order),
		cmocka_unit_test(test_data_after_close),
		cmocka_unit_test(test_T10_reset),
		cmocka_unit_test(test_T11_T12_T25_challenges),
		cmocka_unit_test(test_T23_time_wait_reuse),
		cmocka_unit_test(test_time_wait_full),
		cmocka_unit_test(test_T23_half_open),
		cmocka_unit_test(test_flow_table_full),
		cmocka_unit_test(test_random_segments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
