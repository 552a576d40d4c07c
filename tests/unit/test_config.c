/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_config.c - what the configuration takes, with which defaults, and how it refuses the rest */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[] = "/tmp/hearth-config-XXXXXX";
static char file[64];
static char warnings[8][512];
static unsigned warning_count;

static void warn(const char *line)
{
	assert_true(warning_count < 8);
	snprintf(warnings[warning_count++], sizeof(warnings[0]), "%s", line);
}

static void write_file(const void *text, size_t length)
{
	FILE *out = fopen(file, "w");

	assert_non_null(out);
	assert_int_equal(fwrite(text, 1, length, out), length);
	assert_int_equal(fclose(out), 0);
}

static struct config *load_bytes(const void *text, size_t length, char error[512])
{
	write_file(text, length);
	warning_count = 0;
	memset(error, 'x', 512);
	return config_load(file, warn, error, 512);
}

static struct config *load(const char *text, char error[512])
{
	return load_bytes(text, strlen(text), error);
}

static uint32_t ipv4(const char *text)
{
	uint32_t address;

	assert_int_equal(inet_pton(AF_INET, text, &address), 1);
	return address;
}

#define WORKERS "workers: [1]\n"
#define PORTS "ports:\n  - device: net_tap0\n    addresses: [198.18.0.1/24]\n"
#define MC "mc:\n  login: { tcp: 7700 }\n  connect: { tcp: 7701, udp: 7701 }\n"
#define GOOD WORKERS PORTS MC /* lines 1, 2..4, 5..7; what follows begins in line 8 */

/* The sample of the documentation, as it stands there. */
static const char sample[] =
	"memory:                      # optional\n"
	"  mode: auto                 # auto (huge pages where the host has them) | huge | "
	"no-huge\n"
	"  megabytes: 1024            # DPDK's own memory (packet buffers); tables are sized by "
	"limits\n"
	"limits:                      # optional; sizes are fixed at start and printed\n"
	"  devices: 1000000\n"
	"  sessions: 100000\n"
	"  connections: 200000        # TCP\n"
	"  pending_logins: 20000\n"
	"workers: [1]                 # the CPU of each poll-mode worker\n"
	"ports:\n"
	"  - device: \"net_tap0,iface=hearth0\"       # a DPDK vdev string, or a PCI address\n"
	"    addresses: [\"198.18.0.1/24\", \"fd77::1/64\"]   # IPv6 with a warning\n"
	"    gateways: []                           # optional next hops off the subnet\n"
	"mc:\n"
	"  login:   { tcp: 7700 }\n"
	"  connect: { tcp: 7701, udp: 7701 }\n"
	"  advertise: { tcp: \"198.18.0.1:7701\", udp: \"198.18.0.1:7701\" }   # optional\n"
	"  heartbeat: 45              # seconds, sent to devices as heartBeat (10..3600)\n"
	"  # with their defaults: auth_interval: 600, time_window: 300, token_seconds: 86400\n"
	"registry: { path: \"./registry\" }\n"
	"feed:\n"
	"  path: \"/dev/shm/hearth\"    # also PATH.commit and PATH.sessions\n"
	"  bytes: 64MiB               # per worker\n"
	"  acknowledge: ring          # ring | commit : when a report's reply leaves\n"
	"control: { socket: \"/run/hearth/control.sock\" }\n";

