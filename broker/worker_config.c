/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* worker_config.c - another configuration between two turns */
#include "worker_state.h"

/*
 * A read-copy-update of one reader each: the control thread publishes a pointer, the worker takes
 * it over where its turn begins, when it holds nothing of the one before, and shows that it has.
 * Nobody waits for anybody: a worker that stands still keeps the old one for as long as it does.
 */

void worker_configure(struct worker *worker, const struct config *config)
{
	__atomic_store_n(&worker->configured, config, __ATOMIC_RELEASE);
}

const struct config *worker_config(const struct worker *worker)
{
	return __atomic_load_n(&worker->host.config, __ATOMIC_ACQUIRE);
}

void worker_take_config(struct worker *worker)
{
	const struct config *config = __atomic_load_n(&worker->configured, __ATOMIC_ACQUIRE);
	const uint32_t entries = config->limits.sessions + config->limits.pending_logins;
	const uint32_t share = (entries + worker->count - 1) / worker->count;

	/* Where there are several workers one may own more than its share: only a bound that was
	 * lowered counts. */
	session_worker_limit(worker->host.sessions, entries < worker->entries ? share : UINT32_MAX);
	tcp_set_idle(worker->tcp, WORKER_IDLE_US(config->mc.heartbeat));
	__atomic_store_n(&worker->host.config, config, __ATOMIC_RELEASE);
}
