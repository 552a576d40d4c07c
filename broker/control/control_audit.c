/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* control_audit.c - which requests the audit log tells of, and how much of them */
#include "control/control_private.h"
#include "log/audit.h"
#include "log/log.h"

#include <stdio.h>
#include <string.h>

/* Longest text of a request that is told as it is. */
#define TEXT_MAX 256

/* Acts that change something, or show what is a device's own: its PIN, its key, what it says. */
static const char *const acts[] = {"device add", "device import", "device remove", "kick", "send",
	"commands", "lan-key", "follow", "capture", "reload", "drain"};

/* Members that are told as they are; of all others only that they were there. What is not known to
 * be harmless is taken for a secret. */
static const char *const told[] = {"id", "name", "code", "bytes", "model", "gateway", "backend",
	"secrets", "deadline", "cancel", "device", "port", "seconds", "decrypted", "file", "strict",
	"expect"};

static bool among(const char *name, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(name, names[i]))
			return true;
	}
	return false;
}

bool control_audited(const json_t *request)
{
	const char *verb = json_string_value(json_object_get(request, "verb"));

	if (!verb)
		return false;
	if (!strcmp(verb, "device show"))
		return json_is_true(json_object_get(request, "secrets"));
	/* asking how a drain goes is no act */
	if (!strcmp(verb, "drain") && json_is_true(json_object_get(request, "ask")))
		return false;
	return among(verb, acts, sizeof(acts) / sizeof(acts[0]));
}

static json_t *redact(const json_t *request)
{
	json_t *what = json_object(), *value;
	const char *name;

	json_object_foreach((json_t *)(uintptr_t)request, name, value)
	{
		bool plain = !json_is_object(value) && !json_is_array(value) &&
			     json_string_length(value) <= TEXT_MAX;

		if (!strcmp(name, "verb"))
			continue;
		if (plain && among(name, told, sizeof(told) / sizeof(told[0])))
			json_object_set(what, name, value);
		else
			json_object_set_new(what, name, json_string("(not told)"));
	}
	return what;
}

static int64_t write_line(struct audit *audit, const json_t *request,
	const struct control_actor *actor, const json_t *what, const char *outcome)
{
	const struct audit_record record = {.surface = actor->surface,
		.who = actor->who,
		.verb = json_string_value(json_object_get(request, "verb")),
		.what = what,
		.outcome = outcome};

	return audit_write(audit, &record);
}

json_t *control_audit_asked(struct control *control, const json_t *request,
	const struct control_actor *actor, int64_t *number)
{
	struct audit *audit = control->view->audit;
	json_t *what;

	*number = 0;
	if (!audit || !control_audited(request))
		return NULL;
	what = redact(request);
	*number = write_line(audit, request, actor, what, "asked");
	json_decref(what);
	if (*number > 0)
		return NULL;
	log_error("audit log %s: %s: what it cannot tell of is refused, devices are served",
		audit_head(audit).path, strerror((int)-*number));
	return control_refuse("make room where log.audit lies, or start the broker without it",
		"not done: the audit log cannot be written (%s)", strerror((int)-*number));
}

json_t *control_audit_done(struct control *control, const json_t *request,
	const struct control_actor *actor, int64_t number, json_t *answer)
{
	const char *error = json_string_value(json_object_get(answer, "error"));
	char outcome[600] = "done";
	json_t *what;
	int64_t rc;

	if (number <= 0)
		return answer;
	what = json_pack("{s:I, s:O*}", "asked", (json_int_t)number, "added",
		json_object_get(answer, "added"));
	if (!json_is_true(json_object_get(answer, "ok")))
		snprintf(outcome, sizeof(outcome), "refused: %s", error ? error : "");
	rc = write_line(control->view->audit, request, actor, what, outcome);
	json_decref(what);
	if (rc < 0) {
		log_error("audit log %s: %s: the outcome of act %lld is not in it (%s)",
			audit_head(control->view->audit).path, strerror((int)-rc),
			(long long)number, outcome);
		json_object_set_new(answer, "warning",
			json_string("the audit log could not be told how this ended: make room "
				    "where log.audit lies"));
	}
	return answer;
}

json_t *control_audit_status(const struct broker_view *view)
{
	struct audit_head head;

	if (!view->audit)
		return NULL;
	head = audit_head(view->audit);
	return json_pack("{s:s, s:I, s:s, s:I, s:s, s:b}", "path", head.path, "lines",
		(json_int_t)head.n, "head", head.hash, "failed", (json_int_t)head.failed, "error",
		head.error ? strerror(-head.error) : "", "changed", head.changed);
}

json_t *control_log_status(void)
{
	const struct log_counts counts = log_counts();

	return json_pack("{s:I, s:I, s:I}", "said", (json_int_t)counts.said, "held",
		(json_int_t)counts.held, "lost", (json_int_t)counts.lost);
}

json_t *control_audit(struct control *control, json_t *request, int file)
{
	const char *verb;
	json_t *answer = control_unpack(request, "{s:s}", "verb", &verb);

	if (answer)
		return answer;
	if (!control->view->audit)
		return control_refuse("name a file with log.audit and start the broker again",
			"this broker keeps no audit log");
	answer = control_audit_status(control->view);
	json_object_set_new(answer, "ok", json_true());
	return answer;
}
