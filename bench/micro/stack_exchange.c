/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* stack_exchange.c - cycles of the stack for a request, its answer and the answer's ACK: frames in,
 * frames out, by a link of plain memory */
#include "memory.h"
#include "net/checksum.h"
#include "net/wire.h"
#include "stack.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <x86intrin.h>

#define PORT 7701
#define REQUEST_BYTES 460 /* a report of 300 bytes as it stands in a segment */
#define ANSWER_BYTES 200
#define HEADERS 54
#define BUFFERS 2048 /* that frames come in, one after the other, as a port's do */
#define BUFFER_BYTES 2176
#define PORTS 60000 /* of one address of the peers' */
#define OURS 0xc6120001u
#define THEIRS 0xc6130001u
#define ARPS 64

/** struct peer - the other end of a connection, as far as numbers go */
struct peer {
	uint32_t seq, ack;
};

/* What an exchange cost in one round. */
struct cost {
	double receive, transmit;
};

static struct {
	unsigned connections, repetitions, burst, exchanges;
	bool random, huge;
} options = {.connections = 10000, .repetitions = 41, .burst = 32, .exchanges = 100000};

static const uint8_t our_mac[6] = {2, 0, 0, 0, 0, 1}, peer_mac[6] = {2, 0, 0, 0, 0, 2};
static struct link wire;
static struct stack *stack;
static struct chunk_pool *chunks;
static struct peer *peers;
static uint8_t *rx, *tx;
static unsigned rx_at, tx_at;
static struct frame waiting[STACK_BURST + ARPS];
static unsigned waiting_count, first_waiting;
static struct frame sent[4 * STACK_QUEUE];
static unsigned sent_count;
static uint64_t now = 1000000000, answers, acknowledged, opened, refused;
static uint8_t request[REQUEST_BYTES], answer[ANSWER_BYTES];
static uint64_t request_sum;
static uint32_t chosen, step_mask;

static void bad(const char *what)
{
	fprintf(stderr, "hearth-bench-stack: %s\n", what);
	exit(1);
}

/* ---- the link ---- */

static unsigned wire_receive(struct link *link, struct frame *frames, unsigned max)
{
	unsigned count = waiting_count - first_waiting;

	count = count < max ? count : max;
	memcpy(frames, waiting + first_waiting, count * sizeof(*frames));
	first_waiting += count;
	return count;
}

static void wire_release(struct link *link)
{
}

static unsigned wire_reserve(struct link *link, struct frame *frames, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		frames[i] = (struct frame){.data = tx + (size_t)(tx_at++ % BUFFERS) * BUFFER_BYTES};
	return count;
}

static unsigned wire_send(struct link *link, struct frame *frames, unsigned count)
{
	unsigned left = 0;

	for (unsigned i = 0; i < count; i++) {
		if (frames[i].length == 0)
			continue;
		if (sent_count == sizeof(sent) / sizeof(sent[0]))
			bad("too many frames in a turn");
		sent[sent_count++] = frames[i];
		left++;
	}
	return left;
}

/* ---- the peers ---- */

static uint8_t *frame_new(uint16_t length, uint16_t type)
{
	uint8_t *data = rx + (size_t)(rx_at++ % BUFFERS) * BUFFER_BYTES;
	struct ether_header *ether = (void *)data;

	if (waiting_count == sizeof(waiting) / sizeof(waiting[0]))
		bad("too many frames for a turn");
	memcpy(ether->destination, our_mac, 6);
	memcpy(ether->source, peer_mac, 6);
	ether->type = htons(type);
	waiting[waiting_count++] = (struct frame){.data = data, .length = length};
	return data + sizeof(*ether);
}

