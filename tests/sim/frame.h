/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* frame.h - the simulator's own look into frames: nothing shared with the code under test */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define FRAME_ETHER 14

/**
 * struct seen - a TCP segment in a frame; host order
 * @ip: bytes of the IP packet; @df: it must not be fragmented (always so for IPv6)
 */
struct seen {
	bool ipv6, df;
	unsigned ip;
	uint16_t source_port, destination_port;
	uint32_t seq, ack;
	uint8_t flags;
	uint16_t window;
	const uint8_t *options;
	unsigned options_length;
	uint32_t length;
};

/** frame_is_ip() - IPv4 or IPv6 behind the Ethernet header; @ip: bytes of the packet. */
bool frame_is_ip(const uint8_t *data, unsigned length, unsigned *ip);

/** frame_tcp() - read a frame. Return: false if it is no whole TCP segment. */
bool frame_tcp(const uint8_t *data, unsigned length, struct seen *seen);

/**
 * frame_too_big() - the error a router sends for a packet that its next link does not carry
 * (RFC 1191 section 4, RFC 4443 section 3.2)
 * @data, @length: the packet's frame; the answer goes back to its sender
 * @out: room for 1500 bytes
 * Return: length of the frame at @out.
 */
unsigned frame_too_big(const uint8_t *data, unsigned length, uint16_t mtu, uint8_t *out);

/** frame_print() - one line, as tcpdump would have it. */
void frame_print(FILE *to, const uint8_t *data, unsigned length);
