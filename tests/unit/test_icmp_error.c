/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_icmp_error.c - ICMP errors read, and what they quote believed or not (catalogue C1, C2, C4)
 */
#include "icmp_quote.h"

#include "net/icmp_error.h"

/* What an ICMP packet is handed to the parser as, cut to @length in a block of that size. */
static enum icmp_verdict parse(const struct packet *p, unsigned length, struct icmp_error *error)
{
	bool is_v6 = get16(p->data + 12) == 0x86dd;
	unsigned from = is_v6 ? L4_6 : L4;
	uint8_t *exact = malloc(length ? length : 1);
	struct ip_packet packet = {
		.payload = exact, .length = (uint16_t)length, .protocol = is_v6 ? 58 : 1};
	enum icmp_verdict verdict;

	assert_non_null(exact);
	memcpy(exact, p->data + from, length);
	verdict = icmp_error_parse(&packet, error);
	free(exact);
	return verdict;
}

static enum icmp_verdict whole(const struct packet *p, struct icmp_error *error)
{
	return parse(p, p->length - (get16(p->data + 12) == 0x86dd ? L4_6 : L4), error);
}

static void check(const struct icmp_error *error, bool is_v6, bool too_big, uint32_t mtu)
{
	struct ip_address ours = is_v6 ? v6(our_v6) : ip_from_v4(OUR_ADDRESS);
	struct ip_address peer = is_v6 ? v6(peer_v6) : ip_from_v4(PEER_ADDRESS);

	assert_int_equal(error->too_big, too_big);
	assert_int_equal(error->mtu, mtu);
	assert_int_equal(error->protocol, 6);
	assert_true(ip_equal(&error->source, &ours));
	assert_true(ip_equal(&error->destination, &peer));
	assert_int_equal(error->source_port, htons(TCP_PORT));
	assert_int_equal(error->destination_port, htons(50000));
	assert_int_equal(error->seq, 0x01020304);
}

static void test_C1_too_big(void **state)
{
	static const uint16_t mtus[] = {0, 1, 67, 68, 296, 575, 1400, 65535};
	static const uint32_t mtus6[] = {1280, 1281, 1400, 65536, 0xffffffff};
	struct icmp_error error;
	struct packet p;

	for (unsigned i = 0; i < 8; i++) {
		make_error(&p, 3, 4, mtus[i], 6);
		assert_int_equal(whole(&p, &error), ICMP_ERROR);
		check(&error, false, true, mtus[i]);
	}
	for (unsigned i = 0; i < 5; i++) {
		make_error6(&p, 2, 0, mtus6[i], 6);
		assert_int_equal(whole(&p, &error), ICMP_ERROR);
		check(&error, true, true, mtus6[i]);
	}
}

static void test_V6_too_big_below_1280(void **state)
{
	struct icmp_error error;
	struct packet p;

	make_error6(&p, 2, 0, 1279, 6);
	assert_int_equal(whole(&p, &error), ICMP_IGNORED);
	make_error6(&p, 2, 0, 0, 6);
	assert_int_equal(whole(&p, &error), ICMP_IGNORED);
}

static void test_C2_types(void **state)
{
	struct icmp_error error;
	struct packet p;

	for (unsigned type = 0; type < 256; type++) {
		enum icmp_verdict wanted = ICMP_UNKNOWN;

		if (type == 3 || type == 11 || type == 12)
			wanted = ICMP_ERROR;
		else if (type == 0 || type == 4 || type == 5 || type == 9 || type == 10 ||
			 (type >= 13 && type <= 18))
			wanted = ICMP_IGNORED;
		make_error(&p, type, 1, 0, 6);
		assert_int_equal(whole(&p, &error), wanted);
		if (wanted == ICMP_ERROR)
			check(&error, false, false, 0);
		wanted = type >= 1 && type <= 4                        ? ICMP_ERROR
			 : (type >= 129 && type <= 132) || type == 143 ? ICMP_IGNORED
								       : ICMP_UNKNOWN;
		make_error6(&p, type, 0, 1500, 6);
		assert_int_equal(whole(&p, &error), wanted);
		if (wanted == ICMP_ERROR)
			check(&error, true, type == 2, type == 2 ? 1500 : 0);
	}
}

