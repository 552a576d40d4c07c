/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_load_text.c - what the instrument's devices say, read by jansson; what they take as
 * answers */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "digits.h"
#include "text.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint16_t sequences[] = {0, 7, 9, 10, 99, 100, 999, 1000, 9999, 10000, 65535};
#define SEQUENCES (sizeof(sequences) / sizeof(sequences[0]))

static struct identity identity;

static int setup(void **state)
{
	identity_init(&identity, 5);
	return 0;
}

static const char *string_in(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	assert_non_null(text);
	return text;
}

static void test_digits(void **state)
{
	char text[32], want[32], eight[9] = "";
	uint64_t number;

	for (uint32_t i = 0; i < 100000000; i += 1 + i / 7 + (i > 65536 ? 9973 : 0)) {
		uint64_t digits = digits8(i);

		memcpy(eight, &digits, 8);
		snprintf(want, sizeof(want), "%08u", i);
		assert_string_equal(eight, want);
		digits16(text, i * 1234567ull % 10000000000000000ull);
		snprintf(want, sizeof(want), "%016llu",
			(unsigned long long)(i * 1234567ull % 10000000000000000ull));
		assert_memory_equal(text, want, 16);
		assert_true(digits_read(want, 16, &number));
		assert_true(number == i * 1234567ull % 10000000000000000ull);
	}
	for (unsigned i = 0; i < 65536; i++) {
		snprintf(want, sizeof(want), "%u", i);
		assert_int_equal(digits_short(text, (uint16_t)i), strlen(want));
		assert_memory_equal(text, want, strlen(want));
	}
	assert_false(digits_read("12:4", 4, &number));
	assert_false(digits_read("12/4", 4, &number));
}

static void check_report(
	const struct text_report *report, uint32_t index, uint32_t n, uint16_t sequence)
{
	char out[TEXT_REPORT_MAX + 16], id[IDENTITY_ID + 1] = "", number[16];
	unsigned length = text_report(report, index, n, "1700000001", sequence, out);
	json_t *object = json_loadb(out, length, JSON_REJECT_DUPLICATES, NULL);

	assert_int_equal(length, report->bytes);
	assert_non_null(object);
	assert_int_equal(json_object_size(object), 5);
	identity_id(&identity, index, id);
	assert_string_equal(string_in(object, "deviceId"), id);
	assert_true(json_is_array(json_object_get(object, "statusSerials")));
	assert_true(strtoul(string_in(object, "n"), NULL, 10) == n);
	snprintf(number, sizeof(number), "%u", sequence);
	assert_string_equal(string_in(object, "sequence"), number);
	assert_int_equal(json_integer_value(json_object_get(object, "time")), 1700000001);
	assert_int_equal(text_report_number(report, out, sequence), n);
	json_decref(object);
}

static void test_reports_have_their_size_and_members(void **state)
{
	static const unsigned sizes[] = {TEXT_REPORT_MIN, 113, 180, 200, 210, 300, 1000, 8192};
	static struct text_report report;

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		text_report_make(&report, &identity, sizes[i]);
		for (unsigned j = 0; j < SEQUENCES; j++)
			check_report(&report, 12345678 + j, j ? UINT32_MAX - j : 1, sequences[j]);
	}
}

static void test_other_requests(void **state)
{
	char out[TEXT_MAX], id[IDENTITY_ID + 1] = "", number[16];

	identity_id(&identity, 42, id);
	for (unsigned i = 0; i < 3 * SEQUENCES; i++) {
		uint16_t sequence = sequences[i / 3];
		unsigned length =
			i % 3 == 0 ? text_login(&identity, 42, "1700000001", sequence, out)
			: i % 3 == 1
				? text_connect("0123456789abcdef", "1700000001", sequence, out)
				: text_heartbeat("0123456789abcdef", "1700000001", sequence, out);
		json_t *object = json_loadb(out, length, JSON_REJECT_DUPLICATES, NULL);

		assert_non_null(object);
		snprintf(number, sizeof(number), "%u", sequence);
		assert_string_equal(string_in(object, "sequence"), number);
		assert_int_equal(json_integer_value(json_object_get(object, "time")), 1700000001);
		if (i % 3 == 0)
			assert_string_equal(string_in(object, "deviceId"), id);
		else
			assert_string_equal(string_in(object, "token"), "0123456789abcdef");
		json_decref(object);
	}
}

static unsigned answer(char *out, uint32_t index, uint16_t sequence, uint32_t now)
{
	char id[IDENTITY_ID];

	identity_id(&identity, index, id);
	if (index == UINT32_MAX)
		return (unsigned)sprintf(
			out, "{\"result\":0,\"sequence\":\"%u\",\"time\":%u}", sequence, now);
	return (unsigned)sprintf(out,
		"{\"result\":0,\"sequence\":\"%u\",\"deviceId\":\"%.24s\",\"time\":%u}", sequence,
		id, now);
}

static void test_an_answer_is_taken_only_whole_and_now(void **state)
{
	struct text_clock clock;
	char out[256];

	text_clock_set(&clock, 1700000000);
	for (unsigned i = 0; i < 2 * SEQUENCES; i++) {
		uint32_t index = i % 2 ? UINT32_MAX : 99999998 - i;
		uint16_t sequence = sequences[i / 2];
		unsigned length = answer(out, index, sequence, 1700000000);

		assert_true(text_is_answer(&identity, index, sequence, &clock, out, length));
		assert_false(text_is_answer(&identity, index, sequence + 1, &clock, out, length));
		assert_false(text_is_answer(&identity, index, sequence, &clock, out, length - 1));
		for (unsigned place = 0; place < length; place++) {
			out[place] += 2;
			assert_false(
				text_is_answer(&identity, index, sequence, &clock, out, length));
			out[place] -= 2;
		}
		length = answer(out, index, sequence, 1699999999);
		assert_true(text_is_answer(&identity, index, sequence, &clock, out, length));
		length = answer(out, index, sequence, 1699999998);
		assert_false(text_is_answer(&identity, index, sequence, &clock, out, length));
		length = answer(out, index, sequence, 1700000001);
		assert_true(text_is_answer(&identity, index, sequence, &clock, out, length));
		length = answer(out, index, sequence, 1700000002);
		assert_false(text_is_answer(&identity, index, sequence, &clock, out, length));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_digits),
		cmocka_unit_test(test_reports_have_their_size_and_members),
		cmocka_unit_test(test_other_requests),
		cmocka_unit_test(test_an_answer_is_taken_only_whole_and_now),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
