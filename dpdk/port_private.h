/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* port_private.h - a port's queues, shared by port*.c only */
#pragma once

#include "port.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

/** Frames taken from a queue at once. */
#define PORT_BURST 64
/** Frames on their way from a worker without a queue to one that has it. */
#define PORT_RELAY 512

/**
 * struct port_queue - a worker's link, and the queue pair that it has or shares
 * @patience: TSC cycles that a full queue is waited for
 * @received: what the last receive() handed out
 * @reserved: buffers handed out by reserve(), in order
 * @relay: of a link without a queue pair of its own: what waits for the worker of queue @number
 * @next: of a link with one: the first link without that it sends for; of those: the next
 */
struct port_queue {
	struct link link; /* first: a link is cast to its queue */
	uint16_t port;
	uint16_t number;
	bool hashes; /* it has our RSS key and table */
	struct rte_mempool *rx_pool, *tx_pool;
	struct rte_ring *relay;
	struct port_queue *next;
	uint64_t patience;
	unsigned received_count, reserved_count;
	struct rte_mbuf *received[PORT_BURST];
	struct rte_mbuf *reserved[LINK_RESERVED_MAX];
	uint64_t counters[PORT_COUNTER_COUNT];
} __rte_cache_aligned;

/** port_link_init() - a queue's calls; its mac, mtu and offload are filled in by the caller. */
void port_link_init(struct port_queue *queue);

/** port_transmit() - hand @mbufs to a queue of our own; all are gone then. Return: how many left.
 */
unsigned port_transmit(struct port_queue *queue, struct rte_mbuf **mbufs, unsigned count);

/** port_relay_init() - let @queue, which has no queue pair, send through @home's. -ENOMEM */
int port_relay_init(struct port_queue *queue, struct port_queue *home, unsigned worker);

/** port_relay_put() - as port_transmit(), for a queue that has no queue pair. */
unsigned port_relay_put(struct port_queue *queue, struct rte_mbuf **mbufs, unsigned count);

/** port_relay_send() - a burst of each link that sends through @home; called by its worker. */
void port_relay_send(struct port_queue *home);

/** port_relay_free() - what still waits is freed, too; when no worker runs. */
void port_relay_free(struct port_queue *queue);
