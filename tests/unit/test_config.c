/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_config.c - what the configuration takes, and with which defaults */
#include "config_fixture.h"

static void assert_defaults(const struct config *config)
{
	char path[96];

	assert_string_equal(config->file, file);
	assert_int_equal(config->memory.mode, MEMORY_AUTO);
	assert_int_equal(config->memory.megabytes, 1024);
	assert_int_equal(config->limits.devices, 1000000);
	assert_int_equal(config->limits.subdevices, 65536);
	assert_int_equal(config->limits.sessions, 100000);
	assert_int_equal(config->limits.connections, 200000);
	assert_int_equal(config->limits.chunks, 0); /* as many as the connections ask for */
	assert_int_equal(config->limits.pending_logins, 20000);
	assert_int_equal(config->worker_count, 1);
	assert_int_equal(config->workers[0], 1);
	assert_int_equal(config->port_count, 1);
	assert_int_equal(config->ports[0].vlan, 0);
	assert_address(config->ports[0].addresses[0].address, "198.18.0.1");
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
	assert_int_equal(config->mc.flap_connects, 40);
	assert_int_equal(config->mc.flap_seconds, 300);
	assert_int_equal(config->mc.flap_hold, 60);
	assert_int_equal(config->mc.budget_failures, 20);
	assert_int_equal(config->mc.budget_seconds, 60);
	assert_int_equal(config->mc.command_sends, 3);
	assert_int_equal(config->mc.command_queue, 16);
	assert_int_equal(config->limits.commands, 16384);
	assert_int_equal(config->mc.unanswered, UNANSWERED_IF_SILENT);
	assert_false(config->mc.subdevices_strict);
	snprintf(path, sizeof(path), "%s/./registry", directory);
	assert_string_equal(config->registry_path, path);
	assert_string_equal(config->feed.path, "/dev/shm/hearth");
	assert_int_equal(config->feed.bytes, 64 << 20);
	assert_int_equal(config->feed.acknowledge, ACKNOWLEDGE_RING);
	assert_string_equal(config->control_socket, "/run/hearth/control.sock");
	assert_null(config->http.listen);
	assert_null(config->http.token_file);
	assert_true(config->http.actions);
	assert_int_equal(config->log.level, LOG_LEVEL_INFO);
	assert_int_equal(config->log.format, LOG_FORMAT_AUTO);
	assert_null(config->log.audit);
	assert_true(config->capture.allow);
	assert_false(config->capture.decrypted);
	assert_int_equal(config->capture.bytes, 256 << 20);
	assert_false(config->idle.adaptive);
	assert_int_equal(config->idle.wake_us, 1000);
	assert_int_equal(config->drain.rate, 1000);
}

static void test_sample(void **state)
{
	char error[512];
	struct config *config = load(sample, error);

	if (!config)
		fail_msg("%s", error);
	assert_defaults(config);
	assert_string_equal(config->ports[0].device, "net_tap0,iface=hearth0");
	assert_int_equal(config->ports[0].address_count, 2);
	assert_address(config->ports[0].addresses[1].address, "fd77::1");
	assert_int_equal(config->ports[0].addresses[1].prefix, 64);
	assert_int_equal(warning_count, 0);
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
	assert_int_equal(config->ports[0].address_count, 1);
	assert_int_equal(warning_count, 0);
	config_free(config);
}

