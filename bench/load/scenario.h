/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* scenario.h - what a measurement does: a scenario file, checked and with its defaults filled in */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCENARIO_SIZES_MAX 8
#define SCENARIO_LATENCIES_MAX 8
#define SCENARIO_BYTES_LEAST 112 /* of a report's JSON: below, its members have no room */
#define SCENARIO_BYTES_MOST 8192
#define SCENARIO_DATAGRAM_MOST 1000 /* a datagram's 1,472 bytes, encrypted and in Base64 */

enum scenario_transport { SCENARIO_TCP, SCENARIO_UDP };
enum scenario_order { SCENARIO_RANDOM, SCENARIO_IN_ORDER };

/**
 * enum scenario_load - how reports are offered
 * @SCENARIO_RATE: open loop: so many a second, whatever the answers do
 * @SCENARIO_SEARCH: open loop, at the highest rate with zero loss, which is searched (search.h)
 * @SCENARIO_CLOSED: each answer lets the next go; says nothing about latency under load
 */
enum scenario_load { SCENARIO_NONE, SCENARIO_RATE, SCENARIO_SEARCH, SCENARIO_CLOSED };

/**
 * struct scenario_search - RFC 2544 section 26.1
 * @from: reports/s of the first trial; @to: never more than that
 * @seconds: of a trial, after its warm-up
 * @repeat: trials in a row that must pass for the rate to be believed
 * @precision: how near to the limit, as a share of it
 * @within: after so many seconds what has passed is confirmed, whatever the precision; 0: never
 */
struct scenario_search {
	double from, to;
	double seconds;
	uint32_t repeat;
	double precision;
	double within;
};

/**
 * struct scenario_faults - what goes wrong meanwhile; a share of 0 and a count of 0 are none
 * @loss: share of the frames of the wire that are lost, in each direction
 * @slow_readers: this share of the devices reads nothing for @stall_ms, again and again
 * @rebind: devices a second that go on from another address: UDP at once, TCP by a new connection
 *	and their old token
 * @hostile: share of all frames sent that come from strangers: SYNs, garbage, wrong tokens,
 *	recorded frames from other addresses
 * @storm: this many devices lose their connections @at seconds into the measurement, all at once
 * @hot_gateway: the first device has so many sub-devices, and this share of all reports is theirs
 */
struct scenario_faults {
	double loss;
	struct {
		double share;
		uint32_t stall_ms;
	} slow_readers;
	struct {
		double per_second;
	} rebind;
	struct {
		double share;
	} hostile;
	struct {
		uint32_t devices;
		double at;
	} storm;
	struct {
		uint32_t subdevices;
		double share;
	} hot_gateway;
};

/**
 * struct scenario - every member has a value
 * @name: of the figures; owned
 * @seed: of all random choices, and of the devices' PINs
 * @login: logins/s (0: as fast as they are answered) and how many may be under way
 * @report: JSON bytes before encryption, equal shares of each size; its code
 * @heartbeat: seconds; 0: as the platform says
 * @order: which device is next
 * @load: how reports are offered: @rate (0: none, heartbeats only), @search or @outstanding
 * @seconds, @warmup: of a trial at a stated rate, and of what goes before any trial and is not
 *	counted
 * @drain: seconds that answers are waited for after a trial, where any are missing; 0: 3, or 25
 *	where faults or overload make some of them late
 * @latency_at: shares of the found rate at which latency is measured
 * @prepared, @offered: UDP: frames made ahead and sent @offered times as fast as the broker's peak
 * @feed, @control: the event ring's path and the control socket; owned; NULL: the command line's
 */
struct scenario {
	char *name;
	uint32_t devices;
	uint64_t seed;
	enum scenario_transport transport;
	struct {
		double rate;
		uint32_t at_once;
	} login;
	struct {
		uint32_t bytes[SCENARIO_SIZES_MAX];
		uint32_t sizes;
		uint16_t code;
	} report;
	uint32_t heartbeat;
	enum scenario_order order;
	enum scenario_load load;
	double rate;
	struct scenario_search search;
	uint32_t outstanding;
	double seconds, warmup, drain;
	double latency_at[SCENARIO_LATENCIES_MAX];
	uint32_t latencies;
	struct scenario_faults faults;
	bool prepared;
	double offered;
	char *feed, *control;
};

/**
 * scenario_load() - read and check a scenario file
 * @set: @sets texts "KEY=VALUE" that go before the file: "devices=1000", "load.rate=5e5"; "rate" is
 *	short for "load.rate"
 * @scenario: to be freed with scenario_free(); zeroed when refused
 * @error: receives "FILE:LINE: what is wrong and what would be right", or "--set KEY=VALUE: .."
 * Return: 0, -EINVAL, or what the system said.
 */
int scenario_load(const char *path, const char *const *set, unsigned sets,
	struct scenario *scenario, char *error, size_t size);

/** scenario_free() - what scenario_load() allocated; twice is allowed. */
void scenario_free(struct scenario *scenario);

/** scenario_largest() - bytes of its largest report. */
uint32_t scenario_largest(const struct scenario *scenario);

/** scenario_disturbed() - does anything go wrong in it by intent? */
bool scenario_disturbed(const struct scenario *scenario);
