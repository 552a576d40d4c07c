/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* side.h - what only some devices do: obey the platform's requests, and speak */
#pragma once

#include "fleet.h"

/** struct series - a recording that goes out in segments; they share number and count */
struct series {
	uint64_t id;
	uint32_t count;
	uint16_t sequence;
	uint8_t sn, segments;
	bool under_way;
	bool report;   /* a report goes out between two segments */
	bool repeated; /* one of its requests was sent more than once */
};

#define VERSION_MAX 16
#define MODULE_MAX 32

/**
 * struct side - what only those devices have that the platform asks something of, or that speak
 * @commands: that came in this session, newest first
 * @newest: number of the newest of them; -1: none yet
 * @version: after an upgrade; empty: as delivered
 * @module: what was upgraded, if not the device itself
 */
struct side {
	struct command *commands;
	int32_t newest;
	struct series series;
	char version[VERSION_MAX], module[MODULE_MAX];
};

/* command.c */
/** command_came() - a request of the platform: executed if it is new, answered. */
void command_came(struct fleet *fleet, struct device *device, unsigned code, const json_t *body);
/** command_timer() - send the answers whose time has come. */
void command_timer(struct fleet *fleet, struct device *device);
/** command_wake() - when command_timer() has something to do. */
uint64_t command_wake(const struct device *device);
/** command_forget() - the session is over, and its numbers with it. */
void command_forget(struct device *device);
/** side_of() - what a device has beside the rest, made if it was not there. */
struct side *side_of(struct device *device);

/* voice.c */
/** voice_begin() - speak: a series, a recording or a text, by chance. */
void voice_begin(struct fleet *fleet, struct device *device, uint64_t due);
/** voice_goes_on() - is there a segment to be sent? */
bool voice_goes_on(const struct device *device);
/** voice_next() - send it, or the report that goes between. */
void voice_next(struct fleet *fleet, struct device *device);
/** voice_answered() - 3001 or 3003 with @result came for @request. */
void voice_answered(struct fleet *fleet, struct device *device, const struct request *request,
	json_int_t result, const json_t *answer);
