/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_stack_mld.c - the groups that we are asked for in are reported (RFC 3810, 3590, 2710) */
#include "stack_ipv6.h"

#define ROUTER "fe80::fe"
#define NODES "ff02::1:ff00:1" /* where fd77::1 is asked for */
#define ICMP (L4_6 + 8)        /* behind the hop-by-hop options */

/* What a query must have in front: a router alert, padding. */
static const uint8_t good_alert[8] = {58, 0, 5, 2, 0, 0, 1, 0};

static void start_at_once(struct fixture *f)
{
	f->stack = stack_new(&f->config, f->now);
	assert_non_null(f->stack);
	turn(f);
	turn(f); /* what the first one's timers said leaves */
}

static bool is_report(const struct fixture *f, unsigned index, unsigned type)
{
	const uint8_t *out = f->links[0].sent[index].data;

	return get16(out + 12) == 0x86dd && out[IP + 6] == 0 && out[ICMP] == type;
}

static unsigned reports_sent(const struct fixture *f, unsigned type)
{
	unsigned count = 0;

	for (unsigned i = 0; i < f->links[0].sent_count; i++)
		count += is_report(f, i, type);
	return count;
}

/* The newest report of that type. */
static const uint8_t *last_report(const struct fixture *f, unsigned type)
{
	for (unsigned i = f->links[0].sent_count; i-- > 0;)
		if (is_report(f, i, type))
			return f->links[0].sent[i].data;
	fail();
	return NULL;
}

static uint16_t icmp_sum(const uint8_t *frame)
{
	unsigned length = get16(frame + IP + 4) - 8;
	uint8_t pseudo[8] = {0};
	unsigned sum = simple_sum(0, frame + IP + 8, 32);

	put32(pseudo, length);
	pseudo[7] = 58;
	return (uint16_t)simple_sum(simple_sum(sum, pseudo, 8), frame + ICMP, length);
}

/* What our link-local address ends in: that of the first probe for one. */
static void local_of(const struct fixture *f, uint8_t local[16])
{
	for (unsigned i = 0; i < f->links[0].sent_count; i++) {
		const uint8_t *out = f->links[0].sent[i].data;

		if (out[IP + 6] == 58 && out[L4_6 + 8] == 0xfe) {
			memcpy(local, out + L4_6 + 8, 16);
			return;
		}
	}
	fail();
}

/* Bit for bit: both groups, from all their sources, to all that listen to version 2 reports. */
static void check_report(
	const uint8_t *frame, unsigned record, const uint8_t source[16], const uint8_t local[16])
{
	uint8_t want[16 + 40] = {58, 0, 5, 2, 0, 0, 1, 0, 143, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0,
		0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, 0, 1, 0, 0, 0, 0, 0xff, 0x02, 0,
		0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff};
	struct ip_address routers = v6("ff02::16");

	want[16] = want[36] = (uint8_t)record;
	memcpy(want + 53, local + 13, 3);
	memcpy(want + 10, frame + ICMP + 2, 2);
	assert_memory_equal(frame, "\x33\x33\0\0\0\x16", 6);
	assert_memory_equal(frame + 6, our_mac, 6);
	assert_int_equal(get16(frame + 12), 0x86dd);
	assert_int_equal(get32(frame + IP), 0x60000000);
	assert_int_equal(get16(frame + IP + 4), sizeof(want));
	assert_int_equal(frame[IP + 6], 0);
	assert_int_equal(frame[IP + 7], 1);
	assert_memory_equal(frame + IP + 8, source, 16);
	assert_memory_equal(frame + IP + 24, &routers, 16);
	assert_memory_equal(frame + L4_6, want, sizeof(want));
	assert_int_equal(icmp_sum(frame), 0xffff);
}

