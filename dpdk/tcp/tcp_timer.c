/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* tcp_timer.c - retransmission, persist, FIN-WAIT-2 and TIME-WAIT timers */

#include "tcp_state.h"

void tcp_timer_start(struct tcp *tcp, struct tcp_connection *c)
{
	uint64_t wait = tcp_rto(c);
	uint64_t spent = tcp_stalled(tcp, c), limit = tcp_give_up(tcp);
	uint64_t silent = (uint64_t)tcp_silent(tcp, c) * MS;

	/* Probes come often enough to tell a silent peer from one that answers. */
	if (c->flags & TCP_PROBE && wait > limit / 4 * 3)
		wait = limit / 4 * 3;
	/* Not past the time at which it may be over - unless that has come and more is wanted. */
	if (spent > silent && !(c->flags & TCP_PROBE))
		spent = silent;
	if (spent < limit && wait > limit - spent)
		wait = limit - spent;
	timer_arm(&tcp->wheel, tcp_ref_of(tcp, c), tcp->now + wait);
}

void tcp_end(struct tcp *tcp, struct tcp_connection *c, struct tcp_up *up, enum tcp_reason reason)
{
	tcp_tell_closed(tcp, c, up, reason);
	tcp_count(tcp, reason == TCP_REASON_IDLE ? TCP_IDLE : TCP_TIMED_OUT);
	tcp_connection_reset(tcp, c);
}

/*
 * Has the wait become hopeless? Not by the clock alone: if the worker stood still for a minute, all
 * connections with something in flight have made no progress for a minute, while their peers' ACKs
 * wait in the queue. A few retransmissions must have gone unanswered as well (R1 of RFC 1122).
 */
static bool hopeless(const struct tcp *tcp, const struct tcp_connection *c)
{
	uint64_t stalled = tcp_stalled(tcp, c), limit = tcp_give_up(tcp);

	if (stalled < limit || tcp_persist_patient(tcp, c))
		return false;
	/* Who is heard is alive, and only our segments are lost: that is worth a longer wait,
	 * though not one without end, and none where chunks are short. */
	if (tcp_silent(tcp, c) >= limit / MS || c->snd_ptr == c->snd_una || tcp_chunks_short(tcp))
		return c->backoff >= TCP_RETRIES_MIN;
	return stalled >= TCP_HEARD_WAIT * limit && c->backoff >= TCP_BACKOFF_PROGRESS;
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
	if (c->flags & TCP_KEEPALIVE) {
		if (!tcp_keepalive_due(tcp, c)) {
			tcp_count(tcp, TCP_KEEPALIVE_DEAD);
			tcp_end(tcp, c, up, TCP_REASON_TIMEOUT);
		}
		return;
	}
	if (hopeless(tcp, c)) {
		tcp_end(tcp, c, up, TCP_REASON_TIMEOUT);
		return;
	}
	if (c->snd_ptr != c->snd_una) {
		/* RFC 6298 (5.4) to (5.6); all that was in flight is sent again, in order. */
		if (!c->side || !tcp_path_lost(tcp, c))
			tcp_congestion_timeout(c);
		else if (c->backoff < 15)
			c->backoff++;
		/* The peer may have thrown away what it reported (RFC 2018 section 8). */
		if (c->side)
			tcp_sack_forget(tcp, c);
		tcp_queue_rewind(c);
	} else if (!c->cursor || tcp_window_blocked(tcp, c)) {
		/* A window, or a FIN that waits for the user's tcp_commit(). */
		if (c->cursor)
			c->flags |= TCP_PROBE;
		else if (!tcp_closing(c))
			return;
		if (c->backoff < 15)
			c->backoff++;
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

	tcp_clock(tcp, now);
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
