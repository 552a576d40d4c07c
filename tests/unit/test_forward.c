/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026, the Hearth authors */
/* test_forward.c - frames between workers: whole, in order, once each, none kept waiting */
#include "forward.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static bool put(struct forward *forward, unsigned from, unsigned to, uint32_t number)
{
	struct forward_slot *slot = forward_put(forward, from, to);

	if (!slot)
		return false;
	slot->length = (uint16_t)(4 + number % (LINK_FRAME_MAX - 3));
	slot->flags = (uint16_t)(number & (FRAME_L3_GOOD | FRAME_L4_GOOD));
	slot->link = (uint8_t)from;
	slot->kind = (uint8_t)(number % 3);
	memcpy(slot->data, &number, sizeof(number));
	memset(slot->data + 4, (int)(number & 0xff), slot->length - 4u);
	forward_sent(forward, from, to);
	return true;
}

/* Everything about a slot follows from its number. */
static void check(const struct forward_slot *slot, uint32_t number)
{
	uint32_t found;

	memcpy(&found, slot->data, sizeof(found));
	assert_int_equal(found, number);
	assert_int_equal(slot->length, 4 + number % (LINK_FRAME_MAX - 3));
	assert_int_equal(slot->flags, number & (FRAME_L3_GOOD | FRAME_L4_GOOD));
	assert_int_equal(slot->kind, number % 3);
	for (unsigned i = 4; i < slot->length; i++)
		assert_int_equal(slot->data[i], number & 0xff);
}

static void test_a_full_ring_refuses_and_takes_again(void **state)
{
	struct forward *forward = forward_new(2, false);
	const struct forward_slot *slots[FORWARD_SLOTS_MAX + 1];
	unsigned room = forward_slots(forward);

	for (unsigned round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < room; i++)
			assert_true(put(forward, 0, 1, round * 7 + i));
		assert_null(forward_put(forward, 0, 1));
		assert_true(put(forward, 1, 0, 5)); /* the other way has a ring of its own */
		assert_int_equal(forward_take(forward, 1, slots, room + 1), room);
		assert_null(forward_put(forward, 0, 1)); /* taken is not released */
		for (uint32_t i = 0; i < room; i++)
			check(slots[i], round * 7 + i);
		forward_release(forward, 1);
		assert_int_equal(forward_take(forward, 1, slots, 1), 0);
		assert_int_equal(forward_take(forward, 0, slots, 1), 1);
		check(slots[0], 5);
		forward_release(forward, 0);
	}
	forward_free(forward);
}

/* One that was not sent is not seen, and is given out again. */
static void test_a_slot_is_nobodys_until_it_is_sent(void **state)
{
	struct forward *forward = forward_new(3, false);
	const struct forward_slot *slots[4];
	struct forward_slot *slot = forward_put(forward, 2, 0);

	assert_non_null(slot);
	assert_int_equal(forward_take(forward, 0, slots, 4), 0);
	assert_ptr_equal(forward_put(forward, 2, 0), slot);
	assert_true(put(forward, 2, 0, 9));
	assert_int_equal(forward_take(forward, 0, slots, 4), 1);
	assert_ptr_equal(slots[0], slot);
	forward_release(forward, 0);
	forward_free(forward);
}

/* One sender fills its ring without end: the others are served all the same. */
static void test_nobody_waits_longer_than_a_turn_of_each(void **state)
{
	struct forward *forward = forward_new(4, false);
	const struct forward_slot *slots[8];
	unsigned served = 0;

	assert_true(put(forward, 2, 3, 1));
	for (unsigned turn = 0; turn < 4; turn++) {
		unsigned count;

		while (put(forward, 0, 3, 2))
			;
		count = forward_take(forward, 3, slots, 8);
		assert_int_equal(count, 8);
		for (unsigned i = 0; i < count; i++)
			served += slots[i]->link == 2;
		forward_release(forward, 3);
	}
	assert_int_equal(served, 1);
	forward_free(forward);
}

static void test_memory_is_what_it_says(void **state)
{
	assert_int_equal(forward_bytes(1), 0);
	assert_true(forward_bytes(2) < 4u << 20);
	assert_null(forward_new(1, false));
	assert_int_equal(errno, EINVAL);
	assert_null(forward_new(65, false));
	for (unsigned workers = 2; workers <= 64; workers *= 2) {
		struct forward *forward = forward_new(workers, false);

		assert_non_null(forward);
		assert_in_range(forward_slots(forward), FORWARD_SLOTS_MIN, FORWARD_SLOTS_MAX);
		assert_true(put(forward, workers - 1, 0, 1));
		assert_true(put(forward, 0, workers - 1, 1));
		forward_free(forward);
	}
}

/* ---- threads ---- */

#define THREADS 3
#define FRAMES 60000

struct side {
	struct forward *forward;
	unsigned worker;
	uint64_t received;
};

/* Sends numbered frames to all others and takes theirs, until all is through. */
static void *work(void *argument)
{
	struct side *side = argument;
	uint32_t sent[THREADS] = {0}, got[THREADS] = {0};
	bool done = false;

	while (!done) {
		const struct forward_slot *slots[16];
		unsigned count;

		done = true;
		for (unsigned to = 0; to < THREADS; to++) {
			if (to == side->worker)
				continue;
			while (sent[to] < FRAMES && put(side->forward, side->worker, to, sent[to]))
				sent[to]++;
			done &= sent[to] == FRAMES;
		}
		count = forward_take(side->forward, side->worker, slots, 16);
		for (unsigned i = 0; i < count; i++)
			check(slots[i], got[slots[i]->link]++);
		forward_release(side->forward, side->worker);
		side->received += count;
		done &= side->received == (THREADS - 1) * FRAMES;
		if (!count)
			sched_yield();
	}
	return NULL;
}

static void test_threads_see_every_frame_once_and_in_order(void **state)
{
	struct forward *forward = forward_new(THREADS, false);
	struct side sides[THREADS];
	pthread_t threads[THREADS];

	for (unsigned i = 0; i < THREADS; i++) {
		sides[i] = (struct side){.forward = forward, .worker = i};
		assert_int_equal(pthread_create(&threads[i], NULL, work, &sides[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(sides[i].received, (THREADS - 1) * FRAMES);
	}
	forward_free(forward);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_full_ring_refuses_and_takes_again),
		cmocka_unit_test(test_a_slot_is_nobodys_until_it_is_sent),
		cmocka_unit_test(test_nobody_waits_longer_than_a_turn_of_each),
		cmocka_unit_test(test_memory_is_what_it_says),
		cmocka_unit_test(test_threads_see_every_frame_once_and_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
