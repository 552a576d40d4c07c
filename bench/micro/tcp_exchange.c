/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* tcp_exchange.c - cycles of TCP alone for a request, its answer and the answer's ACK, in memory */
#include "chunk.h"
#include "memory.h"
#include "tcp/tcp.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <x86intrin.h>

#define PORT 7701
#define BURST 32
#define REQUEST_BYTES 300
#define ANSWER_BYTES 120

/* The other end of a connection, as far as numbers go. */
struct peer {
	struct tcp_tuple tuple;
	uint32_t seq, ack, echo;
};

static struct {
	unsigned connections, repetitions;
	bool timestamps, ipv6;
} options = {.connections = 10000, .repetitions = 41};

static struct tcp *tcp;
static uint64_t now = 1000000000;
static uint8_t request[REQUEST_BYTES];
static unsigned answers;

static void bad(const char *what)
{
	fprintf(stderr, "hearth-bench-tcp: %s\n", what);
	exit(1);
}

static struct tcp_tuple tuple_of(uint32_t number)
{
	struct tcp_tuple tuple = {
		.remote_port = htons((uint16_t)(1024 + number % 50000)), .local_port = htons(PORT)};
	uint32_t host = htonl(0xc6120100 + number / 50000);

	tuple.remote = ip_from_v4(host);
	tuple.local = ip_from_v4(htonl(0xc6120001));
	if (options.ipv6) {
		tuple.remote = (struct ip_address){{htonl(0xfd770000), 0, 0, host}};
		tuple.local = (struct ip_address){{htonl(0xfd770000), 0, 0, htonl(1)}};
	}
	return tuple;
}

static void timestamps_write(uint8_t *bytes, uint32_t value, uint32_t echo)
{
	static const uint8_t head[] = {1, 1, 8, 10};

	value = htonl(value);
	echo = htonl(echo);
	memcpy(bytes, head, sizeof(head));
	memcpy(bytes + 4, &value, 4);
	memcpy(bytes + 8, &echo, 4);
}

static uint32_t echo_of(const struct tcp_out *out, unsigned at)
{
	uint32_t value;

	memcpy(&value, out->options + at, sizeof(value));
	return ntohl(value);
}

static void open_one(struct peer *peer, uint32_t number)
{
	uint8_t syn[16] = {2, 4, 5, 0xb4}, bare[12];
	struct tcp_segment segment = {.window = 65535, .flags = TCP_SYN, .options = syn};
	struct tcp_place place;
	struct tcp_out out;
	struct tcp_up up;

	peer->tuple = segment.tuple = tuple_of(number);
	segment.seq = number * 7919;
	timestamps_write(syn + 4, (uint32_t)(now / 1000), 0);
	segment.options_length = options.timestamps ? 16 : 4;
	tcp_locate_flows(tcp, &segment, &place, 1);
	tcp_locate_connections(tcp, &place, 1);
	tcp_input(tcp, &segment, &place, now, &up);
	if (tcp_output(tcp, now, &out, 1) != 1)
		bad("no SYN-ACK");
	peer->seq = segment.seq = segment.seq + 1;
	peer->ack = segment.ack = out.seq + 1;
	segment.flags = TCP_ACK;
	segment.options = bare;
	segment.options_length = 0;
	if (options.timestamps) {
		/* MSS, SACK-permitted or two NOPs, timestamps */
		peer->echo = echo_of(&out, 8);
		timestamps_write(bare, (uint32_t)(now / 1000), peer->echo);
		segment.options_length = sizeof(bare);
	}
	tcp_locate_flows(tcp, &segment, &place, 1);
	tcp_locate_connections(tcp, &place, 1);
	tcp_input(tcp, &segment, &place, now, &up);
	if (!(up.events & TCP_UP_OPENED))
		bad("not opened");
}

static void answer(tcp_id id)
{
	uint8_t *room = tcp_reserve(tcp, id, ANSWER_BYTES);

	if (!room)
		bad("no room for an answer");
	memset(room, 'a', ANSWER_BYTES);
	tcp_commit(tcp, id, ANSWER_BYTES);
	answers++;
}

