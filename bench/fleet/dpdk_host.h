/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* dpdk_host.h - what every load on a port of DPDK needs: port, thread, bound ports, counters */
#pragma once

#include "counter.h"
#include "eal.h"
#include "port.h"
#include "random.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/**
 * dpdk_host_open() - start EAL and open the port
 * @stack_rss: becomes that of a stack that is one worker
 * @port_rss: becomes that of @port->queues; what @port->rss points to; may be @stack_rss
 * @opened: receives the port
 * Return: 0, or -errno with one line in @error.
 */
int dpdk_host_open(const struct eal_config *eal, const struct port_config *port,
	struct random *random, struct rss *stack_rss, struct rss *port_rss, struct port **opened,
	char *error, size_t size);

/**
 * dpdk_host_link() - wait until the port has a carrier: a memif has when the broker has taken it
 * Return: 0, or -ENETDOWN with one line in @error after ten seconds.
 */
int dpdk_host_link(struct port *port, char *error, size_t size);

/** dpdk_host_run() - call @loop on the port's thread, sleeping meanwhile: eal_wait() spins, which on
 * a small machine costs the others a CPU. Return: what it returned, or -errno. */
int dpdk_host_run(int (*loop)(void *argument), void *argument);

/** dpdk_host_ports() - all ports that devices may send datagrams from, network byte order. Return:
 * their number; @ports has room for 65,536. */
unsigned dpdk_host_ports(uint16_t *ports);

/** dpdk_host_counters() - add those that are not 0 to @object. */
void dpdk_host_counters(
	json_t *object, const struct counter_info *info, const uint64_t *values, unsigned count);
