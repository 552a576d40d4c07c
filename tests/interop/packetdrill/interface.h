/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* interface.h - what packetdrill calls in a shared object (--so_filename), declared anew */
#pragma once

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

/**
 * struct drill_interface - the calls, in the order that the tool's binary expects
 * @context: ours, handed to every call
 *
 * The socket calls mean what POSIX says of them, but the time that they take is @sleep's and
 * @time's: virtual. The tool makes a call that its script says will block from a thread of its own.
 * @wire_in: one IP packet for the stack; 0, or -1 with errno
 * @wire_out: waits for the next IP packet that the stack sends; @count: room in, bytes out (0:
 *	nothing came); @at: when it left, microseconds
 */
struct drill_interface {
	void *context;
	void (*free)(void *context);
	int (*socket)(void *context, int domain, int type, int protocol);
	int (*bind)(void *context, int fd, const struct sockaddr *address, socklen_t length);
	int (*listen)(void *context, int fd, int backlog);
	int (*accept)(void *context, int fd, struct sockaddr *address, socklen_t *length);
	int (*connect)(void *context, int fd, const struct sockaddr *address, socklen_t length);
	ssize_t (*read)(void *context, int fd, void *data, size_t count);
	ssize_t (*readv)(void *context, int fd, const struct iovec *parts, int count);
	ssize_t (*recv)(void *context, int fd, void *data, size_t count, int flags);
	ssize_t (*recvfrom)(void *context, int fd, void *data, size_t count, int flags,
		struct sockaddr *address, socklen_t *length);
	ssize_t (*recvmsg)(void *context, int fd, struct msghdr *message, int flags);
	ssize_t (*write)(void *context, int fd, const void *data, size_t count);
	ssize_t (*writev)(void *context, int fd, const struct iovec *parts, int count);
	ssize_t (*send)(void *context, int fd, const void *data, size_t count, int flags);
	ssize_t (*sendto)(void *context, int fd, const void *data, size_t count, int flags,
		const struct sockaddr *address, socklen_t length);
	ssize_t (*sendmsg)(void *context, int fd, const struct msghdr *message, int flags);
	int (*fcntl)(void *context, int fd, int command, ...);
	int (*ioctl)(void *context, int fd, unsigned long request, ...);
	int (*close)(void *context, int fd);
	int (*shutdown)(void *context, int fd, int how);
	int (*getsockopt)(
		void *context, int fd, int level, int name, void *value, socklen_t *length);
	int (*setsockopt)(
		void *context, int fd, int level, int name, const void *value, socklen_t length);
	int (*poll)(void *context, struct pollfd *fds, nfds_t count, int timeout);
	int (*wire_in)(void *context, const void *packet, size_t count);
	int (*wire_out)(void *context, void *packet, size_t *count, long long *at);
	int (*sleep)(void *context, useconds_t microseconds);
	int (*time)(void *context, struct timeval *now, struct timezone *zone);
	int (*epoll_create)(void *context, int size);
	int (*epoll_ctl)(
		void *context, int epoll, int operation, int fd, struct epoll_event *event);
	int (*epoll_wait)(
		void *context, int epoll, struct epoll_event *events, int max, int timeout);
	int (*pipe)(void *context, int fds[2]);
	int (*splice)(void *context, int in, loff_t *in_at, int out, loff_t *out_at, size_t length,
		unsigned flags);
};

/** packetdrill_interface_init() - the one symbol that the tool looks for; @flags: its --so_flags */
void packetdrill_interface_init(const char *flags, struct drill_interface *interface);
