/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_stack_ipv6.c - IPv6 in and out, and what is dropped of it (RFC 8200) */
#include "stack_ipv6.h"

/* Some extension headers, each followed by UDP (17) unless it says otherwise. */
#define PAD_8                                                                                      \
	{                                                                                          \
		17, 0, 1, 4, 0, 0, 0, 0                                                            \
	}

static void test_datagram(void **state)
{
	struct fixture *f = fixture_make6();
	struct ip_address ours = v6(our_v6), peer = v6(peer_v6);
	const uint8_t *out = f->links[0].sent[0].data;
	struct packet p;

	f->echo = true;
	fixture_start(f);
	introduce6(f);
	make_udp6(&p, peer_v6, "0123456789abcdefg", 17);
	p.length += 5; /* padding is not data */
	deliver(f, &p);
	assert_int_equal(f->datagrams, 1);
	assert_int_equal(f->last.length, 17);
	assert_memory_equal(f->datagram, "0123456789abcdefg", 17);
	assert_true(ip_equal(&f->last.path.remote, &peer));
	assert_true(ip_equal(&f->last.path.local, &ours));
	assert_int_equal(f->links[0].sent_count, 1);
	assert_int_equal(f->links[0].sent[0].frame.length, L4_6 + 25);
	check_ip6(out, L4_6 + 25, 64);
	assert_memory_equal(out, peer_mac, 6);
	assert_memory_equal(out + 6, our_mac, 6);
	assert_memory_equal(out + IP + 8, &ours, 16);
	assert_memory_equal(out + IP + 24, &peer, 16);
	assert_int_equal(get16(out + L4_6), UDP_PORT);
	assert_int_equal(get16(out + L4_6 + 2), 40000);
	assert_int_equal(get16(out + L4_6 + 4), 25);
	assert_memory_equal(out + L4_6 + 8, "0123456789abcdefg", 17);
	assert_canary(f);
	fixture_free(f);
}

/* A whole connection: opened, bytes in, bytes out, closed. */
static void test_connection(void **state)
{
	struct fixture *f = fixture_make6();
	const uint8_t *out = f->links[0].sent[0].data;
	struct ip_address peer = v6(peer_v6);
	struct packet p;
	uint32_t isn;

	f->echo = true;
	fixture_start(f);
	introduce6(f);
	make_tcp6(&p, peer_v6, 0x02, 1000, 0, NULL, 0);
	deliver(f, &p);
	assert_int_equal(f->links[0].sent_count, 1);
	check_ip6(out, f->links[0].sent[0].frame.length, 64);
	assert_int_equal(out[L4_6 + 13], 0x12);
	assert_int_equal(get32(out + L4_6 + 8), 1001);
	isn = get32(out + L4_6 + 4);
	forget_sent(f);
	make_tcp6(&p, peer_v6, 0x18, 1001, isn + 1, "hello", 5);
	deliver(f, &p);
	assert_int_equal(f->opened, 1);
	assert_true(ip_equal(&f->tuple.remote, &peer));
	assert_int_equal(f->stream_length, 5);
	assert_int_equal(f->links[0].sent_count, 1);
	check_ip6(out, f->links[0].sent[0].frame.length, 64);
	assert_memory_equal(out + f->links[0].sent[0].frame.length - 5, "hello", 5);
	fixture_free(f);
}

/* What a link carries goes both ways in one segment: its MTU without 60 bytes of headers. */
static void test_full_size_segments(void **state)
{
	struct fixture *f = fixture_make6();
	const uint8_t *out = f->links[0].sent[0].data;
	uint8_t data[1440];
	struct packet p;
	uint32_t isn;

	for (unsigned i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7);
	f->echo = true;
	fixture_start(f);
	introduce6(f);
	make_tcp6(&p, peer_v6, 0x02, 1000, 0, "\x02\x04\x05\xa0", 4);
	p.data[L4_6 + 12] = 0x60; /* these were an option: MSS 1440 */
	seal6(&p, 16);
	deliver(f, &p);
	assert_int_equal(f->links[0].sent_count, 1);
	assert_int_equal(get32(out + L4_6 + 20), 0x020405a0);
	isn = get32(out + L4_6 + 4);
	forget_sent(f);
	make_tcp6(&p, peer_v6, 0x18, 1001, isn + 1, data, sizeof(data));
	assert_int_equal(p.length, 1514);
	deliver(f, &p);
	assert_int_equal(f->stream_length, sizeof(data));
	assert_memory_equal(f->stream, data, sizeof(data));
	assert_int_equal(f->links[0].sent_count, 1);
	assert_int_equal(f->links[0].sent[0].frame.length, 1514);
	check_ip6(out, 1514, 64);
	assert_memory_equal(out + L4_6 + 20, data, sizeof(data));
	assert_int_equal(all_drops(f), 0);
	fixture_free(f);
}

