/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* config_fixture.h - a configuration file in a directory of its own, and what loading it says */
#pragma once

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[] = "/tmp/hearth-config-XXXXXX";
static char file[64];
static char warnings[8][512];
static unsigned warning_count;

static inline void warn(const char *line)
{
	assert_true(warning_count < 8);
	snprintf(warnings[warning_count++], sizeof(warnings[0]), "%s", line);
}

static inline void write_file(const void *text, size_t length)
{
	FILE *out = fopen(file, "w");

	assert_non_null(out);
	assert_int_equal(fwrite(text, 1, length, out), length);
	assert_int_equal(fclose(out), 0);
}

static inline struct config *load_bytes(const void *text, size_t length, char error[512])
{
	write_file(text, length);
	warning_count = 0;
	memset(error, 'x', 512);
	return config_load(file, warn, error, 512);
}

static inline struct config *load(const char *text, char error[512])
{
	return load_bytes(text, strlen(text), error);
}

static inline struct ip_address address(const char *text)
{
	struct ip_address parsed;

	assert_true(ip_parse(text, &parsed));
	return parsed;
}

#define assert_address(got, text)                                                                  \
	do {                                                                                       \
		const struct ip_address wanted = address(text);                                    \
                                                                                                   \
		assert_memory_equal(&(got), &wanted, sizeof(wanted));                              \
	} while (0)

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
	"    addresses: [\"198.18.0.1/24\", \"fd77::1/64\"]\n"
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

static inline int setup(void **state)
{
	if (!mkdtemp(directory))
		return -1;
	snprintf(file, sizeof(file), "%s/hearth.yaml", directory);
	return 0;
}

static inline int teardown(void **state)
{
	unlink(file);
	return rmdir(directory);
}