/* A burst of segments as a worker's stack takes it. Return: cycles. */
static uint64_t burst_in(struct peer *peers, unsigned count, bool text)
{
	static struct tcp_segment segments[BURST];
	static uint8_t bytes[BURST][12];
	struct tcp_place places[BURST];
	uint64_t began;

	for (unsigned i = 0; i < count; i++) {
		segments[i] = (struct tcp_segment){.tuple = peers[i].tuple,
			.seq = peers[i].seq,
			.ack = peers[i].ack,
			.window = 65535,
			.flags = TCP_ACK | (text ? TCP_PSH : 0),
			.options = bytes[i],
			.payload = request,
			.length = text ? REQUEST_BYTES : 0};
		if (options.timestamps) {
			timestamps_write(bytes[i], (uint32_t)(now / 1000), peers[i].echo);
			segments[i].options_length = 12;
		}
		peers[i].seq += segments[i].length;
	}
	began = __rdtsc();
	tcp_locate_flows(tcp, segments, places, count);
	tcp_locate_connections(tcp, places, count);
	for (unsigned i = 0; i < count; i++) {
		struct tcp_up up;

		tcp_input(tcp, &segments[i], &places[i], now, &up);
		if (up.events & TCP_UP_DATA) {
			tcp_accept(tcp, up.id, true);
			for (struct tcp_up more; tcp_more(tcp, up.id, &more);)
				tcp_accept(tcp, more.id, true);
			answer(up.id);
		}
	}
	return __rdtsc() - began;
}

/* Return: cycles. */
static uint64_t burst_out(struct peer *peers, unsigned count)
{
	static struct tcp_out out[2 * BURST];
	uint64_t began = __rdtsc(), took;
	unsigned n = tcp_output(tcp, now, out, 2 * BURST);

	took = __rdtsc() - began;
	for (unsigned i = 0; i < n; i++) {
		if (i >= count || out[i].tuple.remote_port != peers[i].tuple.remote_port)
			bad("an answer out of its turn");
		peers[i].ack += out[i].length;
		if (options.timestamps)
			peers[i].echo = echo_of(&out[i], 4);
	}
	return took;
}

/* A request, its answer and the ACK on every connection. Return: cycles for each. */
static double round_of(struct peer *peers)
{
	uint64_t cycles = 0;

	for (unsigned at = 0; at < options.connections; at += BURST) {
		unsigned count =
			options.connections - at < BURST ? options.connections - at : BURST;

		now += 20;
		cycles += burst_in(peers + at, count, true);
		cycles += burst_out(peers + at, count);
		now += 20;
		cycles += burst_in(peers + at, count, false);
		cycles += burst_out(peers + at, count);
	}
	return (double)cycles / options.connections;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void options_read(int argc, char **argv)
{
	int word;

	while ((word = getopt(argc, argv, "c:r:t6h")) != -1) {
		if (word == 'c' && atoi(optarg) > 0)
			options.connections = (unsigned)atoi(optarg);
		else if (word == 'r' && atoi(optarg) > 0)
			options.repetitions = (unsigned)atoi(optarg);
		else if (word == 't')
			options.timestamps = true;
		else if (word == '6')
			options.ipv6 = true;
		else {
			fprintf(word == 'h' ? stdout : stderr,
				"usage: hearth-bench-tcp [-c CONNECTIONS] [-r REPETITIONS] [-t] "
				"[-6]\n  -t  with timestamps\n  -6  over IPv6\n");
			exit(word == 'h' ? 0 : 2);
		}
	}
}

int main(int argc, char **argv)
{
	static const uint16_t ports[] = {0x151e}; /* 7701 as it lies in a packet */
	struct chunk_pool_config chunks = {.count = {4096, 1024, 64, 8}};
	struct tcp_config config = {.embryonic = 64,
		.time_wait = 64,
		.receive_window = 65535,
		.send_bytes = 65536,
		.mss = 1460,
		.idle_us = 600000000,
		.ports = ports,
		.port_count = 1,
		.flow_key = {1, 2},
		.isn_key = {3, 4}};
	struct peer *peers;
	double *values;

	options_read(argc, argv);
	config.connections = options.connections + 8;
	config.sides = 64;
	config.ipv6 = options.ipv6;
	config.chunks = chunk_pool_init(memory_map(chunk_pool_bytes(&chunks), false), &chunks);
	tcp = tcp_init(memory_map(tcp_bytes(&config), false), &config, now);
	peers = calloc(options.connections, sizeof(*peers));
	values = calloc(options.repetitions, sizeof(*values));
	if (!tcp || !peers || !values)
		bad("no memory");
	for (unsigned i = 0; i < options.connections; i++)
		open_one(&peers[i], i);
	round_of(peers);
	for (unsigned i = 0; i < options.repetitions; i++)
		values[i] = round_of(peers);
	if (answers != options.connections * (options.repetitions + 1))
		bad("not every request was answered");
	qsort(values, options.repetitions, sizeof(*values), by_value);
	printf("%u connections, %s%s: median %.0f cycles an exchange, least %.0f, of %u rounds\n",
		options.connections, options.ipv6 ? "IPv6" : "IPv4",
		options.timestamps ? ", timestamps" : "", values[options.repetitions / 2],
		values[0], options.repetitions);
	free(peers);
	free(values);
	return 0;
}