/* Ports that fill checksums in get the pseudo-header's sum. */
static void test_offload(void **state)
{
	struct fixture *f = fixture_make6();
	const uint8_t *out = f->links[0].sent[0].data;
	const struct frame *frame = &f->links[0].sent[0].frame;
	uint8_t pseudo[8] = {0};
	struct packet p;

	f->links[0].link.offload = FRAME_L3_FILL | FRAME_L4_FILL;
	f->echo = true;
	fixture_start(f);
	introduce6(f);
	make_udp6(&p, peer_v6, "data", 4);
	deliver(f, &p);
	assert_int_equal(f->links[0].sent_count, 1);
	assert_int_equal(frame->flags, FRAME_IPV6 | FRAME_L4_FILL | FRAME_L4_UDP);
	assert_int_equal(frame->l2_length, 14);
	assert_int_equal(frame->l3_length, 40);
	put32(pseudo, 12);
	pseudo[7] = 17;
	assert_int_equal(
		get16(out + L4_6 + 6), simple_sum(simple_sum(0, out + IP + 8, 32), pseudo, 8));
	fixture_free(f);
}

static void test_V1_extensions_are_walked(void **state)
{
	static const struct {
		unsigned type, length;
		uint8_t chain[64];
	} rows[] = {
		{0, 8, PAD_8},
		{60, 8, PAD_8},
		{60, 8, {17, 0, 0, 0, 0, 0, 0, 0}},
		/* router alert, an unknown option that may be skipped */
		{0, 8, {17, 0, 5, 2, 0, 0, 0x1e, 0}},
		/* routing, type 2, no segments left */
		{43, 8, {17, 0, 2, 0, 0, 0, 0, 0}},
		/* hop by hop, destination, routing, destination */
		{0, 32,
			{60, 0, 1, 4, 0, 0, 0, 0, 43, 0, 1, 4, 0, 0, 0, 0, 60, 0, 4, 0, 0, 0, 0, 0,
				17, 0, 1, 4}},
	};
	struct fixture *f = fixture_make6();

	fixture_start(f);
	introduce6(f);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct packet p;

		make_udp6(&p, peer_v6, "data", 4);
		insert_extensions(&p, rows[i].type, rows[i].chain, rows[i].length);
		deliver(f, &p);
		assert_int_equal(f->datagrams, i + 1);
		assert_int_equal(f->last.length, 4);
	}
	assert_int_equal(all_drops(f), 0);
	fixture_free(f);
}

/* V4: a whole packet that says it is a fragment is judged by itself (RFC 6946). */
static void test_V4_atomic_fragment(void **state)
{
	static const uint8_t atomic[8] = {17, 0, 0, 0, 1, 2, 3, 4};
	struct fixture *f = fixture_make6();
	struct packet p;

	fixture_start(f);
	introduce6(f);
	make_udp6(&p, peer_v6, "data", 4);
	insert_extensions(&p, 44, atomic, 8);
	deliver(f, &p);
	assert_int_equal(f->datagrams, 1);
	/* A real one of the same id waits for nobody and harms nothing. */
	make_udp6(&p, peer_v6, "data", 4);
	insert_extensions(&p, 44, atomic, 8);
	p.data[L4_6 + 3] = 1;
	deliver(f, &p);
	assert_int_equal(counter(f, STACK_DROP_IPV6_FRAGMENT), 1);
	assert_int_equal(f->datagrams, 1);
	fixture_free(f);
}

/* Rows of packets to be dropped. */

static void extended(struct packet *p, const struct drop *row)
{
	make_udp6(p, peer_v6, "0123456789abcdef", 16);
	insert_extensions(p, row->value, row->bytes, row->more);
}

static void byte_set(struct packet *p, const struct drop *row)
{
	make_udp6(p, peer_v6, "0123456789abcdef", 16);
	p->data[row->value] = (uint8_t)row->more;
}

