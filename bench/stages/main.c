/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* main.c - cycles of each stage of a report alone, their sum, how far whole turns are from it */
#include "option_number.h"
#include "stages_bench.h"

#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PART_INFO(id, name_, tcp_, udp_, help_)                                                    \
	[id] = {.name = name_, .help = help_, .tcp = tcp_, .udp = udp_},
const struct part_info part_info[PART_COUNT] = {PARTS(PART_INFO)};
#undef PART_INFO

/** struct set - a working set and what was measured with it */
struct set {
	const char *name;
	struct stages_options options;
	struct part parts[PART_COUNT], whole_tcp, whole_udp;
	struct figure figures[PART_COUNT], tcp, udp;
	struct figure sum_tcp, sum_udp; /* without ports, as the whole is */
	uint32_t frame_bytes, answer_bytes;
};

static struct {
	uint32_t sessions;
	unsigned rounds, group;
	uint32_t report_bytes;
	uint64_t seed;
	bool no_ports, small_only;
	const char *json;
} options = {.sessions = 100000, .rounds = 101, .group = 2048, .report_bytes = 300};

static struct port_cost ports[PORT_COSTS_MAX];
static int port_count;

static void __attribute__((noreturn)) bad(const char *what)
{
	fprintf(stderr, "hearth-bench-stages: %s\n", what);
	exit(1);
}

void part_took(struct part *part, uint64_t cycles, uint64_t times)
{
	if (part->rounds < PART_ROUNDS_MAX)
		part->cycles[part->rounds++] = (double)cycles / (double)times;
}

static bool is_port(unsigned part)
{
	return part == PART_PORT_RX || part == PART_PORT_TX;
}

/* ---- measuring ---- */

static void sum_up(struct set *set)
{
	for (unsigned i = 0; i < PART_COUNT; i++) {
		struct figure *figure = &set->figures[i];

		if (is_port(i) || set->parts[i].rounds == 0)
			continue;
		*figure = figure_of(set->parts[i].cycles, set->parts[i].rounds);
		set->sum_tcp.median += part_info[i].tcp * figure->median;
		set->sum_tcp.least += part_info[i].tcp * figure->least;
		set->sum_udp.median += part_info[i].udp * figure->median;
		set->sum_udp.least += part_info[i].udp * figure->least;
	}
	set->tcp = figure_of(set->whole_tcp.cycles, set->whole_tcp.rounds);
	set->udp = figure_of(set->whole_udp.cycles, set->whole_udp.rounds);
}

static void measure(struct set *set, const char *name, uint32_t sessions, unsigned group)
{
	char error[256] = "out of memory";

	set->name = name;
	set->options = (struct stages_options){.sessions = sessions,
		.report_bytes = options.report_bytes,
		.group = group,
		.rounds = options.rounds,
		.seed = options.seed};
	if (stages_mc(&set->options, set->parts, &set->frame_bytes, &set->answer_bytes,
		    &set->whole_udp, error, sizeof(error)) ||
		stages_net(&set->options, set->parts, set->frame_bytes, set->answer_bytes, error,
			sizeof(error)) ||
		stages_whole_tcp(&set->options, &set->whole_tcp, error, sizeof(error)))
		bad(error);
	sum_up(set);
}

static void measure_ports(const struct set *set)
{
	char error[512] = "out of memory";

	port_count = stages_ports(
		&set->options, set->frame_bytes + WIRE_TCP_HEADERS, ports, error, sizeof(error));
	if (port_count < 0)
		bad(error);
}

/* The cheapest end for a report's frames, an ACK received with them or not, an answer sent. */
static double port_sum(bool tcp, const char **role)
{
	double least = 0;

	for (int i = 0; i < port_count; i++) {
		double sum = 0;

		/* sizes come in steps of two: 60 bytes, a report, the longest */
		if (ports[i].bytes != 60 || i + 2 >= port_count)
			continue;
		sum = ports[i + 2].receive.median + ports[i + 2].send.median +
		      (tcp ? ports[i].receive.median : 0);
		if (least == 0 || sum < least) {
			least = sum;
			*role = ports[i].role;
		}
	}
	return least;
}

