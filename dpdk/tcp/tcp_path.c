/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* tcp_path.c - ICMP errors (RFC 5927, 5461) and the path MTU (RFC 1191, 8201) */

#include "tcp_state.h"

#define HEADERS_IPV4 40
#define HEADERS_IPV6 60
#define MTU_LEAST_IPV4 576 /* less is a mistake, or meant to make us send crumbs (CVE-2019-11479) */
#define MTU_LEAST_IPV6 1280

/*
 * Nobody can tell who wrote an ICMP message. All errors are soft: retransmission finds out by
 * itself whether the peer is there. A smaller path MTU cannot be found out otherwise, so it is
 * believed, in steps (RFC 5927 section 7.2): it must quote a number that is in flight; then it
 * waits, in the scoreboard, until that very segment turns out to be lost, and is forgotten if it is
 * acknowledged. The segment size only ever shrinks, down to a floor.
 */

/* Payload of a segment under @mtu. */
static uint32_t payload(const struct tcp_connection *c, uint32_t mtu)
{
	return mtu - (c->flags & TCP_IPV6 ? HEADERS_IPV6 : HEADERS_IPV4) -
	       (c->flags & TCP_TIMESTAMPS ? TCP_TIMESTAMPS_BYTES : 0);
}

/* Is the segment that begins with @seq the first in flight, the one that a loss is noticed of? */
static bool is_first(const struct tcp_connection *c, uint32_t seq)
{
	return seq - c->snd_una < c->mss;
}

/* Smaller from now on, and all that is in flight again. */
static void shrink(struct tcp *tcp, struct tcp_connection *c, uint32_t mtu)
{
	struct tcp_scoreboard *board = tcp_board(tcp, c);

	tcp_count(tcp, TCP_PATH_MTU);
	tcp_congestion_resize(c, (uint16_t)payload(c, mtu));
	if (board) {
		/* What the peer reported is still true, and stepped over. */
		board->recovering = false;
		board->path_mtu = 0;
		tcp_board_return(tcp, c);
	}
	tcp_queue_rewind(c);
	tcp_pend(tcp, c);
}

bool tcp_path_lost(struct tcp *tcp, struct tcp_connection *c)
{
	const struct tcp_scoreboard *board = tcp_board(tcp, c);

	if (!board || !board->path_mtu || board->recovering || !is_first(c, board->rescue))
		return false;
	shrink(tcp, c, board->path_mtu);
	return true;
}

void tcp_path_acked(const struct tcp_connection *c, struct tcp_scoreboard *board)
{
	if (board->path_mtu && seq_lt(board->rescue, c->snd_una))
		board->path_mtu = 0;
}

static void too_big(struct tcp *tcp, struct tcp_connection *c, uint32_t seq, uint32_t mtu)
{
	struct tcp_scoreboard *board;

	/* 0: a router that knows of no MTU in the message (RFC 1191 section 5). */
	if (!(c->flags & TCP_IPV6) && mtu < MTU_LEAST_IPV4)
		mtu = MTU_LEAST_IPV4;
	if ((c->flags & TCP_IPV6 && mtu < MTU_LEAST_IPV6) || payload(c, mtu) >= c->mss) {
		tcp_count(tcp, TCP_DROP_TOO_BIG);
		return;
	}
	/* The loss is known already: the message is about what was sent again. */
	if (c->flags & (TCP_RECOVERY | TCP_LOSS) && is_first(c, seq)) {
		shrink(tcp, c, mtu);
		return;
	}
	board = tcp_board_borrow(tcp, c);
	/* No record, or a recovery that needs its fields: the next segment too big brings it again. */
	if (!board || board->recovering) {
		tcp_count(tcp, TCP_DROP_TOO_BIG);
		return;
	}
	if (board->path_mtu && seq_leq(board->rescue, seq))
		return;
	board->path_mtu = (uint16_t)mtu;
	board->rescue = seq;
}

void tcp_icmp_input(struct tcp *tcp, const struct tcp_tuple *tuple, uint32_t seq,
	enum tcp_icmp kind, uint32_t mtu, uint64_t now)
{
	flow_ref ref = tcp_lookup(tcp, tuple, tcp_hash(tcp, tuple));
	struct tcp_connection *c;

	tcp_clock(tcp, now);
	tcp->delivery.id = 0;
	if (flow_ref_kind(ref) != FLOW_CONNECTION) {
		/* Handshakes expire by themselves, and there is nothing to be learnt of a path. */
		tcp_count(tcp, ref ? TCP_ICMP_SOFT : TCP_DROP_ICMP);
		return;
	}
	c = &tcp->connections[flow_ref_index(ref)];
	if (seq_lt(seq, c->snd_una) || !seq_lt(seq, c->snd_nxt))
		tcp_count(tcp, TCP_DROP_ICMP);
	else if (kind == TCP_ICMP_TOO_BIG && c->state >= TCP_ESTABLISHED)
		too_big(tcp, c, seq, mtu);
	else
		tcp_count(tcp, TCP_ICMP_SOFT);
}
