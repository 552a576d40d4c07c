/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_json_value.c - members of a scanned object: found, read, left out */
#include "json_fixture.h"

enum { GUARD = 16, GUARD_BYTE = 0xb6 };

static void scan_text(struct json_object *object, const char *text)
{
	assert_int_equal(json_scan(object, (const uint8_t *)text, (uint32_t)strlen(text)), 0);
}

static void check_member(const struct json_object *object, unsigned index, const char *key,
	enum json_kind kind, const char *value)
{
	const struct json_member *member = &object->members[index];

	assert_int_equal(member->key_length, strlen(key));
	assert_memory_equal(object->text + member->key, key, strlen(key));
	assert_int_equal(member->kind, kind);
	assert_int_equal(member->value_length, strlen(value));
	assert_memory_equal(object->text + member->value, value, strlen(value));
	assert_int_equal(member->key_escaped, strchr(key, '\\') != NULL);
	assert_int_equal(member->value_escaped, kind == JSON_STRING && strchr(value, '\\') != NULL);
}

static void test_members(void **state)
{
	struct json_object object;

	scan_text(&object,
		"\n{ \"code\" : 2006 ,\"data\":\"a\\/b\",\"\\u0061\":-1.5e3,\"t\":true,"
		"\"f\":false,\"n\":null,\"o\":{\"x\":[{\"\\n\":\"\\\\\"}]} , \"l\":[ ],\"e\":{},"
		"\"m\":[1,\"}\"],\"\":\"\"}\t");
	assert_int_equal(object.count, 11);
	check_member(&object, 0, "code", JSON_NUMBER, "2006");
	check_member(&object, 1, "data", JSON_STRING, "a\\/b");
	check_member(&object, 2, "\\u0061", JSON_NUMBER, "-1.5e3");
	check_member(&object, 3, "t", JSON_TRUE, "true");
	check_member(&object, 4, "f", JSON_FALSE, "false");
	check_member(&object, 5, "n", JSON_NULL, "null");
	check_member(&object, 6, "o", JSON_OBJECT, "{\"x\":[{\"\\n\":\"\\\\\"}]}");
	check_member(&object, 7, "l", JSON_ARRAY, "[ ]");
	check_member(&object, 8, "e", JSON_OBJECT, "{}");
	check_member(&object, 9, "m", JSON_ARRAY, "[1,\"}\"]");
	check_member(&object, 10, "", JSON_STRING, "");
	/* what was below the first level is not found on it */
	assert_null(json_find(&object, "x"));
	assert_ptr_equal(json_find(&object, "a"), &object.members[2]);
	assert_null(json_find(&object, "\\u0061"));
	assert_ptr_equal(json_find(&object, ""), &object.members[10]);
	assert_null(json_find(&object, "cod"));
	assert_null(json_find(&object, "code2"));
}

static void test_strings(void **state)
{
	static const char raw[] = "{\"s\":\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\u6E29"
				  "\\ud83d\\ude00\xe5\xba\xa6\\u0000z\"}";
	static const char resolved[] =
		"a\"\\/\b\f\n\r\tA\xc3\xa9\xe6\xb8\xa9\xf0\x9f\x98\x80\xe5\xba\xa6\0z";
	const uint32_t length = sizeof(resolved) - 1;
	struct json_object object;
	uint8_t out[64 + GUARD];

	scan_text(&object, raw);
	for (uint32_t room = 0; room <= 64; room++) {
		memset(out, GUARD_BYTE, sizeof(out));
		assert_int_equal(json_string(&object, &object.members[0], out, room),
			room < length ? -ENOSPC : (int32_t)length);
		for (uint32_t i = room; i < room + GUARD; i++)
			assert_int_equal(out[i], GUARD_BYTE);
		if (room >= length)
			assert_memory_equal(out, resolved, length);
	}
	assert_true(json_string_is(&object, &object.members[0], resolved, length));
	for (uint32_t i = 0; i < length; i++) {
		memcpy(out, resolved, length);
		out[i] ^= 1;
		assert_false(json_string_is(&object, &object.members[0], out, length));
		assert_false(json_string_is(&object, &object.members[0], resolved, i));
	}
	memcpy(out, resolved, length + 1);
	assert_false(json_string_is(&object, &object.members[0], out, length + 1));
	/* plain, empty, and other kinds */
	scan_text(&object, "{\"p\":\"plain\",\"e\":\"\",\"n\":12,\"l\":[\"x\"],\"o\":null}");
	assert_int_equal(json_string(&object, &object.members[0], out, 5), 5);
	assert_memory_equal(out, "plain", 5);
	assert_int_equal(json_string(&object, &object.members[0], out, 4), -ENOSPC);
	assert_true(json_string_is(&object, &object.members[0], "plain", 5));
	assert_false(json_string_is(&object, &object.members[0], "plaim", 5));
	assert_false(json_string_is(&object, &object.members[0], "plai", 4));
	assert_int_equal(json_string(&object, &object.members[1], out, 0), 0);
	assert_true(json_string_is(&object, &object.members[1], "", 0));
	for (unsigned i = 2; i < 5; i++) {
		assert_int_equal(json_string(&object, &object.members[i], out, 64), -EINVAL);
		assert_false(json_string_is(&object, &object.members[i], "12", 2));
	}
}

