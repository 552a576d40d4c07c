/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_registry_csv.c - device files: what is taken, what is refused and how it is said */

#include "registry/csv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PIN "0123456789abcdefABCDEF!#%&/()=?+"
#define BIND "bindpass"
#define ROWS_MAX 100001

/* the rows that were read, and where they began; ROWS_MAX of them */
static struct {
	struct device_record *records;
	uint32_t *lines;
	size_t count;
} devices;
static char error[256];

static int read_rows(FILE *file, const char *name)
{
	struct csv csv;
	int rc = csv_begin(&csv, file, name, error, sizeof(error));

	devices.count = 0;
	for (; rc >= 0; devices.count++) {
		assert_true(devices.count < ROWS_MAX);
		rc = csv_next(&csv, &devices.records[devices.count]);
		if (rc != 1)
			break;
		devices.lines[devices.count] = csv.row;
	}
	csv_end(&csv);
	assert_int_equal(csv.field[0], 0);
	return rc;
}

static int read_bytes(const char *text, size_t length)
{
	FILE *file = fmemopen((void *)(uintptr_t)text, length ? length : 1, "r");
	int rc;

	if (length == 0) {
		fclose(file);
		file = fopen("/dev/null", "r");
	}
	assert_non_null(file);
	error[0] = '\0';
	rc = read_rows(file, "devices.csv");
	fclose(file);
	/* whatever was wrong, a secret is not shown: no part of 6 characters of the PIN */
	for (size_t i = 0; i + 6 <= strlen(PIN); i++) {
		char part[7] = "";

		memcpy(part, &PIN[i], 6);
		assert_null(strstr(error, part));
	}
	assert_null(strstr(error, BIND));
	if (rc < 0)
		assert_memory_equal(error, "devices.csv:", 12);
	return rc;
}

static int read_text(const char *text)
{
	return read_bytes(text, strlen(text));
}

static void assert_refused(const char *text, unsigned line, const char *says)
{
	char start[32];

	snprintf(start, sizeof(start), "devices.csv:%u: ", line);
	assert_int_equal(read_text(text), -EINVAL);
	if (strncmp(error, start, strlen(start)) != 0 || !strstr(error, says))
		fail_msg("\"%s\" should begin with \"%s\" and say \"%s\"", error, start, says);
}

static void test_all_columns(void **state)
{
	assert_int_equal(read_text("device_id,pin,bind_password,model,gateway\n"
				   "one," PIN "," BIND ",M1,\n"
				   "two," PIN ",,,one\n"),
		0);
	assert_int_equal(devices.count, 2);
	assert_string_equal(devices.records[0].id, "one");
	assert_memory_equal(devices.records[0].pin, PIN, DEVICE_PIN_BYTES);
	assert_string_equal(devices.records[0].bind_password, BIND);
	assert_string_equal(devices.records[0].model, "M1");
	assert_string_equal(devices.records[0].gateway, "");
	assert_string_equal(devices.records[1].gateway, "one");
	assert_string_equal(devices.records[1].bind_password, "");
	assert_int_equal(devices.lines[0], 2);
	assert_int_equal(devices.lines[1], 3);
}

static void test_any_order(void **state)
{
	assert_int_equal(read_text("gateway,pin,device_id\r\ngw," PIN ",one\r\n"), 0);
	assert_int_equal(devices.count, 1);
	assert_string_equal(devices.records[0].id, "one");
	assert_string_equal(devices.records[0].gateway, "gw");
	assert_int_equal(read_text("pin,device_id\n" PIN ",one"), 0); /* no last line end */
	assert_int_equal(devices.count, 1);
	assert_int_equal(read_text("pin,device_id\n"), 0);
	assert_int_equal(devices.count, 0);
	assert_int_equal(read_text("pin,device_id"), 0);
	assert_int_equal(devices.count, 0);
}

static void test_quoting(void **state)
{
	assert_int_equal(read_text("\"device_id\",pin,model\n"
				   "\"a,b\",\"" PIN "\",\"the \"\"big\"\" one\"\r\n"),
		0);
	assert_string_equal(devices.records[0].id, "a,b");
	assert_string_equal(devices.records[0].model, "the \"big\" one");
	assert_refused("device_id,pin\n\"one" PIN ",x\n", 2, "not closed");
	assert_refused("device_id,pin\n\"one\"x," PIN "\n", 2, "after a closing quote");
	assert_refused("device_id,pin\no\"ne," PIN "\n", 2, "a quote inside");
	/* a line end inside quotes is no part of any member, and does not shift the lines */
	assert_refused("device_id,pin,model\na," PIN ",\"x\ny\"\n", 2, "model");
	assert_refused("device_id,pin\na," PIN "\n\"\n\n\"," PIN "\n", 3, "device id");
}

static void test_white_space(void **state)
{
	assert_int_equal(read_text("\xef\xbb\xbf"
				   "\n\r\ndevice_id,pin\n\none," PIN "\n\r\n\n\ntwo," PIN "\n\n"),
		0);
	assert_int_equal(devices.count, 2);
	assert_int_equal(devices.lines[0], 5);
	assert_int_equal(devices.lines[1], 9);
	assert_refused("device_id,pin\n \none," PIN "\n", 2, "1 fields");
	assert_refused("device_id,pin\none," PIN "\r\r\n", 2, "carriage return");
	assert_refused("device_id,pin\rone," PIN "\r", 1, "carriage return");
}

