/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* tcp_keepalive.c - is an idle peer still there? (RFC 9293 3.8.4, RFC 1122 4.2.3.6) */

#include "tcp_state.h"

/*
 * Off unless configured (MUST); for all connections alike, as their user is one. The probe carries
 * no byte and the number before SND.NXT, which any peer answers by an ACK. The sweep finds who is
 * idle, so that idle connections need no timer; one is armed while an answer is due.
 */

/* An eighth of the idle time, 1 to 75 s. */
static uint64_t interval(const struct tcp *tcp)
{
	uint64_t us = tcp->config.keepalive_us / 8;

	return us < SECOND ? SECOND : us > 75 * SECOND ? 75 * SECOND : us;
}

static void ask(struct tcp *tcp, struct tcp_connection *c)
{
	c->flags |= TCP_KEEPALIVE | TCP_PROBE;
	timer_arm(&tcp->wheel, tcp_ref_of(tcp, c), tcp->now + interval(tcp));
	tcp_pend(tcp, c);
}

void tcp_keepalive_sweep(struct tcp *tcp, struct tcp_connection *c)
{
	/* "only be sent when no sent data is outstanding": what is, is watched by its own timer. */
	if (c->snd_una == c->snd_end && !timer_armed(&c->timer) && !tcp_closing(c))
		ask(tcp, c);
}

bool tcp_keepalive_due(struct tcp *tcp, struct tcp_connection *c)
{
	uint64_t silent = (uint64_t)tcp_silent(tcp, c) * MS;

	c->flags &= (uint16_t) ~(TCP_KEEPALIVE | TCP_PROBE);
	if (silent < tcp->config.keepalive_us)
		return true;
	/* No single one that stays unanswered means anything (MUST). */
	if (silent >= tcp->config.keepalive_us + TCP_KEEPALIVE_PROBES * interval(tcp))
		return false;
	ask(tcp, c);
	return true;
}
