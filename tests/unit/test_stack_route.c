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

/* A host of the link that never asked for us, and does not answer when it is asked: what is sent
 * again to it is lost, but its own next SYN is answered, or its first bytes complete the rest. */
static void test_next_SYN_or_bytes_complete_a_handshake(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		struct fixture *f = fixture_make();
		uint64_t dropped;
		struct packet p;
		uint32_t isn;

		fixture_start(f);
		good_syn(&p);
		deliver(f, &p);
		assert_int_equal(f->links[0].sent_count, 1);
		assert_memory_equal(last_destination(f, 0), peer_mac, 6);
		isn = get32(f->links[0].sent[0].data + L4 + 4);
		forget_sent(f);
		dropped = counter(f, STACK_DROP_UNRESOLVED);
		pass(f, 2 * SECOND, SECOND / 10);
		assert_int_equal(f->links[0].sent_count, 0);
		assert_int_equal(counter(f, STACK_DROP_UNRESOLVED), dropped + 1);
		if (i == 0) { /* the SYN-ACK was lost */
			good_syn(&p);
			deliver(f, &p);
			assert_int_equal(f->links[0].sent_count, 1);
			assert_memory_equal(last_destination(f, 0), peer_mac, 6);
			assert_int_equal(get32(f->links[0].sent[0].data + L4 + 4), isn);
			make_tcp(&p, 0x10, 1001, isn + 1, NULL, 0);
			deliver(f, &p);
			assert_int_equal(f->opened, 1);
		}
		make_tcp(&p, 0x18, 1001, isn + 1, "hello", 5);
		deliver(f, &p);
		assert_int_equal(f->opened, 1);
		assert_int_equal(f->stream_length, 5);
		fixture_free(f);
	}
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

static void nd_ask(struct fixture *f, const uint8_t mac[6], const char *source)
{
	struct packet p;

	make_nd(&p, 135, 0, source, "ff02::1:ff00:1", our_v6, mac);
	deliver(f, &p);
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
	/* As long as packets go it is still asked for, so it is found when it is back. */
	f->now += SECOND;
	for (unsigned i = 0; i < 20; i++) {
		send_to(f, inet_addr("203.0.113.10"));
		turn(f);
		f->now += SECOND / 10;
	}
	arp_reply(f, first_mac, FIRST);
	forget_sent(f);
	assert_true(send_to(f, inet_addr("203.0.113.11")));
	assert_memory_equal(last_destination(f, 0), first_mac, 6);
	fixture_free(f);
}

/* Both families' gateway, up to now with first_mac. */
static void one_gateway(struct fixture *f)
{
	f->config.links[0].gateways[0] = ip_from_v4(FIRST);
	f->config.links[0].gateways[1] = v6("fd77::fd");
	f->config.links[0].gateway_count = 2;
	fixture_start(f);
}

/* @mac's host says that the gateway's address is its own now. */
static void take_over(struct fixture *f, bool ipv6, const uint8_t mac[6])
{
	struct packet p;

	if (ipv6)
		make_nd(&p, 136, 0xa0, "fd77::fd", "ff02::1", "fd77::fd", mac);
	else
		make_arp(&p, all_mac, 1, mac, FIRST, FIRST);
	deliver(f, &p);
}

/* Who asks everybody for the gateway is answered by @mac's host. */
static void answer_for_gateway(struct fixture *f, bool ipv6, const uint8_t mac[6])
{
	struct ip_address gateway = v6("fd77::fd");
	unsigned count = f->links[0].sent_count;

	for (unsigned i = 0; i < count; i++) {
		const uint8_t *out = f->links[0].sent[i].data;
		struct packet p;

		if (!(out[0] & 1) && memcmp(out, mac, 6) != 0)
			continue;
		if (!ipv6 && is_request(f, 0, i)) {
			arp_reply(f, mac, FIRST);
		} else if (ipv6 && out[IP + 6] == 58 && out[L4_6] == 135 &&
			   memcmp(out + L4_6 + 8, &gateway, 16) == 0) {
			make_nd(&p, 136, 0xe0, "fd77::fd", our_v6, "fd77::fd", mac);
			deliver(f, &p);
		}
	}
}

