/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_feed_crash.c - either side killed before any of its stores, and at random: nothing is lost,
 * nothing stands under two ids */
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "feed_fixture.h"
#include "killed_child.h"

/* The broker's side is compiled in here, each store and system call a step to be killed before. */
static void step(void);
#define FEED_STEP() step()
#include "feed/feed.c"
#include "feed/feed_answer.c"
#include "feed/feed_make.c"
#include "feed/feed_open.c"

enum { RECORDS = 1 << 20, TURNS = 5, TURN_RECORDS = 3, STEPS_MAX = 100000 };

/**
 * struct journal - what the victims did, in memory that outlives them
 * @steps_left: the step that is not reached
 * @begun: records whose publishing has begun, @published, @applied likewise done
 * @seen: ids that the consumer returned, by record number; 0 none
 * @returned: records that the consumer has returned, @committed, @repeats: returned again
 * @answers: records whose answers are with the transport
 * @wrong: what should not have been
 */
struct journal {
	uint64_t steps_left;
	uint64_t begun, published, applied;
	uint64_t returned, committed, repeats;
	uint64_t answers;
	uint64_t wrong;
	uint64_t seen[RECORDS];
};

static struct journal *journal;

static void step(void)
{
	if (journal && journal->steps_left && --journal->steps_left == 0)
		kill(getpid(), SIGKILL);
}

static int setup(void **state)
{
	journal = mmap(NULL, sizeof(*journal), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (journal == MAP_FAILED)
		return -1;
	return fixture_setup(state);
}

static int teardown(void **state)
{
	munmap(journal, sizeof(*journal));
	journal = NULL;
	return fixture_teardown(state);
}

static struct feed *victim_open(const struct feed_config *config)
{
	struct feed *feed;

	if (feed_open(&feed, config, fixture_error, sizeof(fixture_error)) < 0)
		_exit(3);
	return feed;
}

/* The broker's turns, as in DESIGN "Crash order". */
static void victim_turns(const struct feed_config *config)
{
	struct feed *feed = victim_open(config);
	struct feed_ring *ring = feed_ring(feed, 0);
	uint64_t n = 0;

	for (unsigned turn = 0; turn < TURNS; turn++) {
		for (unsigned i = 0; i < TURN_RECORDS; i++) {
			if (fixture_write(ring, n++) < 0)
				_exit(4);
		}
		journal->begun = n;
		feed_publish(ring);
		journal->published = n;
		feed_applied(ring);
		journal->applied = n;
	}
	feed_close(feed);
}

struct replayed {
	uint64_t first, next;
};

static void note_replayed(void *context, const struct hearth_item *item)
{
	struct replayed *replayed = context;

	if (replayed->next == 0)
		replayed->first = replayed->next = item->record->time;
	assert_true(fixture_is(item, replayed->next));
	replayed->next++;
}

/* Attach after the kill: what must be there, and only that. */
static void check_after_kill(const struct feed_config *config)
{
	struct feed *feed = fixture_feed(config);
	struct feed_ring *ring = feed_ring(feed, 0);
	struct hearth_feed *reader = fixture_reader(0);
	/* Number 0 has to be told from "none": the context starts at 0 and 0 is the first. */
	struct replayed replayed = {.first = 0, .next = 0};
	int64_t count = feed_replay(ring, note_replayed, &replayed);
	struct hearth_item item;
	uint64_t n = 0, last = 0;

	assert_true(count >= 0);
	while (hearth_feed_next(reader, &item) == 1) {
		assert_true(fixture_is(&item, n));
		assert_true(item.record->id > last || n == 0);
		last = item.record->id;
		n++;
	}
	/* Published turns, whole ones, each record once. */
	assert_true(n == journal->published || n == journal->begun);
	assert_int_equal(n % TURN_RECORDS, 0);
	/* [applied, head): a turn at most, and none that the session slab is known to have. */
	assert_true(count == 0 || count == TURN_RECORDS);
	if (count) {
		assert_true(replayed.next == n);
		assert_true(replayed.first == n - TURN_RECORDS);
		assert_true(journal->applied < n);
	} else {
		assert_true(journal->applied + TURN_RECORDS >= n);
	}
	if (journal->published > journal->applied && count == 0)
		assert_true(n == journal->published);

	/* It goes on from there. */
	feed_applied(ring);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(fixture_write(ring, n + i), 0);
	fixture_publish(ring);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(hearth_feed_next(reader, &item), 1);
		assert_true(fixture_is(&item, n + i));
		assert_true(item.record->id > last);
		last = item.record->id;
	}
	hearth_feed_close(reader);
	feed_close(feed);
	fixture_remove("");
	fixture_remove(".commit");
}

