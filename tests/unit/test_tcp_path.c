/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_tcp_path.c - ICMP errors are soft, a smaller path MTU needs a loss (RFC 5927, 1191, 8201) */

#include "tcp_fixture.h"

#define MSS 1460u

static void icmp(
	struct rig *rig, const struct peer *peer, uint32_t seq, enum tcp_icmp kind, uint32_t mtu)
{
	tcp_icmp_input(rig->tcp, &peer->tuple, seq, kind, mtu, rig->now);
	check_invariants(rig);
}

/* C2: no state ends by an unreachable, whatever it quotes. */
static void test_C2_soft(void **state)
{
	struct rig *rig = rig_default();
	struct peer syn = peer_at(40009, 1), peer = peer_open(rig, 40000);
	struct peer closing = peer_open(rig, 40001), gone = peer_at(40008, 1);

	put_syn(rig, &syn, NULL, 0);
	tcp_close(rig->tcp, closing.id);
	assert_true(message(rig, &peer, 100, 'x'));
	drain(rig);
	icmp(rig, &peer, peer.ack, TCP_ICMP_UNREACHABLE, 0);
	icmp(rig, &closing, closing.ack, TCP_ICMP_UNREACHABLE, 0);
	icmp(rig, &syn, 0, TCP_ICMP_UNREACHABLE, 0);
	assert_int_equal(count_of(rig, TCP_ICMP_SOFT), 3);
	icmp(rig, &peer, peer.ack - 1, TCP_ICMP_UNREACHABLE, 0);
	icmp(rig, &peer, peer.ack + 100, TCP_ICMP_UNREACHABLE, 0);
	icmp(rig, &gone, 0, TCP_ICMP_UNREACHABLE, 0);
	assert_int_equal(count_of(rig, TCP_DROP_ICMP), 3);
	assert_int_equal(tcp_connections(rig->tcp, NULL), 2);
	assert_int_equal(rig->tcp->embryonic_slab.used, 1);
	assert_int_equal(drain(rig), 0);
	put_ack(rig, &peer, peer.ack + 100);
	put_ack(rig, &closing, closing.ack + 1);
	assert_int_equal(connection_of(rig, &closing)->state, TCP_FIN_WAIT_2);
	/* Also to one whose peer's FIN came first, and in TIME-WAIT. */
	put_next(rig, &closing, TCP_FIN, NULL, 0);
	icmp(rig, &closing, closing.ack - 1, TCP_ICMP_UNREACHABLE, 0);
	assert_int_equal(rig->tcp->time_wait_slab.used, 1);
	rig_end(rig);
}

/* C1: what each next-hop MTU makes of the segments, once a time-out has confirmed it. */
static void test_C1_floors(void **state)
{
	static const struct {
		uint32_t mtu, mss;
	} cases[] = {{0, 536}, {1, 536}, {67, 536}, {68, 536}, {296, 536}, {575, 536}, {576, 536},
		{577, 537}, {1006, 966}, {1499, 1459}, {1500, 1460}, {1501, 1460}, {65535, 1460},
		{0xffffffff, 1460}};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rig *rig = rig_default();
		struct peer peer = peer_open(rig, 40000);
		struct tcp_connection *c = connection_of(rig, &peer);

		assert_true(message(rig, &peer, 3 * MSS, 'x'));
		assert_int_equal(drain(rig), 3);
		icmp(rig, &peer, peer.ack, TCP_ICMP_TOO_BIG, cases[i].mtu);
		assert_int_equal(c->mss, MSS);
		assert_int_equal(drain(rig), 0);
		pass(rig, 250 * MS);
		assert_int_equal(c->mss, cases[i].mss);
		assert_int_equal(count_of(rig, TCP_PATH_MTU), cases[i].mss != MSS);
		assert_int_equal(count_of(rig, TCP_DROP_TOO_BIG), cases[i].mss == MSS);
		rig_end(rig);
	}
}

/* C1: a number that is not in flight, or none of ours. */
static void test_C1_out_of_window(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = peer_open(rig, 40000);

	icmp(rig, &peer, peer.ack, TCP_ICMP_TOO_BIG, 1000);
	assert_true(message(rig, &peer, MSS, 'x'));
	drain(rig);
	icmp(rig, &peer, peer.ack - 1, TCP_ICMP_TOO_BIG, 1000);
	icmp(rig, &peer, peer.ack + MSS, TCP_ICMP_TOO_BIG, 1000);
	icmp(rig, &peer, peer.ack + 0x80000000, TCP_ICMP_TOO_BIG, 1000);
	assert_int_equal(count_of(rig, TCP_DROP_ICMP), 4);
	pass(rig, 250 * MS);
	assert_int_equal(connection_of(rig, &peer)->mss, MSS);
	rig_end(rig);
}

