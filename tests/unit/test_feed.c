/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_feed.c - the event ring against a model: wrap, room, limits, order */
#include "feed_fixture.h"

#include "feed/crc32c.h"
#include "feed/layout.h"

enum { MODEL_RECORDS = 4096, RANDOM_STEPS = 400000 };

static void test_crc32c(void **state)
{
	uint8_t bytes[1100];

	/* RFC 3720 appendix B.4 */
	assert_int_equal(feed_crc32c("123456789", 9), 0xe3069283);
	memset(bytes, 0, 32);
	assert_int_equal(feed_crc32c(bytes, 32), 0x8a9136aa);
	memset(bytes, 0xff, 32);
	assert_int_equal(feed_crc32c(bytes, 32), 0x62a8ab43);
	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)fixture_mix(i);
	for (unsigned at = 0; at < 9; at++) {
		for (unsigned length = 0; length + at <= sizeof(bytes); length++)
			assert_int_equal(feed_crc32c(bytes + at, length),
				feed_crc32c_plain(bytes + at, length));
	}
}

/* What the ring should hold, kept as a plain list: n is the record's number. */
struct model {
	struct {
		uint64_t id, length;
	} records[MODEL_RECORDS];
	uint64_t written, published, applied, read, committed; /* record numbers */
	uint64_t bytes, keep, pending;
};

static uint64_t model_cursor(const struct model *model, uint64_t n)
{
	return n == model->written ? model->pending : model->records[n % MODEL_RECORDS].id;
}

static uint64_t model_length(uint64_t n)
{
	struct fixture_record filled;
	uint64_t length;

	fixture_fill(&filled, n);
	length = 104 + filled.record.device_length + filled.record.gateway_length +
		 filled.record.payload_length;
	return length % 16 ? length + 16 - length % 16 : length;
}

static void model_write(struct model *model, struct feed_ring *ring, enum feed_class class)
{
	uint64_t n = model->written, length = model_length(n), id = 0;
	uint64_t oldest = model->committed < model->applied ? model->committed : model->applied;
	uint64_t used = model->pending - model_cursor(model, oldest);
	bool fits = used + length + (class == FEED_REQUEST ? model->keep : 0) <= model->bytes;

	assert_int_equal(fixture_write_as(ring, class, n, &id), fits ? 0 : -ENOSPC);
	if (!fits)
		return;
	assert_true(id == model->pending);
	model->records[n % MODEL_RECORDS].id = id;
	model->records[n % MODEL_RECORDS].length = length;
	model->pending += length;
	model->written++;
}

static void model_read(struct model *model, struct hearth_feed *reader)
{
	struct hearth_item item;
	int rc = hearth_feed_next(reader, &item);

	assert_int_equal(rc, model->read < model->published);
	if (rc == 0)
		return;
	assert_true(fixture_is(&item, model->read));
	assert_true(item.record->id == model->records[model->read % MODEL_RECORDS].id);
	model->read++;
	assert_true(hearth_feed_lag(reader) ==
		    model_cursor(model, model->published) - model_cursor(model, model->read));
}

static void random_run(uint64_t first_id, uint64_t seed)
{
	struct feed_config config = fixture_config(1, 16384);
	static struct model model;
	struct feed *feed;
	struct feed_ring *ring;
	struct hearth_feed *reader;

	config.first_id = first_id;
	feed = fixture_feed(&config);
	ring = feed_ring(feed, 0);
	reader = fixture_reader(0);
	memset(&model, 0, sizeof(model));
	model.bytes = 16384;
	model.keep = 4096;
	model.pending = first_id;
	for (unsigned step = 0; step < RANDOM_STEPS; step++) {
		uint64_t dice = fixture_mix(seed + step);

		switch (dice % 16) {
		case 0:
			feed_publish(ring);
			model.published = model.written;
			break;
		case 1:
			feed_applied(ring);
			model.applied = model.published;
			break;
		case 2:
			assert_int_equal(hearth_feed_commit(reader), 0);
			model.committed = model.read;
			break;
		case 3 ... 8:
			model_read(&model, reader);
			break;
		default:
			model_write(&model, ring, (dice >> 8) % 8 ? FEED_REQUEST : FEED_LIFECYCLE);
		}
		struct feed_fill fill = feed_fill(ring);
		assert_true(fill.head == model_cursor(&model, model.published));
		assert_true(fill.applied == model_cursor(&model, model.applied));
		assert_true(fill.commit == model_cursor(&model, model.committed));
	}
	/* Thousands of times around, or the test has not tested it. */
	assert_true((model.pending - first_id) / 16384 > 1000);
	assert_int_equal(counter_read(&feed_counters(ring)[FEED_BAD_COMMIT]), 0);
	assert_int_equal(counter_read(&feed_counters(ring)[FEED_RECORDS]), model.written);
	assert_int_equal(counter_read(&feed_counters(ring)[FEED_BYTES]), model.pending - first_id);
	hearth_feed_close(reader);
	feed_close(feed);
	fixture_remove("");
	fixture_remove(".commit");
}

