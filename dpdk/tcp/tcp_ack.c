/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* tcp_ack.c - the ACK field of a segment: what it moves (RFC 9293 3.10.7.4, fifth) */

#include "tcp_state.h"

/* What is in order of the window: SND.UNA =< SEG.ACK =< SND.NXT holds. */
static void window_in(struct tcp_connection *c, const struct tcp_segment *segment)
{
	if (seq_lt(segment->seq, c->snd_wl1))
		return;
	/* A probe's backoff was the peer's wish, not loss: it ends with the wait. */
	if (segment->window > c->snd_wnd && c->snd_ptr == c->snd_una && !(c->flags & TCP_LOSS))
		c->backoff = 0;
	/*
	 * What came out of order does not count as newer: if the user takes none of it, our peer's
	 * next ACKs carry a number before it again, and the window in them would never be believed.
	 */
	c->snd_wl1 = seq_lt(c->rcv_nxt, segment->seq) ? c->rcv_nxt : segment->seq;
	c->snd_wnd = segment->window;
	if (c->max_window < segment->window)
		c->max_window = segment->window;
}

/*
 * What was sent twice is acknowledged. Whose ACK it is only a timestamp can tell (RFC 7323 4.1);
 * else Karn's rule holds, and the backed-off RTO stays, within reason. In quiet times one segment a
 * round trip is timed instead: a sample for each ACK would forget too quickly (RFC 7323 4.2).
 */
static void sent_again(
	const struct tcp *tcp, struct tcp_connection *c, const struct tcp_options *options)
{
	if (options && options->has_timestamps && c->flags & TCP_TIMESTAMPS) {
		uint32_t ms = tcp_timestamp_of(tcp, c) - options->echo;

		/* Of the future, or of a time in which nothing can be in flight: a lie. */
		if (ms <= TCP_RTO_MAX_MS)
			tcp_rtt_sample(c, ms);
	}
	if (c->backoff > TCP_BACKOFF_PROGRESS)
		c->backoff = TCP_BACKOFF_PROGRESS;
}

/* SND.UNA < SEG.ACK =< SND.NXT. */
static void advance(
	struct tcp *tcp, struct tcp_connection *c, uint32_t ack, const struct tcp_options *options)
{
	if (c->flags & TCP_TIMING && !seq_lt(ack, c->mark)) {
		c->flags &= (uint16_t)~TCP_TIMING;
		tcp_rtt_sample(c, (uint16_t)(tcp_ms(tcp->now) - c->rtt_start));
	} else if (c->backoff > 0 || c->flags & (TCP_RECOVERY | TCP_LOSS)) {
		sent_again(tcp, c, options);
	}
	c->snd_una = ack;
	c->duplicates = 0;
	c->flags &= (uint16_t)~TCP_CAREFUL;
	tcp_queue_acked(tcp, c);
	if (c->side)
		tcp_sack_acked(tcp, c);
	tcp_progress(tcp, c);
}

/* The timer, and the state where it was our FIN. Return: false if the connection has ended by it.
 */
static bool advanced(struct tcp *tcp, struct tcp_connection *c)
{
	if (c->snd_una != c->snd_nxt) {
		tcp_timer_start(tcp, c);
		return true;
	}
	timer_stop(&c->timer);
	if (!tcp_fin_sent(c))
		return true;
	/* Our FIN is acknowledged. */
	switch (c->state) {
	case TCP_FIN_WAIT_1:
		c->state = TCP_FIN_WAIT_2;
		/* After tcp_shutdown() the peer may take as long as it likes. */
		if (c->flags & TCP_ORPHAN)
			timer_arm(&tcp->wheel, tcp_ref_of(tcp, c), tcp->now + TCP_FIN_WAIT_2_TIME);
		return true;
	case TCP_CLOSING:
		tcp_connection_time_wait(tcp, c);
		return false;
	default:
		tcp_connection_free(tcp, c);
		return false;
	}
}

bool tcp_ack_in(struct tcp *tcp, struct tcp_connection *c, const struct tcp_segment *segment,
	const struct tcp_options *options)
{
	uint32_t flight = c->snd_nxt - c->snd_una;
	uint32_t bytes = segment->ack - c->snd_una;
	bool duplicate;

	/* RFC 5961 section 5: SND.UNA - MAX.SND.WND =< SEG.ACK =< SND.NXT, else a challenge ACK. */
	if (seq_lt(c->snd_nxt, segment->ack) ||
		seq_lt(segment->ack, c->snd_una - tcp_max_window(c))) {
		tcp_count(tcp, TCP_DROP_BAD_ACK);
		tcp_challenge(tcp, c);
		return false;
	}
	c->tick = tcp_running_ms(tcp);
	c->link = segment->link;
	if (seq_lt(segment->ack, c->snd_una))
		return true;
	/* RFC 5681 section 2 (a) to (e). */
	duplicate = segment->ack == c->snd_una && c->snd_una != c->snd_nxt &&
		    segment->length == 0 && !(segment->flags & TCP_FIN) &&
		    segment->window == c->snd_wnd;
	window_in(c, segment);
	if (bytes > 0)
		advance(tcp, c, segment->ack, options);
	if (options && options->sack_count > 0 && c->flags & TCP_SACK) {
		int32_t news = tcp_sack_in(tcp, c, options->sack, options->sack_count);

		/* RFC 6675 section 2: what reports something new, whatever else it does. Without
		 * a record to judge that by, the rule of RFC 5681 stands. */
		if (news >= 0)
			duplicate = news > 0;
		/* The path lives. */
		if (news > 0 && c->backoff > TCP_BACKOFF_PROGRESS)
			c->backoff = TCP_BACKOFF_PROGRESS;
	}
	if (bytes > 0)
		tcp_recovery_acked(tcp, c, bytes, flight);
	if (duplicate)
		tcp_recovery_duplicate(tcp, c);
	if (bytes > 0 && !advanced(tcp, c))
		return false;
	if (c->flags & (TCP_SEND_AGAIN | TCP_RECOVERY) || seq_lt(c->snd_ptr, c->snd_end) ||
		(tcp_closing(c) && c->snd_ptr == c->snd_end))
		tcp_pend(tcp, c);
	return true;
}