static void segment_in(uint32_t number, uint8_t flags, bool text)
{
	struct peer *peer = &peers[number];
	uint16_t payload = text ? REQUEST_BYTES : 0;
	struct ipv4_header *ip = (void *)frame_new((uint16_t)(HEADERS + payload), ETHER_TYPE_IPV4);
	struct tcp_header *tcp = (void *)(ip + 1);
	struct ip_address source = ip_from_v4(htonl(THEIRS + number / PORTS));
	struct ip_address destination = ip_from_v4(htonl(OURS));
	uint64_t sum = checksum_pseudo(
		&source, &destination, PROTOCOL_TCP, (uint16_t)(sizeof(*tcp) + payload));

	*ip = (struct ipv4_header){.version_length = 0x45,
		.total_length = htons((uint16_t)(sizeof(*ip) + sizeof(*tcp) + payload)),
		.fragment = htons(IPV4_FLAG_DF),
		.ttl = 64,
		.protocol = PROTOCOL_TCP,
		.source = ip_v4(&source),
		.destination = ip_v4(&destination)};
	ip->checksum = (uint16_t)~checksum_fold(checksum_add(0, ip, sizeof(*ip)));
	*tcp = (struct tcp_header){.source_port = htons((uint16_t)(1024 + number % PORTS)),
		.destination_port = htons(PORT),
		.seq = htonl(peer->seq),
		.ack = htonl(peer->ack),
		.offset = 5 << 4,
		.flags = flags,
		.window = htons(65535)};
	if (text)
		memcpy(tcp + 1, request, REQUEST_BYTES);
	sum = checksum_add(sum, tcp, sizeof(*tcp)) + (text ? request_sum : 0);
	tcp->checksum = (uint16_t)~checksum_fold(sum);
	peer->seq += payload + !!(flags & TCP_SYN);
}

/* The owner of an address answers whoever asks for it; @asked: NULL: it asks for us. */
static void arp_in(uint32_t address, bool answers_us)
{
	struct arp_header *arp = (void *)frame_new(
		(uint16_t)(sizeof(struct ether_header) + sizeof(*arp)), ETHER_TYPE_ARP);

	*arp = (struct arp_header){.hardware_type = htons(1),
		.protocol_type = htons(ETHER_TYPE_IPV4),
		.hardware_length = 6,
		.protocol_length = 4,
		.operation = htons(answers_us ? 2 : 1),
		.sender = address,
		.target = htonl(OURS)};
	memcpy(arp->sender_mac, peer_mac, 6);
	memcpy(arp->target_mac, our_mac, 6);
}

/* ---- what the peers make of our frames ---- */

static void frame_out(const struct frame *frame)
{
	const struct ether_header *ether = (const void *)frame->data;
	const struct arp_header *arp = (const void *)(ether + 1);
	const struct ipv4_header *ip = (const void *)(ether + 1);
	const struct tcp_header *tcp = (const void *)(ip + 1);
	uint32_t number, length;

	if (ether->type == htons(ETHER_TYPE_ARP)) {
		if (ntohl(arp->target) >= THEIRS && arp->operation == htons(1))
			arp_in(arp->target, true);
		return;
	}
	if (ether->type != htons(ETHER_TYPE_IPV4) || ip->protocol != PROTOCOL_TCP)
		return;
	number = (ntohl(ip->destination) - THEIRS) * PORTS + ntohs(tcp->destination_port) - 1024;
	if (number >= options.connections)
		bad("a segment that nobody waits for");
	if (tcp->flags & TCP_RST) {
		/* Its flow found no slot; once all are open none is lost. */
		peers[number] = (struct peer){0};
		refused++;
		return;
	}
	length = ntohs(ip->total_length) - (uint32_t)sizeof(*ip) - (tcp->offset >> 4) * 4u;
	peers[number].ack = ntohl(tcp->seq) + length + !!(tcp->flags & TCP_SYN);
	acknowledged += length == ANSWER_BYTES;
}

static void frames_out(void)
{
	first_waiting = waiting_count = 0;
	for (unsigned i = 0; i < sent_count; i++)
		frame_out(&sent[i]);
	sent_count = 0;
}

/* ---- the stack's user ---- */

static void on_opened(void *context, tcp_id id, const struct tcp_tuple *tuple)
{
	opened++;
}

static bool on_stream(void *context, tcp_id id, const uint8_t *data, uint32_t length)
{
	uint8_t *room = tcp_reserve(stack_tcp(stack), id, ANSWER_BYTES);

	if (!room || length != REQUEST_BYTES)
		bad("no room for an answer");
	memcpy(room, answer, ANSWER_BYTES);
	tcp_commit(stack_tcp(stack), id, ANSWER_BYTES);
	answers++;
	return true;
}

static void on_finished(void *context, tcp_id id)
{
	bad("a connection that ended");
}