static void assert_defaults(const struct config *config)
{
	char path[96];

	assert_string_equal(config->file, file);
	assert_int_equal(config->memory.mode, MEMORY_AUTO);
	assert_int_equal(config->memory.megabytes, 1024);
	assert_int_equal(config->limits.devices, 1000000);
	assert_int_equal(config->limits.sessions, 100000);
	assert_int_equal(config->limits.connections, 200000);
	assert_int_equal(config->limits.pending_logins, 20000);
	assert_int_equal(config->worker_count, 1);
	assert_int_equal(config->workers[0], 1);
	assert_int_equal(config->port_count, 1);
	assert_int_equal(config->ports[0].address_count, 1);
	assert_int_equal(config->ports[0].addresses[0].address, ipv4("198.18.0.1"));
	assert_int_equal(config->ports[0].addresses[0].prefix, 24);
	assert_int_equal(config->ports[0].gateway_count, 0);
	assert_int_equal(config->mc.login_tcp, 7700);
	assert_int_equal(config->mc.connect_tcp, 7701);
	assert_int_equal(config->mc.connect_udp, 7701);
	assert_string_equal(config->mc.advertise_tcp, "198.18.0.1:7701");
	assert_string_equal(config->mc.advertise_udp, "198.18.0.1:7701");
	assert_int_equal(config->mc.heartbeat, 45);
	assert_int_equal(config->mc.auth_interval, 600);
	assert_int_equal(config->mc.time_window, 300);
	assert_int_equal(config->mc.token_seconds, 86400);
	assert_int_equal(config->mc.frame_tcp, 65536);
	assert_int_equal(config->mc.frame_udp, 1472);
	assert_int_equal(config->mc.udp_gap, 0);
	assert_int_equal(config->mc.command_sends, 3);
	assert_int_equal(config->mc.unanswered, UNANSWERED_IF_SILENT);
	assert_false(config->mc.subdevices_strict);
	snprintf(path, sizeof(path), "%s/./registry", directory);
	assert_string_equal(config->registry_path, path);
	assert_string_equal(config->feed.path, "/dev/shm/hearth");
	assert_int_equal(config->feed.bytes, 64 << 20);
	assert_int_equal(config->feed.acknowledge, ACKNOWLEDGE_RING);
	assert_string_equal(config->control_socket, "/run/hearth/control.sock");
}

static void test_sample(void **state)
{
	char error[512];
	struct config *config = load(sample, error);

	if (!config)
		fail_msg("%s", error);
	assert_defaults(config);
	assert_string_equal(config->ports[0].device, "net_tap0,iface=hearth0");
	assert_int_equal(warning_count, 1);
	assert_non_null(strstr(warnings[0], ":12: ports[0].addresses[1] \"fd77::1/64\" has no "
					    "effect: IPv6 is not built yet"));
	config_free(config);
}

static void test_defaults(void **state)
{
	char error[512];
	struct config *config = load(GOOD, error);

	if (!config)
		fail_msg("%s", error);
	assert_defaults(config);
	assert_string_equal(config->ports[0].device, "net_tap0");
	assert_int_equal(warning_count, 0);
	config_free(config);
}

static void test_every_key(void **state)
{
	static const char text[] =
		"\xef\xbb\xbf%YAML 1.1\n---\n"
		"memory: { mode: no-huge, megabytes: 64 }\n"
		"limits: { devices: 268435456, sessions: 1073741822, connections: 16777215, "
		"pending_logins: 1 }\n"
		"workers: [0, 1023, 7]\n"
		"ports:\n"
		"  - { device: 0000:03:00.0, addresses: [10.0.0.1/31, 10.1.0.255/16, "
		"10.9.9.9/32],\n"
		"      gateways: [10.0.0.0, 10.1.255.254] }\n"
		"  - { addresses: [192.0.2.1/1], device: 'net_memif0,role=server' }\n"
		"mc:\n"
		"  login: { tcp: 1 }\n"
		"  connect: { udp: 65535 }\n"
		"  advertise: { udp: broker-1.example.net:1 }\n"
		"  heartbeat: 3600\n"
		"  auth_interval: 0\n"
		"  time_window: 0\n"
		"  token_seconds: 120\n"
		"  frame_bytes: { tcp: 1KiB, udp: 512 }\n"
		"  udp_gap: 31\n"
		"  commands: { sends: 3, unanswered: if-silent }\n"
		"  subdevices: lenient\n"
		"registry: { path: var/devices }\n"
		"feed: { path: ring, bytes: 1052672, acknowledge: ring }\n"
		"control: { socket: /tmp/c.sock }\n";
	char error[512], path[96];
	struct config *config = load(text, error);

	if (!config)
		fail_msg("%s", error);
	assert_int_equal(warning_count, 0);
	assert_int_equal(config->memory.mode, MEMORY_NO_HUGE);
	assert_int_equal(config->memory.megabytes, 64);
	assert_int_equal(config->limits.devices, 268435456);
	assert_int_equal(config->limits.sessions, 1073741822);
	assert_int_equal(config->limits.connections, 16777215);
	assert_int_equal(config->limits.pending_logins, 1);
	assert_int_equal(config->worker_count, 3);
	assert_int_equal(config->workers[0], 0);
	assert_int_equal(config->workers[1], 1023);
	assert_int_equal(config->workers[2], 7);
	assert_int_equal(config->port_count, 2);
	assert_string_equal(config->ports[0].device, "0000:03:00.0");
	assert_int_equal(config->ports[0].address_count, 3);
	assert_int_equal(config->ports[0].addresses[1].address, ipv4("10.1.0.255"));
	assert_int_equal(config->ports[0].addresses[1].prefix, 16);
	assert_int_equal(config->ports[0].addresses[2].prefix, 32);
	assert_int_equal(config->ports[0].gateway_count, 2);
	assert_int_equal(config->ports[0].gateways[0], ipv4("10.0.0.0"));
	assert_int_equal(config->ports[0].gateways[1], ipv4("10.1.255.254"));
	assert_string_equal(config->ports[1].device, "net_memif0,role=server");
	assert_int_equal(config->mc.login_tcp, 1);
	assert_int_equal(config->mc.connect_tcp, 0);
	assert_int_equal(config->mc.connect_udp, 65535);
	assert_string_equal(config->mc.advertise_tcp, "");
	assert_string_equal(config->mc.advertise_udp, "broker-1.example.net:1");
	assert_int_equal(config->mc.heartbeat, 3600);
	assert_int_equal(config->mc.auth_interval, 0);
	assert_int_equal(config->mc.time_window, 0);
	assert_int_equal(config->mc.token_seconds, 120);
	assert_int_equal(config->mc.frame_tcp, 1024);
	assert_int_equal(config->mc.frame_udp, 512);
	assert_int_equal(config->mc.udp_gap, 31);
	snprintf(path, sizeof(path), "%s/var/devices", directory);
	assert_string_equal(config->registry_path, path);
	snprintf(path, sizeof(path), "%s/ring", directory);
	assert_string_equal(config->feed.path, path);
	assert_int_equal(config->feed.bytes, 1052672);
	assert_string_equal(config->control_socket, "/tmp/c.sock");
	config_free(config);
}

