/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* slice.c - TCP packets longer than the MTU: cut as a NIC would cut them, and put together again */
#include "slice.h"

#include <string.h>

#define PROTOCOL_TCP 6
#define FLAG_FIN 0x01
#define FLAG_PSH 0x08
/* In the TCP header. */
#define AT_SEQ 4
#define AT_OFFSET 12
#define AT_FLAGS 13
#define AT_SUM 16

static uint32_t get16(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

static uint32_t get32(const uint8_t *at)
{
	return get16(at) << 16 | get16(at + 2);
}

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value);
}

uint32_t slice_sum(uint32_t sum, const uint8_t *data, size_t length)
{
	for (size_t i = 0; i < length; i += 2) {
		sum += (uint32_t)data[i] << 8 | (i + 1 < length ? data[i + 1] : 0);
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

bool slice_parse(const uint8_t *packet, size_t length, struct slice_view *view)
{
	if (length < 40)
		return false;
	view->v6 = packet[0] >> 4 == 6;
	view->ip = view->v6 ? 40 : (size_t)(packet[0] & 15) * 4;
	view->length = view->v6 ? 40 + get16(packet + 4) : get16(packet + 2);
	if (packet[view->v6 ? 6 : 9] != PROTOCOL_TCP || view->length > length)
		return false;
	if (!view->v6 && get16(packet + 6) & 0x3fff)
		return false;
	if (view->length < view->ip + 20)
		return false;
	view->header = view->ip + (size_t)(packet[view->ip + AT_OFFSET] >> 4) * 4;
	return view->header >= view->ip + 20 && view->header <= view->length;
}

/* Lengths and checksums of a packet that is @length long now. */
static void seal(uint8_t *packet, const struct slice_view *view, size_t length)
{
	size_t addresses = view->v6 ? 32 : 8;
	uint8_t *tcp = packet + view->ip;
	uint32_t sum;

	if (view->v6) {
		put16(packet + 4, (uint32_t)(length - 40));
	} else {
		put16(packet + 2, (uint32_t)length);
		put16(packet + 10, 0);
		put16(packet + 10, ~slice_sum(0, packet, view->ip));
	}
	put16(tcp + AT_SUM, 0);
	sum = PROTOCOL_TCP + (uint32_t)(length - view->ip);
	sum = slice_sum((sum & 0xffff) + (sum >> 16), packet + (view->v6 ? 8 : 12), addresses);
	put16(tcp + AT_SUM, ~slice_sum(sum, tcp, length - view->ip));
}

size_t slice_cut(
	const uint8_t *packet, const struct slice_view *view, size_t at, size_t count, uint8_t *out)
{
	uint8_t *tcp = out + view->ip;

	memcpy(out, packet, view->header);
	memcpy(out + view->header, packet + view->header + at, count);
	put32(tcp + AT_SEQ, get32(tcp + AT_SEQ) + (uint32_t)at);
	if (view->header + at + count < view->length)
		tcp[AT_FLAGS] &= (uint8_t) ~(FLAG_FIN | FLAG_PSH);
	seal(out, view, view->header + count);
	return view->header + count;
}

size_t slice_syn(uint8_t out[40], uint32_t from, uint32_t to, uint16_t from_port, uint16_t to_port)
{
	static const struct slice_view view = {.ip = 20, .header = 40, .length = 40};

	memset(out, 0, 40);
	out[0] = 0x45;
	out[8] = 64;
	out[9] = PROTOCOL_TCP;
	memcpy(out + 12, &from, 4);
	memcpy(out + 16, &to, 4);
	memcpy(out + 20, &from_port, 2);
	memcpy(out + 22, &to_port, 2);
	out[20 + AT_OFFSET] = 5 << 4;
	out[20 + AT_FLAGS] = 0x02;
	put16(out + 20 + 14, 65535);
	seal(out, &view, 40);
	return 40;
}

size_t slice_join(
	uint8_t *packet, size_t length, size_t room, const uint8_t *next, size_t next_length)
{
	struct slice_view a, b;
	uint8_t *first, flags;
	const uint8_t *second;
	size_t before, more;

	if (!slice_parse(packet, length, &a) || !slice_parse(next, next_length, &b))
		return 0;
	first = packet + a.ip;
	second = next + b.ip;
	before = a.length - a.header;
	more = b.length - b.header;
	flags = second[AT_FLAGS];
	if (a.header != b.header || a.v6 != b.v6 || before == 0 || more == 0 ||
		a.length + more > room || a.length + more > 65535)
		return 0;
	/* Only plain data is joined, and a FIN or PSH may only come at the end of it. */
	if (first[AT_FLAGS] != (flags & ~(FLAG_FIN | FLAG_PSH)) ||
		get32(second + AT_SEQ) != get32(first + AT_SEQ) + before)
		return 0;
	/* Addresses, ports, ACK, window, options. */
	if (memcmp(packet + (a.v6 ? 8 : 12), next + (a.v6 ? 8 : 12), a.v6 ? 32 : 8) != 0 ||
		memcmp(first, second, 4) != 0 || memcmp(first + 8, second + 8, 4) != 0 ||
		memcmp(first + 14, second + 14, 2) != 0 ||
		memcmp(first + 20, second + 20, a.header - a.ip - 20) != 0)
		return 0;
	memcpy(packet + a.length, next + b.header, more);
	first[AT_FLAGS] = flags;
	seal(packet, &a, a.length + more);
	return a.length + more;
}
