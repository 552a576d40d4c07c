/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_config_keys.c - a configuration shown as a file again, compared, and the next one made */
#include "config_fixture.h"
#include "config_keys.h"

#define FULL                                                                                       \
	"memory: { mode: no-huge, megabytes: 64 }\n"                                               \
	"limits: { devices: 1000, sessions: 500, connections: 400, pending_logins: 50,\n"          \
	"  commands: 64, subdevices: 10 }\n"                                                       \
	"workers: [1, 0]\n"                                                                        \
	"ports:\n"                                                                                 \
	"  - device: \"net_tap0,iface=\\\"a\\\\b\\\"\"\n"                                          \
	"    addresses: [198.18.0.1/24, \"fd77::1/64\"]\n"                                         \
	"    gateways: [198.18.0.254, fe80::1 02:00:5e:ab:cd:01]\n"                                \
	"    vlan: 7\n"                                                                            \
	"  - { device: net_tap1, addresses: [10.0.0.1/8], queues: 2 }\n"                           \
	"mc:\n"                                                                                    \
	"  login: { tcp: 7700 }\n"                                                                 \
	"  connect: { tcp: 7701, udp: 7702 }\n"                                                    \
	"  advertise: { udp: broker.example:1 }\n"                                                 \
	"  heartbeat: 60\n"                                                                        \
	"  frame_bytes: { tcp: 1KiB, udp: 513 }\n"                                                 \
	"  flap: { connects: 0, seconds: 30, hold: 20 }\n"                                         \
	"  commands: { sends: 2, queue: 3, unanswered: keep }\n"                                   \
	"  subdevices: strict\n"                                                                   \
	"registry: { path: var/devices }\n"                                                        \
	"feed: { path: ring, bytes: 1052672, acknowledge: commit }\n"                              \
	"control: { socket: /tmp/c.sock }\n"                                                       \
	"http: { listen: \"198.18.0.1:9464\", token_file: token, actions: false }\n"               \
	"log: { level: debug, audit: audit.log }\n"                                                \
	"capture: { allow: false, bytes: 2MiB }\n"                                                 \
	"idle: adaptive\n"                                                                         \
	"drain: { rate: 5 }\n"

static struct config *good(const char *text)
{
	char error[512];
	struct config *config = load(text, error);

	if (!config)
		fail_msg("%s", error);
	return config;
}

static char *yaml_of(const struct config *config)
{
	struct config_keys keys;
	char *yaml;

	assert_int_equal(config_keys_of(config, &keys), 0);
	yaml = config_keys_yaml(&keys);
	assert_non_null(yaml);
	config_keys_free(&keys);
	return yaml;
}

/* What is shown loads again, from anywhere, and shows the same. */
static void test_shown_loads_again(void **state)
{
	static const char *const texts[] = {GOOD, sample, FULL,
		WORKERS PORTS "mc:\n  login: { tcp: 1 }\n  connect: { udp: 5 }\n"};

	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct config *config = good(texts[i]), *again;
		char *yaml = yaml_of(config), *same, error[512];

		again = config_parse(
			"/elsewhere/other.yaml", yaml, strlen(yaml), warn, error, sizeof(error));
		if (!again)
			fail_msg("%s\n%s", error, yaml);
		same = yaml_of(again);
		assert_string_equal(yaml, same);
		config_free(config);
		config_free(again);
		free(yaml);
		free(same);
	}
}

