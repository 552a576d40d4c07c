/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_load_engine.c - the instrument against a platform of mbedTLS and jansson: all is counted,
 * and every kind of wrong is told */
#include "load_platform.h"

#include "histogram.h"

static struct load_config config_of(bool tcp)
{
	return (struct load_config){.devices = PLATFORM_DEVICES,
		.seed = PLATFORM_SEED,
		.tcp = tcp,
		.bytes = {300},
		.sizes = 1,
		.code = 2006,
		.check_every = 16,
		.feed = fixture_path};
}

/* A thousand reports, on a clock of our own. */
static struct load_result run(struct load *load)
{
	static struct histogram latency, clean;
	const struct load_trial trial = {.rate = 20000,
		.measure_ms = 50,
		.drain_ms = 20000,
		.latency = &latency,
		.latency_clean = &clean};
	struct load_login_result login;
	struct load_result result;

	histogram_reset(&latency);
	histogram_reset(&clean);
	assert_int_equal(load_login(load, 60, &login, NULL, NULL), 0);
	assert_int_equal(load_live(load), PLATFORM_DEVICES);
	assert_int_equal(load_trial(load, &trial, &result), 0);
	assert_int_equal(latency.total, result.answered);
	assert_true(clean.total <= latency.total);
	assert_true(result.sent > 0);
	assert_int_equal(platform.bad, 0);
	return result;
}

static uint64_t all_wrong(const struct load_result *result)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < LOAD_WRONG_COUNT; i++)
		sum += result->wrong[i];
	return sum;
}

static void check_good(const struct load_config *config)
{
	struct load *load = platform_load(config);
	struct load_result result = run(load);

	assert_int_equal(all_wrong(&result), 0);
	assert_int_equal(result.answered, result.sent);
	assert_int_equal(result.delivered, platform.reports);
	assert_int_equal(result.lost + result.doubled + result.unanswered + result.refused, 0);
	assert_int_equal(result.disconnected, 0);
	assert_true(result.checked > 0);
	platform_end(load);
}

static void test_all_is_well_over_tcp(void **state)
{
	const struct load_config config = config_of(true);

	check_good(&config);
}

static void test_all_is_well_over_udp(void **state)
{
	const struct load_config config = config_of(false);

	check_good(&config);
}

static void test_all_is_well_in_mixed_sizes_in_order_with_heartbeats(void **state)
{
	struct load_config config = config_of(true);
	static const uint16_t sizes[] = {112, 300, 1000, 8192};

	memcpy(config.bytes, sizes, sizeof(sizes));
	config.sizes = 4;
	config.in_order = true;
	config.heartbeat_s = 1;
	check_good(&config);
}

/* Overload: what is lost goes again as it was, until it is answered; each report arrives once. */
static void test_prepared_datagrams_go_until_they_are_answered(void **state)
{
	struct load_config config = config_of(false);
	const struct load_trial trial = {
		.rate = 50000, .measure_ms = 50, .drain_ms = 20000, .prepared = true};
	struct load_login_result login;
	struct load_result result;
	struct load *load;

	config.prepared = true;
	load = platform_load(&config);
	assert_int_equal(load_login(load, 60, &login, NULL, NULL), 0);
	platform.loses = 3;
	assert_int_equal(load_trial(load, &trial, &result), 0);
	assert_int_equal(all_wrong(&result), 0);
	assert_true(result.sent > 0);
	assert_int_equal(result.answered, result.sent);
	assert_int_equal(result.delivered, platform.reports);
	assert_true(result.repeated > 0);
	assert_int_equal(result.lost + result.doubled + result.unanswered_all, 0);
	assert_int_equal(platform.bad, 0);
	platform_end(load);
}

/* Every hundredth is lost. */
static void lost_answer(struct platform *p, struct platform_frame *frame)
{
	p->frame_count -= ++p->came % 100 == 0;
}

/* What is lost in one trial is that one's: the next has nothing to wait for, to send again, or to
 * end a session for, though it is longer than three of a device's patiences. */
static void test_what_a_trial_lost_does_not_burden_the_next(void **state)
{
	struct load_config config = config_of(false);
	struct load_trial trial = {
		.rate = 20000, .measure_ms = 50, .drain_ms = 20000, .quiet_ms = 200};
	struct load_login_result login;
	struct load_result result;
	struct load *load;
	uint64_t began;

	config.retry_ms = 1000;
	load = platform_load(&config);
	assert_int_equal(load_login(load, 60, &login, NULL, NULL), 0);
	platform.spoil = lost_answer;
	began = platform_time;
	assert_int_equal(load_trial(load, &trial, &result), 0);
	assert_true(platform_time - began < 300000000);
	assert_true(result.unanswered > 0);
	assert_int_equal(result.answered + result.unanswered, result.sent);
	assert_int_equal(result.delivered, result.sent_all);
	assert_int_equal(result.lost + all_wrong(&result), 0);
	assert_false(load_kept(&result));
	platform.spoil = NULL;
	trial.measure_ms = 4000;
	trial.rate = 500;
	assert_int_equal(load_trial(load, &trial, &result), 0);
	assert_int_equal(result.answered, result.sent);
	assert_int_equal(result.delivered, result.sent_all);
	assert_int_equal(result.repeated + result.disconnected + result.lost, 0);
	assert_int_equal(all_wrong(&result), 0);
	assert_true(load_kept(&result));
	platform_end(load);
}

