/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* wire.h - the far end of the link: a router for all addresses, and the packets on their way */
#pragma once

#include "link.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Frames to the stack, and packets from it, that may wait. */
#define WIRE_FRAMES 1024
#define WIRE_PACKETS 2048
#define WIRE_ETHER 14

/** struct wire_packet - an IP packet that left the stack at @at */
struct wire_packet {
	uint8_t *data;
	size_t length;
	uint64_t at;
};

/**
 * struct wire_thinner - what makes ACKs look delayed, for suites of stacks that delay them
 *
 * An ACK of its own that only moves on is withheld until another such ACK (which then leaves in its
 * place), any other segment, or the time is up. What answers a FIN or fills a gap is not withheld.
 * All that leaves, Hearth has sent; what is left out said nothing that is not said by what follows.
 * @delay: microseconds; 0: nothing is withheld
 * @ack: the newest acknowledgment number that left, or is withheld; @started: there is one
 * @gap: the last segment that left reported a gap; @fin: the last that came carried FIN
 * @sequence: where the next byte of ours goes
 */
struct wire_thinner {
	uint64_t delay;
	uint32_t ack, window, sequence;
	bool started, gap, fin;
	uint8_t *held;
	size_t held_length;
	uint64_t held_until;
};

/**
 * struct wire - a link of plain memory whose other end answers ARP and neighbour solicitations for
 * every address but the stack's own, and keeps all other packets for the script
 * @now: the script's clock, stamped on what leaves
 * @tso: see struct world_settings
 */
struct wire {
	struct link link;
	uint64_t now;
	bool tso;
	struct frame rx[WIRE_FRAMES];
	unsigned rx_count, rx_held;
	uint8_t tx[LINK_RESERVED_MAX][LINK_FRAME_MAX];
	unsigned reserved;
	struct wire_packet packets[WIRE_PACKETS];
	unsigned packet_head, packet_count;
	struct wire_thinner thinner;
	unsigned sent; /* frames since it was last set to 0 */
};

/** wire_init() - an idle link of @mtu. */
void wire_init(struct wire *wire, uint16_t mtu);

/** wire_fini() - give its memory back. */
void wire_fini(struct wire *wire);

/** wire_arrive() - a frame from the router with an IP packet in it; false: too many wait. */
bool wire_arrive(struct wire *wire, const uint8_t *packet, size_t length);

/** wire_introduce() - the router asks for our address, as routers do before they send (ARP). */
void wire_introduce(struct wire *wire, uint32_t router, uint32_t local);

/** wire_introduce6() - the same by neighbour solicitation (RFC 4861). */
void wire_introduce6(struct wire *wire, const uint8_t router[16], const uint8_t local[16]);

/** wire_due() - let go what was withheld until now. */
void wire_due(struct wire *wire);

/** wire_forget() - drop what has left and was not taken. */
void wire_forget(struct wire *wire);
