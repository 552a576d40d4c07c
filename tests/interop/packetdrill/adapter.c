/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* adapter.c - packetdrill's calls, each under the adapter's lock */
#include "interface.h"
#include "socket.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* No script waits longer for a packet. */
#define PACKET_PATIENCE (200ULL * 1000000)

/* Every call: lock, do, unlock. errno is the call's. */
#define LOCKED(type, expression)                                                                   \
	struct adapter *adapter = context;                                                         \
	type result;                                                                               \
                                                                                                   \
	pthread_mutex_lock(&adapter->lock);                                                        \
	result = (expression);                                                                     \
	pthread_mutex_unlock(&adapter->lock);                                                      \
	return result

static int call_socket(void *context, int domain, int type, int protocol)
{
	if ((type & 15) != SOCK_STREAM || (domain != AF_INET && domain != AF_INET6)) {
		errno = EPROTONOSUPPORT;
		return -1;
	}
	LOCKED(int, socket_new(adapter, SOCKET_FRESH, domain));
}

static int call_bind(void *context, int fd, const struct sockaddr *address, socklen_t length)
{
	LOCKED(int, socket_bind(adapter, fd, address, length));
}

static int call_listen(void *context, int fd, int backlog)
{
	LOCKED(int, socket_listen(adapter, fd, backlog));
}

static int call_accept(void *context, int fd, struct sockaddr *address, socklen_t *length)
{
	LOCKED(int, socket_accept(adapter, fd, address, length));
}

static int call_connect(void *context, int fd, const struct sockaddr *address, socklen_t length)
{
	LOCKED(int, socket_connect(adapter, fd, address, length));
}

static ssize_t call_readv(void *context, int fd, const struct iovec *parts, int count)
{
	LOCKED(ssize_t, stream_read(adapter, fd, parts, (size_t)count, 0));
}

static ssize_t call_recv(void *context, int fd, void *data, size_t count, int flags)
{
	struct iovec part = {data, count};

	LOCKED(ssize_t, stream_read(adapter, fd, &part, 1, flags));
}

static ssize_t call_read(void *context, int fd, void *data, size_t count)
{
	return call_recv(context, fd, data, count, 0);
}

static ssize_t call_recvfrom(void *context, int fd, void *data, size_t count, int flags,
	struct sockaddr *address, socklen_t *length)
{
	return call_recv(context, fd, data, count, flags);
}

static ssize_t call_recvmsg(void *context, int fd, struct msghdr *message, int flags)
{
	message->msg_controllen = 0;
	message->msg_flags = 0;
	LOCKED(ssize_t, stream_read(adapter, fd, message->msg_iov, message->msg_iovlen, flags));
}

static ssize_t call_writev(void *context, int fd, const struct iovec *parts, int count)
{
	LOCKED(ssize_t, stream_write(adapter, fd, parts, (size_t)count, 0));
}

static ssize_t call_send(void *context, int fd, const void *data, size_t count, int flags)
{
	struct iovec part = {(void *)(uintptr_t)data, count};

	LOCKED(ssize_t, stream_write(adapter, fd, &part, 1, flags));
}

static ssize_t call_write(void *context, int fd, const void *data, size_t count)
{
	return call_send(context, fd, data, count, 0);
}

static ssize_t call_sendto(void *context, int fd, const void *data, size_t count, int flags,
	const struct sockaddr *address, socklen_t length)
{
	return call_send(context, fd, data, count, flags);
}

static ssize_t call_sendmsg(void *context, int fd, const struct msghdr *message, int flags)
{
	LOCKED(ssize_t, stream_write(adapter, fd, message->msg_iov, message->msg_iovlen, flags));
}

static int call_fcntl(void *context, int fd, int command, ...)
{
	long argument;
	va_list list;

	va_start(list, command);
	argument = va_arg(list, long);
	va_end(list);
	LOCKED(int, option_fcntl(adapter, fd, command, argument));
}

static int call_ioctl(void *context, int fd, unsigned long request, ...)
{
	int *argument;
	va_list list;

	va_start(list, request);
	argument = va_arg(list, int *);
	va_end(list);
	LOCKED(int, option_ioctl(adapter, fd, request, argument));
}

static int call_close(void *context, int fd)
{
	LOCKED(int, socket_close(adapter, fd));
}

static int call_shutdown(void *context, int fd, int how)
{
	LOCKED(int, socket_shutdown(adapter, fd, how));
}

static int call_getsockopt(
	void *context, int fd, int level, int name, void *value, socklen_t *length)
{
	LOCKED(int, option_get(adapter, fd, level, name, value, length));
}

static int call_setsockopt(
	void *context, int fd, int level, int name, const void *value, socklen_t length)
{
	LOCKED(int, option_set(adapter, fd, level, name, value, length));
}

static int call_poll(void *context, struct pollfd *fds, nfds_t count, int timeout)
{
	LOCKED(int, watch_poll(adapter, fds, count, timeout));
}

static int call_epoll_create(void *context, int size)
{
	LOCKED(int, socket_new(adapter, SOCKET_EPOLL, 0));
}

