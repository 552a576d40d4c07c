/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* history.c - the last 15 minutes, second by second: what sparklines are drawn from */
#include "control/history.h"

#include "control/control_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Behind the rates of control_rates.c; then one series for each worker. */
enum series {
	SERIES_DROPS = RATE_COUNT,
	SERIES_LIVE_TCP,
	SERIES_LIVE_UDP,
	SERIES_LOGIN,
	SERIES_FILL,
	SERIES_LAG,
	SERIES_LAG_SECONDS,
	SERIES_ANSWER_P50,
	SERIES_ANSWER_P99,
	SERIES_BUSY
};

static const struct {
	const char *name, *unit;
} names[] = {
	[SERIES_DROPS] = {"drops", "per_second"},
	[SERIES_LIVE_TCP] = {"live_tcp", "sessions"},
	[SERIES_LIVE_UDP] = {"live_udp", "sessions"},
	[SERIES_LOGIN] = {"login", "sessions"},
	[SERIES_FILL] = {"fill", "ratio"},
	[SERIES_LAG] = {"lag", "bytes"},
	[SERIES_LAG_SECONDS] = {"lag_seconds", "seconds"},
	[SERIES_ANSWER_P50] = {"answer_p50", "seconds"},
	[SERIES_ANSWER_P99] = {"answer_p99", "seconds"},
};

/**
 * struct cycles - what a worker had spent at the last sample
 */
struct cycles {
	uint64_t busy, idle;
};

struct history {
	unsigned workers, series;
	unsigned taken; /* samples there are, HISTORY_SAMPLES at most */
	unsigned next;  /* where the next one goes */
	uint64_t drops;
	struct turn_histogram answers; /* of all workers, at the last sample */
	struct cycles *cycles;         /* of each worker, likewise */
	int64_t times[HISTORY_SAMPLES];
	double *values; /* HISTORY_SAMPLES rows of @series */
};

struct history *history_new(unsigned workers)
{
	struct history *history = calloc(1, sizeof(*history));

	if (!history)
		return NULL;
	history->workers = workers;
	history->series = SERIES_BUSY + workers;
	history->cycles = calloc(workers ? workers : 1, sizeof(*history->cycles));
	history->values = calloc(HISTORY_SAMPLES, history->series * sizeof(double));
	if (history->cycles && history->values)
		return history;
	history_free(history);
	return NULL;
}

void history_free(struct history *history)
{
	if (!history)
		return;
	free(history->cycles);
	free(history->values);
	free(history);
}

static uint64_t all_drops(struct broker_view *view)
{
	struct counter_view views[COUNTER_VIEWS_MAX];
	uint64_t drops = 0;

	for (unsigned worker = 0; worker < view->workers; worker++) {
		unsigned count = view->counters(view, worker, views);

		for (unsigned i = 0; i < count; i++)
			drops += control_drops_of(views[i].info, views[i].values, views[i].count);
	}
	for (unsigned i = 0; view->port && i < view->config->port_count; i++) {
		struct port_view port = {0};

		view->port(view, i, &port);
		drops += control_drops_of(port.info, port.values, port.count);
	}
	return drops;
}

static void add_sessions(struct broker_view *view, double *row)
{
	for (unsigned i = 0; i < view->workers; i++) {
		struct session_counts counts = session_counts(session_worker(view->table, i));

		row[SERIES_LIVE_TCP] += (double)counts.live_tcp;
		row[SERIES_LIVE_UDP] += (double)counts.live_udp;
		row[SERIES_LOGIN] += (double)counts.login;
	}
}

/* The fullest ring, the bytes of all, and the record that waits longest. */
static void add_rings(struct broker_view *view, double *row)
{
	for (unsigned i = 0; i < view->workers; i++) {
		struct feed_lag lag = control_feed_lag(view, i);

		row[SERIES_LAG] += (double)lag.bytes;
		if (lag.fill > row[SERIES_FILL])
			row[SERIES_FILL] = lag.fill;
		if (lag.seconds > row[SERIES_LAG_SECONDS])
			row[SERIES_LAG_SECONDS] = lag.seconds;
	}
}

