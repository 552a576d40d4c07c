/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* resp.h - what a client of Redis says and hears (RESP 2, redis.io/docs/reference/protocol-spec) */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum resp_kind { RESP_OK, RESP_ERROR, RESP_INTEGER, RESP_BULK, RESP_NONE };

/** struct resp_reply - one reply; @text lies in what was parsed, without its line's end */
struct resp_reply {
	enum resp_kind kind;
	const uint8_t *text;
	size_t length;
	int64_t number; /* of an integer */
};

/**
 * resp_set() - SET @key @value as an array of bulk strings
 *
 * Return: bytes written to @out; 0 if @size is too small.
 */
size_t resp_set(uint8_t *out, size_t size, const void *key, size_t key_length, const void *value,
	size_t value_length);

/** resp_get() - GET @key; returned as by resp_set(). */
size_t resp_get(uint8_t *out, size_t size, const void *key, size_t key_length);

/**
 * resp_parse() - the first reply in @bytes: simple string, error, integer or bulk string
 *
 * Return: its length; 0 if it is not whole yet; -EPROTO if it is none of these.
 */
ssize_t resp_parse(const uint8_t *bytes, size_t length, struct resp_reply *reply);
