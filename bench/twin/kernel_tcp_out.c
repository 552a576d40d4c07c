/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* kernel_tcp_out.c - what a worker uses of tcp.h, on the kernel's sockets: bytes out, closing */
#include "kernel.h"

#include <errno.h>
#include <sys/uio.h>

#define MESSAGES 64 /* of one connection in one call */

/* At the start of a chunk of bytes that the kernel did not take. */
struct pending {
	uint32_t length, sent;
	uint8_t bytes[];
};

static int fd_of(const struct tcp *tcp, const struct kernel_connection *c)
{
	return (int)(c - tcp->connections);
}

static void mark_dirty(struct tcp *tcp, struct kernel_connection *c)
{
	if (c->dirty)
		return;
	c->dirty = true;
	tcp->dirty[tcp->dirty_count++] = (uint32_t)fd_of(tcp, c);
}

uint8_t *tcp_reserve(struct tcp *tcp, tcp_id id, uint32_t bytes)
{
	struct kernel_connection *c = kernel_find(tcp, id);
	uint8_t *room = tcp->out + tcp->out_used;
	unsigned number = tcp->slot_count + 1;

	if (!c || c->state != KERNEL_OPEN || c->open)
		return NULL;
	if (number == KERNEL_SLOTS || tcp->out_used + bytes > KERNEL_OUT_BYTES ||
		c->queued + bytes > tcp->config.send_bytes) {
		counter_add(&tcp->counters[TCP_SEND_NO_CHUNK], 1);
		return NULL;
	}
	tcp->slots[number] = (struct kernel_slot){.at = tcp->out_used};
	tcp->slot_count = number;
	tcp->out_used += (bytes + 15) & ~15u;
	if (c->last)
		tcp->slots[c->last].next = (uint16_t)number;
	else
		c->first = (uint16_t)number;
	c->last = (uint16_t)number;
	c->open = true;
	mark_dirty(tcp, c);
	return room;
}

void tcp_commit(struct tcp *tcp, tcp_id id, uint32_t bytes)
{
	struct kernel_connection *c = kernel_find(tcp, id);

	if (!c || !c->open)
		return; /* it ended meanwhile */
	c->open = false;
	tcp->slots[c->last].length = bytes;
	c->queued += bytes;
}

void tcp_close(struct tcp *tcp, tcp_id id)
{
	struct kernel_connection *c = kernel_find(tcp, id);

	if (!c || c->state != KERNEL_OPEN)
		return;
	c->state = KERNEL_CLOSING;
	c->deadline = (uint32_t)(tcp->now / 1000 + KERNEL_USER_TIMEOUT_MS) | 1;
	mark_dirty(tcp, c);
}

void tcp_abort(struct tcp *tcp, tcp_id id)
{
	struct kernel_connection *c = kernel_find(tcp, id);

	if (c && c->state == KERNEL_OPEN)
		kernel_forget(tcp, c, true);
}

/* ---- to the kernel ---- */

/* Level-triggered epoll is asked for room only where some is waited for. */
static void watch_room(struct tcp *tcp, const struct kernel_connection *c, bool wanted)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | (wanted ? EPOLLOUT : 0u),
		.data.u64 = (uint64_t)c->generation << 24 | (uint64_t)fd_of(tcp, c)};

	if (kernel_options.level)
		epoll_ctl(tcp->epoll, EPOLL_CTL_MOD, fd_of(tcp, c), &event);
}

/* Keep what the kernel did not take. Return: false: no chunk, the stream is cut. */
static bool keep(struct tcp *tcp, struct kernel_connection *c, const struct iovec *at,
	unsigned count, size_t skip)
{
	struct chunk_pool *chunks = tcp->config.chunks;
	struct pending *old = c->pending ? (struct pending *)chunk_data(chunks, c->pending) : NULL;
	uint32_t length = old ? old->length - old->sent : 0, bytes = length;
	struct pending *new;
	chunk_id chunk;

	for (unsigned i = 0; i < count; i++)
		bytes += (uint32_t)at[i].iov_len;
	bytes -= (uint32_t)skip;
	chunk = chunk_get(chunks, (uint32_t)sizeof(*new) + bytes);
	if (!chunk)
		return false;
	new = (struct pending *)chunk_data(chunks, chunk);
	*new = (struct pending){.length = bytes};
	if (old)
		memcpy(new->bytes, old->bytes + old->sent, length);
	for (unsigned i = 0; i < count; i++) {
		size_t from = skip < at[i].iov_len ? skip : at[i].iov_len;

		memcpy(new->bytes + length, (uint8_t *)at[i].iov_base + from, at[i].iov_len - from);
		length += (uint32_t)(at[i].iov_len - from);
		skip -= from;
	}
	chunk_put(chunks, c->pending);
	c->pending = chunk;
	c->queued = bytes;
	return true;
}

