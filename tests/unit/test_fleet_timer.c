/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_fleet_timer.c - the fleet's wheel: never early, hardly late, whatever moves meanwhile */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "fleet.h"

#define DEVICES 500
#define TICK 64 /* us: what a timer may be late by, were the wheel looked at without pause */

static struct fleet *fleet_make(void)
{
	struct fleet *fleet = calloc(1, sizeof(*fleet));

	fleet->devices = calloc(DEVICES, sizeof(*fleet->devices));
	fleet->count = DEVICES;
	fleet->now = 1000 * SECOND + 17;
	assert_int_equal(timer_init(fleet), 0);
	return fleet;
}

static void fleet_free(struct fleet *fleet)
{
	free(fleet->wheel);
	free(fleet->devices);
	free(fleet);
}

static uint64_t draw(uint64_t *seed, uint64_t below)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (*seed >> 33) % below;
}

static void test_one_timer(void **state)
{
	struct fleet *fleet = fleet_make();
	struct device *device = &fleet->devices[7];
	uint64_t start = fleet->now;

	assert_null(timer_expired(fleet));
	assert_int_equal(timer_next(fleet, start + SECOND), start + SECOND);
	timer_set(fleet, device, start + 1000);
	assert_true(timer_next(fleet, start + SECOND) >= start + 1000);
	assert_true(timer_next(fleet, start + SECOND) <= start + 1000 + TICK);
	fleet->now = start + 999;
	assert_null(timer_expired(fleet));
	fleet->now = start + 1000 + TICK;
	assert_ptr_equal(timer_expired(fleet), device);
	assert_null(timer_expired(fleet));
	fleet_free(fleet);
}

static void test_moved_and_stopped(void **state)
{
	struct fleet *fleet = fleet_make();
	struct device *device = fleet->devices;
	uint64_t start = fleet->now;

	timer_set(fleet, device, start + 1000);
	timer_set(fleet, device, start + 5000); /* later */
	fleet->now = start + 1000 + TICK;
	assert_null(timer_expired(fleet));
	timer_set(fleet, device, start + 3000); /* earlier again */
	fleet->now = start + 3000 + TICK;
	assert_ptr_equal(timer_expired(fleet), device);
	timer_set(fleet, device, start + 4000);
	timer_set(fleet, device, NEVER);
	fleet->now = start + 100 * SECOND;
	assert_null(timer_expired(fleet));
	/* A time that is past comes at once. */
	timer_set(fleet, device, start);
	fleet->now += TICK;
	assert_ptr_equal(timer_expired(fleet), device);
	fleet_free(fleet);
}

/* Random times up to ten times the wheel's span, moved at random, against the plain truth. */
static void test_random_times(void **state)
{
	struct fleet *fleet = fleet_make();
	uint64_t *due = calloc(DEVICES, sizeof(*due)), seed = 4711, fired = 0;

	for (unsigned i = 0; i < DEVICES; i++)
		due[i] = NEVER;
	for (unsigned turn = 0; turn < 20000; turn++) {
		uint64_t before = fleet->now, step = draw(&seed, 4) ? 100 : 500000;
		struct device *device;

		for (unsigned i = 0; i < 3; i++) {
			uint64_t which = draw(&seed, DEVICES), span = SECOND / 100;

			for (uint64_t much = draw(&seed, 6); much > 0; much--)
				span *= 10;
			due[which] = draw(&seed, 20) ? before + draw(&seed, span) : NEVER;
			timer_set(fleet, &fleet->devices[which], due[which]);
		}
		fleet->now += draw(&seed, step);
		while ((device = timer_expired(fleet))) {
			unsigned which = (unsigned)(device - fleet->devices);

			assert_true(due[which] <= fleet->now);
			due[which] = NEVER;
			fired++;
		}
		for (unsigned i = 0; i < DEVICES; i++)
			assert_true(due[i] == NEVER || due[i] + TICK > fleet->now);
	}
	assert_true(fired > 10000);
	free(due);
	fleet_free(fleet);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_timer),
		cmocka_unit_test(test_moved_and_stopped),
		cmocka_unit_test(test_random_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
