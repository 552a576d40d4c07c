/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* hearthctl_audit.c - audit verify and audit tail: a running broker's log, or any file */
#include "hearthctl.h"

#include "log/audit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WAIT_SECONDS 10
#define TAIL_LINES 10
/* The broker may write while we read: so often its head is asked for again. */
#define TRIES 5

const char *ctl_wrong_audit(const struct ctl_command *command)
{
	const char *from = command->options[OPTION_FROM];

	if (from && (strlen(from) != AUDIT_HASH_CHARS ||
			    strspn(from, "0123456789abcdef") != AUDIT_HASH_CHARS))
		return "--from takes a hash of 64 digits 0-9, a-f, as audit verify prints it";
	return NULL;
}

static json_t *ask_head(const struct ctl_command *command)
{
	json_t *request = json_pack("{s:s}", "verb", "audit"), *answer;

	answer = ctl_request(&command->target, request, -1, WAIT_SECONDS);
	json_decref(request);
	return answer;
}

static bool is_refusal(const json_t *answer)
{
	return !json_is_true(json_object_get(answer, "ok"));
}

/* The file that is meant: the one named, or the broker's. Return: NULL and a refusal. */
static FILE *open_log(const struct ctl_command *command, const char **path, json_t **answer)
{
	FILE *in;

	*answer = NULL;
	*path = command->operand_count ? command->operands[0] : NULL;
	if (!*path) {
		*answer = ask_head(command);
		if (is_refusal(*answer))
			return NULL;
		*path = json_string_value(json_object_get(*answer, "path"));
	}
	in = *path ? fopen(*path, "re") : NULL;
	if (!in) {
		json_t *refusal = ctl_refuse("run it as the broker's user, or as root; a relative "
					     "path of log.audit is the broker's: name the file",
			"%s cannot be read: %s", *path ? *path : "the log", strerror(errno));

		json_decref(*answer);
		*answer = refusal;
	}
	return in;
}

static json_t *refuse_line(const char *path, const struct audit_verdict *verdict)
{
	json_t *answer = ctl_refuse("lines above it are as they were written; compare it with a "
				    "copy that was kept elsewhere",
		"%s:%llu: %s", path, (unsigned long long)verdict->wrong, verdict->why);

	json_object_set_new(answer, "line", json_integer((json_int_t)verdict->wrong));
	return answer;
}

/* What a file says of itself is not all: its end is compared with what the broker wrote last.
 * Return: NULL: it is the same; a refusal; or @again: there are more lines by now. */
static json_t *compare(
	const char *path, const json_t *head, const struct audit_verdict *verdict, bool *again)
{
	const char *hash = json_string_value(json_object_get(head, "head"));
	uint64_t lines = (uint64_t)json_integer_value(json_object_get(head, "lines"));

	*again = verdict->last_n > lines;
	if (*again || (verdict->last_n == lines && (!lines || !strcmp(hash, verdict->head))))
		return NULL;
	return ctl_refuse("compare it with a copy that was kept elsewhere",
		"%s: good as far as it goes, but the broker's last line, %llu, is not its last one",
		path, (unsigned long long)lines);
}

static json_t *good(const char *path, const struct audit_verdict *verdict, bool compared)
{
	return json_pack("{s:b, s:s, s:I, s:I, s:I, s:s, s:s, s:b}", "ok", 1, "path", path, "lines",
		(json_int_t)verdict->lines, "first", (json_int_t)verdict->first_n, "last",
		(json_int_t)verdict->last_n, "follows", verdict->before, "head", verdict->head,
		"compared", compared);
}

static json_t *verify(const struct ctl_command *command, bool *again)
{
	struct audit_verdict verdict;
	json_t *head, *answer;
	const char *path;
	FILE *in = open_log(command, &path, &head);
	int rc;

	*again = false;
	if (!in)
		return head;
	rc = audit_verify(in, command->options[OPTION_FROM], &verdict);
	fclose(in);
	if (rc < 0)
		answer = ctl_refuse("look at its disk", "%s: %s", path, strerror(-rc));
	else if (verdict.wrong)
		answer = refuse_line(path, &verdict);
	else
		answer = head ? compare(path, head, &verdict, again) : NULL;
	if (!answer)
		answer = good(path, &verdict, head != NULL);
	json_decref(head);
	return answer;
}

