/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* icmp_error.c - ICMP and ICMPv6 errors and what they quote (RFC 792, RFC 1191, RFC 4443) */
#include "net/icmp_error.h"

#include "net/ip.h"

/* ICMP's types; of unreachable's codes only this one says more than "it did not arrive". */
#define ECHO_REPLY 0
#define UNREACHABLE 3
#define UNREACHABLE_TOO_BIG 4
#define SOURCE_QUENCH 4
#define REDIRECT 5
#define ROUTER_ADVERTISEMENT 9
#define ROUTER_SOLICITATION 10
#define TIME_EXCEEDED 11
#define PARAMETER_PROBLEM 12
#define TIMESTAMP 13
#define MASK_REPLY 18

/* ICMPv6's; below 128 all are errors. */
#define V6_UNREACHABLE 1
#define V6_TOO_BIG 2
#define V6_PARAMETER_PROBLEM 4
#define V6_INFORMATION 128
#define V6_ECHO_REPLY 129
#define V6_MLD 130
#define V6_MLD_DONE 132
#define V6_MLD2 143

/* What follows type, code and checksum: for "too big" an MTU. */
struct error_header {
	uint8_t type, code;
	uint16_t checksum;
	uint16_t unused;
	uint16_t mtu;
} WIRE;
_Static_assert(sizeof(struct error_header) == 8, "ICMP error without its quote");

/* The first 8 bytes of TCP and of UDP begin alike. */
struct quoted_transport {
	uint16_t source_port, destination_port;
	uint32_t seq;
} WIRE;
_Static_assert(sizeof(struct quoted_transport) == 8, "what every quote has of its transport");

/* An ICMP error about this ICMP packet would be one about an error: RFC 1122 section 3.2.2. */
static bool is_nested(uint8_t protocol, uint8_t type)
{
	if (protocol == PROTOCOL_ICMPV6)
		return type < V6_INFORMATION;
	return type == UNREACHABLE || type == SOURCE_QUENCH || type == REDIRECT ||
	       type == TIME_EXCEEDED || type == PARAMETER_PROBLEM;
}

static enum icmp_verdict read_transport(const uint8_t *data, struct icmp_error *error)
{
	const struct quoted_transport *transport = (const void *)data;

	switch (error->protocol) {
	case PROTOCOL_TCP:
	case PROTOCOL_UDP:
		error->source_port = transport->source_port;
		error->destination_port = transport->destination_port;
		error->seq = ntohl(transport->seq);
		return ICMP_ERROR;
	case PROTOCOL_ICMP:
	case PROTOCOL_ICMPV6:
		return is_nested(error->protocol, data[0]) ? ICMP_MALFORMED : ICMP_IGNORED;
	default:
		return ICMP_MALFORMED;
	}
}

static enum icmp_verdict read_quote4(const uint8_t *data, size_t length, struct icmp_error *error)
{
	const struct ipv4_header *header = (const void *)data;
	size_t header_length;

	if (length < sizeof(*header) || header->version_length >> 4 != 4)
		return ICMP_MALFORMED;
	header_length = (header->version_length & 15) * 4U;
	if (header_length < sizeof(*header) ||
		header_length + sizeof(struct quoted_transport) > length ||
		header_length + sizeof(struct quoted_transport) > ntohs(header->total_length) ||
		(ntohs(header->fragment) & IPV4_OFFSET_MASK))
		return ICMP_MALFORMED;
	error->source = ip_from_v4(header->source);
	error->destination = ip_from_v4(header->destination);
	error->protocol = header->protocol;
	return read_transport(data + header_length, error);
}

static enum icmp_verdict read_quote6(const uint8_t *data, size_t length, struct icmp_error *error)
{
	const struct ipv6_header *header = (const void *)data;

	if (length < sizeof(*header) + sizeof(struct quoted_transport) || data[0] >> 4 != 6 ||
		ntohs(header->payload_length) < sizeof(struct quoted_transport))
		return ICMP_MALFORMED;
	error->source = header->source;
	error->destination = header->destination;
	error->protocol = header->next;
	return read_transport(data + sizeof(*header), error);
}

static enum icmp_verdict verdict4(const struct error_header *header, struct icmp_error *error)
{
	switch (header->type) {
	case UNREACHABLE:
		error->too_big = header->code == UNREACHABLE_TOO_BIG;
		error->mtu = error->too_big ? ntohs(header->mtu) : 0;
		return ICMP_ERROR;
	case TIME_EXCEEDED:
	case PARAMETER_PROBLEM:
		return ICMP_ERROR;
	case ECHO_REPLY:
	case SOURCE_QUENCH: /* RFC 6633 */
	case REDIRECT:
	case ROUTER_ADVERTISEMENT:
	case ROUTER_SOLICITATION:
		return ICMP_IGNORED;
	default:
		return header->type >= TIMESTAMP && header->type <= MASK_REPLY ? ICMP_IGNORED
									       : ICMP_UNKNOWN;
	}
}

static enum icmp_verdict verdict6(const struct error_header *header, struct icmp_error *error)
{
	if (header->type >= V6_UNREACHABLE && header->type <= V6_PARAMETER_PROBLEM) {
		error->too_big = header->type == V6_TOO_BIG;
		error->mtu = error->too_big
				     ? (uint32_t)ntohs(header->unused) << 16 | ntohs(header->mtu)
				     : 0;
		/* No link carries less: RFC 8201 section 4. */
		return error->too_big && error->mtu < IPV6_MTU_MIN ? ICMP_IGNORED : ICMP_ERROR;
	}
	if (header->type == V6_ECHO_REPLY || header->type == V6_MLD2 ||
		(header->type >= V6_MLD && header->type <= V6_MLD_DONE))
		return ICMP_IGNORED;
	return ICMP_UNKNOWN;
}

enum icmp_verdict icmp_error_parse(const struct ip_packet *packet, struct icmp_error *error)
{
	const struct error_header *header = (const void *)packet->payload;
	bool v6 = packet->protocol == PROTOCOL_ICMPV6;
	const uint8_t *quote = packet->payload + sizeof(*header);
	enum icmp_verdict verdict;

	*error = (struct icmp_error){.mtu = 0};
	if (packet->length < sizeof(*header))
		return ICMP_UNKNOWN;
	verdict = v6 ? verdict6(header, error) : verdict4(header, error);
	if (verdict != ICMP_ERROR)
		return verdict;
	return v6 ? read_quote6(quote, packet->length - sizeof(*header), error)
		  : read_quote4(quote, packet->length - sizeof(*header), error);
}
