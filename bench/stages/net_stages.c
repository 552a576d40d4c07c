/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* net_stages.c - the stack's stages alone: parsing, TCP in and out, headers; many connections */
#include "stages_bench.h"

#include "chunk.h"
#include "memory.h"
#include "net/ipv4.h"
#include "net/segment.h"
#include "net/udp.h"
#include "stack_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORT 7701
#define ETHER 14
#define OUT_BUFFERS 1024
#define OUT_BYTES 2048
#define FRAME_BYTES 1536

/* The device's end of a connection. */
struct end {
	uint32_t seq, ack;
};

struct net {
	struct wire wire;
	struct plain_random random;
	struct rss rss;
	struct stack *stack;
	struct tcp *tcp; /* its */
	struct chunk_pool *chunks;
	void *chunk_memory;
	size_t chunk_bytes;
	uint64_t now;
	struct end *ends;
	struct order order;
	uint32_t place, count, frame_bytes, answer_bytes;
	/* a group's frames, and a batch on its way */
	uint32_t numbers[DEVICES_GROUP];
	uint32_t lengths[DEVICES_GROUP];
	uint8_t (*frames)[FRAME_BYTES];
	uint8_t acks[STAGE_SEGMENTS][64];
	uint8_t (*out)[OUT_BYTES];
	unsigned out_next;
	tcp_id ids[STAGE_BATCH];
	struct tcp_out answers[STAGE_BATCH];
	unsigned answer_count;
	uint64_t wrong;
};

/* ---- the stages ---- */

/* The frames are where stack_receive() has them. */
static STAGE void stage_parse_tcp(struct net *net, unsigned count)
{
	stack_parse(net->stack, 0, count);
}

static STAGE void stage_parse_ack(struct net *net, unsigned count)
{
	stack_parse(net->stack, 0, count);
}

static STAGE void stage_parse_udp(struct net *net, unsigned count)
{
	stack_parse(net->stack, 0, count);
}

/* The passes of stack_receive() behind that. */
static inline void tcp_passes(struct net *net, unsigned count)
{
	struct stack_arrivals *arrivals = &net->stack->arrivals;

	tcp_locate_flows(net->tcp, arrivals->segments, arrivals->places, count);
	tcp_locate_connections(net->tcp, arrivals->places, count);
	for (unsigned i = 0; i < count; i++) {
		struct tcp_up up, more;

		tcp_input(net->tcp, &arrivals->segments[i], &arrivals->places[i], net->now, &up);
		if (!(up.events & TCP_UP_DATA))
			continue;
		net->ids[i] = up.id;
		tcp_accept(net->tcp, up.id, true);
		if (tcp_more(net->tcp, up.id, &more))
			net->wrong++;
	}
}

static STAGE void stage_tcp_in(struct net *net, unsigned count)
{
	tcp_passes(net, count);
}

static STAGE void stage_tcp_ack(struct net *net, unsigned count)
{
	tcp_passes(net, count);
}

static STAGE void stage_tcp_queue(struct net *net, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		if (!tcp_reserve(net->tcp, net->ids[i], net->answer_bytes))
			net->wrong++;
		tcp_commit(net->tcp, net->ids[i], net->answer_bytes);
	}
}

static STAGE void stage_tcp_out(struct net *net, unsigned count)
{
	net->answer_count = tcp_output(net->tcp, net->now, net->answers, STAGE_BATCH);
}

static uint8_t *next_out(struct net *net)
{
	return net->out[net->out_next++ % OUT_BUFFERS];
}

static STAGE void stage_headers_tcp(struct net *net, const uint8_t *ether, uint8_t **frames)
{
	for (unsigned i = 0; i < net->answer_count; i++) {
		const struct tcp_out *out = &net->answers[i];
		const size_t bytes = segment_bytes(out);

		frames[i] = next_out(net);
		memcpy(frames[i], ether, ETHER);
		ipv4_build((void *)(frames[i] + ETHER), ip_v4(&out->tuple.local),
			ip_v4(&out->tuple.remote), 6, bytes, (uint16_t)i, false);
		segment_build((void *)(frames[i] + ETHER + 20), out, false);
	}
}

