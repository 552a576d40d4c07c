/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* tcp_state.h - private: the records of TCP and what its files share */
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
 * @order: their indices, two bits each, the one that changed last lowest: so SACK blocks are sent (RFC
 *	2018 section 4)
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
	uint32_t sweep_at;
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

/* tcp_flow.c, tcp_record.c */

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

	if (gap > (int64_t)TCP_STOOD)
		tcp->stood += (uint64_t)gap;
	tcp->now = now;
}

/* ms in which the worker ran: while it stood no peer could be heard, so that is not their silence. */
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

/** tcp_hash() - the flow table's hash of a tuple. */
uint64_t tcp_hash(const struct tcp *tcp, const struct tcp_tuple *tuple);

/** tcp_flow_of() - what a record keeps of @tuple. Return: is it IPv6? */
bool tcp_flow_of(const struct tcp *tcp, const struct tcp_tuple *tuple, struct tcp_flow *flow);

/** tcp_addresses_at() - where the addresses of an IPv6 flow's record lie. */
struct tcp_addresses *tcp_addresses_at(const struct tcp *tcp, flow_ref ref);

/** tcp_hash_at() - the hash that a record's flow slot was filed under. */
uint64_t tcp_hash_at(const struct tcp *tcp, flow_ref ref);

/** tcp_tuple_at() - the tuple of a record. */
void tcp_tuple_at(const struct tcp *tcp, flow_ref ref, struct tcp_tuple *tuple);

/** tcp_side_borrow() - the side record of @c, taken from the pool if it has none.
 * Return: NULL, counted, if all are in use. */
struct tcp_side *tcp_side_borrow(struct tcp *tcp, struct tcp_connection *c);

/** tcp_side_return() - give the side record of @c back once neither half is in use. */
void tcp_side_return(struct tcp *tcp, struct tcp_connection *c);

/** tcp_lookup() - the record of a flow; 0 if there is none. */
flow_ref tcp_lookup(const struct tcp *tcp, const struct tcp_tuple *tuple, uint64_t hash);

/** tcp_find() - the connection an id names; NULL if that has ended. */
struct tcp_connection *tcp_find(struct tcp *tcp, tcp_id id);

/** tcp_connection_new() - a connection for @tuple in state SYN-SENT, with a flow slot and nothing
 * else. Return: NULL, counted, if there is no room. */
struct tcp_connection *tcp_connection_new(
	struct tcp *tcp, const struct tcp_tuple *tuple, uint64_t hash);

/** tcp_connection_open() - a connection for a handshake that @e has come through; it takes over the
 * flow slot and frees @e. Return: NULL if all are in use (nothing is changed). */
struct tcp_connection *tcp_connection_open(
	struct tcp *tcp, struct tcp_embryonic *e, const struct tcp_segment *segment);

/** tcp_connection_open_flow() - the same for a handshake that had no record, only what @e says: it
 * gets a flow slot. Return: NULL, counted, if there is no room. */
struct tcp_connection *tcp_connection_open_flow(struct tcp *tcp, const struct tcp_embryonic *e,
	const struct tcp_segment *segment, uint64_t hash);

/** tcp_connection_established() - @c, whose fields are set, is open (its snd_wnd is the peer's).
 * @again: its SYN went more than once; @ms: time from SYN to answer else, UINT32_MAX: not known */
void tcp_connection_established(struct tcp *tcp, struct tcp_connection *c, bool again, uint32_t ms);

/** tcp_connection_free() - end a connection: queue, timer, flow slot; its id is void after this. */
void tcp_connection_free(struct tcp *tcp, struct tcp_connection *c);

/** tcp_connection_time_wait() - the same, leaving a TIME-WAIT record behind. Return: that. */
struct tcp_time_wait *tcp_connection_time_wait(struct tcp *tcp, struct tcp_connection *c);

/** tcp_connection_unpend() - @c left the pending list: if it was freed on it, it is free now. */
void tcp_connection_unpend(struct tcp *tcp, struct tcp_connection *c);

/** tcp_connection_reset() - the same, sending RST. */
void tcp_connection_reset(struct tcp *tcp, struct tcp_connection *c);

/** tcp_embryonic_new() - a record for @tuple in flow slot @was (0: a new one).
 * Return: NULL, counted, if there is no room. */