static void test_every_step(void **state)
{
	struct feed_config config = fixture_config(1, 16384);
	unsigned killed = 0;
	bool done = false;

	for (uint64_t k = 1; !done; k++) {
		assert_true(k < STEPS_MAX);
		memset(journal, 0, offsetof(struct journal, seen));
		journal->steps_left = k;
		pid_t child = fork();
		if (child == 0) {
			victim_turns(&config);
			_exit(0);
		}
		done = ended(child);
		killed += !done;
		journal->steps_left = 0;
		check_after_kill(&config);
	}
	print_message("killed before each of %u steps\n", killed);
	assert_true(killed > TURNS * TURN_RECORDS * 15);
}

static bool count_answer(void *context, const struct hearth_item *item)
{
	uint64_t *next = context;

	if (!fixture_is(item, *next))
		_exit(5);
	++*next;
	return true;
}

/* Turns of a broker that answers behind the commits of a consumer in the same process. */
static void victim_answers(const struct feed_config *config)
{
	struct feed *feed = victim_open(config);
	struct feed_ring *ring = feed_ring(feed, 0);
	struct hearth_feed *reader = hearth_feed_open(fixture_path, 0, NULL, 0);
	struct hearth_item item;
	uint64_t n = 0, visited = 0;

	if (!reader)
		_exit(3);
	for (unsigned turn = 0; turn < TURNS; turn++) {
		for (unsigned i = 0; i < TURN_RECORDS; i++) {
			if (fixture_write(ring, n++) < 0)
				_exit(4);
		}
		feed_answer(ring, 2, count_answer, &visited);
		journal->begun = n;
		feed_publish(ring);
		journal->published = n;
		feed_applied(ring);
		journal->applied = n;
		journal->answers = visited; /* (e) */
		feed_answered(ring);
		while (hearth_feed_next(reader, &item) == 1)
			journal->returned++;
		hearth_feed_commit(reader);
		journal->committed = journal->returned;
	}
	_exit(0);
}

static void note_unanswered(void *context, const struct hearth_item *item)
{
	struct replayed *rest = context;

	if (rest->next == 0)
		rest->first = rest->next = item->record->time;
	assert_true(fixture_is(item, rest->next));
	rest->next++;
}

/*
 * Killed before any store of a broker that answers after the commit: no record is passed over, and
 * none is visited again but those of the one turn whose cursor was not stored yet.
 */
static void test_every_step_of_answers(void **state)
{
	struct feed_config config = fixture_config(1, 8192);
	unsigned killed = 0, again = 0;
	bool done = false;

	config.answers = true;
	for (uint64_t k = 1; !done; k++) {
		struct replayed rest = {0};
		struct feed *feed;
		uint64_t first;
		int64_t count;

		memset(journal, 0, offsetof(struct journal, seen));
		journal->steps_left = k;
		pid_t child = fork();
		if (child == 0)
			victim_answers(&config);
		done = ended(child);
		killed += !done;
		journal->steps_left = 0;
		feed = fixture_feed(&config);
		count = feed_unanswered(feed_ring(feed, 0), note_unanswered, &rest);
		assert_true(count >= 0);
		first = rest.next - (uint64_t)count;
		if (count) {
			assert_true(rest.first == first);
			assert_true(rest.next == journal->published || rest.next == journal->begun);
			assert_true(first == journal->answers || first + 2 == journal->answers ||
				    first + 1 == journal->answers);
			assert_true(first <= journal->committed);
			again += first != journal->answers;
		} else {
			assert_int_equal(journal->published, 0);
		}
		/* They are visited once more, behind the commit as before. */
		if (journal->committed > first) {
			uint64_t next = first;

			assert_true(feed_answer(feed_ring(feed, 0), 100, count_answer, &next) ==
				    journal->committed - first);
		}
		feed_close(feed);
		fixture_remove("");
		fixture_remove(".commit");
	}
	print_message("killed before each of %u steps, %u times some answers come again\n", killed,
		again);
	assert_true(killed > TURNS * TURN_RECORDS * 15);
	assert_true(again > 0);
}

