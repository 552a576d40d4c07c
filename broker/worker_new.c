/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* worker_new.c - what a worker is made of, and how it attaches to what a predecessor left */
#include "worker_state.h"

#include "feed/command_ring.h"
#include "memory.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEIGHBOURS 4096
static uint32_t clamp(uint32_t value, uint32_t least, uint32_t most)
{
	return value < least ? least : value > most ? most : value;
}

static uint32_t share(uint32_t limit, const struct worker_setup *setup)
{
	return (limit + setup->count - 1) / setup->count;
}

/*
 * Memory follows data in flight: a fraction of the connections has some at any time. Where devices
 * take long to acknowledge, more of them do, and limits.chunks says how many.
 */
static struct chunk_pool_config chunk_config(const struct worker_setup *setup)
{
	const uint32_t connections = share(setup->config->limits.connections, setup);
	const uint32_t given = share(setup->config->limits.chunks, setup);
	const uint32_t chunks = given ? given : clamp(connections / 4, 8192, 1u << 20);

	return (struct chunk_pool_config){
		.count = {chunks, clamp(chunks / 4, 256, chunks), clamp(chunks / 64, 256, chunks),
			clamp(chunks / 512, 64, chunks)},
		.poison = true};
}

static void stack_setup(const struct worker_setup *setup, struct stack_config *stack)
{
	const struct config *config = setup->config;
	uint32_t connections = share(config->limits.connections, setup);

	memset(stack, 0, sizeof(*stack));
	stack->worker = setup->number;
	stack->rss = setup->rss;
	stack->forward = setup->mesh ? worker_mesh_forward(setup->mesh) : NULL;
	stack->random = setup->random;
	stack->huge = setup->huge;
	stack->neighbours = NEIGHBOURS;
	stack->link_count = config->port_count;
	for (unsigned i = 0; i < config->port_count; i++) {
		const struct config_port *port = &config->ports[i];
		struct stack_link *link = &stack->links[i];

		link->link = setup->links[i];
		link->address_count = port->address_count;
		for (unsigned j = 0; j < port->address_count; j++)
			link->addresses[j] = (struct stack_address){
				port->addresses[j].address, port->addresses[j].prefix};
		link->vlan = port->vlan;
		link->gateway_count = port->gateway_count;
		for (unsigned j = 0; j < port->gateway_count; j++) {
			link->gateways[j] = port->gateways[j].address;
			memcpy(link->gateway_macs[j], port->gateways[j].mac, 6);
		}
	}
	stack->tcp = (struct tcp_config){
		.connections = connections,
		.embryonic = clamp(connections / 8, 1024, 1u << 16),
		.time_wait = clamp(connections / 8, 1024, 1u << 16),
		.sides = clamp(connections / 16, 1024, UINT16_MAX),
		.ipv6 = config_has_ipv6(config),
		.receive_window = 65535,
		.send_bytes = WORKER_SEND_BYTES,
		.mss = 1460,
		.idle_us = WORKER_IDLE_US(config->mc.heartbeat),
	};
}

static int listen_on(struct worker *worker, unsigned slot, const struct listener *l, uint8_t index)
{
	if (worker->listener_count == WORKER_LISTENERS_MAX)
		return -ENOSPC;
	worker->listeners[worker->listener_count++] = (struct worker_listener){
		.protocol = protocols[slot],
		.slot = (uint8_t)slot,
		.index = index,
		.via = l->via,
		.closes = l->closes,
		.port = htons(l->port),
		.first_bytes = l->first_bytes,
		.frame_bytes = l->frame_bytes,
	};
	return 0;
}

static int start_protocols(struct worker *worker)
{
	struct listener listeners[8];
	int count;

	for (unsigned slot = 0; slot < protocol_count; slot++) {
		count = protocols[slot]->start(&worker->states[slot], &worker->host, listeners);
		if (count < 0)
			return count;
		for (int i = 0; i < count; i++) {
			if (listen_on(worker, slot, &listeners[i], (uint8_t)i))
				return -ENOSPC;
		}
	}
	return 0;
}

static unsigned ports_of(const struct worker *worker, enum session_via via, uint16_t *ports)
{
	unsigned count = 0;

	for (unsigned i = 0; i < worker->listener_count; i++) {
		if (worker->listeners[i].via == via)
			ports[count++] = worker->listeners[i].port;
	}
	return count;
}

