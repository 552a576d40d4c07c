/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* tcp_record.h - private: the records of TCP, and what every one of its files asks of them */
#pragma once

#include "flow_table.h"
#include "rate_limit.h"
#include "tcp.h"
#include "timer_wheel.h"

#include <string.h>

/* Serial arithmetic, RFC 9293 section 3.4: true also where the numbers wrap. */
static inline bool seq_lt(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static inline bool seq_leq(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) <= 0;
}

#define MS 1000ull
#define SECOND 1000000ull

#define TCP_MSS_DEFAULT 536 /* RFC 9293 3.7.1: when no option came; also the least we believe */
#define TCP_MSS_DEFAULT_IPV6 1220 /* the same for IPv6, whose links carry 1280 bytes */
#define TCP_WINDOW_MAX (1u << 20) /* that we offer */
#define TCP_SCALE_MAX 14          /* RFC 7323 2.3 */
#define TCP_TIMESTAMPS_BYTES 12   /* what the option takes of every segment's payload */
#define TCP_INITIAL_WINDOW 10
#define TCP_RTO_INITIAL_MS 1000
/*
 * RFC 6298 (2.4) asks for 1 s; like other stacks in use we take 200 ms: above the delayed ACK of
 * small devices (40..200 ms), far above the RTT of an access network, and five times sooner after a
 * lost answer, which here is nearly always the last segment in flight and so never repaired by
 * duplicate ACKs. Backoff covers peers that are slower.
 */
#define TCP_RTO_MIN_MS 200
#define TCP_RTO_MAX_MS 60000
#define TCP_USER_TIMEOUT (60 * SECOND) /* where the configuration names none */
#define TCP_RETRIES_MIN 4              /* doublings of the RTO before that may end a connection */
/*
 * Karn keeps the backed-off RTO until something that was sent once is measured. Under heavy loss
 * and without timestamps that is late: an ACK of anything new brings it back to 4 times its base,
 * which leaves room for a path that has become slower all the same.
 */
#define TCP_BACKOFF_PROGRESS 2
/* User timeouts for which a peer that is heard, but acknowledges nothing, is waited for: with that
 * of 60 s the five minutes of RFC 9293 3.9.1.1. */
#define TCP_HEARD_WAIT 5
#define TCP_STOOD (1 * SECOND)         /* without a call: the worker stood still */
#define TCP_ORPHAN_TIME (600 * SECOND) /* for all that tcp_close() leaves to be sent */
#define TCP_KEEPALIVE_PROBES 9
#define TCP_TIME_WAIT_TIME (60 * SECOND) /* 2 MSL with MSL 30 s */
#define TCP_FIN_WAIT_2_TIME (60 * SECOND)
#define TCP_SYN_RETRIES 4 /* SYN-ACKs again after 1, 3, 7, 15 s; the record expires after 31 s */
#define TCP_CHALLENGES 5  /* challenge ACKs in the life of a handshake; at most 7 */
#define TCP_REPLIES 512   /* answers to strangers that may wait for tcp_output() */
#define TCP_PORTS_MAX 64
#define TCP_QUANTUM 16     /* segments of one connection before the next has its turn */
#define TCP_FREE_HOLD 1024 /* freed connections kept back, so that generations wrap slowly */

/*
 * RFC 9293 section 3.3.2. LISTEN is the port table, TIME-WAIT a struct tcp_time_wait; SYN-RECEIVED
 * a struct tcp_embryonic, or, where both ends opened at once, a connection in that state.
 */
enum tcp_state {
	TCP_CLOSED_STATE,
	TCP_SYN_SENT,
	TCP_SYN_RECEIVED,
	TCP_ESTABLISHED,
	TCP_CLOSE_WAIT,
	TCP_FIN_WAIT_1,
	TCP_FIN_WAIT_2,
	TCP_CLOSING,
	TCP_LAST_ACK
};

/**
 * struct tcp_flow - a flow as a record keeps it; network byte order
 *
 * Of an IPv6 flow @remote and @local hold a keyed hash of its addresses, which lie in the struct
 * tcp_addresses beside the record.
 */
struct tcp_flow {
	uint32_t remote, local;
	uint16_t remote_port, local_port;
};
_Static_assert(sizeof(struct tcp_flow) == 12, "part of the 128 bytes of a connection");

