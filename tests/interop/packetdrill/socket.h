/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* socket.h - sockets on top of Hearth's stack, and the virtual time in which they are used */
#pragma once

#include "world.h"

#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define SOCKETS_MAX 64
#define EPOLL_WATCHES 16

enum socket_kind {
	SOCKET_FREE,
	SOCKET_FRESH,      /* socket(), perhaps bind() */
	SOCKET_LISTENING,  /* listen() */
	SOCKET_CONNECTING, /* connect() is under way */
	SOCKET_CONNECTED,  /* established once; .id says whether it still is */
	SOCKET_EPOLL
};

/** struct piece - bytes of one write() that the stack had no room for yet */
struct piece {
	struct piece *next;
	uint32_t length;
	uint8_t data[];
};

/** struct epoll_watch - a file descriptor in an epoll set */
struct epoll_watch {
	int fd; /* 0: none */
	struct epoll_event event;
	uint32_t seen; /* .changes of the socket when it was last reported (EPOLLET) */
};

/**
 * struct tool_socket - what a file descriptor of the script stands for
 * @id: its connection; 0: none, or ended
 * @rx, @rx_count: received and not yet read; at most @rx_size (SO_RCVBUF)
 * @finished: the peer sent FIN
 * @error: SO_ERROR
 * @accepted: false as long as it waits for accept() at @listener
 * @pieces: written, and waiting for room in the stack's send queue; @piece_bytes in all
 * @committed: bytes handed to the stack, @acked_from: SND.UNA when it had none
 * @changes: counts what epoll's edges are made of
 */
struct tool_socket {
	enum socket_kind kind;
	int fd, domain, flags;
	struct ip_address local;
	uint16_t port; /* bound to, network byte order; 0: none */
	int backlog;
	tcp_id id;
	struct tcp_tuple tuple;
	bool opened, finished, read_shut, write_shut, accepted, ended;
	int error;
	int listener;
	uint64_t order;
	uint8_t *rx;
	uint32_t rx_count, rx_size, tx_size;
	struct piece *pieces, **pieces_end;
	uint32_t piece_bytes, committed, acked_from;
	struct linger linger;
	uint32_t maxseg;
	int options[64]; /* values that only getsockopt() reads again */
	uint32_t changes;
	struct epoll_watch watches[EPOLL_WATCHES];
};

/**
 * struct adapter - one tool, one script
 * @now: the script's clock, microseconds
 * @world_window: the largest window it offers
 * @world_used: a packet came, its settings stand; @world_stale: they have changed before that
 * @owner: the tool's main thread, whose sleeping moves the clock
 * @waiting: a blocking call, made by another thread, that has not returned:
 *	@ready, @argument: what it waits for; @until: or for how long
 *	@blocked: it sleeps; @running: it has been woken and has not asked for the time since
 */
struct adapter {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pthread_t owner;
	uint64_t now, accept_order;
	struct world_settings settings;
	struct world *world;
	uint16_t world_port;
	uint32_t world_window;
	bool world_used, world_stale;
	struct tool_socket sockets[SOCKETS_MAX];
	struct {
		bool (*ready)(struct adapter *adapter, void *argument);
		void *argument;
		uint64_t until;
		bool blocked, go, running;
	} waiting;
};

/* clock.c */

/** clock_settle() - after anything that may have moved the stack: turn it, wake who waits. */
void clock_settle(struct adapter *adapter);

/** clock_pass() - let time pass in steps that a worker's turns might take. */
void clock_pass(struct adapter *adapter, uint64_t microseconds);

/**
 * clock_wait() - block until @ready, at most @timeout microseconds
 *
 * In a thread of its own the call sleeps and the tool's main thread moves the clock; in the main
 * thread, where the script expected no blocking, the clock is moved here.
 * Return: whether it is ready.
 */
bool clock_wait(struct adapter *adapter, bool (*ready)(struct adapter *adapter, void *argument),
	void *argument, uint64_t timeout);

/** clock_told() - this thread asks for the time: a woken call has come to its end. */
void clock_told(struct adapter *adapter);

/** CLOCK_FOREVER - a wait without a time-out; a script that hangs ends sooner than that. */
#define CLOCK_FOREVER (600ULL * 1000000)

/* socket.c */

/** socket_at() - the socket of @fd; NULL with errno EBADF. */
struct tool_socket *socket_at(struct adapter *adapter, int fd);

/** socket_new() - a free one; -1 with errno EMFILE, else its number. */
int socket_new(struct adapter *adapter, enum socket_kind kind, int domain);

/** socket_world() - have a world that listens on @socket's port; false with errno. */
bool socket_world(struct adapter *adapter, const struct tool_socket *socket);

/** socket_waiting() - the oldest connection that waits for accept() at @listener, or NULL. */
struct tool_socket *socket_waiting(struct adapter *adapter, int listener);

/** socket_events() - POLL* that hold now. */
short socket_events(struct adapter *adapter, const struct tool_socket *socket);

/** socket_outstanding() - bytes written and not yet acknowledged. */
uint32_t socket_outstanding(struct adapter *adapter, const struct tool_socket *socket);

/** socket_hold() - tell the stack how much waits unread, so that it offers that much less. */
void socket_hold(struct adapter *adapter, const struct tool_socket *socket);

/** socket_push() - hand waiting pieces of all sockets to the stack. Return: whether any went. */
bool socket_push(struct adapter *adapter);

/* What the interface's calls of the same name do; the lock is held. */
int socket_bind(struct adapter *adapter, int fd, const struct sockaddr *address, socklen_t length);
int socket_listen(struct adapter *adapter, int fd, int backlog);
int socket_accept(struct adapter *adapter, int fd, struct sockaddr *address, socklen_t *length);
int socket_connect(
	struct adapter *adapter, int fd, const struct sockaddr *address, socklen_t length);
int socket_shutdown(struct adapter *adapter, int fd, int how);
int socket_close(struct adapter *adapter, int fd);

/* stream.c */
ssize_t stream_read(
	struct adapter *adapter, int fd, const struct iovec *parts, size_t count, int flags);
ssize_t stream_write(
	struct adapter *adapter, int fd, const struct iovec *parts, size_t count, int flags);

/* options.c */
int option_get(
	struct adapter *adapter, int fd, int level, int name, void *value, socklen_t *length);
int option_set(
	struct adapter *adapter, int fd, int level, int name, const void *value, socklen_t length);
int option_fcntl(struct adapter *adapter, int fd, int command, long argument);
int option_ioctl(struct adapter *adapter, int fd, unsigned long request, int *value);

/* watch.c */
int watch_poll(struct adapter *adapter, struct pollfd *fds, nfds_t count, int timeout);
int watch_ctl(struct adapter *adapter, int epoll, int operation, int fd, struct epoll_event *event);
int watch_wait(
	struct adapter *adapter, int epoll, struct epoll_event *events, int max, int timeout);
