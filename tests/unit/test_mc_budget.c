/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_mc_budget.c - failed logins cost less and less, and nobody is locked out (K6, K7, K20) */
#include "mc_watched.h"

#define WRONG "0123456789abcdef0123456789abcdef"

/* What a login cost: AES blocks, JSON scans, and logins looked at by one block first. */
struct work {
	uint64_t blocks, scans, looks;
};

static struct work work_so_far(const struct world *w)
{
	return (struct work){
		counted(w, MC_WORK_BLOCKS), counted(w, MC_WORK_SCANS), counted(w, MC_LOOKS)};
}

static void expect_work(const struct world *w, struct work before, struct work more)
{
	struct work now = work_so_far(w);

	assert_int_equal(now.blocks - before.blocks, more.blocks);
	assert_int_equal(now.scans - before.scans, more.scans);
	assert_int_equal(now.looks - before.looks, more.looks);
}

/* Logins with a wrong PIN; those whose last block happens to be padded well are not counted. */
static void fail_login(struct world *w, const char *id, uint32_t from, unsigned times)
{
	const struct device_side stranger = {.id = id, .pin = WRONG, .sequence = 1};
	const uint32_t kept = w->connection_count;

	for (unsigned i = 0; i < times; i++) {
		expect_no_login(w, &stranger, from);
		forget_connections(w, kept);
	}
}

static void K6_failures_within_the_budget_are_looked_at_in_full(void **state)
{
	struct world *w = *state;
	struct work before = work_so_far(w);

	fail_login(w, DEVICE_A, STRANGER, 20);
	assert_int_equal(counted(w, MC_LOOKS), 0);
	assert_int_equal(counted(w, MC_DROP_BUDGET), 0);
	assert_int_equal(counted(w, MC_DROP_PADDING), 20);
	assert_int_equal(work_so_far(w).scans - before.scans, 20);
}

static void K7_failures_beyond_the_budget_cost_one_block(void **state)
{
	struct world *w = *state;
	struct work before;

	fail_login(w, "nobody-at-all", STRANGER, 20);
	before = work_so_far(w);
	fail_login(w, "nobody-at-all", STRANGER, 50);
	expect_work(w, before, (struct work){50, 0, 50});
	assert_int_equal(counted(w, MC_DROP_BUDGET), 50);
	/* any id from there, whether it is known or not */
	before = work_so_far(w);
	fail_login(w, DEVICE_A, STRANGER, 5);
	fail_login(w, "somebody-else", STRANGER, 5);
	expect_work(w, before, (struct work){10, 0, 10});
	/* elsewhere nothing has changed */
	before = work_so_far(w);
	fail_login(w, "somebody-else", HOME, 1);
	assert_int_equal(work_so_far(w).looks, before.looks);
	assert_int_equal(work_so_far(w).scans, before.scans + 1);
	/* and time gives it back */
	world_pass(w, 3);
	before = work_so_far(w);
	fail_login(w, "one-more", STRANGER, 1);
	assert_int_equal(work_so_far(w).looks, before.looks);
}

static void K6_budget_of_a_device_is_for_all_addresses_together(void **state)
{
	struct world *w = *state;
	struct work before;

	for (uint32_t i = 0; i < 20; i++)
		fail_login(w, DEVICE_A, STRANGER + i, 1);
	before = work_so_far(w);
	fail_login(w, DEVICE_A, STRANGER + 20, 1);
	expect_work(w, before, (struct work){1, 0, 1});
	before = work_so_far(w);
	fail_login(w, DEVICE_B, STRANGER + 20, 1);
	assert_int_equal(work_so_far(w).looks, before.looks);
}

/* K20: which ids are provisioned shows in nothing that the broker does. */
static void K6_unknown_devices_and_wrong_pins_cost_and_look_the_same(void **state)
{
	/* ids of one length make frames of one length */
	static const char unknown[] = "100000000000000000000099";
	struct world *w = *state;
	struct work before, first, second;

	assert_int_equal(strlen(unknown), strlen(DEVICE_A));
	for (unsigned round = 0; round < 40; round++) { /* within both budgets, then beyond */
		before = work_so_far(w);
		fail_login(w, unknown, HOME + round / 25, 1);
		first = work_so_far(w);
		fail_login(w, DEVICE_A, HOME + round / 25, 1);
		second = work_so_far(w);
		assert_int_equal(first.blocks - before.blocks, second.blocks - first.blocks);
		assert_int_equal(first.scans - before.scans, second.scans - first.scans);
		assert_int_equal(first.looks - before.looks, second.looks - first.looks);
	}
	assert_true(counted(w, MC_DROP_BUDGET) > 30);
	assert_int_equal(counted(w, MC_DROP_BUDGET) % 2, 0);
	assert_int_equal(counted(w, MC_DROP_DEVICE), counted(w, MC_DROP_PADDING));
}

/* The owner's first login ever, behind an address where a stranger knows its id and never rests. */
static void K6_owner_behind_a_hostile_nat_logs_in(void **state)
{
	struct world *w = *state;
	struct device_side a = SIDE_A, b = SIDE_B;

	fail_login(w, DEVICE_A, HOME, 1000);
	log_in_from(w, &a, HOME);
	connected(w, &a, on_tcp(tcp_open_from(w, HOME)));
	fail_login(w, DEVICE_A, HOME, 1000);
	good_request(w, &a, 2006, 0);
	expect_event(w, &a, HEARTH_UPLINK, 2006);
	/* and anyone else there, and the owner anywhere */
	log_in_from(w, &b, HOME);
	log_in_from(w, &a, STRANGER);
	log_in_from(w, &a, HOME);
	assert_int_equal(counted(w, MC_LOGINS), 4);
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
	assert_int_equal(counted(w, MC_LOGINS), 10);
	assert_true(counted(w, MC_DROP_BUDGET) > 99000);
}

