/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* stages.h - private: a run of a scenario while it lasts */
#pragma once

#include "cores.h"
#include "instrument.h"
#include "summary.h"
#include "wire.h"

#include <stdio.h>

/**
 * struct instrument - what instrument.c prepares and stages.c does
 * @out: where people read; stderr where standard output is the JSON's
 * @control: of the broker; NULL: its figures stay unknown
 * @cores: the broker's and ours
 * @heartbeat_s: of the devices; 0: none
 * @second: when the next line about a trial is due; @last: what the one before had counted
 */
struct instrument {
	const struct instrument_options *options;
	struct scenario scenario;
	struct load_wire *wire;
	struct load *load;
	const char *control, *feed;
	struct cores cores;
	unsigned heartbeat_s;
	struct summary summary;
	FILE *out;
	uint64_t second, search_until;
	struct load_result last;
};

/** stages_run() - log in, search, measure. Return: 0 or -errno, told. */
int stages_run(struct instrument *run);
