/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_stack.c - the whole stack between links of plain memory: drops, ICMP, UDP, TCP, garbage */
#include "stack_fixture.h"

/* A canary: a datagram that must be taken, and answered, whatever came before it. */
static void assert_canary(struct fixture *f)
{
	unsigned datagrams = f->datagrams;
	bool echo = f->echo;
	struct packet p;

	f->echo = true;
	forget_sent(f);
	make_udp(&p, "canary", 6);
	deliver(f, &p);
	assert_int_equal(f->datagrams, datagrams + 1);
	assert_int_equal(f->links[0].sent_count, 1);
	assert_memory_equal(f->links[0].sent[0].data + L4 + 8, "canary", 6);
	forget_sent(f);
	f->echo = echo;
}

/* What to do to a good packet, and the counter that must say so. */

struct drop {
	const char *name;
	void (*make)(struct packet *p);
	enum stack_counter counter;
};

static void good_udp(struct packet *p)
{
	make_udp(p, "0123456789abcdef", 16);
}

static void good_syn(struct packet *p)
{
	make_tcp(p, 0x02, 1000, 0, NULL, 0);
}

static void frame_empty(struct packet *p)
{
	p->length = 0;
}

static void frame_13(struct packet *p)
{
	good_udp(p);
	p->length = 13;
}

static void frame_jumbo(struct packet *p)
{
	make_ip(p, 17, 1481);
}

static void mac_other(struct packet *p)
{
	good_udp(p);
	memcpy(p->data, other_mac, 6);
}

static void mac_broadcast(struct packet *p)
{
	good_udp(p);
	memcpy(p->data, all_mac, 6);
}

static void mac_multicast(struct packet *p)
{
	good_udp(p);
	memcpy(p->data, "\x01\x00\x5e\x00\x00\x01", 6);
}

static void source_multicast(struct packet *p)
{
	good_udp(p);
	p->data[6] |= 1;
}

static void source_broadcast(struct packet *p)
{
	good_udp(p);
	memcpy(p->data + 6, all_mac, 6);
}

static void type_lldp(struct packet *p)
{
	good_udp(p);
	put16(p->data + 12, 0x88cc);
}

static void type_length(struct packet *p)
{
	good_udp(p);
	put16(p->data + 12, 38); /* 802.3 length, as STP has it */
}

static void add_tag(struct packet *p, unsigned type)
{
	memmove(p->data + 16, p->data + 12, p->length - 12);
	put16(p->data + 12, type);
	put16(p->data + 14, 5);
	p->length += 4;
}

static void vlan(struct packet *p)
{
	good_udp(p);
	add_tag(p, 0x8100);
}

static void vlan_double(struct packet *p)
{
	good_udp(p);
	add_tag(p, 0x8100);
	add_tag(p, 0x88a8);
}

static void vlan_cut(struct packet *p)
{
	good_udp(p);
	add_tag(p, 0x8100);
	p->length = 15;
}

static void ipv6(struct packet *p)
{
	good_udp(p);
	put16(p->data + 12, 0x86dd);
}

static void ip_cut(struct packet *p)
{
	good_udp(p);
	p->length = 33;
}

static void ip_none(struct packet *p)
{
	good_udp(p);
	p->length = 14;
}

static void ip_version(struct packet *p, uint8_t first)
{
	good_udp(p);
	p->data[IP] = first;
	seal_ip(p);
}

static void ip_version_0(struct packet *p)
{
	ip_version(p, 0x05);
}

static void ip_version_3(struct packet *p)
{
	ip_version(p, 0x35);
}

static void ip_version_6(struct packet *p)
{
	ip_version(p, 0x65);
}

static void ip_header_16(struct packet *p)
{
	ip_version(p, 0x44);
}

static void ip_header_0(struct packet *p)
{
	ip_version(p, 0x40);
}

static void ip_header_beyond(struct packet *p)
{
	/* 60 bytes of header in a packet of 44 */
	ip_version(p, 0x4f);
}

static void ip_total(struct packet *p, unsigned total)
{
	good_udp(p);
	put16(p->data + IP + 2, total);
	seal_ip(p);
}

static void ip_total_0(struct packet *p)
{
	ip_total(p, 0);
}

static void ip_total_19(struct packet *p)
{
	ip_total(p, 19);
}

static void ip_total_beyond(struct packet *p)
{
	ip_total(p, 45);
}

static void ip_total_max(struct packet *p)
{
	ip_total(p, 65535);
}

static void ip_checksum(struct packet *p)
{
	good_udp(p);
	p->data[IP + 8]--;
}

static void ip_checksum_l4_good(struct packet *p)
{
	ip_checksum(p);
	p->flags = FRAME_L4_GOOD;
}

/* A UDP packet with @length bytes of IP options. */
static void with_options(struct packet *p, const void *options, unsigned length)
{
	good_udp(p);
	memmove(p->data + L4 + length, p->data + L4, p->length - L4);
	memcpy(p->data + L4, options, length);
	p->length += length;
	p->data[IP] = (uint8_t)(0x45 + length / 4);
	put16(p->data + IP + 2, p->length - IP);
	seal_ip(p);
}

static void option_loose_route(struct packet *p)
{
	with_options(p, "\x83\x07\x04\x0a\x00\x00\x01\x00", 8);
}

static void option_strict_route(struct packet *p)
{
	with_options(p, "\x89\x07\x04\x0a\x00\x00\x01\x00", 8);
}

