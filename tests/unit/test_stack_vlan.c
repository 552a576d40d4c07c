/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_stack_vlan.c - VLAN tags: one configured number, priority tags, all others (IEEE 802.1Q) */
#include "stack_ipv6.h"

#define VLAN 7

/* Puts a tag in front of the type, or of the tags that are there. */
static void tag(struct packet *p, unsigned type, unsigned control)
{
	memmove(p->data + 16, p->data + 12, p->length - 12);
	put16(p->data + 12, type);
	put16(p->data + 14, control);
	p->length += 4;
}

/* What a datagram does that comes with these tags, the innermost first, and maybe one stripped. */
struct row {
	const char *name;
	unsigned types[3], controls[3], tags;
	int stripped; /* -1: none */
	bool taken;
};

static const struct row tagged_link[] = {
	{"its own number", {0x8100}, {VLAN}, 1, -1, true},
	{"its own, priority 5", {0x8100}, {0xa000 | VLAN}, 1, -1, true},
	{"its own, drop eligible", {0x8100}, {0x1000 | VLAN}, 1, -1, true},
	{"its own in a priority tag", {0x8100, 0x8100}, {VLAN, 0}, 2, -1, true},
	{"priority inside its own", {0x8100, 0x8100}, {0, VLAN}, 2, -1, true},
	{"stripped", {0}, {0}, 0, VLAN, true},
	{"stripped with priority", {0}, {0}, 0, 0xe000 | VLAN, true},
	{"priority stripped", {0x8100}, {VLAN}, 1, 0, true},
	{"stripped, priority inside", {0x8100}, {0}, 1, VLAN, true},
	{"no tag", {0}, {0}, 0, -1, false},
	{"priority only", {0x8100}, {0}, 1, -1, false},
	{"another number", {0x8100}, {VLAN + 1}, 1, -1, false},
	{"number 4095", {0x8100}, {4095}, 1, -1, false},
	{"another stripped", {0}, {0}, 0, VLAN + 1, false},
	{"its own twice", {0x8100, 0x8100}, {VLAN, VLAN}, 2, -1, false},
	{"its own in another", {0x8100, 0x8100}, {VLAN, 9}, 2, -1, false},
	{"another in its own", {0x8100, 0x8100}, {9, VLAN}, 2, -1, false},
	{"stripped, another inside", {0x8100}, {9}, 1, VLAN, false},
	{"a provider's tag", {0x88a8}, {VLAN}, 1, -1, false},
	{"in a provider's tag", {0x8100, 0x88a8}, {VLAN, 0}, 2, -1, false},
	{"an old provider's tag", {0x9100}, {VLAN}, 1, -1, false},
	{"three tags", {0x8100, 0x8100, 0x8100}, {VLAN, 0, 0}, 3, -1, false},
	{"two and one stripped", {0x8100, 0x8100}, {VLAN, 0}, 2, 0, false},
};

static const struct row plain_link[] = {
	{"no tag", {0}, {0}, 0, -1, true},
	{"priority", {0x8100}, {0xe000}, 1, -1, true},
	{"two priorities", {0x8100, 0x8100}, {0, 0}, 2, -1, true},
	{"priority stripped", {0}, {0}, 0, 0x2000, true},
	{"a number", {0x8100}, {VLAN}, 1, -1, false},
	{"a number stripped", {0}, {0}, 0, VLAN, false},
	{"a provider's tag", {0x88a8}, {0}, 1, -1, false},
	{"three priorities", {0x8100, 0x8100, 0x8100}, {0, 0, 0}, 3, -1, false},
};

static void try_rows(struct fixture *f, const struct row *rows, size_t count)
{
	for (const struct row *row = rows; row < rows + count; row++) {
		uint64_t before = counter(f, STACK_DROP_VLAN), all = all_drops(f);
		unsigned heard = f->datagrams;
		struct packet p;

		good_udp(&p);
		for (unsigned i = 0; i < row->tags; i++)
			tag(&p, row->types[i], row->controls[i]);
		if (row->stripped >= 0) {
			p.flags = FRAME_VLAN;
			p.vlan = (uint16_t)row->stripped;
		}
		deliver(f, &p);
		if (f->datagrams != heard + row->taken ||
			counter(f, STACK_DROP_VLAN) != before + !row->taken ||
			all_drops(f) != all + !row->taken)
			fail_msg("%s: %s", row->name, row->taken ? "dropped" : "not dropped");
	}
}

