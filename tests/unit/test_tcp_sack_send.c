/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_tcp_sack_send.c - the scoreboard against a map of single bytes that follows RFC 6675's words
 */

#include "tcp_fixture.h"

#define SPAN 4000u /* sequence numbers in flight, at most */
#define MSS 100u

static struct rig *rig;
static struct peer peer;
static struct tcp_connection *c;
static struct tcp_scoreboard *board;

/* A connection of which [una, una + flight) is in flight, as far as the scoreboard can tell. */
static void begin(uint32_t una, uint32_t flight)
{
	rig = rig_default();
	peer = peer_open(rig, 40000);
	c = connection_of(rig, &peer);
	c->mss = MSS;
	c->snd_una = una;
	c->snd_nxt = c->snd_ptr = una + flight;
}

static void end(void)
{
	rig_end(rig);
}

static int32_t report(uint32_t start, uint32_t end)
{
	struct tcp_range block = {c->snd_una + start, c->snd_una + end};
	int32_t news = tcp_sack_in(rig->tcp, c, &block, 1);

	board = tcp_board(rig->tcp, c);
	check_scoreboard(rig->tcp, c);
	return news;
}

static void assert_range(unsigned i, uint32_t start, uint32_t end)
{
	assert_int_equal(board->sacked[i].start - c->snd_una, start);
	assert_int_equal(board->sacked[i].end - c->snd_una, end);
}

static void test_merge(void **state)
{
	begin(-2000u, SPAN);
	assert_int_equal(report(1000, 1100), 100);
	assert_int_equal(report(1000, 1100), 0);
	assert_int_equal(report(1020, 1080), 0);
	assert_int_equal(report(3000, 3100), 100);
	assert_int_equal(report(1900, 2100), 200); /* over the wrap */
	assert_int_equal(board->count, 3);
	/* Touching below, touching above, over everything. */
	assert_int_equal(report(900, 1000), 100);
	assert_int_equal(report(1100, 1150), 50);
	assert_int_equal(board->count, 3);
	assert_range(0, 900, 1150);
	assert_int_equal(report(1150, 1900), 750);
	assert_int_equal(board->count, 2);
	assert_range(0, 900, 2100);
	assert_int_equal(report(800, 3200), 1100);
	assert_int_equal(board->count, 1);
	assert_range(0, 800, 3200);
	end();
}

/* T5: inverted, empty, at or below UNA (D-SACK), above NXT, around everything. */
static void test_T5_invalid_blocks(void **state)
{
	begin(-500u, 1000);
	assert_int_equal(report(200, 100), 0);
	assert_int_equal(report(100, 100), 0);
	assert_int_equal(report(0, 100), 0);
	assert_int_equal(report(-100u, 0), 0);
	assert_int_equal(report(-100u, -50u), 0);
	assert_int_equal(report(-100u, 500), 0);
	assert_int_equal(report(900, 1001), 0);
	assert_int_equal(report(1000, 1100), 0);
	assert_int_equal(report(100, 0x80000100), 0);
	assert_int_equal(report(1, 0x80000000), 0);
	assert_null(board);
	assert_int_equal(rig->tcp->side_slab.used, 0);
	assert_int_equal(report(1, 1000), 999);
	end();
}

/* T5: dust of any amount takes the same memory: the furthest is forgotten, the nearest is kept. */
static void test_T5_fixed_size(void **state)
{
	begin(7, SPAN);
	for (unsigned i = 0; i < 100; i++)
		report(SPAN - 20 * (i + 1), SPAN - 20 * (i + 1) + 1);
	assert_int_equal(board->count, TCP_SACKED);
	assert_range(0, SPAN - 2000, SPAN - 1999);
	assert_range(TCP_SACKED - 1, SPAN - 1900, SPAN - 1899);
	/* What lies beyond a full board is no news, what joins a range of it is. */
	assert_int_equal(report(SPAN - 20, SPAN), 0);
	assert_int_equal(report(SPAN - 1899, SPAN), 1899);
	assert_int_equal(board->count, TCP_SACKED);
	assert_int_equal(report(1, SPAN), (int32_t)(SPAN - 1 - 5 - 1900));
	assert_int_equal(board->count, 1);
	end();
}

/* No record is free: nothing is remembered, and said so. */
static void test_T5_no_record(void **state)
{
	struct tcp_config config = rig_config();
	struct peer other;

	config.sides = 1;
	rig = rig_new(config, (uint32_t[]){8, 8, 8, 4});
	other = peer_open(rig, 40001);
	peer = peer_open(rig, 40000);
	c = connection_of(rig, &peer);
	c->snd_nxt = c->snd_ptr = c->snd_una + 1000;
	assert_non_null(tcp_board_borrow(rig->tcp, connection_of(rig, &other)));
	assert_int_equal(report(100, 200), -1);
	assert_int_equal(count_of(rig, TCP_FULL_SIDES), 1);
	assert_int_equal(report(200, 100), 0);
	assert_int_equal(count_of(rig, TCP_FULL_SIDES), 1);
	tcp_board_return(rig->tcp, connection_of(rig, &other));
	assert_int_equal(report(100, 200), 100);
	end();
}

