/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_feed_damage.c - cursors and records that are not what they should be */
#include "feed_fixture.h"

#include "feed/layout.h"

static uint64_t commit_offset(unsigned worker)
{
	return 64 * (1 + worker);
}

/* The consumer's cursor may hold anything. */
static void test_damaged_commit(void **state)
{
	struct feed_config config = fixture_config(2, 4096);
	struct feed *feed = fixture_feed(&config);
	struct feed_ring *ring = feed_ring(feed, 1);
	struct hearth_feed *reader = fixture_reader(0);
	struct hearth_item item;
	uint64_t head, bad;

	for (unsigned i = 0; i < 4096 / 112; i++)
		assert_int_equal(fixture_write_small(ring, FEED_LIFECYCLE), 0);
	fixture_publish(ring);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(hearth_feed_next(reader, &item), 1);
	hearth_feed_commit(reader);
	assert_int_equal(fixture_write_small(ring, FEED_LIFECYCLE), 0); /* the broker has seen it */
	fixture_publish(ring);
	head = feed_fill(ring).head;
	hearth_feed_close(reader);

	const uint64_t values[] = {0, 4096, 4096 + 4 * 112, 4096 + 5 * 112 + 8, head + 16,
		head + 4096, 1ULL << 63, UINT64_MAX, UINT64_MAX - 15};
	for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		unsigned before = (unsigned)counter_read(&feed_counters(ring)[FEED_BAD_COMMIT]);

		fixture_poke(".commit", commit_offset(1), &values[i], 8);
		for (unsigned n = 0; n < 8; n++)
			assert_int_equal(fixture_write_small(ring, FEED_LIFECYCLE),
				n < 4 && i == 0 ? 0 : -ENOSPC);
		assert_true(counter_read(&feed_counters(ring)[FEED_BAD_COMMIT]) > before);
		assert_true(feed_fill(ring).commit == 4096 + 5 * 112);
		/* A consumer goes on where nothing was overwritten. */
		reader = fixture_reader(0);
		assert_int_equal(hearth_feed_next(reader, &item), 1);
		assert_true(item.record->id == 4096 + 5 * 112);
		hearth_feed_close(reader);
	}

	/* Also over a restart; the first good commit heals it. */
	bad = UINT64_MAX;
	fixture_poke(".commit", commit_offset(1), &bad, 8);
	fixture_publish(ring);
	feed_close(feed);
	feed = fixture_feed(&config);
	ring = feed_ring(feed, 1);
	assert_true(counter_read(&feed_counters(ring)[FEED_BAD_COMMIT]) > 0);
	reader = fixture_reader(0);
	assert_int_equal(hearth_feed_next(reader, &item), 1);
	assert_true(item.record->id == 4096 + 5 * 112);
	hearth_feed_commit(reader);
	assert_int_equal(fixture_write_small(ring, FEED_LIFECYCLE), 0);
	assert_int_equal(fixture_write_small(ring, FEED_LIFECYCLE), -ENOSPC);
	hearth_feed_close(reader);
	feed_close(feed);
}

static uint64_t data_offset(const struct feed_config *config, unsigned worker)
{
	return 4096 * (1 + config->workers) + worker * config->bytes;
}

