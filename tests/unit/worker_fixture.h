/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* worker_fixture.h - a whole worker on a link of plain memory, its clock set by hand: real stack,
 * TCP, Mc, sessions, ring and registry, and the segments that it is sent */
#pragma once

#include "fake_link.h"
#include "mc_device.h"
#include "plain_broker.h"
#include "worker_state.h"

#include <unistd.h>
#include <urcu/urcu-qsbr.h>

#define FLOWS_MAX 512
#define LOGIN_PORT 7700
#define CONNECT_PORT 7701
#define START_UNIX 1700000000u
#define START_US (5000 * SECOND)
#define SEGMENT_BYTES 1400
#define MS 1000ULL

/** struct flow - the device's end of a TCP connection */
struct flow {
	struct rig *rig;
	uint16_t port, local_port; /* host order */
	uint32_t seq, ack;         /* our next number, theirs that we wait for */
	uint32_t acked;            /* what they have of ours */
	uint32_t window;           /* they offer */
	bool established, owes_ack;
	bool finished, reset;     /* they sent FIN, RST */
	bool silent;              /* we answer nothing any more */
	unsigned segments, again; /* with bytes; of them those that we had */
	uint8_t got[16384];
	uint32_t got_length, got_next;
};

/** struct gadget - a device: what it knows, and where it speaks */
struct gadget {
	struct device_side side;
	struct rig *rig;
	struct flow *flow; /* NULL: over UDP, from .port */
	uint16_t port;
};

#define RIG_WORKERS_MAX 4
#define RIG_ROUNDS 12

/**
 * struct rig - a worker, or several, and all around it
 * @link: what the devices send and get; with one worker it is the worker's
 * @queues: with several, a queue for each: frames go to them as @queue says
 * @team: the workers; @worker is the first
 * @queue: the queue that a frame comes by; NULL: any
 * @rounds: takes turns in the place of team_rounds(), for workers that run in threads of their own
 * @randoms: what each worker draws from; NULL: all from @random
 */
struct rig {
	struct fake_link link;
	unsigned count;
	struct fake_link *queues[RIG_WORKERS_MAX];
	struct worker *team[RIG_WORKERS_MAX];
	unsigned (*queue)(struct rig *rig, const struct frame *frame);
	bool (*rounds)(struct rig *rig);
	struct random *randoms[RIG_WORKERS_MAX];
	bool stalled[RIG_WORKERS_MAX];
	uint32_t team_chunks[RIG_WORKERS_MAX][CHUNK_CLASSES];
	struct plain_broker broker;
	struct plain_random random;
	struct hearth_feed *reader;
	struct worker *worker;
	struct turn_clock clock;
	struct flow *flows[FLOWS_MAX];
	unsigned flow_count, flows_made;
	struct {
		uint16_t port;
		uint32_t length;
		uint8_t data[1500];
	} datagrams[SENT_MAX];
	unsigned datagram_count;
};

/* ---- the worker's surroundings ---- */

static inline uint32_t draw(struct rig *rig, uint32_t below)
{
	uint32_t value;

	plain_fill(&rig->random.random, &value, sizeof(value));
	return value % below;
}

static inline void rig_set_clock(struct rig *rig, uint64_t us)
{
	rig->clock = (struct turn_clock){.us = us,
		.tick = (uint32_t)(us / SECOND),
		.unix_ms = START_UNIX * 1000ull + (us - START_US) / 1000};
}

static inline uint32_t now_of(const struct rig *rig)
{
	return (uint32_t)(rig->clock.unix_ms / 1000);
}

static inline struct worker_setup rig_setup(struct rig *rig, unsigned number)
{
	struct worker_setup setup = plain_setup(&rig->broker, number,
		rig->count == 1 ? &rig->link.link : &rig->queues[number]->link);

	if (rig->randoms[number])
		setup.random = rig->randoms[number];
	return setup;
}

static inline void rig_open(struct rig *rig)
{
	char error[256];

	if (plain_open(&rig->broker, error, sizeof(error)))
		fail_with("plain_open", error);
}

static inline void rig_close(struct rig *rig)
{
	for (unsigned i = 0; i < rig->count; i++) {
		worker_free(rig->team[i]);
		rig->team[i] = NULL;
		rig->stalled[i] = false;
	}
	rig->worker = NULL;
	plain_close(&rig->broker);
}

