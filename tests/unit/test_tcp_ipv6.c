/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_tcp_ipv6.c - IPv6 flows beside IPv4 ones whose records look the same (T28, V1) */
#include "tcp_fixture.h"

static struct rig *rig_ipv6(void)
{
	struct tcp_config config = rig_config();

	config.ipv6 = true;
	return rig_new(config, (uint32_t[]){32, 16, 8, 4});
}

static struct peer peer6_at(uint16_t port, uint32_t iss, uint32_t host)
{
	struct peer peer = peer_at(port, iss);

	peer.tuple.remote =
		(struct ip_address){{htonl(0xfd000000), htonl(1), htonl(2), htonl(host)}};
	peer.tuple.local = (struct ip_address){{htonl(0xfd000000), htonl(1), htonl(2), htonl(1)}};
	return peer;
}

/* Handshake, data, loss, close, TIME-WAIT and its reuse: the same as over IPv4. */
static void test_life(void **state)
{
	struct rig *rig = rig_ipv6();
	struct peer peer = peer_open_with(rig, peer6_at(40000, 5, 2), USUAL_OPTIONS, USUAL_LENGTH);
	struct tcp_tuple tuple;

	assert_true(tcp_tuple_of(rig->tcp, peer.id, &tuple));
	assert_memory_equal(&tuple, &peer.tuple, sizeof(tuple));
	assert_int_equal(options_of(&rig->sent[0].out).mss, 1440);
	put_raw(rig, &peer, TCP_ACK, peer.seq + 3, peer.ack, "def", 3);
	put_next(rig, &peer, 0, "abc", 3);
	peer.seq += 3;
	assert_memory_equal(rig->got, "abcdef", 6);
	assert_true(message(rig, &peer, 100, 'a'));
	drain(rig);
	pass(rig, 230 * MS);
	assert_int_equal(rig->sent_count, 1);
	assert_memory_equal(&rig->sent[0].out.tuple, &peer.tuple, sizeof(peer.tuple));
	put_ack(rig, &peer, peer.ack + 100);
	tcp_close(rig->tcp, peer.id);
	drain(rig);
	peer.ack++;
	put_next(rig, &peer, TCP_FIN, NULL, 0);
	assert_int_equal(rig->tcp->time_wait_slab.used, 1);
	drain(rig);
	assert_memory_equal(&rig->sent[0].out.tuple, &peer.tuple, sizeof(peer.tuple));
	peer.seq += 70000;
	put_syn(rig, &peer, NULL, 0);
	assert_int_equal(rig->tcp->time_wait_slab.used, 0);
	assert_int_equal(rig->tcp->embryonic_slab.used, 1);
	rig_end(rig);
}

/* Without an MSS option 1220; with one at most what IPv6's longer header leaves. */
static void test_mss(void **state)
{
	struct rig *rig = rig_ipv6();
	struct peer none = peer_open_with(rig, peer6_at(40000, 5, 2), "", 0);
	struct peer large = peer_open_with(rig, peer6_at(40001, 5, 2), "\x02\x04\xff\xff", 4);
	struct peer small = peer_open_with(rig, peer6_at(40002, 5, 2), "\x02\x04\x00\x00", 4);

	assert_int_equal(connection_of(rig, &none)->mss, 1220);
	assert_int_equal(connection_of(rig, &large)->mss, 1440);
	assert_int_equal(connection_of(rig, &small)->mss, 536);
	put_syn(rig, &(struct peer){.tuple = peer6_at(40003, 5, 2).tuple}, NULL, 0);
	drain(rig);
	assert_int_equal(options_of(&rig->sent[0].out).mss, 1440);
	rig_end(rig);
}

/*
 * Of an IPv6 flow a record keeps 12 bytes: ports and a hash of the addresses. An IPv4 flow whose
 * addresses are that very hash has the same 12 bytes; with the same table hash forced upon it, only
 * the family keeps them apart - and two IPv6 flows only their addresses.
 */
