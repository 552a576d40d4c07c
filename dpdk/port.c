/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* port.c - a DPDK port: queues, buffers, checksums, RSS, opened from its configuration */
#include "port.h"

#include "eal.h"
#include "eal_host.h"
#include "port_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_mbuf_pool_ops.h>

COUNTER_TABLE(port_counter_info, PORT_COUNTERS);

/* Descriptors asked for; halved until the buffers that fill them fit the memory. */
#define RX_DESCRIPTORS 2048
#define TX_DESCRIPTORS 1024
#define DESCRIPTORS_MIN 256
#define POOL_CACHE 256
/* mbuf, headroom, data, the pool's own header, alignment */
#define BUFFER_BYTES (sizeof(struct rte_mbuf) + RTE_MBUF_DEFAULT_BUF_SIZE + 128)

#define RX_CHECKSUMS                                                                               \
	(RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM |                            \
		RTE_ETH_RX_OFFLOAD_TCP_CKSUM)
#define TX_L4_CHECKSUMS (RTE_ETH_TX_OFFLOAD_UDP_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM)
#define RSS_FIELDS (RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV4_UDP)
#define RSS_FIELDS_IPV6 (RTE_ETH_RSS_NONFRAG_IPV6_TCP | RTE_ETH_RSS_NONFRAG_IPV6_UDP)
#define RSS_KEY_MAX 64

struct port {
	uint16_t number;
	bool started;
	bool hardware_rss;
	unsigned worker_count;
	unsigned queue_count; /* the first workers'; the others send through these */
	uint16_t rx_descriptors, tx_descriptors, mtu;
	uint64_t buffers;
	uint64_t patience; /* TSC cycles */
	struct rte_ether_addr mac;
	struct rte_eth_conf conf;
	struct rte_eth_dev_info info;
	uint8_t rss_key[RSS_KEY_MAX];
	char name[64];
	char line[320];
	struct port_queue queues[];
};

/* Buffers that a queue needs: every descriptor full, the caches full, a turn's frames in hand. */
static unsigned rx_buffers(const struct port *port)
{
	return port->rx_descriptors + PORT_BURST + POOL_CACHE * 3 / 2;
}

static unsigned tx_buffers(const struct port *port)
{
	unsigned buffers = port->tx_descriptors + LINK_RESERVED_MAX + POOL_CACHE * 3 / 2;

	/* on their way to another's queue, and in its worker's cache behind that */
	if (port->worker_count > port->queue_count)
		buffers += PORT_RELAY + POOL_CACHE * 3 / 2;
	return buffers;
}

static uint64_t buffer_total(const struct port *port)
{
	return (uint64_t)port->queue_count * rx_buffers(port) +
	       (uint64_t)port->worker_count * tx_buffers(port);
}

static int choose_descriptors(
	struct port *port, const struct port_config *config, char *error, size_t size)
{
	uint64_t bytes = (uint64_t)config->megabytes << 20;

	port->rx_descriptors = RX_DESCRIPTORS;
	port->tx_descriptors = TX_DESCRIPTORS;
	for (;;) {
		uint64_t needed;

		rte_eth_dev_adjust_nb_rx_tx_desc(
			port->number, &port->rx_descriptors, &port->tx_descriptors);
		needed = buffer_total(port) * BUFFER_BYTES;
		if (needed <= bytes)
			break;
		if (port->rx_descriptors / 2 < DESCRIPTORS_MIN) {
			snprintf(error, size,
				"memory.megabytes: port %s needs %llu MB for the buffers of %u "
				"queue%s, %u MB are left for it",
				port->name, (unsigned long long)(needed >> 20) + 1,
				port->queue_count, port->queue_count > 1 ? "s" : "",
				config->megabytes);
			return -ENOMEM;
		}
		port->rx_descriptors /= 2;
		if (port->tx_descriptors / 2 >= DESCRIPTORS_MIN)
			port->tx_descriptors /= 2;
	}
	port->buffers = buffer_total(port);
	return 0;
}

