/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_tcp_flow_table.c - the flow table: sizes, collisions, refusal, and an oracle */

#include "crypto/siphash.h"
#include "tcp/flow_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void table_new(struct flow_table *table, uint32_t lines)
{
	struct flow_line *memory = aligned_alloc(64, lines * sizeof(*memory));

	assert_non_null(memory);
	memset(memory, 0, lines * sizeof(*memory));
	flow_table_init(table, memory, lines);
}

/* Every bit of an empty table is 0 again, the counts of passers-by included. */
static void assert_table_clean(const struct flow_table *table)
{
	assert_int_equal(table->used, 0);
	for (uint32_t i = 0; i <= table->mask; i++)
		for (unsigned j = 0; j < FLOW_LINE_SLOTS; j++)
			assert_int_equal(table->lines[i].slot[j], 0);
}

static bool table_has(const struct flow_table *table, uint64_t hash, flow_ref ref)
{
	struct flow_probe probe = {.hash = hash};
	flow_ref found;

	while ((found = flow_next(table, &probe)))
		if (found == ref)
			return true;
	return false;
}

static void test_sizes(void **state)
{
	assert_int_equal(flow_lines(1), FLOW_PROBE_LINES);
	assert_int_equal(flow_lines(48), FLOW_PROBE_LINES * 2);
	/* 10 M connections with some handshakes and TIME-WAIT: 2^24 slots, 13.4 bytes each. */
	assert_int_equal(flow_lines(10000000), 1u << 21);
	assert_int_equal(flow_lines(12000000), 1u << 21);
	assert_int_equal(flow_lines(3ull * FLOW_INDEX_MASK), 1u << 23);
}

static void test_insert_replace_remove(void **state)
{
	struct flow_table table;
	uint64_t hash = 0x123456789abcdef0;
	flow_ref syn = flow_ref_of(FLOW_EMBRYONIC, 7);
	flow_ref open = flow_ref_of(FLOW_CONNECTION, FLOW_INDEX_MASK);

	table_new(&table, 4);
	assert_false(table_has(&table, hash, syn));
	assert_true(flow_insert(&table, hash, syn));
	assert_true(table_has(&table, hash, syn));
	/* Another tag, same line: no match. */
	assert_false(table_has(&table, hash ^ 1ull << 63, syn));
	assert_false(flow_replace(&table, hash, open, syn));
	assert_true(flow_replace(&table, hash, syn, open));
	assert_false(table_has(&table, hash, syn));
	assert_true(table_has(&table, hash, open));
	assert_int_equal(table.used, 1);
	assert_false(flow_remove(&table, hash, syn));
	assert_true(flow_remove(&table, hash, open));
	assert_false(flow_remove(&table, hash, open));
	assert_table_clean(&table);
	free(table.lines);
}

/* T28: flows with one and the same hash fill eight lines, then are refused; others are not hurt. */
static void test_T28_collisions(void **state)
{
	enum { FULL = FLOW_PROBE_LINES * FLOW_LINE_SLOTS };
	struct flow_table table;
	uint64_t hash = 0xfedcba9876543210;
	struct flow_probe probe = {.hash = hash};
	uint8_t seen[FULL] = {0};
	flow_ref ref;

	table_new(&table, 64);
	for (uint32_t i = 0; i < FULL; i++)
		assert_true(flow_insert(&table, hash, flow_ref_of(FLOW_CONNECTION, i)));
	assert_false(flow_insert(&table, hash, flow_ref_of(FLOW_CONNECTION, FULL)));
	assert_int_equal(table.used, FULL);
	while ((ref = flow_next(&table, &probe)))
		seen[flow_ref_index(ref)]++;
	for (uint32_t i = 0; i < FULL; i++)
		assert_int_equal(seen[i], 1);
	/* Starts in a full line, goes on elsewhere: another step. */
	assert_true(flow_insert(&table, hash ^ 0x1000000000, flow_ref_of(FLOW_TIME_WAIT, 1)));
	assert_true(table_has(&table, hash ^ 0x1000000000, flow_ref_of(FLOW_TIME_WAIT, 1)));
	/* From the front, so that later ones must still be found past lines with room. */
	for (uint32_t i = 0; i < FULL; i++) {
		assert_true(flow_remove(&table, hash, flow_ref_of(FLOW_CONNECTION, i)));
		for (uint32_t j = i + 1; j < FULL; j++)
			assert_true(table_has(&table, hash, flow_ref_of(FLOW_CONNECTION, j)));
	}
	assert_true(flow_remove(&table, hash ^ 0x1000000000, flow_ref_of(FLOW_TIME_WAIT, 1)));
	assert_table_clean(&table);
	free(table.lines);
}

/* More flows pass a line than its eight bits can count: they are all still found, to the last. */
static void test_passers_by_saturate(void **state)
{
	enum { FLOWS = 8 + 400 };
	struct flow_table table;

	table_new(&table, 1024);
	for (uint32_t i = 0; i < FLOWS; i++)
		assert_true(flow_insert(
			&table, (uint64_t)i << 33 | 5, flow_ref_of(FLOW_CONNECTION, i)));
	for (uint32_t i = 0; i < FLOWS; i++) {
		for (uint32_t j = i; j < FLOWS; j++)
			assert_true(table_has(
				&table, (uint64_t)j << 33 | 5, flow_ref_of(FLOW_CONNECTION, j)));
		assert_true(flow_remove(
			&table, (uint64_t)i << 33 | 5, flow_ref_of(FLOW_CONNECTION, i)));
	}
	assert_int_equal(table.used, 0);
	free(table.lines);
}

/* Seeded inserts, replacements and removals at up to 3 slots of 4 against a plain array. */
static void test_random(void **state)
{
	enum { FLOWS = 3072, LINES = 512, ROUNDS = 400000 };
	static struct {
		uint64_t hash;
		flow_ref ref;
	} flows[FLOWS];
	struct siphash_key key = {1, 2};
	struct flow_table table;
	unsigned seed = 3, refused = 0;
	uint32_t used = 0;

	assert_int_equal(flow_lines(FLOWS - 1), LINES);
	table_new(&table, LINES);
	memset(flows, 0, sizeof(flows));
	for (uint32_t round = 0; round < ROUNDS; round++) {
		uint32_t i = (uint32_t)rand_r(&seed) % FLOWS;
		flow_ref ref = flow_ref_of((enum flow_kind)(1 + rand_r(&seed) % 3), i);

		if (!flows[i].ref) {
			flows[i].hash = siphash_16(&key, i, round);
			if (flow_insert(&table, flows[i].hash, ref)) {
				flows[i].ref = ref;
				used++;
			} else {
				refused++;
			}
		} else if (rand_r(&seed) % 8 == 0) {
			assert_true(flow_replace(&table, flows[i].hash, flows[i].ref, ref));
			flows[i].ref = ref;
		} else if (rand_r(&seed) % 4 == 0) {
			assert_true(flow_remove(&table, flows[i].hash, flows[i].ref));
			flows[i].ref = 0;
			used--;
		} else {
			assert_true(table_has(&table, flows[i].hash, flows[i].ref));
		}
		assert_int_equal(table.used, used);
	}
	/* Refusals are rare even near the limit. */
	assert_true(refused < ROUNDS / 1000);
	for (uint32_t i = 0; i < FLOWS; i++)
		if (flows[i].ref)
			assert_true(flow_remove(&table, flows[i].hash, flows[i].ref));
	assert_table_clean(&table);
	free(table.lines);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_insert_replace_remove),
		cmocka_unit_test(test_T28_collisions),
		cmocka_unit_test(test_passers_by_saturate),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
