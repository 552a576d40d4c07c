/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_call.c - how the library reads an answer of the control socket: as jansson wrote it, and
 * without harm whatever else it is */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "feed/hearth_commands.h"

static uint64_t seed = 1;

static uint32_t dice(uint32_t sides)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % sides;
}

/* Text of characters that need escapes, quotes, braces, or three bytes. */
static json_t *random_text(void)
{
	static const char *const parts[] = {"a", "\"", "\\", "/", "\n", "\t", "\x01", "\x1f",
		"\x7f", "{", "}", "[", "]", ",", ":", " ", "\xc3\xa9", "\xe4\xb8\xad",
		"\xf0\x9f\x92\xa1", "u0041"};
	char text[128] = "";

	for (unsigned i = dice(20); i; i--)
		strcat(text, parts[dice(sizeof(parts) / sizeof(parts[0]))]);
	return json_string(text);
}

static json_t *random_value(unsigned depth)
{
	json_t *value;

	switch (dice(depth ? 7 : 5)) {
	case 0:
		return json_integer(dice(1000000) * (json_int_t)dice(1000000));
	case 1:
		return json_boolean(dice(2));
	case 2:
		return json_null();
	case 3:
		return json_real(dice(1000) / 8.0);
	case 4:
		return random_text();
	case 5:
		value = json_array();
		for (unsigned i = dice(4); i; i--)
			json_array_append_new(value, random_value(depth - 1));
		return value;
	default:
		value = json_object();
		for (unsigned i = dice(4); i; i--)
			json_object_set_new(value, i % 2 ? "wanted" : "x", random_value(depth - 1));
		return value;
	}
}

/* An object whose member "wanted" may be missing, and stands anywhere. */
static json_t *random_object(void)
{
	json_t *object = json_object();
	char name[8] = "k0";

	for (unsigned i = 0; i < 6; i++) {
		name[1] = (char)('0' + i);
		json_object_set_new(object, dice(5) ? name : "wanted", random_value(3));
	}
	return object;
}

static void put(struct call_answer *answer, const char *line, size_t length)
{
	answer->length = length < sizeof(answer->line) ? length : sizeof(answer->line);
	/* what stands behind the line is poison for who reads on */
	memset(answer->line, '"', sizeof(answer->line));
	memcpy(answer->line, line, answer->length);
}

static void test_as_written(void **state)
{
	static struct call_answer answer;
	unsigned texts = 0, numbers = 0;

	for (unsigned i = 0; i < 20000; i++) {
		json_t *object = random_object(), *wanted = json_object_get(object, "wanted");
		char *line = json_dumps(object, i % 2 ? JSON_COMPACT : JSON_INDENT(1));
		char text[256];
		uint64_t number;
		bool is_text, is_number;

		put(&answer, line, strlen(line));
		is_text = call_text(&answer, "wanted", text, sizeof(text));
		is_number = call_number(&answer, "wanted", &number);
		assert_int_equal(is_text, json_is_string(wanted));
		assert_int_equal(is_number, json_is_integer(wanted));
		if (is_text)
			assert_string_equal(text, json_string_value(wanted));
		if (is_number)
			assert_true(number == (uint64_t)json_integer_value(wanted));
		texts += is_text;
		numbers += is_number;
		free(line);
		json_decref(object);
	}
	assert_true(texts > 1000 && numbers > 1000);
}

/* Cut and changed at random; the line fills its buffer to the last byte now and then. */
static void test_not_as_written(void **state)
{
	for (unsigned i = 0; i < 50000; i++) {
		struct call_answer *answer = malloc(sizeof(*answer));
		json_t *object = random_object();
		char *line = json_dumps(object, JSON_COMPACT), text[16];
		size_t length = strlen(line), at;
		uint64_t number;

		put(answer, line, dice(2) ? length : dice((uint32_t)length + 1));
		for (unsigned n = dice(4); n && answer->length; n--)
			answer->line[dice((uint32_t)answer->length)] = "\"\\{}[]:,u0 "[dice(11)];
		if (i % 8 == 0) {
			/* as much as there can be */
			at = answer->length;
			memset(answer->line + at, i % 16 ? '\\' : '"', sizeof(answer->line) - at);
			answer->length = sizeof(answer->line);
		}
		memset(text, 'x', sizeof(text));
		if (call_text(answer, "wanted", text, sizeof(text)))
			assert_non_null(memchr(text, '\0', sizeof(text)));
		if (call_number(answer, "wanted", &number))
			assert_true(number <= COMMAND_REQUEST_LIMIT);
		free(line);
		json_decref(object);
		free(answer);
	}
}

static void test_numbers(void **state)
{
	static const struct {
		const char *line;
		bool good;
		uint64_t value;
	} rows[] = {{"{\"wanted\":0}", true, 0}, {"{\"wanted\" : 300 }", true, 300},
		{"{\"wanted\":9007199254740992}", true, 1ull << 53},
		{"{\"wanted\":9007199254740993}", false, 0},
		{"{\"wanted\":99999999999999999999999}", false, 0}, {"{\"wanted\":-1}", false, 0},
		{"{\"wanted\":1.0}", false, 0}, {"{\"wanted\":1e3}", false, 0},
		{"{\"wanted\":\"1\"}", false, 0}, {"{\"wanted\":}", false, 0},
		{"{\"wanted\":1", false, 0}, {"{\"wante\":1}", false, 0}};
	static struct call_answer answer;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t value = 0;

		put(&answer, rows[i].line, strlen(rows[i].line));
		assert_int_equal(call_number(&answer, "wanted", &value), rows[i].good);
		if (rows[i].good)
			assert_true(value == rows[i].value);
	}
}

static void test_quote(void **state)
{
	char out[8];

	assert_true(call_quote("abcde", out, sizeof(out)));
	assert_string_equal(out, "\"abcde\"");
	assert_false(call_quote("abcdef", out, sizeof(out)));
	assert_true(call_quote("", out, sizeof(out)));
	assert_string_equal(out, "\"\"");
	assert_false(call_quote("a\"b", out, sizeof(out)));
	assert_false(call_quote("a\\b", out, sizeof(out)));
	assert_false(call_quote("a\nb", out, sizeof(out)));
	assert_false(call_quote("\xc3\xa9", out, sizeof(out)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_written),
		cmocka_unit_test(test_not_as_written),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_quote),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
