/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* worker_commit.c - acknowledge: commit: the ring's records go to their protocol once more */
#include "worker_state.h"

#include <string.h>

static const struct protocol *protocol_of(const struct hearth_record *record, unsigned *slot)
{
	const char *name = hearth_protocol_name(record->protocol);

	for (*slot = 0; *slot < protocol_count; ++*slot) {
		if (!strcmp(protocols[*slot]->name, name))
			return protocols[*slot];
	}
	return NULL;
}

static bool committed(void *context, const struct hearth_item *item)
{
	struct worker *worker = context;
	unsigned slot;
	const struct protocol *protocol = protocol_of(item->record, &slot);
	bool done = !protocol || protocol->committed(worker->states[slot], item);

	if (worker->host.answered_late) {
		worker_figures_late(worker, item->record->time, worker->host.answered_late);
		worker->host.answered_late = 0;
	}
	return done;
}

bool worker_committed(struct worker *worker)
{
	return feed_answer(worker->host.feed, WORKER_ANSWERS_MAX, committed, worker) != 0;
}

static void uncommitted(void *context, const struct hearth_item *item)
{
	struct worker *worker = context;
	unsigned slot;
	const struct protocol *protocol = protocol_of(item->record, &slot);

	if (protocol)
		protocol->uncommitted(worker->states[slot], item);
}

int worker_uncommitted(struct worker *worker)
{
	int64_t visited = feed_unanswered(worker->host.feed, uncommitted, worker);

	return visited < 0 ? (int)visited : 0;
}
