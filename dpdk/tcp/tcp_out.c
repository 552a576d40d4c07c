/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* tcp_out.c - segments out: what connections have to send */

#include "tcp_state.h"

void tcp_pend(struct tcp *tcp, struct tcp_connection *c)
{
	uint32_t number = tcp_index(tcp, c) + 1;

	if (c->flags & TCP_PENDING)
		return;
	c->flags |= TCP_PENDING;
	c->next = 0;
	if (tcp->pending_tail)
		tcp->connections[tcp->pending_tail - 1].next = number;
	else
		tcp->pending_head = number;
	tcp->pending_tail = number;
}

static void pending_take(struct tcp *tcp)
{
	struct tcp_connection *c = &tcp->connections[tcp->pending_head - 1];

	tcp->pending_head = c->next;
	if (!c->next)
		tcp->pending_tail = 0;
	tcp_connection_unpend(tcp, c);
}

void tcp_owe_ack(struct tcp *tcp, struct tcp_connection *c)
{
	c->flags |= TCP_ACK_OWED;
	tcp_pend(tcp, c);
}

void tcp_owe_duplicate(struct tcp *tcp, struct tcp_connection *c)
{
	/* Three make the peer send the missing segment at once. */
	if (c->duplicates_owed < 3)
		c->duplicates_owed++;
	tcp_pend(tcp, c);
}

/* Header of a segment of @c with @length bytes of text; it carries our ACK, so none is owed any
 * more. */
static void segment_out(struct tcp *tcp, struct tcp_connection *c, struct tcp_out *out,
	uint32_t seq, uint8_t flags, uint32_t length)
{
	tcp_tuple_at(tcp, tcp_ref_of(tcp, c), &out->tuple);
	out->seq = seq;
	out->ack = c->rcv_nxt;
	out->window = tcp_offer(tcp, c);
	out->flags = flags | TCP_ACK;
	out->link = c->link;
	out->options_length = 0;
	if (c->flags & (TCP_TIMESTAMPS | TCP_SACK))
		out->options_length = tcp_options_write(tcp, c, length, out->options);
	out->payload = NULL;
	out->length = length;
	c->flags &= (uint16_t)~TCP_ACK_OWED;
}

/*
 * The number of a segment without text: SND.NXT - unless the peer took its window back, for then it
 * would lie outside and the peer would not look at the ACK that it carries.
 */
static uint32_t bare_seq(const struct tcp_connection *c)
{
	uint32_t edge = c->snd_una + tcp_send_window(c);

	return seq_lt(edge, c->snd_nxt) && !tcp_fin_sent(c) ? edge : c->snd_nxt;
}

/* @length bytes of @message from sequence number @seq on. */
static void data_out(struct tcp *tcp, struct tcp_connection *c, struct tcp_out *out,
	const struct tcp_message *message, uint32_t seq, uint32_t length)
{
	uint32_t offset = seq - message->seq;
	bool last = offset + length == message->length;

	segment_out(tcp, c, out, seq, last ? TCP_PSH : 0, length);
	out->payload = (const uint8_t *)(message + 1) + offset;
}

/* Bytes that may be sent from snd_ptr on under @window bytes from snd_una on. */
static uint32_t usable(const struct tcp_connection *c, uint32_t window)
{
	uint32_t sent = c->snd_ptr - c->snd_una;

	return window > sent ? window - sent : 0;
}

/* Bytes that the congestion window lets out from snd_ptr on. */
static uint32_t congestion_room(const struct tcp *tcp, const struct tcp_connection *c)
{
	uint32_t window = c->cwnd;

	if (c->side)
		return tcp_recovery_room(tcp, c);
	/* Limited transmit (RFC 3042): new data for the first two duplicates. */
	if (!(c->flags & (TCP_RECOVERY | TCP_LOSS)))
		window += (uint32_t)c->duplicates * c->mss;
	return usable(c, window);
}

/*
 * How much of the next piece may leave now. A whole piece where it fits, so that messages keep
 * their borders. Part of it (RFC 9293 3.8.6.2.1) only with nothing in flight and half of the
 * largest window open, or when the persist timer says so: else the peer could be made to take us
 * apart into silly little segments.
 */