/* Before the probes, from nobody; again within a second; and twice once there is an address. */
static void test_groups_are_reported_at_the_start(void **state)
{
	static const uint8_t nobody[16];
	struct fixture *f = fixture_make6();
	uint8_t local[16];

	start_at_once(f);
	assert_true(f->links[0].sent_count >= 3);
	assert_true(is_report(f, 0, 143));
	assert_int_equal(f->links[0].sent[0].frame.length, L4_6 + 56);
	local_of(f, local);
	check_report(f->links[0].sent[0].data, 4, nobody, local);
	pass(f, SECOND - 1, SECOND / 100);
	assert_int_equal(reports_sent(f, 143), 2);
	check_report(last_report(f, 143), 4, nobody, local);
	forget_sent(f);
	pass(f, SECOND / 10, SECOND / 100);
	assert_in_range(reports_sent(f, 143), 1, 2);
	check_report(last_report(f, 143), 4, local, local);
	pass(f, SECOND, SECOND / 100);
	assert_int_equal(reports_sent(f, 143), 2);
	check_report(last_report(f, 143), 4, local, local);
	assert_int_equal(counter(f, STACK_MLD_REPORTS), 4);
	pass(f, 100 * SECOND, SECOND / 10);
	assert_int_equal(counter(f, STACK_MLD_REPORTS), 4);
	fixture_free(f);
}

/* Without IPv6 nothing; of an address that another host has, nothing more. */
static void test_what_is_not_ours_is_not_reported(void **state)
{
	struct fixture *f = fixture_make();
	uint8_t local[16];
	struct packet p;

	fixture_start(f);
	assert_int_equal(counter(f, STACK_MLD_REPORTS), 0);
	fixture_free(f);
	f = fixture_make6();
	start_at_once(f);
	local_of(f, local);
	make_nd(&p, 136, 0x20, our_v6, "ff02::1", our_v6, other_mac);
	deliver(f, &p);
	pass(f, 5 * SECOND, SECOND / 10);
	assert_int_equal(get16(last_report(f, 143) + ICMP + 6), 1);
	assert_memory_equal(last_report(f, 143) + ICMP + 8 + 17, local + 13, 3);
	fixture_free(f);
}

/* Addresses that end in the same 24 bits share a group. */
static void test_a_group_is_reported_once(void **state)
{
	struct fixture *f = fixture_make6();
	struct stack_link *link = &f->config.links[0];

	link->addresses[link->address_count++] = (struct stack_address){v6("fd78::1"), 64};
	start_at_once(f);
	assert_int_equal(get16(f->links[0].sent[0].data + ICMP + 6), 2);
	fixture_free(f);
}

/* ---- queries ---- */

static void seal_query(struct packet *p)
{
	put16(p->data + ICMP + 2, 0);
	put16(p->data + ICMP + 2, (unsigned)~icmp_sum(p->data) & 0xffff);
}

/* @length: 24, version 1; from 28 on 2. @delay: as the field has it */
static void make_query(struct packet *p, const char *destination, const char *group, unsigned delay,
	unsigned length)
{
	struct ip_address about = v6(group);

	make_ip6(p, ROUTER, destination, 58, length);
	p->data[IP + 7] = 1;
	p->data[L4_6] = 130;
	put16(p->data + L4_6 + 4, delay);
	memcpy(p->data + L4_6 + 8, &about, 16);
	if (length >= 28) {
		p->data[L4_6 + 24] = 2;
		p->data[L4_6 + 25] = 125;
	}
	insert_extensions(p, 0, good_alert, 8);
	seal_query(p);
}

static void query(struct fixture *f, const char *destination, const char *group, unsigned delay,
	unsigned length)
{
	struct packet p;

	make_query(&p, destination, group, delay, length);
	deliver(f, &p);
}

/* Lets time pass until a report has left, for @most. Return: how long that took. */
static uint64_t wait_report(struct fixture *f, unsigned type, uint64_t most)
{
	uint64_t from = f->now;

	while (reports_sent(f, type) == 0 && f->now - from <= most) {
		f->now += 1000;
		turn(f);
		turn(f);
	}
	return f->now - from;
}

static struct fixture *started(uint8_t local[16])
{
	struct fixture *f = fixture_make6();

	start_at_once(f);
	local_of(f, local);
	pass(f, 5 * SECOND, SECOND / 10);
	forget_sent(f);
	return f;
}

