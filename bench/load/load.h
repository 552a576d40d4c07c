/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* load.h - the instrument's engine: compact devices, an open loop, the ring's accounts */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * One thread drives everything: devices, their carrier (struct load_wire), the event ring. Times
 * are nanoseconds of load_now() unless a name says otherwise. Devices are known by their index,
 * 0..devices - 1; identity.h gives their ids and PINs.
 *
 * Each report carries the device's own number "n", 1, 2, ... over the life of the engine, so that
 * what the ring brings is set against what was sent, device by device: a report is lost if it was
 * sent and has not been seen there, doubled if it has been seen more than once, wrong if any byte
 * of it is not what was sent.
 */

struct histogram; /* histogram.h */
struct load;
struct load_wire;

/** Sizes that reports may have at once, in equal shares. */
#define LOAD_SIZES_MAX 8
/** Reports of one device under way at once, at most (a repeat may be up to 32 behind the
 * newest). */
#define LOAD_OUTSTANDING_MAX 16

/**
 * struct load_config - what the engine is made for; all times and sizes are fixed for its life
 * @devices: how many
 * @seed: of identities, order and contents
 * @tcp: sessions over TCP, else over UDP (logins are over TCP always)
 * @at_once: logins under way at once, at most; 0: 512. Each has up to three frames on their way:
 *	more than a ring holds are lost, and more than caches hold come in more slowly
 * @login_rate: logins begun a second, at most; 0: as fast as they are answered
 * @bytes, @sizes: plain text of a report in bytes (112..8192; UDP: ..1000), in equal shares
 * @code: frame code of reports: 2006
 * @in_order: devices report one after the other, else at random
 * @outstanding: reports of one device under way, at most
 * @heartbeat_s: every live device sends one so often, spread evenly; 0: none
 * @check_every: of so many answers one is checked by mbedTLS and jansson besides; 0: 1024
 * @retry_ms: without an answer for so long a request over UDP, or a login, is sent again (three
 *	sends in all), a login begun anew; 0: 10,000. While load_login() runs it is a second at
 *	most.
 * @subdevices: the first device is a gateway with so many, whose indices follow the devices'; it
 *	shows the platform their PINs after each connect
 * @gateway_share: of all reports that are theirs, once all are bound
 * @prepared: UDP: there is room for trials that are prepared; at most 100,000 devices or so
 * @disturbed: devices stop reading, or lose connections, by intent: over TCP more may be under way
 *	than our end has room for the answers of
 * @feed: path of the event rings; NULL: nobody reads them here, lost and doubled stay 0
 */
struct load_config {
	uint32_t devices;
	uint64_t seed;
	bool tcp;
	uint32_t at_once;
	double login_rate;
	uint16_t bytes[LOAD_SIZES_MAX];
	unsigned sizes;
	unsigned code;
	bool in_order;
	unsigned outstanding;
	unsigned heartbeat_s;
	unsigned check_every;
	unsigned retry_ms;
	uint32_t subdevices;
	double gateway_share;
	bool prepared;
	bool disturbed;
	const char *feed;
};

/** load_new() - an engine on @wire, which stays the caller's. @error: one line for people.
 * Return: NULL if it cannot be had. */
struct load *load_new(
	const struct load_config *config, struct load_wire *wire, char *error, size_t size);

/** load_free() - closes every connection first where the wire has any; NULL is allowed. */
void load_free(struct load *load);

/** load_bytes() - memory of the engine itself, without its wire's. */
size_t load_bytes(const struct load *load);

/** struct load_login_result - how the devices came in; times in seconds */
struct load_login_result {
	uint32_t devices; /* live now */
	uint64_t logins;  /* answered 1002 */
	uint64_t connects;
	uint64_t retried, failed; /* sent again; given up and begun anew */
	double seconds, rate;     /* of devices from cold to live */
	double busy_share;
};

/**
 * load_login() - all devices that are not live log in and connect
 * @seconds: given up after so long; 0: never
 * @progress: called about once a second; may be NULL
 * Return: 0, -ETIMEDOUT (@result is filled in all the same), -EINTR after load_stop().
 */
int load_login(struct load *load, double seconds, struct load_login_result *result,
	void (*progress)(void *context, uint32_t live, double rate), void *context);

