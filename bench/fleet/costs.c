/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* costs.c - cycles per report and bytes per session, the fleet's own and the broker's */
#include "control.h"
#include "own_memory.h"
#include "transport.h"

#include <string.h>
#include <time.h>

/* Where more of the time than this went to others, cycles tell nothing. */
#define TAKEN_AWAY_MOST 0.05

static uint64_t integer_at(const json_t *object, const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(object, name));
}

static void take_broker(struct costs_sample *sample, const char *socket)
{
	json_t *status = control_status(socket), *part;
	const char *name;
	size_t i;

	if (!status)
		return;
	sample->has_broker = true;
	json_array_foreach(json_object_get(status, "workers"), i, part)
	{
		sample->broker_cycles += integer_at(part, "busy_cycles");
	}
	sample->broker_memory = json_incref(json_object_get(status, "process"));
	json_object_foreach(sample->broker_memory, name, part)
	{
		sample->broker_bytes += (uint64_t)json_integer_value(part);
	}
	part = json_object_get(status, "sessions");
	sample->broker_sessions = integer_at(part, "live_tcp") + integer_at(part, "live_udp");
	json_decref(status);
}

static uint64_t thread_time(void)
{
	struct timespec ran;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ran);
	return (uint64_t)ran.tv_sec * SECOND + (uint64_t)ran.tv_nsec / 1000;
}

void costs_take(struct fleet *fleet, struct costs_sample *sample)
{
	*sample = (struct costs_sample){.taken = true,
		.now = clock_now(),
		.acknowledged = fleet->figures.acknowledged,
		.heartbeats = fleet->figures.heartbeats,
		.sessions = fleet->live_tcp + fleet->live_udp,
		.bytes = own_memory(),
		.ran = thread_time()};
	if (fleet->transport->cycles)
		sample->cycles = fleet->transport->cycles(fleet);
	if (fleet->options.control)
		take_broker(sample, fleet->options.control);
}

void costs_free(struct costs *costs)
{
	json_decref(costs->began.broker_memory);
	json_decref(costs->steady.broker_memory);
	json_decref(costs->ended.broker_memory);
}

bool costs_watch(struct fleet *fleet)
{
	struct costs *costs = &fleet->costs;

	if (costs->steady.taken || fleet->live_tcp + fleet->live_udp != fleet->active)
		return false;
	costs_take(fleet, &costs->steady);
	return true;
}

static double ratio(uint64_t above, uint64_t below)
{
	return below ? (double)above / (double)below : 0;
}

/* From when all were connected, else from the start: the logins are in it then. */
static const struct costs_sample *from_of(const struct costs *costs)
{
	return costs->steady.taken ? &costs->steady : &costs->began;
}

/* The share of time in which something else had the CPU of a loop that never sleeps. */
static double taken_away(const struct costs_sample *from, const struct costs_sample *to)
{
	double share = ratio(to->ran - from->ran, to->now - from->now);

	return share < 1 ? 1 - share : 0;
}

/* Of heartbeats, too: they take their part of the cycles. */
static uint64_t requests(const struct costs_sample *from, const struct costs_sample *to)
{
	return to->acknowledged - from->acknowledged + to->heartbeats - from->heartbeats;
}

static void print_broker(const struct costs *costs, uint64_t reports)
{
	const struct costs_sample *from = from_of(costs), *to = &costs->ended;
	uint64_t cycles = to->broker_cycles - from->broker_cycles;
	const char *name;
	json_t *part;

	printf("broker: %.0f cycles per report (%.0f per request); %.0f bytes per session, "
	       "everything counted (%.0f MiB:",
		ratio(cycles, reports), ratio(cycles, requests(from, to)),
		ratio(to->broker_bytes, to->broker_sessions), (double)to->broker_bytes / 1048576);
	json_object_foreach(to->broker_memory, name, part)
	{
		printf(" %s %.0f", name, (double)json_integer_value(part) / 1048576);
	}
	printf("; %.0f before the first login)\n", (double)costs->began.broker_bytes / 1048576);
}

void costs_print(const struct fleet *fleet)
{
	const struct costs *costs = &fleet->costs;
	const struct costs_sample *from = from_of(costs), *to = &costs->ended;
	uint64_t reports = to->acknowledged - from->acknowledged;
	uint64_t cycles = to->cycles - from->cycles;

	printf("%s: %.1f s, %llu reports, %llu heartbeats\n",
		costs->steady.taken ? "all connected"
				    : "not all were ever connected, so with logins",
		(double)(to->now - from->now) / (double)SECOND, (unsigned long long)reports,
		(unsigned long long)(to->heartbeats - from->heartbeats));
	printf("fleet: ");
	if (fleet->transport->cycles)
		printf("%.0f cycles per report (%.0f per request); ", ratio(cycles, reports),
			ratio(cycles, requests(from, to)));
	printf("%.0f bytes per session, everything counted (%.0f MiB)\n",
		ratio(to->bytes, to->sessions), (double)to->bytes / 1048576);
	if (from->has_broker && to->has_broker)
		print_broker(costs, reports);
	if (fleet->transport->cycles && taken_away(from, to) > TAKEN_AWAY_MOST)
		printf("void: something else had the fleet's CPU %.0f %% of the time, and cycles "
		       "went on counting\n",
			100 * taken_away(from, to));
}

static json_t *figure(bool known, uint64_t above, uint64_t below)
{
	return known && below ? json_real(ratio(above, below)) : json_null();
}

void costs_report(const struct fleet *fleet, json_t *summary)
{
	const struct costs *costs = &fleet->costs;
	const struct costs_sample *from = from_of(costs), *to = &costs->ended;
	uint64_t reports = to->acknowledged - from->acknowledged;
	bool broker = from->has_broker && to->has_broker;

	json_object_set_new(summary, "all_connected", json_boolean(costs->steady.taken));
	json_object_set_new(summary, "fleet_cycles_per_report",
		figure(fleet->transport->cycles, to->cycles - from->cycles, reports));
	json_object_set_new(summary, "fleet_cycles_per_request",
		figure(fleet->transport->cycles, to->cycles - from->cycles, requests(from, to)));
	json_object_set_new(summary, "fleet_cpu_taken_away",
		fleet->transport->cycles ? json_real(taken_away(from, to)) : json_null());
	json_object_set_new(
		summary, "fleet_bytes_per_session", figure(true, to->bytes, to->sessions));
	json_object_set_new(summary, "broker_cycles_per_report",
		figure(broker, to->broker_cycles - from->broker_cycles, reports));
	json_object_set_new(summary, "broker_cycles_per_request",
		figure(broker, to->broker_cycles - from->broker_cycles, requests(from, to)));
	json_object_set_new(summary, "broker_bytes_per_session",
		figure(broker, to->broker_bytes, to->broker_sessions));
	if (broker)
		json_object_set(summary, "broker_memory", to->broker_memory);
	json_object_set_new(summary, "broker_sessions",
		broker ? json_integer((json_int_t)to->broker_sessions) : json_null());
}