/* The same while the files are made anew for another geometry, and while a lost commit file is. */
static void victim_remake(const struct feed_config *config)
{
	struct feed_config changed = *config;

	changed.workers = 2;
	feed_close(victim_open(&changed));
}

static void test_every_step_of_remake(void **state)
{
	struct feed_config config = fixture_config(1, 8192), changed = fixture_config(2, 8192);
	bool done = false;
	unsigned killed = 0;

	for (uint64_t k = 1; !done; k++) {
		struct hearth_feed *reader;
		struct hearth_item item;
		struct feed *feed = fixture_feed(&config);
		uint64_t highest;
		int rc;

		assert_int_equal(fixture_write(feed_ring(feed, 0), 1), 0);
		fixture_publish(feed_ring(feed, 0));
		reader = fixture_reader(0);
		assert_int_equal(hearth_feed_next(reader, &item), 1);
		hearth_feed_commit(reader);
		hearth_feed_close(reader);
		highest = feed_highest(feed);
		feed_close(feed);

		journal->steps_left = k;
		pid_t child = fork();
		if (child == 0) {
			victim_remake(&config);
			_exit(0);
		}
		done = ended(child);
		killed += !done;
		journal->steps_left = 0;
		/* A reader finds the old ring, the new one, or is told to come again. */
		reader = hearth_feed_open(fixture_path, 0, fixture_error, sizeof(fixture_error));
		assert_true(reader || errno == ENOENT);
		hearth_feed_close(reader);
		/* Whichever setting comes next: no id twice, nothing twice. */
		feed = fixture_feed(k % 2 ? &changed : &config);
		reader = fixture_reader(0);
		rc = hearth_feed_next(reader, &item);
		assert_int_equal(rc, 0);
		assert_true(feed_highest(feed) >= highest);
		assert_int_equal(fixture_write(feed_ring(feed, 0), 2), 0);
		fixture_publish(feed_ring(feed, 0));
		assert_int_equal(hearth_feed_next(reader, &item), 1);
		assert_true(item.record->id >= highest);
		hearth_feed_close(reader);
		feed_close(feed);
		fixture_remove("");
		fixture_remove(".commit");
		fixture_remove(".commit.new");
	}
	print_message("killed before each of %u steps\n", killed);
	assert_true(killed > 10);
}

static void test_every_step_of_commit_file(void **state)
{
	struct feed_config config = fixture_config(1, 8192);
	bool done = false;

	for (uint64_t k = 1; !done; k++) {
		struct feed *feed = fixture_feed(&config);
		struct hearth_feed *reader;
		struct hearth_item item;

		for (uint64_t n = 0; n < 3; n++)
			assert_int_equal(fixture_write(feed_ring(feed, 0), n), 0);
		fixture_publish(feed_ring(feed, 0));
		reader = fixture_reader(0);
		assert_int_equal(hearth_feed_next(reader, &item), 1);
		hearth_feed_commit(reader);
		hearth_feed_close(reader);
		feed_close(feed);
		fixture_remove(".commit");

		journal->steps_left = k;
		pid_t child = fork();
		if (child == 0) {
			feed_close(victim_open(&config));
			_exit(0);
		}
		done = ended(child);
		journal->steps_left = 0;
		feed = fixture_feed(&config);
		reader = fixture_reader(0);
		for (uint64_t n = 1; n < 3; n++) {
			assert_int_equal(hearth_feed_next(reader, &item), 1);
			assert_true(fixture_is(&item, n));
		}
		hearth_feed_close(reader);
		feed_close(feed);
		fixture_remove("");
		fixture_remove(".commit");
	}
}

