/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* tcp_sack.c - the scoreboard of what the peer holds out of order (RFC 2018, RFC 6675 section 4) */

#include "tcp_state.h"

#define DUPLICATE_THRESHOLD 3

/*
 * A fixed number of ranges, so that a peer that reports dust costs no more than one that does not.
 * What finds no place is the range furthest from SND.UNA: its bytes merely count as in flight, and
 * the peer reports them again when those below have been filled.
 */

static uint32_t range_length(struct tcp_range range)
{
	return range.end - range.start;
}

/* Take @block in. Return: bytes of it that were not known. */
static uint32_t board_add(struct tcp_scoreboard *board, struct tcp_range block)
{
	struct tcp_range *sacked = board->sacked;
	unsigned first = 0, last, count = board->count;
	uint32_t known = 0;

	while (first < count && seq_lt(sacked[first].end, block.start))
		first++;
	for (last = first; last < count && seq_leq(sacked[last].start, block.end); last++) {
		known += range_length(sacked[last]);
		if (seq_lt(sacked[last].start, block.start))
			block.start = sacked[last].start;
		if (seq_lt(block.end, sacked[last].end))
			block.end = sacked[last].end;
	}
	if (first == TCP_SACKED)
		return 0;
	if (last == first && count == TCP_SACKED)
		count--;
	memmove(&sacked[first + 1], &sacked[last],
		count > last ? (count - last) * sizeof(sacked[0]) : 0);
	board->count = (count - (last - first) + 1) & 0xf;
	sacked[first] = block;
	return range_length(block) - known;
}

/* RFC 2018 section 4: above what is acknowledged, not above what was sent. A D-SACK (RFC 2883) lies
 * below, or inside what is known already. */
static bool block_valid(const struct tcp_connection *c, struct tcp_range block)
{
	return seq_lt(c->snd_una, block.start) && seq_lt(block.start, block.end) &&
	       seq_leq(block.end, c->snd_nxt);
}

int32_t tcp_sack_in(
	struct tcp *tcp, struct tcp_connection *c, const struct tcp_range *blocks, unsigned count)
{
	uint32_t news = 0;

	for (unsigned i = 0; i < count; i++) {
		struct tcp_scoreboard *board;

		if (!block_valid(c, blocks[i]))
			continue;
		board = tcp_board_borrow(tcp, c);
		if (!board)
			return -1;
		news += board_add(board, blocks[i]);
	}
	return (int32_t)news;
}

void tcp_sack_acked(struct tcp *tcp, struct tcp_connection *c)
{
	struct tcp_scoreboard *board = tcp_board(tcp, c);
	unsigned gone = 0;

	if (!board)
		return;
	/* One that begins at SND.UNA or below, and was not acknowledged to its end, the peer has
	 * thrown away again (RFC 2018 section 8). */
	while (gone < board->count && seq_leq(board->sacked[gone].start, c->snd_una))
		gone++;
	memmove(board->sacked, &board->sacked[gone],
		(board->count - gone) * sizeof(board->sacked[0]));
	board->count = (board->count - gone) & 0xf;
	if (seq_lt(board->high_rxt, c->snd_una))
		board->high_rxt = c->snd_una;
	if (!board->recovering)
		tcp_path_acked(c, board);
	tcp_board_return(tcp, c);
}

void tcp_sack_forget(struct tcp *tcp, struct tcp_connection *c)
{
	struct tcp_scoreboard *board = tcp_board(tcp, c);

	if (!board)
		return;
	board->count = 0;
	board->recovering = false;
	tcp_board_return(tcp, c);
}

struct tcp_scoreboard *tcp_board_borrow(struct tcp *tcp, struct tcp_connection *c)
{
	struct tcp_side *side = tcp_side_borrow(tcp, c);

	if (!side)
		return NULL;
	if (!side->out.active) {
		memset(&side->out, 0, sizeof(side->out));
		side->out.active = true;
	}
	return &side->out;
}

void tcp_board_return(struct tcp *tcp, struct tcp_connection *c)
{
	struct tcp_scoreboard *board = tcp_board(tcp, c);

	if (board->count > 0 || board->recovering || board->path_mtu)
		return;
	board->active = false;
	tcp_side_return(tcp, c);
}

uint32_t tcp_sack_lost_edge(const struct tcp_connection *c, const struct tcp_scoreboard *board)
{
	uint32_t bytes = 0;

	/* IsLost(): three ranges, or more than two segments' bytes, lie above. Both only grow
	 * downwards, so there is one edge and all unreported bytes below it are lost. */
	for (unsigned i = board->count, ranges = 1; i-- > 0; ranges++) {
		bytes += range_length(board->sacked[i]);
		if (ranges >= DUPLICATE_THRESHOLD || bytes > (DUPLICATE_THRESHOLD - 1u) * c->mss)
			return board->sacked[i].start;
	}
	return c->snd_una;
}

uint32_t tcp_sack_below(const struct tcp_scoreboard *board, uint32_t seq)
{
	uint32_t bytes = 0;

	for (unsigned i = 0; i < board->count && seq_lt(board->sacked[i].start, seq); i++)
		bytes += (seq_lt(seq, board->sacked[i].end) ? seq : board->sacked[i].end) -
			 board->sacked[i].start;
	return bytes;
}

uint32_t tcp_sack_pipe(const struct tcp_connection *c, const struct tcp_scoreboard *board)
{
	uint32_t edge = tcp_sack_lost_edge(c, board);
	uint32_t at = c->snd_una, pipe = 0;

	/* SetPipe(): a hole is in the network unless it is lost, and once more as far as it was
	 * sent again. */
	for (unsigned i = 0; i <= board->count; i++) {
		uint32_t end = i < board->count ? board->sacked[i].start : c->snd_nxt;

		if (!seq_lt(at, edge))
			pipe += end - at;
		if (seq_lt(at, board->high_rxt))
			pipe += (seq_lt(board->high_rxt, end) ? board->high_rxt : end) - at;
		if (i < board->count)
			at = board->sacked[i].end;
	}
	return pipe;
}

bool tcp_sack_hole(const struct tcp_connection *c, const struct tcp_scoreboard *board, bool lost,
	uint32_t *seq)
{
	uint32_t at = board->high_rxt;

	for (unsigned i = 0; i < board->count; i++) {
		if (seq_lt(at, board->sacked[i].start)) {
			*seq = at;
			return !lost || seq_lt(at, tcp_sack_lost_edge(c, board));
		}
		if (seq_lt(at, board->sacked[i].end))
			at = board->sacked[i].end;
	}
	return false;
}

bool tcp_sack_rescue(
	const struct tcp_connection *c, const struct tcp_scoreboard *board, uint32_t *seq)
{
	uint32_t top = c->snd_nxt;

	/* "If HighACK is greater than RescueRxt": once in a recovery, after its first progress. */
	if (!seq_lt(board->rescue, c->snd_una))
		return false;
	if (board->count > 0 && board->sacked[board->count - 1].end == top)
		top = board->sacked[board->count - 1].start;
	*seq = top - 1;
	return true;
}