static void option_route_hidden(struct packet *p)
{
	with_options(p, "\x01\x44\x04\x05\x00\x01\x89\x03\x04\x89\x02\x00", 12);
}

static void option_length_0(struct packet *p)
{
	with_options(p, "\x07\x00\x04\x00", 4);
}

static void option_length_1(struct packet *p)
{
	with_options(p, "\x07\x01\x04\x00", 4);
}

static void option_length_255(struct packet *p)
{
	with_options(p, "\x07\xff\x04\x00", 4);
}

static void option_no_length(struct packet *p)
{
	with_options(p, "\x01\x01\x01\x07", 4);
}

static void fragment(struct packet *p, unsigned field)
{
	good_udp(p);
	put16(p->data + IP + 6, field);
	seal_ip(p);
}

static void fragment_first(struct packet *p)
{
	fragment(p, 0x2000);
}

static void fragment_later(struct packet *p)
{
	fragment(p, 0x0001);
}

static void fragment_of_death(struct packet *p)
{
	fragment(p, 0x1fff);
}

static void fragment_df(struct packet *p)
{
	fragment(p, 0x6000);
}

static void fragment_tiny(struct packet *p)
{
	/* eight bytes of a TCP header */
	good_syn(p);
	put16(p->data + IP + 2, 28);
	put16(p->data + IP + 6, 0x2000);
	seal_ip(p);
}

static void fragment_empty(struct packet *p)
{
	good_udp(p);
	put16(p->data + IP + 2, 20);
	put16(p->data + IP + 6, 0x2005);
	seal_ip(p);
}

static void flag_reserved(struct packet *p)
{
	fragment(p, 0x8000);
}

static void source(struct packet *p, const char *address)
{
	uint32_t value = inet_addr(address);

	good_udp(p);
	memcpy(p->data + IP + 12, &value, 4);
	seal_ip(p);
	seal_l4(p, 6);
}

static void source_0(struct packet *p)
{
	source(p, "0.0.0.0");
}

static void source_0_8(struct packet *p)
{
	source(p, "0.1.2.3");
}

static void source_loopback(struct packet *p)
{
	source(p, "127.0.0.1");
}

static void source_group(struct packet *p)
{
	source(p, "224.0.0.1");
}

static void source_240(struct packet *p)
{
	source(p, "240.0.0.1");
}

static void source_all_ones(struct packet *p)
{
	memset(p, 0, sizeof(*p));
	good_udp(p);
	memset(p->data + IP + 12, 0xff, 4);
	seal_ip(p);
	seal_l4(p, 6);
}

static void source_subnet_broadcast(struct packet *p)
{
	source(p, "198.18.0.255");
}

static void source_subnet_zero(struct packet *p)
{
	source(p, "198.18.0.0");
}

static void source_land(struct packet *p)
{
	uint32_t ours = OUR_ADDRESS;

	make_tcp(p, 0x02, 1, 0, NULL, 0);
	memcpy(p->data + IP + 12, &ours, 4);
	put16(p->data + L4, TCP_PORT);
	seal_ip(p);
	seal_l4(p, 16);
}

static void source_land_multihomed(struct packet *p)
{
	source(p, "10.1.0.1");
}

static void destination(struct packet *p, const char *address)
{
	uint32_t value = inet_addr(address);

	good_udp(p);
	memcpy(p->data + IP + 16, &value, 4);
	seal_ip(p);
	seal_l4(p, 6);
}

static void destination_other(struct packet *p)
{
	destination(p, "198.18.0.77");
}

static void destination_broadcast(struct packet *p)
{
	destination(p, "198.18.0.255");
}

static void destination_group(struct packet *p)
{
	destination(p, "224.0.0.1");
}

static void destination_other_link(struct packet *p)
{
	destination(p, "10.1.0.1");
}

static void protocol(struct packet *p, unsigned number)
{
	good_udp(p);
	p->data[IP + 9] = (uint8_t)number;
	seal_ip(p);
}

static void protocol_ipip(struct packet *p)
{
	protocol(p, 4);
}

static void protocol_6in4(struct packet *p)
{
	protocol(p, 41);
}

static void protocol_gre(struct packet *p)
{
	protocol(p, 47);
}

static void icmp_short(struct packet *p)
{
	make_echo(p, 0);
	put16(p->data + IP + 2, 27);
	seal_ip(p);
}

static void icmp_empty(struct packet *p)
{
	make_ip(p, 1, 0);
}

static void icmp_checksum(struct packet *p)
{
	make_echo(p, 10);
	p->data[L4 + 9] ^= 0x40;
}

static void icmp_checksum_l4_good(struct packet *p)
{
	/* no port verifies ICMP: its word does not count */
	icmp_checksum(p);
	p->flags = FRAME_L3_GOOD | FRAME_L4_GOOD;
}

static void icmp_type(struct packet *p, unsigned type, unsigned code)
{
	make_echo(p, 28);
	p->data[L4] = (uint8_t)type;
	p->data[L4 + 1] = (uint8_t)code;
	seal_l4(p, 2);
}

static void icmp_echo_code(struct packet *p)
{
	icmp_type(p, 8, 1);
}

static void icmp_reply(struct packet *p)
{
	icmp_type(p, 0, 0);
}

static void icmp_port_unreachable(struct packet *p)
{
	icmp_type(p, 3, 3);
}

static void icmp_frag_needed(struct packet *p)
{
	icmp_type(p, 3, 4);
}

