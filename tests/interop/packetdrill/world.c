/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* world.c - Hearth's stack in virtual time: made, turned, fed */
#include "world.h"

#include "memory.h"
#include "slice.h"
#include "wire.h"

#include <stdlib.h>

#define MS 1000U
#define SECOND 1000000U
/* Before the script begins: duplicate address detection, announcements, the router's first word. */
#define WARM_UP (10 * SECOND)
#define INTRODUCE (30 * SECOND)
#define PREFIX4 24
#define PREFIX6 64
#define TURNS_MAX 64

struct world {
	struct random random;
	uint64_t random_state;
	struct rss rss;
	struct wire wire;
	struct stack *stack;
	void *chunks;
	size_t chunk_bytes;
	struct ip_address addresses[2];
	unsigned address_count;
	uint64_t introduced;
	void (*received)(void *context);
	void *context;
	uint64_t ahead; /* what the stack's clock shows beyond the script's */
};

struct ip_address world_local(const struct ip_address *remote)
{
	struct ip_address v6;

	if (ip_is_v4(remote))
		return ip_from_v4(inet_addr("198.18.0.1"));
	inet_pton(AF_INET6, "fd77::1", &v6);
	return v6;
}

static void seeded_fill(struct random *random, void *out, size_t length)
{
	struct world *world = (struct world *)random;

	for (size_t i = 0; i < length; i++) {
		world->random_state =
			world->random_state * 6364136223846793005ULL + 1442695040888963407ULL;
		((uint8_t *)out)[i] = (uint8_t)(world->random_state >> 56);
	}
}

static void key_fill(struct world *world, struct siphash_key *key)
{
	seeded_fill(&world->random, key, sizeof(*key));
}

/* The router of an address's subnet: the last but one address in it. */
static struct ip_address router_of(const struct ip_address *local)
{
	struct ip_address router = *local;

	((uint8_t *)router.word)[15] = 0xfe;
	return router;
}

static bool is_set(const struct ip_address *address)
{
	static const struct ip_address none;

	return !ip_equal(address, &none);
}

/* One address of each family; the script's own takes the place of the default one. */
static void link_config(
	struct world *world, struct stack_link *link, const struct ip_address *local)
{
	struct ip_address v4 = ip_from_v4(INADDR_ANY), v6 = {{0}};

	world->addresses[0] = world_local(&v4);
	world->addresses[1] = world_local(&v6);
	if (is_set(local))
		world->addresses[ip_is_v4(local) ? 0 : 1] = *local;
	world->address_count = link->address_count = link->gateway_count = 2;
	link->link = &world->wire.link;
	for (unsigned i = 0; i < 2; i++) {
		link->addresses[i] =
			(struct stack_address){world->addresses[i], i == 0 ? PREFIX4 : PREFIX6};
		link->gateways[i] = router_of(&world->addresses[i]);
	}
}

static uint32_t or_default(uint32_t value, uint32_t otherwise)
{
	return value ? value : otherwise;
}

static void tcp_config(struct world *world, const struct world_settings *settings,
	const uint16_t *port, struct tcp_config *tcp)
{
	tcp->connections = or_default(settings->connections, 64);
	tcp->embryonic = or_default(settings->embryonic, 32);
	tcp->time_wait = or_default(settings->time_wait, 32);
	tcp->sides = or_default(settings->sides, 64);
	tcp->ipv6 = true;
	tcp->receive_window = or_default(settings->window, WORLD_WINDOW);
	tcp->send_bytes = or_default(settings->send_bytes, 1 << 20);
	tcp->mss = (uint16_t)settings->mss; /* 0: what the link carries */
	tcp->idle_us = (uint64_t)or_default(settings->idle_ms, 7 * 86400 * 1000) * MS;
	tcp->cookies_above = settings->cookies_above;
	tcp->keepalive_us = (uint64_t)settings->keepalive_ms * MS;
	tcp->user_timeout_us = settings->user_timeout_ms * MS;
	tcp->no_timestamps = settings->no_timestamps != 0;
	tcp->no_sack = settings->no_sack != 0;
	tcp->no_scale = settings->no_scale != 0;
	tcp->ports = port;
	tcp->port_count = 1;
	key_fill(world, &tcp->flow_key);
	key_fill(world, &tcp->isn_key);
}

/* The router asks for all our addresses, as routers do before they send and now and then later. */
static void introduce(struct world *world, uint64_t clock)
{
	for (unsigned i = 0; i < world->address_count; i++) {
		const struct ip_address *ours = &world->addresses[i];
		struct ip_address router = router_of(ours);

		if (ip_is_v4(ours))
			wire_introduce(&world->wire, ip_v4(&router), ip_v4(ours));
		else
			wire_introduce6(&world->wire, (const uint8_t *)router.word,
				(const uint8_t *)ours->word);
	}
	world->introduced = clock;
}

/* Others whose handshakes are under way when the script begins. The tool does not look at them. */
static void strangers(struct world *world, uint32_t count, uint16_t port, uint64_t now)
{
	uint8_t syn[40];

	for (uint32_t i = 0; i < count; i++) {
		wire_arrive(&world->wire, syn,
			slice_syn(syn, inet_addr("198.19.255.1"), ip_v4(&world->addresses[0]),
				htons((uint16_t)(1024 + i)), port));
		world_turn(world, now);
	}
	wire_forget(&world->wire);
}