static inline void rig_attach(struct rig *rig)
{
	struct worker_setup setup;
	char error[256];

	rig_open(rig);
	for (unsigned i = 0; i < rig->count; i++) {
		setup = rig_setup(rig, i);
		rig->team[i] = worker_new(&setup, &rig->clock, error, sizeof(error));
		if (!rig->team[i])
			fail_with("worker_new", error);
		for (unsigned j = 0; j < CHUNK_CLASSES; j++)
			rig->team_chunks[i][j] = chunk_free_count(rig->team[i]->chunks, j);
	}
	rig->worker = rig->team[0];
	if (workers_attach(rig->team, rig->count, error, sizeof(error)))
		fail_with("workers_attach", error);
}

/* Several workers on one wire; their configuration may still be changed before rig_start(). */
static inline struct rig *rig_make_team(unsigned count)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	struct config *config;
	char error[256];

	assert_non_null(rig);
	config = &rig->broker.config;
	rig->random = (struct plain_random){.random = {plain_fill}, .state = 20260101};
	rig_set_clock(rig, START_US);
	link_make(&rig->link, 1);
	rig->count = count;
	for (unsigned i = 0; i < count && count > 1; i++) {
		rig->queues[i] = calloc(1, sizeof(*rig->queues[i]));
		assert_non_null(rig->queues[i]);
		link_make(rig->queues[i], 1);
	}
	rig->link.context = rig;
	configure_mc(config);
	config->limits.devices = 1024;
	config->limits.sessions = 200;
	config->limits.pending_logins = 56;
	config->limits.commands = 256;
	config->limits.connections = 1024;
	config->worker_count = count;
	config->port_count = 1;
	config->ports[0].address_count = 1;
	config->ports[0].addresses[0] = (struct config_address){ip_from_v4(OUR_ADDRESS), 24};
	config->feed.bytes = 1 << 20;
	rig->broker.random = &rig->random.random;
	if (plain_make(&rig->broker, "/tmp", error, sizeof(error)))
		fail_with("plain_make", error);
	provision_all(rig->broker.store);
	urcu_qsbr_register_thread();
	return rig;
}

static inline struct rig *rig_make(void)
{
	return rig_make_team(1);
}

/* ---- time, and what the link carries ---- */

/* Queue one segment of a flow, with any numbers. */
static inline void flow_raw(struct flow *flow, unsigned flags, uint32_t seq, uint32_t ack,
	const void *data, uint32_t length)
{
	struct packet p;

	make_tcp(&p, flags, seq, ack, data, length);
	put16(p.data + L4, flow->port);
	put16(p.data + L4 + 2, flow->local_port);
	seal_l4(&p, 16);
	link_arrive(&flow->rig->link, &p);
	if (flags & TCP_ACK)
		flow->owes_ack = false;
}

/* Queue the next bytes of a flow (and FIN) as one segment. */
static inline void flow_next(struct flow *flow, unsigned flags, const void *data, uint32_t length)
{
	flow_raw(flow, flags | TCP_ACK, flow->seq, flow->ack, data, length);
	flow->seq += length + !!(flags & TCP_FIN);
}

static inline struct flow *flow_find(struct rig *rig, unsigned port, unsigned local_port)
{
	for (unsigned i = rig->flow_count; i-- > 0;) {
		if (rig->flows[i]->port == port && rig->flows[i]->local_port == local_port)
			return rig->flows[i];
	}
	return NULL;
}

/* A segment from the broker, as a device's kernel takes it: in order, or not at all. */
static inline void flow_input(struct flow *flow, const uint8_t *tcp, uint32_t length)
{
	uint32_t header = (tcp[12] >> 4) * 4u, seq = get32(tcp + 4);
	unsigned flags = tcp[13];

	length -= header;
	if (flow->silent)
		return;
	if (flags & TCP_ACK)
		flow->acked = get32(tcp + 8);
	flow->window = get16(tcp + 14);
	if (flags & TCP_RST) {
		flow->reset = true;
		return;
	}
	if (flags & TCP_SYN) {
		flow->ack = seq + 1;
		flow->established = true;
		return;
	}
	if (length == 0 && !(flags & TCP_FIN))
		return;
	flow->owes_ack = true;
	flow->segments += length > 0;
	if (seq != flow->ack) {
		flow->again += length > 0;
		return;
	}
	assert_true(flow->got_length + length <= sizeof(flow->got));
	memcpy(flow->got + flow->got_length, tcp + header, length);
	flow->got_length += length;
	flow->ack += length + !!(flags & TCP_FIN);
	if (flags & TCP_FIN)
		flow->finished = true;
}

