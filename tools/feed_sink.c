/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* feed_sink.c - where hearth-feed puts its lines: standard output, a file, nowhere */
#include "feed_sink.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <libgen.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void complain(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fputs("hearth-feed: ", stderr);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
}

/*
 * A line that a killed predecessor did not finish was not committed and comes again: it is cut off
 * if it is one of ours, and ended if it is not.
 */
static int mend_end(struct sink *sink)
{
	static const char mark[] = "{\"id\":\"";
	char block[4096], begin[sizeof(mark) - 1];
	off_t line = sink->size;
	bool found = false;

	while (line > 0 && !found) {
		size_t length = line < (off_t)sizeof(block) ? (size_t)line : sizeof(block);

		if (pread(sink->fd, block, length, line - (off_t)length) != (ssize_t)length)
			return -EIO;
		while (length && block[length - 1] != '\n') {
			length--;
			line--;
		}
		found = length > 0;
	}
	if (line == sink->size)
		return 0;
	ssize_t got = pread(sink->fd, begin, sizeof(begin), line);
	if (got > 0 && memcmp(begin, mark, (size_t)got) == 0) {
		if (ftruncate(sink->fd, line) < 0)
			return -errno;
		sink->size = line;
		return 0;
	}
	if (write(sink->fd, "\n", 1) != 1)
		return -EIO;
	sink->size++;
	return 0;
}

/* A file that was just made is safe once its folder says so. */
static int sync_folder(const char *name)
{
	char copy[PATH_MAX];
	int fd, rc;

	if (snprintf(copy, sizeof(copy), "%s", name) >= (int)sizeof(copy))
		return -ENAMETOOLONG;
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	rc = fsync(fd) < 0 ? -errno : 0;
	close(fd);
	return rc;
}

int sink_open(struct sink *sink, enum sink_kind kind, const char *to)
{
	struct stat status;
	int rc = 0;

	*sink = (struct sink){.kind = kind, .name = to, .fd = STDOUT_FILENO};
	if (kind != SINK_FILE)
		return 0;
	sink->name = to + strlen("file:");
	sink->fd = open(sink->name, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (sink->fd < 0 || fstat(sink->fd, &status) < 0)
		rc = -errno;
	if (rc == 0 && S_ISREG(status.st_mode)) {
		sink->regular = true;
		sink->size = status.st_size;
		rc = sink->size ? mend_end(sink) : sync_folder(sink->name);
	}
	if (rc < 0)
		complain("%s: %s", sink->name, strerror(-rc));
	return rc;
}

/* All of it. While it stops, a write that makes no progress for a second is given up: -EINTR. */
static int write_all(int fd, const char *at, size_t length)
{
	bool interrupted = false;

	while (length) {
		ssize_t put = write(fd, at, length);

		if (put > 0) {
			at += put;
			length -= (size_t)put;
			interrupted = false;
		} else if (put < 0 && errno == EAGAIN) {
			poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, 100);
			if (stopping && interrupted)
				return -EINTR;
			interrupted = stopping;
		} else if (put < 0 && errno == EINTR) {
			if (stopping && interrupted)
				return -EINTR;
			interrupted = stopping;
		} else {
			return put < 0 ? -errno : -EIO;
		}
	}
	return 0;
}

int sink_write(struct sink *sink, struct batch *batch)
{
	int rc = 0;

	if (sink->kind != SINK_NULL)
		rc = write_all(sink->fd, batch->lines, batch->used);
	if (rc == 0 && sink->regular && fdatasync(sink->fd) < 0)
		rc = -errno;
	if (rc < 0) {
		/*
		 * A disk that is full leaves half a line. After a sync that failed the kernel may
		 * hold pages for clean that are not on the disk, and another sync says nothing of
		 * them: the caller ends, and who starts it anew writes all of the batch again.
		 */
		if (sink->regular && ftruncate(sink->fd, sink->size) < 0)
			complain("%s: half a line stands at its end", sink->name);
		if (rc != -EINTR)
			complain("%s: %s: %" PRIu64 " events are not committed and come again; "
				 "mend it, then start hearth-feed anew",
				sink->name, strerror(-rc), batch->events);
		return rc;
	}
	sink->size += (off_t)batch->used;
	batch->used = 0;
	batch->events = 0;
	return 0;
}
