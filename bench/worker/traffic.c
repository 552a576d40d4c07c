/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* traffic.c - bursts for a whole worker, prepared outside of the time that is taken, and its
 * answers, looked at outside of it */
#include "traffic.h"

#include "stages.h"
#include "traffic_state.h"

#include <errno.h>
#include <string.h>
#include <urcu/urcu-qsbr.h>
#include <x86intrin.h>

#define LOGIN_TURN_US 20

/* ---- one turn ---- */

static void set_clock(struct traffic *t, uint64_t us)
{
	t->clock = (struct turn_clock){.us = us,
		.tick = (uint32_t)(us / 1000000),
		.unix_ms = START_UNIX * 1000ull + (us - START_US) / 1000};
	t->devices->now = (uint32_t)(t->clock.unix_ms / 1000);
}

/* What left for a device: it has it in order, and owes an ACK for bytes and FIN. */
static void take_in(struct traffic *t, const struct wire_sent *sent)
{
	uint32_t number = device_number(&sent->flow, t->options.sessions);
	struct bench_device *device;
	unsigned slot;

	if (number == DEVICE_NONE || (sent->tcp && (sent->flags & WIRE_RST))) {
		t->totals.strange++;
		return;
	}
	device = &t->devices->all[number];
	slot = device->slot;
	if (sent->tcp)
		device->ack = sent->seq + sent->length + !!(sent->flags & WIRE_SYN) +
			      !!(sent->flags & WIRE_FIN);
	if (sent->length == 0)
		return;
	if (slot >= t->group_count || t->numbers[slot] != number || t->answer_bytes[slot] ||
		sent->length > DEVICE_ANSWER_MAX) {
		t->totals.strange++;
		return;
	}
	memcpy(t->answers[slot], sent->payload, sent->length);
	t->answer_bytes[slot] = sent->length;
	if (sent->tcp)
		t->owing[t->owing_count++] = number;
}

void traffic_take(struct traffic *t, struct traffic_cost *cost)
{
	struct wire_sent sent;

	for (unsigned i = 0; i < t->wire.sent_count; i++) {
		cost->frames_out++;
		cost->bytes_out += t->wire.sent[i].length;
		if (wire_parse(&t->wire.sent[i], &sent))
			take_in(t, &sent);
	}
	t->wire.sent_count = 0;
}

/* A turn that finds @count frames. The time taken is that of worker_turn() alone. */
static void turn(struct traffic *t, struct frame *frames, unsigned count, uint64_t us,
	struct traffic_cost *cost)
{
	uint64_t began;

	for (unsigned i = 0; i < count; i++)
		cost->bytes_in += frames[i].length;
	t->wire.rx = frames;
	t->wire.rx_count = count;
	set_clock(t, t->clock.us + us);
	began = __rdtsc();
	worker_turn(t->worker, &t->clock);
	cost->cycles += __rdtsc() - began;
	cost->frames_in += count;
	cost->turns++;
	traffic_take(t, cost);
}

static void begin(struct traffic *t, struct traffic_cost *cost)
{
	memset(cost, 0, sizeof(*cost));
	worker_turns(t->worker, &t->before);
}

static void drain(struct traffic *t)
{
	struct hearth_item item;

	while (hearth_feed_next(t->reader, &item) == 1) {
		if (item.record->event == HEARTH_ONLINE)
			t->totals.online++;
		else if (item.record->event == HEARTH_UPLINK)
			t->totals.uplink++;
		else
			t->totals.other++;
	}
	hearth_feed_commit(t->reader);
}

static void end(struct traffic *t, struct traffic_cost *cost)
{
	struct turn_view after;

	worker_turns(t->worker, &after);
	for (unsigned i = 0; i < STAGE_COUNT; i++)
		cost->stages[i] = after.busy_cycles[i] - t->before.busy_cycles[i];
}

/* ---- frames ---- */

static void set_frame(struct traffic *t, unsigned i, unsigned length)
{
	t->frames[i] = (struct frame){.data = t->bytes[i],
		.length = (uint16_t)length,
		.flags = t->options.good ? FRAME_L3_GOOD | FRAME_L4_GOOD : 0};
}

/* Segment @i, of the group's i-th device, with @length bytes in place. */
static void segment(struct traffic *t, unsigned i, uint16_t port, unsigned flags, uint32_t length)
{
	struct bench_device *device = &t->devices->all[t->numbers[i]];
	struct wire_flow flow = device_flow(t->numbers[i], device->attempts, port);

	set_frame(t, i,
		wire_tcp(t->bytes[i], &flow, flags, device->seq, flags & WIRE_ACK ? device->ack : 0,
			length));
	device->seq += length + !!(flags & (WIRE_SYN | WIRE_FIN));
}

static void segments(struct traffic *t, uint16_t port, unsigned flags)
{
	for (unsigned i = 0; i < t->group_count; i++)
		segment(t, i, port, flags, 0);
}

