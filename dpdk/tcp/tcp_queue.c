/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* tcp_queue.c - the send queue: one message, one chunk; freed when it is acknowledged */

#include "tcp_state.h"

#include <assert.h>

/*
 * head -> ... -> tail -> 0. An open reservation is the message after the tail (or the head, where
 * there is no tail): it joins by becoming the tail and is dropped by cutting the list there.
 */
static chunk_id *reservation_link(const struct tcp *tcp, struct tcp_connection *c)
{
	return c->tail ? &tcp_message_at(tcp, c->tail)->next : &c->head;
}

void tcp_queue_acked(struct tcp *tcp, struct tcp_connection *c)
{
	while (c->tail) {
		chunk_id id = c->head;
		const struct tcp_message *message = tcp_message_at(tcp, id);

		if (seq_lt(c->snd_una, message->seq + message->length))
			break;
		c->head = message->next;
		if (id == c->tail)
			c->tail = 0;
		if (c->side && tcp_side_of(tcp, c)->out.cursor == id)
			tcp_side_of(tcp, c)->out.cursor = 0;
		chunk_put(tcp->config.chunks, id);
	}
	if (seq_lt(c->snd_ptr, c->snd_una))
		tcp_queue_rewind(c);
}

void tcp_queue_rewind(struct tcp_connection *c)
{
	c->snd_ptr = c->snd_una;
	c->cursor = c->tail ? c->head : 0;
}

void tcp_queue_free(struct tcp *tcp, struct tcp_connection *c)
{
	chunk_id reserved = 0;

	if (c->flags & TCP_RESERVED) {
		chunk_id *link = reservation_link(tcp, c);

		/* Its holder may still be writing: it goes when the turn's output begins. */
		reserved = *link;
		*link = 0;
		tcp_message_at(tcp, reserved)->next = tcp->abandoned;
		tcp->abandoned = reserved;
		c->flags &= (uint16_t)~TCP_RESERVED;
	}
	while (c->head) {
		chunk_id id = c->head;

		c->head = tcp_message_at(tcp, id)->next;
		chunk_put(tcp->config.chunks, id);
	}
	c->tail = 0;
	c->cursor = 0;
}

/* Has the class of @bytes, or the one above, more than so many eighths free? */
static bool spare(const struct tcp *tcp, uint32_t bytes, unsigned eighths)
{
	const struct chunk_pool *pool = tcp->config.chunks;
	unsigned class = 0;

	while (class < CHUNK_CLASSES - 1 && chunk_class_bytes[class] < bytes)
		class ++;
	for (unsigned last = class + 1; class <= last && class < CHUNK_CLASSES; class ++)
		if (chunk_free_count(pool, class) * 8ull >
			(uint64_t)chunk_count(pool, class) * eighths)
			return true;
	return false;
}

/*
 * Small messages are a chunk each: a single connection whose peer is slow could hold them all, and
 * nobody else could send, nor receive what has to be stored. So the last quarter of a class is for
 * connections with nothing queued, one message each, and the last eighth for what comes in.
 */
static bool fair(const struct tcp *tcp, const struct tcp_connection *c, uint32_t bytes)
{
	return spare(tcp, bytes, c->tail ? 2 : 1);
}

uint8_t *tcp_reserve(struct tcp *tcp, tcp_id id, uint32_t bytes)
{
	struct tcp_connection *c = tcp_find(tcp, id);
	struct tcp_message *message;
	chunk_id chunk;

	if (!c || (c->state != TCP_ESTABLISHED && c->state != TCP_CLOSE_WAIT) ||
		c->flags & TCP_RESERVED)
		return NULL;
	if (bytes == 0 || bytes > tcp->config.send_bytes ||
		c->snd_end - c->snd_una > tcp->config.send_bytes - bytes)
		return NULL;
	chunk = fair(tcp, c, bytes + sizeof(*message))
			? chunk_get(tcp->config.chunks, bytes + sizeof(*message))
			: 0;
	if (!chunk) {
		tcp_count(tcp, TCP_SEND_NO_CHUNK);
		return NULL;
	}
	message = tcp_message_at(tcp, chunk);
	message->next = 0;
	message->length = 0;
	message->room = bytes;
	*reservation_link(tcp, c) = chunk;
	c->flags |= TCP_RESERVED;
	return (uint8_t *)(message + 1);
}

void tcp_commit(struct tcp *tcp, tcp_id id, uint32_t bytes)
{
	struct tcp_connection *c = tcp_find(tcp, id);
	struct tcp_message *message;
	chunk_id *link, chunk;

	if (!c || !(c->flags & TCP_RESERVED))
		return;
	c->flags &= (uint16_t)~TCP_RESERVED;
	link = reservation_link(tcp, c);
	chunk = *link;
	message = tcp_message_at(tcp, chunk);
	assert(bytes <= message->room);
	if (bytes == 0) {
		*link = 0;
		chunk_put(tcp->config.chunks, chunk);
	} else {
		if (c->snd_una == c->snd_end) {
			uint16_t quiet;

			tcp_keepalive_end(c);
			quiet = (uint16_t)(wheel_tick(tcp->now) - c->timer.since);

			/* RFC 5681 4.1, by the time since the last progress. */
			if ((uint64_t)quiet << WHEEL_TICK_SHIFT > tcp_rto(c))
				tcp_congestion_idle(c);
			tcp_progress(tcp, c);
		}
		message->seq = c->snd_end;
		message->length = bytes;
		c->snd_end += bytes;
		c->tail = chunk;
		if (!c->cursor)
			c->cursor = chunk;
	}
	/* Also when it is given up: a FIN may have waited for it. */
	tcp_pend(tcp, c);
}
