/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_bench_worker.c - the benchmark's devices, their order, and that a whole worker serves them
 * with nothing lost; never how long it takes */
#include "traffic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void test_every_place_of_the_order_is_somebody_else(void **state)
{
	static const uint32_t counts[] = {1, 2, 3, 4, 5, 1000, 1024, 1025, 65537};

	for (unsigned i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		uint8_t *seen = calloc(counts[i], 1);
		struct order order;

		order_init(&order, counts[i], true);
		for (uint32_t place = 0; place < counts[i]; place++) {
			uint32_t who = order_at(&order, place);

			assert_true(who < counts[i]);
			assert_int_equal(seen[who]++, 0);
		}
		free(seen);
	}
}

/* Neighbours in the order are no neighbours in memory: at most a few by chance. */
static void test_a_random_order_is_no_sequence(void **state)
{
	struct order order;
	unsigned neighbours = 0;

	order_init(&order, 10000, true);
	for (uint32_t place = 1; place < 10000; place++)
		neighbours +=
			abs((int)order_at(&order, place) - (int)order_at(&order, place - 1)) < 8;
	assert_true(neighbours < 100);
	order_init(&order, 10000, false);
	assert_int_equal(order_at(&order, 4711), 4711);
}

static void test_the_figure_is_the_middle_and_the_least(void **state)
{
	double values[] = {5, 1, 4, 2, 3};
	struct figure figure = figure_of(values, 5);

	assert_true(figure.median == 3 && figure.least == 1);
}

static void test_a_flow_tells_its_device(void **state)
{
	for (uint32_t number = 0; number < DEVICES_MAX; number += 7777) {
		struct wire_flow flow = device_flow(number, number % DEVICE_ATTEMPTS, 7701);

		assert_int_equal(device_number(&flow, DEVICES_MAX), number);
	}
	assert_int_equal(device_number(&(struct wire_flow){.remote = 1}, 10), DEVICE_NONE);
}

/* ---- whole turns ---- */

static const struct traffic_options few = {.sessions = 600,
	.report_bytes = 300,
	.group = 100,
	.burst = 64,
	.ring_bytes = 1 << 20,
	.random = true};

static void run(const struct traffic_options *options, unsigned frames_in, unsigned frames_out)
{
	char error[256];
	struct traffic *traffic = traffic_new(options, error, sizeof(error));
	struct traffic_totals totals;
	struct traffic_cost cost;

	if (!traffic)
		fail_msg("%s", error);
	while (traffic_login(traffic, &cost))
		assert_int_equal(cost.frames_in, cost.items * (options->udp ? 5 : 7));
	for (unsigned i = 0; i < 9; i++) {
		traffic_report(traffic, &cost);
		assert_int_equal(cost.items, options->group);
		assert_int_equal(cost.frames_in, cost.items * frames_in);
		assert_int_equal(cost.frames_out, cost.items * frames_out);
		traffic_idle(traffic, 1, 3);
	}
	totals = traffic_totals(traffic);
	assert_int_equal(totals.logins, options->sessions);
	assert_int_equal(totals.online, options->sessions);
	assert_int_equal(totals.reports, 9 * options->group);
	assert_int_equal(totals.uplink, 9 * options->group);
	assert_int_equal(totals.wrong + totals.strange + totals.other, 0);
	traffic_free(traffic);
}

static void test_reports_over_tcp(void **state)
{
	run(&few, 2, 1);
}

static void test_reports_over_udp(void **state)
{
	struct traffic_options options = few;

	options.udp = true;
	run(&options, 1, 1);
}

static void test_acknowledged_by_the_next_report(void **state)
{
	struct traffic_options options = few;

	options.riding = true;
	run(&options, 1, 1);
}

/* Checksums are the port's, bursts are small, the report is as small and as large as can be. */
static void test_other_sizes(void **state)
{
	struct traffic_options options = few;

	options.good = true;
	options.burst = 5;
	options.report_bytes = REPORT_LEAST;
	run(&options, 2, 1);
	options.random = false;
	options.report_bytes = REPORT_MOST;
	run(&options, 2, 1);
}

/* A device that speaks out of turn is not served, and the benchmark says so. */
static void test_what_is_not_answered_is_wrong(void **state)
{
	struct devices *devices = devices_new(4, 300);
	uint8_t answer[DEVICE_ANSWER_MAX] = "CTS{\"code\":2007,\"data\":\"AAAA\"}\r\n";
	uint8_t *const answers[] = {answer, answer};
	const uint32_t numbers[] = {1, 2}, lengths[] = {0, (uint32_t)strlen((char *)answer)};

	assert_non_null(devices);
	devices_answers(devices, DEVICE_REPORT, numbers, 2, answers, lengths);
	assert_int_equal(devices->wrong, 2);
	devices_free(devices);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_place_of_the_order_is_somebody_else),
		cmocka_unit_test(test_a_random_order_is_no_sequence),
		cmocka_unit_test(test_the_figure_is_the_middle_and_the_least),
		cmocka_unit_test(test_a_flow_tells_its_device),
		cmocka_unit_test(test_reports_over_tcp),
		cmocka_unit_test(test_reports_over_udp),
		cmocka_unit_test(test_acknowledged_by_the_next_report),
		cmocka_unit_test(test_other_sizes),
		cmocka_unit_test(test_what_is_not_answered_is_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
