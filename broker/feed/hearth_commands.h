/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* hearth_commands.h - between the files of the library that send commands */
#pragma once

#include "command_layout.h"

/**
 * commands_attach() - begin to write a ring that was just made
 * @fd: of the ring, with its lock; taken over, also when it fails
 * @path, @feed: of the ring and of the event rings; copied
 *
 * Return: NULL with errno set.
 */
struct hearth_commands *commands_attach(int fd, const char *path, const char *feed);

/* ---- the control socket (call.c) ---- */

/* Longest answer that is understood, and longest string in it. */
#define CALL_ANSWER_MAX 8192
#define CALL_TEXT_MAX 4096

/**
 * struct call_answer - an answer of the broker: one JSON object in one line
 * @fd: descriptor that came with it, -1 if none
 */
struct call_answer {
	char line[CALL_ANSWER_MAX];
	size_t length;
	int fd;
};

/**
 * call_broker() - send one request line, wait for the answer's
 * @request: with its line end
 * @error: receives one line for people when it fails or is refused
 *
 * Return: 0: "ok" is true; -EREMOTEIO: refused, @error says why; otherwise -errno. Wipe @answer if
 * it may hold a secret; close its fd.
 */
int call_broker(const char *socket_path, const char *request, struct call_answer *answer,
	char *error, size_t size);

/** call_text() - a first-level string member, escapes resolved, NUL-terminated. Return: false if
 * there is none, or it does not fit or holds a NUL. */
bool call_text(const struct call_answer *answer, const char *name, char *out, size_t size);

/** call_number() - a first-level member that is a whole number from 0 to 2^53. */
bool call_number(const struct call_answer *answer, const char *name, uint64_t *value);

/** call_quote() - @text as a JSON string with its quotes. Return: false if it does not fit or is
 * not made of printable ASCII. */
bool call_quote(const char *text, char *out, size_t size);
