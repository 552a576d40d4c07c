/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_tcp_timestamps.c - timestamps, TS.Recent and PAWS (RFC 7323 sections 3 to 5; T9, T14) */
#include "tcp_fixture.h"

static struct peer stamped(struct rig *rig, uint16_t port)
{
	return peer_open_with(rig, peer_at(port, 1000u * port), USUAL_OPTIONS, USUAL_LENGTH);
}

static uint32_t recent_of(struct rig *rig, const struct peer *peer)
{
	return connection_of(rig, peer)->ts_recent;
}

static void test_every_segment(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = stamped(rig, 40000);
	uint32_t start = tcp_timestamp(rig->tcp, &connection_of(rig, &peer)->flow);

	rig->now += 250 * MS;
	peer.value += 7;
	put_next(rig, &peer, 0, "data", 4);
	assert_true(message(rig, &peer, 10, 'a'));
	drain(rig);
	assert_int_equal(rig->sent_count, 1);
	assert_int_equal(options_of(&rig->sent[0].out).value, start + 250);
	assert_int_equal(options_of(&rig->sent[0].out).echo, USUAL_VALUE + 7);
	/* Retransmissions, FIN and challenge ACKs, too. */
	pass(rig, 250 * MS);
	assert_int_equal(rig->sent_count, 1);
	assert_true(has_timestamps(&rig->sent[0].out));
	tcp_close(rig->tcp, peer.id);
	assert_int_equal(drain(rig), 1);
	put_ack(rig, &peer, peer.ack + 10);
	assert_int_equal(rig->sent[0].out.flags, TCP_FIN | TCP_ACK);
	assert_true(has_timestamps(&rig->sent[0].out));
	put_raw(rig, &peer, TCP_SYN, peer.seq, 0, NULL, 0);
	assert_int_equal(drain(rig), 1);
	assert_true(has_timestamps(&rig->sent[0].out));
	/* TIME-WAIT, at once and later. */
	peer.ack++;
	peer.value++;
	put_next(rig, &peer, TCP_FIN, NULL, 0);
	assert_int_equal(drain(rig), 1);
	assert_int_equal(options_of(&rig->sent[0].out).echo, peer.value);
	put_raw(rig, &peer, TCP_FIN | TCP_ACK, peer.seq - 1, peer.ack, NULL, 0);
	assert_int_equal(drain(rig), 1);
	assert_int_equal(options_of(&rig->sent[0].out).echo, peer.value);
	rig_end(rig);
}

/* TS.Recent follows the first segment of what one ACK acknowledges (RFC 7323 4.3). */
static void test_T9_recent(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = stamped(rig, 40000);

	peer.value = 0x2000;
	put_next(rig, &peer, 0, "one", 3);
	peer.value = 0x2001;
	put_next(rig, &peer, 0, "two", 3);
	assert_int_equal(recent_of(rig, &peer), 0x2000);
	drain(rig);
	assert_int_equal(options_of(&rig->sent[0].out).echo, 0x2000);
	/* Not of one ahead: what fills the gap is older. */
	peer.value = 0x2005;
	put_raw(rig, &peer, TCP_ACK, peer.seq + 100, peer.ack, "far", 3);
	assert_int_equal(recent_of(rig, &peer), 0x2000);
	drain(rig);
	peer.value = 0x2003;
	put_next(rig, &peer, 0, "gap", 3);
	assert_int_equal(recent_of(rig, &peer), 0x2003);
	rig_end(rig);
}

static void test_T9_paws(void **state)
{
	static const struct {
		uint32_t ahead;
		bool taken;
	} cases[] = {{0, true}, {1, true}, {0x7fffffff, true}, {0x80000000, false},
		{0x80000001, false}, {0xffffffff, false}};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rig *rig = rig_default();
		struct peer peer = stamped(rig, 40000);
		uint32_t seq = peer.seq;

		peer.value += cases[i].ahead;
		put_next(rig, &peer, 0, "text", 4);
		assert_int_equal(rig->up.events, cases[i].taken ? TCP_UP_DATA : 0);
		assert_int_equal(count_of(rig, TCP_DROP_PAWS), !cases[i].taken);
		/* The old segment is answered; nothing of it is remembered. */
		assert_int_equal(drain(rig), 1);
		assert_int_equal(rig->sent[0].out.ack, seq + (cases[i].taken ? 4 : 0));
		assert_int_equal(recent_of(rig, &peer),
			cases[i].taken ? USUAL_VALUE + cases[i].ahead : USUAL_VALUE);
		rig_end(rig);
	}
}

