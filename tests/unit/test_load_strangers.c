/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_load_strangers.c - what strangers send behind our own frames, and that we do not hear
 * them */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "net/checksum.h"
#include "net/ipv4.h"
#include "net/wire.h"
#include "strangers.h"

#include <stdlib.h>

#define SENT_MAX 4096
#define BROKER inet_addr("198.18.0.1")
#define OURS inet_addr("198.18.1.1")

/** struct plain - a link of plain memory: what was sent, and what is to come */
struct plain {
	struct link link;
	uint8_t room[LINK_RESERVED_MAX][LINK_FRAME_MAX];
	unsigned takes;
	struct strangers_kept sent[SENT_MAX];
	unsigned sent_count;
	struct frame coming[8];
	unsigned coming_count, released;
};

static struct plain plain;
static struct strangers strangers;
static struct link *link;

static unsigned plain_receive(struct link *at, struct frame *frames, unsigned max)
{
	unsigned count = plain.coming_count;

	memcpy(frames, plain.coming, count * sizeof(*frames));
	plain.coming_count = 0;
	return count;
}

static void plain_release(struct link *at)
{
	plain.released++;
}

static unsigned plain_reserve(struct link *at, struct frame *frames, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		frames[i] = (struct frame){.data = plain.room[i]};
	return count;
}

static unsigned plain_send(struct link *at, struct frame *frames, unsigned count)
{
	unsigned taken = count < plain.takes ? count : plain.takes;

	for (unsigned i = 0; i < taken; i++) {
		struct strangers_kept *sent = &plain.sent[plain.sent_count++ % SENT_MAX];

		sent->length = frames[i].length;
		memcpy(sent->data, frames[i].data, frames[i].length);
	}
	return taken;
}

static int setup(void **state)
{
	struct ip_address address = ip_from_v4(OURS);

	memset(&plain, 0, sizeof(plain));
	plain.link = (struct link){.mac = {2, 0, 0, 0, 0, 7},
		.receive = plain_receive,
		.release = plain_release,
		.reserve = plain_reserve,
		.send = plain_send};
	plain.takes = UINT32_MAX;
	link = strangers_link(&strangers, &plain.link, &address, 16, htons(7700), htons(7701), 1);
	return 0;
}

/* A datagram or segment of a device of ours, with @bytes behind its headers. */
static void send_ours(uint8_t protocol, unsigned bytes)
{
	static const uint8_t broker_mac[6] = {2, 0, 0, 0, 0, 1};
	struct ether_header *ether;
	struct ipv4_header *ip;
	struct frame frame;
	unsigned header = protocol == PROTOCOL_TCP ? 20 : 8;

	assert_int_equal(link->reserve(link, &frame, 1), 1);
	ether = (struct ether_header *)frame.data;
	memcpy(ether->destination, broker_mac, 6);
	memcpy(ether->source, plain.link.mac, 6);
	ether->type = htons(ETHER_TYPE_IPV4);
	ip = (struct ipv4_header *)(ether + 1);
	ipv4_build(ip, OURS, BROKER, protocol, header + bytes, 1, false);
	memset(ip + 1, 0, header);
	memset((uint8_t *)(ip + 1) + header, 'r', bytes);
	frame.length = (uint16_t)(sizeof(*ether) + sizeof(*ip) + header + bytes);
	assert_int_equal(link->send(link, &frame, 1), 1);
}

/* Is it well-formed from Ethernet up, and from a stranger? */
static void check(const struct strangers_kept *frame)
{
	const struct ether_header *ether = (const struct ether_header *)frame->data;
	const struct ipv4_header *ip = (const struct ipv4_header *)(ether + 1);
	uint32_t last = ntohl(inet_addr("198.18.255.255"));
	struct ip_packet packet;
	struct ip_address from, to;
	unsigned above = frame->length - sizeof(*ether) - sizeof(*ip);

	assert_memory_equal(ether->destination, "\2\0\0\0\0\1", 6);
	assert_memory_equal(ether->source, plain.link.mac, 6);
	assert_int_equal(ipv4_parse(frame->data + sizeof(*ether), frame->length - sizeof(*ether),
				 false, &packet),
		IPV4_GOOD);
	assert_int_equal(ip->destination, BROKER);
	assert_true(last - ntohl(ip->source) <= STRANGERS_ADDRESSES && ntohl(ip->source) != last);
	from = ip_from_v4(ip->source);
	to = ip_from_v4(ip->destination);
	assert_int_equal(
		checksum_fold(checksum_add(
			checksum_pseudo(&from, &to, ip->protocol, (uint16_t)above), ip + 1, above)),
		0xffff);
}

static void test_silent_until_asked(void **state)
{
	for (unsigned i = 0; i < 100; i++)
		send_ours(PROTOCOL_UDP, 300);
	assert_int_equal(plain.sent_count, 100);
}

/* Half of what leaves is theirs; each frame well-formed, each kind counted as it was sent. */
static void test_flood(void **state)
{
	uint64_t sum = 0;

	strangers_share(&strangers, 0.5);
	for (unsigned i = 0; i < 600; i++)
		send_ours(i % 2 ? PROTOCOL_UDP : PROTOCOL_TCP, 300);
	assert_int_equal(plain.sent_count, 1200);
	for (unsigned i = 0; i < 1200; i++) {
		const struct ipv4_header *ip =
			(const struct ipv4_header *)(plain.sent[i].data + 14);

		if (ip->source != OURS)
			check(&plain.sent[i]);
	}
	for (unsigned i = STRANGERS_SYN; i <= STRANGERS_REPLAY_TCP; i++) {
		assert_true(strangers.counters[i] > 0);
		sum += strangers.counters[i];
	}
	assert_int_equal(sum, 600);
	assert_int_equal(strangers.counters[STRANGERS_SYN], 200);
	assert_int_equal(strangers.counters[STRANGERS_NOT_SENT], 0);

	strangers_share(&strangers, 0);
	send_ours(PROTOCOL_UDP, 300);
	assert_int_equal(plain.sent_count, 1201);
}

