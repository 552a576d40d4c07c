/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* stack.c - one worker's network stack: made from its configuration, its timers */
#include "stack_private.h"

#include "crypto/siphash.h"
#include "memory.h"

#include <errno.h>
#include <string.h>

COUNTER_TABLE(stack_counter_info, STACK_COUNTERS);

#define SECOND_US 1000000U

/* A turn's share of the work that is not packets, at most. */
#define TIMERS_BUDGET 64
#define SWEEP_BUDGET 8 /* groups of TCP connections, most of them stepped over */
#define NEIGHBOUR_BUDGET 1024
#define NEIGHBOUR_ASKS 8

/* The neighbour table is walked once in this time, so that probes keep their interval. */
#define NEIGHBOUR_WALK_US (NEIGHBOUR_CONTESTED_US / 2)
/* TCP's table: once a second, above a million connections so often. */
#define SWEEP_LARGE 1000000U
#define SWEEP_LARGE_US 8000000U

#define CACHE_LINE 64
#define ROUND_UP(bytes) (((bytes) + CACHE_LINE - 1) & ~(size_t)(CACHE_LINE - 1))

/* The link's MTU bounds the mss, whatever the caller asks for. */
static struct tcp_config tcp_config_of(const struct stack_config *config)
{
	struct tcp_config tcp = config->tcp;

	for (unsigned i = 0; i < config->link_count; i++) {
		uint16_t most = (uint16_t)(config->links[i].link->mtu - 40);

		if (tcp.mss == 0 || tcp.mss > most)
			tcp.mss = most;
	}
	return tcp;
}

static bool config_valid(const struct stack_config *config)
{
	const struct stack_user *user = &config->user;

	if (config->link_count < 1 || config->link_count > STACK_LINKS_MAX || !config->random ||
		!config->rss || config->worker >= config->rss->workers)
		return false;
	for (unsigned i = 0; i < config->link_count; i++)
		if (!stack_link_valid(&config->links[i]))
			return false;
	for (unsigned i = 0; i < config->udp_port_count; i++)
		if (config->udp_ports[i] == 0)
			return false;
	if (config->udp_port_count > 0 && !user->datagram)
		return false;
	return config->tcp.port_count == 0 ||
	       (user->opened && user->stream && user->finished && user->closed && user->deadline);
}

size_t stack_bytes(const struct stack_config *config)
{
	struct tcp_config tcp = tcp_config_of(config);

	return ROUND_UP(sizeof(struct stack)) + ROUND_UP(neighbour_bytes(config->neighbours)) +
	       tcp_bytes(&tcp);
}

/* Next hops that nobody need ask for, and nobody can claim. */
static void fix_gateways(struct stack *stack, const struct stack_config *config)
{
	static const uint8_t none[6];

	for (unsigned i = 0; i < config->link_count; i++) {
		const struct stack_link *link = &config->links[i];

		for (unsigned j = 0; j < link->gateway_count; j++)
			if (memcmp(link->gateway_macs[j], none, 6) != 0)
				neighbour_fix(&stack->neighbours, (uint8_t)i, &link->gateways[j],
					link->gateway_macs[j]);
	}
}

/*
 * What tells our probes from another host's (RFC 7527). Each worker probes, and a link that gives
 * back what we send gives it to any of them: so it is one number on all, made from what they share.
 */
static void choose_nonce(struct stack *stack, const struct stack_config *config)
{
	static const char use[] = "nonce";
	struct siphash_key key;
	uint64_t hash;

	_Static_assert(sizeof(key) <= RSS_KEY_BYTES && sizeof(stack->nonce) <= sizeof(hash),
		"a secret long enough, a hash long enough");
	config->random->fill(config->random, stack->nonce, sizeof(stack->nonce));
	if (config->rss->workers == 1)
		return;
	memcpy(&key, config->rss->key, sizeof(key));
	hash = siphash(&key, use, sizeof(use));
	memcpy(stack->nonce, &hash, sizeof(stack->nonce));
}

struct stack *stack_new(const struct stack_config *config, uint64_t now)
{
	struct siphash_key key;
	struct tcp_config tcp;
	struct stack *stack;
	uint8_t *memory;
	size_t bytes;

	if (!config_valid(config)) {
		errno = EINVAL;
		return NULL;
	}
	bytes = stack_bytes(config);
	memory = memory_map(bytes, config->huge);
	if (!memory)
		return NULL;
	stack = (struct stack *)memory;
	memory += ROUND_UP(sizeof(*stack));
	stack->bytes = bytes;
	stack->rss = config->rss;
	stack->worker = config->worker;
	stack->forward = config->rss->workers > 1 ? config->forward : NULL;
	stack->user = config->user;
	stack->now = stack->swept = now;
	config->random->fill(config->random, &stack->id_state, sizeof(stack->id_state));
	choose_nonce(stack, config);
	config->random->fill(config->random, &stack->sender_key, sizeof(stack->sender_key));
	stack->sender_key |= 1;
	stack->turn = 1;
	config->random->fill(config->random, &key, sizeof(key));
	neighbour_init(&stack->neighbours, memory, config->neighbours, &key);
	memory += ROUND_UP(neighbour_bytes(config->neighbours));
	stack->interface_count = config->link_count;
	for (unsigned i = 0; i < config->link_count; i++)
		stack_interface_init(&stack->interfaces[i], &config->links[i], now);
	for (unsigned i = 0; i < config->link_count; i++)
		for (unsigned j = 0; j < stack->interfaces[i].row_count; j++)
			stack->rows[stack->row_count++] = stack->interfaces[i].rows[j];
	fix_gateways(stack, config);
	for (unsigned i = 0; i < config->udp_port_count; i++) {
		uint16_t port = ntohs(config->udp_ports[i]);

		stack->udp_bound[port / 64] |= 1ULL << port % 64;
	}
	tcp = tcp_config_of(config);
	stack->tcp = tcp_init(memory, &tcp, now);
	if (!stack->tcp) {
		memory_unmap(stack, bytes);
		errno = EINVAL;
		return NULL;
	}
	return stack;
}