/* All of \u0000 to \uffff, and a pair for each plane: resolved as UTF-8 should have them. */
static void test_every_code_point(void **state)
{
	char text[64];
	uint8_t out[8], expected[8];

	for (uint32_t point = 0; point < 0x110000; point += point < 0x10000 ? 1 : 0x0fff) {
		struct json_object object;
		uint32_t length;
		int n;

		if (point >= 0xd800 && point <= 0xdfff)
			continue;
		if (point < 0x10000)
			sprintf(text, "{\"s\":\"\\u%04x\"}", point);
		else
			sprintf(text, "{\"s\":\"\\u%04X\\u%04x\"}", 0xd7c0 + (point >> 10),
				0xdc00 | (point & 0x3ff));
		/* the encoding by the definition's bit pattern */
		length = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
		for (uint32_t i = length, rest = point; i-- > 0; rest >>= 6)
			expected[i] =
				(uint8_t)(i > 0         ? 0x80 | (rest & 0x3f)
					  : length == 1 ? rest
							: (0xf0 << (4 - length) & 0xff) | rest);
		scan_text(&object, text);
		n = json_string(&object, &object.members[0], out, sizeof(out));
		assert_int_equal(n, (int)length);
		assert_memory_equal(out, expected, length);
		/* the same character written directly: taken, unless it must be escaped */
		if (point >= 0x20 && point != '"' && point != '\\') {
			memcpy(text, "{\"s\":\"", 6);
			memcpy(text + 6, expected, length);
			memcpy(text + 6 + length, "\"}", 3);
			assert_int_equal(scan_exact(text, length + 8), 0);
		}
	}
}

static void test_uint(void **state)
{
	static const struct {
		const char *value;
		uint64_t max;
		int result;
		uint64_t expected;
	} rows[] = {
		{"0", 0, 0, 0},
		{"1", 0, -EINVAL, 0},
		{"9", 9, 0, 9},
		{"9", 8, -EINVAL, 0},
		{"10", 9, -EINVAL, 0},
		{"65535", 65535, 0, 65535},
		{"65536", 65535, -EINVAL, 0},
		{"655350", 65535, -EINVAL, 0},
		{"9007199254740993", UINT64_MAX, 0, 9007199254740993},
		{"18446744073709551615", UINT64_MAX, 0, UINT64_MAX},
		{"18446744073709551616", UINT64_MAX, -EINVAL, 0},
		{"18446744073709551625", UINT64_MAX, -EINVAL, 0},
		{"28446744073709551615", UINT64_MAX, -EINVAL, 0},
		{"184467440737095516150", UINT64_MAX, -EINVAL, 0},
		{"36893488147419103232", UINT64_MAX, -EINVAL, 0},
		{"-0", 9, -EINVAL, 0},
		{"-1", UINT64_MAX, -EINVAL, 0},
		{"1.0", 9, -EINVAL, 0},
		{"1e0", 9, -EINVAL, 0},
		{"1E1", 99, -EINVAL, 0},
		{"null", 9, -EINVAL, 0},
		{"true", 9, -EINVAL, 0},
		{"[1]", 9, -EINVAL, 0},
		{"{}", 9, -EINVAL, 0},
		{"\"1\"", 9, -EINVAL, 0},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct json_object object;
		uint64_t value = 77;
		bool was_string = true;
		char text[64];

		snprintf(text, sizeof(text), "{\"n\":%s}", rows[i].value);
		scan_text(&object, text);
		assert_int_equal(json_uint(&object, &object.members[0], rows[i].max, &value),
			rows[i].result);
		assert_true(value == (rows[i].result == 0 ? rows[i].expected : 77));
		if (rows[i].value[0] == '"')
			continue;
		assert_int_equal(
			json_decimal(&object, &object.members[0], rows[i].max, &value, &was_string),
			rows[i].result);
		assert_false(was_string);
	}
}

