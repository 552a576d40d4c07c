/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_backend_alone.c - a backend, made of the public header and the shared library alone; the
 * language is what C and C++ have in common */
#include <hearth_feed.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define NOWHERE "/nonexistent/control.sock"

/* What a backend does, from its start to its end. Return: 0; -errno. */
static int backend(const char *control_socket, const char *device, char *error, size_t size)
{
	struct hearth_commands *commands =
		hearth_commands_open(control_socket, HEARTH_COMMANDS_BACKEND, error, size);
	struct hearth_command command;
	struct hearth_feed *feed;
	struct hearth_item item;
	uint64_t request;
	int rc;

	if (!commands)
		return -errno;
	feed = hearth_feed_open(hearth_commands_feed(commands), 0, error, size);
	if (!feed) {
		rc = -errno;
		hearth_commands_close(commands);
		return rc;
	}
	memset(&command, 0, sizeof(command));
	command.device = device;
	command.device_length = strlen(device);
	command.code = 2003;
	command.payload = "{}";
	command.payload_length = 2;
	rc = hearth_command_send(commands, &command, &request);
	while (rc == 0 && (rc = hearth_feed_next(feed, &item)) >= 0) {
		if (rc == 1 && item.record->code == 3000)
			hearth_command_answer(commands, &item, "{\"result\":999999}", 17);
		if (rc == 1 && item.record->request == request)
			break;
		hearth_feed_commit(feed);
	}
	hearth_feed_close(feed);
	hearth_commands_close(commands);
	return rc < 0 ? rc : 0;
}

static void test_no_broker(void **state)
{
	char error[256], key[45];
	unsigned seconds;

	(void)state;
	assert_int_equal(backend(NOWHERE, "lamp", error, sizeof(error)), -ENOENT);
	assert_non_null(strstr(error, NOWHERE));
	assert_int_equal(hearth_lan_key(NOWHERE, "lamp", "0123456789abcdef", key, &seconds, error,
				 sizeof(error)),
		-ENOENT);
	hearth_commands_close(NULL);
	hearth_feed_close(NULL);
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(hearth_event_name(HEARTH_UNDELIVERED), "undelivered");
	assert_string_equal(hearth_reason_name(HEARTH_NO_ANSWER), "no-answer");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_broker),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
