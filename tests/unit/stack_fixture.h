/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* stack_fixture.h - a stack between links of plain memory, frames made by hand to feed it */
#pragma once

#include "memory.h"
#include "stack.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define SENT_MAX 512
#define UDP_PORT 7701
#define TCP_PORT 7700
#define SECOND 1000000ULL

/** struct fake_link - received frames lie in blocks of their exact size, so that a sanitizer sees
 * every read beyond them */
struct fake_link {
	struct link link;
	struct frame rx[STACK_BURST];
	unsigned rx_count;
	struct frame held[STACK_BURST];
	unsigned held_count;
	uint8_t tx[LINK_RESERVED_MAX][LINK_FRAME_MAX];
	unsigned reserved, buffers; /* buffers: how many may be reserved */
	unsigned takes;             /* frames that a send() lets through */
	struct {
		uint8_t data[LINK_FRAME_MAX];
		struct frame frame;
	} sent[SENT_MAX];
	unsigned sent_count;
};

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

static const uint8_t our_mac[6] = {0x02, 0, 0, 0, 0, 0x01};
static const uint8_t peer_mac[6] = {0x02, 0, 0, 0, 0, 0x99};
static const uint8_t other_mac[6] = {0x02, 0, 0, 0, 0, 0x77};
static const uint8_t all_mac[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

#define OUR_ADDRESS inet_addr("198.18.0.1")
#define PEER_ADDRESS inet_addr("198.18.0.2")

/* The link. */

static inline unsigned fake_receive(struct link *link, struct frame *frames, unsigned max)
{
	struct fake_link *fake = (struct fake_link *)link;
	unsigned count = fake->rx_count < max ? fake->rx_count : max;

	assert_int_equal(fake->held_count, 0);
	memcpy(frames, fake->rx, count * sizeof(frames[0]));
	memcpy(fake->held, fake->rx, count * sizeof(frames[0]));
	fake->held_count = count;
	fake->rx_count -= count;
	memmove(fake->rx, fake->rx + count, fake->rx_count * sizeof(frames[0]));
	return count;
}

static inline void fake_release(struct link *link)
{
	struct fake_link *fake = (struct fake_link *)link;

	for (unsigned i = 0; i < fake->held_count; i++)
		free(fake->held[i].data);
	fake->held_count = 0;
}

static inline unsigned fake_reserve(struct link *link, struct frame *frames, unsigned count)
{
	struct fake_link *fake = (struct fake_link *)link;
	unsigned i;

	assert_true(fake->reserved + count <= LINK_RESERVED_MAX);
	for (i = 0; i < count && fake->reserved < fake->buffers; i++) {
		memset(fake->tx[fake->reserved], 0xa5, LINK_FRAME_MAX);
		frames[i].data = fake->tx[fake->reserved++];
	}
	return i;
}

static inline unsigned fake_send(struct link *link, struct frame *frames, unsigned count)
{
	struct fake_link *fake = (struct fake_link *)link;
	unsigned sent = 0;

	assert_int_equal(count, fake->reserved);
	fake->reserved = 0;
	for (unsigned i = 0; i < count; i++) {
		assert_ptr_equal(frames[i].data, fake->tx[i]);
		assert_true(frames[i].length <= LINK_FRAME_MAX);
		if (frames[i].length == 0 || sent == fake->takes)
			continue;
		sent++;
		if (fake->sent_count == SENT_MAX)
			continue;
		memcpy(fake->sent[fake->sent_count].data, frames[i].data, frames[i].length);
		fake->sent[fake->sent_count++].frame = frames[i];
	}
	return sent;
}

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

static inline void user_closed(void *context, tcp_id id, enum tcp_reason reason, const void *user)
{
	struct fixture *f = context;

	assert_non_null(user);
	f->closed++;
	f->reason = reason;
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

static inline void link_make(struct fake_link *fake, uint8_t last_byte)
{
	memcpy(fake->link.mac, our_mac, 6);
	fake->link.mac[5] = last_byte;
	fake->link.mtu = 1500;
	fake->link.receive = fake_receive;
	fake->link.release = fake_release;
	fake->link.reserve = fake_reserve;
	fake->link.send = fake_send;
	fake->buffers = LINK_RESERVED_MAX;
	fake->takes = ~0U;
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
			i == 0 ? OUR_ADDRESS : inet_addr("10.1.0.1"), i == 0 ? 24 : 16};
	}
	config->udp_ports = udp_ports;
	config->udp_port_count = 1;
	config->tcp = (struct tcp_config){.connections = 64,
		.embryonic = 32,
		.time_wait = 32,
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
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(f->links[i].held_count, 0);
		assert_int_equal(f->links[i].reserved, 0);
		for (unsigned j = 0; j < f->links[i].rx_count; j++)
			free(f->links[i].rx[j].data);
	}
	memory_unmap(f->chunks, f->chunk_bytes);
	free(f);
}

/* Frames by hand: bytes and shifts only, nothing shared with the code under test. */

static inline void put16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static inline void put32(uint8_t *at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value & 0xffff);
}

