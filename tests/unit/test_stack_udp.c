/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_stack_udp.c - datagrams in and out: lengths, checksums, ports, tickets (catalogue D1-D3) */
#include "stack_drop.h"

static void udp_short(struct packet *p, const struct drop *row)
{
	make_ip(p, 17, 7);
}

static void udp_length(struct packet *p, const struct drop *row)
{
	good_udp(p);
	put16(p->data + L4 + 4, row->value);
	put16(p->data + L4 + 6, 0);
}

/* @value: what the port says of it */
static void udp_checksum(struct packet *p, const struct drop *row)
{
	good_udp(p);
	p->data[L4 + 10] ^= 1;
	p->flags = (uint16_t)row->value;
}

/* @value, @more: from, to */
static void udp_ports(struct packet *p, const struct drop *row)
{
	good_udp(p);
	put16(p->data + L4, row->value);
	put16(p->data + L4 + 2, row->more);
	seal_l4(p, 6);
}

static const struct drop drops[] = {
	{"I2 UDP checksum", udp_checksum, STACK_DROP_UDP_CHECKSUM, .value = 0},
	{"I2 UDP checksum, L3 good", udp_checksum, STACK_DROP_UDP_CHECKSUM, .value = FRAME_L3_GOOD},
	{"D1 7 bytes", udp_short, .counter = STACK_DROP_UDP_MALFORMED},
	{"D1 length 0", udp_length, STACK_DROP_UDP_MALFORMED, .value = 0},
	{"D1 length 7", udp_length, STACK_DROP_UDP_MALFORMED, .value = 7},
	{"D1 length beyond", udp_length, STACK_DROP_UDP_MALFORMED, .value = 25},
	{"D3 from port 0", udp_ports, STACK_DROP_UDP_MALFORMED, .value = 0, .more = UDP_PORT},
	{"D3 to port 0", udp_ports, STACK_DROP_UDP_MALFORMED, .value = 40000, .more = 0},
	{"D3 unbound", udp_ports, STACK_DROP_UDP_PORT, .value = 40000, .more = UDP_PORT + 1},
	{"D3 from echo", udp_ports, STACK_DROP_UDP_PORT, .value = 7, .more = UDP_PORT},
	{"D3 from chargen", udp_ports, STACK_DROP_UDP_PORT, .value = 19, .more = UDP_PORT},
	{"D3 from DNS", udp_ports, STACK_DROP_UDP_PORT, .value = 53, .more = UDP_PORT},
	{"D3 from NTP", udp_ports, STACK_DROP_UDP_PORT, .value = 123, .more = UDP_PORT},
};

static void test_every_drop_of_udp_has_its_name(void **state)
{
	assert_drops(drops, sizeof(drops) / sizeof(drops[0]));
}

static void test_padding_is_trimmed(void **state)
{
	struct fixture *f = fixture_make();
	struct packet p;

	fixture_start(f);
	/* L2: one byte of payload in a frame padded to 60, and further */
	for (unsigned length = 60; length <= 1514; length += 727) {
		make_udp(&p, "x", 1);
		memset(p.data + p.length, 0xee, length - p.length);
		p.length = length;
		deliver(f, &p);
		assert_int_equal(f->last.length, 1);
	}
	assert_int_equal(f->datagrams, 3);
	/* D1: a UDP length smaller than IP's: the rest is no payload */
	make_udp(&p, "0123456789", 10);
	put16(p.data + L4 + 4, 8 + 4);
	put16(p.data + L4 + 6, 0);
	deliver(f, &p);
	assert_int_equal(f->datagrams, 4);
	assert_int_equal(f->last.length, 4);
	assert_memory_equal(f->datagram, "0123", 4);
	/* and none at all is a datagram, too */
	make_udp(&p, "", 0);
	deliver(f, &p);
	assert_int_equal(f->datagrams, 5);
	assert_int_equal(f->last.length, 0);
	fixture_free(f);
}

static void test_port_word_counts_only_when_good(void **state)
{
	struct fixture *f = fixture_make();
	struct packet p;

	fixture_start(f);
	good_udp(&p);
	p.data[L4 + 10] ^= 1;
	p.flags = FRAME_L4_GOOD;
	deliver(f, &p);
	assert_int_equal(f->datagrams, 1);
	good_udp(&p);
	p.data[IP + 8]--;
	p.flags = FRAME_L3_GOOD;
	deliver(f, &p);
	assert_int_equal(f->datagrams, 2);
	good_udp(&p);
	put16(p.data + L4 + 6, 0); /* the sender made none: allowed on IPv4 */
	deliver(f, &p);
	assert_int_equal(f->datagrams, 3);
	fixture_free(f);
}

