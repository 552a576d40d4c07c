/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_tcp_cookie.c - handshakes that keep nothing, and forged ones (RFC 4987; T17, T18) */
#include "tcp_fixture.h"

/* Two handshakes under way, and every further SYN is answered by a cookie. */
static struct rig *flooded(bool ipv6)
{
	struct tcp_config config = rig_config();
	struct rig *rig;

	config.cookies_above = 2;
	config.ipv6 = ipv6;
	rig = rig_new(config, (uint32_t[]){32, 16, 8, 4});
	for (uint16_t i = 0; i < 2; i++) {
		struct peer peer = peer_at(1000 + i, i);

		put_syn(rig, &peer, NULL, 0);
	}
	drain(rig);
	return rig;
}

/* SYN, and the SYN-ACK taken in; nothing is kept of it. */
static struct peer ask(struct rig *rig, uint16_t port, const char *options, uint8_t length)
{
	struct peer peer = peer_at(port, 0xfffffffe);
	uint64_t sent = count_of(rig, TCP_COOKIE_SENT);

	put_syn(rig, &peer, (const uint8_t *)options, length);
	assert_int_equal(count_of(rig, TCP_COOKIE_SENT), sent + 1);
	assert_int_equal(rig->tcp->embryonic_slab.used, 2);
	assert_int_equal(drain(rig), 1);
	assert_int_equal(rig->sent[0].out.flags, TCP_SYN | TCP_ACK);
	assert_int_equal(rig->sent[0].out.ack, peer.seq + 1);
	peer.seq++;
	peer.ack = rig->sent[0].out.seq + 1;
	peer.timestamps = has_timestamps(&rig->sent[0].out);
	if (peer.timestamps) {
		peer.value = USUAL_VALUE;
		peer.echo = options_of(&rig->sent[0].out).value;
	}
	return peer;
}

static void test_T17_options_travel(void **state)
{
	static const struct {
		const char *options;
		uint8_t length;
		uint16_t mss;
		bool timestamps, sack;
		uint8_t shift;
	} cases[] = {
		{USUAL_OPTIONS, USUAL_LENGTH, 1448, true, true, 7},
		{"\x02\x04\x05\xb4\x01\x01\x08\x0a\0\0\x10\0\0\0\0\0", 16, 1448, true, false, 0},
		{"\x02\x04\x05\x3c\x01\x01\x08\x0a\0\0\x10\0\0\0\0\0\x03\x03\x0e", 19, 1328, true,
			false, 14},
		/* without timestamps there is no room for the others */
		{"\x02\x04\x05\xb4\x04\x02\x01\x03\x03\x07", 10, 1460, false, false, 0},
		{"\x02\x04\x05\xb3", 4, 1440, false, false, 0},
		{"\x02\x04\x00\x08", 4, 536, false, false, 0},
		{"", 0, 536, false, false, 0},
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rig *rig = flooded(false);
		struct peer peer = ask(rig, 40000, cases[i].options, cases[i].length);
		struct tcp_options agreed = options_of(&rig->sent[0].out);
		const struct tcp_connection *c;
		uint32_t clock;

		assert_int_equal(agreed.has_timestamps, cases[i].timestamps);
		assert_int_equal(agreed.sack_permitted, cases[i].sack);
		assert_int_equal(agreed.has_scale, cases[i].shift > 0);
		rig->now += 3 * SECOND;
		/* Its first bytes may come along. */
		put_next(rig, &peer, 0, "hello", 5);
		assert_int_equal(rig->up.events, TCP_UP_OPENED | TCP_UP_DATA);
		assert_int_equal(count_of(rig, TCP_COOKIE_ACCEPTED), 1);
		peer.id = rig->up.id;
		c = connection_of(rig, &peer);
		assert_int_equal(c->mss, cases[i].mss);
		assert_int_equal(!!(c->flags & TCP_TIMESTAMPS), cases[i].timestamps);
		assert_int_equal(!!(c->flags & TCP_SACK), cases[i].sack);
		assert_int_equal(c->shift, cases[i].shift);
		clock = tcp_timestamp(rig->tcp, &c->flow);
		/* The clock was never ahead of itself, nor far behind. */
		if (cases[i].timestamps)
			assert_in_range(clock - peer.echo, 3000, 3000 + 63);
		assert_int_equal(drain(rig), 1);
		assert_sent(rig, 0, TCP_ACK, peer.ack, peer.seq, 0);
		assert_true(message(rig, &peer, 100, 'a'));
		assert_int_equal(drain(rig), 1);
		put_ack(rig, &peer, peer.ack + 100);
		assert_memory_equal(rig->got, "hello", 5);
		rig_end(rig);
	}
}

