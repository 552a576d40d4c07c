/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* icmp.c - ICMP echo (RFC 792): the only ICMP that is answered */
#include "net/icmp.h"

#include "net/checksum.h"

#include <string.h>

#define ICMP_ECHO_REPLY 0
#define ICMP_ECHO_REQUEST 8

bool icmp_is_echo_request(const uint8_t *data, size_t length)
{
	const struct icmp_header *icmp = (const void *)data;

	return length >= sizeof(*icmp) && icmp->type == ICMP_ECHO_REQUEST && icmp->code == 0 &&
	       checksum_fold(checksum_add(0, data, length)) == 0xffff;
}

void icmp_echo_reply(uint8_t *out, const uint8_t *request, size_t length)
{
	struct icmp_header *icmp = (void *)out;

	memcpy(out, request, length);
	icmp->type = ICMP_ECHO_REPLY;
	icmp->checksum = 0;
	icmp->checksum = (uint16_t)~checksum_fold(checksum_add(0, out, length));
}
