/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* config.c - the configuration's keys: their ranges, their defaults and what must fit together */
#include "config_net.h"
#include "config_table.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#define CPU_MAX 1023
#define SESSIONS_MAX ((1 << 30) - 1) /* a token's index has 30 bits */
#define DEVICES_MAX (1 << 28)
#define SUBDEVICES 65536         /* unless told otherwise, or there are fewer devices */
#define CONNECTIONS_MAX 16777215 /* a connection's number has 24 bits */
#define CHUNKS_MIN 1024
#define CHUNKS_MAX (1u << 26)   /* 32 GiB of the smallest */
#define COMMANDS_MAX (1u << 20) /* COMMAND_BLOCKS_MAX */

static int check_limits(
	struct config_reader *reader, const char *name, const yaml_node_t *node, void *object)
{
	const struct config *config = object;

	if ((uint64_t)config->limits.sessions + config->limits.pending_logins > SESSIONS_MAX)
		return config_refuse(reader, node,
			"%s.sessions and %s.pending_logins are %llu together: they must stay below "
			"1073741824",
			name, name,
			(unsigned long long)config->limits.sessions +
				config->limits.pending_logins);
	return 0;
}

static int read_workers(
	struct config_reader *reader, const char *name, const yaml_node_t *node, void *object)
{
	struct config *config = object;
	char item[CONFIG_NAME_MAX];
	uint64_t cpu;
	int count, rc;

	count = config_list(reader, name, node, 1, CONFIG_WORKERS_MAX, "CPU numbers like [1]");
	if (count < 0)
		return count;
	for (unsigned i = 0; i < (unsigned)count; i++) {
		const yaml_node_t *value = config_item(reader, node, i);

		snprintf(item, sizeof(item), "%s[%u]", name, i);
		rc = config_number(reader, item, value, false, 0, CPU_MAX, "", &cpu);
		if (rc < 0)
			return rc;
		for (unsigned j = 0; j < i; j++) {
			if (config->workers[j] != cpu)
				continue;
			config_warn(reader, value,
				"%s is CPU %u, which has a worker already: they take turns, and "
				"more CPUs would be faster",
				item, (unsigned)cpu);
			break;
		}
		config->workers[i] = (unsigned)cpu;
		config->worker_count = i + 1;
	}
	return 0;
}

static char *show_workers(const void *object)
{
	const struct config *config = object;
	char text[6 * CONFIG_WORKERS_MAX + 3] = "[";
	size_t used = 1;

	for (unsigned i = 0; i < config->worker_count; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%u", i ? ", " : "",
			config->workers[i]);
	snprintf(text + used, sizeof(text) - used, "]");
	return strdup(text);
}

static int check_ring_bytes(
	struct config_reader *reader, const char *name, const yaml_node_t *node, void *object)
{
	const struct config *config = object;

	if (config->feed.bytes % 4096)
		return config_refuse(reader, node,
			"%s is %llu: it must be a multiple of 4096 (pages), like 64MiB", name,
			(unsigned long long)config->feed.bytes);
	return 0;
}

static int check_socket(
	struct config_reader *reader, const char *name, const yaml_node_t *node, void *object)
{
	const struct config *config = object;
	size_t room = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;

	if (strlen(config->control_socket) > room)
		return config_refuse(reader, node,
			"%s is %zu bytes long with its directory: a socket's path has %zu at most",
			name, strlen(config->control_socket), room);
	return 0;
}

static const char *const memory_modes[] = {
	[MEMORY_AUTO] = "auto", [MEMORY_HUGE] = "huge", [MEMORY_NO_HUGE] = "no-huge", NULL};
static const char *const acknowledges[] = {
	[ACKNOWLEDGE_RING] = "ring", [ACKNOWLEDGE_COMMIT] = "commit", NULL};
static const char *const unanswered[] = {[UNANSWERED_IF_SILENT] = "if-silent",
	[UNANSWERED_END] = "end",
	[UNANSWERED_NEVER] = "keep",
	NULL};