/* T17: a flood takes nothing; who means it gets through. */
static void test_T17_flood(void **state)
{
	struct rig *rig = flooded(false);

	for (unsigned i = 0; i < 20000; i++) {
		struct peer stranger = peer_at((uint16_t)(1024 + i % 60000), i);

		stranger.tuple.remote = ip_from_v4(htonl(0xc6130000 + i));
		put_syn(rig, &stranger, (const uint8_t *)USUAL_OPTIONS, USUAL_LENGTH);
		assert_int_equal(drain(rig), 1);
		/* Never more out than in. */
		assert_true(rig->sent[0].out.options_length <= USUAL_LENGTH);
		if (i % 2500 == 0) {
			struct peer peer =
				ask(rig, (uint16_t)(40000 + i), USUAL_OPTIONS, USUAL_LENGTH);

			put_next(rig, &peer, 0, NULL, 0);
			assert_int_equal(rig->up.events, TCP_UP_OPENED);
		}
	}
	assert_int_equal(rig->tcp->embryonic_slab.used, 2);
	assert_int_equal(rig->tcp->flows.used, 2 + 8);
	assert_int_equal(tcp_connections(rig->tcp, NULL), 8);
	/* All are in use: dropped and counted, not refused: the peer asks again later. */
	struct peer late = ask(rig, 39999, "", 0);

	put_next(rig, &late, 0, "x", 1);
	assert_int_equal(rig->up.events, 0);
	assert_int_equal(count_of(rig, TCP_FULL_CONNECTIONS), 1);
	assert_int_equal(drain(rig), 0);
	rig_end(rig);
}

/* T18: what is not exactly the answer to a cookie of this epoch or the last opens nothing. */
static void test_T18_forged(void **state)
{
	struct rig *rig = flooded(false);
	struct peer peer = ask(rig, 40000, USUAL_OPTIONS, USUAL_LENGTH), bad;
	unsigned seed = 3, tries = 0;

	for (unsigned i = 0; i < 32; i++, tries++) {
		bad = peer;
		put_raw(rig, &bad, TCP_ACK, bad.seq, bad.ack ^ 1u << i, NULL, 0);
	}
	for (unsigned i = 0; i < 32; i++, tries++)
		put_raw(rig, &peer, TCP_ACK, peer.seq ^ 1u << i, peer.ack, NULL, 0);
	for (unsigned i = 0; i < 5; i++, tries++) {
		bad = peer;
		bad.echo ^= 1u << i;
		put_raw(rig, &bad, TCP_ACK, bad.seq, bad.ack, NULL, 0);
	}
	bad = peer;
	bad.timestamps = false;
	put_raw(rig, &bad, TCP_ACK, bad.seq, bad.ack, NULL, 0);
	bad = peer;
	bad.tuple.remote_port++;
	put_raw(rig, &bad, TCP_ACK, bad.seq, bad.ack, NULL, 0);
	tries += 2;
	for (unsigned i = 0; i < 500; i++, tries++) {
		put_raw(rig, &peer, TCP_ACK, (uint32_t)rand_r(&seed) * 2,
			(uint32_t)rand_r(&seed) * 2, NULL, 0);
		if (i % 100 == 0)
			drain(rig);
	}
	assert_int_equal(count_of(rig, TCP_COOKIE_BAD), tries);
	assert_int_equal(tcp_connections(rig->tcp, NULL), 0);
	/* An ACK of no handshake is refused, cookie or not. */
	drain(rig);
	assert_int_equal(rig->sent[0].out.flags, TCP_RST);
	put_raw(rig, &peer, TCP_ACK | TCP_SYN, peer.seq, peer.ack, NULL, 0);
	put_raw(rig, &peer, TCP_ACK | TCP_RST, peer.seq, peer.ack, NULL, 0);
	assert_int_equal(tcp_connections(rig->tcp, NULL), 0);
	drain(rig);
	put_next(rig, &peer, 0, NULL, 0);
	assert_int_equal(rig->up.events, TCP_UP_OPENED);
	rig_end(rig);
}

