/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* report.c - what the trials came to, as JSON */
#include "peers.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

static const double shares[] = {0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9995, 0.9999, 1};

static json_t *counts_json(const struct counts *counts)
{
	const struct {
		const char *name;
		uint64_t value;
	} members[] = {
		{"sent", counts->sent},
		{"acknowledged", counts->acknowledged},
		{"consumed", counts->consumed},
		{"refused", counts->refused},
		{"doubled", counts->doubled},
		{"missing", counts->missing},
		{"wrong", counts->wrong},
	};
	json_t *object = json_object();

	for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++)
		json_object_set_new(
			object, members[i].name, json_integer((json_int_t)members[i].value));
	return object;
}

static json_t *latency_json(const struct histogram *histogram)
{
	json_t *object = json_object(), *list = json_array();

	for (size_t i = 0; i < sizeof(shares) / sizeof(*shares); i++)
		json_array_append_new(
			list, json_pack("[f, f]", shares[i],
				      (double)histogram_quantile(histogram, shares[i]) / 1000));
	json_object_set_new(object, "count", json_integer((json_int_t)histogram->total));
	json_object_set_new(object, "mean_us", json_real(histogram_mean(histogram) / 1000));
	json_object_set_new(object, "percentiles_us", list);
	return object;
}

static json_t *result_json(const struct result *result)
{
	json_t *object = json_object();

	json_object_set_new(object, "offered",
		result->trial.rate > 0 ? json_real(result->trial.rate) : json_null());
	json_object_set_new(object, "seconds", json_real(result->trial.seconds));
	json_object_set_new(object, "warmup", json_real(result->trial.warmup));
	json_object_set_new(object, "acknowledged_rate", json_real(result->acknowledged));
	json_object_set_new(object, "consumed_rate", json_real(result->consumed));
	json_object_set_new(object, "kept", json_boolean(result->kept));
	json_object_set_new(object, "lost", json_integer((json_int_t)result->lost));
	json_object_set_new(object, "behind", json_integer((json_int_t)result->behind));
	json_object_set_new(object, "load_busy", json_real(result->busy));
	json_object_set_new(object, "server_busy",
		result->server_busy < 0 ? json_null() : json_real(result->server_busy));
	json_object_set_new(object, "counts", counts_json(&result->counts));
	json_object_set_new(object, "latency", latency_json(&result->latency));
	return object;
}

static json_t *report(const struct run *run, const struct result *results, unsigned count, int best)
{
	const struct options *options = &run->options;
	json_t *object = json_object(), *trials = json_array();

	for (unsigned i = 0; i < count; i++)
		json_array_append_new(trials, result_json(&results[i]));
	json_object_set_new(object, "peer", json_string(options->protocol->name));
	json_object_set_new(object, "tls", json_boolean(options->identity));
	json_object_set_new(object, "connections", json_integer(options->connections));
	json_object_set_new(object, "devices", json_integer(options->devices));
	json_object_set_new(object, "bytes", json_integer(options->bytes));
	if (options->protocol->subscribes)
		json_object_set_new(
			object, "subscriber_qos", json_integer(options->subscriber_qos));
	json_object_set_new(object, "rate",
		best < 0 ? json_null()
			 : json_real(results[best].acknowledged < results[best].consumed
					     ? results[best].acknowledged
					     : results[best].consumed));
	json_object_set_new(object, "counts", counts_json(&run->counts));
	json_object_set_new(object, "trials", trials);
	return object;
}

int report_write(const struct run *run, const struct result *results, unsigned count, int best)
{
	const char *path = run->options.json;
	json_t *object;
	int error;

	if (!path)
		return 0;
	object = report(run, results, count, best);
	if (strcmp(path, "-") == 0) {
		error = json_dumpf(object, stdout, JSON_COMPACT);
		putchar('\n');
	} else {
		error = json_dump_file(object, path, JSON_INDENT(1));
	}
	json_decref(object);
	return error ? -EIO : 0;
}