static void cut6(struct packet *p, const struct drop *row)
{
	make_udp6(p, peer_v6, "0123456789abcdef", 16);
	p->length = row->value;
}

static void source(struct packet *p, const struct drop *row)
{
	make_udp6(p, row->bytes, "data", 4);
}

static void destination(struct packet *p, const struct drop *row)
{
	make_tcp6(p, peer_v6, 2, 1, 0, NULL, 0);
	make_ip6(p, peer_v6, row->bytes, 6, 20);
	if (row->value)
		memcpy(p->data, our_mac, 6);
	seal6(p, 16);
}

/* @bytes and nothing behind them: @more of type @value. */
static void alone(struct packet *p, const struct drop *row)
{
	make_ip6(p, peer_v6, our_v6, row->value, row->more);
	memcpy(p->data + L4_6, row->bytes, row->more);
}

static void zero_checksum(struct packet *p, const struct drop *row)
{
	make_udp6(p, peer_v6, "data", 4);
	put16(p->data + L4_6 + 6, 0);
	p->flags = (uint16_t)row->value;
}

static void land(struct packet *p, const struct drop *row)
{
	make_tcp6(p, row->bytes, 2, 1, 0, NULL, 0);
	put16(p->data + L4_6, TCP_PORT);
	seal6(p, 16);
}

static void echo_to(struct packet *p, const struct drop *row)
{
	make_echo6(p, row->bytes, 8);
}

/* Payload length 0 and the jumbo option: RFC 2675 is not spoken. */
static void jumbo(struct packet *p, const struct drop *row)
{
	static const uint8_t option[8] = {17, 0, 0xc2, 4, 0, 1, 0, 0};

	make_udp6(p, peer_v6, "data", 4);
	insert_extensions(p, 0, option, 8);
	if (row->value)
		put16(p->data + IP + 4, 0);
}

static const uint8_t chain_of_5[40] = {60, 0, 1, 4, 0, 0, 0, 0, 60, 0, 1, 4, 0, 0, 0, 0, 60, 0, 1,
	4, 0, 0, 0, 0, 60, 0, 1, 4, 0, 0, 0, 0, 17, 0, 1, 4};
static const uint8_t long_chain[264] = {17, 32, 1, 200, [204] = 1, 58};
static const uint8_t two_fragments[16] = {44, 0, 0, 0, 0, 0, 0, 1, 17};

#define EIGHT(...) ((const uint8_t[8]){__VA_ARGS__})

