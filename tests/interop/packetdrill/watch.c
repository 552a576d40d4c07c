/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* watch.c - poll() and epoll */
#include "socket.h"

#include <errno.h>

#define MS 1000ULL

static uint64_t timeout_us(int timeout)
{
	return timeout < 0 ? CLOCK_FOREVER : (uint64_t)timeout * MS;
}

short socket_events(struct adapter *adapter, const struct tool_socket *socket)
{
	short events = 0;

	if (socket->kind == SOCKET_LISTENING)
		return socket_waiting(adapter, socket->fd) ? POLLIN | POLLRDNORM : 0;
	if (socket->kind == SOCKET_FRESH)
		return POLLOUT | POLLWRNORM | POLLHUP;
	if (socket->rx_count > 0 || socket->finished || socket->read_shut || socket->ended)
		events |= POLLIN | POLLRDNORM;
	if (socket->finished || socket->read_shut || socket->ended)
		events |= POLLRDHUP;
	if (socket->ended || socket->write_shut ||
		(socket->opened && socket_outstanding(adapter, socket) <
					   socket->tx_size - socket->tx_size / 3))
		events |= POLLOUT | POLLWRNORM;
	if (socket->error)
		events |= POLLERR;
	if (socket->ended || ((socket->finished || socket->read_shut) && socket->write_shut))
		events |= POLLHUP;
	return events;
}

/** struct poll_call - what a poll() looks at */
struct poll_call {
	struct pollfd *fds;
	nfds_t count;
};

static int poll_count(struct adapter *adapter, const struct poll_call *call)
{
	int ready = 0;

	for (nfds_t i = 0; i < call->count; i++) {
		struct pollfd *fd = &call->fds[i];
		struct tool_socket *socket = socket_at(adapter, fd->fd);

		fd->revents = POLLNVAL;
		if (socket)
			fd->revents = (short)(socket_events(adapter, socket) &
					      (fd->events | POLLERR | POLLHUP));
		ready += fd->revents != 0;
	}
	return ready;
}

static bool poll_ready(struct adapter *adapter, void *argument)
{
	return poll_count(adapter, argument) > 0;
}

int watch_poll(struct adapter *adapter, struct pollfd *fds, nfds_t count, int timeout)
{
	struct poll_call call = {fds, count};

	clock_wait(adapter, poll_ready, &call, timeout_us(timeout));
	return poll_count(adapter, &call);
}

/* EPOLLIN and its like have the values of POLLIN and its like. */
static uint32_t watch_events(struct adapter *adapter, const struct epoll_watch *watch)
{
	struct tool_socket *socket = watch->fd ? socket_at(adapter, watch->fd) : NULL;

	if (!socket || (watch->event.events & EPOLLET && watch->seen == socket->changes))
		return 0;
	return (uint32_t)socket_events(adapter, socket) &
	       (watch->event.events | EPOLLERR | EPOLLHUP);
}

static bool epoll_ready(struct adapter *adapter, void *argument)
{
	const struct tool_socket *set = argument;

	for (unsigned i = 0; i < EPOLL_WATCHES; i++)
		if (watch_events(adapter, &set->watches[i]))
			return true;
	return false;
}

static struct epoll_watch *watch_find(struct tool_socket *set, int fd)
{
	for (unsigned i = 0; i < EPOLL_WATCHES; i++)
		if (set->watches[i].fd == fd)
			return &set->watches[i];
	return NULL;
}

int watch_ctl(struct adapter *adapter, int epoll, int operation, int fd, struct epoll_event *event)
{
	struct tool_socket *set = socket_at(adapter, epoll), *socket = socket_at(adapter, fd);
	struct epoll_watch *watch;

	if (!set || !socket)
		return -1;
	watch = watch_find(set, fd);
	if (!watch != (operation == EPOLL_CTL_ADD)) {
		errno = watch ? EEXIST : ENOENT;
		return -1;
	}
	if (!watch)
		watch = watch_find(set, 0);
	if (!watch) {
		errno = ENOSPC;
		return -1;
	}
	watch->fd = operation == EPOLL_CTL_DEL ? 0 : fd;
	if (watch->fd)
		watch->event = *event;
	watch->seen = socket->changes - 1;
	return 0;
}

int watch_wait(struct adapter *adapter, int epoll, struct epoll_event *events, int max, int timeout)
{
	struct tool_socket *set = socket_at(adapter, epoll);
	int count = 0;

	if (!set)
		return -1;
	clock_wait(adapter, epoll_ready, set, timeout_us(timeout));
	for (unsigned i = 0; i < EPOLL_WATCHES && count < max; i++) {
		struct epoll_watch *watch = &set->watches[i];
		uint32_t found = watch_events(adapter, watch);

		if (!found)
			continue;
		watch->seen = socket_at(adapter, watch->fd)->changes;
		events[count].events = found;
		events[count++].data = watch->event.data;
		if (watch->event.events & EPOLLONESHOT)
			watch->event.events = 0;
	}
	return count;
}
