/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_tcp_challenge.c - challenge ACKs and RSTs, and what a stranger learns of them (RFC 5961;
 * T10, T13, T19) */
#include "tcp_fixture.h"

/* What an attacker sends in the name of another, at numbers that it can only guess. */
static void spoof(struct rig *rig, const struct peer *victim, unsigned kind, uint32_t guess)
{
	static const uint8_t flags[] = {TCP_ACK, TCP_ACK | TCP_PSH, TCP_ACK | TCP_FIN, TCP_RST};

	put_raw(rig, victim, flags[kind], guess, guess * 3, "data", kind == 1 ? 4 : 0);
}

/*
 * T13: spoofed segments, then the attacker's own, which are answered from what is left. It must get
 * the same answers whether the flow that it named exists or not (CVE-2016-5696).
 */
static void test_T13_probe_learns_nothing(void **state)
{
	for (unsigned kind = 0; kind < 4; kind++) {
		uint64_t answers[2] = {0, 0}, left[2];

		for (unsigned exists = 0; exists < 2; exists++) {
			struct rig *rig = rig_default();
			struct peer victim = peer_at(40000, 1000u * 40000);
			struct peer own = peer_at(50000, 1);
			unsigned seed = 3 + kind;

			if (exists)
				victim = peer_open(rig, 40000);
			for (unsigned probe = 0; probe < 12500; probe++) {
				bool first = rand_r(&seed) % 4 == 0, last = rand_r(&seed) % 4 == 0;

				if (first)
					put_raw(rig, &own, TCP_ACK, 1, 1 + probe, NULL, 0);
				spoof(rig, &victim, kind,
					0x10000000 + (uint32_t)rand_r(&seed) % 1000);
				if (last)
					put_raw(rig, &own, TCP_ACK, 1, 1 + probe, NULL, 0);
				rig->sent_count = 0;
				drain(rig);
				for (unsigned i = 0; i < rig->sent_count; i++)
					answers[exists] += rig->sent[i].out.tuple.remote_port ==
							   own.tuple.remote_port;
				if (rand_r(&seed) % 3 == 0)
					rig->now += 10;
			}
			left[exists] = rig->tcp->resets.spent_until;
			rig_end(rig);
		}
		assert_int_equal(answers[0], answers[1]);
		assert_int_equal(left[0], left[1]);
		assert_true(answers[0] > 500);
	}
}

/* T13: how many challenge ACKs a connection has, and when its second begins, differs from one to
 * the next: counting one's own says nothing of another's. */
static void test_T13_jitter(void **state)
{
	struct tcp_config config = rig_config();
	struct rig *rig;
	unsigned seen[8] = {0}, ticks[10] = {0};

	config.connections = 400;
	rig = rig_new(config, (uint32_t[]){8, 8, 8, 8});
	for (uint16_t i = 0; i < 400; i++) {
		struct peer peer = peer_open(rig, 20000 + i);
		unsigned count = 0;
		bool refilled = false;

		for (unsigned step = 0; step < 20 && !refilled; step++) {
			unsigned got = 0;

			for (unsigned j = 0; j < 10; j++) {
				put_raw(rig, &peer, TCP_SYN, 7, 0, NULL, 0);
				got += drain(rig);
			}
			assert_true(got <= 7);
			if (step > 0 && got > 0) {
				ticks[step % 10]++;
				refilled = true;
				count = got;
			}
			rig->now += 100 * MS;
		}
		assert_true(refilled);
		assert_in_range(count, 3, 7);
		seen[count]++;
	}
	/* 400 draws of five values, of ten: far above chance that one is hardly met. */
	for (unsigned i = 3; i <= 7; i++)
		assert_in_range(seen[i], 40, 125);
	for (unsigned i = 0; i < 10; i++)
		assert_in_range(ticks[i], 12, 80);
	rig_end(rig);
}

/* T19: floods at no connection: one bucket, refilled at 100,000 a second. */
static void test_T19_resets_are_rationed(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = peer_at(40000, 1);
	unsigned sent = 0;

	for (unsigned i = 0; i < 5000; i++) {
		put_raw(rig, &peer, TCP_ACK, 1, i, NULL, 0);
		sent += drain(rig);
	}
	assert_int_equal(sent, 1024);
	assert_int_equal(count_of(rig, TCP_DROP_RESET_LIMIT), 5000 - 1024);
	rig->now += 1000;
	for (unsigned i = 0; i < 5000; i++) {
		put_raw(rig, &peer, TCP_ACK, 1, i, NULL, 0);
		sent += drain(rig);
	}
	assert_int_equal(sent, 1024 + 100);
	/* Handshakes and connections go on meanwhile. */
	peer = peer_open(rig, 40001);
	put_next(rig, &peer, 0, "data", 4);
	assert_int_equal(drain(rig), 1);
	rig_end(rig);
}

/* A peer that has filled our window stands at its edge: its ACKs are good there. */
static void test_ack_at_the_edge(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = peer_open(rig, 40000);

	assert_true(message(rig, &peer, 100, 'a'));
	drain(rig);
	put_raw(rig, &peer, TCP_ACK, peer.seq + 32768, peer.ack + 100, NULL, 0);
	assert_int_equal(connection_of(rig, &peer)->snd_una, peer.ack + 100);
	put_raw(rig, &peer, TCP_ACK, peer.seq + 32769, peer.ack + 100, NULL, 0);
	put_raw(rig, &peer, TCP_ACK, peer.seq + 32768, peer.ack + 100, "x", 1);
	assert_int_equal(count_of(rig, TCP_DROP_OUT_OF_WINDOW), 2);
	rig_end(rig);
}

/* T9: the timestamp of a segment whose ACK is no good leaves nothing behind. */
static void test_T9_bad_ack_does_not_count(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = peer_open_with(rig, peer_at(40000, 5), USUAL_OPTIONS, USUAL_LENGTH);

	peer.value = 0x70000000;
	put_raw(rig, &peer, TCP_ACK, peer.seq, peer.ack + 1, "x", 1);
	assert_int_equal(connection_of(rig, &peer)->ts_recent, USUAL_VALUE);
	drain(rig);
	peer.value = USUAL_VALUE + 1;
	put_next(rig, &peer, 0, "ok", 2);
	assert_int_equal(rig->up.events, TCP_UP_DATA);
	/* Our RST carries timestamps as everything does (RFC 7323 3.2). */
	drain(rig);
	tcp_abort(rig->tcp, peer.id);
	assert_int_equal(drain(rig), 1);
	assert_int_equal(rig->sent[0].out.flags, TCP_RST | TCP_ACK);
	assert_int_equal(options_of(&rig->sent[0].out).echo, USUAL_VALUE + 1);
	rig_end(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_T13_probe_learns_nothing),
		cmocka_unit_test(test_T13_jitter),
		cmocka_unit_test(test_T19_resets_are_rationed),
		cmocka_unit_test(test_ack_at_the_edge),
		cmocka_unit_test(test_T9_bad_ack_does_not_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