static void test_header(void **state)
{
	assert_refused("", 1, "empty");
	assert_refused("\n\n", 3, "empty");
	assert_refused("device_id\none\n", 1, "column pin is missing");
	assert_refused("pin,model\n", 1, "column device_id is missing");
	assert_refused("device_id,pin,colour\n", 1, "\"colour\"");
	assert_refused("device_id,pin,pin\n", 1, "twice");
	assert_refused("device_id,pin,\n", 1, "unknown column");
	/* without a header row the first row is a device's: nothing of it is shown */
	assert_refused("one," PIN "," BIND "\n", 1, "name the columns");
	assert_refused(BIND "," PIN ",one\n", 1, "name the columns");
	assert_refused("device_id," PIN "\n", 1, "name the columns");
}

static void test_rows(void **state)
{
	assert_refused("device_id,pin\none," PIN "\ntwo\n", 3, "1 fields, the header row names 2");
	assert_refused("device_id,pin\none," PIN ",\n", 2, "3 fields");
	assert_refused("device_id,pin\none,short\n", 2, "pin is not 32");
	assert_refused("device_id,pin\none," PIN "x\n", 2, "pin is longer");
	assert_refused("device_id,pin\none,\n", 2, "pin is not 32");
	assert_refused("device_id,pin\n," PIN "\n", 2, "device id");
	assert_refused("device_id,pin\no\\ne," PIN "\n", 2, "device id");
	assert_refused("device_id,pin\no\xc3\xa9," PIN "\n", 2, "device id");
	assert_refused("device_id,pin,bind_password\none," PIN ",short\n", 2, "bind password");
	assert_refused("device_id,pin,bind_password\none," PIN ",longer than 8\n", 2, "longer");
	assert_refused("device_id,pin,gateway\none," PIN ",one\n", 2, "own gateway");
	assert_refused("device_id,pin,model\none," PIN ",\xff\n", 2, "model");
	/* a row whose columns are swapped would show its PIN if ids were shown */
	assert_refused("device_id,pin\n" PIN ",one\n", 2, "pin is not 32");
}

static void test_hostile(void **state)
{
	static char longest[5000];

	assert_int_equal(read_bytes("device_id,pin\no\0e," PIN "\n", 18 + 32), -EINVAL);
	assert_non_null(strstr(error, "zero byte"));
	assert_int_equal(read_bytes("device_id,pin\n\"o\0e\"," PIN "\n", 20 + 32), -EINVAL);
	memset(longest, 'a', sizeof(longest) - 1);
	assert_refused(longest, 1, "too long");
	memset(longest, '"', sizeof(longest) - 1);
	assert_refused(longest, 1, "");
	memset(longest, ',', sizeof(longest) - 1);
	assert_refused(longest, 1, "unknown column 1");
	memcpy(longest, "device_id,pin\n", 14);
	assert_refused(longest, 2, "");
}

/* A file cut off anywhere, or with any byte changed: refused or read, never worse. */
static void test_every_damage(void **state)
{
	static const char good[] = "device_id,pin,model\r\n\"one\"," PIN ",\"a \"\"b\"\"\"\n"
				   "two," PIN ",\n";
	char bytes[sizeof(good)];
	unsigned taken = 0;

	for (size_t cut = 0; cut < sizeof(good); cut++) {
		memcpy(bytes, good, cut);
		taken += read_bytes(bytes, cut) == 0;
	}
	/* after a whole header or row, a field that may be empty, or a quote that might be doubled */
	assert_int_equal(taken, 10);
	for (size_t at = 0; at < sizeof(good) - 1; at++) {
		for (unsigned value = 0; value < 256; value++) {
			memcpy(bytes, good, sizeof(good));
			bytes[at] = (char)value;
			/* errors may not show the PIN; a changed one is still nearly all of it */
			if (read_bytes(bytes, sizeof(good) - 1) != 0)
				continue;
			for (size_t i = 0; i < devices.count; i++)
				assert_null(device_record_check(&devices.records[i]));
		}
	}
}

static void test_directory_as_file(void **state)
{
	FILE *file = fopen("/", "r");

	assert_non_null(file);
	assert_int_equal(read_rows(file, "/"), -EIO);
	fclose(file);
}

static void test_many(void **state)
{
	const unsigned rows = 100000;
	char *text = malloc(rows * 64 + 64);
	size_t length = (size_t)sprintf(text, "pin,device_id\n");

	for (unsigned i = 0; i < rows; i++)
		length += (size_t)sprintf(text + length, "%s,device-%06u\n", PIN, i);
	assert_int_equal(read_bytes(text, length), 0);
	assert_int_equal(devices.count, rows);
	assert_string_equal(devices.records[99999].id, "device-099999");
	assert_int_equal(devices.lines[99999], 100001);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_columns),
		cmocka_unit_test(test_any_order),
		cmocka_unit_test(test_quoting),
		cmocka_unit_test(test_white_space),
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_every_damage),
		cmocka_unit_test(test_directory_as_file),
		cmocka_unit_test(test_many),
	};

	int rc;

	devices.records = calloc(ROWS_MAX, sizeof(*devices.records));
	devices.lines = calloc(ROWS_MAX, sizeof(*devices.lines));
	rc = devices.records && devices.lines ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
	free(devices.records);
	free(devices.lines);
	return rc;
}
