/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* hearthctl_send.c - send a command to a device and tell what became of it, as any backend does */
#include "feed/hearth_feed.h"
#include "hearthctl.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Three sends, 10 s each, and time for what is on its way. */
#define WAIT_SECONDS 35
#define LOOK_US 1000
#define ANNOUNCE_SECONDS 10
/* When all command rings are taken: so long, looked at so often. */
#define BUSY_SECONDS 5
#define BUSY_US 100000

static const unsigned requests[] = {2001, 2003, 2005, 2015, 2025, 2031};
static const unsigned answers[] = {3001, 3003};

/** struct sending - what is asked for */
struct sending {
	const char *device, *payload;
	size_t payload_length;
	uint32_t code;
	unsigned seconds;
	uint64_t event;
	unsigned worker;
};

static bool is_number(const char *text, size_t longest)
{
	size_t length = strlen(text);

	return length > 0 && length <= longest && strspn(text, "0123456789") == length;
}

/* An event's id as events print it: WORKER-ID. */
static bool read_event(const char *text, unsigned *worker, uint64_t *event)
{
	const char *dash = strchr(text, '-');

	if (!dash || dash - text > 3 || dash == text ||
		strspn(text, "0123456789") != (size_t)(dash - text) || !is_number(dash + 1, 19))
		return false;
	*worker = (unsigned)strtoul(text, NULL, 10);
	*event = strtoull(dash + 1, NULL, 10);
	return *worker < 256 && *event > 0;
}

const char *ctl_wrong_send(const struct ctl_command *command)
{
	const char *wait = command->options[OPTION_WAIT], *event = command->options[OPTION_EVENT];
	unsigned worker;
	uint64_t id;

	if (!is_number(command->operands[1], 9))
		return "CODE is a number, like 2003";
	if (wait && !is_number(wait, 5))
		return "--wait takes whole seconds";
	if (event && !read_event(event, &worker, &id))
		return "--event takes the id of an uplink, like 0-18446";
	return NULL;
}

static bool among(unsigned code, const unsigned *codes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (codes[i] == code)
			return true;
	}
	return false;
}

static bool is_answer(uint32_t code)
{
	return among(code, answers, sizeof(answers) / sizeof(answers[0]));
}

/* The body as given; "-" is standard input. Return: to be freed; NULL and a refusal. */
static char *read_body(const char *given, json_t **refusal)
{
	size_t used = 0, size = HEARTH_COMMAND_PAYLOAD_MAX + 2;
	char *body;

	if (strcmp(given, "-"))
		return strdup(given);
	body = malloc(size);
	if (body) {
		used = fread(body, 1, size - 1, stdin);
		body[used] = '\0';
	}
	if (!body || ferror(stdin) || strlen(body) != used) {
		*refusal = ctl_refuse(
			"pipe a JSON object in", "the body cannot be read from standard input");
		free(body);
		return NULL;
	}
	return body;
}

/* The broker would say "refused" and not why. */
static json_t *check_body(const char *body)
{
	static const char *const ours[] = {"sequence", "time"};
	json_error_t error;
	json_t *parsed = json_loads(body, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, &error);
	json_t *refusal = NULL;

	if (strlen(body) > HEARTH_COMMAND_PAYLOAD_MAX)
		refusal = ctl_refuse("send less", "the body is longer than %d bytes",
			HEARTH_COMMAND_PAYLOAD_MAX);
	else if (!parsed)
		refusal = ctl_refuse("quote it for the shell, like '{\"serialId\":\"0\"}'",
			"the body is not JSON: %s", error.text);
	else if (!json_is_object(parsed))
		refusal = ctl_refuse(
			"put what the code needs between { and }", "the body is no JSON object");
	for (size_t i = 0; !refusal && i < sizeof(ours) / sizeof(ours[0]); i++) {
		if (json_object_get(parsed, ours[i]))
			refusal = ctl_refuse(
				"leave it out", "the body has %s, which the broker adds", ours[i]);
	}
	json_decref(parsed);
	return refusal;
}

static json_t *check_code(const struct sending *sending, bool has_event)
{
	if (!among(sending->code, requests, sizeof(requests) / sizeof(requests[0])) &&
		!is_answer(sending->code))
		return ctl_refuse("2001, 2003, 2005, 2015, 2025 and 2031 ask, 3001 and 3003 answer "
				  "a device's voice request",
			"%u is no code that a platform sends", (unsigned)sending->code);
	if (has_event && !is_answer(sending->code))
		return ctl_refuse("leave it out", "--event is for the answers 3001 and 3003");
	return NULL;
}

/* ---- what became of it ---- */

