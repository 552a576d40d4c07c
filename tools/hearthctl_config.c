/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* hearthctl_config.c - the verbs reload and config: check, diff, show */
#include "hearthctl.h"

#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WAIT_SECONDS 10
/* Longer files do not fit a request (CONTROL_LINE_MAX), each character twice as long at worst. */
#define FILE_MAX 30000

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static long long number_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static json_t *ask(const struct ctl_command *command, json_t *request)
{
	json_t *answer;

	if (!request)
		return ctl_refuse("use UTF-8", "an argument is not UTF-8 text");
	answer = ctl_request(&command->target, request, -1, WAIT_SECONDS);
	json_decref(request);
	return answer;
}

/* ---- asked ---- */

const char *ctl_wrong_reload(const struct ctl_command *command)
{
	const char *expect = command->options[OPTION_EXPECT];

	return expect && (strlen(expect) > 15 || strspn(expect, "0123456789") != strlen(expect) ||
				 !strtoll(expect, NULL, 10))
		       ? "--expect takes a generation, a number from 1"
		       : NULL;
}

json_t *ctl_run_reload(const struct ctl_command *command)
{
	const char *expect = command->options[OPTION_EXPECT];
	json_t *request = json_pack(
		"{s:s, s:b}", "verb", "reload", "strict", command->options[OPTION_STRICT] != NULL);

	if (expect)
		json_object_set_new(request, "expect", json_integer(strtoll(expect, NULL, 10)));
	return ask(command, request);
}

/* The same words as hearthd --check has. */
static void warn(const char *line)
{
	fprintf(stderr, "hearthctl: warning: %s\n", line);
}

json_t *ctl_run_config_check(const struct ctl_command *command)
{
	char error[1024];
	struct config *config = config_load(command->operands[0], warn, error, sizeof(error));

	if (!config)
		return ctl_refuse("correct the file", "%s", error);
	config_free(config);
	return json_pack("{s:b, s:s}", "ok", 1, "file", command->operands[0]);
}

/* The file's text goes to the broker, which may not be able to open it. */
json_t *ctl_run_config_diff(const struct ctl_command *command)
{
	const char *name = command->operands[0];
	FILE *in = fopen(name, "re");
	char text[FILE_MAX + 2], *path;
	json_t *request;
	size_t length;

	if (!in)
		return ctl_refuse("name a file that you can read", "%s cannot be read: %s", name,
			strerror(errno));
	length = fread(text, 1, FILE_MAX + 1, in);
	fclose(in);
	if (length > FILE_MAX)
		return ctl_refuse(
			"shorten its comments", "%s is longer than %d bytes", name, FILE_MAX);
	path = realpath(name, NULL);
	request = json_pack("{s:s, s:s, s:s%}", "verb", "config-diff", "file", path ? path : name,
		"text", text, length);
	free(path);
	return ask(command, request);
}

json_t *ctl_run_config_show(const struct ctl_command *command)
{
	return ask(command, json_pack("{s:s}", "verb", "config-show"));
}

/* ---- told ---- */

static void print_changes(const json_t *changes, const char *last)
{
	const json_t *change;
	size_t i;

	json_array_foreach(changes, i, change)
	{
		const char *now = text_of(change, "now"), *file = text_of(change, "file");

		printf("  %s: %s -> %s%s\n", text_of(change, "key"), *now ? now : "(none)",
			*file ? file : "(none)", last);
	}
}

static void print_warnings(const json_t *answer)
{
	const json_t *line;
	size_t i;

	json_array_foreach(json_object_get(answer, "warnings"), i, line)
		fprintf(stderr, "hearthctl: warning: %s\n", json_string_value(line));
}

static void print_generation(const json_t *answer, const char *before)
{
	time_t when = (time_t)number_of(answer, "changed_time");
	char text[32] = "-";
	struct tm parts;

	if (gmtime_r(&when, &parts))
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &parts);
	printf("%sgeneration %lld, changed last at %s UTC by %s\n", before,
		number_of(answer, "generation"), text, text_of(answer, "changed_by"));
}

void ctl_print_reload(const json_t *answer)
{
	const json_t *changes = json_object_get(answer, "changes");
	const json_t *restart = json_object_get(answer, "restart");

	print_warnings(answer);
	if (json_array_size(changes))
		printf("in force now, generation %lld (before: %lld, by %s):\n",
			number_of(answer, "generation"),
			number_of(json_object_get(answer, "before"), "generation"),
			text_of(json_object_get(answer, "before"), "changed_by"));
	else
		printf("nothing to change in generation %lld\n", number_of(answer, "generation"));
	print_changes(changes, "");
	if (json_array_size(restart))
		printf("waiting for a restart:\n");
	print_changes(restart, ": needs a restart");
}

void ctl_print_config_check(const json_t *answer)
{
	printf("%s: good\n", text_of(answer, "file"));
}

void ctl_print_config_diff(const json_t *answer)
{
	const json_t *changes = json_object_get(answer, "changes");
	const json_t *restart = json_object_get(answer, "restart");

	print_warnings(answer);
	print_changes(changes, " (run-time)");
	print_changes(restart, " (restart)");
	if (!json_array_size(changes) && !json_array_size(restart))
		printf("no difference\n");
	print_generation(answer, "");
}

void ctl_print_config_show(const json_t *answer)
{
	const json_t *restart = json_object_get(answer, "restart"), *change;
	size_t i;

	print_generation(answer, "# ");
	json_array_foreach(restart, i, change) printf(
		"# %s: %s waits for a restart\n", text_of(change, "key"), text_of(change, "file"));
	fputs(text_of(answer, "yaml"), stdout);
}
