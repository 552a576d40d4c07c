/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* command.c - what a device does with the platform's requests (Q/CT X-2017 section 5.4) */
#include "journal.h"
#include "side.h"
#include "transport.h"

#include <ctype.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#define KEPT 8 /* commands of a session whose repeats are known */
#define MARK_MAX 24
#define NOT_SUPPORTED 300002
#define MALFORMED 100001
#define NOT_HERE 200001

enum manner { ANSWER, SILENT, LATE, WRONG, REFUSE };

/**
 * struct command - a request of the platform
 * @next: an older one
 * @due: when its answer leaves; NEVER: none waits
 * @copies: how often it came
 * @mark: what its sender put into it as "n", to know it again
 * @answer: the frame, the same each time
 */
struct command {
	struct command *next;
	uint64_t due;
	uint16_t code, sequence;
	uint8_t copies, manner;
	char mark[MARK_MAX];
	uint32_t length;
	char answer[];
};

/** struct asked - a request while it is looked at */
struct asked {
	unsigned code;
	uint16_t sequence;
	const json_t *number, *body;
	struct device *subject; /* the device or one of its sub-devices */
	struct device *child;   /* whom 2015 names */
	enum manner manner;
	char mark[MARK_MAX];
};

struct side *side_of(struct device *device)
{
	if (!device->side) {
		device->side = calloc(1, sizeof(*device->side));
		if (!device->side)
			out_of_memory();
		device->side->newest = -1;
	}
	return device->side;
}

void command_forget(struct device *device)
{
	struct side *side = device->side;

	if (!side)
		return;
	while (side->commands) {
		struct command *command = side->commands;

		side->commands = command->next;
		free(command);
	}
	side->newest = -1;
	side->series.under_way = false;
}

static struct device *named_here(struct fleet *fleet, struct device *device, const json_t *name)
{
	const struct subdevices *subdevices = device->subdevices;
	const char *id = json_string_value(name);
	unsigned i;

	if (!id)
		return NULL;
	for (i = 0; subdevices && i < subdevices->count; i++) {
		if (strcmp(fleet->devices[subdevices->at[i]].id, id) == 0)
			return &fleet->devices[subdevices->at[i]];
	}
	return strcmp(device->id, id) == 0 ? device : NULL;
}

/* The "n" that the sender put in, wherever it stands; it goes into a line of the journal. */
static bool find_mark(const json_t *value, char mark[MARK_MAX])
{
	const json_t *n = json_object_get(value, "n"), *item;
	const char *key, *text = json_string_value(n);
	size_t i;

	if (json_is_integer(n)) {
		snprintf(mark, MARK_MAX, "%lld", (long long)json_integer_value(n));
		return true;
	}
	for (i = 0; text && i < MARK_MAX - 1 && (isalnum((unsigned char)text[i]) || text[i] == '-');
		i++)
		mark[i] = text[i];
	if (text && i) {
		mark[i] = '\0';
		return true;
	}
	json_object_foreach((json_t *)value, key, item)
	{
		if (find_mark(item, mark))
			return true;
	}
	json_array_foreach(value, i, item)
	{
		if (find_mark(item, mark))
			return true;
	}
	return false;
}

/* Return: false if the request is one that no platform may send; counted. */
static bool look_at(struct fleet *fleet, struct device *device, struct asked *asked)
{
	const json_t *body = asked->body;
	const char *digits;
	long long number;

	asked->number = json_object_get(body, "sequence");
	digits = json_string_value(asked->number);
	number = digits ? atoll(digits) : (long long)json_integer_value(asked->number);
	asked->subject = named_here(fleet, device, json_object_get(body, "deviceId"));
	asked->child = named_here(fleet, device, json_object_get(body, "subDeviceId"));
	if ((!digits && !json_is_integer(asked->number)) || number < 0 || number > UINT16_MAX ||
		!json_is_integer(json_object_get(body, "time")) || !asked->subject) {
		deviate(fleet, device, BAD_REQUEST, asked->code,
			"sequence, time or deviceId is missing");
		return false;
	}
	asked->sequence = (uint16_t)number;
	if (!find_mark(body, asked->mark))
		strcpy(asked->mark, "-");
	return true;
}

