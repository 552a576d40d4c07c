/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_load_search.c - the search for the highest rate, against systems whose limit is known */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "search.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

/**
 * struct plant - what is searched
 * @limit: rates up to this pass
 * @noise: of 1,000 trials below the limit, so many fail by accident
 * @luck: of 1,000 trials above it, so many pass by accident
 * @voids: of 1,000 trials, so many say nothing
 * @fails_at, @error: this trial ends the search
 * @most: there is time for so many trials; 0: for all
 */
struct plant {
	double limit;
	unsigned noise, luck, voids;
	unsigned fails_at, most;
	int error;
	uint64_t seed;
	unsigned trials, passes_in_a_row;
	double last, highest;
};

static struct search_result result;

static unsigned draw(struct plant *plant)
{
	plant->seed = plant->seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(plant->seed >> 33) % 1000;
}

static int run_plant(
	void *context, double rate, enum search_phase phase, enum search_verdict *verdict)
{
	struct plant *plant = context;
	bool passed = rate <= plant->limit;

	if (++plant->trials == plant->fails_at)
		return plant->error;
	if (rate > plant->highest)
		plant->highest = rate;
	if (draw(plant) < plant->voids) {
		*verdict = SEARCH_VOID;
		return 0;
	}
	passed = passed ? draw(plant) >= plant->noise : draw(plant) < plant->luck;
	*verdict = passed ? SEARCH_PASSED : SEARCH_FAILED;
	plant->passes_in_a_row = !passed ? 0 : rate == plant->last ? plant->passes_in_a_row + 1 : 1;
	plant->last = rate;
	return 0;
}

static bool is_late(void *context)
{
	const struct plant *plant = context;

	return plant->most && plant->trials >= plant->most;
}

static const struct search_config usual = {
	.from = 50000, .to = 4000000, .precision = 0.01, .repeat = 2};

static void test_exact_limits(void **state)
{
	static const double limits[] = {
		1000, 49999, 50000, 50001, 99999, 100000, 123456.7, 1e6, 1234567, 3999999};

	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
		struct plant plant = {.limit = limits[i]};

		assert_int_equal(search_run(&usual, run_plant, &plant, &result), 0);
		assert_true(result.rate <= plant.limit);
		assert_true(result.failed > plant.limit);
		assert_true(result.failed - result.rate <= usual.precision * result.rate);
		assert_int_equal(result.count, plant.trials);
		assert_int_equal(result.voids, 0);
		assert_true(result.count <= 32);
		/* the last of the search, and the confirming ones */
		assert_true(result.steps[result.count - 1].phase == SEARCH_CONFIRMING);
		assert_true(result.steps[result.count - 1].rate == result.rate);
		assert_true(result.steps[result.count - 2].phase == SEARCH_CONFIRMING);
		assert_true(result.steps[result.count - 3].phase != SEARCH_CONFIRMING);
	}
}

/* Nothing above the highest rate is tried, and that it passes there is no limit found. */
static void test_beyond_the_highest(void **state)
{
	struct plant plant = {.limit = 1e9};

	assert_int_equal(search_run(&usual, run_plant, &plant, &result), 0);
	assert_true(result.rate == usual.to);
	assert_true(result.failed == 0);
	assert_true(plant.highest == usual.to);
	assert_int_equal(plant.passes_in_a_row, 1 + usual.repeat);
}

static void test_nothing_passes(void **state)
{
	struct plant plant = {.limit = 0};

	assert_int_equal(search_run(&usual, run_plant, &plant, &result), -ENOENT);
	assert_true(result.rate == 0);
	assert_int_equal(result.count, 2 * 7); /* 1, 1/2 .. 1/64, each believed at its second */
}

/* When the time is over what has passed is confirmed, and nothing finer is tried. */
static void test_the_time_is_over(void **state)
{
	struct search_config hurried = usual;

	hurried.late = is_late;
	for (unsigned most = 1; most < 40; most++) {
		struct plant plant = {.limit = 1234567, .most = most};
		/* five that pass and one that fails twice there are before anything may be left out,
		 * and one that has begun is ended */
		unsigned latest = (most > 7 ? most + 1 : 7) + hurried.repeat;

		assert_int_equal(search_run(&hurried, run_plant, &plant, &result), 0);
		assert_true(result.rate > 0 && result.rate <= plant.limit);
		assert_true(result.count <= latest);
		assert_true(result.coarse ==
			    (result.failed - result.rate > usual.precision * result.rate));
		assert_true(plant.passes_in_a_row >= hurried.repeat);
	}
}

