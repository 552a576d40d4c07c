/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* mld.h - multicast listener discovery, a listener's part (RFC 3810, RFC 2710), read and written */
#pragma once

#include "net/packet.h"
#include "net/wire.h"

#include <stdbool.h>
#include <stddef.h>

#define MLD_QUERY 130
#define MLD_REPORT_V1 131
#define MLD_REPORT 143

/** All of it stays on the link. */
#define MLD_HOPS 1

/* What a record of a version 2 report says of its group (RFC 3810 section 5.2.12). Both of those
 * that we need: from every source. */
#define MLD_IS_EXCLUDE 2 /* we listen, and a query asked */
#define MLD_TO_EXCLUDE 4 /* we began to */

#define MLD_GROUPS_MAX 16

/** Longest message that is written here, hop-by-hop options and ICMPv6 header included. */
#define MLD_MESSAGE_MAX (8 + 8 + 20 * MLD_GROUPS_MAX)

/**
 * struct mld_query - what a router wants to know
 * @group: about this group; ::, about all
 * @delay_ms: an answer is to come after a random time of up to so many milliseconds
 * @v1: the router speaks version 1 only
 */
struct mld_query {
	struct ip_address group;
	uint32_t delay_ms;
	bool v1;
};

/** mld_is_query() - is this ICMPv6 packet for mld_parse() to judge? (Its type may be a lie.) */
bool mld_is_query(const struct ip_packet *packet);

/**
 * mld_parse() - read and validate a query (RFC 3810 sections 5.1, 6.2 and 8.1)
 *
 * From a link-local address, with hop limit 1 and a router alert. Sources that it lists are counted
 * and not looked at: who listens to every source listens to those.
 * Return: 0 or -EINVAL.
 */
int mld_parse(const struct ip_packet *packet, struct mld_query *query);

/**
 * mld_build() - write a version 2 report, in front of it the hop-by-hop options with a router alert
 * @record: MLD_IS_EXCLUDE or MLD_TO_EXCLUDE, for each of the @count groups (up to MLD_GROUPS_MAX)
 *
 * Return: its length, at most MLD_MESSAGE_MAX. The IPv6 header says MLD_NEXT.
 */
size_t mld_build(uint8_t *out, const struct ip_address *source,
	const struct ip_address *destination, uint8_t record, const struct ip_address *groups,
	unsigned count);

/** mld_build_v1() - the same in version 1: of one group, to be sent to that group. */
size_t mld_build_v1(uint8_t *out, const struct ip_address *source, const struct ip_address *group);

/** What an IPv6 header in front of these says: hop-by-hop options follow. */
#define MLD_NEXT 0

/** mld_routers() - ff02::16, where version 2 reports go */
static inline struct ip_address mld_routers(void)
{
	return (struct ip_address){{htonl(0xff020000), 0, 0, htonl(0x16)}};
}
