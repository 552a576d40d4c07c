/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* tcp_fixture.h - a TCP in plain memory, virtual time, and peers made of hand-written segments */
#pragma once

#include "tcp/tcp_state.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define PORT 7701
#define OUT_MAX 256
#define UP_MAX 64

/* What tcp_output() gave, payload copied. */
struct sent {
	struct tcp_out out;
	uint8_t payload[2048];
};

struct rig {
	void *memory, *pool_memory;
	struct tcp *tcp;
	struct chunk_pool *pool;
	struct chunk_pool_config pool_config;
	uint64_t now;
	bool refuse;          /* answer of the next tcp_accept() */
	struct tcp_up up;     /* of the latest segment */
	uint8_t got[1 << 17]; /* accepted bytes */
	uint32_t got_length;
	struct sent sent[OUT_MAX]; /* of the latest drain() or pass() */
	unsigned sent_count;
	struct tcp_up ups[UP_MAX + TCP_SWEEP_GROUP]; /* of the latest pass() */
	unsigned up_count;
};

/* A remote end: where it is in both sequences. */
struct peer {
	struct tcp_tuple tuple;
	uint32_t seq; /* its own next number */
	uint32_t ack; /* what it has got of ours */
	uint16_t window;
	tcp_id id;
	bool timestamps; /* its segments carry these: */
	uint32_t value, echo;
};

static inline struct tcp_config rig_config(void)
{
	static const uint16_t ports[] = {0x151e, 0x161e}; /* 7701, 7702 as they lie in a packet */

	return (struct tcp_config){
		.connections = 8,
		.embryonic = 8,
		.time_wait = 4,
		.sides = 16,
		.receive_window = 32768,
		.send_bytes = 65536,
		.mss = 1460,
		.idle_us = 600 * SECOND,
		.ports = ports,
		.port_count = 2,
		.flow_key = {1, 2},
		.isn_key = {3, 4},
		.cookies_above = UINT32_MAX,
	};
}

static inline struct rig *rig_new(struct tcp_config config, const uint32_t chunks[CHUNK_CLASSES])
{
	struct rig *rig = calloc(1, sizeof(*rig));
	size_t bytes;

	assert_int_equal(config.ports[0], htons(PORT));
	memcpy(rig->pool_config.count, chunks, sizeof(rig->pool_config.count));
	rig->pool_config.poison = true;
	bytes = (chunk_pool_bytes(&rig->pool_config) + 63) & ~(size_t)63;
	rig->pool_memory = aligned_alloc(64, bytes);
	memset(rig->pool_memory, 0, bytes);
	rig->pool = chunk_pool_init(rig->pool_memory, &rig->pool_config);
	config.chunks = rig->pool;
	bytes = (tcp_bytes(&config) + 63) & ~(size_t)63;
	rig->memory = aligned_alloc(64, bytes);
	memset(rig->memory, 0, bytes);
	rig->now = 1000 * SECOND;
	rig->tcp = tcp_init(rig->memory, &config, rig->now);
	assert_non_null(rig->tcp);
	return rig;
}

static inline struct rig *rig_default(void)
{
	return rig_new(rig_config(), (uint32_t[]){32, 16, 8, 4});
}

static inline uint64_t count_of(struct rig *rig, enum tcp_counter counter)
{
	return counter_read(&tcp_counters(rig->tcp)[counter]);
}

static inline struct tcp_connection *connection_of(struct rig *rig, const struct peer *peer)
{
	return tcp_find(rig->tcp, peer->id);
}

/* The ranges of a scoreboard: ascending, apart from each other, inside what is in flight. */
static inline void check_scoreboard(const struct tcp *tcp, const struct tcp_connection *c)
{
	const struct tcp_scoreboard *board = tcp_board(tcp, c);
	uint32_t at = c->snd_una;

	if (!board)
		return;
	assert_true(board->count > 0 || board->recovering || board->path_mtu);
	assert_true(board->count <= TCP_SACKED);
	for (unsigned i = 0; i < board->count; i++) {
		assert_true(seq_lt(at, board->sacked[i].start));
		assert_true(seq_lt(board->sacked[i].start, board->sacked[i].end));
		at = board->sacked[i].end;
	}
	assert_true(seq_leq(at, c->snd_nxt));
	if (board->recovering) {
		assert_true(c->flags & TCP_RECOVERY);
		assert_true(seq_leq(c->snd_una, board->high_rxt));
		assert_true(seq_leq(board->high_rxt, c->snd_nxt));
	}
}

