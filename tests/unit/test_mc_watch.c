/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_mc_watch.c - buckets of failed logins, hold-downs, clones, each by virtual time (K6, K19) */
#include "mc/mc_watch_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>
#include <string.h>

static uint64_t seed;

static uint64_t next_random(void)
{
	uint64_t z = seed += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static void fill(struct random *random, void *out, size_t length)
{
	for (size_t i = 0; i < length; i++)
		((uint8_t *)out)[i] = (uint8_t)next_random();
}

static const struct mc_watch_config usual = {.failures = 20,
	.per_seconds = 60,
	.connects = 40,
	.seconds = 300,
	.hold = 60,
	.devices = MC_WATCH_DEVICES,
	.buckets = MC_WATCH_BUCKETS};

static struct mc_watch *watch_with(const struct mc_watch_config *config)
{
	struct random random = {fill};
	struct mc_watch *watch;

	seed = 1;
	watch = mc_watch_new(config, &random);
	assert_non_null(watch);
	return watch;
}

/* ---- budgets ---- */

static uint64_t address_name(const struct mc_watch *watch, const uint8_t *address)
{
	return mc_watch_address(watch, address);
}

static uint64_t v4(const struct mc_watch *watch, uint32_t number)
{
	uint8_t address[16] = {[10] = 0xff, [11] = 0xff};

	memcpy(address + 12, &number, 4);
	return address_name(watch, address);
}

static void fail_times(struct mc_watch *watch, uint64_t name, unsigned times, uint64_t ms)
{
	while (times-- > 0)
		mc_watch_failed(watch, name, ms);
}

static void K6_budget_is_so_many_at_once_and_then_one_each_interval(void **state)
{
	struct mc_watch *watch = watch_with(&usual);
	uint64_t name = v4(watch, 1), ms = 5000000;

	assert_false(mc_watch_spent(watch, name, ms));
	fail_times(watch, name, 19, ms);
	assert_false(mc_watch_spent(watch, name, ms));
	fail_times(watch, name, 1, ms);
	assert_true(mc_watch_spent(watch, name, ms));
	fail_times(watch, name, 100000, ms); /* an empty bucket gets no emptier */
	assert_true(mc_watch_spent(watch, name, ms + 2999));
	assert_false(mc_watch_spent(watch, name, ms + 3000)); /* 20 in 60 s: one in 3 s */
	fail_times(watch, name, 1, ms + 3000);
	assert_true(mc_watch_spent(watch, name, ms + 3000));
	ms += 3000 + 60000;
	fail_times(watch, name, 19, ms);
	assert_false(mc_watch_spent(watch, name, ms));
	mc_watch_free(watch);
}

static void K6_budget_of_one_failure(void **state)
{
	const struct mc_watch_config config = {
		.failures = 1, .per_seconds = 60, .devices = 8, .buckets = 8};
	struct mc_watch *watch = watch_with(&config);
	uint64_t name = v4(watch, 1);

	assert_false(mc_watch_spent(watch, name, 77));
	fail_times(watch, name, 1, 77);
	assert_true(mc_watch_spent(watch, name, 77 + 59999));
	assert_false(mc_watch_spent(watch, name, 77 + 60000));
	mc_watch_free(watch);
}

static void K6_budgets_are_of_ipv4_addresses_and_ipv6_networks(void **state)
{
	static const uint8_t net[3][16] = {
		{0xfd, 0x77, 0, 0, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8},
		{0xfd, 0x77, 0, 0, 0, 0, 0, 1, 9, 9, 9, 9, 9, 9, 9, 9},
		{0xfd, 0x77, 0, 0, 0, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8},
	};
	struct mc_watch *watch = watch_with(&usual);

	assert_true(address_name(watch, net[0]) == address_name(watch, net[1]));
	assert_false(address_name(watch, net[0]) == address_name(watch, net[2]));
	assert_false(v4(watch, 1) == v4(watch, 2));
	assert_false(mc_watch_id(watch, 1) == mc_watch_id(watch, 2));
	mc_watch_free(watch);
}

static void K6_budgets_can_be_switched_off(void **state)
{
	struct mc_watch_config config = usual;
	struct mc_watch *watch;

	config.failures = 0;
	watch = watch_with(&config);
	assert_false(mc_watch_budgets(watch));
	assert_false(mc_watch_budgets(NULL));
	mc_watch_free(watch);
}

/* Of a full set the fullest gives way: who has failed often is not forgotten for many who have
 * failed once. */
static void K6_budgets_that_are_empty_outlive_any_number_of_others(void **state)
{
	const struct mc_watch_config config = {
		.failures = 20, .per_seconds = 60, .devices = 8, .buckets = 8};
	struct mc_watch *watch = watch_with(&config);
	uint64_t name = v4(watch, 1), ms = 1000;

	fail_times(watch, name, 20, ms);
	for (uint32_t i = 2; i < 100000; i++)
		fail_times(watch, v4(watch, i), 1, ms);
	assert_true(mc_watch_spent(watch, name, ms));
	assert_true(mc_watch_fill(watch, 0, ms).buckets_evicted > 90000);
	assert_int_equal(mc_watch_fill(watch, 0, ms).buckets_used, 8);
	assert_int_equal(mc_watch_fill(watch, 0, ms).spent, 1);
	/* seconds later all others are full again: a new one takes their place, and nothing is lost */
	fail_times(watch, v4(watch, 7), 1, ms + 4000);
	assert_true(mc_watch_fill(watch, 0, ms + 4000).buckets_used == 2);
	mc_watch_free(watch);
}

static void K6_100000_addresses_at_once(void **state)
{
	struct mc_watch *watch = watch_with(&usual);
	unsigned forgotten = 0, wronged = 0;
	struct mc_watch_fill now;
	uint64_t ms = 99;

	for (uint32_t i = 0; i < 100000; i++)
		fail_times(watch, v4(watch, i), 20, ms);
	for (uint32_t i = 0; i < 100000; i++) {
		forgotten += !mc_watch_spent(watch, v4(watch, i), ms);
		wronged += mc_watch_spent(watch, v4(watch, 1000000 + i), ms);
	}
	now = mc_watch_fill(watch, 0, ms);
	assert_int_equal(now.buckets, MC_WATCH_BUCKETS);
	assert_true(now.buckets_used <= now.buckets);
	assert_int_equal(now.buckets_used, now.spent);
	assert_int_equal(forgotten, 100000 - now.buckets_used);
	/* Three quarters full, in sets of eight: some sets run over. */
	assert_true(forgotten < 15000);
	/* 24 bits of a name are compared with 8: one stranger in two million shares a bucket. */
	assert_true(wronged <= 2);
	mc_watch_free(watch);
}

static void K22_budgets_over_the_end_of_their_clock(void **state)
{
	struct mc_watch *watch = watch_with(&usual);
	uint64_t name = v4(watch, 1), end = (uint64_t)1 << BUCKET_TIME_BITS;

	fail_times(watch, name, 20, end - 1000);
	assert_true(mc_watch_spent(watch, name, end - 1000));
	assert_true(mc_watch_spent(watch, name, end + 1999));
	assert_false(mc_watch_spent(watch, name, end + 2000));
	fail_times(watch, name, 1, end + 2000);
	assert_true(mc_watch_spent(watch, name, end + 2000));
	assert_int_equal(mc_watch_fill(watch, 0, end + 2000).buckets_used, 1);
	assert_int_equal(mc_watch_fill(watch, 0, end + 62000).buckets_used, 0);
	/* what was left behind years ago is full */
	assert_false(mc_watch_spent(watch, name, end + end / 3));
	mc_watch_free(watch);
}

/* ---- flapping ---- */

static unsigned connect_at(struct mc_watch *watch, uint64_t name, uint32_t tick)
{
	const struct mc_watch_connect connect = {.place = 5 << 12};

	return mc_watch_connected(watch, name, tick, &connect);
}

static void K19_flapping_begins_with_one_connect_too_many(void **state)
{
	struct mc_watch *watch = watch_with(&usual);
	uint64_t name = mc_watch_device(watch, 3, 1), other = mc_watch_device(watch, 4, 1);
	uint32_t tick = 1000;

	for (unsigned i = 0; i < 40; i++)
		assert_int_equal(connect_at(watch, name, tick + i), 0);
	assert_int_equal(mc_watch_held(watch, name, tick + 40), 0);
	assert_int_equal(connect_at(watch, name, tick + 40), MC_WATCH_FLAPPING);
	assert_int_equal(mc_watch_held(watch, name, tick + 40), 60);
	assert_int_equal(mc_watch_held(watch, name, tick + 99), 1);
	assert_int_equal(mc_watch_held(watch, name, tick + 100), 0);
	assert_int_equal(mc_watch_held(watch, other, tick + 50), 0);
	assert_int_equal(connect_at(watch, name, tick + 50), 0); /* decided elsewhere meanwhile */
	assert_int_equal(mc_watch_held(watch, name, tick + 50), 50);
	assert_int_equal(mc_watch_fill(watch, tick + 50, 0).held, 1);
	assert_int_equal(mc_watch_fill(watch, tick + 100, 0).held, 0);
	/* afterwards the count begins anew: one alert for each hold-down */
	for (unsigned i = 0; i < 40; i++)
		assert_int_equal(connect_at(watch, name, tick + 100), 0);
	assert_int_equal(connect_at(watch, name, tick + 100), MC_WATCH_FLAPPING);
	/* with its first connect, not with that of the last count */
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(connect_at(watch, name, tick + 160), 0);
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(connect_at(watch, name, tick + 459), 0);
	assert_int_equal(connect_at(watch, name, tick + 459), MC_WATCH_FLAPPING);
	mc_watch_free(watch);
}

static void K19_flapping_is_counted_within_its_seconds(void **state)
{
	struct mc_watch *watch = watch_with(&usual);
	uint64_t name = mc_watch_device(watch, 3, 1);
	uint32_t tick = 1000;

	/* 40 in 300 s for ever */
	for (unsigned i = 0; i < 10000; i++, tick += 15 * (i % 2))
		assert_int_equal(connect_at(watch, name, tick), 0);
	mc_watch_free(watch);
}

/* By the text: 10 s, three sends, then login; failed ones after 60 s; UDP twice, then TCP. */
static void K19_flapping_is_not_what_a_device_in_trouble_does(void **state)
{
	struct mc_watch_config config = usual;
	struct mc_watch *watch;
	uint64_t name;

	config.connects = 10;
	config.seconds = 60;
	watch = watch_with(&config);
	name = mc_watch_device(watch, 3, 1);
	for (uint32_t tick = 0; tick < 100000; tick += 30)
		assert_int_equal(connect_at(watch, name, tick), 0);
	mc_watch_free(watch);
}

/* Other limits from now on: what was counted stays, and is held against them. */
static void limits_change_while_they_are_watched(void **state)
{
	struct mc_watch_config config = usual;
	struct mc_watch *watch = watch_with(&config);
	uint64_t name = mc_watch_device(watch, 3, 1), id = mc_watch_id(watch, 77);

	for (unsigned i = 0; i < 5; i++)
		mc_watch_failed(watch, id, 1000);
	assert_false(mc_watch_spent(watch, id, 1000));
	config.failures = 2;
	config.connects = 0;
	mc_watch_configure(watch, &config);
	assert_false(mc_watch_spent(watch, id, 1000 + 60000));
	mc_watch_failed(watch, id, 61000);
	mc_watch_failed(watch, id, 61000);
	assert_true(mc_watch_spent(watch, id, 61000));
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(connect_at(watch, name, 1), 0);
	config.failures = 0;
	config.connects = 2;
	config.hold = 9;
	mc_watch_configure(watch, &config);
	assert_false(mc_watch_budgets(watch));
	assert_int_equal(connect_at(watch, name, 2), 0);
	assert_int_equal(connect_at(watch, name, 2), 0);
	assert_int_equal(connect_at(watch, name, 2), MC_WATCH_FLAPPING);
	assert_int_equal(mc_watch_held(watch, name, 2), 9);
	/* who is held stays so for as long as was said */
	config.hold = 1;
	mc_watch_configure(watch, &config);
	assert_int_equal(mc_watch_held(watch, name, 2), 9);
	mc_watch_free(watch);
}

static void K19_flapping_can_be_switched_off(void **state)
{
	struct mc_watch_config config = usual;
	struct mc_watch *watch;
	uint64_t name;

	config.connects = 0;
	watch = watch_with(&config);
	name = mc_watch_device(watch, 3, 1);
	for (unsigned i = 0; i < 10000; i++)
		assert_int_equal(connect_at(watch, name, 1), 0);
	assert_int_equal(mc_watch_held(watch, name, 1), 0);
	mc_watch_free(watch);
}

static void K22_flapping_over_the_end_of_the_tick(void **state)
{
	struct mc_watch *watch = watch_with(&usual);
	uint64_t name = mc_watch_device(watch, 3, 1);
	uint32_t tick = UINT32_MAX - 30;

	for (unsigned i = 0; i < 40; i++)
		assert_int_equal(connect_at(watch, name, tick + i), 0);
	assert_int_equal(connect_at(watch, name, tick + 40), MC_WATCH_FLAPPING);
	assert_int_equal(mc_watch_held(watch, name, tick + 41), 59);
	assert_int_equal(mc_watch_held(watch, name, tick + 100), 0);
	/* a hold-down that would end at tick 0 */
	tick = (uint32_t)-60;
	name = mc_watch_device(watch, 4, 1);
	for (unsigned i = 0; i <= 40; i++)
		connect_at(watch, name, tick);
	assert_true(mc_watch_held(watch, name, tick + 30) > 0);
	assert_int_equal(mc_watch_held(watch, name, tick + 61), 0);
	mc_watch_free(watch);
}

static void alerts_put_off_come_again(void **state)
{
	struct mc_watch *watch = watch_with(&usual);
	uint64_t name = mc_watch_device(watch, 3, 1);

	assert_false(mc_watch_due(watch, name));
	mc_watch_owe(watch, name, MC_WATCH_FLAPPING | MC_WATCH_CLONE); /* it is not known */
	for (unsigned i = 0; i <= 40; i++)
		connect_at(watch, name, 1000);
	assert_false(mc_watch_due(watch, name)); /* written */
	mc_watch_owe(watch, name, MC_WATCH_FLAPPING);
	assert_true(mc_watch_due(watch, name));
	assert_false(mc_watch_due(watch, name));
	mc_watch_free(watch);
}

/* Devices that have just connected once give way before those that say more. */
static void device_entries_give_way_by_what_they_say(void **state)
{
	struct mc_watch_config config = usual;
	struct mc_watch *watch;
	uint64_t held, counted;

	config.devices = 8;
	watch = watch_with(&config);
	held = mc_watch_device(watch, 1, 1);
	counted = mc_watch_device(watch, 2, 1);
	for (unsigned i = 0; i <= 40; i++)
		connect_at(watch, held, 1000);
	for (unsigned i = 0; i < 39; i++)
		connect_at(watch, counted, 1000);
	for (uint32_t i = 3; i < 100000; i++)
		assert_int_equal(connect_at(watch, mc_watch_device(watch, i, 1), 1001), 0);
	assert_true(mc_watch_held(watch, held, 1001) > 0);
	assert_int_equal(connect_at(watch, counted, 1001), 0);
	assert_int_equal(connect_at(watch, counted, 1001), MC_WATCH_FLAPPING);
	assert_int_equal(mc_watch_fill(watch, 1001, 0).devices_used, 8);
	assert_true(mc_watch_fill(watch, 1001, 0).devices_evicted > 90000);
	/* all that they said is over: they give way like others */
	for (uint32_t i = 3; i < 1000; i++)
		connect_at(watch, mc_watch_device(watch, i, 1), 2000);
	assert_int_equal(connect_at(watch, held, 2000), 0);
	mc_watch_free(watch);
}

/* ---- clones ---- */

struct side {
	uint32_t place;
	uint16_t newest; /* its last session's newest sequence */
};

static uint32_t place_of(const struct mc_watch *watch, uint8_t host, uint16_t port)
{
	const uint8_t address[16] = {[10] = 0xff, [11] = 0xff, [12] = 198, [13] = 18, [15] = host};

	return mc_watch_place(watch, address, port);
}

/* @side takes over from @from, with sequence @base. */
static unsigned take_over(struct mc_watch *watch, uint32_t tick, struct side *side, uint16_t base,
	const struct side *from, bool just_heard)
{
	const struct mc_watch_connect connect = {.place = side->place,
		.base = base,
		.next = from ? from->newest + 1 : 0,
		.took_over = from,
		.just_heard = just_heard};

	side->newest = base + 3; /* and three requests */
	return mc_watch_connected(watch, mc_watch_device(watch, 9, 9), tick, &connect);
}

static void clones_are_found_by_where_they_come_from(void **state)
{
	static const uint16_t ports[][2] = {{0, 0}, {5000, 5000}, {0, 5000}};

	for (unsigned i = 0; i < 3; i++) {
		struct mc_watch *watch = watch_with(&usual);
		struct side a = {.place = place_of(watch, 1, ports[i][0])};
		struct side b = {.place = place_of(watch, 2, ports[i][1])};
		uint32_t tick = 1000;

		/* their sequences begin anywhere at each login */
		assert_int_equal(take_over(watch, tick += 30, &a, 1, NULL, false), 0);
		assert_int_equal(take_over(watch, tick += 30, &b, 30000, &a, false), 0);
		assert_int_equal(take_over(watch, tick += 30, &a, 20000, &b, false), 0);
		assert_int_equal(take_over(watch, tick += 30, &b, 55000, &a, false), 0);
		assert_int_equal(
			take_over(watch, tick += 30, &a, 40000, &b, false), MC_WATCH_CLONE);
		/* once in 10 minutes */
		assert_int_equal(take_over(watch, tick += 30, &b, 3000, &a, false), 0);
		assert_int_equal(take_over(watch, tick += 30, &a, 9000, &b, false), 0);
		assert_int_equal(take_over(watch, tick += 600, &b, 300, &a, false), 0);
		assert_int_equal(take_over(watch, tick += 30, &a, 9900, &b, false), 0);
		assert_int_equal(take_over(watch, tick += 30, &b, 23000, &a, false), 0);
		assert_int_equal(
			take_over(watch, tick += 30, &a, 19000, &b, false), MC_WATCH_CLONE);
		mc_watch_free(watch);
	}
}

static void clones_behind_one_address_are_found_by_their_udp_ports(void **state)
{
	struct mc_watch *watch = watch_with(&usual);
	struct side a = {.place = place_of(watch, 1, 5000)},
		    b = {.place = place_of(watch, 1, 5001)};
	unsigned alerts = 0;

	take_over(watch, 100, &a, 1, NULL, false);
	for (uint16_t i = 0; i < 2; i++) {
		alerts += take_over(watch, 130 + i, &b, 30000 + 1000 * i, &a, false);
		alerts += take_over(watch, 160 + i, &a, 10000 + 1000 * i, &b, false);
	}
	assert_int_equal(alerts, MC_WATCH_CLONE);
	mc_watch_free(watch);
}

static void clones_behind_one_address_are_found_by_their_sequences(void **state)
{
	struct mc_watch *watch = watch_with(&usual);
	struct side a = {.place = place_of(watch, 1, 0)}, b = {.place = place_of(watch, 1, 0)};
	unsigned alerts = 0;

	/* the login used the number between */
	take_over(watch, 100, &a, 65530, NULL, false);
	take_over(watch, 130, &b, 30000, &a, false);
	alerts += take_over(watch, 160, &a, a.newest + 2, &b, false); /* over the wrap */
	alerts += take_over(watch, 190, &b, b.newest + 2, &a, false);
	assert_int_equal(alerts, 0);
	assert_int_equal(take_over(watch, 220, &a, a.newest + 2, &b, false), MC_WATCH_CLONE);
	mc_watch_free(watch);
}

static void clones_in_a_hurry_are_found_by_that(void **state)
{
	struct mc_watch *watch = watch_with(&usual);
	struct side a = {.place = place_of(watch, 1, 0)}, b = a;
	uint16_t base = 0;

	take_over(watch, 100, &a, 1, NULL, false);
	assert_int_equal(take_over(watch, 101, &b, base += 9999, &a, true), 0);
	assert_int_equal(take_over(watch, 102, &a, base += 9999, &b, true), 0);
	assert_int_equal(take_over(watch, 103, &b, base += 9999, &a, true), 0);
	assert_int_equal(take_over(watch, 104, &a, base += 9999, &b, true), MC_WATCH_CLONE);
	mc_watch_free(watch);
}

static void clone_alerts_that_found_no_room_come_with_the_next(void **state)
{
	struct mc_watch *watch = watch_with(&usual);
	struct side a = {.place = place_of(watch, 1, 0)}, b = {.place = place_of(watch, 2, 0)};
	uint64_t name = mc_watch_device(watch, 9, 9);

	take_over(watch, 100, &a, 1, NULL, false);
	take_over(watch, 130, &b, 30000, &a, false);
	take_over(watch, 160, &a, 20000, &b, false);
	take_over(watch, 190, &b, 1000, &a, false);
	assert_int_equal(take_over(watch, 220, &a, 9000, &b, false), MC_WATCH_CLONE);
	mc_watch_owe(watch, name, MC_WATCH_CLONE);
	assert_int_equal(take_over(watch, 250, &b, 15000, &a, false), MC_WATCH_CLONE);
	assert_int_equal(take_over(watch, 280, &a, 50000, &b, false), 0);
	mc_watch_free(watch);
}

static void one_device_is_no_clone_of_itself(void **state)
{
	struct mc_watch_config config = usual;
	struct mc_watch *watch;
	struct side a = {0}, then;
	uint32_t tick = 1000;

	config.connects = 0; /* it is flapping, to be sure */
	watch = watch_with(&config);
	a.place = place_of(watch, 1, 0);
	take_over(watch, tick, &a, 1, NULL, false);
	/* NAT gives out another port, or address, each time; its sequence begins anywhere */
	for (uint16_t i = 0; i < 100; i++) {
		then = a;
		a.place = place_of(watch, 1, 40000 + i);
		assert_int_equal(
			take_over(watch, tick += 5, &a, (uint16_t)next_random(), &then, false), 0);
	}
	for (uint8_t i = 0; i < 100; i++) {
		then = a;
		a.place = place_of(watch, 100 + i, 0);
		assert_int_equal(
			take_over(watch, tick += 5, &a, (uint16_t)next_random(), &then, false), 0);
	}
	/* it roams between two networks, and counts on: a new login beside a running session */
	for (uint8_t i = 0; i < 100; i++) {
		then = a;
		a.place = place_of(watch, i % 2, 0);
		assert_int_equal(take_over(watch, tick += 5, &a, then.newest + 2, &then, true), 0);
	}
	/* UDP twice, then TCP, and from the start; the UDP port is always the same one */
	for (uint8_t i = 0; i < 99; i++) {
		then = a;
		a.place = place_of(watch, 7, i % 3 == 2 ? 0 : 5000);
		assert_int_equal(
			take_over(watch, tick += 30, &a, (uint16_t)next_random(), &then, false), 0);
	}
	/* it restarts over and over: always the same first numbers, at one address */
	for (uint8_t i = 0; i < 100; i++) {
		then = a;
		assert_int_equal(take_over(watch, tick += 5, &a, 2, &then, false), 0);
	}
	mc_watch_free(watch);
}

static void clones_are_not_found_in_sessions_that_were_over(void **state)
{
	struct mc_watch *watch = watch_with(&usual);
	struct side a = {.place = place_of(watch, 1, 0)}, b = {.place = place_of(watch, 2, 0)};
	struct mc_watch_connect connect = {0};

	for (uint32_t i = 0; i < 100; i++) { /* one goes, the other comes: nobody is pushed out */
		connect.place = i % 2 ? a.place : b.place;
		connect.base = i * 1000;
		assert_int_equal(mc_watch_connected(watch, mc_watch_device(watch, 9, 9),
					 1000 + 30 * i, &connect),
			0);
	}
	mc_watch_free(watch);
}

static void K22_clones_over_the_end_of_the_tick(void **state)
{
	struct mc_watch *watch = watch_with(&usual);
	struct side a = {.place = place_of(watch, 1, 0)}, b = {.place = place_of(watch, 2, 0)};
	uint32_t tick = UINT32_MAX - 70;

	take_over(watch, tick, &a, 1, NULL, false);
	take_over(watch, tick += 30, &b, 30000, &a, false);
	take_over(watch, tick += 30, &a, 20000, &b, false);
	take_over(watch, tick += 30, &b, 1000, &a, false);
	assert_int_equal(take_over(watch, tick += 30, &a, 9000, &b, false), MC_WATCH_CLONE);
	assert_int_equal(take_over(watch, tick += 30, &b, 50000, &a, false), 0);
	mc_watch_free(watch);
}

/* ---- all at once ---- */

#define THREADS 4
#define TURNS 20000

struct crowd {
	struct mc_watch *watch;
	unsigned number, alerts;
};

static void *crowd_main(void *argument)
{
	struct crowd *crowd = argument;
	struct mc_watch *watch = crowd->watch;

	for (uint32_t i = 0; i < TURNS; i++) {
		const uint64_t device = mc_watch_device(watch, i % 40, 1);

		mc_watch_failed(watch, v4(watch, i % 5), 1000);
		mc_watch_failed(watch, v4(watch, 1000 + i * THREADS + crowd->number), 1000);
		mc_watch_spent(watch, v4(watch, i % 7), 1000);
		if (!mc_watch_held(watch, device, 1000))
			crowd->alerts += connect_at(watch, device, 1000) == MC_WATCH_FLAPPING;
		mc_watch_due(watch, device);
		if (i % 1000 == 0)
			mc_watch_fill(watch, 1000, 1000);
	}
	return NULL;
}

static void workers_share_the_tables(void **state)
{
	struct mc_watch_config config = usual;
	struct crowd crowd[THREADS];
	pthread_t threads[THREADS];
	struct mc_watch_fill now;
	struct mc_watch *watch;
	unsigned alerts = 0;

	config.devices = 1024;
	config.buckets = 1024;
	watch = watch_with(&config);
	for (unsigned i = 0; i < THREADS; i++) {
		crowd[i] = (struct crowd){.watch = watch, .number = i};
		assert_int_equal(pthread_create(&threads[i], NULL, crowd_main, &crowd[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		alerts += crowd[i].alerts;
	}
	now = mc_watch_fill(watch, 1000, 1000);
	for (uint32_t i = 0; i < 5; i++)
		assert_true(mc_watch_spent(watch, v4(watch, i), 1000));
	for (uint32_t i = 0; i < 40; i++)
		assert_int_equal(mc_watch_held(watch, mc_watch_device(watch, i, 1), 1000), 60);
	/* One alert for each hold-down. A device that two workers saw first at once may have a second
	 * entry, which ages. */
	assert_true(alerts >= 40 && alerts <= now.devices_used);
	assert_true(now.buckets_used <= 1024);
	for (uint32_t i = 0; i < 1024; i++)
		assert_false(watch->devices[i].name & WATCH_TAKEN);
	mc_watch_free(watch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(K6_budget_is_so_many_at_once_and_then_one_each_interval),
		cmocka_unit_test(K6_budget_of_one_failure),
		cmocka_unit_test(K6_budgets_are_of_ipv4_addresses_and_ipv6_networks),
		cmocka_unit_test(K6_budgets_can_be_switched_off),
		cmocka_unit_test(limits_change_while_they_are_watched),
		cmocka_unit_test(K6_budgets_that_are_empty_outlive_any_number_of_others),
		cmocka_unit_test(K6_100000_addresses_at_once),
		cmocka_unit_test(K22_budgets_over_the_end_of_their_clock),
		cmocka_unit_test(K19_flapping_begins_with_one_connect_too_many),
		cmocka_unit_test(K19_flapping_is_counted_within_its_seconds),
		cmocka_unit_test(K19_flapping_is_not_what_a_device_in_trouble_does),
		cmocka_unit_test(K19_flapping_can_be_switched_off),
		cmocka_unit_test(K22_flapping_over_the_end_of_the_tick),
		cmocka_unit_test(alerts_put_off_come_again),
		cmocka_unit_test(device_entries_give_way_by_what_they_say),
		cmocka_unit_test(clones_are_found_by_where_they_come_from),
		cmocka_unit_test(clones_behind_one_address_are_found_by_their_udp_ports),
		cmocka_unit_test(clones_behind_one_address_are_found_by_their_sequences),
		cmocka_unit_test(clones_in_a_hurry_are_found_by_that),
		cmocka_unit_test(clone_alerts_that_found_no_room_come_with_the_next),
		cmocka_unit_test(one_device_is_no_clone_of_itself),
		cmocka_unit_test(clones_are_not_found_in_sessions_that_were_over),
		cmocka_unit_test(K22_clones_over_the_end_of_the_tick),
		cmocka_unit_test(workers_share_the_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
