/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* tcp_sweep.c - idle connections and deadlines, looked for no sooner than there can be any */

#include "tcp_state.h"

/* Connections ahead of the one that is looked at whose first line is asked for. */
#define AHEAD 8

/* Of a group in which nothing is going to be due by itself. */
#define LATER_MS 3600000u

static uint32_t least(uint32_t left, int64_t ms)
{
	return ms < 0 ? 0 : ms < left ? (uint32_t)ms : left;
}

uint32_t tcp_sweep_left(const struct tcp *tcp, const struct tcp_connection *c)
{
	const struct tcp_config *config = &tcp->config;
	const int64_t silent = tcp_silent(tcp, c);
	uint32_t left = least(LATER_MS, (int64_t)(config->idle_us / MS) - silent);

	if (c->deadline)
		left = least(left, (int32_t)(c->deadline - tcp_ms(tcp->now)));
	if (config->keepalive_us)
		left = least(left, (int64_t)(config->keepalive_us / MS) - silent);
	return c->flags & TCP_WINDOW_CLOSED ? 0 : left;
}

void tcp_sweep_within(struct tcp *tcp, const struct tcp_connection *c, uint32_t ms)
{
	uint32_t *due = &tcp->due[tcp_index(tcp, c) / TCP_SWEEP_GROUP];
	const uint32_t at = tcp_ms(tcp->now) + ms;

	if (*due && (int32_t)(*due - at) > 0)
		*due = at;
}

/* @tight: chunks are short. */
static void look_at(struct tcp *tcp, struct tcp_connection *c, struct tcp_up *up, bool tight)
{
	uint32_t now = tcp_ms(tcp->now), silent = tcp_silent(tcp, c);

	if (silent >= tcp->config.idle_us / MS) {
		tcp_end(tcp, c, up, TCP_REASON_IDLE);
		return;
	}
	if (tight && tcp_persist_shut(tcp, c)) {
		tcp_count(tcp, TCP_SHUT_OUT);
		tcp_end(tcp, c, up, TCP_REASON_TIMEOUT);
		return;
	}
	if (tcp->config.keepalive_us && silent >= tcp->config.keepalive_us / MS)
		tcp_keepalive_sweep(tcp, c);
	if (c->deadline && (int32_t)(now - c->deadline) >= 0) {
		if (c->flags & TCP_ORPHAN) {
			tcp_end(tcp, c, up, TCP_REASON_TIMEOUT);
			return;
		}
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

/* Return: entries filled in @up. */
static unsigned look_at_group(struct tcp *tcp, uint32_t group, struct tcp_up *up, bool tight)
{
	const uint32_t first = group * TCP_SWEEP_GROUP, fresh = tcp->connection_slab.fresh;
	const uint32_t end = fresh - first < TCP_SWEEP_GROUP ? fresh : first + TCP_SWEEP_GROUP;
	uint32_t left = LATER_MS;
	unsigned count = 0;

	for (uint32_t i = first; i < end; i++) {
		struct tcp_connection *c = &tcp->connections[i];

		__builtin_prefetch(c + AHEAD);
		if (c->state == TCP_CLOSED_STATE)
			continue;
		memset(&up[count], 0, sizeof(*up));
		look_at(tcp, c, &up[count], tight);
		if (up[count].events)
			count++;
		if (c->state != TCP_CLOSED_STATE)
			left = least(left, tcp_sweep_left(tcp, c));
	}
	/* 0 stands for "at once": a time that falls on it is a millisecond early. */
	tcp->due[group] = tcp_ms(tcp->now) + left;
	return count;
}

unsigned tcp_sweep(struct tcp *tcp, uint64_t now, struct tcp_up *up, unsigned budget)
{
	uint32_t groups = (tcp->connection_slab.fresh + TCP_SWEEP_GROUP - 1) / TCP_SWEEP_GROUP;
	unsigned count = 0;
	bool tight;

	tcp_clock(tcp, now);
	tcp->delivery.id = 0;
	tight = tcp_persist_sweep_begin(tcp);
	if (budget > groups)
		budget = groups;
	while (budget-- > 0) {
		uint32_t group, due;

		if (tcp->sweep_at >= groups) {
			tcp->sweep_at = 0;
			tcp_persist_round(tcp);
		}
		group = tcp->sweep_at++;
		due = tcp->due[group];
		if (tight || !due || (int32_t)(tcp_ms(now) - due) >= 0)
			count += look_at_group(tcp, group, &up[count], tight);
	}
	return count;
}
