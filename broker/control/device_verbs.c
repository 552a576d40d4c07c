/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* device_verbs.c - device add, import, show and list */
#include "control/device_verbs.h"
#include "control/control_private.h"
#include "control/device_remove.h"
#include "registry/csv.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What people hear when the store says no. */
static json_t *refuse_store(int rc, const char *what)
{
	if (rc == -ENOSPC)
		return control_refuse("raise limits.devices and start again, or free disk space",
			"%s: the registry is full, or its disk", what);
	return control_refuse("look at the registry's disk, then start the broker again",
		"%s: the registry cannot be written (%s)", what, strerror(-rc));
}

/* A text member into its place in a record. Return: false if it is too long. */
static bool put_text(char *to, size_t size, const char *text)
{
	size_t length = strlen(text);

	if (length >= size)
		return false;
	memcpy(to, text, length + 1);
	return true;
}

/* Make stored devices known to the workers. Return: 0, or the first error. */
static int publish(struct broker_view *view, const struct device_record *records, size_t count)
{
	int rc = 0;

	for (size_t i = 0; view && i < count; i++) {
		int one = registry_add(view->registry, &records[i]);

		rc = rc ? rc : one;
	}
	return rc;
}

static json_t *refuse_publish(int rc)
{
	return control_refuse("start the broker again, with more memory or a higher limits.devices",
		"stored, but the running broker could not take it over (%s)", strerror(-rc));
}

static json_t *add(struct store *store, struct broker_view *view, json_t *request, int file)
{
	const char *verb, *id, *pin, *bind = "", *model = "", *gateway = "", *wrong;
	struct device_record record = {0};
	size_t failed;
	json_t *answer;
	int rc;

	answer = control_unpack(request, "{s:s, s:s, s:s, s?s, s?s, s?s}", "verb", &verb, "id", &id,
		"pin", &pin, "bind_password", &bind, "model", &model, "gateway", &gateway);
	if (answer)
		return answer;
	wrong = !put_text(record.id, sizeof(record.id), id) ? "the id is longer than 64 bytes"
		: strlen(pin) != DEVICE_PIN_BYTES           ? "the PIN is not 32 bytes long"
		: !put_text(record.bind_password, sizeof(record.bind_password), bind)
			? "the bind password is longer than 8 bytes"
		: !put_text(record.model, sizeof(record.model), model)
			? "the model is longer than 64 bytes"
		: !put_text(record.gateway, sizeof(record.gateway), gateway)
			? "the gateway's id is longer than 64 bytes"
			: NULL;
	if (!wrong) {
		memcpy(record.pin, pin, DEVICE_PIN_BYTES);
		wrong = device_record_check(&record);
	}
	if (wrong) {
		answer = control_refuse("correct it and try again", "device not added: %s", wrong);
		goto out;
	}
	rc = store_add(store, &record, 1, &failed);
	if (rc == -EEXIST)
		answer = control_refuse("remove it first, or choose another id",
			"device \"%s\" is provisioned already", id);
	else if (rc < 0)
		answer = refuse_store(rc, "device not added");
	if (rc < 0)
		goto out;
	rc = publish(view, &record, 1);
	answer = rc < 0 ? refuse_publish(rc)
			: json_pack("{s:b, s:s, s:I, s:I}", "ok", 1, "id", id, "number",
				  (json_int_t)record.number, "devices",
				  (json_int_t)store_count(store));
out:
	explicit_bzero(&record, sizeof(record));
	return answer;
}

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

static json_t *import_rows(
	struct store *store, struct broker_view *view, const char *name, struct csv_devices *rows)
{
	size_t failed = 0;
	int rc = store_add(store, rows->records, rows->count, &failed);

	if (rc == -EEXIST || rc == -EINVAL)
		return control_refuse("no row was added: correct the file and try again",
			"%s:%" PRIu32 ": device \"%s\" %s", name,
			failed < rows->count ? rows->lines[failed] : 0,
			failed < rows->count ? rows->records[failed].id : "",
			rc == -EEXIST ? "is provisioned already, or stands twice in the file"
				      : "is not well-formed");
	if (rc < 0)
		return refuse_store(rc, "no row was added");
	rc = publish(view, rows->records, rows->count);
	if (rc < 0)
		return refuse_publish(rc);
	return json_pack("{s:b, s:I, s:I}", "ok", 1, "added", (json_int_t)rows->count, "devices",
		(json_int_t)store_count(store));
}