/* A message of each of the group's devices. */
static void messages(struct traffic *t, enum device_message kind)
{
	const bool udp = t->options.udp && kind != DEVICE_LOGIN;
	const uint16_t port = kind == DEVICE_LOGIN ? LOGIN_PORT : CONNECT_PORT;
	uint32_t lengths[DEVICES_GROUP];
	uint8_t *at[DEVICES_GROUP];

	for (unsigned i = 0; i < t->group_count; i++)
		at[i] = t->bytes[i] + (udp ? WIRE_UDP_HEADERS : WIRE_TCP_HEADERS);
	devices_frames(t->devices, kind, t->numbers, t->group_count, at, lengths);
	for (unsigned i = 0; i < t->group_count; i++) {
		const struct bench_device *device = &t->devices->all[t->numbers[i]];
		struct wire_flow flow = device_flow(t->numbers[i], device->attempts, port);

		if (udp)
			set_frame(t, i, wire_udp(t->bytes[i], &flow, lengths[i]));
		else
			segment(t, i, port, WIRE_ACK | WIRE_PSH, lengths[i]);
	}
}

static void begin_group(struct traffic *t, unsigned count)
{
	t->group_count = count;
	t->owing_count = 0;
	for (unsigned i = 0; i < count; i++)
		t->devices->all[t->numbers[i]].slot = (uint16_t)i;
}

/* All frames of the group, a burst at a time. */
static void send_all(struct traffic *t, uint64_t us, struct traffic_cost *cost)
{
	const unsigned burst = t->options.burst;

	for (unsigned at = 0; at < t->group_count; at += burst) {
		unsigned left = t->group_count - at;

		turn(t, &t->frames[at], left < burst ? left : burst, us, cost);
	}
}

static void expect_nothing(struct traffic *t)
{
	memset(t->answer_bytes, 0, t->group_count * sizeof(t->answer_bytes[0]));
	t->owing_count = 0;
}

static void look_at_answers(struct traffic *t, enum device_message kind)
{
	uint8_t *at[DEVICES_GROUP];

	for (unsigned i = 0; i < t->group_count; i++)
		at[i] = t->answers[i];
	devices_answers(t->devices, kind, t->numbers, t->group_count, at, t->answer_bytes);
	expect_nothing(t);
}

/* ---- logging in ---- */

/* Those whose SYN was not answered are put behind, to try from elsewhere. */
static void keep_open(struct traffic *t)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < t->group_count; i++) {
		struct bench_device *device = &t->devices->all[t->numbers[i]];

		if (device->ack) {
			t->numbers[kept++] = t->numbers[i];
		} else if (device->attempts + 1 < DEVICE_ATTEMPTS) {
			t->again[t->again_count++] = t->numbers[i];
			device->attempts++;
			t->totals.refused++;
		} else {
			t->devices->wrong++;
		}
	}
	begin_group(t, kept);
}

/* A connection of each of the group to @port, and a message over it that is answered. */
static void over_tcp(
	struct traffic *t, uint16_t port, enum device_message kind, struct traffic_cost *cost)
{
	for (unsigned i = 0; i < t->group_count; i++) {
		struct bench_device *device = &t->devices->all[t->numbers[i]];

		device->seq = t->numbers[i] * 7919u + port;
		device->ack = 0;
	}
	segments(t, port, WIRE_SYN);
	send_all(t, LOGIN_TURN_US, cost);
	keep_open(t);
	messages(t, kind);
	send_all(t, LOGIN_TURN_US, cost);
	look_at_answers(t, kind);
	/* After a login the device closes; the broker's FIN comes back at once. */
	if (kind == DEVICE_LOGIN) {
		segments(t, port, WIRE_FIN | WIRE_ACK);
		send_all(t, LOGIN_TURN_US, cost);
	}
	segments(t, port, WIRE_ACK);
	send_all(t, LOGIN_TURN_US, cost);
}

/* All of the next @count devices, until none was refused. */
static void all_over_tcp(struct traffic *t, unsigned count, uint16_t port, enum device_message kind,
	struct traffic_cost *cost)
{
	for (unsigned i = 0; i < count; i++)
		t->numbers[i] = t->logged_in + i;
	do {
		begin_group(t, count);
		expect_nothing(t);
		t->again_count = 0;
		over_tcp(t, port, kind, cost);
		count = t->again_count;
		memcpy(t->numbers, t->again, count * sizeof(t->again[0]));
	} while (count);
}

static void connect_over_udp(struct traffic *t, unsigned count, struct traffic_cost *cost)
{
	for (unsigned i = 0; i < count; i++)
		t->numbers[i] = t->logged_in + i;
	begin_group(t, count);
	expect_nothing(t);
	messages(t, DEVICE_CONNECT);
	send_all(t, LOGIN_TURN_US, cost);
	look_at_answers(t, DEVICE_CONNECT);
}