/* Trials that say nothing change nothing but their number. */
static void test_voids(void **state)
{
	for (uint64_t seed = 1; seed <= 200; seed++) {
		struct plant plant = {.limit = 800000, .voids = 150, .seed = seed};
		struct plant quiet = {.limit = 800000};
		struct search_result still;

		assert_int_equal(search_run(&usual, run_plant, &quiet, &still), 0);
		if (search_run(&usual, run_plant, &plant, &result) == -EBUSY)
			continue; /* five in a row: the next test */
		assert_true(result.rate == still.rate);
		assert_int_equal(result.count - result.voids, still.count);
	}
}

static void test_only_voids(void **state)
{
	struct plant plant = {.limit = 800000, .voids = 1000};

	assert_int_equal(search_run(&usual, run_plant, &plant, &result), -EBUSY);
	assert_int_equal(result.count, SEARCH_VOIDS_MOST);
	assert_int_equal(result.voids, SEARCH_VOIDS_MOST);
	assert_true(result.rate == 0);
}

/*
 * A machine that spoils one trial in twenty: the rate that is found held in every trial in a row
 * that it had to, lies not above the limit, and is rarely much below it - which one believed
 * failure early on would have made it.
 */
static void test_accidents(void **state)
{
	unsigned found = 0, near = 0;

	for (uint64_t seed = 1; seed <= 1000; seed++) {
		struct plant plant = {.limit = 777777, .noise = 50, .seed = seed};
		int rc = search_run(&usual, run_plant, &plant, &result);

		assert_true(rc == 0 || rc == -E2BIG);
		assert_true(result.count <= SEARCH_TRIALS_MOST);
		if (rc)
			continue;
		found++;
		assert_true(result.rate <= plant.limit);
		near += result.rate >= 0.9 * plant.limit;
	}
	assert_true(found >= 990);
	assert_true(near >= 950);
}

/* A rate that passes by luck once in four is not believed: it must pass in a row. */
static void test_luck(void **state)
{
	const struct search_config strict = {
		.from = 50000, .to = 4000000, .precision = 0.01, .repeat = 8};
	unsigned above = 0;

	for (uint64_t seed = 1; seed <= 500; seed++) {
		struct plant plant = {.limit = 300000, .luck = 250, .seed = seed};
		int rc = search_run(&strict, run_plant, &plant, &result);

		assert_true(rc == 0 || rc == -E2BIG);
		above += rc == 0 && result.rate > plant.limit;
	}
	assert_int_equal(above, 0);
}

static void test_no_repeat(void **state)
{
	const struct search_config once = {.from = 1000, .to = 1000, .precision = 0.1};
	struct plant plant = {.limit = 1e6};

	assert_int_equal(search_run(&once, run_plant, &plant, &result), 0);
	assert_int_equal(result.count, 1);
	assert_true(result.rate == 1000);
}

/* What ends a trial ends the search, wherever it happens. */
static void test_broken_trial(void **state)
{
	struct plant whole = {.limit = 777777};

	assert_int_equal(search_run(&usual, run_plant, &whole, &result), 0);
	for (unsigned at = 1; at <= whole.trials; at++) {
		struct plant plant = {.limit = 777777, .fails_at = at, .error = -EINTR};

		assert_int_equal(search_run(&usual, run_plant, &plant, &result), -EINTR);
		assert_int_equal(result.count, at - 1);
		assert_true(result.rate == 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exact_limits),
		cmocka_unit_test(test_beyond_the_highest),
		cmocka_unit_test(test_nothing_passes),
		cmocka_unit_test(test_voids),
		cmocka_unit_test(test_the_time_is_over),
		cmocka_unit_test(test_only_voids),
		cmocka_unit_test(test_accidents),
		cmocka_unit_test(test_luck),
		cmocka_unit_test(test_no_repeat),
		cmocka_unit_test(test_broken_trial),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
