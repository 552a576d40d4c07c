/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* transport.h - how a device's frames travel: kernel sockets, or our own stack on a DPDK port */
#pragma once

#include "fleet.h"

/**
 * struct transport - what the fleet asks of its network
 * @start: prepare for fleet->count devices. Return: 0, or -errno with one line on stderr.
 * @stop: give everything back; also after a start that failed
 * @run: call @loop(fleet) on the thread that the transport needs. Return: what it returned.
 * @poll: send what waits, wait until @until or the next timer at most, set fleet->now, hand up
 *	what came: device_opened(), device_lost(), inbound_stream(), inbound_datagram(). Return:
 *	more may be there already.
 * @open: a connection towards @peer; for TCP the outcome comes by device_opened() or device_lost().
 *	Return: 0, or -errno if there will be none.
 * @close: of a connection that may not be there
 * @send: one frame; @hold: keep it until the next that is not held (TCP). What cannot be sent is
 *	lost, as on any network, and its repeat follows. Calls nothing back.
 * @cycles: cycles of the turns that had something to do; NULL: not known
 * @explain: why nothing connected, as far as the transport can tell; NULL: not at all
 * @report: add what the transport knows to the summary for programs; NULL: nothing
 */
struct transport {
	const char *name;
	int (*start)(struct fleet *fleet);
	void (*stop)(struct fleet *fleet);
	int (*run)(struct fleet *fleet, int (*loop)(void *fleet));
	bool (*poll)(struct fleet *fleet, uint64_t until);
	int (*open)(struct fleet *fleet, struct device *device, peer_id peer, bool tcp);
	void (*close)(struct fleet *fleet, struct device *device);
	void (*send)(struct fleet *fleet, struct device *device, const char *frame, size_t length,
		bool hold);
	uint64_t (*cycles)(const struct fleet *fleet);
	const char *(*explain)(const struct fleet *fleet);
	void (*report)(const struct fleet *fleet, json_t *summary);
};

extern const struct transport transport_sockets, transport_dpdk;

/** transport_close() - end the device's connection, forget what was half sent or received. */
static inline void transport_close(struct fleet *fleet, struct device *device)
{
	fleet->transport->close(fleet, device);
	free(device->in);
	free(device->out);
	device->in = device->out = NULL;
	device->opening = device->want_write = false;
	device->serial++;
}

/** transport_open() - see struct transport. */
static inline int transport_open(struct fleet *fleet, struct device *device, peer_id peer, bool tcp)
{
	device->serial++;
	device->stream = device->opening = tcp;
	return fleet->transport->open(fleet, device, peer, tcp);
}

/** clock_now() - microseconds on the monotonic clock. */
uint64_t clock_now(void);