static json_t *import(struct store *store, struct broker_view *view, json_t *request, int file)
{
	const char *verb, *name = "file";
	struct csv_devices rows = {0};
	json_t *answer = NULL;
	char error[512] = "";
	FILE *in;

	answer = control_unpack(request, "{s:s, s?s}", "verb", &verb, "name", &name);
	if (answer)
		return answer;
	in = open_import(file, &answer);
	if (!in)
		return answer;
	if (csv_read(in, name, view ? view->config->limits.devices : 0, &rows, error,
		    sizeof(error)) < 0)
		answer = control_refuse(
			"no row was added: correct the file and try again", "%s", error);
	else if (!rows.count)
		answer = control_refuse(
			"add rows below the header", "%s: there is no device in it", name);
	else
		answer = import_rows(store, view, name, &rows);
	csv_free(&rows);
	fclose(in);
	return answer;
}

static json_t *device_json(
	struct broker_view *view, const struct device_record *record, bool secrets)
{
	json_t *device = json_pack("{s:s, s:s, s:s, s:b, s:I, s:I}", "id", record->id, "model",
		record->model, "gateway", record->gateway, "bind", record->bind_password[0] != '\0',
		"number", (json_int_t)record->number, "serial", (json_int_t)record->serial);
	struct device *known;

	if (!device)
		return NULL;
	if (secrets) {
		json_object_set_new(device, "pin", json_stringn(record->pin, DEVICE_PIN_BYTES));
		json_object_set_new(device, "bind_password", json_string(record->bind_password));
	}
	if (view) {
		known = registry_find(view->registry, record->id, (uint32_t)strlen(record->id));
		json_object_set_new(
			device, "connected", json_boolean(known && control_connected(view, known)));
		if (known)
			control_binding(view, known, device);
	}
	return device;
}

static json_t *show(struct store *store, struct broker_view *view, json_t *request, int file)
{
	struct device_record record = {0};
	const char *verb, *id;
	json_t *answer;
	int secrets = 0, rc;

	answer = control_unpack(
		request, "{s:s, s:s, s?b}", "verb", &verb, "id", &id, "secrets", &secrets);
	if (answer)
		return answer;
	rc = store_get(store, id, &record);
	if (rc == -ENOENT)
		answer = control_refuse("hearthctl device list shows those that are provisioned",
			"no device \"%s\"", id);
	else if (rc < 0)
		answer = control_refuse("restore the registry from a backup",
			"device \"%s\" cannot be read (%s)", id, strerror(-rc));
	else
		answer = json_pack(
			"{s:b, s:o}", "ok", 1, "device", device_json(view, &record, secrets));
	explicit_bzero(&record, sizeof(record));
	return answer;
}

struct listing {
	struct broker_view *view;
	json_t *devices;
	size_t limit;
	bool more;
};

static bool list_one(void *context, const struct device_record *record)
{
	struct listing *listing = context;

	if (json_array_size(listing->devices) == listing->limit) {
		listing->more = true;
		return false;
	}
	json_array_append_new(listing->devices, device_json(listing->view, record, false));
	return true;
}

static json_t *list(struct store *store, struct broker_view *view, json_t *request, int file)
{
	struct listing listing = {.view = view};
	const char *verb, *after = NULL;
	json_int_t limit = 100;
	json_t *answer, *last;
	int64_t rc;

	answer = control_unpack(
		request, "{s:s, s?s, s?I}", "verb", &verb, "after", &after, "limit", &limit);
	if (answer)
		return answer;
	if (limit < 1 || limit > DEVICE_LIST_MAX)
		return control_refuse("ask for fewer, then go on after \"next\"",
			"limit must be 1..%d", DEVICE_LIST_MAX);
	listing.devices = json_array();
	listing.limit = (size_t)limit;
	rc = store_each(store, after, list_one, &listing);
	if (rc < 0) {
		json_decref(listing.devices);
		return control_refuse("restore the registry from a backup",
			"the registry cannot be read (%s)", strerror((int)-rc));
	}
	last = json_array_get(listing.devices, json_array_size(listing.devices) - 1);
	return json_pack("{s:b, s:o, s:O?, s:I}", "ok", 1, "devices", listing.devices, "next",
		listing.more ? json_object_get(last, "id") : NULL, "total",
		(json_int_t)store_count(store));
}

json_t *device_verb(struct store *store, struct broker_view *view, json_t *request, int file)
{
	static const struct {
		const char *name;
		json_t *(*run)(
			struct store *store, struct broker_view *view, json_t *request, int file);
	} verbs[] = {
		{"device add", add},
		{"device import", import},
		{"device show", show},
		{"device list", list},
		{"device remove", device_remove},
	};
	const char *verb = json_string_value(json_object_get(request, "verb"));

	for (size_t i = 0; verb && i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (!strcmp(verb, verbs[i].name))
			return verbs[i].run(store, view, request, file);
	}
	return NULL;
}