/* What must hold of every connection after every event. */
static inline void check_invariants(struct rig *rig)
{
	struct tcp *tcp = rig->tcp;
	uint32_t live = 0, connecting = 0, sides = 0;

	for (uint32_t i = 0; i < tcp->connection_slab.fresh; i++) {
		const struct tcp_connection *c = &tcp->connections[i];
		uint32_t next;

		if (c->state == TCP_CLOSED_STATE)
			continue;
		sides += c->side != 0;
		check_scoreboard(tcp, c);
		if (c->state < TCP_ESTABLISHED) {
			assert_true(timer_armed(&c->timer));
			connecting++;
		} else {
			live++;
			assert_true(c->mss >= TCP_MSS_DEFAULT - TCP_TIMESTAMPS_BYTES);
		}
		assert_true(seq_leq(c->snd_una, c->snd_ptr));
		assert_true(seq_leq(c->snd_ptr, c->snd_nxt));
		assert_true(seq_leq(c->snd_nxt, c->snd_end + 1));
		assert_true(c->cwnd >= c->mss);
		assert_int_equal(c->cursor == 0, seq_leq(c->snd_end, c->snd_ptr));
		assert_int_equal(c->tail == 0, seq_leq(c->snd_end, c->snd_una));
		/* Something in flight or waiting: a timer watches, or the output comes by. */
		if ((c->snd_una != c->snd_end || tcp_closing(c)) &&
			(c->flags & TCP_ORPHAN || c->state != TCP_FIN_WAIT_2))
			assert_true(timer_armed(&c->timer) || c->flags & TCP_PENDING);
		/* The messages lie end to end, from the one with snd_una to snd_end. */
		if (c->tail) {
			next = tcp_message_at(tcp, c->head)->seq;
			assert_true(seq_leq(next, c->snd_una));
			for (chunk_id id = c->head;; id = tcp_message_at(tcp, id)->next) {
				const struct tcp_message *message = tcp_message_at(tcp, id);

				assert_int_equal(message->seq, next);
				next += message->length;
				if (id == c->tail)
					break;
			}
			assert_int_equal(next, c->snd_end);
		}
	}
	assert_int_equal(live, tcp_connections(tcp, NULL));
	assert_int_equal(sides, tcp->side_slab.used);
	assert_int_equal(count_of(rig, TCP_OPENED) - count_of(rig, TCP_CLOSED), live);
	assert_int_equal(tcp->flows.used,
		live + connecting + tcp->embryonic_slab.used + tcp->time_wait_slab.used);
}

/* Everything that waits to be sent, in bites of @bite. */
static inline unsigned drain_by(struct rig *rig, unsigned bite)
{
	struct tcp_out out[64];
	unsigned n;

	do {
		n = tcp_output(rig->tcp, rig->now, out, bite);
		for (unsigned i = 0; i < n; i++) {
			struct sent *sent = &rig->sent[rig->sent_count++];

			assert_true(rig->sent_count < OUT_MAX);
			sent->out = out[i];
			assert_true(out[i].length <= sizeof(sent->payload));
			if (out[i].length > 0)
				memcpy(sent->payload, out[i].payload, out[i].length);
			assert_int_equal(out[i].options_length % 4, 0);
		}
	} while (n == bite);
	check_invariants(rig);
	return rig->sent_count;
}

static inline unsigned drain(struct rig *rig)
{
	rig->sent_count = 0;
	return drain_by(rig, 64);
}

/* Let @us pass in steps of 10 ms; all that is sent and reported meanwhile is kept. */
static inline void pass(struct rig *rig, uint64_t us)
{
	uint64_t end = rig->now + us;

	rig->sent_count = 0;
	rig->up_count = 0;
	do {
		rig->now = end - rig->now > 10 * MS ? rig->now + 10 * MS : end;
		rig->up_count += tcp_timers(
			rig->tcp, rig->now, &rig->ups[rig->up_count], UP_MAX - rig->up_count);
		check_invariants(rig);
		rig->up_count += tcp_sweep(rig->tcp, rig->now, &rig->ups[rig->up_count], 1);
		assert_true(rig->up_count < UP_MAX);
		drain_by(rig, 64);
	} while (rig->now < end);
}