static void add_busy(struct history *history, struct broker_view *view, double *row)
{
	for (unsigned i = 0; i < history->workers; i++) {
		struct cycles *last = &history->cycles[i], now = {0};
		struct turn_view turns = {0};
		double busy, all;

		view->turns(view, i, &turns);
		now.idle = turns.idle_cycles;
		for (unsigned stage = 0; stage < STAGE_COUNT; stage++)
			now.busy += turns.busy_cycles[stage];
		busy = (double)(now.busy - last->busy);
		all = busy + (double)(now.idle - last->idle);
		row[SERIES_BUSY + i] = all > 0 ? busy / all : 0;
		*last = now;
	}
}

/* The quantiles of the answers since the last sample. */
static void add_answers(struct history *history, struct broker_view *view, double *row)
{
	struct turn_histogram now, grown;
	struct histogram_view what;

	if (!control_histogram(view, "answer_seconds", &now, &what))
		return;
	for (unsigned i = 0; i <= what.count; i++)
		grown.buckets[i] = now.buckets[i] - history->answers.buckets[i];
	row[SERIES_ANSWER_P50] =
		control_quantile(&grown, what.bounds, what.count, 0.5) / (double)what.divisor;
	row[SERIES_ANSWER_P99] =
		control_quantile(&grown, what.bounds, what.count, 0.99) / (double)what.divisor;
	history->answers = now;
}

void history_take(struct history *history, struct broker_view *view,
	const struct rate_sample *before, const struct rate_sample *now)
{
	double *row = &history->values[(size_t)history->next * history->series];
	const double seconds = (double)(now->us - before->us) / 1e6;
	const uint64_t drops = all_drops(view);

	memset(row, 0, history->series * sizeof(*row));
	for (unsigned i = 0; i < RATE_COUNT && seconds > 0; i++)
		row[i] = (double)(now->values[i] - before->values[i]) / seconds;
	if (seconds > 0)
		row[SERIES_DROPS] = (double)(drops - history->drops) / seconds;
	history->drops = drops;
	add_sessions(view, row);
	add_rings(view, row);
	add_busy(history, view, row);
	add_answers(history, view, row);
	history->times[history->next] = (int64_t)time(NULL);
	history->next = (history->next + 1) % HISTORY_SAMPLES;
	if (history->taken < HISTORY_SAMPLES)
		history->taken++;
}

static void name_of(unsigned series, char *name, size_t size, const char **unit)
{
	*unit = series < RATE_COUNT    ? "per_second"
		: series < SERIES_BUSY ? names[series].unit
				       : "ratio";
	if (series >= SERIES_BUSY)
		snprintf(name, size, "busy_%u", series - SERIES_BUSY);
	else
		snprintf(name, size, "%s",
			series < RATE_COUNT ? control_rate_name(series) : names[series].name);
}

json_t *history_json(const struct history *history, unsigned seconds)
{
	const unsigned count = seconds < history->taken ? seconds : history->taken;
	const unsigned first = history->next + HISTORY_SAMPLES - count;
	json_t *times = json_array(), *all = json_object(), *units = json_object();

	for (unsigned i = 0; i < count; i++)
		json_array_append_new(
			times, json_integer(history->times[(first + i) % HISTORY_SAMPLES]));
	for (unsigned series = 0; series < history->series; series++) {
		json_t *one = json_array();
		const char *unit;
		char name[32];

		for (unsigned i = 0; i < count; i++) {
			size_t row = (first + i) % HISTORY_SAMPLES;

			json_array_append_new(
				one, json_real(history->values[row * history->series + series]));
		}
		name_of(series, name, sizeof(name), &unit);
		json_object_set_new(all, name, one);
		json_object_set_new(units, name, json_string(unit));
	}
	return json_pack(
		"{s:b, s:o, s:o, s:o}", "ok", 1, "times", times, "series", all, "units", units);
}

json_t *control_history(struct control *control, json_t *request, int file)
{
	const char *verb;
	int seconds = HISTORY_SAMPLES;
	json_t *refusal = control_unpack(request, "{s:s, s?i}", "verb", &verb, "seconds", &seconds);

	if (refusal)
		return refusal;
	if (seconds < 1 || seconds > HISTORY_SAMPLES)
		return control_refuse(
			"ask for 1 to 900 seconds", "no history of %d seconds", seconds);
	if (!control->history)
		return control_refuse("ask again in a second", "there is no history yet");
	return history_json(control->history, (unsigned)seconds);
}
