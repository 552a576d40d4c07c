/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* trial.c - all devices log in; one trial: warm-up, measured time, drain, accounts */
#include "engine.h"

#include <errno.h>
#include <time.h>
#include <x86intrin.h>

/** At the drain's end nothing more comes if nothing came for so long. */
#define QUIET_NS (20 * MS_NS)
/** A heartbeat that has waited so long at a trial's end is not answered any more. */
#define BEAT_NS (100 * MS_NS)

static uint64_t busy_cycles(const struct load *load)
{
	uint64_t cycles = 0;

	for (unsigned i = 0; i < LOAD_PART_COUNT; i++)
		cycles += i == LOAD_PART_IDLE ? 0 : load->cycles[i];
	return cycles;
}

static int on_wire(struct load *load, int (*loop)(void *), void *argument)
{
	load->mark = __rdtsc();
	return load->wire->run ? load->wire->run(load->wire, loop, argument) : loop(argument);
}

/* ---- logins ---- */

struct login_errand {
	struct load *load;
	double seconds;
	uint64_t began, ended;
	void (*progress)(void *context, uint32_t live, double rate);
	void *context;
};

static int login_loop(void *argument)
{
	struct login_errand *errand = argument;
	struct load *load = errand->load;
	uint64_t next = 0, until, counted;
	uint32_t live = load->live;

	load->mark = __rdtsc();
	errand->began = errand->ended = counted = load->login_from = load->beat_from = load_now();
	load->login_begun = 0;
	until = errand->seconds > 0 ? errand->began + (uint64_t)(errand->seconds * 1e9)
				    : UINT64_MAX;
	next = errand->began + SECOND_NS;
	while (load->live < load->config.devices) {
		load_turn(load);
		errand->ended = load->now;
		if (load->stop)
			return -EINTR;
		if (load->now >= until)
			return -ETIMEDOUT;
		if (load->now < next)
			continue;
		next += SECOND_NS;
		if (errand->progress)
			errand->progress(errand->context, load->live,
				((double)load->live - live) * 1e9 / (double)(load->now - counted));
		live = load->live;
		counted = load->now;
	}
	return 0;
}

int load_login(struct load *load, double seconds, struct load_login_result *result,
	void (*progress)(void *context, uint32_t live, double rate), void *context)
{
	struct login_errand errand = {load, seconds, 0, 0, progress, context};
	struct figures before = load->figures;
	uint64_t busy = busy_cycles(load), idle = load->cycles[LOAD_PART_IDLE];
	uint32_t live = load->live;
	int rc = on_wire(load, login_loop, &errand);

	busy = busy_cycles(load) - busy;
	idle = load->cycles[LOAD_PART_IDLE] - idle;
	*result = (struct load_login_result){
		.devices = load->live,
		.logins = load->figures.logins - before.logins,
		.connects = load->figures.connects - before.connects,
		.retried = load->figures.retried - before.retried,
		.failed = load->figures.failed - before.failed,
		.seconds = (double)(errand.ended - errand.began) * 1e-9,
		.busy_share = busy + idle ? (double)busy / (double)(busy + idle) : 0,
	};
	if (result->seconds > 0)
		result->rate = ((double)load->live - live) / result->seconds;
	return rc;
}

/* ---- trials ---- */

/** struct sample - counts at one moment of a trial */
struct sample {
	uint64_t at, cycles[LOAD_PART_COUNT], turns;
	uint64_t gaps, gap_total;
	uint64_t ran;    /* ns of CPU that this thread has had */
	uint64_t waited; /* of a wire through the kernel */
};

struct trial_errand {
	struct load *load;
	struct sample from, to;
};

static void take_sample(struct load *load, struct sample *sample)
{
	struct timespec ran;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ran);
	*sample = (struct sample){.at = load->now,
		.turns = load->turns,
		.gaps = load->gaps,
		.gap_total = load->gap_total,
		.ran = (uint64_t)ran.tv_sec * SECOND_NS + (uint64_t)ran.tv_nsec,
		.waited = load->wire->waited ? load->wire->waited(load->wire) : 0};
	memcpy(sample->cycles, load->cycles, sizeof(sample->cycles));
}

/** struct drain - the end of a trial: since when all has come, and since when nothing has */
struct drain {
	uint64_t came, whole_since, quiet_since;
};

/* Everything answered, everybody back, and nothing new at the ring for a while? Or will nothing
 * more come? */
