/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* config_operate.c - keys of what operators look through and change by: http, log, capture, idle,
 * drain */
#include "config_net.h"
#include "config_table.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const booleans[] = {"false", "true", NULL};
static const char *const levels[] = {[LOG_LEVEL_ERROR] = "error",
	[LOG_LEVEL_WARNING] = "warning",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_DEBUG] = "debug",
	NULL};
static const char *const formats[] = {[LOG_FORMAT_AUTO] = "auto",
	[LOG_FORMAT_TEXT] = "text",
	[LOG_FORMAT_JOURNALD] = "journald",
	[LOG_FORMAT_JSON] = "json",
	NULL};
const char *const config_idle_words[] = {"poll", "adaptive", NULL};

const struct config_field config_http_fields[] = {
	{.key = "listen",
		.kind = FIELD_TEXT,
		.offset = offsetof(struct config, http.listen),
		.required = "where to listen, like \"127.0.0.1:9464\""},
	{.key = "token_file",
		.kind = FIELD_PATH,
		.offset = offsetof(struct config, http.token_file),
		.when = FIELD_RUN_TIME},
	WORD("actions", http.actions, booleans, FIELD_RUN_TIME),
	{.key = NULL},
};

const struct config_field config_log_fields[] = {
	WORD("level", log.level, levels, FIELD_RUN_TIME),
	WORD("format", log.format, formats, FIELD_START),
	{.key = "audit", .kind = FIELD_PATH, .offset = offsetof(struct config, log.audit)},
	{.key = NULL},
};

const struct config_field config_capture_fields[] = {
	WORD("allow", capture.allow, booleans, FIELD_RUN_TIME),
	WORD("decrypted", capture.decrypted, booleans, FIELD_RUN_TIME),
	BYTES("bytes", capture.bytes, MIB, 1024 * GIB, FIELD_RUN_TIME),
	{.key = NULL},
};

const struct config_field config_drain_fields[] = {
	NUMBER("rate", drain.rate, 1, 1000000, "(sessions ended per second)", FIELD_RUN_TIME),
	{.key = NULL},
};

void config_operate_defaults(struct config *config)
{
	config->http.actions = true;
	config->log.level = LOG_LEVEL_INFO;
	config->log.format = LOG_FORMAT_AUTO;
	config->capture.allow = true;
	config->capture.bytes = 256 * MIB;
	config->idle.wake_us = 1000;
	config->drain.rate = 1000;
}

void config_operate_free(struct config *config)
{
	free(config->http.listen);
	free(config->http.token_file);
	free(config->log.audit);
}

/* "127.0.0.1:9464", "[::1]:9464": a name might come to mean another machine's address. */
static bool parse_listen(const char *text, struct ip_address *address, uint16_t *port)
{
	const char *colon = strrchr(text, ':');
	size_t length = colon ? (size_t)(colon - text) : 0;
	char host[IP_TEXT + 2];
	unsigned number;
	bool brackets;

	if (!length || length >= sizeof(host) || !config_small(colon + 1, 65535, &number) ||
		!number)
		return false;
	brackets = text[0] == '[' && text[length - 1] == ']';
	snprintf(host, sizeof(host), "%.*s", (int)(length - 2 * brackets), text + brackets);
	*port = (uint16_t)number;
	return ip_parse(host, address) && ip_is_v4(address) == !brackets;
}

bool config_is_loopback(const struct ip_address *address)
{
	const uint32_t *word = address->word;

	if (ip_is_v4(address))
		return ntohl(word[3]) >> 24 == 127;
	return !word[0] && !word[1] && !word[2] && word[3] == htonl(1);
}

int config_check_http(
	struct config_reader *reader, const char *name, const yaml_node_t *node, void *object)
{
	const yaml_node_t *listen = config_child(reader, node, "listen");
	const yaml_node_t *actions = config_child(reader, node, "actions");
	struct config *config = object;
	char quoted[48];

	config_quote(listen, quoted);
	if (!parse_listen(config->http.listen, &config->http.address, &config->http.port))
		return config_refuse(reader, listen,
			"%s.listen is %s: it must be an address of this machine and a port, like "
			"\"127.0.0.1:9464\" or \"[::1]:9464\"",
			name, quoted);
	if (!config_is_loopback(&config->http.address) && !config->http.token_file)
		return config_refuse(reader, listen,
			"%s.listen is %s, which others can reach, without a %s.token_file: give "
			"one, or listen on 127.0.0.1 or [::1]",
			name, quoted, name);
	if (actions && config->http.actions && !config->http.token_file)
		config_warn(reader, actions,
			"%s.actions is true without a %s.token_file: nothing can be changed here "
			"without a token",
			name, name);
	return 0;
}
