/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_load_scenario.c - scenario files: what they default to, and what is refused, with its
 * line */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "scenario.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GOOD "name: n\nload: {rate: 1000}\n" /* lines 1 and 2; what follows begins in line 3 */

static char file[] = "/tmp/hearth-scenario-XXXXXX";

static int load(const char *text, const char *const *set, unsigned sets, struct scenario *scenario,
	char error[512])
{
	FILE *out = fopen(file, "w");

	assert_non_null(out);
	assert_int_equal(fwrite(text, 1, strlen(text), out), strlen(text));
	assert_int_equal(fclose(out), 0);
	memset(error, 'x', 512);
	return scenario_load(file, set, sets, scenario, error, 512);
}

static void test_defaults(void **state)
{
	struct scenario scenario;
	char error[512];

	assert_int_equal(load(GOOD, NULL, 0, &scenario, error), 0);
	assert_string_equal(scenario.name, "n");
	assert_int_equal(scenario.devices, 100000);
	assert_int_equal(scenario.seed, 1);
	assert_int_equal(scenario.transport, SCENARIO_TCP);
	assert_true(scenario.login.rate == 0);
	assert_int_equal(scenario.login.at_once, 512);
	assert_int_equal(scenario.report.sizes, 1);
	assert_int_equal(scenario.report.bytes[0], 300);
	assert_int_equal(scenario.report.code, 2006);
	assert_int_equal(scenario.heartbeat, 0);
	assert_int_equal(scenario.order, SCENARIO_RANDOM);
	assert_int_equal(scenario.load, SCENARIO_RATE);
	assert_true(scenario.rate == 1000);
	assert_true(scenario.seconds == 10 && scenario.warmup == 1);
	assert_int_equal(scenario.latencies, 2);
	assert_true(scenario.latency_at[0] == 0.5 && scenario.latency_at[1] == 0.9);
	assert_false(scenario.prepared);
	assert_true(scenario.offered == 1);
	assert_false(scenario_disturbed(&scenario));
	assert_null(scenario.feed);
	assert_null(scenario.control);
	scenario_free(&scenario);
	scenario_free(&scenario);
}

static void test_every_key(void **state)
{
	struct scenario scenario;
	char error[512];

	assert_int_equal(load("name: all\ndevices: 12\nseed: 4294967295\ntransport: tcp\n"
			      "login: {rate: 2.5, at_once: 7}\n"
			      "report: {bytes: [112, 300, 1000, 8192], code: 2028}\n"
			      "heartbeat: 45\norder: sequence\n"
			      "load:\n  search: {from: 1e3, to: 2e6, seconds: 0.5, repeat: 3, "
			      "precision: 0.005, within: 7}\n"
			      "seconds: 30\nwarmup: 0\nlatency_at: [0.1]\n"
			      "faults:\n  hot_gateway: {subdevices: 100, share: 0.25}\n"
			      "feed: /dev/shm/f\ncontrol: /run/c\n",
				 NULL, 0, &scenario, error),
		0);
	assert_int_equal(scenario.devices, 12);
	assert_int_equal(scenario.seed, 4294967295u);
	assert_true(scenario.login.rate == 2.5);
	assert_int_equal(scenario.login.at_once, 7);
	assert_int_equal(scenario.report.sizes, 4);
	assert_int_equal(scenario.report.bytes[3], 8192);
	assert_int_equal(scenario_largest(&scenario), 8192);
	assert_int_equal(scenario.report.code, 2028);
	assert_int_equal(scenario.heartbeat, 45);
	assert_int_equal(scenario.order, SCENARIO_IN_ORDER);
	assert_int_equal(scenario.load, SCENARIO_SEARCH);
	assert_true(scenario.search.from == 1000 && scenario.search.to == 2e6);
	assert_true(scenario.search.seconds == 0.5 && scenario.search.precision == 0.005);
	assert_true(scenario.search.within == 7);
	assert_int_equal(scenario.search.repeat, 3);
	assert_true(scenario.seconds == 30 && scenario.warmup == 0);
	assert_int_equal(scenario.latencies, 1);
	assert_int_equal(scenario.faults.hot_gateway.subdevices, 100);
	assert_true(scenario.faults.hot_gateway.share == 0.25);
	assert_string_equal(scenario.feed, "/dev/shm/f");
	assert_string_equal(scenario.control, "/run/c");
	scenario_free(&scenario);
}

