/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_stack_ether.c - frames that are not ours, cut, tagged, of other types (catalogue L1-L5) */
#include "stack_drop.h"

static void jumbo(struct packet *p, const struct drop *row)
{
	make_ip(p, 17, 1481);
}

static void to_mac(struct packet *p, const struct drop *row)
{
	good_udp(p);
	memcpy(p->data, row->bytes, 6);
}

static void from_multicast(struct packet *p, const struct drop *row)
{
	good_udp(p);
	p->data[6] |= 1;
}

static void from_broadcast(struct packet *p, const struct drop *row)
{
	good_udp(p);
	memcpy(p->data + 6, all_mac, 6);
}

static void ether_type(struct packet *p, const struct drop *row)
{
	good_udp(p);
	put16(p->data + 12, row->value);
}

static void add_tag(struct packet *p, unsigned type)
{
	memmove(p->data + 16, p->data + 12, p->length - 12);
	put16(p->data + 12, type);
	put16(p->data + 14, 5);
	p->length += 4;
}

/* @value tags */
static void tagged(struct packet *p, const struct drop *row)
{
	good_udp(p);
	add_tag(p, 0x8100);
	if (row->value == 2)
		add_tag(p, 0x88a8);
}

static void tag_cut(struct packet *p, const struct drop *row)
{
	good_udp(p);
	add_tag(p, 0x8100);
	p->length = 15;
}

static const struct drop drops[] = {
	{"L1 empty frame", cut, STACK_DROP_ETHER_SHORT, .value = 0},
	{"L1 13 bytes", cut, STACK_DROP_ETHER_SHORT, .value = 13},
	{"L3 VLAN", tagged, STACK_DROP_VLAN, .value = 1},
	{"L3 QinQ", tagged, STACK_DROP_VLAN, .value = 2},
	{"L3 tag cut", tag_cut, .counter = STACK_DROP_VLAN},
	{"L4 other MAC", to_mac, STACK_DROP_ETHER_NOT_OURS, .bytes = other_mac},
	{"L4 broadcast", to_mac, STACK_DROP_ETHER_NOT_OURS, .bytes = all_mac},
	{"L4 multicast", to_mac, STACK_DROP_ETHER_NOT_OURS, .bytes = "\x01\x00\x5e\x00\x00\x01"},
	{"L4 from multicast", from_multicast, .counter = STACK_DROP_ETHER_SOURCE},
	{"L4 from broadcast", from_broadcast, .counter = STACK_DROP_ETHER_SOURCE},
	{"L5 LLDP", ether_type, STACK_DROP_ETHER_TYPE, .value = 0x88cc},
	{"L5 802.3", ether_type, STACK_DROP_ETHER_TYPE, .value = 38},
	{"L5 jumbo", jumbo, .counter = STACK_DROP_ETHER_LONG},
	{"IPv6", ether_type, STACK_DROP_IPV6, .value = 0x86dd},
};

static void test_every_drop_of_ethernet_has_its_name(void **state)
{
	assert_drops(drops, sizeof(drops) / sizeof(drops[0]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_drop_of_ethernet_has_its_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
