/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* kernel_stack.c - stack.h over epoll: a turn's worth of what the kernel has, up; a turn's worth
 * down */
#include "kernel.h"

#include "memory.h"
#include "prefetch.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

COUNTER_TABLE(stack_counter_info, STACK_COUNTERS);

struct stack *stack_new(const struct stack_config *config, uint64_t now)
{
	struct stack *stack = memory_map(sizeof(*stack), config->huge);
	int rc = -ENOMEM;

	if (!stack)
		return NULL;
	stack->config = *config;
	stack->epoll = epoll_create1(EPOLL_CLOEXEC);
	kernel_udp_start(&stack->udp);
	if (stack->epoll < 0)
		rc = -errno;
	else if (!(rc = kernel_tcp_start(stack, now)))
		rc = kernel_listen(stack);
	/* the caller's arrays, read by kernel_listen() only */
	stack->config.tcp.ports = stack->config.udp_ports = NULL;
	if (!rc)
		return stack;
	stack_free(stack);
	errno = -rc;
	return NULL;
}

void stack_free(struct stack *stack)
{
	if (!stack)
		return;
	kernel_tcp_stop(&stack->tcp);
	for (unsigned i = 0; i < stack->socket_count; i++)
		close(stack->sockets[i].fd);
	if (stack->epoll >= 0)
		close(stack->epoll);
	memory_unmap(stack, sizeof(*stack));
}

struct tcp *stack_tcp(struct stack *stack)
{
	return &stack->tcp;
}

const uint64_t *stack_counters(const struct stack *stack)
{
	return stack->counters;
}

struct pool_view stack_neighbours(const struct stack *stack)
{
	return (struct pool_view){.name = "neighbours",
		.help = "neighbours, which are the kernel's here",
		.used = POOL_USED_UNKNOWN};
}

bool stack_address_at(
	const struct stack *stack, uint8_t link, unsigned index, struct ip_address *address)
{
	const struct stack_link *l = &stack->config.links[link];

	if (link >= stack->config.link_count || index >= l->address_count)
		return false;
	*address = l->addresses[index].address;
	return true;
}

static unsigned socket_event(struct stack *stack, unsigned socket)
{
	return stack->sockets[socket].udp ? kernel_udp_receive(stack, socket)
					  : kernel_accept(stack, socket);
}

/* Each connection's record, fetched while the first of them are read from. */
static void prefetch(const struct stack *stack)
{
	for (unsigned i = 0; i < stack->event_count; i++)
		prefetch_to_write(&stack->tcp.connections[stack->events[i].data.u64 & 0xffffff]);
}

/*
 * What one call finds is looked at over as many turns as it takes: a turn's reading is bounded, and
 * an edge is told only once.
 */
unsigned stack_receive(struct stack *stack, uint64_t now)
{
	struct tcp *tcp = &stack->tcp;
	unsigned taken;

	tcp->now = now;
	tcp->in_used = 0;
	taken = kernel_tcp_again(tcp);
	if (stack->event_next == stack->event_count) {
		int count = epoll_wait(stack->epoll, stack->events, STACK_BURST, 0);

		stack->event_next = 0;
		stack->event_count = count > 0 ? (unsigned)count : 0;
		prefetch(stack);
	}
	while (stack->event_next < stack->event_count && kernel_tcp_room(tcp)) {
		const struct epoll_event *event = &stack->events[stack->event_next++];

		if (event->data.u64 >> 32) {
			taken += socket_event(stack, (uint32_t)event->data.u64);
		} else {
			kernel_tcp_event(tcp, (tcp_id)event->data.u64, event->events);
			taken++;
		}
	}
	stack->active = taken;
	return taken;
}

void stack_timers(struct stack *stack, uint64_t now)
{
	kernel_tcp_sweep(&stack->tcp);
}

/* An idle turn is the one that may wait: its cycles are idle ones. */
static void wait_for_more(struct stack *stack)
{
	struct pollfd epoll = {.fd = stack->epoll, .events = POLLIN};

	if (!kernel_options.spin)
		poll(&epoll, 1, KERNEL_WAIT_MS);
}

unsigned stack_transmit(struct stack *stack, uint64_t now)
{
	unsigned sent = kernel_udp_transmit(stack) + kernel_tcp_transmit(&stack->tcp);

	stack->tcp.out_used = 0;
	if (!sent && !stack->active)
		wait_for_more(stack);
	return sent;
}
