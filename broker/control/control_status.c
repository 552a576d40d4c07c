/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* control_status.c - status: workers with their counters, ports, sessions, rates, ring fill */
#include "control/control_private.h"
#include "mc/mc_watch.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* {layer: {name: value}}, or, with @help, {layer: {name: what it counts}} */
static json_t *counters_json(struct broker_view *view, unsigned worker, bool help)
{
	struct counter_view views[COUNTER_VIEWS_MAX];
	unsigned count = view->counters(view, worker, views);
	json_t *layers = json_object();

	for (unsigned i = 0; i < count; i++) {
		json_t *layer = json_object();

		for (unsigned j = 0; j < views[i].count; j++)
			json_object_set_new(layer, views[i].info[j].name,
				help ? json_string(views[i].info[j].help)
				     : json_integer((json_int_t)counter_read(&views[i].values[j])));
		json_object_set_new(layers, views[i].layer, layer);
	}
	return layers;
}

/* {layer: {name: sum over all workers}} */
static json_t *sums_json(struct broker_view *view)
{
	json_t *sums = view->workers ? counters_json(view, 0, false) : json_object();

	for (unsigned worker = 1; worker < view->workers; worker++) {
		json_t *more = counters_json(view, worker, false), *counters, *value;
		const char *layer, *name;

		json_object_foreach(more, layer, counters)
		{
			json_t *sum = json_object_get(sums, layer);

			json_object_foreach(counters, name, value) json_object_set_new(sum, name,
				json_integer(json_integer_value(json_object_get(sum, name)) +
					     json_integer_value(value)));
		}
		json_decref(more);
	}
	return sums;
}

/* {name: {"limit", "used", "bytes"}}, or, with @help, {name: what it is} */
static json_t *pools_json(struct broker_view *view, unsigned worker, bool help)
{
	struct pool_view pools[WORKER_POOLS_MAX];
	unsigned count = view->pools(view, worker, pools);
	json_t *json = json_object();

	for (unsigned i = 0; i < count; i++) {
		const struct pool_view *pool = &pools[i];

		json_object_set_new(json, pool->name,
			help ? json_string(pool->help)
			     : json_pack("{s:I, s:o, s:I}", "limit", (json_int_t)pool->limit,
				       "used",
				       pool->used == POOL_USED_UNKNOWN ? json_null()
								       : json_integer(pool->used),
				       "bytes", (json_int_t)pool->bytes));
	}
	return json;
}

static double microseconds(uint64_t cycles, const struct turn_view *turns)
{
	return turns->tsc_hz ? (double)cycles * 1e6 / (double)turns->tsc_hz : 0;
}

/* Sessions that a worker owns, wherever their entries lie. */
static json_t *owned_json(struct broker_view *view, unsigned worker)
{
	struct session_counts counts = session_counts(session_worker(view->table, worker));

	return json_pack("{s:I, s:I, s:I, s:I}", "live_tcp", (json_int_t)counts.live_tcp,
		"live_udp", (json_int_t)counts.live_udp, "login", (json_int_t)counts.login,
		"resting", (json_int_t)counts.resting);
}

static json_t *worker_json(struct broker_view *view, unsigned worker)
{
	struct turn_view turns = {0};
	uint64_t busy = 0;
	json_t *stages = json_object(), *cycles_by_stage = json_object(), *json;
	double total;

	view->turns(view, worker, &turns);
	for (unsigned i = 0; i < STAGE_COUNT; i++) {
		double cycles = turns.busy_turns
					? (double)turns.busy_cycles[i] / (double)turns.busy_turns
					: 0;

		busy += turns.busy_cycles[i];
		json_object_set_new(stages, stage_info[i].name, json_real(cycles));
		json_object_set_new(cycles_by_stage, stage_info[i].name,
			json_integer((json_int_t)turns.busy_cycles[i]));
	}
	total = (double)busy + (double)turns.idle_cycles;
	json = json_pack(
		"{s:i, s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:o, s:I, s:f, s:f, s:o, s:o, s:o}",
		"worker", (int)worker, "cpu",
		worker < view->config->worker_count ? (int)view->config->workers[worker] : -1,
		"turns", (json_int_t)turns.turns, "busy_turns", (json_int_t)turns.busy_turns,
		"busy_cycles", (json_int_t)busy, "idle_cycles", (json_int_t)turns.idle_cycles,
		"timer_cycles", (json_int_t)turns.timer_cycles, "tsc_hz", (json_int_t)turns.tsc_hz,
		"busy", total > 0 ? (double)busy / total : 0.0, "stages", stages, "gaps",
		(json_int_t)turns.gaps, "gap_us", microseconds(turns.gap_cycles, &turns),
		"gap_longest_us", microseconds(turns.gap_longest_cycles, &turns), "pools",
		pools_json(view, worker, false), "counters", counters_json(view, worker, false),
		"sessions", owned_json(view, worker));
	json_object_set_new(json, "stage_cycles", cycles_by_stage);
	json_object_set_new(json, "histograms", control_worker_histograms(view, worker));
	return json;
}