/* ---- wrong answers: number 10 of them */

static unsigned nth;

static bool is_tenth(void)
{
	return ++nth == 10;
}

static void other_sequence(struct platform *p, char *answer)
{
	char *digits = strstr(answer, "sequence\":\"") + 11;

	if (is_tenth())
		*digits = *digits == '9' ? '8' : (char)(*digits + 1);
}

static void other_device(struct platform *p, char *answer)
{
	char *digits = strstr(answer, "deviceId\":\"") + 11;

	if (is_tenth())
		digits[23] = digits[23] == '9' ? '8' : (char)(digits[23] + 1);
}

static void other_time(struct platform *p, char *answer)
{
	char *digits = strstr(answer, "time\":") + 6;

	if (is_tenth())
		*digits = '9';
}

static void no_result(struct platform *p, char *answer)
{
	if (is_tenth())
		memcpy(strstr(answer, "result"), "resalt", 6);
}

static void no_json(struct platform *p, char *answer)
{
	if (is_tenth())
		answer[strlen(answer) - 1] = ']';
}

static void flipped_cipher(struct platform *p, struct platform_frame *frame)
{
	/* in the last block: its padding decrypts to nonsense */
	if (is_tenth())
		frame->bytes[frame->length - 10] =
			frame->bytes[frame->length - 10] == 'A' ? 'B' : 'A';
}

static void no_base64(struct platform *p, struct platform_frame *frame)
{
	if (is_tenth())
		frame->bytes[40] = '-';
}

static void other_code(struct platform *p, struct platform_frame *frame)
{
	if (is_tenth())
		memcpy(frame->bytes + 11, "2009", 4);
}

static void no_frame(struct platform *p, struct platform_frame *frame)
{
	if (is_tenth())
		frame->bytes[0] = 'X';
}

static const struct {
	const char *name;
	void (*damage)(struct platform *, char *);
	void (*spoil)(struct platform *, struct platform_frame *);
	enum load_wrong wrong;
	bool answered; /* all the same */
} damages[] = {
	{"sequence", other_sequence, NULL, LOAD_BAD_SEQUENCE, false},
	{"device", other_device, NULL, LOAD_BAD_DEVICE, false},
	{"time", other_time, NULL, LOAD_BAD_TIME, true},
	{"member", no_result, NULL, LOAD_BAD_MEMBER, false},
	{"json", no_json, NULL, LOAD_BAD_JSON, false},
	{"secret", NULL, flipped_cipher, LOAD_BAD_SECRET, false},
	{"base64", NULL, no_base64, LOAD_BAD_BASE64, false},
	{"code", NULL, other_code, LOAD_BAD_CODE, false},
	{"frame", NULL, no_frame, LOAD_BAD_FRAME, false},
};

static void test_each_damaged_answer_is_told(void **state)
{
	for (unsigned i = 0; i < 2 * sizeof(damages) / sizeof(damages[0]); i++) {
		struct load_config config = config_of(i % 2);
		struct load *load;
		struct load_result result;
		const struct load_trial trial = {.rate = 5000, .measure_ms = 20, .drain_ms = 100};
		struct load_login_result login;

		nth = 0;
		load = platform_load(&config);
		platform.damage = damages[i / 2].damage;
		platform.spoil = damages[i / 2].spoil;
		assert_int_equal(load_login(load, 60, &login, NULL, NULL), 0);
		assert_int_equal(load_trial(load, &trial, &result), 0);
		assert_true(nth > 10);
		assert_int_equal(result.wrong[damages[i / 2].wrong], 1);
		assert_int_equal(all_wrong(&result), 1);
		assert_int_equal(result.unanswered, !damages[i / 2].answered);
		assert_int_equal(result.answered + result.unanswered, result.sent);
		assert_true(strlen(result.first_wrong) > 0);
		assert_false(load_kept(&result));
		platform_end(load);
		fixture_remove("");
		fixture_remove(".commit");
	}
}

/* ---- wrong events: number 10 of them */

static unsigned lose(struct platform *p, struct hearth_record *record, char *payload)
{
	return !is_tenth();
}

