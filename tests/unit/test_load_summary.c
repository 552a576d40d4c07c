/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_load_summary.c - a run's figures as people and as programs get them */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "histogram.h"
#include "summary.h"
#include "table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The engine is not needed for this: only what it calls its parts. */
const char *load_part_name(enum load_part part)
{
	static const char *const names[] = {"wire", "build", "answers", "ring", "rest", "idle"};

	return names[part];
}

const char *load_wrong_name(enum load_wrong wrong)
{
	static char name[16];

	snprintf(name, sizeof(name), "wrong%d", (int)wrong);
	return name;
}

static struct scenario scenario;

static void add_trial(struct summary *summary, const char *purpose, double share, double rate)
{
	static struct histogram histogram;
	struct outcome *trial = &summary->trials[summary->trial_count++];

	*trial = (struct outcome){.share = share,
		.offered = rate,
		.verdict = SEARCH_PASSED,
		.broker_busy = 0.75,
		.busy = 0.5,
		.result = {.offered = 1234567, .sent = 1234567, .rate = rate, .seconds = 1}};
	snprintf(trial->purpose, sizeof(trial->purpose), "%s", purpose);
	trial->broker = (struct broker_change){.known = true,
		.cycles = 2000,
		.stages = json_pack("{s:f, s:f}", "aes", 1500.0, "json", 500.0),
		.grown = json_pack("{s:i, s:i}", "drop_time", 5, "requests", 1000000)};
	histogram_reset(&histogram);
	for (unsigned i = 1; i <= 100; i++)
		histogram_add(&histogram, 1000 * i);
	outcome_latency(&histogram, &trial->raw);
	histogram_reset(&histogram);
	outcome_latency(&histogram, &trial->clean);
}

static struct summary *found(void)
{
	struct summary *summary = calloc(1, sizeof(*summary));

	scenario = (struct scenario){.name = (char *)"steady",
		.devices = 100000,
		.seed = 1,
		.report = {.bytes = {300}, .sizes = 1, .code = 2006},
		.load = SCENARIO_SEARCH,
		.search = {.from = 1000, .to = 2e6, .seconds = 2, .repeat = 2, .precision = 0.01}};
	summary->scenario = &scenario;
	summary->wire = "memif";
	summary->search = (struct search_result){.rate = 1000000, .failed = 1010000};
	summary->login = (struct load_login_result){
		.devices = 100000, .connects = 100000, .seconds = 0.5, .rate = 200000};
	add_trial(summary, "at 50 %", 0.5, 500000);
	add_trial(summary, "at 90 %", 0.9, 900000);
	return summary;
}

static void test_table(void **state)
{
	static const char *const shown[] = {"at 50 %", "at 90 %", "500,000", "900,000", "1,234,567",
		"p99.99", "75.0 %", "aes", "1,500", "drop_time 5", "passed", "lost"};
	struct summary *summary = found();
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	summary_login(summary, out);
	summary_trials(summary, out);
	summary_costs(summary, out);
	fclose(out);
	for (size_t i = 0; i < sizeof(shown) / sizeof(*shown); i++) {
		if (!strstr(text, shown[i]))
			fail_msg("\"%s\" is not in\n%s", shown[i], text);
	}
	/* growth that is no loss is for programs only; rows that are all 0 are left out */
	assert_null(strstr(text, "requests 1,000,000"));
	assert_null(strstr(text, "refused"));
	free(text);
	summary_free(summary);
	free(summary);
}

static void test_json(void **state)
{
	char path[] = "/tmp/hearth-summary-XXXXXX";
	struct summary *summary = found();
	json_t *json, *latency, *trials;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(summary_write(summary, path), 0);
	json = json_load_file(path, 0, NULL);
	unlink(path);
	assert_non_null(json);
	assert_string_equal(json_string_value(json_object_get(json, "scenario")), "steady");
	assert_string_equal(json_string_value(json_object_get(json, "wire")), "memif");
	assert_true(json_real_value(json_object_get(json, "rate")) == 1000000);
	assert_true(json_is_true(json_object_get(json, "kept")));
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(json, "search"), "outcome")),
		"found");
	trials = json_object_get(json, "trials");
	assert_int_equal(json_array_size(trials), 2);
	assert_int_equal(
		json_integer_value(json_object_get(json_array_get(trials, 0), "sent")), 1234567);
	latency = json_object_get(json_object_get(json_object_get(json, "latency"), "0.5"), "raw");
	assert_true(json_real_value(json_object_get(latency, "p50")) > 49.9);
	assert_int_equal(json_integer_value(json_object_get(latency, "count")), 100);
	assert_true(json_array_size(json_object_get(latency, "percentiles_us")) > 20);
	assert_non_null(json_object_get(json_object_get(json, "latency"), "0.9"));
	assert_true(json_is_null(json_object_get(json, "broker")));
	json_decref(json);
	assert_int_equal(summary_write(summary, "/nowhere/at/all"), -EIO);
	summary_free(summary);
	free(summary);
}

static void test_kept(void **state)
{
	struct summary *summary = found();

	assert_true(summary_kept(summary));
	summary->trials[1].verdict = SEARCH_VOID;
	assert_false(summary_kept(summary));
	summary->trials[1].verdict = SEARCH_PASSED;
	summary->search_error = -EBUSY;
	assert_false(summary_kept(summary));
	summary->search_error = 0;
	summary->search.rate = 0;
	assert_false(summary_kept(summary));
	scenario.load = SCENARIO_RATE;
	assert_true(summary_kept(summary));
	assert_true(summary_rate(summary) == 500000);
	summary_free(summary);
	free(summary);
}

static void test_numbers(void **state)
{
	char cell[CELL];

	assert_string_equal(cell_count(cell, 0), "0");
	assert_string_equal(cell_count(cell, 999), "999");
	assert_string_equal(cell_count(cell, 1000), "1,000");
	assert_string_equal(cell_count(cell, 123456), "123,456");
	assert_string_equal(cell_count(cell, UINT64_MAX), "18,446,744,073,709,551,615");
	assert_string_equal(cell_share(cell, 0.0512), "5.1 %");
	assert_string_equal(cell_us(cell, 12345), "12.3");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_kept),
		cmocka_unit_test(test_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