/** struct tcp_addresses - the addresses of an IPv6 flow, found by its record's own index */
struct tcp_addresses {
	struct ip_address remote, local;
};
_Static_assert(sizeof(struct tcp_addresses) == 32, "what IPv6 adds to a record");

/* tcp_connection.flags */
#define TCP_PENDING 0x0001       /* on the list of what tcp_output() has to look at */
#define TCP_ACK_OWED 0x0002      /* the next segment, or one of its own, acknowledges */
#define TCP_ORPHAN 0x0004        /* the user closed: it hears nothing more */
#define TCP_RESERVED 0x0008      /* an open tcp_reserve(): its chunk follows the queue's tail */
#define TCP_TIMING 0x0010        /* a segment that ends at .mark is being timed */
#define TCP_RECOVERY 0x0020      /* fast recovery until .mark is acknowledged (RFC 6582) */
#define TCP_LOSS 0x0040          /* going back after a time-out until .mark is acknowledged */
#define TCP_SEND_AGAIN 0x0080    /* the segment at snd_una is to be sent again */
#define TCP_PROBE 0x0100         /* the persist timer expired */
#define TCP_WINDOW_CLOSED 0x0200 /* tcp_accept(false): offer no window until chunks are free */
#define TCP_IPV6 0x0400          /* the addresses lie in the record beside */
#define TCP_TIMESTAMPS 0x0800    /* negotiated: every segment carries them (RFC 7323 3.2) */
#define TCP_SACK 0x1000          /* negotiated: SACK blocks are sent and believed (RFC 2018) */
#define TCP_KEEPALIVE 0x2000     /* idle, and the timer waits for the answer to a keep-alive */
#define TCP_CAREFUL 0x8000       /* a time-out's echoes may look like duplicates (RFC 6582 4.1) */
/* In SYN-RECEIVED only, where nothing is timed yet: the peer's SYN had a window scale. */
#define TCP_CONNECT_SCALE TCP_TIMING

/*
 * One connection: two cache lines, the first is what every segment reads, the second what sending
 * needs. Sweeps touch the first only.
 *
 * SND.WL2 of the RFC is not kept: a window is taken only from a segment with SND.UNA =< SEG.ACK,
 * and WL2 was such an ACK earlier on, so WL2 =< SND.UNA =< SEG.ACK always holds.
 *
 * @side names a record borrowed from a capped pool (number, 0: none), for what only loss and
 * reordering need; @shift the window scales (the peer's in the low 4 bits, ours above); @ts_recent
 * the timestamp to echo. @snd_wnd and @max_window are header values: bytes only after scaling.
 */
struct tcp_connection {
	struct tcp_flow flow;
	uint8_t state;
	uint8_t generation; /* 1..255 */
	uint16_t flags;
	uint32_t rcv_nxt;
	uint32_t snd_una;
	uint32_t snd_nxt; /* one past the highest sequence number ever sent */
	uint32_t snd_wl1;
	uint16_t snd_wnd;
	uint16_t mss;      /* largest payload we send */
	uint32_t tick;     /* tcp_running_ms(): last valid segment */
	uint32_t deadline; /* ms; 0: none */
	uint8_t link;
	uint8_t shift;
	uint16_t side;
	uint8_t user[TCP_USER_BYTES];
	/* second line */
	chunk_id head, tail; /* messages that are not yet acknowledged in full */
	chunk_id cursor;     /* the message that snd_ptr lies in; 0: all was sent */
	uint32_t snd_end;    /* one past the last byte queued: our FIN's number */
	uint32_t snd_ptr;    /* next to send; behind snd_nxt while going back */
	uint32_t cwnd;       /* bytes */
	uint32_t mark;       /* see the flags: end of the timed segment, or of recovery */
	uint16_t ssthresh;   /* segments of mss bytes */
	uint16_t srtt;       /* ms; 0: nothing measured yet */
	uint16_t rttvar;     /* ms */
	uint16_t rtt_start;  /* ms, low bits: when the timed segment left */
	uint16_t max_window; /* largest window the peer ever offered */
	uint8_t duplicates : 2, backoff : 4, duplicates_owed : 2;
	uint8_t challenge_second : 5, challenges : 3;
	struct timer_node timer;
	uint32_t next; /* index + 1 on the pending list or, once freed, on the free list */
	uint32_t ts_recent;
	uint32_t ts_start; /* what our timestamps are ahead of our clock */
};
_Static_assert(sizeof(struct tcp_connection) == 128, "a connection is two cache lines");
_Static_assert(offsetof(struct tcp_connection, head) == 64, "what is swept is the first line");
_Static_assert(offsetof(struct tcp_connection, user) % 16 == 0, "the user's bytes are aligned");