/* A file named without a directory: its paths are relative to the working directory. */
static void test_working_directory(void **state)
{
	char here[256], error[512];
	struct config *config;

	write_file(GOOD, strlen(GOOD));
	assert_non_null(getcwd(here, sizeof(here)));
	assert_int_equal(chdir(directory), 0);
	config = config_load("hearth.yaml", NULL, error, sizeof(error));
	assert_int_equal(chdir(here), 0);
	assert_non_null(config);
	assert_string_equal(config->registry_path, "./registry");
	assert_string_equal(config->file, "hearth.yaml");
	config_free(config);
}

static void test_warnings(void **state)
{
	char error[512];
	struct config *config = load(WORKERS "ports:\n"
					     "  - device: net_tap0\n"
					     "    addresses: [198.18.0.1/24]\n"
					     "    gateways: [\"fd77::ff\", 198.18.0.254]\n" MC
					     "  commands: { sends: 1 }\n"
					     "  subdevices: strict\n",
		error);

	if (!config)
		fail_msg("%s", error);
	assert_int_equal(warning_count, 3);
	assert_non_null(strstr(warnings[0], ":5: ports[0].gateways[0] \"fd77::ff\" has no effect"));
	assert_non_null(strstr(warnings[1], ":9: mc.commands has no effect"));
	assert_non_null(strstr(warnings[2], ":10: mc.subdevices: strict has no effect"));
	assert_int_equal(config->ports[0].gateway_count, 1);
	assert_int_equal(config->mc.command_sends, 1);
	assert_true(config->mc.subdevices_strict);
	config_free(config);
}

