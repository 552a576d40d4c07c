/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* transport_sockets.c - a kernel socket per device, and bad manners on request (pieces, merged
 * writes) */
#include "transport.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_SIZE 65536
#define EVENTS_MAX 256
#define READS_MAX 16 /* in a row, so that one device does not hold up the rest */

static int epoll_of(const struct fleet *fleet)
{
	return (int)(intptr_t)fleet->carrier;
}

static void watch(struct fleet *fleet, struct device *device, int operation, bool writing)
{
	struct epoll_event event = {.events = EPOLLIN | (writing ? (uint32_t)EPOLLOUT : 0)};

	event.data.u64 = (uint64_t)device->serial << 32 | (uint32_t)(device - fleet->devices);
	if (epoll_ctl(epoll_of(fleet), operation, device->fd, &event)) {
		perror("hearth-fleet: epoll_ctl");
		exit(1);
	}
	device->want_write = writing;
}

/* Return: how much of @out the socket calls are to look at. */
static socklen_t socket_address(const struct endpoint *endpoint, struct sockaddr_in6 *out)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;

	memset(out, 0, sizeof(*out));
	if (ip_is_v4(&endpoint->address)) {
		v4->sin_family = AF_INET;
		v4->sin_port = endpoint->port;
		v4->sin_addr.s_addr = ip_v4(&endpoint->address);
		return sizeof(*v4);
	}
	out->sin6_family = AF_INET6;
	out->sin6_port = endpoint->port;
	memcpy(&out->sin6_addr, &endpoint->address, sizeof(out->sin6_addr));
	return sizeof(*out);
}

static int sockets_open(struct fleet *fleet, struct device *device, peer_id peer, bool tcp)
{
	struct sockaddr_in6 address;
	const socklen_t length = socket_address(&fleet->peers[peer - 1], &address);
	const int on = 1;
	int fd = socket(address.sin6_family,
		(tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (tcp)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, (const struct sockaddr *)&address, length) && errno != EINPROGRESS) {
		int error = -errno;

		close(fd);
		return error;
	}
	device->fd = fd;
	watch(fleet, device, EPOLL_CTL_ADD, tcp);
	return 0;
}

static void sockets_close(struct fleet *fleet, struct device *device)
{
	if (device->fd >= 0)
		close(device->fd);
	device->fd = -1;
}

static void flush(struct fleet *fleet, struct device *device)
{
	struct buffer *out = device->out;

	while (out->sent < out->length) {
		size_t length = out->length - out->sent;
		ssize_t sent;

		if (fleet->options.split) {
			size_t piece = 1 + fleet_random(fleet, fleet->options.split);

			length = piece < length ? piece : length;
		}
		sent = send(device->fd, out->bytes + out->sent, length, MSG_NOSIGNAL);
		/* A broken connection reports itself through epoll too. */
		if (sent < 0)
			break;
		out->sent += (uint32_t)sent;
	}
	if (out->sent == out->length) {
		free(out);
		device->out = NULL;
	}
	if (device->want_write != (device->out != NULL))
		watch(fleet, device, EPOLL_CTL_MOD, device->out != NULL);
}

static void sockets_send(
	struct fleet *fleet, struct device *device, const char *frame, size_t length, bool hold)
{
	if (device->fd < 0)
		return;
	if (!device->stream) {
		if (send(device->fd, frame, length, MSG_NOSIGNAL) < 0)
			errno = 0;
		return;
	}
	buffer_add(&device->out, frame, length);
	if (!hold && !device->opening)
		flush(fleet, device);
}

static void read_stream(struct fleet *fleet, struct device *device)
{
	static char bytes[READ_SIZE];
	uint32_t serial = device->serial;
	unsigned reads;
	ssize_t got;

	for (reads = 0; reads < READS_MAX && device->serial == serial; reads++) {
		got = recv(device->fd, bytes, sizeof(bytes), 0);
		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (got <= 0) {
			device_lost(fleet, device);
			return;
		}
		inbound_stream(fleet, device, bytes, (size_t)got);
	}
}

static void read_datagrams(struct fleet *fleet, struct device *device)
{
	static char datagram[FRAME_MAX];
	uint32_t serial = device->serial;
	unsigned reads;
	ssize_t got;

	for (reads = 0; reads < READS_MAX && device->serial == serial; reads++) {
		got = recv(device->fd, datagram, sizeof(datagram), 0);
		/* An ICMP error is no reason to give up a session: the broker may be back soon. */
		if (got < 0)
			return;
		inbound_datagram(fleet, device, datagram, (size_t)got);
	}
}

static void take_event(struct fleet *fleet, struct device *device, uint32_t events)
{
	uint32_t serial = device->serial;
	socklen_t length = sizeof(int);
	int error = 0;

	if (device->opening) {
		if (getsockopt(device->fd, SOL_SOCKET, SO_ERROR, &error, &length) || error ||
			(events & (EPOLLERR | EPOLLHUP))) {
			device_lost(fleet, device);
			return;
		}
		device->opening = false;
		watch(fleet, device, EPOLL_CTL_MOD, false);
		device_opened(fleet, device);
		return;
	}
	if ((events & EPOLLOUT) && device->out)
		flush(fleet, device);
	if (device->serial != serial || !(events & (EPOLLIN | EPOLLERR | EPOLLHUP)))
		return;
	if (device->stream)
		read_stream(fleet, device);
	else
		read_datagrams(fleet, device);
}

static bool sockets_poll(struct fleet *fleet, uint64_t until)
{
	struct epoll_event events[EVENTS_MAX];
	int wait = 0, n, i;

	until = timer_next(fleet, until);
	if (until > fleet->now)
		wait = (int)((until - fleet->now + 999) / 1000);
	n = epoll_wait(epoll_of(fleet), events, EVENTS_MAX, wait);
	fleet->now = clock_now();
	for (i = 0; i < n; i++) {
		struct device *device = &fleet->devices[(uint32_t)events[i].data.u64];

		if (device->serial == events[i].data.u64 >> 32)
			take_event(fleet, device, events[i].events);
	}
	return n == EVENTS_MAX;
}

static int sockets_start(struct fleet *fleet)
{
	struct rlimit files;
	unsigned i;
	int epoll;

	for (i = 0; i < fleet->count; i++)
		fleet->devices[i].fd = -1;
	getrlimit(RLIMIT_NOFILE, &files);
	if (files.rlim_cur < fleet->count + 64) {
		files.rlim_cur = fleet->count + 64;
		if (files.rlim_max < files.rlim_cur)
			files.rlim_max = files.rlim_cur;
		if (setrlimit(RLIMIT_NOFILE, &files)) {
			fprintf(stderr,
				"hearth-fleet: %u sockets need more open files (ulimit -n)\n",
				fleet->count);
			return -errno;
		}
	}
	epoll = epoll_create1(EPOLL_CLOEXEC);
	if (epoll < 0) {
		perror("hearth-fleet: epoll_create1");
		return -errno;
	}
	signal(SIGPIPE, SIG_IGN);
	fleet->carrier = (void *)(intptr_t)epoll;
	return 0;
}

static void sockets_stop(struct fleet *fleet)
{
	if (fleet->carrier)
		close(epoll_of(fleet));
}

static int sockets_run(struct fleet *fleet, int (*loop)(void *))
{
	return loop(fleet);
}

const struct transport transport_sockets = {
	.name = "sockets",
	.start = sockets_start,
	.stop = sockets_stop,
	.run = sockets_run,
	.poll = sockets_poll,
	.open = sockets_open,
	.close = sockets_close,
	.send = sockets_send,
};
