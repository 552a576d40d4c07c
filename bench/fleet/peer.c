/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* peer.c - the platform's endpoints: few, however many devices are told of them */
#include "fleet.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

bool peer_address(const char *text, struct sockaddr_in *address)
{
	const char *colon = strchr(text, ':');
	char host[INET_ADDRSTRLEN];
	char *end;
	long port;

	if (!colon || (size_t)(colon - text) >= sizeof(host) || colon[1] < '0' || colon[1] > '9')
		return false;
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = '\0';
	port = strtol(colon + 1, &end, 10);
	memset(address, 0, sizeof(*address));
	address->sin_family = AF_INET;
	address->sin_port = htons((uint16_t)port);
	return *end == '\0' && port > 0 && port <= UINT16_MAX &&
	       inet_pton(AF_INET, host, &address->sin_addr) == 1;
}

peer_id peer_find(struct fleet *fleet, const char *text)
{
	struct sockaddr_in address;
	unsigned i;

	if (!peer_address(text, &address))
		return 0;
	for (i = 0; i < fleet->peer_count; i++) {
		const struct sockaddr_in *known = &fleet->peers[i];

		if (known->sin_addr.s_addr == address.sin_addr.s_addr &&
			known->sin_port == address.sin_port)
			return (peer_id)(i + 1);
	}
	if (fleet->peer_count == PEERS_MAX)
		return 0;
	fleet->peers[fleet->peer_count++] = address;
	return (peer_id)fleet->peer_count;
}
