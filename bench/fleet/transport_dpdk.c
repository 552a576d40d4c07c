/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* transport_dpdk.c - a port of DPDK and a stack of our own for the whole fleet: start and end */
#include "transport_dpdk.h"

#include "dpdk_host.h"
#include "memory.h"
#include "options.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define LINK_LINGER (1 * SECOND)
#define CLOSE_WAIT (1 * SECOND)
#define NEIGHBOURS 64 /* the platform's hosts or a router: few */
#define SEND_BYTES (4u << 20)
#define IDLE_US (UINT64_C(86400) * SECOND * 20)

static uint32_t clamp(uint32_t value, uint32_t least, uint32_t most)
{
	return value < least ? least : value > most ? most : value;
}

static int start_port(struct fleet *fleet, char *error, size_t size)
{
	const struct options *options = &fleet->options;
	struct dpdk *dpdk = dpdk_of(fleet);
	unsigned cpu = options_cpu(options);
	const struct eal_config eal = {.identity = options->csv,
		.workers = &cpu,
		.worker_count = 1,
		.memory = (enum eal_memory)options->memory,
		.megabytes = options->megabytes,
		.devices = &options->device,
		.device_count = 1};
	struct port_config port = {.device = options->device,
		.workers = options->queues,
		.queues = options->queues,
		.rss = &dpdk->port_rss,
		.megabytes = options->megabytes / 2};

	_Static_assert((int)MEMORY_AUTO == EAL_MEMORY_AUTO && (int)MEMORY_HUGE == EAL_MEMORY_HUGE &&
			       (int)MEMORY_NO_HUGE == EAL_MEMORY_NO_HUGE,
		"--pages are EAL's modes");
	return dpdk_host_open(
		&eal, &port, dpdk->random, &dpdk->rss, &dpdk->port_rss, &dpdk->port, error, size);
}

/* A row of addresses ends before its subnet's last one, within the last word of an IPv6 address. */
static bool addresses_fit(const struct fleet *fleet, char *error, size_t size)
{
	const struct options *options = &fleet->options;
	unsigned bits = (ip_is_v4(&options->address) ? 32U : 128U) - options->prefix;
	uint64_t first = ntohl(options->address.word[3]), end = UINT32_MAX;

	if (bits < 32)
		end = first | ((UINT64_C(1) << bits) - 1);
	end += bits < 2;
	if (first + source_addresses(fleet->count) <= end)
		return true;
	snprintf(error, size,
		"--address: %u addresses in a row are needed for %u devices, and its subnet has no "
		"more than %llu from there",
		source_addresses(fleet->count), fleet->count, (unsigned long long)(end - first));
	return false;
}

static void size_stack(const struct fleet *fleet, struct stack_config *config)
{
	const struct options *options = &fleet->options;
	struct stack_link *link = &config->links[0];

	link->addresses[0] = (struct stack_address){options->address, options->prefix};
	link->address_count = 1;
	link->more = source_addresses(fleet->count) - 1;
	if (options->has_gateway)
		link->gateways[link->gateway_count++] = options->gateway;
	/* Each queue pair is a link; on all of them we are the same. */
	_Static_assert(QUEUES_MAX <= STACK_LINKS_MAX, "each queue pair is a link");
	config->link_count = options->queues;
	for (unsigned i = 1; i < config->link_count; i++)
		config->links[i] = *link;
	for (unsigned i = 0; i < config->link_count; i++)
		config->links[i].link = port_link(dpdk_of(fleet)->port, i);
	config->neighbours = NEIGHBOURS * options->queues;
	config->huge = eal_uses_huge_pages();
	/* Beside its session's a device may have one connection that is still closing. */
	config->tcp = (struct tcp_config){
		.connections = fleet->count + clamp(fleet->count / 8, 1024, 1u << 20),
		.embryonic = 64,
		.time_wait = clamp(fleet->count / 4, 1024, 1u << 18),
		.sides = clamp(fleet->count / 16, 256, UINT16_MAX),
		.receive_window = 65535,
		.send_bytes = SEND_BYTES,
		.idle_us = IDLE_US,
		.ipv6 = !ip_is_v4(&options->address),
	};
}

static int start_stack(struct fleet *fleet, char *error, size_t size)
{
	struct dpdk *dpdk = dpdk_of(fleet);
	static uint16_t ports[65536];
	struct stack_config config = {.rss = &dpdk->rss, .random = dpdk->random};
	struct chunk_pool_config chunks = {
		.count = {clamp(fleet->count / 4, 16384, 1u << 18),
			clamp(fleet->count / 16, 8192, 1u << 16), 1024, 256},
		.poison = true};

	size_stack(fleet, &config);
	config.udp_ports = ports;
	config.udp_port_count = dpdk_host_ports(ports);
	dpdk_user(fleet, &config.user);
	dpdk->random->fill(dpdk->random, &config.tcp.flow_key, sizeof(config.tcp.flow_key));
	dpdk->random->fill(dpdk->random, &config.tcp.isn_key, sizeof(config.tcp.isn_key));
	dpdk->first = fleet->options.address;
	dpdk->chunk_bytes = chunk_pool_bytes(&chunks);
	dpdk->chunk_memory = memory_map(dpdk->chunk_bytes, config.huge);
	if (!dpdk->chunk_memory) {
		snprintf(error, size, "no memory for %u connections", config.tcp.connections);
		return -ENOMEM;
	}
	dpdk->chunks = chunk_pool_init(dpdk->chunk_memory, &chunks);
	config.tcp.chunks = dpdk->chunks;
	dpdk->stack_bytes = stack_bytes(&config);
	dpdk->stack = stack_new(&config, fleet->now);
	if (!dpdk->stack) {
		snprintf(error, size,
			errno == EINVAL ? "the stack refuses %u connections for %u addresses"
					: "no memory for %u connections (%u addresses)",
			config.tcp.connections, config.links[0].more + 1);
		return -errno;
	}
	dpdk->tcp = stack_tcp(dpdk->stack);
	return 0;
}

