/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* tcp_state.h - private: what the files of TCP call in each other, file by file */
#pragma once

#include "tcp_record.h"

/* tcp_flow.c, tcp_record.c */

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

/* Is @c that of @tuple, an IPv4 flow, and live? */
static inline bool tcp_is_of(const struct tcp_connection *c, const struct tcp_tuple *tuple)
{
	return c->state != TCP_CLOSED_STATE && !(c->flags & TCP_IPV6) && ip_is_v4(&tuple->remote) &&
	       c->flow.remote == ip_v4(&tuple->remote) && c->flow.local == ip_v4(&tuple->local) &&
	       c->flow.remote_port == tuple->remote_port && c->flow.local_port == tuple->local_port;
}

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

/** tcp_challenge() - a challenge ACK, unless there were too many this second (RFC 5961 section 7)
 */
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

/* tcp_usual.c */

/**
 * tcp_usual_in() - a segment of @c as nearly all are: the next bytes, or an ACK of what was sent
 *
 * Return: false: it is for the general way, and nothing was changed.
 */
bool tcp_usual_in(struct tcp *tcp, struct tcp_connection *c, const struct tcp_segment *segment,
	struct tcp_up *up);

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

/** tcp_board_borrow() - the scoreboard of @c, activated if need be. Return: NULL if none is free.
 */
struct tcp_scoreboard *tcp_board_borrow(struct tcp *tcp, struct tcp_connection *c);

/** tcp_board_return() - give the scoreboard of @c, which has one, back if nothing needs it. */
void tcp_board_return(struct tcp *tcp, struct tcp_connection *c);

/** tcp_sack_lost_edge() - what is not reported and below this number is lost: IsLost(). */
uint32_t tcp_sack_lost_edge(const struct tcp_connection *c, const struct tcp_scoreboard *board);

/** tcp_sack_below() - bytes below @seq that are reported. */
uint32_t tcp_sack_below(const struct tcp_scoreboard *board, uint32_t seq);

/** tcp_sack_pipe() - bytes in the network: SetPipe(). */
uint32_t tcp_sack_pipe(const struct tcp_connection *c, const struct tcp_scoreboard *board);

/** tcp_sack_hole() - NextSeg() rules 1 (@lost) and 3: where the next hole begins, if there is one.
 */
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

/** tcp_timestamp_of() - the same of an open connection that has timestamps. */
static inline uint32_t tcp_timestamp_of(const struct tcp *tcp, const struct tcp_connection *c)
{
	return c->ts_start + tcp_ms(tcp->now);
}

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

/* tcp_sweep.c */

/** tcp_sweep_left() - ms for which the sweep need not look at @c while nothing happens to it. */
uint32_t tcp_sweep_left(const struct tcp *tcp, const struct tcp_connection *c);

/** tcp_sweep_within() - @c is new, or what tcp_sweep_left() says of it has become less: it is to be
 * looked at once @ms have passed. */
void tcp_sweep_within(struct tcp *tcp, const struct tcp_connection *c, uint32_t ms);

/** tcp_sweep_anew() - the same, as tcp_sweep_left() has it. */
static inline void tcp_sweep_anew(struct tcp *tcp, const struct tcp_connection *c)
{
	tcp_sweep_within(tcp, c, tcp_sweep_left(tcp, c));
}

/* tcp_timer.c */

/** tcp_end() - the wait is over for good: RST, and the user is told. */
void tcp_end(struct tcp *tcp, struct tcp_connection *c, struct tcp_up *up, enum tcp_reason reason);

/** tcp_progress() - the peer acknowledged something, or a wait begins: give-up restarts. */
static inline void tcp_progress(const struct tcp *tcp, struct tcp_connection *c)
{
	c->timer.since = (uint16_t)wheel_tick(tcp->now);
}

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
