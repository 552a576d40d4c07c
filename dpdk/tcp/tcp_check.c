/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* tcp_check.c - what must hold of all records between two calls (RFC 9293 3.3.1, 3.4, 3.8) */

#include "tcp_state.h"

/*
 * For simulators and fuzzers. Each function looks at one kind of thing and says what is wrong in
 * words, or NULL. Nothing here is read by the data path, and nothing is changed.
 */
#define HOLD(condition, otherwise)                                                                 \
	do {                                                                                       \
		if (!(condition))                                                                  \
			return otherwise;                                                          \
	} while (0)

/* Messages of a queue: in order, without gap, from SND.UNA to the end of what was queued. */
static const char *check_queue(const struct tcp *tcp, const struct tcp_connection *c)
{
	bool reserved = c->flags & TCP_RESERVED, cursor = false;
	chunk_id id = c->head, last = 0;
	uint32_t seq = 0;

	HOLD(c->tail || !c->cursor, "cursor without a queue");
	while (c->tail && id) {
		const struct tcp_message *message = tcp_message_at(tcp, id);

		HOLD(message->length > 0, "empty message in a queue");
		HOLD(message->length <= message->room, "message longer than its room");
		HOLD(message->room + sizeof(*message) <= chunk_room(tcp->config.chunks, id),
			"message longer than its chunk");
		if (!last)
			HOLD(seq_leq(message->seq, c->snd_una) &&
					seq_lt(c->snd_una, message->seq + message->length),
				"SND.UNA is not in the first message");
		else
			HOLD(message->seq == seq, "gap or overlap between messages");
		seq = message->seq + message->length;
		if (id == c->cursor) {
			cursor = true;
			HOLD(seq_leq(message->seq, c->snd_ptr) && seq_lt(c->snd_ptr, seq),
				"cursor is not at the message that is next to send");
		}
		last = id;
		id = id == c->tail ? 0 : message->next;
	}
	HOLD(last == c->tail, "tail is not the end of the queue");
	if (c->tail)
		HOLD(seq == c->snd_end, "the queue does not end where SND.END says");
	else
		HOLD(seq_leq(c->snd_end, c->snd_una), "unacknowledged bytes without a queue");
	HOLD(!c->cursor || cursor, "cursor outside of the queue");
	HOLD(c->cursor || !seq_lt(c->snd_ptr, c->snd_end), "unsent bytes without a cursor");
	id = c->tail ? tcp_message_at(tcp, c->tail)->next : c->head;
	HOLD(reserved == !!id, "reservation and flag disagree");
	return NULL;
}

static const char *check_numbers(const struct tcp_connection *c)
{
	HOLD(seq_leq(c->snd_una, c->snd_ptr), "SND.UNA > next to send");
	HOLD(seq_leq(c->snd_una, c->snd_nxt), "SND.UNA > SND.NXT");
	HOLD(seq_leq(c->snd_ptr, c->snd_nxt), "next to send > SND.NXT");
	HOLD(seq_leq(c->snd_nxt, c->snd_end + 1), "SND.NXT beyond all that there is");
	HOLD(seq_leq(c->snd_nxt, c->snd_end) || tcp_closing(c),
		"a FIN was sent in a state without");
	HOLD(c->mss > 0, "no segment size");
	HOLD(c->cwnd >= c->mss, "congestion window below one segment");
	return NULL;
}

/* In the slot that its record names, at the place there that it says. */
static const char *check_node(const struct tcp *tcp, flow_ref ref)
{
	const struct timer_wheel *wheel = &tcp->wheel;
	const struct timer_node *node = wheel_node(wheel, ref);
	const struct wheel_slot *slot = &wheel->slots[node->place & (WHEEL_SLOTS - 1)];

	HOLD(node->place & TIMER_FILED || !timer_armed(node), "armed timer that is not filed");
	if (!(node->place & TIMER_FILED))
		return NULL;
	HOLD(node->at >> 4 && node->at >> 4 <= wheel->fresh, "filed timer in no block");
	HOLD((node->at & 15) < WHEEL_BLOCK, "filed timer behind its block");
	HOLD(wheel->blocks[(node->at >> 4) - 1].refs[node->at & 15] == ref,
		"filed timer is not where it says");
	for (uint32_t block = slot->block; block; block = wheel->blocks[block - 1].next) {
		if (block != node->at >> 4)
			continue;
		HOLD((node->at & 15) < (block == slot->block ? slot->count : WHEEL_BLOCK),
			"filed timer behind the end of its slot");
		return NULL;
	}
	return "filed timer is not in its slot";
}

/* Nothing may wait for a timer that nobody has set: such a connection would hang for ever. */
static const char *check_timer(const struct tcp *tcp, const struct tcp_connection *c)
{
	if (c->flags & (TCP_PENDING | TCP_RESERVED) || timer_armed(&c->timer))
		return NULL;
	HOLD(c->snd_una == c->snd_nxt, "data or FIN in flight without a timer");
	HOLD(!c->cursor, "data to send without a timer");
	HOLD(!tcp_closing(c) || tcp_fin_sent(c), "FIN to send without a timer");
	HOLD(c->state != TCP_FIN_WAIT_2 || !(c->flags & TCP_ORPHAN), "FIN-WAIT-2 without a timer");
	HOLD(c->state >= TCP_ESTABLISHED, "a handshake of ours without a timer");
	return NULL;
}

