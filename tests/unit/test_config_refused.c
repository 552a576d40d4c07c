/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_config_refused.c - what the configuration refuses, in which words, at which line */
#include "config_fixture.h"

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
		"registry, feed, control, http, log, capture, idle, idle_wake_us, drain"},
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
	{GOOD "  token_seconds: 0\n", 8, "mc.token_seconds is out of range"},
	{GOOD "  auth_interval: 65536\n", 8, "it must be 0..65535 (seconds)"},
	{GOOD "  udp_gap: 32\n", 8, "it must be 0..31"},
	{GOOD "  flap: { connects: 251 }\n", 8, "it must be 0..250"},
	{GOOD "  flap: { hold: 0 }\n", 8, "mc.flap.hold is out of range"},
	{GOOD "  flap: { seconds: 3601 }\n", 8, "mc.flap.seconds is out of range"},
	{GOOD "  flap: { often: 1 }\n", 8, "unknown key \"often\" in mc.flap"},
	{GOOD "  login_budget: { failures: 1001 }\n", 8, "it must be 0..1000"},
	{GOOD "  login_budget: { per_seconds: 0 }\n", 8, "mc.login_budget.per_seconds"},
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
	{GOOD "limits: { chunks: 1023 }\n", 8,
		"limits.chunks is out of range with \"1023\": it must be 1024..67108864"},
	{GOOD "limits: { chunks: 67108865 }\n", 8, "limits.chunks is out of range"},
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
	{GOOD "feed: { acknowledge: never }\n", 8,
		"feed.acknowledge is \"never\": it must be ring or commit"},
	/* workers */
	{"workers: 1\n" PORTS MC, 1, "workers is \"1\": it must be a list of CPU numbers like [1]"},
	{"workers: []\n" PORTS MC, 1, "workers has 0 entries: it must have 1..64"},
	{"workers: [1024]\n" PORTS MC, 1, "workers[0] is out of range with \"1024\""},
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
	{WORKERS "ports:\n  - device: a\n    addresses: [fd77::1/64]\n"
		 "  - device: b\n    addresses: [\"fd77:0::1/48\"]\n" MC,
		6, "ports[1].addresses has fd77::1, which ports[0] has already"},
	{WORKERS PORTS "    vlan: 0\n" MC, 5,
		"ports[0].vlan is out of range with \"0\": it must be 1..4094 (leave it out"},
	{WORKERS PORTS "    vlan: 4095\n" MC, 5, "ports[0].vlan is out of range with \"4095\""},
	{WORKERS PORTS "    queues: 0\n" MC, 5, "ports[0].queues is out of range with \"0\""},
	{WORKERS PORTS "    queues: 65\n" MC, 5, "ports[0].queues is out of range with \"65\""},
	{WORKERS PORTS "    vlan: \"7\"\n" MC, 5, "ports[0].vlan is \"7\": it must be a whole"},
	{WORKERS PORTS "    vlan: [7]\n" MC, 5, "ports[0].vlan is a list: it must be a whole"},
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
		"\"198.18.0.1:7701\" or \"[fd77::1]:7701\""},
	{GOOD "  advertise: { udp: \"198.18.0:5\" }\n", 8, "mc.advertise.udp is \"198.18.0:5\""},
	{GOOD "  advertise: { udp: \"a:0\" }\n", 8, "mc.advertise.udp is \"a:0\""},
	{GOOD "  advertise: { udp: \"a:65536\" }\n", 8, "mc.advertise.udp is \"a:65536\""},
	{GOOD "  advertise: { udp: \":5\" }\n", 8, "mc.advertise.udp is \":5\""},
	{GOOD "  advertise: { udp: \"a b:5\" }\n", 8, "mc.advertise.udp is \"a b:5\""},
	{GOOD "  advertise: { udp: \"[::g]:5\" }\n", 8, "mc.advertise.udp is \"[::g]:5\""},
	{GOOD "  advertise: { udp: \"fd77::1:5\" }\n", 8, "mc.advertise.udp is \"fd77::1:5\""},
	{GOOD "  advertise: { udp: \"[fd77::1]\" }\n", 8, "mc.advertise.udp is \"[fd77::1]\""},
	{GOOD "  advertise: { udp: \"[1.2.3.4]:5\" }\n", 8, "mc.advertise.udp is \"[1.2.3.4]:5\""},
	{GOOD "  advertise: { udp: \"[::ffff:1.2.3.4]:5\" }\n", 8, "mc.advertise.udp is"},
	{GOOD "  advertise: { tcp: \"[::]:5\" }\n", 8, "and reach us from outside"},
	{GOOD "  advertise: { tcp: \"[::1]:5\" }\n", 8, "and reach us from outside"},
	{GOOD "  advertise: { tcp: \"[ff02::1]:5\" }\n", 8, "and reach us from outside"},
	{GOOD "  advertise: { tcp: 0.0.0.0:5 }\n", 8, "and reach us from outside"},
	{GOOD "  advertise: { udp: \"[:5\" }\n", 8, "mc.advertise.udp is \"[:5\""},
	{GOOD "control: { socket: /aa23456789012345678901234567890123456789012345678901234567890123"
	      "4567890123456789012345678901234567890123456 }\n",
		8,
		"control.socket is 108 bytes long with its directory: a socket's path has 107 at"},
	/* what operators look through and change by */
	{GOOD "http: {}\n", 8, "http.listen is missing: add where to listen, like \"127.0.0.1:"},
	{GOOD "http:\n  listen: 198.18.0.1:9464\n", 9,
		"http.listen is \"198.18.0.1:9464\", which others can reach, without a "
		"http.token_file: give one, or listen on 127.0.0.1 or [::1]"},
	{GOOD "http: { listen: 0.0.0.0:9464 }\n", 8, "which others can reach"},
	{GOOD "http: { listen: \"[::]:9464\" }\n", 8, "which others can reach"},
	{GOOD "http: { listen: \"[::2]:9464\" }\n", 8, "which others can reach"},
	{GOOD "http: { listen: 128.0.0.1:9464 }\n", 8, "which others can reach"},
	{GOOD "http: { listen: localhost:9464 }\n", 8,
		"http.listen is \"localhost:9464\": it must be an address of this machine and a "
		"port, like \"127.0.0.1:9464\" or \"[::1]:9464\""},
	{GOOD "http: { listen: 9464 }\n", 8, "http.listen is \"9464\": it must be an address"},
	{GOOD "http: { listen: \":9464\" }\n", 8, "http.listen is \":9464\""},
	{GOOD "http: { listen: 127.0.0.1 }\n", 8, "http.listen is \"127.0.0.1\""},
	{GOOD "http: { listen: 127.0.0.1:0 }\n", 8, "http.listen is \"127.0.0.1:0\""},
	{GOOD "http: { listen: 127.0.0.1:65536 }\n", 8, "http.listen is \"127.0.0.1:65536\""},
	{GOOD "http: { listen: \"::1:9464\" }\n", 8, "http.listen is \"::1:9464\""},
	{GOOD "http: { listen: \"[::1]\" }\n", 8, "http.listen is \"[::1]\""},
	{GOOD "http: { listen: \"[127.0.0.1]:9464\" }\n", 8, "http.listen is \"[127.0.0.1]:9464"},
	{GOOD "http: { listen: \"[:9464\" }\n", 8, "http.listen is \"[:9464\""},
	{GOOD "http: { listen: \"]:9464\" }\n", 8, "http.listen is \"]:9464\""},
	{GOOD "http: { listen: 127.0.0.1:9464, actions: yes }\n", 8,
		"http.actions is \"yes\": it must be false or true"},
	{GOOD "http: { listen: 127.0.0.1:9464, token_file: \"\" }\n", 8,
		"http.token_file is empty: give it a value or leave it out"},
	{GOOD "log: { level: loud }\n", 8,
		"log.level is \"loud\": it must be error, warning, info or debug"},
	{GOOD "log: { format: xml }\n", 8,
		"log.format is \"xml\": it must be auto, text, journald or json"},
	{GOOD "log: { audit: [] }\n", 8, "log.audit is a list: it must be a text"},
	{GOOD "capture: { allow: 1 }\n", 8, "capture.allow is \"1\": it must be false or true"},
	{GOOD "capture: { bytes: 1023KiB }\n", 8,
		"capture.bytes is out of range with \"1023KiB\": it must be 1MiB..1024GiB"},
	{GOOD "idle: sleep\n", 8, "idle is \"sleep\": it must be poll or adaptive"},
	{GOOD "idle: {}\n", 8, "idle is a mapping: it must be poll or adaptive"},
	{GOOD "idle_wake_us: 49\n", 8,
		"idle_wake_us is out of range with \"49\": it must be 50..100000 (microseconds)"},
	{GOOD "drain: { rate: 0 }\n", 8,
		"drain.rate is out of range with \"0\": it must be 1..1000000 (sessions ended per"},
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
		{"\"fd77::1/0\"", "its prefix length must be 1..128"},
		{"\"fd77::1/\"", "its prefix length must be 1..128"},
		{"\"::/64\"", "the unspecified address"},
		{"\"::1/128\"", "the loopback address"},
		{"\"::198.18.0.1/96\"", "an address in ::/96"},
		{"\"ff02::1/64\"", "a multicast address"},
		{"\"ff0e::7/128\"", "a multicast address"},
		{"\"fe80::1/64\"",
			"a link-local address, which every port with IPv6 makes for itself"},
		{"\"febf::1/10\"", "a link-local address"},
		{"\"::ffff:198.18.0.1/96\"", "an IPv4 address written as IPv6"},
		{"\"fd77::/64\"", "the address of all the subnet's routers"},
		{"\"fd77::/126\"", "the address of all the subnet's routers"},
		{"\"fd77::1%eth0/64\"", "it must be an address with its prefix"},
		{"\"[fd77::1]/64\"", "it must be an address with its prefix"},
		{"\"fd77::1/64\", \"fd77:0::1/48\"", "which stands here already"},
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
		{"198.18.0.9, 198.18.0.9 02:00:00:00:00:01", "which stands here already"},
		{"fd77:1::1", "which lies on none of the port's subnets"},
		{"fd77::1", "which is the port's own address"},
		{"\"fd77::\"", "the address of all the subnet's routers"},
		{"\"fe80::\"", "the address of all the subnet's routers"},
		{"\"::\"", "the unspecified address"},
		{"\"::1\"", "the loopback address"},
		{"ff02::2", "a multicast address"},
		{"\"::ffff:198.18.0.9\"", "it must be an address without prefix"},
		{"0.0.0.0", "an address in 0.0.0.0/8"},
		{"fd77::9/64", "it must be an address without prefix"},
		{"fd77::9, fd77:0::9", "which stands here already"},
		{"198.18.0.9 02:00:00:00:00", "one station's Ethernet address, like "
					      "\"198.18.0.9 02:00:00:00:00:01\""},
		{"198.18.0.9 02:00:00:00:00:0g", "one station's Ethernet address"},
		{"198.18.0.9 02-00-00-00-00-01", "one station's Ethernet address"},
		{"198.18.0.9 2:0:0:0:0:1", "one station's Ethernet address"},
		{"198.18.0.9 03:00:00:00:00:01", "one station's Ethernet address"},
		{"198.18.0.9 00:00:00:00:00:00", "one station's Ethernet address"},
		{"198.18.0.9 ff:ff:ff:ff:ff:ff", "one station's Ethernet address"},
		{"198.18.0.9 02:00:00:00:00:01 x", "one station's Ethernet address"},
		{"\"198.18.0.9 \"", "one station's Ethernet address"},
		{"\"fd77::9 fe80::1 02:00:00:00:00:01 and more than any address has room for\"",
			"it must be an address without prefix"},
		{"198.18.0.2, 198.18.0.3, 198.18.0.4, 198.18.0.5, 198.18.0.6",
			"has 5 entries: it must have 0..4"},
	};
	char text[512], error[512];

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(text, sizeof(text),
			"workers: [1]\nports:\n- device: a\n"
			"  gateways: [%s]\n  addresses: [198.18.0.1/24, 10.0.0.2/24, "
			"fd77::1/64]\n%s",
			rows[i].gateway, MC);
		if (load(text, error))
			fail_msg("%s taken", rows[i].gateway);
		if (!strstr(error, ":4: ports[0].gateways") || !strstr(error, rows[i].words))
			fail_msg("%s: got %s", rows[i].gateway, error);
	}
}

/* A next hop of a family that the port does not have. */
static void test_gateway_family(void **state)
{
	char error[512];

	assert_null(load("workers: [1]\nports:\n- device: a\n"
			 "  addresses: [198.18.0.1/24]\n  gateways: [fe80::1]\n" MC,
		error));
	assert_non_null(strstr(error, ":5: ports[0].gateways[0] is \"fe80::1\", a link-local "
				      "address, but the port has no IPv6 address"));
	assert_null(load("workers: [1]\nports:\n- device: a\n"
			 "  addresses: [fd77::1/64]\n  gateways: [198.18.0.254]\n" MC,
		error));
	assert_non_null(strstr(error, "which lies on none of the port's subnets"));
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_gateways),
		cmocka_unit_test(test_gateway_family),
		cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_mutations),
		cmocka_unit_test(test_small_buffer),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