static const char *const subdevices[] = {"lenient", "strict", NULL};

static const struct config_field memory_fields[] = {
	WORD("mode", memory.mode, memory_modes, FIELD_START),
	NUMBER("megabytes", memory.megabytes, 64, 1048576, "", FIELD_START),
	{.key = NULL},
};

static const struct config_field limits_fields[] = {
	NUMBER("devices", limits.devices, 1, DEVICES_MAX, "", FIELD_BOUND),
	NUMBER("sessions", limits.sessions, 1, SESSIONS_MAX, "", FIELD_BOUND),
	NUMBER("connections", limits.connections, 1, CONNECTIONS_MAX, "", FIELD_START),
	NUMBER("chunks", limits.chunks, CHUNKS_MIN, CHUNKS_MAX, "", FIELD_START),
	NUMBER("pending_logins", limits.pending_logins, 1, SESSIONS_MAX, "", FIELD_BOUND),
	NUMBER("commands", limits.commands, 64, COMMANDS_MAX, "", FIELD_START),
	NUMBER("subdevices", limits.subdevices, 1, DEVICES_MAX, "", FIELD_START),
	{.key = NULL},
};

static const struct config_field login_fields[] = {
	{.key = "tcp",
		.kind = FIELD_NUMBER,
		AT(mc.login_tcp),
		.minimum = 1,
		.maximum = 65535,
		.required = "the TCP port of logins, like { tcp: 7700 }"},
	{.key = NULL},
};

static const struct config_field connect_fields[] = {
	NUMBER("tcp", mc.connect_tcp, 1, 65535, "", FIELD_START),
	NUMBER("udp", mc.connect_udp, 1, 65535, "", FIELD_START),
	{.key = NULL},
};

static const struct config_field advertise_fields[] = {
	{.key = "tcp", .kind = FIELD_TEXT, .offset = offsetof(struct config, mc.advertise_tcp)},
	{.key = "udp", .kind = FIELD_TEXT, .offset = offsetof(struct config, mc.advertise_udp)},
	{.key = NULL},
};

static const struct config_field frame_fields[] = {
	BYTES("tcp", mc.frame_tcp, 512, 64 * KIB, FIELD_START),
	BYTES("udp", mc.frame_udp, 512, 1472, FIELD_START),
	{.key = NULL},
};

static const struct config_field flap_fields[] = {
	NUMBER("connects", mc.flap_connects, 0, 250, "(0: not watched)", FIELD_RUN_TIME),
	NUMBER("seconds", mc.flap_seconds, 1, 3600, "(seconds)", FIELD_RUN_TIME),
	NUMBER("hold", mc.flap_hold, 1, 3600, "(seconds)", FIELD_RUN_TIME),
	{.key = NULL},
};

static const struct config_field budget_fields[] = {
	NUMBER("failures", mc.budget_failures, 0, 1000, "(0: not counted)", FIELD_RUN_TIME),
	NUMBER("per_seconds", mc.budget_seconds, 1, 3600, "(seconds)", FIELD_RUN_TIME),
	{.key = NULL},
};

static const struct config_field command_fields[] = {
	NUMBER("sends", mc.command_sends, 1, 10, "", FIELD_RUN_TIME),
	NUMBER("queue", mc.command_queue, 1, 1024, "", FIELD_RUN_TIME),
	WORD("unanswered", mc.unanswered, unanswered, FIELD_RUN_TIME),
	{.key = NULL},
};

