/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* log.h - what the broker says to its operator: one logger for the control plane */
#pragma once

#include "config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Never called by a worker: it formats, takes a lock and makes system calls. It never waits: a line
 * that its output does not take at once (a pipe that nobody reads, a full disk) is dropped and
 * counted, and how many were is said once the output works again.
 *
 * Formats. Text: "hearthd: LINE" on standard output; warnings and errors on standard error, with
 * "warning: " before the former. Journald: the same behind "<N>", the priority (sd-daemon(3)), all
 * on standard error. JSON: one object a line with time (Unix milliseconds), level, site, message
 * and whatever fields there are, all on standard output.
 *
 * Whatever is not plain text in a message or a field - control characters, line breaks, characters
 * that reorder others, bytes that are no UTF-8 - is written as \xNN: what a peer chose can neither
 * begin a line nor move a terminal's cursor. Secrets are no business of this file: nobody hands it
 * any.
 */

/** Longest line, its end included; a message or a field that would make it longer is cut and ends in
 * "...". A pipe takes so many bytes whole or not at all (PIPE_BUF). */
#define LOG_LINE_MAX 4096

/** Lines that a call site may say at once, and one more each second after that; others are held
 * back, and how many were is said. */
#define LOG_BURST 100

/** Fields of one line, at most. */
#define LOG_FIELDS_MAX 8

/** struct log_field - a name of ours, a text of anybody's */
struct log_field {
	const char *name, *text;
};

/** struct log_site - a place in the program that logs; static, zeroed but for @name */
struct log_site {
	const char *name;
	struct log_site *next;
	bool known;
	uint64_t credit, refilled; /* lines times microseconds; microseconds */
	uint64_t held;             /* and not told yet */
	enum config_log_level level;
};

/**
 * struct log_setup
 * @program: what text lines begin with; NULL: "hearthd"
 * @out, @err: descriptors; stay the caller's
 * @clock_us: monotonic microseconds; NULL: the system's
 */
struct log_setup {
	const char *program;
	enum config_log_format format;
	enum config_log_level level;
	int out, err;
	uint64_t (*clock_us)(void);
};

/**
 * log_open() - say everything as @setup says from now on
 *
 * Before it is called, and after log_close(), lines are text on standard output and standard error.
 * LOG_FORMAT_AUTO is journald where JOURNAL_STREAM names the standard error that we have
 * (systemd.exec(5)), else text.
 */
void log_open(const struct log_setup *setup);

/** log_close() - say what is still to be said: lines lost or held back. */
void log_close(void);

/** log_set_level() - from now on nothing below @level is said. Any thread. */
void log_set_level(enum config_log_level level);

/** log_tick() - about once a second: say what was held back, if nothing else of that site was. */
void log_tick(void);

/** struct log_counts - lines since the start: said, held back, lost because the output failed */
struct log_counts {
	uint64_t said, held, lost;
};

/** log_counts() - any thread. */
struct log_counts log_counts(void);

/**
 * log_escape() - @text as it may stand in a line
 * @to: receives it with its NUL, cut behind a whole character where @room ends
 * Return: its length.
 */
size_t log_escape(char *to, size_t room, const char *text);

/** log_write() - see the macros below. */
void log_write(struct log_site *site, enum config_log_level level, const struct log_field *fields,
	unsigned count, const char *format, ...) __attribute__((format(printf, 5, 6)));

#define LOG_TEXT_OF(line) #line
#define LOG_SITE_NAME(line) __FILE_NAME__ ":" LOG_TEXT_OF(line)
#define LOG_AT(level, fields, count, ...)                                                          \
	do {                                                                                       \
		static struct log_site log_here = {.name = LOG_SITE_NAME(__LINE__)};               \
		log_write(&log_here, level, fields, count, __VA_ARGS__);                           \
	} while (0)

/** log_error() and the others - one line, printf-like. */
#define log_error(...) LOG_AT(LOG_LEVEL_ERROR, NULL, 0, __VA_ARGS__)
#define log_warning(...) LOG_AT(LOG_LEVEL_WARNING, NULL, 0, __VA_ARGS__)
#define log_info(...) LOG_AT(LOG_LEVEL_INFO, NULL, 0, __VA_ARGS__)
#define log_debug(...) LOG_AT(LOG_LEVEL_DEBUG, NULL, 0, __VA_ARGS__)

/** log_with() - with one field: @name of ours, @text of anybody's. */
#define log_with(level, name, text, ...)                                                           \
	LOG_AT(level, (&(const struct log_field){name, text}), 1, __VA_ARGS__)
