/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* main.c - cycles of whole turns of a worker, over a link of plain memory: a report with its event,
 * its answer and the answer's ACK; a login and connect; nothing at all */
#include "option_number.h"
#include "own_memory.h"
#include "traffic.h"

#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <x86intrin.h>

enum mode { REPORT, IDLE, LOGIN };

static struct {
	struct traffic_options traffic;
	enum mode mode;
	unsigned rounds;
	double seconds;
	const char *json;
} options = {.traffic = {.sessions = 100000,
		     .report_bytes = 300,
		     .group = 2048,
		     .burst = STACK_BURST,
		     .ring_bytes = 64 << 20,
		     .random = true},
	.rounds = 201,
	.seconds = 10};

/* Rounds before those that count. */
#define WARM_UP 8
#define FROZEN_TURNS 100000

static void __attribute__((noreturn)) bad(const char *what)
{
	fprintf(stderr, "hearth-bench-worker: %s\n", what);
	exit(1);
}

/* ---- figures ---- */

/** struct series - one value for each round */
struct series {
	double *total, *stages[STAGE_COUNT];
	unsigned count;
	struct traffic_cost sum;
};

static void series_init(struct series *series, unsigned rounds)
{
	memset(series, 0, sizeof(*series));
	series->total = calloc(rounds, sizeof(double));
	for (unsigned i = 0; i < STAGE_COUNT; i++)
		series->stages[i] = calloc(rounds, sizeof(double));
}

static void series_fini(struct series *series)
{
	free(series->total);
	for (unsigned i = 0; i < STAGE_COUNT; i++)
		free(series->stages[i]);
}

static void series_add(struct series *series, const struct traffic_cost *cost)
{
	const double items = (double)cost->items;

	series->total[series->count] = (double)cost->cycles / items;
	for (unsigned i = 0; i < STAGE_COUNT; i++)
		series->stages[i][series->count] = (double)cost->stages[i] / items;
	series->count++;
	series->sum.items += cost->items;
	series->sum.turns += cost->turns;
	series->sum.frames_in += cost->frames_in;
	series->sum.bytes_in += cost->bytes_in;
	series->sum.frames_out += cost->frames_out;
	series->sum.bytes_out += cost->bytes_out;
}

static json_t *figure_json(struct figure figure)
{
	return json_pack("{sf,sf}", "median", figure.median, "least", figure.least);
}

/* Prints a series and makes JSON of it. */
static json_t *series_say(struct series *series, const char *item, double hz)
{
	struct figure total = figure_of(series->total, series->count);
	const double items = (double)series->sum.items;
	json_t *stages = json_object();

	printf("%llu %ss in %u rounds, %llu turns; %.1f frames and %.0f bytes in, %.1f and %.0f "
	       "out for each\n",
		(unsigned long long)series->sum.items, item, series->count,
		(unsigned long long)series->sum.turns, (double)series->sum.frames_in / items,
		(double)series->sum.bytes_in / items, (double)series->sum.frames_out / items,
		(double)series->sum.bytes_out / items);
	printf("  %-10s %8s %8s\n", "cycles", "median", "least");
	for (unsigned i = 0; i < STAGE_COUNT; i++) {
		struct figure figure = figure_of(series->stages[i], series->count);

		printf("  %-10s %8.0f %8.0f   %s\n", stage_info[i].name, figure.median,
			figure.least, stage_info[i].help);
		json_object_set_new(stages, stage_info[i].name, figure_json(figure));
	}
	printf("  %-10s %8.0f %8.0f   of a whole %s: %.0f a second\n", "all", total.median,
		total.least, item, hz / total.median);
	return json_pack("{so,so,sI,sI,sf,sf,sf,sf,sf}", "cycles", figure_json(total), "stages",
		stages, "count", (json_int_t)series->sum.items, "rounds", (json_int_t)series->count,
		"per_second", hz / total.median, "frames_in", (double)series->sum.frames_in / items,
		"bytes_in", (double)series->sum.bytes_in / items, "frames_out",
		(double)series->sum.frames_out / items, "bytes_out",
		(double)series->sum.bytes_out / items);
}

/* ---- modes ---- */

static json_t *log_in(struct traffic *traffic)
{
	const unsigned groups = options.traffic.sessions / TRAFFIC_LOGINS + 2;
	struct traffic_cost cost;
	struct series series;
	json_t *result;

	series_init(&series, groups);
	while (traffic_login(traffic, &cost))
		series_add(&series, &cost);
	result = series_say(&series, "login", (double)traffic_tsc_hz(traffic));
	series_fini(&series);
	return result;
}

