/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* worker_device.h - connections to a worker under test, and devices that speak in frames */
#pragma once

#include "worker_fixture.h"

/* ---- flows ---- */

/* A flow of its own port that has not sent anything. */
static inline struct flow *flow_make(struct rig *rig, uint16_t local_port)
{
	struct flow *flow = calloc(1, sizeof(*flow));

	assert_non_null(flow);
	assert_true(rig->flow_count < FLOWS_MAX);
	flow->rig = rig;
	flow->port = (uint16_t)(20000 + rig->flows_made % 20000);
	flow->local_port = local_port;
	flow->seq = 0xffffff00u + rig->flows_made++ * 77777u; /* numbers wrap early */
	rig->flows[rig->flow_count++] = flow;
	return flow;
}

/* The device has no such connection any more: what comes for it is nobody's. */
static inline void flow_forget(struct flow *flow)
{
	struct rig *rig = flow->rig;
	unsigned i = 0;

	while (rig->flows[i] != flow)
		i++;
	rig->flows[i] = rig->flows[--rig->flow_count];
	free(flow);
}

/* SYN, SYN-ACK, ACK. */
static inline struct flow *flow_open(struct rig *rig, uint16_t local_port)
{
	struct flow *flow = flow_make(rig, local_port);

	flow_raw(flow, TCP_SYN, flow->seq++, 0, NULL, 0);
	rig_turn(rig);
	assert_true(flow->established);
	flow_next(flow, 0, NULL, 0);
	rig_turn(rig);
	return flow;
}

/* Queue bytes in segments; a full burst is taken by a turn. */
static inline void flow_bytes(struct flow *flow, const void *data, uint32_t length)
{
	const uint8_t *at = data;

	while (length > 0) {
		uint32_t piece = length < SEGMENT_BYTES ? length : SEGMENT_BYTES;

		if (flow->rig->link.rx_count == STACK_BURST)
			rig_turn(flow->rig);
		flow_next(flow, TCP_PSH, at, piece);
		at += piece;
		length -= piece;
	}
}

/* The device closes: FIN, and the rest of the handshake. */
static inline void flow_close(struct flow *flow)
{
	flow_next(flow, TCP_FIN, NULL, 0);
	rig_turn(flow->rig);
	rig_turn(flow->rig);
	assert_true(flow->finished);
}

static inline void flow_reset(struct flow *flow)
{
	flow_raw(flow, TCP_RST, flow->seq, 0, NULL, 0);
	flow->silent = true;
}

/* ---- devices ---- */

static inline void datagram_queue(struct rig *rig, uint16_t port, const void *data, uint32_t length)
{
	struct packet p;

	make_udp(&p, data, length);
	put16(p.data + L4, port);
	seal_l4(&p, 6);
	link_arrive(&rig->link, &p);
}

/* Queue a frame on the way that the device speaks. */
static inline void gadget_queue(struct gadget *g, const struct frame_text *frame)
{
	if (g->flow)
		flow_bytes(g->flow, frame->text, frame->length);
	else
		datagram_queue(g->rig, g->port, frame->text, frame->length);
}

static inline bool take_datagram(struct gadget *g, const char *key, struct answer *answer)
{
	struct rig *rig = g->rig;

	for (unsigned i = 0; i < rig->datagram_count; i++) {
		if (rig->datagrams[i].port != g->port)
			continue;
		open_answer(answer, rig->datagrams[i].data, rig->datagrams[i].length, key, key);
		memmove(&rig->datagrams[i], &rig->datagrams[i + 1],
			(--rig->datagram_count - i) * sizeof(rig->datagrams[0]));
		return true;
	}
	return false;
}

/* The next frame that a flow received. */
static inline bool flow_answer(
	struct flow *flow, const char *key, const char *iv, struct answer *answer)
{
	uint8_t *at = flow->got + flow->got_next;
	uint8_t *end = memmem(at, flow->got_length - flow->got_next, "\r\n", 2);

	if (!end)
		return false;
	open_answer(answer, at, (uint32_t)(end + 2 - at), key, iv);
	flow->got_next += (uint32_t)(end + 2 - at);
	if (flow->got_next == flow->got_length)
		flow->got_next = flow->got_length = 0;
	return true;
}

/* The next answer that the device got; there is false if there is none. */
static inline struct answer gadget_answer(struct gadget *g)
{
	struct answer answer = {0};

	if (g->flow)
		flow_answer(g->flow, g->side.key, g->side.key, &answer);
	else
		take_datagram(g, g->side.key, &answer);
	return answer;
}

static inline void expect_answer(struct gadget *g, uint32_t code, int64_t result)
{
	struct answer answer = gadget_answer(g);

	assert_true(answer.there);
	assert_int_equal(answer.code, code);
	assert_int_equal(answer.result, result);
}

/* ... to the request with this number. */
static inline void expect_answer_to(
	struct gadget *g, uint32_t code, int64_t result, uint16_t sequence)
{
	struct answer answer = gadget_answer(g);
	char text[16];

	assert_true(answer.there);
	assert_int_equal(answer.code, code);
	assert_int_equal(answer.result, result);
	assert_true(member_text(answer.plain, "sequence", text, sizeof(text)));
	assert_int_equal(atoi(text), sequence);
}

static inline void expect_silence(struct gadget *g)
{
	assert_false(gadget_answer(g).there);
}

