/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* session_fixture.h - a session slab of one test, and what must always be true of it */
#pragma once

#include "session/slab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A seeded source: failures come again. */
struct test_random {
	struct random random;
	uint64_t seed;
};

static inline uint64_t next_random(uint64_t *seed)
{
	uint64_t z = *seed += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static inline void test_fill(struct random *random, void *out, size_t length)
{
	struct test_random *source = (struct test_random *)random;
	uint8_t *bytes = out;

	while (length-- > 0)
		*bytes++ = (uint8_t)next_random(&source->seed);
}

static struct test_random source = {.random = {test_fill}, .seed = 1};

/* The slab of one test, in a directory of its own. */
struct fixture {
	char directory[64];
	char path[80];
	struct session_table *table;
	struct session_worker *worker;
	char error[256];
};

static inline int open_with(struct fixture *f, uint32_t entries, unsigned workers)
{
	const struct session_config config = {
		.path = f->path, .entries = entries, .workers = workers, .random = &source.random};
	const int rc = session_table_open(&f->table, &config, f->error, sizeof(f->error));

	f->worker = rc == 0 ? session_worker(f->table, 0) : NULL;
	return rc;
}

static inline void close_table(struct fixture *f)
{
	session_table_close(f->table);
	f->table = NULL;
}

static inline int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	const char *memory = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

	snprintf(f->directory, sizeof(f->directory), "%s/hearth-test-XXXXXX", memory);
	if (!mkdtemp(f->directory))
		return -1;
	snprintf(f->path, sizeof(f->path), "%s/x.sessions", f->directory);
	*state = f;
	return 0;
}

static inline int teardown(void **state)
{
	struct fixture *f = *state;

	close_table(f);
	unlink(f->path);
	assert_int_equal(rmdir(f->directory), 0); /* nothing else was left there */
	free(f);
	return 0;
}

/* Every entry of a range is in exactly the list that its life says; the counts agree. */
static inline void check_lists(const struct session_worker *worker)
{
	uint8_t *seen = calloc(worker->count, 1);
	struct session_counts counted = {0};
	uint32_t previous = SESSION_NONE;

	for (uint32_t i = worker->free_head; i != SESSION_NONE;
		i = (uint32_t)worker->entries[i].place) {
		assert_true(i - worker->first < worker->count);
		assert_int_equal(seen[i - worker->first]++, 0);
		assert_int_equal(life_list(worker->entries[i].life), LIST_FREE);
		assert_int_equal(worker->entries[i].key[0] | worker->entries[i].key[1], 0);
	}
	for (uint32_t i = worker->resting_head; i != SESSION_NONE;
		i = (uint32_t)worker->entries[i].place) {
		assert_true(i - worker->first < worker->count);
		assert_int_equal(seen[i - worker->first]++, 0);
		assert_int_equal(life_list(worker->entries[i].life), LIST_RESTING);
		assert_int_equal(worker->entries[i].place >> 32, previous);
		previous = i;
	}
	assert_int_equal(worker->resting_tail, previous);
	for (uint32_t i = worker->first; i < worker->first + worker->count; i++) {
		const uint64_t life = worker->entries[i].life;

		assert_int_equal(seen[i - worker->first], life_list(life) != LIST_NONE);
		counted.login += life_state(life) == SESSION_LOGIN;
		counted.resting += life_state(life) == SESSION_RESTING;
		counted.live_tcp +=
			life_state(life) == SESSION_LIVE && life_via(life) == SESSION_VIA_TCP;
		counted.live_udp +=
			life_state(life) == SESSION_LIVE && life_via(life) == SESSION_VIA_UDP;
	}
	counted.entries = worker->count;
	const struct session_counts counts = session_counts(worker);
	assert_memory_equal(&counts, &counted, sizeof(counts));
	free(seen);
}

struct login {
	uint32_t index;
	uint8_t key[SESSION_KEY_BYTES];
	char token[SESSION_TOKEN_CHARS];
};

static inline struct login log_in(struct fixture *f, uint32_t device, uint32_t tick)
{
	struct login login;

	login.index = session_login(
		f->worker, device, device + 1000, tick, 1700000000, login.key, login.token);
	return login;
}

static inline uint32_t find(const struct fixture *f, const char *token)
{
	return session_find(f->table, (const uint8_t *)token);
}

/* Member by member: there is padding between them. */
static inline void assert_turn_equal(const struct session_turn *a, const struct session_turn *b)
{
	assert_int_equal(a->index, b->index);
	assert_int_equal(a->state, b->state);
	assert_int_equal(a->generation, b->generation);
	assert_memory_equal(&a->progress, &b->progress, sizeof(a->progress));
	assert_int_equal(a->number, b->number);
	assert_int_equal(a->via, b->via);
	assert_int_equal(a->connection, b->connection);
	assert_memory_equal(&a->peer, &b->peer, sizeof(a->peer));
	assert_int_equal(a->heard, b->heard);
	assert_int_equal(a->connect_device_time, b->connect_device_time);
	assert_int_equal(a->connect_time, b->connect_time);
	assert_int_equal(a->base, b->base);
	assert_int_equal(a->platform_sequence, b->platform_sequence);
	assert_int_equal(a->report_tick, b->report_tick);
	assert_int_equal(a->flags, b->flags);
	assert_int_equal(a->code, b->code);
	assert_int_equal(a->device, b->device);
	assert_int_equal(a->serial, b->serial);
	assert_int_equal(a->login_time, b->login_time);
}

/* One decision on one entry, committed. */
static inline void become(struct fixture *f, uint32_t index, enum session_state to,
	enum session_via via, uint32_t heard, uint16_t flags)
{
	struct session_turn *turn = session_touch(f->worker, index);

	assert_non_null(turn);
	turn->state = to;
	turn->via = via;
	turn->generation++;
	turn->heard = heard;
	turn->flags = flags;
	if (via == SESSION_VIA_TCP)
		turn->connection = index + 77;
	session_commit(f->worker);
	check_lists(f->worker);
}

#define row(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
