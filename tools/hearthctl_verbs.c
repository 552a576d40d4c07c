/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* hearthctl_verbs.c - the verbs: from operands and options to a request and its answer */
#include "hearthctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 1000 /* rows in one answer, and in all unless told otherwise */
#define WAIT_SECONDS 10

/* The PIN as given, or the first line of standard input for "-". */
static const char *read_pin(const char *given, char line[128], json_t **refusal)
{
	size_t length;

	if (strcmp(given, "-"))
		return given;
	if (!fgets(line, 128, stdin)) {
		*refusal = ctl_refuse("pipe the PIN in", "no PIN came on standard input");
		return NULL;
	}
	length = strcspn(line, "\r\n");
	line[length] = '\0';
	return line;
}

static json_t *run_add(const struct ctl_command *command)
{
	char line[128] = "";
	json_t *answer = NULL, *request;
	const char *pin = read_pin(command->operands[1], line, &answer);

	if (!pin)
		return answer;
	request = json_pack("{s:s, s:s, s:s, s:s*, s:s*, s:s*}", "verb", "device add", "id",
		command->operands[0], "pin", pin, "bind_password", command->options[OPTION_BIND],
		"model", command->options[OPTION_MODEL], "gateway",
		command->options[OPTION_GATEWAY]);
	explicit_bzero(line, sizeof(line));
	if (!request)
		return ctl_refuse("use UTF-8", "an argument is not UTF-8 text");
	answer = ctl_request(&command->target, request, -1, WAIT_SECONDS);
	json_decref(request);
	return answer;
}

/* Verbs whose request is the verb and an id. */
static json_t *run_with_id(const struct ctl_command *command, const char *verb)
{
	json_t *request, *answer;

	request = json_pack("{s:s, s:s}", "verb", verb, "id", command->operands[0]);
	if (!request)
		return ctl_refuse("use UTF-8", "the id is not UTF-8 text");
	if (command->options[OPTION_SECRETS])
		json_object_set_new(request, "secrets", json_true());
	answer = ctl_request(&command->target, request, -1, WAIT_SECONDS);
	json_decref(request);
	return answer;
}

static json_t *run_show(const struct ctl_command *command)
{
	return run_with_id(command, "device show");
}

static json_t *run_remove(const struct ctl_command *command)
{
	return run_with_id(command, "device remove");
}

static json_t *run_session(const struct ctl_command *command)
{
	return run_with_id(command, "session");
}

static json_t *run_kick(const struct ctl_command *command)
{
	return run_with_id(command, "kick");
}

static json_t *run_status(const struct ctl_command *command)
{
	json_t *request =
		json_pack("{s:s, s:b}", "verb", "status", "help", !command->options[OPTION_JSON]);
	json_t *answer = ctl_request(&command->target, request, -1, WAIT_SECONDS);

	json_decref(request);
	return answer;
}

static json_t *run_metrics(const struct ctl_command *command)
{
	json_t *request = json_pack("{s:s, s:b}", "verb", "status", "help", 1);
	json_t *answer = ctl_request(&command->target, request, -1, WAIT_SECONDS);

	json_decref(request);
	return answer;
}

/* Ask page after page until @limit rows have come or there are no more. @cursor: the request's
 * member that "next" goes into. Return: the last answer, with all rows in it. */
static json_t *run_pages(const struct ctl_command *command, json_t *request, const char *rows_key,
	const char *cursor)
{
	const char *given = command->options[OPTION_LIMIT];
	long long left = given ? strtoll(given, NULL, 10) : PAGE;
	json_t *rows = json_array(), *answer, *next;

	for (;;) {
		json_object_set_new(request, "limit", json_integer(left < PAGE ? left : PAGE));
		answer = ctl_request(&command->target, request, -1, WAIT_SECONDS);
		if (!json_is_true(json_object_get(answer, "ok")))
			break;
		json_array_extend(rows, json_object_get(answer, rows_key));
		left -= (long long)json_array_size(json_object_get(answer, rows_key));
		next = json_object_get(answer, "next");
		if (left <= 0 || !next || json_is_null(next)) {
			json_object_set(answer, rows_key, rows);
			break;
		}
		json_object_set(request, cursor, next);
		json_decref(answer);
	}
	json_decref(rows);
	json_decref(request);
	return answer;
}

static json_t *run_list(const struct ctl_command *command)
{
	json_t *request = json_pack(
		"{s:s, s:s*}", "verb", "device list", "after", command->options[OPTION_AFTER]);

	if (!request)
		return ctl_refuse("use UTF-8", "the id is not UTF-8 text");
	return run_pages(command, request, "devices", "after");
}

