/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* engine.h - private: devices, what is under way, and what the engine's files ask of each other */
#pragma once

#include "accounts.h"
#include "crypto/aes.h"
#include "gaps.h"
#include "hearth_feed.h"
#include "histogram.h"
#include "load.h"
#include "text.h"
#include "wire.h"

#include <string.h>

#define MS_NS UINT64_C(1000000)
#define SECOND_NS UINT64_C(1000000000)

/** Frames built, answers opened, events looked at together. */
#define BURST 64
/** Frames that one poll may bring before they are looked at. */
#define ARRIVALS 512
/** Reports chosen ahead, so that their devices are near when they are built. */
#define AHEAD 64
/** A pause between our own steps from here on was made by somebody else, */
#define GAP_NS 50000u
/** beyond what each piece of work, and each answer that is checked carefully, may take. */
#define WORK_NS 1000u
#define CHECK_NS 20000u
/** A report sent later than this after it was due is late. */
#define LATE_NS MS_NS

enum device_state {
	DEVICE_AWAY,    /* to log in */
	DEVICE_CALLING, /* its login connection opens */
	DEVICE_LOGIN,   /* 1002 sent */
	DEVICE_OPENING, /* its session's connection opens */
	DEVICE_CONNECT, /* 1004 sent */
	DEVICE_LIVE
};

/**
 * struct device - all that is kept of one
 * @connection: the wire's name of its TCP connection, 0: none
 * @tail: slot of its youngest request under way plus 1, whose @next is the oldest; 0: none
 * @base: sequence of its connect; @count: requests since then
 * @spare: answers that may come besides, over UDP: each of several sendings may be answered, and a
 *	request that was given up
 */
struct device {
	uint8_t key[16];
	char token[16];
	uint32_t connection;
	uint32_t tail;
	uint32_t count;
	struct account account;
	uint16_t base, spare;
	uint8_t under_way;
	uint8_t state : 3;
	uint8_t source : 2;  /* UDP: which of its ports */
	uint8_t stalled : 1; /* reads nothing */
	uint8_t partial : 1; /* half a frame of its stream is kept */
	uint8_t again : 1;   /* connected more than once: events of its first life may follow */
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct device) == 64, "a device is a cache line");

enum request_kind {
	REQUEST_REPORT,
	REQUEST_HEARTBEAT,
	REQUEST_LOGIN,
	REQUEST_CONNECT,
	REQUEST_BIND /* 2012, for a sub-device */
};

#define NO_SLOT UINT32_MAX

/**
 * struct slot - a request under way, or a login from its first SYN on
 * @due: when it was to be sent; @sent: when it was, last
 * @n: number of a report
 * @about: whose report it is, or who is to be bound: the device itself, or its sub-device
 * @time: Unix seconds that it carries: a repeat is the same bytes
 * @next: the device's next younger one, the youngest's leads to the oldest
 * @older, @newer: neighbours by @sent
 * @measured: counts in the trial's figures
 */
struct slot {
	uint64_t due, sent;
	uint32_t device, n, about, time;
	uint32_t next, older, newer;
	uint16_t sequence;
	uint8_t kind, sends;
	bool measured;
};

/** struct secret - a request's key, expanded: for a burst only. Kept from a request to its answer it
 * would be six lines of memory for each of thousands under way, which is dearer than expanding it. */
struct secret {
	struct aes_schedule schedule;
	uint8_t iv[16];
} __attribute__((aligned(64)));

/** struct build - a frame to be made: where it goes is reserved already */
struct build {
	uint32_t slot, connection;
	unsigned ticket;
	uint8_t *room;
};

/** struct arrival - a frame that came, as it lies in the packet */
struct arrival {
	uint32_t device, connection;
	uint32_t length;
	const uint8_t *data;
};

/** struct rest - half a frame of a stream; there only while it is */
struct rest {
	struct rest *next;
	uint32_t device, length;
	uint8_t bytes[];
};

/** struct waiting - a device that logs in again at @at */
struct waiting {
	uint64_t at;
	uint32_t device;
};

/** struct learnt - a piece of an answer that is the same for all devices, known from the first one;
 * @length 0: not yet */
struct learnt {
	unsigned length;
	char text[TEXT_MAX];
};

/** struct figures - counts since load_new() */
struct figures {
	uint64_t logins, connects, retried, failed;
	uint64_t answered, refused, failures, repeated, unanswered;
	uint64_t heartbeats, heartbeats_answered, checked;
	uint64_t events, doubled, gone, online, offline, disconnected, relogins;
	uint64_t wrong[LOAD_WRONG_COUNT];
	uint64_t sent;                    /* reports */
	uint64_t of_subdevices, bindings; /* events of 2012 */
};

