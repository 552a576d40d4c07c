/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_json_cases.c - what must be taken, what must be refused, what is ours to choose (K12) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "json_beside_jansson.h"

/* How jansson differs from what is wanted here. */
enum difference {
	ALIKE,
	OUTSIDE, /* it takes arrays on the outside: a frame's content is an object */
	RANGE,   /* it reads numbers at once, and refuses what a long or a double cannot hold */
	TWICE,   /* it takes a name twice, and keeps the last */
	NAME,    /* it has no names with a NUL in them */
	NUL,     /* it overlooks a NUL behind a number */
};

struct json_case {
	const char *text;
	uint32_t length;
	bool taken, chosen;
	enum difference difference;
};

#define CASE(text, ...)                                                                            \
	{                                                                                          \
		text, sizeof(text) - 1, __VA_ARGS__                                                \
	}
#define TAKE(difference, text) CASE(text, true, false, difference)
#define REFUSE(difference, text) CASE(text, false, false, difference)
#define CHOOSE_TAKE(difference, text) CASE(text, true, true, difference)
#define CHOOSE_REFUSE(difference, text) CASE(text, false, true, difference)
#include "json_cases.h"

#define COUNT (sizeof(json_cases) / sizeof(json_cases[0]))

/* Scan bytes of exactly that length on the heap: a sanitizer sees a read past either end. */
static bool ours_takes(const char *text, uint32_t length)
{
	uint8_t *copy = malloc(length ? length : 1);
	struct json_object object;
	bool taken;

	memcpy(copy, text, length);
	taken = json_scan(&object, copy, length) == 0;
	free(copy);
	return taken;
}

static bool jansson_takes(const char *text, uint32_t length)
{
	json_t *tree = json_loadb(text, length, JSON_ALLOW_NUL, NULL);

	json_decref(tree);
	return tree;
}

static void test_K12_every_case(void **state)
{
	unsigned taken = 0, refused = 0, chosen = 0, wrong = 0;

	for (unsigned i = 0; i < COUNT; i++) {
		const struct json_case *c = &json_cases[i];

		if (c->chosen)
			chosen++;
		else if (c->taken)
			taken++;
		else
			refused++;
		if (ours_takes(c->text, c->length) != c->taken) {
			print_error("%s: %s\n", c->taken ? "refused" : "taken", c->text);
			wrong++;
		}
	}
	print_message("%u must be taken, %u must be refused, %u are ours to choose\n", taken,
		refused, chosen);
	assert_int_equal(wrong, 0);
	/* as many kinds as the public suites have */
	assert_in_range(taken, 95, COUNT);
	assert_in_range(refused, 188, COUNT);
	assert_in_range(chosen, 35, COUNT);
}

/* The list of differences is exact both ways: what is marked differs, what is not does not. */
static void test_K12_every_difference_from_jansson(void **state)
{
	unsigned wrong = 0;

	for (unsigned i = 0; i < COUNT; i++) {
		const struct json_case *c = &json_cases[i];
		bool expected = c->difference == ALIKE ? c->taken : !c->taken;

		if (jansson_takes(c->text, c->length) != expected) {
			print_error("jansson %s: %s\n", expected ? "refuses" : "takes", c->text);
			wrong++;
		}
	}
	assert_int_equal(wrong, 0);
}

/* Every case again with white space around it, which changes nothing. */
static void test_K12_every_case_with_space_around(void **state)
{
	char text[1024];

	for (unsigned i = 0; i < COUNT; i++) {
		const struct json_case *c = &json_cases[i];

		text[0] = ' ';
		memcpy(text + 1, c->text, c->length);
		memcpy(text + 1 + c->length, "\r\n\t", 3);
		assert_int_equal(ours_takes(text, c->length + 4), c->taken);
	}
}

/* No prefix of what is taken is taken, down to the object's closing brace. */
static void test_K12_every_prefix(void **state)
{
	for (unsigned i = 0; i < COUNT; i++) {
		const struct json_case *c = &json_cases[i];
		const char *brace = memrchr(c->text, '}', c->length);

		for (uint32_t length = 0; c->taken && length < brace - c->text; length++)
			assert_false(ours_takes(c->text, length));
	}
}

/* Depth, members, size: linear work however deep or long it is. */
static void test_K12_caps(void **state)
{
	enum { LONG = 4000000 };
	char *text = malloc(LONG + 64);
	uint32_t at;

	for (unsigned kind = 0; kind < 3; kind++) {
		static const char *const openers[] = {"[", "{\"a\":", "[{\"\":"};

		at = (uint32_t)sprintf(text, "{\"v\":");
		while (at < 1000000) {
			memcpy(text + at, openers[kind], strlen(openers[kind]));
			at += (uint32_t)strlen(openers[kind]);
		}
		assert_false(ours_takes(text, at));
		memset(text + at, kind == 0 ? ']' : '}', 1000);
		assert_false(ours_takes(text, at + 1000));
	}
	/* a million members, all different */
	memcpy(text, "{\"v\":{", 6);
	at = 6;
	for (unsigned i = 0; at < LONG - 20; i++)
		at += (uint32_t)sprintf(text + at, "\"%x\":0,", i);
	text[at - 1] = '}';
	text[at] = '}';
	assert_false(ours_takes(text + 5, at - 5));
	/* one level down their number does not matter */
	assert_true(ours_takes(text, at + 1));
	/* a string and a number of that length */
	memset(text, 'a', LONG);
	memcpy(text, "{\"v\":\"", 6);
	memcpy(text + LONG - 2, "\"}", 2);
	assert_true(ours_takes(text, LONG));
	memset(text, '1', LONG);
	memcpy(text, "{\"v\":", 5);
	text[LONG - 1] = '}';
	assert_true(ours_takes(text, LONG));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_K12_every_case),
		cmocka_unit_test(test_K12_every_difference_from_jansson),
		cmocka_unit_test(test_K12_every_case_with_space_around),
		cmocka_unit_test(test_K12_every_prefix),
		cmocka_unit_test(test_K12_caps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
