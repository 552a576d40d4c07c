/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* tcp_in.c - segment arrival in the synchronised states (RFC 9293 section 3.10.7.4) */

#include "tcp_state.h"

/* Tell the user, unless it closed. */
static void tell(const struct tcp_connection *c, struct tcp_up *up, uint8_t events)
{
	if (!(c->flags & TCP_ORPHAN))
		up->events |= events;
}

/*
 * "There are four cases for the acceptability test for an incoming segment". The window is always
 * the configured one, also while we offer none: what lies in it was promised before, and its ACKs
 * and RSTs must be seen (RFC 9293: "special allowance should be made"). So must the ACKs of a peer
 * that has filled the window: without text, its right edge is part of it.
 */
static bool acceptable(
	const struct tcp *tcp, const struct tcp_connection *c, const struct tcp_segment *segment)
{
	uint32_t window = tcp_receive_window(tcp, c->shift);
	uint32_t length = segment->length + !!(segment->flags & TCP_FIN);
	uint32_t first = segment->seq - c->rcv_nxt;

	return first < window + !length || (length > 0 && first + length - 1 < window);
}

/* Second, check the RST bit, with the rules of RFC 5961 section 3.2. */
static void reset_in(struct tcp *tcp, struct tcp_connection *c, const struct tcp_segment *segment,
	struct tcp_up *up)
{
	uint32_t offset = segment->seq - c->rcv_nxt;

	if (offset == 0) {
		tcp_tell_closed(tcp, c, up, TCP_REASON_RESET);
		tcp_count(tcp, TCP_RESET_IN);
		tcp_connection_free(tcp, c);
		return;
	}
	tcp_count(tcp, TCP_DROP_OUT_OF_WINDOW);
	if (offset < tcp_receive_window(tcp, c->shift))
		tcp_challenge(tcp, c);
}

/* "If an incoming segment is not acceptable, an acknowledgment should be sent in reply" */
static void unacceptable_in(struct tcp *tcp, struct tcp_connection *c,
	const struct tcp_segment *segment, enum tcp_counter why)
{
	tcp_count(tcp, why);
	if (c->flags & TCP_SACK && segment->length > 0 && seq_lt(segment->seq, c->rcv_nxt))
		tcp_duplicate_note(tcp, c, segment->seq, segment->seq + segment->length);
	/* Data or FIN again: our ACK was lost; RCV.NXT - 1: a keep-alive or window probe. They are
	 * always answered. Anything else could be one half of an ACK loop: it is rationed. */
	if (segment->length > 0 || segment->flags & TCP_FIN || segment->seq == c->rcv_nxt - 1)
		tcp_owe_ack(tcp, c);
	else
		tcp_challenge(tcp, c);
}

void tcp_deliver(struct tcp *tcp, struct tcp_connection *c, const uint8_t *data, uint32_t length,
	bool fin, struct tcp_up *up)
{
	up->data = data;
	up->length = length;
	tell(c, up, (uint8_t)(TCP_UP_DATA | (fin ? TCP_UP_FINISHED : 0)));
	tcp->delivery.id = tcp_id_of(tcp, c);
	tcp->delivery.length = length;
	tcp->delivery.fin = fin;
	tcp->delivery.up = up;
}

/* Is there room again since bytes were refused? */
static bool reopened(struct tcp *tcp, struct tcp_connection *c)
{
	if (!chunk_available(tcp->config.chunks, 1))
		return false;
	c->flags &= (uint16_t)~TCP_WINDOW_CLOSED;
	return true;
}

/* Bytes ahead of the next: each such segment is answered at once (RFC 5681 4.2). */
static void ahead_in(struct tcp *tcp, struct tcp_connection *c, uint32_t seq, const uint8_t *data,
	uint32_t length, bool fin)
{
	bool kept = !(c->flags & TCP_WINDOW_CLOSED) &&
		    tcp_reassembly_in(tcp, c, seq, data, length, fin);

	tcp_count(tcp, kept ? TCP_OUT_OF_ORDER : TCP_DROP_OUT_OF_ORDER);
	tcp_owe_duplicate(tcp, c);
}

/* The bytes that are next, where some that follow may be here already. */
static uint32_t beside_kept(
	struct tcp *tcp, struct tcp_connection *c, const uint8_t *data, uint32_t length, bool *fin)
{
	bool follows = *fin;
	uint32_t gap = tcp_reassembly_gap(tcp, c, length, fin);

	/* What lies beyond them may fill gaps behind; what came first stays. */
	if (gap < length || (follows && !*fin))
		(void)tcp_reassembly_in(
			tcp, c, c->rcv_nxt + gap, data + gap, length - gap, follows);
	return gap;
}

