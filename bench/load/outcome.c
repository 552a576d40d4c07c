/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* outcome.c - one trial: what is kept of its times, and what is thought of it */
#include "outcome.h"

#include "histogram.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Of the reports sent, those that may be late (load_kept() of the engine holds to the same). */
#define LATE_MOST 0.001
/* A generator that has less time left than this is what bounds the rate. */
#define GENERATOR_BUSY 0.97
#define BROKER_AT_EASE 0.9
#define PLOT_PER_HALF 5

const double outcome_quantiles[OUTCOME_QUANTILES] = {0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999, 1};
const char *const outcome_quantile_names[OUTCOME_QUANTILES] = {
	"p50", "p90", "p99", "p99.9", "p99.99", "p99.999", "longest"};

static void add_point(json_t *plot, const struct histogram *histogram, double share)
{
	double us = (double)histogram_quantile(histogram, share) / 1000;

	json_array_append_new(plot, json_pack("[f, f]", share, us));
}

void outcome_latency(const struct histogram *histogram, struct outcome_latency *latency)
{
	double left = 1;

	latency->count = histogram->total;
	latency->mean = histogram_mean(histogram);
	for (unsigned i = 0; i < OUTCOME_QUANTILES; i++)
		latency->at[i] = histogram_quantile(histogram, outcome_quantiles[i]);
	latency->plot = json_array();
	for (; histogram->total && left * (double)histogram->total >= 1; left /= 2) {
		for (int i = 0; i < PLOT_PER_HALF; i++)
			add_point(latency->plot, histogram,
				1 - left * (1 - i / (2.0 * PLOT_PER_HALF)));
	}
	if (histogram->total)
		add_point(latency->plot, histogram, 1);
}

double outcome_busy(const struct load_result *result)
{
	uint64_t all = 0;

	for (unsigned i = 0; i < LOAD_PART_COUNT; i++)
		all += result->cycles[i];
	return all ? 1 - (double)result->cycles[LOAD_PART_IDLE] / (double)all : 0;
}

__attribute__((format(printf, 2, 3))) static void because(
	struct outcome *trial, const char *format, ...)
{
	size_t used = strlen(trial->why);
	va_list arguments;

	if (used) {
		snprintf(trial->why + used, sizeof(trial->why) - used, ", ");
		used = strlen(trial->why);
	}
	va_start(arguments, format);
	vsnprintf(trial->why + used, sizeof(trial->why) - used, format, arguments);
	va_end(arguments);
}

static void complain(struct outcome *trial, uint64_t count, const char *what)
{
	if (count)
		because(trial, "%" PRIu64 " %s", count, what);
}

/* What is wrong on any machine, however busy. */
static void find_wrong(struct outcome *trial)
{
	const struct load_result *result = &trial->result;
	uint64_t wrong = 0;

	for (unsigned i = 0; i < LOAD_WRONG_COUNT; i++)
		wrong += result->wrong[i];
	complain(trial, wrong, "wrong");
	complain(trial, result->doubled, "came twice");
	complain(trial, trial->betrayed, "answers to strangers");
	/* the engine takes what was refused off its accounts: it need not come */
	if (result->lost > result->unanswered_all)
		because(trial, "%" PRIu64 " acknowledged and lost",
			result->lost - result->unanswered_all);
}

static void find_losses(struct outcome *trial, const struct outcome_rules *rules)
{
	const struct load_result *result = &trial->result;

	if (!rules->drowns) {
		complain(trial, result->lost, "lost");
		complain(trial, result->refused, "refused");
		complain(trial, result->sender_drops, "not taken by the port");
	}
	complain(trial, result->failed, "answered by an error");
	/* beside reports some are always under way, when those alone are waited for */
	if (!rules->ends && !result->sent_all)
		complain(trial, result->heartbeats - result->heartbeats_answered,
			"heartbeats unanswered");
	if (!rules->drowns && !rules->ends)
		complain(trial, result->unanswered, "unanswered");
	/* with faults each has its repeats, and its time for them */
	if (!rules->drowns && !rules->ends && !rules->late && result->sent_all) {
		complain(trial, result->heartbeats_lost, "heartbeats unanswered");
		complain(trial, result->repeated, "sent again");
	}
	if (!rules->ends)
		complain(trial, result->disconnected, "sessions ended");
	/* what its device has seen is that */
	if (!rules->ends && !rules->late && result->offline > result->disconnected)
		complain(trial, result->offline - result->disconnected,
			"sessions ended by the platform");
}

static void find_lateness(struct outcome *trial, const struct outcome_rules *rules)
{
	const struct load_result *result = &trial->result;

	if (!rules->kernel && result->sent &&
		(double)result->late > LATE_MOST * (double)result->sent)
		because(trial, "%.2g %% sent late",
			100 * (double)result->late / (double)result->sent);
	/* chosen at random, a device may have as many under way as it may, or the last step was too
	 * long: as little as what may be late otherwise */
	if ((double)(result->offered - result->sent) > LATE_MOST * (double)result->offered)
		because(trial, "%" PRIu64 " never sent", result->offered - result->sent);
	/* what others had of a core is not there for answers: they come behind the trial's end */
	if (trial->offered > 0 &&
		result->rate < (OUTCOME_ANSWERED_LEAST - trial->stolen) * trial->offered)
		because(trial, "answered at %.0f/s only", result->rate);
}

static void find_bottleneck(struct outcome *trial)
{
	if (trial->busy >= GENERATOR_BUSY && trial->broker.known &&
		trial->broker_busy < BROKER_AT_EASE)
		because(trial,
			"the generator was the bottleneck: it was busy %.1f %% of the time, the "
			"broker %.1f %%",
			100 * trial->busy, 100 * trial->broker_busy);
}

void outcome_judge(struct outcome *trial, const struct outcome_rules *rules)
{
	const struct load_result *result = &trial->result;

	trial->busy = outcome_busy(result);
	trial->stolen = result->seconds > 0 ? result->stolen_s / result->seconds : 0;
	if (trial->broker.known && trial->broker.stolen > trial->stolen)
		trial->stolen = trial->broker.stolen;
	trial->why[0] = '\0';
	trial->verdict = SEARCH_FAILED;
	find_wrong(trial);
	if (trial->why[0])
		return;
	if (trial->stolen > OUTCOME_STOLEN_MOST) {
		trial->verdict = SEARCH_VOID;
		because(trial, "others had %.1f %% of a core", 100 * trial->stolen);
		return;
	}
	find_losses(trial, rules);
	if (!rules->late && !rules->drowns)
		find_lateness(trial, rules);
	if (!trial->why[0]) {
		trial->verdict = SEARCH_PASSED;
		return;
	}
	find_bottleneck(trial);
	if (!rules->parted)
		return;
	trial->verdict = SEARCH_VOID;
	because(trial, "on CPUs that were not two cores of one cache");
}

void outcome_free(struct outcome *trial)
{
	json_decref(trial->raw.plot);
	json_decref(trial->clean.plot);
	json_decref(trial->faults);
	broker_change_free(&trial->broker);
	memset(trial, 0, sizeof(*trial));
}