/* SYN-RECEIVED. A SYN takes this and no more. */
struct tcp_embryonic {
	struct tcp_flow flow;
	uint32_t iss, irs;
	struct timer_node timer;
	uint16_t mss;
	uint16_t sent; /* ms, low bits: when the first SYN-ACK was queued */
	uint8_t link;
	uint8_t retries;
	uint8_t challenges : 3, ipv6 : 1, timestamps : 1, sack : 1, scale : 1;
	uint8_t shift;
	uint32_t ts_recent;
	uint32_t spare;
};
_Static_assert(sizeof(struct tcp_embryonic) == 48, "a handshake under way");

/* TIME-WAIT; all last equally long, so their timer is one list in order of expiry. */
struct tcp_time_wait {
	struct tcp_flow flow;
	uint32_t snd_nxt, rcv_nxt;
	uint32_t next, prev; /* index + 1 */
	uint32_t expires;    /* wheel tick */
	uint8_t link;
	uint8_t shift;
	bool ipv6;
	bool timestamps;
	uint32_t ts_recent;
	uint32_t spare[2];
};
_Static_assert(sizeof(struct tcp_time_wait) == 48, "a TIME-WAIT record");

/** struct tcp_range - sequence numbers [start, end) */
struct tcp_range {
	uint32_t start, end;
};

/**
 * struct tcp_reassembly - what came ahead of the next byte (the receiving half of a side record)
 * @arrived: up to TCP_ARRIVED intervals, in order of sequence number, not touching each other
 * @pieces: chunks with their bytes (struct tcp_message), in order of sequence number
 * @hint: the piece that was written to last, where the next search begins; 0: none
 * @duplicate: bytes that came twice, to be reported once (RFC 2883); empty: none
 * @held: bytes the user keeps unread; @edge: our right edge, valid while there are some
 * @fin: number of a FIN that came early, valid with @has_fin
 * @count: intervals
 * @order: their indices, two bits each, the one that changed last lowest: so SACK blocks are sent
 *	(RFC 2018 section 4)
 */
#define TCP_ARRIVED 4
struct tcp_reassembly {
	struct tcp_range arrived[TCP_ARRIVED];
	chunk_id pieces, hint;
	struct tcp_range duplicate;
	uint32_t held, edge;
	uint32_t fin;
	uint16_t piece_count;
	uint8_t order;
	uint8_t count : 4, has_fin : 1;
};
_Static_assert(sizeof(struct tcp_reassembly) == 64, "half a side record");

/**
 * struct tcp_scoreboard - what the peer has reported out of order (the sending half; RFC 6675)
 * @sacked: up to TCP_SACKED ranges above SND.UNA, in order, not touching each other
 * @high_rxt: highest sequence number sent again in this recovery
 * @rescue: end of the segment sent again by the rescue rule; not @recovering: with a @path_mtu the
 *	number of the segment that was too big
 * @cursor: the message that @high_rxt lies in; 0: the queue's first
 * @path_mtu: what an ICMP message said, waiting for a loss to confirm it (RFC 5927); 0: nothing
 * @count: ranges; @recovering: this loss recovery goes by the scoreboard; @active: this half is in
 *	use
 */
#define TCP_SACKED 6
struct tcp_scoreboard {
	struct tcp_range sacked[TCP_SACKED];
	uint32_t high_rxt, rescue;
	chunk_id cursor;
	uint16_t path_mtu;
	uint8_t count : 4;
	bool recovering : 1;
	bool active;
};
_Static_assert(sizeof(struct tcp_scoreboard) == 64, "half a side record");

/** struct tcp_side - a record of the capped pool; the first word links free ones */
struct tcp_side {
	struct tcp_reassembly in;
	struct tcp_scoreboard out;
};
_Static_assert(sizeof(struct tcp_side) == 128, "a side record is two cache lines");

