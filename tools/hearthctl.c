/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* hearthctl.c - the operator's command line: what is asked for, and how it is told */
#include "hearthctl.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_SOCKET "/run/hearth/control.sock"

static const struct option long_options[] = {
	{"socket", required_argument, NULL, OPTION_SOCKET},
	{"registry", required_argument, NULL, OPTION_REGISTRY},
	{"json", no_argument, NULL, OPTION_JSON},
	{"help", no_argument, NULL, OPTION_HELP},
	{"bind", required_argument, NULL, OPTION_BIND},
	{"model", required_argument, NULL, OPTION_MODEL},
	{"gateway", required_argument, NULL, OPTION_GATEWAY},
	{"secrets", no_argument, NULL, OPTION_SECRETS},
	{"after", required_argument, NULL, OPTION_AFTER},
	{"limit", required_argument, NULL, OPTION_LIMIT},
	{"follow", no_argument, NULL, OPTION_FOLLOW},
	{"wait", required_argument, NULL, OPTION_WAIT},
	{"deadline", required_argument, NULL, OPTION_DEADLINE},
	{"event", required_argument, NULL, OPTION_EVENT},
	{"from", required_argument, NULL, OPTION_FROM},
	{"cancel", no_argument, NULL, OPTION_CANCEL},
	{"quiet", no_argument, NULL, OPTION_QUIET},
	{"strict", no_argument, NULL, OPTION_STRICT},
	{"expect", required_argument, NULL, OPTION_EXPECT},
	{NULL, 0, NULL, 0},
};

static void print_usage(FILE *out)
{
	fprintf(out, "usage: hearthctl [--socket PATH] [--json] VERB ...\n"
		     "       hearthctl --registry PATH [--json] device ...   (while no broker "
		     "runs)\n\n");
	for (size_t i = 0; i < ctl_verb_count; i++) {
		if (ctl_verbs[i].run)
			fprintf(out, "  %s%s%s %s\n", ctl_verbs[i].words[0],
				ctl_verbs[i].words[1] ? " " : "",
				ctl_verbs[i].words[1] ? ctl_verbs[i].words[1] : "",
				ctl_verbs[i].operands);
	}
	fprintf(out, "\n--socket PATH    the broker's control socket (" DEFAULT_SOCKET ")\n"
		     "--json           one JSON object on standard output, also for a refusal\n"
		     "--help           after a verb: what it does\n\n"
		     "Exit code: 0 done, 1 refused or failed (reason on standard error), 2 wrong "
		     "usage.\n");
}

static void print_verb(const struct ctl_verb *verb)
{
	printf("usage: hearthctl [--socket PATH%s] [--json] %s%s%s %s\n\n%s\n",
		verb->offline ? " | --registry PATH" : "", verb->words[0],
		verb->words[1] ? " " : "", verb->words[1] ? verb->words[1] : "", verb->operands,
		verb->text);
}

static __attribute__((format(printf, 1, 2))) int wrong_usage(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fprintf(stderr, "hearthctl: ");
	vfprintf(stderr, format, arguments);
	fprintf(stderr, ": see hearthctl --help\n");
	va_end(arguments);
	return CTL_USAGE;
}

/* The verb that the operands begin with; they are moved past it. */
static const struct ctl_verb *find_verb(struct ctl_command *command)
{
	for (size_t i = 0; i < ctl_verb_count; i++) {
		const struct ctl_verb *verb = &ctl_verbs[i];
		int words = verb->words[1] ? 2 : 1;

		if (command->operand_count < words ||
			strcmp(command->operands[0], verb->words[0]) ||
			(words == 2 && strcmp(command->operands[1], verb->words[1])))
			continue;
		command->operands += words;
		command->operand_count -= words;
		return verb;
	}
	return NULL;
}

