/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* segment.h - TCP segments between wire and struct (RFC 9293 section 3.1) */
#pragma once

#include "net/packet.h"
#include "net/wire.h"
#include "tcp/tcp.h"

/** What segment_parse() finds wrong. */
enum segment_error {
	SEGMENT_GOOD,
	SEGMENT_MALFORMED, /* header length, or port 0 */
	SEGMENT_CHECKSUM,
};

/**
 * segment_parse() - read a packet's payload
 * @checksum_good: the port verified the checksum already
 * @segment: everything but link is filled in; options and payload point into the packet
 */
enum segment_error segment_parse(
	const struct ip_packet *packet, bool checksum_good, struct tcp_segment *segment);

/** segment_bytes() - header, options and payload of a segment to send. */
static inline size_t segment_bytes(const struct tcp_out *out)
{
	return sizeof(struct tcp_header) + out->options_length + out->length;
}

/**
 * segment_build() - write segment_bytes() bytes
 * @fill: the port completes the checksum: the field gets the pseudo-header's sum
 */
void segment_build(struct tcp_header *header, const struct tcp_out *out, bool fill);
