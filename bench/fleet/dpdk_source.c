/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* dpdk_source.c - which of our addresses and ports a device sends from */
#include "dpdk_source.h"

#include <arpa/inet.h>

/*
 * All ports in an order that looks drawn, as a kernel's do. RSS hashes are linear: were a device's
 * ports a fixed step apart, one key would send every device's login and session to the same worker,
 * and another key none's.
 */
#define PORTS (65536u - SOURCE_PORT_FIRST)
#define SPREAD 30011u /* no divisor in common with PORTS = 3 * 2^14 */
#define GATHER 39923u /* its inverse */
_Static_assert(PORTS == SOURCE_DEVICES * SOURCE_PORTS, "every port is some device's");
_Static_assert(SPREAD *GATHER % PORTS == 1, "what is spread is found again");

struct source source_of(const struct ip_address *first, uint32_t index, unsigned incarnation)
{
	uint32_t place = index % SOURCE_DEVICES * SOURCE_PORTS + incarnation % SOURCE_PORTS;
	struct source source = {.address = *first};

	source.address.word[3] = htonl(ntohl(first->word[3]) + index / SOURCE_DEVICES);
	source.port = htons((uint16_t)(SOURCE_PORT_FIRST + place * SPREAD % PORTS));
	return source;
}

uint32_t source_device(
	const struct ip_address *first, const struct source *source, unsigned *incarnation)
{
	uint32_t address = ntohl(source->address.word[3]) - ntohl(first->word[3]);
	uint32_t place = (ntohs(source->port) - SOURCE_PORT_FIRST) * GATHER % PORTS;

	*incarnation = place % SOURCE_PORTS;
	return address * SOURCE_DEVICES + place / SOURCE_PORTS;
}

uint32_t source_addresses(uint32_t devices)
{
	return (devices + SOURCE_DEVICES - 1) / SOURCE_DEVICES;
}