static int dpdk_start(struct fleet *fleet)
{
	struct dpdk *dpdk = calloc(1, sizeof(*dpdk));
	char error[512] = "";
	int rc;

	if (!dpdk)
		return -ENOMEM;
	fleet->carrier = dpdk;
	dpdk->random = random_system_new();
	if (!dpdk->random)
		return -errno;
	rc = addresses_fit(fleet, error, sizeof(error)) ? start_port(fleet, error, sizeof(error))
							: -EINVAL;
	if (!rc)
		rc = start_stack(fleet, error, sizeof(error));
	if (!rc)
		rc = dpdk_host_link(dpdk->port, error, sizeof(error));
	if (!rc)
		dpdk->up_since = clock_now();
	if (rc)
		fprintf(stderr, "hearth-fleet: %s\n", error);
	else if (!fleet->options.quiet)
		printf("port %s\n%s; %u of our addresses; stack and devices take %.0f MiB\n",
			port_line(dpdk->port), eal_memory_line(), source_addresses(fleet->count),
			(double)(dpdk->stack_bytes + dpdk->chunk_bytes + fleet->text_bytes +
				 fleet->count * sizeof(struct device)) /
				1048576);
	return rc;
}

/* What was closed last goes out, and the broker's word for it comes in, as long as any does. */
static void say_goodbye(struct fleet *fleet)
{
	struct dpdk *dpdk = dpdk_of(fleet);
	uint32_t limit, left = tcp_connections(dpdk->tcp, &limit), before;
	uint64_t until;

	do {
		before = left;
		until = clock_now() + CLOSE_WAIT;
		while (left > 0 && fleet->now < until) {
			dpdk_poll(fleet, until);
			left = tcp_connections(dpdk->tcp, &limit);
		}
	} while (left > 0 && left < before);
}

static void dpdk_stop(struct fleet *fleet)
{
	struct dpdk *dpdk = dpdk_of(fleet);

	if (!dpdk)
		return;
	if (dpdk->stack)
		say_goodbye(fleet);
	/* DPDK 22.11's memif server may abort where a client comes and leaves at once. */
	while (dpdk->up_since && clock_now() < dpdk->up_since + LINK_LINGER)
		usleep(10000);
	stack_free(dpdk->stack);
	port_close(dpdk->port);
	eal_stop();
	if (dpdk->chunks)
		chunk_pool_fini(dpdk->chunks);
	memory_unmap(dpdk->chunk_memory, dpdk->chunk_bytes);
	random_system_free(dpdk->random);
	free(dpdk);
	fleet->carrier = NULL;
}

static int dpdk_run(struct fleet *fleet, int (*loop)(void *))
{
	return dpdk_host_run(loop, fleet);
}

static uint64_t dpdk_cycles(const struct fleet *fleet)
{
	return dpdk_of(fleet)->busy_cycles;
}

/* Every counter that is not 0 of what went wrong below; for people when nothing connected. */
static const char *dpdk_explain(const struct fleet *fleet)
{
	const struct dpdk *dpdk = dpdk_of(fleet);
	const uint64_t *stack = stack_counters(dpdk->stack);
	const uint64_t *tcp = tcp_counters(dpdk->tcp);

	if (stack[STACK_DROP_NO_ROUTE])
		return "no way to the platform: it is in no subnet of --address, and there is no "
		       "--gateway";
	if (stack[STACK_RX_FRAMES] == 0)
		return "not one frame came: the other end is not a broker's port, or does not poll";
	if (tcp[TCP_OPENED] == 0 && tcp[TCP_RESET_IN])
		return "connections are refused: nobody listens on that port of --login";
	if (tcp[TCP_OPENED] == 0 && stack[STACK_DROP_UNRESOLVED])
		return "nobody says to have the address of --login: is it the broker's, in the "
		       "subnet of --address?";
	if (tcp[TCP_OPENED])
		return "the platform takes connections and answers no login: does it know these "
		       "devices and their PINs?";
	return NULL;
}

static void dpdk_report(const struct fleet *fleet, json_t *summary)
{
	static const struct counter_info info[] = {DPDK_COUNTERS(COUNTER_TABLE_ROW)};
	const struct dpdk *dpdk = dpdk_of(fleet);
	uint64_t port[PORT_COUNTER_COUNT];
	json_t *counters = json_object();

	port_counters(dpdk->port, port);
	dpdk_host_counters(counters, info, dpdk->counters, DPDK_COUNTER_COUNT);
	dpdk_host_counters(counters, port_counter_info, port, PORT_COUNTER_COUNT);
	dpdk_host_counters(
		counters, stack_counter_info, stack_counters(dpdk->stack), STACK_COUNTER_COUNT);
	dpdk_host_counters(counters, tcp_counter_info, tcp_counters(dpdk->tcp), TCP_COUNTER_COUNT);
	json_object_set_new(summary, "counters", counters);
}

const struct transport transport_dpdk = {
	.name = "dpdk",
	.start = dpdk_start,
	.stop = dpdk_stop,
	.run = dpdk_run,
	.poll = dpdk_poll,
	.open = dpdk_open,
	.close = dpdk_close,
	.send = dpdk_send,
	.cycles = dpdk_cycles,
	.explain = dpdk_explain,
	.report = dpdk_report,
};
