/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* control_rates.c - growth per second of a few counters: over the last second, since the start */
#include "control/control_private.h"

#include <string.h>

#define SAMPLE_US 1000000

#define RATE_NAME(id, name, counter) [id] = name,
#define RATE_COUNTER(id, name, counter) [id] = counter,
static const char *const rate_names[] = {RATES(RATE_NAME)};
static const char *const rate_counters[] = {RATES(RATE_COUNTER)};

static void add_view(struct rate_sample *sample, const struct counter_view *view)
{
	for (unsigned i = 0; i < view->count; i++) {
		for (unsigned rate = 0; rate < RATE_COUNT; rate++) {
			if (!strcmp(view->info[i].name, rate_counters[rate]))
				sample->values[rate] += counter_read(&view->values[i]);
		}
	}
}

void control_sample(struct control *control, uint64_t us)
{
	struct counter_view views[COUNTER_VIEWS_MAX];
	struct rate_sample sample = {.us = us};

	if (control->now.us && us - control->now.us < SAMPLE_US)
		return;
	for (unsigned worker = 0; worker < control->view->workers; worker++) {
		unsigned count = control->view->counters(control->view, worker, views);

		for (unsigned i = 0; i < count; i++)
			add_view(&sample, &views[i]);
	}
	if (!control->now.us)
		control->start = control->now = sample;
	control->before = control->now;
	control->now = sample;
	if (!control->history)
		control->history = history_new(control->view->workers);
	if (control->history && control->before.us != control->now.us)
		history_take(control->history, control->view, &control->before, &control->now);
}

const char *control_rate_name(unsigned rate)
{
	return rate_names[rate];
}

json_t *control_rates(const struct rate_sample *from, const struct rate_sample *to)
{
	double seconds = (double)(to->us - from->us) / 1e6;
	json_t *rates = json_object();

	for (unsigned i = 0; i < RATE_COUNT; i++) {
		double grown = (double)(to->values[i] - from->values[i]);

		json_object_set_new(
			rates, rate_names[i], json_real(seconds > 0 ? grown / seconds : 0));
	}
	return rates;
}
