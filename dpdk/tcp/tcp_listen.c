/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* tcp_listen.c - segments in CLOSED, LISTEN, SYN-RECEIVED, TIME-WAIT (RFC 9293 section 3.10.7) */

#include "tcp_state.h"

/* Distance between the numbers of two incarnations where the clock has not made one. */
#define ISN_GAP 0x10000

/* RFC 6528: ISN = M + F(4-tuple, secret), M a clock of 4 us. */
static uint32_t tcp_isn(const struct tcp *tcp, const struct tcp_flow *flow)
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

/* RFC 9293 3.10.7.1: what a segment that should not exist is told; an RST is told nothing. */
static void tcp_refuse(struct tcp *tcp, const struct tcp_segment *segment)
{
	uint32_t length = segment->length;
	bool queued;

	if (segment->flags & TCP_RST)
		return;
	length += !!(segment->flags & TCP_SYN) + !!(segment->flags & TCP_FIN);
	if (segment->flags & TCP_ACK)
		queued = tcp_reply(tcp, &segment->tuple, segment->link, TCP_RST, segment->ack, 0);
	else
		queued = tcp_reply(tcp, &segment->tuple, segment->link, TCP_RST | TCP_ACK, 0,
			segment->seq + length);
	if (queued)
		tcp_count(tcp, TCP_RESET_OUT);
}

static void tcp_syn_ack(struct tcp *tcp, const struct tcp_embryonic *e)
{
	tcp_reply_of(
		tcp, tcp_embryonic_ref(tcp, e), e->link, TCP_SYN | TCP_ACK, e->iss, e->irs + 1);
}

/* A SYN becomes a handshake under way; what else it carries is ignored: the peer sends it again. */
static void tcp_listen(struct tcp *tcp, struct tcp_embryonic *e, const struct tcp_segment *segment)
{
	uint16_t mss = tcp_option_mss(segment->options, segment->options_length);

	e->irs = segment->seq;
	e->mss = mss < tcp->config.mss ? mss : tcp->config.mss;
	e->link = segment->link;
	e->sent = (uint16_t)tcp_ms(tcp->now);
	timer_arm(&tcp->wheel, tcp_embryonic_ref(tcp, e), tcp->now + SECOND);
	tcp_syn_ack(tcp, e);
}

void tcp_closed_in(struct tcp *tcp, const struct tcp_segment *segment, uint64_t hash)
{
	struct tcp_embryonic *e;

	if (!tcp_listens(tcp, segment->tuple.local_port)) {
		tcp_count(tcp, TCP_DROP_NO_LISTENER);
		tcp_refuse(tcp, segment);
		return;
	}
	/* 3.10.7.2 LISTEN. First, RST; second, ACK: of a connection that is no longer. */
	if (segment->flags & (TCP_RST | TCP_ACK)) {
		tcp_count(tcp, TCP_DROP_NO_CONNECTION);
		tcp_refuse(tcp, segment);
		return;
	}
	/* Third, SYN. One that also ends what it begins is nobody's way to open a connection. */
	if (!(segment->flags & TCP_SYN) || segment->flags & TCP_FIN) {
		tcp_count(tcp, TCP_DROP_FLAGS);
		return;
	}
	e = tcp_embryonic_new(tcp, &segment->tuple, hash, 0);
	if (!e)
		return;
	e->iss = tcp_isn(tcp, &e->flow);
	tcp_listen(tcp, e, segment);
}

/* At most TCP_CHALLENGES in the life of a handshake: it is over in half a minute. */
static void embryonic_challenge(struct tcp *tcp, struct tcp_embryonic *e)
{
	if (e->challenges == TCP_CHALLENGES)
		return;
	e->challenges++;
	if (tcp_reply_of(tcp, tcp_embryonic_ref(tcp, e), e->link, TCP_ACK, e->iss + 1, e->irs + 1))
		tcp_count(tcp, TCP_CHALLENGE_ACK);
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
		if (segment->seq - (e->irs + 1) < tcp->config.receive_window)
			embryonic_challenge(tcp, e);
	}
}

static void embryonic_syn_in(
	struct tcp *tcp, struct tcp_embryonic *e, const struct tcp_segment *segment)
{
	if (segment->flags & TCP_ACK) {
		/* Both ends as servers: an echo of our own SYN-ACK, or a forgery. */
		tcp_count(tcp, TCP_DROP_FLAGS);
		tcp_refuse(tcp, segment);
	} else if (segment->seq == e->irs && !(segment->flags & TCP_FIN)) {
		tcp_syn_ack(tcp, e);
	} else {
		tcp_count(tcp, TCP_DROP_FLAGS);
		embryonic_challenge(tcp, e);
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
	if (offset >= tcp->config.receive_window) {
		tcp_count(tcp, TCP_DROP_OUT_OF_WINDOW);
		embryonic_challenge(tcp, e);
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

/* RFC 9293 3.6.1: a new incarnation may follow at once if its numbers are beyond the old one's. */
static bool time_wait_reopen(
	struct tcp *tcp, struct tcp_time_wait *w, const struct tcp_segment *segment, uint64_t hash)
{
	struct tcp_embryonic *e;

	if (segment->flags & (TCP_ACK | TCP_FIN) || !(segment->flags & TCP_SYN) ||
		seq_leq(segment->seq, w->rcv_nxt))
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

void tcp_time_wait_in(
	struct tcp *tcp, struct tcp_time_wait *w, const struct tcp_segment *segment, uint64_t hash)
{
	/* RFC 1337: an old duplicate's echo must not end the wait. */
	if (segment->flags & TCP_RST) {
		tcp_count(tcp, TCP_DROP_FLAGS);
		return;
	}
	if (time_wait_reopen(tcp, w, segment, hash))
		return;
	tcp_count(tcp, TCP_DROP_NO_CONNECTION);
	/* "The only thing that can arrive in this state is a retransmission of the remote FIN.
	 * Acknowledge it, and restart the 2 MSL timeout." A bare ACK is left unanswered: two ends
	 * that disagree about numbers would go on for ever. */
	if (segment->flags & TCP_FIN && segment->seq + segment->length + 1 == w->rcv_nxt)
		tcp_time_wait_restart(tcp, w);
	if (segment->length > 0 || segment->flags & (TCP_FIN | TCP_SYN))
		tcp_reply_of(
			tcp, tcp_time_wait_ref(tcp, w), w->link, TCP_ACK, w->snd_nxt, w->rcv_nxt);
}