static json_t *run_sessions(const struct ctl_command *command)
{
	return run_pages(command, json_pack("{s:s}", "verb", "sessions"), "sessions", "from");
}

static json_t *run_lan_key(const struct ctl_command *command)
{
	json_t *request = json_pack("{s:s, s:s, s:s}", "verb", "lan-key", "id",
		command->operands[0], "random", command->operands[1]);
	json_t *answer;

	if (!request)
		return ctl_refuse("use UTF-8", "an argument is not UTF-8 text");
	answer = ctl_request(&command->target, request, -1, WAIT_SECONDS);
	json_decref(request);
	return answer;
}

static void print_lan_key(const json_t *answer)
{
	printf("%s\n", json_string_value(json_object_get(answer, "lan_key")));
}

const struct ctl_verb ctl_verbs[] = {
	{{"device", "add"}, "ID PIN [--bind PASSWORD] [--model M] [--gateway ID]",
		"Provisions a device: durable before it returns, and known to a running broker at\n"
		"once. ID: 1..64 printable ASCII characters without \" and \\. PIN: 32 "
		"characters;\n"
		"\"-\" reads it as a line from standard input, so that it stands in no process "
		"list.",
		2, true, CTL_BIT(OPTION_BIND) | CTL_BIT(OPTION_MODEL) | CTL_BIT(OPTION_GATEWAY),
		run_add, ctl_print_added, NULL},
	{{"device", "import"}, "FILE.csv [--quiet]",
		"Provisions the devices of a file: columns "
		"device_id,pin,bind_password,model,gateway,\n"
		"a header row. All rows are added or none; the bad line is named. \"-\" reads "
		"standard\n"
		"input. Standard error shows how far it is, but with --quiet and --json.",
		1, true, CTL_BIT(OPTION_QUIET), ctl_run_import, ctl_print_imported, NULL},
	{{"device", "show"}, "ID [--secrets]",
		"Shows a device; its PIN and bind password only with --secrets.", 1, true,
		CTL_BIT(OPTION_SECRETS), run_show, ctl_print_device, NULL},
	{{"device", "list"}, "[--after ID] [--limit N]",
		"Lists devices in the order of their ids, 1000 unless told otherwise.\n"
		"With --json: {\"devices\":[..],\"next\":ID or null,\"total\":N}.",
		0, true, CTL_BIT(OPTION_AFTER) | CTL_BIT(OPTION_LIMIT), run_list, ctl_print_devices,
		NULL},
	{{"device", "remove"}, "ID",
		"Removes a device and ends its session (event: offline, removed).", 1, true, 0,
		run_remove, ctl_print_removed, NULL},
	{{"status", NULL}, "",
		"Shows workers, ports, sessions, rates, drops by reason and how full the event "
		"rings\n"
		"are. Drops that did not happen are left out; --json has every counter.",
		0, false, 0, run_status, ctl_print_status, NULL},
	{{"metrics", NULL}, "",
		"Prints every figure of status in the text format that Prometheus reads: for its "
		"node\n"
		"exporter's textfile collector, say, where the broker itself serves no HTTP.",
		0, false, 0, run_metrics, ctl_print_metrics, NULL},
	{{"session", NULL}, "ID [--follow]",
		"Shows a device's session; never a key or a token. --follow: prints what the "
		"device\n"
		"sends and is sent, line by line, and what was decided about each, until Ctrl-C; "
		"logins\n"
		"and connects that are refused, too. It waits for a device that is not connected. "
		"With\n"
		"--json: one object a line. What comes faster than it is taken is lost, and "
		"counted.",
		1, false, CTL_BIT(OPTION_FOLLOW), run_session, ctl_print_session, NULL},
	{{"sessions", NULL}, "[--limit N]",
		"Lists live sessions, 1000 unless told otherwise.\n"
		"With --json: {\"sessions\":[..],\"next\":where the rest begins or null}.",
		0, false, CTL_BIT(OPTION_LIMIT), run_sessions, ctl_print_sessions, NULL},
	{{"kick", NULL}, "ID",
		"Ends a device's session (event: offline, kicked); the device may log in again.", 1,
		false, 0, run_kick, ctl_print_kicked, NULL},
	{{"send", NULL}, "ID CODE JSON [--wait S] [--event ID]",
		"Sends a request of the platform (2001, 2003, 2005, 2015, 2025, 2031) to a device "
		"or\n"
		"sub-device, adds sequence, time, and deviceId where it is missing, and prints "
		"the\n"
		"device's answer. JSON: an object without sequence and time; \"-\" reads standard\n"
		"input. Waits 35 s, long enough for three sends, unless told otherwise; after that "
		"a\n"
		"request that has not been sent yet is not sent any more. --wait 0 prints the "
		"request's\n"
		"id and leaves its outcome to whoever reads the events. undelivered: no-answer "
		"and the\n"
		"like end with 1. 3001 and 3003 answer the device's oldest voice request that "
		"waits, or\n"
		"the one that --event names, and are done when the broker has taken them.\n"
		"With --json: {\"request\":N,\"code\":C,\"result\":R,\"payload\":{..}}.",
		3, false, CTL_BIT(OPTION_WAIT) | CTL_BIT(OPTION_EVENT), ctl_run_send,
		ctl_print_sent, ctl_wrong_send},
	{{"lan-key", NULL}, "ID RANDOM",
		"Makes the key that the platform gives to a device's app for their LAN session: "
		"44\n"
		"characters, a secret. RANDOM: the app's 16 characters 0-9, A-Z, a-z.\n"
		"With --json also liveTime, how many seconds the app may use it.",
		2, false, 0, run_lan_key, print_lan_key, NULL},
	{{"reload", NULL}, "[--strict] [--expect N]",
		"Has the broker read its configuration file again. Keys that may change while it "
		"runs\n"
		"take effect at once; what waits for a restart is named. No connection ends. A "
		"file "
		"that\n"
		"is refused changes nothing. --strict: refuse it, too, if a key would wait for a "
		"restart.\n"
		"--expect N: only while generation N is in force (config show, config diff).",
		0, false, CTL_BIT(OPTION_STRICT) | CTL_BIT(OPTION_EXPECT), ctl_run_reload,
		ctl_print_reload, ctl_wrong_reload},
	{{"config", "check"}, "FILE",
		"Reads and checks a configuration file, without a broker; what is wrong is said "
		"with\n"
		"file and line.",
		1, false, 0, ctl_run_config_check, ctl_print_config_check, NULL},
	{{"config", "diff"}, "FILE",
		"Shows what a file would change in the running broker: key, value now, value "
		"there, and\n"
		"whether a reload is enough or a restart is needed.",
		1, false, 0, ctl_run_config_diff, ctl_print_config_diff, NULL},
	{{"config", "show"}, "",
		"Shows the configuration in force, defaults filled in, as a file that can be used "
		"again.\n"
		"With --json: every key with its value and when a change takes effect (run-time, "
		"restart,\n"
		"or bound: at once, up to the value of the start).",
		0, false, 0, ctl_run_config_show, ctl_print_config_show, NULL},
	{{"drain", NULL}, "[--deadline S | --cancel]",
		"Takes the node out for good: no login is accepted any more, sessions are ended at "
		"the\n"
		"rate of drain.rate (event: offline, shutdown), their tokens are void; then it "
		"waits "
		"until\n"
		"all events are committed, ends the broker and removes what a restart would need. "
		"Shows\n"
		"how it goes; it goes on if this ends. --deadline: after S seconds the sessions "
		"that\n"
		"are left end at once and nothing else is waited for; ends with 1 if something was "
		"left.\n"
		"--cancel: calls it off; sessions that have ended stay ended.",
		0, false, CTL_BIT(OPTION_DEADLINE) | CTL_BIT(OPTION_CANCEL), ctl_run_drain,
		ctl_print_drained, ctl_wrong_drain},
	{.words = {"capture", NULL}},
	{.words = {"doctor", NULL}},
	{.words = {"top", NULL}},
	{{"audit", "verify"}, "[FILE] [--from HASH]",
		"Checks that each line of an audit log follows the one before, and names the first "
		"that\n"
		"does not. Without FILE: the running broker's, and that it ends where the broker "
		"says.\n"
		"--from: the hash that the first line has to follow, like the head of the file "
		"before.\n"
		"Whoever can write to the file can make all of it anew: keep its head elsewhere, "
		"too.",
		0, false, CTL_ONE_MORE | CTL_BIT(OPTION_FROM), ctl_run_audit_verify,
		ctl_print_audit_verified, ctl_wrong_audit},
	{{"audit", "tail"}, "[FILE] [--limit N]",
		"Shows the last lines of an audit log, 10 unless told otherwise; checks nothing.",
		0, false, CTL_ONE_MORE | CTL_BIT(OPTION_LIMIT), ctl_run_audit_tail,
		ctl_print_audit_tail, NULL},
};
const size_t ctl_verb_count = sizeof(ctl_verbs) / sizeof(ctl_verbs[0]);
