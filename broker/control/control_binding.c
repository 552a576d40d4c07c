/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* control_binding.c - looking at sub-devices: of a gateway, of one device, of all */

#include "control/control_private.h"

/* Sub-devices of a gateway in one answer. */
#define SUBDEVICES_MAX 100

struct listing {
	const struct broker_view *view;
	json_t *shown;
	json_int_t online;
};

static bool list_one(void *context, uint32_t number, uint32_t serial, bool online)
{
	struct listing *listing = context;
	const struct device *device = registry_at(listing->view->registry, number);

	listing->online += online;
	if (device && device->serial == serial && json_array_size(listing->shown) < SUBDEVICES_MAX)
		json_array_append_new(
			listing->shown, json_pack("{s:s%, s:b}", "id", device_id(device),
						(size_t)device->id_length, "online", online));
	return true;
}

json_t *control_subdevices(const struct broker_view *view, const struct device *gateway)
{
	struct listing listing = {.view = view, .shown = json_array()};
	uint32_t bound = 0;

	if (view->bindings)
		bound = binding_each(view->bindings, gateway->number, list_one, &listing);
	if (!bound) {
		json_decref(listing.shown);
		return NULL;
	}
	return json_pack("{s:I, s:I, s:o}", "bound", (json_int_t)bound, "online", listing.online,
		"shown", listing.shown);
}

void control_binding(const struct broker_view *view, const struct device *device, json_t *json)
{
	const struct device *gateway;
	uint32_t number;

	if (!view->bindings)
		return;
	number = binding_gateway(view->bindings, device->number, device->serial);
	gateway = number == DEVICE_NONE ? NULL : registry_at(view->registry, number);
	if (!gateway)
		return;
	json_object_set_new(json, "bound_to", json_stringn(device_id(gateway), gateway->id_length));
	json_object_set_new(json, "online",
		json_boolean(binding_is_online(view->bindings, device->number, device->serial)));
}

json_t *control_bindings(const struct broker_view *view)
{
	const struct binding_table *table = view->bindings;

	if (!table)
		return NULL;
	return json_pack("{s:I, s:I, s:I, s:I}", "bound", (json_int_t)binding_count(table),
		"online", (json_int_t)binding_online(table), "limit",
		(json_int_t)binding_limit(table), "bytes", (json_int_t)binding_bytes(table));
}
