/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_feed_answer.c - answers that wait for the consumer's commit: the walk behind it, the room
 * that it frees, the cursor over restarts (DESIGN "Events", acknowledge: commit) */
#include "feed_fixture.h"

#include "feed/layout.h"

enum { RANDOM_STEPS = 300000, SMALL = 112 };

static struct feed_config answering(unsigned workers, uint64_t bytes)
{
	struct feed_config config = fixture_config(workers, bytes);

	config.answers = true;
	return config;
}

/* struct walk - what a walk is to find; @room: so many and no more */
struct walk {
	uint64_t next, last_id;
	unsigned room;
};

static bool visit(void *context, const struct hearth_item *item)
{
	struct walk *walk = context;

	if (walk->room == 0)
		return false;
	walk->room--;
	assert_true(fixture_is(item, walk->next));
	assert_true(item->record->id > walk->last_id);
	walk->last_id = item->record->id;
	walk->next++;
	return true;
}

static bool visit_small(void *context, const struct hearth_item *item)
{
	assert_int_equal(item->record->device_length, 8);
	++*(unsigned *)context;
	return true;
}

static void note(void *context, const struct hearth_item *item)
{
	struct walk *walk = context;

	if (walk->room++ == 0)
		walk->next = item->record->time;
	assert_true(fixture_is(item, walk->next));
	walk->next++;
}

static void read_records(struct hearth_feed *reader, unsigned count)
{
	struct hearth_item item;

	for (unsigned i = 0; i < count; i++)
		assert_int_equal(hearth_feed_next(reader, &item), 1);
	assert_int_equal(hearth_feed_commit(reader), 0);
}

static void test_visits_what_is_committed_once(void **state)
{
	struct feed_config config = answering(1, 65536);
	struct feed *feed = fixture_feed(&config);
	struct feed_ring *ring = feed_ring(feed, 0);
	struct hearth_feed *reader = fixture_reader(0);
	struct walk walk = {.room = 100};

	assert_int_equal(feed_answer(ring, 100, visit, &walk), 0); /* nothing there */
	for (uint64_t n = 0; n < 20; n++)
		assert_int_equal(fixture_write(ring, n), 0);
	fixture_publish(ring);
	assert_int_equal(feed_answer(ring, 100, visit, &walk), 0); /* nothing committed */
	read_records(reader, 7);
	assert_int_equal(feed_answer(ring, 3, visit, &walk), 3); /* bounded */
	feed_answered(ring);
	assert_int_equal(feed_answer(ring, 100, visit, &walk), 4);
	assert_int_equal(feed_answer(ring, 100, visit, &walk), 0);
	feed_answered(ring);
	assert_int_equal(feed_answer(ring, 100, visit, &walk), 0);
	read_records(reader, 13);
	walk.room = 5; /* the transport has room for so many */
	assert_int_equal(feed_answer(ring, 100, visit, &walk), 5);
	feed_answered(ring);
	walk.room = 100;
	assert_int_equal(feed_answer(ring, 100, visit, &walk), 8);
	assert_int_equal(walk.next, 20);
	feed_answered(ring);
	assert_true(feed_fill(ring).answered == feed_fill(ring).head);
	hearth_feed_close(reader);
	feed_close(feed);
}

/* acknowledge: ring: there is nothing to walk, and nothing waits. */
static void test_answers_at_once(void **state)
{
	struct feed_config config = fixture_config(1, 4096);
	struct feed *feed = fixture_feed(&config);
	struct feed_ring *ring = feed_ring(feed, 0);
	struct hearth_feed *reader = fixture_reader(0);
	struct walk walk = {.room = 100};
	uint64_t answered;

	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(fixture_write(ring, i), 0);
		fixture_publish(ring);
		read_records(reader, 1);
		assert_int_equal(feed_answer(ring, 100, visit, &walk), 0);
		feed_answered(ring);
	}
	assert_int_equal(feed_unanswered(ring, note, &walk), 0);
	assert_true(feed_fill(ring).answered == feed_fill(ring).head);
	fixture_peek("", FEED_PAGE + offsetof(struct feed_cursors, answered), &answered, 8);
	assert_true(answered == FEED_ANSWERED_AT_ONCE);
	hearth_feed_close(reader);
	feed_close(feed);
}