static STAGE void stage_headers_udp(
	struct net *net, const uint8_t *ether, const uint32_t *numbers, unsigned count)
{
	const struct ip_address ours = ip_from_v4(htonl(WIRE_OUR_ADDRESS));

	for (unsigned i = 0; i < count; i++) {
		const struct wire_flow flow = device_flow(numbers[i], 0, PORT);
		const struct ip_address remote = ip_from_v4(htonl(flow.remote));
		uint8_t *frame = next_out(net);
		struct udp_header *udp = (void *)(frame + ETHER + 20);

		memcpy(frame, ether, ETHER);
		ipv4_build((void *)(frame + ETHER), ip_v4(&ours), ip_v4(&remote), 17,
			8 + net->answer_bytes, (uint16_t)i, false);
		udp->source_port = htons(PORT);
		udp->destination_port = htons(flow.remote_port);
		udp_finish(udp, &ours, &remote, net->answer_bytes, false);
	}
}

/* ---- connections ---- */

static void arrive(struct net *net, unsigned i, uint8_t *frame, uint32_t length)
{
	net->stack->arrivals.frames[i] = (struct frame){.data = frame, .length = (uint16_t)length};
}

/* One segment, to the end. Return: was the connection opened by it? */
static bool segment_in(struct net *net, uint32_t number, unsigned flags)
{
	const struct wire_flow flow = device_flow(number, 0, PORT);
	struct stack_arrivals *arrivals = &net->stack->arrivals;
	uint8_t frame[64];
	struct tcp_up up;

	arrive(net, 0, frame,
		wire_tcp(frame, &flow, flags, net->ends[number].seq, net->ends[number].ack, 0));
	stack_parse(net->stack, 0, 1);
	if (arrivals->segment_count != 1)
		return false;
	tcp_locate_flows(net->tcp, arrivals->segments, arrivals->places, 1);
	tcp_locate_connections(net->tcp, arrivals->places, 1);
	tcp_input(net->tcp, arrivals->segments, arrivals->places, net->now, &up);
	return up.events & TCP_UP_OPENED;
}

static bool open_one(struct net *net, uint32_t number)
{
	struct end *end = &net->ends[number];

	end->seq = number * 7919u;
	segment_in(net, number, WIRE_SYN);
	if (tcp_output(net->tcp, net->now, net->answers, STAGE_BATCH) != 1)
		return false; /* no flow slot is near */
	*end = (struct end){number * 7919u + 1, net->answers[0].seq + 1};
	return segment_in(net, number, WIRE_ACK);
}

static void nothing_opened(void *context, tcp_id id, const struct tcp_tuple *tuple)
{
}

static bool nothing_streamed(void *context, tcp_id id, const uint8_t *data, uint32_t length)
{
	return false;
}

static void nothing_of(void *context, tcp_id id)
{
}

static void nothing_closed(void *context, const struct tcp_up *up)
{
}

static void no_datagram(void *context, const struct datagram *datagram)
{
}

static int start_stack(struct net *net, const struct stages_options *options)
{
	static const uint16_t ports[] = {0x151e}; /* 7701 as it lies in a packet */
	const struct stack_config config = {.rss = &net->rss,
		.links = {{.link = &net->wire.link,
			.addresses = {{ip_from_v4(htonl(WIRE_OUR_ADDRESS)), 24}},
			.address_count = 1,
			.gateways = {ip_from_v4(htonl(WIRE_OUR_ADDRESS + 1))},
			.gateway_count = 1,
			.gateway_macs = {{2, 0, 0, 0, 0, 0x99}}}},
		.link_count = 1,
		.tcp = {.connections = options->sessions + 64,
			.embryonic = 1024,
			.time_wait = 1024,
			.sides = 1024,
			.receive_window = 65535,
			.send_bytes = 65536,
			.mss = 1460,
			.idle_us = 600000000,
			.ports = ports,
			.port_count = 1,
			.flow_key = {1, 2},
			.isn_key = {3, 4},
			.chunks = net->chunks},
		.udp_ports = ports,
		.udp_port_count = 1,
		.neighbours = 64,
		.random = &net->random.random,
		.user = {.context = net,
			.opened = nothing_opened,
			.stream = nothing_streamed,
			.finished = nothing_of,
			.closed = nothing_closed,
			.deadline = nothing_of,
			.datagram = no_datagram}};

	net->stack = stack_new(&config, net->now);
	if (!net->stack)
		return -errno;
	net->tcp = stack_tcp(net->stack);
	return 0;
}