static void test_faults(void **state)
{
	struct scenario scenario;
	char error[512];

	assert_int_equal(load(GOOD "faults:\n  loss: 0.01\n  slow_readers: {share: 0.1, stall_ms: "
				   "20}\n  rebind: {per_second: 50}\n  hostile: {share: 0.5}\n"
				   "  storm: {devices: 1000, at: 2}\n",
				 NULL, 0, &scenario, error),
		0);
	assert_true(scenario.faults.loss == 0.01);
	assert_true(scenario.faults.slow_readers.share == 0.1);
	assert_int_equal(scenario.faults.slow_readers.stall_ms, 20);
	assert_true(scenario.faults.rebind.per_second == 50);
	assert_true(scenario.faults.hostile.share == 0.5);
	assert_int_equal(scenario.faults.storm.devices, 1000);
	assert_true(scenario.faults.storm.at == 2);
	assert_true(scenario_disturbed(&scenario));
	scenario_free(&scenario);
}

static void test_refused(void **state)
{
	static const struct {
		const char *text;
		unsigned line;
		const char *why;
	} cases[] = {
		{"", 1, "the file is empty: it needs a name and a load at least"},
		{"name: n\n", 1, "load is missing: add load: {rate: R}"},
		{"load: {rate: 1}\n", 1, "name is missing"},
		{GOOD "device: 5\n", 3, "unknown key \"device\": did you mean \"devices\"?"},
		{GOOD "faults: {flood: 1}\n", 3,
			"unknown key \"flood\" in faults: the keys here are "
			"loss, slow_readers, rebind, hostile, storm, "
			"hot_gateway"},
		{GOOD "devices: many\n", 3, "devices is \"many\": it must be a whole number"},
		{GOOD "devices: 0\n", 3,
			"devices is out of range with \"0\": it must be "
			"1..16000000 devices"},
		{GOOD "transport: sctp\n", 3, "transport is \"sctp\": it must be tcp or udp"},
		{GOOD "seconds: nan\n", 3, "seconds is \"nan\": it must be a number"},
		{GOOD "seconds: 0x10\n", 3, "seconds is \"0x10\": it must be a number"},
		{GOOD "seconds: 1e\n", 3, "seconds is \"1e\": it must be a number"},
		{GOOD "seconds: \"1\"\n", 3,
			"seconds is \"1\": it must be a number without quotes"},
		{GOOD "seconds: [1]\n", 3, "seconds is a list: it must be a number"},
		{GOOD "seconds: 0.05\n", 3,
			"seconds is out of range with \"0.05\": it must be "
			"0.1..86400 seconds"},
		{GOOD "report: {bytes: 20}\n", 3, "report.bytes is out of range with \"20\""},
		{GOOD "report: {bytes: []}\n", 3, "report.bytes has 0 entries"},
		{GOOD "report:\n  bytes:\n    - 112\n    - x\n", 6, "report.bytes[1] is \"x\""},
		{GOOD "report: {code: 2007}\n", 3, "report.code is \"2007\": it must be 2006"},
		{GOOD "latency_at: [0.5, 2]\n", 3, "latency_at[1] is out of range with \"2\""},
		{GOOD "faults: {loss: 0.9}\n", 3,
			"faults.loss is out of range with \"0.9\": it must "
			"be 0..0.5"},
		{GOOD "prepared: yes\n", 3, "prepared is \"yes\": it must be false or true"},
		{GOOD "name: twice\n", 3, "name stands here again (first in line 1)"},
		{"name: n\nload: {}\n", 2, "load has none of rate, search and closed"},
		{"name: n\nload: {rate: 1, closed: 2}\n", 2, "load has more than one of rate"},
		{"name: n\nload: {search: {to: 5}}\n", 2, "load.search.from is missing"},
		{"name: n\nload: {search: {from: 5}}\n", 2, "load.search.to is missing"},
		{"name: n\nload:\n  search: {from: 6, to: 5}\n", 3,
			"load.search.from is 6 and to 5"},
		{GOOD "transport: udp\nreport: {bytes: 1001}\n", 4,
			"report.bytes is 1001, and a "
			"datagram holds 1000"},
		{GOOD "transport: udp\nfaults: {slow_readers: {share: 1}}\n", 4,
			"faults.slow_readers needs transport: tcp"},
		{GOOD "prepared: true\n", 3, "prepared needs transport: udp"},
		{GOOD "offered: 3\n", 3, "offered needs prepared: true"},
		{GOOD "devices: 5\nfaults: {storm: {devices: 6}}\n", 4,
			"faults.storm.devices is 6: it must not be more than devices, 5"},
		{GOOD "seconds: 2\nfaults: {storm: {devices: 6, at: 2}}\n", 4,
			"faults.storm.at is 2: it must be less than seconds, 2"},
		{GOOD "faults: {hot_gateway: {share: 0.5}}\n", 3,
			"faults.hot_gateway.subdevices is missing"},
		{"name: n\nload: {search: {from: 1, to: 2}}\nfaults: {loss: 0.01}\n", 3,
			"faults need load: {rate: R}"},
		{"name: n\nload: {rate: 1\n", 3, "not valid YAML"},
	};
	struct scenario scenario;
	char error[512], expected[512];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(load(cases[i].text, NULL, 0, &scenario, error), -22);
		snprintf(
			expected, sizeof(expected), "%s:%u: %s", file, cases[i].line, cases[i].why);
		if (strncmp(error, expected, strlen(expected)))
			fail_msg("\"%s\", not \"%s\"", error, expected);
		assert_null(scenario.name);
	}
	unlink(file);
	assert_int_equal(scenario_load(file, NULL, 0, &scenario, error, sizeof(error)), -2);
	assert_non_null(strstr(error, "cannot be opened: No such file"));
}

