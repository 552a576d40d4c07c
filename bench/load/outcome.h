/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* outcome.h - one trial as it is judged and kept: counts, percentiles, the broker's figures */
#pragma once

#include "broker_figures.h"
#include "load.h"
#include "search.h"

/** Shares whose latency every trial keeps, for people and programs. */
#define OUTCOME_QUANTILES 7
extern const double outcome_quantiles[OUTCOME_QUANTILES];

/** The last of them, named as people do: "p50" to "p99.99", "longest". */
extern const char *const outcome_quantile_names[OUTCOME_QUANTILES];

/** Of the time of a trial, what others may have had of either core. */
#define OUTCOME_STOLEN_MOST 0.05
/** Of what was offered, the part that must be answered while it is offered; less the share of that
 * time which others had. */
#define OUTCOME_ANSWERED_LEAST 0.995

/** struct outcome_latency - in ns; @count: answers in it; @plot: [[share, us], ..], closer together
 * towards 1; owned */
struct outcome_latency {
	uint64_t count;
	double mean;
	uint64_t at[OUTCOME_QUANTILES];
	json_t *plot;
};

/**
 * struct outcome_rules - what is no failure in a scenario that brings it about
 * @late: answers take long, and what is due waits
 * @ends: connections end, and what was under way on them stays unanswered
 * @kernel: frames travel by system calls, which take their time: some leave late, while the rate is
 *	kept (see struct load_wire)
 * @drowns: more is offered than can be taken: requests get lost, are refused, stay unanswered
 * @parted: its two CPUs were not cores that share a cache, and now they are
 */
struct outcome_rules {
	bool late, ends, drowns, kernel, parted;
};

/**
 * struct outcome - one that has been made
 * @purpose: "doubling", "rate", "latency at 50 %" ..
 * @share: of the found rate, for latency; else 0
 * @offered: reports/s it was made with; 0: a closed loop or heartbeats only
 * @result, @raw, @clean: the engine's
 * @broker: over the whole of it, warm-up and drain too
 * @broker_busy, @busy: shares of the measured time that worker and generator needed
 * @stolen: the larger share of both cores that others had
 * @gaps: of both cores, of a trial that is reported
 * @betrayed: answers to strangers, who should not learn that there is a broker
 * @verdict, @why: passed, or why not, in a line
 * @faults: what the scenario did besides; owned, may be NULL
 */
struct outcome {
	char purpose[40];
	double share, offered;
	struct load_result result;
	struct outcome_latency raw, clean;
	struct broker_change broker;
	struct gaps gaps;
	double broker_busy, busy, stolen;
	uint64_t betrayed;
	enum search_verdict verdict;
	char why[320];
	json_t *faults;
};

struct histogram;
/** outcome_latency() - what is kept of a histogram. */
void outcome_latency(const struct histogram *histogram, struct outcome_latency *latency);

/** outcome_busy() - share of the generator's cycles that were not idle. */
double outcome_busy(const struct load_result *result);

/**
 * outcome_judge() - was it kept, lost, or does it say nothing?
 *
 * Sets @trial's busy, stolen, verdict and why from the rest. A trial is void when others had more
 * than OUTCOME_STOLEN_MOST of a core, or when it fails on cores that were @parted - but for wrong answers, events that
 * came twice and reports that were acknowledged and then lost: those no lack of time explains.
 */
void outcome_judge(struct outcome *trial, const struct outcome_rules *rules);

/** outcome_json() - all of it. */
json_t *outcome_json(const struct outcome *trial);

/** outcome_free() - what it owns. */
void outcome_free(struct outcome *trial);
