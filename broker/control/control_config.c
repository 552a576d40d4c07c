/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* control_config.c - the configuration in force: shown, compared with a file, exchanged for one */
#include "config_keys.h"
#include "control/control_private.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What config_load() warns of; it takes no context, and this is the only thread that loads. */
static json_t *warnings;

static void warn(const char *line)
{
	json_array_append_new(warnings, json_string(line));
}

static json_t *no_memory(void)
{
	return control_refuse("free some memory", "no memory to read the configuration");
}

static json_t *change_json(const struct config_change *change)
{
	return json_pack("{s:s, s:o, s:o, s:s}", "key", change->name, "now",
		change->now ? json_string(change->now) : json_null(), "file",
		change->then ? json_string(change->then) : json_null(), "when",
		change->restart ? "restart" : "run-time");
}

/* Those that wait for a restart, or those that do not. */
static json_t *changes_json(const struct config_changes *changes, bool restart)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < changes->count; i++) {
		if (changes->changes[i].restart == restart)
			json_array_append_new(list, change_json(&changes->changes[i]));
	}
	return list;
}

/* Which generation is in force, and whose. */
static void add_generation(const struct control *control, json_t *answer)
{
	const struct control_generation *generation = &control->generation;

	json_object_set_new(answer, "generation", json_integer((json_int_t)generation->number));
	json_object_set_new(answer, "changed_by", json_string(generation->by));
	json_object_set_new(answer, "changed_time", json_integer((json_int_t)generation->when));
}

/* ---- a file beside what is in force ---- */

/** struct reading - a file that was read, and what it would change */
struct reading {
	struct config *file, *next;
	struct config_changes changes;
};

static void reading_free(struct reading *reading)
{
	config_free(reading->file);
	config_free(reading->next);
	config_changes_free(&reading->changes);
	json_decref(warnings);
	warnings = NULL;
}

/* @text: the file's, where whoever asks has read it; NULL: @name is read. Return: NULL, or the
 * refusal; end with reading_free() either way. */
static json_t *read_config(
	struct control *control, const char *name, const char *text, struct reading *reading)
{
	const struct broker_view *view = control->view;
	char error[1024];

	*reading = (struct reading){0};
	warnings = json_array();
	if (!view->started || !view->configure)
		return control_refuse("use a running broker", "no configuration can be read here");
	if (text)
		reading->file = config_parse(name, text, strlen(text), warn, error, sizeof(error));
	else
		reading->file = config_load(name, warn, error, sizeof(error));
	if (!reading->file)
		return control_refuse(
			"nothing was changed: correct the file and try again", "%s", error);
	reading->next = config_next(
		view->started, view->config, reading->file, (int64_t)time(NULL), &reading->changes);
	return reading->next ? NULL : no_memory();
}

/* ---- verbs ---- */

json_t *control_config_show(struct control *control, json_t *request, int file)
{
	struct broker_view *view = control->view;
	json_t *answer, *list = json_array();
	struct config_keys keys = {0};
	char *yaml = NULL;
	const char *verb;

	answer = control_unpack(request, "{s:s}", "verb", &verb);
	if (!answer && config_keys_of(view->config, &keys) == 0)
		yaml = config_keys_yaml(&keys);
	for (unsigned i = 0; i < keys.count; i++)
		json_array_append_new(
			list, json_pack("{s:s, s:s, s:s}", "key", keys.keys[i].name, "value",
				      keys.keys[i].value, "when",
				      keys.keys[i].field->when == FIELD_START   ? "restart"
				      : keys.keys[i].field->when == FIELD_BOUND ? "bound"
										: "run-time"));
	if (!answer)
		answer = yaml ? json_pack("{s:b, s:s, s:s, s:O, s:O}", "ok", 1, "file",
					view->config->file, "yaml", yaml, "keys", list, "restart",
					control->generation.waiting)
			      : no_memory();
	if (json_is_true(json_object_get(answer, "ok")))
		add_generation(control, answer);
	json_decref(list);
	config_keys_free(&keys);
	free(yaml);
	return answer;
}

json_t *control_config_diff(struct control *control, json_t *request, int file)
{
	const char *verb, *name = NULL, *text = NULL;
	struct reading reading;
	json_t *answer;

	answer = control_unpack(
		request, "{s:s, s?s, s?s}", "verb", &verb, "file", &name, "text", &text);
	if (answer)
		return answer;
	if (!name)
		name = control->view->config->file;
	answer = read_config(control, name, text, &reading);
	if (!answer) {
		answer = json_pack("{s:b, s:s, s:o, s:o, s:O}", "ok", 1, "file", name, "changes",
			changes_json(&reading.changes, false), "restart",
			changes_json(&reading.changes, true), "warnings", warnings);
		add_generation(control, answer);
	}
	reading_free(&reading);
	return answer;
}

