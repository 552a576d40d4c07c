/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* end_hearth.c - our own stack as an end: a link of plain memory, a user that talks */
#include "sim.h"

#include "hearth_hooks.h"
#include "memory.h"
#include "stack_private.h"
#include "tcp/tcp_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where a turn left something undone the worker's next turn is not far. */
#define TURN_US 20
/* TCP's sweep and the neighbour table are walked about once a second. */
#define SWEEP_TICKS 30
#define SWEEP_US ((uint64_t)SWEEP_TICKS << WHEEL_TICK_SHIFT)

struct hearth {
	struct end end;
	struct link link;
	struct stack *stack;
	struct rss rss;
	struct random random;
	struct sim_random dice;
	struct hearth_plan plan;
	struct chunk_pool *pool;
	void *pool_memory;
	size_t pool_bytes;
	struct flight *held[STACK_BURST];
	unsigned held_count;
	unsigned reserved;
	bool refused;
	struct siphash_key isn_key;
	uint8_t buffers[LINK_RESERVED_MAX][LINK_FRAME_MAX];
};

/* The turn that is under way, for what is called without a context. */
static struct hearth *turning;

/* The link. */

static struct hearth *of_link(struct link *link)
{
	return (struct hearth *)((char *)link - offsetof(struct hearth, link));
}

static unsigned link_receive(struct link *link, struct frame *frames, unsigned max)
{
	struct hearth *hearth = of_link(link);
	struct wire *wire = hearth->end.world->wires[!hearth->end.who];
	unsigned count = 0;

	while (count < max && count < STACK_BURST) {
		struct flight *flight = wire_take(wire);

		if (!flight)
			break;
		hearth->held[count] = flight;
		frames[count] = (struct frame){.data = flight->data, .length = flight->length};
		count++;
	}
	hearth->held_count = count;
	return count;
}

static void link_release(struct link *link)
{
	struct hearth *hearth = of_link(link);

	for (unsigned i = 0; i < hearth->held_count; i++)
		free(hearth->held[i]);
	hearth->held_count = 0;
}

static unsigned link_reserve(struct link *link, struct frame *frames, unsigned count)
{
	struct hearth *hearth = of_link(link);
	struct end *end = &hearth->end;
	unsigned i;

	for (i = 0; i < count && hearth->reserved < LINK_RESERVED_MAX; i++) {
		end->buffer_calls++;
		if (end->fail_buffer_at && end->buffer_calls >= end->fail_buffer_at &&
			end->buffer_calls < end->fail_buffer_at + end->fail_buffers)
			break;
		frames[i].data = hearth->buffers[hearth->reserved++];
	}
	return i;
}

static unsigned link_send(struct link *link, struct frame *frames, unsigned count)
{
	struct hearth *hearth = of_link(link);
	struct world *world = hearth->end.world;
	unsigned sent = 0;

	if (count != hearth->reserved)
		world_fail(world, "the stack sends %u of %u reserved buffers", count,
			hearth->reserved);
	hearth->reserved = 0;
	for (unsigned i = 0; i < count; i++) {
		if (frames[i].length == 0)
			continue;
		if (frames[i].length > hearth->link.mtu + 14u)
			world_fail(world, "a frame of %u bytes", frames[i].length);
		wire_put(world->wires[hearth->end.who], frames[i].data, frames[i].length);
		sent++;
	}
	return sent;
}

/* Hooks. */

bool hearth_chunk_fails(void)
{
	struct end *end = turning ? &turning->end : NULL;

	if (!end)
		return false;
	end->chunk_calls++;
	return end->fail_chunk_at && end->chunk_calls >= end->fail_chunk_at &&
	       end->chunk_calls < end->fail_chunk_at + end->fail_chunks;
}

bool hearth_keyed(const struct siphash_key *key, uint64_t word0, uint64_t word1, uint64_t *f)
{
	struct hearth *hearth = turning;
	uint32_t wanted;

	if (!hearth || !hearth->plan.wrap || memcmp(key, &hearth->isn_key, sizeof(*key)) != 0)
		return false;
	if (word1 >> 63) {
		/* Timestamps pass 2^32 in the flow's first 20 s: the same start at each call. */
		wanted = (uint32_t)(sim_mix(word0 ^ word1) % 20000);
		*f = -wanted - (uint32_t)(hearth->end.world->plan.start / SIM_MS);
		return true;
	}
	wanted = (uint32_t)-sim_between(&hearth->dice, 1, hearth->plan.wrap);
	*f = wanted - (uint32_t)(hearth->end.now / 4);
	return true;
}

