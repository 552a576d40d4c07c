/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* tcp_persist.c - peers that take nothing: how long they are waited for (RFC 9293 3.8.6.1) */

#include "tcp_state.h"

/*
 * Two demands contradict each other. RFC 9293 3.8.6.1 and RFC 1122 4.2.2.17: as long as the peer
 * acknowledges the probes, the connection MUST be allowed to stay open. Against sockstress
 * (CVE-2008-4609) - a zero window, or one of a byte, for ever and on as many connections as there
 * are - it must not: each holds chunks. RFC 6429 says how both can be had: keeping a connection is
 * TCP's duty, ending it for lack of memory that of its host. So:
 *
 * - a peer that answers is probed for ever, while chunks are to be had, unless the user has closed:
 *   nobody is left then whose duty the wait would be;
 * - one that does not answer is ended after the user timeout, as with any other silence (R2);
 * - while chunks are short, the sweep ends those whose peer has taken nothing for longest. They are
 *   in no order, and a list would cost every connection 8 bytes; instead one round of the sweep
 *   finds the longest wait, the next ends what waits three quarters as long. the user
 *   timeout is everyone's.
 *
 * A peer that takes a byte now and then makes progress; it is the user's clock that ends it.
 */

bool tcp_persist_patient(const struct tcp *tcp, const struct tcp_connection *c)
{
	uint32_t silent = tcp_silent(tcp, c);

	return !(c->flags & TCP_ORPHAN) && tcp_window_blocked(tcp, c) &&
	       silent < tcp_give_up(tcp) / MS;
}

bool tcp_chunks_short(const struct tcp *tcp)
{
	for (unsigned class = 0; class < CHUNK_CLASSES; class ++) {
		uint32_t count = chunk_count(tcp->config.chunks, class);

		if (chunk_free_count(tcp->config.chunks, class) * 8ull < count)
			return true;
	}
	return false;
}

bool tcp_persist_sweep_begin(struct tcp *tcp)
{
	if (tcp_chunks_short(tcp))
		return true;
	tcp->shut_limit = 0;
	tcp->shut_measured = false;
	return false;
}

void tcp_persist_round(struct tcp *tcp)
{
	uint32_t least = (uint32_t)(tcp_give_up(tcp) / MS), part = tcp->shut_longest / 4 * 3;

	/* Only a whole round knows the longest. */
	if (tcp->shut_measured)
		tcp->shut_limit = part > least ? part : least;
	tcp->shut_measured = true;
	tcp->shut_longest = 0;
}

bool tcp_persist_shut(struct tcp *tcp, struct tcp_connection *c)
{
	uint32_t waits;

	/* The first line tells of most that they are not meant. */
	if (tcp_send_window(c) >= TCP_MSS_DEFAULT || !c->tail || c->snd_ptr == c->snd_end)
		return false;
	waits = (uint32_t)(tcp_stalled(tcp, c) / MS);
	if (tcp->shut_longest < waits)
		tcp->shut_longest = waits;
	return tcp->shut_limit && waits >= tcp->shut_limit;
}
