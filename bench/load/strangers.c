/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* strangers.c - frames of others than our devices, behind our own */
#include "strangers.h"

#include "net/checksum.h"
#include "net/ipv4.h"
#include "net/wire.h"

#include <stdio.h>

const struct counter_info strangers_counter_info[STRANGERS_COUNTER_COUNT] = {
	STRANGERS_COUNTERS(COUNTER_TABLE_ROW)};

/* One frame of ours in so many is kept, so that replays are of different devices. */
#define KEEP_EVERY 17
#define GARBAGE_BYTES 256
#define TOKEN_DATA 432 /* Base64 characters: of a report of 300 bytes */
#define BURST 64
#define FLAG_SYN 0x02
#define FLAG_PSH 0x08
#define FLAG_ACK 0x10

static uint64_t draw(struct strangers *strangers)
{
	strangers->random ^= strangers->random >> 12;
	strangers->random ^= strangers->random << 25;
	strangers->random ^= strangers->random >> 27;
	return strangers->random * 2685821657736338717ull >> 16;
}

static void count(struct strangers *strangers, enum strangers_counter counter)
{
	counter_add(&strangers->counters[counter], 1);
}

/* ---- frames made ---- */

/** struct headers - of any frame of ours; what follows Ethernet and IPv4 is TCP's or UDP's */
struct headers {
	struct ether_header ether;
	struct ipv4_header ip;
	union {
		struct tcp_header tcp;
		struct udp_header udp;
	};
} WIRE;

static uint32_t stranger(struct strangers *strangers)
{
	return htonl(strangers->first + (uint32_t)draw(strangers) % STRANGERS_ADDRESSES);
}

/* A port that clients use: from those of servers a stack takes no datagram, lest two of them
 * echo. */
static uint16_t any_port(struct strangers *strangers)
{
	return htons((uint16_t)(49152 + draw(strangers) % 16384));
}

/* Lower headers, and the checksum of what is above them; @length: of that. */
static uint16_t finish(
	struct strangers *strangers, struct headers *headers, uint8_t protocol, uint16_t length)
{
	uint32_t from = stranger(strangers);
	struct ip_address source = ip_from_v4(from), to = ip_from_v4(strangers->to);
	void *checksum = (uint8_t *)&headers->tcp + (protocol == PROTOCOL_TCP ? 16 : 6);
	uint64_t sum = checksum_pseudo(&source, &to, protocol, length);
	uint16_t folded;

	memcpy(headers->ether.destination, strangers->mac, 6);
	memcpy(headers->ether.source, strangers->below->mac, 6);
	headers->ether.type = htons(ETHER_TYPE_IPV4);
	ipv4_build(&headers->ip, from, strangers->to, protocol, length, (uint16_t)draw(strangers),
		false);
	memset(checksum, 0, sizeof(folded));
	folded = (uint16_t)~checksum_fold(checksum_add(sum, &headers->tcp, length));
	/* UDP: 0 would say that there is none */
	if (protocol == PROTOCOL_UDP && folded == 0)
		folded = 0xffff;
	memcpy(checksum, &folded, sizeof(folded));
	return (uint16_t)(offsetof(struct headers, tcp) + length);
}

static uint16_t make_segment(
	struct strangers *strangers, struct headers *headers, uint16_t port, bool syn)
{
	headers->tcp = (struct tcp_header){.source_port = any_port(strangers),
		.destination_port = port,
		.seq = (uint32_t)draw(strangers),
		.ack = syn ? 0 : (uint32_t)draw(strangers),
		.offset = sizeof(struct tcp_header) / 4 << 4,
		.flags = syn ? FLAG_SYN : FLAG_ACK | FLAG_PSH,
		.window = htons(65535)};
	return finish(strangers, headers, PROTOCOL_TCP, sizeof(struct tcp_header));
}

static uint16_t make_datagram(struct strangers *strangers, struct headers *headers, size_t bytes)
{
	uint16_t length = (uint16_t)(sizeof(struct udp_header) + bytes);

	headers->udp = (struct udp_header){.source_port = any_port(strangers),
		.destination_port = strangers->connect,
		.length = htons(length)};
	return finish(strangers, headers, PROTOCOL_UDP, length);
}

static uint8_t *payload(struct headers *headers)
{
	return (uint8_t *)&headers->udp + sizeof(struct udp_header);
}

