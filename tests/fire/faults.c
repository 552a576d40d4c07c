/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* faults.c - preloaded: fails, or dies at, the k-th call that changes a file */

/* Both names of each call are defined here: none may stand for the other. */
#undef _FILE_OFFSET_BITS

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

/*
 * What to do comes by the environment, so that any program can be run under it:
 *
 *  HEARTH_FAULT_PATH   only files whose path contains this
 *  HEARTH_FAULT_AT     the first call that goes wrong, from 1; 0: none, they are only counted
 *  HEARTH_FAULT_FOR    how many in a row (1); 0: all from there on
 *  HEARTH_FAULT_DO     before: die instead of the call; after: die once it was made; eio, enospc:
 *                      fail without doing anything; short: write half of it (and fail, where
 *                      nothing is written)
 *  HEARTH_FAULT_ARMED  calls count only while this file exists
 *  HEARTH_FAULT_LOG    a line "number call" for each call that counts
 *
 * What is on its way to a file through the page cache outlives a process that dies: this tries the
 * death of processes and errors of the disk, not the loss of power.
 */

enum what { PASS, BEFORE, AFTER, EIO_, ENOSPC_, SHORT };

static unsigned calls; /* that counted */

static const char *setting(const char *name)
{
	const char *value = getenv(name);

	return value ? value : "";
}

static bool concerns(int fd)
{
	const char *part = setting("HEARTH_FAULT_PATH"), *armed = getenv("HEARTH_FAULT_ARMED");
	char link[32], path[4096];
	ssize_t length;

	if (armed && access(armed, F_OK))
		return false;
	if (fd < 0)
		return true;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, path, sizeof(path) - 1);
	if (length < 0)
		return false;
	path[length] = '\0';
	return strstr(path, part) != NULL;
}

static void note(unsigned number, const char *name)
{
	const char *path = getenv("HEARTH_FAULT_LOG");
	FILE *log = path ? fopen(path, "ae") : NULL;

	if (!log)
		return;
	fprintf(log, "%u %s\n", number, name);
	fclose(log);
}

static enum what chosen(void)
{
	static const char *const names[] = {"", "before", "after", "eio", "enospc", "short"};
	const char *what = setting("HEARTH_FAULT_DO");
	unsigned i;

	for (i = BEFORE; i <= SHORT; i++) {
		if (strcmp(what, names[i]) == 0)
			return (enum what)i;
	}
	return PASS;
}

/* One call on a file. Return: what is to become of it; dies here if it is to die before. */
static enum what judge(int fd, const char *name)
{
	const int saved = errno;
	enum what what = PASS;

	if (concerns(fd)) {
		unsigned number = __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED);
		unsigned at = (unsigned)atoi(setting("HEARTH_FAULT_AT"));
		const char *text = getenv("HEARTH_FAULT_FOR");
		unsigned row = text ? (unsigned)atoi(text) : 1;

		/* The log is written by this process too: it must not be what is counted. */
		if (at && number >= at && (!row || number < at + row))
			what = chosen();
		note(number, name);
	}
	if (what == BEFORE)
		kill(getpid(), SIGKILL);
	errno = saved;
	return what;
}

static int failure(enum what what)
{
	errno = what == ENOSPC_ ? ENOSPC : EIO;
	return -1;
}

static void die_after(enum what what)
{
	if (what == AFTER)
		kill(getpid(), SIGKILL);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void *data, size_t length)
{
	const enum what what = judge(fd, "write");
	ssize_t done;

	if (what == EIO_ || what == ENOSPC_)
		return failure(what);
	done = REAL(write)(fd, data, what == SHORT ? length / 2 : length);
	die_after(what);
	return done;
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t at)
{
	const enum what what = judge(fd, "pwrite");
	ssize_t done;

	if (what == EIO_ || what == ENOSPC_)
		return failure(what);
	done = REAL(pwrite)(fd, data, what == SHORT ? length / 2 : length, at);
	die_after(what);
	return done;
}

ssize_t pwrite64(int fd, const void *data, size_t length, off_t at)
{
	return pwrite(fd, data, length, at);
}

/* Half of several parts: the first half of them. */
ssize_t writev(int fd, const struct iovec *parts, int count)
{
	const enum what what = judge(fd, "writev");
	ssize_t done;

	if (what == EIO_ || what == ENOSPC_ || (what == SHORT && count < 2))
		return failure(what);
	done = REAL(writev)(fd, parts, what == SHORT ? count / 2 : count);
	die_after(what);
	return done;
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at)
{
	const enum what what = judge(fd, "pwritev");
	ssize_t done;

	if (what == EIO_ || what == ENOSPC_ || (what == SHORT && count < 2))
		return failure(what);
	done = REAL(pwritev)(fd, parts, what == SHORT ? count / 2 : count, at);
	die_after(what);
	return done;
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off_t at)
{
	return pwritev(fd, parts, count, at);
}

int fsync(int fd)
{
	const enum what what = judge(fd, "fsync");
	int rc;

	if (what >= EIO_)
		return failure(what);
	rc = REAL(fsync)(fd);
	die_after(what);
	return rc;
}

int fdatasync(int fd)
{
	const enum what what = judge(fd, "fdatasync");
	int rc;

	if (what >= EIO_)
		return failure(what);
	rc = REAL(fdatasync)(fd);
	die_after(what);
	return rc;
}

int msync(void *at, size_t length, int flags)
{
	const enum what what = judge(-1, "msync");
	int rc;

	if (what >= EIO_)
		return failure(what);
	rc = REAL(msync)(at, length, flags);
	die_after(what);
	return rc;
}

int ftruncate(int fd, off_t length)
{
	const enum what what = judge(fd, "ftruncate");
	int rc;

	if (what >= EIO_)
		return failure(what);
	rc = REAL(ftruncate)(fd, length);
	die_after(what);
	return rc;
}

int ftruncate64(int fd, off_t length)
{
	return ftruncate(fd, length);
}
