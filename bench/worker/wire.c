/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* wire.c - a link of plain memory for benchmarks, and the headers of what comes in by it */
#include "wire.h"

#include "memory.h"

#include <errno.h>
#include <string.h>

#define IP 14
#define L4 34

static const uint8_t our_mac[6] = {0x02, 0, 0, 0, 0, 0x01};
static const uint8_t peer_mac[6] = {0x02, 0, 0, 0, 0, 0x99};

/* ---- the link ---- */

static unsigned receive(struct link *link, struct frame *frames, unsigned max)
{
	struct wire *wire = (struct wire *)link;
	unsigned count = wire->rx_count < max ? wire->rx_count : max;

	if (count)
		memcpy(frames, wire->rx, count * sizeof(frames[0]));
	wire->rx += count;
	wire->rx_count -= count;
	return count;
}

static void release(struct link *link)
{
}

static unsigned reserve(struct link *link, struct frame *frames, unsigned count)
{
	struct wire *wire = (struct wire *)link;

	for (unsigned i = 0; i < count; i++) {
		unsigned buffer = (wire->next_buffer + wire->reserved++) % WIRE_BUFFERS;

		frames[i].data = wire->buffers + (size_t)buffer * WIRE_BUFFER_BYTES;
	}
	return count;
}

static unsigned send(struct link *link, struct frame *frames, unsigned count)
{
	struct wire *wire = (struct wire *)link;
	unsigned sent = 0;

	wire->next_buffer = (wire->next_buffer + wire->reserved) % WIRE_BUFFERS;
	wire->reserved = 0;
	for (unsigned i = 0; i < count; i++) {
		if (frames[i].length == 0 || wire->sent_count == LINK_RESERVED_MAX)
			continue;
		wire->sent[wire->sent_count++] = frames[i];
		sent++;
	}
	return sent;
}

int wire_init(struct wire *wire, bool good)
{
	memset(wire, 0, sizeof(*wire));
	wire->buffers = memory_map((size_t)WIRE_BUFFERS * WIRE_BUFFER_BYTES, false);
	if (!wire->buffers)
		return -ENOMEM;
	memset(wire->buffers, 0, (size_t)WIRE_BUFFERS * WIRE_BUFFER_BYTES);
	wire->good = good;
	wire->link = (struct link){.mtu = 1500,
		.offload = good ? FRAME_L3_FILL | FRAME_L4_FILL : 0,
		.receive = receive,
		.release = release,
		.reserve = reserve,
		.send = send};
	memcpy(wire->link.mac, our_mac, sizeof(our_mac));
	return 0;
}

void wire_fini(struct wire *wire)
{
	memory_unmap(wire->buffers, (size_t)WIRE_BUFFERS * WIRE_BUFFER_BYTES);
	wire->buffers = NULL;
}

/* ---- frames ---- */

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

static unsigned get16(const uint8_t *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)get16(at) << 16 | get16(at + 2);
}

/* RFC 1071, in the machine's byte order: the sum of the swapped is the swapped sum. */
static uint64_t sum(uint64_t value, const uint8_t *data, uint32_t length)
{
	uint32_t word;
	uint16_t half;

	for (; length >= 4; data += 4, length -= 4) {
		memcpy(&word, data, 4);
		value += word;
	}
	if (length >= 2) {
		memcpy(&half, data, 2);
		value += half;
		data += 2;
		length -= 2;
	}
	return length ? value + data[0] : value;
}

static void put_sum(uint8_t *at, uint64_t value)
{
	uint16_t folded;

	while (value >> 16)
		value = (value & 0xffff) + (value >> 16);
	folded = (uint16_t)~value;
	memcpy(at, &folded, 2);
}

/* Ethernet and IPv4 around @length bytes of @protocol. Return: the frame's length. */
static unsigned wrap(
	uint8_t *frame, const struct wire_flow *flow, unsigned protocol, uint32_t length)
{
	uint8_t *ip = frame + IP;

	memcpy(frame, our_mac, 6);
	memcpy(frame + 6, peer_mac, 6);
	put16(frame + 12, 0x0800);
	memset(ip, 0, 20);
	ip[0] = 0x45;
	put16(ip + 2, 20 + length);
	put16(ip + 6, 0x4000);
	ip[8] = 64;
	ip[9] = (uint8_t)protocol;
	put32(ip + 12, flow->remote);
	put32(ip + 16, WIRE_OUR_ADDRESS);
	put_sum(ip + 10, sum(0, ip, 20));
	return L4 + length;
}

static void seal(uint8_t *frame, unsigned offset, uint32_t length)
{
	uint8_t pseudo[4] = {0, frame[IP + 9], (uint8_t)(length >> 8), (uint8_t)length};

	put_sum(frame + L4 + offset,
		sum(sum(sum(0, frame + IP + 12, 8), pseudo, 4), frame + L4, length));
}

unsigned wire_tcp(uint8_t *frame, const struct wire_flow *flow, unsigned flags, uint32_t seq,
	uint32_t ack, uint32_t length)
{
	const unsigned options = flags & WIRE_SYN ? 4 : 0;
	uint8_t *l4 = frame + L4;
	unsigned bytes = wrap(frame, flow, 6, 20 + options + length);

	memset(l4, 0, 20);
	put16(l4, flow->remote_port);
	put16(l4 + 2, flow->local_port);
	put32(l4 + 4, seq);
	put32(l4 + 8, ack);
	l4[12] = (uint8_t)((5 + options / 4) << 4);
	l4[13] = (uint8_t)flags;
	put16(l4 + 14, 65535);
	if (options)
		put32(l4 + 20, 0x02040000 | 1460);
	seal(frame, 16, 20 + options + length);
	return bytes;
}

unsigned wire_udp(uint8_t *frame, const struct wire_flow *flow, uint32_t length)
{
	uint8_t *l4 = frame + L4;
	unsigned bytes = wrap(frame, flow, 17, 8 + length);

	put16(l4, flow->remote_port);
	put16(l4 + 2, flow->local_port);
	put16(l4 + 4, 8 + length);
	put16(l4 + 6, 0);
	seal(frame, 6, 8 + length);
	return bytes;
}

bool wire_parse(const struct frame *frame, struct wire_sent *sent)
{
	const uint8_t *ip = frame->data + IP, *l4 = frame->data + L4;
	uint32_t length;

	if (frame->length < L4 + 8 || get16(frame->data + 12) != 0x0800 || ip[0] != 0x45 ||
		(ip[9] != 6 && ip[9] != 17))
		return false;
	length = get16(ip + 2) - 20;
	*sent = (struct wire_sent){.flow = {.remote = get32(ip + 16),
					   .remote_port = (uint16_t)get16(l4 + 2),
					   .local_port = (uint16_t)get16(l4)},
		.tcp = ip[9] == 6,
		.payload = l4 + 8,
		.length = length - 8};
	if (sent->tcp) {
		sent->seq = get32(l4 + 4);
		sent->ack = get32(l4 + 8);
		sent->flags = l4[13];
		sent->payload = l4 + (l4[12] >> 4) * 4;
		sent->length = length - (l4[12] >> 4) * 4;
	}
	return true;
}