static void test_a_general_query_is_answered(void **state)
{
	uint64_t shortest = ~0ULL, longest = 0;
	uint8_t local[16];
	struct fixture *f = started(local);

	for (unsigned i = 0; i < 50; i++) {
		uint64_t took;

		forget_sent(f);
		query(f, "ff02::1", "::", 1000, 28);
		took = wait_report(f, 143, 2 * SECOND);
		assert_true(took <= SECOND);
		shortest = took < shortest ? took : shortest;
		longest = took > longest ? took : longest;
		check_report(last_report(f, 143), 2, local, local);
		pass(f, 4 * SECOND, SECOND / 10);
		assert_int_equal(reports_sent(f, 143), 1);
	}
	/* At random within what the router said. */
	assert_true(shortest < SECOND / 5 && longest > 4 * SECOND / 5);
	assert_int_equal(counter(f, STACK_MLD_QUERIES), 50);
	/* Two hours and more, as a number with an exponent: ten seconds are enough. */
	forget_sent(f);
	query(f, "ff02::1", "::", 0xffff, 28);
	assert_true(wait_report(f, 143, 20 * SECOND) <= 10 * SECOND);
	introduce6(f);
	assert_canary6(f);
	fixture_free(f);
}

/* About one group, to it, or to our own address; sources that it lists change nothing. */
static void test_a_group_query_is_answered(void **state)
{
	static const char *const to[] = {NODES, our_v6, "ff02::1"};
	uint8_t local[16];
	struct fixture *f = started(local);

	for (unsigned i = 0; i < 3; i++) {
		const uint8_t *out;
		struct packet p;

		forget_sent(f);
		make_query(&p, to[i], NODES, 100, 28 + 16 * i);
		put16(p.data + ICMP + 26, i);
		seal_query(&p);
		deliver(f, &p);
		assert_true(wait_report(f, 143, SECOND) <= SECOND / 10);
		out = last_report(f, 143);
		assert_int_equal(get16(out + ICMP + 6), 1);
		assert_int_equal(get32(out + ICMP + 8), 2U << 24);
		assert_memory_equal(out + ICMP + 24, "\xff\0\0\x01", 4);
		assert_int_equal(icmp_sum(out), 0xffff);
		pass(f, 3 * SECOND, SECOND / 10);
		assert_int_equal(reports_sent(f, 143), 1);
	}
	fixture_free(f);
}

/* The earlier of two is what counts, and what both ask for is answered together. */
static void test_two_queries_one_answer(void **state)
{
	uint8_t local[16];
	struct fixture *f = started(local);

	query(f, NODES, NODES, 10000, 28);
	query(f, "ff02::1", "::", 10, 28);
	assert_true(wait_report(f, 143, 20 * SECOND) <= SECOND / 50);
	check_report(last_report(f, 143), 2, local, local);
	pass(f, 11 * SECOND, SECOND / 10);
	assert_int_equal(reports_sent(f, 143), 1);
	fixture_free(f);
}

/* A router of version 1 is answered in its version, group by group, until it is long gone. */
static void test_version_1(void **state)
{
	uint8_t want[32] = {58, 0, 5, 2, 0, 0, 1, 0, 131, [16] = 0xff, 0x02, [27] = 1, 0xff};
	uint8_t local[16];
	struct fixture *f = started(local);

	query(f, "ff02::1", "::", 1000, 24);
	assert_true(wait_report(f, 131, 2 * SECOND) <= SECOND);
	assert_int_equal(reports_sent(f, 131), 2);
	assert_int_equal(reports_sent(f, 143), 0);
	for (unsigned i = 0; i < 2; i++) {
		const uint8_t *out = f->links[0].sent[i].data;

		memcpy(want + 29, i == 0 ? (const uint8_t *)"\0\0\x01" : local + 13, 3);
		memcpy(want + 10, out + ICMP + 2, 2);
		assert_memory_equal(out, "\x33\x33\xff", 3);
		assert_memory_equal(out + 3, want + 29, 3);
		assert_int_equal(out[IP + 7], 1);
		assert_memory_equal(out + IP + 8, local, 16);
		assert_memory_equal(out + IP + 24, want + 16, 16);
		assert_int_equal(get16(out + IP + 4), 32);
		assert_memory_equal(out + L4_6, want, 32);
		assert_int_equal(icmp_sum(out), 0xffff);
	}
	/* One of version 2 beside it is answered so, too: the other would not understand. */
	pass(f, 200 * SECOND, SECOND / 10);
	forget_sent(f);
	query(f, "ff02::1", "::", 100, 28);
	pass(f, SECOND, SECOND / 10);
	assert_int_equal(reports_sent(f, 131), 2);
	pass(f, 70 * SECOND, SECOND / 10);
	forget_sent(f);
	query(f, "ff02::1", "::", 100, 28);
	pass(f, SECOND, SECOND / 10);
	assert_int_equal(reports_sent(f, 131), 0);
	assert_int_equal(reports_sent(f, 143), 1);
	fixture_free(f);
}

