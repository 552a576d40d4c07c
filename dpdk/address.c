/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* address.c - addresses as people write them (RFC 5952) */
#include "address.h"

#include <arpa/inet.h>

#include <stdio.h>

const char *ip_text(const struct ip_address *address, char out[IP_TEXT])
{
	if (ip_is_v4(address))
		return inet_ntop(AF_INET, &address->word[3], out, IP_TEXT);
	return inet_ntop(AF_INET6, address, out, IP_TEXT);
}

const char *ip_port_text(const struct ip_address *address, uint16_t port, char out[IP_PORT_TEXT])
{
	char text[IP_TEXT];

	snprintf(out, IP_PORT_TEXT, ip_is_v4(address) ? "%s:%u" : "[%s]:%u", ip_text(address, text),
		port);
	return out;
}

bool ip_parse(const char *text, struct ip_address *address)
{
	uint32_t v4;

	if (inet_pton(AF_INET, text, &v4) == 1)
		*address = ip_from_v4(v4);
	else if (inet_pton(AF_INET6, text, address) != 1 || ip_is_v4(address))
		return false;
	return true;
}