static void warm_up(struct world *world)
{
	uint64_t now = 1000 * (uint64_t)SECOND;

	for (uint64_t end = now + WARM_UP; now < end; now += 10 * MS)
		world_turn(world, now);
	introduce(world, now);
	world_turn(world, now);
	wire_forget(&world->wire);
	world->ahead = now;
}

struct world *world_new(const struct world_settings *settings, const struct ip_address *local,
	uint16_t port, const struct stack_user *user, void (*received)(void *context), uint64_t now)
{
	static const struct chunk_pool_config chunks = {.count = {4096, 1024, 256, 64}};
	struct world *world = calloc(1, sizeof(*world));
	struct stack_config *config = calloc(1, sizeof(*config));
	uint8_t key[RSS_KEY_BYTES];

	if (!world || !config)
		abort();
	world->random.fill = seeded_fill;
	world->random_state = or_default(settings->seed, 4711);
	do
		seeded_fill(&world->random, key, sizeof(key));
	while (rss_init(&world->rss, key, 1) != 0);
	world->chunk_bytes = chunk_pool_bytes(&chunks);
	world->chunks = memory_map(world->chunk_bytes, false);
	wire_init(&world->wire, (uint16_t)or_default(settings->mtu, LINK_MTU_MAX));
	config->rss = &world->rss;
	config->random = &world->random;
	config->neighbours = 64;
	config->link_count = 1;
	link_config(world, &config->links[0], local);
	tcp_config(world, settings, &port, &config->tcp);
	config->tcp.chunks = chunk_pool_init(world->chunks, &chunks);
	config->user = *user;
	world->stack = stack_new(config, 1000 * (uint64_t)SECOND);
	if (world->stack) {
		warm_up(world);
		world->received = received;
		world->context = user->context;
		world->ahead -= now;
		strangers(world, settings->strangers, port, now);
		world->wire.tso = settings->tso != 0;
		world->wire.thinner.delay = (uint64_t)settings->ack_delay_ms * MS;
	} else {
		world_free(world);
		world = NULL;
	}
	free(config);
	return world;
}

void world_free(struct world *world)
{
	if (!world)
		return;
	stack_free(world->stack);
	wire_fini(&world->wire);
	memory_unmap(world->chunks, world->chunk_bytes);
	free(world);
}

struct stack *world_stack(struct world *world)
{
	return world->stack;
}

uint64_t world_clock(const struct world *world, uint64_t now)
{
	return now + world->ahead;
}

void world_turn(struct world *world, uint64_t now)
{
	uint64_t clock = world_clock(world, now);

	world->wire.now = now;
	if (clock - world->introduced > INTRODUCE && world->introduced)
		introduce(world, clock);
	for (unsigned i = 0; i < TURNS_MAX; i++) {
		world->wire.sent = 0;
		stack_receive(world->stack, clock);
		if (world->received)
			world->received(world->context);
		stack_transmit(world->stack, clock);
		stack_timers(world->stack, clock);
		stack_transmit(world->stack, clock);
		if (world->wire.sent == 0 && world->wire.rx_count == 0)
			break;
	}
	wire_due(&world->wire);
}

bool world_in(struct world *world, const uint8_t *packet, size_t length)
{
	size_t mtu = world->wire.link.mtu, at = 0, most, count;
	struct slice_view view;
	uint8_t cut[LINK_FRAME_MAX];

	if (length <= mtu)
		return wire_arrive(&world->wire, packet, length);
	if (!slice_parse(packet, length, &view) || view.header >= mtu)
		return false;
	most = mtu - view.header;
	do {
		count = view.length - view.header - at;
		count = count < most ? count : most;
		if (!wire_arrive(&world->wire, cut, slice_cut(packet, &view, at, count, cut)))
			return false;
		at += count;
	} while (view.header + at < view.length);
	return true;
}

size_t world_out(struct world *world, uint8_t *packet, size_t room, uint64_t *at)
{
	struct wire *wire = &world->wire;
	struct wire_packet *first = &wire->packets[wire->packet_head];
	size_t length;

	if (wire->packet_count == 0)
		return 0;
	length = first->length < room ? first->length : room;
	memcpy(packet, first->data, length);
	*at = first->at;
	free(first->data);
	wire->packet_head = (wire->packet_head + 1) % WIRE_PACKETS;
	wire->packet_count--;
	return length;
}

void world_counters(struct world *world, FILE *out)
{
	const uint64_t *stack = stack_counters(world->stack);
	const uint64_t *tcp = tcp_counters(stack_tcp(world->stack));

	for (unsigned i = 0; i < STACK_COUNTER_COUNT; i++)
		if (stack[i] > 0)
			fprintf(out, "  %s %lu\n", stack_counter_info[i].name, stack[i]);
	for (unsigned i = 0; i < TCP_COUNTER_COUNT; i++)
		if (tcp[i] > 0)
			fprintf(out, "  %s %lu\n", tcp_counter_info[i].name, tcp[i]);
}
