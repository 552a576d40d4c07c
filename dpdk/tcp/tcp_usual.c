/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* tcp_usual.c - the segments that nearly all are (header prediction, Jacobson 1990): the next bytes
 * of a quiet connection, or an ACK of what it sent */

#include "tcp_state.h"

/*
 * No step of RFC 9293 3.10.7.4 is left out. Those that are not here - loss, gaps, windows shut,
 * ends of any kind - are ruled out first, by what the connection and the segment are; then the
 * steps that remain do what tcp_in.c and tcp_ack.c do, and a test compares them.
 */

/* None of these: there is something to repair, to wait for or to end. */
#define UNUSUAL                                                                                    \
	(TCP_ORPHAN | TCP_RECOVERY | TCP_LOSS | TCP_SEND_AGAIN | TCP_PROBE | TCP_WINDOW_CLOSED |   \
		TCP_KEEPALIVE)

/* Its timestamp, where they were agreed on. Return: false: there is none of the usual form, or an
 * old one; without timestamps: there are options. */
static inline bool timestamp_of(
	const struct tcp_connection *c, const struct tcp_segment *segment, uint32_t *value)
{
	static const uint8_t usual[4] = {1, 1, 8, 10}; /* as tcp_options_read() */

	if (!(c->flags & TCP_TIMESTAMPS))
		return segment->options_length == 0;
	if (segment->options_length != TCP_TIMESTAMPS_BYTES ||
		memcmp(segment->options, usual, sizeof(usual)) != 0)
		return false;
	memcpy(value, segment->options + sizeof(usual), sizeof(*value));
	*value = ntohl(*value);
	return !tcp_timestamp_old(*value, c->ts_recent);
}

/* SND.UNA < SEG.ACK =< SND.NXT, nothing was sent twice. */
static inline void acked(struct tcp *tcp, struct tcp_connection *c, uint32_t ack)
{
	uint32_t flight = c->snd_nxt - c->snd_una, bytes = ack - c->snd_una;

	if (c->flags & TCP_TIMING && !seq_lt(ack, c->mark)) {
		c->flags &= (uint16_t)~TCP_TIMING;
		tcp_rtt_sample(c, (uint16_t)(tcp_ms(tcp->now) - c->rtt_start));
	}
	c->snd_una = ack;
	c->duplicates = 0;
	c->flags &= (uint16_t)~TCP_CAREFUL;
	tcp_queue_acked(tcp, c);
	tcp_progress(tcp, c);
	/* As tcp_congestion_acked() says first: a window that is not used does not grow. */
	if (flight >= c->cwnd / 2)
		tcp_congestion_acked(c, bytes, flight);
	if (c->snd_una != c->snd_nxt)
		tcp_timer_start(tcp, c);
	else
		timer_stop(&c->timer);
}

bool tcp_usual_in(struct tcp *tcp, struct tcp_connection *c, const struct tcp_segment *segment,
	struct tcp_up *up)
{
	uint32_t bytes = segment->ack - c->snd_una, value = 0;

	if (c->state != TCP_ESTABLISHED || c->flags & UNUSUAL || c->side || c->backoff ||
		(segment->flags & (uint8_t)~TCP_PSH) != TCP_ACK || segment->seq != c->rcv_nxt ||
		segment->length > tcp_receive_window(tcp, c->shift) ||
		bytes > c->snd_nxt - c->snd_una || !(bytes | segment->length) ||
		!timestamp_of(c, segment, &value))
		return false;
	/* First to third: acceptable, no RST, no SYN. Fifth, the ACK. */
	c->tick = tcp_running_ms(tcp);
	c->link = segment->link;
	c->snd_wl1 = segment->seq;
	c->snd_wnd = segment->window;
	if (c->max_window < segment->window)
		c->max_window = segment->window;
	if (bytes)
		acked(tcp, c, segment->ack);
	if (c->flags & TCP_TIMESTAMPS && !(c->flags & TCP_ACK_OWED))
		c->ts_recent = value;
	if (seq_lt(c->snd_ptr, c->snd_end))
		tcp_pend(tcp, c);
	/* Seventh, the text. */
	if (segment->length > 0) {
		up->id = tcp_id_of(tcp, c);
		tcp_deliver(tcp, c, segment->payload, segment->length, false, up);
	}
	return true;
}