/* At the start of every chunk of a send queue; the message's bytes follow. */
struct tcp_message {
	chunk_id next;
	uint32_t seq;
	uint32_t length;
	uint32_t room; /* what was reserved */
};
_Static_assert(sizeof(struct tcp_message) == 16, "keeps the bytes aligned");

/* A segment that no connection sends: SYN-ACK, RST, ACK of TIME-WAIT. */
#define TCP_REPLY_OPTIONS 20 /* MSS, SACK-permitted, timestamps, window scale */
struct tcp_reply {
	struct tcp_tuple tuple;
	uint32_t seq, ack;
	uint16_t window;
	uint8_t flags;
	uint8_t link;
	uint8_t options_length;
	uint8_t options[TCP_REPLY_OPTIONS];
};

/**
 * struct tcp_options - what a segment's options say (RFC 9293 3.2); host order
 * @mss: payload that a SYN's sender takes, as the option has it, with @has_mss
 * @scale: window scale of a SYN, with @has_scale
 * @value, @echo: TSval and TSecr, with @has_timestamps
 * @sack: the first @sack_count SACK blocks, unchecked
 */
#define TCP_SACK_BLOCKS 4
struct tcp_options {
	uint16_t mss;
	uint8_t scale;
	bool has_mss, has_scale, has_timestamps, sack_permitted;
	uint8_t sack_count;
	uint32_t value, echo;
	struct tcp_range sack[TCP_SACK_BLOCKS];
};

/**
 * struct tcp_slab - which records of an array are free
 * @links, @stride: where a free record's link (index + 1 of the next) is: first, distance
 * @fresh: records never used start here, so that unused memory stays untouched
 * @hold: freed records kept back as long as there are fresh ones
 */
struct tcp_slab {
	uint8_t *links;
	uint32_t stride;
	uint32_t limit, fresh, used, hold;
	uint32_t free_count;
	uint32_t free_head, free_tail; /* index + 1; oldest first */
};

struct tcp {
	uint64_t counters[TCP_COUNTER_COUNT];
	struct tcp_config config;
	uint16_t ports[TCP_PORTS_MAX];
	uint64_t now;   /* of the latest call that carried a time */
	uint64_t stood; /* us in which there was no such call for long */
	struct flow_table flows;
	struct tcp_connection *connections;
	struct tcp_embryonic *embryonic;
	struct tcp_time_wait *time_wait;
	struct tcp_side *sides;
	struct tcp_addresses *addresses[4]; /* by flow_kind; NULL without IPv6 */
	struct tcp_slab connection_slab, embryonic_slab, time_wait_slab, side_slab;
	uint32_t time_wait_head, time_wait_tail; /* index + 1, oldest first */
	uint32_t pending_head, pending_tail;     /* index + 1 */
	uint32_t *
		due; /* by group of connections: ms before which the sweep need not look, 0: none */
	uint32_t sweep_at; /* the group that it comes to next */
	/* Of connections whose peer takes nothing, in ms: the longest wait that this round of the
	 * sweep has met, and the least for which they are ended now. */
	uint32_t shut_longest, shut_limit;
	bool shut_measured;
	uint32_t live;
	chunk_id abandoned; /* reservations whose connection ended before tcp_commit() */
	/* TCP_UP_DATA that waits for its tcp_accept() */
	struct {
		tcp_id id;
		uint32_t length;
		bool fin;
		struct tcp_up *up;
	} delivery;
	struct rate_limit resets;
	struct siphash_key cookie_key;
	uint32_t cookie_epoch; /* number + 1 of the epoch that the latest cookie is of; 0: none */
	uint32_t reply_head, reply_count;
	struct tcp_reply replies[TCP_REPLIES];
	struct timer_wheel wheel;
};

/* One more of @counter. */
static inline void tcp_count(struct tcp *tcp, enum tcp_counter counter)
{
	counter_add(&tcp->counters[counter], 1);
}

static inline uint32_t tcp_index(const struct tcp *tcp, const struct tcp_connection *c)
{
	return (uint32_t)(c - tcp->connections);
}

static inline tcp_id tcp_id_of(const struct tcp *tcp, const struct tcp_connection *c)
{
	return (uint32_t)c->generation << 24 | tcp_index(tcp, c);
}

