/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* fuzz_stack.c - any frames at all, to a stack with both families, TCP and UDP */
#include "fuzz.h"
#include "memory.h"
#include "net/checksum.h"
#include "net/wire.h"
#include "stack.h"

/*
 * Input: a byte of configuration, then records: a byte of what to do, its arguments. Frames go in
 * as they are or with their checksums made right, since no mutation finds those by itself.
 *
 * Oracle: TCP's invariants, buffers that are given back, no more bytes sent in reaction to a frame
 * of a stranger than it brought (plus one question for the next hop), the user hears of connections
 * in order.
 */
enum { DO_FRAME, DO_SEALED, DO_TIME, DO_DATAGRAM, DO_SHORT_OF_BUFFERS, DO_COUNT };

#define FRAME_LEAST 60    /* what the Ethernet pads to */
#define QUESTION_BYTES 90 /* an ARP request or neighbour solicitation */
#define TCP_PORT 7701
#define UDP_PORT 7701

static struct {
	struct link link;
	struct frame waiting;
	uint8_t buffer[LINK_FRAME_MAX + 64];
	uint8_t reserved_data[LINK_RESERVED_MAX][LINK_FRAME_MAX];
	unsigned held, reserved, buffers;
	uint64_t sent_bytes;
} wire;

static struct {
	void *memory;
	size_t bytes;
	struct chunk_pool *chunks;
	struct stack *stack;
	uint64_t now;
	unsigned open;
} world;

static unsigned wire_receive(struct link *link, struct frame *frames, unsigned max)
{
	if (wire.waiting.length == 0 || max == 0)
		return 0;
	frames[0] = wire.waiting;
	wire.waiting.length = 0;
	wire.held++;
	return 1;
}

static void wire_release(struct link *link)
{
	wire.held = 0;
}

static unsigned wire_reserve(struct link *link, struct frame *frames, unsigned count)
{
	unsigned i;

	for (i = 0; i < count && wire.reserved < wire.buffers; i++)
		frames[i] = (struct frame){.data = wire.reserved_data[wire.reserved++]};
	return i;
}

static unsigned wire_send(struct link *link, struct frame *frames, unsigned count)
{
	unsigned sent = 0;

	require(count == wire.reserved, "%u of %u", count, wire.reserved);
	for (unsigned i = 0; i < count; i++) {
		if (frames[i].length == 0)
			continue;
		require(frames[i].length <= LINK_FRAME_MAX, "%u", frames[i].length);
		wire.sent_bytes += frames[i].length;
		sent++;
	}
	wire.reserved = 0;
	return sent;
}

static void on_opened(void *context, tcp_id id, const struct tcp_tuple *tuple)
{
	uint8_t *user = tcp_user(stack_tcp(world.stack), id);

	require(user && user[0] == 0, "opened twice");
	user[0] = 1;
	world.open++;
}

static bool on_stream(void *context, tcp_id id, const uint8_t *data, uint32_t length)
{
	const uint8_t *user = tcp_user(stack_tcp(world.stack), id);
	volatile uint8_t sum = 0;

	require(user && user[0] == 1, "bytes before the opening");
	require(length > 0, "no bytes");
	for (uint32_t i = 0; i < length; i++)
		sum = (uint8_t)(sum + data[i]);
	return sum % 8 != 7;
}

static void on_finished(void *context, tcp_id id)
{
	uint8_t *user = tcp_user(stack_tcp(world.stack), id);

	require(user && user[0] == 1, "finished twice");
	user[0] = 2;
	world.open--;
	tcp_close(stack_tcp(world.stack), id);
}

static void on_closed(void *context, const struct tcp_up *up)
{
	require(up->user[0] == 1, "closed, but not open");
	world.open--;
}

static void on_deadline(void *context, tcp_id id)
{
}

static void on_datagram(void *context, const struct datagram *datagram)
{
	unsigned ticket;
	uint8_t *room;

	require(datagram->length <= LINK_MTU_MAX, "%u", datagram->length);
	if (datagram->length == 0)
		return;
	room = stack_datagram(world.stack, &datagram->path, datagram->length, &ticket);
	if (!room)
		return;
	memcpy(room, datagram->data, datagram->length);
	stack_datagram_commit(world.stack, ticket, datagram->length);
}

