/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* main.c - hearth-sim: connections through worlds that seeds have made; a failing seed is named */
#include "profile.h"
#include "suites.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FAILURES_SHOWN 10

static const char *const against_names[AGAINST_COUNT] = {"self", "lwip-client", "lwip-server"};

struct options {
	const struct profile *profile;
	enum against against;
	uint64_t seed, connections, worlds;
	bool trace, quiet, exhaust, tamper, table;
	const char *scenario, *table_file;
};

/** struct tally - what a run has seen */
struct tally {
	uint64_t worlds, failed, connections, completed, died, frames, retransmissions, lost;
	uint64_t corrupted, wrapped, checks, bytes, seconds;
};

static void usage(FILE *to)
{
	fprintf(to,
		"usage: hearth-sim [OPTION]...\n"
		"\n"
		"Runs TCP connections through simulated worlds in virtual time. What a seed "
		"brings\n"
		"about once it brings about again.\n"
		"\n"
		"  --against WHO       self, lwip-client or lwip-server (default self)\n"
		"  --profile NAME      which faults there are (default swarm)\n"
		"  --seed S            seed of the first world, others follow (default 1)\n"
		"  --connections N     worlds until N connections have been made (default 20000)\n"
		"  --worlds N          so many worlds instead\n"
		"  --tamper[=NAME]     run the tampering scenarios, or one of them\n"
		"  --exhaust           let every allocation fail once\n"
		"  --table[=FILE]      throughput by loss and buffer size; compared with FILE\n"
		"  --trace             print every frame\n"
		"  --quiet             only what is wrong, and the last line\n"
		"  --help              this\n"
		"\n"
		"profiles:\n");
	for (unsigned i = 0; profile_list(i); i++)
		fprintf(to, "  %-10s %s\n", profile_list(i)->name, profile_list(i)->help);
}

static void bad(const char *what)
{
	fprintf(stderr, "hearth-sim: %s\n", what);
	exit(2);
}

static enum against against_of(const char *name)
{
	for (unsigned i = 0; i < AGAINST_COUNT; i++)
		if (strcmp(against_names[i], name) == 0)
			return i;
	bad("--against: self, lwip-client or lwip-server");
	return 0;
}

static uint64_t number(const char *text)
{
	char *end;
	uint64_t value = strtoull(text, &end, 0);

	if (*text == 0 || *end != 0)
		bad("a number is expected");
	return value;
}

static struct options options_read(int argc, char **argv)
{
	static const struct option words[] = {{"against", 1, 0, 'a'}, {"profile", 1, 0, 'p'},
		{"seed", 1, 0, 's'}, {"connections", 1, 0, 'n'}, {"worlds", 1, 0, 'w'},
		{"trace", 0, 0, 't'}, {"tamper", 2, 0, 'r'}, {"exhaust", 0, 0, 'x'},
		{"table", 2, 0, 'b'}, {"quiet", 0, 0, 'q'}, {"help", 0, 0, 'h'}, {0}};
	struct options o = {.profile = profile_find("swarm"), .seed = 1, .connections = 20000};
	int word;

	while ((word = getopt_long(argc, argv, "", words, NULL)) != -1) {
		switch (word) {
		case 'a':
			o.against = against_of(optarg);
			break;
		case 'p':
			o.profile = profile_find(optarg);
			if (!o.profile)
				bad("--profile: unknown, see --help");
			break;
		case 's':
			o.seed = number(optarg);
			break;
		case 'n':
			o.connections = number(optarg);
			break;
		case 'w':
			o.worlds = number(optarg);
			break;
		case 't':
			o.trace = true;
			break;
		case 'r':
			o.tamper = true;
			o.scenario = optarg;
			break;
		case 'b':
			o.table = true;
			o.table_file = optarg;
			break;
		case 'x':
			o.exhaust = true;
			break;
		case 'q':
			o.quiet = true;
			break;
		case 'h':
			usage(stdout);
			exit(0);
		default:
			exit(2);
		}
	}
	if (optind < argc)
		bad("no words besides options are expected");
	return o;
}

