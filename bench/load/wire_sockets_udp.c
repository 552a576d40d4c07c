/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* wire_sockets_udp.c - the instrument's datagrams: a socket per port, a device per address and
 * port */
#include "wire_sockets_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * The platform knows a device by its token, the instrument by the address that an answer goes to. A
 * socket that is bound to a port alone sends from any of our addresses, and is told which one a
 * datagram came to (IP_PKTINFO): so few sockets have a hundred thousand devices, each with an
 * address and port of its own, and one call takes many devices' datagrams.
 */

#define BUFFER (32 << 20)

static struct wire_sockets *of(struct load_wire *wire)
{
	return (struct wire_sockets *)wire;
}

/* Blocks of as many devices as there are addresses; each has SOURCES ports. */
static unsigned socket_of(const struct wire_sockets *sockets, uint32_t device, unsigned source)
{
	return device / sockets->addresses * SOCKETS_SOURCES + source;
}

static int open_socket(struct wire_sockets *sockets, unsigned number)
{
	const struct sockaddr_in own = {
		.sin_family = AF_INET, .sin_port = htons((uint16_t)(SOCKETS_UDP_PORT + number))};
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = 1ull << 32 | number};
	const int on = 1, buffer = BUFFER;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof(buffer));
	if (bind(fd, (const struct sockaddr *)&own, sizeof(own)) ||
		epoll_ctl(sockets->epoll, EPOLL_CTL_ADD, fd, &event)) {
		int rc = -errno;

		close(fd);
		return rc;
	}
	sockets->udp->fds[number] = fd;
	return 0;
}

static void prepare(struct wire_sockets *sockets)
{
	struct sockets_udp *udp = sockets->udp;

	for (unsigned i = 0; i < SOCKETS_UDP_MAX; i++)
		udp->fds[i] = -1;
	for (unsigned i = 0; i < SOCKETS_DATAGRAMS; i++) {
		struct cmsghdr *control = (struct cmsghdr *)udp->out_control[i];

		*control = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(struct in_pktinfo)),
			.cmsg_level = IPPROTO_IP,
			.cmsg_type = IP_PKTINFO};
		udp->out[i].msg_hdr = (struct msghdr){
			.msg_name = &sockets->peers[LOAD_CONNECT],
			.msg_namelen = sizeof(sockets->peers[LOAD_CONNECT]),
			.msg_iov = &udp->out_at[i],
			.msg_iovlen = 1,
			.msg_control = control,
			.msg_controllen = sizeof(udp->out_control[i]),
		};
	}
	for (unsigned i = 0; i < SOCKETS_BURST; i++)
		udp->in[i].msg_hdr = (struct msghdr){.msg_name = &udp->from[i],
			.msg_iov = &udp->in_at[i],
			.msg_iovlen = 1,
			.msg_control = udp->in_control[i]};
}

int sockets_start_udp(struct wire_sockets *sockets, char *error, size_t size)
{
	const unsigned last =
		sockets->addresses ? socket_of(sockets, sockets->devices - 1, 0) : SOCKETS_UDP_MAX;
	int rc = 0;

	if (last + SOCKETS_SOURCES > SOCKETS_UDP_MAX) {
		snprintf(error, size,
			"%u devices over UDP want at least %u local addresses: --address "
			"A.B.C.D/PREFIX",
			sockets->devices,
			sockets->devices / (SOCKETS_UDP_MAX / SOCKETS_SOURCES) + 1);
		return -EADDRNOTAVAIL;
	}
	sockets->udp = calloc(1, sizeof(*sockets->udp));
	if (!sockets->udp) {
		snprintf(error, size, "out of memory");
		return -ENOMEM;
	}
	prepare(sockets);
	for (unsigned i = 0; i <= last && !rc; i += SOCKETS_SOURCES)
		rc = open_socket(sockets, i);
	if (rc)
		snprintf(error, size, "no UDP socket: %s", strerror(-rc));
	return rc;
}

void sockets_stop_udp(struct wire_sockets *sockets)
{
	if (!sockets->udp)
		return;
	for (unsigned i = 0; i < SOCKETS_UDP_MAX; i++) {
		if (sockets->udp->fds[i] >= 0)
			close(sockets->udp->fds[i]);
	}
	free(sockets->udp);
	sockets->udp = NULL;
}

