/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* tcp_cookie.c - handshakes that keep nothing: SYN cookies (RFC 4987 section 3.6) */

#include "tcp_state.h"

/*
 * While many handshakes are under way a SYN is answered from nothing but itself, and the ACK that
 * comes back carries all that is needed:
 *
 *	our ISN: bit 31 the epoch's parity, bits 28..30 a place in the table of segment sizes, bits
 *		0..27 a keyed hash of flow, the peer's ISN, epoch, place and options;
 *	with timestamps, the low 5 bits of our TSval, which TSecr brings back: bit 4 SACK, bits
 *		0..3 the window scale, 15 for none. Without, neither is offered.
 *
 * An epoch is 64 s; a cookie is good in its own and the next. None is looked for unless some were
 * sent of late: a stray ACK is then refused as ever. The hash covers the options: a peer that
 * changes them changes the cookie.
 */
#define EPOCH (64 * SECOND)
#define OPTION_BITS 5
#define OPTION_MASK ((1u << OPTION_BITS) - 1)
#define OPTION_SACK 0x10
#define NO_SCALE 15
#define NO_OPTIONS (OPTION_MASK + 1) /* no timestamps */
#define HASH_MASK 0x0fffffffu

/* Payload sizes worth telling apart; the first is the least we believe. */
static const uint16_t sizes[8] = {TCP_MSS_DEFAULT, 1024, 1220, 1340, 1400, 1440, 1460, 8940};

void tcp_cookie_init(struct tcp *tcp)
{
	/* Bit 61 keeps it apart from what else is made with that key. */
	tcp->cookie_key.k0 = siphash_16(&tcp->config.isn_key, 0, 1ull << 61);
	tcp->cookie_key.k1 = siphash_16(&tcp->config.isn_key, 1, 1ull << 61);
}

static uint32_t epoch_of(const struct tcp *tcp)
{
	return (uint32_t)(tcp->now / EPOCH);
}

static uint32_t cookie_of(const struct tcp *tcp, const struct tcp_flow *flow, uint32_t irs,
	uint32_t epoch, unsigned place, unsigned options)
{
	struct {
		struct tcp_flow flow;
		uint32_t irs, epoch;
		uint32_t what;
	} input = {*flow, irs, epoch, place << 8 | options};
	uint64_t hash;

	_Static_assert(sizeof(input) == 24, "no padding is hashed");
	hash = siphash(&tcp->cookie_key, &input, sizeof(input));
	return epoch << 31 | place << 28 | ((uint32_t)hash & HASH_MASK);
}

bool tcp_cookies_wanted(const struct tcp *tcp)
{
	uint32_t above = tcp->config.cookies_above;

	if (above == 0)
		above = tcp->config.embryonic - tcp->config.embryonic / 4;
	return tcp->embryonic_slab.used >= above;
}

void tcp_cookie_send(struct tcp *tcp, const struct tcp_segment *segment)
{
	struct tcp_flow flow;
	bool ipv6 = tcp_flow_of(tcp, &segment->tuple, &flow);
	unsigned place = sizeof(sizes) / sizeof(sizes[0]) - 1, code = NO_OPTIONS;
	struct tcp_syn_options answer = {0};
	struct tcp_options options;
	struct tcp_reply *reply;
	uint16_t mss;

	if (ipv6 && !tcp->config.ipv6) {
		tcp_count(tcp, TCP_DROP_FAMILY);
		return;
	}
	tcp_options_read(segment->options, segment->options_length, &options);
	mss = tcp_mss(tcp, ipv6, tcp_peer_mss(&options, ipv6));
	while (place > 0 && sizes[place] > mss)
		place--;
	answer.mss = tcp_mss(tcp, ipv6, UINT16_MAX);
	if (options.has_timestamps && !tcp->config.no_timestamps) {
		uint32_t clock = tcp_timestamp(tcp, &flow);

		answer.timestamps = true;
		answer.echo = options.value;
		answer.sack = options.sack_permitted && !tcp->config.no_sack;
		answer.has_scale = options.has_scale && !tcp->config.no_scale;
		answer.scale = tcp_scale(tcp);
		code = (answer.sack ? OPTION_SACK : 0) |
		       (answer.has_scale ? options.scale : NO_SCALE);
		/* Never ahead of the clock: what follows must not seem older. */
		answer.value = (clock & ~OPTION_MASK) | code;
		if (answer.value - clock - 1 < OPTION_MASK)
			answer.value -= OPTION_MASK + 1;
	}
	reply = tcp_reply(tcp, &segment->tuple, segment->link, TCP_SYN | TCP_ACK,
		cookie_of(tcp, &flow, segment->seq, epoch_of(tcp), place, code), segment->seq + 1);
	if (!reply)
		return;
	reply->options_length = tcp_syn_options_write(&answer, reply->options);
	tcp->cookie_epoch = epoch_of(tcp) + 1;
	tcp_count(tcp, TCP_COOKIE_SENT);
}

/* Is an ACK that finds nothing perhaps one of a cookie? The epochs that matter are two. */
static bool cookies_about(const struct tcp *tcp)
{
	return tcp->cookie_epoch != 0 && epoch_of(tcp) + 1 - tcp->cookie_epoch <= 1;
}

bool tcp_cookie_in(struct tcp *tcp, const struct tcp_segment *segment, uint64_t hash,
	struct tcp_connection **connection)
{
	uint32_t cookie = segment->ack - 1, irs = segment->seq - 1, epoch = epoch_of(tcp);
	struct tcp_options options;
	unsigned code = NO_OPTIONS;
	struct tcp_flow flow;
	struct tcp_embryonic e;

	*connection = NULL;
	if (!cookies_about(tcp) || segment->flags & (TCP_SYN | TCP_RST))
		return false;
	memset(&e, 0, sizeof(e));
	e.ipv6 = tcp_flow_of(tcp, &segment->tuple, &flow);
	e.flow = flow;
	tcp_options_read(segment->options, segment->options_length, &options);
	if (options.has_timestamps && !tcp->config.no_timestamps)
		code = options.echo & OPTION_MASK;
	/* By its parity a cookie says which of the two epochs it is of. */
	epoch -= (epoch ^ cookie >> 31) & 1;
	if (cookie_of(tcp, &flow, irs, epoch, cookie >> 28 & 7, code) != cookie) {
		tcp_count(tcp, TCP_COOKIE_BAD);
		/*
		 * Only the numbers of the handshake's own ACK tell a cookie. What carries data or a
		 * FIN may have overtaken that one, or its loss: an RST would end a connection that is
		 * just being made. It comes again; once no cookie is about it is refused, too.
		 */
		return segment->length || segment->flags & TCP_FIN;
	}
	e.iss = cookie;
	e.irs = irs;
	e.mss = tcp_mss(tcp, e.ipv6, sizes[cookie >> 28 & 7]);
	e.link = segment->link;
	if (code != NO_OPTIONS) {
		e.timestamps = true;
		e.ts_recent = options.value;
		e.sack = !!(code & OPTION_SACK);
		e.scale = (code & NO_SCALE) != NO_SCALE;
		if (e.scale)
			e.shift = (uint8_t)(tcp_scale(tcp) << 4 | (code & NO_SCALE));
	}
	*connection = tcp_connection_open_flow(tcp, &e, segment, hash);
	if (*connection)
		tcp_count(tcp, TCP_COOKIE_ACCEPTED);
	return true;
}