struct tcp_embryonic *tcp_embryonic_new(
	struct tcp *tcp, const struct tcp_tuple *tuple, uint64_t hash, flow_ref was);

/** tcp_embryonic_free() - forget a handshake; @flow: and its flow slot. */
void tcp_embryonic_free(struct tcp *tcp, struct tcp_embryonic *e, bool flow);

/** tcp_time_wait_free() - forget a TIME-WAIT record; @flow: and its flow slot. */
void tcp_time_wait_free(struct tcp *tcp, struct tcp_time_wait *w, bool flow);

/** tcp_time_wait_restart() - another 2 MSL. */
void tcp_time_wait_restart(struct tcp *tcp, struct tcp_time_wait *w);

/* tcp_listen.c */

/** tcp_isn() - the first number of a new incarnation of @flow (RFC 6528) */
uint32_t tcp_isn(const struct tcp *tcp, const struct tcp_flow *flow);

/** tcp_listen() - @segment, a SYN, becomes the handshake @e, whose iss is set; it is answered. What
 * else it carries is ignored: the peer sends it again. */
void tcp_listen(struct tcp *tcp, struct tcp_embryonic *e, const struct tcp_segment *segment);

/** tcp_closed_in() - a segment of a flow that has no record: states CLOSED and LISTEN.
 * Return: the connection that its cookie opens: the segment is then looked at in its state. */
struct tcp_connection *tcp_closed_in(
	struct tcp *tcp, const struct tcp_segment *segment, uint64_t hash);

/**
 * tcp_embryonic_in() - a segment in state SYN-RECEIVED
 * Return: the connection if the handshake is complete: the segment is then looked at in its state.
 */
struct tcp_connection *tcp_embryonic_in(
	struct tcp *tcp, struct tcp_embryonic *e, const struct tcp_segment *segment);

/** tcp_embryonic_due() - the timer of a handshake: SYN-ACK again, or the end of it. */
void tcp_embryonic_due(struct tcp *tcp, struct tcp_embryonic *e);

/** tcp_tell_closed() - @c ends and its user is to know, unless it closed. */
static inline void tcp_tell_closed(const struct tcp *tcp, const struct tcp_connection *c,
	struct tcp_up *up, enum tcp_reason reason)
{
	if (c->flags & TCP_ORPHAN)
		return;
	up->id = tcp_id_of(tcp, c);
	up->events |= TCP_UP_CLOSED;
	up->reason = (uint8_t)reason;
	tcp_tuple_at(tcp, tcp_ref_of(tcp, c), &up->tuple);
	memcpy(up->user, c->user, sizeof(up->user));
}

/* tcp_cookie.c */

/** tcp_cookie_init() - its key, from that of the ISNs. */
void tcp_cookie_init(struct tcp *tcp);

/** tcp_cookies_wanted() - are so many handshakes under way that no more are kept? */
bool tcp_cookies_wanted(const struct tcp *tcp);

/** tcp_cookie_send() - answer @segment, a SYN, and keep nothing. */
void tcp_cookie_send(struct tcp *tcp, const struct tcp_segment *segment);

/**
 * tcp_cookie_in() - is @segment, an ACK of no connection, the answer to a cookie?
 * @connection: receives what it opens; NULL, counted, if there is no room
 * Return: false: no, it is a stranger's.
 */
bool tcp_cookie_in(struct tcp *tcp, const struct tcp_segment *segment, uint64_t hash,
	struct tcp_connection **connection);

/* tcp_challenge.c */

/** tcp_challenge() - a challenge ACK, unless there were too many this second (RFC 5961 section 7) */
void tcp_challenge(struct tcp *tcp, struct tcp_connection *c);

/** tcp_refuse() - RST to a segment that should not exist (RFC 9293 3.10.7.1), unless there were too
 * many; none to an RST. */
void tcp_refuse(struct tcp *tcp, const struct tcp_segment *segment);

/** tcp_reset_charge() - @segment is dropped where without the record that it met it would have been
 * refused: it takes its share of the RSTs as if it had been. Return: there was some left. */
bool tcp_reset_charge(struct tcp *tcp, const struct tcp_segment *segment);

/* tcp_time_wait.c */

/** tcp_time_wait_in() - a segment in state TIME-WAIT. */
void tcp_time_wait_in(
	struct tcp *tcp, struct tcp_time_wait *w, const struct tcp_segment *segment, uint64_t hash);

