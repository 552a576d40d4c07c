/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_registry.c - the device table: loading, lookups, removal under readers */

#include <urcu/urcu-qsbr.h>

#include "registry/registry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fixture {
	char path[64];
	struct store *store;
	struct registry *registry;
	char error[256];
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	snprintf(f->path, sizeof(f->path), "/tmp/hearth-test-XXXXXX");
	if (!mkdtemp(f->path))
		return -1;
	f->store = store_open(f->path, 0, f->error, sizeof(f->error));
	*state = f;
	return f->store ? 0 : -1;
}

static int teardown(void **state)
{
	static const char *const names[] = {"data.mdb", "lock.mdb", "lock"};
	struct fixture *f = *state;
	char file[96];

	registry_free(f->registry);
	store_close(f->store);
	for (unsigned i = 0; i < 3; i++) {
		snprintf(file, sizeof(file), "%s/%s", f->path, names[i]);
		unlink(file);
	}
	rmdir(f->path);
	free(f);
	return 0;
}

/* Every third id is too long to lie in the record; the PIN follows from the number in the id. */
static struct device_record device(unsigned i)
{
	static const unsigned width[] = {24, DEVICE_ID_INLINE, DEVICE_ID_MAX};
	struct device_record record = {0};

	snprintf(record.id, sizeof(record.id), "%0*u", (int)width[i % 3], i);
	for (unsigned j = 0; j < DEVICE_PIN_BYTES; j++)
		record.pin[j] = (char)('!' + (i + j) % 94);
	return record;
}

static void assert_device(struct registry *registry, const struct device_record *record)
{
	const uint32_t length = (uint32_t)strlen(record->id);
	struct device *found = registry_find(registry, record->id, length);

	assert_non_null(found);
	assert_int_equal(found->id_length, length);
	assert_memory_equal(device_id(found), record->id, length);
	assert_memory_equal(registry_pin(registry, found), record->pin, DEVICE_PIN_BYTES);
	assert_int_equal(found->number, record->number);
	assert_int_equal(found->serial, record->serial);
	assert_ptr_equal(registry_at(registry, record->number), found);
	assert_ptr_equal(registry_find_hashed(registry, registry_hash(registry, record->id, length),
				 record->id, length),
		found);
}

static struct device_record *store_some(struct fixture *f, unsigned count)
{
	struct device_record *records = calloc(count, sizeof(*records));
	size_t failed;

	for (unsigned i = 0; i < count; i++)
		records[i] = device(i);
	assert_int_equal(store_add(f->store, records, count, &failed), 0);
	return records;
}

static void load(struct fixture *f, uint32_t devices)
{
	f->registry = registry_load(f->store, devices, false, 4096, f->error, sizeof(f->error));
	if (!f->registry)
		fail_msg("%s", f->error);
}

static void test_load(void **state)
{
	struct fixture *f = *state;
	struct device_record *records = store_some(f, 100000);

	load(f, 100000);
	assert_int_equal(registry_count(f->registry), 100000);
	for (unsigned i = 0; i < 100000; i++)
		assert_device(f->registry, &records[i]);
	const struct device *found = registry_at(f->registry, 5);
	assert_int_equal(found->live, UINT32_MAX);
	assert_int_equal(found->login, UINT32_MAX);
	assert_int_equal(found->last_session, 4096);
	/* 64 a device, 32 its PIN, 4 a bucket, long ids beside */
	const size_t bytes = registry_bytes(f->registry);
	assert_in_range(bytes, 100000 * 96 + 131072 * 4 + 33333 * 64,
		100000 * 96 + 131072 * 4 + 33334 * 64 + 8192);
	free(records);
}

static void test_empty(void **state)
{
	struct fixture *f = *state;

	load(f, 0);
	assert_int_equal(registry_count(f->registry), 0);
	assert_null(registry_at(f->registry, 0));
	assert_null(registry_find(f->registry, "x", 1));
	registry_reclaim(f->registry);
}

static void test_unknown(void **state)
{
	struct fixture *f = *state;
	struct device_record *records = store_some(f, 30);
	char bytes[1000];

	load(f, 64);
	memset(bytes, '0', sizeof(bytes));
	for (uint32_t length = 0; length <= sizeof(bytes); length++)
		if (length != 24 && length != DEVICE_ID_INLINE && length != DEVICE_ID_MAX)
			assert_null(registry_find(f->registry, bytes, length));
	for (unsigned i = 0; i < 30; i++) {
		const uint32_t length = (uint32_t)strlen(records[i].id);

		assert_null(registry_find(f->registry, records[i].id, length - 1));
		for (uint32_t at = 0; at < length; at++) {
			memcpy(bytes, records[i].id, length);
			bytes[at] = '\0';
			assert_null(registry_find(f->registry, bytes, length));
		}
	}
	assert_null(registry_at(f->registry, 30));
	assert_null(registry_at(f->registry, 63));
	assert_null(registry_at(f->registry, 64));
	assert_null(registry_at(f->registry, DEVICE_NONE));
	free(records);
}