/* Every complaint: its line and its words. */
static const struct {
	const char *text;
	unsigned line;
	const char *words;
} bad[] = {
	{"", 1, "the file is empty: it needs workers, ports and mc at least"},
	{"# nothing\n\n", 1, "the file is empty: it needs workers, ports and mc at least"},
	{"hello", 1, "the file is \"hello\": it must be a mapping with keys like memory"},
	{"- 1\n- 2\n", 1, "the file is a list: it must be a mapping with keys like memory"},
	/* keys */
	{GOOD "wrokers: [1]\n", 8, "unknown key \"wrokers\": did you mean \"workers\"?"},
	{GOOD "  hearbeat: 45\n", 8, "unknown key \"hearbeat\" in mc: did you mean \"heartbeat\"?"},
	{GOOD "colour: red\n", 8,
		"unknown key \"colour\": the keys here are memory, limits, workers, ports, mc, "
		"registry, feed, control"},
	{GOOD "registry: { file: x }\n", 8,
		"unknown key \"file\" in registry: the keys here are path"},
	{GOOD "\"wor\\0kers\": 1\n", 8, "unknown key \"wor?kers\""},
	{GOOD "Feed: {}\n", 8, "unknown key \"Feed\": did you mean \"feed\"?"},
	{WORKERS "ports:\n  - device: a\n    address: [1.2.3.4/24]\n" MC, 4,
		"unknown key \"address\" in ports[0]: did you mean \"addresses\"?"},
	{GOOD "? [a, b]\n: 1\n", 8, "a key is a list: it must be a word"},
	{GOOD "workers: [2]\n", 8, "workers stands here again (first in line 1): remove one"},
	{GOOD "  heartbeat: 45\n  heartbeat: 46\n", 9,
		"mc.heartbeat stands here again (first in line 8): remove one"},
	{PORTS MC, 1, "workers is missing: add the CPU of each worker, like workers: [1]"},
	{WORKERS MC, 1, "ports is missing: add a list of ports, each with device and addresses"},
	{WORKERS PORTS, 1, "mc is missing: add a mapping with login and connect"},
	{WORKERS PORTS "mc: { connect: { tcp: 1 } }\n", 5,
		"mc.login is missing: add the port of logins, like login: { tcp: 7700 }"},
	{WORKERS PORTS "mc: { login: { tcp: 1 } }\n", 5, "mc.connect is missing: add the ports"},
	{WORKERS PORTS "mc:\n  login: {}\n  connect: { tcp: 1 }\n", 6,
		"mc.login.tcp is missing: add the TCP port of logins"},
	{WORKERS "ports:\n  - addresses: [10.0.0.1/8]\n" MC, 3, "ports[0].device is missing: add"},
	{WORKERS "ports:\n  - device: net_tap0\n" MC, 3, "ports[0].addresses is missing: add its"},
	/* kinds */
	{GOOD "memory: 5\n", 8, "memory is \"5\": it must be a mapping with keys like mode"},
	{GOOD "memory:\n", 8, "memory is \"\": it must be a mapping"},
	{GOOD "registry: { path: [a] }\n", 8, "registry.path is a list: it must be a text"},
	{GOOD "registry: { path: }\n", 8,
		"registry.path is empty: give it a value or leave it out"},
	{GOOD "registry: { path: ~ }\n", 8, "registry.path is empty: give it a value"},
	{GOOD "registry: { path: \"\" }\n", 8, "registry.path is empty: give it a value"},
	{GOOD "registry: { path: \"a\\0b\" }\n", 8, "registry.path contains a control character"},
	{GOOD "registry: { path: \"a\\nb\" }\n", 8, "registry.path contains a control character"},
	{GOOD "  heartbeat: soon\n", 8,
		"mc.heartbeat is \"soon\": it must be a whole number in decimal digits without "
		"quotes, 10..3600 (seconds)"},
	{GOOD "  heartbeat: \"45\"\n", 8, "mc.heartbeat is \"45\": it must be a whole number"},
	{GOOD "  heartbeat: 45.0\n", 8, "mc.heartbeat is \"45.0\": it must be a whole number"},
	{GOOD "  heartbeat: 0x2d\n", 8, "mc.heartbeat is \"0x2d\": it must be a whole number"},
	{GOOD "  heartbeat: 045\n", 8, "mc.heartbeat is \"045\": it must be a whole number"},
	{GOOD "  heartbeat: 4 5\n", 8, "mc.heartbeat is \"4 5\": it must be a whole number"},
	{GOOD "  heartbeat: 45s\n", 8, "mc.heartbeat is \"45s\": it must be a whole number"},
	{GOOD "  heartbeat: 1KiB\n", 8, "mc.heartbeat is \"1KiB\": it must be a whole number"},
	{GOOD "  heartbeat: [45]\n", 8, "mc.heartbeat is a list: it must be a whole number"},
	{GOOD "  heartbeat:\n", 8, "mc.heartbeat is \"\": it must be a whole number"},
	{GOOD "memory: { mode: big }\n", 8,
		"memory.mode is \"big\": it must be auto, huge or no-huge"},
	{GOOD "memory: { mode: {} }\n", 8, "memory.mode is a mapping: it must be auto, huge or"},
	{GOOD "  subdevices: loose\n", 8,
		"mc.subdevices is \"loose\": it must be lenient or strict"},
	{GOOD "  commands: { unanswered: never }\n", 8,
		"mc.commands.unanswered is \"never\": it must be if-silent, end or keep"},
	/* ranges */
	{GOOD "  heartbeat: 9\n", 8,
		"mc.heartbeat is out of range with \"9\": it must be 10..3600 (seconds)"},
	{GOOD "  heartbeat: 3601\n", 8, "mc.heartbeat is out of range with \"3601\""},
	{GOOD "  heartbeat: -45\n", 8, "mc.heartbeat is out of range with \"-45\""},
	{GOOD "  heartbeat: 18446744073709551661\n", 8, /* 2^64 + 45 */
		"mc.heartbeat is out of range with \"18446744073709551661\""},
	{GOOD "  heartbeat: 99999999999999999999999999999999999999999999999999\n", 8,
		"mc.heartbeat is out of range with \"9999999999999999999999999999999999999999..\""},
	{GOOD "  time_window: 86401\n", 8, "mc.time_window is out of range"},
	{GOOD "  token_seconds: 119\n", 8, "mc.token_seconds is out of range"},
	{GOOD "  auth_interval: 65536\n", 8, "it must be 0..65535 (seconds)"},
	{GOOD "  udp_gap: 32\n", 8, "it must be 0..31"},
	{GOOD "  commands: { sends: 0 }\n", 8, "mc.commands.sends is out of range"},
	{GOOD "  frame_bytes: { tcp: 65537 }\n", 8, "it must be 512..64KiB"},
	{GOOD "  frame_bytes: { tcp: 511 }\n", 8, "it must be 512..64KiB"},
	{GOOD "  frame_bytes: { udp: 1473 }\n", 8, "it must be 512..1472"},
	{GOOD "  frame_bytes: { udp: 2KiB }\n", 8,
		"mc.frame_bytes.udp is out of range with \"2KiB\": it must be 512..1472"},
	{GOOD "memory: { megabytes: 63 }\n", 8, "memory.megabytes is out of range"},
	{GOOD "limits: { devices: 0 }\n", 8, "limits.devices is out of range"},
	{GOOD "limits: { devices: 268435457 }\n", 8, "it must be 1..268435456"},
	{GOOD "limits: { connections: 16777216 }\n", 8, "it must be 1..16777215"},
	{GOOD "limits: { sessions: 1073741824 }\n", 8, "it must be 1..1073741823"},
	{GOOD "limits:\n  sessions: 1073741823\n  pending_logins: 1\n", 9,
		"limits.sessions and limits.pending_logins are 1073741824 together: they must stay "
		"below 1073741824"},
	{GOOD "limits: { sessions: 1073741823 }\n", 8, "are 1073761823 together"},
	/* sizes */
	{GOOD "feed: { bytes: 1048575 }\n", 8,
		"feed.bytes is out of range with \"1048575\": it must be 1MiB..1024GiB"},
	{GOOD "feed: { bytes: 1048577 }\n", 8,
		"feed.bytes is 1048577: it must be a multiple of 4096 (pages), like 64MiB"},
	{GOOD "feed: { bytes: 64MB }\n", 8,
		"feed.bytes is \"64MB\": it must be a number of bytes like 4096, 64KiB or 64MiB "
		"without quotes, 1MiB..1024GiB"},
	{GOOD "feed: { bytes: 64M }\n", 8, "feed.bytes is \"64M\""},
	{GOOD "feed: { bytes: 64mib }\n", 8, "feed.bytes is \"64mib\""},
	{GOOD "feed: { bytes: 64MiBs }\n", 8, "feed.bytes is \"64MiBs\""},
	{GOOD "feed: { bytes: 17179869185GiB }\n", 8, /* 2^64 + 2^30 */
		"feed.bytes is out of range"},
	{GOOD "feed: { acknowledge: commit }\n", 8,
		"feed.acknowledge: commit is not available in this version: use ring"},
	{GOOD "feed: { acknowledge: never }\n", 8,
		"feed.acknowledge is \"never\": it must be ring or commit"},
	/* workers */
	{"workers: 1\n" PORTS MC, 1,
		"workers is \"1\": it must be a list of CPU numbers like [1, 2]"},
	{"workers: []\n" PORTS MC, 1, "workers has 0 entries: it must have 1..64"},
	{"workers: [1024]\n" PORTS MC, 1, "workers[0] is out of range with \"1024\""},
	{"workers: [1,\n  2, 1]\n" PORTS MC, 2, "workers[2] is CPU 1, which has a worker already"},
	{"workers: [one]\n" PORTS MC, 1, "workers[0] is \"one\""},
	{"workers:\n- 0\n- 1-3\n" PORTS MC, 3, "workers[1] is \"1-3\""},
	/* ports */
	{WORKERS "ports: []\n" MC, 2, "ports has 0 entries: it must have 1..8"},
	{WORKERS "ports: {}\n" MC, 2, "ports is a mapping: it must be a list"},
	{WORKERS "ports: [a]\n" MC, 2, "ports[0] is \"a\": it must be a mapping"},
	{WORKERS PORTS "  - device: net_tap0\n    addresses: [10.0.0.1/8]\n" MC, 5,
		"ports[1].device is that of ports[0] already"},
	{WORKERS PORTS "  - device: net_tap1\n    addresses: [198.18.0.1/30]\n" MC, 6,
		"ports[1].addresses has 198.18.0.1, which ports[0] has already"},
	/* ways */
	{WORKERS PORTS "mc:\n  login: { tcp: 1 }\n  connect: {}\n", 7,
		"mc.connect has no port: add"},
	{WORKERS PORTS "mc:\n  login: { tcp: 5 }\n  connect: { tcp: 5 }\n", 7,
		"mc.connect.tcp is 5, which is mc.login.tcp already: use another port"},
	{WORKERS PORTS "mc:\n  login: { tcp: 0 }\n  connect: { tcp: 5 }\n", 6,
		"mc.login.tcp is out of range with \"0\": it must be 1..65535"},
	{WORKERS PORTS "mc:\n  login: { tcp: 70000 }\n  connect: { tcp: 5 }\n", 6,
		"mc.login.tcp is out of range"},
	{WORKERS PORTS "mc:\n  login: { tcp: 1 }\n  connect: { udp: 5 }\n"
		       "  advertise: { tcp: 1.2.3.4:5 }\n",
		8, "mc.advertise.tcp without mc.connect.tcp: remove it or add the port"},
	{GOOD "  advertise: { tcp: 198.18.0.1 }\n", 8,
		"mc.advertise.tcp is \"198.18.0.1\": it must be HOST:PORT, like "
		"\"198.18.0.1:7701\""},
	{GOOD "  advertise: { udp: \"198.18.0:5\" }\n", 8, "mc.advertise.udp is \"198.18.0:5\""},
	{GOOD "  advertise: { udp: \"a:0\" }\n", 8, "mc.advertise.udp is \"a:0\""},
	{GOOD "  advertise: { udp: \"a:65536\" }\n", 8, "mc.advertise.udp is \"a:65536\""},
	{GOOD "  advertise: { udp: \":5\" }\n", 8, "mc.advertise.udp is \":5\""},
	{GOOD "  advertise: { udp: \"a b:5\" }\n", 8, "mc.advertise.udp is \"a b:5\""},
	{GOOD "  advertise: { udp: \"[::g]:5\" }\n", 8, "mc.advertise.udp is \"[::g]:5\""},
	{GOOD "  advertise: { udp: \"[:5\" }\n", 8, "mc.advertise.udp is \"[:5\""},
	{GOOD "control: { socket: /aa23456789012345678901234567890123456789012345678901234567890123"
	      "4567890123456789012345678901234567890123456 }\n",
		8,
		"control.socket is 108 bytes long with its directory: a socket's path has 107 at"},
	/* YAML */
	{GOOD "feed: [\n", 9, "not valid YAML ("},
	{"workers: [1]\n  ports: 5\n", 2, "not valid YAML ("},
	{"workers: [1]\nports:\n\t- a\n", 3, "not valid YAML ("},
	{"workers: \"1\n", 2, "not valid YAML ("},
	{GOOD "feed: &a { path: x }\n", 8, "anchors (&name) are not taken here"},
	{GOOD "feed: *a\n", 8, "aliases (*name) are not taken here"},
	{GOOD "feed: !!map {}\n", 8, "tags (!type) are not taken here"},
	{GOOD "  heartbeat: !!int 45\n", 8, "tags (!type) are not taken here"},
	{GOOD "---\n" GOOD, 8, "a second document begins here"},
	{GOOD "feed: [[[[[[[[[[[[[[[[[[[[\n", 8, "nested too deeply"},
	{"workers: [1]\nports: \x01\n", 2, "not a text file in UTF-8"},
	{"workers: [1]\nports: \xff\xfe\n", 2, "not a text file in UTF-8"},
};

