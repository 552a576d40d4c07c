/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* config_net.h - ports with their addresses, and what mc is reached at */
#pragma once

#include "config.h"
#include "config_yaml.h"

/** config_ports() - reads the list of ports into a struct config. */
int config_ports(
	struct config_reader *reader, const char *name, const yaml_node_t *node, void *object);

/** config_check_connect() - a transport at least, and no port taken twice. */
int config_check_connect(
	struct config_reader *reader, const char *name, const yaml_node_t *node, void *object);

/** config_check_advertise() - HOST:PORT texts, for transports that are offered. */
int config_check_advertise(
	struct config_reader *reader, const char *name, const yaml_node_t *node, void *object);

/** config_address_text() - an IPv4 address in network byte order, dotted. */
const char *config_address_text(uint32_t address, char out[16]);
