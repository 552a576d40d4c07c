/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* tcp_pools.c - the pools that tcp_init() laid out, for the start-up line and status */

#include "tcp_state.h"

static struct pool_view slab_view(
	const char *name, const char *help, const struct tcp_slab *slab, size_t bytes)
{
	return (struct pool_view){.name = name,
		.help = help,
		.limit = slab->limit,
		.used = __atomic_load_n(&slab->used, __ATOMIC_RELAXED),
		.bytes = slab->limit * bytes};
}

unsigned tcp_pools(const struct tcp *tcp, struct pool_view *views)
{
	const struct tcp_config *config = &tcp->config;
	const uint32_t lines = tcp->flows.mask + 1;
	unsigned count = 0;

	views[count++] = slab_view("connections", "TCP connections", &tcp->connection_slab,
		sizeof(struct tcp_connection));
	views[count++] = slab_view("handshakes", "TCP handshakes under way", &tcp->embryonic_slab,
		sizeof(struct tcp_embryonic));
	views[count++] = slab_view("time_wait", "TCP connections in TIME-WAIT",
		&tcp->time_wait_slab, sizeof(struct tcp_time_wait));
	views[count++] = slab_view("recovery",
		"recovery records of TCP connections that met loss or reordering", &tcp->side_slab,
		sizeof(struct tcp_side));
	/* a flow that finds no slot within the probe limit is refused before all are in use */
	views[count++] = (struct pool_view){.name = "flow_slots",
		.help = "slots of the flow table",
		.limit = lines * FLOW_LINE_SLOTS,
		.used = __atomic_load_n(&tcp->flows.used, __ATOMIC_RELAXED),
		.bytes = (size_t)lines * sizeof(struct flow_line)};
	if (config->ipv6) {
		const uint32_t limit = config->connections + config->embryonic + config->time_wait;

		views[count++] = (struct pool_view){.name = "ipv6_addresses",
			.help = "addresses beside TCP's records, one for each",
			.limit = limit,
			.used = POOL_USED_UNKNOWN,
			.bytes = (size_t)limit * sizeof(struct tcp_addresses)};
	}
	return count;
}
