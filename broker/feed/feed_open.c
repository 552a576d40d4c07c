/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* feed_open.c - the broker attaches to a predecessor's rings, or makes them */
#include "feed_ring.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

/* Files that come and go under our eyes: this often we look again. */
#define OPEN_TRIES 16

static uint64_t pages_bytes(const struct feed_header *header)
{
	return FEED_PAGE * (uint64_t)(1 + header->workers);
}

static void unmap(struct feed *feed)
{
	if (feed->rings) {
		for (unsigned i = 0; i < feed->header.workers; i++) {
			if (feed->rings[i].data)
				munmap(feed->rings[i].data, 2 * feed->header.bytes);
		}
		free(feed->rings);
		feed->rings = NULL;
	}
	if (feed->commit)
		munmap((void *)feed->commit, feed_commit_bytes(&feed->header));
	feed->commit = NULL;
	if (feed->pages)
		munmap(feed->pages, pages_bytes(&feed->header));
	feed->pages = NULL;
}

/* A predecessor that was killed leaves the cursors in this order, whenever it was. */
static bool cursors_sound(const struct feed_cursors *cursors, uint64_t bytes)
{
	uint64_t head = cursors->head.value, tail = cursors->tail.value;
	uint64_t applied = cursors->applied.value, reserve = cursors->reserve.value;
	uint64_t floor = tail < applied ? tail : applied;

	return tail <= head && applied <= head && head <= reserve && reserve - floor <= bytes &&
	       ((head | tail | applied) % 16) == 0;
}

static int map_rings(struct feed *feed, const char *path, char *error, size_t size)
{
	uint64_t bytes = feed->header.bytes;
	size_t rings_bytes = feed->header.workers * sizeof(*feed->rings);
	int rc;

	feed->pages = mmap(NULL, pages_bytes(&feed->header), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_POPULATE, feed->fd, 0);
	if (feed->pages == MAP_FAILED) {
		feed->pages = NULL;
		return -errno;
	}
	feed->rings = aligned_alloc(__alignof__(struct feed_ring), rings_bytes);
	if (!feed->rings)
		return -ENOMEM;
	memset(feed->rings, 0, rings_bytes);
	for (unsigned i = 0; i < feed->header.workers; i++) {
		struct feed_ring *ring = &feed->rings[i];

		ring->cursors = (struct feed_cursors *)(feed->pages + FEED_PAGE * (1 + i));
		if (!cursors_sound(ring->cursors, bytes)) {
			feed_error(error, size,
				"%s: the cursors of worker %u are damaged: move the file away, its "
				"events cannot be trusted",
				path, i);
			return -EPROTO;
		}
		rc = feed_map_twice(
			feed->fd, pages_bytes(&feed->header) + i * bytes, bytes, true, &ring->data);
		if (rc < 0)
			return rc;
		feed_ring_bind(ring, i, bytes);
	}
	return 0;
}

static int open_commit(const struct feed *feed, const char *path)
{
	char name[PATH_MAX];
	struct feed_header header;
	uint32_t layout;
	int fd, rc;

	snprintf(name, sizeof(name), "%s.commit", path);
	fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	rc = feed_header_read(fd, FEED_COMMIT_MAGIC, &header, &layout);
	if (rc == 0 && !feed_commit_matches(&header, &feed->header))
		rc = -EPROTO;
	if (rc == 0)
		return fd;
	close(fd);
	return rc;
}

/* A commit file that is gone or no longer whole is made anew with what the broker saw last:
 * better that events come again than that they are lost. */
static int map_commit(struct feed *feed, const char *path, char *error, size_t size)
{
	uint64_t tails[FEED_WORKERS_MAX];
	const uint8_t *lines;
	int fd = open_commit(feed, path);
	int rc;

	if (fd < 0) {
		for (unsigned i = 0; i < feed->header.workers; i++)
			tails[i] = feed->rings[i].tail;
		rc = feed_make_commit(path, &feed->header, tails, error, size);
		if (rc < 0)
			return rc;
		fd = open_commit(feed, path);
		if (fd < 0)
			return fd;
	}
	lines = mmap(NULL, feed_commit_bytes(&feed->header), PROT_READ, MAP_SHARED | MAP_POPULATE,
		fd, 0);
	rc = lines == MAP_FAILED ? -errno : 0;
	close(fd);
	if (rc < 0)
		return rc;
	feed->commit = lines;
	for (unsigned i = 0; i < feed->header.workers; i++) {
		feed->rings[i].commit = &((const struct feed_commit *)(lines + FEED_LINE))[i].value;
		feed_take_commit(&feed->rings[i]);
	}
	return 0;
}

/* Another geometry: may the old rings go? They may when nothing in them is needed any more. What is
 * committed and not answered does not count: the devices ask again and are answered at once. */
static int check_drained(const struct feed *feed, const char *path, char *error, size_t size)
{
	uint64_t waiting = 0, unapplied = 0;

	for (unsigned i = 0; i < feed->header.workers; i++) {
		waiting += feed->rings[i].head - feed->rings[i].tail;
		unapplied += feed->rings[i].head - feed->rings[i].applied;
	}
	if (waiting == 0 && unapplied == 0)
		return 0;
	if (waiting)
		feed_error(error, size,
			"%s holds %" PRIu64
			" bytes of events for workers: %u and feed.bytes: %" PRIu64
			": take them with `hearth-feed %s --to file:FILE`, or restore that setting",
			path, waiting, feed->header.workers, feed->header.bytes, path);
	else
		feed_error(error, size,
			"%s was left by a broker that was killed: start it once with workers: %u "
			"and "
			"feed.bytes: %" PRIu64 " before changing that setting",
			path, feed->header.workers, feed->header.bytes);
	return -EEXIST;
}

