/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_mc_budget.c - guesses beyond a budget are in vain, and no owner is locked out (K6, K7,
 * K20) */
#include "mc_watched.h"

#define WRONG "0123456789abcdef0123456789abcdef"

/* What a login cost: AES blocks, JSON scans. */
struct work {
	uint64_t blocks, scans;
};

static struct work work_so_far(const struct world *w)
{
	return (struct work){counted(w, MC_WORK_BLOCKS), counted(w, MC_WORK_SCANS)};
}

static struct mc_watch_fill fill_of(const struct world *w)
{
	return mc_watch_fill(w->host.watch, w->host.clock.tick, w->host.clock.us / 1000);
}

/* Logins with a wrong PIN. */
static void fail_login(struct world *w, const char *id, uint32_t from, unsigned times)
{
	const struct device_side stranger = {.id = id, .pin = WRONG, .sequence = 1};
	const uint32_t kept = w->connection_count;

	for (unsigned i = 0; i < times; i++) {
		expect_no_login(w, &stranger, from);
		forget_connections(w, kept);
	}
}

static void live_from(struct world *w, struct device_side *d, uint32_t from)
{
	log_in_from(w, d, from);
	connected(w, d, on_tcp(tcp_open_from(w, from)));
}

/* A guess that is right at last: as good as one that is wrong. */
static void K6_right_guess_beyond_the_budget_looks_wrong(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A, thief = SIDE_A;

	live_from(w, &a, HOME);
	fail_login(w, DEVICE_A, STRANGER, 19);
	log_in_from(w, &thief, STRANGER); /* within the budget: it was lucky */
	fail_login(w, DEVICE_A, STRANGER, 1);
	expect_no_login(w, &thief, STRANGER);
	expect_no_login(w, &thief, STRANGER + 1); /* from anywhere but the owner's */
	assert_int_equal(counted(w, MC_DROP_BUDGET), 2);
	assert_int_equal(counted(w, MC_LOGINS), 2);
	world_pass(w, 3); /* one token is back */
	log_in_from(w, &thief, STRANGER);
	fail_login(w, DEVICE_A, STRANGER, 1);
	expect_no_login(w, &thief, STRANGER);
	good_request(w, &a, 1000, 0);
}

/* Many addresses with few failures each: the id's bucket counts them together. */
static void K6_budget_of_a_device_is_for_all_addresses_together(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A, b = SIDE_B, thief = SIDE_A;

	live_from(w, &a, HOME);
	live_from(w, &b, HOME);
	for (uint32_t i = 0; i < 20; i++)
		fail_login(w, DEVICE_A, STRANGER + i, 1);
	expect_no_login(w, &thief, STRANGER + 20);
	assert_int_equal(counted(w, MC_DROP_BUDGET), 1);
	log_in_from(w, &b, STRANGER + 20);
}

static void K6_budget_of_an_address_is_for_all_devices_together(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A, thief = SIDE_A;
	char id[32];

	live_from(w, &a, HOME);
	for (unsigned i = 0; i < 20; i++) {
		snprintf(id, sizeof(id), "nobody-%u", i);
		fail_login(w, id, STRANGER, 1);
	}
	expect_no_login(w, &thief, STRANGER);
	assert_int_equal(counted(w, MC_DROP_BUDGET), 1);
	log_in_from(w, &a, STRANGER + 1);
}

/* Unknown ids, wrong PINs, and right ones that are refused: closed after the same work. */
static void K20_unknown_devices_and_wrong_pins_cost_and_look_the_same(void **state)
{
	/* ids of one length make frames of one length */
	static const char unknown[] = "100000000000000000000099";
	struct device_side a = SIDE_A, thief = SIDE_A;
	struct world *w = *state;
	struct work before, first, second;

	live_from(w, &a, STRANGER);
	assert_int_equal(strlen(unknown), strlen(DEVICE_A));
	thief.sequence = 1;
	for (unsigned round = 0; round < 60; round++) { /* within both budgets, then beyond */
		before = work_so_far(w);
		fail_login(w, unknown, HOME + round / 25, 1);
		first = work_so_far(w);
		fail_login(w, DEVICE_A, HOME + round / 25, 1);
		second = work_so_far(w);
		assert_int_equal(first.blocks - before.blocks, second.blocks - first.blocks);
		assert_int_equal(first.scans - before.scans, 1);
		assert_int_equal(second.scans - first.scans, 1);
	}
	expect_no_login(w, &thief, HOME);
	assert_int_equal(work_so_far(w).blocks - second.blocks, second.blocks - first.blocks);
	assert_int_equal(work_so_far(w).scans - second.scans, 1);
	assert_int_equal(counted(w, MC_DROP_BUDGET), 1);
}

/* The owner's first login ever, behind an address where a stranger knows its id and never rests. */
static void K6_owner_behind_a_hostile_nat_logs_in(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A, b = SIDE_B;

	fail_login(w, DEVICE_A, HOME, 1000);
	live_from(w, &a, HOME);
	fail_login(w, DEVICE_A, HOME, 1000);
	good_request(w, &a, 2006, 0);
	expect_event(w, &a, HEARTH_UPLINK, 2006);
	live_from(w, &b, HOME);   /* and anyone else there */
	log_in_from(w, &a, HOME); /* beside its session */
	reconnected(w, &a, on_udp_from(HOME, 5));
	fail_login(w, DEVICE_A, HOME, 1000);
	log_in_from(w, &a, HOME); /* beside a session over UDP */
	assert_int_equal(counted(w, MC_DROP_BUDGET), 0);
}

