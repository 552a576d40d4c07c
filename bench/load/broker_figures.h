/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* broker_figures.h - what the broker says of itself, before and after a trial */
#pragma once

#include "gaps.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * The broker is asked on its control socket, outside the measured time: making the answer costs the
 * CPU that the instrument polls on a millisecond. Its cycles are therefore set against the requests
 * that it counted itself between the two answers, not against ours.
 */

/**
 * struct broker_figures - cumulative since the broker's start, all workers together
 * @taken: the rest means something
 * @busy, @idle: cycles of turns with and without work
 * @gap_us: time between turns in which something else had the core
 * @us: when it was asked, on the monotonic clock
 * @requests, @heartbeats, @connects: accepted
 * @live, @limit: sessions now, and how many there can be; @devices: provisioned
 * @bytes: memory, everything counted
 * @clock: when the counter of @gap_log had which value
 * @gap_log: of each worker, {"count", "log": [[begin, end], ..]}; owned
 * @stages: {stage: cycles}; @counters: {layer: {name: value}}, sums; owned
 * @process: {kind: bytes}; owned
 */
struct broker_figures {
	bool taken;
	unsigned workers;
	uint64_t busy, idle, turns, tsc_hz;
	uint64_t us;
	double gap_us;
	uint64_t requests, heartbeats, connects;
	uint64_t live, limit, devices;
	uint64_t bytes;
	json_t *stages, *counters, *process;
	struct gaps_clock clock;
	json_t *gap_log;
};

/** broker_take() - ask the broker at @path. Return: 0, or -EIO with one line on stderr. */
int broker_take(const char *path, struct broker_figures *figures);

/** broker_read() - the same from a status at hand. */
void broker_read(const json_t *status, struct broker_figures *figures);

/** broker_free() - what broker_take() allocated; zeroed afterwards. */
void broker_free(struct broker_figures *figures);

/**
 * struct broker_change - between two askings
 * @known: both were answered, by the same run of the broker
 * @requests: those it accepted: reports and heartbeats
 * @cycles: per request (of a login trial: per connect); 0 if there was none
 * @stolen: share of the time in which something else had the workers' cores
 * @grown: {name: count} of every counter of workers and ports that grew; owned
 * @stages: {name: cycles per request}; owned
 */
struct broker_change {
	bool known;
	uint64_t requests, heartbeats, connects;
	double cycles, stolen;
	json_t *grown, *stages;
};

/** broker_between() - @per_connect: cycles are set against connects, for logins */
void broker_between(const struct broker_figures *before, const struct broker_figures *after,
	bool per_connect, struct broker_change *change);

/** broker_is_loss() - does a counter of this name count what was dropped, refused or sent again? */
bool broker_is_loss(const char *counter);

/** broker_change_free() - zeroed afterwards. */
void broker_change_free(struct broker_change *change);

/**
 * broker_busy() - share of its time that a worker needs for so many requests a second, by the
 * cycles that each took; more than 1: it cannot
 */
double broker_busy(const struct broker_figures *figures, const struct broker_change *change,
	double requests_per_second);