static json_t *report(struct traffic *traffic)
{
	struct traffic_cost cost;
	struct series series;
	json_t *result;

	for (unsigned i = 0; i < WARM_UP; i++)
		traffic_report(traffic, &cost);
	series_init(&series, options.rounds);
	for (unsigned i = 0; i < options.rounds; i++) {
		traffic_report(traffic, &cost);
		series_add(&series, &cost);
	}
	result = series_say(&series, "report", (double)traffic_tsc_hz(traffic));
	series_fini(&series);
	return result;
}

/*
 * A turn that finds nothing costs what it costs, however many sessions there are: what a turn costs
 * while time stands still is taken off, and sweeps and timers remain.
 */
static json_t *measure_idle(struct traffic *traffic)
{
	const double hz = (double)traffic_tsc_hz(traffic);
	struct traffic_idle idle;
	double frozen[21], base, wall, share, each, accounted;

	for (unsigned i = 0; i < 21; i++)
		frozen[i] =
			(double)traffic_idle(traffic, 0, FROZEN_TURNS / 21) / (FROZEN_TURNS / 21);
	base = figure_of(frozen, 21).median;
	traffic_idle_for(traffic, (uint64_t)(options.seconds * hz), &idle);
	wall = (double)(idle.wall - idle.taken);
	each = (double)idle.cycles / (double)idle.turns;
	share = (each - base) * (double)idle.turns / wall;
	accounted = (double)idle.timers / wall;
	printf("idle for %.1f s: %llu turns, %.0f cycles each, %.0f of them a turn's own; sweeps "
	       "and timers take %.2f %% of wall time, by the worker's own accounting %.2f %%; "
	       "%.2f %% of it was taken away\n",
		(double)idle.wall / hz, (unsigned long long)idle.turns, each, base, share * 100,
		accounted * 100, (double)idle.taken / (double)idle.wall * 100);
	return json_pack("{sf,sf,sf,sf,sf,sI,sf}", "idle_share", share, "accounted_share",
		accounted, "seconds", (double)idle.wall / hz, "turn_cycles", each,
		"turn_cycles_nothing_due", base, "turns", (json_int_t)idle.turns, "taken_share",
		(double)idle.taken / (double)idle.wall);
}

/* Every login, report and answer has to be there, and nothing else. */
static void check(const struct traffic *traffic)
{
	struct traffic_totals totals = traffic_totals(traffic);

	if (totals.wrong || totals.strange || totals.other || totals.online != totals.logins ||
		totals.uplink != totals.reports) {
		fprintf(stderr,
			"hearth-bench-worker: %llu logins, %llu online; %llu reports, %llu "
			"uplinks; "
			"%llu answers wrong or missing, %llu strange frames, %llu other events\n",
			(unsigned long long)totals.logins, (unsigned long long)totals.online,
			(unsigned long long)totals.reports, (unsigned long long)totals.uplink,
			(unsigned long long)totals.wrong, (unsigned long long)totals.strange,
			(unsigned long long)totals.other);
		traffic_complain(traffic, stderr);
		exit(1);
	}
}

/* ---- the command line ---- */

static void usage(int status)
{
	fprintf(status ? stderr : stdout,
		"usage: hearth-bench-worker [OPTIONS]\n"
		"  -m report|idle|login  what is measured (report)\n"
		"  -s SESSIONS    1 to 10,000,000 (100,000)\n"
		"  -t tcp|udp     what the sessions speak over (tcp)\n"
		"  -b BYTES       JSON of a report, %d to %d (300)\n"
		"  -r ROUNDS      measurements (201)\n"
		"  -g REPORTS     of a round, up to %d (2048)\n"
		"  -n FRAMES      that a turn finds at its port, 2 to %d (%d)\n"
		"  -o random|sequence  order of the devices (random)\n"
		"  -d             a device's ACK rides on its next report, else it comes alone;\n"
		"                 of more than 4,096 devices an eighth reports then\n"
		"  -c             checksums are verified and filled in by the port\n"
		"  -H             tables in huge pages, where some are reserved\n"
		"  -w SECONDS     -m idle: how long (10)\n"
		"  --seed N       draw as this says, not as the system does: instructions repeat\n"
		"  --json FILE    figures for programs, '-': standard output, after the text\n",
		REPORT_LEAST, REPORT_MOST, DEVICES_GROUP, STACK_BURST, STACK_BURST);
	exit(status);
}

