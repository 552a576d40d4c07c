/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* stream.c - whole frames out of a byte stream */
#include "stream.h"

#include <string.h>

COUNTER_TABLE(stream_counter_info, STREAM_COUNTERS);

/* At the start of a partial frame's chunk: how much is there, and how much was looked at. */
struct partial {
	uint32_t length;
	uint32_t scanned;
	uint8_t bytes[];
};

static void count(const struct stream_sink *sink, enum stream_counter counter)
{
	counter_add(&sink->counters[counter], 1);
}

/* Hand a whole frame on, or drop it; a chunk that is not handed on is given back. */
static enum stream_verdict emit(const struct stream_rules *rules, const struct stream_sink *sink,
	const uint8_t *data, uint32_t length, chunk_id chunk)
{
	bool is_short = length < rules->shortest;

	if (!is_short && length <= rules->longest) {
		count(sink, STREAM_FRAMES);
		sink->frame(sink->context, data, length, chunk);
		return STREAM_TAKEN;
	}
	chunk_put(sink->chunks, chunk);
	if (is_short ? rules->close_short : rules->close_long) {
		count(sink, is_short ? STREAM_CLOSE_SHORT : STREAM_CLOSE_LONG);
		return STREAM_CLOSE;
	}
	count(sink, is_short ? STREAM_DROP_SHORT : STREAM_DROP_LONG);
	return STREAM_TAKEN;
}

/* The partial frame outgrew the limit: give it up; skip to its end if the connection may stay. */
static enum stream_verdict too_long(struct stream *stream, const struct stream_rules *rules,
	const struct stream_sink *sink, uint8_t last)
{
	stream_reset(stream, sink->chunks);
	if (rules->close_long) {
		count(sink, STREAM_CLOSE_LONG);
		return STREAM_CLOSE;
	}
	count(sink, STREAM_DROP_LONG);
	stream->skipping = true;
	stream->skipped_cr = last == '\r';
	return STREAM_TAKEN;
}

/* Skip the rest of a frame that is too long. Return: bytes used. */
static uint32_t skip(struct stream *stream, const struct stream_rules *rules, const uint8_t *data,
	uint32_t length)
{
	uint32_t end;

	if (stream->skipped_cr && data[0] == '\n')
		end = 1;
	else
		end = rules->frame_end(data, length, 0);
	stream->skipping = !end;
	stream->skipped_cr = !end && data[length - 1] == '\r';
	return end ? end : length;
}

/*
 * Make sure the partial frame's chunk holds @bytes bytes. @most: what room() asked for, in case
 * only a larger chunk is free than @bytes alone may have.
 */
static struct partial *partial_room(
	struct stream *stream, struct chunk_pool *chunks, uint32_t bytes, uint32_t most)
{
	struct partial *old = NULL, *new;
	chunk_id id;

	if (stream->partial) {
		old = (struct partial *)chunk_data(chunks, stream->partial);
		if (sizeof(*old) + bytes <= chunk_room(chunks, stream->partial))
			return old;
	}
	id = chunk_get(chunks, sizeof(*new) + bytes);
	if (!id)
		id = chunk_get(chunks, sizeof(*new) + most);
	new = (struct partial *)chunk_data(chunks, id);
	new->length = old ? old->length : 0;
	new->scanned = old ? old->scanned : 0;
	if (old)
		memcpy(new->bytes, old->bytes, old->length);
	chunk_put(chunks, stream->partial);
	stream->partial = id;
	return new;
}

/* Append to the partial frame and see whether it is whole now. Return: bytes of @data used. */
static uint32_t complete(struct stream *stream, const struct stream_rules *rules,
	const struct stream_sink *sink, const uint8_t *data, uint32_t length,
	enum stream_verdict *verdict)
{
	struct partial *partial = (struct partial *)chunk_data(sink->chunks, stream->partial);
	uint32_t before = partial->length, copied = length, end;
	chunk_id chunk;

	if (copied > rules->longest - before)
		copied = rules->longest - before;
	partial = partial_room(stream, sink->chunks, before + copied, before + copied);
	memcpy(partial->bytes + before, data, copied);
	end = rules->frame_end(partial->bytes, before + copied, partial->scanned);
	if (end) {
		chunk = stream->partial;
		stream->partial = 0;
		count(sink, STREAM_PARTIAL);
		*verdict = emit(rules, sink, partial->bytes, end, chunk);
		return end - before;
	}
	partial->length = before + copied;
	partial->scanned = partial->length;
	if (partial->length == rules->longest) {
		*verdict = too_long(stream, rules, sink, partial->bytes[partial->length - 1]);
		return copied;
	}
	return length;
}