static const char *meaning(unsigned reason)
{
	switch (reason) {
	case HEARTH_NO_ANSWER:
		return "it was sent three times and the device answered none: it may have acted";
	case HEARTH_WAS_OFFLINE:
		return "the device had no session: it was not sent";
	case HEARTH_UNKNOWN:
		return "the session ended before an answer came: the device may have acted";
	case HEARTH_EXPIRED:
		return "others were before it until its time was over: it was not sent";
	case HEARTH_QUEUE_FULL:
		return "too many requests wait for this device: it was not sent";
	case HEARTH_TOO_LARGE:
		return "it is too long for the device's transport: it was not sent";
	case HEARTH_REFUSED:
		return "no such device, or a body that does not fit the code: it was not sent";
	default:
		return "its reason is not known to this version";
	}
}

/* The device's answer: parsed for a program, as it came for a person. */
static json_t *answered(const struct hearth_item *item, bool as_json)
{
	const struct hearth_record *record = item->record;
	json_t *answer =
		json_pack("{s:b, s:I, s:i, s:i}", "ok", 1, "request", (json_int_t)record->request,
			"code", (int)record->code, "result", (int)record->result);
	json_t *payload = NULL;

	if (as_json) {
		payload = json_loadb(item->payload, record->payload_length, 0, NULL);
		if (!payload)
			payload = json_loadb(item->payload, record->payload_length,
				JSON_DECODE_INT_AS_REAL, NULL);
	}
	if (payload)
		json_object_set_new(answer, "payload", payload);
	else
		json_object_set_new(
			answer, "text", json_stringn(item->payload, record->payload_length));
	return answer;
}

static json_t *undelivered(const struct hearth_record *record)
{
	const char *reason = hearth_reason_name(record->reason);
	json_t *answer = ctl_refuse(meaning(record->reason), "undelivered: %s", reason);

	json_object_set_new(answer, "request", json_integer((json_int_t)record->request));
	json_object_set_new(answer, "reason", json_string(reason));
	return answer;
}

static uint64_t clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* What the broker has taken needs its ring no more: there are few, and others wait for one. */
static void give_back(struct hearth_commands **commands)
{
	if (!*commands || hearth_commands_waiting(*commands))
		return;
	hearth_commands_close(*commands);
	*commands = NULL;
}

/* Follow the events until the one outcome of @request is there. @feed: of @path, opened before it
 * was sent; it is replaced if the broker replaced the rings. */
static json_t *follow(struct hearth_commands **commands, const char *path,
	struct hearth_feed **feed, uint64_t request, unsigned seconds, bool as_json)
{
	uint64_t until = clock_ms() + (uint64_t)seconds * 1000;
	struct hearth_item item;
	bool missed = false;
	json_t *answer;

	while (clock_ms() < until) {
		int rc = *feed ? hearth_feed_next(*feed, &item) : -ESTALE;

		if (rc == 1 && item.record->request == request) {
			if (item.record->event == HEARTH_RESPONSE)
				return answered(&item, as_json);
			if (item.record->event == HEARTH_UNDELIVERED)
				return undelivered(item.record);
		}
		missed |= rc < 0;
		if (rc == -ESTALE) {
			hearth_feed_close(*feed);
			*feed = hearth_feed_open(path, HEARTH_FEED_OBSERVE, NULL, 0);
		}
		give_back(commands);
		if (rc <= 0)
			usleep(LOOK_US);
	}
	answer = ctl_refuse(missed ? "events came faster than they could be looked at: ask whoever "
				     "reads them for the outcome of this request"
				   : "its outcome will be the event response or undelivered with "
				     "this request",
		"request %" PRIu64 " has no outcome after %u s%s", request, seconds,
		*commands ? ": the broker has not taken it yet" : "");
	json_object_set_new(answer, "request", json_integer((json_int_t)request));
	return answer;
}

/* ---- the two ways ---- */

static json_t *refuse_send(int rc)
{
	return ctl_refuse("try again", "the command cannot be handed to the broker: %s",
		rc == -EINVAL ? "the device's id is empty or too long" : strerror(-rc));
}

/* @commands: closed, and NULL, once the broker has taken the request */
static json_t *send_request(
	struct hearth_commands **commands, const struct sending *sending, bool as_json)
{
	/* Whoever gave up waiting does not want it to be sent any more. */
	struct hearth_command command = {.device = sending->device,
		.device_length = strlen(sending->device),
		.code = sending->code,
		.payload = sending->payload,
		.payload_length = sending->payload_length,
		.expires_ms = sending->seconds * 1000};
	char error[512];
	char *path = strdup(hearth_commands_feed(*commands));
	struct hearth_feed *feed;
	uint64_t request;
	json_t *answer;
	int rc;

