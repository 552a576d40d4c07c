/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* tcp_reassembly.c - bytes ahead of the next one: kept, reported, handed on (RFC 9293 3.10.7.4) */

#include "tcp_state.h"

/*
 * Intervals say what has come, pieces (chunks, in order) hold it: each byte of an interval lies in
 * exactly one piece. The byte that came first stays, whatever comes for its number later: what
 * would be stored is first cut to what is missing.
 *
 * Bounded for each connection by intervals and by pieces; and bytes in order go before bytes out of
 * order: those may have no chunk of the last quarter of a class. What has to give way is what lies
 * furthest from RCV.NXT; it is then no longer reported, as RFC 2018 section 8 allows.
 */

/* A front that grows downwards byte by byte moves at most so many bytes each time. */
#define SHIFT_MAX 2048

static uint32_t pieces_max(const struct tcp *tcp)
{
	return 16 + tcp->config.receive_window / 1024;
}

static uint32_t piece_end(const struct tcp_message *piece)
{
	return piece->seq + piece->length;
}

static uint8_t *piece_bytes(struct tcp_message *piece)
{
	return (uint8_t *)(piece + 1);
}

/* A chunk for @length bytes, or for as many as the largest holds; 0 if it is in the reserve. */
static chunk_id piece_get(struct tcp *tcp, uint32_t length)
{
	struct chunk_pool *pool = tcp->config.chunks;
	uint32_t bytes = length + sizeof(struct tcp_message);
	unsigned class = 0;

	while (class < CHUNK_CLASSES - 1 && chunk_class_bytes[class] < bytes)
		class ++;
	if (bytes > chunk_class_bytes[class])
		bytes = chunk_class_bytes[class];
	if (chunk_free_count(pool, class) <= chunk_count(pool, class) / 4)
		return 0;
	return chunk_get(pool, bytes);
}

/* The last piece that begins before @seq; 0: none. */
static chunk_id piece_before(const struct tcp *tcp, const struct tcp_reassembly *in, uint32_t seq)
{
	chunk_id at = in->pieces, before = 0;

	/* Mostly what comes lies behind what came last. */
	if (in->hint && seq_lt(tcp_message_at(tcp, in->hint)->seq, seq))
		at = in->hint;
	while (at && seq_lt(tcp_message_at(tcp, at)->seq, seq)) {
		before = at;
		at = tcp_message_at(tcp, at)->next;
	}
	return before;
}

/* A new piece behind @before with the first bytes of @data. Return: how many; 0: no room. */
static uint32_t piece_new(struct tcp *tcp, struct tcp_reassembly *in, chunk_id before, uint32_t seq,
	const uint8_t *data, uint32_t length)
{
	struct tcp_message *piece;
	chunk_id id, *link;

	if (in->piece_count >= pieces_max(tcp))
		return 0;
	id = piece_get(tcp, length);
	if (!id)
		return 0;
	piece = tcp_message_at(tcp, id);
	piece->room = chunk_room(tcp->config.chunks, id) - (uint32_t)sizeof(*piece);
	piece->length = length < piece->room ? length : piece->room;
	piece->seq = seq;
	memcpy(piece_bytes(piece), data, piece->length);
	link = before ? &tcp_message_at(tcp, before)->next : &in->pieces;
	piece->next = *link;
	*link = id;
	in->hint = id;
	in->piece_count++;
	return piece->length;
}

/* Store bytes of which none is there. Return: how many of them found room. */
static uint32_t pieces_add(struct tcp *tcp, struct tcp_reassembly *in, uint32_t seq,
	const uint8_t *data, uint32_t length)
{
	chunk_id before = piece_before(tcp, in, seq);
	struct tcp_message *piece = before ? tcp_message_at(tcp, before) : NULL;
	chunk_id next = piece ? piece->next : in->pieces;
	uint32_t done = 0, room;

	if (piece && piece_end(piece) == seq) {
		room = piece->room - piece->length;
		done = length < room ? length : room;
		memcpy(piece_bytes(piece) + piece->length, data, done);
		piece->length += done;
		in->hint = before;
	}
	if (next && done < length) {
		uint32_t rest = length - done;

		piece = tcp_message_at(tcp, next);
		if (piece->seq == seq + length && rest <= piece->room - piece->length &&
			piece->length <= SHIFT_MAX) {
			memmove(piece_bytes(piece) + rest, piece_bytes(piece), piece->length);
			memcpy(piece_bytes(piece), data + done, rest);
			piece->seq -= rest;
			piece->length += rest;
			return length;
		}
	}
	while (done < length) {
		uint32_t stored =
			piece_new(tcp, in, before, seq + done, data + done, length - done);

		if (stored == 0)
			break;
		done += stored;
		before = in->hint;
	}
	return done;
}

