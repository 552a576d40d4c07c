/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* tcp.h - TCP as a pure state machine (RFC 9293): segment and time in, actions out */
#pragma once

#include "chunk.h"
#include "counter.h"
#include "crypto/siphash.h"
#include "address.h"
#include "pool_view.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * No DPDK, no clock, no malloc, no I/O in this folder: memory comes from the caller once, time
 * with each call (microseconds, monotonic), segments as structs. One thread per struct tcp.
 *
 * The one above (the "user") learns of things through struct tcp_up, one per tcp_input() call or
 * several per tcp_timers()/tcp_sweep() call, and must handle each before its next call.
 */

/* Generation in the top 8 bits, slab index below; 0 names no connection. */
typedef uint32_t tcp_id;

/** struct tcp_tuple - a flow as seen from our end; ports in network byte order */
struct tcp_tuple {
	struct ip_address remote, local;
	uint16_t remote_port, local_port;
};

/* Header flags, RFC 9293 section 3.1. */
#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_PSH 0x08
#define TCP_ACK 0x10
#define TCP_URG 0x20

/**
 * struct tcp_segment - one segment that arrived; checksum verified, lengths checked, host order
 * @link: index of the link it came by; answers leave there
 */
struct tcp_segment {
	struct tcp_tuple tuple;
	uint32_t seq, ack;
	uint16_t window;
	uint8_t flags;
	uint8_t link;
	uint8_t options_length; /* 0..40 */
	const uint8_t *options;
	const uint8_t *payload;
	uint32_t length;
};

/**
 * struct tcp_out - one segment to send, for the one below to write headers and checksum around
 * @payload: valid until the next call into this struct tcp
 */
struct tcp_out {
	struct tcp_tuple tuple;
	uint32_t seq, ack;
	uint16_t window;
	uint8_t flags;
	uint8_t link;
	uint8_t options_length; /* a multiple of 4 */
	uint8_t options[40];
	const uint8_t *payload;
	uint32_t length;
};

/* What the user is told. Several may be set at once; handle them in this order. */
#define TCP_UP_OPENED                                                                              \
	0x01             /* the handshake is complete; user bytes as tcp_connect() set them, or 0 */
#define TCP_UP_DATA 0x02 /* in-order bytes at data/length: call tcp_accept() at once */
#define TCP_UP_FINISHED 0x04 /* the peer sent FIN: no more data will come */
#define TCP_UP_CLOSED 0x08   /* the connection is gone, see reason; the id is void already */
#define TCP_UP_DEADLINE 0x10 /* the time set by tcp_set_deadline() has come (it is cleared) */

/* Why TCP_UP_CLOSED. An orderly end is the user's own tcp_close(): it hears nothing more then. */
enum tcp_reason {
	TCP_REASON_NONE,
	TCP_REASON_RESET,   /* the peer sent RST, or refused */
	TCP_REASON_TIMEOUT, /* retransmissions gave up */
	TCP_REASON_IDLE     /* no progress for config.idle_us */
};

/** Bytes of each connection that belong to the user (tcp_user()). */
#define TCP_USER_BYTES 16

/**
 * struct tcp_up - what the user is told
 * @data, @length: TCP_UP_DATA: bytes in order, where they lie in the packet
 * @tuple, @user: TCP_UP_CLOSED: flow and user's bytes of the connection that ended
 */
struct tcp_up {
	tcp_id id;
	uint8_t events; /* TCP_UP_*; 0: nothing for the user */
	uint8_t reason; /* enum tcp_reason */
	const uint8_t *data;
	uint32_t length;
	struct tcp_tuple tuple;
	_Alignas(8) uint8_t user[TCP_USER_BYTES];
};