static int call_epoll_ctl(
	void *context, int epoll, int operation, int fd, struct epoll_event *event)
{
	LOCKED(int, watch_ctl(adapter, epoll, operation, fd, event));
}

static int call_epoll_wait(
	void *context, int epoll, struct epoll_event *events, int max, int timeout)
{
	LOCKED(int, watch_wait(adapter, epoll, events, max, timeout));
}

static int call_pipe(void *context, int fds[2])
{
	errno = ENOSYS;
	return -1;
}

static int call_splice(void *context, int in, loff_t *in_at, int out, loff_t *out_at, size_t length,
	unsigned flags)
{
	errno = ENOSYS;
	return -1;
}

/* The wire and the clock. */

static int wire_in(struct adapter *adapter, const void *packet, size_t count)
{
	if (!socket_world(adapter, NULL))
		return -1;
	adapter->world_used = true;
	if (!world_in(adapter->world, packet, count)) {
		errno = EMSGSIZE;
		return -1;
	}
	clock_settle(adapter);
	return 0;
}

static int call_wire_in(void *context, const void *packet, size_t count)
{
	LOCKED(int, wire_in(adapter, packet, count));
}

static bool has_left(struct adapter *adapter, uint8_t *packet, size_t *count, long long *at)
{
	uint64_t left;
	size_t length = adapter->world ? world_out(adapter->world, packet, *count, &left) : 0;

	if (length == 0)
		return false;
	*count = length;
	*at = (long long)left;
	return true;
}

/* Why a script hangs: what the stack dropped. */
static void explain(struct adapter *adapter)
{
	fprintf(stderr, "hearth: no packet leaves\n");
	if (adapter->world)
		world_counters(adapter->world, stderr);
}

static int wire_out(struct adapter *adapter, void *packet, size_t *count, long long *at)
{
	uint64_t until = adapter->now + PACKET_PATIENCE;

	while (!has_left(adapter, packet, count, at)) {
		if (adapter->now >= until) {
			explain(adapter);
			*count = 0;
			*at = (long long)adapter->now;
			return 0;
		}
		clock_pass(adapter, 1000);
	}
	return 0;
}

static int call_wire_out(void *context, void *packet, size_t *count, long long *at)
{
	LOCKED(int, wire_out(adapter, packet, count, at));
}

static int call_sleep(void *context, useconds_t microseconds)
{
	struct adapter *adapter = context;

	pthread_mutex_lock(&adapter->lock);
	clock_pass(adapter, microseconds);
	pthread_mutex_unlock(&adapter->lock);
	return 0;
}

/* The tool spins on this for the last microseconds before an event: each look is one. */
static int call_time(void *context, struct timeval *now, struct timezone *zone)
{
	struct adapter *adapter = context;

	pthread_mutex_lock(&adapter->lock);
	clock_told(adapter);
	adapter->now++;
	now->tv_sec = (time_t)(adapter->now / 1000000);
	now->tv_usec = (suseconds_t)(adapter->now % 1000000);
	pthread_mutex_unlock(&adapter->lock);
	return 0;
}

static void call_free(void *context)
{
	struct adapter *adapter = context;

	world_free(adapter->world);
	free(adapter);
}

static void settings_take(struct adapter *adapter, const char *flags)
{
	if (world_settings_parse(&adapter->settings, flags))
		return;
	fprintf(stderr, "hearth: bad settings %s\n", flags);
	exit(1);
}

void packetdrill_interface_init(const char *flags, struct drill_interface *interface)
{
	struct adapter *adapter = calloc(1, sizeof(*adapter));

	if (!adapter)
		abort();
	settings_take(adapter, getenv("HEARTH_PACKETDRILL"));
	settings_take(adapter, flags);
	pthread_mutex_init(&adapter->lock, NULL);
	pthread_cond_init(&adapter->changed, NULL);
	adapter->owner = pthread_self();
	adapter->now = 1000000;
	*interface = (struct drill_interface){.context = adapter,
		.free = call_free,
		.socket = call_socket,
		.bind = call_bind,
		.listen = call_listen,
		.accept = call_accept,
		.connect = call_connect,
		.read = call_read,
		.readv = call_readv,
		.recv = call_recv,
		.recvfrom = call_recvfrom,
		.recvmsg = call_recvmsg,
		.write = call_write,
		.writev = call_writev,
		.send = call_send,
		.sendto = call_sendto,
		.sendmsg = call_sendmsg,
		.fcntl = call_fcntl,
		.ioctl = call_ioctl,
		.close = call_close,
		.shutdown = call_shutdown,
		.getsockopt = call_getsockopt,
		.setsockopt = call_setsockopt,
		.poll = call_poll,
		.wire_in = call_wire_in,
		.wire_out = call_wire_out,
		.sleep = call_sleep,
		.time = call_time,
		.epoll_create = call_epoll_create,
		.epoll_ctl = call_epoll_ctl,
		.epoll_wait = call_epoll_wait,
		.pipe = call_pipe,
		.splice = call_splice};
}
