/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* tcp_connect.c - active open: SYN-SENT, and SYN-RECEIVED of both ends at once (RFC 9293 3.10.1) */

#include "tcp_state.h"

/* SYNs go again after 1, 3, 7, 15, 31, 63, 123 s; RFC 1122 4.2.3.5: not given up before 3 min. */
#define CONNECT_RETRIES 8

/*
 * The SYN is not counted in: SND.UNA, SND.NXT and the rest stand behind it from the start, so that
 * what holds of an established connection holds of this one, too.
 */
static uint32_t iss_of(const struct tcp_connection *c)
{
	return c->snd_una - 1;
}

static void syn_due(struct tcp *tcp, struct tcp_connection *c)
{
	uint64_t wait = SECOND << c->backoff;

	c->flags |= TCP_SEND_AGAIN;
	timer_arm(&tcp->wheel, tcp_ref_of(tcp, c),
		tcp->now + (wait < TCP_RTO_MAX_MS * MS ? wait : TCP_RTO_MAX_MS * MS));
	tcp_pend(tcp, c);
}

tcp_id tcp_connect(struct tcp *tcp, const struct tcp_tuple *tuple, uint8_t link, const void *user,
	uint64_t now)
{
	uint64_t hash = tcp_hash(tcp, tuple);
	struct tcp_connection *c;

	tcp_clock(tcp, now);
	if (tcp_lookup(tcp, tuple, hash)) {
		tcp_count(tcp, TCP_CONNECT_IN_USE);
		return 0;
	}
	c = tcp_connection_new(tcp, tuple, hash);
	if (!c)
		return 0;
	c->link = link;
	c->snd_una = c->snd_nxt = c->snd_end = c->snd_ptr = tcp_isn(tcp, &c->flow) + 1;
	c->mss = tcp_mss(tcp, c->flags & TCP_IPV6, UINT16_MAX);
	c->cwnd = c->mss;
	c->rtt_start = (uint16_t)tcp_ms(now);
	c->tick = tcp_running_ms(tcp);
	tcp_sweep_anew(tcp, c);
	if (user)
		memcpy(c->user, user, sizeof(c->user));
	tcp_progress(tcp, c);
	syn_due(tcp, c);
	return tcp_id_of(tcp, c);
}

bool tcp_connect_out(struct tcp *tcp, struct tcp_connection *c, struct tcp_out *out)
{
	bool answer = c->state == TCP_SYN_RECEIVED;
	struct tcp_syn_options options = {
		.mss = tcp_mss(tcp, c->flags & TCP_IPV6, UINT16_MAX),
		.scale = tcp_scale(tcp),
		.has_scale = answer ? c->flags & TCP_CONNECT_SCALE : !tcp->config.no_scale,
		.sack = answer ? c->flags & TCP_SACK : !tcp->config.no_sack,
		.timestamps = answer ? c->flags & TCP_TIMESTAMPS : !tcp->config.no_timestamps,
		.value = tcp_timestamp(tcp, &c->flow),
		.echo = answer ? c->ts_recent : 0,
	};

	if (!(c->flags & (TCP_SEND_AGAIN | TCP_ACK_OWED)))
		return false;
	tcp_tuple_at(tcp, tcp_ref_of(tcp, c), &out->tuple);
	out->link = c->link;
	out->payload = NULL;
	out->length = 0;
	out->ack = answer ? c->rcv_nxt : 0;
	if (c->flags & TCP_SEND_AGAIN) {
		out->seq = iss_of(c);
		out->flags = answer ? TCP_SYN | TCP_ACK : TCP_SYN;
		/* Never scaled in a segment with SYN (RFC 7323 2.2). */
		out->window = tcp_window_field(tcp, 0);
		out->options_length = tcp_syn_options_write(&options, out->options);
	} else {
		out->seq = c->snd_nxt;
		out->flags = TCP_ACK;
		out->window = tcp_offer(tcp, c);
		out->options_length = 0;
		if (c->flags & TCP_TIMESTAMPS)
			out->options_length = tcp_options_write(tcp, c, 0, out->options);
	}
	c->flags &= (uint16_t) ~(TCP_SEND_AGAIN | TCP_ACK_OWED);
	return true;
}

void tcp_connect_due(struct tcp *tcp, struct tcp_connection *c, struct tcp_up *up)
{
	if (++c->backoff == CONNECT_RETRIES) {
		tcp_tell_closed(tcp, c, up, TCP_REASON_TIMEOUT);
		tcp_count(tcp, TCP_TIMED_OUT);
		tcp_connection_free(tcp, c);
		return;
	}
	tcp_count(tcp, TCP_RETRANSMIT);
	syn_due(tcp, c);
}

/* What the peer's SYN agrees to: only what ours offered. */
static void negotiate(struct tcp *tcp, struct tcp_connection *c, const struct tcp_segment *segment)
{
	struct tcp_options options;
	bool ipv6 = c->flags & TCP_IPV6;

	tcp_options_read(segment->options, segment->options_length, &options);
	c->rcv_nxt = segment->seq + 1;
	c->flags &= (uint16_t) ~(TCP_TIMESTAMPS | TCP_SACK | TCP_CONNECT_SCALE);
	c->mss = tcp_mss(tcp, ipv6, tcp_peer_mss(&options, ipv6));
	c->shift = 0;
	if (options.has_timestamps && !tcp->config.no_timestamps) {
		c->flags |= TCP_TIMESTAMPS;
		c->ts_recent = options.value;
	}
	if (options.sack_permitted && !tcp->config.no_sack)
		c->flags |= TCP_SACK;
	if (options.has_scale && !tcp->config.no_scale) {
		c->flags |= TCP_CONNECT_SCALE;
		c->shift = (uint8_t)(tcp_scale(tcp) << 4 | options.scale);
	}
}