static void test_every_key(void **state)
{
	static const char text[] =
		"\xef\xbb\xbf%YAML 1.1\n---\n"
		"memory: { mode: no-huge, megabytes: 64 }\n"
		"limits: { devices: 268435456, sessions: 1073741822, connections: 16777215, "
		"pending_logins: 1, chunks: 67108864 }\n"
		"workers: [1023]\n"
		"ports:\n"
		"  - { device: 0000:03:00.0, addresses: [10.0.0.1/31, 10.1.0.255/16, "
		"10.9.9.9/32],\n"
		"      gateways: [10.0.0.0, 10.1.255.254 02:00:5e:Ab:cD:01], vlan: 4094,\n"
		"      queues: 2 }\n"
		"  - { addresses: [192.0.2.1/1], device: 'net_memif0,role=server', vlan: 1 }\n"
		"mc:\n"
		"  login: { tcp: 1 }\n"
		"  connect: { udp: 65535 }\n"
		"  advertise: { udp: broker-1.example.net:1 }\n"
		"  heartbeat: 3600\n"
		"  auth_interval: 0\n"
		"  time_window: 0\n"
		"  token_seconds: 1\n"
		"  frame_bytes: { tcp: 1KiB, udp: 512 }\n"
		"  udp_gap: 31\n"
		"  flap: { connects: 10, seconds: 30, hold: 20 }\n"
		"  login_budget: { failures: 0, per_seconds: 5 }\n"
		"  commands: { sends: 3, unanswered: if-silent }\n"
		"  subdevices: lenient\n"
		"registry: { path: var/devices }\n"
		"feed: { path: ring, bytes: 1052672, acknowledge: commit }\n"
		"control: { socket: /tmp/c.sock }\n"
		"http: { actions: false, token_file: token, listen: \"0.0.0.0:65535\" }\n"
		"log: { level: debug, format: json, audit: audit.log }\n"
		"capture: { allow: false, decrypted: true, bytes: 1MiB }\n"
		"idle: adaptive\n"
		"idle_wake_us: 50\n"
		"drain: { rate: 1000000 }\n";
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
	assert_int_equal(config->limits.chunks, 67108864);
	assert_int_equal(config->worker_count, 1);
	assert_int_equal(config->workers[0], 1023);
	assert_int_equal(config->port_count, 2);
	assert_string_equal(config->ports[0].device, "0000:03:00.0");
	assert_int_equal(config->ports[0].address_count, 3);
	assert_address(config->ports[0].addresses[1].address, "10.1.0.255");
	assert_int_equal(config->ports[0].addresses[1].prefix, 16);
	assert_int_equal(config->ports[0].addresses[2].prefix, 32);
	assert_int_equal(config->ports[0].gateway_count, 2);
	assert_address(config->ports[0].gateways[0].address, "10.0.0.0");
	assert_address(config->ports[0].gateways[1].address, "10.1.255.254");
	assert_false(config->ports[0].gateways[0].fixed);
	assert_true(config->ports[0].gateways[1].fixed);
	assert_memory_equal(config->ports[0].gateways[1].mac, "\x02\x00\x5e\xab\xcd\x01", 6);
	assert_int_equal(config->ports[0].queues, 2);
	assert_int_equal(config->ports[1].queues, 0);
	assert_int_equal(config->ports[0].vlan, 4094);
	assert_int_equal(config->ports[1].vlan, 1);
	assert_string_equal(config->ports[1].device, "net_memif0,role=server");
	assert_int_equal(config->mc.login_tcp, 1);
	assert_int_equal(config->mc.connect_tcp, 0);
	assert_int_equal(config->mc.connect_udp, 65535);
	assert_string_equal(config->mc.advertise_tcp, "");
	assert_string_equal(config->mc.advertise_udp, "broker-1.example.net:1");
	assert_int_equal(config->mc.heartbeat, 3600);
	assert_int_equal(config->mc.auth_interval, 0);
	assert_int_equal(config->mc.time_window, 0);
	assert_int_equal(config->mc.token_seconds, 1);
	assert_int_equal(config->mc.frame_tcp, 1024);
	assert_int_equal(config->mc.frame_udp, 512);
	assert_int_equal(config->mc.udp_gap, 31);
	assert_int_equal(config->feed.acknowledge, ACKNOWLEDGE_COMMIT);
	assert_int_equal(config->mc.flap_connects, 10);
	assert_int_equal(config->mc.flap_seconds, 30);
	assert_int_equal(config->mc.flap_hold, 20);
	assert_int_equal(config->mc.budget_failures, 0);
	assert_int_equal(config->mc.budget_seconds, 5);
	snprintf(path, sizeof(path), "%s/var/devices", directory);
	assert_string_equal(config->registry_path, path);
	snprintf(path, sizeof(path), "%s/ring", directory);
	assert_string_equal(config->feed.path, path);
	assert_int_equal(config->feed.bytes, 1052672);
	assert_string_equal(config->control_socket, "/tmp/c.sock");
	assert_string_equal(config->http.listen, "0.0.0.0:65535");
	assert_address(config->http.address, "0.0.0.0");
	assert_int_equal(config->http.port, 65535);
	snprintf(path, sizeof(path), "%s/token", directory);
	assert_string_equal(config->http.token_file, path);
	assert_false(config->http.actions);
	assert_int_equal(config->log.level, LOG_LEVEL_DEBUG);
	assert_int_equal(config->log.format, LOG_FORMAT_JSON);
	snprintf(path, sizeof(path), "%s/audit.log", directory);
	assert_string_equal(config->log.audit, path);
	assert_false(config->capture.allow);
	assert_true(config->capture.decrypted);
	assert_int_equal(config->capture.bytes, 1 << 20);
	assert_true(config->idle.adaptive);
	assert_int_equal(config->idle.wake_us, 50);
	assert_int_equal(config->drain.rate, 1000000);
	config_free(config);
}

