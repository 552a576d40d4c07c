/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_tcp_connect.c - active and simultaneous open (RFC 9293 3.5, 3.10.7.3) */
#include "tcp_fixture.h"

/* SYN sent; @peer's .ack is the number that answers it. */
static struct peer begin(struct rig *rig, uint16_t port)
{
	struct peer peer = peer_at(port, 7000);

	peer.tuple.local_port = htons(50000); /* nobody listens there */
	peer.id = tcp_connect(rig->tcp, &peer.tuple, 3, "0123456789abcdef", rig->now);
	assert_int_not_equal(peer.id, 0);
	assert_int_equal(tcp_connections(rig->tcp, NULL), 0);
	assert_int_equal(drain(rig), 1);
	assert_int_equal(rig->sent[0].out.flags, TCP_SYN);
	assert_int_equal(rig->sent[0].out.ack, 0);
	assert_int_equal(rig->sent[0].out.link, 3);
	peer.ack = rig->sent[0].out.seq + 1;
	return peer;
}

static struct tcp_up *answer(
	struct rig *rig, struct peer *peer, uint8_t flags, const char *options, uint8_t length)
{
	put(rig, (struct tcp_segment){.tuple = peer->tuple,
			 .seq = peer->seq,
			 .ack = flags & TCP_ACK ? peer->ack : 0,
			 .window = peer->window,
			 .flags = flags,
			 .link = 1,
			 .options = (const uint8_t *)options,
			 .options_length = length});
	peer->seq += !!(flags & TCP_SYN);
	return &rig->up;
}

static void test_connect(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = begin(rig, 40000);
	struct tcp_options offered = options_of(&rig->sent[0].out);
	struct tcp_info info;

	assert_true(offered.has_mss && offered.has_scale && offered.has_timestamps &&
		    offered.sack_permitted);
	assert_int_equal(offered.mss, 1460);
	assert_int_equal(offered.echo, 0);
	assert_null(tcp_reserve(rig->tcp, peer.id, 10));
	assert_true(tcp_info(rig->tcp, peer.id, &info));
	assert_string_equal(info.state, "SYN-SENT");
	rig->now += 30 * MS;
	answer(rig, &peer, TCP_SYN | TCP_ACK, USUAL_OPTIONS, USUAL_LENGTH);
	assert_int_equal(rig->up.events, TCP_UP_OPENED);
	assert_int_equal(rig->up.id, peer.id);
	assert_memory_equal(tcp_user(rig->tcp, peer.id), "0123456789abcdef", 16);
	assert_int_equal(tcp_connections(rig->tcp, NULL), 1);
	assert_int_equal(drain(rig), 1);
	assert_sent(rig, 0, TCP_ACK, peer.ack, peer.seq, 0);
	assert_int_equal(options_of(&rig->sent[0].out).echo, USUAL_VALUE);
	assert_int_equal(connection_of(rig, &peer)->srtt, 30);
	assert_int_equal(connection_of(rig, &peer)->mss, 1448);
	assert_true(tcp_send_window(connection_of(rig, &peer)) <= 65535);
	assert_true(tcp_send_window(connection_of(rig, &peer)) > 65535 - 128);
	assert_true(tcp_info(rig->tcp, peer.id, &info));
	assert_string_equal(info.state, "ESTABLISHED");
	assert_true(info.timestamps && info.sack && !info.ipv6 && !info.recovery);
	assert_int_equal(info.snd_scale, 7);
	assert_int_equal(info.rcv_scale, 0);
	assert_int_equal(info.rcv_wnd, 32768);
	assert_int_equal(info.srtt_ms, 30);
	assert_int_equal(info.ssthresh, UINT32_MAX);
	assert_false(tcp_info(rig->tcp, peer.id + 1, &info));
	peer.timestamps = true;
	peer.value = USUAL_VALUE;
	assert_true(message(rig, &peer, 100, 'q'));
	assert_int_equal(drain(rig), 1);
	put_next(rig, &peer, 0, "answer", 6);
	assert_int_equal(rig->up.events, TCP_UP_DATA);
	rig_end(rig);
}

/* Only what both know is used, and a peer's text may come with its SYN. */
static void test_plain_peer(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = begin(rig, 40000);

	put_raw(rig, &peer, TCP_SYN | TCP_ACK, peer.seq, peer.ack, "hi", 2);
	assert_int_equal(rig->up.events, TCP_UP_OPENED | TCP_UP_DATA);
	assert_memory_equal(rig->got, "hi", 2);
	peer.seq += 3;
	assert_int_equal(drain(rig), 1);
	assert_sent(rig, 0, TCP_ACK, peer.ack, peer.seq, 0);
	assert_int_equal(rig->sent[0].out.options_length, 0);
	assert_int_equal(connection_of(rig, &peer)->mss, 536);
	assert_int_equal(connection_of(rig, &peer)->shift, 0);
	rig_end(rig);
}

