/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_tcp_open.c - handshakes, strangers, options (RFC 9293 section 3.10.7; T2, T4) */
#include "tcp_fixture.h"

static void test_handshake(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = peer_at(40000, 5);
	struct tcp_tuple tuple;
	uint32_t limit;

	/* T21: data in a SYN is neither acknowledged nor delivered. */
	put_raw(rig, &peer, TCP_SYN, peer.seq, 0, "early", 5);
	assert_int_equal(rig->up.events, 0);
	assert_int_equal(tcp_connections(rig->tcp, &limit), 0);
	assert_int_equal(limit, 8);
	assert_int_equal(drain(rig), 1);
	assert_int_equal(rig->sent[0].out.flags, TCP_SYN | TCP_ACK);
	assert_int_equal(rig->sent[0].out.ack, 6);
	assert_int_equal(rig->sent[0].out.window, 32768);
	assert_int_equal(rig->sent[0].out.link, 1);
	/* The only option is MSS. */
	assert_int_equal(rig->sent[0].out.options_length, 4);
	assert_memory_equal(rig->sent[0].out.options, "\x02\x04\x05\xb4", 4);
	peer.seq++;
	peer.ack = rig->sent[0].out.seq + 1;
	/* The ACK may bring the first bytes along. */
	put_next(rig, &peer, TCP_PSH, "hello", 5);
	assert_int_equal(rig->up.events, TCP_UP_OPENED | TCP_UP_DATA);
	assert_memory_equal(rig->got, "hello", 5);
	peer.id = rig->up.id;
	assert_int_equal(drain(rig), 1);
	assert_sent(rig, 0, TCP_ACK, peer.ack, peer.seq, 0);
	assert_int_equal(tcp_connections(rig->tcp, NULL), 1);
	assert_int_equal(count_of(rig, TCP_OPENED), 1);
	assert_true(tcp_tuple_of(rig->tcp, peer.id, &tuple));
	assert_memory_equal(&tuple, &peer.tuple, sizeof(tuple));
	for (unsigned i = 0; i < TCP_USER_BYTES; i++)
		assert_int_equal(((uint8_t *)tcp_user(rig->tcp, peer.id))[i], 0);
	rig_end(rig);
}

static void test_syn_again_and_expiry(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = peer_at(40000, 77);
	uint32_t iss;
	unsigned sent = 0;

	put_syn(rig, &peer, NULL, 0);
	drain(rig);
	iss = rig->sent[0].out.seq;
	/* The same SYN: the same SYN-ACK. */
	put_syn(rig, &peer, NULL, 0);
	assert_int_equal(drain(rig), 1);
	assert_sent(rig, 0, TCP_SYN | TCP_ACK, iss, 78, 0);
	/* By timer after 1, 3, 7, 15 s; forgotten after 31 s. */
	static const unsigned at[] = {1, 3, 7, 15};
	for (unsigned s = 1; s <= 40; s++) {
		pass(rig, SECOND);
		if (sent < 4 && rig->sent_count == 1) {
			assert_in_range(s, at[sent], at[sent] + 1);
			assert_sent(rig, 0, TCP_SYN | TCP_ACK, iss, 78, 0);
			sent++;
		} else {
			assert_int_equal(rig->sent_count, 0);
		}
		assert_int_equal(rig->tcp->embryonic_slab.used, s <= 31);
	}
	assert_int_equal(sent, 4);
	assert_int_equal(count_of(rig, TCP_SYN_EXPIRED), 1);
	/* The late ACK finds nothing. */
	peer.seq++;
	put_ack(rig, &peer, iss + 1);
	assert_int_equal(drain(rig), 1);
	assert_sent(rig, 0, TCP_RST, iss + 1, 0, 0);
	rig_end(rig);
}

static void test_syn_received_hostile(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = peer_at(40000, 0xfffffff0);
	uint32_t iss;

	put_syn(rig, &peer, NULL, 0);
	drain(rig);
	iss = rig->sent[0].out.seq;
	/* A wrong ACK is told so and opens nothing. */
	put_raw(rig, &peer, TCP_ACK, peer.seq + 1, iss, NULL, 0);
	put_raw(rig, &peer, TCP_ACK, peer.seq + 1, iss + 2, NULL, 0);
	assert_int_equal(drain(rig), 2);
	assert_sent(rig, 0, TCP_RST, iss, 0, 0);
	assert_sent(rig, 1, TCP_RST, iss + 2, 0, 0);
	/* No ACK, a wrong number: dropped. */
	put_raw(rig, &peer, 0, peer.seq + 1, 0, "x", 1);
	assert_int_equal(drain(rig), 0);
	/* I5: a SYN-ACK to a server. */
	put_raw(rig, &peer, TCP_SYN | TCP_ACK, peer.seq, iss + 1, NULL, 0);
	assert_int_equal(drain(rig), 1);
	assert_sent(rig, 0, TCP_RST, iss + 1, 0, 0);
	/* RST: only the exact number ends it; guesses and other SYNs are challenged, 5 times. */
	for (unsigned i = 0; i < 20; i++) {
		put_raw(rig, &peer, TCP_RST, peer.seq + 2 + i, 0, NULL, 0);
		put_raw(rig, &peer, TCP_SYN, peer.seq + 100 + i, 0, NULL, 0);
		put_raw(rig, &peer, TCP_ACK, peer.seq - i, iss + 1, NULL, 0);
	}
	put_raw(rig, &peer, TCP_RST, peer.seq + 40000, 0, NULL, 0);
	assert_int_equal(drain(rig), 5);
	assert_int_equal(count_of(rig, TCP_CHALLENGE_ACK), 5);
	assert_int_equal(rig->tcp->embryonic_slab.used, 1);
	put_raw(rig, &peer, TCP_RST, peer.seq + 1, 0, NULL, 0);
	assert_int_equal(count_of(rig, TCP_SYN_RESET), 1);
	assert_int_equal(rig->tcp->embryonic_slab.used, 0);
	assert_int_equal(tcp_connections(rig->tcp, NULL), 0);
	rig_end(rig);
}