/* ---- saying ---- */

static void say_set(const struct set *set)
{
	printf("%s: %u sessions, %u reports of %u bytes a round, %u rounds; frame %u, answer %u "
	       "bytes\n",
		set->name, set->options.sessions, set->options.group, set->options.report_bytes,
		set->options.rounds, set->frame_bytes, set->answer_bytes);
	printf("  %-14s %3s %3s %8s %8s %6s %6s\n", "cycles", "tcp", "udp", "median", "least",
		"read", "written");
	for (unsigned i = 0; i < PART_COUNT; i++) {
		if (is_port(i))
			continue;
		printf("  %-14s %3u %3u %8.0f %8.0f %6u %6u  %s\n", part_info[i].name,
			part_info[i].tcp, part_info[i].udp, set->figures[i].median,
			set->figures[i].least, set->parts[i].read, set->parts[i].written,
			part_info[i].help);
	}
	printf("  TCP: stages %.0f (least %.0f), whole turns %.0f (least %.0f): %.2f x\n",
		set->sum_tcp.median, set->sum_tcp.least, set->tcp.median, set->tcp.least,
		set->tcp.median / set->sum_tcp.median);
	printf("  UDP: stages %.0f (least %.0f), whole turns %.0f (least %.0f): %.2f x\n",
		set->sum_udp.median, set->sum_udp.least, set->udp.median, set->udp.least,
		set->udp.median / set->sum_udp.median);
}

static void say_ports(void)
{
	const char *role = "";
	double tcp = port_sum(true, &role), udp = port_sum(false, &role);

	for (int i = 0; i < port_count; i++)
		printf("  memif %-34s %4u bytes: receive %4.0f (least %.0f), send %4.0f (least "
		       "%.0f)\n",
			ports[i].role, ports[i].bytes, ports[i].receive.median,
			ports[i].receive.least, ports[i].send.median, ports[i].send.least);
	if (port_count)
		printf("  ports, %s: %.0f for a report over TCP, %.0f over UDP\n", role, tcp, udp);
}

static json_t *figure_json(struct figure figure)
{
	return json_pack("{sf,sf}", "median", figure.median, "least", figure.least);
}

static json_t *set_json(const struct set *set)
{
	json_t *parts = json_object();

	for (unsigned i = 0; i < PART_COUNT; i++) {
		if (!is_port(i))
			json_object_set_new(parts, part_info[i].name,
				json_pack("{so,sI,sI,sI,sI}", "cycles",
					figure_json(set->figures[i]), "tcp",
					(json_int_t)part_info[i].tcp, "udp",
					(json_int_t)part_info[i].udp, "bytes_read",
					(json_int_t)set->parts[i].read, "bytes_written",
					(json_int_t)set->parts[i].written));
	}
	return json_pack("{sI,sI,sI,so,so,so,so,so,sf,sf}", "sessions",
		(json_int_t)set->options.sessions, "frame_bytes", (json_int_t)set->frame_bytes,
		"answer_bytes", (json_int_t)set->answer_bytes, "stages", parts, "sum_tcp",
		figure_json(set->sum_tcp), "sum_udp", figure_json(set->sum_udp), "whole_tcp",
		figure_json(set->tcp), "whole_udp", figure_json(set->udp), "ratio_tcp",
		set->tcp.median / set->sum_tcp.median, "ratio_udp",
		set->udp.median / set->sum_udp.median);
}

