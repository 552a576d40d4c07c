/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* tcp_time_wait.c - segments in TIME-WAIT (RFC 9293 3.10.7.4, RFC 1337, RFC 6191) */

#include "tcp_state.h"

/* Distance between the numbers of two incarnations where the clock has not made one. */
#define ISN_GAP 0x10000

/*
 * May @segment, a SYN, begin a new incarnation at once? RFC 6191 section 2: by a newer timestamp,
 * or one where there was none; where timestamps cannot tell, by a number beyond the old ones (RFC
 * 9293 3.6.1). Nothing of the old connection is taken for the new one then: its segments lie before
 * the window, or their timestamps in the past.
 */
static bool is_newer(
	const struct tcp *tcp, const struct tcp_time_wait *w, const struct tcp_segment *segment)
{
	struct tcp_options options;

	tcp_options_read(segment->options, segment->options_length, &options);
	if (options.has_timestamps && !tcp->config.no_timestamps) {
		if (!w->timestamps)
			return true;
		if (options.value != w->ts_recent)
			return !tcp_timestamp_old(options.value, w->ts_recent);
	}
	return seq_lt(w->rcv_nxt, segment->seq);
}

static bool reopen(
	struct tcp *tcp, struct tcp_time_wait *w, const struct tcp_segment *segment, uint64_t hash)
{
	struct tcp_embryonic *e;

	if (segment->flags & (TCP_ACK | TCP_FIN) || !(segment->flags & TCP_SYN) ||
		!is_newer(tcp, w, segment))
		return false;
	e = tcp_embryonic_new(tcp, &segment->tuple, hash, tcp_time_wait_ref(tcp, w));
	if (!e)
		return true;
	e->iss = tcp_isn(tcp, &e->flow);
	if (seq_leq(e->iss, w->snd_nxt))
		e->iss = w->snd_nxt + ISN_GAP;
	tcp_time_wait_free(tcp, w, false);
	tcp_listen(tcp, e, segment);
	return true;
}

void tcp_time_wait_ack(struct tcp *tcp, const struct tcp_time_wait *w)
{
	struct tcp_reply *reply = tcp_reply_of(
		tcp, tcp_time_wait_ref(tcp, w), w->link, TCP_ACK, w->snd_nxt, w->rcv_nxt);

	if (!reply)
		return;
	reply->window = tcp_window_field(tcp, w->shift);
	if (w->timestamps)
		reply->options_length = tcp_timestamps_write(
			reply->options, tcp_timestamp(tcp, &w->flow), w->ts_recent);
}

void tcp_time_wait_in(
	struct tcp *tcp, struct tcp_time_wait *w, const struct tcp_segment *segment, uint64_t hash)
{
	/* RFC 1337: an old duplicate's echo must not end the wait. */
	if (segment->flags & TCP_RST) {
		tcp_count(tcp, TCP_DROP_FLAGS);
		return;
	}
	if (reopen(tcp, w, segment, hash))
		return;
	tcp_count(tcp, TCP_DROP_NO_CONNECTION);
	tcp_reset_charge(tcp, segment);
	/* "The only thing that can arrive in this state is a retransmission of the remote FIN.
	 * Acknowledge it, and restart the 2 MSL timeout." A bare ACK is left unanswered: two ends
	 * that disagree about numbers would go on for ever. */
	if (segment->flags & TCP_FIN && segment->seq + segment->length + 1 == w->rcv_nxt)
		tcp_time_wait_restart(tcp, w);
	if (segment->length > 0 || segment->flags & (TCP_FIN | TCP_SYN))
		tcp_time_wait_ack(tcp, w);
}
