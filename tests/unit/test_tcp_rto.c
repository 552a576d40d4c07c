/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_tcp_rto.c - what time-outs and timestamps do to the RTO of a connection (RFC 6298, 7323) */

#include "tcp_fixture.h"

/* A peer with timestamps. */
static struct peer open_timestamps(struct rig *rig)
{
	static const uint8_t options[] = {2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 100, 0, 0, 0, 0};
	static const uint8_t echo[] = {1, 1, 8, 10, 0, 0, 0, 100, 0, 0, 0, 0};
	struct peer peer = peer_at(40000, 77);
	struct tcp_segment segment = {.tuple = peer.tuple,
		.seq = peer.seq + 1,
		.window = peer.window,
		.flags = TCP_ACK,
		.options = echo,
		.options_length = sizeof(echo)};

	put_syn(rig, &peer, options, sizeof(options));
	assert_int_equal(drain(rig), 1);
	peer.seq++;
	peer.ack = segment.ack = rig->sent[0].out.seq + 1;
	put(rig, segment);
	peer.id = rig->up.id;
	assert_true(connection_of(rig, &peer)->flags & TCP_TIMESTAMPS);
	return peer;
}

/* An ACK that echoes what our clock said @ago ms ago. */
static void put_echo(struct rig *rig, struct peer *peer, uint32_t ack, uint32_t ago)
{
	uint32_t echo = tcp_timestamp(rig->tcp, &connection_of(rig, peer)->flow) - ago;
	uint8_t options[] = {1, 1, 8, 10, 0, 0, 0, 101, (uint8_t)(echo >> 24),
		(uint8_t)(echo >> 16), (uint8_t)(echo >> 8), (uint8_t)echo};
	struct tcp_segment segment = {.tuple = peer->tuple,
		.seq = peer->seq,
		.ack = peer->ack = ack,
		.window = peer->window,
		.flags = TCP_ACK,
		.options = options,
		.options_length = sizeof(options)};

	rig->tcp->now = rig->now;
	put(rig, segment);
}

/* @times time-outs in a row. */
static void time_out(struct rig *rig, const struct peer *peer, unsigned times)
{
	assert_true(message(rig, peer, 100, 't'));
	drain(rig);
	while (connection_of(rig, peer)->backoff < times)
		pass(rig, 10 * MS);
}

/* RTTM of retransmitted data: the echo says which of them is answered, and the backoff ends. */
static void test_T25_timestamps_end_backoff(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = open_timestamps(rig);
	struct tcp_connection *c = connection_of(rig, &peer);

	time_out(rig, &peer, 5);
	rig->now += 30 * MS;
	put_echo(rig, &peer, peer.ack + 100, 30);
	assert_int_equal(c->backoff, 0);
	assert_in_range(c->srtt, 1, 30);
	assert_int_equal(tcp_rto(c), 200 * MS);
	rig_end(rig);
}

/* T9: an echo of the future, or of more than any round trip ago, measures nothing. */
static void test_T9_echo_of_the_future(void **state)
{
	static const uint32_t lies[] = {-1u, -1000u, 0x80000000, 0x7fffffff, 60001};

	for (unsigned i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct rig *rig = rig_default();
		struct peer peer = open_timestamps(rig);
		struct tcp_connection *c = connection_of(rig, &peer);
		uint16_t srtt = c->srtt, rttvar = c->rttvar;

		time_out(rig, &peer, 4);
		put_echo(rig, &peer, peer.ack + 100, lies[i]);
		assert_int_equal(c->srtt, srtt);
		assert_int_equal(c->rttvar, rttvar);
		assert_int_equal(c->backoff, TCP_BACKOFF_PROGRESS);
		rig_end(rig);
	}
}

/* An ACK of nothing new is no sample either (RFC 7323 4.1). */
static void test_T25_only_progress_measures(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = open_timestamps(rig);
	struct tcp_connection *c = connection_of(rig, &peer);

	time_out(rig, &peer, 4);
	for (unsigned i = 0; i < 10; i++)
		put_echo(rig, &peer, peer.ack, 10);
	assert_int_equal(c->backoff, 4);
	rig_end(rig);
}