/* What is acknowledged goes; what was reported and then not acknowledged was thrown away. */
static void test_acked_and_reneged(void **state)
{
	begin(-1000u, SPAN);
	report(200, 400);
	report(600, 800);
	report(1000, 1200);
	c->snd_una += 500;
	tcp_sack_acked(rig->tcp, c);
	assert_int_equal(board->count, 2);
	assert_range(0, 100, 300);
	c->snd_una += 100; /* where the range begins: what begins there is missing after all */
	tcp_sack_acked(rig->tcp, c);
	assert_int_equal(board->count, 1);
	assert_range(0, 400, 600);
	c->snd_una += 500;
	tcp_sack_acked(rig->tcp, c);
	assert_null(tcp_board(rig->tcp, c));
	assert_int_equal(rig->tcp->side_slab.used, 0);
	end();
}

/* RFC 6675 section 4, word by word, a byte at a time. */
static bool map[SPAN];

static bool model_lost(uint32_t at, uint32_t flight)
{
	unsigned ranges = 0, bytes = 0;

	for (uint32_t k = at + 1; k < flight; k++) {
		bytes += map[k];
		ranges += map[k] && !map[k - 1];
	}
	return ranges >= 3 || bytes > 2 * MSS;
}

static uint32_t model_pipe(uint32_t flight, uint32_t high_rxt)
{
	uint32_t pipe = 0;

	for (uint32_t k = 0; k < flight; k++) {
		if (map[k])
			continue;
		pipe += !model_lost(k, flight);
		pipe += k < high_rxt;
	}
	return pipe;
}

static uint32_t model_hole(uint32_t flight, uint32_t high_rxt, bool lost)
{
	uint32_t highest = 0;

	for (uint32_t k = 0; k < flight; k++)
		if (map[k])
			highest = k;
	for (uint32_t k = high_rxt; k < highest; k++)
		if (!map[k])
			return !lost || model_lost(k, flight) ? k : UINT32_MAX;
	return UINT32_MAX;
}

static uint32_t hole(bool lost)
{
	uint32_t seq;

	return tcp_sack_hole(c, board, lost, &seq) ? seq - c->snd_una : UINT32_MAX;
}

static void compare(uint32_t flight)
{
	uint32_t below = 0;

	for (uint32_t k = 0; k < flight; k++) {
		if (k % 97 == 0)
			assert_int_equal(tcp_sack_below(board, c->snd_una + k), below);
		below += map[k];
	}
	for (uint32_t high_rxt = 0; high_rxt <= flight; high_rxt += 1 + high_rxt / 3) {
		board->high_rxt = c->snd_una + high_rxt;
		assert_int_equal(tcp_sack_pipe(c, board), model_pipe(flight, high_rxt));
		assert_int_equal(hole(true), model_hole(flight, high_rxt, true));
		assert_int_equal(hole(false), model_hole(flight, high_rxt, false));
	}
}

/* T27 included: the numbers wrap in the middle of many of them. */
static void test_T27_model(void **state)
{
	unsigned seed = 20, merged = 0, full = 0;

	for (unsigned run = 0; run < 300; run++) {
		uint32_t flight = 10 + (uint32_t)rand_r(&seed) % 900;

		begin(run % 2 ? (uint32_t)rand_r(&seed) * 7u : -(flight / 2), flight);
		memset(map, 0, sizeof(map));
		for (unsigned i = 0; i < 12; i++) {
			uint32_t start = 1 + (uint32_t)rand_r(&seed) % (flight - 1);
			uint32_t stop = start + 1 + (uint32_t)rand_r(&seed) % (i % 3 ? 40 : 150);
			unsigned ranges = 0;
			int32_t news;

			if (stop > flight)
				stop = flight;
			for (uint32_t k = 1; k < flight; k++)
				ranges += map[k] && !map[k - 1];
			if (ranges == TCP_SACKED) {
				full++;
				break;
			}
			news = report(start, stop);
			for (uint32_t k = start; k < stop; k++) {
				news -= !map[k];
				merged += map[k];
				map[k] = true;
			}
			assert_int_equal(news, 0);
			compare(flight);
		}
		end();
	}
	assert_true(merged > 100 && full > 10);
}

/* Rule 4: once, and only after the recovery has made progress. */
static void test_rescue(void **state)
{
	uint32_t seq;

	begin(-300u, 1000);
	report(500, 600);
	board->rescue = c->snd_una + 100;
	assert_false(tcp_sack_rescue(c, board, &seq));
	c->snd_una += 100;
	assert_false(tcp_sack_rescue(c, board, &seq));
	c->snd_una += 1;
	assert_true(tcp_sack_rescue(c, board, &seq));
	assert_int_equal(seq, c->snd_nxt - 1);
	report(700, 899);
	assert_true(tcp_sack_rescue(c, board, &seq));
	assert_int_equal(seq, c->snd_una + 699);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_merge),
		cmocka_unit_test(test_T5_invalid_blocks),
		cmocka_unit_test(test_T5_fixed_size),
		cmocka_unit_test(test_T5_no_record),
		cmocka_unit_test(test_acked_and_reneged),
		cmocka_unit_test(test_T27_model),
		cmocka_unit_test(test_rescue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
