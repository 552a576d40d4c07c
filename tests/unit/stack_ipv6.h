/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* stack_ipv6.h - IPv6 packets and neighbour discovery by hand, and a stack that speaks it */
#pragma once

#include "stack_drop.h"

#define L4_6 54 /* behind Ethernet and IPv6 header */

static const char our_v6[] = "fd77::1";
static const char peer_v6[] = "fd77::2";

static inline struct ip_address v6(const char *text)
{
	struct ip_address address;

	assert_int_equal(inet_pton(AF_INET6, text, &address), 1);
	return address;
}

/* What a transport checksum must make of its whole IPv6 packet: 0xffff with the field in place. */
static inline unsigned transport_sum6(const uint8_t *ip, unsigned protocol, size_t length)
{
	uint8_t pseudo[8] = {0};
	unsigned sum = simple_sum(0, ip + 8, 32);

	put32(pseudo, (uint32_t)length);
	put32(pseudo + 4, protocol);
	sum = simple_sum(sum, pseudo, 8);
	return simple_sum(sum, ip + 40, length);
}

static inline void seal6(struct packet *p, unsigned offset)
{
	unsigned length = get16(p->data + IP + 4);

	put16(p->data + L4_6 + offset, 0);
	put16(p->data + L4_6 + offset,
		~transport_sum6(p->data + IP, p->data[IP + 6], length) & 0xffff);
}

static inline void make_ip6(struct packet *p, const char *source, const char *destination,
	unsigned protocol, unsigned payload)
{
	struct ip_address from = v6(source), to = v6(destination);

	memset(p, 0, sizeof(*p));
	memcpy(p->data, our_mac, 6);
	if (to.word[0] << 24 == 0xff000000) { /* a group: its Ethernet address */
		p->data[0] = p->data[1] = 0x33;
		memcpy(p->data + 2, &to.word[3], 4);
	}
	memcpy(p->data + 6, peer_mac, 6);
	put16(p->data + 12, 0x86dd);
	p->data[IP] = 0x60;
	put16(p->data + IP + 4, payload);
	p->data[IP + 6] = (uint8_t)protocol;
	p->data[IP + 7] = 64;
	memcpy(p->data + IP + 8, &from, 16);
	memcpy(p->data + IP + 24, &to, 16);
	p->length = L4_6 + payload;
}

static inline void make_udp6(
	struct packet *p, const char *source, const void *payload, unsigned length)
{
	make_ip6(p, source, our_v6, 17, 8 + length);
	put16(p->data + L4_6, 40000);
	put16(p->data + L4_6 + 2, UDP_PORT);
	put16(p->data + L4_6 + 4, 8 + length);
	memcpy(p->data + L4_6 + 8, payload, length);
	seal6(p, 6);
}

static inline void make_tcp6(struct packet *p, const char *source, unsigned flags, uint32_t seq,
	uint32_t ack, const void *payload, unsigned length)
{
	make_ip6(p, source, our_v6, 6, 20 + length);
	put16(p->data + L4_6, 50000);
	put16(p->data + L4_6 + 2, TCP_PORT);
	put32(p->data + L4_6 + 4, seq);
	put32(p->data + L4_6 + 8, ack);
	p->data[L4_6 + 12] = 0x50;
	p->data[L4_6 + 13] = (uint8_t)flags;
	put16(p->data + L4_6 + 14, 65535);
	if (payload)
		memcpy(p->data + L4_6 + 20, payload, length);
	seal6(p, 16);
}

static inline void make_echo6(struct packet *p, const char *destination, unsigned length)
{
	make_ip6(p, peer_v6, destination, 58, 8 + length);
	p->data[L4_6] = 128;
	put16(p->data + L4_6 + 4, 0x1234);
	put16(p->data + L4_6 + 6, 1);
	for (unsigned i = 0; i < length; i++)
		p->data[L4_6 + 8 + i] = (uint8_t)i;
	seal6(p, 2);
}

/* A solicitation (135) or advertisement (136) about @target; @mac NULL: no option. */
static inline void make_nd(struct packet *p, unsigned type, unsigned flags, const char *source,
	const char *destination, const char *target, const uint8_t *mac)
{
	struct ip_address about = v6(target);

	make_ip6(p, source, destination, 58, mac ? 32 : 24);
	p->data[IP + 7] = 255;
	p->data[L4_6] = (uint8_t)type;
	p->data[L4_6 + 4] = (uint8_t)flags;
	memcpy(p->data + L4_6 + 8, &about, 16);
	if (mac) {
		memcpy(p->data + 6, mac, 6);
		p->data[L4_6 + 24] = type == 135 ? 1 : 2;
		p->data[L4_6 + 25] = 1;
		memcpy(p->data + L4_6 + 26, mac, 6);
	}
	seal6(p, 2);
}

/* A packet whose payload is put behind @length bytes of extension headers, the first of them of
 * @type; the last one's next header must be the payload's. */
static inline void insert_extensions(
	struct packet *p, unsigned type, const uint8_t *chain, unsigned length)
{
	memmove(p->data + L4_6 + length, p->data + L4_6, p->length - L4_6);
	memcpy(p->data + L4_6, chain, length);
	p->data[IP + 6] = (uint8_t)type;
	p->length += length;
	put16(p->data + IP + 4, p->length - L4_6);
}

/* A fixture with an IPv6 address beside the IPv4 one. */
static inline struct fixture *fixture_make6(void)
{
	struct fixture *f = fixture_make();
	struct stack_link *link = &f->config.links[0];

	link->addresses[link->address_count++] = (struct stack_address){v6(our_v6), 64};
	f->config.tcp.ipv6 = true;
	return f;
}

/* Makes both peers known. */
static inline void introduce6(struct fixture *f)
{
	struct packet p;

	introduce(f);
	make_nd(&p, 135, 0, peer_v6, "ff02::1:ff00:1", our_v6, peer_mac);
	deliver(f, &p);
	assert_int_equal(f->links[0].sent_count, 1);
	forget_sent(f);
}

static inline void assert_canary6(struct fixture *f)
{
	unsigned datagrams = f->datagrams;
	bool echo = f->echo;
	struct packet p;

	f->echo = true;
	forget_sent(f);
	make_udp6(&p, peer_v6, "canary", 6);
	deliver(f, &p);
	assert_int_equal(f->datagrams, datagrams + 1);
	assert_int_equal(f->links[0].sent_count, 1);
	assert_memory_equal(f->links[0].sent[0].data + L4_6 + 8, "canary", 6);
	forget_sent(f);
	f->echo = echo;
}

static inline void check_ip6(const uint8_t *frame, unsigned length, unsigned hops)
{
	assert_int_equal(get16(frame + 12), 0x86dd);
	assert_int_equal(get32(frame + IP), 0x60000000);
	assert_int_equal(get16(frame + IP + 4) + L4_6, length);
	assert_int_equal(frame[IP + 7], hops);
	assert_int_equal(transport_sum6(frame + IP, frame[IP + 6], get16(frame + IP + 4)), 0xffff);
}

static inline bool send_to6(struct fixture *f, const char *remote)
{
	struct udp_path path = {.remote = v6(remote),
		.local = v6(our_v6),
		.remote_port = htons(40000),
		.local_port = htons(UDP_PORT)};
	unsigned ticket;
	uint8_t *out;

	stack_receive(f->stack, f->now); /* tells it the time */
	out = stack_datagram(f->stack, &path, 4, &ticket);
	if (out) {
		memcpy(out, "data", 4);
		stack_datagram_commit(f->stack, ticket, 4);
	}
	stack_transmit(f->stack, f->now);
	return out != NULL;
}