/**
 * struct tcp_config - sizes and times, fixed for the life of a struct tcp
 * @connections: live connections, at most 2^24 - 1
 * @embryonic: handshakes under way (SYN-RECEIVED), at most
 * @time_wait: TIME_WAIT records, at most (the oldest gives way); at least 1
 * @sides: records of what only loss and reordering need, a capped pool: 1..65535
 * @ipv6: keep room for IPv6 addresses beside every record; without it IPv6 flows are refused
 * @receive_window: bytes offered while chunks are to be had, 536..2^20; more than 65535 only to
 *	peers that know window scales
 * @send_bytes: unacknowledged plus unsent bytes a connection may hold
 * @mss: largest payload we offer to receive, and send; at least 536. Over IPv6 20 bytes less, and
 *	12 less with timestamps.
 * @idle_us: a connection without any valid segment for so long is reset; time between two calls
 *	that lie more than a second apart does not count
 * @keepalive_us: a peer that was silent for so long is asked whether it is still there; at least
 *	1 s; 0: never (the default that RFC 9293 3.8.4 demands)
 * @user_timeout_us: a connection is ended that makes no progress for so long and whose peer does
 *	not answer (R2 of RFC 1122 4.2.3.5); 1 s to 8 min; 0: 60 s
 * @cookies_above: so many handshakes under way, and SYNs are answered by cookies that keep nothing;
 *	0: three quarters of @embryonic; more than @embryonic: never
 * @no_timestamps, @no_sack, @no_scale: options that are neither offered nor agreed to; for tests
 * @ports, @port_count: local ports that listen, network byte order; 0 (one
 *	that only connects) to 64, copied
 * @flow_key, @isn_key: random keys
 * @chunks: where unacknowledged bytes are kept; shared with the user
 */
struct tcp_config {
	uint32_t connections;
	uint32_t embryonic;
	uint32_t time_wait;
	uint32_t sides;
	bool ipv6;
	uint32_t receive_window;
	uint32_t send_bytes;
	uint16_t mss;
	uint64_t idle_us;
	uint64_t keepalive_us;
	uint32_t user_timeout_us;
	bool no_timestamps, no_sack, no_scale;
	uint32_t cookies_above;
	const uint16_t *ports;
	unsigned port_count;
	struct siphash_key flow_key;
	struct siphash_key isn_key;
	struct chunk_pool *chunks;
};

#define TCP_COUNTERS(X)                                                                            \
	X(TCP_OPENED, "tcp_opened", "connections whose handshake completed")                       \
	X(TCP_CLOSED, "tcp_closed", "connections ended, for whatever reason")                      \
	X(TCP_RESET_IN, "tcp_reset_in", "connections ended by a peer's RST")                       \
	X(TCP_RESET_OUT, "tcp_reset_out", "RST segments sent")                                     \
	X(TCP_TIMED_OUT, "tcp_timed_out", "connections ended because retransmissions gave up")     \
	X(TCP_IDLE, "tcp_idle", "connections ended because nothing valid came for the idle time")  \
	X(TCP_RETRANSMIT, "tcp_retransmit", "segments sent again")                                 \
	X(TCP_DROP_NO_LISTENER, "tcp_drop_no_listener", "segments to a port nobody listens on")    \
	X(TCP_DROP_NO_CONNECTION, "tcp_drop_no_connection", "segments of an unknown connection")   \
	X(TCP_DROP_FLAGS, "tcp_drop_flags", "segments whose flags make no sense in the state")     \
	X(TCP_DROP_OUT_OF_WINDOW, "tcp_drop_out_of_window", "segments outside the receive window") \
	X(TCP_OUT_OF_ORDER, "tcp_out_of_order", "segments ahead of the next byte that were kept")  \
	X(TCP_DROP_OUT_OF_ORDER, "tcp_drop_out_of_order",                                          \
		"segments ahead of the next byte, not kept for lack of room: asked for again")     \
	X(TCP_RETRACTED, "tcp_retracted",                                                          \
		"stretches of out-of-order bytes given up again for lack of room")                 \
	X(TCP_DROP_HELD, "tcp_drop_held", "bytes beyond what a user that holds bytes takes")       \
	X(TCP_DROP_BAD_ACK, "tcp_drop_bad_ack", "segments that acknowledge what was never sent")   \
	X(TCP_DROP_NO_CHUNK, "tcp_drop_no_chunk", "bytes refused because no chunk was free")       \
	X(TCP_DROP_AFTER_CLOSE, "tcp_drop_after_close", "bytes that came after the user closed")   \
	X(TCP_FULL_CONNECTIONS, "tcp_full_connections",                                            \
		"handshakes refused: all connections in use")                                      \
	X(TCP_FULL_EMBRYONIC, "tcp_full_embryonic", "SYNs refused: too many handshakes under way") \
	X(TCP_FULL_FLOWS, "tcp_full_flows", "SYNs refused: no flow slot within the probe limit")   \
	X(TCP_SYN_EXPIRED, "tcp_syn_expired", "handshakes that were never completed")              \
	X(TCP_SYN_RESET, "tcp_syn_reset", "handshakes ended by the peer's RST")                    \
	X(TCP_CHALLENGE_ACK, "tcp_challenge_ack", "challenge ACKs sent (RFC 5961)")                \
	X(TCP_ICMP_SOFT, "tcp_icmp_soft", "ICMP errors that did not disturb a connection")         \
	X(TCP_DROP_ICMP, "tcp_drop_icmp", "ICMP errors about nothing that is in flight")           \
	X(TCP_DROP_TOO_BIG, "tcp_drop_too_big",                                                    \
		"path MTU messages without use: not smaller, too small, or no recovery record")    \
	X(TCP_PATH_MTU, "tcp_path_mtu", "times that a path turned out to carry less")              \
	X(TCP_PROBE_OUT, "tcp_probe_out", "zero-window probes sent")                               \
	X(TCP_SHUT_OUT, "tcp_shut_out",                                                            \
		"connections ended that held chunks behind a shut window for longest")             \
	X(TCP_KEEPALIVE_OUT, "tcp_keepalive_out", "keep-alives sent")                              \
	X(TCP_KEEPALIVE_DEAD, "tcp_keepalive_dead",                                                \
		"idle connections ended because no keep-alive was answered")                       \
	X(TCP_SEND_NO_CHUNK, "tcp_send_no_chunk", "messages refused because no chunk was free")    \
	X(TCP_FULL_SIDES, "tcp_full_sides",                                                        \
		"losses or gaps met without a recovery record: all are in use")                    \
	X(TCP_DROP_FAMILY, "tcp_drop_family", "SYNs refused: IPv6 is not configured")              \
	X(TCP_DROP_PAWS, "tcp_drop_paws", "segments with a timestamp of the past")                 \
	X(TCP_DROP_NO_TIMESTAMPS, "tcp_drop_no_timestamps",                                        \
		"segments without the timestamps that were agreed on")                             \
	X(TCP_CONNECT_IN_USE, "tcp_connect_in_use",                                                \
		"connections of ours not begun: the flow is in use")                               \
	X(TCP_TIME_WAIT_SHORT, "tcp_time_wait_short",                                              \
		"TIME-WAIT records that gave way to a newer one")                                  \
	X(TCP_COOKIE_SENT, "tcp_cookie_sent", "SYNs answered by a cookie: nothing was kept")       \
	X(TCP_COOKIE_ACCEPTED, "tcp_cookie_accepted", "connections opened by a cookie")            \
	X(TCP_COOKIE_BAD, "tcp_cookie_bad",                                                        \
		"ACKs of no connection whose cookie is forged, old or none")                       \
	X(TCP_DROP_RESET_LIMIT, "tcp_drop_reset_limit",                                            \
		"segments of no connection left unanswered: too many RSTs")                        \
	X(TCP_DROP_REPLY, "tcp_drop_reply",                                                        \
		"SYN-ACKs, RSTs and ACKs to no connection: too many in one turn")