/* Every byte that counts, changed: the record is never returned, the other ring goes on. */
static void test_damaged_record(void **state)
{
	struct feed_config config = fixture_config(2, 8192);
	struct feed *feed = fixture_feed(&config);
	struct feed_ring *ring = feed_ring(feed, 0);
	struct hearth_item item;
	struct hearth_record record = {
		.device_length = 24, .gateway_length = 9, .payload_length = 33};
	const char bytes[64] = "{\"device\":\"\"}";
	uint64_t start = data_offset(&config, 0) + 4096;
	unsigned used = 104 + 24 + 9 + 33;

	assert_int_equal(feed_write(ring, FEED_REQUEST, &record, bytes, bytes, bytes), 0);
	assert_int_equal(fixture_write(feed_ring(feed, 1), 7), 0);
	feed_publish(ring);
	fixture_publish(feed_ring(feed, 1));
	for (unsigned at = 0; at < used; at++) {
		struct hearth_feed *reader = fixture_reader(0);
		uint8_t good, bad;

		fixture_peek("", start + at, &good, 1);
		bad = good ^ (uint8_t)(1 << at % 8);
		fixture_poke("", start + at, &bad, 1);
		item.worker = 99;
		assert_int_equal(hearth_feed_next(reader, &item), -EBADMSG);
		assert_int_equal(item.worker, 0);
		assert_int_equal(hearth_feed_next(reader, &item), 1);
		assert_true(fixture_is(&item, 7));
		assert_int_equal(hearth_feed_next(reader, &item), 0);
		hearth_feed_close(reader);
		fixture_poke("", start + at, &good, 1);
	}
	/* A replay does not take it either. */
	fixture_poke("", start + 110, "#", 1);
	feed_close(feed);
	feed = fixture_feed(&config);
	assert_int_equal(feed_replay(feed_ring(feed, 0), NULL, NULL), -EBADMSG);
	feed_close(feed);
}

/* Cursors that a reader must not follow. */
static void test_damaged_head(void **state)
{
	struct feed_config config = fixture_config(1, 4096);
	struct feed *feed = fixture_feed(&config);
	const uint64_t heads[] = {0, 4096 + 16, 4096 + 112 + 16, 4096 + 4096 + 16, UINT64_MAX};
	struct hearth_item item;

	assert_int_equal(fixture_write_small(feed_ring(feed, 0), FEED_REQUEST), 0);
	feed_publish(feed_ring(feed, 0));
	for (unsigned i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		const uint64_t first = 4096;
		struct hearth_feed *reader;

		fixture_poke("", FEED_PAGE, &first, 8);
		reader = fixture_reader(0);
		fixture_poke("", FEED_PAGE, &heads[i], 8);
		if (i == 2)
			assert_int_equal(hearth_feed_next(reader, &item), 1);
		assert_int_equal(hearth_feed_next(reader, &item), -EBADMSG);
		assert_int_equal(hearth_feed_next(reader, &item), 0);
		hearth_feed_close(reader);
	}
	assert_null(hearth_feed_open(fixture_path, 0, fixture_error, sizeof(fixture_error)));
	assert_int_equal(errno, EPROTO);
	feed_close(feed);
}

/* Whole records with a right checksum, and still not what should stand there. */
static void test_misplaced_record(void **state)
{
	struct feed_config config = fixture_config(1, 4096);
	struct feed *feed = fixture_feed(&config);
	struct feed_ring *ring = feed_ring(feed, 0);
	const uint64_t start = data_offset(&config, 0), cut = 4096 + 2 * 112 + 112;
	struct hearth_record record = {.payload_length = 60};
	struct hearth_feed *reader;
	struct hearth_item item;
	uint8_t first[112];
	uint64_t head;

	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(fixture_write_small(ring, FEED_REQUEST), 0);
	assert_int_equal(
		feed_write(ring, FEED_REQUEST, &record, NULL, NULL,
			"{\"a\":\"0123456789012345678901234567890123456789012345678901\"}"),
		0);
	fixture_publish(ring);

	/* A head inside the last record: it is not all there. */
	head = feed_fill(ring).head;
	assert_true(head > cut);
	fixture_poke("", FEED_PAGE, &cut, 8);
	reader = fixture_reader(0);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(hearth_feed_next(reader, &item), 1);
	assert_int_equal(hearth_feed_next(reader, &item), -EBADMSG);
	hearth_feed_close(reader);
	fixture_poke("", FEED_PAGE, &head, 8);

	/* An older record in the place of a newer one, as after a lost write. */
	fixture_peek("", start, first, sizeof(first));
	fixture_poke("", start + 112, first, sizeof(first));
	reader = fixture_reader(0);
	assert_int_equal(hearth_feed_next(reader, &item), 1);
	assert_int_equal(hearth_feed_next(reader, &item), -EBADMSG);
	hearth_feed_close(reader);
	feed_close(feed);
}

#define FEED_TEST(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FEED_TEST(test_damaged_commit),
		FEED_TEST(test_damaged_record),
		FEED_TEST(test_damaged_head),
		FEED_TEST(test_misplaced_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
