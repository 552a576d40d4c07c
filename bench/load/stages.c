/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* stages.c - a run's stages: devices log in, the rate is searched, latency is measured */
#include "stages.h"

#include "faults.h"
#include "gaps.h"
#include "histogram.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Devices/s that come in at least, or the login is given up. */
#define LOGIN_PACE 1000
#define LOGIN_PATIENCE 30
/* Where frames are lost by intent some logins are repeated, after 10 s, more than once. */
#define LOGIN_PATIENCE_LOSS 180
/* A reported trial that others spoilt is made again so often. */
#define VOIDS_MOST 3
/* Until what is under way has come: a TCP retransmission, a datagram's repeat after 10 s. */
#define DRAIN_MS 3000
#define DRAIN_REPEATS_MS 25000
/* Over UDP nobody sends again what is lost: if nothing has come for so long, nothing will. */
#define DRAIN_QUIET_MS 200
/* After overload all that is unanswered goes again, every device's twice a second. */
#define DRAIN_DROWNED_MS 1500
#define SECOND_NS UINT64_C(1000000000)

static struct histogram raw, clean, storm;
/* of a trial that is reported; written before, so that none of it is new memory while measuring */
static struct slow slow;

static void on_login(void *context, uint32_t live, double rate)
{
	struct instrument *run = context;

	if (run->options->quiet)
		return;
	fprintf(run->out, "           %u of %u devices live, %.0f a second\n", live,
		run->scenario.devices, rate);
	fflush(run->out);
}

/* All that are not live come in. */
static int log_in(struct instrument *run, struct load_login_result *result)
{
	double seconds = (double)run->scenario.devices / LOGIN_PACE;
	int rc;

	seconds += run->scenario.faults.loss > 0 ? LOGIN_PATIENCE_LOSS : LOGIN_PATIENCE;

	if (run->scenario.login.rate > 0)
		seconds += run->scenario.devices / run->scenario.login.rate;
	rc = load_login(run->load, seconds, result, on_login, run);
	if (rc == -ETIMEDOUT)
		fprintf(stderr,
			"hearth-fleet: %u of %u devices were live after %.0f s: does the broker "
			"know them (--csv FILE, then hearthctl device import FILE), and are its "
			"limits wide enough?\n",
			result->devices, run->scenario.devices, result->seconds);
	return rc;
}

static int take_broker(struct instrument *run, struct broker_figures *figures)
{
	memset(figures, 0, sizeof(*figures));
	return run->control ? broker_take(run->control, figures) : 0;
}

static int first_login(struct instrument *run)
{
	struct summary *summary = &run->summary;
	struct broker_figures after;
	int rc = log_in(run, &summary->login);

	if (rc < 0)
		return rc;
	rc = take_broker(run, &after);
	broker_between(&summary->before, &after, true, &summary->login_broker);
	broker_free(&after);
	summary_login(summary, run->out);
	return rc;
}

/* A line each second of what a trial has done in it. */
static void tell(struct instrument *run, struct load *load, uint64_t now)
{
	struct load_result counts;

	if (now < run->second)
		return;
	load_progress(load, &counts);
	if (run->second)
		fprintf(run->out,
			"           sent %llu/s  answered %llu/s  delivered %llu/s  under way %llu "
			" "
			"late %llu  wrong %s\n",
			(unsigned long long)(counts.sent - run->last.sent),
			(unsigned long long)(counts.answered - run->last.answered),
			(unsigned long long)(counts.delivered - run->last.delivered),
			(unsigned long long)counts.unanswered, (unsigned long long)counts.late,
			counts.first_wrong[0] ? counts.first_wrong : "0");
	fflush(run->out);
	run->last = counts;
	run->second = now + SECOND_NS;
}

/**
 * struct plan - a trial to be made
 * @purpose, @share: as struct outcome's
 * @rate: 0: heartbeats only, or a closed loop
 * @faults: the scenario's happen in it
 * @tell: a line each second; @reported: what gaps of the broker's core touched is looked for
 */
struct plan {
	const char *purpose;
	double share, rate, seconds;
	struct outcome_rules rules;
	bool faults, tell, reported;
};