/* The port's table repeats ours if its size is a multiple; a smaller one must agree with it. */
static bool reta_fits(const struct port *port, const struct rss *rss)
{
	unsigned size = port->info.reta_size;

	if (size == 0 || size > RTE_ETH_RSS_RETA_SIZE_512 || size % RTE_ETH_RETA_GROUP_SIZE != 0)
		return false;
	for (unsigned i = 0; i < RSS_RETA_SIZE; i++)
		if (rss->reta[i] != rss->reta[i % size])
			return false;
	return true;
}

static void choose_rss(struct port *port, const struct port_config *config)
{
	unsigned key_size = port->info.hash_key_size ? port->info.hash_key_size : RSS_KEY_BYTES;

	port->hardware_rss = port->queue_count > 1 && key_size >= RSS_KEY_BYTES &&
			     key_size <= RSS_KEY_MAX && reta_fits(port, config->rss) &&
			     (port->info.flow_type_rss_offloads & RSS_FIELDS) == RSS_FIELDS;
	if (!port->hardware_rss)
		return;
	/* No 4-tuple reaches the key's bytes behind the first 40. */
	for (unsigned i = 0; i < key_size; i++)
		port->rss_key[i] = config->rss->key[i % RSS_KEY_BYTES];
	port->conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
	port->conf.rx_adv_conf.rss_conf.rss_key = port->rss_key;
	port->conf.rx_adv_conf.rss_conf.rss_key_len = (uint8_t)key_size;
	/* A port that cannot hash IPv6 hands it all to one queue: it is forwarded from there. */
	port->conf.rx_adv_conf.rss_conf.rss_hf =
		port->info.flow_type_rss_offloads & (RSS_FIELDS | RSS_FIELDS_IPV6);
}

static int set_reta(const struct port *port, const struct rss *rss)
{
	const uint16_t queues = (uint16_t)port->queue_count;
	struct rte_eth_rss_reta_entry64 groups[RTE_ETH_RSS_RETA_SIZE_512 / RTE_ETH_RETA_GROUP_SIZE];
	unsigned size = port->info.reta_size;

	memset(groups, 0, sizeof(groups));
	for (unsigned i = 0; i < size; i++) {
		struct rte_eth_rss_reta_entry64 *group = &groups[i / RTE_ETH_RETA_GROUP_SIZE];

		group->mask |= 1ULL << i % RTE_ETH_RETA_GROUP_SIZE;
		group->reta[i % RTE_ETH_RETA_GROUP_SIZE] = rss->reta[i % RSS_RETA_SIZE] % queues;
	}
	return rte_eth_dev_rss_reta_update(port->number, groups, (uint16_t)size);
}

static void choose_offloads(struct port *port)
{
	uint64_t rx = port->info.rx_offload_capa, tx = port->info.tx_offload_capa;

	port->conf.rxmode.offloads = rx & RX_CHECKSUMS;
	port->conf.txmode.offloads = tx & RTE_ETH_TX_OFFLOAD_IPV4_CKSUM;
	if ((tx & TX_L4_CHECKSUMS) == TX_L4_CHECKSUMS)
		port->conf.txmode.offloads |= TX_L4_CHECKSUMS;
	/* Every buffer of a queue comes from one pool and has one owner, if only its worker
	 * sends. */
	if (port->worker_count == port->queue_count)
		port->conf.txmode.offloads |= tx & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
}

static int choose_mtu(struct port *port, const struct port_config *config, char *error, size_t size)
{
	uint16_t own = 0;
	int result;

	port->mtu = config->mtu;
	if (port->mtu > LINK_MTU_MAX) {
		snprintf(error, size, "port %s: MTU %u: at most %d is supported", port->name,
			port->mtu, LINK_MTU_MAX);
		return -EINVAL;
	}
	if (port->mtu != 0) {
		result = rte_eth_dev_set_mtu(port->number, port->mtu);
		if (result != 0)
			snprintf(error, size, "port %s: it does not take MTU %u: %s", port->name,
				port->mtu, strerror(-result));
		return result;
	}
	if (rte_eth_dev_get_mtu(port->number, &own) != 0 || own == 0 || own > LINK_MTU_MAX)
		own = LINK_MTU_MAX;
	port->mtu = own;
	return 0;
}