static void icmp_quench(struct packet *p)
{
	icmp_type(p, 4, 0);
}

static void icmp_redirect(struct packet *p)
{
	icmp_type(p, 5, 1);
}

static void icmp_router(struct packet *p)
{
	icmp_type(p, 9, 0);
}

static void icmp_timestamp(struct packet *p)
{
	icmp_type(p, 13, 0);
}

static void icmp_mask(struct packet *p)
{
	icmp_type(p, 17, 0);
}

static void udp_short(struct packet *p)
{
	make_ip(p, 17, 7);
}

static void udp_length(struct packet *p, unsigned length)
{
	good_udp(p);
	put16(p->data + L4 + 4, length);
	put16(p->data + L4 + 6, 0);
}

static void udp_length_0(struct packet *p)
{
	udp_length(p, 0);
}

static void udp_length_7(struct packet *p)
{
	udp_length(p, 7);
}

static void udp_length_beyond(struct packet *p)
{
	udp_length(p, 25);
}

static void udp_checksum(struct packet *p)
{
	good_udp(p);
	p->data[L4 + 10] ^= 1;
}

static void udp_checksum_l3_good(struct packet *p)
{
	udp_checksum(p);
	p->flags = FRAME_L3_GOOD;
}

static void udp_ports(struct packet *p, unsigned from, unsigned to)
{
	good_udp(p);
	put16(p->data + L4, from);
	put16(p->data + L4 + 2, to);
	seal_l4(p, 6);
}

static void udp_source_0(struct packet *p)
{
	udp_ports(p, 0, UDP_PORT);
}

static void udp_destination_0(struct packet *p)
{
	udp_ports(p, 40000, 0);
}

static void udp_unbound(struct packet *p)
{
	udp_ports(p, 40000, UDP_PORT + 1);
}

static void udp_from_echo(struct packet *p)
{
	udp_ports(p, 7, UDP_PORT);
}

static void udp_from_chargen(struct packet *p)
{
	udp_ports(p, 19, UDP_PORT);
}

static void udp_from_dns(struct packet *p)
{
	udp_ports(p, 53, UDP_PORT);
}

static void udp_from_ntp(struct packet *p)
{
	udp_ports(p, 123, UDP_PORT);
}

static void tcp_short(struct packet *p)
{
	make_ip(p, 6, 19);
}

static void tcp_offset(struct packet *p, unsigned words)
{
	good_syn(p);
	p->data[L4 + 12] = (uint8_t)(words << 4);
	seal_l4(p, 16);
}

static void tcp_offset_0(struct packet *p)
{
	tcp_offset(p, 0);
}

static void tcp_offset_4(struct packet *p)
{
	tcp_offset(p, 4);
}

static void tcp_offset_beyond(struct packet *p)
{
	tcp_offset(p, 6);
}

static void tcp_source_0(struct packet *p)
{
	good_syn(p);
	put16(p->data + L4, 0);
	seal_l4(p, 16);
}

static void tcp_destination_0(struct packet *p)
{
	good_syn(p);
	put16(p->data + L4 + 2, 0);
	seal_l4(p, 16);
}

static void tcp_checksum(struct packet *p)
{
	good_syn(p);
	p->data[L4 + 5] ^= 0x10;
}

static void tcp_checksum_swapped(struct packet *p)
{
	/* the sum without the pseudo-header's protocol: off by six */
	good_syn(p);
	put16(p->data + L4 + 16, get16(p->data + L4 + 16) + 6);
}

