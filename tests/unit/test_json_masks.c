/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_json_masks.c - both ways of scanning an object see the same: whatever one takes or refuses
 * the other does, member by member (K12) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "codec/json_inner.h"

#define TEXT_MAX 12000

static uint64_t seed = 0x9216d5d98979fb1b, taken, refused, left;

static uint32_t below(uint32_t bound)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 32) % bound;
}

static void assert_same(const struct json_object *a, const struct json_object *b)
{
	assert_int_equal(a->count, b->count);
	for (unsigned i = 0; i < a->count; i++) {
		const struct json_member *x = &a->members[i], *y = &b->members[i];

		assert_int_equal(x->key, y->key);
		assert_int_equal(x->key_length, y->key_length);
		assert_int_equal(x->value, y->value);
		assert_int_equal(x->value_length, y->value_length);
		assert_int_equal(x->kind, y->kind);
		assert_int_equal(x->key_escaped, y->key_escaped);
		assert_int_equal(x->value_escaped, y->value_escaped);
	}
}

/* On the heap, exactly as long as it is: a sanitizer sees a read past either end. */
static void compare(const char *text, uint32_t length)
{
	static struct json_object walked, masked;
	uint8_t *copy = malloc(length ? length : 1);
	int by_walk, by_masks;

	memcpy(copy, text, length);
	by_walk = json_walk(&walked, copy, length);
	by_masks = json_masks(&masked, copy, length);
	if (by_masks == -ENOTSUP) {
		bool plain = length <= JSON_MASKS_MAX && !memchr(copy, '\\', length);

		for (uint32_t i = 0; i < length && plain; i++)
			plain = copy[i] < 0x80;
		assert_false(plain);
		left++;
	} else {
		if (by_masks != by_walk)
			print_error(
				"%d, should be %d: %.*s\n", by_masks, by_walk, (int)length, text);
		assert_int_equal(by_masks, by_walk);
		assert_same(&masked, &walked);
		if (by_walk == 0)
			taken++;
		else
			refused++;
	}
	free(copy);
}

/* Every row of that many tokens, in an object behind so many others and so much white space. */
static void compare_rows(unsigned most, unsigned elements, unsigned spaces)
{
	static const char *const tokens[] = {"{", "}", "[", "]", ":", ",", "\"a\"", "1"};
	static char text[1024];
	unsigned row[8] = {0}, length = 0, begin;

	begin = (unsigned)sprintf(text, "{\"p\":[%*s", (int)spaces, "");
	for (unsigned i = 0; i < elements; i++)
		begin += (unsigned)sprintf(text + begin, i ? ",1" : "1");
	begin += (unsigned)sprintf(text + begin, "],\"q\":");
	while (length <= most) {
		unsigned at = begin, i;

		for (i = 0; i < length; i++)
			at += (unsigned)sprintf(text + at, "%s", tokens[row[i]]);
		text[at++] = '}';
		compare(text, at);
		for (i = 0; i < length && ++row[i] == 8; i++)
			row[i] = 0;
		if (i == length)
			row[length++] = 0;
	}
}

static void test_K12_every_row_of_tokens(void **state)
{
	taken = refused = 0;
	compare_rows(6, 0, 0);
	/* over the borders of 64 tokens and of 64 bytes */
	for (unsigned elements = 22; elements < 32; elements++)
		compare_rows(4, elements, 0);
	for (unsigned spaces = 40; spaces < 60; spaces++)
		compare_rows(3, 0, spaces);
	print_message("%llu taken, %llu refused\n", (unsigned long long)taken,
		(unsigned long long)refused);
	assert_true(taken > 300 && refused > 300000);
}

static void test_every_byte_everywhere(void **state)
{
	static const char text[] = " {\"ab\" : 1 ,\"c\":[true,{\"\":\"x y\"}, -0.5e+1],\"d\":{} } ";
	char changed[sizeof(text) + 140];

	for (unsigned spaces = 0; spaces < 140; spaces += 7) {
		uint32_t length = spaces + sizeof(text) - 1;

		memset(changed, ' ', spaces);
		for (uint32_t i = 0; i < sizeof(text) - 1; i++) {
			for (unsigned byte = 0; byte < 256; byte++) {
				memcpy(changed + spaces, text, sizeof(text) - 1);
				changed[spaces + i] = (char)byte;
				compare(changed, length);
			}
		}
	}
}

