/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* plan.c - which trials are run: the closed loop, given rates, the search for the highest */
#include "peers.h"

#include "cores.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#define SEARCH_STEPS 6 /* a 64th of the range: closer than two trials at one rate are */
#define TRIALS_MOST (1 + RATES_MOST + SEARCH_STEPS + 2)

static const double latency_at[] = {0.5, 0.9};

struct plan {
	struct result *results;
	unsigned count;
	int best; /* of all that lost nothing, the highest; -1: none */
	struct cores cores;
};

static double rate_of(const struct result *result)
{
	return result->acknowledged < result->consumed ? result->acknowledged : result->consumed;
}

static const struct result *try_rate(struct run *run, struct plan *plan, double rate, int *error)
{
	const struct options *options = &run->options;
	struct trial trial = {rate, options->warmup, options->seconds};
	struct result *result = &plan->results[plan->count];

	/* one that fails where the host has placed its CPUs badly says nothing of the server */
	do {
		*error = engine_trial(run, &trial, result);
		if (*error)
			return NULL;
	} while (!result->kept && cores_wait(&plan->cores));
	if (result->kept &&
		(plan->best < 0 || rate_of(result) > rate_of(&plan->results[plan->best])))
		plan->best = (int)plan->count;
	plan->count++;
	if (!options->quiet) {
		printf("%-9s %10.0f reports/s offered, %10.0f acknowledged, %10.0f consumed%s\n",
			options->protocol->name, rate, result->acknowledged, result->consumed,
			result->kept ? "" : "  (not kept)");
		fflush(stdout);
	}
	return result;
}

/* Between half of the closed loop's rate and a little more than all of it (RFC 2544 section
 * 26.1). */
static int search(struct run *run, struct plan *plan, double closed)
{
	double low = closed / 2 + 1, high = closed * 1.1 + 2; /* 0 is no rate */
	const struct result *result;
	int error = 0;

	for (int i = 0; i < SEARCH_STEPS; i++) {
		double rate = (low + high) / 2;

		result = try_rate(run, plan, rate, &error);
		if (error)
			return error;
		if (result->kept)
			low = rate;
		else
			high = rate;
	}
	for (unsigned i = 0; i < sizeof(latency_at) / sizeof(*latency_at) && !error; i++)
		try_rate(run, plan, low * latency_at[i], &error);
	return error;
}

int plan_run(struct run *run)
{
	const struct options *options = &run->options;
	struct plan plan = {.best = -1};
	const struct result *closed;
	int error = 0;

	plan.cores.one = plan.cores.other = (unsigned)sched_getcpu();
	if (options->beside >= 0)
		plan.cores.other = (unsigned)options->beside;
	plan.results = calloc(TRIALS_MOST, sizeof(*plan.results));
	if (!plan.results)
		return fail(run, -ENOMEM, "out of memory");
	if (!options->rate_count || options->search) {
		/* it fails never, and all others are chosen by it */
		cores_wait(&plan.cores);
		closed = try_rate(run, &plan, 0, &error);
		if (!error && options->search)
			error = search(run, &plan, rate_of(closed));
	}
	for (unsigned i = 0; i < options->rate_count && !error; i++)
		try_rate(run, &plan, options->rates[i], &error);
	if (!error && options->protocol->verify)
		error = options->protocol->verify(run);
	if (!error)
		error = report_write(run, plan.results, plan.count, plan.best);
	free(plan.results);
	return error;
}