/* Take or refuse what a TCP_UP_DATA brings. */
static inline void take(struct rig *rig, struct tcp_up *up)
{
	assert_true(rig->got_length + up->length <= sizeof(rig->got));
	if (!rig->refuse) {
		memcpy(rig->got + rig->got_length, up->data, up->length);
		rig->got_length += up->length;
	}
	tcp_accept(rig->tcp, up->id, !rig->refuse);
}

/* A segment as a burst brings it. */
static inline void put_place(struct rig *rig, const struct tcp_segment *segment, struct tcp_up *up)
{
	struct tcp_place place;

	tcp_locate_flows(rig->tcp, segment, &place, 1);
	tcp_locate_connections(rig->tcp, &place, 1);
	tcp_input(rig->tcp, segment, &place, rig->now, up);
}

/* One raw segment in; data is accepted or refused as the rig says. */
static inline struct tcp_up *put(struct rig *rig, struct tcp_segment segment)
{
	put_place(rig, &segment, &rig->up);
	if (rig->up.events & TCP_UP_DATA) {
		struct tcp_up more;

		take(rig, &rig->up);
		while (!rig->refuse && tcp_more(rig->tcp, rig->up.id, &more)) {
			assert_true(more.events & TCP_UP_DATA);
			assert_int_equal(more.id, rig->up.id);
			take(rig, &more);
			rig->up.events |= more.events & TCP_UP_FINISHED;
		}
	}
	assert_null(tcp_check(rig->tcp));
	check_invariants(rig);
	return &rig->up;
}

/* A segment of @peer with any numbers; does not move them. */
static inline struct tcp_up *put_raw(struct rig *rig, const struct peer *peer, uint8_t flags,
	uint32_t seq, uint32_t ack, const void *data, uint32_t length)
{
	uint8_t options[12];

	tcp_timestamps_write(options, peer->value, peer->echo);
	return put(rig, (struct tcp_segment){.tuple = peer->tuple,
				.seq = seq,
				.ack = ack,
				.window = peer->window,
				.flags = flags,
				.link = 1,
				.options = options,
				.options_length = peer->timestamps ? sizeof(options) : 0,
				.payload = data,
				.length = length});
}

/* The peer's next bytes (and FIN), in order. */
static inline struct tcp_up *put_next(
	struct rig *rig, struct peer *peer, uint8_t flags, const void *data, uint32_t length)
{
	put_raw(rig, peer, flags | TCP_ACK, peer->seq, peer->ack, data, length);
	peer->seq += length + !!(flags & TCP_FIN);
	return &rig->up;
}

/* A bare ACK of everything up to @ack. */
static inline struct tcp_up *put_ack(struct rig *rig, struct peer *peer, uint32_t ack)
{
	peer->ack = ack;
	return put_next(rig, peer, 0, NULL, 0);
}

static inline struct peer peer_at(uint16_t port, uint32_t iss)
{
	return (struct peer){.tuple = {.remote = ip_from_v4(htonl(0xc6120002)),
				     .local = ip_from_v4(htonl(0xc6120001)),
				     .remote_port = htons(port),
				     .local_port = htons(PORT)},
		.seq = iss,
		.window = 65535};
}

static inline struct tcp_up *put_syn(
	struct rig *rig, struct peer *peer, const uint8_t *options, uint8_t options_length)
{
	return put(rig, (struct tcp_segment){.tuple = peer->tuple,
				.seq = peer->seq,
				.window = peer->window,
				.flags = TCP_SYN,
				.link = 1,
				.options = options,
				.options_length = options_length});
}

/* What a segment that we sent says in its options. */
static inline struct tcp_options options_of(const struct tcp_out *out)
{
	struct tcp_options options;

	tcp_options_read(out->options, out->options_length, &options);
	return options;
}

static inline bool has_timestamps(const struct tcp_out *out)
{
	return options_of(out).has_timestamps;
}

/* What most peers offer: MSS 1460, SACK, timestamps, scale 7. */
#define USUAL_OPTIONS                                                                              \
	"\x02\x04\x05\xb4\x04\x02\x08\x0a\x00\x00\x10\x00\x00\x00\x00\x00\x01\x03\x03\x07"
#define USUAL_LENGTH 20
#define USUAL_VALUE 0x1000

/* SYN with @options, SYN-ACK, ACK; @peer has its id and sends timestamps if they were agreed on. */
static inline struct peer peer_open_with(
	struct rig *rig, struct peer peer, const void *options, uint8_t length)
{
	struct tcp_options offered, agreed;