/** struct moment - what a trial's turns need */
struct moment {
	struct instrument *run;
	const struct plan *plan;
	struct faults faults;
};

static void on_turn(void *context, struct load *load, uint64_t now)
{
	struct moment *moment = context;

	if (moment->plan->faults)
		faults_turn(&moment->faults, load, now);
	if (moment->plan->tell && !moment->run->options->quiet)
		tell(moment->run, load, now);
}

static double heartbeats_per_second(const struct instrument *run)
{
	return run->heartbeat_s ? (double)run->scenario.devices / run->heartbeat_s : 0;
}

/* How long answers are waited for; a trial ends earlier when none is missing any more. */
static uint32_t drain_ms(const struct instrument *run, const struct plan *plan)
{
	if (run->scenario.drain > 0)
		return (uint32_t)(run->scenario.drain * 1000);
	return plan->rules.late || plan->rules.drowns ? DRAIN_REPEATS_MS : DRAIN_MS;
}

static uint32_t drain_quiet_ms(const struct instrument *run, const struct plan *plan)
{
	bool repeats = plan->rules.late || plan->rules.ends;

	if (plan->rules.drowns)
		return DRAIN_DROWNED_MS;
	return run->scenario.transport == SCENARIO_UDP && !repeats ? DRAIN_QUIET_MS : 0;
}

/* Were the CPUs badly placed in a trial that failed? What they are waited for is no time of the
 * search's. */
static bool well_placed_again(struct instrument *run)
{
	double waited = run->cores.waited;
	bool again = cores_wait(&run->cores);

	run->search_until += (uint64_t)((run->cores.waited - waited) * 1e9);
	return again;
}

/* What gaps of the broker's core touched goes, too; what else was slow comes to the clean ones. */
static void leave_out(const struct instrument *run, const struct plan *plan,
	const struct broker_figures *before, const struct broker_figures *after,
	struct outcome *trial)
{
	struct gaps *gaps = &trial->gaps;
	struct gap_span *spans = NULL;
	size_t count = 0;

	gaps->own_left_out = raw.total - clean.total - slow.count;
	gaps->own_share =
		trial->result.seconds > 0 ? trial->result.stolen_s / trial->result.seconds : 0;
	/* through the kernel a turn waits for it, and answers do: nobody's theft */
	gaps->known = plan->reported && !run->wire->kernel && before->taken && after->taken &&
		      after->turns >= before->turns && after->clock.ns > before->clock.ns &&
		      json_array_size(after->gap_log);
	if (gaps->known) {
		count = gaps_between(before->gap_log, &before->clock, after->gap_log, &after->clock,
			&spans, gaps);
		gaps->share = (double)gaps->ns / (double)(after->clock.ns - before->clock.ns) /
			      (double)json_array_size(after->gap_log);
		gaps->unkept = slow.more;
	}
	gaps->left_out = gaps_leave_out(&slow, spans, count, &clean);
	free(spans);
}

