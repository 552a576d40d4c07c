/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_stack.c - the stack and its ports: configuration, offloads, shortages, other workers */
#include "stack_fixture.h"

static void test_configurations_refused(void **state)
{
	struct fixture *f = fixture_make();
	const struct stack_config good = f->config;

#define REFUSED(change)                                                                            \
	do {                                                                                       \
		struct stack_config config = good;                                                 \
		change;                                                                            \
		errno = 0;                                                                         \
		assert_null(stack_new(&config, f->now));                                           \
		assert_int_equal(errno, EINVAL);                                                   \
	} while (0)
	REFUSED(config.link_count = 0);
	REFUSED(config.link_count = STACK_LINKS_MAX + 1);
	REFUSED(config.links[0].link = NULL);
	REFUSED(config.links[0].address_count = 0);
	REFUSED(config.links[0].address_count = STACK_ADDRESSES_MAX + 1);
	REFUSED(config.links[0].gateway_count = STACK_GATEWAYS_MAX + 1);
	REFUSED(config.links[0].addresses[0].prefix = 33);
	REFUSED(config.links[0].addresses[0].address = ip_from_v4(0));
	REFUSED(config.links[0].addresses[0].address = ip_from_v4(inet_addr("127.0.0.1")));
	REFUSED(config.links[0].more = 255);
	REFUSED(config.links[0].gateway_count = 1);
	REFUSED(config.random = NULL);
	REFUSED(config.rss = NULL);
	REFUSED(config.worker = 1);
	REFUSED(config.user.datagram = NULL);
	REFUSED(config.user.closed = NULL);
	static const uint16_t port_0[] = {0};
	REFUSED(config.udp_ports = port_0);
	f->links[0].link.mtu = 575;
	REFUSED((void)0);
	f->links[0].link.mtu = 1501;
	REFUSED((void)0);
	f->links[0].link.mtu = 1500;
	fixture_start(f);
	assert_true(stack_bytes(&good) > tcp_bytes(&good.tcp));
	fixture_free(f);
	stack_free(NULL);
}

/* Frames stay the port's until stack_transmit(): no second burst is taken before. */
static void test_frames_are_held(void **state)
{
	struct fixture *f = fixture_make();
	struct packet p;

	fixture_start(f);
	good_udp(&p);
	for (unsigned i = 0; i < STACK_BURST; i++)
		arrive(f, 0, &p);
	assert_int_equal(stack_receive(f->stack, f->now), STACK_BURST);
	assert_int_equal(f->datagrams, STACK_BURST);
	assert_memory_equal(f->last.data, "0123456789abcdef", 16); /* still there */
	arrive(f, 0, &p);
	assert_int_equal(stack_receive(f->stack, f->now), 0);
	assert_int_equal(f->links[0].held_count, STACK_BURST);
	stack_transmit(f->stack, f->now);
	assert_int_equal(f->links[0].held_count, 0);
	assert_int_equal(stack_receive(f->stack, f->now), 1);
	/* Freed in the middle of a turn, it gives back what it holds and has reserved. */
	fixture_free(f);
}

static void test_offload_asks_the_port(void **state)
{
	struct fixture *f = fixture_make();
	const uint8_t *out = f->links[0].sent[0].data;
	struct frame *frame = &f->links[0].sent[0].frame;
	struct packet p;
	unsigned sum;

	f->links[0].link.offload = FRAME_L3_FILL | FRAME_L4_FILL;
	fixture_start(f);
	introduce(f);
	send_datagram(f, (const uint8_t *)"hello", 5);
	stack_transmit(f->stack, f->now);
	assert_int_equal(frame->flags, FRAME_L3_FILL | FRAME_L4_FILL | FRAME_L4_UDP);
	assert_int_equal(frame->l2_length, 14);
	assert_int_equal(frame->l3_length, 20);
	check_ip(out, 47, true);
	/* the field holds the pseudo-header's sum: what is left is the rest of the datagram */
	sum = get16(out + L4 + 6);
	put16(f->links[0].sent[0].data + L4 + 6, 0);
	sum = simple_sum(sum, out + L4, 13);
	put16(f->links[0].sent[0].data + L4 + 6, ~sum & 0xffff);
	assert_int_equal(transport_sum(out + IP, 13), 0xffff);

	forget_sent(f);
	make_tcp(&p, 0x02, 77, 0, NULL, 0);
	deliver(f, &p);
	assert_int_equal(f->links[0].sent_count, 1);
	assert_int_equal(frame->flags, FRAME_L3_FILL | FRAME_L4_FILL | FRAME_URGENT);
	check_ip(out, frame->length, true);
	sum = get16(out + L4 + 16);
	put16(f->links[0].sent[0].data + L4 + 16, 0);
	sum = simple_sum(sum, out + L4, frame->length - L4);
	put16(f->links[0].sent[0].data + L4 + 16, ~sum & 0xffff);
	assert_int_equal(transport_sum(out + IP, frame->length - L4), 0xffff);

	/* ICMP's checksum is no port's business; IPv4's is. */
	forget_sent(f);
	make_echo(&p, 9);
	deliver(f, &p);
	assert_int_equal(frame->flags, FRAME_L3_FILL);
	assert_int_equal(simple_sum(0, out + L4, 17), 0xffff);
	check_ip(out, frame->length, true);
	fixture_free(f);
}

