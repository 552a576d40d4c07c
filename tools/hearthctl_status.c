/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* hearthctl_status.c - status as people read it */
#include "hearthctl.h"

#include <stdio.h>

static long long number_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static double real_of(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

static void print_uptime(long long seconds)
{
	printf("up %lld d %02lld:%02lld:%02lld\n", seconds / 86400, seconds / 3600 % 24,
		seconds / 60 % 60, seconds % 60);
}

/* Everything that a port counts is a loss; what is 0 is not shown. */
static void print_port_counters(const json_t *port)
{
	const json_t *help = json_object_get(port, "help");
	const char *name;
	json_t *value;

	json_object_foreach(json_object_get(port, "counters"), name, value)
	{
		if (json_integer_value(value))
			printf("  %12lld  %s: %s\n", (long long)json_integer_value(value), name,
				json_string_value(json_object_get(help, name)));
	}
}

static void print_ports(const json_t *ports)
{
	const json_t *port, *address;
	size_t i, j;

	printf("\nports\n");
	json_array_foreach(ports, i, port)
	{
		printf("  %s ", json_string_value(json_object_get(port, "device")));
		json_array_foreach(json_object_get(port, "addresses"), j, address)
			printf(" %s", json_string_value(address));
		json_array_foreach(json_object_get(port, "gateways"), j, address)
			printf("%s %s", j ? "" : " via", json_string_value(address));
		if (json_is_integer(json_object_get(port, "vlan")))
			printf(" vlan %lld", number_of(port, "vlan"));
		if (json_object_get(port, "line"))
			printf("  %s", json_string_value(json_object_get(port, "line")));
		if (json_object_get(port, "state"))
			printf("  now %s", json_string_value(json_object_get(port, "state")));
		putchar('\n');
		print_port_counters(port);
	}
}

static void print_workers(const json_t *workers)
{
	static const struct ctl_column columns[] = {
		{"WORKER", "worker"},
		{"CPU", "cpu"},
		{"BUSY %", "busy_percent"},
		{"TURNS", "turns"},
		{"BUSY TURNS", "busy_turns"},
		{"GAPS", "gaps"},
		{"GAPS us", "gap_us"},
		{"LONGEST us", "gap_longest_us"},
	};
	json_t *worker, *cycles;
	const char *stage;
	size_t i;

	printf("\nworkers\n");
	json_array_foreach(workers, i, worker) json_object_set_new(
		worker, "busy_percent", json_real(100 * real_of(worker, "busy")));
	ctl_print_table(workers, columns, sizeof(columns) / sizeof(columns[0]), "  ");
	printf("  cycles of a busy turn\n");
	json_array_foreach(workers, i, worker)
	{
		printf("    worker %zu:", i);
		json_object_foreach(json_object_get(worker, "stages"), stage, cycles)
			printf(" %s %.0f", stage, json_number_value(cycles));
		putchar('\n');
	}
}

static void print_sessions(const json_t *sessions)
{
	printf("\nsessions\n  live %lld over TCP, %lld over UDP (limit %lld); logins not connected "
	       "yet %lld (limit %lld); resting %lld; entries %lld\n",
		number_of(sessions, "live_tcp"), number_of(sessions, "live_udp"),
		number_of(sessions, "limit"), number_of(sessions, "login"),
		number_of(sessions, "pending_logins_limit"), number_of(sessions, "resting"),
		number_of(sessions, "entries"));
}

static void print_watch(const json_t *watch)
{
	const json_t *devices = json_object_get(watch, "devices");
	const json_t *failed = json_object_get(watch, "failed_logins");

	if (!watch)
		return;
	printf("\nwatched\n  reconnects: %lld devices (room for %lld, %lld gave way), %lld held "
	       "down\n",
		number_of(devices, "used"), number_of(devices, "entries"),
		number_of(devices, "evicted"), number_of(devices, "held"));
	printf("  failed logins: %lld ids and addresses (room for %lld, %lld gave way), %lld have "
	       "used up their budget\n",
		number_of(failed, "used"), number_of(failed, "entries"),
		number_of(failed, "evicted"), number_of(failed, "spent"));
}

static void print_rates(json_t *last, const json_t *since_start)
{
	const char *name;
	json_t *value;

	printf("\nrates              last second    since start\n");
	json_object_foreach(last, name, value) printf("  %-14s %13.1f  %13.1f  /s\n", name,
		json_number_value(value), real_of(since_start, name));
}

static void print_feed(const json_t *rings)
{
	static const struct ctl_column columns[] = {
		{"RING", "worker"},
		{"FILL %", "fill_percent"},
		{"NOT COMMITTED", "lag"},
		{"BYTES", "bytes"},
		{"HEAD", "head"},
		{"COMMIT", "commit"},
	};
	json_t *ring;
	size_t i;

	printf("\nevent rings\n");
	json_array_foreach(rings, i, ring)
		json_object_set_new(ring, "fill_percent", json_real(100 * real_of(ring, "fill")));
	ctl_print_table(rings, columns, sizeof(columns) / sizeof(columns[0]), "  ");
}

static void print_commands(const json_t *rings)
{
	static const struct ctl_column columns[] = {
		{"RING", "ring"},
		{"ANSWERS VOICE", "backend"},
		{"ALIVE", "alive"},
		{"DAMAGED", "damaged"},
		{"FIRST REQUEST", "first_request"},
		{"TAKEN", "taken"},
		{"BYTES WAITING", "waiting"},
	};

	if (!json_array_size(rings))
		return;
	printf("\nprocesses that send commands\n");
	ctl_print_table(rings, columns, sizeof(columns) / sizeof(columns[0]), "  ");
}

void ctl_print_status(const json_t *answer)
{
	const json_t *registry = json_object_get(answer, "registry");
	const json_t *bindings = json_object_get(answer, "bindings");

	print_uptime(number_of(answer, "uptime"));
	printf("%s\n", json_string_value(json_object_get(answer, "memory")));
	print_ports(json_object_get(answer, "ports"));
	print_workers(json_object_get(answer, "workers"));
	print_sessions(json_object_get(answer, "sessions"));
	print_watch(json_object_get(answer, "watch"));
	printf("\nregistry\n  %lld devices (limit %lld), %lld bytes\n",
		number_of(registry, "devices"), number_of(registry, "limit"),
		number_of(registry, "bytes"));
	if (bindings)
		printf("  %lld sub-devices bound (limit %lld), %lld on-line\n",
			number_of(bindings, "bound"), number_of(bindings, "limit"),
			number_of(bindings, "online"));
	print_rates(json_object_get(answer, "rates"), json_object_get(answer, "rates_since_start"));
	print_feed(json_object_get(answer, "feed"));
	print_commands(json_object_get(answer, "commands"));
	ctl_print_pools(json_object_get(answer, "workers"), json_object_get(answer, "pools_help"));
	ctl_print_drops(json_object_get(answer, "drops"), json_object_get(answer, "help"));
}
