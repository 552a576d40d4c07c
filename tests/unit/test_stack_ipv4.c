/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_stack_ipv4.c - IPv4 headers: lengths, options, addresses, fragments (I1-I6, F1-F4) */
#include "stack_drop.h"

/* version and header length; 0x4f: 60 bytes of header in a packet of 44 */
static void first_byte(struct packet *p, const struct drop *row)
{
	good_udp(p);
	p->data[IP] = (uint8_t)row->value;
	seal_ip(p);
}

static void total(struct packet *p, const struct drop *row)
{
	good_udp(p);
	put16(p->data + IP + 2, row->value);
	seal_ip(p);
}

/* @value: what the port says of it */
static void ip_checksum(struct packet *p, const struct drop *row)
{
	good_udp(p);
	p->data[IP + 8]--;
	p->flags = (uint16_t)row->value;
}

static void options(struct packet *p, const struct drop *row)
{
	with_options(p, row->bytes, row->value);
}

static void fragment(struct packet *p, const struct drop *row)
{
	good_udp(p);
	put16(p->data + IP + 6, row->value);
	seal_ip(p);
}

static void fragment_tiny(struct packet *p, const struct drop *row)
{
	/* eight bytes of a TCP header */
	good_syn(p);
	put16(p->data + IP + 2, 28);
	put16(p->data + IP + 6, 0x2000);
	seal_ip(p);
}

static void fragment_empty(struct packet *p, const struct drop *row)
{
	good_udp(p);
	put16(p->data + IP + 2, 20);
	put16(p->data + IP + 6, 0x2005);
	seal_ip(p);
}

static void set_address(struct packet *p, unsigned at, const char *text)
{
	uint32_t address = inet_addr(text);

	good_udp(p);
	memcpy(p->data + at, &address, 4);
	seal_ip(p);
	seal_l4(p, 6);
}

static void from(struct packet *p, const struct drop *row)
{
	set_address(p, IP + 12, row->bytes);
}

static void to(struct packet *p, const struct drop *row)
{
	set_address(p, IP + 16, row->bytes);
}

static void from_ourselves(struct packet *p, const struct drop *row)
{
	uint32_t ours = OUR_ADDRESS;

	make_tcp(p, 0x02, 1, 0, NULL, 0);
	memcpy(p->data + IP + 12, &ours, 4);
	put16(p->data + L4, TCP_PORT);
	seal_ip(p);
	seal_l4(p, 16);
}

static void protocol(struct packet *p, const struct drop *row)
{
	good_udp(p);
	p->data[IP + 9] = (uint8_t)row->value;
	seal_ip(p);
}

