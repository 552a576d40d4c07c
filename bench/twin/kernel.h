/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* kernel.h - the kernel's network in the place of ours: what kernel_*.c share */
#pragma once

#include "stack.h"

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

/*
 * The twin is hearthd with its lowest layer exchanged: these files implement stack.h, what
 * worker*.c uses of tcp.h, port.h and eal.h on kernel sockets, epoll and threads. All above -
 * worker, protocol, sessions, registry, crypto, rings, control - is the same object code, so that
 * what differs between the two programs is what bypassing the kernel brings, and nothing else.
 */

/** One recv() at most; longer runs of bytes take turns with the other connections. */
#define KERNEL_READ 16384
/** Bytes of streams taken in a turn: as frames of the shortest kind they fit a worker's batch. */
#define KERNEL_READS 61440
/** Room for what is sent in a turn; messages and datagrams of it. */
#define KERNEL_OUT_BYTES (2u << 20)
#define KERNEL_SLOTS 4096
#define KERNEL_DATAGRAMS_OUT 1024
/** Connections accepted in a turn. */
#define KERNEL_ACCEPTS STACK_BURST
/** Room for a datagram, one more than the longest that a frame may be; an odd number of cache
 * lines, so that the buffers' beginnings share no sets. */
#define KERNEL_DATAGRAM_BYTES 1600
/** Listening and datagram sockets. */
#define KERNEL_SOCKETS 64
/** A connection that we have ended waits so long for its peer's end. */
#define KERNEL_LINGER_MS 10000
/** Unsent bytes of a connection that we have ended wait so long for its peer; so long, too, the
 * kernel repeats what is not acknowledged (R2 of RFC 1122, as ours). */
#define KERNEL_USER_TIMEOUT_MS 60000
/** An idle turn waits for the kernel so long at most: mail, commands and commits are looked for. */
#define KERNEL_WAIT_MS 1

/**
 * struct kernel_options - how the twin uses the kernel; set before the broker is started
 * @level: level-triggered epoll
 * @spin: idle turns poll instead of waiting in the kernel
 */
struct kernel_options {
	bool level, spin;
};
extern struct kernel_options kernel_options;

enum kernel_state {
	KERNEL_FREE,
	KERNEL_OPEN,
	KERNEL_CLOSING, /* the user has closed it; it goes once everything has left */
	KERNEL_SHUT     /* our end is sent; what comes is read and thrown away until the peer's */
};

/**
 * struct kernel_connection - one TCP connection; its index is its descriptor
 * @deadline: milliseconds on the turns' clock, 0: none
 * @heard: seconds on the turns' clock
 * @queued: bytes that the kernel has not taken, this turn's included
 * @pending: chunk with those of earlier turns
 * @first, @last: this turn's messages (struct kernel_slot), 0: none; @open: the last one is
 *	reserved and not yet committed
 * @socket: the listening socket that it came by
 */
struct kernel_connection {
	_Alignas(8) uint8_t user[TCP_USER_BYTES];
	struct ip_address remote;
	uint16_t remote_port;
	uint8_t state, generation, socket;
	bool finished, dirty, open;
	uint32_t deadline, heard, queued;
	chunk_id pending;
	uint16_t first, last;
};
_Static_assert(sizeof(struct kernel_connection) == 64, "a line for each connection");

/** struct kernel_slot - one message to send in this turn; @next: of the same connection */
struct kernel_slot {
	uint32_t at, length;
	uint16_t next;
};

/**
 * struct kernel_socket - a listening socket or a bound datagram socket
 * @link, @index: which of our addresses
 */
struct kernel_socket {
	int fd;
	bool udp;
	uint8_t link, index;
	struct ip_address local;
	uint16_t port; /* network byte order */
};

/** struct tcp - the connections of the kernel's TCP that are ours */
struct tcp {
	struct tcp_config config;
	struct stack_user user;
	int epoll;
	uint64_t now;
	struct kernel_connection *connections;
	uint32_t size; /* of the table: descriptors */
	uint32_t used, high;
	struct kernel_socket *sockets;
	/* what was read in this turn */
	uint8_t *in;
	uint32_t in_used;
	/* bytes that the user had no room for: it gets no others before */
	tcp_id held;
	uint32_t held_length;
	uint8_t *held_bytes;
	/* what is sent in this turn */
	uint8_t *out;
	uint32_t out_used;
	unsigned slot_count;
	struct kernel_slot slots[KERNEL_SLOTS];
	uint32_t *dirty; /* descriptors */
	uint32_t dirty_count;
	uint64_t swept, sweep_credit;
	uint32_t sweep_at;
	uint64_t *stack_counters;
	uint64_t counters[TCP_COUNTER_COUNT];
};