static int make_trial(struct instrument *run, const struct plan *plan, struct outcome *trial)
{
	const struct scenario *scenario = &run->scenario;
	struct load_trial order = {.rate = plan->rate,
		.closed = scenario->load == SCENARIO_CLOSED ? scenario->outstanding : 0,
		.warmup_ms = (uint32_t)(scenario->warmup * 1000),
		.measure_ms = (uint32_t)(plan->seconds * 1000),
		.drain_ms = drain_ms(run, plan),
		.prepared = plan->rules.drowns,
		.quiet_ms = drain_quiet_ms(run, plan),
		.latency = &raw,
		.latency_clean = &clean,
		.slow = plan->reported ? &slow : NULL,
		.turn = on_turn};
	struct moment moment = {.run = run, .plan = plan};
	struct outcome_rules rules = plan->rules;
	struct load_login_result again;
	struct broker_figures before, after;
	int rc;

	memset(trial, 0, sizeof(*trial));
	snprintf(trial->purpose, sizeof(trial->purpose), "%s", plan->purpose);
	trial->share = plan->share;
	trial->offered = plan->rate;
	order.heartbeats_only = order.rate <= 0 && !order.closed;
	histogram_reset(&raw);
	histogram_reset(&clean);
	histogram_reset(&storm);
	if (plan->reported)
		memset(&slow, 0, sizeof(slow));
	slow.count = slow.more = 0;
	order.context = &moment;
	if (plan->faults)
		faults_begin(&moment.faults, scenario, run->wire, &order, &storm);
	run->second = 0;
	rc = load_live(run->load) < scenario->devices ? log_in(run, &again) : 0;
	if (rc == 0)
		rc = take_broker(run, &before);
	if (rc < 0)
		return rc;
	rc = load_trial(run->load, &order, &trial->result);
	if (plan->faults)
		faults_end(&moment.faults, run->load, trial);
	if (rc == 0)
		rc = take_broker(run, &after);
	if (rc == 0) {
		broker_between(&before, &after, false, &trial->broker);
		trial->broker_busy = broker_busy(
			&after, &trial->broker, trial->result.rate + heartbeats_per_second(run));
		leave_out(run, plan, &before, &after, trial);
		outcome_latency(&raw, &trial->raw);
		outcome_latency(&clean, &trial->clean);
		broker_free(&after);
		rules.kernel = run->wire->kernel;
		outcome_judge(trial, &rules);
		if (trial->verdict == SEARCH_FAILED && well_placed_again(run)) {
			rules.parted = true;
			outcome_judge(trial, &rules);
		}
	}
	broker_free(&before);
	return rc;
}

static void write_histograms(const struct instrument *run, const struct outcome *trial)
{
	const struct histogram *const both[] = {&raw, &clean};
	static const char *const names[] = {"", "-clean"};
	char path[4096], name[sizeof(trial->purpose)];
	FILE *file;

	if (!run->options->histograms)
		return;
	for (size_t i = 0; i < sizeof(name); i++) {
		char c = trial->purpose[i];

		name[i] = c == ' ' || c == '/' ? '-' : c == '%' ? 'p' : c;
	}
	for (unsigned i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s-%s%s.hgrm", run->options->histograms, name,
			names[i]);
		file = fopen(path, "we");
		if (!file || histogram_write(both[i], file) < 0)
			fprintf(stderr, "hearth-fleet: %s: %s\n", path, strerror(errno));
		if (file)
			fclose(file);
	}
}

/* A trial that is reported: again if others spoilt it, a few times. */
static int report_trial(struct instrument *run, const struct plan *plan)
{
	struct summary *summary = &run->summary;
	struct outcome *trial = &summary->trials[summary->trial_count];
	int rc;

	for (unsigned tries = 1;; tries++) {
		rc = make_trial(run, plan, trial);
		if (rc < 0 || trial->verdict != SEARCH_VOID || tries == VOIDS_MOST)
			break;
		if (!run->options->quiet)
			fprintf(run->out, "           %s: void, %s: again\n", plan->purpose,
				trial->why);
		outcome_free(trial);
	}
	if (rc < 0) {
		outcome_free(trial);
		return rc;
	}
	write_histograms(run, trial);
	summary->trial_count++;
	return 0;
}

static int search_step(
	void *context, double rate, enum search_phase phase, enum search_verdict *verdict)
{
	struct instrument *run = context;
	struct summary *summary = &run->summary;
	const struct plan plan = {.purpose = search_phase_name(phase),
		.rate = rate,
		.seconds = run->scenario.search.seconds};
	struct outcome *steps, *step;
	int rc;

	steps = realloc(summary->steps, (summary->step_count + 1) * sizeof(*steps));
	if (!steps)
		return -ENOMEM;
	summary->steps = steps;
	step = &steps[summary->step_count];
	rc = make_trial(run, &plan, step);
	if (rc < 0) {
		outcome_free(step);
		return rc;
	}
	summary->step_count++;
	*verdict = step->verdict;
	if (!run->options->quiet)
		summary_step(summary, run->out);
	return 0;
}

static bool is_late(void *context)
{
	const struct instrument *run = context;

	return run->scenario.search.within > 0 && load_now() >= run->search_until;
}

