/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_feed_open.c - whose the ring files are, and what is done with those that are there */
#include "feed_fixture.h"

#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "feed/layout.h"

static int open_as(const struct feed_config *config)
{
	struct feed *feed = NULL;
	int rc;

	fixture_error[0] = '\0';
	rc = feed_open(&feed, config, fixture_error, sizeof(fixture_error));
	if (rc == 0)
		feed_close(feed);
	else
		assert_true(fixture_error[0] && !strchr(fixture_error, '\n'));
	return rc;
}

static int reader_errno(unsigned flags)
{
	struct hearth_feed *reader;

	fixture_error[0] = '\0';
	reader = hearth_feed_open(fixture_path, flags, fixture_error, sizeof(fixture_error));
	if (reader) {
		hearth_feed_close(reader);
		return 0;
	}
	assert_true(fixture_error[0] && !strchr(fixture_error, '\n'));
	return errno;
}

static void write_and_publish(struct feed *feed, unsigned worker, uint64_t from, uint64_t to)
{
	for (uint64_t n = from; n < to; n++)
		assert_int_equal(fixture_write(feed_ring(feed, worker), n), 0);
	fixture_publish(feed_ring(feed, worker));
}

static void expect(struct hearth_feed *reader, uint64_t from, uint64_t to)
{
	struct hearth_item item;

	for (uint64_t n = from; n < to; n++) {
		assert_int_equal(hearth_feed_next(reader, &item), 1);
		assert_true(fixture_is(&item, n));
	}
}

static mode_t mode_of(const char *suffix)
{
	struct stat status;
	char name[128];

	snprintf(name, sizeof(name), "%s%s", fixture_path, suffix);
	assert_int_equal(stat(name, &status), 0);
	return status.st_mode & 07777;
}

/* Where nothing is yet a reader is told to come again; then a broker, a restart, one reader. */
static void test_life(void **state)
{
	struct feed_config config = fixture_config(1, 8000); /* rounded up to 8192 */
	struct hearth_feed *reader;
	struct hearth_item item;
	struct feed *feed;

	assert_int_equal(reader_errno(0), ENOENT);
	assert_int_equal(reader_errno(HEARTH_FEED_OBSERVE), ENOENT);
	umask(0);
	feed = fixture_feed(&config);
	umask(022);
	assert_false(feed_attached(feed));
	assert_true(feed_fill(feed_ring(feed, 0)).bytes == 8192);
	assert_int_equal(mode_of(""), 0600);
	assert_int_equal(mode_of(".commit"), 0600);
	write_and_publish(feed, 0, 0, 3);
	reader = fixture_reader(0);
	expect(reader, 0, 2);
	hearth_feed_commit(reader);
	feed_close(feed);

	/* The reader does not notice. */
	expect(reader, 2, 3);
	assert_int_equal(hearth_feed_next(reader, &item), 0);
	config.first_id = 1 << 20;
	feed = fixture_feed(&config);
	assert_true(feed_attached(feed));
	write_and_publish(feed, 0, 3, 6);
	expect(reader, 3, 6);
	assert_true(feed_highest(feed) < 1 << 20);
	hearth_feed_close(reader);

	/* Not committed: comes again. */
	reader = fixture_reader(0);
	expect(reader, 2, 6);
	assert_int_equal(hearth_feed_next(reader, &item), 0);
	hearth_feed_close(reader);
	feed_close(feed);
	feed_close(NULL);
	hearth_feed_close(NULL);
}

/* What was not published is written over; what was and not applied is replayed. */
static void visit(void *context, const struct hearth_item *item)
{
	uint64_t *next = context;

	assert_true(fixture_is(item, *next));
	assert_int_equal(item->worker, 1);
	(*next)++;
}

static void test_replay(void **state)
{
	struct feed_config config = fixture_config(2, 16384);
	struct feed *feed = fixture_feed(&config);
	struct feed_ring *ring = feed_ring(feed, 1);
	struct hearth_feed *reader = fixture_reader(0);
	uint64_t next = 4, lost, again;

	write_and_publish(feed, 1, 0, 4);
	for (uint64_t n = 4; n < 9; n++)
		assert_int_equal(fixture_write(ring, n), 0);
	feed_publish(ring);
	assert_int_equal(fixture_write_as(ring, FEED_REQUEST, 1000, &lost), 0);
	expect(reader, 0, 9);
	hearth_feed_commit(reader); /* committed, and needed all the same */
	feed_close(feed);

	feed = fixture_feed(&config);
	ring = feed_ring(feed, 1);
	assert_int_equal(feed_replay(ring, visit, &next), 5);
	assert_int_equal(next, 9);
	assert_int_equal(feed_replay(feed_ring(feed, 0), visit, &next), 0);
	feed_applied(ring);
	assert_int_equal(feed_replay(ring, visit, &next), 0);
	assert_int_equal(fixture_write_as(ring, FEED_REQUEST, 9, &again), 0);
	assert_true(again == lost); /* nobody has ever seen it under this id */
	fixture_publish(ring);
	expect(reader, 9, 10);
	hearth_feed_close(reader);
	feed_close(feed);
}

