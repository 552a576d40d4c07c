/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_tcp_window.c - windows on the wire: scales, edges, silly windows (RFC 7323, RFC 9293 3.8.6)
 */

#include "tcp_fixture.h"

#define MSS 1460u

/* A handshake that agrees on scales: @scale the peer's. */
static struct peer open_scaled(struct rig *rig, uint16_t port, uint32_t iss, uint8_t scale)
{
	uint8_t options[] = {2, 4, MSS >> 8, MSS & 255, 1, 3, 3, scale};
	struct peer peer = peer_at(port, iss);

	put_syn(rig, &peer, options, sizeof(options));
	assert_int_equal(drain(rig), 1);
	peer.seq++;
	peer.ack = rig->sent[0].out.seq + 1;
	return peer;
}

static void established(struct rig *rig, struct peer *peer, uint16_t window)
{
	peer->window = window;
	put_next(rig, peer, 0, NULL, 0);
	peer->id = rig->up.id;
	assert_int_not_equal(peer->id, 0);
	drain(rig);
}

/* Segments of MSS bytes that leave under the peer's window. */
static unsigned fill(struct rig *rig, const struct peer *peer)
{
	while (message(rig, peer, MSS, 'w'))
		;
	return drain(rig);
}

/* 100 units of 2^7 are eight segments and a bit; on the SYN they were bytes. */
static void test_send_scale(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = open_scaled(rig, 40000, 5, 7);

	established(rig, &peer, 100);
	assert_int_equal(tcp_send_window(connection_of(rig, &peer)), 12800);
	assert_int_equal(fill(rig, &peer), 8);
	/* T24: nothing beyond the right edge, which is 12800 however much is acknowledged. */
	put_ack(rig, &peer, peer.ack + 4 * MSS);
	assert_int_equal(drain(rig), 4);
	peer.window = 91; /* 11648: one byte less than 8 segments */
	put_ack(rig, &peer, peer.ack + MSS);
	assert_int_equal(drain(rig), 0);
	peer.window = 92;
	put_ack(rig, &peer, peer.ack);
	assert_int_equal(drain(rig), 1);
	rig_end(rig);
}

/* The largest there can be: in flight is what send_bytes, chunks and the congestion window allow.
 */
static void test_T27_send_scale_most(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = open_scaled(rig, 40000, 0xfffffffe, 14);
	struct tcp_connection *c;

	established(rig, &peer, 65535);
	c = connection_of(rig, &peer);
	assert_int_equal(tcp_send_window(c), 65535u << 14);
	assert_int_equal(fill(rig, &peer), 10);
	for (unsigned i = 0; i < 200; i++) {
		put_ack(rig, &peer, c->snd_nxt);
		fill(rig, &peer);
		assert_true(c->snd_nxt - c->snd_una <= rig->tcp->config.send_bytes);
	}
	/* T12: SND.UNA - MAX.SND.WND is a billion back. */
	put_raw(rig, &peer, TCP_ACK, peer.seq, c->snd_una - (65535u << 14), NULL, 0);
	assert_int_equal(count_of(rig, TCP_DROP_BAD_ACK), 0);
	put_raw(rig, &peer, TCP_ACK, peer.seq, c->snd_una - (65535u << 14) - 1, NULL, 0);
	assert_int_equal(count_of(rig, TCP_DROP_BAD_ACK), 1);
	rig_end(rig);
}

/* What we promise never shrinks (RFC 9293 3.8.6: SHOULD NOT): the rounding is the same each time.
 */
static void test_offer(void **state)
{
	static const uint32_t windows[] = {
		536, 32768, 65535, 65536, 65537, 100001, 262143, 1048575, 1048576};
	static const uint8_t zeroes[2000];
	unsigned seed = 3;

	for (unsigned i = 0; i < sizeof(windows) / sizeof(windows[0]); i++) {
		for (unsigned scaled = 0; scaled < 2; scaled++) {
			struct tcp_config config = rig_config();
			struct rig *rig;
			struct peer peer;
			uint32_t edge = 0, most = windows[i];
			unsigned shift;

			config.receive_window = windows[i];
			rig = rig_new(config, (uint32_t[]){8, 8, 8, 4});
			if (scaled) {
				peer = open_scaled(rig, 40000, -3000u, 2);
				/* On the SYN-ACK it stands as it is, or as much as fits. */
				assert_int_equal(rig->sent[0].out.window,
					windows[i] < 65535 ? windows[i] : 65535);
				established(rig, &peer, 1000);
			} else {
				peer = peer_open_iss(rig, 40000, -3000u, MSS);
				most = most < 65535 ? most : 65535;
			}
			shift = connection_of(rig, &peer)->shift >> 4;
			assert_true(most >> shift <= 65535);
			for (unsigned k = 0; k < 40; k++) {
				uint32_t length = 1 + (uint32_t)rand_r(&seed) % 500, right;

				put_next(rig, &peer, 0, zeroes, length);
				assert_int_equal(drain(rig), 1);
				right = rig->sent[0].out.ack +
					((uint32_t)rig->sent[0].out.window << shift);
				assert_true(k == 0 || seq_leq(edge, right));
				edge = right;
				/* Neither more than configured, nor a unit less. */
				assert_true(edge - rig->sent[0].out.ack <= most);
				assert_true(edge - rig->sent[0].out.ack + (1u << shift) > most);
			}
			rig_end(rig);
		}
	}
}

/* RFC 9293 3.8.6.2.1: a peer that opens its window bit by bit does not take messages apart. */
static void test_silly_window(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = open_scaled(rig, 40000, 5, 3);

	established(rig, &peer, 1000); /* 8000 */
	assert_int_equal(fill(rig, &peer), 5);
	peer.window = 0;
	put_ack(rig, &peer, peer.ack + 5 * MSS);
	for (uint16_t open = 10; open < 180; open += 10) {
		peer.window = open;
		put_ack(rig, &peer, peer.ack);
		assert_int_equal(drain(rig), 0);
	}
	peer.window = 183; /* 1464 */
	put_ack(rig, &peer, peer.ack);
	assert_int_equal(drain(rig), 1);
	assert_int_equal(rig->sent[0].out.length, MSS);
	rig_end(rig);
}

/*
 * RFC 9293 3.10.7.4, fifth: the window of a segment that is no older than the one that moved it
 * last. Bytes ahead of the next that are not kept come again, and the peer's ACKs until then carry
 * numbers before theirs: a window is believed all the same.
 */
static void test_window_behind_bytes_ahead(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = peer_open(rig, 40000);

	peer.window = 0;
	put_raw(rig, &peer, TCP_ACK, peer.seq + 1000, peer.ack, "ahead", 5);
	assert_int_equal(tcp_send_window(connection_of(rig, &peer)), 0);
	peer.window = 3 * MSS;
	put_ack(rig, &peer, peer.ack);
	assert_int_equal(tcp_send_window(connection_of(rig, &peer)), 3 * MSS);
	/* An older segment, come late, is not. */
	put_next(rig, &peer, 0, "next", 4);
	peer.window = 7;
	put_raw(rig, &peer, TCP_ACK, peer.seq - 4, peer.ack, "next", 4);
	assert_int_equal(tcp_send_window(connection_of(rig, &peer)), 3 * MSS);
	rig_end(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_send_scale),
		cmocka_unit_test(test_T27_send_scale_most),
		cmocka_unit_test(test_offer),
		cmocka_unit_test(test_silly_window),
		cmocka_unit_test(test_window_behind_bytes_ahead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
