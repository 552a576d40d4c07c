/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* config_net.c - ports with their addresses, and what mc is reached at */
#include "config_net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *config_address_text(uint32_t address, char out[16])
{
	return inet_ntop(AF_INET, &address, out, 16);
}

/* Decimal digits up to @maximum, no leading zero. */
static bool parse_small(const char *text, unsigned maximum, unsigned *value)
{
	unsigned number = 0;

	if (!*text || (text[0] == '0' && text[1]))
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		number = number * 10 + (unsigned)(*text - '0');
		if (number > maximum)
			return false;
	}
	*value = number;
	return true;
}

/* Host bits of a prefix, host byte order. */
static uint32_t host_mask(unsigned prefix)
{
	return prefix >= 32 ? 0 : UINT32_MAX >> prefix;
}

/* What is wrong with an address as a host's own; NULL if nothing is. */
static const char *unusable(uint32_t address)
{
	uint32_t host = ntohl(address);

	if (host >> 24 == 0)
		return "an address in 0.0.0.0/8, which no host can have";
	if (host >> 24 == 127)
		return "a loopback address";
	if (host >> 28 == 14)
		return "a multicast address";
	if (host >> 28 == 15)
		return "an address in 240.0.0.0/4, which no host can have";
	return NULL;
}

/* What is wrong with an address on a subnet; NULL if nothing is. */
static const char *not_a_host(uint32_t address, unsigned prefix)
{
	uint32_t mask = host_mask(prefix), bits = ntohl(address) & mask;

	if (prefix >= 31)
		return NULL;
	if (!bits)
		return "the address of the subnet itself";
	if (bits == mask)
		return "the broadcast address of its subnet";
	return NULL;
}

/* One entry of addresses; nothing is stored for IPv6. */
static int read_address(struct config_reader *reader, const char *name, const yaml_node_t *node,
	struct config_port *port)
{
	char host[64], quoted[48];
	const char *text, *slash, *wrong;
	struct in6_addr v6;
	uint32_t address;
	unsigned prefix;
	bool is_v6;
	int rc;

	rc = config_text(reader, name, node, &text);
	if (rc < 0)
		return rc;
	config_quote(node, quoted);
	slash = strchr(text, '/');
	snprintf(host, sizeof(host), "%.*s", slash ? (int)(slash - text) : 63, text);
	is_v6 = inet_pton(AF_INET6, host, &v6) == 1;
	if (!is_v6 && inet_pton(AF_INET, host, &address) != 1)
		return config_refuse(reader, node,
			"%s is %s: it must be an address with its prefix, like 198.18.0.1/24", name,
			quoted);
	if (!slash)
		return config_refuse(reader, node,
			"%s is %s without a prefix length: write it like %s/%u", name, quoted, host,
			is_v6 ? 64 : 24);
	if (!parse_small(slash + 1, is_v6 ? 128 : 32, &prefix) || !prefix)
		return config_refuse(reader, node, "%s is %s: its prefix length must be 1..%u",
			name, quoted, is_v6 ? 128 : 32);
	if (is_v6) {
		config_warn(
			reader, node, "%s %s has no effect: IPv6 is not built yet", name, quoted);
		return 0;
	}
	wrong = unusable(address);
	if (!wrong)
		wrong = not_a_host(address, prefix);
	if (wrong)
		return config_refuse(reader, node,
			"%s is %s, %s: give the port an address of its own", name, quoted, wrong);
	for (unsigned i = 0; i < port->address_count; i++) {
		if (port->addresses[i].address == address)
			return config_refuse(reader, node,
				"%s is %s, which stands here already: remove one", name, quoted);
	}
	port->addresses[port->address_count].address = address;
	port->addresses[port->address_count++].prefix = (uint8_t)prefix;
	return 0;
}

static int read_addresses(
	struct config_reader *reader, const char *name, const yaml_node_t *node, void *object)
{
	struct config_port *port = object;
	char item[CONFIG_NAME_MAX + 16];
	int count, rc;