static void test_C4_truncated(void **state)
{
	struct icmp_error error;
	struct packet p;

	make_error(&p, 3, 3, 0, 6);
	for (unsigned length = 0; length < 36; length++)
		assert_int_equal(
			parse(&p, length, &error), length < 8 ? ICMP_UNKNOWN : ICMP_MALFORMED);
	assert_int_equal(parse(&p, 36, &error), ICMP_ERROR);
	make_error6(&p, 1, 4, 0, 6);
	for (unsigned length = 0; length < 56; length++)
		assert_int_equal(
			parse(&p, length, &error), length < 8 ? ICMP_UNKNOWN : ICMP_MALFORMED);
	assert_int_equal(parse(&p, 56, &error), ICMP_ERROR);
}

static void test_C4_lies(void **state)
{
	static const struct {
		unsigned at;
		uint8_t value;
	} lies[] =
		{
			{QUOTE, 0x44},
			{QUOTE, 0x40},
			{QUOTE, 0x46},
			{QUOTE, 0x4f},
			{QUOTE, 0x65},
			{QUOTE, 0x05},
			{QUOTE + 7, 1},
			{QUOTE + 6, 0x1f},
			{QUOTE + 9, 4},
			{QUOTE + 9, 47},
		},
	  lies6[] = {
		  {QUOTE6, 0x40},
		  {QUOTE6, 0},
		  {QUOTE6 + 6, 0},
		  {QUOTE6 + 6, 43},
		  {QUOTE6 + 6, 44},
		  {QUOTE6 + 6, 60},
		  {QUOTE6 + 6, 41},
	  };
	struct icmp_error error;
	struct packet p;

	for (unsigned i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		make_error(&p, 3, 4, 1400, 6);
		p.data[lies[i].at] = lies[i].value;
		assert_int_equal(whole(&p, &error), ICMP_MALFORMED);
	}
	make_error(&p, 3, 4, 1400, 6);
	put16(p.data + QUOTE + 2, 27);
	assert_int_equal(whole(&p, &error), ICMP_MALFORMED);
	for (unsigned i = 0; i < sizeof(lies6) / sizeof(lies6[0]); i++) {
		make_error6(&p, 2, 0, 1400, 6);
		p.data[lies6[i].at] = lies6[i].value;
		assert_int_equal(whole(&p, &error), ICMP_MALFORMED);
	}
	make_error6(&p, 2, 0, 1400, 6);
	put16(p.data + QUOTE6 + 4, 7);
	assert_int_equal(whole(&p, &error), ICMP_MALFORMED);
}

/* A quote with IP options has its transport behind them. */
static void test_C4_options_in_the_quote(void **state)
{
	struct icmp_error error;
	struct packet p;

	make_error(&p, 3, 4, 1400, 6);
	memmove(p.data + QUOTE_L4 + 4, p.data + QUOTE_L4, 8);
	memset(p.data + QUOTE_L4, 1, 4);
	p.data[QUOTE] = 0x46;
	p.length += 4;
	assert_int_equal(whole(&p, &error), ICMP_ERROR);
	check(&error, false, true, 1400);
}

static void test_C4_nested(void **state)
{
	struct icmp_error error;
	struct packet p;

	for (unsigned type = 0; type < 256; type++) {
		bool nested = type == 3 || type == 4 || type == 5 || type == 11 || type == 12;

		make_error(&p, 11, 0, 0, 1);
		p.data[QUOTE_L4] = (uint8_t)type;
		assert_int_equal(whole(&p, &error), nested ? ICMP_MALFORMED : ICMP_IGNORED);
		make_error6(&p, 3, 0, 0, 58);
		p.data[QUOTE6_L4] = (uint8_t)type;
		assert_int_equal(whole(&p, &error), type < 128 ? ICMP_MALFORMED : ICMP_IGNORED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_C1_too_big),
		cmocka_unit_test(test_V6_too_big_below_1280),
		cmocka_unit_test(test_C2_types),
		cmocka_unit_test(test_C4_truncated),
		cmocka_unit_test(test_C4_lies),
		cmocka_unit_test(test_C4_options_in_the_quote),
		cmocka_unit_test(test_C4_nested),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