/* Of both families; only what nobody else can reach goes without a token. */
static void test_http(void **state)
{
	static const struct {
		const char *text, *address;
		unsigned warnings;
	} rows[] = {
		{"{ listen: 127.0.0.1:9464 }", "127.0.0.1", 0},
		{"{ listen: \"127.9.9.9:9464\", actions: false }", "127.9.9.9", 0},
		{"{ listen: \"[::1]:9464\" }", "::1", 0},
		{"{ listen: \"[0:0:0:0:0:0:0:1]:9464\", actions: true }", "::1", 1},
		{"{ listen: 127.0.0.1:9464, token_file: /t, actions: true }", "127.0.0.1", 0},
		{"{ listen: 198.18.0.9:9464, token_file: /t }", "198.18.0.9", 0},
		{"{ listen: \"[::]:9464\", token_file: /t }", "::", 0},
		{"{ listen: \"[fd77::1]:9464\", token_file: /t }", "fd77::1", 0},
	};
	char text[512], error[512];

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct config *config;

		snprintf(text, sizeof(text), "%shttp: %s\n", GOOD, rows[i].text);
		config = load(text, error);
		if (!config)
			fail_msg("%s", error);
		assert_address(config->http.address, rows[i].address);
		assert_int_equal(config->http.port, 9464);
		assert_int_equal(warning_count, rows[i].warnings);
		config_free(config);
	}
}

/* IPv6 alone, every length of prefix, next hops on the subnet and on the link. */
static void test_ipv6(void **state)
{
	static const char text[] =
		WORKERS "ports:\n"
			"  - device: net_tap0\n"
			"    addresses: [\"2001:DB8:0:0:1::5/64\", \"fd77::1/128\", fec0::1/1,\n"
			"      \"2001:db8:7::/127\", 64:ff9b::1/96]\n"
			"    gateways: [\"fe80::1\", \"2001:db8::1:0:0:6\",\n"
			"      \"fe80::2 02:00:00:00:00:01\", \"2001:db8:7::1\"]\n"
			"    vlan: 2\n" MC;
	static const uint8_t prefixes[] = {64, 128, 1, 127, 96};
	char error[512];
	struct config *config = load(text, error);
	const struct config_port *port;

	if (!config)
		fail_msg("%s", error);
	port = &config->ports[0];
	assert_int_equal(warning_count, 0);
	assert_int_equal(port->address_count, 5);
	for (unsigned i = 0; i < port->address_count; i++)
		assert_int_equal(port->addresses[i].prefix, prefixes[i]);
	assert_address(port->addresses[0].address, "2001:db8::1:0:0:5");
	assert_address(port->addresses[3].address, "2001:db8:7::");
	assert_int_equal(port->gateway_count, 4);
	assert_address(port->gateways[0].address, "fe80::1");
	assert_false(port->gateways[0].fixed);
	assert_address(port->gateways[2].address, "fe80::2");
	assert_true(port->gateways[2].fixed);
	assert_memory_equal(port->gateways[2].mac, "\x02\0\0\0\0\x01", 6);
	assert_int_equal(port->vlan, 2);
	assert_string_equal(config->mc.advertise_tcp, "[2001:db8::1:0:0:5]:7701");
	assert_string_equal(config->mc.advertise_udp, "[2001:db8::1:0:0:5]:7701");
	config_free(config);
}

static void test_advertise_ipv6(void **state)
{
	char error[512];
	struct config *config =
		load(GOOD "  advertise: { tcp: \"[2001:DB8::1]:443\", udp: \"[fd77::1]:65535\" }\n",
			error);

	if (!config)
		fail_msg("%s", error);
	assert_string_equal(config->mc.advertise_tcp, "[2001:DB8::1]:443");
	assert_string_equal(config->mc.advertise_udp, "[fd77::1]:65535");
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

/* Workers may share a CPU: worth a word, not a refusal. */
static void test_a_cpu_with_two_workers(void **state)
{
	char error[512];
	struct config *config = load("workers: [1,\n  0, 1]\n" PORTS MC, error);

	if (!config)
		fail_msg("%s", error);
	assert_int_equal(config->worker_count, 3);
	assert_int_equal(config->workers[2], 1);
	assert_int_equal(warning_count, 1);
	assert_non_null(strstr(warnings[0], ":2: workers[2] is CPU 1, which has a worker already"));
	config_free(config);
}

static void test_warnings(void **state)
{
	char error[512];
	struct config *config =
		load(WORKERS "ports:\n"
			     "  - device: net_tap0\n"
			     "    addresses: [198.18.0.1/24]\n"
			     "    gateways: [198.18.0.254]\n" MC "  commands: { sends: 1 }\n"
			     "  subdevices: strict\n",
			error);

	if (!config)
		fail_msg("%s", error);
	assert_int_equal(warning_count, 0);
	assert_int_equal(config->ports[0].gateway_count, 1);
	assert_int_equal(config->mc.command_sends, 1);
	assert_true(config->mc.subdevices_strict);
	config_free(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sample),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_every_key),
		cmocka_unit_test(test_http),
		cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_advertise_ipv6),
		cmocka_unit_test(test_working_directory),
		cmocka_unit_test(test_a_cpu_with_two_workers),
		cmocka_unit_test(test_warnings),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