/* The user. */

/* After both FINs the id is void while its user still learns of the second. */
static struct side *side_of_ended(struct hearth *hearth, tcp_id id)
{
	struct world *world = hearth->end.world;

	for (unsigned i = 0; i < world->plan.talk_count; i++) {
		struct side *side = &world->talks[i].sides[hearth->end.who];

		if (side->half_closed && !talk_over(side) && side->handle == id)
			return side;
	}
	world_fail(world, "an up-call for a connection that is not live");
	return &world->talks[0].sides[hearth->end.who];
}

static struct side *side_of(struct hearth *hearth, tcp_id id)
{
	uint32_t *number = tcp_user(stack_tcp(hearth->stack), id);

	if (!number || *number == 0)
		return side_of_ended(hearth, id);
	return &hearth->end.world->talks[*number - 1].sides[hearth->end.who];
}

static void user_opened(void *context, tcp_id id, const struct tcp_tuple *tuple)
{
	struct hearth *hearth = context;
	unsigned port =
		ntohs(hearth->end.who == SIM_SERVER ? tuple->remote_port : tuple->local_port);
	struct talk *talk = talk_of_port(hearth->end.world, port);
	struct tcp *tcp = stack_tcp(hearth->stack);
	uint32_t *number = tcp_user(tcp, id);
	struct side *side;

	if (!talk || !number) {
		world_fail(hearth->end.world, "opened: port %u", port);
		return;
	}
	*number = talk->index + 1;
	side = &talk->sides[hearth->end.who];
	/* A cookie says only that its sender once heard us: what is left of a burst opens again
	 * what the user has just reset. RFC 4987 section 3.6 knows no remedy; the peer's RST ends
	 * it. */
	if (talk_over(side) && tcp_counters(tcp)[TCP_COOKIE_ACCEPTED] > 0) {
		tcp_abort(tcp, id);
		return;
	}
	talk_opened(side, id);
}

static bool user_stream(void *context, tcp_id id, const uint8_t *data, uint32_t length)
{
	return talk_data(side_of(context, id), data, length);
}

static void user_finished(void *context, tcp_id id)
{
	talk_finished(side_of(context, id));
}

static void user_closed(void *context, const struct tcp_up *up)
{
	static const enum gone whys[] = {
		[TCP_REASON_RESET] = GONE_RESET,
		[TCP_REASON_TIMEOUT] = GONE_TIMEOUT,
		[TCP_REASON_IDLE] = GONE_IDLE,
	};
	struct hearth *hearth = context;
	unsigned port =
		ntohs(hearth->end.who == SIM_SERVER ? up->tuple.remote_port : up->tuple.local_port);
	struct talk *talk = talk_of_port(hearth->end.world, port);

	if (!talk)
		world_fail(hearth->end.world, "closed: port %u", port);
	else
		talk_gone(&talk->sides[hearth->end.who], up->reason < sizeof(whys) / sizeof(whys[0])
								 ? whys[up->reason]
								 : GONE_RESET);
}

static void user_deadline(void *context, tcp_id id)
{
	struct hearth *hearth = context;

	world_fail(hearth->end.world, "a deadline that nobody set");
}

static void fill(struct random *random, void *out, size_t length)
{
	struct hearth *hearth = (struct hearth *)((char *)random - offsetof(struct hearth, random));

	for (size_t i = 0; i < length; i++)
		((uint8_t *)out)[i] = (uint8_t)sim_next(&hearth->dice);
}

/* What a side does. */

/* 198.18.0.1 and .2, fd77::1 and ::2 */
static struct ip_address address(unsigned who, bool ipv6)
{
	if (ipv6)
		return (struct ip_address){{htonl(0xfd770000), 0, 0, htonl(1 + who)}};
	return ip_from_v4(htonl(0xc6120001 + who));
}

