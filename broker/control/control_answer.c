/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* control_answer.c - from a request line to its answer line */
#include "control/control_private.h"
#include "control/device_verbs.h"

#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	json_t *(*run)(struct control *control, json_t *request, int file);
} verbs[] = {
	{"status", control_status},
	{"session", control_session},
	{"sessions", control_sessions},
	{"kick", control_kick},
	{"commands", control_commands},
	{"lan-key", control_lan_key},
	{"follow", control_follow},
};

static json_t *run(struct control *control, const char *line, size_t length, int file)
{
	json_t *request, *answer = NULL;
	const char *verb;

	/* jansson's complaint would quote the text, which may hold a PIN */
	request = json_loadb(line, length, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(request)) {
		answer = control_refuse("send one JSON object a line, like {\"verb\":\"status\"}",
			"the request is not a JSON object");
		goto out;
	}
	verb = json_string_value(json_object_get(request, "verb"));
	if (!verb) {
		answer = control_refuse(
			"name a verb, like {\"verb\":\"status\"}", "the request has no verb");
		goto out;
	}
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(verb, verbs[i].name))
			continue;
		answer = verbs[i].run(control, request, file);
		goto out;
	}
	answer = device_verb(control->view->store, control->view, request, file);
	if (!answer)
		answer = control_refuse("use a verb of this version: hearthctl --help lists them",
			"unknown verb \"%s\"", verb);
out:
	json_decref(request);
	return answer;
}

char *control_line(json_t *answer)
{
	char *text, *line = NULL;
	size_t length;

	text = json_dumps(answer, JSON_COMPACT | JSON_REAL_PRECISION(9));
	json_decref(answer);
	if (!text)
		return NULL;
	length = strlen(text);
	line = malloc(length + 2);
	if (line) {
		memcpy(line, text, length);
		memcpy(line + length, "\n", 2);
	}
	explicit_bzero(text, length); /* device show --secrets */
	free(text);
	return line;
}

char *control_answer(struct control *control, const char *line, size_t length, int file)
{
	return control_line(run(control, line, length, file));
}
