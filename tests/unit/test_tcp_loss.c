/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_tcp_loss.c - retransmission by time-out and duplicate ACKs, windows, persist, giving up */

#include "tcp_fixture.h"

/* Sets .now so that the next segment of the flow is numbered @wanted, for runs over the wrap. */
static struct peer peer_open_at(struct rig *rig, uint16_t port, uint32_t wanted)
{
	struct peer probe = peer_at(port, 1);
	uint32_t iss;

	put_syn(rig, &probe, NULL, 0);
	drain(rig);
	iss = rig->sent[0].out.seq;
	put_raw(rig, &probe, TCP_RST, 2, 0, NULL, 0);
	rig->now += 4ull * (wanted - 1 - iss);
	/* The wheel walks 67 s a call. */
	for (unsigned i = 0; i < 300; i++)
		tcp_timers(rig->tcp, rig->now, rig->ups, UP_MAX);
	struct peer peer = peer_open_iss(rig, port, wanted, 1460);

	assert_int_equal(peer.ack, wanted);
	return peer;
}

static void test_timeout(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = peer_open(rig, 40000);
	uint32_t una = peer.ack;

	assert_true(message(rig, &peer, 100, 'a'));
	assert_true(message(rig, &peer, 200, 'b'));
	assert_int_equal(drain(rig), 2);
	pass(rig, 190 * MS);
	assert_int_equal(rig->sent_count, 0);
	/* A time-out lets out what one full segment would hold; the messages are not joined. */
	pass(rig, 40 * MS);
	assert_int_equal(rig->sent_count, 2);
	assert_sent(rig, 0, TCP_ACK | TCP_PSH, una, peer.seq, 100);
	assert_sent(rig, 1, TCP_ACK | TCP_PSH, una + 100, peer.seq, 200);
	assert_int_equal(rig->sent[1].payload[0], 'b');
	assert_int_equal(count_of(rig, TCP_RETRANSMIT), 2);
	/* Twice as long the next time. */
	pass(rig, 380 * MS);
	assert_int_equal(rig->sent_count, 0);
	pass(rig, 40 * MS);
	assert_int_equal(rig->sent_count, 2);
	/* Karn: the ACK of what was sent twice is no sample, the backoff stays ... */
	put_ack(rig, &peer, una + 300);
	assert_int_equal(connection_of(rig, &peer)->backoff, 2);
	assert_true(message(rig, &peer, 100, 'c'));
	drain(rig);
	rig->now += 20 * MS;
	/* ... until something that was sent once is measured. */
	put_ack(rig, &peer, una + 400);
	assert_int_equal(connection_of(rig, &peer)->backoff, 0);
	pass(rig, 10 * SECOND);
	assert_int_equal(rig->sent_count, 0);
	rig_end(rig);
}

/* The peer had it all along, our ACK came late: an ACK beyond snd_ptr while going back. */
static void test_spurious_timeout(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = peer_open_at(rig, 40000, 0xfffffc00); /* wraps in the second message */
	uint32_t una = peer.ack;

	for (unsigned i = 0; i < 8; i++)
		assert_true(message(rig, &peer, 1000, (uint8_t)i));
	assert_int_equal(drain(rig), 8);
	pass(rig, 230 * MS);
	assert_int_equal(rig->sent_count, 1);
	put_ack(rig, &peer, una + 4500);
	/* Slow start: two segments' worth of bytes. */
	assert_int_equal(drain(rig), 3);
	assert_sent(rig, 0, TCP_ACK | TCP_PSH, una + 4500, peer.seq, 500);
	assert_int_equal(rig->sent[0].payload[0], 4);
	put_ack(rig, &peer, una + 8000);
	assert_int_equal(drain(rig), 0);
	assert_int_equal(connection_of(rig, &peer)->flags & TCP_LOSS, 0);
	rig_end(rig);
}

