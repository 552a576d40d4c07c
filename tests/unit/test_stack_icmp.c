/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_stack_icmp.c - echo and its limit; all else of ICMP is dropped (catalogue C2, C3) */
#include "stack_drop.h"

static void icmp_short(struct packet *p, const struct drop *row)
{
	make_echo(p, 0);
	put16(p->data + IP + 2, 27);
	seal_ip(p);
}

static void icmp_empty(struct packet *p, const struct drop *row)
{
	make_ip(p, 1, 0);
}

/* @value: what the port says; none verifies ICMP, so its word does not count */
static void icmp_checksum(struct packet *p, const struct drop *row)
{
	make_echo(p, 10);
	p->data[L4 + 9] ^= 0x40;
	p->flags = (uint16_t)row->value;
}

/* @value, @more: type and code */
static void icmp_type(struct packet *p, const struct drop *row)
{
	make_echo(p, 28);
	p->data[L4] = (uint8_t)row->value;
	p->data[L4 + 1] = (uint8_t)row->more;
	seal_l4(p, 2);
}

static const struct drop drops[] = {
	{"C2 port unreachable", icmp_type, STACK_DROP_ICMP, .value = 3, .more = 3},
	{"C2 fragmentation needed", icmp_type, STACK_DROP_ICMP, .value = 3, .more = 4},
	{"C2 source quench", icmp_type, STACK_DROP_ICMP, .value = 4, .more = 0},
	{"C2 redirect", icmp_type, STACK_DROP_ICMP, .value = 5, .more = 1},
	{"C2 router advertisement", icmp_type, STACK_DROP_ICMP, .value = 9, .more = 0},
	{"C2 timestamp", icmp_type, STACK_DROP_ICMP, .value = 13, .more = 0},
	{"C2 mask", icmp_type, STACK_DROP_ICMP, .value = 17, .more = 0},
	{"C3 7 bytes", icmp_short, .counter = STACK_DROP_ICMP},
	{"C3 no bytes", icmp_empty, .counter = STACK_DROP_ICMP},
	{"C3 checksum", icmp_checksum, STACK_DROP_ICMP, .value = 0},
	{"C3 checksum, port says good", icmp_checksum, STACK_DROP_ICMP,
		.value = FRAME_L3_GOOD | FRAME_L4_GOOD},
	{"C3 code", icmp_type, STACK_DROP_ICMP, .value = 8, .more = 1},
	{"C3 echo reply", icmp_type, STACK_DROP_ICMP, .value = 0, .more = 0},
};

static void test_every_drop_of_icmp_has_its_name(void **state)
{
	assert_drops(drops, sizeof(drops) / sizeof(drops[0]));
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_drop_of_icmp_has_its_name),
		cmocka_unit_test(test_echo),
		cmocka_unit_test(test_echo_flood),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