static enum manner manner_of(struct fleet *fleet)
{
	const unsigned shares[] = {
		[SILENT] = fleet->options.commands.silent,
		[LATE] = fleet->options.commands.late,
		[WRONG] = fleet->options.commands.wrong,
		[REFUSE] = fleet->options.commands.refused,
	};
	uint64_t dice = fleet_random(fleet, 100);
	unsigned manner;

	for (manner = SILENT; manner <= REFUSE; manner++) {
		if (dice < shares[manner])
			return (enum manner)manner;
		dice -= shares[manner];
	}
	return ANSWER;
}

/* A version and, with modules, the first one's name. */
static bool take_upgrade(struct side *side, const json_t *body)
{
	const json_t *module = json_array_get(json_object_get(body, "modules"), 0);
	const json_t *what = module ? module : json_object_get(body, "device");
	const char *version = json_string_value(json_object_get(what, "version"));
	const char *name = json_string_value(json_object_get(module, "name"));

	if (!version || strlen(version) >= VERSION_MAX || (module && !name))
		return false;
	strcpy(side->version, version);
	snprintf(side->module, MODULE_MAX, "%s", name ? name : "");
	return true;
}

/* What 2003, 2005 and 2031 change is told by the report that follows (section 5.4.3). */
static int execute(struct device *device, const struct asked *asked)
{
	struct device *subject = asked->subject;

	switch (asked->code) {
	case 2003:
	case 2005:
		subject->owes_status = true;
		break;
	case 2031:
		subject->owes_resources = true;
		break;
	case 2025:
		if (!take_upgrade(side_of(subject), asked->body))
			return MALFORMED;
		subject->owes_result = true;
		break;
	case 2015:
		if (!asked->child || asked->child == device)
			return NOT_HERE;
		asked->child->unbound = true;
		break;
	}
	device->owes_below |= subject != device;
	return 0;
}

__attribute__((format(printf, 4, 5))) static void add(
	char *out, size_t size, size_t *length, const char *format, ...)
{
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = vsnprintf(out + *length, size - *length, format, arguments);
	va_end(arguments);
	*length += n > 0 ? (size_t)n : 0;
	if (*length >= size)
		*length = size - 1;
}

/* The answer's frame. @wrong: in one of the ways in which nothing may be settled by it */
static size_t answer_frame(struct fleet *fleet, struct device *device, const struct asked *asked,
	int result, bool wrong, char *out, size_t size)
{
	/* of 20 characters at most, a deviceId and a subDeviceId of 64 */
	char plain[512];
	unsigned code = asked->code - 1, sequence = asked->sequence, way;
	size_t at = 0;

	way = wrong ? 1 + (unsigned)fleet_random(fleet, 4) : 0;
	if (way == 1)
		sequence = (sequence + 1 + (unsigned)fleet_random(fleet, 65534)) & UINT16_MAX;
	if (way == 2)
		code = code == 2004 ? 2030 : 2004;
	add(plain, sizeof(plain), &at, "{\"dscp\":\"\xe6\x93\x8d\xe4\xbd\x9c\"");
	if (way != 3)
		add(plain, sizeof(plain), &at, ",\"result\":%d", result);
	if (way != 4)
		add(plain, sizeof(plain), &at,
			json_is_integer(asked->number) ? ",\"sequence\":%u"
						       : ",\"sequence\":\"%u\"",
			sequence);
	add(plain, sizeof(plain), &at, ",\"deviceId\":\"%s\"", asked->subject->id);
	if (asked->child)
		add(plain, sizeof(plain), &at, ",\"subDeviceId\":\"%s\"", asked->child->id);
	add(plain, sizeof(plain), &at, ",\"time\":%ld}", (long)time(NULL));
	return frame_encode(out, size, code, device->key, device->key, "token", device->token,
		plain, device->escape);
}

static struct command *keep(
	struct side *side, const struct asked *asked, const char *answer, size_t length)
{
	struct command *command = malloc(sizeof(*command) + length), **oldest = &side->commands;
	unsigned count = 0;

