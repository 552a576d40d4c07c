/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* wire_dpdk.c - the instrument on a DPDK port and a stack of ours: start and end */
#include "wire_dpdk.h"

#include "dpdk_host.h"
#include "memory.h"
#include "net/ipv4.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINK_WAIT_MS 10000
#define NEIGHBOURS 64
#define SEND_BYTES (1u << 20)
#define IDLE_US (UINT64_C(86400) * 1000000 * 20)
#define TIME_WAITS (1u << 18)

static uint32_t clamp(uint32_t value, uint32_t least, uint32_t most)
{
	return value < least ? least : value > most ? most : value;
}

static int start_port(struct wire_dpdk *dpdk, char *error, size_t size)
{
	const struct wire_dpdk_config *config = &dpdk->config;
	const char *pages = config->pages ? config->pages : "auto";
	const struct eal_config eal = {.identity = config->identity,
		.workers = &dpdk->config.cpu,
		.worker_count = 1,
		.memory = strcmp(pages, "huge") == 0      ? EAL_MEMORY_HUGE
			  : strcmp(pages, "no-huge") == 0 ? EAL_MEMORY_NO_HUGE
							  : EAL_MEMORY_AUTO,
		.megabytes = config->megabytes,
		.devices = &config->device,
		.device_count = 1,
		/* memif's zero copy shares its buffers by one file */
		.words = strstr(config->device, "zero-copy=yes") ? "--single-file-segments" : NULL};
	const struct port_config port = {.device = config->device,
		.workers = 1,
		.queues = 1,
		.rss = &dpdk->rss,
		.megabytes = config->megabytes / 2,
		.patience_us = config->patience_us};

	return dpdk_host_open(
		&eal, &port, dpdk->random, &dpdk->rss, &dpdk->rss, &dpdk->port, error, size);
}

static void size_stack(struct wire_dpdk *dpdk, struct stack_config *config)
{
	struct stack_link *link = &config->links[0];

	link->addresses[0] = (struct stack_address){dpdk->address, dpdk->prefix};
	link->address_count = 1;
	link->more = source_addresses(dpdk->devices) - 1;
	if (dpdk->has_gateway)
		link->gateways[link->gateway_count++] = dpdk->gateway;
	link->link = lossy_link(
		&dpdk->lossy, port_link(dpdk->port, 0), dpdk->config.loss, dpdk->config.seed);
	if (dpdk->config.strangers)
		link->link = strangers_link(&dpdk->strangers, link->link, &dpdk->address,
			dpdk->prefix, dpdk->peers[LOAD_LOGIN].port, dpdk->peers[LOAD_CONNECT].port,
			dpdk->config.seed);
	config->link_count = 1;
	config->neighbours = NEIGHBOURS;
	config->huge = eal_uses_huge_pages();
	/* Beside its session's a device may have a connection that is still closing. */
	config->tcp = (struct tcp_config){
		.connections = dpdk->devices + clamp(dpdk->devices / 8, 16384, 1u << 20),
		.embryonic = 64,
		.time_wait = clamp(dpdk->devices, 1024, TIME_WAITS),
		.sides = clamp(dpdk->devices / 16, 256, UINT16_MAX),
		.receive_window = 65535,
		.send_bytes = SEND_BYTES,
		.idle_us = IDLE_US,
		.ipv6 = !ip_is_v4(&dpdk->address),
	};
}

static int start_stack(struct wire_dpdk *dpdk, char *error, size_t size)
{
	static uint16_t ports[65536];
	struct stack_config config = {
		.rss = &dpdk->rss, .random = dpdk->random, .udp_ports = ports};
	struct chunk_pool_config chunks = {.count = {65536, 16384, 2048, 256}, .poison = true};

	size_stack(dpdk, &config);
	config.udp_port_count = dpdk_host_ports(ports);
	wire_dpdk_user(dpdk, &config.user);
	dpdk->random->fill(dpdk->random, &config.tcp.flow_key, sizeof(config.tcp.flow_key));
	dpdk->random->fill(dpdk->random, &config.tcp.isn_key, sizeof(config.tcp.isn_key));
	dpdk->chunk_bytes = chunk_pool_bytes(&chunks);
	dpdk->chunk_memory = memory_map(dpdk->chunk_bytes, config.huge);
	dpdk->incarnations = calloc(dpdk->devices, 1);
	if (!dpdk->chunk_memory || !dpdk->incarnations) {
		snprintf(error, size, "no memory for %u connections", config.tcp.connections);
		return -ENOMEM;
	}
	dpdk->chunks = chunk_pool_init(dpdk->chunk_memory, &chunks);
	config.tcp.chunks = dpdk->chunks;
	dpdk->stack = stack_new(&config, load_now() / 1000);
	if (!dpdk->stack) {
		snprintf(error, size, "the stack has no room for %u connections (%u addresses)",
			config.tcp.connections, config.links[0].more + 1);
		return -errno;
	}
	dpdk->tcp = stack_tcp(dpdk->stack);
	return 0;
}

