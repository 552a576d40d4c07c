/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_fleet_source.c - addresses and ports of simulated devices: apart, and found again */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "dpdk_source.h"

#include <arpa/inet.h>

static struct ip_address first_address(void)
{
	return ip_from_v4(inet_addr("198.18.255.254"));
}

static void test_found_again(void **state)
{
	const uint32_t indices[] = {
		0, 1, SOURCE_DEVICES - 1, SOURCE_DEVICES, SOURCE_DEVICES + 1, 999999, 9999999};
	struct ip_address first = first_address();

	for (unsigned i = 0; i < sizeof(indices) / sizeof(indices[0]); i++) {
		for (unsigned incarnation = 0; incarnation < 2 * SOURCE_PORTS; incarnation++) {
			struct source source = source_of(&first, indices[i], incarnation);
			unsigned found;

			assert_true(ntohs(source.port) >= SOURCE_PORT_FIRST);
			assert_int_equal(source_device(&first, &source, &found), indices[i]);
			assert_int_equal(found, incarnation % SOURCE_PORTS);
		}
	}
}

/* No two devices, and no two connections in a row of one device, share address and port. */
static void test_apart(void **state)
{
	enum { DEVICES = 2 * SOURCE_DEVICES + 5 };
	static uint8_t seen[3][65536];
	struct ip_address first = first_address();

	for (uint32_t index = 0; index < DEVICES; index++) {
		for (unsigned incarnation = 0; incarnation < SOURCE_PORTS; incarnation++) {
			struct source source = source_of(&first, index, incarnation);
			uint32_t address = ntohl(source.address.word[3]) - ntohl(first.word[3]);

			assert_true(ip_is_v4(&source.address));
			assert_true(address < source_addresses(DEVICES));
			assert_false(seen[address][ntohs(source.port)]++);
		}
	}
}

static void test_addresses_needed(void **state)
{
	assert_int_equal(source_addresses(1), 1);
	assert_int_equal(source_addresses(SOURCE_DEVICES), 1);
	assert_int_equal(source_addresses(SOURCE_DEVICES + 1), 2);
	assert_int_equal(source_addresses(1000000), 82);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_found_again),
		cmocka_unit_test(test_apart),
		cmocka_unit_test(test_addresses_needed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
