/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* tcp_timer.c - retransmission, persist, FIN-WAIT-2 and TIME-WAIT timers; the sweep */

#include "tcp_state.h"

/* Connections ahead of the sweep whose first line is asked for. */
#define SWEEP_AHEAD 8

void tcp_progress(struct tcp *tcp, struct tcp_connection *c)
{
	c->timer.since = (uint16_t)wheel_tick(tcp->now);
}

/* Time without progress; good up to 2^16 ticks (9 min), and asked at least once a minute. */
static uint64_t stalled(const struct tcp *tcp, const struct tcp_connection *c)
{
	uint16_t ticks = (uint16_t)(wheel_tick(tcp->now) - c->timer.since);

	return (uint64_t)ticks << WHEEL_TICK_SHIFT;
}

void tcp_timer_start(struct tcp *tcp, struct tcp_connection *c)
{
	uint64_t wait = tcp_rto(c);
	uint64_t spent = stalled(tcp, c);
	uint64_t left = spent < TCP_GIVE_UP ? TCP_GIVE_UP - spent : 0;

	timer_arm(&tcp->wheel, tcp_ref_of(tcp, c), tcp->now + (wait < left ? wait : left));
}

/* The wait is over for good. */
static void give_up(
	struct tcp *tcp, struct tcp_connection *c, struct tcp_up *up, enum tcp_reason reason)
{
	tcp_tell_closed(tcp, c, up, reason);
	tcp_count(tcp, reason == TCP_REASON_IDLE ? TCP_IDLE : TCP_TIMED_OUT);
	tcp_connection_reset(tcp, c);
}

static void connection_due(struct tcp *tcp, struct tcp_connection *c, struct tcp_up *up)
{
	if (c->state < TCP_ESTABLISHED) {
		tcp_connect_due(tcp, c, up);
		return;
	}
	if (c->state == TCP_FIN_WAIT_2) {
		/* The peer keeps its half open; whatever it still sends is answered by RST. */
		tcp_connection_free(tcp, c);
		return;
	}
	if (stalled(tcp, c) >= TCP_GIVE_UP) {
		give_up(tcp, c, up, TCP_REASON_TIMEOUT);
		return;
	}
	if (c->snd_ptr != c->snd_una) {
		/* RFC 6298 (5.4) to (5.6); all that was in flight is sent again, in order. */
		tcp_congestion_timeout(c);
		/* The peer may have thrown away what it reported (RFC 2018 section 8). */
		if (c->side)
			tcp_sack_forget(tcp, c);
		tcp_queue_rewind(c);
	} else if (tcp_window_blocked(tcp, c)) {
		c->flags |= TCP_PROBE;
		if (c->backoff < 15)
			c->backoff++;
	} else if (!c->cursor && !tcp_closing(c)) {
		return;
	}
	tcp_timer_start(tcp, c);
	tcp_pend(tcp, c);
}

static unsigned time_wait_due(struct tcp *tcp, unsigned budget)
{
	uint32_t tick = wheel_tick(tcp->now);
	unsigned done = 0;

	while (done < budget && tcp->time_wait_head) {
		struct tcp_time_wait *w = &tcp->time_wait[tcp->time_wait_head - 1];

		if ((int32_t)(tick - w->expires) < 0)
			break;
		tcp_time_wait_free(tcp, w, true);
		done++;
	}
	return done;
}

unsigned tcp_timers(struct tcp *tcp, uint64_t now, struct tcp_up *up, unsigned budget)
{
	unsigned count = 0;
	flow_ref ref;

	tcp->now = now;
	tcp->delivery.id = 0;
	/* A part of the budget each, so that neither can starve the other. */
	budget -= time_wait_due(tcp, budget / 4);
	while ((ref = wheel_pop(&tcp->wheel, now, &budget))) {
		uint32_t index = flow_ref_index(ref);

		if (flow_ref_kind(ref) == FLOW_EMBRYONIC) {
			tcp_embryonic_due(tcp, &tcp->embryonic[index]);
			continue;
		}
		memset(&up[count], 0, sizeof(*up));
		connection_due(tcp, &tcp->connections[index], &up[count]);
		if (up[count].events)
			count++;
	}
	time_wait_due(tcp, budget);
	return count;
}

static void connection_sweep(struct tcp *tcp, struct tcp_connection *c, struct tcp_up *up)
{
	uint32_t now = tcp_ms(tcp->now);

	if (now - c->tick >= tcp->config.idle_us / MS) {
		give_up(tcp, c, up, TCP_REASON_IDLE);
		return;
	}
	if (c->deadline && (int32_t)(now - c->deadline) >= 0) {
		c->deadline = 0;
		up->id = tcp_id_of(tcp, c);
		up->events = TCP_UP_DEADLINE;
	}
	if (c->flags & TCP_WINDOW_CLOSED && chunk_available(tcp->config.chunks, 1)) {
		/* The update itself may be lost: the peer's probes bring it again. */
		c->flags &= (uint16_t)~TCP_WINDOW_CLOSED;
		tcp_owe_ack(tcp, c);
	}
}

unsigned tcp_sweep(struct tcp *tcp, uint64_t now, struct tcp_up *up, unsigned budget)
{
	uint32_t limit = tcp->connection_slab.fresh;
	unsigned count = 0;

	tcp->now = now;
	tcp->delivery.id = 0;
	if (budget > limit)
		budget = limit;
	while (budget-- > 0) {
		struct tcp_connection *c;

		if (tcp->sweep_at >= limit)
			tcp->sweep_at = 0;
		c = &tcp->connections[tcp->sweep_at++];
		__builtin_prefetch(c + SWEEP_AHEAD);
		if (c->state == TCP_CLOSED_STATE)
			continue;
		memset(&up[count], 0, sizeof(*up));
		connection_sweep(tcp, c, &up[count]);
		if (up[count].events)
			count++;
	}
	return count;
}
