/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_collision.c - names made to collide under well-known hashes do not collide here (K9); long
 * frames cost linear work however they come (K11) */
#include "count_steps.h"

#include "codec/json.h"
#include "codec/text_frame.h"
#include "feed/crc32c.h"
#include "registry/registry.h"

#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <urcu/urcu-qsbr.h>

enum { NAMES = 1024, NAME_BYTES = 24, BUCKETS = 1024 };

static uint32_t fnv1a(const char *text, uint32_t length)
{
	uint32_t hash = 2166136261u;

	for (uint32_t i = 0; i < length; i++)
		hash = (hash ^ (uint8_t)text[i]) * 16777619u;
	return hash;
}

static uint32_t djb2(const char *text, uint32_t length)
{
	uint32_t hash = 5381;

	for (uint32_t i = 0; i < length; i++)
		hash = hash * 33 + (uint8_t)text[i];
	return hash;
}

/* Jenkins' one at a time, the start of many tables. */
static uint32_t jenkins(const char *text, uint32_t length)
{
	uint32_t hash = 0;

	for (uint32_t i = 0; i < length; i++) {
		hash += (uint8_t)text[i];
		hash += hash << 10;
		hash ^= hash >> 6;
	}
	hash += hash << 3;
	hash ^= hash >> 11;
	return hash + (hash << 15);
}

static uint32_t crc(const char *text, uint32_t length)
{
	return feed_crc32c(text, length);
}

static uint32_t (*const known[])(const char *text, uint32_t length) = {fnv1a, djb2, jenkins, crc};
#define KNOWN (sizeof(known) / sizeof(known[0]))

/* Names that all fall into bucket 0 of 1024 under @hash. */
static void craft(char names[NAMES][NAME_BYTES + 1], uint32_t (*hash)(const char *, uint32_t))
{
	uint64_t n = 0;

	for (unsigned i = 0; i < NAMES;) {
		snprintf(names[i], NAME_BYTES + 1, "%024" PRIu64, n++);
		i += hash(names[i], NAME_BYTES) % BUCKETS == 0;
	}
}

/* The longest chain: what the worst look-up walks. */
static unsigned longest(struct registry *registry, char names[NAMES][NAME_BYTES + 1])
{
	unsigned chains[BUCKETS] = {0}, most = 0;

	for (unsigned i = 0; i < NAMES; i++) {
		unsigned at = registry_hash(registry, names[i], NAME_BYTES) % BUCKETS;

		chains[at]++;
		most = chains[at] > most ? chains[at] : most;
	}
	return most;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	return remove(path);
}

static void test_K9_device_ids_made_to_collide(void **state)
{
	static char names[NAMES][NAME_BYTES + 1];
	char path[] = "/tmp/hearth-collision-XXXXXX", error[256];
	struct registry *registry;
	struct store *store;

	assert_non_null(mkdtemp(path));
	urcu_qsbr_register_thread();
	store = store_open(path, 0, error, sizeof(error));
	assert_non_null(store);
	registry = registry_load(store, 64, false, 1, error, sizeof(error));
	assert_non_null(registry);
	for (unsigned i = 0; i < KNOWN; i++) {
		unsigned most;

		craft(names, known[i]);
		most = longest(registry, names);
		print_message(
			"hash %u: all %u in one chain there, %u at most here\n", i, NAMES, most);
		/* of 1024 thrown into 1024: more than 12 in one once in a hundred million times */
		assert_in_range(most, 2, 12);
	}
	registry_free(registry);
	store_close(store);
	urcu_qsbr_unregister_thread();
	nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* ---- names of JSON members ---- */

static char object[KNOWN + 1][JSON_MEMBERS_MAX * (NAME_BYTES + 8)];
static struct json_object scanned;

static void __attribute__((noinline)) scan_all(void *context, struct steps *steps)
{
	for (unsigned i = 0; i <= KNOWN; i++) {
		int result;

		steps_begin(steps);
		result = json_scan(
			&scanned, (const uint8_t *)object[i], (uint32_t)strlen(object[i]));
		steps_end(steps);
		if (result)
			_exit(1);
	}
}

/* 64 names that collide elsewhere cost what 64 others do: instructions counted, not time. */
static void test_K9_member_names_made_to_collide(void **state)
{
	static char names[NAMES][NAME_BYTES + 1];
	struct steps *steps;

	for (unsigned i = 0; i <= KNOWN; i++) {
		char *at = object[i];

		if (i < KNOWN)
			craft(names, known[i]);
		else
			for (unsigned n = 0; n < JSON_MEMBERS_MAX; n++)
				snprintf(names[n], NAME_BYTES + 1, "%024u", n * 7919);
		for (unsigned n = 0; n < JSON_MEMBERS_MAX; n++)
			at += sprintf(at, "%c\"%s\":0", n ? ',' : '{', names[n]);
		strcpy(at, "}");
	}
	steps = steps_of(scan_all, NULL, KNOWN + 1);
	for (unsigned i = 0; i < KNOWN; i++) {
		print_message("hash %u: %" PRIu64 " instructions, others %" PRIu64 "\n", i,
			steps->count[i], steps->count[KNOWN]);
		if (STEPS_COMPARABLE)
			assert_in_range(steps->count[i] * 100, steps->count[KNOWN] * 80,
				steps->count[KNOWN] * 120);
	}
	steps_free(steps, KNOWN + 1);
}

/* ---- frames byte by byte ---- */

enum { LENGTHS = 3 };
static const uint32_t lengths[LENGTHS] = {1000, 2000, 4000};

static void __attribute__((noinline)) search_all(void *context, struct steps *steps)
{
	static uint8_t text[4000];

	for (unsigned i = 0; i < LENGTHS; i++) {
		uint32_t found = 0;

		memset(text, '\r', sizeof(text));
		memcpy(text + lengths[i] - 1, "\n", 1);
		steps_begin(steps);
		for (uint32_t have = 1; have <= lengths[i]; have++)
			found = text_frame_end(text, have, have - 1);
		steps_end(steps);
		if (found != lengths[i])
			_exit(1);
	}
}

/* One byte a segment: the end is looked for in what is new, not from the start each time. */
static void test_K11_bytes_one_by_one_cost_linear_work(void **state)
{
	struct steps *steps = steps_of(search_all, NULL, LENGTHS);

	for (unsigned i = 1; i < LENGTHS; i++) {
		print_message("%u bytes: %" PRIu64 " instructions, %u: %" PRIu64 "\n",
			lengths[i - 1], steps->count[i - 1], lengths[i], steps->count[i]);
		if (STEPS_COMPARABLE)
			assert_true(steps->count[i] < steps->count[i - 1] * 22 / 10);
	}
	steps_free(steps, LENGTHS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_K9_device_ids_made_to_collide),
		cmocka_unit_test(test_K9_member_names_made_to_collide),
		cmocka_unit_test(test_K11_bytes_one_by_one_cost_linear_work),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
