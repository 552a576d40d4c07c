/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_peers_resp.c - what the load says to Redis, byte for byte, and what it takes from it */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "guarded.h"
#include "resp.h"

static void test_requests(void **state)
{
	static const char set[] = "*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$11\r\nhello\r\n9999\r\n";
	static const char get[] = "*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n";
	uint8_t out[128];

	assert_int_equal(
		resp_set(out, sizeof(out), "key", 3, "hello\r\n9999", 11), sizeof(set) - 1);
	assert_memory_equal(out, set, sizeof(set) - 1);
	assert_int_equal(resp_get(out, sizeof(out), "key", 3), sizeof(get) - 1);
	assert_memory_equal(out, get, sizeof(get) - 1);
	for (size_t size = 0; size < sizeof(set) - 1; size++)
		assert_int_equal(resp_set(out, size, "key", 3, "hello\r\n9999", 11), 0);
	assert_int_equal(
		resp_set(out, sizeof(set) - 1, "key", 3, "hello\r\n9999", 11), sizeof(set) - 1);
}

struct row {
	const char *text;
	enum resp_kind kind;
	const char *said;
	int64_t number;
};

/* Each reply, cut everywhere: nothing is taken before its last byte is there, and no byte
 * behind. */
static void test_replies(void **state)
{
	static const struct row rows[] = {
		{"+OK\r\n", RESP_OK, "OK", 0},
		{"+\r\n", RESP_OK, "", 0},
		{"-ERR no\r\n", RESP_ERROR, "ERR no", 0},
		{":1000\r\n", RESP_INTEGER, NULL, 1000},
		{":-7\r\n", RESP_INTEGER, NULL, -7},
		{"$5\r\na\r\nbc\r\n", RESP_BULK, "a\r\nbc", 0},
		{"$0\r\n\r\n", RESP_BULK, "", 0},
		{"$-1\r\n", RESP_NONE, NULL, 0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		size_t length = strlen(rows[i].text);
		struct resp_reply reply;

		for (size_t cut = 0; cut <= length; cut++) {
			uint8_t *bytes = memcpy(guarded_get(cut), rows[i].text, cut);

			assert_int_equal(resp_parse(bytes, cut, &reply), cut < length ? 0 : length);
			if (cut == length) {
				assert_int_equal(reply.kind, rows[i].kind);
				if (rows[i].kind == RESP_INTEGER)
					assert_int_equal(reply.number, rows[i].number);
				if (rows[i].said) {
					assert_int_equal(reply.length, strlen(rows[i].said));
					assert_memory_equal(reply.text, rows[i].said, reply.length);
				}
			}
			guarded_put(bytes);
		}
	}
}

static void test_not_replies(void **state)
{
	static const char *const bad[] = {"OK\r\n", "*1\r\n", "+OK\rx", ":\r\n", ":12a\r\n",
		":-\r\n", "$-2\r\n", "$\r\n", "$3\r\nabcd\r\n", ":1000000000000000000000\r\n",
		"$99999999999999999999\r\n"};
	struct resp_reply reply;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(
			resp_parse((const uint8_t *)bad[i], strlen(bad[i]), &reply), -EPROTO);
	/* the largest length that is one: waits for more, and wraps nothing around */
	assert_int_equal(resp_parse((const uint8_t *)"$999999999999999999\r\nabc", 24, &reply), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_replies),
		cmocka_unit_test(test_not_replies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