static void test_L3_one_number(void **state)
{
	struct fixture *f = fixture_make();

	f->config.links[0].vlan = VLAN;
	fixture_start(f);
	try_rows(f, tagged_link, sizeof(tagged_link) / sizeof(tagged_link[0]));
	fixture_free(f);
}

static void test_L3_no_number(void **state)
{
	struct fixture *f = fixture_make();

	fixture_start(f);
	try_rows(f, plain_link, sizeof(plain_link) / sizeof(plain_link[0]));
	fixture_free(f);
}

/* A tag whose type is missing, in blocks of their exact size. */
static void test_L3_cut_tags(void **state)
{
	struct fixture *f = fixture_make();
	struct packet p;

	f->config.links[0].vlan = VLAN;
	fixture_start(f);
	for (unsigned length = 14; length < 22; length++) {
		good_udp(&p);
		tag(&p, 0x8100, VLAN);
		tag(&p, 0x8100, 0);
		p.length = length;
		deliver(f, &p);
	}
	assert_int_equal(counter(f, STACK_DROP_VLAN), 8);
	assert_int_equal(all_drops(f), 8);
	fixture_free(f);
}

/* Both families, ARP and discovery carry the tag out; full-size frames stay within the link. */
static void test_tag_on_transmit(void **state)
{
	struct fixture *f = fixture_make6();
	static uint8_t bytes[1472];
	struct packet p;

	f->config.links[0].vlan = VLAN;
	f->echo = true;
	f->stack = stack_new(&f->config, f->now);
	assert_non_null(f->stack);
	pass(f, 5 * SECOND, SECOND / 10);
	assert_true(f->links[0].sent_count >= 8);
	make_arp(&p, all_mac, 1, peer_mac, PEER_ADDRESS, OUR_ADDRESS);
	tag(&p, 0x8100, VLAN);
	deliver(f, &p);
	make_udp(&p, bytes, 1472);
	tag(&p, 0x8100, VLAN);
	deliver(f, &p);
	make_udp6(&p, peer_v6, bytes, 1452);
	tag(&p, 0x8100, VLAN);
	deliver(f, &p);
	make_tcp(&p, 0x02, 1000, 0, NULL, 0);
	tag(&p, 0x8100, VLAN);
	deliver(f, &p);
	make_echo6(&p, our_v6, 1452);
	tag(&p, 0x8100, VLAN);
	deliver(f, &p);
	assert_int_equal(all_drops(f), 0);
	assert_int_equal(f->datagrams, 2);
	for (unsigned i = 0; i < f->links[0].sent_count; i++) {
		const uint8_t *out = f->links[0].sent[i].data;

		assert_int_equal(get16(out + 12), 0x8100);
		assert_int_equal(get16(out + 14), VLAN);
		assert_true(get16(out + 16) == 0x0800 || get16(out + 16) == 0x0806 ||
			    get16(out + 16) == 0x86dd);
		if (get16(out + 16) != 0x0806)
			assert_int_equal(f->links[0].sent[i].frame.l2_length, 18);
	}
	/* echo, SYN-ACK, IPv6 datagram, the question for its sender, IPv4 datagram */
	assert_int_equal(f->links[0].sent[f->links[0].sent_count - 1].frame.length, 1518);
	assert_int_equal(f->links[0].sent[f->links[0].sent_count - 3].frame.length, 1518);
	assert_int_equal(f->links[0].sent[f->links[0].sent_count - 5].frame.length, 1518);
	fixture_free(f);
}

static void test_refused_numbers(void **state)
{
	struct fixture *f = fixture_make();

	f->config.links[0].vlan = 4095;
	f->stack = stack_new(&f->config, f->now);
	assert_null(f->stack);
	f->config.links[0].vlan = 4094;
	fixture_start(f);
	fixture_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_L3_one_number),
		cmocka_unit_test(test_L3_no_number),
		cmocka_unit_test(test_L3_cut_tags),
		cmocka_unit_test(test_tag_on_transmit),
		cmocka_unit_test(test_refused_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
