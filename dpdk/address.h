/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* address.h - one type for IPv4 and IPv6 addresses (RFC 4291) */
#pragma once

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/**
 * struct ip_address - an IPv6 address, or an IPv4 one as ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2)
 * @word: the 16 bytes as they stand in a header, network byte order
 *
 * A mapped address never comes from or goes to an IPv6 header, so the two families cannot be mixed
 * up.
 */
struct ip_address {
	uint32_t word[4];
};
_Static_assert(sizeof(struct ip_address) == 16, "an IPv6 address");

/** ip_from_v4() - an IPv4 address (network byte order). */
static inline struct ip_address ip_from_v4(uint32_t address)
{
	return (struct ip_address){{0, 0, htobe32(0xffff), address}};
}

/** ip_is_v4() - is it an IPv4 address? */
static inline bool ip_is_v4(const struct ip_address *address)
{
	return address->word[0] == 0 && address->word[1] == 0 &&
	       address->word[2] == htobe32(0xffff);
}

/** ip_v4() - the IPv4 address (network byte order) of one that ip_is_v4(). */
static inline uint32_t ip_v4(const struct ip_address *address)
{
	return address->word[3];
}

/** ip_equal() - are they the same address? */
static inline bool ip_equal(const struct ip_address *a, const struct ip_address *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/** Room for an address as text; for "a.b.c.d:port" or "[v6]:port". */
#define IP_TEXT 46
#define IP_PORT_TEXT (IP_TEXT + 8)

/** ip_text() - dotted, or as RFC 5952 has it. Return: @out. */
const char *ip_text(const struct ip_address *address, char out[IP_TEXT]);

/** ip_port_text() - with a port (host order), IPv6 in brackets (RFC 3986). Return: @out. */
const char *ip_port_text(const struct ip_address *address, uint16_t port, char out[IP_PORT_TEXT]);

/** ip_parse() - of either family. Return: false if it is none, or IPv4 dressed as IPv6. */
bool ip_parse(const char *text, struct ip_address *address);
