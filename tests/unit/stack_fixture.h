/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* stack_fixture.h - a stack between links of plain memory, its user remembers what it heard */
#pragma once

#include "fake_link.h"
#include "memory.h"

#include <errno.h>

/** struct fixture - the stack, its user's memory of what it heard, the time */
struct fixture {
	struct fake_link links[2];
	struct stack *stack;
	struct rss rss;
	struct random random;
	uint64_t random_state;
	uint64_t now;
	struct stack_config config;
	void *chunks;
	size_t chunk_bytes;
	/* what the user heard */
	unsigned opened, finished, closed, deadlines, datagrams;
	tcp_id id;
	struct tcp_tuple tuple;
	enum tcp_reason reason;
	bool refuse, echo, close_in_stream;
	uint8_t stream[65536];
	unsigned stream_length;
	uint8_t datagram[2048];
	struct datagram last;
};

/* The user. */

static inline void user_opened(void *context, tcp_id id, const struct tcp_tuple *tuple)
{
	struct fixture *f = context;

	f->opened++;
	f->id = id;
	f->tuple = *tuple;
}

static inline bool user_stream(void *context, tcp_id id, const uint8_t *data, uint32_t length)
{
	struct fixture *f = context;

	assert_int_equal(id, f->id);
	if (f->refuse)
		return false;
	assert_true(f->stream_length + length <= sizeof(f->stream));
	memcpy(f->stream + f->stream_length, data, length);
	f->stream_length += length;
	if (f->echo) {
		uint8_t *out = tcp_reserve(stack_tcp(f->stack), id, length);

		assert_non_null(out);
		memcpy(out, data, length);
		tcp_commit(stack_tcp(f->stack), id, length);
	}
	if (f->close_in_stream)
		tcp_close(stack_tcp(f->stack), id);
	return true;
}

static inline void user_finished(void *context, tcp_id id)
{
	struct fixture *f = context;

	assert_int_equal(id, f->id);
	f->finished++;
}

static inline void user_closed(void *context, const struct tcp_up *up)
{
	struct fixture *f = context;

	assert_memory_equal(&up->tuple, &f->tuple, sizeof(up->tuple));
	f->closed++;
	f->reason = up->reason;
}

static inline void user_deadline(void *context, tcp_id id)
{
	struct fixture *f = context;

	assert_int_equal(id, f->id);
	f->deadlines++;
}

static inline void user_datagram(void *context, const struct datagram *datagram)
{
	struct fixture *f = context;
	uint8_t *out;
	unsigned ticket;

	f->datagrams++;
	f->last = *datagram;
	assert_true(datagram->length <= sizeof(f->datagram));
	memcpy(f->datagram, datagram->data, datagram->length);
	if (!f->echo)
		return;
	out = stack_datagram(f->stack, &datagram->path, datagram->length, &ticket);
	if (!out)
		return;
	memcpy(out, datagram->data, datagram->length);
	stack_datagram_commit(f->stack, ticket, datagram->length);
}

static inline void seeded_fill(struct random *random, void *out, size_t length)
{
	struct fixture *f = (struct fixture *)((char *)random - offsetof(struct fixture, random));

	for (size_t i = 0; i < length; i++) {
		f->random_state = f->random_state * 6364136223846793005ULL + 1442695040888963407ULL;
		((uint8_t *)out)[i] = (uint8_t)(f->random_state >> 56);
	}
}

static inline uint32_t draw(struct fixture *f, uint32_t below)
{
	uint32_t value;

	seeded_fill(&f->random, &value, sizeof(value));
	return below ? value % below : value;
}

/* The stack. */

static inline uint64_t counter(const struct fixture *f, enum stack_counter which)
{
	return counter_read(&stack_counters(f->stack)[which]);
}

/* Sum of all counters that say that something was dropped. */
static inline uint64_t all_drops(const struct fixture *f)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < STACK_COUNTER_COUNT; i++)
		if (strncmp(stack_counter_info[i].name, "drop_", 5) == 0)
			sum += counter(f, i);
	return sum;
}

static inline void turn(struct fixture *f)
{
	stack_receive(f->stack, f->now);
	stack_transmit(f->stack, f->now);
	stack_timers(f->stack, f->now);
}

