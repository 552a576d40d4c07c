/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* outcome_json.c - a trial for programs */
#include "outcome.h"

#include <string.h>

static json_t *latency_json(const struct outcome_latency *latency)
{
	json_t *object = json_object();

	json_object_set_new(object, "count", json_integer((json_int_t)latency->count));
	json_object_set_new(object, "mean_us", json_real(latency->mean / 1000));
	for (unsigned i = 0; i < OUTCOME_QUANTILES; i++)
		json_object_set_new(object, outcome_quantile_names[i],
			json_real((double)latency->at[i] / 1000));
	json_object_set(object, "percentiles_us", latency->plot);
	return object;
}

static json_t *wrong_json(const struct load_result *result)
{
	json_t *object = json_object();

	for (unsigned i = 0; i < LOAD_WRONG_COUNT; i++)
		json_object_set_new(object, load_wrong_name((enum load_wrong)i),
			json_integer((json_int_t)result->wrong[i]));
	return object;
}

static json_t *parts_json(const struct load_result *result)
{
	json_t *object = json_object();

	for (unsigned i = 0; i < LOAD_PART_COUNT; i++)
		json_object_set_new(object, load_part_name((enum load_part)i),
			json_integer((json_int_t)result->cycles[i]));
	return object;
}

static json_t *broker_json(const struct outcome *trial)
{
	const struct broker_change *broker = &trial->broker;

	if (!broker->known)
		return json_null();
	return json_pack("{s:f, s:f, s:f, s:I, s:I, s:I, s:O, s:O}", "busy_share",
		trial->broker_busy, "cycles_per_request", broker->cycles, "stolen_share",
		broker->stolen, "requests", (json_int_t)broker->requests, "heartbeats",
		(json_int_t)broker->heartbeats, "connects", (json_int_t)broker->connects, "stages",
		broker->stages, "counters", broker->grown);
}

json_t *outcome_json(const struct outcome *trial)
{
	const struct load_result *result = &trial->result;
	const struct {
		const char *name;
		uint64_t value;
	} counts[] = {
		{"offered", result->offered},
		{"sent", result->sent},
		{"sent_all", result->sent_all},
		{"late", result->late},
		{"skipped", result->skipped},
		{"answered", result->answered},
		{"refused", result->refused},
		{"failed", result->failed},
		{"denied", result->denied},
		{"repeated", result->repeated},
		{"unanswered", result->unanswered},
		{"unanswered_all", result->unanswered_all},
		{"delivered", result->delivered},
		{"lost", result->lost},
		{"doubled", result->doubled},
		{"heartbeats", result->heartbeats},
		{"heartbeats_lost", result->heartbeats_lost},
		{"heartbeats_answered", result->heartbeats_answered},
		{"of_subdevices", result->of_subdevices},
		{"subdevices_bound", result->bound},
		{"checked", result->checked},
		{"sender_drops", result->sender_drops},
		{"offline", result->offline},
		{"disconnected", result->disconnected},
		{"relogins", result->relogins},
	};
	json_t *object =
		json_pack("{s:s, s:f, s:s, s:s, s:f, s:f, s:f, s:f}", "purpose", trial->purpose,
			"rate", trial->offered, "verdict", search_verdict_name(trial->verdict),
			"why", trial->why, "answered_rate", result->rate, "seconds",
			result->seconds, "busy_share", trial->busy, "stolen_share", trial->stolen);

	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++)
		json_object_set_new(
			object, counts[i].name, json_integer((json_int_t)counts[i].value));
	if (trial->share > 0)
		json_object_set_new(object, "share", json_real(trial->share));
	json_object_set_new(object, "wrong", wrong_json(result));
	json_object_set_new(object, "first_wrong", json_string(result->first_wrong));
	json_object_set_new(object, "stolen_gaps", json_integer((json_int_t)result->stolen_gaps));
	json_object_set_new(object, "stolen_longest_us", json_real(result->stolen_longest_s * 1e6));
	json_object_set_new(object, "cycles", parts_json(result));
	json_object_set_new(object, "tsc_hz", json_integer((json_int_t)result->tsc_hz));
	json_object_set_new(object, "latency", latency_json(&trial->raw));
	json_object_set_new(object, "latency_clean", latency_json(&trial->clean));
	json_object_set_new(
		object, "gaps", gaps_json(&trial->gaps, result->stolen_gaps, trial->raw.count));
	json_object_set_new(object, "broker", broker_json(trial));
	if (trial->faults)
		json_object_set(object, "faults", trial->faults);
	return object;
}
