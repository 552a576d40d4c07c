/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* worker_host.c - the calls that a protocol has back into its worker (protocol.h) */
#include "worker_state.h"

#include <arpa/inet.h>
#include <string.h>

static struct worker *of(struct host *host)
{
	return host->context;
}

void host_stage(struct host *host, enum stage stage)
{
	stages_enter(&of(host)->stages, stage);
}

/* Ours that the peer spoke to; the first of its family after a restart with other addresses. */
static struct ip_address local_of(
	const struct stack *stack, uint8_t link, const struct session_peer *peer)
{
	const bool v4 = ip_is_v4(&peer->address);
	struct ip_address own = {{0}};

	if (stack_address_at(stack, link, peer->local, &own) && ip_is_v4(&own) == v4)
		return own;
	for (unsigned i = 0; stack_address_at(stack, link, i, &own); i++) {
		if (ip_is_v4(&own) == v4)
			break;
	}
	return own;
}

/* The UDP path of a peer; our port is that of the listener it came to. */
static struct udp_path path_to(const struct worker *worker, const struct peer *to)
{
	const uint8_t link = to->udp.link < worker->link_count ? to->udp.link : 0;
	struct udp_path path = {.remote = to->udp.address,
		.remote_port = to->udp.port,
		.local = local_of(worker->stack, link, &to->udp),
		.link = link};

	for (unsigned i = 0; i < worker->listener_count; i++) {
		const struct worker_listener *l = &worker->listeners[i];

		if (l->via == SESSION_VIA_UDP && l->index == to->listener)
			path.local_port = l->port;
	}
	return path;
}

uint8_t *host_reserve(struct host *host, const struct peer *to, uint32_t bytes, uint32_t *ticket)
{
	struct worker *worker = of(host);
	struct udp_path path;
	uint8_t *room;

	*ticket = 0;
	if (to->via == SESSION_VIA_TCP) {
		room = tcp_reserve(worker->tcp, to->connection, bytes);
	} else {
		path = path_to(worker, to);
		room = stack_datagram(worker->stack, &path, bytes, ticket);
	}
	if (!room)
		counter_add(&worker->counters[WORKER_DROP_ANSWER], 1);
	return room;
}

void host_commit(struct host *host, const struct peer *to, uint32_t ticket, uint32_t bytes)
{
	struct worker *worker = of(host);

	if (to->via == SESSION_VIA_TCP)
		tcp_commit(worker->tcp, to->connection, bytes);
	else
		stack_datagram_commit(worker->stack, ticket, bytes);
}

void host_close(struct host *host, uint32_t connection)
{
	struct worker *worker = of(host);
	struct connection *c = tcp_user(worker->tcp, connection);

	if (!c)
		return;
	stream_reset(&c->stream, worker->chunks);
	c->handle = 0;
	tcp_close(worker->tcp, connection);
}

void host_bind(struct host *host, uint32_t connection, session_handle handle)
{
	struct worker *worker = of(host);
	struct connection *c = tcp_user(worker->tcp, connection);

	if (!c)
		return;
	c->handle = handle;
	if (!handle)
		return;
	/* The time to find a session is over; what is under way behind the connect began just
	 * now. */
	host_deadline(host, connection, stream_pending(&c->stream) ? WORKER_FRAME_SECONDS : 0);
}

session_handle host_bound(struct host *host, uint32_t connection)
{
	const struct connection *c = tcp_user(of(host)->tcp, connection);

	return c ? c->handle : 0;
}

void host_deadline(struct host *host, uint32_t connection, uint32_t seconds)
{
	tcp_set_deadline(
		of(host)->tcp, connection, seconds ? host->clock.us + seconds * 1000000ull : 0);
}

void host_hand(struct host *host, const struct message *message, uint32_t index)
{
	struct worker *worker = of(host);
	unsigned owner = session_owner(host->table, index);
	struct datagram datagram = {.path = path_to(worker, &message->peer),
		.data = message->data,
		.length = message->length,
		.hops = message->hops};

	/* It may have come here since: then it is handed over to ourselves, by the next turn. */
	if (message->hops >= WORKER_HOPS_MAX || owner == worker->number)
		counter_add(&worker->counters[WORKER_DROP_HOPS], 1);
	else
		stack_hand(worker->stack, &datagram, owner);
}

void host_look(struct host *host, uint32_t index)
{
	struct worker *worker = of(host);
	unsigned owner = session_owner(host->table, index);

	if (!worker->mesh || owner == worker->number)
		return;
	if (!worker_tell(worker, owner, (struct mail){.kind = MAIL_LOOK, .index = index}))
		session_look(host->table, index);
}

/* Also of a connection that has just ended: its protocol is being told. */
static bool tcp_peer(const struct worker *worker, uint32_t connection, struct tcp_tuple *tuple)
{
	if (tcp_tuple_of(worker->tcp, connection, tuple))
		return true;
	if (!worker->ending || worker->ending->connection != connection)
		return false;
	*tuple = worker->ending->tuple;
	return true;
}

void host_peer_address(
	struct host *host, const struct peer *peer, uint8_t address[16], uint16_t *port)
{
	struct tcp_tuple tuple = {.remote = peer->udp.address, .remote_port = peer->udp.port};

	*port = 0;
	memset(address, 0, 16);
	if (peer->via == SESSION_VIA_TCP && !tcp_peer(of(host), peer->connection, &tuple))
		return;
	memcpy(address, &tuple.remote, sizeof(tuple.remote));
	*port = ntohs(tuple.remote_port);
}