/* Lets @microseconds pass in steps that a worker's turns might take. */
static inline void pass(struct fixture *f, uint64_t microseconds, uint64_t step)
{
	for (uint64_t end = f->now + microseconds; f->now < end; f->now += step)
		turn(f);
	turn(f);
}

static inline void forget_sent(struct fixture *f)
{
	f->links[0].sent_count = f->links[1].sent_count = 0;
}

/* A fixture whose configuration may still be changed before fixture_start(). */
static inline struct fixture *fixture_make(void)
{
	static const struct chunk_pool_config chunks = {.count = {64, 16, 4, 2}};
	static const uint16_t tcp_ports[] = {0x141e}; /* 7700 in network order */
	static const uint16_t udp_ports[] = {0x151e}; /* 7701 */
	struct fixture *f = calloc(1, sizeof(*f));
	uint8_t key[RSS_KEY_BYTES];
	struct stack_config *config;

	assert_non_null(f);
	assert_int_equal(ntohs(tcp_ports[0]), TCP_PORT);
	assert_int_equal(ntohs(udp_ports[0]), UDP_PORT);
	f->random_state = 4711;
	f->random.fill = seeded_fill;
	f->now = 1000 * SECOND;
	do
		seeded_fill(&f->random, key, sizeof(key));
	while (rss_init(&f->rss, key, 1) != 0);
	f->chunk_bytes = chunk_pool_bytes(&chunks);
	f->chunks = memory_map(f->chunk_bytes, false);
	assert_non_null(f->chunks);
	config = &f->config;
	config->rss = &f->rss;
	config->random = &f->random;
	config->neighbours = 64;
	config->link_count = 1;
	link_make(&f->links[0], 1);
	link_make(&f->links[1], 2);
	for (unsigned i = 0; i < 2; i++) {
		config->links[i].link = &f->links[i].link;
		config->links[i].address_count = 1;
		config->links[i].addresses[0] = (struct stack_address){
			ip_from_v4(i == 0 ? OUR_ADDRESS : inet_addr("10.1.0.1")), i == 0 ? 24 : 16};
	}
	config->udp_ports = udp_ports;
	config->udp_port_count = 1;
	config->tcp = (struct tcp_config){.connections = 64,
		.embryonic = 32,
		.time_wait = 32,
		.sides = 16,
		.receive_window = 16384,
		.send_bytes = 16384,
		.mss = 1460,
		.idle_us = 3600 * SECOND,
		.ports = tcp_ports,
		.port_count = 1,
		.chunks = chunk_pool_init(f->chunks, &chunks)};
	seeded_fill(&f->random, &config->tcp.flow_key, sizeof(config->tcp.flow_key));
	seeded_fill(&f->random, &config->tcp.isn_key, sizeof(config->tcp.isn_key));
	config->user = (struct stack_user){f, user_opened, user_stream, user_finished, user_closed,
		user_deadline, user_datagram};
	return f;
}

/* Starts the stack and lets its announcements pass. */
static inline void fixture_start(struct fixture *f)
{
	f->stack = stack_new(&f->config, f->now);
	assert_non_null(f->stack);
	pass(f, 5 * SECOND, SECOND / 10);
	forget_sent(f);
}

static inline void fixture_free(struct fixture *f)
{
	stack_free(f->stack);
	for (unsigned i = 0; i < 2; i++)
		link_fini(&f->links[i]);
	memory_unmap(f->chunks, f->chunk_bytes);
	free(f);
}

static inline void arrive(struct fixture *f, unsigned link, const struct packet *p)
{
	link_arrive(&f->links[link], p);
}

static inline void deliver(struct fixture *f, const struct packet *p)
{
	arrive(f, 0, p);
	turn(f);
}

/* Makes the peer known: it asks for us, as hosts do before they send. */
static inline void introduce(struct fixture *f)
{
	struct packet p;

	make_arp(&p, all_mac, 1, peer_mac, PEER_ADDRESS, OUR_ADDRESS);
	deliver(f, &p);
	forget_sent(f);
}

/* Packets in, and what left for them. */

static inline void good_udp(struct packet *p)
{
	make_udp(p, "0123456789abcdef", 16);
}

static inline void good_syn(struct packet *p)
{
	make_tcp(p, 0x02, 1000, 0, NULL, 0);
}

