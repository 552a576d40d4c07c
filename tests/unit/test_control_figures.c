/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_control_figures.c - figures of status that are made of others: drops, histograms, the age of
 * what is not committed; and their history */
#include "control_fixture.h"

#include "control/control_private.h"

#include <time.h>

static void write_record(uint64_t unix_ms)
{
	struct hearth_record record = {.event = HEARTH_ONLINE, .time = unix_ms};

	assert_int_equal(
		feed_write(feed_ring(fx.view.feed, 1), FEED_LIFECYCLE, &record, NULL, NULL, NULL),
		0);
	feed_publish(feed_ring(fx.view.feed, 1));
	feed_applied(feed_ring(fx.view.feed, 1));
}

static uint64_t unix_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void test_drops_and_outcomes(void **state)
{
	json_t *sums = json_pack("{s:{s:i, s:i, s:i, s:i}, s:{s:i, s:i}, s:{s:i}}", "mc",
		"drop_token", 3, "requests", 100, "responses", 7, "undelivered_expired", 2, "tcp",
		"tcp_full_flows", 4, "tcp_opened", 9, "other", "responses", 1);
	json_t *ports = json_pack("[{s:{s:i, s:i}}, {s:{s:i}}]", "counters", "port_rx_missed", 5,
		"port_rx_frames", 50, "counters", "port_rx_missed", 6);
	json_t *drops = control_drops(sums, ports), *outcomes = control_outcomes(sums);
	json_t *drops_wanted = json_pack("{s:{s:i}, s:{s:i}, s:{s:i}}", "mc", "drop_token", 3,
		"tcp", "tcp_full_flows", 4, "port", "port_rx_missed", 11);
	json_t *outcomes_wanted = json_pack("{s:i, s:i}", "answered", 8, "expired", 2);

	assert_true(json_equal(drops, drops_wanted));
	assert_true(json_equal(outcomes, outcomes_wanted));
	json_decref(sums);
	json_decref(ports);
	json_decref(drops);
	json_decref(outcomes);
	json_decref(drops_wanted);
	json_decref(outcomes_wanted);
}

static void test_quantiles(void **state)
{
	const uint64_t bounds[] = {10, 20, 40};
	struct turn_histogram none = {0}, some = {.buckets = {1, 2, 1}},
			      beyond = {.buckets = {0, 0, 0, 5}};

	assert_float_equal(control_quantile(&none, bounds, 3, 0.5), 0, 1e-9);
	assert_float_equal(control_quantile(&some, bounds, 3, 0.25), 10, 1e-9);
	assert_float_equal(control_quantile(&some, bounds, 3, 0.5), 15, 1e-9);
	assert_float_equal(control_quantile(&some, bounds, 3, 1), 40, 1e-9);
	assert_float_equal(control_quantile(&beyond, bounds, 3, 0.5), 40, 1e-9);
}

/* Nothing waits; then what waits longest counts, until it is committed. */
static void test_age_of_the_uncommitted(void **state)
{
	struct feed_ring *ring = feed_ring(fx.view.feed, 1);
	uint64_t now = unix_ms();
	char path[96], error[256];
	struct hearth_feed *reader;
	struct hearth_item item;

	assert_int_equal(feed_uncommitted_since(ring), 0);
	assert_float_equal(control_feed_lag(&fx.view, 1).seconds, 0, 1e-9);
	write_record(now - 90000);
	write_record(now - 30000);
	assert_int_equal(feed_uncommitted_since(ring), now - 90000);
	assert_true(control_feed_lag(&fx.view, 1).seconds >= 90);
	assert_true(control_feed_lag(&fx.view, 0).seconds == 0);
	snprintf(path, sizeof(path), "%s/ring", fx.directory);
	reader = hearth_feed_open(path, 0, error, sizeof(error));
	assert_non_null(reader);
	assert_int_equal(hearth_feed_next(reader, &item), 1);
	hearth_feed_commit(reader);
	assert_int_equal(feed_uncommitted_since(ring), now - 30000);
	assert_int_equal(hearth_feed_next(reader, &item), 1);
	hearth_feed_commit(reader);
	assert_int_equal(feed_uncommitted_since(ring), 0);
	/* a time to come is no age: the wall clock was set back */
	write_record(now + 3600000);
	assert_true(control_feed_lag(&fx.view, 1).seconds == 0);
	hearth_feed_close(reader);
}

