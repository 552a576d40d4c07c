/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* device_import.c - device import: a file's rows into the store, all or none */
#include "control/device_import.h"
#include "control/control_private.h"
#include "control/device_verbs.h"
#include "registry/csv.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Rows go one by one from the file into one transaction, and into the places of the workers' table
 * where nobody finds them before it is committed: memory does not grow with the file.
 */

static const char correct_it[] = "no row was added: correct the file and try again";

/**
 * struct import - an import under way
 * @registry: the running broker's table, NULL if there is none
 * @limit: most rows, 0: no limit
 * @rows: that were taken; @there: devices before
 * @wrong: what is wrong with a row; "": nothing is
 * @staging: what the table said
 */
struct import {
	struct csv csv;
	FILE *file;
	const char *name;
	struct device_record record;
	struct registry *registry;
	uint32_t limit, rows, there;
	char wrong[512];
	int staging;
};

/* The descriptor may be anything that a client has: only a plain file cannot make us wait. */
static FILE *open_import(int file, json_t **refusal)
{
	struct stat about;
	FILE *out;
	int copy;

	if (file < 0 || fstat(file, &about) < 0) {
		*refusal = control_refuse(
			"use hearthctl device import FILE.csv", "no file came with the request");
		return NULL;
	}
	if (!S_ISREG(about.st_mode) || (fcntl(file, F_GETFL) & O_ACCMODE) == O_WRONLY) {
		*refusal = control_refuse("write the devices to a file first",
			"device import takes a plain, readable file");
		return NULL;
	}
	if (about.st_size > DEVICE_IMPORT_MAX) {
		*refusal = control_refuse("split it", "the file is larger than %jd bytes",
			(intmax_t)DEVICE_IMPORT_MAX);
		return NULL;
	}
	copy = fcntl(file, F_DUPFD_CLOEXEC, 0);
	out = copy >= 0 ? fdopen(copy, "r") : NULL;
	if (!out) {
		*refusal =
			control_refuse("try again", "the file cannot be read: %s", strerror(errno));
		if (copy >= 0)
			close(copy);
	}
	return out;
}

static int next_row(void *context, struct device_record **record)
{
	struct import *import = context;
	const int rc = csv_next(&import->csv, &import->record);

	if (rc != 1)
		return rc;
	if (import->limit && import->rows == import->limit) {
		snprintf(import->wrong, sizeof(import->wrong),
			"%s:%" PRIu32 ": more than %u devices", import->name, import->csv.row,
			import->limit);
		return -E2BIG;
	}
	import->rows++;
	*record = &import->record;
	return 1;
}

static int stage_row(void *context, const struct device_record *record)
{
	struct import *import = context;

	/* limits.devices may have been lowered, below what the store and the table can hold */
	if (import->there + import->rows > import->limit)
		return -ENOSPC;
	import->staging = registry_stage(import->registry, record);
	return import->staging;
}

/* The line on which an id stands first in the file, from @start; 0 if it cannot be read again. */
static uint32_t first_line(struct import *import, off_t start, const char *id)
{
	struct device_record record;
	char unused[512];
	uint32_t line = 0;
	int rc;

	if (fseeko(import->file, start, SEEK_SET) < 0)
		return 0;
	rc = csv_begin(&import->csv, import->file, import->name, unused, sizeof(unused));
	while (rc >= 0 && !line && (rc = csv_next(&import->csv, &record)) == 1) {
		if (strcmp(record.id, id) == 0)
			line = import->csv.row;
	}
	csv_end(&import->csv);
	explicit_bzero(&record, sizeof(record));
	return line;
}

/* An id that is there already: in the store, or only in the transaction that was undone. */
static json_t *refuse_known(struct store *store, struct import *import, off_t start)
{
	const char *id = import->record.id;
	const uint32_t row = import->csv.row;
	struct device_record known;
	const int rc = store_get(store, id, &known);

	explicit_bzero(&known, sizeof(known));
	if (rc == -ENOENT)
		return control_refuse(correct_it,
			"%s:%" PRIu32 ": the device of line %" PRIu32 " stands here again",
			import->name, row, first_line(import, start, id));
	return control_refuse(correct_it, "%s:%" PRIu32 ": device \"%s\" is provisioned already",
		import->name, row, id);
}

static json_t *refuse_rows(int rc, struct store *store, struct import *import, off_t start)
{
	if (import->wrong[0])
		return control_refuse(correct_it, "%s", import->wrong);
	if (import->staging < 0)
		return control_refuse("start the broker again, with more memory or a higher "
				      "limits.devices",
			"no row was added: the running broker could not take over line %" PRIu32
			" (%s)",
			import->csv.row, strerror(-import->staging));
	if (rc == -EEXIST)
		return refuse_known(store, import, start);
	return device_refuse_store(rc, "no row was added");
}

static json_t *import_rows(struct store *store, struct import *import)
{
	const struct store_source source = {.next = next_row,
		.numbered = import->registry ? stage_row : NULL,
		.context = import};
	const off_t start = ftello(import->file);
	int64_t rc = csv_begin(
		&import->csv, import->file, import->name, import->wrong, sizeof(import->wrong));

	if (rc == 0)
		rc = store_add_each(store, &source);
	csv_end(&import->csv);
	if (import->registry && rc < 0)
		registry_unstage(import->registry);
	else if (import->registry)
		registry_publish(import->registry);
	if (rc < 0)
		return refuse_rows((int)rc, store, import, start);
	if (rc == 0)
		return control_refuse(
			"add rows below the header", "%s: there is no device in it", import->name);
	return json_pack("{s:b, s:I, s:I}", "ok", 1, "added", (json_int_t)rc, "devices",
		(json_int_t)store_count(store));
}

json_t *device_import(struct store *store, struct broker_view *view, json_t *request, int file)
{
	struct import import = {.name = "file",
		.registry = view ? view->registry : NULL,
		.limit = view ? view->config->limits.devices : 0,
		.there = (uint32_t)store_count(store)};
	json_t *answer = NULL;
	const char *verb;

	answer = control_unpack(request, "{s:s, s?s}", "verb", &verb, "name", &import.name);
	if (answer)
		return answer;
	import.file = open_import(file, &answer);
	if (!import.file)
		return answer;
	answer = import_rows(store, &import);
	explicit_bzero(&import.record, sizeof(import.record));
	fclose(import.file);
	return answer;
}