static uint32_t sendable(const struct tcp *tcp, const struct tcp_connection *c)
{
	uint32_t piece = tcp_piece_length(c, tcp_message_at(tcp, c->cursor), c->snd_ptr);
	uint32_t window = usable(c, tcp_send_window(c));

	if (piece <= window)
		return piece <= congestion_room(tcp, c) ? piece : 0;
	if (c->snd_ptr != c->snd_una || window == 0)
		return 0;
	return c->flags & TCP_PROBE || window >= tcp_max_window(c) / 2 ? window : 0;
}

bool tcp_window_blocked(const struct tcp *tcp, const struct tcp_connection *c)
{
	return c->cursor && c->snd_ptr == c->snd_una && sendable(tcp, c) == 0;
}

/* Book @length sequence numbers from snd_ptr on as sent, and have a timer watch over them. */
static void sent(struct tcp *tcp, struct tcp_connection *c, uint32_t length)
{
	bool first = c->snd_ptr == c->snd_una;

	if (seq_lt(c->snd_ptr, c->snd_nxt))
		tcp_count(tcp, TCP_RETRANSMIT);
	c->snd_ptr += length;
	if (seq_lt(c->snd_nxt, c->snd_ptr)) {
		c->snd_nxt = c->snd_ptr;
		/* One segment at a time is timed, and none that was sent twice (Karn). */
		if (!(c->flags & (TCP_TIMING | TCP_RECOVERY | TCP_LOSS))) {
			c->flags |= TCP_TIMING;
			c->mark = c->snd_ptr;
			c->rtt_start = (uint16_t)tcp_ms(tcp->now);
		}
	}
	if (first || !timer_armed(&c->timer))
		tcp_timer_start(tcp, c);
}

/* The segment at snd_una once more, wherever snd_ptr is. */
static bool retransmit_out(struct tcp *tcp, struct tcp_connection *c, struct tcp_out *out)
{
	const struct tcp_message *message;
	uint32_t length;

	c->flags &= (uint16_t)~TCP_SEND_AGAIN;
	if (c->snd_una == c->snd_nxt || c->snd_ptr == c->snd_una)
		return false;
	c->flags &= (uint16_t)~TCP_TIMING;
	if (c->tail) {
		message = tcp_message_at(tcp, c->head);
		length = tcp_piece_length(c, message, c->snd_una);
		if (length > c->snd_nxt - c->snd_una)
			length = c->snd_nxt - c->snd_una;
		/* The peer took its window back: the timer goes on from there. */
		if (length > tcp_send_window(c))
			return false;
		data_out(tcp, c, out, message, c->snd_una, length);
		tcp_recovery_first(tcp, c, c->snd_una + length);
	} else {
		segment_out(tcp, c, out, c->snd_una, TCP_FIN, 0);
		tcp_recovery_first(tcp, c, c->snd_una + 1);
	}
	tcp_count(tcp, TCP_RETRANSMIT);
	tcp_timer_start(tcp, c);
	return true;
}

/* What the scoreboard says is to be sent again: what is lost, or (not @lost) all else that may be.
 */
static bool hole_out(struct tcp *tcp, struct tcp_connection *c, struct tcp_out *out, bool lost)
{
	const struct tcp_message *message;
	uint32_t seq, length;

	if (!tcp_recovery_next(tcp, c, lost, &message, &seq, &length))
		return false;
	if (message)
		data_out(tcp, c, out, message, seq, length);
	else
		segment_out(tcp, c, out, seq, TCP_FIN, 0);
	tcp_count(tcp, TCP_RETRANSMIT);
	return true;
}

/*
 * A window probe: no byte, and the number of one that the peer has long acknowledged, which it must
 * answer with an ACK (RFC 9293 3.10.7.4, first). RFC 9293 3.8.6.1 would send the next new byte; a
 * peer that takes that byte has received a message in two parts, which known devices cannot read.
 */
static bool probe_out(struct tcp *tcp, struct tcp_connection *c, struct tcp_out *out)
{
	bool blocked = tcp_window_blocked(tcp, c);

	c->flags &= (uint16_t)~TCP_PROBE;
	if (c->flags & TCP_KEEPALIVE) {
		segment_out(tcp, c, out, c->snd_nxt - 1, 0, 0);
		tcp_count(tcp, TCP_KEEPALIVE_OUT);
		return true;
	}
	if (!blocked)
		return false;
	segment_out(tcp, c, out, c->snd_una - 1, 0, 0);
	tcp_count(tcp, TCP_PROBE_OUT);
	return true;
}