json_t *ctl_run_audit_verify(const struct ctl_command *command)
{
	json_t *answer = NULL;
	bool again = true;

	for (unsigned i = 0; i < TRIES && again; i++) {
		json_decref(answer);
		answer = verify(command, &again);
	}
	return answer;
}

void ctl_print_audit_verified(const json_t *answer)
{
	const char *path = json_string_value(json_object_get(answer, "path"));
	long long lines = json_integer_value(json_object_get(answer, "lines"));

	if (!lines) {
		printf("%s: empty\n", path);
		return;
	}
	printf("%s: good, %lld line%s, %lld to %lld of the chain%s\nfollows %s\nhead    %s\n", path,
		lines, lines == 1 ? "" : "s",
		(long long)json_integer_value(json_object_get(answer, "first")),
		(long long)json_integer_value(json_object_get(answer, "last")),
		json_is_true(json_object_get(answer, "compared")) ? ", to the broker's last" : "",
		json_string_value(json_object_get(answer, "follows")),
		json_string_value(json_object_get(answer, "head")));
}

/* ---- tail ---- */

/* The last @count lines, each as an object; one that is none is shown as a text. */
static json_t *last_lines(FILE *in, size_t count)
{
	json_t *lines = json_array();
	char *text = NULL;
	size_t room = 0;
	ssize_t length;

	while ((length = getline(&text, &room, in)) > 0) {
		json_t *line = json_loadb(text, (size_t)length, 0, NULL);

		if (!json_is_object(line)) {
			json_decref(line);
			line = json_pack("{s:s}", "wrong", "this line is none of an audit log");
		}
		json_array_append_new(lines, line);
		if (json_array_size(lines) > count)
			json_array_remove(lines, 0);
	}
	free(text);
	return lines;
}

json_t *ctl_run_audit_tail(const struct ctl_command *command)
{
	const char *limit = command->options[OPTION_LIMIT], *path;
	json_t *head, *answer;
	FILE *in = open_log(command, &path, &head);

	if (!in)
		return head;
	answer = json_pack("{s:b, s:s, s:o}", "ok", 1, "path", path, "lines",
		last_lines(in, limit ? strtoul(limit, NULL, 10) : TAIL_LINES));
	fclose(in);
	json_decref(head);
	return answer;
}

/* A text of the file, which may be anybody's by now. */
static void put(const char *text, const char *end)
{
	for (; text && *text; text++)
		putchar(*text < 0x20 || *text > 0x7e ? '?' : *text);
	fputs(end, stdout);
}

void ctl_print_audit_tail(const json_t *answer)
{
	json_t *lines = json_object_get(answer, "lines"), *line;
	size_t i;

	json_array_foreach(lines, i, line)
	{
		time_t at = (time_t)(json_integer_value(json_object_get(line, "time")) / 1000);
		char *what =
			json_dumps(json_object_get(line, "what"), JSON_COMPACT | JSON_ENSURE_ASCII);
		char when[32] = "";
		struct tm parts;

		if (json_object_get(line, "wrong")) {
			printf("(no line of an audit log)\n");
		} else {
			if (localtime_r(&at, &parts))
				strftime(when, sizeof(when), "%F %T", &parts);
			printf("%lld %s ",
				(long long)json_integer_value(json_object_get(line, "n")), when);
			put(json_string_value(json_object_get(line, "surface")), " (");
			put(json_string_value(json_object_get(line, "who")), ") ");
			put(json_string_value(json_object_get(line, "verb")), " ");
			put(what, ": ");
			put(json_string_value(json_object_get(line, "outcome")), "\n");
		}
		free(what);
	}
}
