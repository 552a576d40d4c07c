/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_load_repeats.c - the instrument's devices over UDP where datagrams are late or lost: what is
 * sent again, and which answers may come besides (Q/CT X-2017 section 5.2.4) */
#include "load_platform.h"

#define RETRY_MS 100u
#define MS UINT64_C(1000000)

/* One report of a device under way: what is late is one number. */
static struct load *start(unsigned outstanding)
{
	const struct load_config config = {.devices = PLATFORM_DEVICES,
		.seed = PLATFORM_SEED,
		.bytes = {300},
		.sizes = 1,
		.code = 2006,
		.outstanding = outstanding,
		.retry_ms = RETRY_MS,
		.feed = fixture_path};

	return platform_load(&config);
}

static struct load_login_result come_in(struct load *load)
{
	struct load_login_result login;

	assert_int_equal(load_login(load, 60, &login, NULL, NULL), 0);
	assert_int_equal(load_live(load), PLATFORM_DEVICES);
	return login;
}

static struct load_result measure(struct load *load, uint32_t ms)
{
	const struct load_trial trial = {.rate = 5000, .measure_ms = ms, .drain_ms = 60000};
	struct load_result result;

	assert_int_equal(load_trial(load, &trial, &result), 0);
	assert_int_equal(result.answered + result.failed + result.unanswered, result.sent);
	assert_int_equal(result.delivered + result.lost + result.denied, result.sent_all);
	assert_int_equal(result.doubled, 0);
	return result;
}

static uint64_t all_wrong(const struct load_result *result)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < LOAD_WRONG_COUNT; i++)
		sum += result->wrong[i];
	return sum;
}

/* Three sends, each of one datagram: however many wait at once. */
static void test_a_request_without_answer_goes_again_once_each_time(void **state)
{
	struct load *load = start(1);
	struct load_result result;

	come_in(load);
	platform.mute_until = platform_time + (20 + 5 * RETRY_MS / 2) * MS;
	result = measure(load, 20);
	assert_true(result.sent > 0);
	assert_int_equal(result.repeated, 2 * result.sent);
	assert_int_equal(platform.repeats, 2 * result.sent);
	/* each of them was answered: that is nothing wrong */
	assert_int_equal(result.answered, result.sent);
	assert_int_equal(result.disconnected, 0);
	assert_int_equal(all_wrong(&result), 0);
	platform_end(load);
}

/* A device that hears nothing at all logs in again after the third send. */
static bool lose_all(struct platform *p, uint32_t device)
{
	return device == 7;
}

static void test_a_device_gives_up_after_the_third_send(void **state)
{
	struct load *load = start(1);
	struct load_login_result login;

	platform.lose = lose_all;
	assert_int_equal(load_login(load, 1, &login, NULL, NULL), -ETIMEDOUT);
	assert_int_equal(load_live(load), PLATFORM_DEVICES - 1);
	/* three times 100 ms, then 100 ms away */
	assert_in_range(login.failed, 2, 3);
	assert_in_range(login.retried, 3 * login.failed, 3 * login.failed + 2);
	platform_end(load);
}

/* A connect that goes three times is answered three times. */
static void test_the_answers_to_a_connects_repeats_are_not_wrong(void **state)
{
	struct load *load = start(1);
	struct load_login_result login;
	struct load_result result;

	platform.mute_until = platform_time + 5 * RETRY_MS / 2 * MS;
	login = come_in(load);
	assert_int_equal(login.retried, 2 * PLATFORM_DEVICES);
	assert_int_equal(login.failed, 0);
	result = measure(load, 20);
	assert_int_equal(all_wrong(&result), 0);
	assert_int_equal(result.answered, result.sent);
	platform_end(load);
}

static bool lose_one(struct platform *p, uint32_t device)
{
	return ++p->came == 5;
}

static unsigned nth;

static void other_sequence(struct platform *p, char *answer)
{
	char *digits = strstr(answer, "sequence\":\"") + 11;

	if (++nth == 700)
		*digits = *digits == '9' ? '8' : (char)(*digits + 1);
}

/* What one device sent again excuses nothing in the others' answers. */
static void test_a_wrong_number_is_told_though_something_was_sent_again(void **state)
{
	struct load *load = start(1);
	struct load_result result;

	come_in(load);
	nth = 0;
	platform.lose = lose_one;
	platform.damage = other_sequence;
	result = measure(load, 200);
	assert_true(result.repeated > 0);
	assert_int_equal(result.wrong[LOAD_BAD_SEQUENCE], 1);
	assert_int_equal(all_wrong(&result), 1);
	platform_end(load);
}

/* One is lost and the next one comes: 200003, and the device logs in again without delay. */
static void test_a_gap_ends_the_session_and_the_device_comes_back(void **state)
{
	struct load *load = start(8);
	struct load_result result;
	uint64_t began;

	come_in(load);
	platform.strict = true;
	platform.lose = lose_one;
	began = platform_time;
	result = measure(load, 20);
	assert_int_equal(result.failed, 1);
	assert_int_equal(result.disconnected, 1);
	assert_int_equal(result.relogins, 1);
	assert_in_range(result.lost, 1, result.unanswered);
	assert_int_equal(all_wrong(&result), 0);
	assert_int_equal(result.repeated, 0);
	assert_true(platform_time - began < 2 * RETRY_MS * MS + 100 * MS);
	platform_end(load);
}

/* Wrong is wrong, while devices come in, too: the next trial tells it. */
static void test_what_was_wrong_at_login_is_told(void **state)
{
	struct load *load = start(1);
	struct hearth_record record = {.event = HEARTH_UPLINK, .device_length = IDENTITY_ID};
	struct load_result result;

	feed_write(feed_ring(platform.feed, 0), FEED_REQUEST, &record, "400000000000000000000050",
		NULL, NULL);
	come_in(load);
	result = measure(load, 20);
	assert_int_equal(result.wrong[LOAD_BAD_STRANGER], 1);
	assert_int_equal(all_wrong(&result), 1);
	assert_true(strlen(result.first_wrong) > 0);
	result = measure(load, 20);
	assert_int_equal(all_wrong(&result), 0);
	assert_int_equal(strlen(result.first_wrong), 0);
	platform_end(load);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
		T(test_a_request_without_answer_goes_again_once_each_time),
		T(test_a_device_gives_up_after_the_third_send),
		T(test_the_answers_to_a_connects_repeats_are_not_wrong),
		T(test_a_wrong_number_is_told_though_something_was_sent_again),
		T(test_a_gap_ends_the_session_and_the_device_comes_back),
		T(test_what_was_wrong_at_login_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
