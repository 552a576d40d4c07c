/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* tcp_listen.c - segments in CLOSED, LISTEN and SYN-RECEIVED (RFC 9293 section 3.10.7) */

#include "tcp_state.h"

/* RFC 6528: ISN = M + F(4-tuple, secret), M a clock of 4 us. */
uint32_t tcp_isn(const struct tcp *tcp, const struct tcp_flow *flow)
{
	uint64_t f = siphash_16(&tcp->config.isn_key,
		(uint64_t)flow->remote | (uint64_t)flow->local << 32,
		(uint64_t)flow->remote_port | (uint64_t)flow->local_port << 16);

	return (uint32_t)f + (uint32_t)(tcp->now / 4);
}

static bool tcp_listens(const struct tcp *tcp, uint16_t port)
{
	for (unsigned i = 0; i < tcp->config.port_count; i++)
		if (tcp->ports[i] == port)
			return true;
	return false;
}

/* It carries no more options than the SYN did. */
static void tcp_syn_ack(struct tcp *tcp, const struct tcp_embryonic *e)
{
	struct tcp_reply *reply = tcp_reply_of(
		tcp, tcp_embryonic_ref(tcp, e), e->link, TCP_SYN | TCP_ACK, e->iss, e->irs + 1);
	struct tcp_syn_options options = {
		.mss = tcp_mss(tcp, e->ipv6, UINT16_MAX),
		.scale = e->shift >> 4,
		.has_scale = e->scale,
		.sack = e->sack,
		.timestamps = e->timestamps,
		.echo = e->ts_recent,
	};

	if (!reply)
		return;
	if (e->timestamps)
		options.value = tcp_timestamp(tcp, &e->flow);
	reply->options_length = tcp_syn_options_write(&options, reply->options);
}

void tcp_listen(struct tcp *tcp, struct tcp_embryonic *e, const struct tcp_segment *segment)
{
	struct tcp_options options;

	tcp_options_read(segment->options, segment->options_length, &options);
	e->irs = segment->seq;
	e->mss = tcp_mss(tcp, e->ipv6, tcp_peer_mss(&options, e->ipv6));
	e->link = segment->link;
	e->sent = (uint16_t)tcp_ms(tcp->now);
	e->sack = options.sack_permitted && !tcp->config.no_sack;
	e->scale = options.has_scale && !tcp->config.no_scale;
	if (e->scale)
		e->shift = (uint8_t)(tcp_scale(tcp) << 4 | options.scale);
	e->timestamps = options.has_timestamps && !tcp->config.no_timestamps;
	if (e->timestamps)
		e->ts_recent = options.value;
	timer_arm(&tcp->wheel, tcp_embryonic_ref(tcp, e), tcp->now + SECOND);
	tcp_syn_ack(tcp, e);
}

struct tcp_connection *tcp_closed_in(
	struct tcp *tcp, const struct tcp_segment *segment, uint64_t hash)
{
	struct tcp_connection *c;
	struct tcp_embryonic *e;

	if (!tcp_listens(tcp, segment->tuple.local_port)) {
		tcp_count(tcp, TCP_DROP_NO_LISTENER);
		tcp_refuse(tcp, segment);
		return NULL;
	}
	/* 3.10.7.2 LISTEN. First, RST; second, ACK: of a connection that is no longer. */
	if (segment->flags & (TCP_RST | TCP_ACK)) {
		if (tcp_cookie_in(tcp, segment, hash, &c))
			return c;
		tcp_count(tcp, TCP_DROP_NO_CONNECTION);
		tcp_refuse(tcp, segment);
		return NULL;
	}
	/* Third, SYN. One that also ends what it begins is nobody's way to open a connection. */
	if (!(segment->flags & TCP_SYN) || segment->flags & TCP_FIN) {
		tcp_count(tcp, TCP_DROP_FLAGS);
		return NULL;
	}
	if (tcp_cookies_wanted(tcp)) {
		tcp_cookie_send(tcp, segment);
		return NULL;
	}
	e = tcp_embryonic_new(tcp, &segment->tuple, hash, 0);
	if (!e)
		return NULL;
	e->iss = tcp_isn(tcp, &e->flow);
	tcp_listen(tcp, e, segment);
	return NULL;
}

/* At most TCP_CHALLENGES in the life of a handshake: it is over in half a minute. */
static void embryonic_challenge(struct tcp *tcp, struct tcp_embryonic *e)
{
	struct tcp_reply *reply;

	if (e->challenges == TCP_CHALLENGES)
		return;
	e->challenges++;
	reply = tcp_reply_of(
		tcp, tcp_embryonic_ref(tcp, e), e->link, TCP_ACK, e->iss + 1, e->irs + 1);
	if (!reply)
		return;
	tcp_count(tcp, TCP_CHALLENGE_ACK);
	reply->window = tcp_window_field(tcp, e->shift);
	if (e->timestamps)
		reply->options_length = tcp_timestamps_write(
			reply->options, tcp_timestamp(tcp, &e->flow), e->ts_recent);
}

