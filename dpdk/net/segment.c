/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* segment.c - TCP segments between wire and struct (RFC 9293 section 3.1) */
#include "net/segment.h"

#include "net/checksum.h"

#include <string.h>

enum segment_error segment_parse(
	const struct ip_packet *packet, bool checksum_good, struct tcp_segment *segment)
{
	const struct tcp_header *header = (const void *)packet->payload;
	size_t header_length;
	uint64_t sum;

	if (packet->length < sizeof(*header))
		return SEGMENT_MALFORMED;
	header_length = (header->offset >> 4) * 4U;
	if (header_length < sizeof(*header) || header_length > packet->length)
		return SEGMENT_MALFORMED;
	if (header->source_port == 0 || header->destination_port == 0)
		return SEGMENT_MALFORMED;
	if (!checksum_good) {
		sum = checksum_pseudo(
			&packet->source, &packet->destination, PROTOCOL_TCP, packet->length);
		if (checksum_fold(checksum_add(sum, header, packet->length)) != 0xffff)
			return SEGMENT_CHECKSUM;
	}
	segment->tuple.remote = packet->source;
	segment->tuple.local = packet->destination;
	segment->tuple.remote_port = header->source_port;
	segment->tuple.local_port = header->destination_port;
	segment->seq = ntohl(header->seq);
	segment->ack = ntohl(header->ack);
	segment->window = ntohs(header->window);
	/* ECN is never negotiated: its two bits mean nothing here. */
	segment->flags = header->flags & 0x3f;
	segment->options = packet->payload + sizeof(*header);
	segment->options_length = (uint8_t)(header_length - sizeof(*header));
	segment->payload = packet->payload + header_length;
	segment->length = packet->length - (uint32_t)header_length;
	return SEGMENT_GOOD;
}

static inline uint32_t load32(const void *at)
{
	uint32_t word;

	memcpy(&word, at, sizeof(word));
	return word;
}

/* Header words as they lie in memory, and all that follows, are summed up on their way: what was
 * just written would have to be waited for. */
void segment_build(struct tcp_header *header, const struct tcp_out *out, bool fill)
{
	uint8_t *at = (uint8_t *)header, *options = (uint8_t *)(header + 1);
	uint16_t length = (uint16_t)segment_bytes(out), checksum;
	uint64_t sum = checksum_pseudo(&out->tuple.local, &out->tuple.remote, PROTOCOL_TCP, length);
	const uint32_t ports = out->tuple.local_port | (uint32_t)out->tuple.remote_port << 16;
	const uint32_t seq = htonl(out->seq), ack = htonl(out->ack);
	const uint32_t rest = (uint32_t)((sizeof(*header) + out->options_length) / 4 << 4) |
			      (uint32_t)out->flags << 8 | (uint32_t)htons(out->window) << 16;

	_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the first byte is the lowest");
	if (fill) {
		checksum = checksum_fold(sum);
		memcpy(options, out->options, out->options_length);
		if (out->length > 0)
			memcpy(options + out->options_length, out->payload, out->length);
	} else {
		sum += (uint64_t)ports + seq + ack + rest;
		for (unsigned i = 0; i < out->options_length; i += 4) {
			const uint32_t word = load32(out->options + i);

			memcpy(options + i, &word, sizeof(word));
			sum += word;
		}
		if (out->length > 0)
			sum = checksum_copy(
				sum, options + out->options_length, out->payload, out->length);
		checksum = (uint16_t)~checksum_fold(sum);
	}
	memcpy(at, &ports, 4);
	memcpy(at + 4, &seq, 4);
	memcpy(at + 8, &ack, 4);
	memcpy(at + 12, &rest, 4);
	memcpy(at + 16, &(uint32_t){checksum}, 4);
}