/* It moves while strangers fail for it here, there and everywhere. */
static void K6_owner_that_moves_is_delayed_at_most(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	live_from(w, &a, HOME);
	fail_login(w, DEVICE_A, STRANGER, 1000);
	tcp_drop(w, a.peer.connection); /* it said that it goes */
	expect_event(w, &a, HEARTH_OFFLINE, HEARTH_CLOSED);
	live_from(w, &a, STRANGER);
	fail_login(w, DEVICE_A, HOME, 1000);
	world_pass(w, 55); /* it did not: a heartbeat and 10 s */
	fail_login(w, DEVICE_A, HOME, 20);
	expect_no_login(w, &a, HOME);
	world_pass(w, 1);
	fail_login(w, DEVICE_A, HOME, 100);
	log_in_from(w, &a, HOME);
	reconnected(w, &a, on_udp_from(HOME, 5));
	/* over UDP a session moves by itself, and with it where its device is never refused */
	a.peer = on_udp_from(STRANGER, 9);
	good_request(w, &a, 1000, 0);
	fail_login(w, DEVICE_A, STRANGER, 100);
	log_in_from(w, &a, STRANGER);
}

static void K6_owner_is_not_locked_out_by_100000_addresses(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	for (uint32_t i = 0; i < 100000; i++) {
		fail_login(w, DEVICE_A, 0xc6130000 + i, 1);
		if (i % 10000 == 0)
			log_in_from(w, &a, 0xc6130000 + i);
	}
	live_from(w, &a, HOME);
	fail_login(w, DEVICE_A, HOME, 100);
	log_in_from(w, &a, HOME);
	assert_int_equal(counted(w, MC_LOGINS), 12);
	assert_int_equal(fill_of(w).buckets, watch_usual.buckets);
}

/* After a restart all is forgotten, where the device was as well. */
static void K6_owner_logs_in_after_a_restart(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	live_from(w, &a, HOME);
	mc_watch_free(w->host.watch);
	w->host.watch = mc_watch_new(&watch_usual, &w->random);
	world_restart(w);
	fail_login(w, DEVICE_A, STRANGER, 100);
	log_in_from(w, &a, STRANGER);
	log_in_from(w, &a, HOME);
	assert_int_equal(counted(w, MC_DROP_BUDGET), 0);
}

static void K7_what_is_no_login_takes_from_its_address(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;
	uint32_t connection;

	live_from(w, &a, STRANGER);
	for (unsigned i = 0; i < 20; i++) {
		connection = tcp_open_from(w, HOME);
		deliver(w, on_login(connection), "GET / HTTP/1.1\r\n", 16);
		assert_true(tcp_closed(w, connection));
	}
	assert_int_equal(fill_of(w).spent, 1);
	expect_no_login(w, &a, HOME);
}

/* A load generator, or 10,000 devices behind one address. */
static void K6_good_logins_take_nothing(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A, b = SIDE_B;

	for (unsigned i = 0; i < 5000; i++) {
		log_in_from(w, &a, HOME);
		log_in_from(w, &b, HOME);
		forget_connections(w, 0);
	}
	assert_int_equal(fill_of(w).buckets_used, 0);
	assert_int_equal(counted(w, MC_DROP_BUDGET), 0);
}

static void K6_logins_refused_though_right_take_nothing(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A;

	live_from(w, &a, HOME);
	fail_login(w, DEVICE_A, STRANGER, 20);
	for (unsigned i = 0; i < 19; i++) {
		world_pass(w, 2);
		good_request(w, &a, 1000, 0);
		if (counted(w, MC_LOGINS) == 1)
			try_login(w, &a, STRANGER);
		w->sent_next = w->sent_count;
	}
	assert_int_equal(counted(w, MC_LOGINS), 2); /* once one token had come back */
}

/* K22: the budget's clock is monotonic; that of the wall may go anywhere. */
static void K22_steps_of_the_clock_give_nothing_back(void **state)
{
	static const int64_t steps[] = {
		-86400000ll * 3650, 86400000ll * 3650, 1, 86400000ll * 36500};
	struct world *w = *state;
	struct device_side a = SIDE_A;

	live_from(w, &a, HOME);
	fail_login(w, DEVICE_A, STRANGER, 20);
	for (unsigned i = 0; i < 4; i++) {
		w->host.clock.unix_ms += steps[i];
		assert_int_equal(fill_of(w).spent, 2);
		expect_no_login(w, &a, STRANGER);
	}
}

static void budgets_are_off_without_a_watch(void **state)
{
	struct world *w = *state;
	struct mc_watch *watch = w->host.watch;
	struct device_side a = SIDE_A;

	w->host.watch = NULL;
	live_from(w, &a, HOME);
	fail_login(w, DEVICE_A, STRANGER, 100);
	log_in_from(w, &a, STRANGER);
	w->host.watch = watch;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WATCHED(K6_right_guess_beyond_the_budget_looks_wrong),
		WATCHED(K6_budget_of_a_device_is_for_all_addresses_together),
		WATCHED(K6_budget_of_an_address_is_for_all_devices_together),
		WATCHED(K20_unknown_devices_and_wrong_pins_cost_and_look_the_same),
		WATCHED(K6_owner_behind_a_hostile_nat_logs_in),
		WATCHED(K6_owner_that_moves_is_delayed_at_most),
		WATCHED(K6_owner_is_not_locked_out_by_100000_addresses),
		WATCHED(K6_owner_logs_in_after_a_restart),
		WATCHED(K7_what_is_no_login_takes_from_its_address),
		WATCHED(K6_good_logins_take_nothing),
		WATCHED(K6_logins_refused_though_right_take_nothing),
		WATCHED(K22_steps_of_the_clock_give_nothing_back),
		WATCHED(budgets_are_off_without_a_watch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