static void test_refused(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = begin(rig, 40000);
	uint32_t right = peer.ack;

	/* An RST that does not know our number is a stranger's. */
	put_raw(rig, &peer, TCP_RST, 0, 0, NULL, 0);
	put_raw(rig, &peer, TCP_RST | TCP_ACK, 0, right + 1, NULL, 0);
	put_raw(rig, &peer, TCP_RST | TCP_ACK, 0, right - 1, NULL, 0);
	assert_int_equal(drain(rig), 0);
	/* A wrong ACK (an old incarnation's) is told so; the SYN stays out. */
	put_raw(rig, &peer, TCP_ACK, 99, right - 1, "x", 1);
	put_raw(rig, &peer, TCP_SYN | TCP_ACK, 99, right + 1, NULL, 0);
	assert_int_equal(drain(rig), 2);
	assert_sent(rig, 0, TCP_RST, right - 1, 0, 0);
	assert_sent(rig, 1, TCP_RST, right + 1, 0, 0);
	put_raw(rig, &peer, TCP_ACK, 99, right, NULL, 0);
	put_raw(rig, &peer, 0, 99, 0, NULL, 0);
	put_raw(rig, &peer, TCP_SYN | TCP_FIN, 99, 0, NULL, 0);
	assert_int_equal(drain(rig), 0);
	assert_int_equal(connection_of(rig, &peer)->state, TCP_SYN_SENT);
	put_raw(rig, &peer, TCP_RST | TCP_ACK, 0, right, NULL, 0);
	assert_int_equal(rig->up.events, TCP_UP_CLOSED);
	assert_int_equal(rig->up.reason, TCP_REASON_RESET);
	assert_int_equal(rig->up.id, peer.id);
	assert_memory_equal(rig->up.user, "0123456789abcdef", 16);
	assert_int_equal(drain(rig), 0);
	assert_null(tcp_user(rig->tcp, peer.id));
	rig_end(rig);
}

static void test_unanswered(void **state)
{
	static const unsigned at[] = {1, 3, 7, 15, 31, 63, 123};
	struct rig *rig = rig_default();
	struct peer peer = begin(rig, 40000);
	unsigned sent = 0, told = 0;

	for (unsigned s = 1; s <= 190; s++) {
		pass(rig, SECOND);
		for (unsigned i = 0; i < rig->sent_count; i++) {
			assert_in_range(s, at[sent], at[sent] + 1);
			assert_sent(rig, i, TCP_SYN, peer.ack - 1, 0, 0);
			sent++;
		}
		for (unsigned i = 0; i < rig->up_count; i++) {
			assert_int_equal(rig->ups[i].events, TCP_UP_CLOSED);
			assert_int_equal(rig->ups[i].reason, TCP_REASON_TIMEOUT);
			/* RFC 1122 4.2.3.5: at least 3 minutes. */
			assert_true(s >= 180);
			told++;
		}
	}
	assert_int_equal(sent, 7);
	assert_int_equal(told, 1);
	rig_end(rig);
}

/* A SYN that went twice measures nothing and starts with one segment (RFC 5681 3.1). */
static void test_again(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = begin(rig, 40000);

	pass(rig, 1100 * MS);
	assert_int_equal(rig->sent_count, 1);
	answer(rig, &peer, TCP_SYN | TCP_ACK, "\x02\x04\x05\xb4", 4);
	assert_int_equal(rig->up.events, TCP_UP_OPENED);
	assert_int_equal(connection_of(rig, &peer)->cwnd, 1460);
	assert_int_equal(connection_of(rig, &peer)->backoff, 0);
	rig_end(rig);
}

