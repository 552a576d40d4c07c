/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* peers.h - a closed or open loop of reports over many connections to a packaged server */
#pragma once

#include "histogram.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define NANOSECONDS 1000000000ull
#define MESSAGE_MOST 8448 /* a report with what its protocol puts around it */
#define RATES_MOST 16

struct protocol;

/** struct options - the command line */
struct options {
	const struct protocol *protocol;
	struct sockaddr_in server;
	struct in_addr source; /* the first of the connections' own addresses; 0: the kernel's */
	uint32_t connections, devices, bytes;
	unsigned at_once; /* connections that are being opened */
	double seconds, warmup;
	double rates[RATES_MOST];
	unsigned rate_count;
	bool search, hold, quiet;
	const char *json, *identity;
	uint8_t key[32];
	size_t key_length;
	uint8_t subscriber_qos;
	int server_pid;
	int beside; /* the server's CPU; negative: not known */
};

enum connection_state { CONNECTING, HANDSHAKING, GREETING, SUBSCRIBING, READY };

/** struct connection - one socket; at most one report of it is outstanding */
struct connection {
	int fd;
	uint8_t state;
	bool waits; /* for the answer to its report */
	bool subscriber;
	uint16_t packet; /* the outstanding report's identifier (MQTT) */
	uint32_t index;  /* of all connections */
	uint32_t device; /* whose report is outstanding, or was the last */
	uint32_t rest_length, left_length, left_size;
	uint64_t due; /* when the outstanding report should have been sent, ns */
	struct tls *tls;
	uint8_t *rest; /* the beginning of an answer whose end has not come */
	uint8_t *left; /* what the socket did not take yet */
};

/** struct counts - since the process began, or within a trial */
struct counts {
	uint64_t sent, acknowledged, consumed;
	uint64_t refused; /* answered with an error */
	uint64_t doubled; /* consumed twice */
	uint64_t missing; /* numbers that a subscriber saw left out */
	uint64_t wrong;   /* consumed with other bytes than were sent */
};

/** struct run - everything of a process */
struct run {
	struct options options;
	int epoll;
	uint32_t ready, opened;
	struct connection
		*connections; /* options.connections, then the subscriber if there is one */
	uint32_t connection_count;
	uint32_t *idle; /* connections without a report outstanding: first in, first out */
	uint32_t idle_first, idle_count;
	uint32_t *sent;     /* by device: the number of the last report sent */
	uint32_t *consumed; /* by device: of the last that arrived where it was to */
	struct counts counts;
	bool closed_loop, sending;
	uint64_t measure_from, measure_to; /* ns: latencies of reports due in between are kept */
	struct histogram latency;
	char error[160];
};

/** struct protocol - how a peer is talked to */
struct protocol {
	const char *name;
	bool subscribes; /* one more connection consumes what the others publish */
	/* The first message on a connection; its length. */
	size_t (*greeting)(
		const struct run *run, const struct connection *connection, uint8_t *out);
	/* The report @number of connection->device; its length. */
	size_t (*report)(const struct run *run, struct connection *connection, uint32_t number,
		uint8_t *out);
	/* One message from the peer: its length, 0 if it is not whole, -errno (run->error says). */
	ssize_t (*take)(struct run *run, struct connection *connection, const uint8_t *bytes,
		size_t length);
	/* Whether what was acknowledged is there; may be NULL. Fills in counts. */
	int (*verify)(struct run *run);
};

extern const struct protocol protocol_redis, protocol_mosquitto;

/** clock_ns() - monotonic. */
uint64_t clock_ns(void);

/** options_read() - exits for --help and for what is wrong. */
void options_read(struct options *options, int argc, char **argv);

/** fail() - keep the reason; return @error. */
__attribute__((format(printf, 3, 4))) int fail(struct run *run, int error, const char *format, ...);

/* ---- connection.c ---- */

/** connection_open() - begin to connect; 0 or -errno. */
int connection_open(struct run *run, struct connection *connection);

/** connection_event() - what epoll says of it: connect, handshake, read all, take messages. */
int connection_event(struct run *run, struct connection *connection, uint32_t events);

/** connection_send() - all of it, later what does not fit now; 0 or -errno. */
int connection_send(
	struct run *run, struct connection *connection, const uint8_t *bytes, size_t length);

/** connection_close() - with a reset: nothing lingers in TIME-WAIT. */
void connection_close(struct connection *connection);

/* ---- engine.c ---- */

/** engine_start() - open all connections, until each has been greeted; 0 or -errno. */
int engine_start(struct run *run);

/** engine_ready() - a connection was greeted (called by protocols). */
void engine_ready(struct run *run, struct connection *connection);

/** engine_answered() - the outstanding report of @connection was (called by protocols). */
int engine_answered(struct run *run, struct connection *connection, bool refused);

/** engine_consumed() - a report arrived where it was to (called by protocols). */
void engine_consumed(struct run *run, uint32_t device, uint32_t number);

/** engine_hold() - keep the connections until standard input ends; 0 or -errno. */
int engine_hold(struct run *run);

/** engine_stop() - close all. */
void engine_stop(struct run *run);

/** struct trial - @rate reports/s (0: closed loop) for @seconds, after @warmup */
struct trial {
	double rate, warmup, seconds;
};

/** struct result - what a trial came to; counts until all that was sent was answered or given up */
struct result {
	struct trial trial;
	struct counts counts;
	double acknowledged, consumed; /* reports/s within the measured time */
	uint64_t behind;          /* due when the time ended, not sent for want of a connection */
	uint64_t lost;            /* sent and not consumed, or not answered */
	double busy, server_busy; /* shares of one CPU's time; server_busy < 0: not known */
	bool kept; /* nothing lost, doubled, wrong or refused, and the rate was kept */
	struct histogram latency;
};

/** engine_trial() - 0 or -errno */
int engine_trial(struct run *run, const struct trial *trial, struct result *result);

/* ---- plan.c ---- */

/** plan_run() - all trials that the options ask for; writes the report; 0 or -errno. */
int plan_run(struct run *run);

/* ---- report.c ---- */

/** report_write() - human lines to stdout, JSON where --json says; 0 or -errno. */
int report_write(const struct run *run, const struct result *results, unsigned count, int best);
