/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* tcp_record.c - connections, handshakes, TIME-WAITs: taken from their slabs and given back */

#include "tcp_state.h"

static uint32_t *slab_link(struct tcp_slab *slab, uint32_t index)
{
	return (uint32_t *)(slab->links + (size_t)index * slab->stride);
}

/* Index + 1 of a free record, 0 if there is none. */
static uint32_t slab_get(struct tcp_slab *slab)
{
	uint32_t number = slab->free_head;

	if (slab->fresh < slab->limit && slab->free_count <= slab->hold) {
		number = ++slab->fresh;
	} else if (number) {
		slab->free_head = *slab_link(slab, number - 1);
		if (!slab->free_head)
			slab->free_tail = 0;
		slab->free_count--;
	} else {
		return 0;
	}
	slab->used++;
	return number;
}

static void slab_put(struct tcp_slab *slab, uint32_t index)
{
	*slab_link(slab, index) = 0;
	if (slab->free_tail)
		*slab_link(slab, slab->free_tail - 1) = index + 1;
	else
		slab->free_head = index + 1;
	slab->free_tail = index + 1;
	slab->free_count++;
	slab->used--;
}

/* The zeroed record of a number from the slab; its ids go on counting. */
static struct tcp_connection *connection_clear(struct tcp *tcp, uint32_t number)
{
	struct tcp_connection *c = &tcp->connections[number - 1];
	uint8_t generation = c->generation ? c->generation : 1;

	memset(c, 0, sizeof(*c));
	c->generation = generation;
	return c;
}

/* What a handshake that has come through leaves to its connection. */
static void connection_fill(struct tcp *tcp, struct tcp_connection *c,
	const struct tcp_embryonic *e, const struct tcp_segment *segment)
{
	c->rcv_nxt = e->irs + 1;
	c->snd_una = c->snd_nxt = c->snd_end = c->snd_ptr = e->iss + 1;
	c->snd_wl1 = segment->seq;
	c->snd_wnd = segment->window;
	c->mss = e->mss;
	c->link = segment->link;
	c->tick = tcp_running_ms(tcp);
	c->shift = e->shift;
	c->ts_recent = e->ts_recent;
	c->flags |= (e->timestamps ? TCP_TIMESTAMPS : 0) | (e->sack ? TCP_SACK : 0);
	tcp_sweep_anew(tcp, c);
}

struct tcp_connection *tcp_connection_open(
	struct tcp *tcp, struct tcp_embryonic *e, const struct tcp_segment *segment)
{
	uint32_t number = slab_get(&tcp->connection_slab);
	flow_ref was = tcp_embryonic_ref(tcp, e);
	struct tcp_connection *c;

	if (!number)
		return NULL;
	c = connection_clear(tcp, number);
	c->flow = e->flow;
	if (e->ipv6) {
		c->flags |= TCP_IPV6;
		*tcp_addresses_at(tcp, tcp_ref_of(tcp, c)) = *tcp_addresses_at(tcp, was);
	}
	connection_fill(tcp, c, e, segment);
	tcp_connection_established(
		tcp, c, e->retries > 0, (uint16_t)((uint16_t)tcp_ms(tcp->now) - e->sent));
	flow_replace(&tcp->flows, tcp_hash_at(tcp, was), was, tcp_ref_of(tcp, c));
	tcp_embryonic_free(tcp, e, false);
	return c;
}

struct tcp_connection *tcp_connection_new(
	struct tcp *tcp, const struct tcp_tuple *tuple, uint64_t hash)
{
	uint32_t number;
	struct tcp_connection *c;

	if (!ip_is_v4(&tuple->remote) && !tcp->config.ipv6) {
		tcp_count(tcp, TCP_DROP_FAMILY);
		return NULL;
	}
	number = slab_get(&tcp->connection_slab);
	if (!number) {
		tcp_count(tcp, TCP_FULL_CONNECTIONS);
		return NULL;
	}
	if (!flow_insert(&tcp->flows, hash, flow_ref_of(FLOW_CONNECTION, number - 1))) {
		slab_put(&tcp->connection_slab, number - 1);
		tcp_count(tcp, TCP_FULL_FLOWS);
		return NULL;
	}
	c = connection_clear(tcp, number);
	c->state = TCP_SYN_SENT;
	if (tcp_flow_of(tcp, tuple, &c->flow)) {
		c->flags |= TCP_IPV6;
		*tcp_addresses_at(tcp, tcp_ref_of(tcp, c)) =
			(struct tcp_addresses){tuple->remote, tuple->local};
	}
	return c;
}

