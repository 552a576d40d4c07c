/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* traffic_state.h - what traffic*.c share: the broker, its devices, the group under way */
#pragma once

#include "traffic.h"

#include "feed/hearth_feed.h"
#include "stack.h"

#define LOGIN_PORT 7700
#define CONNECT_PORT 7701
#define START_UNIX 1700000000u
#define START_US 5000000000ull
#define FRAME_BYTES 1536
#define ACK_BUFFERS 256 /* each is used again long after its turn */

/**
 * struct traffic
 * @logged_in: devices that have a session: the first so many
 * @active: devices that report: the first so many of the order
 * @place: in the order, of the next report
 * @before: the worker's accounting when this group began
 * @numbers, @group_count: whose group it is; the arrays behind are by place in it
 * @again: devices that were refused a connection
 * @owing: devices that were answered in the last turn and have not acknowledged it
 */
struct traffic {
	struct traffic_options options;
	struct plain_broker broker;
	struct wire wire;
	struct worker *worker;
	struct plain_random seeded;
	struct random *system;
	struct hearth_feed *reader;
	struct turn_clock clock;
	struct devices *devices;
	struct order order;
	struct traffic_totals totals;
	uint64_t tsc_hz;
	uint32_t logged_in, active, place;
	struct turn_view before;
	unsigned group_count, owing_count, again_count, ack_next;
	uint32_t numbers[DEVICES_GROUP];
	uint32_t owing[DEVICES_GROUP];
	uint32_t again[TRAFFIC_LOGINS];
	uint32_t answer_bytes[DEVICES_GROUP];
	struct frame frames[DEVICES_GROUP];
	uint8_t (*bytes)[FRAME_BYTES];
	uint8_t (*answers)[DEVICE_ANSWER_MAX];
	uint8_t ack_bytes[ACK_BUFFERS][64];
};

/** traffic_prepare() - the frames of the next group's reports. Return: how many. */
unsigned traffic_prepare(struct traffic *traffic);

/** traffic_take() - what left by the wire is with the devices. */
void traffic_take(struct traffic *traffic, struct traffic_cost *cost);

/** traffic_settle() - look at the group's answers and read its events. */
void traffic_settle(struct traffic *traffic);