static void fill_same(struct random *random, void *out, size_t length)
{
	memset(out, 0x5a, length);
}

static void start(uint8_t choice)
{
	static const uint16_t tcp_ports[1] = {0x151e}, udp_ports[1] = {0x151e};
	static struct random random = {.fill = fill_same};
	static struct rss rss;
	struct chunk_pool_config chunks = {.count = {16, 8, 2, 1}, .poison = true};
	struct stack_config config = {.rss = &rss,
		.link_count = 1,
		.tcp = {.connections = 16,
			.embryonic = 8,
			.time_wait = 4,
			.sides = 4,
			.ipv6 = true,
			.receive_window = choice & 1 ? 4096 : 65535,
			.send_bytes = 16384,
			.idle_us = 180000000,
			.ports = tcp_ports,
			.port_count = 1},
		.udp_ports = udp_ports,
		.udp_port_count = 1,
		.neighbours = 16,
		.random = &random,
		.user = {.opened = on_opened,
			.stream = on_stream,
			.finished = on_finished,
			.closed = on_closed,
			.deadline = on_deadline,
			.datagram = on_datagram}};
	struct stack_link *link = &config.links[0];

	_Static_assert(TCP_PORT == 0x1e15 && UDP_PORT == 0x1e15, "ports in network order above");
	rss.workers = 1;
	wire.link = (struct link){.mac = {2, 0, 0, 0, 0, 1},
		.mtu = choice & 2 ? 1280 : 1500,
		.receive = wire_receive,
		.release = wire_release,
		.reserve = wire_reserve,
		.send = wire_send};
	wire.buffers = LINK_RESERVED_MAX;
	wire.reserved = 0;
	wire.waiting.length = 0;
	link->link = &wire.link;
	link->vlan = choice & 4 ? 100 : 0;
	link->address_count = 2;
	link->addresses[0].address = ip_from_v4(htonl(0xc6120001));
	link->addresses[0].prefix = 24;
	inet_pton(AF_INET6, "fd77::1", &link->addresses[1].address);
	link->addresses[1].prefix = 64;
	if (choice & 8) {
		link->gateway_count = 2;
		link->gateways[0] = ip_from_v4(htonl(0xc61200fe));
		inet_pton(AF_INET6, "fd77::fe", &link->gateways[1]);
	}
	memset(&config.tcp.flow_key, 1, sizeof(config.tcp.flow_key));
	memset(&config.tcp.isn_key, 2, sizeof(config.tcp.isn_key));
	world.bytes = chunk_pool_bytes(&chunks);
	world.memory = memory_map(world.bytes, false);
	world.chunks = chunk_pool_init(world.memory, &chunks);
	config.tcp.chunks = world.chunks;
	world.now = 1000000;
	world.open = 0;
	world.stack = stack_new(&config, world.now);
	require(world.stack, "no stack");
}

static void stop(void)
{
	stack_free(world.stack);
	chunk_pool_fini(world.chunks);
	memory_unmap(world.memory, world.bytes);
}

static void check(void)
{
	const char *wrong;

	require(wire.held == 0 && wire.reserved == 0, "%u held, %u reserved", wire.held,
		wire.reserved);
	wrong = tcp_check(stack_tcp(world.stack));
	require(!wrong, "%s", wrong);
}

static void turn(void)
{
	stack_receive(world.stack, world.now);
	stack_timers(world.stack, world.now);
	stack_transmit(world.stack, world.now);
	check();
}

/* No timers run in here: what they send is no reaction. */
static void frame(const uint8_t *data, size_t length, uint16_t flags)
{
	uint32_t before = tcp_connections(stack_tcp(world.stack), NULL);
	uint64_t sent;

	stack_transmit(world.stack, world.now);
	memcpy(wire.buffer, data, length);
	/* What lies behind the frame must not matter: the sanitizer sees a read of it. */
	wire.waiting =
		(struct frame){.data = malloc(length), .length = (uint16_t)length, .flags = flags};
	if (length > 0)
		memcpy(wire.waiting.data, wire.buffer, length);
	data = wire.waiting.data;
	sent = wire.sent_bytes;
	stack_receive(world.stack, world.now);
	stack_transmit(world.stack, world.now);
	check();
	free((void *)data);
	wire.waiting.length = 0;
	sent = wire.sent_bytes - sent;
	if (before == 0 && world.open == 0)
		require(sent <= (length < FRAME_LEAST ? FRAME_LEAST : length) + QUESTION_BYTES,
			"%llu bytes for %zu", (unsigned long long)sent, length);
}

