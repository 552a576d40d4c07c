/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* options_scenario.c - the command line where a scenario is run instead of the fleet */
#include "options.h"

#include <errno.h>

int options_set(struct options *options, const char *text)
{
	struct instrument_options *instrument = &options->instrument;

	if (instrument->sets == INSTRUMENT_SETS_MAX) {
		fprintf(stderr, "hearth-fleet: more than %d --set: write a scenario file\n",
			INSTRUMENT_SETS_MAX);
		return -EINVAL;
	}
	instrument->set[instrument->sets++] = text;
	return 0;
}

static int refuse(const char *text)
{
	fprintf(stderr, "hearth-fleet: %s\n", text);
	return -EINVAL;
}

int options_scenario(struct options *options, const char *other)
{
	struct instrument_options *instrument = &options->instrument;

	if (!instrument->scenario) {
		if (instrument->sets || instrument->feed || instrument->histograms ||
			instrument->beside >= 0)
			return refuse("--set, --feed, --beside and --histograms go with "
				      "--scenario");
		return 0;
	}
	if (other) {
		fprintf(stderr,
			"hearth-fleet: --%s is not for a --scenario: what it does stands in its "
			"file, "
			"and --set KEY=VALUE changes that\n",
			other);
		return -EINVAL;
	}
	if (!options->login && !options->csv)
		return refuse(
			"--scenario needs --csv FILE, to write its devices, or --login, to run "
			"it");
	instrument->csv = options->csv;
	instrument->login = options->login;
	instrument->device = options->device;
	instrument->address = options->address_text;
	instrument->gateway = options->gateway_text;
	instrument->pages = options->pages_text;
	instrument->cpu = options_cpu(options);
	instrument->megabytes = options->megabytes;
	instrument->control = options->control;
	instrument->json = options->json;
	instrument->quiet = options->quiet;
	return 0;
}