/* RFC 9293 3.5, figure 7: each end's SYN crosses the other's. */
static void test_simultaneous(void **state)
{
	static const bool with_syn_ack[] = {true, false};

	for (unsigned i = 0; i < 2; i++) {
		struct rig *rig = rig_default();
		struct peer peer = begin(rig, 40000);

		answer(rig, &peer, TCP_SYN, USUAL_OPTIONS, USUAL_LENGTH);
		assert_int_equal(rig->up.events, 0);
		assert_int_equal(drain(rig), 1);
		assert_sent(rig, 0, TCP_SYN | TCP_ACK, peer.ack - 1, peer.seq, 0);
		assert_int_equal(rig->sent[0].out.options_length, 20);
		/* Unanswered it goes again. */
		pass(rig, 1100 * MS);
		assert_int_equal(rig->sent_count, 1);
		assert_sent(rig, 0, TCP_SYN | TCP_ACK, peer.ack - 1, peer.seq, 0);
		peer.timestamps = true;
		peer.value = USUAL_VALUE;
		/* A guess does not end it. */
		put_raw(rig, &peer, TCP_RST, peer.seq + 1, 0, NULL, 0);
		put_raw(rig, &peer, TCP_ACK, peer.seq, peer.ack + 1, NULL, 0);
		assert_int_equal(drain(rig), 1);
		assert_sent(rig, 0, TCP_RST, peer.ack + 1, 0, 0);
		put_raw(rig, &peer, with_syn_ack[i] ? TCP_SYN | TCP_ACK : TCP_ACK,
			peer.seq - with_syn_ack[i], peer.ack, NULL, 0);
		assert_int_equal(rig->up.events, TCP_UP_OPENED);
		assert_int_equal(drain(rig), with_syn_ack[i]);
		put_next(rig, &peer, 0, "data", 4);
		assert_memory_equal(rig->got, "data", 4);
		assert_int_equal(connection_of(rig, &peer)->mss, 1448);
		rig_end(rig);
	}
}

static void test_close_while_opening(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = begin(rig, 40000), both = begin(rig, 40001), third = begin(rig, 40002);

	/* In SYN-SENT: gone, and nobody need know. */
	tcp_close(rig->tcp, peer.id);
	tcp_abort(rig->tcp, third.id);
	assert_null(tcp_user(rig->tcp, peer.id));
	assert_int_equal(drain(rig), 0);
	answer(rig, &peer, TCP_SYN | TCP_ACK, NULL, 0);
	assert_int_equal(drain(rig), 1);
	assert_int_equal(rig->sent[0].out.flags, TCP_RST);
	/* In SYN-RECEIVED: the FIN follows the handshake. */
	answer(rig, &both, TCP_SYN, NULL, 0);
	tcp_close(rig->tcp, both.id);
	drain(rig);
	put_ack(rig, &both, both.ack);
	assert_int_equal(rig->up.events, 0);
	assert_int_equal(drain(rig), 1);
	assert_sent(rig, 0, TCP_FIN | TCP_ACK, both.ack, both.seq, 0);
	rig_end(rig);
}

static void test_no_room(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = begin(rig, 40000);

	assert_int_equal(tcp_connect(rig->tcp, &peer.tuple, 0, NULL, rig->now), 0);
	assert_int_equal(count_of(rig, TCP_CONNECT_IN_USE), 1);
	for (uint16_t i = 1; i < 8; i++)
		begin(rig, 40000 + i);
	peer.tuple.remote_port = 5;
	assert_int_equal(tcp_connect(rig->tcp, &peer.tuple, 0, NULL, rig->now), 0);
	assert_int_equal(count_of(rig, TCP_FULL_CONNECTIONS), 1);
	peer.tuple.remote.word[0] = 1; /* IPv6, which is not configured */
	assert_int_equal(tcp_connect(rig->tcp, &peer.tuple, 0, NULL, rig->now), 0);
	assert_int_equal(count_of(rig, TCP_DROP_FAMILY), 1);
	rig_end(rig);
}

/* Our own two ends. */
static void test_with_ourselves(void **state)
{
	struct rig *rig = rig_default();
	struct tcp_tuple there = {.remote = ip_from_v4(htonl(0xc6120001)),
		.local = ip_from_v4(htonl(0xc6120002)),
		.remote_port = htons(PORT),
		.local_port = htons(50000)};
	tcp_id client = tcp_connect(rig->tcp, &there, 0, NULL, rig->now);
	unsigned opened = 0;

	for (unsigned turn = 0; turn < 4; turn++) {
		drain(rig);
		for (unsigned i = 0; i < rig->sent_count; i++) {
			const struct tcp_out *out = &rig->sent[i].out;
			struct tcp_segment segment = {.seq = out->seq,
				.ack = out->ack,
				.window = out->window,
				.flags = out->flags,
				.options = out->options,
				.options_length = out->options_length};

			segment.tuple.remote = out->tuple.local;
			segment.tuple.local = out->tuple.remote;
			segment.tuple.remote_port = out->tuple.local_port;
			segment.tuple.local_port = out->tuple.remote_port;
			opened += put(rig, segment)->events == TCP_UP_OPENED;
		}
	}
	assert_int_equal(opened, 2);
	assert_int_equal(tcp_connections(rig->tcp, NULL), 2);
	assert_non_null(tcp_user(rig->tcp, client));
	rig_end(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_connect),
		cmocka_unit_test(test_plain_peer),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_unanswered),
		cmocka_unit_test(test_again),
		cmocka_unit_test(test_simultaneous),
		cmocka_unit_test(test_close_while_opening),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_with_ourselves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