static void test_T28_same_record(void **state)
{
	struct rig *rig = rig_ipv6();
	struct peer six = peer_open_with(rig, peer6_at(40000, 5, 2), "", 0);
	struct peer four = six, other = peer6_at(40000, 5, 3);
	const struct tcp_flow *flow = &connection_of(rig, &six)->flow;
	uint64_t hash = tcp_hash(rig->tcp, &six.tuple);
	struct tcp_segment segment = {.seq = 900, .flags = TCP_SYN, .window = 1000};
	struct tcp_flow same;

	four.tuple.remote = ip_from_v4(flow->remote);
	four.tuple.local = ip_from_v4(flow->local);
	assert_false(tcp_flow_of(rig->tcp, &four.tuple, &same));
	assert_memory_equal(&same, flow, sizeof(same));
	assert_int_equal(tcp_lookup(rig->tcp, &four.tuple, hash), 0);
	assert_int_not_equal(tcp_hash(rig->tcp, &four.tuple), hash);
	/* A handshake of the one beside the connection of the other, in the same line of slots. */
	segment.tuple = four.tuple;
	tcp_input(rig->tcp, &segment, &(struct tcp_place){hash, 0}, rig->now, &rig->up);
	assert_int_equal(rig->tcp->embryonic_slab.used, 1);
	assert_int_equal(flow_ref_kind(tcp_lookup(rig->tcp, &four.tuple, hash)), FLOW_EMBRYONIC);
	assert_int_equal(flow_ref_kind(tcp_lookup(rig->tcp, &six.tuple, hash)), FLOW_CONNECTION);
	/* The 12 bytes of another IPv6 flow, made equal by hand: its addresses differ. */
	segment.tuple = other.tuple;
	tcp_input(rig->tcp, &segment, &(struct tcp_place){tcp_hash(rig->tcp, &other.tuple), 0},
		rig->now, &rig->up);
	assert_int_equal(rig->tcp->embryonic_slab.used, 2);
	struct tcp_embryonic *e = &rig->tcp->embryonic[1];
	struct tcp_flow kept = e->flow;

	e->flow = *flow;
	assert_int_equal(tcp_lookup(rig->tcp, &six.tuple, hash),
		tcp_ref_of(rig->tcp, connection_of(rig, &six)));
	assert_int_equal(tcp_lookup(rig->tcp, &other.tuple, hash), 0);
	e->flow = kept;
	/* What was filed under a forced hash is taken out under it, too. */
	assert_true(flow_remove(
		&rig->tcp->flows, hash, tcp_embryonic_ref(rig->tcp, rig->tcp->embryonic)));
	assert_true(flow_insert(&rig->tcp->flows, tcp_hash(rig->tcp, &four.tuple),
		tcp_embryonic_ref(rig->tcp, rig->tcp->embryonic)));
	rig_end(rig);
}

/* Any mixture of both families: each finds its own, and all pools come back. */
static void test_random_mixture(void **state)
{
	struct rig *rig = rig_ipv6();
	unsigned seed = 9;

	for (unsigned round = 0; round < 3000; round++) {
		uint16_t port = (uint16_t)(40000 + rand_r(&seed) % 3);
		struct peer peer = rand_r(&seed) % 2
					   ? peer6_at(port, round, (unsigned)rand_r(&seed) % 3)
					   : peer_at(port, round);
		flow_ref ref = tcp_lookup(rig->tcp, &peer.tuple, tcp_hash(rig->tcp, &peer.tuple));
		struct tcp_tuple tuple;

		if (ref) {
			tcp_tuple_at(rig->tcp, ref, &tuple);
			assert_memory_equal(&tuple, &peer.tuple, sizeof(tuple));
		}
		if (flow_ref_kind(ref) == FLOW_CONNECTION) {
			const struct tcp_connection *c =
				&rig->tcp->connections[flow_ref_index(ref)];

			peer.seq = c->rcv_nxt;
			peer.ack = c->snd_nxt;
			rig->got_length = 0;
			put_raw(rig, &peer, rand_r(&seed) % 3 ? TCP_ACK : TCP_RST, peer.seq,
				peer.ack, "text", 4);
		} else if (flow_ref_kind(ref) == FLOW_EMBRYONIC) {
			const struct tcp_embryonic *e = &rig->tcp->embryonic[flow_ref_index(ref)];

			put_raw(rig, &peer, TCP_ACK, e->irs + 1, e->iss + 1, NULL, 0);
		} else {
			put_syn(rig, &peer, NULL, 0);
		}
		drain(rig);
	}
	assert_true(count_of(rig, TCP_OPENED) > 300);
	rig_end(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_life),
		cmocka_unit_test(test_mss),
		cmocka_unit_test(test_T28_same_record),
		cmocka_unit_test(test_random_mixture),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
