/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* kernel_tcp.c - what a worker uses of tcp.h, on the kernel's sockets: bytes in, ends, deadlines */
#include "kernel.h"

#include "memory.h"

#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

COUNTER_TABLE(tcp_counter_info, TCP_COUNTERS);

/* Descriptors of anything but connections. */
#define OTHERS 100
/* The table is swept about once a second, in slices of at most so many. */
#define SWEEP_US 1000000
#define SWEEP_MAX 256

static void count(struct tcp *tcp, enum tcp_counter counter)
{
	counter_add(&tcp->counters[counter], 1);
}

static tcp_id id_of(const struct tcp *tcp, const struct kernel_connection *c)
{
	return (tcp_id)c->generation << 24 | (tcp_id)(c - tcp->connections);
}

static int fd_of(const struct tcp *tcp, const struct kernel_connection *c)
{
	return (int)(c - tcp->connections);
}

static uint32_t milliseconds(uint64_t us)
{
	return (uint32_t)(us / 1000) | 1; /* 0 is none */
}

static uint32_t seconds(const struct tcp *tcp)
{
	return (uint32_t)(tcp->now / 1000000);
}

/* ---- begin and end ---- */

/* Return: descriptors that we may have: @wanted, or what a process that must not raise its limit
 * has. */
static rlim_t more_files(rlim_t wanted)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files))
		return 0;
	if (files.rlim_cur < wanted) {
		files.rlim_cur = wanted;
		if (files.rlim_max < wanted)
			files.rlim_max = wanted;
		if (setrlimit(RLIMIT_NOFILE, &files) && !getrlimit(RLIMIT_NOFILE, &files)) {
			files.rlim_cur = files.rlim_max;
			setrlimit(RLIMIT_NOFILE, &files);
		}
	}
	getrlimit(RLIMIT_NOFILE, &files);
	return files.rlim_cur < wanted ? files.rlim_cur : wanted;
}

size_t stack_bytes(const struct stack_config *config)
{
	const size_t size = config->tcp.connections + OTHERS;

	return sizeof(struct stack) + size * (sizeof(struct kernel_connection) + sizeof(uint32_t)) +
	       KERNEL_READS + KERNEL_READ + KERNEL_OUT_BYTES;
}

int kernel_tcp_start(struct stack *stack, uint64_t now)
{
	struct tcp *tcp = &stack->tcp;
	const bool huge = stack->config.huge;

	tcp->config = stack->config.tcp;
	tcp->user = stack->config.user;
	tcp->epoll = stack->epoll;
	tcp->sockets = stack->sockets;
	tcp->stack_counters = stack->counters;
	tcp->now = tcp->swept = now;
	tcp->size = (uint32_t)more_files(tcp->config.connections + OTHERS);
	if (tcp->size > 1u << 24 || tcp->size <= OTHERS)
		return -ERANGE;
	if (tcp->config.connections > tcp->size - OTHERS) {
		tcp->config.connections = tcp->size - OTHERS;
		fprintf(stderr,
			"hearth-twin: warning: %u files at most (ulimit -Hn), so %u connections\n",
			tcp->size, tcp->config.connections);
	}
	tcp->connections = memory_map(tcp->size * sizeof(*tcp->connections), huge);
	tcp->dirty = memory_map(tcp->size * sizeof(*tcp->dirty), huge);
	tcp->in = memory_map(KERNEL_READS, huge);
	tcp->held_bytes = memory_map(KERNEL_READ, false);
	tcp->out = memory_map(KERNEL_OUT_BYTES, huge);
	if (!tcp->connections || !tcp->dirty || !tcp->in || !tcp->held_bytes || !tcp->out)
		return -ENOMEM;
	return 0;
}

void kernel_tcp_stop(struct tcp *tcp)
{
	for (uint32_t fd = 0; tcp->connections && fd < tcp->high; fd++) {
		if (tcp->connections[fd].state != KERNEL_FREE)
			close((int)fd);
	}
	memory_unmap(tcp->connections, tcp->size * sizeof(*tcp->connections));
	memory_unmap(tcp->dirty, tcp->size * sizeof(*tcp->dirty));
	memory_unmap(tcp->in, KERNEL_READS);
	memory_unmap(tcp->held_bytes, KERNEL_READ);
	memory_unmap(tcp->out, KERNEL_OUT_BYTES);
}

static void tuple_of(
	const struct tcp *tcp, const struct kernel_connection *c, struct tcp_tuple *tuple)
{
	const struct kernel_socket *socket = &tcp->sockets[c->socket];

	*tuple = (struct tcp_tuple){.remote = c->remote,
		.remote_port = c->remote_port,
		.local = socket->local,
		.local_port = socket->port};
}

/* All that a connection will ever want to hear of, in one call. */
static bool watch(struct tcp *tcp, const struct kernel_connection *c)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.u64 = id_of(tcp, c)};

	if (!kernel_options.level)
		event.events |= EPOLLOUT | EPOLLET;
	return !epoll_ctl(tcp->epoll, EPOLL_CTL_ADD, fd_of(tcp, c), &event);
}

