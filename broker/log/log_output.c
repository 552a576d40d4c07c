/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* log_output.c - writing a line without ever waiting for who reads it */
#include "log/log_private.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * The descriptor may be shared with others (a shell, a terminal), to whom O_NONBLOCK would be a
 * surprise. So a pipe or terminal is opened once more for ourselves; files never make us wait for
 * long, and of a socket each write can say that it does not want to.
 */
void log_output_open(struct log_output *output, int fd)
{
	struct stat about;
	char path[32];

	*output = (struct log_output){.fd = fd, .own = -1};
	if (fstat(fd, &about) < 0 || !(S_ISFIFO(about.st_mode) || S_ISCHR(about.st_mode)))
		return;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	output->own = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

void log_output_close(struct log_output *output)
{
	if (output->own >= 0)
		close(output->own);
	output->own = -1;
}

/* Return: bytes taken, or -1 with errno set. */
static ssize_t write_now(const struct log_output *output, const char *bytes, size_t length)
{
	struct pollfd polled = {.fd = output->fd, .events = POLLOUT};
	ssize_t n;

	if (output->own >= 0)
		return write(output->own, bytes, length);
	n = send(output->fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n >= 0 || errno != ENOTSOCK)
		return n;
	/* a pipe that says it has room takes PIPE_BUF bytes at once */
	if (poll(&polled, 1, 0) != 1) {
		errno = EAGAIN;
		return -1;
	}
	return write(output->fd, bytes, length);
}

bool log_output_write(struct log_output *output, const char *line, size_t length)
{
	ssize_t n;

	/* the rest of a line that was cut off is not sent after it: it may be long ago */
	if (output->torn) {
		if (write_now(output, "\n", 1) != 1)
			goto fail;
		output->torn = false;
	}
	n = write_now(output, line, length);
	if (n == (ssize_t)length)
		return true;
	if (n > 0) {
		output->torn = true;
		errno = ENOSPC;
	}
fail:
	output->error = errno;
	return false;
}