static void on_closed(void *context, const struct tcp_up *up)
{
	bad("a connection that ended");
}

static void on_deadline(void *context, tcp_id id)
{
	bad("a deadline");
}

/* ---- rounds ---- */

/* One turn on what waits. Return: what it took. */
static struct cost turn(void)
{
	uint64_t began = __rdtsc(), received, done;

	stack_receive(stack, now);
	received = __rdtsc();
	stack_timers(stack, now);
	stack_transmit(stack, now);
	done = __rdtsc();
	frames_out();
	return (struct cost){(double)(received - began), (double)(done - received)};
}

static void open_all(void)
{
	unsigned hosts = (options.connections - 1) / PORTS + 1;

	for (uint32_t i = 0; i < hosts; i++) {
		arp_in(htonl(THEIRS + i), false);
		turn();
	}
	for (uint32_t from = 0; from < options.connections; from += options.burst) {
		uint32_t to = from + options.burst;

		if (to > options.connections)
			to = options.connections;
		for (uint32_t i = from; i < to; i++) {
			peers[i].seq = i * 7919;
			segment_in(i, TCP_SYN, false);
		}
		turn();
		for (uint32_t i = from; i < to; i++)
			segment_in(i, TCP_ACK, false);
		turn();
		now += 100;
	}
	if (opened + refused != options.connections || refused > options.connections / 1000)
		bad("not every connection was opened");
}

/* In order, or each once in an order without locality: a full-period generator modulo a power of
 * two (Hull and Dobell 1962), where it leaves the numbers in use it goes on. */
static uint32_t next_peer(void)
{
	do {
		if (!options.random)
			chosen = chosen + 1 < options.connections ? chosen + 1 : 0;
		else
			chosen = (chosen * 1664525u + 1013904223u) & step_mask;
	} while (chosen >= options.connections || peers[chosen].ack == 0);
	return chosen;
}

static int by_sum(const void *a, const void *b)
{
	const struct cost *x = a, *y = b;
	double one = x->receive + x->transmit, other = y->receive + y->transmit;

	return (one > other) - (one < other);
}

/* A turn takes as many requests as ACKs of what was answered in the turn before last. Return: the
 * middle one, by the exchange: what the host stole is in few. */
static struct cost round_of(void)
{
	static uint32_t at[3][STACK_BURST];
	static unsigned turns;
	unsigned count = (options.exchanges + options.burst - 1) / options.burst;
	struct cost *costs = calloc(count, sizeof(*costs)), middle;

	if (!costs)
		bad("no memory");
	for (unsigned t = 0; t < count; t++) {
		uint32_t *numbers = at[turns % 3], *before = at[(turns + 1) % 3];

		now += options.burst;
		if (turns++ >= 2)
			for (unsigned i = 0; i < options.burst; i++)
				segment_in(before[i], TCP_ACK, false);
		for (unsigned i = 0; i < options.burst; i++) {
			numbers[i] = next_peer();
			segment_in(numbers[i], TCP_ACK | TCP_PSH, true);
		}
		costs[t] = turn();
	}
	qsort(costs, count, sizeof(*costs), by_sum);
	middle = costs[count / 2];
	free(costs);
	middle.receive /= options.burst;
	middle.transmit /= options.burst;
	return middle;
}

/* ---- start ---- */

static void fill(struct random *random, void *out, size_t length)
{
	static uint64_t state = 1;
	uint8_t *bytes = out;

	for (size_t i = 0; i < length; i++) {
		state = state * 6364136223846793005u + 1442695040888963407u;
		bytes[i] = (uint8_t)(state >> 56);
	}
}

static unsigned number_of(const char *text)
{
	long number = atol(text);

	return number > 0 && number <= 16000000 ? (unsigned)number : 0;
}

static void usage(FILE *out, int status)
{
	fprintf(out, "usage: hearth-bench-stack [-c CONNECTIONS] [-r REPETITIONS] [-n EXCHANGES] "
		     "[-b REQUESTS] [-x] [-H]\n"
		     "  -n  exchanges in a round\n"
		     "  -b  requests in a turn, 1 to 32\n"
		     "  -x  connections in random order\n"
		     "  -H  tables in huge pages\n");
	exit(status);
}