/* Queries without end: a report a second, and the rest of the stack goes on. */
static void test_a_flood_of_queries_is_no_storm(void **state)
{
	uint8_t local[16];
	struct fixture *f = started(local);

	introduce6(f);
	for (unsigned i = 0; i < 100000; i++) {
		query(f, "ff02::1", "::", 0, i & 1 ? 28 : 24);
		f->now += 100;
		forget_sent(f);
	}
	assert_in_range(counter(f, STACK_MLD_QUERIES), 10, 4 + 10 + 1);
	assert_in_range(counter(f, STACK_MLD_REPORTS) - 4, 10, 2 * (4 + 10 + 1));
	assert_int_equal(counter(f, STACK_DROP_MLD_LIMIT) + counter(f, STACK_MLD_QUERIES), 100000);
	assert_canary6(f);
	fixture_free(f);
}

/* ---- what is no query ---- */

static void make_bad(struct packet *p, const struct drop *row)
{
	make_query(p, "ff02::1", "::", 0, row->value);
}

static void make_hops(struct packet *p, const struct drop *row)
{
	make_query(p, "ff02::1", "::", 0, 28);
	p->data[IP + 7] = (uint8_t)row->value;
}

static void make_source(struct packet *p, const struct drop *row)
{
	struct ip_address source = v6(row->bytes);

	make_query(p, "ff02::1", "::", 0, 28);
	memcpy(p->data + IP + 8, &source, 16);
	seal_query(p);
}

static void make_alert(struct packet *p, const struct drop *row)
{
	make_query(p, "ff02::1", "::", 0, 28);
	memcpy(p->data + L4_6, row->bytes, 8);
	p->data[IP + 6] = (uint8_t)row->value;
}

static void make_bare(struct packet *p, const struct drop *row)
{
	make_ip6(p, ROUTER, "ff02::1", 58, 28);
	p->data[IP + 7] = 1;
	p->data[L4_6] = 130;
	seal6(p, 2);
}

static void make_sources(struct packet *p, const struct drop *row)
{
	make_query(p, NODES, NODES, 0, row->more);
	put16(p->data + ICMP + 26, row->value);
	seal_query(p);
}

static void make_sum(struct packet *p, const struct drop *row)
{
	make_query(p, "ff02::1", "::", 0, 28);
	p->data[ICMP + row->value] ^= 1;
}

static void make_about(struct packet *p, const struct drop *row)
{
	make_query(p, "ff02::1", row->bytes, 0, row->value);
}

static void make_to(struct packet *p, const struct drop *row)
{
	make_query(p, row->bytes, "::", 0, 28);
}

/* Cut short in the frame: the packet's own length says more than there is. */
static void make_cut(struct packet *p, const struct drop *row)
{
	make_query(p, "ff02::1", "::", 0, 28);
	p->length = row->value;
}