/* A frame that left: headers checked with arithmetic of our own, then to whom it belongs. */
static inline void absorb_frame(struct rig *rig, const uint8_t *frame, uint32_t length)
{
	const uint8_t *l4 = frame + L4;
	uint32_t l4_length;
	struct flow *flow;
	struct packet reply;

	if (get16(frame + 12) == 0x0806) {
		if (get16(frame + 20) == 1 && get32(frame + 38) == ntohl(PEER_ADDRESS)) {
			make_arp(&reply, our_mac, 2, peer_mac, PEER_ADDRESS, OUR_ADDRESS);
			if (rig->link.rx_count < STACK_BURST)
				link_arrive(&rig->link, &reply);
		}
		return;
	}
	assert_int_equal(get16(frame + 12), 0x0800);
	assert_int_equal(frame[IP], 0x45);
	assert_int_equal(simple_sum(0, frame + IP, 20), 0xffff);
	assert_int_equal(get16(frame + IP + 2), length - IP);
	l4_length = length - L4;
	if (frame[IP + 9] == 1)
		return; /* an echo reply */
	assert_int_equal(transport_sum(frame + IP, l4_length), 0xffff);
	if (get32(frame + IP + 16) != ntohl(PEER_ADDRESS))
		return;
	if (frame[IP + 9] == 6) {
		flow = flow_find(rig, get16(l4 + 2), get16(l4));
		if (flow)
			flow_input(flow, l4, l4_length);
		return;
	}
	assert_int_equal(frame[IP + 9], 17);
	assert_int_equal(get16(l4), CONNECT_PORT);
	assert_true(rig->datagram_count < SENT_MAX);
	rig->datagrams[rig->datagram_count].port = (uint16_t)get16(l4 + 2);
	rig->datagrams[rig->datagram_count].length = l4_length - 8;
	memcpy(rig->datagrams[rig->datagram_count++].data, l4 + 8, l4_length - 8);
}

/* What the devices sent goes to the workers' queues. */
static inline void rig_spread(struct rig *rig)
{
	for (unsigned i = 0; i < rig->link.rx_count; i++) {
		const struct frame *frame = &rig->link.rx[i];
		struct fake_link *to =
			rig->queues[rig->queue ? rig->queue(rig, frame) : draw(rig, rig->count)];

		if (to->rx_count == STACK_BURST) {
			guarded_put(frame->data); /* the queue overflows */
			continue;
		}
		to->rx[to->rx_count++] = *frame;
	}
	rig->link.rx_count = 0;
}

/* A turn of one worker of several. Return: was it busy? */
static inline bool team_turn(struct rig *rig, unsigned number)
{
	struct fake_link *link = rig->queues[number];
	bool busy;

	rig_spread(rig);
	link->sent_count = 0;
	link->takes = rig->link.takes;
	link->buffers = rig->link.buffers;
	busy = worker_turn(rig->team[number], &rig->clock);
	assert_int_equal(link->held_count, 0);
	assert_int_equal(link->reserved, 0);
	assert_true(link->sent_count < SENT_MAX);
	for (unsigned i = 0; i < link->sent_count; i++)
		absorb_frame(rig, link->sent[i].data, link->sent[i].frame.length);
	return busy;
}

static inline void flows_acknowledge(struct rig *rig);

/* Turns of all workers that are not stalled, until none has anything to do. */
static inline bool team_rounds(struct rig *rig)
{
	bool busy = true, any = false;

	if (rig->rounds)
		return rig->rounds(rig);
	for (unsigned round = 0; busy && round < RIG_ROUNDS; round++) {
		flows_acknowledge(rig);
		busy = false;
		for (unsigned i = 0; i < rig->count; i++) {
			if (!rig->stalled[i])
				busy |= team_turn(rig, i);
		}
		any |= busy;
	}
	return any;
}

static inline void flows_acknowledge(struct rig *rig)
{
	for (unsigned i = 0; i < rig->flow_count; i++) {
		struct flow *flow = rig->flows[i];

		if (flow->owes_ack && !flow->silent && rig->link.rx_count < STACK_BURST)
			flow_next(flow, 0, NULL, 0);
	}
}

