/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* broker_figures.c - what the broker says of itself, before and after a trial */
#include "broker_figures.h"

#include "control.h"

#include <errno.h>
#include <string.h>
#include <time.h>

static uint64_t whole(const json_t *object, const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(object, name));
}

/* Cycles by stage: status gives means over busy turns. */
static void add_stages(json_t *sums, const json_t *worker)
{
	double turns = (double)whole(worker, "busy_turns");
	const char *name;
	json_t *mean;

	json_object_foreach(json_object_get(worker, "stages"), name, mean)
	{
		double sum = json_real_value(json_object_get(sums, name));

		json_object_set_new(sums, name, json_real(sum + json_real_value(mean) * turns));
	}
}

static uint64_t microseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* Those of the workers, by layer, and those of the ports as one layer more. */
static json_t *all_counters(const json_t *status)
{
	json_t *all = json_copy(json_object_get(status, "counters")), *sums = json_object();
	json_t *port, *value;
	const char *name;
	size_t i;

	if (!all)
		all = json_object();
	json_array_foreach(json_object_get(status, "ports"), i, port)
	{
		json_object_foreach(json_object_get(port, "counters"), name, value)
		{
			json_int_t sum = json_integer_value(json_object_get(sums, name));

			json_object_set_new(
				sums, name, json_integer(sum + json_integer_value(value)));
		}
	}
	json_object_set_new(all, "ports", sums);
	return all;
}

void broker_read(const json_t *status, struct broker_figures *figures)
{
	const json_t *sessions = json_object_get(status, "sessions"), *worker, *mc, *bytes;
	const char *name;
	size_t i;

	*figures = (struct broker_figures){.taken = true,
		.us = microseconds(),
		.clock = gaps_clock(),
		.gap_log = json_array(),
		.stages = json_object(),
		.counters = all_counters(status),
		.process = json_incref(json_object_get(status, "process")),
		.live = whole(sessions, "live_tcp") + whole(sessions, "live_udp"),
		.limit = whole(sessions, "limit"),
		.devices = whole(json_object_get(status, "registry"), "devices")};
	json_array_foreach(json_object_get(status, "workers"), i, worker)
	{
		figures->workers++;
		figures->busy += whole(worker, "busy_cycles");
		figures->idle += whole(worker, "idle_cycles");
		figures->turns += whole(worker, "turns");
		figures->tsc_hz = whole(worker, "tsc_hz");
		figures->gap_us += json_number_value(json_object_get(worker, "gap_us"));
		add_stages(figures->stages, worker);
		if (json_object_get(worker, "gap_log"))
			json_array_append(figures->gap_log, json_object_get(worker, "gap_log"));
	}
	mc = json_object_get(figures->counters, "mc");
	figures->requests = whole(mc, "requests");
	figures->heartbeats = whole(mc, "heartbeats");
	figures->connects = whole(mc, "connects");
	json_object_foreach(figures->process, name, bytes)
	{
		figures->bytes += (uint64_t)json_integer_value(bytes);
	}
}

int broker_take(const char *path, struct broker_figures *figures)
{
	json_t *status = control_status(path);

	memset(figures, 0, sizeof(*figures));
	if (!status)
		return -EIO;
	broker_read(status, figures);
	json_decref(status);
	return 0;
}

void broker_free(struct broker_figures *figures)
{
	json_decref(figures->stages);
	json_decref(figures->counters);
	json_decref(figures->process);
	json_decref(figures->gap_log);
	memset(figures, 0, sizeof(*figures));
}

bool broker_is_loss(const char *counter)
{
	static const char *const heads[] = {"drop_", "tcp_drop_", "tcp_full_", "tcp_timed_out",
		"tcp_retransmit", "tcp_syn_", "tcp_reset_", "tcp_cookie_bad", "tcp_send_no_chunk",
		"port_rx_missed", "port_rx_errors", "port_rx_no_buffer", "port_rx_segmented",
		"port_rx_vlan", "port_tx_errors", "port_tx_refused", "port_tx_relay_full",
		"result_", "offline_"};

	for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++) {
		if (!strncmp(counter, heads[i], strlen(heads[i])))
			return true;
	}
	return false;
}

static json_t *growth(const json_t *before, const json_t *after)
{
	json_t *grown = json_object(), *counters, *value;
	const char *layer, *name;

	json_object_foreach((json_t *)after, layer, counters)
	{
		const json_t *earlier = json_object_get(before, layer);

		json_object_foreach(counters, name, value)
		{
			json_int_t more = json_integer_value(value) -
					  json_integer_value(json_object_get(earlier, name));

			if (more > 0)
				json_object_set_new(grown, name, json_integer(more));
		}
	}
	return grown;
}

static json_t *stage_shares(const json_t *before, const json_t *after, double per)
{
	json_t *stages = json_object(), *cycles;
	const char *name;

	json_object_foreach((json_t *)after, name, cycles)
	{
		double more =
			json_real_value(cycles) - json_real_value(json_object_get(before, name));

		json_object_set_new(stages, name, json_real(more > 0 ? more / per : 0));
	}
	return stages;
}

void broker_between(const struct broker_figures *before, const struct broker_figures *after,
	bool per_connect, struct broker_change *change)
{
	uint64_t us = after->us - before->us, per;

	memset(change, 0, sizeof(*change));
	/* a broker that was started anew counts from 0 */
	if (!before->taken || !after->taken || after->turns < before->turns)
		return;
	change->known = true;
	change->heartbeats = after->heartbeats - before->heartbeats;
	change->requests = after->requests - before->requests + change->heartbeats;
	change->connects = after->connects - before->connects;
	per = per_connect ? change->connects : change->requests;
	if (per)
		change->cycles = (double)(after->busy - before->busy) / (double)per;
	if (us && after->workers)
		change->stolen = (after->gap_us - before->gap_us) / ((double)us * after->workers);
	change->stages = stage_shares(before->stages, after->stages, per ? (double)per : 1);
	change->grown = growth(before->counters, after->counters);
}

void broker_change_free(struct broker_change *change)
{
	json_decref(change->grown);
	json_decref(change->stages);
	memset(change, 0, sizeof(*change));
}

double broker_busy(const struct broker_figures *figures, const struct broker_change *change,
	double requests_per_second)
{
	double hz = (double)figures->tsc_hz * figures->workers;

	return change->known && hz > 0 ? change->cycles * requests_per_second / hz : 0;
}