static void established(struct tcp *tcp, struct tcp_connection *c,
	const struct tcp_segment *segment, struct tcp_up *up)
{
	uint8_t shift = c->shift;
	bool again = c->backoff > 0;
	uint16_t ms = (uint16_t)((uint16_t)tcp_ms(tcp->now) - c->rtt_start);

	timer_stop(&c->timer);
	c->backoff = 0;
	c->flags &= (uint16_t) ~(TCP_SEND_AGAIN | TCP_CONNECT_SCALE);
	c->link = segment->link;
	c->tick = tcp_running_ms(tcp);
	c->snd_wl1 = segment->seq;
	c->snd_wnd = segment->window;
	/* The window of a SYN is never scaled (RFC 7323 2.2); kept as the others are. */
	if (segment->flags & TCP_SYN)
		c->snd_wnd = (uint16_t)(segment->window >> (shift & 15));
	tcp_connection_established(tcp, c, again, ms);
	if (c->flags & TCP_ORPHAN) {
		/* Closed while it was opening: RFC 9293 3.10.4 has the FIN wait for this. */
		c->state = TCP_FIN_WAIT_1;
		tcp_progress(tcp, c);
		tcp_timer_start(tcp, c);
		tcp_pend(tcp, c);
		return;
	}
	up->events |= TCP_UP_OPENED;
}

/* Refused, or reset: 3.10.7.3 second. */
static void refused(struct tcp *tcp, struct tcp_connection *c, struct tcp_up *up)
{
	tcp_tell_closed(tcp, c, up, TCP_REASON_RESET);
	tcp_count(tcp, TCP_RESET_IN);
	tcp_connection_free(tcp, c);
}

static bool syn_sent_in(struct tcp *tcp, struct tcp_connection *c,
	const struct tcp_segment *segment, struct tcp_up *up)
{
	bool acked = segment->flags & TCP_ACK;

	/* First, the ACK: there is one number that it can acknowledge. */
	if (acked && segment->ack != c->snd_nxt) {
		tcp_count(tcp, TCP_DROP_BAD_ACK);
		tcp_refuse(tcp, segment);
		return false;
	}
	/* Second, RST: a stranger does not know that number. */
	if (segment->flags & TCP_RST) {
		if (acked)
			refused(tcp, c, up);
		else
			tcp_count(tcp, TCP_DROP_FLAGS);
		return false;
	}
	/* Fourth, SYN; without it there is nothing to do. */
	if (!(segment->flags & TCP_SYN) || segment->flags & TCP_FIN) {
		tcp_count(tcp, TCP_DROP_FLAGS);
		return false;
	}
	negotiate(tcp, c, segment);
	if (!acked) {
		/* Both opened at once: our SYN goes again, with an ACK. */
		c->state = TCP_SYN_RECEIVED;
		c->rtt_start = (uint16_t)tcp_ms(tcp->now);
		syn_due(tcp, c);
		return false;
	}
	established(tcp, c, segment, up);
	tcp_owe_ack(tcp, c);
	return segment->length > 0;
}

static bool syn_received_in(struct tcp *tcp, struct tcp_connection *c,
	const struct tcp_segment *segment, struct tcp_up *up)
{
	uint32_t offset = segment->seq - c->rcv_nxt;
	bool acked = segment->flags & TCP_ACK && segment->ack == c->snd_nxt;

	if (segment->flags & TCP_RST) {
		if (offset == 0)
			refused(tcp, c, up);
		else
			tcp_count(tcp, TCP_DROP_OUT_OF_WINDOW);
		return false;
	}
	if (segment->flags & TCP_SYN) {
		/* The peer's SYN once more, by now with an ACK of ours: that is all it takes. */
		if (segment->seq + 1 != c->rcv_nxt || !acked) {
			tcp_count(tcp, TCP_DROP_FLAGS);
			tcp_challenge(tcp, c);
			return false;
		}
		established(tcp, c, segment, up);
		tcp_owe_ack(tcp, c);
		return segment->length > 0;
	}
	if (offset >= tcp_receive_window(tcp, c->shift)) {
		tcp_count(tcp, TCP_DROP_OUT_OF_WINDOW);
		tcp_challenge(tcp, c);
		return false;
	}
	if (!acked) {
		tcp_count(tcp, TCP_DROP_BAD_ACK);
		if (segment->flags & TCP_ACK)
			tcp_refuse(tcp, segment);
		return false;
	}
	established(tcp, c, segment, up);
	return true;
}

bool tcp_connect_in(struct tcp *tcp, struct tcp_connection *c, const struct tcp_segment *segment,
	struct tcp_up *up)
{
	if (c->state == TCP_SYN_SENT)
		return syn_sent_in(tcp, c, segment, up);
	return syn_received_in(tcp, c, segment, up);
}