static const struct drop drops[] = {
	{"L1 empty frame", frame_empty, STACK_DROP_ETHER_SHORT},
	{"L1 13 bytes", frame_13, STACK_DROP_ETHER_SHORT},
	{"L1 no IP header", ip_none, STACK_DROP_IPV4_MALFORMED},
	{"L1 IP header cut", ip_cut, STACK_DROP_IPV4_MALFORMED},
	{"L2 total length 0", ip_total_0, STACK_DROP_IPV4_MALFORMED},
	{"L2 total length 19", ip_total_19, STACK_DROP_IPV4_MALFORMED},
	{"L2 total length beyond", ip_total_beyond, STACK_DROP_IPV4_MALFORMED},
	{"L2 total length 65535", ip_total_max, STACK_DROP_IPV4_MALFORMED},
	{"L3 VLAN", vlan, STACK_DROP_VLAN},
	{"L3 QinQ", vlan_double, STACK_DROP_VLAN},
	{"L3 tag cut", vlan_cut, STACK_DROP_VLAN},
	{"L4 other MAC", mac_other, STACK_DROP_ETHER_NOT_OURS},
	{"L4 broadcast", mac_broadcast, STACK_DROP_ETHER_NOT_OURS},
	{"L4 multicast", mac_multicast, STACK_DROP_ETHER_NOT_OURS},
	{"L4 from multicast", source_multicast, STACK_DROP_ETHER_SOURCE},
	{"L4 from broadcast", source_broadcast, STACK_DROP_ETHER_SOURCE},
	{"L5 LLDP", type_lldp, STACK_DROP_ETHER_TYPE},
	{"L5 802.3", type_length, STACK_DROP_ETHER_TYPE},
	{"L5 jumbo", frame_jumbo, STACK_DROP_ETHER_LONG},
	{"IPv6", ipv6, STACK_DROP_IPV6},
	{"I1 version 0", ip_version_0, STACK_DROP_IPV4_MALFORMED},
	{"I1 version 3", ip_version_3, STACK_DROP_IPV4_MALFORMED},
	{"I1 version 6", ip_version_6, STACK_DROP_IPV4_MALFORMED},
	{"I1 header 16", ip_header_16, STACK_DROP_IPV4_MALFORMED},
	{"I1 header 0", ip_header_0, STACK_DROP_IPV4_MALFORMED},
	{"I1 header beyond", ip_header_beyond, STACK_DROP_IPV4_MALFORMED},
	{"I2 IP checksum", ip_checksum, STACK_DROP_IPV4_CHECKSUM},
	{"I2 IP checksum, L4 good", ip_checksum_l4_good, STACK_DROP_IPV4_CHECKSUM},
	{"I2 UDP checksum", udp_checksum, STACK_DROP_UDP_CHECKSUM},
	{"I2 UDP checksum, L3 good", udp_checksum_l3_good, STACK_DROP_UDP_CHECKSUM},
	{"I2 TCP checksum", tcp_checksum, STACK_DROP_TCP_CHECKSUM},
	{"I2 TCP pseudo-header", tcp_checksum_swapped, STACK_DROP_TCP_CHECKSUM},
	{"I3 loose route", option_loose_route, STACK_DROP_IPV4_OPTIONS},
	{"I3 strict route", option_strict_route, STACK_DROP_IPV4_OPTIONS},
	{"I3 two routes, hidden", option_route_hidden, STACK_DROP_IPV4_OPTIONS},
	{"I3 length 0", option_length_0, STACK_DROP_IPV4_OPTIONS},
	{"I3 length 1", option_length_1, STACK_DROP_IPV4_OPTIONS},
	{"I3 length 255", option_length_255, STACK_DROP_IPV4_OPTIONS},
	{"I3 no length", option_no_length, STACK_DROP_IPV4_OPTIONS},
	{"I4 from 0.0.0.0", source_0, STACK_DROP_IPV4_SOURCE},
	{"I4 from 0/8", source_0_8, STACK_DROP_IPV4_SOURCE},
	{"I4 from loopback", source_loopback, STACK_DROP_IPV4_SOURCE},
	{"I4 from a group", source_group, STACK_DROP_IPV4_SOURCE},
	{"I4 from 240/4", source_240, STACK_DROP_IPV4_SOURCE},
	{"I4 from all ones", source_all_ones, STACK_DROP_IPV4_SOURCE},
	{"I4 from subnet broadcast", source_subnet_broadcast, STACK_DROP_IPV4_SOURCE},
	{"I4 from subnet zero", source_subnet_zero, STACK_DROP_IPV4_SOURCE},
	{"I5 land", source_land, STACK_DROP_IPV4_SOURCE},
	{"I5 land, multi-homed", source_land_multihomed, STACK_DROP_IPV4_SOURCE},
	{"to another", destination_other, STACK_DROP_IPV4_NOT_OURS},
	{"to broadcast", destination_broadcast, STACK_DROP_IPV4_NOT_OURS},
	{"to a group", destination_group, STACK_DROP_IPV4_NOT_OURS},
	{"to another link's address", destination_other_link, STACK_DROP_IPV4_NOT_OURS},
	{"I6 IP in IP", protocol_ipip, STACK_DROP_IPV4_PROTOCOL},
	{"I6 IPv6 in IP", protocol_6in4, STACK_DROP_IPV4_PROTOCOL},
	{"I6 GRE", protocol_gre, STACK_DROP_IPV4_PROTOCOL},
	{"F1 first fragment", fragment_first, STACK_DROP_IPV4_FRAGMENT},
	{"F1 later fragment", fragment_later, STACK_DROP_IPV4_FRAGMENT},
	{"F2 ping of death", fragment_of_death, STACK_DROP_IPV4_FRAGMENT},
	{"F4 tiny first fragment", fragment_tiny, STACK_DROP_IPV4_FRAGMENT},
	{"F4 empty fragment", fragment_empty, STACK_DROP_IPV4_FRAGMENT},
	{"F4 DF and MF", fragment_df, STACK_DROP_IPV4_FRAGMENT},
	{"reserved flag", flag_reserved, STACK_DROP_IPV4_MALFORMED},
	{"C2 port unreachable", icmp_port_unreachable, STACK_DROP_ICMP},
	{"C2 fragmentation needed", icmp_frag_needed, STACK_DROP_ICMP},
	{"C2 source quench", icmp_quench, STACK_DROP_ICMP},
	{"C2 redirect", icmp_redirect, STACK_DROP_ICMP},
	{"C2 router advertisement", icmp_router, STACK_DROP_ICMP},
	{"C2 timestamp", icmp_timestamp, STACK_DROP_ICMP},
	{"C2 mask", icmp_mask, STACK_DROP_ICMP},
	{"C3 7 bytes", icmp_short, STACK_DROP_ICMP},
	{"C3 no bytes", icmp_empty, STACK_DROP_ICMP},
	{"C3 checksum", icmp_checksum, STACK_DROP_ICMP},
	{"C3 checksum, port says good", icmp_checksum_l4_good, STACK_DROP_ICMP},
	{"C3 code", icmp_echo_code, STACK_DROP_ICMP},
	{"C3 echo reply", icmp_reply, STACK_DROP_ICMP},
	{"D1 7 bytes", udp_short, STACK_DROP_UDP_MALFORMED},
	{"D1 length 0", udp_length_0, STACK_DROP_UDP_MALFORMED},
	{"D1 length 7", udp_length_7, STACK_DROP_UDP_MALFORMED},
	{"D1 length beyond", udp_length_beyond, STACK_DROP_UDP_MALFORMED},
	{"D3 from port 0", udp_source_0, STACK_DROP_UDP_MALFORMED},
	{"D3 to port 0", udp_destination_0, STACK_DROP_UDP_MALFORMED},
	{"D3 unbound", udp_unbound, STACK_DROP_UDP_PORT},
	{"D3 from echo", udp_from_echo, STACK_DROP_UDP_PORT},
	{"D3 from chargen", udp_from_chargen, STACK_DROP_UDP_PORT},
	{"D3 from DNS", udp_from_dns, STACK_DROP_UDP_PORT},
	{"D3 from NTP", udp_from_ntp, STACK_DROP_UDP_PORT},
	{"T1 19 bytes", tcp_short, STACK_DROP_TCP_MALFORMED},
	{"T1 offset 0", tcp_offset_0, STACK_DROP_TCP_MALFORMED},
	{"T1 offset 4", tcp_offset_4, STACK_DROP_TCP_MALFORMED},
	{"T1 offset beyond", tcp_offset_beyond, STACK_DROP_TCP_MALFORMED},
	{"T26 from port 0", tcp_source_0, STACK_DROP_TCP_MALFORMED},
	{"T26 to port 0", tcp_destination_0, STACK_DROP_TCP_MALFORMED},
};

