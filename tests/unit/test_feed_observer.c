/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_feed_observer.c - those who look on: never in the way, never shown half a record */
#include "feed_fixture.h"

#include <pthread.h>
#include <stdbool.h>

/* The reader is compiled in here: between any two words that it copies the broker may write. */
static void step(void);
#define FEED_STEP() step()
#include "feed/hearth_feed.c"

enum { RACE_RECORDS = 400000 };

static int read_all(struct hearth_feed *reader)
{
	struct hearth_item item;
	int count = 0;

	while (hearth_feed_next(reader, &item) == 1)
		count++;
	return count;
}

static void test_observer(void **state)
{
	struct feed_config config = fixture_config(1, 8192);
	struct feed *feed = fixture_feed(&config);
	struct feed_ring *ring = feed_ring(feed, 0);
	struct hearth_feed *consumer = fixture_reader(0), *observer, *second;
	struct hearth_item item;
	uint64_t n = 0;

	assert_int_equal(fixture_write(ring, n++), 0);
	fixture_publish(ring);
	observer = fixture_reader(HEARTH_FEED_OBSERVE);
	second = fixture_reader(HEARTH_FEED_OBSERVE);
	assert_int_equal(hearth_feed_next(observer, &item), 0); /* what came before is not shown */
	assert_int_equal(hearth_feed_commit(observer), -EPERM);

	assert_int_equal(fixture_write(ring, n), 0);
	fixture_publish(ring);
	assert_int_equal(hearth_feed_next(observer, &item), 1);
	assert_true(fixture_is(&item, n));
	assert_true(hearth_feed_valid(observer));

	/* Overwritten under its hands: it is told so, what it holds stays whole. */
	read_all(consumer);
	hearth_feed_commit(consumer);
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(fixture_write_small(ring, FEED_REQUEST), 0);
		fixture_publish(ring);
		read_all(consumer);
		hearth_feed_commit(consumer);
	}
	assert_false(hearth_feed_valid(observer));
	assert_true(hearth_feed_valid(consumer));
	assert_true(fixture_is(&item, n));
	assert_int_equal(hearth_feed_next(observer, &item), -EOVERFLOW);
	assert_int_equal(hearth_feed_next(observer, &item), 0);
	assert_int_equal(hearth_feed_next(second, &item), -EOVERFLOW);
	assert_int_equal(fixture_write(ring, ++n), 0);
	fixture_publish(ring);
	assert_int_equal(hearth_feed_next(observer, &item), 1);
	assert_true(fixture_is(&item, n));
	assert_int_equal(hearth_feed_next(second, &item), 1);
	hearth_feed_close(second);
	hearth_feed_close(observer);
	hearth_feed_close(consumer);
	feed_close(feed);
}

/* A record that is announced but not yet written over is already too late, to the byte. */
static void test_observer_reserve(void **state)
{
	struct feed_config config = fixture_config(1, 4096);
	struct feed *feed = fixture_feed(&config);
	struct feed_ring *ring = feed_ring(feed, 0);
	struct hearth_feed *observer = fixture_reader(HEARTH_FEED_OBSERVE);
	struct hearth_feed *consumer = fixture_reader(0);
	struct hearth_item item;

	/* 36 * 112 = 4032: 64 bytes are left. The observer has record 0 when 37 are written. */
	for (unsigned i = 0; i < 36; i++)
		assert_int_equal(fixture_write_small(ring, FEED_LIFECYCLE), 0);
	fixture_publish(ring);
	assert_int_equal(read_all(consumer), 36);
	hearth_feed_commit(consumer);
	assert_int_equal(hearth_feed_next(observer, &item), 1);
	assert_true(hearth_feed_valid(observer));
	assert_int_equal(hearth_feed_next(observer, &item), 1);
	assert_int_equal(
		fixture_write_small(ring, FEED_LIFECYCLE), 0); /* unpublished: takes record 0 */
	assert_true(hearth_feed_valid(observer));
	assert_int_equal(hearth_feed_next(observer, &item), 1);
	assert_true(item.record->id == 4096 + 2 * 112);
	assert_int_equal(fixture_write_small(ring, FEED_LIFECYCLE), 0); /* takes record 1 */
	assert_int_equal(fixture_write_small(ring, FEED_LIFECYCLE), 0); /* and 2 */
	assert_false(hearth_feed_valid(observer));
	assert_int_equal(hearth_feed_next(observer, &item), 1); /* 3 still stands */
	assert_int_equal(fixture_write_small(ring, FEED_LIFECYCLE), 0);
	assert_int_equal(fixture_write_small(ring, FEED_LIFECYCLE), 0);
	assert_int_equal(hearth_feed_next(observer, &item), -EOVERFLOW);
	assert_int_equal(hearth_feed_next(observer, &item), 0);
	fixture_publish(ring);
	assert_int_equal(hearth_feed_next(observer, &item), 1);
	assert_true(item.record->id == 4096 + 36 * 112);
	hearth_feed_close(observer);
	hearth_feed_close(consumer);
	feed_close(feed);
}

