/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* peer.c - the platform's endpoints: few, however many devices are told of them */
#include "fleet.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

bool peer_address(const char *text, struct endpoint *endpoint)
{
	const char *colon = strrchr(text, ':');
	char host[IP_TEXT + 2], *end;
	size_t length = colon ? (size_t)(colon - text) : 0;
	bool brackets = text[0] == '[';
	long port;

	if (!length || length >= sizeof(host) || colon[1] < '0' || colon[1] > '9')
		return false;
	memcpy(host, text, length);
	host[length] = '\0';
	if (brackets && host[length - 1] != ']')
		return false;
	if (brackets)
		host[length - 1] = '\0';
	port = strtol(colon + 1, &end, 10);
	endpoint->port = htons((uint16_t)port);
	return *end == '\0' && port > 0 && port <= UINT16_MAX &&
	       ip_parse(host + brackets, &endpoint->address) &&
	       ip_is_v4(&endpoint->address) != brackets;
}

peer_id peer_find(struct fleet *fleet, const char *text)
{
	struct endpoint endpoint;
	unsigned i;

	if (!peer_address(text, &endpoint))
		return 0;
	for (i = 0; i < fleet->peer_count; i++) {
		const struct endpoint *known = &fleet->peers[i];

		if (ip_equal(&known->address, &endpoint.address) && known->port == endpoint.port)
			return (peer_id)(i + 1);
	}
	if (fleet->peer_count == PEERS_MAX)
		return 0;
	fleet->peers[fleet->peer_count++] = endpoint;
	return (peer_id)fleet->peer_count;
}
