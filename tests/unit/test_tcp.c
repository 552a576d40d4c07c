/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_tcp.c - opening, data both ways, ids, options, limits of tables */

#include "tcp_fixture.h"

static void test_config(void **state)
{
	struct tcp_config good = rig_config(), bad;
	struct chunk_pool *pool = (struct chunk_pool *)&good;
	void *memory;

	good.chunks = pool;
	memory = aligned_alloc(64, (tcp_bytes(&good) + 63) & ~63ul);
	memset(memory, 0, tcp_bytes(&good));
	assert_non_null(tcp_init(memory, &good, 0));
#define REFUSED(member, value)                                                                     \
	do {                                                                                       \
		bad = good;                                                                        \
		bad.member = (value);                                                              \
		assert_null(tcp_init(memory, &bad, 0));                                            \
	} while (0)
	REFUSED(connections, 0);
	REFUSED(connections, 1u << 24);
	REFUSED(embryonic, 0);
	REFUSED(time_wait, 0);
	REFUSED(receive_window, 65536);
	REFUSED(receive_window, 0);
	REFUSED(send_bytes, 0);
	REFUSED(mss, 535);
	REFUSED(idle_us, 0);
	REFUSED(port_count, 0);
	REFUSED(port_count, 65);
	REFUSED(chunks, NULL);
	free(memory);
	/* What the design promises for 10 M connections: 128 bytes and 13.4 of flow slots each. */
	good.connections = 10000000;
	good.embryonic = 100000;
	good.time_wait = 100000;
	assert_true(tcp_bytes(&good) / good.connections < 143);
	for (unsigned i = 0; i < TCP_COUNTER_COUNT; i++)
		assert_true(tcp_counter_info[i].name && tcp_counter_info[i].help);
}

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
		{"\x02\x04\x03\xe8\x08\x0b", 6, 1000}, /* good before bad */
		{"\x05\x07\0\0\0\0\0\x02\x04\x03\xe8", 11, 1000},
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
		assert_int_equal(tcp_option_mss(options, cases[i].length), cases[i].mss);
		put_syn(rig, &peer, options, cases[i].length);
		assert_int_equal(drain(rig), 1);
		peer.seq++;
		put_ack(rig, &peer, rig->sent[0].out.seq + 1);
		peer.id = rig->up.id;
		/* Never a segment below the floor, but for the end of a message. */
		assert_true(message(rig, &peer, 1500, 1));
		assert_true(drain(rig) >= 2);
		assert_int_equal(rig->sent[0].out.length, mss);
		free(options);
		rig_end(rig);
	}
	for (unsigned i = 0; i < 200000; i++) {
		uint8_t options[40];
		unsigned length = (unsigned)rand_r(&seed) % 41;

		for (unsigned j = 0; j < length; j++)
			options[j] = (uint8_t)(rand_r(&seed) % (i % 2 ? 256 : 8));
		assert_true(tcp_option_mss(options + 40 - length, length) >= 536);
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
	assert_int_equal(count_of(rig, TCP_DROP_OUT_OF_ORDER), 5);
	/* Three duplicates, each of its own, make the peer send again at once. */
	assert_int_equal(drain(rig), 3);
	for (unsigned i = 0; i < 3; i++)
		assert_sent(rig, i, TCP_ACK, peer.ack, start + 12, 0);
	put_next(rig, &peer, TCP_URG | TCP_PSH, "mno", 3); /* T3: urgent bytes are bytes */
	assert_int_equal(rig->got_length, 15);
	assert_memory_equal(rig->got, "abcdefghijklmno", 15); /* T7: first received wins */
	/* T24: a keep-alive with and without its garbage byte is answered, not delivered. */
	drain(rig);
	put_raw(rig, &peer, TCP_ACK, peer.seq - 1, peer.ack, NULL, 0);
	assert_int_equal(drain(rig), 1);
	put_raw(rig, &peer, TCP_ACK, peer.seq - 1, peer.ack, "!", 1);
	assert_int_equal(drain(rig), 1);
	assert_int_equal(rig->got_length, 15);
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
	assert_int_equal(count_of(rig, TCP_DROP_OUT_OF_ORDER), 1);
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

static void test_stale_ids(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = peer_open(rig, 40000);
	tcp_id ids[] = {0, peer.id, UINT32_MAX, 5, 0x01ffffff, peer.id ^ 1u << 24};
	struct tcp_tuple tuple;
	struct peer canary;
	tcp_id used[600];

	tcp_abort(rig->tcp, peer.id);
	assert_int_equal(drain(rig), 1);
	assert_int_equal(rig->sent[0].out.flags, TCP_RST | TCP_ACK);
	canary = peer_open(rig, 40001);
	for (unsigned i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		assert_int_not_equal(ids[i], canary.id);
		assert_null(tcp_user(rig->tcp, ids[i]));
		assert_false(tcp_tuple_of(rig->tcp, ids[i], &tuple));
		assert_null(tcp_reserve(rig->tcp, ids[i], 10));
		tcp_commit(rig->tcp, ids[i], 10);
		tcp_accept(rig->tcp, ids[i], true);
		tcp_set_deadline(rig->tcp, ids[i], rig->now);
		tcp_close(rig->tcp, ids[i]);
		tcp_abort(rig->tcp, ids[i]);
	}
	assert_int_equal(tcp_connections(rig->tcp, NULL), 1);
	put_next(rig, &canary, 0, "ok", 2);
	assert_int_equal(rig->up.events, TCP_UP_DATA);
	assert_int_equal(drain(rig), 1);
	/* Records are used again, the oldest first, and never under an id of the last 600. */
	for (unsigned i = 0; i < 600; i++) {
		used[i] = canary.id;
		tcp_abort(rig->tcp, canary.id);
		drain(rig);
		canary = peer_open_iss(rig, 41000, 1000 + i, 1460);
		assert_int_not_equal(canary.id >> 24, 0);
		for (unsigned j = 0; j <= i; j++) {
			assert_int_not_equal(canary.id, used[j]);
			assert_null(tcp_user(rig->tcp, used[j]));
		}
	}
	rig_end(rig);
}

static void test_tables_full(void **state)
{
	struct rig *rig = rig_default();
	struct peer peers[8], late, canary;

	for (uint16_t i = 0; i < 7; i++)
		peers[i] = peer_open(rig, 40000 + i);
	canary = peer_open(rig, 50000);
	/* The ninth: its handshake is not completed, not refused either. */
	late = peer_at(40010, 1);
	put_syn(rig, &late, NULL, 0);
	drain(rig);
	late.seq++;
	put_ack(rig, &late, rig->sent[0].out.seq + 1);
	assert_int_equal(rig->up.events, 0);
	assert_int_equal(count_of(rig, TCP_FULL_CONNECTIONS), 1);
	assert_int_equal(drain(rig), 0);
	tcp_abort(rig->tcp, peers[3].id);
	pass(rig, 1100 * MS);
	assert_int_equal(rig->sent_count, 2);
	assert_int_equal(rig->sent[1].out.flags, TCP_SYN | TCP_ACK);
	put_next(rig, &late, 0, NULL, 0);
	assert_int_equal(rig->up.events, TCP_UP_OPENED);
	/* A flood of SYNs: 8 take a record each, the rest is counted; all is as before in 31 s. */
	for (uint16_t i = 0; i < 200; i++) {
		struct peer flood = peer_at(20000 + i, i);

		put_syn(rig, &flood, NULL, 0);
	}
	assert_int_equal(count_of(rig, TCP_FULL_EMBRYONIC), 192);
	assert_int_equal(rig->tcp->embryonic_slab.used, 8);
	put_next(rig, &canary, 0, "alive", 5);
	assert_int_equal(rig->up.events, TCP_UP_DATA);
	pass(rig, 32 * SECOND);
	assert_int_equal(rig->tcp->embryonic_slab.used, 0);
	assert_int_equal(count_of(rig, TCP_SYN_EXPIRED), 8);
	tcp_abort(rig->tcp, peers[0].id);
	drain(rig);
	peers[0] = peer_open(rig, 45000);
	rig_end(rig);
}

static void test_isn(void **state)
{
	enum { COUNT = 2000 };
	struct tcp_config config = rig_config();
	struct rig *rig;
	uint32_t isn[COUNT];
	unsigned top[16] = {0}, low[16] = {0};

	config.embryonic = COUNT;
	rig = rig_new(config, (uint32_t[]){1, 1, 1, 1});
	for (uint16_t i = 0; i < COUNT; i++) {
		struct peer peer = peer_at(1000 + i, 1);

		put_syn(rig, &peer, NULL, 0);
		drain(rig);
		isn[i] = rig->sent[0].out.seq;
		top[isn[i] >> 28]++;
		low[isn[i] % 16]++;
		for (unsigned j = 0; j < i; j++)
			assert_true(isn[j] != isn[i]);
	}
	for (unsigned i = 0; i < 16; i++) {
		assert_in_range(top[i], COUNT / 32, COUNT / 8);
		assert_in_range(low[i], COUNT / 32, COUNT / 8);
	}
	/* RFC 6528: of one flow they grow with a clock of 4 us. */
	struct peer peer = peer_at(1000, 1);

	put_raw(rig, &peer, TCP_RST, 2, 0, NULL, 0);
	rig->now += 4000;
	put_syn(rig, &peer, NULL, 0);
	drain(rig);
	assert_int_equal(rig->sent[0].out.seq, isn[0] + 1000);
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

static void test_deadline_and_idle(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = peer_open(rig, 40000), other = peer_open(rig, 40001);

	tcp_set_deadline(rig->tcp, peer.id, rig->now + SECOND);
	tcp_set_deadline(rig->tcp, other.id, rig->now + SECOND);
	tcp_set_deadline(rig->tcp, other.id, 0);
	pass(rig, 990 * MS);
	assert_int_equal(rig->up_count, 0);
	pass(rig, 30 * MS);
	assert_int_equal(rig->up_count, 1);
	assert_int_equal(rig->ups[0].id, peer.id);
	assert_int_equal(rig->ups[0].events, TCP_UP_DEADLINE);
	pass(rig, 300 * SECOND);
	assert_int_equal(rig->up_count, 0);
	put_next(rig, &peer, 0, "x", 1);
	/* Segments that are not valid keep nobody alive. */
	put_raw(rig, &other, TCP_ACK, other.seq - 100, other.ack, NULL, 0);
	put_raw(rig, &other, TCP_ACK, other.seq, other.ack + 1, NULL, 0);
	pass(rig, 300 * SECOND);
	assert_int_equal(rig->up_count, 1);
	assert_int_equal(rig->ups[0].id, other.id);
	assert_int_equal(rig->ups[0].events, TCP_UP_CLOSED);
	assert_int_equal(rig->ups[0].reason, TCP_REASON_IDLE);
	assert_int_equal(rig->sent[rig->sent_count - 1].out.flags, TCP_RST | TCP_ACK);
	assert_int_equal(count_of(rig, TCP_IDLE), 1);
	assert_non_null(tcp_user(rig->tcp, peer.id));
	rig_end(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_config),
		cmocka_unit_test(test_handshake),
		cmocka_unit_test(test_syn_again_and_expiry),
		cmocka_unit_test(test_syn_received_hostile),
		cmocka_unit_test(test_T22_fin_with_handshake),
		cmocka_unit_test(test_strangers),
		cmocka_unit_test(test_T2_T4_options),
		cmocka_unit_test(test_T2_options_established),
		cmocka_unit_test(test_receive),
		cmocka_unit_test(test_receive_window_edge),
		cmocka_unit_test(test_send),
		cmocka_unit_test(test_reserve),
		cmocka_unit_test(test_chunks_run_out),
		cmocka_unit_test(test_stale_ids),
		cmocka_unit_test(test_tables_full),
		cmocka_unit_test(test_isn),
		cmocka_unit_test(test_output_in_bites),
		cmocka_unit_test(test_deadline_and_idle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
