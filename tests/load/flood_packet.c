/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* flood_packet.c - packets of attacks, made by hand: nothing shared with the stack under test */
#include "flood.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_HOST 0xc6128000u /* 198.18.128.0 */
#define IP 14
#define L4 34
#define FIN 1
#define SYN 2
#define RST 4
#define PSH 8
#define ACK 16
#define URG 32

static uint32_t draw(struct flood *flood)
{
	flood->random ^= flood->random << 13;
	flood->random ^= flood->random >> 7;
	flood->random ^= flood->random << 17;
	return (uint32_t)(flood->random >> 16);
}

static void put16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value & 0xffff);
}

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static unsigned add(unsigned sum, const uint8_t *data, size_t length)
{
	for (size_t i = 0; i < length; i += 2)
		sum += (unsigned)data[i] << 8 | (i + 1 < length ? data[i + 1] : 0);
	return sum;
}

static unsigned fold(unsigned sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

/* Every host has an Ethernet address of its own. */
static void host_mac(uint8_t *mac, uint32_t host)
{
	mac[0] = 0x02;
	mac[1] = 0xf1;
	put32(mac + 2, host);
}

static void ether(struct flood *flood, struct flood_frame *frame, uint32_t host, unsigned type)
{
	memcpy(frame->data, flood->target_mac, 6);
	host_mac(frame->data + 6, host);
	put16(frame->data + 12, type);
}

/* @payload bytes follow the header; fragment: the field with its flags. */
static void ipv4(struct flood *flood, struct flood_frame *frame, uint32_t host, uint8_t protocol,
	size_t payload, unsigned fragment)
{
	uint8_t *ip = frame->data + IP;

	ether(flood, frame, host, 0x0800);
	memset(ip, 0, 20);
	ip[0] = 0x45;
	put16(ip + 2, (unsigned)(20 + payload));
	put16(ip + 4, draw(flood) & 0xffff);
	put16(ip + 6, fragment);
	ip[8] = 64;
	ip[9] = protocol;
	put32(ip + 12, host);
	memcpy(ip + 16, &flood->target, 4);
	put16(ip + 10, fold(add(0, ip, 20)));
	frame->length = L4 + payload;
	if (frame->length < 60) {
		memset(frame->data + frame->length, 0, 60 - frame->length);
		frame->length = 60;
	}
}

static void seal(struct flood_frame *frame, size_t field, size_t length)
{
	uint8_t *l4 = frame->data + L4;
	unsigned sum = add(0, frame->data + IP + 12, 8) + frame->data[IP + 9] + (unsigned)length;

	put16(l4 + field, 0);
	put16(l4 + field, fold(add(sum, l4, length)));
}

static unsigned tcp(struct flood *flood, struct flood_frame *frame,
	const struct flood_connection *from, uint8_t flags, unsigned window, const char *data,
	size_t length)
{
	uint8_t *l4 = frame->data + L4;

	ipv4(flood, frame, from->host, 6, 20 + length, 0x4000);
	memset(l4, 0, 20);
	put16(l4, from->port);
	put16(l4 + 2, flood->port);
	put32(l4 + 4, from->seq);
	put32(l4 + 8, from->ack);
	l4[12] = 5 << 4;
	l4[13] = flags;
	put16(l4 + 14, window);
	if (length > 0)
		memcpy(l4 + 20, data, length);
	seal(frame, 16, 20 + length);
	return 1;
}

static struct flood_connection stranger(struct flood *flood)
{
	return (struct flood_connection){.host = FIRST_HOST + draw(flood) % flood->hosts,
		.port = (uint16_t)(1024 + draw(flood) % 60000),
		.seq = draw(flood),
		.ack = draw(flood)};
}

static unsigned next_syn(struct flood *flood, struct flood_frame *frame)
{
	struct flood_connection from = stranger(flood);

	from.ack = 0;
	return tcp(flood, frame, &from, SYN, 65535, NULL, 0);
}

static unsigned next_ack(struct flood *flood, struct flood_frame *frame)
{
	static const uint8_t flags[] = {ACK, FIN | ACK, RST, 0, FIN | PSH | URG, 0x3f, SYN | ACK};
	struct flood_connection from = stranger(flood);

	return tcp(flood, frame, &from, flags[draw(flood) % sizeof(flags)], 1000, NULL, 0);
}

static void arp(struct flood *flood, struct flood_frame *frame, unsigned operation, uint32_t host,
	uint32_t about)
{
	uint8_t *arp = frame->data + IP;

	ether(flood, frame, host, 0x0806);
	memset(arp, 0, 46);
	put16(arp, 1);
	put16(arp + 2, 0x0800);
	arp[4] = 6;
	arp[5] = 4;
	put16(arp + 6, operation);
	host_mac(arp + 8, host);
	put32(arp + 14, about);
	memcpy(arp + 18, flood->target_mac, 6);
	memcpy(arp + 24, &flood->target, 4);
	frame->length = 60;
}

static unsigned next_arp(struct flood *flood, struct flood_frame *frame)
{
	uint32_t host = FIRST_HOST + draw(flood) % flood->hosts;

	arp(flood, frame, 1, host, host);
	return 1;
}

/* Claims of the addresses that others have: 198.18.0.2 to .31. */
static unsigned next_poison(struct flood *flood, struct flood_frame *frame)
{
	arp(flood, frame, 2, FIRST_HOST + draw(flood) % flood->hosts,
		0xc6120002 + draw(flood) % 30);
	return 1;
}

/* First and last parts of datagrams whose middle never comes, at odd places. */
static unsigned next_fragment(struct flood *flood, struct flood_frame *frame)
{
	uint32_t host = FIRST_HOST + draw(flood) % flood->hosts;
	size_t length = 8 + draw(flood) % 180 * 8;
	unsigned offset = draw(flood) % 4 ? draw(flood) % 8191 : 0;

	memset(frame->data + L4, (int)draw(flood), length);
	ipv4(flood, frame, host, draw(flood) % 2 ? 6 : 17, length, 0x2000 | offset);
	return 1;
}

static unsigned next_udp(struct flood *flood, struct flood_frame *frame)
{
	struct flood_connection from = stranger(flood);
	uint8_t *l4 = frame->data + L4;
	size_t length = 8 + draw(flood) % 400;

	ipv4(flood, frame, from.host, 17, length, 0x4000);
	put16(l4, from.port);
	put16(l4 + 2, flood->port);
	put16(l4 + 4, (unsigned)length);
	for (size_t i = 8; i < length; i++)
		l4[i] = (uint8_t)draw(flood);
	seal(frame, 6, length);
	return 1;
}

static unsigned next_echo(struct flood *flood, struct flood_frame *frame)
{
	uint8_t *l4 = frame->data + L4;

	ipv4(flood, frame, FIRST_HOST + draw(flood) % flood->hosts, 1, 64, 0x4000);
	memset(l4, 0, 64);
	l4[0] = 8;
	put32(l4 + 4, draw(flood));
	put16(l4 + 2, fold(add(0, l4, 64)));
	return 1;
}

/* Open connections one after the other, as many as there are to be; then 0. */
static unsigned next_opening(struct flood *flood, struct flood_frame *frame)
{
	struct flood_connection *from;

	if (flood->started == flood->hosts || flood->started == FLOOD_CONNECTIONS)
		return 0;
	from = &flood->connections[flood->started];
	*from = stranger(flood);
	from->host = FIRST_HOST + flood->started % 32768;
	from->ack = 0;
	flood->started++;
	tcp(flood, frame, from, SYN, 65535, NULL, 0);
	from->seq++;
	return 1;
}

/* Zero-window connections that never read, kept alive by acknowledgements. */
static unsigned next_sockstress(struct flood *flood, struct flood_frame *frame)
{
	struct flood_connection *from;

	if (next_opening(flood, frame))
		return 1;
	if (flood->started == 0)
		return 0;
	from = &flood->connections[draw(flood) % flood->started];
	return from->open ? tcp(flood, frame, from, ACK, 0, NULL, 0) : 0;
}

/* One byte here, one byte there, never the next one. */
static unsigned next_smack(struct flood *flood, struct flood_frame *frame)
{
	struct flood_connection *from, ahead;

	if (next_opening(flood, frame))
		return 1;
	if (flood->started == 0)
		return 0;
	from = &flood->connections[draw(flood) % flood->started];
	if (!from->open)
		return 0;
	ahead = *from;
	ahead.seq += 2 + draw(flood) % 32000 * 2;
	return tcp(flood, frame, &ahead, ACK | PSH, 65535, "x", 1);
}

const struct flood_kind flood_kinds[] = {
	{"syn", "SYNs from everywhere (T17)", false, next_syn},
	{"ack", "ACK, FIN, RST, XMAS, NULL to connections that are not there (T18, T19)", false,
		next_ack},
	{"arp", "ARP requests from everywhere (A3)", false, next_arp},
	{"poison", "ARP replies that claim others' addresses (A2)", false, next_poison},
	{"fragment", "parts of datagrams that never become whole (F3)", false, next_fragment},
	{"udp", "datagrams of random bytes", false, next_udp},
	{"echo", "echo requests (C3)", false, next_echo},
	{"sockstress", "connections that offer no window for ever (T16)", true, next_sockstress},
	{"smack", "segments of one byte, all out of order (T6)", true, next_smack},
};
const unsigned flood_kind_count = sizeof(flood_kinds) / sizeof(flood_kinds[0]);

bool flood_start(struct flood *flood, const char *kind)
{
	for (unsigned i = 0; i < flood_kind_count; i++)
		if (strcmp(flood_kinds[i].name, kind) == 0)
			flood->kind = &flood_kinds[i];
	if (flood->kind && flood->kind->connects)
		flood->connections = calloc(FLOOD_CONNECTIONS, sizeof(*flood->connections));
	return flood->kind && (!flood->kind->connects || flood->connections);
}

unsigned flood_next(struct flood *flood, struct flood_frame *frame)
{
	flood->count++;
	return flood->kind->next(flood, frame);
}

static unsigned answer_arp(
	struct flood *flood, const uint8_t *arp_packet, struct flood_frame *frame)
{
	uint32_t host = get32(arp_packet + 24);

	if (arp_packet[7] != 1 || host - FIRST_HOST >= 32768)
		return 0;
	arp(flood, frame, 2, host, host);
	return 1;
}

/* A SYN-ACK for one of ours completes its handshake. */
static unsigned answer_tcp(struct flood *flood, const uint8_t *ip, struct flood_frame *frame)
{
	const uint8_t *l4 = ip + (ip[0] & 15) * 4;
	uint32_t index = get32(ip + 16) - FIRST_HOST;
	struct flood_connection *from;

	if (!flood->connections || index >= flood->started || (l4[13] & 0x3f) != (SYN | ACK))
		return 0;
	from = &flood->connections[index];
	if (from->port != (l4[2] << 8 | l4[3]) || get32(l4 + 8) != from->seq)
		return 0;
	from->ack = get32(l4 + 4) + 1;
	flood->opened += !from->open;
	from->open = true;
	return tcp(flood, frame, from, ACK,
		strcmp(flood->kind->name, "sockstress") == 0 ? 0 : 65535, NULL, 0);
}

unsigned flood_answer(
	struct flood *flood, const uint8_t *data, size_t length, struct flood_frame *frame)
{
	if (length >= 42 && data[12] == 0x08 && data[13] == 0x06)
		return answer_arp(flood, data + IP, frame);
	if (length >= 54 && data[12] == 0x08 && data[13] == 0 && data[IP + 9] == 6)
		return answer_tcp(flood, data + IP, frame);
	return 0;
}