static inline flow_ref tcp_ref_of(const struct tcp *tcp, const struct tcp_connection *c)
{
	return flow_ref_of(FLOW_CONNECTION, tcp_index(tcp, c));
}

static inline flow_ref tcp_embryonic_ref(const struct tcp *tcp, const struct tcp_embryonic *e)
{
	return flow_ref_of(FLOW_EMBRYONIC, (uint32_t)(e - tcp->embryonic));
}

static inline flow_ref tcp_time_wait_ref(const struct tcp *tcp, const struct tcp_time_wait *w)
{
	return flow_ref_of(FLOW_TIME_WAIT, (uint32_t)(w - tcp->time_wait));
}

static inline uint32_t tcp_ms(uint64_t now)
{
	return (uint32_t)(now / MS);
}

/* The time of a call. */
static inline void tcp_clock(struct tcp *tcp, uint64_t now)
{
	int64_t gap = (int64_t)(now - tcp->now);

	/* Whole milliseconds: else what is reckoned by one clock and by the other, as the sweep
	 * does, is a millisecond apart at times and not at others. */
	if (gap > (int64_t)TCP_STOOD)
		tcp->stood += (uint64_t)gap / MS * MS;
	tcp->now = now;
}

/* ms in which the worker ran: while it stood no peer could be heard, so that is not their silence.
 */
static inline uint32_t tcp_running_ms(const struct tcp *tcp)
{
	return tcp_ms(tcp->now - tcp->stood);
}

/* The record of what only loss and reordering need; NULL if @c has none. */
static inline struct tcp_side *tcp_side_of(const struct tcp *tcp, const struct tcp_connection *c)
{
	return c->side ? &tcp->sides[c->side - 1] : NULL;
}

static inline struct tcp_message *tcp_message_at(const struct tcp *tcp, chunk_id id)
{
	return (struct tcp_message *)chunk_data(tcp->config.chunks, id);
}

/* The sending half of it, if that is in use. */
static inline struct tcp_scoreboard *tcp_board(
	const struct tcp *tcp, const struct tcp_connection *c)
{
	struct tcp_side *side = tcp_side_of(tcp, c);

	return side && side->out.active ? &side->out : NULL;
}

/* How much of @message leaves in the segment that begins with @seq. */
static inline uint32_t tcp_piece_length(
	const struct tcp_connection *c, const struct tcp_message *message, uint32_t seq)
{
	uint32_t rest = message->seq + message->length - seq;

	return rest < c->mss ? rest : c->mss;
}

/* SND.WND in bytes. */
static inline uint32_t tcp_send_window(const struct tcp_connection *c)
{
	return (uint32_t)c->snd_wnd << (c->shift & 15);
}

/* MAX.SND.WND in bytes. */
static inline uint32_t tcp_max_window(const struct tcp_connection *c)
{
	return (uint32_t)c->max_window << (c->shift & 15);
}

/* Bytes that we take from a peer with window scales @shift: what we promise at most. */
static inline uint32_t tcp_receive_window(const struct tcp *tcp, uint8_t shift)
{
	uint32_t window = tcp->config.receive_window;

	return window > UINT16_MAX && shift >> 4 == 0 ? UINT16_MAX : window;
}

/* The same as the header has it. */
static inline uint16_t tcp_window_field(const struct tcp *tcp, uint8_t shift)
{
	return (uint16_t)(tcp_receive_window(tcp, shift) >> (shift >> 4));
}

/** tcp_window_open() - bytes we take from the peer of @c now, user's holding considered. */
uint32_t tcp_window_open(const struct tcp *tcp, const struct tcp_connection *c);

/* The window that @c offers with its next segment, as the header has it. */
static inline uint16_t tcp_offer(const struct tcp *tcp, const struct tcp_connection *c)
{
	if (c->flags & TCP_WINDOW_CLOSED)
		return 0;
	if (c->side)
		return (uint16_t)(tcp_window_open(tcp, c) >> (c->shift >> 4));
	return tcp_window_field(tcp, c->shift);
}

/* The user closed: a FIN follows what is queued. */
static inline bool tcp_closing(const struct tcp_connection *c)
{
	return c->state >= TCP_FIN_WAIT_1;
}

static inline bool tcp_fin_sent(const struct tcp_connection *c)
{
	return seq_lt(c->snd_end, c->snd_nxt);
}
