/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_control_drain.c - a drain as the control thread leads it: rate, order, deadline, its end */
#include "control_fixture.h"

#include <time.h>

#define DEVICES 12

static char ids[DEVICES][16];

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Devices with a live session each, then one that rests and one that has only logged in. */
static void start(uint32_t rate)
{
	fx.config.drain.rate = rate;
	for (unsigned i = 0; i < DEVICES; i++) {
		snprintf(ids[i], sizeof(ids[i]), "device-%u", i);
		fixture_device(ids[i], PIN);
		fixture_session(ids[i], i % WORKERS, SESSION_LIVE,
			i % 3 ? SESSION_VIA_TCP : SESSION_VIA_UDP);
	}
	fixture_device("rests", PIN);
	fixture_session("rests", 0, SESSION_RESTING, SESSION_VIA_UDP);
	fixture_device("logged-in", PIN);
	fixture_session("logged-in", 1, SESSION_LOGIN, SESSION_VIA_UDP);
	fixture_start();
}

static unsigned ended(enum control_op op)
{
	return __atomic_load_n(&fx.ended[op], __ATOMIC_RELAXED);
}

/* On one connection, as hearthctl does. */
static json_t *exchange(int fd, const char *request)
{
	client_write(fd, request, strlen(request));
	client_write(fd, "\n", 1);
	return client_answer(fd);
}

/* Ask until it is in @state; how it was then. */
static json_t *wait_for(int fd, const char *state)
{
	for (;;) {
		json_t *answer = exchange(fd, "{\"verb\":\"drain\",\"ask\":true}");

		assert_true(json_is_true(json_object_get(answer, "ok")));
		if (!strcmp(text_at(answer, "state"), state))
			return answer;
		json_decref(answer);
		usleep(2000);
	}
}

static void all_gone(void)
{
	struct session_turn turn;
	uint32_t entries = session_entries(fx.view.table, NULL);

	for (uint32_t i = 0; i < entries; i++)
		assert_false(session_peek(fx.view.table, i, &turn));
	for (unsigned i = 0; i < fx.secret_count; i++)
		assert_int_equal(session_find(fx.view.table, (const uint8_t *)fx.secrets[i].token),
			SESSION_NONE);
}

/* Everything ends: sessions, tokens of those that rest, logins. Whoever watches hears the end. */
static void test_all(void **state)
{
	json_t *answer;
	bool clean;
	int fd;

	start(1000000);
	answer = ask("{\"verb\":\"status\"}");
	assert_string_equal(text_at(json_object_get(answer, "drain"), "state"), "off");
	json_decref(answer);
	assert_false(fx.view.draining);
	fd = client_connect();
	answer = exchange(fd, "{\"verb\":\"drain\"}");
	assert_string_equal(text_at(answer, "state"), "sessions");
	assert_true(json_is_null(json_object_get(answer, "deadline")));
	assert_done(answer);
	assert_true(__atomic_load_n(&fx.view.draining, __ATOMIC_RELAXED));
	answer = wait_for(fd, "done");
	assert_true(json_is_true(json_object_get(answer, "clean")));
	json_decref(answer);
	all_gone();
	assert_int_equal(ended(CONTROL_SHUTDOWN), DEVICES + 2);
	assert_int_equal(ended(CONTROL_SHUTDOWN_NOW), 0);
	assert_refused(ask("{\"verb\":\"drain\",\"cancel\":true}"), "the drain is over");
	fixture_stop();
	urcu_qsbr_thread_offline();
	/* it has been told and has taken it */
	assert_true(control_drained(fx.control, &clean));
	assert_true(clean);
	urcu_qsbr_thread_online();
	close(fd);
}

/* Never more than the rate allows: so many sessions cannot have ended sooner. */
static void test_rate(void **state)
{
	const double began = now();
	const uint32_t rate = 20;
	int fd;

	start(rate);
	fd = client_connect();
	assert_done(exchange(fd, "{\"verb\":\"drain\"}"));
	while (ended(CONTROL_SHUTDOWN) < DEVICES + 2) {
		/* a tenth of a second's worth may come at once; two are no connected devices */
		unsigned most = (unsigned)((now() - began) * rate) + rate / 10 + 1;

		assert_true(ended(CONTROL_SHUTDOWN) <= most + 2);
		usleep(1000);
	}
	assert_true(now() - began >= (DEVICES - rate / 10.0 - 1) / rate);
	json_decref(wait_for(fd, "done"));
	close(fd);
}

/* A worker that was away does not make up for it by a storm. */
static void test_stalled_worker(void **state)
{
	const uint32_t rate = 10;
	unsigned queued = 0;
	int fd;

	__atomic_store_n(&fx.stuck, true, __ATOMIC_RELAXED);
	start(rate);
	fd = client_connect();
	assert_done(exchange(fd, "{\"verb\":\"drain\"}"));
	usleep(1500000); /* time for 15 */
	for (unsigned i = 0; i < WORKERS; i++)
		queued += __atomic_load_n(&fx.mail[i].head, __ATOMIC_ACQUIRE);
	/* what stands for a live session, and the two that are none */
	assert_in_range(queued, 1, rate / 10 + 2);
	__atomic_store_n(&fx.stuck, false, __ATOMIC_RELAXED);
	json_decref(wait_for(fd, "done"));
	all_gone();
	close(fd);
}

