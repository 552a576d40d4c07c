/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* hearthctl_print.c - answers about devices and sessions as people read them */
#include "hearthctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COLUMNS_MAX 12

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static long long number_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

/* UTC, as "2026-01-31 12:00:00"; "-" for 0. */
static void time_text(long long seconds, char *out, size_t size)
{
	time_t when = (time_t)seconds;
	struct tm parts;

	if (!seconds || !gmtime_r(&when, &parts) ||
		!strftime(out, size, "%Y-%m-%d %H:%M:%S", &parts))
		snprintf(out, size, "-");
}

static void cell_text(const json_t *row, const char *key, char *out, size_t size)
{
	const json_t *value = json_object_get(row, key);
	size_t length = strlen(key);

	if (json_is_integer(value) && length > 5 && !strcmp(key + length - 5, "_time"))
		time_text(json_integer_value(value), out, size);
	else if (json_is_integer(value))
		snprintf(out, size, "%lld", (long long)json_integer_value(value));
	else if (json_is_real(value))
		snprintf(out, size, "%.1f", json_real_value(value));
	else if (json_is_boolean(value))
		snprintf(out, size, "%s", json_is_true(value) ? "yes" : "no");
	else
		snprintf(out, size, "%s", text_of(row, key)[0] ? text_of(row, key) : "-");
}

/* Characters, not bytes: models may be UTF-8. */
static int width_of(const char *text)
{
	int width = 0;

	for (; *text; text++)
		width += (*text & 0xc0) != 0x80;
	return width;
}

void ctl_print_table(
	const json_t *rows, const struct ctl_column *columns, unsigned count, const char *indent)
{
	int widths[COLUMNS_MAX], line_end = (int)count - 1;
	char cell[160];
	size_t i;
	json_t *row;

	for (unsigned c = 0; c < count; c++) {
		widths[c] = width_of(columns[c].title);
		json_array_foreach(rows, i, row)
		{
			cell_text(row, columns[c].key, cell, sizeof(cell));
			if (width_of(cell) > widths[c])
				widths[c] = width_of(cell);
		}
	}
	json_array_foreach(rows, i, row)
	{
		for (unsigned c = 0; !i && c < count; c++) {
			bool right = json_is_number(json_object_get(row, columns[c].key)) &&
				     !strstr(columns[c].key, "_time");

			printf("%s%*s%s", c ? "  " : indent,
				right                ? widths[c]
				: (int)c == line_end ? 0
						     : -widths[c],
				columns[c].title, (int)c == line_end ? "\n" : "");
		}
		for (unsigned c = 0; c < count; c++) {
			bool right = json_is_number(json_object_get(row, columns[c].key)) &&
				     !strstr(columns[c].key, "_time");
			int padding;

			cell_text(row, columns[c].key, cell, sizeof(cell));
			padding = widths[c] - width_of(cell);
			printf("%s%*s%s%*s", c ? "  " : indent, right ? padding : 0, "", cell,
				right || (int)c == line_end ? 0 : padding, "");
		}
		putchar('\n');
	}
}

/* One object, a line for each member that it has. */
static void print_members(const json_t *object, const struct ctl_column *members, unsigned count)
{
	char cell[160];
	int width = 0;

	for (unsigned i = 0; i < count; i++) {
		if (json_object_get(object, members[i].key) && width_of(members[i].title) > width)
			width = width_of(members[i].title);
	}
	for (unsigned i = 0; i < count; i++) {
		if (!json_object_get(object, members[i].key))
			continue;
		cell_text(object, members[i].key, cell, sizeof(cell));
		printf("%-*s  %s\n", width, members[i].title, cell);
	}
}

void ctl_print_added(const json_t *answer)
{
	printf("added %s (%lld in all)\n", text_of(answer, "id"), number_of(answer, "devices"));
}

void ctl_print_imported(const json_t *answer)
{
	printf("added %lld devices (%lld in all)\n", number_of(answer, "added"),
		number_of(answer, "devices"));
}

void ctl_print_device(const json_t *answer)
{
	static const struct ctl_column members[] = {
		{"device", "id"},
		{"model", "model"},
		{"gateway", "gateway"},
		{"bind password", "bind"},
		{"  in clear", "bind_password"},
		{"PIN", "pin"},
		{"number", "number"},
		{"serial", "serial"},
		{"connected", "connected"},
		{"bound to", "bound_to"},
		{"  on-line there", "online"},
	};

	print_members(
		json_object_get(answer, "device"), members, sizeof(members) / sizeof(members[0]));
}