/** struct kernel_udp - the datagrams of a turn, both ways */
struct kernel_udp {
	unsigned in_count, out_count;
	struct mmsghdr in[STACK_BURST], out[KERNEL_DATAGRAMS_OUT];
	struct iovec in_at[STACK_BURST], out_at[KERNEL_DATAGRAMS_OUT];
	struct sockaddr_in6 from[STACK_BURST], to[KERNEL_DATAGRAMS_OUT];
	uint8_t out_socket[KERNEL_DATAGRAMS_OUT];
	uint8_t bytes[STACK_BURST][KERNEL_DATAGRAM_BYTES];
};

struct stack {
	struct tcp tcp;
	struct kernel_udp udp;
	int epoll;
	struct stack_config config;
	struct kernel_socket sockets[KERNEL_SOCKETS];
	unsigned socket_count;
	/* what the last epoll_wait() said, and how much of it was looked at */
	struct epoll_event events[STACK_BURST];
	unsigned event_count, event_next;
	bool active; /* something came or went in this turn */
	uint64_t counters[STACK_COUNTER_COUNT];
};

/* kernel_listen.c */

/** kernel_listen() - listening and bound sockets for all ports on all addresses; 0 or -errno. */
int kernel_listen(struct stack *stack);

/** kernel_accept() - take connections that wait at a listening socket. Return: how many. */
unsigned kernel_accept(struct stack *stack, unsigned socket);

/** kernel_address() - of a socket address; @port in network byte order. */
struct ip_address kernel_address(const struct sockaddr_in6 *from, uint16_t *port);

/** kernel_sockaddr() - Return: how much of @out the kernel is to look at. */
socklen_t kernel_sockaddr(
	const struct ip_address *address, uint16_t port, struct sockaddr_in6 *out);

/* kernel_tcp.c */

/** kernel_tcp_start() - room for the connections; 0 or -errno. */
int kernel_tcp_start(struct stack *stack, uint64_t now);

/** kernel_tcp_stop() - close them all. */
void kernel_tcp_stop(struct tcp *tcp);

/** kernel_tcp_add() - a connection that was accepted. Return: false: no room, it is closed. */
bool kernel_tcp_add(struct tcp *tcp, int fd, unsigned socket, const struct sockaddr_in6 *from);

/** kernel_tcp_event() - what epoll said about a connection */
void kernel_tcp_event(struct tcp *tcp, tcp_id id, uint32_t events);

/** kernel_tcp_room() - may more be read in this turn? */
static inline bool kernel_tcp_room(const struct tcp *tcp)
{
	return tcp->in_used + KERNEL_READ <= KERNEL_READS;
}

/** kernel_tcp_again() - offer the bytes that are held once more. Return: were there any? */
bool kernel_tcp_again(struct tcp *tcp);

/** kernel_tcp_sweep() - a slice of the table: deadlines, idle connections, late ends */
void kernel_tcp_sweep(struct tcp *tcp);

/** kernel_tell_again() - have an edge told once more: not all that was there has been looked at. */
void kernel_tell_again(struct tcp *tcp, const struct kernel_connection *c);

/** kernel_forget() - close its descriptor, with RST if @reset, and free its record. */
void kernel_forget(struct tcp *tcp, struct kernel_connection *c, bool reset);

/** kernel_find() - a connection that is not free, closed by the user or not; NULL: void. */
static inline struct kernel_connection *kernel_find(struct tcp *tcp, tcp_id id)
{
	const uint32_t fd = id & 0xffffff;
	struct kernel_connection *c = &tcp->connections[fd];

	return fd < tcp->size && c->state != KERNEL_FREE && c->generation == id >> 24 ? c : NULL;
}

/* kernel_tcp_out.c */

/** kernel_send_pending() - the kernel has room again for what it did not take. */
void kernel_send_pending(struct tcp *tcp, struct kernel_connection *c);

/** kernel_tcp_transmit() - send this turn's messages, one call per connection, then end those that
 * were closed. Return: messages. */
unsigned kernel_tcp_transmit(struct tcp *tcp);

/* kernel_udp.c */

/** kernel_udp_start() - lay its arrays out. */
void kernel_udp_start(struct kernel_udp *udp);

/** kernel_udp_receive() - a burst of a socket's datagrams, handed up. Return: how many. */
unsigned kernel_udp_receive(struct stack *stack, unsigned socket);

/** kernel_udp_transmit() - Return: datagrams that left. */
unsigned kernel_udp_transmit(struct stack *stack);