static int start(struct net *net, const struct stages_options *options)
{
	struct chunk_pool_config chunks = {.count = {8192, 2048, 256, 64}, .poison = true};
	uint8_t key[RSS_KEY_BYTES];
	int rc;

	net->random = (struct plain_random){.random = {plain_fill}, .state = 20260101};
	do
		plain_fill(&net->random.random, key, sizeof(key));
	while (rss_init(&net->rss, key, 1));
	net->now = 1000000000;
	net->chunk_bytes = chunk_pool_bytes(&chunks);
	net->chunk_memory = memory_map(net->chunk_bytes, false);
	net->ends = calloc(options->sessions, sizeof(net->ends[0]));
	net->frames = calloc(DEVICES_GROUP, sizeof(net->frames[0]));
	net->out = calloc(OUT_BUFFERS, sizeof(net->out[0]));
	if (!net->chunk_memory || !net->ends || !net->frames || !net->out ||
		wire_init(&net->wire, false))
		return -ENOMEM;
	memset(net->out, 0, OUT_BUFFERS * sizeof(net->out[0])); /* no page is missing later */
	net->chunks = chunk_pool_init(net->chunk_memory, &chunks);
	rc = start_stack(net, options);
	if (rc)
		return rc;
	order_init(&net->order, options->sessions, true);
	for (uint32_t i = 0; i < options->sessions; i++) {
		if (!open_one(net, i))
			return -EIO;
	}
	return 0;
}

static void stop(struct net *net)
{
	stack_free(net->stack);
	if (net->chunks)
		chunk_pool_fini(net->chunks);
	wire_fini(&net->wire);
	memory_unmap(net->chunk_memory, net->chunk_bytes);
	free(net->ends);
	free(net->frames);
	free(net->out);
	free(net);
}

/* ---- a round ---- */

static void prepare(struct net *net, const struct stages_options *options, bool tcp)
{
	const uint32_t sessions = options->sessions;

	net->count = options->group < sessions ? options->group : sessions;
	for (unsigned i = 0; i < net->count; i++) {
		uint32_t number = order_at(&net->order, (net->place + i) % sessions);
		const struct wire_flow flow = device_flow(number, 0, PORT);
		struct end *end = &net->ends[number];
		uint8_t *frame = net->frames[i];

		net->numbers[i] = number;
		memset(frame + (tcp ? WIRE_TCP_HEADERS : WIRE_UDP_HEADERS), 'x', net->frame_bytes);
		if (!tcp) {
			net->lengths[i] = wire_udp(frame, &flow, net->frame_bytes);
			continue;
		}
		net->lengths[i] = wire_tcp(
			frame, &flow, WIRE_ACK | WIRE_PSH, end->seq, end->ack, net->frame_bytes);
		end->seq += net->frame_bytes;
	}
	net->place = (net->place + net->count) % sessions;
}

/* The ACK of each answer, as its device sends it, arrives. */
static void acks_arrive(struct net *net, unsigned at)
{
	for (unsigned i = 0; i < net->answer_count; i++) {
		const uint32_t number = net->numbers[at + i];
		const struct wire_flow flow = device_flow(number, 0, PORT);
		struct end *end = &net->ends[number];

		end->ack += net->answers[i].length;
		arrive(net, i, net->acks[i],
			wire_tcp(net->acks[i], &flow, WIRE_ACK, end->seq, end->ack, 0));
	}
}

#define TIME(part, call)                                                                           \
	do {                                                                                       \
		uint64_t began = __rdtsc();                                                        \
		call;                                                                              \
		took[part] += __rdtsc() - began;                                                   \
	} while (0)