static struct hearth *of_side(const struct side *side)
{
	return (struct hearth *)side->end;
}

static bool hearth_connect(struct side *side)
{
	struct hearth *hearth = of_side(side);
	bool ipv6 = side->talk->ipv6;
	struct tcp_tuple tuple = {.remote = address(!side->who, ipv6),
		.local = address(side->who, ipv6),
		.remote_port = htons(SIM_PORT),
		.local_port = htons((uint16_t)(SIM_FIRST_PORT + side->talk->index))};
	uint16_t port = tuple.local_port;
	uint32_t user[TCP_USER_BYTES / sizeof(uint32_t)] = {side->talk->index + 1};

	if (side->who == SIM_SERVER) {
		tuple.local_port = tuple.remote_port;
		tuple.remote_port = port;
	}
	return stack_connect(hearth->stack, 0, &tuple, user) != 0;
}

static bool hearth_send(struct side *side, const uint8_t *data, uint32_t length)
{
	struct tcp *tcp = stack_tcp(of_side(side)->stack);
	uint8_t *room = tcp_reserve(tcp, (tcp_id)side->handle, length);

	if (!room) {
		of_side(side)->refused = true;
		return false;
	}
	memcpy(room, data, length);
	tcp_commit(tcp, (tcp_id)side->handle, length);
	return true;
}

static bool hearth_close(struct side *side)
{
	tcp_close(stack_tcp(of_side(side)->stack), (tcp_id)side->handle);
	return true;
}

static bool hearth_finish(struct side *side)
{
	tcp_shutdown(stack_tcp(of_side(side)->stack), (tcp_id)side->handle);
	return true;
}

static void hearth_abort(struct side *side)
{
	tcp_abort(stack_tcp(of_side(side)->stack), (tcp_id)side->handle);
}

/* Turns. */

static void hearth_turn(struct end *end)
{
	struct hearth *hearth = (struct hearth *)end;
	unsigned count;

	turning = hearth;
	hearth->refused = false;
	do {
		count = stack_receive(hearth->stack, end->now);
		talk_work(end);
		stack_transmit(hearth->stack, end->now);
		stack_timers(hearth->stack, end->now);
	} while (count == STACK_BURST && !end->world->failed);
	turning = NULL;
}

/*
 * The wheel is looked into, so that virtual time can step from event to event. A worker would turn
 * all the time and see nothing.
 */
static uint64_t hearth_next(const struct end *end)
{
	const struct hearth *hearth = (const struct hearth *)end;
	const struct tcp *tcp = hearth->stack->tcp;
	uint64_t tick_now = end->now >> WHEEL_TICK_SHIFT;
	int32_t ahead = (int32_t)(tcp->wheel.cursor - (uint32_t)tick_now);

	if (tcp->pending_head || tcp->reply_count > 0 || hearth->stack->interfaces[0].queue.count)
		return end->now + TURN_US;
	for (; ahead <= SWEEP_TICKS; ahead++)
		if (tcp->wheel.slots[((uint32_t)tick_now + (uint32_t)ahead) % WHEEL_SLOTS].block)
			return ahead <= 0 ? end->now + TURN_US
					  : (tick_now + (uint32_t)ahead) << WHEEL_TICK_SHIFT;
	return end->now + SWEEP_US;
}

static bool hearth_idle(const struct end *end)
{
	const struct hearth *hearth = (const struct hearth *)end;
	const struct tcp *tcp = hearth->stack->tcp;

	if (tcp->live || tcp->connection_slab.used || tcp->embryonic_slab.used ||
		tcp->time_wait_slab.used || tcp->side_slab.used || tcp->flows.used ||
		tcp->pending_head || tcp->reply_count || hearth->reserved || hearth->held_count)
		return false;
	for (unsigned class = 0; class < CHUNK_CLASSES; class ++)
		if (chunk_free_count(hearth->pool, class) != chunk_count(hearth->pool, class))
			return false;
	return true;
}

static const char *hearth_check(const struct end *end)
{
	const struct hearth *hearth = (const struct hearth *)end;

	return tcp_check(hearth->stack->tcp);
}

