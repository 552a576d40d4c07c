/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* config_net.c - ports with their addresses, and what mc is reached at */
#include "config_net.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An address of ours, as devices may reach it through whatever lies between. */
static bool address_valid(const char *text)
{
	struct ip_address address;

	return ip_parse(text, &address) && !config_no_host(&address);
}

/* Dotted address, name of letters, digits, dots and hyphens, or [IPv6]. */
static bool host_valid(const char *host, size_t length)
{
	char copy[254];

	if (!length || length >= sizeof(copy))
		return false;
	memcpy(copy, host, length);
	copy[length] = '\0';
	if (copy[0] == '[') {
		if (copy[length - 1] != ']')
			return false;
		copy[length - 1] = '\0';
		return strchr(copy, ':') && address_valid(copy + 1);
	}
	if (strspn(copy, "0123456789.") == length)
		return address_valid(copy);
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
		!config_small(colon + 1, 65535, &port) || !port)
		return config_refuse(reader, node,
			"%s is %s: it must be HOST:PORT, like \"198.18.0.1:7701\" or "
			"\"[fd77::1]:7701\", and reach us from outside",
			name, config_quote(node, quoted));
	return 0;
}

const struct config_field config_port_fields[] = {
	{.key = "device",
		.kind = FIELD_TEXT,
		.offset = offsetof(struct config_port, device),
		.required = "a DPDK device like \"net_tap0,iface=hearth0\" or a PCI address"},
	{.key = "addresses",
		.kind = FIELD_READ,
		.read = config_addresses,
		.show = config_show_addresses,
		.required = "its addresses like [\"198.18.0.1/24\"]"},
	{.key = "gateways",
		.kind = FIELD_READ,
		.read = config_gateways,
		.show = config_show_gateways},
	{.key = "vlan",
		.kind = FIELD_NUMBER,
		.width = sizeof(((struct config_port *)0)->vlan),
		.offset = offsetof(struct config_port, vlan),
		.minimum = 1,
		.maximum = 4094,
		.unit = "(leave it out for untagged frames)"},
	{.key = "queues",
		.kind = FIELD_NUMBER,
		.width = sizeof(((struct config_port *)0)->queues),
		.offset = offsetof(struct config_port, queues),
		.minimum = 1,
		.maximum = CONFIG_WORKERS_MAX,
		.unit = "queue pairs (at most one per worker)"},
	{.key = NULL},
};

/* A device can be one port only, an address can be on one port only. */
static int check_port(struct config_reader *reader, const char *name, const yaml_node_t *node,
	const struct config *config, unsigned number)
{
	const struct config_port *port = &config->ports[number];
	char text[IP_TEXT];

	for (unsigned i = 0; i < number; i++) {
		const struct config_port *other = &config->ports[i];

		if (!strcmp(other->device, port->device))
			return config_refuse(reader, config_child(reader, node, "device"),
				"%s.device is that of ports[%u] already: name each device once",
				name, i);
		for (unsigned a = 0; a < port->address_count; a++) {
			for (unsigned b = 0; b < other->address_count; b++) {
				if (!ip_equal(&port->addresses[a].address,
					    &other->addresses[b].address))
					continue;
				ip_text(&port->addresses[a].address, text);
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
		rc = config_map(reader, item, port, config_port_fields, &config->ports[i]);
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