/** tcp_time_wait_ack() - the ACK of one that waits. */
void tcp_time_wait_ack(struct tcp *tcp, const struct tcp_time_wait *w);

/* tcp_connect.c */

/** tcp_connect_in() - a segment in SYN-SENT, or in a connection's SYN-RECEIVED (RFC 9293 3.10.7.3)
 * Return: @c is established; what @segment carries besides is still to be looked at. */
bool tcp_connect_in(struct tcp *tcp, struct tcp_connection *c, const struct tcp_segment *segment,
	struct tcp_up *up);

/** tcp_connect_out() - SYN, SYN-ACK or ACK of a handshake of ours. Return: false: nothing is due.
 */
bool tcp_connect_out(struct tcp *tcp, struct tcp_connection *c, struct tcp_out *out);

/** tcp_connect_due() - the timer of such a handshake: the SYN again, or the end of it. */
void tcp_connect_due(struct tcp *tcp, struct tcp_connection *c, struct tcp_up *up);

/* tcp_in.c */

/** tcp_fin_in() - the peer's FIN is next in order (RFC 9293 3.10.7.4, step eight); may end @c. */
void tcp_fin_in(struct tcp *tcp, struct tcp_connection *c);

/** tcp_deliver() - tell the user of the bytes that are next; its tcp_accept() is due. */
void tcp_deliver(struct tcp *tcp, struct tcp_connection *c, const uint8_t *data, uint32_t length,
	bool fin, struct tcp_up *up);

/* tcp_reassembly.c */

/**
 * tcp_reassembly_in() - keep bytes (and a FIN) ahead of RCV.NXT, within the window
 * Return: false if there was no room for all of them.
 */
bool tcp_reassembly_in(struct tcp *tcp, struct tcp_connection *c, uint32_t seq, const uint8_t *data,
	uint32_t length, bool fin);

/**
 * tcp_reassembly_gap() - of @length bytes that are next, where @c has a side record: how many come
 * before what is kept
 * @fin: a FIN follows the segment's bytes; receives whether one follows those that are left
 */
uint32_t tcp_reassembly_gap(
	const struct tcp *tcp, const struct tcp_connection *c, uint32_t length, bool *fin);

/** tcp_reassembly_forget() - give back all that is kept: it is no longer reported. */
void tcp_reassembly_forget(struct tcp *tcp, struct tcp_connection *c);

/** tcp_duplicate_note() - [start, end) came once more: the next ACK says so (RFC 2883). */
void tcp_duplicate_note(struct tcp *tcp, struct tcp_connection *c, uint32_t start, uint32_t end);

/** tcp_sack_blocks() - what the next ACK of @c, which has a side record, reports.
 * Return: blocks, at most @room. */
unsigned tcp_sack_blocks(
	struct tcp *tcp, struct tcp_connection *c, struct tcp_range *blocks, unsigned room);

/* tcp_ack.c */

/**
 * tcp_ack_in() - the ACK field of an acceptable segment, and what of its options concerns sending
 * @options: NULL if it has none
 * Return: false if the segment is done with: the ACK is no good, or @c has ended by it.
 */
bool tcp_ack_in(struct tcp *tcp, struct tcp_connection *c, const struct tcp_segment *segment,
	const struct tcp_options *options);

/* tcp_sack.c */

/**
 * tcp_sack_in() - SACK blocks of an acceptable ACK, after SND.UNA has moved by it; host order
 * Return: bytes they report for the first time; -1 if there is no record to remember them in.
 */
int32_t tcp_sack_in(
	struct tcp *tcp, struct tcp_connection *c, const struct tcp_range *blocks, unsigned count);

/** tcp_sack_acked() - SND.UNA has moved: what lies below is no longer of interest. */
void tcp_sack_acked(struct tcp *tcp, struct tcp_connection *c);

/** tcp_sack_forget() - believe nothing any more, and end a recovery by the scoreboard. */
void tcp_sack_forget(struct tcp *tcp, struct tcp_connection *c);

/** tcp_board_borrow() - the scoreboard of @c, activated if need be. Return: NULL if none is free. */
struct tcp_scoreboard *tcp_board_borrow(struct tcp *tcp, struct tcp_connection *c);

/** tcp_board_return() - give the scoreboard of @c, which has one, back if nothing needs it. */
void tcp_board_return(struct tcp *tcp, struct tcp_connection *c);