static unsigned any_space(char *out)
{
	unsigned count = below(8) ? 0 : below(70);

	for (unsigned i = 0; i < count; i++)
		out[i] = " \t\r\n"[below(4)];
	return count;
}

static unsigned any_string(char *out)
{
	unsigned length = below(6) ? below(9) : below(150), at = 0;

	out[at++] = '"';
	for (unsigned i = 0; i < length; i++)
		out[at++] = "abcdefgh{}[]:,0 "[below(below(4) ? 8 : 16)];
	out[at++] = '"';
	return at;
}

static unsigned any_value(char *out, unsigned depth, unsigned room);

static unsigned any_container(char *out, unsigned depth, unsigned room)
{
	unsigned count = below(7) ? below(5) : below(70), at = 0;
	bool object = depth == 0 || below(2);

	out[at++] = object ? '{' : '[';
	for (unsigned i = 0; i < count && at + 1500 < room; i++) {
		if (i)
			out[at++] = ',';
		at += any_space(out + at);
		if (object) {
			at += any_string(out + at);
			at += any_space(out + at);
			out[at++] = ':';
			at += any_space(out + at);
		}
		at += any_value(out + at, depth + 1, room - at);
		at += any_space(out + at);
	}
	out[at++] = object ? '}' : ']';
	return at;
}

static unsigned any_value(char *out, unsigned depth, unsigned room)
{
	static const char *const scalars[] = {"0", "-1", "1700000000", "1.5", "2E-7", "true",
		"false", "null", "01", "1.", "-", "tru", "nulll"};

	if (room > 1600 && depth < 20 && below(3) == 0)
		return any_container(out, depth, room - 100);
	if (below(2))
		return any_string(out);
	return (unsigned)sprintf(out, "%s", scalars[below(below(20) ? 8 : 13)]);
}

static void test_K12_any_text(void **state)
{
	static char text[TEXT_MAX];

	taken = refused = left = 0;
	for (unsigned round = 0; round < 60000; round++) {
		unsigned length = any_space(text), room = below(4) ? 3000 : TEXT_MAX - 500;

		length += any_container(text + length, 0, room);
		length += any_space(text + length);
		compare(text, length);
		for (unsigned i = below(3); i < 2; i++) {
			text[below(length)] = "{}[]:,\"1 te\n\x01\\\xc3"[below(15)];
			compare(text, length);
		}
		compare(text, below(length));
	}
	print_message("%llu taken, %llu refused, %llu left\n", (unsigned long long)taken,
		(unsigned long long)refused, (unsigned long long)left);
	assert_true(taken > 10000 && refused > 10000 && left > 100);
}

/* As many members, and as deep, as there may be, and one more. */
static void test_K12_caps(void **state)
{
	char text[2048];

	for (unsigned count = JSON_MEMBERS_MAX - 1; count <= JSON_MEMBERS_MAX + 1; count++) {
		unsigned at = 0;

		for (unsigned i = 0; i < count; i++)
			at += (unsigned)sprintf(text + at, "%c\"k%u\":[%u]", i ? ',' : '{', i, i);
		text[at++] = '}';
		compare(text, at);
	}
	for (unsigned depth = 1; depth < 80; depth++) {
		unsigned at = (unsigned)sprintf(text, "{\"a\":");

		for (unsigned i = 1; i < depth; i++)
			text[at++] = '[';
		for (unsigned i = 1; i < depth; i++)
			text[at++] = ']';
		if (depth == 1)
			text[at++] = '1';
		text[at++] = '}';
		compare(text, at);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_K12_every_row_of_tokens),
		cmocka_unit_test(test_every_byte_everywhere),
		cmocka_unit_test(test_K12_any_text),
		cmocka_unit_test(test_K12_caps),
	};

	if (!json_masks_there()) {
		printf("1..0 # SKIP this CPU has no AVX-512 VBMI2\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