/* Without timestamps Karn's rule: no sample, and the RTO comes back only to 4 times its base. */
static void test_T25_progress_without_timestamps(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = peer_open(rig, 40000);
	struct tcp_connection *c = connection_of(rig, &peer);

	time_out(rig, &peer, 7);
	assert_int_equal(tcp_rto(c), (200 << 7) * MS);
	put_ack(rig, &peer, peer.ack + 100);
	assert_int_equal(tcp_rto(c), 800 * MS);
	time_out(rig, &peer, 1);
	rig_end(rig);
}

/* Withheld ACKs stretch the RTO to a minute, not more; and four of them end the connection. */
static void test_T25_stretched(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = peer_open(rig, 40000);
	struct tcp_connection *c = connection_of(rig, &peer);

	for (unsigned i = 0; i < 30; i++) {
		assert_true(message(rig, &peer, 100, 's'));
		drain(rig);
		pass(rig, tcp_rto(c) / 10 * 9);
		put_ack(rig, &peer, c->snd_nxt);
		assert_true(tcp_rto(c) <= 60 * SECOND);
	}
	assert_int_equal(tcp_rto(c), 60 * SECOND);
	assert_true(message(rig, &peer, 100, 's'));
	pass(rig, 230 * SECOND);
	assert_int_equal(rig->up_count, 0);
	pass(rig, 80 * SECOND);
	assert_int_equal(rig->up_count, 1);
	assert_int_equal(rig->ups[0].reason, TCP_REASON_TIMEOUT);
	rig_end(rig);
}

/* The ACK of one copy is lost, and that of the next, much later, echoes the first: our own wait is
 * no round trip. A path that has become slower is believed all the same, in a few steps. */
static void test_T25_echo_of_an_earlier_copy(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = open_timestamps(rig);
	struct tcp_connection *c = connection_of(rig, &peer);

	time_out(rig, &peer, 6);
	put_echo(rig, &peer, peer.ack + 100, 6400);
	assert_true(tcp_rto(c) < 600 * MS);
	for (unsigned i = 0; i < 8; i++) {
		time_out(rig, &peer, 1);
		put_echo(rig, &peer, peer.ack + 100, 5000);
	}
	assert_in_range(tcp_rto(c), 5000 * MS, 15000 * MS);
	rig_end(rig);
}

/* What comes through out of order shows that the path lives: the RTO comes back to 4 times its
 * base. */
static void test_T25_reports_end_backoff(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = peer_open(rig, 40000);
	struct tcp_connection *c = connection_of(rig, &peer);
	struct tcp_segment segment = {.tuple = peer.tuple,
		.seq = peer.seq,
		.ack = peer.ack,
		.window = peer.window,
		.flags = TCP_ACK};
	struct tcp_options options = {.sack_count = 1, .sack = {{peer.ack + 100, peer.ack + 200}}};

	c->flags |= TCP_SACK;
	assert_true(message(rig, &peer, 100, 'r'));
	time_out(rig, &peer, 6);
	assert_int_equal(c->backoff, 6);
	rig->tcp->now = rig->now;
	tcp_ack_in(rig->tcp, c, &segment, &options);
	assert_int_equal(c->backoff, TCP_BACKOFF_PROGRESS);
	/* Once: it is no news a second time. */
	c->backoff = 6;
	tcp_ack_in(rig->tcp, c, &segment, &options);
	assert_int_equal(c->backoff, 6);
	drain(rig);
	rig_end(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_T25_timestamps_end_backoff),
		cmocka_unit_test(test_T9_echo_of_the_future),
		cmocka_unit_test(test_T25_only_progress_measures),
		cmocka_unit_test(test_T25_progress_without_timestamps),
		cmocka_unit_test(test_T25_stretched),
		cmocka_unit_test(test_T25_echo_of_an_earlier_copy),
		cmocka_unit_test(test_T25_reports_end_backoff),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