/** tcp_sack_lost_edge() - what is not reported and below this number is lost: IsLost(). */
uint32_t tcp_sack_lost_edge(const struct tcp_connection *c, const struct tcp_scoreboard *board);

/** tcp_sack_below() - bytes below @seq that are reported. */
uint32_t tcp_sack_below(const struct tcp_scoreboard *board, uint32_t seq);

/** tcp_sack_pipe() - bytes in the network: SetPipe(). */
uint32_t tcp_sack_pipe(const struct tcp_connection *c, const struct tcp_scoreboard *board);

/** tcp_sack_hole() - NextSeg() rules 1 (@lost) and 3: where the next hole begins, if there is one. */
bool tcp_sack_hole(const struct tcp_connection *c, const struct tcp_scoreboard *board, bool lost,
	uint32_t *seq);

/** tcp_sack_rescue() - NextSeg() rule 4: the highest number that is not reported, if it is due. */
bool tcp_sack_rescue(
	const struct tcp_connection *c, const struct tcp_scoreboard *board, uint32_t *seq);

/* tcp_recovery.c */

/** tcp_recovery_duplicate() - a duplicate ACK, or news of what the peer holds out of order. */
void tcp_recovery_duplicate(struct tcp *tcp, struct tcp_connection *c);

/** tcp_recovery_acked() - @bytes were acknowledged while @flight bytes were in flight. */
void tcp_recovery_acked(struct tcp *tcp, struct tcp_connection *c, uint32_t bytes, uint32_t flight);

/**
 * tcp_recovery_next() - what to send again in a recovery by the scoreboard, booked as sent
 * @lost: only what is lost, NextSeg() rule 1; else rules 3 and 4
 * @message: NULL for the FIN
 * Return: false if there is nothing, or neither window lets it out.
 */
bool tcp_recovery_next(const struct tcp *tcp, struct tcp_connection *c, bool lost,
	const struct tcp_message **message, uint32_t *seq, uint32_t *length);

/** tcp_recovery_first() - fast retransmit has sent the segment from SND.UNA to @end again. */
void tcp_recovery_first(struct tcp *tcp, struct tcp_connection *c, uint32_t end);

/** tcp_recovery_skip() - going back after a time-out: step over what the peer holds. */
void tcp_recovery_skip(struct tcp *tcp, struct tcp_connection *c);

/**
 * tcp_recovery_crowded() - going back after a time-out: are enough messages in flight again?
 *
 * A message is a segment of its own, and the window counts bytes: a hundred messages of a few bytes
 * would all be sent again at once, though the first ACK tells which of them the peer has.
 */
bool tcp_recovery_crowded(const struct tcp *tcp, const struct tcp_connection *c);

/** tcp_recovery_room() - bytes the congestion window lets out, where @c has a side record. */
uint32_t tcp_recovery_room(const struct tcp *tcp, const struct tcp_connection *c);

/* tcp_options.c */

/** tcp_options_read() - what @length bytes of options say; what is malformed ends the reading. */
void tcp_options_read(const uint8_t *bytes, unsigned length, struct tcp_options *options);

/**
 * tcp_timestamp() - TSval of a flow now: a clock of 1 ms from a start that is the flow's own, so
 * that it tells nothing of other flows or of our uptime (RFC 7323 5.4)
 */
uint32_t tcp_timestamp(const struct tcp *tcp, const struct tcp_flow *flow);

/** tcp_scale() - the window scale that we offer, where we offer one (RFC 7323 2.3). */
uint8_t tcp_scale(const struct tcp *tcp);

/** tcp_mss() - payload of a flow's segments before options: at most what links and @peer carry. */
uint16_t tcp_mss(const struct tcp *tcp, bool ipv6, uint16_t peer);

/**
 * struct tcp_syn_options - the options of a SYN or SYN-ACK
 * @scale: our window scale, with @has_scale
 */
struct tcp_syn_options {
	uint16_t mss;
	uint8_t scale;
	bool has_scale, sack, timestamps;
	uint32_t value, echo;
};

/** tcp_syn_options_write() - as Linux orders them. Return: bytes, at most TCP_REPLY_OPTIONS. */
uint8_t tcp_syn_options_write(const struct tcp_syn_options *options, uint8_t *bytes);