/* At the deadline the rate is not kept any more. */
static void test_deadline(void **state)
{
	json_t *answer;
	int fd;

	start(1);
	fd = client_connect();
	assert_done(exchange(fd, "{\"verb\":\"drain\"}"));
	answer = exchange(fd, "{\"verb\":\"drain\",\"deadline\":0}"); /* somebody else's */
	assert_true(json_is_true(json_object_get(answer, "already")));
	assert_int_equal(number_at(answer, "deadline"), 0);
	json_decref(answer);
	json_decref(wait_for(fd, "done"));
	all_gone();
	assert_true(ended(CONTROL_SHUTDOWN_NOW) > 0);
	close(fd);
}

/* Called off: what has not ended goes on, and devices may log in again. */
static void test_cancel(void **state)
{
	json_t *answer;
	unsigned before;

	start(1);
	assert_refused(ask("{\"verb\":\"drain\",\"cancel\":true}"), "no drain is under way");
	assert_done(ask("{\"verb\":\"drain\"}"));
	answer = ask("{\"verb\":\"drain\",\"cancel\":true}");
	assert_string_equal(text_at(answer, "state"), "off");
	assert_done(answer);
	assert_false(__atomic_load_n(&fx.view.draining, __ATOMIC_RELAXED));
	answer = ask("{\"verb\":\"status\"}");
	before = (unsigned)(number_at(json_object_get(answer, "sessions"), "live_tcp") +
			    number_at(json_object_get(answer, "sessions"), "live_udp"));
	json_decref(answer);
	assert_in_range(before, 1, DEVICES);
	assert_false(control_drained(fx.control, NULL));
}

/* An event that nobody has committed is waited for; the rest of the drain is done meanwhile. */
static void test_events(void **state)
{
	struct hearth_record record = {.event = HEARTH_ALERT, .device_length = 1};
	struct feed_ring *ring = feed_ring(fx.view.feed, 1);
	char path[96], error[256];
	struct hearth_feed *reader;
	struct hearth_item item;
	json_t *answer;
	bool clean;
	int fd;

	assert_int_equal(feed_write(ring, FEED_LIFECYCLE, &record, "x", NULL, NULL), 0);
	feed_publish(ring);
	feed_applied(ring);
	start(1000000);
	fd = client_connect();
	assert_done(exchange(fd, "{\"verb\":\"drain\"}"));
	answer = wait_for(fd, "events");
	assert_true(number_at(answer, "event_bytes") > 0);
	assert_int_equal(number_at(answer, "sessions"), 0);
	json_decref(answer);
	all_gone();
	snprintf(path, sizeof(path), "%s/ring", fx.directory);
	reader = hearth_feed_open(path, 0, error, sizeof(error));
	assert_non_null(reader);
	assert_int_equal(hearth_feed_next(reader, &item), 1);
	assert_int_equal(hearth_feed_commit(reader), 0);
	answer = wait_for(fd, "done");
	assert_true(json_is_true(json_object_get(answer, "clean")));
	json_decref(answer);
	hearth_feed_close(reader);
	fixture_stop();
	assert_true(control_drained(fx.control, &clean));
	assert_true(clean);
	close(fd);
}

/* Nobody commits: the deadline ends it, and what is left is told. */
static void test_events_left(void **state)
{
	struct hearth_record record = {.event = HEARTH_ALERT, .device_length = 1};
	struct feed_ring *ring = feed_ring(fx.view.feed, 1);
	json_t *answer;
	int fd;

	assert_int_equal(feed_write(ring, FEED_LIFECYCLE, &record, "x", NULL, NULL), 0);
	feed_publish(ring);
	feed_applied(ring);
	start(1000000);
	fd = client_connect();
	assert_done(exchange(fd, "{\"verb\":\"drain\",\"deadline\":0}"));
	answer = wait_for(fd, "done");
	assert_true(json_is_false(json_object_get(answer, "clean")));
	assert_true(number_at(answer, "event_bytes") > 0);
	json_decref(answer);
	all_gone();
	close(fd);
}

static void test_refused(void **state)
{
	start(10);
	assert_refused(ask("{\"verb\":\"drain\",\"deadline\":-1}"), "deadline must be");
	assert_refused(ask("{\"verb\":\"drain\",\"deadline\":604801}"), "deadline must be");
	assert_refused(ask("{\"verb\":\"drain\",\"deadline\":\"soon\"}"), "bad request");
	assert_refused(ask("{\"verb\":\"drain\",\"now\":true}"), "bad request");
	assert_false(fx.view.draining);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_all),
		TEST(test_rate),
		TEST(test_stalled_worker),
		TEST(test_deadline),
		TEST(test_cancel),
		TEST(test_events),
		TEST(test_events_left),
		TEST(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
