/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_worker_view.c - what a worker shows of itself: every counter by a name, every pool */
#include "worker_device.h"

#include <ctype.h>

static unsigned views_of(struct rig *rig, struct counter_view *views)
{
	unsigned count = worker_views(rig->worker, views);

	assert_in_range(count, 7, COUNTER_VIEWS_MAX);
	return count;
}

/* As scripts and graphs use them: words of lower-case letters and digits, joined by '_'. */
static void assert_name(const char *name)
{
	assert_non_null(name);
	assert_true(isalpha((unsigned char)name[0]));
	for (const char *c = name; *c; c++)
		if (!islower((unsigned char)*c) && !isdigit((unsigned char)*c) && *c != '_')
			fail_msg("%s is no name", name);
	assert_int_not_equal(name[strlen(name) - 1], '_');
}

static void assert_help(const char *name, const char *help)
{
	if (!help || strlen(help) < 8 || strlen(help) > 100)
		fail_msg("%s has no help text, or a long one", name);
	if (help[strlen(help) - 1] == '.' || strchr(help, '\n'))
		fail_msg("the help of %s is to be part of a sentence on one line", name);
}

static void test_every_counter_has_a_name_and_help(void **state)
{
	struct rig *rig = *state;
	struct counter_view views[COUNTER_VIEWS_MAX];
	unsigned count = views_of(rig, views);

	for (unsigned i = 0; i < count; i++) {
		assert_name(views[i].layer);
		assert_non_null(views[i].values);
		assert_true(views[i].count > 0);
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(views[i].layer, views[j].layer);
		for (unsigned j = 0; j < views[i].count; j++) {
			const struct counter_info *info = &views[i].info[j];

			assert_name(info->name);
			assert_help(info->name, info->help);
			for (unsigned k = 0; k < j; k++)
				assert_string_not_equal(info->name, views[i].info[k].name);
		}
	}
}

/* Every layer that counts is shown, all of it. */
static void test_every_layer_is_shown(void **state)
{
	static const struct {
		const char *layer;
		const struct counter_info *info;
		unsigned count;
	} layers[] = {
		{"stack", stack_counter_info, STACK_COUNTER_COUNT},
		{"tcp", tcp_counter_info, TCP_COUNTER_COUNT},
		{"stream", stream_counter_info, STREAM_COUNTER_COUNT},
		{"worker", worker_counter_info, WORKER_COUNTER_COUNT},
		{"session", session_counter_info, SESSION_COUNTER_COUNT},
		{"feed", feed_counter_info, FEED_COUNTER_COUNT},
		{"mc", mc_counter_info, MC_COUNTER_COUNT},
	};
	struct rig *rig = *state;
	struct counter_view views[COUNTER_VIEWS_MAX];
	unsigned count = views_of(rig, views);

	for (unsigned i = 0; i < sizeof(layers) / sizeof(layers[0]); i++) {
		unsigned at = 0;

		while (at < count && strcmp(views[at].layer, layers[i].layer))
			at++;
		if (at == count)
			fail_msg("%s is not shown", layers[i].layer);
		assert_ptr_equal(views[at].info, layers[i].info);
		assert_int_equal(views[at].count, layers[i].count);
	}
}

/* What is shown is what was counted. */
static void test_counters_move(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);
	struct counter_view views[COUNTER_VIEWS_MAX];
	unsigned count = views_of(rig, views);
	uint64_t before[COUNTER_VIEWS_MAX] = {0};

	for (unsigned i = 0; i < count; i++)
		for (unsigned j = 0; j < views[i].count; j++)
			before[i] += counter_read(&views[i].values[j]);
	live_tcp(&a);
	for (unsigned i = 0; i < count; i++) {
		uint64_t now = 0;

		for (unsigned j = 0; j < views[i].count; j++)
			now += counter_read(&views[i].values[j]);
		if (strcmp(views[i].layer, "feed") && now == before[i])
			fail_msg("a login and a connect moved nothing in %s", views[i].layer);
	}
}

static const struct pool_view *pool_of(
	const struct pool_view *pools, unsigned count, const char *name)
{
	for (unsigned i = 0; i < count; i++)
		if (!strcmp(pools[i].name, name))
			return &pools[i];
	fail_msg("no pool %s", name);
	return NULL;
}

static void test_pools(void **state)
{
	struct rig *rig = *state;
	struct gadget a = GADGET(rig, SIDE_A);
	struct pool_view pools[WORKER_POOLS_MAX];
	struct worker_setup setup = rig_setup(rig, 0);
	unsigned count = worker_pools(rig->worker, pools);
	size_t bytes = 0;

	for (unsigned i = 0; i < count; i++) {
		assert_name(pools[i].name);
		assert_help(pools[i].name, pools[i].help);
		assert_true(pools[i].limit > 0 && pools[i].bytes > 0);
		assert_true(pools[i].used == POOL_USED_UNKNOWN || pools[i].used <= pools[i].limit);
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(pools[i].name, pools[j].name);
		bytes += pools[i].bytes;
	}
	/* They are what a worker takes, but for its own struct and the links of chunks. */
	bytes -= pool_of(pools, count, "sessions")->bytes; /* a file of their own */
	assert_in_range(worker_bytes(&setup), bytes, bytes + sizeof(struct worker) + (4 << 20));
	assert_int_equal(pool_of(pools, count, "connections")->limit, 1024);
	assert_int_equal(pool_of(pools, count, "connections")->bytes, 1024 * 128);
	assert_int_equal(pool_of(pools, count, "connections")->used, 0);
	assert_int_equal(pool_of(pools, count, "sessions")->limit, 256);
	assert_int_equal(pool_of(pools, count, "sessions")->bytes, 256 * 96);
	live_tcp(&a);
	count = worker_pools(rig->worker, pools);
	assert_int_equal(pool_of(pools, count, "connections")->used, 1);
	assert_in_range(pool_of(pools, count, "flow_slots")->used, 1, 2);
	assert_int_equal(pool_of(pools, count, "sessions")->used, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup_new, rig_teardown)

/* As many chunks as limits.chunks says, the larger ones in proportion. */
static void test_chunks_as_configured(void **state)
{
	struct rig *rig = *state;
	struct worker_setup setup = rig_setup(rig, 0);
	struct config config = *setup.config;
	size_t before = worker_bytes(&setup);

	config.limits.chunks = 8192; /* what 1,024 connections have */
	setup.config = &config;
	assert_int_equal(worker_bytes(&setup), before);
	config.limits.chunks = 65536;
	before += (65536 - 8192) * (512 + 4ull) + (16384 - 2048) * (2048 + 4ull);
	before += (1024 - 256) * (16384 + 4ull) + (128 - 64) * (67584 + 4ull);
	assert_int_equal(worker_bytes(&setup), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_every_counter_has_a_name_and_help),
		TEST(test_every_layer_is_shown),
		TEST(test_counters_move),
		TEST(test_pools),
		TEST(test_chunks_as_configured),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
