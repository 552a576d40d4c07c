/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* faults.c - what a scenario does to devices while it measures */
#include "faults.h"

#include "histogram.h"

#include <string.h>

#define MS_NS UINT64_C(1000000)
/* Devices of a storm that are thrown out in a millisecond: more SYNs than a memif's ring holds
 * would be lost in our own port. A storm of 20,000 takes 80 ms to break out. */
#define THROWN_AT_ONCE 256u

struct outcome_rules faults_rules(const struct scenario *scenario)
{
	const struct scenario_faults *faults = &scenario->faults;

	return (struct outcome_rules){.late = scenario_disturbed(scenario),
		.ends = faults->storm.devices ||
			(faults->rebind.per_second > 0 && scenario->transport == SCENARIO_TCP)};
}

static json_t *wire_counters(struct load_wire *wire)
{
	json_t *counters = json_object();

	if (wire->report)
		wire->report(wire, counters);
	return counters;
}

void faults_begin(struct faults *faults, const struct scenario *scenario, struct load_wire *wire,
	struct load_trial *order, struct histogram *storm)
{
	*faults = (struct faults){.scenario = scenario,
		.wire = wire,
		.heard = wire_counters(wire),
		.order = order,
		.calm = order->latency,
		.storm = storm};
}

/* ---- a storm ---- */

static void break_out(struct faults *faults, struct load *load, uint64_t now)
{
	uint32_t devices = faults->scenario->faults.storm.devices;

	if (!faults->storm_began) {
		faults->storm_began = now;
		faults->order->latency = faults->storm;
	}
	for (unsigned i = 0; i < THROWN_AT_ONCE && faults->thrown < devices; i++)
		load_resume(load, faults->thrown++);
}

static void storm(struct faults *faults, struct load *load, uint64_t now)
{
	const struct scenario *scenario = faults->scenario;
	uint64_t at = faults->from + (uint64_t)(scenario->faults.storm.at * 1e9);

	if (!scenario->faults.storm.devices || now < at || faults->storm_ended)
		return;
	if (faults->thrown < scenario->faults.storm.devices) {
		break_out(faults, load, now);
	} else if (load_live(load) == scenario->devices) {
		faults->storm_ended = now;
		faults->order->latency = faults->calm;
	}
}

/* ---- devices that go on from another address ---- */

static void rebind(struct faults *faults, struct load *load, uint64_t now)
{
	const struct scenario *scenario = faults->scenario;
	double seconds = (double)(now - faults->from) * 1e-9;
	uint64_t due = (uint64_t)(scenario->faults.rebind.per_second * seconds);

	for (; faults->moved < due; faults->moved++) {
		if (scenario->transport == SCENARIO_UDP)
			load_rebind(load, faults->next);
		else
			load_resume(load, faults->next);
		if (++faults->next == scenario->devices)
			faults->next = 0;
	}
}

/* ---- slow readers ---- */

static void stall(struct faults *faults, struct load *load, bool stalled)
{
	const struct scenario *scenario = faults->scenario;
	double share = scenario->faults.slow_readers.share;
	uint32_t slow = (uint32_t)(share * scenario->devices + 0.5);

	for (uint32_t i = 0; i < slow; i++)
		load_stall(load, i, stalled);
	faults->stalls += stalled ? slow : 0;
	faults->stalled = stalled;
}

/* They stop for so long, read for as long, and so on. */
static void slow_readers(struct faults *faults, struct load *load, uint64_t now)
{
	const struct scenario *scenario = faults->scenario;
	uint64_t period = scenario->faults.slow_readers.stall_ms * MS_NS;
	bool stop;

	if (scenario->faults.slow_readers.share <= 0)
		return;
	stop = (now - faults->from) / period % 2 == 0;
	if (faults->stalled != stop)
		stall(faults, load, stop);
}

/* ---- strangers ---- */

static void flood(struct faults *faults, bool now)
{
	double share = faults->scenario->faults.hostile.share;

	if (share <= 0 || faults->flooded == now)
		return;
	faults->wire->strangers(faults->wire, now ? share : 0);
	faults->flooded = now;
}

void faults_turn(struct faults *faults, struct load *load, uint64_t now)
{
	const struct load_trial *order = faults->order;

	if (!faults->from) {
		faults->from = now + order->warmup_ms * MS_NS;
		faults->to = faults->from + order->measure_ms * MS_NS;
	}
	if (now < faults->from)
		return;
	storm(faults, load, now);
	flood(faults, now < faults->to);
	if (now < faults->to) {
		rebind(faults, load, now);
		slow_readers(faults, load, now);
	} else if (faults->stalled) {
		stall(faults, load, false);
	}
}

static void report_storm(const struct faults *faults, json_t *report)
{
	double seconds = (double)(faults->storm_ended - faults->storm_began) * 1e-9;

	json_object_set_new(report, "thrown_out", json_integer(faults->thrown));
	json_object_set_new(report, "seconds_until_all_live",
		faults->storm_ended ? json_real(seconds) : json_null());
	json_object_set_new(
		report, "answers_meanwhile", json_integer((json_int_t)faults->storm->total));
	json_object_set_new(report, "p50_us_meanwhile",
		json_real((double)histogram_quantile(faults->storm, 0.5) / 1000));
	json_object_set_new(report, "p99_us_meanwhile",
		json_real((double)histogram_quantile(faults->storm, 0.99) / 1000));
	json_object_set_new(report, "longest_us_meanwhile",
		json_real((double)histogram_quantile(faults->storm, 1) / 1000));
}

/* What strangers sent and heard in this trial. Return: datagrams to them that no replay of theirs
 * explains: a repeat's answer goes to where the repeat came from. */
static uint64_t report_strangers(const struct faults *faults, json_t *report)
{
	json_t *counters = wire_counters(faults->wire), *value;
	json_int_t replays, answers;
	const char *name;

	json_object_foreach(counters, name, value)
	{
		json_int_t before = json_integer_value(json_object_get(faults->heard, name));

		if (!strncmp(name, "stranger_", 9))
			json_object_set_new(
				report, name, json_integer(json_integer_value(value) - before));
	}
	json_decref(counters);
	replays = json_integer_value(json_object_get(report, "stranger_replays_udp"));
	answers = json_integer_value(json_object_get(report, "stranger_datagrams_in"));
	return answers > replays ? (uint64_t)(answers - replays) : 0;
}

void faults_end(struct faults *faults, struct load *load, struct outcome *outcome)
{
	const struct scenario_faults *asked = &faults->scenario->faults;
	json_t *report = json_object();

	if (faults->stalled)
		stall(faults, load, false);
	flood(faults, false);
	faults->order->latency = faults->calm;
	if (asked->loss > 0)
		json_object_set_new(report, "loss", json_real(asked->loss));
	if (asked->rebind.per_second > 0)
		json_object_set_new(report, "moved", json_integer((json_int_t)faults->moved));
	if (asked->slow_readers.share > 0)
		json_object_set_new(report, "stalls", json_integer((json_int_t)faults->stalls));
	if (asked->hostile.share > 0)
		outcome->betrayed = report_strangers(faults, report);
	if (asked->storm.devices) {
		report_storm(faults, report);
		if (faults->calm)
			histogram_merge(faults->calm, faults->storm);
	}
	if (json_object_size(report) > 0)
		outcome->faults = json_incref(report);
	json_decref(report);
	json_decref(faults->heard);
}
