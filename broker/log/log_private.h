/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* log_private.h - between the files of the logger: a line being made, and where it goes */
#pragma once

#include "log/log.h"

/* ---- log_line.c ---- */

/* Longest message and field as they stand in a line. */
#define LOG_MESSAGE_MAX 2400
#define LOG_FIELD_NAME_MAX 24
#define LOG_FIELD_MAX 150
/* Everything else of a line: time, level, site, quotes. */
#define LOG_FRAME_MAX 200
_Static_assert(LOG_MESSAGE_MAX + LOG_FIELDS_MAX * (LOG_FIELD_NAME_MAX + LOG_FIELD_MAX + 8) +
			       LOG_FRAME_MAX <=
		       LOG_LINE_MAX,
	"a line always ends as it should");

/**
 * struct log_line - a line being made
 * @json: it is an object
 */
struct log_line {
	bool json;
	size_t used;
	char text[LOG_LINE_MAX];
};

/** log_put() - text of ours, as it is. */
void log_put(struct log_line *line, const char *text);

/** log_put_text() - anybody's text, escaped; no more than @most bytes and then "...". */
void log_put_text(struct log_line *line, const char *text, size_t most);

/** log_line_end() - close the line. */
void log_line_end(struct log_line *line);

/* ---- log_output.c ---- */

/**
 * struct log_output - a descriptor to write lines to
 * @fd: the caller's
 * @own: the same file opened once more, so that writing to it does not wait; -1: there is none
 * @torn: a part of a line was written last
 * @lost, @error: lines that it did not take and that nobody was told of, and why
 */
struct log_output {
	int fd, own;
	bool torn;
	uint64_t lost;
	int error;
};

/** log_output_open() - write to @fd from now on; never waits. */
void log_output_open(struct log_output *output, int fd);

/** log_output_close() - give back what log_output_open() took. */
void log_output_close(struct log_output *output);

/** log_output_write() - write a line whole. Return: false: it was not taken, see @error. */
bool log_output_write(struct log_output *output, const char *line, size_t length);