static void test_every_drop_has_its_name(void **state)
{
	struct fixture *f = fixture_make();

	f->config.link_count = 2;
	fixture_start(f);
	introduce(f);
	for (size_t i = 0; i < sizeof(drops) / sizeof(drops[0]); i++) {
		uint64_t before = counter(f, drops[i].counter), all = all_drops(f);
		unsigned heard = f->datagrams + f->opened;
		struct packet p = {.length = 0};

		drops[i].make(&p);
		deliver(f, &p);
		if (counter(f, drops[i].counter) != before + 1 || all_drops(f) != all + 1)
			fail_msg("%s: not counted, or not once, as %s", drops[i].name,
				stack_counter_info[drops[i].counter].name);
		if (f->links[0].sent_count || f->links[1].sent_count)
			fail_msg("%s: answered", drops[i].name);
		assert_int_equal(f->datagrams + f->opened, heard);
		assert_canary(f);
	}
	fixture_free(f);
}

/* The same packets, unharmed, are taken: the table above drops for the reason it names. */
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
	udp_checksum(&p);
	p.flags = FRAME_L4_GOOD;
	deliver(f, &p);
	assert_int_equal(f->datagrams, 1);
	ip_checksum(&p);
	p.flags = FRAME_L3_GOOD;
	deliver(f, &p);
	assert_int_equal(f->datagrams, 2);
	good_udp(&p);
	put16(p.data + L4 + 6, 0); /* the sender made none: allowed on IPv4 */
	deliver(f, &p);
	assert_int_equal(f->datagrams, 3);
	fixture_free(f);
}

static void check_ip(const uint8_t *frame, unsigned length, bool filled)
{
	assert_int_equal(get16(frame + 12), 0x0800);
	assert_int_equal(frame[IP], 0x45);
	assert_int_equal(get16(frame + IP + 2) + IP, length);
	assert_int_equal(get16(frame + IP + 6), 0x4000);
	assert_int_equal(frame[IP + 8], 64);
	if (filled)
		assert_int_equal(get16(frame + IP + 10), 0);
	else
		assert_int_equal(simple_sum(0, frame + IP, 20), 0xffff);
}

static void test_echo(void **state)
{
	static const unsigned lengths[] = {0, 1, 2, 31, 56, 57, 1471, 1472};
	struct fixture *f = fixture_make();
	struct packet p;

	fixture_start(f);
	introduce(f);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		const uint8_t *out = f->links[0].sent[0].data;

		forget_sent(f);
		make_echo(&p, lengths[i]);
		deliver(f, &p);
		assert_int_equal(f->links[0].sent_count, 1);
		assert_int_equal(f->links[0].sent[0].frame.length, p.length);
		check_ip(out, p.length, false);
		assert_memory_equal(out, peer_mac, 6);
		assert_memory_equal(out + 6, our_mac, 6);
		assert_memory_equal(out + IP + 12, p.data + IP + 16, 4);
		assert_memory_equal(out + IP + 16, p.data + IP + 12, 4);
		assert_int_equal(out[L4], 0);
		assert_int_equal(simple_sum(0, out + L4, 8 + lengths[i]), 0xffff);
		assert_memory_equal(out + L4 + 4, p.data + L4 + 4, 4 + lengths[i]);
	}
	/* A request with options is answered without them: never larger than it came. */
	forget_sent(f);
	make_echo(&p, 8);
	memmove(p.data + L4 + 4, p.data + L4, 16);
	memset(p.data + L4, 1, 4);
	p.data[IP] = 0x46;
	p.length += 4;
	put16(p.data + IP + 2, p.length - IP);
	seal_ip(&p);
	deliver(f, &p);
	assert_int_equal(f->links[0].sent_count, 1);
	assert_int_equal(f->links[0].sent[0].frame.length, p.length - 4);
	fixture_free(f);
}

