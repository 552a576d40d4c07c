/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* config_address.c - a port's addresses and next hops, of both families */
#include "config_net.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/* An address, a space and an Ethernet address. */
#define GATEWAY_TEXT (IP_TEXT + 18)

bool config_small(const char *text, unsigned maximum, unsigned *value)
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

static const char *no_host_v4(uint32_t host)
{
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

const char *config_no_host(const struct ip_address *address)
{
	const uint32_t *word = address->word;

	if (ip_is_v4(address))
		return no_host_v4(ntohl(word[3]));
	if (ntohl(word[0]) >> 24 == 0xff)
		return "a multicast address";
	if (word[0] || word[1] || word[2])
		return NULL;
	if (word[3] == htonl(1))
		return "the loopback address";
	return word[3] ? "an address in ::/96, which no host can have" : "the unspecified address";
}

static bool link_local_v6(const struct ip_address *address)
{
	return ntohl(address->word[0]) >> 22 == 0xfe80 >> 6;
}

/* Bits of the word behind a prefix that ends in, before or behind it; host byte order. */
static uint32_t host_bits(unsigned prefix, unsigned word)
{
	unsigned before = word * 32;

	if (prefix <= before)
		return UINT32_MAX;
	return prefix - before >= 32 ? 0 : UINT32_MAX >> (prefix - before);
}

/* A prefix counted in the 128 bits of struct ip_address. */
static unsigned whole_prefix(const struct config_address *own)
{
	return ip_is_v4(&own->address) ? own->prefix + 96u : own->prefix;
}

static bool same_subnet(const struct config_address *own, const struct ip_address *address)
{
	if (ip_is_v4(&own->address) != ip_is_v4(address))
		return false;
	for (unsigned i = 0; i < 4; i++) {
		if (ntohl(own->address.word[i] ^ address->word[i]) &
			~host_bits(whole_prefix(own), i))
			return false;
	}
	return true;
}

/* What is wrong with an address as that of one host on a subnet; NULL if nothing is. */
static const char *no_single_host(const struct ip_address *address, unsigned prefix)
{
	const bool v4 = ip_is_v4(address);
	bool none = true, all = true;

	if (prefix >= (v4 ? 31 : 127)) /* RFC 3021, RFC 6164 */
		return NULL;
	for (unsigned i = 0; i < 4; i++) {
		uint32_t mask = host_bits(v4 ? prefix + 96 : prefix, i);
		uint32_t bits = ntohl(address->word[i]) & mask;

		none = none && !bits;
		all = all && bits == mask;
	}
	if (none) /* RFC 4291 section 2.6.1 */
		return v4 ? "the address of the subnet itself"
			  : "the address of all the subnet's routers";
	return all && v4 ? "the broadcast address of its subnet" : NULL;
}

/* ---- addresses ---- */

static int read_address(struct config_reader *reader, const char *name, const yaml_node_t *node,
	struct config_port *port)
{
	struct config_address *own = &port->addresses[port->address_count];
	char host[64], quoted[48];
	const char *text, *slash, *wrong;
	struct in6_addr mapped;
	unsigned prefix;
	bool v4;
	int rc;

	rc = config_text(reader, name, node, &text);
	if (rc < 0)
		return rc;
	config_quote(node, quoted);
	slash = strchr(text, '/');
	snprintf(host, sizeof(host), "%.*s", slash ? (int)(slash - text) : 63, text);
	if (!ip_parse(host, &own->address)) {
		if (inet_pton(AF_INET6, host, &mapped) == 1)
			return config_refuse(reader, node,
				"%s is %s, an IPv4 address written as IPv6: write it like "
				"198.18.0.1/24",
				name, quoted);
		return config_refuse(reader, node,
			"%s is %s: it must be an address with its prefix, like 198.18.0.1/24 or "
			"fd77::1/64",
			name, quoted);
	}
	v4 = ip_is_v4(&own->address);
	if (!slash)
		return config_refuse(reader, node,
			"%s is %s without a prefix length: write it like %s/%u", name, quoted, host,
			v4 ? 24 : 64);
	if (!config_small(slash + 1, v4 ? 32 : 128, &prefix) || !prefix)
		return config_refuse(reader, node, "%s is %s: its prefix length must be 1..%u",
			name, quoted, v4 ? 32 : 128);
	wrong = config_no_host(&own->address);
	if (!wrong)
		wrong = no_single_host(&own->address, prefix);
	if (!wrong && !v4 && link_local_v6(&own->address))
		wrong = "a link-local address, which every port with IPv6 makes for itself";
	if (wrong)
		return config_refuse(reader, node,
			"%s is %s, %s: give the port an address of its own", name, quoted, wrong);
	for (unsigned i = 0; i < port->address_count; i++) {
		if (ip_equal(&port->addresses[i].address, &own->address))
			return config_refuse(reader, node,
				"%s is %s, which stands here already: remove one", name, quoted);
	}
	own->prefix = (uint8_t)prefix;
	port->address_count++;
	return 0;
}

int config_addresses(
	struct config_reader *reader, const char *name, const yaml_node_t *node, void *object)
{
	struct config_port *port = object;
	char item[CONFIG_NAME_MAX + 16];
	int count, rc;

	count = config_list(reader, name, node, 1, CONFIG_ADDRESSES_MAX,
		"addresses like \"198.18.0.1/24\" or \"fd77::1/64\"");
	if (count < 0)
		return count;
	for (int i = 0; i < count; i++) {
		snprintf(item, sizeof(item), "%s[%d]", name, i);
		rc = read_address(reader, item, config_item(reader, node, (unsigned)i), port);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* ---- gateways ---- */

static bool has_v6(const struct config_port *port)
{
	for (unsigned i = 0; i < port->address_count; i++) {
		if (!ip_is_v4(&port->addresses[i].address))
			return true;
	}
	return false;
}

/* What is wrong with a next hop; NULL if it can be asked for on this port. */
static const char *unreachable(const struct config_port *port, const struct ip_address *gateway)
{
	const char *wrong = config_no_host(gateway);
	bool on_subnet = false;

	if (wrong)
		return wrong;
	for (unsigned i = 0; i < port->address_count; i++) {
		const struct config_address *own = &port->addresses[i];

		if (ip_equal(&own->address, gateway))
			return "which is the port's own address";
		if (!same_subnet(own, gateway))
			continue;
		on_subnet = true;
		if (!wrong)
			wrong = no_single_host(gateway, own->prefix);
	}
	if (on_subnet)
		return wrong;
	if (ip_is_v4(gateway) || !link_local_v6(gateway))
		return "which lies on none of the port's subnets";
	/* The prefix of all link-local addresses, RFC 4291 section 2.5.6. */
	if (!has_v6(port))
		return "a link-local address, but the port has no IPv6 address";
	return no_single_host(gateway, 64);
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* "02:00:00:00:00:01", one station's. */
static bool parse_mac(const char *text, uint8_t mac[6])
{
	uint8_t any = 0;

	if (strlen(text) != 17)
		return false;
	for (unsigned i = 0; i < 6; i++, text += 3) {
		int high = digit(text[0]), low = digit(text[1]);

		if (high < 0 || low < 0 || (i < 5 && text[2] != ':'))
			return false;
		mac[i] = (uint8_t)(high << 4 | low);
		any |= mac[i];
	}
	return any && !(mac[0] & 1);
}

static int read_gateway(struct config_reader *reader, const char *name, const yaml_node_t *node,
	struct config_port *port)
{
	struct config_gateway *gateway = &port->gateways[port->gateway_count];
	char host[GATEWAY_TEXT], quoted[48], *mac;
	const char *text, *wrong;
	int rc;

	rc = config_text(reader, name, node, &text);
	if (rc < 0)
		return rc;
	config_quote(node, quoted);
	snprintf(host, sizeof(host), "%s", text);
	mac = strchr(host, ' ');
	if (mac)
		*mac++ = '\0';
	if (strlen(text) >= sizeof(host) || !ip_parse(host, &gateway->address))
		return config_refuse(reader, node,
			"%s is %s: it must be an address without prefix, like 198.18.0.254 or "
			"fe80::1",
			name, quoted);
	if (mac && !parse_mac(mac, gateway->mac))
		return config_refuse(reader, node,
			"%s is %s: what follows the address must be one station's Ethernet "
			"address, like \"%s 02:00:00:00:00:01\"",
			name, quoted, host);
	gateway->fixed = mac;
	wrong = unreachable(port, &gateway->address);
	if (wrong)
		return config_refuse(reader, node,
			"%s is %s, %s: give a next hop's address on one of the port's subnets",
			name, quoted, wrong);
	for (unsigned i = 0; i < port->gateway_count; i++) {
		if (ip_equal(&port->gateways[i].address, &gateway->address))
			return config_refuse(reader, node,
				"%s is %s, which stands here already: remove one", name, quoted);
	}
	port->gateway_count++;
	return 0;
}

int config_gateways(
	struct config_reader *reader, const char *name, const yaml_node_t *node, void *object)
{
	char item[CONFIG_NAME_MAX + 16];
	int count, rc = 0;

	count = config_list(reader, name, node, 0, CONFIG_GATEWAYS_MAX,
		"next hops like \"198.18.0.254\" or \"fe80::1\"");
	for (int i = 0; i < count && rc == 0; i++) {
		snprintf(item, sizeof(item), "%s[%d]", name, i);
		rc = read_gateway(reader, item, config_item(reader, node, (unsigned)i), object);
	}
	return count < 0 ? count : rc;
}

/* ---- as they may stand in a file ---- */

char *config_show_addresses(const void *object)
{
	const struct config_port *port = object;
	char text[CONFIG_ADDRESSES_MAX * (IP_TEXT + 8) + 3] = "[", one[IP_TEXT];
	size_t used = 1;

	for (unsigned i = 0; i < port->address_count; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s\"%s/%u\"",
			i ? ", " : "", ip_text(&port->addresses[i].address, one),
			port->addresses[i].prefix);
	snprintf(text + used, sizeof(text) - used, "]");
	return strdup(text);
}

char *config_show_gateways(const void *object)
{
	const struct config_port *port = object;
	char text[CONFIG_GATEWAYS_MAX * (GATEWAY_TEXT + 4) + 3] = "[", one[IP_TEXT];
	size_t used = 1;

	for (unsigned i = 0; i < port->gateway_count; i++) {
		const struct config_gateway *gateway = &port->gateways[i];
		const uint8_t *mac = gateway->mac;

		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s\"%s", i ? ", " : "",
			ip_text(&gateway->address, one));
		if (gateway->fixed)
			used += (size_t)snprintf(text + used, sizeof(text) - used,
				" %02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
				mac[4], mac[5]);
		used += (size_t)snprintf(text + used, sizeof(text) - used, "\"");
	}
	snprintf(text + used, sizeof(text) - used, "]");
	return strdup(text);
}
