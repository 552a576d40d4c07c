/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* control_drops.c - what was not taken, by reason; what became of commands: out of the sums */
#include "control/control_private.h"

#include <string.h>

/* A counter says by its name that something was not taken. */
static bool is_drop(const char *name)
{
	static const char *const parts[] = {"drop", "full", "refuse", "bad", "limit", "no_chunk",
		"close_frame", "no_buffer", "missed", "errors", "segmented", "port_rx_vlan"};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (strstr(name, parts[i]))
			return true;
	}
	return false;
}

uint64_t control_drops_of(const struct counter_info *info, const uint64_t *values, unsigned count)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < count; i++) {
		if (is_drop(info[i].name))
			sum += counter_read(&values[i]);
	}
	return sum;
}

static void add_layer(json_t *drops, const char *layer, const json_t *counters)
{
	json_t *into = json_object_get(drops, layer), *value;
	const char *name;

	json_object_foreach((json_t *)counters, name, value)
	{
		if (!is_drop(name))
			continue;
		if (!into) {
			into = json_object();
			json_object_set_new(drops, layer, into);
		}
		json_object_set_new(into, name,
			json_integer(json_integer_value(json_object_get(into, name)) +
				     json_integer_value(value)));
	}
}

json_t *control_drops(const json_t *sums, const json_t *ports)
{
	json_t *drops = json_object(), *counters, *port;
	const char *layer;
	size_t i;

	json_object_foreach((json_t *)sums, layer, counters) add_layer(drops, layer, counters);
	json_array_foreach((json_t *)ports, i, port)
		add_layer(drops, "port", json_object_get(port, "counters"));
	return drops;
}

json_t *control_outcomes(const json_t *sums)
{
	static const char given_up[] = "undelivered_";
	json_t *outcomes = json_object(), *counters, *value;
	const char *layer, *name;

	json_object_foreach((json_t *)sums, layer, counters)
	{
		json_object_foreach(counters, name, value)
		{
			const char *outcome = NULL;

			if (!strcmp(name, "responses"))
				outcome = "answered";
			else if (!strncmp(name, given_up, sizeof(given_up) - 1))
				outcome = name + sizeof(given_up) - 1;
			if (outcome)
				json_object_set_new(outcomes, outcome,
					json_integer(json_integer_value(
							     json_object_get(outcomes, outcome)) +
						     json_integer_value(value)));
		}
	}
	return outcomes;
}