static void test_bad(void **state)
{
	char error[512], place[80];

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct config *config = load(bad[i].text, error);

		if (config)
			fail_msg("row %u taken, want: %s", i, bad[i].words);
		snprintf(place, sizeof(place), "%s:%u: ", file, bad[i].line);
		if (strncmp(error, place, strlen(place)))
			fail_msg("row %u: got %s, want line %u", i, error, bad[i].line);
		if (strncmp(error + strlen(place), bad[i].words, strlen(bad[i].words)) &&
			!strstr(error, bad[i].words))
			fail_msg("row %u: got %s, want %s", i, error, bad[i].words);
		assert_null(strchr(error, '\n'));
		assert_int_equal(warning_count, 0);
	}
}

static void test_addresses(void **state)
{
	static const struct {
		const char *address, *words;
	} rows[] = {
		{"198.18.0.1", "without a prefix length: write it like 198.18.0.1/24"},
		{"\"fd77::1\"", "without a prefix length: write it like fd77::1/64"},
		{"198.18.0/24", "it must be an address with its prefix, like 198.18.0.1/24"},
		{"198.18.0.256/24", "it must be an address with its prefix"},
		{"hearth/24", "it must be an address with its prefix"},
		{"198.18.0.1/", "its prefix length must be 1..32"},
		{"198.18.0.1/0", "its prefix length must be 1..32"},
		{"198.18.0.1/33", "its prefix length must be 1..32"},
		{"198.18.0.1/024", "its prefix length must be 1..32"},
		{"198.18.0.1/24x", "its prefix length must be 1..32"},
		{"198.18.0.1/99999999999", "its prefix length must be 1..32"},
		{"\"fd77::1/129\"", "its prefix length must be 1..128"},
		{"\"fd77::g/64\"", "it must be an address with its prefix"},
		{"0.1.2.3/8", "an address in 0.0.0.0/8"},
		{"127.0.0.1/8", "a loopback address"},
		{"224.0.0.1/24", "a multicast address"},
		{"239.255.255.255/24", "a multicast address"},
		{"255.255.255.255/32", "an address in 240.0.0.0/4"},
		{"198.18.0.0/24", "the address of the subnet itself"},
		{"198.18.0.255/24", "the broadcast address of its subnet"},
		{"198.18.0.3/30", "the broadcast address of its subnet"},
		{"\"fd77::1/64\"", "has no IPv4 address: add one"},
		{"198.18.0.1/24, 198.18.0.1/16", "which stands here already"},
		{"a, b, c, d, e, f, g, h, i", "has 9 entries: it must have 1..8"},
		{"", "has 0 entries: it must have 1..8"},
		{"{}", "is a mapping: it must be a text"},
	};
	char text[512], error[512];

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(text, sizeof(text),
			"workers: [1]\nports:\n- device: a\n  addresses: [%s]\n%s", rows[i].address,
			MC);
		if (load(text, error))
			fail_msg("%s taken", rows[i].address);
		if (!strstr(error, ":4: ports[0].addresses") || !strstr(error, rows[i].words))
			fail_msg("%s: got %s", rows[i].address, error);
	}
}