uint8_t *sockets_datagram(
	struct load_wire *wire, uint32_t device, unsigned source, uint32_t length, unsigned *ticket)
{
	struct wire_sockets *sockets = of(wire);
	struct sockets_udp *udp = sockets->udp;
	const unsigned number = udp->out_count, socket = socket_of(sockets, device, source);
	const struct in_pktinfo info = {.ipi_spec_dst.s_addr = sockets_address(sockets, device)};
	uint8_t *room = sockets->out + sockets->out_used;

	if (number == SOCKETS_DATAGRAMS || sockets->out_used + length > SOCKETS_OUT_BYTES ||
		(udp->fds[socket] < 0 && open_socket(sockets, socket)))
		return NULL;
	sockets->out_used += (length + 63) & ~63u;
	udp->out_count++;
	udp->out_socket[number] = (uint16_t)socket;
	udp->out_at[number] = (struct iovec){room, 0};
	memcpy(CMSG_DATA((struct cmsghdr *)udp->out_control[number]), &info, sizeof(info));
	*ticket = number;
	return room;
}

void sockets_datagram_commit(struct load_wire *wire, unsigned ticket, uint32_t length)
{
	of(wire)->udp->out_at[ticket].iov_len = length;
}

/* The messages from @first on that leave by one socket and are there. @first: may be moved on. */
static unsigned run_of(const struct sockets_udp *udp, unsigned *first)
{
	unsigned end;

	while (*first < udp->out_count && !udp->out_at[*first].iov_len)
		++*first;
	for (end = *first; end < udp->out_count && udp->out_at[end].iov_len; end++) {
		if (udp->out_socket[end] != udp->out_socket[*first])
			break;
	}
	return end - *first;
}

unsigned sockets_transmit_udp(struct wire_sockets *sockets)
{
	struct sockets_udp *udp = sockets->udp;
	unsigned first = 0, sent = 0, count;

	while ((count = run_of(udp, &first))) {
		int taken = sendmmsg(
			udp->fds[udp->out_socket[first]], &udp->out[first], count, MSG_DONTWAIT);

		sockets->writes++;
		if (taken <= 0) {
			sockets->drops++;
			first++;
			continue;
		}
		first += (unsigned)taken;
		sent += (unsigned)taken;
	}
	udp->out_count = 0;
	return sent;
}

/* Whose address is it? Return: UINT32_MAX: nobody's. */
static uint32_t device_of(
	const struct wire_sockets *sockets, const struct msghdr *message, unsigned socket)
{
	struct cmsghdr *control = CMSG_FIRSTHDR(message);
	struct in_pktinfo info;
	uint32_t index;

	if (!control || control->cmsg_level != IPPROTO_IP || control->cmsg_type != IP_PKTINFO)
		return UINT32_MAX;
	memcpy(&info, CMSG_DATA(control), sizeof(info));
	index = ntohl(info.ipi_addr.s_addr) - sockets->first_address;
	if (index >= sockets->addresses)
		return UINT32_MAX;
	index += socket / SOCKETS_SOURCES * sockets->addresses;
	return index < sockets->devices ? index : UINT32_MAX;
}

unsigned sockets_receive_udp(struct wire_sockets *sockets, unsigned socket)
{
	struct sockets_udp *udp = sockets->udp;
	const struct sockaddr_in *platform = &sockets->peers[LOAD_CONNECT];
	int count;

	for (unsigned i = 0; i < SOCKETS_BURST; i++) {
		udp->in_at[i] =
			(struct iovec){sockets->in + sockets->in_used + i * SOCKETS_DATAGRAM_BYTES,
				SOCKETS_DATAGRAM_BYTES};
		udp->in[i].msg_hdr.msg_namelen = sizeof(udp->from[i]);
		udp->in[i].msg_hdr.msg_controllen = sizeof(udp->in_control[i]);
	}
	count = recvmmsg(udp->fds[socket], udp->in, SOCKETS_BURST, MSG_DONTWAIT, NULL);
	sockets->reads++;
	if (count <= 0) {
		sockets->empty_reads++;
		return 0;
	}
	sockets->in_used += (unsigned)count * SOCKETS_DATAGRAM_BYTES;
	for (int i = 0; i < count; i++) {
		uint32_t device = device_of(sockets, &udp->in[i].msg_hdr, socket);

		if (device != UINT32_MAX && udp->from[i].sin_port == platform->sin_port &&
			udp->from[i].sin_addr.s_addr == platform->sin_addr.s_addr)
			sockets->wire.up->datagram(sockets->wire.load, device,
				udp->in_at[i].iov_base, udp->in[i].msg_len);
	}
	return (unsigned)count;
}
