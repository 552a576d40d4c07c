/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* ipv6.h - IPv6 headers and their extensions, strictly read (RFC 8200) and written */
#pragma once

#include "net/packet.h"
#include "net/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/** Extension headers of a packet, and bytes of them all together, at most. */
#define IPV6_EXTENSIONS_MAX 4
#define IPV6_CHAIN_MAX 256

/** Every link carries this without fragments (RFC 8200 section 5). */
#define IPV6_MTU_MIN 1280

/** What ipv6_parse() finds wrong. */
enum ipv6_error {
	IPV6_GOOD,
	IPV6_MALFORMED, /* version or payload length, a jumbogram among them */
	IPV6_EXTENSION, /* too many extensions, one that overruns, an option we must refuse */
	IPV6_ROUTING,   /* a routing header of type 0 (RFC 5095), or with hops left */
	IPV6_FRAGMENT,  /* part of a larger packet, or two fragment headers */
};

/** struct ipv6_header - as it lies in a frame */
struct ipv6_header {
	uint32_t version_class_flow;
	uint16_t payload_length;
	uint8_t next;
	uint8_t hop_limit;
	struct ip_address source, destination;
} WIRE;
_Static_assert(sizeof(struct ipv6_header) == 40, "IPv6 header");

/**
 * ipv6_parse() - read what follows the Ethernet header
 *
 * Extensions are walked within IPV6_EXTENSIONS_MAX and IPV6_CHAIN_MAX. A fragment header on a
 * whole packet is passed over: the packet is judged by itself (RFC 6946 section 4).
 */
enum ipv6_error ipv6_parse(const uint8_t *data, size_t length, struct ip_packet *packet);

/**
 * ipv6_is_unicast() - can one host have this address, and is it ever on a wire?
 *
 * Not a group (ff00::/8), nor what begins with 96 bits of zero (unspecified, loopback, the
 * IPv4-compatible ones that RFC 4291 section 2.5.5.1 gave up), nor an IPv4-mapped address.
 */
static inline bool ipv6_is_unicast(const struct ip_address *address)
{
	if ((address->word[0] & htonl(0xff000000)) == htonl(0xff000000))
		return false;
	return address->word[0] != 0 || address->word[1] != 0 ||
	       (address->word[2] != 0 && address->word[2] != htonl(0xffff));
}

/** ipv6_is_link_local() - fe80::/10 (RFC 4291 section 2.5.6). */
static inline bool ipv6_is_link_local(const struct ip_address *address)
{
	return (address->word[0] & htonl(0xffc00000)) == htonl(0xfe800000);
}

/** ipv6_is_unspecified() - :: */
static inline bool ipv6_is_unspecified(const struct ip_address *address)
{
	return (address->word[0] | address->word[1] | address->word[2] | address->word[3]) == 0;
}

/** ipv6_all_nodes() - ff02::1 */
static inline struct ip_address ipv6_all_nodes(void)
{
	return (struct ip_address){{htonl(0xff020000), 0, 0, htonl(1)}};
}

/** ipv6_solicited_node() - the group in which the owner of @address is asked for
 * (RFC 4291 section 2.7.1). */
static inline struct ip_address ipv6_solicited_node(const struct ip_address *address)
{
	return (struct ip_address){{htonl(0xff020000), 0, htonl(1),
		htonl(0xff000000) | (address->word[3] & htonl(0xffffff))}};
}

/** ipv6_group_mac() - a group's Ethernet address (RFC 2464 section 7). */
static inline void ipv6_group_mac(uint8_t mac[6], const struct ip_address *group)
{
	mac[0] = mac[1] = 0x33;
	memcpy(mac + 2, &group->word[3], 4);
}

/**
 * ipv6_build() - write a header of 40 bytes without extensions; class and flow label are 0
 * @payload: bytes that follow it
 */
void ipv6_build(struct ipv6_header *header, const struct ip_address *source,
	const struct ip_address *destination, uint8_t protocol, size_t payload, uint8_t hops);
