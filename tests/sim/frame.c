/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* frame.c - the simulator's own look into frames: bytes and shifts only */
#include "frame.h"

#include <string.h>

#define IPV4 20
#define IPV6 40

static unsigned get16(const uint8_t *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)get16(at) << 16 | get16(at + 2);
}

static void put16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

bool frame_is_ip(const uint8_t *data, unsigned length, unsigned *ip)
{
	const uint8_t *packet = data + FRAME_ETHER;

	if (length >= FRAME_ETHER + IPV4 && get16(data + 12) == 0x0800) {
		*ip = get16(packet + 2);
		return *ip >= IPV4 && *ip + FRAME_ETHER <= length;
	}
	if (length >= FRAME_ETHER + IPV6 && get16(data + 12) == 0x86dd) {
		*ip = IPV6 + get16(packet + 4);
		return *ip + FRAME_ETHER <= length;
	}
	return false;
}

bool frame_tcp(const uint8_t *data, unsigned length, struct seen *seen)
{
	const uint8_t *packet = data + FRAME_ETHER, *tcp;
	unsigned header, rest;

	memset(seen, 0, sizeof(*seen));
	if (!frame_is_ip(data, length, &seen->ip))
		return false;
	seen->ipv6 = get16(data + 12) == 0x86dd;
	if (seen->ipv6 ? packet[6] != 6 : packet[9] != 6 || packet[0] != 0x45)
		return false;
	if (!seen->ipv6 && get16(packet + 6) & 0x3fff)
		return false;
	seen->df = seen->ipv6 || packet[6] & 0x40;
	header = seen->ipv6 ? IPV6 : IPV4;
	tcp = packet + header;
	rest = seen->ip - header;
	if (rest < 20 || (tcp[12] >> 4) < 5 || (tcp[12] >> 4) * 4u > rest)
		return false;
	seen->source_port = (uint16_t)get16(tcp);
	seen->destination_port = (uint16_t)get16(tcp + 2);
	seen->seq = get32(tcp + 4);
	seen->ack = get32(tcp + 8);
	seen->flags = tcp[13];
	seen->window = (uint16_t)get16(tcp + 14);
	seen->options = tcp + 20;
	seen->options_length = (tcp[12] >> 4) * 4u - 20;
	seen->length = rest - (tcp[12] >> 4) * 4u;
	return true;
}

/* RFC 1071 as its text has it. */
static unsigned sum(unsigned value, const uint8_t *data, size_t length)
{
	for (size_t i = 0; i < length; i += 2) {
		value += (unsigned)data[i] << 8 | (i + 1 < length ? data[i + 1] : 0);
		value = (value & 0xffff) + (value >> 16);
	}
	return value;
}

/* From the router's address on the same subnet (host part 254), with as much of the packet as fits
 * in 576 bytes. */
static unsigned too_big_v4(const uint8_t *packet, unsigned ip, uint16_t mtu, uint8_t *out)
{
	unsigned quoted = ip < 548 ? ip : 548;

	memset(out, 0, IPV4 + 8);
	out[0] = 0x45;
	put16(out + 2, IPV4 + 8 + quoted);
	out[8] = 63;
	out[9] = 1;
	memcpy(out + 12, packet + 16, 4);
	out[15] = 254;
	memcpy(out + 16, packet + 12, 4);
	put16(out + 10, ~sum(0, out, IPV4) & 0xffff);
	out[20] = 3;
	out[21] = 4;
	put16(out + 26, mtu);
	memcpy(out + 28, packet, quoted);
	put16(out + 22, ~sum(0, out + 20, 8 + quoted) & 0xffff);
	return IPV4 + 8 + quoted;
}

static unsigned too_big_v6(const uint8_t *packet, unsigned ip, uint16_t mtu, uint8_t *out)
{
	unsigned quoted = ip < 1232 ? ip : 1232;
	uint8_t pseudo[8] = {0};

	memset(out, 0, IPV6 + 8);
	out[0] = 0x60;
	put16(out + 4, 8 + quoted);
	out[6] = 58;
	out[7] = 63;
	memcpy(out + 8, packet + 24, 16);
	out[23] = 254;
	memcpy(out + 24, packet + 8, 16);
	out[40] = 2;
	put16(out + 46, mtu);
	memcpy(out + 48, packet, quoted);
	put16(pseudo + 2, 8 + quoted);
	pseudo[7] = 58;
	put16(out + 42, ~sum(sum(sum(0, out + 8, 32), pseudo, 8), out + 40, 8 + quoted) & 0xffff);
	return IPV6 + 8 + quoted;
}

unsigned frame_too_big(const uint8_t *data, unsigned length, uint16_t mtu, uint8_t *out)
{
	unsigned ip = 0;

	frame_is_ip(data, length, &ip);
	memcpy(out, data + 6, 6);
	memcpy(out + 6, data, 6);
	memcpy(out + 12, data + 12, 2);
	if (get16(data + 12) == 0x0800)
		return FRAME_ETHER + too_big_v4(data + FRAME_ETHER, ip, mtu, out + FRAME_ETHER);
	return FRAME_ETHER + too_big_v6(data + FRAME_ETHER, ip, mtu, out + FRAME_ETHER);
}

static void options_print(FILE *to, const struct seen *seen)
{
	for (unsigned i = 0; i < seen->options_length;) {
		const uint8_t *at = seen->options + i;

		if (at[0] == 0)
			break;
		if (at[0] == 1) {
			i++;
			continue;
		}
		if (i + 1 >= seen->options_length || at[1] < 2 || i + at[1] > seen->options_length)
			break;
		if (at[0] == 2)
			fprintf(to, " mss %u", get16(at + 2));
		else if (at[0] == 3)
			fprintf(to, " scale %u", at[2]);
		else if (at[0] == 4)
			fprintf(to, " sackOK");
		else if (at[0] == 8)
			fprintf(to, " ts %u %u", get32(at + 2), get32(at + 6));
		else if (at[0] == 5)
			for (unsigned j = 2; j + 8 <= at[1]; j += 8)
				fprintf(to, " sack %u-%u", get32(at + j), get32(at + j + 4));
		i += at[1];
	}
}

void frame_print(FILE *to, const uint8_t *data, unsigned length)
{
	static const char names[] = "FSRPAU";
	struct seen seen;

	if (!frame_tcp(data, length, &seen)) {
		fprintf(to, "type %04x, %u bytes", get16(data + 12), length);
		if (get16(data + 12) == 0x0800 && data[FRAME_ETHER + 9] == 1)
			fprintf(to, ", ICMP %u %u", data[34], data[35]);
		return;
	}
	fprintf(to, "%s %u > %u ", seen.ipv6 ? "v6" : "v4", seen.source_port,
		seen.destination_port);
	for (unsigned i = 0; i < 6; i++)
		if (seen.flags >> i & 1)
			putc(names[i], to);
	fprintf(to, " %u:%u(%u) ack %u win %u", seen.seq, seen.seq + seen.length, seen.length,
		seen.ack, seen.window);
	options_print(to, &seen);
}
