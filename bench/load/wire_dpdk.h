/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* wire_dpdk.h - private: a port and a stack as the instrument's wire */
#pragma once

#include "load.h"
#include "lossy.h"
#include "strangers.h"
#include "wire.h"

#include "dpdk_source.h"
#include "fleet.h"
#include "port.h"
#include "stack.h"

/** struct wire_dpdk - its first member is what the engine sees */
struct wire_dpdk {
	struct load_wire wire;
	struct wire_dpdk_config config;
	struct ip_address address, gateway;
	uint8_t prefix;
	bool has_gateway;
	struct endpoint peers[2]; /* by enum load_peer */
	uint32_t devices;
	struct stack *stack;
	struct tcp *tcp;
	struct port *port;
	struct random *random;
	struct rss rss;
	struct lossy lossy;
	struct strangers strangers;
	struct chunk_pool *chunks;
	void *chunk_memory;
	size_t chunk_bytes;
	uint8_t *incarnations; /* of each device's connections: the port that the next comes from */
};

/** wire_dpdk_user() - what the stack calls. */
void wire_dpdk_user(struct wire_dpdk *dpdk, struct stack_user *user);

/** wire_dpdk_path() - sets the wire's data path. */
void wire_dpdk_path(struct load_wire *wire);