static void test_status_has_them(void **state)
{
	json_t *answer, *part;

	fx.counters[0][FAKE_DROP] = 4;
	fx.counters[1][FAKE_DROP] = 9;
	fx.counters[1][FAKE_LOGINS] = 9;
	fx.histograms[0] = (struct turn_histogram){.sum = 30, .buckets = {1, 2}};
	fx.histograms[1] = (struct turn_histogram){.sum = 5000, .buckets = {0, 0, 0, 1}};
	fixture_start();
	answer = ask("{\"verb\":\"status\",\"help\":true}");
	part = json_object_get(answer, "drops");
	assert_int_equal(number_at(json_object_get(part, "fake"), "drop_padding"), 13);
	assert_int_equal(number_at(json_object_get(part, "fake"), "table_full"), 0);
	assert_int_equal(number_at(json_object_get(part, "port"), "port_rx_missed"), 11);
	assert_int_equal(json_object_size(part), 2);
	part = json_object_get(json_object_get(answer, "help"), "port");
	assert_string_equal(text_at(part, "port_rx_missed"), "frames it dropped");
	part = json_object_get(json_object_get(answer, "histograms"), "answer_seconds");
	assert_int_equal(number_at(part, "count"), 4);
	assert_int_equal(number_at(part, "sum"), 5030);
	assert_int_equal(number_at(part, "divisor"), 1000);
	assert_int_equal(json_array_size(json_object_get(part, "bounds")), 3);
	assert_int_equal(json_array_size(json_object_get(part, "buckets")), 4);
	assert_float_equal(json_number_value(json_object_get(part, "p50")), 0.0055, 1e-9);
	assert_float_equal(json_number_value(json_object_get(part, "p999")), 0.1, 1e-9);
	part = json_array_get(json_object_get(answer, "workers"), 1);
	part = json_object_get(json_object_get(part, "histograms"), "answer_seconds");
	assert_int_equal(number_at(part, "count"), 1);
	part = json_array_get(json_object_get(answer, "workers"), 0);
	assert_int_equal(number_at(json_object_get(part, "stage_cycles"), "aes"), 1000);
	part = json_object_get(json_array_get(json_object_get(answer, "ports"), 0), "queues");
	assert_int_equal(json_array_size(part), WORKERS);
	part = json_object_get(json_array_get(part, 1), "counters");
	assert_int_equal(number_at(part, "port_rx_frames"), 50);
	part = json_object_get(answer, "configuration");
	assert_int_equal(number_at(part, "generation"), 1);
	assert_int_equal(number_at(part, "waiting"), 0);
	assert_true(number_at(part, "changed_time") > 0);
	assert_done(answer);
}

/* ---- history ---- */

static double last_of(const json_t *answer, const char *series)
{
	const json_t *values = json_object_get(json_object_get(answer, "series"), series);

	assert_true(json_array_size(values) > 0);
	assert_non_null(json_object_get(json_object_get(answer, "units"), series));
	return json_number_value(json_array_get(values, json_array_size(values) - 1));
}

static void test_a_sample_says_what_grew(void **state)
{
	struct history *history = history_new(WORKERS);
	struct rate_sample before = {.us = 1000000}, now = {.us = 3000000};
	json_t *answer;

	assert_non_null(history);
	write_record(unix_ms() - 5000);
	fixture_device("udp", PIN);
	fixture_session("udp", 0, SESSION_LIVE, SESSION_VIA_UDP);
	history_take(history, &fx.view, &before, &before);
	now.values[RATE_ANSWERS] = 500;
	fx.counters[1][FAKE_DROP] += 40;
	fx.histograms[0].buckets[2] += 10;
	history_take(history, &fx.view, &before, &now);
	answer = history_json(history, 900);
	assert_int_equal(json_array_size(json_object_get(answer, "times")), 2);
	assert_float_equal(last_of(answer, "answers"), 250, 1e-6);
	assert_float_equal(last_of(answer, "logins"), 0, 1e-6);
	assert_float_equal(last_of(answer, "drops"), 20, 1e-6);
	assert_float_equal(last_of(answer, "live_udp"), 1, 1e-6);
	assert_float_equal(last_of(answer, "live_tcp"), 0, 1e-6);
	assert_float_equal(last_of(answer, "answer_p50"), 0.055, 1e-6);
	assert_float_equal(last_of(answer, "busy_1"), 0, 1e-6); /* nothing moved since */
	assert_true(last_of(answer, "lag") > 0 && last_of(answer, "fill") > 0);
	assert_true(last_of(answer, "lag_seconds") >= 5);
	json_decref(answer);
	answer = history_json(history, 1);
	assert_int_equal(json_array_size(json_object_get(answer, "times")), 1);
	assert_float_equal(last_of(answer, "answers"), 250, 1e-6);
	json_decref(answer);
	history_free(history);
}

/* The oldest give way; what is there is in order. */
static void test_history_wraps(void **state)
{
	struct history *history = history_new(WORKERS);
	struct rate_sample before = {.us = 1000000}, now = {.us = 2000000};
	json_t *answer, *values;

	assert_non_null(history);
	for (unsigned i = 1; i <= HISTORY_SAMPLES + 37; i++) {
		now.values[RATE_LOGINS] = i;
		history_take(history, &fx.view, &before, &now);
	}
	answer = history_json(history, HISTORY_SAMPLES);
	values = json_object_get(json_object_get(answer, "series"), "logins");
	assert_int_equal(json_array_size(values), HISTORY_SAMPLES);
	for (unsigned i = 0; i < HISTORY_SAMPLES; i++)
		assert_float_equal(json_number_value(json_array_get(values, i)), 38 + i, 1e-6);
	json_decref(answer);
	history_free(history);
}

static void test_history_verb(void **state)
{
	json_t *answer;

	fixture_start();
	answer = ask("{\"verb\":\"history\",\"seconds\":5}");
	assert_true(json_array_size(json_object_get(answer, "times")) <= 5);
	assert_non_null(json_object_get(json_object_get(answer, "series"), "busy_1"));
	assert_null(json_object_get(json_object_get(answer, "series"), "busy_2"));
	assert_done(answer);
	assert_refused(ask("{\"verb\":\"history\",\"seconds\":0}"), "no history of 0");
	assert_refused(ask("{\"verb\":\"history\",\"seconds\":901}"), "no history of 901");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_drops_and_outcomes),
		TEST(test_quantiles),
		TEST(test_age_of_the_uncommitted),
		TEST(test_status_has_them),
		TEST(test_a_sample_says_what_grew),
		TEST(test_history_wraps),
		TEST(test_history_verb),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
