/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* mc_trace.h - what followed devices say and what is decided about it; nothing while nobody
 * follows */
#pragma once

#include "mc/mc_counters.h"
#include "trace.h"

struct device;
struct mc;
struct mc_frame;
struct session_turn;

/* struct trace_record.flags of a frame */
#define MC_TRACE_ANSWERED 0x0100 /* value[1] is the result */
#define MC_TRACE_CLOSES 0x0200   /* its connection is closed */
#define MC_TRACE_WAITS 0x0400    /* it is kept until its session has come from another worker */
#define MC_TRACE_HAS_TIME 0x0800 /* value[0] is how far its time is ahead of ours, seconds */
#define MC_TRACE_WINDOW 0x1000   /* which is more than mc.time_window */
#define MC_TRACE_ILLEGAL 0x2000  /* a member is missing or of another kind */
#define MC_TRACE_NEWEST 0x4000   /* value[2] is the newest number before it */

/* What is noted besides counters (struct trace_record.said of TRACE_NOTE). */
enum mc_trace_note {
	MC_NOTE_LAPSED = MC_COUNTER_COUNT, /* a login was not used in time */
	MC_NOTE_EXPIRED,                   /* a token came to its end */
	MC_NOTE_VOID,                      /* a newer login or connect took its place */
	MC_NOTE_LEAVES,                    /* a connect came to another worker */
	MC_NOTE_COUNT
};
_Static_assert(MC_NOTE_COUNT <= UINT8_MAX, "a note is a byte");

/**
 * struct mc_trace - a worker's state while somebody follows
 * @counters: before the decision that is being made
 * @frame: whose decision it is, if its device is followed; else NULL
 * @in: its record; NULL if it found no room
 * @slot: of its device
 * @written: id of the last event that was written
 */
struct mc_trace {
	uint64_t counters[MC_COUNTER_COUNT];
	const struct mc_frame *frame;
	struct trace_record *in;
	unsigned slot, closes, waiting;
	uint64_t written;
};

/* Each of these is called only while mc_followed(). */

/** mc_trace_before(), mc_trace_after() - around the decision on a frame. */
void mc_trace_before(struct mc *mc, const struct mc_frame *frame);
void mc_trace_after(struct mc *mc, const struct mc_frame *frame);

/** mc_trace_answer() - the answer to a frame, not encrypted yet; @plain without its padding. */
void mc_trace_answer(struct mc *mc, const struct mc_frame *frame, uint32_t code,
	const uint8_t *plain, uint32_t length);

/** mc_trace_out() - a frame that a session is sent and that answers none of this batch. */
void mc_trace_out(struct mc *mc, const struct session_turn *turn, uint32_t code,
	const uint8_t *plain, uint32_t length);

/**
 * mc_trace_note() - something happened to a session: a counter, or enum mc_trace_note
 * @device: NULL: it was removed, nobody follows it
 */
void mc_trace_note(
	struct mc *mc, const struct session_turn *turn, const struct device *device, unsigned what);

/**
 * mc_trace_command() - a platform request has its outcome
 * @index: in the pool, still there
 * @what: MC_RESPONSES or one of MC_UNDELIVERED_*
 * @written: its event is the last that was written; else it is owed
 */
void mc_trace_command(struct mc *mc, uint32_t index, unsigned what, bool written);

/** mc_trace_tell() - words for a record (struct trace_record.tell). */
void mc_trace_tell(const struct trace_record *record, char *out, size_t size);

/** mc_trace_words() - what a counter or note means for a frame of that code; "" if it says nothing
 * that the rest of the line does not. */
const char *mc_trace_words(unsigned what, uint32_t code);

/** mc_trace_name() - a code in words; NULL for those that the text does not have. */
const char *mc_trace_name(uint32_t code);

/**
 * mc_trace_hide() - copy a JSON object without its secrets
 *
 * Values of members that name secrets, on any level and in any case, become "***"; line breaks
 * become spaces. @out has room for 2 * @length bytes. Return: bytes written.
 */
uint32_t mc_trace_hide(const uint8_t *text, uint32_t length, uint8_t *out);