/* Every key of the tables is shown, with the value that the file gave it. */
static void test_shown_values(void **state)
{
	static const struct {
		const char *name, *value;
		enum field_when when;
	} rows[] = {
		{"memory.mode", "no-huge", FIELD_START},
		{"memory.megabytes", "64", FIELD_START},
		{"limits.devices", "1000", FIELD_BOUND},
		{"limits.sessions", "500", FIELD_BOUND},
		{"limits.connections", "400", FIELD_START},
		{"limits.pending_logins", "50", FIELD_BOUND},
		{"limits.commands", "64", FIELD_START},
		{"limits.subdevices", "10", FIELD_START},
		{"workers", "[1, 0]", FIELD_START},
		{"ports[0].device", "\"net_tap0,iface=\\\"a\\\\b\\\"\"", FIELD_START},
		{"ports[0].addresses", "[\"198.18.0.1/24\", \"fd77::1/64\"]", FIELD_START},
		{"ports[0].gateways", "[\"198.18.0.254\", \"fe80::1 02:00:5e:ab:cd:01\"]",
			FIELD_START},
		{"ports[0].vlan", "7", FIELD_START},
		{"ports[1].device", "\"net_tap1\"", FIELD_START},
		{"ports[1].addresses", "[\"10.0.0.1/8\"]", FIELD_START},
		{"ports[1].gateways", "[]", FIELD_START},
		{"ports[1].queues", "2", FIELD_START},
		{"mc.login.tcp", "7700", FIELD_START},
		{"mc.connect.tcp", "7701", FIELD_START},
		{"mc.connect.udp", "7702", FIELD_START},
		{"mc.advertise.tcp", "\"198.18.0.1:7701\"", FIELD_START},
		{"mc.advertise.udp", "\"broker.example:1\"", FIELD_START},
		{"mc.heartbeat", "60", FIELD_RUN_TIME},
		{"mc.auth_interval", "600", FIELD_RUN_TIME},
		{"mc.time_window", "300", FIELD_RUN_TIME},
		{"mc.token_seconds", "86400", FIELD_RUN_TIME},
		{"mc.frame_bytes.tcp", "1KiB", FIELD_START},
		{"mc.frame_bytes.udp", "513", FIELD_START},
		{"mc.udp_gap", "0", FIELD_RUN_TIME},
		{"mc.flap.connects", "0", FIELD_RUN_TIME},
		{"mc.flap.seconds", "30", FIELD_RUN_TIME},
		{"mc.flap.hold", "20", FIELD_RUN_TIME},
		{"mc.login_budget.failures", "20", FIELD_RUN_TIME},
		{"mc.login_budget.per_seconds", "60", FIELD_RUN_TIME},
		{"mc.commands.sends", "2", FIELD_RUN_TIME},
		{"mc.commands.queue", "3", FIELD_RUN_TIME},
		{"mc.commands.unanswered", "keep", FIELD_RUN_TIME},
		{"mc.subdevices", "strict", FIELD_RUN_TIME},
		{"registry.path", NULL, FIELD_START},
		{"feed.path", NULL, FIELD_START},
		{"feed.bytes", "1028KiB", FIELD_START},
		{"feed.acknowledge", "commit", FIELD_START},
		{"control.socket", "\"/tmp/c.sock\"", FIELD_START},
		{"http.listen", "\"198.18.0.1:9464\"", FIELD_START},
		{"http.token_file", NULL, FIELD_RUN_TIME},
		{"http.actions", "false", FIELD_RUN_TIME},
		{"log.level", "debug", FIELD_RUN_TIME},
		{"log.format", "auto", FIELD_START},
		{"log.audit", NULL, FIELD_START},
		{"capture.allow", "false", FIELD_RUN_TIME},
		{"capture.decrypted", "false", FIELD_RUN_TIME},
		{"capture.bytes", "2MiB", FIELD_RUN_TIME},
		{"idle", "adaptive", FIELD_RUN_TIME},
		{"idle_wake_us", "1000", FIELD_RUN_TIME},
		{"drain.rate", "5", FIELD_RUN_TIME},
	};
	struct config *config = good(FULL);
	struct config_keys keys;

	assert_int_equal(config_keys_of(config, &keys), 0);
	for (unsigned i = 0; i < keys.count && i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_string_equal(keys.keys[i].name, rows[i].name);
		if (rows[i].value)
			assert_string_equal(keys.keys[i].value, rows[i].value);
		else
			assert_int_equal(
				strncmp(keys.keys[i].value + 1, directory, strlen(directory)), 0);
		assert_int_equal(keys.keys[i].field->when, rows[i].when);
	}
	assert_int_equal(keys.count, sizeof(rows) / sizeof(rows[0]));
	config_keys_free(&keys);
	config_free(config);
}

