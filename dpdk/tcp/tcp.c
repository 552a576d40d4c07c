/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* tcp.c - memory: laying a TCP out as its configuration says */

#include "tcp_state.h"

COUNTER_TABLE(tcp_counter_info, TCP_COUNTERS);

/* Where everything lies in tcp_init()'s memory, in bytes from its start. */
struct tcp_layout {
	size_t lines, connections, embryonic, time_wait, sides, due, blocks, addresses, end;
	uint32_t line_count;
};

static size_t round_line(size_t bytes)
{
	return (bytes + 63) & ~(size_t)63;
}

static void tcp_lay_out(const struct tcp_config *config, struct tcp_layout *layout)
{
	layout->line_count =
		flow_lines((uint64_t)config->connections + config->embryonic + config->time_wait);
	layout->lines = round_line(sizeof(struct tcp));
	layout->connections = layout->lines + layout->line_count * sizeof(struct flow_line);
	layout->embryonic =
		layout->connections + config->connections * sizeof(struct tcp_connection);
	layout->time_wait =
		layout->embryonic + round_line(config->embryonic * sizeof(struct tcp_embryonic));
	layout->sides =
		layout->time_wait + round_line(config->time_wait * sizeof(struct tcp_time_wait));
	layout->due = layout->sides + config->sides * sizeof(struct tcp_side);
	layout->blocks =
		layout->due + round_line(((size_t)config->connections + TCP_SWEEP_GROUP - 1) /
					 TCP_SWEEP_GROUP * sizeof(uint32_t));
	layout->addresses =
		layout->blocks + wheel_blocks((uint64_t)config->connections + config->embryonic) *
					 sizeof(struct wheel_block);
	layout->end = layout->addresses;
	if (config->ipv6)
		layout->end += round_line(
			((size_t)config->connections + config->embryonic + config->time_wait) *
			sizeof(struct tcp_addresses));
}

static bool tcp_config_good(const struct tcp_config *config)
{
	return config->connections >= 1 && config->connections <= FLOW_INDEX_MASK &&
	       config->embryonic >= 1 && config->embryonic <= FLOW_INDEX_MASK &&
	       config->time_wait >= 1 && config->time_wait <= FLOW_INDEX_MASK &&
	       config->sides >= 1 && config->sides <= UINT16_MAX &&
	       config->receive_window >= TCP_MSS_DEFAULT &&
	       config->receive_window <= TCP_WINDOW_MAX && config->send_bytes >= 1 &&
	       config->send_bytes <= 1u << 30 && config->mss >= TCP_MSS_DEFAULT &&
	       config->idle_us >= MS && config->idle_us / MS <= INT32_MAX &&
	       (config->keepalive_us == 0 || config->keepalive_us >= SECOND) &&
	       config->keepalive_us / MS <= INT32_MAX &&
	       (config->user_timeout_us == 0 || (config->user_timeout_us >= SECOND &&
							config->user_timeout_us <= 480 * SECOND)) &&
	       config->port_count <= TCP_PORTS_MAX && (config->ports || config->port_count == 0) &&
	       config->chunks;
}

size_t tcp_bytes(const struct tcp_config *config)
{
	struct tcp_layout layout;

	tcp_lay_out(config, &layout);
	return layout.end;
}

static void slab_init(struct tcp_slab *slab, uint32_t limit, void *links, uint32_t stride)
{
	slab->limit = limit;
	slab->links = links;
	slab->stride = stride;
}

struct tcp *tcp_init(void *memory, const struct tcp_config *config, uint64_t now)
{
	struct tcp *tcp = memory;
	struct tcp_layout layout;
	uint8_t *base = memory;

	if (!tcp_config_good(config))
		return NULL;
	tcp_lay_out(config, &layout);
	tcp->config = *config;
	if (config->port_count > 0)
		memcpy(tcp->ports, config->ports, config->port_count * sizeof(tcp->ports[0]));
	tcp->config.ports = tcp->ports;
	tcp->now = now;
	flow_table_init(&tcp->flows, (struct flow_line *)(base + layout.lines), layout.line_count);
	tcp->connections = (struct tcp_connection *)(base + layout.connections);
	tcp->embryonic = (struct tcp_embryonic *)(base + layout.embryonic);
	tcp->time_wait = (struct tcp_time_wait *)(base + layout.time_wait);
	slab_init(&tcp->connection_slab, config->connections, &tcp->connections->next,
		sizeof(struct tcp_connection));
	tcp->connection_slab.hold = TCP_FREE_HOLD;
	slab_init(&tcp->embryonic_slab, config->embryonic, &tcp->embryonic->timer.at,
		sizeof(struct tcp_embryonic));
	slab_init(&tcp->time_wait_slab, config->time_wait, &tcp->time_wait->next,
		sizeof(struct tcp_time_wait));
	tcp->sides = (struct tcp_side *)(base + layout.sides);
	slab_init(&tcp->side_slab, config->sides, tcp->sides, sizeof(struct tcp_side));
	tcp->due = (uint32_t *)(base + layout.due);
	if (config->ipv6) {
		struct tcp_addresses *addresses = (struct tcp_addresses *)(base + layout.addresses);

		tcp->addresses[FLOW_CONNECTION] = addresses;
		tcp->addresses[FLOW_EMBRYONIC] = addresses + config->connections;
		tcp->addresses[FLOW_TIME_WAIT] =
			addresses + config->connections + config->embryonic;
	}
	tcp->wheel.kinds[FLOW_CONNECTION].base = (uint8_t *)&tcp->connections->timer;
	tcp->wheel.kinds[FLOW_CONNECTION].stride = sizeof(struct tcp_connection);
	tcp->wheel.kinds[FLOW_EMBRYONIC].base = (uint8_t *)&tcp->embryonic->timer;
	tcp->wheel.kinds[FLOW_EMBRYONIC].stride = sizeof(struct tcp_embryonic);
	wheel_init(&tcp->wheel, (struct wheel_block *)(base + layout.blocks), now);
	tcp_cookie_init(tcp);
	return tcp;
}

uint32_t tcp_connections(const struct tcp *tcp, uint32_t *limit)
{
	if (limit)
		*limit = tcp->config.connections;
	return tcp->live;
}

uint64_t *tcp_counters(struct tcp *tcp)
{
	return tcp->counters;
}
