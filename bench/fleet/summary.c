/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* summary.c - what a run counted, for people each second and for programs at the end */
#include "transport.h"

#include <errno.h>
#include <string.h>

#define STEPS 8 /* of the histogram per power of two */

void summary_latency(struct figures *figures, uint64_t microseconds)
{
	unsigned power, step;

	if (microseconds < STEPS) {
		figures->latency[microseconds]++;
		return;
	}
	power = 63 - (unsigned)__builtin_clzll(microseconds);
	step = (microseconds >> (power - 3)) & (STEPS - 1);
	figures->latency[(power - 2) * STEPS + step]++;
}

/* The upper end of the step below which @share of all answers lie, in microseconds. */
static uint64_t latency_at(const struct figures *figures, double share)
{
	uint64_t total = 0, seen = 0;
	unsigned i;

	for (i = 0; i < 64 * STEPS; i++)
		total += figures->latency[i];
	for (i = 0; i < 64 * STEPS && total; i++) {
		seen += figures->latency[i];
		if ((double)seen >= share * (double)total)
			return i < STEPS ? i : (STEPS + 1 + i % STEPS) << (i / STEPS - 1);
	}
	return 0;
}

static uint64_t deviations(const struct figures *figures)
{
	uint64_t sum = 0;
	unsigned i;

	for (i = 0; i < DEVIATION_COUNT; i++)
		sum += figures->deviations[i];
	return sum;
}

/* What --strict fails for. Requests still open at the end were asked in vain too. */
static uint64_t losses(const struct figures *figures)
{
	return figures->lost_connections + figures->relogins_tcp + figures->relogins_udp +
	       figures->login_failures + figures->unanswered;
}

void summary_second(struct fleet *fleet)
{
	static uint64_t logins, acknowledged;
	const struct figures *figures = &fleet->figures;

	if (!fleet->options.quiet)
		printf("%4llu s  connected %u (tcp %u, udp %u)  logins %llu/s  reports %llu/s  "
		       "logged in %llu  sent %llu  acknowledged %llu  repeats %llu  lost %llu  "
		       "wrong %llu\n",
			(unsigned long long)((fleet->now - fleet->began) / SECOND),
			fleet->live_tcp + fleet->live_udp, fleet->live_tcp, fleet->live_udp,
			(unsigned long long)(figures->logins - logins),
			(unsigned long long)(figures->acknowledged - acknowledged),
			(unsigned long long)figures->first_logins,
			(unsigned long long)figures->sent,
			(unsigned long long)figures->acknowledged,
			(unsigned long long)figures->repeats, (unsigned long long)losses(figures),
			(unsigned long long)deviations(figures));
	fflush(stdout);
	logins = figures->logins;
	acknowledged = figures->acknowledged;
}

static json_t *report(const struct fleet *fleet, int status)
{
	const struct figures *figures = &fleet->figures;
	const struct {
		const char *name;
		uint64_t value;
	} members[] = {
		{"devices", fleet->active},
		{"connected", fleet->live_tcp + fleet->live_udp},
		{"connected_tcp", fleet->live_tcp},
		{"connected_udp", fleet->live_udp},
		{"connects_tcp", figures->connects_tcp},
		{"connects_udp", figures->connects_udp},
		{"logins", figures->logins},
		{"first_logins", figures->first_logins},
		{"relogins_tcp", figures->relogins_tcp},
		{"relogins_udp", figures->relogins_udp},
		{"login_failures", figures->login_failures},
		{"lost_connections", figures->lost_connections},
		{"sent", figures->sent},
		{"acknowledged", figures->acknowledged},
		{"acknowledged_tcp", figures->acknowledged_tcp},
		{"acknowledged_udp", figures->acknowledged_udp},
		{"refused", figures->refused},
		{"unanswered", figures->unanswered},
		{"late", figures->late},
		{"heartbeats", figures->heartbeats},
		{"repeats", figures->repeats},
		{"repeat_answers", figures->repeat_answers},
		{"platform_requests", figures->platform_requests},
		{"command_repeats", figures->command_repeats},
		{"executed", figures->executed},
		{"voice_answered", figures->voice_answered},
		{"voice_refused", figures->voice_refused},
		{"latency_p50_us", latency_at(figures, 0.5)},
		{"latency_p99_us", latency_at(figures, 0.99)},
		{"latency_max_us", latency_at(figures, 1)},
	};
	json_t *object = json_object(), *wrong = json_object();
	unsigned i;

	for (i = 0; i < sizeof(members) / sizeof(*members); i++)
		json_object_set_new(
			object, members[i].name, json_integer((json_int_t)members[i].value));
	for (i = 0; i < DEVIATION_COUNT; i++)
		json_object_set_new(
			wrong, deviation_name(i), json_integer((json_int_t)figures->deviations[i]));
	json_object_set_new(object, "wrong", json_integer((json_int_t)deviations(figures)));
	json_object_set_new(object, "deviations", wrong);
	json_object_set_new(object, "first_deviation", json_string(fleet->first_deviation));
	json_object_set_new(
		object, "seconds", json_real((double)(fleet->now - fleet->began) / (double)SECOND));
	json_object_set_new(object, "via", json_string(fleet->transport->name));
	costs_report(fleet, object);
	if (fleet->transport->report)
		fleet->transport->report(fleet, object);
	json_object_set_new(object, "exit", json_integer(status));
	return object;
}

