/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* stream.h - whole frames out of a byte stream: used where they lie, only partial ones copied */
#pragma once

#include "chunk.h"
#include "counter.h"

#include <stdbool.h>
#include <stdint.h>

#define STREAM_COUNTERS(X)                                                                         \
	X(STREAM_FRAMES, "frames", "whole frames taken from connections")                          \
	X(STREAM_PARTIAL, "frames_copied", "frames that came in more than one segment")            \
	X(STREAM_DROP_SHORT, "drop_frame_short", "frames too short to be one")                     \
	X(STREAM_DROP_LONG, "drop_frame_long", "frames longer than the limit, skipped")            \
	X(STREAM_CLOSE_LONG, "close_frame_long",                                                   \
		"connections closed: too many bytes before login")                                 \
	X(STREAM_CLOSE_SHORT, "close_frame_short", "connections closed: bytes that are no login")  \
	X(STREAM_REFUSE_CHUNK, "refuse_chunk", "segments refused: no chunk for a partial frame")   \
	X(STREAM_REFUSE_BATCH, "refuse_batch", "segments refused: too many frames in one turn")
COUNTER_ENUM(stream_counter, STREAM_COUNTERS, STREAM_COUNTER_COUNT);
extern const struct counter_info stream_counter_info[STREAM_COUNTER_COUNT];

/**
 * struct stream - one connection's framing state; part of the bytes that TCP keeps for its user
 * @partial: chunk with the beginning of a frame, 0 if there is none
 * @skipping: in the middle of a frame that is too long
 * @skipped_cr: the last byte skipped was a CR
 * @closed: STREAM_CLOSE was returned: what comes behind is not looked at
 * @begun: frames that were left unfinished so far, modulo 2^8: it tells one from the next
 * @listener: room for the one above, so that all of it fits 8 bytes; not touched here
 */
struct stream {
	chunk_id partial;
	bool skipping : 1;
	bool skipped_cr : 1;
	bool closed : 1;
	uint8_t begun;
	uint8_t listener;
};
_Static_assert(sizeof(struct stream) <= 8, "fits beside a session handle");

/**
 * struct stream_rules - how a protocol's frames are told apart
 * @frame_end: as in struct protocol
 * @shortest: frames below that are dropped at once; bounds the frames of a segment
 * @longest: frames above that are dropped
 * @spare: leave a quarter of the chunks to others: a partial frame of a stranger takes none of the
 * last
 * @close_long: a frame above @longest ends the connection (before login) instead of being skipped
 * @close_short: a frame below @shortest ends the connection
 */
struct stream_rules {
	uint32_t (*frame_end)(const uint8_t *data, uint32_t length, uint32_t from);
	uint32_t shortest, longest;
	bool spare;
	bool close_long;
	bool close_short;
};

/** struct stream_sink - where whole frames go */
struct stream_sink {
	struct chunk_pool *chunks;
	uint64_t *counters; /* STREAM_COUNTER_COUNT */
	void *context;
	/* room for this many more frames? asked once per segment */
	bool (*room)(void *context, uint32_t frames);
	/* a whole frame; @chunk (may be 0) is the sink's to give back once the frame is used */
	void (*frame)(void *context, const uint8_t *data, uint32_t length, chunk_id chunk);
};

enum stream_verdict {
	STREAM_TAKEN,   /* all bytes were used or copied */
	STREAM_REFUSED, /* none were: no room; the same bytes will come again */
	STREAM_CLOSE    /* no frame can have that length: close the connection */
};

/**
 * stream_input() - in-order bytes of a connection
 *
 * Whole frames go to the sink where they lie in @data; one that began in an earlier segment is
 * completed in its chunk. Time is linear in the bytes over all calls (no rescanning).
 */
enum stream_verdict stream_input(struct stream *stream, const struct stream_rules *rules,
	const struct stream_sink *sink, const uint8_t *data, uint32_t length);

/** stream_pending() - is a frame (or the skipping of one) under way? Its deadline runs then. */
static inline bool stream_pending(const struct stream *stream)
{
	return stream->partial || stream->skipping;
}

/** stream_reset() - give the partial frame up (the connection ended). */
void stream_reset(struct stream *stream, struct chunk_pool *chunks);
