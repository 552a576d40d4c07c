/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* ipv4.c - IPv4 headers, strictly read (RFC 791, RFC 1122 section 3.2) and written */
#include "net/ipv4.h"

#include "net/checksum.h"

#include <string.h>

#define OPTION_END 0
#define OPTION_NOP 1
#define OPTION_LOOSE_ROUTE 131
#define OPTION_STRICT_ROUTE 137
#define TTL 64

/* Each turn of the loop takes at least one byte, so 40 bytes bound it. */
static bool options_good(const uint8_t *options, size_t length)
{
	while (length > 0 && options[0] != OPTION_END) {
		size_t step = 1;

		if (options[0] == OPTION_LOOSE_ROUTE || options[0] == OPTION_STRICT_ROUTE)
			return false;
		if (options[0] != OPTION_NOP) {
			if (length < 2 || options[1] < 2 || options[1] > length)
				return false;
			step = options[1];
		}
		options += step;
		length -= step;
	}
	return true;
}

enum ipv4_error ipv4_parse(
	const uint8_t *data, size_t length, bool checksum_good, struct ip_packet *packet)
{
	const struct ipv4_header *header = (const void *)data;
	size_t header_length, total;
	uint16_t fragment;

	if (length < sizeof(*header) || header->version_length >> 4 != 4)
		return IPV4_MALFORMED;
	header_length = (header->version_length & 15) * 4U;
	total = ntohs(header->total_length);
	if (header_length < sizeof(*header) || total < header_length || total > length)
		return IPV4_MALFORMED;
	if (!checksum_good && checksum_fold(checksum_add(0, data, header_length)) != 0xffff)
		return IPV4_CHECKSUM;
	fragment = ntohs(header->fragment);
	if (fragment & IPV4_FLAG_RESERVED)
		return IPV4_MALFORMED;
	if (header_length > sizeof(*header) &&
		!options_good(data + sizeof(*header), header_length - sizeof(*header)))
		return IPV4_OPTIONS;
	if (fragment & (IPV4_FLAG_MF | IPV4_OFFSET_MASK))
		return IPV4_FRAGMENT;
	packet->source = ip_from_v4(header->source);
	packet->destination = ip_from_v4(header->destination);
	packet->payload = data + header_length;
	packet->length = (uint16_t)(total - header_length);
	packet->protocol = header->protocol;
	packet->hops = header->ttl;
	packet->fragment = packet->alert = false;
	return IPV4_GOOD;
}

/*
 * The header as words, as they lie in memory: summed up in registers, and stored once. What is
 * stored in parts and read back as a whole waits for its stores.
 */
void ipv4_build(struct ipv4_header *header, uint32_t source, uint32_t destination, uint8_t protocol,
	size_t payload, uint16_t id, bool fill)
{
	uint8_t *at = (uint8_t *)header;
	uint16_t total = htons((uint16_t)(sizeof(*header) + payload));
	uint32_t length = 0x45 | (uint32_t)total << 16;
	uint32_t flags = id | (uint32_t)htons(IPV4_FLAG_DF) << 16;
	uint32_t rest = TTL | (uint32_t)protocol << 8;
	uint64_t sum = (uint64_t)length + flags + rest + source + destination;

	_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the first byte is the lowest");
	if (!fill)
		rest |= (uint32_t)(uint16_t)~checksum_fold(sum) << 16;
	memcpy(at, &length, 4);
	memcpy(at + 4, &flags, 4);
	memcpy(at + 8, &rest, 4);
	memcpy(at + 12, &source, 4);
	memcpy(at + 16, &destination, 4);
}