static unsigned twice(struct platform *p, struct hearth_record *record, char *payload)
{
	return 1 + is_tenth();
}

static unsigned other_payload(struct platform *p, struct hearth_record *record, char *payload)
{
	if (is_tenth())
		payload[100] ^= 1;
	return 1;
}

static unsigned other_count(struct platform *p, struct hearth_record *record, char *payload)
{
	record->count += is_tenth();
	return 1;
}

static unsigned other_number(struct platform *p, struct hearth_record *record, char *payload)
{
	char *n = memmem(payload, record->payload_length, "\"n\":\"", 5);

	assert_non_null(n);
	if (is_tenth())
		n[5] = '9'; /* more than there can be */
	return 1;
}

static unsigned through_a_gateway(struct platform *p, struct hearth_record *record, char *payload)
{
	record->via = is_tenth() ? HEARTH_VIA_NONE : record->via;
	return 1;
}

static void test_each_wrong_event_is_told(void **state)
{
	static const struct {
		unsigned (*event)(struct platform *, struct hearth_record *, char *);
		uint64_t lost, doubled, wrong;
		enum load_wrong kind;
	} events[] = {
		{lose, 1, 0, 0, 0},
		{twice, 0, 1, 0, 0},
		{other_payload, 1, 0, 1, LOAD_BAD_PAYLOAD},
		{other_count, 1, 0, 1, LOAD_BAD_EVENT},
		{other_number, 1, 0, 1, LOAD_BAD_PAYLOAD},
		{through_a_gateway, 1, 0, 1, LOAD_BAD_EVENT},
	};

	for (unsigned i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		struct load_config config = config_of(i % 2);
		struct load *load = platform_load(&config);
		struct load_result result;

		nth = 0;
		platform.event = events[i].event;
		result = run(load);
		assert_true(nth > 10);
		assert_int_equal(result.lost, events[i].lost);
		assert_int_equal(result.doubled, events[i].doubled);
		assert_int_equal(all_wrong(&result), events[i].wrong);
		if (events[i].wrong)
			assert_int_equal(result.wrong[events[i].kind], 1);
		assert_int_equal(result.answered, result.sent);
		assert_false(load_kept(&result));
		platform_end(load);
		fixture_remove("");
		fixture_remove(".commit");
	}
}

/* A record of a device that is none of ours, and a full ring's answer. */
static void refuse(struct platform *p, char *answer)
{
	if (is_tenth())
		memmove(strstr(answer, ":0,") + 7, strstr(answer, ":0,") + 2,
			strlen(strstr(answer, ":0,") + 2) + 1),
			memcpy(strstr(answer, ":0") + 1, "999999", 6);
}

static unsigned lose_refused(struct platform *p, struct hearth_record *record, char *payload)
{
	return nth != 9; /* the one whose answer is the tenth */
}

static void test_a_refused_report_is_refused_not_lost(void **state)
{
	struct load_config config = config_of(true);
	struct load *load = platform_load(&config);
	struct load_result result;

	nth = 0;
	platform.damage = refuse;
	platform.event = lose_refused;
	result = run(load);
	assert_int_equal(result.refused, 1);
	assert_int_equal(result.answered, result.sent - 1);
	assert_int_equal(result.lost, 0);
	assert_int_equal(all_wrong(&result), 0);
	assert_false(load_kept(&result));
	platform_end(load);
}

static void test_an_event_of_a_stranger_is_told(void **state)
{
	struct load_config config = config_of(true);
	struct load *load = platform_load(&config);
	struct hearth_record record = {.event = HEARTH_UPLINK, .device_length = IDENTITY_ID};
	struct load_result result;

	feed_write(feed_ring(platform.feed, 0), FEED_REQUEST, &record, "400000000000000000000050",
		NULL, NULL);
	result = run(load);
	/* it came while devices logged in, before the trial: told all the same, in the next */
	assert_int_equal(result.lost, 0);
	feed_write(feed_ring(platform.feed, 0), FEED_REQUEST, &record, "400000000000000000000050",
		NULL, NULL);
	result = run(load);
	assert_int_equal(result.wrong[LOAD_BAD_STRANGER], 1);
	assert_int_equal(all_wrong(&result), 1);
	platform_end(load);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
		T(test_all_is_well_over_tcp),
		T(test_all_is_well_over_udp),
		T(test_all_is_well_in_mixed_sizes_in_order_with_heartbeats),
		T(test_prepared_datagrams_go_until_they_are_answered),
		T(test_what_a_trial_lost_does_not_burden_the_next),
		T(test_each_damaged_answer_is_told),
		T(test_each_wrong_event_is_told),
		T(test_a_refused_report_is_refused_not_lost),
		T(test_an_event_of_a_stranger_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
