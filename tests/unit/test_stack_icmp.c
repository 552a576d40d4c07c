/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_stack_icmp.c - echo and its limit; errors that are believed, all else (C1, C2, C3, C4) */
#include "icmp_quote.h"

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

/* @value, @more: a byte of an error about one of our segments, changed */
static void error_about(struct packet *p, const struct drop *row)
{
	make_error(p, 3, 1, 0, 6);
	p->data[row->value] = (uint8_t)row->more;
	if (row->value == QUOTE_L4)
		p->data[row->value + 1] = (uint8_t)row->more;
	seal_l4(p, 2);
}

static const struct drop drops[] = {
	{"C4 unreachable, garbage quoted", icmp_type, STACK_DROP_ICMP_ERROR, .value = 3, .more = 3},
	{"C4 too big, garbage quoted", icmp_type, STACK_DROP_ICMP_ERROR, .value = 3, .more = 4},
	{"C2 source quench", icmp_type, STACK_DROP_ICMP_IGNORED, .value = 4, .more = 0},
	{"C2 redirect", icmp_type, STACK_DROP_ICMP_IGNORED, .value = 5, .more = 1},
	{"C2 router advertisement", icmp_type, STACK_DROP_ICMP_IGNORED, .value = 9, .more = 0},
	{"C2 timestamp", icmp_type, STACK_DROP_ICMP_IGNORED, .value = 13, .more = 0},
	{"C2 mask", icmp_type, STACK_DROP_ICMP_IGNORED, .value = 17, .more = 0},
	{"unknown type", icmp_type, STACK_DROP_ICMP, .value = 200, .more = 0},
	{"C4 others' packet quoted", error_about, STACK_DROP_ICMP_ERROR, .value = QUOTE + 15,
		.more = 9},
	{"C4 packet to a group quoted", error_about, STACK_DROP_ICMP_ERROR, .value = QUOTE + 16,
		.more = 224},
	{"C4 port 0 quoted", error_about, STACK_DROP_ICMP_ERROR, .value = QUOTE_L4, .more = 0},
	{"C4 protocol quoted", error_about, STACK_DROP_ICMP_ERROR, .value = QUOTE + 9, .more = 50},
	{"C3 7 bytes", icmp_short, .counter = STACK_DROP_ICMP},
	{"C3 no bytes", icmp_empty, .counter = STACK_DROP_ICMP},
	{"C3 checksum", icmp_checksum, STACK_DROP_ICMP, .value = 0},
	{"C3 checksum, port says good", icmp_checksum, STACK_DROP_ICMP,
		.value = FRAME_L3_GOOD | FRAME_L4_GOOD},
	{"C3 code", icmp_type, STACK_DROP_ICMP, .value = 8, .more = 1},
	{"C3 echo reply", icmp_type, STACK_DROP_ICMP_IGNORED, .value = 0, .more = 0},
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

/* C2, D4: errors about what we sent end nothing and are answered with nothing. */
static void test_C2_errors_are_soft(void **state)
{
	struct fixture *f = fixture_make6();
	struct packet p;

	fixture_start(f);
	introduce6(f);
	for (unsigned code = 0; code < 16; code++) {
		make_error(&p, 3, code, 0, 6);
		deliver(f, &p);
		make_error6(&p, 1, code, 0, 6);
		deliver(f, &p);
		make_error(&p, 3, code, 0, 17);
		deliver(f, &p);
		make_error6(&p, 1, code, 0, 17);
		deliver(f, &p);
	}
	assert_int_equal(counter(f, STACK_ICMP_TCP), 32);
	assert_int_equal(counter(f, STACK_ICMP_UDP), 32);
	assert_int_equal(all_drops(f), 0);
	assert_int_equal(f->links[0].sent_count, 0);
	assert_int_equal(f->closed, 0);
	/* From whom it comes does not count, but what it quotes: of the other family nothing. */
	make_error6(&p, 1, 0, 0, 6);
	p.data[QUOTE6 + 8 + 15] = 9;
	seal6(&p, 2);
	deliver(f, &p);
	make_error6(&p, 1, 0, 0, 6);
	memset(p.data + QUOTE6 + 24, 0, 10);
	memset(p.data + QUOTE6 + 34, 0xff, 2);
	memcpy(p.data + QUOTE6 + 36, (uint8_t[]){198, 18, 0, 2}, 4);
	seal6(&p, 2);
	deliver(f, &p);
	assert_int_equal(counter(f, STACK_DROP_ICMP_ERROR), 2);
	assert_canary(f);
	assert_canary6(f);
	fixture_free(f);
}

static uint64_t tcp_counter_of(const struct fixture *f, enum tcp_counter which)
{
	return tcp_counters(stack_tcp(f->stack))[which];
}

/* C1, through to TCP: only what quotes bytes in flight counts, and only once they are lost. */
static void test_C1_too_big_reaches_the_connection(void **state)
{
	static uint8_t bytes[1200];
	struct fixture *f = fixture_make6();
	uint32_t isn, seq;
	struct packet p;

	f->echo = true;
	fixture_start(f);
	introduce6(f);
	/* A SYN with an MSS of 1440. */
	make_ip6(&p, peer_v6, our_v6, 6, 24);
	put16(p.data + L4_6, 50000);
	put16(p.data + L4_6 + 2, TCP_PORT);
	put32(p.data + L4_6 + 4, 1000);
	p.data[L4_6 + 12] = 0x60;
	p.data[L4_6 + 13] = 0x02;
	put16(p.data + L4_6 + 14, 65535);
	put32(p.data + L4_6 + 20, 0x020405a0);
	seal6(&p, 16);
	deliver(f, &p);
	isn = get32(f->links[0].sent[0].data + L4_6 + 4);
	forget_sent(f);
	make_tcp6(&p, peer_v6, 0x18, 1001, isn + 1, bytes, sizeof(bytes));
	deliver(f, &p);
	make_tcp6(&p, peer_v6, 0x18, 1001 + sizeof(bytes), isn + 1, bytes, 200);
	deliver(f, &p);
	assert_int_equal(f->links[0].sent[0].frame.length, L4_6 + 20 + sizeof(bytes));
	seq = get32(f->links[0].sent[0].data + L4_6 + 4);
	assert_int_equal(seq, isn + 1);
	forget_sent(f);
	/* Soft, about nothing in flight, about another flow: nothing happens. */
	make_error6(&p, 1, 0, 0, 6);
	put32(p.data + QUOTE6_L4 + 4, seq);
	seal6(&p, 2);
	deliver(f, &p);
	assert_int_equal(tcp_counter_of(f, TCP_ICMP_SOFT), 1);
	make_error6(&p, 2, 0, 1280, 6);
	put32(p.data + QUOTE6_L4 + 4, seq - 1);
	seal6(&p, 2);
	deliver(f, &p);
	make_error6(&p, 2, 0, 1280, 6);
	put32(p.data + QUOTE6_L4 + 4, seq);
	put16(p.data + QUOTE6_L4 + 2, 50001);
	seal6(&p, 2);
	deliver(f, &p);
	assert_int_equal(tcp_counter_of(f, TCP_DROP_ICMP), 2);
	assert_int_equal(f->links[0].sent_count, 0);
	assert_int_equal(tcp_counter_of(f, TCP_PATH_MTU), 0);
	assert_int_equal(f->closed, 0);
	assert_int_equal(counter(f, STACK_ICMP_TCP), 3);
	assert_int_equal(all_drops(f), 0);
	fixture_free(f);
}

/* The same over IPv4, with a path that carries less than the segment: the loss confirms it. */
static void test_C1_too_big_is_confirmed_by_loss(void **state)
{
	static uint8_t bytes[1200];
	struct fixture *f = fixture_make();
	uint32_t isn, seq;
	struct packet p;

	f->echo = true;
	fixture_start(f);
	introduce(f);
	make_ip(&p, 6, 24);
	put16(p.data + L4, 50000);
	put16(p.data + L4 + 2, TCP_PORT);
	put32(p.data + L4 + 4, 1000);
	p.data[L4 + 12] = 0x60;
	p.data[L4 + 13] = 0x02;
	put16(p.data + L4 + 14, 65535);
	put32(p.data + L4 + 20, 0x020405b4);
	seal_l4(&p, 16);
	deliver(f, &p);
	isn = get32(f->links[0].sent[0].data + L4 + 4);
	forget_sent(f);
	make_tcp(&p, 0x18, 1001, isn + 1, bytes, sizeof(bytes));
	deliver(f, &p);
	assert_int_equal(f->links[0].sent[0].frame.length, L4 + 20 + sizeof(bytes));
	seq = get32(f->links[0].sent[0].data + L4 + 4);
	forget_sent(f);
	make_error(&p, 3, 4, 900, 6);
	put32(p.data + QUOTE_L4 + 4, seq);
	seal_l4(&p, 2);
	deliver(f, &p);
	assert_int_equal(f->links[0].sent_count, 0);
	assert_int_equal(tcp_counter_of(f, TCP_PATH_MTU), 0);
	pass(f, 3 * SECOND, SECOND / 100);
	assert_int_equal(tcp_counter_of(f, TCP_PATH_MTU), 1);
	assert_true(f->links[0].sent_count > 0);
	for (unsigned i = 0; i < f->links[0].sent_count; i++)
		assert_in_range(f->links[0].sent[i].frame.length, L4 + 20, IP + 900);
	assert_int_equal(get32(f->links[0].sent[0].data + L4 + 4), seq);
	fixture_free(f);
}

/* C1: a flood of them is cut off, and silence is all it hears. */
static void test_C1_flood(void **state)
{
	struct fixture *f = fixture_make();
	struct packet p;

	fixture_start(f);
	introduce(f);
	for (unsigned i = 0; i < 2000; i++) {
		make_error(&p, 3, 4, 1400, 6);
		arrive(f, 0, &p);
		if (i % 50 == 49)
			turn(f);
	}
	assert_int_equal(counter(f, STACK_ICMP_TCP), 256);
	assert_int_equal(counter(f, STACK_DROP_ICMP_LIMIT), 2000 - 256);
	assert_int_equal(f->links[0].sent_count, 0);
	assert_canary(f);
	fixture_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_drop_of_icmp_has_its_name),
		cmocka_unit_test(test_C2_errors_are_soft),
		cmocka_unit_test(test_C1_flood),
		cmocka_unit_test(test_C1_too_big_reaches_the_connection),
		cmocka_unit_test(test_C1_too_big_is_confirmed_by_loss),
		cmocka_unit_test(test_echo),
		cmocka_unit_test(test_echo_flood),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