/* Seventh, process the segment text. */
static void text_in(struct tcp *tcp, struct tcp_connection *c, const struct tcp_segment *segment,
	struct tcp_up *up)
{
	const uint8_t *data = segment->payload;
	uint32_t seq = segment->seq;
	uint32_t length = segment->length;
	uint32_t window = c->side ? tcp_window_open(tcp, c) : tcp_receive_window(tcp, c->shift);
	bool fin = segment->flags & TCP_FIN;

	/* What we already have is cut off in front ... */
	if (seq_lt(seq, c->rcv_nxt)) {
		uint32_t old = c->rcv_nxt - seq;

		old = old < length ? old : length;
		if (old > 0 && c->flags & TCP_SACK)
			tcp_duplicate_note(tcp, c, seq, seq + old);
		data += old;
		length -= old;
		seq += old;
	}
	/* ... and what is beyond the window behind. */
	if (seq - c->rcv_nxt + length > window) {
		uint32_t ahead = seq - c->rcv_nxt;

		length = ahead < window ? window - ahead : 0;
		fin = false;
		if (length == 0) {
			tcp_count(tcp, TCP_DROP_HELD);
			tcp_owe_ack(tcp, c);
			return;
		}
	}
	if (length == 0 && !fin)
		return;
	if (c->state == TCP_CLOSE_WAIT || c->state == TCP_CLOSING || c->state == TCP_LAST_ACK) {
		/* "This should not occur since a FIN has been received from the remote side." */
		tcp_count(tcp, TCP_DROP_FLAGS);
		return;
	}
	if (c->flags & TCP_ORPHAN && length > 0) {
		/* RFC 1122 4.2.2.13: the peer has to know that it is lost. */
		tcp_count(tcp, TCP_DROP_AFTER_CLOSE);
		tcp_connection_reset(tcp, c);
		return;
	}
	if (seq != c->rcv_nxt) {
		ahead_in(tcp, c, seq, data, length, fin);
		return;
	}
	if (length > 0) {
		if (c->flags & TCP_WINDOW_CLOSED && !reopened(tcp, c)) {
			tcp_count(tcp, TCP_DROP_NO_CHUNK);
			tcp_owe_ack(tcp, c);
			return;
		}
		if (c->side)
			length = beside_kept(tcp, c, data, length, &fin);
		tcp_deliver(tcp, c, data, length, fin, up);
		return;
	}
	tell(c, up, TCP_UP_FINISHED);
	tcp_fin_in(tcp, c);
}

void tcp_fin_in(struct tcp *tcp, struct tcp_connection *c)
{
	/* Nothing can follow it. */
	tcp_reassembly_forget(tcp, c);
	tcp_side_return(tcp, c);
	c->rcv_nxt++;
	switch (c->state) {
	case TCP_ESTABLISHED:
		c->state = TCP_CLOSE_WAIT;
		break;
	case TCP_FIN_WAIT_1:
		c->state = TCP_CLOSING;
		break;
	default:
		/* FIN-WAIT-2: the record that could owe an ACK is gone, so it leaves now. */
		tcp_time_wait_ack(tcp, tcp_connection_time_wait(tcp, c));
		return;
	}
	tcp_owe_ack(tcp, c);
}

/* Timestamps were agreed on. Return: false if the segment is done with. */
static bool timestamps_in(struct tcp *tcp, struct tcp_connection *c,
	const struct tcp_segment *segment, const struct tcp_options *options)
{
	switch (tcp_paws(options, c->ts_recent, tcp_silent(tcp, c))) {
	case TCP_PAWS_ABSENT:
		/* "a TCP SHOULD silently drop the segment" */
		tcp_count(tcp, TCP_DROP_NO_TIMESTAMPS);
		return false;
	case TCP_PAWS_OLD:
		unacceptable_in(tcp, c, segment, TCP_DROP_PAWS);
		return false;
	case TCP_PAWS_GOOD:
		break;
	}
	return true;
}

/* A segment without RST and SYN. Return: false if it is dropped. */
static bool segment_in(struct tcp *tcp, struct tcp_connection *c, const struct tcp_segment *segment,
	struct tcp_up *up)
{
	struct tcp_options options;
	const struct tcp_options *seen = NULL;
	bool newest;

