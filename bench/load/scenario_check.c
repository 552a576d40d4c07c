/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* scenario_check.c - do the keys of a scenario fit together? */
#include "scenario_check.h"

/* The node that @outer, or @inner in it, has in the file; else the nearest around it. */
static const yaml_node_t *place(
	struct config_reader *reader, const yaml_node_t *root, const char *outer, const char *inner)
{
	const yaml_node_t *node = config_child(reader, root, outer), *deeper = NULL;

	if (!node)
		return root;
	if (inner && node->type == YAML_MAPPING_NODE)
		deeper = config_child(reader, node, inner);
	return deeper ? deeper : node;
}

static int check_load(
	struct config_reader *reader, const yaml_node_t *root, const struct scenario *scenario)
{
	const yaml_node_t *search = place(reader, root, "load", "search");

	if (scenario->load == SCENARIO_NONE)
		return config_refuse(reader, root,
			"load is missing: add load: {rate: R} with reports/s, or another of its "
			"ways");
	if (scenario->load != SCENARIO_SEARCH)
		return 0;
	if (!scenario->search.from)
		return config_refuse(reader, search,
			"load.search.from is missing: add the reports/s of the first trial");
	if (!scenario->search.to)
		return config_refuse(reader, search,
			"load.search.to is missing: add the most reports/s to be tried");
	if (scenario->search.from > scenario->search.to)
		return config_refuse(reader, search,
			"load.search.from is %.15g and to %.15g: from must not be more than to",
			scenario->search.from, scenario->search.to);
	return 0;
}

static int check_transport(
	struct config_reader *reader, const yaml_node_t *root, const struct scenario *scenario)
{
	const struct scenario_faults *faults = &scenario->faults;

	if (scenario->transport == SCENARIO_UDP &&
		scenario_largest(scenario) > SCENARIO_DATAGRAM_MOST)
		return config_refuse(reader, place(reader, root, "report", "bytes"),
			"report.bytes is %u, and a datagram holds %u: less, or transport: tcp",
			scenario_largest(scenario), SCENARIO_DATAGRAM_MOST);
	if (scenario->transport == SCENARIO_UDP && faults->slow_readers.share > 0)
		return config_refuse(reader, place(reader, root, "faults", "slow_readers"),
			"faults.slow_readers needs transport: tcp: nothing waits for a datagram's "
			"reader");
	if (scenario->transport == SCENARIO_TCP && scenario->prepared)
		return config_refuse(reader, place(reader, root, "prepared", NULL),
			"prepared needs transport: udp: TCP sends no faster than it is read");
	if (scenario->offered != 1 && !scenario->prepared)
		return config_refuse(reader, place(reader, root, "offered", NULL),
			"offered needs prepared: true: reports made one by one are not that many");
	return 0;
}

static int check_faults(
	struct config_reader *reader, const yaml_node_t *root, const struct scenario *scenario)
{
	const struct scenario_faults *faults = &scenario->faults;

	if (faults->storm.devices > scenario->devices)
		return config_refuse(reader, place(reader, root, "faults", "storm"),
			"faults.storm.devices is %u: it must not be more than devices, %u",
			faults->storm.devices, scenario->devices);
	if (faults->storm.devices && faults->storm.at >= scenario->seconds)
		return config_refuse(reader, place(reader, root, "faults", "storm"),
			"faults.storm.at is %.15g: it must be less than seconds, %.15g",
			faults->storm.at, scenario->seconds);
	if (faults->hot_gateway.share > 0 && !faults->hot_gateway.subdevices)
		return config_refuse(reader, place(reader, root, "faults", "hot_gateway"),
			"faults.hot_gateway.subdevices is missing: add how many it has");
	if (scenario_disturbed(scenario) && scenario->load == SCENARIO_SEARCH)
		return config_refuse(reader, place(reader, root, "faults", NULL),
			"faults need load: {rate: R}: with them there is no rate without loss to "
			"search");
	return 0;
}

int scenario_check(
	struct config_reader *reader, const yaml_node_t *root, const struct scenario *scenario)
{
	int rc = 0;

	if (!scenario->name)
		return config_refuse(reader, root, "name is missing: add name: and a word");
	rc = check_load(reader, root, scenario);
	if (rc == 0)
		rc = check_transport(reader, root, scenario);
	return rc < 0 ? rc : check_faults(reader, root, scenario);
}

uint32_t scenario_largest(const struct scenario *scenario)
{
	uint32_t most = 0;

	for (uint32_t i = 0; i < scenario->report.sizes; i++) {
		if (scenario->report.bytes[i] > most)
			most = scenario->report.bytes[i];
	}
	return most;
}

bool scenario_disturbed(const struct scenario *scenario)
{
	const struct scenario_faults *faults = &scenario->faults;

	return faults->loss > 0 || faults->slow_readers.share > 0 ||
	       faults->rebind.per_second > 0 || faults->hostile.share > 0 || faults->storm.devices;
}