/**
 * struct run - the trial that goes on
 * @begin: when report 0 is due; @next: number of the next to be sent
 * @from, @to: the measured time, ns; @first, @end: numbers of the reports due in it
 */
struct run {
	const struct load_trial *trial;
	struct figures before; /* when it began */
	bool on, reports;
	uint64_t begin, from, to, next, first, end;
	double interval; /* ns between two */
	uint64_t sent, late, skipped, dropped, answered, refused, failures, unanswered, open;
	uint64_t answered_in_time, delivered_in_time;
	uint64_t even_at;  /* when all that was due had been sent, for the last time */
	uint64_t heard_at; /* prepared: when an answer came, or silence began anew */
	uint64_t held_at;  /* when a report last waited for room for its answer */
};

/** struct load - the engine */
struct load {
	struct load_config config;
	struct load_wire *wire;
	struct identity identity;
	struct text_clock clock;
	uint64_t now;   /* of this turn */
	uint64_t stamp; /* when the answers that are looked at were checked */
	uint64_t clock_at;
	volatile bool stop;

	struct device *devices;
	uint32_t live;

	struct slot *slots;
	uint32_t *free_slots;
	uint32_t slot_count, free_count;
	uint32_t oldest, newest; /* by @sent */

	struct aes_burst *aes;
	struct text_report *reports;
	uint8_t *plain; /* BURST texts, each @stride bytes */
	uint32_t stride;
	struct build builds[BURST];
	unsigned build_count;
	/* datagrams that left and were not answered, and those that our end had dropped by then */
	uint32_t in_flight;
	uint64_t drops_seen;
	uint32_t turn_next, stride_of_turns; /* devices, and how far from each to the next */
	uint8_t *frames; /* prepared: @frame_stride bytes a slot, so long as @frame_lengths */
	uint16_t *frame_lengths;
	uint32_t frame_stride;

	struct arrival arrivals[ARRIVALS];
	unsigned arrival_count;
	struct rest *rests;
	uint32_t check_in; /* answers until the next that is checked carefully */
	struct learnt hosts, intervals;

	/* logins */
	uint32_t login_next; /* never begun: this one and those behind it */
	struct waiting *waiting;
	uint32_t waiting_first, waiting_count;
	uint32_t logging_in;
	uint64_t login_from, login_begun;

	/* the gateway's sub-devices: bound so far; one is asked for, or was refused */
	uint32_t bound;
	bool binding, bind_refused;

	/* order */
	uint64_t random;
	uint32_t order_next;
	uint32_t ahead[AHEAD];
	unsigned ahead_at;
	uint32_t beat_next; /* heartbeats sent since @beat_from, as a device's index */
	uint64_t beat_from, beats;

	struct hearth_feed *feed;
	struct figures figures;
	struct run run;
	char first_wrong[160]; /* since the last trial's end, as: */
	uint64_t told[LOAD_WRONG_COUNT];

	/* where the cycles go */
	double tsc_ghz;
	uint64_t ring_next; /* when the ring is looked at, */
	uint64_t ring_at;   /* and an empty one more closely */
	uint64_t mark, checked_at_mark;
	uint64_t turn_cycles[LOAD_PART_COUNT], cycles[LOAD_PART_COUNT], turns;
	uint64_t gaps, gap_total, gap_longest; /* cycles */
	uint64_t gap_end;                      /* ns */
	/* while what a gap has kept waiting is worked off; when that was over, ns */
	bool in_wake;
	uint64_t wake_end;
	bool worked;
};

/* load.c */

/** load_turn() - one turn of everything. */
void load_turn(struct load *load);

/** load_mark() - what ran since the last mark was @part; @work: packets, frames or events that it
 * was for, which may take their time without being a gap. */
void load_mark(struct load *load, enum load_part part, unsigned work);

/** load_wrong() - count something wrong; the first is kept for people. */
void load_wrong(struct load *load, enum load_wrong wrong, uint32_t device, const char *what);

/* slot.c */

/** slot_get() - a slot for @device, the youngest of its own and of all. Return: NO_SLOT. */
uint32_t slot_get(struct load *load, uint32_t device, enum request_kind kind, uint64_t due);

/** slot_sent() - it was sent (again) now. */
void slot_sent(struct load *load, uint32_t slot);

/** slot_later() - its answer is waited for from now on. */
void slot_later(struct load *load, uint32_t slot);

/** slot_put() - done with; @slot is one of its device's. */
void slot_put(struct load *load, uint32_t slot);

