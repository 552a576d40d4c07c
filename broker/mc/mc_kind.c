/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* mc_kind.c - the codes that devices send on a session, and what each needs (section 5.4.3) */
#include "mc.h"

#define KIND(kind) (1 << JSON_##kind)
#define SCALAR (KIND(STRING) | KIND(NUMBER) | KIND(TRUE) | KIND(FALSE))

static const struct mc_kind kinds[] = {
	{.code = 2006,
		.event = true,
		.either = true,
		.needs = {{MC_NAME_STATUS_SERIALS, KIND(ARRAY)},
			{MC_NAME_RESOURCE_SERIALS, KIND(ARRAY)}}},
	{.code = 2008, .event = true, .needs = {{MC_NAME_ALARM, KIND(OBJECT) | KIND(ARRAY)}}},
	{.code = 2010, .event = true, .needs = {{MC_NAME_ERROR, KIND(OBJECT) | KIND(ARRAY)}}},
	{.code = 2012,
		.event = true,
		.subdevice = true,
		.auth = true,
		.judge = mc_subdevice_authenticate,
		.again = mc_subdevice_again,
		.needs = {{MC_NAME_SUB_DEVICE_ID, KIND(STRING)}, {MC_NAME_PIN, SCALAR}}},
	{.code = 2016,
		.event = true,
		.judge = mc_subdevice_bound,
		.subdevice = true,
		.needs = {{MC_NAME_SUB_DEVICE_ID, KIND(STRING)}}},
	{.code = 2018,
		.event = true,
		.judge = mc_subdevice_release,
		.subdevice = true,
		.needs = {{MC_NAME_SUB_DEVICE_ID, KIND(STRING)}}},
	{.code = 2020,
		.event = true,
		.judge = mc_subdevice_state,
		.subdevice = true,
		.needs = {{MC_NAME_SUB_DEVICE_ID, KIND(STRING)},
			{MC_NAME_ON_LINE, KIND(STRING) | KIND(NUMBER)}}},
	{.code = 2022, .event = true, .needs = {{MC_NAME_DEVICE, KIND(OBJECT)}}},
	{.code = 2026,
		.event = true,
		.needs = {{MC_NAME_STATUS, SCALAR}, {MC_NAME_VERSION, SCALAR}}},
	{.code = 2028, .event = true, .needs = {{MC_NAME_RESOURCE_SERIALS, KIND(ARRAY)}}},
	{.code = 2032, .event = true, .needs = {{MC_NAME_EVENT, KIND(ARRAY)}}},
	{.code = 3000,
		.event = true,
		.judge = mc_voice_judge,
		.taken = mc_voice_taken,
		.again = mc_voice_again,
		.voice = "\"ttsResult\":{\"audioData\":\"\"},",
		.needs = {{MC_NAME_TTS_PARAM, KIND(OBJECT)}}},
	{.code = 3002,
		.event = true,
		.judge = mc_voice_judge,
		.taken = mc_voice_taken,
		.again = mc_voice_again,
		.voice = "\"ctrlResult\":{},",
		.needs = {{MC_NAME_CTRL_PARAM, KIND(OBJECT)}}},
	{.code = 2000, .answer = true},
	{.code = 2002, .answer = true},
	{.code = 2004, .answer = true},
	{.code = 2014, .answer = true},
	{.code = 2024, .answer = true},
	{.code = 2030, .answer = true},
};

const struct mc_kind *mc_kind_of(uint32_t code)
{
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (kinds[i].code == code)
			return &kinds[i];
	}
	return NULL;
}