/*
 * At every fill level and every place in the ring: a committed record makes no room until its
 * answer is with the transport, then exactly its own.
 */
static void test_full(void **state)
{
	struct feed_config config = answering(1, 4096);
	struct feed *feed = fixture_feed(&config);
	struct feed_ring *ring = feed_ring(feed, 0);
	struct hearth_feed *reader = fixture_reader(0);
	const unsigned all = 4096 / SMALL;
	unsigned visited = 0, written = 0;

	for (unsigned level = 1; level <= all; level++) {
		for (unsigned i = 0; i < all; i++, written++)
			assert_int_equal(fixture_write_small(ring, FEED_LIFECYCLE), 0);
		assert_int_equal(fixture_write_small(ring, FEED_LIFECYCLE), -ENOSPC);
		fixture_publish(ring);
		read_records(reader, level);
		assert_int_equal(fixture_write_small(ring, FEED_LIFECYCLE), -ENOSPC);
		assert_int_equal(feed_answer(ring, 1, visit_small, &visited), 1);
		assert_int_equal(fixture_write_small(ring, FEED_LIFECYCLE), -ENOSPC);
		feed_answered(ring);
		assert_int_equal(fixture_write_small(ring, FEED_LIFECYCLE), 0);
		written++;
		assert_int_equal(fixture_write_small(ring, FEED_LIFECYCLE), -ENOSPC);
		assert_int_equal(feed_answer(ring, all, visit_small, &visited), level - 1);
		feed_answered(ring);
		for (unsigned i = 1; i < level; i++, written++)
			assert_int_equal(fixture_write_small(ring, FEED_LIFECYCLE), 0);
		assert_int_equal(fixture_write_small(ring, FEED_LIFECYCLE), -ENOSPC);
		fixture_publish(ring);
		read_records(reader, all);
		assert_int_equal(feed_answer(ring, all + 1, visit_small, &visited), all);
		feed_answered(ring);
		assert_int_equal(visited, written);
	}
	hearth_feed_close(reader);
	feed_close(feed);
}

/* Random turns of both sides against what should be: every record is visited once, after its
 * commit, in order, and the ring never gives away what was not visited. */
static void test_random(void **state)
{
	struct feed_config config = answering(1, 8192);
	struct feed *feed = fixture_feed(&config);
	struct feed_ring *ring = feed_ring(feed, 0);
	struct hearth_feed *reader = fixture_reader(0);
	uint64_t written = 0, published = 0, returned = 0, committed = 0, full = 0;
	struct walk walk = {0};
	struct hearth_item item;

	for (uint64_t step = 0; step < RANDOM_STEPS; step++) {
		uint64_t mix = fixture_mix(step);

		switch (mix % 8) {
		case 0:
		case 1:
			if (fixture_write(ring, written) == 0)
				written++;
			else
				full++;
			break;
		case 2:
			fixture_publish(ring);
			published = written;
			break;
		case 3:
		case 4:
			if (hearth_feed_next(reader, &item) != 1)
				break;
			assert_true(fixture_is(&item, returned++));
			break;
		case 5:
			hearth_feed_commit(reader);
			committed = returned;
			break;
		case 6:
			walk.room = (unsigned)(mix >> 8) % 4;
			feed_answer(ring, 1 + (mix >> 16) % 8, visit, &walk);
			assert_true(walk.next <= committed);
			break;
		case 7:
			feed_answered(ring);
			break;
		}
		if (step % 1024 == 0) { /* all that was not visited is there, from the first on */
			struct walk rest = {0};

			feed_answered(ring);
			assert_true(feed_unanswered(ring, note, &rest) ==
				    (int64_t)(published - walk.next));
			assert_true(rest.room == 0 || rest.next == published);
		}
	}
	assert_true(written > 10000 && full > 100);
	assert_true(walk.next > written - 100);
	hearth_feed_close(reader);
	feed_close(feed);
}

