/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* connection.c - sockets that do not block, with TLS or without */
#include "peers.h"
#include "tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define IN_BYTES (256u << 10)
#define REST_MOST (64u << 10) /* of an answer that has not come whole */
#define PORTS_PER_SOURCE 20000

static uint8_t in[IN_BYTES];

/* Ports of one address are too few for 100,000 connections to one server. */
static int bind_source(const struct run *run, const struct connection *connection)
{
	struct sockaddr_in source = {.sin_family = AF_INET};
	int yes = 1;

	source.sin_addr.s_addr =
		htonl(ntohl(run->options.source.s_addr) + connection->index / PORTS_PER_SOURCE);
	setsockopt(connection->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof(yes));
	return bind(connection->fd, (struct sockaddr *)&source, sizeof(source));
}

static int watch(const struct run *run, struct connection *connection, int how, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = connection};

	return epoll_ctl(run->epoll, how, connection->fd, &event) ? -errno : 0;
}

int connection_open(struct run *run, struct connection *connection)
{
	const struct sockaddr_in *server = &run->options.server;
	int yes = 1;

	connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (connection->fd < 0)
		return fail(run, -errno, "socket: %s", strerror(errno));
	setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	if (run->options.source.s_addr && bind_source(run, connection))
		return fail(run, -errno, "bind: %s", strerror(errno));
	if (connect(connection->fd, (const struct sockaddr *)server, sizeof(*server)) &&
		errno != EINPROGRESS)
		return fail(run, -errno, "connect: %s", strerror(errno));
	connection->state = CONNECTING;
	return watch(run, connection, EPOLL_CTL_ADD, EPOLLIN | EPOLLOUT);
}

void connection_close(struct connection *connection)
{
	struct linger reset = {.l_onoff = 1};

	if (connection->fd < 0)
		return;
	setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(connection->fd);
	connection->fd = -1;
	tls_free(connection->tls);
	free(connection->rest);
	free(connection->left);
	connection->tls = NULL;
	connection->rest = connection->left = NULL;
	connection->rest_length = connection->left_length = connection->left_size = 0;
}

/* Return: as send(2), with -errno. */
static ssize_t put(struct connection *connection, const uint8_t *bytes, size_t length)
{
	ssize_t n;

	if (connection->tls)
		return tls_write(connection->tls, bytes, length);
	n = send(connection->fd, bytes, length, MSG_NOSIGNAL);
	return n < 0 ? -errno : n;
}

static ssize_t get(struct connection *connection, uint8_t *bytes, size_t size)
{
	ssize_t n;

	if (connection->tls)
		return tls_read(connection->tls, bytes, size);
	n = recv(connection->fd, bytes, size, 0);
	return n < 0 ? -errno : n;
}

/* Kept until the socket takes more. */
static int keep(struct run *run, struct connection *connection, const uint8_t *bytes, size_t length)
{
	size_t size = connection->left_length + length;

	if (size > connection->left_size) {
		uint8_t *grown = realloc(connection->left, size * 2);

		if (!grown)
			return fail(run, -ENOMEM, "out of memory");
		connection->left = grown;
		connection->left_size = (uint32_t)size * 2;
	}
	memcpy(connection->left + connection->left_length, bytes, length);
	connection->left_length = (uint32_t)size;
	return watch(run, connection, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
}

int connection_send(
	struct run *run, struct connection *connection, const uint8_t *bytes, size_t length)
{
	while (length && !connection->left_length) {
		ssize_t n = put(connection, bytes, length);

		if (n == -EAGAIN)
			break;
		if (n < 0)
			return fail(run, (int)n, "send: %s", strerror((int)-n));
		bytes += n;
		length -= (size_t)n;
	}
	return length ? keep(run, connection, bytes, length) : 0;
}

static int send_left(struct run *run, struct connection *connection)
{
	while (connection->left_length) {
		ssize_t n = put(connection, connection->left, connection->left_length);

		if (n == -EAGAIN)
			return 0;
		if (n < 0)
			return fail(run, (int)n, "send: %s", strerror((int)-n));
		connection->left_length -= (uint32_t)n;
		memmove(connection->left, connection->left + n, connection->left_length);
	}
	return watch(run, connection, EPOLL_CTL_MOD, EPOLLIN);
}

/* Every whole message in @bytes; what follows them waits for its end. */
static int take_all(
	struct run *run, struct connection *connection, const uint8_t *bytes, size_t length)
{
	while (length) {
		ssize_t n = run->options.protocol->take(run, connection, bytes, length);

		if (n < 0)
			return run->error[0] ? (int)n : fail(run, (int)n, "an answer that is none");
		if (n == 0)
			break;
		bytes += n;
		length -= (size_t)n;
	}
	if (length > REST_MOST)
		return fail(run, -EPROTO, "an answer of more than %u bytes", REST_MOST);
	if (length && !connection->rest && !(connection->rest = malloc(REST_MOST)))
		return fail(run, -ENOMEM, "out of memory");
	if (length)
		memcpy(connection->rest, bytes, length);
	connection->rest_length = (uint32_t)length;
	return 0;
}

static int receive(struct run *run, struct connection *connection)
{
	ssize_t n;
	size_t room, before;
	int error;

	do {
		before = connection->rest_length;
		if (before)
			memcpy(in, connection->rest, before);
		room = sizeof(in) - before;
		n = get(connection, in + before, room);
		if (n == -EAGAIN)
			return 0;
		if (n == 0)
			return fail(run, -ECONNRESET, "the server closed connection %u of %u",
				connection->index, run->connection_count);
		if (n < 0)
			return fail(run, (int)n, "receive: %s", strerror((int)-n));
		error = take_all(run, connection, in, before + (size_t)n);
		/* a record of TLS may hold more than a read, and epoll does not know */
	} while (!error && (connection->tls || (size_t)n == room));
	return error;
}

static int greet(struct run *run, struct connection *connection)
{
	uint8_t message[MESSAGE_MOST];
	size_t length = run->options.protocol->greeting(run, connection, message);

	connection->state = GREETING;
	return connection_send(run, connection, message, length);
}

/* The TCP connection stands, or does not. */
static int connected(struct run *run, struct connection *connection)
{
	int error = 0;
	socklen_t size = sizeof(error);

	getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error, &size);
	if (error)
		return fail(run, -error, "connect: %s", strerror(error));
	error = watch(run, connection, EPOLL_CTL_MOD, EPOLLIN);
	if (error || !run->options.identity)
		return error ? error : greet(run, connection);
	connection->tls = tls_new(connection->fd);
	connection->state = HANDSHAKING;
	return connection->tls ? 0 : fail(run, -ENOMEM, "out of memory for TLS");
}

int connection_event(struct run *run, struct connection *connection, uint32_t events)
{
	int error = 0;

	if (connection->state == CONNECTING)
		error = connected(run, connection);
	else if (events & EPOLLOUT)
		error = send_left(run, connection);
	if (error || connection->state == CONNECTING)
		return error;
	if (connection->state == HANDSHAKING) {
		error = tls_handshake(connection->tls);
		if (error == -EAGAIN)
			return 0;
		if (error)
			return fail(run, error, "the TLS handshake failed");
		error = greet(run, connection);
		return error ? error : receive(run, connection);
	}
	return events & ~(uint32_t)EPOLLOUT ? receive(run, connection) : 0;
}
