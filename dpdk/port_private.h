/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* port_private.h - a port's queues, shared by port.c and port_link.c only */
#pragma once

#include "port.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>

/** Frames taken from a queue at once. */
#define PORT_BURST 64

/**
 * struct port_queue - one queue pair and its worker's link
 * @received: what the last receive() handed out
 * @reserved: buffers handed out by reserve(), in order
 */
struct port_queue {
	struct link link; /* first: a link is cast to its queue */
	uint16_t port;
	uint16_t number;
	bool hashes; /* it has our RSS key and table */
	struct rte_mempool *rx_pool, *tx_pool;
	unsigned received_count, reserved_count;
	struct rte_mbuf *received[PORT_BURST];
	struct rte_mbuf *reserved[LINK_RESERVED_MAX];
	uint64_t counters[PORT_COUNTER_COUNT];
} __rte_cache_aligned;

/** port_link_init() - a queue's calls; its mac, mtu and offload are filled in by the caller. */
void port_link_init(struct port_queue *queue);