/* A successor goes on behind what was answered; what was visited and not stored comes again. */
static void test_goes_on_over_a_restart(void **state)
{
	struct feed_config config = answering(2, 65536);
	struct feed *feed = fixture_feed(&config);
	struct hearth_feed *reader = fixture_reader(0);
	struct walk walk = {.room = 4};

	for (uint64_t n = 0; n < 10; n++)
		assert_int_equal(fixture_write(feed_ring(feed, 1), n), 0);
	fixture_publish(feed_ring(feed, 1));
	read_records(reader, 8);
	assert_int_equal(feed_answer(feed_ring(feed, 1), 100, visit, &walk), 4);
	feed_answered(feed_ring(feed, 1));
	walk.room = 2;
	assert_int_equal(feed_answer(feed_ring(feed, 1), 100, visit, &walk), 2);
	feed_close(feed); /* killed before the cursor was stored */
	for (unsigned again = 0; again < 2; again++) {
		struct walk rest = {0};

		feed = fixture_feed(&config);
		assert_int_equal(feed_unanswered(feed_ring(feed, 0), note, &rest), 0);
		assert_int_equal(feed_unanswered(feed_ring(feed, 1), note, &rest), 6);
		assert_int_equal(rest.next, 10);
		if (again == 0)
			feed_close(feed);
	}
	walk = (struct walk){.next = 4, .room = 100};
	assert_int_equal(feed_answer(feed_ring(feed, 1), 100, visit, &walk), 4);
	hearth_feed_close(reader);
	feed_close(feed);
}

/* From ring to commit: what was not committed is answered (again) once it is; from commit to
 * ring: nothing waits any more. */
static void test_setting_changed(void **state)
{
	struct feed_config at_once = fixture_config(1, 4096), waits = answering(1, 4096);
	struct feed *feed = fixture_feed(&at_once);
	struct hearth_feed *reader = fixture_reader(0);
	struct walk walk = {.next = 60, .room = 100};

	for (uint64_t n = 0; n < 60; n++) { /* once round and more */
		assert_int_equal(fixture_write(feed_ring(feed, 0), n), 0);
		fixture_publish(feed_ring(feed, 0));
		read_records(reader, 1);
	}
	for (uint64_t n = 60; n < 62; n++)
		assert_int_equal(fixture_write(feed_ring(feed, 0), n), 0);
	fixture_publish(feed_ring(feed, 0));
	feed_close(feed);
	feed = fixture_feed(&waits);
	assert_true(feed_attached(feed));
	assert_int_equal(feed_answer(feed_ring(feed, 0), 100, visit, &walk), 0);
	read_records(reader, 1);
	assert_int_equal(feed_answer(feed_ring(feed, 0), 100, visit, &walk), 1);
	feed_close(feed);
	feed = fixture_feed(&at_once);
	assert_int_equal(feed_unanswered(feed_ring(feed, 0), note, &walk), 0);
	read_records(reader, 1);
	for (uint64_t n = 62; n < 120; n++) {
		assert_int_equal(fixture_write(feed_ring(feed, 0), n), 0);
		fixture_publish(feed_ring(feed, 0));
		read_records(reader, 1);
	}
	hearth_feed_close(reader);
	feed_close(feed);
}

