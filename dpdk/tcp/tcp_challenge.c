/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* tcp_challenge.c - answers to segments that may be forged: ACK or RST, rationed (RFC 5961) */

#include "tcp_state.h"

/*
 * What one stranger provokes must not show in what another is sent (CVE-2016-5696). So challenge
 * ACKs have no counter in common: each connection has a few a second, how many and when the second
 * begins is a keyed hash's choice. RSTs have no record that could count, so they share one bucket -
 * and a segment that would have been answered from it takes its share out of it also where it meets
 * a connection and is dropped: what is left in the bucket does not tell which it was.
 */

/* RSTs cost no more than what provoked them, and after a restart every device needs one to learn
 * that its connection is gone: the bucket bounds the work, not the comfort. */
#define RESET_INTERVAL_US 10
#define RESET_BURST 1024

/* Challenge ACKs of a connection in a second: 3 to 7. */
#define CHALLENGES_MIN 3
#define CHALLENGES_MORE 5

static uint64_t hash_of(const struct tcp *tcp, const struct tcp_flow *flow, uint64_t what)
{
	/* Bit 62 keeps it apart from ISNs and timestamps. */
	return siphash_16(&tcp->config.isn_key,
		(uint64_t)flow->remote | (uint64_t)flow->local << 32,
		(uint64_t)flow->remote_port | (uint64_t)flow->local_port << 16 |
			(what & 0xffffff) << 32 | 1ull << 62);
}

void tcp_challenge(struct tcp *tcp, struct tcp_connection *c)
{
	uint64_t second;

	/* An ACK is on its way already: it says the same. */
	if (c->flags & TCP_ACK_OWED)
		return;
	second = (tcp->now + hash_of(tcp, &c->flow, 0) % SECOND) / SECOND;
	/* 0 is a connection that never challenged anybody. */
	if (c->challenge_second != 1 + second % 31) {
		c->challenge_second = (1 + second % 31) & 31;
		c->challenges =
			(CHALLENGES_MIN + hash_of(tcp, &c->flow, second) % CHALLENGES_MORE) & 7;
	}
	if (c->challenges == 0)
		return;
	c->challenges--;
	tcp_count(tcp, TCP_CHALLENGE_ACK);
	tcp_owe_ack(tcp, c);
}

bool tcp_reset_charge(struct tcp *tcp, const struct tcp_segment *segment)
{
	if (segment->flags & (TCP_RST | TCP_SYN) || !(segment->flags & TCP_ACK))
		return true;
	return rate_limit_take(&tcp->resets, tcp->now, RESET_INTERVAL_US, RESET_BURST);
}

void tcp_refuse(struct tcp *tcp, const struct tcp_segment *segment)
{
	uint32_t length = segment->length;
	const struct tcp_reply *queued;

	if (segment->flags & TCP_RST)
		return;
	if (!rate_limit_take(&tcp->resets, tcp->now, RESET_INTERVAL_US, RESET_BURST)) {
		tcp_count(tcp, TCP_DROP_RESET_LIMIT);
		return;
	}
	length += !!(segment->flags & TCP_SYN) + !!(segment->flags & TCP_FIN);
	if (segment->flags & TCP_ACK)
		queued = tcp_reply(tcp, &segment->tuple, segment->link, TCP_RST, segment->ack, 0);
	else
		queued = tcp_reply(tcp, &segment->tuple, segment->link, TCP_RST | TCP_ACK, 0,
			segment->seq + length);
	if (queued)
		tcp_count(tcp, TCP_RESET_OUT);
}
