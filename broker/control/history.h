/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* history.h - the last 15 minutes, second by second: what sparklines are drawn from */
#pragma once

#include "control/control.h"

#include <stddef.h>

/** Samples kept: so many seconds. */
#define HISTORY_SAMPLES 900

struct rate_sample;

/**
 * struct history - samples of the series, one a second, the oldest overwritten; owned by the
 * control thread
 *
 * Made by history_new() for the workers of a broker; 900 samples of some 20 series are 144 KB.
 */
struct history;

/** history_new() - for a broker of @workers workers. Return: NULL without memory. */
struct history *history_new(unsigned workers);

/** history_free() - NULL is allowed. */
void history_free(struct history *history);

/**
 * history_take() - one more sample: what @view is now, and what @before and @now have grown by
 *
 * A second that brought no sample (the control thread was away) is not made up: the next sample
 * follows the last, with its own time.
 */
void history_take(struct history *history, struct broker_view *view,
	const struct rate_sample *before, const struct rate_sample *now);

/**
 * history_json() - the last @seconds samples
 *
 * Return: {"ok", "times": [Unix seconds], "series": {name: [one number a time]}, "units": {name:
 * "per_second"|"sessions"|"ratio"|"seconds"|"bytes"}}, oldest first. Owned by the caller.
 */
json_t *history_json(const struct history *history, unsigned seconds);
