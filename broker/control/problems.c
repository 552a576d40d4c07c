/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* problems.c - what is wrong, found in the document of figures; touches nothing else */
#include "control/problems.h"
#include "control/problems_words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum severity { CRITICAL, WARNING, NOTICE };

#define ROW_ID(id, ...) id,
enum problem { PROBLEMS(ROW_ID) PROBLEM_COUNT };

#define ROW(id, name, severity, text, remedy, chinese, chinese_remedy)                             \
	[id] = {name, severity, {{text, remedy}, {chinese, chinese_remedy}}},
static const struct {
	const char *name;
	enum severity severity;
	struct {
		const char *text, *remedy;
	} words[PROBLEMS_LANGUAGES];
} rows[] = {PROBLEMS(ROW)};

static const char *const severities[] = {
	[CRITICAL] = "critical", [WARNING] = "warning", [NOTICE] = "notice"};

/* From where a share of something is worth a word. */
#define NEARLY_FULL 0.9
#define HALF_FULL 0.5
#define TOO_BUSY 0.95
#define GAPS_SHARE 0.01
#define FLOOD_RATE 1000.0

/* ---- words ---- */

static void fill_in(const char *words, const json_t *about, char *out, size_t size)
{
	size_t used = 0;

	for (; *words && used + 1 < size; words++) {
		const char *value = NULL;
		size_t length;

		if (words[0] == '%' && words[1] >= '1' && words[1] <= '3') {
			value = json_string_value(json_array_get(about, (size_t)(words[1] - '1')));
			value = value ? value : "?";
			words++;
		}
		length = value ? strlen(value) : 1;
		if (length > size - 1 - used)
			break;
		memcpy(out + used, value ? value : words, length);
		used += length;
	}
	out[used] = '\0';
}

void problems_words(const json_t *problem, enum problems_language language, char *text,
	size_t text_size, char *remedy, size_t remedy_size)
{
	const char *id = json_string_value(json_object_get(problem, "id"));
	const json_t *about = json_object_get(problem, "about");

	snprintf(text, text_size, "%s", id ? id : "?");
	snprintf(remedy, remedy_size, "?");
	for (unsigned i = 0; id && i < PROBLEM_COUNT; i++) {
		if (strcmp(rows[i].name, id))
			continue;
		fill_in(rows[i].words[language].text, about, text, text_size);
		fill_in(rows[i].words[language].remedy, about, remedy, remedy_size);
	}
}

/* @about: up to three texts, taken */
static void add(json_t *found, enum problem id, json_t *first, json_t *second, json_t *third)
{
	json_t *about = json_array(), *problem;
	char text[512], remedy[512];

	if (first)
		json_array_append_new(about, first);
	if (second)
		json_array_append_new(about, second);
	if (third)
		json_array_append_new(about, third);
	problem = json_pack("{s:s, s:s, s:o}", "id", rows[id].name, "severity",
		severities[rows[id].severity], "about", about);
	problems_words(problem, PROBLEMS_ENGLISH, text, sizeof(text), remedy, sizeof(remedy));
	json_object_set_new(problem, "text", json_string(text));
	json_object_set_new(problem, "remedy", json_string(remedy));
	json_array_append_new(found, problem);
}

static json_t *whole(double number)
{
	return json_sprintf("%.0f", number);
}

/* ---- figures ---- */