static void test_T9_exempt(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = stamped(rig, 40000), other = stamped(rig, 40001);
	struct peer plain = peer_open(rig, 40002);
	uint32_t recent = recent_of(rig, &peer);

	/* A forged stamp outside the window leaves nothing behind. */
	peer.value = 0x7000;
	put_raw(rig, &peer, TCP_ACK, peer.seq - 40000, peer.ack, "x", 1);
	put_raw(rig, &peer, TCP_ACK, peer.seq + 40000, peer.ack, "x", 1);
	assert_int_equal(recent_of(rig, &peer), recent);
	assert_int_equal(count_of(rig, TCP_DROP_OUT_OF_WINDOW), 2);
	/* None at all, though agreed on: dropped without a word, but for RST. */
	drain(rig);
	peer.timestamps = false;
	put_raw(rig, &peer, TCP_ACK, peer.seq, peer.ack, "x", 1);
	assert_int_equal(count_of(rig, TCP_DROP_NO_TIMESTAMPS), 1);
	assert_int_equal(drain(rig), 0);
	put_raw(rig, &peer, TCP_RST, peer.seq, peer.ack, NULL, 0);
	assert_int_equal(rig->up.events, TCP_UP_CLOSED);
	/* An RST with a stamp of the past is an RST. */
	other.value -= 500;
	put_raw(rig, &other, TCP_RST, other.seq, other.ack, NULL, 0);
	assert_int_equal(rig->up.events, TCP_UP_CLOSED);
	/* Not agreed on: passed over. */
	plain.timestamps = true;
	plain.value = 5;
	put_next(rig, &plain, 0, "a", 1);
	plain.value = 4;
	put_next(rig, &plain, 0, "b", 1);
	assert_memory_equal(rig->got, "ab", 2);
	drain(rig);
	assert_int_equal(rig->sent[rig->sent_count - 1].out.options_length, 0);
	rig_end(rig);
}

/* In SYN-RECEIVED: no stamp, or an old one, opens nothing. */
static void test_T9_handshake(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = peer_at(40000, 5);

	put_syn(rig, &peer, (const uint8_t *)USUAL_OPTIONS, USUAL_LENGTH);
	drain(rig);
	peer.seq++;
	peer.ack = rig->sent[0].out.seq + 1;
	put_next(rig, &peer, 0, NULL, 0);
	assert_int_equal(count_of(rig, TCP_DROP_NO_TIMESTAMPS), 1);
	peer.timestamps = true;
	peer.value = USUAL_VALUE - 1;
	put_next(rig, &peer, 0, NULL, 0);
	assert_int_equal(count_of(rig, TCP_DROP_PAWS), 1);
	assert_int_equal(tcp_connections(rig->tcp, NULL), 0);
	assert_int_equal(drain(rig), 1);
	assert_true(has_timestamps(&rig->sent[0].out));
	peer.value = USUAL_VALUE + 9;
	put_next(rig, &peer, 0, NULL, 0);
	assert_int_equal(rig->up.events, TCP_UP_OPENED);
	rig_end(rig);
}

/* T9: a SYN again brings the timestamp to echo - a newer one, not one that was late on its way. */
static void test_T9_syn_again(void **state)
{
	static const struct {
		uint8_t low;
		uint32_t echo;
	} rows[] = {
		{0x10, USUAL_VALUE + 0x10}, {0x08, USUAL_VALUE + 0x10}, {0x20, USUAL_VALUE + 0x20}};
	struct rig *rig = rig_default();
	struct peer peer = peer_at(40000, 5);
	uint8_t options[USUAL_LENGTH];

	memcpy(options, USUAL_OPTIONS, sizeof(options));
	put_syn(rig, &peer, options, sizeof(options));
	assert_int_equal(drain(rig), 1);
	assert_int_equal(options_of(&rig->sent[0].out).echo, USUAL_VALUE);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		options[11] = rows[i].low;
		put_syn(rig, &peer, options, sizeof(options));
		assert_int_equal(drain(rig), 1);
		assert_int_equal(options_of(&rig->sent[0].out).echo, rows[i].echo);
	}
	rig_end(rig);
}

/* After 24 days the sign of a difference says nothing (RFC 7323 5.5). */
static void test_paws_outdated(void **state)
{
	struct tcp_options options = {.has_timestamps = true, .value = 5};

	assert_int_equal(tcp_paws(&options, 6, 23u * 86400 * 1000), TCP_PAWS_OLD);
	assert_int_equal(tcp_paws(&options, 6, 24u * 86400 * 1000), TCP_PAWS_GOOD);
}

/* T14: each flow's clock starts elsewhere, and says nothing of ISNs. */
static void test_T14_offset(void **state)
{
	struct rig *rig = rig_default();
	uint32_t before = 0;
	unsigned bits[32] = {0};

	for (unsigned i = 0; i < 20000; i++) {
		struct tcp_flow flow = {.remote = i, .local = 7, .remote_port = (uint16_t)(i * 3)};
		uint32_t value = tcp_timestamp(rig->tcp, &flow);

		for (unsigned b = 0; b < 32; b++)
			bits[b] += (value ^ before) >> b & 1;
		assert_int_not_equal(value, tcp_isn(rig->tcp, &flow));
		before = value;
	}
	/* Seven standard deviations of 20000 fair coins: 495. */
	for (unsigned b = 0; b < 32; b++)
		assert_in_range(bits[b], 10000 - 495, 10000 + 495);
	rig_end(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_segment),
		cmocka_unit_test(test_T9_recent),
		cmocka_unit_test(test_T9_paws),
		cmocka_unit_test(test_T9_exempt),
		cmocka_unit_test(test_T9_handshake),
		cmocka_unit_test(test_T9_syn_again),
		cmocka_unit_test(test_paws_outdated),
		cmocka_unit_test(test_T14_offset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