/* The pieces hold the intervals' bytes, each once and in order, and nothing else. */
static const char *check_pieces(const struct tcp *tcp, const struct tcp_reassembly *in)
{
	unsigned count = 0, i = 0, named = 0;
	bool hint = in->hint == 0;
	uint32_t at = in->count ? in->arrived[0].start : 0;

	for (chunk_id id = in->pieces; id; id = tcp_message_at(tcp, id)->next) {
		const struct tcp_message *piece = tcp_message_at(tcp, id);

		HOLD(i < in->count, "piece of no interval");
		HOLD(piece->seq == at, "pieces and intervals disagree");
		HOLD(piece->length > 0 && piece->length <= piece->room, "piece of no good length");
		HOLD(piece->room + sizeof(*piece) <= chunk_room(tcp->config.chunks, id),
			"piece longer than its chunk");
		at += piece->length;
		if (at == in->arrived[i].end && ++i < in->count)
			at = in->arrived[i].start;
		hint |= id == in->hint;
		count++;
	}
	HOLD(i == in->count, "interval without its bytes");
	HOLD(count == in->piece_count, "pieces are miscounted");
	HOLD(hint, "hint at a piece that is gone");
	for (unsigned place = 0; place < in->count; place++)
		named |= 1u << (in->order >> 2 * place & 3);
	HOLD(named == (1u << in->count) - 1, "SACK order names no interval, or one twice");
	return NULL;
}

static const char *check_side(const struct tcp *tcp, const struct tcp_connection *c)
{
	const struct tcp_side *side = tcp_side_of(tcp, c);
	uint32_t at = c->rcv_nxt;

	if (!side)
		return NULL;
	HOLD(c->side <= tcp->side_slab.fresh, "side record that was never given out");
	HOLD(side->in.count <= TCP_ARRIVED, "too many intervals");
	for (unsigned i = 0; i < side->in.count; i++) {
		const struct tcp_range *range = &side->in.arrived[i];

		HOLD(seq_lt(at, range->start), "interval not ahead of the one before it");
		HOLD(seq_lt(range->start, range->end), "empty interval");
		HOLD(range->end - c->rcv_nxt <= tcp->config.receive_window,
			"interval beyond the window");
		at = range->end;
	}
	if (check_pieces(tcp, &side->in))
		return check_pieces(tcp, &side->in);
	HOLD(side->out.count <= TCP_SACKED, "too many SACKed ranges");
	at = c->snd_una;
	for (unsigned i = 0; i < side->out.count; i++) {
		const struct tcp_range *range = &side->out.sacked[i];

		HOLD(seq_lt(at, range->start), "SACKed range not ahead of the one before it");
		HOLD(seq_lt(range->start, range->end), "empty SACKed range");
		HOLD(seq_leq(range->end, c->snd_nxt), "SACKed range beyond SND.NXT");
		at = range->end;
	}
	return NULL;
}

static const char *check_flow(const struct tcp *tcp, flow_ref ref)
{
	struct tcp_tuple tuple;

	tcp_tuple_at(tcp, ref, &tuple);
	HOLD(tcp_lookup(tcp, &tuple, tcp_hash(tcp, &tuple)) == ref,
		"a record that its flow does not lead to");
	return NULL;
}

/* The sweep comes in time, whenever what it comes for began. */
static const char *check_sweep(const struct tcp *tcp, const struct tcp_connection *c)
{
	const uint32_t due = tcp->due[tcp_index(tcp, c) / TCP_SWEEP_GROUP];
	const uint32_t at = tcp_ms(tcp->now) + tcp_sweep_left(tcp, c);

	HOLD(!due || (int32_t)(due - at) <= 0, "the sweep will come too late");
	return NULL;
}

static const char *check_connection(const struct tcp *tcp, const struct tcp_connection *c)
{
	const char *wrong = check_numbers(c);

	if (!wrong)
		wrong = check_queue(tcp, c);
	if (!wrong)
		wrong = check_timer(tcp, c);
	if (!wrong)
		wrong = check_side(tcp, c);
	if (!wrong)
		wrong = check_sweep(tcp, c);
	if (!wrong)
		wrong = check_node(tcp, tcp_ref_of(tcp, c));
	return wrong ? wrong : check_flow(tcp, tcp_ref_of(tcp, c));
}