/* C3: a flood is answered at the limit's rate, and the rest counted. */
static void test_echo_flood(void **state)
{
	struct fixture *f = fixture_make();
	uint64_t answered;
	struct packet p;

	fixture_start(f);
	introduce(f);
	make_echo(&p, 56);
	for (unsigned i = 0; i < 10000; i++) {
		deliver(f, &p);
		f->now += 10; /* 100,000 a second, for a tenth of one */
	}
	answered = 10000 - counter(f, STACK_DROP_ICMP_LIMIT);
	assert_in_range(answered, 256, 256 + 100 + 1);
	f->now += SECOND;
	forget_sent(f);
	deliver(f, &p);
	assert_int_equal(f->links[0].sent_count, 1);
	fixture_free(f);
}

static const struct udp_path *path_to(uint32_t remote)
{
	static struct udp_path path;

	path = (struct udp_path){.remote = remote,
		.local = OUR_ADDRESS,
		.remote_port = htons(40000),
		.local_port = htons(UDP_PORT)};
	return &path;
}

static void send_datagram(struct fixture *f, const uint8_t *data, unsigned length)
{
	unsigned ticket;
	uint8_t *out = stack_datagram(f->stack, path_to(PEER_ADDRESS), length, &ticket);

	assert_non_null(out);
	memcpy(out, data, length);
	stack_datagram_commit(f->stack, ticket, length);
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
	assert_int_equal(frame->flags, FRAME_L3_FILL | FRAME_L4_FILL);
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
	path.local = inet_addr("198.18.0.3");
	assert_null(stack_datagram(f->stack, &path, 10, ticket));
	assert_null(stack_datagram(f->stack, path_to(inet_addr("224.0.0.5")), 10, ticket));
	assert_int_equal(counter(f, STACK_DROP_NO_ROUTE), drops_before + 4);
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
	assert_int_equal(got, STACK_QUEUE);
	assert_int_equal(counter(f, STACK_DROP_TX_BUFFER), 10);
	assert_int_equal(stack_transmit(f->stack, f->now), STACK_QUEUE);
	for (unsigned i = 0; i < STACK_QUEUE; i++)
		assert_int_equal(f->links[0].sent[i].data[L4 + 8], (uint8_t)i);
	/* No buffer. */
	f->links[0].buffers = 0;
	assert_null(stack_datagram(f->stack, path_to(PEER_ADDRESS), 1, &ticket));
	make_echo(&p, 4);
	deliver(f, &p);
	assert_int_equal(counter(f, STACK_DROP_TX_BUFFER), 12);
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
		bool mine = rss_owner(&f->rss, PEER_ADDRESS, OUR_ADDRESS, htons((uint16_t)port),
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
		theirs += rss_owner(&f->rss, PEER_ADDRESS, OUR_ADDRESS, htons((uint16_t)port),
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

/* TCP. */

/* A segment of ours as the peer sees it: checked, the newest sent. */
static const uint8_t *last_segment(struct fixture *f, unsigned *flags, uint32_t *seq, uint32_t *ack)
{
	const uint8_t *out;
	struct frame *frame;

	assert_true(f->links[0].sent_count > 0);
	out = f->links[0].sent[f->links[0].sent_count - 1].data;
	frame = &f->links[0].sent[f->links[0].sent_count - 1].frame;
	check_ip(out, frame->length, false);
	assert_int_equal(out[IP + 9], 6);
	assert_int_equal(transport_sum(out + IP, frame->length - L4), 0xffff);
	assert_memory_equal(out, peer_mac, 6);
	assert_int_equal(get16(out + L4), TCP_PORT);
	assert_int_equal(get16(out + L4 + 2), 50000);
	*flags = out[L4 + 13];
	*seq = get32(out + L4 + 4);
	*ack = get32(out + L4 + 8);
	return out + L4 + (out[L4 + 12] >> 4) * 4;
}

/* Opens a connection. Return: our side's next sequence number; the peer's is 1001. */
static uint32_t handshake(struct fixture *f)
{
	unsigned flags;
	uint32_t seq, ack;
	struct packet p;

	make_tcp(&p, 0x02, 1000, 0, NULL, 0);
	deliver(f, &p);
	last_segment(f, &flags, &seq, &ack);
	assert_int_equal(flags, 0x12);
	assert_int_equal(ack, 1001);
	make_tcp(&p, 0x10, 1001, seq + 1, NULL, 0);
	deliver(f, &p);
	assert_int_equal(f->opened, 1);
	assert_int_equal(f->tuple.remote, PEER_ADDRESS);
	assert_int_equal(f->tuple.local, OUR_ADDRESS);
	assert_int_equal(f->tuple.remote_port, htons(50000));
	assert_int_equal(f->tuple.local_port, htons(TCP_PORT));
	forget_sent(f);
	return seq + 1;
}

static void test_tcp_conversation(void **state)
{
	struct fixture *f = fixture_make();
	uint32_t ours, seq, ack;
	const uint8_t *payload;
	unsigned flags;
	struct packet p;

	f->echo = true;
	fixture_start(f);
	introduce(f);
	ours = handshake(f);
	make_tcp(&p, 0x18, 1001, ours, "ping", 4);
	deliver(f, &p);
	assert_int_equal(f->stream_length, 4);
	assert_memory_equal(f->stream, "ping", 4);
	/* The answer and the acknowledgement left in the same turn, in one segment. */
	assert_int_equal(f->links[0].sent_count, 1);
	payload = last_segment(f, &flags, &seq, &ack);
	assert_int_equal(seq, ours);
	assert_int_equal(ack, 1005);
	assert_memory_equal(payload, "ping", 4);
	/* Data and FIN together; then we close, too. */
	forget_sent(f);
	make_tcp(&p, 0x19, 1005, ours + 4, "bye", 3);
	deliver(f, &p);
	assert_int_equal(f->finished, 1);
	assert_memory_equal(f->stream, "pingbye", 7);
	payload = last_segment(f, &flags, &seq, &ack);
	assert_int_equal(ack, 1009);
	tcp_close(stack_tcp(f->stack), f->id);
	turn(f);
	last_segment(f, &flags, &seq, &ack);
	assert_int_equal(flags & 0x01, 0x01);
	assert_int_equal(seq, ours + 7);
	make_tcp(&p, 0x10, 1009, ours + 8, NULL, 0);
	deliver(f, &p);
	assert_int_equal(tcp_connections(stack_tcp(f->stack), NULL), 0);
	assert_int_equal(f->closed, 0); /* the user closed: it is told nothing more */
	fixture_free(f);
}

static void test_tcp_refused_bytes_come_again(void **state)
{
	struct fixture *f = fixture_make();
	uint32_t ours, seq, ack;
	unsigned flags;
	struct packet p;

	fixture_start(f);
	introduce(f);
	ours = handshake(f);
	f->refuse = true;
	make_tcp(&p, 0x19, 1001, ours, "late", 4);
	deliver(f, &p);
	/* Neither taken, nor acknowledged, nor finished. */
	assert_int_equal(f->finished, 0);
	last_segment(f, &flags, &seq, &ack);
	assert_int_equal(ack, 1001);
	f->refuse = false;
	pass(f, 3 * SECOND, SECOND / 20);
	deliver(f, &p);
	assert_memory_equal(f->stream, "late", 4);
	assert_int_equal(f->finished, 1);
	fixture_free(f);
}

static void test_tcp_close_while_reading(void **state)
{
	struct fixture *f = fixture_make();
	struct packet p;
	uint32_t ours;

	fixture_start(f);
	introduce(f);
	ours = handshake(f);
	f->close_in_stream = true;
	make_tcp(&p, 0x19, 1001, ours, "last", 4);
	deliver(f, &p);
	assert_int_equal(f->stream_length, 4);
	assert_int_equal(f->finished, 0); /* it closed before it could hear of it */
	assert_int_equal(f->closed, 0);
	fixture_free(f);
}

static void test_tcp_reset_is_heard(void **state)
{
	struct fixture *f = fixture_make();
	struct packet p;
	uint32_t ours;

	fixture_start(f);
	introduce(f);
	ours = handshake(f);
	make_tcp(&p, 0x14, 1001, ours, NULL, 0);
	deliver(f, &p);
	assert_int_equal(f->closed, 1);
	assert_int_equal(f->reason, TCP_REASON_RESET);
	assert_int_equal(f->links[0].sent_count, 0);
	fixture_free(f);
}

/* The sweep is on time whether turns are short or long, the table small or large. */
static void test_tcp_deadline(void **state)
{
	static const struct {
		uint32_t connections;
		uint64_t step, late;
	} runs[] = {
		{64, 50, 1100000},
		{64, 20000, 1100000},
		{100000, 500, 1100000},
		{2000000, 100, 2200000},
	};

	for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
		struct fixture *f = fixture_make();
		uint64_t due;

		f->config.tcp.connections = runs[i].connections;
		fixture_start(f);
		introduce(f);
		handshake(f);
		due = f->now + 300000;
		tcp_set_deadline(stack_tcp(f->stack), f->id, due);
		while (f->deadlines == 0 && f->now < due + 10 * SECOND) {
			f->now += runs[i].step;
			stack_timers(f->stack, f->now);
			stack_transmit(f->stack, f->now);
		}
		assert_int_equal(f->deadlines, 1);
		assert_true(f->now >= due);
		assert_true(f->now <= due + runs[i].late);
		fixture_free(f);
	}
}

/* Segments that the port does not take are sent again by TCP; what it may keep, it keeps. */
static void test_tcp_survives_a_full_port(void **state)
{
	struct fixture *f = fixture_make();
	uint32_t ours, seq, ack;
	const uint8_t *payload;
	unsigned flags;
	struct packet p;

	f->echo = true;
	fixture_start(f);
	introduce(f);
	ours = handshake(f);
	f->links[0].takes = 0;
	make_tcp(&p, 0x18, 1001, ours, "ping", 4);
	deliver(f, &p);
	assert_int_equal(f->links[0].sent_count, 0);
	assert_true(counter(f, STACK_DROP_TX_FULL) > 0);
	f->links[0].takes = ~0U;
	pass(f, 3 * SECOND, SECOND / 100);
	payload = last_segment(f, &flags, &seq, &ack);
	assert_int_equal(seq, ours);
	assert_memory_equal(payload, "ping", 4);
	fixture_free(f);
}

/* The mss we offer is what the smallest link carries. */
static void test_mss_follows_the_mtu(void **state)
{
	struct fixture *f = fixture_make();
	const uint8_t *out = f->links[0].sent[0].data;
	struct packet p;

	f->links[1].link.mtu = 1300;
	f->config.link_count = 2;
	fixture_start(f);
	introduce(f);
	make_tcp(&p, 0x02, 5, 0, NULL, 0);
	deliver(f, &p);
	assert_int_equal(f->links[0].sent_count, 1);
	assert_int_equal(out[L4 + 20], 2);
	assert_int_equal(out[L4 + 21], 4);
	assert_int_equal(get16(out + L4 + 22), 1260);
	fixture_free(f);
}

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
	REFUSED(config.links[0].addresses[0].address = 0);
	REFUSED(config.links[0].addresses[0].address = inet_addr("127.0.0.1"));
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

/* Garbage: good packets with a few bytes changed, cut, or stretched; seeded, so repeatable. */
static void mutate(struct fixture *f, struct packet *p)
{
	unsigned changes = 1 + draw(f, 6);

	while (changes-- > 0 && p->length > 0) {
		unsigned at = draw(f, draw(f, 2) && p->length > 74 ? 74 : p->length);

		switch (draw(f, 6)) {
		case 0:
			p->length = draw(f, p->length + 1);
			break;
		case 1:
			p->length += draw(f, 40);
			break;
		case 2:
			p->data[at] ^= (uint8_t)(1U << draw(f, 8));
			break;
		case 3:
			p->data[at] = draw(f, 2) ? 0 : 0xff;
			break;
		default:
			p->data[at] = (uint8_t)draw(f, 256);
			break;
		}
	}
	/* Sealed again half of the time, so that the parsers behind the checksums are reached. */
	if (draw(f, 2) && p->length >= L4 && p->data[12] == 8 && p->data[13] == 0 &&
		(p->data[IP] & 15) >= 5 && IP + (p->data[IP] & 15) * 4U <= p->length)
		seal_ip(p);
	p->flags = (uint16_t)draw(f, 4);
	if (p->length > LINK_FRAME_MAX)
		p->length = LINK_FRAME_MAX;
}

static void random_packet(struct fixture *f, struct packet *p)
{
	static const uint8_t bytes[512] = {1, 2, 3};
	static const uint8_t flags[] = {0x02, 0x10, 0x18, 0x11, 0x14, 0x04, 0x12, 0x00, 0x3f};

	switch (draw(f, 5)) {
	case 0:
		make_udp(p, bytes, draw(f, 512));
		break;
	case 1:
		make_echo(p, draw(f, 512));
		break;
	case 2:
		make_arp(p, draw(f, 2) ? all_mac : our_mac, 1 + draw(f, 2),
			draw(f, 2) ? peer_mac : other_mac, htonl(0xc6120000 + draw(f, 260)),
			OUR_ADDRESS);
		break;
	case 3:
		with_options(p, bytes, draw(f, 11) * 4);
		break;
	default:
		make_tcp(p, flags[draw(f, sizeof(flags))], draw(f, 4) ? 1001 : draw(f, 0),
			draw(f, 0), bytes, draw(f, 512));
		put16(p->data + L4, 50000 + draw(f, 4));
		break;
	}
}

static void test_garbage(void **state)
{
	struct fixture *f = fixture_make();
	uint64_t in = 0;
	struct packet p;

	f->config.link_count = 2;
	f->echo = true;
	fixture_start(f);
	introduce(f);
	for (unsigned i = 0; i < 40000; i++) {
		random_packet(f, &p);
		if (draw(f, 8))
			mutate(f, &p);
		f->id = 0;
		in += p.length;
		/* A user that takes part would only hide what the stack does by itself. */
		f->echo = false;
		f->refuse = true;
		arrive(f, draw(f, 8) == 0, &p);
		if (draw(f, 4) == 0) {
			turn(f);
			f->now += draw(f, 5000);
		}
		if (f->links[0].rx_count == STACK_BURST || f->links[1].rx_count == STACK_BURST)
			turn(f);
		if (i % 1000 == 0) {
			turn(f);
			forget_sent(f);
			introduce(f);
			assert_canary(f);
		}
	}
	turn(f);
	/* Nothing is made of strangers' bytes but at most as many. */
	assert_true(counter(f, STACK_TX_BYTES) < in);
	assert_true(counter(f, STACK_RX_FRAMES) >= 40000);
	assert_canary(f);
	fixture_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_drop_has_its_name),
		cmocka_unit_test(test_good_ones_are_taken),
		cmocka_unit_test(test_padding_is_trimmed),
		cmocka_unit_test(test_port_word_counts_only_when_good),
		cmocka_unit_test(test_echo),
		cmocka_unit_test(test_echo_flood),
		cmocka_unit_test(test_udp_out),
		cmocka_unit_test(test_udp_checksum_never_0),
		cmocka_unit_test(test_offload_asks_the_port),
		cmocka_unit_test(test_offload_of_ipv4_only),
		cmocka_unit_test(test_datagram_tickets),
		cmocka_unit_test(test_port_short_of_everything),
		cmocka_unit_test(test_other_workers_flows),
		cmocka_unit_test(test_tcp_conversation),
		cmocka_unit_test(test_tcp_refused_bytes_come_again),
		cmocka_unit_test(test_tcp_close_while_reading),
		cmocka_unit_test(test_tcp_reset_is_heard),
		cmocka_unit_test(test_tcp_deadline),
		cmocka_unit_test(test_tcp_survives_a_full_port),
		cmocka_unit_test(test_mss_follows_the_mtu),
		cmocka_unit_test(test_configurations_refused),
		cmocka_unit_test(test_frames_are_held),
		cmocka_unit_test(test_garbage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