/* A replay is a frame of ours, byte for byte above its addresses, ports and checksum. */
static void test_replays(void **state)
{
	unsigned replays = 0;

	strangers_share(&strangers, 0.5);
	for (unsigned i = 0; i < 300; i++)
		send_ours(PROTOCOL_UDP, 300);
	for (unsigned i = 0; i < plain.sent_count; i++) {
		const struct ipv4_header *ip =
			(const struct ipv4_header *)(plain.sent[i].data + 14);
		const uint8_t *text = (const uint8_t *)(ip + 1) + 8;

		if (ip->source == OURS || plain.sent[i].length != 14 + 20 + 8 + 300 ||
			text[0] != 'r')
			continue;
		for (unsigned j = 0; j < 300; j++)
			assert_int_equal(text[j], 'r');
		replays++;
	}
	assert_int_equal(replays, strangers.counters[STRANGERS_REPLAY_UDP]);
	assert_int_equal(strangers.counters[STRANGERS_REPLAY_TCP], 0);
	assert_int_equal(replays, 50);
}

/* Bare acknowledgements are not worth a replay; without any the turn is another kind's. */
static void test_nothing_to_replay(void **state)
{
	strangers_share(&strangers, 0.5);
	for (unsigned i = 0; i < 60; i++)
		send_ours(PROTOCOL_TCP, 0);
	assert_int_equal(strangers.counters[STRANGERS_REPLAY_TCP], 0);
	assert_int_equal(strangers.counters[STRANGERS_SEGMENT], 20);
}

static void test_port_full(void **state)
{
	strangers_share(&strangers, 0.9);
	plain.takes = 2;
	for (unsigned i = 0; i < 10; i++)
		send_ours(PROTOCOL_UDP, 300);
	assert_int_equal(strangers.counters[STRANGERS_NOT_SENT], 90 - 20);
}

/* Which of these come in reaches our stack? */
static unsigned come_in(uint16_t type, uint32_t to, uint8_t protocol)
{
	static uint8_t data[64];
	struct ether_header *ether = (struct ether_header *)data;
	struct arp_header *arp = (struct arp_header *)(ether + 1);
	struct ipv4_header *ip = (struct ipv4_header *)(ether + 1);
	struct frame frames[8];

	memset(data, 0, sizeof(data));
	ether->type = htons(type);
	if (type == ETHER_TYPE_ARP) {
		arp->operation = htons(1);
		arp->target = to;
		arp->sender = BROKER;
		arp->sender_mac[5] = 1;
	} else {
		ip->destination = to;
		ip->protocol = protocol;
	}
	plain.coming[plain.coming_count++] = (struct frame){.data = data, .length = sizeof(data)};
	return link->receive(link, frames, 8);
}

static void test_what_we_hear(void **state)
{
	uint32_t stranger = htonl(strangers.first + 5);

	assert_int_equal(come_in(ETHER_TYPE_IPV4, OURS, PROTOCOL_UDP), 1);
	assert_int_equal(come_in(ETHER_TYPE_ARP, OURS, 0), 1);
	assert_int_equal(come_in(ETHER_TYPE_IPV6, stranger, 0), 1);
	assert_int_equal(plain.released, 0);
	assert_int_equal(come_in(ETHER_TYPE_IPV4, stranger, PROTOCOL_UDP), 0);
	assert_int_equal(come_in(ETHER_TYPE_IPV4, stranger, PROTOCOL_TCP), 0);
	assert_int_equal(come_in(ETHER_TYPE_IPV4, stranger, PROTOCOL_TCP), 0);
	assert_int_equal(strangers.counters[STRANGERS_DATAGRAMS_IN], 1);
	assert_int_equal(strangers.counters[STRANGERS_SEGMENTS_IN], 2);
	assert_int_equal(plain.released, 3);
}

/* Whoever asks for a stranger's address is told ours, behind the next frames. */
static void test_arp(void **state)
{
	uint32_t stranger = htonl(strangers.first + 5);
	const struct arp_header *arp;

	strangers_share(&strangers, 0.01);
	send_ours(PROTOCOL_UDP, 300);
	assert_int_equal(come_in(ETHER_TYPE_ARP, stranger, 0), 0);
	assert_int_equal(plain.sent_count, 1);
	send_ours(PROTOCOL_UDP, 300);
	assert_int_equal(plain.sent_count, 3);
	arp = (const struct arp_header *)(plain.sent[2].data + 14);
	assert_int_equal(arp->operation, htons(2));
	assert_int_equal(arp->sender, stranger);
	assert_int_equal(arp->target, BROKER);
	assert_memory_equal(arp->sender_mac, plain.link.mac, 6);
	send_ours(PROTOCOL_UDP, 300);
	assert_int_equal(plain.sent_count, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_silent_until_asked, setup),
		cmocka_unit_test_setup(test_flood, setup),
		cmocka_unit_test_setup(test_replays, setup),
		cmocka_unit_test_setup(test_nothing_to_replay, setup),
		cmocka_unit_test_setup(test_port_full, setup),
		cmocka_unit_test_setup(test_what_we_hear, setup),
		cmocka_unit_test_setup(test_arp, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