static unsigned one_of(const char *text, const char *const *words, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		if (!strcmp(text, words[i]))
			return i;
	}
	usage(2);
	return 0;
}

static const char *const modes[] = {"report", "idle", "login"};
static const char *const transports[] = {"tcp", "udp"};
static const char *const orders[] = {"sequence", "random"};

static void options_read(int argc, char **argv)
{
	static const struct option words[] = {{"json", required_argument, NULL, 'j'},
		{"seed", required_argument, NULL, 'S'}, {"help", no_argument, NULL, 'h'}, {0}};
	struct traffic_options *t = &options.traffic;
	int word;

	while ((word = getopt_long(argc, argv, "m:s:t:b:r:g:n:o:w:dcHh", words, NULL)) != -1) {
		switch (word) {
		case 'm':
			options.mode = (enum mode)one_of(optarg, modes, 3);
			break;
		case 's':
			t->sessions = option_number(optarg, 1, DEVICES_MAX);
			break;
		case 't':
			t->udp = one_of(optarg, transports, 2);
			break;
		case 'b':
			t->report_bytes = option_number(optarg, REPORT_LEAST, REPORT_MOST);
			break;
		case 'r':
			options.rounds = option_number(optarg, 1, 1000000);
			break;
		case 'g':
			t->group = option_number(optarg, 1, DEVICES_GROUP);
			break;
		case 'n':
			t->burst = option_number(optarg, 2, STACK_BURST);
			break;
		case 'o':
			t->random = one_of(optarg, orders, 2);
			break;
		case 'w':
			options.seconds = option_number(optarg, 1, 100);
			break;
		case 'd':
			t->riding = true;
			break;
		case 'c':
			t->good = true;
			break;
		case 'H':
			t->huge = true;
			break;
		case 'S':
			t->seed = option_number(optarg, 1, UINT32_MAX);
			break;
		case 'j':
			options.json = optarg;
			break;
		default:
			usage(word == 'h' ? 0 : 2);
		}
	}
	if (optind != argc)
		usage(2);
}

static json_t *conditions(const struct traffic *traffic)
{
	const struct traffic_options *t = &options.traffic;

	return json_pack("{ss,sI,ss,sI,sI,sI,ss,ss,sb,sb,sI}", "mode", modes[options.mode],
		"sessions", (json_int_t)t->sessions, "transport", transports[t->udp], "bytes",
		(json_int_t)t->report_bytes, "burst", (json_int_t)t->burst, "round",
		(json_int_t)t->group, "order", orders[t->random], "acknowledge",
		t->riding ? "riding" : "alone", "port_checksums", t->good, "huge", t->huge,
		"tsc_hz", (json_int_t)traffic_tsc_hz(traffic));
}

int main(int argc, char **argv)
{
	struct traffic *traffic;
	char error[256];
	json_t *result, *part;
	double resident;

	options_read(argc, argv);
	setvbuf(stdout, NULL, _IOLBF, 0);
	traffic = traffic_new(&options.traffic, error, sizeof(error));
	if (!traffic)
		bad(error);
	result = conditions(traffic);
	json_object_set_new(result, "login", log_in(traffic));
	check(traffic);
	resident = (double)own_memory();
	printf("%.0f bytes a session, the devices' own %zu included\n",
		resident / options.traffic.sessions, sizeof(struct bench_device));
	if (traffic_totals(traffic).refused)
		printf("%llu connections were refused at first: no flow slot was near\n",
			(unsigned long long)traffic_totals(traffic).refused);
	json_object_set_new(
		result, "refused", json_integer((json_int_t)traffic_totals(traffic).refused));
	json_object_set_new(result, "resident_bytes", json_real(resident));
	fflush(stdout); /* who waits for the set-up to be over sees that it is */
	if (options.mode != LOGIN) {
		part = options.mode == IDLE ? measure_idle(traffic) : report(traffic);
		json_object_set_new(result, modes[options.mode], part);
		check(traffic);
	}
	traffic_free(traffic);
	if (options.json &&
		json_dump_file(result, !strcmp(options.json, "-") ? "/dev/stdout" : options.json,
			JSON_INDENT(2) | JSON_REAL_PRECISION(6)))
		bad("the JSON cannot be written");
	json_decref(result);
	return 0;
}