/** load_live() - devices that are live now. */
uint32_t load_live(const struct load *load);

/** Why a frame from the platform, or an event, was wrong. */
#define LOAD_WRONGS(X)                                                                             \
	X(LOAD_BAD_FRAME, "frame", "answers that are no frame of the text's form")                 \
	X(LOAD_BAD_BASE64, "base64", "answers whose data is no Base64")                            \
	X(LOAD_BAD_SECRET, "secret", "answers that do not decrypt with the session's key")         \
	X(LOAD_BAD_JSON, "json", "answers whose text is no JSON object")                           \
	X(LOAD_BAD_CODE, "code", "answers with another code than the request's plus 1")            \
	X(LOAD_BAD_SEQUENCE, "sequence", "answers to a number that was not asked")                 \
	X(LOAD_BAD_DEVICE, "device", "answers that name another device")                           \
	X(LOAD_BAD_TIME, "time", "answers whose time is far from the clock")                       \
	X(LOAD_BAD_MEMBER, "member", "answers with a member missing or of another kind")           \
	X(LOAD_BAD_CRYPTO, "crypto", "answers that our two AES implementations read differently")  \
	X(LOAD_BAD_EVENT, "event", "events whose fields are not those of the report sent")         \
	X(LOAD_BAD_PAYLOAD, "payload",                                                             \
		"events whose payload is not, byte for byte, what was sent")                       \
	X(LOAD_BAD_STRANGER, "stranger", "events of devices that are none of ours")                \
	X(LOAD_BAD_RING, "ring", "rings found damaged or replaced")
enum load_wrong {
#define LOAD_WRONG_MEMBER(id, name, help) id,
	LOAD_WRONGS(LOAD_WRONG_MEMBER)
#undef LOAD_WRONG_MEMBER
		LOAD_WRONG_COUNT
};

/** load_wrong_name() - its short name; load_wrong_help() - what is counted. */
const char *load_wrong_name(enum load_wrong wrong);
const char *load_wrong_help(enum load_wrong wrong);

/**
 * struct load_trial - one trial: warm-up, measured time, drain
 * @rate: reports offered a second; 0: none, or @closed
 * @closed: so many reports kept under way instead (closed loop)
 * @heartbeats_only: no reports
 * @prepared: overload, where the engine was made for it. Devices send by turns, each the same
 *	datagram again until it is answered (@rate counts every sending; what is not new is
 *	load_result.repeated, what is answered load_result.rate), each with one report under way. A
 *	full port is not waited for: what finds no room there, or none for its answer, is
 *	load_result.sender_drops
 * @quiet_ms: the drain ends also when nothing has come for so long: over UDP what is lost stays
 *	lost; 0: never
 * @latency, @latency_clean: receive ns from intended sending to checked answer; all of them, and
 *	those that no gap of our own touched, nor what it had kept waiting; of reports (with
 *	@heartbeats_only, heartbeats) due in the measured time. May be NULL.
 * @slow: takes those of @latency_clean that took longer than it says, instead of that; may be NULL
 * @turn: called once a millisecond or so between two turns, for what a scenario does besides
 */
struct load_trial {
	double rate;
	uint32_t closed;
	uint32_t warmup_ms, measure_ms, drain_ms;
	bool heartbeats_only, prepared;
	uint32_t quiet_ms;
	struct histogram *latency, *latency_clean;
	struct slow *slow;
	void (*turn)(void *context, struct load *load, uint64_t now);
	void *context;
};

/**
 * struct load_parts - cycles of the engine by part, over the measured time
 */
#define LOAD_PARTS(X)                                                                              \
	X(LOAD_PART_WIRE, "wire", "port, IP, TCP or UDP: both ways")                               \
	X(LOAD_PART_BUILD, "build", "reports: text, AES, Base64, framing")                         \
	X(LOAD_PART_ANSWERS, "answers", "answers: framing, Base64, AES, comparison")               \
	X(LOAD_PART_RING, "ring", "events: read, compared, committed")                             \
	X(LOAD_PART_REST, "rest", "schedule, heartbeats, logins, retries")                         \
	X(LOAD_PART_IDLE, "idle", "turns in which nothing was done")