static uint16_t field(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static void put_sum(uint8_t *at, uint64_t sum)
{
	uint16_t folded = (uint16_t)~checksum_fold(sum);

	memcpy(at, &folded, 2);
}

/* Where a protocol keeps its checksum; 0: it has none that we know of. */
static size_t checksum_offset(uint8_t protocol)
{
	return protocol == 6 ? 16 : protocol == 17 ? 6 : protocol == 1 || protocol == 58 ? 2 : 0;
}

static void seal_transport(uint8_t *data, size_t length, uint8_t protocol, uint64_t pseudo)
{
	size_t at = checksum_offset(protocol);

	if (at == 0 || at + 2 > length)
		return;
	memset(data + at, 0, 2);
	if (protocol == 1)
		pseudo = 0;
	else
		pseudo += htons(protocol) + (uint64_t)htons((uint16_t)length);
	put_sum(data + at, checksum_add(pseudo, data, length));
}

/* Make the checksums of an IPv4 or IPv6 packet right, whatever else is wrong with it. */
static void seal(uint8_t *data, size_t length)
{
	size_t at = length > 18 && field(data + 12) == 0x8100 ? 18 : 14;
	uint8_t *ip = data + at;

	if (length < at + 20)
		return;
	length -= at;
	if (ip[0] >> 4 == 4) {
		size_t header = (ip[0] & 15) * 4u, total = field(ip + 2);

		if (header < 20 || header > length)
			return;
		memset(ip + 10, 0, 2);
		put_sum(ip + 10, checksum_add(0, ip, header));
		if (total >= header && total <= length)
			seal_transport(
				ip + header, total - header, ip[9], checksum_add(0, ip + 12, 8));
	} else if (ip[0] >> 4 == 6 && length >= 40 && 40u + field(ip + 4) <= length) {
		seal_transport(ip + 40, field(ip + 4), ip[6], checksum_add(0, ip + 8, 32));
	}
}

static void step(struct input *input)
{
	static uint8_t buffer[LINK_FRAME_MAX + 64];
	uint8_t what = take8(input);
	struct udp_path path;
	const uint8_t *data;
	unsigned ticket;
	size_t length;

	switch (what % DO_COUNT) {
	case DO_FRAME:
	case DO_SEALED:
		length = take16(input) % sizeof(buffer);
		data = take_bytes(input, &length);
		memcpy(buffer, data, length);
		if (what % DO_COUNT == DO_SEALED)
			seal(buffer, length);
		frame(buffer, length, what & 0x80 ? FRAME_L3_GOOD | FRAME_L4_GOOD : 0);
		break;
	case DO_TIME:
		world.now += (uint64_t)take16(input) << (what >> 4);
		turn();
		break;
	case DO_DATAGRAM:
		path = (struct udp_path){.remote_port = take16(input), .local_port = take16(input)};
		path.local = ip_from_v4(htonl(0xc6120001));
		path.remote = ip_from_v4(take32(input));
		if (what & 0x80)
			inet_pton(AF_INET6, "fd77::1", &path.local);
		if (what & 0x80)
			path.remote = (struct ip_address){{htonl(0xfd770000), 0, 0, take32(input)}};
		path.link = what >> 4 & 1;
		if (stack_datagram(world.stack, &path, 8, &ticket))
			stack_datagram_commit(world.stack, ticket, what >> 5 & 3);
		turn();
		break;
	case DO_SHORT_OF_BUFFERS:
		wire.buffers = take8(input);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};

	start(take8(&input));
	/* Announcements and the test for duplicate addresses are over. */
	for (unsigned i = 0; i < 4; i++) {
		world.now += 1500000;
		turn();
	}
	for (unsigned steps = 0; input.left > 0 && steps < 64; steps++)
		step(&input);
	stop();
	return 0;
}
