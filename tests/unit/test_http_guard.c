/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_http_guard.c - who may ask over HTTP: host, origin, token */
#include "http/http_guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool host_at(const char *listen, const char *host)
{
	struct ip_address address;

	assert_true(ip_parse(listen, &address));
	return guard_host(host, &address, 9464, "node-7");
}

/* DNS rebinding comes with the attacker's name, to whatever address that leads. */
static void test_host(void **state)
{
	static const char *const good[] = {"127.0.0.1:9464", "localhost:9464", "LocalHost:9464",
		"[::1]:9464", "127.9.9.9:9464", "node-7:9464", "NODE-7:9464"};
	static const char *const bad[] = {"evil.example:9464", "evil.example", "localhost",
		"localhost:80", "127.0.0.1", "127.0.0.1:94640", "127.0.0.1:", "127.0.0.1:9464x",
		"127.0.0.1:-9464", "", ":9464", "[::1:9464", "[]:9464", "localhost.evil:9464",
		"127.0.0.1.evil:9464", "198.18.0.9:9464", "localhost:9464:9464", "[::2]:9464",
		"localhost:9464,evil:9464", "0x7f000001:9464"};
	char long_host[1000];

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (!host_at("127.0.0.1", good[i]))
			fail_msg("refused: %s", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (host_at("127.0.0.1", bad[i]))
			fail_msg("taken: %s", bad[i]);
	assert_false(host_at("127.0.0.1", NULL));
	memset(long_host, 'a', sizeof(long_host) - 1);
	long_host[sizeof(long_host) - 1] = '\0';
	assert_false(host_at("127.0.0.1", long_host));
	/* its own address, or any when it listens at all of them */
	assert_true(host_at("198.18.0.9", "198.18.0.9:9464"));
	assert_false(host_at("198.18.0.9", "198.18.0.8:9464"));
	assert_true(host_at("0.0.0.0", "198.18.0.8:9464"));
	assert_true(host_at("::", "[fd77::1]:9464"));
	assert_false(host_at("0.0.0.0", "evil.example:9464"));
}

static void test_origin(void **state)
{
	const char *host = "127.0.0.1:9464";

	assert_true(guard_origin(NULL, NULL, host));
	assert_true(guard_origin("http://127.0.0.1:9464", "same-origin", host));
	assert_true(guard_origin("https://127.0.0.1:9464", NULL, host));
	assert_true(guard_origin(NULL, "none", host));
	assert_false(guard_origin("http://evil.example", NULL, host));
	assert_false(guard_origin("http://127.0.0.1:9465", NULL, host));
	assert_false(guard_origin("http://127.0.0.1:9464.evil", NULL, host));
	assert_false(guard_origin("null", NULL, host));
	assert_false(guard_origin("", NULL, host));
	assert_false(guard_origin("http://127.0.0.1:9464", "cross-site", host));
	assert_false(guard_origin(NULL, "same-site", host));
}

static void test_token(void **state)
{
	const char *token = "0123456789abcdef";

	assert_true(guard_token("0123456789abcdef", token));
	assert_false(guard_token("0123456789abcdeF", token));
	assert_false(guard_token("0123456789abcde", token));
	assert_false(guard_token("0123456789abcdef0", token));
	assert_false(guard_token("0123456789abcdef0123456789abcdef", token));
	assert_false(guard_token("", token));
	/* without a token nothing is one */
	assert_false(guard_token("", ""));
	assert_false(guard_token("x", ""));
}

static void test_authorization(void **state)
{
	char token[HTTP_TOKEN_MAX + 1], large[HTTP_TOKEN_MAX + 32] = "Bearer ";

	assert_true(guard_authorization("Bearer 0123456789abcdef", false, token));
	assert_string_equal(token, "0123456789abcdef");
	assert_false(guard_authorization(NULL, true, token));
	assert_false(guard_authorization("Digest x", true, token));
	/* admin:0123456789abcdef */
	assert_true(guard_authorization("Basic YWRtaW46MDEyMzQ1Njc4OWFiY2RlZg==", true, token));
	assert_string_equal(token, "0123456789abcdef");
	assert_false(guard_authorization("Basic YWRtaW46MDEyMzQ1Njc4OWFiY2RlZg==", false, token));
	assert_false(guard_authorization("Basic YWRtaW4=", true, token)); /* no colon */
	assert_false(guard_authorization("Basic !!!!", true, token));
	memset(large + 7, 'a', sizeof(large) - 8);
	assert_false(guard_authorization(large, true, token));
	memcpy(large, "Basic  ", 6);
	assert_false(guard_authorization(large, true, token));
}

static int read_file(const char *text, size_t length, mode_t mode, char *token, char *error)
{
	char path[] = "/tmp/hearth-token-XXXXXX";
	int fd = mkstemp(path), rc;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, length), length);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
	rc = guard_token_read(path, token, error, 256);
	unlink(path);
	return rc;
}

static void test_token_file(void **state)
{
	char token[HTTP_TOKEN_MAX + 1] = "before", error[256] = "", big[400];

	assert_int_equal(read_file("0123456789abcdef\nmore\n", 22, 0600, token, error), 0);
	assert_string_equal(token, "0123456789abcdef");
	assert_int_equal(read_file("0123456789abcdeg", 16, 0400, token, error), 0);
	assert_string_equal(token, "0123456789abcdeg");
	assert_int_equal(read_file("0123456789abcdef\n", 17, 0640, token, error), -EINVAL);
	assert_non_null(strstr(error, "chmod 600"));
	assert_int_equal(read_file("0123456789abcde\n", 16, 0600, token, error), -EINVAL);
	assert_non_null(strstr(error, "openssl rand"));
	assert_null(strstr(error, "0123456789")); /* never what stands there */
	assert_int_equal(read_file("0123456789 abcdef\n", 18, 0600, token, error), -EINVAL);
	assert_int_equal(read_file("", 0, 0600, token, error), -EINVAL);
	memset(big, 'a', sizeof(big));
	assert_int_equal(read_file(big, HTTP_TOKEN_MAX, 0600, token, error), 0);
	assert_int_equal(read_file(big, HTTP_TOKEN_MAX + 1, 0600, token, error), -EINVAL);
	assert_int_equal(read_file(big, sizeof(big), 0600, token, error), -EINVAL);
	assert_int_equal(guard_token_read("/proc/absent", token, error, sizeof(error)), -ENOENT);
	assert_int_equal(guard_token_read("/tmp", token, error, sizeof(error)), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_host),
		cmocka_unit_test(test_origin),
		cmocka_unit_test(test_token),
		cmocka_unit_test(test_authorization),
		cmocka_unit_test(test_token_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
