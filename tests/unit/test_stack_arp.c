/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_stack_arp.c - neighbours and routes as the wire sees them: ask, answer, keep, give up */
#include "stack_fixture.h"

static unsigned is_request(const struct fixture *f, unsigned link, unsigned index)
{
	const uint8_t *out = f->links[link].sent[index].data;

	return f->links[link].sent[index].frame.length == 42 && get16(out + 12) == 0x0806 &&
	       get16(out + 20) == 1;
}

static unsigned requests_sent(const struct fixture *f, unsigned link)
{
	unsigned count = 0;

	for (unsigned i = 0; i < f->links[link].sent_count; i++)
		count += is_request(f, link, i);
	return count;
}

static bool try_send(struct fixture *f, unsigned link, uint32_t local, uint32_t remote)
{
	struct udp_path path = {.remote = remote,
		.local = local,
		.remote_port = htons(40000),
		.local_port = htons(UDP_PORT),
		.link = (uint8_t)link};
	unsigned ticket;
	uint8_t *out;

	stack_receive(f->stack, f->now); /* tells it the time */
	out = stack_datagram(f->stack, &path, 4, &ticket);
	if (!out)
		return false;
	memcpy(out, "data", 4);
	stack_datagram_commit(f->stack, ticket, 4);
	stack_transmit(f->stack, f->now);
	return true;
}

static bool send_to(struct fixture *f, uint32_t remote)
{
	return try_send(f, 0, OUR_ADDRESS, remote);
}

/* The Ethernet address that the newest frame went to. */
static const uint8_t *last_destination(const struct fixture *f, unsigned link)
{
	assert_true(f->links[link].sent_count > 0);
	return f->links[link].sent[f->links[link].sent_count - 1].data;
}

static void reply(struct fixture *f, const uint8_t mac[6], uint32_t address)
{
	struct packet p;

	make_arp(&p, our_mac, 2, mac, address, OUR_ADDRESS);
	deliver(f, &p);
}

static void ask(struct fixture *f, const uint8_t mac[6], uint32_t address)
{
	struct packet p;

	make_arp(&p, all_mac, 1, mac, address, OUR_ADDRESS);
	deliver(f, &p);
}

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
	ask(f, peer_mac, PEER_ADDRESS);
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
	ask(f, other_mac, 0);
	assert_int_equal(f->links[0].sent_count, 2);
	/* Not for others. */
	make_arp(&p, all_mac, 1, peer_mac, PEER_ADDRESS, inet_addr("198.18.0.9"));
	deliver(f, &p);
	assert_int_equal(f->links[0].sent_count, 2);
	assert_int_equal(counter(f, STACK_DROP_ARP_NOT_OURS), 1);
	/* Off the subnet: answered, but nothing is learnt: the next hop is not there. */
	ask(f, other_mac, inet_addr("203.0.113.9"));
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
	ask(f, peer_mac, PEER_ADDRESS);
	assert_true(send_to(f, PEER_ADDRESS));
	for (unsigned way = 0; way < 4; way++) {
		uint64_t unsolicited = counter(f, STACK_DROP_ARP_UNSOLICITED);

		forget_sent(f);
		switch (way) {
		case 0: /* an unsolicited reply */
			reply(f, other_mac, PEER_ADDRESS);
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
			ask(f, other_mac, PEER_ADDRESS);
			break;
		}
		unsolicited += way < 3;
		assert_int_equal(counter(f, STACK_DROP_ARP_UNSOLICITED), unsolicited);
		/* The old one is asked by unicast, and used all the while. */
		pass(f, SECOND / 5, 1000);
		assert_int_equal(requests_sent(f, 0), 1);
		assert_memory_equal(last_destination(f, 0), peer_mac, 6);
		assert_true(send_to(f, PEER_ADDRESS));
		assert_memory_equal(last_destination(f, 0), peer_mac, 6);
		/* The other one's answer to that question does not count; the old one's does. */
		reply(f, other_mac, PEER_ADDRESS);
		assert_int_equal(counter(f, STACK_DROP_ARP_UNSOLICITED), unsolicited + 1);
		reply(f, peer_mac, PEER_ADDRESS);
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
	ask(f, peer_mac, PEER_ADDRESS);
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
	reply(f, other_mac, PEER_ADDRESS);
	assert_true(send_to(f, PEER_ADDRESS));
	assert_memory_equal(last_destination(f, 0), other_mac, 6);
	fixture_free(f);
}

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
	reply(f, peer_mac, PEER_ADDRESS);
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
	reply(f, peer_mac, PEER_ADDRESS);
	assert_int_equal(counter(f, STACK_DROP_ARP_UNSOLICITED), 1);
	assert_false(send_to(f, PEER_ADDRESS));
	fixture_free(f);
}