static void test_hostile_queries(void **state)
{
	static const struct drop rows[] = {
		{"only a type", make_bad, STACK_DROP_MLD_MALFORMED, 5, 0, NULL},
		{"one byte short", make_bad, STACK_DROP_MLD_MALFORMED, 23, 0, NULL},
		{"between the versions", make_bad, STACK_DROP_MLD_MALFORMED, 25, 0, NULL},
		{"one short of version 2", make_bad, STACK_DROP_MLD_MALFORMED, 27, 0, NULL},
		{"hop limit 0", make_hops, STACK_DROP_MLD_MALFORMED, 0, 0, NULL},
		{"hop limit 2", make_hops, STACK_DROP_MLD_MALFORMED, 2, 0, NULL},
		{"hop limit 255", make_hops, STACK_DROP_MLD_MALFORMED, 255, 0, NULL},
		{"from a global address", make_source, STACK_DROP_MLD_MALFORMED, 0, 0, "fd77::2"},
		{"from nobody", make_source, STACK_DROP_MLD_MALFORMED, 0, 0, "::"},
		{"from a group", make_source, STACK_DROP_MLD_MALFORMED, 0, 0, "ff02::1"},
		{"no options", make_bare, STACK_DROP_MLD_MALFORMED, 0, 0, NULL},
		{"no alert", make_alert, STACK_DROP_MLD_MALFORMED, 0, 0, "\x3a\0\x01\x04\0\0\0\0"},
		{"an alert for others", make_alert, STACK_DROP_MLD_MALFORMED, 0, 0,
			"\x3a\0\x05\x02\0\x01\x01\0"},
		{"an alert of another length", make_alert, STACK_DROP_MLD_MALFORMED, 0, 0,
			"\x3a\0\x05\x03\0\0\0\0"},
		{"an alert to the destination", make_alert, STACK_DROP_MLD_MALFORMED, 60, 0,
			"\x3a\0\x05\x02\0\0\x01\0"},
		{"an alert that overruns", make_alert, STACK_DROP_IPV6_EXTENSION, 0, 0,
			"\x3a\0\x01\x02\0\0\x05\x02"},
		{"a source too many", make_sources, STACK_DROP_MLD_MALFORMED, 1, 28, NULL},
		{"half a source", make_sources, STACK_DROP_MLD_MALFORMED, 1, 36, NULL},
		{"sources without end", make_sources, STACK_DROP_MLD_MALFORMED, 65535, 1200, NULL},
		{"a wrong checksum", make_sum, STACK_DROP_MLD_MALFORMED, 2, 0, NULL},
		{"another group than summed", make_sum, STACK_DROP_MLD_MALFORMED, 20, 0, NULL},
		{"about a host", make_about, STACK_DROP_MLD_MALFORMED, 28, 0, "fd77::1"},
		{"about a group of others", make_about, STACK_DROP_MLD_NOT_OURS, 28, 0,
			"ff02::1:ff00:2"},
		{"about all nodes", make_about, STACK_DROP_MLD_NOT_OURS, 24, 0, "ff02::1"},
		{"to a group of others", make_to, STACK_DROP_MLD_NOT_OURS, 0, 0, "ff02::1:ff00:2"},
		{"cut in the frame", make_cut, STACK_DROP_IPV6_MALFORMED, ICMP + 27, 0, NULL},
	};

	/* assert_drops_on() has each dropped by its name, unanswered, and a canary live on; the
	 * rows about groups are few enough for the rate limit. */
	assert_drops_on(fixture_make6(), rows, sizeof(rows) / sizeof(rows[0]));
}

/* Our own link-local address asks for nothing. */
static void test_a_query_of_our_own_address(void **state)
{
	uint8_t local[16];
	struct fixture *f = started(local);
	struct packet p;

	make_query(&p, "ff02::1", "::", 0, 28);
	memcpy(p.data + IP + 8, local, 16);
	seal_query(&p);
	deliver(f, &p);
	assert_int_equal(counter(f, STACK_DROP_IPV6_SOURCE), 1);
	pass(f, SECOND, SECOND / 10);
	assert_int_equal(f->links[0].sent_count, 0);
	fixture_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_groups_are_reported_at_the_start),
		cmocka_unit_test(test_what_is_not_ours_is_not_reported),
		cmocka_unit_test(test_a_group_is_reported_once),
		cmocka_unit_test(test_a_general_query_is_answered),
		cmocka_unit_test(test_a_group_query_is_answered),
		cmocka_unit_test(test_two_queries_one_answer),
		cmocka_unit_test(test_version_1),
		cmocka_unit_test(test_a_flood_of_queries_is_no_storm),
		cmocka_unit_test(test_hostile_queries),
		cmocka_unit_test(test_a_query_of_our_own_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
