/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* wire_sockets_private.h - what wire_sockets*.c share */
#pragma once

#include "wire_sockets.h"

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

/** Events looked at in a poll. */
#define SOCKETS_EVENTS 128
/** One recv() at most; what is read in a poll. */
#define SOCKETS_READ 16384
#define SOCKETS_IN_BYTES (1u << 20)
/** What is sent in a poll. */
#define SOCKETS_OUT_BYTES (4u << 20)
#define SOCKETS_SLOTS 8192
/** Datagrams of one call; before a poll begins, at most SOCKETS_DATAGRAMS. */
#define SOCKETS_BURST 64
#define SOCKETS_DATAGRAMS 1024
#define SOCKETS_DATAGRAM_BYTES 1600
/** Ports that a device may send from (wire.h). */
#define SOCKETS_SOURCES 4
/** UDP sockets: so many times the number of addresses is the limit of devices, a quarter of it. */
#define SOCKETS_UDP_MAX 1024
/** The first UDP port of devices. */
#define SOCKETS_UDP_PORT 20000
/** What the engine did not take is offered again so soon. */
#define SOCKETS_AGAIN_NS 2000000u

enum socket_state { SOCKET_FREE, SOCKET_OPENING, SOCKET_OPEN };

/**
 * struct sockets_rest - bytes of a connection: that the kernel did not take, or the engine
 * @at: how many of them it has taken meanwhile
 */
struct sockets_rest {
	uint32_t length, at;
	uint8_t bytes[];
};

/**
 * struct sockets_connection - one TCP connection; its index is its descriptor
 * @out: bytes that the kernel did not take; @in: that the engine did not
 * @first, @last: messages to be sent (struct sockets_slot), 0: none; @open: the last one is
 *	reserved and not yet committed
 */
struct sockets_connection {
	uint32_t device;
	uint8_t state, generation;
	bool dirty, again, ending, open;
	uint16_t first, last;
	struct sockets_rest *out, *in;
};

/** struct sockets_slot - one message to send; @next: of the same connection */
struct sockets_slot {
	uint32_t at, length;
	uint16_t next;
};

/** struct sockets_udp - the datagrams of a poll, both ways */
struct sockets_udp {
	int fds[SOCKETS_UDP_MAX]; /* -1: not opened; number port / SOURCES, source port % SOURCES */
	struct mmsghdr out[SOCKETS_DATAGRAMS], in[SOCKETS_BURST];
	struct iovec out_at[SOCKETS_DATAGRAMS], in_at[SOCKETS_BURST];
	struct sockaddr_in from[SOCKETS_BURST];
	uint16_t out_socket[SOCKETS_DATAGRAMS];
	uint8_t out_control[SOCKETS_DATAGRAMS][CMSG_SPACE(sizeof(struct in_pktinfo))];
	uint8_t in_control[SOCKETS_BURST][CMSG_SPACE(sizeof(struct in_pktinfo))];
	unsigned out_count;
	/* of the poll that goes on; they stay until the next */
	uint8_t *in_bytes;
};

struct wire_sockets {
	struct load_wire wire; /* first */
	struct wire_sockets_config config;
	struct sockaddr_in peers[2];       /* by enum load_peer */
	uint32_t first_address, addresses; /* host order; 0: the kernel's choice */
	uint32_t devices;
	int epoll;
	/* TCP */
	struct sockets_connection *connections;
	uint32_t size;
	uint32_t *dirty, dirty_count;
	uint32_t *again, again_count; /* descriptors that have bytes to be offered again */
	uint64_t again_at;
	struct sockets_slot *slots;
	unsigned slot_count;
	uint8_t *out, *in;
	uint32_t out_used, in_used;
	struct epoll_event events[SOCKETS_EVENTS];
	unsigned event_count, event_next;
	struct sockets_udp *udp;
	uint64_t drops, refused;
	uint64_t waits, reads, empty_reads, writes;
};

/* wire_sockets_tcp.c: the calls of struct load_wire, and what wire_sockets.c has of them */
uint32_t sockets_open(struct load_wire *wire, uint32_t device, enum load_peer peer);
void sockets_close(struct load_wire *wire, uint32_t connection, bool abort);
uint8_t *sockets_reserve(struct load_wire *wire, uint32_t connection, uint32_t length);
void sockets_commit(struct load_wire *wire, uint32_t connection, uint32_t length);

/** sockets_transmit() - send what was committed, a call per connection. Return: messages. */
unsigned sockets_transmit(struct wire_sockets *sockets);

/** sockets_again() - offer what the engine did not take once more. Return: connections. */
unsigned sockets_again(struct wire_sockets *sockets, uint64_t now);

/** sockets_event() - what epoll said about a connection */
void sockets_event(struct wire_sockets *sockets, uint32_t connection, uint32_t events);

/** sockets_stop_tcp() - close them all. */
void sockets_stop_tcp(struct wire_sockets *sockets);

/** sockets_address() - a device's own, network byte order; 0: the kernel's choice. */
static inline uint32_t sockets_address(const struct wire_sockets *sockets, uint32_t device)
{
	return sockets->addresses ? htonl(sockets->first_address + device % sockets->addresses) : 0;
}

/* wire_sockets_udp.c */
int sockets_start_udp(struct wire_sockets *sockets, char *error, size_t size);
void sockets_stop_udp(struct wire_sockets *sockets);
uint8_t *sockets_datagram(struct load_wire *wire, uint32_t device, unsigned source, uint32_t length,
	unsigned *ticket);
void sockets_datagram_commit(struct load_wire *wire, unsigned ticket, uint32_t length);

/** sockets_transmit_udp() - Return: datagrams handed to the kernel. */
unsigned sockets_transmit_udp(struct wire_sockets *sockets);

/** sockets_receive_udp() - a burst of one socket's. Return: datagrams. */
unsigned sockets_receive_udp(struct wire_sockets *sockets, unsigned socket);
