/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* port.h - a DPDK port: queue pairs, and a link on one of them for each worker */
#pragma once

#include "counter.h"
#include "link.h"
#include "rss.h"

#include <stdbool.h>
#include <stddef.h>

/**
 * struct port_config
 * @device: the device string that eal_start() was given
 * @workers: links
 * @queues: queue pairs, at most @workers; 0: one per worker, of a memif one in all
 * @rss: the ownership function; in force in the port where it can do that
 * @mtu: largest IP packet, at most LINK_MTU_MAX; 0: what the port says, at most that
 * @megabytes: memory for the port's buffers, at most
 * @patience_us: how long a sender waits for a full queue to take its frames before they are
 *	dropped; 0, as on any worker: not
 *	at all. A load generator waits as a host's own queue would.
 */
struct port_config {
	const char *device;
	unsigned workers;
	unsigned queues;
	const struct rss *rss;
	uint16_t mtu;
	uint32_t megabytes;
	uint32_t patience_us;
};

#define PORT_COUNTERS(X)                                                                           \
	X(PORT_RX_FRAMES, "port_rx_frames", "frames taken from the port's queues")                 \
	X(PORT_TX_FRAMES, "port_tx_frames", "frames that the port's queues took")                  \
	X(PORT_RX_SEGMENTED, "port_rx_segmented",                                                  \
		"received frames dropped: spread over buffers and too long for one")               \
	X(PORT_RX_VLAN, "port_rx_vlan",                                                            \
		"received frames dropped: the port took two VLAN tags off them")                   \
	X(PORT_TX_REFUSED, "port_tx_refused", "frames to send that the port's queue did not take") \
	X(PORT_TX_RELAYED, "port_tx_relayed",                                                      \
		"frames sent through another worker's queue: the port has fewer than workers")     \
	X(PORT_TX_RELAY_FULL, "port_tx_relay_full",                                                \
		"frames to send that found no room on their way to another worker's queue")        \
	X(PORT_RX_MISSED, "port_rx_missed", "frames the port dropped: no descriptor was free")     \
	X(PORT_RX_ERRORS, "port_rx_errors", "frames the port found broken")                        \
	X(PORT_RX_NO_BUFFER, "port_rx_no_buffer", "receptions that found no free buffer")          \
	X(PORT_TX_ERRORS, "port_tx_errors", "frames the port failed to send")
COUNTER_ENUM(port_counter, PORT_COUNTERS, PORT_COUNTER_COUNT);
/** Those that each link counts itself stand before those that a port counts as a whole. */
#define PORT_QUEUE_COUNTERS PORT_RX_MISSED
extern const struct counter_info port_counter_info[PORT_COUNTER_COUNT];

struct port;

/**
 * port_open() - configure and start a port
 * @error: one line that says what is wrong and what would help
 * Return: the port, to be closed with port_close(); NULL if it cannot be had.
 */
struct port *port_open(const struct port_config *config, char *error, size_t size);

/** port_patience() - from now on senders of every queue wait so long; see struct port_config. While
 * none sends. */
void port_patience(struct port *port, uint32_t us);

/** port_close() - stop the port, give its buffers back; NULL is allowed. */
void port_close(struct port *port);

/**
 * port_link() - worker @worker's link; used by that worker only. Belongs to the port.
 *
 * Where there are fewer queues than workers, those without one receive nothing here (the others
 * forward what is theirs), and what they send leaves by another's queue, in that one's next turn.
 */
struct link *port_link(struct port *port, unsigned worker);

/** port_line() - address, MTU, offloads and buffers in one line. */
const char *port_line(const struct port *port);

/** port_name() - its DPDK name. */
const char *port_name(const struct port *port);

/** port_is_up() - does the link have a carrier now? For control threads. */
bool port_is_up(const struct port *port);

/**
 * port_queue_counters() - what worker @worker's link counts itself; for control threads
 * @queue: receives the queue pair that it has, or sends through
 * Return: PORT_QUEUE_COUNTERS counters; NULL: no such link.
 */
const uint64_t *port_queue_counters(const struct port *port, unsigned worker, unsigned *queue);

/** port_counters() - read the counters of the port and its queues; for control threads. */
void port_counters(const struct port *port, uint64_t counters[PORT_COUNTER_COUNT]);
