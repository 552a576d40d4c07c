/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* peer.c - Hearth's stack as one host of a network whose other hosts are Linux kernels */
#include "arguments.h"
#include "memory.h"
#include "random.h"
#include "stack.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * TCP ports, by what is done with the bytes: 7 gives them back, 9 throws them away, 19 sends
 * SOURCE_BYTES of a pattern and then FIN. UDP port 7 gives datagrams back.
 */
#define PORT_ECHO 7
#define PORT_DISCARD 9
#define PORT_SOURCE 19
#define SOURCE_BYTES (1u << 20)
#define LINE_MAX 512

/** struct talk - a connection; part of TCP's own record */
struct talk {
	uint32_t sent; /* source: bytes queued so far */
	uint16_t port;
	bool finished;
	uint8_t spare[9];
};
_Static_assert(sizeof(struct talk) == TCP_USER_BYTES, "fits TCP's record");

#define TALKS_MAX 256

static struct {
	struct stack *stack;
	struct tcp *tcp;
	unsigned piece; /* bytes of a message that we send at most */
	tcp_id talks[TALKS_MAX];
	unsigned count;
	volatile sig_atomic_t end;
	struct stack_address addresses[STACK_ADDRESSES_MAX];
	unsigned address_count;
} peer;

static uint8_t pattern(uint32_t offset)
{
	return (uint8_t)(offset * 2654435761u >> 24);
}

static void forget(tcp_id id)
{
	for (unsigned i = 0; i < peer.count; i++)
		if (peer.talks[i] == id)
			peer.talks[i] = peer.talks[--peer.count];
}

static void close_talk(tcp_id id)
{
	forget(id);
	tcp_close(peer.tcp, id);
}

static void on_opened(void *context, tcp_id id, const struct tcp_tuple *tuple)
{
	struct talk *talk = tcp_user(peer.tcp, id);

	/* One that we opened knows already what is to be done with it. */
	if (!talk->port)
		talk->port = ntohs(tuple->local_port);
	if (peer.count == TALKS_MAX) {
		tcp_abort(peer.tcp, id);
		return;
	}
	peer.talks[peer.count++] = id;
}

static bool echo(tcp_id id, const uint8_t *data, uint32_t length)
{
	uint8_t *room = tcp_reserve(peer.tcp, id, length);

	/* No room: the window closes until what was sent before is acknowledged. */
	if (!room)
		return false;
	memcpy(room, data, length);
	tcp_commit(peer.tcp, id, length);
	return true;
}

static bool on_stream(void *context, tcp_id id, const uint8_t *data, uint32_t length)
{
	const struct talk *talk = tcp_user(peer.tcp, id);

	return talk->port != PORT_ECHO || echo(id, data, length);
}

static void on_finished(void *context, tcp_id id)
{
	struct talk *talk = tcp_user(peer.tcp, id);

	talk->finished = true;
	if (talk->port != PORT_SOURCE)
		close_talk(id);
}

static void on_closed(void *context, const struct tcp_up *up)
{
	forget(up->id);
}

static void on_deadline(void *context, tcp_id id)
{
}

static void on_datagram(void *context, const struct datagram *datagram)
{
	unsigned ticket;
	uint8_t *room = stack_datagram(peer.stack, &datagram->path, datagram->length, &ticket);

	if (!room)
		return;
	memcpy(room, datagram->data, datagram->length);
	stack_datagram_commit(peer.stack, ticket, datagram->length);
}

/* As much of the pattern as the queue takes; then FIN. */
static void pour(tcp_id id)
{
	struct talk *talk = tcp_user(peer.tcp, id);

	while (talk->sent < SOURCE_BYTES) {
		uint32_t length = SOURCE_BYTES - talk->sent;
		uint8_t *room;

		length = length < peer.piece ? length : peer.piece;
		room = tcp_reserve(peer.tcp, id, length);
		if (!room)
			return;
		for (uint32_t i = 0; i < length; i++)
			room[i] = pattern(talk->sent + i);
		tcp_commit(peer.tcp, id, length);
		talk->sent += length;
	}
	close_talk(id);
}

static void pour_all(void)
{
	for (unsigned i = peer.count; i-- > 0;) {
		const struct talk *talk = tcp_user(peer.tcp, peer.talks[i]);

		if (talk && talk->port == PORT_SOURCE)
			pour(peer.talks[i]);
	}
}

