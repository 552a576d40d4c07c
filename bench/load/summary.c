/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* summary.c - what a run found, for people */
#include "summary.h"

#include "table.h"

#include <stdlib.h>
#include <string.h>

void summary_login(const struct summary *summary, FILE *out)
{
	const struct load_login_result *login = &summary->login;
	const struct broker_change *broker = &summary->login_broker;
	char devices[CELL], rate[CELL], cycles[CELL];

	fprintf(out, "login      %s of %s devices live after %.2f s: %s a second from cold; ",
		cell_count(devices, login->devices), cell_count(cycles, summary->scenario->devices),
		login->seconds, cell_count(rate, (uint64_t)login->rate));
	fprintf(out, "%llu sent again, %llu begun anew; generator busy %.0f %%",
		(unsigned long long)login->retried, (unsigned long long)login->failed,
		100 * login->busy_share);
	if (broker->known)
		fprintf(out, "; broker %s cycles a device",
			cell_count(cycles, (uint64_t)broker->cycles));
	fputc('\n', out);
}

void summary_step(const struct summary *summary, FILE *out)
{
	const struct outcome *step = &summary->steps[summary->step_count - 1];
	const struct scenario_search *search = &summary->scenario->search;
	char offered[CELL], answered[CELL];

	if (summary->step_count == 1)
		fprintf(out,
			"search     to %.2g %%, %u in a row, trials of %.1f s\n"
			"%-11s %12s %12s %10s %8s %8s %9s %9s\n",
			100 * search->precision, search->repeat, search->seconds, "", "offered/s",
			"answered/s", "generator", "broker", "stolen", "p50 us", "p99.9 us");
	fprintf(out, "%-11s %12s %12s %8.1f %% %6.1f %% %6.1f %% %9.1f %9.1f  %s%s%s\n",
		step->purpose, cell_count(offered, (uint64_t)step->offered),
		cell_count(answered, (uint64_t)step->result.rate), 100 * step->busy,
		100 * step->broker_busy, 100 * step->stolen, (double)step->raw.at[0] / 1000,
		(double)step->raw.at[3] / 1000, search_verdict_name(step->verdict),
		step->why[0] ? ": " : "", step->why);
	fflush(out);
}

/* ---- the table of trials: a row is a function that fills the cell of one of them ---- */

static void row_offered(const struct outcome *trial, char cell[CELL])
{
	if (trial->offered > 0)
		cell_count(cell, (uint64_t)trial->offered);
	else
		strcpy(cell, "-");
}

static void row_answered_rate(const struct outcome *trial, char cell[CELL])
{
	cell_count(cell, (uint64_t)trial->result.rate);
}

#define COUNT_ROW(member)                                                                          \
	static void row_##member(const struct outcome *trial, char cell[CELL])                     \
	{                                                                                          \
		cell_count(cell, trial->result.member);                                            \
	}
COUNT_ROW(sent)
COUNT_ROW(sent_all)
COUNT_ROW(answered)
COUNT_ROW(delivered)
COUNT_ROW(lost)
COUNT_ROW(doubled)
COUNT_ROW(unanswered)
COUNT_ROW(refused)
COUNT_ROW(failed)
COUNT_ROW(repeated)
COUNT_ROW(late)
COUNT_ROW(sender_drops)
COUNT_ROW(disconnected)
COUNT_ROW(relogins)
COUNT_ROW(heartbeats)
COUNT_ROW(heartbeats_answered)
COUNT_ROW(checked)
COUNT_ROW(of_subdevices)

static void row_wrong(const struct outcome *trial, char cell[CELL])
{
	uint64_t wrong = 0;

	for (unsigned i = 0; i < LOAD_WRONG_COUNT; i++)
		wrong += trial->result.wrong[i];
	cell_count(cell, wrong);
}

static void row_busy(const struct outcome *trial, char cell[CELL])
{
	cell_share(cell, trial->busy);
}

static void row_broker_busy(const struct outcome *trial, char cell[CELL])
{
	if (trial->broker.known)
		cell_share(cell, trial->broker_busy);
	else
		strcpy(cell, "-");
}

static void row_stolen(const struct outcome *trial, char cell[CELL])
{
	cell_share(cell, trial->stolen);
}

static void cell_left_out(char cell[CELL], uint64_t left_out, const struct outcome *trial)
{
	cell_share(cell, trial->raw.count ? (double)left_out / (double)trial->raw.count : 0);
}

static void row_own_left_out(const struct outcome *trial, char cell[CELL])
{
	cell_left_out(cell, trial->gaps.own_left_out, trial);
}