static void test_ageing(void **state)
{
	struct fixture *f = fixture_make();
	uint64_t from, asked;

	fixture_start(f);
	ask(f, peer_mac, PEER_ADDRESS);
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
	reply(f, peer_mac, PEER_ADDRESS);
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
	reply(f, peer_mac, PEER_ADDRESS);
	forget_sent(f);
	pass(f, 599 * SECOND, SECOND / 4);
	assert_int_equal(f->links[0].sent_count, 0);
	assert_true(send_to(f, PEER_ADDRESS));
	reply(f, peer_mac, PEER_ADDRESS);
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
	ask(f, peer_mac, PEER_ADDRESS);
	assert_true(send_to(f, PEER_ADDRESS));
	for (unsigned i = 0; i < 100000; i++) {
		uint8_t mac[6] = {0x02, 1, 2, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};

		ask(f, mac, htonl(0xc6200000 + i));
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
		ask(f, peer_mac, htonl(0xc6120002 + i));
		assert_true(send_to(f, htonl(0xc6120002 + i)));
	}
	for (unsigned i = 8; i < 50; i++) {
		ask(f, other_mac, htonl(0xc6120002 + i));
		refused += !send_to(f, htonl(0xc6120002 + i));
	}
	assert_int_equal(refused, 42);
	assert_int_equal(counter(f, STACK_DROP_UNRESOLVED), 42);
	assert_int_equal(counter(f, STACK_NEIGHBOUR_FULL), 84);
	for (unsigned i = 0; i < 8; i++)
		assert_true(send_to(f, htonl(0xc6120002 + i)));
	/* Unused for a minute they give way. */
	f->now += 61 * SECOND;
	ask(f, other_mac, htonl(0xc6120002 + 20));
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
	ask(f, peer_mac, PEER_ADDRESS);
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
	ask(f, other_mac, OUR_ADDRESS);
	assert_int_equal(f->links[0].sent_count, 2);
	fixture_free(f);
}

static void test_gateway(void **state)
{
	struct fixture *f = fixture_make();
	uint32_t gateway = inet_addr("198.18.0.254");

	f->config.links[0].gateways[0] = gateway;
	f->config.links[0].gateway_count = 1;
	fixture_start(f);
	assert_false(send_to(f, inet_addr("203.0.113.5")));
	turn(f);
	assert_int_equal(f->links[0].sent_count, 1);
	assert_memory_equal(f->links[0].sent[0].data + 38, &gateway, 4);
	reply(f, other_mac, gateway);
	ask(f, peer_mac, PEER_ADDRESS);
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

/* What was remembered of the last packet must not outlive the entry it points to. */
static void test_remembered_entry_is_replaced(void **state)
{
	struct fixture *f = fixture_make();

	f->config.neighbours = 8;
	fixture_start(f);
	ask(f, peer_mac, PEER_ADDRESS);
	assert_true(send_to(f, PEER_ADDRESS));
	pass(f, 620 * SECOND, SECOND / 4);
	for (unsigned i = 0; i < 8; i++)
		ask(f, other_mac, htonl(0xc6120010 + i));
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
		reply(f, peer_mac, htonl(0xc6120010 + i));
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
	ask(f, peer_mac, PEER_ADDRESS);
	for (unsigned i = 0; i < 30; i++) {
		ask(f, other_mac, htonl(0xcb007101 + i));
		ask(f, other_mac, inet_addr("198.18.0.255"));
		ask(f, other_mac, inet_addr("224.0.0.1"));
	}
	assert_true(send_to(f, PEER_ADDRESS));
	fixture_free(f);
}

/* Each link has its own neighbours: the same address on another is another host. */
static void test_links_are_apart(void **state)
{
	struct fixture *f = fixture_make();
	struct packet p;

	f->config.link_count = 2;
	f->config.links[1].addresses[0] = (struct stack_address){inet_addr("198.18.0.200"), 24};
	fixture_start(f);
	ask(f, peer_mac, PEER_ADDRESS);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_announces_itself),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_A1_malformed),
		cmocka_unit_test(test_A2_nobody_takes_over_a_live_entry),
		cmocka_unit_test(test_A2_failover),
		cmocka_unit_test(test_unknown_next_hop),
		cmocka_unit_test(test_gives_up),
		cmocka_unit_test(test_ageing),
		cmocka_unit_test(test_A3_flood),
		cmocka_unit_test(test_full_table),
		cmocka_unit_test(test_scan_is_no_storm),
		cmocka_unit_test(test_A4_conflict),
		cmocka_unit_test(test_gateway),
		cmocka_unit_test(test_remembered_entry_is_replaced),
		cmocka_unit_test(test_questions_are_not_pushed_out_at_once),
		cmocka_unit_test(test_off_the_link_nothing_is_learnt),
		cmocka_unit_test(test_links_are_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
