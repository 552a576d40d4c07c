/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* config_net.h - ports with their addresses and next hops, and what mc is reached at */
#pragma once

#include "config.h"
#include "config_yaml.h"

/** config_port_fields - one port, into a struct config_port */
extern const struct config_field config_port_fields[];

/** config_ports() - reads the list of ports into a struct config. */
int config_ports(
	struct config_reader *reader, const char *name, const yaml_node_t *node, void *object);

/** config_check_connect() - a transport at least, and no port taken twice. */
int config_check_connect(
	struct config_reader *reader, const char *name, const yaml_node_t *node, void *object);

/** config_check_advertise() - HOST:PORT texts, for transports that are offered. */
int config_check_advertise(
	struct config_reader *reader, const char *name, const yaml_node_t *node, void *object);

/** config_addresses() - reads a port's addresses into a struct config_port. */
int config_addresses(
	struct config_reader *reader, const char *name, const yaml_node_t *node, void *object);

/** config_gateways() - the same of its next hops; the addresses are there already. */
int config_gateways(
	struct config_reader *reader, const char *name, const yaml_node_t *node, void *object);

/** config_show_addresses(), config_show_gateways() - the same as lists, malloc'ed */
char *config_show_addresses(const void *object);
char *config_show_gateways(const void *object);

/** config_small() - decimal digits up to @maximum, no leading zero. */
bool config_small(const char *text, unsigned maximum, unsigned *value);

/** config_no_host() - what is wrong with an address as a host's own or a next hop's; NULL if
 * nothing is. */
const char *config_no_host(const struct ip_address *address);