static void batch_tcp(struct net *net, unsigned at, unsigned count, uint64_t *took)
{
	static const uint8_t ether[ETHER] = {2, 0, 0, 0, 0, 0x99, 2, 0, 0, 0, 0, 1, 8, 0};
	const struct stack_arrivals *arrivals = &net->stack->arrivals;
	uint8_t *out[STAGE_BATCH];

	for (unsigned i = 0; i < count; i++)
		arrive(net, i, net->frames[at + i], net->lengths[at + i]);
	net->now += count;
	TIME(PART_PARSE_TCP, stage_parse_tcp(net, count));
	net->wrong += arrivals->segment_count != count;
	TIME(PART_TCP_IN, stage_tcp_in(net, count));
	TIME(PART_TCP_QUEUE, stage_tcp_queue(net, count));
	TIME(PART_TCP_OUT, stage_tcp_out(net, count));
	TIME(PART_HEADERS_TCP, stage_headers_tcp(net, ether, out));
	net->wrong += net->answer_count != count;
	acks_arrive(net, at);
	TIME(PART_PARSE_ACK, stage_parse_ack(net, count));
	net->wrong += arrivals->segment_count != count;
	TIME(PART_TCP_ACK, stage_tcp_ack(net, count));
	net->wrong += tcp_output(net->tcp, net->now, net->answers, STAGE_BATCH);
}

static void batch_udp(struct net *net, unsigned at, unsigned count, uint64_t *took)
{
	static const uint8_t ether[ETHER] = {2, 0, 0, 0, 0, 0x99, 2, 0, 0, 0, 0, 1, 8, 0};

	for (unsigned i = 0; i < count; i++)
		arrive(net, i, net->frames[at + i], net->lengths[at + i]);
	TIME(PART_PARSE_UDP, stage_parse_udp(net, count));
	net->wrong += net->stack->arrivals.datagram_count != count;
	TIME(PART_HEADERS_UDP, stage_headers_udp(net, ether, &net->numbers[at], count));
}

static void round_of(struct net *net, const struct stages_options *options, struct part *parts)
{
	static const enum part_id tcp[] = {PART_PARSE_TCP, PART_TCP_IN, PART_TCP_QUEUE,
		PART_TCP_OUT, PART_HEADERS_TCP, PART_PARSE_ACK, PART_TCP_ACK};
	static const enum part_id udp[] = {PART_PARSE_UDP, PART_HEADERS_UDP};
	uint64_t took[PART_COUNT] = {0};

	prepare(net, options, true);
	for (unsigned at = 0; at < net->count; at += STAGE_SEGMENTS) {
		unsigned left = net->count - at;

		batch_tcp(net, at, left < STAGE_SEGMENTS ? left : STAGE_SEGMENTS, took);
	}
	prepare(net, options, false);
	for (unsigned at = 0; at < net->count; at += STAGE_BATCH) {
		unsigned left = net->count - at;

		batch_udp(net, at, left < STAGE_BATCH ? left : STAGE_BATCH, took);
	}
	for (unsigned i = 0; i < sizeof(tcp) / sizeof(tcp[0]); i++)
		part_took(&parts[tcp[i]], took[tcp[i]], net->count);
	for (unsigned i = 0; i < sizeof(udp) / sizeof(udp[0]); i++)
		part_took(&parts[udp[i]], took[udp[i]], net->count);
}

static void say_bytes(struct part *parts, uint32_t frame, uint32_t answer)
{
	parts[PART_PARSE_TCP].read = frame + 40;
	parts[PART_PARSE_ACK].read = 40;
	parts[PART_PARSE_UDP].read = frame + 28;
	parts[PART_TCP_OUT].read = answer;
	parts[PART_HEADERS_TCP].read = answer;
	parts[PART_HEADERS_TCP].written = answer + 54;
	parts[PART_HEADERS_UDP].read = answer;
	parts[PART_HEADERS_UDP].written = 42;
}

int stages_net(const struct stages_options *options, struct part *parts, uint32_t frame_bytes,
	uint32_t answer_bytes, char *error, size_t size)
{
	struct net *net = calloc(1, sizeof(*net));
	int rc;

	if (!net)
		return -ENOMEM;
	net->frame_bytes = frame_bytes;
	net->answer_bytes = answer_bytes;
	rc = start(net, options);
	for (unsigned i = 0; !rc && i < options->rounds; i++)
		round_of(net, options, parts);
	say_bytes(parts, frame_bytes, answer_bytes);
	if (rc)
		snprintf(error, size, "connections: %s", strerror(-rc));
	if (net->wrong) {
		snprintf(error, size, "%llu segments went wrong", (unsigned long long)net->wrong);
		rc = -EIO;
	}
	stop(net);
	return rc;
}