static void test_dropped(void **state)
{
	const struct drop rows[] = {
		{"version 4", byte_set, STACK_DROP_IPV6_MALFORMED, IP, 0x40, NULL},
		{"version 0", byte_set, STACK_DROP_IPV6_MALFORMED, IP, 0, NULL},
		{"header cut", cut6, STACK_DROP_IPV6_MALFORMED, L4_6 - 1, 0, NULL},
		{"nothing but Ethernet", cut6, STACK_DROP_IPV6_MALFORMED, IP, 0, NULL},
		{"V6 payload beyond the frame", cut6, STACK_DROP_IPV6_MALFORMED, L4_6 + 23, 0,
			NULL},
		{"V6 jumbo option", jumbo, STACK_DROP_IPV6_EXTENSION, 0, 0, NULL},
		{"V6 jumbogram", jumbo, STACK_DROP_IPV6_EXTENSION, 1, 0, NULL},
		{"V1 length 255", extended, STACK_DROP_IPV6_EXTENSION, 60, 8,
			EIGHT(17, 0xff, 1, 4)},
		{"V1 length past the packet", extended, STACK_DROP_IPV6_EXTENSION, 0, 8,
			EIGHT(17, 4, 1, 4)},
		{"V1 option past its header", extended, STACK_DROP_IPV6_EXTENSION, 60, 8,
			EIGHT(17, 0, 1, 5)},
		{"V1 option past the frame", alone, STACK_DROP_IPV6_EXTENSION, 60, 8,
			EIGHT(59, 0, 1, 5)},
		{"V1 length past the frame", alone, STACK_DROP_IPV6_EXTENSION, 60, 8,
			EIGHT(59, 1, 1, 4)},
		{"V1 option without a length", extended, STACK_DROP_IPV6_EXTENSION, 60, 8,
			EIGHT(17, 0, 1, 3, 0, 0, 0, 1)},
		{"V1 option that must be known", extended, STACK_DROP_IPV6_EXTENSION, 60, 8,
			EIGHT(17, 0, 0x45, 4)},
		{"V1 five extensions", extended, STACK_DROP_IPV6_EXTENSION, 60, 40, chain_of_5},
		{"V1 chain over 256 bytes", extended, STACK_DROP_IPV6_EXTENSION, 60, 264,
			long_chain},
		{"V1 hop by hop not first", extended, STACK_DROP_IPV6_EXTENSION, 60, 16,
			((const uint8_t[16]){0, 0, 1, 4, 0, 0, 0, 0, 17, 0, 1, 4})},
		{"V2 routing header 0", extended, STACK_DROP_IPV6_ROUTING, 43, 24,
			((const uint8_t[24]){17, 2, 0, 1})},
		{"V2 routing header 0, none left", extended, STACK_DROP_IPV6_ROUTING, 43, 8,
			EIGHT(17, 0, 0, 0)},
		{"V2 segments left", extended, STACK_DROP_IPV6_ROUTING, 43, 8, EIGHT(17, 0, 4, 1)},
		{"V3 first fragment", extended, STACK_DROP_IPV6_FRAGMENT, 44, 8,
			EIGHT(17, 0, 0, 1, 0, 0, 0, 1)},
		{"V3 later fragment", extended, STACK_DROP_IPV6_FRAGMENT, 44, 8,
			EIGHT(17, 0, 0, 8, 0, 0, 0, 1)},
		{"F2 fragment past the end", extended, STACK_DROP_IPV6_FRAGMENT, 44, 8,
			EIGHT(17, 0, 0xff, 0xf8, 0, 0, 0, 1)},
		{"V4 two fragment headers", extended, STACK_DROP_IPV6_FRAGMENT, 44, 16,
			two_fragments},
		{"no next header", byte_set, STACK_DROP_IPV6_PROTOCOL, IP + 6, 59, NULL},
		{"I6 IPv4 inside", byte_set, STACK_DROP_IPV6_PROTOCOL, IP + 6, 4, NULL},
		{"I6 IPv6 inside", byte_set, STACK_DROP_IPV6_PROTOCOL, IP + 6, 41, NULL},
		{"I6 GRE", byte_set, STACK_DROP_IPV6_PROTOCOL, IP + 6, 47, NULL},
		{"ICMP of the other family", byte_set, STACK_DROP_IPV6_PROTOCOL, IP + 6, 1, NULL},
		{"authentication header", byte_set, STACK_DROP_IPV6_PROTOCOL, IP + 6, 51, NULL},
		{"V7 from a group", source, STACK_DROP_IPV6_SOURCE, 0, 0, "ff02::1"},
		{"I4 from nobody", source, STACK_DROP_IPV6_SOURCE, 0, 0, "::"},
		{"I4 from loopback", source, STACK_DROP_IPV6_SOURCE, 0, 0, "::1"},
		{"I4 from a mapped address", source, STACK_DROP_IPV6_SOURCE, 0, 0,
			"::ffff:198.18.0.2"},
		{"I4 from our own mapped address", source, STACK_DROP_IPV6_SOURCE, 0, 0,
			"::ffff:198.18.0.1"},
		{"I4 from a compatible address", source, STACK_DROP_IPV6_SOURCE, 0, 0,
			"::198.18.0.2"},
		{"I5 land", land, STACK_DROP_IPV6_SOURCE, 0, 0, "fd77::1"},
		{"V7 TCP to all nodes", destination, STACK_DROP_IPV6_NOT_OURS, 0, 0, "ff02::1"},
		{"V7 TCP to a group, to us alone", destination, STACK_DROP_IPV6_NOT_OURS, 1, 0,
			"ff02::1"},
		{"V7 TCP to our solicited nodes", destination, STACK_DROP_IPV6_NOT_OURS, 0, 0,
			"ff02::1:ff00:1"},
		{"L4 TCP to another group", destination, STACK_DROP_ETHER_NOT_OURS, 0, 0,
			"ff02::2"},
		{"TCP to another", destination, STACK_DROP_IPV6_NOT_OURS, 1, 0, "fd77::3"},
		{"TCP to our mapped address", destination, STACK_DROP_IPV6_NOT_OURS, 1, 0,
			"::ffff:198.18.0.1"},
		{"I2 UDP without a checksum", zero_checksum, STACK_DROP_UDP_CHECKSUM, 0, 0, NULL},
		{"I2 the same, port says good", zero_checksum, STACK_DROP_UDP_CHECKSUM,
			FRAME_L4_GOOD, 0, NULL},
		{"I2 wrong UDP checksum", byte_set, STACK_DROP_UDP_CHECKSUM, L4_6 + 8, 0xee, NULL},
		{"D1 UDP length", byte_set, STACK_DROP_UDP_MALFORMED, L4_6 + 5, 7, NULL},
		{"C3 echo to all nodes", echo_to, STACK_DROP_IPV6_NOT_OURS, 0, 0, "ff02::1"},
	};
	struct fixture *f = fixture_make6();

	fixture_start(f);
	introduce6(f);
	assert_canary6(f);
	fixture_free(f);
	assert_drops_on(fixture_make6(), rows, sizeof(rows) / sizeof(rows[0]));
}

