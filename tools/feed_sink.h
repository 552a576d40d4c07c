/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* feed_sink.h - where hearth-feed puts its lines: standard output, a file, nowhere */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum sink_kind { SINK_STDOUT, SINK_FILE, SINK_NULL };

/**
 * struct sink - where lines go
 * @size: a regular file's: up to here its lines are whole
 */
struct sink {
	enum sink_kind kind;
	const char *name;
	int fd;
	bool regular;
	off_t size;
};

/** struct batch - @events lines that are not written yet; @size bytes have room at @lines */
struct batch {
	char *lines;
	size_t used, size;
	uint64_t events;
};

/** Set by a signal: what takes its time is to come to an end. */
extern volatile sig_atomic_t stopping;

/** complain() - a line on standard error. */
__attribute__((format(printf, 1, 2))) void complain(const char *format, ...);

/**
 * sink_open() - @to as given to --to
 *
 * A file is made with mode 0600 or appended to; half a line at its end is mended.
 * Return: 0; -errno, told.
 */
int sink_open(struct sink *sink, enum sink_kind kind, const char *to);

/**
 * sink_write() - write all lines of a batch and empty it
 *
 * Return: 0 once they are safe there; -EINTR if it was stopped and nobody reads; another -errno,
 * told. A file ends with a whole line in any case.
 */
int sink_write(struct sink *sink, struct batch *batch);
