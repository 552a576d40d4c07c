/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_stack_neighbour.c - the table of neighbours: asked for, aged, given up, full */
#include "stack_fixture.h"

static void test_unknown_next_hop(void **state)
{
	struct fixture *f = fixture_make();
	const uint8_t *out = f->links[0].sent[0].data;
	uint32_t ours = OUR_ADDRESS, peer = PEER_ADDRESS;
	struct packet p;

	fixture_start(f);
	assert_false(send_to(f, PEER_ADDRESS));
	assert_int_equal(counter(f, STACK_DROP_UNRESOLVED), 1);
	stack_transmit(f->stack, f->now);
	assert_int_equal(f->links[0].sent_count, 1);
	assert_true(is_request(f, 0, 0));
	assert_memory_equal(out, all_mac, 6);
	assert_memory_equal(out + 22, our_mac, 6);
	assert_memory_equal(out + 28, &ours, 4);
	assert_memory_equal(out + 38, &peer, 4);
	/* A5: a packet each millisecond asks no more than once a second ... */
	for (unsigned i = 0; i < 2900; i++) {
		f->now += 1000;
		assert_false(send_to(f, PEER_ADDRESS));
		turn(f);
	}
	assert_int_equal(f->links[0].sent_count, 3);
	assert_int_equal(counter(f, STACK_ARP_REQUESTS), 3);
	assert_int_equal(counter(f, STACK_DROP_UNRESOLVED), 2901);
	/* ... for ever. */
	forget_sent(f);
	for (unsigned i = 0; i < 10000; i++) {
		f->now += 1000;
		assert_false(send_to(f, PEER_ADDRESS));
		turn(f);
	}
	assert_in_range(f->links[0].sent_count, 9, 11);
	/* An answer to all is none; one to us from somebody with that name ends it. */
	make_arp(&p, all_mac, 2, other_mac, PEER_ADDRESS, OUR_ADDRESS);
	deliver(f, &p);
	assert_int_equal(counter(f, STACK_DROP_ARP_UNSOLICITED), 1);
	assert_false(send_to(f, PEER_ADDRESS));
	arp_reply(f, peer_mac, PEER_ADDRESS);
	assert_true(send_to(f, PEER_ADDRESS));
	assert_memory_equal(last_destination(f, 0), peer_mac, 6);
	fixture_free(f);
}

/* Without packets that want it, an unanswered question is put three times and forgotten. */
static void test_gives_up(void **state)
{
	struct fixture *f = fixture_make();

	fixture_start(f);
	assert_false(send_to(f, PEER_ADDRESS));
	pass(f, 60 * SECOND, SECOND / 20);
	assert_int_equal(requests_sent(f, 0), 3);
	/* Too late an answer is nobody's. */
	arp_reply(f, peer_mac, PEER_ADDRESS);
	assert_int_equal(counter(f, STACK_DROP_ARP_UNSOLICITED), 1);
	assert_false(send_to(f, PEER_ADDRESS));
	fixture_free(f);
}

static void test_ageing(void **state)
{
	struct fixture *f = fixture_make();
	uint64_t from, asked;

	fixture_start(f);
	arp_ask(f, peer_mac, PEER_ADDRESS);
	forget_sent(f);
	/* Used all the time: nothing for 30 seconds, then one question, to it alone. */
	from = f->now;
	while (f->now < from + 29 * SECOND) {
		f->now += SECOND / 10;
		assert_true(send_to(f, PEER_ADDRESS));
		turn(f);
	}
	assert_int_equal(requests_sent(f, 0), 0);
	f->now = from + 31 * SECOND;
	forget_sent(f);
	assert_true(send_to(f, PEER_ADDRESS));
	assert_int_equal(requests_sent(f, 0), 1);
	assert_memory_equal(f->links[0].sent[0].data, peer_mac, 6);
	arp_reply(f, peer_mac, PEER_ADDRESS);
	forget_sent(f);
	pass(f, 20 * SECOND, SECOND / 10);
	assert_int_equal(f->links[0].sent_count, 0);
	assert_true(send_to(f, PEER_ADDRESS));
	assert_int_equal(requests_sent(f, 0), 0);
	/* It falls silent: three questions while it is still used, then one to all. */
	pass(f, 15 * SECOND, SECOND / 10);
	asked = counter(f, STACK_ARP_REQUESTS);
	from = f->now;
	while (send_to(f, PEER_ADDRESS)) {
		assert_memory_equal(last_destination(f, 0), peer_mac, 6);
		forget_sent(f);
		f->now += 1000;
		stack_timers(f->stack, f->now);
	}
	assert_in_range(f->now - from, 750000, 1250000);
	assert_int_equal(counter(f, STACK_ARP_REQUESTS), asked + 4);
	turn(f);
	assert_memory_equal(last_destination(f, 0), all_mac, 6);
	/* Unused it is not asked again, and forgotten after ten minutes. */
	arp_reply(f, peer_mac, PEER_ADDRESS);
	forget_sent(f);
	pass(f, 599 * SECOND, SECOND / 4);
	assert_int_equal(f->links[0].sent_count, 0);
	assert_true(send_to(f, PEER_ADDRESS));
	arp_reply(f, peer_mac, PEER_ADDRESS);
	pass(f, 602 * SECOND, SECOND / 4);
	assert_false(send_to(f, PEER_ADDRESS));
	fixture_free(f);
}