/* A cursor that no walk can have left: the walk goes on at the commit, and no record is lost. */
static void test_cursor_damaged(void **state)
{
	struct feed_config config = answering(1, 4096);
	struct feed *feed = fixture_feed(&config);
	struct hearth_feed *reader = fixture_reader(0);
	uint64_t tail, head, n = 0;

	/* Once round, so that a cursor can lie further back than the ring is long. */
	for (; n < 40; n++) {
		struct walk walk = {.next = n, .room = 1};

		assert_int_equal(fixture_write(feed_ring(feed, 0), n), 0);
		fixture_publish(feed_ring(feed, 0));
		read_records(reader, 1);
		assert_int_equal(feed_answer(feed_ring(feed, 0), 1, visit, &walk), 1);
		feed_answered(feed_ring(feed, 0));
	}
	assert_int_equal(fixture_write(feed_ring(feed, 0), n), 0);
	fixture_publish(feed_ring(feed, 0));
	tail = feed_fill(feed_ring(feed, 0)).commit;
	head = feed_fill(feed_ring(feed, 0)).head;
	const uint64_t wrong[] = {
		tail + 16, head, tail - 8, tail - 4096 - 16, 0, 4096, UINT64_MAX - 15, UINT64_MAX};

	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct walk rest = {0};

		feed_close(feed);
		fixture_poke("", FEED_PAGE + offsetof(struct feed_cursors, answered), &wrong[i], 8);
		feed = fixture_feed(&config);
		assert_int_equal(feed_unanswered(feed_ring(feed, 0), note, &rest), 1);
		assert_true(feed_fill(feed_ring(feed, 0)).answered == tail);
	}
	hearth_feed_close(reader);
	feed_close(feed);
}

/* A damaged record: counted once, the walk goes on behind the commit, the ring is free again. */
static void test_record_damaged(void **state)
{
	struct feed_config config = answering(1, 8192);
	struct feed *feed = fixture_feed(&config);
	struct feed_ring *ring = feed_ring(feed, 0);
	struct hearth_feed *reader = fixture_reader(0);
	struct walk walk = {.room = 100};
	unsigned visited = 0;

	for (uint64_t n = 0; n < 3; n++)
		assert_int_equal(fixture_write(ring, n), 0);
	fixture_publish(ring);
	read_records(reader, 3);
	struct fixture_record first;
	fixture_fill(&first, 0);
	uint64_t second = 104 + first.record.device_length + first.record.gateway_length +
			  first.record.payload_length;
	second = feed_round(second, 16);
	fixture_poke("", 2 * FEED_PAGE + (4096 + second) % 8192 + 60, "xxxx", 4);
	assert_int_equal(feed_answer(ring, 100, visit, &walk), 1);
	assert_int_equal(counter_read(&feed_counters(ring)[FEED_BAD_ANSWER]), 1);
	assert_int_equal(feed_answer(ring, 100, visit, &walk), 0);
	feed_answered(ring);
	assert_true(feed_fill(ring).answered == feed_fill(ring).head);
	for (unsigned i = 0; i < 200; i++) {
		assert_int_equal(fixture_write_small(ring, FEED_REQUEST), 0);
		fixture_publish(ring);
		read_records(reader, 1);
		assert_int_equal(feed_answer(ring, 100, visit_small, &visited), 1);
		feed_answered(ring);
	}
	assert_int_equal(counter_read(&feed_counters(ring)[FEED_BAD_ANSWER]), 1);
	hearth_feed_close(reader);
	feed_close(feed);
}

/* Another ring size: what is committed and not answered is no reason to refuse. */
static void test_unanswered_is_no_obstacle(void **state)
{
	struct feed_config config = answering(1, 8192), changed = answering(2, 8192);
	struct feed *feed = fixture_feed(&config);
	struct hearth_feed *reader = fixture_reader(0);

	assert_int_equal(fixture_write(feed_ring(feed, 0), 0), 0);
	fixture_publish(feed_ring(feed, 0));
	read_records(reader, 1);
	hearth_feed_close(reader);
	feed_close(feed);
	feed = fixture_feed(&changed);
	assert_false(feed_attached(feed));
	feed_close(feed);
}

#define FEED_TEST(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FEED_TEST(test_visits_what_is_committed_once),
		FEED_TEST(test_answers_at_once),
		FEED_TEST(test_full),
		FEED_TEST(test_random),
		FEED_TEST(test_goes_on_over_a_restart),
		FEED_TEST(test_setting_changed),
		FEED_TEST(test_cursor_damaged),
		FEED_TEST(test_record_damaged),
		FEED_TEST(test_unanswered_is_no_obstacle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