static struct feed_ring *stepping;
static unsigned steps_left;

static void step(void)
{
	if (!stepping || steps_left-- != 0)
		return;
	/* All that is free: the record that is being copied goes. */
	while (fixture_write_small(stepping, FEED_LIFECYCLE) == 0)
		;
}

/* Written over after any number of words: overtaken, never damaged, never a mixture. */
static void test_observer_torn(void **state)
{
	struct feed_config config = fixture_config(1, 4096);
	struct feed *feed = fixture_feed(&config);
	struct hearth_feed *consumer = fixture_reader(0);
	struct hearth_item item;
	unsigned torn = 0;

	for (unsigned k = 0; k <= 112 / 8; k++) {
		struct feed_ring *ring = feed_ring(feed, 0);
		struct hearth_feed *observer = fixture_reader(HEARTH_FEED_OBSERVE);
		uint64_t start = feed_fill(ring).head;
		int rc;

		assert_int_equal(fixture_write_small(ring, FEED_LIFECYCLE), 0);
		for (unsigned i = 0; i < 20; i++)
			assert_int_equal(fixture_write_small(ring, FEED_LIFECYCLE), 0);
		fixture_publish(ring);
		read_all(consumer);
		hearth_feed_commit(consumer);
		steps_left = k;
		stepping = ring;
		rc = hearth_feed_next(observer, &item);
		stepping = NULL;
		if (k < 112 / 8) {
			assert_int_equal(rc, -EOVERFLOW);
			torn++;
		} else {
			/* All words were copied before. */
			assert_int_equal(rc, 1);
			assert_true(item.record->id == start);
		}
		fixture_publish(ring);
		read_all(consumer);
		hearth_feed_commit(consumer);
		hearth_feed_close(observer);
	}
	assert_int_equal(torn, 14);
	hearth_feed_close(consumer);
	feed_close(feed);
}

static bool race_over;

/* A broker and a consumer that go around and around the ring. */
static void *go_around(void *context)
{
	struct feed *feed = context;
	struct feed_ring *ring = feed_ring(feed, 0);
	struct hearth_feed *consumer = fixture_reader(0);

	for (uint64_t n = 0; n < RACE_RECORDS; n++) {
		while (fixture_write(ring, n) < 0) {
			read_all(consumer);
			hearth_feed_commit(consumer);
		}
		fixture_publish(ring);
	}
	hearth_feed_close(consumer);
	__atomic_store_n(&race_over, true, __ATOMIC_RELEASE);
	return NULL;
}

/* What an observer returns is whole, however late it comes: overtaken is not damaged. */
static void test_observer_race(void **state)
{
	struct feed_config config = fixture_config(1, 4096);
	struct feed *feed = fixture_feed(&config);
	struct hearth_feed *observer = fixture_reader(HEARTH_FEED_OBSERVE);
	struct hearth_item item;
	unsigned items = 0, overtaken = 0;
	uint64_t last = 0;
	pthread_t thread;

	race_over = false;
	assert_int_equal(pthread_create(&thread, NULL, go_around, feed), 0);
	while (!__atomic_load_n(&race_over, __ATOMIC_ACQUIRE)) {
		int rc = hearth_feed_next(observer, &item);

		if (rc == 1) {
			assert_true(fixture_is(&item, item.record->time));
			assert_true(item.record->id > last);
			last = item.record->id;
			items++;
		} else if (rc == -EOVERFLOW) {
			overtaken++;
		} else {
			assert_int_equal(rc, 0);
		}
	}
	pthread_join(thread, NULL);
	print_message("%u records seen, overtaken %u times\n", items, overtaken);
	hearth_feed_close(observer);
	feed_close(feed);
}

#define FEED_TEST(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FEED_TEST(test_observer),
		FEED_TEST(test_observer_reserve),
		FEED_TEST(test_observer_torn),
		FEED_TEST(test_observer_race),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
