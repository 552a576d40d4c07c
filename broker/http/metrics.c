/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* metrics.c - the status document as metrics: which member is which family */
#include "http/metrics.h"

#include "http/metrics_write.h"

#include <stdlib.h>
#include <string.h>

/* ---- counters by layer ---- */

/* The unit of a counter is the last word of its name. */
static const char *unit_of(const char *name)
{
	size_t length = strlen(name);

	return length > 6 && !strcmp(name + length - 6, "_bytes") ? "bytes" : NULL;
}

/* "tcp" and "tcp_opened" are tcp_opened; "mc" and "logins" mc_logins. */
static void counter_name(char *text, size_t size, const char *layer, const char *name)
{
	size_t length = strlen(layer);
	bool has = !strncmp(name, layer, length) && name[length] == '_';

	snprintf(text, size, "%s%s%s", has ? "" : layer, has ? "" : "_", name);
}

static const json_t *help_of(const json_t *status, const char *layer, const char *name)
{
	return json_object_get(json_object_get(json_object_get(status, "help"), layer), name);
}

static void put_counters(struct metrics_out *out, const json_t *status)
{
	const json_t *workers = json_object_get(status, "workers"), *worker;
	const struct metrics_rows rows = {workers, "worker", "worker"};
	json_t *layers = json_object_get(json_array_get(workers, 0), "counters");
	json_t *counters, *value;
	char labels[METRICS_LABELS], text[METRICS_NAME];
	const char *layer, *name;
	size_t i;

	json_object_foreach(layers, layer, counters)
	{
		json_object_foreach(counters, name, value)
		{
			counter_name(text, sizeof(text), layer, name);
			metrics_family(out, METRICS_COUNTER, text, unit_of(name),
				json_string_value(help_of(status, layer, name)));
			json_array_foreach(workers, i, worker) metrics_sample(out,
				metrics_row_labels(&rows, worker, labels),
				json_object_get(
					json_object_get(json_object_get(worker, "counters"), layer),
					name),
				0);
		}
	}
}

static void put_drops(struct metrics_out *out, const json_t *status)
{
	json_t *drops = json_object_get(status, "drops"), *counters, *value;
	char labels[METRICS_LABELS];
	const char *layer, *name;

	metrics_family(out, METRICS_COUNTER, "drops", NULL,
		"what was not taken, of all workers and ports: the reason's own family says more");
	json_object_foreach(drops, layer, counters)
	{
		json_object_foreach(counters, name, value) metrics_sample(out,
			metrics_labels(labels, "layer", layer, "reason", name, NULL), value, 0);
	}
}

/* ---- workers ---- */

static const struct metrics_member worker_members[] = {
	{"turns", METRICS_COUNTER, "worker_turns", NULL, "turns of the poll loop", 0},
	{"busy_turns", METRICS_COUNTER, "worker_busy_turns", NULL,
		"turns that found something to do", 0},
	{"busy_cycles", METRICS_COUNTER, "worker_busy_cycles", "cycles",
		"cycles of turns that found something to do", 0},
	{"idle_cycles", METRICS_COUNTER, "worker_idle_cycles", "cycles",
		"cycles of turns that found nothing to do", 0},
	{"timer_cycles", METRICS_COUNTER, "worker_timer_cycles", "cycles",
		"cycles of timers and sweeps, in all turns", 0},
	{"tsc_hz", METRICS_GAUGE, "worker_tsc_hertz", "hertz", "cycles in a second", 0},
	{"busy", METRICS_GAUGE, "worker_busy_ratio", "ratio",
		"share of cycles in turns that found something to do, since the start", 0},
	{"gaps", METRICS_COUNTER, "worker_gaps", NULL,
		"turns that began more than 50 us after the last: something else had the core", 0},
	{"gap_us", METRICS_COUNTER, "worker_gap_seconds", "seconds", "time in those gaps", 1e-6},
	{"gap_longest_us", METRICS_GAUGE, "worker_gap_longest_seconds", "seconds",
		"the longest of those gaps", 1e-6},
};

static void put_stages(struct metrics_out *out, const json_t *workers)
{
	char labels[METRICS_LABELS], number[24];
	const char *stage;
	json_t *worker, *cycles;
	size_t i;

	metrics_family(out, METRICS_COUNTER, "worker_stage_cycles", "cycles",
		"cycles of turns that found something to do, by stage");
	json_array_foreach(workers, i, worker)
	{
		metrics_label(json_object_get(worker, "worker"), number, sizeof(number));
		json_object_foreach(
			json_object_get(worker, "stage_cycles"), stage, cycles) metrics_sample(out,
			metrics_labels(labels, "worker", number, "stage", stage, NULL), cycles, 0);
	}
}