/* One change after the other: what becomes of it. */
static void test_next(void **state)
{
	static const struct {
		const char *more, *name, *now, *then;
		bool restart;
	} rows[] = {
		{"  heartbeat: 30\n", "mc.heartbeat", "45", "30", false},
		{"  time_window: 5\n", "mc.time_window", "300", "5", false},
		{"  flap: { hold: 1 }\n", "mc.flap.hold", "60", "1", false},
		{"  login_budget: { failures: 0 }\n", "mc.login_budget.failures", "20", "0", false},
		{"  commands: { unanswered: end }\n", "mc.commands.unanswered", "if-silent", "end",
			false},
		{"  subdevices: strict\n", "mc.subdevices", "lenient", "strict", false},
		{"log: { level: error }\n", "log.level", "info", "error", false},
		{"capture: { bytes: 1GiB }\n", "capture.bytes", "256MiB", "1GiB", false},
		{"idle: adaptive\n", "idle", "poll", "adaptive", false},
		{"drain: { rate: 7 }\n", "drain.rate", "1000", "7", false},
		{"limits: { sessions: 99999 }\n", "limits.sessions", "100000", "99999", false},
		{"limits: { sessions: 100001 }\n", "limits.sessions", "100000", "100001", true},
		{"limits: { devices: 1000001 }\n", "limits.devices", "1000000", "1000001", true},
		{"limits: { connections: 1 }\n", "limits.connections", "200000", "1", true},
		{"  frame_bytes: { udp: 512 }\n", "mc.frame_bytes.udp", "1472", "512", true},
		{"  advertise: { tcp: a:1 }\n", "mc.advertise.tcp", "\"198.18.0.1:7701\"",
			"\"a:1\"", true},
		{"feed: { acknowledge: commit }\n", "feed.acknowledge", "ring", "commit", true},
		{"log: { format: json }\n", "log.format", "auto", "json", true},
		{"log: { audit: /a }\n", "log.audit", NULL, "\"/a\"", true},
		{"control: { socket: /s }\n", "control.socket", "\"/run/hearth/control.sock\"",
			"\"/s\"", true},
	};
	struct config *start = good(GOOD);
	char text[512];

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct config_changes changes, none;
		struct config *other, *next, *back;

		snprintf(text, sizeof(text), "%s%s", GOOD, rows[i].more);
		other = good(text);
		next = config_next(start, start, other, 1000, &changes);
		assert_non_null(next);
		assert_int_equal(changes.count, 1);
		assert_int_equal(changes.restarts, rows[i].restart);
		assert_string_equal(changes.changes[0].name, rows[i].name);
		if (rows[i].now)
			assert_string_equal(changes.changes[0].now, rows[i].now);
		else
			assert_null(changes.changes[0].now);
		assert_string_equal(changes.changes[0].then, rows[i].then);
		config_changes_free(&changes);
		/* the next one has it, or has not: then it still waits */
		back = config_next(start, next, other, 1001, &changes);
		assert_int_equal(changes.count, rows[i].restart);
		/* and it goes back */
		config_free(back);
		config_free(other);
		back = config_next(start, next, start, 1002, &none);
		assert_int_equal(none.count, !rows[i].restart);
		config_free(back);
		config_free(next);
		config_changes_free(&changes);
		config_changes_free(&none);
	}
	config_free(start);
}

