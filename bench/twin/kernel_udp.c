/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* kernel_udp.c - datagrams over the kernel's sockets, a burst at a time */
#include "kernel.h"

void kernel_udp_start(struct kernel_udp *udp)
{
	for (unsigned i = 0; i < STACK_BURST; i++) {
		udp->in_at[i] = (struct iovec){udp->bytes[i], KERNEL_DATAGRAM_BYTES};
		udp->in[i].msg_hdr = (struct msghdr){
			.msg_name = &udp->from[i], .msg_iov = &udp->in_at[i], .msg_iovlen = 1};
	}
	for (unsigned i = 0; i < KERNEL_DATAGRAMS_OUT; i++)
		udp->out[i].msg_hdr = (struct msghdr){
			.msg_name = &udp->to[i], .msg_iov = &udp->out_at[i], .msg_iovlen = 1};
}

unsigned kernel_udp_receive(struct stack *stack, unsigned socket)
{
	struct kernel_udp *udp = &stack->udp;
	const struct kernel_socket *s = &stack->sockets[socket];
	unsigned first = udp->in_count;
	uint64_t bytes = 0;
	int count;

	for (unsigned i = first; i < STACK_BURST; i++)
		udp->in[i].msg_hdr.msg_namelen = sizeof(udp->from[i]);
	count = recvmmsg(s->fd, &udp->in[first], STACK_BURST - first, MSG_DONTWAIT, NULL);
	if (count <= 0)
		return 0;
	udp->in_count += (unsigned)count;
	for (unsigned i = first; i < udp->in_count; i++) {
		struct datagram datagram = {.data = udp->bytes[i], .length = udp->in[i].msg_len};

		datagram.path.remote = kernel_address(&udp->from[i], &datagram.path.remote_port);
		datagram.path.local = s->local;
		datagram.path.local_port = s->port;
		datagram.path.link = s->link;
		bytes += datagram.length;
		stack->config.user.datagram(stack->config.user.context, &datagram);
	}
	counter_add(&stack->counters[STACK_RX_FRAMES], (uint64_t)count);
	counter_add(&stack->counters[STACK_RX_BYTES], bytes);
	return (unsigned)count;
}

static int socket_of(const struct stack *stack, const struct udp_path *path)
{
	for (unsigned i = 0; i < stack->socket_count; i++) {
		const struct kernel_socket *s = &stack->sockets[i];

		if (s->udp && s->link == path->link && s->port == path->local_port &&
			ip_equal(&s->local, &path->local))
			return (int)i;
	}
	return -1;
}

uint8_t *stack_datagram(
	struct stack *stack, const struct udp_path *path, uint32_t bytes, unsigned *ticket)
{
	struct kernel_udp *udp = &stack->udp;
	struct tcp *tcp = &stack->tcp;
	const unsigned number = udp->out_count;
	const int socket = socket_of(stack, path);
	uint8_t *room = tcp->out + tcp->out_used;

	if (socket < 0) {
		counter_add(&stack->counters[STACK_DROP_NO_ROUTE], 1);
		return NULL;
	}
	if (number == KERNEL_DATAGRAMS_OUT || tcp->out_used + bytes > KERNEL_OUT_BYTES) {
		counter_add(&stack->counters[STACK_DROP_TX_BUFFER], 1);
		return NULL;
	}
	tcp->out_used += (bytes + 15) & ~15u;
	udp->out_count++;
	udp->out_socket[number] = (uint8_t)socket;
	udp->out_at[number] = (struct iovec){room, 0};
	udp->out[number].msg_hdr.msg_namelen =
		kernel_sockaddr(&path->remote, path->remote_port, &udp->to[number]);
	*ticket = number;
	return room;
}

void stack_datagram_commit(struct stack *stack, unsigned ticket, uint32_t bytes)
{
	stack->udp.out_at[ticket].iov_len = bytes;
}

bool stack_hand(struct stack *stack, const struct datagram *datagram, unsigned worker)
{
	counter_add(&stack->counters[STACK_DROP_WRONG_WORKER], 1); /* there is no other */
	return false;
}

/* Away with reservations that were given up. */
static unsigned compact(struct kernel_udp *udp)
{
	unsigned count = 0;

	for (unsigned i = 0; i < udp->out_count; i++) {
		if (!udp->out_at[i].iov_len)
			continue;
		if (i != count) {
			udp->out_at[count] = udp->out_at[i];
			udp->to[count] = udp->to[i];
			udp->out_socket[count] = udp->out_socket[i];
			udp->out[count].msg_hdr.msg_namelen = udp->out[i].msg_hdr.msg_namelen;
		}
		count++;
	}
	return count;
}

unsigned kernel_udp_transmit(struct stack *stack)
{
	struct kernel_udp *udp = &stack->udp;
	unsigned count, sent = 0, first = 0;
	uint64_t bytes = 0;

	udp->in_count = 0;
	if (!udp->out_count)
		return 0;
	count = compact(udp);
	while (first < count) {
		unsigned end = first + 1;
		int taken;

		while (end < count && udp->out_socket[end] == udp->out_socket[first])
			end++;
		taken = sendmmsg(stack->sockets[udp->out_socket[first]].fd, &udp->out[first],
			end - first, MSG_DONTWAIT);
		if (taken <= 0) { /* this one is lost, as on any network: its device repeats */
			counter_add(&stack->counters[STACK_DROP_TX_FULL], 1);
			first++;
			continue;
		}
		for (int i = 0; i < taken; i++)
			bytes += udp->out[first + (unsigned)i].msg_len;
		first += (unsigned)taken;
		sent += (unsigned)taken;
	}
	udp->out_count = 0;
	counter_add(&stack->counters[STACK_TX_FRAMES], sent);
	counter_add(&stack->counters[STACK_TX_BYTES], bytes);
	return sent;
}
