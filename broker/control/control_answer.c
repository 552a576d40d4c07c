/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* control_answer.c - from a request line to its answer line */
#include "control/control_private.h"
#include "control/device_verbs.h"

#include <stdlib.h>
#include <string.h>

/* A command goes by a ring, past us: who is about to send one says so first, for the audit log. */
static json_t *send_noted(struct control *control, json_t *request, int file)
{
	const char *verb, *id;
	json_int_t code, bytes;
	json_t *refusal = control_unpack(request, "{s:s, s:s, s:I, s:I}", "verb", &verb, "id", &id,
		"code", &code, "bytes", &bytes);

	return refusal ? refusal : json_pack("{s:b}", "ok", 1);
}

static const struct {
	const char *name;
	json_t *(*run)(struct control *control, json_t *request, int file);
} verbs[] = {
	{"status", control_status},
	{"history", control_history},
	{"session", control_session},
	{"sessions", control_sessions},
	{"kick", control_kick},
	{"commands", control_commands},
	{"lan-key", control_lan_key},
	{"follow", control_follow},
	{"audit", control_audit},
	{"drain", control_drain},
	{"send", send_noted},
	{"reload", control_reload},
	{"config-diff", control_config_diff},
	{"config-show", control_config_show},
};

static json_t *run_verb(struct control *control, json_t *request, const char *verb, int file)
{
	json_t *answer;

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (!strcmp(verb, verbs[i].name))
			return verbs[i].run(control, request, file);
	}
	answer = device_verb(control->view->store, control->view, request, file);
	return answer ? answer
		      : control_refuse("use a verb of this version: hearthctl --help lists them",
				"unknown verb \"%s\"", verb);
}

/* Carried out, and noted before and after if it is one to be noted. */
static json_t *run(
	struct control *control, json_t *request, int file, const struct control_actor *actor)
{
	const char *verb = json_string_value(json_object_get(request, "verb"));
	json_t *answer;
	int64_t number;

	if (!json_is_object(request))
		return control_refuse("send one JSON object a line, like {\"verb\":\"status\"}",
			"the request is not a JSON object");
	if (!verb)
		return control_refuse(
			"name a verb, like {\"verb\":\"status\"}", "the request has no verb");
	answer = control_audit_asked(control, request, actor, &number);
	if (answer)
		return answer;
	control->actor = actor;
	answer = run_verb(control, request, verb, file);
	control->actor = NULL;
	return control_audit_done(control, request, actor, number, answer);
}

json_t *control_answer_object(
	struct control *control, json_t *request, const struct control_actor *actor)
{
	const char *verb = json_string_value(json_object_get(request, "verb"));

	/* these answer with more than an object: a stream, a descriptor */
	if (verb && (!strcmp(verb, "follow") || !strcmp(verb, "commands")))
		return control_refuse("use hearthctl", "\"%s\" is for the socket only", verb);
	return run(control, request, -1, actor);
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
	json_t *request, *answer;

	/* jansson's complaint would quote the text, which may hold a PIN */
	request = json_loadb(line, length, JSON_REJECT_DUPLICATES, NULL);
	answer = run(control, request, file, &control->serving->actor);
	json_decref(request);
	return control_line(answer);
}