static int make(struct feed *feed, const struct feed_config *config, uint64_t first_id, bool owned,
	char *error, size_t size)
{
	int fd = -1;
	uint32_t layout;
	int rc = feed_make(config, first_id, owned, &fd, error, size);

	if (rc < 0)
		return rc;
	if (feed->fd >= 0)
		close(feed->fd);
	feed->fd = fd;
	rc = feed_header_read(fd, FEED_MAGIC, &feed->header, &layout);
	if (rc == 0)
		rc = map_rings(feed, config->path, error, size);
	if (rc == 0)
		rc = map_commit(feed, config->path, error, size);
	return rc;
}

/* Lock PATH and see whether it is ours, still there and whole. */
static int claim(struct feed *feed, const struct feed_config *config, char *error, size_t size)
{
	const char *path = config->path;
	struct stat status;
	uint32_t layout;
	int rc = feed_lock(feed->fd);

	if (rc == -EBUSY)
		feed_error(error, size, "%s: another broker has it: end that one first", path);
	if (rc < 0)
		return rc;
	if (fstat(feed->fd, &status) < 0)
		return -errno;
	/* Replaced between our open and our lock: look again. */
	if (feed_same_file(path, &status) != 1)
		return -EAGAIN;
	if (S_ISREG(status.st_mode) && status.st_uid != geteuid()) {
		feed_error(error, size, "%s belongs to user %u: remove it or start as that user",
			path, (unsigned)status.st_uid);
		return -EPERM;
	}
	rc = feed_header_read(feed->fd, FEED_MAGIC, &feed->header, &layout);
	if (rc == -EPROTO && layout && layout != FEED_LAYOUT)
		feed_error(error, size,
			"%s has ring layout %u, this broker writes %u: take its events with the "
			"hearth-feed of its own version, then remove it",
			path, layout, FEED_LAYOUT);
	else if (rc == -EPROTO)
		feed_error(error, size,
			"%s is no event ring, or its header is damaged: move it away", path);
	return rc;
}

static int attach(struct feed *feed, const struct feed_config *config, char *error, size_t size)
{
	uint64_t first_id = config->first_id;
	int rc = claim(feed, config, error, size);

	if (rc == 0 && fchmod(feed->fd, 0600) < 0)
		rc = -errno;
	if (rc == 0)
		rc = map_rings(feed, config->path, error, size);
	if (rc == 0)
		rc = map_commit(feed, config->path, error, size);
	if (rc < 0)
		return rc;
	if (feed->header.workers == config->workers && feed->header.bytes == config->bytes) {
		for (unsigned i = 0; i < config->workers; i++)
			feed_store(&feed->rings[i].cursors->id_limit.value, config->id_limit);
		feed->attached = true;
		return 0;
	}
	rc = check_drained(feed, config->path, error, size);
	if (rc < 0)
		return rc;
	if (feed_highest(feed) > first_id)
		first_id = feed_round(feed_highest(feed), FEED_PAGE);
	unmap(feed);
	return make(feed, config, first_id, true, error, size);
}

static int open_once(struct feed *feed, const struct feed_config *config, char *error, size_t size)
{
	int rc;

	FEED_STEP();
	feed->fd = open(config->path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (feed->fd >= 0)
		rc = attach(feed, config, error, size);
	else if (errno == ENOENT)
		rc = make(feed, config, config->first_id, false, error, size);
	else
		rc = -errno;
	if (rc < 0) {
		unmap(feed);
		if (feed->fd >= 0)
			close(feed->fd);
		return rc;
	}
	for (unsigned i = 0; i < config->workers; i++)
		feed_answers_begin(&feed->rings[i], config->answers);
	return 0;
}

static int check_config(const struct feed_config *config, char *error, size_t size)
{
	if (config->workers == 0 || config->workers > FEED_WORKERS_MAX || config->bytes == 0 ||
		config->bytes > FEED_BYTES_MAX || config->first_id % FEED_PAGE) {
		feed_error(error, size, "feed: 1 to %u workers and 1 to %llu bytes a ring",
			FEED_WORKERS_MAX, (unsigned long long)FEED_BYTES_MAX);
		return -EINVAL;
	}
	if (strlen(config->path) + sizeof(".commit.new") > PATH_MAX) {
		feed_error(error, size, "feed.path: too long");
		return -ENAMETOOLONG;
	}
	return 0;
}

int feed_open(struct feed **feed, const struct feed_config *config, char *error, size_t size)
{
	struct feed_config rounded = *config;
	struct feed *opened;
	int rc = check_config(config, error, size);

	if (rc < 0)
		return rc;
	opened = calloc(1, sizeof(*opened));
	if (!opened)
		return -ENOMEM;
	rounded.bytes = feed_round(config->bytes, FEED_PAGE);
	rc = -EAGAIN;
	for (unsigned i = 0; i < OPEN_TRIES && rc == -EAGAIN; i++) {
		feed_error(error, size, "%s", "");
		rc = open_once(opened, &rounded, error, size);
	}
	if (rc < 0) {
		if (size && !error[0])
			feed_error(error, size, "%s: %s", config->path, strerror(-rc));
		free(opened);
		return rc;
	}
	*feed = opened;
	return 0;
}

void feed_close(struct feed *feed)
{
	if (!feed)
		return;
	for (unsigned i = 0; i < feed->header.workers; i++)
		feed_take_commit(&feed->rings[i]);
	unmap(feed);
	close(feed->fd);
	free(feed);
}