COUNTER_ENUM(tcp_counter, TCP_COUNTERS, TCP_COUNTER_COUNT);
extern const struct counter_info tcp_counter_info[TCP_COUNTER_COUNT];

struct tcp;

/** tcp_bytes() - memory that tcp_init() needs for @config. */
size_t tcp_bytes(const struct tcp_config *config);

/**
 * tcp_init() - lay a TCP out in zeroed, 64-byte aligned @memory of tcp_bytes()
 * Return: it, or NULL if @config is out of range.
 */
struct tcp *tcp_init(void *memory, const struct tcp_config *config, uint64_t now);

/** struct tcp_place - where a segment's connection is likely to be; filled in by the two passes */
struct tcp_place {
	uint64_t hash;
	uint32_t ref;
};

/** tcp_locate_flows() - first pass over a burst: hash the segments' tuples, prefetch their flow
 * slots. */
void tcp_locate_flows(struct tcp *tcp, const struct tcp_segment *segments, struct tcp_place *places,
	unsigned count);

/** tcp_locate_connections() - second pass: match tags, prefetch the likely connections. */
void tcp_locate_connections(struct tcp *tcp, struct tcp_place *places, unsigned count);

/** tcp_bring_near() - shortly before tcp_input(): what the second pass asked for may have come and
 * gone again, out of the first cache. */
void tcp_bring_near(const struct tcp *tcp, const struct tcp_place *place);

/**
 * tcp_input() - third pass: one segment (RFC 9293 section 3.10.7)
 * @place: what both passes say of it; it may have been true only until an earlier segment came
 * @up: filled in; up->events == 0 when the user has nothing to do
 *
 * ACKs, SYN-ACKs and RSTs that it causes are queued for tcp_output().
 */
