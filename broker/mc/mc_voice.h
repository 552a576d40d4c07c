/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* mc_voice.h - speech (sections 5.4.3.17 and 5.4.3.18): what a worker remembers of it */
#pragma once

#include "codec/json.h"
#include "registry/registry.h"
#include "session/session.h"

#include <stdbool.h>
#include <stdint.h>

#define MC_VOICES 1024                      /* recordings and requests of a worker's sessions */
#define MC_VOICE_BUCKETS 1024               /* they are found in, by session */
#define MC_VOICE_PER_SESSION 4              /* of them, at most */
#define MC_VOICE_SEGMENT_SECONDS 10         /* from one segment to the next */
#define MC_VOICE_ANSWER_SECONDS 8           /* for a backend: the device gives up at 10 */
#define MC_VOICE_KEEP_SECONDS 30            /* an answer, for repeats: three sends 10 s apart */
#define MC_VOICE_KEEP_BYTES 1024            /* more fits no datagram */
#define MC_VOICE_RECORDING_MAX (512 * 1024) /* ctrlParam bytes of all segments of a recording */

enum mc_voice_state {
	MC_VOICE_FREE,
	MC_VOICE_SERIES,  /* segments are coming in */
	MC_VOICE_WAITING, /* a backend is to answer */
	MC_VOICE_ANSWERED /* kept for a repeat */
};

/**
 * struct mc_voice - a recording that comes in segments, or a request that a backend answers
 * @handle: of its session
 * @event: id of the uplink that the backend answers; 0: not known any more, the broker has started
 *	since
 * @until: tick at which it is over
 * @number: request number since the connect, @sequence: as the device counts
 * @segment: newest, 0 of what has none
 * @recorded: ctrlParam bytes so far
 * @name: hash of its voiceId
 * @device: that its answer names
 * @kept: the answer's text up to its time
 * @next: in its bucket, or on the free list: index + 1
 */
struct mc_voice {
	session_handle handle;
	uint64_t event, name;
	uint32_t until, number, recorded;
	uint32_t segment;
	uint16_t code, sequence;
	uint16_t next;
	uint16_t kept_length;
	uint8_t state;
	bool sequence_text;
	uint8_t device_length;
	char device[DEVICE_ID_MAX];
	uint8_t kept[MC_VOICE_KEEP_BYTES];
};

/** struct mc_voices - all of a worker's; zeroed is empty. @made: used at least once */
struct mc_voices {
	uint16_t buckets[MC_VOICE_BUCKETS];
	uint16_t free, made, used, cursor;
	struct mc_voice voices[MC_VOICES];
};

struct mc;
struct mc_frame;

/** mc_voice_judge() - what a voice request is worth (struct mc_kind). */
uint32_t mc_voice_judge(struct mc *mc, const struct mc_frame *frame, struct session_turn *turn,
	struct device *device);

/**
 * mc_voice_taken() - its event @event is written: go on with the series, or wait for the backend
 * @number: its own since the connect
 * Return: is it answered later?
 */
bool mc_voice_taken(struct mc *mc, const struct mc_frame *frame, struct session_turn *turn,
	const struct device *device, uint32_t number, uint64_t event);

/**
 * mc_voice_again() - a repeat of a voice request that was accepted
 * Return: the result to answer with; MC_LATER: it waits still, or was answered here.
 */
uint32_t mc_voice_again(struct mc *mc, const struct mc_frame *frame, struct session_turn *turn,
	const struct device *device, uint32_t number);

/**
 * mc_voice_segment() - a frame of a series, whose number may lie behind that of other requests
 *
 * Return: was it one? It is decided then: answered, its event written.
 */
bool mc_voice_segment(struct mc *mc, const struct mc_frame *frame, struct session_turn *turn,
	const struct device *device);

/**
 * mc_voice_answer() - a backend's answer to a device's request
 * @turn: the device's live session
 * @code: 3001 or 3003
 * @event: the uplink that it answers, 0: the oldest of its code that waits
 * @payload: {"result":..,"ttsResult" or "ctrlResult":{..}}; anything else it says is left out
 *
 * What answers nothing, or is not well-formed, is counted and dropped: the device's time runs on.
 */
void mc_voice_answer(struct mc *mc, struct session_turn *turn, uint32_t code, uint64_t event,
	const uint8_t *payload, uint32_t length);

/** mc_voice_time() - end what is over: a few of them each turn. */
void mc_voice_time(struct mc *mc);
