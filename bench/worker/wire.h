/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* wire.h - a link of plain memory for benchmarks: prepared frames in, what left kept for a look */
#pragma once

#include "link.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_FIN 1
#define WIRE_SYN 2
#define WIRE_RST 4
#define WIRE_PSH 8
#define WIRE_ACK 16

/* Where the bytes above TCP (without options) and UDP begin in a frame. */
#define WIRE_TCP_HEADERS 54
#define WIRE_UDP_HEADERS 42

#define WIRE_OUR_ADDRESS 0xc6120001u /* 198.18.0.1, host order */

/** Buffers that frames leave in: as many as a memif ring has by default. */
#define WIRE_BUFFERS 1024
#define WIRE_BUFFER_BYTES 2048

/**
 * struct wire
 * @good: checksums are verified and filled in by the port, as a NIC does; else by the stack
 * @rx, @rx_count: frames that have arrived, oldest first; set by the caller, who owns their bytes
 * @sent, @sent_count: what left since the caller set @sent_count to 0
 */
struct wire {
	struct link link; /* first */
	bool good;
	struct frame *rx;
	unsigned rx_count;
	uint8_t *buffers;
	unsigned next_buffer, reserved;
	struct frame sent[LINK_RESERVED_MAX];
	unsigned sent_count;
};

/** struct wire_flow - both ports and the far address of a device's packets; host order */
struct wire_flow {
	uint32_t remote;
	uint16_t remote_port, local_port;
};

/** struct wire_sent - a TCP segment or UDP datagram that left; host order */
struct wire_sent {
	struct wire_flow flow;
	bool tcp;
	uint8_t flags;
	uint32_t seq, ack;
	const uint8_t *payload;
	uint32_t length;
};

/** wire_init() - Return: 0 or -ENOMEM. */
int wire_init(struct wire *wire, bool good);

void wire_fini(struct wire *wire);

/**
 * wire_tcp() - the headers of a segment whose @length bytes lie at @frame + WIRE_TCP_HEADERS
 *
 * A SYN (@length 0) carries an MSS of 1460. Return: the frame's length.
 */
unsigned wire_tcp(uint8_t *frame, const struct wire_flow *flow, unsigned flags, uint32_t seq,
	uint32_t ack, uint32_t length);

/** wire_udp() - of a datagram whose @length bytes lie at @frame + WIRE_UDP_HEADERS. */
unsigned wire_udp(uint8_t *frame, const struct wire_flow *flow, uint32_t length);

/** wire_parse() - Return: false if it is neither TCP nor UDP over IPv4. */
bool wire_parse(const struct frame *frame, struct wire_sent *sent);
