/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_address.c - addresses of both families, as text and back */
#include "address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <string.h>

static void test_text(void **state)
{
	static const struct {
		const char *in, *text, *port_text;
	} rows[] = {
		{"198.18.0.1", "198.18.0.1", "198.18.0.1:65535"},
		{"255.255.255.255", "255.255.255.255", "255.255.255.255:65535"},
		{"FD77:0:0:0:0:0:0:1", "fd77::1", "[fd77::1]:65535"},
		{"::", "::", "[::]:65535"},
		{"2001:db8:1111:2222:3333:4444:5555:6666", "2001:db8:1111:2222:3333:4444:5555:6666",
			"[2001:db8:1111:2222:3333:4444:5555:6666]:65535"},
	};
	char text[IP_TEXT], port_text[IP_PORT_TEXT];
	struct ip_address address, again;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_true(ip_parse(rows[i].in, &address));
		assert_int_equal(ip_is_v4(&address), i < 2);
		assert_string_equal(ip_text(&address, text), rows[i].text);
		assert_string_equal(ip_port_text(&address, 65535, port_text), rows[i].port_text);
		assert_true(ip_parse(text, &again));
		assert_true(ip_equal(&address, &again));
	}
}

/* A mapped address never comes from text: it would be another way to write an IPv4 address. */
static void test_refused(void **state)
{
	static const char *const rows[] = {"", "198.18.0", "198.18.0.256", "198.18.0.1 ", "fd77::g",
		"[fd77::1]", "fd77::1%eth0", "fd77::1/64", "::ffff:198.18.0.1", "::ffff:c612:1",
		"hearth"};
	struct ip_address address;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_false(ip_parse(rows[i], &address));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
