/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_chunk.c - the chunk pool: classes, exhaustion, no two chunks in one place */

#include "chunk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct chunk_pool *pool_new(void **memory, const uint32_t count[CHUNK_CLASSES])
{
	struct chunk_pool_config config = {.poison = true};
	size_t bytes;

	memcpy(config.count, count, sizeof(config.count));
	bytes = (chunk_pool_bytes(&config) + 63) & ~(size_t)63;
	*memory = aligned_alloc(64, bytes);
	assert_non_null(*memory);
	memset(*memory, 0, bytes);
	return chunk_pool_init(*memory, &config);
}

static void pool_free(struct chunk_pool *pool, void *memory)
{
	chunk_pool_fini(pool);
	free(memory);
}

static void test_class_sizes(void **state)
{
	void *memory;
	struct chunk_pool *pool = pool_new(&memory, (uint32_t[]){1, 1, 1, 1});
	static const struct {
		uint32_t ask, room;
	} cases[] = {{1, 512}, {513, 2048}, {2049, 16384}, {16385, 67584}};

	for (unsigned i = 0; i < 4; i++) {
		chunk_id id = chunk_get(pool, cases[i].ask);

		assert_int_not_equal(id, 0);
		assert_int_equal(chunk_room(pool, id), cases[i].room);
		assert_int_equal((uintptr_t)chunk_data(pool, id) % 64, 0);
		memset(chunk_data(pool, id), 0xa5, chunk_room(pool, id));
		assert_int_equal(chunk_free_count(pool, i), 0);
		chunk_put(pool, id);
		assert_int_equal(chunk_free_count(pool, i), 1);
	}
	assert_int_equal(chunk_get(pool, 67585), 0);
	assert_int_equal(chunk_get(pool, UINT32_MAX), 0);
	assert_false(chunk_available(pool, 67585));
	assert_int_equal(chunk_free_count(pool, CHUNK_CLASSES), 0);
	chunk_put(pool, 0);
	pool_free(pool, memory);
}

/* Small users take the next class too, never the one after. */
static void test_one_class_up(void **state)
{
	void *memory;
	struct chunk_pool *pool = pool_new(&memory, (uint32_t[]){2, 1, 5, 5});
	chunk_id ids[3];

	for (unsigned i = 0; i < 3; i++) {
		assert_true(chunk_available(pool, 100));
		ids[i] = chunk_get(pool, 100);
		assert_int_not_equal(ids[i], 0);
	}
	assert_int_equal(chunk_room(pool, ids[2]), 2048);
	assert_false(chunk_available(pool, 100));
	assert_int_equal(chunk_get(pool, 100), 0);
	assert_true(chunk_available(pool, 2000));
	assert_int_equal(chunk_free_count(pool, 2), 5);
	chunk_put(pool, ids[2]);
	assert_int_equal(chunk_get(pool, 1), ids[2]);
	for (unsigned i = 0; i < 3; i++)
		chunk_put(pool, ids[i]);
	pool_free(pool, memory);
}

static void test_empty_classes(void **state)
{
	void *memory;
	struct chunk_pool *pool = pool_new(&memory, (uint32_t[]){0, 0, 0, 1});

	assert_int_equal(chunk_get(pool, 100), 0);
	assert_int_equal(chunk_get(pool, 600), 0);
	assert_true(chunk_available(pool, 3000));
	pool_free(pool, memory);
}

/* Seeded get and put against an array of what is held: every byte of every chunk stays its own. */
static void test_random(void **state)
{
	enum { HELD = 64, ROUNDS = 20000 };
	static const uint32_t count[CHUNK_CLASSES] = {20, 10, 6, 3};
	void *memory;
	struct chunk_pool *pool = pool_new(&memory, count);
	struct {
		chunk_id id;
		uint8_t fill;
	} held[HELD] = {{0}};
	uint32_t refused = 0;
	unsigned seed = 7;

	for (unsigned round = 0; round < ROUNDS; round++) {
		unsigned slot = (unsigned)rand_r(&seed) % HELD;
		uint32_t ask = 1 + (uint32_t)rand_r(&seed) % 20000;

		if (held[slot].id) {
			const uint8_t *data = chunk_data(pool, held[slot].id);
			uint32_t room = chunk_room(pool, held[slot].id);

			assert_int_equal(data[0], held[slot].fill);
			assert_int_equal(data[room / 2], held[slot].fill);
			assert_int_equal(data[room - 1], held[slot].fill);
			chunk_put(pool, held[slot].id);
			held[slot].id = 0;
			continue;
		}
		bool available = chunk_available(pool, ask);

		held[slot].id = chunk_get(pool, ask);
		assert_int_equal(available, held[slot].id != 0);
		if (!held[slot].id) {
			refused++;
			continue;
		}
		assert_true(chunk_room(pool, held[slot].id) >= ask);
		for (unsigned i = 0; i < HELD; i++)
			assert_true(i == slot || held[i].id != held[slot].id);
		held[slot].fill = (uint8_t)rand_r(&seed);
		memset(chunk_data(pool, held[slot].id), held[slot].fill,
			chunk_room(pool, held[slot].id));
	}
	assert_true(refused > 0 && refused < ROUNDS / 2 + ROUNDS / 4);
	for (unsigned i = 0; i < HELD; i++)
		chunk_put(pool, held[i].id);
	for (unsigned class = 0; class < CHUNK_CLASSES; class ++)
		assert_int_equal(chunk_free_count(pool, class), count[class]);
	pool_free(pool, memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_class_sizes),
		cmocka_unit_test(test_one_class_up),
		cmocka_unit_test(test_empty_classes),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