	count = config_list(
		reader, name, node, 1, CONFIG_ADDRESSES_MAX, "addresses like \"198.18.0.1/24\"");
	if (count < 0)
		return count;
	for (int i = 0; i < count; i++) {
		snprintf(item, sizeof(item), "%s[%d]", name, i);
		rc = read_address(reader, item, config_item(reader, node, (unsigned)i), port);
		if (rc < 0)
			return rc;
	}
	if (!port->address_count)
		return config_refuse(reader, node,
			"%s has no IPv4 address: add one like \"198.18.0.1/24\" (IPv6 is not built "
			"yet)",
			name);
	return 0;
}

/* What is wrong with a next hop; NULL if it lies on one of the port's subnets. */
static const char *unreachable(const struct config_port *port, uint32_t gateway)
{
	const char *wrong = "which lies on none of the port's subnets";

	for (unsigned i = 0; i < port->address_count; i++) {
		const struct config_address *own = &port->addresses[i];

		if (own->address == gateway)
			return "which is the port's own address";
		if ((ntohl(own->address) ^ ntohl(gateway)) & ~host_mask(own->prefix))
			continue;
		wrong = not_a_host(gateway, own->prefix);
		if (wrong)
			return wrong;
		for (unsigned j = i + 1; j < port->address_count; j++) {
			if (port->addresses[j].address == gateway)
				return "which is the port's own address";
		}
		return NULL;
	}
	return wrong;
}

static int read_gateway(struct config_reader *reader, const char *name, const yaml_node_t *node,
	struct config_port *port)
{
	const char *text, *wrong;
	struct in6_addr v6;
	uint32_t gateway;
	char quoted[48];
	int rc;

	rc = config_text(reader, name, node, &text);
	if (rc < 0)
		return rc;
	config_quote(node, quoted);
	if (inet_pton(AF_INET6, text, &v6) == 1) {
		config_warn(
			reader, node, "%s %s has no effect: IPv6 is not built yet", name, quoted);
		return 0;
	}
	if (inet_pton(AF_INET, text, &gateway) != 1)
		return config_refuse(reader, node,
			"%s is %s: it must be an address without prefix, like 198.18.0.254", name,
			quoted);
	wrong = unreachable(port, gateway);
	if (wrong)
		return config_refuse(reader, node,
			"%s is %s, %s: give a next hop's address on one of the port's subnets",
			name, quoted, wrong);
	for (unsigned i = 0; i < port->gateway_count; i++) {
		if (port->gateways[i] == gateway)
			return config_refuse(reader, node,
				"%s is %s, which stands here already: remove one", name, quoted);
	}
	port->gateways[port->gateway_count++] = gateway;
	return 0;
}

static int read_gateways(
	struct config_reader *reader, const char *name, const yaml_node_t *node, void *object)
{
	char item[CONFIG_NAME_MAX + 16];
	int count, rc = 0;

	count = config_list(
		reader, name, node, 0, CONFIG_GATEWAYS_MAX, "next hops like \"198.18.0.254\"");
	for (int i = 0; i < count && rc == 0; i++) {
		snprintf(item, sizeof(item), "%s[%d]", name, i);
		rc = read_gateway(reader, item, config_item(reader, node, (unsigned)i), object);
	}
	return count < 0 ? count : rc;
}

