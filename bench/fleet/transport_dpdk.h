/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* transport_dpdk.h - devices behind our own stack on a DPDK port: what its files share */
#pragma once

#include "dpdk_source.h"
#include "transport.h"

#include "port.h"
#include "stack.h"

#define DPDK_COUNTERS(X)                                                                           \
	X(DPDK_NOT_OPENED, "not_opened", "connections that TCP refused to open")                   \
	X(DPDK_NOT_SENT, "not_sent", "frames not sent: no room, or no next hop")                   \
	X(DPDK_STRAY, "stray", "datagrams to nobody, or to a connection that is gone")
COUNTER_ENUM(dpdk_counter, DPDK_COUNTERS, DPDK_COUNTER_COUNT);

/** struct dpdk - the transport's state; @busy: the turn had something to do */
struct dpdk {
	struct stack *stack;
	struct tcp *tcp;
	struct port *port;
	struct random *random;
	struct rss rss;      /* the stack is one worker */
	struct rss port_rss; /* a NIC spreads what comes over all queues */
	struct ip_address first;
	struct chunk_pool *chunks;
	void *chunk_memory;
	size_t chunk_bytes, stack_bytes;
	uint64_t up_since;
	bool busy;
	uint64_t mark, busy_cycles, idle_cycles;
	uint64_t counters[DPDK_COUNTER_COUNT];
};

static inline struct dpdk *dpdk_of(const struct fleet *fleet)
{
	return fleet->carrier;
}

/** dpdk_user() - what the stack calls. */
void dpdk_user(struct fleet *fleet, struct stack_user *user);

/* The transport's data path, see struct transport. */
bool dpdk_poll(struct fleet *fleet, uint64_t until);
int dpdk_open(struct fleet *fleet, struct device *device, peer_id peer, bool tcp);
void dpdk_close(struct fleet *fleet, struct device *device);
void dpdk_send(
	struct fleet *fleet, struct device *device, const char *frame, size_t length, bool hold);
