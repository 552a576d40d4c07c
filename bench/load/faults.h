/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* faults.h - what a scenario does to devices while it measures: storms, stalls, new addresses */
#pragma once

#include "load.h"
#include "outcome.h"
#include "scenario.h"
#include "wire.h"

struct histogram;

/**
 * struct faults - during one trial
 * @wire: what strangers send on; @heard: its counters before the trial; owned until faults_end()
 * @flooded: strangers send now
 * @order: the trial's, whose histogram a storm changes
 * @from, @to: the measured time, on the engine's clock; nothing is done outside it
 * @calm: the trial's own histogram; @storm: of answers between a storm's begin and its end
 * @next: the device that is to be moved next; @moved: so many were
 * @thrown: devices that lost their connection; @storm_began, @storm_ended: 0: not yet
 * @stalled: slow readers read nothing now; @stalls: times that one stopped
 */
struct faults {
	const struct scenario *scenario;
	struct load_wire *wire;
	json_t *heard;
	bool flooded;
	struct load_trial *order;
	uint64_t from, to;
	struct histogram *calm, *storm;
	uint32_t next;
	uint64_t moved;
	uint32_t thrown;
	uint64_t storm_began, storm_ended;
	bool stalled;
	uint64_t stalls;
};

/** faults_rules() - what is no failure under a scenario's faults. */
struct outcome_rules faults_rules(const struct scenario *scenario);

/** faults_begin() - before the trial @order, whose histograms are set; @storm is empty. */
void faults_begin(struct faults *faults, const struct scenario *scenario, struct load_wire *wire,
	struct load_trial *order, struct histogram *storm);

/** faults_turn() - from the trial's turns, about once a millisecond. */
void faults_turn(struct faults *faults, struct load *load, uint64_t now);

/** faults_end() - everybody reads again; a storm's answers join the others'. Sets what was done,
 * and what strangers heard, in @outcome. */
void faults_end(struct faults *faults, struct load *load, struct outcome *outcome);