/* The next hop is asked for before the first SYN, which would be lost meanwhile and cost a
 * second. */
static int find_next_hop(struct wire_dpdk *dpdk, char *error, size_t size)
{
	struct load_wire *wire = &dpdk->wire;

	for (unsigned waited = 0; waited < LINK_WAIT_MS; waited++) {
		unsigned ticket;

		if (wire->datagram(wire, 0, 0, 1, &ticket)) {
			wire->datagram_commit(wire, ticket, 0);
			return 0;
		}
		wire->poll(wire, load_now());
		usleep(1000);
	}
	snprintf(error, size, "nobody says to have the platform's address, in the subnet of %s",
		dpdk->config.address);
	return -EHOSTUNREACH;
}

/* Strangers have the end of the subnet, devices its beginning. */
static bool strangers_fit(const struct wire_dpdk *dpdk, char *error, size_t size)
{
	uint32_t last = ntohl(ip_v4(&dpdk->address) | ~ipv4_mask(dpdk->prefix));
	uint32_t needed = source_addresses(dpdk->devices) + STRANGERS_ADDRESSES;

	if (!dpdk->config.strangers)
		return true;
	if (!ip_is_v4(&dpdk->address)) {
		snprintf(error, size, "strangers have IPv4 addresses only, and %s is IPv6",
			dpdk->config.address);
		return false;
	}
	if (last - ntohl(ip_v4(&dpdk->address)) >= needed)
		return true;
	snprintf(error, size, "%u addresses in a row are needed from %s on, those of strangers too",
		needed, dpdk->config.address);
	return false;
}

static int dpdk_start(struct load_wire *wire, uint32_t devices, char *error, size_t size)
{
	struct wire_dpdk *dpdk = (struct wire_dpdk *)wire;
	int rc;

	dpdk->devices = devices;
	if (!strangers_fit(dpdk, error, size))
		return -EINVAL;
	dpdk->random = random_system_new();
	if (!dpdk->random)
		return -errno;
	rc = start_port(dpdk, error, size);
	if (!rc)
		rc = start_stack(dpdk, error, size);
	if (!rc)
		rc = dpdk_host_link(dpdk->port, error, size);
	if (!rc)
		rc = find_next_hop(dpdk, error, size);
	return rc;
}

static void dpdk_stop(struct load_wire *wire)
{
	struct wire_dpdk *dpdk = (struct wire_dpdk *)wire;

	if (!dpdk->random)
		return;
	stack_free(dpdk->stack);
	port_close(dpdk->port);
	eal_stop();
	if (dpdk->chunks)
		chunk_pool_fini(dpdk->chunks);
	memory_unmap(dpdk->chunk_memory, dpdk->chunk_bytes);
	free(dpdk->incarnations);
	random_system_free(dpdk->random);
	dpdk->random = NULL;
}

static int dpdk_run(struct load_wire *wire, int (*loop)(void *argument), void *argument)
{
	return dpdk_host_run(loop, argument);
}

static uint64_t dpdk_drops(const struct load_wire *wire)
{
	const struct wire_dpdk *dpdk = (const struct wire_dpdk *)wire;
	const uint64_t *stack = stack_counters(dpdk->stack);

	return stack[STACK_DROP_TX_FULL] + stack[STACK_DROP_TX_BUFFER] +
	       stack[STACK_DROP_UNRESOLVED] + stack[STACK_DROP_NO_ROUTE];
}