/* Dotted address, name of letters, digits, dots and hyphens, or [IPv6]. */
static bool host_valid(const char *host, size_t length)
{
	char copy[254];
	struct in6_addr v6;
	struct in_addr v4;

	if (!length || length >= sizeof(copy))
		return false;
	memcpy(copy, host, length);
	copy[length] = '\0';
	if (copy[0] == '[') {
		if (copy[length - 1] != ']')
			return false;
		copy[length - 1] = '\0';
		return inet_pton(AF_INET6, copy + 1, &v6) == 1;
	}
	if (strspn(copy, "0123456789.") == length)
		return inet_pton(AF_INET, copy, &v4) == 1;
	return copy[0] != '-' && copy[0] != '.' &&
	       strspn(copy, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") ==
		       length;
}

static int check_host_port(
	struct config_reader *reader, const char *name, const yaml_node_t *node, const char *text)
{
	const char *colon = strrchr(text, ':');
	char quoted[48];
	unsigned port;

	if (!colon || !host_valid(text, (size_t)(colon - text)) ||
		!parse_small(colon + 1, 65535, &port) || !port)
		return config_refuse(reader, node,
			"%s is %s: it must be HOST:PORT, like \"198.18.0.1:7701\"", name,
			config_quote(node, quoted));
	return 0;
}

static const struct config_field port_fields[] = {
	{.key = "device",
		.kind = FIELD_TEXT,
		.offset = offsetof(struct config_port, device),
		.required = "a DPDK device like \"net_tap0,iface=hearth0\" or a PCI address"},
	{.key = "addresses",
		.kind = FIELD_READ,
		.read = read_addresses,
		.required = "its addresses like [\"198.18.0.1/24\"]"},
	{.key = "gateways", .kind = FIELD_READ, .read = read_gateways},
	{.key = NULL},
};

/* A device can be one port only, an address can be on one port only. */
static int check_port(struct config_reader *reader, const char *name, const yaml_node_t *node,
	const struct config *config, unsigned number)
{
	const struct config_port *port = &config->ports[number];
	char text[16];

	for (unsigned i = 0; i < number; i++) {
		const struct config_port *other = &config->ports[i];

		if (!strcmp(other->device, port->device))
			return config_refuse(reader, config_child(reader, node, "device"),
				"%s.device is that of ports[%u] already: name each device once",
				name, i);
		for (unsigned a = 0; a < port->address_count; a++) {
			for (unsigned b = 0; b < other->address_count; b++) {
				if (port->addresses[a].address != other->addresses[b].address)
					continue;
				config_address_text(port->addresses[a].address, text);
				return config_refuse(reader,
					config_child(reader, node, "addresses"),
					"%s.addresses has %s, which ports[%u] has already: give "
					"each port its own",
					name, text, i);
			}
		}
	}
	return 0;
}

int config_ports(
	struct config_reader *reader, const char *name, const yaml_node_t *node, void *object)
{
	struct config *config = object;
	char item[CONFIG_NAME_MAX];
	int count, rc;

	count = config_list(
		reader, name, node, 1, CONFIG_PORTS_MAX, "ports with device, addresses");
	if (count < 0)
		return count;
	for (unsigned i = 0; i < (unsigned)count; i++) {
		const yaml_node_t *port = config_item(reader, node, i);

		snprintf(item, sizeof(item), "%s[%u]", name, i);
		config->port_count = i + 1;
		rc = config_map(reader, item, port, port_fields, &config->ports[i]);
		if (rc == 0)
			rc = check_port(reader, item, port, config, i);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int config_check_connect(
	struct config_reader *reader, const char *name, const yaml_node_t *node, void *object)
{
	const struct config *config = object;

	if (!config->mc.connect_tcp && !config->mc.connect_udp)
		return config_refuse(reader, node,
			"%s has no port: add tcp, udp or both, like { tcp: 7701, udp: 7701 }",
			name);
	if (config->mc.connect_tcp == config->mc.login_tcp)
		return config_refuse(reader, node,
			"%s.tcp is %u, which is mc.login.tcp already: use another port", name,
			config->mc.connect_tcp);
	return 0;
}

int config_check_advertise(
	struct config_reader *reader, const char *name, const yaml_node_t *node, void *object)
{
	const struct config *config = object;
	const yaml_node_t *tcp = config_child(reader, node, "tcp");
	const yaml_node_t *udp = config_child(reader, node, "udp");
	char item[CONFIG_NAME_MAX];
	int rc = 0;

	if (tcp && !config->mc.connect_tcp)
		return config_refuse(reader, tcp,
			"%s.tcp without mc.connect.tcp: remove it or add the port", name);
	if (udp && !config->mc.connect_udp)
		return config_refuse(reader, udp,
			"%s.udp without mc.connect.udp: remove it or add the port", name);
	if (tcp) {
		snprintf(item, sizeof(item), "%s.tcp", name);
		rc = check_host_port(reader, item, tcp, config->mc.advertise_tcp);
	}
	if (udp && rc == 0) {
		snprintf(item, sizeof(item), "%s.udp", name);
		rc = check_host_port(reader, item, udp, config->mc.advertise_udp);
	}
	return rc;
}
