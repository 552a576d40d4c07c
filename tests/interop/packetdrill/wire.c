/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* wire.c - a link of plain memory, and the router at its other end (RFC 826, RFC 4861) */
#include "wire.h"

#include "slice.h"

#include <stdlib.h>
#include <string.h>

#define TYPE_IPV4 0x0800
#define TYPE_ARP 0x0806
#define TYPE_IPV6 0x86dd
#define ARP_REQUEST 1
#define ARP_REPLY 2
#define ND_FIRST 133 /* router solicitation ... */
#define ND_SOLICITATION 135
#define ND_ADVERTISEMENT 136
#define ND_LAST 137 /* ... redirect */
#define MLD_FIRST 130
#define MLD2_REPORT 143
#define JOIN_MAX 65535

static const uint8_t our_mac[6] = {0x02, 0, 0, 0, 0, 0x01};
static const uint8_t router_mac[6] = {0x02, 0, 0, 0, 0, 0xfe};

static unsigned get16(const uint8_t *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

static void put16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static bool arrive(
	struct wire *wire, const uint8_t *to, unsigned type, const uint8_t *payload, size_t length)
{
	struct frame *frame = &wire->rx[wire->rx_count];

	if (wire->rx_count == WIRE_FRAMES || length > LINK_FRAME_MAX - WIRE_ETHER)
		return false;
	memset(frame, 0, sizeof(*frame));
	frame->data = malloc(WIRE_ETHER + length);
	if (!frame->data)
		abort();
	memcpy(frame->data, to, 6);
	memcpy(frame->data + 6, router_mac, 6);
	put16(frame->data + 12, type);
	memcpy(frame->data + WIRE_ETHER, payload, length);
	frame->length = (uint16_t)(WIRE_ETHER + length);
	wire->rx_count++;
	return true;
}

bool wire_arrive(struct wire *wire, const uint8_t *packet, size_t length)
{
	struct slice_view view;

	if (slice_parse(packet, length, &view))
		wire->thinner.fin = packet[view.ip + 13] & 0x01;
	return arrive(wire, our_mac, packet[0] >> 4 == 6 ? TYPE_IPV6 : TYPE_IPV4, packet, length);
}

/* ARP. */

static void arp_make(uint8_t out[28], unsigned operation, const uint8_t *sender,
	const uint8_t *target_mac, const uint8_t *target)
{
	static const uint8_t head[6] = {0, 1, 0x08, 0, 6, 4};

	memcpy(out, head, 6);
	put16(out + 6, operation);
	memcpy(out + 8, router_mac, 6);
	memcpy(out + 14, sender, 4);
	memcpy(out + 18, target_mac, 6);
	memcpy(out + 24, target, 4);
}

/* The router has every address; announcements and probes of our own are not questions to it. */
static void arp_in(struct wire *wire, const uint8_t *arp, size_t length)
{
	static const uint8_t none[4];
	uint8_t reply[28];

	if (length < 28 || get16(arp + 6) != ARP_REQUEST || memcmp(arp + 14, arp + 24, 4) == 0 ||
		memcmp(arp + 14, none, 4) == 0)
		return;
	arp_make(reply, ARP_REPLY, arp + 24, arp + 8, arp + 14);
	arrive(wire, our_mac, TYPE_ARP, reply, sizeof(reply));
}

void wire_introduce(struct wire *wire, uint32_t router, uint32_t local)
{
	static const uint8_t all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	static const uint8_t nobody[6];
	uint8_t request[28];

	arp_make(request, ARP_REQUEST, (uint8_t *)&router, nobody, (uint8_t *)&local);
	arrive(wire, all, TYPE_ARP, request, sizeof(request));
}

/* Neighbour discovery. */

/* IPv6 header, type, flags, target, one link-layer address option. */
static void nd_make(uint8_t out[72], unsigned type, uint8_t flags, const uint8_t *source,
	const uint8_t *destination, const uint8_t *target)
{
	uint32_t sum;

	memset(out, 0, 72);
	out[0] = 0x60;
	put16(out + 4, 32);
	out[6] = 58;
	out[7] = 255;
	memcpy(out + 8, source, 16);
	memcpy(out + 24, destination, 16);
	out[40] = (uint8_t)type;
	out[44] = flags;
	memcpy(out + 48, target, 16);
	out[64] = type == ND_SOLICITATION ? 1 : 2;
	out[65] = 1;
	memcpy(out + 66, router_mac, 6);
	sum = slice_sum(58 + 32, out + 8, 32);
	put16(out + 42, ~slice_sum(sum, out + 40, 32) & 0xffff);
}

/* A solicitation from the unspecified address asks whether it is taken: it is not. */
static void nd_in(struct wire *wire, const uint8_t *ip, size_t length)
{
	static const uint8_t unspecified[16];
	uint8_t reply[72];

	if (ip[40] != ND_SOLICITATION || length < 64 || memcmp(ip + 8, unspecified, 16) == 0)
		return;
	nd_make(reply, ND_ADVERTISEMENT, 0x60, ip + 48, ip + 8, ip + 48);
	arrive(wire, our_mac, TYPE_IPV6, reply, sizeof(reply));
}

void wire_introduce6(struct wire *wire, const uint8_t router[16], const uint8_t local[16])
{
	uint8_t group[16] = {0xff, 0x02, [11] = 1, 0xff}, mac[6] = {0x33, 0x33};
	uint8_t request[72];

	memcpy(group + 13, local + 13, 3);
	memcpy(mac + 2, group + 12, 4);
	nd_make(request, ND_SOLICITATION, 0, router, group, local);
	arrive(wire, mac, TYPE_IPV6, request, sizeof(request));
}

/* Packets from the stack. */

static bool is_housekeeping(const uint8_t *ip, size_t length)
{
	uint8_t type;

	if (length < 44 || ip[0] >> 4 != 6)
		return false;
	if (ip[6] == 0)
		return true; /* hop-by-hop: multicast listener reports */
	if (ip[6] != 58)
		return false;
	type = ip[40];
	return (type >= ND_FIRST && type <= ND_LAST) || (type >= MLD_FIRST && type < ND_FIRST) ||
	       type == MLD2_REPORT;
}

static void show(struct wire *wire, const uint8_t *ip, size_t length, uint64_t at)
{
	struct wire_packet *last, *packet;
	size_t joined = 0;

	if (wire->tso && wire->packet_count > 0) {
		last = &wire->packets[(wire->packet_head + wire->packet_count - 1) % WIRE_PACKETS];
		if (last->at == at)
			joined = slice_join(last->data, last->length, JOIN_MAX, ip, length);
		if (joined) {
			last->length = joined;
			return;
		}
	}
	if (wire->packet_count == WIRE_PACKETS)
		return;
	packet = &wire->packets[(wire->packet_head + wire->packet_count++) % WIRE_PACKETS];
	packet->data = malloc(JOIN_MAX + 1);
	if (!packet->data)
		abort();
	memcpy(packet->data, ip, length);
	packet->length = length;
	packet->at = at;
}

/* ACKs that look delayed. */

#define TCP_FLAGS_ACK 0x10
#define OPTION_SACK 5

static bool has_sack(const uint8_t *options, size_t length)
{
	for (size_t i = 0; i < length && options[i] != 0;) {
		if (options[i] == OPTION_SACK)
			return true;
		if (options[i] == 1)
			i++;
		else if (i + 1 < length && options[i + 1] >= 2)
			i += options[i + 1];
		else
			break;
	}
	return false;
}

static void withheld_drop(struct wire_thinner *thinner)
{
	free(thinner->held);
	thinner->held = NULL;
}

void wire_due(struct wire *wire)
{
	struct wire_thinner *thinner = &wire->thinner;

	if (!thinner->held || wire->now < thinner->held_until)
		return;
	show(wire, thinner->held, thinner->held_length, thinner->held_until);
	withheld_drop(thinner);
}

/* Is this an ACK of its own that only moves on, and the first of its kind? */
static bool withhold(struct wire *wire, const uint8_t *ip, size_t length)
{
	struct wire_thinner *thinner = &wire->thinner;
	struct slice_view view;
	const uint8_t *tcp;
	uint32_t ack, sequence;
	bool plain, had = thinner->held != NULL;

	if (thinner->delay == 0 || !slice_parse(ip, length, &view))
		return false;
	tcp = ip + view.ip;
	sequence = get16(tcp + 4) << 16 | get16(tcp + 6);
	ack = get16(tcp + 8) << 16 | get16(tcp + 10);
	withheld_drop(thinner);
	plain = tcp[13] == TCP_FLAGS_ACK && view.length == view.header && thinner->started &&
		!thinner->gap && !thinner->fin && (int32_t)(ack - thinner->ack) > 0 &&
		sequence == thinner->sequence;
	thinner->gap = has_sack(tcp + 20, view.header - view.ip - 20) ||
		       (ack == thinner->ack && view.length == view.header);
	thinner->started = true;
	thinner->ack = ack;
	thinner->sequence =
		sequence + (uint32_t)(view.length - view.header) + ((tcp[13] & 0x03) != 0);
	if (!plain || thinner->gap || had)
		return false;
	thinner->held = malloc(length);
	if (!thinner->held)
		abort();
	memcpy(thinner->held, ip, length);
	thinner->held_length = length;
	thinner->held_until = wire->now + thinner->delay;
	return true;
}

static void leave(struct wire *wire, const uint8_t *ip, size_t length)
{
	wire_due(wire);
	if (!withhold(wire, ip, length))
		show(wire, ip, length, wire->now);
}

static void frame_out(struct wire *wire, const uint8_t *data, size_t length)
{
	unsigned type = get16(data + 12);
	const uint8_t *payload = data + WIRE_ETHER;
	size_t bytes = length - WIRE_ETHER;

	if (type == TYPE_ARP) {
		arp_in(wire, payload, bytes);
	} else if (is_housekeeping(payload, bytes)) {
		if (payload[6] == 58)
			nd_in(wire, payload, bytes);
	} else {
		leave(wire, payload, bytes);
	}
}

/* The link. */

static unsigned wire_receive(struct link *link, struct frame *frames, unsigned max)
{
	struct wire *wire = (struct wire *)link;
	unsigned count = wire->rx_count < max ? wire->rx_count : max;

	memcpy(frames, wire->rx, count * sizeof(frames[0]));
	wire->rx_held = count;
	return count;
}

static void wire_release(struct link *link)
{
	struct wire *wire = (struct wire *)link;

	for (unsigned i = 0; i < wire->rx_held; i++)
		free(wire->rx[i].data);
	wire->rx_count -= wire->rx_held;
	memmove(wire->rx, wire->rx + wire->rx_held, wire->rx_count * sizeof(wire->rx[0]));
	wire->rx_held = 0;
}

static unsigned wire_reserve(struct link *link, struct frame *frames, unsigned count)
{
	struct wire *wire = (struct wire *)link;
	unsigned i;

	for (i = 0; i < count && wire->reserved < LINK_RESERVED_MAX; i++)
		frames[i].data = wire->tx[wire->reserved++];
	return i;
}

static unsigned wire_send(struct link *link, struct frame *frames, unsigned count)
{
	struct wire *wire = (struct wire *)link;
	unsigned sent = 0;

	for (unsigned i = 0; i < count; i++) {
		if (frames[i].length < WIRE_ETHER)
			continue;
		frame_out(wire, frames[i].data, frames[i].length);
		sent++;
	}
	wire->reserved = 0;
	wire->sent += sent;
	return sent;
}

void wire_init(struct wire *wire, uint16_t mtu)
{
	memset(wire, 0, sizeof(*wire));
	memcpy(wire->link.mac, our_mac, 6);
	wire->link.mtu = mtu;
	wire->link.receive = wire_receive;
	wire->link.release = wire_release;
	wire->link.reserve = wire_reserve;
	wire->link.send = wire_send;
}

void wire_forget(struct wire *wire)
{
	while (wire->packet_count > 0) {
		free(wire->packets[wire->packet_head].data);
		wire->packet_head = (wire->packet_head + 1) % WIRE_PACKETS;
		wire->packet_count--;
	}
}

void wire_fini(struct wire *wire)
{
	wire_forget(wire);
	withheld_drop(&wire->thinner);
	for (unsigned i = 0; i < wire->rx_count; i++)
		free(wire->rx[i].data);
	wire->rx_count = 0;
}