/* A memif's rings have 2^rsize places, 10 if nothing is said; what other ports have they do not
 * tell beforehand, and count what they miss. */
static uint32_t ring_places(const char *device)
{
	const char *rsize = strstr(device, ",rsize=");

	if (!strstr(device, "memif"))
		return 0;
	return 1u << clamp(rsize ? (uint32_t)atoi(rsize + strlen(",rsize=")) : 10, 1, 14);
}

static void dpdk_wait(struct load_wire *wire, bool wait)
{
	const struct wire_dpdk *dpdk = (const struct wire_dpdk *)wire;

	port_patience(dpdk->port, wait ? dpdk->config.patience_us : 0);
}

static void dpdk_strangers(struct load_wire *wire, double share)
{
	strangers_share(&((struct wire_dpdk *)wire)->strangers, share);
}

static void dpdk_report(const struct load_wire *wire, json_t *object)
{
	const struct wire_dpdk *dpdk = (const struct wire_dpdk *)wire;
	uint64_t port[PORT_COUNTER_COUNT];

	port_counters(dpdk->port, port);
	dpdk_host_counters(object, port_counter_info, port, PORT_COUNTER_COUNT);
	dpdk_host_counters(
		object, strangers_counter_info, dpdk->strangers.counters, STRANGERS_COUNTER_COUNT);
	dpdk_host_counters(
		object, stack_counter_info, stack_counters(dpdk->stack), STACK_COUNTER_COUNT);
	dpdk_host_counters(object, tcp_counter_info, tcp_counters(dpdk->tcp), TCP_COUNTER_COUNT);
}

static bool read_config(struct wire_dpdk *dpdk, char *error, size_t size)
{
	const struct wire_dpdk_config *config = &dpdk->config;
	const char *slash = strchr(config->address, '/');
	char host[IP_TEXT] = "";

	if (slash && (size_t)(slash - config->address) < sizeof(host)) {
		memcpy(host, config->address, (size_t)(slash - config->address));
		dpdk->prefix = (uint8_t)atoi(slash + 1);
	}
	if (!slash || !ip_parse(host, &dpdk->address)) {
		snprintf(error, size, "an address and prefix are needed, as 198.18.1.1/16, not %s",
			config->address);
		return false;
	}
	dpdk->has_gateway = config->gateway;
	if (config->gateway && !ip_parse(config->gateway, &dpdk->gateway)) {
		snprintf(error, size, "the gateway is an address, not %s", config->gateway);
		return false;
	}
	if (!peer_address(config->login, &dpdk->peers[LOAD_LOGIN]) ||
		(config->connect && !peer_address(config->connect, &dpdk->peers[LOAD_CONNECT]))) {
		snprintf(error, size, "the platform is HOST:PORT, not %s", config->login);
		return false;
	}
	if (!config->connect) {
		dpdk->peers[LOAD_CONNECT] = dpdk->peers[LOAD_LOGIN];
		dpdk->peers[LOAD_CONNECT].port =
			htons((uint16_t)(ntohs(dpdk->peers[LOAD_LOGIN].port) + 1));
	}
	return true;
}

struct load_wire *wire_dpdk_new(const struct wire_dpdk_config *config, char *error, size_t size)
{
	struct wire_dpdk *dpdk = calloc(1, sizeof(*dpdk));

	if (!dpdk) {
		snprintf(error, size, "no memory");
		return NULL;
	}
	dpdk->config = *config;
	dpdk->wire = (struct load_wire){.name = strstr(config->device, "memif") ? "memif" : "dpdk",
		.start = dpdk_start,
		.run = dpdk_run,
		.wait = dpdk_wait,
		.drops = dpdk_drops,
		.report = dpdk_report,
		.stop = dpdk_stop};
	/* a burst may be under way between the ring and us */
	dpdk->wire.answers = ring_places(config->device) * 15 / 16;
	if (config->strangers)
		dpdk->wire.strangers = dpdk_strangers;
	wire_dpdk_path(&dpdk->wire);
	if (read_config(dpdk, error, size))
		return &dpdk->wire;
	free(dpdk);
	return NULL;
}

void wire_free(struct load_wire *wire)
{
	if (!wire)
		return;
	wire->stop(wire);
	free(wire);
}