static void options_read(int argc, char **argv)
{
	int word;

	while ((word = getopt(argc, argv, "c:r:n:b:xHh")) != -1) {
		if (word == 'c')
			options.connections = number_of(optarg);
		else if (word == 'r')
			options.repetitions = number_of(optarg);
		else if (word == 'n')
			options.exchanges = number_of(optarg);
		else if (word == 'b')
			options.burst = number_of(optarg);
		else if (word == 'x')
			options.random = true;
		else if (word == 'H')
			options.huge = true;
		else
			usage(word == 'h' ? stdout : stderr, word == 'h' ? 0 : 2);
	}
	if (!options.connections || !options.repetitions || !options.exchanges || !options.burst ||
		options.burst > STACK_BURST / 2 || options.connections < 3 * options.burst)
		usage(stderr, 2);
}

static void start(void)
{
	static const uint16_t ports[] = {0x151e}; /* 7701 as it lies in a packet */
	static struct random random = {.fill = fill};
	static struct rss rss;
	struct chunk_pool_config sizes = {.count = {32768, 1024, 64, 8}};
	struct stack_config config = {.rss = &rss,
		.link_count = 1,
		.neighbours = 4096,
		.huge = options.huge,
		.random = &random,
		.user = {.opened = on_opened,
			.stream = on_stream,
			.finished = on_finished,
			.closed = on_closed,
			.deadline = on_deadline}};
	uint8_t key[RSS_KEY_BYTES];

	do
		fill(&random, key, sizeof(key));
	while (rss_init(&rss, key, 1) != 0);
	wire = (struct link){.mtu = 1500,
		.receive = wire_receive,
		.release = wire_release,
		.reserve = wire_reserve,
		.send = wire_send};
	memcpy(wire.mac, our_mac, 6);
	chunks = chunk_pool_init(memory_map(chunk_pool_bytes(&sizes), options.huge), &sizes);
	config.links[0] = (struct stack_link){
		.link = &wire, .addresses = {{ip_from_v4(htonl(OURS)), 15}}, .address_count = 1};
	config.tcp = (struct tcp_config){.connections = options.connections + 2048,
		.embryonic = 4096,
		.time_wait = 4096,
		.sides = 4096,
		.receive_window = 65535,
		.send_bytes = 65536,
		.mss = 1460,
		.idle_us = UINT64_C(1000000000000),
		.ports = ports,
		.port_count = 1,
		.chunks = chunks};
	fill(&random, &config.tcp.flow_key, sizeof(config.tcp.flow_key));
	fill(&random, &config.tcp.isn_key, sizeof(config.tcp.isn_key));
	stack = stack_new(&config, now);
	peers = memory_map((size_t)options.connections * sizeof(*peers), options.huge);
	rx = memory_map((size_t)BUFFERS * BUFFER_BYTES, options.huge);
	tx = memory_map((size_t)BUFFERS * BUFFER_BYTES, options.huge);
	if (!stack || !peers || !rx || !tx)
		bad("no memory");
	memset(request, 'r', sizeof(request));
	memset(answer, 'a', sizeof(answer));
	request_sum = checksum_add(0, request, sizeof(request));
	for (step_mask = 1; step_mask < options.connections; step_mask = step_mask << 1 | 1)
		;
}

int main(int argc, char **argv)
{
	struct cost *costs, *middle;

	options_read(argc, argv);
	start();
	costs = calloc(options.repetitions, sizeof(*costs));
	if (!costs)
		bad("no memory");
	open_all();
	round_of();
	for (unsigned i = 0; i < options.repetitions; i++)
		costs[i] = round_of();
	if (acknowledged != answers || opened + refused != options.connections)
		bad("an answer was lost");
	if (refused)
		printf("%llu connections found no flow slot\n", (unsigned long long)refused);
	qsort(costs, options.repetitions, sizeof(*costs), by_sum);
	middle = &costs[options.repetitions / 2];
	printf("%u connections%s, %u requests a turn: median %.0f cycles an exchange (in %.0f, "
	       "out %.0f), least %.0f (in %.0f, out %.0f), of %u rounds\n",
		options.connections, options.random ? ", at random" : "", options.burst,
		middle->receive + middle->transmit, middle->receive, middle->transmit,
		costs->receive + costs->transmit, costs->receive, costs->transmit,
		options.repetitions);
	free(costs);
	return 0;
}