static const struct drop drops[] = {
	{"L1 no IP header", cut, STACK_DROP_IPV4_MALFORMED, .value = 14},
	{"L1 IP header cut", cut, STACK_DROP_IPV4_MALFORMED, .value = 33},
	{"L2 total length 0", total, STACK_DROP_IPV4_MALFORMED, .value = 0},
	{"L2 total length 19", total, STACK_DROP_IPV4_MALFORMED, .value = 19},
	{"L2 total length beyond", total, STACK_DROP_IPV4_MALFORMED, .value = 45},
	{"L2 total length 65535", total, STACK_DROP_IPV4_MALFORMED, .value = 65535},
	{"I1 version 0", first_byte, STACK_DROP_IPV4_MALFORMED, .value = 0x05},
	{"I1 version 3", first_byte, STACK_DROP_IPV4_MALFORMED, .value = 0x35},
	{"I1 version 6", first_byte, STACK_DROP_IPV4_MALFORMED, .value = 0x65},
	{"I1 header 16", first_byte, STACK_DROP_IPV4_MALFORMED, .value = 0x44},
	{"I1 header 0", first_byte, STACK_DROP_IPV4_MALFORMED, .value = 0x40},
	{"I1 header beyond", first_byte, STACK_DROP_IPV4_MALFORMED, .value = 0x4f},
	{"I2 IP checksum", ip_checksum, STACK_DROP_IPV4_CHECKSUM, .value = 0},
	{"I2 IP checksum, L4 good", ip_checksum, STACK_DROP_IPV4_CHECKSUM, .value = FRAME_L4_GOOD},
	{"I3 loose route", options, STACK_DROP_IPV4_OPTIONS, .value = 8,
		.bytes = "\x83\x07\x04\x0a\x00\x00\x01\x00"},
	{"I3 strict route", options, STACK_DROP_IPV4_OPTIONS, .value = 8,
		.bytes = "\x89\x07\x04\x0a\x00\x00\x01\x00"},
	{"I3 two routes, hidden", options, STACK_DROP_IPV4_OPTIONS, .value = 12,
		.bytes = "\x01\x44\x04\x05\x00\x01\x89\x03\x04\x89\x02\x00"},
	{"I3 length 0", options, STACK_DROP_IPV4_OPTIONS, .value = 4, .bytes = "\x07\x00\x04\x00"},
	{"I3 length 1", options, STACK_DROP_IPV4_OPTIONS, .value = 4, .bytes = "\x07\x01\x04\x00"},
	{"I3 length 255", options, STACK_DROP_IPV4_OPTIONS, .value = 4,
		.bytes = "\x07\xff\x04\x00"},
	{"I3 no length", options, STACK_DROP_IPV4_OPTIONS, .value = 4, .bytes = "\x01\x01\x01\x07"},
	{"I4 from 0.0.0.0", from, STACK_DROP_IPV4_SOURCE, .bytes = "0.0.0.0"},
	{"I4 from 0/8", from, STACK_DROP_IPV4_SOURCE, .bytes = "0.1.2.3"},
	{"I4 from loopback", from, STACK_DROP_IPV4_SOURCE, .bytes = "127.0.0.1"},
	{"I4 from a group", from, STACK_DROP_IPV4_SOURCE, .bytes = "224.0.0.1"},
	{"I4 from 240/4", from, STACK_DROP_IPV4_SOURCE, .bytes = "240.0.0.1"},
	{"I4 from all ones", from, STACK_DROP_IPV4_SOURCE, .bytes = "255.255.255.255"},
	{"I4 from subnet broadcast", from, STACK_DROP_IPV4_SOURCE, .bytes = "198.18.0.255"},
	{"I4 from subnet zero", from, STACK_DROP_IPV4_SOURCE, .bytes = "198.18.0.0"},
	{"I5 land", from_ourselves, .counter = STACK_DROP_IPV4_SOURCE},
	{"I5 land, multi-homed", from, STACK_DROP_IPV4_SOURCE, .bytes = "10.1.0.1"},
	{"to another", to, STACK_DROP_IPV4_NOT_OURS, .bytes = "198.18.0.77"},
	{"to broadcast", to, STACK_DROP_IPV4_NOT_OURS, .bytes = "198.18.0.255"},
	{"to a group", to, STACK_DROP_IPV4_NOT_OURS, .bytes = "224.0.0.1"},
	{"to another link's address", to, STACK_DROP_IPV4_NOT_OURS, .bytes = "10.1.0.1"},
	{"I6 IP in IP", protocol, STACK_DROP_IPV4_PROTOCOL, .value = 4},
	{"I6 IPv6 in IP", protocol, STACK_DROP_IPV4_PROTOCOL, .value = 41},
	{"I6 GRE", protocol, STACK_DROP_IPV4_PROTOCOL, .value = 47},
	{"F1 first fragment", fragment, STACK_DROP_IPV4_FRAGMENT, .value = 0x2000},
	{"F1 later fragment", fragment, STACK_DROP_IPV4_FRAGMENT, .value = 0x0001},
	{"F2 ping of death", fragment, STACK_DROP_IPV4_FRAGMENT, .value = 0x1fff},
	{"F4 tiny first fragment", fragment_tiny, .counter = STACK_DROP_IPV4_FRAGMENT},
	{"F4 empty fragment", fragment_empty, .counter = STACK_DROP_IPV4_FRAGMENT},
	{"F4 DF and MF", fragment, STACK_DROP_IPV4_FRAGMENT, .value = 0x6000},
	{"reserved flag", fragment, STACK_DROP_IPV4_MALFORMED, .value = 0x8000},
};

static void test_every_drop_of_ipv4_has_its_name(void **state)
{
	assert_drops(drops, sizeof(drops) / sizeof(drops[0]));
}

/* The same packets, unharmed, are taken: the tables drop for the reasons they name. */
static void test_good_ones_are_taken(void **state)
{
	static const uint8_t nops[40] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
		1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
	struct fixture *f = fixture_make();
	struct packet p;
	uint64_t all;

	f->config.link_count = 2;
	fixture_start(f);
	introduce(f);
	all = all_drops(f);
	good_udp(&p);
	deliver(f, &p);
	assert_int_equal(f->datagrams, 1);
	/* options that mean no harm: 40 of nothing; a time stamp; an end and rubbish behind it */
	with_options(&p, nops, sizeof(nops));
	deliver(f, &p);
	with_options(&p, "\x44\x0c\x05\x00\x00\x00\x00\x00\x00\x00\x00\x00", 12);
	deliver(f, &p);
	with_options(&p, "\x00\x83\xff\xff", 4);
	deliver(f, &p);
	assert_int_equal(f->datagrams, 4);
	assert_int_equal(f->last.length, 16);
	assert_memory_equal(f->datagram, "0123456789abcdef", 16);
	good_syn(&p);
	deliver(f, &p);
	assert_int_equal(f->links[0].sent_count, 1);
	assert_int_equal(f->links[0].sent[0].data[L4 + 13], 0x12);
	assert_int_equal(all_drops(f), all);
	fixture_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_drop_of_ipv4_has_its_name),
		cmocka_unit_test(test_good_ones_are_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
