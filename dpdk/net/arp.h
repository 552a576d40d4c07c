/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* arp.h - ARP packets for Ethernet and IPv4 (RFC 826), read and written */
#pragma once

#include "net/wire.h"

#include <stddef.h>

#define ARP_REQUEST 1
#define ARP_REPLY 2

/** struct arp_packet - one packet; addresses in network byte order */
struct arp_packet {
	uint16_t operation; /* ARP_REQUEST or ARP_REPLY */
	uint32_t sender, target;
	uint8_t sender_mac[6], target_mac[6];
};

/**
 * arp_parse() - read what follows the Ethernet header
 * Return: 0, or -EINVAL for anything but a request or reply about IPv4 over Ethernet whose sender
 * has an address of its own.
 */
int arp_parse(const uint8_t *data, size_t length, struct arp_packet *packet);

/** arp_build() - write a packet; behind its Ethernet header the wire pads it. */
void arp_build(struct arp_header *arp, const struct arp_packet *packet);