/* What has overtaken the ACK that a cookie is told by is left alone: it comes again. */
static void test_overtaken(void **state)
{
	struct rig *rig = flooded(false);
	struct peer peer = ask(rig, 40000, USUAL_OPTIONS, USUAL_LENGTH);

	put_raw(rig, &peer, TCP_ACK | TCP_PSH, peer.seq + 1, peer.ack, "b", 1);
	put_raw(rig, &peer, TCP_ACK | TCP_FIN, peer.seq + 2, peer.ack, NULL, 0);
	assert_int_equal(count_of(rig, TCP_COOKIE_BAD), 2);
	assert_int_equal(drain(rig), 0);
	put_raw(rig, &peer, TCP_ACK | TCP_PSH, peer.seq, peer.ack, "a", 1);
	assert_true(rig->up.events & TCP_UP_OPENED);
	/* An ACK that carries nothing has overtaken nobody. */
	drain(rig);
	peer = peer_at(40001, 7);
	put_raw(rig, &peer, TCP_ACK, peer.seq, 8, NULL, 0);
	assert_int_equal(count_of(rig, TCP_COOKIE_BAD), 3);
	assert_int_equal(drain(rig), 1);
	assert_int_equal(rig->sent[0].out.flags, TCP_RST);
	rig_end(rig);
}

/* T18: replayed after the connection is over; and too late. Two epochs of 64 s. */
static void test_T18_epochs(void **state)
{
	static const struct {
		unsigned seconds;
		bool good;
	} cases[] = {{0, true}, {63, true}, {64, true}, {129, false}, {192, false}, {256, false}};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rig *rig = flooded(false);
		struct peer peer = ask(rig, 40000, "", 0), again;

		rig->now += cases[i].seconds * SECOND;
		/* Some are still being sent, so that one is looked for. */
		for (unsigned j = 0; j < 20; j++)
			tcp_timers(rig->tcp, rig->now, rig->ups, UP_MAX);
		drain(rig);
		while (rig->tcp->embryonic_slab.used < 2) {
			again = peer_at((uint16_t)(2000 + rig->tcp->embryonic_slab.used), 1);
			put_syn(rig, &again, NULL, 0);
		}
		drain(rig);
		again = ask(rig, 40001, "", 0);
		put_next(rig, &peer, 0, NULL, 0);
		assert_int_equal(rig->up.events, cases[i].good ? TCP_UP_OPENED : 0);
		put_next(rig, &again, 0, NULL, 0);
		assert_int_equal(rig->up.events, TCP_UP_OPENED);
		rig_end(rig);
	}
}

/* T18: an ACK flood where no cookie was sent of late costs no hash. */
static void test_T18_only_when_sent(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = peer_at(40000, 1);

	put_raw(rig, &peer, TCP_ACK, 1, 2, NULL, 0);
	assert_int_equal(count_of(rig, TCP_COOKIE_BAD), 0);
	assert_int_equal(drain(rig), 1);
	rig_end(rig);
	rig = flooded(false);
	peer = ask(rig, 40000, "", 0);
	pass(rig, 200 * SECOND);
	put_raw(rig, &peer, TCP_ACK, peer.seq, peer.ack, NULL, 0);
	assert_int_equal(count_of(rig, TCP_COOKIE_BAD), 0);
	assert_int_equal(rig->up.events, 0);
	rig_end(rig);
}

static void test_ipv6(void **state)
{
	struct rig *rig = flooded(true);
	struct peer peer = peer_at(40000, 77);

	peer.tuple.remote.word[0] = htonl(0xfd000001);
	peer.tuple.local.word[0] = htonl(0xfd000002);
	put_syn(rig, &peer, NULL, 0);
	assert_int_equal(drain(rig), 1);
	peer.seq++;
	put_ack(rig, &peer, rig->sent[0].out.seq + 1);
	assert_int_equal(rig->up.events, TCP_UP_OPENED);
	peer.id = rig->up.id;
	assert_int_equal(connection_of(rig, &peer)->mss, 1220);
	assert_true(connection_of(rig, &peer)->flags & TCP_IPV6);
	rig_end(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_T17_options_travel),
		cmocka_unit_test(test_T17_flood),
		cmocka_unit_test(test_T18_forged),
		cmocka_unit_test(test_overtaken),
		cmocka_unit_test(test_T18_epochs),
		cmocka_unit_test(test_T18_only_when_sent),
		cmocka_unit_test(test_ipv6),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
