/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* tcp_recovery.c - loss recovery: by the scoreboard (RFC 6675 section 5), else NewReno (RFC 6582)
 */

#include "tcp_state.h"

/* Messages that may be in flight again after a time-out, or as many as cwnd has segments. */
#define LOSS_SEGMENTS 10
#define LOSS_STEPS 512 /* messages looked at for that */

/*
 * Where the peer takes part in SACK and a record is to be had, the scoreboard says what to send
 * again and how much is in the network. Else - an old peer, or the pool is used up - recovery is
 * NewReno's, in tcp_congestion.c. After a time-out all that was in flight is sent again in slow
 * start, less what the peer reports from then on.
 *
 * No Eifel detection (RFC 3522) and no F-RTO (RFC 5682): a spurious time-out costs devices that
 * send a message at a time next to nothing.
 */

/* No congestion, then, and the windows are what they were. */
static bool lost_for_size(
	struct tcp *tcp, struct tcp_connection *c, uint32_t cwnd, uint16_t ssthresh)
{
	uint32_t halved = c->cwnd;
	uint16_t half = c->ssthresh;

	c->cwnd = cwnd;
	c->ssthresh = ssthresh;
	if (tcp_path_lost(tcp, c))
		return true;
	c->cwnd = halved;
	c->ssthresh = half;
	return false;
}

void tcp_recovery_duplicate(struct tcp *tcp, struct tcp_connection *c)
{
	struct tcp_scoreboard *board = tcp_board(tcp, c);

	uint32_t cwnd = c->cwnd;
	uint16_t ssthresh = c->ssthresh;

	if (!board || board->count == 0) {
		/* RFC 6582 3.2 step 2: all that was sent twice is acknowledged, and nothing beyond
		 * it: this may well be the peer's answer to what it had already. */
		if (c->flags & TCP_CAREFUL)
			return;
		if (!tcp_congestion_duplicate(c, false))
			return;
		c->cwnd += 3u * c->mss;
		if (board)
			lost_for_size(tcp, c, cwnd, ssthresh);
		return;
	}
	/* (2): as good as lost without a third duplicate. (4): once, until all is repaired. */
	if (board->recovering ||
		!tcp_congestion_duplicate(c, tcp_sack_lost_edge(c, board) != c->snd_una))
		return;
	if (lost_for_size(tcp, c, cwnd, ssthresh))
		return;
	/* A message about another segment has to come again. */
	board->path_mtu = 0;
	board->recovering = true;
	board->high_rxt = c->snd_una;
	board->rescue = c->snd_una;
	board->cursor = 0;
}

void tcp_recovery_acked(struct tcp *tcp, struct tcp_connection *c, uint32_t bytes, uint32_t flight)
{
	struct tcp_scoreboard *board = tcp_board(tcp, c);

	if (!board || !board->recovering) {
		tcp_congestion_acked(c, bytes, flight);
		return;
	}
	if (seq_lt(c->snd_una, c->mark))
		return;
	/* (A): over, with the window that it began with. What is known of later numbers stays. */
	c->flags &= (uint16_t) ~(TCP_RECOVERY | TCP_SEND_AGAIN);
	board->recovering = false;
	tcp_board_return(tcp, c);
}

/* The message that @seq lies in. In a recovery holes are met in ascending order, so that from the
 * cursor on every message is passed once; only what is rescued may lie before it. */
static const struct tcp_message *message_of(const struct tcp *tcp, const struct tcp_connection *c,
	struct tcp_scoreboard *board, uint32_t seq, bool move)
{
	chunk_id id = board->cursor ? board->cursor : c->head;
	const struct tcp_message *message = tcp_message_at(tcp, id);

	if (seq_lt(seq, message->seq)) {
		id = c->head;
		message = tcp_message_at(tcp, id);
	}
	while (seq_leq(message->seq + message->length, seq)) {
		id = message->next;
		message = tcp_message_at(tcp, id);
	}
	if (move)
		board->cursor = id;
	return message;
}