/*
 * As rte_pktmbuf_pool_create(), but in ordinary pages buffers lie one behind the other: there DPDK
 * would give each a page of its own, and AF_XDP takes the pool for one array. Every bus address is
 * a virtual one then, so that nothing needs a buffer to stay within a page.
 */
static struct rte_mempool *create_pool(const char *name, unsigned buffers, int socket)
{
	struct rte_pktmbuf_pool_private private = {
		.mbuf_data_room_size = RTE_MBUF_DEFAULT_BUF_SIZE};
	unsigned flags = rte_eal_has_hugepages() ? 0 : RTE_MEMPOOL_F_NO_IOVA_CONTIG;
	struct rte_mempool *pool;

	pool = rte_mempool_create_empty(name, buffers,
		sizeof(struct rte_mbuf) + RTE_MBUF_DEFAULT_BUF_SIZE, POOL_CACHE, sizeof(private),
		socket, flags);
	if (!pool)
		return NULL;
	if (rte_mempool_set_ops_byname(pool, rte_mbuf_best_mempool_ops(), NULL) != 0)
		goto err;
	rte_pktmbuf_pool_init(pool, &private);
	if (rte_mempool_populate_default(pool) < 0)
		goto err;
	rte_mempool_obj_iter(pool, rte_pktmbuf_init, NULL);
	return pool;
err:
	rte_mempool_free(pool);
	return NULL;
}

static struct rte_mempool *make_pool(
	const struct port *port, const char *use, unsigned queue, unsigned buffers, int socket)
{
	char name[RTE_MEMPOOL_NAMESIZE];
	struct rte_mempool *pool;

	snprintf(name, sizeof(name), "hearth-%s-%u-%u", use, port->number, (uint16_t)queue);
	pool = create_pool(name, buffers, socket);
	/* Far memory is slow, no memory is no port. */
	if (!pool && socket != SOCKET_ID_ANY)
		pool = create_pool(name, buffers, SOCKET_ID_ANY);
	return pool;
}

static int no_memory(const struct port *port, char *error, size_t size)
{
	snprintf(error, size,
		"memory.megabytes: DPDK has no memory left for the buffers of port %s", port->name);
	return -ENOMEM;
}

/* A worker's link: who it is, what the port can do for it. */
static void init_link(struct port *port, struct port_queue *queue)
{
	uint64_t offloads = port->conf.txmode.offloads;

	memcpy(queue->link.mac, port->mac.addr_bytes, 6);
	queue->link.mtu = port->mtu;
	if (offloads & RTE_ETH_TX_OFFLOAD_IPV4_CKSUM)
		queue->link.offload |= FRAME_L3_FILL;
	if ((offloads & TX_L4_CHECKSUMS) == TX_L4_CHECKSUMS)
		queue->link.offload |= FRAME_L4_FILL;
	port_link_init(queue);
}

static int open_queue(struct port *port, unsigned number, char *error, size_t size)
{
	struct port_queue *queue = &port->queues[number];
	int socket = (int)rte_lcore_to_socket_id(number + 1);
	int result;

	queue->port = port->number;
	queue->number = (uint16_t)(number % port->queue_count);
	queue->hashes = port->hardware_rss;
	queue->patience = port->patience;
	init_link(port, queue);
	queue->tx_pool = make_pool(port, "tx", number, tx_buffers(port), socket);
	if (!queue->tx_pool)
		return no_memory(port, error, size);
	if (number >= port->queue_count)
		return port_relay_init(queue, &port->queues[queue->number], number) == 0
			       ? 0
			       : no_memory(port, error, size);
	queue->rx_pool = make_pool(port, "rx", number, rx_buffers(port), socket);
	if (!queue->rx_pool)
		return no_memory(port, error, size);
	result = rte_eth_rx_queue_setup(port->number, queue->number, port->rx_descriptors,
		(unsigned)socket, NULL, queue->rx_pool);
	if (result == 0)
		result = rte_eth_tx_queue_setup(
			port->number, queue->number, port->tx_descriptors, (unsigned)socket, NULL);
	if (result != 0)
		snprintf(error, size, "port %s: queue %u: %s; DPDK says: %s", port->name, number,
			strerror(-result), eal_messages());
	return result;
}