static void test_add_remove(void **state)
{
	struct fixture *f = *state;
	struct device_record *records = store_some(f, 12), removed, more = device(100);
	static const uint8_t no_pin[DEVICE_PIN_BYTES];
	const uint8_t *pins[3];
	struct device *olds[3];
	size_t failed;

	load(f, 12);
	assert_int_equal(registry_add(f->registry, &records[4]), -EEXIST);
	more.number = 12;
	assert_int_equal(registry_add(f->registry, &more), -ENOSPC);
	more.number = DEVICE_NONE;
	assert_int_equal(registry_add(f->registry, &more), -ENOSPC);
	more.number = 3;
	assert_int_equal(registry_add(f->registry, &more), -EEXIST); /* another one's number */

	for (unsigned i = 3; i < 6; i++) { /* one of each length */
		struct device *old = olds[i - 3] = registry_at(f->registry, i);

		old->live = 17;
		pins[i - 3] = registry_pin(f->registry, old);
		assert_int_equal(registry_remove(f->registry, records[i].id), 0);
		assert_null(registry_at(f->registry, i));
		assert_null(
			registry_find(f->registry, records[i].id, (uint32_t)strlen(records[i].id)));
		assert_int_equal(registry_remove(f->registry, records[i].id), -ENOENT);
		/* whoever still holds it reads on */
		assert_memory_equal(device_id(old), records[i].id, strlen(records[i].id));
		assert_int_equal(old->number, i);
	}
	assert_int_equal(registry_count(f->registry), 9);
	assert_int_equal(registry_remove(f->registry, "nobody"), -ENOENT);
	registry_reclaim(f->registry);
	assert_null(registry_at(f->registry, 3));
	for (unsigned i = 0; i < 3; i++) {
		static const struct device wiped;

		assert_memory_equal(olds[i], &wiped, sizeof(wiped));
		assert_memory_equal(pins[i], no_pin, sizeof(no_pin));
	}

	/* the number is given again, at once, to another id */
	assert_int_equal(store_remove(f->store, records[7].id, &removed), 0);
	assert_int_equal(registry_remove(f->registry, records[7].id), 0);
	assert_int_equal(store_add(f->store, &more, 1, &failed), 0);
	assert_int_equal(more.number, 7);
	assert_int_equal(registry_add(f->registry, &more), 0);
	assert_device(f->registry, &more);
	assert_true(more.serial > removed.serial);
	assert_int_equal(registry_at(f->registry, 7)->live, UINT32_MAX);
	/* and the same device comes back */
	assert_int_equal(registry_add(f->registry, &records[4]), 0);
	assert_device(f->registry, &records[4]);
	/* after sessions that it had: their numbers are not given again */
	registry_at(f->registry, 4)->last_session = 5000;
	assert_int_equal(registry_remove(f->registry, records[4].id), 0);
	registry_reclaim(f->registry);
	assert_int_equal(registry_add(f->registry, &records[4]), 0);
	assert_int_equal(registry_at(f->registry, 4)->last_session, 5000);
	assert_int_equal(registry_count(f->registry), 10);
	free(records);
}

/* Staged devices have their places, and nobody finds them before they are published. */
static void test_stage(void **state)
{
	struct fixture *f = *state;
	struct device_record *records = store_some(f, 10), more[30];

	load(f, 40);
	for (unsigned i = 0; i < 30; i++) {
		more[i] = device(100 + i);
		more[i].number = 10 + i;
		more[i].serial = 11 + i;
		assert_int_equal(registry_stage(f->registry, &more[i]), 0);
		assert_int_equal(registry_stage(f->registry, &more[i]), -EEXIST);
	}
	records[0].number = 40;
	assert_int_equal(registry_stage(f->registry, &records[0]), -ENOSPC);
	records[0].number = 0;
	assert_int_equal(registry_count(f->registry), 10);
	for (unsigned i = 0; i < 30; i++) {
		assert_null(registry_at(f->registry, 10 + i));
		assert_null(registry_find(f->registry, more[i].id, (uint32_t)strlen(more[i].id)));
	}
	/* undone, nothing is left of them: not a PIN, not the memory of a long id */
	const size_t bytes = registry_bytes(f->registry);
	registry_unstage(f->registry);
	assert_true(registry_bytes(f->registry) < bytes);
	registry_publish(f->registry);
	assert_int_equal(registry_count(f->registry), 10);
	for (unsigned i = 0; i < 30; i++) {
		assert_int_equal(registry_stage(f->registry, &more[i]), 0);
		assert_null(registry_at(f->registry, 10 + i));
	}
	registry_publish(f->registry);
	assert_int_equal(registry_count(f->registry), 40);
	for (unsigned i = 0; i < 30; i++)
		assert_device(f->registry, &more[i]);
	for (unsigned i = 0; i < 10; i++)
		assert_device(f->registry, &records[i]);
	registry_unstage(f->registry); /* none is staged */
	assert_int_equal(registry_count(f->registry), 40);
	free(records);
}