/* Busy and idle time: what dashboards divide by. */
static void put_seconds(struct metrics_out *out, const json_t *workers)
{
	static const struct metrics_member members[] = {
		{"busy_cycles", METRICS_COUNTER, "worker_busy_seconds", "seconds",
			"time of turns that found something to do", 0},
		{"idle_cycles", METRICS_COUNTER, "worker_idle_seconds", "seconds",
			"time of turns that found nothing to do", 0}};
	const struct metrics_rows rows = {workers, "worker", "worker"};
	char labels[METRICS_LABELS];
	json_t *worker;
	size_t i;

	for (size_t m = 0; m < METRICS_COUNT(members); m++) {
		metrics_family(
			out, members[m].type, members[m].name, members[m].unit, members[m].help);
		json_array_foreach(workers, i, worker)
		{
			double hz = json_number_value(json_object_get(worker, "tsc_hz"));

			metrics_number(out, metrics_row_labels(&rows, worker, labels),
				hz > 0 ? json_number_value(
						 json_object_get(worker, members[m].key)) /
						 hz
				       : 0);
		}
	}
}

static void put_histograms(struct metrics_out *out, const json_t *status)
{
	const json_t *workers = json_object_get(status, "workers"), *worker;
	const struct metrics_rows rows = {workers, "worker", "worker"};
	char labels[METRICS_LABELS], text[METRICS_NAME];
	json_t *one;
	const char *name, *unit;
	size_t i;

	json_object_foreach(json_object_get(status, "histograms"), name, one)
	{
		snprintf(text, sizeof(text), "worker_%s", name);
		unit = strrchr(name, '_');
		metrics_family(out, METRICS_HISTOGRAM, text, unit ? unit + 1 : NULL,
			json_string_value(json_object_get(one, "help")));
		json_array_foreach(workers, i, worker)
			metrics_histogram(out, metrics_row_labels(&rows, worker, labels),
				json_object_get(json_object_get(worker, "histograms"), name),
				json_object_get(one, "bounds"),
				json_number_value(json_object_get(one, "divisor")));
	}
}

static void put_pools(struct metrics_out *out, const json_t *workers)
{
	static const struct metrics_member members[] = {
		{"limit", METRICS_GAUGE, "pool_limit_records", "records",
			"records that a worker's pool has", 0},
		{"used", METRICS_GAUGE, "pool_used_records", "records",
			"records of a worker's pool in use; not of pools that do not count", 0},
		{"bytes", METRICS_GAUGE, "pool_memory_bytes", "bytes",
			"memory of all records of a worker's pool", 0}};
	char labels[METRICS_LABELS], number[24];
	const char *pool;
	json_t *worker, *now;
	size_t i;

	for (size_t m = 0; m < METRICS_COUNT(members); m++) {
		metrics_family(
			out, members[m].type, members[m].name, members[m].unit, members[m].help);
		json_array_foreach(workers, i, worker)
		{
			metrics_label(json_object_get(worker, "worker"), number, sizeof(number));
			json_object_foreach(
				json_object_get(worker, "pools"), pool, now) metrics_sample(out,
				metrics_labels(labels, "worker", number, "pool", pool, NULL),
				json_object_get(now, members[m].key), 0);
		}
	}
}

static void put_worker_info(struct metrics_out *out, const json_t *workers)
{
	char labels[METRICS_LABELS], number[24], cpu[24];
	json_t *worker;
	size_t i;

	metrics_family(out, METRICS_INFO, "worker", NULL, "the CPU that a worker has");
	json_array_foreach(workers, i, worker) metrics_number(out,
		metrics_labels(labels, "worker",
			metrics_label(json_object_get(worker, "worker"), number, sizeof(number)),
			"cpu", metrics_label(json_object_get(worker, "cpu"), cpu, sizeof(cpu)),
			NULL),
		1);
}

static void put_workers(struct metrics_out *out, const json_t *workers)
{
	put_worker_info(out, workers);
	metrics_put_rows(out, &(struct metrics_rows){workers, "worker", "worker"}, worker_members,
		METRICS_COUNT(worker_members));
	put_seconds(out, workers);
	put_stages(out, workers);
	put_pools(out, workers);
}

char *metrics_text_in(const json_t *status, enum metrics_format format, size_t *length)
{
	struct metrics_out out = {.format = format};
	const json_t *workers = json_object_get(status, "workers");
	char *text = NULL;
	bool failed;

	out.file = open_memstream(&text, length);
	if (!out.file)
		return NULL;
	metrics_broker(&out, status);
	put_workers(&out, workers);
	put_histograms(&out, status);
	metrics_ports(&out, status);
	put_drops(&out, status);
	put_counters(&out, status);
	if (format == METRICS_OPENMETRICS)
		fputs("# EOF\n", out.file);
	failed = ferror(out.file);
	if (fclose(out.file) != 0 || failed) {
		free(text);
		return NULL;
	}
	return text;
}

char *metrics_text(const json_t *status, size_t *length)
{
	return metrics_text_in(status, METRICS_OPENMETRICS, length);
}

enum metrics_format metrics_format_of(const char *accept)
{
	return accept && strstr(accept, "application/openmetrics-text") ? METRICS_OPENMETRICS
									: METRICS_PLAIN;
}

const char *metrics_content_type(enum metrics_format format)
{
	return format == METRICS_OPENMETRICS
		       ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
		       : "text/plain; version=0.0.4; charset=utf-8";
}