/* FIN in SYN-RECEIVED, with the ACK that completes the handshake. */
static void test_T22_fin_with_handshake(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = peer_at(40000, 1);

	put_syn(rig, &peer, NULL, 0);
	drain(rig);
	peer.seq++;
	peer.ack = rig->sent[0].out.seq + 1;
	put_next(rig, &peer, TCP_FIN, "bye", 3);
	assert_int_equal(rig->up.events, TCP_UP_OPENED | TCP_UP_DATA | TCP_UP_FINISHED);
	assert_int_equal(drain(rig), 1);
	assert_sent(rig, 0, TCP_ACK, peer.ack, peer.seq, 0);
	rig_end(rig);
}

/* T20, T26: what no state takes, and ports where nobody listens. */
static void test_strangers(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = peer_at(40000, 100);

	put_raw(rig, &peer, TCP_SYN | TCP_FIN, 100, 0, NULL, 0);
	put_raw(rig, &peer, 0, 100, 0, NULL, 0);
	put_raw(rig, &peer, TCP_FIN | TCP_PSH | TCP_URG, 100, 0, NULL, 0);
	assert_int_equal(count_of(rig, TCP_DROP_FLAGS), 3);
	put_raw(rig, &peer, TCP_SYN | TCP_RST, 100, 0, NULL, 0);
	put_raw(rig, &peer, TCP_RST | TCP_ACK, 100, 5, NULL, 0);
	assert_int_equal(drain(rig), 0);
	/* Of a connection that we do not know (any more): RST from where the peer looks for it. */
	put_raw(rig, &peer, TCP_ACK | TCP_PSH, 100, 4242, "data", 4);
	assert_int_equal(drain(rig), 1);
	assert_sent(rig, 0, TCP_RST, 4242, 0, 0);
	assert_int_equal(rig->sent[0].out.window, 0);
	assert_int_equal(count_of(rig, TCP_DROP_NO_CONNECTION), 3);
	peer.tuple.local_port = htons(PORT + 5);
	put_raw(rig, &peer, TCP_SYN | TCP_FIN, 100, 0, "ab", 2);
	put_raw(rig, &peer, TCP_ACK, 100, 9, NULL, 0);
	put_raw(rig, &peer, TCP_RST, 100, 9, NULL, 0);
	assert_int_equal(drain(rig), 2);
	assert_sent(rig, 0, TCP_RST | TCP_ACK, 0, 104, 0);
	assert_sent(rig, 1, TCP_RST, 9, 0, 0);
	assert_int_equal(count_of(rig, TCP_DROP_NO_LISTENER), 3);
	assert_int_equal(rig->tcp->flows.used, 0);
	/* The second configured port listens, too. */
	peer.tuple.local_port = htons(PORT + 1);
	put_syn(rig, &peer, NULL, 0);
	assert_int_equal(drain(rig), 1);
	/* The answers of one turn are bounded and what is too much is counted. */
	for (unsigned i = 0; i < TCP_REPLIES + 10; i++) {
		peer.tuple.remote_port = htons((uint16_t)(1000 + i));
		put_raw(rig, &peer, TCP_ACK, 100, 9, NULL, 0);
	}
	assert_int_equal(count_of(rig, TCP_DROP_REPLY), 10);
	rig_end(rig);
}

/* What a SYN's sender takes, floor included. */
static uint16_t option_mss(const uint8_t *bytes, unsigned length)
{
	struct tcp_options options;
	uint16_t mss;

	tcp_options_read(bytes, length, &options);
	assert_true(options.sack_count <= TCP_SACK_BLOCKS);
	assert_true(!options.has_scale || options.scale <= 14);
	mss = tcp_peer_mss(&options, false);
	return mss < 536 ? 536 : mss;
}

