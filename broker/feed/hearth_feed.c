/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* hearth_feed.c - reading of event records, by the one consumer or by observers */
#include "layout.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* An idle reader looks this often whether the file was replaced. */
#define STALE_CHECK_MS 100

/**
 * struct reader - one worker's ring as a reader knows it
 * @next: cursor of the record to return next
 * @offset: where @next lies in @data
 * @head: as last seen
 * @commit: consumer only
 */
struct reader {
	const uint8_t *data;
	const struct feed_cursors *cursors;
	uint64_t *commit;
	uint64_t next, offset, head;
	bool damaged;
};

/**
 * struct hearth_feed
 * @turn: the ring to look at first
 * @last: the ring that the last item came from, @last_cursor where it stood
 * @copy: an observer's item: what lies in the ring may be overwritten while it is looked at
 * @checked: when the file was last looked for, ms
 */
struct hearth_feed {
	bool observe;
	char *path;
	int fd, commit_fd;
	struct stat file, commit_file;
	struct feed_header header;
	const uint8_t *pages;
	uint8_t *commit;
	struct reader *readers;
	unsigned turn;
	unsigned last;
	uint64_t last_cursor;
	uint8_t *copy;
	size_t copy_size;
	uint64_t checked;
	bool stale;
};

static uint64_t pages_bytes(const struct feed_header *header)
{
	return FEED_PAGE * (uint64_t)(1 + header->workers);
}