static void tally_world(struct tally *tally, const struct world *world)
{
	tally->worlds++;
	tally->connections += world->plan.talk_count;
	tally->seconds += (world->now - world->plan.start) / SIM_SECOND;
	for (unsigned i = 0; i < SIM_ENDS; i++) {
		const struct wire_counts *counts = wire_counts(world->wires[i]);

		tally->frames += counts->sent;
		tally->bytes += counts->bytes;
		tally->lost += counts->lost;
		tally->corrupted += counts->corrupted;
		tally->wrapped += counts->wrapped;
		tally->retransmissions += counts->retransmissions;
		tally->checks += world->ends[i]->checks;
	}
	for (unsigned i = 0; i < world->plan.talk_count; i++) {
		const struct side *sides = world->talks[i].sides;

		if (sides[0].received == sides[1].plan.total &&
			sides[1].received == sides[0].plan.total)
			tally->completed++;
		if (sides[0].gone >= GONE_TIMEOUT || sides[1].gone >= GONE_TIMEOUT)
			tally->died++;
	}
}

static bool one(const struct options *o, uint64_t seed, struct tally *tally)
{
	struct world *world = profile_world(o->profile, o->against, seed);
	bool good;

	world->trace = o->trace;
	good = world_run(world);
	tally_world(tally, world);
	for (unsigned i = 0; o->trace && i < SIM_ENDS; i++)
		if (world->ends[i]->ops->report)
			world->ends[i]->ops->report(world->ends[i]);
	if (!good) {
		tally->failed++;
		if (tally->failed <= FAILURES_SHOWN)
			printf("FAILED seed %llu (%s): %s\n  again: build/tests/sim/hearth-sim "
			       "--against %s --profile %s --seed %llu --worlds 1 --trace\n",
				(unsigned long long)seed, fault_names(world->plan.faults),
				world->why, against_names[o->against], o->profile->name,
				(unsigned long long)seed);
	}
	world_free(world);
	return good;
}

static void progress(const struct options *o, const struct tally *tally, bool last)
{
	static time_t shown;
	time_t now = time(NULL);

	if (o->quiet || !isatty(1) || (!last && now == shown))
		return;
	shown = now;
	printf("\r%llu connections, %llu worlds, %llu failed ",
		(unsigned long long)tally->connections, (unsigned long long)tally->worlds,
		(unsigned long long)tally->failed);
	if (last)
		putchar('\n');
	fflush(stdout);
}

static void report(const struct options *o, const struct tally *t, double took)
{
	printf("%s, %s: %llu connections in %llu worlds, %llu complete both ways, %llu given up; "
	       "%llu frames, %llu lost, %llu corrupted, %llu sent again, %llu times past 2^32; "
	       "%llu checks of all records; %llu virtual seconds in %.1f s of CPU; %llu failed\n",
		against_names[o->against], o->profile->name, (unsigned long long)t->connections,
		(unsigned long long)t->worlds, (unsigned long long)t->completed,
		(unsigned long long)t->died, (unsigned long long)t->frames,
		(unsigned long long)t->lost, (unsigned long long)t->corrupted,
		(unsigned long long)t->retransmissions, (unsigned long long)t->wrapped,
		(unsigned long long)t->checks, (unsigned long long)t->seconds, took,
		(unsigned long long)t->failed);
}

static int run(const struct options *o)
{
	struct tally tally = {0};
	struct timespec began, ended;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &began);
	for (uint64_t seed = o->seed;
		o->worlds ? tally.worlds < o->worlds : tally.connections < o->connections; seed++) {
		one(o, seed, &tally);
		progress(o, &tally, false);
	}
	progress(o, &tally, true);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ended);
	report(o, &tally,
		(double)(ended.tv_sec - began.tv_sec) +
			(double)(ended.tv_nsec - began.tv_nsec) / 1e9);
	return tally.failed > 0;
}

int main(int argc, char **argv)
{
	struct options o = options_read(argc, argv);
	const char *why = o.against == AGAINST_SELF && !o.table ? NULL : lwip_there();

	if (why) {
		printf("skipped: %s\n", why);
		return 77;
	}
	if (o.table)
		return o.table_file ? table_compare(o.table_file) : table_write(stdout) > 0;
	if (o.tamper)
		return tamper_run(o.against, o.scenario, o.trace) > 0;
	if (o.exhaust)
		return exhaust_run(o.against, o.trace) > 0;
	return run(&o);
}
