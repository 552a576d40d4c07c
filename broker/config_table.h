/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* config_table.h - rows of the configuration's tables; for config*.c only */
#pragma once

#include "config.h"
#include "config_yaml.h"

#define KIB ((uint64_t)1 << 10)
#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)

/* A value's place in struct config. */
#define AT(member)                                                                                 \
	.width = sizeof(((struct config *)0)->member), .offset = offsetof(struct config, member)
#define NUMBER(name, member, low, high, of, at)                                                    \
	{                                                                                          \
		.key = name, .kind = FIELD_NUMBER, AT(member), .minimum = low, .maximum = high,    \
		.unit = of, .when = at                                                             \
	}
#define BYTES(name, member, low, high, at)                                                         \
	{                                                                                          \
		.key = name, .kind = FIELD_BYTES, AT(member), .minimum = low, .maximum = high,     \
		.when = at                                                                         \
	}
#define WORD(name, member, list, at)                                                               \
	{                                                                                          \
		.key = name, .kind = FIELD_WORD, AT(member), .words = list, .when = at             \
	}
#define MAP(name, table)                                                                           \
	{                                                                                          \
		.key = name, .kind = FIELD_MAP, .fields = table                                    \
	}

/** config_fields - the whole file */
extern const struct config_field config_fields[];

/** config_http_fields and so on - what operators look through and change by (config_operate.c) */
extern const struct config_field config_http_fields[];
extern const struct config_field config_log_fields[];
extern const struct config_field config_capture_fields[];
extern const struct config_field config_drain_fields[];
extern const char *const config_idle_words[];

/** config_is_loopback() - can nobody else reach this address? */
bool config_is_loopback(const struct ip_address *address);

/** config_check_http() - an address of our own, and never one for others without a token. */
int config_check_http(
	struct config_reader *reader, const char *name, const yaml_node_t *node, void *object);

/** config_operate_defaults() - of those sections. */
void config_operate_defaults(struct config *config);

/** config_operate_free() - the texts of those sections. */
void config_operate_free(struct config *config);