/* A3: a million strangers cost neither memory nor the entry that is in use. */
static void test_A3_flood(void **state)
{
	struct fixture *f = fixture_make();
	uint64_t answered;

	f->config.links[0].addresses[0].prefix = 8;
	fixture_start(f);
	arp_ask(f, peer_mac, PEER_ADDRESS);
	assert_true(send_to(f, PEER_ADDRESS));
	for (unsigned i = 0; i < 100000; i++) {
		uint8_t mac[6] = {0x02, 1, 2, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};

		arp_ask(f, mac, htonl(0xc6200000 + i));
		f->now += 1;
		if (i % 1000 == 0)
			assert_true(send_to(f, PEER_ADDRESS));
	}
	assert_true(send_to(f, PEER_ADDRESS));
	assert_memory_equal(last_destination(f, 0), peer_mac, 6);
	answered = 100001 - counter(f, STACK_DROP_ARP_LIMIT);
	assert_in_range(answered, 64, 64 + 100 + 2);
	fixture_free(f);
}

/* As many neighbours in use as the table holds: the next ones are refused, these keep working. */
static void test_full_table(void **state)
{
	struct fixture *f = fixture_make();
	unsigned refused = 0;

	f->config.neighbours = 8;
	fixture_start(f);
	for (unsigned i = 0; i < 8; i++) {
		arp_ask(f, peer_mac, htonl(0xc6120002 + i));
		assert_true(send_to(f, htonl(0xc6120002 + i)));
	}
	for (unsigned i = 8; i < 50; i++) {
		arp_ask(f, other_mac, htonl(0xc6120002 + i));
		refused += !send_to(f, htonl(0xc6120002 + i));
	}
	assert_int_equal(refused, 42);
	assert_int_equal(counter(f, STACK_DROP_UNRESOLVED), 42);
	assert_int_equal(counter(f, STACK_NEIGHBOUR_FULL), 84);
	for (unsigned i = 0; i < 8; i++)
		assert_true(send_to(f, htonl(0xc6120002 + i)));
	/* Unused for a minute they give way. */
	f->now += 61 * SECOND;
	arp_ask(f, other_mac, htonl(0xc6120002 + 20));
	assert_true(send_to(f, htonl(0xc6120002 + 20)));
	assert_memory_equal(last_destination(f, 0), other_mac, 6);
	fixture_free(f);
}

/* Packets to many that do not exist: requests are limited, and known ones stay known. */
static void test_scan_is_no_storm(void **state)
{
	struct fixture *f = fixture_make();

	f->config.links[0].addresses[0].prefix = 8;
	f->config.neighbours = 4096;
	fixture_start(f);
	arp_ask(f, peer_mac, PEER_ADDRESS);
	assert_true(send_to(f, PEER_ADDRESS));
	for (unsigned i = 0; i < 50000; i++) {
		assert_false(send_to(f, htonl(0xc6300000 + i)));
		f->now += 10;
		if (i % 100 == 0)
			turn(f);
	}
	/* half a second: the burst and a thousand a second */
	assert_in_range(counter(f, STACK_ARP_REQUESTS), 256, 256 + 500 + 1);
	assert_true(send_to(f, PEER_ADDRESS));
	fixture_free(f);
}

/* What was remembered of the last packet must not outlive the entry it points to. */
static void test_remembered_entry_is_replaced(void **state)
{
	struct fixture *f = fixture_make();

	f->config.neighbours = 8;
	fixture_start(f);
	arp_ask(f, peer_mac, PEER_ADDRESS);
	assert_true(send_to(f, PEER_ADDRESS));
	pass(f, 620 * SECOND, SECOND / 4);
	for (unsigned i = 0; i < 8; i++)
		arp_ask(f, other_mac, htonl(0xc6120010 + i));
	/* Its place is another's now. */
	assert_false(send_to(f, PEER_ADDRESS));
	fixture_free(f);
}

/* A question that was just put gets a second to be answered before another takes its place. */
static void test_questions_are_not_pushed_out_at_once(void **state)
{
	struct fixture *f = fixture_make();

	f->config.neighbours = 8;
	fixture_start(f);
	for (unsigned i = 0; i < 9; i++)
		assert_false(send_to(f, htonl(0xc6120010 + i)));
	assert_int_equal(counter(f, STACK_NEIGHBOUR_FULL), 1);
	for (unsigned i = 0; i < 8; i++) {
		arp_reply(f, peer_mac, htonl(0xc6120010 + i));
		assert_true(send_to(f, htonl(0xc6120010 + i)));
	}
	fixture_free(f);
}

/* Who cannot be a neighbour pushes none out. */
static void test_off_the_link_nothing_is_learnt(void **state)
{
	struct fixture *f = fixture_make();

	f->config.neighbours = 8;
	fixture_start(f);
	arp_ask(f, peer_mac, PEER_ADDRESS);
	for (unsigned i = 0; i < 30; i++) {
		arp_ask(f, other_mac, htonl(0xcb007101 + i));
		arp_ask(f, other_mac, inet_addr("198.18.0.255"));
		arp_ask(f, other_mac, inet_addr("224.0.0.1"));
	}
	assert_true(send_to(f, PEER_ADDRESS));
	fixture_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unknown_next_hop),
		cmocka_unit_test(test_gives_up),
		cmocka_unit_test(test_ageing),
		cmocka_unit_test(test_A3_flood),
		cmocka_unit_test(test_full_table),
		cmocka_unit_test(test_scan_is_no_storm),
		cmocka_unit_test(test_remembered_entry_is_replaced),
		cmocka_unit_test(test_questions_are_not_pushed_out_at_once),
		cmocka_unit_test(test_off_the_link_nothing_is_learnt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