static int configure(struct port *port, const struct port_config *config, char *error, size_t size)
{
	unsigned most = port->info.max_rx_queues;
	int result;

	if (port->info.max_tx_queues < most)
		most = port->info.max_tx_queues;
	if (port->queue_count > port->worker_count) {
		snprintf(error, size, "port %s: %u queues are more than there are workers (%u)",
			port->name, port->queue_count, port->worker_count);
		return -EINVAL;
	}
	if (most < port->queue_count) {
		snprintf(error, size,
			"port %s has %u queue%s for %u workers: name no more workers than that, or "
			"say queues: %u",
			port->name, most, most == 1 ? "" : "s", config->workers, most);
		return -ENOSPC;
	}
	choose_offloads(port);
	choose_rss(port, config);
	result = rte_eth_dev_configure(port->number, (uint16_t)port->queue_count,
		(uint16_t)port->queue_count, &port->conf);
	if (result != 0) {
		snprintf(error, size, "port %s cannot be configured: %s; DPDK says: %s", port->name,
			strerror(-result), eal_messages());
		return result;
	}
	result = choose_mtu(port, config, error, size);
	if (result == 0)
		result = choose_descriptors(port, config, error, size);
	return result;
}

static int start(struct port *port, const struct port_config *config, char *error, size_t size)
{
	int result = rte_eth_dev_start(port->number);

	if (result != 0) {
		snprintf(error, size, "port %s does not start: %s; DPDK says: %s", port->name,
			strerror(-result), eal_messages());
		return result;
	}
	port->started = true;
	/* Neighbour discovery speaks to groups. A port that has no such switch filters none. */
	rte_eth_allmulticast_enable(port->number);
	if (!port->hardware_rss)
		return 0;
	result = set_reta(port, config->rss);
	if (result != 0)
		snprintf(error, size, "port %s does not take the RSS table: %s", port->name,
			strerror(-result));
	return result;
}

/*
 * The client end of a memif says how many queues there are, and DPDK 22.11 does not tell the
 * server: which takes and sends on those that are missing in the first one's place, and so spoils
 * it. More than it has it refuses. So one is what goes with every peer that says nothing else.
 */
static unsigned queues_of(const struct port *port, const struct port_config *config)
{
	if (config->queues > 0)
		return config->queues;
	return strcmp(port->info.driver_name, "net_memif") == 0 ? 1 : config->workers;
}

static void write_line(struct port *port)
{
	bool rx = (port->conf.rxmode.offloads & RX_CHECKSUMS) == RX_CHECKSUMS;
	bool tx = port->queues[0].link.offload == (FRAME_L3_FILL | FRAME_L4_FILL);
	char mac[RTE_ETHER_ADDR_FMT_SIZE], shared[32] = "";

	if (port->worker_count > port->queue_count)
		snprintf(shared, sizeof(shared), " for %u workers", port->worker_count);
	rte_ether_format_addr(mac, sizeof(mac), &port->mac);
	snprintf(port->line, sizeof(port->line),
		"%s (%s): %s, MTU %u, %u queue%s%s, flows spread %s, checksums in %s and out %s, "
		"%llu buffers (%llu MB), link %s",
		port->name, port->info.driver_name, mac, port->mtu, port->queue_count,
		port->queue_count > 1 ? "s" : "", shared,
		port->hardware_rss ? "by the port" : "in software",
		rx ? "by the port" : "in software", tx ? "by the port" : "in software",
		(unsigned long long)port->buffers,
		(unsigned long long)(port->buffers * BUFFER_BYTES >> 20),
		port_is_up(port) ? "up" : "down");
}

struct port *port_open(const struct port_config *config, char *error, size_t size)
{
	struct port *port;
	size_t bytes;
	char name[64];
	uint16_t number;