static int search(struct instrument *run)
{
	const struct scenario_search *search = &run->scenario.search;
	const struct search_config config = {.from = search->from,
		.to = search->to,
		.precision = search->precision,
		.repeat = search->repeat,
		.late = is_late};
	struct search_result *found = &run->summary.search;
	int rc;

	run->search_until = load_now() + (uint64_t)(search->within * 1e9);
	rc = search_run(&config, search_step, run, found);
	run->summary.search_error = rc;
	switch (rc) {
	case 0:
		if (found->coarse)
			fprintf(run->out,
				"           no time for more: the limit may lie higher\n");
		fprintf(run->out,
			found->failed > 0 ? "found      %.0f reports/s with zero loss; %.0f fail\n"
					  : "found      %.0f reports/s with zero loss, the highest "
					    "rate to be tried\n",
			found->rate, found->failed);
		return 0;
	case -ENOENT:
		fprintf(stderr,
			"hearth-fleet: no rate was kept, down to %.0f/s: the last trial: "
			"%s\n",
			config.from * SEARCH_FLOOR,
			run->summary.steps[run->summary.step_count - 1].why);
		return rc;
	case -EBUSY:
		fprintf(stderr,
			"hearth-fleet: %u trials in a row were void: other work has too "
			"much of this machine\n",
			SEARCH_VOIDS_MOST);
		return rc;
	case -E2BIG:
		fprintf(stderr, "hearth-fleet: no rate held in %u trials\n", SEARCH_TRIALS_MOST);
		return rc;
	default:
		return rc;
	}
}

/* More than can be taken: what is kept up of the peak is what counts. */
static int drown(struct instrument *run, double peak)
{
	const struct plan plan = {.purpose = "overload",
		.rate = peak * run->scenario.offered,
		.seconds = run->scenario.seconds,
		.rules.drowns = true,
		.tell = true};
	int rc = report_trial(run, &plan);
	struct outcome *trial = &run->summary.trials[run->summary.trial_count - 1];

	if (rc < 0)
		return rc;
	trial->faults = json_pack("{s:f, s:f}", "offered_times_peak", run->scenario.offered,
		"goodput_of_peak", trial->result.rate / peak);
	return 0;
}

static int measure(struct instrument *run)
{
	const struct scenario *scenario = &run->scenario;
	struct plan plan = {.purpose = "rate",
		.rate = scenario->rate,
		.seconds = scenario->seconds,
		.tell = true,
		.faults = true,
		.rules = faults_rules(scenario)};

	/* where answers are late by intent a wake would have no end */
	plan.reported = !plan.rules.late && !plan.rules.ends;
	if (scenario->load == SCENARIO_CLOSED) {
		plan.purpose = "closed loop";
		plan.rate = 0;
	} else if (scenario->rate <= 0) {
		plan.purpose = "heartbeats";
	}
	return report_trial(run, &plan);
}

static int latencies(struct instrument *run, double found)
{
	const struct scenario *scenario = &run->scenario;
	char purpose[40];
	int rc = 0;

	for (uint32_t i = 0; i < scenario->latencies && rc == 0; i++) {
		const struct plan plan = {.purpose = purpose,
			.share = scenario->latency_at[i],
			.rate = found * scenario->latency_at[i],
			.seconds = scenario->seconds,
			.tell = true,
			.reported = true};

		snprintf(purpose, sizeof(purpose), "at %.4g %%", 100 * plan.share);
		rc = report_trial(run, &plan);
	}
	return rc;
}

int stages_run(struct instrument *run)
{
	const struct scenario *scenario = &run->scenario;
	double peak = scenario->rate;
	int rc = first_login(run);

	if (rc == 0 && scenario->load == SCENARIO_SEARCH) {
		rc = search(run);
		peak = run->summary.search.rate;
		if (rc == 0)
			rc = latencies(run, peak);
	} else if (rc == 0 && !scenario->prepared) {
		rc = measure(run);
	}
	if (rc == 0 && scenario->prepared)
		rc = drown(run, peak);
	if (rc == 0)
		rc = take_broker(run, &run->summary.after);
	return rc;
}
