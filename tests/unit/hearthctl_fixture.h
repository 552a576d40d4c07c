/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* hearthctl_fixture.h - the operator's command line, run as operators run it */
#pragma once

#include "control_fixture.h"

#include <sys/wait.h>

static char program[512];
static char out[65536], err[8192];
static char input[128]; /* a command that feeds it, with its pipe */

/* The program that was built beside this test. */
static bool find_program(void)
{
	ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);
	char *slash;

	assert_true(n > 0);
	program[n] = '\0';
	for (unsigned i = 0; i < 3; i++) {
		slash = strrchr(program, '/');
		assert_non_null(slash);
		*slash = '\0';
	}
	strcat(program, "/tools/hearthctl");
	return access(program, X_OK) == 0;
}

static void read_file(const char *path, char *to, size_t size)
{
	FILE *in = fopen(path, "r");

	assert_non_null(in);
	to[fread(to, 1, size - 1, in)] = '\0';
	fclose(in);
}

/* Run it through a shell; what it wrote is in out and err. Return: its exit code. */
static __attribute__((format(printf, 1, 2))) int ctl(const char *format, ...)
{
	char command[2304], arguments[1024], path[96];
	va_list list;
	int status;

	va_start(list, format);
	vsnprintf(arguments, sizeof(arguments), format, list);
	va_end(list);
	snprintf(command, sizeof(command), "%s%s %s >%s/out 2>%s/err", input, program, arguments,
		fx.directory, fx.directory);
	input[0] = '\0';
	status = system(command);
	snprintf(path, sizeof(path), "%s/out", fx.directory);
	read_file(path, out, sizeof(out));
	snprintf(path, sizeof(path), "%s/err", fx.directory);
	read_file(path, err, sizeof(err));
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static __attribute__((unused)) void assert_out(const char *words)
{
	if (!strstr(out, words))
		fail_msg("want: %s\nout: %s", words, out);
}

static __attribute__((unused)) void assert_err(const char *words)
{
	if (!strstr(err, words))
		fail_msg("want: %s\nerr: %s", words, err);
}

static __attribute__((unused)) json_t *out_json(void)
{
	json_t *object = json_loads(out, 0, NULL);

	assert_true(json_is_object(object));
	assert_int_equal(strcspn(out, "\n"), strlen(out) - 1);
	return object;
}