/* C1: the segment arrives after all: a forgery, forgotten; and a loss of another says nothing. */
static void test_C1_no_loss(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = peer_open(rig, 40000);
	struct tcp_connection *c = connection_of(rig, &peer);

	assert_true(message(rig, &peer, 2 * MSS, 'x'));
	drain(rig);
	icmp(rig, &peer, peer.ack, TCP_ICMP_TOO_BIG, 1000);
	assert_int_equal(rig->tcp->side_slab.used, 1);
	put_ack(rig, &peer, peer.ack + MSS);
	assert_int_equal(rig->tcp->side_slab.used, 0);
	pass(rig, 250 * MS);
	assert_int_equal(c->mss, MSS);
	put_ack(rig, &peer, peer.ack + MSS);
	assert_true(message(rig, &peer, 2 * MSS, 'x'));
	drain(rig);
	icmp(rig, &peer, peer.ack + MSS, TCP_ICMP_TOO_BIG, 1000);
	pass(rig, 2 * SECOND);
	assert_int_equal(c->mss, MSS);
	rig_end(rig);
}

/* The borders of pieces: whatever a message's length, its bytes leave once, in order, whole. */
static void test_C1_pieces(void **state)
{
	static const uint32_t lengths[] = {
		1, 535, 536, 537, 1071, 1072, 1073, 1459, 1460, 1461, 4000};

	for (unsigned i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct rig *rig = rig_default();
		struct peer peer = peer_open(rig, 40000);
		uint32_t at = 0, length = lengths[i];
		uint8_t *room = tcp_reserve(rig->tcp, peer.id, length);

		for (uint32_t k = 0; k < length; k++)
			room[k] = (uint8_t)(k * 7 + k / 256);
		tcp_commit(rig->tcp, peer.id, length);
		drain(rig);
		icmp(rig, &peer, peer.ack, TCP_ICMP_TOO_BIG, 576);
		/* All of it at once, as nothing was lost to congestion. */
		pass(rig, 250 * MS);
		assert_int_equal(rig->sent_count, (length + 535) / 536);
		for (unsigned k = 0; k < rig->sent_count; k++) {
			const struct sent *sent = &rig->sent[k];
			uint32_t rest = length - at;

			assert_sent(rig, k, TCP_ACK | (rest <= 536 ? TCP_PSH : 0), peer.ack + at,
				peer.seq, rest < 536 ? rest : 536);
			for (uint32_t b = 0; b < sent->out.length; b++, at++)
				assert_int_equal(sent->payload[b], (uint8_t)(at * 7 + at / 256));
		}
		assert_int_equal(at, length);
		put_ack(rig, &peer, peer.ack + length);
		assert_int_equal(drain(rig), 0);
		assert_int_equal(rig->tcp->side_slab.used, 0);
		rig_end(rig);
	}
}

/* Duplicates confirm it as well; what the peer reported is not sent again, the window is not
 * halved. */
static void test_C1_fast(void **state)
{
	for (unsigned sack = 0; sack < 2; sack++) {
		struct rig *rig = rig_default();
		struct peer peer = peer_open(rig, 40000);
		struct tcp_connection *c = connection_of(rig, &peer);
		struct tcp_options options = {.sack_count = (uint8_t)sack};
		struct tcp_segment segment = {.tuple = peer.tuple,
			.seq = peer.seq,
			.ack = peer.ack,
			.window = peer.window,
			.flags = TCP_ACK};

		c->flags |= sack ? TCP_SACK : 0;
		assert_true(message(rig, &peer, MSS, 'b'));
		for (unsigned i = 0; i < 3; i++)
			assert_true(message(rig, &peer, 500, 's'));
		assert_int_equal(drain(rig), 4);
		icmp(rig, &peer, peer.ack, TCP_ICMP_TOO_BIG, 1000);
		for (unsigned i = 0; i < 3; i++) {
			assert_int_equal(c->mss, MSS);
			options.sack[0] =
				(struct tcp_range){peer.ack + MSS, peer.ack + MSS + 500 * (i + 1)};
			tcp_ack_in(rig->tcp, c, &segment, &options);
			check_invariants(rig);
		}
		assert_int_equal(c->mss, 960);
		assert_int_equal(drain(rig), sack ? 2 : 5);
		assert_sent(rig, 0, TCP_ACK, peer.ack, peer.seq, 960);
		assert_sent(rig, 1, TCP_ACK | TCP_PSH, peer.ack + 960, peer.seq, 500);
		assert_int_equal(c->ssthresh, UINT16_MAX);
		put_ack(rig, &peer, peer.ack + MSS + 1500);
		assert_int_equal(drain(rig), 0);
		assert_false(c->flags & (TCP_LOSS | TCP_RECOVERY));
		assert_int_equal(rig->tcp->side_slab.used, 0);
		rig_end(rig);
	}
}

