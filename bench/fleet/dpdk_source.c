/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* dpdk_source.c - which of our addresses and ports a device sends from */
#include "transport_dpdk.h"

#include <arpa/inet.h>

struct source source_of(const struct ip_address *first, uint32_t index, unsigned incarnation)
{
	struct source source = {.address = *first};

	source.address.word[3] = htonl(ntohl(first->word[3]) + index / SOURCE_DEVICES);
	source.port = htons((uint16_t)(SOURCE_PORT_FIRST + index % SOURCE_DEVICES * SOURCE_PORTS +
				       incarnation % SOURCE_PORTS));
	return source;
}

uint32_t source_device(
	const struct ip_address *first, const struct source *source, unsigned *incarnation)
{
	uint32_t address = ntohl(source->address.word[3]) - ntohl(first->word[3]);
	uint32_t port = ntohs(source->port) - SOURCE_PORT_FIRST;

	*incarnation = port % SOURCE_PORTS;
	return address * SOURCE_DEVICES + port / SOURCE_PORTS;
}

uint32_t source_addresses(uint32_t devices)
{
	return (devices + SOURCE_DEVICES - 1) / SOURCE_DEVICES;
}
