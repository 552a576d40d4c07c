/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_tcp.c - configuration, ids, limits of tables, sequence numbers, deadlines */
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
	REFUSED(receive_window, (1u << 20) + 1);
	REFUSED(receive_window, 0);
	REFUSED(send_bytes, 0);
	REFUSED(mss, 535);
	REFUSED(idle_us, 0);
	REFUSED(port_count, 65);
	REFUSED(chunks, NULL);
	/* One that only connects listens nowhere. */
	struct tcp_config client = good;
	client.ports = NULL;
	client.port_count = 0;
	memset(memory, 0, tcp_bytes(&client));
	assert_non_null(tcp_init(memory, &client, 0));
	free(memory);
	/* What the design promises for 10 M connections: 128 bytes and 13.4 of flow slots each;
	 * and 4.3 of blocks of the timer wheel, of which few are ever touched. */
	good.connections = 10000000;
	good.embryonic = 100000;
	good.time_wait = 100000;
	assert_true(tcp_bytes(&good) / good.connections < 147);
	for (unsigned i = 0; i < TCP_COUNTER_COUNT; i++)
		assert_true(tcp_counter_info[i].name && tcp_counter_info[i].help);
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
		cmocka_unit_test(test_stale_ids),
		cmocka_unit_test(test_tables_full),
		cmocka_unit_test(test_isn),
		cmocka_unit_test(test_deadline_and_idle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
