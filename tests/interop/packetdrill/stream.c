/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* stream.c - reading and writing: a receive buffer of the adapter's own, the stack's send queue */
#include "socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

/* Largest message given to the stack at once: a chunk of the largest class. */
#define MESSAGE_MAX 65536

static size_t bytes_of(const struct iovec *parts, size_t count)
{
	size_t sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += parts[i].iov_len;
	return sum;
}

static bool is_bad(const struct iovec *parts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!parts[i].iov_base && parts[i].iov_len > 0)
			return true;
	return false;
}

static uint64_t patience(const struct tool_socket *socket, int flags)
{
	return socket->flags & O_NONBLOCK || flags & MSG_DONTWAIT ? 0 : CLOCK_FOREVER;
}

/* Reading. */

static bool is_readable(struct adapter *adapter, void *argument)
{
	const struct tool_socket *socket = argument;

	return socket->rx_count > 0 || socket->finished || socket->read_shut || socket->ended;
}

/* Nothing to read and never again: the end, or the error that made it so. */
static ssize_t read_end(struct tool_socket *socket)
{
	if (socket->error && !socket->read_shut) {
		errno = socket->error;
		socket->error = 0;
		return -1;
	}
	return 0;
}

ssize_t stream_read(
	struct adapter *adapter, int fd, const struct iovec *parts, size_t count, int flags)
{
	struct tool_socket *socket = socket_at(adapter, fd);
	uint32_t taken = 0;

	if (!socket)
		return -1;
	if (socket->kind != SOCKET_CONNECTED) {
		errno = socket->error ? socket->error : ENOTCONN;
		socket->error = 0;
		return -1;
	}
	if (!clock_wait(adapter, is_readable, socket, patience(socket, flags))) {
		errno = EAGAIN;
		return -1;
	}
	if (socket->rx_count == 0)
		return read_end(socket);
	if (is_bad(parts, count)) {
		errno = EFAULT;
		return -1;
	}
	for (size_t i = 0; i < count && taken < socket->rx_count; i++) {
		size_t part = socket->rx_count - taken;

		part = part < parts[i].iov_len ? part : parts[i].iov_len;
		if (!(flags & MSG_TRUNC))
			memcpy(parts[i].iov_base, socket->rx + taken, part);
		taken += (uint32_t)part;
	}
	if (!(flags & MSG_PEEK)) {
		socket->rx_count -= taken;
		memmove(socket->rx, socket->rx + taken, socket->rx_count);
		socket_hold(adapter, socket);
		clock_settle(adapter);
	}
	return taken;
}

/* Writing. */

uint32_t socket_outstanding(struct adapter *adapter, const struct tool_socket *socket)
{
	struct tcp_info info;

	if (!socket->id || !tcp_info(stack_tcp(world_stack(adapter->world)), socket->id, &info))
		return 0;
	return socket->committed - (info.snd_una - socket->acked_from) + socket->piece_bytes;
}

/* One message is one write(), where it fits a chunk; else what fills segments. */
static uint32_t message_length(struct adapter *adapter, tcp_id id, uint32_t rest)
{
	struct tcp_info info;

	if (rest <= MESSAGE_MAX || !tcp_info(stack_tcp(world_stack(adapter->world)), id, &info) ||
		info.mss == 0)
		return rest < MESSAGE_MAX ? rest : MESSAGE_MAX;
	return MESSAGE_MAX / info.mss * info.mss;
}

/* Hand one piece to the stack. Return: false if it has no room for all of it. */
static bool push_piece(struct adapter *adapter, struct tool_socket *socket)
{
	struct tcp *tcp = stack_tcp(world_stack(adapter->world));
	struct piece *piece = socket->pieces;
	uint32_t done = 0;

	while (done < piece->length) {
		uint32_t part = message_length(adapter, socket->id, piece->length - done);
		uint8_t *at = tcp_reserve(tcp, socket->id, part);

		if (!at)
			break;
		memcpy(at, piece->data + done, part);
		tcp_commit(tcp, socket->id, part);
		socket->committed += part;
		done += part;
	}
	socket->piece_bytes -= done;
	piece->length -= done;
	memmove(piece->data, piece->data + done, piece->length);
	if (piece->length > 0)
		return false;
	socket->pieces = piece->next;
	if (!socket->pieces)
		socket->pieces_end = &socket->pieces;
	free(piece);
	return true;
}

bool socket_push(struct adapter *adapter)
{
	bool moved = false;

	for (unsigned i = 0; i < SOCKETS_MAX; i++) {
		struct tool_socket *socket = &adapter->sockets[i];
		bool had = socket->pieces != NULL;

		if (socket->kind != SOCKET_CONNECTED || !socket->id)
			continue;
		while (socket->pieces && push_piece(adapter, socket))
			moved = true;
		if (had && !socket->pieces && socket->write_shut)
			tcp_shutdown(stack_tcp(world_stack(adapter->world)), socket->id);
	}
	return moved;
}

static void enqueue(struct tool_socket *socket, const struct iovec *parts, size_t count,
	size_t skip, size_t length)
{
	struct piece *piece = malloc(sizeof(*piece) + length);
	size_t at = 0, done = 0;

	if (!piece)
		abort();
	for (size_t i = 0; i < count && done < length; i++) {
		size_t from = skip > at ? skip - at : 0, part;

		at += parts[i].iov_len;
		if (from >= parts[i].iov_len)
			continue;
		part = parts[i].iov_len - from;
		part = part < length - done ? part : length - done;
		memcpy(piece->data + done, (uint8_t *)parts[i].iov_base + from, part);
		done += part;
		skip += part;
	}
	piece->next = NULL;
	piece->length = (uint32_t)length;
	*socket->pieces_end = piece;
	socket->pieces_end = &piece->next;
	socket->piece_bytes += (uint32_t)length;
}

static bool is_writable(struct adapter *adapter, void *argument)
{
	struct tool_socket *socket = argument;

	return socket->ended || socket->write_shut ||
	       (socket->opened && socket_outstanding(adapter, socket) < socket->tx_size);
}

static ssize_t write_failed(struct tool_socket *socket)
{
	errno = socket->error ? socket->error : EPIPE;
	socket->error = 0;
	return -1;
}

ssize_t stream_write(
	struct adapter *adapter, int fd, const struct iovec *parts, size_t count, int flags)
{
	struct tool_socket *socket = socket_at(adapter, fd);
	size_t total = bytes_of(parts, count), done = 0;

	if (!socket)
		return -1;
	if (flags & MSG_OOB) {
		errno = EOPNOTSUPP;
		return -1;
	}
	if (is_bad(parts, count)) {
		errno = EFAULT;
		return -1;
	}
	if (socket->kind == SOCKET_FRESH || socket->kind == SOCKET_LISTENING) {
		errno = EPIPE;
		return -1;
	}
	while (done < total) {
		size_t room;

		if (!clock_wait(adapter, is_writable, socket, patience(socket, flags))) {
			errno = EAGAIN;
			return done > 0 ? (ssize_t)done : -1;
		}
		if (socket->ended || socket->write_shut)
			return done > 0 ? (ssize_t)done : write_failed(socket);
		room = socket->tx_size - socket_outstanding(adapter, socket);
		room = room < total - done ? room : total - done;
		enqueue(socket, parts, count, done, room);
		done += room;
		socket_push(adapter);
		clock_settle(adapter);
	}
	return (ssize_t)done;
}