static void test_fast_retransmit(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = peer_open_at(rig, 40000, 0xfffff000);
	uint32_t una = peer.ack;

	for (unsigned i = 0; i < 10; i++)
		assert_true(message(rig, &peer, 1460, (uint8_t)i));
	assert_int_equal(drain(rig), 10);
	/* Segments 0 and 4 are lost; the others are answered by duplicates. */
	put_ack(rig, &peer, una);
	put_ack(rig, &peer, una);
	assert_int_equal(drain(rig), 0);
	put_ack(rig, &peer, una);
	assert_int_equal(drain(rig), 1);
	assert_sent(rig, 0, TCP_ACK | TCP_PSH, una, peer.seq, 1460);
	assert_int_equal(rig->sent[0].payload[0], 0);
	for (unsigned i = 0; i < 5; i++)
		put_ack(rig, &peer, una);
	assert_int_equal(drain(rig), 0);
	/* Partial: the next hole at once. */
	put_ack(rig, &peer, una + 4 * 1460);
	assert_int_equal(drain(rig), 1);
	assert_sent(rig, 0, TCP_ACK | TCP_PSH, una + 4 * 1460, peer.seq, 1460);
	put_ack(rig, &peer, una + 10 * 1460);
	assert_int_equal(drain(rig), 0);
	assert_int_equal(connection_of(rig, &peer)->flags & TCP_RECOVERY, 0);
	assert_in_range(connection_of(rig, &peer)->cwnd, 2 * 1460, 5 * 1460);
	assert_int_equal(count_of(rig, TCP_RETRANSMIT), 2);
	/* Duplicates with nothing in flight mean nothing. */
	for (unsigned i = 0; i < 10; i++)
		put_ack(rig, &peer, peer.ack);
	assert_int_equal(drain(rig), 0);
	/* With data or another window they are none either. */
	assert_true(message(rig, &peer, 10, 'x'));
	drain(rig);
	for (unsigned i = 0; i < 10; i++) {
		put_next(rig, &peer, 0, "d", 1);
		peer.window--;
		put_ack(rig, &peer, peer.ack);
	}
	assert_int_equal(drain(rig), 1);
	assert_int_equal(rig->sent[0].out.length, 0);
	rig_end(rig);
}

/* Initial window ten segments; it doubles with each round trip as long as it is used. */
static void test_slow_start(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = peer_open(rig, 40000);

	assert_true(message(rig, &peer, 65000, 's'));
	assert_int_equal(drain(rig), 10);
	for (unsigned i = 1; i <= 10; i++) {
		put_ack(rig, &peer, peer.ack + 1460);
		assert_int_equal(drain(rig), 2);
	}
	assert_int_equal(connection_of(rig, &peer)->cwnd, 20 * 1460);
	rig_end(rig);
}

/* RFC 5681 4.1: after an idle RTO what has grown is an initial window again; before that it is not.
 */
static void test_restart_after_idle(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = peer_open(rig, 40000);

	assert_true(message(rig, &peer, 60 * 1000, 's'));
	drain(rig);
	for (unsigned i = 0; i < 20; i++) {
		put_ack(rig, &peer, peer.ack + 1460);
		drain(rig);
	}
	put_ack(rig, &peer, connection_of(rig, &peer)->snd_nxt);
	while (drain(rig) > 0)
		put_ack(rig, &peer, connection_of(rig, &peer)->snd_nxt);
	assert_true(connection_of(rig, &peer)->cwnd > 25 * 1460);
	pass(rig, 100 * MS);
	assert_true(message(rig, &peer, 60 * 1000, 's'));
	assert_true(drain(rig) > 25);
	put_ack(rig, &peer, connection_of(rig, &peer)->snd_nxt);
	while (drain(rig) > 0)
		put_ack(rig, &peer, connection_of(rig, &peer)->snd_nxt);
	pass(rig, 10 * SECOND);
	assert_int_equal(rig->sent_count, 0);
	assert_true(message(rig, &peer, 60 * 1000, 's'));
	assert_int_equal(drain(rig), 10);
	rig_end(rig);
}

static void test_zero_window(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = peer_open(rig, 40000);
	uint32_t una = peer.ack;

	peer.window = 0;
	put_ack(rig, &peer, una);
	assert_true(message(rig, &peer, 100, 'z'));
	assert_int_equal(drain(rig), 0);
	/* Probes 0.2, 0.6, 1.4 s after: no byte, an old number; the message stays whole. */
	static const unsigned quiet[] = {190, 370, 750}, then[] = {30, 50, 70};
	for (unsigned i = 0; i < 3; i++) {
		pass(rig, quiet[i] * MS);
		assert_int_equal(rig->sent_count, 0);
		pass(rig, then[i] * MS);
		assert_int_equal(rig->sent_count, 1);
		assert_sent(rig, 0, TCP_ACK, una - 1, peer.seq, 0);
		put_ack(rig, &peer, una);
		assert_int_equal(drain(rig), 0);
	}
	assert_int_equal(count_of(rig, TCP_PROBE_OUT), 3);
	/* It opens: sent at once, and the probes' backoff is forgotten. */
	peer.window = 1000;
	put_ack(rig, &peer, una);
	assert_int_equal(drain(rig), 1);
	assert_sent(rig, 0, TCP_ACK | TCP_PSH, una, peer.seq, 100);
	assert_int_equal(connection_of(rig, &peer)->backoff, 0);
	assert_int_equal(count_of(rig, TCP_RETRANSMIT), 0);
	/* After many probes it opens and the message is lost: again after one RTO, not a probe's. */
	peer.window = 0;
	put_ack(rig, &peer, una + 100);
	assert_true(message(rig, &peer, 100, 'y'));
	pass(rig, 13 * SECOND);
	peer.window = 1000;
	put_ack(rig, &peer, una + 100);
	assert_int_equal(drain(rig), 1);
	pass(rig, 250 * MS);
	assert_int_equal(rig->sent_count, 1);
	assert_sent(rig, 0, TCP_ACK | TCP_PSH, una + 100, peer.seq, 100);
	rig_end(rig);
}