bool tcp_recovery_next(const struct tcp *tcp, struct tcp_connection *c, bool lost,
	const struct tcp_message **message, uint32_t *seq, uint32_t *length)
{
	struct tcp_scoreboard *board = tcp_board(tcp, c);
	bool rescue = false;

	if (!board || !board->recovering || c->cwnd < tcp_sack_pipe(c, board) + c->mss)
		return false;
	if (!tcp_sack_hole(c, board, lost, seq)) {
		rescue = !lost && tcp_sack_rescue(c, board, seq);
		if (!rescue)
			return false;
	}
	if (*seq == c->snd_end) {
		*message = NULL;
		*length = 1;
	} else {
		*message = message_of(tcp, c, board, *seq, !rescue);
		if (rescue) {
			/* The segment that ends with it, not that which begins with it. */
			*seq -= (*seq - (*message)->seq) % c->mss;
			if (seq_lt(*seq, c->snd_una))
				*seq = c->snd_una;
		}
		*length = tcp_piece_length(c, *message, *seq);
		if (*length > c->snd_nxt - *seq)
			*length = c->snd_nxt - *seq;
	}
	/* Beyond the edge of a window that was taken back nothing is sent. */
	if (*seq + *length - c->snd_una > tcp_send_window(c) + (*message == NULL))
		return false;
	if (rescue)
		board->rescue = c->mark;
	else
		board->high_rxt = *seq + *length;
	return true;
}

void tcp_recovery_first(struct tcp *tcp, struct tcp_connection *c, uint32_t end)
{
	struct tcp_scoreboard *board = tcp_board(tcp, c);

	if (!board || !board->recovering)
		return;
	if (seq_lt(board->high_rxt, end))
		board->high_rxt = end;
	board->rescue = end;
}

void tcp_recovery_skip(struct tcp *tcp, struct tcp_connection *c)
{
	const struct tcp_scoreboard *board = tcp_board(tcp, c);

	for (unsigned i = 0; board && i < board->count; i++) {
		if (seq_lt(c->snd_ptr, board->sacked[i].start))
			return;
		if (seq_lt(c->snd_ptr, board->sacked[i].end))
			c->snd_ptr = board->sacked[i].end;
		while (c->cursor) {
			const struct tcp_message *message = tcp_message_at(tcp, c->cursor);

			if (seq_lt(c->snd_ptr, message->seq + message->length))
				break;
			c->cursor = c->cursor == c->tail ? 0 : message->next;
		}
	}
}

bool tcp_recovery_crowded(const struct tcp *tcp, const struct tcp_connection *c)
{
	const struct tcp_scoreboard *board = tcp_board(tcp, c);
	uint32_t most = c->cwnd / c->mss, count = 0;
	unsigned range = 0, steps = 0;

	if (most < LOSS_SEGMENTS)
		most = LOSS_SEGMENTS;
	for (chunk_id id = c->head; id != c->cursor && steps < LOSS_STEPS; steps++) {
		const struct tcp_message *message = tcp_message_at(tcp, id);
		uint32_t end = message->seq + message->length;

		while (board && range < board->count && seq_lt(board->sacked[range].end, end))
			range++;
		/* Not what the peer holds. */
		if (!board || range == board->count ||
			seq_lt(message->seq, board->sacked[range].start))
			count++;
		if (count >= most)
			return true;
		id = message->next;
	}
	return false;
}

uint32_t tcp_recovery_room(const struct tcp *tcp, const struct tcp_connection *c)
{
	const struct tcp_scoreboard *board = tcp_board(tcp, c);
	uint32_t flight = c->snd_ptr - c->snd_una;
	uint32_t window = c->cwnd;

	if (board && board->recovering) {
		/* (C): "if cwnd - pipe >= 1 SMSS" */
		flight = tcp_sack_pipe(c, board);
		return window < flight + c->mss ? 0 : window - flight;
	}
	/* What the peer holds is not in the network, which is limited transmit already. */
	if (board && board->count > 0)
		flight -= tcp_sack_below(board, c->snd_ptr);
	else if (!(c->flags & (TCP_RECOVERY | TCP_LOSS)))
		window += (uint32_t)c->duplicates * c->mss;
	return window > flight ? window - flight : 0;
}
