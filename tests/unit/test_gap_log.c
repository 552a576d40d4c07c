/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_gap_log.c - what a worker logs as a gap, and what it never may */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "stages.h"

#include <pthread.h>
#include <stdlib.h>

/* Cycles; so many that what the test itself takes, interrupted too, is nothing. */
#define US UINT64_C(1000000000000)

static struct gap gaps[GAP_LOG];

static void test_log(void **state)
{
	struct gap_log *log = calloc(1, sizeof(*log));
	uint64_t count;

	assert_non_null(log);
	assert_int_equal(gap_log_read(log, gaps, &count), 0);
	assert_int_equal(count, 0);
	for (uint64_t i = 0; i < 3; i++)
		gap_log_add(log, 10 * i, 10 * i + 5);
	assert_int_equal(gap_log_read(log, gaps, &count), 3);
	assert_int_equal(count, 3);
	assert_int_equal(gaps[2].begin, 20);
	assert_int_equal(gaps[2].end, 25);
	/* full, it forgets the oldest; one more place may be written just now */
	for (uint64_t i = 3; i < GAP_LOG + 7; i++)
		gap_log_add(log, 10 * i, 10 * i + 5);
	assert_int_equal(gap_log_read(log, gaps, &count), GAP_LOG - 1);
	assert_int_equal(count, GAP_LOG + 7);
	assert_int_equal(gaps[0].begin, 80);
	assert_int_equal(gaps[GAP_LOG - 2].begin, 10 * (GAP_LOG + 6));
	free(log);
}

static struct gap_log shared;
static bool stop;

static void *write_on(void *context)
{
	for (uint64_t i = 0; !__atomic_load_n(&stop, __ATOMIC_RELAXED); i++)
		gap_log_add(&shared, i, i * 3);
	return NULL;
}

/* Read while it is written: none is half one and half another, and they are the numbers said. */
static void test_read_while_written(void **state)
{
	unsigned whole = 0;
	pthread_t writer;
	uint64_t count;

	assert_int_equal(pthread_create(&writer, NULL, write_on, NULL), 0);
	for (unsigned i = 0; i < 2000; i++) {
		unsigned got = gap_log_read(&shared, gaps, &count);

		for (unsigned j = 0; j < got; j++) {
			assert_int_equal(gaps[j].begin, count - got + j);
			assert_int_equal(gaps[j].end, 3 * gaps[j].begin);
		}
		whole += got > 0;
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	pthread_join(writer, NULL);
	(void)whole; /* a writer that is fast enough leaves nothing to read */
}

/* A turn that took @us, @timers of them in timers, and did @work. Return: is it a gap? */
static bool logged(uint64_t us, uint64_t timers, struct stages_work work)
{
	static struct stages stages;
	uint64_t count;

	stages_init(&stages, US * 1000000);
	/* in place of the counter's running on: the turn began earlier */
	stages_begin(&stages);
	stages.begun -= us * US;
	stages.turn[STAGE_TIMERS] = timers * US;
	stages_end(&stages, work);
	gap_log_read(&stages.log, gaps, &count);
	return count;
}

static void test_idle_turns(void **state)
{
	assert_false(logged(0, 0, (struct stages_work){0}));
	assert_false(logged(49, 0, (struct stages_work){0}));
	assert_true(logged(52, 0, (struct stages_work){0}));
	assert_true(logged(3000, 0, (struct stages_work){0}));
}

/* However slow, 10 us a frame are its own; what a host steals is longer. */
static void test_busy_turns(void **state)
{
	struct stages_work one = {.busy = true, .frames = 1};
	struct stages_work burst = {.busy = true, .frames = 192};

	assert_false(logged(59, 0, one));
	assert_true(logged(62, 0, one));
	assert_false(logged(1900, 0, burst));
	assert_true(logged(1975, 0, burst));
}

/* The broker's own doing is never left out. */
static void test_own_doing(void **state)
{
	struct stages_work sliced = {.busy = true, .sliced = true}, idle = {0};

	assert_false(logged(100000, 0, sliced));
	/* a sweep of 5 ms, and what it left to be published and sent */
	assert_false(logged(5000, 5000, idle));
	assert_false(logged(24000, 5000, idle));
	assert_false(logged(5049, 5000, (struct stages_work){.busy = true}));
	/* beside a short one a gap is one */
	assert_true(logged(3000, 1, idle));
}

static void test_between_turns(void **state)
{
	static struct stages stages;
	uint64_t count, ended;

	stages_init(&stages, US * 1000000);
	stages_begin(&stages);
	stages_end(&stages, (struct stages_work){0});
	stages_begin(&stages);
	assert_int_equal(gap_log_read(&stages.log, gaps, &count), 0);
	stages_end(&stages, (struct stages_work){0});
	ended = stages.mark -= 60 * US;
	stages_begin(&stages);
	assert_int_equal(gap_log_read(&stages.log, gaps, &count), 1);
	assert_int_equal(gaps[0].begin, ended);
	assert_int_equal(gaps[0].end, stages.begun);
	assert_int_equal(stages.total.gaps, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_log),
		cmocka_unit_test(test_read_while_written),
		cmocka_unit_test(test_idle_turns),
		cmocka_unit_test(test_busy_turns),
		cmocka_unit_test(test_own_doing),
		cmocka_unit_test(test_between_turns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