static bool drained(struct load *load, struct drain *drain)
{
	const struct figures *figures = &load->figures;
	const struct load_trial *trial = load->run.trial;
	bool asked = trial->heartbeats_only && load->oldest != NO_SLOT;
	bool away = load->live < load->config.devices;
	uint64_t came = figures->events + figures->answered + figures->refused + figures->failures +
			figures->logins + figures->connects +
			(trial->heartbeats_only ? figures->heartbeats_answered : 0);

	if (drain->came != came)
		drain->whole_since = drain->quiet_since = load->now;
	drain->came = came;
	if (load->run.open > 0 || asked || away)
		drain->whole_since = load->now;
	return load->now - drain->whole_since >= QUIET_NS ||
	       (trial->quiet_ms && load->now - drain->quiet_since >= trial->quiet_ms * MS_NS);
}

static int trial_loop(void *argument)
{
	struct trial_errand *errand = argument;
	struct load *load = errand->load;
	const struct load_trial *trial = load->run.trial;
	struct drain drain = {.came = UINT64_MAX};
	uint64_t tick, until;

	load->mark = __rdtsc();
	load->now = load_now();
	schedule_begin(load);
	tick = load->now;
	until = load->run.to + trial->drain_ms * MS_NS;
	load->gap_longest = 0;
	for (;;) {
		load_turn(load);
		if (load->stop)
			return -EINTR;
		if (!errand->from.at && load->now >= load->run.from)
			take_sample(load, &errand->from);
		if (!errand->to.at && load->now >= load->run.to)
			take_sample(load, &errand->to);
		if (trial->turn && load->now >= tick) {
			trial->turn(trial->context, load, load->now);
			build_flush(load);
			tick = load->now + MS_NS;
		}
		if (load->now >= load->run.to && (load->now >= until || drained(load, &drain)))
			return 0;
	}
}

/* Sent and not seen at the ring, over all devices. */
static uint64_t owed(const struct load *load)
{
	uint64_t sum = load->figures.gone;

	for (uint32_t i = 0; i < load->config.devices; i++)
		sum += account_owed(&load->devices[i].account);
	return load->feed ? sum : 0;
}

static uint64_t open_measured(const struct load *load)
{
	uint64_t count = 0;

	for (uint32_t slot = load->oldest; slot != NO_SLOT; slot = load->slots[slot].newer)
		count += load->slots[slot].measured;
	return count;
}

static bool is_late_heartbeat(const struct load *load, const struct slot *s)
{
	return s->kind == REQUEST_HEARTBEAT && s->sent + BEAT_NS <= load->now;
}

static uint64_t late_heartbeats(const struct load *load)
{
	uint64_t count = 0;

	for (uint32_t slot = load->oldest; slot != NO_SLOT; slot = load->slots[slot].newer)
		count += is_late_heartbeat(load, &load->slots[slot]);
	return count;
}

/*
 * What is unanswered at a trial's end has been counted there. It would only burden the next ones: a
 * repeat after ten seconds is too far behind the device's newest number to be answered over UDP,
 * and for want of an answer its device would give its session up, trials later.
 */
static void give_up(struct load *load)
{
	uint32_t slot, next;

	for (slot = load->oldest; slot != NO_SLOT; slot = next) {
		const struct slot *s = &load->slots[slot];

		next = s->newer;
		if (s->kind != REQUEST_REPORT && !is_late_heartbeat(load, s))
			continue;
		if (s->kind == REQUEST_REPORT)
			load->run.open--;
		life_spare(&load->devices[s->device]);
		slot_put(load, slot);
	}
}

/* Time that others had: what the kernel says was not ours, or, of a host below it, our own gaps.
 * Where frames travel through the kernel, its interrupts have their share of that: there it is what
 * this thread waited. */
static double stolen(const struct load *load, const struct sample *from, const struct sample *to)
{
	double gaps = (double)(to->gap_total - from->gap_total) / (load->tsc_ghz * 1e9);
	double taken = (double)(to->at - from->at) * 1e-9 - (double)(to->ran - from->ran) * 1e-9;

	if (load->wire->kernel)
		return (double)(to->waited - from->waited) * 1e-9;
	return taken > gaps ? taken : gaps;
}