enum load_part {
#define LOAD_PART_MEMBER(id, name, help) id,
	LOAD_PARTS(LOAD_PART_MEMBER)
#undef LOAD_PART_MEMBER
		LOAD_PART_COUNT
};
const char *load_part_name(enum load_part part);

/**
 * struct load_result - what a trial found
 * @offered: reports that were due in the measured time; @sent: of these sent
 * @sent_all: those of the warm-up too: what @delivered has to be
 * @late: sent more than a millisecond after they were due, though neither a gap of our own nor a
 *	full port held them up
 * @skipped: chosen devices passed over: not live, or too many of theirs under way
 * @answered: result 0; @refused: 999999, no room; @failed: any other result
 * @denied: any result but 0, of the warm-up's reports and of heartbeats too
 * @repeated: sent again for want of an answer
 * @unanswered: still without one after the drain; @unanswered_all: those of the warm-up too
 * @delivered: seen at the ring; @lost: not seen there after the drain; @doubled
 * @heartbeats, @heartbeats_answered: beside the reports; @heartbeats_lost: those that waited for
 *	100 ms at the end
 * @of_subdevices: of all that were sent, those about the gateway's; @bound: so many are bound now
 * @checked: answers that jansson and mbedTLS looked at besides, or because they differed
 * @wrong: by reason, also what was while devices came in before
 * @sender_drops: frames that our port or stack did not take or had no buffer or no room for
 * @offline: sessions that ended, by the ring's events: over UDP a device does not see it
 * @disconnected: sessions that ended; @relogins: devices that came back
 * @first_wrong: one line about the first wrong thing, "" if there was none
 * @seconds: the measured time; @rate: reports answered in it, a second
 * @cycles: by part; @tsc_hz: cycles a second; @turns
 * @stolen_s: of the measured time, what others had of our core; @stolen_gaps: gaps in our own turns
 *	of 50 us more than their work explains; @stolen_longest_s
 *
 * The counts cover every report that was due in the measured time, and what else went wrong from
 * the warm-up's begin to the drain's end. What is without an answer then is given up: it is neither
 * sent again nor waited for in the next trial, and its device stays.
 */
struct load_result {
	uint64_t offered, sent, sent_all, late, skipped;
	uint64_t answered, refused, failed, denied, repeated, unanswered, unanswered_all;
	uint64_t delivered, lost, doubled;
	uint64_t heartbeats, heartbeats_answered, heartbeats_lost;
	uint64_t of_subdevices, bound;
	uint64_t checked, wrong[LOAD_WRONG_COUNT];
	uint64_t sender_drops, offline, disconnected, relogins;
	char first_wrong[160];
	double seconds, rate;
	uint64_t cycles[LOAD_PART_COUNT], tsc_hz, turns;
	double stolen_s, stolen_longest_s;
	uint64_t stolen_gaps;
};

/** load_trial() - run one. Return: 0, -EINTR after load_stop(), -EINVAL: prepared, and not made for
 * it. */
int load_trial(struct load *load, const struct load_trial *trial, struct load_result *result);

/** load_progress() - what the trial under way has counted, from its @turn: reports, heartbeats,
 * wrong ones; @unanswered are those under way. The rest of @counts is 0. */
void load_progress(const struct load *load, struct load_result *counts);

/** load_kept() - was nothing lost, doubled, wrong, refused, unanswered or dropped, and the rate
 * kept (fewer than 1 in 1,000 late)? */
bool load_kept(const struct load_result *result);

/** load_stop() - end what runs at its next turn; async-signal-safe. */
void load_stop(struct load *load);

/* ---- what a scenario does to single devices, between two turns ---- */

/** load_drop() - a device's connection ends (RST where @abort, else FIN); it logs in again by
 * itself in load_trial(). */
void load_drop(struct load *load, uint32_t device, bool abort);

/** load_resume() - TCP: a device is at another address all of a sudden. Its connection is left
 * behind without a word, what was under way on it stays unanswered, and it connects anew with its
 * token. */
void load_resume(struct load *load, uint32_t device);

/** load_rebind() - UDP: from now on a device sends from another port. */
void load_rebind(struct load *load, uint32_t device);

/** load_stall() - TCP: a device reads nothing until told again. */
void load_stall(struct load *load, uint32_t device, bool stalled);

/** load_now() - ns on the engine's clock. */
uint64_t load_now(void);
