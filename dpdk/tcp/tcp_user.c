/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* tcp_user.c - what the user asks of a connection (RFC 9293 section 3.10) */

#include "tcp_state.h"

/* The connection an id names to the user: none after tcp_close(). */
static struct tcp_connection *tcp_find_open(struct tcp *tcp, tcp_id id)
{
	struct tcp_connection *c = tcp_find(tcp, id);

	return c && !(c->flags & TCP_ORPHAN) ? c : NULL;
}

/* "Queue this until all preceding SENDs have been segmentized, then form a FIN segment and send it.
 * In any case, enter FIN-WAIT-1 state." */
static void close_half(struct tcp *tcp, struct tcp_connection *c)
{
	c->state = c->state == TCP_CLOSE_WAIT ? TCP_LAST_ACK : TCP_FIN_WAIT_1;
	if (c->snd_una == c->snd_end)
		tcp_progress(tcp, c);
	if (!timer_armed(&c->timer))
		tcp_timer_start(tcp, c);
	tcp_pend(tcp, c);
}

void tcp_shutdown(struct tcp *tcp, tcp_id id)
{
	struct tcp_connection *c = tcp_find_open(tcp, id);

	if (c && (c->state == TCP_ESTABLISHED || c->state == TCP_CLOSE_WAIT))
		close_half(tcp, c);
}

void tcp_close(struct tcp *tcp, tcp_id id)
{
	struct tcp_connection *c = tcp_find_open(tcp, id);

	if (!c)
		return;
	if (c->state == TCP_SYN_SENT) {
		tcp_connection_free(tcp, c);
		return;
	}
	c->flags |= TCP_ORPHAN;
	tcp_keepalive_end(c);
	tcp_reassembly_forget(tcp, c);
	tcp_side_return(tcp, c);
	/* A peer that takes a byte now and then could keep it for ever. */
	c->deadline = tcp_ms(tcp->now + TCP_ORPHAN_TIME) | 1;
	tcp_sweep_anew(tcp, c);
	/* "Queue for processing after entering ESTABLISHED state" */
	if (c->state == TCP_SYN_RECEIVED)
		return;
	if (!tcp_closing(c))
		close_half(tcp, c);
	else if (c->state == TCP_FIN_WAIT_2)
		timer_arm(&tcp->wheel, tcp_ref_of(tcp, c), tcp->now + TCP_FIN_WAIT_2_TIME);
}

void tcp_abort(struct tcp *tcp, tcp_id id)
{
	struct tcp_connection *c = tcp_find_open(tcp, id);

	if (c)
		tcp_connection_reset(tcp, c);
}

void *tcp_user(struct tcp *tcp, tcp_id id)
{
	struct tcp_connection *c = tcp_find_open(tcp, id);

	return c ? c->user : NULL;
}

bool tcp_tuple_of(struct tcp *tcp, tcp_id id, struct tcp_tuple *tuple)
{
	const struct tcp_connection *c = tcp_find_open(tcp, id);

	if (c)
		tcp_tuple_at(tcp, tcp_ref_of(tcp, c), tuple);
	return c != NULL;
}

bool tcp_info(struct tcp *tcp, tcp_id id, struct tcp_info *info)
{
	static const char *const names[] = {
		[TCP_SYN_SENT] = "SYN-SENT",
		[TCP_SYN_RECEIVED] = "SYN-RECEIVED",
		[TCP_ESTABLISHED] = "ESTABLISHED",
		[TCP_CLOSE_WAIT] = "CLOSE-WAIT",
		[TCP_FIN_WAIT_1] = "FIN-WAIT-1",
		[TCP_FIN_WAIT_2] = "FIN-WAIT-2",
		[TCP_CLOSING] = "CLOSING",
		[TCP_LAST_ACK] = "LAST-ACK",
	};
	const struct tcp_connection *c = tcp_find(tcp, id);
	const struct tcp_side *side;

	if (!c)
		return false;
	side = tcp_side_of(tcp, c);
	*info = (struct tcp_info){
		.state = names[c->state],
		.rcv_nxt = c->rcv_nxt,
		.rcv_wnd = (uint32_t)tcp_offer(tcp, c) << (c->shift >> 4),
		.snd_una = c->snd_una,
		.snd_nxt = c->snd_nxt,
		.snd_wnd = tcp_send_window(c),
		.cwnd = c->cwnd,
		.ssthresh = c->ssthresh == UINT16_MAX ? UINT32_MAX : (uint32_t)c->ssthresh * c->mss,
		.srtt_ms = c->srtt,
		.rto_ms = (uint32_t)(tcp_rto(c) / MS),
		.mss = c->mss,
		.snd_scale = c->shift & 15,
		.rcv_scale = c->shift >> 4,
		.arrived = side ? side->in.count : 0,
		.timestamps = c->flags & TCP_TIMESTAMPS,
		.sack = c->flags & TCP_SACK,
		.ipv6 = c->flags & TCP_IPV6,
		.recovery = c->flags & TCP_RECOVERY,
		.loss = c->flags & TCP_LOSS,
	};
	return true;
}

void tcp_set_idle(struct tcp *tcp, uint64_t idle_us)
{
	if (idle_us > tcp->config.idle_us && idle_us / MS <= INT32_MAX)
		tcp->config.idle_us = idle_us;
}

void tcp_set_deadline(struct tcp *tcp, tcp_id id, uint64_t at)
{
	struct tcp_connection *c = tcp_find_open(tcp, id);
	uint32_t ms;

	if (!c)
		return;
	ms = tcp_ms(at + MS - 1);
	/* 0 stands for none: a deadline that falls on it is a millisecond late. */
	c->deadline = at == 0 ? 0 : ms == 0 ? 1 : ms;
	tcp_sweep_anew(tcp, c);
}