static void test_one_each(void **state)
{
	struct feed_config config = fixture_config(1, 8192), other = fixture_config(2, 8192);
	struct feed *feed = fixture_feed(&config);
	struct hearth_feed *reader = fixture_reader(0);

	assert_int_equal(open_as(&config), -EBUSY);
	assert_int_equal(open_as(&other), -EBUSY);
	assert_int_equal(reader_errno(0), EBUSY);
	assert_non_null(strstr(fixture_error, "another consumer"));
	assert_int_equal(reader_errno(HEARTH_FEED_OBSERVE), 0);
	write_and_publish(feed, 0, 0, 3);
	expect(reader, 0, 3);

	/* What is executed from here does not inherit a side. */
	pid_t child = fork();
	if (child == 0) {
		execl("/bin/sleep", "sleep", "100", NULL);
		_exit(1);
	}
	feed_close(feed);
	hearth_feed_close(reader);
	for (unsigned tries = 0; tries < 1000 && open_as(&config) == -EBUSY; tries++)
		usleep(1000); /* until the child has reached its exec */
	assert_int_equal(open_as(&config), 0);
	assert_int_equal(reader_errno(0), 0);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

/* Another geometry while events wait: refused, with what to do; afterwards made anew. */
static void test_geometry(void **state)
{
	struct feed_config config = fixture_config(2, 8192);
	struct feed *feed = fixture_feed(&config);
	struct hearth_feed *reader, *observer;
	struct hearth_item item;
	uint64_t highest, id;

	write_and_publish(feed, 1, 0, 5);
	feed_close(feed);
	for (unsigned other = 0; other < 3; other++) {
		struct feed_config changed = fixture_config(other == 0   ? 1
							    : other == 1 ? 3
									 : 2,
			other == 2 ? 16384 : 8192);

		assert_int_equal(open_as(&changed), -EEXIST);
		assert_non_null(strstr(fixture_error, "hearth-feed"));
		assert_non_null(strstr(fixture_error, "workers: 2"));
		assert_non_null(strstr(fixture_error, "feed.bytes: 8192"));
	}
	/* Drained without a broker. */
	reader = fixture_reader(0);
	observer = fixture_reader(HEARTH_FEED_OBSERVE);
	expect(reader, 0, 4);
	hearth_feed_commit(reader);
	struct feed_config changed = fixture_config(3, 16384);
	assert_int_equal(open_as(&changed), -EEXIST);
	expect(reader, 4, 5);
	hearth_feed_commit(reader);

	/* Committed but not applied: the old setting has to come back once. */
	feed = fixture_feed(&config);
	assert_int_equal(fixture_write(feed_ring(feed, 0), 5), 0);
	feed_publish(feed_ring(feed, 0));
	expect(reader, 5, 6);
	hearth_feed_commit(reader);
	highest = feed_highest(feed);
	feed_close(feed);
	assert_int_equal(open_as(&changed), -EEXIST);
	assert_non_null(strstr(fixture_error, "start it once"));
	feed = fixture_feed(&config);
	feed_applied(feed_ring(feed, 0));
	feed_close(feed);

	feed = fixture_feed(&changed);
	assert_false(feed_attached(feed));
	assert_int_equal(fixture_write_as(feed_ring(feed, 2), FEED_REQUEST, 6, &id), 0);
	assert_true(id >= highest && id % 4096 == 0);
	fixture_publish(feed_ring(feed, 2));

	/* Readers of the old file are told, once they have read what is in it. */
	assert_int_equal(hearth_feed_next(observer, &item), 1);
	assert_int_equal(hearth_feed_next(reader, &item), -ESTALE);
	assert_int_equal(hearth_feed_next(reader, &item), -ESTALE);
	hearth_feed_close(reader);
	assert_int_equal(hearth_feed_next(observer, &item), -ESTALE);
	hearth_feed_close(observer);
	reader = fixture_reader(0);
	expect(reader, 6, 7);
	hearth_feed_close(reader);
	feed_close(feed);
	/* A later first_id wins over the old head. */
	reader = fixture_reader(0);
	expect(reader, 6, 7);
	hearth_feed_commit(reader);
	hearth_feed_close(reader);
	config.first_id = 1ULL << 40;
	feed = fixture_feed(&config);
	assert_true(feed_highest(feed) == 1ULL << 40);
	feed_close(feed);
}

/* All the space is taken at the start, or it does not start; nothing is left behind. */
static void no_room(void)
{
	struct feed_config config = fixture_config(1, 16 << 20);
	struct rlimit before, limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	limit.rlim_cur = 1 << 20;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(open_as(&config), -EFBIG);
	assert_non_null(strstr(fixture_error, "feed.bytes"));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	signal(SIGXFSZ, SIG_DFL);
}

/* Every byte of the header, and what else may lie at PATH. */
static void test_no_ring(void **state)
{
	struct feed_config config = fixture_config(1, 8192);
	struct feed_header header;
	struct stat status;

	assert_int_equal(open_as(&config), 0);
	for (unsigned at = 0; at < sizeof(struct feed_header); at++) {
		uint8_t good, bad;

		fixture_peek("", at, &good, 1);
		bad = good ^ (uint8_t)(1 << at % 8);
		fixture_poke("", at, &bad, 1);
		assert_int_equal(open_as(&config), -EPROTO);
		assert_int_equal(reader_errno(0), EPROTO);
		fixture_poke("", at, &good, 1);
	}
	assert_int_equal(open_as(&config), 0);

	/* Another layout, whole in itself. */
	fixture_peek("", 0, &header, sizeof(header));
	header.layout = 2;
	fixture_poke("", 0, &header, sizeof(header));
	assert_int_equal(open_as(&config), -EPROTO);
	assert_non_null(strstr(fixture_error, "layout 2"));
	assert_int_equal(reader_errno(0), EPROTO);
	assert_non_null(strstr(fixture_error, "layout 2"));

	/* A header that is whole and promises more than the file has. */
	header.bytes = 1ULL << 40;
	feed_header_seal(&header, FEED_MAGIC);
	fixture_poke("", 0, &header, sizeof(header));
	assert_int_equal(open_as(&config), -EPROTO);
	assert_int_equal(reader_errno(0), EPROTO);

	for (unsigned length = 0; length < 3; length++) {
		assert_int_equal(truncate(fixture_path, length * 30), 0);
		assert_int_equal(open_as(&config), -EPROTO);
		assert_int_equal(reader_errno(0), EPROTO);
	}
	/* It is not touched. */
	assert_int_equal(stat(fixture_path, &status), 0);
	assert_int_equal(status.st_size, 60);
	fixture_remove("");

	/* A symbolic link is not followed: its target may be anything. */
	assert_int_equal(symlink("/dev/null", fixture_path), 0);
	assert_int_equal(open_as(&config), -ELOOP);
	fixture_remove("");
	assert_int_equal(mkfifo(fixture_path, 0600), 0);
	assert_int_equal(open_as(&config), -EPROTO);
	assert_int_equal(reader_errno(0), EPROTO);
	fixture_remove("");
	assert_int_equal(mkdir(fixture_path, 0700), 0);
	assert_int_equal(open_as(&config), -EISDIR);
	assert_int_equal(rmdir(fixture_path), 0);

	config.workers = 0;
	assert_int_equal(open_as(&config), -EINVAL);
	config.workers = 257;
	assert_int_equal(open_as(&config), -EINVAL);
	config = fixture_config(1, 0);
	assert_int_equal(open_as(&config), -EINVAL);
	no_room();
	config = fixture_config(1, 8192);
	config.path = "/no/such/folder/ring";
	assert_int_equal(open_as(&config), -ENOENT);
	assert_non_null(strstr(fixture_error, "/no/such/folder/ring"));
}

static void test_bad_cursors(void **state)
{
	struct feed_config config = fixture_config(1, 8192);
	/* head, reserve, tail, applied */
	static const uint64_t bad[][4] = {
		{4096, 4096, 4112, 4096},
		{4096, 4096, 4096, 4112},
		{4096, 4080, 4096, 4096},
		{4096 + 8208, 4096 + 8208, 4096, 4096 + 8208},
		{4096 + 8208, 4096 + 8208, 4096 + 8208, 4096},
		{4096, 4096 + 8208, 4096, 4096},
		{4100, 4100, 4100, 4100},
	};
	static const uint64_t good[4] = {4096, 4096, 4096, 4096};

	assert_int_equal(open_as(&config), 0);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		for (unsigned cursor = 0; cursor < 4; cursor++)
			fixture_poke("", 4096 + 128 * cursor, &bad[i][cursor], 8);
		assert_int_equal(open_as(&config), -EPROTO);
		assert_non_null(strstr(fixture_error, "worker 0"));
	}
	for (unsigned cursor = 0; cursor < 4; cursor++)
		fixture_poke("", 4096 + 128 * cursor, &good[cursor], 8);
	assert_int_equal(open_as(&config), 0);
}