static void row_left_out(const struct outcome *trial, char cell[CELL])
{
	if (trial->gaps.known)
		cell_left_out(cell, trial->gaps.left_out, trial);
	else
		strcpy(cell, "-");
}

static void row_own_stolen(const struct outcome *trial, char cell[CELL])
{
	cell_share(cell, trial->gaps.own_share);
}

static void row_gaps_stolen(const struct outcome *trial, char cell[CELL])
{
	if (trial->gaps.known)
		cell_share(cell, trial->gaps.share);
	else
		strcpy(cell, "-");
}

static void row_unseen(const struct outcome *trial, char cell[CELL])
{
	cell_count(cell, trial->gaps.unseen);
}

static void row_unkept(const struct outcome *trial, char cell[CELL])
{
	cell_count(cell, trial->gaps.unkept);
}

static void row_gap(const struct outcome *trial, char cell[CELL])
{
	snprintf(cell, CELL, "%.0f us", trial->result.stolen_longest_s * 1e6);
}

static void row_verdict(const struct outcome *trial, char cell[CELL])
{
	strcpy(cell, search_verdict_name(trial->verdict));
}

/** struct row - @always: shown where it is 0 for all, too */
struct row {
	const char *name;
	void (*fill)(const struct outcome *trial, char cell[CELL]);
	bool always;
};

static const struct row counts[] = {
	{"offered/s", row_offered, true},
	{"answered/s", row_answered_rate, true},
	{"sent", row_sent, true},
	{"answered", row_answered, true},
	{"with warm-up", row_sent_all, true},
	{"  delivered", row_delivered, true},
	{"lost", row_lost, true},
	{"came twice", row_doubled, true},
	{"wrong", row_wrong, true},
	{"unanswered", row_unanswered, true},
	{"refused", row_refused, false},
	{"errors", row_failed, false},
	{"sent again", row_repeated, false},
	{"sent late", row_late, false},
	{"port full", row_sender_drops, false},
	{"ended", row_disconnected, false},
	{"came back", row_relogins, false},
	{"heartbeats", row_heartbeats, false},
	{"  answered", row_heartbeats_answered, false},
	{"of sub-devices", row_of_subdevices, false},
	{"checked twice", row_checked, false},
};

/* What is not in the latencies without gaps, and what these took of either core. */
static const struct row left_out[] = {
	{"left out, ours", row_own_left_out, true},
	{"  stolen", row_own_stolen, true},
	{"left out, broker", row_left_out, true},
	{"  stolen", row_gaps_stolen, true},
	{"  gaps unseen", row_unseen, false},
	{"  not looked at", row_unkept, false},
};

static const struct row loads[] = {
	{"generator busy", row_busy, true},
	{"broker busy", row_broker_busy, true},
	{"stolen", row_stolen, true},
	{"longest gap", row_gap, true},
	{"verdict", row_verdict, true},
};

static void print_rows(
	const struct summary *summary, const struct row *rows, size_t count, FILE *out)
{
	char cells[SUMMARY_TRIALS_MOST][CELL];

	for (size_t r = 0; r < count; r++) {
		bool show = rows[r].always;

		for (unsigned i = 0; i < summary->trial_count; i++) {
			rows[r].fill(&summary->trials[i], cells[i]);
			show |= strcmp(cells[i], "0") != 0;
		}
		if (show)
			table_row(out, rows[r].name, cells, summary->trial_count);
	}
}

static void print_latency(const struct summary *summary, bool clean, const char *heading, FILE *out)
{
	char cells[SUMMARY_TRIALS_MOST][CELL], name[CELL];

	fprintf(out, "%s\n", heading);
	for (unsigned q = 0; q < OUTCOME_QUANTILES; q++) {
		for (unsigned i = 0; i < summary->trial_count; i++) {
			const struct outcome *trial = &summary->trials[i];
			const struct outcome_latency *latency = clean ? &trial->clean : &trial->raw;

			if (latency->count)
				cell_us(cells[i], latency->at[q]);
			else
				strcpy(cells[i], "-");
		}
		snprintf(name, sizeof(name), "  %s", outcome_quantile_names[q]);
		table_row(out, name, cells, summary->trial_count);
	}
}