static void test_gateways(void **state)
{
	static const struct {
		const char *gateway, *words;
	} rows[] = {
		{"198.18.1.254", "which lies on none of the port's subnets"},
		{"198.18.0.1", "which is the port's own address"},
		{"10.0.0.2", "which is the port's own address"},
		{"198.18.0.255", "the broadcast address of its subnet"},
		{"198.18.0.0", "the address of the subnet itself"},
		{"198.18.0.254/24", "it must be an address without prefix"},
		{"router", "it must be an address without prefix"},
		{"198.18.0.9, 198.18.0.9", "which stands here already"},
		{"198.18.0.2, 198.18.0.3, 198.18.0.4, 198.18.0.5, 198.18.0.6",
			"has 5 entries: it must have 0..4"},
	};
	char text[512], error[512];

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(text, sizeof(text),
			"workers: [1]\nports:\n- device: a\n"
			"  gateways: [%s]\n  addresses: [198.18.0.1/24, 10.0.0.2/24]\n%s",
			rows[i].gateway, MC);
		if (load(text, error))
			fail_msg("%s taken", rows[i].gateway);
		if (!strstr(error, ":4: ports[0].gateways") || !strstr(error, rows[i].words))
			fail_msg("%s: got %s", rows[i].gateway, error);
	}
}