static void test_udp_out(void **state)
{
	struct fixture *f = fixture_make();
	uint8_t data[1472];

	fixture_start(f);
	introduce(f);
	for (unsigned i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)draw(f, 256);
	for (unsigned length = 1; length <= sizeof(data); length += length < 40 ? 1 : 179) {
		const uint8_t *out = f->links[0].sent[0].data;

		forget_sent(f);
		send_datagram(f, data, length);
		stack_transmit(f->stack, f->now);
		assert_int_equal(f->links[0].sent_count, 1);
		assert_int_equal(f->links[0].sent[0].frame.flags, 0);
		check_ip(out, 42 + length, false);
		assert_int_equal(get16(out + L4), UDP_PORT);
		assert_int_equal(get16(out + L4 + 2), 40000);
		assert_int_equal(get16(out + L4 + 4), 8 + length);
		assert_int_not_equal(get16(out + L4 + 6), 0);
		assert_int_equal(transport_sum(out + IP, 8 + length), 0xffff);
		assert_memory_equal(out + L4 + 8, data, length);
	}
	fixture_free(f);
}

/* A sum that comes out as 0 is sent as 0xffff: 0 would mean "none". */
/* T14: the identification of IPv4 says nothing of what else we send (RFC 6864 gives it no meaning
 * where DF is set): half of its bits change from one packet to the next, whichever they are. */
static void test_T14_ip_id(void **state)
{
	struct fixture *f = fixture_make();
	unsigned bits[16] = {0}, before = 0;

	fixture_start(f);
	introduce(f);
	for (unsigned i = 0; i < 4000; i++) {
		unsigned id;

		forget_sent(f);
		send_datagram(f, (const uint8_t *)"x", 1);
		stack_transmit(f->stack, f->now);
		id = get16(f->links[0].sent[0].data + IP + 4);
		for (unsigned b = 0; b < 16; b++)
			bits[b] += (id ^ before) >> b & 1;
		before = id;
	}
	/* Seven standard deviations of 4000 fair coins: 222. */
	for (unsigned b = 0; b < 16; b++)
		assert_in_range(bits[b], 2000 - 222, 2000 + 222);
	fixture_free(f);
}

static void test_udp_checksum_never_0(void **state)
{
	struct fixture *f = fixture_make();
	const uint8_t *out = f->links[0].sent[0].data;
	uint8_t data[2] = {0, 0};

	fixture_start(f);
	introduce(f);
	send_datagram(f, data, 2);
	stack_transmit(f->stack, f->now);
	/* Two bytes that are the complement of all the rest bring the sum to 0xffff. */
	put16(data, get16(out + L4 + 6));
	forget_sent(f);
	send_datagram(f, data, 2);
	stack_transmit(f->stack, f->now);
	assert_int_equal(get16(out + L4 + 6), 0xffff);
	fixture_free(f);
}

static void test_datagram_tickets(void **state)
{
	struct fixture *f = fixture_make();
	unsigned ticket[5];
	uint64_t drops_before;

	fixture_start(f);
	introduce(f);
	for (unsigned i = 0; i < 5; i++) {
		uint8_t *out = stack_datagram(f->stack, path_to(PEER_ADDRESS), 100, &ticket[i]);

		assert_non_null(out);
		memset(out, (int)('a' + i), 100);
	}
	/* In another order; one shorter, one given up, one left open, one too long. */
	stack_datagram_commit(f->stack, ticket[2], 100);
	stack_datagram_commit(f->stack, ticket[0], 7);
	stack_datagram_commit(f->stack, ticket[1], 0);
	stack_datagram_commit(f->stack, ticket[4], 101);
	assert_int_equal(counter(f, STACK_DROP_TX_LENGTH), 1);
	assert_int_equal(stack_transmit(f->stack, f->now), 2);
	assert_int_equal(f->links[0].sent_count, 2);
	assert_int_equal(f->links[0].sent[0].data[L4 + 8], 'a');
	assert_int_equal(f->links[0].sent[0].frame.length, 42 + 7);
	assert_int_equal(f->links[0].sent[1].data[L4 + 8], 'c');
	assert_int_equal(f->links[0].sent[1].frame.length, 42 + 100);
	/* Sizes out of range, a path that is not ours. */
	assert_null(stack_datagram(f->stack, path_to(PEER_ADDRESS), 1473, ticket));
	assert_null(stack_datagram(f->stack, path_to(PEER_ADDRESS), 0, ticket));
	assert_int_equal(counter(f, STACK_DROP_TX_LENGTH), 3);
	drops_before = counter(f, STACK_DROP_NO_ROUTE);
	struct udp_path path = *path_to(PEER_ADDRESS);
	path.link = 1;
	assert_null(stack_datagram(f->stack, &path, 10, ticket));
	path.link = 255;
	assert_null(stack_datagram(f->stack, &path, 10, ticket));
	path = *path_to(PEER_ADDRESS);
	path.local = ip_from_v4(inet_addr("198.18.0.3"));
	assert_null(stack_datagram(f->stack, &path, 10, ticket));
	assert_null(stack_datagram(f->stack, path_to(inet_addr("224.0.0.5")), 10, ticket));
	assert_int_equal(counter(f, STACK_DROP_NO_ROUTE), drops_before + 4);
	fixture_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_drop_of_udp_has_its_name),
		cmocka_unit_test(test_padding_is_trimmed),
		cmocka_unit_test(test_port_word_counts_only_when_good),
		cmocka_unit_test(test_udp_out),
		cmocka_unit_test(test_T14_ip_id),
		cmocka_unit_test(test_udp_checksum_never_0),
		cmocka_unit_test(test_datagram_tickets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
