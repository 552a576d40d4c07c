/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_stack_arp.c - ARP and routes as the wire sees them: announce, answer, believe, fail over */
#include "stack_fixture.h"

static void test_announces_itself(void **state)
{
	struct fixture *f = fixture_make();
	uint32_t ours = OUR_ADDRESS;

	f->stack = stack_new(&f->config, f->now);
	assert_non_null(f->stack);
	pass(f, 10 * SECOND, SECOND / 10);
	assert_int_equal(f->links[0].sent_count, 2);
	for (unsigned i = 0; i < 2; i++) {
		const uint8_t *out = f->links[0].sent[i].data;

		assert_true(is_request(f, 0, i));
		assert_memory_equal(out, all_mac, 6);
		assert_memory_equal(out + 6, our_mac, 6);
		assert_memory_equal(out + 22, our_mac, 6);
		assert_memory_equal(out + 28, &ours, 4);
		assert_memory_equal(out + 38, &ours, 4);
	}
	fixture_free(f);
}

static void test_answers(void **state)
{
	struct fixture *f = fixture_make();
	const uint8_t *out = f->links[0].sent[0].data;
	uint32_t ours = OUR_ADDRESS, peer = PEER_ADDRESS;
	struct packet p;

	fixture_start(f);
	arp_ask(f, peer_mac, PEER_ADDRESS);
	assert_int_equal(f->links[0].sent_count, 1);
	assert_int_equal(f->links[0].sent[0].frame.length, 42);
	assert_memory_equal(out, peer_mac, 6);
	assert_memory_equal(out + 6, our_mac, 6);
	assert_memory_equal(out + 12, "\x08\x06\x00\x01\x08\x00\x06\x04\x00\x02", 10);
	assert_memory_equal(out + 22, our_mac, 6);
	assert_memory_equal(out + 28, &ours, 4);
	assert_memory_equal(out + 32, peer_mac, 6);
	assert_memory_equal(out + 38, &peer, 4);
	/* Who asks is known: no request is needed to answer it. */
	assert_true(send_to(f, PEER_ADDRESS));
	assert_int_equal(requests_sent(f, 0), 0);
	/* Asked by unicast it answers as well; a probe (RFC 5227) is answered and not learnt. */
	forget_sent(f);
	make_arp(&p, our_mac, 1, peer_mac, PEER_ADDRESS, OUR_ADDRESS);
	deliver(f, &p);
	assert_int_equal(f->links[0].sent_count, 1);
	arp_ask(f, other_mac, 0);
	assert_int_equal(f->links[0].sent_count, 2);
	/* Not for others. */
	make_arp(&p, all_mac, 1, peer_mac, PEER_ADDRESS, inet_addr("198.18.0.9"));
	deliver(f, &p);
	assert_int_equal(f->links[0].sent_count, 2);
	assert_int_equal(counter(f, STACK_DROP_ARP_NOT_OURS), 1);
	/* Off the subnet: answered, but nothing is learnt: the next hop is not there. */
	arp_ask(f, other_mac, inet_addr("203.0.113.9"));
	assert_int_equal(f->links[0].sent_count, 3);
	assert_false(send_to(f, inet_addr("203.0.113.9")));
	assert_int_equal(counter(f, STACK_DROP_NO_ROUTE), 1);
	fixture_free(f);
}