bool kernel_tcp_add(struct tcp *tcp, int fd, unsigned socket, const struct sockaddr_in6 *from)
{
	struct kernel_connection *c = tcp->connections + fd;
	struct tcp_tuple tuple;

	if (tcp->used == tcp->config.connections || (uint32_t)fd >= tcp->size) {
		count(tcp, TCP_FULL_CONNECTIONS);
		close(fd);
		return false;
	}
	*c = (struct kernel_connection){.state = KERNEL_OPEN,
		.generation = (uint8_t)(c->generation + 1),
		.socket = (uint8_t)socket,
		.heard = seconds(tcp)};
	c->remote = kernel_address(from, &c->remote_port);
	tcp->used++;
	if ((uint32_t)fd >= tcp->high)
		tcp->high = (uint32_t)fd + 1;
	if (!watch(tcp, c)) {
		kernel_forget(tcp, c, true);
		return false;
	}
	count(tcp, TCP_OPENED);
	tuple_of(tcp, c, &tuple);
	tcp->user.opened(tcp->user.context, id_of(tcp, c), &tuple);
	return true;
}

void kernel_forget(struct tcp *tcp, struct kernel_connection *c, bool reset)
{
	const struct linger none = {.l_onoff = 1};
	const int fd = fd_of(tcp, c);

	if (reset) {
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
		count(tcp, TCP_RESET_OUT);
	}
	close(fd); /* takes it out of epoll, too */
	chunk_put(tcp->config.chunks, c->pending);
	c->pending = 0;
	c->first = c->last = 0;
	c->state = KERNEL_FREE;
	tcp->used--;
	count(tcp, TCP_CLOSED);
}

/* It ended without us. Its id is void before the user hears of it. */
static void gone(struct tcp *tcp, struct kernel_connection *c, enum tcp_reason reason, bool reset)
{
	struct tcp_up up = {
		.id = id_of(tcp, c), .events = TCP_UP_CLOSED, .reason = (uint8_t)reason};
	const bool told = c->state == KERNEL_OPEN;

	tuple_of(tcp, c, &up.tuple);
	memcpy(up.user, c->user, sizeof(up.user));
	kernel_forget(tcp, c, reset);
	if (told)
		tcp->user.closed(tcp->user.context, &up);
}

/* ---- bytes in ---- */

void kernel_tell_again(struct tcp *tcp, const struct kernel_connection *c)
{
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLRDHUP | EPOLLOUT | EPOLLET, .data.u64 = id_of(tcp, c)};

	if (!kernel_options.level)
		epoll_ctl(tcp->epoll, EPOLL_CTL_MOD, fd_of(tcp, c), &event);
}

static void failed(struct tcp *tcp, struct kernel_connection *c)
{
	const bool late = errno == ETIMEDOUT;

	count(tcp, late ? TCP_TIMED_OUT : TCP_RESET_IN);
	gone(tcp, c, late ? TCP_REASON_TIMEOUT : TCP_REASON_RESET, false);
}

/* The peer's FIN. */
static void finished(struct tcp *tcp, struct kernel_connection *c)
{
	if (c->finished)
		return;
	c->finished = true;
	if (c->state == KERNEL_OPEN)
		tcp->user.finished(tcp->user.context, id_of(tcp, c));
	else if (c->state == KERNEL_SHUT)
		kernel_forget(tcp, c, false);
}

/* What comes for a connection that the user has ended. */
static void discard(struct tcp *tcp, struct kernel_connection *c)
{
	ssize_t got = recv(fd_of(tcp, c), tcp->in + tcp->in_used, KERNEL_READ, MSG_DONTWAIT);

	if (got > 0) {
		counter_add(&tcp->counters[TCP_DROP_AFTER_CLOSE], (uint64_t)got);
		kernel_tell_again(tcp, c);
	} else if (got == 0) {
		finished(tcp, c);
	} else if (errno != EAGAIN) {
		failed(tcp, c);
	}
}

/*
 * Bytes to the user. What it refuses is held, and while any are held others are only looked at, and
 * taken from the kernel once the user has taken them: so the kernel's windows close.
 */
static bool offer(struct tcp *tcp, struct kernel_connection *c, uint32_t length, bool peeked)
{
	const tcp_id id = id_of(tcp, c);
	const uint8_t *data = tcp->in + tcp->in_used;

	tcp->in_used += (length + 63) & ~63u;
	if (tcp->user.stream(tcp->user.context, id, data, length)) {
		if (peeked)
			recv(fd_of(tcp, c), NULL, length, MSG_DONTWAIT | MSG_TRUNC);
		return true;
	}
	count(tcp, TCP_DROP_NO_CHUNK);
	if (!peeked) {
		tcp->held = id;
		tcp->held_length = length;
		memcpy(tcp->held_bytes, data, length);
	}
	return false;
}

