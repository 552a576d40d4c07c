/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* control_private.h - between the files that make up the control socket */
#pragma once

#include "control/control.h"
#include "control/control_ask.h"
#include "control/history.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Sums over all workers whose growth per second status shows: name of the rate, name of the
 * counter that it is made of. */
#define RATES(X)                                                                                   \
	X(RATE_RX_FRAMES, "rx_frames", "rx_frames")                                                \
	X(RATE_RX_BYTES, "rx_bytes", "rx_bytes")                                                   \
	X(RATE_TX_FRAMES, "tx_frames", "tx_frames")                                                \
	X(RATE_TX_BYTES, "tx_bytes", "tx_bytes")                                                   \
	X(RATE_LOGINS, "logins", "logins")                                                         \
	X(RATE_CONNECTS, "connects", "connects")                                                   \
	X(RATE_HEARTBEATS, "heartbeats", "heartbeats")                                             \
	X(RATE_REQUESTS, "requests", "requests")                                                   \
	X(RATE_ANSWERS, "answers", "answers")                                                      \
	X(RATE_EVENTS, "events", "feed_records")
COUNTER_ENUM(rate, RATES, RATE_COUNT);

/** struct rate_sample - the counters behind the rates at one moment */
struct rate_sample {
	uint64_t us; /* monotonic */
	uint64_t values[RATE_COUNT];
};

/**
 * struct control_client - one connection
 * @socket: -1 if the slot is free
 * @file: descriptor that came for the next request, -1 if none
 * @input: CONTROL_LINE_MAX + 1 bytes; @used of them hold what came, @scanned have no line end
 * @output: what is still to be sent: from @sent to @output_length
 * @output_file: descriptor that goes with it, -1 if none
 * @active_us: when it last sent or took a byte
 * @actor: who it is
 * @ended: it will send no more
 * @closing: close once the output is sent
 * @watches: it asks how a drain goes
 * @told: it has been told how it ended
 * @following: slot of the device that it follows plus 1, 0: none
 * @lines: what it has not been sent yet of that; @lines_used bytes
 * @lines_lost: lines that found no room, and that it has not been told of
 */
struct control_client {
	int socket;
	int file;
	char *input;
	size_t used, scanned;
	char *output;
	size_t output_length, sent;
	int output_file;
	uint64_t active_us;
	struct control_actor actor;
	bool ended, closing, watches, told;
	unsigned following;
	char *lines;
	size_t lines_used;
	uint64_t lines_lost;
};

/* Samples of one every five seconds: a minute. */
#define CONTROL_SAMPLES 13

enum drain_state { DRAIN_OFF, DRAIN_SESSIONS, DRAIN_CONNECTIONS, DRAIN_EVENTS, DRAIN_DONE };

/**
 * struct drain - the node on its way out (control_drain.c)
 * @began_us, @entered_us: when it began, and when it came into this state
 * @deadline_us: 0: there is none
 * @credit, @earned_us: sessions that may be ended now, times a million; when that was worked out
 * @next, @seen, @passes, @pass_us: the walk through the session table: where it goes on, entries
 *	that were not free on it, how many there were, when this one began
 * @ended, @ended_us, @ended_before: sessions ended by all drains of this process, when one was last,
 *	how many there were before this one
 * @posted, @taken, @taken_before: requests to workers, those that they have taken, before it began
 * @sessions_left: at the end
 * @forced: answers that wait for a commit are not waited for
 * @hurry: nor is the rate kept
 * @clean: every session has ended
 */
struct drain {
	enum drain_state state;
	uint64_t began_us, entered_us, deadline_us;
	uint64_t credit, earned_us;
	uint32_t next, seen, passes;
	uint64_t pass_us;
	uint64_t ended, ended_us, ended_before;
	uint64_t posted, taken, taken_before;
	uint64_t sessions_left;
	bool forced, hurry, clean;
};

/**
 * struct control_generation - which configuration is in force
 * @number: 1 at the start, one more with each change
 * @by, @when: who changed it last, in Unix seconds
 * @waiting: what the file that was read last says and a restart is needed for
 */
struct control_generation {
	uint64_t number;
	char by[96];
	time_t when;
	json_t *waiting;
};

/**
 * struct control
 * @answer_file: descriptor that a verb wants to go with its answer, -1 if none
 * @aes: made when it is needed first
 * @asks: requests of other threads
 * @samples: figures of the last minute, the newest first, for what has grown; @sampled: when, us
 * @actor: who asks for the verb that is being carried out
 */