static bool send_far(struct fixture *f, bool ipv6)
{
	bool sent;

	forget_sent(f);
	sent = ipv6 ? send_to6(f, "2001:db8::9") : send_to(f, FAR_AWAY);
	stack_transmit(f->stack, f->now);
	return sent;
}

/* A router takes over another's address and says so by a gratuitous ARP or an unsolicited
 * advertisement; the old one is gone. Traffic goes to the new one within a second: the old one is
 * asked three times, everybody once. */
static void test_gateway_failover_within_a_second(void **state)
{
	for (unsigned i = 0; i < 200; i++) {
		struct fixture *f = fixture_make6();
		bool ipv6 = i & 1;
		uint64_t from;

		f->config.neighbours = 4096;
		f->random_state += i;
		one_gateway(f);
		arp_ask(f, first_mac, FIRST);
		nd_ask(f, first_mac, "fd77::fd");
		pass(f, SECOND + i * 1237, SECOND / 100);
		assert_true(send_far(f, ipv6));
		assert_memory_equal(last_destination(f, 0), first_mac, 6);
		take_over(f, ipv6, second_mac);
		from = f->now;
		while (!send_far(f, ipv6) || memcmp(last_destination(f, 0), second_mac, 6) != 0) {
			answer_for_gateway(f, ipv6, second_mac);
			assert_true(f->now - from < 10 * SECOND);
			f->now += 1000;
			stack_timers(f->stack, f->now);
		}
		assert_in_range(f->now - from, 200000, 700000);
		fixture_free(f);
	}
}

/* The old one is still there and says so: it stays, however often the other claims. */
static void test_gateway_that_answers_is_kept(void **state)
{
	struct fixture *f = fixture_make6();

	one_gateway(f);
	arp_ask(f, first_mac, FIRST);
	for (unsigned i = 0; i < 5000; i++) {
		if (i % 50 == 0)
			take_over(f, false, second_mac);
		f->now += 1000;
		stack_timers(f->stack, f->now);
		assert_true(send_far(f, false));
		assert_memory_equal(last_destination(f, 0), first_mac, 6);
		answer_for_gateway(f, false, first_mac);
	}
	/* Asked once each time that it was claimed. */
	assert_in_range(counter(f, STACK_ARP_REQUESTS), 45, 101);
	fixture_free(f);
}

/* A gateway that falls silent without a word, beside one that does not: asked every five seconds,
 * four questions later the other one is used. */
static void test_silent_gateway_within_seconds(void **state)
{
	struct fixture *f = fixture_make();
	uint64_t from;

	two_gateways(f);
	fixture_start(f);
	arp_ask(f, second_mac, SECOND_ONE);
	arp_ask(f, first_mac, FIRST);
	from = f->now;
	while (!send_far(f, false) || memcmp(last_destination(f, 0), second_mac, 6) != 0) {
		for (unsigned i = 0; i < f->links[0].sent_count; i++)
			if (is_request(f, 0, i) &&
				memcmp(f->links[0].sent[i].data, second_mac, 6) == 0)
				arp_reply(f, second_mac, SECOND_ONE);
		f->now += 1000;
		stack_timers(f->stack, f->now);
		assert_true(f->now - from < 10 * SECOND);
	}
	assert_in_range(f->now - from, 5 * SECOND, 6 * SECOND);
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
		cmocka_unit_test(test_next_SYN_or_bytes_complete_a_handshake),
		cmocka_unit_test(test_gateway_failover_within_a_second),
		cmocka_unit_test(test_gateway_that_answers_is_kept),
		cmocka_unit_test(test_silent_gateway_within_seconds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
