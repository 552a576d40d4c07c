/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* socket.c - sockets: their table, opening and closing, and what the stack tells of connections */
#include "socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define TX_DEFAULT (1 << 20)
#define PORT_NONE 1 /* a world in which nobody listens listens here */

struct tool_socket *socket_at(struct adapter *adapter, int fd)
{
	for (unsigned i = 0; i < SOCKETS_MAX; i++)
		if (adapter->sockets[i].kind != SOCKET_FREE && adapter->sockets[i].fd == fd)
			return &adapter->sockets[i];
	errno = EBADF;
	return NULL;
}

int socket_new(struct adapter *adapter, enum socket_kind kind, int domain)
{
	/* A number of the kernel's: the tool closes by itself what its script left open. */
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (unsigned i = 0; i < SOCKETS_MAX && fd >= 0; i++) {
		struct tool_socket *socket = &adapter->sockets[i];

		if (socket->kind != SOCKET_FREE)
			continue;
		memset(socket, 0, sizeof(*socket));
		socket->kind = kind;
		socket->fd = fd;
		socket->domain = domain;
		socket->accepted = true;
		socket->rx_size =
			adapter->settings.window ? adapter->settings.window : WORLD_WINDOW;
		socket->tx_size = TX_DEFAULT;
		socket->pieces_end = &socket->pieces;
		return fd;
	}
	if (fd >= 0)
		close(fd);
	errno = EMFILE;
	return -1;
}

static void socket_free(struct tool_socket *socket)
{
	while (socket->pieces) {
		struct piece *piece = socket->pieces;

		socket->pieces = piece->next;
		free(piece);
	}
	free(socket->rx);
	close(socket->fd);
	socket->kind = SOCKET_FREE;
}

struct tool_socket *socket_waiting(struct adapter *adapter, int listener)
{
	struct tool_socket *oldest = NULL;

	for (unsigned i = 0; i < SOCKETS_MAX; i++) {
		struct tool_socket *socket = &adapter->sockets[i];

		if (socket->kind == SOCKET_CONNECTED && !socket->accepted &&
			socket->listener == listener && (!oldest || socket->order < oldest->order))
			oldest = socket;
	}
	return oldest;
}

/* What the stack tells. */

static struct tool_socket *socket_of(struct adapter *adapter, tcp_id id)
{
	for (unsigned i = 0; i < SOCKETS_MAX; i++)
		if (adapter->sockets[i].kind != SOCKET_FREE && adapter->sockets[i].id == id)
			return &adapter->sockets[i];
	return NULL;
}

static uint32_t unacknowledged(struct adapter *adapter, tcp_id id)
{
	struct tcp_info info;

	return tcp_info(stack_tcp(world_stack(adapter->world)), id, &info) ? info.snd_una : 0;
}

static void socket_opened(struct tool_socket *socket, struct adapter *adapter, tcp_id id)
{
	socket->kind = SOCKET_CONNECTED;
	socket->opened = true;
	socket->id = id;
	socket->rx = malloc(socket->rx_size);
	if (!socket->rx)
		abort();
	socket->acked_from = unacknowledged(adapter, id);
	socket->changes++;
}

static void heard_opened(void *context, tcp_id id, const struct tcp_tuple *tuple)
{
	struct adapter *adapter = context;
	struct tool_socket *socket = socket_of(adapter, id), *listener;
	int fd;

	if (socket) {
		socket_opened(socket, adapter, id);
		return;
	}
	for (unsigned i = 0; i < SOCKETS_MAX; i++) {
		listener = &adapter->sockets[i];
		if (listener->kind != SOCKET_LISTENING || listener->port != tuple->local_port)
			continue;
		fd = socket_new(adapter, SOCKET_CONNECTED, listener->domain);
		socket = socket_at(adapter, fd);
		if (!socket)
			break;
		socket->tuple = *tuple;
		socket->accepted = false;
		socket->listener = listener->fd;
		socket->order = ++adapter->accept_order;
		socket->rx_size = listener->rx_size;
		socket->tx_size = listener->tx_size;
		memcpy(socket->options, listener->options, sizeof(socket->options));
		socket_opened(socket, adapter, id);
		listener->changes++;
		return;
	}
	tcp_abort(stack_tcp(world_stack(adapter->world)), id);
}

void socket_hold(struct adapter *adapter, const struct tool_socket *socket)
{
	struct tcp *tcp = stack_tcp(world_stack(adapter->world));
	uint32_t window = adapter->world_window, beyond;
	struct tcp_info info;

	if (!socket->id || !tcp_info(tcp, socket->id, &info))
		return;
	if (!info.rcv_scale && window > UINT16_MAX)
		window = UINT16_MAX;
	/* What the buffer holds beyond the largest window there can be does not count. */
	beyond = socket->rx_size > window ? socket->rx_size - window : 0;
	tcp_hold(tcp, socket->id, socket->rx_count > beyond ? socket->rx_count - beyond : 0);
}