/* L4: a frame to a group never reaches TCP, whatever its packet says. */
static void test_L4_packet_to_us_in_a_group_frame(void **state)
{
	struct fixture *f = fixture_make6();
	struct packet p;

	fixture_start(f);
	introduce6(f);
	make_tcp6(&p, peer_v6, 2, 1, 0, NULL, 0);
	memcpy(p.data, "\x33\x33\x00\x00\x00\x01", 6);
	deliver(f, &p);
	assert_int_equal(counter(f, STACK_DROP_IPV6_NOT_OURS), 1);
	memcpy(p.data, all_mac, 6);
	deliver(f, &p);
	assert_int_equal(counter(f, STACK_DROP_ETHER_NOT_OURS), 1);
	assert_int_equal(f->links[0].sent_count, 0);
	fixture_free(f);
}

/* Without an address nothing of it is spoken. */
static void test_no_address_no_ipv6(void **state)
{
	struct fixture *f = fixture_make();
	struct packet p;

	fixture_start(f);
	introduce(f);
	make_udp6(&p, peer_v6, "data", 4);
	deliver(f, &p);
	make_nd(&p, 135, 0, peer_v6, "ff02::1:ff00:1", our_v6, peer_mac);
	deliver(f, &p);
	assert_int_equal(counter(f, STACK_DROP_IPV6), 2);
	assert_int_equal(f->links[0].sent_count, 0);
	assert_canary(f);
	fixture_free(f);
}

static void test_C3_echo(void **state)
{
	struct fixture *f = fixture_make6();
	const uint8_t *out = f->links[0].sent[0].data;
	struct packet p;

	fixture_start(f);
	introduce6(f);
	make_echo6(&p, our_v6, 100);
	deliver(f, &p);
	assert_int_equal(f->links[0].sent_count, 1);
	assert_int_equal(f->links[0].sent[0].frame.length, p.length);
	check_ip6(out, p.length, 64);
	assert_int_equal(out[L4_6], 129);
	assert_memory_equal(out + L4_6 + 4, p.data + L4_6 + 4, 104);
	forget_sent(f);
	/* Its checksum covers the addresses. */
	p.data[L4_6 + 3] ^= 1;
	deliver(f, &p);
	make_echo6(&p, our_v6, 0);
	p.data[L4_6 + 1] = 1;
	seal6(&p, 2);
	deliver(f, &p);
	make_ip6(&p, peer_v6, our_v6, 58, 7);
	p.data[L4_6] = 128;
	seal6(&p, 2);
	deliver(f, &p);
	make_ip6(&p, peer_v6, our_v6, 58, 0);
	deliver(f, &p);
	assert_int_equal(counter(f, STACK_DROP_ICMP), 4);
	assert_int_equal(f->links[0].sent_count, 0);
	fixture_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_datagram),
		cmocka_unit_test(test_connection),
		cmocka_unit_test(test_full_size_segments),
		cmocka_unit_test(test_offload),
		cmocka_unit_test(test_V1_extensions_are_walked),
		cmocka_unit_test(test_V4_atomic_fragment),
		cmocka_unit_test(test_dropped),
		cmocka_unit_test(test_L4_packet_to_us_in_a_group_frame),
		cmocka_unit_test(test_no_address_no_ipv6),
		cmocka_unit_test(test_C3_echo),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