static void test_A1_malformed(void **state)
{
	static const struct {
		unsigned at;
		uint8_t value;
	} wrong[] = {{15, 6}, {16, 0x86}, {17, 0x01}, {18, 5}, {18, 0}, {19, 16}, {19, 0}, {21, 0},
		{21, 3}, {21, 4}, {21, 8}, {20, 1}, {22, 0x03}, {22, 0xff}};
	struct fixture *f = fixture_make();
	struct packet p;
	unsigned count = 0;

	fixture_start(f);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		make_arp(&p, all_mac, 1, peer_mac, PEER_ADDRESS, OUR_ADDRESS);
		p.data[wrong[i].at] = wrong[i].value;
		deliver(f, &p);
		assert_int_equal(counter(f, STACK_DROP_ARP_MALFORMED), ++count);
	}
	for (unsigned length = 14; length < 42; length++) {
		make_arp(&p, all_mac, 1, peer_mac, PEER_ADDRESS, OUR_ADDRESS);
		p.length = length;
		deliver(f, &p);
		assert_int_equal(counter(f, STACK_DROP_ARP_MALFORMED), ++count);
	}
	make_arp(&p, all_mac, 1, peer_mac, PEER_ADDRESS, OUR_ADDRESS);
	memset(p.data + 22, 0, 6);
	deliver(f, &p);
	assert_int_equal(counter(f, STACK_DROP_ARP_MALFORMED), ++count);
	assert_int_equal(f->links[0].sent_count, 0);
	assert_false(send_to(f, PEER_ADDRESS));
	fixture_free(f);
}

static void test_A2_nobody_takes_over_a_live_entry(void **state)
{
	struct fixture *f = fixture_make();
	struct packet p;

	fixture_start(f);
	arp_ask(f, peer_mac, PEER_ADDRESS);
	assert_true(send_to(f, PEER_ADDRESS));
	for (unsigned way = 0; way < 4; way++) {
		uint64_t unsolicited = counter(f, STACK_DROP_ARP_UNSOLICITED);

		forget_sent(f);
		switch (way) {
		case 0: /* an unsolicited reply */
			arp_reply(f, other_mac, PEER_ADDRESS);
			break;
		case 1: /* one to all */
			make_arp(&p, all_mac, 2, other_mac, PEER_ADDRESS, OUR_ADDRESS);
			deliver(f, &p);
			break;
		case 2: /* a gratuitous request */
			make_arp(&p, all_mac, 1, other_mac, PEER_ADDRESS, PEER_ADDRESS);
			deliver(f, &p);
			break;
		default: /* a request for us */
			arp_ask(f, other_mac, PEER_ADDRESS);
			break;
		}
		unsolicited += way < 3;
		assert_int_equal(counter(f, STACK_DROP_ARP_UNSOLICITED), unsolicited);
		/* The old one is asked by unicast, and used all the while. */
		pass(f, SECOND / 10, 1000);
		assert_int_equal(requests_sent(f, 0), 1);
		assert_memory_equal(last_destination(f, 0), peer_mac, 6);
		assert_true(send_to(f, PEER_ADDRESS));
		assert_memory_equal(last_destination(f, 0), peer_mac, 6);
		/* The other one's answer to that question does not count; the old one's does. */
		arp_reply(f, other_mac, PEER_ADDRESS);
		assert_int_equal(counter(f, STACK_DROP_ARP_UNSOLICITED), unsolicited + 1);
		arp_reply(f, peer_mac, PEER_ADDRESS);
		assert_int_equal(counter(f, STACK_DROP_ARP_UNSOLICITED), unsolicited + 1);
		forget_sent(f);
		pass(f, 5 * SECOND, SECOND / 50);
		assert_int_equal(f->links[0].sent_count, 0);
		assert_true(send_to(f, PEER_ADDRESS));
		assert_memory_equal(last_destination(f, 0), peer_mac, 6);
	}
	fixture_free(f);
}

/* A fail-over: the old one is gone, the new one announces itself: less than a second. */
static void test_A2_failover(void **state)
{
	struct fixture *f = fixture_make();
	uint64_t from;
	struct packet p;

	fixture_start(f);
	arp_ask(f, peer_mac, PEER_ADDRESS);
	assert_true(send_to(f, PEER_ADDRESS));
	pass(f, 10 * SECOND, SECOND / 10);
	from = f->now;
	make_arp(&p, all_mac, 1, other_mac, PEER_ADDRESS, PEER_ADDRESS);
	deliver(f, &p);
	for (;;) {
		assert_true(f->now < from + SECOND);
		forget_sent(f);
		f->now += 1000;
		turn(f);
		if (f->links[0].sent_count > 0 && memcmp(last_destination(f, 0), all_mac, 6) == 0)
			break;
	}
	arp_reply(f, other_mac, PEER_ADDRESS);
	assert_true(send_to(f, PEER_ADDRESS));
	assert_memory_equal(last_destination(f, 0), other_mac, 6);
	fixture_free(f);
}