	/* Before it is sent, or its outcome could be missed. */
	feed = path ? hearth_feed_open(path, HEARTH_FEED_OBSERVE, error, sizeof(error)) : NULL;
	if (!feed) {
		answer = ctl_refuse("run it as the user that the broker runs as",
			"its outcome could not be followed: %s", path ? error : "no memory");
		free(path);
		return answer;
	}
	rc = hearth_command_send(*commands, &command, &request);
	if (rc < 0)
		answer = refuse_send(rc);
	else if (sending->seconds == 0)
		answer = json_pack("{s:b, s:I}", "ok", 1, "request", (json_int_t)request);
	else
		answer = follow(commands, path, &feed, request, sending->seconds, as_json);
	hearth_feed_close(feed);
	free(path);
	return answer;
}

/* An answer has no outcome of its own: it is done when the broker has it. */
static json_t *send_answer(struct hearth_commands *commands, const struct sending *sending)
{
	struct hearth_record uplink = {.event = HEARTH_UPLINK,
		.code = sending->code - 1,
		.id = sending->event,
		.device_length = (uint8_t)strlen(sending->device)};
	struct hearth_item asked = {
		.record = &uplink, .device = sending->device, .worker = sending->worker};
	uint64_t until = clock_ms() + (uint64_t)sending->seconds * 1000;
	int rc = -EINVAL;

	if (strlen(sending->device) <= UINT8_MAX)
		rc = hearth_command_answer(
			commands, &asked, sending->payload, sending->payload_length);
	if (rc < 0)
		return refuse_send(rc);
	while (sending->seconds && hearth_commands_waiting(commands)) {
		if (clock_ms() >= until)
			return ctl_refuse(
				"it takes it when it goes on", "the broker has not taken it yet");
		usleep(LOOK_US);
	}
	return json_pack("{s:b, s:i}", "ok", 1, "code", (int)sending->code);
}

/* The command itself goes by a ring: that it is about to is told first, for the audit log. */
static json_t *announce(const struct ctl_command *command, const struct sending *sending)
{
	json_t *request = json_pack("{s:s, s:s, s:I, s:I}", "verb", "send", "id", sending->device,
		"code", (json_int_t)sending->code, "bytes", (json_int_t)sending->payload_length);
	json_t *answer;

	if (!request)
		return ctl_refuse("use UTF-8", "the id is not UTF-8 text");
	answer = ctl_request(&command->target, request, -1, ANNOUNCE_SECONDS);
	json_decref(request);
	if (!json_is_true(json_object_get(answer, "ok")))
		return answer;
	json_decref(answer);
	return NULL;
}

/* Others like this one have their rings for moments only: it is worth waiting for one. */
static struct hearth_commands *open_commands(const char *socket, char *error, size_t size)
{
	const uint64_t until = clock_ms() + BUSY_SECONDS * 1000;
	struct hearth_commands *commands;

	while (!(commands = hearth_commands_open(socket, 0, error, size)) && errno == EBUSY &&
		clock_ms() < until)
		usleep(BUSY_US);
	return commands;
}

json_t *ctl_run_send(const struct ctl_command *command)
{
	const char *wait = command->options[OPTION_WAIT], *event = command->options[OPTION_EVENT];
	struct sending sending = {.device = command->operands[0],
		.code = (uint32_t)strtoul(command->operands[1], NULL, 10),
		.seconds = wait ? (unsigned)strtoul(wait, NULL, 10) : WAIT_SECONDS};
	bool as_json = command->options[OPTION_JSON];
	struct hearth_commands *commands;
	json_t *answer = check_code(&sending, event);
	char error[512], *body;

	if (answer)
		return answer;
	if (event)
		read_event(event, &sending.worker, &sending.event);
	body = read_body(command->operands[2], &answer);
	if (!body)
		return answer;
	sending.payload = body;
	sending.payload_length = strlen(body);
	answer = check_body(body);
	if (!answer)
		answer = announce(command, &sending);
	if (answer)
		goto out;
	commands = open_commands(command->target.socket, error, sizeof(error));
	if (!commands)
		answer = ctl_refuse(errno == EBUSY ? "try again when one of them has ended"
						   : "see that a broker of this version runs",
			"%s", error);
	else if (is_answer(sending.code))
		answer = send_answer(commands, &sending);
	else
		answer = send_request(&commands, &sending, as_json);
	hearth_commands_close(commands);
out:
	free(body);
	return answer;
}

/* The device's own JSON in one line; line breaks can only stand between its tokens. */
void ctl_print_sent(const json_t *answer)
{
	const char *text = json_string_value(json_object_get(answer, "text"));

	for (; text && *text; text++)
		putchar(*text == '\n' || *text == '\r' ? ' ' : *text);
	if (text)
		putchar('\n');
	else if (json_object_get(answer, "request"))
		printf("request %" JSON_INTEGER_FORMAT "\n",
			json_integer_value(json_object_get(answer, "request")));
	else
		printf("answered\n");
}