/* Ports that come and go are named one by one; nothing of it is taken. */
static void test_ports(void **state)
{
	struct config *start = good(GOOD), *more, *next;
	struct config_changes changes;

	more = good(
		WORKERS PORTS "  - { device: net_tap1, addresses: [10.0.0.1/8], vlan: 3 }\n" MC);
	next = config_next(start, start, more, 1000, &changes);
	assert_int_equal(changes.count, 4);
	assert_int_equal(changes.restarts, 4);
	assert_string_equal(changes.changes[0].name, "ports[1].device");
	assert_null(changes.changes[0].now);
	assert_string_equal(changes.changes[0].then, "\"net_tap1\"");
	assert_int_equal(next->port_count, 1);
	assert_string_equal(next->ports[0].device, "net_tap0");
	assert_ptr_not_equal(next->ports[0].device, start->ports[0].device);
	config_changes_free(&changes);
	config_free(next);
	next = config_next(more, more, start, 1000, &changes);
	assert_int_equal(changes.restarts, 4);
	assert_null(changes.changes[0].then);
	assert_int_equal(next->port_count, 2);
	config_changes_free(&changes);
	config_free(next);
	config_free(more);
	config_free(start);
}

/* An address that others can reach keeps its token, whatever the file says. */
static void test_token_stays(void **state)
{
	struct config *start = good(GOOD "http: { listen: 198.18.0.1:1, token_file: /t }\n");
	struct config *bare = good(GOOD), *next;
	struct config *other = good(GOOD "http: { listen: 127.0.0.1:1, token_file: /u }\n");
	struct config_changes changes;

	next = config_next(start, start, bare, 1000, &changes);
	assert_int_equal(changes.count, 3);
	assert_int_equal(changes.restarts, 2); /* http.listen, http.token_file; not http.actions */
	assert_string_equal(next->http.token_file, "/t");
	assert_string_equal(next->http.listen, "198.18.0.1:1");
	config_changes_free(&changes);
	config_free(next);
	next = config_next(start, start, other, 1000, &changes);
	assert_int_equal(changes.restarts, 1);
	assert_string_equal(next->http.token_file, "/u");
	assert_string_equal(next->http.listen, "198.18.0.1:1");
	config_changes_free(&changes);
	config_free(next);
	/* on loopback it may go */
	next = config_next(other, other, bare, 1000, &changes);
	assert_null(next->http.token_file);
	config_changes_free(&changes);
	config_free(next);
	config_free(start);
	config_free(other);
	config_free(bare);
}

/* Sessions keep the heartbeat that they were told: what they may have been told is remembered. */
static void test_heartbeat_before(void **state)
{
	struct config *start = good(GOOD), *slow = good(GOOD "  heartbeat: 100\n");
	struct config *fast = good(GOOD "  heartbeat: 10\n"), *one, *two, *three;
	struct config_changes changes;

	assert_int_equal(start->mc.heartbeat_before, 0);
	one = config_next(start, start, fast, 1000, &changes);
	config_changes_free(&changes);
	assert_int_equal(one->mc.heartbeat, 10);
	assert_int_equal(one->mc.heartbeat_before, 45);
	assert_int_equal(one->mc.heartbeat_since, 1001);
	two = config_next(start, one, slow, 2000, &changes);
	config_changes_free(&changes);
	assert_int_equal(two->mc.heartbeat_before, 45);
	assert_int_equal(two->mc.heartbeat_since, 2001);
	three = config_next(start, two, slow, 3000, &changes);
	assert_int_equal(changes.count, 0);
	config_changes_free(&changes);
	assert_int_equal(three->mc.heartbeat_since, 2001);
	config_free(one);
	one = config_next(start, three, fast, 4000, &changes);
	config_changes_free(&changes);
	assert_int_equal(one->mc.heartbeat_before, 100);
	config_free(one);
	config_free(two);
	config_free(three);
	config_free(start);
	config_free(slow);
	config_free(fast);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shown_loads_again),
		cmocka_unit_test(test_shown_values),
		cmocka_unit_test(test_next),
		cmocka_unit_test(test_ports),
		cmocka_unit_test(test_token_stays),
		cmocka_unit_test(test_heartbeat_before),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