static bool next_data_out(struct tcp *tcp, struct tcp_connection *c, struct tcp_out *out)
{
	const struct tcp_message *message;
	uint32_t length;

	if (c->side && c->flags & TCP_LOSS)
		tcp_recovery_skip(tcp, c);
	if (!c->cursor || (c->flags & TCP_LOSS && tcp_recovery_crowded(tcp, c)))
		return false;
	length = sendable(tcp, c);
	if (length == 0) {
		/* Nothing in flight whose ACK would bring us back here: the persist timer does. */
		if (c->snd_ptr == c->snd_una && !timer_armed(&c->timer))
			tcp_timer_start(tcp, c);
		return false;
	}
	message = tcp_message_at(tcp, c->cursor);
	data_out(tcp, c, out, message, c->snd_ptr, length);
	c->flags &= (uint16_t)~TCP_PROBE;
	sent(tcp, c, length);
	if (c->snd_ptr == message->seq + message->length)
		c->cursor = c->cursor == c->tail ? 0 : message->next;
	return true;
}

/* The next segment of @c. Return: false if it has nothing to send. */
static bool connection_out(struct tcp *tcp, struct tcp_connection *c, struct tcp_out *out)
{
	if (c->state < TCP_ESTABLISHED)
		return tcp_connect_out(tcp, c, out);
	if (c->duplicates_owed > 0) {
		/* Of their own: with data aboard they would not count as duplicates. */
		c->duplicates_owed--;
		segment_out(tcp, c, out, bare_seq(c), 0, 0);
		return true;
	}
	if (c->flags & TCP_SEND_AGAIN && retransmit_out(tcp, c, out))
		return true;
	/* RFC 6675, NextSeg(): lost data, new data, what else may be sent again. */
	if (c->side && hole_out(tcp, c, out, true))
		return true;
	if (next_data_out(tcp, c, out))
		return true;
	if (c->side && hole_out(tcp, c, out, false))
		return true;
	if (c->flags & TCP_PROBE && probe_out(tcp, c, out))
		return true;
	/* All data is out. The FIN goes whatever the window is: it takes no room. */
	if (tcp_closing(c) && c->snd_ptr == c->snd_end && !(c->flags & TCP_RESERVED)) {
		segment_out(tcp, c, out, c->snd_ptr, TCP_FIN, 0);
		sent(tcp, c, 1);
		return true;
	}
	if (c->flags & TCP_ACK_OWED) {
		segment_out(tcp, c, out, bare_seq(c), 0, 0);
		return true;
	}
	return false;
}

static void abandoned_free(struct tcp *tcp)
{
	while (tcp->abandoned) {
		chunk_id id = tcp->abandoned;

		tcp->abandoned = tcp_message_at(tcp, id)->next;
		chunk_put(tcp->config.chunks, id);
	}
}

/* Up to TCP_QUANTUM segments of the first pending connection. */
static unsigned pending_out(struct tcp *tcp, struct tcp_out *out, unsigned max)
{
	struct tcp_connection *c = &tcp->connections[tcp->pending_head - 1];
	unsigned n = 0;

	while (c->state != TCP_CLOSED_STATE && n < max && n < TCP_QUANTUM) {
		if (!connection_out(tcp, c, &out[n]))
			break;
		n++;
	}
	pending_take(tcp);
	/* Its share or the caller's room is used up: there may be more, behind the others. */
	if (n == max || n == TCP_QUANTUM)
		tcp_pend(tcp, c);
	return n;
}

unsigned tcp_output(struct tcp *tcp, uint64_t now, struct tcp_out *out, unsigned max)
{
	unsigned n = 0;

	tcp_clock(tcp, now);
	tcp->delivery.id = 0;
	abandoned_free(tcp);
	while (n < max && tcp->reply_count > 0)
		tcp_reply_out(tcp, &out[n++]);
	while (n < max && tcp->pending_head)
		n += pending_out(tcp, out + n, max - n);
	return n;
}
