/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_budget.c - what a live TCP session takes, everything counted: at most 341 bytes, 448 in all
 */
#include "registry/registry.h"
#include "session/slab.h"
#include "tcp/tcp_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* What follows every session, whether anything is in flight or not. */
_Static_assert(sizeof(struct tcp_connection) == 128, "a TCP connection: two cache lines");
_Static_assert(sizeof(struct slab_entry) == 96, "a session");
_Static_assert(sizeof(struct device) == 64 && DEVICE_PIN_BYTES == 32, "a device and its PIN");
_Static_assert(sizeof(struct flow_line) == 64 && FLOW_LINE_SLOTS == 8, "a flow's slot: 8 bytes");
/* What IPv6 adds: beside the connection, and beside a session over UDP. */
_Static_assert(sizeof(struct tcp_addresses) == 32, "a connection's addresses");
_Static_assert(sizeof(struct slab_side) == 32, "a session's address, twice");
/* What is borrowed from capped pools. */
_Static_assert(sizeof(struct tcp_time_wait) == 48, "a connection in TIME-WAIT");
_Static_assert(sizeof(struct tcp_side) <= 128, "loss recovery and reassembly");

#define SESSIONS 10000000u

/* As a worker of 10 M connections is configured. */
static const struct tcp_config config = {
	.connections = SESSIONS,
	.embryonic = 1 << 16,
	.time_wait = 1 << 16,
	.sides = UINT16_MAX,
};

static double flow_slots(void)
{
	uint64_t flows = (uint64_t)config.connections + config.embryonic + config.time_wait;

	return (double)flow_lines(flows) * sizeof(struct flow_line) / SESSIONS;
}

/* The table has as many buckets as the next power of two. */
static double buckets(void)
{
	uint32_t count = 1;

	while (count < SESSIONS)
		count *= 2;
	return (double)count * sizeof(uint32_t) / SESSIONS;
}

static void test_session(void **state)
{
	double bytes = sizeof(struct tcp_connection) + flow_slots() + sizeof(struct slab_entry) +
		       sizeof(struct device) + DEVICE_PIN_BYTES + buckets();

	print_message("a live TCP session: %.1f bytes\n", bytes);
	assert_true(flow_slots() < 13.5);
	assert_true(buckets() < 6.8);
	assert_true(bytes < 341);
}

/* With the pools that all sessions share: below the alarm. */
static void test_with_pools(void **state)
{
	double bytes = (double)tcp_bytes(&config) / SESSIONS + sizeof(struct slab_entry) +
		       sizeof(struct device) + DEVICE_PIN_BYTES + buckets();

	print_message("with the shared pools: %.1f bytes\n", bytes);
	assert_true(bytes < 448);
}

/* IPv6 costs those who have it, and only them, 32 bytes a connection. */
static void test_ipv6(void **state)
{
	struct tcp_config ipv6 = config;

	ipv6.ipv6 = true;
	assert_in_range(tcp_bytes(&ipv6) - tcp_bytes(&config), 32ull * SESSIONS,
		32ull * SESSIONS + (8 << 20));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_session),
		cmocka_unit_test(test_with_pools),
		cmocka_unit_test(test_ipv6),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