bool traffic_login(struct traffic *t, struct traffic_cost *cost)
{
	uint32_t left = t->options.sessions - t->logged_in;
	unsigned count = left < TRAFFIC_LOGINS ? left : TRAFFIC_LOGINS;

	if (count == 0)
		return false;
	begin(t, cost);
	cost->items = count;
	all_over_tcp(t, count, LOGIN_PORT, DEVICE_LOGIN, cost);
	if (t->options.udp)
		connect_over_udp(t, count, cost);
	else
		all_over_tcp(t, count, CONNECT_PORT, DEVICE_CONNECT, cost);
	end(t, cost);
	drain(t);
	t->logged_in += count;
	t->totals.logins += count;
	return true;
}

/* ---- reports ---- */

/* The ACKs of what the turn before was answered, as frames behind the group's own. */
static unsigned acknowledge(struct traffic *t, struct frame *frames)
{
	unsigned count = t->owing_count;

	for (unsigned i = 0; i < count; i++) {
		struct bench_device *device = &t->devices->all[t->owing[i]];
		struct wire_flow flow = device_flow(t->owing[i], device->attempts, CONNECT_PORT);
		uint8_t *at = t->ack_bytes[t->ack_next++ % ACK_BUFFERS];

		frames[i] = (struct frame){.data = at,
			.length = (uint16_t)wire_tcp(
				at, &flow, WIRE_ACK, device->seq, device->ack, 0),
			.flags = t->options.good ? FRAME_L3_GOOD | FRAME_L4_GOOD : 0};
	}
	t->owing_count = 0;
	return count;
}

/*
 * Half of a full burst are ACKs of the turn before, as where every answer is acknowledged at once
 * and the worker is never idle.
 */
static void exchange(struct traffic *t, struct traffic_cost *cost)
{
	const unsigned reports = t->options.burst / 2;
	struct frame mixed[2 * STACK_BURST];
	unsigned at = 0;

	while (at < t->group_count || t->owing_count) {
		unsigned count = acknowledge(t, mixed), left = t->group_count - at;
		unsigned now = left < reports ? left : reports;

		memcpy(mixed + count, &t->frames[at], now * sizeof(mixed[0]));
		at += now;
		turn(t, mixed, count + now, now ? now : 1, cost);
	}
}

unsigned traffic_prepare(struct traffic *t)
{
	const unsigned count = t->options.group < t->active ? t->options.group : t->active;

	for (unsigned i = 0; i < count; i++)
		t->numbers[i] = order_at(&t->order, (t->place + i) % t->active);
	t->place = (t->place + count) % t->active;
	begin_group(t, count);
	expect_nothing(t);
	messages(t, DEVICE_REPORT);
	return count;
}

void traffic_settle(struct traffic *t)
{
	t->totals.reports += t->group_count;
	look_at_answers(t, DEVICE_REPORT);
	drain(t);
}

void traffic_report(struct traffic *t, struct traffic_cost *cost)
{
	begin(t, cost);
	cost->items = traffic_prepare(t);
	/* Where no ACK comes by itself the clock hardly moves, or answers would be sent again. */
	if (!t->options.udp && !t->options.riding)
		exchange(t, cost);
	else
		send_all(t, t->options.udp ? t->options.burst : 1, cost);
	end(t, cost);
	traffic_settle(t);
}

/* ---- nothing at all ---- */

uint64_t traffic_idle(struct traffic *t, uint64_t us, unsigned turns)
{
	struct traffic_cost cost = {0};

	t->group_count = 0;
	for (unsigned i = 0; i < turns; i++)
		turn(t, NULL, 0, us, &cost);
	return cost.cycles;
}

void traffic_idle_for(struct traffic *t, uint64_t cycles, struct traffic_idle *idle)
{
	const uint64_t taken = t->tsc_hz / 1000000 * STAGES_GAP_US;
	const uint64_t began = __rdtsc(), start_us = t->clock.us;
	struct traffic_cost cost;
	struct turn_view before, after;

	t->group_count = 0;
	memset(idle, 0, sizeof(*idle));
	worker_turns(t->worker, &before);
	for (uint64_t past = 0; past < cycles; past = __rdtsc() - began) {
		uint64_t us = start_us + past / (t->tsc_hz / 1000000);

		memset(&cost, 0, sizeof(cost));
		turn(t, NULL, 0, us - t->clock.us, &cost);
		if (cost.cycles > taken) {
			idle->taken += cost.cycles;
			continue;
		}
		idle->turns++;
		idle->cycles += cost.cycles;
	}
	idle->wall = __rdtsc() - began;
	worker_turns(t->worker, &after);
	idle->timers = after.timer_cycles - before.timer_cycles;
}

struct traffic_totals traffic_totals(const struct traffic *t)
{
	struct traffic_totals totals = t->totals;

	totals.wrong += t->devices->wrong;
	return totals;
}