/* The first message met no scoreboard, or one at work: after the time-out's own it is acted on at
 * once. And smaller again, twice; never larger. */
static void test_C1_in_loss(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = peer_open(rig, 40000);
	struct tcp_connection *c = connection_of(rig, &peer);

	assert_true(message(rig, &peer, 3 * MSS, 'b'));
	assert_int_equal(drain(rig), 3);
	pass(rig, 250 * MS);
	icmp(rig, &peer, peer.ack + MSS, TCP_ICMP_TOO_BIG, 1300); /* of another segment: waits */
	assert_int_equal(c->mss, MSS);
	icmp(rig, &peer, peer.ack, TCP_ICMP_TOO_BIG, 1300);
	assert_int_equal(c->mss, 1260);
	assert_true(drain(rig) >= 1);
	assert_int_equal(rig->sent[0].out.length, 1260);
	icmp(rig, &peer, peer.ack, TCP_ICMP_TOO_BIG, 1400);
	icmp(rig, &peer, peer.ack, TCP_ICMP_TOO_BIG, 1300);
	assert_int_equal(c->mss, 1260);
	icmp(rig, &peer, peer.ack, TCP_ICMP_TOO_BIG, 1000);
	assert_int_equal(c->mss, 960);
	assert_int_equal(count_of(rig, TCP_PATH_MTU), 2);
	assert_int_equal(count_of(rig, TCP_DROP_TOO_BIG), 2);
	rig_end(rig);
}

/* No record to remember it in: dropped and counted; nothing else changes. */
static void test_C1_no_record(void **state)
{
	struct tcp_config config = rig_config();
	struct rig *rig;
	struct peer other, peer;

	config.sides = 1;
	rig = rig_new(config, (uint32_t[]){8, 8, 8, 4});
	other = peer_open(rig, 40001);
	peer = peer_open(rig, 40000);
	assert_true(message(rig, &other, MSS, 'o'));
	assert_true(message(rig, &peer, MSS, 'p'));
	drain(rig);
	icmp(rig, &other, other.ack, TCP_ICMP_TOO_BIG, 1000);
	icmp(rig, &peer, peer.ack, TCP_ICMP_TOO_BIG, 1000);
	assert_int_equal(count_of(rig, TCP_FULL_SIDES), 1);
	assert_int_equal(count_of(rig, TCP_DROP_TOO_BIG), 1);
	pass(rig, 250 * MS);
	assert_int_equal(connection_of(rig, &other)->mss, 960);
	assert_int_equal(connection_of(rig, &peer)->mss, MSS);
	assert_int_equal(rig->tcp->side_slab.used, 0);
	rig_end(rig);
}

/* V6: below 1280 nothing is believed; the headers are larger, and timestamps take their part. */
static void test_V6_floor(void **state)
{
	static const struct {
		uint32_t mtu, mss;
		bool timestamps;
	} cases[] = {{0, 1440, false}, {1279, 1440, false}, {1280, 1220, false},
		{1281, 1221, false}, {1280, 1208, true}, {1500, 1440, false}};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tcp_config config = rig_config();
		struct rig *rig;
		struct peer peer;
		struct tcp_connection *c;

		config.ipv6 = true;
		rig = rig_new(config, (uint32_t[]){8, 8, 8, 4});
		peer = peer_at(40000, 1);
		peer.tuple.remote = (struct ip_address){{htonl(0xfd000000), 0, 0, htonl(2)}};
		peer.tuple.local = (struct ip_address){{htonl(0xfd000000), 0, 0, htonl(1)}};
		put_syn(rig, &peer, (const uint8_t *)"\x02\x04\x05\xa0", 4);
		drain(rig);
		peer.seq++;
		put_ack(rig, &peer, rig->sent[0].out.seq + 1);
		peer.id = rig->up.id;
		c = connection_of(rig, &peer);
		assert_int_equal(c->mss, 1440);
		assert_true(message(rig, &peer, 1440, 'x'));
		drain(rig);
		if (cases[i].timestamps)
			c->flags |= TCP_TIMESTAMPS;
		icmp(rig, &peer, peer.ack, TCP_ICMP_TOO_BIG, cases[i].mtu);
		/* The SYN-ACK was answered at once: 200 ms. */
		pass(rig, 250 * MS);
		assert_int_equal(c->mss, cases[i].mss);
		rig_end(rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_C2_soft),
		cmocka_unit_test(test_C1_floors),
		cmocka_unit_test(test_C1_out_of_window),
		cmocka_unit_test(test_C1_no_loss),
		cmocka_unit_test(test_C1_pieces),
		cmocka_unit_test(test_C1_fast),
		cmocka_unit_test(test_C1_in_loss),
		cmocka_unit_test(test_C1_no_record),
		cmocka_unit_test(test_V6_floor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
