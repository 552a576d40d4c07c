/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* arp.c - ARP packets for Ethernet and IPv4 (RFC 826), read and written */
#include "net/arp.h"

#include <errno.h>
#include <string.h>

#define HARDWARE_ETHERNET 1

int arp_parse(const uint8_t *data, size_t length, struct arp_packet *packet)
{
	static const uint8_t nobody[6];
	const struct arp_header *arp = (const void *)data;

	if (length < sizeof(*arp) || arp->hardware_type != htons(HARDWARE_ETHERNET) ||
		arp->protocol_type != htons(ETHER_TYPE_IPV4) || arp->hardware_length != 6 ||
		arp->protocol_length != 4)
		return -EINVAL;
	packet->operation = ntohs(arp->operation);
	if (packet->operation != ARP_REQUEST && packet->operation != ARP_REPLY)
		return -EINVAL;
	/* A group address can belong to nobody: learning it would multiply what is sent to it. */
	if ((arp->sender_mac[0] & 1) || memcmp(arp->sender_mac, nobody, 6) == 0)
		return -EINVAL;
	packet->sender = arp->sender;
	packet->target = arp->target;
	memcpy(packet->sender_mac, arp->sender_mac, 6);
	memcpy(packet->target_mac, arp->target_mac, 6);
	return 0;
}

void arp_build(struct arp_header *arp, const struct arp_packet *packet)
{
	arp->hardware_type = htons(HARDWARE_ETHERNET);
	arp->protocol_type = htons(ETHER_TYPE_IPV4);
	arp->hardware_length = 6;
	arp->protocol_length = 4;
	arp->operation = htons(packet->operation);
	memcpy(arp->sender_mac, packet->sender_mac, 6);
	arp->sender = packet->sender;
	memcpy(arp->target_mac, packet->target_mac, 6);
	arp->target = packet->target;
}