/* Every length that Base64 ends in another way at: the last block is found in each. */
static void K6_owner_logs_in_with_content_of_any_length(void **state)
{
	struct world *w = *state;
	struct frame_text *frame = malloc(sizeof(*frame));
	char plain[256], spaces[101];
	uint32_t connection;

	fail_login(w, DEVICE_A, HOME, 20);
	memset(spaces, ' ', sizeof(spaces));
	for (int n = 0; n < 100; n++) {
		snprintf(plain, sizeof(plain), "{\"sequence\":\"1\",%.*s\"deviceId\":\"%s\"}", n,
			spaces, DEVICE_A);
		seal(frame, MC_LOGIN, "\"deviceId\":\"" DEVICE_A "\"", PIN_A, IV_OF(PIN_A), plain);
		connection = tcp_open_from(w, HOME);
		deliver(w, on_login(connection), frame->text, frame->length);
		assert_int_equal(next_answer(w, PIN_A, IV_OF(PIN_A)).code, 1003);
	}
	assert_int_equal(counted(w, MC_LOOKS), 100);
	assert_int_equal(counted(w, MC_DROP_BUDGET), 0);
	free(frame);
}

/* Short, cut, not Base64, not whole blocks: one block, and closed. */
static void K7_malformed_logins_beyond_the_budget_cost_one_block(void **state)
{
	static const char *const data[] = {"", "A", "AAAA",
		"AAAAAAAAAAAAAAAAAAAAAA==", "AAAAAAAAAAAAAAAAAAAAAAA=", "!!!!!!!!!!!!!!!!!!!!!!!!",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "\\u0041AAA"};
	struct world *w = *state;
	struct frame_text *frame = malloc(sizeof(*frame));
	struct work before;
	uint32_t connection;

	fail_login(w, DEVICE_A, HOME, 20);
	for (unsigned i = 0; i < sizeof(data) / sizeof(data[0]); i++) {
		before = work_so_far(w);
		frame->length = (uint32_t)snprintf(frame->text, sizeof(frame->text),
			"CTS{\"code\":1002,\"deviceId\":\"%s\",\"data\":\"%s\"}\r\n",
			i % 2 ? DEVICE_A : "nobody", data[i]);
		connection = tcp_open_from(w, HOME);
		deliver(w, on_login(connection), frame->text, frame->length);
		assert_true(tcp_closed(w, connection));
		expect_silence(w);
		expect_work(w, before, (struct work){1, 0, 1});
	}
	free(frame);
}

static void K6_what_is_no_login_takes_from_its_address(void **state)
{
	struct world *w = *state;
	struct work before;
	uint32_t connection;

	for (unsigned i = 0; i < 20; i++) {
		connection = tcp_open_from(w, HOME);
		deliver(w, on_login(connection), "GET / HTTP/1.1\r\n", 16);
		assert_true(tcp_closed(w, connection));
	}
	before = work_so_far(w);
	fail_login(w, DEVICE_A, HOME, 1);
	expect_work(w, before, (struct work){1, 0, 1});
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
	assert_int_equal(counted(w, MC_LOOKS), 0);
	assert_int_equal(mc_watch_fill(w->host.watch, 0, w->host.clock.us / 1000).buckets_used, 0);
}

/* K22: the budget's clock is monotonic; that of the wall may go anywhere. */
static void K22_steps_of_the_clock_give_nothing_back(void **state)
{
	static const int64_t steps[] = {
		-86400000ll * 3650, 86400000ll * 3650, 1, -86400000ll * 36500};
	struct world *w = *state;
	struct work before;

	fail_login(w, DEVICE_A, HOME, 20);
	for (unsigned i = 0; i < 3; i++) {
		w->host.clock.unix_ms += steps[i];
		before = work_so_far(w);
		fail_login(w, DEVICE_A, HOME, 1);
		expect_work(w, before, (struct work){1, 0, 1});
	}
}

/* Nobody is watched: every failure costs what the first costs. */
static void budgets_are_off_without_a_watch(void **state)
{
	struct world *w = *state;
	struct mc_watch *watch = w->host.watch;

	w->host.watch = NULL;
	fail_login(w, DEVICE_A, HOME, 100);
	assert_int_equal(counted(w, MC_DROP_BUDGET), 0);
	assert_int_equal(counted(w, MC_WORK_SCANS), 100);
	w->host.watch = watch;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WATCHED(K6_failures_within_the_budget_are_looked_at_in_full),
		WATCHED(K7_failures_beyond_the_budget_cost_one_block),
		WATCHED(K6_budget_of_a_device_is_for_all_addresses_together),
		WATCHED(K6_unknown_devices_and_wrong_pins_cost_and_look_the_same),
		WATCHED(K6_owner_behind_a_hostile_nat_logs_in),
		WATCHED(K6_owner_is_not_locked_out_by_100000_addresses),
		WATCHED(K6_owner_logs_in_with_content_of_any_length),
		WATCHED(K7_malformed_logins_beyond_the_budget_cost_one_block),
		WATCHED(K6_what_is_no_login_takes_from_its_address),
		WATCHED(K6_good_logins_take_nothing),
		WATCHED(K22_steps_of_the_clock_give_nothing_back),
		WATCHED(budgets_are_off_without_a_watch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