/* A UDP packet with @length bytes of IP options. */
static inline void with_options(struct packet *p, const void *options, unsigned length)
{
	good_udp(p);
	memmove(p->data + L4 + length, p->data + L4, p->length - L4);
	memcpy(p->data + L4, options, length);
	p->length += length;
	p->data[IP] = (uint8_t)(0x45 + length / 4);
	put16(p->data + IP + 2, p->length - IP);
	seal_ip(p);
}

/* A canary: a datagram that must be taken, and answered, whatever came before it. */
static inline void assert_canary(struct fixture *f)
{
	unsigned datagrams = f->datagrams;
	bool echo = f->echo;
	struct packet p;

	f->echo = true;
	forget_sent(f);
	make_udp(&p, "canary", 6);
	deliver(f, &p);
	assert_int_equal(f->datagrams, datagrams + 1);
	assert_int_equal(f->links[0].sent_count, 1);
	assert_memory_equal(f->links[0].sent[0].data + L4 + 8, "canary", 6);
	forget_sent(f);
	f->echo = echo;
}

static inline void check_ip(const uint8_t *frame, unsigned length, bool filled)
{
	assert_int_equal(get16(frame + 12), 0x0800);
	assert_int_equal(frame[IP], 0x45);
	assert_int_equal(get16(frame + IP + 2) + IP, length);
	assert_int_equal(get16(frame + IP + 6), 0x4000);
	assert_int_equal(frame[IP + 8], 64);
	if (filled)
		assert_int_equal(get16(frame + IP + 10), 0);
	else
		assert_int_equal(simple_sum(0, frame + IP, 20), 0xffff);
}

static inline const struct udp_path *path_to(uint32_t remote)
{
	static struct udp_path path;

	path = (struct udp_path){.remote = ip_from_v4(remote),
		.local = ip_from_v4(OUR_ADDRESS),
		.remote_port = htons(40000),
		.local_port = htons(UDP_PORT)};
	return &path;
}

static inline void send_datagram(struct fixture *f, const uint8_t *data, unsigned length)
{
	unsigned ticket;
	uint8_t *out = stack_datagram(f->stack, path_to(PEER_ADDRESS), length, &ticket);

	assert_non_null(out);
	memcpy(out, data, length);
	stack_datagram_commit(f->stack, ticket, length);
}

/* ARP. */

static inline unsigned is_request(const struct fixture *f, unsigned link, unsigned index)
{
	const uint8_t *out = f->links[link].sent[index].data;

	return f->links[link].sent[index].frame.length == 42 && get16(out + 12) == 0x0806 &&
	       get16(out + 20) == 1;
}

static inline unsigned requests_sent(const struct fixture *f, unsigned link)
{
	unsigned count = 0;

	for (unsigned i = 0; i < f->links[link].sent_count; i++)
		count += is_request(f, link, i);
	return count;
}

static inline bool try_send(struct fixture *f, unsigned link, uint32_t local, uint32_t remote)
{
	struct udp_path path = {.remote = ip_from_v4(remote),
		.local = ip_from_v4(local),
		.remote_port = htons(40000),
		.local_port = htons(UDP_PORT),
		.link = (uint8_t)link};
	unsigned ticket;
	uint8_t *out;

	stack_receive(f->stack, f->now); /* tells it the time */
	out = stack_datagram(f->stack, &path, 4, &ticket);
	if (!out)
		return false;
	memcpy(out, "data", 4);
	stack_datagram_commit(f->stack, ticket, 4);
	stack_transmit(f->stack, f->now);
	return true;
}

static inline bool send_to(struct fixture *f, uint32_t remote)
{
	return try_send(f, 0, OUR_ADDRESS, remote);
}

/* The Ethernet address that the newest frame went to. */
static inline const uint8_t *last_destination(const struct fixture *f, unsigned link)
{
	assert_true(f->links[link].sent_count > 0);
	return f->links[link].sent[f->links[link].sent_count - 1].data;
}

static inline void arp_reply(struct fixture *f, const uint8_t mac[6], uint32_t address)
{
	struct packet p;

	make_arp(&p, our_mac, 2, mac, address, OUR_ADDRESS);
	deliver(f, &p);
}

static inline void arp_ask(struct fixture *f, const uint8_t mac[6], uint32_t address)
{
	struct packet p;

	make_arp(&p, all_mac, 1, mac, address, OUR_ADDRESS);
	deliver(f, &p);
}