static uint16_t make_garbage(struct strangers *strangers, struct headers *headers)
{
	uint8_t *at = payload(headers);

	for (unsigned i = 0; i < GARBAGE_BYTES; i++)
		at[i] = (uint8_t)draw(strangers);
	at[0] = 'X'; /* by no chance a frame's first */
	return make_datagram(strangers, headers, GARBAGE_BYTES);
}

/* A report as any other, but for its token: nobody has it. */
static uint16_t make_token(struct strangers *strangers, struct headers *headers)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *at = (char *)payload(headers);
	int used = sprintf(at, "CTS{\"code\":2006,\"token\":\"");

	for (unsigned i = 0; i < 16; i++)
		at[used++] = letters[draw(strangers) % 62];
	used += sprintf(at + used, "\",\"data\":\"");
	for (unsigned i = 0; i < TOKEN_DATA; i++)
		at[used++] = letters[draw(strangers) % 64];
	used += sprintf(at + used, "\"}\r\n");
	return make_datagram(strangers, headers, (size_t)used);
}

/* A frame of a device of ours that somebody has listened to. */
static uint16_t make_replay(struct strangers *strangers, struct headers *headers)
{
	const struct strangers_kept *kept =
		&strangers->kept[draw(strangers) % strangers->kept_count];
	uint16_t length = kept->length - offsetof(struct headers, tcp);

	memcpy(headers, kept->data, kept->length);
	count(strangers,
		headers->ip.protocol == PROTOCOL_TCP ? STRANGERS_REPLAY_TCP : STRANGERS_REPLAY_UDP);
	if (headers->ip.protocol == PROTOCOL_TCP)
		headers->tcp.source_port = any_port(strangers);
	else
		headers->udp.source_port = any_port(strangers);
	return finish(strangers, headers, headers->ip.protocol, length);
}

static uint16_t make(struct strangers *strangers, struct headers *headers)
{
	switch (strangers->turn++ % 6) {
	case 0:
	case 1:
		count(strangers, STRANGERS_SYN);
		return make_segment(strangers, headers, strangers->login, true);
	case 2:
		count(strangers, STRANGERS_GARBAGE);
		return make_garbage(strangers, headers);
	case 3:
		count(strangers, STRANGERS_TOKEN);
		return make_token(strangers, headers);
	case 4:
		if (strangers->kept_count)
			return make_replay(strangers, headers);
		break;
	}
	count(strangers, STRANGERS_SEGMENT);
	return make_segment(strangers, headers, strangers->connect, false);
}

/* ---- what comes ---- */

static bool is_stranger(const struct strangers *strangers, uint32_t address)
{
	return ntohl(address) - strangers->first < STRANGERS_ADDRESSES;
}

/* Is it for a stranger? Then our stack need not see it. */
static bool hear(struct strangers *strangers, const struct frame *frame)
{
	const struct headers *headers = (const struct headers *)frame->data;
	const struct arp_header *arp = (const struct arp_header *)&headers->ip;

	if (frame->length < sizeof(struct ether_header) + sizeof(struct arp_header))
		return false;
	if (headers->ether.type == htons(ETHER_TYPE_ARP)) {
		if (arp->operation != htons(1) || !is_stranger(strangers, arp->target))
			return false;
		memcpy(strangers->question, arp, sizeof(*arp));
		strangers->asked = true;
		return true;
	}
	if (headers->ether.type != htons(ETHER_TYPE_IPV4) ||
		!is_stranger(strangers, headers->ip.destination))
		return false;
	count(strangers, headers->ip.protocol == PROTOCOL_UDP ? STRANGERS_DATAGRAMS_IN
							      : STRANGERS_SEGMENTS_IN);
	return true;
}

static unsigned strangers_receive(struct link *link, struct frame *frames, unsigned max)
{
	struct strangers *strangers = (struct strangers *)link;
	unsigned came = strangers->below->receive(strangers->below, frames, max), kept = 0;

	for (unsigned i = 0; i < came; i++) {
		if (!hear(strangers, &frames[i]))
			frames[kept++] = frames[i];
	}
	/* where nothing is left nobody releases them */
	if (came > 0 && kept == 0)
		strangers->below->release(strangers->below);
	return kept;
}

static void strangers_release(struct link *link)
{
	struct strangers *strangers = (struct strangers *)link;

	strangers->below->release(strangers->below);
}

/* ---- what leaves ---- */

static unsigned strangers_reserve(struct link *link, struct frame *frames, unsigned count)
{
	struct strangers *strangers = (struct strangers *)link;

	return strangers->below->reserve(strangers->below, frames, count);
}

