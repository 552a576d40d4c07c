/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* voice.c - speech control and synthesis (Q/CT X-2017 sections 5.4.3.17 and 5.4.3.18) */
#include "side.h"

#define SEGMENT_TAKEN 400002
#define NO_RECOGNITION 400004
#define NO_RESULT 400005
#define NO_ROOM 999999
#define MALFORMED 100001
#define SEGMENTS_MAX 5

void voice_begin(struct fleet *fleet, struct device *device, uint64_t due)
{
	struct series *series = &side_of(device)->series;
	unsigned kind = (unsigned)fleet_random(fleet, 4);

	if (kind == 0) {
		request_send(fleet, device, 3000, NULL, due, false);
		return;
	}
	*series = (struct series){.id = series->id + 1};
	if (kind > 1) {
		series->under_way = true;
		series->segments = (uint8_t)(2 + fleet_random(fleet, SEGMENTS_MAX - 1));
		series->sn = 1;
	}
	request_send(fleet, device, 3002, NULL, due, false);
}

bool voice_goes_on(const struct device *device)
{
	return device->side && device->side->series.under_way;
}

void voice_next(struct fleet *fleet, struct device *device)
{
	struct series *series = &device->side->series;

	if (series->report) {
		series->report = false;
		device->reports++;
		request_send(fleet, device, 2006, NULL, fleet->now, false);
		return;
	}
	series->sn++;
	request_send(fleet, device, 3002, NULL, fleet->now, false);
}

static void check_result(
	struct fleet *fleet, const struct device *device, unsigned code, const json_t *answer)
{
	const json_t *result = json_object_get(answer, code == 3001 ? "ttsResult" : "ctrlResult");
	const char *const names[] = {
		code == 3001 ? "audioData" : "rawText", code == 3001 ? NULL : "resultDesc"};
	unsigned i;

	if (!json_is_object(result))
		deviate(fleet, device, BAD_MEMBER, code, "ttsResult or ctrlResult is missing");
	for (i = 0; i < 2 && names[i]; i++) {
		if (json_is_object(result) && !json_is_string(json_object_get(result, names[i])))
			deviate(fleet, device, BAD_MEMBER, code, names[i]);
	}
}

/*
 * A segment's answer does not say which one it is for: a repeat's can be taken for the next one's,
 * and the platform then sees a gap. A platform that started anew has forgotten the series.
 */
static bool broke_off(const struct fleet *fleet, const struct series *series, json_int_t result)
{
	return result == MALFORMED && (series->repeated || fleet->options.refusals);
}

/* Each segment but the last is taken by the broker, and by nobody else. */
static void segment_answered(struct fleet *fleet, struct device *device,
	const struct request *request, json_int_t result, const json_t *answer)
{
	struct series *series = &device->side->series;

	series->repeated |= request->sends > 1;
	if (result == SEGMENT_TAKEN) {
		if (json_object_size(json_object_get(answer, "ctrlResult")) ||
			!json_is_object(json_object_get(answer, "ctrlResult")))
			deviate(fleet, device, BAD_MEMBER, 3003, "ctrlResult is not {}");
		series->report = fleet_random(fleet, 2) == 0;
		return;
	}
	series->under_way = false;
	if (result == NO_ROOM || result == NO_RECOGNITION || broke_off(fleet, series, result))
		fleet->figures.voice_refused++;
	else
		deviate(fleet, device, BAD_RESULT, 3003, "a segment was not taken");
}

void voice_answered(struct fleet *fleet, struct device *device, const struct request *request,
	json_int_t result, const json_t *answer)
{
	struct series *series = &device->side->series;
	unsigned code = request->code + 1u;

	if (request->sn && request->sn < series->segments) {
		segment_answered(fleet, device, request, result, answer);
		return;
	}
	if (request->sn)
		series->under_way = false;
	if (result == 0) {
		fleet->figures.voice_answered++;
		check_result(fleet, device, code, answer);
	} else if (result == NO_RECOGNITION || result == NO_RESULT || result == NO_ROOM ||
		   broke_off(fleet, series, result)) {
		fleet->figures.voice_refused++;
	} else {
		deviate(fleet, device, BAD_RESULT, code, "no result that voice may have");
	}
}