/* Nothing is acknowledged any more: 60 s, then it is over, exponentially rarer. */
static void test_give_up(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = peer_open(rig, 40000);

	memcpy(tcp_user(rig->tcp, peer.id), "sixteen bytes...", TCP_USER_BYTES);
	assert_true(message(rig, &peer, 100, 'x'));
	drain(rig);
	pass(rig, 59 * SECOND);
	assert_int_equal(rig->up_count, 0);
	assert_int_equal(rig->sent_count, 8);
	for (unsigned i = 0; i < 8; i++)
		assert_sent(rig, i, TCP_ACK | TCP_PSH, peer.ack, peer.seq, 100);
	pass(rig, 1100 * MS);
	assert_int_equal(rig->up_count, 1);
	assert_int_equal(rig->ups[0].reason, TCP_REASON_TIMEOUT);
	assert_memory_equal(rig->ups[0].user, "sixteen bytes...", TCP_USER_BYTES);
	assert_null(tcp_user(rig->tcp, peer.id));
	rig_end(rig);
}

/* RFC 9293 3.8.6.2.1: whole messages where they fit; pieces only when nothing else helps. */
static void test_small_windows(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = peer_open(rig, 40000);
	uint32_t una = peer.ack;

	peer.window = 1000;
	put_ack(rig, &peer, una);
	assert_true(message(rig, &peer, 600, 'a'));
	assert_true(message(rig, &peer, 600, 'b'));
	assert_int_equal(drain(rig), 1);
	/* 400 left for 600: it waits for the first to be acknowledged. */
	put_ack(rig, &peer, una + 600);
	assert_int_equal(drain(rig), 1);
	assert_sent(rig, 0, TCP_ACK | TCP_PSH, una + 600, peer.seq, 600);
	put_ack(rig, &peer, una + 1200);
	/* A window below the message, and far below what it was once: only the timer sends a piece. */
	peer.window = 400;
	put_ack(rig, &peer, una + 1200);
	assert_true(message(rig, &peer, 600, 'c'));
	assert_int_equal(drain(rig), 0);
	pass(rig, 230 * MS);
	assert_int_equal(rig->sent_count, 1);
	assert_sent(rig, 0, TCP_ACK, una + 1200, peer.seq, 400);
	/* T24: the window shrinks to nothing over what is in flight: sent again when it opens. */
	peer.window = 0;
	put_ack(rig, &peer, una + 1200);
	pass(rig, 5 * SECOND);
	for (unsigned i = 0; i < rig->sent_count; i++)
		assert_sent(rig, i, TCP_ACK, una + 1199, peer.seq, 0);
	assert_true(rig->sent_count >= 2);
	/* Our ACKs lie inside what the peer still accepts. */
	put_next(rig, &peer, 0, "q", 1);
	assert_int_equal(drain(rig), 1);
	assert_sent(rig, 0, TCP_ACK, una + 1200, peer.seq, 0);
	peer.window = 65535;
	put_ack(rig, &peer, una + 1200);
	assert_int_equal(drain(rig), 1);
	assert_sent(rig, 0, TCP_ACK | TCP_PSH, una + 1200, peer.seq, 600);
	rig_end(rig);
}

/* A peer whose window never was as large as a message: half of it is enough to go on. */
static void test_tiny_receiver(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = peer_at(40000, 1);

	peer.window = 300;
	put_syn(rig, &peer, NULL, 0);
	drain(rig);
	peer.seq++;
	put_ack(rig, &peer, rig->sent[0].out.seq + 1);
	peer.id = rig->up.id;
	assert_true(message(rig, &peer, 1000, 't'));
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(drain(rig), 1);
		assert_int_equal(rig->sent[0].out.length, i < 3 ? 300 : 100);
		put_ack(rig, &peer, peer.ack + rig->sent[0].out.length);
	}
	assert_int_equal(drain(rig), 0);
	rig_end(rig);
}