struct tcp_connection *tcp_connection_open_flow(struct tcp *tcp, const struct tcp_embryonic *e,
	const struct tcp_segment *segment, uint64_t hash)
{
	struct tcp_connection *c = tcp_connection_new(tcp, &segment->tuple, hash);

	if (!c)
		return NULL;
	connection_fill(tcp, c, e, segment);
	tcp_connection_established(tcp, c, false, UINT32_MAX);
	return c;
}

void tcp_connection_established(struct tcp *tcp, struct tcp_connection *c, bool again, uint32_t ms)
{
	c->state = TCP_ESTABLISHED;
	c->max_window = c->snd_wnd;
	/* RFC 6691: the option of every segment comes out of its payload. */
	if (c->flags & TCP_TIMESTAMPS) {
		c->mss -= TCP_TIMESTAMPS_BYTES;
		c->ts_start = tcp_timestamp(tcp, &c->flow) - tcp_ms(tcp->now);
	}
	if (!again && ms != UINT32_MAX)
		tcp_rtt_sample(c, ms);
	tcp_congestion_open(c, again);
	tcp->live++;
	tcp_count(tcp, TCP_OPENED);
}

struct tcp_side *tcp_side_borrow(struct tcp *tcp, struct tcp_connection *c)
{
	uint32_t number;

	if (c->side)
		return tcp_side_of(tcp, c);
	number = slab_get(&tcp->side_slab);
	if (!number) {
		tcp_count(tcp, TCP_FULL_SIDES);
		return NULL;
	}
	c->side = (uint16_t)number;
	return memset(tcp_side_of(tcp, c), 0, sizeof(struct tcp_side));
}

void tcp_side_return(struct tcp *tcp, struct tcp_connection *c)
{
	const struct tcp_side *side = tcp_side_of(tcp, c);

	if (!side || side->in.count > 0 || side->in.has_fin || side->in.held > 0 ||
		side->in.duplicate.start != side->in.duplicate.end || side->out.active)
		return;
	slab_put(&tcp->side_slab, c->side - 1u);
	c->side = 0;
}

/* Everything but the flow slot. */
static void connection_free(struct tcp *tcp, struct tcp_connection *c)
{
	tcp_queue_free(tcp, c);
	tcp_reassembly_forget(tcp, c);
	if (c->side)
		slab_put(&tcp->side_slab, c->side - 1u);
	c->side = 0;
	timer_unlink(&tcp->wheel, tcp_ref_of(tcp, c));
	if (c->state >= TCP_ESTABLISHED) {
		tcp->live--;
		tcp_count(tcp, TCP_CLOSED);
	}
	c->state = TCP_CLOSED_STATE;
	c->generation = c->generation == UINT8_MAX ? 1 : c->generation + 1;
	/* Still on the pending list: tcp_output() frees it when it comes by. */
	if (!(c->flags & TCP_PENDING))
		slab_put(&tcp->connection_slab, tcp_index(tcp, c));
}

void tcp_connection_free(struct tcp *tcp, struct tcp_connection *c)
{
	flow_remove(&tcp->flows, tcp_hash_at(tcp, tcp_ref_of(tcp, c)), tcp_ref_of(tcp, c));
	connection_free(tcp, c);
}

void tcp_connection_unpend(struct tcp *tcp, struct tcp_connection *c)
{
	c->flags &= (uint16_t)~TCP_PENDING;
	if (c->state == TCP_CLOSED_STATE)
		slab_put(&tcp->connection_slab, tcp_index(tcp, c));
}

void tcp_connection_reset(struct tcp *tcp, struct tcp_connection *c)
{
	struct tcp_reply *reply = NULL;

	/* In SYN-SENT there is nobody yet whom it could concern. */
	if (c->state != TCP_SYN_SENT)
		reply = tcp_reply_of(tcp, tcp_ref_of(tcp, c), c->link, TCP_RST | TCP_ACK,
			c->snd_nxt, c->rcv_nxt);
	if (reply) {
		tcp_count(tcp, TCP_RESET_OUT);
		/* RFC 7323 3.2: "the TSopt SHOULD be sent in an <RST> segment" */
		if (c->flags & TCP_TIMESTAMPS)
			reply->options_length = tcp_timestamps_write(
				reply->options, tcp_timestamp(tcp, &c->flow), c->ts_recent);
	}
	tcp_connection_free(tcp, c);
}

struct tcp_embryonic *tcp_embryonic_new(
	struct tcp *tcp, const struct tcp_tuple *tuple, uint64_t hash, flow_ref was)
{
	uint32_t number;
	struct tcp_embryonic *e;
	flow_ref ref;