static void test_A4_conflict(void **state)
{
	struct fixture *f = fixture_make();
	uint32_t ours = OUR_ADDRESS;

	fixture_start(f);
	for (unsigned i = 0; i < 100; i++) {
		struct packet p;

		if (i % 2)
			make_arp(&p, all_mac, 1, other_mac, OUR_ADDRESS, OUR_ADDRESS);
		else
			make_arp(&p, our_mac, 2, other_mac, OUR_ADDRESS, OUR_ADDRESS);
		deliver(f, &p);
		f->now += SECOND / 10;
	}
	assert_int_equal(counter(f, STACK_DROP_ARP_CONFLICT), 100);
	/* Defended at once, and again after ten seconds, but no oftener. */
	assert_int_equal(f->links[0].sent_count, 1);
	assert_memory_equal(f->links[0].sent[0].data, all_mac, 6);
	assert_memory_equal(f->links[0].sent[0].data + 22, our_mac, 6);
	assert_memory_equal(f->links[0].sent[0].data + 28, &ours, 4);
	f->now += SECOND;
	arp_ask(f, other_mac, OUR_ADDRESS);
	assert_int_equal(f->links[0].sent_count, 2);
	fixture_free(f);
}

static void test_gateway(void **state)
{
	struct fixture *f = fixture_make();
	uint32_t gateway = inet_addr("198.18.0.254");

	f->config.links[0].gateways[0] = ip_from_v4(gateway);
	f->config.links[0].gateway_count = 1;
	fixture_start(f);
	assert_false(send_to(f, inet_addr("203.0.113.5")));
	turn(f);
	assert_int_equal(f->links[0].sent_count, 1);
	assert_memory_equal(f->links[0].sent[0].data + 38, &gateway, 4);
	arp_reply(f, other_mac, gateway);
	arp_ask(f, peer_mac, PEER_ADDRESS);
	/* In turns, so that what is remembered of the last packet must be told apart. */
	for (unsigned i = 0; i < 4; i++) {
		assert_true(send_to(f, inet_addr("203.0.113.5")));
		assert_memory_equal(last_destination(f, 0), other_mac, 6);
		assert_true(send_to(f, PEER_ADDRESS));
		assert_memory_equal(last_destination(f, 0), peer_mac, 6);
		assert_true(send_to(f, PEER_ADDRESS));
		assert_memory_equal(last_destination(f, 0), peer_mac, 6);
	}
	fixture_free(f);
}

/* Its Ethernet address was given: nobody is asked, and nobody is believed. */
static void test_A2_fixed_gateway(void **state)
{
	static const uint8_t given[6] = {0x02, 0, 0, 0, 0xff, 0x01};
	struct fixture *f = fixture_make();
	uint32_t gateway = inet_addr("198.18.0.254");
	struct packet p;

	f->config.links[0].gateways[0] = ip_from_v4(gateway);
	f->config.links[0].gateway_count = 1;
	memcpy(f->config.links[0].gateway_macs[0], given, 6);
	f->config.neighbours = 8;
	fixture_start(f);
	for (unsigned i = 0; i < 6; i++) {
		assert_true(send_to(f, inet_addr("203.0.113.5")));
		assert_memory_equal(last_destination(f, 0), given, 6);
		assert_true(send_to(f, gateway));
		assert_memory_equal(last_destination(f, 0), given, 6);
		/* it asks for us, answers, announces itself from elsewhere; then time passes */
		arp_ask(f, other_mac, gateway);
		arp_reply(f, other_mac, gateway);
		make_arp(&p, all_mac, 1, other_mac, gateway, gateway);
		deliver(f, &p);
		pass(f, 700 * SECOND, SECOND);
		assert_int_equal(counter(f, STACK_ARP_REQUESTS), 0);
	}
	/* and a flood of neighbours leaves it where it is */
	for (unsigned i = 0; i < 100; i++)
		arp_ask(f, peer_mac, htonl(0xc6120010 + i));
	assert_true(send_to(f, inet_addr("203.0.113.5")));
	assert_memory_equal(last_destination(f, 0), given, 6);
	fixture_free(f);
}

