/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_stack_route.c - next hops: back to the sender, gateways, and the next when one is silent */
#include "stack_ipv6.h"

#define FIRST inet_addr("198.18.0.253")
#define SECOND_ONE inet_addr("198.18.0.254")
#define FAR_AWAY inet_addr("203.0.113.9")

static const uint8_t first_mac[6] = {0x02, 0, 0, 0, 1, 0xfd};
static const uint8_t second_mac[6] = {0x02, 0, 0, 0, 1, 0xfe};

/* T17: SYNs from strangers on the link, each by another name: every one is answered to where it
 * came from; none is asked for, none gets an entry. */
static void test_T17_SYN_flood_asks_for_nobody(void **state)
{
	struct fixture *f = fixture_make();
	unsigned refused = 0;

	f->config.links[0].addresses[0].prefix = 15;
	f->config.tcp.embryonic = 64;
	fixture_start(f);
	for (unsigned i = 0; i < 64; i++) {
		uint32_t source = htonl(0xc6130000 + i);
		struct packet p;

		make_tcp(&p, 0x02, 1000, 0, NULL, 0);
		memcpy(p.data + 6, "\x02\x00\x00\x00\x02", 5);
		p.data[11] = (uint8_t)i;
		memcpy(p.data + IP + 12, &source, 4);
		seal_ip(&p);
		seal_l4(&p, 16);
		forget_sent(f);
		deliver(f, &p);
		if (f->links[0].sent_count == 0) {
			refused++;
			continue;
		}
		assert_int_equal(f->links[0].sent_count, 1);
		assert_memory_equal(f->links[0].sent[0].data, p.data + 6, 6);
		assert_memory_equal(f->links[0].sent[0].data + IP + 16, &source, 4);
		assert_int_equal(f->links[0].sent[0].data[L4 + 13], 0x12);
	}
	assert_int_equal(refused, 0);
	/* Nor when SYN-ACKs are sent again: the next SYN gets the next answer. */
	pass(f, 10 * SECOND, SECOND / 10);
	assert_int_equal(counter(f, STACK_ARP_REQUESTS), 0);
	assert_int_equal(counter(f, STACK_NEIGHBOUR_FULL), 0);
	fixture_free(f);
}

/* Echo and RST the same way; bursts keep their senders apart. */
static void test_answers_go_back_to_their_senders(void **state)
{
	struct fixture *f = fixture_make();
	struct packet p;

	fixture_start(f);
	for (unsigned i = 0; i < 32; i++) {
		uint32_t source = htonl(0xc6120010 + i);

		make_echo(&p, 4);
		p.data[11] = (uint8_t)(0x40 + i);
		memcpy(p.data + IP + 12, &source, 4);
		seal_ip(&p);
		arrive(f, 0, &p);
	}
	turn(f);
	/* Places may be shared by two of a burst; answers here leave before the next comes. */
	assert_int_equal(f->links[0].sent_count, 32);
	for (unsigned i = 0; i < 32; i++)
		assert_int_equal(f->links[0].sent[i].data[5], 0x40 + i);
	assert_int_equal(counter(f, STACK_ARP_REQUESTS), 0);
	fixture_free(f);
}

/* A datagram of a session whose device is not known on the link: answered at once, and asked for,
 * so that the next one, unprompted, finds it. */
static void test_first_answer_does_not_wait(void **state)
{
	struct fixture *f = fixture_make();
	struct packet p;

	f->echo = true;
	fixture_start(f);
	make_udp(&p, "data", 4);
	deliver(f, &p);
	assert_int_equal(f->datagrams, 1);
	assert_int_equal(f->links[0].sent_count, 2);
	assert_true(is_request(f, 0, 0));
	assert_memory_equal(last_destination(f, 0), peer_mac, 6);
	assert_int_equal(all_drops(f), 0);
	/* The turn is over: what it remembered is, too. */
	assert_false(send_to(f, PEER_ADDRESS));
	arp_reply(f, peer_mac, PEER_ADDRESS);
	assert_true(send_to(f, PEER_ADDRESS));
	fixture_free(f);
}

