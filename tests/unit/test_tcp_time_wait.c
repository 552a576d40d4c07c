/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_tcp_time_wait.c - a new incarnation of a flow in TIME-WAIT (RFC 6191, RFC 1337; T23) */
#include "tcp_fixture.h"

/* A flow in TIME-WAIT; @stamped: with timestamps, the last of them USUAL_VALUE + 100. */
static struct peer waiting(struct rig *rig, bool stamped)
{
	struct peer peer = peer_open_with(
		rig, peer_at(40000, 0xfffffff0), USUAL_OPTIONS, stamped ? USUAL_LENGTH : 4);

	tcp_close(rig->tcp, peer.id);
	drain(rig);
	peer.ack++;
	peer.value += 100;
	put_next(rig, &peer, TCP_FIN, NULL, 0);
	drain(rig);
	assert_int_equal(rig->tcp->time_wait_slab.used, 1);
	return peer;
}

/* RFC 6191 section 2, every row: by the timestamp where there is one, else by the number. */
static void test_T23_rfc6191(void **state)
{
	static const struct {
		bool before, now;
		int32_t value;
		int32_t seq;
		bool taken;
	} cases[] = {
		{true, true, 1, -50000, true},
		{true, true, 1, 50000, true},
		{true, true, 0, 50000, true},
		{true, true, 0, 0, false},
		{true, true, 0, -1, false},
		{true, true, -1, 50000, false},
		{true, true, -1, -50000, false},
		{true, false, 0, 50000, true},
		{true, false, 0, 0, false},
		{true, false, 0, -50000, false},
		{false, true, 5, -50000, true},
		{false, true, 5, 50000, true},
		{false, false, 0, 1, true},
		{false, false, 0, 0, false},
		{false, false, 0, -50000, false},
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rig *rig = rig_default();
		struct peer peer = waiting(rig, cases[i].before);
		uint8_t options[12];

		tcp_timestamps_write(options, USUAL_VALUE + 100 + (uint32_t)cases[i].value, 0);
		peer.seq += (uint32_t)cases[i].seq;
		put_syn(rig, &peer, options, cases[i].now ? 12 : 0);
		assert_int_equal(drain(rig), 1);
		assert_int_equal(rig->tcp->time_wait_slab.used, !cases[i].taken);
		assert_int_equal(rig->tcp->embryonic_slab.used, cases[i].taken);
		assert_int_equal(
			rig->sent[0].out.flags, cases[i].taken ? TCP_SYN | TCP_ACK : TCP_ACK);
		/* Our own numbers are beyond the old ones. */
		if (cases[i].taken)
			assert_true(seq_lt(peer.ack, rig->sent[0].out.seq));
		else
			assert_int_equal(has_timestamps(&rig->sent[0].out), cases[i].before);
		rig_end(rig);
	}
}

/* RFC 1337: neither RST nor old text ends the wait or reaches anybody. */
static void test_T23_assassination(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = waiting(rig, true);

	put_raw(rig, &peer, TCP_RST, peer.seq, peer.ack, NULL, 0);
	put_raw(rig, &peer, TCP_RST | TCP_ACK, peer.seq, peer.ack, NULL, 0);
	assert_int_equal(drain(rig), 0);
	put_raw(rig, &peer, TCP_ACK, peer.seq - 5, peer.ack, "old", 3);
	assert_int_equal(rig->up.events, 0);
	assert_int_equal(drain(rig), 1);
	assert_sent(rig, 0, TCP_ACK, peer.ack, peer.seq, 0);
	assert_int_equal(options_of(&rig->sent[0].out).echo, USUAL_VALUE + 100);
	assert_int_equal(rig->tcp->time_wait_slab.used, 1);
	rig_end(rig);
}

/* What is left of the old incarnation is not taken for the new one's, thanks to timestamps. */
static void test_T23_old_data(void **state)
{
	struct rig *rig = rig_default();
	struct peer peer = waiting(rig, true), old = peer;
	uint8_t options[12];

	tcp_timestamps_write(options, USUAL_VALUE + 101, 0);
	peer.seq -= 20;
	put_syn(rig, &peer, options, 12);
	drain(rig);
	peer.seq++;
	peer.ack = rig->sent[0].out.seq + 1;
	peer.value = USUAL_VALUE + 102;
	put_next(rig, &peer, 0, NULL, 0);
	assert_int_equal(rig->up.events, TCP_UP_OPENED);
	peer.id = rig->up.id;
	put_raw(rig, &old, TCP_ACK, peer.seq, peer.ack, "stale", 5);
	assert_int_equal(rig->up.events, 0);
	assert_int_equal(count_of(rig, TCP_DROP_PAWS), 1);
	put_next(rig, &peer, 0, "fresh", 5);
	assert_memory_equal(rig->got, "fresh", 5);
	rig_end(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_T23_rfc6191),
		cmocka_unit_test(test_T23_assassination),
		cmocka_unit_test(test_T23_old_data),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
