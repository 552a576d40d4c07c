/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* clock.c - virtual time, and calls that wait in it */
#include "socket.h"

#include <errno.h>
#include <time.h>

#define STEP 1000 /* microseconds of a turn while time passes */
#define SETTLE_ROUNDS 64
#define REAL_SECONDS 5 /* a thread that was woken and does not come back: the tool has died */

static bool must_wake(struct adapter *adapter)
{
	return adapter->waiting.blocked &&
	       (adapter->now >= adapter->waiting.until ||
		       adapter->waiting.ready(adapter, adapter->waiting.argument));
}

/* The clock stands still until the woken call has returned to its script, or blocks again. */
static void wake(struct adapter *adapter)
{
	struct timespec limit;

	adapter->waiting.blocked = false;
	adapter->waiting.go = adapter->waiting.running = true;
	pthread_cond_broadcast(&adapter->changed);
	clock_gettime(CLOCK_REALTIME, &limit);
	limit.tv_sec += REAL_SECONDS;
	while (adapter->waiting.running)
		if (pthread_cond_timedwait(&adapter->changed, &adapter->lock, &limit) == ETIMEDOUT)
			adapter->waiting.running = false;
}

void clock_settle(struct adapter *adapter)
{
	for (unsigned i = 0; i < SETTLE_ROUNDS && adapter->world; i++) {
		world_turn(adapter->world, adapter->now);
		if (!socket_push(adapter))
			break;
	}
	if (must_wake(adapter))
		wake(adapter);
}

void clock_pass(struct adapter *adapter, uint64_t microseconds)
{
	uint64_t end = adapter->now + microseconds;

	while (adapter->now < end) {
		adapter->now += end - adapter->now < STEP ? end - adapter->now : STEP;
		clock_settle(adapter);
	}
}

bool clock_wait(struct adapter *adapter, bool (*ready)(struct adapter *adapter, void *argument),
	void *argument, uint64_t timeout)
{
	uint64_t until = adapter->now + timeout;

	if (ready(adapter, argument) || timeout == 0)
		return ready(adapter, argument);
	if (pthread_equal(pthread_self(), adapter->owner)) {
		while (!ready(adapter, argument) && adapter->now < until)
			clock_pass(adapter, STEP);
		return ready(adapter, argument);
	}
	adapter->waiting.ready = ready;
	adapter->waiting.argument = argument;
	adapter->waiting.until = until;
	adapter->waiting.blocked = true;
	adapter->waiting.running = false;
	pthread_cond_broadcast(&adapter->changed);
	while (!adapter->waiting.go)
		pthread_cond_wait(&adapter->changed, &adapter->lock);
	adapter->waiting.go = false;
	return ready(adapter, argument);
}

void clock_told(struct adapter *adapter)
{
	if (!adapter->waiting.running || pthread_equal(pthread_self(), adapter->owner))
		return;
	adapter->waiting.running = false;
	pthread_cond_broadcast(&adapter->changed);
}
