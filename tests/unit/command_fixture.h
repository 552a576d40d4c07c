/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* command_fixture.h - command rings without a control socket: registered, written, taken */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "feed/command_ring.h"
#include "feed/hearth_commands.h"

/* The first id of the first registration; each has a block of its own. */
enum { COMMAND_FIXTURE_FIRST = COMMAND_REQUESTS };

/* The broker's side beside @feed_path, which need not be there. */
static inline struct command_rings *command_fixture_rings(const char *feed_path)
{
	struct command_rings *rings;
	char error[512];

	if (command_rings_open(&rings, feed_path, error, sizeof(error)) < 0)
		fail_msg("command_rings_open: %s", error);
	if (error[0])
		fail_msg("command_rings_open gave up: %s", error);
	return rings;
}

/* Register a writer, as the control thread does it, and be that writer. */
static inline struct hearth_commands *command_fixture_writer_of(struct command_rings *rings,
	unsigned flags, uint64_t first, uint64_t bytes, unsigned *number)
{
	struct hearth_commands *commands;
	char error[512] = "", path[512];

	if (command_rings_register(rings, flags, first, bytes, number, error, sizeof(error)) < 0)
		fail_msg("command_rings_register: %s", error);
	command_rings_path(rings, *number, path, sizeof(path));
	commands = commands_attach(command_rings_hand(rings, *number), path, "feed");
	assert_non_null(commands);
	return commands;
}

/* The n-th writer, with a small ring. */
static inline struct hearth_commands *command_fixture_writer(
	struct command_rings *rings, unsigned flags, unsigned n)
{
	unsigned number;

	return command_fixture_writer_of(rings, flags,
		COMMAND_FIXTURE_FIRST + (uint64_t)n * COMMAND_REQUESTS, 2 * COMMAND_RECORD_MAX,
		&number);
}

/* Return: the request's id. */
static inline uint64_t command_fixture_send(struct hearth_commands *commands, const char *device,
	uint32_t code, const char *payload, uint32_t expires_ms)
{
	struct hearth_command command = {.device = device,
		.device_length = strlen(device),
		.code = code,
		.payload = payload,
		.payload_length = strlen(payload),
		.expires_ms = expires_ms};
	uint64_t request = 0;

	assert_int_equal(hearth_command_send(commands, &command, &request), 0);
	return request;
}

static inline bool command_fixture_is(const struct command_item *item, uint64_t request,
	const char *device, uint32_t code, const char *payload)
{
	return item->request == request && item->code == code &&
	       item->device_length == strlen(device) &&
	       memcmp(item->device, device, item->device_length) == 0 &&
	       item->payload_length == strlen(payload) &&
	       memcmp(item->payload, payload, item->payload_length) == 0;
}