static inline unsigned get16(const uint8_t *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

static inline uint32_t get32(const uint8_t *at)
{
	return (uint32_t)get16(at) << 16 | get16(at + 2);
}

/* RFC 1071 as its text has it: 16-bit words, carries around. */
static inline unsigned simple_sum(unsigned sum, const uint8_t *data, size_t length)
{
	for (size_t i = 0; i < length; i += 2) {
		sum += (unsigned)data[i] << 8 | (i + 1 < length ? data[i + 1] : 0);
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

/* What a transport checksum must make of its whole packet: 0xffff with the field in place. */
static inline unsigned transport_sum(const uint8_t *ip, size_t transport_length)
{
	uint8_t pseudo[4];
	unsigned sum = simple_sum(0, ip + 12, 8);

	put16(pseudo, ip[9]);
	put16(pseudo + 2, (unsigned)transport_length);
	sum = simple_sum(sum, pseudo, 4);
	return simple_sum(sum, ip + (ip[0] & 15) * 4, transport_length);
}

/** struct packet - a frame that is being made; ip and l4 are offsets in data */
struct packet {
	uint8_t data[2048];
	unsigned length;
	uint16_t flags;
};

#define IP 14
#define L4 34

static inline void seal_ip(struct packet *p)
{
	unsigned header = (p->data[IP] & 15) * 4U;

	put16(p->data + IP + 10, 0);
	put16(p->data + IP + 10, ~simple_sum(0, p->data + IP, header) & 0xffff);
}

/* The transport checksum of a packet without IP options. */
static inline void seal_l4(struct packet *p, unsigned offset)
{
	unsigned length = get16(p->data + IP + 2) - 20;

	put16(p->data + L4 + offset, 0);
	if (p->data[IP + 9] == 1)
		put16(p->data + L4 + offset, ~simple_sum(0, p->data + L4, length) & 0xffff);
	else
		put16(p->data + L4 + offset, ~transport_sum(p->data + IP, length) & 0xffff);
}

static inline void make_ip(struct packet *p, unsigned protocol, unsigned payload)
{
	uint32_t remote = PEER_ADDRESS, local = OUR_ADDRESS;

	memset(p, 0, sizeof(*p));
	memcpy(p->data, our_mac, 6);
	memcpy(p->data + 6, peer_mac, 6);
	put16(p->data + 12, 0x0800);
	p->data[IP] = 0x45;
	put16(p->data + IP + 2, 20 + payload);
	p->data[IP + 8] = 64;
	p->data[IP + 9] = (uint8_t)protocol;
	memcpy(p->data + IP + 12, &remote, 4);
	memcpy(p->data + IP + 16, &local, 4);
	p->length = L4 + payload;
	seal_ip(p);
}

static inline void make_udp(struct packet *p, const void *payload, unsigned length)
{
	make_ip(p, 17, 8 + length);
	put16(p->data + L4, 40000);
	put16(p->data + L4 + 2, UDP_PORT);
	put16(p->data + L4 + 4, 8 + length);
	memcpy(p->data + L4 + 8, payload, length);
	seal_l4(p, 6);
}

static inline void make_echo(struct packet *p, unsigned length)
{
	make_ip(p, 1, 8 + length);
	p->data[L4] = 8;
	put16(p->data + L4 + 4, 0x1234);
	put16(p->data + L4 + 6, 1);
	for (unsigned i = 0; i < length; i++)
		p->data[L4 + 8 + i] = (uint8_t)i;
	seal_l4(p, 2);
}

static inline void make_tcp(struct packet *p, unsigned flags, uint32_t seq, uint32_t ack,
	const void *payload, unsigned length)
{
	make_ip(p, 6, 20 + length);
	put16(p->data + L4, 50000);
	put16(p->data + L4 + 2, TCP_PORT);
	put32(p->data + L4 + 4, seq);
	put32(p->data + L4 + 8, ack);
	p->data[L4 + 12] = 0x50;
	p->data[L4 + 13] = (uint8_t)flags;
	put16(p->data + L4 + 14, 65535);
	if (length > 0)
		memcpy(p->data + L4 + 20, payload, length);
	seal_l4(p, 16);
}

static inline void make_arp(struct packet *p, const uint8_t destination[6], unsigned operation,
	const uint8_t sender_mac[6], uint32_t sender, uint32_t target)
{
	memset(p, 0, sizeof(*p));
	memcpy(p->data, destination, 6);
	memcpy(p->data + 6, sender_mac, 6);
	put16(p->data + 12, 0x0806);
	put16(p->data + 14, 1);
	put16(p->data + 16, 0x0800);
	p->data[18] = 6;
	p->data[19] = 4;
	put16(p->data + 20, operation);
	memcpy(p->data + 22, sender_mac, 6);
	memcpy(p->data + 28, &sender, 4);
	if (operation == 2)
		memcpy(p->data + 32, destination, 6);
	memcpy(p->data + 38, &target, 4);
	p->length = 60; /* as a real wire pads it */
}

static inline void arrive(struct fixture *f, unsigned link, const struct packet *p)
{
	struct fake_link *fake = &f->links[link];
	struct frame *frame = &fake->rx[fake->rx_count];

	assert_true(fake->rx_count < STACK_BURST);
	memset(frame, 0, sizeof(*frame));
	frame->data = malloc(p->length ? p->length : 1);
	assert_non_null(frame->data);
	memcpy(frame->data, p->data, p->length);
	frame->length = (uint16_t)p->length;
	frame->flags = p->flags;
	fake->rx_count++;
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
