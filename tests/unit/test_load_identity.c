/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_load_identity.c - the instrument's devices by seed and index */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "identity.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const uint32_t some[] = {0, 1, 9, 10, 99, 12345678, 90909090, IDENTITY_MAX - 1};
#define SOME (sizeof(some) / sizeof(some[0]))

static void test_an_id_leads_back_to_its_device(void **state)
{
	struct identity identity;
	char id[IDENTITY_ID], text[32];

	identity_init(&identity, 7);
	for (unsigned i = 0; i < SOME; i++) {
		identity_id(&identity, some[i], id);
		snprintf(text, sizeof(text), "%.16s%08u", identity.head, some[i]);
		assert_memory_equal(id, text, sizeof(id));
		assert_int_equal(identity_index(&identity, id), some[i]);
	}
}

static void test_a_strangers_id_is_told(void **state)
{
	struct identity identity;
	char id[IDENTITY_ID];

	identity_init(&identity, 7);
	for (unsigned place = 0; place < IDENTITY_ID; place++) {
		for (unsigned c = 0; c < 256; c++) {
			uint32_t index;

			identity_id(&identity, 12345678, id);
			if ((char)c == id[place])
				continue;
			id[place] = (char)c;
			index = identity_index(&identity, id);
			if (place < sizeof(identity.head) || !isdigit((int)c))
				assert_int_equal(index, UINT32_MAX);
			else
				assert_int_not_equal(index, 12345678);
		}
	}
}

static void test_pins_depend_on_seed_and_device(void **state)
{
	char pins[4][IDENTITY_PIN], again[IDENTITY_PIN];
	struct identity identity;

	for (unsigned i = 0; i < 4; i++) {
		identity_init(&identity, i / 2);
		identity_pin(&identity, i % 2, pins[i]);
		for (unsigned j = 0; j < IDENTITY_PIN; j++)
			assert_true(isalnum((unsigned char)pins[i][j]));
		for (unsigned j = 0; j < i; j++)
			assert_memory_not_equal(pins[i], pins[j], IDENTITY_PIN);
	}
	identity_init(&identity, 1);
	identity_pin(&identity, 1, again);
	assert_memory_equal(again, pins[3], IDENTITY_PIN);
}

static void test_the_file_names_every_device_with_its_pin(void **state)
{
	char path[] = "/tmp/hearth-identity-XXXXXX", line[128], want[128], id[IDENTITY_ID];
	char pin[IDENTITY_PIN];
	const uint32_t count = 40000; /* more than are written at once */
	struct identity identity;
	struct stat st;
	uint32_t rows = 0;
	FILE *file;

	assert_true(close(mkstemp(path)) == 0);
	assert_int_equal(chmod(path, 0644), 0);
	identity_init(&identity, 3);
	assert_int_equal(identity_csv(&identity, count, path), 0);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_int_equal(fstat(fileno(file), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_non_null(fgets(line, sizeof(line), file));
	assert_string_equal(line, "device_id,pin\n");
	for (; fgets(line, sizeof(line), file); rows++) {
		identity_id(&identity, rows, id);
		identity_pin(&identity, rows, pin);
		snprintf(want, sizeof(want), "%.*s,%.*s\n", IDENTITY_ID, id, IDENTITY_PIN, pin);
		assert_string_equal(line, want);
	}
	assert_int_equal(rows, count);
	fclose(file);
	unlink(path);
}

static void test_a_path_that_cannot_be_written_is_an_error(void **state)
{
	struct identity identity;

	identity_init(&identity, 3);
	assert_true(identity_csv(&identity, 1, "/nonexistent/devices.csv") < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_id_leads_back_to_its_device),
		cmocka_unit_test(test_a_strangers_id_is_told),
		cmocka_unit_test(test_pins_depend_on_seed_and_device),
		cmocka_unit_test(test_the_file_names_every_device_with_its_pin),
		cmocka_unit_test(test_a_path_that_cannot_be_written_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