/* No room: the bytes are refused, and the peer sends them again once the script has read. */
static bool heard_stream(void *context, tcp_id id, const uint8_t *data, uint32_t length)
{
	struct adapter *adapter = context;
	struct tool_socket *socket = socket_of(adapter, id);

	if (!socket)
		return true;
	if (length > socket->rx_size - socket->rx_count)
		return false;
	memcpy(socket->rx + socket->rx_count, data, length);
	socket->rx_count += length;
	socket->changes++;
	return true;
}

/* Between what came and what leaves: the bytes are accepted now. */
static void heard_all(void *context)
{
	struct adapter *adapter = context;

	for (unsigned i = 0; i < SOCKETS_MAX && adapter->world; i++)
		if (adapter->sockets[i].kind == SOCKET_CONNECTED)
			socket_hold(adapter, &adapter->sockets[i]);
}

static void heard_finished(void *context, tcp_id id)
{
	struct tool_socket *socket = socket_of(context, id);

	if (!socket)
		return;
	socket->finished = true;
	socket->changes++;
}

static void heard_closed(void *context, const struct tcp_up *up)
{
	struct tool_socket *socket = socket_of(context, up->id);

	if (!socket)
		return;
	socket->id = 0;
	socket->ended = true;
	if (up->reason != TCP_REASON_RESET)
		socket->error = ETIMEDOUT;
	else
		socket->error = socket->opened ? ECONNRESET : ECONNREFUSED;
	/* RFC 9293 3.10.7.4: "all segment queues should be flushed" */
	if (up->reason == TCP_REASON_RESET)
		socket->rx_count = 0;
	socket->changes++;
}

static void heard_deadline(void *context, tcp_id id)
{
}

/* The world. */

static bool world_may_change(struct adapter *adapter, uint16_t port)
{
	if (adapter->world_port != port)
		return tcp_connections(stack_tcp(world_stack(adapter->world)), NULL) == 0;
	return adapter->world_stale && !adapter->world_used;
}

bool socket_world(struct adapter *adapter, const struct tool_socket *socket)
{
	static const struct tool_socket nobody;
	struct stack_user user = {.context = adapter,
		.opened = heard_opened,
		.stream = heard_stream,
		.finished = heard_finished,
		.closed = heard_closed,
		.deadline = heard_deadline};
	uint16_t port = socket && !adapter->settings.deaf ? socket->port : htons(PORT_NONE);
	struct world_settings settings = adapter->settings;

	/* One port of one stack: a script has no more. What it has begun is not thrown away. */
	if (adapter->world && (!socket || !world_may_change(adapter, port)))
		return true;
	adapter->world_stale = false;
	if (!socket)
		socket = &nobody;
	if (socket->maxseg && !settings.mss)
		settings.mss = socket->maxseg;
	if (socket->rx_size && !settings.window)
		settings.window = socket->rx_size;
	world_free(adapter->world);
	adapter->world = world_new(&settings, &socket->local, port, &user, heard_all, adapter->now);
	adapter->world_port = port;
	adapter->world_window = settings.window ? settings.window : WORLD_WINDOW;
	if (!adapter->world)
		errno = EINVAL;
	return adapter->world != NULL;
}

/* Addresses. */

static bool address_in(
	const struct sockaddr *address, socklen_t length, struct ip_address *ip, uint16_t *port)
{
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;

	if (address->sa_family == AF_INET && length >= sizeof(*v4)) {
		*ip = ip_from_v4(v4->sin_addr.s_addr);
		*port = v4->sin_port;
		return true;
	}
	if (address->sa_family == AF_INET6 && length >= sizeof(*v6)) {
		memcpy(ip, &v6->sin6_addr, sizeof(*ip));
		*port = v6->sin6_port;
		return true;
	}
	errno = EAFNOSUPPORT;
	return false;
}

static void address_out(
	const struct tool_socket *socket, struct sockaddr *address, socklen_t *length)
{
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = socket->tuple.remote_port};
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = socket->tuple.remote_port};
	const void *from = &v4;
	socklen_t bytes = sizeof(v4);

	if (!address || !length)
		return;
	v4.sin_addr.s_addr = ip_v4(&socket->tuple.remote);
	memcpy(&v6.sin6_addr, &socket->tuple.remote, sizeof(v6.sin6_addr));
	if (socket->domain == AF_INET6) {
		from = &v6;
		bytes = sizeof(v6);
	}
	memcpy(address, from, *length < bytes ? *length : bytes);
	*length = bytes;
}

/* The calls. */

int socket_bind(struct adapter *adapter, int fd, const struct sockaddr *address, socklen_t length)
{
	struct tool_socket *socket = socket_at(adapter, fd);
	struct ip_address any4 = ip_from_v4(INADDR_ANY);

	if (!socket || !address_in(address, length, &socket->local, &socket->port))
		return -1;
	if (ip_equal(&socket->local, &any4))
		memset(&socket->local, 0, sizeof(socket->local));
	return 0;
}

