/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_stack_reserve.c - short of places and buffers: control traffic keeps its reserve, all drops
 * are counted, all recovers */
#include "stack_ipv6.h"

/* Takes every place that payload may have. */
static unsigned fill(struct fixture *f)
{
	unsigned ticket, got = 0;
	uint8_t *out;

	stack_receive(f->stack, f->now);
	while ((out = stack_datagram(f->stack, path_to(PEER_ADDRESS), 1, &ticket))) {
		*out = 1;
		stack_datagram_commit(f->stack, ticket, 1);
		got++;
	}
	return got;
}

/* With every place for payload taken ARP, discovery, SYN-ACKs, RSTs and ACKs still leave. */
static void test_control_keeps_places(void **state)
{
	struct fixture *f = fixture_make6();
	struct packet p;
	uint32_t isn;

	fixture_start(f);
	introduce6(f);
	good_syn(&p);
	deliver(f, &p);
	isn = get32(f->links[0].sent[0].data + L4 + 4);
	make_tcp(&p, 0x10, 1001, isn + 1, NULL, 0);
	deliver(f, &p);
	assert_int_equal(f->opened, 1);
	forget_sent(f);
	assert_int_equal(fill(f), STACK_QUEUE - STACK_RESERVE);
	/* What came meanwhile: bytes to acknowledge, a stranger, a question of each family, an echo
	 * request (which is payload). */
	make_tcp(&p, 0x18, 1001, isn + 1, "hello", 5);
	arrive(f, 0, &p);
	make_tcp6(&p, peer_v6, 0x02, 1, 0, NULL, 0);
	arrive(f, 0, &p);
	make_arp(&p, all_mac, 1, peer_mac, PEER_ADDRESS, OUR_ADDRESS);
	arrive(f, 0, &p);
	make_nd(&p, 135, 0, peer_v6, "ff02::1:ff00:1", our_v6, peer_mac);
	arrive(f, 0, &p);
	make_echo(&p, 4);
	arrive(f, 0, &p);
	turn(f);
	assert_int_equal(f->stream_length, 5);
	assert_int_equal(f->links[0].sent_count, STACK_QUEUE - STACK_RESERVE + 4);
	assert_int_equal(counter(f, STACK_DROP_TX_BUFFER), 2); /* fill()'s last, the echo */
	assert_canary(f);
	fixture_free(f);
}

/* A port that takes fewer than there are: what is urgent goes first. */
static void test_control_leaves_first(void **state)
{
	struct fixture *f = fixture_make();
	struct packet p;

	fixture_start(f);
	introduce(f);
	fill(f);
	make_arp(&p, all_mac, 1, peer_mac, PEER_ADDRESS, OUR_ADDRESS);
	arrive(f, 0, &p);
	good_syn(&p);
	arrive(f, 0, &p);
	f->links[0].takes = 5;
	uint64_t bytes = counter(f, STACK_TX_BYTES);
	turn(f);
	assert_int_equal(f->links[0].sent_count, 6);
	assert_int_equal(get16(f->links[0].sent[4].data + 12), 0x0806);
	assert_int_equal(f->links[0].sent[5].data[IP + 9], 6);
	assert_int_equal(
		counter(f, STACK_TX_BYTES) - bytes, 4 * 43 + 42 + f->links[0].sent[5].frame.length);
	assert_int_equal(counter(f, STACK_DROP_TX_FULL), STACK_QUEUE - STACK_RESERVE - 4);
	f->links[0].takes = ~0U;
	assert_canary(f);
	fixture_free(f);
}

/* Everything that makes a frame, once. */
static void one_of_each(struct fixture *f, unsigned round)
{
	struct packet p;

	make_udp(&p, "data", 4);
	arrive(f, 0, &p);
	make_udp6(&p, peer_v6, "data", 4);
	arrive(f, 0, &p);
	make_echo(&p, 4);
	arrive(f, 0, &p);
	make_echo6(&p, our_v6, 4);
	arrive(f, 0, &p);
	make_tcp(&p, 0x02, 1000 * round, 0, NULL, 0);
	put16(p.data + L4, 20000 + round);
	seal_l4(&p, 16);
	arrive(f, 0, &p);
	make_arp(&p, all_mac, 1, peer_mac, PEER_ADDRESS, OUR_ADDRESS);
	arrive(f, 0, &p);
	make_nd(&p, 135, 0, peer_v6, "ff02::1:ff00:1", our_v6, peer_mac);
	arrive(f, 0, &p);
	turn(f);
}

/* Every k-th buffer is missing: every frame either left or was counted, and when there are buffers
 * again nothing is amiss. */
static void test_every_kth_buffer_fails(void **state)
{
	for (unsigned k = 1; k <= 12; k++) {
		struct fixture *f = fixture_make6();
		unsigned asked;

		f->echo = true;
		fixture_start(f);
		introduce6(f);
		f->links[0].reserves = 0;
		f->links[0].fail_every = k;
		for (unsigned round = 1; round <= 20; round++) {
			one_of_each(f, round);
			f->now += 1000;
		}
		asked = f->links[0].reserves;
		f->links[0].fail_every = 0;
		assert_int_equal(counter(f, STACK_DROP_TX_BUFFER), asked / k);
		assert_int_equal(f->links[0].sent_count, asked - asked / k);
		assert_int_equal(f->datagrams, 40);
		/* SYN-ACKs that were lost come again. */
		pass(f, 3 * SECOND, SECOND / 10);
		forget_sent(f);
		one_of_each(f, 30);
		assert_int_equal(f->links[0].sent_count, 7);
		assert_canary(f);
		assert_canary6(f);
		fixture_free(f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_control_keeps_places),
		cmocka_unit_test(test_control_leaves_first),
		cmocka_unit_test(test_every_kth_buffer_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