static const struct config_field mc_fields[] = {
	{.key = "login",
		.kind = FIELD_MAP,
		.fields = login_fields,
		.required = "the port of logins, like login: { tcp: 7700 }"},
	{.key = "connect",
		.kind = FIELD_MAP,
		.fields = connect_fields,
		.read = config_check_connect,
		.required = "the ports of sessions, like connect: { tcp: 7701, udp: 7701 }"},
	{.key = "advertise",
		.kind = FIELD_MAP,
		.fields = advertise_fields,
		.read = config_check_advertise},
	NUMBER("heartbeat", mc.heartbeat, CONFIG_HEARTBEAT_MIN, 3600, "(seconds)", FIELD_RUN_TIME),
	NUMBER("auth_interval", mc.auth_interval, 0, 65535, "(seconds)", FIELD_RUN_TIME),
	NUMBER("time_window", mc.time_window, 0, 86400, "(seconds)", FIELD_RUN_TIME),
	NUMBER("token_seconds", mc.token_seconds, 1, 31536000, "(seconds)", FIELD_RUN_TIME),
	MAP("frame_bytes", frame_fields),
	NUMBER("udp_gap", mc.udp_gap, 0, 31, "", FIELD_RUN_TIME),
	MAP("flap", flap_fields),
	MAP("login_budget", budget_fields),
	MAP("commands", command_fields),
	WORD("subdevices", mc.subdevices_strict, subdevices, FIELD_RUN_TIME),
	{.key = NULL},
};

static const struct config_field registry_fields[] = {
	{.key = "path", .kind = FIELD_PATH, .offset = offsetof(struct config, registry_path)},
	{.key = NULL},
};

static const struct config_field feed_fields[] = {
	{.key = "path", .kind = FIELD_PATH, .offset = offsetof(struct config, feed.path)},
	{.key = "bytes",
		.kind = FIELD_BYTES,
		AT(feed.bytes),
		.minimum = MIB,
		.maximum = 1024 * GIB,
		.read = check_ring_bytes},
	{.key = "acknowledge", .kind = FIELD_WORD, AT(feed.acknowledge), .words = acknowledges},
	{.key = NULL},
};

static const struct config_field control_fields[] = {
	{.key = "socket",
		.kind = FIELD_PATH,
		.offset = offsetof(struct config, control_socket),
		.read = check_socket},
	{.key = NULL},
};

const struct config_field config_fields[] = {
	MAP("memory", memory_fields),
	{.key = "limits", .kind = FIELD_MAP, .fields = limits_fields, .read = check_limits},
	{.key = "workers",
		.kind = FIELD_READ,
		.read = read_workers,
		.show = show_workers,
		.required = "the CPU of each worker, like workers: [1]"},
	{.key = "ports",
		.kind = FIELD_READ,
		.read = config_ports,
		.required = "a list of ports, each with device and addresses"},
	{.key = "mc",
		.kind = FIELD_MAP,
		.fields = mc_fields,
		.required = "a mapping with login and connect"},
	MAP("registry", registry_fields),
	MAP("feed", feed_fields),
	MAP("control", control_fields),
	{.key = "http", .kind = FIELD_MAP, .fields = config_http_fields, .read = config_check_http},
	MAP("log", config_log_fields),
	MAP("capture", config_capture_fields),
	WORD("idle", idle.adaptive, config_idle_words, FIELD_RUN_TIME),
	NUMBER("idle_wake_us", idle.wake_us, 50, 100000, "(microseconds)", FIELD_RUN_TIME),
	MAP("drain", config_drain_fields),
	{.key = NULL},
};

static void set_defaults(struct config *config)
{
	config->memory.mode = MEMORY_AUTO;
	config->memory.megabytes = 1024;
	config->limits.devices = 1000000;
	config->limits.sessions = 100000;
	config->limits.connections = 200000;
	config->limits.pending_logins = 20000;
	config->limits.commands = 16384;
	config->mc.heartbeat = 45;
	config->mc.auth_interval = 600;
	config->mc.time_window = 300;
	config->mc.token_seconds = 86400;
	config->mc.frame_tcp = 64 * KIB;
	config->mc.frame_udp = 1472;
	config->mc.flap_connects = 40;
	config->mc.flap_seconds = 300;
	config->mc.flap_hold = 60;
	config->mc.budget_failures = 20;
	config->mc.budget_seconds = 60;
	config->mc.command_sends = 3;
	config->mc.command_queue = 16;
	config->mc.unanswered = UNANSWERED_IF_SILENT;
	config->feed.bytes = 64 * MIB;
	config->feed.acknowledge = ACKNOWLEDGE_RING;
	config_operate_defaults(config);
}