/** tcp_timestamps_write() - NOP, NOP, timestamps. Return: bytes. */
uint8_t tcp_timestamps_write(uint8_t *bytes, uint32_t value, uint32_t echo);

/** tcp_options_write() - the options of a segment of @c with @length bytes of text.
 * Return: bytes, a multiple of 4, at most 40. */
uint8_t tcp_options_write(
	struct tcp *tcp, struct tcp_connection *c, uint32_t length, uint8_t *bytes);

/** tcp_peer_mss() - what a SYN with @options says, or what holds where it says nothing. */
static inline uint16_t tcp_peer_mss(const struct tcp_options *options, bool ipv6)
{
	if (options->has_mss)
		return options->mss;
	return ipv6 ? TCP_MSS_DEFAULT_IPV6 : TCP_MSS_DEFAULT;
}

enum tcp_paws { TCP_PAWS_GOOD, TCP_PAWS_ABSENT, TCP_PAWS_OLD };

/**
 * tcp_paws() - are the timestamps of an acceptable segment without RST good (RFC 7323 3.2, 5.3)?
 * @recent: TS.Recent of its flow; @age: ms since that was in use. After 24 days the sign of a
 *	difference says nothing any more (5.5).
 */
enum tcp_paws tcp_paws(const struct tcp_options *options, uint32_t recent, uint32_t age);

/* RFC 7323 5.2: is @value, of a segment of its flow, older than @recent? */
static inline bool tcp_timestamp_old(uint32_t value, uint32_t recent)
{
	return (int32_t)(value - recent) < 0;
}

/* tcp_queue.c */

/** tcp_queue_acked() - free the messages below snd_una. */
void tcp_queue_acked(struct tcp *tcp, struct tcp_connection *c);

/** tcp_queue_rewind() - send from snd_una on, again. */
void tcp_queue_rewind(struct tcp_connection *c);

/** tcp_queue_free() - free all messages; an open reservation is kept until the next output. */
void tcp_queue_free(struct tcp *tcp, struct tcp_connection *c);

/* tcp_congestion.c */

/** tcp_rto_base() - the retransmission timeout without its backoff, in ms. */
uint32_t tcp_rto_base(const struct tcp_connection *c);

/** tcp_rto() - the retransmission timeout now, backoff included, in us. */
uint64_t tcp_rto(const struct tcp_connection *c);

/** tcp_rtt_sample() - a round trip of @ms was measured (RFC 6298 section 2). */
void tcp_rtt_sample(struct tcp_connection *c, uint32_t ms);

/** tcp_congestion_open() - a new connection's window (RFC 6928); @lost: its SYN-ACK went again */
void tcp_congestion_open(struct tcp_connection *c, bool lost);

/** tcp_congestion_acked() - @bytes were acknowledged while @flight bytes were in flight. */
void tcp_congestion_acked(struct tcp_connection *c, uint32_t bytes, uint32_t flight);

/**
 * tcp_congestion_duplicate() - one more duplicate ACK
 * @lost: the segment at SND.UNA is lost for certain
 * Return: true if fast recovery begins; the window is ssthresh then.
 */
bool tcp_congestion_duplicate(struct tcp_connection *c, bool lost);

/** tcp_congestion_resize() - segments of @mss from now on, and all in flight again: it was lost for
 * its size. The windows stay in bytes, as it was no congestion, but begin with an initial one. */
void tcp_congestion_resize(struct tcp_connection *c, uint16_t mss);

/** tcp_congestion_timeout() - the retransmission timer expired. */
void tcp_congestion_timeout(struct tcp_connection *c);

/** tcp_congestion_idle() - after an idle time the window is an initial one again. */
void tcp_congestion_idle(struct tcp_connection *c);

/* tcp_out.c */

/** tcp_pend() - have tcp_output() look at @c. */
void tcp_pend(struct tcp *tcp, struct tcp_connection *c);

/** tcp_owe_ack() - an ACK leaves with the next output. */
void tcp_owe_ack(struct tcp *tcp, struct tcp_connection *c);

/** tcp_owe_duplicate() - an ACK of its own leaves for each call (up to 3 in a turn). */
void tcp_owe_duplicate(struct tcp *tcp, struct tcp_connection *c);

/** tcp_window_blocked() - what is next to send waits for the window, nothing is in flight. */
bool tcp_window_blocked(const struct tcp *tcp, const struct tcp_connection *c);

