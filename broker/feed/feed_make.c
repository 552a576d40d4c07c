/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* feed_make.c - making the ring files: each is built under another name, then renamed */
#include "feed_ring.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

int feed_lock(int fd)
{
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	return errno == EWOULDBLOCK ? -EBUSY : -errno;
}

static int write_whole(int fd, const void *bytes, size_t length, off_t offset)
{
	const uint8_t *at = bytes;

	while (length) {
		ssize_t put = pwrite(fd, at, length, offset);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -errno;
		at += put;
		offset += put;
		length -= (size_t)put;
	}
	return 0;
}

int feed_make_commit(const char *path, const struct feed_header *header, const uint64_t *commit,
	char *error, size_t size)
{
	char name[PATH_MAX], building[PATH_MAX];
	struct feed_header commit_header = *header;
	size_t bytes = feed_commit_bytes(header);
	struct feed_commit *lines = calloc(1, bytes);
	int fd = -1, rc;

	if (!lines)
		return -ENOMEM;
	feed_header_seal(&commit_header, FEED_COMMIT_MAGIC);
	memcpy(lines, &commit_header, sizeof(commit_header));
	for (unsigned i = 0; i < header->workers; i++)
		lines[1 + i].value = commit[i];

	snprintf(name, sizeof(name), "%s.commit", path);
	snprintf(building, sizeof(building), "%s.commit.new", path);
	/* We hold a lock under which nobody else builds; what is there a predecessor left. */
	FEED_STEP();
	unlink(building);
	FEED_STEP();
	fd = open(building, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	rc = fd < 0 ? -errno : 0;
	FEED_STEP();
	if (rc == 0)
		rc = write_whole(fd, lines, bytes, 0);
	FEED_STEP();
	if (rc == 0 && rename(building, name) < 0)
		rc = -errno;
	FEED_STEP();
	if (rc < 0) {
		feed_error(error, size, "%s: cannot be made: %s", name, strerror(-rc));
		if (fd >= 0)
			unlink(building);
	}
	if (fd >= 0)
		close(fd);
	free(lines);
	return rc;
}

/* Header last: a file without it is no ring. */
static int fill_in(int fd, struct feed_header *header, uint64_t id_limit)
{
	struct feed_cursors *cursors = calloc(1, sizeof(*cursors));
	int rc = 0;

	if (!cursors)
		return -ENOMEM;
	cursors->head.value = header->first_id;
	cursors->reserve.value = header->first_id;
	cursors->tail.value = header->first_id;
	cursors->applied.value = header->first_id;
	cursors->answered.value = header->first_id;
	cursors->id_limit.value = id_limit;
	for (unsigned i = 0; i < header->workers && rc == 0; i++) {
		FEED_STEP();
		rc = write_whole(fd, cursors, sizeof(*cursors), (off_t)FEED_PAGE * (1 + i));
	}
	feed_header_seal(header, FEED_MAGIC);
	FEED_STEP();
	if (rc == 0)
		rc = write_whole(fd, header, sizeof(*header), 0);
	free(cursors);
	return rc;
}

/* The name under which PATH is built is a lock as well: one broker at a time. */
static int open_building(const char *building, int *fd, char *error, size_t size)
{
	struct stat status;
	int rc;

	FEED_STEP();
	*fd = open(building, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (*fd < 0) {
		rc = -errno;
		feed_error(error, size, "%s: cannot be made: %s", building, strerror(-rc));
		return rc;
	}
	FEED_STEP();
	rc = feed_lock(*fd);
	if (rc == -EBUSY)
		feed_error(error, size, "%s: another broker is making it", building);
	if (rc < 0)
		return rc;
	if (fstat(*fd, &status) < 0)
		return -errno;
	if (!S_ISREG(status.st_mode) || status.st_uid != geteuid()) {
		feed_error(error, size, "%s: is not ours: remove it", building);
		return -EPERM;
	}
	return feed_same_file(building, &status) == 1 ? 0 : -EAGAIN;
}

static int fill_space(
	int fd, const char *path, const struct feed_header *header, char *error, size_t size)
{
	int rc;

	FEED_STEP();
	if (fchmod(fd, 0600) < 0 || ftruncate(fd, 0) < 0)
		return -errno;
	FEED_STEP();
	/* All of it now: a page that memory is missing for later would be SIGBUS. */
	rc = posix_fallocate(fd, 0, (off_t)feed_file_bytes(header));
	if (rc)
		feed_error(error, size,
			"%s: no room for %llu bytes (%s): make feed.bytes smaller or room for it",
			path, (unsigned long long)feed_file_bytes(header), strerror(rc));
	return -rc;
}

int feed_make(const struct feed_config *config, uint64_t first_id, bool owned, int *fd, char *error,
	size_t size)
{
	char building[PATH_MAX];
	struct feed_header header = {
		.workers = config->workers, .bytes = config->bytes, .first_id = first_id};
	uint64_t commit[FEED_WORKERS_MAX];
	bool made = false;
	int rc;

	feed_error(error, size, "%s", "");
	snprintf(building, sizeof(building), "%s.new", config->path);
	rc = open_building(building, fd, error, size);
	if (rc < 0)
		goto out;
	made = true;
	/* From here on nobody else makes PATH; somebody may have between our look and the lock. */
	if (!owned && access(config->path, F_OK) == 0) {
		rc = -EAGAIN;
		goto out;
	}
	if (getrandom(&header.identity, sizeof(header.identity), 0) != sizeof(header.identity)) {
		rc = -EIO;
		goto out;
	}
	rc = fill_space(*fd, config->path, &header, error, size);
	if (rc == 0)
		rc = fill_in(*fd, &header, config->id_limit);
	for (unsigned i = 0; i < config->workers; i++)
		commit[i] = first_id;
	/* A reader between the two renames sees identities that differ, and tries again. */
	if (rc == 0)
		rc = feed_make_commit(config->path, &header, commit, error, size);
	FEED_STEP();
	if (rc == 0 && rename(building, config->path) < 0)
		rc = -errno;
	FEED_STEP();
out:
	if (rc < 0 && made)
		unlink(building);
	if (rc < 0 && *fd >= 0) {
		close(*fd);
		*fd = -1;
	}
	if (rc < 0 && rc != -EAGAIN && size && !error[0])
		feed_error(error, size, "%s: cannot be made: %s", config->path, strerror(-rc));
	return rc;
}
