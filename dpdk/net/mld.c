/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* mld.c - multicast listener discovery, a listener's part (RFC 3810, RFC 2710), read and written */
#include "net/mld.h"

#include "net/checksum.h"
#include "net/icmp.h"
#include "net/ipv6.h"

#include <errno.h>
#include <string.h>

/* A code from here on is a number with an exponent (RFC 3810 section 5.1.3). */
#define CODE_EXPONENT 0x8000

struct query_header {
	uint8_t type, code;
	uint16_t checksum;
	uint16_t delay, reserved;
	struct ip_address group;
} WIRE;
_Static_assert(sizeof(struct query_header) == 24, "version 1: query, report and done");

/* What version 2 adds. */
struct query_tail {
	uint8_t robustness, interval;
	uint16_t sources;
} WIRE;

struct report_header {
	uint8_t type, reserved;
	uint16_t checksum;
	uint16_t more_reserved, records;
} WIRE;

struct report_record {
	uint8_t type, extra;
	uint16_t sources;
	struct ip_address group;
} WIRE;
_Static_assert(sizeof(struct report_record) == 20, "a record without sources");

/* ICMPv6 follows; a router alert of value 0, MLD (RFC 2711); two bytes of padding. */
static const uint8_t alert[8] = {PROTOCOL_ICMPV6, 0, 5, 2, 0, 0, 1, 0};

_Static_assert(MLD_MESSAGE_MAX == sizeof(alert) + sizeof(struct report_header) +
					  sizeof(struct report_record) * MLD_GROUPS_MAX,
	"the longest report");

bool mld_is_query(const struct ip_packet *packet)
{
	return packet->length > 0 && packet->payload[0] == MLD_QUERY;
}

static bool is_group(const struct ip_address *address)
{
	return (address->word[0] & htonl(0xff000000)) == htonl(0xff000000);
}

static uint32_t delay_of(uint16_t code)
{
	if (code < CODE_EXPONENT)
		return code;
	return (uint32_t)((code & 0xfff) | 0x1000) << ((code >> 12 & 7) + 3);
}

int mld_parse(const struct ip_packet *packet, struct mld_query *query)
{
	const struct query_header *header = (const void *)packet->payload;
	const struct query_tail *tail = (const void *)(header + 1);
	size_t beyond;

	if (packet->length < sizeof(*header) || packet->hops != MLD_HOPS || !packet->alert ||
		!ipv6_is_link_local(&packet->source) || !icmp_checksum_good(packet))
		return -EINVAL;
	/* Their length tells the versions apart (section 8.1). The code says nothing. */
	beyond = packet->length - sizeof(*header);
	if (beyond > 0 &&
		(beyond < sizeof(*tail) ||
			ntohs(tail->sources) * sizeof(struct ip_address) > beyond - sizeof(*tail)))
		return -EINVAL;
	query->group = header->group;
	query->v1 = beyond == 0;
	query->delay_ms = query->v1 ? ntohs(header->delay) : delay_of(ntohs(header->delay));
	if (!ipv6_is_unspecified(&query->group) && !is_group(&query->group))
		return -EINVAL;
	return 0;
}

/* @length: of the ICMPv6 message at @icmp, its checksum still 0 */
static uint16_t sum_of(const uint8_t *icmp, const struct ip_address *source,
	const struct ip_address *destination, size_t length)
{
	uint64_t sum = checksum_pseudo(source, destination, PROTOCOL_ICMPV6, (uint16_t)length);

	return (uint16_t)~checksum_fold(checksum_add(sum, icmp, length));
}

size_t mld_build(uint8_t *out, const struct ip_address *source,
	const struct ip_address *destination, uint8_t record, const struct ip_address *groups,
	unsigned count)
{
	struct report_header *header = (void *)(out + sizeof(alert));
	struct report_record *records = (void *)(header + 1);
	size_t length;

	if (count > MLD_GROUPS_MAX)
		count = MLD_GROUPS_MAX;
	length = sizeof(*header) + count * sizeof(*records);
	memcpy(out, alert, sizeof(alert));
	memset(header, 0, length);
	header->type = MLD_REPORT;
	header->records = htons((uint16_t)count);
	for (unsigned i = 0; i < count; i++) {
		records[i].type = record;
		records[i].group = groups[i];
	}
	header->checksum = sum_of((const uint8_t *)header, source, destination, length);
	return sizeof(alert) + length;
}

size_t mld_build_v1(uint8_t *out, const struct ip_address *source, const struct ip_address *group)
{
	struct query_header *header = (void *)(out + sizeof(alert));

	memcpy(out, alert, sizeof(alert));
	memset(header, 0, sizeof(*header));
	header->type = MLD_REPORT_V1;
	header->group = *group;
	header->checksum = sum_of((const uint8_t *)header, source, group, sizeof(*header));
	return sizeof(alert) + sizeof(*header);
}