/* Log in over a connection of its own; it stays open. */
static inline struct flow *gadget_login(struct gadget *g)
{
	struct flow *flow = flow_open(g->rig, LOGIN_PORT);
	struct frame_text frame;
	struct answer answer;

	login_text(&g->side, now_of(g->rig), &frame);
	flow_bytes(flow, frame.text, frame.length);
	rig_turn(g->rig);
	assert_true(flow_answer(flow, g->side.pin, IV_OF(g->side.pin), &answer));
	assert_int_equal(answer.code, 1003);
	assert_int_equal(answer.result, 0);
	assert_true(member_text(answer.plain, "sessionKey", g->side.key, sizeof(g->side.key)));
	assert_true(member_text(answer.plain, "token", g->side.token, sizeof(g->side.token)));
	g->side.sequence++;
	return flow;
}

static inline void connect_frame(const struct gadget *g, struct frame_text *frame)
{
	char plain[512];

	connect_text(&g->side, g->side.sequence, now_of(g->rig), plain, sizeof(plain));
	session_frame(&g->side, frame, MC_CONNECT, plain);
}

/* Connect where g->flow says, with the next number, and be answered in the same turn. */
static inline void gadget_connect(struct gadget *g)
{
	struct frame_text frame;

	connect_frame(g, &frame);
	gadget_queue(g, &frame);
	rig_turn(g->rig);
	expect_answer(g, 1005, 0);
}

static inline void request_frame(
	const struct gadget *g, uint32_t code, uint16_t sequence, struct frame_text *frame)
{
	char plain[1024];

	request_text(&g->side, code, sequence, now_of(g->rig), plain, sizeof(plain));
	session_frame(&g->side, frame, code, plain);
}

/* Queue request @sequence. */
static inline void queue_request(struct gadget *g, uint32_t code, uint16_t sequence)
{
	struct frame_text frame;

	request_frame(g, code, sequence, &frame);
	gadget_queue(g, &frame);
}

/* The next request, answered in its turn. */
static inline void good_request(struct gadget *g, uint32_t code)
{
	queue_request(g, code, ++g->side.sequence);
	rig_turn(g->rig);
	expect_answer_to(g, code + 1, 0, g->side.sequence);
}

static inline struct event expect_event(
	struct gadget *g, enum hearth_event kind, unsigned code_or_reason)
{
	struct event event = read_event(g->rig->reader);

	assert_true(event.there);
	assert_int_equal(event.record.event, kind);
	assert_int_equal(
		kind == HEARTH_OFFLINE ? event.record.reason : event.record.code, code_or_reason);
	assert_string_equal(event.device, g->side.id);
	return event;
}

static inline void expect_no_event(struct rig *rig)
{
	assert_false(read_event(rig->reader).there);
}

/* The session ended, and its end says where the device was. */
static inline void expect_closed(struct gadget *g)
{
	struct event event = expect_event(g, HEARTH_OFFLINE, HEARTH_CLOSED);

	assert_int_equal(event.record.peer_port, g->flow->port);
	assert_int_equal(get32(event.record.peer + 12), ntohl(PEER_ADDRESS));
}

/* Login, connect, online. */
static inline void live_tcp(struct gadget *g)
{
	flow_close(gadget_login(g));
	g->flow = flow_open(g->rig, CONNECT_PORT);
	gadget_connect(g);
	expect_event(g, HEARTH_ONLINE, MC_CONNECT);
}

static inline void live_udp(struct gadget *g, uint16_t port)
{
	flow_close(gadget_login(g));
	g->flow = NULL;
	g->port = port;
	gadget_connect(g);
	expect_event(g, HEARTH_ONLINE, MC_CONNECT);
}

static inline struct session_turn entry_now(const struct gadget *g)
{
	struct session_turn turn = {0};

	session_peek(g->rig->broker.table,
		session_find(g->rig->broker.table, bytes_of(g->side.token)), &turn);
	return turn;
}

static inline session_handle handle_now(const struct gadget *g)
{
	struct session_turn turn = entry_now(g);

	return session_handle_of(session_worker(g->rig->broker.table, 0), &turn);
}

/* A report whose frame has about @bytes bytes. */
static inline void long_report(const struct gadget *g, uint32_t bytes, struct frame_text *frame)
{
	uint32_t filling = bytes * 3 / 4 - 200;
	char *plain = malloc(filling + 512);
	int at = snprintf(plain, 256,
		"{\"sequence\":\"%u\",\"deviceId\":\"%s\",\"statusSerials\":[\"", g->side.sequence,
		g->side.id);

	memset(plain + at, 'x', filling);
	snprintf(plain + at + filling, 200, "\"],\"time\":%u}", now_of(g->rig));
	session_frame(&g->side, frame, 2006, plain);
	free(plain);
}

/* The next event, for those whose payload is long. Return: its payload's length. */
static inline uint32_t expect_long_event(struct rig *rig)
{
	struct hearth_item item;
	uint32_t length;

	assert_int_equal(hearth_feed_next(rig->reader, &item), 1);
	assert_int_equal(item.record->event, HEARTH_UPLINK);
	length = item.record->payload_length;
	assert_int_equal(hearth_feed_commit(rig->reader), 0);
	return length;
}

#define GADGET(rig_, side_)                                                                        \
	{                                                                                          \
		.side = side_, .rig = (rig_)                                                       \
	}
