/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* wire_dpdk_path.c - frames between the engine and our stack */
#include "wire_dpdk.h"

#include <string.h>

/* ---- up ---- */

static uint32_t device_of(struct wire_dpdk *dpdk, tcp_id id)
{
	uint32_t device;

	memcpy(&device, tcp_user(dpdk->tcp, id), sizeof(device));
	return device;
}

static void on_opened(void *context, tcp_id id, const struct tcp_tuple *tuple)
{
	struct wire_dpdk *dpdk = context;

	dpdk->wire.up->opened(dpdk->wire.load, device_of(dpdk, id), id);
}

static bool on_stream(void *context, tcp_id id, const uint8_t *data, uint32_t length)
{
	struct wire_dpdk *dpdk = context;

	return dpdk->wire.up->bytes(dpdk->wire.load, device_of(dpdk, id), id, data, length);
}

static void on_finished(void *context, tcp_id id)
{
	struct wire_dpdk *dpdk = context;
	uint32_t device = device_of(dpdk, id);

	dpdk->wire.up->ended(dpdk->wire.load, device, id);
	tcp_close(dpdk->tcp, id);
}

static void on_closed(void *context, const struct tcp_up *up)
{
	struct wire_dpdk *dpdk = context;
	uint32_t device;

	memcpy(&device, up->user, sizeof(device));
	dpdk->wire.up->ended(dpdk->wire.load, device, up->id);
}

static void on_deadline(void *context, tcp_id id)
{
	/* None is ever set. */
}

static void on_datagram(void *context, const struct datagram *datagram)
{
	struct wire_dpdk *dpdk = context;
	struct source source = {datagram->path.local, datagram->path.local_port};
	const struct endpoint *peer = &dpdk->peers[LOAD_CONNECT];
	unsigned incarnation;
	uint32_t device = source_device(&dpdk->address, &source, &incarnation);

	if (device < dpdk->devices && datagram->path.remote_port == peer->port &&
		ip_equal(&datagram->path.remote, &peer->address))
		dpdk->wire.up->datagram(dpdk->wire.load, device, datagram->data, datagram->length);
}

void wire_dpdk_user(struct wire_dpdk *dpdk, struct stack_user *user)
{
	*user = (struct stack_user){.context = dpdk,
		.opened = on_opened,
		.stream = on_stream,
		.finished = on_finished,
		.closed = on_closed,
		.deadline = on_deadline,
		.datagram = on_datagram};
}

/* ---- down ---- */

static unsigned dpdk_poll(struct load_wire *wire, uint64_t now)
{
	struct wire_dpdk *dpdk = (struct wire_dpdk *)wire;
	uint64_t us = now / 1000;
	unsigned moved = stack_transmit(dpdk->stack, us);

	stack_timers(dpdk->stack, us);
	return moved + stack_receive(dpdk->stack, us);
}

static uint32_t dpdk_open(struct load_wire *wire, uint32_t device, enum load_peer peer)
{
	struct wire_dpdk *dpdk = (struct wire_dpdk *)wire;
	const struct endpoint *to = &dpdk->peers[peer];
	_Alignas(8) uint8_t user[TCP_USER_BYTES] = {0};

	memcpy(user, &device, sizeof(device));
	/* A port that is still in TIME-WAIT towards this peer is passed over. */
	for (unsigned tries = 0; tries < SOURCE_PORTS; tries++) {
		struct source source =
			source_of(&dpdk->address, device, dpdk->incarnations[device]++);
		const struct tcp_tuple tuple = {.remote = to->address,
			.local = source.address,
			.remote_port = to->port,
			.local_port = source.port};
		tcp_id id = stack_connect(dpdk->stack, 0, &tuple, user);

		if (id)
			return id;
	}
	return 0;
}

static void dpdk_close(struct load_wire *wire, uint32_t connection, bool abort)
{
	struct wire_dpdk *dpdk = (struct wire_dpdk *)wire;

	if (abort)
		tcp_abort(dpdk->tcp, connection);
	else
		tcp_close(dpdk->tcp, connection);
}

static uint8_t *dpdk_reserve(struct load_wire *wire, uint32_t connection, uint32_t length)
{
	return tcp_reserve(((struct wire_dpdk *)wire)->tcp, connection, length);
}

static void dpdk_commit(struct load_wire *wire, uint32_t connection, uint32_t length)
{
	tcp_commit(((struct wire_dpdk *)wire)->tcp, connection, length);
}

static void dpdk_prefetch(struct load_wire *wire, uint32_t connection)
{
	tcp_prefetch(((struct wire_dpdk *)wire)->tcp, connection);
}

static uint8_t *dpdk_datagram(
	struct load_wire *wire, uint32_t device, unsigned from, uint32_t length, unsigned *ticket)
{
	struct wire_dpdk *dpdk = (struct wire_dpdk *)wire;
	const struct endpoint *to = &dpdk->peers[LOAD_CONNECT];
	struct source source = source_of(&dpdk->address, device, from);
	const struct udp_path path = {.remote = to->address,
		.local = source.address,
		.remote_port = to->port,
		.local_port = source.port};

	return stack_datagram(dpdk->stack, &path, length, ticket);
}

static void dpdk_datagram_commit(struct load_wire *wire, unsigned ticket, uint32_t length)
{
	stack_datagram_commit(((struct wire_dpdk *)wire)->stack, ticket, length);
}

void wire_dpdk_path(struct load_wire *wire)
{
	wire->poll = dpdk_poll;
	wire->open = dpdk_open;
	wire->close = dpdk_close;
	wire->reserve = dpdk_reserve;
	wire->commit = dpdk_commit;
	wire->prefetch = dpdk_prefetch;
	wire->datagram = dpdk_datagram;
	wire->datagram_commit = dpdk_datagram_commit;
}
