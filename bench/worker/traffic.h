/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* traffic.h - a whole worker over a link of plain memory, and devices that log in, connect and
 * report through its turns; only the turns are timed */
#pragma once

#include "devices.h"
#include "order.h"
#include "plain_broker.h"
#include "wire.h"

#include <stdio.h>

/** Devices that log in at once: fewer handshakes than bring out cookies. */
#define TRAFFIC_LOGINS 512

/**
 * struct traffic_options
 * @sessions: devices, each with a session
 * @group: reports that are prepared at once, at most; no device has two of them
 * @burst: frames that a turn finds at its port, at most
 * @udp: sessions over UDP, else TCP
 * @riding: a device's ACK of an answer rides on its next report; else it comes alone, at once. An
 *	answer takes memory until then: so an eighth of the devices reports, where there are many
 * @seed: of all that is drawn, so that every run is like the other; 0: the system's
 * @good: checksums are the port's affair
 */
struct traffic_options {
	uint32_t sessions, report_bytes;
	unsigned group, burst;
	uint64_t ring_bytes, seed;
	bool udp, riding, random, good, huge;
};

/**
 * struct traffic_cost - what a group of devices cost the worker
 * @items: devices or reports; @turns: of the worker
 * @cycles: in worker_turn(), all told; @stages: of these, as the worker accounts for them
 * @bytes_in, @bytes_out, @frames_in, @frames_out: over the link
 */
struct traffic_cost {
	uint64_t items, turns, cycles;
	uint64_t stages[STAGE_COUNT];
	uint64_t frames_in, bytes_in, frames_out, bytes_out;
};

/** struct traffic_totals - what came of everything so far */
struct traffic_totals {
	uint64_t logins, reports;       /* that the devices made */
	uint64_t online, uplink, other; /* events read from the ring */
	uint64_t wrong;                 /* answers that were not what they had to be, or missing */
	uint64_t strange;               /* frames to no device of ours */
	uint64_t refused; /* connections not answered: the device tried from elsewhere */
};

struct traffic;

/** traffic_new() - a worker with all its devices provisioned, none of them logged in.
 * Return: NULL with one line in @error. The thread becomes a reader of urcu-qsbr. */
struct traffic *traffic_new(const struct traffic_options *options, char *error, size_t size);

void traffic_free(struct traffic *traffic);

/** traffic_login() - the next group of devices logs in and connects, over two connections each
 * (over UDP: one, and a datagram). Return: false when all have. */
bool traffic_login(struct traffic *traffic, struct traffic_cost *cost);

/** traffic_report() - the next group of devices, in the order asked for, sends a report each. */
void traffic_report(struct traffic *traffic, struct traffic_cost *cost);

/**
 * traffic_idle() - turns without traffic
 * @us: how far the clock goes on with each turn; 0: it stands, and nothing is ever due
 * Return: cycles in worker_turn().
 */
uint64_t traffic_idle(struct traffic *traffic, uint64_t us, unsigned turns);

/**
 * struct traffic_idle - turns without traffic, in cycles
 * @wall: that passed, all told
 * @taken: in turns so long that something else had the core (STAGES_GAP_US); not in the others
 * @timers: what the worker's own accounting has for timers and sweeps, in all turns
 */
struct traffic_idle {
	uint64_t wall, taken, turns, cycles, timers;
};

/** traffic_idle_for() - turns without traffic, on a clock that goes on as the real one does. */
void traffic_idle_for(struct traffic *traffic, uint64_t cycles, struct traffic_idle *idle);

/** traffic_tsc_hz() - of the time-stamp counter, measured once. */
uint64_t traffic_tsc_hz(const struct traffic *traffic);

/** traffic_totals() - to be seen as right: every report one answer and one event. */
struct traffic_totals traffic_totals(const struct traffic *traffic);

/** traffic_complain() - all counters of the worker that are not 0, for people. */
void traffic_complain(const struct traffic *traffic, FILE *out);