static double figure(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

static double counter(const json_t *document, const char *layer, const char *name)
{
	return figure(json_object_get(json_object_get(document, "counters"), layer), name);
}

/* What a counter has grown by; 0 without a sample. */
static double grown(const json_t *status, const json_t *before, const char *layer, const char *name)
{
	return before ? counter(status, layer, name) - counter(before, layer, name) : 0;
}

static const json_t *row_at(const json_t *document, const char *table, size_t at)
{
	return json_array_get(json_object_get(document, table), at);
}

json_t *problems_sample(const json_t *status, double seconds)
{
	static const char *const of_worker[] = {"turns", "busy_cycles", "idle_cycles", "gap_us"};
	json_t *workers = json_array(), *ports = json_array(), *row;
	size_t i;

	json_array_foreach(json_object_get(status, "workers"), i, row)
	{
		json_t *worker = json_object();

		for (size_t j = 0; j < sizeof(of_worker) / sizeof(of_worker[0]); j++)
			json_object_set(worker, of_worker[j], json_object_get(row, of_worker[j]));
		json_array_append_new(workers, worker);
	}
	json_array_foreach(json_object_get(status, "ports"), i, row) json_array_append_new(
		ports, json_pack("{s:O*}", "counters", json_object_get(row, "counters")));
	return json_pack("{s:f, s:O*, s:O*, s:o, s:o}", "seconds", seconds, "counters",
		json_object_get(status, "counters"), "feed", json_object_get(status, "feed"),
		"workers", workers, "ports", ports);
}

/* ---- what is looked at ---- */

static void look_at_workers(
	json_t *found, const json_t *status, const json_t *lately, const json_t *before, double now)
{
	double seconds = now - figure(before, "seconds");
	json_t *worker;
	size_t i;

	json_array_foreach(json_object_get(status, "workers"), i, worker)
	{
		const json_t *then = row_at(before, "workers", i);
		double busy = figure(worker, "busy_cycles") - figure(then, "busy_cycles");
		double idle = figure(worker, "idle_cycles") - figure(then, "idle_cycles");
		double gaps = figure(worker, "gap_us") - figure(then, "gap_us");
		double cpu = figure(worker, "cpu");

		if (lately &&
			figure(worker, "turns") == figure(row_at(lately, "workers", i), "turns"))
			add(found, PROBLEM_WORKER_STALLED, whole((double)i), whole(cpu), NULL);
		if (!before || seconds <= 0)
			continue;
		if (busy + idle > 0 && busy / (busy + idle) > TOO_BUSY)
			add(found, PROBLEM_BUSY, whole((double)i),
				whole(100 * busy / (busy + idle)), NULL);
		if (gaps / 1e6 > seconds * GAPS_SHARE)
			add(found, PROBLEM_GAPS, whole((double)i), whole(cpu),
				json_sprintf("%.1f", gaps / 1e4 / seconds));
	}
}

static void look_at_rings(json_t *found, const json_t *status, const json_t *lately)
{
	json_t *ring;
	size_t i;

	json_array_foreach(json_object_get(status, "feed"), i, ring)
	{
		double fill = figure(ring, "fill"), lag = figure(ring, "lag");

		if (fill >= NEARLY_FULL)
			add(found, PROBLEM_RING_FULL, whole((double)i), whole(100 * fill), NULL);
		else if (fill >= HALF_FULL)
			add(found, PROBLEM_RING_FILLING, whole((double)i), whole(100 * fill), NULL);
		/* one record that waits may be one that has just come */
		if (lately && lag > 0 && figure(row_at(lately, "feed", i), "lag") > 0 &&
			figure(row_at(lately, "feed", i), "commit") == figure(ring, "commit"))
			add(found, PROBLEM_CONSUMER, whole((double)i), whole(lag), NULL);
	}
}

static double missed(const json_t *port)
{
	const json_t *counters = json_object_get(port, "counters");

	return figure(counters, "port_rx_missed") + figure(counters, "port_rx_no_buffer");
}

static void look_at_ports(json_t *found, const json_t *status, const json_t *before)
{
	json_t *port;
	size_t i;

	json_array_foreach(json_object_get(status, "ports"), i, port)
	{
		const char *state = json_string_value(json_object_get(port, "state"));
		const json_t *then = row_at(before, "ports", i);
		json_t *name = json_object_get(port, "device");
		double lost = missed(port) - missed(then);
		double refused = figure(json_object_get(port, "counters"), "port_tx_refused") -
				 figure(json_object_get(then, "counters"), "port_tx_refused");

		if (state && strcmp(state, "up"))
			add(found, PROBLEM_PORT_DOWN, json_incref(name), NULL, NULL);
		if (then && lost > 0)
			add(found, PROBLEM_PORT_MISSED, json_incref(name), whole(lost), NULL);
		if (then && refused > 0)
			add(found, PROBLEM_PORT_SEND, json_incref(name), whole(refused), NULL);
	}
}

static void look_at_room(json_t *found, const json_t *status)
{
	const json_t *sessions = json_object_get(status, "sessions");
	const json_t *registry = json_object_get(status, "registry");
	double live = figure(sessions, "live_tcp") + figure(sessions, "live_udp");
	json_t *worker, *pool;
	const char *name;
	size_t i;

	if (figure(sessions, "limit") > 0 && live >= NEARLY_FULL * figure(sessions, "limit"))
		add(found, PROBLEM_SESSIONS_FULL, whole(live), whole(figure(sessions, "limit")),
			NULL);
	if (figure(registry, "limit") > 0 &&
		figure(registry, "devices") >= NEARLY_FULL * figure(registry, "limit"))
		add(found, PROBLEM_DEVICES_FULL, whole(figure(registry, "devices")),
			whole(figure(registry, "limit")), NULL);
	json_array_foreach(json_object_get(status, "workers"), i, worker)
	{
		json_object_foreach(json_object_get(worker, "pools"), name, pool)
		{
			if (figure(pool, "limit") > 0 &&
				figure(pool, "used") >= NEARLY_FULL * figure(pool, "limit"))
				add(found, PROBLEM_POOL_FULL, whole((double)i),
					whole(figure(pool, "used")),
					json_sprintf("%.0f %s", figure(pool, "limit"), name));
		}
	}
}

/* Frames that were turned away a second, and the reason of most of them. */
static void look_at_flood(json_t *found, const json_t *status, const json_t *lately, double now)
{
	double sum = 0, most = 0, seconds = now - figure(lately, "seconds"), more;
	const char *layer, *name, *top_layer = NULL, *top = NULL, *help;
	json_t *counters, *value;

	if (!lately || seconds <= 0)
		return;
	json_object_foreach(json_object_get(status, "counters"), layer, counters)
	{
		json_object_foreach(counters, name, value)
		{
			if (strncmp(name, "drop_", 5))
				continue;
			more = grown(status, lately, layer, name);
			sum += more;
			if (more > most) {
				most = more;
				top = name;
				top_layer = layer;
			}
		}
	}
	if (!top || sum / seconds < FLOOD_RATE)
		return;
	help = json_string_value(
		json_object_get(json_object_get(json_object_get(status, "help"), top_layer), top));
	add(found, PROBLEM_FLOOD, whole(sum / seconds), json_string(top),
		json_string(help ? help : top_layer));
}

static void look_at_devices(json_t *found, const json_t *status, const json_t *before)
{
	const json_t *watch = json_object_get(status, "watch");
	double held = figure(json_object_get(watch, "devices"), "held");
	double spent = figure(json_object_get(watch, "failed_logins"), "spent");
	double refused = grown(status, before, "mc", "result_999999");
	double clones = grown(status, before, "mc", "clones");
	json_t *ring;
	size_t i;

	if (refused > 0)
		add(found, PROBLEM_NO_ROOM, whole(refused), NULL, NULL);
	if (spent > 0)
		add(found, PROBLEM_GUESSING, whole(spent), NULL, NULL);
	if (held > 0)
		add(found, PROBLEM_HELD, whole(held), NULL, NULL);
	if (clones > 0)
		add(found, PROBLEM_CLONES, whole(clones), NULL, NULL);
	json_array_foreach(json_object_get(status, "commands"), i, ring)
	{
		if (json_is_true(json_object_get(ring, "damaged")))
			add(found, PROBLEM_DAMAGED, whole(figure(ring, "ring")), NULL, NULL);
	}
}

/* ---- all of it ---- */

static json_t *worst_first(json_t *found)
{
	json_t *sorted = json_array(), *problem;
	size_t i;

	for (unsigned severity = CRITICAL; severity <= NOTICE; severity++) {
		json_array_foreach(found, i, problem)
		{
			const char *is = json_string_value(json_object_get(problem, "severity"));

			if (is && !strcmp(is, severities[severity]))
				json_array_append(sorted, problem);
		}
	}
	json_decref(found);
	return sorted;
}

json_t *problems_find(const json_t *status, const json_t *lately, const json_t *before, double now)
{
	json_t *found = json_array();

	look_at_workers(found, status, lately, before, now);
	look_at_rings(found, status, lately);
	look_at_ports(found, status, before);
	look_at_room(found, status);
	look_at_flood(found, status, lately, now);
	look_at_devices(found, status, before);
	return worst_first(found);
}

static double lost(const json_t *document)
{
	double sum = counter(document, "mc", "result_999999") +
		     counter(document, "worker", "drop_batch");
	json_t *port;
	size_t i;

	json_array_foreach(json_object_get(document, "ports"), i, port) sum += missed(port);
	return sum;
}

json_t *problems_loss(const json_t *status, const json_t *before)
{
	return json_pack("{s:I, s:I}", "total", (json_int_t)lost(status), "minute",
		(json_int_t)(before ? lost(status) - lost(before) : 0));
}

const char *problems_state(const json_t *problems)
{
	const char *worst =
		json_string_value(json_object_get(json_array_get(problems, 0), "severity"));

	if (!worst || !strcmp(worst, severities[NOTICE]))
		return "good";
	return strcmp(worst, severities[CRITICAL]) ? "attention" : "trouble";
}