/* Is what was given what the verb takes? Return: 0, or an exit code with the reason told. */
static int check(const struct ctl_command *command, const struct ctl_verb *verb)
{
	unsigned allowed = verb->options | CTL_BIT(OPTION_SOCKET) | CTL_BIT(OPTION_REGISTRY) |
			   CTL_BIT(OPTION_JSON) | CTL_BIT(OPTION_HELP);
	const char *limit = command->options[OPTION_LIMIT];
	const char *last = verb->words[verb->words[1] != NULL];

	if (command->operand_count < verb->operand_count && !command->options[OPTION_HELP])
		return wrong_usage("something is missing after %s", last);
	if (!verb->run) {
		fprintf(stderr, "hearthctl: %s is not available in this version\n", last);
		return CTL_REFUSED;
	}
	for (unsigned i = 0; i < OPTION_COUNT; i++) {
		if (command->options[i] && !(allowed & CTL_BIT(i)))
			return wrong_usage("this verb does not take --%s", long_options[i].name);
	}
	if (command->operand_count > verb->operand_count + !!(verb->options & CTL_ONE_MORE))
		return wrong_usage("too much stands after %s", last);
	if (command->options[OPTION_REGISTRY] && command->options[OPTION_SOCKET])
		return wrong_usage("--registry and --socket exclude each other");
	if (command->options[OPTION_REGISTRY] && !verb->offline)
		return wrong_usage("--registry is for device verbs, not for %s", last);
	if (limit && (strlen(limit) > 9 || strspn(limit, "0123456789") != strlen(limit) ||
			     !strtol(limit, NULL, 10)))
		return wrong_usage("--limit takes a number from 1, not %s", limit);
	if (verb->wrong && verb->wrong(command))
		return wrong_usage("%s", verb->wrong(command));
	return 0;
}

static int show(const struct ctl_verb *verb, json_t *answer, bool as_json)
{
	bool ok = json_is_true(json_object_get(answer, "ok"));
	const char *remedy = json_string_value(json_object_get(answer, "remedy"));
	const char *error = json_string_value(json_object_get(answer, "error"));

	if (as_json) {
		json_dumpf(answer, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
		putchar('\n');
	} else if (ok) {
		verb->print(answer);
	}
	if (!ok)
		fprintf(stderr, "hearthctl: %s\n%s%s%s", error ? error : "refused",
			remedy ? "  " : "", remedy ? remedy : "", remedy ? "\n" : "");
	json_decref(answer);
	if (fflush(stdout) == EOF) {
		fprintf(stderr, "hearthctl: cannot write: %s\n", strerror(errno));
		return CTL_REFUSED;
	}
	return ok ? CTL_DONE : CTL_REFUSED;
}

int main(int argc, char **argv)
{
	struct ctl_command command = {.target = {.socket = DEFAULT_SOCKET}};
	const struct ctl_verb *verb;
	json_t *answer = NULL;
	int option, rc;

	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (option == '?')
			return wrong_usage("wrong option");
		command.options[option] = optarg ? optarg : "";
	}
	command.operands = argv + optind;
	command.operand_count = argc - optind;
	if (command.options[OPTION_SOCKET])
		command.target.socket = command.options[OPTION_SOCKET];
	command.target.registry = command.options[OPTION_REGISTRY];
	verb = find_verb(&command);
	if (!verb && command.options[OPTION_HELP]) {
		print_usage(stdout);
		return CTL_DONE;
	}
	if (!verb && !command.operand_count)
		return wrong_usage("no verb");
	if (!verb && !strcmp(command.operands[0], "device"))
		return wrong_usage("device wants add, import, show, list or remove");
	if (!verb)
		return wrong_usage("unknown verb %s", command.operands[0]);
	if (command.options[OPTION_HELP] && verb->run) {
		print_verb(verb);
		return CTL_DONE;
	}
	rc = check(&command, verb);
	if (rc)
		return rc;
	if (!command.options[OPTION_FOLLOW])
		answer = verb->run(&command);
	else if (rc = ctl_follow(&command, &answer), !answer)
		return rc;
	return show(verb, answer, command.options[OPTION_JSON]);
}