/* T2, T4: MSS, and options that are wrong in every way; a SYN is never refused for them. */
static void test_T2_T4_options(void **state)
{
	static const struct {
		const char *options;
		uint8_t length;
		uint16_t mss;
	} cases[] = {
		{"", 0, 536},
		{"\x02\x04\x00\x00", 4, 536},
		{"\x02\x04\x00\x01", 4, 536},
		{"\x02\x04\x00\x07", 4, 536},
		{"\x02\x04\x00\x08", 4, 536},
		{"\x02\x04\x00\x2f", 4, 536},
		{"\x02\x04\x00\x30", 4, 536},
		{"\x02\x04\x02\x17", 4, 536},
		{"\x02\x04\x02\x18", 4, 536},
		{"\x02\x04\x02\x19", 4, 537},
		{"\x02\x04\x05\xb4", 4, 1460},
		{"\x02\x04\xff\xff", 4, 65535},
		{"\x01\x01\x02\x04\x03\xe8", 6, 1000},
		{"\x02\x04\x03\xe8\x02\x04\x04\x00", 8, 1024}, /* twice: the later */
		{"\x03\x03\x07\x02\x04\x03\xe8", 7, 1000},
		{"\x08\x0a\0\0\0\0\0\0\0\0\x02\x04\x03\xe8", 14, 1000},
		{"\x00\x02\x04\x03\xe8", 5, 536},     /* after the end */
		{"\x02\x00\x02\x04\x03\xe8", 6, 536}, /* length 0 */
		{"\x02\x01\x02\x04\x03\xe8", 6, 536}, /* length 1 */
		{"\x03\x00\x02\x04\x03\xe8", 6, 536},
		{"\x03\x01\x02\x04\x03\xe8", 6, 536},
		{"\x02\x03\x03\x02\x04\x03\xe8", 7, 536}, /* MSS of another length */
		{"\x02\x05\x03\xe8\x00", 5, 536},
		{"\x02\x02", 2, 536},
		{"\x02\x04\x03", 3, 536}, /* past the end */
		{"\x02\x04", 2, 536},
		{"\x02", 1, 536}, /* a kind and nothing else */
		{"\x05", 1, 536},
		{"\x05\xff\x01\x01", 4, 536},
		{"\x02\x04\x03\xe8\x08\x0b", 6, 1000},           /* good before bad */
		{"\x05\x07\0\0\0\0\0\x02\x04\x03\xe8", 11, 536}, /* SACK of another length */
		{"\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01"
		 "\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x02\x04\x03\xe8",
			40, 1000},
	};
	unsigned seed = 5;

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		/* On the heap and exact, so that a step too far shows. */
		uint8_t *options = malloc(cases[i].length + !cases[i].length);
		struct rig *rig = rig_default();
		struct peer peer = peer_at(40000, 1);
		uint16_t mss = cases[i].mss < 1460 ? cases[i].mss : 1460;

		memcpy(options, cases[i].options, cases[i].length);
		assert_int_equal(option_mss(options, cases[i].length), cases[i].mss);
		put_syn(rig, &peer, options, cases[i].length);
		assert_int_equal(drain(rig), 1);
		peer.seq++;
		peer.timestamps = has_timestamps(&rig->sent[0].out);
		put_ack(rig, &peer, rig->sent[0].out.seq + 1);
		peer.id = rig->up.id;
		/* Never a segment below the floor, but for the end of a message. */
		assert_true(message(rig, &peer, 1500, 1));
		assert_true(drain(rig) >= 2);
		/* Timestamps, where a case has them, take their room. */
		if (connection_of(rig, &peer)->flags & TCP_TIMESTAMPS)
			mss -= 12;
		assert_int_equal(rig->sent[0].out.length, mss);
		free(options);
		rig_end(rig);
	}
	for (unsigned i = 0; i < 200000; i++) {
		uint8_t options[40];
		unsigned length = (unsigned)rand_r(&seed) % 41;

		for (unsigned j = 0; j < length; j++)
			options[j] = (uint8_t)(rand_r(&seed) % (i % 2 ? 256 : 8));
		assert_true(option_mss(options + 40 - length, length) >= 536);
	}
}

/* T2: bad options on a live connection change nothing. */
static void test_T2_options_established(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = peer_open(rig, 40000);
	static const uint8_t bare_window_scale[] = {3};

	put(rig, (struct tcp_segment){.tuple = peer.tuple,
			 .seq = 0x41414141,
			 .flags = TCP_SYN,
			 .options = bare_window_scale,
			 .options_length = 1});
	assert_int_equal(drain(rig), 1);
	assert_sent(rig, 0, TCP_ACK, peer.ack, peer.seq, 0);
	put(rig, (struct tcp_segment){.tuple = peer.tuple,
			 .seq = peer.seq,
			 .ack = peer.ack,
			 .flags = TCP_ACK,
			 .window = 1000,
			 .options = (const uint8_t *)"\x02\x00\xff\x01",
			 .options_length = 4,
			 .payload = (const uint8_t *)"ok",
			 .length = 2});
	assert_int_equal(rig->up.events, TCP_UP_DATA);
	assert_non_null(tcp_user(rig->tcp, peer.id));
	rig_end(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_handshake),
		cmocka_unit_test(test_syn_again_and_expiry),
		cmocka_unit_test(test_syn_received_hostile),
		cmocka_unit_test(test_T22_fin_with_handshake),
		cmocka_unit_test(test_strangers),
		cmocka_unit_test(test_T2_T4_options),
		cmocka_unit_test(test_T2_options_established),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