static int start_stack(struct worker *worker, const struct worker_setup *setup, uint64_t now)
{
	struct chunk_pool_config chunks = chunk_config(setup);
	uint16_t tcp_ports[WORKER_LISTENERS_MAX], udp_ports[WORKER_LISTENERS_MAX];
	struct stack_config config;

	worker->chunk_bytes = chunk_pool_bytes(&chunks);
	/* Sized for the worst, rarely used up: pages that the host reserved would lie idle. */
	worker->chunk_memory = memory_map(worker->chunk_bytes, false);
	if (!worker->chunk_memory)
		return -ENOMEM;
	worker->chunks = chunk_pool_init(worker->chunk_memory, &chunks);
	stack_setup(setup, &config);
	worker->link_count = config.link_count;
	config.tcp.chunks = worker->chunks;
	config.tcp.ports = tcp_ports;
	config.tcp.port_count = ports_of(worker, SESSION_VIA_TCP, tcp_ports);
	config.udp_ports = udp_ports;
	config.udp_port_count = ports_of(worker, SESSION_VIA_UDP, udp_ports);
	setup->random->fill(setup->random, &config.tcp.flow_key, sizeof(config.tcp.flow_key));
	setup->random->fill(setup->random, &config.tcp.isn_key, sizeof(config.tcp.isn_key));
	worker_stack_user(worker, &config.user);
	worker->stack = stack_new(&config, now);
	if (!worker->stack)
		return -errno;
	worker->tcp = stack_tcp(worker->stack);
	return 0;
}

/* ---- attaching ---- */

static bool keep(void *context, uint32_t index, uint32_t number, uint32_t serial)
{
	struct worker *worker = context;
	const struct device *device = registry_at(worker->host.registry, number);

	return device && device->serial == serial;
}

static void restore(void *context, const struct hearth_item *item)
{
	struct worker *worker = context;
	const uint8_t event = item->record->event;

	if (event == HEARTH_RESPONSE || event == HEARTH_UNDELIVERED)
		command_forget(worker->pool, item->record->request);
	for (unsigned i = 0; i < protocol_count; i++) {
		if (!strcmp(protocols[i]->name, hearth_protocol_name(item->record->protocol)))
			protocols[i]->restored(worker->states[i], item);
	}
}

static void attached(void *context, uint32_t index)
{
	struct worker *worker = context;
	struct session_turn turn;

	if (session_peek(worker->host.table, index, &turn) && turn.state == SESSION_LIVE)
		worker->attached++;
	for (unsigned i = 0; i < protocol_count; i++)
		protocols[i]->attached(worker->states[i], index);
	/* Nothing is decided here that a record must come before: no need to gather a turn. */
	session_commit(worker->host.sessions);
}

/* May sub-devices be on-line (still) in that session, and whose is it? Each is its range's now. */
static int mark_owner(void *context, uint32_t index, uint64_t number)
{
	const struct session_table *table = context;
	struct session_turn turn;

	if (!session_peek(table, index, &turn) || turn.number != number ||
		(turn.state != SESSION_LIVE && !(turn.flags & SESSION_OWED_SUBDEVICES)))
		return -1;
	return (int)session_owner(table, index);
}

static int damaged(const struct worker *worker, char *error, size_t size)
{
	snprintf(error, size,
		"%s: the event ring of worker %u is damaged; drain it with hearth-feed, "
		"then remove it",
		worker->host.config->feed.path, worker->host.worker);
	return -EBADMSG;
}

static int replay(struct worker *worker, char *error, size_t size)
{
	if (feed_replay(worker->host.feed, restore, worker) >= 0)
		return 0;
	return damaged(worker, error, size);
}

/*
 * In steps that each end for all before the next begins: a ring's records may be about entries of
 * any range, and a device may have entries in two. A kill in here changes nothing: what was applied
 * is applied again, and says the same.
 */
int workers_attach(struct worker *const *workers, unsigned count, char *error, size_t size)
{
	for (unsigned i = 0; i < count; i++)
		session_worker_attach(
			workers[i]->host.sessions, workers[i]->host.clock.tick, keep, workers[i]);
	for (unsigned i = 0; i < count; i++) {
		int rc = replay(workers[i], error, size);

		if (rc)
			return rc;
	}
	for (unsigned i = 0; i < count; i++) {
		session_commit(workers[i]->host.sessions);
		feed_applied(workers[i]->host.feed);
	}
	binding_attach(
		binding_table(workers[0]->host.bindings), mark_owner, workers[0]->host.table);
	for (unsigned i = 0; i < count; i++)
		session_visit(workers[i]->host.sessions, attached, workers[i]);
	for (unsigned i = 0; i < count; i++) {
		if (worker_uncommitted(workers[i]) < 0)
			return damaged(workers[i], error, size);
	}
	worker_commands_attach(workers, count);
	return 0;
}