struct control {
	struct broker_view *view;
	int listener;
	int answer_file;
	struct aes_burst *aes;
	struct control_asks *asks;
	json_t *samples[CONTROL_SAMPLES];
	uint64_t sampled;
	const struct control_actor *actor;
	struct control_generation generation;
	char *path;
	dev_t device; /* of the socket file, so that only our own is removed */
	ino_t inode;
	struct rate_sample start, before, now; /* the last full second is before..now */
	struct history *history;               /* NULL before the first sample, or without memory */
	unsigned followers;
	struct drain drain;
	struct control_client *serving; /* whose request is being carried out */
	struct control_client clients[CONTROL_CLIENTS_MAX];
};

/* ---- answers (control_common.c, control_answer.c) ---- */

/** control_refuse() - {"ok":false,"error":..,"remedy":..}; @format makes the error. */
json_t *control_refuse(const char *remedy, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/** control_why() - a refusal with its kind beside it, for programs: "busy", "unknown", ... */
json_t *control_why(const char *why, json_t *refusal);

/** control_unpack() - a request's members: json_unpack_ex() that takes no others.
 * Return: NULL if they fit, else the refusal. */
json_t *control_unpack(json_t *request, const char *format, ...);

/** control_clock_us() - monotonic microseconds. */
uint64_t control_clock_us(void);

/** control_line() - an answer's text with its line end, malloc'ed, or NULL. Takes @answer. */
char *control_line(json_t *answer);

/** control_answer() - carry out one request line. @file: descriptor that came with it, or -1.
 * Return: as control_line(); control->answer_file goes with it, and is the caller's. */
char *control_answer(struct control *control, const char *line, size_t length, int file);

/** control_answer_object() - carry out a request that is there as an object, without a file.
 * @actor: who asks. Return: the answer, the caller's; NULL without memory. */
json_t *control_answer_object(
	struct control *control, json_t *request, const struct control_actor *actor);

/* ---- a drain (control_drain.c) ---- */

/** control_drain_step() - do what is due; never waits. */
void control_drain_step(struct control *control);

/** control_drain_status() - {"state": "off"}, or how it goes. */
json_t *control_drain_status(struct control *control);

/** control_drain() - begin, ask, call off */
json_t *control_drain(struct control *control, json_t *request, int file);

/* ---- the audit log (control_audit.c) ---- */

/** control_audited() - does the audit log tell of this request? */
bool control_audited(const json_t *request);

/**
 * control_audit_asked() - note that a request is about to be carried out, if it is one to be noted
 * @number: receives what control_audit_done() is to be given
 * Return: NULL, or the refusal: the log cannot be written.
 */
json_t *control_audit_asked(struct control *control, const json_t *request,
	const struct control_actor *actor, int64_t *number);

/** control_audit_done() - note how it ended. Return: @answer, with a warning if that failed. */
json_t *control_audit_done(struct control *control, const json_t *request,
	const struct control_actor *actor, int64_t number, json_t *answer);

/** control_audit_status(), control_log_status() - for status: the chain's head, NULL without a log;
 * lines said, held back and lost. */
json_t *control_audit_status(const struct broker_view *view);
json_t *control_log_status(void);

/** control_audit() - where the log is and how its chain ends */
json_t *control_audit(struct control *control, json_t *request, int file);

/* ---- requests of other threads (control_ask.c) ---- */

struct control_asks *control_asks_new(void);
void control_asks_free(struct control_asks *asks);

/** control_asks_event() - readable while something waits. */
int control_asks_event(const struct control_asks *asks);

/** control_asks_serve() - carry out a few; the event stays up while others wait. */
void control_asks_serve(struct control *control);

/* ---- clients (control_client.c) ---- */

/** client_open() - take an accepted connection into a slot. Return: 0, -ENOMEM. */
int client_open(struct control_client *client, int accepted, uint64_t now);

/** client_close() - wipe and free the slot. */
void client_close(struct control *control, struct control_client *client);

/** client_receive() - take what came, bounded. */
void client_receive(struct control_client *client, uint64_t now);

/** client_send() - send what can be sent without waiting. */
void client_send(struct control_client *client, uint64_t now);

/** client_ready() - is there a request to carry out, and no answer in its way? */
bool client_ready(const struct control_client *client);

/** client_serve() - carry out one request. */
void client_serve(struct control *control, struct control_client *client);

/* ---- requests that look at the broker ---- */

/** control_status() - workers, ports, sessions, rates, ring fill (control_status.c) */
json_t *control_status(struct control *control, json_t *request, int file);

/** control_history() - the last seconds of what sparklines show (history.c) */
json_t *control_history(struct control *control, json_t *request, int file);

/** control_session(), control_sessions(), control_kick() - (control_session.c) */
json_t *control_session(struct control *control, json_t *request, int file);
json_t *control_sessions(struct control *control, json_t *request, int file);
json_t *control_kick(struct control *control, json_t *request, int file);

/** control_reload(), control_config_diff(), control_config_show() - (control_config.c) */
json_t *control_reload(struct control *control, json_t *request, int file);
json_t *control_config_diff(struct control *control, json_t *request, int file);
json_t *control_config_show(struct control *control, json_t *request, int file);

/** control_commands(), control_lan_key() - (control_command.c) */
json_t *control_commands(struct control *control, json_t *request, int file);
json_t *control_lan_key(struct control *control, json_t *request, int file);

/** control_command_rings() - the command rings, for status. */
json_t *control_command_rings(struct broker_view *view);

/** control_follow() - have a device's frames told to this client from now on (control_follow.c) */
json_t *control_follow(struct control *control, json_t *request, int file);

/** control_follow_pump() - what the workers traced, to whoever follows; never waits. */
void control_follow_pump(struct control *control, uint64_t now);

/** control_follow_end() - a client goes away, or does not follow any more. */
void control_follow_end(struct control *control, struct control_client *client);

/** control_sample() - take a sample for the rates if a second has passed (control_rates.c) */
void control_sample(struct control *control, uint64_t us);

/** control_watch() - every five seconds: what problems are found by (control_problems.c) */
void control_watch(struct control *control, uint64_t us);
void control_watch_end(struct control *control);

/** control_problems() - add "state", "problems" and "loss" to an answer of status. */
void control_problems(struct control *control, json_t *status);

/** control_rates() - growth per second between two samples. */
json_t *control_rates(const struct rate_sample *from, const struct rate_sample *to);

/** control_rate_name() - of enum rate. */
const char *control_rate_name(unsigned rate);

/* ---- figures for status and history ---- */

/**
 * struct feed_lag - how far the consumer is behind on a ring
 * @bytes: written and not committed
 * @seconds: age of the oldest record among them, by the wall clock; 0: there are none
 * @fill: @bytes of the ring's
 */
struct feed_lag {
	struct feed_fill cursors;
	uint64_t bytes;
	double seconds, fill;
};

/** control_feed_lag() - of worker @worker's ring (control_status.c) */
struct feed_lag control_feed_lag(struct broker_view *view, unsigned worker);

/** control_drops() - {layer: {name: sum}} of the counters of @sums, and of the ports (layer "port"),
 * that say that something was not taken (control_drops.c) */
json_t *control_drops(const json_t *sums, const json_t *ports);

/** control_drops_of() - the sum of those counters in one layer. */
uint64_t control_drops_of(const struct counter_info *info, const uint64_t *values, unsigned count);

/** control_outcomes() - {outcome: sum} of platform requests: "answered", or why not. */
json_t *control_outcomes(const json_t *sums);

/** control_worker_histograms() - {name: {"count", "sum", "buckets"}} (control_histograms.c) */
json_t *control_worker_histograms(struct broker_view *view, unsigned worker);

/** control_histograms() - of all workers together: {name: {"count", "sum", "buckets", "bounds",
 * "divisor", "help", "p50", "p99", "p999"}}; quantiles in the unit of the name, bounds and sum in
 * that by the divisor */
json_t *control_histograms(struct broker_view *view);

/** control_histogram() - the sum of the workers' histograms @name. Return: is there one? */
bool control_histogram(struct broker_view *view, const char *name, struct turn_histogram *sum,
	struct histogram_view *what);

/** control_quantile() - of 0..1, in between the bounds of the bucket that it falls into; the last
 * bound if beyond it, 0 if there are no values. */
double control_quantile(const struct turn_histogram *values, const uint64_t *bounds, unsigned count,
	double quantile);

/* ---- sessions of a device (control_session.c) ---- */

/** control_handle() - the handle of a session as session_peek() saw it. */
session_handle control_handle(const struct session_table *table, const struct session_turn *turn);

/** control_connected() - has the device a live session? Read side. */
bool control_connected(const struct broker_view *view, const struct device *device);

/* ---- sub-devices (control_binding.c); NULL, or nothing added, where there are none ---- */

/** control_subdevices() - {"bound", "online", "shown"} of a gateway. Read side. */
json_t *control_subdevices(const struct broker_view *view, const struct device *gateway);

/** control_binding() - add "bound_to" and "online" of a sub-device. Read side. */
void control_binding(const struct broker_view *view, const struct device *device, json_t *json);

/** control_bindings() - {"bound", "online", "limit", "bytes"} of all. */
json_t *control_bindings(const struct broker_view *view);