static json_t *ports_json(void)
{
	const char *role = "";
	json_t *list = json_array();
	double tcp = port_sum(true, &role), udp = port_sum(false, &role);

	for (int i = 0; i < port_count; i++)
		json_array_append_new(list,
			json_pack("{ss,sI,so,so}", "role", ports[i].role, "bytes",
				(json_int_t)ports[i].bytes, "receive",
				figure_json(ports[i].receive), "send", figure_json(ports[i].send)));
	if (!port_count)
		return json_decref(list), json_null();
	return json_pack("{so,ss,sf,sf}", "memif", list, "cheapest", role, "tcp", tcp, "udp", udp);
}

/* ---- the command line ---- */

static void usage(int status)
{
	fprintf(status ? stderr : stdout,
		"usage: hearth-bench-stages [OPTIONS]\n"
		"  -s SESSIONS   of the large working set (100,000); the small one has %d\n"
		"  -b BYTES      JSON of a report, %d to %d (300)\n"
		"  -r ROUNDS     measurements, up to %d (101)\n"
		"  -g REPORTS    of a round, up to %d (2048)\n"
		"  --seed N      draw as this says, not as the system does: instructions repeat\n"
		"  --small       the small working set only\n"
		"  --no-ports    without memif, and DPDK\n"
		"  --json FILE   figures for programs, '-': standard output, after the text\n",
		STAGE_BATCH, REPORT_LEAST, REPORT_MOST, PART_ROUNDS_MAX, DEVICES_GROUP);
	exit(status);
}

enum { WORD_JSON = 256, WORD_SEED, WORD_SMALL, WORD_NO_PORTS };

static void options_read(int argc, char **argv)
{
	static const struct option words[] = {{"json", required_argument, NULL, WORD_JSON},
		{"seed", required_argument, NULL, WORD_SEED},
		{"small", no_argument, NULL, WORD_SMALL},
		{"no-ports", no_argument, NULL, WORD_NO_PORTS}, {"help", no_argument, NULL, 'h'},
		{0}};
	int word;

	while ((word = getopt_long(argc, argv, "s:b:r:g:h", words, NULL)) != -1) {
		if (word == 's')
			options.sessions = option_number(optarg, STAGE_BATCH, 1000000);
		else if (word == 'b')
			options.report_bytes = option_number(optarg, REPORT_LEAST, REPORT_MOST);
		else if (word == 'r')
			options.rounds = option_number(optarg, 1, PART_ROUNDS_MAX);
		else if (word == 'g')
			options.group = option_number(optarg, STAGE_BATCH, DEVICES_GROUP);
		else if (word == WORD_JSON)
			options.json = optarg;
		else if (word == WORD_SEED)
			options.seed = option_number(optarg, 1, UINT32_MAX);
		else if (word == WORD_SMALL)
			options.small_only = true;
		else if (word == WORD_NO_PORTS)
			options.no_ports = true;
		else
			usage(word == 'h' ? 0 : 2);
	}
	if (optind != argc)
		usage(2);
}

int main(int argc, char **argv)
{
	static struct set sets[2];
	unsigned count = 1;
	json_t *result;

	options_read(argc, argv);
	measure(&sets[0], "small", STAGE_BATCH, STAGE_BATCH);
	say_set(&sets[0]);
	if (!options.small_only) {
		measure(&sets[1], "large", options.sessions, options.group);
		say_set(&sets[1]);
		count = 2;
	}
	if (!options.no_ports)
		measure_ports(&sets[count - 1]);
	say_ports();
	result = json_pack("{sI,sI,so}", "report_bytes", (json_int_t)options.report_bytes, "rounds",
		(json_int_t)options.rounds, "ports", ports_json());
	for (unsigned i = 0; i < count; i++)
		json_object_set_new(result, sets[i].name, set_json(&sets[i]));
	if (options.json &&
		json_dump_file(result, !strcmp(options.json, "-") ? "/dev/stdout" : options.json,
			JSON_INDENT(2) | JSON_REAL_PRECISION(6)))
		bad("the JSON cannot be written");
	json_decref(result);
	return 0;
}
