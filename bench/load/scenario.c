/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* scenario.c - a scenario file by tables of its keys, and the keys of --set */
#include "scenario.h"

#include "config_yaml.h"
#include "scenario_check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SET_MAX 256 /* characters of one --set */

static const char *const transports[] = {"tcp", "udp", NULL};
static const char *const orders[] = {"random", "sequence", NULL};
static const char *const booleans[] = {"false", "true", NULL};

/* What the broker answers by itself once the event is safe (5.4): one report, one event. */
static const uint16_t codes[] = {2006, 2008, 2010, 2028, 2032};

static int read_code(
	struct config_reader *reader, const char *name, const yaml_node_t *node, void *object)
{
	struct scenario *scenario = object;
	char quoted[48];
	uint64_t code;
	int rc = config_number(reader, name, node, false, 0, UINT16_MAX, "", &code);

	for (size_t i = 0; rc == 0 && i < sizeof(codes) / sizeof(*codes); i++) {
		if (codes[i] == code) {
			scenario->report.code = codes[i];
			return 0;
		}
	}
	return rc < 0 ? rc
		      : config_refuse(reader, node,
				"%s is %s: it must be 2006, 2008, 2010, 2028 or 2032", name,
				config_quote(node, quoted));
}

static int read_size(struct config_reader *reader, const char *name, const yaml_node_t *node,
	struct scenario *scenario)
{
	uint64_t bytes;
	int rc = config_number(reader, name, node, false, SCENARIO_BYTES_LEAST, SCENARIO_BYTES_MOST,
		"bytes of JSON", &bytes);

	if (rc == 0)
		scenario->report.bytes[scenario->report.sizes++] = (uint32_t)bytes;
	return rc;
}

/* A number, or a list of them. */
static int read_bytes(
	struct config_reader *reader, const char *name, const yaml_node_t *node, void *object)
{
	struct scenario *scenario = object;
	char item[CONFIG_NAME_MAX];
	int items, rc = 0;

	scenario->report.sizes = 0;
	if (node->type != YAML_SEQUENCE_NODE)
		return read_size(reader, name, node, scenario);
	items = config_list(reader, name, node, 1, SCENARIO_SIZES_MAX, "sizes in bytes");
	if (items < 0)
		return items;
	for (int i = 0; i < items && rc == 0; i++) {
		snprintf(item, sizeof(item), "%s[%d]", name, i);
		rc = read_size(reader, item, config_item(reader, node, (unsigned)i), scenario);
	}
	return rc;
}

static int read_latency_at(
	struct config_reader *reader, const char *name, const yaml_node_t *node, void *object)
{
	struct scenario *scenario = object;
	char item[CONFIG_NAME_MAX];
	int items, rc = 0;

	items = config_list(reader, name, node, 0, SCENARIO_LATENCIES_MAX, "shares of the rate");
	if (items < 0)
		return items;
	scenario->latencies = (uint32_t)items;
	for (int i = 0; i < items && rc == 0; i++) {
		snprintf(item, sizeof(item), "%s[%d]", name, i);
		rc = config_real(reader, item, config_item(reader, node, (unsigned)i), 0.01, 1, "",
			&scenario->latency_at[i]);
	}
	return rc;
}

/* Exactly one way of offering reports. */
static int read_load(
	struct config_reader *reader, const char *name, const yaml_node_t *node, void *object)
{
	struct scenario *scenario = object;
	unsigned ways = 0;

	if (config_child(reader, node, "rate") && ++ways)
		scenario->load = SCENARIO_RATE;
	if (config_child(reader, node, "search") && ++ways)
		scenario->load = SCENARIO_SEARCH;
	if (config_child(reader, node, "closed") && ++ways)
		scenario->load = SCENARIO_CLOSED;
	if (ways != 1)
		return config_refuse(reader, node,
			"%s has %s of rate, search and closed: it must have one", name,
			ways ? "more than one" : "none");
	return 0;
}

#define AT(member) .offset = offsetof(struct scenario, member), .width = sizeof_member(member)
#define sizeof_member(member) sizeof(((struct scenario *)0)->member)
#define WHOLE(name, member, low, high, what)                                                       \
	{                                                                                          \
		.key = name, .kind = FIELD_NUMBER, AT(member), .minimum = low, .maximum = high,    \
		.unit = what                                                                       \
	}
