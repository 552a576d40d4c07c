/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* instrument.h - one run of a scenario, from its file to its figures */
#pragma once

#include <stdbool.h>

#define INSTRUMENT_SETS_MAX 32

/**
 * struct instrument_options - the command line's part of a run
 * @scenario: its file; @set, @sets: texts KEY=VALUE that go before it
 * @csv: where its devices are written, to be imported; NULL: they are known already
 * @login: HOST:PORT; NULL: nothing is run
 * @device, @address, @gateway, @cpu, @megabytes, @pages: as struct wire_dpdk_config; @device NULL:
 *	kernel sockets
 * @beside: the broker's CPU; negative: not known
 * @feed, @control: NULL: the scenario's. A @feed of "none": the ring is not read
 * @json: where the figures go; @histograms: what the files of percentiles are called before
 *	their "-NAME.hgrm"; NULL: none
 */
struct instrument_options {
	const char *scenario, *csv, *login;
	const char *set[INSTRUMENT_SETS_MAX];
	unsigned sets;
	const char *device, *address, *gateway, *pages;
	unsigned cpu, megabytes;
	int beside;
	const char *feed, *control;
	const char *json, *histograms;
	bool quiet;
};

/** instrument_run() - Return: the exit status: 0 all was kept, 1 it was not, or nothing connected,
 * 2 it could not begin; with one line on stderr. */
int instrument_run(const struct instrument_options *options);