/* A consumer killed between next and commit: the same records come again under the same ids. */
static void test_consumer_killed(void **state)
{
	struct feed_config config = fixture_config(1, 65536);
	struct feed *feed = fixture_feed(&config);
	struct hearth_feed *reader;
	struct hearth_item item;
	const uint64_t committed = 7, read = 12, all = 20;

	for (uint64_t n = 0; n < all; n++)
		assert_int_equal(fixture_write(feed_ring(feed, 0), n), 0);
	fixture_publish(feed_ring(feed, 0));
	pid_t child = fork();
	if (child == 0) {
		feed_close(feed); /* or the child would keep the broker's lock */
		reader = hearth_feed_open(fixture_path, 0, NULL, 0);
		for (uint64_t n = 0; reader && n < read; n++) {
			if (hearth_feed_next(reader, &item) != 1)
				_exit(3);
			journal->seen[n] = item.record->id;
			if (n + 1 == committed)
				hearth_feed_commit(reader);
		}
		kill(getpid(), SIGKILL);
		_exit(4);
	}
	assert_false(ended(child));
	reader = fixture_reader(0);
	for (uint64_t n = committed; n < all; n++) {
		assert_int_equal(hearth_feed_next(reader, &item), 1);
		assert_true(fixture_is(&item, n));
		if (n < read)
			assert_true(item.record->id == journal->seen[n]);
	}
	assert_int_equal(hearth_feed_next(reader, &item), 0);
	hearth_feed_close(reader);
	feed_close(feed);
}

static void note_applied(void *context, const struct hearth_item *item)
{
	uint64_t *next = context;

	if (item->record->time != *next)
		journal->wrong++;
	*next = item->record->time + 1;
}

/* A broker that goes on where its predecessor was killed: `applied` is its session slab. */
static void stress_broker(const struct feed_config *config)
{
	struct feed *feed = victim_open(config);
	struct feed_ring *ring = feed_ring(feed, 0);
	uint64_t n = journal->applied;
	/* Killed between (c) and (d): what is replayed is there already. */
	struct feed_fill fill = feed_fill(ring);
	uint64_t from = n;

	if (fill.applied != fill.head) {
		uint64_t next = journal->begun; /* the first of the turn that was under way */

		if (feed_replay(ring, note_applied, &next) <= 0)
			journal->wrong++;
		n = next;
	}
	if (n < from || n > from + 64)
		journal->wrong++;
	journal->applied = n;
	feed_applied(ring);
	for (uint64_t turn = 0; n + 64 < RECORDS; turn++) {
		uint64_t first = n;

		__atomic_store_n(&journal->begun, first, __ATOMIC_RELEASE);
		for (uint64_t i = fixture_mix(turn ^ n) % 8; i; i--) {
			if (fixture_write(ring, n) < 0)
				break; /* full: not acknowledged, the number is used again */
			n++;
		}
		feed_publish(ring);
		__atomic_store_n(&journal->applied, n, __ATOMIC_RELEASE);
		feed_applied(ring);
		if (n == first)
			usleep(50);
	}
}

