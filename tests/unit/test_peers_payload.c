/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_peers_payload.c - the report that peers get is JSON of the length asked for, and knows
 * itself */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <jansson.h>
#include <string.h>

#include "payload.h"

static void test_is_a_report(void **state)
{
	static const size_t lengths[] = {PAYLOAD_LEAST, 300, 1000, PAYLOAD_MOST};
	uint8_t bytes[PAYLOAD_MOST];

	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		json_t *object;

		payload_init(lengths[i]);
		assert_int_equal(payload_bytes(), lengths[i]);
		payload_write(bytes, 4711, 12);
		object = json_loadb((const char *)bytes, lengths[i], JSON_REJECT_DUPLICATES, NULL);
		assert_non_null(object);
		assert_string_equal(json_string_value(json_object_get(object, "deviceId")),
			"000000000000000000004711");
		assert_string_equal(
			json_string_value(json_object_get(object, "sequence")), "0000000012");
		assert_int_equal(json_array_size(json_object_get(object, "statusSerials")), 1);
		json_decref(object);
	}
}

/* No byte can change without being noticed, or being another device's or number's report. */
static void test_every_byte_counts(void **state)
{
	uint8_t bytes[300], other[300];
	uint32_t device, number;

	payload_init(sizeof(bytes));
	payload_write(bytes, UINT32_MAX, UINT32_MAX - 1);
	assert_true(payload_read(bytes, sizeof(bytes), &device, &number));
	assert_int_equal(device, UINT32_MAX);
	assert_int_equal(number, UINT32_MAX - 1);
	assert_false(payload_read(bytes, sizeof(bytes) - 1, &device, &number));
	for (size_t at = 0; at < sizeof(bytes); at++) {
		for (unsigned value = 0; value < 256; value++) {
			uint8_t was = bytes[at];

			bytes[at] = (uint8_t)value;
			if (value != was && payload_read(bytes, sizeof(bytes), &device, &number)) {
				payload_write(other, device, number);
				assert_memory_equal(other, bytes, sizeof(bytes));
				assert_true(device != UINT32_MAX || number != UINT32_MAX - 1);
			}
			bytes[at] = was;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_is_a_report),
		cmocka_unit_test(test_every_byte_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