/* [{"queue", "worker", "counters"}]: what each worker's link counts itself. */
static json_t *queues_json(struct broker_view *view, unsigned number)
{
	json_t *queues = json_array(), *counters;
	struct queue_view queue;

	for (unsigned worker = 0; worker < view->workers; worker++) {
		if (!view->queue || !view->queue(view, number, worker, &queue))
			continue;
		counters = json_object();
		for (unsigned i = 0; i < queue.count; i++)
			json_object_set_new(counters, queue.info[i].name,
				json_integer((json_int_t)counter_read(&queue.values[i])));
		json_array_append_new(
			queues, json_pack("{s:i, s:i, s:o}", "queue", (int)queue.queue, "worker",
					(int)worker, "counters", counters));
	}
	return queues;
}

/* {"count", "log": [[begin, end], ..]}, of the time-stamp counter: who asks has the same one, and
 * knows better how long its second is */
static json_t *gaps_json(struct broker_view *view, unsigned worker)
{
	static struct gap gaps[GAP_LOG]; /* the control thread's: 16 KiB less on its stack */
	uint64_t all = 0;
	unsigned count = view->gaps(view, worker, gaps, &all);
	json_t *log = json_array();

	for (unsigned i = 0; i < count; i++)
		json_array_append_new(log,
			json_pack("[I, I]", (json_int_t)gaps[i].begin, (json_int_t)gaps[i].end));
	return json_pack("{s:I, s:o}", "count", (json_int_t)all, "log", log);
}

/* State and counters of a port that is open. */
static void add_port_state(struct broker_view *view, unsigned number, json_t *port)
{
	json_t *counters = json_object(), *help = json_object();
	struct port_view now = {0};

	view->port(view, number, &now);
	for (unsigned i = 0; i < now.count; i++) {
		json_object_set_new(
			counters, now.info[i].name, json_integer((json_int_t)now.values[i]));
		json_object_set_new(help, now.info[i].name, json_string(now.info[i].help));
	}
	json_object_set_new(port, "state", json_string(now.up ? "up" : "down"));
	json_object_set_new(port, "line", json_string(now.line));
	json_object_set_new(port, "counters", counters);
	json_object_set_new(port, "help", help);
	json_object_set_new(port, "queues", queues_json(view, number));
}

/* "198.18.0.254", or with the Ethernet address that it was given. */
static json_t *gateway_json(const struct config_gateway *gateway)
{
	const uint8_t *mac = gateway->mac;
	char text[IP_TEXT];

	ip_text(&gateway->address, text);
	if (!gateway->fixed)
		return json_string(text);
	return json_sprintf("%s %02x:%02x:%02x:%02x:%02x:%02x", text, mac[0], mac[1], mac[2],
		mac[3], mac[4], mac[5]);
}

static json_t *ports_json(struct broker_view *view)
{
	const struct config *config = view->config;
	json_t *ports = json_array(), *one;
	char text[IP_TEXT];

	for (unsigned i = 0; i < config->port_count; i++) {
		const struct config_port *port = &config->ports[i];
		json_t *addresses = json_array(), *gateways = json_array();

		for (unsigned j = 0; j < port->address_count; j++)
			json_array_append_new(addresses,
				json_sprintf("%s/%u", ip_text(&port->addresses[j].address, text),
					port->addresses[j].prefix));
		for (unsigned j = 0; j < port->gateway_count; j++)
			json_array_append_new(gateways, gateway_json(&port->gateways[j]));
		one = json_pack("{s:s, s:o, s:o, s:o}", "device", port->device, "addresses",
			addresses, "gateways", gateways, "vlan",
			port->vlan ? json_integer(port->vlan) : json_null());
		if (one && view->port)
			add_port_state(view, i, one);
		json_array_append_new(ports, one);
	}
	return ports;
}