	if (!command)
		out_of_memory();
	*command = (struct command){.next = side->commands,
		.due = NEVER,
		.code = (uint16_t)asked->code,
		.sequence = asked->sequence,
		.manner = (uint8_t)asked->manner,
		.length = (uint32_t)length};
	memcpy(command->mark, asked->mark, sizeof(command->mark));
	memcpy(command->answer, answer, length);
	side->commands = command;
	while (*oldest && count++ < KEPT)
		oldest = &(*oldest)->next;
	free(*oldest);
	*oldest = NULL;
	return command;
}

/* One counter per direction: on a stream nothing is skipped, a datagram may have been lost. */
static void check_number(struct fleet *fleet, struct device *device, const struct asked *asked)
{
	struct side *side = device->side;
	uint16_t ahead = (uint16_t)(asked->sequence - side->newest);

	if (side->newest >= 0 && (ahead >= 0x8000 || (device->tcp && ahead != 1)))
		deviate(fleet, device, BAD_REQUEST, asked->code, "its number is not the next");
	side->newest = asked->sequence;
}

static struct command *first_time(struct fleet *fleet, struct device *device, struct asked *asked)
{
	char frame[2048];
	int result;

	fleet->figures.platform_requests++;
	check_number(fleet, device, asked);
	asked->manner = manner_of(fleet);
	result = asked->manner == REFUSE ? NOT_SUPPORTED : execute(device, asked);
	if (result == 0) {
		fleet->figures.executed++;
		journal_command(
			fleet, device, "executed", 1, asked->sequence, asked->code, asked->mark);
	}
	return keep(device->side, asked, frame,
		answer_frame(fleet, device, asked, result, false, frame, sizeof(frame)));
}

static void answer(struct fleet *fleet, struct device *device, struct command *command)
{
	command->due = NEVER;
	journal_command(fleet, device, "answered", command->copies, command->sequence,
		command->code, command->mark);
	fleet->transport->send(fleet, device, command->answer, command->length, false);
}

static void answer_wrongly(struct fleet *fleet, struct device *device, const struct asked *asked)
{
	char frame[2048];
	size_t length = answer_frame(fleet, device, asked, 0, true, frame, sizeof(frame));

	fleet->transport->send(fleet, device, frame, length, false);
}

void command_came(struct fleet *fleet, struct device *device, unsigned code, const json_t *body)
{
	struct asked asked = {.code = code, .body = body};
	struct side *side = side_of(device);
	struct command *command = side->commands;

	if (!look_at(fleet, device, &asked))
		return;
	while (command && command->sequence != asked.sequence)
		command = command->next;
	if (command && (command->code != code || strcmp(command->mark, asked.mark))) {
		deviate(fleet, device, BAD_REQUEST, code, "its number was another request's");
		return;
	}
	/* Public firmware does not know 2003. */
	if (code == 2003 && fleet->options.like == LIKE_FIRMWARE)
		return;
	if (!command)
		command = first_time(fleet, device, &asked);
	else
		fleet->figures.command_repeats++;
	command->copies += command->copies < UINT8_MAX;
	if (command->manner == WRONG && command->copies == 1)
		answer_wrongly(fleet, device, &asked);
	else if (command->manner == LATE && command->copies == 1)
		command->due = fleet->now +
			       (uint64_t)(fleet->options.commands.late_by * (double)SECOND) + 1;
	else if (command->manner != SILENT && command->due == NEVER)
		answer(fleet, device, command);
	if (device->state == STATE_LIVE)
		duty_next(fleet, device);
	device_rearm(fleet, device);
}

void command_timer(struct fleet *fleet, struct device *device)
{
	struct command *command = device->side ? device->side->commands : NULL;

	for (; command; command = command->next) {
		if (command->due <= fleet->now)
			answer(fleet, device, command);
	}
}

uint64_t command_wake(const struct device *device)
{
	const struct command *command = device->side ? device->side->commands : NULL;
	uint64_t wake = NEVER;

	for (; command; command = command->next) {
		if (command->due < wake)
			wake = command->due;
	}
	return wake;
}