	if (!ip_is_v4(&tuple->remote) && !tcp->config.ipv6) {
		tcp_count(tcp, TCP_DROP_FAMILY);
		return NULL;
	}
	number = slab_get(&tcp->embryonic_slab);
	if (!number) {
		tcp_count(tcp, TCP_FULL_EMBRYONIC);
		return NULL;
	}
	ref = flow_ref_of(FLOW_EMBRYONIC, number - 1);
	if (was) {
		flow_replace(&tcp->flows, hash, was, ref);
	} else if (!flow_insert(&tcp->flows, hash, ref)) {
		slab_put(&tcp->embryonic_slab, number - 1);
		tcp_count(tcp, TCP_FULL_FLOWS);
		return NULL;
	}
	e = &tcp->embryonic[number - 1];
	memset(e, 0, sizeof(*e));
	e->ipv6 = tcp_flow_of(tcp, tuple, &e->flow);
	if (e->ipv6)
		*tcp_addresses_at(tcp, ref) = (struct tcp_addresses){tuple->remote, tuple->local};
	return e;
}

void tcp_embryonic_free(struct tcp *tcp, struct tcp_embryonic *e, bool flow)
{
	flow_ref ref = tcp_embryonic_ref(tcp, e);

	if (flow)
		flow_remove(&tcp->flows, tcp_hash_at(tcp, ref), ref);
	timer_unlink(&tcp->wheel, ref);
	slab_put(&tcp->embryonic_slab, flow_ref_index(ref));
}

static void time_wait_append(struct tcp *tcp, struct tcp_time_wait *w)
{
	uint32_t number = (uint32_t)(w - tcp->time_wait) + 1;

	w->expires = wheel_tick(tcp->now + TCP_TIME_WAIT_TIME) + 1;
	w->next = 0;
	w->prev = tcp->time_wait_tail;
	if (w->prev)
		tcp->time_wait[w->prev - 1].next = number;
	else
		tcp->time_wait_head = number;
	tcp->time_wait_tail = number;
}

static void time_wait_unlink(struct tcp *tcp, struct tcp_time_wait *w)
{
	if (w->prev)
		tcp->time_wait[w->prev - 1].next = w->next;
	else
		tcp->time_wait_head = w->next;
	if (w->next)
		tcp->time_wait[w->next - 1].prev = w->prev;
	else
		tcp->time_wait_tail = w->prev;
}

void tcp_time_wait_restart(struct tcp *tcp, struct tcp_time_wait *w)
{
	time_wait_unlink(tcp, w);
	time_wait_append(tcp, w);
}

void tcp_time_wait_free(struct tcp *tcp, struct tcp_time_wait *w, bool flow)
{
	uint32_t index = (uint32_t)(w - tcp->time_wait);
	flow_ref ref = flow_ref_of(FLOW_TIME_WAIT, index);

	if (flow)
		flow_remove(&tcp->flows, tcp_hash_at(tcp, ref), ref);
	time_wait_unlink(tcp, w);
	slab_put(&tcp->time_wait_slab, index);
}

struct tcp_time_wait *tcp_connection_time_wait(struct tcp *tcp, struct tcp_connection *c)
{
	struct tcp_time_wait *w;
	uint32_t number = slab_get(&tcp->time_wait_slab);
	flow_ref ref;

	if (!number) {
		tcp_count(tcp, TCP_TIME_WAIT_SHORT);
		tcp_time_wait_free(tcp, &tcp->time_wait[tcp->time_wait_head - 1], true);
		number = slab_get(&tcp->time_wait_slab);
	}
	ref = flow_ref_of(FLOW_TIME_WAIT, number - 1);
	w = &tcp->time_wait[number - 1];
	memset(w, 0, sizeof(*w));
	w->flow = c->flow;
	if (c->flags & TCP_IPV6) {
		w->ipv6 = true;
		*tcp_addresses_at(tcp, ref) = *tcp_addresses_at(tcp, tcp_ref_of(tcp, c));
	}
	w->snd_nxt = c->snd_nxt;
	w->rcv_nxt = c->rcv_nxt;
	w->link = c->link;
	w->shift = c->shift;
	w->timestamps = c->flags & TCP_TIMESTAMPS;
	w->ts_recent = c->ts_recent;
	time_wait_append(tcp, w);
	flow_replace(&tcp->flows, tcp_hash_at(tcp, tcp_ref_of(tcp, c)), tcp_ref_of(tcp, c), ref);
	connection_free(tcp, c);
	return w;
}