void stack_free(struct stack *stack)
{
	if (!stack)
		return;
	for (unsigned i = 0; i < stack->interface_count; i++) {
		struct stack_interface *interface = &stack->interfaces[i];

		for (unsigned j = 0; j < interface->queue.count; j++)
			interface->queue.frames[j].length = 0;
		if (interface->queue.count > 0)
			interface->link->send(
				interface->link, interface->queue.frames, interface->queue.count);
		if (interface->held)
			interface->link->release(interface->link);
	}
	memory_unmap(stack, stack->bytes);
}

tcp_id stack_connect(
	struct stack *stack, uint8_t link, const struct tcp_tuple *tuple, const void *user)
{
	/* RFC 9293 3.9.1.1: an error for "an invalid remote IP address (e.g., broadcast or
	 * multicast)" */
	if (link >= stack->interface_count || !ip_is_unicast(&tuple->remote) ||
		ip_is_v4(&tuple->remote) != ip_is_v4(&tuple->local) ||
		stack_is_broadcast(&stack->interfaces[link], &tuple->remote)) {
		stack_count(stack, STACK_DROP_NO_ROUTE);
		return 0;
	}
	return tcp_connect(stack->tcp, tuple, link, user, stack->now);
}

struct tcp *stack_tcp(struct stack *stack)
{
	return stack->tcp;
}

struct pool_view stack_neighbours(const struct stack *stack)
{
	const uint32_t limit = neighbour_entries(&stack->neighbours);

	return (struct pool_view){.name = "neighbours",
		.help = "next hops and their Ethernet addresses",
		.limit = limit,
		.used = POOL_USED_UNKNOWN,
		.bytes = neighbour_bytes(limit)};
}

const uint64_t *stack_counters(const struct stack *stack)
{
	return stack->counters;
}

/*
 * Entries to look at now so that @total are walked in @period, at most @most. @owed carries the
 * fraction, and what a short turn could not do, on to the next call; but never more than one walk.
 */
static uint32_t sweep_due(
	uint64_t *owed, uint64_t elapsed, uint64_t total, uint64_t period, uint32_t most)
{
	uint64_t due;

	if (elapsed > period)
		elapsed = period;
	*owed += elapsed * total;
	if (*owed > period * total)
		*owed = period * total;
	due = *owed / period;
	if (due > most)
		due = most;
	*owed -= due * period;
	return (uint32_t)due;
}

static void tcp_slice(struct stack *stack, uint64_t elapsed)
{
	struct tcp_up ups[TIMERS_BUDGET];
	uint32_t limit, due;
	unsigned count;

	_Static_assert(TIMERS_BUDGET >= TCP_SWEEP_GROUP, "room for a group");

	count = tcp_timers(stack->tcp, stack->now, ups, TIMERS_BUDGET);
	for (unsigned i = 0; i < count; i++)
		stack_up(stack, &ups[i]);
	tcp_connections(stack->tcp, &limit);
	due = sweep_due(&stack->connections_owed, elapsed,
		(limit + TCP_SWEEP_GROUP - 1) / TCP_SWEEP_GROUP,
		limit > SWEEP_LARGE ? SWEEP_LARGE_US : SECOND_US, SWEEP_BUDGET);
	while (due-- > 0) {
		count = tcp_sweep(stack->tcp, stack->now, ups, 1);
		for (unsigned i = 0; i < count; i++)
			stack_up(stack, &ups[i]);
	}
}

static void neighbour_slice(struct stack *stack, uint64_t elapsed)
{
	struct neighbour_ask asks[NEIGHBOUR_ASKS];
	uint32_t due = sweep_due(&stack->neighbours_owed, elapsed,
		neighbour_entries(&stack->neighbours), NEIGHBOUR_WALK_US, NEIGHBOUR_BUDGET);
	unsigned count = neighbour_sweep(&stack->neighbours, stack->now, due, asks, NEIGHBOUR_ASKS);

	for (unsigned i = 0; i < count; i++)
		stack_ask(stack, &asks[i]);
}

void stack_timers(struct stack *stack, uint64_t now)
{
	uint64_t elapsed = now - stack->swept;

	stack->now = now;
	stack->swept = now;
	tcp_slice(stack, elapsed);
	neighbour_slice(stack, elapsed);
	for (unsigned i = 0; i < stack->interface_count; i++) {
		struct stack_interface *interface = &stack->interfaces[i];

		/* First: the answer to a probe comes to a group (RFC 4862 section 5.4.2). */
		if (interface->ipv6)
			stack_mld_timers(stack, interface);
		if (interface->unsettled > 0)
			stack_settle(stack, interface);
	}
}