/*
 * The order in which intervals changed, two bits each. Indices move where intervals come and go.
 */
_Static_assert(TCP_ARRIVED == 4, "an index takes two bits");

static unsigned order_at(const struct tcp_reassembly *in, unsigned place)
{
	return in->order >> 2 * place & 3;
}

/* Interval @index of @count is gone. */
static void order_remove(struct tcp_reassembly *in, unsigned index)
{
	unsigned order = 0, places = 0;

	for (unsigned place = 0; place < TCP_ARRIVED; place++) {
		unsigned at = order_at(in, place);

		if (at != index)
			order |= (at > index ? at - 1 : at) << 2 * places++;
	}
	in->order = (uint8_t)order;
}

/* Interval @index is new, or has changed. */
static void order_first(struct tcp_reassembly *in, unsigned index, bool new)
{
	unsigned order = index, places = 1;

	for (unsigned place = 0; place < TCP_ARRIVED && places < TCP_ARRIVED; place++) {
		unsigned at = order_at(in, place);

		if (new &&at >= index)
			order |= (at + 1u) % TCP_ARRIVED << 2 * places++;
		else if (at != index)
			order |= at << 2 * places++;
	}
	in->order = (uint8_t)order;
}

/* Forget the interval that is furthest from RCV.NXT. */
static void retract(struct tcp *tcp, struct tcp_reassembly *in)
{
	uint32_t from = in->arrived[--in->count].start;
	chunk_id before = piece_before(tcp, in, from);
	chunk_id *link = before ? &tcp_message_at(tcp, before)->next : &in->pieces;
	chunk_id id = *link;

	*link = 0;
	in->hint = before;
	while (id) {
		chunk_id next = tcp_message_at(tcp, id)->next;

		chunk_put(tcp->config.chunks, id);
		in->piece_count--;
		id = next;
	}
	order_remove(in, in->count);
	tcp_count(tcp, TCP_RETRACTED);
}

/* [start, end) has been stored: join it to what it touches. There is room if it touches nothing. */
static void interval_add(struct tcp_reassembly *in, uint32_t start, uint32_t end)
{
	unsigned i = 0;

	while (i < in->count && seq_lt(in->arrived[i].end, start))
		i++;
	if (i < in->count && seq_leq(in->arrived[i].start, end)) {
		if (seq_lt(start, in->arrived[i].start))
			in->arrived[i].start = start;
		if (seq_lt(in->arrived[i].end, end))
			in->arrived[i].end = end;
		if (i + 1u < in->count && in->arrived[i].end == in->arrived[i + 1].start) {
			in->arrived[i].end = in->arrived[i + 1].end;
			in->count--;
			memmove(&in->arrived[i + 1], &in->arrived[i + 2],
				(in->count - i - 1u) * sizeof(in->arrived[0]));
			order_remove(in, i + 1);
		}
		order_first(in, i, false);
	} else {
		memmove(&in->arrived[i + 1], &in->arrived[i],
			(in->count - i) * sizeof(in->arrived[0]));
		in->arrived[i] = (struct tcp_range){start, end};
		in->count++;
		order_first(in, i, true);
	}
}

/* Does [start, end), of which nothing is there, touch an interval? */
static bool touches(const struct tcp_reassembly *in, uint32_t start, uint32_t end)
{
	for (unsigned i = 0; i < in->count; i++)
		if (in->arrived[i].end == start || in->arrived[i].start == end)
			return true;
	return false;
}

/* Store one gap's bytes. Return: false if not all of them found room. */
static bool gap_add(struct tcp *tcp, struct tcp_reassembly *in, uint32_t seq, const uint8_t *data,
	uint32_t length)
{
	uint32_t done = 0;

	for (;;) {
		bool furthest = in->count == 0 || seq_lt(in->arrived[in->count - 1].start, seq);

		if (in->count < TCP_ARRIVED || touches(in, seq, seq + length)) {
			uint32_t stored =
				pieces_add(tcp, in, seq + done, data + done, length - done);

			/* The front of the gap may fill while its rest waits for room. */
			if (stored > 0)
				interval_add(in, seq + done, seq + done + stored);
			done += stored;
			if (done == length)
				return true;
			furthest = in->count == 0 ||
				   seq_lt(in->arrived[in->count - 1].start, seq + done);
		}
		if (furthest)
			return false;
		retract(tcp, in);
	}
}