void ctl_print_devices(const json_t *answer)
{
	static const struct ctl_column columns[] = {
		{"DEVICE", "id"},
		{"MODEL", "model"},
		{"GATEWAY", "gateway"},
		{"BIND", "bind"},
		{"NUMBER", "number"},
		{"CONNECTED", "connected"},
	};
	const json_t *devices = json_object_get(answer, "devices");
	bool broker = json_object_get(json_array_get(devices, 0), "connected");

	ctl_print_table(devices, columns, broker ? 6 : 5, "");
	if (text_of(answer, "next")[0])
		printf("%zu of %lld; go on with --after %s\n", json_array_size(devices),
			number_of(answer, "total"), text_of(answer, "next"));
	else
		printf("%zu of %lld\n", json_array_size(devices), number_of(answer, "total"));
}

void ctl_print_removed(const json_t *answer)
{
	printf("removed %s (%lld in all)\n", text_of(answer, "id"), number_of(answer, "devices"));
	if (text_of(answer, "warning")[0])
		fprintf(stderr, "hearthctl: %s\n", text_of(answer, "warning"));
}

/* A gateway may have more than are shown. */
static void print_subdevices(const json_t *subdevices)
{
	static const struct ctl_column columns[] = {{"SUB-DEVICE", "id"}, {"ON-LINE", "online"}};
	const json_t *shown = json_object_get(subdevices, "shown");

	printf("\n%lld sub-devices are bound to it, %lld on-line", number_of(subdevices, "bound"),
		number_of(subdevices, "online"));
	if ((long long)json_array_size(shown) < number_of(subdevices, "bound"))
		printf("; the first %zu", json_array_size(shown));
	printf("\n");
	ctl_print_table(shown, columns, 2, "  ");
}

void ctl_print_session(const json_t *answer)
{
	static const struct ctl_column members[] = {
		{"device", "device"},
		{"state", "state"},
		{"via", "via"},
		{"peer", "peer"},
		{"session", "session"},
		{"sequence", "sequence"},
		{"count", "count"},
		{"synchronised", "synchronised"},
		{"connected (UTC)", "connect_time"},
		{"logged in (UTC)", "login_time"},
		{"heard, s ago", "seconds_since_heard"},
		{"worker", "worker"},
	};
	const json_t *session = json_object_get(answer, "session");
	const json_t *subdevices = json_object_get(session, "subdevices");
	const json_t *login = json_object_get(answer, "login");
	const json_t *held = json_object_get(answer, "held");
	char until[32];

	print_members(session, members, sizeof(members) / sizeof(members[0]));
	if (subdevices)
		print_subdevices(subdevices);
	if (session && login)
		printf("\nand a login that is not connected yet:\n");
	print_members(login, members, sizeof(members) / sizeof(members[0]));
	if (!held)
		return;
	time_text(number_of(held, "until_time"), until, sizeof(until));
	printf("%sheld down until %s UTC, %lld s more: it reconnected too often\n",
		session || login ? "\n" : "", until, number_of(held, "seconds"));
}

void ctl_print_sessions(const json_t *answer)
{
	static const struct ctl_column columns[] = {
		{"DEVICE", "device"},
		{"VIA", "via"},
		{"PEER", "peer"},
		{"SESSION", "session"},
		{"SEQUENCE", "sequence"},
		{"COUNT", "count"},
		{"HEARD", "seconds_since_heard"},
		{"SYNCHRONISED", "synchronised"},
		{"WORKER", "worker"},
		{"CONNECTED (UTC)", "connect_time"},
	};
	const json_t *sessions = json_object_get(answer, "sessions");

	ctl_print_table(sessions, columns, sizeof(columns) / sizeof(columns[0]), "");
	printf("%zu live sessions%s\n", json_array_size(sessions),
		json_is_integer(json_object_get(answer, "next"))
			? " shown, there may be more: --limit"
			: "");
}

void ctl_print_kicked(const json_t *answer)
{
	printf("session %lld of %s is being ended\n", number_of(answer, "session"),
		text_of(answer, "id"));
}