/* An old segment, late, must not bring an old window back. */
static void test_window_order(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = peer_open(rig, 40000);

	put_next(rig, &peer, 0, "abc", 3);
	peer.window = 5000;
	put_next(rig, &peer, 0, NULL, 0);
	assert_int_equal(connection_of(rig, &peer)->snd_wnd, 5000);
	peer.window = 0;
	put_raw(rig, &peer, TCP_ACK, peer.seq - 1, peer.ack, "cd", 2);
	assert_int_equal(connection_of(rig, &peer)->snd_wnd, 5000);
	rig_end(rig);
}

/* tcp_accept(false): no window until chunks are free, then tcp_sweep() offers one by itself. */
static void test_refused_and_reopened(void **state)
{
	struct rig *rig = rig_new(rig_config(), (uint32_t[]){2, 0, 0, 0});
	struct peer peer = peer_open(rig, 40000);
	chunk_id held[2] = {chunk_get(rig->pool, 1), chunk_get(rig->pool, 1)};

	rig->refuse = true;
	put_raw(rig, &peer, TCP_ACK, peer.seq, peer.ack, "data", 4);
	assert_int_equal(rig->up.events, TCP_UP_DATA);
	assert_int_equal(drain(rig), 1);
	assert_sent(rig, 0, TCP_ACK, peer.ack, peer.seq, 0);
	assert_int_equal(rig->sent[0].out.window, 0);
	rig->refuse = false;
	/* Probes meanwhile are answered, their bytes not delivered; ACKs still count. */
	assert_int_equal(chunk_get(rig->pool, 1), 0);
	for (unsigned i = 0; i < 3; i++) {
		put_raw(rig, &peer, TCP_ACK, peer.seq, peer.ack, "d", 1);
		assert_int_equal(rig->up.events, 0);
		assert_int_equal(drain(rig), 1);
		assert_int_equal(rig->sent[0].out.window, 0);
	}
	pass(rig, SECOND);
	assert_int_equal(rig->sent_count, 0);
	assert_int_equal(count_of(rig, TCP_DROP_NO_CHUNK), 4);
	chunk_put(rig->pool, held[0]);
	pass(rig, 20 * MS);
	assert_int_equal(rig->sent_count, 1);
	assert_sent(rig, 0, TCP_ACK, peer.ack, peer.seq, 0);
	assert_int_equal(rig->sent[0].out.window, 32768);
	put_next(rig, &peer, 0, "data", 4);
	assert_int_equal(rig->got_length, 4);
	/* Refused again, a chunk comes free, and the peer is quicker than the sweep. */
	rig->refuse = true;
	put_raw(rig, &peer, TCP_ACK, peer.seq, peer.ack, "more", 4);
	rig->refuse = false;
	put_next(rig, &peer, 0, "more", 4);
	assert_int_equal(rig->got_length, 8);
	assert_int_equal(drain(rig), 1);
	assert_int_equal(rig->sent[0].out.window, 32768);
	chunk_put(rig->pool, held[1]);
	rig_end(rig);
}

/* RFC 5681 3.1, RFC 6298 (5.7): the SYN-ACK was lost. */
static void test_lost_syn_ack(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = peer_at(40000, 1);

	put_syn(rig, &peer, (const uint8_t *)"\x02\x04\x05\xb4", 4);
	pass(rig, 1100 * MS);
	assert_int_equal(rig->sent_count, 2);
	peer.seq++;
	put_ack(rig, &peer, rig->sent[0].out.seq + 1);
	peer.id = rig->up.id;
	assert_true(message(rig, &peer, 10000, 'x'));
	assert_int_equal(drain(rig), 1);
	pass(rig, 2900 * MS);
	assert_int_equal(rig->sent_count, 0);
	pass(rig, 200 * MS);
	assert_int_equal(rig->sent_count, 1);
	rig_end(rig);
}

/* The caller does not drain the output for long: timers stay armed, nothing is lost. */
static void test_output_stalls(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = peer_open(rig, 40000);

	assert_true(message(rig, &peer, 100, 'a'));
	drain(rig);
	for (unsigned i = 0; i < 300; i++) {
		rig->now += 100 * MS;
		assert_int_equal(tcp_timers(rig->tcp, rig->now, rig->ups, UP_MAX), 0);
		check_invariants(rig);
	}
	assert_int_equal(drain(rig), 1);
	assert_int_equal(rig->sent[0].out.length, 100);
	put_ack(rig, &peer, peer.ack + 100);
	assert_int_equal(drain(rig), 0);
	rig_end(rig);
}

