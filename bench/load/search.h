/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* search.h - the highest rate with zero loss (RFC 2544 section 26.1) */
#pragma once

#include <stdbool.h>

/*
 * RFC 2544: send at a rate, count what arrives; if anything is missing, the rate is reduced and the
 * trial rerun; the throughput is the fastest rate at which nothing is missing. How the rates are
 * chosen is left open there. Here: doubled until one fails, then bisected until pass and failure
 * are as near as asked for, then confirmed by trials in a row.
 *
 * A machine that is shared fails a trial now and then at rates far below its limit, and one such
 * early failure would bound everything that follows. So a rate counts as failed when it has failed
 * twice; that this finds no rate that only sometimes holds, the confirmation sees to: there one
 * failure is enough.
 */

#define SEARCH_TRIALS_MOST 96   /* of one search, those that were void too */
#define SEARCH_VOIDS_MOST 5     /* in a row, at one rate */
#define SEARCH_FLOOR (1.0 / 64) /* of the first rate: nothing below is tried */

enum search_verdict { SEARCH_PASSED, SEARCH_FAILED, SEARCH_VOID };
enum search_phase { SEARCH_DOUBLING, SEARCH_BISECTING, SEARCH_CONFIRMING };

/**
 * struct search_config - what is searched
 * @from: the first rate; @to: the highest that is tried
 * @precision: a rate above the found one by no more than this share of it has failed
 * @repeat: trials in a row that must pass at the found rate, that which found it not counted
 * @late: is it time to end? From then on no finer limit is looked for: what has passed is
 *	confirmed, and what is confirmed is the result. Called with the trial's context; NULL: never
 */
struct search_config {
	double from, to, precision;
	unsigned repeat;
	bool (*late)(void *context);
};

/** struct search_step - one trial of a search */
struct search_step {
	double rate;
	enum search_phase phase;
	enum search_verdict verdict;
};

/**
 * struct search_result - what was found
 * @rate: 0 if none passed
 * @failed: the lowest rate above it that failed; 0: the limit lies beyond @to
 * @count, @voids: trials made, and those of them that were void
 * @coarse: the time was over before the limit was known as precisely as asked for
 */
struct search_result {
	double rate, failed;
	unsigned count, voids;
	bool coarse;
	struct search_step steps[SEARCH_TRIALS_MOST];
};

/**
 * search_trial - one trial at @rate
 * @verdict: receives its outcome; SEARCH_VOID where it says nothing and is to be repeated
 * Return: 0, or a negative value that ends the search.
 */
typedef int (*search_trial)(
	void *context, double rate, enum search_phase phase, enum search_verdict *verdict);

/**
 * search_run() - find it
 *
 * Return: 0; -ENOENT: every rate failed, down to SEARCH_FLOOR of the first; -EBUSY: trials were
 * void SEARCH_VOIDS_MOST times in a row; -E2BIG: no rate held within SEARCH_TRIALS_MOST; or what
 * @trial returned. @result->steps are filled in whatever is returned.
 */
int search_run(const struct search_config *config, search_trial trial, void *context,
	struct search_result *result);

/** search_phase_name() - "doubling", "bisecting", "confirming" */
const char *search_phase_name(enum search_phase phase);

/** search_verdict_name() - "passed", "failed", "void" */
const char *search_verdict_name(enum search_verdict verdict);