static void embryonic_reset_in(
	struct tcp *tcp, struct tcp_embryonic *e, const struct tcp_segment *segment)
{
	/* RFC 5961 3.2: exactly the next number, or it may be a stranger's guess. */
	if (segment->seq == e->irs + 1) {
		tcp_count(tcp, TCP_SYN_RESET);
		tcp_embryonic_free(tcp, e, true);
	} else {
		tcp_count(tcp, TCP_DROP_OUT_OF_WINDOW);
		if (segment->seq - (e->irs + 1) < tcp_receive_window(tcp, e->shift))
			embryonic_challenge(tcp, e);
	}
}

static void embryonic_syn_in(
	struct tcp *tcp, struct tcp_embryonic *e, const struct tcp_segment *segment)
{
	struct tcp_options options;

	if (segment->flags & TCP_ACK) {
		/* Both ends as servers: an echo of our own SYN-ACK, or a forgery. */
		tcp_count(tcp, TCP_DROP_FLAGS);
		tcp_refuse(tcp, segment);
	} else if (segment->seq == e->irs && !(segment->flags & TCP_FIN)) {
		/* The same SYN, sent again: its timestamp is the one to echo (RFC 7323 4.3). */
		tcp_options_read(segment->options, segment->options_length, &options);
		if (e->timestamps && options.has_timestamps &&
			!tcp_timestamp_old(options.value, e->ts_recent))
			e->ts_recent = options.value;
		tcp_syn_ack(tcp, e);
	} else {
		tcp_count(tcp, TCP_DROP_FLAGS);
		embryonic_challenge(tcp, e);
	}
}

static bool embryonic_paws(
	struct tcp *tcp, struct tcp_embryonic *e, const struct tcp_segment *segment)
{
	struct tcp_options options;

	tcp_options_read(segment->options, segment->options_length, &options);
	switch (tcp_paws(&options, e->ts_recent, 0)) {
	case TCP_PAWS_GOOD:
		return true;
	case TCP_PAWS_ABSENT:
		tcp_count(tcp, TCP_DROP_NO_TIMESTAMPS);
		return false;
	default:
		tcp_count(tcp, TCP_DROP_PAWS);
		embryonic_challenge(tcp, e);
		return false;
	}
}

struct tcp_connection *tcp_embryonic_in(
	struct tcp *tcp, struct tcp_embryonic *e, const struct tcp_segment *segment)
{
	struct tcp_connection *c;
	uint32_t offset = segment->seq - (e->irs + 1);

	if (segment->flags & TCP_RST) {
		embryonic_reset_in(tcp, e, segment);
		return NULL;
	}
	if (segment->flags & TCP_SYN) {
		embryonic_syn_in(tcp, e, segment);
		return NULL;
	}
	/* First, the sequence number: nothing before it has been received. */
	if (offset >= tcp_receive_window(tcp, e->shift)) {
		tcp_count(tcp, TCP_DROP_OUT_OF_WINDOW);
		tcp_reset_charge(tcp, segment);
		embryonic_challenge(tcp, e);
		return NULL;
	}
	if (e->timestamps && !embryonic_paws(tcp, e, segment)) {
		tcp_reset_charge(tcp, segment);
		return NULL;
	}
	/* Fifth, the ACK: "if the ACK bit is off, drop the segment" */
	if (!(segment->flags & TCP_ACK)) {
		tcp_count(tcp, TCP_DROP_FLAGS);
		return NULL;
	}
	/* "If the segment acknowledgment is not acceptable, form a reset segment." The handshake
	 * itself stays: a stranger's guess must not end it. */
	if (segment->ack != e->iss + 1) {
		tcp_count(tcp, TCP_DROP_BAD_ACK);
		tcp_refuse(tcp, segment);
		return NULL;
	}
	c = tcp_connection_open(tcp, e, segment);
	/* Unanswered, the handshake goes on: its SYN-ACK is sent again and a connection may be
	 * free by then. */
	if (!c)
		tcp_count(tcp, TCP_FULL_CONNECTIONS);
	return c;
}

void tcp_embryonic_due(struct tcp *tcp, struct tcp_embryonic *e)
{
	if (e->retries == TCP_SYN_RETRIES) {
		tcp_count(tcp, TCP_SYN_EXPIRED);
		tcp_embryonic_free(tcp, e, true);
		return;
	}
	e->retries++;
	timer_arm(&tcp->wheel, tcp_embryonic_ref(tcp, e), tcp->now + (SECOND << e->retries));
	tcp_count(tcp, TCP_RETRANSMIT);
	tcp_syn_ack(tcp, e);
}
