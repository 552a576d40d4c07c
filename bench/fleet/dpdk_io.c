/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* dpdk_io.c - connections and frames between devices and our own stack */
#include "transport_dpdk.h"

#include <errno.h>
#include <string.h>
#include <x86intrin.h>

/* One message of TCP at most: what a chunk holds. */
#define MESSAGE_MAX 65536

/** struct owner - a connection's user bytes: whose it is, and of which of its incarnations */
struct owner {
	uint32_t index, serial;
};
_Static_assert(sizeof(struct owner) <= TCP_USER_BYTES, "an owner is a connection's user bytes");

static void count(struct fleet *fleet, enum dpdk_counter counter)
{
	counter_add(&dpdk_of(fleet)->counters[counter], 1);
}

/* The device that a connection belongs to; NULL if it has let go of it. */
static struct device *device_at(struct fleet *fleet, const void *user)
{
	struct owner owner;
	struct device *device;

	memcpy(&owner, user, sizeof(owner));
	device = &fleet->devices[owner.index];
	return owner.index < fleet->count && device->serial == owner.serial ? device : NULL;
}

static struct device *device_of(struct fleet *fleet, tcp_id id)
{
	return device_at(fleet, tcp_user(dpdk_of(fleet)->tcp, id));
}

/* ---- up from the stack ---- */

static void on_opened(void *context, tcp_id id, const struct tcp_tuple *tuple)
{
	struct fleet *fleet = context;
	struct device *device = device_of(fleet, id);

	if (!device)
		return;
	device->opening = false;
	device_opened(fleet, device);
}

static bool on_stream(void *context, tcp_id id, const uint8_t *data, uint32_t length)
{
	struct fleet *fleet = context;
	struct device *device = device_of(fleet, id);

	if (device)
		inbound_stream(fleet, device, (const char *)data, length);
	return true;
}

static void on_finished(void *context, tcp_id id)
{
	struct fleet *fleet = context;
	struct device *device = device_of(fleet, id);

	if (device)
		device_lost(fleet, device);
}

static void on_closed(void *context, const struct tcp_up *up)
{
	struct fleet *fleet = context;
	struct device *device = device_at(fleet, up->user);

	if (!device)
		return;
	device->connection = 0;
	device_lost(fleet, device);
}

static void on_deadline(void *context, tcp_id id)
{
	/* None is ever set: a device's waits are its own timer's. */
}

static bool is_from(const struct datagram *datagram, const struct endpoint *peer)
{
	return ip_equal(&datagram->path.remote, &peer->address) &&
	       datagram->path.remote_port == peer->port;
}

static void on_datagram(void *context, const struct datagram *datagram)
{
	struct fleet *fleet = context;
	struct source source = {datagram->path.local, datagram->path.local_port};
	unsigned incarnation;
	uint32_t index = source_device(&dpdk_of(fleet)->first, &source, &incarnation);
	struct device *device = &fleet->devices[index];

	/* As a kernel socket that is connected, it hears its peer only. */
	if (index >= fleet->count || device->stream || !device->udp_peer ||
		device->incarnation % SOURCE_PORTS != incarnation ||
		!is_from(datagram, &fleet->peers[device->udp_peer - 1])) {
		count(fleet, DPDK_STRAY);
		return;
	}
	inbound_datagram(fleet, device, (const char *)datagram->data, datagram->length);
}

void dpdk_user(struct fleet *fleet, struct stack_user *user)
{
	*user = (struct stack_user){.context = fleet,
		.opened = on_opened,
		.stream = on_stream,
		.finished = on_finished,
		.closed = on_closed,
		.deadline = on_deadline,
		.datagram = on_datagram};
}

/* ---- down from the devices ---- */

/* Devices are spread over the port's queues; what is for them is heard on all. */
static uint8_t link_of(const struct fleet *fleet, const struct device *device)
{
	return (uint8_t)((unsigned)(device - fleet->devices) % fleet->options.queues);
}

static tcp_id connect_from(struct fleet *fleet, const struct device *device, peer_id peer)
{
	const struct endpoint *to = &fleet->peers[peer - 1];
	struct dpdk *dpdk = dpdk_of(fleet);
	struct owner owner = {(uint32_t)(device - fleet->devices), device->serial};
	struct source source = source_of(&dpdk->first, owner.index, device->incarnation);
	struct tcp_tuple tuple = {.remote = to->address,
		.local = source.address,
		.remote_port = to->port,
		.local_port = source.port};
	uint8_t user[TCP_USER_BYTES] = {0};

	memcpy(user, &owner, sizeof(owner));
	return stack_connect(dpdk->stack, link_of(fleet, device), &tuple, user);
}

