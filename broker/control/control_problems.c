/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* control_problems.c - samples of the last minute, and what they say beside status */
#include "control/control_private.h"
#include "control/problems.h"

#include <string.h>

#define SAMPLE_EVERY_US 5000000
/* A worker that has made no turn, a consumer that has committed nothing for so long. */
#define LATELY_SECONDS 4.0

static double seconds_of(uint64_t us)
{
	return (double)us / 1e6;
}

void control_watch(struct control *control, uint64_t us)
{
	json_t **samples = control->samples, *request, *status;

	if (control->sampled && us - control->sampled < SAMPLE_EVERY_US)
		return;
	control->sampled = us;
	request = json_pack("{s:s}", "verb", "status");
	status = control_status(control, request, -1);
	json_decref(request);
	json_decref(samples[CONTROL_SAMPLES - 1]);
	memmove(samples + 1, samples, (CONTROL_SAMPLES - 1) * sizeof(samples[0]));
	samples[0] = problems_sample(status, seconds_of(us));
	json_decref(status);
}

void control_watch_end(struct control *control)
{
	for (unsigned i = 0; i < CONTROL_SAMPLES; i++)
		json_decref(control->samples[i]);
}

void control_problems(struct control *control, json_t *status)
{
	const json_t *lately = NULL, *before = NULL;
	double now = seconds_of(control_clock_us());
	json_t *problems;

	for (unsigned i = 0; i < CONTROL_SAMPLES && control->samples[i]; i++) {
		before = control->samples[i];
		if (!lately && now - json_number_value(json_object_get(before, "seconds")) >=
				       LATELY_SECONDS)
			lately = before;
	}
	problems = problems_find(status, lately, before, now);
	json_object_set_new(status, "state", json_string(problems_state(problems)));
	json_object_set_new(status, "loss", problems_loss(status, before));
	json_object_set_new(status, "problems", problems);
}