static struct stack *start(
	const struct arguments *arguments, struct wire *wire, struct random *random)
{
	static const uint16_t tcp_ports[] = {PORT_ECHO, PORT_DISCARD, PORT_SOURCE};
	static uint16_t ports[3], udp_ports[1];
	static struct rss rss;
	struct chunk_pool_config chunks = {.count = {4096, 4096, 1024, 64}, .poison = true};
	struct stack_config config = {.rss = &rss,
		.link_count = 1,
		.tcp = {.connections = TALKS_MAX,
			.embryonic = 64,
			.time_wait = 64,
			.sides = 64,
			.receive_window = arguments->window,
			.send_bytes = 256 << 10,
			.idle_us = 300000000,
			.ports = ports,
			.port_count = 3},
		.udp_ports = udp_ports,
		.udp_port_count = 1,
		.neighbours = 64,
		.random = random,
		.user = {.opened = on_opened,
			.stream = on_stream,
			.finished = on_finished,
			.closed = on_closed,
			.deadline = on_deadline,
			.datagram = on_datagram}};
	uint8_t key[RSS_KEY_BYTES];

	do
		random->fill(random, key, sizeof(key));
	while (rss_init(&rss, key, 1) != 0);
	for (unsigned i = 0; i < 3; i++)
		ports[i] = htons(tcp_ports[i]);
	udp_ports[0] = htons(PORT_ECHO);
	config.links[0] = arguments->link;
	config.links[0].link = wire_link(wire);
	for (unsigned i = 0; i < arguments->link.address_count; i++)
		config.tcp.ipv6 |= !ip_is_v4(&arguments->link.addresses[i].address);
	random->fill(random, &config.tcp.flow_key, sizeof(config.tcp.flow_key));
	random->fill(random, &config.tcp.isn_key, sizeof(config.tcp.isn_key));
	config.tcp.chunks = chunk_pool_init(memory_map(chunk_pool_bytes(&chunks), false), &chunks);
	return stack_new(&config, wire_now());
}

static void print_counters(void)
{
	for (unsigned i = 0; i < STACK_COUNTER_COUNT; i++)
		printf("%s %llu\n", stack_counter_info[i].name,
			(unsigned long long)stack_counters(peer.stack)[i]);
	for (unsigned i = 0; i < TCP_COUNTER_COUNT; i++)
		printf("%s %llu\n", tcp_counter_info[i].name,
			(unsigned long long)tcp_counters(peer.tcp)[i]);
	printf("connections %u\n.\n", tcp_connections(peer.tcp, NULL));
	fflush(stdout);
}

/* "connect ADDRESS PORT": open a connection to a Linux server and pour the pattern into it. */
static void connect_to(char *where)
{
	static const struct talk talk = {.port = PORT_SOURCE};
	static uint16_t next_port = 50000;
	char *port = strchr(where, ' ');
	struct tcp_tuple tuple = {.local_port = htons(next_port++)};

	if (!port)
		return;
	*port++ = '\0';
	if (!arguments_address(where, &tuple.remote))
		return;
	for (unsigned i = 0; i < peer.address_count; i++)
		if (ip_is_v4(&peer.addresses[i].address) == ip_is_v4(&tuple.remote))
			tuple.local = peer.addresses[i].address;
	tuple.remote_port = htons((uint16_t)atoi(port));
	printf("%s\n", stack_connect(peer.stack, 0, &tuple, &talk) ? "opening" : "refused");
	fflush(stdout);
}

/* Commands come by lines on standard input, which is read without waiting. */
static void serve_commands(void)
{
	static char line[LINE_MAX];
	static size_t length;
	ssize_t n = read(STDIN_FILENO, line + length, sizeof(line) - length);

	if (n == 0)
		peer.end = 1;
	if (n <= 0)
		return;
	length += (size_t)n;
	while (length > 0) {
		char *end = memchr(line, '\n', length);

		if (!end)
			break;
		*end++ = '\0';
		if (strcmp(line, "counters") == 0)
			print_counters();
		else if (strncmp(line, "connect ", 8) == 0)
			connect_to(line + 8);
		length -= (size_t)(end - line);
		memmove(line, end, length);
	}
}

int main(int argc, char **argv)
{
	struct arguments arguments = {.piece = 8000, .window = 65535};
	struct wire *wire;
	struct random *random;
	int status = arguments_read(&arguments, argc, argv);

	if (status >= 0)
		return status;
	peer.piece = arguments.piece;
	wire = wire_open(arguments.interface, arguments.tap, &arguments.weather);
	if (!wire) {
		fprintf(stderr, "hearth-peer: %s: %s\n", arguments.interface, strerror(errno));
		return 1;
	}
	random = random_system_new();
	peer.stack = random ? start(&arguments, wire, random) : NULL;
	if (!peer.stack) {
		fprintf(stderr, "hearth-peer: the stack does not start: %s\n", strerror(errno));
		return 1;
	}
	peer.tcp = stack_tcp(peer.stack);
	memcpy(peer.addresses, arguments.link.addresses, sizeof(peer.addresses));
	peer.address_count = arguments.link.address_count;
	fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
	puts("ready");
	fflush(stdout);
	while (!peer.end) {
		uint64_t now = wire_now();
		const char *wrong;

		if (stack_receive(peer.stack, now) == 0)
			wire_wait(wire, 1000);
		pour_all();
		stack_timers(peer.stack, wire_now());
		stack_transmit(peer.stack, wire_now());
		serve_commands();
		wrong = tcp_check(peer.tcp);
		if (wrong) {
			fprintf(stderr, "hearth-peer: invariant broken: %s\n", wrong);
			return 1;
		}
	}
	return 0;
}
