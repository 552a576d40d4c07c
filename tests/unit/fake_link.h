/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* fake_link.h - a link of plain memory, and frames made by hand to come in by it */
#pragma once

#include "guarded.h"
#include "link.h"
#include "stack.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define SENT_MAX 512
#define UDP_PORT 7701
#define TCP_PORT 7700
#define SECOND 1000000ULL

/** struct fake_link - received frames end where memory ends: every read beyond them is noticed */
struct fake_link {
	struct link link;
	struct frame rx[STACK_BURST];
	unsigned rx_count;
	struct frame held[STACK_BURST];
	unsigned held_count;
	uint8_t tx[LINK_RESERVED_MAX][LINK_FRAME_MAX];
	unsigned reserved, buffers;    /* buffers: how many may be reserved */
	unsigned reserves, fail_every; /* calls of reserve(); every so manieth fails, 0: none */
	unsigned takes;                /* frames that a send() lets through */
	void (*sending)(struct fake_link *fake); /* told before they leave; may be NULL */
	void *context;                           /* its own */
	struct {
		uint8_t data[LINK_FRAME_MAX];
		struct frame frame;
	} sent[SENT_MAX];
	unsigned sent_count;
};

static const uint8_t our_mac[6] = {0x02, 0, 0, 0, 0, 0x01};
static const uint8_t peer_mac[6] = {0x02, 0, 0, 0, 0, 0x99};
static const uint8_t other_mac[6] = {0x02, 0, 0, 0, 0, 0x77};
static const uint8_t all_mac[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

#define OUR_ADDRESS inet_addr("198.18.0.1")
#define PEER_ADDRESS inet_addr("198.18.0.2")

/* rss_owner() of an IPv4 flow. */
static inline unsigned owner_v4(const struct rss *rss, uint32_t source, uint32_t destination,
	uint16_t source_port, uint16_t destination_port)
{
	struct ip_address from = ip_from_v4(source), to = ip_from_v4(destination);

	return rss_owner(rss, &from, &to, source_port, destination_port);
}

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
		guarded_put(fake->held[i].data);
	fake->held_count = 0;
}

static inline unsigned fake_reserve(struct link *link, struct frame *frames, unsigned count)
{
	struct fake_link *fake = (struct fake_link *)link;
	unsigned i;

	assert_true(fake->reserved + count <= LINK_RESERVED_MAX);
	fake->reserves++;
	if (fake->fail_every && fake->reserves % fake->fail_every == 0)
		return 0;
	for (i = 0; i < count && fake->reserved < fake->buffers; i++) {
		memset(fake->tx[fake->reserved], 0xa5, LINK_FRAME_MAX);
		frames[i].data = fake->tx[fake->reserved++];
	}
	return i;
}

static inline unsigned fake_send(struct link *link, struct frame *frames, unsigned count)
{
	struct fake_link *fake = (struct fake_link *)link;
	unsigned sent = 0, urgent = 0;

	assert_int_equal(count, fake->reserved);
	if (fake->sending)
		fake->sending(fake);
	fake->reserved = 0;
	for (unsigned i = 0; i < count; i++)
		urgent += frames[i].length > 0 && (frames[i].flags & FRAME_URGENT);
	for (unsigned i = 0; i < count; i++) {
		bool first = frames[i].flags & FRAME_URGENT;

		assert_ptr_equal(frames[i].data, fake->tx[i]);
		assert_true(frames[i].length <= LINK_FRAME_MAX);
		if (frames[i].length == 0)
			continue;
		/* Where not all can leave, the urgent ones do. */
		urgent -= first;
		if (sent == fake->takes || (!first && fake->takes - sent <= urgent))
			continue;
		sent++;
		if (fake->sent_count == SENT_MAX)
			continue;
		memcpy(fake->sent[fake->sent_count].data, frames[i].data, frames[i].length);
		fake->sent[fake->sent_count++].frame = frames[i];
	}
	return sent;
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

/* Nothing of it is still in use. */
static inline void link_fini(struct fake_link *fake)
{
	assert_int_equal(fake->held_count, 0);
	assert_int_equal(fake->reserved, 0);
	for (unsigned i = 0; i < fake->rx_count; i++)
		guarded_put(fake->rx[i].data);
	fake->rx_count = 0;
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
	uint16_t vlan; /* with FRAME_VLAN: a tag that the port took off */
	uint32_t hash; /* with FRAME_HASH: what the port made of it */
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
	if (payload)
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

/* The link has this frame for the next receive(). */
static inline void link_arrive(struct fake_link *fake, const struct packet *p)
{
	struct frame *frame = &fake->rx[fake->rx_count];

	assert_true(fake->rx_count < STACK_BURST);
	memset(frame, 0, sizeof(*frame));
	frame->data = guarded_get(p->length);
	assert_non_null(frame->data);
	memcpy(frame->data, p->data, p->length);
	frame->length = (uint16_t)p->length;
	frame->flags = p->flags;
	frame->vlan = p->vlan;
	frame->hash = p->hash;
	fake->rx_count++;
}