/* Bytes that were there already: the first such stretch until the next ACK (RFC 2883 section 4). */
static void duplicate_note(struct tcp_reassembly *in, uint32_t start, uint32_t end)
{
	if (in->duplicate.start == in->duplicate.end)
		in->duplicate = (struct tcp_range){start, end};
}

/* Store what is missing of [seq, seq + length), which lies ahead of RCV.NXT, within the window.
 * @report: say by SACK what was not missing. */
static bool text_add(struct tcp *tcp, struct tcp_reassembly *in, uint32_t seq, const uint8_t *data,
	uint32_t length, bool report)
{
	uint32_t end = seq + length, at = seq;

	while (seq_lt(at, end)) {
		uint32_t stop = end;
		unsigned i = 0;

		while (i < in->count && seq_leq(in->arrived[i].end, at))
			i++;
		if (i < in->count && seq_leq(in->arrived[i].start, at)) {
			stop = in->arrived[i].end;
			if (report)
				duplicate_note(in, at, seq_lt(stop, end) ? stop : end);
			at = stop;
			order_first(in, i, false);
			continue;
		}
		if (i < in->count && seq_lt(in->arrived[i].start, end))
			stop = in->arrived[i].start;
		if (!gap_add(tcp, in, at, data + (at - seq), stop - at))
			return false;
		at = stop;
	}
	return true;
}

/* Where what is kept ends. */
static uint32_t kept_end(const struct tcp_connection *c, const struct tcp_reassembly *in)
{
	return in->count ? in->arrived[in->count - 1].end : c->rcv_nxt;
}

bool tcp_reassembly_in(struct tcp *tcp, struct tcp_connection *c, uint32_t seq, const uint8_t *data,
	uint32_t length, bool fin)
{
	struct tcp_side *side = tcp_side_borrow(tcp, c);
	struct tcp_reassembly *in;
	bool kept;

	if (!side)
		return false;
	in = &side->in;
	/* Nothing follows a FIN, and it precedes nothing that is there already. */
	if (in->has_fin && seq_lt(in->fin, seq + length)) {
		length = seq_lt(seq, in->fin) ? in->fin - seq : 0;
		fin = false;
	}
	kept = text_add(tcp, in, seq, data, length, c->flags & TCP_SACK);
	if (kept && fin && !in->has_fin && !seq_lt(seq + length, kept_end(c, in))) {
		in->has_fin = true;
		in->fin = seq + length;
	}
	tcp_side_return(tcp, c);
	return kept;
}

uint32_t tcp_reassembly_gap(
	const struct tcp *tcp, const struct tcp_connection *c, uint32_t length, bool *fin)
{
	const struct tcp_reassembly *in = &tcp_side_of(tcp, c)->in;
	uint32_t gap = length;

	if (in->has_fin && in->fin - c->rcv_nxt <= length) {
		gap = in->fin - c->rcv_nxt;
		*fin = true;
	}
	if (in->count > 0 && in->arrived[0].start - c->rcv_nxt < gap) {
		gap = in->arrived[0].start - c->rcv_nxt;
		*fin = false;
	}
	return gap;
}

void tcp_reassembly_forget(struct tcp *tcp, struct tcp_connection *c)
{
	struct tcp_side *side = tcp_side_of(tcp, c);

	if (!side)
		return;
	while (side->in.count > 0)
		retract(tcp, &side->in);
	side->in.has_fin = false;
	side->in.duplicate.start = side->in.duplicate.end = 0;
}

/* The first piece leaves; its bytes stay readable until the next output. */
static struct tcp_message *piece_take(struct tcp *tcp, struct tcp_reassembly *in)
{
	chunk_id id = in->pieces;
	struct tcp_message *piece = tcp_message_at(tcp, id);

	in->pieces = piece->next;
	if (in->hint == id)
		in->hint = 0;
	in->piece_count--;
	piece->next = tcp->abandoned;
	tcp->abandoned = id;
	in->arrived[0].start += piece->length;
	if (in->arrived[0].start == in->arrived[0].end) {
		in->count--;
		memmove(&in->arrived[0], &in->arrived[1], in->count * sizeof(in->arrived[0]));
		order_remove(in, 0);
	}
	return piece;
}

