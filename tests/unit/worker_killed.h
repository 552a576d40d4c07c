/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* worker_killed.h - a worker's turn that ends at one of its steps: the linker leads the worker's
 * calls here (--wrap). Included behind the test's own enum step, which has NOWHERE, BEFORE_PUBLISH
 * and BEFORE_COMMIT besides its others. */
#pragma once

#include "feed/feed.h"
#include "session/session.h"

#include <unistd.h>

#define KILLED 42 /* how a process ends that was killed where it should be */

static enum step kill_at;

static void killed_at(enum step step)
{
	if (kill_at == step)
		_exit(KILLED);
}

void __real_feed_publish(struct feed_ring *ring);
void __wrap_feed_publish(struct feed_ring *ring);
void __real_session_commit(struct session_worker *worker);
void __wrap_session_commit(struct session_worker *worker);

void __wrap_feed_publish(struct feed_ring *ring)
{
	killed_at(BEFORE_PUBLISH);
	__real_feed_publish(ring);
}

void __wrap_session_commit(struct session_worker *worker)
{
	killed_at(BEFORE_COMMIT);
	__real_session_commit(worker);
}
