/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* transport.c - a device's kernel socket, and bad manners on request (pieces, merged writes) */
#include "fleet.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_SIZE 4096
#define READS_MAX 16 /* in a row, so that one device does not hold up the rest */

static void watch(struct fleet *fleet, struct device *device, int operation, bool writing)
{
	struct epoll_event event = {.events = EPOLLIN | (writing ? (uint32_t)EPOLLOUT : 0)};

	event.data.u64 = (uint64_t)device->socket << 32 | device->index;
	if (epoll_ctl(fleet->epoll, operation, device->fd, &event)) {
		perror("hearth-fleet: epoll_ctl");
		exit(1);
	}
	device->want_write = writing;
}

int transport_open(
	struct fleet *fleet, struct device *device, const struct sockaddr_in *peer, bool tcp)
{
	const int on = 1;
	int fd =
		socket(AF_INET, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (tcp)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, (const struct sockaddr *)peer, sizeof(*peer)) && errno != EINPROGRESS) {
		int error = -errno;

		close(fd);
		return error;
	}
	device->fd = fd;
	device->socket++;
	device->opening = tcp;
	watch(fleet, device, EPOLL_CTL_ADD, tcp);
	return 0;
}

void transport_close(struct fleet *fleet, struct device *device)
{
	if (device->fd >= 0)
		close(device->fd);
	device->fd = -1;
	device->socket++;
	device->opening = device->want_write = false;
	device->in_length = device->out_length = device->out_sent = 0;
}

static bool reserve(char **buffer, size_t *size, size_t needed)
{
	size_t room = *size ? *size : 1024;
	char *grown;

	if (needed <= *size)
		return true;
	while (room < needed)
		room *= 2;
	grown = realloc(*buffer, room);
	if (!grown)
		return false;
	*buffer = grown;
	*size = room;
	return true;
}

static void flush(struct fleet *fleet, struct device *device)
{
	while (device->out_sent < device->out_length) {
		size_t length = device->out_length - device->out_sent;
		ssize_t sent;

		if (fleet->options.split) {
			size_t piece = 1 + fleet_random(fleet, fleet->options.split);

			length = piece < length ? piece : length;
		}
		sent = send(device->fd, device->out + device->out_sent, length, MSG_NOSIGNAL);
		/* A broken connection reports itself through epoll too. */
		if (sent < 0)
			break;
		device->out_sent += (size_t)sent;
	}
	if (device->out_sent == device->out_length)
		device->out_sent = device->out_length = 0;
	if (device->want_write != (device->out_length > 0))
		watch(fleet, device, EPOLL_CTL_MOD, device->out_length > 0);
}

void transport_send(
	struct fleet *fleet, struct device *device, const char *frame, size_t length, bool hold)
{
	if (device->fd < 0)
		return;
	if (!device->tcp && device->state != STATE_LOGIN) {
		/* What cannot be sent is lost, as on any network: the repeat follows. */
		if (send(device->fd, frame, length, MSG_NOSIGNAL) < 0)
			errno = 0;
		return;
	}
	if (!reserve(&device->out, &device->out_size, device->out_length + length)) {
		fputs("hearth-fleet: out of memory\n", stderr);
		exit(1);
	}
	memcpy(device->out + device->out_length, frame, length);
	device->out_length += length;
	if (!hold && !device->opening)
		flush(fleet, device);
}

/* Public firmware takes what one recv() brings for one frame. */
static void check_read(
	struct fleet *fleet, const struct device *device, const char *bytes, size_t length)
{
	const char *end = memmem(bytes, length, "\r\n", 2);

	if (length > FIRMWARE_FRAME_MAX)
		deviate(fleet, device, TOO_LONG, 0, "longer than 1,024 bytes");
	else if (length < 5 || memcmp(bytes, "CTS", 3) || end != bytes + length - 2)
		deviate(fleet, device, TWO_FRAMES, 0, "a read is not one whole frame");
}

static void read_stream(struct fleet *fleet, struct device *device)
{
	uint32_t socket = device->socket;
	unsigned reads;
	ssize_t got;

	for (reads = 0; reads < READS_MAX && device->socket == socket; reads++) {
		if (!reserve(&device->in, &device->in_size, device->in_length + READ_SIZE)) {
			fputs("hearth-fleet: out of memory\n", stderr);
			exit(1);
		}
		got = recv(device->fd, device->in + device->in_length, READ_SIZE, 0);
		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (got <= 0) {
			device_lost(fleet, device);
			return;
		}
		if (fleet->options.like == LIKE_FIRMWARE)
			check_read(fleet, device, device->in + device->in_length, (size_t)got);
		device->in_length += (size_t)got;
		inbound_stream(fleet, device);
	}
}

static void read_datagrams(struct fleet *fleet, struct device *device)
{
	char datagram[FRAME_MAX];
	uint32_t socket = device->socket;
	unsigned reads;
	ssize_t got;

	for (reads = 0; reads < READS_MAX && device->socket == socket; reads++) {
		got = recv(device->fd, datagram, sizeof(datagram), 0);
		/* An ICMP error is no reason to give up a session: the broker may be back soon. */
		if (got < 0)
			return;
		if (fleet->options.like == LIKE_FIRMWARE)
			check_read(fleet, device, datagram, (size_t)got);
		if (got > DATAGRAM_MAX)
			deviate(fleet, device, TOO_LONG, 0, "a datagram of more than 1,472 bytes");
		inbound_frame(fleet, device, datagram, (size_t)got);
	}
}

void transport_event(struct fleet *fleet, struct device *device, uint32_t events)
{
	uint32_t number = device->socket;
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
	if (events & EPOLLOUT)
		flush(fleet, device);
	if (device->socket != number || !(events & (EPOLLIN | EPOLLERR | EPOLLHUP)))
		return;
	if (!device->tcp && device->state != STATE_LOGIN)
		read_datagrams(fleet, device);
	else
		read_stream(fleet, device);
}
