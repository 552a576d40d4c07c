/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* search.c - the highest rate with zero loss (RFC 2544 section 26.1) */
#include "search.h"

#include <errno.h>
#include <string.h>

/** struct search - while it runs. @low: the highest rate that passed, 0: none; @high: the lowest
 * that failed, 0: none; @held: the highest that was confirmed */
struct search {
	const struct search_config *config;
	search_trial trial;
	void *context;
	struct search_result *result;
	double low, high, held;
};

/* One trial that is not void. Return: 1 passed, 0 failed, or negative. */
static int try_once(struct search *search, double rate, enum search_phase phase)
{
	struct search_result *result = search->result;
	struct search_step *step;
	int rc;

	for (unsigned voids = 0; voids < SEARCH_VOIDS_MOST; voids++) {
		if (result->count == SEARCH_TRIALS_MOST)
			return -E2BIG;
		step = &result->steps[result->count];
		*step = (struct search_step){.rate = rate, .phase = phase};
		rc = search->trial(search->context, rate, phase, &step->verdict);
		if (rc < 0)
			return rc;
		result->count++;
		if (step->verdict != SEARCH_VOID)
			return step->verdict == SEARCH_PASSED;
		result->voids++;
	}
	return -EBUSY;
}

/* A trial whose failure is believed only when it fails again. */
static int try_rate(struct search *search, double rate, enum search_phase phase)
{
	int passed = try_once(search, rate, phase);

	return passed ? passed : try_once(search, rate, phase);
}

/* From the first rate up until one fails, or down until one passes. */
static int bracket(struct search *search)
{
	const struct search_config *config = search->config;
	double rate = config->from;
	int passed;

	while (rate >= config->from * SEARCH_FLOOR) {
		passed = try_rate(search, rate, SEARCH_DOUBLING);
		if (passed < 0)
			return passed;
		if (passed)
			search->low = rate;
		else
			search->high = rate;
		if ((search->low > 0 && search->high > 0) || search->low >= config->to)
			return 0;
		rate = passed ? rate * 2 : rate / 2;
		if (rate > config->to)
			rate = config->to;
	}
	return -ENOENT;
}

static bool wide(const struct search *search)
{
	return search->high > 0 &&
	       search->high - search->low > search->config->precision * search->low;
}

/* Is there no time for more than what has passed? */
static bool late(struct search *search)
{
	const struct search_config *config = search->config;

	if (search->low <= 0 || !config->late || !config->late(search->context))
		return false;
	search->result->coarse = true;
	return true;
}

static int bisect(struct search *search)
{
	while (wide(search) && !late(search)) {
		double middle = (search->low + search->high) / 2;
		int passed = try_rate(search, middle, SEARCH_BISECTING);

		if (passed < 0)
			return passed;
		if (passed)
			search->low = middle;
		else
			search->high = middle;
	}
	return 0;
}

/* As many in a row as asked for. Return: 1 all passed, 0 one failed, or negative. */
static int hold(struct search *search, double rate, unsigned times)
{
	int passed = 1;

	for (unsigned i = 0; i < times && passed > 0; i++)
		passed = try_once(search, rate, SEARCH_CONFIRMING);
	return passed;
}

/*
 * A rate that does not hold is left in steps that double, since nobody knows how far the true limit
 * lies below; what the last step leapt over is bisected by rates that have to hold as well.
 */
static int confirm(struct search *search)
{
	const struct search_config *config = search->config;
	double step = config->precision, rate = search->low;
	unsigned times = config->repeat;
	int held;

	for (;;) {
		held = hold(search, rate, times);
		if (held < 0)
			return held;
		if (held) {
			search->low = search->held = rate;
			if (!wide(search) || late(search))
				return 0;
			rate = (search->low + search->high) / 2;
		} else {
			search->high = rate;
			if (search->low >= rate)
				search->low = 0;
			rate = search->low > 0 ? (search->low + rate) / 2 : rate * (1 - step);
			step = step < 0.25 ? step * 2 : 0.5;
			if (search->low > 0 && (!wide(search) || late(search)))
				return 0;
		}
		if (rate < config->from * SEARCH_FLOOR)
			return -ENOENT;
		times = config->repeat + 1;
	}
}

int search_run(const struct search_config *config, search_trial trial, void *context,
	struct search_result *result)
{
	struct search search = {
		.config = config, .trial = trial, .context = context, .result = result};
	int rc;

	memset(result, 0, sizeof(*result));
	rc = bracket(&search);
	if (rc == 0)
		rc = bisect(&search);
	if (rc == 0)
		rc = confirm(&search);
	/* what held is a result, though the trials did not suffice to come nearer to the limit */
	if ((rc == -E2BIG || rc == -EBUSY) && search.held > 0) {
		result->coarse = true;
		rc = 0;
	}
	result->rate = search.held;
	result->failed = search.high;
	return rc;
}

const char *search_phase_name(enum search_phase phase)
{
	static const char *const names[] = {"doubling", "bisecting", "confirming"};

	return names[phase];
}

const char *search_verdict_name(enum search_verdict verdict)
{
	static const char *const names[] = {"passed", "failed", "void"};

	return names[verdict];
}
