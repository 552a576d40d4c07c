/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* summary.h - what a run found: tables for people, JSON for programs */
#pragma once

#include "scenario.h"
#include "outcome.h"

#include <stdio.h>

/** Trials beside those of a search: a stated rate, or latency at shares of the found one. */
#define SUMMARY_TRIALS_MOST (SCENARIO_LATENCIES_MAX + 2)

/**
 * struct summary - of one run, filled in as it goes
 * @wire: what carried the frames: "memif" ..
 * @login, @login_broker: how the devices came in, and what a connect cost the broker meanwhile
 * @search: where there was one; @search_error: what search_run() returned
 * @steps: its trials, @step_count of them
 * @trials: those that are reported, @trial_count of them
 * @before, @after: the broker before the first login and at the end
 * @own_bytes: memory of the devices and what carries them
 * @wire_counters: of the wire's own; owned, may be NULL
 */
struct summary {
	const struct scenario *scenario;
	const char *wire;
	struct load_login_result login;
	struct broker_change login_broker;
	struct search_result search;
	int search_error;
	struct outcome *steps;
	unsigned step_count;
	struct outcome trials[SUMMARY_TRIALS_MOST];
	unsigned trial_count;
	struct broker_figures before, after;
	size_t own_bytes;
	json_t *wire_counters;
};

/** summary_login() - one line once the devices are live. */
void summary_login(const struct summary *summary, FILE *out);

/** summary_step() - one line for the last trial of a search; the first brings its heading. */
void summary_step(const struct summary *summary, FILE *out);

/** summary_trials() - a table of the reported trials, one column each. */
void summary_trials(const struct summary *summary, FILE *out);

/** summary_costs() - memory of the broker and of the devices. */
void summary_costs(const struct summary *summary, FILE *out);

/** summary_rate() - the found rate, or the stated one; 0: none. */
double summary_rate(const struct summary *summary);

/** summary_kept() - did every reported trial pass, and was a rate found if one was searched? */
bool summary_kept(const struct summary *summary);

/** summary_write() - the JSON to a file, "-" being standard output. Return: 0 or -EIO, told. */
int summary_write(const struct summary *summary, const char *path);

/** summary_free() - what it owns. */
void summary_free(struct summary *summary);