int dpdk_open(struct fleet *fleet, struct device *device, peer_id peer, bool tcp)
{
	device->incarnation++;
	device->connection = 0;
	if (!tcp)
		return 0;
	/* A port that is still in TIME-WAIT towards this peer is passed over. */
	for (unsigned tries = 0; tries < SOURCE_PORTS; tries++) {
		device->connection = connect_from(fleet, device, peer);
		if (device->connection)
			return 0;
		device->incarnation++;
	}
	count(fleet, DPDK_NOT_OPENED);
	return -EADDRINUSE;
}

void dpdk_close(struct fleet *fleet, struct device *device)
{
	if (device->connection)
		tcp_close(dpdk_of(fleet)->tcp, device->connection);
	device->connection = 0;
}

static void send_datagram(
	struct fleet *fleet, struct device *device, const char *frame, size_t length)
{
	const struct endpoint *peer = &fleet->peers[device->udp_peer - 1];
	struct dpdk *dpdk = dpdk_of(fleet);
	struct source source =
		source_of(&dpdk->first, (uint32_t)(device - fleet->devices), device->incarnation);
	struct udp_path path = {.remote = peer->address,
		.local = source.address,
		.remote_port = peer->port,
		.local_port = source.port,
		.link = link_of(fleet, device)};
	unsigned ticket;
	uint8_t *room = stack_datagram(dpdk->stack, &path, (uint32_t)length, &ticket);

	if (!room) {
		count(fleet, DPDK_NOT_SENT);
		return;
	}
	memcpy(room, frame, length);
	stack_datagram_commit(dpdk->stack, ticket, (uint32_t)length);
}

/* Messages of the stack leave in segments of their own: pieces are asked for by --split only. */
static void send_stream(
	struct fleet *fleet, struct device *device, const char *bytes, size_t length)
{
	struct tcp *tcp = dpdk_of(fleet)->tcp;
	size_t sent = 0;

	while (sent < length) {
		size_t most = fleet->options.split ? 1 + fleet_random(fleet, fleet->options.split)
						   : MESSAGE_MAX;
		size_t piece = length - sent < most ? length - sent : most;
		uint8_t *room = tcp_reserve(tcp, device->connection, (uint32_t)piece);

		if (!room)
			break;
		memcpy(room, bytes + sent, piece);
		tcp_commit(tcp, device->connection, (uint32_t)piece);
		sent += piece;
	}
	if (sent == length)
		return;
	count(fleet, DPDK_NOT_SENT);
	/* Half a frame would make nonsense of all that follows it: the connection is of no use. */
	if (sent > 0) {
		tcp_abort(tcp, device->connection);
		device->connection = 0;
	}
}

void dpdk_send(
	struct fleet *fleet, struct device *device, const char *frame, size_t length, bool hold)
{
	struct buffer *out;

	if (!device->stream) {
		send_datagram(fleet, device, frame, length);
		return;
	}
	if (!device->connection || device->opening)
		return;
	if (!hold && !device->out) {
		send_stream(fleet, device, frame, length);
		return;
	}
	buffer_add(&device->out, frame, length);
	if (hold)
		return;
	out = device->out;
	device->out = NULL;
	send_stream(fleet, device, out->bytes, out->length);
	free(out);
}

/*
 * One turn of the stack. Frames that came stay valid until the next; what they and the timers after
 * them cause leaves at its beginning. Cycles are counted from one turn to the next, so that the
 * devices' own work between them is in.
 */
bool dpdk_poll(struct fleet *fleet, uint64_t until)
{
	struct dpdk *dpdk = dpdk_of(fleet);
	uint64_t cycles = __rdtsc();
	unsigned received;

	if (dpdk->busy || fleet->worked)
		dpdk->busy_cycles += cycles - dpdk->mark;
	else
		dpdk->idle_cycles += cycles - dpdk->mark;
	dpdk->mark = cycles;
	fleet->worked = false;
	fleet->now = clock_now();
	dpdk->busy = stack_transmit(dpdk->stack, fleet->now) > 0;
	stack_timers(dpdk->stack, fleet->now);
	received = stack_receive(dpdk->stack, fleet->now);
	dpdk->busy |= received > 0;
	return received >= STACK_BURST;
}