static void test_offload_of_ipv4_only(void **state)
{
	struct fixture *f = fixture_make();

	f->links[0].link.offload = FRAME_L3_FILL;
	fixture_start(f);
	introduce(f);
	send_datagram(f, (const uint8_t *)"hello", 5);
	stack_transmit(f->stack, f->now);
	assert_int_equal(f->links[0].sent[0].frame.flags, FRAME_L3_FILL);
	assert_int_equal(transport_sum(f->links[0].sent[0].data + IP, 13), 0xffff);
	fixture_free(f);
}

static void test_port_short_of_everything(void **state)
{
	struct fixture *f = fixture_make();
	unsigned ticket, got = 0;
	struct packet p;

	fixture_start(f);
	introduce(f);
	/* The queue's end. */
	for (unsigned i = 0; i < STACK_QUEUE + 10; i++) {
		uint8_t *out = stack_datagram(f->stack, path_to(PEER_ADDRESS), 1, &ticket);

		if (!out)
			continue;
		got++;
		*out = (uint8_t)i;
		stack_datagram_commit(f->stack, ticket, 1);
	}
	assert_int_equal(got, STACK_QUEUE - STACK_RESERVE);
	assert_int_equal(counter(f, STACK_DROP_TX_BUFFER), 10 + STACK_RESERVE);
	assert_int_equal(stack_transmit(f->stack, f->now), got);
	for (unsigned i = 0; i < got; i++)
		assert_int_equal(f->links[0].sent[i].data[L4 + 8], (uint8_t)i);
	/* No buffer. */
	f->links[0].buffers = 0;
	assert_null(stack_datagram(f->stack, path_to(PEER_ADDRESS), 1, &ticket));
	make_echo(&p, 4);
	deliver(f, &p);
	assert_int_equal(counter(f, STACK_DROP_TX_BUFFER), 12 + STACK_RESERVE);
	/* A port that takes two of five. */
	f->links[0].buffers = LINK_RESERVED_MAX;
	f->links[0].takes = 2;
	uint64_t frames = counter(f, STACK_TX_FRAMES), bytes = counter(f, STACK_TX_BYTES);
	for (unsigned i = 0; i < 5; i++)
		send_datagram(f, (const uint8_t *)"12345", 5);
	assert_int_equal(stack_transmit(f->stack, f->now), 2);
	assert_int_equal(counter(f, STACK_DROP_TX_FULL), 3);
	assert_int_equal(counter(f, STACK_TX_FRAMES), frames + 2);
	assert_int_equal(counter(f, STACK_TX_BYTES), bytes + 2 * 47);
	f->links[0].takes = ~0U;
	assert_canary(f);
	fixture_free(f);
}

static void test_other_workers_flows(void **state)
{
	struct fixture *f = fixture_make();
	uint8_t key[RSS_KEY_BYTES];
	unsigned ours = 0, theirs = 0;
	struct packet p;

	memcpy(key, f->rss.key, sizeof(key));
	assert_int_equal(rss_init(&f->rss, key, 3), 0);
	f->config.worker = 2;
	fixture_start(f);
	introduce(f);
	for (unsigned port = 40000; port < 40300; port++) {
		bool mine = owner_v4(&f->rss, PEER_ADDRESS, OUR_ADDRESS, htons((uint16_t)port),
				    htons(UDP_PORT)) == 2;

		make_udp(&p, "x", 1);
		put16(p.data + L4, port);
		seal_l4(&p, 6);
		deliver(f, &p);
		*(mine ? &ours : &theirs) += 1;
		assert_int_equal(f->datagrams, ours);
		assert_int_equal(counter(f, STACK_DROP_WRONG_WORKER), theirs);
	}
	assert_in_range(ours, 60, 140);
	for (unsigned port = 50000; port < 50100; port++) {
		make_tcp(&p, 0x02, 1, 0, NULL, 0);
		put16(p.data + L4, port);
		seal_l4(&p, 16);
		theirs += owner_v4(&f->rss, PEER_ADDRESS, OUR_ADDRESS, htons((uint16_t)port),
				  htons(TCP_PORT)) != 2;
		deliver(f, &p);
		assert_int_equal(counter(f, STACK_DROP_WRONG_WORKER), theirs);
	}
	/* ICMP belongs to nobody: whoever gets it answers. */
	forget_sent(f);
	make_echo(&p, 4);
	deliver(f, &p);
	assert_int_equal(f->links[0].sent_count, 1);
	fixture_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_offload_asks_the_port),
		cmocka_unit_test(test_offload_of_ipv4_only),
		cmocka_unit_test(test_port_short_of_everything),
		cmocka_unit_test(test_other_workers_flows),
		cmocka_unit_test(test_configurations_refused),
		cmocka_unit_test(test_frames_are_held),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
