/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* device_verbs.c - device add, show and list */
#include "control/device_verbs.h"
#include "control/control_private.h"
#include "control/device_import.h"
#include "control/device_remove.h"

#include <errno.h>
#include <string.h>

json_t *device_refuse_store(int rc, const char *what)
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

static json_t *refuse_publish(int rc)
{
	return control_refuse("start the broker again, with more memory or a higher limits.devices",
		"stored, but the running broker could not take it over (%s)", strerror(-rc));
}

/* limits.devices may have been lowered, below what the store can hold. */
static bool is_full(struct store *store, const struct broker_view *view)
{
	return view && store_count(store) >= view->config->limits.devices;
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
	rc = is_full(store, view) ? -ENOSPC : store_add(store, &record, 1, &failed);
	if (rc == -EEXIST)
		answer = control_refuse("remove it first, or choose another id",
			"device \"%s\" is provisioned already", id);
	else if (rc < 0)
		answer = device_refuse_store(rc, "device not added");
	if (rc < 0)
		goto out;
	rc = view ? registry_add(view->registry, &record) : 0;
	answer = rc < 0 ? refuse_publish(rc)
			: json_pack("{s:b, s:s, s:I, s:I}", "ok", 1, "id", id, "number",
				  (json_int_t)record.number, "devices",
				  (json_int_t)store_count(store));
out:
	explicit_bzero(&record, sizeof(record));
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
		{"device import", device_import},
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