/* Learn where the broker is, and keep a frame now and then. */
static void learn(struct strangers *strangers, const struct frame *frame)
{
	const struct headers *headers = (const struct headers *)frame->data;
	struct strangers_kept *kept = &strangers->kept[strangers->kept_next];

	if (frame->length < sizeof(struct headers) ||
		headers->ether.type != htons(ETHER_TYPE_IPV4) ||
		(headers->ip.protocol != PROTOCOL_TCP && headers->ip.protocol != PROTOCOL_UDP))
		return;
	if (!strangers->known) {
		memcpy(strangers->mac, headers->ether.destination, 6);
		strangers->to = headers->ip.destination;
		strangers->known = true;
	}
	/* whoever sends a bare ACK again says nothing */
	if (frame->length < sizeof(struct headers) + 64 || strangers->kept_skip++ % KEEP_EVERY)
		return;
	memcpy(kept->data, frame->data, frame->length);
	kept->length = frame->length;
	strangers->kept_next = (strangers->kept_next + 1) % STRANGERS_KEPT;
	if (strangers->kept_count < STRANGERS_KEPT)
		strangers->kept_count++;
}

static void answer_arp(struct strangers *strangers, struct frame *frame)
{
	const struct arp_header *question = (const struct arp_header *)strangers->question;
	struct ether_header *ether = (struct ether_header *)frame->data;
	struct arp_header *arp = (struct arp_header *)(ether + 1);

	memcpy(ether->destination, question->sender_mac, 6);
	memcpy(ether->source, strangers->below->mac, 6);
	ether->type = htons(ETHER_TYPE_ARP);
	*arp = *question;
	arp->operation = htons(2);
	memcpy(arp->sender_mac, strangers->below->mac, 6);
	arp->sender = question->target;
	memcpy(arp->target_mac, question->sender_mac, 6);
	arp->target = question->sender;
	frame->length = sizeof(*ether) + sizeof(*arp);
	count(strangers, STRANGERS_ARP);
	strangers->asked = false;
}

static void send_ours(struct strangers *strangers, unsigned owed)
{
	struct frame frames[BURST];
	unsigned room = strangers->below->reserve(strangers->below, frames, owed), sent;

	for (unsigned i = 0; i < room; i++) {
		frames[i].flags = 0;
		if (strangers->asked)
			answer_arp(strangers, &frames[i]);
		else
			frames[i].length = make(strangers, (struct headers *)frames[i].data);
	}
	sent = room ? strangers->below->send(strangers->below, frames, room) : 0;
	strangers->counters[STRANGERS_NOT_SENT] += room - sent;
}

static unsigned strangers_send(struct link *link, struct frame *frames, unsigned count)
{
	struct strangers *strangers = (struct strangers *)link;
	unsigned left, owed;

	if (strangers->share > 0) {
		for (unsigned i = 0; i < count; i++)
			learn(strangers, &frames[i]);
		strangers->credit += count * strangers->share / (1 - strangers->share);
	}
	left = strangers->below->send(strangers->below, frames, count);
	if (!strangers->known || (strangers->credit < 1 && !strangers->asked))
		return left;
	/* what does not fit in now is given up: a flood waits for nobody */
	owed = strangers->credit < BURST ? (unsigned)strangers->credit : BURST;
	strangers->credit -= (unsigned)strangers->credit;
	send_ours(strangers, owed > strangers->asked ? owed : 1);
	return left;
}

struct link *strangers_link(struct strangers *strangers, struct link *below,
	const struct ip_address *address, uint8_t prefix, uint16_t login, uint16_t connect,
	uint64_t seed)
{
	uint32_t last = ntohl(ip_v4(address) | ~ipv4_mask(prefix));

	memset(strangers, 0, sizeof(*strangers));
	strangers->link = *below;
	strangers->below = below;
	strangers->first = last - STRANGERS_ADDRESSES;
	strangers->login = login;
	strangers->connect = connect;
	strangers->random = seed * 2 + 0x9e3779b97f4a7c15ull;
	strangers->random |= strangers->random == 0;
	strangers->link.receive = strangers_receive;
	strangers->link.release = strangers_release;
	strangers->link.reserve = strangers_reserve;
	strangers->link.send = strangers_send;
	return &strangers->link;
}

void strangers_share(struct strangers *strangers, double share)
{
	strangers->share = share;
	strangers->credit = 0;
}