static void test_random(void **state)
{
	random_run(0, 1);
	random_run(4096, 2);
	random_run(1ULL << 32, 3);
	random_run((1ULL << 63) - 8 * 4096, 4);
	random_run(UINT64_MAX - 4095 - (1ULL << 32), 5);
}

/* At every fill level and every place in the ring: exactly what fits is taken, requests leave the
 * reserve, and one committed record makes room for one. */
static void test_full(void **state)
{
	struct feed_config config = fixture_config(1, 4096);
	struct feed *feed = fixture_feed(&config);
	struct feed_ring *ring = feed_ring(feed, 0);
	struct hearth_feed *reader = fixture_reader(0);
	struct hearth_item item;
	/* keep is 1024 */
	const unsigned requests = (4096 - 1024) / 112, all = 4096 / 112;
	uint64_t full = 0;

	for (unsigned level = 0; level <= all; level++) {
		for (unsigned i = 0; i < level; i++)
			assert_int_equal(fixture_write_small(ring, FEED_LIFECYCLE), 0);
		unsigned more = level < requests ? requests - level : 0;
		for (unsigned i = 0; i < more; i++)
			assert_int_equal(fixture_write_small(ring, FEED_REQUEST), 0);
		assert_int_equal(fixture_write_small(ring, FEED_REQUEST), -ENOSPC);
		for (unsigned i = level + more; i < all; i++)
			assert_int_equal(fixture_write_small(ring, FEED_LIFECYCLE), 0);
		assert_int_equal(fixture_write_small(ring, FEED_LIFECYCLE), -ENOSPC);
		full += 2;
		fixture_publish(ring);
		for (unsigned i = 0; i < all; i++) {
			assert_int_equal(hearth_feed_next(reader, &item), 1);
			/* Read is not committed. */
			assert_int_equal(fixture_write_small(ring, FEED_LIFECYCLE), -ENOSPC);
			hearth_feed_commit(reader);
			assert_int_equal(fixture_write_small(ring, FEED_LIFECYCLE), 0);
			assert_int_equal(fixture_write_small(ring, FEED_LIFECYCLE), -ENOSPC);
			full += 2;
		}
		fixture_publish(ring);
		for (unsigned i = 0; i < all; i++)
			assert_int_equal(hearth_feed_next(reader, &item), 1);
		assert_int_equal(hearth_feed_next(reader, &item), 0);
		hearth_feed_commit(reader);
	}
	assert_int_equal(counter_read(&feed_counters(ring)[FEED_FULL]), full);
	/* Longer than the ring: refused, whatever its length says. */
	struct hearth_record record = {.payload_length = UINT32_MAX};
	assert_int_equal(
		feed_write(ring, FEED_LIFECYCLE, &record, NULL, NULL, "never read"), -ENOSPC);
	hearth_feed_close(reader);
	feed_close(feed);
}

/* The reserve is 1/64 of the ring, 64 KiB at least. */
static void test_reserve(void **state)
{
	static const struct {
		uint64_t bytes, keep;
	} sizes[] = {{256 << 10, 64 << 10}, {1 << 20, 64 << 10}, {8 << 20, 128 << 10}};

	for (unsigned i = 0; i < 3; i++) {
		struct feed_config config = fixture_config(1, sizes[i].bytes);
		struct feed *feed = fixture_feed(&config);
		struct feed_ring *ring = feed_ring(feed, 0);
		uint64_t requests = 0, events = 0;

		while (fixture_write_small(ring, FEED_REQUEST) == 0)
			requests++;
		while (fixture_write_small(ring, FEED_LIFECYCLE) == 0)
			events++;
		assert_int_equal(requests, (sizes[i].bytes - sizes[i].keep) / 112);
		assert_int_equal(requests + events, sizes[i].bytes / 112);
		feed_close(feed);
		fixture_remove("");
		fixture_remove(".commit");
	}
}