static void test_decimal_strings(void **state)
{
	static const struct {
		const char *value;
		int result;
		uint64_t expected;
	} rows[] = {
		{"0", 0, 0},
		{"65535", 0, 65535},
		{"65536", -EINVAL, 0},
		{"", -EINVAL, 0},
		{"00", -EINVAL, 0},
		{"01", -EINVAL, 0},
		{"-1", -EINVAL, 0},
		{"+1", -EINVAL, 0},
		{" 1", -EINVAL, 0},
		{"1 ", -EINVAL, 0},
		{"1.0", -EINVAL, 0},
		{"1e1", -EINVAL, 0},
		{"0x1", -EINVAL, 0},
		{"1\\u0000", -EINVAL, 0},
		{"\xd9\xa1", -EINVAL, 0},
		/* escapes are resolved first */
		{"\\u0031\\u0032", 0, 12},
		{"\\u0030\\u0031", -EINVAL, 0},
		{"000000000000000000000000000000001", -EINVAL, 0},
		{"99999999999999999999999999999999999999", -EINVAL, 0},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct json_object object;
		uint64_t value = 77;
		bool was_string = false;
		char text[64];

		snprintf(text, sizeof(text), "{\"n\":\"%s\"}", rows[i].value);
		scan_text(&object, text);
		assert_int_equal(
			json_decimal(&object, &object.members[0], 65535, &value, &was_string),
			rows[i].result);
		assert_true(was_string);
		assert_true(value == (rows[i].result == 0 ? rows[i].expected : 77));
		assert_int_equal(json_uint(&object, &object.members[0], 65535, &value), -EINVAL);
	}
}

static void check_without(const char *text, const char *name, const char *expected)
{
	uint32_t length = (uint32_t)strlen(text), written;
	uint8_t *out = malloc(length + GUARD);
	struct json_object object;

	assert_non_null(out);
	memset(out, GUARD_BYTE, length + GUARD);
	scan_text(&object, text);
	written = json_without(&object, name, out);
	if (written != strlen(expected) || memcmp(out, expected, written) != 0)
		fail_msg("without %s: %.*s", name, (int)written, (const char *)out);
	for (uint32_t i = written; i < length + GUARD; i++)
		assert_int_equal(out[i], GUARD_BYTE);
	assert_int_equal(scan_exact(out, written), 0);
	free(out);
}

static void test_without(void **state)
{
	/* first, middle, last, only, none */
	check_without("{\"pin\":\"x\",\"b\":2,\"c\":3}", "pin", "{\"b\":2,\"c\":3}");
	check_without("{\"a\":1,\"pin\":\"x\",\"c\":3}", "pin", "{\"a\":1,\"c\":3}");
	check_without("{\"a\":1,\"b\":2,\"pin\":\"x\"}", "pin", "{\"a\":1,\"b\":2}");
	check_without("{\"pin\":\"x\"}", "pin", "{}");
	check_without("{\"a\":1}", "pin", "{\"a\":1}");
	check_without("{}", "pin", "{}");
	/* every kind of value */
	check_without("{\"pin\":{\"a\":[]},\"b\":2}", "pin", "{\"b\":2}");
	check_without("{\"a\":\"\",\"pin\":[1,{}]}", "pin", "{\"a\":\"\"}");
	check_without("{\"a\":[],\"pin\":null,\"b\":\"\"}", "pin", "{\"a\":[],\"b\":\"\"}");
	/* values that look like the member, and the member below the first level, stay */
	check_without("{\"a\":\"\\\"pin\\\":1\",\"o\":{\"pin\":2}}", "pin",
		"{\"a\":\"\\\"pin\\\":1\",\"o\":{\"pin\":2}}");
	/* however its key is written */
	check_without("{\"a\":1,\"p\\u0069n\":\"\\\"\",\"b\":2}", "pin", "{\"a\":1,\"b\":2}");
	/* white space; line breaks become spaces, tabs stay */
	check_without("{ \"pin\" : 1 , \"b\" : 2 }", "pin", "{ \"b\" : 2 }");
	check_without("{ \"a\" : 1 , \"pin\" : 2 }", "pin", "{ \"a\" : 1 }");
	check_without("{ \"pin\" : 2 }", "pin", "{  }");
	check_without("\r\n{\n\"a\":\r1,\t\"b\\n\":\n[\n]\n}\n", "pin",
		"  { \"a\": 1,\t\"b\\n\": [ ] } ");
	check_without("{\n\"a\":1,\r\n\"pin\":\n2\n,\n\"c\":3}", "pin", "{ \"a\":1 , \"c\":3}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_every_code_point),
		cmocka_unit_test(test_uint),
		cmocka_unit_test(test_decimal_strings),
		cmocka_unit_test(test_without),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