int socket_listen(struct adapter *adapter, int fd, int backlog)
{
	struct tool_socket *socket = socket_at(adapter, fd);

	if (!socket)
		return -1;
	if ((socket->kind != SOCKET_FRESH && socket->kind != SOCKET_LISTENING) || !socket->port) {
		errno = EINVAL;
		return -1;
	}
	if (!socket_world(adapter, socket))
		return -1;
	socket->kind = SOCKET_LISTENING;
	socket->backlog = backlog;
	return 0;
}

static bool can_accept(struct adapter *adapter, void *argument)
{
	return socket_waiting(adapter, *(int *)argument) != NULL;
}

int socket_accept(struct adapter *adapter, int fd, struct sockaddr *address, socklen_t *length)
{
	struct tool_socket *socket = socket_at(adapter, fd), *found;

	if (!socket)
		return -1;
	if (socket->kind != SOCKET_LISTENING) {
		errno = EINVAL;
		return -1;
	}
	if (!clock_wait(adapter, can_accept, &fd, socket->flags & O_NONBLOCK ? 0 : CLOCK_FOREVER)) {
		errno = EAGAIN;
		return -1;
	}
	found = socket_waiting(adapter, fd);
	found->accepted = true;
	address_out(found, address, length);
	return found->fd;
}

static bool is_decided(struct adapter *adapter, void *argument)
{
	struct tool_socket *socket = argument;

	return socket->opened || socket->ended;
}

static int connect_again(struct tool_socket *socket)
{
	if (socket->ended) {
		errno = socket->error ? socket->error : ECONNABORTED;
		socket->error = 0;
	} else {
		errno = socket->kind == SOCKET_CONNECTED ? EISCONN : EALREADY;
	}
	return -1;
}

int socket_connect(
	struct adapter *adapter, int fd, const struct sockaddr *address, socklen_t length)
{
	struct tool_socket *socket = socket_at(adapter, fd);
	struct tcp_tuple *tuple;

	if (!socket)
		return -1;
	if (socket->kind != SOCKET_FRESH)
		return connect_again(socket);
	tuple = &socket->tuple;
	if (!address_in(address, length, &tuple->remote, &tuple->remote_port) ||
		!socket_world(adapter, NULL))
		return -1;
	tuple->local = world_local(&tuple->remote);
	tuple->local_port = socket->port ? socket->port : htons((uint16_t)(32768 + fd));
	socket->id = tcp_connect(stack_tcp(world_stack(adapter->world)), tuple, 0, NULL,
		world_clock(adapter->world, adapter->now));
	if (!socket->id) {
		errno = EADDRNOTAVAIL;
		return -1;
	}
	socket->kind = SOCKET_CONNECTING;
	clock_settle(adapter);
	if (socket->flags & O_NONBLOCK) {
		errno = EINPROGRESS;
		return -1;
	}
	if (!clock_wait(adapter, is_decided, socket, CLOCK_FOREVER))
		socket->error = ETIMEDOUT;
	if (socket->opened)
		return 0;
	errno = socket->error;
	socket->error = 0;
	return -1;
}

int socket_shutdown(struct adapter *adapter, int fd, int how)
{
	struct tool_socket *socket = socket_at(adapter, fd);

	if (!socket)
		return -1;
	if (socket->kind != SOCKET_CONNECTED || !socket->id) {
		errno = ENOTCONN;
		return -1;
	}
	if (how != SHUT_WR)
		socket->read_shut = true;
	if (how != SHUT_RD && !socket->write_shut) {
		socket->write_shut = true;
		if (!socket->pieces)
			tcp_shutdown(stack_tcp(world_stack(adapter->world)), socket->id);
	}
	socket->changes++;
	clock_settle(adapter);
	return 0;
}

/* RFC 1122 4.2.2.13: with received bytes unread, or if so asked, the peer is told by RST. */
static void connection_close(struct adapter *adapter, struct tool_socket *socket)
{
	struct tcp *tcp = stack_tcp(world_stack(adapter->world));

	if (socket->rx_count > 0 || (socket->linger.l_onoff && socket->linger.l_linger == 0))
		tcp_abort(tcp, socket->id);
	else
		tcp_close(tcp, socket->id);
}

int socket_close(struct adapter *adapter, int fd)
{
	struct tool_socket *socket = socket_at(adapter, fd), *waiting;

	if (!socket)
		return -1;
	if (socket->kind == SOCKET_LISTENING)
		while ((waiting = socket_waiting(adapter, fd)))
			socket_close(adapter, waiting->fd);
	if (socket->id)
		connection_close(adapter, socket);
	socket_free(socket);
	clock_settle(adapter);
	return 0;
}