bool kernel_tcp_again(struct tcp *tcp)
{
	struct kernel_connection *c = tcp->held ? kernel_find(tcp, tcp->held) : NULL;
	const tcp_id id = tcp->held;

	if (!id)
		return false;
	tcp->held = 0;
	if (!c || c->state != KERNEL_OPEN)
		return true;
	memcpy(tcp->in, tcp->held_bytes, tcp->held_length);
	if (offer(tcp, c, tcp->held_length, false))
		kernel_tell_again(tcp, c);
	return true;
}

/*
 * A read that does not fill its room has emptied the socket, unless a FIN came behind: epoll says
 * so.
 */
static void read_stream(struct tcp *tcp, struct kernel_connection *c, bool ending)
{
	const bool peek = tcp->held;
	ssize_t got;

	if (tcp->held == id_of(tcp, c))
		return; /* told again once it was taken */
	got = recv(fd_of(tcp, c), tcp->in + tcp->in_used, KERNEL_READ,
		MSG_DONTWAIT | (peek ? MSG_PEEK : 0));
	if (got > 0) {
		c->heard = seconds(tcp);
		counter_add(&tcp->stack_counters[STACK_RX_FRAMES], 1);
		counter_add(&tcp->stack_counters[STACK_RX_BYTES], (uint64_t)got);
		if (!offer(tcp, c, (uint32_t)got, peek) || got == KERNEL_READ || peek || ending)
			kernel_tell_again(tcp, c);
	} else if (got == 0) {
		finished(tcp, c);
	} else if (errno != EAGAIN && errno != EINTR) {
		failed(tcp, c);
	}
}

void kernel_tcp_event(struct tcp *tcp, tcp_id id, uint32_t events)
{
	struct kernel_connection *c = kernel_find(tcp, id);

	if (!c)
		return;
	if ((events & EPOLLOUT) && c->pending)
		kernel_send_pending(tcp, c);
	if (!(events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)))
		return;
	if (c->state == KERNEL_OPEN && !c->finished)
		read_stream(tcp, c, events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR));
	else if (c->state == KERNEL_SHUT || (events & (EPOLLHUP | EPOLLERR)))
		discard(tcp, c);
}

/* ---- time ---- */

static bool passed(const struct tcp *tcp, uint32_t deadline)
{
	return deadline && (int32_t)(milliseconds(tcp->now) - deadline) >= 0;
}

static void look(struct tcp *tcp, struct kernel_connection *c)
{
	if (c->state == KERNEL_FREE)
		return;
	if (passed(tcp, c->deadline)) {
		c->deadline = 0;
		if (c->state == KERNEL_OPEN)
			tcp->user.deadline(tcp->user.context, id_of(tcp, c));
		else
			kernel_forget(tcp, c, true);
	} else if (c->state == KERNEL_OPEN &&
		   seconds(tcp) - c->heard > tcp->config.idle_us / 1000000) {
		count(tcp, TCP_IDLE);
		gone(tcp, c, TCP_REASON_IDLE, true);
	}
}

void kernel_tcp_sweep(struct tcp *tcp)
{
	uint64_t due;

	tcp->sweep_credit += (tcp->now - tcp->swept) * tcp->high;
	tcp->swept = tcp->now;
	due = tcp->sweep_credit / SWEEP_US;
	if (due > SWEEP_MAX) { /* late: the rest is forgotten */
		due = SWEEP_MAX;
		tcp->sweep_credit = 0;
	} else {
		tcp->sweep_credit -= due * SWEEP_US;
	}
	while (due--) {
		if (tcp->sweep_at >= tcp->high)
			tcp->sweep_at = 0;
		look(tcp, &tcp->connections[tcp->sweep_at++]);
	}
}

/* ---- tcp.h ---- */

void tcp_set_idle(struct tcp *tcp, uint64_t idle_us)
{
	if (idle_us > tcp->config.idle_us)
		tcp->config.idle_us = idle_us;
}

void tcp_set_deadline(struct tcp *tcp, tcp_id id, uint64_t at)
{
	struct kernel_connection *c = kernel_find(tcp, id);

	if (c && c->state == KERNEL_OPEN)
		c->deadline = at ? milliseconds(at) : 0;
}

void *tcp_user(struct tcp *tcp, tcp_id id)
{
	struct kernel_connection *c = kernel_find(tcp, id);

	return c && c->state == KERNEL_OPEN ? c->user : NULL;
}

bool tcp_tuple_of(struct tcp *tcp, tcp_id id, struct tcp_tuple *tuple)
{
	const struct kernel_connection *c = kernel_find(tcp, id);

	if (!c || c->state != KERNEL_OPEN)
		return false;
	tuple_of(tcp, c, tuple);
	return true;
}

unsigned tcp_pools(const struct tcp *tcp, struct pool_view *views)
{
	views[0] = (struct pool_view){.name = "connections",
		.help = "TCP connections, beside what the kernel has for each",
		.limit = tcp->config.connections,
		.used = __atomic_load_n(&tcp->used, __ATOMIC_RELAXED),
		.bytes = tcp->size * sizeof(*tcp->connections)};
	return 1;
}

uint64_t *tcp_counters(struct tcp *tcp)
{
	return tcp->counters;
}