/* One turn of the worker, and what left in it taken in; of several until they are quiet. */
static inline bool rig_turn(struct rig *rig)
{
	bool busy;

	if (rig->count > 1)
		return team_rounds(rig);
	flows_acknowledge(rig);
	rig->link.sent_count = 0;
	busy = worker_turn(rig->worker, &rig->clock);
	assert_int_equal(rig->link.held_count, 0);
	assert_int_equal(rig->link.reserved, 0);
	assert_true(rig->link.sent_count < SENT_MAX);
	for (unsigned i = 0; i < rig->link.sent_count; i++)
		absorb_frame(rig, rig->link.sent[i].data, rig->link.sent[i].frame.length);
	return busy;
}

/* Let @us pass in turns of @step. */
static inline void rig_pass(struct rig *rig, uint64_t us, uint64_t step)
{
	for (uint64_t end = rig->clock.us + us; rig->clock.us < end;) {
		rig_set_clock(rig, end - rig->clock.us < step ? end : rig->clock.us + step);
		rig_turn(rig);
	}
}

/* The peer is known, as a host is that has asked for us. */
static inline void rig_introduce(struct rig *rig)
{
	struct packet p;

	make_arp(&p, all_mac, 1, peer_mac, PEER_ADDRESS, OUR_ADDRESS);
	link_arrive(&rig->link, &p);
	rig_turn(rig);
}

static inline void rig_start(struct rig *rig)
{
	char error[256];

	rig_attach(rig);
	rig->reader = hearth_feed_open(rig->broker.ring_path, 0, error, sizeof(error));
	if (!rig->reader)
		fail_with("hearth_feed_open", error);
	rig_introduce(rig);
}

/* The worker is gone and another attaches to what it left; connections did not come through. */
static inline void rig_restart(struct rig *rig)
{
	rig_close(rig);
	for (unsigned i = 0; i < rig->flow_count; i++)
		rig->flows[i]->silent = true;
	link_fini(&rig->link);
	for (unsigned i = 0; i < rig->count && rig->count > 1; i++)
		link_fini(rig->queues[i]);
	rig_attach(rig);
	rig_introduce(rig);
}

static inline struct rig *rig_new(void)
{
	struct rig *rig = rig_make();

	rig_start(rig);
	return rig;
}

/* No chunk is in use but @of them. */
static inline void assert_chunks(const struct rig *rig, unsigned used)
{
	uint32_t sum = 0;

	for (unsigned i = 0; i < rig->count; i++)
		for (unsigned j = 0; j < CHUNK_CLASSES; j++)
			sum += rig->team_chunks[i][j] - chunk_free_count(rig->team[i]->chunks, j);
	assert_int_equal(sum, used);
}

/* Reset what is still open; nothing of the connections may stay. */
static inline void rig_free(struct rig *rig)
{
	rig->link.takes = ~0U;
	rig->link.buffers = LINK_RESERVED_MAX;
	for (unsigned i = 0; i < rig->flow_count; i++) {
		struct flow *flow = rig->flows[i];

		if (rig->link.rx_count == STACK_BURST)
			rig_turn(rig);
		if (flow->established && !flow->reset && !flow->silent)
			flow_raw(flow, TCP_RST, flow->acked, 0, NULL, 0);
		flow->silent = true;
	}
	rig_pass(rig, 2 * SECOND, 100 * MS);
	for (unsigned i = 0; i < rig->count; i++)
		assert_int_equal(tcp_connections(rig->team[i]->tcp, NULL), 0);
	assert_chunks(rig, 0);
	hearth_feed_close(rig->reader);
	rig_close(rig);
	plain_remove(&rig->broker);
	urcu_qsbr_unregister_thread();
	link_fini(&rig->link);
	for (unsigned i = 0; i < rig->count && rig->count > 1; i++) {
		link_fini(rig->queues[i]);
		free(rig->queues[i]);
	}
	for (unsigned i = 0; i < rig->flow_count; i++)
		free(rig->flows[i]);
	free(rig);
}

static inline int rig_setup_new(void **state)
{
	*state = rig_new();
	return 0;
}

static inline int rig_teardown(void **state)
{
	rig_free(*state);
	return 0;
}

/* ---- counters ---- */

static inline uint64_t mc_counted(const struct rig *rig, enum mc_counter counter)
{
	return mc_protocol.counters(rig->worker->states[0])[counter];
}

static inline uint64_t stack_counted(const struct rig *rig, enum stack_counter counter)
{
	return stack_counters(rig->worker->stack)[counter];
}

static inline uint64_t tcp_counted(const struct rig *rig, enum tcp_counter counter)
{
	return tcp_counters(rig->worker->tcp)[counter];
}