void tcp_input(struct tcp *tcp, const struct tcp_segment *segment, const struct tcp_place *place,
	uint64_t now, struct tcp_up *up);

/**
 * tcp_connect() - active open (RFC 9293 3.10.1); ports of ours need not listen
 * @link: the link it leaves by
 * @user: the connection's user bytes, copied; NULL: zeroes
 *
 * TCP_UP_OPENED tells when it is established, TCP_UP_CLOSED when it came to nothing: refused
 * (TCP_REASON_RESET) or unanswered for 3 minutes (TCP_REASON_TIMEOUT). Nothing can be sent before.
 * Return: its id, or 0, counted: no record or flow slot is free, or @tuple is in use.
 */
tcp_id tcp_connect(struct tcp *tcp, const struct tcp_tuple *tuple, uint8_t link, const void *user,
	uint64_t now);

/**
 * tcp_accept() - take or refuse the bytes of a TCP_UP_DATA
 * @taken: true: all bytes were used or copied, they are acknowledged with the next segment out;
 *	false: no room: nothing is acknowledged, the window closes until chunks are free again.
 *	TCP_UP_FINISHED is then taken back from the struct tcp_up that told of both: the FIN
 *	comes again behind the bytes. (So handle the up in place and look at it after this call.)
 *
 * tcp_close() may come between the TCP_UP_DATA and this call, which is then still due.
 */
void tcp_accept(struct tcp *tcp, tcp_id id, bool taken);

/**
 * tcp_more() - after tcp_accept(true): bytes that had come out of order and are now next
 * @up: filled like tcp_input()'s; wants its own tcp_accept(). Its @data stays valid until the next
 *	tcp_output().
 *
 * Call until it returns false: then there are none (any more).
 */
bool tcp_more(struct tcp *tcp, tcp_id id, struct tcp_up *up);

/**
 * tcp_hold() - the user keeps @bytes of what it accepted unread: the window offered is so much
 * smaller until it says otherwise
 *
 * For users with a buffer of a fixed size; the others never call it. The right edge once offered
 * stays, and moves on by a segment or half the window at least (RFC 9293 3.8.6.2.2). Borrows a side
 * record while @bytes is not 0; where there is none the window stays whole.
 */
void tcp_hold(struct tcp *tcp, tcp_id id, uint32_t bytes);

/**
 * tcp_reserve() - room for one message to send
 * @bytes: its largest size
 *
 * Every message leaves in segments of its own (several where it is longer than the MSS), also when
 * it is sent again: known peers read one message per recv().
 * Return: where to write it, valid until tcp_commit() - if the connection ends before that, until
 * the next tcp_output(); NULL if the connection is closed or closing, its send_bytes are used up,
 * no chunk is free, or a reservation is open.
 */
uint8_t *tcp_reserve(struct tcp *tcp, tcp_id id, uint32_t bytes);

/** tcp_commit() - queue the first @bytes of the last reservation; 0 gives it up. Several
 * reservations, also of different connections, may be open at once: at most one per connection
 * and commit/reserve of one connection in order.
 */
void tcp_commit(struct tcp *tcp, tcp_id id, uint32_t bytes);

/** tcp_close() - send what is queued, then FIN. The user is told nothing more of @id. A reservation
 * that is open goes out, too: its tcp_commit() is still due and the FIN waits for it. */
void tcp_close(struct tcp *tcp, tcp_id id);

/**
 * tcp_shutdown() - send what is queued, then FIN, and go on receiving (RFC 9293 3.6: half-close)
 *
 * The user goes on hearing of data, of the peer's FIN and of an untimely end. After both FINs the
 * connection ends by itself, its id is void and nothing more is told.
 */
void tcp_shutdown(struct tcp *tcp, tcp_id id);

/** tcp_abort() - send RST, forget the connection. The user is told nothing more of @id. */
void tcp_abort(struct tcp *tcp, tcp_id id);

enum tcp_icmp { TCP_ICMP_UNREACHABLE, TCP_ICMP_TOO_BIG };

/**
 * tcp_icmp_input() - an ICMP error that quotes a segment of ours (RFC 5927)
 * @tuple: of the quoted segment, seen from our end; @seq: its number
 * @mtu: TCP_ICMP_TOO_BIG: what the next hop takes; 0: it does not say
 *
 * No connection ends by it. A smaller path MTU is acted on when the quoted segment turns out to be
 * lost. Every message is counted once.
 */
void tcp_icmp_input(struct tcp *tcp, const struct tcp_tuple *tuple, uint32_t seq,
	enum tcp_icmp kind, uint32_t mtu, uint64_t now);