/* What follows from other values where it was left out. */
static void set_default_limits(struct config *config)
{
	const uint32_t devices = config->limits.devices;

	if (!config->limits.subdevices)
		config->limits.subdevices = devices < SUBDEVICES ? devices : SUBDEVICES;
}

/* Where a text was left out; @reader gives the directory that paths are relative to. */
static int set_default_texts(const struct config_reader *reader, struct config *config)
{
	const struct config_port *first = &config->ports[0];
	const struct ip_address *host = &first->addresses[0].address;
	char advertise[IP_PORT_TEXT];

	if (!config->mc.advertise_tcp) {
		ip_port_text(host, config->mc.connect_tcp, advertise);
		config->mc.advertise_tcp = strdup(config->mc.connect_tcp ? advertise : "");
	}
	if (!config->mc.advertise_udp) {
		ip_port_text(host, config->mc.connect_udp, advertise);
		config->mc.advertise_udp = strdup(config->mc.connect_udp ? advertise : "");
	}
	if (!config->registry_path)
		config->registry_path = config_path(reader, "./registry");
	if (!config->feed.path)
		config->feed.path = strdup("/dev/shm/hearth");
	if (!config->control_socket)
		config->control_socket = strdup("/run/hearth/control.sock");
	config->file = strdup(reader->file);
	return config->mc.advertise_tcp && config->mc.advertise_udp && config->registry_path &&
			       config->feed.path && config->control_socket && config->file
		       ? 0
		       : -ENOMEM;
}

/* @text: NULL: @file is read. */
static struct config *load(const char *file, const char *text, size_t length,
	void (*warn)(const char *line), char *error, size_t size)
{
	struct config_reader reader = {.file = file,
		.needs = "workers, ports and mc at least",
		.warn = warn,
		.error = error,
		.size = size};
	const yaml_node_t *root;
	struct config *config;
	int rc;

	if (size)
		error[0] = '\0';
	config = calloc(1, sizeof(*config));
	if (!config) {
		snprintf(error, size, "%s: no memory to read it", file);
		return NULL;
	}
	set_defaults(config);
	rc = text ? config_yaml_parse(&reader, (const unsigned char *)text, length)
		  : config_yaml_open(&reader);
	if (rc < 0) {
		config_free(config);
		return NULL;
	}
	root = yaml_document_get_root_node(&reader.document);
	if (config_map(&reader, "", root, config_fields, config) < 0) {
		config_free(config);
		config = NULL;
	} else if (set_default_texts(&reader, config) < 0) {
		snprintf(error, size, "%s: no memory to read it", file);
		config_free(config);
		config = NULL;
	}
	if (config)
		set_default_limits(config);
	config_yaml_close(&reader);
	return config;
}

struct config *config_load(
	const char *file, void (*warn)(const char *line), char *error, size_t size)
{
	return load(file, NULL, 0, warn, error, size);
}

struct config *config_parse(const char *file, const char *text, size_t length,
	void (*warn)(const char *line), char *error, size_t size)
{
	return load(file, text, length, warn, error, size);
}

void config_free(struct config *config)
{
	if (!config)
		return;
	for (unsigned i = 0; i < CONFIG_PORTS_MAX; i++)
		free(config->ports[i].device);
	free(config->mc.advertise_tcp);
	free(config->mc.advertise_udp);
	free(config->registry_path);
	free(config->feed.path);
	free(config->control_socket);
	config_operate_free(config);
	free(config->file);
	free(config);
}