/* More removals than are collected: they wait for their grace period in between. */
static void test_remove_all(void **state)
{
	struct fixture *f = *state;
	struct device_record *records = store_some(f, 5000);

	load(f, 5000);
	const size_t bytes = registry_bytes(f->registry);
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < 5000; i++)
			assert_int_equal(registry_remove(f->registry, records[i].id), 0);
		assert_int_equal(registry_count(f->registry), 0);
		for (unsigned i = 0; i < 5000; i++)
			assert_int_equal(registry_add(f->registry, &records[i]), 0);
	}
	assert_int_equal(registry_bytes(f->registry), bytes);
	for (unsigned i = 0; i < 5000; i++)
		assert_device(f->registry, &records[i]);
	free(records);
}

static void test_load_refused(void **state)
{
	struct fixture *f = *state;

	free(store_some(f, 20));
	assert_null(registry_load(f->store, 19, false, 0, f->error, sizeof(f->error)));
	assert_int_equal(errno, ENOSPC);
	assert_non_null(strstr(f->error, "limits.devices"));
	assert_null(registry_load(f->store, UINT32_MAX, false, 0, f->error, sizeof(f->error)));
	load(f, 20);
}

/*
 * Readers look devices up by id and by number, and read what they found until their quiescent
 * state, while the writer removes, reclaims and adds under the same numbers.
 */
#define STRESS_DEVICES 48

struct reader {
	pthread_t thread;
	struct registry *registry;
	unsigned seed;
	uint64_t found, missed;
	bool wrong;
};

static bool stop;

static bool reads_whole(const struct registry *registry, const struct device *found,
	const struct device_record *expected)
{
	const size_t length = strlen(expected->id);

	return found->id_length == length && memcmp(device_id(found), expected->id, length) == 0 &&
	       memcmp(registry_pin(registry, found), expected->pin, DEVICE_PIN_BYTES) == 0 &&
	       found->number == expected->number;
}

static void *read_along(void *context)
{
	struct reader *reader = context;

	urcu_qsbr_register_thread();
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		for (unsigned i = 0; i < 16; i++) {
			const unsigned number = (unsigned)rand_r(&reader->seed) % STRESS_DEVICES;
			struct device_record expected = device(number);
			const struct device *by_id, *by_number;

			expected.number = number;
			by_id = registry_find(
				reader->registry, expected.id, (uint32_t)strlen(expected.id));
			by_number = registry_at(reader->registry, number);
			sched_yield();
			if (by_id)
				reader->wrong |= !reads_whole(reader->registry, by_id, &expected);
			if (by_number)
				reader->wrong |=
					!reads_whole(reader->registry, by_number, &expected);
			if (by_id)
				__atomic_fetch_add(&reader->found, 1, __ATOMIC_RELAXED);
			else
				__atomic_fetch_add(&reader->missed, 1, __ATOMIC_RELAXED);
		}
		urcu_qsbr_quiescent_state();
	}
	urcu_qsbr_unregister_thread();
	return NULL;
}

/* Both have met devices that were there and devices that were not. */
static bool seen_enough(struct reader readers[2])
{
	for (unsigned i = 0; i < 2; i++)
		if (__atomic_load_n(&readers[i].found, __ATOMIC_RELAXED) < 5000 ||
			__atomic_load_n(&readers[i].missed, __ATOMIC_RELAXED) < 500)
			return false;
	return true;
}

static void test_removal_under_readers(void **state)
{
	struct fixture *f = *state;
	struct device_record *records = store_some(f, STRESS_DEVICES);
	struct reader readers[2];
	unsigned seed = 1;

	load(f, STRESS_DEVICES);
	__atomic_store_n(&stop, false, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < 2; i++) {
		readers[i] = (struct reader){.registry = f->registry, .seed = i + 10};
		assert_int_equal(
			pthread_create(&readers[i].thread, NULL, read_along, &readers[i]), 0);
	}
	for (unsigned round = 0; round < 4000 || !seen_enough(readers); round++) {
		const unsigned i = (unsigned)rand_r(&seed) % STRESS_DEVICES;

		if (registry_at(f->registry, i))
			assert_int_equal(registry_remove(f->registry, records[i].id), 0);
		else
			assert_int_equal(registry_add(f->registry, &records[i]), 0);
		if (round % 64 == 0)
			registry_reclaim(f->registry);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	urcu_qsbr_thread_offline();
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(pthread_join(readers[i].thread, NULL), 0);
		assert_false(readers[i].wrong);
	}
	urcu_qsbr_thread_online();
	free(records);
}

#define row(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		row(test_load),
		row(test_empty),
		row(test_unknown),
		row(test_add_remove),
		row(test_stage),
		row(test_remove_all),
		row(test_load_refused),
		row(test_removal_under_readers),
	};
	int failed;

	urcu_qsbr_register_thread();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	urcu_qsbr_unregister_thread();
	return failed;
}