/** tcp_prefetch() - bring a connection's record near: something will be sent on it soon. */
void tcp_prefetch(const struct tcp *tcp, tcp_id id);

/** tcp_user() - the user's TCP_USER_BYTES of a connection; NULL if @id is no longer live. */
void *tcp_user(struct tcp *tcp, tcp_id id);

/** tcp_tuple_of() - the 4-tuple of a live connection. Return: false if @id is no longer live. */
bool tcp_tuple_of(struct tcp *tcp, tcp_id id, struct tcp_tuple *tuple);

/**
 * struct tcp_info - what a connection is at, for tests, tools and status
 * @state: as RFC 9293 3.3.2 names it, for people
 * @snd_wnd: bytes the peer offers; @rcv_wnd: bytes we offer
 * @srtt_ms: 0: nothing measured; @rto_ms: with its backoff
 * @mss: payload of a segment, options taken off
 * @ssthresh: bytes; UINT32_MAX: none yet
 * @arrived: intervals of bytes that came out of order
 */
struct tcp_info {
	const char *state;
	uint32_t rcv_nxt, rcv_wnd, snd_una, snd_nxt, snd_wnd;
	uint32_t cwnd, ssthresh;
	uint32_t srtt_ms, rto_ms;
	uint16_t mss;
	uint8_t snd_scale, rcv_scale;
	uint8_t arrived;
	bool timestamps, sack, ipv6, recovery, loss;
};

/** tcp_info() - fill @info, also of a connection that the user closed. Return: false: it is gone.
 */
bool tcp_info(struct tcp *tcp, tcp_id id, struct tcp_info *info);

/**
 * tcp_set_idle() - another config.idle_us from now on, never a shorter one: connections are looked
 * at when the time that they were given then is over
 */
void tcp_set_idle(struct tcp *tcp, uint64_t idle_us);

/**
 * tcp_set_deadline() - have TCP_UP_DEADLINE reported once @at has passed
 * @at: microseconds on tcp_input()'s clock, at most 2^31 ms ahead; 0 clears it. Kept in
 *	milliseconds; reported by tcp_sweep(), so late by at most one sweep of the table.
 */
void tcp_set_deadline(struct tcp *tcp, tcp_id id, uint64_t at);

/**
 * tcp_output() - the next segments to send
 * Return: how many of @out were filled, at most @max; call until it returns less. A caller whose
 * link is full stops calling: what is pending stays pending.
 */
unsigned tcp_output(struct tcp *tcp, uint64_t now, struct tcp_out *out, unsigned max);

/**
 * tcp_timers() - retransmission, handshake and TIME_WAIT timers that are due
 * @budget: timers handled at most in this call
 * @up: room for @budget entries; connections that ended (TCP_UP_CLOSED)
 * Return: entries filled in @up.
 */
unsigned tcp_timers(struct tcp *tcp, uint64_t now, struct tcp_up *up, unsigned budget);

/** Connections that the sweep looks at together. */
#define TCP_SWEEP_GROUP 64

/**
 * tcp_sweep() - step over the next @budget groups of connections, looking at those in which a
 * deadline or the idle time of one can have come
 *
 * Call with a budget that walks the table about once a second (at 10 M connections within 10 s).
 * Nothing is written for it when a segment comes: for each group a time is kept before which
 * nothing in it can be due, and what comes meanwhile only moves that further away. Also reopens
 * windows that closed for lack of chunks.
 * Return: entries filled in @up (room for TCP_SWEEP_GROUP times @budget).
 */
unsigned tcp_sweep(struct tcp *tcp, uint64_t now, struct tcp_up *up, unsigned budget);

/** tcp_connections() - live connections now, and how many there can be. */
uint32_t tcp_connections(const struct tcp *tcp, uint32_t *limit);

/** Pools that tcp_pools() shows, at most. */
#define TCP_POOLS 6

/** tcp_pools() - what tcp_init() laid out, for status; any thread. Return: @views filled in. */
unsigned tcp_pools(const struct tcp *tcp, struct pool_view *views);

/** tcp_counters() - TCP_COUNTER_COUNT counters, written by the owner, read by anyone. */
uint64_t *tcp_counters(struct tcp *tcp);

/**
 * tcp_check() - do all records hold together? Sequence numbers, queues, timers, lists, pools
 *
 * For simulators and fuzzers, between two calls; takes time with every record ever used.
 * Return: NULL, or what is wrong.
 */
const char *tcp_check(const struct tcp *tcp);
