/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* nd.h - neighbour solicitations and advertisements (RFC 4861), read and written */
#pragma once

#include "net/packet.h"
#include "net/wire.h"

#include <stdbool.h>
#include <stddef.h>

/* ICMPv6 types 133..137 are neighbour discovery. */
#define ND_ROUTER_SOLICITATION 133
#define ND_SOLICITATION 135
#define ND_ADVERTISEMENT 136
#define ND_REDIRECT 137

/** Only who is on the link can send with it (RFC 4861 section 7.1). */
#define ND_HOPS 255

#define ND_NONCE_BYTES 6

/** Longest message that nd_build() writes, ICMPv6 header included. */
#define ND_MESSAGE_MAX 40

/**
 * struct nd_message - a solicitation or an advertisement
 * @type: ND_SOLICITATION or ND_ADVERTISEMENT
 * @target: the address that it is about
 * @solicited, @override: flags of an advertisement
 * @has_mac: a link-layer address option was there (to be written), of the sender
 * @has_nonce: a solicitation's nonce (RFC 7527), by which we know one of our own that came back
 */
struct nd_message {
	uint8_t type;
	bool solicited, override, has_mac, has_nonce;
	uint8_t mac[6];
	uint8_t nonce[ND_NONCE_BYTES];
	struct ip_address target;
};

/** nd_is_discovery() - is this ICMPv6 packet for nd_parse() to judge? (Its type may be a lie.) */
bool nd_is_discovery(const struct ip_packet *packet);

/**
 * nd_parse() - read and validate (RFC 4861 sections 7.1.1 and 7.1.2, RFC 6980)
 * Return: 0, -EINVAL, or -ENOTSUP for a valid router solicitation, advertisement or redirect.
 */
int nd_parse(const struct ip_packet *packet, struct nd_message *message);

/**
 * nd_build() - write a message with its checksum, at most ND_MESSAGE_MAX bytes
 * Return: its length.
 */
size_t nd_build(uint8_t *out, const struct ip_address *source, const struct ip_address *destination,
	const struct nd_message *message);