/* A known neighbour is not moved by a frame with another source. */
static void test_known_neighbour_stays(void **state)
{
	struct fixture *f = fixture_make();
	struct packet p;

	f->echo = true;
	fixture_start(f);
	introduce(f);
	make_udp(&p, "data", 4);
	memcpy(p.data + 6, other_mac, 6);
	deliver(f, &p);
	assert_int_equal(f->links[0].sent_count, 1);
	assert_memory_equal(last_destination(f, 0), peer_mac, 6);
	fixture_free(f);
}

/* A device behind a router is never asked for, its router answers for it. */
static void test_behind_a_router(void **state)
{
	struct fixture *f = fixture_make6();
	struct packet p;

	f->config.links[0].gateways[0] = ip_from_v4(FIRST);
	f->config.links[0].gateways[1] = v6("fe80::fd");
	f->config.links[0].gateway_count = 2;
	f->echo = true;
	fixture_start(f);
	make_udp6(&p, "2001:db8:1::9", "data", 4);
	memcpy(p.data + 6, first_mac, 6);
	deliver(f, &p);
	assert_int_equal(f->datagrams, 1);
	assert_int_equal(f->links[0].sent_count, 2);
	assert_int_equal(f->links[0].sent[0].data[L4_6], 135);
	assert_int_equal(get32(f->links[0].sent[0].data + L4_6 + 8), 0xfe800000);
	assert_memory_equal(last_destination(f, 0), first_mac, 6);
	fixture_free(f);
}

static void two_gateways(struct fixture *f)
{
	f->config.links[0].gateways[0] = v6("fd77::fd");
	f->config.links[0].gateways[1] = ip_from_v4(FIRST);
	f->config.links[0].gateways[2] = ip_from_v4(SECOND_ONE);
	f->config.links[0].gateway_count = 3;
}

/* The first of the family; the next once it is silent; the first again once it is back. */
static void test_next_gateway(void **state)
{
	struct fixture *f = fixture_make();
	uint64_t from;

	two_gateways(f);
	fixture_start(f);
	arp_ask(f, first_mac, FIRST);
	arp_ask(f, second_mac, SECOND_ONE);
	assert_true(send_to(f, FAR_AWAY));
	assert_memory_equal(last_destination(f, 0), first_mac, 6);
	/* It falls silent, the other does not. */
	from = f->now;
	while (f->now < from + 12 * SECOND) {
		f->now += SECOND / 20;
		forget_sent(f);
		send_to(f, FAR_AWAY);
		turn(f);
		for (unsigned i = 0; i < f->links[0].sent_count; i++)
			if (is_request(f, 0, i) &&
				memcmp(f->links[0].sent[i].data, second_mac, 6) == 0)
				arp_reply(f, second_mac, SECOND_ONE);
		if (f->now > from + 7 * SECOND) {
			forget_sent(f);
			assert_true(send_to(f, FAR_AWAY));
			assert_memory_equal(last_destination(f, 0), second_mac, 6);
		}
	}
	/* It is still asked for, so it is found when it is back. */
	f->now += SECOND;
	send_to(f, inet_addr("203.0.113.10"));
	pass(f, 2 * SECOND, SECOND / 10);
	arp_reply(f, first_mac, FIRST);
	forget_sent(f);
	assert_true(send_to(f, inet_addr("203.0.113.11")));
	assert_memory_equal(last_destination(f, 0), first_mac, 6);
	fixture_free(f);
}

/* None of the packet's family: no route, whatever the other family has. */
static void test_gateway_of_the_other_family(void **state)
{
	struct fixture *f = fixture_make6();

	f->config.links[0].gateways[0] = v6("fd77::fd");
	f->config.links[0].gateway_count = 1;
	fixture_start(f);
	assert_false(send_to(f, FAR_AWAY));
	assert_int_equal(counter(f, STACK_DROP_NO_ROUTE), 1);
	assert_false(send_to6(f, "2001:db8::1"));
	assert_int_equal(counter(f, STACK_DROP_UNRESOLVED), 1);
	fixture_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_T17_SYN_flood_asks_for_nobody),
		cmocka_unit_test(test_answers_go_back_to_their_senders),
		cmocka_unit_test(test_first_answer_does_not_wait),
		cmocka_unit_test(test_known_neighbour_stays),
		cmocka_unit_test(test_behind_a_router),
		cmocka_unit_test(test_next_gateway),
		cmocka_unit_test(test_gateway_of_the_other_family),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
