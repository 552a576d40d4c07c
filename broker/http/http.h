/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* http.h - status page, JSON, metrics and health over HTTP, in a thread of its own */
#pragma once

#include "config.h"

#include <stddef.h>

struct control;
struct http;

/** enum http_state - what /readyz says */
enum http_state { HTTP_STARTING, HTTP_READY, HTTP_DRAINING, HTTP_ENDING };

/**
 * http_open() - listen at config's http.listen and read its token
 *
 * Nothing is answered before http_start(). Return: NULL with errno set and one line in @error.
 */
struct http *http_open(const struct config *config, char *error, size_t size);

/**
 * http_start() - begin to answer
 * @control: borrowed; asked once the state is HTTP_READY or HTTP_DRAINING
 *
 * The thread runs on the CPUs of the one that calls this, which must not be a worker's.
 * Return: 0 or -errno.
 */
int http_start(struct http *http, struct control *control, char *error, size_t size);

/** http_set_state() - from any thread. NULL is allowed. */
void http_set_state(struct http *http, enum http_state state);

/** http_reload() - read the token again, take over http.actions. From any thread but its own.
 * Return: 0; -errno with one line in @error, and then nothing has changed. */
int http_reload(struct http *http, const struct config *config, char *error, size_t size);

/** http_close() - answer nobody any more. Before control_close(), while its thread still serves or
 * never will: who waits for it is let go. NULL is allowed. */
void http_close(struct http *http);