bool tcp_more(struct tcp *tcp, tcp_id id, struct tcp_up *up)
{
	struct tcp_connection *c = tcp_find(tcp, id);
	struct tcp_side *side = c ? tcp_side_of(tcp, c) : NULL;
	const struct tcp_message *piece;
	bool fin;

	memset(up, 0, sizeof(*up));
	if (!side || c->flags & (TCP_ORPHAN | TCP_WINDOW_CLOSED) || side->in.count == 0 ||
		side->in.arrived[0].start != c->rcv_nxt)
		return false;
	piece = piece_take(tcp, &side->in);
	up->id = id;
	fin = side->in.has_fin && side->in.fin == piece_end(piece);
	tcp_side_return(tcp, c);
	tcp_deliver(tcp, c, (const uint8_t *)(piece + 1), piece->length, fin, up);
	return true;
}

void tcp_duplicate_note(struct tcp *tcp, struct tcp_connection *c, uint32_t start, uint32_t end)
{
	struct tcp_side *side = tcp_side_of(tcp, c);

	/* A courtesy: it is not worth a record that someone may need. */
	if (!side && tcp->side_slab.used >= tcp->side_slab.limit / 2)
		return;
	if (!side)
		side = tcp_side_borrow(tcp, c);
	duplicate_note(&side->in, start, end);
}

unsigned tcp_sack_blocks(
	struct tcp *tcp, struct tcp_connection *c, struct tcp_range *blocks, unsigned room)
{
	struct tcp_reassembly *in = &tcp_side_of(tcp, c)->in;
	unsigned count = 0;

	if (in->duplicate.start != in->duplicate.end && room > 0) {
		blocks[count++] = in->duplicate;
		in->duplicate.start = in->duplicate.end = 0;
	}
	for (unsigned i = 0; i < in->count && count < room; i++)
		blocks[count++] = in->arrived[order_at(in, i)];
	tcp_side_return(tcp, c);
	return count;
}

uint32_t tcp_window_open(const struct tcp *tcp, const struct tcp_connection *c)
{
	const struct tcp_side *side = tcp_side_of(tcp, c);

	if (!side || side->in.held == 0)
		return tcp_receive_window(tcp, c->shift);
	return seq_lt(c->rcv_nxt, side->in.edge) ? side->in.edge - c->rcv_nxt : 0;
}

/*
 * RFC 9293 3.8.6.2.2: our right edge never moves back, and not forward in silly little steps.
 * Return: whether the peer should hear of it at once: it may wait for this where more than a
 * quarter of the window was taken.
 */
static bool edge_move(const struct tcp *tcp, const struct tcp_connection *c,
	struct tcp_reassembly *in, uint32_t whole)
{
	uint32_t edge = c->rcv_nxt + (in->held < whole ? whole - in->held : 0);
	uint32_t step = whole / 2 < tcp->config.mss ? whole / 2 : tcp->config.mss;
	bool narrow = (int32_t)(in->edge - c->rcv_nxt) < (int32_t)(whole - whole / 4);

	if ((int32_t)(edge - in->edge) < (int32_t)step)
		return false;
	in->edge = edge;
	return narrow;
}

void tcp_hold(struct tcp *tcp, tcp_id id, uint32_t bytes)
{
	struct tcp_connection *c = tcp_find(tcp, id);
	struct tcp_side *side = c ? tcp_side_of(tcp, c) : NULL;
	uint32_t whole;

	if (!c || c->flags & TCP_ORPHAN || ((!side || side->in.held == 0) && bytes == 0))
		return;
	if (!side)
		side = tcp_side_borrow(tcp, c);
	if (!side)
		return;
	whole = tcp_receive_window(tcp, c->shift);
	/* What was promised when all of it was still free. */
	if (side->in.held == 0)
		side->in.edge = c->rcv_nxt + (bytes < whole ? whole - bytes : 0);
	side->in.held = bytes;
	/* The peer may wait for just this - unless it has said that it sends no more. */
	if (edge_move(tcp, c, &side->in, whole) &&
		(c->state == TCP_ESTABLISHED || c->state == TCP_FIN_WAIT_1 ||
			c->state == TCP_FIN_WAIT_2))
		tcp_owe_ack(tcp, c);
	tcp_side_return(tcp, c);
}