struct worker *worker_new(
	const struct worker_setup *setup, const struct turn_clock *now, char *error, size_t size)
{
	struct worker *worker = memory_map(sizeof(*worker), false);
	int rc = -ENOMEM;

	if (!worker)
		goto err;
	worker->host = (struct host){
		.config = setup->config,
		.clock = *now,
		.worker = setup->number,
		.table = setup->table,
		.sessions = session_worker(setup->table, setup->number),
		.registry = setup->registry,
		.bindings = binding_worker(setup->bindings, setup->number),
		.feed = feed_ring(setup->feed, setup->number),
		.commands = setup->commands,
		.watch = setup->watch,
		.pool = command_worker(setup->command_pool, setup->number),
		.aes = aes_burst_new(),
		.random = setup->random,
		.draining = setup->draining,
		.trace = setup->trace ? trace_side(setup->trace, setup->number) : NULL,
		.context = worker,
	};
	if (!worker->host.aes)
		goto err;
	worker->configured = setup->config;
	worker->entries = setup->config->limits.sessions + setup->config->limits.pending_logins;
	worker->number = setup->number;
	worker->count = setup->count;
	worker->mesh = setup->mesh;
	worker->pool = setup->command_pool;
	worker->blocks = session_blocks(setup->table);
	worker->sweep.last = worker->timed = now->us;
	stages_init(&worker->stages, setup->tsc_hz);
	worker_figures_init(&worker->figures, setup->tsc_hz);
	rc = start_protocols(worker);
	if (!rc)
		rc = start_stack(worker, setup, now->us);
	if (rc)
		goto err;
	return worker;
err:
	snprintf(error, size,
		"worker %u: %s; lower limits.connections or limits.chunks, or free memory",
		setup->number, strerror(-rc));
	worker_free(worker);
	errno = -rc;
	return NULL;
}

void worker_free(struct worker *worker)
{
	if (!worker)
		return;
	for (unsigned i = 0; i < protocol_count; i++) {
		if (worker->states[i])
			protocols[i]->stop(worker->states[i]);
	}
	stack_free(worker->stack);
	if (worker->chunks)
		worker_waits_free(worker);
	if (worker->chunks)
		chunk_pool_fini(worker->chunks);
	memory_unmap(worker->chunk_memory, worker->chunk_bytes);
	aes_burst_free(worker->host.aes);
	memory_unmap(worker, sizeof(*worker));
}

size_t worker_bytes(const struct worker_setup *setup)
{
	struct chunk_pool_config chunks = chunk_config(setup);
	struct stack_config config;

	stack_setup(setup, &config);
	return sizeof(struct worker) + chunk_pool_bytes(&chunks) + stack_bytes(&config);
}

uint32_t worker_attached(const struct worker *worker)
{
	return worker->attached;
}

bool worker_peer(const struct worker *worker, tcp_id connection, struct tcp_tuple *tuple)
{
	return connection && tcp_tuple_of(worker->tcp, connection, tuple);
}

unsigned worker_views(struct worker *worker, struct counter_view *views)
{
	unsigned count = 0;

	views[count++] = (struct counter_view){
		"stack", stack_counter_info, stack_counters(worker->stack), STACK_COUNTER_COUNT};
	views[count++] = (struct counter_view){
		"tcp", tcp_counter_info, tcp_counters(worker->tcp), TCP_COUNTER_COUNT};
	views[count++] = (struct counter_view){
		"stream", stream_counter_info, worker->stream_counters, STREAM_COUNTER_COUNT};
	views[count++] = (struct counter_view){
		"worker", worker_counter_info, worker->counters, WORKER_COUNTER_COUNT};
	views[count++] = (struct counter_view){"session", session_counter_info,
		session_counters(worker->host.sessions), SESSION_COUNTER_COUNT};
	views[count++] = (struct counter_view){
		"feed", feed_counter_info, feed_counters(worker->host.feed), FEED_COUNTER_COUNT};
	if (worker->host.commands)
		views[count++] = (struct counter_view){"commands", command_ring_counter_info,
			command_ring_counters(worker->host.commands, worker->number),
			COMMAND_RING_COUNTER_COUNT};
	for (unsigned i = 0; i < protocol_count && count < COUNTER_VIEWS_MAX; i++)
		views[count++] = (struct counter_view){protocols[i]->name,
			protocols[i]->counter_info, protocols[i]->counters(worker->states[i]),
			protocols[i]->counter_count};
	return count;
}
