/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* feed_answer.c - the walk behind the consumer's commit cursor (DESIGN "Events", commit) */
#include "feed_ring.h"

/*
 * Where the walk goes on. A cursor that this walk cannot have left is of a broker that answered at
 * once, or knew nothing of it: what that one's consumer had not committed is answered (again) once
 * it has, and a repeat of what it had committed is answered at once.
 */
static uint64_t begin_at(const struct feed_ring *ring)
{
	uint64_t answered = ring->answered;
	bool left = answered <= ring->tail && answered % 16 == 0 &&
		    ring->reserve - answered <= ring->bytes;

	return left ? answered : ring->tail;
}

void feed_answers_begin(struct feed_ring *ring, bool answers)
{
	uint64_t answered = answers ? begin_at(ring) : FEED_ANSWERED_AT_ONCE;

	if (answered != ring->answered)
		feed_store(&ring->cursors->answered.value, answered);
	ring->answered = ring->visited = answered;
}

/* Nothing more can be found up to the commit: the devices ask again. */
static void skip_damaged(struct feed_ring *ring)
{
	counter_add(&ring->counters[FEED_BAD_ANSWER], 1);
	ring->visited = ring->tail;
}

unsigned feed_answer(struct feed_ring *ring, unsigned most,
	bool (*visit)(void *context, const struct hearth_item *item), void *context)
{
	struct hearth_item item;
	unsigned visited = 0;

	/* Nobody waits: the consumer's line is left alone. */
	if (ring->visited >= ring->head)
		return 0;
	feed_take_commit(ring);
	while (visited < most && ring->visited != ring->tail) {
		const uint8_t *data = ring->data + ring->visited % ring->bytes;
		uint32_t length =
			feed_record_check(data, ring->visited, ring->tail - ring->visited);

		if (length == 0) {
			skip_damaged(ring);
			break;
		}
		feed_record_item(data, ring->worker, &item);
		if (!visit(context, &item))
			break;
		ring->visited += length;
		visited++;
	}
	return visited;
}

void feed_answered(struct feed_ring *ring)
{
	if (ring->answered == ring->visited)
		return;
	feed_store(&ring->cursors->answered.value, ring->visited);
	ring->answered = ring->visited;
}

int64_t feed_unanswered(struct feed_ring *ring,
	void (*visit)(void *context, const struct hearth_item *item), void *context)
{
	return ring->answered < ring->head ? feed_walk(ring, ring->answered, visit, context) : 0;
}