	tcp_options_read(options, length, &offered);
	put_syn(rig, &peer, options, length);
	assert_int_equal(rig->up.events, 0);
	assert_int_equal(drain(rig), 1);
	assert_int_equal(rig->sent[0].out.flags, TCP_SYN | TCP_ACK);
	assert_int_equal(rig->sent[0].out.ack, peer.seq + 1);
	agreed = options_of(&rig->sent[0].out);
	peer.timestamps = agreed.has_timestamps;
	peer.value = offered.has_timestamps ? offered.value : 0;
	peer.echo = agreed.has_timestamps ? agreed.value : 0;
	peer.seq++;
	peer.ack = rig->sent[0].out.seq + 1;
	put_next(rig, &peer, 0, NULL, 0);
	assert_int_equal(rig->up.events, TCP_UP_OPENED);
	peer.id = rig->up.id;
	assert_int_not_equal(peer.id, 0);
	assert_int_equal(drain(rig), 0);
	return peer;
}

/* SYN, SYN-ACK, ACK; @peer has its id afterwards. */
static inline struct peer peer_open_iss(struct rig *rig, uint16_t port, uint32_t iss, uint16_t mss)
{
	uint8_t options[] = {2, 4, (uint8_t)(mss >> 8), (uint8_t)mss};

	return peer_open_with(rig, peer_at(port, iss), options, mss ? 4 : 0);
}

static inline struct peer peer_open(struct rig *rig, uint16_t port)
{
	return peer_open_iss(rig, port, 1000u * port, 1460);
}

/* Queue one message of @length bytes, all @fill. */
static inline bool message(struct rig *rig, const struct peer *peer, uint32_t length, uint8_t fill)
{
	uint8_t *room = tcp_reserve(rig->tcp, peer->id, length);

	if (!room)
		return false;
	memset(room, fill, length);
	tcp_commit(rig->tcp, peer->id, length);
	check_invariants(rig);
	return true;
}

static inline void assert_sent(const struct rig *rig, unsigned i, uint8_t flags, uint32_t seq,
	uint32_t ack, uint32_t length)
{
	assert_true(i < rig->sent_count);
	assert_int_equal(rig->sent[i].out.flags, flags);
	assert_int_equal(rig->sent[i].out.seq, seq);
	assert_int_equal(rig->sent[i].out.ack, ack);
	assert_int_equal(rig->sent[i].out.length, length);
}

/* Whatever was begun ends by itself in time; then every pool is what it was at the start. */
static inline void rig_end(struct rig *rig)
{
	struct tcp *tcp = rig->tcp;
	struct tcp_up ups[UP_MAX];

	for (uint32_t i = 0; i < tcp->connection_slab.fresh; i++)
		if (tcp->connections[i].state != TCP_CLOSED_STATE)
			tcp_abort(tcp, tcp_id_of(tcp, &tcp->connections[i]));
	for (unsigned i = 0; i < 1400; i++) {
		struct tcp_out out[64];

		rig->now += 100 * MS;
		tcp_timers(tcp, rig->now, ups, UP_MAX);
		tcp_sweep(tcp, rig->now, ups, 1);
		while (tcp_output(tcp, rig->now, out, 64) == 64)
			;
	}
	check_invariants(rig);
	assert_int_equal(tcp_connections(tcp, NULL), 0);
	assert_int_equal(tcp->connection_slab.used, 0);
	assert_int_equal(tcp->embryonic_slab.used, 0);
	assert_int_equal(tcp->time_wait_slab.used, 0);
	assert_int_equal(tcp->side_slab.used, 0);
	assert_int_equal(tcp->time_wait_head, 0);
	assert_int_equal(tcp->time_wait_tail, 0);
	assert_int_equal(tcp->flows.used, 0);
	assert_int_equal(tcp->wheel.filed, 0);
	assert_int_equal(tcp->pending_head, 0);
	assert_int_equal(tcp->reply_count, 0);
	assert_int_equal(tcp->abandoned, 0);
	for (unsigned class = 0; class < CHUNK_CLASSES; class ++)
		assert_int_equal(chunk_free_count(rig->pool, class), rig->pool_config.count[class]);
	chunk_pool_fini(rig->pool);
	free(rig->pool_memory);
	free(rig->memory);
	free(rig);
}