static void stress_consumer(void)
{
	struct hearth_feed *reader = NULL;
	struct hearth_item item;
	uint64_t n = 0, last = 0;
	bool first = true;

	while (!reader) {
		reader = hearth_feed_open(fixture_path, 0, NULL, 0);
		if (!reader && errno != ENOENT)
			_exit(5);
	}
	for (uint64_t batch = 0;; batch++) {
		for (uint64_t i = 1 + fixture_mix(batch) % 16; i; i--) {
			int rc = hearth_feed_next(reader, &item);

			if (rc < 0)
				_exit(6);
			if (rc == 0)
				break;
			if (first) {
				/* Not past what has been taken, not before what was committed. */
				n = item.record->time;
				if (n > journal->returned || n < journal->committed)
					journal->wrong++;
				first = false;
			} else if (item.record->id <= last) {
				journal->wrong++;
			}
			last = item.record->id;
			if (!fixture_is(&item, n))
				journal->wrong++;
			if (journal->seen[n] && journal->seen[n] != last)
				journal->wrong++; /* under two ids */
			journal->repeats += journal->seen[n] != 0;
			journal->seen[n] = last;
			n++;
			if (n > journal->returned)
				__atomic_store_n(&journal->returned, n, __ATOMIC_RELEASE);
		}
		if (first)
			continue;
		if (batch % 4 == 0)
			usleep(100); /* a backend at work: here it dies most often */
		hearth_feed_commit(reader);
		__atomic_store_n(&journal->committed, n, __ATOMIC_RELEASE);
	}
}

static pid_t start_side(bool broker, const struct feed_config *config)
{
	pid_t child = fork();

	if (child == 0) {
		if (broker)
			stress_broker(config);
		else
			stress_consumer();
		_exit(0);
	}
	return child;
}

static bool any_ended(void)
{
	siginfo_t info = {.si_pid = 0};

	return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid != 0;
}

/* Kills come after so much progress, not after so much time: a slow machine tests as much. */
static void await_progress(const uint64_t *counter, uint64_t records)
{
	uint64_t start = __atomic_load_n(counter, __ATOMIC_ACQUIRE);

	while (__atomic_load_n(counter, __ATOMIC_ACQUIRE) - start < records && !any_ended())
		usleep(20);
}

static void test_stress(void **state)
{
	struct feed_config config = fixture_config(1, 32768);
	enum { KILLS = 400 };
	pid_t sides[2];
	struct hearth_feed *reader;
	struct hearth_item item;
	uint64_t total, last = 0;

	memset(journal, 0, offsetof(struct journal, seen));
	feed_close(fixture_feed(&config));
	for (unsigned side = 0; side < 2; side++)
		sides[side] = start_side(side == 0, &config);
	for (unsigned i = 0; i < KILLS; i++) {
		uint64_t dice = fixture_mix(i);
		unsigned side = dice % 2;

		await_progress(
			side == 0 ? &journal->applied : &journal->returned, 1 + (dice >> 8) % 300);
		kill(sides[side], SIGKILL);
		ended(sides[side]);
		if (dice % 7 == 0) { /* both */
			kill(sides[!side], SIGKILL);
			ended(sides[!side]);
			sides[!side] = start_side(side == 1, &config);
		}
		sides[side] = start_side(side == 0, &config);
	}
	for (unsigned side = 0; side < 2; side++) {
		kill(sides[side], SIGKILL);
		ended(sides[side]);
	}
	/* The rest, then everything that was ever acknowledged stands under one id. */
	reader = fixture_reader(0);
	while (hearth_feed_next(reader, &item) == 1) {
		uint64_t n = item.record->time;

		assert_true(fixture_is(&item, n));
		assert_true(journal->seen[n] == 0 || journal->seen[n] == item.record->id);
		journal->seen[n] = item.record->id;
		if (n >= journal->returned)
			journal->returned = n + 1;
	}
	hearth_feed_close(reader);
	total = journal->returned;
	assert_int_equal(journal->wrong, 0);
	assert_true(total >= journal->applied);
	for (uint64_t n = 0; n < total; n++) {
		assert_true(journal->seen[n] > last);
		last = journal->seen[n];
	}
	for (uint64_t n = total; n < RECORDS; n++)
		assert_true(journal->seen[n] == 0);
	print_message("%d kills, %lu records, %lu came again\n", KILLS, (unsigned long)total,
		(unsigned long)journal->repeats);
	assert_true(total > KILLS);
}

#define CRASH_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CRASH_TEST(test_every_step),
		CRASH_TEST(test_every_step_of_answers),
		CRASH_TEST(test_every_step_of_remake),
		CRASH_TEST(test_every_step_of_commit_file),
		CRASH_TEST(test_consumer_killed),
		CRASH_TEST(test_stress),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
