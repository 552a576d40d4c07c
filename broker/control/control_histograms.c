/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* control_histograms.c - histograms of workers, one by one and together, with their quantiles */
#include "control/control_private.h"

#include <string.h>

static const double quantiles[] = {0.5, 0.99, 0.999};
static const char *const quantile_names[] = {"p50", "p99", "p999"};

/* What a worker has counted, added to what others have. */
static void take(struct turn_histogram *sum, const struct histogram_view *view)
{
	sum->sum += counter_read(&view->values->sum);
	for (unsigned i = 0; i <= view->count; i++)
		sum->buckets[i] += counter_read(&view->values->buckets[i]);
}

static uint64_t count_of(const struct turn_histogram *values, unsigned bounds)
{
	uint64_t count = 0;

	for (unsigned i = 0; i <= bounds; i++)
		count += values->buckets[i];
	return count;
}

/* The sum is of the values' own units, and so exact: nanoseconds where the divisor is 10^9. */
static json_t *values_json(const struct turn_histogram *values, unsigned bounds)
{
	json_t *buckets = json_array();

	for (unsigned i = 0; i <= bounds; i++)
		json_array_append_new(buckets, json_integer((json_int_t)values->buckets[i]));
	return json_pack("{s:I, s:I, s:o}", "count", (json_int_t)count_of(values, bounds), "sum",
		(json_int_t)values->sum, "buckets", buckets);
}

double control_quantile(const struct turn_histogram *values, const uint64_t *bounds, unsigned count,
	double quantile)
{
	const double wanted = quantile * (double)count_of(values, count);
	double below = 0;

	for (unsigned i = 0; i < count; i++) {
		const double here = (double)values->buckets[i];
		const double from = i ? (double)bounds[i - 1] : 0;

		if (here > 0 && below + here >= wanted)
			return from + ((double)bounds[i] - from) * (wanted - below) / here;
		below += here;
	}
	return below < wanted ? (double)bounds[count - 1] : 0;
}

json_t *control_worker_histograms(struct broker_view *view, unsigned worker)
{
	struct histogram_view views[WORKER_HISTOGRAMS_MAX];
	json_t *histograms = json_object();
	unsigned count = view->histograms ? view->histograms(view, worker, views) : 0;

	for (unsigned i = 0; i < count; i++) {
		struct turn_histogram values = {0};

		take(&values, &views[i]);
		json_object_set_new(
			histograms, views[i].name, values_json(&values, views[i].count));
	}
	return histograms;
}

bool control_histogram(struct broker_view *view, const char *name, struct turn_histogram *sum,
	struct histogram_view *what)
{
	struct histogram_view views[WORKER_HISTOGRAMS_MAX];
	bool found = false;

	memset(sum, 0, sizeof(*sum));
	for (unsigned worker = 0; view->histograms && worker < view->workers; worker++) {
		unsigned count = view->histograms(view, worker, views);

		for (unsigned i = 0; i < count; i++) {
			if (strcmp(views[i].name, name))
				continue;
			take(sum, &views[i]);
			*what = views[i];
			found = true;
		}
	}
	return found;
}

static json_t *together(struct broker_view *view, const char *name)
{
	struct histogram_view what;
	struct turn_histogram sum;
	json_t *json, *bounds = json_array();

	if (!control_histogram(view, name, &sum, &what))
		return NULL;
	json = values_json(&sum, what.count);
	for (unsigned i = 0; i < what.count; i++)
		json_array_append_new(bounds, json_integer((json_int_t)what.bounds[i]));
	json_object_set_new(json, "help", json_string(what.help));
	json_object_set_new(json, "divisor", json_integer((json_int_t)what.divisor));
	json_object_set_new(json, "bounds", bounds);
	for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++)
		json_object_set_new(json, quantile_names[i],
			json_real(control_quantile(&sum, what.bounds, what.count, quantiles[i]) /
				  (double)what.divisor));
	return json;
}

json_t *control_histograms(struct broker_view *view)
{
	struct histogram_view views[WORKER_HISTOGRAMS_MAX];
	json_t *histograms = json_object();
	unsigned count = view->histograms && view->workers ? view->histograms(view, 0, views) : 0;

	for (unsigned i = 0; i < count; i++)
		json_object_set_new(histograms, views[i].name, together(view, views[i].name));
	return histograms;
}