/* tcp_reply.c */

/**
 * tcp_reply() - queue a segment that belongs to no connection
 * Return: NULL, counted, if too many wait; else it, for its options and its window (the largest
 * without a scale; of an RST 0) to be changed.
 */
struct tcp_reply *tcp_reply(struct tcp *tcp, const struct tcp_tuple *tuple, uint8_t link,
	uint8_t flags, uint32_t seq, uint32_t ack);

/** tcp_reply_of() - the same for a flow that has a record. */
static inline struct tcp_reply *tcp_reply_of(
	struct tcp *tcp, flow_ref ref, uint8_t link, uint8_t flags, uint32_t seq, uint32_t ack)
{
	struct tcp_tuple tuple;

	tcp_tuple_at(tcp, ref, &tuple);
	return tcp_reply(tcp, &tuple, link, flags, seq, ack);
}

/** tcp_reply_out() - the oldest of them, to be sent; there is one. */
void tcp_reply_out(struct tcp *tcp, struct tcp_out *out);

/* tcp_path.c */

/** tcp_path_lost() - the first segment in flight is lost. Return: true if it was too big for the
 * path: all is sent again, smaller, and there is nothing else to be done about the loss. */
bool tcp_path_lost(struct tcp *tcp, struct tcp_connection *c);

/** tcp_path_acked() - SND.UNA has moved: if beyond the segment in question, it was not too big. */
void tcp_path_acked(const struct tcp_connection *c, struct tcp_scoreboard *board);

/* tcp_persist.c */

/** tcp_chunks_short() - less than an eighth of a class of chunks is left. */
bool tcp_chunks_short(const struct tcp *tcp);

/** tcp_persist_patient() - @c waits for a window, and its peer, which answers, is waited for. */
bool tcp_persist_patient(const struct tcp *tcp, const struct tcp_connection *c);

/** tcp_persist_sweep_begin() - a call of the sweep begins. Return: are chunks short? */
bool tcp_persist_sweep_begin(struct tcp *tcp);

/** tcp_persist_round() - the sweep has come round. */
void tcp_persist_round(struct tcp *tcp);

/** tcp_persist_shut() - chunks are short: is @c one that holds them longest, to be ended? */
bool tcp_persist_shut(struct tcp *tcp, struct tcp_connection *c);

/* tcp_keepalive.c */

/** tcp_keepalive_sweep() - nothing came for the configured time: ask, if nothing is under way. */
void tcp_keepalive_sweep(struct tcp *tcp, struct tcp_connection *c);

/** tcp_keepalive_due() - an answer is overdue. Return: false if there will be none. */
bool tcp_keepalive_due(struct tcp *tcp, struct tcp_connection *c);

/** tcp_keepalive_end() - there is something to send: the timer is that one's. */
static inline void tcp_keepalive_end(struct tcp_connection *c)
{
	if (c->flags & TCP_KEEPALIVE) {
		c->flags &= (uint16_t) ~(TCP_KEEPALIVE | TCP_PROBE);
		timer_stop(&c->timer);
	}
}

/* tcp_timer.c */

/** tcp_progress() - the peer acknowledged something, or a wait begins: give-up restarts. */
void tcp_progress(struct tcp *tcp, struct tcp_connection *c);

/** tcp_stalled() - us without progress; good up to 2^16 ticks (9 min), and asked once a minute. */
static inline uint64_t tcp_stalled(const struct tcp *tcp, const struct tcp_connection *c)
{
	uint16_t ticks = (uint16_t)(wheel_tick(tcp->now) - c->timer.since);

	return (uint64_t)ticks << WHEEL_TICK_SHIFT;
}

/* ms since the last valid segment of @c in which the worker ran. */
static inline uint32_t tcp_silent(const struct tcp *tcp, const struct tcp_connection *c)
{
	return tcp_running_ms(tcp) - c->tick;
}

/** tcp_give_up() - us without progress after which a connection may be ended: R2 of RFC 1122. */
static inline uint64_t tcp_give_up(const struct tcp *tcp)
{
	return tcp->config.user_timeout_us ? tcp->config.user_timeout_us : TCP_USER_TIMEOUT;
}

/** tcp_timer_start() - retransmit or probe after one RTO from now, not past the give-up time. */
void tcp_timer_start(struct tcp *tcp, struct tcp_connection *c);