/* Leftovers of a broker that was killed while it made the files. */
static void test_leftovers(void **state)
{
	struct feed_config config = fixture_config(1, 8192);
	struct feed *feed;
	char name[128];
	int fd;

	for (unsigned i = 0; i < 2; i++) {
		snprintf(name, sizeof(name), "%s%s", fixture_path, i ? ".commit.new" : ".new");
		fd = open(name, O_RDWR | O_CREAT, 0666);
		assert_true(fd >= 0);
		assert_int_equal(write(fd, "half", 4), 4);
		close(fd);
	}
	feed = fixture_feed(&config);
	assert_false(feed_attached(feed));
	write_and_publish(feed, 0, 0, 1);
	feed_close(feed);
	assert_int_equal(mode_of(""), 0600);
	assert_int_equal(open_as(&config), 0);

	/* Somebody is at it: not touched. */
	fixture_remove("");
	snprintf(name, sizeof(name), "%s.new", fixture_path);
	fd = open(name, O_RDWR | O_CREAT, 0600);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	assert_int_equal(open_as(&config), -EBUSY);
	assert_int_equal(access(name, F_OK), 0);
	close(fd);
	assert_int_equal(open_as(&config), 0);
}

/* The commit file gone, cut, damaged or of another ring: nothing uncommitted is lost. */
static void test_commit_file(void **state)
{
	struct feed_config config = fixture_config(1, 8192);
	struct feed *feed = fixture_feed(&config);
	struct hearth_feed *reader = fixture_reader(0);
	struct hearth_item item;
	uint64_t n = 6;
	char name[128];

	snprintf(name, sizeof(name), "%s.commit", fixture_path);
	write_and_publish(feed, 0, 0, 6);
	expect(reader, 0, 2);
	hearth_feed_commit(reader);
	feed_close(feed); /* the broker has seen that */
	expect(reader, 2, 4);
	hearth_feed_commit(reader); /* but not this */
	hearth_feed_close(reader);

	for (unsigned way = 0; way < 5; way++) {
		uint64_t junk = 0x1234567;

		if (way == 0)
			fixture_remove(".commit");
		if (way == 1)
			assert_int_equal(truncate(name, 64), 0);
		if (way == 2)
			fixture_poke(".commit", 0, &junk, 8);
		if (way == 3)
			fixture_poke(".commit", 24, &junk, 8); /* identity */
		if (way == 4) {
			fixture_remove(".commit");
			assert_int_equal(symlink("ring", name), 0);
		}
		assert_int_not_equal(reader_errno(0), 0);
		feed = fixture_feed(&config);
		assert_true(feed_attached(feed));
		reader = fixture_reader(0);
		expect(reader, 2, n);
		assert_int_equal(hearth_feed_next(reader, &item), 0);
		write_and_publish(feed, 0, n, n + 1);
		n++;
		feed_close(feed);
		hearth_feed_close(reader);
	}

	/* A consumer that holds the old commit file is told. */
	reader = fixture_reader(0);
	fixture_remove(".commit");
	feed = fixture_feed(&config);
	expect(reader, 2, n);
	hearth_feed_commit(reader);
	assert_int_equal(hearth_feed_next(reader, &item), -ESTALE);
	hearth_feed_close(reader);
	reader = fixture_reader(0);
	expect(reader, 2, n);
	hearth_feed_close(reader);
	feed_close(feed);
}

/* A file that was removed under a running broker goes on being served until another takes its
 * place. */
static void test_removed(void **state)
{
	struct feed_config config = fixture_config(1, 8192);
	struct feed *feed = fixture_feed(&config), *second;
	struct hearth_feed *reader = fixture_reader(0);
	struct hearth_item item;
	struct timespec pause = {.tv_nsec = 150000000};

	fixture_remove("");
	fixture_remove(".commit");
	assert_int_equal(hearth_feed_next(reader, &item), 0);
	write_and_publish(feed, 0, 0, 1);
	expect(reader, 0, 1);
	second = fixture_feed(&config);
	assert_false(feed_attached(second));
	nanosleep(&pause, NULL); /* it looks ten times a second */
	assert_int_equal(hearth_feed_next(reader, &item), -ESTALE);
	hearth_feed_close(reader);
	feed_close(second);
	feed_close(feed);
}

#define FEED_TEST(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FEED_TEST(test_life),
		FEED_TEST(test_replay),
		FEED_TEST(test_one_each),
		FEED_TEST(test_geometry),
		FEED_TEST(test_no_ring),
		FEED_TEST(test_bad_cursors),
		FEED_TEST(test_leftovers),
		FEED_TEST(test_commit_file),
		FEED_TEST(test_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
