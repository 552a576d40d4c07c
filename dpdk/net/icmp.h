/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* icmp.h - ICMP echo (RFC 792, RFC 4443): the only ICMP that is answered */
#pragma once

#include "net/packet.h"
#include "net/wire.h"

#include <stdbool.h>
#include <stddef.h>

/** icmp_checksum_good() - is the checksum of an ICMP or ICMPv6 packet right? */
bool icmp_checksum_good(const struct ip_packet *packet);

/** icmp_is_echo_request() - is this a whole echo request? (Its checksum is not looked at.) */
bool icmp_is_echo_request(const struct ip_packet *packet);

/** icmp_echo_reply() - write the reply to @request, as long as it: request->length bytes. */
void icmp_echo_reply(uint8_t *out, const struct ip_packet *request);