static const char *check_connections(const struct tcp *tcp)
{
	uint32_t live = 0, pending = 0, sides = 0;

	for (uint32_t i = 0; i < tcp->connection_slab.fresh; i++) {
		const struct tcp_connection *c = &tcp->connections[i];
		const char *wrong;

		pending += !!(c->flags & TCP_PENDING);
		if (c->state == TCP_CLOSED_STATE)
			continue;
		live += c->state >= TCP_ESTABLISHED;
		sides += c->side != 0;
		wrong = check_connection(tcp, c);
		if (wrong)
			return wrong;
	}
	HOLD(live == tcp->live, "live connections are miscounted");
	HOLD(sides == tcp->side_slab.used, "side records leaked, or shared");
	HOLD(live <= tcp->connection_slab.used, "a live connection on the free list");
	for (uint32_t number = tcp->pending_head; number; pending--) {
		const struct tcp_connection *c = &tcp->connections[number - 1];

		HOLD(pending > 0, "pending list longer than the flags say");
		HOLD(c->flags & TCP_PENDING, "a connection on the pending list without its flag");
		HOLD(c->next || number == tcp->pending_tail, "tail is not the end of the list");
		number = c->next;
	}
	HOLD(pending == 0, "a pending connection that is not on the list");
	return NULL;
}

static const char *check_time_wait(const struct tcp *tcp)
{
	uint32_t count = 0, last = 0;

	for (uint32_t number = tcp->time_wait_head; number;) {
		const struct tcp_time_wait *w = &tcp->time_wait[number - 1];
		const char *wrong = check_flow(tcp, tcp_time_wait_ref(tcp, w));

		if (wrong)
			return wrong;
		HOLD(++count <= tcp->time_wait_slab.used, "a ring of TIME-WAIT records");
		HOLD(w->prev == last, "TIME-WAIT list is broken");
		HOLD(!last || seq_leq(tcp->time_wait[last - 1].expires, w->expires),
			"TIME-WAIT records out of order");
		last = number;
		number = w->next;
	}
	HOLD(last == tcp->time_wait_tail, "tail is not the end of TIME-WAIT");
	HOLD(count == tcp->time_wait_slab.used, "TIME-WAIT records leaked");
	return NULL;
}

static const char *check_slab(const struct tcp_slab *slab)
{
	uint32_t count = 0, last = 0;

	HOLD(slab->fresh <= slab->limit, "more records than there are");
	HOLD(slab->used + slab->free_count == slab->fresh, "records leaked");
	for (uint32_t number = slab->free_head; number;) {
		HOLD(number <= slab->fresh, "free list leads out of its array");
		HOLD(++count <= slab->free_count, "free list longer than its count");
		last = number;
		number = *(const uint32_t *)(slab->links + (size_t)(number - 1) * slab->stride);
	}
	HOLD(count == slab->free_count, "free list shorter than its count");
	HOLD(last == slab->free_tail, "tail is not the end of the free list");
	return NULL;
}

/* Each handshake is found by its flow, and each slot of the flow table is a record's. */
static const char *check_flows(const struct tcp *tcp)
{
	uint32_t found[4] = {0};
	uint32_t connections = 0;

	for (uint32_t i = 0; i <= tcp->flows.mask; i++)
		for (unsigned j = 0; j < FLOW_LINE_SLOTS; j++) {
			flow_ref ref = (flow_ref)tcp->flows.lines[i].slot[j] &
				       ((4u << FLOW_INDEX_BITS) - 1);
			const char *wrong = NULL;

			found[flow_ref_kind(ref)]++;
			if (flow_ref_kind(ref) == FLOW_EMBRYONIC) {
				HOLD(timer_armed(wheel_node(&tcp->wheel, ref)),
					"a handshake without a timer");
				wrong = check_flow(tcp, ref);
			}
			if (!wrong && flow_ref_kind(ref) == FLOW_EMBRYONIC)
				wrong = check_node(tcp, ref);
			if (wrong)
				return wrong;
		}
	for (uint32_t i = 0; i < tcp->connection_slab.fresh; i++)
		connections += tcp->connections[i].state != TCP_CLOSED_STATE;
	HOLD(found[FLOW_CONNECTION] == connections, "connections and their flows disagree");
	HOLD(found[FLOW_EMBRYONIC] == tcp->embryonic_slab.used,
		"handshakes and their flows disagree");
	HOLD(found[FLOW_TIME_WAIT] == tcp->time_wait_slab.used,
		"TIME-WAIT records and their flows disagree");
	HOLD(found[FLOW_CONNECTION] + found[FLOW_EMBRYONIC] + found[FLOW_TIME_WAIT] ==
			tcp->flows.used,
		"flows are miscounted");
	return NULL;
}

const char *tcp_check(const struct tcp *tcp)
{
	const char *wrong = check_connections(tcp);

	if (!wrong)
		wrong = check_time_wait(tcp);
	if (!wrong)
		wrong = check_flows(tcp);
	if (!wrong)
		wrong = check_slab(&tcp->connection_slab);
	if (!wrong)
		wrong = check_slab(&tcp->embryonic_slab);
	if (!wrong)
		wrong = check_slab(&tcp->time_wait_slab);
	if (!wrong)
		wrong = check_slab(&tcp->side_slab);
	HOLD(wrong || tcp->reply_count <= TCP_REPLIES, "more replies than there is room for");
	return wrong;
}
