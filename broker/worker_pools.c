/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* worker_pools.c - a worker's pools: sized from the configuration, shown at start and in status */
#include "worker_state.h"

static const struct {
	const char *name, *help;
} chunk_names[CHUNK_CLASSES] = {
	{"chunks_512", "chunks of 512 bytes, of what is in flight or half received"},
	{"chunks_2k", "chunks of 2 KiB"},
	{"chunks_16k", "chunks of 16 KiB"},
	{"chunks_66k", "chunks of 66 KiB"},
};

static struct pool_view sessions_view(const struct worker *worker)
{
	struct session_counts counts = session_counts(worker->host.sessions);

	return (struct pool_view){.name = "sessions",
		.help = "session entries: logins, live sessions and tokens of ended ones",
		.limit = counts.entries,
		.used = counts.login + counts.live_tcp + counts.live_udp + counts.resting,
		.bytes = counts.entries * session_entry_bytes(worker->host.table)};
}

/* Common to all workers: shown with the first. */
static struct pool_view commands_view(const struct worker *worker)
{
	return (struct pool_view){.name = "commands",
		.help = "platform requests under way, in blocks of 1 KiB, of all workers",
		.limit = command_pool_limit(worker->pool),
		.used = command_pool_used(worker->pool),
		.bytes = command_pool_bytes(worker->pool)};
}

unsigned worker_pools(const struct worker *worker, struct pool_view *views)
{
	unsigned count = tcp_pools(worker->tcp, views);

	_Static_assert(TCP_POOLS + CHUNK_CLASSES + 3 <= WORKER_POOLS_MAX, "all pools are shown");
	for (unsigned class = 0; class < CHUNK_CLASSES; class ++) {
		const uint32_t limit = chunk_count(worker->chunks, class);

		views[count++] = (struct pool_view){.name = chunk_names[class].name,
			.help = chunk_names[class].help,
			.limit = limit,
			.used = limit - chunk_free_count(worker->chunks, class),
			.bytes = (size_t)limit * chunk_class_bytes[class]};
	}
	views[count++] = stack_neighbours(worker->stack);
	views[count++] = sessions_view(worker);
	if (worker->number == 0)
		views[count++] = commands_view(worker);
	return count;
}
