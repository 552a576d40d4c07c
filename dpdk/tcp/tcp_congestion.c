/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* tcp_congestion.c - RTT and RTO (RFC 6298), congestion window (RFC 5681, 6582, 6928) */

#include "tcp_state.h"

#define BACKOFF_MAX 15
/*
 * RTOs that a sample counts for at most. Where an ACK was lost the next one came only after a wait
 * of our own, and with timestamps it echoes the first copy all the same (a duplicate does not
 * change TS.Recent). Believed as it is, that would make the next wait longer, and so on; a path
 * that has really become slower is believed in a few steps.
 */
#define SAMPLE_CAP 2
#define SSTHRESH_NONE UINT16_MAX

static uint32_t min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static uint32_t max_u32(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

uint32_t tcp_rto_base(const struct tcp_connection *c)
{
	return c->srtt ? max_u32(c->srtt + 4u * c->rttvar, TCP_RTO_MIN_MS) : TCP_RTO_INITIAL_MS;
}

uint64_t tcp_rto(const struct tcp_connection *c)
{
	uint64_t ms = (uint64_t)tcp_rto_base(c) << c->backoff;

	return (ms < TCP_RTO_MAX_MS ? ms : TCP_RTO_MAX_MS) * MS;
}

void tcp_rtt_sample(struct tcp_connection *c, uint32_t ms)
{
	uint32_t difference;

	/* A stalled worker may measure nonsense; 0 would mean that nothing was measured. */
	ms = max_u32(1, min_u32(ms, TCP_RTO_MAX_MS));
	if (!c->srtt) {
		c->srtt = (uint16_t)ms;
		c->rttvar = (uint16_t)(ms / 2);
	} else {
		ms = min_u32(ms, (uint32_t)SAMPLE_CAP * tcp_rto_base(c));
		difference = c->srtt > ms ? c->srtt - ms : ms - c->srtt;
		c->rttvar = (uint16_t)((3u * c->rttvar + difference + 2) / 4);
		c->srtt = (uint16_t)((7u * c->srtt + ms + 4) / 8);
	}
	c->backoff = 0;
}

static uint32_t initial_window(const struct tcp_connection *c)
{
	return min_u32(TCP_INITIAL_WINDOW * c->mss, max_u32(2u * c->mss, 14600));
}

static uint32_t ssthresh_bytes(const struct tcp_connection *c)
{
	return c->ssthresh == SSTHRESH_NONE ? UINT32_MAX : (uint32_t)c->ssthresh * c->mss;
}

/* RFC 5681 equation 4: half of what was in flight, at least two segments. */
static void halve(struct tcp_connection *c)
{
	uint32_t segments = (c->snd_nxt - c->snd_una) / 2 / c->mss;

	c->ssthresh = (uint16_t)min_u32(max_u32(segments, 2), SSTHRESH_NONE - 1);
}

void tcp_congestion_open(struct tcp_connection *c, bool lost)
{
	c->ssthresh = SSTHRESH_NONE;
	c->cwnd = initial_window(c);
	if (lost) {
		/* RFC 5681 3.1: one segment; RFC 6298 (5.7): RTO 3 s, what a sample of 1 s gives. */
		c->cwnd = c->mss;
		tcp_rtt_sample(c, 1000);
	}
}

void tcp_congestion_acked(struct tcp_connection *c, uint32_t bytes, uint32_t flight)
{
	if (c->flags & (TCP_RECOVERY | TCP_LOSS) && !seq_lt(c->snd_una, c->mark)) {
		if (c->flags & TCP_RECOVERY)
			c->cwnd = min_u32(ssthresh_bytes(c),
				max_u32(c->snd_nxt - c->snd_una, c->mss) + c->mss);
		else if (c->snd_una == c->mark)
			c->flags |= TCP_CAREFUL;
		c->flags &= (uint16_t) ~(TCP_RECOVERY | TCP_LOSS);
		return;
	}
	if (c->flags & TCP_RECOVERY) {
		/* RFC 6582 3.2 step 3, partial: the next hole is sent at once, the window
		 * deflates by what left it. */
		c->cwnd -= min_u32(bytes, c->cwnd);
		if (bytes >= c->mss)
			c->cwnd += c->mss;
		c->cwnd = max_u32(c->cwnd, c->mss);
		c->flags |= TCP_SEND_AGAIN;
		return;
	}
	/* A window that is not used says nothing about the path: it does not grow (RFC 7661). */
	if (flight < c->cwnd / 2)
		return;
	/* Slow start by the bytes acknowledged (RFC 3465): two segments' at most for an ACK, since
	 * many peers acknowledge every other one; after a time-out one segment's. */
	if (c->cwnd < ssthresh_bytes(c))
		c->cwnd += min_u32(bytes, (c->flags & TCP_LOSS ? 1u : 2u) * c->mss);
	else
		c->cwnd += max_u32(
			1, (uint32_t)((uint64_t)c->mss * min_u32(bytes, c->cwnd) / c->cwnd));
}

bool tcp_congestion_duplicate(struct tcp_connection *c, bool lost)
{
	uint32_t limit;

	if (c->flags & TCP_RECOVERY) {
		/* Each one says that a segment has left the network. More of them than there
		 * can be segments are forged: no gain beyond what was in flight. */
		limit = ssthresh_bytes(c) + (c->snd_nxt - c->snd_una);
		if (c->cwnd < limit)
			c->cwnd = min_u32(c->cwnd + c->mss, limit);
		return false;
	}
	if (c->flags & TCP_LOSS || (++c->duplicates < 3 && !lost))
		return false;
	c->duplicates = 0;
	halve(c);
	c->cwnd = ssthresh_bytes(c);
	c->mark = c->snd_nxt;
	c->flags &= (uint16_t)~TCP_TIMING;
	c->flags |= TCP_RECOVERY | TCP_SEND_AGAIN;
	return true;
}

void tcp_congestion_resize(struct tcp_connection *c, uint16_t mss)
{
	if (c->ssthresh != SSTHRESH_NONE)
		c->ssthresh = (uint16_t)min_u32(ssthresh_bytes(c) / mss, SSTHRESH_NONE - 1);
	c->mss = mss;
	c->cwnd = max_u32(min_u32(c->cwnd, initial_window(c)), mss);
	c->mark = c->snd_nxt;
	c->duplicates = 0;
	c->flags &= (uint16_t) ~(TCP_RECOVERY | TCP_SEND_AGAIN | TCP_TIMING);
	c->flags |= TCP_LOSS;
}

void tcp_congestion_timeout(struct tcp_connection *c)
{
	/* RFC 5681 3.1: kept when the same segments are lost once more. */
	if (!(c->flags & TCP_LOSS))
		halve(c);
	c->cwnd = c->mss;
	c->mark = c->snd_nxt;
	c->duplicates = 0;
	c->flags &= (uint16_t) ~(TCP_RECOVERY | TCP_SEND_AGAIN | TCP_TIMING);
	c->flags |= TCP_LOSS;
	if (c->backoff < BACKOFF_MAX)
		c->backoff++;
}

void tcp_congestion_idle(struct tcp_connection *c)
{
	c->cwnd = min_u32(c->cwnd, initial_window(c));
}