/* What cannot be read has no line. */
static void test_unreadable(void **state)
{
	char path[96], want[160], error[512];

	snprintf(path, sizeof(path), "%s/absent.yaml", directory);
	snprintf(want, sizeof(want), "%s: cannot be opened: No such file or directory", path);
	assert_null(config_load(path, warn, error, sizeof(error)));
	assert_string_equal(error, want);
	snprintf(want, sizeof(want), "%s: cannot be read: Is a directory", directory);
	assert_null(config_load(directory, warn, error, sizeof(error)));
	assert_string_equal(error, want);
	assert_null(config_load("/dev/zero", warn, error, sizeof(error)));
	assert_string_equal(
		error, "/dev/zero: is larger than 1 MiB: this is no configuration file");
}

/* Hostile bytes: refused in bounded time, whatever they are. */
static void test_hostile(void **state)
{
	static char big[1024 * 1024];
	static const char *const units[] = {"[", "{", "- ", "? ", "a: {", "&a ", "!", "\"", "a\n",
		"{a: ", "[a, ", "'", "a: b\n", "#", "%", "|", "- - ", "\r", "*a ", "---\n"};
	char error[512];

	for (unsigned i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		size_t n = strlen(units[i]), used = 0;

		for (; used + n <= sizeof(big); used += n)
			memcpy(big + used, units[i], n);
		assert_null(load_bytes(big, used, error));
		assert_int_equal(strncmp(error, file, strlen(file)), 0);
	}
	assert_null(load_bytes(GOOD "\0", sizeof(GOOD), error));
	assert_non_null(strstr(error, ":8: not a text file in UTF-8"));
}