/*
 * The worker stood still for longer than any connection may be without progress: nobody is given up
 * for that, the timers are caught up in bounded batches, and all goes on.
 */
static void test_stalled_worker(void **state)
{
	struct tcp_config config = rig_config();
	struct rig *rig;
	struct peer peers[40];
	unsigned calls = 0;

	config.connections = 40;
	rig = rig_new(config, (uint32_t[]){64, 0, 0, 0});
	for (unsigned i = 0; i < 40; i++) {
		peers[i] = peer_open(rig, (uint16_t)(40000 + i));
		assert_true(message(rig, &peers[i], 100, 'x'));
		drain(rig);
	}
	rig->now += 100 * SECOND;
	while (count_of(rig, TCP_RETRANSMIT) < 40) {
		assert_int_equal(tcp_timers(rig->tcp, rig->now, rig->ups, 8), 0);
		assert_true(drain(rig) <= 8);
		assert_true(++calls < 20);
	}
	for (unsigned i = 0; i < 40; i++)
		put_ack(rig, &peers[i], peers[i].ack + 100);
	pass(rig, 5 * SECOND);
	assert_int_equal(rig->up_count, 0);
	assert_int_equal(tcp_connections(rig->tcp, NULL), 40);
	rig_end(rig);
}

/* A worker that stands still longer than the idle time has heard nobody: nobody ends for that. What
 * they were silent for before counts. */
static void test_idle_but_for_a_stall(void **state)
{
	struct rig *rig = rig_default();
	struct peer a = peer_open(rig, 40000), b, c;

	pass(rig, 400 * SECOND);
	b = peer_open(rig, 40001);
	c = peer_open(rig, 40002);
	rig->now += 5000 * SECOND;
	/* One that speaks first in the turn after it. */
	put_next(rig, &c, 0, "c", 1);
	drain(rig);
	pass(rig, 190 * SECOND);
	assert_int_equal(rig->up_count, 0);
	pass(rig, 20 * SECOND);
	assert_int_equal(rig->up_count, 1);
	assert_int_equal(rig->ups[0].id, a.id);
	assert_int_equal(rig->ups[0].reason, TCP_REASON_IDLE);
	put_next(rig, &c, 0, "c", 1);
	pass(rig, 380 * SECOND);
	assert_int_equal(rig->up_count, 0);
	pass(rig, 20 * SECOND);
	assert_int_equal(rig->up_count, 1);
	assert_int_equal(rig->ups[0].id, b.id);
	rig_end(rig);
}

/* Nothing of ours arrives, but the peer is heard: that is loss, and waited for five times as long,
 * unless chunks are short; its silence ends it as it always does. */
static void test_give_up_heard(void **state)
{
	for (unsigned heard = 1; heard <= 3; heard++) {
		struct rig *rig = rig_default();
		struct peer peer = peer_open(rig, 40000);
		unsigned seconds = 0;
		chunk_id hog;

		assert_true(message(rig, &peer, 100, 'x'));
		drain(rig);
		if (heard == 3)
			while ((hog = chunk_get(rig->pool, 60000)))
				;
		for (rig->up_count = 0; rig->up_count == 0; seconds += 5) {
			assert_true(seconds < 400);
			if (heard != 2 || seconds < 30)
				put_next(rig, &peer, 0, "heard", 5);
			pass(rig, 5 * SECOND);
		}
		assert_int_equal(rig->ups[0].reason, TCP_REASON_TIMEOUT);
		if (heard == 1)
			assert_in_range(seconds, 300, 365);
		else
			assert_in_range(seconds, heard == 2 ? 85 : 60, heard == 2 ? 90 : 125);
		for (unsigned i = 1; heard == 3 && i <= 4; i++)
			chunk_put(rig->pool, 3u << 29 | i);
		rig_end(rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_timeout),
		cmocka_unit_test(test_spurious_timeout),
		cmocka_unit_test(test_fast_retransmit),
		cmocka_unit_test(test_slow_start),
		cmocka_unit_test(test_restart_after_idle),
		cmocka_unit_test(test_zero_window),
		cmocka_unit_test(test_give_up),
		cmocka_unit_test(test_small_windows),
		cmocka_unit_test(test_tiny_receiver),
		cmocka_unit_test(test_window_order),
		cmocka_unit_test(test_refused_and_reopened),
		cmocka_unit_test(test_lost_syn_ack),
		cmocka_unit_test(test_output_stalls),
		cmocka_unit_test(test_stalled_worker),
		cmocka_unit_test(test_idle_but_for_a_stall),
		cmocka_unit_test(test_give_up_heard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
