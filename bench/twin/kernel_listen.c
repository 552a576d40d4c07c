/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* kernel_listen.c - the twin's listening and datagram sockets, and who comes by them */
#include "kernel.h"

#include <errno.h>
#include <unistd.h>

/* Of <netinet/tcp.h>, whose names meet those of our tcp.h. */
#define KERNEL_TCP_NODELAY 1
#define KERNEL_TCP_USER_TIMEOUT 18
#define BACKLOG 65535         /* the kernel takes net.core.somaxconn of it */
#define UDP_BUFFER (32 << 20) /* a burst of datagrams while the worker's core is taken away */

socklen_t kernel_sockaddr(const struct ip_address *address, uint16_t port, struct sockaddr_in6 *out)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;

	if (ip_is_v4(address)) {
		*v4 = (struct sockaddr_in){
			.sin_family = AF_INET, .sin_port = port, .sin_addr.s_addr = ip_v4(address)};
		return sizeof(*v4);
	}
	*out = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = port};
	memcpy(&out->sin6_addr, address, sizeof(out->sin6_addr));
	return sizeof(*out);
}

struct ip_address kernel_address(const struct sockaddr_in6 *from, uint16_t *port)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)from;
	struct ip_address address;

	*port = from->sin6_port;
	if (from->sin6_family == AF_INET)
		return ip_from_v4(v4->sin_addr.s_addr);
	memcpy(&address, &from->sin6_addr, sizeof(address));
	return address;
}

/* What a connection is to have it inherits from its listening socket: no call for each. */
static void prepare(int fd, bool udp, bool v6)
{
	const unsigned timeout = KERNEL_USER_TIMEOUT_MS;
	const int on = 1, buffer = UDP_BUFFER;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (v6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (udp) {
		setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer));
		setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof(buffer));
		return;
	}
	setsockopt(fd, IPPROTO_TCP, KERNEL_TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, KERNEL_TCP_USER_TIMEOUT, &timeout, sizeof(timeout));
}

static int open_socket(struct stack *stack, const struct kernel_socket *what)
{
	const unsigned number = stack->socket_count;
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = 1ull << 32 | number};
	struct sockaddr_in6 address;
	socklen_t length = kernel_sockaddr(&what->local, what->port, &address);
	int fd, rc;

	if (number == KERNEL_SOCKETS)
		return -ENOSPC;
	fd = socket(address.sin6_family,
		(what->udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	stack->sockets[number] = *what;
	stack->sockets[number].fd = fd;
	stack->socket_count++;
	prepare(fd, what->udp, !ip_is_v4(&what->local));
	if (bind(fd, (struct sockaddr *)&address, length) || (!what->udp && listen(fd, BACKLOG)) ||
		epoll_ctl(stack->epoll, EPOLL_CTL_ADD, fd, &event)) {
		rc = -errno;
		return rc;
	}
	return 0;
}

static int listen_on(struct stack *stack, struct kernel_socket what)
{
	const struct stack_config *config = &stack->config;
	int rc = 0;

	for (unsigned i = 0; i < config->tcp.port_count && !rc; i++) {
		what.port = config->tcp.ports[i];
		rc = open_socket(stack, &what);
	}
	what.udp = true;
	for (unsigned i = 0; i < config->udp_port_count && !rc; i++) {
		what.port = config->udp_ports[i];
		rc = open_socket(stack, &what);
	}
	return rc;
}

int kernel_listen(struct stack *stack)
{
	int rc = 0;

	for (unsigned i = 0; i < stack->config.link_count; i++) {
		const struct stack_link *link = &stack->config.links[i];

		for (unsigned j = 0; j < link->address_count && !rc; j++)
			rc = listen_on(stack, (struct kernel_socket){.link = (uint8_t)i,
						      .index = (uint8_t)j,
						      .local = link->addresses[j].address});
	}
	return rc;
}

unsigned kernel_accept(struct stack *stack, unsigned socket)
{
	unsigned count = 0;

	for (; count < KERNEL_ACCEPTS; count++) {
		struct sockaddr_in6 from;
		socklen_t length = sizeof(from);
		int fd = accept4(stack->sockets[socket].fd, (struct sockaddr *)&from, &length,
			SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0)
			break;
		kernel_tcp_add(&stack->tcp, fd, socket, &from);
	}
	return count;
}