static void hearth_report(const struct end *end)
{
	const struct hearth *hearth = (const struct hearth *)end;
	const uint64_t *tcp = tcp_counters(stack_tcp(hearth->stack));
	const uint64_t *stack = stack_counters(hearth->stack);

	printf("%s:", end->who == SIM_CLIENT ? "client" : "server");
	for (unsigned i = 0; i < STACK_COUNTER_COUNT; i++)
		if (stack[i])
			printf(" %s %llu", stack_counter_info[i].name,
				(unsigned long long)stack[i]);
	for (unsigned i = 0; i < TCP_COUNTER_COUNT; i++)
		if (tcp[i])
			printf(" %s %llu", tcp_counter_info[i].name, (unsigned long long)tcp[i]);
	printf("\n");
}

static void hearth_free(struct end *end)
{
	struct hearth *hearth = (struct hearth *)end;

	stack_free(hearth->stack);
	chunk_pool_fini(hearth->pool);
	memory_unmap(hearth->pool_memory, hearth->pool_bytes);
	free(hearth);
}

static const struct end_ops hearth_ops = {
	.name = "hearth",
	.turn = hearth_turn,
	.next = hearth_next,
	.connect = hearth_connect,
	.send = hearth_send,
	.finish = hearth_finish,
	.close = hearth_close,
	.abort = hearth_abort,
	.idle = hearth_idle,
	.check = hearth_check,
	.report = hearth_report,
	.free = hearth_free,
};

static void chunks_new(struct hearth *hearth)
{
	struct chunk_pool_config config = {.poison = true};

	memcpy(config.count, hearth->plan.chunks, sizeof(config.count));
	hearth->pool_bytes = chunk_pool_bytes(&config);
	hearth->pool_memory = memory_map(hearth->pool_bytes, false);
	hearth->pool = chunk_pool_init(hearth->pool_memory, &config);
}

struct end *hearth_new(struct world *world, unsigned who, const struct hearth_plan *plan)
{
	struct hearth *hearth = calloc(1, sizeof(*hearth));
	uint16_t ports[] = {htons(SIM_PORT)};
	struct stack_config config = {.rss = &hearth->rss,
		.random = &hearth->random,
		.neighbours = 8,
		.link_count = 1,
		.user = {hearth, user_opened, user_stream, user_finished, user_closed,
			user_deadline, NULL}};
	uint8_t key[RSS_KEY_BYTES];

	hearth->end =
		(struct end){.ops = &hearth_ops, .world = world, .who = who, .now = world->now};
	hearth->plan = *plan;
	hearth->dice.state = sim_mix(world->plan.seed * 4 + who + 1);
	hearth->random.fill = fill;
	do
		fill(&hearth->random, key, sizeof(key));
	while (rss_init(&hearth->rss, key, 1) != 0);
	chunks_new(hearth);
	hearth->link = (struct link){.mac = {2, 0, 0, 0, 0, (uint8_t)(who + 1)},
		.mtu = plan->mtu,
		.receive = link_receive,
		.release = link_release,
		.reserve = link_reserve,
		.send = link_send};
	config.links[0].link = &hearth->link;
	config.links[0].address_count = 2;
	config.links[0].addresses[0] = (struct stack_address){address(who, false), 24};
	config.links[0].addresses[1] = (struct stack_address){address(who, true), 64};
	config.tcp = (struct tcp_config){.connections = plan->connections,
		.embryonic = plan->embryonic,
		.time_wait = plan->time_wait,
		.sides = plan->sides,
		.ipv6 = true,
		.receive_window = plan->receive_window,
		.send_bytes = plan->send_bytes,
		.mss = plan->mss,
		.idle_us = plan->idle_us,
		.no_timestamps = plan->no_timestamps,
		.no_sack = plan->no_sack,
		.no_scale = plan->no_scale,
		.ports = ports,
		.port_count = 1,
		.chunks = hearth->pool};
	fill(&hearth->random, &config.tcp.flow_key, sizeof(config.tcp.flow_key));
	fill(&hearth->random, &config.tcp.isn_key, sizeof(config.tcp.isn_key));
	hearth->isn_key = config.tcp.isn_key;
	hearth->stack = stack_new(&config, world->now);
	if (!hearth->stack)
		world_fail(world, "stack_new() refuses the plan");
	return &hearth->end;
}