static int open_ring(struct hearth_feed *feed, char *error, size_t size)
{
	uint32_t layout;
	int rc;

	/* O_NONBLOCK: a FIFO would keep us here. */
	feed->fd = open(feed->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (feed->fd < 0)
		return -errno;
	if (fstat(feed->fd, &feed->file) < 0)
		return -errno;
	rc = feed_header_read(feed->fd, FEED_MAGIC, &feed->header, &layout);
	if (rc == -EPROTO && layout && layout != FEED_LAYOUT)
		feed_error(error, size,
			"%s has ring layout %u, this reader knows %u: use the one of the broker's "
			"version",
			feed->path, layout, FEED_LAYOUT);
	else if (rc == -EPROTO)
		feed_error(
			error, size, "%s is no event ring, or its header is damaged", feed->path);
	return rc;
}

/* The commit file's lock makes its holder the consumer. */
static int open_commit(struct hearth_feed *feed, char *error, size_t size)
{
	char name[PATH_MAX];
	struct feed_header header;
	uint32_t layout;
	int rc;

	if (snprintf(name, sizeof(name), "%s.commit", feed->path) >= (int)sizeof(name))
		return -ENAMETOOLONG;
	feed->commit_fd = open(name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (feed->commit_fd < 0) {
		rc = -errno;
		feed_error(error, size, "%s: %s%s", name, strerror(-rc),
			rc == -ENOENT ? ": the broker makes it when it starts" : "");
		return rc;
	}
	if (flock(feed->commit_fd, LOCK_EX | LOCK_NB) < 0) {
		rc = errno == EWOULDBLOCK ? -EBUSY : -errno;
		feed_error(error, size, "%s: %s", feed->path,
			rc == -EBUSY ? "another consumer has it" : strerror(-rc));
		return rc;
	}
	if (fstat(feed->commit_fd, &feed->commit_file) < 0)
		return -errno;
	rc = feed_header_read(feed->commit_fd, FEED_COMMIT_MAGIC, &header, &layout);
	if (rc == 0 && feed_commit_matches(&header, &feed->header) &&
		feed_same_file(name, &feed->commit_file) == 1)
		return 0;
	if (rc < 0 && rc != -EPROTO)
		return rc;
	feed_error(error, size, "%s does not belong to its ring: the broker mends it at its start",
		name);
	/* Being made just now, most likely. */
	return -ENOENT;
}

static int map_commit(struct hearth_feed *feed)
{
	feed->commit = mmap(NULL, feed_commit_bytes(&feed->header), PROT_READ | PROT_WRITE,
		MAP_SHARED, feed->commit_fd, 0);
	if (feed->commit == MAP_FAILED) {
		feed->commit = NULL;
		return -errno;
	}
	for (unsigned i = 0; i < feed->header.workers; i++)
		feed->readers[i].commit =
			&((struct feed_commit *)(feed->commit + FEED_LINE))[i].value;
	return 0;
}

static void seek(const struct hearth_feed *feed, struct reader *reader, uint64_t cursor)
{
	reader->next = cursor;
	reader->offset = cursor % feed->header.bytes;
}

/*
 * Where to start. The broker's tail never passes the commit cursor and nothing from there on is
 * overwritten, so that is where a consumer whose own cursor is damaged goes on.
 */
static int start(struct hearth_feed *feed, struct reader *reader)
{
	uint64_t tail = feed_load(&reader->cursors->tail.value);
	uint64_t commit = feed->observe ? 0 : feed_load(reader->commit);

	reader->head = feed_load(&reader->cursors->head.value);
	if (feed->observe) {
		seek(feed, reader, reader->head);
		return 0;
	}
	if (commit < tail || commit > reader->head || commit % 16)
		commit = tail;
	if (reader->head - commit > feed->header.bytes)
		return -EPROTO;
	seek(feed, reader, commit);
	return 0;
}

static int map_rings(struct hearth_feed *feed, char *error, size_t size)
{
	uint64_t bytes = feed->header.bytes;
	int rc;

	feed->pages = mmap(NULL, pages_bytes(&feed->header), PROT_READ, MAP_SHARED, feed->fd, 0);
	if (feed->pages == MAP_FAILED) {
		feed->pages = NULL;
		return -errno;
	}
	for (unsigned i = 0; i < feed->header.workers; i++) {
		struct reader *reader = &feed->readers[i];
		uint8_t *data;

		reader->cursors = (const struct feed_cursors *)(feed->pages + FEED_PAGE * (1 + i));
		rc = feed_map_twice(
			feed->fd, pages_bytes(&feed->header) + i * bytes, bytes, false, &data);
		if (rc < 0)
			return rc;
		reader->data = data;
		rc = start(feed, reader);
		if (rc < 0) {
			feed_error(error, size, "%s: the cursors of worker %u are damaged",
				feed->path, i);
			return rc;
		}
	}
	return 0;
}

struct hearth_feed *hearth_feed_open(const char *path, unsigned flags, char *error, size_t size)
{
	struct hearth_feed *feed = calloc(1, sizeof(*feed));
	int rc = -ENOMEM;

	feed_error(error, size, "%s", "");
	if (!feed)
		goto fail;
	feed->fd = feed->commit_fd = -1;
	feed->observe = flags & HEARTH_FEED_OBSERVE;
	feed->path = strdup(path);
	if (!feed->path)
		goto fail;
	rc = open_ring(feed, error, size);
	if (rc < 0)
		goto fail;
	feed->readers = calloc(feed->header.workers, sizeof(*feed->readers));
	if (!feed->readers) {
		rc = -ENOMEM;
		goto fail;
	}
	if (!feed->observe) {
		rc = open_commit(feed, error, size);
		if (rc == 0)
			rc = map_commit(feed);
		if (rc < 0)
			goto fail;
	}
	rc = map_rings(feed, error, size);
	if (rc < 0)
		goto fail;
	return feed;
fail:
	if (size && !error[0])
		feed_error(error, size, "%s: %s", path, strerror(-rc));
	hearth_feed_close(feed);
	errno = -rc;
	return NULL;
}

void hearth_feed_close(struct hearth_feed *feed)
{
	if (!feed)
		return;
	for (unsigned i = 0; feed->readers && i < feed->header.workers; i++) {
		if (feed->readers[i].data)
			munmap((void *)feed->readers[i].data, 2 * feed->header.bytes);
	}
	free(feed->readers);
	if (feed->pages)
		munmap((void *)feed->pages, pages_bytes(&feed->header));
	if (feed->commit)
		munmap(feed->commit, feed_commit_bytes(&feed->header));
	if (feed->commit_fd >= 0)
		close(feed->commit_fd);
	if (feed->fd >= 0)
		close(feed->fd);
	free(feed->copy);
	free(feed->path);
	free(feed);
}

/* Has what lies at @cursor been written over, or may it be being written over now? */
static bool overtaken(const struct hearth_feed *feed, const struct reader *reader, uint64_t cursor)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return __atomic_load_n(&reader->cursors->reserve.value, __ATOMIC_RELAXED) - cursor >
	       feed->header.bytes;
}

/*
 * The record at @data may change while it is read, its length too: it is copied, then the reserve
 * cursor tells whether the copy is whole. Return: 1; 0 if it was overtaken; -errno.
 */
static int copy_record(struct hearth_feed *feed, const struct reader *reader, uint64_t available)
{
	const uint8_t *data = reader->data + reader->offset;
	uint32_t length = __atomic_load_n((const uint32_t *)data, __ATOMIC_RELAXED);

	if (overtaken(feed, reader, reader->next))
		return 0;
	if (length < sizeof(struct hearth_record) || length > available)
		return -EBADMSG;
	if (length > feed->copy_size) {
		uint8_t *larger = realloc(feed->copy, length);

		if (!larger)
			return -ENOMEM;
		feed->copy = larger;
		feed->copy_size = length;
	}
	feed_copy(feed->copy, data, length);
	return overtaken(feed, reader, reader->next) ? 0 : 1;
}

/* An observer that was too slow goes on with what comes next. */
static int skip_to_head(struct hearth_feed *feed, struct reader *reader)
{
	reader->head = feed_load(&reader->cursors->head.value);
	seek(feed, reader, reader->head);
	return -EOVERFLOW;
}

static int next_of(struct hearth_feed *feed, unsigned worker, struct hearth_item *item)
{
	struct reader *reader = &feed->readers[worker];
	const uint8_t *data = reader->data + reader->offset;
	uint64_t available;
	uint32_t length = 0;
	int rc = 1;

	if (reader->damaged)
		return 0;
	if (reader->next == reader->head) {
		reader->head = feed_load(&reader->cursors->head.value);
		if (reader->next == reader->head)
			return 0;
	}
	available = reader->head - reader->next;
	if (feed->observe) {
		/* head first, then reserve: a reader that lags sees a reserve at least as new. */
		rc = overtaken(feed, reader, reader->next) ? 0
							   : copy_record(feed, reader, available);
		if (rc == 0)
			return skip_to_head(feed, reader);
		data = feed->copy;
	}
	if (rc == -ENOMEM)
		return rc;
	if (rc == 1 && available <= feed->header.bytes)
		length = feed_record_check(data, reader->next, available);
	if (length == 0) {
		reader->damaged = true;
		item->worker = worker;
		return -EBADMSG;
	}
	feed_record_item(data, worker, item);
	feed->last = worker;
	feed->last_cursor = reader->next;
	reader->next += length;
	reader->offset += length;
	if (reader->offset >= feed->header.bytes)
		reader->offset -= feed->header.bytes;
	return 1;
}

/*
 * A file that was removed may still be served by its broker: only another one in its place means
 * that nothing more comes from this one.
 */
static bool replaced(struct hearth_feed *feed)
{
	char name[PATH_MAX];
	struct timespec now;
	uint64_t ms;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
	if (feed->stale || (feed->checked && ms - feed->checked < STALE_CHECK_MS))
		return feed->stale;
	feed->checked = ms;
	feed->stale = feed_same_file(feed->path, &feed->file) == 0;
	if (!feed->stale && !feed->observe) {
		snprintf(name, sizeof(name), "%s.commit", feed->path);
		feed->stale = feed_same_file(name, &feed->commit_file) == 0;
	}
	return feed->stale;
}

int hearth_feed_next(struct hearth_feed *feed, struct hearth_item *item)
{
	for (unsigned i = 0; i < feed->header.workers; i++) {
		unsigned worker = feed->turn;
		int rc;

		feed->turn = worker + 1 < feed->header.workers ? worker + 1 : 0;
		rc = next_of(feed, worker, item);
		if (rc)
			return rc;
	}
	return replaced(feed) ? -ESTALE : 0;
}

int hearth_feed_commit(struct hearth_feed *feed)
{
	if (feed->observe)
		return -EPERM;
	for (unsigned i = 0; i < feed->header.workers; i++) {
		struct reader *reader = &feed->readers[i];

		/* The broker reads this line too: left alone when there is nothing new. */
		if (*reader->commit != reader->next)
			__atomic_store_n(reader->commit, reader->next, __ATOMIC_RELEASE);
	}
	return 0;
}

int hearth_feed_valid(struct hearth_feed *feed)
{
	return !feed->observe || !overtaken(feed, &feed->readers[feed->last], feed->last_cursor);
}

uint64_t hearth_feed_lag(const struct hearth_feed *feed)
{
	uint64_t lag = 0;

	for (unsigned i = 0; i < feed->header.workers; i++) {
		const struct reader *reader = &feed->readers[i];
		uint64_t ahead = feed_load(&reader->cursors->head.value) - reader->next;

		/* An observer can be further behind than the ring is long. */
		lag += ahead < feed->header.bytes ? ahead : feed->header.bytes;
	}
	return lag;
}