/* The most that a segment of @length bytes can leave behind. */
static uint32_t tail_most(const struct stream_rules *rules, uint32_t length)
{
	return length < rules->longest ? length : rules->longest;
}

/* Keep the beginning of a frame for the next segment; @most: of its segment. */
static enum stream_verdict keep(struct stream *stream, const struct stream_rules *rules,
	const struct stream_sink *sink, const uint8_t *data, uint32_t length, uint32_t most)
{
	struct partial *partial;

	stream->begun++;
	if (length >= rules->longest)
		return too_long(stream, rules, sink, data[length - 1]);
	partial = partial_room(stream, sink->chunks, length, most);
	memcpy(partial->bytes, data, length);
	partial->length = length;
	partial->scanned = length;
	return STREAM_TAKEN;
}

/* The class that @bytes fit. */
static unsigned class_of(uint32_t bytes)
{
	unsigned class = 0;

	while (class < CHUNK_CLASSES - 1 && chunk_class_bytes[class] < bytes)
		class ++;
	return class;
}

/* Are @count chunks to be had? chunk_get() takes from the class that fits or the next. */
static bool chunks_free(const struct stream_rules *rules, const struct chunk_pool *chunks,
	unsigned class, uint32_t count)
{
	uint32_t free = chunk_free_count(chunks, class), all = chunk_count(chunks, class);

	if (class < CHUNK_CLASSES - 1) {
		free += chunk_free_count(chunks, class + 1);
		all += chunk_count(chunks, class + 1);
	}
	return free >= count + (rules->spare ? all / 4 : 0);
}

/*
 * Chunks for the worst case: the partial frame outgrows its chunk, and the tail of the segment
 * begins another. One that still has room in its chunk asks for none, so that frames which hold the
 * last large chunks can become whole and give them back.
 */
static bool chunk_room_for(const struct stream *stream, const struct stream_rules *rules,
	const struct chunk_pool *chunks, uint32_t length)
{
	unsigned tail = class_of(sizeof(struct partial) + tail_most(rules, length)), grown;
	uint32_t need;

	if (stream->partial) {
		need = ((struct partial *)chunk_data(chunks, stream->partial))->length + length;
		need = sizeof(struct partial) + (need < rules->longest ? need : rules->longest);
		grown = class_of(need);
		if (need > chunk_room(chunks, stream->partial))
			return chunks_free(rules, chunks, grown, 1) &&
			       chunks_free(rules, chunks, tail, grown <= tail + 1 ? 2 : 1);
	}
	return chunks_free(rules, chunks, tail, 1);
}

/* Nothing but whole frames: they are used where they lie. */
static bool all_whole(const struct stream *stream, const struct stream_rules *rules,
	const uint8_t *data, uint32_t length)
{
	uint32_t used = 0, end;

	if (stream_pending(stream))
		return false;
	while (used < length && (end = rules->frame_end(data + used, length - used, 0)))
		used += end;
	return used == length;
}

/* A segment is taken whole or not at all, and frames go to the sink before its tail is kept: so
 * room is asked for first. */
static bool room(const struct stream *stream, const struct stream_rules *rules,
	const struct stream_sink *sink, const uint8_t *data, uint32_t length)
{
	if (!chunk_room_for(stream, rules, sink->chunks, length) &&
		!all_whole(stream, rules, data, length)) {
		count(sink, STREAM_REFUSE_CHUNK);
		return false;
	}
	if (!sink->room(sink->context, length / rules->shortest + 2)) {
		count(sink, STREAM_REFUSE_BATCH);
		return false;
	}
	return true;
}

enum stream_verdict stream_input(struct stream *stream, const struct stream_rules *rules,
	const struct stream_sink *sink, const uint8_t *data, uint32_t length)
{
	enum stream_verdict verdict = STREAM_TAKEN;
	uint32_t used = 0, end;

	if (stream->closed)
		return STREAM_TAKEN;
	if (!room(stream, rules, sink, data, length))
		return STREAM_REFUSED;
	while (used < length && verdict == STREAM_TAKEN) {
		if (stream->skipping) {
			used += skip(stream, rules, data + used, length - used);
		} else if (stream->partial) {
			used += complete(stream, rules, sink, data + used, length - used, &verdict);
		} else if ((end = rules->frame_end(data + used, length - used, 0))) {
			verdict = emit(rules, sink, data + used, end, 0);
			used += end;
		} else {
			verdict = keep(stream, rules, sink, data + used, length - used,
				tail_most(rules, length));
			used = length;
		}
	}
	stream->closed = verdict == STREAM_CLOSE;
	return verdict;
}

void stream_reset(struct stream *stream, struct chunk_pool *chunks)
{
	chunk_put(chunks, stream->partial);
	stream->partial = 0;
	stream->skipping = false;
	stream->skipped_cr = false;
}
