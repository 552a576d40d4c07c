/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* resp.c - what a client of Redis says and hears (RESP 2) */
#include "resp.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NUMBER_DIGITS 18 /* of lengths and integers: fits int64_t */

struct writer {
	uint8_t *out;
	size_t size, length;
};

/* Once it overflows it stays too long. */
static void put(struct writer *writer, const void *bytes, size_t length)
{
	if (writer->length <= writer->size && length <= writer->size - writer->length)
		memcpy(writer->out + writer->length, bytes, length);
	writer->length += length;
}

static void put_bulk(struct writer *writer, const void *bytes, size_t length)
{
	char line[32];

	put(writer, line, (size_t)snprintf(line, sizeof(line), "$%zu\r\n", length));
	put(writer, bytes, length);
	put(writer, "\r\n", 2);
}

static size_t written(const struct writer *writer)
{
	return writer->length <= writer->size ? writer->length : 0;
}

size_t resp_set(uint8_t *out, size_t size, const void *key, size_t key_length, const void *value,
	size_t value_length)
{
	struct writer writer = {.out = out, .size = size};

	put(&writer, "*3\r\n$3\r\nSET\r\n", 13);
	put_bulk(&writer, key, key_length);
	put_bulk(&writer, value, value_length);
	return written(&writer);
}

size_t resp_get(uint8_t *out, size_t size, const void *key, size_t key_length)
{
	struct writer writer = {.out = out, .size = size};

	put(&writer, "*2\r\n$3\r\nGET\r\n", 13);
	put_bulk(&writer, key, key_length);
	return written(&writer);
}

static int parse_number(const uint8_t *text, size_t length, int64_t *number)
{
	size_t i = length && text[0] == '-';

	*number = 0;
	if (i == length || length - i > NUMBER_DIGITS)
		return -EPROTO;
	for (; i < length; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -EPROTO;
		*number = *number * 10 + (text[i] - '0');
	}
	if (text[0] == '-')
		*number = -*number;
	return 0;
}

/* $LENGTH CR LF bytes CR LF, or $-1 CR LF for none; @line bytes of it are its first line. */
static ssize_t parse_bulk(
	const uint8_t *bytes, size_t length, size_t line, struct resp_reply *reply)
{
	int64_t number = reply->number;

	if (number == -1) {
		reply->kind = RESP_NONE;
		return (ssize_t)line;
	}
	if (number < 0)
		return -EPROTO;
	reply->kind = RESP_BULK;
	reply->text = bytes + line;
	reply->length = (size_t)number;
	if (length - line < 2 || length - line - 2 < (size_t)number)
		return 0;
	if (memcmp(reply->text + number, "\r\n", 2) != 0)
		return -EPROTO;
	return (ssize_t)(line + (size_t)number + 2);
}

ssize_t resp_parse(const uint8_t *bytes, size_t length, struct resp_reply *reply)
{
	const uint8_t *end = length > 1 ? memchr(bytes + 1, '\r', length - 1) : NULL;
	size_t line;

	if (length && !strchr("+-:$", bytes[0]))
		return -EPROTO;
	if (!end || end + 1 == bytes + length)
		return 0;
	if (end[1] != '\n')
		return -EPROTO;
	line = (size_t)(end - bytes) + 2;
	reply->text = bytes + 1;
	reply->length = line - 3;
	reply->number = 0;
	switch (bytes[0]) {
	case '+':
		reply->kind = RESP_OK;
		return (ssize_t)line;
	case '-':
		reply->kind = RESP_ERROR;
		return (ssize_t)line;
	}
	if (parse_number(reply->text, reply->length, &reply->number))
		return -EPROTO;
	reply->kind = RESP_INTEGER;
	return bytes[0] == ':' ? (ssize_t)line : parse_bulk(bytes, length, line, reply);
}