#define REAL(name, member, low, high, what)                                                        \
	{                                                                                          \
		.key = name, .kind = FIELD_REAL, AT(member), .least = low, .most = high,           \
		.unit = what                                                                       \
	}
#define WORD(name, member, known)                                                                  \
	{                                                                                          \
		.key = name, .kind = FIELD_WORD, AT(member), .words = known                        \
	}
#define MAP(name, table)                                                                           \
	{                                                                                          \
		.key = name, .kind = FIELD_MAP, .fields = table                                    \
	}

#define RATE_MOST 1e8
#define SECONDS_MOST 86400
#define DEVICES_MOST 16000000

static const struct config_field login_fields[] = {
	REAL("rate", login.rate, 0, RATE_MOST, "logins/s"),
	WHOLE("at_once", login.at_once, 1, 1000000, "logins"),
	{.key = NULL},
};

static const struct config_field report_fields[] = {
	{.key = "bytes", .kind = FIELD_READ, .read = read_bytes},
	{.key = "code", .kind = FIELD_READ, .read = read_code},
	{.key = NULL},
};

static const struct config_field search_fields[] = {
	REAL("from", search.from, 1, RATE_MOST, "reports/s"),
	REAL("to", search.to, 1, RATE_MOST, "reports/s"),
	REAL("seconds", search.seconds, 0.1, SECONDS_MOST, "seconds"),
	WHOLE("repeat", search.repeat, 1, 100, "trials"),
	REAL("precision", search.precision, 0.0001, 0.5, ""),
	REAL("within", search.within, 0, SECONDS_MOST, "seconds"),
	{.key = NULL},
};

static const struct config_field load_fields[] = {
	REAL("rate", rate, 0, RATE_MOST, "reports/s"),
	MAP("search", search_fields),
	WHOLE("closed", outstanding, 1, DEVICES_MOST, "outstanding reports"),
	{.key = NULL},
};

static const struct config_field slow_fields[] = {
	REAL("share", faults.slow_readers.share, 0, 1, ""),
	WHOLE("stall_ms", faults.slow_readers.stall_ms, 1, 60000, "ms"),
	{.key = NULL},
};

static const struct config_field rebind_fields[] = {
	REAL("per_second", faults.rebind.per_second, 0, RATE_MOST, "devices/s"),
	{.key = NULL},
};

static const struct config_field hostile_fields[] = {
	REAL("share", faults.hostile.share, 0, 0.99, ""),
	{.key = NULL},
};

static const struct config_field storm_fields[] = {
	WHOLE("devices", faults.storm.devices, 0, DEVICES_MOST, "devices"),
	REAL("at", faults.storm.at, 0, SECONDS_MOST, "seconds"),
	{.key = NULL},
};

static const struct config_field gateway_fields[] = {
	WHOLE("subdevices", faults.hot_gateway.subdevices, 0, 1000, "sub-devices"),
	REAL("share", faults.hot_gateway.share, 0, 1, ""),
	{.key = NULL},
};

static const struct config_field fault_fields[] = {
	REAL("loss", faults.loss, 0, 0.5, ""),
	MAP("slow_readers", slow_fields),
	MAP("rebind", rebind_fields),
	MAP("hostile", hostile_fields),
	MAP("storm", storm_fields),
	MAP("hot_gateway", gateway_fields),
	{.key = NULL},
};

static const struct config_field fields[] = {
	{.key = "name", .kind = FIELD_TEXT, AT(name)},
	WHOLE("devices", devices, 1, DEVICES_MOST, "devices"),
	WHOLE("seed", seed, 0, UINT32_MAX, ""),
	WORD("transport", transport, transports),
	MAP("login", login_fields),
	MAP("report", report_fields),
	WHOLE("heartbeat", heartbeat, 0, 3600, "seconds"),
	WORD("order", order, orders),
	{.key = "load", .kind = FIELD_MAP, .fields = load_fields, .read = read_load},
	REAL("seconds", seconds, 0.1, SECONDS_MOST, "seconds"),
	REAL("warmup", warmup, 0, 3600, "seconds"),
	REAL("drain", drain, 0, 600, "seconds"),
	{.key = "latency_at", .kind = FIELD_READ, .read = read_latency_at},
	MAP("faults", fault_fields),
	WORD("prepared", prepared, booleans),
	REAL("offered", offered, 0.01, 100, "times the peak"),
	{.key = "feed", .kind = FIELD_TEXT, AT(feed)},
	{.key = "control", .kind = FIELD_TEXT, AT(control)},
	{.key = NULL},
};