/* What is counted as it happens. */
static void count_up(const struct load *load, struct load_result *result)
{
	const struct figures *after = &load->figures, *before = &load->run.before;
	const struct run *run = &load->run;

	*result = (struct load_result){
		.offered = run->trial->rate > 0 ? run->end - run->first : run->sent,
		.sent = run->sent,
		.sent_all = after->sent - before->sent,
		.late = run->late,
		.skipped = run->skipped,
		.answered = run->answered,
		.refused = run->refused,
		.failed = run->failures,
		.denied = after->refused - before->refused + after->failures - before->failures,
		.repeated = after->repeated - before->repeated,
		.unanswered = run->unanswered + open_measured(load),
		.unanswered_all = after->unanswered - before->unanswered + run->open,
		.delivered = after->events - before->events,
		.doubled = after->doubled - before->doubled,
		.heartbeats = after->heartbeats - before->heartbeats,
		.heartbeats_answered = after->heartbeats_answered - before->heartbeats_answered,
		.heartbeats_lost = late_heartbeats(load),
		.of_subdevices = after->of_subdevices - before->of_subdevices,
		.bound = load->bound,
		.checked = after->checked - before->checked,
		.offline = after->offline - before->offline,
		.disconnected = after->disconnected - before->disconnected,
		.relogins = after->relogins - before->relogins,
		.tsc_hz = (uint64_t)(load->tsc_ghz * 1e9),
	};
	for (unsigned i = 0; i < LOAD_WRONG_COUNT; i++)
		result->wrong[i] = after->wrong[i] - load->told[i];
	memcpy(result->first_wrong, load->first_wrong, sizeof(result->first_wrong));
}

/* What only its end tells. */
static void fill_in(
	const struct load *load, const struct trial_errand *errand, struct load_result *result)
{
	const struct sample *from = &errand->from, *to = &errand->to;
	double hz = load->tsc_ghz * 1e9;

	count_up(load, result);
	result->seconds = (double)(to->at - from->at) * 1e-9;
	result->turns = to->turns - from->turns;
	result->stolen_s = stolen(load, from, to);
	result->stolen_gaps = to->gaps - from->gaps;
	result->stolen_longest_s = (double)load->gap_longest / hz;
	for (unsigned i = 0; i < LOAD_PART_COUNT; i++)
		result->cycles[i] = to->cycles[i] - from->cycles[i];
	if (result->seconds > 0)
		result->rate = (double)load->run.answered_in_time / result->seconds;
}

int load_trial(struct load *load, const struct load_trial *trial, struct load_result *result)
{
	struct trial_errand errand = {.load = load};
	uint64_t drops = load->wire->drops(load->wire), lost = owed(load);
	int rc;

	if (trial->prepared && !load->frames)
		return -EINVAL;
	load->run.trial = trial;
	if (load->wire->wait)
		load->wire->wait(load->wire, !trial->prepared);
	rc = on_wire(load, trial_loop, &errand);
	if (load->wire->wait)
		load->wire->wait(load->wire, true);
	load->run.on = false;
	fill_in(load, &errand, result);
	result->sender_drops = load->wire->drops(load->wire) - drops + load->run.dropped;
	/* what an earlier trial had given up may have come now */
	lost = owed(load) - lost;
	result->lost = (int64_t)lost > 0 ? lost : 0;
	give_up(load);
	/* no longer of any trial */
	for (uint32_t slot = load->oldest; slot != NO_SLOT; slot = load->slots[slot].newer)
		load->slots[slot].measured = false;
	memcpy(load->told, load->figures.wrong, sizeof(load->told));
	load->first_wrong[0] = '\0';
	return rc;
}

void load_progress(const struct load *load, struct load_result *counts)
{
	const struct figures *figures = &load->figures;

	*counts = (struct load_result){.sent = figures->sent,
		.late = load->run.late,
		.answered = figures->answered,
		.refused = figures->refused,
		.failed = figures->failures,
		.unanswered = load->run.open,
		.delivered = figures->events,
		.doubled = figures->doubled,
		.heartbeats = figures->heartbeats,
		.heartbeats_answered = figures->heartbeats_answered};
	memcpy(counts->wrong, figures->wrong, sizeof(counts->wrong));
	memcpy(counts->first_wrong, load->first_wrong, sizeof(counts->first_wrong));
}

bool load_kept(const struct load_result *result)
{
	for (unsigned i = 0; i < LOAD_WRONG_COUNT; i++)
		if (result->wrong[i])
			return false;
	return result->sent == result->offered && result->answered == result->sent &&
	       !result->refused && !result->failed && !result->unanswered && !result->lost &&
	       !result->doubled && !result->sender_drops && !result->disconnected &&
	       result->late * 1000 < result->offered + !result->offered;
}