static json_t *sessions_json(struct broker_view *view)
{
	const struct config *config = view->config;
	struct session_counts all = {0};

	for (unsigned i = 0; i < view->workers; i++) {
		struct session_counts one = session_counts(session_worker(view->table, i));

		all.entries += one.entries;
		all.login += one.login;
		all.live_tcp += one.live_tcp;
		all.live_udp += one.live_udp;
		all.resting += one.resting;
	}
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "live_tcp",
		(json_int_t)all.live_tcp, "live_udp", (json_int_t)all.live_udp, "login",
		(json_int_t)all.login, "resting", (json_int_t)all.resting, "entries",
		(json_int_t)all.entries, "limit", (json_int_t)config->limits.sessions,
		"pending_logins_limit", (json_int_t)config->limits.pending_logins);
}

struct feed_lag control_feed_lag(struct broker_view *view, unsigned worker)
{
	const struct feed_ring *ring = feed_ring(view->feed, worker);
	struct feed_lag lag = {.cursors = feed_fill(ring)};
	uint64_t since = feed_uncommitted_since(ring), now;
	struct timespec wall;

	/* the commit cursor is the consumer's: it may be anything */
	lag.bytes = lag.cursors.head - lag.cursors.commit;
	if (lag.bytes > lag.cursors.bytes)
		lag.bytes = lag.cursors.bytes;
	if (lag.cursors.bytes)
		lag.fill = (double)lag.bytes / (double)lag.cursors.bytes;
	clock_gettime(CLOCK_REALTIME, &wall);
	now = (uint64_t)wall.tv_sec * 1000 + (uint64_t)wall.tv_nsec / 1000000;
	if (since && now > since) /* the wall clock may have been set back since */
		lag.seconds = (double)(now - since) / 1000;
	return lag;
}

static json_t *feed_json(struct broker_view *view)
{
	json_t *rings = json_array();

	for (unsigned i = 0; i < view->workers; i++) {
		struct feed_lag lag = control_feed_lag(view, i);

		json_array_append_new(
			rings, json_pack("{s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f}", "worker",
				       (int)i, "head", (json_int_t)lag.cursors.head, "applied",
				       (json_int_t)lag.cursors.applied, "commit",
				       (json_int_t)lag.cursors.commit, "answered",
				       (json_int_t)lag.cursors.answered, "bytes",
				       (json_int_t)lag.cursors.bytes, "lag", (json_int_t)lag.bytes,
				       "lag_seconds", lag.seconds, "fill", lag.fill));
	}
	return rings;
}

/* Tables of reconnects and failed logins: how full they are, who is in trouble now. */
static json_t *watch_json(const struct broker_view *view)
{
	struct mc_watch_fill fill;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	fill = mc_watch_fill(view->watch, (uint32_t)now.tv_sec, control_clock_us() / 1000);
	return json_pack("{s:{s:I, s:I, s:I, s:I}, s:{s:I, s:I, s:I, s:I}}", "devices", "entries",
		(json_int_t)fill.devices, "used", (json_int_t)fill.devices_used, "held",
		(json_int_t)fill.held, "evicted", (json_int_t)fill.devices_evicted, "failed_logins",
		"entries", (json_int_t)fill.buckets, "used", (json_int_t)fill.buckets_used, "spent",
		(json_int_t)fill.spent, "evicted", (json_int_t)fill.buckets_evicted);
}

/* What the kernel says this process occupies, in bytes: pages of its own, of files, of shared
 * memory (ring and sessions), huge pages. */
static json_t *process_json(void)
{
	static const struct {
		const char *field, *name;
	} fields[] = {{"RssAnon:", "anonymous"}, {"RssFile:", "file"}, {"RssShmem:", "shared"},
		{"HugetlbPages:", "huge"}};
	FILE *file = fopen("/proc/self/status", "re");
	json_t *process = json_object();
	unsigned long long kilobytes;
	char line[128], field[32];

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%31s %llu kB", field, &kilobytes) != 2)
			continue;
		for (unsigned i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
			if (!strcmp(field, fields[i].field))
				json_object_set_new(process, fields[i].name,
					json_integer((json_int_t)kilobytes * 1024));
	}
	if (file)
		fclose(file);
	return process;
}

