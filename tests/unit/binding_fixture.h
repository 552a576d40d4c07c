/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* binding_fixture.h - a table of bindings with its store and registry, its workers played by
 * hand */
#pragma once

#include <urcu/urcu-qsbr.h>

#include "feed/hearth_feed.h"
#include "registry/binding_private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#pragma GCC diagnostic ignored "-Wunused-function"

#define DEVICES 200
#define ENTRIES 64
#define LIMIT 50

/* Device 0..9 are gateways; sub-device 100 + n is provisioned for gateway n % 10 if n is odd. */
struct fixture {
	char directory[64], path[96], error[256];
	struct store *store;
	struct registry *registry;
	struct binding_table *table;
	uint32_t limit;
	struct device_record records[DEVICES];
};

static int remove_entry(const char *path, const struct stat *about, int kind, struct FTW *walk)
{
	return remove(path);
}

/* Worker of an entry: two workers, half of the entries each. */
static unsigned owner(void *context, uint32_t entry)
{
	return entry >= ENTRIES / 2;
}

static int open_table(struct fixture *f)
{
	const struct binding_config config = {.path = f->path,
		.limit = f->limit,
		.workers = 2,
		.entries = ENTRIES,
		.store = f->store,
		.registry = f->registry,
		.owner = owner};

	return binding_open(&f->table, &config, f->error, sizeof(f->error));
}

static void start(struct fixture *f)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/registry", f->directory);
	f->store = store_open(path, 0, f->error, sizeof(f->error));
	assert_non_null(f->store);
	f->registry = registry_load(f->store, 4096, false, 1, f->error, sizeof(f->error));
	assert_non_null(f->registry);
}

static void stop(struct fixture *f)
{
	binding_close(f->table);
	f->table = NULL;
	registry_free(f->registry);
	store_close(f->store);
}

static int keep_all(void *context, uint32_t entry, uint64_t session)
{
	return (int)owner(NULL, entry);
}

static void restart(struct fixture *f)
{
	stop(f);
	start(f);
	assert_int_equal(open_table(f), 0);
	binding_attach(f->table, keep_all, NULL);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	size_t failed;

	urcu_qsbr_register_thread();
	snprintf(f->directory, sizeof(f->directory), "/tmp/hearth-test-XXXXXX");
	if (!mkdtemp(f->directory))
		return -1;
	snprintf(f->path, sizeof(f->path), "%s/x.bindings", f->directory);
	f->limit = LIMIT;
	start(f);
	for (unsigned i = 0; i < DEVICES; i++) {
		snprintf(f->records[i].id, sizeof(f->records[i].id), "device-%u", i);
		memset(f->records[i].pin, 'a' + i % 26, DEVICE_PIN_BYTES);
		if (i > 100 && i % 2)
			snprintf(f->records[i].gateway, sizeof(f->records[i].gateway), "device-%u",
				i % 10);
	}
	assert_int_equal(store_add(f->store, f->records, DEVICES, &failed), 0);
	for (unsigned i = 0; i < DEVICES; i++)
		assert_int_equal(registry_add(f->registry, &f->records[i]), 0);
	assert_int_equal(open_table(f), 0);
	assert_false(binding_attached(f->table));
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	stop(f);
	nftw(f->directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	free(f);
	urcu_qsbr_unregister_thread();
	return 0;
}

static struct binding_worker *worker(struct fixture *f, unsigned number)
{
	return binding_worker(f->table, number);
}

static struct job job_of(struct fixture *f, enum job_kind kind, unsigned device, unsigned gateway)
{
	return (struct job){.kind = kind,
		.reason = HEARTH_CLOSED,
		.cookie = device * 1000 + gateway,
		.device = f->records[device].number,
		.serial = f->records[device].serial,
		.gateway = f->records[gateway].number,
		.gateway_serial = f->records[gateway].serial};
}

static void ask(
	struct fixture *f, unsigned from, enum job_kind kind, unsigned device, unsigned gateway)
{
	const struct job job = job_of(f, kind, device, gateway);

	assert_true(binding_ask(worker(f, from), &job));
}

/* The next result that a worker hears; fails when there is none. */
static struct job told(struct fixture *f, unsigned to)
{
	struct job job = {0};

	assert_true(binding_told(worker(f, to), &job));
	return job;
}

static void no_more(struct fixture *f, unsigned to)
{
	struct job job;

	assert_false(binding_told(worker(f, to), &job));
}

/* A whole job, without anybody being on-line. */
static int do_job(struct fixture *f, enum job_kind kind, unsigned device, unsigned gateway)
{
	struct job job;

	ask(f, 0, kind, device, gateway);
	binding_serve(f->table);
	job = told(f, 0);
	assert_int_equal(job.kind, kind);
	assert_int_equal(job.cookie, device * 1000 + gateway);
	return job.result;
}

static uint32_t place_of(struct fixture *f, unsigned device)
{
	return binding_find(f->table, f->records[device].number, f->records[device].serial);
}

static bool bound(struct fixture *f, unsigned device, unsigned gateway)
{
	const uint32_t place = place_of(f, device);

	return place != BINDING_NONE &&
	       binding_is(f->table, place, f->records[gateway].number, f->records[gateway].serial);
}

static void turn_ends(struct fixture *f, unsigned number)
{
	binding_commit(worker(f, number));
	binding_applied(worker(f, number));
}

static void set_online(struct fixture *f, unsigned device, uint32_t entry, uint64_t session)
{
	const struct binding_mark mark = {.session = session, .login = session + 7, .entry = entry};
	const uint32_t place = place_of(f, device);

	assert_int_not_equal(place, BINDING_NONE);
	assert_true(binding_may_mark(worker(f, owner(NULL, entry)), place));
	binding_set_mark(worker(f, owner(NULL, entry)), place, &mark);
	turn_ends(f, owner(NULL, entry));
}

/* Do what a worker does with an order to end an on-line state. */
static void obey(struct fixture *f, unsigned number, unsigned device, enum hearth_reason reason)
{
	struct job order = told(f, number);
	uint32_t place = place_of(f, device);

	assert_int_equal(order.kind, JOB_OFFLINE);
	assert_int_equal(order.reason, reason);
	assert_int_equal(order.device, f->records[device].number);
	assert_true(binding_may_mark(worker(f, number), place));
	binding_set_mark(worker(f, number), place, &(struct binding_mark){0});
	turn_ends(f, number);
}

#define row(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