	if (config->workers < 1 || config->workers > RSS_WORKERS_MAX ||
		eal_device_name(config->device, name, sizeof(name)) != 0 ||
		rte_eth_dev_get_port_by_name(name, &number) != 0) {
		snprintf(error, size, "port %s: DPDK does not have it", config->device);
		return NULL;
	}
	bytes = sizeof(*port) + config->workers * sizeof(port->queues[0]);
	bytes = RTE_ALIGN_CEIL(bytes, RTE_CACHE_LINE_SIZE);
	port = aligned_alloc(RTE_CACHE_LINE_SIZE, bytes);
	if (!port) {
		snprintf(error, size, "port %s: %s", name, strerror(errno));
		return NULL;
	}
	memset(port, 0, bytes);
	port->number = number;
	port->worker_count = config->workers;
	port->patience = config->patience_us * (rte_get_tsc_hz() / 1000000);
	memcpy(port->name, name, sizeof(port->name));
	if (rte_eth_dev_info_get(number, &port->info) != 0 ||
		rte_eth_macaddr_get(number, &port->mac) != 0) {
		snprintf(error, size, "port %s: DPDK says nothing about it", name);
		goto err;
	}
	port->queue_count = queues_of(port, config);
	eal_hush(true);
	if (configure(port, config, error, size) != 0)
		goto err;
	for (unsigned i = 0; i < port->worker_count; i++)
		if (open_queue(port, i, error, size) != 0)
			goto err;
	if (start(port, config, error, size) != 0)
		goto err;
	eal_hush(false);
	write_line(port);
	return port;
err:
	eal_hush(false);
	port_close(port);
	return NULL;
}

void port_patience(struct port *port, uint32_t us)
{
	port->patience = us * (rte_get_tsc_hz() / 1000000);
	for (unsigned i = 0; i < port->worker_count; i++)
		port->queues[i].patience = port->patience;
}

void port_close(struct port *port)
{
	if (!port)
		return;
	for (unsigned i = 0; i < port->worker_count; i++) {
		struct port_queue *queue = &port->queues[i];

		rte_pktmbuf_free_bulk(queue->received, queue->received_count);
		rte_pktmbuf_free_bulk(queue->reserved, queue->reserved_count);
		port_relay_free(queue);
	}
	if (port->started)
		rte_eth_dev_stop(port->number);
	rte_eth_dev_close(port->number);
	for (unsigned i = 0; i < port->worker_count; i++) {
		rte_mempool_free(port->queues[i].rx_pool);
		rte_mempool_free(port->queues[i].tx_pool);
	}
	free(port);
}

struct link *port_link(struct port *port, unsigned worker)
{
	return worker < port->worker_count ? &port->queues[worker].link : NULL;
}

const char *port_line(const struct port *port)
{
	return port->line;
}

const char *port_name(const struct port *port)
{
	return port->name;
}

bool port_is_up(const struct port *port)
{
	struct rte_eth_link link;

	return rte_eth_link_get_nowait(port->number, &link) == 0 &&
	       link.link_status == RTE_ETH_LINK_UP;
}

const uint64_t *port_queue_counters(const struct port *port, unsigned worker, unsigned *queue)
{
	if (worker >= port->worker_count)
		return NULL;
	*queue = port->queues[worker].number;
	return port->queues[worker].counters;
}

void port_counters(const struct port *port, uint64_t counters[PORT_COUNTER_COUNT])
{
	struct rte_eth_stats stats;

	memset(counters, 0, PORT_COUNTER_COUNT * sizeof(counters[0]));
	for (unsigned i = 0; i < port->worker_count; i++)
		for (unsigned j = 0; j < PORT_COUNTER_COUNT; j++)
			counters[j] += counter_read(&port->queues[i].counters[j]);
	if (rte_eth_stats_get(port->number, &stats) != 0)
		return;
	counters[PORT_RX_MISSED] = stats.imissed;
	counters[PORT_RX_ERRORS] = stats.ierrors;
	counters[PORT_RX_NO_BUFFER] = stats.rx_nombuf;
	counters[PORT_TX_ERRORS] = stats.oerrors;
}
