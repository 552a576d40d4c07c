/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* summary_json.c - what a run found, for programs */
#include "summary.h"

#include <errno.h>
#include <string.h>

static json_t *scenario_json(const struct scenario *scenario)
{
	json_t *bytes = json_array();

	for (uint32_t i = 0; i < scenario->report.sizes; i++)
		json_array_append_new(bytes, json_integer(scenario->report.bytes[i]));
	return json_pack("{s:I, s:s, s:o, s:i, s:s, s:I, s:i}", "devices",
		(json_int_t)scenario->devices, "transport",
		scenario->transport == SCENARIO_TCP ? "tcp" : "udp", "bytes", bytes, "code",
		(int)scenario->report.code, "order",
		scenario->order == SCENARIO_RANDOM ? "random" : "sequence", "seed",
		(json_int_t)scenario->seed, "heartbeat", (int)scenario->heartbeat);
}

static const char *outcome(const struct summary *summary)
{
	switch (summary->search_error) {
	case 0:
		if (summary->search.coarse)
			return "found, before there was no time for more";
		return summary->search.failed > 0 ? "found" : "beyond the highest rate";
	case -ENOENT:
		return "no rate without loss";
	case -EBUSY:
		return "void: others had too much of the machine";
	case -E2BIG:
		return "no rate held";
	default:
		return "broken off";
	}
}

static json_t *search_json(const struct summary *summary)
{
	const struct scenario_search *search = &summary->scenario->search;
	json_t *steps;

	if (summary->scenario->load != SCENARIO_SEARCH)
		return json_null();
	steps = json_array();
	for (unsigned i = 0; i < summary->step_count; i++)
		json_array_append_new(steps, outcome_json(&summary->steps[i]));
	return json_pack("{s:s, s:f, s:f, s:f, s:f, s:f, s:i, s:f, s:i, s:o}", "outcome",
		outcome(summary), "rate", summary->search.rate, "failed", summary->search.failed,
		"from", search->from, "to", search->to, "precision", search->precision, "repeat",
		(int)search->repeat, "seconds", search->seconds, "voids",
		(int)summary->search.voids, "steps", steps);
}

static json_t *login_json(const struct summary *summary)
{
	const struct load_login_result *login = &summary->login;
	const struct broker_change *broker = &summary->login_broker;
	json_t *object = json_pack("{s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:f}", "devices",
		(json_int_t)login->devices, "logins", (json_int_t)login->logins, "connects",
		(json_int_t)login->connects, "retried", (json_int_t)login->retried, "failed",
		(json_int_t)login->failed, "seconds", login->seconds, "rate", login->rate,
		"busy_share", login->busy_share);

	if (broker->known) {
		json_object_set_new(object, "broker_cycles_per_device", json_real(broker->cycles));
		json_object_set_new(object, "broker_stolen_share", json_real(broker->stolen));
		json_object_set(object, "broker_stages", broker->stages);
	}
	return object;
}

static json_t *broker_json(const struct summary *summary)
{
	const struct broker_figures *after = &summary->after;

	if (!after->taken)
		return json_null();
	return json_pack("{s:i, s:I, s:I, s:I, s:f, s:O, s:I, s:O}", "workers", (int)after->workers,
		"tsc_hz", (json_int_t)after->tsc_hz, "sessions", (json_int_t)after->live,
		"memory_bytes", (json_int_t)after->bytes, "bytes_per_session",
		after->live ? (double)after->bytes / (double)after->live : 0.0, "memory",
		after->process, "memory_bytes_before", (json_int_t)summary->before.bytes,
		"counters", after->counters);
}

/* Of the trials for latency, by their share: {"0.5": {...}}; and of a stated rate: {"1": {...}} */
static json_t *latencies_json(const struct summary *summary)
{
	json_t *object = json_object();
	char share[16];

	for (unsigned i = 0; i < summary->trial_count; i++) {
		const struct outcome *trial = &summary->trials[i];
		json_t *whole = outcome_json(trial);

		snprintf(share, sizeof(share), "%.4g", trial->share > 0 ? trial->share : 1);
		json_object_set_new(object, share,
			json_pack("{s:f, s:s, s:f, s:O, s:O, s:O}", "rate", trial->offered,
				"verdict", search_verdict_name(trial->verdict), "stolen_share",
				trial->stolen, "raw", json_object_get(whole, "latency"), "clean",
				json_object_get(whole, "latency_clean"), "gaps",
				json_object_get(whole, "gaps")));
		json_decref(whole);
	}
	return object;
}

static json_t *summary_json(const struct summary *summary)
{
	json_t *trials = json_array(), *object;

	for (unsigned i = 0; i < summary->trial_count; i++)
		json_array_append_new(trials, outcome_json(&summary->trials[i]));
	object = json_pack("{s:s, s:s, s:f, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:I}", "scenario",
		summary->scenario->name, "wire", summary->wire, "rate", summary_rate(summary),
		"kept", summary_kept(summary), "settings", scenario_json(summary->scenario),
		"login", login_json(summary), "search", search_json(summary), "trials", trials,
		"latency", latencies_json(summary), "broker", broker_json(summary), "own_bytes",
		(json_int_t)summary->own_bytes);
	if (summary->wire_counters)
		json_object_set(object, "wire_counters", summary->wire_counters);
	return object;
}

int summary_write(const struct summary *summary, const char *path)
{
	json_t *object = summary_json(summary);
	int failed;

	if (!strcmp(path, "-"))
		failed = json_dumpf(object, stdout, JSON_COMPACT) || putchar('\n') == EOF;
	else
		failed = json_dump_file(object, path, JSON_INDENT(1));
	json_decref(object);
	if (!failed)
		return 0;
	fprintf(stderr, "hearth-fleet: %s: cannot be written\n", path);
	return -EIO;
}
