/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* link.h - what the stack sees of a port: frames in, buffers out, never an mbuf */
#pragma once

#include <stdint.h>

/* frame.flags of a received frame: what the port already verified. Absent means "verify". */
#define FRAME_L3_GOOD 0x0001 /* IPv4 header checksum was verified good */
#define FRAME_L4_GOOD 0x0002 /* TCP or UDP checksum was verified good */
#define FRAME_HASH 0x0004    /* of TCP and UDP: the port hashed its 4-tuple with our RSS key */
#define FRAME_VLAN 0x0008    /* the port took a VLAN tag off the frame: it is in @vlan */
/* frame.flags of a frame to send: what the port is asked to fill in (its offloads say it can) */
#define FRAME_L3_FILL 0x0010 /* IPv4 header checksum; the field is 0 */
#define FRAME_L4_FILL 0x0020 /* TCP or UDP checksum; the field holds the pseudo-header sum */
#define FRAME_L4_UDP 0x0040  /* FRAME_L4_FILL is for UDP (else TCP) */
#define FRAME_IPV6 0x0080    /* an IPv6 packet (else IPv4) */
#define FRAME_URGENT 0x0100  /* leaves before those without this, where not all can */

/** Longest Ethernet frame, without FCS, that the stack builds or accepts (one VLAN tag counted). */
#define LINK_FRAME_MAX 1518
/** Frames that may be reserved and not yet sent. */
#define LINK_RESERVED_MAX 256
/** Largest IP packet that a link can carry. */
#define LINK_MTU_MAX 1500

/**
 * struct frame - one Ethernet frame
 * @data: first byte of the Ethernet header; contiguous and, for received frames, writable by
 *	nobody but the port
 * @length: bytes at @data, FCS excluded
 * @flags: FRAME_*
 * @hash: with FRAME_HASH, what rss_hash() would say
 * @vlan: FRAME_VLAN: the tag's control field (priority, number), host order
 * @l2_length, @l3_length: header lengths, set by the stack on frames to send with FRAME_*_FILL
 */
struct frame {
	uint8_t *data;
	uint16_t length;
	uint16_t flags;
	uint16_t vlan;
	uint8_t l2_length;
	uint8_t l3_length;
	uint32_t hash;
};

/**
 * struct link - one queue pair of one port, as one worker's stack uses it
 * @mac: the port's own Ethernet address
 * @mtu: largest IP packet, bytes
 * @offload: FRAME_L3_FILL | FRAME_L4_FILL where the port can fill checksums in
 * @receive: fills up to @max frames, returns how many; they stay valid until @release
 * @release: gives all frames of the last @receive back
 * @reserve: points up to @count frames at empty buffers of LINK_FRAME_MAX bytes; returns how many.
 *	Up to LINK_RESERVED_MAX may be reserved at a time, in several calls: so many are kept for
 *	this link alone, whatever still waits to be sent.
 * @send: sends the first @count reserved frames, the urgent ones first, else in order (length 0:
 *	not sent, given back); returns how many left the port - the others are dropped and given
 *	back. The stack always sends all that it has reserved.
 *
 * Implemented by port.c on DPDK, by tests and simulators on plain memory. Single-threaded.
 */
struct link {
	uint8_t mac[6];
	uint16_t mtu;
	uint16_t offload;
	unsigned (*receive)(struct link *link, struct frame *frames, unsigned max);
	void (*release)(struct link *link);
	unsigned (*reserve)(struct link *link, struct frame *frames, unsigned count);
	unsigned (*send)(struct link *link, struct frame *frames, unsigned count);
};