/* Each link has its own neighbours: the same address on another is another host. */
static void test_links_are_apart(void **state)
{
	struct fixture *f = fixture_make();
	struct packet p;

	f->config.link_count = 2;
	f->config.links[1].addresses[0] =
		(struct stack_address){ip_from_v4(inet_addr("198.18.0.200")), 24};
	fixture_start(f);
	arp_ask(f, peer_mac, PEER_ADDRESS);
	forget_sent(f);
	assert_true(send_to(f, PEER_ADDRESS));
	assert_false(try_send(f, 1, inet_addr("198.18.0.200"), PEER_ADDRESS));
	turn(f);
	assert_int_equal(requests_sent(f, 1), 1);
	make_arp(&p, f->links[1].link.mac, 2, other_mac, PEER_ADDRESS, inet_addr("198.18.0.200"));
	arrive(f, 1, &p);
	turn(f);
	for (unsigned i = 0; i < 2; i++) {
		assert_true(send_to(f, PEER_ADDRESS));
		assert_memory_equal(last_destination(f, 0), peer_mac, 6);
		assert_true(try_send(f, 1, inet_addr("198.18.0.200"), PEER_ADDRESS));
		assert_memory_equal(last_destination(f, 1), other_mac, 6);
	}
	/* The answer leaves by the link the question came by. */
	forget_sent(f);
	f->echo = true;
	make_udp(&p, "which", 5);
	p.data[5] = 2;
	put32(p.data + IP + 16, ntohl(inet_addr("198.18.0.200")));
	seal_ip(&p);
	seal_l4(&p, 6);
	arrive(f, 1, &p);
	turn(f);
	assert_int_equal(f->links[0].sent_count, 0);
	assert_int_equal(f->links[1].sent_count, 1);
	assert_memory_equal(f->links[1].sent[0].data, other_mac, 6);
	fixture_free(f);
}

/* A row of addresses: each is ours, those beside it are not. */
static void test_row_of_addresses(void **state)
{
	struct fixture *f = fixture_make();
	static const struct {
		const char *address;
		bool ours;
	} rows[] = {{"198.18.0.99", false}, {"198.18.0.100", true}, {"198.18.0.105", true},
		{"198.18.0.109", true}, {"198.18.0.110", false}};
	struct packet p;

	f->config.links[0].addresses[0].address = ip_from_v4(inet_addr("198.18.0.100"));
	f->config.links[0].more = 9;
	fixture_start(f);
	arp_ask(f, peer_mac, PEER_ADDRESS);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t address = inet_addr(rows[i].address);

		forget_sent(f);
		make_arp(&p, all_mac, 1, peer_mac, PEER_ADDRESS, address);
		deliver(f, &p);
		assert_int_equal(f->links[0].sent_count, rows[i].ours);
		if (rows[i].ours)
			assert_memory_equal(f->links[0].sent[0].data + 28, &address, 4);
		assert_int_equal(try_send(f, 0, address, PEER_ADDRESS), rows[i].ours);
	}
	fixture_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_announces_itself),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_A1_malformed),
		cmocka_unit_test(test_A2_nobody_takes_over_a_live_entry),
		cmocka_unit_test(test_A2_failover),
		cmocka_unit_test(test_A4_conflict),
		cmocka_unit_test(test_gateway),
		cmocka_unit_test(test_A2_fixed_gateway),
		cmocka_unit_test(test_links_are_apart),
		cmocka_unit_test(test_row_of_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
