/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* dpdk_source.h - which of our addresses and ports a device sends from */
#pragma once

#include "address.h"

#include <stdint.h>

/*
 * Where a device's packets come from. A device owns SOURCE_PORTS ports of one address and uses the
 * next of them for each connection, as a new socket would; so a datagram's destination tells the
 * device without a table. Ports below the first are left out: among them are those of services
 * that a broker does not answer.
 */
#define SOURCE_PORT_FIRST 16384u
#define SOURCE_PORTS 4u
#define SOURCE_DEVICES ((65536u - SOURCE_PORT_FIRST) / SOURCE_PORTS)
_Static_assert(SOURCE_DEVICES == 12288, "what --help says of --address");

/** struct source - an address and port of ours, network byte order */
struct source {
	struct ip_address address;
	uint16_t port;
};

/** source_of() - what device @index sends from in its @incarnation; @first: our first address */
struct source source_of(const struct ip_address *first, uint32_t index, unsigned incarnation);

/** source_device() - the device that @source belongs to, and its @incarnation. Return: its index;
 * anything for a source that is none of ours. */
uint32_t source_device(
	const struct ip_address *first, const struct source *source, unsigned *incarnation);

/** source_addresses() - addresses that @devices need. */
uint32_t source_addresses(uint32_t devices);