static void test_set(void **state)
{
	static const char *const set[] = {"devices=17", "rate=5e5", "faults.loss=0.02",
		"report.bytes=[112, 200]", "transport=udp", "name=other", "devices=18"};
	static const char *const search[] = {"load.search.seconds=0.25"};
	struct scenario scenario;
	char error[512];

	assert_int_equal(load(GOOD "report: {code: 2010}\n", set, 7, &scenario, error), 0);
	assert_int_equal(scenario.devices, 18);
	assert_true(scenario.rate == 5e5 && scenario.load == SCENARIO_RATE);
	assert_true(scenario.faults.loss == 0.02);
	assert_int_equal(scenario.report.sizes, 2);
	assert_int_equal(scenario.report.code, 2010); /* its neighbours stay */
	assert_int_equal(scenario.transport, SCENARIO_UDP);
	assert_string_equal(scenario.name, "other");
	scenario_free(&scenario);

	/* a search becomes a rate; and keeps what is not set */
	assert_int_equal(
		load("name: n\nload: {search: {from: 1, to: 2}}\n", set, 2, &scenario, error), 0);
	assert_int_equal(scenario.load, SCENARIO_RATE);
	scenario_free(&scenario);
	assert_int_equal(
		load("name: n\nload: {search: {from: 1, to: 2}}\n", search, 1, &scenario, error),
		0);
	assert_int_equal(scenario.load, SCENARIO_SEARCH);
	assert_true(scenario.search.seconds == 0.25 && scenario.search.to == 2);
	scenario_free(&scenario);
}

static void test_set_refused(void **state)
{
	static const struct {
		const char *set, *why;
	} cases[] = {
		{"devices", "--set devices: it must be KEY=VALUE"},
		{"=5", "--set =5: it must be KEY=VALUE"},
		{"De vices=5", "--set De vices=5: it must be KEY=VALUE"},
		{"device=5", "--set device=5: unknown key \"device\": did you mean \"devices\"?"},
		{"devices=x", "--set devices=x: devices is \"x\": it must be a whole number"},
		{"load.rat=5", "--set load.rat=5: unknown key \"rat\" in load: did you mean"},
		{"load=5", "--set load=5: load is \"5\": it must be a mapping"},
		{"a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q=1",
			"--set a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q=1: nested too deeply"},
		/* fine by itself, but not with the rest */
		{"report.bytes=2000", ":3: report.bytes is 2000, and a datagram holds 1000"},
	};
	struct scenario scenario;
	char error[512];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const char *said = error;

		assert_int_equal(load(GOOD "report: {bytes: 300}\ntransport: udp\n", &cases[i].set,
					 1, &scenario, error),
			-22);
		if (cases[i].why[0] == ':')
			said += strlen(file);
		if (strncmp(said, cases[i].why, strlen(cases[i].why)))
			fail_msg("\"%s\", not \"%s\"", error, cases[i].why);
		assert_null(scenario.name);
	}
}

static int ends_in_yaml(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return length > 5 && !strcmp(entry->d_name + length - 5, ".yaml");
}

/* Those that come with the instrument are good, and are named as their file. */
static void test_ours(void **state)
{
	struct dirent **entries;
	int count = scandir(TEST_SCENARIOS, &entries, ends_in_yaml, alphasort);
	struct scenario scenario;
	char path[4096], error[512];

	assert_true(count >= 12);
	for (int i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/%s", TEST_SCENARIOS, entries[i]->d_name);
		if (scenario_load(path, NULL, 0, &scenario, error, sizeof(error)) != 0)
			fail_msg("%s", error);
		assert_int_equal(
			strncmp(entries[i]->d_name, scenario.name, strlen(scenario.name)), 0);
		assert_string_equal(entries[i]->d_name + strlen(scenario.name), ".yaml");
		scenario_free(&scenario);
		free(entries[i]);
	}
	free(entries);
}

static int make_file(void **state)
{
	int fd = mkstemp(file);

	return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
	unlink(file);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_every_key),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_set_refused),
		cmocka_unit_test(test_ours),
	};

	return cmocka_run_group_tests(tests, make_file, remove_file);
}