static int write_report(const struct fleet *fleet, int status)
{
	const char *path = fleet->options.json;
	json_t *object = report(fleet, status);
	int error;

	if (strcmp(path, "-") == 0) {
		error = json_dumpf(object, stdout, JSON_COMPACT);
		putchar('\n');
	} else {
		error = json_dump_file(object, path, JSON_INDENT(1));
		if (error)
			fprintf(stderr, "hearth-fleet: %s: cannot be written\n", path);
	}
	json_decref(object);
	return error;
}

static void print_totals(const struct fleet *fleet)
{
	const struct figures *figures = &fleet->figures;

	printf("logins %llu, connects %llu tcp and %llu udp; reports sent %llu, acknowledged %llu "
	       "(tcp %llu, udp %llu), refused %llu, without answer %llu; heartbeats %llu; repeats "
	       "%llu; lost connections %llu; logins failed %llu\n",
		(unsigned long long)figures->logins, (unsigned long long)figures->connects_tcp,
		(unsigned long long)figures->connects_udp, (unsigned long long)figures->sent,
		(unsigned long long)figures->acknowledged,
		(unsigned long long)figures->acknowledged_tcp,
		(unsigned long long)figures->acknowledged_udp, (unsigned long long)figures->refused,
		(unsigned long long)figures->unanswered, (unsigned long long)figures->heartbeats,
		(unsigned long long)figures->repeats, (unsigned long long)figures->lost_connections,
		(unsigned long long)figures->login_failures);
	printf("answers after %llu us (median), %llu us (99 %%), %llu us (longest)\n",
		(unsigned long long)latency_at(figures, 0.5),
		(unsigned long long)latency_at(figures, 0.99),
		(unsigned long long)latency_at(figures, 1));
}

int summary_final(struct fleet *fleet)
{
	const struct figures *figures = &fleet->figures;
	int status = 0;
	unsigned i;

	if (!fleet->options.json || strcmp(fleet->options.json, "-")) {
		print_totals(fleet);
		costs_print(fleet);
	}
	for (i = 0; i < DEVIATION_COUNT; i++) {
		if (figures->deviations[i])
			fprintf(stderr, "hearth-fleet: wrong answers, %s: %llu\n",
				deviation_name(i), (unsigned long long)figures->deviations[i]);
	}
	if (fleet->first_deviation[0]) {
		fprintf(stderr, "hearth-fleet: the first: %s\n", fleet->first_deviation);
		status = 1;
	}
	if (figures->connects_tcp + figures->connects_udp == 0) {
		const char *why =
			fleet->transport->explain ? fleet->transport->explain(fleet) : NULL;

		fprintf(stderr, "hearth-fleet: nothing connected%s%s\n", why ? ": " : "",
			why ? why : "");
		status = 1;
	}
	if (fleet->options.strict && losses(figures)) {
		fprintf(stderr, "hearth-fleet: lost: %llu\n", (unsigned long long)losses(figures));
		status = 1;
	}
	if (fleet->options.json && write_report(fleet, status))
		status = 1;
	return status;
}