/* Which configuration is in force; "waiting": keys that need a restart. */
static json_t *configuration_json(const struct control *control)
{
	const struct control_generation *generation = &control->generation;

	return json_pack("{s:I, s:I, s:i}", "generation", (json_int_t)generation->number,
		"changed_time", (json_int_t)generation->when, "waiting",
		(int)json_array_size(generation->waiting));
}

/* What every figure is, {layer: {name: text}}; the ports' under "port". */
static json_t *help_json(struct broker_view *view, const json_t *ports)
{
	json_t *help = view->workers ? counters_json(view, 0, true) : json_object();
	json_t *port = json_object_get(json_array_get(ports, 0), "help");

	if (port)
		json_object_set(help, "port", port);
	return help;
}

static void add_help(struct broker_view *view, json_t *answer)
{
	json_t *stages = json_object();

	for (unsigned i = 0; i < STAGE_COUNT; i++)
		json_object_set_new(stages, stage_info[i].name, json_string(stage_info[i].help));
	json_object_set_new(answer, "help", help_json(view, json_object_get(answer, "ports")));
	json_object_set_new(answer, "stages_help", stages);
	if (view->workers)
		json_object_set_new(answer, "pools_help", pools_json(view, 0, true));
}

static void add_sums(struct broker_view *view, json_t *answer)
{
	json_t *sums = sums_json(view);

	json_object_set_new(answer, "counters", sums);
	json_object_set_new(answer, "drops", control_drops(sums, json_object_get(answer, "ports")));
	json_object_set_new(answer, "outcomes", control_outcomes(sums));
	json_object_set_new(answer, "histograms", control_histograms(view));
}

json_t *control_status(struct control *control, json_t *request, int file)
{
	struct broker_view *view = control->view;
	json_t *refusal, *workers, *worker, *answer;
	time_t now = time(NULL);
	const char *verb;
	int help = 0, gaps = 0;

	refusal = control_unpack(
		request, "{s:s, s?b, s?b}", "verb", &verb, "help", &help, "gaps", &gaps);
	if (refusal)
		return refusal;
	workers = json_array();
	for (unsigned i = 0; i < view->workers; i++) {
		worker = worker_json(view, i);
		if (gaps && view->gaps)
			json_object_set_new(worker, "gap_log", gaps_json(view, i));
		json_array_append_new(workers, worker);
	}
	answer = json_pack("{s:b, s:I, s:I, s:s, s:o, s:o, s:o, s:o, s:{s:I, s:I, s:I, s:I}, "
			   "s:o, s:o, s:o, s:o}",
		"ok", 1, "started", (json_int_t)view->started_unix, "uptime",
		(json_int_t)(now > (time_t)view->started_unix ? now - (time_t)view->started_unix
							      : 0),
		"memory", view->memory_line ? view->memory_line : "", "process", process_json(),
		"workers", workers, "ports", ports_json(view), "sessions", sessions_json(view),
		"registry", "devices", (json_int_t)registry_count(view->registry), "limit",
		(json_int_t)view->config->limits.devices, "bytes",
		(json_int_t)registry_bytes(view->registry), "grace_periods",
		(json_int_t)registry_grace_periods(view->registry), "feed", feed_json(view),
		"commands", control_command_rings(view), "rates",
		control_rates(&control->before, &control->now), "rates_since_start",
		control_rates(&control->start, &control->now));
	if (answer)
		add_sums(view, answer);
	if (answer && view->watch)
		json_object_set_new(answer, "watch", watch_json(view));
	if (answer) {
		json_object_set_new(answer, "bindings", control_bindings(view));
		json_object_set_new(answer, "drain", control_drain_status(control));
		json_object_set_new(answer, "audit", control_audit_status(view));
		json_object_set_new(answer, "log", control_log_status());
		json_object_set_new(answer, "configuration", configuration_json(control));
	}
	if (answer && help)
		add_help(view, answer);
	if (answer)
		control_problems(control, answer);
	return answer;
}