/* One call for up to MESSAGES messages. Return: bytes that the kernel took; -1: it is broken. */
static ssize_t send_some(
	struct tcp *tcp, const struct kernel_connection *c, struct iovec *at, unsigned count)
{
	const struct msghdr message = {.msg_iov = at, .msg_iovlen = count};
	ssize_t sent = count == 1 ? send(fd_of(tcp, c), at->iov_base, at->iov_len,
					    MSG_DONTWAIT | MSG_NOSIGNAL)
				  : sendmsg(fd_of(tcp, c), &message, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (sent >= 0)
		counter_add(&tcp->stack_counters[STACK_TX_BYTES], (uint64_t)sent);
	return sent < 0 && errno == EAGAIN ? 0 : sent;
}

/* The next messages of this turn. @slot: where to begin, then where to go on. */
static unsigned gather(const struct tcp *tcp, uint16_t *slot, struct iovec *at, size_t *bytes)
{
	unsigned count = 0;

	*bytes = 0;
	for (; *slot && count < MESSAGES; *slot = tcp->slots[*slot].next) {
		const struct kernel_slot *s = &tcp->slots[*slot];

		if (!s->length)
			continue;
		at[count++] = (struct iovec){tcp->out + s->at, s->length};
		*bytes += s->length;
	}
	return count;
}

/* Return: messages handed to the kernel or kept. A broken connection is read from, too: there its
 * end is found. */
static unsigned send_turn(struct tcp *tcp, struct kernel_connection *c)
{
	struct iovec at[MESSAGES];
	uint16_t slot = c->first;
	unsigned messages = 0, count;
	bool had = c->pending;
	size_t bytes;

	while ((count = gather(tcp, &slot, at, &bytes))) {
		ssize_t sent = c->pending ? 0 : send_some(tcp, c, at, count);

		messages += count;
		if (sent < 0)
			break;
		if ((size_t)sent == bytes) {
			c->queued -= (uint32_t)bytes;
			continue;
		}
		if (!keep(tcp, c, at, count, (size_t)sent)) {
			counter_add(&tcp->counters[TCP_SEND_NO_CHUNK], 1);
			kernel_forget(tcp, c, true);
			return messages;
		}
	}
	if (c->pending && !had)
		watch_room(tcp, c, true);
	return messages;
}

/* Everything has left: now the end. Who has its peer's end, too, is done with. */
static void finish(struct tcp *tcp, struct kernel_connection *c)
{
	if (c->finished) {
		kernel_forget(tcp, c, false);
		return;
	}
	shutdown(fd_of(tcp, c), SHUT_WR);
	c->state = KERNEL_SHUT;
	c->deadline = (uint32_t)(tcp->now / 1000 + KERNEL_LINGER_MS) | 1;
}

void kernel_send_pending(struct tcp *tcp, struct kernel_connection *c)
{
	struct pending *pending = (struct pending *)chunk_data(tcp->config.chunks, c->pending);
	struct iovec at = {pending->bytes + pending->sent, pending->length - pending->sent};
	ssize_t sent = send_some(tcp, c, &at, 1);

	if (sent < 0)
		return;
	pending->sent += (uint32_t)sent;
	c->queued -= (uint32_t)sent;
	if (pending->sent < pending->length)
		return;
	chunk_put(tcp->config.chunks, c->pending);
	c->pending = 0;
	watch_room(tcp, c, false);
	if (c->state != KERNEL_CLOSING)
		return;
	finish(tcp, c);
	/* what came meanwhile was not looked at */
	if (c->state == KERNEL_SHUT)
		kernel_tell_again(tcp, c);
}

unsigned kernel_tcp_transmit(struct tcp *tcp)
{
	unsigned messages = 0;

	for (uint32_t i = 0; i < tcp->dirty_count; i++) {
		struct kernel_connection *c = &tcp->connections[tcp->dirty[i]];

		if (c->state == KERNEL_FREE || !c->dirty)
			continue;
		c->dirty = false;
		if (c->first)
			messages += send_turn(tcp, c);
		c->first = c->last = 0;
		c->open = false;
		if (c->state == KERNEL_CLOSING && !c->pending)
			finish(tcp, c);
	}
	tcp->dirty_count = 0;
	tcp->slot_count = 0;
	counter_add(&tcp->stack_counters[STACK_TX_FRAMES], messages);
	return messages;
}
