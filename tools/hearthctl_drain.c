/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* hearthctl_drain.c - drain: begin it, show how it goes, tell how it ended */
#include "hearthctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WAIT_SECONDS 10
#define LOOK_US 200000

const char *ctl_wrong_drain(const struct ctl_command *command)
{
	const char *deadline = command->options[OPTION_DEADLINE];

	if (deadline && command->options[OPTION_CANCEL])
		return "--cancel takes no --deadline";
	if (deadline && (!*deadline || strlen(deadline) > 6 ||
				strspn(deadline, "0123456789") != strlen(deadline)))
		return "--deadline takes whole seconds";
	return NULL;
}

static long long number(const json_t *answer, const char *name)
{
	return (long long)json_integer_value(json_object_get(answer, name));
}

static const char *state_of(const json_t *answer)
{
	const char *state = json_string_value(json_object_get(answer, "state"));

	return state ? state : "";
}

/* One line that is written over, on a terminal; else a line for each change of state. */
static void show(const json_t *answer, char **shown, bool terminal)
{
	const char *state = state_of(answer);

	if (!terminal && *shown && !strcmp(*shown, state))
		return;
	if (terminal && *shown)
		printf("\r\033[K");
	if (!strcmp(state, "sessions"))
		printf("ended %lld, %lld sessions to go at %lld a second", number(answer, "ended"),
			number(answer, "sessions"), number(answer, "rate"));
	else if (!strcmp(state, "connections"))
		printf("ended %lld, %lld connections still close", number(answer, "ended"),
			number(answer, "connections"));
	else
		printf("ended %lld, %lld bytes of events not committed, %lld commands without "
		       "outcome",
			number(answer, "ended"), number(answer, "event_bytes"),
			number(answer, "commands"));
	if (!terminal)
		putchar('\n');
	fflush(stdout);
	free(*shown);
	*shown = strdup(state);
}

/* How it ended, as an answer to be shown. Takes @last. */
static json_t *outcome(json_t *last)
{
	json_t *refusal;

	if (json_is_true(json_object_get(last, "clean")))
		return last;
	refusal = ctl_refuse("its log says what was kept, and what to do with it",
		"the deadline came first: %lld sessions, %lld bytes of events and %lld commands "
		"were left",
		number(last, "sessions"), number(last, "event_bytes"), number(last, "commands"));
	json_object_set_new(refusal, "drain", last);
	return refusal;
}

static json_t *watch(int fd, json_t *answer, bool as_json)
{
	char *shown = NULL;
	bool terminal = isatty(STDOUT_FILENO);
	json_t *ask = json_pack("{s:s, s:b}", "verb", "drain", "ask", 1);

	while (json_is_true(json_object_get(answer, "ok")) && strcmp(state_of(answer), "done") &&
		strcmp(state_of(answer), "off")) {
		if (!as_json)
			show(answer, &shown, terminal);
		usleep(LOOK_US);
		json_decref(answer);
		answer = ctl_exchange(fd, ask, WAIT_SECONDS);
	}
	if (terminal && shown)
		putchar('\n');
	free(shown);
	json_decref(ask);
	return answer;
}

json_t *ctl_run_drain(const struct ctl_command *command)
{
	const char *deadline = command->options[OPTION_DEADLINE];
	json_t *request = json_pack("{s:s}", "verb", "drain"), *answer = NULL;
	int fd = ctl_connect(command->target.socket, &answer);

	if (fd < 0)
		goto out;
	if (deadline)
		json_object_set_new(request, "deadline", json_integer(strtol(deadline, NULL, 10)));
	if (command->options[OPTION_CANCEL])
		json_object_set_new(request, "cancel", json_true());
	answer = ctl_exchange(fd, request, WAIT_SECONDS);
	if (json_is_true(json_object_get(answer, "already")))
		fprintf(stderr, "hearthctl: a drain was under way already: its deadline is yours "
				"from now on\n");
	if (!command->options[OPTION_CANCEL])
		answer = watch(fd, answer, command->options[OPTION_JSON]);
	close(fd);
	if (!strcmp(state_of(answer), "done")) {
		answer = outcome(answer);
	} else if (!strcmp(state_of(answer), "off") && !command->options[OPTION_CANCEL]) {
		json_decref(answer);
		answer = ctl_refuse(
			"sessions that have ended stay ended", "the drain was called off");
	}
out:
	json_decref(request);
	return answer;
}

void ctl_print_drained(const json_t *answer)
{
	if (!strcmp(state_of(answer), "off"))
		printf("the drain is called off\n");
	else
		printf("drained: %lld sessions ended, nothing is left\n", number(answer, "ended"));
}
