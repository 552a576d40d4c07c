/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* udp.c - UDP (RFC 768, RFC 8200 section 8.1), read and written */
#include "net/udp.h"

#include "net/checksum.h"

enum udp_error udp_parse(
	const struct ip_packet *packet, bool checksum_good, struct udp_packet *datagram)
{
	const struct udp_header *header = (const void *)packet->payload;
	uint16_t length;
	uint64_t sum;

	if (packet->length < sizeof(*header))
		return UDP_MALFORMED;
	length = ntohs(header->length);
	if (length < sizeof(*header) || length > packet->length)
		return UDP_MALFORMED;
	if (header->source_port == 0 || header->destination_port == 0)
		return UDP_MALFORMED;
	/* None was made: IPv4 allows that; on IPv6 nothing else covers the addresses. */
	if (header->checksum == 0 && !ip_is_v4(&packet->source))
		return UDP_CHECKSUM;
	if (!checksum_good && header->checksum != 0) {
		sum = checksum_pseudo(&packet->source, &packet->destination, PROTOCOL_UDP, length);
		if (checksum_fold(checksum_add(sum, header, length)) != 0xffff)
			return UDP_CHECKSUM;
	}
	datagram->source_port = header->source_port;
	datagram->destination_port = header->destination_port;
	datagram->payload = packet->payload + sizeof(*header);
	datagram->length = (uint16_t)(length - sizeof(*header));
	return UDP_GOOD;
}

bool udp_is_echo_like(uint16_t port)
{
	switch (ntohs(port)) {
	case 7:     /* echo */
	case 13:    /* daytime */
	case 17:    /* quote of the day */
	case 19:    /* character generator */
	case 37:    /* time */
	case 53:    /* DNS */
	case 69:    /* TFTP */
	case 111:   /* port mapper */
	case 123:   /* NTP */
	case 137:   /* NetBIOS names */
	case 161:   /* SNMP */
	case 389:   /* CLDAP */
	case 520:   /* RIP */
	case 1900:  /* SSDP */
	case 3702:  /* WS-Discovery */
	case 5353:  /* multicast DNS */
	case 11211: /* memcached */
		return true;
	default:
		return false;
	}
}

void udp_finish(struct udp_header *header, const struct ip_address *source,
	const struct ip_address *destination, size_t payload, bool fill)
{
	uint16_t length = (uint16_t)(sizeof(*header) + payload);
	uint64_t sum = checksum_pseudo(source, destination, PROTOCOL_UDP, length);

	header->length = htons(length);
	header->checksum = 0;
	if (fill) {
		header->checksum = checksum_fold(sum);
		return;
	}
	header->checksum = (uint16_t)~checksum_fold(checksum_add(sum, header, length));
	/* 0 would say "no checksum"; its other form says the same sum. */
	if (header->checksum == 0)
		header->checksum = 0xffff;
}