/* Who asks, as "socket uid 0 pid 4711". */
static void name_actor(const struct control *control, char *out, size_t size)
{
	const struct control_actor *actor = control->actor;

	snprintf(out, size, "%s%s%s", actor ? actor->surface : "",
		actor && actor->who[0] ? " " : "", actor ? actor->who : "");
}

static json_t *refuse_moved(const struct control *control, json_int_t expect)
{
	return control_refuse("look at what has changed (config show), then reload with "
			      "--expect and the generation that is in force",
		"the configuration is of generation %" PRIu64 " by now, not %lld: %s changed it",
		control->generation.number, (long long)expect, control->generation.by);
}

static json_t *refuse_strict(const struct config_changes *changes)
{
	unsigned i = 0;

	while (!changes->changes[i].restart)
		i++;
	return control_refuse(
		"nothing was changed: without --strict the other keys take effect, and "
		"these wait for a restart",
		changes->restarts > 1 ? "%s: needs a restart, and so do %u more keys"
				      : "%s: needs a restart",
		changes->changes[i].name, changes->restarts - 1);
}

/* From now on @reading's is in force, if it differs; the view frees what was. */
static void put_in_force(struct control *control, struct reading *reading)
{
	const bool differs = reading->changes.count > reading->changes.restarts;
	struct control_generation *generation = &control->generation;
	char warning[512] = "";

	control->view->configure(
		control->view, differs ? reading->next : NULL, warning, sizeof(warning));
	if (warning[0])
		warn(warning);
	if (!differs)
		return;
	reading->next = NULL;
	generation->number++;
	generation->when = time(NULL);
	name_actor(control, generation->by, sizeof(generation->by));
}

json_t *control_reload(struct control *control, json_t *request, int file)
{
	const char *verb, *name = control->view->config->file;
	json_int_t expect = 0;
	struct reading reading;
	json_t *answer;
	int strict = 0;

	answer = control_unpack(
		request, "{s:s, s?I, s?b}", "verb", &verb, "expect", &expect, "strict", &strict);
	if (answer)
		return answer;
	if (expect && (uint64_t)expect != control->generation.number)
		return refuse_moved(control, expect);
	answer = read_config(control, name, NULL, &reading);
	if (!answer && strict && reading.changes.restarts)
		answer = refuse_strict(&reading.changes);
	if (!answer) {
		json_decref(control->generation.waiting);
		control->generation.waiting = changes_json(&reading.changes, true);
		answer = json_pack("{s:b, s:s, s:o, s:O, s:O, s:{s:I, s:s, s:I}}", "ok", 1, "file",
			name, "changes", changes_json(&reading.changes, false), "restart",
			control->generation.waiting, "warnings", warnings, "before", "generation",
			(json_int_t)control->generation.number, "changed_by",
			control->generation.by, "changed_time",
			(json_int_t)control->generation.when);
		if (answer)
			put_in_force(control, &reading);
		if (answer)
			add_generation(control, answer);
	}
	reading_free(&reading);
	return answer;
}

/* ---- SIGHUP ---- */

static void write_changes(FILE *out, const char *before, const json_t *changes, bool values)
{
	const json_t *change;
	size_t i;

	json_array_foreach(changes, i, change)
	{
		const char *now = json_string_value(json_object_get(change, "now"));
		const char *then = json_string_value(json_object_get(change, "file"));

		fprintf(out, "%s%s", i ? ", " : before,
			json_string_value(json_object_get(change, "key")));
		if (values)
			fprintf(out, " %s -> %s", now ? now : "(none)", then ? then : "(none)");
	}
}

bool control_hangup(struct control *control, char *line, size_t size)
{
	const struct control_actor actor = {.surface = "signal", .who = "SIGHUP"};
	json_t *request = json_pack("{s:s}", "verb", "reload");
	json_t *answer = request ? control_answer_object(control, request, &actor) : NULL;
	const bool ok = json_is_true(json_object_get(answer, "ok"));
	const json_t *changes = json_object_get(answer, "changes");
	FILE *out = fmemopen(line, size, "w");

	if (out && ok) {
		fprintf(out, "%s read again, generation %lld", control->view->config->file,
			(long long)control->generation.number);
		write_changes(out, ": ", changes, true);
		if (!json_array_size(changes))
			fprintf(out, ": nothing to change");
		write_changes(out, "; waiting for a restart: ", json_object_get(answer, "restart"),
			false);
	} else if (out) {
		const char *error = json_string_value(json_object_get(answer, "error"));
		const char *remedy = json_string_value(json_object_get(answer, "remedy"));

		fprintf(out, "SIGHUP: %s: %s", error ? error : "no memory",
			remedy ? remedy : "nothing was changed");
	}
	if (out)
		fclose(out);
	line[size - 1] = '\0';
	json_decref(request);
	json_decref(answer);
	return ok;
}