static void test_visible_when_published(void **state)
{
	struct feed_config config = fixture_config(2, 8192);
	struct feed *feed = fixture_feed(&config);
	struct hearth_feed *reader = fixture_reader(0);
	struct hearth_item item;

	for (unsigned worker = 0; worker < 2; worker++) {
		struct feed_ring *ring = feed_ring(feed, worker);

		assert_int_equal(fixture_write(ring, worker), 0);
		assert_int_equal(hearth_feed_next(reader, &item), 0);
		assert_true(hearth_feed_lag(reader) == 0);
		feed_publish(ring);
		assert_true(hearth_feed_lag(reader) > 0);
		assert_int_equal(hearth_feed_next(reader, &item), 1);
		assert_true(fixture_is(&item, worker));
		assert_int_equal(item.worker, worker);
		assert_int_equal(hearth_feed_next(reader, &item), 0);
	}
	hearth_feed_close(reader);
	feed_close(feed);
}

/* One ring that is never empty does not hide the others. */
static void test_round_robin(void **state)
{
	struct feed_config config = fixture_config(3, 65536);
	struct feed *feed = fixture_feed(&config);
	struct hearth_feed *reader = fixture_reader(0);
	struct hearth_item item;

	for (unsigned n = 0; n < 20; n++) {
		for (unsigned worker = 0; worker < 3; worker++)
			assert_int_equal(fixture_write(feed_ring(feed, worker), n), 0);
	}
	for (unsigned worker = 0; worker < 3; worker++)
		fixture_publish(feed_ring(feed, worker));
	for (unsigned n = 0; n < 60; n++) {
		assert_int_equal(hearth_feed_next(reader, &item), 1);
		assert_int_equal(item.worker, n % 3);
		assert_true(fixture_is(&item, n / 3));
	}
	assert_int_equal(hearth_feed_next(reader, &item), 0);
	hearth_feed_close(reader);
	feed_close(feed);
}

static void test_id_limit(void **state)
{
	struct feed_config config = fixture_config(2, 8192);
	struct feed *feed;
	struct feed_ring *ring;
	uint64_t id;

	config.id_limit = 4096 + 112 * 3;
	feed = fixture_feed(&config);
	ring = feed_ring(feed, 1);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(fixture_write_small(ring, FEED_REQUEST), 0);
	assert_int_equal(fixture_write_small(ring, FEED_LIFECYCLE), -ENOSPC);
	assert_int_equal(counter_read(&feed_counters(ring)[FEED_LIMIT]), 1);
	feed_raise_limit(feed, 4096); /* never down */
	assert_int_equal(fixture_write_small(ring, FEED_LIFECYCLE), -ENOSPC);
	feed_raise_limit(feed, 4096 + 112 * 4);
	assert_int_equal(fixture_write_small(ring, FEED_LIFECYCLE), 0);
	assert_int_equal(fixture_write_small(ring, FEED_LIFECYCLE), -ENOSPC);
	assert_true(feed_highest(feed) == 4096);
	fixture_publish(ring);
	assert_true(feed_highest(feed) == 4096 + 112 * 4);
	feed_close(feed);

	/* An attached ring takes the new broker's limit, also one below its head. */
	config.id_limit = 4096;
	feed = fixture_feed(&config);
	assert_true(feed_attached(feed));
	assert_int_equal(fixture_write_small(feed_ring(feed, 1), FEED_LIFECYCLE), -ENOSPC);
	feed_raise_limit(feed, UINT64_MAX);
	assert_int_equal(fixture_write_as(feed_ring(feed, 1), FEED_REQUEST, 0, &id), 0);
	assert_true(id == 4096 + 112 * 4);
	feed_close(feed);

	/* At the end of all cursors it refuses rather than begin again at 0. */
	fixture_remove("");
	config.first_id = UINT64_MAX - 4095;
	config.id_limit = UINT64_MAX;
	feed = fixture_feed(&config);
	ring = feed_ring(feed, 0);
	for (unsigned i = 0; i < 4095 / 112; i++)
		assert_int_equal(fixture_write_small(ring, FEED_REQUEST), 0);
	assert_int_equal(fixture_write_small(ring, FEED_REQUEST), -ENOSPC);
	assert_int_equal(counter_read(&feed_counters(ring)[FEED_LIMIT]), 1);
	feed_close(feed);
}

#define FEED_TEST(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crc32c),
		FEED_TEST(test_random),
		FEED_TEST(test_full),
		FEED_TEST(test_reserve),
		FEED_TEST(test_visible_when_published),
		FEED_TEST(test_round_robin),
		FEED_TEST(test_id_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
