/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* config.h - the configuration file, checked and with its defaults filled in */
#pragma once

#include "address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_WORKERS_MAX 64
#define CONFIG_HEARTBEAT_MIN 10 /* seconds */
#define CONFIG_PORTS_MAX 8
#define CONFIG_ADDRESSES_MAX 8
#define CONFIG_GATEWAYS_MAX 4

enum config_memory { MEMORY_AUTO, MEMORY_HUGE, MEMORY_NO_HUGE };
enum config_acknowledge { ACKNOWLEDGE_RING, ACKNOWLEDGE_COMMIT };
enum config_unanswered { UNANSWERED_IF_SILENT, UNANSWERED_END, UNANSWERED_NEVER };
enum config_log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum config_log_format { LOG_FORMAT_AUTO, LOG_FORMAT_TEXT, LOG_FORMAT_JOURNALD, LOG_FORMAT_JSON };

/** struct config_address - an address with its prefix */
struct config_address {
	struct ip_address address;
	uint8_t prefix; /* 1..32; IPv6: 1..128 */
};

/**
 * struct config_gateway - a next hop
 * @fixed: its Ethernet address is @mac and never asked for
 */
struct config_gateway {
	struct ip_address address;
	bool fixed;
	uint8_t mac[6];
};

struct config_port {
	char *device; /* DPDK vdev string or PCI address */
	struct config_address addresses[CONFIG_ADDRESSES_MAX];
	unsigned address_count;
	struct config_gateway gateways[CONFIG_GATEWAYS_MAX];
	unsigned gateway_count;
	uint16_t vlan;   /* 1..4094; 0: untagged */
	uint16_t queues; /* queue pairs; 0: one per worker, of a memif one in all */
};

/** struct config - every member has a value unless NULL is said to mean something; paths are absolute
 * or relative to the working directory (those in the file are relative to the file) */
struct config {
	char *file;
	struct {
		enum config_memory mode;
		uint32_t megabytes;
	} memory;
	struct {
		uint32_t devices, sessions, connections, pending_logins, commands, subdevices;
		uint32_t chunks; /* of 512 bytes, of all workers; 0: as connections ask for */
	} limits;
	unsigned workers[CONFIG_WORKERS_MAX];
	unsigned worker_count;
	struct config_port ports[CONFIG_PORTS_MAX];
	unsigned port_count;
	struct {
		uint16_t login_tcp;                  /* host order; all ports */
		uint16_t connect_tcp, connect_udp;   /* 0: not offered */
		char *advertise_tcp, *advertise_udp; /* "HOST:PORT", or "" where not offered */
		uint32_t heartbeat, auth_interval, time_window, token_seconds;
		/* the longest heartbeat that sessions may have been told which connected up to
		 * this Unix second, and were not told the one above; 0: it has not changed */
		uint32_t heartbeat_before;
		int64_t heartbeat_since;
		uint32_t frame_tcp, frame_udp; /* bytes */
		uint32_t udp_gap;
		uint32_t flap_connects, flap_seconds, flap_hold; /* connects 0: not watched */
		uint32_t budget_failures, budget_seconds;        /* failures 0: not counted */
		uint32_t command_sends, command_queue;
		enum config_unanswered unanswered;
		bool subdevices_strict;
	} mc;
	char *registry_path;
	struct {
		char *path;
		uint64_t bytes; /* per worker */
		enum config_acknowledge acknowledge;
	} feed;
	char *control_socket;
	struct {
		char *listen; /* "ADDRESS:PORT"; NULL: nothing is served over HTTP */
		struct ip_address address;
		uint16_t port;    /* host order */
		char *token_file; /* NULL: none; then @address is a loopback one */
		bool actions;     /* changes are taken, of whoever shows the token */
	} http;
	struct {
		enum config_log_level level;
		enum config_log_format format;
		char *audit; /* NULL: none is kept */
	} log;
	struct {
		bool allow, decrypted;
		uint64_t bytes; /* of one file */
	} capture;
	struct {
		bool adaptive;    /* else a worker polls for ever */
		uint32_t wake_us; /* the longest sleep */
	} idle;
	struct {
		uint32_t rate; /* sessions ended per second */
	} drain;
};

/**
 * config_load() - read and check a configuration file
 * @warn: called with one line for each thing that is accepted but has no effect; may be NULL
 * @error: receives "FILE:LINE: what is wrong and what would be right"
 * Return: the configuration, to be freed with config_free(); NULL if it is refused.
 */
struct config *config_load(
	const char *file, void (*warn)(const char *line), char *error, size_t size);

/** config_parse() - the same with its text at hand; @file is only its name, and where its paths begin. */
struct config *config_parse(const char *file, const char *text, size_t length,
	void (*warn)(const char *line), char *error, size_t size);

/** config_has_ipv6() - has any port an IPv6 address? */
static inline bool config_has_ipv6(const struct config *config)
{
	for (unsigned i = 0; i < config->port_count; i++) {
		for (unsigned j = 0; j < config->ports[i].address_count; j++) {
			if (!ip_is_v4(&config->ports[i].addresses[j].address))
				return true;
		}
	}
	return false;
}

/** config_free() - NULL is allowed. */
void config_free(struct config *config);