/* Cycles of the broker, by stage: all trials have the same, the broker's. */
static void print_stages(const struct summary *summary, FILE *out)
{
	char cells[SUMMARY_TRIALS_MOST][CELL], name[CELL];
	json_t *first = summary->trials[0].broker.stages, *unused;
	const char *stage;

	for (unsigned i = 0; i < summary->trial_count; i++)
		cell_count(cells[i], (uint64_t)(summary->trials[i].broker.cycles + 0.5));
	fputs("broker's cycles per report or heartbeat\n", out);
	table_row(out, "  all", cells, summary->trial_count);
	json_object_foreach(first, stage, unused)
	{
		for (unsigned i = 0; i < summary->trial_count; i++) {
			const json_t *stages = summary->trials[i].broker.stages;
			double cycles = json_real_value(json_object_get(stages, stage));

			cell_count(cells[i], (uint64_t)(cycles + 0.5));
		}
		snprintf(name, sizeof(name), "  %s", stage);
		table_row(out, name, cells, summary->trial_count);
	}
}

/* What the broker dropped, refused or sent again meanwhile, by its counters' names. */
static void print_drops(const struct outcome *trial, FILE *out)
{
	const char *name, *comma = "";
	char count[CELL];
	json_t *value;

	json_object_foreach(trial->broker.grown, name, value)
	{
		if (!broker_is_loss(name))
			continue;
		if (!*comma)
			fprintf(out, "broker, %s: ", trial->purpose);
		fprintf(out, "%s%s %s", comma, name,
			cell_count(count, (uint64_t)json_integer_value(value)));
		comma = ", ";
	}
	if (*comma)
		fputc('\n', out);
}

static void print_faults(const struct outcome *trial, FILE *out)
{
	const char *name, *comma = "";
	json_t *value;

	if (!trial->faults)
		return;
	fputs("faults: ", out);
	json_object_foreach(trial->faults, name, value)
	{
		fprintf(out, "%s%s ", comma, name);
		if (json_is_real(value))
			fprintf(out, "%.3g", json_real_value(value));
		else
			fprintf(out, "%lld", (long long)json_integer_value(value));
		comma = ", ";
	}
	fputc('\n', out);
}

void summary_trials(const struct summary *summary, FILE *out)
{
	char cells[SUMMARY_TRIALS_MOST][CELL];

	if (!summary->trial_count)
		return;
	for (unsigned i = 0; i < summary->trial_count; i++)
		snprintf(cells[i], CELL, "%s", summary->trials[i].purpose);
	table_row(out, "", cells, summary->trial_count);
	print_rows(summary, counts, sizeof(counts) / sizeof(*counts), out);
	print_latency(summary, false, "latency in us, from when a report was due", out);
	print_latency(summary, true, "latency in us, without what gaps touched", out);
	print_rows(summary, left_out, sizeof(left_out) / sizeof(*left_out), out);
	print_rows(summary, loads, sizeof(loads) / sizeof(*loads), out);
	if (summary->trials[0].broker.known)
		print_stages(summary, out);
	for (unsigned i = 0; i < summary->trial_count; i++) {
		const struct outcome *trial = &summary->trials[i];

		print_faults(trial, out);
		print_drops(trial, out);
		if (trial->why[0])
			fprintf(out, "%s: %s: %s\n", trial->purpose,
				search_verdict_name(trial->verdict), trial->why);
		if (trial->result.first_wrong[0])
			fprintf(out, "%s: the first wrong: %s\n", trial->purpose,
				trial->result.first_wrong);
	}
}

void summary_costs(const struct summary *summary, FILE *out)
{
	const struct broker_figures *after = &summary->after;

	if (after->taken && after->live)
		fprintf(out,
			"broker     %.0f MiB for %llu sessions: %.0f bytes each, everything "
			"counted\n",
			(double)after->bytes / 1048576, (unsigned long long)after->live,
			(double)after->bytes / (double)after->live);
	fprintf(out, "generator  %.0f MiB for %u devices\n", (double)summary->own_bytes / 1048576,
		summary->scenario->devices);
}

double summary_rate(const struct summary *summary)
{
	if (summary->scenario->load == SCENARIO_SEARCH)
		return summary->search.rate;
	return summary->trial_count ? summary->trials[0].result.rate : 0;
}

bool summary_kept(const struct summary *summary)
{
	bool kept = summary->trial_count > 0;

	if (summary->scenario->load == SCENARIO_SEARCH)
		kept = !summary->search_error && summary->search.rate > 0;
	for (unsigned i = 0; i < summary->trial_count; i++)
		kept = kept && summary->trials[i].verdict == SEARCH_PASSED;
	return kept;
}

void summary_free(struct summary *summary)
{
	for (unsigned i = 0; i < summary->trial_count; i++)
		outcome_free(&summary->trials[i]);
	for (unsigned i = 0; i < summary->step_count; i++)
		outcome_free(&summary->steps[i]);
	free(summary->steps);
	broker_change_free(&summary->login_broker);
	broker_free(&summary->before);
	broker_free(&summary->after);
	json_decref(summary->wire_counters);
	memset(summary, 0, sizeof(*summary));
}