static const struct scenario defaults = {
	.devices = 100000,
	.seed = 1,
	.login.at_once = 512,
	.report = {.bytes = {300}, .sizes = 1, .code = 2006},
	.search = {.seconds = 2, .repeat = 2, .precision = 0.01},
	.seconds = 10,
	.warmup = 1,
	.latency_at = {0.5, 0.9},
	.latencies = 2,
	.faults.slow_readers.stall_ms = 500,
	.offered = 1,
};

/* "a.b=1" as the document "{a: {b: 1}}", which the same tables read. */
static int spell(const char *set, char *text, size_t size)
{
	const char *equals = strchr(set, '=');
	size_t used = 0, braces = 1;

	if (!equals || equals == set || strlen(set) > SET_MAX)
		return -EINVAL;
	if (strncmp(set, "rate=", 5) == 0)
		used = (size_t)snprintf(text, size, "{load: {rate: ");
	else
		text[used++] = '{';
	if (used > 1) {
		braces++;
	} else {
		for (const char *at = set; at < equals; at++) {
			if (*at == '.') {
				memcpy(text + used, ": {", 3);
				used += 3;
				braces++;
			} else if ((*at >= 'a' && *at <= 'z') || *at == '_') {
				text[used++] = *at;
			} else {
				return -EINVAL;
			}
		}
		memcpy(text + used, ": ", 2);
		used += 2;
	}
	used += (size_t)snprintf(text + used, size - used, "%s", equals + 1);
	while (braces--)
		text[used++] = '}';
	text[used] = '\0';
	return 0;
}

static int apply(struct scenario *scenario, const char *set, char *error, size_t size)
{
	char text[4 * SET_MAX + 64], name[SET_MAX + 16];
	struct config_reader reader = {
		.file = name, .needs = "KEY=VALUE", .error = error, .size = size};
	size_t length;
	int rc;

	length = (size_t)snprintf(name, sizeof(name), "--set %.*s", SET_MAX, set);
	if (spell(set, text, sizeof(text)) < 0) {
		snprintf(error, size, "%s: it must be KEY=VALUE, as devices=1000 or load.rate=5e5",
			name);
		return -EINVAL;
	}
	rc = config_yaml_parse(&reader, (const unsigned char *)text, strlen(text));
	if (rc == 0) {
		rc = config_map(&reader, "", yaml_document_get_root_node(&reader.document), fields,
			scenario);
		config_yaml_close(&reader);
	}
	/* a line number would say nothing about an argument */
	if (rc < 0 && strncmp(error, name, length) == 0 && strncmp(error + length, ":1:", 3) == 0)
		memmove(error + length, error + length + 2, strlen(error + length + 2) + 1);
	return rc;
}

int scenario_load(const char *path, const char *const *set, unsigned sets,
	struct scenario *scenario, char *error, size_t size)
{
	struct config_reader reader = {
		.file = path, .needs = "a name and a load at least", .error = error, .size = size};
	const yaml_node_t *root;
	int rc;

	if (size)
		error[0] = '\0';
	*scenario = defaults;
	rc = config_yaml_open(&reader);
	if (rc < 0)
		return rc;
	root = yaml_document_get_root_node(&reader.document);
	rc = config_map(&reader, "", root, fields, scenario);
	for (unsigned i = 0; i < sets && rc == 0; i++)
		rc = apply(scenario, set[i], error, size);
	if (rc == 0)
		rc = scenario_check(&reader, root, scenario);
	config_yaml_close(&reader);
	if (rc < 0)
		scenario_free(scenario);
	return rc;
}

void scenario_free(struct scenario *scenario)
{
	free(scenario->name);
	free(scenario->feed);
	free(scenario->control);
	memset(scenario, 0, sizeof(*scenario));
}