	/* First, check the sequence number. */
	if (!acceptable(tcp, c, segment)) {
		unacceptable_in(tcp, c, segment, TCP_DROP_OUT_OF_WINDOW);
		return false;
	}
	if (c->flags & (TCP_TIMESTAMPS | TCP_SACK)) {
		tcp_options_read(segment->options, segment->options_length, &options);
		seen = &options;
		if (c->flags & TCP_TIMESTAMPS && !timestamps_in(tcp, c, segment, seen))
			return false;
	}
	if (!(segment->flags & TCP_ACK)) {
		tcp_count(tcp, TCP_DROP_FLAGS);
		return false;
	}
	/* RFC 7323 4.3 (2): only of a segment that reaches Last.ACK.sent: that is RCV.NXT, or,
	 * while an ACK is owed, a number before it that the first segment of the turn reached. */
	newest = c->flags & TCP_TIMESTAMPS && seq_leq(segment->seq, c->rcv_nxt) &&
		 !(c->flags & TCP_ACK_OWED);
	if (!tcp_ack_in(tcp, c, segment, seen))
		return false;
	/* Not before: a stranger who guesses RCV.NXT does not know what we have sent. */
	if (newest)
		c->ts_recent = options.value;
	/* Sixth, the URG bit: ignored, urgent bytes are bytes like others (RFC 6093). */
	text_in(tcp, c, segment, up);
	return true;
}

static void connection_in(struct tcp *tcp, struct tcp_connection *c,
	const struct tcp_segment *segment, struct tcp_up *up)
{
	up->id = tcp_id_of(tcp, c);
	if (segment->flags & TCP_RST) {
		reset_in(tcp, c, segment, up);
		return;
	}
	/* Fourth, check the SYN bit (RFC 5961 section 4: whatever its number). */
	if (segment->flags & TCP_SYN) {
		tcp_count(tcp, TCP_DROP_FLAGS);
		tcp_challenge(tcp, c);
		return;
	}
	if (!segment_in(tcp, c, segment, up))
		tcp_reset_charge(tcp, segment);
}

void tcp_input(struct tcp *tcp, const struct tcp_segment *segment, const struct tcp_place *place,
	uint64_t now, struct tcp_up *up)
{
	struct tcp_connection *c = NULL;
	struct tcp_segment text;
	const uint64_t hash = place->hash;
	flow_ref ref = place->ref;
	uint32_t index = flow_ref_index(ref);

	tcp_clock(tcp, now);
	tcp->delivery.id = 0;
	memset(up, 0, sizeof(*up));
	if (flow_ref_kind(ref) == FLOW_CONNECTION &&
		tcp_is_of(&tcp->connections[index], &segment->tuple)) {
		c = &tcp->connections[index];
		if (tcp_usual_in(tcp, c, segment, up))
			return;
		c = NULL;
	} else {
		ref = tcp_lookup(tcp, &segment->tuple, hash);
		index = flow_ref_index(ref);
	}
	switch (flow_ref_kind(ref)) {
	case FLOW_NONE:
		c = tcp_closed_in(tcp, segment, hash);
		if (c)
			up->events = TCP_UP_OPENED;
		break;
	case FLOW_TIME_WAIT:
		tcp_time_wait_in(tcp, &tcp->time_wait[index], segment, hash);
		break;
	case FLOW_EMBRYONIC:
		c = tcp_embryonic_in(tcp, &tcp->embryonic[index], segment);
		if (c)
			up->events = TCP_UP_OPENED;
		break;
	case FLOW_CONNECTION:
		c = &tcp->connections[index];
		if (c->state >= TCP_ESTABLISHED)
			break;
		up->id = tcp_id_of(tcp, c);
		if (!tcp_connect_in(tcp, c, segment, up)) {
			c = NULL;
		} else if (segment->flags & TCP_SYN) {
			/* Text that came with the SYN follows it. */
			text = *segment;
			text.seq++;
			text.flags &= (uint8_t)~TCP_SYN;
			segment = &text;
		}
		break;
	}
	if (c)
		connection_in(tcp, c, segment, up);
	if (!up->events)
		up->id = 0;
}

void tcp_accept(struct tcp *tcp, tcp_id id, bool taken)
{
	struct tcp_connection *c = tcp_find(tcp, id);
	struct tcp_up *up = tcp->delivery.up;

	if (!c || tcp->delivery.id != id)
		return;
	tcp->delivery.id = 0;
	if (!taken) {
		tcp_count(tcp, TCP_DROP_NO_CHUNK);
		c->flags |= TCP_WINDOW_CLOSED;
		tcp_sweep_within(tcp, c, 0);
		up->events &= (uint8_t)~TCP_UP_FINISHED;
		/* What is kept holds chunks: it comes again, too. */
		tcp_reassembly_forget(tcp, c);
		tcp_side_return(tcp, c);
		tcp_owe_ack(tcp, c);
		return;
	}
	/* The user may have closed while it looked at the bytes. */
	if (c->flags & TCP_ORPHAN)
		up->events &= (uint8_t)~TCP_UP_FINISHED;
	c->rcv_nxt += tcp->delivery.length;
	tcp_owe_ack(tcp, c);
	if (tcp->delivery.fin)
		tcp_fin_in(tcp, c);
}