/* A good file with one byte changed, or cut: taken or refused with a line, never a crash. */
static void test_mutations(void **state)
{
	char text[sizeof(sample)], error[512];
	uint32_t seed = 1;
	unsigned taken = 0, refused = 0;

	for (unsigned i = 0; i < 2000; i++) {
		size_t length = sizeof(sample) - 1;
		struct config *config;

		memcpy(text, sample, sizeof(sample));
		seed = seed * 1664525 + 1013904223;
		text[(seed >> 8) % length] = (char)(seed >> 24);
		if (i & 1) {
			seed = seed * 1664525 + 1013904223;
			length = (seed >> 8) % length;
		}
		config = load_bytes(text, length, error);
		if (config) {
			taken++;
			assert_true(config->worker_count && config->port_count);
			assert_true(config->ports[0].address_count);
			assert_true(config->mc.heartbeat >= 10 && config->mc.heartbeat <= 3600);
		} else {
			refused++;
			assert_int_equal(strncmp(error, file, strlen(file)), 0);
			assert_null(strchr(error, '\n'));
		}
		config_free(config);
	}
	assert_true(taken > 100 && refused > 100);
}

/* A message that does not fit is cut, not overrun. */
static void test_small_buffer(void **state)
{
	char error[8] = "xxxxxxx";

	write_file("workers: 5", 10);
	assert_null(config_load(file, NULL, error, 4));
	assert_int_equal(strlen(error), 3);
	assert_string_equal(error + 4, "xxx");
}

static int setup(void **state)
{
	if (!mkdtemp(directory))
		return -1;
	snprintf(file, sizeof(file), "%s/hearth.yaml", directory);
	return 0;
}

static int teardown(void **state)
{
	unlink(file);
	return rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sample),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_every_key),
		cmocka_unit_test(test_working_directory),
		cmocka_unit_test(test_warnings),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_gateways),
		cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_mutations),
		cmocka_unit_test(test_small_buffer),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
