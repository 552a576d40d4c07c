/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_stack_nd_refused.c - neighbour discovery that is dropped, each by its name (RFC 4861) */
#include "stack_ipv6.h"

#define NODES "ff02::1:ff00:1" /* where fd77::1 is asked for */

static const uint8_t all_nodes_mac[6] = {0x33, 0x33, 0, 0, 0, 1};

/* Rows of messages to be dropped: a good one with one thing changed. */

static void solicit(struct packet *p)
{
	make_nd(p, 135, 0, peer_v6, NODES, our_v6, peer_mac);
}

static void byte_set(struct packet *p, const struct drop *row)
{
	solicit(p);
	p->data[row->value] = (uint8_t)row->more;
	if (row->value != L4_6 + 2)
		seal6(p, 2);
}

static void two_bytes(struct packet *p, const struct drop *row)
{
	solicit(p);
	memcpy(p->data + row->value, row->bytes, 2);
	seal6(p, 2);
}

static void shorter(struct packet *p, const struct drop *row)
{
	solicit(p);
	put16(p->data + IP + 4, row->value);
	seal6(p, 2);
}

static void unspecified(struct packet *p, const struct drop *row)
{
	make_nd(p, 135, 0, "::", row->value ? our_v6 : NODES, our_v6, row->value ? NULL : peer_mac);
}

static void advertise(struct packet *p, const struct drop *row)
{
	make_nd(p, 136, row->value, row->bytes, "ff02::1", peer_v6, peer_mac);
}

static void router(struct packet *p, const struct drop *row)
{
	make_ip6(p, "fe80::fe", row->value == 133 ? "ff02::2" : "ff02::1", 58, row->more);
	memcpy(p->data, all_nodes_mac, 6);
	p->data[IP + 7] = 255;
	p->data[L4_6] = (uint8_t)row->value;
	seal6(p, 2);
}

/* An MTU option of 68 and a prefix: nothing of it is heard (V5). */
static void advertisement_with_options(struct packet *p, const struct drop *row)
{
	make_ip6(p, "fe80::fe", "ff02::1", 58, 16 + 8 + 32);
	p->data[IP + 7] = 255;
	p->data[L4_6] = 134;
	p->data[L4_6 + 16] = 5;
	p->data[L4_6 + 17] = 1;
	put32(p->data + L4_6 + 20, 68);
	p->data[L4_6 + 24] = 3;
	p->data[L4_6 + 25] = 4;
	seal6(p, 2);
}

static void fragmented(struct packet *p, const struct drop *row)
{
	static const uint8_t atomic[8] = {58, 0, 0, 0, 0, 0, 0, 1};

	solicit(p);
	insert_extensions(p, 44, atomic, 8);
}

static const struct drop drops[] = {
	{"V5 hop limit 254", byte_set, STACK_DROP_ND_MALFORMED, IP + 7, 254, NULL},
	{"V5 hop limit 0", byte_set, STACK_DROP_ND_MALFORMED, IP + 7, 0, NULL},
	{"code 1", byte_set, STACK_DROP_ND_MALFORMED, L4_6 + 1, 1, NULL},
	{"checksum", byte_set, STACK_DROP_ND_MALFORMED, L4_6 + 2, 0, NULL},
	{"V5 option length 0", byte_set, STACK_DROP_ND_MALFORMED, L4_6 + 25, 0, NULL},
	{"V5 option past the end", byte_set, STACK_DROP_ND_MALFORMED, L4_6 + 25, 2, NULL},
	{"V5 option of 2040 bytes", byte_set, STACK_DROP_ND_MALFORMED, L4_6 + 25, 255, NULL},
	{"target a group", two_bytes, STACK_DROP_ND_MALFORMED, L4_6 + 8, 0, "\xff\x02"},
	{"a group's Ethernet address", byte_set, STACK_DROP_ND_MALFORMED, L4_6 + 26, 3, NULL},
	{"header cut", shorter, STACK_DROP_ND_MALFORMED, 23, 0, NULL},
	{"one byte", shorter, STACK_DROP_ND_MALFORMED, 1, 0, NULL},
	{"option cut", shorter, STACK_DROP_ND_MALFORMED, 31, 0, NULL},
	{"option of one byte", shorter, STACK_DROP_ND_MALFORMED, 25, 0, NULL},
	{"probe with an Ethernet address", unspecified, STACK_DROP_ND_MALFORMED, 0, 0, NULL},
	{"probe by unicast", unspecified, STACK_DROP_ND_MALFORMED, 1, 0, NULL},
	{"solicited advertisement to all", advertise, STACK_DROP_ND_MALFORMED, 0x40, 0, peer_v6},
	{"advertisement from nobody", advertise, STACK_DROP_ND_MALFORMED, 0, 0, "::"},
	{"advertisement from a group", advertise, STACK_DROP_ND_MALFORMED, 0, 0, "ff02::1"},
	{"from a mapped address", advertise, STACK_DROP_ND_MALFORMED, 0, 0, "::ffff:198.18.0.2"},
	{"V5 fragmented (RFC 6980)", fragmented, .counter = STACK_DROP_ND_MALFORMED},
	{"unsolicited", advertise, STACK_DROP_ND_UNSOLICITED, 0x20, 0, peer_v6},
	{"V5 router advertisement", router, STACK_DROP_ND_ROUTER, 134, 16, NULL},
	{"V5 tiny MTU", advertisement_with_options, .counter = STACK_DROP_ND_ROUTER},
	{"router solicitation", router, STACK_DROP_ND_ROUTER, 133, 8, NULL},
	{"redirect", router, STACK_DROP_ND_ROUTER, 137, 40, NULL},
	{"router advertisement cut", router, STACK_DROP_ND_MALFORMED, 134, 15, NULL},
	{"redirect cut", router, STACK_DROP_ND_MALFORMED, 137, 39, NULL},
	{"from ourselves", byte_set, STACK_DROP_IPV6_SOURCE, IP + 23, 1, NULL},
};

static void test_every_drop_of_discovery_has_its_name(void **state)
{
	assert_drops_on(fixture_make6(), drops, sizeof(drops) / sizeof(drops[0]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_drop_of_discovery_has_its_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