/** slot_first() - a device's oldest; NO_SLOT: it has none. */
static inline uint32_t slot_first(const struct load *load, const struct device *device)
{
	return device->tail ? load->slots[device->tail - 1].next : NO_SLOT;
}

/** slot_find() - a device's request with that sequence; NO_SLOT. */
uint32_t slot_find(const struct load *load, const struct device *device, uint16_t sequence);

/* build.c */

/** is_prepared() - are frames kept, to be sent again as they are? */
static inline bool is_prepared(const struct load *load)
{
	return load->run.on && load->run.trial->prepared;
}

/** build_add() - have a slot's request made and sent with the burst. Return: false: the wire has no
 * room for it now. */
bool build_add(struct load *load, uint32_t slot);

/** build_key() - the key of a slot's request, and of its answer. */
void build_key(const struct load *load, const struct slot *s, struct secret *secret);

/** build_flush() - make and send what was added. */
void build_flush(struct load *load);

/* answer.c */

/** answer_bytes(), answer_datagram() - the wire's up-calls. */
bool answer_bytes(struct load *load, uint32_t device, uint32_t connection, const uint8_t *data,
	uint32_t length);
void answer_datagram(struct load *load, uint32_t device, const uint8_t *data, uint32_t length);

/** answer_flush() - look at what came. */
void answer_flush(struct load *load);

/** answer_forget() - a device's half frame is of no use any more. */
void answer_forget(struct load *load, uint32_t device);

/* judge.c */

/**
 * judge_frame() - a frame that is not just what was expected, or one of the sample: read by jansson
 * and mbedTLS, then acted upon
 * @plain: what we have made of it already, of @length bytes; NULL: nothing
 */
void judge_frame(
	struct load *load, const struct arrival *arrival, const uint8_t *plain, uint32_t length);

/* life.c */

/** life_turn() - logins that may begin, requests that wait too long. Return: something was done. */
bool life_turn(struct load *load);

/** life_opened(), life_ended() - the wire's up-calls. */
void life_opened(struct load *load, uint32_t device, uint32_t connection);
void life_ended(struct load *load, uint32_t device, uint32_t connection);

/** life_granted() - a device's 1003: its session's key and token. */
void life_granted(struct load *load, uint32_t slot, const char key[16], const char token[16]);

/** life_live() - a device's 1005. */
void life_live(struct load *load, uint32_t slot);

/** life_answered() - a report or heartbeat has its answer: result 0 or another */
void life_answered(struct load *load, uint32_t slot, uint32_t result);

/** life_spare() - one more answer to @device may come than its slots say. */
static inline void life_spare(struct device *device)
{
	device->spare += device->spare < UINT16_MAX;
}

/** life_lost() - a device has no connection any more; it logs in again. */
void life_lost(struct load *load, uint32_t device);

/* gateway.c */

/** gateway_live() - the gateway has connected: none of its sub-devices is bound. */
void gateway_live(struct load *load);

/** gateway_turn() - the next sub-device is shown to the platform. Return: something was done. */
bool gateway_turn(struct load *load);

/** gateway_answered() - that was answered: @bound or refused. */
void gateway_answered(struct load *load, bool bound);

/** gateway_about() - whose the next report of @device is. */
uint32_t gateway_about(const struct load *load, uint32_t device);

/** gateway_chosen() - is the next report one of the gateway's, by their share? @random: 64 bits */
static inline bool gateway_chosen(const struct load *load, uint64_t random)
{
	return load->bound == load->config.subdevices &&
	       (double)(random >> 11) * 0x1p-53 < load->config.gateway_share;
}

/** gateway_event() - an event about a sub-device, or that one was bound. Return: false: it is not,
 * or a wrong one. */
bool gateway_event(struct load *load, uint32_t device, const struct hearth_item *item);

/* ring.c */

/** ring_open() - the rings, which the broker may only be making. Return: 0 or -errno. */
int ring_open(struct load *load, char *error, size_t size);

/** ring_turn() - a slice of events. Return: how many. */
unsigned ring_turn(struct load *load);

/* schedule.c */

/** schedule_turn() - reports and heartbeats that are due. Return: something was done. */
bool schedule_turn(struct load *load);

/** schedule_report() - a new report of a device that is live. Return: false: no room for it now. */
bool schedule_report(struct load *load, uint32_t device, uint64_t due, bool measured);

/* prepared.c */

/** prepared_init() - in which order devices send then. */
void prepared_init(struct load *load);

/** prepared_turn() - overload: each device's frame is sent as it is until it is answered. Return:
 * something was done. */
bool prepared_turn(struct load *load);

/** schedule_begin() - @load->run.trial begins now. */
void schedule_begin(struct load *load);
